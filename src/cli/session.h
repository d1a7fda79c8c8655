/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * @brief A target, opened as the options say, and its usage shown: what every live verb shares.
 */
#ifndef PLIM_CLI_SESSION_H
#define PLIM_CLI_SESSION_H
#include "cli/cli.h"

/** Opens the target of an address; with -v says what was found. */
plim_status plim__session_open(plim__cli *cli, const char *address, plim_target **out_target,
                               plim_error *err);

/** plim_target_close(); after a stop it may take a while, and says so. */
void plim__session_close(plim__cli *cli, plim_target **target);

/** The options every target is opened with. */
plim_target_options plim__session_options(const plim__cli *cli);

/** Members runtime, version, title, address, pid, worker of the object that is open. */
void plim__session_emit(plim__cli *cli, const plim_target *target);

/** Members used_bytes, total_bytes and the rest; null for what is not known. */
void plim__session_emit_usage(plim__cli *cli, const plim_usage *usage);

/** Member "remark": what the last call's result leaves out; null where there is nothing to say. */
void plim__session_emit_remark(plim__cli *cli, const plim_target *target);

/** The same for people, on standard error. */
void plim__session_show_remark(plim__cli *cli, const plim_target *target);

/** One line for people: runtime, version, title, pid, address. */
void plim__session_show(plim__cli *cli, const plim_target *target);

/**
 * A name for files of a target: NAME-PID-STAMP, of letters that need no quoting. kind is the
 * ending, with its dot.
 */
void plim__session_file_name(plim__draft *out_name, const plim_target *target, const char *kind);

/** Says once that figures of this target's memory come of code that is evaluated in it. */
void plim__session_announce(plim__cli *cli, const plim_target *target);

#endif

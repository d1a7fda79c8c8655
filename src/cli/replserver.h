/* SPDX-License-Identifier: MIT */
/**
 * @file replserver.h
 * @brief C sessions for other programs: one JSON object a line, over a socket of this machine.
 */
#ifndef PLIM_CLI_REPLSERVER_H
#define PLIM_CLI_REPLSERVER_H
#include <plimsoll/repl.h>

#include "cli/cli.h"

/** Listens at unix:/path or HOST:PORT (loopback) until a stop is asked for. Sessions are opened
    with those options, where their client says nothing else. */
plim_status plim__repl_listen(plim__cli *cli, const char *where, const plim_repl_options *options,
                              plim_error *err);

#endif

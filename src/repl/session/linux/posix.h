/* SPDX-License-Identifier: MIT */
/** @file posix.h @brief What the files of the machine know of each other. */
#ifndef PLIM_REPL_POSIX_H
#define PLIM_REPL_POSIX_H
#include "repl/session/machine.h"

/** Files, mappings, journal. */
plim_status plim__memory_open(plim__machine *machine, plim_error *err);
void plim__memory_close(plim__machine *machine);

/** Memory of the active worker; false: nothing is there. */
bool plim__worker_read(const plim__machine *machine, uint64_t address, void *out, size_t bytes);

/** Starts the template, with all libraries that were linked; refused if one lies elsewhere now. */
plim_status plim__template_start(plim__machine *machine, plim_error *err);

/** Ends it and its workers. */
void plim__template_stop(plim__machine *machine);

/** Asks the template and waits for its answer, in *message. GONE: it has ended, or is silent. */
plim_status plim__template_ask(plim__machine *machine, plim__wire *message, int with,
                               plim_error *err);

/** Forks a worker. */
plim_status plim__template_fork(plim__machine *machine, plim__runner *out_runner, plim_error *err);

/** How a worker ended, as wait(2) says it; -1: unknown after wait_ms. */
int plim__template_status(plim__machine *machine, int64_t pid, int wait_ms);

/** Kills a worker and all of its session; does not wait. */
void plim__runner_kill(plim__runner *runner);

/** Sends one message; false: nobody takes it. */
bool plim__wire_send(int socket, plim__wire *message);

/** What the worker has beside the session's memory. False: it is gone. */
bool plim__held_read(int64_t pid, int own_socket, plim__held *out_held);

/** Clauses for what of it a new worker has not. */
size_t plim__held_lost(const plim__held *base, const plim__held *held,
                       char lost[][PLIM__MACHINE_CLAUSE], size_t max);

/** Finds where the libraries that the template has loaded keep their variables. */
void plim__state_find(plim__machine *machine);

/** Notes which of them the active worker has written to. */
void plim__state_look(plim__machine *machine);

/** Adds clauses for what of it goes with the active worker; how many there are then. */
size_t plim__state_lost(const plim__machine *machine, char lost[][PLIM__MACHINE_CLAUSE],
                        size_t count, size_t max);

/** Bytes of a process's own memory; 0: it is gone. */
uint64_t plim__own_bytes(int64_t pid);

/** Whether all of its threads stand still. */
bool plim__is_stopped(int64_t pid);

/** Makes the heap, as the first transaction, and looks what a fresh worker has. */
plim_status plim__machine_begin(plim__machine *machine, plim_error *err);

/** Threads of a process; 0: it is gone. */
uint32_t plim__thread_count(int64_t pid);

#endif

/* SPDX-License-Identifier: MIT */
/** @file worker.h @brief What the files of plim-repl-worker know of each other. */
#ifndef PLIM_REPL_WORKER_H
#define PLIM_REPL_WORKER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repl/heap/heap.h"
#include "repl/session/wire.h"

/** The entry that runs in this process; 0: none does. Its heap, once there is one. */
extern volatile uint64_t plim__worker_entry;
extern const plim__heap_table *plim__worker_heap;

/** Becomes a worker: serves the socket until it ends. Does not return. */
_Noreturn void plim__worker_main(int socket, plim__words *words, uint64_t private_bytes);

/** From here on signals that end the process write the words first. */
void plim__words_catch(plim__words *words);

/** Where this worker's words are written; NULL: it is none yet. */
plim__words *plim__words_own(void);

/** Writes the words with the caller's registers; tells the owner, and waits for its GO if
    `has_more` comes after it, else for ever. */
void plim__words_leave(plim__words_kind kind, int32_t code, const void *address, uint64_t requested,
                       const char *text, bool has_more);

/** Writes that the socket is closed, and ends. */
_Noreturn void plim__words_closed(void);

/** This process is the worker, and this its line to the owner. */
void plim__worker_begin(int socket);
int plim__worker_socket(void);

/** An entry begins. */
void plim__worker_take(uint64_t entry);

/** The one that has begun last. */
uint64_t plim__worker_taken(void);

/** Tells the owner that the words are written. Also in signal handlers. */
void plim__worker_tell_ending(void);

/** Whether this process is the worker, and not a child that the entry has forked. */
bool plim__worker_is_me(void);

/** Waits for the owner's GO; for ever if it does not come. */
void plim__worker_await_go(void);

/** No thread of the process gets at the heap from here on, but for the caller. */
void plim__heap_hold(void);
void plim__heap_release(void);

/** What the entry's standard output holds and has not written yet goes out. In signal handlers. */
void plim__worker_flush_raw(void);

#endif

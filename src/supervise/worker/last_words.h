/* SPDX-License-Identifier: MIT */
/**
 * @file last_words.h
 * @brief Memory of the supervisor's into which a worker writes what shall be known of its end.
 *
 * The worker writes, the supervisor reads once it is dead, and trusts nothing of it.
 */
#ifndef PLIM_SUPERVISE_WORKER_LAST_WORDS_H
#define PLIM_SUPERVISE_WORKER_LAST_WORDS_H
#include <plimsoll/worker.h>

#include "base/limits.h"
#include "platform/crash.h"

/** How a worker that was started here finds its supervisor. */
#define PLIM__WORKER_DESCRIPTOR "PLIM_WORKER_DESCRIPTOR"
#define PLIM__WORKER_PAGE       "PLIM_WORKER_PAGE"
#define PLIM__WORKER_ADDRESS    "PLIM_WORKER_ADDRESS"

enum { PLIM__WORDS_MAGIC = 0x57524c50, PLIM__WORDS_VERSION = 1 };

/** One per worker and life; all zero but magic and version to start with. Fixed layout. */
typedef struct plim__last_words {
    uint32_t magic, version;   /* the supervisor's: a worker of another version keeps off */
    _Atomic uint64_t taken_id; /* of the last request whose work was begun; 0: none ever was */
    char text[PLIM_WORKER_WORDS_BYTES]; /* by plim_worker_last_words() */
    plim__crash_record crash;
} plim__last_words;

_Static_assert(sizeof(_Atomic uint64_t) == 8, "the page has one layout");

/** What is known of a worker's end, made fit for people. */
typedef struct plim__words_told {
    bool is_there; /* it crashed, and could write */
    int signal;
    uint64_t address, instruction;
    uint64_t frames[PLIM__CRASH_FRAMES];
    uint32_t frame_count;
    char text[PLIM_WORKER_WORDS_BYTES]; /* of the worker's own; printable */
    char sentence[384];                 /* "segmentation fault (SIGSEGV) at 0x8, in app+0x1139" */
    char trace[1536];                   /* "app+0x1139 < app+0x11c2 < libc.so.6+0x2724a" */
} plim__words_told;

/** Makes a page what a new worker may write to. */
void plim__words_prepare(plim__last_words *page);

/** Reads a page whose writer is dead. Pre: nobody writes it any more; what stands in it may be
    anything. copy is scratch space. */
void plim__words_read(const plim__last_words *page, plim__last_words *copy,
                      plim__words_told *out_told);

#endif

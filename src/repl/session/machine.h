/* SPDX-License-Identifier: MIT */
/**
 * @file machine.h
 * @brief A session without names: memory, a template process, workers; one unit, one transaction.
 *
 * What a unit's text was, what its symbols are called and what they are for is repl.c's. Here are
 * bytes at addresses, a function to call, and what became of it.
 */
#ifndef PLIM_REPL_MACHINE_H
#define PLIM_REPL_MACHINE_H
#include <plimsoll/draft.h>
#include <plimsoll/repl.h>

#include "repl/heap/heap.h"
#include "repl/session/wire.h"

enum {
    PLIM__MACHINE_HELD_MAX = 64,  /* descriptors that are listed of one worker */
    PLIM__MACHINE_LOST_MAX = 16,  /* clauses of what was lost */
    PLIM__MACHINE_CLAUSE = 160,   /* bytes of one */
    PLIM__MACHINE_LIBRARIES = 32, /* linked ones */
    PLIM__MACHINE_STATES = 64,    /* ranges of libraries' own variables */
    PLIM__MACHINE_PATH = 512
};

/** A process that runs entries. */
typedef struct plim__runner {
    int64_t pid; /* 0: none */
    int socket;  /* -1 */
    int process; /* its pidfd, for a number may be another's by now; -1 */
    uint32_t slot;
    bool is_moved; /* it was told where the last one stood */
} plim__runner;

/** What a worker has that the session's memory does not hold; as of the last adoption. */
typedef struct plim__held {
    uint32_t count;
    struct {
        int number;
        char what[96];
    } descriptors[PLIM__MACHINE_HELD_MAX];
    uint32_t more; /* descriptors beyond those */
    uint32_t threads, children;
    uint64_t caught; /* signals that it handles itself */
    uint32_t mask;   /* umask */
    char folder[PLIM__MACHINE_PATH];
} plim__held;

/** A library that the template has loaded. */
typedef struct plim__linked {
    char name[PLIM__MACHINE_PATH]; /* as asked for */
    char path[PLIM__MACHINE_PATH];
    uint64_t base;
} plim__linked;

/** Where a library keeps variables of its own. */
typedef struct plim__state {
    uint64_t from, to;
    char library[64];
} plim__state;

typedef struct plim__machine {
    plim_repl_options options; /* with the defaults filled in; strings borrowed of repl.c */
    char libexec[PLIM__MACHINE_PATH];
    /* memory */
    int memory, reader, log, words_file;
    unsigned char *shared; /* code, variables, heap: the truth */
    uint64_t shared_bytes, heap_bytes, total_bytes;
    void *log_memory;
    plim_journal *journal;
    plim__words *words;
    uint64_t heap_table; /* its address in workers */
    /* processes */
    int64_t template_pid;
    int template_socket;
    bool is_fixed; /* its addresses are not randomized */
    plim__runner active, spare;
    uint32_t next_slot, started;
    uint32_t failures; /* workers in a row that never came to be */
    int64_t dead_pid[PLIM__WORDS_SLOTS];
    int dead_status[PLIM__WORDS_SLOTS];
    plim__linked libraries[PLIM__MACHINE_LIBRARIES];
    uint32_t library_count;
    /* streams: what it writes and how it is stopped */
    int output[2], output_far[2], stop;
    uint64_t output_count, output_dropped;
    /* figures and what is held */
    plim__held base, held;
    uint64_t heap_used, heap_blocks, heap_high;
    bool is_stale; /* those figures: something was taken back */
    plim__state states[PLIM__MACHINE_STATES];
    uint32_t state_count;
    uint64_t states_written; /* a bit each, by the active worker */
} plim__machine;

/** A piece of a unit, for the machine. */
typedef struct plim__piece {
    uint64_t address, bytes, file_bytes;
    const void *data;
    bool is_slot;
} plim__piece;

/** One unit to be taken over and run. */
typedef struct plim__job {
    uint64_t number;
    const plim__piece *pieces;
    size_t piece_count;
    uint64_t entry; /* 0: nothing to call */
} plim__job;

/** How it ended, with what is known of a worker that stands still: to be looked at, then
    plim__machine_bury(). */
typedef struct plim__verdict {
    plim_repl_end end;
    plim__words words; /* kind NONE: it said nothing */
    int status;        /* as wait(2) gives it, -1: unknown */
    bool is_standing;  /* the process can be looked at */
    bool is_broken;    /* it closed or spoiled its channel */
    uint64_t written_bytes;
    uint64_t used_bytes; /* MEMORY: what it had taken */
    char text[PLIM__WORDS_TEXT];
    plim_repl_times times;
} plim__verdict;

/** Before all else: nothing is open, options as given. */
void plim__machine_init(plim__machine *machine, const plim_repl_options *options);

/** Stops the entry that runs. In signal handlers and other threads. */
void plim__machine_stop(const plim__machine *machine);

/** The spare is no good any more. */
void plim__machine_drop_spare(plim__machine *machine);

/** Memory, template, workers, an empty heap as the first transaction, which cannot be undone. */
plim_status plim__machine_open(plim__machine *machine, plim_error *err);

/** Ends all of it; also what open left half done. */
void plim__machine_close(plim__machine *machine);

/** Runs a job. Post: PLIM_OK and a verdict; unless that is OK the truth is as it was, and the
    worker stands still or is gone. */
plim_status plim__machine_run(plim__machine *machine, const plim__job *job,
                              plim__verdict *out_verdict, plim_error *err);

/** Gives way to the spare, which takes over; the old one is killed. Clauses of what was lost. */
plim_status plim__machine_bury(plim__machine *machine, char lost[][PLIM__MACHINE_CLAUSE],
                               size_t *out_count, plim_error *err);

/** Sees to it that an active worker and a spare are there. UNREACHABLE: again and again not. */
plim_status plim__machine_ready(plim__machine *machine, plim_error *err);

/** The session is as it was before the last `count` transactions. The worker is buried by the
    caller. */
plim_status plim__machine_undo(plim__machine *machine, uint32_t count, plim_error *err);

/** How many can be undone. */
uint32_t plim__machine_kept(const plim__machine *machine);

/** The truth at an address of the session; NULL outside of it. */
void *plim__machine_at(const plim__machine *machine, uint64_t address, uint64_t bytes);

/** Memory of the session, else of the active worker. NOT_FOUND: nothing is there. */
plim_status plim__machine_read(const plim__machine *machine, uint64_t address, void *out,
                               size_t bytes);

/** Where a name of a library is; false: nowhere, or it is a thread's own. */
bool plim__machine_resolve(plim__machine *machine, const char *name, uint64_t *out_address);

/** Loads a library in the template. The workers are replaced by the caller. */
plim_status plim__machine_link(plim__machine *machine, const char *name, plim_error *err);

/** Live blocks of the heap. */
plim_status plim__machine_blocks(plim__machine *machine, plim_repl_block *blocks, size_t max,
                                 size_t *out_count, plim_error *err);

/** Bytes of memory behind the session, and behind its log. */
void plim__machine_held_bytes(const plim__machine *machine, uint64_t *out_memory,
                              uint64_t *out_log);

/** Microseconds of a clock that only goes on. */
uint64_t plim__machine_now(void);

#endif

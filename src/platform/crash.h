/* SPDX-License-Identifier: MIT */
/**
 * @file crash.h
 * @brief Contract: a record of how this process dies by its own fault, in memory of others.
 *
 * The record lies in memory that another process holds too, so it outlives this one. It is written
 * by a handler on a stack of its own, with nothing but what a signal handler may use; then the
 * signal takes its way as if nobody had listened. The reader trusts nothing in it: it copies it
 * first, and bounds every count.
 */
#ifndef PLIM_PLATFORM_CRASH_H
#define PLIM_PLATFORM_CRASH_H
#include <stdbool.h>
#include <stdint.h>

enum {
    PLIM__CRASH_FRAMES = 64,
    PLIM__CRASH_REGISTERS = 34,
    PLIM__CRASH_MODULES = 32,
    PLIM__CRASH_PATH_BYTES = 128,
    PLIM__CRASH_NONE = 0,    /* states */
    PLIM__CRASH_BEGUN = 1,   /* signal, address and registers are there */
    PLIM__CRASH_COMPLETE = 2 /* the frames too */
};

/** A program or shared object as it was loaded. */
typedef struct plim__crash_module {
    uint64_t start, end;               /* of its code and data in memory */
    uint64_t bias;                     /* an address less this is the address in the file */
    char path[PLIM__CRASH_PATH_BYTES]; /* its end, where it is longer */
} plim__crash_module;

/** Fixed layout: no pointers of anybody. All zero: nothing has happened. */
typedef struct plim__crash_record {
    _Atomic uint32_t state;
    int32_t signal, code;
    uint32_t register_count;
    uint64_t address; /* that could not be reached, where the signal has one */
    uint64_t instruction, stack;
    int64_t thread;
    uint64_t registers[PLIM__CRASH_REGISTERS];
    uint64_t frames[PLIM__CRASH_FRAMES]; /* return addresses, innermost first */
    uint32_t frame_count;
    uint32_t module_count; /* written by install: what was loaded by then */
    plim__crash_module modules[PLIM__CRASH_MODULES];
} plim__crash_record;

_Static_assert(sizeof(_Atomic uint32_t) == 4, "the record has one layout");

/** From now on a crash of this process is written there. Once per process; false: the system
    refuses. Signals that somebody handles already stay his. */
bool plim__crash_install(plim__crash_record *record);

/** Ends it: what is handled by us goes back to the system. */
void plim__crash_remove(void);

/** From now on being asked to end (SIGTERM) only interrupts what waits, and is noted; false:
    somebody handles it already. */
bool plim__end_watch(void);

/** Whether it was, since then. */
bool plim__end_is_asked(void);

/** Being asked to end ends again. */
void plim__end_unwatch(void);

/** The signal's name and what it stands for: "SIGSEGV", "segmentation fault"; never NULL. */
const char *plim__signal_name(int signal_number);
const char *plim__signal_text(int signal_number);

/** Whether the signal tells of an address that could not be reached. */
bool plim__signal_has_address(int signal_number);

#endif

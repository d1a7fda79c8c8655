/* SPDX-License-Identifier: MIT */
/**
 * @file layout.h
 * @brief Where a session's memory lies, in its file and in every worker: the same in all, for ever.
 *
 * One file: code, then variables, then the heap. An address is BASE plus the offset in the file.
 * Workers map code to read and run, and the rest privately. heap/unit.ld has the same numbers.
 */
#ifndef PLIM_REPL_LAYOUT_H
#define PLIM_REPL_LAYOUT_H
#include <stdint.h>

/* Far from where Linux puts programs, libraries, stacks and what they map, up to 47 bits. */
#define PLIM__SESSION_BASE UINT64_C(0x300000000000)

/* 1 GiB each, so that code reaches variables by 32-bit displacements (the small code model). */
#define PLIM__SESSION_CODE       PLIM__SESSION_BASE
#define PLIM__SESSION_CODE_BYTES (UINT64_C(1) << 30)
#define PLIM__SESSION_DATA       (PLIM__SESSION_CODE + PLIM__SESSION_CODE_BYTES)
#define PLIM__SESSION_DATA_BYTES (UINT64_C(1) << 30)
#define PLIM__SESSION_HEAP       (PLIM__SESSION_DATA + PLIM__SESSION_DATA_BYTES)

/* The first of code and of variables: the heap's own (heap/heap.c), linked with the library. */
#define PLIM__SESSION_OWN_BYTES (UINT64_C(1) << 20)

/* Of that code, the second half: a jump each to functions that compilers call directly, wherever
   they are (session/linux/near.c). */
#define PLIM__SESSION_NEAR       (PLIM__SESSION_CODE + PLIM__SESSION_OWN_BYTES / 2)
#define PLIM__SESSION_NEAR_BYTES (PLIM__SESSION_OWN_BYTES / 2)

/* The heap's address space for a budget: the blocks, the slack of slabs, and tables. */
static inline uint64_t plim__session_heap_bytes(uint64_t budget_bytes)
{
    uint64_t bytes = budget_bytes + budget_bytes / 2 + (UINT64_C(64) << 20);
    return (bytes + 4095) & ~UINT64_C(4095);
}

#endif

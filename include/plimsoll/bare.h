/* SPDX-License-Identifier: MIT */
/**
 * @file bare.h
 * @brief What a program without an operating system tells Plimsoll about its machine.
 *
 * In a bare build (`meson setup -Dbare=true`) the library needs nothing but memcpy, memmove, memset
 * and memcmp; managers stand on storage of yours (PLIM_BACKING_FIXED). There is one thread. If
 * interrupt handlers use the same managers, give the two hooks that hold interrupts back: they
 * are called around the slow path, never around the fast one, which refuses a handler that
 * interrupts it instead (PLIM_REFUSAL_REENTERED).
 * Thread-safety: called once, at start, before any other call.
 */
#ifndef PLIM_BARE_H
#define PLIM_BARE_H
#include <plimsoll/status.h>

#include <stdint.h>
PLIM_DECLS_BEGIN

/** All zero is one thread, no handlers that allocate, and a trap on a fault of the program. */
typedef struct plim_bare_hooks {
    /** Told of a fault of the program (or of ours), all strings in static storage; should not
        return. If it does, or is NULL, the processor traps. */
    void (*failed)(const char *file, int line, const char *text);
    uint32_t (*mask)(void);         /**< holds interrupts back; gives what unmask() is to restore */
    void (*unmask)(uint32_t state); /**< as they were; both or none of the two */
} plim_bare_hooks;

/**
 * @brief     Tells the library about the machine.
 * @param[in] hooks  copied; NULL: none.
 * @note      Threads: before all else. Bare builds only.
 */
PLIM_API void plim_bare_hooks_set(const plim_bare_hooks *hooks);

PLIM_DECLS_END
#endif

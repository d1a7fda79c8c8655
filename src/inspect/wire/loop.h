/* SPDX-License-Identifier: MIT */
/**
 * @file loop.h
 * @brief One libuv loop that a blocking call drives until something is done, late, or not wanted.
 *
 * All of inspect runs on the loop of its target; no callback ever calls plim__loop_wait() (there
 * is one wait at a time, checked). A stop request (plim_interrupt) ends exactly one wait: it is
 * acknowledged by the PLIM_ERR_INTERRUPTED it causes, so that the calls that leave the target as
 * it was still work after the first Ctrl-C, and the second one ends those too.
 * Thread-safety: one thread at a time; plim__loop_wake() from any.
 */
#ifndef PLIM_INSPECT_WIRE_LOOP_H
#define PLIM_INSPECT_WIRE_LOOP_H
#include <plimsoll/target.h>

typedef struct uv_loop_s uv_loop_t; /* <uv.h> only where handles are: it wants POSIX types */
typedef struct plim__loop plim__loop;

/** Starts a loop; interrupt may be NULL and is borrowed until destroy. */
PLIM_NODISCARD plim_status plim__loop_create(const plim_allocator *allocator,
                                             const plim_interrupt *interrupt, plim__loop **out_loop,
                                             plim_error *err);

/** Ends the loop; whatever was opened on it must have been closed. */
void plim__loop_destroy(plim__loop **loop);

/** libuv's loop, for handles. */
uv_loop_t *plim__loop_uv(plim__loop *loop);

/** Monotonic clock. */
uint64_t plim__loop_now_ns(void);

/** The moment `timeout_ns` from now, saturating. */
uint64_t plim__loop_deadline(uint64_t timeout_ns);

/**
 * Runs the loop until *done, or until the monotonic clock reaches deadline_ns (UINT64_MAX: never),
 * or a stop is asked for (noticed within 50 ms). Does not set an error: the caller knows what it
 * waited for. *done is looked at first: what is done is done, late or not.
 * Gives PLIM_OK, PLIM_ERR_TIMEOUT or PLIM_ERR_INTERRUPTED.
 */
PLIM_NODISCARD plim_status plim__loop_wait(plim__loop *loop, const bool *done,
                                           uint64_t deadline_ns);

/** As plim__loop_wait(), until *done or *other. */
PLIM_NODISCARD plim_status plim__loop_wait_either(plim__loop *loop, const bool *done,
                                                  const bool *other, uint64_t deadline_ns);

/** Sleeps while the loop turns. PLIM_OK or PLIM_ERR_INTERRUPTED. */
PLIM_NODISCARD plim_status plim__loop_sleep(plim__loop *loop, uint64_t duration_ns);

/** A stop asked for before now ends nothing any more (what close begins with). */
void plim__loop_acknowledge(plim__loop *loop);

/** What plim__loop_wake() has the loop call, inside a wait; NULL: nothing. */
void plim__loop_on_wake(plim__loop *loop, void (*woken)(void *ctx), void *ctx);

/** Ends the sleep of a wait that is under way, so that it looks at its condition. Threads: any. */
void plim__loop_wake(plim__loop *loop);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file store.h
 * @brief The only door of the runtime to what lies in a region: each store has a number.
 *
 * Why a door: tests/runtime/kill_store.c runs the real code and is killed before its first store,
 * before its second, and so on to the last. It defines PLIM_STORE_SEAM to the name of a header that
 * defines PLIM__STOP and PLIM__STOP_STEP; without it they are nothing.
 *
 * The order is part of the name. `plim__put` may be moved by the compiler up to the next commit;
 * `plim__commit` comes after all before it (for the compiler, and for readers elsewhere).
 */
#ifndef PLIM_RUNTIME_STORE_H
#define PLIM_RUNTIME_STORE_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef PLIM_STORE_SEAM
#include PLIM_STORE_SEAM
#else
/* Called before each store. */
#define PLIM__STOP()     ((void)0)
#define PLIM__STOP_EVERY 0 /* 1: no way round these macros */
#endif

#define plim__put(place, value) (PLIM__STOP(), (void)(*(place) = (value)))
#define plim__put_word(word, value)                                                                \
    (PLIM__STOP(), atomic_store_explicit((word), (value), memory_order_relaxed))
#define plim__commit(word, value)                                                                  \
    (PLIM__STOP(), atomic_store_explicit((word), (value), memory_order_release))

/** Copies into the region; NULL: zeros. */
static inline void plim__put_bytes(void *to, const void *from, size_t bytes)
{
#ifdef PLIM__STOP_STEP
    for (size_t done = 0; done < bytes; done += PLIM__STOP_STEP) {
        size_t step = bytes - done < PLIM__STOP_STEP ? bytes - done : PLIM__STOP_STEP;
        PLIM__STOP();
        if (from != NULL)
            memcpy((char *)to + done, (const char *)from + done, step);
        else
            memset((char *)to + done, 0, step);
    }
#else
    if (from != NULL)
        memcpy(to, from, bytes);
    else
        memset(to, 0, bytes);
#endif
}

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file trace.h
 * @brief A recorded run of a program's allocations: a head, then one word per event, in order.
 *
 * An id names a live block and is used again after its release, so a replay needs a table of
 * id_count pointers and nothing else. A resize keeps its id. Alignment above 16 is not recorded.
 */
#ifndef PLIM_BENCH_TRACE_H
#define PLIM_BENCH_TRACE_H
#include <stdint.h>

enum { TRACE_ID_BITS = 24, TRACE_THREAD_BITS = 6, TRACE_IDS_MAX = 1 << TRACE_ID_BITS };

#define TRACE_MAGIC 0x3145434152544c50u /* "PLTRACE1" */

typedef enum trace_op { TRACE_ALLOC = 0, TRACE_FREE, TRACE_RESIZE, TRACE_ZEROED } trace_op;

typedef struct trace_head {
    uint64_t magic;
    uint64_t event_count;
    uint64_t id_count;
    uint64_t thread_count;
} trace_head;

/* Bits 0-31 bytes, 32-55 id, 56-61 thread, 62-63 operation. */
static inline uint64_t trace_event(trace_op op, uint32_t thread, uint32_t id, uint32_t bytes)
{
    return (uint64_t)op << 62 | (uint64_t)(thread & 63) << 56 | (uint64_t)id << 32 | bytes;
}

static inline trace_op trace_event_op(uint64_t event)
{
    return (trace_op)(event >> 62);
}

static inline uint32_t trace_event_id(uint64_t event)
{
    return (uint32_t)(event >> 32) & (TRACE_IDS_MAX - 1);
}

static inline uint32_t trace_event_bytes(uint64_t event)
{
    return (uint32_t)event;
}

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file queue.h
 * @brief Bytes on their way from one thread to one other, bounded, in blocks that are reused.
 *
 * The producer asks for room before it adds, and stops its own source when there is little; it is
 * never blocked. Blocks are taken only as the consumer falls behind, so a fast consumer costs two.
 * Thread-safety: one producer thread, one consumer thread.
 */
#ifndef PLIM_INSPECT_QUEUE_H
#define PLIM_INSPECT_QUEUE_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>

typedef struct plim__queue plim__queue;

enum { PLIM__QUEUE_BLOCK_BYTES = 256 << 10 };

/** Holds at most bytes_max, of which nothing is taken yet. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__queue_create(const plim_allocator *allocator, uint64_t bytes_max,
                                              plim__queue **out_queue, plim_error *err);

/** Ends the queue and what is in it; neither thread uses it any more. */
void plim__queue_destroy(plim__queue **queue);

/** Producer: how many bytes can be added now, at least. */
uint64_t plim__queue_room(plim__queue *queue);

/** Producer: adds a copy; there must be room. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__queue_add(plim__queue *queue, const char *data, size_t len,
                                           plim_error *err);

/** Producer: nothing more will come; what is there is still given out. */
void plim__queue_finish(plim__queue *queue);

/** Producer: the most bytes that were in it at once. */
uint64_t plim__queue_peak_bytes(plim__queue *queue);

/** Consumer: waits for the next bytes; valid until plim__queue_pop(). False at the end. */
bool plim__queue_peek(plim__queue *queue, const char **out_data, size_t *out_len);

/** Consumer: those bytes have been dealt with. */
void plim__queue_pop(plim__queue *queue);

#endif

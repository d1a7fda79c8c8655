/* SPDX-License-Identifier: MIT */
/*
 * A list of blocks. The producer fills one on its own, without a lock, and hands it over when it
 * is full or at the end; so the lock is taken once for 256 KiB. Freed blocks are kept and used
 * again, the latest first, so that a fast consumer keeps it all in the cache.
 * Invariants: Q1 block_count * PLIM__QUEUE_BLOCK_BYTES <= bytes_max. Q2 every block is in exactly
 * one place: filling, ready, writing, or spare.
 */
#include "inspect/queue.h"

#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { PLIM__QUEUE_MAGIC = 0x50e0e001 };

typedef struct queue_block {
    struct queue_block *next;
    size_t len;
    char data[PLIM__QUEUE_BLOCK_BYTES];
} queue_block;

struct plim__queue {
    uint32_t magic;
    const plim_allocator *allocator;
    uint32_t block_max;
    uint32_t block_count; /* that exist; the producer's */
    queue_block *filling; /* the producer's */
    uint64_t peak_bytes;  /* the producer's */
    uv_mutex_t lock;      /* over all below */
    uv_cond_t changed;
    queue_block *ready;
    queue_block **ready_end;
    queue_block *writing;
    queue_block *spare;
    uint32_t spare_count;
    uint64_t waiting_bytes; /* in ready and writing */
    bool finished;
};

plim_status plim__queue_create(const plim_allocator *allocator, uint64_t bytes_max,
                               plim__queue **out_queue, plim_error *err)
{
    PLIM_CHECK(bytes_max >= 2 * PLIM__QUEUE_BLOCK_BYTES && out_queue != NULL);
    plim__queue *queue = plim__array_new_zero(allocator, 1, sizeof *queue);
    if (queue == NULL)
        return plim__no_memory(err, "a queue");
    queue->magic = PLIM__QUEUE_MAGIC;
    queue->allocator = allocator;
    queue->block_max = (uint32_t)(bytes_max / sizeof(queue_block));
    queue->ready_end = &queue->ready;
    int code = uv_mutex_init(&queue->lock);
    if (code == 0) {
        code = uv_cond_init(&queue->changed);
        if (code == 0) {
            *out_queue = queue;
            return PLIM_OK;
        }
        uv_mutex_destroy(&queue->lock);
    }
    plim__array_free(allocator, queue, 1, sizeof *queue);
    return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no lock to be had: %s", uv_strerror(code));
}

static void queue_free_list(plim__queue *queue, queue_block *list)
{
    while (list != NULL) {
        queue_block *next = list->next;
        plim__array_free(queue->allocator, list, 1, sizeof *list);
        list = next;
    }
}

void plim__queue_destroy(plim__queue **queue_ptr)
{
    if (queue_ptr == NULL || *queue_ptr == NULL)
        return;
    plim__queue *queue = *queue_ptr;
    *queue_ptr = NULL;
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    queue_free_list(queue, queue->filling);
    queue_free_list(queue, queue->ready);
    queue_free_list(queue, queue->writing);
    queue_free_list(queue, queue->spare);
    uv_cond_destroy(&queue->changed);
    uv_mutex_destroy(&queue->lock);
    queue->magic = 0;
    plim__array_free(queue->allocator, queue, 1, sizeof *queue);
}

uint64_t plim__queue_room(plim__queue *queue)
{
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    uint64_t room = 0;
    if (queue->filling != NULL)
        room = PLIM__QUEUE_BLOCK_BYTES - queue->filling->len;
    uv_mutex_lock(&queue->lock);
    uint32_t blocks = queue->spare_count + (queue->block_max - queue->block_count);
    uv_mutex_unlock(&queue->lock);
    return room + (uint64_t)blocks * PLIM__QUEUE_BLOCK_BYTES;
}

static void queue_hand_over(plim__queue *queue)
{
    queue_block *block = queue->filling;
    queue->filling = NULL;
    block->next = NULL;
    uv_mutex_lock(&queue->lock);
    *queue->ready_end = block;
    queue->ready_end = &block->next;
    queue->waiting_bytes += block->len;
    if (queue->waiting_bytes > queue->peak_bytes)
        queue->peak_bytes = queue->waiting_bytes;
    uv_cond_signal(&queue->changed);
    uv_mutex_unlock(&queue->lock);
}

static plim_status queue_start_block(plim__queue *queue, plim_error *err)
{
    uv_mutex_lock(&queue->lock);
    queue_block *block = queue->spare;
    if (block != NULL) {
        queue->spare = block->next;
        queue->spare_count--;
    }
    uv_mutex_unlock(&queue->lock);
    if (block == NULL) {
        PLIM_CHECK(queue->block_count < queue->block_max); /* Q1: the producer asked for room */
        block = plim__array_new(queue->allocator, 1, sizeof *block);
        if (block == NULL)
            return plim__no_memory(err, "what has been received");
        queue->block_count++;
    }
    block->next = NULL;
    block->len = 0;
    queue->filling = block;
    return PLIM_OK;
}

plim_status plim__queue_add(plim__queue *queue, const char *data, size_t len, plim_error *err)
{
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    PLIM_CHECK(!queue->finished);
    while (len > 0) {
        plim_status status = PLIM_OK;
        if (queue->filling == NULL)
            status = queue_start_block(queue, err);
        if (status != PLIM_OK)
            return status;
        queue_block *block = queue->filling;
        size_t room = sizeof block->data - block->len;
        size_t part = len < room ? len : room;
        memcpy(block->data + block->len, data, part);
        block->len += part;
        data += part;
        len -= part;
        if (block->len == sizeof block->data)
            queue_hand_over(queue);
    }
    return PLIM_OK;
}

void plim__queue_finish(plim__queue *queue)
{
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    if (queue->filling != NULL)
        queue_hand_over(queue);
    uv_mutex_lock(&queue->lock);
    queue->finished = true;
    uv_cond_signal(&queue->changed);
    uv_mutex_unlock(&queue->lock);
}

uint64_t plim__queue_peak_bytes(plim__queue *queue)
{
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    return queue->peak_bytes;
}

bool plim__queue_peek(plim__queue *queue, const char **out_data, size_t *out_len)
{
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    uv_mutex_lock(&queue->lock);
    PLIM_CHECK(queue->writing == NULL);
    while (queue->ready == NULL && !queue->finished)
        uv_cond_wait(&queue->changed, &queue->lock);
    queue_block *block = queue->ready;
    if (block != NULL) {
        queue->ready = block->next;
        if (queue->ready == NULL)
            queue->ready_end = &queue->ready;
        block->next = NULL;
        queue->writing = block;
    }
    uv_mutex_unlock(&queue->lock);
    if (block == NULL)
        return false;
    *out_data = block->data;
    *out_len = block->len;
    return true;
}

void plim__queue_pop(plim__queue *queue)
{
    PLIM_CHECK_OBJ(queue, PLIM__QUEUE_MAGIC);
    uv_mutex_lock(&queue->lock);
    queue_block *block = queue->writing;
    PLIM_CHECK(block != NULL);
    queue->writing = NULL;
    queue->waiting_bytes -= block->len;
    block->next = queue->spare;
    queue->spare = block;
    queue->spare_count++;
    uv_mutex_unlock(&queue->lock);
}

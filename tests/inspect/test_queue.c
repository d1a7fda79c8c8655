/* SPDX-License-Identifier: MIT */
/* Queue. Method: a consumer thread of varying speed must get the very bytes that were added, and
 * the bytes that wait never pass the limit. */
#define _GNU_SOURCE /* uv.h wants POSIX types */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "inspect/queue.h"

enum { QUEUE_TEST_MAX = 1 << 20, QUEUE_TEST_BYTES = 24 << 20 };

typedef struct queue_reader {
    plim__queue *queue;
    uint64_t bytes;
    uint64_t wrong;
    bool is_slow;
} queue_reader;

static char queue_byte(uint64_t at)
{
    return (char)(at * 2654435761u >> 13);
}

static void queue_read(void *arg)
{
    queue_reader *reader = arg;
    const char *data;
    size_t len;
    while (plim__queue_peek(reader->queue, &data, &len)) {
        for (size_t i = 0; i < len; i++)
            reader->wrong += data[i] != queue_byte(reader->bytes + i);
        reader->bytes += len;
        if (reader->is_slow)
            uv_sleep(2);
        plim__queue_pop(reader->queue);
    }
}

static void queue_run(bool is_slow)
{
    static char piece[5000];
    fault_allocator memory;
    fault_allocator_init(&memory, 0);
    queue_reader reader = {.is_slow = is_slow};
    uv_thread_t thread;
    assert_int_equal(plim__queue_create(&memory.allocator, QUEUE_TEST_MAX, &reader.queue, NULL),
                     PLIM_OK);
    assert_int_equal(uv_thread_create(&thread, queue_read, &reader), 0);
    uint64_t added = 0;
    while (added < QUEUE_TEST_BYTES) {
        size_t len = 1 + (size_t)(added * 7919 % sizeof piece);
        if (plim__queue_room(reader.queue) < len) {
            uv_sleep(1);
            continue;
        }
        for (size_t i = 0; i < len; i++)
            piece[i] = queue_byte(added + i);
        assert_int_equal(plim__queue_add(reader.queue, piece, len, NULL), PLIM_OK);
        added += len;
    }
    plim__queue_finish(reader.queue);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_int_equal(reader.bytes, added);
    assert_int_equal(reader.wrong, 0);
    assert_true(plim__queue_peak_bytes(reader.queue) <= QUEUE_TEST_MAX);
    plim__queue_destroy(&reader.queue);
    assert_int_equal(memory.live_bytes, 0);
    assert_true(memory.peak_bytes <= QUEUE_TEST_MAX + 4096);
}

static void a_fast_reader_gets_every_byte(void **state)
{
    (void)state;
    queue_run(false);
}

static void a_slow_reader_gets_every_byte_and_the_queue_stays_bounded(void **state)
{
    (void)state;
    queue_run(true);
}

static void what_was_not_read_is_freed(void **state)
{
    (void)state;
    static char piece[100000];
    fault_allocator memory;
    fault_allocator_init(&memory, 0);
    plim__queue *queue = NULL;
    assert_int_equal(plim__queue_create(&memory.allocator, QUEUE_TEST_MAX, &queue, NULL), PLIM_OK);
    while (plim__queue_room(queue) >= sizeof piece)
        assert_int_equal(plim__queue_add(queue, piece, sizeof piece, NULL), PLIM_OK);
    const char *data;
    size_t len;
    assert_true(plim__queue_peek(queue, &data, &len));
    assert_int_equal(len, PLIM__QUEUE_BLOCK_BYTES);
    plim__queue_destroy(&queue);
    assert_null(queue);
    assert_int_equal(memory.live_bytes, 0);
}

static void refused_memory_is_an_error(void **state)
{
    (void)state;
    fault_allocator memory;
    plim__queue *queue = NULL;
    fault_allocator_init(&memory, 1);
    assert_int_equal(plim__queue_create(&memory.allocator, QUEUE_TEST_MAX, &queue, NULL),
                     PLIM_ERR_NO_MEMORY);
    fault_allocator_init(&memory, 2);
    assert_int_equal(plim__queue_create(&memory.allocator, QUEUE_TEST_MAX, &queue, NULL), PLIM_OK);
    assert_int_equal(plim__queue_add(queue, "x", 1, NULL), PLIM_ERR_NO_MEMORY);
    assert_int_equal(plim__queue_add(queue, "y", 1, NULL), PLIM_OK);
    plim__queue_finish(queue);
    const char *data;
    size_t len;
    assert_true(plim__queue_peek(queue, &data, &len));
    assert_memory_equal(data, "y", 1);
    plim__queue_pop(queue);
    assert_false(plim__queue_peek(queue, &data, &len));
    plim__queue_destroy(&queue);
    assert_int_equal(memory.live_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fast_reader_gets_every_byte),
        cmocka_unit_test(a_slow_reader_gets_every_byte_and_the_queue_stays_bounded),
        cmocka_unit_test(what_was_not_read_is_freed),
        cmocka_unit_test(refused_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

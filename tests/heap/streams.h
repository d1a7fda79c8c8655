/* SPDX-License-Identifier: MIT */
/**
 * @file streams.h
 * @brief Sources and sinks over memory that give bytes in any cut, or fail on purpose.
 */
#ifndef PLIM_TESTS_HEAP_STREAMS_H
#define PLIM_TESTS_HEAP_STREAMS_H
#include <plimsoll/stream.h>

/** Gives chunk bytes at a time (0: as many as fit); fails with fail_status at byte fail_at. */
typedef struct test_source {
    const char *data;
    size_t len;
    size_t at;
    size_t chunk;
    plim_status fail_status; /* PLIM_OK: never */
    size_t fail_at;
    bool hide_size;
} test_source;

plim_source test_source_view(test_source *source);

/** Keeps what is written; takes no more than limit bytes where limit is not 0. */
typedef struct test_sink {
    char *data; /* the test frees it with test_sink_fini() */
    size_t len;
    size_t capacity;
    size_t limit;
} test_sink;

plim_sink test_sink_view(test_sink *sink);
void test_sink_fini(test_sink *sink);

/** printf into a sink, at most 1,000 bytes at a time. */
void test_put(test_sink *sink, const char *format, ...) PLIM_PRINTF(2, 3);

/** All of a source into a sink, `cap` bytes asked for at a time; the first failure. */
plim_status test_copy(plim_source from, test_sink *to, size_t cap, plim_error *err);

/** A whole file; the test fails where it cannot be read. Freed with test_sink_fini(). */
void test_read_file(const char *path, test_sink *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The channel's bytes. Method: messages by hand against their bytes by hand; every message in every
 * split of two and byte by byte; then peers that lie, each refused for what it did.
 */
#include <plimsoll/channel.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "fault_allocator.h"

enum { ROOM = 4096 };

/* One of each kind, with all that it can have. */
static const plim_message EACH[] = {
    {.kind = PLIM_MESSAGE_HELLO,
     .version = 1,
     .version_min = 1,
     .capabilities = PLIM_CHANNEL_CAN_CANCEL | PLIM_CHANNEL_CAN_DRAIN,
     .payload_max = 4096,
     .process = 4242,
     .body = (const unsigned char *)"w1",
     .body_bytes = 2},
    {.kind = PLIM_MESSAGE_REQUEST,
     .flags = PLIM_MESSAGE_IDEMPOTENT | PLIM_MESSAGE_REPEATED,
     .id = UINT64_C(0x0102030405060708),
     .deadline_ms = 1500,
     .body = (const unsigned char *)"x + 2",
     .body_bytes = 5},
    {.kind = PLIM_MESSAGE_RESPONSE,
     .id = 7,
     .status = PLIM_ERR_GONE,
     .error = "died",
     .error_bytes = 4,
     .body = (const unsigned char *)"part",
     .body_bytes = 4},
    {.kind = PLIM_MESSAGE_RESPONSE, .id = 8, .status = INT32_MIN},
    {.kind = PLIM_MESSAGE_CANCEL, .id = 7},
    {.kind = PLIM_MESSAGE_HEALTH, .id = 1},
    {.kind = PLIM_MESSAGE_HEALTH_ANSWER,
     .id = 1,
     .used_bytes = 1,
     .limit_bytes = UINT64_MAX,
     .answered = 3},
    {.kind = PLIM_MESSAGE_MEMORY, .used_bytes = UINT64_C(1) << 40, .limit_bytes = 2},
    {.kind = PLIM_MESSAGE_LOG, .level = 3, .body = (const unsigned char *)"line", .body_bytes = 4},
    {.kind = PLIM_MESSAGE_DRAIN},
    {.kind = PLIM_MESSAGE_LAST_WORDS,
     .status = -19,
     .body = (const unsigned char *)"no more",
     .body_bytes = 7},
};
enum { EACH_COUNT = sizeof EACH / sizeof EACH[0] };

static size_t written(const plim_message *message, unsigned char *out)
{
    size_t len = 0;
    assert_int_equal(plim_message_write(message, out, ROOM, &len, NULL), PLIM_OK);
    return len;
}

static plim_message_reader *decoder_of(uint32_t payload_max)
{
    plim_message_reader *decoder = NULL;
    assert_int_equal(plim_message_reader_create(NULL, payload_max, &decoder, NULL), PLIM_OK);
    return decoder;
}

static void assert_same(const plim_message *a, const plim_message *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_true(a->id == b->id && a->process == b->process);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->version_min, b->version_min);
    assert_int_equal(a->capabilities, b->capabilities);
    assert_int_equal(a->payload_max, b->payload_max);
    assert_int_equal(a->deadline_ms, b->deadline_ms);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->level, b->level);
    assert_true(a->used_bytes == b->used_bytes && a->limit_bytes == b->limit_bytes);
    assert_true(a->answered == b->answered);
    assert_int_equal(a->error_bytes, b->error_bytes);
    assert_int_equal(a->body_bytes, b->body_bytes);
    if (a->error_bytes > 0)
        assert_memory_equal(a->error, b->error, a->error_bytes);
    if (a->body_bytes > 0)
        assert_memory_equal(a->body, b->body, a->body_bytes);
}

static void the_bytes_are_those_of_the_page(void **state)
{
    (void)state;
    static const unsigned char request[] = {
        13,   0,   0,   0,   2,  0, 3, 0, /* payload, kind, flags */
        8,    7,   6,   5,   4,  3, 2, 1, /* id */
        0xdc, 5,   0,   0,   0,  0, 0, 0, /* deadline, reserved */
        'x',  ' ', '+', ' ', '2'};
    static const unsigned char hello[] = {26, 0,  0,   0,   1,    0,   0, 0, 0, 0, 0, 0, 0,   0,
                                          0,  0,  'P', 'L', 'I',  'M', 1, 0, 1, 0, 5, 0, 0,   0,
                                          0,  16, 0,   0,   0x92, 16,  0, 0, 0, 0, 0, 0, 'w', '1'};
    static const unsigned char response[] = {16, 0, 0,   0,   3,   0,    0,    0,    7,    0,  0,
                                             0,  0, 0,   0,   0,   0xf8, 0xff, 0xff, 0xff, 4,  0,
                                             0,  0, 'd', 'i', 'e', 'd',  'p',  'a',  'r',  't'};
    unsigned char out[ROOM];
    assert_int_equal(written(&EACH[1], out), sizeof request);
    assert_memory_equal(out, request, sizeof request);
    assert_int_equal(written(&EACH[0], out), sizeof hello);
    assert_memory_equal(out, hello, sizeof hello);
    assert_int_equal(written(&EACH[2], out), sizeof response);
    assert_memory_equal(out, response, sizeof response);
}

/* Feeds the pieces [0, cut) and [cut, len). */
static void take_in_two(const unsigned char *bytes, size_t len, size_t cut,
                        const plim_message *wanted)
{
    plim_message_reader *decoder = decoder_of(0);
    plim_message got = {.kind = PLIM_MESSAGE_DRAIN};
    bool is_whole = false;
    size_t used = 0;
    size_t at = 0;
    for (int piece = 0; piece < 2 && !is_whole; piece++) {
        size_t to = piece == 0 ? cut : len;
        /* A copy in a block of its own size: what reads behind it is found by sanitizers. */
        unsigned char *copy = malloc(to - at + 1);
        assert_non_null(copy);
        memcpy(copy, bytes + at, to - at);
        assert_int_equal(
            plim_message_reader_take(decoder, copy, to - at, &used, &is_whole, &got, NULL),
            PLIM_OK);
        assert_int_equal(used, to - at);
        assert_int_equal(is_whole, to == len);
        at = to;
        if (is_whole)
            assert_same(&got, wanted);
        assert_int_equal(plim_message_reader_is_between(decoder), is_whole || at == 0);
        free(copy);
    }
    assert_true(is_whole);
    plim_message_reader_destroy(&decoder);
}

static void every_message_comes_back_in_every_split(void **state)
{
    (void)state;
    unsigned char bytes[ROOM];
    for (size_t i = 0; i < EACH_COUNT; i++) {
        size_t len = written(&EACH[i], bytes);
        for (size_t cut = 0; cut <= len; cut++)
            take_in_two(bytes, len, cut, &EACH[i]);
    }
}

static void a_stream_byte_by_byte_is_the_stream_at_once(void **state)
{
    (void)state;
    unsigned char bytes[ROOM];
    size_t len = 0;
    for (size_t i = 0; i < EACH_COUNT; i++)
        len += written(&EACH[i], bytes + len);
    for (size_t step = 1; step <= len; step = step < 64 ? step + 1 : step * 2) {
        plim_message_reader *decoder = decoder_of(0);
        size_t seen = 0;
        for (size_t at = 0; at < len;) {
            size_t now = len - at < step ? len - at : step;
            for (size_t used = 0; now > 0; now -= used, at += used) {
                plim_message got;
                bool is_whole = false;
                assert_int_equal(plim_message_reader_take(decoder, bytes + at, now, &used,
                                                          &is_whole, &got, NULL),
                                 PLIM_OK);
                if (is_whole)
                    assert_same(&got, &EACH[seen++]);
            }
        }
        assert_int_equal(seen, EACH_COUNT);
        assert_true(plim_message_reader_is_between(decoder));
        plim_message_reader_destroy(&decoder);
    }
}

static plim_status take_all(plim_message_reader *decoder, const unsigned char *bytes, size_t len,
                            size_t *out_seen)
{
    *out_seen = 0;
    for (size_t at = 0; at < len;) {
        size_t used = 0;
        bool is_whole = false;
        plim_message got;
        plim_status status =
            plim_message_reader_take(decoder, bytes + at, len - at, &used, &is_whole, &got, NULL);
        if (status != PLIM_OK)
            return status;
        *out_seen += is_whole;
        at += used;
    }
    return PLIM_OK;
}

static void a_kind_of_a_later_version_is_skipped_unless_it_must_be_understood(void **state)
{
    (void)state;
    unsigned char bytes[ROOM];
    size_t seen;
    for (size_t body = 0; body < 40; body++) {
        size_t len = 16 + body;
        memset(bytes, 0xee, sizeof bytes);
        memset(bytes, 0, 16);
        bytes[0] = (unsigned char)body;
        bytes[4] = 200;
        len += written(&EACH[5], bytes + len);
        plim_message_reader *decoder = decoder_of(0);
        for (size_t cut = 0; cut < len; cut++) {
            size_t first, second;
            assert_int_equal(take_all(decoder, bytes, cut, &first), PLIM_OK);
            assert_int_equal(take_all(decoder, bytes + cut, len - cut, &second), PLIM_OK);
            assert_int_equal(first + second, 1);
            assert_int_equal(plim_message_reader_skipped(decoder), cut + 1);
        }
        plim_message_reader_destroy(&decoder);
        decoder = decoder_of(0);
        bytes[7] = 0x80;
        assert_int_equal(take_all(decoder, bytes, len, &seen), PLIM_ERR_PROTOCOL);
        assert_int_equal(take_all(decoder, bytes, len, &seen), PLIM_ERR_PROTOCOL);
        plim_message_reader_destroy(&decoder);
    }
}

static void what_is_too_long_is_refused_before_it_costs_memory(void **state)
{
    (void)state;
    static const unsigned char front[16] = {0, 0, 0, 1, 2}; /* 16 MiB of request */
    size_t seen;
    plim_message_reader *decoder = decoder_of(4096);
    assert_int_equal(take_all(decoder, front, sizeof front, &seen), PLIM_ERR_LIMIT);
    plim_message_reader_destroy(&decoder);
    plim_cap *cap = NULL;
    assert_int_equal(plim_cap_create(NULL, 2048, &cap), PLIM_OK);
    assert_int_equal(plim_message_reader_create(plim_cap_allocator(cap), PLIM_CHANNEL_PAYLOAD_MAX,
                                                &decoder, NULL),
                     PLIM_OK);
    /* 16 MiB are announced and taken; what it costs is what came. */
    assert_int_equal(take_all(decoder, front, sizeof front, &seen), PLIM_OK);
    assert_int_equal(take_all(decoder, front, sizeof front, &seen), PLIM_OK);
    unsigned char much[ROOM] = {0};
    assert_int_equal(take_all(decoder, much, sizeof much, &seen), PLIM_ERR_NO_MEMORY);
    plim_message_reader_destroy(&decoder);
    plim_cap_destroy(&cap);
}

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    size_t seen;
    static const struct {
        unsigned char bytes[48];
        size_t len;
    } BAD[] = {
        {{7, 0, 0, 0, 2}, 16 + 7}, /* shorter than a request */
        {{0, 0, 0, 0, 1}, 16},     /* a greeting of nothing */
        {{24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'P', 'L', 'I', 'N', 1, 0, 1}, 40},
        {{24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'P', 'L', 'I', 'M', 1, 0, 2}, 40},
        {{9, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 25}, /* error of 2 */
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        plim_message_reader *decoder = decoder_of(0);
        assert_int_equal(take_all(decoder, BAD[i].bytes, BAD[i].len, &seen), PLIM_ERR_PROTOCOL);
        plim_message_reader_destroy(&decoder);
    }
}

static void a_message_that_cannot_be_is_not_written(void **state)
{
    (void)state;
    unsigned char out[ROOM];
    size_t len = 77;
    plim_message none = {.kind = (plim_message_kind)0};
    assert_int_equal(plim_message_write(&none, out, ROOM, &len, NULL), PLIM_ERR_USAGE);
    plim_message flags = {.kind = PLIM_MESSAGE_DRAIN, .flags = 0x10000};
    assert_int_equal(plim_message_write(&flags, out, ROOM, &len, NULL), PLIM_ERR_USAGE);
    plim_message error = {.kind = PLIM_MESSAGE_LOG, .error = "x", .error_bytes = 1};
    assert_int_equal(plim_message_write(&error, out, ROOM, &len, NULL), PLIM_ERR_USAGE);
    plim_message large = {.kind = PLIM_MESSAGE_REQUEST, .body_bytes = PLIM_CHANNEL_PAYLOAD_MAX};
    assert_int_equal(plim_message_head(&large, out, &len, NULL), PLIM_ERR_LIMIT);
    assert_int_equal(plim_message_write(&EACH[1], out, 28, &len, NULL), PLIM_ERR_NO_SPACE);
    assert_int_equal(len, 77);
}

static void any_refusal_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    unsigned char bytes[ROOM];
    size_t len = written(&EACH[1], bytes);
    for (uint64_t nth = 1;; nth++) {
        fault_allocator faults;
        fault_allocator_init(&faults, nth);
        plim_message_reader *decoder = NULL;
        plim_status status = plim_message_reader_create(&faults.allocator, 0, &decoder, NULL);
        size_t seen = 0;
        for (size_t at = 0; status == PLIM_OK && at < len; at++)
            status = take_all(decoder, bytes + at, 1, &seen);
        plim_message_reader_destroy(&decoder);
        assert_int_equal(atomic_load(&faults.live_bytes), 0);
        if (status == PLIM_OK) {
            assert_true(nth > 2);
            break;
        }
        assert_int_equal(status, PLIM_ERR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_page),
        cmocka_unit_test(every_message_comes_back_in_every_split),
        cmocka_unit_test(a_stream_byte_by_byte_is_the_stream_at_once),
        cmocka_unit_test(a_kind_of_a_later_version_is_skipped_unless_it_must_be_understood),
        cmocka_unit_test(what_is_too_long_is_refused_before_it_costs_memory),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(a_message_that_cannot_be_is_not_written),
        cmocka_unit_test(any_refusal_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Envelope. Method: every message is fed whole, in every cut into two, and byte by byte, and must
 * give the same each time; allocation fails at every request in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "fault_allocator.h"
#include "inspect/wire/envelope.h"

static const plim__envelope_rule envelope_rules[] = {
    {.method = "HeapProfiler.addHeapSnapshotChunk", .key = "chunk"},
    {.method = "NodeWorker.receivedMessageFromWorker", .key = "message", .is_message = true},
    {.method = "Worker.dispatchMessageFromWorker", .key = "message", .is_message = true},
    {.key = "snapshotData"},
    {.key = "value", .under = "result"},
};

/* What came out, as one text: streamed bytes, then "|" and each message. */
typedef struct heard {
    char streamed[4096];
    size_t streamed_len;
    char message[4096];
    char inner[4096];
    char innermost[4096];
    uint32_t message_count;
    uint64_t streamed_total;
    plim_status refuse;
} heard;

static plim_status heard_stream(void *ctx, const char *data, size_t len, plim_error *err)
{
    heard *all = ctx;
    (void)err;
    all->streamed_total += len;
    if (all->streamed_len + len <= sizeof all->streamed) {
        memcpy(all->streamed + all->streamed_len, data, len);
        all->streamed_len += len;
    }
    return all->refuse;
}

static void heard_dump(char *out, size_t cap, const json_t *json)
{
    size_t len = json == NULL ? 0 : json_dumpb(json, out, cap - 1, JSON_COMPACT | JSON_SORT_KEYS);
    out[len < cap ? len : 0] = '\0';
}

static plim_status heard_message(void *ctx, json_t *const *messages, size_t count, plim_error *err)
{
    heard *all = ctx;
    (void)err;
    all->message_count++;
    heard_dump(all->message, sizeof all->message, messages[0]);
    heard_dump(all->inner, sizeof all->inner, count > 1 ? messages[1] : NULL);
    heard_dump(all->innermost, sizeof all->innermost, count > 2 ? messages[2] : NULL);
    return PLIM_OK;
}

static plim__envelope *envelope_new(const plim_allocator *allocator, heard *all)
{
    plim__envelope *envelope = NULL;
    plim__envelope_events events = {all, heard_stream, heard_message};
    if (plim__envelope_create(allocator, envelope_rules, 5, events, &envelope, NULL) != PLIM_OK)
        return NULL;
    return envelope;
}

static plim_status envelope_feed_cut(plim__envelope *envelope, const char *text, size_t len,
                                     size_t cut)
{
    plim_status status = plim__envelope_feed(envelope, text, cut, NULL);
    if (status == PLIM_OK)
        status = plim__envelope_feed(envelope, text + cut, len - cut, NULL);
    return status == PLIM_OK ? plim__envelope_end(envelope, NULL) : status;
}

/* One message in every cut, twice over one envelope, and byte by byte. */
static void envelope_expect(const char *text, const char *streamed, size_t streamed_len,
                            const char *message, const char *inner)
{
    size_t len = strlen(text);
    for (size_t cut = 0; cut <= len + 1; cut++) {
        static heard all;
        memset(&all, 0, sizeof all);
        plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
        assert_non_null(envelope);
        for (uint32_t round = 1; round <= 2; round++) {
            all.streamed_len = 0;
            plim_status status = PLIM_OK;
            for (size_t i = 0; cut == len + 1 && i < len && status == PLIM_OK; i++)
                status = plim__envelope_feed(envelope, text + i, 1, NULL);
            if (status == PLIM_OK && cut == len + 1)
                status = plim__envelope_end(envelope, NULL);
            else if (status == PLIM_OK)
                status = envelope_feed_cut(envelope, text, len, cut);
            assert_int_equal(status, PLIM_OK);
            assert_int_equal(all.message_count, round);
            assert_int_equal(all.streamed_len, streamed_len);
            assert_memory_equal(all.streamed, streamed, streamed_len);
            assert_string_equal(all.message, message);
            assert_string_equal(all.inner, inner);
        }
        plim__envelope_destroy(&envelope);
    }
}

static void envelope_refuses(const char *text, size_t len, plim_status wanted)
{
    for (size_t cut = 0; cut <= len; cut++) {
        static heard all;
        memset(&all, 0, sizeof all);
        plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
        assert_int_equal(envelope_feed_cut(envelope, text, len, cut), wanted);
        assert_int_equal(all.message_count, 0);
        plim__envelope_destroy(&envelope);
    }
}

static void a_chunk_is_unescaped_wherever_it_is_cut(void **state)
{
    (void)state;
    static const char decoded[] =
        "{\"a\":[1,2]}\n\\ / \b\f\r\t \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 "
        "\xef\xbf\xbd \xef\xbf\xbdx \0 end";
    envelope_expect(
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\""
        "{\\\"a\\\":[1,2]}\\n\\\\ \\/ \\b\\f\\r\\t \\u00e9 \\u20AC \\ud83d\\uDE00 "
        "\\ud800 \\udc00x \\u0000 end\"}}",
        decoded, sizeof decoded - 1,
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"\"}}", "");
}

static void lone_surrogates_pair_with_nothing(void **state)
{
    (void)state;
    static const char decoded[] = "\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd\n\xef\xbf\xbd";
    envelope_expect(
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\""
        "\\ud83d\\ud83d\\ude00\\ud83d\\n\\udbff\"}}",
        decoded, sizeof decoded - 1,
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"\"}}", "");
}

static void other_keys_stand_beside_the_chunk(void **state)
{
    (void)state;
    envelope_expect(
        " { \"x\" : [ \"chunk\" , { \"chunk\" : \"no\" } ] , "
        "\"method\" : \"HeapProfiler.addHeapSnapshotChunk\" , \"params\" : "
        "{ \"a\" : { \"chunk\" : \"no\" } , \"chunk\" : \"yes\" , \"b\" : \"chunk\" } , "
        "\"sessionId\" : \"s\\\"1\" } ",
        "yes", 3,
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"a\":{\"chunk\":"
        "\"no\"},\"b\":\"chunk\",\"chunk\":\"\"},\"sessionId\":\"s\\\"1\","
        "\"x\":[\"chunk\",{\"chunk\":\"no\"}]}",
        "");
}

static void escaped_keys_and_methods_are_the_same_keys_and_methods(void **state)
{
    (void)state;
    envelope_expect(
        "{\"meth\\u006fd\":\"HeapProfiler\\u002eaddHeapSnapshotChunk\",\"\\u0070arams\":"
        "{\"chun\\u006b\":\"yes\"}}",
        "yes", 3, "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"\"}}",
        "");
}

static void without_the_method_before_it_a_chunk_stays(void **state)
{
    (void)state;
    envelope_expect("{\"params\":{\"chunk\":\"a\\n\\ud800\"},"
                    "\"method\":\"HeapProfiler.addHeapSnapshotChunk\"}",
                    "", 0,
                    "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"a\\n"
                    "\xef\xbf\xbd\"}}",
                    "");
    envelope_expect("{\"method\":\"Other.event\",\"params\":{\"chunk\":\"a\"}}", "", 0,
                    "{\"method\":\"Other.event\",\"params\":{\"chunk\":\"a\"}}", "");
    envelope_expect(
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":[\"a\"]}}", "", 0,
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":[\"a\"]}}", "");
    envelope_expect(
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"other\":{\"chunk\":\"a\"}}", "", 0,
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"other\":{\"chunk\":\"a\"}}", "");
}

static void a_message_in_a_message_is_taken_out(void **state)
{
    (void)state;
    envelope_expect(
        "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"sessionId\":\"1\","
        "\"message\":\"{\\\"method\\\":\\\"HeapProfiler.addHeapSnapshotChunk\\\",\\\"params\\\":"
        "{\\\"chunk\\\":\\\"{\\\\\\\"a\\\\\\\":1,\\\\n\\\\u00e9\\\\ud83d\\\\ude00}\\\"}}\"}}",
        "{\"a\":1,\n\xc3\xa9\xf0\x9f\x98\x80}", 15,
        "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"message\":\"\","
        "\"sessionId\":\"1\"}}",
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"\"}}");
    envelope_expect("{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{"
                    "\"message\":\"{\\\"id\\\":100,\\\"result\\\":{\\\"a\\\":\\\"\\\\ud800\\\"}}\","
                    "\"sessionId\":\"2\"}}",
                    "", 0,
                    "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"message\":"
                    "\"\",\"sessionId\":\"2\"}}",
                    "{\"id\":100,\"result\":{\"a\":\"\xef\xbf\xbd\"}}");
}

static void a_second_message_inside_stays_text(void **state)
{
    (void)state;
    envelope_expect("{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{"
                    "\"message\":\"{\\\"id\\\":1}\",\"message\":\"{}\"}}",
                    "", 0,
                    "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"message\":"
                    "\"{}\"}}",
                    "{\"id\":1}");
}

/* A message in a message, as a string in a string: what jansson does to it, no hand did. */
static char *wrapped(const char *method, const char *text)
{
    json_t *json = json_pack("{s:s,s:{s:s}}", "method", method, "params", "message", text);
    char *out = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    return out;
}

static void three_levels_are_taken_apart_and_a_fourth_stays_text(void **state)
{
    (void)state;
    static const char empty[] = "{\"method\":\"Worker.dispatchMessageFromWorker\",\"params\":{"
                                "\"message\":\"\"}}";
    static const char *const methods[] = {"Worker.dispatchMessageFromWorker",
                                          "NodeWorker.receivedMessageFromWorker"};
    char *one = wrapped(methods[0], "{\"result\":{\"timestamp\":1,\"snapshotData\":"
                                    "\"{\\\"a\\\":\\\"\\u00e9\\\\n\\\"}\"},\"id\":7}");
    char *two = wrapped(methods[1], one);
    static heard all;
    for (size_t cut = 0; cut <= strlen(two); cut++) {
        memset(&all, 0, sizeof all);
        plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
        assert_int_equal(envelope_feed_cut(envelope, two, strlen(two), cut), PLIM_OK);
        all.streamed[all.streamed_len] = '\0';
        assert_string_equal(all.streamed, "{\"a\":\"\xc3\xa9\\n\"}");
        assert_string_equal(all.inner, empty);
        assert_string_equal(all.innermost,
                            "{\"id\":7,\"result\":{\"snapshotData\":\"\",\"timestamp\":1}}");
        plim__envelope_destroy(&envelope);
    }
    char *three = wrapped(methods[0], two);
    memset(&all, 0, sizeof all);
    plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
    assert_int_equal(envelope_feed_cut(envelope, three, strlen(three), 50), PLIM_OK);
    assert_int_equal(all.streamed_len, 0);
    assert_non_null(strstr(all.innermost, "snapshotData"));
    plim__envelope_destroy(&envelope);
    free(one);
    free(two);
    free(three);
}

static void a_reply_is_streamed_with_its_id_at_either_end(void **state)
{
    (void)state;
    envelope_expect("{\"result\":{\"timestamp\":1,\"snapshotData\":\"{\\\"v\\\":3}\"},\"id\":4}",
                    "{\"v\":3}", 7, "{\"id\":4,\"result\":{\"snapshotData\":\"\",\"timestamp\":1}}",
                    "");
    envelope_expect("{\"id\":4,\"result\":{\"snapshotData\":\"x\",\"value\":\"y\"}}", "x", 1,
                    "{\"id\":4,\"result\":{\"snapshotData\":\"\",\"value\":\"y\"}}", "");
    envelope_expect("{\"result\":{\"result\":{\"type\":\"string\",\"value\":\"x\\n\"},"
                    "\"other\":{\"value\":\"y\"},\"wasThrown\":false},\"id\":4}",
                    "x\n", 2,
                    "{\"id\":4,\"result\":{\"other\":{\"value\":\"y\"},\"result\":{\"type\":"
                    "\"string\",\"value\":\"\"},\"wasThrown\":false}}",
                    "");
    /* Not a reply, not that object, not that deep. */
    envelope_expect("{\"method\":\"a\",\"result\":{\"snapshotData\":\"x\"}}", "", 0,
                    "{\"method\":\"a\",\"result\":{\"snapshotData\":\"x\"}}", "");
    envelope_expect(
        "{\"params\":{\"snapshotData\":\"x\"},\"result\":[{\"snapshotData\":\"y\"}]}", "", 0,
        "{\"params\":{\"snapshotData\":\"x\"},\"result\":[{\"snapshotData\":\"y\"}]}", "");
}

static void a_rule_can_be_taken_away(void **state)
{
    (void)state;
    static const char text[] = "{\"result\":{\"result\":{\"value\":\"x\"}},\"id\":4}";
    static heard all;
    memset(&all, 0, sizeof all);
    plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
    plim__envelope_remove_rule(envelope, NULL, "value");
    assert_int_equal(envelope_feed_cut(envelope, text, sizeof text - 1, 9), PLIM_OK);
    assert_int_equal(all.streamed_len, 0);
    assert_string_equal(all.message, "{\"id\":4,\"result\":{\"result\":{\"value\":\"x\"}}}");
    plim__envelope_add_rule(envelope, (plim__envelope_rule){.key = "value", .under = "result"});
    assert_int_equal(envelope_feed_cut(envelope, text, sizeof text - 1, 9), PLIM_OK);
    assert_int_equal(all.streamed_len, 1);
    plim__envelope_destroy(&envelope);
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "{",
        "}",
        "]",
        "[]",
        "1",
        "\"a\"",
        "{}{}",
        "{\"a\":}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":\"\\u00",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{]}",
        "{\"a\":1111111111111111111111111111111111111111}",
        "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"message\":\"\"}}",
        "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"message\":\"[]\"}}",
        "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"message\":\"{\"}}",
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"\n\"}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        envelope_refuses(bad[i], strlen(bad[i]), PLIM_ERR_PROTOCOL);
}

static void depth_ends_at_the_limit(void **state)
{
    (void)state;
    static char text[8 * PLIM_JSON_DEPTH_MAX];
    static heard all;
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t depth = PLIM_JSON_DEPTH_MAX - 1 + extra; /* of arrays, inside one object */
        size_t len = (size_t)snprintf(text, sizeof text, "{\"a\":");
        memset(text + len, '[', depth);
        memset(text + len + depth, ']', depth);
        len += 2 * depth;
        text[len++] = '}';
        memset(&all, 0, sizeof all);
        plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
        assert_int_equal(envelope_feed_cut(envelope, text, len, len / 2),
                         extra == 0 ? PLIM_OK : PLIM_ERR_LIMIT);
        plim__envelope_destroy(&envelope);
    }
}

/* A chunk of 200 MiB leaves no trace in memory; a control message of more than the limit ends. */
static void a_huge_chunk_is_not_held_and_a_huge_message_is_refused(void **state)
{
    (void)state;
    static const char head[] = "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"";
    static char piece[1 << 16];
    static heard all;
    memset(piece, 'x', sizeof piece);
    piece[100] = '\\';
    piece[101] = 'n';
    for (int is_chunk = 1; is_chunk >= 0; is_chunk--) {
        fault_allocator memory;
        fault_allocator_init(&memory, 0);
        memset(&all, 0, sizeof all);
        plim__envelope *envelope = envelope_new(&memory.allocator, &all);
        plim_status status = plim__envelope_feed(envelope, head, sizeof head - 1, NULL);
        status = plim__envelope_feed(envelope, is_chunk ? "chunk\":\"" : "other\":\"", 8, NULL);
        uint32_t pieces = 0;
        for (; pieces < 3200 && status == PLIM_OK; pieces++)
            status = plim__envelope_feed(envelope, piece, sizeof piece, NULL);
        if (is_chunk) {
            assert_int_equal(status, PLIM_OK);
            assert_int_equal(plim__envelope_feed(envelope, "\"}}", 3, NULL), PLIM_OK);
            assert_int_equal(plim__envelope_end(envelope, NULL), PLIM_OK);
            assert_int_equal(all.streamed_total, 3200u * (sizeof piece - 1));
            assert_true(memory.peak_bytes < 64 << 10);
        } else {
            assert_int_equal(status, PLIM_ERR_LIMIT);
            assert_true((uint64_t)pieces * sizeof piece <= PLIM_CONTROL_BYTES_MAX + sizeof piece);
            assert_true(memory.peak_bytes <= (int64_t)PLIM_CONTROL_BYTES_MAX + (64 << 10));
        }
        plim__envelope_destroy(&envelope);
        assert_int_equal(memory.live_bytes, 0);
    }
}

static void a_callback_that_fails_ends_the_feeding(void **state)
{
    (void)state;
    static const char text[] =
        "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":"
        "\"abc\"}}";
    static heard all;
    memset(&all, 0, sizeof all);
    all.refuse = PLIM_ERR_NO_SPACE;
    plim__envelope *envelope = envelope_new(plim_allocator_system(), &all);
    assert_int_equal(plim__envelope_feed(envelope, text, sizeof text - 1, NULL), PLIM_ERR_NO_SPACE);
    plim__envelope_destroy(&envelope);
    assert_null(envelope);
}

static void every_refused_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    static char text[20000];
    static heard all;
    size_t len = (size_t)snprintf(
        text, sizeof text,
        "{\"method\":\"NodeWorker.receivedMessageFromWorker\",\"params\":{\"pad\":\"%*s\","
        "\"message\":\"{\\\"id\\\":1}\"}}",
        9000, "x");
    plim_status status = PLIM_ERR_NO_MEMORY;
    for (uint64_t n = 1; status != PLIM_OK; n++) {
        fault_allocator memory;
        fault_allocator_init(&memory, n);
        memset(&all, 0, sizeof all);
        plim__envelope *envelope = envelope_new(&memory.allocator, &all);
        if (envelope != NULL)
            status = envelope_feed_cut(envelope, text, len, 5000);
        plim__envelope_destroy(&envelope);
        assert_true(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        assert_int_equal(memory.live_bytes, 0);
        assert_int_equal(memory.refused, status == PLIM_OK ? 0 : 1);
        assert_true(n < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_is_unescaped_wherever_it_is_cut),
        cmocka_unit_test(lone_surrogates_pair_with_nothing),
        cmocka_unit_test(other_keys_stand_beside_the_chunk),
        cmocka_unit_test(escaped_keys_and_methods_are_the_same_keys_and_methods),
        cmocka_unit_test(without_the_method_before_it_a_chunk_stays),
        cmocka_unit_test(a_message_in_a_message_is_taken_out),
        cmocka_unit_test(a_second_message_inside_stays_text),
        cmocka_unit_test(three_levels_are_taken_apart_and_a_fourth_stays_text),
        cmocka_unit_test(a_reply_is_streamed_with_its_id_at_either_end),
        cmocka_unit_test(a_rule_can_be_taken_away),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_ends_at_the_limit),
        cmocka_unit_test(a_huge_chunk_is_not_held_and_a_huge_message_is_refused),
        cmocka_unit_test(a_callback_that_fails_ends_the_feeding),
        cmocka_unit_test(every_refused_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

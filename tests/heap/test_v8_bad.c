/* SPDX-License-Identifier: MIT */
/*
 * V8 reader on texts that are wrong. Method: one small sound text in parts, of which each case
 * replaces one; then lies about counts with the memory they cost; then seeded random damage.
 */
#include <plimsoll/graph.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "fault_allocator.h"
#include "graph_text.h"
#include "heap/graph.h"
#include "heap/v8_check.h"
#include "streams.h"

#define FIELDS                                                                                     \
    "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"detachedness\"],"    \
    "\"node_types\":[[\"synthetic\",\"object\"],\"string\"],"                                      \
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"                                    \
    "\"edge_types\":[[\"property\",\"element\"],\"string_or_number\",\"node\"],"                   \
    "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]"
#define COUNTS    "\"node_count\":2,\"edge_count\":1"
#define NODES     "0,0,1,0,1,0, 1,1,3,8,0,0"
#define EDGES     "0,1,6"
#define LOCATIONS "6,7,1,1"
#define STRINGS   "\"root\",\"name\""

/* The parts of a text; NULL stands for the sound one. */
typedef struct parts {
    const char *fields, *counts, *nodes, *edges, *locations, *strings, *tail;
} parts;

static const char *or_else(const char *part, const char *sound)
{
    return part != NULL ? part : sound;
}

static size_t compose(char *out, size_t cap, parts p)
{
    int len =
        snprintf(out, cap,
                 "{\"snapshot\":{\"meta\":{%s},%s},\"nodes\":[%s],\"edges\":[%s],"
                 "\"locations\":[%s],\"strings\":[%s]%s",
                 or_else(p.fields, FIELDS), or_else(p.counts, COUNTS), or_else(p.nodes, NODES),
                 or_else(p.edges, EDGES), or_else(p.locations, LOCATIONS),
                 or_else(p.strings, STRINGS), or_else(p.tail, "}"));
    assert_true(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

static void assert_refused(const char *text, size_t len, plim_status wanted, const char *what)
{
    for (size_t chunk = 0; chunk < 4; chunk++) {
        plim_graph *graph = NULL;
        plim_error err = {0};
        plim_status status = test_read_text(text, len, chunk, NULL, &graph, &err);
        if (status != wanted || (what != NULL && strstr(err.what, what) == NULL))
            print_message("%.300s\n%s | %s\n", text, err.what, err.where);
        assert_int_equal(status, wanted);
        if (wanted == PLIM_OK) {
            assert_true(plim__graph_is_valid(graph));
            plim_graph_destroy(&graph);
            continue;
        }
        assert_null(graph);
        assert_int_equal(err.status, wanted);
        assert_string_not_equal(err.where, "");
        if (wanted == PLIM_ERR_DAMAGED || wanted == PLIM_ERR_TRUNCATED)
            assert_string_not_equal(err.hint, "");
        if (what != NULL)
            assert_non_null(strstr(err.what, what));
    }
}

static void assert_parts(parts p, plim_status wanted, const char *what)
{
    char text[4096];
    assert_refused(text, compose(text, sizeof text, p), wanted, what);
}

#define DAMAGED(what, ...) assert_parts((parts){__VA_ARGS__}, PLIM_ERR_DAMAGED, what)
#define SOUND(...)         assert_parts((parts){__VA_ARGS__}, PLIM_OK, NULL)

static void the_sound_text_is_sound(void **state)
{
    (void)state;
    SOUND(.tail = "}");
    SOUND(.tail = "} \n\t\r ");
    SOUND(.tail = ",\"samples\":[-1,1e9],\"more\":{\"a\":[{}]}}");
    SOUND(.nodes = "0,0,1,4294967295,1,0,1,1,3,4294967294,0,0");
    SOUND(.locations = "");
    SOUND(.locations = "6,7,-1,-1");
    SOUND(.locations = "6,1,1,1,6,2,2,2,0,3,3,3");
    SOUND(.nodes = " 0 ,\n0 , 1,\t0,1,0\r\n,1,1,3,8,0,3 ");
}

static void what_is_no_snapshot_is_said_to_be_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        plim_status status;
        const char *what;
    } CASES[] = {
        {"", PLIM_ERR_TRUNCATED, "empty"},
        {"   ", PLIM_ERR_TRUNCATED, NULL},
        {"hello", PLIM_ERR_DAMAGED, "`h`"},
        {"[1,2]", PLIM_ERR_DAMAGED, "`[`"},
        {"\x7f"
         "ELF",
         PLIM_ERR_DAMAGED, "0x7f"},
        {"{}", PLIM_ERR_DAMAGED, "no `snapshot`"},
        {"{\"head\":{\"id\":1},\"samples\":[]}", PLIM_ERR_DAMAGED, "no `snapshot`"},
        {"{\"snapshot\":[]}", PLIM_ERR_DAMAGED, "`snapshot`"},
        {"{\"snapshot\":{}}", PLIM_ERR_DAMAGED, "meta has no"},
        {"{\"nodes\":[]}", PLIM_ERR_DAMAGED, "before `snapshot`"},
        {"{\"locations\":[1]}", PLIM_ERR_DAMAGED, "before `snapshot`"},
        {"{\"strings\":{}}", PLIM_ERR_DAMAGED, "`[`"},
        {"{,}", PLIM_ERR_DAMAGED, "a key"},
        {"{\"a\":1,}", PLIM_ERR_DAMAGED, "a key"},
        {"{\"a\" 1}", PLIM_ERR_DAMAGED, "a colon"},
        {"{\"a\":}", PLIM_ERR_DAMAGED, "a value"},
        {"{\"a\":[1,]}", PLIM_ERR_DAMAGED, "a value"},
        {"{\"a\":[1 2]}", PLIM_ERR_DAMAGED, "a comma or `]`"},
        {"{\"a\":[1}}", PLIM_ERR_DAMAGED, "a comma or `]`"},
        {"{\"a\":1]", PLIM_ERR_DAMAGED, "a comma or `}`"},
        {"{\"a\":01}", PLIM_ERR_DAMAGED, NULL},
        {"{\"a\":-}", PLIM_ERR_DAMAGED, "number"},
        {"{\"a\":1.}", PLIM_ERR_DAMAGED, "number"},
        {"{\"a\":1e}", PLIM_ERR_DAMAGED, "number"},
        {"{\"a\":1e+}", PLIM_ERR_DAMAGED, "number"},
        {"{\"a\":.5}", PLIM_ERR_DAMAGED, NULL},
        {"{\"a\":tru}", PLIM_ERR_DAMAGED, "true"},
        {"{\"a\":nulL}", PLIM_ERR_DAMAGED, "null"},
        {"{\"a\":\"\\x\"}", PLIM_ERR_DAMAGED, "escape"},
        {"{\"a\":\"\\u12g4\"}", PLIM_ERR_DAMAGED, "hexadecimal"},
        {"{\"a\":\"\n\"}", PLIM_ERR_DAMAGED, "control character"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_refused(CASES[i].text, strlen(CASES[i].text), CASES[i].status, CASES[i].what);
}

static void numbers_that_no_graph_can_have_are_refused(void **state)
{
    (void)state;
    static const char FORTY[] = "1234567890123456789012345678901234567890";
    char text[128];
    (void)snprintf(text, sizeof text, "0,0,%s,0,1,0,1,1,3,8,0,0", FORTY);
    DAMAGED("64 bits", .nodes = text);
    (void)snprintf(text, sizeof text, "0,1,%s", FORTY);
    DAMAGED("64 bits", .edges = text);
    (void)snprintf(text, sizeof text, "\"node_count\":%s,\"edge_count\":1", FORTY);
    DAMAGED("no count", .counts = text);
    (void)snprintf(text, sizeof text, ",\"trace_tree\":[%s]}", FORTY);
    SOUND(.tail = text);
    DAMAGED("64 bits", .nodes = "0,0,18446744073709551616,0,1,0,1,1,3,8,0,0");
    DAMAGED("64 bits", .nodes = "0,0,000000000000000000001,0,1,0,1,1,3,8,0,0");
    SOUND(.nodes = "0,0,18446744073709551615,0,1,0,1,1,3,8,0,0");
    SOUND(.nodes = "0,0,00000000000000000001,0,1,0,1,1,3,8,0,0");
    DAMAGED("negative", .nodes = "0,0,-1,0,1,0,1,1,3,8,0,0");
    DAMAGED("negative", .edges = "0,1,-6");
    DAMAGED("comma", .nodes = "0,0,1.5,0,1,0,1,1,3,8,0,0");
    DAMAGED("comma", .nodes = "0,0,1e3,0,1,0,1,1,3,8,0,0");
    DAMAGED("no number", .nodes = "0,0,,0,1,0,1,1,3,8,0,0");
    DAMAGED("no number", .nodes = "0,0,1,0,1,0,1,1,3,8,0,0,");
    DAMAGED("no number", .nodes = "0,0,\"1\",0,1,0,1,1,3,8,0,0");
    DAMAGED("no number", .locations = "6,7,--1,1");
    DAMAGED("no number", .locations = "6,7,- 1,1");
    DAMAGED("comma", .edges = "0,1 6");
    DAMAGED("more than 64 bits",
            .nodes = "0,0,1,18446744073709551615,1,0,1,1,3,18446744073709551615,0,0");
}

static void indexes_out_of_range_are_refused(void **state)
{
    (void)state;
    DAMAGED("`to_node`", .edges = "0,1,12");
    DAMAGED("multiple", .edges = "0,1,7");
    DAMAGED("`to_node`", .edges = "0,1,18446744073709551612");
    DAMAGED("string 2 of 2", .edges = "0,2,6");
    DAMAGED("string 4294967295 of 2", .edges = "0,4294967295,6");
    DAMAGED("`name_or_index`", .edges = "0,4294967296,6");
    DAMAGED("`name_or_index`", .edges = "1,4294967296,6");
    SOUND(.edges = "1,4294967295,6");
    DAMAGED("`type`", .edges = "2,1,6");
    DAMAGED("`type`", .edges = "256,1,6");
    DAMAGED("`type`", .nodes = "0,0,1,0,1,0,2,1,3,8,0,0");
    DAMAGED("string 2 of 2", .nodes = "0,0,1,0,1,0,1,2,3,8,0,0");
    DAMAGED("`name`", .nodes = "0,0,1,0,1,0,1,4294967295,3,8,0,0");
    DAMAGED("string 0 of 0", .strings = "");
    DAMAGED("no node begins", .locations = "12,7,1,1");
    DAMAGED("no node begins", .locations = "5,7,1,1");
    DAMAGED("no node begins", .locations = "-6,7,1,1");
    DAMAGED("32 bits", .locations = "6,4294967296,1,1");
}

static void counts_that_lie_are_found_out(void **state)
{
    (void)state;
    DAMAGED("announces 3 nodes but has 2", .counts = "\"node_count\":3,\"edge_count\":1");
    DAMAGED("announces 1 nodes but has at least 2", .counts = "\"node_count\":1,\"edge_count\":1");
    DAMAGED("announces 2 edges but has 1", .counts = "\"node_count\":2,\"edge_count\":2");
    DAMAGED("claim more edges", .counts = "\"node_count\":2,\"edge_count\":0");
    DAMAGED("claim 0 edges together, but there are 1", .nodes = "0,0,1,0,0,0,1,1,3,8,0,0");
    DAMAGED("claim more edges", .nodes = "0,0,1,0,1,0,1,1,3,8,4294967296,0");
    DAMAGED("claim more edges", .nodes = "0,0,1,0,1,0,1,1,3,8,18446744073709551615,0");
    DAMAGED("announces 2 nodes", .nodes = "");
    DAMAGED("no nodes", .nodes = "", .edges = "", .locations = "",
            .counts = "\"node_count\":0,\"edge_count\":0");
    DAMAGED("last row", .nodes = "0,0,1,0,1,0,1,1,3,8,0");
    DAMAGED("last row", .edges = "0,1,6,0");
    DAMAGED("last row", .locations = "6,7,1");
    DAMAGED("does not say", .counts = "\"edge_count\":1");
    DAMAGED("no count", .counts = "\"node_count\":-2,\"edge_count\":1");
    DAMAGED("no count", .counts = "\"node_count\":2.0,\"edge_count\":1");
    DAMAGED("end of the text", .counts = COUNTS "}},{");
}

static void sections_may_stand_once(void **state)
{
    (void)state;
    DAMAGED("`nodes` is there twice", .tail = ",\"nodes\":[]}");
    DAMAGED("`strings` is there twice", .tail = ",\"strings\":[]}");
    DAMAGED("`snapshot` is there twice", .tail = ",\"snapshot\":{}}");
    DAMAGED("a string", .strings = "\"root\",\"name\",7");
    DAMAGED("a string", .strings = "\"root\",[\"name\"]");
    DAMAGED("end of the text", .tail = "}}");
    DAMAGED("end of the text", .tail = "} x");
    SOUND(.tail = ",\"other\":1,\"other\":2}");
}

static void a_meta_that_lacks_what_rows_need_is_refused(void **state)
{
    (void)state;
#define EDGE_META                                                                                  \
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"                                    \
    "\"edge_types\":[[\"property\"],\"string_or_number\",\"node\"]"
    DAMAGED("`edge_count` in `node_fields`",
            .fields = "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\"],"
                      "\"node_types\":[[\"object\"]]," EDGE_META);
    DAMAGED("no node types",
            .fields = "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"],"
                      "\"node_types\":[\"object\"]," EDGE_META);
    DAMAGED("`type` in `edge_fields`",
            .fields = "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\","
                      "\"edge_count\"],\"node_types\":[[\"object\"]]");
    char many[2048] = "\"node_fields\":[\"x\"";
    for (int i = 0; i < PLIM_FIELDS_MAX; i++)
        strcat(many, ",\"x\""); /* plim-tidy: allow banned: the buffer holds 64 times 4 bytes */
    strcat(many, "]");          /* plim-tidy: allow banned: as above */
    assert_parts((parts){.fields = many}, PLIM_ERR_LIMIT, "fields");
}

static void a_head_without_end_is_cut_off(void **state)
{
    (void)state;
    size_t len = PLIM_META_BYTES_MAX + 100;
    test_sink text = {0};
    plim_sink sink = test_sink_view(&text);
    assert_int_equal(sink.write(sink.ctx, "{\"snapshot\":{\"x\":\"", 18, NULL), PLIM_OK);
    while (text.len < len)
        assert_int_equal(sink.write(sink.ctx, "aaaaaaaaaaaaaaaa", 16, NULL), PLIM_OK);
    plim_graph *graph = NULL;
    plim_error err = {0};
    assert_int_equal(test_read_text(text.data, text.len, 0, NULL, &graph, &err), PLIM_ERR_LIMIT);
    assert_non_null(strstr(err.what, "longer than"));
    test_sink_fini(&text);
}

static void nesting_has_a_bottom(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        for (int over = 0; over < 2; over++) {
            /* The root object is the first level; the last is allowed. */
            int depth = PLIM_JSON_DEPTH_MAX - 1 + over;
            test_sink text = {0};
            plim_sink sink = test_sink_view(&text);
            const char *open = way == 0 ? "[" : "{\"a\":", *close = way == 0 ? "]" : "}";
            assert_int_equal(sink.write(sink.ctx, "{\"a\":", 5, NULL), PLIM_OK);
            for (int i = 0; i < depth; i++)
                assert_int_equal(sink.write(sink.ctx, open, strlen(open), NULL), PLIM_OK);
            if (way == 1)
                assert_int_equal(sink.write(sink.ctx, "1", 1, NULL), PLIM_OK);
            for (int i = 0; i < depth; i++)
                assert_int_equal(sink.write(sink.ctx, close, 1, NULL), PLIM_OK);
            assert_int_equal(sink.write(sink.ctx, "}", 1, NULL), PLIM_OK);
            assert_refused(text.data, text.len, over == 1 ? PLIM_ERR_LIMIT : PLIM_ERR_DAMAGED,
                           over == 1 ? "nests over" : "no `snapshot`");
            test_sink_fini(&text);
        }
    }
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "\x80",         "\xc1\xbf",         "\xc3",      "\xc3(",
        "\xe0\x9f\xbf", "\xe6\x95",         "\xe6\x95(", "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5",      "\xff",
        "\xc3\\n",      "\xe6\x95\xb0\xb0",
    };
    static const char *const GOOD[] = {"\xc3\xbc",         "\xe6\x95\xb0",     "\xed\xa0\xbd",
                                       "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\x7f"};
    char strings[64];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        (void)snprintf(strings, sizeof strings, "\"root\",\"a%sb\"", BAD[i]);
        DAMAGED("not UTF-8", .strings = strings);
        (void)snprintf(strings, sizeof strings, "\"root\",\"%s\"", BAD[i]);
        DAMAGED("not UTF-8", .strings = strings);
        (void)snprintf(strings, sizeof strings, ",\"a%s\":1}", BAD[i]);
        DAMAGED("not UTF-8", .tail = strings);
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        (void)snprintf(strings, sizeof strings, "\"root\",\"a%sb\"", GOOD[i]);
        SOUND(.strings = strings);
    }
}

static void a_lie_costs_no_memory(void **state)
{
    (void)state;
    static const char *const LIES[] = {
        "\"node_count\":2147483648,\"edge_count\":1",
        "\"node_count\":2,\"edge_count\":2147483648",
        "\"node_count\":4294967294,\"edge_count\":4294967294",
        "\"node_count\":9223372036854775808,\"edge_count\":1",
        "\"node_count\":2,\"edge_count\":18446744073709551615",
    };
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        char text[4096];
        size_t len = compose(text, sizeof text, (parts){.counts = LIES[i]});
        for (size_t chunk = 0; chunk < 2; chunk++) {
            fault_allocator count;
            fault_allocator_init(&count, 0);
            plim_graph *graph = NULL;
            plim_error err = {0};
            plim_status status = test_read_text(text, len, chunk, &count.allocator, &graph, &err);
            /* Without a known size a count beyond 32 bits may be true elsewhere: our limit. */
            assert_int_equal(status, i >= 3 && chunk == 1 ? PLIM_ERR_LIMIT : PLIM_ERR_DAMAGED);
            assert_null(graph);
            assert_int_equal(atomic_load(&count.live_bytes), 0);
            assert_true(atomic_load(&count.peak_bytes) < 2 * PLIM_READ_CHUNK_BYTES);
        }
    }
}

/* Small and repeatable: bytes flipped, dropped, doubled; what is read must at least be valid. */
static void random_damage_never_gives_a_graph_that_breaks_its_rules(void **state)
{
    (void)state;
    uint32_t seed = 20240229;
    char sound[4096], text[8192];
    size_t len = compose(sound, sizeof sound, (parts){0});
    unsigned read = 0;
    for (int round = 0; round < 20000; round++) {
        memcpy(text, sound, len);
        size_t now = len;
        seed = seed * 1664525u + 1013904223u;
        for (uint32_t n = seed >> 30; n < 4; n++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 8) % now;
            unsigned kind = seed >> 29;
            if (kind < 4)
                text[at] = "0123456789,]}[{\"\\-. u"[seed % 21];
            else if (kind < 6)
                memmove(text + at, text + at + 1, --now - at);
            else if (now + at < sizeof text)
                memmove(text + at + 1, text + at, now++ - at);
        }
        plim_graph *graph = NULL;
        if (test_read_text(text, now, (size_t)round % 5, NULL, &graph, NULL) == PLIM_OK) {
            assert_true(plim__graph_is_valid(graph));
            plim_graph_destroy(&graph);
            read++;
        }
    }
    assert_true(read > 100 && read < 20000);
}

static void a_failed_check_stays_failed(void **state)
{
    (void)state;
    plim__v8_check *check = NULL;
    plim_error err = {0};
    assert_int_equal(plim__v8_check_create(NULL, &check, &err), PLIM_OK);
    assert_int_equal(plim__v8_check_feed(check, "{\"a\":x", 6, &err), PLIM_ERR_DAMAGED);
    assert_string_equal(err.where, "section `another section`, byte 5");
    plim_error again = {0};
    assert_int_equal(plim__v8_check_feed(check, "1}", 2, &again), PLIM_ERR_DAMAGED);
    assert_string_equal(again.what, err.what);
    plim_error at_end = {0};
    plim__v8_check_result result;
    assert_int_equal(plim__v8_check_finish(check, &result, &at_end), PLIM_ERR_DAMAGED);
    assert_string_equal(at_end.what, err.what);
    assert_int_equal(result.node_count, 0);
    plim__v8_check_destroy(&check);
    plim__v8_check_destroy(&check);
    plim__v8_check_destroy(NULL);
}

static plim_status checked(parts p)
{
    char text[4096];
    size_t len = compose(text, sizeof text, p);
    plim__v8_check *check = NULL;
    assert_int_equal(plim__v8_check_create(NULL, &check, NULL), PLIM_OK);
    assert_int_equal(plim__v8_check_feed(check, text, len, NULL), PLIM_OK);
    plim_status status = plim__v8_check_finish(check, NULL, NULL);
    plim__v8_check_destroy(&check);
    return status;
}

/* A piece lost between two strings leaves good JSON: "ro" and "me" where "root","name" stood. */
static void strings_that_were_lost_on_the_way_are_missed(void **state)
{
    (void)state;
    assert_int_equal(checked((parts){0}), PLIM_OK);
    assert_int_equal(checked((parts){.strings = "\"rome\""}), PLIM_ERR_DAMAGED);
    assert_int_equal(checked((parts){.edges = "0,2,6"}), PLIM_ERR_DAMAGED);
    assert_int_equal(checked((parts){.edges = "1,2,6"}), PLIM_OK); /* an index is no name */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sound_text_is_sound),
        cmocka_unit_test(what_is_no_snapshot_is_said_to_be_none),
        cmocka_unit_test(numbers_that_no_graph_can_have_are_refused),
        cmocka_unit_test(indexes_out_of_range_are_refused),
        cmocka_unit_test(counts_that_lie_are_found_out),
        cmocka_unit_test(sections_may_stand_once),
        cmocka_unit_test(a_meta_that_lacks_what_rows_need_is_refused),
        cmocka_unit_test(a_head_without_end_is_cut_off),
        cmocka_unit_test(nesting_has_a_bottom),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_lie_costs_no_memory),
        cmocka_unit_test(random_damage_never_gives_a_graph_that_breaks_its_rules),
        cmocka_unit_test(a_failed_check_stays_failed),
        cmocka_unit_test(strings_that_were_lost_on_the_way_are_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

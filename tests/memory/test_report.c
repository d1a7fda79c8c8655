/* SPDX-License-Identifier: MIT */
/* Reports. Method: a manager whose figures are known, its report compared with the text as it is to
   be; JSON read back by a parser of somebody else (jansson) and held against the statistics. */
#include <plimsoll/fingerprint.h>
#include <plimsoll/memory.h>

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct page {
    char text[1 << 18];
    size_t length;
    size_t longest;
    unsigned calls;
    unsigned fail_at;
} page;

static plim_status page_write(void *ctx, const void *data, size_t length, plim_error *err)
{
    page *p = ctx;
    if (++p->calls == p->fail_at)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "the page is full");
    assert_true(p->length + length < sizeof p->text);
    memcpy(p->text + p->length, data, length);
    p->length += length;
    p->text[p->length] = '\0';
    p->longest = length > p->longest ? length : p->longest;
    return PLIM_OK;
}

static page written;

static const char *report_of(plim_manager *manager, plim_report_form form)
{
    memset(&written, 0, sizeof written);
    plim_sink sink = {&written, page_write};
    assert_int_equal(plim_report(manager, form, sink, NULL), PLIM_OK);
    assert_in_range(written.longest, 1, 4096);
    return written.text;
}

static plim_domain domain_make(plim_manager *manager, const char *name, plim_domain parent,
                               size_t limit)
{
    plim_domain_options options = {
        .struct_bytes = sizeof options, .limit_bytes = limit, .parent = parent};
    plim_domain domain;
    assert_int_equal(plim_domain_create(manager, name, &options, &domain, NULL), PLIM_OK);
    return domain;
}

static plim_manager *manager_make(plim_verify verify)
{
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .name = "ship",
                                    .total_bytes = 1 << 20,
                                    .domain_count_max = 4,
                                    .verify = verify,
                                    .watch_every = 1};
    plim_manager *manager = NULL;
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
    return manager;
}

/* net holds 12 KiB and was refused twice; disk lends to it; parser is below net. */
static plim_manager *world_make(plim_verify verify, void *blocks[2])
{
    plim_manager *manager = manager_make(verify);
    plim_domain none = {0};
    plim_domain net = domain_make(manager, "net", none, 64 << 10);
    plim_domain disk = domain_make(manager, "disk", none, 128 << 10);
    (void)domain_make(manager, "parser", net, 16 << 10);
    assert_int_equal(plim_domain_share_set(disk, net, 32 << 10), PLIM_OK);
    assert_int_equal(plim_domain_lend(disk, net, 8 << 10, NULL), PLIM_OK);
    blocks[0] = plim__alloc_in(net, 4096, "src/net.c:10");
    blocks[1] = plim__alloc_in(net, 8192, "src/net.c:11");
    assert_true(blocks[0] != NULL && blocks[1] != NULL);
    assert_null(plim__alloc_in(net, 60 << 10, "src/net.c:12"));
    assert_null(plim__alloc_in(net, 60 << 10, "src/net.c:12"));
    (void)plim_manager_trim(manager);
    return manager;
}

/* The head, as printf writes it. */
static void head_expected(plim_manager *manager, char *out, size_t cap)
{
    plim_manager_stats s;
    plim_manager_stats_read(manager, &s);
    (void)snprintf(out, cap,
                   "manager ship: backing map, level minimal\n"
                   "total 1,048,576 bytes, 851,968 of them granted to no domain\n"
                   "held  %" PRIu64 ",%03" PRIu64 " bytes = 12,288 used + 0 cached + ",
                   s.held_bytes / 1000, s.held_bytes % 1000);
}

static void the_text_is_a_table_with_a_row_for_each_domain(void **state)
{
    (void)state;
    void *blocks[2];
    plim_manager *manager = world_make(PLIM_VERIFY_MINIMAL, blocks);
    const char *text = report_of(manager, PLIM_REPORT_TEXT);
    char head[256];
    head_expected(manager, head, sizeof head);
    assert_memory_equal(text, head, strlen(head));
    const char *table = strstr(text, "\n\n");
    assert_non_null(table);
    assert_string_equal(
        table + 2,
        "domain                  limit       used     cached       peak   blocks  refused\n"
        "net                  56.0 KiB   12.0 KiB        0 B   12.0 KiB        2        2\n"
        "  parser             16.0 KiB        0 B        0 B        0 B        0        0\n"
        "disk                120.0 KiB        0 B        0 B        0 B        0        0\n"
        "\n"
        "lender            borrower                 lent      quota\n"
        "disk              net                   8.0 KiB   32.0 KiB\n"
        "\n"
        "refused               times  at\n"
        "net                       2  src/net.c:12\n"
        "\n"
        "holds             type                bytes   blocks  taken at\n"
        "net               8192 B            8.0 KiB        1  -\n"
        "net               4096 B            4.0 KiB        1  -\n"
        "fingerprint 0x13ac023a0b892e6e\n");
    plim_free(blocks[0]);
    plim_free(blocks[1]);
    plim_manager_destroy(&manager);
}

static void what_was_asked_for_has_a_column_where_the_level_keeps_it(void **state)
{
    (void)state;
    plim_manager *manager = manager_make(PLIM_VERIFY_FULL);
    plim_domain none = {0}, net = domain_make(manager, "net", none, 64 << 10);
    void *block = plim__alloc_in(net, 5000, "net.c:1");
    assert_non_null(block);
    const char *text = report_of(manager, PLIM_REPORT_TEXT);
    assert_non_null(strstr(
        text, "domain                  limit       used     cached       peak  asked for   blocks"
              "  refused\n"
              "net                  64.0 KiB    5.0 KiB        0 B    5.0 KiB    4.8 KiB        1"
              "        0\n"));
    plim_free(block);
    plim_manager_destroy(&manager);
}

static json_t *json_of(plim_manager *manager)
{
    json_error_t error;
    json_t *root = json_loads(report_of(manager, PLIM_REPORT_JSON), 0, &error);
    if (root == NULL)
        print_error("%s at %d: %s\n", error.text, error.position, written.text);
    assert_non_null(root);
    return root;
}

static uint64_t figure(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        print_error("no %s\n", key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static void the_json_says_what_the_statistics_say_and_adds_up(void **state)
{
    (void)state;
    void *blocks[2];
    plim_manager *manager = world_make(PLIM_VERIFY_MINIMAL, blocks);
    json_t *root = json_of(manager);
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "plim.report/1");
    const json_t *whole = json_object_get(root, "manager");
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    assert_int_equal(figure(whole, "held_bytes"), stats.held_bytes);
    assert_int_equal(figure(whole, "held_bytes"),
                     figure(whole, "used_bytes") + figure(whole, "cached_bytes") +
                         figure(whole, "slack_bytes") + figure(whole, "free_bytes") +
                         figure(whole, "tables_bytes"));
    assert_int_equal(figure(whole, "refusal_count"), 2);
    const json_t *domains = json_object_get(root, "domains");
    assert_int_equal(json_array_size(domains), 3);
    uint64_t used = 0;
    for (size_t i = 0; i < 3; i++)
        used += figure(json_array_get(domains, i), "used_bytes");
    assert_int_equal(used, figure(whole, "used_bytes"));
    const json_t *net = json_array_get(domains, 0), *parser = json_array_get(domains, 1);
    assert_string_equal(json_string_value(json_object_get(net, "name")), "net");
    assert_true(json_is_null(json_object_get(net, "parent")));
    assert_int_equal(figure(net, "limit_bytes"), 56 << 10);
    assert_int_equal(figure(net, "configured_bytes"), 64 << 10);
    assert_int_equal(figure(net, "borrowed_bytes"), 8 << 10);
    assert_int_equal(figure(net, "refusal_count"), 2);
    assert_true(json_is_null(json_object_get(net, "requested_bytes")));
    assert_string_equal(json_string_value(json_object_get(parser, "parent")), "net");
    const json_t *share = json_array_get(json_object_get(root, "shares"), 0);
    assert_string_equal(json_string_value(json_object_get(share, "lender")), "disk");
    assert_string_equal(json_string_value(json_object_get(share, "borrower")), "net");
    assert_int_equal(figure(share, "lent_bytes"), 8 << 10);
    assert_int_equal(figure(share, "quota_bytes"), 32 << 10);
    const json_t *refusals = json_object_get(root, "refusals");
    assert_int_equal(json_array_size(refusals), 1);
    assert_int_equal(figure(json_array_get(refusals, 0), "count"), 2);
    assert_int_equal(figure(root, "refusals_elsewhere"), 0);
    json_decref(root);
    plim_manager_destroy(&manager);
}

static void names_and_sites_are_escaped_in_both_forms(void **state)
{
    (void)state;
    plim_manager *manager = manager_make(PLIM_VERIFY_MINIMAL);
    plim_domain none = {0};
    plim_domain odd =
        domain_make(manager, "a\"\\\n\x01\x7f\xc3\xa9\xff\xc0\xaf\xed\xa0\x80", none, 4096);
    assert_null(plim__alloc_in(odd, 8192, "C:\\src\\\"x\".c:1"));
    json_t *root = json_of(manager);
    const json_t *row = json_array_get(json_object_get(root, "domains"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "name")),
                        "a\"\\\n\x01\x7f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xef\xbf\xbd\xef\xbf\xbd");
    const json_t *refusal = json_array_get(json_object_get(root, "refusals"), 0);
    assert_string_equal(json_string_value(json_object_get(refusal, "site")), "C:\\src\\\"x\".c:1");
    json_decref(root);
    const char *text = report_of(manager, PLIM_REPORT_TEXT);
    assert_non_null(strstr(text, "\na\"\\???\xc3\xa9?????? "));
    plim_manager_destroy(&manager);
}

static void a_manager_without_domains_has_a_report(void **state)
{
    (void)state;
    plim_manager *manager = manager_make(PLIM_VERIFY_MINIMAL);
    json_t *root = json_of(manager);
    assert_int_equal(json_array_size(json_object_get(root, "domains")), 0);
    json_decref(root);
    assert_non_null(strstr(report_of(manager, PLIM_REPORT_TEXT), "0 used + 0 cached"));
    plim_manager_destroy(&manager);
}

static void refusals_at_more_places_than_rows_are_summed(void **state)
{
    (void)state;
    static char sites[100][16];
    plim_manager *manager = manager_make(PLIM_VERIFY_MINIMAL);
    plim_domain none = {0}, small = domain_make(manager, "small", none, 16);
    uint64_t counted = 0;
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(sites[i], sizeof sites[i], "x.c:%u", i);
        assert_null(plim__alloc_in(small, 64, sites[i]));
    }
    json_t *root = json_of(manager);
    const json_t *refusals = json_object_get(root, "refusals");
    for (size_t i = 0; i < json_array_size(refusals); i++)
        counted += figure(json_array_get(refusals, i), "count");
    assert_int_equal(counted + figure(root, "refusals_elsewhere"), 100);
    assert_true(figure(root, "refusals_elsewhere") > 0);
    json_decref(root);
    assert_non_null(strstr(report_of(manager, PLIM_REPORT_TEXT), "more places than are counted"));
    plim_manager_destroy(&manager);
}

/* Two domains, three classes and whole pages, more sites than a report has rows at a time. */
static void the_fingerprint_is_that_of_the_manager_row_by_row(void **state)
{
    (void)state;
    static char sites[200][16];
    static plim_fingerprint_row rows[600];
    static void *blocks[200][3];
    for (plim_verify level = PLIM_VERIFY_MINIMAL; level <= PLIM_VERIFY_REDUNDANT; level++) {
        plim_manager *manager = manager_make(level);
        plim_domain none = {0}, ui = domain_make(manager, "ui", none, 400 << 10);
        plim_domain net = domain_make(manager, "net", none, 600 << 10);
        uint64_t bytes = 0, count = 0;
        for (unsigned i = 0; i < 200; i++) {
            (void)snprintf(sites[i], sizeof sites[i], "y.c:%u", i);
            blocks[i][0] = plim__alloc_in(net, 50, sites[i]);
            blocks[i][1] = plim__alloc_in(i % 2 == 0 ? net : ui, 50, sites[i]);
            blocks[i][2] = plim__alloc_in(ui, i == 7 ? 40000 : 1000, sites[i]);
        }
        for (unsigned i = 0; i < 200; i += 3)
            plim_free(blocks[i][2]); /* some of them into this thread's cache */
        plim_fingerprint fingerprint;
        plim_fingerprint_start(&fingerprint, rows, 600);
        plim_fingerprint_add_manager(&fingerprint, manager);
        for (unsigned i = 0; i < fingerprint.row_count; i++) {
            const plim_fingerprint_row *row = &rows[i];
            bytes += row->bytes;
            count += row->count;
            assert_true(row->count > 0);
            assert_int_equal(row->site[0] != '\0', level >= PLIM_VERIFY_FULL);
            if (strcmp(row->site, "y.c:8") == 0 && strcmp(row->owner, "net") == 0)
                assert_int_equal(row->count, 2);
        }
        plim_manager_stats stats;
        plim_manager_stats_read(manager, &stats);
        assert_int_equal(bytes, stats.used_bytes);
        assert_int_equal(count, stats.allocation_count);
        assert_int_equal(count, 600 - 67);
        assert_int_equal(fingerprint.row_count, level < PLIM_VERIFY_FULL ? 4 : 433);
        json_t *root = json_of(manager);
        const json_t *print = json_object_get(root, "fingerprint");
        const json_t *told = json_object_get(print, "rows");
        char digest[24];
        (void)snprintf(digest, sizeof digest, "0x%016" PRIx64,
                       plim_fingerprint_digest(&fingerprint));
        assert_int_equal(json_array_size(told), fingerprint.row_count);
        assert_string_equal(json_string_value(json_object_get(print, "digest")), digest);
        for (unsigned i = 0; i < fingerprint.row_count; i++) {
            const json_t *row = json_array_get(told, i);
            assert_string_equal(json_string_value(json_object_get(row, "owner")), rows[i].owner);
            assert_string_equal(json_string_value(json_object_get(row, "kind")), rows[i].kind);
            assert_string_equal(json_string_value(json_object_get(row, "site")), rows[i].site);
            assert_int_equal(figure(row, "count"), rows[i].count);
            assert_int_equal(figure(row, "bytes"), rows[i].bytes);
        }
        json_decref(root);
        const char *text = report_of(manager, PLIM_REPORT_TEXT);
        assert_non_null(strstr(text, digest));
        assert_non_null(strstr(text, "\nui                large            40.0 KiB        1  "));
        plim_manager_destroy(&manager);
    }
}

static void a_sink_that_fails_ends_the_report_with_its_status(void **state)
{
    (void)state;
    void *blocks[2];
    plim_manager *manager = world_make(PLIM_VERIFY_MINIMAL, blocks);
    const plim_report_form forms[] = {PLIM_REPORT_TEXT, PLIM_REPORT_JSON};
    for (unsigned f = 0; f < 2; f++) {
        (void)report_of(manager, forms[f]);
        unsigned calls = written.calls;
        assert_true(calls > 1);
        for (unsigned n = 1; n <= calls; n++) {
            static page p;
            memset(&p, 0, sizeof p);
            p.fail_at = n;
            plim_sink sink = {&p, page_write};
            plim_error err = {0};
            assert_int_equal(plim_report(manager, forms[f], sink, &err), PLIM_ERR_NO_SPACE);
            assert_string_equal(err.what, "the page is full");
            assert_int_equal(p.calls, n);
        }
    }
    plim_manager_destroy(&manager);
}

static void a_report_takes_no_memory(void **state)
{
    (void)state;
    void *blocks[2];
    plim_manager *manager = world_make(PLIM_VERIFY_MINIMAL, blocks);
    plim_manager_stats before, after;
    plim_manager_stats_read(manager, &before);
    (void)report_of(manager, PLIM_REPORT_JSON);
    (void)report_of(manager, PLIM_REPORT_TEXT);
    plim_manager_stats_read(manager, &after);
    assert_memory_equal(&before, &after, sizeof before);
    plim_manager_destroy(&manager);
}

/* jansson's memory is clear before it writes: MemorySanitizer does not see its stores, and would
   say that what the tests read there was never written. */
static void *clear_malloc(size_t bytes)
{
    return calloc(1, bytes);
}

int main(void)
{
    json_set_alloc_funcs(clear_malloc, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_a_table_with_a_row_for_each_domain),
        cmocka_unit_test(what_was_asked_for_has_a_column_where_the_level_keeps_it),
        cmocka_unit_test(the_json_says_what_the_statistics_say_and_adds_up),
        cmocka_unit_test(names_and_sites_are_escaped_in_both_forms),
        cmocka_unit_test(a_manager_without_domains_has_a_report),
        cmocka_unit_test(refusals_at_more_places_than_rows_are_summed),
        cmocka_unit_test(the_fingerprint_is_that_of_the_manager_row_by_row),
        cmocka_unit_test(a_sink_that_fails_ends_the_report_with_its_status),
        cmocka_unit_test(a_report_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The self-test of a bare build, the same on the host and on the board: through the installed
 * headers, as a program would. It prints a line per case and ends in a verdict.
 * Built with PLIM_PLANT it plants a fault: 1 a result that is wrong, 2 a check that fails, 3 an
 * instruction that traps. Each must show in the output and in the exit code.
 */
#include <plimsoll/bare.h>
#include <plimsoll/error.h>
#include <plimsoll/memory.h>
#include <plimsoll/pool.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "board.h"

#ifndef PLIM_PLANT
#define PLIM_PLANT 0
#endif

enum { DOMAINS = 4 };
#define BLOCK_BYTES 48u

/* What the manager of each case stands on: 24 KiB on the board. */
static unsigned char storage[6 * 1024 * sizeof(void *)];
static const plim_domain NOBODY;
static unsigned fault_count;
static unsigned panic_count;

PLIM_PRINTF(1, 2)
static void say(const char *format, ...)
{
    char line[160];
    plim__text text;
    plim__text_init(&text, line, sizeof line);
    va_list arguments;
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
    board_write(line, text.length);
}

static void expect(bool holds, int line, const char *what)
{
    if (holds)
        return;
    fault_count++;
    say("  line %d: not so: %s\n", line, what);
}

#define EXPECT(condition) expect((condition), __LINE__, #condition)

static void on_failed(const char *file, int line, const char *text)
{
    say("%s:%d: check failed: %s\nVERDICT failed\n", file, line, text);
    board_exit(2);
}

static void on_panic(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    panic_count++;
    EXPECT(panic->invariant[0] != '\0' && panic->what[0] != '\0');
}

static void errors_have_their_sentence(void)
{
    plim_error err = {0};
    EXPECT(plim_error_set(&err, PLIM_ERR_BUDGET, "%s: %zu of %llu bytes, %u%%", "net", (size_t)1,
                          1ULL << 40, 7u) == PLIM_ERR_BUDGET);
    EXPECT(plim__strings_equal(err.what, "net: 1 of 1099511627776 bytes, 7%"));
    EXPECT(plim__strings_equal(plim_status_name(err.status), "ERR_BUDGET"));
}

/* A manager on the storage, anew for each case. */
static plim_manager *manager_open(plim_verify verify, size_t total_bytes)
{
    plim_manager_options options = {
        .struct_bytes = sizeof options,
        .domain_count_max = DOMAINS,
        .total_bytes = total_bytes,
        .backing = PLIM_BACKING_FIXED,
        .verify = verify,
        .storage = storage,
        .storage_bytes = sizeof storage,
        .panic = on_panic,
        .watch_every = 1, /* at FULL every block */
    };
    plim_manager *manager = NULL;
    plim_error err = {0};
    if (plim_manager_create(&options, &manager, &err) != PLIM_OK) {
        say("  no manager: %s\nVERDICT failed\n", err.what);
        board_exit(2);
    }
    panic_count = 0;
    return manager;
}

static plim_domain domain_open(plim_manager *manager, const char *name, size_t limit_bytes,
                               plim_domain parent)
{
    plim_domain_options options = {
        .struct_bytes = sizeof options, .limit_bytes = limit_bytes, .parent = parent};
    plim_domain domain = {0};
    plim_error err = {0};
    if (plim_domain_create(manager, name, &options, &domain, &err) != PLIM_OK) {
        fault_count++;
        say("  no domain %s: %s\n", name, err.what);
    }
    return domain;
}

static plim_domain_stats figures(plim_domain domain)
{
    plim_domain_stats stats = {0};
    EXPECT(plim_domain_stats_read(domain, &stats) == PLIM_OK);
    return stats;
}

/* Everything adds up and every invariant holds. */
static void expect_sound(plim_manager *manager)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    EXPECT(stats.held_bytes == stats.used_bytes + stats.cached_bytes + stats.slack_bytes +
                                   stats.free_bytes + stats.tables_bytes);
    plim_error err = {0};
    if (plim_manager_verify(manager, &err) != PLIM_OK) {
        fault_count++;
        say("  %s\n", err.what);
    }
}

static void a_manager_and_four_domains_take_little(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    static const char *const NAMES[DOMAINS] = {"net", "log", "ui", "app"};
    for (unsigned i = 0; i < DOMAINS; i++)
        (void)domain_open(manager, NAMES[i], 512, NOBODY);
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    say("  tables %u bytes of %u, total %u\n", (unsigned)stats.tables_bytes,
        (unsigned)sizeof storage, (unsigned)stats.total_bytes);
    EXPECT(stats.tables_bytes < sizeof storage / 2);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static void a_request_beyond_the_budget_is_refused_and_changes_nothing(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain net = domain_open(manager, "net", 1024, NOBODY);
    void *first = plim_alloc_in(net, 512);
    EXPECT(first != NULL);
    memset(first, 0xab, 512);
    plim_domain_stats before = figures(net);
    EXPECT(before.used_bytes >= 512);
    EXPECT(plim_alloc_in(net, 1024) == NULL);
    plim_refusal refusal = plim_refusal_last();
    EXPECT(refusal.reason == PLIM_REFUSAL_BUDGET);
    EXPECT(refusal.left_bytes == 1024 - (size_t)before.used_bytes);
    plim_domain_stats after = figures(net);
    EXPECT(after.refusal_count == before.refusal_count + 1);
    after.refusal_count = before.refusal_count;
    EXPECT(memcmp(&before, &after, sizeof before) == 0);
    EXPECT(plim_alloc_in(net, 0) == NULL);
    EXPECT(plim_refusal_last().reason == PLIM_REFUSAL_REQUEST);
    EXPECT(plim_alloc_in(net, SIZE_MAX) == NULL);
    EXPECT(plim_refusal_last().reason == PLIM_REFUSAL_REQUEST);
    plim_free(first);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static void limits_come_out_of_the_parent(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain service = domain_open(manager, "service", 2048, NOBODY);
    plim_domain plugin = domain_open(manager, "plugin", 1536, service);
    plim_domain_options options = {
        .struct_bytes = sizeof options, .limit_bytes = 1024, .parent = service};
    plim_domain none = {0};
    plim_error err = {0};
    EXPECT(plim_domain_create(manager, "more", &options, &none, &err) == PLIM_ERR_BUDGET);
    EXPECT(plim_alloc_in(service, 1024) == NULL);
    void *block = plim_alloc_in(plugin, 1024);
    EXPECT(block != NULL);
    EXPECT(plim_domain_destroy(plugin, &err) == PLIM_ERR_BUSY);
    plim_free(block);
    (void)plim_manager_trim(manager);
    EXPECT(plim_domain_destroy(plugin, NULL) == PLIM_OK);
    EXPECT(plim_alloc_in(plugin, 16) == NULL);
    EXPECT(plim_refusal_last().reason == PLIM_REFUSAL_DOMAIN);
    block = plim_alloc_in(service, 1024);
    EXPECT(block != NULL);
    plim_free(block);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static void headroom_is_lent_and_comes_home(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain net = domain_open(manager, "net", 1024, NOBODY);
    plim_domain log = domain_open(manager, "log", 1024, NOBODY);
    EXPECT(plim_domain_lend(net, log, 512, NULL) == PLIM_ERR_ACCESS);
    EXPECT(plim_domain_share_set(net, log, 768) == PLIM_OK);
    EXPECT(plim_alloc_in(log, 1536) == NULL);
    EXPECT(plim_domain_lend(net, log, 768, NULL) == PLIM_OK);
    EXPECT(figures(net).limit_bytes == 256 && figures(log).limit_bytes == 1792);
    void *block = plim_alloc_in(log, 1536);
    EXPECT(block != NULL);
    size_t home = 0;
    EXPECT(plim_domain_repay(net, log, SIZE_MAX, &home) == PLIM_OK);
    EXPECT(home == 1792 - (size_t)figures(log).used_bytes - (size_t)figures(log).cached_bytes);
    plim_free(block);
    (void)plim_manager_trim(manager);
    size_t rest = 0;
    EXPECT(plim_domain_repay(net, log, SIZE_MAX, &rest) == PLIM_OK);
    EXPECT(home + rest == 768);
    EXPECT(figures(net).limit_bytes == 1024 && figures(log).limit_bytes == 1024);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

/* All blocks that the storage holds, each written over; then all of them back. */
static void the_storage_ends_in_a_refusal_and_all_of_it_comes_back(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    plim_domain app = domain_open(manager, "app", (size_t)stats.unassigned_bytes, NOBODY);
    unsigned counts[2] = {0, 0};
    for (unsigned round = 0; round < 2; round++) {
        void **last = NULL;
        for (;;) {
            void **block = plim_alloc_in(app, BLOCK_BYTES);
            if (block == NULL)
                break;
            memset(block, 0xcd, BLOCK_BYTES);
            *block = (void *)last;
            last = block;
            counts[round]++;
        }
        plim_refusal_reason reason = plim_refusal_last().reason;
        EXPECT(reason == PLIM_REFUSAL_BUDGET || reason == PLIM_REFUSAL_PAGES);
        expect_sound(manager);
        while (last != NULL) {
            void **next = *last;
            plim_free((void *)last);
            last = next;
        }
        (void)plim_manager_trim(manager);
        EXPECT(figures(app).used_bytes == 0);
    }
    EXPECT(counts[0] == counts[1] && counts[0] > 0);
    say("  %u blocks of %u bytes in %u bytes of storage\n", counts[0], BLOCK_BYTES,
        (unsigned)sizeof storage);
    plim_manager_destroy(&manager);
}

static void sealed_nothing_new_is_taken(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain app = domain_open(manager, "app", 4096, NOBODY);
    void *block = plim_alloc_in(app, 64);
    EXPECT(block != NULL);
    EXPECT(plim_manager_seal(manager, 0) == PLIM_OK);
    plim_free(block);
    void *again = plim_alloc_in(app, 64);
    EXPECT(again != NULL);
    EXPECT(plim_alloc_in(app, 2048) == NULL);
    EXPECT(plim_refusal_last().reason == PLIM_REFUSAL_SEALED);
    plim_free(again);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static void blocks_grow_and_shrink(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain app = domain_open(manager, "app", 4096, NOBODY);
    unsigned char *block = plim_alloc_in(app, 24);
    EXPECT(block != NULL);
    memset(block, 0x5a, 24);
    block = plim_resize(block, 1000);
    EXPECT(block != NULL && block[0] == 0x5a && block[23] == 0x5a);
    EXPECT(plim_resize(block, 100000) == NULL);
    EXPECT(plim_refusal_last().reason == PLIM_REFUSAL_BUDGET);
    block = plim_resize(block, 20);
    EXPECT(block != NULL && block[19] == 0x5a);
    plim_free(block);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static void releases_that_are_wrong_are_told(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_STANDARD, 0);
    plim_domain app = domain_open(manager, "app", 4096, NOBODY);
    char *block = plim_alloc_in(app, 100);
    EXPECT(block != NULL);
    plim_free(block + 16);
    EXPECT(panic_count == 1);
    plim_free(block);
    EXPECT(panic_count == 1);
    plim_free(block);
    EXPECT(panic_count == 2);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

/* Level full: guards, poison, records; a byte behind a block, a byte in a released one. */
static void overruns_and_late_writes_are_told(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_FULL, 0);
    plim_domain app = domain_open(manager, "app", 4096, NOBODY);
    char *keeper = plim_alloc_in(app, 100);
    char *block = plim_alloc_in(app, 100);
    EXPECT(keeper != NULL && block != NULL);
    EXPECT(figures(app).requested_bytes == 200);
    char was = block[100];
    block[100] ^= 1;
    plim_free(block);
    EXPECT(panic_count == 1);
    block[100] = was;
    plim_free(block);
    EXPECT(panic_count == 1);
    block[50] ^= 1;
    EXPECT(plim_alloc_in(app, 100) == NULL);
    EXPECT(panic_count == 2 && plim_refusal_last().reason == PLIM_REFUSAL_CHECK);
    plim_free(keeper);
    EXPECT(panic_count == 2 && figures(app).used_bytes == 0);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static void a_scope_gives_back_on_the_way_out(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain app = domain_open(manager, "app", 4096, NOBODY);
    PLIM_WITH (app, 1024, scope) {
        char *line = plim_scope_alloc(scope, 512);
        EXPECT(line != NULL);
        EXPECT(plim_scope_alloc(scope, 1024) == NULL);
        EXPECT(figures(app).used_bytes >= 1024);
    }
    (void)plim_manager_trim(manager);
    EXPECT(figures(app).used_bytes == 0);
    bool was_entered = false;
    PLIM_WITH (app, 100000, scope) {
        was_entered = true;
    } else {
        EXPECT(scope->status == PLIM_ERR_BUDGET);
    }
    EXPECT(!was_entered);
    expect_sound(manager);
    plim_manager_destroy(&manager);
}

static plim_status to_board(void *ctx, const void *data, size_t length, plim_error *err)
{
    (void)err;
    *(size_t *)ctx += length;
    board_write(data, length);
    return PLIM_OK;
}

static void a_report_goes_to_the_console(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain net = domain_open(manager, "net", 2048, NOBODY);
    plim_domain log = domain_open(manager, "log", 1024, NOBODY);
    void *block = plim_alloc_in(net, 1000);
    EXPECT(plim_alloc_in(log, 2000) == NULL);
    size_t length = 0;
    EXPECT(plim_report(manager, PLIM_REPORT_TEXT, (plim_sink){&length, to_board}, NULL) == PLIM_OK);
    EXPECT(length > 100);
    EXPECT(plim_report(manager, PLIM_REPORT_JSON, (plim_sink){&length, to_board}, NULL) == PLIM_OK);
    plim_free(block);
    plim_manager_destroy(&manager);
}

static void pools_stand_on_a_domain(void)
{
    plim_manager *manager = manager_open(PLIM_VERIFY_MINIMAL, 0);
    plim_domain scene = domain_open(manager, "scene", 8192, NOBODY);
    plim_pool_options options = {
        .struct_bytes = sizeof options,
        .slot_count = 4,
        .name = "points",
        .format = PLIM_FORMAT_F32,
        .element_count_max = 100,
        .allocator = plim_domain_allocator(scene),
    };
    plim_pool *pool = NULL;
    plim_error err = {0};
    EXPECT(plim_pool_create(&options, &pool, &err) == PLIM_OK);
    if (pool == NULL) {
        say("  %s\n", err.what);
    } else {
        plim_buffer buffers[5];
        for (unsigned i = 0; i < 4; i++)
            EXPECT(plim_pool_acquire(pool, 100, &buffers[i], NULL) == PLIM_OK);
        EXPECT(plim_pool_acquire(pool, 100, &buffers[4], NULL) == PLIM_ERR_BUDGET);
        EXPECT(plim_pool_acquire(pool, 101, &buffers[4], NULL) == PLIM_ERR_LIMIT);
        EXPECT(plim_pool_release(pool, buffers[1].slot, NULL) == PLIM_OK);
        EXPECT(plim_pool_release(pool, buffers[1].slot, NULL) == PLIM_ERR_STALE);
        EXPECT(plim_pool_release_all(pool) == 3);
        plim_pool_destroy(&pool);
    }
    (void)plim_manager_trim(manager);
    EXPECT(figures(scene).used_bytes == 0);
    plim_manager_destroy(&manager);
}

static void a_planted_fault_shows(void)
{
    EXPECT(PLIM_PLANT != 1);
    PLIM_CHECK(PLIM_PLANT != 2);
    if (PLIM_PLANT == 3)
        __builtin_trap();
}

typedef struct self_test_case {
    void (*run)(void);
    const char *name;
} self_test_case;

#define CASE(name)                                                                                 \
    {                                                                                              \
        name, #name                                                                                \
    }

static const self_test_case CASES[] = {
    CASE(errors_have_their_sentence),
    CASE(a_manager_and_four_domains_take_little),
    CASE(a_request_beyond_the_budget_is_refused_and_changes_nothing),
    CASE(limits_come_out_of_the_parent),
    CASE(headroom_is_lent_and_comes_home),
    CASE(the_storage_ends_in_a_refusal_and_all_of_it_comes_back),
    CASE(sealed_nothing_new_is_taken),
    CASE(blocks_grow_and_shrink),
    CASE(releases_that_are_wrong_are_told),
    CASE(overruns_and_late_writes_are_told),
    CASE(a_scope_gives_back_on_the_way_out),
    CASE(a_report_goes_to_the_console),
    CASE(pools_stand_on_a_domain),
    CASE(a_planted_fault_shows),
};

int main(void)
{
    plim_bare_hooks_set(
        &(plim_bare_hooks){.failed = on_failed, .mask = board_mask, .unmask = board_unmask});
    unsigned failed = 0;
    unsigned count = sizeof CASES / sizeof CASES[0];
    for (unsigned i = 0; i < count; i++) {
        unsigned before = fault_count;
        CASES[i].run();
        failed += fault_count != before;
        say("%s %s\n", fault_count == before ? "ok    " : "FAILED", CASES[i].name);
    }
    say("stack %u bytes at most\n", (unsigned)board_stack_used());
    say("VERDICT %u passed, %u failed\n", count - failed, failed);
    return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: MIT */
/* Allocation: sizes, refusals that change nothing, resize, provenance; with system pages and with
 * the caller's storage alone. */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

PLIM_DOMAIN("test_alloc");

static plim_manager *manager;
static plim_domain domain;
static unsigned panics;
static _Alignas(64) unsigned char storage[1 << 20];

static void on_panic(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    (void)panic;
    panics++;
}

static void begin(plim_backing backing, size_t total, size_t limit)
{
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .backing = backing,
                                    .total_bytes = total,
                                    .storage = storage,
                                    .storage_bytes = sizeof storage,
                                    .panic = on_panic};
    plim_error err = {0};
    plim_status status = plim_manager_create(&options, &manager, &err);
    assert_string_equal(err.what, "");
    assert_int_equal(status, PLIM_OK);
    plim_domain_options domain_options = {.struct_bytes = sizeof domain_options,
                                          .limit_bytes = limit};
    assert_int_equal(plim_domain_create(manager, "unit", &domain_options, &domain, &err), PLIM_OK);
    panics = 0;
}

static plim_manager_stats figures(void)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    assert_int_equal(stats.held_bytes, stats.used_bytes + stats.cached_bytes + stats.slack_bytes +
                                           stats.free_bytes + stats.tables_bytes);
    return stats;
}

static void end(void)
{
    plim_manager_destroy(&manager);
    assert_null(manager);
}

static void test_every_size_comes_aligned_writable_and_back(void **state)
{
    (void)state;
    static const plim_backing backings[] = {PLIM_BACKING_MAP, PLIM_BACKING_FIXED, PLIM_BACKING_LIBC,
                                            PLIM_BACKING_EMULATED};
    for (unsigned i = 0; i < 4; i++) {
        begin(backings[i], 512 << 10, 512 << 10);
        for (size_t bytes = 1; bytes < 100000; bytes += bytes / 17 + 1) {
            unsigned char *block = plim_alloc_in(domain, bytes);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % 16, 0);
            memset(block, 0xa5, bytes);
            plim_origin origin;
            assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
            assert_true(origin.usable_bytes >= bytes && origin.charge_bytes >= bytes);
            assert_int_equal(origin.domain.id, domain.id);
            assert_int_equal(figures().used_bytes, origin.charge_bytes);
            plim_free(block);
            assert_int_equal(figures().used_bytes, 0);
        }
        assert_int_equal(panics, 0);
        end();
    }
}

static void test_a_request_beyond_the_limit_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 1 << 20, 64 << 10);
    void *blocks[16];
    for (unsigned i = 0; i < 16; i++)
        assert_non_null(blocks[i] = plim_alloc_in(domain, 4096));
    plim_manager_stats before = figures();
    assert_null(plim_alloc_in(domain, 1));
    plim_refusal refusal = plim_refusal_last();
    assert_int_equal(refusal.reason, PLIM_REFUSAL_BUDGET);
    assert_int_equal(refusal.domain.id, domain.id);
    assert_int_equal(refusal.requested_bytes, 1);
    assert_int_equal(refusal.charge_bytes, 16);
    assert_int_equal(refusal.left_bytes, 0);
    assert_non_null(strstr(refusal.site, "test_alloc.c:"));
    plim_manager_stats after = figures();
    assert_int_equal(after.used_bytes, before.used_bytes);
    assert_int_equal(after.refusal_count, before.refusal_count + 1);
    plim_free(blocks[7]);
    assert_non_null(blocks[7] = plim_alloc_in(domain, 4096));
    for (unsigned i = 0; i < 16; i++)
        plim_free(blocks[i]);
    assert_int_equal(plim_domain_destroy(domain, NULL), PLIM_OK);
    end();
}

static void test_odd_requests_have_their_own_refusals(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 1 << 20, 1 << 20);
    static const size_t sizes[] = {0, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 4095};
    for (unsigned i = 0; i < 4; i++) {
        assert_null(plim_alloc_in(domain, sizes[i]));
        assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_REQUEST);
    }
    assert_null(plim_alloc_in((plim_domain){0}, 8));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_DOMAIN);
    plim_request request = {.size_bytes = 100, .align_bytes = 24, .domain = domain};
    assert_null(plim_alloc_as(&request));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_REQUEST);
    assert_int_equal(figures().used_bytes, 0);
    end();
}

static void test_alignments_up_to_a_huge_page(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 64 << 20, 64 << 20);
    for (size_t align = 1; align <= 2 << 20; align *= 2) {
        for (size_t bytes = 1; bytes < 200000; bytes = bytes * 3 + 1) {
            plim_request request = {
                .size_bytes = bytes, .align_bytes = align, .domain = domain, .zeroed = true};
            unsigned char *block = plim_alloc_as(&request);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % align, 0);
            for (size_t k = 0; k < bytes; k++)
                assert_int_equal(block[k], 0);
            memset(block, 0xff, bytes);
            plim_free(block);
        }
    }
    end();
}

static void test_resize_keeps_contents_and_is_refused_whole(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 8 << 20, 1 << 20);
    size_t bytes = 1;
    unsigned char *block = plim_alloc_in(domain, 1);
    block[0] = 0;
    for (size_t next; bytes < 400000; bytes = next) {
        next = bytes + bytes / 3 + 1;
        block = plim_resize(block, next);
        assert_non_null(block);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(block[k], (unsigned char)k);
        for (size_t k = bytes; k < next; k++)
            block[k] = (unsigned char)k;
    }
    size_t used = figures().used_bytes;
    assert_null(plim_resize(block, 2 << 20));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
    assert_int_equal(figures().used_bytes, used);
    for (size_t k = 0; k < bytes; k++)
        assert_int_equal(block[k], (unsigned char)k);
    block = plim_resize(block, 10);
    for (size_t k = 0; k < 10; k++)
        assert_int_equal(block[k], (unsigned char)k);
    plim_free(block);
    assert_int_equal(figures().used_bytes, 0);
    end();
}

static void test_storage_that_is_full_refuses_for_pages_and_recovers(void **state)
{
    (void)state;
    begin(PLIM_BACKING_FIXED, 0, 900 << 10);
    void *blocks[400];
    unsigned count = 0;
    while (count < 400 && (blocks[count] = plim_alloc_in(domain, 3000)) != NULL)
        count++;
    assert_in_range(count, 250, 340);
    plim_manager_stats full = figures();
    assert_true(full.held_bytes <= sizeof storage);
    for (unsigned i = 0; i < count; i++)
        plim_free(blocks[i]);
    assert_int_equal(figures().used_bytes, 0);
    void *large = plim_alloc_in(domain, 800 << 10);
    assert_non_null(large);
    plim_free(large);
    end();
}

static void test_a_file_has_its_domain_in_the_default_manager(void **state)
{
    (void)state;
    void *block = plim_alloc(100);
    assert_non_null(block);
    plim_domain found;
    assert_int_equal(plim_domain_find(NULL, "test_alloc", &found), PLIM_OK);
    plim_origin origin;
    assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
    assert_int_equal(origin.domain.id, found.id);
    plim_free(block);
}

static void test_foreign_pointers_are_told_to_the_hook(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 1 << 20, 1 << 20);
    unsigned char *large = plim_alloc_in(domain, 100000);
    plim_free(large + 8192);
    assert_int_equal(panics, 1);
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_CHECK);
    plim_free(large);
    plim_free(large);
    assert_int_equal(panics, 2);
    plim_free(NULL);
    assert_int_equal(panics, 2);
    end();
}

static void test_what_lasts_keeps_no_page_of_what_goes(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static void *lasting[COUNT], *going[COUNT];
    begin(PLIM_BACKING_MAP, 8 << 20, 8 << 20);
    for (unsigned i = 0; i < COUNT; i++) {
        plim_request request = {
            .size_bytes = 200, .domain = domain, .lifetime = PLIM_LIFETIME_PROGRAM};
        assert_non_null(lasting[i] = plim_alloc_as(&request));
        assert_non_null(going[i] = plim_alloc_in(domain, 200));
    }
    for (unsigned i = 0; i < COUNT; i++)
        plim_free(going[i]);
    (void)plim_manager_trim(manager);
    plim_manager_stats stats = figures();
    assert_int_equal(stats.used_bytes, COUNT * 208);
    assert_true(stats.slack_bytes < 20480); /* the last slab, and the ends of the others */
    assert_int_equal(plim_manager_verify(manager, NULL), PLIM_OK);
    for (unsigned i = 0; i < COUNT; i++)
        plim_free(lasting[i]);
    (void)plim_manager_trim(manager);
    assert_int_equal(figures().slack_bytes, 0);
    end();
}

static void test_blocks_of_the_c_library_are_charged_and_found_again(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static unsigned char *blocks[COUNT];
    begin(PLIM_BACKING_MAP, 8 << 20, 1 << 20);
    size_t charged = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        plim_request request = {
            .size_bytes = i + 1, .domain = domain, .provider = PLIM_PROVIDER_LIBC, .zeroed = true};
        assert_non_null(blocks[i] = plim_alloc_as(&request));
        memset(blocks[i], (int)i, i + 1);
        plim_origin origin;
        assert_int_equal(plim_origin_of(blocks[i], &origin), PLIM_OK);
        assert_int_equal(origin.provider, PLIM_PROVIDER_LIBC);
        assert_int_equal(origin.requested_bytes, i + 1);
        charged += origin.charge_bytes;
        assert_int_equal(figures().used_bytes, charged);
    }
    plim_request large = {
        .size_bytes = 900 << 10, .domain = domain, .provider = PLIM_PROVIDER_LIBC};
    assert_null(plim_alloc_as(&large));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
    for (unsigned i = 0; i < COUNT; i += 2) {
        blocks[i] = plim_resize(blocks[i], 2 * i + 2);
        assert_int_equal(blocks[i][i], (unsigned char)i);
    }
    for (unsigned i = 0; i < COUNT / 2; i++) {
        plim_free(blocks[i * 7 % COUNT]);
        blocks[i * 7 % COUNT] = NULL;
    }
    for (unsigned i = 0; i < COUNT; i++)
        plim_free(blocks[i]);
    assert_int_equal(figures().used_bytes, 0);
    assert_int_equal(panics, 0);
    assert_int_equal(plim_manager_verify(manager, NULL), PLIM_OK);
    large.size_bytes = 100;
    assert_non_null(plim_alloc_as(&large)); /* ends with the manager */
    end();
}

/* All is as elsewhere but whose memory it is. */
static void test_an_emulated_manager_asks_the_c_library_for_each_block(void **state)
{
    (void)state;
    for (int verify = PLIM_VERIFY_NONE; verify <= PLIM_VERIFY_REDUNDANT; verify++) {
        plim_manager_options options = {.struct_bytes = sizeof options,
                                        .backing = PLIM_BACKING_EMULATED,
                                        .total_bytes = 1 << 20,
                                        .verify = (plim_verify)verify,
                                        .panic = on_panic};
        assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
        plim_domain_options bounds = {.struct_bytes = sizeof bounds, .limit_bytes = 64 << 10};
        assert_int_equal(plim_domain_create(manager, "unit", &bounds, &domain, NULL), PLIM_OK);
        static const plim_provider PROVIDERS[] = {PLIM_PROVIDER_AUTO, PLIM_PROVIDER_POOL,
                                                  PLIM_PROVIDER_MAP};
        for (unsigned i = 0; i < 30; i++) {
            size_t align = i % 10 < 5 ? 0 : (size_t)1 << i % 10; /* 32 to 512 are pages' */
            plim_request request = {.size_bytes = 1 + i * 37,
                                    .align_bytes = align,
                                    .domain = domain,
                                    .provider = PROVIDERS[i / 10]};
            void *block = plim_alloc_as(&request);
            plim_origin origin;
            assert_non_null(block);
            assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
            assert_int_equal(origin.provider == PLIM_PROVIDER_LIBC, align == 0);
            assert_true(align == 0 || (uintptr_t)block % align == 0);
            plim_free(block);
        }
        assert_null(plim_alloc_in(domain, 65 << 10));
        assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
        assert_int_equal(plim_manager_seal(manager, 0), PLIM_OK);
        void *late = plim_alloc_in(domain, 1000);
        assert_non_null(late);
        assert_int_equal(figures().used_bytes, 1008 + 16);
        assert_int_equal(plim_manager_verify(manager, NULL), PLIM_OK);
        plim_free(late);
        assert_int_equal(figures().used_bytes, 0);
        end();
    }
}

static void test_a_sealed_manager_lives_on_what_it_holds(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 8 << 20, 8 << 20);
    assert_int_equal(plim_manager_seal(manager, 256 << 10), PLIM_OK);
    size_t held = figures().held_bytes;
    void *block = plim_alloc_in(domain, 200 << 10);
    assert_non_null(block);
    assert_null(plim_alloc_in(domain, 400 << 10));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_SEALED);
    plim_free(block);
    assert_int_equal(figures().held_bytes, held);
    assert_int_equal(plim_manager_trim(manager), 0);
    end();
}

/* The cap comes before the memory: of what is refused not a page is taken first. */
static void test_what_is_refused_takes_nothing_of_the_system(void **state)
{
    (void)state;
    static const size_t SIZES[] = {300, 5000, 40000, 512 << 10, (size_t)1 << 30, SIZE_MAX / 2};
    static const plim_backing BACKINGS[] = {PLIM_BACKING_MAP, PLIM_BACKING_FIXED,
                                            PLIM_BACKING_EMULATED};
    for (unsigned i = 0; i < 3; i++) {
        begin(BACKINGS[i], 512 << 10, 256);
        plim_free(plim_alloc_in(domain, 1)); /* what the first request makes is there */
        plim_manager_stats before = figures();
        for (unsigned k = 0; k < sizeof SIZES / sizeof *SIZES; k++) {
            assert_null(plim_alloc_in(domain, SIZES[k]));
            plim_manager_stats after = figures();
            assert_int_equal(after.held_bytes, before.held_bytes);
            assert_int_equal(after.used_bytes, before.used_bytes);
            assert_true(after.cached_bytes <= before.cached_bytes); /* it is looked there first */
            assert_int_equal(after.refusal_count, before.refusal_count + k + 1);
        }
        end();
    }
}

/* Blocks of two managers, and of the C library, lie apart, and what one gives back the other never
   has. */
static void test_managers_side_by_side_share_no_byte(void **state)
{
    (void)state;
    enum { BLOCKS = 300, MANAGERS = 2 };
    static unsigned char *blocks[MANAGERS][BLOCKS];
    plim_manager *both[MANAGERS];
    plim_domain domains[MANAGERS];
    for (unsigned m = 0; m < MANAGERS; m++) {
        begin(PLIM_BACKING_MAP, 1 << 20, 1 << 20);
        both[m] = manager;
        domains[m] = domain;
    }
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < BLOCKS * MANAGERS; i++) {
            unsigned char **block = &blocks[i % MANAGERS][i / MANAGERS];
            *block = plim_alloc_in(domains[i % MANAGERS], 16 + i * 7 % 900);
            assert_non_null(*block);
            memset(*block, (int)(1 + i % 251), 16 + i * 7 % 900);
        }
        for (unsigned i = 0; i < BLOCKS * MANAGERS; i++) {
            unsigned char *block = blocks[i % MANAGERS][i / MANAGERS];
            for (size_t at = 0; at < 16 + i * 7 % 900; at++)
                assert_int_equal(block[at], 1 + i % 251);
        }
        for (unsigned i = 0; i < BLOCKS * MANAGERS; i++)
            plim_free(blocks[(i + round) % MANAGERS][i / MANAGERS]);
    }
    for (unsigned m = 0; m < MANAGERS; m++)
        plim_manager_destroy(&both[m]);
}

static void test_trim_gives_pages_back(void **state)
{
    (void)state;
    begin(PLIM_BACKING_MAP, 8 << 20, 8 << 20);
    void *block = plim_alloc_in(domain, 1 << 20);
    memset(block, 1, 1 << 20);
    plim_free(block);
    assert_true(figures().free_bytes >= 1 << 20);
    assert_true(plim_manager_trim(manager) >= 1 << 20);
    assert_int_equal(figures().free_bytes, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size_comes_aligned_writable_and_back),
        cmocka_unit_test(test_a_request_beyond_the_limit_is_refused_and_changes_nothing),
        cmocka_unit_test(test_odd_requests_have_their_own_refusals),
        cmocka_unit_test(test_alignments_up_to_a_huge_page),
        cmocka_unit_test(test_resize_keeps_contents_and_is_refused_whole),
        cmocka_unit_test(test_storage_that_is_full_refuses_for_pages_and_recovers),
        cmocka_unit_test(test_a_file_has_its_domain_in_the_default_manager),
        cmocka_unit_test(test_foreign_pointers_are_told_to_the_hook),
        cmocka_unit_test(test_what_lasts_keeps_no_page_of_what_goes),
        cmocka_unit_test(test_blocks_of_the_c_library_are_charged_and_found_again),
        cmocka_unit_test(test_an_emulated_manager_asks_the_c_library_for_each_block),
        cmocka_unit_test(test_a_sealed_manager_lives_on_what_it_holds),
        cmocka_unit_test(test_what_is_refused_takes_nothing_of_the_system),
        cmocka_unit_test(test_managers_side_by_side_share_no_byte),
        cmocka_unit_test(test_trim_gives_pages_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

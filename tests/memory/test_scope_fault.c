/* SPDX-License-Identifier: MIT */
/* Scopes and collections refused at every point. Method: one scenario of nested scopes, collections
   and blocks, run under every limit of its domain and in every size of the caller's storage, until
   one is enough for all of it. However far it came, nothing is left afterwards; and each step
   more of limit gets at least as far as the step before. */
#include <plimsoll/collections.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

PLIM_DOMAIN("sweep");
PLIM_VECTOR(numbers, int);
PLIM_MAP(squares, uint64_t, uint64_t, plim_key_hash, plim_key_equal);

enum { STEPS = 10 };

/* Inside the scopes; how many of the steps were done. */
static int collect(plim_scope *m, plim_domain domain)
{
    int done = 0;
    numbers list = {0};
    squares map = {0};
    plim_string text = {0};
    done += numbers_init_in(&list, &m->allocator, 32) == PLIM_OK;
    done += numbers_push(&list, 1) == PLIM_OK;
    done += squares_init(&map, domain, 16) == PLIM_OK;
    done += squares_put(&map, 3, 9) == PLIM_OK;
    done += plim_string_init(&text, domain, 500) == PLIM_OK;
    done += plim_string_append_format(&text, "%d", 42) == PLIM_OK;
    plim_string_fini(&text);
    squares_fini(&map);
    numbers_fini(&list);
    return done;
}

static int scenario(plim_domain domain)
{
    int done = 0;
    void *block = plim_alloc_in(domain, 700);
    done += block != NULL;
    PLIM_WITH (domain, 2048, outer) {
        done++;
        PLIM_WITH (domain, 1024, inner) {
            done += 1 + collect(inner, domain);
        }
        done += plim_scope_alloc(outer, 2048) != NULL;
    }
    plim_free(block);
    return done;
}

static plim_verify level = PLIM_VERIFY_MINIMAL; /* the program's argument */

static void nothing_is_left(plim_manager *manager, plim_domain domain)
{
    plim_domain_stats stats;
    plim_manager_stats all;
    (void)plim_manager_trim(manager);
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    plim_manager_stats_read(manager, &all);
    assert_int_equal(stats.used_bytes + stats.cached_bytes, 0);
    assert_int_equal(stats.allocation_count, 0);
    assert_int_equal(all.used_bytes, 0);
    assert_int_equal(all.held_bytes, all.used_bytes + all.cached_bytes + all.slack_bytes +
                                         all.free_bytes + all.tables_bytes);
    assert_int_equal(plim_manager_verify(manager, NULL), PLIM_OK);
}

static plim_domain domain_of(plim_manager *manager, size_t limit)
{
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = limit};
    plim_domain domain = {0};
    if (plim_domain_create(manager, "sweep", &options, &domain, NULL) != PLIM_OK)
        return (plim_domain){0};
    return domain;
}

static void every_limit_leaves_nothing_behind(void **state)
{
    (void)state;
    int farthest = 0;
    size_t limit = 0;
    for (; farthest < STEPS; limit += 16) {
        plim_manager_options options = {
            .struct_bytes = sizeof options, .total_bytes = 1 << 20, .verify = level};
        plim_manager *manager = NULL;
        assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
        plim_domain domain = domain_of(manager, limit);
        int done = scenario(domain);
        assert_true(done >= farthest);
        farthest = done;
        nothing_is_left(manager, domain);
        /* And again, now that slabs are there. */
        assert_int_equal(scenario(domain), done);
        nothing_is_left(manager, domain);
        plim_manager_destroy(&manager);
        assert_true(limit < 16384);
    }
    assert_true(limit > 700 + 2048 + 300 + 500);
}

static void every_size_of_storage_leaves_nothing_behind(void **state)
{
    (void)state;
    static _Alignas(16) unsigned char storage[256 << 10];
    int farthest = 0;
    unsigned managers = 0;
    for (size_t bytes = 0; bytes <= sizeof storage; bytes += 256) {
        plim_manager_options options = {.struct_bytes = sizeof options,
                                        .verify = level,
                                        .backing = PLIM_BACKING_FIXED,
                                        .storage = storage,
                                        .storage_bytes = bytes};
        plim_manager *manager = NULL;
        memset(storage, 0xa5, sizeof storage);
        if (plim_manager_create(&options, &manager, NULL) != PLIM_OK)
            continue;
        managers++;
        plim_manager_stats all;
        plim_manager_stats_read(manager, &all);
        plim_domain domain = domain_of(manager, (size_t)all.total_bytes);
        if (domain.id != 0) {
            int done = scenario(domain);
            farthest = done > farthest ? done : farthest;
            nothing_is_left(manager, domain);
        }
        plim_manager_destroy(&manager);
        size_t whole = bytes;
        while (whole < sizeof storage && storage[whole] == 0xa5)
            whole++;
        assert_int_equal(whole, sizeof storage); /* not a byte beyond what was given */
    }
    assert_true(managers > 100);
    assert_int_equal(farthest, STEPS);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        level = (plim_verify)strtol(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_leaves_nothing_behind),
        cmocka_unit_test(every_size_of_storage_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

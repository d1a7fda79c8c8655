/* SPDX-License-Identifier: MIT */
/*
 * The sampler. Method: a program whose sites and bytes are known, so an estimate is held against
 * the truth within six standard deviations of a Poisson sample (one run in 10^9 is outside). Draws
 * begin with addresses, so runs differ.
 */
#include <plimsoll/manager.h>
#include <plimsoll/memory.h>
#include <plimsoll/sampler.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { INTERVAL = 4096, HOT = 60000, COLD = 3000 };

static void *hot[HOT], *cold[COLD];

/* Sum over rows of one domain and, if not NULL, a site's end. */
static plim_sampler_row sum_of(const char *owner, const char *site)
{
    plim_sampler_row sum = {.frame_count = 0}, row;
    for (uint32_t i = 0; plim_sampler_read(i, &row); i++) {
        if (strcmp(row.owner, owner) != 0 || (site != NULL && strcmp(row.site, site) != 0))
            continue;
        sum.samples += row.samples;
        sum.bytes += row.bytes;
        sum.count += row.count;
        sum.live_bytes += row.live_bytes;
        sum.live_count += row.live_count;
        sum.frame_count = row.frame_count > sum.frame_count ? row.frame_count : sum.frame_count;
    }
    return sum;
}

static void assert_about(uint64_t estimate, uint64_t truth)
{
    /* A sample of small blocks stands for INTERVAL bytes: the deviation is its root times theirs */
    uint64_t off = estimate > truth ? estimate - truth : truth - estimate;
    print_message("%llu of %llu\n", (unsigned long long)estimate, (unsigned long long)truth);
    assert_true((double)off * (double)off <= 36.0 * (double)truth * INTERVAL);
}

static plim_domain domain_of(const char *name)
{
    plim_domain domain;
    const plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = 64 << 20};
    assert_int_equal(plim_domain_create(plim_manager_default(), name, &options, &domain, NULL),
                     PLIM_OK);
    return domain;
}

static void a_hot_site_tops_the_table_and_sums_are_right_within_error(void **state)
{
    (void)state;
    plim_domain domain = domain_of("busy");
    for (int i = 0; i < 1000; i++) /* so that caches are warm, and the fast way is taken */
        plim_free(plim_alloc_in(domain, 48));
    assert_int_equal(plim_sampler_start(INTERVAL, NULL), PLIM_OK);
    char hot_site[64], cold_site[64];
    (void)snprintf(hot_site, sizeof hot_site, "%s:%d", __FILE__, __LINE__ + 2);
    for (int i = 0; i < HOT; i++)
        hot[i] = plim_alloc_in(domain, 100);
    (void)snprintf(cold_site, sizeof cold_site, "%s:%d", __FILE__, __LINE__ + 2);
    for (int i = 0; i < COLD; i++)
        cold[i] = plim_alloc_in(domain, 200);
    plim_sampler_row found = sum_of("busy", NULL);
    assert_about(found.live_bytes, HOT * 100 + COLD * 200);
    assert_int_equal(found.live_bytes, found.bytes);
    plim_sampler_row row, top = {.live_bytes = 0};
    for (uint32_t i = 0; plim_sampler_read(i, &row); i++)
        top = row.live_bytes > top.live_bytes ? row : top;
    assert_non_null(strstr(hot_site, top.site));
    assert_true(top.frame_count > 3);
    assert_about(top.live_bytes, HOT * 100);
    assert_true(top.live_count > HOT * 8 / 10 && top.live_count < HOT * 12 / 10);
    for (int i = 0; i < HOT; i++)
        plim_free(hot[i]);
    found = sum_of("busy", NULL);
    assert_about(found.live_bytes, COLD * 200);
    assert_about(found.bytes, HOT * 100 + COLD * 200);
    for (int i = 0; i < COLD; i++)
        plim_free(cold[i]);
    assert_int_equal(sum_of("busy", NULL).live_bytes, 0);
    assert_int_equal(sum_of("busy", NULL).live_count, 0);
    plim_sampler_stop();
    assert_int_equal(plim_domain_destroy(domain, NULL), PLIM_OK);
}

static void blocks_larger_than_the_interval_are_all_noted_with_their_size(void **state)
{
    (void)state;
    plim_domain domain = domain_of("large");
    void *blocks[20];
    assert_int_equal(plim_sampler_start(INTERVAL, NULL), PLIM_OK);
    for (int i = 0; i < 20; i++)
        blocks[i] = plim_alloc_in(domain, 100 * INTERVAL);
    assert_int_equal(sum_of("large", NULL).live_bytes, 20 * 100 * INTERVAL);
    assert_int_equal(sum_of("large", NULL).samples, 20);
    for (int i = 0; i < 20; i++)
        blocks[i] = plim_resize(blocks[i], 300 * INTERVAL);
    for (int i = 0; i < 20; i++)
        plim_free(blocks[i]);
    assert_int_equal(sum_of("large", NULL).live_bytes, 0);
    plim_sampler_stop();
    assert_int_equal(plim_domain_destroy(domain, NULL), PLIM_OK);
}

static void it_says_what_it_is_and_what_it_cannot(void **state)
{
    (void)state;
    plim_sampler_info info;
    plim_sampler_stop();
    assert_int_equal(plim_sampler_start(0, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_sampler_start(UINT64_MAX, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_sampler_start(64, NULL), PLIM_OK);
    assert_int_equal(plim_sampler_start(64, NULL), PLIM_ERR_BUSY);
    plim_sampler_read_info(&info);
    assert_true(info.is_on);
    assert_int_equal(info.interval_bytes, 64);
    assert_int_equal(info.row_count, 0);
    plim_sampler_row row;
    assert_false(plim_sampler_read(0, &row));
    plim_sampler_stop();
    plim_sampler_read_info(&info);
    assert_false(info.is_on);
}

static void off_again_nothing_is_noted(void **state)
{
    (void)state;
    plim_domain domain = domain_of("after");
    assert_int_equal(plim_sampler_start(64, NULL), PLIM_OK);
    plim_sampler_stop();
    for (int i = 0; i < 1000; i++)
        hot[i] = plim_alloc_in(domain, 100);
    assert_int_equal(sum_of("after", NULL).samples, 0);
    for (int i = 0; i < 1000; i++)
        plim_free(hot[i]);
    assert_int_equal(plim_domain_destroy(domain, NULL), PLIM_OK);
}

/* More live samples than there is room for are counted, not noted. */
static void a_full_table_is_said(void **state)
{
    (void)state;
    plim_domain domain = domain_of("full");
    plim_sampler_info info;
    assert_int_equal(plim_sampler_start(1, NULL), PLIM_OK);
    for (int i = 0; i < HOT; i++)
        hot[i] = plim_alloc_in(domain, 64);
    plim_sampler_read_info(&info);
    assert_true(info.lost > 0);
    assert_int_equal(info.samples + info.lost, HOT);
    for (int i = 0; i < HOT; i++)
        plim_free(hot[i]);
    assert_int_equal(sum_of("full", NULL).live_count, 0);
    plim_sampler_stop();
    assert_int_equal(plim_domain_destroy(domain, NULL), PLIM_OK);
}

typedef struct worker {
    plim_domain domain;
    pthread_barrier_t *started;
} worker;

enum { THREADS = 4, ROUNDS = 20000, KEPT = 500 };

/* Pairs from a warm cache, which never come to a slow step by themselves; some are kept. */
static void *worker_run(void *argument)
{
    const worker *mine = argument;
    static _Thread_local void *kept[KEPT];
    for (int i = 0; i < 1000; i++)
        plim_free(plim_alloc_in(mine->domain, 64));
    (void)pthread_barrier_wait(mine->started); /* warm */
    (void)pthread_barrier_wait(mine->started); /* the sampler is on */
    for (int i = 0; i < ROUNDS; i++) {
        void *block = plim_alloc_in(mine->domain, 64);
        if (i < KEPT)
            kept[i] = block;
        else
            plim_free(block);
    }
    for (int i = 0; i < KEPT; i++)
        plim_free(kept[i]);
    return NULL;
}

static void all_threads_are_sampled_from_their_next_request_on(void **state)
{
    (void)state;
    pthread_barrier_t started;
    pthread_t threads[THREADS];
    worker mine = {domain_of("threads"), &started};
    assert_int_equal(pthread_barrier_init(&started, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker_run, &mine), 0);
    (void)pthread_barrier_wait(&started);
    assert_int_equal(plim_sampler_start(INTERVAL, NULL), PLIM_OK);
    (void)pthread_barrier_wait(&started);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_about(sum_of("threads", NULL).bytes, (uint64_t)THREADS * ROUNDS * 64);
    assert_int_equal(sum_of("threads", NULL).live_bytes, 0);
    plim_sampler_stop();
    (void)pthread_barrier_destroy(&started);
    assert_int_equal(plim_domain_destroy(mine.domain, NULL), PLIM_OK);
}

typedef struct steady {
    plim_domain domain;
    _Atomic bool has_ended;
    _Atomic uint32_t rounds[2];
    _Atomic uint32_t number;
} steady;

/* Makes and frees for as long as it may; some blocks outlive a turn of the sampler, or several. */
static void *steady_run(void *argument)
{
    steady *mine = argument;
    uint32_t number = mine->number++;
    void *kept[KEPT] = {NULL};
    for (uint32_t i = 0; !mine->has_ended; i++) {
        plim_free(kept[i % KEPT]);
        kept[i % KEPT] = plim_alloc_in(mine->domain, 16 + i % 200);
        if (i % 1000 == 0)
            mine->rounds[number]++;
    }
    for (int i = 0; i < KEPT; i++)
        plim_free(kept[i]);
    return NULL;
}

/* For ThreadSanitizer above all: who turns it on and off, who reads it, and who is sampled. */
static void it_goes_on_and_off_while_threads_run(void **state)
{
    (void)state;
    pthread_t threads[2];
    static steady mine;
    uint64_t seen = 0;
    mine.domain = domain_of("steady");
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, steady_run, &mine), 0);
    for (int turn = 0; turn < 100; turn++) {
        uint32_t before[2] = {mine.rounds[0], mine.rounds[1]};
        assert_int_equal(plim_sampler_start(INTERVAL, NULL), PLIM_OK);
        for (int i = 0; i < 2; i++) /* as long as each has made some blocks meanwhile */
            while (mine.rounds[i] - before[i] < 3)
                seen += sum_of("steady", NULL).samples;
        plim_sampler_stop();
        seen += sum_of("steady", NULL).samples;
    }
    mine.has_ended = true;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(seen > 0);
    assert_int_equal(plim_sampler_start(INTERVAL, NULL), PLIM_OK); /* what was noted is forgotten */
    assert_int_equal(sum_of("steady", NULL).live_bytes, 0);
    plim_sampler_stop();
    assert_int_equal(plim_domain_destroy(mine.domain, NULL), PLIM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hot_site_tops_the_table_and_sums_are_right_within_error),
        cmocka_unit_test(blocks_larger_than_the_interval_are_all_noted_with_their_size),
        cmocka_unit_test(it_says_what_it_is_and_what_it_cannot),
        cmocka_unit_test(off_again_nothing_is_noted),
        cmocka_unit_test(a_full_table_is_said),
        cmocka_unit_test(all_threads_are_sampled_from_their_next_request_on),
        cmocka_unit_test(it_goes_on_and_off_while_threads_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

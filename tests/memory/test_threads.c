/* SPDX-License-Identifier: MIT */
/* Threads: limits that are exact whoever's cache the last bytes are in, ends of threads, forks,
 * signal handlers, and two threads on many domains at their limits. */
#include <plimsoll/memory.h>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static plim_manager *manager;

static void begin(size_t total)
{
    plim_manager_options options = {
        .struct_bytes = sizeof options, .total_bytes = total, .domain_count_max = 64};
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
}

static plim_domain domain_new(const char *name, size_t limit)
{
    plim_domain domain;
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = limit};
    assert_int_equal(plim_domain_create(manager, name, &options, &domain, NULL), PLIM_OK);
    return domain;
}

static plim_domain_stats figures(plim_domain domain)
{
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return stats;
}

static void check_sums(void)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    assert_int_equal(stats.held_bytes, stats.used_bytes + stats.cached_bytes + stats.slack_bytes +
                                           stats.free_bytes + stats.tables_bytes);
    plim_error err = {0};
    plim_status status = plim_manager_verify(manager, &err);
    assert_string_equal(err.what, "");
    assert_int_equal(status, PLIM_OK);
}

/* A thread that takes and gives back, and then stands by with what it cached. */
typedef struct bystander {
    plim_domain domain;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_int stage; /* 1: it has cached; 2: it may end */
} bystander;

static void stage_set(bystander *by, int stage)
{
    assert_int_equal(pthread_mutex_lock(&by->mutex), 0);
    by->stage = stage;
    assert_int_equal(pthread_cond_broadcast(&by->changed), 0);
    assert_int_equal(pthread_mutex_unlock(&by->mutex), 0);
}

static void stage_wait(bystander *by, int stage)
{
    assert_int_equal(pthread_mutex_lock(&by->mutex), 0);
    while (by->stage < stage)
        assert_int_equal(pthread_cond_wait(&by->changed, &by->mutex), 0);
    assert_int_equal(pthread_mutex_unlock(&by->mutex), 0);
}

static void *bystander_run(void *argument)
{
    bystander *self = argument;
    void *blocks[100];
    for (unsigned i = 0; i < 100; i++)
        blocks[i] = plim_alloc_in(self->domain, 64);
    for (unsigned i = 0; i < 100; i++)
        plim_free(blocks[i]);
    stage_set(self, 1);
    stage_wait(self, 2);
    return NULL;
}

static void test_what_another_thread_cached_is_there_for_the_last_request(void **state)
{
    (void)state;
    begin(8 << 20);
    bystander by = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                    .changed = PTHREAD_COND_INITIALIZER,
                    .domain = domain_new("shared", 64 * 1000)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, bystander_run, &by), 0);
    stage_wait(&by, 1);
    assert_true(figures(by.domain).cached_bytes > 0);
    void *blocks[1000];
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(blocks[i] = plim_alloc_in(by.domain, 64));
    assert_null(plim_alloc_in(by.domain, 64));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
    assert_int_equal(figures(by.domain).used_bytes, 64000);
    assert_int_equal(figures(by.domain).cached_bytes, 0);
    assert_int_equal(figures(by.domain).allocation_count, 1000);
    for (unsigned i = 0; i < 1000; i++)
        plim_free(blocks[i]);
    assert_int_equal(figures(by.domain).allocation_total, 1100);
    stage_set(&by, 2);
    pthread_join(thread, NULL);
    check_sums();
    assert_int_equal(plim_domain_destroy(by.domain, NULL), PLIM_OK);
    plim_manager_destroy(&manager);
}

static void test_a_thread_that_ends_leaves_nothing_cached(void **state)
{
    (void)state;
    begin(8 << 20);
    bystander by = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                    .changed = PTHREAD_COND_INITIALIZER,
                    .domain = domain_new("ending", 1 << 20)};
    for (unsigned i = 0; i < 20; i++) {
        stage_set(&by, 0);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, bystander_run, &by), 0);
        stage_wait(&by, 1);
        stage_set(&by, 2);
        pthread_join(thread, NULL);
        assert_int_equal(figures(by.domain).cached_bytes, 0);
        assert_int_equal(figures(by.domain).used_bytes, 0);
    }
    check_sums();
    plim_manager_destroy(&manager);
}

static void test_trim_leaves_nothing_cached(void **state)
{
    (void)state;
    begin(8 << 20);
    plim_domain domain = domain_new("trimmed", 1 << 20);
    for (size_t bytes = 1; bytes < 30000; bytes = bytes * 2 + 1)
        plim_free(plim_alloc_in(domain, bytes));
    assert_true(figures(domain).cached_bytes > 0);
    (void)plim_manager_trim(manager);
    assert_int_equal(figures(domain).cached_bytes, 0);
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    assert_int_equal(stats.free_bytes, 0);
    assert_int_equal(stats.slack_bytes, 0);
    check_sums();
    plim_manager_destroy(&manager);
}

enum { STORM_DOMAINS = 64, STORM_ROUNDS = 40000, STORM_HELD = 64 };
static plim_domain storm_domains[STORM_DOMAINS];
static _Atomic(void *) storm_shelf[256]; /* blocks change hands here */
static atomic_ulong storm_refusals;

static time_t storm_until; /* PLIM_SOAK_SECONDS from the start; 0: one round */

static void storm_round(uint32_t *random_at)
{
    uint32_t random = *random_at;
    void *held[STORM_HELD] = {0};
    for (unsigned round = 0; round < STORM_ROUNDS; round++) {
        random = random * 1664525u + 1013904223u;
        unsigned at = random >> 8 & (STORM_HELD - 1);
        size_t bytes = (random >> 14 & 1023) + 16;
        plim_free(held[at]);
        held[at] = plim_alloc_in(storm_domains[random >> 24 & (STORM_DOMAINS - 1)], bytes);
        if (held[at] == NULL)
            atomic_fetch_add(&storm_refusals, 1);
        else
            memset(held[at], (int)round, bytes);
        if ((random & 7) == 0)
            held[at] = atomic_exchange(&storm_shelf[random >> 16 & 255], held[at]);
    }
    for (unsigned i = 0; i < STORM_HELD; i++)
        plim_free(held[i]);
    *random_at = random;
}

static void *storm_run(void *argument)
{
    uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
    do {
        storm_round(&random);
    } while (time(NULL) < storm_until);
    return NULL;
}

static void test_two_threads_on_many_domains_at_their_limits(void **state)
{
    (void)state;
    begin(16 << 20);
    for (unsigned i = 0; i < STORM_DOMAINS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "storm %u", i);
        storm_domains[i] = domain_new(name, 2000 + i * 300);
    }
    const char *seconds = getenv("PLIM_SOAK_SECONDS");
    storm_until = seconds != NULL ? time(NULL) + strtol(seconds, NULL, 10) : 0;
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, storm_run, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 256; i++)
        plim_free(atomic_exchange(&storm_shelf[i], NULL));
    assert_true(atomic_load(&storm_refusals) > 0);
    (void)plim_manager_trim(manager);
    for (unsigned i = 0; i < STORM_DOMAINS; i++) {
        plim_domain_stats stats = figures(storm_domains[i]);
        assert_int_equal(stats.used_bytes, 0);
        assert_int_equal(stats.cached_bytes, 0);
        assert_int_equal(stats.allocation_count, 0);
        assert_true(stats.high_water_bytes <= stats.limit_bytes);
        assert_int_equal(plim_domain_destroy(storm_domains[i], NULL), PLIM_OK);
    }
    check_sums();
    plim_manager_destroy(&manager);
}

static void *fork_noise(void *argument)
{
    bystander *self = argument;
    while (atomic_load(&self->stage) == 0) {
        void *a = plim_alloc_in(self->domain, 100);
        void *b = plim_alloc_in(self->domain, 5000);
        plim_free(a);
        plim_free(b);
    }
    return NULL;
}

static void test_a_child_of_a_fork_finds_everything_whole(void **state)
{
    (void)state;
    begin(8 << 20);
    bystander by = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                    .changed = PTHREAD_COND_INITIALIZER,
                    .domain = domain_new("forked", 1 << 20)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fork_noise, &by), 0);
    for (unsigned i = 0; i < 50; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            /* What the other thread had is gone with it, but for its (at most two) live blocks. */
            void *block = plim_alloc_in(by.domain, 3000);
            plim_free(block);
            (void)plim_manager_trim(manager);
            plim_domain_stats stats = {0};
            bool is_good = block != NULL && plim_domain_stats_read(by.domain, &stats) == PLIM_OK &&
                           stats.cached_bytes == 0 && stats.allocation_count <= 2 &&
                           plim_manager_verify(manager, NULL) == PLIM_OK;
            _exit(is_good ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    stage_set(&by, 1);
    pthread_join(thread, NULL);
    check_sums();
    plim_manager_destroy(&manager);
}

static plim_domain signal_domain;
static volatile sig_atomic_t signal_count;
static volatile sig_atomic_t signal_refused;

static void on_signal(int number)
{
    (void)number;
    signal_count++;
    void *block = plim_alloc_in(signal_domain, 64);
    if (block == NULL)
        signal_refused++;
    plim_free(block);
}

static void test_a_signal_handler_is_served_or_refused_and_breaks_nothing(void **state)
{
    (void)state;
    begin(8 << 20);
    signal_domain = domain_new("signals", 1 << 20);
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction old;
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    assert_true(ualarm(200, 200) != (useconds_t)-1);
    void *blocks[64] = {0};
    for (unsigned i = 0; signal_count < 300; i++) {
        plim_free(blocks[i % 64]);
        blocks[i % 64] = plim_alloc_in(signal_domain, i % 500 + 1);
        if (blocks[i % 64] != NULL)
            memset(blocks[i % 64], 7, i % 500 + 1);
    }
    (void)ualarm(0, 0);
    (void)sigaction(SIGALRM, &old, NULL);
    for (unsigned i = 0; i < 64; i++)
        plim_free(blocks[i]);
    plim_free(plim_alloc_in(signal_domain, 70000)); /* the slow way, which looks after late ones */
    (void)plim_manager_trim(manager);
    assert_int_equal(figures(signal_domain).used_bytes, 0);
    assert_true(signal_refused <= signal_count);
    check_sums();
    plim_manager_destroy(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_another_thread_cached_is_there_for_the_last_request),
        cmocka_unit_test(test_a_thread_that_ends_leaves_nothing_cached),
        cmocka_unit_test(test_trim_leaves_nothing_cached),
        cmocka_unit_test(test_two_threads_on_many_domains_at_their_limits),
        cmocka_unit_test(test_a_child_of_a_fork_finds_everything_whole),
        cmocka_unit_test(test_a_signal_handler_is_served_or_refused_and_breaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

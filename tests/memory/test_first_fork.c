/* SPDX-License-Identifier: MIT */
/* Forks by a thread that never asked for memory while others do so for the first time: each trial
   is a process of its own, in which nothing of ours was used before. */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/thread.h"

enum { TRIALS = 60, FORKS = 3, THREADS = 2, HANGS_AFTER_S = 60 };

static struct {
    plim_domain domain;
    _Atomic bool is_over;
} f;

/* Now a class's blocks, now pages, for which the manager's lock is taken. */
static void *ask_all_day(void *argument)
{
    (void)argument;
    for (size_t i = 0; !atomic_load(&f.is_over); i++)
        plim_free(plim_alloc_in(f.domain, i % 2 != 0 ? 40000 + i % 7 * 4096 : 1 + i % 999));
    return NULL;
}

static int grandchild(void)
{
    (void)alarm(HANGS_AFTER_S); /* a lock that stayed taken shows as a signal */
    for (size_t i = 0; i < 100; i++) {
        void *block = plim_alloc_in(f.domain, 1 + i * 999);
        if (block == NULL)
            return 1;
        plim_free(block);
    }
    return 0;
}

/* The exit status of a trial: 0, or what was odd. */
static int trial(void)
{
    plim_manager *manager = NULL;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 64 << 20};
    plim_domain_options limit = {.struct_bytes = sizeof limit, .limit_bytes = 8 << 20};
    plim__thread threads[THREADS];
    int bad = 0;
    if (plim_manager_create(&options, &manager, NULL) != PLIM_OK ||
        plim_domain_create(manager, "a", &limit, &f.domain, NULL) != PLIM_OK)
        return 2;
    for (unsigned i = 0; i < THREADS; i++)
        if (!plim__thread_start(&threads[i], ask_all_day, NULL))
            return 2;
    for (unsigned i = 0; i < FORKS; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            _exit(grandchild());
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 2;
        bad |= WIFEXITED(status) ? WEXITSTATUS(status) : 4;
    }
    atomic_store(&f.is_over, true);
    for (unsigned i = 0; i < THREADS; i++)
        plim__thread_join(&threads[i]);
    plim_manager_destroy(&manager);
    return bad;
}

static void a_child_can_allocate_though_others_were_at_it_for_the_first_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TRIALS; i++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(trial());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_can_allocate_though_others_were_at_it_for_the_first_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

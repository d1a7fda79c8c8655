/* SPDX-License-Identifier: MIT */
/* Forks in the middle of loans: the child has one thread, and of the others only what they left. */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/budgets/lend.h"
#include "memory/engine/engine.h"
#include "platform/thread.h"

enum { FORKS = 150, TOTAL_BYTES = 64 << 20, LIMIT_BYTES = 1 << 20 };

static struct {
    plim_manager *manager;
    plim_domain a, b;
    _Atomic bool is_over;
} f;

static void *lend_all_day(void *argument)
{
    (void)argument;
    while (!atomic_load(&f.is_over)) {
        if (plim_domain_lend(f.a, f.b, 4096, NULL) != PLIM_OK)
            break;
        if (plim_domain_repay(f.a, f.b, SIZE_MAX, NULL) != PLIM_OK)
            break;
    }
    return NULL;
}

/* In the child: every byte is in a word, nobody is in the middle of anything. Exit status. */
static int child_check(void)
{
    plim__bank *bank = &f.manager->bank;
    const char *what = "";
    size_t sum = plim__budget_left(&bank->total);
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain != NULL)
            sum += plim__budget_charged(&domain->budget) +
                   (domain->is_shared ? 0 : plim__budget_left(&domain->budget));
    }
    if (sum != f.manager->total_bytes)
        return 1;
    if (plim__load(&bank->moving) != 0)
        return 2;
    if (plim__bank_check(bank, &what) != NULL)
        return 3;
    void *block = plim_alloc_in(f.b, 100);
    plim_free(block);
    return block != NULL && plim_domain_lend(f.a, f.b, 1, NULL) == PLIM_OK ? 0 : 4;
}

static void a_child_of_a_fork_finds_every_byte(void **state)
{
    (void)state;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = TOTAL_BYTES};
    assert_int_equal(plim_manager_create(&options, &f.manager, NULL), PLIM_OK);
    plim_domain_options limit = {.struct_bytes = sizeof limit, .limit_bytes = LIMIT_BYTES};
    assert_int_equal(plim_domain_create(f.manager, "a", &limit, &f.a, NULL), PLIM_OK);
    assert_int_equal(plim_domain_create(f.manager, "b", &limit, &f.b, NULL), PLIM_OK);
    assert_int_equal(plim_domain_share_set(f.a, f.b, LIMIT_BYTES), PLIM_OK);
    void *block = plim_alloc_in(f.a, 100);
    assert_non_null(block);
    plim__thread thread;
    assert_true(plim__thread_start(&thread, lend_all_day, NULL));
    int bad[5] = {0};
    for (size_t i = 0; i < FORKS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(child_check());
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 5);
        bad[WEXITSTATUS(status)]++;
    }
    atomic_store(&f.is_over, true);
    plim__thread_join(&thread);
    if (bad[0] != FORKS)
        fail_msg("of %d children: bytes lost %d, in the middle %d, unsound %d, refused %d", FORKS,
                 bad[1], bad[2], bad[3], bad[4]);
    plim_free(block);
    plim_manager_destroy(&f.manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_child_of_a_fork_finds_every_byte)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

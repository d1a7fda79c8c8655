/* SPDX-License-Identifier: MIT */
/* OTP's rules, one by one, on the tree alone. Method: scripts of tree_play.h with the lines that
   OTP's own supervisor wrote for them (test_otp.py compares random ones); names are those of
   supervisor_SUITE where it has the rule. "+" started, "!" failed, "~" ignored, "-" asked to end;
   in brackets specs, active, supervisors, workers, then each child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "supervise/tree/tree.h"
#include "tree_play.h"

#define RULES(CASE)                                                                                \
    CASE(sup_start_normal,                                                                         \
         "sup top one_for_one 1 never - -\nleaf a permanent - ask\nleaf b permanent - "            \
         "ask\nend\nrun\n"                                                                         \
         "stop\n",                                                                                 \
         "run: +a +b [2 2 0 2 a=up b=up]\nstop: -b -a top-ended\n")                                \
    CASE(sup_start_ignore_child,                                                                   \
         "sup top one_for_one 1 never - -\nleaf a permanent - ask\nleaf b temporary - ask\nend\n"  \
         "ignore a 1\nignore b 1\nrun\n",                                                          \
         "run: ~a ~b [1 0 0 1 a=undefined]\n")                                                     \
    CASE(sup_start_fail,                                                                           \
         "sup top one_for_one 1 never - -\nleaf a permanent - ask\nleaf b permanent - ask\n"       \
         "leaf c permanent - ask\nend\nfail c 1\nrun\n",                                           \
         "run: +a +b !c -b -a top-failed\n")                                                       \
    CASE(permanent_normal,                                                                         \
         "sup top one_for_one 1 never - -\nleaf a permanent - ask\nend\nrun\nexits a:normal\n"     \
         "exits a:normal\n",                                                                       \
         "run: +a [1 1 0 1 a=up]\nexits: +a [1 1 0 1 a=up]\nexits: top-ended\n")                   \
    CASE(no_restart_at_all,                                                                        \
         "sup top one_for_one 0 never - -\nleaf a permanent - ask\nend\nrun\nexits a:normal\n",    \
         "run: +a [1 1 0 1 a=up]\nexits: top-ended\n")                                             \
    CASE(transient_normal_shutdown_abnormal,                                                       \
         "sup top one_for_one 3 never - -\nleaf a transient - ask\nend\nrun\nexits a:abnormal\n"   \
         "exits a:normal\nrestart top a\nexits a:shutdown\n",                                      \
         "run: +a [1 1 0 1 a=up]\nexits: +a [1 1 0 1 a=up]\nexits: [1 0 0 1 a=undefined]\n"        \
         "restart: +a = ok [1 1 0 1 a=up]\nexits: [1 0 0 1 a=undefined]\n")                        \
    CASE(temporary_abnormal,                                                                       \
         "sup top one_for_one 3 never - -\nleaf a temporary - ask\nend\nrun\nexits a:abnormal\n",  \
         "run: +a [1 1 0 1 a=up]\nexits: [0 0 0 0]\n")                                             \
    CASE(temporary_bystander,                                                                      \
         "sup top one_for_all 3 never - -\nleaf a permanent - ask\nleaf b temporary - "            \
         "ask\nend\nrun\n"                                                                         \
         "exits a:abnormal\n",                                                                     \
         "run: +a +b [2 2 0 2 a=up b=up]\nexits: -b +a [1 1 0 1 a=up]\n")                          \
    CASE(                                                                                          \
        one_for_all,                                                                               \
        "sup top one_for_all 1 never - -\nleaf a permanent - ask\nleaf b permanent - ask\n"        \
        "leaf c permanent - ask\nend\nrun\nexits b:abnormal\nexits a:abnormal\n",                  \
        "run: +a +b +c [3 3 0 3 a=up b=up c=up]\nexits: -c -a +a +b +c [3 3 0 3 a=up b=up c=up]\n" \
        "exits: -c -b top-ended\n")                                                                \
    CASE(rest_for_one,                                                                             \
         "sup top rest_for_one 1 never - -\nleaf a permanent - ask\nleaf b permanent - ask\n"      \
         "leaf c permanent - ask\nend\nrun\nexits b:abnormal\n",                                   \
         "run: +a +b +c [3 3 0 3 a=up b=up c=up]\nexits: -c +b +c [3 3 0 3 a=up b=up c=up]\n")     \
    CASE(rest_for_one_other_child_fails_restart,                                                   \
         "sup top rest_for_one 5 never - -\nleaf a permanent - ask\nleaf b permanent - ask\n"      \
         "leaf c permanent - ask\nend\nrun\nfail c 2\nexits b:abnormal\n",                         \
         "run: +a +b +c [3 3 0 3 a=up b=up c=up]\n"                                                \
         "exits: -c +b !c !c +c [3 3 0 3 a=up b=up c=up]\n")                                       \
    CASE(one_for_all_other_child_fails_restart,                                                    \
         "sup top one_for_all 5 never - -\nleaf a permanent - ask\nleaf b permanent - "            \
         "ask\nend\nrun\n"                                                                         \
         "fail b 1\nexits a:abnormal\n",                                                           \
         "run: +a +b [2 2 0 2 a=up b=up]\nexits: -b +a !b -a +a +b [2 2 0 2 a=up b=up]\n")         \
    CASE(hanging_restart_loop_ends_by_intensity,                                                   \
         "sup top one_for_one 3 never - -\nleaf a permanent - ask\nend\nrun\nfail a 100\n"         \
         "exits a:abnormal\n",                                                                     \
         "run: +a [1 1 0 1 a=up]\nexits: !a !a !a top-ended\n")                                    \
    CASE(one_for_one_escalation,                                                                   \
         "sup top one_for_one 1 never - -\nsup s one_for_one 1 never permanent -\n"                \
         "leaf a permanent - ask\nend\nleaf b permanent - ask\nend\nrun\nexits a:abnormal\n"       \
         "exits a:abnormal\n",                                                                     \
         "run: +a +b [2 2 1 1 s=up [1 1 0 1 a=up] b=up]\n"                                         \
         "exits: +a [2 2 1 1 s=up [1 1 0 1 a=up] b=up]\n"                                          \
         "exits: +a [2 2 1 1 s=up [1 1 0 1 a=up] b=up]\n")                                         \
    CASE(multiple_restarts_at_one_moment,                                                          \
         "sup top one_for_one 2 never - -\nleaf a permanent - ask\nleaf b permanent - ask\n"       \
         "leaf c permanent - ask\nend\nrun\nexits a:abnormal b:abnormal c:abnormal\n",             \
         "run: +a +b +c [3 3 0 3 a=up b=up c=up]\nexits: +a +b -b -a top-ended\n")                 \
    CASE(a_bystanders_own_end_does_not_count,                                                      \
         "sup top one_for_all 1 never - -\nleaf a permanent - ask\nleaf b permanent - "            \
         "ask\nend\nrun\n"                                                                         \
         "exits a:abnormal b:abnormal\n",                                                          \
         "run: +a +b [2 2 0 2 a=up b=up]\nexits: +a +b [2 2 0 2 a=up b=up]\n")                     \
    CASE(significant_transient,                                                                    \
         "sup top one_for_one 5 any_significant - -\nleaf a transient significant ask\n"           \
         "leaf b permanent - ask\nend\nrun\nexits a:abnormal\nexits a:normal\n",                   \
         "run: +a +b [2 2 0 2 a=up b=up]\nexits: +a [2 2 0 2 a=up b=up]\nexits: -b top-ended\n")   \
    CASE(significant_temporary_all,                                                                \
         "sup top one_for_one 5 all_significant - -\nleaf a temporary significant ask\n"           \
         "leaf b temporary significant ask\nleaf c permanent - ask\nend\nrun\nexits a:abnormal\n"  \
         "exits b:normal\n",                                                                       \
         "run: +a +b +c [3 3 0 3 a=up b=up c=up]\nexits: [2 2 0 2 b=up c=up]\nexits: -c "          \
         "top-ended\n")                                                                            \
    CASE(significant_bystander,                                                                    \
         "sup top one_for_all 5 any_significant - -\nleaf a temporary significant ask\n"           \
         "leaf b permanent - ask\nend\nrun\nexits b:abnormal\n",                                   \
         "run: +a +b [2 2 0 2 a=up b=up]\nexits: -a +b [1 1 0 1 b=up]\n")                          \
    CASE(                                                                                          \
        simple_one_for_one,                                                                        \
        "sup top simple_one_for_one 2 never - -\nleaf t transient - ask\nend\nrun\nstart top i1\n" \
        "start top i2\nexits i1:abnormal\nexits i1:normal\nrestart top i2\ndelete top i2\n"        \
        "terminate top i2\n",                                                                      \
        "run: [1 0 0 0]\nstart: +i1 = ok [1 1 0 1]\nstart: +i2 = ok [1 2 0 2]\n"                   \
        "exits: +i1 [1 2 0 2]\nexits: [1 1 0 1]\nrestart: = simple [1 1 0 1]\n"                    \
        "delete: = simple [1 1 0 1]\nterminate: = ok [1 0 0 0]\n")                                 \
    CASE(child_adm,                                                                                \
         "sup top one_for_one 2 never - -\nleaf a permanent - ask\nend\nrun\n"                     \
         "start top b permanent - ask\nstart top b permanent - ask\ndelete top b\nrestart top b\n" \
         "terminate top b\nterminate top x\nrestart top b\nterminate top b\ndelete top b\n"        \
         "delete top b\n",                                                                         \
         "run: +a [1 1 0 1 a=up]\nstart: +b = ok [2 2 0 2 a=up b=up]\n"                            \
         "start: = exists [2 2 0 2 a=up b=up]\ndelete: = busy [2 2 0 2 a=up b=up]\n"               \
         "restart: = exists [2 2 0 2 a=up b=up]\nterminate: -b = ok [2 1 0 2 a=up b=undefined]\n"  \
         "terminate: = not_found [2 1 0 2 a=up b=undefined]\n"                                     \
         "restart: +b = ok [2 2 0 2 a=up b=up]\nterminate: -b = ok [2 1 0 2 a=up b=undefined]\n"   \
         "delete: = ok [1 1 0 1 a=up]\ndelete: = not_found [1 1 0 1 a=up]\n")                      \
    CASE(start_child_that_fails_is_not_kept,                                                       \
         "sup top one_for_one 2 never - -\nend\nfail b 1\nrun\nstart top b permanent - ask\n",     \
         "run: [0 0 0 0]\nstart: !b = failed [0 0 0 0]\n")                                         \
    CASE(tree_is_as_written_after_its_restart,                                                     \
         "sup top one_for_one 5 never - -\nsup s one_for_one 0 never permanent -\n"                \
         "leaf a permanent - ask\nleaf t temporary - ask\nend\nend\nrun\nexits t:abnormal\n"       \
         "start s n permanent - ask\nexits a:abnormal\n",                                          \
         "run: +a +t [1 1 1 0 s=up [2 2 0 2 a=up t=up]]\n"                                         \
         "exits: [1 1 1 0 s=up [1 1 0 1 a=up]]\n"                                                  \
         "start: +n = ok [1 1 1 0 s=up [2 2 0 2 a=up n=up]]\n"                                     \
         "exits: -n +a +t [1 1 1 0 s=up [2 2 0 2 a=up t=up]]\n")

#define RULE_TEST(name, script, told)                                                              \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        char out[8192];                                                                            \
        assert_null(tree_play(script, out, sizeof(out)));                                          \
        assert_string_equal(out, told);                                                            \
    }
RULES(RULE_TEST)

static plim_status no_start(void *ctx, plim_child child, plim_child_process *out, plim_error *err)
{
    (void)ctx, (void)child, (void)out, (void)err;
    return PLIM_ERR_UNSUPPORTED;
}

/* sup_start_map_faulty_specs, and nonsignificant/significant bad_combination. */
static void faulty_specifications_are_refused(void **state)
{
    (void)state;
    static const struct {
        plim_child_spec child;
        plim_auto_shutdown auto_shutdown;
        plim_status status;
    } rows[] = {
        {{.id = "a", .start = no_start}, PLIM_AUTO_NEVER, PLIM_OK},
        {{.start = no_start}, PLIM_AUTO_NEVER, PLIM_ERR_USAGE},
        {{.id = "", .start = no_start}, PLIM_AUTO_NEVER, PLIM_ERR_USAGE},
        {{.id = "a/b", .start = no_start}, PLIM_AUTO_NEVER, PLIM_ERR_USAGE},
        {{.id = "a"}, PLIM_AUTO_NEVER, PLIM_ERR_USAGE},
        {{.id = "a", .start = no_start, .restart = (plim_restart)7},
         PLIM_AUTO_NEVER,
         PLIM_ERR_USAGE},
        {{.id = "a", .start = no_start, .is_significant = true},
         PLIM_AUTO_ANY_SIGNIFICANT,
         PLIM_ERR_CONTRADICTION},
        {{.id = "a", .start = no_start, .restart = PLIM_TRANSIENT, .is_significant = true},
         PLIM_AUTO_NEVER,
         PLIM_ERR_CONTRADICTION},
        {{.id = "a", .start = no_start, .restart = PLIM_TRANSIENT, .is_significant = true},
         PLIM_AUTO_ALL_SIGNIFICANT,
         PLIM_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        plim_supervisor_spec spec = {
            .children = &rows[i].child, .child_count = 1, .auto_shutdown = rows[i].auto_shutdown};
        assert_int_equal(plim__tree_check(&spec, NULL), rows[i].status);
    }
    plim_child_spec two[] = {{.id = "a", .start = no_start}, {.id = "a", .start = no_start}};
    plim_supervisor_spec spec = {.children = two, .child_count = 2};
    assert_int_equal(plim__tree_check(&spec, NULL), PLIM_ERR_USAGE);
    spec.strategy = PLIM_SIMPLE_ONE_FOR_ONE;
    assert_int_equal(plim__tree_check(&spec, NULL), PLIM_ERR_USAGE);
    plim_supervisor_spec own = {.child_count = 1};
    plim_child_spec circle = {.id = "a", .supervisor = &own};
    own.children = &circle;
    assert_int_equal(plim__tree_check(&own, NULL), PLIM_ERR_LIMIT);
}

static void ignore_each(void *ctx, uint32_t node, const plim_child_spec *spec)
{
    (void)ctx, (void)node, (void)spec;
}

/* Runs the tree; starts succeed, asks and kills are only counted. */
static void settle(plim__tree *tree, uint64_t now_ns, int *asks, int *kills, int *starts)
{
    plim__tree_action action;
    while (plim__tree_step(tree, now_ns, &action)) {
        if (action.kind == PLIM__TREE_START) {
            ++*starts;
            plim__tree_started(tree, action.node, PLIM__TREE_OK);
        }
        *asks += action.kind == PLIM__TREE_ASK;
        *kills += action.kind == PLIM__TREE_KILL;
    }
}

static plim__tree *tree_of(const plim_supervisor_spec *spec)
{
    plim__tree_options options = {.dynamic_max = 4, .request_max = 4, .seed = 1};
    plim__tree *tree = NULL;
    assert_int_equal(plim__tree_create(spec, &options, ignore_each, NULL, &tree, NULL), PLIM_OK);
    plim__tree_start(tree);
    return tree;
}

/* sup_stop_timeout, sup_stop_infinity. */
static void who_does_not_end_in_time_is_killed(void **state)
{
    (void)state;
    plim_child_spec child = {.id = "a", .start = no_start, .shutdown_ns = 1000};
    plim_supervisor_spec spec = {.children = &child, .child_count = 1};
    plim__tree *tree = tree_of(&spec);
    int asks = 0, kills = 0, starts = 0;
    settle(tree, 10, &asks, &kills, &starts);
    plim__tree_stop(tree, false);
    settle(tree, 20, &asks, &kills, &starts);
    assert_int_equal(asks, 1);
    assert_int_equal(plim__tree_deadline(tree), 1020);
    settle(tree, 1019, &asks, &kills, &starts);
    assert_int_equal(kills, 0);
    settle(tree, 1020, &asks, &kills, &starts);
    assert_int_equal(kills, 1);
    plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
    settle(tree, 1030, &asks, &kills, &starts);
    assert_int_equal(plim__tree_deadline(tree), UINT64_MAX);
    plim__tree_destroy(&tree);
}

/* sup_stop_brutal_kill: it is not asked. sup_stop_infinity: it is waited for without end. */
static void brutal_kill_does_not_ask_and_infinity_does_not_kill(void **state)
{
    (void)state;
    static const struct {
        uint64_t shutdown_ns;
        int asks, kills;
    } rows[] = {{PLIM_SHUTDOWN_KILL, 0, 1}, {PLIM_SHUTDOWN_INFINITY, 1, 0}};
    for (int i = 0; i < 2; i++) {
        plim_child_spec child = {.id = "a", .start = no_start, .shutdown_ns = rows[i].shutdown_ns};
        plim_supervisor_spec spec = {.children = &child, .child_count = 1};
        plim__tree *tree = tree_of(&spec);
        int asks = 0, kills = 0, starts = 0;
        settle(tree, 10, &asks, &kills, &starts);
        plim__tree_stop(tree, false);
        settle(tree, 20, &asks, &kills, &starts);
        assert_int_equal(plim__tree_deadline(tree), UINT64_MAX);
        settle(tree, UINT64_MAX / 2, &asks, &kills, &starts);
        assert_int_equal(asks, rows[i].asks);
        assert_int_equal(kills, rows[i].kills);
        plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
        settle(tree, UINT64_MAX / 2, &asks, &kills, &starts);
        assert_int_equal(plim__tree_state(tree, 0), PLIM_CHILD_STOPPED);
        plim__tree_destroy(&tree);
    }
}

/* sup_stop of a simple one: all are asked before any is waited for, and share one time. */
static void a_simple_one_stops_all_at_once(void **state)
{
    (void)state;
    plim_child_spec child = {.id = "t", .start = no_start, .shutdown_ns = 1000};
    plim_supervisor_spec spec = {
        .strategy = PLIM_SIMPLE_ONE_FOR_ONE, .children = &child, .child_count = 1};
    plim__tree *tree = tree_of(&spec);
    int asks = 0, kills = 0, starts = 0;
    uint32_t nodes[2];
    settle(tree, 10, &asks, &kills, &starts);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(plim__tree_add(tree, 0, NULL, i + 1, &nodes[i]), PLIM_OK);
        settle(tree, 20, &asks, &kills, &starts);
    }
    assert_int_equal(starts, 2);
    plim__tree_stop(tree, false);
    settle(tree, 30, &asks, &kills, &starts);
    assert_int_equal(asks, 2); /* and none has ended */
    plim__tree_exited(tree, nodes[0], PLIM_EXIT_SHUTDOWN);
    settle(tree, 1029, &asks, &kills, &starts);
    assert_int_equal(kills, 0);
    settle(tree, 1030, &asks, &kills, &starts);
    assert_int_equal(kills, 1);
    plim__tree_exited(tree, nodes[1], PLIM_EXIT_ABNORMAL);
    settle(tree, 1040, &asks, &kills, &starts);
    plim__tree_destroy(&tree);
}

/* Whole seconds, both ends of the period included. */
static void restarts_are_forgotten_after_the_period(void **state)
{
    (void)state;
    static const struct {
        uint64_t second_ns;
        bool is_up;
    } rows[] = {{UINT64_C(8000000000), true}, {UINT64_C(7999999999), false}};
    for (int i = 0; i < 2; i++) {
        plim_child_spec child = {.id = "a", .start = no_start};
        plim_supervisor_spec spec = {.children = &child, .child_count = 1};
        plim__tree *tree = tree_of(&spec);
        int asks = 0, kills = 0, starts = 0;
        settle(tree, 10, &asks, &kills, &starts);
        plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
        settle(tree, UINT64_C(2999999999), &asks, &kills, &starts);
        plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
        settle(tree, rows[i].second_ns, &asks, &kills, &starts);
        assert_int_equal(plim__tree_state(tree, 0) == PLIM_CHILD_RUNNING, rows[i].is_up);
        plim__tree_destroy(&tree);
    }
}

/* Beyond OTP: pauses between starts that fail, doubled, and never before a restart as such. */
static void failing_starts_are_paced(void **state)
{
    (void)state;
    plim_child_spec child = {.id = "a", .start = no_start, .backoff = {.first_ns = 100}};
    plim_supervisor_spec spec = {.children = &child, .child_count = 1, .intensity = 10};
    plim__tree *tree = tree_of(&spec);
    int asks = 0, kills = 0, starts = 0;
    settle(tree, 10, &asks, &kills, &starts);
    plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
    uint64_t now = 1000, pause = 100;
    for (int i = 0; i < 4; i++, pause *= 2) {
        plim__tree_action action;
        bool is_started = false;
        while (plim__tree_step(tree, now, &action)) {
            if (action.kind == PLIM__TREE_START) {
                is_started = true;
                plim__tree_started(tree, action.node, PLIM__TREE_FAILED);
            }
        }
        assert_true(is_started);
        assert_int_equal(plim__tree_deadline(tree), now + pause);
        now += pause;
    }
    plim__tree_destroy(&tree);
}

/* Beyond OTP: planned, so it counts for nothing. */
static void recycling_counts_for_nothing(void **state)
{
    (void)state;
    plim_child_spec child = {.id = "a", .start = no_start};
    plim_supervisor_spec spec = {
        .children = &child, .child_count = 1, .intensity = PLIM_INTENSITY_NONE};
    plim__tree *tree = tree_of(&spec);
    int asks = 0, kills = 0, starts = 0;
    for (int i = 0; i < 10; i++) {
        settle(tree, 10, &asks, &kills, &starts);
        assert_int_equal(plim__tree_ask(tree, 1, PLIM_REQUEST_RECYCLE, PLIM_WHY_MEMORY, 1),
                         PLIM_OK);
        settle(tree, 10, &asks, &kills, &starts);
        plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
    }
    settle(tree, 10, &asks, &kills, &starts);
    assert_int_equal(starts, 11);
    assert_int_equal(asks, 10);
    plim__tree_exited(tree, 1, PLIM_EXIT_ABNORMAL);
    settle(tree, 10, &asks, &kills, &starts);
    assert_int_equal(plim__tree_state(tree, 0), PLIM_CHILD_STOPPED);
    plim__tree_destroy(&tree);
}

int main(void)
{
#define RULE_ROW(name, script, told) cmocka_unit_test(name),
    const struct CMUnitTest tests[] = {
        RULES(RULE_ROW) cmocka_unit_test(faulty_specifications_are_refused),
        cmocka_unit_test(who_does_not_end_in_time_is_killed),
        cmocka_unit_test(brutal_kill_does_not_ask_and_infinity_does_not_kill),
        cmocka_unit_test(a_simple_one_stops_all_at_once),
        cmocka_unit_test(restarts_are_forgotten_after_the_period),
        cmocka_unit_test(failing_starts_are_paced),
        cmocka_unit_test(recycling_counts_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

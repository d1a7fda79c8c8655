/* SPDX-License-Identifier: MIT */
/*
 * Workers that mean harm: test_hostile POOL_WORKER. Method: one of two workers turns bad by what a
 * request says; while it does, the other goes on answering; it is ended, its request told of
 * exactly once, and then there is no process, no zombie, no descriptor of it, and our own memory is
 * near where it was.
 */
#include <plimsoll/monitor.h>
#include <plimsoll/worker_pool.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "temporary.h"
#include "things.h"

#define SECOND   UINT64_C(1000000000)
#define PATIENCE (60 * SECOND)

enum { ECHOES = 20, LARGE_BYTES = 1000000, GROWTH_MAX = 32 << 20 };

static const char *worker_path;

typedef struct ward {
    plim_worker_pool *pool;
    bool is_ready;
    uint32_t deaths, replaced;
    plim_why why;
    int signal;
    int64_t pid; /* of the last that died */
    uint64_t most_bytes;
} ward;

typedef struct told {
    uint32_t times;
    int32_t status;
} told;

static void on_event(void *ctx, const plim_pool_event *event)
{
    ward *at = ctx;
    at->is_ready |= event->kind == PLIM_POOL_READY;
    at->replaced += event->kind == PLIM_POOL_REPLACING;
    if (event->kind == PLIM_POOL_REPLACING)
        at->why = event->why;
    if (event->kind != PLIM_POOL_WORKER_DIED)
        return;
    at->deaths++;
    at->why = event->why;
    at->signal = event->signal;
    at->pid = event->pid;
}

static void on_answer(void *ctx, const plim_pool_answer *answer)
{
    told *item = ctx;
    item->times++;
    item->status = answer->status;
}

static void turn_until(ward *at, const uint32_t *count, uint32_t wanted)
{
    uint64_t end = things_clock() + PATIENCE;
    while (*count < wanted) {
        assert_true(things_clock() < end);
        (void)plim_worker_pool_step(at->pool, true);
    }
    uint64_t now = things_now().private_bytes;
    at->most_bytes = now > at->most_bytes ? now : at->most_bytes;
}

static void begin(ward *at, plim_worker_pool_options options, const char *mode)
{
    const char *argv[] = {worker_path, mode, NULL};
    plim_child_command command = {.argv = argv, .output = options.command->output};
    *at = (ward){.pool = NULL};
    options.struct_bytes = sizeof options;
    options.command = &command;
    options.workers = 2;
    options.intensity = 1000;
    options.health_interval_ns = UINT64_MAX; /* a machine may be slow; here one is bad */
    options.start_timeout_ns = PATIENCE;
    options.event = on_event;
    options.ctx = at;
    plim_error err = {.status = PLIM_OK};
    if (plim_worker_pool_create(&options, &at->pool, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    uint64_t end = things_clock() + PATIENCE;
    while (!at->is_ready) {
        assert_true(things_clock() < end);
        (void)plim_worker_pool_step(at->pool, true);
    }
}

static void ask(ward *at, const char *code, size_t bytes, uint64_t timeout_ns, told *item)
{
    *item = (told){0};
    assert_int_equal(plim_worker_pool_submit(at->pool, code, (uint32_t)bytes,
                                             PLIM_MESSAGE_IDEMPOTENT, timeout_ns, on_answer, item,
                                             NULL, NULL),
                     PLIM_OK);
}

/* Others are answered whatever one of them does. */
static void assert_answers(ward *at)
{
    for (int i = 0; i < ECHOES; i++) {
        told item;
        ask(at, "echo:x", 6, UINT64_MAX, &item);
        turn_until(at, &item.times, 1);
        assert_int_equal(item.status, PLIM_OK);
    }
}

static void finish(ward *at, const things *before)
{
    assert_answers(at);
    plim_worker_pool_destroy(&at->pool);
    things_assert_same(before, 65536);
#ifndef PLIM_SANITIZED /* where memory is not what a program asked for */
    assert_true(at->most_bytes < before->private_bytes + GROWTH_MAX);
#endif
}

/* A request that never ends, and its deadline; `signal` is what the worker ends by. */
static void one_turns_bad(const char *code, const plim_child_command *command, const char *mode)
{
    ward at;
    told bad;
    things before = things_now();
    begin(&at, (plim_worker_pool_options){.command = command, .cancel_grace_ns = SECOND / 10},
          mode);
    ask(&at, code, strlen(code), SECOND / 2, &bad);
    assert_answers(&at);
    turn_until(&at, &bad.times, 1);
    assert_int_equal(bad.status, PLIM_ERR_TIMEOUT);
    turn_until(&at, &at.deaths, 1);
    assert_int_equal(at.why, PLIM_WHY_DEADLINE);
    assert_int_equal(at.signal, SIGKILL);
    finish(&at, &before);
    assert_int_equal(bad.times, 1);
}

static const plim_child_command plain = {.output = PLIM_OUTPUT_INHERIT};
static const plim_child_command heard = {.output = PLIM_OUTPUT_LINES};

static void a_fork_bomb_goes_with_its_worker(void **state)
{
    (void)state;
    /* What the bomb leaves comes to us, so that it can be waited for, and so counted. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1L), 0);
    ward at;
    told bad;
    begin(&at, (plim_worker_pool_options){.command = &plain, .cancel_grace_ns = SECOND / 10}, NULL);
    ask(&at, "haunt:bomb", 10, 2 * SECOND, &bad);
    assert_answers(&at);
    turn_until(&at, &at.deaths, 1);
    assert_int_equal(at.signal, SIGKILL);
    assert_int_equal(bad.times, 1);
    pid_t group = (pid_t)at.pid;
    int killed = 0, how = 0;
    for (uint64_t end = things_clock() + PATIENCE; things_clock() < end;) {
        pid_t pid = waitpid(-group, &how, WNOHANG);
        if (pid < 0)
            break;
        assert_true(pid == 0 || (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
        killed += pid > 0;
    }
    assert_int_equal(errno, ECHILD); /* none of them is left, alive or dead */
    assert_true(killed > 0);
    assert_answers(&at);
    plim_worker_pool_destroy(&at.pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0L), 0);
}

static void one_that_fills_the_channel_does_not_keep_others_waiting(void **state)
{
    (void)state;
    one_turns_bad("haunt:flood", &plain, NULL);
}

static void one_that_fills_its_pipe_does_not_keep_others_waiting(void **state)
{
    (void)state;
    one_turns_bad("haunt:write", &heard, NULL);
}

static void one_that_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    one_turns_bad("haunt:deaf", &plain, "stubborn");
}

static void one_that_stops_reading_is_killed(void **state)
{
    (void)state;
    one_turns_bad("haunt:deaf", &plain, NULL);
}

/* More than the socket takes was to be written to it. */
static void what_one_does_not_read_is_held_once_and_not_for_ever(void **state)
{
    (void)state;
    static char large[LARGE_BYTES];
    char folder[128], mode[160];
    assert_true(temporary_path(folder, sizeof folder, "plim-hostile-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(rmdir(folder), 0); /* the first to make it is the bad one */
    (void)snprintf(mode, sizeof mode, "first-stops-reading:%s", folder);
    memset(large, ' ', sizeof large);
    memcpy(large, "echo:", 5);
    ward at;
    told items[8];
    things before = things_now();
    begin(&at,
          (plim_worker_pool_options){
              .command = &plain, .spares = PLIM_POOL_NONE, .cancel_grace_ns = SECOND / 10},
          mode);
    for (int i = 0; i < 8; i++)
        ask(&at, large, sizeof large, 2 * SECOND, &items[i]);
    uint32_t late = 0;
    for (int i = 0; i < 8; i++) {
        turn_until(&at, &items[i].times, 1);
        late += items[i].status == PLIM_ERR_TIMEOUT;
    }
    turn_until(&at, &at.deaths, 1);
    assert_int_equal(at.signal, SIGKILL);
    assert_true(late >= 1); /* the one that it had */
    finish(&at, &before);
    for (int i = 0; i < 8; i++)
        assert_int_equal(items[i].times, 1);
    (void)rmdir(folder);
}

static void one_that_lies_in_its_report_is_seen_from_outside(void **state)
{
    (void)state;
#ifndef PLIM_SANITIZED
    ward at;
    told lie;
    things before = things_now();
    begin(&at, (plim_worker_pool_options){.command = &plain, .memory_bytes = 64u << 20}, NULL);
    ask(&at, "lie:100000000", 13, UINT64_MAX, &lie);
    turn_until(&at, &lie.times, 1);
    assert_int_equal(lie.status, PLIM_OK);
    turn_until(&at, &at.replaced, 1);
    assert_int_equal(at.why, PLIM_WHY_MEMORY);
    finish(&at, &before);
#endif
}

static void one_that_sends_garbage_is_killed(void **state)
{
    (void)state;
    static const char *const BAD[] = {"garbage", "oversized", "half", "stranger", "hang-up"};
    ward at;
    things before = things_now();
    begin(&at, (plim_worker_pool_options){.command = &plain}, NULL);
    for (uint32_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        told bad;
        ask(&at, BAD[i], strlen(BAD[i]), UINT64_MAX, &bad);
        turn_until(&at, &bad.times, 1);
        assert_int_equal(bad.status, PLIM_ERR_GONE);
        assert_answers(&at);
    }
    turn_until(&at, &at.deaths, 5);
    finish(&at, &before);
}

/* --- of a plain supervisor --- */

typedef struct house {
    plim_supervisor *supervisor;
    uint32_t lines, noise, ends;
    int64_t pid;
    plim_supervisor_event end;
} house;

static void on_house(void *ctx, const plim_supervisor_event *event)
{
    house *all = ctx;
    bool is_bad = strcmp(event->id, "bad") == 0;
    if (event->kind == PLIM_EVENT_LINE)
        *(is_bad ? &all->noise : &all->lines) += 1;
    if (event->kind == PLIM_EVENT_EXITED && is_bad) {
        all->end = *event;
        all->ends++;
    }
    if (all->lines >= 5 && all->noise > 0)
        plim_supervisor_stop(all->supervisor);
}

/* One shouts without end, one speaks: both are heard, and both end. The one that shouts has joined
   the group of its supervisor and does not hear SIGTERM. */
static void one_that_shouts_and_leaves_its_group_is_ended_all_the_same(void **state)
{
    (void)state;
    static const char escape[] = "import os, signal\n"
                                 "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                                 "os.setpgid(0, os.getpgid(os.getppid()))\n"
                                 "while True: os.write(1, b'x' * 4095 + b'\\n')\n";
    house all = {.supervisor = NULL};
    plim_child_command bad = {.argv = (const char *const[]){"python3", "-c", escape, NULL},
                              .output = PLIM_OUTPUT_LINES};
    plim_child_command good = {
        .argv = (const char *const[]){"sh", "-c", "while :; do echo here; sleep 0.05; done", NULL},
        .output = PLIM_OUTPUT_LINES};
    plim_child_spec children[] = {{.id = "good", .command = &good},
                                  {.id = "bad", .command = &bad, .shutdown_ns = SECOND / 10}};
    plim_supervisor_spec spec = {.children = children, .child_count = 2};
    plim_supervisor_options options = {
        .struct_bytes = sizeof options, .event = on_house, .ctx = &all};
    things before = things_now();
    assert_int_equal(plim_supervisor_create(&spec, &options, &all.supervisor, NULL), PLIM_OK);
    assert_int_equal(plim_supervisor_run(all.supervisor, NULL), PLIM_OK);
    plim_supervisor_destroy(&all.supervisor);
    assert_int_equal(all.ends, 1);
    assert_int_equal(all.end.signal, SIGKILL);
    things_assert_same(&before, 65536);
}

/* What libuv opens once and for ever, before things are counted. */
static int warm_up(void **state)
{
    (void)state;
    plim_supervisor_spec spec = {.struct_bytes = sizeof spec};
    plim_supervisor *supervisor = NULL;
    if (plim_supervisor_create(&spec, NULL, &supervisor, NULL) != PLIM_OK)
        return -1;
    plim_supervisor_destroy(&supervisor);
    return 0;
}

int main(int argc, char **argv)
{
    things_count_exactly(argv);
    if (argc < 2)
        return 2;
    worker_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_bomb_goes_with_its_worker),
        cmocka_unit_test(one_that_fills_the_channel_does_not_keep_others_waiting),
        cmocka_unit_test(one_that_fills_its_pipe_does_not_keep_others_waiting),
        cmocka_unit_test(one_that_ignores_sigterm_is_killed),
        cmocka_unit_test(one_that_stops_reading_is_killed),
        cmocka_unit_test(what_one_does_not_read_is_held_once_and_not_for_ever),
        cmocka_unit_test(one_that_lies_in_its_report_is_seen_from_outside),
        cmocka_unit_test(one_that_sends_garbage_is_killed),
        cmocka_unit_test(one_that_shouts_and_leaves_its_group_is_ended_all_the_same),
    };
    return cmocka_run_group_tests(tests, warm_up, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The pool with real workers (pool_worker.c), each told by its request what to do. Method: each
 * case has a pool of its own and turns it until what it waits for is there, or a generous time is
 * over; every request counts how often it was answered.
 */
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND   UINT64_C(1000000000)
#define PATIENCE (20 * SECOND)

enum { ASKED_MAX = 512, TEXT_BYTES = 1024 };

typedef struct asked {
    int told;
    int32_t status;
    uint32_t tries;
    int64_t pid;
    char text[TEXT_BYTES], error[TEXT_BYTES];
    uint64_t request;
} asked;

typedef struct world {
    plim_worker_pool *pool;
    bool is_ready, is_ended;
    plim_status end_status;
    uint32_t deaths, replaced, ups;
    plim_why last_why;
    int last_signal;
    char last_death[2048], last_log[TEXT_BYTES];
    uint64_t last_memory;
    asked items[ASKED_MAX];
    uint32_t count;
} world;

static const char *worker_path;

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void on_event(void *ctx, const plim_pool_event *event)
{
    world *at = ctx;
    switch (event->kind) {
    case PLIM_POOL_READY:
        at->is_ready = true;
        break;
    case PLIM_POOL_WORKER_UP:
        at->ups++;
        break;
    case PLIM_POOL_WORKER_DIED:
        at->deaths++;
        at->last_why = event->why;
        at->last_signal = event->signal;
        (void)snprintf(at->last_death, sizeof at->last_death, "%s", event->text);
        break;
    case PLIM_POOL_REPLACING:
        at->replaced++;
        at->last_why = event->why;
        break;
    case PLIM_POOL_LOG:
        (void)snprintf(at->last_log, sizeof at->last_log, "%s", event->text);
        break;
    case PLIM_POOL_MEMORY:
        at->last_memory = event->used_bytes;
        break;
    case PLIM_POOL_CLIENT:
        break;
    case PLIM_POOL_ENDED:
        at->is_ended = true;
        at->end_status = event->status;
        break;
    }
}

static void on_answer(void *ctx, const plim_pool_answer *answer)
{
    asked *item = ctx;
    item->told++;
    item->status = answer->status;
    item->tries = answer->tries;
    item->pid = answer->pid;
    (void)snprintf(item->text, sizeof item->text, "%.*s", (int)answer->body_bytes,
                   answer->body_bytes > 0 ? (const char *)answer->body : "");
    (void)snprintf(item->error, sizeof item->error, "%.*s", (int)answer->error_bytes,
                   answer->error_bytes > 0 ? answer->error : "");
}

static plim_worker_pool_options options_of(world *at)
{
    memset(at, 0, sizeof *at);
    return (plim_worker_pool_options){.struct_bytes = sizeof(plim_worker_pool_options),
                                      .workers = 2,
                                      .intensity = 1000,
                                      .event = on_event,
                                      .ctx = at};
}

static void begin_mode(world *at, plim_worker_pool_options options, const char *mode)
{
    const char *argv[] = {worker_path, mode, NULL};
    plim_child_command command = {.argv = argv};
    plim_error err = {.status = PLIM_OK};
    options.command = &command;
    if (plim_worker_pool_create(&options, &at->pool, &err) != PLIM_OK)
        fail_msg("%s", err.what);
}

static void turn_until(world *at, const bool *done)
{
    for (uint64_t until = now_ns() + PATIENCE; !*done;) {
        assert_true(now_ns() < until);
        if (!plim_worker_pool_step(at->pool, true))
            break;
    }
    assert_true(*done);
}

static void begin(world *at, plim_worker_pool_options options)
{
    begin_mode(at, options, NULL);
    turn_until(at, &at->is_ready);
}

static void finish(world *at)
{
    plim_worker_pool_destroy(&at->pool);
    for (uint32_t i = 0; i < at->count; i++)
        assert_int_equal(at->items[i].told, 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie, no child */
    assert_int_equal(errno, ECHILD);
}

static asked *ask_with(world *at, const char *code, uint32_t flags, uint64_t timeout_ns)
{
    assert_true(at->count < ASKED_MAX);
    asked *item = &at->items[at->count++];
    assert_int_equal(plim_worker_pool_submit(at->pool, code, (uint32_t)strlen(code), flags,
                                             timeout_ns, on_answer, item, &item->request, NULL),
                     PLIM_OK);
    assert_int_equal(item->told, 0);
    return item;
}

static void turn_until_told(world *at)
{
    for (uint64_t until = now_ns() + PATIENCE;;) {
        uint32_t told = 0;
        for (uint32_t i = 0; i < at->count; i++)
            told += at->items[i].told > 0;
        if (told == at->count)
            return;
        assert_true(now_ns() < until);
        (void)plim_worker_pool_step(at->pool, true);
    }
}

static asked *ask(world *at, const char *code, uint32_t flags)
{
    asked *item = ask_with(at, code, flags, 0);
    turn_until_told(at);
    return item;
}

static void turn_for(world *at, uint64_t ns)
{
    for (uint64_t until = now_ns() + ns; now_ns() < until;)
        (void)plim_worker_pool_step(at->pool, true);
}

static void turn_until_count(world *at, const uint32_t *count, uint32_t wanted)
{
    for (uint64_t until = now_ns() + PATIENCE; *count < wanted;) {
        assert_true(now_ns() < until);
        (void)plim_worker_pool_step(at->pool, true);
    }
}

static void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

static void requests_are_answered_with_their_results(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    char code[64];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(code, sizeof code, "echo:%d", i);
        (void)ask_with(&at, code, 0, 0);
    }
    turn_until_told(&at);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(at.items[i].status, PLIM_OK);
        assert_int_equal(strtol(at.items[i].text, NULL, 10), i);
        assert_int_equal(at.items[i].tries, 1);
    }
    assert_int_equal(ask(&at, "refuse", 0)->status, PLIM_ERR_REFUSED);
    assert_int_equal(ask(&at, "silent", 0)->status, PLIM_ERR_INTERNAL);
    finish(&at);
}

/* A cast: nobody waits for it, and it is done even so. */
static void a_request_that_nobody_waits_for_is_done_all_the_same(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.workers = 1;
    options.spares = PLIM_POOL_NONE;
    begin(&at, options);
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            plim_worker_pool_submit(at.pool, "echo:x", 6, 0, 0, NULL, NULL, NULL, NULL), PLIM_OK);
    assert_string_equal(ask(&at, "answered", 0)->text, "10"); /* it stood behind them */
    plim_pool_figures figures;
    plim_worker_pool_figures(at.pool, &figures);
    assert_int_equal(figures.answered, 11);
    finish(&at);
}

static void the_one_idle_longest_gets_the_next(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    char first[TEXT_BYTES];
    (void)snprintf(first, sizeof first, "%s", ask(&at, "pid", 0)->text);
    assert_string_not_equal(ask(&at, "pid", 0)->text, first);
    assert_string_equal(ask(&at, "pid", 0)->text, first);
    finish(&at);
}

static void an_answer_that_was_sent_counts_however_its_worker_ended(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask(&at, "answer-and-die", 0)->status, PLIM_OK);
    finish(&at);
}

static void what_was_not_begun_is_given_to_another_worker(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    pid_t stopped = (pid_t)strtol(ask(&at, "pid", 0)->text, NULL, 10);
    (void)ask(&at, "pid", 0); /* the other one's turn */
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    asked *item = ask_with(&at, "echo:here", 0, 0);
    turn_for(&at, SECOND / 10);
    assert_int_equal(item->told, 0);
    assert_int_equal(kill(stopped, SIGKILL), 0);
    turn_until_told(&at);
    assert_int_equal(item->status, PLIM_OK);
    assert_string_equal(item->text, "here"); /* not marked: nobody had begun it */
    assert_int_equal(item->tries, 2);
    finish(&at);
}

static void what_was_begun_fails_unless_it_may_be_done_twice(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.tries_max = 5;
    begin(&at, options);
    asked *once = ask(&at, "die-kill", 0);
    assert_int_equal(once->status, PLIM_ERR_GONE);
    assert_int_equal(once->tries, 1);
    assert_holds(once->error, "may not be done twice");
    asked *poison = ask(&at, "die-kill", PLIM_MESSAGE_IDEMPOTENT);
    assert_int_equal(poison->status, PLIM_ERR_GONE);
    assert_int_equal(poison->tries, 5);
    assert_holds(poison->error, "5 workers");
    asked *twice = ask_with(&at, "sleep:200", PLIM_MESSAGE_IDEMPOTENT, 0);
    turn_for(&at, SECOND / 20);
    for (uint32_t i = 0; i < 3; i++) {
        if (plim_worker_pool_pid(at.pool, i) != 0)
            (void)kill((pid_t)plim_worker_pool_pid(at.pool, i), SIGKILL);
    }
    turn_until_told(&at);
    assert_int_equal(twice->status, PLIM_OK);
    assert_true(twice->tries >= 2); /* the spare may have been dying, too */
    finish(&at);
}

static void a_crash_is_explained_by_what_the_worker_left(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    asked *item = ask(&at, "die-null", 0);
    turn_until_count(&at, &at.deaths, 1);
    assert_int_equal(item->status, PLIM_ERR_GONE);
#ifndef PLIM_SANITIZED /* a sanitizer handles such signals itself */
    assert_holds(item->error, "segmentation fault (SIGSEGV) at address 0x8");
    assert_holds(item->error, "a null pointer plus 8, in pool_worker+0x");
    assert_holds(item->error, "I was told to");
    assert_int_equal(at.last_signal, SIGSEGV);
    assert_holds(at.last_death, " < pool_worker+0x");
    (void)ask(&at, "die-overflow", 0);
    turn_until_count(&at, &at.deaths, 2);
    assert_holds(at.last_death, "segmentation fault");
    (void)ask(&at, "die-abort", 0);
    turn_until_count(&at, &at.deaths, 3);
    assert_holds(at.last_death, "abort (SIGABRT)");
#endif
    uint32_t deaths = at.deaths;
    (void)ask(&at, "die-exit", 0);
    turn_until_count(&at, &at.deaths, deaths + 1);
    assert_holds(at.last_death, "exit code 7");
    finish(&at);
}

static void a_deadline_ends_the_wait_and_the_worker_that_missed_it(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    asked *late = ask_with(&at, "sleep:60000", 0, SECOND / 10);
    uint64_t started = now_ns();
    turn_until_told(&at);
    assert_int_equal(late->status, PLIM_ERR_TIMEOUT);
    assert_true(now_ns() - started < SECOND);
    turn_until_count(&at, &at.deaths, 1);
    assert_int_equal(at.last_why, PLIM_WHY_DEADLINE);
    /* One that looks whether it was cancelled lives on. */
    asked *polite = ask_with(&at, "until-cancelled", 0, SECOND / 10);
    turn_until_told(&at);
    assert_int_equal(polite->status, PLIM_ERR_TIMEOUT);
    turn_for(&at, SECOND / 2);
    assert_int_equal(at.deaths, 1);
    assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    finish(&at);
}

static void a_cancelled_request_is_told_so_once(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.workers = 1;
    begin(&at, options);
    asked *at_work = ask_with(&at, "until-cancelled", 0, 0);
    asked *waiting = ask_with(&at, "echo:x", 0, 0);
    turn_for(&at, SECOND / 20);
    assert_int_equal(plim_worker_pool_cancel(at.pool, waiting->request), PLIM_OK);
    assert_int_equal(plim_worker_pool_cancel(at.pool, at_work->request), PLIM_OK);
    assert_int_equal(at_work->told + waiting->told, 2);
    assert_int_equal(at_work->status, PLIM_ERR_INTERRUPTED);
    assert_int_equal(plim_worker_pool_cancel(at.pool, at_work->request), PLIM_ERR_STALE);
    assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    assert_int_equal(at.deaths, 0);
    finish(&at);
}

static void a_worker_that_has_answered_enough_is_replaced_and_nobody_notices(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.max_requests = 10;
    options.max_requests_jitter = 4;
    begin(&at, options);
    for (int i = 0; i < 400 && at.replaced < 5; i++) {
        assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
        if (i % 20 == 19)
            turn_for(&at, SECOND / 10); /* time for successors to start */
    }
    assert_true(at.replaced >= 5);
    plim_pool_figures figures;
    plim_worker_pool_figures(at.pool, &figures);
    assert_int_equal(figures.deaths, 0);
    assert_int_equal(figures.failed, 0);
    turn_for(&at, SECOND / 2); /* whoever was due has a successor now, whose count begins anew */
    for (int i = 0; i < 2; i++)
        assert_true(strtol(ask(&at, "answered", 0)->text, NULL, 10) < 10);
    finish(&at);
}

static void memory_past_the_threshold_replaces_by_report_or_from_outside(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.memory_bytes = 64u << 20;
    begin(&at, options);
    assert_int_equal(ask(&at, "report:1000", 0)->status, PLIM_OK);
    turn_for(&at, SECOND / 4);
    assert_int_equal(at.replaced, 0);
    assert_true(at.last_memory == 1000);
    assert_int_equal(ask(&at, "report:100000000", 0)->status, PLIM_OK);
    turn_until_count(&at, &at.replaced, 1);
    assert_int_equal(at.last_why, PLIM_WHY_MEMORY);
#ifndef PLIM_SANITIZED /* where memory is not what a program asked for */
    assert_int_equal(ask(&at, "leak:100000000", 0)->status, PLIM_OK);
    turn_until_count(&at, &at.replaced, 2);
    assert_int_equal(at.last_why, PLIM_WHY_MEMORY);
#endif
    finish(&at);
}

static void memory_that_a_worker_shares_is_not_held_against_it(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.memory_bytes = 64u << 20;
    begin(&at, options);
#ifndef PLIM_SANITIZED /* where memory is not what a program asked for */
    assert_int_equal(ask(&at, "share:100000000", 0)->status, PLIM_OK);
    turn_for(&at, SECOND / 2);
    assert_int_equal(at.replaced, 0);
    assert_int_equal(ask(&at, "leak:100000000", 0)->status, PLIM_OK);
    turn_until_count(&at, &at.replaced, 1); /* it was looked at */
#endif
    finish(&at);
}

static void memory_past_the_second_threshold_kills_whatever_is_under_way(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.memory_kill_bytes = UINT64_C(1) << 40;
    begin(&at, options);
    asked *item = ask(&at, "report:2000000000000", 0);
    turn_until_count(&at, &at.deaths, 1);
    assert_int_equal(at.last_why, PLIM_WHY_MEMORY);
    assert_int_equal(item->status, PLIM_ERR_GONE);
    assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    finish(&at);
}

static void a_worker_that_sends_what_it_may_not_send_is_killed(void **state)
{
    (void)state;
    static const char *const BAD[] = {"garbage", "oversized", "stranger", "half", "hang-up"};
    static world at;
    begin(&at, options_of(&at));
    for (uint32_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(ask(&at, BAD[i], 0)->status, PLIM_ERR_GONE);
        turn_until_count(&at, &at.deaths, i + 1);
        assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    }
    /* An answer too many comes when nothing is asked, or is taken for another's. */
    assert_int_equal(ask(&at, "twice", 0)->status, PLIM_OK);
    turn_for(&at, SECOND / 4);
    turn_until_count(&at, &at.deaths, 6);
    plim_pool_figures figures;
    plim_worker_pool_figures(at.pool, &figures);
    assert_true(figures.refused >= 4);
    assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    finish(&at);
}

static void a_worker_that_does_not_answer_for_its_health_is_killed(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.health_interval_ns = SECOND / 10;
    options.health_timeout_ns = SECOND / 5;
    begin(&at, options);
    turn_for(&at, SECOND); /* those that answer live */
    assert_int_equal(at.deaths, 0);
    assert_int_equal(kill((pid_t)plim_worker_pool_pid(at.pool, 0), SIGSTOP), 0);
    turn_until_count(&at, &at.deaths, 1);
    assert_int_equal(at.last_why, PLIM_WHY_UNRESPONSIVE);
    assert_int_equal(at.last_signal, SIGKILL);
    finish(&at);
}

/* Or it would wait until something else happens. */
static void what_comes_while_all_are_asked_for_their_health_is_given_out(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.health_interval_ns = 1; /* always */
    options.health_timeout_ns = 60 * SECOND;
    begin(&at, options);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    finish(&at);
}

static void a_worker_that_does_not_greet_is_killed(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.start_timeout_ns = SECOND / 5;
    begin_mode(&at, options, "mute");
    turn_until_count(&at, &at.deaths, 3);
    assert_int_equal(at.last_why, PLIM_WHY_START_TIMEOUT);
    assert_int_equal(at.ups, 0);
    finish(&at);
}

static void workers_that_die_too_often_end_the_pool_and_what_waits_fails(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.intensity = 5;
    begin_mode(&at, options, "dies");
    asked *item = ask_with(&at, "echo:x", 0, 0);
    turn_until(&at, &at.is_ended);
    assert_int_equal(item->told, 1);
    assert_int_equal(item->status, PLIM_ERR_GONE);
    assert_int_not_equal(at.end_status, PLIM_OK);
    asked *late = &at.items[ASKED_MAX - 1];
    assert_int_equal(plim_worker_pool_submit(at.pool, "x", 1, 0, 0, on_answer, late, NULL, NULL),
                     PLIM_ERR_SEALED);
    finish(&at);
}

static void stopping_answers_what_is_there_and_takes_no_more(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    for (int i = 0; i < 6; i++)
        (void)ask_with(&at, "sleep:50", 0, 0);
    plim_worker_pool_stop(at.pool, 10 * SECOND);
    turn_until(&at, &at.is_ended);
    for (int i = 0; i < 6; i++)
        assert_int_equal(at.items[i].status, PLIM_OK);
    assert_int_equal(at.end_status, PLIM_OK);
    finish(&at);
}

static void stopping_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.shutdown_ns = SECOND / 10;
    begin_mode(&at, options, "stubborn");
    turn_until(&at, &at.is_ready);
    asked *item = ask_with(&at, "sleep:60000", 0, 0);
    turn_for(&at, SECOND / 20);
    uint64_t started = now_ns();
    plim_worker_pool_stop(at.pool, SECOND / 10);
    turn_until(&at, &at.is_ended);
    assert_int_equal(item->status, PLIM_ERR_INTERRUPTED);
    assert_true(now_ns() - started < 5 * SECOND);
    finish(&at);
}

static void a_full_queue_refuses_and_takes_again(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.queue_max = 4;
    options.queue_bytes_max = 1000;
    begin(&at, options);
    for (int i = 0; i < 4; i++)
        (void)ask_with(&at, "sleep:50", 0, 0);
    asked *more = &at.items[ASKED_MAX - 1];
    assert_int_equal(plim_worker_pool_submit(at.pool, "x", 1, 0, 0, on_answer, more, NULL, NULL),
                     PLIM_ERR_LIMIT);
    turn_until_told(&at);
    static const char large[1001] = {0};
    assert_int_equal(
        plim_worker_pool_submit(at.pool, large, 1001, 0, 0, on_answer, more, NULL, NULL),
        PLIM_ERR_LIMIT);
    assert_int_equal(ask(&at, "echo:x", 0)->status, PLIM_OK);
    finish(&at);
}

static void a_workers_lines_are_told_as_text(void **state)
{
    (void)state;
    static world at;
    begin(&at, options_of(&at));
    assert_int_equal(ask(&at, "log:one\ntwo", 0)->status, PLIM_OK);
    assert_string_equal(at.last_log, "one?two");
    finish(&at);
}

static void no_request_is_lost_or_answered_twice_while_workers_are_killed(void **state)
{
    (void)state;
    static world at;
    plim_worker_pool_options options = options_of(&at);
    options.workers = 3;
    options.intensity = 100000;
    options.tries_max = 100;
    begin(&at, options);
    char code[64];
    uint32_t chance = 1;
    for (int i = 0; i < 400; i++) {
        (void)snprintf(code, sizeof code, "echo:%d.", i);
        (void)ask_with(&at, code, PLIM_MESSAGE_IDEMPOTENT, 0);
        chance = chance * 1664525u + 1013904223u;
        int64_t pid = plim_worker_pool_pid(at.pool, (chance >> 16) % 4);
        if (i % 4 != 3)
            continue;
        if (pid != 0)
            (void)kill((pid_t)pid, SIGKILL);
        turn_until_told(&at);
    }
    turn_until_told(&at);
    for (int i = 0; i < 400; i++) {
        assert_int_equal(at.items[i].told, 1);
        assert_int_equal(at.items[i].status, PLIM_OK);
        assert_int_equal(strtol(at.items[i].text, NULL, 10), i);
    }
    assert_true(at.deaths > 10);
    finish(&at);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_with_their_results),
        cmocka_unit_test(a_request_that_nobody_waits_for_is_done_all_the_same),
        cmocka_unit_test(the_one_idle_longest_gets_the_next),
        cmocka_unit_test(an_answer_that_was_sent_counts_however_its_worker_ended),
        cmocka_unit_test(what_was_not_begun_is_given_to_another_worker),
        cmocka_unit_test(what_was_begun_fails_unless_it_may_be_done_twice),
        cmocka_unit_test(a_crash_is_explained_by_what_the_worker_left),
        cmocka_unit_test(a_deadline_ends_the_wait_and_the_worker_that_missed_it),
        cmocka_unit_test(a_cancelled_request_is_told_so_once),
        cmocka_unit_test(a_worker_that_has_answered_enough_is_replaced_and_nobody_notices),
        cmocka_unit_test(memory_past_the_threshold_replaces_by_report_or_from_outside),
        cmocka_unit_test(memory_that_a_worker_shares_is_not_held_against_it),
        cmocka_unit_test(memory_past_the_second_threshold_kills_whatever_is_under_way),
        cmocka_unit_test(a_worker_that_sends_what_it_may_not_send_is_killed),
        cmocka_unit_test(a_worker_that_does_not_answer_for_its_health_is_killed),
        cmocka_unit_test(what_comes_while_all_are_asked_for_their_health_is_given_out),
        cmocka_unit_test(a_worker_that_does_not_greet_is_killed),
        cmocka_unit_test(workers_that_die_too_often_end_the_pool_and_what_waits_fails),
        cmocka_unit_test(stopping_answers_what_is_there_and_takes_no_more),
        cmocka_unit_test(stopping_waits_no_longer_than_it_may),
        cmocka_unit_test(a_full_queue_refuses_and_takes_again),
        cmocka_unit_test(a_workers_lines_are_told_as_text),
        cmocka_unit_test(no_request_is_lost_or_answered_twice_while_workers_are_killed),
    };
    if (argc != 2)
        return 2;
    worker_path = argv[1];
    (void)alarm(180);
    cmocka_set_test_filter(getenv("CASE")); /* one of them alone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

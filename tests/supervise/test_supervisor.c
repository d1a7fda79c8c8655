/* SPDX-License-Identifier: MIT */
/* Supervisors over real processes. Method: each case builds its own tree of /bin/sh commands, and
   stops it from within its events; descriptors and children are counted before and after. */
#include <plimsoll/supervisor.h>

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOG_BYTES = 16384 };

/* What a case was told, as words, and when it stops. */
typedef struct watch_log {
    plim_supervisor *supervisor;
    char text[LOG_BYTES];
    size_t length;
    int kinds[PLIM_EVENT_ENDED + 1];
    plim_event_kind stop_on;
    int stop_count;
    plim_supervisor_event last[PLIM_EVENT_ENDED + 1];
} watch_log;

static void note(watch_log *log, const char *word, const char *what, size_t bytes)
{
    int put = snprintf(log->text + log->length, sizeof(log->text) - log->length, "%s:%.*s ", word,
                       (int)bytes, what);
    if (put > 0 && log->length + (size_t)put < sizeof(log->text))
        log->length += (size_t)put;
}

static void on_event(void *ctx, const plim_supervisor_event *event)
{
    static const char *const words[] = {"?",    "start", "fail", "exit", "restart", "recycle",
                                        "stop", "kill",  "gave", "line", "reply",   "end"};
    watch_log *log = ctx;
    const char *what = event->kind == PLIM_EVENT_LINE ? event->text : event->id;
    note(log, words[event->kind], what,
         event->kind == PLIM_EVENT_LINE ? event->text_bytes : strlen(event->id));
    log->kinds[event->kind]++;
    log->last[event->kind] = *event;
    if (event->kind == log->stop_on && log->kinds[event->kind] == log->stop_count)
        plim_supervisor_stop(log->supervisor);
}

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        (void)closedir(directory);
    return count;
}

#define SHELL(text) ((const char *const[]){"sh", "-c", (text), NULL})

static void run(const plim_supervisor_spec *spec, watch_log *log, bool is_reaper,
                plim_status wanted)
{
    int descriptors = count_entries("/proc/self/fd");
    plim_supervisor_options options = {
        .struct_bytes = sizeof(options), .event = on_event, .ctx = log, .is_reaper = is_reaper};
    plim_error err = {0};
    assert_int_equal(plim_supervisor_create(spec, &options, &log->supervisor, &err), PLIM_OK);
    plim_status status = plim_supervisor_run(log->supervisor, &err);
    if (status != wanted)
        print_message("%s\n%s\n", err.what, log->text);
    assert_int_equal(status, wanted);
    plim_supervisor_destroy(&log->supervisor);
    assert_null(log->supervisor);
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void children_start_in_order_and_stop_in_reverse(void **state)
{
    (void)state;
    plim_child_command sleeps = {.argv = SHELL("exec sleep 100")};
    plim_child_spec children[] = {{.id = "a", .command = &sleeps},
                                  {.id = "b", .command = &sleeps},
                                  {.id = "c", .command = &sleeps}};
    plim_supervisor_spec spec = {.children = children, .child_count = 3};
    watch_log log = {.stop_on = PLIM_EVENT_STARTED, .stop_count = 4};
    run(&spec, &log, false, PLIM_OK);
    assert_string_equal(log.text, "start:a start:b start:c start: stop:c exit:c stop:b exit:b "
                                  "stop:a exit:a exit: end: ");
}

static void a_crash_is_restarted_until_there_are_too_many(void **state)
{
    (void)state;
    plim_child_command crashes = {.argv = SHELL("kill -SEGV $$")};
    plim_child_spec children[] = {{.id = "a", .command = &crashes}};
    plim_supervisor_spec spec = {.children = children, .child_count = 1, .intensity = 3};
    watch_log log = {0};
    run(&spec, &log, false, PLIM_ERR_LIMIT);
    assert_int_equal(log.kinds[PLIM_EVENT_RESTARTING], 3);
    assert_int_equal(log.last[PLIM_EVENT_EXITED].exit_code, -1);
    assert_non_null(strstr(log.text, "gave:"));
}

static void lines_are_told_whole_and_long_ones_in_parts(void **state)
{
    (void)state;
    plim_child_command writes = {.argv = SHELL("echo one; echo two >&2; printf three; exit 0"),
                                 .output = PLIM_OUTPUT_LINES,
                                 .error_output = PLIM_OUTPUT_LINES};
    plim_child_spec children[] = {
        {.id = "a", .command = &writes, .restart = PLIM_TRANSIENT, .is_significant = true}};
    plim_supervisor_spec spec = {
        .children = children, .child_count = 1, .auto_shutdown = PLIM_AUTO_ANY_SIGNIFICANT};
    watch_log log = {0};
    run(&spec, &log, false, PLIM_OK);
    assert_non_null(strstr(log.text, "line:one "));
    assert_non_null(strstr(log.text, "line:two "));
    assert_non_null(strstr(log.text, "line:three "));
}

/* One of several that listen. */
typedef struct ear {
    int heard, after; /* it stops listening after so many; 0: never */
    int *turn, last_turn;
    watch_log *log;
} ear;

static void on_ear(void *ctx, const plim_supervisor_event *event)
{
    ear *it = ctx;
    (void)event;
    it->heard++;
    it->last_turn = ++*it->turn;
    if (it->heard == it->after)
        assert_int_equal(plim_supervisor_unlisten(it->log->supervisor, on_ear, it), PLIM_OK);
}

static void events_reach_all_who_listen(void **state)
{
    (void)state;
    plim_child_command ends = {.argv = SHELL("exit 0")};
    plim_child_spec children[] = {
        {.id = "a", .command = &ends, .restart = PLIM_TRANSIENT, .is_significant = true}};
    plim_supervisor_spec spec = {
        .children = children, .child_count = 1, .auto_shutdown = PLIM_AUTO_ANY_SIGNIFICANT};
    watch_log log = {.supervisor = NULL};
    plim_supervisor_options options = {
        .struct_bytes = sizeof(options), .event = on_event, .ctx = &log};
    int turn = 0;
    ear ears[PLIM_SUPERVISOR_LISTENERS_MAX + 1];
    assert_int_equal(plim_supervisor_create(&spec, &options, &log.supervisor, NULL), PLIM_OK);
    for (int i = 0; i <= PLIM_SUPERVISOR_LISTENERS_MAX; i++) {
        ears[i] = (ear){.turn = &turn, .log = &log, .after = i == 3 ? 2 : 0};
        assert_int_equal(plim_supervisor_listen(log.supervisor, on_ear, &ears[i], NULL),
                         i < PLIM_SUPERVISOR_LISTENERS_MAX ? PLIM_OK : PLIM_ERR_LIMIT);
    }
    assert_int_equal(plim_supervisor_listen(log.supervisor, on_ear, &ears[0], NULL),
                     PLIM_ERR_EXISTS);
    assert_int_equal(plim_supervisor_unlisten(log.supervisor, on_ear, &ears[7]), PLIM_OK);
    assert_int_equal(plim_supervisor_unlisten(log.supervisor, on_ear, &ears[7]), PLIM_ERR_STALE);
    assert_int_equal(plim_supervisor_run(log.supervisor, NULL), PLIM_OK);
    plim_supervisor_destroy(&log.supervisor);
    int told = 0;
    for (int i = 0; i <= PLIM_EVENT_ENDED; i++)
        told += log.kinds[i];
    assert_true(told >= 4);
    for (int i = 0; i < 7; i++)
        assert_int_equal(ears[i].heard, i == 3 ? 2 : told);
    assert_int_equal(ears[7].heard, 0);
    assert_int_equal(ears[8].heard, 0);
    assert_true(ears[0].last_turn < ears[1].last_turn && ears[1].last_turn < ears[6].last_turn);
}

static void note_event(void *ctx, const plim_supervisor_event *event)
{
    watch_log *log = ctx;
    log->kinds[event->kind]++;
    log->last[event->kind] = *event;
}

/* A process by its name, whatever number it has in this life of its. */
static void a_name_leads_to_whoever_has_it_now(void **state)
{
    (void)state;
    plim_child_command sleeps = {.argv = SHELL("exec sleep 100")};
    plim_child_spec below[] = {{.id = "worker", .command = &sleeps}};
    plim_supervisor_spec inner = {.children = below, .child_count = 1};
    plim_child_spec children[] = {{.id = "web", .supervisor = &inner}};
    plim_supervisor_spec spec = {.children = children, .child_count = 1};
    watch_log log = {.supervisor = NULL};
    plim_supervisor_options options = {
        .struct_bytes = sizeof(options), .event = note_event, .ctx = &log};
    assert_int_equal(plim_supervisor_create(&spec, &options, &log.supervisor, NULL), PLIM_OK);
    plim_child child = PLIM_CHILD_NONE;
    plim_child_info info;
    int64_t first = 0;
    assert_int_equal(plim_supervisor_find(log.supervisor, ""), PLIM_CHILD_ROOT);
    plim_supervisor_start(log.supervisor);
    for (int life = 0; life < 2; life++) {
        while (log.kinds[PLIM_EVENT_STARTED] < 3 + life)
            assert_true(plim_supervisor_step(log.supervisor, true));
        if (life == 0)
            child = plim_supervisor_find(log.supervisor, "web/worker");
        assert_int_equal(plim_supervisor_find(log.supervisor, "web/worker"), child);
        assert_int_equal(plim_supervisor_child(log.supervisor, child, &info), PLIM_OK);
        assert_true(info.pid > 0 && info.pid != first);
        first = info.pid;
        assert_int_equal(kill((pid_t)info.pid, 0), 0);
        if (life == 0)
            assert_int_equal(kill((pid_t)info.pid, SIGKILL), 0);
    }
    assert_int_equal(plim_supervisor_find(log.supervisor, "web/nobody"), PLIM_CHILD_NONE);
    assert_int_equal(plim_supervisor_find(log.supervisor, "worker"), PLIM_CHILD_NONE);
    plim_supervisor_destroy(&log.supervisor);
}

static void a_program_that_is_not_there_fails_the_start(void **state)
{
    (void)state;
    plim_child_command good = {.argv = SHELL("exec sleep 100")};
    plim_child_command none = {.argv = (const char *const[]){"/nonexistent/program", NULL}};
    plim_child_spec children[] = {{.id = "a", .command = &good}, {.id = "b", .command = &none}};
    plim_supervisor_spec spec = {.children = children, .child_count = 2};
    watch_log log = {0};
    run(&spec, &log, false, PLIM_ERR_REFUSED);
    assert_string_equal(log.text, "start:a fail:b stop:a exit:a fail: end: ");
}

/* What libuv opens once and for ever, before descriptors are counted. */
static int warm_up(void **state)
{
    (void)state;
    plim_supervisor_spec spec = {.struct_bytes = sizeof(spec)};
    plim_supervisor *supervisor = NULL;
    if (plim_supervisor_create(&spec, NULL, &supervisor, NULL) != PLIM_OK)
        return -1;
    plim_supervisor_destroy(&supervisor);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_start_in_order_and_stop_in_reverse),
        cmocka_unit_test(a_crash_is_restarted_until_there_are_too_many),
        cmocka_unit_test(lines_are_told_whole_and_long_ones_in_parts),
        cmocka_unit_test(a_program_that_is_not_there_fails_the_start),
        cmocka_unit_test(events_reach_all_who_listen),
        cmocka_unit_test(a_name_leads_to_whoever_has_it_now),
    };
    return cmocka_run_group_tests(tests, warm_up, NULL);
}

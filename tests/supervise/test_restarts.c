/* SPDX-License-Identifier: MIT */
/*
 * Many restarts of every kind, and nothing is left of them: test_restarts [HOW MANY], 2,000 unless
 * told. Method: a tree with a child for each way to come and go, under a monitor; descriptors,
 * children, handles of the loop and memory are counted before, after, and on the way.
 */
#include <plimsoll/monitor.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "things.h"

enum { RESTARTS = 2000, RESTARTS_BUSY = 1000000, DESCRIPTORS_OF_ONE = 8, CHILDREN = 9 };

static uint32_t wanted = RESTARTS;

typedef struct course {
    plim_supervisor *supervisor;
    plim_monitor *monitor;
    uint32_t ends, restarts, recycled, refused, lines;
    int prepared; /* descriptors that a start has, which are closed once it was made */
    bool is_stopping;
} course;

static plim_status on_prepare(void *ctx, plim_child child, plim_child_launch *launch,
                              plim_error *err)
{
    course *all = ctx;
    (void)child;
    if (all->refused < all->restarts / 50) {
        all->refused++;
        return plim_error_set(err, PLIM_ERR_BUSY, "not this time");
    }
    launch->descriptors[0].ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
    launch->descriptors[0].theirs = 7;
    launch->descriptor_count = 1;
    all->prepared++;
    return PLIM_OK;
}

static void on_launched(void *ctx, plim_child child, const plim_child_launch *launch)
{
    course *all = ctx;
    (void)child;
    if (launch->descriptor_count == 0)
        return;
    (void)close(launch->descriptors[0].ours);
    all->prepared--;
}

static void on_event(void *ctx, const plim_supervisor_event *event)
{
    course *all = ctx;
    all->restarts += event->kind == PLIM_EVENT_RESTARTING;
    all->recycled += event->kind == PLIM_EVENT_RECYCLING;
    all->ends += event->kind == PLIM_EVENT_EXITED && event->pid == 0 && event->lived_ns > 0;
    all->lines += event->kind == PLIM_EVENT_LINE;
    if (event->kind == PLIM_EVENT_STARTED && strcmp(event->id, "reports") == 0) {
        plim_worker_report report = {.requests = 10};
        plim_monitor_report(all->monitor, event->child, &report);
    }
    if (all->restarts + all->recycled >= wanted && !all->is_stopping) {
        all->is_stopping = true;
        plim_supervisor_stop(all->supervisor);
    }
}

#define COMMAND(...)                                                                               \
    {                                                                                              \
        .argv = (const char *const[])                                                              \
        {                                                                                          \
            __VA_ARGS__, NULL                                                                      \
        }                                                                                          \
    }

static void on_handle(uv_handle_t *handle, void *ctx)
{
    (void)handle;
    ++*(int *)ctx;
}

static int handles_of(uv_loop_t *loop)
{
    int count = 0;
    uv_walk(loop, on_handle, &count);
    return count;
}

/* Turns it to its end; what is there meanwhile is bounded, and memory stays where it was. */
static void drive(course *all, uv_loop_t *loop, const things *before, const fault_allocator *memory)
{
    uint64_t requests = memory->requests, end = things_clock() + UINT64_C(3600000000000);
    int handles = handles_of(loop);
    uint64_t early_bytes = 0;
    uint32_t looked_at = 0;
    while (plim_supervisor_step(all->supervisor, true)) {
        assert_true(things_clock() < end);
        uint32_t done = all->restarts + all->recycled;
        if (done < looked_at + wanted / 20)
            continue;
        looked_at = done;
        things now = things_now();
        if (early_bytes == 0)
            early_bytes = now.private_bytes;
#ifndef PLIM_SANITIZED /* which keep what was freed */
        assert_true(now.private_bytes < early_bytes + (1u << 20));
#endif
        assert_true(now.descriptors < before->descriptors + CHILDREN * DESCRIPTORS_OF_ONE);
        assert_int_equal(handles_of(loop), handles);
        assert_int_equal(memory->requests, requests);
    }
    assert_int_equal(memory->requests, requests); /* all of it was taken at the start */
}

/* Its end is counted, its memory, and what the loop has. */
static void supervise(course *all, const plim_supervisor_spec *spec)
{
    fault_allocator memory;
    fault_allocator_init(&memory, 0);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    things before = things_now();
    int handles = handles_of(&loop);
    plim_supervisor_options options = {.struct_bytes = sizeof options,
                                       .allocator = &memory.allocator,
                                       .loop = &loop,
                                       .is_reaper = true,
                                       .event = on_event,
                                       .ctx = all};
    plim_monitor_options looks = {
        .struct_bytes = sizeof looks, .allocator = &memory.allocator, .interval_ns = 10000000};
    plim_monitor_policy policy = {
        .struct_bytes = sizeof policy, .memory_bytes = UINT64_C(1) << 40, .requests_max = 10};
    assert_int_equal(plim_supervisor_create(spec, &options, &all->supervisor, NULL), PLIM_OK);
    assert_int_equal(plim_monitor_create(all->supervisor, &looks, &all->monitor, NULL), PLIM_OK);
    assert_int_equal(plim_monitor_watch(all->monitor, PLIM_CHILD_ROOT, &policy, NULL), PLIM_OK);
    plim_supervisor_start(all->supervisor);
    drive(all, &loop, &before, &memory);
    plim_monitor_destroy(&all->monitor);
    plim_supervisor_destroy(&all->supervisor);
    assert_int_equal(memory.live_bytes, 0);
    assert_int_equal(handles_of(&loop), handles);
    assert_int_equal(uv_loop_close(&loop), 0);
    print_message("%u restarts, %u of them planned, %u lines, %u starts refused; %lld KiB taken at "
                  "the start and none after it\n",
                  all->restarts + all->recycled, all->recycled, all->lines, all->refused,
                  (long long)(memory.peak_bytes / 1024));
}

static void restarts_leave_nothing(void **state)
{
    (void)state;
    course all = {.prepared = 0};
    plim_child_command commands[] = {
        COMMAND("false"),
        COMMAND("sh", "-c", "kill -KILL $$"),
        COMMAND("sh", "-c", "echo here; echo there >&2; exit 3"),
        COMMAND("false"),
        COMMAND("sleep", "1000"),
        COMMAND("sh", "-c", "setsid sleep 1000 & exit 1"), /* leaves one that left its group */
        COMMAND("sh", "-c", "sleep 1000 & exit 1"),        /* leaves one in its group */
        COMMAND("sleep", "1000"),
        COMMAND("false"),
    };
    commands[2].output = commands[2].error_output = PLIM_OUTPUT_LINES;
    commands[3].prepare = on_prepare;
    commands[3].launched = on_launched;
    plim_child_spec below[] = {{.id = "bystander", .command = &commands[7]},
                               {.id = "crashes", .command = &commands[8]}};
    plim_supervisor_spec inner = {.strategy = PLIM_ONE_FOR_ALL,
                                  .intensity = RESTARTS_BUSY,
                                  .children = below,
                                  .child_count = 2};
    plim_child_spec children[] = {{.id = "exits", .command = &commands[0]},
                                  {.id = "is-killed", .command = &commands[1]},
                                  {.id = "writes", .command = &commands[2]},
                                  {.id = "is-refused", .command = &commands[3], .ctx = &all},
                                  {.id = "reports", .command = &commands[4]},
                                  {.id = "leaves", .command = &commands[5]},
                                  {.id = "forks", .command = &commands[6]},
                                  {.id = "inner", .supervisor = &inner}};
    plim_supervisor_spec spec = {
        .intensity = RESTARTS_BUSY, .children = children, .child_count = CHILDREN - 1};
    things before = things_now();
    supervise(&all, &spec);
    things_assert_same(&before, 4096);
    assert_int_equal(all.prepared, 0);
    assert_true(all.restarts + all.recycled >= wanted);
    assert_true(all.refused > 0 && all.recycled > 0 && all.lines > 0);
}

/* What libuv opens once and for ever, before things are counted. */
static int warm_up(void **state)
{
    (void)state;
    plim_supervisor_spec spec = {.struct_bytes = sizeof spec};
    plim_supervisor_options options = {.struct_bytes = sizeof options, .is_reaper = true};
    plim_supervisor *supervisor = NULL;
    if (plim_supervisor_create(&spec, &options, &supervisor, NULL) != PLIM_OK)
        return -1;
    plim_supervisor_destroy(&supervisor);
    return 0;
}

int main(int argc, char **argv)
{
    things_count_exactly(argv);
    if (argc > 1)
        wanted = (uint32_t)strtoul(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_leave_nothing),
    };
    return cmocka_run_group_tests(tests, warm_up, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * When the monitor says restart. Method: real processes that do nothing, whose memory is what the
 * case has written into a folder that stands for /proc; looks are made by the case, each at a
 * moment of its own choosing, so no figure hangs on the machine's load. What only a real process
 * can show (its end between two looks, a fence) is shown with one.
 */
#include <plimsoll/monitor.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_system.h"
#include "supervise/children/parts.h"
#include "temporary.h"
#include "things.h"

#define SECOND   UINT64_C(1000000000)
#define NEVER    (UINT64_C(1) << 60)
#define PATIENCE (60 * SECOND)

enum { CHILDREN_MAX = 4, PAGES_FEW = 100, PAGES_MANY = 5000, PAGES_LIMIT = 1000 };

typedef struct scene {
    plim_supervisor *supervisor;
    plim_monitor *monitor;
    plim_child children[CHILDREN_MAX];
    uint64_t pages[CHILDREN_MAX], shared[CHILDREN_MAX]; /* written at each start */
    int64_t pid[CHILDREN_MAX];
    uint32_t starts[CHILDREN_MAX], ends[CHILDREN_MAX];
    plim_supervisor_event end; /* the last */
    uint32_t restarting, recycling, stopping;
    bool is_real, is_ended;
    uint32_t notices;
    plim_monitor_notice notice; /* the last */
    bool sees_to_it;            /* what `decide` says */
} scene;

static scene at;

static uint64_t bytes_of(uint64_t pages)
{
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void on_event(void *ctx, const plim_supervisor_event *event)
{
    (void)ctx;
    int which = event->id[0] - 'a';
    bool is_child = which >= 0 && which < CHILDREN_MAX;
    at.restarting += event->kind == PLIM_EVENT_RESTARTING;
    at.recycling += event->kind == PLIM_EVENT_RECYCLING;
    at.stopping += event->kind == PLIM_EVENT_STOPPING;
    at.is_ended |= event->kind == PLIM_EVENT_ENDED;
    if (event->kind == PLIM_EVENT_STARTED && is_child) {
        at.children[which] = event->child;
        at.pid[which] = event->pid;
        if (!at.is_real)
            fake_system_statm(event->pid, at.pages[which] + at.shared[which], at.shared[which]);
        at.starts[which]++;
    }
    if (event->kind == PLIM_EVENT_EXITED && is_child) {
        at.end = *event;
        at.ends[which]++;
    }
}

static bool on_decide(void *ctx, const plim_monitor_notice *notice)
{
    (void)ctx;
    at.notices++;
    at.notice = *notice;
    return at.sees_to_it;
}

static void turn_until(const uint32_t *count, uint32_t wanted)
{
    uint64_t end = things_clock() + PATIENCE;
    while (*count < wanted && plim_supervisor_step(at.supervisor, true))
        assert_true(things_clock() < end);
    assert_true(*count >= wanted);
}

/* Children a, b, … of one supervisor; `intensity` 0: no end of any of them may count. */
static void begin(uint32_t count, uint32_t intensity, const plim_child_command *command,
                  const plim_monitor_policy *policy)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    plim_child_spec children[CHILDREN_MAX] = {{.id = NULL}};
    for (uint32_t i = 0; i < count; i++)
        children[i] = (plim_child_spec){.id = ids[i], .command = command};
    plim_supervisor_spec spec = {.intensity = intensity == 0 ? PLIM_INTENSITY_NONE : intensity,
                                 .children = children,
                                 .child_count = count};
    plim_supervisor_options options = {.struct_bytes = sizeof options, .event = on_event};
    plim_monitor_options looks = {
        .struct_bytes = sizeof looks, .interval_ns = NEVER, .decide = on_decide};
    assert_int_equal(plim_supervisor_create(&spec, &options, &at.supervisor, NULL), PLIM_OK);
    assert_int_equal(plim_monitor_create(at.supervisor, &looks, &at.monitor, NULL), PLIM_OK);
    assert_int_equal(plim_monitor_watch(at.monitor, PLIM_CHILD_ROOT, policy, NULL), PLIM_OK);
    plim_supervisor_start(at.supervisor);
    for (uint32_t i = 0; i < count; i++)
        turn_until(&at.starts[i], 1);
}

static const plim_child_command sleeps = {.argv = (const char *const[]){"sleep", "1000", NULL}};

static void look(uint64_t now_ns)
{
    (void)at.supervisor->look(at.supervisor->look_ctx, now_ns);
}

static uint64_t started_ns(int which)
{
    plim_child_info info;
    assert_int_equal(plim_supervisor_child(at.supervisor, at.children[which], &info), PLIM_OK);
    return info.started_ns;
}

static void report(int which, plim_worker_report said)
{
    plim_monitor_report(at.monitor, at.children[which], &said);
}

static void now_has(int which, uint64_t own, uint64_t shared)
{
    fake_system_statm(at.pid[which], own + shared, shared);
}

/* The last end was the system's kill of `which`, for that reason. */
static void assert_killed(int which, plim_why why)
{
    turn_until(&at.ends[which], 1);
    assert_int_equal(at.end.child, at.children[which]);
    assert_int_equal(at.end.signal, SIGKILL);
    assert_int_equal(at.end.why, why);
    assert_int_equal(at.notice.why, why);
    assert_true(at.notice.is_hard);
}

/* It was asked, ended, and was started again, and that counted for nothing. */
static void assert_recycled(int which, plim_why why)
{
    turn_until(&at.starts[which], 2);
    assert_int_equal(at.end.child, at.children[which]);
    assert_int_equal(at.end.signal, SIGTERM);
    assert_int_equal(at.end.why, why);
    assert_int_equal(at.notice.why, why);
    assert_false(at.notice.is_hard);
    assert_int_equal(at.restarting, 0);
    assert_false(at.is_ended);
}

static plim_monitor_policy policy_of(void)
{
    return (plim_monitor_policy){.struct_bytes = sizeof(plim_monitor_policy)};
}

/* --- memory --- */

static void seen_from_outside_past_the_first_threshold_it_is_recycled(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    at.pages[0] = PAGES_LIMIT; /* not past it */
    at.pages[1] = PAGES_LIMIT + 1;
    begin(2, 0, &sleeps, &policy);
    look(things_clock());
    at.pages[1] = PAGES_FEW; /* of its next life */
    assert_recycled(1, PLIM_WHY_MEMORY);
    assert_int_equal(at.notices, 1);
    assert_int_equal(at.notice.figures.counted_bytes, bytes_of(PAGES_LIMIT + 1));
    plim_memory_figures figures;
    assert_int_equal(plim_monitor_figures(at.monitor, at.children[1], &figures),
                     PLIM_ERR_NOT_FOUND); /* of the last life: nothing is kept */
    look(things_clock());
    assert_int_equal(plim_monitor_figures(at.monitor, at.children[1], &figures), PLIM_OK);
    assert_int_equal(figures.counted_bytes, bytes_of(PAGES_FEW));
    assert_int_equal(at.notices, 1);
    assert_int_equal(at.ends[0], 0);
}

static void past_the_second_threshold_it_is_killed_and_that_counts(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_FEW);
    policy.memory_hard_bytes = bytes_of(PAGES_LIMIT);
    policy.lifetime_min_ns = NEVER; /* holds back what is soft, and only that */
    at.pages[0] = PAGES_MANY;
    begin(1, 5, &sleeps, &policy);
    look(things_clock());
    assert_killed(0, PLIM_WHY_MEMORY);
    turn_until(&at.starts[0], 2);
    assert_int_equal(at.restarting, 1);
    assert_int_equal(at.stopping, 0); /* it was not asked */
}

static void by_its_own_report_past_the_threshold_it_is_recycled(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    at.pages[0] = PAGES_FEW;
    begin(1, 0, &sleeps, &policy);
    report(0, (plim_worker_report){.memory_bytes = bytes_of(PAGES_LIMIT)});
    look(things_clock());
    assert_int_equal(at.notices, 0);
    report(0, (plim_worker_report){.memory_bytes = bytes_of(PAGES_LIMIT) + 1});
    look(things_clock());
    assert_int_equal(at.notice.figures.private_bytes, bytes_of(PAGES_FEW));
    assert_recycled(0, PLIM_WHY_MEMORY);
}

static void a_lie_keeps_nobody_alive(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_hard_bytes = bytes_of(PAGES_LIMIT);
    policy.deadline_ns = SECOND;
    policy.requests_max = 10;
    at.pages[0] = PAGES_MANY;
    at.pages[1] = at.pages[2] = PAGES_FEW;
    begin(3, 9, &sleeps, &policy);
    uint64_t now = things_clock();
    report(0, (plim_worker_report){.memory_bytes = 1}); /* less than it has */
    look(now);
    at.pages[0] = PAGES_FEW; /* of its next life */
    assert_killed(0, PLIM_WHY_MEMORY);
    /* A time so long that what has passed since cannot be added to it. */
    report(1, (plim_worker_report){.busy_ns = UINT64_MAX});
    look(things_clock() + SECOND / 2);
    assert_killed(1, PLIM_WHY_DEADLINE);
    /* Fewer requests than it had told before: what it had was enough. */
    report(2, (plim_worker_report){.requests = UINT64_MAX});
    look(things_clock());
    report(2, (plim_worker_report){.requests = 0});
    turn_until(&at.starts[2], 2);
    assert_int_equal(at.end.why, PLIM_WHY_REQUESTS);
}

static void memory_that_is_shared_is_counted_once_or_as_is_asked(void **state)
{
    (void)state;
    plim_monitor_policy policies[3] = {policy_of(), policy_of(), policy_of()};
    at.pages[0] = at.pages[1] = at.pages[2] = PAGES_FEW;
    at.shared[0] = at.shared[1] = at.shared[2] = PAGES_MANY;
    begin(3, 0, &sleeps, NULL);
    for (int i = 0; i < 3; i++) {
        policies[i].measure = (plim_measure)i; /* private, all, its share */
        policies[i].memory_bytes = bytes_of(PAGES_LIMIT);
        assert_int_equal(plim_monitor_watch(at.monitor, at.children[i], &policies[i], NULL),
                         PLIM_OK);
    }
    char rollup[64];
    (void)snprintf(rollup, sizeof rollup, "proc/%lld/smaps_rollup", (long long)at.pid[2]);
    fake_system_write(rollup, "Pss: %d kB\n", 300);
    uint64_t now = things_clock();
    look(now);
    at.shared[1] = 0;
    assert_recycled(1, PLIM_WHY_MEMORY); /* all of it was asked for */
    assert_int_equal(at.ends[0], 0);
    plim_memory_figures figures;
    assert_int_equal(plim_monitor_figures(at.monitor, at.children[2], &figures), PLIM_OK);
    assert_int_equal(figures.counted_bytes, 300 * 1024);
    /* The share is looked at once a second, since it is dear. */
    fake_system_write(rollup, "Pss: %d kB\n", 90000);
    look(now + SECOND - 1);
    assert_int_equal(at.notices, 1);
    look(now + SECOND);
    assert_recycled(2, PLIM_WHY_MEMORY);
    assert_int_equal(at.notice.figures.pss_bytes, 90000 * 1024);
    assert_int_equal(at.ends[0], 0);
}

static void a_system_that_keeps_the_share_to_itself_leaves_what_is_private(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.measure = PLIM_MEASURE_PSS;
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    at.pages[0] = PAGES_MANY;
    begin(1, 0, &sleeps, &policy);
    look(things_clock());
    assert_true(at.notice.figures.pss_bytes == UINT64_MAX);
    assert_recycled(0, PLIM_WHY_MEMORY);
}

/* --- times and counts --- */

static void by_silence_it_is_killed_and_who_reports_is_not(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.silence_ns = 1000 * SECOND;
    begin(2, 9, &sleeps, &policy);
    uint64_t silent_since = started_ns(1);
    struct timespec pause = {.tv_nsec = 2000000};
    (void)nanosleep(&pause, NULL);
    uint64_t before = things_clock();
    report(0, (plim_worker_report){.memory_bytes = 1});
    look(silent_since + 1000 * SECOND);
    assert_int_equal(at.notices, 0);
    look(before + 1000 * SECOND); /* one has been silent for longer, one has not */
    assert_killed(1, PLIM_WHY_UNRESPONSIVE);
    assert_int_equal(at.notices, 1);
    turn_until(&at.starts[1], 2);
    look(things_clock()); /* its successor's silence begins anew */
    assert_int_equal(at.notices, 1);
    assert_int_equal(at.ends[0], 0);
}

static void by_a_missed_deadline_it_is_killed_and_who_is_idle_is_not(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.deadline_ns = 1000 * SECOND;
    begin(2, 9, &sleeps, &policy);
    report(0, (plim_worker_report){.requests = 3}); /* idle */
    uint64_t before = things_clock();
    report(1, (plim_worker_report){.busy_ns = 400 * SECOND});
    uint64_t after = things_clock();
    look(before + 600 * SECOND);
    assert_int_equal(at.notices, 0);
    look(after + 600 * SECOND + 1);
    assert_killed(1, PLIM_WHY_DEADLINE);
    assert_int_equal(at.ends[0], 0);
}

static void by_its_count_of_requests_it_is_recycled_and_counts_anew(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.requests_max = 1000;
    begin(1, 0, &sleeps, &policy);
    report(0, (plim_worker_report){.requests = 999});
    look(things_clock());
    assert_int_equal(at.notices, 0);
    report(0, (plim_worker_report){.requests = 1000});
    look(things_clock());
    assert_recycled(0, PLIM_WHY_REQUESTS);
    look(things_clock()); /* what the last one had answered is not held against this one */
    report(0, (plim_worker_report){.requests = 999});
    look(things_clock());
    assert_int_equal(at.notices, 1);
}

static void chance_takes_off_as_much_as_it_may(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.requests_max = 1000;
    policy.requests_jitter = 100;
    policy.lifetime_ns = 1000 * SECOND;
    policy.lifetime_jitter_ns = 100 * SECOND;
    begin(4, 0, &sleeps, &policy);
    for (int i = 0; i < 4; i++)
        report(i, (plim_worker_report){.requests = 899});
    look(started_ns(0) + 900 * SECOND - 1);
    assert_int_equal(at.notices, 0);
    report(0, (plim_worker_report){.requests = 1000});
    look(started_ns(0) + 900 * SECOND - 1);
    assert_recycled(0, PLIM_WHY_REQUESTS);
    look(started_ns(3) + 1000 * SECOND); /* the others have lived as long as they may */
    for (int i = 1; i < 4; i++)
        turn_until(&at.ends[i], 1);
    assert_int_equal(at.notice.why, PLIM_WHY_LIFETIME);
    policy.requests_jitter = 1000;
    assert_int_equal(plim_monitor_watch(at.monitor, PLIM_CHILD_ROOT, &policy, NULL),
                     PLIM_ERR_USAGE);
}

/* --- once, and not too soon --- */

static void who_wavers_at_the_threshold_is_told_of_once(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    policy.memory_hard_bytes = bytes_of(PAGES_MANY);
    at.sees_to_it = true; /* as a pool does, which waits for the answer under way */
    at.pages[0] = PAGES_FEW;
    begin(1, 9, &sleeps, &policy);
    for (int i = 0; i < 50; i++) {
        now_has(0, i % 2 == 0 ? PAGES_LIMIT + 1 : PAGES_LIMIT - 1, 7);
        look(things_clock());
    }
    assert_int_equal(at.notices, 1);
    for (int i = 0; i < 50; i++) {
        now_has(0, i % 2 == 0 ? PAGES_MANY + 1 : PAGES_MANY - 1, 7);
        look(things_clock());
    }
    assert_int_equal(at.notices, 2); /* once more, for it is another threshold */
    assert_true(at.notice.is_hard);
    assert_int_equal(at.recycling, 0); /* somebody has seen to it */
    assert_int_equal(at.ends[0], 0);
}

static void who_is_past_it_from_the_start_lives_as_long_as_it_must(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    policy.lifetime_min_ns = 1000 * SECOND;
    at.pages[0] = PAGES_MANY;
    begin(1, 0, &sleeps, &policy);
    look(started_ns(0) + 1000 * SECOND - 1);
    assert_int_equal(at.notices, 0);
    look(started_ns(0) + 1000 * SECOND);
    assert_recycled(0, PLIM_WHY_MEMORY);
}

/* --- what vanishes, what cannot be seen --- */

static void who_ends_between_two_looks_is_not_judged(void **state)
{
    (void)state;
    at.is_real = true;
    plim_monitor_policy policy = policy_of();
    policy.memory_hard_bytes = bytes_of(PAGES_MANY * 100);
    policy.silence_ns = SECOND;
    begin(1, 9, &sleeps, &policy);
    look(things_clock());
    assert_int_equal(at.notices, 0);
    assert_int_equal(kill((pid_t)at.pid[0], SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)at.pid[0], &info, WEXITED | WNOWAIT), 0);
    look(things_clock() + 1000 * SECOND); /* the loop has not seen it yet */
    assert_int_equal(at.notices, 0);
    turn_until(&at.starts[0], 2);
    assert_int_equal(at.end.why, PLIM_WHY_NONE); /* it ended by itself */
    assert_int_equal(at.restarting, 1);
    look(things_clock());
    plim_memory_figures figures;
    assert_int_equal(plim_monitor_figures(at.monitor, at.children[0], &figures), PLIM_OK);
    assert_true(figures.rss_bytes > 0);
}

static void whose_memory_cannot_be_seen_is_judged_by_the_rest(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    policy.silence_ns = 1000 * SECOND;
    begin(2, 9, &sleeps, &policy);
    now_has(0, 0, 0); /* it says nothing of itself now */
    report(1, (plim_worker_report){.memory_bytes = 1});
    look(started_ns(0) + 1000 * SECOND + 1);
    assert_killed(0, PLIM_WHY_UNRESPONSIVE);
}

/* --- the machine waits for memory --- */

static void under_pressure_the_largest_goes_one_every_ten_seconds(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.pressure_percent = 20;
    for (int i = 0; i < 3; i++)
        at.pages[i] = PAGES_FEW * (uint64_t)(1 + i);
    begin(3, 0, &sleeps, &policy);
    uint64_t now = things_clock() + 100 * SECOND;
    fake_system_write("proc/pressure/memory", "some avg10=20.00 avg60=1 avg300=1 total=1\n");
    look(now);
    assert_int_equal(at.notices, 0);
    fake_system_write("proc/pressure/memory", "some avg10=20.01 avg60=1 avg300=1 total=1\n");
    at.pages[2] = 1; /* in its next life */
    look(now);
    assert_recycled(2, PLIM_WHY_MEMORY);
    look(now + 10 * SECOND - 1);
    assert_int_equal(at.notices, 1);
    look(now + 10 * SECOND);
    assert_recycled(1, PLIM_WHY_MEMORY);
    assert_int_equal(at.ends[0], 0);
}

/* --- the fence --- */

static void a_fence_holds_what_grows_faster_than_looks_or_is_said_to_be_missing(void **state)
{
    (void)state;
    at.is_real = true;
    char folder[128], script[256], go[160];
    assert_true(temporary_path(folder, sizeof folder, "plim-fence-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    (void)snprintf(go, sizeof go, "%s/go", folder);
    (void)snprintf(script, sizeof script, /* a line without an end */
                   "while ! [ -e %s ]; do sleep 0.01; done; exec sort /dev/zero", go);
    const char *const argv[] = {"sh", "-c", script, NULL};
    plim_child_command grows = {.argv = argv,
                                .data_bytes_max = 1u << 30}; /* for our machine's sake */
    plim_monitor_policy policy = policy_of();
    policy.fence_bytes = 32u << 20;
    at.sees_to_it = true;
    begin(1, 9, &grows, &policy);
    bool has_fence = at.notices == 0; /* it is made with the start, without any look */
    if (has_fence) {
        (void)close(open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        turn_until(&at.ends[0], 1);
        assert_int_equal(at.end.signal, SIGKILL);
        assert_int_equal(at.end.why, PLIM_WHY_NONE);
    } else {
        assert_int_equal(at.notice.why, PLIM_WHY_NONE);
        assert_int_not_equal(at.notice.status, PLIM_OK);
        assert_int_equal(at.ends[0], 0); /* it runs even so */
    }
    (void)unlink(go);
    (void)rmdir(folder);
    print_message("a control group: %s\n", has_fence ? "held" : "not here, and that is said");
}

/* --- whom a policy holds for --- */

static void a_policy_of_a_supervisor_holds_for_those_that_come_later(void **state)
{
    (void)state;
    plim_monitor_policy policy = policy_of();
    policy.memory_bytes = bytes_of(PAGES_LIMIT);
    at.pages[0] = PAGES_FEW;
    at.pages[1] = PAGES_MANY;
    begin(1, 0, &sleeps, &policy);
    plim_child_spec late = {.id = "b", .command = &sleeps};
    assert_int_equal(plim_supervisor_start_child(at.supervisor, PLIM_CHILD_ROOT, &late, NULL, NULL),
                     PLIM_OK);
    turn_until(&at.starts[1], 1);
    look(things_clock());
    assert_recycled(1, PLIM_WHY_MEMORY);
    plim_monitor *second = NULL;
    assert_int_equal(plim_monitor_create(at.supervisor, NULL, &second, NULL), PLIM_ERR_EXISTS);
    assert_int_equal(plim_monitor_watch(at.monitor, 12345, &policy, NULL), PLIM_ERR_STALE);
    plim_monitor_report(at.monitor, 12345, &(plim_worker_report){.requests = 1}); /* ignored */
}

static int set_up(void **state)
{
    memset(&at, 0, sizeof at);
    return fake_system_begin(state);
}

static int set_up_real(void **state)
{
    (void)state;
    memset(&at, 0, sizeof at);
    return 0;
}

static void end_scene(void)
{
    plim_monitor_destroy(&at.monitor);
    plim_supervisor_destroy(&at.supervisor);
}

static int tear_down(void **state)
{
    end_scene();
    return fake_system_end(state);
}

static int tear_down_real(void **state)
{
    (void)state;
    end_scene();
    return 0;
}

#define FAKE_CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define REAL_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_real, tear_down_real)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_CASE(seen_from_outside_past_the_first_threshold_it_is_recycled),
        FAKE_CASE(past_the_second_threshold_it_is_killed_and_that_counts),
        FAKE_CASE(by_its_own_report_past_the_threshold_it_is_recycled),
        FAKE_CASE(a_lie_keeps_nobody_alive),
        FAKE_CASE(memory_that_is_shared_is_counted_once_or_as_is_asked),
        FAKE_CASE(a_system_that_keeps_the_share_to_itself_leaves_what_is_private),
        FAKE_CASE(by_silence_it_is_killed_and_who_reports_is_not),
        FAKE_CASE(by_a_missed_deadline_it_is_killed_and_who_is_idle_is_not),
        FAKE_CASE(by_its_count_of_requests_it_is_recycled_and_counts_anew),
        FAKE_CASE(chance_takes_off_as_much_as_it_may),
        FAKE_CASE(who_wavers_at_the_threshold_is_told_of_once),
        FAKE_CASE(who_is_past_it_from_the_start_lives_as_long_as_it_must),
        REAL_CASE(who_ends_between_two_looks_is_not_judged),
        FAKE_CASE(whose_memory_cannot_be_seen_is_judged_by_the_rest),
        FAKE_CASE(under_pressure_the_largest_goes_one_every_ten_seconds),
        REAL_CASE(a_fence_holds_what_grows_faster_than_looks_or_is_said_to_be_missing),
        FAKE_CASE(a_policy_of_a_supervisor_holds_for_those_that_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

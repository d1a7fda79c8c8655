/* SPDX-License-Identifier: MIT */
/*
 * Three questions. What does a request through the channel cost, beside the same bytes over a bare
 * socketpair? Bound: a round trip within 1.3 of the bare one, in one run. And how long does whoever
 * waits wait when his worker is killed under load? Bound: of 1,000 kills, the 99th percentile from
 * kill -9 to the answer of the very request that the killed worker had is under 10 ms, and no
 * request is lost. What does it cost to look at 100 workers ten times a second, reports of theirs
 * included? Bound: under 1 % of one core, by the time that this process used in ten seconds, which
 * other programs beside it hardly change.
 */
#include <plimsoll/monitor.h>
#include <plimsoll/worker.h>
#include <plimsoll/worker_pool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BYTES = 64,
    ROUNDS = 15,
    TRIPS = 10000, /* of a round */
    KILLS = 1000,
    OPEN = 8,      /* requests under way or waiting, always */
    SPIN = 200000, /* what a request costs its worker: some 100 µs */
    TIMES_MAX = KILLS * 4,
    WATCHED = 100,
    WATCH_SECONDS = 10
};

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at_share(double *values, int count, double share)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    int index = (int)((double)count * share);
    return values[index < count ? index : count - 1];
}

/* --- the round trip --------------------------------------------------------------------------- */

static void echo_bare(int end)
{
    char bytes[BYTES];
    while (read(end, bytes, BYTES) == BYTES && write(end, bytes, BYTES) == BYTES)
        continue;
    _exit(0);
}

static void echo_worker(int end)
{
    char number[16];
    plim_worker *worker = NULL;
    plim_request request;
    (void)snprintf(number, sizeof number, "%d", end);
    (void)setenv("PLIM_WORKER_DESCRIPTOR", number, 1);
    if (plim_worker_open(NULL, &worker, NULL) != PLIM_OK)
        _exit(1);
    while (plim_worker_receive(worker, UINT64_MAX, &request, NULL) == PLIM_OK) {
        if (plim_worker_answer(worker, &request, PLIM_OK, request.code, request.bytes, NULL,
                               NULL) != PLIM_OK)
            break;
    }
    _exit(0);
}

static int start(void (*echo)(int end), pid_t *out_pid)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    *out_pid = fork();
    if (*out_pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(ends[0]);
        echo(ends[1]);
    }
    (void)close(ends[1]);
    return ends[0];
}

static double trips_bare(int end)
{
    char bytes[BYTES] = "x";
    double from = now_us();
    for (int i = 0; i < TRIPS; i++) {
        if (write(end, bytes, BYTES) != BYTES || read(end, bytes, BYTES) != BYTES)
            return 0;
    }
    return (now_us() - from) / TRIPS;
}

static double trips_channel(plim_channel *line)
{
    char bytes[BYTES] = "x";
    plim_message answer;
    double from = now_us();
    for (int i = 0; i < TRIPS; i++) {
        if (plim_channel_call(line, bytes, BYTES, 0, UINT64_MAX, &answer, NULL) != PLIM_OK ||
            answer.body_bytes != BYTES)
            return 0;
    }
    return (now_us() - from) / TRIPS;
}

static int bench_trip(void)
{
    pid_t bare_pid = 0, worker_pid = 0;
    plim_channel *line = NULL;
    double bare[ROUNDS], ours[ROUNDS];
    int end = start(echo_bare, &bare_pid);
    int other = start(echo_worker, &worker_pid);
    if (end < 0 || other < 0 || plim_channel_adopt(other, NULL, &line, NULL) != PLIM_OK)
        return 1;
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = trips_bare(end);
        ours[i] = trips_channel(line);
        if (bare[i] <= 0 || ours[i] <= 0)
            return 1;
    }
    plim_channel_close(&line);
    (void)close(end);
    (void)waitpid(bare_pid, NULL, 0);
    (void)waitpid(worker_pid, NULL, 0);
    double bare_mid = at_share(bare, ROUNDS, 0.5), ours_mid = at_share(ours, ROUNDS, 0.5);
    /* By medians: a round whose ends the scheduler put on one core takes half, whoever runs. */
    double ratio = ours_mid / bare_mid;
    (void)printf("round trip of %d bytes   least   median\n", BYTES);
    (void)printf("  bare socketpair     %7.2f  %7.2f us\n", bare[0], bare_mid);
    (void)printf("  channel, worker     %7.2f  %7.2f us   %.2f of the bare one (bound 1.30)\n",
                 ours[0], ours_mid, ratio);
    (void)printf("{\"bench\":\"channel_trip\",\"bytes\":%d,\"bare_us\":[%.3f,%.3f],\"channel_us\":"
                 "[%.3f,%.3f],\"ratio_min\":%.3f,\"ratio_median\":%.3f}\n",
                 BYTES, bare[0], bare_mid, ours[0], ours_mid, ours[0] / bare[0], ratio);
    return ratio <= 1.3 ? 0 : 1;
}

/* --- the kills -------------------------------------------------------------------------------- */

typedef struct load {
    plim_worker_pool *pool;
    bool is_ready;
    uint64_t asked, right, wrong;
    int open, kills, time_count, next_count;
    double killed_us;         /* of the last kill; 0: its next answer has come */
    double waited[TIMES_MAX]; /* of requests that the killed one had */
    double next[KILLS];       /* of whichever answer comes next */
} load;

typedef struct place {
    load *all;
    bool is_open;
} place;

static void on_event(void *ctx, const plim_pool_event *event)
{
    load *all = ctx;
    all->is_ready |= event->kind == PLIM_POOL_READY;
}

static void on_answer(void *ctx, const plim_pool_answer *answer)
{
    place *at = ctx;
    load *all = at->all;
    at->is_open = false;
    all->open--;
    all->right += answer->status == PLIM_OK && answer->body_bytes == 2;
    all->wrong += answer->status != PLIM_OK || answer->body_bytes != 2;
    if (answer->tries > 1 && all->time_count < TIMES_MAX)
        all->waited[all->time_count++] = now_us() - all->killed_us;
    if (all->killed_us > 0 && all->next_count < all->kills && all->next_count < KILLS)
        all->next[all->next_count++] = now_us() - all->killed_us;
}

static void work(void)
{
    plim_worker *worker = NULL;
    plim_request request;
    if (plim_worker_open(NULL, &worker, NULL) != PLIM_OK)
        _exit(1);
    while (plim_worker_receive(worker, UINT64_MAX, &request, NULL) == PLIM_OK) {
        for (volatile int i = 0; i < SPIN; i++)
            continue;
        if (plim_worker_answer(worker, &request, PLIM_OK, "ok", 2, NULL, NULL) != PLIM_OK)
            break;
    }
    plim_worker_close(&worker);
    _exit(0);
}

/* Kills one that has a request, once all that the last kill touched has been answered. */
static void kill_one(load *all, uint32_t *turn)
{
    plim_pool_figures figures;
    plim_worker_pool_figures(all->pool, &figures);
    if (figures.busy < 2 || figures.spares < 1 || all->next_count < all->kills)
        return;
    int64_t pid = plim_worker_pool_pid(all->pool, (*turn)++ % 3);
    if (pid == 0)
        return;
    all->kills++;
    all->killed_us = now_us();
    (void)kill((pid_t)pid, SIGKILL);
}

static int bench_kills(const char *self)
{
    static load all;
    static place places[OPEN];
    const char *argv[] = {self, "worker", NULL};
    plim_child_command command = {.argv = argv};
    plim_worker_pool_options options = {.struct_bytes = sizeof options,
                                        .command = &command,
                                        .workers = 2,
                                        .intensity = 1000000,
                                        .tries_max = 100,
                                        .event = on_event,
                                        .ctx = &all};
    plim_error err = {.status = PLIM_OK};
    if (plim_worker_pool_create(&options, &all.pool, &err) != PLIM_OK) {
        (void)fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    uint32_t turn = 0;
    double end = now_us() + 120e6;
    while (all.kills < KILLS && now_us() < end) {
        for (int i = 0; i < OPEN && all.is_ready; i++) {
            if (places[i].is_open)
                continue;
            places[i] = (place){&all, true};
            all.open++;
            all.asked++;
            if (plim_worker_pool_submit(all.pool, "x", 1, PLIM_MESSAGE_IDEMPOTENT, UINT64_MAX,
                                        on_answer, &places[i], NULL, NULL) != PLIM_OK)
                return 1;
        }
        (void)plim_worker_pool_step(all.pool, true);
        if (all.is_ready)
            kill_one(&all, &turn);
    }
    while (all.open > 0 && now_us() < end)
        (void)plim_worker_pool_step(all.pool, true);
    uint64_t lost = all.asked - all.right;
    plim_worker_pool_destroy(&all.pool);
    if (all.time_count == 0 || all.next_count == 0)
        return 1;
    double p50 = at_share(all.waited, all.time_count, 0.5) / 1e3;
    double p99 = at_share(all.waited, all.time_count, 0.99) / 1e3;
    double next99 = at_share(all.next, all.next_count, 0.99) / 1e3;
    (void)printf("%d kills under load, %llu requests, %llu lost\n", all.kills,
                 (unsigned long long)all.asked, (unsigned long long)lost);
    (void)printf("  kill to the next answer of the pool: p50 %.3f  p99 %.3f ms (bound 10)\n",
                 at_share(all.next, all.next_count, 0.5) / 1e3, next99);
    (void)printf("  kill to the answer of what the killed one had (%d): p50 %.3f  p99 %.3f  most "
                 "%.3f ms (bound 10)\n",
                 all.time_count, p50, p99, all.waited[all.time_count - 1] / 1e3);
    (void)printf("{\"bench\":\"pool_kills\",\"kills\":%d,\"requests\":%llu,\"lost\":%llu,"
                 "\"next_p99_ms\":%.3f,\"repeated\":%d,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
                 all.kills, (unsigned long long)all.asked, (unsigned long long)lost, next99,
                 all.time_count, p50, p99);
    return all.kills == KILLS && lost == 0 && p99 < 10 && next99 < 10 ? 0 : 1;
}

/* --- the looks -------------------------------------------------------------------------------- */

static double used_us(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Turns it for so long; ten times a second each has reported. Gives how often all were heard. */
static int watch_for(plim_supervisor *supervisor, plim_monitor *monitor, double us)
{
    double begun = now_us();
    int heard = 0;
    for (double now = begun; now < begun + us; now = now_us()) {
        if (now >= begun + heard * 1e5) {
            plim_child child = PLIM_CHILD_NONE;
            plim_worker_report said = {.memory_bytes = 1 << 20, .requests = 1};
            while ((child = plim_supervisor_next(supervisor, PLIM_CHILD_ROOT, child)) !=
                   PLIM_CHILD_NONE)
                plim_monitor_report(monitor, child, &said);
            heard++;
        }
        (void)plim_supervisor_step(supervisor, true);
    }
    return heard;
}

static int bench_watch(const char *self)
{
    static char ids[WATCHED][8];
    const char *argv[] = {self, "idle", NULL};
    plim_child_command command = {.argv = argv};
    plim_child_spec children[WATCHED] = {{.id = NULL}};
    for (int i = 0; i < WATCHED; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "w%d", i);
        children[i] = (plim_child_spec){.id = ids[i], .command = &command};
    }
    plim_supervisor_spec spec = {
        .struct_bytes = sizeof spec, .children = children, .child_count = WATCHED};
    plim_monitor_policy policy = {.struct_bytes = sizeof policy,
                                  .memory_bytes = UINT64_C(1) << 40,
                                  .requests_max = 1000,
                                  .silence_ns = UINT64_C(60000000000)};
    plim_supervisor *supervisor = NULL;
    plim_monitor *monitor = NULL;
    if (plim_supervisor_create(&spec, NULL, &supervisor, NULL) != PLIM_OK ||
        plim_monitor_create(supervisor, NULL, &monitor, NULL) != PLIM_OK ||
        plim_monitor_watch(monitor, PLIM_CHILD_ROOT, &policy, NULL) != PLIM_OK)
        return 1;
    plim_supervisor_start(supervisor);
    (void)watch_for(supervisor, monitor, 2e6); /* until all run and are met */
    double from_us = now_us(), from_used = used_us();
    int heard = watch_for(supervisor, monitor, WATCH_SECONDS * 1e6);
    double share = (used_us() - from_used) / (now_us() - from_us) * 100;
    plim_memory_figures figures;
    int seen = 0;
    plim_child child = PLIM_CHILD_NONE;
    while ((child = plim_supervisor_next(supervisor, PLIM_CHILD_ROOT, child)) != PLIM_CHILD_NONE)
        seen += plim_monitor_figures(monitor, child, &figures) == PLIM_OK && figures.rss_bytes > 0;
    plim_monitor_destroy(&monitor);
    plim_supervisor_destroy(&supervisor);
    (void)printf("monitoring %d workers ten times a second, %d s\n", seen, WATCH_SECONDS);
    (void)printf("  CPU of the supervisor %.3f %% of one core (bound 1)\n", share);
    (void)printf("{\"bench\":\"monitor\",\"workers\":%d,\"rounds\":%d,\"percent\":%.4f}\n", seen,
                 heard, share);
    return seen == WATCHED && heard >= WATCH_SECONDS * 5 && share < 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        work();
    while (argc > 1 && strcmp(argv[1], "idle") == 0)
        (void)pause();
    int failed = bench_trip();
    failed |= bench_kills(argv[0]);
    failed |= bench_watch(argv[0]);
    return failed;
}

/* SPDX-License-Identifier: MIT */
/*
 * A line of command on standard input, a line of JSON on standard output: the target contract as
 * tests drive it, over one connection.
 *
 *     open ADDRESS | close | identify | usage | collect | estimate | evaluate EXPRESSION
 *     snapshot FILE [stall MS] | discard | discard-v8 | force-snapshot FILE | evaluate-long BYTES
 *     sample BYTES | sample-all BYTES | sample-stop FILE
 *     track 0|1 | poll MS | track-stop FILE | reconnect MS | memory | slow-sink BYTES_PER_MS
 *
 *     gc-start | gc-stop | discover | launch WORD… | launch-end | root FOLDER
 *
 * SIGINT raises the interrupt. Options come first: --call-timeout MS, --connect-timeout MS,
 * --stall-timeout MS, --open-inspector 1, --keep-open 1, --list-workers 1. root takes /proc and
 * control groups from below a folder. --fail-at N: the n-th allocation fails, and a last line says
 * what is still out.
 */
#include <plimsoll/file.h>
#include <plimsoll/target.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault_allocator.h"
#include "platform/process.h"

static plim_interrupt probe_interrupt;
static uint64_t probe_steps;
static uint64_t probe_slow_bytes_per_ms; /* 0: as fast as it goes */

typedef struct probe_sink {
    plim_sink inner;
    uint64_t fail_after; /* 0: never */
    uint64_t written;
} probe_sink;

static void probe_on_signal(int number)
{
    (void)number;
    plim_interrupt_raise(&probe_interrupt);
}

static void probe_sleep_ns(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    (void)nanosleep(&time, NULL);
}

static plim_status probe_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    probe_sink *sink = ctx;
    if (probe_slow_bytes_per_ms != 0)
        probe_sleep_ns(len * 1000000u / probe_slow_bytes_per_ms);
    sink->written += len;
    return sink->inner.write(sink->inner.ctx, data, len, err);
}

static bool probe_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    (void)ctx;
    (void)phase;
    (void)done;
    (void)total;
    probe_steps++;
    return true;
}

/* Kilobytes of a line of /proc/self/status. */
static json_int_t probe_status_kb(const char *key)
{
    char line[256];
    json_int_t kb = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtoll(line + strlen(key) + 1, NULL, 10);
    }
    if (file != NULL)
        (void)fclose(file);
    return kb;
}

static json_t *probe_bytes(uint64_t bytes)
{
    return bytes == PLIM_UNKNOWN ? json_null() : json_integer((json_int_t)bytes);
}

static void probe_print(json_t *reply, plim_status status, const plim_error *err)
{
    if (reply == NULL)
        reply = json_object();
    (void)json_object_set_new(reply, "status",
                              json_string(status == PLIM_OK ? "OK" : plim_status_name(status)));
    if (status != PLIM_OK) {
        (void)json_object_set_new(reply, "what", json_string(err->what));
        (void)json_object_set_new(reply, "where", json_string(err->where));
        (void)json_object_set_new(reply, "hint", json_string(err->hint));
    }
    (void)json_dumpf(reply, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(reply);
}

static plim_status probe_usage(plim_target *target, json_t **reply, plim_error *err)
{
    plim_usage usage;
    plim_status status = plim_target_usage(target, &usage, err);
    if (status == PLIM_OK)
        *reply = json_pack(
            "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "used", probe_bytes(usage.used_bytes), "total",
            probe_bytes(usage.total_bytes), "embedder", probe_bytes(usage.embedder_bytes),
            "backing", probe_bytes(usage.backing_store_bytes), "rss",
            probe_bytes(usage.process_rss_bytes), "peak", probe_bytes(usage.process_peak_bytes),
            "cgroup_limit", probe_bytes(usage.cgroup_limit_bytes), "cgroup_used",
            probe_bytes(usage.cgroup_used_bytes));
    return status;
}

static plim_status probe_identify(plim_target *target, json_t **reply)
{
    plim_target_info info;
    plim_target_identify(target, &info);
    *reply = json_pack("{s:s,s:s,s:s,s:s,s:I,s:i}", "runtime", info.runtime, "version",
                       info.version, "title", info.title, "address", info.address, "pid",
                       (json_int_t)info.pid, "worker", (int)info.worker_id);
    return PLIM_OK;
}

/* verb: snapshot, force-snapshot, discard, discard-v8, track-stop. */
static plim_status probe_snapshot(plim_target *target, const char *verb, const char *path,
                                  json_t **reply, plim_error *err)
{
    plim_snapshot_options options = {.struct_bytes = sizeof options,
                                     .force = strcmp(verb, "force-snapshot") == 0,
                                     .discard = strncmp(verb, "discard", 7) == 0,
                                     .as_v8 = strcmp(verb, "discard-v8") == 0,
                                     .progress = {NULL, probe_step}};
    plim_snapshot_result result = {0};
    plim_file_sink *file = NULL;
    probe_sink sink = {0};
    plim_status status = PLIM_OK;
    if (!options.discard)
        status = plim_file_sink_create(path, true, NULL, &file, err);
    if (file != NULL)
        sink.inner = plim_file_sink_view(file);
    plim_sink outer = {&sink, probe_write};
    if (status == PLIM_OK && strcmp(verb, "track-stop") == 0)
        status = plim_target_tracking_stop(target, &options, outer, &result, err);
    else if (status == PLIM_OK)
        status = plim_target_snapshot(target, &options, outer, &result, err);
    if (file != NULL && status == PLIM_OK)
        status = plim_file_sink_commit(&file, err);
    else if (file != NULL && status == PLIM_ERR_INTERRUPTED) {
        if (plim_file_sink_keep_partial(&file, err) != PLIM_OK)
            status = PLIM_ERR_IO;
    }
    plim_file_sink_abandon(&file);
    *reply =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "new", (json_int_t)result.new_count,
                  "new_bytes", (json_int_t)result.new_bytes, "bytes", (json_int_t)result.byte_count,
                  "nodes", (json_int_t)result.node_count, "edges", (json_int_t)result.edge_count,
                  "chunks", (json_int_t)result.chunk_count, "pause_ns", (json_int_t)result.pause_ns,
                  "queue_peak", (json_int_t)result.queue_peak_bytes, "written",
                  (json_int_t)sink.written, "steps", (json_int_t)probe_steps);
    return status;
}

static plim_status probe_sample_stop(plim_target *target, const char *path, plim_error *err)
{
    plim_file_sink *file = NULL;
    plim_status status = plim_file_sink_create(path, true, NULL, &file, err);
    if (status != PLIM_OK)
        return status;
    status = plim_target_sampling_stop(target, plim_file_sink_view(file), err);
    if (status == PLIM_OK)
        status = plim_file_sink_commit(&file, err);
    plim_file_sink_abandon(&file);
    return status;
}

static plim_status probe_poll(plim_target *target, const char *ms, json_t **reply, plim_error *err)
{
    const plim_track_interval *intervals = NULL;
    uint32_t count = 0;
    plim_status status = plim_target_tracking_poll(target, strtoull(ms, NULL, 10) * 1000000u,
                                                   &intervals, &count, err);
    if (status != PLIM_OK)
        return status;
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(list,
                                    json_pack("[I,I,f,I]", (json_int_t)intervals[i].count,
                                              (json_int_t)intervals[i].bytes, intervals[i].at_ms,
                                              (json_int_t)intervals[i].last_object_id));
    *reply = json_pack("{s:o}", "intervals", list);
    return PLIM_OK;
}

static plim_status probe_evaluate(plim_target *target, const char *expression, json_t **reply,
                                  plim_error *err)
{
    const char *text = NULL;
    plim_status status = plim_target_evaluate(target, expression, 0, &text, err);
    if (status == PLIM_OK)
        *reply = json_pack("{s:o}", "value", json_loads(text, JSON_DECODE_ANY, NULL));
    return status;
}

static plim_status probe_estimate(plim_target *target, json_t **reply, plim_error *err)
{
    plim_snapshot_estimate estimate;
    plim_status status = plim_target_estimate(target, &estimate, err);
    if (status == PLIM_OK)
        *reply = json_pack("{s:o,s:o,s:b}", "peak", probe_bytes(estimate.peak_bytes), "available",
                           probe_bytes(estimate.available_bytes), "safe", estimate.safe);
    return status;
}

static plim_status probe_sample(plim_target *target, bool all, const char *bytes, plim_error *err)
{
    plim_sampling_options options = {.struct_bytes = sizeof options,
                                     .include_collected = all,
                                     .interval_bytes = strtoull(bytes, NULL, 10)};
    return plim_target_sampling_start(target, &options, err);
}

static plim_status probe_gc_stop(plim_target *target, json_t **reply, plim_error *err)
{
    const plim_gc_event *events = NULL;
    uint32_t count = 0;
    plim_status status = plim_target_gc_observe_stop(target, &events, &count, err);
    if (status != PLIM_OK)
        return status;
    json_t *list = json_array();
    json_t *pauses = json_array(); /* the same once more, to compare with a text */
    char kinds[256] = "";
    for (uint32_t i = 0; i < count; i++) {
        (void)json_array_append_new(pauses, probe_bytes(events[i].pause_ns));
        size_t len = strlen(kinds);
        (void)snprintf(kinds + len, sizeof kinds - len, "%s%s", i > 0 ? " " : "", events[i].kind);
    }
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_pack("{s:s,s:o,s:I,s:o,s:o}", "kind", events[i].kind,
                                                    "pause_ns", probe_bytes(events[i].pause_ns),
                                                    "at_ns", (json_int_t)events[i].at_ns, "before",
                                                    probe_bytes(events[i].before_bytes), "after",
                                                    probe_bytes(events[i].after_bytes)));
    *reply = json_pack("{s:o,s:o,s:s,s:i}", "events", list, "pauses", pauses, "kinds", kinds,
                       "count", (int)count);
    return PLIM_OK;
}

static plim_status probe_discover(const plim_target_options *options, json_t **reply,
                                  plim_error *err)
{
    plim_found_list *found = NULL;
    plim_status status = plim_discover(options, &found, err);
    if (status != PLIM_OK)
        return status;
    json_t *list = json_array();
    for (uint32_t i = 0; i < plim_found_list_count(found); i++) {
        const plim_found *one = plim_found_list_get(found, i);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:s,s:I,s:b}", "runtime", one->runtime, "version",
                            one->version, "title", one->title, "address", one->address, "pid",
                            (json_int_t)one->pid, "can_open", one->can_open));
    }
    plim_found_list_destroy(&found);
    *reply = json_pack("{s:o}", "found", list);
    return PLIM_OK;
}

static plim_status probe_launch(const plim_target_options *options, char *words,
                                plim_launched **launched, json_t **reply, plim_error *err)
{
    const char *argv[64] = {NULL};
    size_t count = 0;
    for (char *at = words; *at != '\0' && count + 1 < sizeof argv / sizeof argv[0];) {
        argv[count++] = at;
        at += strcspn(at, "\t"); /* words are separated by tabs: arguments have blanks */
        if (*at != '\0')
            *at++ = '\0';
    }
    plim_status status = plim_launch(argv, options, launched, err);
    if (status == PLIM_OK)
        *reply = json_pack("{s:s,s:I}", "address", plim_launched_address(*launched), "pid",
                           (json_int_t)plim_launched_pid(*launched));
    return status;
}

/* Verbs of the machine; false if it is none of them. */
static bool probe_machine(const plim_target_options *options, const char *verb, char *rest,
                          plim_launched **launched, json_t **reply, plim_status *status,
                          plim_error *err)
{
    static char root[4096];
    if (strcmp(verb, "discover") == 0) {
        *status = probe_discover(options, reply, err);
    } else if (strcmp(verb, "launch") == 0) {
        *status = probe_launch(options, rest, launched, reply, err);
    } else if (strcmp(verb, "launch-end") == 0) {
        plim_launched_end(launched);
    } else if (strcmp(verb, "root") == 0) {
        (void)snprintf(root, sizeof root, "%s", rest);
        plim__process_set_root(root);
    } else {
        return false;
    }
    return true;
}

/* An expression of so many bytes. */
static plim_status probe_evaluate_long(plim_target *target, const char *bytes, plim_error *err)
{
    size_t len = (size_t)strtoull(bytes, NULL, 10);
    char *text = malloc(len + 1);
    if (text == NULL)
        return PLIM_ERR_NO_MEMORY;
    memset(text, '1', len);
    text[len] = '\0';
    plim_status status = plim_target_evaluate(target, text, 0, NULL, err);
    free(text);
    return status;
}

/* Verbs that need an open target. */
static plim_status probe_call(plim_target *target, const char *verb, const char *rest,
                              json_t **reply, plim_error *err)
{
    if (strcmp(verb, "identify") == 0)
        return probe_identify(target, reply);
    if (strcmp(verb, "usage") == 0)
        return probe_usage(target, reply, err);
    if (strcmp(verb, "collect") == 0)
        return plim_target_collect(target, err);
    if (strcmp(verb, "gc-start") == 0)
        return plim_target_gc_observe_start(target, err);
    if (strcmp(verb, "gc-stop") == 0)
        return probe_gc_stop(target, reply, err);
    if (strcmp(verb, "estimate") == 0)
        return probe_estimate(target, reply, err);
    if (strcmp(verb, "evaluate-long") == 0)
        return probe_evaluate_long(target, rest, err);
    if (strcmp(verb, "evaluate") == 0)
        return probe_evaluate(target, rest, reply, err);
    if (strcmp(verb, "sample") == 0 || strcmp(verb, "sample-all") == 0)
        return probe_sample(target, strcmp(verb, "sample-all") == 0, rest, err);
    if (strcmp(verb, "sample-stop") == 0)
        return probe_sample_stop(target, rest, err);
    if (strcmp(verb, "track") == 0)
        return plim_target_tracking_start(target, rest[0] == '1', err);
    if (strcmp(verb, "poll") == 0)
        return probe_poll(target, rest, reply, err);
    if (strcmp(verb, "reconnect") == 0)
        return plim_target_reconnect(target, strtoull(rest, NULL, 10) * 1000000u, err);
    return probe_snapshot(target, verb, rest, reply, err);
}

static void probe_line(plim_target **target, plim_launched **launched,
                       const plim_target_options *options, char *line)
{
    plim_error err = {0};
    json_t *reply = NULL;
    plim_status status = PLIM_OK;
    line[strcspn(line, "\n")] = '\0';
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0')
        *rest++ = '\0';
    if (strcmp(line, "open") == 0) {
        plim_target_close(target);
        status = plim_target_open(rest, options, target, &err);
    } else if (strcmp(line, "close") == 0) {
        plim_target_close(target);
    } else if (strcmp(line, "memory") == 0) {
        reply = json_pack("{s:I,s:I}", "rss_kb", probe_status_kb("VmRSS:"), "peak_kb",
                          probe_status_kb("VmHWM:"));
    } else if (probe_machine(options, line, rest, launched, &reply, &status, &err)) {
        /* done */
    } else if (strcmp(line, "slow-sink") == 0) {
        probe_slow_bytes_per_ms = strtoull(rest, NULL, 10);
    } else if (*target == NULL) {
        status = plim_error_set(&err, PLIM_ERR_USAGE, "no target is open");
    } else {
        status = probe_call(*target, line, rest, &reply, &err);
    }
    probe_print(reply, status, &err);
}

int main(int argc, char **argv)
{
    static char line[1 << 16];
    static fault_allocator memory;
    plim_target *target = NULL;
    plim_launched *launched = NULL;
    plim_target_options options = {.struct_bytes = sizeof options, .interrupt = &probe_interrupt};
    (void)signal(SIGPIPE, SIG_IGN); /* as target.h asks */
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        uint64_t ns = number * 1000000u;
        if (strcmp(argv[i], "--call-timeout") == 0)
            options.call_timeout_ns = ns;
        else if (strcmp(argv[i], "--connect-timeout") == 0)
            options.connect_timeout_ns = ns;
        else if (strcmp(argv[i], "--stall-timeout") == 0)
            options.stall_timeout_ns = ns;
        else if (strcmp(argv[i], "--open-inspector") == 0)
            options.open_inspector = true;
        else if (strcmp(argv[i], "--keep-open") == 0)
            options.keep_open = true;
        else if (strcmp(argv[i], "--list-workers") == 0)
            options.list_workers = true;
        else if (strcmp(argv[i], "--fail-at") == 0) {
            fault_allocator_init(&memory, number);
            options.allocator = &memory.allocator;
        }
    }
    (void)signal(SIGINT, probe_on_signal); /* restarts reads: the line being awaited is not lost */
    while (fgets(line, sizeof line, stdin) != NULL)
        probe_line(&target, &launched, &options, line);
    plim_target_close(&target);
    plim_launched_end(&launched);
    if (options.allocator != NULL)
        printf("{\"live\":%lld,\"refused\":%llu}\n", (long long)memory.live_bytes,
               (unsigned long long)memory.refused);
    return 0;
}

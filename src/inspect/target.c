/* SPDX-License-Identifier: MIT */
/*
 * The public contract, dealt out: what every inspector of a family answers alike is the protocol's
 * table, what only a runtime knows is the runtime's. This file opens, closes and reconnects, and
 * refuses what a table has no function for.
 *
 * States: FINDING -> OPEN target_connect() -> (gone) -> OPEN plim_target_reconnect() -> CLOSED
 * Invariants: N1 outside FINDING runtime and runtime->protocol are set. N2 a target that is handed
 * out was open once; whether it still is, every call finds out anew.
 */
#include "inspect/target.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/tunnel.h"

enum { TARGET_FAMILIES_MAX = 16 /* a list without its end is not followed for ever */ };

static const uint64_t target_connect_timeout_ns = 5000000000u;
static const uint64_t target_stall_timeout_ns = 120000000000u;
static const uint64_t target_backoff_first_ns = 100000000u;
static const uint64_t target_backoff_most_ns = 5000000000u;

/* Options of another version of the header: what it does not have is default. */
static plim_target_options target_options(const plim_target_options *given)
{
    plim_target_options options = {0};
    if (given != NULL && given->struct_bytes != 0) {
        size_t bytes = given->struct_bytes < sizeof options ? given->struct_bytes : sizeof options;
        memcpy(&options, given, bytes);
    } else if (given != NULL) {
        options = *given;
    }
    options.struct_bytes = sizeof options;
    options.allocator = plim__allocator_or_system(options.allocator);
    if (options.connect_timeout_ns == 0)
        options.connect_timeout_ns = target_connect_timeout_ns;
    if (options.stall_timeout_ns == 0)
        options.stall_timeout_ns = target_stall_timeout_ns;
    return options;
}

static plim_status target_unsupported(const plim_target *target, const char *what, plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "%s %s gives no %s", target->runtime->name,
                          target->version, what);
}

/* ---- open and close ------------------------------------------------------------------------ */

/* The i-th of all runtimes: first those that are compiled in, then the caller's families. */
static const plim__runtime *target_candidate(const plim_target *target, size_t index)
{
    static const plim_target_family *const none[] = {NULL};
    const plim_target_family *const *families =
        target->options.families != NULL ? target->options.families : none;
    size_t own = 0;
    while (plim__runtimes[own] != NULL)
        own++;
    if (index < own)
        return plim__runtimes[index];
    for (size_t i = 0; i < TARGET_FAMILIES_MAX && families[i] != NULL; i++)
        if (own + i == index)
            return &families[i]->runtime;
    return NULL;
}

/* pid:N: whichever runtime that process is finds its port. */
static plim_status target_resolve_pid(plim_target *target, plim_error *err)
{
    const plim__runtime *runtime;
    for (size_t i = 0; (runtime = target_candidate(target, i)) != NULL; i++) {
        if (runtime->resolve_pid == NULL)
            continue;
        target->runtime = runtime;
        plim_error why = {0};
        plim_status status = runtime->resolve_pid(target, &why);
        if (status == PLIM_OK)
            return PLIM_OK;
        if (status != PLIM_ERR_UNSUPPORTED) {
            if (err != NULL && err->status == PLIM_OK)
                *err = why;
            return status;
        }
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED, "process %lld is no runtime that we know",
                       (long long)target->address.pid);
    plim_error_hint(err, "plim ps lists what can be inspected on this machine");
    return status;
}

/* SCHEME:REST of one of the families; false: some other address. */
static bool target_named(plim_target *target, const char *address)
{
    const plim__runtime *runtime;
    const char *colon = strchr(address, ':');
    size_t length = colon != NULL ? (size_t)(colon - address) : 0;
    for (size_t i = 0; (runtime = target_candidate(target, i)) != NULL; i++) {
        if (runtime->scheme == NULL || length == 0 || strlen(runtime->scheme) != length ||
            strncmp(runtime->scheme, address, length) != 0 ||
            strlen(colon + 1) >= sizeof target->address.path)
            continue;
        target->address = (plim__address){.kind = PLIM__ADDRESS_NAMED, .pid = -1};
        memcpy(target->address.path, colon + 1, strlen(colon + 1) + 1);
        (void)snprintf(target->shown_address, sizeof target->shown_address, "%s", address);
        target->runtime = runtime;
        return true;
    }
    return false;
}

static const plim__protocol *target_protocol(const plim_target *target)
{
    return target->runtime != NULL ? target->runtime->protocol : &plim__cdp_protocol;
}

static void target_show_address(plim_target *target)
{
    const plim__address *address = &target->address;
    if (target->shown_address[0] != '\0')
        return; /* as it was given, or as the protocol calls it */
    if (target->cdp.connection == NULL) {
        (void)snprintf(target->shown_address, sizeof target->shown_address, "pid:%lld",
                       (long long)address->pid);
        return;
    }
    bool is_v6 = strchr(address->host, ':') != NULL;
    int len = snprintf(target->shown_address, sizeof target->shown_address, "%s%s%s:%u",
                       is_v6 ? "[" : "", address->host, is_v6 ? "]" : "", (unsigned)address->port);
    PLIM_CHECK(len > 0 && (size_t)len < sizeof target->shown_address);
    if (target->runtime->path_of != NULL)
        len += snprintf(target->shown_address + len, sizeof target->shown_address - (size_t)len,
                        "%s", target->path);
    else if (address->kind == PLIM__ADDRESS_HOST && address->path[0] != '\0')
        len += snprintf(target->shown_address + len, sizeof target->shown_address - (size_t)len,
                        "%s", address->path);
    PLIM_CHECK(len > 0 && (size_t)len < sizeof target->shown_address);
    if (address->worker_id != 0)
        (void)snprintf(target->shown_address + len, sizeof target->shown_address - (size_t)len,
                       "#worker:%u", address->worker_id);
}

static plim_status target_connect(plim_target *target, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (target->address.host[0] != '\0' && target->address.kind != PLIM__ADDRESS_RDP)
        status = plim__detect(target, err);
    if (status == PLIM_OK)
        status = target_protocol(target)->connect(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->open != NULL)
        return target->runtime->open(target, err);
    if (target->address.worker_id == 0)
        return PLIM_OK;
    return target_unsupported(target, "access to worker threads", err);
}

/* What ssh has to say of a failure is nearer to its cause than what we saw. Where it has nothing to
   say of a closed door, its socket was there but did not listen yet: once more. */
static plim_status target_explain_tunnel(plim_target *target, plim_status status, plim_error *err)
{
    bool is_closed = status == PLIM_ERR_UNREACHABLE || status == PLIM_ERR_GONE;
    const char *says = plim__tunnel_says(target->tunnel, is_closed);
    plim_error again = {0};
    if (says[0] == '\0' && is_closed) {
        status = target_connect(target, &again);
        if (status != PLIM_OK)
            says = plim__tunnel_says(target->tunnel, true);
        if (err != NULL)
            *err = again;
    }
    if (status == PLIM_OK || says[0] == '\0' || err == NULL)
        return status;
    *err = (plim_error){0};
    status = plim_error_set(err, PLIM_ERR_UNREACHABLE, "ssh says: %s", says);
    plim_error_where(err, "%s", target->shown_address);
    plim_error_hint(err, "the address behind the machine is as seen from there");
    return status;
}

static plim_status target_start(plim_target *target, const char *address, plim_error *err)
{
    plim_status status =
        plim__loop_create(target->allocator, target->options.interrupt, &target->loop, err);
    if (status == PLIM_OK && strncmp(address, "ssh://", 6) == 0) {
        (void)snprintf(target->shown_address, sizeof target->shown_address, "%s", address);
        status = plim__tunnel_open(address, target->loop, &target->options, &target->address,
                                   &target->tunnel, err);
    } else if (status == PLIM_OK && !target_named(target, address)) {
        status = plim__address_parse(address, &target->address, err);
    }
    if (target->address.kind == PLIM__ADDRESS_RDP || target->address.kind == PLIM__ADDRESS_UNIX)
        target->runtime = plim__runtime_that_greets;
    if (status == PLIM_OK && target->address.kind == PLIM__ADDRESS_PID)
        status = target_resolve_pid(target, err);
    if (status == PLIM_OK)
        status = target_connect(target, err);
    if (status != PLIM_OK && target->tunnel != NULL)
        status = target_explain_tunnel(target, status, err);
    if (status == PLIM_OK)
        target_show_address(target);
    return status;
}

plim_status plim_target_open(const char *address, const plim_target_options *options,
                             plim_target **out_target, plim_error *err)
{
    PLIM_CHECK(address != NULL && out_target != NULL);
    plim_target_options filled = target_options(options);
    plim_target *target = plim__array_new_zero(filled.allocator, 1, sizeof *target);
    if (target == NULL)
        return plim__no_memory(err, "a target");
    target->magic = PLIM__TARGET_MAGIC;
    target->allocator = filled.allocator;
    target->options = filled;
    target->pid = -1;
    plim_status status = target_start(target, address, err);
    if (status != PLIM_OK) {
        plim_target_close(&target);
        return status;
    }
    *out_target = target;
    return PLIM_OK;
}

void plim_target_close(plim_target **target_ptr)
{
    if (target_ptr == NULL || *target_ptr == NULL)
        return;
    plim_target *target = *target_ptr;
    *target_ptr = NULL;
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    if (target->loop != NULL) {
        plim__loop_acknowledge(target->loop); /* a stop asked for before does not stop this */
        if (target_protocol(target)->leave != NULL)
            target_protocol(target)->leave(target);
    }
    if (target->runtime != NULL && target->runtime->close != NULL)
        target->runtime->close(target);
    if (target->loop != NULL)
        target_protocol(target)->disconnect(target);
    plim__tunnel_close(&target->tunnel);
    plim__loop_destroy(&target->loop);
    plim__array_free(target->allocator, target->gc_rounds.events, target->gc_rounds.event_cap,
                     sizeof *target->gc_rounds.events);
    plim__array_free(target->allocator, target->text, target->text_cap, 1);
    target->magic = 0;
    plim__array_free(target->allocator, target, 1, sizeof *target);
}

void plim_target_identify(const plim_target *target, plim_target_info *out_info)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    PLIM_CHECK(out_info != NULL);
    *out_info = (plim_target_info){
        .runtime = target->runtime->name,
        .version = target->version,
        .title = target->title,
        .address = target->shown_address,
        .pid = target->pid,
        .worker_id = target->address.worker_id,
        .traits = target->runtime->traits,
        .snapshot_ending = target->runtime->snapshot_ending != NULL
                               ? target->runtime->snapshot_ending
                               : ".heapsnapshot",
        .note = target->runtime->note != NULL ? target->runtime->note : "",
        .series = target->series,
    };
}

const char *plim_target_remark(const plim_target *target)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    return target->remark;
}

/* One attempt. What a failed one has begun is undone, so that the next can start afresh. */
static plim_status target_try_again(plim_target *target, plim_error *err)
{
    target->runtime->protocol->disconnect(target);
    plim_status status = target_connect(target, err);
    if (status != PLIM_OK)
        target->runtime->protocol->disconnect(target);
    return status;
}

plim_status plim_target_reconnect(plim_target *target, uint64_t timeout_ns, plim_error *err)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    uint64_t pause_ns = target_backoff_first_ns;
    for (;;) {
        plim_error why = {0};
        plim_status status = target_try_again(target, &why);
        if (status == PLIM_OK)
            return PLIM_OK;
        if (status == PLIM_ERR_INTERRUPTED)
            return plim_error_set(err, status, "interrupted while reconnecting");
        if (status == PLIM_ERR_NOT_FOUND && target->address.kind == PLIM__ADDRESS_PID) {
            *(err != NULL ? err : &why) = why; /* a process that has ended does not come back */
            return status;
        }
        uint64_t now_ns = plim__loop_now_ns();
        if (now_ns >= deadline_ns) {
            status =
                plim_error_set(err, PLIM_ERR_UNREACHABLE, "it did not come back: %s", why.what);
            plim_error_where(err, "%s", target->shown_address);
            return status;
        }
        uint64_t left_ns = deadline_ns - now_ns;
        status = plim__loop_sleep(target->loop, pause_ns < left_ns ? pause_ns : left_ns);
        if (status != PLIM_OK)
            return plim_error_set(err, status, "interrupted while reconnecting");
        pause_ns = 2 * pause_ns < target_backoff_most_ns ? 2 * pause_ns : target_backoff_most_ns;
    }
}

/* ---- calls --------------------------------------------------------------------------------- */

/* Every call begins so: the object is one, and has a connection to speak over. */
static plim_status target_ready(plim_target *target, plim_error *err)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    target->remark[0] = '\0';
    if (target->cdp.connection != NULL || target->is_connected)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_GONE, "the target is not connected");
}

plim_status plim_target_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    PLIM_CHECK(out_usage != NULL);
    plim_usage usage = {
        .used_bytes = PLIM_UNKNOWN,
        .total_bytes = PLIM_UNKNOWN,
        .embedder_bytes = PLIM_UNKNOWN,
        .backing_store_bytes = PLIM_UNKNOWN,
        .process_rss_bytes = PLIM_UNKNOWN,
        .process_peak_bytes = PLIM_UNKNOWN,
        .cgroup_limit_bytes = PLIM_UNKNOWN,
        .cgroup_used_bytes = PLIM_UNKNOWN,
    };
    plim_status status = target_ready(target, err);
    if (status == PLIM_OK && target->runtime->usage != NULL)
        status = target->runtime->usage(target, &usage, err);
    else if (status == PLIM_OK && target->runtime->protocol->usage != NULL)
        status = target->runtime->protocol->usage(target, &usage, err);
    else if (status == PLIM_OK)
        status = target_unsupported(target, "figures of its memory", err);
    if (status == PLIM_OK)
        *out_usage = usage;
    return status;
}

plim_status plim_target_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                 plim_error *err)
{
    PLIM_CHECK(out_estimate != NULL);
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    plim_snapshot_estimate estimate = {PLIM_UNKNOWN, PLIM_UNKNOWN, true};
    if (target->runtime->estimate != NULL)
        status = target->runtime->estimate(target, &estimate, err);
    if (status == PLIM_OK)
        *out_estimate = estimate;
    return status;
}

static plim_status target_unsafe(const plim_snapshot_estimate *estimate, plim_error *err)
{
    plim_status status = plim_error_set(
        err, PLIM_ERR_UNSAFE,
        "a snapshot may take the target to %llu MiB, and only %llu MiB are left to it",
        (unsigned long long)(estimate->peak_bytes >> 20),
        (unsigned long long)(estimate->available_bytes >> 20));
    plim_error_hint(err, "plim sample is safe; --force takes the snapshot all the same");
    return status;
}

plim_status plim_target_snapshot(plim_target *target, const plim_snapshot_options *options,
                                 plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    if (out_result != NULL)
        *out_result = (plim_snapshot_result){0};
    plim_status status = target_ready(target, err);
    if (status == PLIM_OK && (options == NULL || !options->force)) {
        plim_snapshot_estimate estimate;
        status = plim_target_estimate(target, &estimate, err);
        if (status == PLIM_OK && !estimate.safe)
            status = target_unsafe(&estimate, err);
    }
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->snapshot == NULL)
        return target_unsupported(target, "snapshots", err);
    return target->runtime->protocol->snapshot(target, options, sink, out_result, err);
}

plim_status plim_target_collect(plim_target *target, plim_error *err)
{
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->collect == NULL)
        return target_unsupported(target, "collections on request", err);
    return target->runtime->protocol->collect(target, err);
}

plim_status plim_target_gc_observe_start(plim_target *target, plim_error *err)
{
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->gc_observe_start == NULL)
        return target_unsupported(target, "events of its collections", err);
    uint64_t now_ns = plim__loop_now_ns();
    status = target->runtime->gc_observe_start(target, err);
    if (status == PLIM_OK) {
        target->gc_rounds.begun_ns = target->gc_rounds.round_ns = now_ns;
        target->gc_rounds.blind_ns = 0;
    }
    return status;
}

/* Ends a round; its events with times since the first one began. */
static plim_status target_end_round(plim_target *target, const plim_gc_event **out_events,
                                    uint32_t *out_count, plim_error *err)
{
    struct plim__gc_rounds *rounds = &target->gc_rounds;
    const plim_gc_event *events = NULL;
    uint32_t count = 0;
    plim_status status = target->runtime->gc_observe_stop(target, &events, &count, err);
    if (status != PLIM_OK)
        return status;
    if (count > rounds->event_cap) {
        plim_gc_event *grown = plim__array_resize(target->allocator, rounds->events,
                                                  rounds->event_cap, count, sizeof *grown);
        if (grown == NULL)
            return plim__no_memory(err, "the collections observed");
        rounds->events = grown;
        rounds->event_cap = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        rounds->events[i] = events[i];
        rounds->events[i].at_ns += rounds->round_ns - rounds->begun_ns;
    }
    *out_events = rounds->events;
    *out_count = count;
    return PLIM_OK;
}

plim_status plim_target_gc_observe_stop(plim_target *target, const plim_gc_event **out_events,
                                        uint32_t *out_count, plim_error *err)
{
    PLIM_CHECK(out_events != NULL && out_count != NULL);
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->gc_observe_stop == NULL)
        return target_unsupported(target, "events of its collections", err);
    status = target_end_round(target, out_events, out_count, err);
    target->gc_rounds.begun_ns = 0;
    return status;
}

plim_status plim_target_gc_observe_poll(plim_target *target, uint64_t wait_ns,
                                        const plim_gc_event **out_events, uint32_t *out_count,
                                        uint64_t *out_blind_ns, plim_error *err)
{
    PLIM_CHECK(out_events != NULL && out_count != NULL);
    struct plim__gc_rounds *rounds = &target->gc_rounds;
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (rounds->begun_ns == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are not being observed");
    status = plim__loop_sleep(target->loop, wait_ns);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "interrupted while collections were observed");
    uint64_t ended_ns = plim__loop_now_ns();
    status = target_end_round(target, out_events, out_count, err);
    if (status == PLIM_OK)
        status = target->runtime->gc_observe_start(target, err);
    if (status != PLIM_OK) {
        rounds->begun_ns = 0;
        return status;
    }
    rounds->round_ns = plim__loop_now_ns();
    rounds->blind_ns += rounds->round_ns - ended_ns;
    if (out_blind_ns != NULL)
        *out_blind_ns = rounds->blind_ns;
    return PLIM_OK;
}

plim_status plim_target_sampling_start(plim_target *target, const plim_sampling_options *options,
                                       plim_error *err)
{
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->sampling_start == NULL)
        return target_unsupported(target, "samples of its allocations", err);
    return target->runtime->protocol->sampling_start(target, options, err);
}

plim_status plim_target_sampling_stop(plim_target *target, plim_sink sink, plim_error *err)
{
    PLIM_CHECK(sink.write != NULL);
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->sampling_stop == NULL)
        return target_unsupported(target, "samples of its allocations", err);
    return target->runtime->protocol->sampling_stop(target, sink, err);
}

plim_status plim_target_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->tracking_start == NULL)
        return target_unsupported(target, "timeline of its allocations", err);
    return target->runtime->protocol->tracking_start(target, stacks, err);
}

plim_status plim_target_tracking_poll(plim_target *target, uint64_t wait_ns,
                                      const plim_track_interval **out_intervals,
                                      uint32_t *out_count, plim_error *err)
{
    PLIM_CHECK(out_intervals != NULL && out_count != NULL);
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->tracking_poll == NULL)
        return target_unsupported(target, "timeline of its allocations", err);
    return target->runtime->protocol->tracking_poll(target, wait_ns, out_intervals, out_count, err);
}

plim_status plim_target_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                      plim_sink sink, plim_snapshot_result *out_result,
                                      plim_error *err)
{
    if (out_result != NULL)
        *out_result = (plim_snapshot_result){0};
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->tracking_stop == NULL)
        return target_unsupported(target, "timeline of its allocations", err);
    return target->runtime->protocol->tracking_stop(target, options, sink, out_result, err);
}

plim_status plim_target_evaluate(plim_target *target, const char *expression, uint64_t timeout_ns,
                                 const char **out_json, plim_error *err)
{
    PLIM_CHECK(expression != NULL);
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->evaluate == NULL)
        return target_unsupported(target, "evaluation of code", err);
    return target->runtime->protocol->evaluate(target, expression, timeout_ns, out_json, err);
}

plim_status plim_target_load(plim_target *target, const char *url, uint64_t timeout_ns,
                             plim_error *err)
{
    plim_status status = target_ready(target, err);
    if (status != PLIM_OK)
        return status;
    if (target->runtime->protocol->load == NULL)
        return target_unsupported(target, "pages that could be loaded", err);
    return target->runtime->protocol->load(target, url, timeout_ns, err);
}

/* SPDX-License-Identifier: MIT */
/*
 * WebKitGTK with WEBKIT_INSPECTOR_HTTP_SERVER=HOST:PORT, told by its Server field:
 *   GET / -> a page of HTML with a path for each tab -> WebSocket -> Target.targetCreated -> calls
 * or with WEBKIT_INSPECTOR_SERVER=HOST:PORT, told by its silence and its own greeting:
 *   a list of pages -> messages of one of them -> the same (gtk_socket.h)
 * One client at a time: a second one takes the page over, and the first is hung up on. Whoever
 * comes while the page is being left is told of no target: then the connection is made anew.
 *
 * "webkit:HOST:PORT/PATH" takes the WebSocket at that path without asking who it is: for proxies
 * that bring Safari's or an iOS device's inspector, which speaks the same JSON.
 */
#include "inspect/webkit/gtk.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/error_repeat.h"
#include "inspect/probe.h"
#include "inspect/webkit/gtk_socket.h"

enum {
    GTK_ESTIMATE_FACTOR = 4,
    GTK_MESSAGE_BYTES_MAX = 120000, /* 130,000 went, 140,000 did not */
    GTK_NAME_BYTES = 4096
};

const char plim__gtk_how_to_open[] =
    "start the program with WEBKIT_INSPECTOR_HTTP_SERVER=127.0.0.1:PORT in its environment";

static const uint64_t gtk_announce_ns = 1000000000u;
static const uint64_t gtk_leave_ns = 300000000u; /* for WebKit to see that the last one has gone */

static plim__gtk_targets *gtk_targets(const plim_target *target)
{
    const plim__webkit_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL && state->targets != NULL); /* made by connect */
    return state->targets;
}

static bool gtk_recognise(const char *word)
{
    static const char server[] = "Server: WebKitInspectorHTTPServer";
    return strncmp(word, server, sizeof server - 1) == 0;
}

static bool gtk_is_page_process(const char *path)
{
    return strcmp(plim__probe_base_name(path), "WebKitWebProcess") == 0;
}

/* As plim__runtime.path_of: the path is a part of the address, and no command line tells it. */
static bool gtk_path_of(const plim_allocator *allocator, int64_t pid, char *out_path, size_t cap)
{
    (void)allocator;
    (void)pid;
    (void)out_path;
    (void)cap;
    return false;
}

static plim_status gtk_resolve_pid(plim_target *target, plim_error *err)
{
    return plim__owner_resolve(target, plim__gtk_is_browser, "webkitgtk",
                               "WEBKIT_INSPECTOR_HTTP_SERVER=127.0.0.1:9230 in its environment",
                               err);
}

/* ---- the process ---------------------------------------------------------------------------- */

typedef struct gtk_search {
    int64_t browser;
    int64_t page;
    uint32_t count;
} gtk_search;

static bool gtk_visit(void *ctx, int64_t pid)
{
    gtk_search *search = ctx;
    char path[GTK_NAME_BYTES];
    plim__process_glance glance;
    if (plim__process_look(pid, &glance) == PLIM_OK && glance.parent_pid == search->browser &&
        plim__process_executable(pid, path, sizeof path) == PLIM_OK && gtk_is_page_process(path)) {
        search->page = pid;
        search->count++;
    }
    return true;
}

/* "…/webkit2gtk-4.1/WebKitWebProcess": the version of its interface; nothing else tells one. */
static void gtk_set_version(plim_target *target)
{
    char path[GTK_NAME_BYTES];
    target->version[0] = '\0';
    if (target->pid <= 0 || plim__process_executable(target->pid, path, sizeof path) != PLIM_OK)
        return;
    const char *name = strstr(path, "gtk-");
    if (name != NULL)
        (void)snprintf(target->version, sizeof target->version, "%.*s", (int)strcspn(name + 4, "/"),
                       name + 4);
}

/* The page's process, where the browser has one only: it is not told which page is in which. */
static void gtk_find_process(plim_target *target)
{
    plim__webkit_state *state = target->runtime_state;
    gtk_search search = {0};
    plim__owner_fini(&state->owner);
    target->pid = -1;
    if (target->address.kind != PLIM__ADDRESS_NAMED &&
        plim__port_owner(target->allocator, target->address.port, &search.browser) == PLIM_OK &&
        plim__process_each(gtk_visit, &search) == PLIM_OK && search.count == 1)
        (void)plim__owner_take(target, &state->owner, search.page, NULL);
    gtk_set_version(target);
}

/* ---- a connection --------------------------------------------------------------------------- */

static void gtk_disconnect(plim_target *target)
{
    plim__webkit_state *state = target->runtime_state;
    plim__webkit_disconnect(target); /* and with it the sessions */
    if (state != NULL && state->targets != NULL)
        *state->targets = (plim__gtk_targets){.target = target};
}

/* The page is announced right behind the upgrade. */
static void gtk_listen(void *ctx, plim__cdp_connection *connection)
{
    plim__gtk_targets_start(ctx, connection);
}

/* How a connection in the binary protocol begins. */
typedef struct gtk_opening {
    plim_target *target;
    plim__gtk_socket *socket;
} gtk_opening;

static void gtk_opening_listen(void *ctx, plim__cdp_connection *connection)
{
    gtk_opening *opening = ctx;
    plim__gtk_targets_start(gtk_targets(opening->target), connection);
}

static plim_status gtk_opening_open(void *ctx, plim__cdp_carrier_events events,
                                    plim__cdp_carrier *out_carrier, plim_error *err)
{
    gtk_opening *opening = ctx;
    return plim__gtk_socket_begin(&opening->socket, opening->target->path, events, out_carrier,
                                  err);
}

/* Takes the socket. */
static plim_status gtk_connect_socket(plim_target *target, plim__gtk_socket **socket,
                                      plim_error *err)
{
    char place[PLIM__HOST_BYTES + 8];
    gtk_opening opening = {target, *socket};
    plim__cdp_opener opener = {&opening, gtk_opening_listen, gtk_opening_open};
    (void)snprintf(place, sizeof place, "%s:%u", target->address.host,
                   (unsigned)target->address.port);
    *socket = NULL;
    plim_status status = plim__cdp_connect_over(target->loop, target->allocator, place, &opener,
                                                &target->cdp.connection, err);
    plim__gtk_socket_close(&opening.socket);
    if (status != PLIM_OK)
        return status;
    target->cdp.session = plim__cdp_main(target->cdp.connection);
    return plim__gtk_targets_await(gtk_targets(target), gtk_announce_ns, err);
}

static plim_status gtk_connect_once(plim_target *target, plim_error *err)
{
    const plim__address *address = &target->address;
    plim_status status =
        plim__cdp_connect_listening(target->loop, target->allocator, address->host, address->port,
                                    target->path, target->options.connect_timeout_ns, gtk_listen,
                                    gtk_targets(target), &target->cdp.connection, err);
    if (status != PLIM_OK)
        return status;
    target->cdp.session = plim__cdp_main(target->cdp.connection);
    plim__cdp_set_message_limit(target->cdp.connection, GTK_MESSAGE_BYTES_MAX);
    return plim__gtk_targets_await(gtk_targets(target), gtk_announce_ns, err);
}

/* webkit:HOST:PORT/PATH: the rest is an address, and is taken at its word. */
static plim_status gtk_read_named(plim_target *target, plim_error *err)
{
    plim__address address;
    plim_status status = plim__address_parse(target->address.path, &address, err);
    if (status != PLIM_OK)
        return status;
    if (address.host[0] == '\0')
        return plim_error_set(err, PLIM_ERR_USAGE, "webkit: wants HOST:PORT or HOST:PORT/PATH");
    target->address = address;
    target->address.kind = PLIM__ADDRESS_NAMED;
    plim__probe_copy_text(target->title, sizeof target->title, address.path);
    if (address.path[0] != '\0')
        return PLIM_OK;
    status = plim__webkit_proxy_find(target, err);
    if (status != PLIM_OK) {
        target->address.host[0] = '\0'; /* what was asked for is read again next time */
        return status;
    }
    bool is_v6 = strchr(address.host, ':') != NULL;
    (void)snprintf(target->shown_address, sizeof target->shown_address,
                   is_v6 ? "webkit:[%s]:%u%s" : "webkit:%s:%u%s", address.host,
                   (unsigned)address.port, target->address.path);
    return PLIM_OK;
}

static plim_status gtk_connect(plim_target *target, plim_error *err)
{
    uint64_t deadline_ns = plim__loop_deadline(target->options.connect_timeout_ns);
    plim__webkit_state *state = plim__webkit_state_of(target);
    if (state != NULL && state->targets == NULL)
        state->targets = plim__array_new_zero(target->allocator, 1, sizeof *state->targets);
    if (state == NULL || state->targets == NULL)
        return plim__no_memory(err, "a target");
    plim_status status = PLIM_OK;
    plim__gtk_socket *socket = NULL;
    bool is_direct = target->address.kind == PLIM__ADDRESS_NAMED;
    if (is_direct && target->address.host[0] == '\0')
        status = gtk_read_named(target, err);
    if (status == PLIM_OK && is_direct)
        (void)snprintf(target->path, sizeof target->path, "%s", target->address.path);
    else if (status == PLIM_OK)
        status = plim__gtk_pages_find(target, deadline_ns, &socket, err);
    if (status != PLIM_OK)
        return status;
    plim_error why;
    uint32_t attempts = 0;
    bool is_binary = socket != NULL;
    do {
        why = (plim_error){0};
        gtk_disconnect(target);
        if (attempts++ > 0 && plim__loop_sleep(target->loop, gtk_leave_ns) != PLIM_OK)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted while connecting");
        if (is_binary && socket == NULL)
            status = plim__gtk_pages_find(target, deadline_ns, &socket, &why);
        if (socket != NULL)
            status = gtk_connect_socket(target, &socket, &why);
        else if (!is_binary)
            status = gtk_connect_once(target, &why);
    } while (status == PLIM_ERR_TIMEOUT && plim__loop_now_ns() < deadline_ns);
    if (status == PLIM_ERR_TIMEOUT)
        plim_error_hint(&why, "another debugger may have the page: WebKit serves one at a time");
    return status == PLIM_OK ? PLIM_OK : plim__error_repeat(err, &why);
}

static plim_status gtk_open(plim_target *target, plim_error *err)
{
    gtk_find_process(target);
    if (target->address.worker_id == 0)
        return PLIM_OK;
    return plim__gtk_targets_attach(gtk_targets(target), target->address.worker_id, err);
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* The page as it is now. A worker ends with its page. */
static plim_status gtk_ready(plim_target *target, plim_error *err)
{
    plim__gtk_targets *targets = gtk_targets(target);
    bool is_new = targets->page_is_new;
    plim_status status = plim__gtk_targets_renew(targets, err);
    if (status == PLIM_OK && is_new)
        status = gtk_open(target, err);
    return status;
}

/* A killed page process says nothing, and neither does anybody else: whoever waits in vain for it
 * looks whether it is there. */
static plim_status gtk_judge(const plim_target *target, plim_status status, plim_error *err)
{
    const plim__webkit_state *state = target->runtime_state;
    if (status != PLIM_ERR_TIMEOUT || !plim__owner_has_ended(&state->owner))
        return status;
    if (err != NULL)
        *err = (plim_error){0};
    return plim_error_set(err, PLIM_ERR_GONE, "the page's process %lld has ended",
                          (long long)state->owner.process.pid);
}

static plim_status gtk_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    plim_status status = gtk_ready(target, err);
    if (status == PLIM_OK)
        status = plim__gtk_usage(target, gtk_targets(target)->page, out_usage, err);
    if (status == PLIM_OK)
        plim__owner_usage(&((plim__webkit_state *)target->runtime_state)->owner, out_usage);
    return gtk_judge(target, status, err);
}

static plim_status gtk_collect(plim_target *target, plim_error *err)
{
    plim_status status = gtk_ready(target, err);
    if (status == PLIM_OK)
        status = plim__webkit_collect(target, err);
    return gtk_judge(target, status, err);
}

static plim_status gtk_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                plim_error *err)
{
    (void)err;
    plim__webkit_estimate(target->runtime_state, GTK_ESTIMATE_FACTOR, out_estimate);
    return PLIM_OK;
}

/* Stops a snapshot whose process has been killed: nobody would tell. */
typedef struct gtk_watch {
    const plim_target *target;
    plim_progress inner;
    bool has_ended;
} gtk_watch;

static bool gtk_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    gtk_watch *watch = ctx;
    const plim__webkit_state *state = watch->target->runtime_state;
    watch->has_ended = plim__owner_has_ended(&state->owner);
    if (watch->has_ended)
        return false;
    return watch->inner.step == NULL || watch->inner.step(watch->inner.ctx, phase, done, total);
}

static plim_snapshot_options gtk_watched(const plim_snapshot_options *options, gtk_watch *watch)
{
    plim_snapshot_options watched = options != NULL ? *options : (plim_snapshot_options){0};
    watch->inner = watched.progress;
    watched.progress = (plim_progress){watch, gtk_step};
    return watched;
}

static plim_status gtk_snapshot(plim_target *target, const plim_snapshot_options *options,
                                plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    if (options != NULL && options->as_v8) {
        plim_status refused = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                             "WebKit writes JavaScriptCore's own format only");
        plim_error_hint(err, "plim export FILE -o NAME.heapsnapshot makes V8's of it");
        return refused;
    }
    gtk_watch watch = {.target = target};
    plim_snapshot_options watched = gtk_watched(options, &watch);
    plim_status status = gtk_ready(target, err);
    if (status == PLIM_OK)
        status = plim__webkit_snapshot(target, &watched, sink, out_result, err);
    return gtk_judge(target, watch.has_ended ? PLIM_ERR_TIMEOUT : status, err);
}

static plim_status gtk_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    plim_status status = gtk_ready(target, err);
    if (status == PLIM_OK)
        status = plim__webkit_tracking_start(target, stacks, err);
    return gtk_judge(target, status, err);
}

/* What was recorded in a page that is gone is gone with it. */
static plim_status gtk_still(plim_target *target, plim_error *err)
{
    if (!gtk_targets(target)->page_is_new)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_GONE,
                          "the page was navigated to another process, and what was recorded is "
                          "gone");
}

static plim_status gtk_tracking_poll(plim_target *target, uint64_t wait_ns,
                                     const plim_track_interval **out_intervals, uint32_t *out_count,
                                     plim_error *err)
{
    plim_status status = gtk_still(target, err);
    if (status == PLIM_OK)
        status = plim__webkit_tracking_poll(target, wait_ns, out_intervals, out_count, err);
    return status == PLIM_OK ? gtk_still(target, err) : status;
}

static plim_status gtk_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                     plim_sink sink, plim_snapshot_result *out_result,
                                     plim_error *err)
{
    gtk_watch watch = {.target = target};
    plim_snapshot_options watched = gtk_watched(options, &watch);
    plim_status status = gtk_still(target, err);
    if (status == PLIM_OK)
        status = plim__webkit_tracking_stop(target, &watched, sink, out_result, err);
    return gtk_judge(target, watch.has_ended ? PLIM_ERR_TIMEOUT : status, err);
}

static plim_status gtk_evaluate(plim_target *target, const char *expression, uint64_t timeout_ns,
                                const char **out_json, plim_error *err)
{
    json_t *value = NULL;
    plim_status status = gtk_ready(target, err);
    if (status == PLIM_OK)
        status = plim__webkit_evaluate(target, expression, false, timeout_ns, &value, err);
    if (status == PLIM_OK)
        return plim__target_lend_json(target, value, out_json, err);
    return gtk_judge(target, status, err);
}

static plim_status gtk_gc_start(plim_target *target, plim_error *err)
{
    plim_status status = gtk_ready(target, err);
    return status == PLIM_OK ? plim__webkit_gc_start(target, err) : status;
}

static plim_status gtk_gc_stop(plim_target *target, const plim_gc_event **out_events,
                               uint32_t *out_count, plim_error *err)
{
    plim_status status = gtk_still(target, err);
    return status == PLIM_OK ? plim__webkit_gc_stop(target, out_events, out_count, err) : status;
}

static const plim__protocol gtk_protocol = {
    .connect = gtk_connect,
    .disconnect = gtk_disconnect,
    .collect = gtk_collect,
    .snapshot = gtk_snapshot,
    .sampling_start = plim__webkit_sampling_start,
    .tracking_start = gtk_tracking_start,
    .tracking_poll = gtk_tracking_poll,
    .tracking_stop = gtk_tracking_stop,
    .evaluate = gtk_evaluate,
};

static void gtk_close(plim_target *target)
{
    plim__webkit_state *state = target->runtime_state;
    gtk_disconnect(target);
    if (state != NULL && state->targets != NULL)
        plim__array_free(target->allocator, state->targets, 1, sizeof *state->targets);
    plim__webkit_state_fini(target);
}

const plim__runtime plim__webkitgtk_runtime = {
    .name = "webkitgtk",
    .protocol = &gtk_protocol,
    .snapshot_ending = ".jsc.json",
    .traits = PLIM_TARGET_NO_STACKS | PLIM_TARGET_NO_INTERVALS,
    .recognise = gtk_recognise,
    .knock = plim__gtk_knock,
    .path_of = gtk_path_of,
    .resolve_pid = gtk_resolve_pid,
    .open = gtk_open,
    .close = gtk_close,
    .usage = gtk_usage,
    .estimate = gtk_estimate,
    .gc_observe_start = gtk_gc_start,
    .gc_observe_stop = gtk_gc_stop,
};

const plim__runtime plim__webkit_proxy_runtime = {
    .name = "webkit",
    .protocol = &gtk_protocol,
    .scheme = "webkit",
    .snapshot_ending = ".jsc.json",
    .traits = PLIM_TARGET_NO_STACKS | PLIM_TARGET_NO_INTERVALS,
    .open = gtk_open,
    .close = gtk_close,
    .usage = gtk_usage,
    .estimate = gtk_estimate,
    .gc_observe_start = gtk_gc_start,
    .gc_observe_stop = gtk_gc_stop,
};

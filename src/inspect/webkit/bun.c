/* SPDX-License-Identifier: MIT */
/*
 * Bun. Its inspector has no list of targets: whoever wants to connect must know the path, which
 * is printed at the start, given with --inspect=HOST:PORT/PATH, or random. So the path is part of
 * the address; where it is left out, the command line of the process that has the port is asked.
 *
 * Bun's inspector has no figures of memory either: they come of process.memoryUsage(), evaluated
 * (PLIM_TARGET_USAGE_EVALUATES). Workers are not visible at all.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/cdp/heap.h"
#include "inspect/error_repeat.h"
#include "inspect/probe.h"
#include "inspect/webkit/webkit.h"

enum {
    /* Seen: 215 -> 1155 MB with 700,000 records, which is 5.4 times. */
    BUN_ESTIMATE_FACTOR = 6,
    BUN_MESSAGE_BYTES_MAX = 16 << 20 /* it closes with 1009 beyond */
};

static const uint64_t bun_usage_timeout_ns = 2000000000u;

static const char bun_usage_expression[] = "process.memoryUsage()";
static const char bun_v8_expression[] = "Bun.generateHeapSnapshot('v8')";

/* ---- where it is --------------------------------------------------------------------------- */

static bool bun_is_executable(const char *path)
{
    const char *name = plim__probe_base_name(path);
    return strcmp(name, "bun") == 0 || strcmp(name, "bun.exe") == 0 ||
           strcmp(name, "bun-profile") == 0 || strcmp(name, "bun-debug") == 0;
}

static bool bun_recognise(const char *browser)
{
    return strcmp(browser, "Bun") == 0 || strncmp(browser, "Bun/", 4) == 0;
}

static bool bun_option_path(const char *option, char *out_path, size_t cap)
{
    PLIM_CHECK(option != NULL && out_path != NULL);
    static const char *const names[] = {"--inspect=", "--inspect-wait=", "--inspect-brk="};
    const char *value = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && value == NULL; i++)
        if (strncmp(option, names[i], strlen(names[i])) == 0)
            value = option + strlen(names[i]);
    if (value == NULL)
        return false;
    const char *scheme = strstr(value, "://");
    const char *path = strchr(scheme != NULL ? scheme + 3 : value, '/');
    if (path == NULL || path[1] == '\0' || strlen(path) >= cap ||
        strspn(path, "/-._~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") !=
            strlen(path))
        return false;
    memcpy(out_path, path, strlen(path) + 1);
    return true;
}

/* As plim__runtime.path_of. */
static bool bun_path_of(const plim_allocator *allocator, int64_t pid, char *out_path, size_t cap)
{
    char *text = plim__array_new(allocator, PLIM_COMMAND_BYTES_MAX, 1);
    size_t len = 0;
    bool found = false;
    if (text != NULL && plim__process_command(pid, text, PLIM_COMMAND_BYTES_MAX, &len) == PLIM_OK)
        for (const char *at = text; at < text + len; at += strlen(at) + 1)
            found = bun_option_path(at, out_path, cap) || found; /* the last one counts */
    plim__array_free(allocator, text, PLIM_COMMAND_BYTES_MAX, 1);
    return found;
}

static plim_status bun_no_path(const plim_target *target, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                        "%s:%u is Bun, whose inspector has a path that only "
                                        "it knows",
                                        target->address.host, (unsigned)target->address.port);
    plim_error_hint(err,
                    "give the ws:// address that Bun printed when it started, or start it "
                    "with bun --inspect=127.0.0.1:%u/NAME",
                    (unsigned)target->address.port);
    return status;
}

/* As plim__protocol.connect. */
static plim_status bun_connect(plim_target *target, plim_error *err)
{
    plim__address *address = &target->address;
    int64_t pid = 0;
    if (address->path[0] == '\0' &&
        (plim__port_owner(target->allocator, address->port, &pid) != PLIM_OK ||
         !bun_path_of(target->allocator, pid, address->path, sizeof address->path)))
        return bun_no_path(target, err);
    (void)snprintf(target->path, sizeof target->path, "%s", address->path);
    plim_error why = {0};
    plim_status status = plim__cdp_connect(
        target->loop, target->allocator, address->host, address->port, target->path,
        target->options.connect_timeout_ns, &target->cdp.connection, &why);
    if (status == PLIM_OK) {
        /* Bun gives each reply to all who are connected. */
        plim__cdp_ids_apart(target->cdp.connection);
        target->cdp.session = plim__cdp_main(target->cdp.connection);
    } else if (status == PLIM_ERR_REFUSED) {
        (void)snprintf(why.hint, sizeof why.hint,
                       "the path may be another: give the ws:// address that Bun printed");
    }
    return status == PLIM_OK ? status : plim__error_repeat(err, &why);
}

static plim_status bun_resolve_pid(plim_target *target, plim_error *err)
{
    return plim__owner_resolve(target, bun_is_executable, "bun",
                               "bun --inspect=127.0.0.1:6499/NAME", err);
}

/* ---- a connection --------------------------------------------------------------------------- */

/* What it runs: the first word of its command that is neither an option nor `run`. */
static void bun_find_title(plim_target *target)
{
    char text[1024];
    size_t len = 0;
    (void)snprintf(target->title, sizeof target->title, "bun");
    if (target->pid <= 0 ||
        plim__process_command(target->pid, text, sizeof text, &len) != PLIM_OK || len == 0)
        return;
    text[len < sizeof text ? len : sizeof text - 1] = '\0';
    for (const char *at = text + strlen(text) + 1; at < text + len; at += strlen(at) + 1) {
        if (at[0] == '-' || strcmp(at, "run") == 0)
            continue;
        plim__probe_copy_text(target->title, sizeof target->title, at);
        return;
    }
}

static plim_status bun_open(plim_target *target, plim_error *err)
{
    if (plim__webkit_state_of(target) == NULL)
        return plim__no_memory(err, "a target");
    plim__webkit_state_reset(target);
    plim__webkit_state *state = target->runtime_state;
    plim__owner_find(target, &state->owner, bun_is_executable);
    bun_find_title(target);
    plim__cdp_set_message_limit(target->cdp.connection, BUN_MESSAGE_BYTES_MAX);
    if (target->address.worker_id == 0)
        return PLIM_OK;
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                        "Bun's inspector does not show its worker threads");
    plim_error_hint(err, "leave out #worker:%u; a worker's memory is in the process's figures",
                    (unsigned)target->address.worker_id);
    return status;
}

static uint64_t bun_bytes(const json_t *figures, const char *key)
{
    const json_t *member = json_object_get(figures, key);
    double bytes = json_is_number(member) ? json_number_value(member) : -1.0;
    return bytes >= 0 && bytes < 1e18 ? (uint64_t)bytes : PLIM_UNKNOWN;
}

/*
 * heapUsed is what JavaScriptCore holds, with what hangs on its objects; external is that part of
 * it. heapTotal counts the blocks without that part, so it is no total of heapUsed and may be less:
 * the total is unknown. (heapStats() of bun:jsc has it, and walks the whole heap for it.)
 */
static plim_status bun_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    json_t *figures = NULL;
    plim_status status =
        plim__webkit_evaluate(target, bun_usage_expression, true,
                              plim__target_timeout(target, bun_usage_timeout_ns), &figures, err);
    if (status != PLIM_OK)
        return status;
    out_usage->used_bytes = bun_bytes(figures, "heapUsed");
    out_usage->embedder_bytes = bun_bytes(figures, "external");
    out_usage->backing_store_bytes = bun_bytes(figures, "arrayBuffers");
    json_decref(figures);
    if (out_usage->used_bytes == PLIM_UNKNOWN)
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "process.memoryUsage() has no heapUsed");
    plim__owner_usage(&((plim__webkit_state *)target->runtime_state)->owner, out_usage);
    return PLIM_OK;
}

static plim_status bun_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                plim_error *err)
{
    (void)err;
    plim__webkit_estimate(target->runtime_state, BUN_ESTIMATE_FACTOR, out_estimate);
    return PLIM_OK;
}

static plim_status bun_evaluate(plim_target *target, const char *expression, uint64_t timeout_ns,
                                const char **out_json, plim_error *err)
{
    json_t *value = NULL;
    plim_status status = plim__webkit_evaluate(target, expression, true, timeout_ns, &value, err);
    return status == PLIM_OK ? plim__target_lend_json(target, value, out_json, err) : status;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

/* Bun writes V8's format, too, with the contents of strings; only an expression asks for it. */
static plim_status bun_snapshot_v8(plim_target *target, const plim_snapshot_options *options,
                                   plim_sink sink, plim_snapshot_result *out_result,
                                   plim_error *err)
{
    json_t *reply = NULL;
    plim__cdp_document document = {
        .method = "Runtime.evaluate",
        .params = json_pack("{s:s,s:b}", "expression", bun_v8_expression, "returnByValue", 1),
        .rule = {.key = "value", .under = "result"},
        .out_reply = &reply,
    };
    if (document.params == NULL)
        return plim__no_memory(err, "a request");
    plim_error why = {0};
    plim_status status =
        plim__cdp_stream_document(target, &document, options, sink, out_result, &why);
    const json_t *object = json_object_get(reply, "result");
    const char *text = json_string_value(json_object_get(object, "description"));
    if (json_is_true(json_object_get(reply, "wasThrown"))) {
        status = plim_error_set(err, PLIM_ERR_REFUSED, "%s threw: %s", bun_v8_expression,
                                text != NULL ? text : "something without a text");
        plim_error_hint(err, "leave out --format v8: Bun's own format needs no evaluation");
    } else if (status != PLIM_OK && err != NULL) {
        *err = why;
    }
    json_decref(reply);
    return status;
}

static plim_status bun_snapshot(plim_target *target, const plim_snapshot_options *options,
                                plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    if (options == NULL || !options->as_v8)
        return plim__webkit_snapshot(target, options, sink, out_result, err);
    plim_status status = plim__webkit_settle(target, err);
    return status == PLIM_OK ? bun_snapshot_v8(target, options, sink, out_result, err) : status;
}

static const plim__protocol bun_protocol = {
    .connect = bun_connect,
    .disconnect = plim__webkit_disconnect,
    .collect = plim__webkit_collect,
    .snapshot = bun_snapshot,
    .sampling_start = plim__webkit_sampling_start,
    .tracking_start = plim__webkit_tracking_start,
    .tracking_poll = plim__webkit_tracking_poll,
    .tracking_stop = plim__webkit_tracking_stop,
    .evaluate = bun_evaluate,
};

const plim__runtime plim__bun_runtime = {
    .name = "bun",
    .protocol = &bun_protocol,
    .launcher = &plim__bun_launcher,
    .snapshot_ending = ".jsc.json",
    .traits = PLIM_TARGET_USAGE_EVALUATES | PLIM_TARGET_NO_STACKS | PLIM_TARGET_NO_INTERVALS,
    .recognise = bun_recognise,
    .path_of = bun_path_of,
    .resolve_pid = bun_resolve_pid,
    .open = bun_open,
    .close = plim__webkit_state_fini,
    .usage = bun_usage,
    .estimate = bun_estimate,
    .gc_observe_start = plim__webkit_gc_start,
    .gc_observe_stop = plim__webkit_gc_stop,
};

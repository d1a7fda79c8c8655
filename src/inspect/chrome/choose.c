/* SPDX-License-Identifier: MIT */
/*
 * From a browser to one of its targets. Whatever was asked for (a port, a target's id, the URL of a
 * page), the connection is to the browser: only there is Tracing, and there is one way for a port
 * and for a pipe. What the browser's own interface is made of (browser_ui) and its tabs are no
 * targets of anybody's; a target asked for by its id may be of any other type.
 * Invariant F1: state->session is NULL or of the target's present connection; a reconnection drops
 * the old one unseen by us, so choosing begins by forgetting it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/chrome/chrome.h"
#include "inspect/name_list.h"
#include "inspect/probe.h"
#include "inspect/wire/http.h"

static const uint64_t choose_list_pause_ns = 50000000u; /* a browser that starts has no page yet */

static const char choose_crashed[] = "the renderer of the page crashed, and its heap with it";
static const char choose_crashed_hint[] =
    "reload the page and connect again; if a snapshot was too much for it, plim sample is gentle";
static const char choose_closed[] = "the page or worker was closed, and its heap with it";
static const char choose_closed_hint[] = "plim ps lists what is open now";

plim__chrome_state *plim__chrome_state_of(plim_target *target)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    if (target->runtime_state == NULL) {
        plim__chrome_state *made = plim__array_new_zero(target->allocator, 1, sizeof *made);
        if (made == NULL)
            return NULL;
        made->owner = plim__owner_none();
        target->runtime_state = made;
    }
    return target->runtime_state;
}

static const char *choose_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static uint64_t choose_left_ns(uint64_t deadline_ns)
{
    uint64_t now_ns = plim__loop_now_ns();
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/* The id that an address means, "" for none: "/ID", "/devtools/page/ID". */
static const char *choose_wanted(const plim_target *target)
{
    static const char page[] = "/devtools/page/";
    const char *path = target->address.path;
    if (target->address.kind == PLIM__ADDRESS_NAMED || path[0] != '/')
        return "";
    if (strncmp(path, page, sizeof page - 1) == 0)
        return path + sizeof page - 1;
    if (strncmp(path, "/devtools/browser", 17) == 0)
        return "";
    return path + 1;
}

static bool choose_matches(const json_t *info, const char *wanted)
{
    const char *type = choose_text(info, "type");
    if (wanted[0] == '\0')
        return strcmp(type, "page") == 0;
    return strcmp(choose_text(info, "targetId"), wanted) == 0;
}

/* ---- what happens to it --------------------------------------------------------------------- */

static plim_status choose_on_crashed(void *ctx, const json_t *params, plim_error *err)
{
    (void)params;
    (void)err;
    const plim__chrome_state *state = ctx;
    plim__cdp_session_mark_gone(state->session, choose_crashed, choose_crashed_hint);
    return PLIM_OK;
}

static plim_status choose_on_detached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    const plim__chrome_state *state = ctx;
    if (state->session != NULL && strcmp(choose_text(params, "sessionId"), state->session_id) == 0)
        plim__cdp_session_mark_gone(state->session, choose_closed, choose_closed_hint);
    return PLIM_OK;
}

static plim_status choose_on_reset(void *ctx, const json_t *params, plim_error *err)
{
    (void)params;
    (void)err;
    plim__chrome_state *state = ctx;
    state->was_reset = state->has_moved = true;
    return PLIM_OK;
}

/* ---- attaching ------------------------------------------------------------------------------ */

/* HeapProfiler and Inspector are enabled once, so that a swap and a crash are told as they happen;
   a target that is busy takes the two when it can. */
static plim_status choose_watch(plim_target *target, plim__chrome_state *state, plim_error *err)
{
    plim__cdp_session *main = plim__cdp_main(target->cdp.connection);
    plim__cdp_on(main, "Target.detachedFromTarget", choose_on_detached, state);
    plim__cdp_on(state->session, "Inspector.targetCrashed", choose_on_crashed, state);
    plim__cdp_on(state->session, "HeapProfiler.resetProfiles", choose_on_reset, state);
    plim_status status = plim__cdp_post(state->session, "Inspector.enable", NULL, err);
    if (status == PLIM_OK)
        status = plim__cdp_post(state->session, "HeapProfiler.enable", NULL, err);
    return status;
}

static plim_status choose_attach(plim_target *target, const char *id, uint64_t deadline_ns,
                                 plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    json_t *params = json_pack("{s:s,s:b}", "targetId", id, "flatten", 1);
    json_t *result = NULL;
    if (params == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a request");
    plim_error why = {0};
    plim_status status =
        plim__cdp_call(plim__cdp_main(target->cdp.connection), "Target.attachToTarget", params,
                       choose_left_ns(deadline_ns), &result, &why);
    if (status == PLIM_ERR_REFUSED) {
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no target %.64s any more", id);
        plim_error_hint(err, "%s", choose_closed_hint);
        return status;
    }
    if (status != PLIM_OK) {
        if (err != NULL)
            *err = why;
        return status;
    }
    const char *session_id = choose_text(result, "sessionId");
    plim__cdp_session *session = NULL;
    status = plim__cdp_session_attach(target->cdp.connection, session_id, &session, err);
    if (status == PLIM_OK) {
        state->session = session;
        (void)snprintf(state->session_id, sizeof state->session_id, "%s", session_id);
        (void)snprintf(state->target_id, sizeof state->target_id, "%s", id);
        target->cdp.session = session;
        status = choose_watch(target, state, err);
    }
    json_decref(result);
    return status;
}

/* ---- choosing ------------------------------------------------------------------------------- */

static plim_status choose_several(const plim_target *target, const json_t *list, plim_error *err)
{
    plim__name_list names = {0};
    size_t index;
    const json_t *info;
    json_array_foreach(list, index, info)
    {
        char title[48];
        if (!choose_matches(info, ""))
            continue;
        plim__probe_copy_text(title, sizeof title, choose_text(info, "title"));
        plim__name_list_add(&names, "", "%s:%u/%s (%s)", target->address.host,
                            (unsigned)target->address.port, choose_text(info, "targetId"), title);
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "%s:%u has several pages: say which one",
                       target->address.host, (unsigned)target->address.port);
    plim_error_hint(err, "%s", names.text);
    return status;
}

static plim_status choose_nothing(const plim_target *target, plim_error *err)
{
    const char *wanted = choose_wanted(target);
    plim_status status;
    if (wanted[0] != '\0')
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "%s:%u lists no target %.64s",
                                target->address.host, (unsigned)target->address.port, wanted);
    else
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "the browser has no page open now");
    plim_error_hint(err, "plim ps lists the pages and workers there are, each with its address");
    return status;
}

/* The one that is meant, as a new reference; *out_found is how many it could be. */
static json_t *choose_one(const json_t *list, const char *wanted, size_t *out_found)
{
    size_t index;
    json_t *info;
    json_t *chosen = NULL;
    *out_found = 0;
    json_array_foreach(list, index, info)
    {
        if (!choose_matches(info, wanted))
            continue;
        chosen = info;
        ++*out_found;
    }
    return *out_found == 1 ? json_incref(chosen) : NULL;
}

/* Asks until there is a page: a browser that starts has none for a moment. */
static plim_status choose_pick(plim_target *target, uint64_t deadline_ns, json_t **out_info,
                               json_t **out_list, plim_error *err)
{
    plim__cdp_session *main = plim__cdp_main(target->cdp.connection);
    for (;;) {
        json_t *result = NULL;
        plim_status status = plim__cdp_call(main, "Target.getTargets", NULL,
                                            choose_left_ns(deadline_ns), &result, err);
        if (status != PLIM_OK)
            return status;
        json_t *list = json_object_get(result, "targetInfos");
        bool is_empty = json_array_size(list) == 0;
        size_t found = 0;
        *out_info = choose_one(list, choose_wanted(target), &found);
        if (found > 1)
            status = choose_several(target, list, err);
        if (found == 1)
            *out_list = json_incref(list);
        json_decref(result);
        if (found > 0)
            return status;
        bool is_starting = is_empty || target->address.kind == PLIM__ADDRESS_NAMED;
        if (!is_starting || plim__loop_deadline(2 * choose_list_pause_ns) >= deadline_ns)
            return choose_nothing(target, err);
        status = plim__loop_sleep(target->loop, choose_list_pause_ns);
        if (status != PLIM_OK)
            return plim_error_set(err, status, "interrupted while connecting");
    }
}

static void choose_set_title(plim_target *target, const json_t *info)
{
    const char *title = choose_text(info, "title");
    plim__probe_copy_text(target->title, sizeof target->title,
                          title[0] != '\0' ? title : choose_text(info, "url"));
}

/* Lets go of whom we are attached to, for another one. */
static plim_status choose_let_go(plim_target *target, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    json_t *params = json_pack("{s:s}", "sessionId", state->session_id);
    plim_status status = plim__cdp_post(plim__cdp_main(target->cdp.connection),
                                        "Target.detachFromTarget", params, err);
    plim__cdp_session_end(&state->session);
    return status;
}

/* A worker answers only once it was attached to through its page or frame. Which one that is, the
   list says for some; the others are asked one by one. */
static plim_status choose_wake(plim_target *target, const json_t *list, const json_t *worker,
                               uint64_t deadline_ns, plim_error *err)
{
    const char *owner = choose_text(worker, "parentFrameId");
    for (int round = 0; round < 2; round++) {
        size_t index;
        const json_t *info;
        json_array_foreach(list, index, info)
        {
            const char *type = choose_text(info, "type");
            const char *id = choose_text(info, "targetId");
            bool is_owner = strcmp(id, owner) == 0;
            if ((strcmp(type, "page") != 0 && strcmp(type, "iframe") != 0) ||
                is_owner != (round == 0))
                continue;
            bool is_found = false;
            plim_status status = choose_attach(target, id, deadline_ns, err);
            if (status == PLIM_OK)
                status = plim__chrome_wake(target, choose_text(worker, "targetId"), &is_found, err);
            if (status == PLIM_OK)
                status = choose_let_go(target, err);
            if (status != PLIM_OK || is_found)
                return status;
        }
    }
    return PLIM_OK; /* nobody's, as it seems: it may answer all the same */
}

/* The one that was picked of the list. */
static plim_status choose_take(plim_target *target, const json_t *list, const json_t *info,
                               uint64_t deadline_ns, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    plim_status status = PLIM_OK;
    const char *type = choose_text(info, "type");
    state->is_page = strcmp(type, "page") == 0;
    choose_set_title(target, info);
    if (strcmp(type, "worker") == 0)
        status = choose_wake(target, list, info, deadline_ns, err);
    if (status == PLIM_OK)
        status = choose_attach(target, choose_text(info, "targetId"), deadline_ns, err);
    if (target->address.kind == PLIM__ADDRESS_WS) { /* what is shown can be typed again */
        target->address.kind = PLIM__ADDRESS_HOST;
        (void)snprintf(target->address.path, sizeof target->address.path, "/%.64s",
                       choose_text(info, "targetId"));
    }
    return status;
}

/* #worker:N, once: numbers move when workers come and go, so from then on it is meant by its id. */
static plim_status choose_worker(plim_target *target, plim__chrome_state *state, plim_error *err)
{
    const plim__address *address = &target->address;
    bool is_found = false;
    if (state->worker[0] == '\0') {
        plim_status status = plim__chrome_worker(target, address->worker_id, state->worker, err);
        if (status == PLIM_OK && address->kind != PLIM__ADDRESS_NAMED &&
            target->shown_address[0] == '\0')
            (void)snprintf(target->shown_address, sizeof target->shown_address,
                           strchr(address->host, ':') != NULL ? "[%s]:%u/%s" : "%s:%u/%s",
                           address->host, (unsigned)address->port, state->worker);
        return status;
    }
    plim_status status = plim__chrome_wake(target, state->worker, &is_found, err);
    if (status == PLIM_OK && !is_found)
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "the worker has ended");
    return status;
}

static plim_status choose_and_attach(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    plim__chrome_state *state = plim__chrome_state_of(target);
    if (state == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a target");
    state->session = NULL; /* F1 */
    state->isolate[0] = '\0';
    state->was_reset = false;
    state->trace = (plim__chrome_trace){0};
    state->is_observing = false;
    json_t *info = NULL;
    json_t *list = NULL;
    plim_status status = choose_pick(target, deadline_ns, &info, &list, err);
    if (status == PLIM_OK)
        status = choose_take(target, list, info, deadline_ns, err);
    json_decref(info);
    json_decref(list);
    if (status != PLIM_OK || target->address.worker_id == 0)
        return status;
    status = choose_worker(target, state, err);
    if (status == PLIM_OK)
        status = choose_let_go(target, err);
    if (status != PLIM_OK)
        return status;
    state->is_page = false;
    return choose_attach(target, state->worker, deadline_ns, err);
}

/* The path of the browser's own WebSocket; empty where it has none: only its pages are shown
   (WebView). */
static plim_status choose_ask_path(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    const plim__address *address = &target->address;
    plim__http_body body = {0};
    plim_status status = plim__http_get(target->loop, address->host, address->port, "/json/version",
                                        choose_left_ns(deadline_ns), target->allocator, &body, err);
    if (status != PLIM_OK)
        return status;
    json_t *version = json_loadb(body.text, body.len, 0, NULL);
    plim__http_body_fini(&body);
    const char *url = choose_text(version, "webSocketDebuggerUrl");
    const char *path = strncmp(url, "ws://", 5) == 0 ? strchr(url + 5, '/') : NULL;
    bool is_usable = path != NULL && strlen(path) < sizeof target->path;
    (void)snprintf(target->path, sizeof target->path, "%s", is_usable ? path : "");
    json_decref(version);
    return PLIM_OK;
}

/* "HeadlessChrome/156.0.8078.79": what follows the stroke. */
static plim_status choose_ask_version(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    json_t *result = NULL;
    plim_status status = plim__cdp_call(target->cdp.session, "Browser.getVersion", NULL,
                                        choose_left_ns(deadline_ns), &result, err);
    if (status != PLIM_OK)
        return status;
    plim__probe_copy_text(target->version, sizeof target->version,
                          plim__probe_version(choose_text(result, "product")));
    json_decref(result);
    return PLIM_OK;
}

/* "chromium-pipe:7": the socket of one that we started. */
static plim_status choose_pipe(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    const char *number = target->address.path;
    if (number[0] == '\0' || strlen(number) > 6 || strspn(number, "0123456789") != strlen(number))
        return plim_error_set(err, PLIM_ERR_USAGE, "%s: is followed by a descriptor's number",
                              plim__chrome_scheme);
    plim_status status =
        plim__cdp_connect_pipe(target->loop, target->allocator, (int)strtol(number, NULL, 10),
                               &target->cdp.connection, err);
    if (status != PLIM_OK)
        return status;
    target->cdp.session = plim__cdp_main(target->cdp.connection);
    return choose_ask_version(target, deadline_ns, err);
}

static plim_status choose_port(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    const plim__address *address = &target->address;
    plim_status status =
        plim__cdp_connect(target->loop, target->allocator, address->host, address->port,
                          target->path, choose_left_ns(deadline_ns), &target->cdp.connection, err);
    if (status == PLIM_OK)
        target->cdp.session = plim__cdp_main(target->cdp.connection);
    return status;
}

plim_status plim__chrome_connect(plim_target *target, plim_error *err)
{
    const plim__address *address = &target->address;
    PLIM_CHECK(target->cdp.connection == NULL);
    uint64_t deadline_ns = plim__loop_deadline(target->options.connect_timeout_ns);
    if (address->kind == PLIM__ADDRESS_NAMED) {
        plim_status status = choose_pipe(target, deadline_ns, err);
        return status == PLIM_OK ? choose_and_attach(target, deadline_ns, err) : status;
    }
    plim_status status = choose_ask_path(target, deadline_ns, err);
    if (status == PLIM_OK && target->path[0] == '\0')
        return plim__cdp_find(target, err); /* as any other V8 */
    if (status == PLIM_OK)
        status = choose_port(target, deadline_ns, err);
    if (status == PLIM_OK)
        status = choose_and_attach(target, deadline_ns, err);
    if (status != PLIM_OK)
        plim_error_where(err, "%s:%u", address->host, (unsigned)address->port);
    return status;
}

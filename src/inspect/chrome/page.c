/* SPDX-License-Identifier: MIT */
/*
 * Loading a page, the first time or again, until its `load` event. While the Page domain is on,
 * dialogs are ours to answer (a page that asks whether it may be left waits for ever else): yes.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/chrome/chrome.h"

static const uint64_t page_timeout_ns = 60000000000u;
static const uint64_t page_call_timeout_ns = 10000000000u;

typedef struct page_watch {
    bool is_loaded;
    bool has_dialog;
} page_watch;

static plim_status page_on_loaded(void *ctx, const json_t *params, plim_error *err)
{
    (void)params;
    (void)err;
    page_watch *watch = ctx;
    watch->is_loaded = true;
    return PLIM_OK;
}

static plim_status page_on_dialog(void *ctx, const json_t *params, plim_error *err)
{
    (void)params;
    (void)err;
    page_watch *watch = ctx;
    watch->has_dialog = true;
    return PLIM_OK;
}

static plim_status page_answer(plim__cdp_session *session, page_watch *watch, plim_error *err)
{
    watch->has_dialog = false;
    return plim__cdp_post(session, "Page.handleJavaScriptDialog", json_pack("{s:b}", "accept", 1),
                          err);
}

/* The call that begins it: it is answered when the new document is there, or cannot be had. */
static plim_status page_begin(plim__cdp_session *session, const char *url,
                              plim__cdp_request **out_request, plim_error *err)
{
    if (url == NULL)
        return plim__cdp_begin(session, "Page.reload", NULL, out_request, err);
    json_t *text = json_string(url);
    json_t *params = text != NULL ? json_pack("{s:o}", "url", text) : NULL;
    if (params == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "the URL is not UTF-8");
    return plim__cdp_begin(session, "Page.navigate", params, out_request, err);
}

/* Waits for *done, answering dialogs; also ends where the page does. */
static plim_status page_wait(plim_target *target, page_watch *watch, const bool *done,
                             uint64_t deadline_ns, plim_error *err)
{
    static const uint64_t tick_ns = 100000000u;
    plim__cdp_session *session = target->cdp.session;
    while (!*done) {
        uint64_t tick = plim__loop_deadline(tick_ns);
        plim_status status = plim__loop_wait_either(target->loop, done, &watch->has_dialog,
                                                    tick < deadline_ns ? tick : deadline_ns);
        if (status == PLIM_OK && watch->has_dialog)
            status = page_answer(session, watch, err);
        if (status == PLIM_ERR_INTERRUPTED)
            return plim_error_set(err, status, "interrupted while the page was loading");
        plim_status there = plim__cdp_session_status(session, err);
        if (there != PLIM_OK)
            return there;
        if (status == PLIM_ERR_TIMEOUT && plim__loop_now_ns() >= deadline_ns) {
            status = plim_error_set(err, status, "the page has not loaded in time");
            plim_error_hint(err, "does the server answer? a page counts as loaded when its load "
                                 "event has come");
            return status;
        }
    }
    return PLIM_OK;
}

static plim_status page_judge(const char *url, const json_t *result, plim_error *err)
{
    const char *why = json_string_value(json_object_get(result, "errorText"));
    if (url == NULL || why == NULL || why[0] == '\0')
        return PLIM_OK;
    plim_status status = plim_error_set(err, PLIM_ERR_UNREACHABLE,
                                        "the browser cannot load %.300s: %.80s", url, why);
    plim_error_hint(err, "is the server running? the URL needs its scheme: http://localhost:8080");
    return status;
}

static plim_status page_run(plim_target *target, const char *url, uint64_t deadline_ns,
                            page_watch *watch, plim_error *err)
{
    plim__cdp_session *session = target->cdp.session;
    plim__cdp_request *request = NULL;
    json_t *result = NULL;
    plim_status status = page_begin(session, url, &request, err);
    if (status != PLIM_OK)
        return status;
    status = page_wait(target, watch, plim__cdp_done(request), deadline_ns, err);
    if (status != PLIM_OK) {
        plim__cdp_drop(&request);
        return status;
    }
    status = plim__cdp_finish(&request, &result, err);
    if (status == PLIM_OK)
        status = page_judge(url, result, err);
    json_decref(result);
    return status == PLIM_OK ? page_wait(target, watch, &watch->is_loaded, deadline_ns, err)
                             : status;
}

/* What it calls itself now, as far as it says. */
static void page_rename(plim_target *target, const plim__chrome_state *state)
{
    json_t *result = NULL;
    json_t *params = json_pack("{s:s}", "targetId", state->target_id);
    if (params == NULL ||
        plim__cdp_call(plim__cdp_main(target->cdp.connection), "Target.getTargetInfo", params,
                       plim__target_timeout(target, page_call_timeout_ns), &result,
                       NULL) != PLIM_OK)
        return;
    const json_t *info = json_object_get(result, "targetInfo");
    const char *title = json_string_value(json_object_get(info, "title"));
    if (title != NULL && title[0] != '\0')
        plim__probe_copy_text(target->title, sizeof target->title, title);
    json_decref(result);
}

plim_status plim__chrome_load(plim_target *target, const char *url, uint64_t timeout_ns,
                              plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    plim__cdp_session *session = target->cdp.session;
    page_watch watch = {0};
    PLIM_CHECK(state != NULL);
    if (!state->is_page)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "only a page can be loaded, not a frame or a worker of one");
    uint64_t call_ns = plim__target_timeout(target, page_call_timeout_ns);
    plim_status status = plim__cdp_call(session, "Page.enable", NULL, call_ns, NULL, err);
    if (status != PLIM_OK)
        return status;
    plim__cdp_on(session, "Page.loadEventFired", page_on_loaded, &watch);
    plim__cdp_on(session, "Page.javascriptDialogOpening", page_on_dialog, &watch);
    status =
        page_run(target, url, plim__loop_deadline(timeout_ns != 0 ? timeout_ns : page_timeout_ns),
                 &watch, err);
    plim__cdp_off(session, "Page.loadEventFired");
    plim__cdp_off(session, "Page.javascriptDialogOpening");
    if (status != PLIM_OK)
        return status;
    status = plim__cdp_call(session, "Page.disable", NULL, call_ns, NULL, err);
    if (url != NULL) {
        state->isolate[0] = '\0'; /* another page: nothing compares with what was before */
        page_rename(target, state);
        plim__chrome_locate(target);
    }
    return status;
}

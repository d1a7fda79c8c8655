/* SPDX-License-Identifier: MIT */
/*
 * The dedicated workers of a page, and theirs. Chromium knows them by ids alone, tells them in an
 * order that changes, and their names may be equal; so they are numbered from 1 in the order of
 * their ids. A number holds as long as none begins or ends; HOST:PORT/ID is the address to keep.
 * They are found by attaching to all of them for a moment; who is meant is attached to anew.
 * One that nobody has attached to through its page never answers who attaches to it directly
 * (Chromium 156): so that is done first, whichever way it was asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/chrome/chrome.h"
#include "inspect/name_list.h"
#include "inspect/probe.h"

enum { DEDICATED_FIRST_CAP = 8, DEDICATED_TITLE_BYTES = 48 };

static const uint64_t dedicated_call_timeout_ns = 5000000000u;

typedef struct dedicated_one {
    char id[PLIM__CHROME_ID_BYTES];
    char session_id[PLIM__CHROME_ID_BYTES];
    char title[DEDICATED_TITLE_BYTES];
} dedicated_one;

typedef struct dedicated_list {
    const plim_allocator *allocator;
    dedicated_one *items;
    uint32_t count;
    uint32_t cap;
} dedicated_list;

static bool dedicated_is_listed(const dedicated_list *list, const char *id)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].id, id) == 0)
            return true;
    }
    return false;
}

static plim_status dedicated_on_attached(void *ctx, const json_t *params, plim_error *err)
{
    dedicated_list *list = ctx;
    const json_t *info = json_object_get(params, "targetInfo");
    const char *type = json_string_value(json_object_get(info, "type"));
    const char *id = json_string_value(json_object_get(info, "targetId"));
    const char *title = json_string_value(json_object_get(info, "title"));
    const char *session_id = json_string_value(json_object_get(params, "sessionId"));
    if (type == NULL || strcmp(type, "worker") != 0 || id == NULL || session_id == NULL ||
        strlen(id) >= PLIM__CHROME_ID_BYTES || strlen(session_id) >= PLIM__CHROME_ID_BYTES ||
        list->count == PLIM_WORKERS_MAX || dedicated_is_listed(list, id))
        return PLIM_OK;
    if (list->count == list->cap) {
        uint32_t cap = list->cap == 0 ? DEDICATED_FIRST_CAP : list->cap * 2;
        dedicated_one *items =
            plim__array_resize(list->allocator, list->items, list->cap, cap, sizeof *items);
        if (items == NULL)
            return plim__no_memory(err, "the list of workers");
        list->items = items;
        list->cap = cap;
    }
    dedicated_one *one = &list->items[list->count++];
    (void)snprintf(one->id, sizeof one->id, "%s", id);
    (void)snprintf(one->session_id, sizeof one->session_id, "%s", session_id);
    plim__probe_copy_text(one->title, sizeof one->title, title != NULL ? title : "");
    return PLIM_OK;
}

/* Those of one page or worker: the events of all there are come before the reply. */
static plim_status dedicated_ask(plim_target *target, plim__cdp_session *session,
                                 dedicated_list *list, bool is_on, plim_error *err)
{
    json_t *params =
        json_pack("{s:b,s:b,s:b}", "autoAttach", is_on, "waitForDebuggerOnStart", 0, "flatten", 1);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    plim__cdp_on(session, "Target.attachedToTarget", dedicated_on_attached, list);
    plim_status status =
        plim__cdp_call(session, "Target.setAutoAttach", params,
                       plim__target_timeout(target, dedicated_call_timeout_ns), NULL, err);
    plim__cdp_off(session, "Target.attachedToTarget");
    return status;
}

/* Breadth first: the list grows while it is walked, up to its limit. */
static plim_status dedicated_fill(plim_target *target, dedicated_list *list, plim_error *err)
{
    plim_status status = dedicated_ask(target, target->cdp.session, list, true, err);
    for (uint32_t i = 0; status == PLIM_OK && i < list->count; i++) {
        plim__cdp_session *session = NULL;
        status = plim__cdp_session_attach(target->cdp.connection, list->items[i].session_id,
                                          &session, err);
        if (status != PLIM_OK)
            return status;
        plim_error why = {0};
        plim_status asked = dedicated_ask(target, session, list, true, &why);
        if (asked == PLIM_ERR_INTERRUPTED || asked == PLIM_ERR_NO_MEMORY) {
            status = asked;
            if (err != NULL)
                *err = why;
        } /* one that is busy or has ended shows none of its own */
        plim__cdp_session_end(&session);
    }
    return status;
}

static int dedicated_compare(const void *left, const void *right)
{
    const dedicated_one *a = left;
    const dedicated_one *b = right;
    return strcmp(a->id, b->id);
}

static void dedicated_hint(const dedicated_list *list, plim_error *err)
{
    plim__name_list names = {0};
    for (uint32_t i = 0; i < list->count; i++)
        plim__name_list_add(&names, "there is ", "#worker:%u (%s)", i + 1, list->items[i].title);
    plim_error_hint(err, "%s",
                    names.len > 0 ? names.text : "the page has no dedicated workers now");
}

plim_status plim__chrome_worker(plim_target *target, uint32_t number,
                                char out_id[PLIM__CHROME_ID_BYTES], plim_error *err)
{
    PLIM_CHECK(number > 0);
    dedicated_list list = {.allocator = target->allocator};
    plim_status status = dedicated_fill(target, &list, err);
    if (list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, dedicated_compare);
    if (status == PLIM_OK && number > list.count) {
        status =
            plim_error_set(err, PLIM_ERR_NOT_FOUND, "the page has no worker %u", (unsigned)number);
        dedicated_hint(&list, err);
    }
    if (status == PLIM_OK) {
        (void)snprintf(out_id, PLIM__CHROME_ID_BYTES, "%s", list.items[number - 1].id);
        (void)snprintf(target->title, sizeof target->title, "%s", list.items[number - 1].title);
        status = dedicated_ask(target, target->cdp.session, &list, false, err); /* lets go of all */
    }
    plim__array_free(target->allocator, list.items, list.cap, sizeof *list.items);
    return status;
}

plim_status plim__chrome_wake(plim_target *target, const char *id, bool *out_found, plim_error *err)
{
    PLIM_CHECK(id != NULL && out_found != NULL);
    dedicated_list list = {.allocator = target->allocator};
    *out_found = false;
    plim_status status = dedicated_fill(target, &list, err);
    for (uint32_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i].id, id) != 0)
            continue;
        *out_found = true;
        (void)snprintf(target->title, sizeof target->title, "%s", list.items[i].title);
    }
    if (status == PLIM_OK)
        status = dedicated_ask(target, target->cdp.session, &list, false, err);
    plim__array_free(target->allocator, list.items, list.cap, sizeof *list.items);
    return status;
}

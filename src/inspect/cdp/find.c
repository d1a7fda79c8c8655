/* SPDX-License-Identifier: MIT */
/*
 * From a port to a session: /json/list says what it has, and one of those is connected to. The port
 * is ours to choose, not the reply's: through a tunnel the URL a target gives leads nowhere, so
 * only its path is used.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/name_list.h"
#include "inspect/wire/http.h"

static const uint64_t find_list_pause_ns = 50000000u; /* workerd lists nothing before it is up */

static void find_copy(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text != NULL ? text : "");
}

/* A JSON document under a path. */
static plim_status find_get(plim_target *target, const char *path, uint64_t deadline_ns,
                            json_t **out_json, plim_error *err)
{
    const plim__address *address = &target->address;
    uint64_t now_ns = plim__loop_now_ns();
    plim__http_body body = {0};
    plim_status status = plim__http_get(target->loop, address->host, address->port, path,
                                        deadline_ns > now_ns ? deadline_ns - now_ns : 0,
                                        target->allocator, &body, err);
    if (status != PLIM_OK)
        return status;
    json_t *json = json_loadb(body.text, body.len, 0, NULL);
    plim__http_body_fini(&body);
    if (json == NULL)
        return plim_error_set(err, PLIM_ERR_PROTOCOL,
                              "%s:%u answers %s with something that is no JSON", address->host,
                              (unsigned)address->port, path);
    *out_json = json;
    return PLIM_OK;
}

/* Only what can be connected to; the path of its URL. */
static const char *find_path(const json_t *entry)
{
    const char *url = json_string_value(json_object_get(entry, "webSocketDebuggerUrl"));
    const char *host = url != NULL && strncmp(url, "ws://", 5) == 0 ? url + 5 : NULL;
    return host != NULL ? strchr(host, '/') : NULL;
}

static bool find_matches(const plim_target *target, const json_t *entry)
{
    const char *path = find_path(entry);
    const char *wanted = target->address.path;
    if (path == NULL)
        return false;
    if (wanted[0] == '\0')
        return true;
    const char *id = json_string_value(json_object_get(entry, "id"));
    return strcmp(path, wanted) == 0 || (id != NULL && strcmp(id, wanted + 1) == 0);
}

static plim_status find_several(const plim_target *target, const json_t *list, plim_error *err)
{
    plim__name_list names = {0};
    size_t index;
    const json_t *entry;
    json_array_foreach(list, index, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "id"));
        const char *title = json_string_value(json_object_get(entry, "title"));
        if (!find_matches(target, entry) || id == NULL)
            continue;
        plim__name_list_add(&names, "", "%s:%u/%s (%.40s)", target->address.host,
                            (unsigned)target->address.port, id, title != NULL ? title : "");
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "%s:%u has several targets: say which one",
                       target->address.host, (unsigned)target->address.port);
    plim_error_hint(err, "%s", names.text);
    return status;
}

/* Sets path and title if exactly one entry is meant; *out_found is how many are. */
static void find_choose(plim_target *target, const json_t *list, size_t *out_found)
{
    size_t index;
    const json_t *entry;
    const json_t *chosen = NULL;
    *out_found = 0;
    json_array_foreach(list, index, entry)
    {
        if (!find_matches(target, entry))
            continue;
        chosen = entry;
        ++*out_found;
    }
    if (*out_found != 1)
        return;
    find_copy(target->path, sizeof target->path, find_path(chosen));
    if (target->runtime != NULL && target->runtime->entitle != NULL)
        target->runtime->entitle(chosen, target->title, sizeof target->title);
    else
        find_copy(target->title, sizeof target->title,
                  json_string_value(json_object_get(chosen, "title")));
    find_copy(target->url, sizeof target->url, json_string_value(json_object_get(chosen, "url")));
}

static plim_status find_nothing(const plim_target *target, plim_status status, plim_error *err)
{
    const plim__address *address = &target->address;
    return plim_error_set(err, status, "%s:%u lists no target %s", address->host,
                          (unsigned)address->port,
                          address->path[0] != '\0' ? address->path + 1 : "to connect to");
}

/* Asks until something is listed: a port may be open before there is anything behind it. */
static plim_status find_list(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    for (;;) {
        json_t *list = NULL;
        size_t found = 0;
        plim_status status = find_get(target, "/json/list", deadline_ns, &list, err);
        if (status != PLIM_OK)
            return status;
        bool is_empty = json_array_size(list) == 0;
        find_choose(target, list, &found);
        if (found > 1)
            status = find_several(target, list, err);
        json_decref(list);
        if (found > 0)
            return status;
        if (!is_empty)
            return find_nothing(target, PLIM_ERR_NOT_FOUND, err);
        if (plim__loop_deadline(2 * find_list_pause_ns) >= deadline_ns)
            return find_nothing(target, PLIM_ERR_TIMEOUT, err);
        status = plim__loop_sleep(target->loop, find_list_pause_ns);
        if (status != PLIM_OK)
            return plim_error_set(err, status, "interrupted while connecting");
    }
}

plim_status plim__cdp_find(plim_target *target, plim_error *err)
{
    plim__address *address = &target->address;
    PLIM_CHECK(target->cdp.connection == NULL && address->host[0] != '\0');
    uint64_t deadline_ns = plim__loop_deadline(target->options.connect_timeout_ns);
    plim_status status = PLIM_OK;
    if (address->kind == PLIM__ADDRESS_WS)
        find_copy(target->path, sizeof target->path, address->path);
    else
        status = find_list(target, deadline_ns, err);
    if (status != PLIM_OK) {
        plim_error_where(err, "%s:%u", address->host, (unsigned)address->port);
        return status;
    }
    uint64_t now_ns = plim__loop_now_ns();
    status = plim__cdp_connect(target->loop, target->allocator, address->host, address->port,
                               target->path, deadline_ns > now_ns ? deadline_ns - now_ns : 0,
                               &target->cdp.connection, err);
    if (status == PLIM_OK)
        target->cdp.session = plim__cdp_main(target->cdp.connection);
    return status;
}

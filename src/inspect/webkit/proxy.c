/* SPDX-License-Identifier: MIT */
/*
 * Safari and iOS behind a proxy that speaks WebSocket. Nobody lists such a proxy, and it says
 * nothing of what it is: so it is named, "webkit:HOST:PORT/PATH". Without a path its list is read,
 * as ios_webkit_debug_proxy gives it under /json:
 *   [{"title":"…","url":"…","webSocketDebuggerUrl":"ws://localhost:9222/devtools/page/1",…}…]
 *   [{"deviceId":"…","deviceName":"an iPhone","url":"localhost:9222"}…]     of its first port
 * Of the URLs only the path is used: through a tunnel the rest leads nowhere. Titles stand in there
 * unescaped; one with a quotation mark makes the list unreadable, and the page has to be named.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/name_list.h"
#include "inspect/probe.h"
#include "inspect/webkit/gtk.h"
#include "inspect/wire/http.h"

static const char *proxy_text(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text != NULL ? text : "";
}

/* The path of a page; NULL: it is none that can be connected to. */
static const char *proxy_path(const json_t *entry)
{
    const char *url = proxy_text(entry, "webSocketDebuggerUrl");
    const char *path = strncmp(url, "ws://", 5) == 0 ? strchr(url + 5, '/') : NULL;
    bool is_usable = path != NULL && path[1] != '\0' && strlen(path) < PLIM__PATH_BYTES &&
                     strpbrk(path, " \r\n") == NULL;
    return is_usable ? path : NULL;
}

/* What to choose from: pages where there are several, else devices, whose ports have them. */
static plim_status proxy_choices(const plim_target *target, const json_t *list, size_t page_count,
                                 plim_error *err)
{
    const plim__address *address = &target->address;
    plim__name_list names = {0};
    char shown[64];
    char place[PLIM__HOST_BYTES + PLIM__PATH_BYTES + 8];
    size_t device_count = 0;
    size_t index;
    const json_t *entry;
    json_array_foreach(list, index, entry)
    {
        const char *path = proxy_path(entry);
        const char *device = proxy_text(entry, "deviceId");
        if (path != NULL)
            (void)snprintf(place, sizeof place, "%s:%u%s", address->host, (unsigned)address->port,
                           path);
        else if (device[0] != '\0' && page_count == 0)
            plim__probe_copy_text(place, sizeof place, proxy_text(entry, "url"));
        else
            continue;
        device_count += path == NULL;
        const char *title = proxy_text(entry, path != NULL ? "title" : "deviceName");
        plim__probe_copy_text(shown, sizeof shown, title);
        plim__name_list_add(&names, "", "webkit:%.100s (%s)", place, shown);
    }
    plim_status status;
    if (page_count > 0)
        status = plim_error_set(err, PLIM_ERR_USAGE, "the proxy has several pages: say which one");
    else if (device_count > 0)
        status = plim_error_set(err, PLIM_ERR_USAGE,
                                "the proxy lists devices there: the pages are at their ports");
    else
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "the proxy lists no page");
    plim_error_hint(err, "%s",
                    names.text[0] != '\0' ? names.text
                                          : "open a page in Safari, with Web Inspector on");
    return status;
}

static plim_status proxy_choose(plim_target *target, const json_t *list, plim_error *err)
{
    size_t index;
    const json_t *entry;
    const json_t *chosen = NULL;
    size_t count = 0;
    json_array_foreach(list, index, entry)
    {
        if (proxy_path(entry) == NULL)
            continue;
        chosen = entry;
        count++;
    }
    if (count != 1)
        return proxy_choices(target, list, count, err);
    const char *title = proxy_text(chosen, "title");
    const char *url = proxy_text(chosen, "url");
    (void)snprintf(target->address.path, sizeof target->address.path, "%s", proxy_path(chosen));
    plim__probe_copy_text(target->title, sizeof target->title, title[0] != '\0' ? title : url);
    plim__probe_copy_text(target->url, sizeof target->url, url);
    return PLIM_OK;
}

plim_status plim__webkit_proxy_find(plim_target *target, plim_error *err)
{
    const plim__address *address = &target->address;
    PLIM_CHECK(address->host[0] != '\0' && address->path[0] == '\0');
    plim__http_body body = {0};
    plim_status status =
        plim__http_get(target->loop, address->host, address->port, "/json",
                       target->options.connect_timeout_ns, target->allocator, &body, err);
    if (status == PLIM_OK) {
        json_t *list = json_loadb(body.text, body.len, 0, NULL);
        if (json_is_array(list)) {
            status = proxy_choose(target, list, err);
        } else {
            status = plim_error_set(err, PLIM_ERR_PROTOCOL, "%s:%u answers /json with no list",
                                    address->host, (unsigned)address->port);
            plim_error_hint(err, "name the page yourself: webkit:%s:%u/devtools/page/1",
                            address->host, (unsigned)address->port);
        }
        json_decref(list);
    }
    plim__http_body_fini(&body);
    return status;
}

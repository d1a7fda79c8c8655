/* SPDX-License-Identifier: MIT */
/*
 * The pages by which DevTools and other clients find what is served: /json/version, /json/list
 * (also /json) and /json/protocol. chrome://inspect asks for the first two every second or so.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/server/server.h"

static const char *const PAGE_EVENTS[] = {
    "Debugger.scriptParsed",
    "HeapProfiler.addHeapSnapshotChunk",
    "HeapProfiler.heapStatsUpdate",
    "HeapProfiler.lastSeenObjectId",
    "HeapProfiler.reportHeapSnapshotProgress",
    "Runtime.consoleAPICalled",
    "Runtime.executionContextCreated",
};

/* Adds DOMAIN.NAME to a list of protocol's domains, under `commands` or `events`. */
static bool page_add_word(json_t *domains, const char *word, const char *kind)
{
    const char *dot = strchr(word, '.');
    json_t *domain = NULL, *one = NULL;
    size_t i = 0;
    PLIM_CHECK(dot != NULL);
    json_array_foreach(domains, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "domain"));
        if (strncmp(name, word, (size_t)(dot - word)) == 0 && name[dot - word] == '\0')
            domain = one;
    }
    if (domain == NULL) {
        domain = json_pack("{s:s#, s:[], s:[]}", "domain", word, (size_t)(dot - word), "commands",
                           "events");
        if (domain == NULL || json_array_append_new(domains, domain) != 0)
            return false;
    }
    return json_array_append_new(json_object_get(domain, kind),
                                 json_pack("{s:s}", "name", dot + 1)) == 0;
}

/* The words with which a client such as chrome-remote-interface makes its functions. */
static json_t *page_protocol(void)
{
    json_t *domains = json_array();
    bool is_whole = domains != NULL;
    for (size_t i = 0; is_whole && plim__method_name(i) != NULL; i++)
        is_whole = page_add_word(domains, plim__method_name(i), "commands");
    for (size_t i = 0; is_whole && i < sizeof PAGE_EVENTS / sizeof PAGE_EVENTS[0]; i++)
        is_whole = page_add_word(domains, PAGE_EVENTS[i], "events");
    json_t *page = is_whole ? json_pack("{s:{s:s, s:s}, s:O}", "version", "major", "1", "minor",
                                        "3", "domains", domains)
                            : NULL;
    json_decref(domains);
    return page;
}

static json_t *page_version(void)
{
    return json_pack("{s:s, s:s}", "Browser", "plimsoll/" PLIM__VERSION, "Protocol-Version", "1.3");
}

static json_t *page_target(const plim_server *server, const plim__shown *shown)
{
    char path[128];
    char socket[160];
    char frontend[256];
    (void)snprintf(path, sizeof path, "%s/%s", server->address, shown->id);
    (void)snprintf(socket, sizeof socket, "ws://%s", path);
    (void)snprintf(frontend, sizeof frontend,
                   "devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=%s",
                   path);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "description", "plimsoll", "id",
                     shown->id, "title", shown->title, "type", "node", "url", shown->url,
                     "webSocketDebuggerUrl", socket, "devtoolsFrontendUrl", frontend);
}

static json_t *page_list(const plim_server *server)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < server->shown_count && list != NULL; i++) {
        if (json_array_append_new(list, page_target(server, &server->shown[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

json_t *plim__page_make(const plim_server *server, const char *path, bool *out_found)
{
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    json_t *page = NULL;
    *out_found = true;
    if (strcmp(path, "/json/version") == 0)
        page = page_version();
    else if (strcmp(path, "/json") == 0 || strcmp(path, "/json/list") == 0)
        page = page_list(server);
    else if (strcmp(path, "/json/protocol") == 0)
        page = page_protocol();
    else
        *out_found = false;
    return page;
}

/* SPDX-License-Identifier: MIT */
/*
 * The pages by which DevTools and other clients find what is served: /json/version, /json/list
 * (also /json) and /json/protocol. chrome://inspect asks for the first two every second or so.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/server/server.h"

/* The words with which a client such as chrome-remote-interface makes its functions. */
static const char PAGE_PROTOCOL[] =
    "{\"version\":{\"major\":\"1\",\"minor\":\"3\"},\"domains\":["
    "{\"domain\":\"Runtime\",\"commands\":[{\"name\":\"enable\"},{\"name\":\"disable\"},"
    "{\"name\":\"getIsolateId\"},{\"name\":\"getHeapUsage\"},"
    "{\"name\":\"runIfWaitingForDebugger\"}],"
    "\"events\":[{\"name\":\"executionContextCreated\"}]},"
    "{\"domain\":\"HeapProfiler\",\"commands\":[{\"name\":\"enable\"},{\"name\":\"disable\"},"
    "{\"name\":\"takeHeapSnapshot\"},{\"name\":\"collectGarbage\"}],"
    "\"events\":[{\"name\":\"addHeapSnapshotChunk\"},{\"name\":\"reportHeapSnapshotProgress\"}]},"
    "{\"domain\":\"Debugger\",\"commands\":[{\"name\":\"enable\"},{\"name\":\"disable\"}],"
    "\"events\":[]},"
    "{\"domain\":\"Profiler\",\"commands\":[{\"name\":\"enable\"},{\"name\":\"disable\"}],"
    "\"events\":[]}]}";

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

char *plim__page_make(plim_server *server, const char *path, bool *out_found)
{
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    json_t *page = NULL;
    *out_found = true;
    if (strcmp(path, "/json/version") == 0)
        page = page_version();
    else if (strcmp(path, "/json") == 0 || strcmp(path, "/json/list") == 0)
        page = page_list(server);
    else if (strcmp(path, "/json/protocol") == 0)
        page = json_loadb(PAGE_PROTOCOL, sizeof PAGE_PROTOCOL - 1, 0, NULL);
    else
        *out_found = false;
    char *text = page == NULL ? NULL : json_dumps(page, JSON_INDENT(2));
    json_decref(page);
    return text;
}

void plim__page_free(char *text)
{
    json_free_t give = NULL;
    json_get_alloc_funcs(NULL, &give);
    if (text != NULL)
        give(text);
}

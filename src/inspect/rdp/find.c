/* SPDX-License-Identifier: MIT */
/*
 * From an address to the actors of one tab: greeting, root actors, list of tabs (empty for the
 * first second of a Firefox), the tab's page. A page dies when it is left, silently: the tab's
 * descriptor stays, and gives the next page.
 *
 * The ID behind an address is the tab's number ("9"), "process:PID" for a whole content process,
 * or "parent" for the browser itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/error_repeat.h"
#include "inspect/name_list.h"
#include "inspect/probe.h"
#include "inspect/rdp/rdp.h"

static const uint64_t seek_pause_ns = 100000000u;

enum { SEEK_PARENTS_MAX = 4, FIND_PATH_BYTES = 4096 };

/* An actor's name out of a reply; false: it has none, or one longer than names are. */
static bool seek_actor(const json_t *reply, const char *key, char out[PLIM__RDP_ACTOR_BYTES])
{
    const char *name = json_string_value(json_object_get(reply, key));
    size_t len = name != NULL ? strlen(name) : 0;
    if (len == 0 || len >= PLIM__RDP_ACTOR_BYTES)
        return false;
    memcpy(out, name, len + 1);
    return true;
}

static plim_status seek_strange(plim_error *err, const char *what)
{
    return plim_error_set(err, PLIM_ERR_PROTOCOL, "this Firefox's reply has no %s", what);
}

static uint64_t seek_left_ns(uint64_t deadline_ns)
{
    uint64_t now_ns = plim__loop_now_ns();
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

static plim_status seek_ask(const plim__rdp_state *state, const char *actor, const char *type,
                            uint64_t deadline_ns, json_t **out_reply, plim_error *err)
{
    const plim__rdp_ask ask = {.actor = actor, .type = type};
    return plim__rdp_call(state->connection, &ask, seek_left_ns(deadline_ns), out_reply, err);
}

/* ---- whose process ------------------------------------------------------------------------- */

static bool seek_is_firefox_path(const char *path)
{
    return plim__probe_is_firefox(plim__probe_base_name(path));
}

static bool seek_is_firefox(int64_t pid)
{
    char path[FIND_PATH_BYTES];
    return pid > 0 && plim__process_executable(pid, path, sizeof path) == PLIM_OK &&
           seek_is_firefox_path(path);
}

/* The outermost Firefox above a process: behind a socket that is a file, its listener is not
   looked for. (A page's own process has another root directory, where no files are found.) */
static int64_t seek_browser_of(int64_t pid)
{
    plim__process_glance glance;
    for (int i = 0; i < SEEK_PARENTS_MAX; i++) {
        if (plim__process_look(pid, &glance) != PLIM_OK || !seek_is_firefox(glance.parent_pid))
            break;
        pid = glance.parent_pid;
    }
    return pid;
}

/* The browser that has the port, and of its processes the page's, where both are of this machine:
   a tunnel's end listens here, too, and is no Firefox. */
static void seek_process(plim_target *target)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    int64_t pid = 0;
    plim__owner_fini(&state->owner);
    target->pid = -1;
    if (state->browser.pid == 0 && target->address.port != 0 &&
        plim__address_is_loopback(&target->address) &&
        plim__port_owner(target->allocator, target->address.port, &pid) == PLIM_OK &&
        seek_is_firefox(pid))
        (void)plim__process_ref_open(pid, &state->browser);
    bool is_local = target->address.port == 0 || state->browser.pid != 0;
    if (is_local && state->page_pid > 0)
        (void)plim__owner_take(target, &state->owner, state->page_pid, seek_is_firefox_path);
    if (state->browser.pid == 0 && state->owner.process.pid != 0)
        (void)plim__process_ref_open(seek_browser_of(state->owner.process.pid), &state->browser);
}

/* ---- events -------------------------------------------------------------------------------- */

static plim_status seek_on_event(void *ctx, const char *actor, const char *type,
                                 const json_t *packet, plim_error *err)
{
    plim_target *target = ctx;
    plim__rdp_state *state = plim__rdp_state_of(target);
    bool is_page = strcmp(actor, state->page) == 0;
    if (strcmp(actor, state->memory) == 0 && strcmp(type, "allocations") == 0)
        return state->is_recording
                   ? plim__rdp_log_read(&state->log, json_object_get(packet, "data"), err)
                   : PLIM_OK;
    if (strcmp(actor, state->memory) == 0 && strcmp(type, "garbage-collection") == 0)
        return plim__rdp_gc_on_event(&state->gc, target->allocator, packet, err);
    if (is_page && strcmp(type, "tabNavigated") == 0)
        state->left = true;
    if (strcmp(actor, state->descriptor) == 0 && strcmp(type, "descriptor-destroyed") == 0)
        state->left = true;
    if (strcmp(actor, "root") == 0 && strcmp(type, "forwardingCancelled") == 0) {
        const char *prefix = json_string_value(json_object_get(packet, "prefix"));
        size_t len = prefix != NULL ? strlen(prefix) : 0;
        if (len > 0 && strncmp(state->memory, prefix, len) == 0 && state->memory[len] == '/')
            state->left = true;
    }
    return PLIM_OK;
}

/* ---- the page ------------------------------------------------------------------------------ */

static void seek_show(plim_target *target)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__address *address = &target->address;
    char place[PLIM__PATH_BYTES + 8];
    if (address->kind == PLIM__ADDRESS_UNIX) {
        (void)snprintf(place, sizeof place, "unix:%s", target->path);
    } else {
        bool is_v6 = strchr(address->host, ':') != NULL;
        (void)snprintf(place, sizeof place, is_v6 ? "[%s]:%u" : "%s:%u", address->host,
                       (unsigned)address->port);
    }
    if (state->scope == PLIM__RDP_TAB)
        (void)snprintf(target->shown_address, sizeof target->shown_address, "%s/%lld", place,
                       (long long)state->tab_id);
    else if (state->scope == PLIM__RDP_PROCESS)
        (void)snprintf(target->shown_address, sizeof target->shown_address, "%s/process:%lld",
                       place, (long long)state->page_pid);
    else
        (void)snprintf(target->shown_address, sizeof target->shown_address, "%s/parent", place);
}

void plim__rdp_tab_title(const json_t *tab, char *out, size_t cap)
{
    const char *title = json_string_value(json_object_get(tab, "title"));
    const char *url = json_string_value(json_object_get(tab, "url"));
    if (title == NULL || title[0] == '\0')
        title = url != NULL ? url : "";
    plim__probe_copy_text(out, cap, title);
}

static void seek_entitle_process(plim_target *target, const char *kind)
{
    char shown[PLIM__PROBE_TITLE_BYTES];
    plim__probe_copy_text(shown, sizeof shown, kind != NULL ? kind : "?");
    (void)snprintf(target->title, sizeof target->title, "content process (%.200s)", shown);
}

/* A page that has no title is called what its tab is. The browser's own windows have theirs; of a
   content process Firefox says its kind ("webIsolated=https://…", "privilegedabout"). */
static void seek_entitle(plim_target *target, const json_t *page)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    const char *title = json_string_value(json_object_get(page, "title"));
    const char *kind = json_string_value(json_object_get(page, "remoteType"));
    if (state->scope == PLIM__RDP_PROCESS)
        seek_entitle_process(target, kind);
    else if ((title == NULL || title[0] == '\0') && state->tab_title[0] != '\0')
        (void)snprintf(target->title, sizeof target->title, "%s", state->tab_title);
    else
        plim__rdp_tab_title(page, target->title, sizeof target->title);
    state->tab_title[0] = '\0'; /* the tab's next page has another */
}

/* The page that the descriptor has now. */
static plim_status seek_page(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    json_t *reply = NULL;
    plim_status status = seek_ask(state, state->descriptor, "getTarget", deadline_ns, &reply, err);
    if (status != PLIM_OK)
        return status;
    const json_t *page = json_object_get(reply, "frame");
    if (page == NULL)
        page = json_object_get(reply, "process");
    state->page_pid = json_integer_value(json_object_get(page, "processID"));
    seek_entitle(target, page);
    if (!seek_actor(page, "actor", state->page) || !seek_actor(page, "memoryActor", state->memory))
        status = seek_strange(err, "memory actor");
    json_decref(reply);
    if (status != PLIM_OK)
        return status;
    state->left = state->attached = false;
    seek_process(target);
    seek_show(target);
    return PLIM_OK;
}

plim_status plim__rdp_refresh(plim_target *target, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    uint64_t deadline_ns = plim__loop_deadline(target->options.connect_timeout_ns);
    plim__rdp_retire(state->connection, state->memory);
    plim__rdp_retire(state->connection, state->page);
    plim_status status = seek_page(target, deadline_ns, err);
    if (status == PLIM_ERR_REFUSED || status == PLIM_ERR_GONE)
        status = plim_error_set(err, PLIM_ERR_GONE, "the tab or its process has been closed");
    return status;
}

/* ---- which one ----------------------------------------------------------------------------- */

static bool seek_tab_matches(const plim_target *target, const json_t *tab)
{
    const char *wanted = target->address.path[0] == '/' ? target->address.path + 1 : "";
    char id[32];
    if (json_is_true(json_object_get(tab, "isZombieTab")))
        return false; /* restored and not yet loaded: there is no page */
    (void)snprintf(id, sizeof id, "%lld",
                   (long long)json_integer_value(json_object_get(tab, "browserId")));
    return wanted[0] == '\0' || strcmp(wanted, id) == 0;
}

static plim_status seek_several(const json_t *tabs, plim_target *target, plim_error *err)
{
    plim__name_list names = {0};
    char title[64];
    size_t index;
    const json_t *tab;
    plim__rdp_state *state = plim__rdp_state_of(target);
    json_array_foreach(tabs, index, tab)
    {
        if (!seek_tab_matches(target, tab))
            continue;
        plim__rdp_tab_title(tab, title, sizeof title);
        state->scope = PLIM__RDP_TAB;
        state->tab_id = json_integer_value(json_object_get(tab, "browserId"));
        seek_show(target);
        plim__name_list_add(&names, "", "%.100s (%s)", target->shown_address, title);
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "this Firefox has several tabs: say which one");
    plim_error_hint(err, "%s", names.text);
    return status;
}

static plim_status seek_choose_tab(plim_target *target, const json_t *tabs, size_t *out_found,
                                   plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    const json_t *chosen = NULL;
    const json_t *tab;
    size_t index;
    *out_found = 0;
    json_array_foreach(tabs, index, tab)
    {
        if (!seek_tab_matches(target, tab))
            continue;
        chosen = tab;
        ++*out_found;
    }
    if (*out_found == 0)
        return PLIM_OK;
    if (*out_found > 1)
        return seek_several(tabs, target, err);
    state->tab_id = json_integer_value(json_object_get(chosen, "browserId"));
    plim__rdp_tab_title(chosen, state->tab_title, sizeof state->tab_title);
    return seek_actor(chosen, "actor", state->descriptor) ? PLIM_OK : seek_strange(err, "actor");
}

static plim_status seek_nothing(const plim_target *target, plim_error *err)
{
    const char *path = target->address.path;
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "this Firefox has no %s%s",
                       path[0] == '/' ? "tab or process " : "tab", path[0] == '/' ? path + 1 : "");
    plim_error_hint(err, "behind the address stands /TAB, /process:PID or /parent; without it, "
                         "what there is to choose from is listed");
    return status;
}

/* Asks until there is a tab: the list is empty for the first second. */
static plim_status seek_tab(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    state->scope = PLIM__RDP_TAB;
    for (;;) {
        json_t *reply = NULL;
        size_t found = 0;
        plim_status status = seek_ask(state, "root", "listTabs", deadline_ns, &reply, err);
        if (status != PLIM_OK)
            return status;
        const json_t *tabs = json_object_get(reply, "tabs");
        bool is_empty = json_array_size(tabs) == 0;
        status = json_is_array(tabs) ? seek_choose_tab(target, tabs, &found, err)
                                     : seek_strange(err, "list of tabs");
        json_decref(reply);
        if (status != PLIM_OK || found > 0)
            return status;
        if (!is_empty || plim__loop_deadline(2 * seek_pause_ns) >= deadline_ns)
            return seek_nothing(target, err);
        if (plim__loop_sleep(target->loop, seek_pause_ns) != PLIM_OK)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted while connecting");
    }
}

static plim_status seek_a_process(plim_target *target, int64_t pid, uint64_t deadline_ns,
                                  plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    json_t *reply = NULL;
    const json_t *process;
    size_t index;
    state->scope = pid == 0 ? PLIM__RDP_PARENT : PLIM__RDP_PROCESS;
    plim_status status = seek_ask(state, "root", "listProcesses", deadline_ns, &reply, err);
    if (status != PLIM_OK)
        return status;
    json_array_foreach(json_object_get(reply, "processes"), index, process)
    {
        if (json_integer_value(json_object_get(process, "id")) == pid)
            (void)seek_actor(process, "actor", state->descriptor);
    }
    json_decref(reply);
    return state->descriptor[0] != '\0' ? PLIM_OK : seek_nothing(target, err);
}

static plim_status seek_descriptor(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    const char *id = target->address.path[0] == '/' ? target->address.path + 1 : "";
    static const char process[] = "process:";
    if (strcmp(id, "parent") == 0)
        return seek_a_process(target, 0, deadline_ns, err);
    if (strncmp(id, process, sizeof process - 1) == 0) {
        char *end;
        long long pid = strtoll(id + sizeof process - 1, &end, 10);
        if (pid <= 0 || *end != '\0')
            return seek_nothing(target, err);
        return seek_a_process(target, pid, deadline_ns, err);
    }
    return seek_tab(target, deadline_ns, err);
}

/* ---- connect ------------------------------------------------------------------------------- */

/* "unix:/run/ff.sock/9": where that is no socket, its last part may be an ID. */
static plim_status seek_connect_path(plim_target *target, plim__rdp_state *state,
                                     uint64_t deadline_ns, plim_error *err)
{
    plim__address *address = &target->address;
    plim_error why = {0};
    char *stroke = strrchr(target->path, '/');
    plim__rdp_place place = {.path = target->path};
    plim_status status = plim__rdp_connect(target->loop, target->allocator, &place,
                                           seek_left_ns(deadline_ns), &state->connection, &why);
    if (status == PLIM_ERR_UNREACHABLE && stroke != NULL && stroke != target->path &&
        address->path[0] == '\0') {
        (void)snprintf(address->path, sizeof address->path, "%s", stroke);
        *stroke = '\0';
        if (plim__rdp_connect(target->loop, target->allocator, &place, seek_left_ns(deadline_ns),
                              &state->connection, NULL) == PLIM_OK)
            return PLIM_OK;
        *stroke = '/';
        address->path[0] = '\0';
    }
    return status == PLIM_OK ? PLIM_OK : plim__error_repeat(err, &why);
}

static plim_status seek_connect(plim_target *target, plim__rdp_state *state, uint64_t deadline_ns,
                                plim_error *err)
{
    if (target->address.kind == PLIM__ADDRESS_UNIX) {
        if (target->path[0] == '\0')
            (void)snprintf(target->path, sizeof target->path, "%s", target->address.socket);
        return seek_connect_path(target, state, deadline_ns, err);
    }
    const plim__rdp_place place = {.host = target->address.host, .port = target->address.port};
    return plim__rdp_connect(target->loop, target->allocator, &place, seek_left_ns(deadline_ns),
                             &state->connection, err);
}

/* What it says of itself. Its server listens before it has a window, and until then it refuses. */
static plim_status seek_describe(plim_target *target, const char *device, uint64_t deadline_ns,
                                 json_t **out_reply, plim_error *err)
{
    for (;;) {
        plim_error why = {0};
        plim_status status = seek_ask(plim__rdp_state_of(target), device, "getDescription",
                                      deadline_ns, out_reply, &why);
        if (status == PLIM_OK)
            return PLIM_OK;
        if (status != PLIM_ERR_REFUSED || plim__loop_deadline(2 * seek_pause_ns) >= deadline_ns)
            return plim__error_repeat(err, &why);
        if (plim__loop_sleep(target->loop, seek_pause_ns) != PLIM_OK)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted while connecting");
    }
}

static plim_status seek_root(plim_target *target, uint64_t deadline_ns, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    char device[PLIM__RDP_ACTOR_BYTES] = "";
    json_t *reply = NULL;
    plim_status status = seek_ask(state, "root", "getRoot", deadline_ns, &reply, err);
    if (status != PLIM_OK)
        return status;
    (void)seek_actor(reply, "perfActor", state->perf);
    if (!seek_actor(reply, "heapSnapshotFileActor", state->files) ||
        !seek_actor(reply, "deviceActor", device))
        status = seek_strange(err, "device actor");
    json_decref(reply);
    if (status == PLIM_OK)
        status = seek_describe(target, device, deadline_ns, &reply, err);
    if (status != PLIM_OK)
        return status;
    const char *version =
        json_string_value(json_object_get(json_object_get(reply, "value"), "version"));
    plim__probe_copy_text(target->version, sizeof target->version, version != NULL ? version : "");
    json_decref(reply);
    return PLIM_OK;
}

plim_status plim__rdp_find(plim_target *target, plim_error *err)
{
    PLIM_CHECK(target->runtime_state == NULL && target->runtime != NULL);
    uint64_t deadline_ns = plim__loop_deadline(target->options.connect_timeout_ns);
    plim__rdp_state *state = plim__array_new_zero(target->allocator, 1, sizeof *state);
    if (state == NULL)
        return plim__no_memory(err, "a target");
    state->owner = plim__owner_none();
    state->browser.descriptor = -1;
    state->log.allocator = target->allocator;
    target->runtime_state = state;
    plim_status status = seek_connect(target, state, deadline_ns, err);
    if (status == PLIM_OK) {
        plim__rdp_on_event(state->connection, seek_on_event, target);
        target->is_connected = true;
        status = seek_root(target, deadline_ns, err);
    }
    if (status == PLIM_OK)
        status = seek_descriptor(target, deadline_ns, err);
    if (status == PLIM_OK)
        status = seek_page(target, deadline_ns, err);
    return status;
}

void plim__rdp_forget(plim_target *target)
{
    plim__rdp_state *state = target->runtime_state;
    target->is_connected = false;
    if (state == NULL)
        return;
    target->runtime_state = NULL;
    plim__rdp_drop(&state->saving);
    plim__rdp_log_fini(&state->log);
    plim__array_free(target->allocator, state->gc.events, state->gc.cap, sizeof *state->gc.events);
    plim__rdp_disconnect(&state->connection);
    plim__owner_fini(&state->owner);
    plim__process_ref_close(&state->browser);
    plim__array_free(target->allocator, state, 1, sizeof *state);
}

/* SPDX-License-Identifier: MIT */
/*
 * What can be inspected on this machine. Nobody is asked who is not a runtime by its executable;
 * of a runtime only sockets on the loopback are (for Node also the port its options name), because
 * its other ports are its program's. Every question has a short deadline, and several threads ask
 * at once, so that a runtime that is stopped or busy costs the list its row, not its time.
 * A process that vanishes in between is no row and no error. Nobody is attached to unless workers
 * are asked for: a session that asks a Node for them ends what another debugger records there.
 * Invariants: D1 candidates are not changed while threads run; rows are added under the mutex.
 * D2 the caller's allocator is called under the mutex only: it need not be fit for threads.
 */
#include <plimsoll/target.h>

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/cdp/session.h"
#include "inspect/chrome/chrome.h"
#include "inspect/deno/workers.h"
#include "inspect/node/node.h"
#include "inspect/probe.h"
#include "inspect/rdp/rdp.h"
#include "inspect/target.h"
#include "inspect/webkit/gtk_socket.h"
#include "inspect/wire/http.h"
#include "platform/process.h"

enum {
    PLIM__FOUND_LIST_MAGIC = 0x0f0d1157,
    DISCOVER_FIRST_CAP = 16,
    DISCOVER_THREADS_MAX = 8,
    DISCOVER_PLACE_BYTES = PLIM__LISTENER_TEXT_BYTES + 8,
    DISCOVER_ADDRESS_BYTES = DISCOVER_PLACE_BYTES + 160, /* a worker's number, or a path */
    DISCOVER_PATH_BYTES = 128,
    DISCOVER_TITLE_COMMAND_BYTES = 1024
};

static const uint64_t discover_ask_timeout_ns = 200000000u;
static const uint64_t discover_workers_timeout_ns = 400000000u;
static const uint64_t discover_tabs_timeout_ns =
    1000000000u; /* three questions to a busy browser */

typedef struct discover_row {
    plim_found found;
    uint32_t order; /* among those of one process: 0, then its workers by number */
    char runtime[16];
    char version[PLIM__PROBE_BROWSER_BYTES];
    char title[PLIM__PROBE_TITLE_BYTES];
    char address[DISCOVER_ADDRESS_BYTES];
    const char *how_to_open; /* static storage */
} discover_row;

struct plim_found_list {
    uint32_t magic;
    const plim_allocator *allocator;
    discover_row *rows;
    uint32_t count;
    uint32_t cap;
};

typedef struct discover_candidate {
    int64_t pid;
    enum { DISCOVER_NODE, DISCOVER_FIREFOX, DISCOVER_CHROME, DISCOVER_WEBKIT, DISCOVER_OTHER } kind;
} discover_candidate;

/* One search. */
typedef struct discover_run {
    const plim_allocator *inner;
    plim_allocator allocator; /* the same, under the mutex */
    uv_mutex_t mutex;
    const plim_interrupt *interrupt;
    bool list_workers;
    plim__listeners listeners;
    discover_candidate *candidates;
    uint32_t candidate_count;
    uint32_t candidate_cap;
    atomic_uint next;
    plim_found_list *list;
    plim_status status; /* the first failure, under the mutex */
} discover_run;

/* The rows of one Firefox. */
typedef struct discover_tabs {
    discover_run *run;
    const discover_row *row; /* what they have in common */
    uint32_t count;
} discover_tabs;

/* What one thread works with. */
typedef struct discover_worker {
    discover_run *run;
    plim__loop *loop;
} discover_worker;

static void *discover_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    discover_run *run = ctx;
    uv_mutex_lock(&run->mutex);
    void *moved = run->inner->resize(run->inner->ctx, ptr, old_bytes, new_bytes);
    uv_mutex_unlock(&run->mutex);
    return moved;
}

static void discover_fail(discover_run *run, plim_status status)
{
    uv_mutex_lock(&run->mutex);
    if (run->status == PLIM_OK)
        run->status = status;
    uv_mutex_unlock(&run->mutex);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void discover_add(discover_run *run, const discover_row *row)
{
    plim_found_list *list = run->list;
    uv_mutex_lock(&run->mutex);
    if (list->count == list->cap && list->count < PLIM_TARGETS_MAX) {
        uint32_t cap = list->cap == 0 ? DISCOVER_FIRST_CAP : list->cap * 2;
        discover_row *rows =
            plim__array_resize(run->inner, list->rows, list->cap, cap, sizeof *rows);
        if (rows != NULL) {
            list->rows = rows;
            list->cap = cap;
        } else if (run->status == PLIM_OK) {
            run->status = PLIM_ERR_NO_MEMORY;
        }
    }
    if (list->count < list->cap)
        list->rows[list->count++] = *row;
    uv_mutex_unlock(&run->mutex);
}

static int discover_compare(const void *left, const void *right)
{
    const discover_row *a = left;
    const discover_row *b = right;
    if (a->found.pid != b->found.pid)
        return a->found.pid < b->found.pid ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return strcmp(a->address, b->address);
}

/* The order people read, and pointers to where the rows now lie. */
static void discover_settle(plim_found_list *list)
{
    if (list->count > 0)
        qsort(list->rows, list->count, sizeof *list->rows, discover_compare);
    for (uint32_t i = 0; i < list->count; i++) {
        discover_row *row = &list->rows[i];
        row->found.runtime = row->runtime;
        row->found.version = row->version;
        row->found.title = row->title;
        row->found.address = row->address;
        row->found.how_to_open = row->how_to_open;
    }
}

/* What it runs, in its own words: the command line without the executable and its long options. */
static void discover_title(int64_t pid, char *out_title, size_t cap)
{
    char text[DISCOVER_TITLE_COMMAND_BYTES];
    size_t len = 0;
    out_title[0] = '\0';
    if (plim__process_command(pid, text, sizeof text, &len) != PLIM_OK || len == 0)
        return;
    size_t first = strlen(text) + 1;
    while (first < len && strncmp(text + first, "--", 2) == 0)
        first += strlen(text + first) + 1;
    for (size_t i = first; i + 1 < len; i++) {
        if (text[i] == '\0')
            text[i] = ' ';
    }
    plim__probe_copy_text(out_title, cap, first < len ? text + first : text);
}

static discover_row discover_row_of(int64_t pid, const char *runtime)
{
    discover_row row = {.found = {.pid = pid}, .how_to_open = ""};
    (void)snprintf(row.runtime, sizeof row.runtime, "%s", runtime);
    discover_title(pid, row.title, sizeof row.title);
    return row;
}

/* The path where nobody lists it. */
static void discover_add_path(const discover_run *run, discover_row *row)
{
    size_t len = strlen(row->address);
    for (size_t i = 0; plim__runtimes[i] != NULL; i++) {
        const plim__runtime *runtime = plim__runtimes[i];
        if (runtime->path_of != NULL && strcmp(runtime->name, row->runtime) == 0 &&
            !runtime->path_of(&run->allocator, row->found.pid, row->address + len,
                              sizeof row->address - len))
            row->address[len] = '\0';
    }
}

static void discover_take_probe(discover_row *row, const plim__probe *probe)
{
    bool is_v6 = strchr(probe->host, ':') != NULL;
    (void)snprintf(row->version, sizeof row->version, "%s", plim__probe_version(probe->browser));
    (void)snprintf(row->address, sizeof row->address, is_v6 ? "[%s]:%u" : "%s:%u", probe->host,
                   (unsigned)probe->port);
}

/* ---- one candidate --------------------------------------------------------------------------- */

/* Title and path of a Node's one target, from /json/list; false where it does not say. */
static bool discover_target(discover_worker *worker, const plim__probe *probe, discover_row *row,
                            char *out_path, size_t cap)
{
    plim__http_body body = {0};
    plim_status status =
        plim__http_get(worker->loop, probe->host, probe->port, "/json/list",
                       discover_ask_timeout_ns, &worker->run->allocator, &body, NULL);
    if (status != PLIM_OK)
        return false;
    json_t *list = json_loadb(body.text, body.len, 0, NULL);
    plim__http_body_fini(&body);
    const json_t *entry = json_array_get(list, 0);
    const char *title = json_string_value(json_object_get(entry, "title"));
    const char *id = json_string_value(json_object_get(entry, "id"));
    bool is_usable = id != NULL && strlen(id) + 2 <= cap && strpbrk(id, " \r\n") == NULL;
    if (title != NULL && title[0] != '\0')
        plim__probe_copy_text(row->title, sizeof row->title, title);
    if (is_usable)
        (void)snprintf(out_path, cap, "/%s", id);
    json_decref(list);
    return is_usable;
}

/* A row for each worker that is listed; one without a number has no address. */
static void discover_add_workers(discover_worker *worker, const plim__cdp_workers *workers,
                                 const discover_row *main_row)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        discover_row row = *main_row;
        row.order = workers->items[i].number;
        (void)snprintf(row.title, sizeof row.title, "%s", workers->items[i].title);
        (void)snprintf(row.address, sizeof row.address, "%.*s#worker:%u", DISCOVER_PLACE_BYTES - 1,
                       main_row->address, (unsigned)workers->items[i].number);
        if (row.order != 0)
            discover_add(worker->run, &row);
    }
}

static void discover_add_node_workers(discover_worker *worker, const plim__probe *probe,
                                      const char *path, const discover_row *main_row)
{
    const plim_allocator *allocator = &worker->run->allocator;
    plim__cdp_connection *connection = NULL;
    plim__cdp_workers workers = {0};
    if (plim__cdp_connect(worker->loop, allocator, probe->host, probe->port, path,
                          discover_ask_timeout_ns, &connection, NULL) != PLIM_OK)
        return;
    if (plim__node_workers_start(&workers, allocator, connection, discover_workers_timeout_ns,
                                 NULL) == PLIM_OK)
        discover_add_workers(worker, &workers, main_row);
    plim__node_workers_stop(&workers, true);
    plim__cdp_disconnect(&connection);
}

static plim_status discover_node(discover_worker *worker, int64_t pid)
{
    discover_run *run = worker->run;
    plim__probe probe;
    plim_status status = plim__node_find_inspector(worker->loop, &run->allocator, pid,
                                                   discover_ask_timeout_ns, &probe);
    if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
        return status;
    discover_row row = discover_row_of(pid, "node");
    if (status == PLIM_OK) {
        char path[DISCOVER_PATH_BYTES];
        discover_take_probe(&row, &probe);
        bool has_path = discover_target(worker, &probe, &row, path, sizeof path);
        discover_add(run, &row);
        if (has_path && run->list_workers)
            discover_add_node_workers(worker, &probe, path, &row);
        return PLIM_OK;
    }
    /* One that listens and does not answer may be open; only silence of no socket is closed. */
    bool catches = false;
    if (plim__process_catches(pid, plim__signal_open_inspector(), &catches) != PLIM_OK)
        return PLIM_OK; /* it has ended */
    row.found.can_open = catches && status == PLIM_ERR_NOT_FOUND;
    discover_add(run, &row);
    return PLIM_OK;
}

/* Workers of a Deno: as those of a Node, over a connection to its one target. */
static void discover_add_deno_workers(discover_worker *worker, const plim__probe *probe,
                                      const discover_row *main_row)
{
    const plim_allocator *allocator = &worker->run->allocator;
    char path[DISCOVER_PATH_BYTES];
    discover_row dropped = *main_row; /* its title is better than the list's */
    plim__cdp_connection *connection = NULL;
    plim__deno_workers workers = {0};
    if (!discover_target(worker, probe, &dropped, path, sizeof path) ||
        plim__cdp_connect(worker->loop, allocator, probe->host, probe->port, path,
                          discover_ask_timeout_ns, &connection, NULL) != PLIM_OK)
        return;
    if (plim__deno_workers_start(&workers, allocator, worker->loop, connection, 0,
                                 discover_workers_timeout_ns, NULL) == PLIM_OK)
        discover_add_workers(worker, &workers.list, main_row);
    plim__deno_workers_stop(&workers, true);
    plim__cdp_disconnect(&connection);
}

static const plim__runtime *discover_runtime(const char *name)
{
    for (size_t i = 0; plim__runtimes[i] != NULL; i++) {
        if (strcmp(plim__runtimes[i]->name, name) == 0)
            return plim__runtimes[i];
    }
    return NULL;
}

/* Where several targets share a port, a row for each; false: it is one row, with no path. */
static bool discover_each(discover_worker *worker, const plim__probe *probe, discover_row *port_row)
{
    discover_run *run = worker->run;
    const plim__runtime *runtime = discover_runtime(port_row->runtime);
    plim__http_body body = {0};
    if (runtime == NULL || (runtime->shows == NULL && runtime->entitle == NULL) ||
        plim__http_get(worker->loop, probe->host, probe->port, "/json/list",
                       discover_ask_timeout_ns, &run->allocator, &body, NULL) != PLIM_OK)
        return false;
    json_t *list = json_loadb(body.text, body.len, 0, NULL);
    plim__http_body_fini(&body);
    bool is_several = json_array_size(list) > 1 && runtime->shows != NULL;
    if (json_array_size(list) == 1 && runtime->entitle != NULL)
        runtime->entitle(json_array_get(list, 0), port_row->title, sizeof port_row->title);
    size_t index;
    const json_t *entry;
    json_array_foreach(list, index, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "id"));
        if (!is_several || id == NULL || strlen(id) >= DISCOVER_PATH_BYTES ||
            strpbrk(id, " \r\n") != NULL || !runtime->shows(list, entry))
            continue;
        discover_row row = *port_row;
        (void)snprintf(row.address, sizeof row.address, "%.*s/%s", DISCOVER_PLACE_BYTES - 1,
                       port_row->address, id);
        if (runtime->entitle != NULL)
            runtime->entitle(entry, row.title, sizeof row.title);
        discover_add(run, &row);
    }
    json_decref(list);
    return is_several;
}

/* A runtime of another kind: whatever inspectors it has on the loopback. */
static plim_status discover_other(discover_worker *worker, int64_t pid)
{
    discover_run *run = worker->run;
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    if (plim__process_listeners(pid, &run->listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX,
                                &count) != PLIM_OK)
        return PLIM_OK;
    for (uint32_t i = 0; i < count; i++) {
        const plim__listener *listener = &run->listeners.items[indexes[i]];
        if (!listener->is_loopback)
            continue;
        plim__probe probe;
        plim__probe_place(listener, &probe);
        plim_status status =
            plim__probe_version_get(worker->loop, &run->allocator, discover_ask_timeout_ns, &probe);
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return status;
        if (status != PLIM_OK)
            continue;
        discover_row row = discover_row_of(pid, plim__probe_runtime(probe.browser));
        discover_take_probe(&row, &probe);
        discover_add_path(run, &row);
        if (!discover_each(worker, &probe, &row))
            discover_add(run, &row);
        if (run->list_workers && strcmp(row.runtime, "deno") == 0)
            discover_add_deno_workers(worker, &probe, &row);
    }
    return PLIM_OK;
}

/* One page or worker of a browser. */
static void discover_add_page(void *ctx, const plim__chrome_page *page)
{
    discover_tabs *tabs = ctx;
    discover_row row = *tabs->row;
    row.order = tabs->count++;
    (void)snprintf(row.title, sizeof row.title, "%s", page->title);
    (void)snprintf(row.address, sizeof row.address, "%.*s/%s", DISCOVER_PLACE_BYTES - 1,
                   tabs->row->address, page->id);
    discover_add(tabs->run, &row);
}

/* A row for each page, frame and worker; one without an address where no port is open. */
static plim_status discover_chrome(discover_worker *worker, int64_t pid)
{
    discover_run *run = worker->run;
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    bool is_open = false;
    if (!plim__chrome_is_browser(pid) ||
        plim__process_listeners(pid, &run->listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX,
                                &count) != PLIM_OK)
        return PLIM_OK;
    for (uint32_t i = 0; i < count; i++) {
        plim__probe probe;
        plim__probe_place(&run->listeners.items[indexes[i]], &probe);
        if (!run->listeners.items[indexes[i]].is_loopback)
            continue;
        plim_status status =
            plim__probe_version_get(worker->loop, &run->allocator, discover_ask_timeout_ns, &probe);
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return status;
        if (status != PLIM_OK)
            continue;
        discover_row row = discover_row_of(pid, plim__chrome_runtime.name);
        discover_tabs tabs = {run, &row, 0};
        discover_take_probe(&row, &probe);
        is_open = true;
        if (plim__chrome_list_pages(worker->loop, &run->allocator, &probe, discover_ask_timeout_ns,
                                    discover_add_page, &tabs) == PLIM_ERR_INTERRUPTED)
            return PLIM_ERR_INTERRUPTED;
        if (tabs.count == 0)
            discover_add(run, &row);
    }
    discover_row row = discover_row_of(pid, plim__chrome_runtime.name);
    row.how_to_open = plim__chrome_how_to_open;
    if (!is_open)
        discover_add(run, &row);
    return PLIM_OK;
}

/* One page of a WebKitGTK: "/socket/1/2/WebPage" is the path, and /1/2 is enough to name it. */
static void discover_add_gtk_page(void *ctx, const plim__gtk_page *page)
{
    discover_tabs *tabs = ctx;
    discover_row row = *tabs->row;
    row.order = tabs->count++;
    plim__probe_copy_text(row.title, sizeof row.title,
                          page->title[0] != '\0' ? page->title : page->url);
    (void)snprintf(row.address, sizeof row.address, "%.*s%s", DISCOVER_PLACE_BYTES - 1,
                   tabs->row->address, page->path);
    discover_add(tabs->run, &row);
}

/* A row for each page, whichever of its two inspectors is open: one that serves HTTP has the other
   for itself. */
static plim_status discover_webkit(discover_worker *worker, int64_t pid)
{
    discover_run *run = worker->run;
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    plim__probe probe = {.port = 0}; /* the one to ask */
    if (plim__process_listeners(pid, &run->listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX,
                                &count) != PLIM_OK)
        return PLIM_OK;
    for (uint32_t i = 0; i < count && probe.browser[0] == '\0'; i++) {
        const plim__listener *listener = &run->listeners.items[indexes[i]];
        plim__probe one;
        plim__probe_place(listener, &one);
        if (!listener->is_loopback)
            continue;
        plim_status status =
            plim__probe_version_get(worker->loop, &run->allocator, discover_ask_timeout_ns, &one);
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return status;
        if (status == PLIM_OK || status == PLIM_ERR_NOT_FOUND)
            probe = one;
    }
    discover_row row = discover_row_of(pid, plim__webkitgtk_runtime.name);
    discover_tabs tabs = {run, &row, 0};
    plim_status status = PLIM_ERR_NOT_FOUND;
    if (probe.port != 0) {
        discover_take_probe(&row, &probe);
        status = plim__gtk_list_pages(worker->loop, &run->allocator, &probe,
                                      discover_tabs_timeout_ns, discover_add_gtk_page, &tabs);
    }
    if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
        return status;
    if (status != PLIM_OK && status != PLIM_ERR_REFUSED) {
        row.address[0] = '\0';
        row.how_to_open = plim__gtk_how_to_open;
    }
    if (tabs.count == 0)
        discover_add(run, &row);
    return PLIM_OK;
}

/* One tab of a Firefox. */
static void discover_add_tab(void *ctx, const plim__rdp_tab *tab)
{
    discover_tabs *tabs = ctx;
    discover_row row = *tabs->row;
    row.order = tabs->count++;
    (void)snprintf(row.version, sizeof row.version, "%.*s", PLIM__PROBE_BROWSER_BYTES - 1,
                   tab->version);
    plim__probe_copy_text(row.title, sizeof row.title, tab->title);
    (void)snprintf(row.address, sizeof row.address, "%.*s/%lld", DISCOVER_PLACE_BYTES - 1,
                   tabs->row->address, (long long)tab->id);
    discover_add(tabs->run, &row);
}

/* A row for each of its tabs; one without an address where its debugger is not open. Its content
   processes are no rows of their own. */
static plim_status discover_firefox(discover_worker *worker, int64_t pid)
{
    discover_run *run = worker->run;
    plim__probe probe;
    plim__process_glance glance;
    char path[PLIM__NODE_PATH_BYTES];
    if (plim__process_look(pid, &glance) != PLIM_OK)
        return PLIM_OK;
    const char *stroke = plim__process_executable(glance.parent_pid, path, sizeof path) == PLIM_OK
                             ? strrchr(path, '/')
                             : NULL;
    if (stroke != NULL && plim__probe_is_firefox(stroke + 1))
        return PLIM_OK;
    discover_row row = discover_row_of(pid, "firefox");
    discover_tabs tabs = {run, &row, 0};
    if (plim__rdp_port_of(worker->loop, &run->allocator, &run->listeners, pid, &probe)) {
        discover_take_probe(&row, &probe);
        if (plim__rdp_list_tabs(worker->loop, &run->allocator, &probe, discover_tabs_timeout_ns,
                                discover_add_tab, &tabs) == PLIM_ERR_INTERRUPTED)
            return PLIM_ERR_INTERRUPTED;
        row.version[0] = '\0';
    } else {
        row.how_to_open = plim__rdp_how_to_open;
    }
    if (tabs.count == 0)
        discover_add(run, &row);
    return PLIM_OK;
}

/* One that a family found. */
static void discover_take_found(void *ctx, const plim_found *found)
{
    discover_run *run = ctx;
    discover_row row = {.found = {.pid = found->pid}, .how_to_open = ""};
    (void)snprintf(row.runtime, sizeof row.runtime, "%s", found->runtime);
    (void)snprintf(row.version, sizeof row.version, "%s", found->version);
    (void)snprintf(row.address, sizeof row.address, "%s", found->address);
    plim__probe_copy_text(row.title, sizeof row.title, found->title);
    discover_add(run, &row);
}

static plim_status discover_families(discover_run *run, const plim_target_options *options)
{
    plim_status status = PLIM_OK;
    /* Options of an older header end before them. */
    if (options == NULL ||
        (options->struct_bytes != 0 && options->struct_bytes < sizeof *options) ||
        options->families == NULL)
        return PLIM_OK;
    for (size_t i = 0; status == PLIM_OK && options->families[i] != NULL; i++) {
        if (options->families[i]->discover != NULL)
            status = options->families[i]->discover(options, discover_take_found, run);
    }
    return status;
}

/* ---- the search ------------------------------------------------------------------------------ */

static bool discover_visit(void *ctx, int64_t pid)
{
    discover_run *run = ctx;
    char path[PLIM__NODE_PATH_BYTES];
    if (plim__process_executable(pid, path, sizeof path) != PLIM_OK)
        return true; /* another user's, a kernel thread, or gone */
    const char *name = plim__probe_base_name(path);
    discover_candidate candidate = {pid, DISCOVER_OTHER};
    if (plim__node_is_executable(path))
        candidate.kind = DISCOVER_NODE;
    else if (plim__probe_is_firefox(name))
        candidate.kind = DISCOVER_FIREFOX;
    else if (plim__probe_is_chrome(name))
        candidate.kind = DISCOVER_CHROME;
    else if (plim__gtk_is_browser(path))
        candidate.kind = DISCOVER_WEBKIT;
    else if (!plim__probe_is_runtime(name))
        return true;
    if (run->candidate_count == run->candidate_cap) {
        uint32_t cap = run->candidate_cap == 0 ? DISCOVER_FIRST_CAP : run->candidate_cap * 2;
        discover_candidate *candidates = plim__array_resize(
            run->inner, run->candidates, run->candidate_cap, cap, sizeof *candidates);
        if (candidates == NULL) {
            run->status = PLIM_ERR_NO_MEMORY;
            return false;
        }
        run->candidates = candidates;
        run->candidate_cap = cap;
    }
    run->candidates[run->candidate_count++] = candidate;
    return run->candidate_count < PLIM_TARGETS_MAX;
}

static plim_status discover_one(discover_worker *worker, const discover_candidate *candidate)
{
    switch (candidate->kind) {
    case DISCOVER_NODE:
        return discover_node(worker, candidate->pid);
    case DISCOVER_FIREFOX:
        return discover_firefox(worker, candidate->pid);
    case DISCOVER_CHROME:
        return discover_chrome(worker, candidate->pid);
    case DISCOVER_WEBKIT:
        return discover_webkit(worker, candidate->pid);
    case DISCOVER_OTHER:
        break;
    }
    return discover_other(worker, candidate->pid);
}

static void discover_work(void *ctx)
{
    discover_run *run = ctx;
    discover_worker worker = {run, NULL};
    plim_status status = plim__loop_create(&run->allocator, run->interrupt, &worker.loop, NULL);
    while (status == PLIM_OK) {
        uint32_t index = atomic_fetch_add(&run->next, 1);
        if (index >= run->candidate_count)
            break;
        const discover_candidate *candidate = &run->candidates[index];
        status = discover_one(&worker, candidate);
    }
    if (status != PLIM_OK)
        discover_fail(run, status);
    plim__loop_destroy(&worker.loop);
}

/* All candidates, on as many threads as there are to be had; on this one if there are none. */
static void discover_ask_all(discover_run *run)
{
    uv_thread_t threads[DISCOVER_THREADS_MAX];
    uint32_t started = 0;
    while (started < DISCOVER_THREADS_MAX && started < run->candidate_count &&
           uv_thread_create(&threads[started], discover_work, run) == 0)
        started++;
    if (started == 0)
        discover_work(run);
    for (uint32_t i = 0; i < started; i++)
        (void)uv_thread_join(&threads[i]);
}

static plim_status discover_error(plim_status status, plim_error *err)
{
    if (status == PLIM_ERR_NO_MEMORY)
        return plim__no_memory(err, "the list of targets");
    if (status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "interrupted while looking for targets");
    return plim_error_set(err, status, "cannot look at the processes of this machine: %s",
                          plim_status_text(status));
}

plim_status plim_discover(const plim_target_options *options, plim_found_list **out_list,
                          plim_error *err)
{
    PLIM_CHECK(out_list != NULL);
    discover_run run = {.inner =
                            plim__allocator_or_system(options != NULL ? options->allocator : NULL),
                        .interrupt = options != NULL ? options->interrupt : NULL,
                        .list_workers = options != NULL && options->list_workers};
    run.allocator = (plim_allocator){&run, discover_resize};
    run.list = plim__array_new_zero(run.inner, 1, sizeof *run.list);
    if (run.list == NULL || uv_mutex_init(&run.mutex) != 0) {
        plim__array_free(run.inner, run.list, 1, sizeof *run.list);
        return plim__no_memory(err, "the list of targets");
    }
    run.list->magic = PLIM__FOUND_LIST_MAGIC;
    run.list->allocator = run.inner;
    run.status = plim__listeners_read(run.inner, &run.listeners);
    if (run.status == PLIM_OK)
        run.status = plim__process_each(discover_visit, &run);
    if (run.status == PLIM_OK)
        discover_ask_all(&run);
    if (run.status == PLIM_OK)
        run.status = discover_families(&run, options);
    plim__listeners_fini(&run.listeners);
    plim__array_free(run.inner, run.candidates, run.candidate_cap, sizeof *run.candidates);
    uv_mutex_destroy(&run.mutex);
    if (run.status != PLIM_OK) {
        plim_found_list_destroy(&run.list);
        return discover_error(run.status, err);
    }
    discover_settle(run.list);
    *out_list = run.list;
    return PLIM_OK;
}

uint32_t plim_found_list_count(const plim_found_list *list)
{
    PLIM_CHECK_OBJ(list, PLIM__FOUND_LIST_MAGIC);
    return list->count;
}

const plim_found *plim_found_list_get(const plim_found_list *list, uint32_t index)
{
    PLIM_CHECK_OBJ(list, PLIM__FOUND_LIST_MAGIC);
    PLIM_CHECK(index < list->count);
    return &list->rows[index].found;
}

void plim_found_list_destroy(plim_found_list **list_ptr)
{
    if (list_ptr == NULL || *list_ptr == NULL)
        return;
    plim_found_list *list = *list_ptr;
    *list_ptr = NULL;
    PLIM_CHECK_OBJ(list, PLIM__FOUND_LIST_MAGIC);
    const plim_allocator *allocator = list->allocator;
    plim__array_free(allocator, list->rows, list->cap, sizeof *list->rows);
    list->magic = 0;
    plim__array_free(allocator, list, 1, sizeof *list);
}

/* SPDX-License-Identifier: MIT */
/*
 * Which pages there are, and which of them is meant. A WebKitGTK lists them in one of two ways:
 *   WEBKIT_INSPECTOR_HTTP_SERVER   a page of HTML, then a WebSocket each (gtk_list.c)
 *   WEBKIT_INSPECTOR_SERVER        messages of its own, and one connection for all (gtk_socket.c)
 * The second hangs up on a GET without a word. A page has the same path in both lists.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/error_repeat.h"
#include "inspect/name_list.h"
#include "inspect/webkit/gtk_socket.h"
#include "inspect/wire/http.h"

enum {
    PAGES_LOOKS = 4, /* who only lists goes within 300 ms */
    PAGES_NAME_BYTES = 4096,
    PAGES_ENVIRONMENT_BYTES = 128 << 10 /* what a system gives a command line and its variables */
};

static const uint64_t pages_pause_ns = 100000000u;
static const uint64_t pages_company_ns = 100000000u;

/* ---- whose server --------------------------------------------------------------------------- */

bool plim__gtk_is_browser(const char *path)
{
    const char *name = plim__probe_base_name(path);
    return strcmp(name, "MiniBrowser") == 0 || strcmp(name, "epiphany") == 0 ||
           strcmp(name, "epiphany-browser") == 0;
}

/* A browser by its name, or any program that was started with the variable. */
static bool pages_owner_is_one(const plim_allocator *allocator, uint16_t port)
{
    static const char variable[] = "WEBKIT_INSPECTOR_SERVER=";
    char path[PAGES_NAME_BYTES];
    int64_t pid = 0;
    size_t len = 0;
    bool is_one = false;
    if (plim__port_owner(allocator, port, &pid) != PLIM_OK ||
        plim__process_executable(pid, path, sizeof path) != PLIM_OK)
        return false;
    if (plim__gtk_is_browser(path))
        return true;
    char *text = plim__array_new(allocator, PAGES_ENVIRONMENT_BYTES, 1);
    if (text != NULL &&
        plim__process_environment(pid, text, PAGES_ENVIRONMENT_BYTES, &len) == PLIM_OK) {
        for (size_t at = 0; at < len && !is_one; at += strlen(text + at) + 1)
            is_one = strncmp(text + at, variable, sizeof variable - 1) == 0;
    }
    plim__array_free(allocator, text, PAGES_ENVIRONMENT_BYTES, 1);
    return is_one;
}

plim_status plim__gtk_knock(plim_target *target, bool by_owner, plim_error *err)
{
    const plim__address *address = &target->address;
    bool is_here = plim__address_is_loopback(address);
    if (by_owner)
        return is_here && pages_owner_is_one(target->allocator, address->port) ? PLIM_OK
                                                                               : PLIM_ERR_NOT_FOUND;
    if (is_here && plim__gtk_socket_company(target->allocator, address->port) != 0)
        return PLIM_ERR_NOT_FOUND; /* whatever it is, its client would be robbed of it */
    plim__gtk_socket *socket = NULL;
    plim_status status =
        plim__gtk_socket_open(target->loop, target->allocator, address->host, address->port,
                              target->options.connect_timeout_ns, &socket, err);
    plim__gtk_socket_close(&socket);
    if (status != PLIM_OK && status != PLIM_ERR_INTERRUPTED && status != PLIM_ERR_NO_MEMORY) {
        if (err != NULL)
            *err = (plim_error){0};
        return PLIM_ERR_NOT_FOUND;
    }
    return status;
}

/* ---- which page ----------------------------------------------------------------------------- */

static bool pages_match(const plim_target *target, const plim__gtk_page *page)
{
    const char *wanted = target->address.path;
    return wanted[0] == '\0' || strcmp(wanted, page->path) == 0 ||
           strncmp(page->path + strlen("/socket"), wanted, strlen(wanted)) == 0;
}

static plim_status pages_several(const plim_target *target, const plim__gtk_page *pages,
                                 uint32_t count, plim_error *err)
{
    plim__name_list names = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (pages_match(target, &pages[i]))
            plim__name_list_add(&names, "", "%s:%u%s (%.40s)", target->address.host,
                                (unsigned)target->address.port, pages[i].path,
                                pages[i].title[0] != '\0' ? pages[i].title : pages[i].url);
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "%s:%u has several pages: say which one",
                       target->address.host, (unsigned)target->address.port);
    plim_error_hint(err, "%s", names.text);
    return status;
}

/* PLIM_ERR_NOT_FOUND: none yet. */
static plim_status pages_choose(plim_target *target, const plim__gtk_page *pages, uint32_t count,
                                plim_error *err)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!pages_match(target, &pages[i]) || found++ > 0)
            continue;
        (void)snprintf(target->path, sizeof target->path, "%s", pages[i].path);
        (void)snprintf(target->title, sizeof target->title, "%s",
                       pages[i].title[0] != '\0' ? pages[i].title : pages[i].url);
    }
    if (found > 1)
        return pages_several(target, pages, count, err);
    if (found == 1)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_NOT_FOUND, "%s:%u lists no page %s", target->address.host,
                          (unsigned)target->address.port,
                          target->address.path[0] != '\0' ? target->address.path + 1
                                                          : "to connect to");
}

/* The list as HTML, once. */
static plim_status pages_ask_http(plim_target *target, plim__gtk_page *pages, uint32_t *out_count,
                                  bool *out_is_mute, plim_error *err)
{
    const plim__address *address = &target->address;
    plim__http_body body = {0};
    plim_status status =
        plim__http_get(target->loop, address->host, address->port, "/",
                       target->options.connect_timeout_ns, target->allocator, &body, err);
    *out_is_mute = status == PLIM_ERR_PROTOCOL && body.banner[0] == '\0';
    if (status == PLIM_OK)
        plim__gtk_list_read(body.text, body.len, pages, PLIM__GTK_PAGES_MAX, out_count);
    plim__http_body_fini(&body);
    return status == PLIM_OK ? pages_choose(target, pages, *out_count, err) : status;
}

/* Somebody who stays is with it: what only lists and goes is waited for. */
static plim_status pages_look_out(plim_target *target, plim_error *err)
{
    int64_t pid = 0;
    for (int look = 0; look < PAGES_LOOKS && plim__address_is_loopback(&target->address); look++) {
        pid = plim__gtk_socket_company(target->allocator, target->address.port);
        if (pid == 0)
            return PLIM_OK;
        if (plim__loop_sleep(target->loop, pages_company_ns) != PLIM_OK)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted while connecting");
    }
    if (pid == 0)
        return PLIM_OK;
    plim_status status =
        plim_error_set(err, PLIM_ERR_REFUSED,
                       "process %lld has a connection to this inspector, which serves one client: "
                       "it would lose its pages to us without a word",
                       (long long)pid);
    plim_error_hint(err, "end that one first");
    return status;
}

static plim_status pages_ask_socket(plim_target *target, uint64_t deadline_ns,
                                    plim__gtk_socket **out_socket, plim_error *err)
{
    const plim__address *address = &target->address;
    const plim__gtk_page *pages = NULL;
    uint32_t count = 0;
    uint64_t now_ns = plim__loop_now_ns();
    plim__gtk_socket *socket = NULL;
    plim_status status = pages_look_out(target, err);
    if (status == PLIM_OK)
        status =
            plim__gtk_socket_open(target->loop, target->allocator, address->host, address->port,
                                  target->options.connect_timeout_ns, &socket, err);
    if (status == PLIM_OK)
        status = plim__gtk_socket_pages(socket, deadline_ns > now_ns ? deadline_ns - now_ns : 0,
                                        &pages, &count, err);
    if (status == PLIM_OK)
        status = pages_choose(target, pages, count, err);
    if (status == PLIM_OK)
        *out_socket = socket;
    else
        plim__gtk_socket_close(&socket);
    return status;
}

plim_status plim__gtk_pages_find(plim_target *target, uint64_t deadline_ns,
                                 plim__gtk_socket **out_socket, plim_error *err)
{
    plim__gtk_page *pages = plim__array_new(target->allocator, PLIM__GTK_PAGES_MAX, sizeof *pages);
    if (pages == NULL)
        return plim__no_memory(err, "the list of pages");
    plim_status status;
    plim_error why;
    bool is_mute = false;
    do {
        uint32_t count = 0;
        why = (plim_error){0};
        status = pages_ask_http(target, pages, &count, &is_mute, &why);
        /* A page that is not there yet comes; one that is not among others does not. */
        if (status != PLIM_ERR_NOT_FOUND || count > 0)
            break;
        if (plim__loop_sleep(target->loop, pages_pause_ns) != PLIM_OK) {
            status = why.status = PLIM_ERR_INTERRUPTED;
            break;
        }
    } while (plim__loop_now_ns() < deadline_ns);
    plim__array_free(target->allocator, pages, PLIM__GTK_PAGES_MAX, sizeof *pages);
    if (is_mute) {
        why = (plim_error){0};
        status = pages_ask_socket(target, deadline_ns, out_socket, &why);
    }
    return status == PLIM_OK ? PLIM_OK : plim__error_repeat(err, &why);
}

/* ---- for lists of everything ---------------------------------------------------------------- */

static void pages_add_all(const plim__gtk_page *pages, uint32_t count, plim__gtk_page_add *add,
                          void *ctx)
{
    for (uint32_t i = 0; i < count; i++)
        add(ctx, &pages[i]);
}

static plim_status pages_list_http(plim__loop *loop, const plim_allocator *allocator,
                                   const plim__probe *probe, uint64_t timeout_ns,
                                   plim__gtk_page_add *add, void *ctx)
{
    plim__http_body body = {0};
    uint32_t count = 0;
    plim__gtk_page *pages = plim__array_new(allocator, PLIM__GTK_PAGES_MAX, sizeof *pages);
    plim_status status = pages != NULL ? PLIM_OK : PLIM_ERR_NO_MEMORY;
    if (status == PLIM_OK)
        status =
            plim__http_get(loop, probe->host, probe->port, "/", timeout_ns, allocator, &body, NULL);
    if (status == PLIM_OK)
        plim__gtk_list_read(body.text, body.len, pages, PLIM__GTK_PAGES_MAX, &count);
    pages_add_all(pages, count, add, ctx);
    plim__http_body_fini(&body);
    plim__array_free(allocator, pages, PLIM__GTK_PAGES_MAX, sizeof *pages);
    return status;
}

plim_status plim__gtk_list_pages(plim__loop *loop, const plim_allocator *allocator,
                                 const plim__probe *probe, uint64_t timeout_ns,
                                 plim__gtk_page_add *add, void *ctx)
{
    PLIM_CHECK(probe != NULL && add != NULL);
    const plim__gtk_page *pages = NULL;
    uint32_t count = 0;
    if (probe->browser[0] != '\0')
        return pages_list_http(loop, allocator, probe, timeout_ns, add, ctx);
    if (plim__gtk_socket_company(allocator, probe->port) != 0)
        return PLIM_ERR_REFUSED;
    plim__gtk_socket *socket = NULL;
    plim_status status =
        plim__gtk_socket_open(loop, allocator, probe->host, probe->port, timeout_ns, &socket, NULL);
    if (status == PLIM_OK)
        status = plim__gtk_socket_pages(socket, timeout_ns, &pages, &count, NULL);
    if (status == PLIM_OK)
        pages_add_all(pages, count, add, ctx);
    plim__gtk_socket_close(&socket);
    return status;
}

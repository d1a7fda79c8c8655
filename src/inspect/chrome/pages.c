/* SPDX-License-Identifier: MIT */
/*
 * What a browser has, seen from outside, without a session to anything: /json/list of its port. A
 * browser is many processes of one executable; the one that has no --type= is the browser.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "inspect/chrome/chrome.h"
#include "inspect/wire/http.h"

const char plim__chrome_how_to_open[] =
    "start it with --remote-debugging-port=0 --user-data-dir=A_FOLDER_OF_ITS_OWN, or let plim "
    "start one: plim leaks --page URL";

/* What others call them, and how they stand before a title. */
static const struct pages_kind {
    const char *type;
    const char *mark;
} pages_kinds[] = {
    {"page", ""},
    {"iframe", "[frame] "},
    {"worker", "[worker] "},
    {"shared_worker", "[shared worker] "},
    {"service_worker", "[service worker] "},
    {"webview", "[view] "},
};

static const char *pages_text(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text != NULL ? text : "";
}

static bool pages_read(const json_t *entry, plim__chrome_page *out_page)
{
    const char *type = pages_text(entry, "type");
    const char *id = pages_text(entry, "id");
    const char *title = pages_text(entry, "title");
    if (title[0] == '\0')
        title = pages_text(entry, "url");
    if (id[0] == '\0' || strlen(id) >= sizeof out_page->id || strpbrk(id, " \r\n") != NULL)
        return false;
    for (size_t i = 0; i < sizeof pages_kinds / sizeof pages_kinds[0]; i++) {
        if (strcmp(pages_kinds[i].type, type) != 0)
            continue;
        char shown[PLIM__PROBE_TITLE_BYTES];
        (void)snprintf(shown, sizeof shown, "%s%s", pages_kinds[i].mark, title);
        plim__probe_copy_text(out_page->title, sizeof out_page->title, shown);
        memcpy(out_page->id, id, strlen(id) + 1);
        return true;
    }
    return false;
}

plim_status plim__chrome_list_pages(plim__loop *loop, const plim_allocator *allocator,
                                    const plim__probe *probe, uint64_t timeout_ns,
                                    plim__chrome_page_add add, void *ctx)
{
    PLIM_CHECK(probe != NULL && add != NULL);
    plim__http_body body = {0};
    plim_status status = plim__http_get(loop, probe->host, probe->port, "/json/list", timeout_ns,
                                        allocator, &body, NULL);
    if (status != PLIM_OK)
        return status;
    json_t *list = json_loadb(body.text, body.len, 0, NULL);
    plim__http_body_fini(&body);
    size_t index;
    const json_t *entry;
    json_array_foreach(list, index, entry)
    {
        plim__chrome_page page;
        if (index < PLIM_TARGETS_MAX && pages_read(entry, &page))
            add(ctx, &page);
    }
    json_decref(list);
    return PLIM_OK;
}

bool plim__chrome_is_browser(int64_t pid)
{
    enum { COMMAND_BYTES = 16 << 10 }; /* its children have the option among the first */
    char text[COMMAND_BYTES];
    size_t len = 0;
    if (plim__process_command(pid, text, sizeof text, &len) != PLIM_OK || len == 0)
        return false;
    /* Children write their words anew, with blanks between them. */
    for (size_t at = 0; at < len; at++) {
        if (text[at] == '\0')
            text[at] = ' ';
    }
    text[len - 1] = '\0';
    return strstr(text, " --type=") == NULL;
}

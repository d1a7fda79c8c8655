/* SPDX-License-Identifier: MIT */
/*
 * WEBKIT_INSPECTOR_HTTP_SERVER lists its targets for people: rows of a table, with the name, the
 * URL and a button whose script holds the path. So the path is what is looked for, and name and URL
 * are what stood last before it:
 *   …<div class="targetname">NAME</div><div class="targeturl">URL</div>…
 *   …window.location.host + '/socket/1/1/WebPage', …
 */
#include <string.h>

#include "base/assert.h"
#include "inspect/probe.h"
#include "inspect/webkit/gtk.h"

/* Where a text begins in what is left, or NULL. */
static const char *list_find(const char *at, const char *end, const char *text)
{
    size_t len = strlen(text);
    while ((size_t)(end - at) >= len) {
        const char *found = memchr(at, text[0], (size_t)(end - at) - len + 1);
        if (found == NULL || memcmp(found, text, len) == 0)
            return found;
        at = found + 1;
    }
    return NULL;
}

static size_t list_entity(const char *at, const char *end, char *out)
{
    static const struct {
        const char *text;
        char letter;
    } known[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t len = strlen(known[i].text);
        if ((size_t)(end - at) >= len && memcmp(at, known[i].text, len) == 0) {
            *out = known[i].letter;
            return len;
        }
    }
    *out = *at;
    return 1;
}

/* The text of the last element of this class in [from, end). */
static void list_text(const char *from, const char *end, const char *mark, char *out, size_t cap)
{
    char text[PLIM__GTK_TITLE_BYTES * 2];
    const char *begin = NULL;
    for (const char *at = from; (at = list_find(at, end, mark)) != NULL; at += strlen(mark))
        begin = at + strlen(mark);
    out[0] = '\0';
    if (begin == NULL)
        return;
    const char *stop = list_find(begin, end, "</div>");
    size_t len = 0;
    stop = stop != NULL ? stop : end;
    while (begin < stop && len + 1 < sizeof text)
        begin += list_entity(begin, stop, &text[len++]);
    text[len] = '\0';
    plim__probe_copy_text(out, cap, text);
}

/* "/socket/NUMBER/NUMBER/Letters": its length, or 0. */
static size_t list_path(const char *at, const char *end)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *begin = at;
    at += strlen("/socket/");
    for (int part = 0; part < 3; part++) {
        const char *from = at;
        while (at < end && *at != '\0' && strchr(part < 2 ? "0123456789" : letters, *at) != NULL)
            at++;
        if (at == from || (part < 2 && (at == end || *at++ != '/')))
            return 0;
    }
    size_t len = (size_t)(at - begin);
    return len < PLIM__GTK_PATH_BYTES ? len : 0;
}

void plim__gtk_list_read(const char *html, size_t len, plim__gtk_page *out_pages, uint32_t cap,
                         uint32_t *out_count)
{
    PLIM_CHECK(html != NULL && out_pages != NULL && out_count != NULL);
    const char *end = html + len;
    const char *from = html; /* of the row */
    uint32_t count = 0;
    for (const char *at = html; count < cap && (at = list_find(at, end, "/socket/")) != NULL;) {
        size_t path_len = list_path(at, end);
        if (path_len == 0) {
            at += strlen("/socket/");
            continue;
        }
        plim__gtk_page *page = &out_pages[count++];
        memcpy(page->path, at, path_len);
        page->path[path_len] = '\0';
        list_text(from, at, "<div class=\"targetname\">", page->title, sizeof page->title);
        list_text(from, at, "<div class=\"targeturl\">", page->url, sizeof page->url);
        at += path_len;
        from = at;
    }
    *out_count = count;
}

/* SPDX-License-Identifier: MIT */
/**
 * @file webkit_page.h
 * @brief What must hold of a page that WebKitGTK lists, whichever way its list came.
 */
#ifndef PLIM_FUZZ_WEBKIT_PAGE_H
#define PLIM_FUZZ_WEBKIT_PAGE_H
#include "input.h"
#include "inspect/webkit/gtk.h"

/** Its path is of the one form there is, and its text may be shown. */
static inline void fuzz_webkit_page(const plim__gtk_page *page)
{
    FUZZ_CLAIM(strncmp(page->path, "/socket/", 8) == 0);
    FUZZ_CLAIM(strpbrk(page->path, " \r\n'\"<>\\?#") == NULL);
    FUZZ_CLAIM(strlen(page->path) < sizeof page->path);
    for (const char *at = page->title; *at != '\0'; at++)
        FUZZ_CLAIM((unsigned char)*at >= ' ' && *at != 0x7f);
    for (const char *at = page->url; *at != '\0'; at++)
        FUZZ_CLAIM((unsigned char)*at >= ' ' && *at != 0x7f);
}

#endif

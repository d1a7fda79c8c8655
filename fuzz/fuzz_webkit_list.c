/* SPDX-License-Identifier: MIT */
/*
 * The page of HTML that is WebKitGTK's list of targets. Claims: what is taken out of it is a path
 * of the one form that there is and text that may be shown; a smaller room gives the same first.
 */
#include "input.h"
#include "inspect/webkit/gtk.h"

enum { PAGES = 8 };

static void look(const plim__gtk_page *page)
{
    FUZZ_CLAIM(strncmp(page->path, "/socket/", 8) == 0);
    FUZZ_CLAIM(strpbrk(page->path, " \r\n'\"<>\\?#") == NULL);
    FUZZ_CLAIM(strlen(page->path) < sizeof page->path);
    for (const char *at = page->title; *at != '\0'; at++)
        FUZZ_CLAIM((unsigned char)*at >= ' ' && *at != 0x7f);
    for (const char *at = page->url; *at != '\0'; at++)
        FUZZ_CLAIM((unsigned char)*at >= ' ' && *at != 0x7f);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim__gtk_page all[PAGES], one[1];
    uint32_t count = 0, first = 0;
    char *html = malloc(size + 1); /* its own block: a step beyond its end is seen */
    FUZZ_CLAIM(html != NULL);
    if (size > 0)
        memcpy(html, data, size);
    plim__gtk_list_read(html, size, all, PAGES, &count);
    plim__gtk_list_read(html, size, one, 1, &first);
    FUZZ_CLAIM(count <= PAGES && first == (count > 0));
    for (uint32_t i = 0; i < count; i++)
        look(&all[i]);
    FUZZ_CLAIM(first == 0 || strcmp(one[0].path, all[0].path) == 0);
    free(html);
    return 0;
}

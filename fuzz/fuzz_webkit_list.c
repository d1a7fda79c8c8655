/* SPDX-License-Identifier: MIT */
/*
 * The page of HTML that is WebKitGTK's list of targets. Claims: what is taken out of it is a path
 * of the one form that there is and text that may be shown; a smaller room gives the same first.
 */
#include "webkit_page.h"

enum { PAGES = 8 };

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
        fuzz_webkit_page(&all[i]);
    FUZZ_CLAIM(first == 0 || strcmp(one[0].path, all[0].path) == 0);
    free(html);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Reads lists of pages as hexadecimal lines, "l" or "b" and the bytes, and prints what
 * plim__gtk_frames_pages() makes of each, for a comparison with GLib's own reader. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/webkit/gtk_frames.h"

enum { PAGES = 64, LINE_BYTES = 1 << 20 };

static json_t *answer(const char *bytes, size_t len, bool is_little)
{
    static plim__gtk_page pages[PAGES];
    uint32_t count = 0;
    uint64_t connection = 0;
    if (plim__gtk_frames_pages(bytes, len, is_little, pages, PAGES, &count, &connection, NULL) !=
        PLIM_OK)
        return json_null();
    json_t *rows = json_array();
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(
            rows, json_pack("[s,s,s]", pages[i].path, pages[i].title, pages[i].url));
    return rows;
}

int main(void)
{
    static char line[LINE_BYTES];
    static char bytes[LINE_BYTES / 2];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t len = 0;
        const char *at = line + 1;
        for (char digits[3] = ""; at[0] > '\n' && at[1] > '\n'; at += 2) {
            memcpy(digits, at, 2);
            bytes[len++] = (char)strtoul(digits, NULL, 16);
        }
        json_t *rows = answer(bytes, len, line[0] == 'l');
        (void)json_dumpf(rows, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)putchar('\n');
        json_decref(rows);
    }
    return 0;
}

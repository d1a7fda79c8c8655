/* SPDX-License-Identifier: MIT */
/* A shared object that takes memory and keeps it, 1,000 bytes at a time. */
#include <stdlib.h>
#include <string.h>

size_t fill(size_t bytes);

static void *volatile FILL_KEPT;

size_t fill(size_t bytes)
{
    size_t total = 0;
    for (; total < bytes; total += 1000) {
        FILL_KEPT = malloc(1000);
        if (FILL_KEPT == NULL)
            break;
        memset(FILL_KEPT, 1, 1000);
    }
    return total;
}

/* SPDX-License-Identifier: MIT */
#include "inspect/name_list.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

void plim__name_list_add(plim__name_list *list, const char *head, const char *format, ...)
{
    PLIM_CHECK(list != NULL && head != NULL && format != NULL);
    PLIM_CHECK(list->len < sizeof list->text);
    if (list->is_full)
        return;
    size_t left = sizeof list->text - list->len;
    char *at = list->text + list->len;
    int before = snprintf(at, left, "%s", list->len > 0 ? ", " : head);
    int more = -1;
    if (before >= 0 && (size_t)before < left) {
        va_list words;
        va_start(words, format);
        more = vsnprintf(at + before, left - (size_t)before, format, words);
        va_end(words);
    }
    list->is_full = more < 0 || (size_t)more >= left - (size_t)before;
    if (list->is_full)
        at[0] = '\0';
    else
        list->len += (size_t)before + (size_t)more;
}

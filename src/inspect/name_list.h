/* SPDX-License-Identifier: MIT */
/**
 * @file name_list.h
 * @brief Names for a hint, "a, b, c": as many as it takes, none of them cut.
 *
 * A name that was cut would lead astray who types it; so the first one that does not fit is left
 * out, and all behind it. All zero is an empty list.
 * Thread-safety: one owner thread per list.
 */
#ifndef PLIM_INSPECT_NAME_LIST_H
#define PLIM_INSPECT_NAME_LIST_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>

/** What has been named so far. */
typedef struct plim__name_list {
    char text[PLIM_ERROR_HINT_BYTES]; /**< what to show; "" while nothing is named */
    size_t len;
    bool is_full;
} plim__name_list;

/** Names one more, composed as by printf. `head` stands before the first one; "": nothing does. */
void plim__name_list_add(plim__name_list *list, const char *head, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file page.h
 * @brief What lies in the memory between who supervises and who looks: fixed places, no pointers.
 */
#ifndef PLIM_SUPERVISE_STATUS_PAGE_H
#define PLIM_SUPERVISE_STATUS_PAGE_H
#include <plimsoll/supervision.h>

enum { PLIM__STATUS_VERSION = 1, PLIM__STATUS_FIGURES = 9 };

#define PLIM__STATUS_MARK   "plimsup1"
#define PLIM__STATUS_PREFIX "supervision-" /* behind plimsoll-, before the name */

typedef struct plim__status_row {
    char id[PLIM_SUPERVISION_NAME_BYTES];
    uint32_t depth, is_supervisor, state, unused;
    int64_t pid;
    uint64_t uptime_ns, restarts, rss_bytes, memory_bytes, most_bytes, limit_bytes, answered,
        busy_ns;
} plim__status_row;

typedef struct plim__status_page {
    char mark[8]; /* PLIM__STATUS_MARK, without its NUL */
    uint32_t version, row_bytes;
    _Atomic uint64_t sequence; /* odd while it is written */
    uint64_t number;           /* of this place: two descriptors with one number lead to one */
    uint64_t started_ns, written_ns;
    char kind[PLIM_SUPERVISION_NAME_BYTES], name[PLIM_SUPERVISION_NAME_BYTES];
    uint32_t row_count, left_out, is_stopping, is_on_change;
    uint64_t figures[PLIM__STATUS_FIGURES]; /* in the order of the head's */
} plim__status_page;

/** Makes a head and rows of what was copied. False: it contradicts itself. Pre: rows has room for
    page->row_count where that is no more than PLIM_SUPERVISION_ROWS_MAX. */
bool plim__status_understand(const plim__status_page *page, const plim__status_row *from,
                             uint64_t now_ns, plim_supervision_head *out_head,
                             plim_supervised *out_rows);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file fingerprint_walk.h
 * @brief What a manager holds, some rows of its fingerprint at a time, in their order.
 */
#ifndef PLIM_MEMORY_FINGERPRINT_WALK_H
#define PLIM_MEMORY_FINGERPRINT_WALK_H
#include <plimsoll/fingerprint.h>

/** As many rows as there is room for, the first ones behind a row, whole. For who has less room
 *  than there are rows, and goes through them several times. */
typedef struct plim__fingerprint_window {
    plim_fingerprint_row *rows;
    uint32_t row_max; /* at least 2 */
    uint32_t row_count;
    bool has_more, is_last;     /* rows behind these; none */
    plim_fingerprint_row after; /* rows up to here were there before; owner "": none */
} plim__fingerprint_window;

/** The next rows of a manager; false if there are none. Zero but for rows and row_max at first. */
bool plim__fingerprint_next(plim__fingerprint_window *window, plim_manager *manager);

/** Order by owner, kind and site: below, at or above 0. */
int plim__fingerprint_order(const plim_fingerprint_row *a, const plim_fingerprint_row *b);

/** plim_fingerprint_digest() row by row: begin, the rows in their order, end with the rest. */
uint64_t plim__fingerprint_digest_begin(void);
uint64_t plim__fingerprint_digest_row(uint64_t hash, const plim_fingerprint_row *row);
uint64_t plim__fingerprint_digest_end(uint64_t hash, uint64_t rest_count, uint64_t rest_bytes);

/** A site's text into a row; of one that is too long, the end. */
void plim__fingerprint_site(plim_fingerprint_row *row, const char *site);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file fingerprint.h
 * @brief What a program's memory holds, in rows that can be compared with earlier ones.
 *
 * "Stable" is measured, not hoped for: take a fingerprint when the program is warm, another when it
 * has worked, and compare. A row is one owner (domain or pool), one kind (size class or format) and
 * one site, where the level keeps sites, with the count and bytes of what it holds there; pools add
 * a digest of their flags. Equal states give equal rows, in the same order.
 *
 *     static plim_fingerprint_row rows[2][256];
 *     plim_fingerprint before, after;
 *     plim_fingerprint_start(&before, rows[0], 256);
 *     plim_fingerprint_add_pool(&before, pool);
 *     …
 *     if (plim_fingerprint_compare(&before, &after, sink, NULL) > 0) …  // says what changed
 *
 * Nothing is allocated: rows are the caller's. What finds no row is summed up and compared, too.
 * Thread-safety: one thread per fingerprint; what it is taken of must stand still.
 * @see docs/internals/pools.md
 */
#ifndef PLIM_FINGERPRINT_H
#define PLIM_FINGERPRINT_H
#include <plimsoll/manager.h>
#include <plimsoll/pool.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_FINGERPRINT_NAME_BYTES = 32, /**< of an owner or kind, with its NUL */
    PLIM_FINGERPRINT_SITE_BYTES = 96  /**< of a site; of a longer one, its end */
};

/** One row. */
typedef struct plim_fingerprint_row {
    char owner[PLIM_FINGERPRINT_NAME_BYTES]; /**< domain or pool */
    char kind[PLIM_FINGERPRINT_NAME_BYTES];  /**< "64 B", "large", "pool f32", "f32" */
    char site[PLIM_FINGERPRINT_SITE_BYTES];  /**< "file:line", or "" where it is not kept */
    uint64_t count;                          /**< blocks or slots */
    uint64_t bytes;                          /**< held by them */
    uint64_t state;                          /**< of a whole pool: digest of its flags; else 0 */
} plim_fingerprint_row;

/** All rows, ordered by owner, kind and site. Fields are read-only; start begins it. */
typedef struct plim_fingerprint {
    plim_fingerprint_row *rows;
    uint32_t row_count;
    uint32_t row_max;
    uint64_t rest_count; /**< what found no row */
    uint64_t rest_bytes;
} plim_fingerprint;

/**
 * @brief      Begins an empty fingerprint.
 * @param[out] fingerprint  set.
 * @param[in]  rows         borrowed for as long as the fingerprint is used.
 * @param[in]  row_max      how many there are.
 * @note       Threads: any.
 */
PLIM_API void plim_fingerprint_start(plim_fingerprint *fingerprint, plim_fingerprint_row *rows,
                                     uint32_t row_max);

/**
 * @brief         Adds count, bytes and state to the row of that owner, kind and site.
 * @param[in,out] fingerprint  started.
 * @param[in]     row          copied; texts are NUL-terminated.
 * @note          Threads: any. For owners that Plimsoll does not know.
 */
PLIM_API void plim_fingerprint_add(plim_fingerprint *fingerprint, const plim_fingerprint_row *row);

/**
 * @brief         Adds a pool: a row for the whole, with the digest of its flags, its pins and of
 *                how many slots its last frame took; and a row per site that holds slots.
 * @param[in,out] fingerprint  started.
 * @param[in]     pool         not NULL.
 * @note          Threads: the pool's owner.
 */
PLIM_API void plim_fingerprint_add_pool(plim_fingerprint *fingerprint, const plim_pool *pool);

/**
 * @brief         Adds a manager: for each domain, type and site the live blocks, with the bytes
 *                charged for them. The type is a size class ("64 B"), "large" (whole pages), or
 *                "outside pages" (PLIM_BLOCKs, the C library's). Sites are known at level standard
 *                and above, else "". What threads have cached is not in it.
 * @param[in,out] fingerprint  started.
 * @param[in]     manager      NULL: the default one.
 * @note          Threads: any; no other may be allocating.
 */
PLIM_API void plim_fingerprint_add_manager(plim_fingerprint *fingerprint, plim_manager *manager);

/**
 * @brief     One number for all rows; equal states have equal digests.
 * @param[in] fingerprint  started.
 * @return    64 bits (FNV-1a): for a glance and for logs; compare decides.
 * @note      Threads: any.
 */
PLIM_API uint64_t plim_fingerprint_digest(const plim_fingerprint *fingerprint);

/**
 * @brief         Compares two and writes a line for each row that differs:
 *                "render  64 B  scene.c:12: 10 -> 12 (+2), 640 -> 768 bytes (+128)".
 * @param[in]     before  started.
 * @param[in]     after   started.
 * @param[in]     sink    where the lines go; write NULL: nowhere.
 * @param[in,out] err     what the sink reported; may be NULL.
 * @return        how many rows differ; 0: the same.
 * @note          Threads: any. No allocation.
 */
PLIM_API uint32_t plim_fingerprint_compare(const plim_fingerprint *before,
                                           const plim_fingerprint *after, plim_sink sink,
                                           plim_error *err);

/**
 * @brief         Writes a fingerprint: for people a table, else the JSON object
 *                {"digest":"0x…","rest_count":…,"rest_bytes":…,"rows":[{"owner","kind","site",
 *                "count","bytes","state"}…]}, which a report carries and `plim stable` reads.
 * @param[in]     fingerprint  started.
 * @param[in]     form         text or JSON.
 * @param[in]     sink         called with pieces of at most 4 KiB.
 * @param[in,out] err          may be NULL.
 * @return        what the sink returned if it failed, else PLIM_OK.
 * @note          Threads: any. No allocation.
 */
PLIM_API PLIM_NODISCARD plim_status plim_fingerprint_write(const plim_fingerprint *fingerprint,
                                                           plim_report_form form, plim_sink sink,
                                                           plim_error *err);

PLIM_DECLS_END
#endif

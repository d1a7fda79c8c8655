/* SPDX-License-Identifier: MIT */
/**
 * @file topdata.h
 * @brief What plim top shows: rows of a target at one moment, with what they were before.
 */
#ifndef PLIM_CLI_TOPDATA_H
#define PLIM_CLI_TOPDATA_H
#include <plimsoll/process_view.h>

#include "cli/cli.h"
#include "cli/workers.h"

enum { PLIM__TOP_NAME_BYTES = 96, PLIM__TOP_ROWS_MAX = 1 << 16 };

/** The lists, one shown at a time. */
typedef enum plim__top_list {
    PLIM__TOP_WORKERS, /**< of a supervisor; they have rows of their own */
    PLIM__TOP_DOMAINS, /**< of a program that publishes its report */
    PLIM__TOP_TYPES,   /**< of a region; the sites of a program under libplimsoll-malloc */
    PLIM__TOP_OWNERS,
    PLIM__TOP_LISTS
} plim__top_list;

typedef struct plim__top_row {
    char name[PLIM__TOP_NAME_BYTES]; /* as it can be shown */
    uint64_t key;
    uint64_t count, bytes;
    uint64_t limit_bytes;      /* DOMAINS: the load line; UINT64_MAX: none */
    uint64_t high_water_bytes; /* DOMAINS */
    uint64_t refusals;         /* DOMAINS */
    int64_t change_bytes;      /* since the look before */
    int64_t growth_bytes;      /* since the first look */
    uint64_t first_bytes;
} plim__top_row;

typedef struct plim__top_rows {
    plim__top_row *rows;
    uint32_t count, capacity;
} plim__top_rows;

/** Zero it, set cli, workers.cli and address; ended by plim__top_fini(). */
typedef struct plim__top {
    plim__cli *cli;
    const char *address; /* NULL: all supervisors of this machine */
    plim__workers workers;
    plim_target *target;       /* of an address without a region or report; NULL otherwise */
    plim_process_view *blocks; /* of a program under libplimsoll-malloc; NULL otherwise */
    plim__top_rows now[PLIM__TOP_LISTS], before[PLIM__TOP_LISTS];
    bool has[PLIM__TOP_LISTS];
    uint32_t look_count;
    char title[PLIM__TOP_NAME_BYTES * 2];
    uint64_t used_bytes,
        room_bytes; /* of all of it, PLIM_UNKNOWN of a supervisor; room 0: unknown */
    uint64_t first_used_bytes;
    uint64_t rss_bytes;    /* PLIM_UNKNOWN */
    uint64_t object_count; /* of a region */
    bool is_gone;          /* it ended; what is shown is what was seen last */
} plim__top;

/** Looks again. PLIM_ERR_UNSUPPORTED if there is nothing of the four kinds there. */
plim_status plim__top_look(plim__top *top, plim_error *err);

/** Frees. */
void plim__top_fini(plim__top *top);

#endif

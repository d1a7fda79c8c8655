/* SPDX-License-Identifier: MIT */
/**
 * @file watched.h
 * @brief A small manager over a storage of its own whose panics are kept instead of told.
 */
#ifndef PLIM_PROOFS_WATCHED_H
#define PLIM_PROOFS_WATCHED_H
#include <plimsoll/manager.h>
#include <plimsoll/memory.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCHED_STORAGE_MAX = 2 << 20 };

/* With little storage a manager has no caches, and all goes the checked way. */
enum { WATCHED_WITHOUT_CACHES = 256 << 10, WATCHED_WITH_CACHES = WATCHED_STORAGE_MAX };

static _Alignas(4096) unsigned char watched_storage[WATCHED_STORAGE_MAX];
static plim_manager *watched_manager;
static plim_domain watched_domain;
static unsigned watched_panics; /* since they were last asked for */
static char watched_name[8];    /* the last one's invariant */
static const void *watched_address;

static void watched_panic(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    watched_panics++;
    (void)snprintf(watched_name, sizeof watched_name, "%s", panic->invariant);
    watched_address = panic->address;
}

static void watched_start(plim_verify verify, size_t storage_bytes)
{
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .backing = PLIM_BACKING_FIXED,
                                    .verify = verify,
                                    .storage = watched_storage,
                                    .storage_bytes = storage_bytes,
                                    .panic = watched_panic,
                                    .watch_every = 1};
    plim_domain_options wishes = {.struct_bytes = sizeof wishes, .limit_bytes = 128 << 10};
    if (plim_manager_create(&options, &watched_manager, NULL) != PLIM_OK ||
        plim_domain_create(watched_manager, "unit", &wishes, &watched_domain, NULL) != PLIM_OK)
        exit(2);
    watched_panics = 0;
}

static void watched_end(void)
{
    plim_manager_destroy(&watched_manager);
}

static plim_domain_stats watched_stats(void)
{
    plim_domain_stats stats;
    if (plim_domain_stats_read(watched_domain, &stats) != PLIM_OK)
        exit(2);
    return stats;
}

/* Whether that invariant, and nothing else, was told since this was last asked; NULL: nothing. */
static bool watched_told(const char *invariant)
{
    unsigned panics = watched_panics;
    watched_panics = 0;
    return invariant == NULL ? panics == 0 : panics == 1 && strcmp(watched_name, invariant) == 0;
}

#endif

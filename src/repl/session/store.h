/* SPDX-License-Identifier: MIT */
/**
 * @file store.h
 * @brief What is kept of units that were adopted: image and text, in a file, mapped at one place
 *        for good; and where the worker's program is.
 *
 * Images are looked at after a crash and when values are shown: they are the file's, not memory of
 * the owner's, which so stays the same over any number of entries.
 */
#ifndef PLIM_REPL_STORE_H
#define PLIM_REPL_STORE_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct plim__store {
    int file;              /* -1: none */
    unsigned char *memory; /* of the file, as far as it goes */
    uint64_t used, held;
} plim__store;

/** An empty one, in a file without a name in that folder. */
plim_status plim__store_open(plim__store *store, const char *folder, plim_error *err);

/** Ends it; also one that was not opened but has file -1. */
void plim__store_close(plim__store *store);

/** Adds bytes and a NUL; they stand at out_at from then on, aligned to 16. */
plim_status plim__store_add(plim__store *store, const void *bytes, size_t count, uint64_t *out_at,
                            plim_error *err);

/** Makes an empty one hold so many bytes, for the caller to fill in. */
plim_status plim__store_fill(plim__store *store, uint64_t bytes, plim_error *err);

/** Forgets all from a place on. */
void plim__store_cut(plim__store *store, uint64_t at);

/** Finds the folder of plim-repl-worker: the caller's, PLIM_LIBEXEC, beside the program,
    installed. */
plim_status plim__libexec_find(const char *asked, char *out_folder, size_t cap, plim_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file link.h
 * @brief An object put at its addresses: undefined names resolved, functions behind stubs.
 *
 * Callers of a function of the session, in whatever unit, call its stub, which jumps to where a
 * slot in the data area says. A definition of the same type stores its body's address in that slot:
 * from then on everybody calls it. Another type gets a stub of its own.
 */
#ifndef PLIM_REPL_SOURCE_LINK_H
#define PLIM_REPL_SOURCE_LINK_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repl/source/names.h"
#include "repl/source/object.h"
#include "repl/source/source.h"
#include "repl/source/tools.h"

typedef struct plim__link {
    plim__tools *tools;
    const plim__names *names;
    plim__names_new *news; /**< addresses and slots are set */
    plim__source_resolve *resolve;
    void *resolve_ctx;
    plim__arena *arena;
    uint64_t text_at, data_at;
} plim__link;

/** A slot of an earlier unit that has to be written. */
typedef struct plim__slot_write {
    uint64_t address;
    uint64_t value;
} plim__slot_write;

typedef struct plim__linked {
    const char *refused; /**< why not, for the user; NULL: linked */
    char *image;         /**< the allocator's, image_bytes + 1 */
    size_t image_bytes;
    plim__elf elf; /**< of the image */
    plim__slot_write *slots;
    size_t slot_count;
    uint64_t text_end, data_end;
    const char **missing; /**< functions declared, called, and not defined yet */
    size_t missing_count;
} plim__linked;

/** Links. Post: PLIM_OK also where the user is refused. */
plim_status plim__link_object(const plim__link *link, const char *object, size_t object_bytes,
                              plim__linked *out, plim_error *err);

#endif

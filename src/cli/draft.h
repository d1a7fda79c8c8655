/* SPDX-License-Identifier: MIT */
/**
 * @file draft.h
 * @brief A text being written: grows, never overflows, remembers that it could not grow.
 */
#ifndef PLIM_CLI_DRAFT_H
#define PLIM_CLI_DRAFT_H
#include <plimsoll/allocator.h>
#include <plimsoll/graph.h>

/** Always NUL-terminated once something was added. After a refusal it takes nothing more. */
typedef struct plim__draft {
    const plim_allocator *allocator;
    char *data;
    size_t size_bytes; /* without the NUL */
    size_t cap_bytes;
    bool failed; /* the allocator refused: the text is not whole */
} plim__draft;

/** Starts empty; allocator NULL means the system's. Nothing is allocated yet. */
void plim__draft_init(plim__draft *draft, const plim_allocator *allocator);

/** Gives the memory back; the draft is empty afterwards. */
void plim__draft_fini(plim__draft *draft);

/** Empties it and keeps the memory. */
void plim__draft_clear(plim__draft *draft);

/** Adds bytes as they are. */
void plim__draft_add(plim__draft *draft, const void *data, size_t size_bytes);

/** Adds a string as it is. */
void plim__draft_puts(plim__draft *draft, const char *string);

/** Adds the same byte several times. */
void plim__draft_fill(plim__draft *draft, char byte, size_t count);

/** Adds formatted text. */
void plim__draft_printf(plim__draft *draft, const char *format, ...) PLIM_PRINTF(2, 3);

/** The text; "" while nothing was added. Valid until the next change. */
const char *plim__draft_peek(const plim__draft *draft);

/** The text with its length. Valid until the next change. */
plim_text plim__draft_view(const plim__draft *draft);

/** A string as text. */
plim_text plim__text_of(const char *string);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file shapes.h
 * @brief The types of a region, copied and judged once: name, and the fields a graph shows.
 *
 * Invariants: S1 fields of one type lie one after another in `fields`. S2 the elements of a type's
 * fields cover at most 8 times its size: unions do, a row that lies does more and is left out.
 */
#ifndef PLIM_BRIDGE_SHAPES_H
#define PLIM_BRIDGE_SHAPES_H
#include <plimsoll/error.h>
#include <plimsoll/region.h>

enum { PLIM__SHAPE_NAME_BYTES = 256 };

/** A field that leads somewhere or is a text. */
typedef struct plim__shape_field {
    plim_field_kind kind;
    uint32_t offset_bytes, size_bytes, count;
    char name[PLIM__SHAPE_NAME_BYTES];
    uint32_t name_bytes;
} plim__shape_field;

typedef struct plim__shape {
    uint32_t first_field, field_count;
    bool is_owner; /* of a stack, or of its blocks: such an object is its own owner */
    char name[PLIM__SHAPE_NAME_BYTES];
    uint32_t name_bytes;
} plim__shape;

typedef struct plim__shapes {
    const plim_allocator *allocator;
    const plim_region_view *view;
    bool without_texts;
    plim__shape **rows; /* by type; NULL: not asked for yet */
    uint32_t row_count;
    plim__shape_field *fields;
    uint32_t field_count, field_capacity;
} plim__shapes;

/** The shape of a type, NULL if memory was refused or (DAMAGED) its fields are more than any
 *  region has. Borrowed until the next call. */
const plim__shape *plim__shapes_of(plim__shapes *shapes, uint16_t type, plim_error *err);

/** Frees. */
void plim__shapes_fini(plim__shapes *shapes);

#endif

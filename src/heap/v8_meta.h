/* SPDX-License-Identifier: MIT */
/**
 * @file v8_meta.h
 * @brief What a snapshot's `snapshot` object says of the rows that follow it.
 *
 * Fields are found by name, whatever their place; type numbers become our enums by name. Nothing
 * here is believed further: counts are announcements that the scanner compares with what comes.
 * Thread-safety: pure.
 */
#ifndef PLIM_HEAP_V8_META_H
#define PLIM_HEAP_V8_META_H
#include <plimsoll/error.h>
#include <plimsoll/graph.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/** A field that this snapshot's rows do not have. */
#define PLIM__V8_NO_FIELD UINT8_MAX

/** Fields we look for, by the row they stand in; the names are in v8_meta.c, in this order. */
typedef enum plim__v8_field {
    PLIM__V8_NODE_TYPE,
    PLIM__V8_NODE_NAME,
    PLIM__V8_NODE_ID,
    PLIM__V8_NODE_SELF,
    PLIM__V8_NODE_EDGES,
    PLIM__V8_NODE_TRACE,
    PLIM__V8_NODE_DETACHED,
    PLIM__V8_EDGE_TYPE,
    PLIM__V8_EDGE_NAME,
    PLIM__V8_EDGE_TO,
    PLIM__V8_LOCATION_OBJECT,
    PLIM__V8_LOCATION_SCRIPT,
    PLIM__V8_LOCATION_SCRIPT_OBJECT,
    PLIM__V8_LOCATION_LINE,
    PLIM__V8_LOCATION_COLUMN,
    PLIM__V8_FIELD_COUNT
} plim__v8_field;

/** The rows whose width the meta gives. */
typedef enum plim__v8_rows {
    PLIM__V8_NODE_ROWS,
    PLIM__V8_EDGE_ROWS,
    PLIM__V8_LOCATION_ROWS,
    PLIM__V8_SAMPLE_ROWS,
    PLIM__V8_FUNCTION_ROWS,
    PLIM__V8_ROWS_COUNT
} plim__v8_rows;

typedef struct plim__v8_meta {
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t extra_native_bytes;
    uint8_t width[PLIM__V8_ROWS_COUNT];  /* fields of a row; 0 where the meta has none */
    uint8_t field[PLIM__V8_FIELD_COUNT]; /* place in the row, or PLIM__V8_NO_FIELD */
    uint32_t node_type_count;
    uint32_t edge_type_count;
    uint8_t node_types[PLIM_TYPES_MAX]; /* the file's number -> plim_node_type */
    uint8_t edge_types[PLIM_TYPES_MAX]; /* the file's number -> plim_edge_type */
} plim__v8_meta;

/**
 * Reads the text of a `snapshot` object, which must be well-formed JSON (the scanner saw to that).
 * @retval PLIM_ERR_DAMAGED a field or a count that nothing can do without is missing or no count.
 * @retval PLIM_ERR_LIMIT more fields or types than PLIM_FIELDS_MAX, PLIM_TYPES_MAX.
 */
PLIM_NODISCARD plim_status plim__v8_meta_parse(const char *text, size_t len,
                                               plim__v8_meta *out_meta, plim_error *err);

#endif

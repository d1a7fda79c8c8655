/* SPDX-License-Identifier: MIT */
/**
 * @file v8_scan.h
 * @brief The push scanner of V8 heap snapshots: bytes in, in any cut; rows and strings out.
 *
 * It accepts one JSON object, whatever its sections and spacing, as long as `snapshot` stands
 * before `nodes`, `edges` and `locations`; those three come out as batches of whole rows,
 * `strings` as unescaped WTF-8, everything else is checked for being JSON and skipped. It keeps
 * no part of the text but the `snapshot` object. What it proves: the document is complete, and
 * nodes and edges are as many as announced. Values are the receiver's to judge.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_V8_SCAN_H
#define PLIM_HEAP_V8_SCAN_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include "base/limits.h"
#include "heap/v8_meta.h"
#include "heap/v8_numbers.h"

typedef enum plim__v8_section {
    PLIM__V8_SECTION_NONE,
    PLIM__V8_SNAPSHOT,
    PLIM__V8_NODES,
    PLIM__V8_EDGES,
    PLIM__V8_LOCATIONS,
    PLIM__V8_STRINGS,
    PLIM__V8_SAMPLES,
    PLIM__V8_FUNCTIONS,
    PLIM__V8_SECTION_OTHER,
    PLIM__V8_SECTION_COUNT
} plim__v8_section;

/** What to do about a damaged file. */
#define PLIM__V8_DAMAGED_HINT "check that the file is a whole .heapsnapshot, or take it again"

/** Receivers; any may be NULL. A failure they return ends the scan; err is theirs to set. */
typedef struct plim__v8_events {
    void *ctx;
    /** The meta is known; before any rows. */
    plim_status (*meta)(void *ctx, const plim__v8_meta *meta, plim_error *err);
    /** Whole rows of nodes, edges or locations; NULL counts them without decoding. */
    plim_status (*rows)(void *ctx, plim__v8_section section, const uint64_t *values,
                        size_t row_count, plim_error *err);
    /** The next bytes of the current string. */
    plim_status (*text)(void *ctx, const char *bytes, size_t len, plim_error *err);
    /** The current string is complete. */
    plim_status (*text_end)(void *ctx, plim_error *err);
} plim__v8_events;

/** The state behind the last byte fed. */
typedef enum plim__v8_scan_state {
    PLIM__V8_SCAN_VALUE,       /* a value must come */
    PLIM__V8_SCAN_FIRST_VALUE, /* behind '[': a value or ']' */
    PLIM__V8_SCAN_KEY,         /* behind ',' in an object: a key */
    PLIM__V8_SCAN_FIRST_KEY,   /* behind '{': a key or '}' */
    PLIM__V8_SCAN_COLON,       /* behind a key */
    PLIM__V8_SCAN_AFTER,       /* behind a value: ',' or the end of its container */
    PLIM__V8_SCAN_STRING,      /* in a string or key */
    PLIM__V8_SCAN_ESCAPE,      /* behind a backslash */
    PLIM__V8_SCAN_UNICODE,     /* in the four digits of \u */
    PLIM__V8_SCAN_NUMBER,      /* in a number outside the integer sections */
    PLIM__V8_SCAN_WORD,        /* in true, false or null */
    PLIM__V8_SCAN_INTEGERS,    /* in an integer section */
    PLIM__V8_SCAN_DONE         /* behind the document: space only */
} plim__v8_scan_state;

enum {
    PLIM__V8_KEY_BYTES = 32 /* the longest key we look for has 20 */
};

/** Private; read-only for receivers: meta, row_count, string_count, byte_count. */
typedef struct plim__v8_scan {
    const plim_allocator *allocator;
    plim__v8_events events;
    plim__v8_scan_state state;
    plim__v8_section section;
    uint32_t sections_seen; /* bit by plim__v8_section */
    uint64_t byte_count;    /* before the chunk being read */

    uint32_t depth;
    uint8_t in_object[PLIM_JSON_DEPTH_MAX / 8 + 1]; /* a bit per depth; 0 is an array */

    bool in_key;
    uint32_t key_len; /* PLIM__V8_KEY_BYTES + 1: longer than what we look for */
    char key[PLIM__V8_KEY_BYTES];

    uint32_t escape_digits;
    uint32_t escape_value;
    uint32_t high_surrogate; /* waits for its low one; 0: none */
    uint8_t utf8_missing;    /* bytes of the character that are still to come */
    uint8_t utf8_low;        /* bounds of the next of them */
    uint8_t utf8_high;

    uint8_t number_state;
    uint8_t word_len; /* of the word read so far */
    const char *word;

    bool capturing; /* inside the `snapshot` object */
    char *captured;
    size_t captured_len;
    size_t captured_capacity;

    plim__v8_meta meta;
    uint64_t row_count[PLIM__V8_SECTION_COUNT]; /* values, for sections skipped as JSON */
    uint64_t string_count;
    plim__v8_numbers numbers;
    plim_error failure; /* kept; status PLIM_OK while there is none */
} plim__v8_scan;

/** Starts; the events are copied. Nothing is allocated yet. */
void plim__v8_scan_init(plim__v8_scan *scan, const plim_allocator *allocator,
                        const plim__v8_events *events);

/** Ends; a scan that was cleared to zero and never started is accepted. */
void plim__v8_scan_fini(plim__v8_scan *scan);

/** The next bytes. The first failure is kept and returned from then on. */
PLIM_NODISCARD plim_status plim__v8_scan_feed(plim__v8_scan *scan, const char *bytes, size_t len,
                                              plim_error *err);

/** The text has ended: was it all? */
PLIM_NODISCARD plim_status plim__v8_scan_finish(plim__v8_scan *scan, plim_error *err);

/** The section's name in the file; "" for NONE, "another section" for OTHER. */
const char *plim__v8_section_name(plim__v8_section section);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file json.h
 * @brief One flat JSON object, read as it comes: keys, arrays of numbers and texts, the rest passed
 *        by. (V8's snapshots have a scanner of their own, v8_scan.h, made for their speed.)
 *
 * Failures are the pull's: the first is kept with its byte, and every call after it says "end".
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_JSON_H
#define PLIM_HEAP_JSON_H
#include "heap/formats/pull.h"
#include "heap/formats/rows.h"
#include "heap/text_table.h"

/** Zero it, start it with plim__json_init(), end it with plim__json_fini(). */
typedef struct plim__json {
    plim__pull pull;
    plim__rows text; /* bytes of the last text; row_bytes 1 */
    bool is_first;   /* behind a bracket: no comma is due */
} plim__json;

/** A value of an array. */
typedef struct plim__json_value {
    bool is_text;
    uint64_t number;
    plim_text text; /**< borrowed until the next call */
} plim__json_value;

/** Texts of an array, by number. */
typedef struct plim__json_texts {
    plim__rows texts; /* of plim_text */
    plim__text_arena arena;
} plim__json_texts;

/** Starts; false if memory was refused. */
bool plim__json_init(plim__json *json, plim_source source, plim_progress progress,
                     const plim_allocator *allocator, plim_error *err);

/** Frees; one that was cleared to zero and never started is accepted. */
void plim__json_fini(plim__json *json);

/** Takes a bracket: '{' or '['. */
bool plim__json_open(plim__json *json, char bracket);

/** The next key of the object, borrowed until the next call; false behind the last one. */
bool plim__json_key(plim__json *json, plim_text *out_key);

/** The next value of the array, a whole number or a text; false behind the last one. */
bool plim__json_next(plim__json *json, plim__json_value *out_value);

/** Whether the array has a further item, at which it then stands; its end is taken. */
bool plim__json_item(plim__json *json);

/** Whether an object or an array stands next: its bracket, or 0. */
char plim__json_bracket(plim__json *json);

/** Any number. */
bool plim__json_real(plim__json *json, double *out_number);

/** A whole number below 2^64 as a value of the object. */
bool plim__json_number(plim__json *json, uint64_t *out_number);

/** A text as a value of the object, borrowed until the next call. */
bool plim__json_text(plim__json *json, plim_text *out_text);

/** Passes any value by. */
bool plim__json_skip(plim__json *json);

/** An array of texts; the texts' allocator is the json's. */
bool plim__json_texts_read(plim__json *json, plim__json_texts *out_texts);

/** Frees; one that was cleared to zero is accepted. */
void plim__json_texts_fini(plim__json_texts *texts);

/** A text by number; false if there is none of it. */
static inline bool plim__json_texts_get(const plim__json_texts *texts, uint64_t number,
                                        plim_text *out_text)
{
    if (number >= texts->texts.count)
        return false;
    *out_text = ((const plim_text *)texts->texts.data)[number];
    return true;
}

/** Behind the object only space may stand. */
bool plim__json_finish(plim__json *json);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file v8_numbers.h
 * @brief The decoder of a JSON array of integers, in any cut, into batches of whole rows.
 *
 * Nine tenths of a snapshot are such arrays. Numbers have at most PLIM_NUMBER_DIGITS_MAX digits
 * and fit 64 bits; a negative one, where allowed, is its two's complement. Leading zeros pass.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_V8_NUMBERS_H
#define PLIM_HEAP_V8_NUMBERS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLIM__V8_BATCH = 2048 /* 16 KiB of values: they stay in the first cache while rows scatter */
};

typedef enum plim__v8_numbers_state {
    PLIM__V8_NUMBERS_FIRST, /* behind '[': a number or ']' */
    PLIM__V8_NUMBERS_NEXT,  /* behind ',': a number */
    PLIM__V8_NUMBERS_SIGN,  /* behind '-': a digit */
    PLIM__V8_NUMBERS_DIGIT, /* inside a number */
    PLIM__V8_NUMBERS_AFTER  /* behind a number: ',' or ']' */
} plim__v8_numbers_state;

typedef enum plim__v8_numbers_result {
    PLIM__V8_NUMBERS_MORE,   /* all bytes are eaten */
    PLIM__V8_NUMBERS_FULL,   /* the batch is full: take it, set count to 0, call again */
    PLIM__V8_NUMBERS_CLOSED, /* ']' is eaten; what is in the batch is the last of it */
    PLIM__V8_NUMBERS_BAD     /* fault says why, *p stands at the byte */
} plim__v8_numbers_result;

typedef struct plim__v8_numbers {
    plim__v8_numbers_state state;
    bool negative;
    bool may_be_negative;
    bool count_only;   /* values are not needed, and not written */
    uint32_t digits;   /* of the number that is being read */
    uint64_t value;    /* so far */
    size_t count;      /* values in the batch */
    size_t capacity;   /* of the batch: a multiple of the row width */
    const char *fault; /* set with BAD; static storage */
    uint64_t values[PLIM__V8_BATCH];
} plim__v8_numbers;

/** Starts behind the '['. width 1 to PLIM_FIELDS_MAX. */
void plim__v8_numbers_start(plim__v8_numbers *numbers, size_t width, bool may_be_negative,
                            bool count_only);

/** Reads from *p on, which it moves. */
plim__v8_numbers_result plim__v8_numbers_run(plim__v8_numbers *numbers, const char **p,
                                             const char *end);

#endif

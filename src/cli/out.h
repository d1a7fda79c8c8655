/* SPDX-License-Identifier: MIT */
/**
 * @file out.h
 * @brief Standard output: the result and nothing else, in one of three forms.
 *
 * What is written is buffered; on a terminal a result that is longer than the screen goes through
 * the pager. A failed write is remembered and told once, at the end, by plim__out_finish().
 */
#ifndef PLIM_CLI_OUT_H
#define PLIM_CLI_OUT_H
#include "cli/draft.h"

typedef enum plim__form { PLIM__FORM_HUMAN, PLIM__FORM_PLAIN, PLIM__FORM_JSON } plim__form;

/** Ways text may look; without colour all look the same. */
typedef enum plim__style {
    PLIM__STYLE_NONE,
    PLIM__STYLE_HEAD, /* bold: headings */
    PLIM__STYLE_DIM,  /* what can be skipped: places, ids */
    PLIM__STYLE_NAME, /* what the eye looks for */
    PLIM__STYLE_BAD,  /* growth, leaks */
    PLIM__STYLE_GOOD  /* shrinking, clean */
} plim__style;

typedef struct plim__out {
    plim__form form;
    bool exact_bytes;
    bool colour;
    bool terminal;
    bool paged;        /* may use a pager */
    uint32_t columns;  /* to be kept to; 0: no limit */
    uint32_t lines;    /* of the screen; 0: unknown */
    plim__draft draft; /* not yet written */
    bool holding;      /* until it is known whether a pager is needed */
    int write_error;   /* errno of the first write that failed; 0: none */
} plim__out;

/** "\033[1m" and the like, or "" without colour. */
const char *plim__style_on(bool colour, plim__style style);

/** Ends any style. */
const char *plim__style_off(bool colour);

/** Opens standard output; the flags of the struct are the caller's to set before. */
void plim__out_start(plim__out *out, const plim_allocator *allocator);

/** Adds text as it is. */
void plim__out_text(plim__out *out, plim_text text);

/** Adds a string as it is. */
void plim__out_puts(plim__out *out, const char *string);

/** Adds formatted text. */
void plim__out_printf(plim__out *out, const char *format, ...) PLIM_PRINTF(2, 3);

/** Adds foreign text, made safe for a terminal. */
void plim__out_show(plim__out *out, plim_text text);

/** Adds a string in a style. */
void plim__out_styled(plim__out *out, plim__style style, const char *string);

/** Writes what is held, now: for streams such as watch. */
void plim__out_flush(plim__out *out);

/**
 * Writes the rest. PLIM_ERR_NO_SPACE: the device is full. A reader that went away is no failure
 * here: see plim__out_is_broken().
 */
plim_status plim__out_finish(plim__out *out, plim_error *err);

/** Whether nobody reads standard output any more (EPIPE). */
bool plim__out_is_broken(const plim__out *out);

#endif

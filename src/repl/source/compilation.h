/* SPDX-License-Identifier: MIT */
/**
 * @file compilation.h
 * @brief One entry's way from text to segments, as the files that go it see it.
 */
#ifndef PLIM_REPL_SOURCE_COMPILATION_H
#define PLIM_REPL_SOURCE_COMPILATION_H
#include "platform/toolserver.h"
#include "repl/source/state.h"

typedef struct plim__compilation {
    plim__source *source;
    const plim__unit_request *request;
    plim__unit_box *box;
    plim__arena arena; /* what is gone with it */
    plim__entry_text entry;
    plim__tokens tokens;
    plim__names_wish wish;
    plim__grow prefix; /* declarations */
    plim__grow file;   /* what clang reads */
    plim__grow shown;  /* diagnostics */
    plim__grow guess;  /* the unit that is being compiled already; none if it is empty */
    char *text;        /* the user's, perhaps with a semicolon behind it */
    size_t text_bytes;
    size_t text_at; /* in `file` */
    plim__tool_result tree, object;
    plim__messages messages;
    plim__linked linked;
    bool has_semicolon; /* was put there */
    bool is_cached;
} plim__compilation;

/** Writes to `guess` what the unit will be if the text is what its tokens look like: declarations,
    one expression or one statement. Nothing where they do not look like either. Nothing rests on
    it: an object is taken only where the unit that the tree gave is the same, byte for byte.
    Pre: tokens are read. */
void plim__guess_write(plim__compilation *self);

/** The unit of C that an entry is: the session's declarations and its own part. */
void plim__unit_write(const plim__compilation *self, const plim__entry_text *entry,
                      plim__grow *out);

/** Fills in the box's unit what the linked image gave: segments, symbols, the value, what is
    lost and hidden. Pre: `linked` has an image, and the box has it. */
plim_status plim__unit_fill(plim__compilation *self, plim_error *err);

#endif

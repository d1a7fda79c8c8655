/* SPDX-License-Identifier: MIT */
/**
 * @file redact_words.h
 * @brief Which names are the engine's own or a class's, and how much of a name may stay.
 *
 * Rules are by what a name stands for, since one text may be a class in one place and a secret in
 * another. A name that no rule knows is replaced: the rules say what stays, never what goes.
 */
#ifndef PLIM_HEAP_REDACT_WORDS_H
#define PLIM_HEAP_REDACT_WORDS_H
#include <plimsoll/graph.h>

/** What a name stands for. */
typedef enum plim__redact_role {
    PLIM__REDACT_CLASS,   /**< of an object */
    PLIM__REDACT_CLOSURE, /**< a function, unless it is a class */
    PLIM__REDACT_CODE,    /**< code: the engine's words, or a function's or script's name */
    PLIM__REDACT_ENGINE,  /**< hidden, arrays, shapes, synthetic: the engine's words */
    PLIM__REDACT_NATIVE,  /**< of the embedder: an element of a page, a class of C++ */
    PLIM__REDACT_VALUE,   /**< strings, numbers, symbols, patterns */
    PLIM__REDACT_KEY,     /**< of a property or variable */
    PLIM__REDACT_INNER,   /**< of an internal or weak edge */
    PLIM__REDACT_ROLES
} plim__redact_role;

/** What becomes of a name: text[0..kept) stays; then, if is_cut, the number of what follows, and
    then `end`. Everything stays: kept == size and not is_cut. */
typedef struct plim__redact_cut {
    size_t kept;
    bool is_cut;
    bool is_pair;    /**< the name of a WeakMap's edge: only its numbers stay */
    const char *end; /**< "" or ">" */
} plim__redact_cut;

/** How much of a name may stay in that role. */
plim__redact_cut plim__redact_cut_of(plim__redact_role role, plim_text text);

/** Writes the name of a WeakMap's edge with its numbers alone; `out` has room for cap bytes.
    Gives its size; 0 where it is not of that form after all. */
size_t plim__redact_pair(plim_text text, char *out, size_t cap);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file state.h
 * @brief A source and a unit, as the files of this folder see them.
 */
#ifndef PLIM_REPL_SOURCE_STATE_H
#define PLIM_REPL_SOURCE_STATE_H
#include "repl/source/declare.h"
#include "repl/source/diagnostics.h"
#include "repl/source/link.h"
#include "repl/source/names.h"
#include "repl/source/source.h"
#include "repl/source/tools.h"

enum { PLIM__SOURCE_MAGIC = 0x5c0ece01, PLIM__UNIT_MAGIC = 0x5c0ece02 };

/** A compilation remembered: the same text among the same declarations. */
typedef struct plim__cached {
    char *key; /* declarations and text; NULL: free */
    size_t key_bytes;
    uint32_t prelude;
    size_t text_at; /* the tree's offsets count from there */
    uint64_t used;  /* by the clock of the source */
    plim__tool_result tree, object;
} plim__cached;

enum { PLIM__CACHED_UNITS = 64 };

struct plim__source {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__tools *tools;
    plim__names names;
    plim__source_resolve *resolve;
    void *resolve_ctx;
    plim__arena answer; /* of the last question */
    uint64_t version;   /* changes with each commit and undo */
    uint64_t clock;
    uint32_t prelude;      /* changes with the prelude in use */
    size_t prelude_groups; /* there were when the next prelude was asked for */
    plim__cached cached[PLIM__CACHED_UNITS];
};

/** A unit with what only the source needs of it. */
typedef struct plim__unit_box {
    plim__unit unit; /* first: what the others hold */
    uint32_t magic;
    const plim_allocator *allocator;
    const plim__source *source;
    uint64_t version;
    plim__arena arena;
    plim__names_new news;
    char *image;
} plim__unit_box;

/** Fills a box whose unit has text, number and end OK. */
plim_status plim__unit_compile(plim__source *source, const plim__unit_request *request,
                               plim__unit_box *box, plim_error *err);

/** Looks whether the prelude that was asked for is ready, and asks for another if need be. */
void plim__source_tend_prelude(plim__source *source);

/** What was compiled before; NULL: nothing. */
plim__cached *plim__cache_find(plim__source *source, const char *key, size_t key_bytes);

/** Keeps it: takes both results. */
void plim__cache_keep(plim__source *source, const char *key, size_t key_bytes, size_t text_at,
                      plim__tool_result *tree, plim__tool_result *object);
void plim__cache_fini(plim__source *source);

#endif

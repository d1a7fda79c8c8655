/* SPDX-License-Identifier: MIT */
/**
 * @file names.h
 * @brief The names of a session, and the text that makes those an entry mentions known to clang.
 *
 * Names live in groups: a group is a piece of C that declares them to later entries ("extern int
 * x;", a struct with its members, a #define). An entry gets the groups of the names it mentions,
 * those of the names that these mention, and so on, in the order in which they were defined. So
 * what clang reads grows with the entry, not with the session.
 *
 * A group is hidden when a type that it rests on is defined anew: its text would then mean
 * something else. Macros are not: they are text, and each group sees those versions that were there
 * when it was defined.
 */
#ifndef PLIM_REPL_SOURCE_NAMES_H
#define PLIM_REPL_SOURCE_NAMES_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repl/source/arena.h"
#include "repl/source/source.h"

/** C's name spaces, as far as an entry can fill them. */
typedef enum plim__name_space {
    PLIM__SPACE_ORDINARY = 0, /**< variables, functions, typedefs, enumerators */
    PLIM__SPACE_TAG,
    PLIM__SPACE_MACRO,
    PLIM__SPACES
} plim__name_space;

/** A name on its way in, or as it is kept. */
typedef struct plim__name {
    const char *name;
    const char *type;      /* as C writes it */
    const char *canonical; /* without typedefs: what tells two types apart */
    uint64_t address;      /* what others refer to; of a function its stub */
    uint64_t slot;         /* of a function: where its stub reads the body's address; 0: none */
    uint64_t bytes;
    uint32_t group,
        previous; /* previous: index + 1 of the same name's version before it; 0: none */
    uint32_t version;
    plim__name_space space;
    plim__symbol_kind kind;
    bool is_declaration;
} plim__name;

typedef struct plim__name_group {
    const char *text;      /* C, ended by a newline */
    uint32_t first, count; /* of its names */
    uint32_t unit;
    uint32_t stamp;  /* of the last entry that got it */
    bool is_always;  /* goes into every entry: an #include not in the prelude yet, a conditional */
    bool is_include; /* goes into the prelude, with all macros before it */
    bool is_frozen;  /* is in the prelude */
    bool is_hidden;
} plim__name_group;

/** What a unit brings: names[i].group counts from 0 here. */
typedef struct plim__names_new {
    plim__name_group *groups;
    size_t group_count;
    plim__name *names; /* by group */
    size_t name_count;
} plim__names_new;

typedef struct plim__names_commit plim__names_commit;

/** Zero it but for the allocator to start. */
typedef struct plim__names {
    const plim_allocator *allocator;
    plim__name_group *groups;
    plim__name *names;
    uint32_t *slots; /* hash: index + 1 of the newest of a name; UINT32_MAX: was one */
    uint32_t *work;  /* groups of the entry at hand */
    plim__names_commit *commits;
    size_t group_count, group_cap, name_count, name_cap, slot_count, slots_used;
    size_t commit_count, commit_cap;
    uint32_t stamp;
    bool prelude_is_stale; /* includes came or went: plim__names_prelude() gives another text */
} plim__names;

void plim__names_fini(plim__names *names);

/** The newest of a name that C can reach; NULL: none. */
const plim__name *plim__names_find(const plim__names *names, plim__name_space space,
                                   const char *name, size_t bytes);

/** Names beside those of the text that are wanted, or not; pieces of a text. */
typedef struct plim__names_wish {
    struct {
        const char *name;
        size_t bytes;
    } without[PLIM__SPACES * 16], with[16];
    size_t without_count, with_count;
} plim__names_wish;

/** The declarations for an entry: of what it mentions, and what those do. */
plim_status plim__names_prefix(plim__names *names, const char *text, size_t bytes,
                               const plim__names_wish *wish, plim__grow *out);

/** Includes with the macros before them: what the compilers read before any entry. */
void plim__names_prelude(const plim__names *names, plim__grow *out);

/** The prelude that was asked for when there were `group_count` groups is in use. */
void plim__names_freeze(plim__names *names, size_t group_count);

/** Calls `visit` for each name that a unit would hide. */
plim_status plim__names_hidden_by(plim__names *names, const plim__names_new *news,
                                  void (*visit)(void *ctx, const plim__name *name,
                                                const plim__name *because),
                                  void *ctx);

/** Takes a unit's names in. Post: on failure nothing has changed. */
plim_status plim__names_take(plim__names *names, const plim__names_new *news, uint32_t unit,
                             plim_error *err);

/** The last commits go. */
plim_status plim__names_undo(plim__names *names, size_t count, plim_error *err);

/** The groups of one commit: from begin to before end. Pre: index < commit_count. */
size_t plim__names_commit_begin(const plim__names *names, size_t index);
size_t plim__names_commit_end(const plim__names *names, size_t index);

#endif

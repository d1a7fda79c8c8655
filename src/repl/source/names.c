/* SPDX-License-Identifier: MIT */
/*
 * Names of a session. Invariants. N1: groups and names stand in the order of their commits, so a
 * group's index is its age, and undoing is cutting off the end. N2: a slot of the hash leads to the
 * newest version of a name; older ones hang behind it by `previous`. N3: a commit remembers the
 * groups that it hid, and nothing else of what was before it changes.
 *
 * Which names a text mentions is looked for among all words of it, comments and strings included:
 * one too many costs a declaration, and C is not parsed here.
 */
#include "repl/source/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

enum { NAMES_SLOTS_MIN = 256, NAMES_COMMIT_CHUNK = 256 };
#define NAMES_DEAD UINT32_MAX

struct plim__names_commit {
    plim__arena arena;      /* strings, and `hidden` */
    uint32_t groups, names; /* how many there were before */
    uint32_t *hidden;
    uint32_t hidden_count;
};

/* --- words of a text ------------------------------------------------------------------------ */

static bool word_byte(char byte)
{
    unsigned char u = (unsigned char)byte;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' ||
           u == '$' || u >= 0x80;
}

/* The next word at or behind `at` that can be a name; NULL: none is left. */
static const char *word_next(const char *at, const char *end, size_t *out_bytes)
{
    while (at < end) {
        while (at < end && !word_byte(*at))
            at++;
        const char *from = at;
        while (at < end && word_byte(*at))
            at++;
        if (at > from && !(*from >= '0' && *from <= '9')) {
            *out_bytes = (size_t)(at - from);
            return from;
        }
    }
    return NULL;
}

/* --- the hash ------------------------------------------------------------------------------- */

static uint32_t names_hash(plim__name_space space, const char *name, size_t bytes)
{
    uint32_t hash = 2166136261u ^ (uint32_t)space; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

/* Where a name is, or would be. */
static uint32_t *names_slot(const plim__names *names, plim__name_space space, const char *name,
                            size_t bytes)
{
    if (names->slot_count == 0)
        return NULL;
    uint32_t *dead = NULL;
    size_t at = names_hash(space, name, bytes) & (names->slot_count - 1);
    for (size_t i = 0; i < names->slot_count; i++, at = (at + 1) & (names->slot_count - 1)) {
        uint32_t *slot = &names->slots[at];
        if (*slot == 0)
            return dead != NULL ? dead : slot;
        if (*slot == NAMES_DEAD) {
            dead = dead != NULL ? dead : slot;
            continue;
        }
        const plim__name *found = &names->names[*slot - 1];
        if (found->space == space && strncmp(found->name, name, bytes) == 0 &&
            found->name[bytes] == '\0')
            return slot;
    }
    return dead;
}

static bool names_reserve_slots(plim__names *names, size_t more)
{
    size_t need = (names->slots_used + more) * 2;
    if (need <= names->slot_count)
        return true;
    size_t count = NAMES_SLOTS_MIN;
    while (count < (names->name_count + more) * 4)
        count *= 2;
    uint32_t *slots = plim__array_new_zero(names->allocator, count, sizeof *slots);
    if (slots == NULL)
        return false;
    plim__array_free(names->allocator, names->slots, names->slot_count, sizeof *slots);
    names->slots = slots;
    names->slot_count = count;
    names->slots_used = 0;
    for (uint32_t i = 0; i < names->name_count; i++) { /* newer ones overwrite older ones */
        uint32_t *slot = names_slot(names, names->names[i].space, names->names[i].name,
                                    strlen(names->names[i].name));
        names->slots_used += *slot == 0;
        *slot = i + 1;
    }
    return true;
}

static const plim__name *names_head(const plim__names *names, plim__name_space space,
                                    const char *name, size_t bytes)
{
    const uint32_t *slot = names_slot(names, space, name, bytes);
    return slot != NULL && *slot != 0 && *slot != NAMES_DEAD ? &names->names[*slot - 1] : NULL;
}

/* The newest version in a group before `limit` that can be reached. */
static const plim__name *names_before(const plim__names *names, plim__name_space space,
                                      const char *name, size_t bytes, size_t limit)
{
    const plim__name *at = names_head(names, space, name, bytes);
    while (at != NULL && (at->group >= limit || names->groups[at->group].is_hidden))
        at = at->previous != 0 ? &names->names[at->previous - 1] : NULL;
    return at;
}

const plim__name *plim__names_find(const plim__names *names, plim__name_space space,
                                   const char *name, size_t bytes)
{
    return names_before(names, space, name, bytes, names->group_count);
}

/* --- the text before an entry --------------------------------------------------------------- */

static bool names_is_without(const plim__names_wish *wish, const char *name, size_t bytes)
{
    for (size_t i = 0; wish != NULL && i < wish->without_count; i++)
        if (wish->without[i].bytes == bytes && memcmp(wish->without[i].name, name, bytes) == 0)
            return true;
    return false;
}

static bool names_group_is_without(const plim__names *names, const plim__name_group *group,
                                   const plim__names_wish *wish)
{
    for (uint32_t i = 0; i < group->count; i++) {
        const plim__name *name = &names->names[group->first + i];
        if (names_is_without(wish, name->name, strlen(name->name)))
            return true;
    }
    return false;
}

/* A macro in the prelude is there as its newest version. */
static bool names_is_in_prelude(const plim__names *names, const plim__name *name)
{
    const plim__name_group *group = &names->groups[name->group];
    return group->is_frozen && (name->space != PLIM__SPACE_MACRO ||
                                (name->version == 1 && names_head(names, name->space, name->name,
                                                                  strlen(name->name)) == name));
}

static void names_want(plim__names *names, uint32_t group, size_t *count)
{
    if (names->groups[group].stamp == names->stamp)
        return;
    names->groups[group].stamp = names->stamp;
    names->work[(*count)++] = group;
}

/* Adds the groups of all words of a text. */
static void names_mentioned(plim__names *names, const char *text, size_t bytes, size_t limit,
                            const plim__names_wish *wish, size_t *count)
{
    const char *end = text + bytes;
    size_t length = 0;
    for (const char *word = text; (word = word_next(word, end, &length)) != NULL; word += length)
        for (plim__name_space space = PLIM__SPACE_ORDINARY; space < PLIM__SPACES; space++) {
            const plim__name *name = names_before(names, space, word, length, limit);
            if (name != NULL && !names_is_in_prelude(names, name) &&
                !names_group_is_without(names, &names->groups[name->group], wish))
                names_want(names, name->group, count);
        }
}

/* What rests on a name that the entry defines anew cannot be declared. */
static bool names_rests_on_without(const plim__name_group *group, const plim__names_wish *wish)
{
    const char *end = group->text + strlen(group->text);
    size_t length = 0;
    for (const char *word = group->text; (word = word_next(word, end, &length)) != NULL;
         word += length)
        if (names_is_without(wish, word, length))
            return true;
    return false;
}

static int names_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

plim_status plim__names_prefix(plim__names *names, const char *text, size_t bytes,
                               const plim__names_wish *wish, plim__grow *out)
{
    size_t count = 0;
    if (++names->stamp == 0) { /* a wrap: no group may look as if it had been wanted */
        for (size_t i = 0; i < names->group_count; i++)
            names->groups[i].stamp = 0;
        names->stamp = 1;
    }
    names_mentioned(names, text, bytes, names->group_count, wish, &count);
    for (size_t i = 0; wish != NULL && i < wish->with_count; i++)
        names_mentioned(names, wish->with[i].name, wish->with[i].bytes, names->group_count, wish,
                        &count);
    for (uint32_t i = 0; i < names->group_count; i++)
        if (names->groups[i].is_always && !names->groups[i].is_frozen)
            names_want(names, i, &count);
    for (size_t i = 0; i < count; i++) {
        const plim__name_group *group = &names->groups[names->work[i]];
        names_mentioned(names, group->text, strlen(group->text), names->work[i], wish, &count);
    }
    if (count > 0)
        qsort(names->work, count, sizeof *names->work, names_compare);
    for (size_t i = 0; i < count; i++) {
        const plim__name_group *group = &names->groups[names->work[i]];
        bool is_macro = group->count > 0 && names->names[group->first].space == PLIM__SPACE_MACRO;
        if (is_macro || group->is_always || !names_rests_on_without(group, wish))
            plim__grow_string(out, group->text);
    }
    return out->is_refused ? PLIM_ERR_NO_MEMORY : PLIM_OK;
}

/* --- the prelude ---------------------------------------------------------------------------- */

static size_t names_prelude_end(const plim__names *names)
{
    for (size_t i = names->group_count; i > 0; i--)
        if (names->groups[i - 1].is_include)
            return i;
    return 0;
}

static bool names_goes_into_prelude(const plim__names *names, const plim__name_group *group)
{
    return group->is_include || group->is_always ||
           (group->count > 0 && names->names[group->first].space == PLIM__SPACE_MACRO);
}

void plim__names_prelude(const plim__names *names, plim__grow *out)
{
    size_t end = names_prelude_end(names);
    for (size_t i = 0; i < end; i++)
        if (names_goes_into_prelude(names, &names->groups[i]))
            plim__grow_string(out, names->groups[i].text);
}

void plim__names_freeze(plim__names *names, size_t group_count)
{
    size_t end = group_count;
    while (end > 0 && (end > names->group_count || !names->groups[end - 1].is_include))
        end--;
    for (size_t i = 0; i < names->group_count; i++)
        names->groups[i].is_frozen = i < end && names_goes_into_prelude(names, &names->groups[i]);
}

/* --- what a unit hides ---------------------------------------------------------------------- */

static bool names_mentions(const plim__name_group *group, const plim__name *name)
{
    const char *end = group->text + strlen(group->text);
    size_t length = 0, bytes = strlen(name->name);
    for (const char *word = group->text; (word = word_next(word, end, &length)) != NULL;
         word += length)
        if (length == bytes && memcmp(word, name->name, bytes) == 0)
            return true;
    return false;
}

/* The same text for the same names: nothing is defined anew. */
static bool names_group_is_known(const plim__names *names, const plim__names_new *news,
                                 const plim__name_group *group)
{
    if (group->count == 0 || group->is_include)
        return false;
    const plim__name *first = &news->names[group->first];
    const plim__name *known =
        plim__names_find(names, first->space, first->name, strlen(first->name));
    return known != NULL && known->kind == PLIM__SYMBOL_TYPE && first->kind == known->kind &&
           strcmp(names->groups[known->group].text, group->text) == 0;
}

/* Whether a new version leaves what was built on the old one as it was. */
static bool names_is_same_type(const plim__name *old, const plim__name *new)
{
    return old->kind == new->kind &&
           old->kind != PLIM__SYMBOL_TYPE &&strcmp(old->canonical, new->canonical) == 0;
}

/* Marks, from one old name on, the groups that rest on it; `marked` holds a byte for each. */
static void names_mark_resting(const plim__names *names, const plim__name *old,
                               const plim__name *because, char *marked, const plim__name **reasons)
{
    for (uint32_t i = old->group + 1; i < names->group_count; i++) {
        const plim__name_group *group = &names->groups[i];
        bool is_text = group->is_include || group->is_always || group->count == 0 ||
                       names->names[group->first].space == PLIM__SPACE_MACRO;
        if (is_text || marked[i] || group->is_hidden || !names_mentions(group, old))
            continue;
        marked[i] = 1;
        reasons[i] = because;
    }
}

/* All groups that a unit hides: marked 1; those it only replaces: 2. */
static void names_mark(const plim__names *names, const plim__names_new *news, char *marked,
                       const plim__name **reasons)
{
    for (size_t i = 0; i < news->name_count; i++) {
        const plim__name *new = &news->names[i];
        const plim__name *old = plim__names_find(names, new->space, new->name, strlen(new->name));
        if (old == NULL || new->space == PLIM__SPACE_MACRO || names_is_same_type(old, new) ||
            names_group_is_known(names, news, &news->groups[new->group]))
            continue;
        names_mark_resting(names, old, new, marked, reasons);
        for (const plim__name *at = old; at != NULL; /* older versions of the same type, too */
             at = at->previous != 0 ? &names->names[at->previous - 1] : NULL)
            if (!names->groups[at->group].is_hidden)
                marked[at->group] = 2;
    }
    /* What rests on something hidden is hidden: one pass, since things rest on older ones only. */
    for (uint32_t i = 0; i < names->group_count; i++)
        for (uint32_t j = 0; marked[i] == 1 && j < names->groups[i].count; j++)
            names_mark_resting(names, &names->names[names->groups[i].first + j], reasons[i], marked,
                               reasons);
}

static bool names_marks_new(plim__names *names, char **out_marked, const plim__name ***out_reasons)
{
    size_t count = names->group_count + 1;
    *out_marked = plim__array_new_zero(names->allocator, count, 1);
    *out_reasons = plim__array_new_zero(names->allocator, count, sizeof **out_reasons);
    return *out_marked != NULL && *out_reasons != NULL;
}

static void names_marks_free(plim__names *names, char *marked, const plim__name **reasons)
{
    plim__array_free(names->allocator, marked, names->group_count + 1, 1);
    plim__array_free(names->allocator, reasons, names->group_count + 1, sizeof *reasons);
}

static bool names_replaces_any(const plim__names *names, const plim__names_new *news)
{
    for (size_t i = 0; i < news->name_count; i++) {
        const plim__name *new = &news->names[i];
        const plim__name *old = plim__names_find(names, new->space, new->name, strlen(new->name));
        if (old != NULL && new->space != PLIM__SPACE_MACRO && !names_is_same_type(old, new))
            return true;
    }
    return false;
}

plim_status plim__names_hidden_by(plim__names *names, const plim__names_new *news,
                                  void (*visit)(void *ctx, const plim__name *name,
                                                const plim__name *because),
                                  void *ctx)
{
    if (!names_replaces_any(names, news))
        return PLIM_OK;
    char *marked = NULL;
    const plim__name **reasons = NULL;
    bool is_there = names_marks_new(names, &marked, &reasons);
    if (is_there)
        names_mark(names, news, marked, reasons);
    for (size_t i = 0; is_there && i < names->group_count; i++)
        for (uint32_t j = 0; marked[i] == 1 && j < names->groups[i].count; j++)
            visit(ctx, &names->names[names->groups[i].first + j], reasons[i]);
    names_marks_free(names, marked, reasons);
    return is_there ? PLIM_OK : PLIM_ERR_NO_MEMORY;
}

/* --- commits -------------------------------------------------------------------------------- */

static bool names_grow(plim__names *names, void **array, size_t *cap, size_t count, size_t bytes)
{
    size_t wanted = *cap != 0 ? *cap : 64;
    while (wanted < count)
        wanted *= 2;
    if (wanted == *cap)
        return true;
    void *grown = plim__array_resize(names->allocator, *array, *cap, wanted, bytes);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = wanted;
    return true;
}

static bool names_reserve(plim__names *names, const plim__names_new *news)
{
    if (names->group_count + news->group_count > PLIM_REPL_NAMES_MAX ||
        names->name_count + news->name_count > PLIM_REPL_NAMES_MAX)
        return false;
    size_t old_cap = names->group_cap, cap = old_cap;
    union {
        void *any;
        plim__name_group *groups;
        plim__name *names;
        uint32_t *work;
        plim__names_commit *commits;
    } array = {.work = names->work};
    if (!names_grow(names, &array.any, &cap, names->group_count + news->group_count,
                    sizeof *names->work))
        return false;
    names->work = array.work;
    array.groups = names->groups;
    if (!names_grow(names, &array.any, &old_cap, names->group_count + news->group_count,
                    sizeof *names->groups)) {
        /* Both have one capacity: the longer one goes back. */
        uint32_t *work = plim__array_resize(names->allocator, names->work, cap, names->group_cap,
                                            sizeof *names->work);
        names->work = work != NULL ? work : names->work;
        return false;
    }
    names->groups = array.groups;
    names->group_cap = old_cap;
    array.names = names->names;
    if (!names_grow(names, &array.any, &names->name_cap, names->name_count + news->name_count,
                    sizeof *names->names))
        return false;
    names->names = array.names;
    array.commits = names->commits;
    if (!names_grow(names, &array.any, &names->commit_cap, names->commit_count + 1,
                    sizeof *names->commits))
        return false;
    names->commits = array.commits;
    return names_reserve_slots(names, news->name_count);
}

static const char *names_keep(plim__arena *arena, const char *string)
{
    const char *copy = plim__arena_copy(arena, string, strlen(string));
    return copy != NULL ? copy : "";
}

static void names_add(plim__names *names, plim__arena *arena, const plim__name *new, uint32_t group)
{
    uint32_t *slot = names_slot(names, new->space, new->name, strlen(new->name));
    uint32_t previous = *slot != 0 && *slot != NAMES_DEAD ? *slot : 0;
    plim__name name = *new;
    name.name = names_keep(arena, new->name);
    name.type = names_keep(arena, new->type);
    name.canonical = new->canonical == new->type ? name.type : names_keep(arena, new->canonical);
    name.group = group;
    name.previous = previous;
    name.version = previous != 0 ? names->names[previous - 1].version + 1 : 1;
    names->slots_used += *slot == 0;
    names->names[names->name_count++] = name;
    *slot = (uint32_t)names->name_count;
}

static void names_add_group(plim__names *names, plim__names_commit *commit,
                            const plim__names_new *news, const plim__name_group *new, uint32_t unit)
{
    uint32_t index = (uint32_t)names->group_count++;
    names->groups[index] = *new;
    names->groups[index].text = names_keep(&commit->arena, new->text);
    names->groups[index].first = (uint32_t)names->name_count;
    names->groups[index].unit = unit;
    names->groups[index].stamp = 0;
    names->groups[index].is_frozen = names->groups[index].is_hidden = false;
    for (uint32_t i = 0; i < new->count; i++)
        names_add(names, &commit->arena, &news->names[new->first + i], index);
    names->prelude_is_stale |= new->is_include;
}

static bool names_hide(plim__names_commit *commit, const char *marked)
{
    for (size_t i = 0; i < commit->groups; i++)
        commit->hidden_count += marked[i] != 0;
    commit->hidden = plim__arena_take(&commit->arena, commit->hidden_count * sizeof(uint32_t) + 1);
    if (commit->hidden == NULL)
        return false;
    commit->hidden_count = 0;
    for (uint32_t i = 0; i < commit->groups; i++)
        if (marked[i] != 0)
            commit->hidden[commit->hidden_count++] = i;
    return true;
}

plim_status plim__names_take(plim__names *names, const plim__names_new *news, uint32_t unit,
                             plim_error *err)
{
    PLIM_CHECK(names != NULL && news != NULL);
    char *marked = NULL;
    const plim__name **reasons = NULL;
    if (!names_reserve(names, news))
        return plim__no_memory(err, "names");
    plim__names_commit commit = {
        .arena = {.allocator = names->allocator, .chunk_bytes = NAMES_COMMIT_CHUNK},
        .groups = (uint32_t)names->group_count,
        .names = (uint32_t)names->name_count,
    };
    if (names_replaces_any(names, news)) {
        bool is_done = names_marks_new(names, &marked, &reasons);
        if (is_done) {
            names_mark(names, news, marked, reasons);
            is_done = names_hide(&commit, marked);
        }
        names_marks_free(names, marked, reasons);
        if (!is_done) {
            plim__arena_fini(&commit.arena);
            return plim__no_memory(err, "names");
        }
    }
    for (size_t i = 0; i < news->group_count; i++)
        if (!names_group_is_known(names, news, &news->groups[i]))
            names_add_group(names, &commit, news, &news->groups[i], unit);
    for (uint32_t i = 0; i < commit.hidden_count; i++)
        names->groups[commit.hidden[i]].is_hidden = true;
    names->commits[names->commit_count++] = commit;
    if (commit.arena.is_refused) {
        (void)plim__names_undo(names, 1, NULL);
        return plim__no_memory(err, "names");
    }
    return PLIM_OK;
}

static void names_forget(plim__names *names, const plim__name *name)
{
    uint32_t *slot = names_slot(names, name->space, name->name, strlen(name->name));
    PLIM_CHECK(slot != NULL && *slot != 0 && *slot != NAMES_DEAD);
    *slot = name->previous != 0 ? name->previous : NAMES_DEAD;
}

plim_status plim__names_undo(plim__names *names, size_t count, plim_error *err)
{
    if (count > names->commit_count)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "there are %zu entries, not %zu",
                              names->commit_count, count);
    for (; count > 0; count--) {
        plim__names_commit *commit = &names->commits[--names->commit_count];
        while (names->name_count > commit->names)
            names_forget(names, &names->names[--names->name_count]);
        for (size_t i = commit->groups; i < names->group_count; i++)
            names->prelude_is_stale |= names->groups[i].is_frozen;
        names->group_count = commit->groups;
        for (uint32_t i = 0; i < commit->hidden_count; i++)
            names->groups[commit->hidden[i]].is_hidden = false;
        plim__arena_fini(&commit->arena);
    }
    return PLIM_OK;
}

size_t plim__names_commit_begin(const plim__names *names, size_t index)
{
    PLIM_CHECK(index < names->commit_count);
    return names->commits[index].groups;
}

size_t plim__names_commit_end(const plim__names *names, size_t index)
{
    return index + 1 < names->commit_count ? plim__names_commit_begin(names, index + 1)
                                           : names->group_count;
}

void plim__names_fini(plim__names *names)
{
    (void)plim__names_undo(names, names->commit_count, NULL);
    plim__array_free(names->allocator, names->groups, names->group_cap, sizeof *names->groups);
    plim__array_free(names->allocator, names->work, names->group_cap, sizeof *names->work);
    plim__array_free(names->allocator, names->names, names->name_cap, sizeof *names->names);
    plim__array_free(names->allocator, names->commits, names->commit_cap, sizeof *names->commits);
    plim__array_free(names->allocator, names->slots, names->slot_count, sizeof *names->slots);
    *names = (plim__names){.allocator = names->allocator};
}

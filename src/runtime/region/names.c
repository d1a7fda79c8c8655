/* SPDX-License-Identifier: MIT */
/*
 * Texts and names. A text is kept once, and for good: texts lie one after the other, the first is
 * empty, and each exists from the moment text_used covers it. A number (an owner, a tag) has a
 * name by one word in a row of the name table. What finds them is the writer's own: two tables of
 * hashes, made anew on open.
 *
 * Invariants: N1 the last byte that text_used covers is a NUL. N2 every word in use names a known
 * kind and a text that begins below text_used. N3 no two rows in use have one kind and number.
 */
#include <plimsoll/region.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

enum { TEXTS_FIRST = 64, NAME_KINDS = PLIM_NAME_TAG + 1 };

static uint32_t text_hash(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

/* The place of a text in the index, or the free one where it belongs. */
static uint32_t *text_place(const plim_region *region, const char *text, size_t length)
{
    uint32_t at = text_hash(text, length) & region->intern_mask;
    for (;; at = (at + 1) & region->intern_mask) { /* ends: at least half of it is free */
        uint32_t offset = region->intern_offsets[at];
        if (offset == 0 || (memcmp(region->text + offset, text, length) == 0 &&
                            region->text[offset + length] == '\0'))
            return &region->intern_offsets[at];
    }
}

static bool text_room(plim_region *region)
{
    uint32_t old_count = region->intern_mask + 1;
    if (region->intern_offsets != NULL && region->intern_count < old_count / 2)
        return true;
    uint32_t *old = region->intern_offsets;
    uint32_t count = old == NULL ? TEXTS_FIRST : old_count * 2;
    uint32_t *grown = plim__array_new_zero(region->allocator, count, sizeof *grown);
    if (grown == NULL)
        return false;
    region->intern_offsets = grown;
    region->intern_mask = count - 1;
    for (uint32_t i = 0; old != NULL && i < old_count; i++) {
        const char *text = region->text + old[i];
        if (old[i] != 0)
            *text_place(region, text, strlen(text)) = old[i];
    }
    plim__array_free(region->allocator, old, old_count, sizeof *old);
    return true;
}

plim_status plim_region_intern(plim_region *region, const char *text, uint32_t *out_offset)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(text != NULL && out_offset != NULL);
    plim__region_head *head = region->head;
    size_t length = plim__text_length(text, PLIM__REGION_NAME_MAX + 1);
    if (length == 0 || length > PLIM__REGION_NAME_MAX)
        return PLIM_ERR_USAGE;
    if (!text_room(region))
        return PLIM_ERR_NO_MEMORY;
    uint32_t *place = text_place(region, text, length);
    if (*place == 0) {
        uint32_t at = atomic_load_explicit(&head->text_used, memory_order_relaxed);
        if (length + 1 > head->text_bytes - at)
            return PLIM_ERR_LIMIT;
        if (plim__region_touch_head(region) != PLIM_OK)
            return PLIM_ERR_NO_SPACE;
        plim__put_bytes(region->text + at, text, length);
        plim__put(&region->text[at + length], '\0');
        plim__commit(&head->text_used, at + (uint32_t)length + 1);
        *place = at;
        region->intern_count++;
    }
    *out_offset = *place;
    return PLIM_OK;
}

const char *plim_region_text(const plim_region *region, uint32_t offset)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    return offset != 0 && offset < region->head->text_used ? region->text + offset : NULL;
}

/* --- names of numbers ---------------------------------------------------------------------- */

static uint32_t *name_head(const plim_region *region, uint32_t kind, uint32_t number)
{
    return &region->name_heads[((number + kind) * 2654435761u >> 7) & region->name_mask];
}

/* The row of a number, through the link that leads to it; PLIM__INDEX_NONE if it has no name. */
static uint32_t *name_link(const plim_region *region, uint32_t kind, uint32_t number)
{
    uint32_t *link = name_head(region, kind, number);
    while (*link != PLIM__INDEX_NONE) {
        uint64_t word = atomic_load_explicit(&region->names[*link], memory_order_relaxed);
        if (plim__name_kind(word) == kind && plim__name_number(word) == number)
            break;
        link = &region->name_next[*link];
    }
    return link;
}

static bool name_take_row(plim_region *region, uint32_t *out_row)
{
    plim__region_head *head = region->head;
    uint32_t top = atomic_load_explicit(&head->name_top, memory_order_relaxed);
    if (region->name_free != PLIM__INDEX_NONE) {
        *out_row = region->name_free;
        region->name_free = region->name_next[*out_row];
        return true;
    }
    if (top == head->name_max)
        return false;
    plim__commit(&head->name_top, top + 1);
    *out_row = top;
    return true;
}

static plim_status name_remove(plim_region *region, uint32_t *link)
{
    uint32_t row = *link;
    if (row == PLIM__INDEX_NONE)
        return PLIM_OK;
    if (plim__region_touch(region, &region->names[row], sizeof *region->names) != PLIM_OK)
        return PLIM_ERR_NO_SPACE;
    plim__commit(&region->names[row], 0);
    *link = region->name_next[row];
    region->name_next[row] = region->name_free;
    region->name_free = row;
    return PLIM_OK;
}

plim_status plim__region_name_text(plim_region *region, uint32_t kind, uint32_t number,
                                   uint32_t text)
{
    uint32_t *link = name_link(region, kind, number);
    uint32_t row = *link;
    if (text == 0)
        return name_remove(region, link);
    bool is_new = row == PLIM__INDEX_NONE;
    if (plim__region_touch_head(region) != PLIM_OK)
        return PLIM_ERR_NO_SPACE;
    if (is_new && !name_take_row(region, &row))
        return PLIM_ERR_LIMIT;
    plim_status status = plim__region_touch(region, &region->names[row], sizeof *region->names);
    if (is_new) {
        uint32_t *into = status == PLIM_OK ? link : &region->name_free;
        region->name_next[row] = status == PLIM_OK ? PLIM__INDEX_NONE : region->name_free;
        *into = row;
    }
    if (status != PLIM_OK)
        return status;
    plim__commit(&region->names[row], plim__name_word(kind, number, text));
    return PLIM_OK;
}

plim_status plim_region_name(plim_region *region, plim_name_kind kind, uint32_t number,
                             const char *name)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    uint32_t text = 0;
    if ((uint32_t)kind >= NAME_KINDS)
        return PLIM_ERR_USAGE;
    plim_status status = name != NULL ? plim_region_intern(region, name, &text) : PLIM_OK;
    return status == PLIM_OK ? plim__region_name_text(region, (uint32_t)kind, number, text)
                             : status;
}

const char *plim_region_name_of(const plim_region *region, plim_name_kind kind, uint32_t number)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    uint32_t row = *name_link(region, kind, number);
    if (row == PLIM__INDEX_NONE)
        return NULL;
    uint64_t word = atomic_load_explicit(&region->names[row], memory_order_relaxed);
    return plim_region_text(region, plim__name_text(word));
}

/* --- open ---------------------------------------------------------------------------------- */

static plim_status names_index_texts(plim_region *region, plim_error *err)
{
    uint32_t used = region->head->text_used;
    if (used == 0 || region->text[0] != '\0' || region->text[used - 1] != '\0')
        return plim_error_set(err, PLIM_ERR_DAMAGED, "its texts have no end");
    for (uint32_t at = 1; at < used;) {
        size_t length = strlen(region->text + at); /* ends: the last byte is a NUL */
        if (length == 0 || length > PLIM__REGION_NAME_MAX)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "text %u has no length of ours", at);
        if (!text_room(region))
            return plim__no_memory(err, "the texts of a region");
        uint32_t *place = text_place(region, region->text + at, length);
        if (*place == 0) {
            *place = at;
            region->intern_count++;
        }
        at += (uint32_t)length + 1;
    }
    return PLIM_OK;
}

plim_status plim__names_rebuild(plim_region *region, plim_error *err)
{
    const plim__region_head *head = region->head;
    region->name_free = PLIM__INDEX_NONE;
    memset(region->name_heads, 0xff, ((size_t)region->name_mask + 1) * sizeof *region->name_heads);
    if (region->intern_offsets != NULL)
        memset(region->intern_offsets, 0,
               ((size_t)region->intern_mask + 1) * sizeof *region->intern_offsets);
    region->intern_count = 0;
    plim_status status = names_index_texts(region, err);
    for (uint32_t i = head->name_top; i-- > 0 && status == PLIM_OK;) {
        uint64_t word = atomic_load_explicit(&region->names[i], memory_order_relaxed);
        uint32_t kind = plim__name_kind(word), number = plim__name_number(word);
        if (word == 0) {
            region->name_next[i] = region->name_free;
            region->name_free = i;
            continue;
        }
        if (kind >= NAME_KINDS || plim__name_text(word) == 0 ||
            plim__name_text(word) >= head->text_used ||
            *name_link(region, kind, number) != PLIM__INDEX_NONE)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "name %u is none, or there twice", i);
        uint32_t *first = name_head(region, kind, number);
        region->name_next[i] = *first;
        *first = i;
    }
    return status;
}

plim_status plim__names_init(plim_region *region, plim_error *err)
{
    const plim__region_head *head = region->head;
    uint32_t heads = 64;
    while (heads < head->name_max)
        heads *= 2;
    region->name_mask = heads - 1;
    region->name_heads = plim__array_new(region->allocator, heads, sizeof *region->name_heads);
    region->name_next =
        plim__array_new(region->allocator, head->name_max, sizeof *region->name_next);
    if (region->name_heads == NULL || region->name_next == NULL)
        return plim__no_memory(err, "the names of a region");
    return plim__names_rebuild(region, err);
}

void plim__names_fini(plim_region *region)
{
    const plim_allocator *allocator = region->allocator;
    uint32_t name_max = region->head != NULL ? region->head->name_max : 0;
    plim__array_free(allocator, region->intern_offsets, (size_t)region->intern_mask + 1,
                     sizeof *region->intern_offsets);
    plim__array_free(allocator, region->name_heads, (size_t)region->name_mask + 1,
                     sizeof *region->name_heads);
    plim__array_free(allocator, region->name_next, name_max, sizeof *region->name_next);
}

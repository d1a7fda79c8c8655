/* SPDX-License-Identifier: MIT */
/*
 * Text table: open addressing with linear probing over entry numbers.
 * Invariants: T1 slot_count is 0 or a power of two, and more than twice the count. T2 every entry
 * is in exactly one slot. T3 no two entries have equal texts.
 */
#include "heap/text_table.h"

#include "base/assert.h"

enum { TEXT_CHUNK_BYTES = 64 << 10, TEXT_SLOTS_MIN = 64 };

struct plim__text_chunk {
    plim__text_chunk *older;
    size_t capacity_bytes;
    size_t used_bytes;
    char bytes[];
};

uint32_t plim__text_hash(plim_text text)
{
    /* Eight bytes a step, multiply and fold: collisions cost a memcmp, no more. */
    uint64_t hash = 0x9e3779b97f4a7c15u ^ text.size_bytes;
    const char *at = text.data;
    size_t left = text.size_bytes;
    while (left >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
        at += 8;
        left -= 8;
    }
    if (left > 0) {
        uint64_t word = 0;
        memcpy(&word, at, left);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    hash *= 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(hash >> 32);
}

void plim__text_table_fini(plim__text_table *table)
{
    plim__array_free(table->allocator, table->entries, table->capacity, sizeof *table->entries);
    plim__array_free(table->allocator, table->slots, table->slot_count, sizeof *table->slots);
    table->entries = NULL;
    table->slots = NULL;
    table->count = 0;
    table->capacity = 0;
    table->slot_count = 0;
}

/* The slot that holds the text, or the empty one where it would go. */
static uint32_t text_table_slot(const plim__text_table *table, plim_text text, uint32_t hash)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t slot = hash & mask;
    while (table->slots[slot] != 0) {
        const plim__text_entry *entry = &table->entries[table->slots[slot] - 1];
        if (entry->hash == hash && plim__text_equal(entry->text, text))
            return slot;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static bool text_table_grow_slots(plim__text_table *table)
{
    if (table->slot_count > UINT32_MAX / 2)
        return false;
    uint32_t wanted = table->slot_count == 0 ? TEXT_SLOTS_MIN : table->slot_count * 2;
    uint32_t *slots = plim__array_new_zero(table->allocator, wanted, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t entry = 0; entry < table->count; entry++) {
        uint32_t slot = table->entries[entry].hash & (wanted - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (wanted - 1);
        slots[slot] = entry + 1;
    }
    plim__array_free(table->allocator, table->slots, table->slot_count, sizeof *slots);
    table->slots = slots;
    table->slot_count = wanted;
    return true;
}

static bool text_table_grow_entries(plim__text_table *table)
{
    uint32_t wanted = table->capacity == 0 ? TEXT_SLOTS_MIN / 2 : table->capacity * 2;
    plim__text_entry *entries = plim__array_resize(table->allocator, table->entries,
                                                   table->capacity, wanted, sizeof *entries);
    if (entries == NULL)
        return false;
    table->entries = entries;
    table->capacity = wanted;
    return true;
}

uint32_t plim__text_table_find(const plim__text_table *table, plim_text text)
{
    if (table->slot_count == 0)
        return PLIM_NONE;
    uint32_t number = table->slots[text_table_slot(table, text, plim__text_hash(text))];
    return number == 0 ? PLIM_NONE : number - 1;
}

uint32_t plim__text_table_add(plim__text_table *table, plim_text text)
{
    uint32_t hash = plim__text_hash(text);
    if (table->count >= table->slot_count / 2 && !text_table_grow_slots(table))
        return PLIM_NONE;
    uint32_t slot = text_table_slot(table, text, hash);
    if (table->slots[slot] != 0)
        return table->slots[slot] - 1;
    if (table->count == table->capacity && !text_table_grow_entries(table))
        return PLIM_NONE;
    table->entries[table->count] = (plim__text_entry){text, hash};
    table->slots[slot] = ++table->count;
    return table->count - 1;
}

void plim__text_arena_fini(plim__text_arena *arena)
{
    while (arena->chunks != NULL) {
        plim__text_chunk *dying = arena->chunks;
        arena->chunks = dying->older;
        plim__array_free(arena->allocator, dying, 1, sizeof *dying + dying->capacity_bytes);
    }
}

char *plim__text_arena_take(plim__text_arena *arena, size_t bytes)
{
    plim__text_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->capacity_bytes - chunk->used_bytes < bytes) {
        size_t capacity = bytes > TEXT_CHUNK_BYTES ? bytes : TEXT_CHUNK_BYTES;
        size_t total;
        if (!plim__add_size(capacity, sizeof *chunk, &total))
            return NULL;
        chunk = plim__array_new(arena->allocator, 1, total);
        if (chunk == NULL)
            return NULL;
        *chunk = (plim__text_chunk){.older = arena->chunks, .capacity_bytes = capacity};
        arena->chunks = chunk;
    }
    char *text = chunk->bytes + chunk->used_bytes;
    chunk->used_bytes += bytes;
    PLIM_DCHECK(chunk->used_bytes <= chunk->capacity_bytes);
    return text;
}

/* SPDX-License-Identifier: MIT */
/*
 * Interned keys: an open hash table of numbers over an array of entries over one run of bytes, all
 * in one block. The table is at least twice as long as there can be keys, so a search ends.
 * Invariants: N1 entries [0, count) are the keys in the order they came; N2 each is found from its
 *             hash by steps of one; N3 their bytes follow each other, each with its NUL.
 */
#include <plimsoll/intern.h>

#include <stdbool.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { INTERN_MAGIC = 0x1e7e4ed1 };

typedef struct intern_entry {
    uint32_t hash;
    uint32_t bytes;
    uint32_t at; /* of its first byte */
} intern_entry;

struct plim_intern {
    uint32_t magic;
    uint32_t count;
    uint32_t count_max;
    uint32_t used_bytes;
    uint32_t bytes_max; /* of keys and NULs */
    uint32_t mask;      /* places of the table, less one */
    bool is_sealed;
    size_t block_bytes;
    const plim_allocator *allocator;
    intern_entry *entries;
    uint32_t *table; /* number + 1; 0 is free */
    char *text;
};

static uint32_t intern_hash(const void *key, size_t bytes)
{
    const unsigned char *at = key;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* The place of a key, or the free one where it would be (N2). */
static uint32_t intern_place(const plim_intern *intern, uint32_t hash, const void *key,
                             size_t bytes)
{
    uint32_t place = hash & intern->mask;
    while (intern->table[place] != 0) { /* at most count turns: half of the table is free */
        const intern_entry *entry = &intern->entries[intern->table[place] - 1];
        if (entry->hash == hash && entry->bytes == bytes &&
            (bytes == 0 || memcmp(intern->text + entry->at, key, bytes) == 0))
            break;
        place = (place + 1) & intern->mask;
    }
    return place;
}

uint32_t plim_intern_find(const plim_intern *intern, const void *key, size_t bytes)
{
    PLIM_CHECK_OBJ(intern, INTERN_MAGIC);
    uint32_t place = intern_place(intern, intern_hash(key, bytes), key, bytes);
    return intern->table[place] - 1; /* 0 - 1 is PLIM_INTERN_NONE */
}

static plim_status intern_refuse(const plim_intern *intern, size_t bytes, plim_error *err)
{
    if (bytes > PLIM_INTERN_KEY_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a key of %zu bytes; %d are possible", bytes,
                              PLIM_INTERN_KEY_BYTES_MAX);
    if (intern->is_sealed)
        return plim_error_set(err, PLIM_ERR_SEALED, "a new key, and the table of %u keys is sealed",
                              intern->count);
    if (intern->count == intern->count_max)
        return plim_error_set(err, PLIM_ERR_LIMIT, "one key more than the table's %u",
                              intern->count_max);
    return plim_error_set(err, PLIM_ERR_LIMIT,
                          "a key of %zu bytes, and of the table's %u are %u left", bytes,
                          intern->bytes_max, intern->bytes_max - intern->used_bytes);
}

plim_status plim_intern_key(plim_intern *intern, const void *key, size_t bytes, uint32_t *out_id,
                            plim_error *err)
{
    PLIM_CHECK_OBJ(intern, INTERN_MAGIC);
    PLIM_CHECK(out_id != NULL && (key != NULL || bytes == 0));
    uint32_t hash = intern_hash(key, bytes);
    uint32_t place = intern_place(intern, hash, key, bytes);
    if (intern->table[place] == 0) {
        if (bytes > PLIM_INTERN_KEY_BYTES_MAX || intern->is_sealed ||
            intern->count == intern->count_max ||
            bytes + 1 > intern->bytes_max - intern->used_bytes)
            return intern_refuse(intern, bytes, err);
        intern->entries[intern->count] = (intern_entry){hash, (uint32_t)bytes, intern->used_bytes};
        if (bytes > 0)
            memcpy(intern->text + intern->used_bytes, key, bytes);
        intern->text[intern->used_bytes + bytes] = '\0';
        intern->used_bytes += (uint32_t)bytes + 1;
        intern->table[place] = ++intern->count;
    }
    *out_id = intern->table[place] - 1;
    return PLIM_OK;
}

const char *plim_intern_text(const plim_intern *intern, uint32_t id, size_t *out_bytes)
{
    PLIM_CHECK_OBJ(intern, INTERN_MAGIC);
    if (id >= intern->count)
        return NULL;
    if (out_bytes != NULL)
        *out_bytes = intern->entries[id].bytes;
    return intern->text + intern->entries[id].at;
}

uint32_t plim_intern_count(const plim_intern *intern)
{
    PLIM_CHECK_OBJ(intern, INTERN_MAGIC);
    return intern->count;
}

void plim_intern_seal(plim_intern *intern)
{
    PLIM_CHECK_OBJ(intern, INTERN_MAGIC);
    intern->is_sealed = true;
}

plim_status plim_intern_create(const plim_intern_options *options, plim_intern **out_intern,
                               plim_error *err)
{
    PLIM_CHECK(options != NULL && out_intern != NULL);
    uint32_t keys = options->key_count_max;
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "struct_bytes is not sizeof(plim_intern_options)");
    if (keys == 0 || keys > PLIM_INTERN_KEYS_MAX || options->key_bytes_max == 0 ||
        options->key_bytes_max > UINT32_MAX / 4)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a table of %u keys and %u bytes; 1 to %d keys are possible", keys,
                              options->key_bytes_max, PLIM_INTERN_KEYS_MAX);
    uint32_t places = 2;
    while (places < 2 * keys) /* at most 20 turns */
        places *= 2;
    uint32_t bytes_max = options->key_bytes_max + keys;
    size_t entries_at = sizeof(plim_intern);
    size_t table_at = entries_at + keys * sizeof(intern_entry);
    size_t text_at = table_at + places * sizeof(uint32_t);
    size_t block_bytes = text_at + bytes_max;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    unsigned char *block = plim__array_new_zero(allocator, 1, block_bytes);
    if (block == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "a table of %u keys wants %zu bytes", keys,
                              block_bytes);
    plim_intern *intern = (void *)block;
    *intern = (plim_intern){.magic = INTERN_MAGIC,
                            .count_max = keys,
                            .bytes_max = bytes_max,
                            .mask = places - 1,
                            .block_bytes = block_bytes,
                            .allocator = allocator,
                            .entries = (void *)(block + entries_at),
                            .table = (void *)(block + table_at),
                            .text = (void *)(block + text_at)};
    *out_intern = intern;
    return PLIM_OK;
}

void plim_intern_destroy(plim_intern **intern)
{
    if (intern == NULL || *intern == NULL)
        return;
    plim_intern *ended = *intern;
    PLIM_CHECK_OBJ(ended, INTERN_MAGIC);
    ended->magic = 0;
    plim__array_free(ended->allocator, ended, 1, ended->block_bytes);
    *intern = NULL;
}

/* SPDX-License-Identifier: MIT */
/**
 * @file collections.h
 * @brief Collections whose capacity is reserved when they begin: full is a status, never a crash.
 *
 *     PLIM_DOMAIN("net");
 *     PLIM_VECTOR(peers, struct peer);                // a type and its functions
 *
 *     peers list;
 *     plim_domain mine = {0};                         // none named: this file's
 *     if (peers_init(&list, mine, 100) != PLIM_OK) …  // not that much left in the budget
 *     if (peers_push(&list, peer) == PLIM_ERR_LIMIT) …   // the 101st
 *     peers_fini(&list);
 *
 * All memory is taken by init, in one block, and given back by fini; nothing else allocates, so
 * nothing else can be refused memory. A collection is at most 48 bytes beside its items. One that
 * is all zero has capacity 0, and every call on it is defined. On any status but PLIM_OK nothing
 * has changed and no output is set. Outputs of what is removed may be NULL. Items are copied as
 * bytes (C++: trivially copyable types only) and aligned to 16 at most.
 * C17, usable from C++17. Thread-safety: one thread at a time per collection.
 */
#ifndef PLIM_COLLECTIONS_H
#define PLIM_COLLECTIONS_H
#include <plimsoll/bounded_string.h>
PLIM_DECLS_BEGIN

#ifdef __cplusplus
#define PLIM__IS_PLAIN(T) __is_trivially_copyable(T)
#else
#define PLIM__IS_PLAIN(T) 1
#endif

/* ---- vector -------------------------------------------------------------------------------- */

/**
 * @brief         Private: begins a vector, empty.
 * @param[out]    vector      set only on PLIM_OK.
 * @param[in]     here        the file that asks, charged if @p domain is none; NULL: @p from pays.
 * @param[in]     domain      whose memory.
 * @param[in]     from        with @p here NULL: it must outlive the vector.
 * @param[in]     capacity    items.
 * @param[in]     item_bytes  of one.
 * @retval PLIM_ERR_BUDGET    the domain has not that much left.
 * @retval PLIM_ERR_NO_MEMORY the manager or the system has not.
 * @retval PLIM_ERR_LIMIT     more than can be counted, or more than one request may be.
 * @retval PLIM_ERR_SEALED    the manager is sealed, and nothing at hand fits.
 * @retval PLIM_ERR_STALE     not a domain; or no @p here and no @p from.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim__vector_take(plim__vector *vector, plim__here *here,
                                                      plim_domain domain,
                                                      const plim_allocator *from, size_t capacity,
                                                      size_t item_bytes);

/**
 * @brief         Private: gives a vector's memory back; all zero afterwards, which is accepted too.
 * @param[in,out] vector      not NULL.
 * @param[in]     item_bytes  as taken.
 * @note          Threads: one at a time.
 */
PLIM_API void plim__vector_give(plim__vector *vector, size_t item_bytes);

/**
 * @brief         Private: makes room for an item at @p index, or closes the gap there.
 * @param[in,out] vector      has room; index is in it (or, opening, at its end).
 * @param[in]     index       where.
 * @param[in]     is_opening  or closing.
 * @param[in]     item_bytes  of one.
 * @note          Threads: one at a time.
 */
PLIM_API void plim__vector_shift(plim__vector *vector, size_t index, bool is_opening,
                                 size_t item_bytes);

/**
 * A bounded vector: the type `name` of items `T`, with
 *
 *     plim_status name_init(name *, plim_domain, size_t capacity)     as plim__vector_take()
 *     plim_status name_init_in(name *, const plim_allocator *, size_t capacity)
 *     void        name_fini(name *)
 *     plim_status name_push(name *, T)                 PLIM_ERR_LIMIT: full
 *     plim_status name_pop(name *, T *out)             PLIM_ERR_NOT_FOUND: empty
 *     plim_status name_get(const name *, size_t, T *out)
 *     plim_status name_set(name *, size_t, T)
 *     plim_status name_insert(name *, size_t, T)       keeps the order; at count: as push
 *     plim_status name_remove(name *, size_t, T *out)  keeps the order
 *     T          *name_at(name *, size_t)              NULL: out of range
 *     T          *name_next(name *, T *)               after NULL the first, after the last NULL
 *     void        name_clear(name *)
 *     size_t      name_count(const name *), name_capacity(const name *)
 *
 * An index out of range is PLIM_ERR_NOT_FOUND.
 */
#define PLIM_VECTOR(name, T)                                                                       \
    PLIM__STATIC_ASSERT(PLIM__IS_PLAIN(T), #T " is not copied as bytes");                          \
    PLIM__STATIC_ASSERT(PLIM__ALIGN_OF(T) <= 16, #T " is aligned to more than 16");                \
    typedef struct name {                                                                          \
        plim__vector vector;                                                                       \
    } name;                                                                                        \
    PLIM__INLINE plim_status name##_init(name *self, plim_domain domain, size_t capacity)          \
    {                                                                                              \
        return plim__vector_take(&self->vector, PLIM__HERE, domain, NULL, capacity, sizeof(T));    \
    }                                                                                              \
    PLIM__INLINE plim_status name##_init_in(name *self, const plim_allocator *from,                \
                                            size_t capacity)                                       \
    {                                                                                              \
        plim_domain none = {0};                                                                    \
        return plim__vector_take(&self->vector, NULL, none, from, capacity, sizeof(T));            \
    }                                                                                              \
    PLIM__INLINE void name##_fini(name *self)                                                      \
    {                                                                                              \
        plim__vector_give(&self->vector, sizeof(T));                                               \
    }                                                                                              \
    PLIM__INLINE size_t name##_count(const name *self)                                             \
    {                                                                                              \
        return self->vector.count;                                                                 \
    }                                                                                              \
    PLIM__INLINE size_t name##_capacity(const name *self)                                          \
    {                                                                                              \
        return self->vector.capacity;                                                              \
    }                                                                                              \
    PLIM__INLINE T *name##_at(name *self, size_t index)                                            \
    {                                                                                              \
        return index < self->vector.count ? (T *)self->vector.items + index : NULL;                \
    }                                                                                              \
    PLIM__INLINE T *name##_next(name *self, T *item)                                               \
    {                                                                                              \
        return name##_at(self, item == NULL ? 0 : (size_t)(item - (T *)self->vector.items) + 1);   \
    }                                                                                              \
    PLIM__INLINE plim_status name##_get(const name *self, size_t index, T *out)                    \
    {                                                                                              \
        if (index >= self->vector.count)                                                           \
            return PLIM_ERR_NOT_FOUND;                                                             \
        *out = ((const T *)self->vector.items)[index];                                             \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_set(name *self, size_t index, T item)                          \
    {                                                                                              \
        if (index >= self->vector.count)                                                           \
            return PLIM_ERR_NOT_FOUND;                                                             \
        ((T *)self->vector.items)[index] = item;                                                   \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_push(name *self, T item)                                       \
    {                                                                                              \
        if (self->vector.count >= self->vector.capacity)                                           \
            return PLIM_ERR_LIMIT;                                                                 \
        ((T *)self->vector.items)[self->vector.count++] = item;                                    \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_insert(name *self, size_t index, T item)                       \
    {                                                                                              \
        if (index > self->vector.count)                                                            \
            return PLIM_ERR_NOT_FOUND;                                                             \
        if (self->vector.count >= self->vector.capacity)                                           \
            return PLIM_ERR_LIMIT;                                                                 \
        plim__vector_shift(&self->vector, index, true, sizeof(T));                                 \
        ((T *)self->vector.items)[index] = item;                                                   \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_remove(name *self, size_t index, T *out)                       \
    {                                                                                              \
        if (index >= self->vector.count)                                                           \
            return PLIM_ERR_NOT_FOUND;                                                             \
        if (out != NULL)                                                                           \
            *out = ((T *)self->vector.items)[index];                                               \
        plim__vector_shift(&self->vector, index, false, sizeof(T));                                \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_pop(name *self, T *out)                                        \
    {                                                                                              \
        return name##_remove(self, self->vector.count - 1, out);                                   \
    }                                                                                              \
    PLIM__INLINE void name##_clear(name *self)                                                     \
    {                                                                                              \
        self->vector.count = 0;                                                                    \
    }                                                                                              \
    PLIM__STATIC_ASSERT(sizeof(name) < 64, "a collection is small beside its items")

/* ---- map ----------------------------------------------------------------------------------- */

/** Private: one place of the index. */
typedef struct plim__map_slot {
    uint32_t hash;
    uint32_t entry; /* 1 + the entry's number; 0: free */
} plim__map_slot;

/** Private: what is inside each map: entries without gaps, and an index with linear probing. */
typedef struct plim__map {
    void *entries;
    plim__map_slot *slots; /* in the same block, before the entries */
    const plim_allocator *from;
    uint32_t count;
    uint32_t capacity;
    uint32_t slot_mask; /* a power of two, less 1; there are more slots than entries */
} plim__map;

/**
 * @brief         Private: begins a map, empty; parameters and statuses as plim__vector_take().
 * @param[out]    map          set only on PLIM_OK.
 * @param[in]     here         the file that asks, or NULL.
 * @param[in]     domain       whose memory.
 * @param[in]     from         with @p here NULL.
 * @param[in]     capacity     entries.
 * @param[in]     entry_bytes  of one.
 * @retval PLIM_ERR_BUDGET     the domain has not that much left.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim__map_take(plim__map *map, plim__here *here,
                                                   plim_domain domain, const plim_allocator *from,
                                                   size_t capacity, size_t entry_bytes);

/**
 * @brief         Private: gives a map's memory back; all zero afterwards, which is accepted too.
 * @param[in,out] map          not NULL.
 * @param[in]     entry_bytes  as taken.
 * @note          Threads: one at a time.
 */
PLIM_API void plim__map_give(plim__map *map, size_t entry_bytes);

/**
 * @brief         Private: forgets all entries.
 * @param[in,out] map  not NULL.
 * @note          Threads: one at a time.
 */
PLIM_API void plim__map_clear(plim__map *map);

/**
 * @brief         Private: removes the entry a slot leads to; the last entry takes its place.
 * @param[in,out] map          not NULL.
 * @param[in]     slot         in use.
 * @param[in]     last_hash    the last entry's.
 * @param[in]     entry_bytes  of one.
 * @note          Threads: one at a time.
 */
PLIM_API void plim__map_erase(plim__map *map, uint32_t slot, uint32_t last_hash,
                              size_t entry_bytes);

/** Private: spreads what the caller's hash gives, be it the key itself, over 32 bits. */
PLIM__INLINE uint32_t plim__map_mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(hash >> 32);
}

/** Private: from *slot on, the next entry with that hash, 1 + its number; 0 at a free slot. */
PLIM__INLINE uint32_t plim__map_probe(const plim__map *map, uint32_t hash, uint32_t *slot)
{
    uint32_t at = *slot & map->slot_mask;
    while (map->slots[at].entry != 0 && map->slots[at].hash != hash)
        at = (at + 1) & map->slot_mask;
    *slot = at;
    return map->slots[at].entry;
}

/**
 * A bounded map: the type `name` from keys `K` to values `V`, with
 *
 *     plim_status name_init(name *, plim_domain, size_t capacity)     as plim__vector_take()
 *     plim_status name_init_in(name *, const plim_allocator *, size_t capacity)
 *     void        name_fini(name *)
 *     plim_status name_put(name *, K, V)               replaces; PLIM_ERR_LIMIT: full, and K is new
 *     plim_status name_get(name *, K, V *out)          PLIM_ERR_NOT_FOUND
 *     V          *name_find(name *, K)                 NULL: not there
 *     plim_status name_remove(name *, K, V *out)       PLIM_ERR_NOT_FOUND
 *     name_entry *name_next(name *, name_entry *)      {K key; V value}; after NULL the first; NULL
 *     void        name_clear(name *)                   after the last. The entry at hand may be
 *     size_t      name_count(const name *)             removed on the way; keys stay as they are
 *     size_t      name_capacity(const name *)
 *
 * `hash_of` gives a uint64_t for a K, `is_equal` tells two K apart: functions or macros. A hash may
 * be as plain as the key itself. Keys made to collide cost time, at most capacity steps a call.
 */
#define PLIM_MAP(name, K, V, hash_of, is_equal)                                                    \
    typedef struct name##_entry {                                                                  \
        K key;                                                                                     \
        V value;                                                                                   \
    } name##_entry;                                                                                \
    PLIM__STATIC_ASSERT(PLIM__IS_PLAIN(name##_entry), #name " is not copied as bytes");            \
    PLIM__STATIC_ASSERT(PLIM__ALIGN_OF(name##_entry) <= 16, #name " is aligned to more than 16");  \
    typedef struct name {                                                                          \
        plim__map map;                                                                             \
    } name;                                                                                        \
    PLIM__INLINE plim_status name##_init(name *self, plim_domain domain, size_t capacity)          \
    {                                                                                              \
        return plim__map_take(&self->map, PLIM__HERE, domain, NULL, capacity,                      \
                              sizeof(name##_entry));                                               \
    }                                                                                              \
    PLIM__INLINE plim_status name##_init_in(name *self, const plim_allocator *from,                \
                                            size_t capacity)                                       \
    {                                                                                              \
        plim_domain none = {0};                                                                    \
        return plim__map_take(&self->map, NULL, none, from, capacity, sizeof(name##_entry));       \
    }                                                                                              \
    PLIM__INLINE void name##_fini(name *self)                                                      \
    {                                                                                              \
        plim__map_give(&self->map, sizeof(name##_entry));                                          \
    }                                                                                              \
    PLIM__INLINE size_t name##_count(const name *self)                                             \
    {                                                                                              \
        return self->map.count;                                                                    \
    }                                                                                              \
    PLIM__INLINE size_t name##_capacity(const name *self)                                          \
    {                                                                                              \
        return self->map.capacity;                                                                 \
    }                                                                                              \
    /* The entry of that key; *slot is then the slot that leads to it, else a free one. */         \
    PLIM__INLINE name##_entry *name##__seek(name *self, K key, uint32_t mixed, uint32_t *slot)     \
    {                                                                                              \
        *slot = mixed;                                                                             \
        if (self->map.capacity == 0)                                                               \
            return NULL;                                                                           \
        for (uint32_t nth; (nth = plim__map_probe(&self->map, mixed, slot)) != 0; ++*slot) {       \
            name##_entry *entry = (name##_entry *)self->map.entries + (nth - 1);                   \
            if (is_equal(entry->key, key))                                                         \
                return entry;                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }                                                                                              \
    PLIM__INLINE V *name##_find(name *self, K key)                                                 \
    {                                                                                              \
        uint32_t slot;                                                                             \
        name##_entry *entry = name##__seek(self, key, plim__map_mix(hash_of(key)), &slot);         \
        return entry != NULL ? &entry->value : NULL;                                               \
    }                                                                                              \
    PLIM__INLINE plim_status name##_get(name *self, K key, V *out)                                 \
    {                                                                                              \
        V *value = name##_find(self, key);                                                         \
        if (value == NULL)                                                                         \
            return PLIM_ERR_NOT_FOUND;                                                             \
        *out = *value;                                                                             \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_put(name *self, K key, V value)                                \
    {                                                                                              \
        uint32_t slot, mixed = plim__map_mix(hash_of(key));                                        \
        name##_entry *entry = name##__seek(self, key, mixed, &slot);                               \
        if (entry == NULL) {                                                                       \
            if (self->map.count >= self->map.capacity)                                             \
                return PLIM_ERR_LIMIT;                                                             \
            entry = (name##_entry *)self->map.entries + self->map.count;                           \
            entry->key = key;                                                                      \
            self->map.slots[slot].hash = mixed;                                                    \
            self->map.slots[slot].entry = ++self->map.count;                                       \
        }                                                                                          \
        entry->value = value;                                                                      \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE plim_status name##_remove(name *self, K key, V *out)                              \
    {                                                                                              \
        uint32_t slot;                                                                             \
        name##_entry *entry = name##__seek(self, key, plim__map_mix(hash_of(key)), &slot);         \
        if (entry == NULL)                                                                         \
            return PLIM_ERR_NOT_FOUND;                                                             \
        if (out != NULL)                                                                           \
            *out = entry->value;                                                                   \
        const name##_entry *last = (name##_entry *)self->map.entries + (self->map.count - 1);      \
        plim__map_erase(&self->map, slot, plim__map_mix(hash_of(last->key)),                       \
                        sizeof(name##_entry));                                                     \
        return PLIM_OK;                                                                            \
    }                                                                                              \
    PLIM__INLINE name##_entry *name##_next(name *self, name##_entry *entry)                        \
    {                                                                                              \
        name##_entry *first = (name##_entry *)self->map.entries;                                   \
        if (entry == NULL)                                                                         \
            entry = first + self->map.count;                                                       \
        return entry > first ? entry - 1 : NULL;                                                   \
    }                                                                                              \
    PLIM__INLINE void name##_clear(name *self)                                                     \
    {                                                                                              \
        plim__map_clear(&self->map);                                                               \
    }                                                                                              \
    PLIM__STATIC_ASSERT(sizeof(name) < 64, "a collection is small beside its entries")

/** Hash and equality for PLIM_MAP with keys of an integer type. */
PLIM__INLINE uint64_t plim_key_hash(uint64_t key)
{
    return key;
}

/** @see plim_key_hash() */
PLIM__INLINE bool plim_key_equal(uint64_t a, uint64_t b)
{
    return a == b;
}

/** Hash and equality for PLIM_MAP with keys that are strings; the map borrows them. */
PLIM__INLINE uint64_t plim_text_hash(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash;
}

/** @see plim_text_hash() */
PLIM__INLINE bool plim_text_equal(const char *a, const char *b)
{
    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    return *a == *b;
}

PLIM_DECLS_END
#endif

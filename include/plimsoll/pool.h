/* SPDX-License-Identifier: MIT */
/**
 * @file pool.h
 * @brief Fixed-capacity pools of typed buffers: all memory at the start, none afterwards.
 *
 * A pool has a number of slots; each is a buffer of one format (f32, vec2f32, rgba8, or any that
 * the caller declares) with room for element_count_max elements. Create takes everything from an
 * allocator, usually a domain's; from then on acquire and release only set bits, and what does not
 * fit is refused, never grown. Slots go out lowest first, so equal frames get equal buffers.
 *
 *     plim_pool_options options = {
 *         .struct_bytes = sizeof options, .name = "f32", .format = PLIM_FORMAT_F32,
 *         .slot_count = 8, .allocator = plim_domain_allocator(scene)};
 *     plim_buffer x;
 *     if (plim_pool_acquire(pool, 1000, &x, &err) == PLIM_OK)
 *         ((float *)x.data)[0] = 1.0f;
 *
 * A slot ends with plim_pool_release(), or with all others at plim_pool_release_all() (which a
 * frame calls, frame.h) unless it is pinned. Its handle is stale from then on, for ever: serials
 * count 64 bits and are never used twice. Descriptors that are mutated in place are a pool, too:
 * one element per slot and PLIM_POISON_NONE, so that contents stay; and a table of a size known at
 * the start is a pool of one slot.
 * Starts of a pool's buffers are apart by an odd number of cache lines, so that a loop over many of
 * them does not meet itself in one cache set. Cost: acquire and release O(1); the plain
 * acquire (RESERVED, below level standard) is inline and keeps no site.
 * Thread-safety: one owner thread per pool at a time.
 * @see docs/internals/pools.md, docs/invariants.md (P, H)
 */
#ifndef PLIM_POOL_H
#define PLIM_POOL_H
#include <plimsoll/allocator.h>
#include <plimsoll/memory.h>

#include <stdbool.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_POOL_SLOTS_MAX = 4096,        /**< of one pool */
    PLIM_POOL_NAME_BYTES = 32,         /**< of a pool's or format's name, with its NUL */
    PLIM_POOL_ELEMENTS_DEFAULT = 15000 /**< element_count_max where 0 is given */
};

/** What a released buffer is filled with, at level standard and above. */
typedef enum plim_poison {
    PLIM_POISON_WORD = 0, /**< 0xDEADBEEF, word after word */
    PLIM_POISON_NAN,      /**< words that read as NaN, as f32 and as f64 */
    PLIM_POISON_NONE      /**< nothing: contents stay from one acquire to the next */
} plim_poison;

/** What a pool's elements are. */
typedef struct plim_format {
    const char *name;       /**< 1 to 31 bytes, copied */
    uint32_t element_bytes; /**< at least 1 */
    plim_poison poison;
} plim_format;

/** Initialisers of the usual formats: `plim_format format = PLIM_FORMAT_F32;`. */
#define PLIM_FORMAT_F32                                                                            \
    {                                                                                              \
        "f32", 4, PLIM_POISON_NAN                                                                  \
    }
#define PLIM_FORMAT_F64                                                                            \
    {                                                                                              \
        "f64", 8, PLIM_POISON_NAN                                                                  \
    }
#define PLIM_FORMAT_VEC2F32                                                                        \
    {                                                                                              \
        "vec2f32", 8, PLIM_POISON_NAN                                                              \
    }
#define PLIM_FORMAT_VEC3F32                                                                        \
    {                                                                                              \
        "vec3f32", 12, PLIM_POISON_NAN                                                             \
    }
#define PLIM_FORMAT_RGBA8                                                                          \
    {                                                                                              \
        "rgba8", 4, PLIM_POISON_WORD                                                               \
    }
#define PLIM_FORMAT_U32                                                                            \
    {                                                                                              \
        "u32", 4, PLIM_POISON_WORD                                                                 \
    }

/** When the memory of the slots is taken. */
typedef enum plim_pool_policy {
    PLIM_POOL_RESERVED = 0, /**< all of it by create, in one piece */
    PLIM_POOL_LAZY,         /**< a slot's at its first use; kept until destroy: stable once warm */
    PLIM_POOL_EMULATED /**< the twin for AddressSanitizer: a block of the C library's per acquire,
                                 exactly as long as asked. The build option -Dpool=emulated makes
                                 every pool one. */
} plim_pool_policy;

/** All zero but name, format and slot_count is fine. */
typedef struct plim_pool_options {
    uint32_t struct_bytes; /**< sizeof(plim_pool_options) */
    uint32_t slot_count;   /**< 1 to PLIM_POOL_SLOTS_MAX */
    const char *name;      /**< 1 to 31 bytes, copied */
    plim_format format;
    uint32_t element_count_max; /**< the hard cap of one request; 0: 15,000 */
    plim_pool_policy policy;
    plim_verify verify;              /**< DEFAULT: minimal */
    uint32_t unused;                 /**< 0 */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
    plim_panic_hook *panic;          /**< NULL: one line on standard error and abort() */
    void *panic_ctx;
} plim_pool_options;

/** A pool; ended by plim_pool_destroy(). */
typedef struct plim_pool plim_pool;

/** A slot, by value; all zero is none. Once released it never resolves again. Private fields. */
typedef struct plim_slot {
    uint64_t serial;
    uint32_t index;
    uint32_t pool;
} plim_slot;

/** What acquire gives: the handle, and where its elements are. */
typedef struct plim_buffer {
    void *data; /**< aligned to 64 bytes; not cleared; valid until the slot's release */
    plim_slot slot;
    size_t element_count; /**< as asked */
} plim_buffer;

/** A pool's figures. */
typedef struct plim_pool_stats {
    char name[PLIM_POOL_NAME_BYTES];
    char format[PLIM_POOL_NAME_BYTES];
    uint32_t element_bytes;
    uint32_t element_count_max;
    uint32_t slot_count;
    uint32_t in_use;         /**< slots */
    uint32_t pinned;         /**< of them, kept by release_all */
    uint32_t high_water;     /**< most slots ever in use at once */
    uint64_t data_bytes;     /**< slot_count * element_count_max * element_bytes */
    uint64_t held_bytes;     /**< taken from the allocator now, the pool's own records included */
    uint64_t acquired_total; /**< slots given out since create */
    uint64_t released_total; /**< slots come back: acquired_total - released_total == in_use */
    uint64_t refused_total;  /**< requests above the cap, or with all slots in use */
    uint64_t stale_total;    /**< handles and pointers refused: foreign, stale, released twice */
} plim_pool_stats;

/** Who holds a slot. */
typedef struct plim_pool_holder {
    plim_slot slot;
    const char *site; /**< "file:line" of the acquire */
    size_t element_count;
    bool pinned;
    uint64_t pinned_frame; /**< number of the frame it was pinned in; 0: outside of any */
} plim_pool_holder;

/**
 * @brief         Makes a pool and takes all of its memory (but LAZY and EMULATED).
 * @param[in]     options   not NULL, copied.
 * @param[out]    out_pool  set only on PLIM_OK; ended by plim_pool_destroy().
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_USAGE     no name or format, a slot count out of range, sizes that overflow.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused: says how much it was; nothing is left behind.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_pool_create(const plim_pool_options *options,
                                                     plim_pool **out_pool, plim_error *err);

/**
 * @brief         Ends a pool and gives back all of its memory, slots in use included; @p *pool is
 *                NULL.
 * @param[in,out] pool  NULL and a pointer to NULL are accepted. Not while a frame has it.
 * @note          Threads: the owner.
 */
PLIM_API void plim_pool_destroy(plim_pool **pool);

/**
 * @brief         Takes the lowest free slot. plim_pool_acquire() is this, with the place where it
 *                stands.
 * @param[in,out] pool           not NULL.
 * @param[in]     element_count  0 to element_count_max.
 * @param[in]     site           "file:line" in static storage; NULL: unknown.
 * @param[out]    out_buffer     set only on PLIM_OK.
 * @param[in,out] err            may be NULL.
 * @retval PLIM_ERR_LIMIT     above element_count_max: the sentence has both numbers.
 * @retval PLIM_ERR_BUDGET    all slots are in use: says how many, and from level standard on who
 *                            holds the oldest.
 * @retval PLIM_ERR_NO_MEMORY LAZY and EMULATED alone: the allocator refused.
 * @retval PLIM_ERR_INTERNAL  level full: the slot was written to after its release, or its guard
 *                            is damaged, and the panic hook returned.
 *                            On any failure nothing has changed.
 * @note          Threads: the owner. No allocation (RESERVED).
 */
PLIM_API PLIM_NODISCARD plim_status plim_pool_acquire_at(plim_pool *pool, size_t element_count,
                                                         const char *site, plim_buffer *out_buffer,
                                                         plim_error *err);

/** Private: where a slot's elements are, and what its handles are told from older ones by. */
typedef struct plim__pool_place {
    unsigned char *data;
    uint64_t generation; /* the serial of its handle, less the pool's epoch */
} plim__pool_place;

/** Private: the beginning of every pool, so that the plain case of acquire needs no call. */
typedef struct plim__pool_head {
    uint64_t *open;           /* the first word of free flags that is not known to be 0 */
    plim__pool_place *places; /* of the slots of that word */
    uint64_t epoch;           /* how many times all were released */
    size_t fast_end;          /* element counts below this are the plain case; 0: nothing is */
    uint32_t first;           /* index of the first slot of that word */
    uint32_t tag;             /* of the pool, in its handles */
} plim__pool_head;

/* Private: plim_pool_acquire(). What is not the plain case goes to plim_pool_acquire_at(), with a
   buffer of its own: so the caller's can live in registers. */
static inline plim_status plim__pool_acquire(plim_pool *pool, size_t element_count,
                                             const char *site, plim_buffer *out_buffer,
                                             plim_error *err)
{
    plim__pool_head *head = (plim__pool_head *)(void *)pool;
    uint64_t open = *head->open;
    if (open != 0 && element_count < head->fast_end) {
        uint32_t bit = (uint32_t)__builtin_ctzll(open);
        const plim__pool_place *place = &head->places[bit];
        *head->open = open & (open - 1);
        out_buffer->data = place->data;
        out_buffer->slot.serial = place->generation + head->epoch;
        out_buffer->slot.index = head->first + bit;
        out_buffer->slot.pool = head->tag;
        out_buffer->element_count = element_count;
        return PLIM_OK;
    }
    plim_buffer taken;
    plim_status status = plim_pool_acquire_at(pool, element_count, site, &taken, err);
    if (status == PLIM_OK)
        *out_buffer = taken;
    return status;
}

/** plim_pool_acquire_at() with this line as the site. */
#define plim_pool_acquire(pool, element_count, out_buffer, err)                                    \
    plim__pool_acquire((pool), (element_count), PLIM__SITE, (out_buffer), (err))

/**
 * @brief         Gives a slot back, pinned or not.
 * @param[in,out] pool  not NULL.
 * @param[in]     slot  any.
 * @param[in,out] err   says what is wrong with the slot; may be NULL.
 * @retval PLIM_ERR_STALE    not a slot of this pool, or already released; nothing changed.
 * @retval PLIM_ERR_INTERNAL level full: its guard is damaged, and the panic hook returned; the slot
 *                           is as before.
 * @note          Threads: the owner.
 */
PLIM_API plim_status plim_pool_release(plim_pool *pool, plim_slot slot, plim_error *err);

/**
 * @brief         Gives back every slot that is not pinned.
 * @param[in,out] pool  not NULL.
 * @return        how many there were.
 * @note          Threads: the owner.
 */
PLIM_API uint32_t plim_pool_release_all(plim_pool *pool);

/**
 * @brief         Keeps a slot over release_all and the ends of frames, until unpin or release.
 *                plim_pool_pin() is this, with the place where it stands.
 * @param[in,out] pool  not NULL.
 * @param[in]     slot  any; one that is pinned stays so.
 * @param[in]     site  "file:line" in static storage; NULL: unknown. Below level standard it is
 *                      what the slot is known by; from there on, the acquire's is.
 * @retval PLIM_ERR_STALE not a slot of this pool, or already released.
 * @note          Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_pool_pin_at(plim_pool *pool, plim_slot slot,
                                                     const char *site);

/** plim_pool_pin_at() with this line as the site. */
#define plim_pool_pin(pool, slot) plim_pool_pin_at((pool), (slot), PLIM__SITE)

/**
 * @brief         Lets a slot go with the others again.
 * @param[in,out] pool  not NULL.
 * @param[in]     slot  any; one that is not pinned stays so.
 * @retval PLIM_ERR_STALE not a slot of this pool, or already released.
 * @note          Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_pool_unpin(plim_pool *pool, plim_slot slot);

/**
 * @brief     Where a slot's elements are.
 * @param[in] pool  not NULL.
 * @param[in] slot  any.
 * @return    valid until its release; NULL if it is stale or foreign.
 * @note      Threads: the owner.
 */
PLIM_API void *plim_pool_data(const plim_pool *pool, plim_slot slot);

/**
 * @brief      The slot in use whose elements begin at @p data: for who kept only the pointer.
 * @param[in]  pool      not NULL.
 * @param[in]  data      any pointer; it is compared, never followed.
 * @param[out] out_slot  set only on PLIM_OK.
 * @retval PLIM_ERR_STALE not the first element of a slot in use: foreign, inner or released.
 * @note       Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_pool_find(const plim_pool *pool, const void *data,
                                                   plim_slot *out_slot);

/**
 * @brief      The pool's figures.
 * @param[in]  pool       not NULL.
 * @param[out] out_stats  set.
 * @note       Threads: the owner.
 */
PLIM_API void plim_pool_stats_read(const plim_pool *pool, plim_pool_stats *out_stats);

/**
 * @brief      Who holds the slot at an index.
 * @param[in]  pool        not NULL.
 * @param[in]  index       0 to slot_count-1; others are free.
 * @param[out] out_holder  set only if true is returned.
 * @return     whether it is in use.
 * @note       Threads: the owner.
 */
PLIM_API bool plim_pool_holder_read(const plim_pool *pool, uint32_t index,
                                    plim_pool_holder *out_holder);

/**
 * @brief         Walks the pool: flags, counts, and at level full guards and poison.
 * @param[in]     pool  not NULL.
 * @param[in,out] err   names the invariant that does not hold; may be NULL.
 * @retval PLIM_ERR_INTERNAL one does not hold. The panic hook is not called.
 * @note          Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_pool_verify(const plim_pool *pool, plim_error *err);

PLIM_DECLS_END
#endif

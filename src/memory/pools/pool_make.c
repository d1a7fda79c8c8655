/* SPDX-License-Identifier: MIT */
/*
 * Pools: options, the layout of the block, create and destroy.
 *
 * The block: [struct][flag words][places][notes][pad to a line][colour][buffer 0][buffer 1]…
 * Strides are an odd number of cache lines, so that 64 starts in a row fall into 64 different sets
 * of a cache whose ways are 4 KiB: page-aligned starts cost 2.7 to 3.9 times as much to touch.
 */
#include <string.h>

#include "base/assert.h"
#include "base/checked.h"
#include "memory/pools/pool_check.h"

/* open_words has a bit for each word of flags. */
_Static_assert((int)PLIM__POOL_WORDS_MAX <= (int)PLIM__POOL_WORD_BITS, "one word of words");

#ifdef PLIM_POOL_EMULATED_BUILD
enum { POOL_ALL_EMULATED = true };
#else
enum { POOL_ALL_EMULATED = false };
#endif

/* Where the parts of the block are. */
typedef struct pool_layout {
    size_t words_at, places_at, notes_at, buffers_at, block_bytes;
    size_t stride_bytes, slot_block_bytes;
} pool_layout;

/* Copies a name of 1 to 31 bytes. */
static bool pool_copy_name(char out[PLIM_POOL_NAME_BYTES], const char *name)
{
    size_t length = 0;
    while (name != NULL && length < PLIM_POOL_NAME_BYTES && name[length] != '\0') {
        out[length] = name[length];
        length++;
    }
    if (length == 0 || length == PLIM_POOL_NAME_BYTES)
        return false;
    out[length] = '\0';
    return true;
}

/* Pools of one shape lie alike; their names move their first buffers up to 15 lines apart. */
static size_t pool_colour_bytes(const char *name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; name[i] != '\0'; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return (hash >> 16) % 16 * PLIM__POOL_LINE_BYTES;
}

/* An odd number of lines: 64 starts in a row then fall into 64 different sets of a 4 KiB way. */
static bool pool_stride(size_t element_bytes, size_t count, size_t guards, size_t *out_bytes)
{
    size_t line = PLIM__POOL_LINE_BYTES;
    size_t bytes;
    if (!plim__mul_size(element_bytes, count, &bytes) || !plim__add_size(bytes, guards, &bytes) ||
        !plim__add_size(bytes, 2 * line, &bytes))
        return false;
    bytes = (bytes - line - 1) / line * line; /* rounded up, from bytes - 2 lines */
    *out_bytes = bytes / line % 2 == 0 ? bytes + line : bytes;
    return true;
}

static bool pool_lay_out(const plim_pool *pool, pool_layout *out)
{
    size_t guards = 2 * plim__pool_front_bytes(pool);
    size_t bytes = 0;
    if (!pool_stride(pool->element_bytes, pool->element_count_max, guards, &out->stride_bytes))
        return false;
    out->words_at = sizeof(plim_pool);
    out->places_at = out->words_at + 3 * pool->word_count * sizeof(uint64_t);
    out->notes_at = out->places_at + pool->slot_count * sizeof(plim__pool_place);
    out->buffers_at = out->notes_at + pool->slot_count * sizeof(plim__pool_note);
    out->block_bytes = out->buffers_at;
    if (!plim__add_size(out->stride_bytes, PLIM__POOL_LINE_BYTES + sizeof(void *),
                        &out->slot_block_bytes))
        return false;
    if (pool->policy != PLIM_POOL_RESERVED)
        return true;
    size_t extra = pool_colour_bytes(pool->name) + PLIM__POOL_LINE_BYTES + out->buffers_at;
    if (!plim__mul_size(out->stride_bytes, pool->slot_count, &bytes) ||
        !plim__add_size(bytes, extra, &out->block_bytes))
        return false;
    return true;
}

static plim_status pool_read_options(const plim_pool_options *options, plim_pool *out,
                                     plim_error *err)
{
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "struct_bytes is not sizeof(plim_pool_options)");
    if (!pool_copy_name(out->name, options->name) ||
        !pool_copy_name(out->format, options->format.name))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a pool and its format have names of 1 to %d bytes",
                              PLIM_POOL_NAME_BYTES - 1);
    if (options->slot_count == 0 || options->slot_count > PLIM_POOL_SLOTS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "pool %s: %u slots; 1 to %d are possible",
                              out->name, options->slot_count, PLIM_POOL_SLOTS_MAX);
    if (options->format.element_bytes == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "pool %s: elements of 0 bytes", out->name);
    out->slot_count = options->slot_count;
    out->word_count = (options->slot_count - 1) / PLIM__POOL_WORD_BITS + 1;
    out->element_bytes = options->format.element_bytes;
    out->element_count_max =
        options->element_count_max != 0 ? options->element_count_max : PLIM_POOL_ELEMENTS_DEFAULT;
    out->poison = options->format.poison;
    out->policy = POOL_ALL_EMULATED ? PLIM_POOL_EMULATED : options->policy;
    out->verify = options->verify == PLIM_VERIFY_DEFAULT ? PLIM_VERIFY_MINIMAL : options->verify;
    out->allocator = options->allocator != NULL ? options->allocator : plim_allocator_system();
    out->panic = options->panic;
    out->panic_ctx = options->panic_ctx;
    out->slow = out->policy != PLIM_POOL_RESERVED || out->verify >= PLIM_VERIFY_STANDARD;
    return PLIM_OK;
}

/* Makes the pool in its block, which is not cleared. */
static plim_pool *pool_build(void *block, const plim_pool *draft, const pool_layout *layout)
{
    plim_pool *pool = block;
    unsigned char *bytes = block;
    memset(block, 0, layout->buffers_at);
    *pool = *draft;
    pool->magic = PLIM__POOL_MAGIC;
    pool->head.tag = (uint32_t)((uintptr_t)block >> 4); /* two pools never share 16 bytes */
    pool->head.fast_end = pool->slow ? 0 : (size_t)pool->element_count_max + 1;
    pool->block_bytes = layout->block_bytes;
    pool->stride_bytes = layout->stride_bytes;
    pool->slot_block_bytes = layout->slot_block_bytes;
    pool->free = (void *)(bytes + layout->words_at);
    pool->pinned = pool->free + pool->word_count;
    pool->temporary = pool->pinned + pool->word_count;
    pool->places = (void *)(bytes + layout->places_at);
    pool->notes = (void *)(bytes + layout->notes_at);
    unsigned char *first =
        plim__pool_align(bytes + layout->buffers_at) + pool_colour_bytes(pool->name);
    for (uint32_t i = 0; i < pool->slot_count; i++) {
        uint32_t word = i / PLIM__POOL_WORD_BITS;
        pool->free[word] |= UINT64_C(1) << (i % PLIM__POOL_WORD_BITS);
        pool->open_words |= UINT64_C(1) << word;
        pool->places[i].generation = 1;
        if (pool->policy == PLIM_POOL_RESERVED)
            pool->places[i].data = first + i * layout->stride_bytes + plim__pool_front_bytes(pool);
    }
    plim__pool_head_at(pool, 0);
    return pool;
}

plim_status plim_pool_create(const plim_pool_options *options, plim_pool **out_pool,
                             plim_error *err)
{
    PLIM_CHECK(options != NULL && out_pool != NULL);
    plim_pool draft = {0};
    pool_layout layout = {0};
    plim_status status = pool_read_options(options, &draft, err);
    if (status != PLIM_OK)
        return status;
    if (!pool_lay_out(&draft, &layout))
        return plim_error_set(
            err, PLIM_ERR_USAGE,
            "pool %s: %u buffers of %u elements of %u bytes do not fit any memory", draft.name,
            draft.slot_count, draft.element_count_max, draft.element_bytes);
    void *block = draft.allocator->resize(draft.allocator->ctx, NULL, 0, layout.block_bytes);
    if (block == NULL) {
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY,
                                "pool %s wants %zu bytes, and its allocator refused them",
                                draft.name, layout.block_bytes);
        plim_error_hint(err, "give its domain a higher limit, or the pool fewer slots");
        return status;
    }
    *out_pool = pool_build(block, &draft, &layout);
    return PLIM_OK;
}

void plim_pool_destroy(plim_pool **pool)
{
    if (pool == NULL || *pool == NULL)
        return;
    plim_pool *ended = *pool;
    PLIM_CHECK_OBJ(ended, PLIM__POOL_MAGIC);
    PLIM_CHECK(!ended->in_frame_list);
    for (uint32_t i = 0; i < ended->slot_count; i++)
        plim__pool_slot_give(ended, i);
    const plim_allocator *allocator = ended->allocator;
    size_t bytes = ended->block_bytes;
    ended->magic = 0;
    (void)allocator->resize(allocator->ctx, ended, bytes, 0);
    *pool = NULL;
}

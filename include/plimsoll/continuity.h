/* SPDX-License-Identifier: MIT */
/**
 * @file continuity.h
 * @brief Values that go on without a jump when the set of elements changes, in fixed memory.
 *
 * An animation computes values for the elements of a domain (here: a list of element ids). When the
 * list changes, element 7 of before may be element 3 of now; what is shown of it must not jump. For
 * each target (a property such as "x") this keeps, per element, what is shown (slew) and an offset
 * to what is computed (gauge), which fades:
 *
 *     shown += (computed + gauge - shown) * slew_share;   gauge *= gauge_keep;
 *
 * plim_continuity_change() maps old elements to new ones. It captures what is shown before it
 * touches anything that could replace it, in one call, so that no caller can get the order wrong.
 * All memory is in pools made at the start: two buffers per target and one id list for good; a
 * change takes two snapshots and two mappings, and gives them back before it returns. The second
 * slot of pool "domain id" is for who prepares the next list.
 * Thread-safety: one owner thread.
 */
#ifndef PLIM_CONTINUITY_H
#define PLIM_CONTINUITY_H
#include <plimsoll/frame.h>
#include <plimsoll/intern.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_CONTINUITY_TARGETS_DEFAULT = 4,
    PLIM_CONTINUITY_TARGETS_MAX = 64,
    PLIM_CONTINUITY_POOLS = 5 /**< gauge, slew, snapshot, domain id, mapping */
};

/** In a mapping from new to old elements: there was none. */
#define PLIM_MAPPING_NEW (-1)

/** All zero gives the defaults named. */
typedef struct plim_continuity_options {
    uint32_t struct_bytes;           /**< sizeof(plim_continuity_options) */
    uint32_t target_count_max;       /**< 0: 4 */
    uint32_t element_count_max;      /**< also the end of element ids; 0: 15,000 */
    float slew_share;                /**< above 0, up to 1; 0: 1, what is shown follows at once */
    float gauge_keep;                /**< 0 up to below 1: of the offset, from frame to frame */
    plim_verify verify;              /**< of the pools */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
} plim_continuity_options;

/** Opaque; ended by plim_continuity_destroy(). */
typedef struct plim_continuity plim_continuity;

/**
 * @brief         Makes it and takes all of its memory.
 * @param[in]     options         NULL: defaults.
 * @param[out]    out_continuity  set only on PLIM_OK.
 * @param[in,out] err             may be NULL.
 * @retval PLIM_ERR_USAGE     a share out of range, or too many targets.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_continuity_create(const plim_continuity_options *options,
                                                           plim_continuity **out_continuity,
                                                           plim_error *err);

/**
 * @brief         Ends it; @p *continuity is NULL.
 * @param[in,out] continuity  NULL and a pointer to NULL are accepted. No frame has its pools.
 * @note          Threads: the owner.
 */
PLIM_API void plim_continuity_destroy(plim_continuity **continuity);

/**
 * @brief      Its pools, for a frame's options and for fingerprints.
 * @param[in]  continuity  not NULL.
 * @param[out] out_pools   borrowed until destroy.
 * @note       Threads: the owner.
 */
PLIM_API void plim_continuity_pools(const plim_continuity *continuity,
                                    plim_pool *out_pools[PLIM_CONTINUITY_POOLS]);

/**
 * @brief         The number of a target by its name, made at the first call.
 * @param[in,out] continuity  not NULL.
 * @param[in]     name        1 to 31 bytes; interned.
 * @param[out]    out_target  set only on PLIM_OK.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_LIMIT     one more than target_count_max.
 * @retval PLIM_ERR_USAGE     the name is empty or too long.
 * @note          Threads: the owner. No allocation.
 */
PLIM_API PLIM_NODISCARD plim_status plim_continuity_target(plim_continuity *continuity,
                                                           const char *name, uint32_t *out_target,
                                                           plim_error *err);

/**
 * @brief         Says which elements there are from now on, and in which order.
 * @param[in,out] continuity  not NULL.
 * @param[in]     ids         below element_count_max, none twice; copied.
 * @param[in]     count       0 to element_count_max.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_LIMIT     more than element_count_max: the sentence has both numbers.
 * @retval PLIM_ERR_USAGE     an id is too large, or there twice.
 *                            On any failure nothing has changed.
 * @note          Threads: the owner. No allocation.
 */
PLIM_API PLIM_NODISCARD plim_status plim_continuity_change(plim_continuity *continuity,
                                                           const uint32_t *ids, size_t count,
                                                           plim_error *err);

/**
 * @brief         One frame of one target: from what was computed, what is to be shown.
 * @param[in,out] continuity  not NULL.
 * @param[in]     target      from plim_continuity_target().
 * @param[in]     computed    one value per element of the last change.
 * @param[out]    out_shown   as many; may be @p computed itself.
 * @retval PLIM_ERR_USAGE     no such target.
 * @note          Threads: the owner. No allocation.
 */
PLIM_API PLIM_NODISCARD plim_status plim_continuity_apply(plim_continuity *continuity,
                                                          uint32_t target, const float *computed,
                                                          float *out_shown);

/**
 * @brief      For each new element, where it stood among the old ones.
 * @param[in]  old_ids         below @p id_end, none twice.
 * @param[in]  old_count       how many.
 * @param[in]  new_ids         below @p id_end, none twice.
 * @param[in]  new_count       how many.
 * @param[in]  id_end          one more than the largest id there may be.
 * @param[out] scratch         @p id_end numbers, whatever is in them.
 * @param[out] out_new_to_old  @p new_count numbers: an index, or PLIM_MAPPING_NEW.
 * @retval PLIM_ERR_USAGE      an id is too large, or there twice; the outputs are then undefined.
 * @note       Threads: any. Cost: one pass over each.
 */
PLIM_API PLIM_NODISCARD plim_status plim_mapping_make(const uint32_t *old_ids, size_t old_count,
                                                      const uint32_t *new_ids, size_t new_count,
                                                      size_t id_end, int32_t *scratch,
                                                      int32_t *out_new_to_old);

PLIM_DECLS_END
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file reference.h
 * @brief Objects found by what they are: owner, type, tag, visibility; and by who may see them.
 *
 * A reference is index and generation by value (region.h): it can be kept, passed and stored
 * without holding anything. What is shared has one owner, and goes with that owner alone; all
 * others have a reference that is then stale, and is refused wherever it is used.
 *
 * Who sees an object, seen from a block on a stack: its owner always; blocks that stand on its
 * owner, if it is PLIM_VISIBILITY_INHERITED; everyone, if it is PLIM_VISIBILITY_PUBLIC.
 * Thread-safety: the thread that writes the region.
 */
#ifndef PLIM_REFERENCE_H
#define PLIM_REFERENCE_H
#include <plimsoll/region.h>
#include <plimsoll/stack.h>
PLIM_DECLS_BEGIN

/** What a search goes by. */
enum {
    PLIM_BY_OWNER = 1u << 0,
    PLIM_BY_TYPE = 1u << 1,
    PLIM_BY_TAG = 1u << 2,
    PLIM_BY_VISIBILITY = 1u << 3
};

/** What is searched for; what `by` does not name is not looked at. */
typedef struct plim_search {
    uint32_t struct_bytes; /**< sizeof(plim_search) */
    uint32_t by;           /**< PLIM_BY_…; 0: every object */
    uint32_t owner;
    uint16_t type, tag;
    plim_visibility visibility;
} plim_search;

/**
 * @brief         The next object that fits. With PLIM_BY_OWNER those that stand alone newest
 *                first, each before those below it; else by index.
 * @param[in]     region      not NULL.
 * @param[in]     search      not NULL.
 * @param[in,out] cursor      0 to start; between calls, that object must not be released.
 * @param[out]    out_object  set only if true is returned.
 * @return        false at the end, or if struct_bytes is another.
 * @note          Threads: the writer's.
 */
PLIM_API bool plim_region_search(const plim_region *region, const plim_search *search,
                                 uint32_t *cursor, plim_region_object *out_object);

/**
 * @brief      Makes an object that goes with its parent and has its parent's owner.
 * @param[in]  region   not NULL.
 * @param[in]  parent   a live object.
 * @param[in]  type     of plim_region_type().
 * @param[in]  initial  as plim_region_allocate().
 * @param[out] out_ref  set only on PLIM_OK.
 * @retval PLIM_ERR_STALE the parent is none, or has gone; or there is no such type.
 * @retval PLIM_ERR_LIMIT as plim_region_allocate().
 * @note       Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_create_child(plim_region *region, plim_ref parent,
                                                             uint16_t type, const void *initial,
                                                             plim_ref *out_ref);

/**
 * @brief      The nearest object that fits and that a block may see: its own, newest first; then
 *             down the stack what is inherited or public; then public ones of blocks above, then
 *             of nobody (owner 0). Blocks themselves are inherited: a child finds the state of
 *             those it stands on.
 * @param[in]  stack    not NULL.
 * @param[in]  block    a block of it; none: the top.
 * @param[in]  search   not NULL; PLIM_BY_OWNER is not looked at.
 * @param[out] out_ref  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND no object of that kind can be seen from there.
 * @retval PLIM_ERR_STALE     no such block.
 * @retval PLIM_ERR_USAGE     another struct_bytes.
 * @note       Threads: the writer's; also from callbacks.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_find(const plim_stack *stack, plim_ref block,
                                                    const plim_search *search, plim_ref *out_ref);

PLIM_DECLS_END
#endif

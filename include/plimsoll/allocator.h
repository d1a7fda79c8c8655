/* SPDX-License-Identifier: MIT */
/**
 * @file allocator.h
 * @brief The one seam through which every Plimsoll module gets memory.
 *
 * One function grows, shrinks, allocates and frees, and it is always told the old size, so a
 * provider needs no headers and a budget cannot drift (the idea is Lua's lua_Alloc). The platform
 * gives the system allocator; a cap puts a hard limit on any other; tests give one that fails at
 * the n-th call; a budget domain adapts to it.
 * Thread-safety: those made here may be used from any thread; a caller's own says for itself.
 */
#ifndef PLIM_ALLOCATOR_H
#define PLIM_ALLOCATOR_H
#include <plimsoll/status.h>

#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

/**
 * Passed by pointer, borrowed by everything created with it, which it must outlive.
 * resize(ctx, ptr, old_bytes, new_bytes): ptr NULL and old 0 allocates; new 0 frees and gives
 * NULL; otherwise the first min(old, new) bytes are kept. NULL with new > 0 means refused, and
 * then ptr is still valid. Memory is aligned to 16 bytes and not cleared.
 */
typedef struct plim_allocator {
    void *ctx;
    void *(*resize)(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes);
} plim_allocator;

/**
 * @brief  The system's memory: the C library for small blocks, whole pages for large ones.
 * @return an allocator in static storage; never NULL.
 * @note   Threads: any, at once.
 */
PLIM_API const plim_allocator *plim_allocator_system(void);

/** A hard limit over another allocator: what `--mem` is. */
typedef struct plim_cap plim_cap;

/**
 * @brief         Makes an allocator that refuses once @p limit_bytes are out.
 * @param[in]     inner        borrowed until destroy; NULL means the system's.
 * @param[in]     limit_bytes  1 to SIZE_MAX; requested bytes are counted, not the system's own.
 * @param[out]    out_cap      set only on PLIM_OK; ended by plim_cap_destroy().
 * @retval PLIM_ERR_NO_MEMORY  the small control block itself could not be had; nothing changed.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_cap_create(const plim_allocator *inner,
                                                    uint64_t limit_bytes, plim_cap **out_cap);

/**
 * @brief         The allocator to hand on.
 * @param[in]     cap  not NULL.
 * @return        borrowed, valid until plim_cap_destroy().
 * @note          Threads: any, at once: the counters are atomic.
 */
PLIM_API const plim_allocator *plim_cap_allocator(plim_cap *cap);

/**
 * @brief         Bytes out now, the most there ever were, and how many requests were refused.
 * @param[in]     cap           not NULL.
 * @param[out]    out_used      may be NULL.
 * @param[out]    out_peak      may be NULL.
 * @param[out]    out_refused   may be NULL.
 * @note          Threads: any; the three are each right, not one instant.
 */
PLIM_API void plim_cap_read(const plim_cap *cap, uint64_t *out_used, uint64_t *out_peak,
                            uint64_t *out_refused);

/**
 * @brief         Ends the cap; @p *cap is NULL afterwards. Everything taken from it must be back.
 * @param[in,out] cap  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_cap_destroy(plim_cap **cap);

PLIM_DECLS_END
#endif

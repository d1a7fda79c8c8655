/* SPDX-License-Identifier: MIT */
/*
 * Cap: a hard limit over another allocator. One atomic word is the truth; a request first takes
 * its bytes from it, and gives them back if the inner allocator refuses.
 * Invariants: C1 used <= limit at every instant. C2 peak >= used. C3 used is the sum of the sizes
 * callers hold, for they name the old size.
 */
#include <plimsoll/allocator.h>

#include <stdatomic.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { PLIM__CAP_MAGIC = 0x1d41c27b };

struct plim_cap {
    uint32_t magic;
    const plim_allocator *inner;
    plim_allocator outer;
    uint64_t limit_bytes;
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t peak_bytes;
    _Atomic uint64_t refused_count;
};

static bool cap_take(plim_cap *cap, uint64_t bytes)
{
    uint64_t used = atomic_load_explicit(&cap->used_bytes, memory_order_relaxed);
    do {
        if (bytes > cap->limit_bytes - used) {
            atomic_fetch_add_explicit(&cap->refused_count, 1, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&cap->used_bytes, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    uint64_t peak = atomic_load_explicit(&cap->peak_bytes, memory_order_relaxed);
    while (peak < used + bytes &&
           !atomic_compare_exchange_weak_explicit(&cap->peak_bytes, &peak, used + bytes,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    return true;
}

static void cap_give(plim_cap *cap, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&cap->used_bytes, bytes, memory_order_relaxed);
    PLIM_CHECK(before >= bytes);
}

static void *cap_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    plim_cap *cap = ctx;
    PLIM_CHECK_OBJ(cap, PLIM__CAP_MAGIC);
    if (new_bytes > old_bytes && !cap_take(cap, new_bytes - old_bytes))
        return NULL;
    void *moved = cap->inner->resize(cap->inner->ctx, ptr, old_bytes, new_bytes);
    if (moved == NULL && new_bytes > 0) {
        if (new_bytes > old_bytes)
            cap_give(cap, new_bytes - old_bytes);
        return NULL;
    }
    if (old_bytes > new_bytes)
        cap_give(cap, old_bytes - new_bytes);
    return moved;
}

plim_status plim_cap_create(const plim_allocator *inner, uint64_t limit_bytes, plim_cap **out_cap)
{
    PLIM_CHECK(out_cap != NULL);
    PLIM_CHECK(limit_bytes > 0);
    inner = plim__allocator_or_system(inner);
    plim_cap *cap = plim__array_new(inner, 1, sizeof *cap);
    if (cap == NULL)
        return PLIM_ERR_NO_MEMORY;
    *cap = (plim_cap){.magic = PLIM__CAP_MAGIC, .inner = inner, .limit_bytes = limit_bytes};
    cap->outer = (plim_allocator){.ctx = cap, .resize = cap_resize};
    *out_cap = cap;
    return PLIM_OK;
}

const plim_allocator *plim_cap_allocator(plim_cap *cap)
{
    PLIM_CHECK_OBJ(cap, PLIM__CAP_MAGIC);
    return &cap->outer;
}

void plim_cap_read(const plim_cap *cap, uint64_t *out_used, uint64_t *out_peak,
                   uint64_t *out_refused)
{
    PLIM_CHECK_OBJ(cap, PLIM__CAP_MAGIC);
    if (out_used != NULL)
        *out_used = atomic_load_explicit(&cap->used_bytes, memory_order_relaxed);
    if (out_peak != NULL)
        *out_peak = atomic_load_explicit(&cap->peak_bytes, memory_order_relaxed);
    if (out_refused != NULL)
        *out_refused = atomic_load_explicit(&cap->refused_count, memory_order_relaxed);
}

void plim_cap_destroy(plim_cap **cap)
{
    if (cap == NULL || *cap == NULL)
        return;
    plim_cap *dying = *cap;
    PLIM_CHECK_OBJ(dying, PLIM__CAP_MAGIC);
    PLIM_CHECK(atomic_load(&dying->used_bytes) == 0);
    dying->magic = 0;
    const plim_allocator *inner = dying->inner;
    plim__array_free(inner, dying, 1, sizeof *dying);
    *cap = NULL;
}

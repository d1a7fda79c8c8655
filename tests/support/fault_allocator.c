/* SPDX-License-Identifier: MIT */
/* Shrinking may fail as well: a resize to less is a request like any other. Freeing never fails. */
#include "fault_allocator.h"

static void *fault_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    fault_allocator *fault = ctx;
    const plim_allocator *inner = plim_allocator_system();
    if (new_bytes > 0) {
        uint64_t request = atomic_fetch_add(&fault->requests, 1) + 1;
        if (fault->fail_at != 0 && request == fault->fail_at) {
            atomic_fetch_add(&fault->refused, 1);
            return NULL;
        }
    }
    void *moved = inner->resize(inner->ctx, ptr, old_bytes, new_bytes);
    if (moved == NULL && new_bytes > 0)
        return NULL;
    int64_t change = (int64_t)new_bytes - (int64_t)old_bytes;
    int64_t live = atomic_fetch_add(&fault->live_bytes, change) + change;
    int64_t peak = atomic_load(&fault->peak_bytes);
    while (peak < live && !atomic_compare_exchange_weak(&fault->peak_bytes, &peak, live))
        ;
    return moved;
}

void fault_allocator_init(fault_allocator *fault, uint64_t fail_at)
{
    *fault = (fault_allocator){.fail_at = fail_at};
    fault->allocator = (plim_allocator){fault, fault_resize};
}

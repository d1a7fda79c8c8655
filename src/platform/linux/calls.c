/* SPDX-License-Identifier: MIT */
#include "platform/calls.h"

#include <execinfo.h>

uint32_t plim__calls_here(uint64_t *out_frames, uint32_t most)
{
    void *frames[PLIM__CALLS_MAX];
    int count = backtrace(frames, most < PLIM__CALLS_MAX ? (int)most : PLIM__CALLS_MAX);
    uint32_t kept = 0;
    for (int i = 1; i < count; i++) /* the first is this function */
        out_frames[kept++] = (uintptr_t)frames[i];
    return kept;
}

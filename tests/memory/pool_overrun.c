/* SPDX-License-Identifier: MIT */
/*
 * The faults that a pool hides from AddressSanitizer, one per run:
 *   pool_overrun fixed|emulated none|behind|after
 * behind: one element beyond what was asked for. after: a write to a released buffer.
 */
#include <plimsoll/pool.h>

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    plim_pool *pool = NULL;
    plim_buffer buffer;
    if (argc != 3)
        return 2;
    plim_pool_options options = {
        .struct_bytes = sizeof options,
        .name = "overrun",
        .format = PLIM_FORMAT_F32,
        .slot_count = 4,
        .policy = strcmp(argv[1], "emulated") == 0 ? PLIM_POOL_EMULATED : PLIM_POOL_RESERVED,
    };
    if (plim_pool_create(&options, &pool, NULL) != PLIM_OK ||
        plim_pool_acquire(pool, 100, &buffer, NULL) != PLIM_OK)
        return 3;
    volatile float *values = buffer.data;
    values[99] = 1.0f;
    if (strcmp(argv[2], "behind") == 0)
        values[100] = 1.0f;
    if (plim_pool_release(pool, buffer.slot, NULL) != PLIM_OK)
        return 4;
    if (strcmp(argv[2], "after") == 0)
        values[0] = 1.0f;
    plim_pool_destroy(&pool);
    return 0;
}

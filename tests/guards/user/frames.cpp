/* SPDX-License-Identifier: MIT */
/* Frames in C++: the destructor runs on every way out, and once. */
#include <plimsoll/frame.h>

#include <cstdio>
#include <stdexcept>

static plim_pool *pool;
static plim_frame *frame;

/* Takes a slot and leaves the frame in one of six ways. */
static void leave(int way)
{
    PLIM_FRAME (frame) {
        plim_buffer buffer;
        if (plim_pool_acquire(pool, 3, &buffer, nullptr) != PLIM_OK)
            return;
        if (way == 1)
            break;
        if (way == 2)
            return;
        if (way == 3)
            throw std::runtime_error("out");
        if (way == 4)
            continue;
        if (way == 5)
            goto out;
    }
out:
    return;
}

static unsigned in_use()
{
    plim_pool_stats stats;
    plim_pool_stats_read(pool, &stats);
    return stats.in_use;
}

int main()
{
    plim_format format = PLIM_FORMAT_F32;
    plim_pool_options options = {};
    options.struct_bytes = sizeof options;
    options.name = "user";
    options.format = format;
    options.slot_count = 2;
    plim_frame_options frames = {};
    frames.struct_bytes = sizeof frames;
    frames.pools = &pool;
    frames.pool_count = 1;
    if (plim_pool_create(&options, &pool, nullptr) != PLIM_OK ||
        plim_frame_create(&frames, &frame, nullptr) != PLIM_OK)
        return 2;
    for (int way = 0; way < 6; way++) {
        try {
            leave(way);
        } catch (const std::runtime_error &) {
        }
        if (in_use() != 0) {
            std::printf("way %d leaves a slot behind\n", way);
            return 1;
        }
    }
    plim_frame_stats stats;
    plim_frame_stats_read(frame, &stats);
    plim_frame_destroy(&frame);
    plim_pool_destroy(&pool);
    return stats.frame_count == 6 && stats.collected == 6 ? 0 : 1;
}

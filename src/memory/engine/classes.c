/* SPDX-License-Identifier: MIT */
/*
 * Size classes: steps of 16 bytes up to 128, eight to a doubling up to 2 KiB and from 4 to 8 KiB
 * (pages with a head before them are what programs ask for there), four to the other doublings, up
 * to 32 KiB. So a block is at most an eighth, or a quarter, larger than asked. The tables are
 * the whole way from a size to its class: one load each, a cache line for small sizes.
 * tests/memory/test_classes.c holds them to the rule.
 */
#include "memory/engine/classes.h"

#include "memory/engine/cache.h"

/* By class; class 0 is none. */
const uint16_t plim__class_bytes[PLIM__CLASS_CODES] = {
    0,    16,    32,    48,    64,    80,    96,    112,   128,   144,  160,  176,  192,
    208,  224,   240,   256,   288,   320,   352,   384,   416,   448,  480,  512,  576,
    640,  704,   768,   832,   896,   960,   1024,  1152,  1280,  1408, 1536, 1664, 1792,
    1920, 2048,  2560,  3072,  3584,  4096,  4608,  5120,  5632,  6144, 6656, 7168, 7680,
    8192, 10240, 12288, 14336, 16384, 20480, 24576, 28672, 32768,
};

#define INVERSE(bytes) (uint32_t)(((UINT64_C(1) << 32) + (bytes)-1) / (bytes))
const uint32_t plim__class_inverse[PLIM__CLASS_CODES] = {
    0,
    INVERSE(16),
    INVERSE(32),
    INVERSE(48),
    INVERSE(64),
    INVERSE(80),
    INVERSE(96),
    INVERSE(112),
    INVERSE(128),
    INVERSE(144),
    INVERSE(160),
    INVERSE(176),
    INVERSE(192),
    INVERSE(208),
    INVERSE(224),
    INVERSE(240),
    INVERSE(256),
    INVERSE(288),
    INVERSE(320),
    INVERSE(352),
    INVERSE(384),
    INVERSE(416),
    INVERSE(448),
    INVERSE(480),
    INVERSE(512),
    INVERSE(576),
    INVERSE(640),
    INVERSE(704),
    INVERSE(768),
    INVERSE(832),
    INVERSE(896),
    INVERSE(960),
    INVERSE(1024),
    INVERSE(1152),
    INVERSE(1280),
    INVERSE(1408),
    INVERSE(1536),
    INVERSE(1664),
    INVERSE(1792),
    INVERSE(1920),
    INVERSE(2048),
    INVERSE(2560),
    INVERSE(3072),
    INVERSE(3584),
    INVERSE(4096),
    INVERSE(4608),
    INVERSE(5120),
    INVERSE(5632),
    INVERSE(6144),
    INVERSE(6656),
    INVERSE(7168),
    INVERSE(7680),
    INVERSE(8192),
    INVERSE(10240),
    INVERSE(12288),
    INVERSE(14336),
    INVERSE(16384),
    INVERSE(20480),
    INVERSE(24576),
    INVERSE(28672),
    INVERSE(32768),
};
#undef INVERSE

/* By (bytes + 15) / 16, up to 1 KiB. */
const uint8_t plim__class_fine[65] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 18, 19,
    19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25, 25, 25, 26, 26, 26, 26, 27, 27, 27,
    27, 28, 28, 28, 28, 29, 29, 29, 29, 30, 30, 30, 30, 31, 31, 31, 31, 32, 32, 32, 32,
};

/* As above, in bytes from a cache's first bin. */
#define BIN(code) ((code) * sizeof(plim__bin))
const uint16_t plim__class_bins[65] = {
    BIN(0),  BIN(1),  BIN(2),  BIN(3),  BIN(4),  BIN(5),  BIN(6),  BIN(7),  BIN(8),  BIN(9),
    BIN(10), BIN(11), BIN(12), BIN(13), BIN(14), BIN(15), BIN(16), BIN(17), BIN(17), BIN(18),
    BIN(18), BIN(19), BIN(19), BIN(20), BIN(20), BIN(21), BIN(21), BIN(22), BIN(22), BIN(23),
    BIN(23), BIN(24), BIN(24), BIN(25), BIN(25), BIN(25), BIN(25), BIN(26), BIN(26), BIN(26),
    BIN(26), BIN(27), BIN(27), BIN(27), BIN(27), BIN(28), BIN(28), BIN(28), BIN(28), BIN(29),
    BIN(29), BIN(29), BIN(29), BIN(30), BIN(30), BIN(30), BIN(30), BIN(31), BIN(31), BIN(31),
    BIN(31), BIN(32), BIN(32), BIN(32), BIN(32),
};
#undef BIN

/* By (bytes + 127) / 128, up to 32 KiB. */
const uint8_t plim__class_coarse[257] = {
    0,  8,  16, 20, 24, 26, 28, 30, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 41, 41, 41, 42, 42, 42,
    42, 43, 43, 43, 43, 44, 44, 44, 44, 45, 45, 45, 45, 46, 46, 46, 46, 47, 47, 47, 47, 48, 48, 48,
    48, 49, 49, 49, 49, 50, 50, 50, 50, 51, 51, 51, 51, 52, 52, 52, 52, 53, 53, 53, 53, 53, 53, 53,
    53, 53, 53, 53, 53, 53, 53, 53, 53, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54,
    54, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 55, 56, 56, 56, 56, 56, 56, 56,
    56, 56, 56, 56, 56, 56, 56, 56, 56, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57,
    57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 58, 58, 58, 58, 58, 58, 58,
    58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58,
    58, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59,
    59, 59, 59, 59, 59, 59, 59, 59, 59, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60,
    60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60,
};

/* What of a run of so many pages no block covers. */
static size_t class_waste(size_t run_bytes, size_t block_bytes)
{
    return run_bytes % block_bytes;
}

uint32_t plim__class_run_pages(unsigned code, bool is_tight)
{
    size_t block = plim__class_bytes[code];
    size_t least = (block + PLIM__PAGE_BYTES - 1) >> PLIM__PAGE_SHIFT;
    /* Where there is room: a batch comes out of one slab. Where there is not: as few as go. */
    size_t wanted = is_tight ? 1 : block <= 256 ? 4 : block <= 1024 ? 2 : 1;
    size_t pages = least;
    if (!is_tight && pages * PLIM__PAGE_BYTES < wanted * PLIM__PAGE_BYTES)
        pages = wanted;
    size_t most = pages * 4;
    while (pages < most && class_waste(pages << PLIM__PAGE_SHIFT, block) >
                               (pages << PLIM__PAGE_SHIFT) / (is_tight ? 8 : 16))
        pages++;
    return (uint32_t)pages;
}

unsigned plim__class_aligned(size_t bytes, size_t align)
{
    if (bytes > PLIM__SMALL_MAX || align > PLIM__PAGE_BYTES)
        return 0;
    /* Runs begin on page boundaries, so a block is as aligned as its size is divisible. */
    for (unsigned code = plim__class_of(bytes); code <= PLIM__CLASS_COUNT; code++)
        if ((plim__class_bytes[code] & (align - 1)) == 0)
            return code;
    return 0;
}

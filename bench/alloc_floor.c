/* SPDX-License-Identifier: MIT */
/*
 * The floor under every allocator of this shape: a thread-local list per class of 16 bytes, taken
 * from and put back to, in a library of its own. It keeps no books, knows no size at release (it
 * reads a class beside the block's page, as ours does), and never gives anything back. What it
 * costs, the call, the thread pointer and the dependent loads cost; no allocator can be under it.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    FLOOR_PAGE_BITS = 12,
    FLOOR_FINE = (1 << 20) / 16, /* classes of 16 bytes up to 1 MiB, then powers of two */
    FLOOR_CLASSES = FLOOR_FINE + 32
};

#define FLOOR_SPACE ((size_t)4 << 30)

void *floor_alloc(size_t bytes);
void floor_free(void *block);
void *floor_resize(void *block, size_t bytes);

static __thread void *floor_lists[FLOOR_CLASSES] __attribute__((tls_model("initial-exec")));
static uint32_t *floor_class_of_page;
static char *floor_base, *floor_next;
static uint32_t floor_lock;

static size_t floor_class_bytes(size_t class_number)
{
    return class_number <= FLOOR_FINE ? class_number * 16
                                      : (size_t)1 << (20 + class_number - FLOOR_FINE);
}

/* A run of pages for one class: at least 16 KiB, cut into blocks that are put on the list. */
static __attribute__((noinline)) void *floor_refill(size_t class_number)
{
    while (__atomic_exchange_n(&floor_lock, 1, __ATOMIC_ACQUIRE) != 0)
        ;
    if (floor_base == NULL) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        floor_base = mmap(NULL, FLOOR_SPACE, PROT_READ | PROT_WRITE, flags, -1, 0);
        floor_class_of_page =
            mmap(NULL, FLOOR_SPACE >> FLOOR_PAGE_BITS << 2, PROT_READ | PROT_WRITE, flags, -1, 0);
        floor_next = floor_base;
    }
    size_t block_bytes = floor_class_bytes(class_number);
    size_t run = (block_bytes > 16384 ? block_bytes : 16384) + 4095;
    run -= run % 4096;
    char *at = floor_next;
    floor_next += run;
    for (size_t page = 0; page < run; page += 4096)
        floor_class_of_page[(size_t)(at + page - floor_base) >> FLOOR_PAGE_BITS] =
            (uint32_t)class_number;
    __atomic_store_n(&floor_lock, 0, __ATOMIC_RELEASE);
    for (size_t offset = block_bytes; offset + block_bytes <= run; offset += block_bytes) {
        *(void **)(void *)(at + offset) = floor_lists[class_number];
        floor_lists[class_number] = at + offset;
    }
    return at;
}

static __attribute__((noinline)) void *floor_alloc_huge(size_t bytes)
{
    size_t class_number = FLOOR_FINE + 44 - (size_t)__builtin_clzll(bytes - 1);
    if (class_number >= FLOOR_CLASSES)
        return NULL;
    void *block = floor_lists[class_number];
    if (block == NULL)
        return floor_refill(class_number);
    floor_lists[class_number] = *(void **)block;
    return block;
}

void *floor_alloc(size_t bytes)
{
    size_t class_number = (bytes + 15) / 16;
    if (class_number > FLOOR_FINE)
        return floor_alloc_huge(bytes);
    void *block = floor_lists[class_number];
    if (block == NULL)
        return floor_refill(class_number);
    floor_lists[class_number] = *(void **)block;
    return block;
}

void floor_free(void *block)
{
    size_t page = (size_t)((char *)block - floor_base) >> FLOOR_PAGE_BITS;
    void **list = &floor_lists[floor_class_of_page[page]];
    *(void **)block = *list;
    *list = block;
}

void *floor_resize(void *block, size_t bytes)
{
    size_t page = (size_t)((char *)block - floor_base) >> FLOOR_PAGE_BITS;
    size_t old = floor_class_bytes(floor_class_of_page[page]);
    if (bytes <= old)
        return block;
    void *moved = floor_alloc(bytes);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, old);
    floor_free(block);
    return moved;
}

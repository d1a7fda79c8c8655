/* SPDX-License-Identifier: MIT */
/*
 * The heap's unit: the memory half as a machine of its own. The session's area is its whole
 * memory, and there is one thread, so that no state of it lies anywhere else: not in a thread's
 * caches, not in a library.
 *
 * H1 all that it writes lies in its own variables or in the area.
 * H2 a refusal changes nothing.
 */
#include "repl/heap/heap.h"

#include <plimsoll/domain.h>

#include <string.h>

#include "base/text.h"
#include "memory/checks/marks.h"
#include "memory/engine/alloc.h"
#include "platform/backing.h"
#include "platform/bare/hooks.h"

static struct {
    plim_manager *manager;
    plim_domain domain;
    void *area;
    size_t area_bytes;
    uint64_t limit_bytes;
    plim__heap_failed *failed;
    bool is_reserved;
    uint32_t slot; /* the domain's, in the info words of its pages */
} heap;

/* --- the machine --------------------------------------------------------------------------- */

size_t plim__backing_page(void)
{
    return 4096;
}

void *plim__backing_reserve(size_t bytes)
{
    if (heap.is_reserved || bytes > heap.area_bytes)
        return NULL;
    heap.is_reserved = true;
    return heap.area;
}

void plim__backing_release(void *range, size_t bytes)
{
    (void)range;
    (void)bytes;
    heap.is_reserved = false;
}

/* The area is there, and zero where nobody wrote. */
bool plim__backing_commit(void *range, size_t bytes)
{
    (void)range;
    (void)bytes;
    return true;
}

/* A private page that is given back shows the file again, not zero. */
bool plim__backing_decommit(void *range, size_t bytes)
{
    (void)range;
    (void)bytes;
    return false;
}

size_t plim__backing_machine_bytes(void)
{
    return 0;
}

void *plim__backing_libc_take(size_t bytes, bool zeroed)
{
    (void)bytes;
    (void)zeroed;
    return NULL;
}

void plim__backing_libc_give(void *block)
{
    (void)block;
}

static void heap_check_failed(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    if (heap.failed != NULL)
        heap.failed(text, NULL);
}

static void heap_panic(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    if (heap.failed != NULL)
        heap.failed(panic->what, panic->address);
}

/* --- the table ----------------------------------------------------------------------------- */

static bool heap_start(void *area, size_t area_bytes, uint64_t total_bytes)
{
    const plim_bare_hooks hooks = {.failed = heap_check_failed};
    plim_bare_hooks_set(&hooks);
    heap.area = area;
    heap.area_bytes = area_bytes;
    const plim_manager_options options = {
        .struct_bytes = sizeof options,
        .domain_count_max = 2,
        .name = "session",
        .total_bytes = (size_t)total_bytes,
        .backing = PLIM_BACKING_MAP,
        .verify = PLIM_VERIFY_STANDARD,
        .panic = heap_panic,
    };
    if (plim_manager_create(&options, &heap.manager, NULL) != PLIM_OK)
        return false;
    const plim_domain_options whole = {.struct_bytes = sizeof whole,
                                       .limit_bytes = (size_t)total_bytes};
    heap.limit_bytes = total_bytes;
    if (plim_domain_create(heap.manager, "heap", &whole, &heap.domain, NULL) != PLIM_OK)
        return false;
    heap.slot = plim__domain_of(heap.domain)->slot;
    return true;
}

static void heap_failed_set(plim__heap_failed *failed)
{
    if (heap.failed != failed)
        heap.failed = failed;
}

static bool heap_limit_set(uint64_t limit_bytes)
{
    if (heap.limit_bytes == limit_bytes)
        return true;
    if (plim_domain_limit_set(heap.domain, (size_t)limit_bytes, NULL) != PLIM_OK)
        return false;
    heap.limit_bytes = limit_bytes;
    return true;
}

/* What no empty heap could serve is an answer that programs test for; the rest is a leak's end. */
static bool heap_is_never(size_t bytes)
{
    return bytes > heap.limit_bytes;
}

static void *heap_take(size_t bytes, size_t align, bool zeroed, bool *out_never)
{
    void *block = plim__take(heap.domain, bytes != 0 ? bytes : 1, align, zeroed, NULL);
    *out_never = block == NULL && (heap_is_never(bytes) || align > PLIM__ALIGN_MAX);
    return block;
}

static void *heap_resize(void *block, size_t bytes, bool *out_never)
{
    void *moved = plim__resize(block, bytes, NULL);
    *out_never = moved == NULL && heap_is_never(bytes);
    return moved;
}

static void heap_give(void *block)
{
    plim__give(block, NULL);
}

static bool heap_verify(char *text, size_t cap)
{
    plim_error error = {0};
    if (plim_manager_verify(heap.manager, &error) == PLIM_OK)
        return true;
    plim__text out;
    plim__text_init(&out, text, cap);
    plim__text_add(&out, error.what, plim__text_length(error.what, sizeof error.what));
    return false;
}

static const void *heap_tables_end(void)
{
    return (const void *)(uintptr_t)heap.manager->space.base;
}

static void heap_figures(plim__heap_figures *out_figures)
{
    plim_domain_stats stats = {0};
    if (plim_domain_stats_read(heap.domain, &stats) != PLIM_OK)
        stats = (plim_domain_stats){0};
    *out_figures = (plim__heap_figures){
        .used_bytes = stats.used_bytes,
        .block_count = stats.allocation_count,
        .high_water_bytes = stats.high_water_bytes,
        .limit_bytes = heap.limit_bytes,
        .refusal_count = stats.refusal_count,
    };
}

static bool heap_is_live(const plim__space *space, uint64_t address)
{
    uint8_t state = *plim__state_of(space, (const void *)(uintptr_t)address);
    return state == PLIM__STATE_LIVE || state == PLIM__STATE_WATCHED;
}

/* Whether blocks of ours may begin on the page: those of nobody, of the manager itself and the
   inside of large blocks have none. */
static bool heap_has_begins(const plim__space *space, uint32_t page)
{
    return plim__info_slot(space->info[page]) == heap.slot &&
           plim__info_code(space->info[page]) != PLIM__CLASS_INNER;
}

static size_t heap_walk(uint64_t *position, plim__heap_block *blocks, size_t cap)
{
    const plim__space *space = &heap.manager->space;
    uint64_t end = (uint64_t)space->touched << PLIM__PAGE_SHIFT;
    size_t count = 0;
    while (*position < end && count < cap) {
        if (!heap_has_begins(space, (uint32_t)(*position >> PLIM__PAGE_SHIFT))) {
            *position = (*position | (PLIM__PAGE_BYTES - 1)) + 1;
            continue;
        }
        uint64_t address = space->base + *position;
        if (heap_is_live(space, address))
            blocks[count++] =
                (plim__heap_block){address, plim__usable((const void *)(uintptr_t)address)};
        *position += PLIM__ALIGN;
    }
    return count;
}

/* Without a check that fails: whoever asks wants to know. */
static size_t heap_usable(const void *block)
{
    const plim__space *space = &heap.manager->space;
    uint64_t offset = (uint64_t)(uintptr_t)block - space->base;
    if (offset >= (uint64_t)space->touched << PLIM__PAGE_SHIFT || offset % PLIM__ALIGN != 0 ||
        !heap_has_begins(space, (uint32_t)(offset >> PLIM__PAGE_SHIFT)) ||
        !heap_is_live(space, (uint64_t)(uintptr_t)block))
        return 0;
    return plim__usable(block);
}

static bool heap_find(const void *address, plim__heap_block *out_block)
{
    const plim__space *space = &heap.manager->space;
    uint64_t offset = (uint64_t)(uintptr_t)address - space->base;
    if (offset >= (uint64_t)space->touched << PLIM__PAGE_SHIFT)
        return false;
    for (offset &= ~(uint64_t)(PLIM__ALIGN - 1);; offset -= PLIM__ALIGN) {
        uint32_t page = (uint32_t)(offset >> PLIM__PAGE_SHIFT);
        if (plim__info_slot(space->info[page]) != heap.slot)
            return false;
        if (!heap_has_begins(space, page))
            offset &= ~(uint64_t)(PLIM__PAGE_BYTES - 1);
        uint64_t start = space->base + offset;
        if (heap_is_live(space, start)) {
            *out_block = (plim__heap_block){start, plim__usable((const void *)(uintptr_t)start)};
            return (uint64_t)(uintptr_t)address - start < out_block->bytes;
        }
        if (offset == 0)
            return false;
    }
}

const plim__heap_table plim__heap = {
    .magic = PLIM__HEAP_MAGIC,
    .bytes = sizeof(plim__heap_table),
    .start = heap_start,
    .failed_set = heap_failed_set,
    .limit_set = heap_limit_set,
    .take = heap_take,
    .resize = heap_resize,
    .give = heap_give,
    .usable = heap_usable,
    .find = heap_find,
    .verify = heap_verify,
    .tables_end = heap_tables_end,
    .figures = heap_figures,
    .walk = heap_walk,
};

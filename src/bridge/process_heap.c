/* SPDX-License-Identifier: MIT */
/*
 * From the map to the live blocks. The tables per page are read in windows of pages; of a slab the
 * notes are read at once. Nothing is believed: a slab that does not fit its pages, notes outside
 * their table, blocks that would overlap are left out, so that a process that is hostile, or was
 * not stopped, costs blocks and nothing else.
 *
 * B1  blocks are in order of address and do not overlap.
 * B2  a page's first_block is <= block_count, and does not fall from page to page.
 */
#include "bridge/process_heap.h"

#include <string.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "platform/process.h"

enum {
    HEAP_WINDOW_PAGES = 4096,
    HEAP_RUN_BYTES_MAX = 64,
    HEAP_SLAB_BLOCKS_MAX = 1 << 14,
    HEAP_FIRST_BLOCKS = 4096,
    HEAP_FIRST_NOTES = 1 << 18
};

bool plim__process_is_map(const plim__peer_mapping *mapping)
{
    static const char name[] = "/memfd:" PLIM__HEAP_MAP_NAME;
    return mapping->is_readable && strncmp(mapping->path, name, sizeof name - 1) == 0;
}

/* The system puts a heap anywhere, at each exec() anew; a child of fork() was started later. */
uint64_t plim__process_heap_identity(int64_t pid, const plim__heap_map *map)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    plim__process_glance glance;
    if (plim__process_look(pid, &glance) != PLIM_OK)
        return 0;
    return ((((uint64_t)pid * odd + glance.start_ticks) * odd + map->base) * odd + map->stacks_at) *
           odd;
}

typedef struct heap_search {
    const plim__peer *peer;
    plim__heap_map *map;
    bool is_found;
} heap_search;

static bool heap_visit(void *ctx, const plim__peer_mapping *mapping)
{
    heap_search *search = ctx;
    if (!plim__process_is_map(mapping) || mapping->end - mapping->start < sizeof *search->map)
        return true;
    search->is_found = plim__peer_read(search->peer, mapping->start, search->map,
                                       sizeof *search->map) == sizeof *search->map;
    return !search->is_found;
}

/* Whether the figures that everything below multiplies and adds are small enough for it. */
static bool heap_map_is_sound(const plim__heap_map *map)
{
    static const uint64_t address_max = UINT64_C(1) << 56;
    const uint64_t addresses[] = {map->base,      map->backs_at,       map->touched_at,
                                  map->info_at,   map->runs_at,        map->note_pages_at,
                                  map->notes_at,  map->notes_end_at,   map->notes_lost_at,
                                  map->stacks_at, map->stack_count_at, map->domain_names_at,
                                  map->boot_at};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (addresses[i] >= address_max)
            return false;
    uint32_t fields = map->run_bytes - (uint32_t)sizeof(uint32_t);
    return map->page_shift == 12 && map->page_count <= PLIM_PROCESS_PAGES_MAX &&
           map->run_bytes >= 8 && map->run_bytes <= HEAP_RUN_BYTES_MAX &&
           map->run_pages <= fields && map->run_count <= fields && map->slot_shift == 8 &&
           map->class_shift == 2 && map->class_large < PLIM__HEAP_CLASSES &&
           map->domain_count <= 1u << 10 && map->domain_bytes <= 1u << 16 &&
           map->name_bytes <= 256 &&
           (map->depth == 0 || (map->site_bits == PLIM__NOTE_SITE_BITS &&
                                map->stack_bytes == sizeof(plim__heap_stack)));
}

plim_status plim__process_find_map(const plim__peer *peer, plim__heap_map *out_map, plim_error *err)
{
    heap_search search = {.peer = peer, .map = out_map};
    plim_status status = plim__peer_mappings(peer, heap_visit, &search);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the mappings of process %lld cannot be read",
                              (long long)peer->pid);
    if (!search.is_found)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "process %lld does not run with libplimsoll-malloc.so",
                              (long long)peer->pid);
    if (memcmp(out_map->magic, "PLIMHEAP", sizeof out_map->magic) != 0 || out_map->is_ready != 1)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "what process %lld shows is no heap's map",
                              (long long)peer->pid);
    if (out_map->version != PLIM__HEAP_MAP_VERSION || out_map->bytes != sizeof *out_map) {
        status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                "process %lld has a heap of version %u, this plim reads %d",
                                (long long)peer->pid, out_map->version, PLIM__HEAP_MAP_VERSION);
        plim_error_hint(err, "use the plim of the same version as its libplimsoll-malloc.so");
        return status;
    }
    if (!heap_map_is_sound(out_map))
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the heap's map of process %lld is impossible",
                              (long long)peer->pid);
    return PLIM_OK;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* What is at hand of the tables per page, and of the notes. */
typedef struct heap_window {
    const plim__peer *peer;
    plim__process_heap *heap;
    uint16_t *info;
    uint8_t *backs;
    uint8_t *runs;
    uint64_t *rows;
    uint64_t *notes;
    uint64_t note_count, note_cap;
    uint32_t next_page; /* B1: pages before it are done with */
} heap_window;

static uint32_t heap_word(const uint8_t *run, uint32_t offset)
{
    uint32_t word;
    memcpy(&word, run + offset, sizeof word);
    return word;
}

static plim_status heap_add(plim__process_heap *heap, uint64_t address, uint64_t bytes,
                            uint64_t note, uint32_t domain, plim_error *err)
{
    if (heap->block_count == heap->block_cap) {
        uint32_t cap = heap->block_cap == 0 ? HEAP_FIRST_BLOCKS : 2 * heap->block_cap;
        if (heap->block_cap > PLIM_PROCESS_BLOCKS_MAX / 2)
            return plim_error_set(err, PLIM_ERR_LIMIT, "more than %u blocks", heap->block_cap);
        plim__process_block *blocks =
            plim__array_resize(heap->allocator, heap->blocks, heap->block_cap, cap, sizeof *blocks);
        if (blocks == NULL)
            return plim__no_memory(err, "the list of its blocks");
        heap->blocks = blocks;
        heap->block_cap = cap;
    }
    heap->blocks[heap->block_count++] = (plim__process_block){address, note, bytes, domain};
    heap->used_bytes += bytes;
    return PLIM_OK;
}

/* All notes; as many as can be read of what the process says there are. */
static plim_status heap_read_notes(heap_window *window, uint64_t end, plim_error *err)
{
    const plim_allocator *allocator = window->heap->allocator;
    uint64_t from = window->heap->map.notes_at;
    end = end < PLIM_PROCESS_BLOCKS_MAX ? end : PLIM_PROCESS_BLOCKS_MAX;
    while (window->note_count < end && window->note_count == window->note_cap) {
        uint64_t cap = window->note_cap == 0 ? HEAP_FIRST_NOTES : 2 * window->note_cap;
        cap = cap < end ? cap : end;
        uint64_t *notes = plim__array_resize(allocator, window->notes, window->note_cap, cap,
                                             sizeof *window->notes);
        if (notes == NULL)
            return plim__no_memory(err, "the notes of its blocks");
        window->notes = notes;
        window->note_cap = cap;
        size_t got =
            plim__peer_read(window->peer, from + window->note_count * sizeof *notes,
                            notes + window->note_count, (cap - window->note_count) * sizeof *notes);
        window->note_count += got / sizeof *notes;
    }
    return PLIM_OK;
}

/* The notes of the blocks that begin at a page: their place is in the page's row. How many. */
static uint32_t heap_notes_of(const heap_window *window, uint64_t row, uint32_t count,
                              const uint64_t **out_notes)
{
    uint64_t start = row >> PLIM__NOTE_KIND_BITS;
    uint32_t kind = (uint32_t)(row & ((1u << PLIM__NOTE_KIND_BITS) - 1));
    uint64_t room = kind == 0 ? 0 : UINT64_C(1) << (kind - 1);
    count = count < room ? count : (uint32_t)room;
    if (count == 0 || start > window->note_count || count > window->note_count - start)
        return 0;
    *out_notes = window->notes + start;
    return count;
}

/* What begins at a page, i in the window. */
static plim_status heap_take_page(heap_window *window, uint32_t page, uint32_t i, plim_error *err)
{
    plim__process_heap *heap = window->heap;
    const plim__heap_map *map = &heap->map;
    const uint8_t *run = window->runs + (size_t)i * map->run_bytes;
    uint32_t code = (window->info[i] & ((1u << map->slot_shift) - 1)) >> map->class_shift;
    uint32_t domain = (uint32_t)window->info[i] >> map->slot_shift;
    uint32_t pages = heap_word(run, map->run_pages);
    uint64_t block_bytes = map->class_bytes[code];
    bool is_large = code == map->class_large;
    if (code == 0 || domain == map->own_domain || page < window->next_page || pages == 0 ||
        pages > heap->page_count - page || (!is_large && block_bytes < 16) ||
        (!is_large && window->backs[i] != 0))
        return PLIM_OK;
    uint64_t address = map->base + ((uint64_t)page << map->page_shift);
    uint64_t bytes = (uint64_t)pages << map->page_shift;
    uint64_t fit = is_large ? 1 : bytes / block_bytes;
    uint32_t count = is_large ? 1 : heap_word(run, map->run_count) & 0xffff;
    if (count > fit || count > HEAP_SLAB_BLOCKS_MAX)
        return PLIM_OK;
    window->next_page = page + pages;
    const uint64_t *notes = NULL;
    count = heap_notes_of(window, window->rows[i], count, &notes);
    plim_status status = PLIM_OK;
    for (uint32_t k = 0; k < count && status == PLIM_OK; k++)
        if (notes[k] != 0)
            status = heap_add(heap, address + k * block_bytes, is_large ? bytes : block_bytes,
                              notes[k], domain, err);
    return status;
}

static plim_status heap_read_windows(heap_window *window, plim_error *err)
{
    plim__process_heap *heap = window->heap;
    const plim__heap_map *map = &heap->map;
    plim_status status = PLIM_OK;
    for (uint32_t page = 0; page < heap->page_count && status == PLIM_OK;) {
        uint32_t count = heap->page_count - page;
        count = count < HEAP_WINDOW_PAGES ? count : HEAP_WINDOW_PAGES;
        size_t info_bytes = count * sizeof *window->info;
        size_t runs_bytes = (size_t)count * map->run_bytes;
        size_t rows_bytes = count * sizeof *window->rows;
        if (plim__peer_read(window->peer, map->info_at + page * sizeof *window->info, window->info,
                            info_bytes) != info_bytes ||
            plim__peer_read(window->peer, map->backs_at + page, window->backs, count) != count ||
            plim__peer_read(window->peer, map->runs_at + (uint64_t)page * map->run_bytes,
                            window->runs, runs_bytes) != runs_bytes ||
            plim__peer_read(window->peer, map->note_pages_at + page * sizeof *window->rows,
                            window->rows, rows_bytes) != rows_bytes)
            return plim_error_set(err, PLIM_ERR_GONE, "process %lld has ended, or hides its heap",
                                  (long long)window->peer->pid);
        for (uint32_t i = 0; i < count && status == PLIM_OK; i++)
            status = heap_take_page(window, page + i, i, err);
        page += count;
    }
    return status;
}

/* B2, once all blocks are known. */
static plim_status heap_index(plim__process_heap *heap, plim_error *err)
{
    if (heap->page_count == 0)
        return PLIM_OK;
    heap->first_block = plim__array_new(heap->allocator, heap->page_count, sizeof(uint32_t));
    if (heap->first_block == NULL)
        return plim__no_memory(err, "the list of its pages");
    uint32_t block = 0;
    for (uint32_t page = 0; page < heap->page_count; page++) {
        uint64_t start = heap->map.base + ((uint64_t)page << heap->map.page_shift);
        while (block < heap->block_count &&
               heap->blocks[block].address + heap->blocks[block].bytes <= start)
            block++;
        heap->first_block[page] = block;
    }
    return PLIM_OK;
}

plim_status plim__process_read_blocks(const plim__peer *peer, plim__process_heap *heap,
                                      plim_error *err)
{
    const plim__heap_map *map = &heap->map;
    const plim_allocator *allocator = heap->allocator;
    heap_window window = {.peer = peer, .heap = heap};
    uint32_t touched = 0;
    uint64_t notes_end = 0;
    (void)plim__peer_read(peer, map->touched_at, &touched, sizeof touched);
    (void)plim__peer_read(peer, map->notes_end_at, &notes_end, sizeof notes_end);
    (void)plim__peer_read(peer, map->notes_lost_at, &heap->lost_notes, sizeof heap->lost_notes);
    heap->page_count = touched < map->page_count ? touched : (uint32_t)map->page_count;
    window.info = plim__array_new(allocator, HEAP_WINDOW_PAGES, sizeof *window.info);
    window.backs = plim__array_new(allocator, HEAP_WINDOW_PAGES, 1);
    window.runs = plim__array_new(allocator, HEAP_WINDOW_PAGES, HEAP_RUN_BYTES_MAX);
    window.rows = plim__array_new(allocator, HEAP_WINDOW_PAGES, sizeof *window.rows);
    plim_status status = PLIM_OK;
    if (window.info == NULL || window.backs == NULL || window.runs == NULL || window.rows == NULL)
        status = plim__no_memory(err, "the tables of its heap");
    else if (map->depth > 0)
        status = heap_read_notes(&window, notes_end, err);
    if (status == PLIM_OK && map->depth > 0)
        status = heap_read_windows(&window, err);
    plim__array_free(allocator, window.info, HEAP_WINDOW_PAGES, sizeof *window.info);
    plim__array_free(allocator, window.backs, HEAP_WINDOW_PAGES, 1);
    plim__array_free(allocator, window.runs, HEAP_WINDOW_PAGES, HEAP_RUN_BYTES_MAX);
    plim__array_free(allocator, window.rows, HEAP_WINDOW_PAGES, sizeof *window.rows);
    plim__array_free(allocator, window.notes, (size_t)window.note_cap, sizeof *window.notes);
    return status == PLIM_OK ? heap_index(heap, err) : status;
}

uint32_t plim__process_block_at(const plim__process_heap *heap, uint64_t address)
{
    uint64_t offset = address - heap->map.base; /* below the base: beyond every page */
    if (offset >> heap->map.page_shift >= heap->page_count)
        return UINT32_MAX;
    uint32_t page = (uint32_t)(offset >> heap->map.page_shift);
    uint32_t low = heap->first_block[page];
    uint32_t high = page + 1 < heap->page_count ? heap->first_block[page + 1] + 1 : UINT32_MAX;
    high = high < heap->block_count ? high : heap->block_count;
    while (low < high) { /* the first that ends behind the address */
        uint32_t middle = low + (high - low) / 2;
        if (heap->blocks[middle].address + heap->blocks[middle].bytes <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < heap->block_count && heap->blocks[low].address <= address ? low : UINT32_MAX;
}

void plim__process_heap_fini(plim__process_heap *heap)
{
    if (heap->allocator == NULL)
        return;
    plim__array_free(heap->allocator, heap->blocks, heap->block_cap, sizeof *heap->blocks);
    plim__array_free(heap->allocator, heap->first_block, heap->page_count, sizeof(uint32_t));
    heap->blocks = NULL;
    heap->first_block = NULL;
    heap->block_count = heap->block_cap = 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Looking through memory for addresses of blocks. Outside the heap only what is writable, private
 * and was ever touched can hold one: so a sparse terabyte costs what was written of it. Stacks
 * count from the stack pointer up (less what leaf functions use below it).
 *
 * E1  An edge's `to` is a block, and its `from` a block or root that is there.
 * E2  links are in the order of the blocks they come from.
 */
#include "bridge/process_edges.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "bridge/clean_text.h"

enum {
    EDGES_CHUNK_BYTES = 1 << 18,
    EDGES_PAGE_BYTES = 4096,
    EDGES_RED_ZONE = 128, /* below the stack pointer, x86-64: leaf functions keep words there */
    EDGES_FIRST = 1024,
    EDGES_STEP = 1 << 16 /* blocks between two calls of progress */
};

/* One look through memory. */
typedef struct edges_scan {
    const plim__peer *peer;
    const plim__process_heap *heap;
    plim__process_edges *edges;
    uint64_t *chunk;
    uint64_t low, high;  /* addresses of the heap's pages */
    bool wants_others;   /* than modules and stacks */
    uint32_t module;     /* the last module's root */
    uint64_t module_end; /* where the last mapping ended, if it was a module's */
    plim_status status;
    plim_error *err;
} edges_scan;

static bool edges_fail(edges_scan *scan, const char *what_for)
{
    scan->status = plim__no_memory(scan->err, what_for);
    return false;
}

static void *edges_grow(const plim_allocator *allocator, void *rows, uint32_t *cap,
                        size_t row_bytes)
{
    uint32_t wanted = *cap == 0 ? EDGES_FIRST : *cap * 2;
    if (*cap > PLIM_EDGES_MAX / 2)
        return NULL;
    void *grown = plim__array_resize(allocator, rows, *cap, wanted, row_bytes);
    if (grown != NULL)
        *cap = wanted;
    return grown;
}

static bool edges_add(plim__process_edges *edges, plim__process_edge **rows, uint32_t *count,
                      uint32_t *cap, plim__process_edge edge)
{
    if (*count == *cap) {
        void *grown = edges_grow(edges->allocator, *rows, cap, sizeof **rows);
        if (grown == NULL)
            return false;
        *rows = grown;
    }
    (*rows)[(*count)++] = edge;
    return true;
}

static bool edges_add_root(edges_scan *scan, plim__process_root_kind kind, uint64_t number,
                           const char *name)
{
    plim__process_edges *edges = scan->edges;
    if (edges->root_count == edges->root_cap) {
        void *grown =
            edges_grow(edges->allocator, edges->roots, &edges->root_cap, sizeof *edges->roots);
        if (grown == NULL)
            return edges_fail(scan, "the list of its roots");
        edges->roots = grown;
    }
    plim__process_root *root = &edges->roots[edges->root_count++];
    *root = (plim__process_root){.kind = kind, .number = number};
    size_t length = plim__clean_text(root->name, sizeof root->name - 1, name, strlen(name));
    root->name[length] = '\0';
    return true;
}

/* Words of a chunk that come from a root. */
static bool edges_scan_words(edges_scan *scan, const uint64_t *words, size_t count, uint32_t root,
                             uint64_t offset)
{
    plim__process_edges *edges = scan->edges;
    for (size_t i = 0; i < count; i++) {
        if (words[i] - scan->low >= scan->high - scan->low)
            continue;
        uint32_t block = plim__process_block_at(scan->heap, words[i]);
        plim__process_edge edge = {root, block, offset + i * sizeof(uint64_t)};
        if (block != UINT32_MAX &&
            !edges_add(edges, &edges->held, &edges->held_count, &edges->held_cap, edge))
            return edges_fail(scan, "what holds its blocks");
    }
    return true;
}

/* A range of addresses, from a root; offsets count from `zero`. */
static bool edges_scan_range(edges_scan *scan, uint64_t start, uint64_t end, uint32_t root,
                             uint64_t zero)
{
    bool present[EDGES_CHUNK_BYTES / EDGES_PAGE_BYTES + 1];
    while (start < end) {
        uint64_t page = start & ~(uint64_t)(EDGES_PAGE_BYTES - 1);
        uint64_t stop = page + EDGES_CHUNK_BYTES < end ? page + EDGES_CHUNK_BYTES : end;
        uint32_t pages = (uint32_t)((stop - page + EDGES_PAGE_BYTES - 1) / EDGES_PAGE_BYTES);
        plim__peer_present(scan->peer, page, present, pages);
        for (uint32_t i = 0; i < pages && start < stop;) {
            uint32_t more = i;
            while (more < pages && present[more] == present[i])
                more++;
            uint64_t reach = page + (uint64_t)more * EDGES_PAGE_BYTES;
            reach = reach < stop ? reach : stop;
            if (present[i]) {
                size_t got =
                    plim__peer_read(scan->peer, start, scan->chunk, (size_t)(reach - start));
                scan->edges->root_bytes += got;
                if (!edges_scan_words(scan, scan->chunk, got / sizeof(uint64_t), root,
                                      start - zero))
                    return false;
            }
            start = reach;
            i = more;
        }
        if (scan->edges->root_bytes > PLIM_PROCESS_ROOT_BYTES_MAX) {
            scan->edges->is_cut = true;
            return true;
        }
    }
    return true;
}

/* --- outside the heap ------------------------------------------------------------------------ */

/* The thread whose stack a mapping is: the one with the lowest stack pointer in it. */
static const plim__peer_thread *edges_stack_in(const plim__peer *peer, uint64_t start, uint64_t end)
{
    const plim__peer_thread *found = NULL;
    for (uint32_t i = 0; i < peer->thread_count; i++) {
        const plim__peer_thread *thread = &peer->threads[i];
        if (thread->stack >= start && thread->stack < end &&
            (found == NULL || thread->stack < found->stack))
            found = thread;
    }
    return found;
}

/* The first of the allocator's own ranges that ends behind an address; false: none. */
static bool edges_own_after(const plim__heap_map *map, uint64_t address, uint64_t *out_start,
                            uint64_t *out_end)
{
    bool is_found = false;
    for (size_t i = 0; i < PLIM__HEAP_OWN_RANGES; i++) {
        uint64_t own = map->own_at[i];
        uint64_t own_end = own + map->own_bytes[i];
        if (own_end <= own || own_end <= address || (is_found && own >= *out_start))
            continue;
        *out_start = own;
        *out_end = own_end;
        is_found = true;
    }
    return is_found;
}

/* A range but for what in it is the allocator's: the kernel joins mappings that touch. */
static bool edges_scan_others(edges_scan *scan, uint64_t start, uint64_t end, uint32_t root)
{
    uint64_t own = 0;
    uint64_t own_end = 0;
    while (start < end && edges_own_after(&scan->heap->map, start, &own, &own_end) && own < end) {
        if (own > start && !edges_scan_range(scan, start, own, root, 0))
            return false;
        start = own_end;
    }
    return start >= end || edges_scan_range(scan, start, end, root, 0);
}

/* Whether all of a mapping is the allocator's. */
static bool edges_is_own(const plim__heap_map *map, uint64_t start, uint64_t end)
{
    uint64_t own = 0;
    uint64_t own_end = 0;
    while (start < end && edges_own_after(map, start, &own, &own_end) && own <= start)
        start = own_end;
    return start >= end;
}

/* A module's variables: its file's, or what lies behind those and was zero at first. */
static bool edges_is_module(edges_scan *scan, const plim__peer_mapping *mapping, bool *out_goes_on)
{
    bool is_file =
        mapping->path[0] == '/' && strncmp(mapping->path, "/memfd:", strlen("/memfd:")) != 0;
    *out_goes_on = mapping->path[0] == '\0' && mapping->start == scan->module_end;
    scan->module_end = is_file || *out_goes_on ? mapping->end : 0;
    return is_file || *out_goes_on;
}

/* A stack that was looked through, as its thread stood. */
static bool edges_was_stack(const plim__process_edges *edges, const plim__peer_mapping *mapping)
{
    for (uint32_t i = 0; i < edges->root_count; i++)
        if (edges->roots[i].kind == PLIM__ROOT_STACK && edges->roots[i].start == mapping->start)
            return true;
    return false;
}

static bool edges_scan_stack(edges_scan *scan, const plim__peer_mapping *mapping,
                             const plim__peer_thread *thread)
{
    uint64_t low = (thread->stack & ~UINT64_C(7)) - EDGES_RED_ZONE;
    low = low > mapping->start ? low : mapping->start;
    if (!edges_add_root(scan, PLIM__ROOT_STACK, (uint64_t)thread->id, ""))
        return false;
    uint32_t root = scan->edges->root_count - 1;
    scan->edges->roots[root].start = mapping->start;
    return edges_scan_range(scan, low, mapping->end, root, thread->stack);
}

static bool edges_visit(void *ctx, const plim__peer_mapping *mapping)
{
    edges_scan *scan = ctx;
    bool goes_on = false;
    bool is_device = strncmp(mapping->path, "/dev/", strlen("/dev/")) == 0;
    if (!mapping->is_readable || !mapping->is_writable || mapping->is_shared || is_device ||
        edges_is_own(&scan->heap->map, mapping->start, mapping->end))
        return true;
    const plim__peer_thread *thread = edges_stack_in(scan->peer, mapping->start, mapping->end);
    bool is_module = edges_is_module(scan, mapping, &goes_on);
    if (scan->wants_others) {
        if (is_module || edges_was_stack(scan->edges, mapping))
            return true;
        return edges_add_root(scan, PLIM__ROOT_MAPPING, mapping->start, mapping->path) &&
               edges_scan_others(scan, mapping->start, mapping->end, scan->edges->root_count - 1) &&
               !scan->edges->is_cut;
    }
    if (thread != NULL)
        return edges_scan_stack(scan, mapping, thread);
    if (is_module && !goes_on) {
        const char *slash = strrchr(mapping->path, '/');
        if (!edges_add_root(scan, PLIM__ROOT_MODULE, mapping->start, slash + 1))
            return false;
        scan->module = scan->edges->root_count - 1;
    }
    return !is_module || edges_scan_others(scan, mapping->start, mapping->end, scan->module);
}

static bool edges_scan_registers(edges_scan *scan)
{
    for (uint32_t i = 0; i < scan->peer->thread_count; i++) {
        const plim__peer_thread *thread = &scan->peer->threads[i];
        if (thread->register_count > 0 &&
            (!edges_add_root(scan, PLIM__ROOT_REGISTERS, (uint64_t)thread->id, "") ||
             !edges_scan_words(scan, thread->registers, thread->register_count,
                               scan->edges->root_count - 1, 0)))
            return false;
    }
    return true;
}

/* Room for a look through memory; false: refused. */
static bool edges_begin(edges_scan *scan)
{
    const plim__process_heap *heap = scan->heap;
    scan->low = heap->map.base;
    scan->high = scan->low + ((uint64_t)heap->page_count << heap->map.page_shift);
    scan->chunk = plim__array_new(scan->edges->allocator, EDGES_CHUNK_BYTES, 1);
    if (scan->chunk == NULL)
        scan->status = plim__no_memory(scan->err, "a look through its memory");
    return scan->chunk != NULL;
}

static void edges_end(edges_scan *scan)
{
    plim__array_free(scan->edges->allocator, scan->chunk, EDGES_CHUNK_BYTES, 1);
}

static void edges_scan_mappings(edges_scan *scan)
{
    plim_status status = plim__peer_mappings(scan->peer, edges_visit, scan);
    if (status != PLIM_OK)
        scan->status =
            plim_error_set(scan->err, status, "the mappings of process %lld cannot be read",
                           (long long)scan->peer->pid);
}

plim_status plim__process_find_roots(const plim__peer *peer, const plim__process_heap *heap,
                                     plim__process_edges *edges, plim_error *err)
{
    edges_scan scan = {.peer = peer, .heap = heap, .edges = edges, .err = err};
    if (edges_begin(&scan))
        edges_scan_mappings(&scan);
    if (scan.status == PLIM_OK)
        (void)edges_scan_registers(&scan);
    edges_end(&scan);
    return scan.status;
}

plim_status plim__process_find_mappings(const plim__peer *peer, const plim__process_heap *heap,
                                        plim__process_edges *edges, plim_error *err)
{
    edges_scan scan = {
        .peer = peer, .heap = heap, .edges = edges, .err = err, .wants_others = true};
    const plim__heap_map *map = &heap->map;
    if (edges_begin(&scan))
        edges_scan_mappings(&scan);
    if (scan.status == PLIM_OK && map->boot_bytes <= 1u << 24 &&
        edges_add_root(&scan, PLIM__ROOT_MAPPING, map->boot_at, "before start-up"))
        (void)edges_scan_range(&scan, map->boot_at, map->boot_at + map->boot_bytes,
                               edges->root_count - 1, 0);
    edges_end(&scan);
    return scan.status;
}

/* --- between blocks -------------------------------------------------------------------------- */

void plim__process_copy(const plim__peer *peer, const plim__process_heap *heap, uint8_t *copy)
{
    size_t bytes = (size_t)heap->page_count << heap->map.page_shift;
    size_t got = plim__peer_read(peer, heap->map.base, copy, bytes);
    memset(copy + got, 0, bytes - got);
}

static bool edges_link_words(edges_scan *scan, const uint8_t *words, size_t bytes, uint32_t from,
                             uint64_t offset)
{
    plim__process_edges *edges = scan->edges;
    for (size_t at = 0; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, words + at, sizeof word);
        if (word - scan->low >= scan->high - scan->low)
            continue;
        uint32_t to = plim__process_block_at(scan->heap, word);
        plim__process_edge edge = {from, to, offset + at};
        if (to != UINT32_MAX && to != from &&
            !edges_add(edges, &edges->links, &edges->link_count, &edges->link_cap, edge))
            return edges_fail(scan, "what its blocks hold");
    }
    return true;
}

/* One block that was not copied; of a large one what was ever touched. */
static bool edges_link_live(edges_scan *scan, uint32_t from)
{
    const plim__process_block *block = &scan->heap->blocks[from];
    bool present[EDGES_CHUNK_BYTES / EDGES_PAGE_BYTES];
    for (uint64_t done = 0; done < block->bytes;) {
        uint64_t left = block->bytes - done;
        size_t part = left < EDGES_CHUNK_BYTES ? (size_t)left : EDGES_CHUNK_BYTES;
        bool is_any = part < EDGES_CHUNK_BYTES;
        if (!is_any) {
            uint32_t pages = EDGES_CHUNK_BYTES / EDGES_PAGE_BYTES;
            plim__peer_present(scan->peer, block->address + done, present, pages);
            for (uint32_t i = 0; i < pages; i++)
                is_any |= present[i];
        }
        size_t got =
            is_any ? plim__peer_read(scan->peer, block->address + done, scan->chunk, part) : 0;
        if (!edges_link_words(scan, (const uint8_t *)scan->chunk, got, from, done))
            return false;
        done += part;
    }
    return true;
}

/* Small blocks that stand together are read together, as far as a chunk goes; the last one. */
static bool edges_link_group(edges_scan *scan, uint32_t first, uint32_t *out_last)
{
    const plim__process_block *blocks = scan->heap->blocks;
    uint64_t bytes = blocks[first].bytes;
    uint32_t last = first;
    *out_last = first;
    if (bytes > EDGES_CHUNK_BYTES)
        return edges_link_live(scan, first);
    while (last + 1 < scan->heap->block_count &&
           blocks[last + 1].address - blocks[first].address + blocks[last + 1].bytes <=
               EDGES_CHUNK_BYTES &&
           blocks[last + 1].address - (blocks[last].address + blocks[last].bytes) <
               EDGES_PAGE_BYTES) {
        last++;
        bytes = blocks[last].address - blocks[first].address + blocks[last].bytes;
    }
    size_t got = plim__peer_read(scan->peer, blocks[first].address, scan->chunk, (size_t)bytes);
    for (uint32_t i = first; i <= last; i++) {
        uint64_t start = blocks[i].address - blocks[first].address;
        if (start + blocks[i].bytes <= got &&
            !edges_link_words(scan, (const uint8_t *)scan->chunk + start, (size_t)blocks[i].bytes,
                              i, 0))
            return false;
    }
    *out_last = last;
    return true;
}

plim_status plim__process_find_links(const plim__peer *peer, const plim__process_heap *heap,
                                     const uint8_t *copy, plim_progress progress,
                                     plim__process_edges *edges, plim_error *err)
{
    edges_scan scan = {.peer = peer, .heap = heap, .edges = edges, .err = err};
    if (!edges_begin(&scan))
        return scan.status;
    uint32_t told = 0;
    bool goes_on = true;
    for (uint32_t i = 0; i < heap->block_count && goes_on;) {
        uint32_t last = i;
        const plim__process_block *block = &heap->blocks[i];
        if (copy != NULL)
            goes_on = edges_link_words(&scan, copy + (block->address - heap->map.base),
                                       (size_t)block->bytes, i, 0);
        else
            goes_on = edges_link_group(&scan, i, &last);
        if (i - told >= EDGES_STEP && goes_on) {
            told = i;
            if (progress.step != NULL &&
                !progress.step(progress.ctx, "collecting", i, heap->block_count)) {
                scan.status = plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted");
                goes_on = false;
            }
        }
        i = last + 1;
    }
    edges_end(&scan);
    return scan.status;
}

void plim__process_edges_fini(plim__process_edges *edges)
{
    const plim_allocator *allocator = edges->allocator;
    if (allocator == NULL)
        return;
    plim__array_free(allocator, edges->roots, edges->root_cap, sizeof *edges->roots);
    plim__array_free(allocator, edges->held, edges->held_cap, sizeof *edges->held);
    plim__array_free(allocator, edges->links, edges->link_cap, sizeof *edges->links);
    *edges = (plim__process_edges){.allocator = allocator};
}

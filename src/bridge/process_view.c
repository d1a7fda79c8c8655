/* SPDX-License-Identifier: MIT */
/*
 * Blocks of another process, listed while it runs. A note is one word, so each block is there or
 * not; nothing is followed but what process_heap.c has checked.
 *
 * Invariants: L1 `heap`, `by_site` and `by_domain` are of one look, or empty. L2 groups of one list
 * have different names, the largest first.
 */
#include <plimsoll/process_view.h>

#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "bridge/clean_text.h"
#include "bridge/process_sites.h"

enum { VIEW_MAGIC = 0x5e0c0001, VIEW_DOMAINS = 64, VIEW_DOMAIN_NAME_BYTES = 64 };

typedef struct view_groups {
    plim_process_group *rows;
    uint32_t count, capacity;
} view_groups;

struct plim_process_view {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__peer peer;
    plim__heap_map map;
    plim__process_heap heap;
    plim__process_sites *sites;
    view_groups by_site, by_domain;
    uint64_t newest_birth;
    char domains[VIEW_DOMAINS][VIEW_DOMAIN_NAME_BYTES];
};

static uint32_t view_site_of(uint64_t note)
{
    return (uint32_t)(note & ((UINT64_C(1) << PLIM__NOTE_SITE_BITS) - 1));
}

/* --- open and close ------------------------------------------------------------------------ */

static plim_status view_no_notes(int64_t pid, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                        "process %lld notes nothing of its blocks", (long long)pid);
    plim_error_hint(err, "start it with PLIM_SITES=8 beside LD_PRELOAD=libplimsoll-malloc.so");
    return status;
}

plim_status plim_process_view_open(int64_t pid, const plim_allocator *allocator,
                                   plim_process_view **out_view, plim_error *err)
{
    PLIM_CHECK(out_view != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_process_view *view = plim__array_new_zero(allocator, 1, sizeof *view);
    if (view == NULL)
        return plim__no_memory(err, "a look at a process");
    view->magic = VIEW_MAGIC;
    view->allocator = allocator;
    view->peer = (plim__peer){.pid = pid, .memory = -1, .present = -1};
    plim_status status = plim__peer_open(pid, allocator, &view->peer, err);
    if (status == PLIM_OK)
        status = plim__process_find_map(&view->peer, &view->map, err);
    if (status == PLIM_OK && view->map.depth == 0)
        status = view_no_notes(pid, err);
    if (status == PLIM_OK)
        status = plim__process_sites_create(pid, allocator, &view->sites, err);
    if (status == PLIM_OK)
        *out_view = view;
    else
        plim_process_view_close(&view);
    return status;
}

static void view_forget(plim_process_view *view)
{
    plim__array_free(view->allocator, view->by_site.rows, view->by_site.capacity,
                     sizeof *view->by_site.rows);
    plim__array_free(view->allocator, view->by_domain.rows, view->by_domain.capacity,
                     sizeof *view->by_domain.rows);
    view->by_site = view->by_domain = (view_groups){0};
    plim__process_heap_fini(&view->heap);
    view->heap = (plim__process_heap){.allocator = view->allocator, .map = view->map};
    view->newest_birth = 0;
}

void plim_process_view_close(plim_process_view **view_ptr)
{
    if (view_ptr == NULL || *view_ptr == NULL)
        return;
    plim_process_view *view = *view_ptr;
    *view_ptr = NULL;
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    view_forget(view);
    plim__process_sites_destroy(&view->sites);
    plim__peer_close(&view->peer);
    view->magic = 0;
    plim__array_free(view->allocator, view, 1, sizeof *view);
}

/* --- a look -------------------------------------------------------------------------------- */

static void view_read_domains(plim_process_view *view)
{
    const plim__heap_map *map = &view->map;
    for (uint32_t i = 0; i < VIEW_DOMAINS && i < map->domain_count; i++) {
        char text[VIEW_DOMAIN_NAME_BYTES] = "";
        size_t bytes = map->name_bytes < sizeof text - 1 ? map->name_bytes : sizeof text - 1;
        (void)plim__peer_read(&view->peer, map->domain_names_at + (uint64_t)i * map->domain_bytes,
                              text, bytes);
        size_t length =
            plim__clean_text(view->domains[i], VIEW_DOMAIN_NAME_BYTES - 1, text, strlen(text));
        view->domains[i][length] = '\0';
    }
}

static int view_by_name(const void *left, const void *right)
{
    return strcmp(((const plim_process_group *)left)->name,
                  ((const plim_process_group *)right)->name);
}

static int view_by_size(const void *left, const void *right)
{
    const plim_process_group *a = left;
    const plim_process_group *b = right;
    return a->bytes != b->bytes ? (a->bytes < b->bytes ? 1 : -1) : strcmp(a->name, b->name);
}

/* L2: rows without blocks go, those of one name become one. */
static void view_merge(view_groups *groups)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < groups->count; i++)
        if (groups->rows[i].count > 0)
            groups->rows[kept++] = groups->rows[i];
    if (kept > 1)
        qsort(groups->rows, kept, sizeof *groups->rows, view_by_name);
    groups->count = 0;
    for (uint32_t i = 0; i < kept; i++) {
        const plim_process_group *row = &groups->rows[i];
        plim_process_group *last = groups->count > 0 ? &groups->rows[groups->count - 1] : NULL;
        if (last != NULL && strcmp(last->name, row->name) == 0) {
            last->count += row->count;
            last->bytes += row->bytes;
        } else {
            groups->rows[groups->count++] = *row;
        }
    }
    if (groups->count > 1)
        qsort(groups->rows, groups->count, sizeof *groups->rows, view_by_size);
}

static plim_status view_groups_start(const plim_process_view *view, view_groups *groups,
                                     uint32_t count, plim_error *err)
{
    groups->rows = plim__array_new_zero(view->allocator, count, sizeof *groups->rows);
    if (groups->rows == NULL)
        return plim__no_memory(err, "the groups of its blocks");
    groups->count = groups->capacity = count;
    return PLIM_OK;
}

static void view_add(view_groups *groups, uint32_t number, const char *name, uint64_t bytes)
{
    plim_process_group *row = &groups->rows[number];
    row->name = name;
    row->count++;
    row->bytes += bytes;
}

static plim_status view_group(plim_process_view *view, plim_error *err)
{
    uint32_t site_count = 1;
    for (uint32_t i = 0; i < view->heap.block_count; i++) {
        uint32_t site = view_site_of(view->heap.blocks[i].note);
        site_count = site >= site_count ? site + 1 : site_count;
    }
    plim_status status = view_groups_start(view, &view->by_site, site_count, err);
    if (status == PLIM_OK)
        status = view_groups_start(view, &view->by_domain, VIEW_DOMAINS + 1, err);
    for (uint32_t i = 0; i < view->heap.block_count && status == PLIM_OK; i++) {
        const plim__process_block *block = &view->heap.blocks[i];
        uint32_t site = view_site_of(block->note);
        uint32_t domain = block->domain < VIEW_DOMAINS ? block->domain : VIEW_DOMAINS;
        uint64_t birth = block->note >> PLIM__NOTE_SITE_BITS;
        view->newest_birth = birth > view->newest_birth ? birth : view->newest_birth;
        view_add(&view->by_site, site, plim_process_view_site(view, site), block->bytes);
        view_add(&view->by_domain, domain, plim_process_view_domain(view, domain), block->bytes);
    }
    if (status != PLIM_OK)
        return status;
    view_merge(&view->by_site);
    view_merge(&view->by_domain);
    return PLIM_OK;
}

plim_status plim_process_view_look(plim_process_view *view, plim_error *err)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    uint64_t magic = 0;
    view_forget(view);
    if (plim__peer_read(&view->peer, view->map.touched_at, &magic, sizeof(uint32_t)) == 0)
        return plim_error_set(err, PLIM_ERR_GONE, "process %lld has ended",
                              (long long)view->peer.pid);
    plim_status status = plim__process_read_blocks(&view->peer, &view->heap, err);
    if (status == PLIM_OK)
        status = plim__process_sites_read(view->sites, &view->peer, &view->map, err);
    if (status == PLIM_OK) {
        view_read_domains(view);
        status = view_group(view, err);
    }
    if (status != PLIM_OK)
        view_forget(view);
    return status;
}

/* --- what it found ------------------------------------------------------------------------- */

void plim_process_view_read_info(const plim_process_view *view, plim_process_view_info *out_info)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    *out_info = (plim_process_view_info){
        .block_count = view->heap.block_count,
        .used_bytes = view->heap.used_bytes,
        .held_bytes = (uint64_t)view->heap.page_count << view->map.page_shift,
        .newest_birth = view->newest_birth,
        .identity = plim__process_heap_identity(view->peer.pid, &view->map)};
}

bool plim_process_view_block(const plim_process_view *view, uint64_t index,
                             plim_process_block *out_block)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    if (index >= view->heap.block_count)
        return false;
    const plim__process_block *block = &view->heap.blocks[index];
    *out_block = (plim_process_block){.address = block->address,
                                      .bytes = block->bytes,
                                      .birth = block->note >> PLIM__NOTE_SITE_BITS,
                                      .site = view_site_of(block->note),
                                      .domain = block->domain};
    return true;
}

bool plim_process_view_at(const plim_process_view *view, uint64_t address,
                          plim_process_block *out_block)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    uint32_t index =
        view->heap.block_count > 0 ? plim__process_block_at(&view->heap, address) : UINT32_MAX;
    return index != UINT32_MAX && plim_process_view_block(view, index, out_block);
}

const char *plim_process_view_site(const plim_process_view *view, uint32_t site)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    return plim__process_site_name(view->sites, site);
}

const char *plim_process_view_domain(const plim_process_view *view, uint32_t domain)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    return domain < VIEW_DOMAINS && view->domains[domain][0] != '\0' ? view->domains[domain]
                                                                     : "(no name)";
}

const plim_process_group *plim_process_view_groups(const plim_process_view *view,
                                                   plim_process_group_by by, uint64_t *out_count)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    const view_groups *groups = by == PLIM_PROCESS_BY_DOMAIN ? &view->by_domain : &view->by_site;
    *out_count = groups->count;
    return groups->rows;
}

size_t plim_process_view_read(const plim_process_view *view, uint64_t address, void *out,
                              size_t bytes)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    return plim__peer_read(&view->peer, address, out, bytes);
}

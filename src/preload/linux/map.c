/* SPDX-License-Identifier: MIT */
/*
 * The heap map, where others find it (heap_map.h). A private mapping of a memory file whose
 * descriptor is closed at once: a program may close all descriptors that it does not know, and a
 * child of fork() must not write where its parent reads.
 */
#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/budgets/domain.h"
#include "platform/backing.h"
#include "platform/modules.h"
#include "preload/notes.h"

static void map_describe_pages(plim__heap_map *map, const plim_manager *manager)
{
    const plim__space *space = &manager->space;
    map->base = space->base;
    map->page_count = space->page_count;
    map->touched_at = (uintptr_t)&space->touched;
    map->info_at = (uintptr_t)space->info;
    map->backs_at = (uintptr_t)space->backs;
    map->runs_at = (uintptr_t)space->runs;
    map->page_shift = PLIM__PAGE_SHIFT;
    map->run_bytes = sizeof(plim__run);
    map->run_pages = offsetof(plim__run, pages);
    map->run_count = offsetof(plim__run, block_count);
    map->slot_shift = PLIM__INFO_SLOT_SHIFT;
    map->class_shift = PLIM__INFO_CODE_SHIFT;
    map->class_large = PLIM__CLASS_LARGE;
    map->own_domain = manager->tables_slot;
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++)
        map->class_bytes[code] = plim__class_bytes[code];
    map->domain_count = PLIM__SLOTS;
    map->domain_names_at = (uintptr_t)plim__domain_slot(0)->name;
    map->domain_bytes = sizeof(plim__domain);
    map->name_bytes = PLIM_DOMAIN_NAME_BYTES;
}

static void map_describe_own(plim__heap_map *map)
{
    plim__module module;
    if (plim__module_at(&plim__preload_shared, &module)) {
        map->own_at[0] = module.start;
        map->own_bytes[0] = module.end - module.start;
    }
    map->own_at[1] = plim__preload_shared.start;
    map->own_bytes[1] = plim__preload_shared.bytes;
    plim__boot_describe(&map->boot_at, &map->boot_bytes);
}

void plim__map_publish(void)
{
    size_t page = plim__backing_page();
    size_t bytes = (sizeof(plim__heap_map) + page - 1) / page * page;
    int fd = memfd_create(PLIM__HEAP_MAP_NAME "malloc", MFD_CLOEXEC);
    if (fd < 0)
        return;
    void *memory = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0)
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (memory == MAP_FAILED)
        return;
    plim__heap_map *map = memory;
    memcpy(map->magic, "PLIMHEAP", sizeof map->magic);
    map->version = PLIM__HEAP_MAP_VERSION;
    map->bytes = sizeof *map;
    map_describe_pages(map, plim__preload_shared.manager);
    map_describe_own(map);
    plim__notes_describe(map);
    map->is_ready = 1;
    (void)mprotect(memory, bytes, PROT_READ);
}

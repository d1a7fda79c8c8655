/* SPDX-License-Identifier: MIT */
/*
 * Large blocks: whole pages, at once from the space and at once back to it, where they join what is
 * free around them. The first page's info word says "large", the others' "inner", so that a pointer
 * into the middle is known for what it is without looking for the beginning.
 */
#include "memory/engine/large.h"

#include "base/assert.h"

/* A free run's memory goes back to the system at once from this size on: glibc's largest threshold,
   above which a program that takes and gives it in a loop pays for the system's zeroing. */
enum { LARGE_RETURN_BYTES = 32 << 20 };

static uint16_t large_info(uint32_t slot, unsigned code)
{
    return plim__info_of(slot, code);
}

size_t plim__large_bytes(const plim_manager *manager, uint32_t page)
{
    return (size_t)manager->space.runs[page].pages << PLIM__PAGE_SHIFT;
}

void *plim__large_take(plim_manager *manager, plim__central *central, uint32_t slot, size_t charge,
                       size_t align)
{
    plim__space *space = &manager->space;
    size_t pages = charge >> PLIM__PAGE_SHIFT;
    size_t align_pages = align > PLIM__PAGE_BYTES ? align >> PLIM__PAGE_SHIFT : 1;
    if (pages == 0 || pages > space->page_count)
        return NULL;
    uint32_t page = plim__space_take(space, (uint32_t)pages, (uint32_t)align_pages);
    if (page == PLIM__PAGE_NONE)
        return NULL;
    plim__space_mark(space, page, (uint32_t)pages, large_info(slot, PLIM__CLASS_LARGE),
                     large_info(slot, PLIM__CLASS_INNER));
    central->charged_bytes += charge;
    central->large_bytes += charge;
    central->block_count++;
    return plim__space_address(space, page);
}

size_t plim__large_give(plim_manager *manager, plim__central *central, uint32_t page)
{
    plim__space *space = &manager->space;
    size_t bytes = plim__large_bytes(manager, page);
    central->charged_bytes -= bytes;
    central->large_bytes -= bytes;
    central->block_count--;
    uint32_t joined = plim__space_give(space, page, (uint32_t)(bytes >> PLIM__PAGE_SHIFT));
    if (bytes >= LARGE_RETURN_BYTES)
        (void)plim__space_trim_run(space, joined);
    return bytes;
}

bool plim__large_resize(plim_manager *manager, plim__central *central, uint32_t page, size_t charge)
{
    plim__space *space = &manager->space;
    uint32_t old_pages = space->runs[page].pages;
    size_t pages = charge >> PLIM__PAGE_SHIFT;
    PLIM_DCHECK(pages > 0);
    if (pages > space->page_count)
        return false;
    uint32_t slot = plim__info_slot(space->info[page]);
    if (pages > old_pages) {
        if (!plim__space_extend(space, page, old_pages, (uint32_t)pages - old_pages))
            return false;
        uint16_t inner = large_info(slot, PLIM__CLASS_INNER);
        plim__space_mark(space, page + old_pages, (uint32_t)pages - old_pages, inner, inner);
    } else if (pages < old_pages) {
        space->runs[page].pages = (uint32_t)pages;
        (void)plim__space_give(space, page + (uint32_t)pages, old_pages - (uint32_t)pages);
    }
    size_t old_charge = (size_t)old_pages << PLIM__PAGE_SHIFT;
    central->charged_bytes = central->charged_bytes - old_charge + charge;
    central->large_bytes = central->large_bytes - old_charge + charge;
    return true;
}

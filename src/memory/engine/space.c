/* SPDX-License-Identifier: MIT */
/*
 * The space: runs of pages. Free runs stand in bins by length, a bit for each bin that has any, so
 * taking the best-fitting bin's first run and giving back both cost a bounded number of steps
 * (TLSF's idea, Masmano 2004, over pages instead of bytes). A scan of one bin happens only when no
 * higher bin has a run, that is, just before a refusal.
 *
 * S1  Every page is in exactly one run: taken, free, or (sealed) barred.
 * S2  No two free runs touch: giving back joins them.
 * S3  is_free is set at the first and the last page of a free run and nowhere else; `start` is
 *     its first page there. Of the run that ends the space only the first page is kept: nobody
 *     looks from behind it, and so its far end of the tables is never touched.
 * S4  A bin's bit is set exactly if its list has a run.
 * S5  held_pages counts the pages with PLIM__PAGE_HELD, free_held_pages those of them in free runs.
 * S6  Pages from `committed` on were never touched.
 */
#include "memory/engine/space.h"

#include <string.h>

#include "base/assert.h"
#include "platform/backing.h"

_Static_assert(PLIM__PAGE_WORDS >= 1, "a page's blocks fill at least one word of bits");

enum {
    SPACE_COMMIT_MIN = 256,  /* pages: a system call for each 1 MiB at first … */
    SPACE_COMMIT_MAX = 8192, /* … and 32 MiB later */
    SPACE_MARKS = (1 << PLIM__PAGE_SHIFT) / PLIM__ALIGN, /* and states, of a page */
    SPACE_PER_STATES = 16 /* pages whose states share one of the system's */
};

/* The bin of runs of that length. */
static unsigned space_bin(uint32_t pages)
{
    if (pages < 16)
        return pages;
    unsigned top = 31 - (unsigned)__builtin_clz(pages);
    return 16 + (top - 4) * 8 + ((pages >> (top - 3)) & 7);
}

/* The first bin in which every run is at least so long. */
static unsigned space_bin_sure(uint32_t pages)
{
    if (pages < 16)
        return pages;
    unsigned top = 31 - (unsigned)__builtin_clz(pages);
    return space_bin(pages + ((1u << (top - 3)) - 1));
}

static void space_link(plim__space *space, uint32_t page, uint32_t pages)
{
    plim__run *run = &space->runs[page];
    unsigned bin = space_bin(pages);
    run->pages = pages;
    run->start = page;
    run->is_free = 1;
    run->prev = PLIM__PAGE_NONE;
    run->next = space->bins[bin];
    if (run->next != PLIM__PAGE_NONE)
        space->runs[run->next].prev = page;
    space->bins[bin] = page;
    space->bitmap[bin / 32] |= 1u << (bin % 32);
    if (pages > 1 && page + pages != space->page_count) {
        space->runs[page + pages - 1].start = page;
        space->runs[page + pages - 1].is_free = 1;
    }
}

static void space_unlink(plim__space *space, uint32_t page)
{
    plim__run *run = &space->runs[page];
    PLIM_DCHECK(run->is_free && run->start == page);
    unsigned bin = space_bin(run->pages);
    if (run->prev != PLIM__PAGE_NONE)
        space->runs[run->prev].next = run->next;
    else
        space->bins[bin] = run->next;
    if (run->next != PLIM__PAGE_NONE)
        space->runs[run->next].prev = run->prev;
    if (space->bins[bin] == PLIM__PAGE_NONE)
        space->bitmap[bin / 32] &= ~(1u << (bin % 32));
    run->is_free = 0;
    if (run->pages > 1 && page + run->pages != space->page_count)
        space->runs[page + run->pages - 1].is_free = 0;
}

/* Marks of a page. */
static uint32_t space_page_marks(plim__space_keeps keeps)
{
    return keeps == PLIM__KEEPS_MARKS  ? (uint32_t)SPACE_MARKS
           : keeps == PLIM__KEEPS_ROWS ? (uint32_t)PLIM__ROW_WORDS
                                       : 0;
}

size_t plim__space_tables_bytes(size_t page_count, plim__space_keeps keeps)
{
    size_t checks = (keeps >= PLIM__KEEPS_STATES ? SPACE_MARKS * sizeof(uint8_t) : 0) +
                    space_page_marks(keeps) * sizeof(uint32_t);
    size_t entry = sizeof(uint16_t) + 2 * sizeof(uint8_t) + sizeof(plim__run) +
                   PLIM__PAGE_WORDS * sizeof(uint32_t) + checks;
    /* Each table begins aligned; states and marks, on a page. */
    return page_count * entry + 7 * PLIM__ALIGN + (size_t)keeps * PLIM__PAGE_BYTES;
}

static plim__space_keeps space_keeps(const plim__space *space)
{
    return space->page_marks == SPACE_MARKS ? PLIM__KEEPS_MARKS
           : space->marks != NULL           ? PLIM__KEEPS_ROWS
           : space->states != NULL          ? PLIM__KEEPS_STATES
                                            : PLIM__KEEPS_NOTHING;
}

size_t plim__space_tables_touched(const plim__space *space)
{
    if (!space->can_commit) /* cleared at the start */
        return plim__space_tables_bytes(space->page_count, space_keeps(space));
    size_t page = PLIM__PAGE_BYTES;
    size_t entries = space->touched < space->page_count ? space->touched + 1u : space->page_count;
    size_t sizes[PLIM__SPACE_TABLES] = {sizeof(uint16_t), sizeof(uint8_t), sizeof(uint8_t),
                                        sizeof(plim__run), PLIM__PAGE_WORDS * sizeof(uint32_t)};
    size_t bytes = ((size_t)space->state_pages + space->mark_pages) * page;
    for (unsigned i = 0; i < PLIM__SPACE_TABLES; i++)
        bytes += (entries * sizes[i] + page - 1) / page * page;
    return bytes;
}

/* `per` pages share one of the system's. */
static void space_note(plim__space *space, uint32_t page, uint32_t end, uint32_t per, uint8_t flag,
                       uint32_t *count)
{
    for (uint32_t i = page / per * per; i < end; i += per)
        if ((space->flags[i] & flag) == 0) {
            space->flags[i] |= flag;
            ++*count;
        }
}

static void space_note_marks(plim__space *space, uint32_t page, uint32_t end)
{
    uint32_t per = (uint32_t)(PLIM__PAGE_BYTES / (space->page_marks * sizeof *space->marks));
    space_note(space, page, end, per, PLIM__PAGE_MARKED, &space->mark_pages);
}

void plim__space_marked(plim__space *space, uint32_t page, uint32_t pages)
{
    uint32_t end = page + pages;
    space_note(space, page, end, SPACE_PER_STATES, PLIM__PAGE_STATED, &space->state_pages);
    if (space->page_marks == SPACE_MARKS)
        space_note_marks(space, page, end);
}

void plim__space_rowed(plim__space *space, uint32_t page)
{
    plim__space_marked(space, page, 1);
    if (space->marks != NULL)
        space_note_marks(space, page, page + 1);
}

void plim__space_unstate(plim__space *space, uint32_t page, uint32_t pages)
{
    memset(space->states + (size_t)page * SPACE_MARKS, 0, (size_t)pages * SPACE_MARKS);
}

static void *space_carve(uintptr_t *cursor, size_t bytes)
{
    uintptr_t start = (*cursor + PLIM__ALIGN - 1) & ~(uintptr_t)(PLIM__ALIGN - 1);
    *cursor = start + bytes;
    return (void *)start;
}

/* What is counted by the page begins on one. */
static void *space_carve_apart(uintptr_t *cursor, size_t bytes, bool can_commit)
{
    if (can_commit)
        *cursor = (*cursor + PLIM__PAGE_BYTES - 1) & ~(uintptr_t)(PLIM__PAGE_BYTES - 1);
    return space_carve(cursor, bytes);
}

void plim__space_init(plim__space *space, void *tables, void *pages, size_t page_count,
                      bool can_commit, plim__space_keeps keeps)
{
    PLIM_CHECK(page_count > 0 && page_count < PLIM__PAGE_NONE);
    memset(space, 0, sizeof *space);
    uintptr_t cursor = (uintptr_t)tables;
    space->runs = space_carve(&cursor, page_count * sizeof *space->runs);
    space->bits = space_carve(&cursor, page_count * PLIM__PAGE_WORDS * sizeof *space->bits);
    space->info = space_carve(&cursor, page_count * sizeof *space->info);
    space->flags = space_carve(&cursor, page_count * sizeof *space->flags);
    space->backs = space_carve(&cursor, page_count * sizeof *space->backs);
    if (keeps >= PLIM__KEEPS_STATES)
        space->states = space_carve_apart(&cursor, page_count * SPACE_MARKS, can_commit);
    space->page_marks = space_page_marks(keeps);
    if (keeps >= PLIM__KEEPS_ROWS)
        space->marks = space_carve_apart(
            &cursor, page_count * space->page_marks * sizeof *space->marks, can_commit);
    PLIM_CHECK(cursor - (uintptr_t)tables <= plim__space_tables_bytes(page_count, keeps));
    space->base = (uintptr_t)pages;
    space->bytes = page_count << PLIM__PAGE_SHIFT;
    space->page_count = (uint32_t)page_count;
    space->can_commit = can_commit;
    space->committed = can_commit ? 0 : space->page_count;
    for (unsigned bin = 0; bin < PLIM__SPACE_BINS; bin++)
        space->bins[bin] = PLIM__PAGE_NONE;
    space_link(space, 0, space->page_count);
}

/* Where in a free run a run of that alignment would begin; the run's end if nowhere. */
static uint32_t space_place(const plim__space *space, uint32_t page, uint32_t pages,
                            uint32_t align_pages)
{
    uint32_t end = page + space->runs[page].pages;
    uintptr_t mask = ((uintptr_t)align_pages << PLIM__PAGE_SHIFT) - 1;
    uintptr_t skip = -(uintptr_t)plim__space_address(space, page) & mask;
    uint32_t skip_pages = (uint32_t)(skip >> PLIM__PAGE_SHIFT);
    if ((skip & (PLIM__PAGE_BYTES - 1)) != 0 || skip_pages + pages > end - page)
        return end;
    return page + skip_pages;
}

/* A free run with room for it, or PLIM__PAGE_NONE; where in it, to *out_place. */
static uint32_t space_find(const plim__space *space, uint32_t pages, uint32_t align_pages,
                           uint32_t *out_place)
{
    unsigned sure = space_bin_sure(pages + align_pages - 1);
    for (unsigned word = sure / 32; word < PLIM__SPACE_WORDS; word++) {
        uint32_t bits = space->bitmap[word];
        if (word == sure / 32)
            bits &= ~0u << (sure % 32);
        if (bits != 0) {
            uint32_t page = space->bins[word * 32 + (unsigned)__builtin_ctz(bits)];
            *out_place = space_place(space, page, pages, align_pages);
            return page;
        }
    }
    for (unsigned bin = space_bin(pages); bin < sure; bin++)
        for (uint32_t page = space->bins[bin]; page != PLIM__PAGE_NONE;
             page = space->runs[page].next) {
            *out_place = space_place(space, page, pages, align_pages);
            if (*out_place != page + space->runs[page].pages)
                return page;
        }
    return PLIM__PAGE_NONE;
}

static bool space_commit(plim__space *space, uint32_t end)
{
    if (end <= space->committed)
        return true;
    uint32_t step = space->committed / 4;
    step = step < SPACE_COMMIT_MIN ? SPACE_COMMIT_MIN : step;
    step = step > SPACE_COMMIT_MAX ? SPACE_COMMIT_MAX : step;
    uint32_t least = end - space->committed;
    uint32_t left = space->page_count - space->committed;
    step = step < least ? least : step > left ? left : step;
    void *from = plim__space_address(space, space->committed);
    if (!plim__backing_commit(from, (size_t)step << PLIM__PAGE_SHIFT)) {
        if (!plim__backing_commit(from, (size_t)least << PLIM__PAGE_SHIFT))
            return false;
        step = least;
    }
    space->committed += step;
    return true;
}

static void space_hold(plim__space *space, uint32_t page, uint32_t pages)
{
    for (uint32_t i = page; i < page + pages; i++) {
        if ((space->flags[i] & PLIM__PAGE_HELD) != 0) {
            space->free_held_pages--;
        } else {
            space->flags[i] |= PLIM__PAGE_HELD;
            space->held_pages++;
        }
    }
    if (space->held_pages > space->held_pages_max)
        space->held_pages_max = space->held_pages;
    if (page + pages > space->touched)
        space->touched = page + pages;
}

/* Takes [place, place + pages) out of the free run at page; what is left of it stays free. */
static bool space_cut(plim__space *space, uint32_t page, uint32_t place, uint32_t pages)
{
    if (!space_commit(space, place + pages))
        return false;
    uint32_t end = page + space->runs[page].pages;
    space_unlink(space, page);
    if (place > page)
        space_link(space, page, place - page);
    if (place + pages < end)
        space_link(space, place + pages, end - place - pages);
    space_hold(space, place, pages);
    space->runs[place] = (plim__run){.pages = pages, .start = place};
    return true;
}

uint32_t plim__space_take(plim__space *space, uint32_t pages, uint32_t align_pages)
{
    PLIM_DCHECK(pages > 0 && align_pages > 0);
    if (pages > space->page_count || align_pages > space->page_count)
        return PLIM__PAGE_NONE;
    if (space->refuse_at > 0 && --space->refuse_at == 0)
        return PLIM__PAGE_NONE;
    uint32_t place = 0;
    uint32_t page = space_find(space, pages, align_pages, &place);
    if (page == PLIM__PAGE_NONE || !space_cut(space, page, place, pages))
        return PLIM__PAGE_NONE;
    return place;
}

uint32_t plim__space_give(plim__space *space, uint32_t page, uint32_t pages)
{
    PLIM_DCHECK(pages > 0 && page + pages <= space->page_count && !space->runs[page].is_free);
    plim__space_mark(space, page, pages, 0, 0);
    space->free_held_pages += pages;
    uint32_t end = page + pages;
    if (page > 0 && space->runs[page - 1].is_free) {
        page = space->runs[page - 1].start;
        space_unlink(space, page);
    }
    if (end < space->page_count && space->runs[end].is_free) {
        uint32_t after = space->runs[end].pages;
        space_unlink(space, end);
        end += after;
    }
    space_link(space, page, end - page);
    return page;
}

bool plim__space_extend(plim__space *space, uint32_t page, uint32_t pages, uint32_t more)
{
    uint32_t end = page + pages;
    if (end >= space->page_count || !space->runs[end].is_free || space->runs[end].pages < more)
        return false;
    if (!space_cut(space, end, end, more))
        return false;
    space->runs[page].pages = pages + more;
    return true;
}

void plim__space_mark(plim__space *space, uint32_t page, uint32_t pages, uint16_t first,
                      uint16_t rest)
{
    space->info[page] = first;
    for (uint32_t i = page + 1; i < page + pages; i++)
        space->info[i] = rest;
}

/* Calls for each stretch of a free run whose pages are all held or all not. */
static uint32_t space_stretch(const plim__space *space, uint32_t page, uint32_t end)
{
    uint32_t at = page + 1;
    while (at < end &&
           (space->flags[at] & PLIM__PAGE_HELD) == (space->flags[page] & PLIM__PAGE_HELD))
        at++;
    return at;
}

/* The end of what of a free run can be held: behind `touched` nothing is. */
static uint32_t space_reach(const plim__space *space, uint32_t page)
{
    uint32_t end = page + space->runs[page].pages;
    return end < space->touched ? end : space->touched;
}

static size_t space_trim_run(plim__space *space, uint32_t page)
{
    size_t bytes = 0;
    uint32_t end = space_reach(space, page);
    for (uint32_t at = page, next; at < end; at = next) {
        next = space_stretch(space, at, end);
        size_t stretch = (size_t)(next - at) << PLIM__PAGE_SHIFT;
        if ((space->flags[at] & PLIM__PAGE_HELD) == 0 ||
            !plim__backing_decommit(plim__space_address(space, at), stretch))
            continue;
        for (uint32_t i = at; i < next; i++)
            space->flags[i] &= (uint8_t)~PLIM__PAGE_HELD;
        space->held_pages -= next - at;
        space->free_held_pages -= next - at;
        bytes += stretch;
    }
    return bytes;
}

size_t plim__space_trim_run(plim__space *space, uint32_t page)
{
    PLIM_DCHECK(space->runs[page].is_free && space->runs[page].start == page);
    return space->is_sealed || !space->can_commit ? 0 : space_trim_run(space, page);
}

size_t plim__space_trim(plim__space *space)
{
    size_t bytes = 0;
    if (space->is_sealed || !space->can_commit)
        return 0;
    for (unsigned bin = 0; bin < PLIM__SPACE_BINS; bin++)
        for (uint32_t page = space->bins[bin]; page != PLIM__PAGE_NONE;
             page = space->runs[page].next)
            bytes += space_trim_run(space, page);
    return bytes;
}

void plim__space_seal(plim__space *space)
{
    if (space->is_sealed)
        return;
    space->is_sealed = true;
    /* All free runs come off their lists, and of each the stretches that are held come back. */
    uint32_t first = PLIM__PAGE_NONE;
    for (unsigned bin = 0; bin < PLIM__SPACE_BINS; bin++)
        while (space->bins[bin] != PLIM__PAGE_NONE) {
            uint32_t page = space->bins[bin];
            space_unlink(space, page);
            space->runs[page].next = first;
            first = page;
        }
    while (first != PLIM__PAGE_NONE) {
        uint32_t page = first;
        uint32_t end = space_reach(space, page);
        first = space->runs[page].next;
        for (uint32_t at = page, next; at < end; at = next) {
            next = space_stretch(space, at, end);
            if ((space->flags[at] & PLIM__PAGE_HELD) != 0)
                space_link(space, at, next - at);
        }
    }
}

static const char *space_list_fault(const plim__space *space, unsigned bin, size_t *free_pages)
{
    uint32_t before = PLIM__PAGE_NONE;
    for (uint32_t page = space->bins[bin]; page != PLIM__PAGE_NONE; page = space->runs[page].next) {
        const plim__run *run = &space->runs[page];
        if (page >= space->page_count || run->pages == 0 || run->pages > space->page_count - page)
            return "S1";
        uint32_t end = page + run->pages;
        if (!run->is_free || run->start != page || run->prev != before ||
            space_bin(run->pages) != bin)
            return "S3";
        if (end < space->page_count && space->runs[end].is_free)
            return "S2";
        *free_pages += run->pages;
        if (*free_pages > space->page_count)
            return "S1";
        before = page;
    }
    return NULL;
}

const char *plim__space_fault(const plim__space *space)
{
    size_t free_pages = 0;
    for (unsigned bin = 0; bin < PLIM__SPACE_BINS; bin++) {
        bool has_bit = (space->bitmap[bin / 32] >> (bin % 32) & 1) != 0;
        if (has_bit != (space->bins[bin] != PLIM__PAGE_NONE))
            return "S4";
        const char *fault = space_list_fault(space, bin, &free_pages);
        if (fault != NULL)
            return fault;
    }
    size_t held = 0;
    size_t free_held = 0;
    for (uint32_t page = 0; page < space->touched; page++) {
        bool is_held = (space->flags[page] & PLIM__PAGE_HELD) != 0;
        held += is_held;
        free_held += is_held && space->info[page] == 0;
    }
    if (held != space->held_pages || free_held != space->free_held_pages)
        return "S5";
    return space->touched <= space->committed ? NULL : "S6";
}

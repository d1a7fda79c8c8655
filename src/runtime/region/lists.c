/* SPDX-License-Identifier: MIT */
/*
 * Lists of children and of owners are in the order of births, newest first: a new object is put
 * before all. Only the one who makes them anew out of the objects (recover.c) meets them as they
 * lie; it marks the lists into which something came too late, and here such a list is put in order
 * when somebody first goes along it, or takes something out of it. What nobody walks is never
 * sorted, and an open does not wait.
 *
 * Invariants: L1 a list without a mark is in order, and each but the first knows who is before it.
 * L2 the mark stands where the first would know that (region->previous); what comes before the
 * first takes it over. L3 has_marks is true while there may be a mark.
 */
#include <string.h>

#include "runtime/region/region.h"

enum {
    LIST_RUN = 32, /* sorted at a time */
    LIST_BINS = 24 /* the last one takes the rest: 2^28 objects are 2^23 runs */
};

static uint64_t list_birth(const plim_region *region, uint32_t index)
{
    return region->objects[index].birth;
}

/* Takes the first of a list, at most LIST_RUN, and gives them back in order. */
static uint32_t list_take_run(const plim_region *region, uint32_t *rest)
{
    uint64_t births[LIST_RUN];
    uint32_t indexes[LIST_RUN];
    uint32_t count = 0;
    for (; count < LIST_RUN && *rest != PLIM__INDEX_NONE; count++) {
        uint32_t index = *rest;
        uint64_t birth = list_birth(region, index);
        *rest = region->links[index].next;
        uint32_t at = count;
        for (; at > 0 && births[at - 1] < birth; at--) {
            births[at] = births[at - 1];
            indexes[at] = indexes[at - 1];
        }
        births[at] = birth;
        indexes[at] = index;
    }
    for (uint32_t at = 0; at < count; at++)
        region->links[indexes[at]].next = at + 1 < count ? indexes[at + 1] : PLIM__INDEX_NONE;
    return indexes[0];
}

/* One list of two. */
static uint32_t list_merge(const plim_region *region, uint32_t a, uint32_t b)
{
    uint32_t first = PLIM__INDEX_NONE;
    uint32_t *end = &first;
    while (a != PLIM__INDEX_NONE && b != PLIM__INDEX_NONE) {
        bool is_a = list_birth(region, a) > list_birth(region, b);
        uint32_t taken = is_a ? a : b;
        *end = taken;
        end = &region->links[taken].next;
        a = is_a ? *end : a;
        b = is_a ? b : *end;
    }
    *end = a != PLIM__INDEX_NONE ? a : b;
    return first;
}

/* Bin n holds a list of 2^n runs, or none. */
static uint32_t list_sort_long(const plim_region *region, uint32_t run, uint32_t rest)
{
    uint32_t bins[LIST_BINS];
    memset(bins, 0xff, sizeof bins);
    bins[0] = run;
    while (rest != PLIM__INDEX_NONE) {
        run = list_take_run(region, &rest);
        uint32_t bin = 0;
        for (; bin < LIST_BINS - 1 && bins[bin] != PLIM__INDEX_NONE; bin++) {
            run = list_merge(region, bins[bin], run);
            bins[bin] = PLIM__INDEX_NONE;
        }
        bins[bin] = bins[bin] == PLIM__INDEX_NONE ? run : list_merge(region, bins[bin], run);
    }
    uint32_t first = PLIM__INDEX_NONE;
    for (uint32_t bin = 0; bin < LIST_BINS; bin++)
        if (bins[bin] != PLIM__INDEX_NONE)
            first = list_merge(region, bins[bin], first);
    return first;
}

void plim__list_sort(const plim_region *region, uint32_t *head)
{
    uint32_t rest = *head;
    uint32_t first = list_take_run(region, &rest);
    if (rest != PLIM__INDEX_NONE)
        first = list_sort_long(region, first, rest);
    *head = first;
    for (uint32_t at = first, before = at; at != PLIM__INDEX_NONE; at = region->links[at].next) {
        region->previous[(size_t)at + 1] = before;
        before = at;
    }
}

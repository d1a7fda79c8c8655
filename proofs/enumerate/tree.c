/* SPDX-License-Identifier: MIT */
/*
 * Objects of a region as they ship, parents, owners and cascades, against a twin that is a list:
 * every sequence of making, releasing one with all below it or all of an owner, and opening the
 * region again as a new process would.
 *
 * parts: region base
 */
#include <plimsoll/reference.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/region/region.h"
#include "sequence.h"
#include "uncharged.h"

enum {
    LENGTH = 5,
    NODES = LENGTH, /* of one sequence */
    OWNERS = 2,
    STORAGE_BYTES = 1 << 14,
    /* Operations: a root of an owner, a child or a release of the k-th, all of an owner, open. */
    AT_CHILD = OWNERS,
    AT_RELEASE = AT_CHILD + NODES - 1,
    AT_OWNER = AT_RELEASE + NODES - 1,
    AT_OPEN = AT_OWNER + OWNERS,
    OPERATIONS = AT_OPEN + 1
};

/* The twin: nodes in the order of their making. */
typedef struct twin_node {
    plim_ref ref;
    int parent; /* -1: none */
    uint32_t owner;
    bool is_live;
} twin_node;

static _Alignas(64) unsigned char storage[STORAGE_BYTES];
static plim_region *region;
static uint16_t type;
static uint32_t owners[OWNERS]; /* of one hash, so that their lists run into each other */
static twin_node twin[NODES];
static int twin_count;
static plim_ref told[NODES + 1], wanted[NODES + 1]; /* in the order of release */
static int told_count, wanted_count;

static void released(void *context, plim_region *of, const plim_region_object *object,
                     const void *last_value)
{
    (void)context, (void)of, (void)last_value;
    if (told_count <= NODES)
        told[told_count++] = object->ref;
}

static const plim__region_observer OBSERVER = {.released = released};

static void open_region(void)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_STORAGE,
                                   .storage = storage,
                                   .storage_bytes = sizeof storage,
                                   .object_max = 16,
                                   .type_max = 4,
                                   .field_max = 4,
                                   .name_max = 4,
                                   .text_bytes = 64,
                                   .value_max = 64};
    plim_region_close(&region);
    if (plim_region_open(&options, &region, NULL) != PLIM_OK ||
        plim_region_type(region, "node", 8, NULL, 0, &type, NULL) != PLIM_OK)
        exit(2);
    plim__region_observe(region, &OBSERVER);
}

static uint32_t bucket(uint32_t owner)
{
    return (owner * 2654435761u >> 7) & region->owner_mask;
}

static void start(void)
{
    if (region == NULL) {
        open_region();
        owners[0] = 1;
        for (owners[1] = 2; bucket(owners[1]) != bucket(owners[0]); owners[1]++) {
        }
    }
    for (int i = 0; i < OWNERS; i++)
        (void)plim_region_release_owner(region, owners[i], NULL);
    twin_count = 0;
}

static void end(void)
{
}

/* Ends a node and all below it: children before parents, the last made first. */
static void twin_end(int node)
{
    for (int i = twin_count; i-- > 0;)
        if (twin[i].is_live && twin[i].parent == node)
            twin_end(i);
    twin[node].is_live = false;
    wanted[wanted_count++] = twin[node].ref;
}

static const char *make(uint32_t owner, int parent)
{
    plim_ref above = parent >= 0 ? twin[parent].ref : (plim_ref){0, 0};
    bool good = parent < 0 || twin[parent].is_live;
    plim_ref ref = {0, 0};
    plim_status status = plim_region_allocate(region, type, NULL, owner, above, &ref);
    if ((status == PLIM_OK) != good)
        return "a child is made exactly if its parent lives";
    if (good)
        twin[twin_count++] =
            (twin_node){ref, parent, parent >= 0 ? twin[parent].owner : owner, true};
    return NULL;
}

/* H6: an owner's list is its live objects: those that stand alone newest first, each before what is
   below it. */
static bool owner_walk(const plim_search *search, uint32_t *cursor, int parent)
{
    plim_region_object object;
    for (int i = twin_count; i-- > 0;) {
        if (!twin[i].is_live || twin[i].owner != search->owner || twin[i].parent != parent)
            continue;
        if (!plim_region_search(region, search, cursor, &object) ||
            object.ref.index != twin[i].ref.index || !owner_walk(search, cursor, i))
            return false;
    }
    return true;
}

static const char *compare_owner(uint32_t owner)
{
    plim_search search = {.struct_bytes = sizeof search, .by = PLIM_BY_OWNER, .owner = owner};
    plim_region_object object;
    uint32_t cursor = 0;
    if (!owner_walk(&search, &cursor, -1))
        return "an owner's list is what it owns, in order";
    return plim_region_search(region, &search, &cursor, &object)
               ? "an owner's list is no more than it owns"
               : NULL;
}

static const char *compare(void)
{
    uint32_t live = 0;
    if (told_count != wanted_count || memcmp(told, wanted, sizeof *told * (size_t)told_count) != 0)
        return "a release ends what is below it, children first, last made first, each once";
    for (int i = 0; i < twin_count; i++) {
        plim_region_object object;
        bool is_live = plim_region_describe(region, twin[i].ref, &object) == PLIM_OK;
        live += is_live;
        if (is_live != twin[i].is_live)
            return "a reference is good exactly while its object lives";
        if (!is_live)
            continue;
        if (object.owner != twin[i].owner)
            return "an object has its parent's owner";
        if (twin[i].parent >= 0 && (!twin[twin[i].parent].is_live ||
                                    object.parent.index != twin[twin[i].parent].ref.index))
            return "no live object has a parent that has gone";
    }
    plim_region_info info;
    plim_region_read_info(region, &info);
    if (info.object_count != live)
        return "live objects are counted";
    const char *broken = compare_owner(owners[0]);
    if (broken == NULL)
        broken = compare_owner(owners[1]);
    return broken == NULL && plim_region_verify(region, NULL) != PLIM_OK
               ? "the walk finds the region whole"
               : broken;
}

static const char *apply_release(int node)
{
    bool good = node < twin_count && twin[node].is_live;
    if (node >= twin_count)
        return NULL;
    if (good)
        twin_end(node);
    if ((plim_region_release(region, twin[node].ref) == PLIM_OK) != good)
        return "a release takes a live object and no other";
    return NULL;
}

static const char *apply(unsigned operation)
{
    const char *broken = NULL;
    told_count = wanted_count = 0;
    if (operation < AT_CHILD) {
        broken = make(owners[operation], -1);
    } else if (operation < AT_RELEASE) {
        int parent = (int)operation - AT_CHILD;
        broken = parent < twin_count ? make(0, parent) : NULL;
    } else if (operation < AT_OWNER) {
        broken = apply_release((int)operation - AT_RELEASE);
    } else if (operation < AT_OPEN) {
        uint32_t owner = owners[operation - AT_OWNER];
        for (int i = twin_count; i-- > 0;)
            if (twin[i].is_live && twin[i].owner == owner && twin[i].parent < 0)
                twin_end(i);
        (void)plim_region_release_owner(region, owner, NULL);
    } else {
        open_region();
    }
    return broken != NULL ? broken : compare();
}

static void print(unsigned operation)
{
    if (operation < AT_CHILD)
        fprintf(stderr, "  a root of owner %u\n", operation + 1);
    else if (operation < AT_RELEASE)
        fprintf(stderr, "  a child of %u\n", operation - AT_CHILD);
    else if (operation < AT_OWNER)
        fprintf(stderr, "  release %u\n", operation - AT_RELEASE);
    else if (operation < AT_OPEN)
        fprintf(stderr, "  release all of owner %u\n", operation - AT_OWNER + 1);
    else
        fprintf(stderr, "  open again\n");
}

int main(void)
{
    static const sequence_world world = {.name = "tree",
                                         .operation_count = OPERATIONS,
                                         .length = LENGTH,
                                         .start = start,
                                         .end = end,
                                         .apply = apply,
                                         .print = print};
    return sequence(&world);
}

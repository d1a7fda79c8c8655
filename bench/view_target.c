/* SPDX-License-Identifier: MIT */
/*
 * A program with N objects in a region, for bench_view.py: lists of a hundred below a head, each
 * object with two references. "run MS" changes objects for so long and answers with how many
 * changes that were and the longest time between two, in nanoseconds.
 */
#include <plimsoll/region.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIST_LENGTH = 100 };

typedef struct item {
    uint64_t number;
    plim_ref next;
    plim_ref head;
    char pad[24];
} item;

static const plim_field fields[] = {
    PLIM_FIELD(item, number, PLIM_FIELD_UINT),
    PLIM_FIELD(item, next, PLIM_FIELD_REF),
    PLIM_FIELD(item, head, PLIM_FIELD_REF),
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static plim_region *target_make(uint32_t count, plim_ref *refs)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_MEMFD,
                                   .name = "bench",
                                   .object_max = count,
                                   .data_bytes = (uint64_t)count * 64};
    plim_region *region = NULL;
    plim_error err = {0};
    uint16_t type;
    if (plim_region_open(&options, &region, &err) != PLIM_OK ||
        plim_region_type(region, "item", sizeof(item), fields, 3, &type, &err) != PLIM_OK) {
        fprintf(stderr, "%s\n", err.what);
        exit(1);
    }
    plim_ref head = {0, 0};
    plim_ref last = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        bool is_head = i % LIST_LENGTH == 0;
        item value = {.number = i, .next = last, .head = head};
        plim_ref parent = is_head ? (plim_ref){0, 0} : head;
        if (plim_region_allocate(region, type, &value, 1 + i / 10000, parent, &last) != PLIM_OK)
            exit(1);
        if (is_head)
            head = last;
        refs[i] = last;
    }
    return region;
}

static void target_run(plim_region *region, const plim_ref *refs, uint32_t count, uint64_t ms)
{
    uint64_t start = now_ns();
    uint64_t before = start;
    uint64_t longest = 0;
    uint64_t changes = 0;
    uint64_t place = 1;
    while (before - start < ms * 1000000) {
        place = place * 6364136223846793005u + 1442695040888963407u;
        item value;
        plim_ref ref = refs[(place >> 33) % count];
        if (plim_region_get(region, ref, &value, sizeof value) != PLIM_OK)
            exit(1);
        value.number++;
        if (plim_region_set(region, ref, &value, sizeof value) != PLIM_OK)
            exit(1);
        uint64_t now = now_ns();
        if (now - before > longest)
            longest = now - before;
        before = now;
        changes++;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", changes, longest);
}

int main(int argc, char **argv)
{
    char line[64];
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    plim_ref *refs = calloc(count > 0 ? count : 1, sizeof *refs);
    if (count == 0 || refs == NULL)
        return 2;
    plim_region *region = target_make(count, refs);
    (void)puts("ready");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL && strncmp(line, "run ", 4) == 0) {
        target_run(region, refs, count, strtoull(line + 4, NULL, 10));
        (void)fflush(stdout);
    }
    plim_region_close(&region);
    free(refs);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A writer that is killed at any moment, many times, over one region in a file.
 *   kill_region FILE KILLS SEED
 * The child makes groups (a root and CHILDREN children), replaces values, ends groups and owners,
 * and after each step acknowledges it in memory that it shares with the parent. The parent kills
 * it, opens the region and demands: it opens; every value is whole (equal bytes); a group that
 * was declared complete has all its children; the counter in the region is what was acknowledged,
 * or one step ahead. Prints what it saw.
 */
#include <plimsoll/region.h>

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 6, GROUPS = 40, VALUE_BYTES = 4096, OWNERS = 5 };

typedef struct shared_progress {
    _Atomic uint64_t steps; /* acknowledged */
    _Atomic int ready;
} shared_progress;

typedef struct group_value {
    uint64_t is_complete;
    uint64_t same_again; /* always equal: torn if not */
} group_value;

typedef struct world {
    plim_region *region;
    uint16_t group_type, value_type, counter_type;
    plim_ref counter;
    uint64_t random;
} world;

static uint64_t random_next(world *at)
{
    at->random ^= at->random << 13;
    at->random ^= at->random >> 7;
    at->random ^= at->random << 17;
    return at->random;
}

static void fail_if(bool wrong, const char *what)
{
    if (wrong) {
        fprintf(stderr, "FAILED: %s\n", what);
        exit(1);
    }
}

static void world_open(world *at, const char *file)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .name = file,
                                   .object_max = 4096,
                                   .data_bytes = 2 << 20,
                                   .value_max = VALUE_BYTES};
    plim_error err = {0};
    if (plim_region_open(&options, &at->region, &err) != PLIM_OK) {
        fprintf(stderr, "FAILED: open: %s\n", err.what);
        exit(1);
    }
    fail_if(plim_region_type(at->region, "group", sizeof(group_value), NULL, 0, &at->group_type,
                             NULL) != PLIM_OK ||
                plim_region_type(at->region, "value", VALUE_BYTES, NULL, 0, &at->value_type,
                                 NULL) != PLIM_OK ||
                plim_region_type(at->region, "counter", sizeof(uint64_t), NULL, 0,
                                 &at->counter_type, NULL) != PLIM_OK,
            "types");
    plim_region_object object;
    at->counter = (plim_ref){0, 0};
    for (uint32_t i = 0; plim_region_next(at->region, &i, &object);)
        if (object.type == at->counter_type)
            at->counter = object.ref;
}

/* --- the child ----------------------------------------------------------------------------- */

static void child_make(world *at)
{
    plim_ref group, child;
    unsigned char value[VALUE_BYTES];
    group_value complete = {1, 1};
    if (plim_region_allocate(at->region, at->group_type, NULL, (uint32_t)(random_next(at) % OWNERS),
                             (plim_ref){0, 0}, &group) != PLIM_OK)
        return;
    for (int i = 0; i < CHILDREN; i++) {
        memset(value, i + 1, sizeof value);
        if (plim_region_allocate(at->region, at->value_type, value, 0, group, &child) != PLIM_OK) {
            (void)plim_region_release(at->region, group);
            return;
        }
    }
    fail_if(plim_region_set(at->region, group, &complete, sizeof complete) != PLIM_OK, "complete");
}

static void child_pick(world *at, uint16_t type, plim_ref *out_ref)
{
    plim_region_object object;
    uint64_t skip = random_next(at) % 100;
    for (uint32_t i = 0; plim_region_next(at->region, &i, &object);) {
        if (object.type != type)
            continue;
        *out_ref = object.ref;
        if (skip-- == 0)
            return;
    }
}

static void child_step(world *at)
{
    plim_region_info info;
    plim_ref ref = {0, 0};
    unsigned char value[VALUE_BYTES];
    uint64_t what = random_next(at) % 100;
    plim_region_read_info(at->region, &info);
    if (info.object_count < GROUPS * (CHILDREN + 1) && what < 40) {
        child_make(at);
    } else if (what < 80) {
        child_pick(at, at->value_type, &ref);
        memset(value, (int)(random_next(at) % 255) + 1, sizeof value);
        fail_if(ref.generation != 0 &&
                    plim_region_set(at->region, ref, value, sizeof value) != PLIM_OK,
                "set");
    } else if (what < 98) {
        child_pick(at, at->group_type, &ref);
        (void)plim_region_release(at->region, ref);
    } else {
        /* Not the counter's owner, which is OWNERS. */
        (void)plim_region_release_owner(at->region, (uint32_t)(random_next(at) % OWNERS), NULL);
    }
}

static void child_run(const char *file, uint64_t seed, shared_progress *progress)
{
    world at = {.random = seed};
    world_open(&at, file);
    if (at.counter.generation == 0)
        fail_if(plim_region_allocate(at.region, at.counter_type, &(uint64_t){0}, OWNERS,
                                     (plim_ref){0, 0}, &at.counter) != PLIM_OK,
                "counter");
    uint64_t steps = 0;
    fail_if(plim_region_get(at.region, at.counter, &steps, sizeof steps) != PLIM_OK, "counter");
    progress->steps = steps;
    progress->ready = 1;
    for (;;) {
        child_step(&at);
        steps++;
        fail_if(plim_region_set(at.region, at.counter, &steps, sizeof steps) != PLIM_OK, "count");
        progress->steps = steps;
    }
}

/* --- the parent ---------------------------------------------------------------------------- */

static void parent_check_group(const world *at, const plim_region_object *group)
{
    group_value value;
    uint32_t children = 0;
    plim_region_object object;
    fail_if(plim_region_get(at->region, group->ref, &value, sizeof value) != PLIM_OK, "group");
    fail_if(value.is_complete != value.same_again, "a group's value is torn");
    for (uint32_t i = 0; plim_region_next(at->region, &i, &object);)
        children += object.parent.generation != 0 && object.parent.index == group->ref.index;
    fail_if(children > CHILDREN || (value.is_complete && children != CHILDREN),
            "a complete group has lost children");
}

static bool parent_check(const char *file, const shared_progress *progress)
{
    world at = {.random = 1};
    world_open(&at, file);
    plim_error err = {0};
    fail_if(plim_region_verify(at.region, &err) != PLIM_OK, err.what);
    plim_region_object object;
    for (uint32_t i = 0; plim_region_next(at.region, &i, &object);) {
        const unsigned char *value = plim_region_peek(at.region, object.ref);
        if (object.type == at.value_type)
            fail_if(value[0] == 0 || memcmp(value, value + 1, VALUE_BYTES - 1) != 0,
                    "a value is torn");
        else if (object.type == at.group_type)
            parent_check_group(&at, &object);
    }
    uint64_t steps = 0;
    if (at.counter.generation != 0)
        fail_if(plim_region_get(at.region, at.counter, &steps, sizeof steps) != PLIM_OK, "counter");
    fail_if(progress->ready && (steps < progress->steps || steps > progress->steps + 1),
            "a step that was acknowledged is lost");
    plim_region_info info;
    plim_region_read_info(at.region, &info);
    plim_region_close(&at.region);
    return info.recovered;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    uint64_t kills = strtoull(argv[2], NULL, 10);
    world dice = {.random = strtoull(argv[3], NULL, 10) | 1};
    uint64_t recovered = 0, steps = 0;
    shared_progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fail_if(progress == MAP_FAILED, "mmap");
    for (uint64_t i = 0; i < kills; i++) {
        progress->ready = 0;
        uint64_t seed = random_next(&dice);
        uint64_t delay_ns = random_next(&dice) % 2000000;
        pid_t child = fork();
        fail_if(child < 0, "fork");
        if (child == 0)
            child_run(argv[1], seed | 1, progress);
        while (!progress->ready && waitpid(child, NULL, WNOHANG) == 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)delay_ns}, NULL);
        (void)kill(child, SIGKILL);
        int how = 0;
        if (waitpid(child, &how, 0) == child)
            fail_if(!WIFSIGNALED(how), "the writer ended by itself");
        fail_if(!progress->ready, "the writer did not come up");
        recovered += parent_check(argv[1], progress);
        steps = progress->steps;
    }
    printf("%" PRIu64 " kills, %" PRIu64 " steps, %" PRIu64
           " times something to finish or undo, seed %s\n",
           kills, steps, recovered, argv[3]);
    return recovered > 0 || kills < 100 ? 0
                                        : 1; /* else no kill ever hit a call: a test of nothing */
}

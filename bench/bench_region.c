/* SPDX-License-Identifier: MIT */
/*
 * What does state in a region cost? Beside talloc and APR, in this one process.
 *   bench_region [trees|gets|shots|cuts|opens]
 * Bounds (minimum of the runs):
 *   a node of a tree made and cascaded away: 8 ns in storage, 12 ns in a shared region (memfd)
 *   a checked look, a checked get: twice the same without a check (both beside a pointer's, too)
 *   a reader that takes 256 KB snapshots in a loop: slows the writer by less than 3 %; 20,000 of
 *   20,000 are whole
 *   recovery on open: 5 ns a slot (4,096 in any order, 65,536 in that of births; more is memory's)
 * The writer's lock is taken once per tree in the rows "locked"; what it costs alone is a row.
 * Prints minimum and median of the runs, then one line of JSON; ends with 1 if a bound is broken.
 */
#include <plimsoll/region.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#include "alloc_tools.h"

enum {
    NODES = 100, /* in the cache of the first level */
    FANOUT = 8,
    LARGE_NODES = 1000, /* and of any shape */
    VALUE_BYTES = 16,
    TREES = 2000, /* of one run; of the large ones a tenth */
    RUNS = 41,
    GETS = 1 << 16,
    STORAGE_BYTES = 16 << 20,
    SHOT_OBJECTS = 1024,
    SHOT_VALUE = 256, /* 1,024 of them: 256 KB */
    SHOTS = 20000,
    ROWS_MAX = 64 /* of all groups */
};

typedef struct bench_row {
    const char *name;
    double runs[BENCH_RUNS_MAX];
    int count;
} bench_row;

static bench_row rows[ROWS_MAX];
static int row_count;
static bool broken;
static uint32_t parents[LARGE_NODES]; /* of each node, an earlier one */
static _Alignas(64) unsigned char storage[STORAGE_BYTES];
static const plim_ref NONE = {0, 0};

static void row_add(const char *name, double value)
{
    bench_row *row = NULL;
    for (int i = 0; i < row_count; i++)
        if (strcmp(rows[i].name, name) == 0)
            row = &rows[i];
    if (row == NULL) {
        if (row_count == ROWS_MAX)
            bench_die("no more rows than ROWS_MAX:", name);
        row = &rows[row_count++];
        row->name = name;
    }
    if (row->count < BENCH_RUNS_MAX)
        row->runs[row->count++] = value;
}

static int row_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static const bench_row *row_sorted(const char *name)
{
    for (int i = 0; i < row_count; i++)
        if (strcmp(rows[i].name, name) == 0) {
            qsort(rows[i].runs, (size_t)rows[i].count, sizeof(double), row_compare);
            return &rows[i];
        }
    bench_die("no row", name);
}

static double row_min(const char *name)
{
    return row_sorted(name)->runs[0];
}

static double row_median(const char *name)
{
    const bench_row *row = row_sorted(name);
    return row->runs[row->count / 2];
}

static void bound(const char *what, double seen, double most)
{
    printf("%-7s %9.3f (at most %g)  %s\n", seen <= most ? "ok" : "BROKEN", seen, most, what);
    broken = broken || seen > most;
}

/* The rows from one on, then the bounds of a group. */
static void rows_print(int first)
{
    printf("%-32s %9s %9s\n", "ns", "min", "median");
    for (int i = first; i < row_count; i++) {
        double low = row_min(rows[i].name);
        printf("%-32s %9.2f %9.2f\n", rows[i].name, low, rows[i].runs[rows[i].count / 2]);
    }
}

static plim_region *region_make(plim_region_place place, uint32_t objects, uint64_t data_bytes)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = place,
                                   .name = "bench",
                                   .storage = storage,
                                   .storage_bytes = sizeof storage,
                                   .object_max = objects,
                                   .data_bytes = data_bytes};
    plim_region *region = NULL;
    plim_error err = {0};
    memset(storage, 0, place == PLIM_REGION_STORAGE ? sizeof storage : 0);
    if (plim_region_open(&options, &region, &err) != PLIM_OK)
        bench_die("open:", err.what);
    return region;
}

static uint16_t region_type(plim_region *region, uint32_t bytes)
{
    uint16_t type = 0;
    if (plim_region_type(region, "t", bytes, NULL, 0, &type, NULL) != PLIM_OK)
        bench_die("type", "");
    return type;
}

/* --- trees --------------------------------------------------------------------------------- */

static double tree_region(plim_region *region, uint16_t type, bool is_locked, uint32_t nodes)
{
    static plim_ref refs[LARGE_NODES];
    uint32_t trees = nodes == NODES ? TREES : TREES / 10;
    uint64_t value[2] = {1, 2};
    double start = bench_seconds();
    for (uint32_t tree = 0; tree < trees; tree++) {
        plim_status status = PLIM_OK;
        if (is_locked)
            plim_region_enter(region);
        for (uint32_t i = 0; i < nodes; i++)
            status |= plim_region_allocate(region, type, value, 7, i == 0 ? NONE : refs[parents[i]],
                                           &refs[i]);
        status |= plim_region_release(region, refs[0]);
        if (is_locked)
            plim_region_leave(region);
        if (status != PLIM_OK)
            bench_die("a tree was refused", "");
    }
    return (bench_seconds() - start) * 1e9 / (trees * nodes);
}

static double tree_talloc(uint32_t count)
{
    static void *nodes[LARGE_NODES];
    uint32_t trees = count == NODES ? TREES : TREES / 10;
    double start = bench_seconds();
    for (uint32_t tree = 0; tree < trees; tree++) {
        for (uint32_t i = 0; i < count; i++) {
            nodes[i] = talloc_size(i == 0 ? NULL : nodes[parents[i]], VALUE_BYTES);
            memset(nodes[i], 1, VALUE_BYTES);
        }
        talloc_free(nodes[0]);
    }
    return (bench_seconds() - start) * 1e9 / (trees * count);
}

static double tree_apr(apr_pool_t *above)
{
    double start = bench_seconds();
    for (int tree = 0; tree < TREES; tree++) {
        apr_pool_t *pool = NULL;
        if (apr_pool_create(&pool, above) != APR_SUCCESS)
            bench_die("apr", "");
        for (uint32_t i = 0; i < NODES; i++)
            memset(apr_palloc(pool, VALUE_BYTES), 1, VALUE_BYTES);
        apr_pool_destroy(pool);
    }
    return (bench_seconds() - start) * 1e9 / (TREES * NODES);
}

static void bench_trees(void)
{
    int first = row_count;
    apr_pool_t *above = NULL;
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&above, NULL) != APR_SUCCESS)
        bench_die("apr", "");
    plim_region *in_process = region_make(PLIM_REGION_STORAGE, 4096, 1 << 20);
    plim_region *shared = region_make(PLIM_REGION_MEMFD, 4096, 1 << 20);
    uint16_t type = region_type(in_process, VALUE_BYTES);
    (void)region_type(shared, VALUE_BYTES);
    uint64_t seed = 3;
    for (int run = 0; run < RUNS; run++) {
        for (uint32_t i = 1; i < NODES; i++)
            parents[i] = (i - 1) / FANOUT;
        row_add("tree, storage", tree_region(in_process, type, false, NODES));
        row_add("tree, shared", tree_region(shared, type, false, NODES));
        row_add("tree, shared, locked", tree_region(shared, type, true, NODES));
        row_add("tree, talloc", tree_talloc(NODES));
        for (uint32_t i = 1; i < LARGE_NODES; i++)
            parents[i] = (uint32_t)(bench_random(&seed) % i);
        row_add("1,000 of any shape", tree_region(in_process, type, false, LARGE_NODES));
        row_add("1,000, talloc", tree_talloc(LARGE_NODES));
        row_add("tree, apr", tree_apr(above));
        double start = bench_seconds();
        for (int i = 0; i < 10000; i++) {
            plim_region_enter(shared);
            plim_region_leave(shared);
        }
        row_add("enter and leave", (bench_seconds() - start) * 1e9 / 10000);
    }
    plim_region_close(&in_process);
    plim_region_close(&shared);
    apr_terminate();
    rows_print(first);
    bound("a node made and cascaded away, in process, ns", row_min("tree, storage"), 8);
    bound("the same in a shared region, ns", row_min("tree, shared"), 12);
}

/* --- gets ---------------------------------------------------------------------------------- */

typedef struct get_node {
    plim_ref next;
    const struct get_node *next_place; /* what a program without us would keep */
} get_node;

typedef struct get_world {
    plim_region *region;
    plim_ref refs[NODES]; /* in mixed order */
    const get_node *there[NODES];
} get_world;

static inline const get_node *get_unchecked(const plim_region *region, plim_ref ref)
{
    const plim__region_eye *eye = (const plim__region_eye *)(const void *)region;
    return (const get_node *)(const void *)plim__region_place(
        region, eye->objects + (size_t)ref.index * PLIM__SLOT_BYTES);
}

/* A way to read the node at `i`, by itself so that all it needs is in registers. Between two steps
   the program may have changed any memory, and no two steps are done as one. */
#define GET_WAY(name, step)                                                                        \
    static __attribute__((noinline)) uint64_t name(const get_world *world)                         \
    {                                                                                              \
        const get_node *at = world->there[0];                                                      \
        plim_ref ref = world->refs[0];                                                             \
        uint64_t sum = 0;                                                                          \
        get_node got;                                                                              \
        for (int round = 0; round < GETS / NODES; round++)                                         \
            for (int i = 0; i < NODES; i++) {                                                      \
                step;                                                                              \
                __asm__ volatile("" : "+r"(sum) : : "memory");                                     \
            }                                                                                      \
        (void)at, (void)ref, (void)got;                                                            \
        return sum;                                                                                \
    }

GET_WAY(get_load, sum += world->there[i]->next.index)
GET_WAY(get_peek, at = plim_region_peek(world->region, world->refs[i]);
        sum += at != NULL ? at->next.index : 0)
GET_WAY(get_copy, got = *world->there[i]; bench_keep(&got); sum += got.next.index)
/* The same way to it, nothing checked. */
GET_WAY(get_index, at = get_unchecked(world->region, world->refs[i]); sum += at->next.index)
GET_WAY(get_index_copy, got = *get_unchecked(world->region, world->refs[i]); bench_keep(&got);
        sum += got.next.index)
GET_WAY(get_get, if (plim_region_get(world->region, world->refs[i], &got, sizeof got) == PLIM_OK)
                     sum += got.next.index)
GET_WAY(get_load_chain, at = at->next_place; sum += at->next.index)
GET_WAY(get_peek_chain, at = plim_region_peek(world->region, ref);
        ref = at != NULL ? at->next : NONE; sum += ref.index)

static void bench_gets(void)
{
    int first = row_count;
    plim_region *region = region_make(PLIM_REGION_STORAGE, 4096, 1 << 20);
    uint16_t type = region_type(region, VALUE_BYTES);
    static plim_ref refs[NODES];
    static uint32_t order[NODES];
    static get_world world;
    static const struct {
        const char *name;
        uint64_t (*way)(const get_world *);
    } WAYS[] = {{"load, by a pointer", get_load},
                {"load, by index, unchecked", get_index},
                {"peek", get_peek},
                {"copy of 16 bytes, by a pointer", get_copy},
                {"copy, by index, unchecked", get_index_copy},
                {"get of 16 bytes", get_get},
                {"load, each from the last", get_load_chain},
                {"peek, each from the last", get_peek_chain}};
    for (uint32_t i = 0; i < NODES; i++)
        if (plim_region_allocate(region, type, NULL, 0, NONE, &refs[i]) != PLIM_OK)
            bench_die("refused", "");
    bench_shuffle(order, NODES, 5);
    world.region = region;
    for (uint32_t i = 0; i < NODES; i++) {
        world.refs[i] = refs[order[i]];
        world.there[i] = plim_region_peek(region, world.refs[i]);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        get_node node = {world.refs[(i + 1) % NODES], world.there[(i + 1) % NODES]};
        if (plim_region_set(region, world.refs[i], &node, sizeof node) != PLIM_OK)
            bench_die("refused", "");
    }
    for (int run = 0; run < RUNS; run++)
        for (size_t way = 0; way < sizeof WAYS / sizeof WAYS[0]; way++) {
            double start = bench_seconds();
            uint64_t sum = WAYS[way].way(&world);
            row_add(WAYS[way].name, (bench_seconds() - start) * 1e9 / (GETS / NODES * NODES));
            bench_keep((const void *)(uintptr_t)sum);
        }
    plim_region_close(&region);
    rows_print(first);
    printf("of a load by a pointer: peek %.2f, get %.2f, peek where each is from the last %.2f\n",
           row_min("peek") / row_min("load, by a pointer"),
           row_min("get of 16 bytes") / row_min("copy of 16 bytes, by a pointer"),
           row_min("peek, each from the last") / row_min("load, each from the last"));
    bound("a checked look, of an unchecked one",
          row_min("peek") / row_min("load, by index, unchecked"), 2);
    bound("a checked get, of an unchecked copy",
          row_min("get of 16 bytes") / row_min("copy, by index, unchecked"), 2);
}

/* --- a reader beside ------------------------------------------------------------------------ */

/* What both sides know: `share` is what the reader is to keep to, SHOT_OFF: not to look, SHOT_ANEW:
   to open a view for each look, and to say nothing of its pace. */
typedef struct shot_score {
    _Atomic uint32_t share, whole, torn, missed;
} shot_score;

enum { SHOT_OFF = 1001, SHOT_ANEW, SHOT_EAGER = 0, SHOT_PACED = 3 };

static plim_region_view *shot_open(const char *path)
{
    plim_region_view *view = NULL;
    plim_error err = {0};
    if (plim_region_view_open(path, NULL, &view, &err) != PLIM_OK)
        bench_die("view:", err.what);
    return view;
}

/* Over and over: all values of the region, each of which has to be all of one byte. */
static void shot_reader(const char *path, shot_score *score)
{
    static unsigned char shot[SHOT_OBJECTS][SHOT_VALUE];
    plim_region_view *view = shot_open(path);
    uint32_t kept_to = SHOT_OFF;
    for (;;) {
        uint32_t share = score->share;
        if (share == SHOT_OFF) {
            (void)usleep(200);
            continue;
        }
        if (share == SHOT_ANEW) {
            plim_region_view_close(&view);
            view = shot_open(path);
        } else if (share != kept_to) {
            plim_region_view_pace(view, share);
        }
        kept_to = share;
        plim_region_object object;
        const void *value = NULL;
        uint32_t count = 0, torn = 0;
        for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &value); count++)
            memcpy(shot[object.ref.index], value, SHOT_VALUE);
        for (uint32_t i = 0; i < count; i++)
            torn += memcmp(shot[i], shot[i] + 1, SHOT_VALUE - 1) != 0;
        if (count != SHOT_OBJECTS)
            score->missed++;
        else if (torn > 0)
            score->torn++;
        else
            score->whole++;
    }
}

/* Sets 256 bytes of one object after the other, in mixed order; between two sets works so many
   steps of some 2.5 ns on memory of its own. Nanoseconds a set. */
static double shot_write(plim_region *region, const plim_ref *refs, uint32_t steps, uint32_t count)
{
    static uint64_t own[512];
    unsigned char value[SHOT_VALUE];
    uint64_t mix = 1;
    double start = bench_seconds();
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t step = 0; step < steps; step++) {
            mix = mix * 5 + own[mix % 512];
            own[step % 512] += mix;
        }
        memset(value, (int)(i * 7), sizeof value);
        if (plim_region_set(region, refs[i * 7919u % SHOT_OBJECTS], value, sizeof value) != PLIM_OK)
            bench_die("set", "");
    }
    return (bench_seconds() - start) * 1e9 / count;
}

/* Rows of one writer without a reader, and with one that keeps to a share; how much slower, by
   medians, as a mean would count what else the machine does, and a minimum a moment unwatched. */
static double shot_compare(plim_region *region, const plim_ref *refs, shot_score *score,
                           const char *alone, const char *watched, uint32_t steps, uint32_t share)
{
    enum { BLOCKS = 20, BLOCK_NS = 40000000 };
    uint32_t count = (uint32_t)(BLOCK_NS / shot_write(region, refs, steps, 4096));
    uint32_t before = score->whole;
    double took = 0;
    for (int block = 0; block < 2 * BLOCKS; block++) {
        score->share = block % 2 != 0 ? share : SHOT_OFF;
        double one = shot_write(region, refs, steps, count);
        row_add(block % 2 != 0 ? watched : alone, one);
        took += block % 2 != 0 ? one * count : 0;
    }
    score->share = SHOT_OFF;
    (void)usleep(20000);
    printf("  %s: a snapshot each %.0f us\n", watched, took / 1e3 / (score->whole - before + 1e-9));
    return row_median(watched) / row_median(alone);
}

/* On another processor than this one's, if there is one, as anybody. */
static void shot_move(int writer)
{
    cpu_set_t others;
    CPU_ZERO(&others);
    for (int i = 0; i < 64; i++)
        if (i != writer)
            CPU_SET((size_t)i, &others);
    (void)sched_setaffinity(0, sizeof others, &others);
    (void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static pid_t shot_start(const char *path, shot_score *score)
{
    int here = sched_getcpu();
    pid_t child = fork();
    if (child == 0) {
        shot_move(here);
        shot_reader(path, score);
    }
    return child;
}

static void shot_all(plim_region *region, const plim_ref *refs, shot_score *score)
{
    int first = row_count;
    double eager =
        shot_compare(region, refs, score, "set only", "set only, eager reader", 0, SHOT_EAGER);
    double paced = shot_compare(region, refs, score, "set only, again", "set only, paced reader", 0,
                                SHOT_PACED);
    score->share = SHOT_ANEW; /* until what may be looked at once is spent */
    (void)shot_write(region, refs, 0, 1u << 25);
    double anew = shot_compare(region, refs, score, "set only, a third time",
                               "a view for each look", 0, SHOT_ANEW);
    double some = shot_compare(region, refs, score, "a set each 250 ns", "the same, eager reader",
                               100, SHOT_EAGER);
    double rare = shot_compare(region, refs, score, "a set each 2.5 us", "its eager reader", 1000,
                               SHOT_EAGER);
    for (int i = 0; i < 5000 && score->whole + score->torn + score->missed < SHOTS; i++) {
        score->share = SHOT_EAGER;
        (void)shot_write(region, refs, 0, 1u << 16);
    }
    score->share = SHOT_OFF;
    uint32_t total = score->whole + score->torn + score->missed;
    printf("%u snapshots of 256 KB beside a busy writer, %u whole, %u torn, %u without an object\n",
           total, score->whole, score->torn, score->missed);
    broken = broken || total < SHOTS || score->whole != total;
    rows_print(first);
    printf("eager readers, of none: %.2f (only sets), %.2f (250 ns), %.2f (2.5 us)\n", eager, some,
           rare);
    bound("a writer that only sets, a reader in a loop beside it, of none", paced, 1.03);
    bound("the same, a reader that opens a view for each look, of none", anew, 1.03);
}

static void bench_shots(void)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/dev/shm/plim-bench-%ld", (long)getpid());
    plim_region_options options = {
        .struct_bytes = sizeof options, .name = path, .object_max = SHOT_OBJECTS};
    plim_region *region = NULL;
    plim_error err = {0};
    if (plim_region_open(&options, &region, &err) != PLIM_OK)
        bench_die("open:", err.what);
    uint16_t type = region_type(region, SHOT_VALUE);
    static plim_ref refs[SHOT_OBJECTS];
    for (int i = 0; i < SHOT_OBJECTS; i++)
        if (plim_region_allocate(region, type, NULL, 0, NONE, &refs[i]) != PLIM_OK)
            bench_die("refused", "");
    shot_score *score =
        mmap(NULL, sizeof *score, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (score == MAP_FAILED)
        bench_die("mmap", "");
    score->share = SHOT_OFF;
    pid_t child = shot_start(path, score);
    for (score->share = SHOT_EAGER; score->whole == 0 && score->missed == 0;)
        (void)usleep(1000);
    shot_all(region, refs, score);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    plim_region_close(&region);
    (void)unlink(path);
}

/* --- cuts ---------------------------------------------------------------------------------- */

/* Asks for one cut after the other. */
static void cut_reader(const char *path)
{
    for (;;) {
        plim_region_view *view = NULL;
        plim_error err = {0};
        if (plim_region_view_open_cut(path, 2000000000, NULL, &view, &err) == PLIM_OK)
            plim_region_view_close(&view);
        (void)usleep(500);
    }
}

/* How long a safe point takes at which a cut is made: the program's pause. */
static void bench_cut(const char *name, uint32_t objects)
{
    enum { CUTS = 40 };
    char path[256];
    static unsigned char value[1024];
    (void)snprintf(path, sizeof path, "/dev/shm/plim-bench-cut-%ld", (long)getpid());
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .name = path,
                                   .object_max = objects,
                                   .data_bytes = (uint64_t)objects * sizeof value};
    plim_region *region = NULL;
    plim_error err = {0};
    plim_ref ref;
    if (plim_region_open(&options, &region, &err) != PLIM_OK)
        bench_die("open:", err.what);
    uint16_t type = region_type(region, sizeof value);
    for (uint32_t i = 0; i < objects; i++)
        if (plim_region_allocate(region, type, value, 0, NONE, &ref) != PLIM_OK)
            bench_die("refused", "");
    int here = sched_getcpu();
    pid_t child = fork();
    if (child == 0) {
        shot_move(here);
        cut_reader(path);
    }
    for (int made = 0; made < CUTS;) {
        (void)usleep(100);
        double start = bench_seconds();
        bool is_made = plim_region_safe_point(region);
        if (is_made)
            row_add(name, (bench_seconds() - start) * 1e6);
        made += is_made;
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    plim_region_close(&region);
    (void)unlink(path);
}

static void bench_cuts(void)
{
    int first = row_count;
    bench_cut("cut of 1 MiB, us", 1000);
    bench_cut("cut of 16 MiB, us", 16000);
    rows_print(first);
}

/* --- recovery ------------------------------------------------------------------------------ */

static void bench_open(const char *name, const char *ended, uint32_t objects, bool is_mixed)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/dev/shm/plim-bench-open-%ld", (long)getpid());
    static _Alignas(64) unsigned char small[(STORAGE_BYTES)];
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .name = path,
                                   .place =
                                       objects > 65536 ? PLIM_REGION_FILE : PLIM_REGION_STORAGE,
                                   .storage = small,
                                   .storage_bytes = sizeof small,
                                   .object_max = objects,
                                   .data_bytes = (uint64_t)objects * 32};
    plim_region *region = NULL;
    plim_error err = {0};
    memset(small, 0, sizeof small);
    if (plim_region_open(&options, &region, &err) != PLIM_OK)
        bench_die("open:", err.what);
    uint16_t type = region_type(region, VALUE_BYTES);
    plim_ref *refs = calloc(objects, sizeof *refs);
    uint64_t seed = 9;
    for (uint32_t i = 0; i < objects; i++)
        if (refs == NULL ||
            plim_region_allocate(region, type, NULL, i % 5, i % 10 == 0 ? NONE : refs[i - i % 10],
                                 &refs[i]) != PLIM_OK)
            bench_die("refused", "");
    for (uint32_t i = 0; is_mixed && i < objects; i++) { /* births and places out of order */
        uint32_t at = (uint32_t)(bench_random(&seed) % objects);
        if (at % 10 == 0)
            continue;
        if (plim_region_release(region, refs[at]) != PLIM_OK)
            bench_die("stale", "");
        uint32_t other = (uint32_t)(bench_random(&seed) % objects) | 1;
        if (other % 10 != 0 && other != at && plim_region_release(region, refs[other]) == PLIM_OK &&
            plim_region_allocate(region, type, NULL, 0, refs[other - other % 10], &refs[other]) !=
                PLIM_OK)
            bench_die("refused", "");
        if (plim_region_allocate(region, type, NULL, 0, refs[at - at % 10], &refs[at]) != PLIM_OK)
            bench_die("refused", "");
    }
    plim_region_close(&region);
    int runs = objects > 100000 ? 5 : RUNS;
    for (int run = 0; run < runs; run++) {
        double start = bench_seconds();
        if (plim_region_open(&options, &region, &err) != PLIM_OK)
            bench_die("open:", err.what);
        row_add(name, (bench_seconds() - start) * 1e9 / objects);
        if (run + 1 < runs)
            plim_region_close(&region);
    }
    /* Lists that an open found out of order are put in order by who first goes along them. */
    double start = bench_seconds();
    for (uint32_t owner = 0; owner < 5; owner++)
        if (plim_region_release_owner(region, owner, NULL) != PLIM_OK)
            bench_die("refused", "");
    row_add(ended, (bench_seconds() - start) * 1e9 / objects);
    plim_region_close(&region);
    free(refs);
    (void)unlink(path);
}

static void bench_opens(void)
{
    int first = row_count;
    bench_open("open, 4,096 in order", "  then all ended", 4096, false);
    bench_open("open, 4,096 mixed", "  then all ended, mixed", 4096, true);
    bench_open("open, 65,536 in order", "  then all 65,536 ended", 65536, false);
    bench_open("open, 65,536 mixed", "  then all 65,536 ended, mixed", 65536, true);
    bench_open("open, 10^6 in order, a file", "  then all 10^6 ended", 1000000, false);
    bench_open("open, 10^6 mixed, a file", "  then all 10^6 ended, mixed", 1000000, true);
    rows_print(first);
    bound("recovery on open, ns a slot (4,096 in order)", row_min("open, 4,096 in order"), 5);
    bound("recovery on open, ns a slot (4,096 mixed)", row_min("open, 4,096 mixed"), 5);
    bound("recovery on open, ns a slot (65,536 in order)", row_min("open, 65,536 in order"), 5);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } GROUPS[] = {{"trees", bench_trees},
                  {"gets", bench_gets},
                  {"shots", bench_shots},
                  {"cuts", bench_cuts},
                  {"opens", bench_opens}};
    for (size_t i = 0; i < sizeof GROUPS / sizeof GROUPS[0]; i++)
        if (argc < 2 || strcmp(argv[1], GROUPS[i].name) == 0)
            GROUPS[i].run();
    printf("{\"bench\": \"region\"");
    for (int i = 0; i < row_count; i++)
        printf(", \"%s\": {\"min\": %.3f, \"median\": %.3f}", rows[i].name, rows[i].runs[0],
               rows[i].runs[rows[i].count / 2]);
    printf("}\n");
    return broken ? 1 : 0;
}

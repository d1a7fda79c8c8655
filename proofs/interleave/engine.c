/* SPDX-License-Identifier: MIT */
/*
 * The engine's thread caches under schedules: blocks charged ahead, given out without a lock, and
 * taken back from a thread that may be in the middle of taking one. The code is the one that ships,
 * whole, in the form that sanitizers get (PLIM__FENCE_STRONG): both sides of the asymmetric fence
 * are then accesses with an order, and each is a switch point. That the light fence is as good as
 * the strong one is membarrier(2)'s promise, not shown here.
 *
 * The number of preemptions is bounded (in the list below): a schedule has a few hundred accesses.
 * Between executions the program's variables are put back as they were: one copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ilv.h"

/* Its statics are looked at and changed with the fibre. */
#include "memory/budgets/lend.h"
#include "memory/engine/threads.c"
#include "platform/modules.h"

enum { STORAGE_BYTES = 384 << 10, ARENA_BYTES = 32 << 10, BLOCK = 64, THREADS = 3 };

/* clang-format off */
/* --- the platform, for fibres -------------------------------------------------------------- */

static _Alignas(4096) char storage[STORAGE_BYTES];
static _Alignas(4096) char arena[ARENA_BYTES];
static size_t arena_used;

size_t plim__backing_page(void) { return 4096; }
void *plim__backing_reserve(size_t bytes)
{
    if (bytes > ARENA_BYTES - arena_used)
        return NULL;
    arena_used += bytes;
    return arena + arena_used - bytes;
}
void plim__backing_release(void *range, size_t bytes) { (void)range, (void)bytes; }
bool plim__backing_commit(void *range, size_t bytes) { return (void)range, (void)bytes, true; }
bool plim__backing_decommit(void *range, size_t bytes) { return (void)range, (void)bytes, false; }
size_t plim__backing_machine_bytes(void) { return STORAGE_BYTES; }
void *plim__backing_libc_take(size_t bytes, bool zeroed) { return (void)bytes, (void)zeroed, NULL; }
void plim__backing_libc_give(void *block) { (void)block; }
bool plim__module_at(const void *address, plim__module *out)
{
    return (void)address, (void)out, false;
}
bool plim__local_on_exit(void (*leave)(void *), void *value)
{
    return (void)leave, (void)value, true;
}
void plim__local_on_fork(void (*a)(void), void (*b)(void), void (*c)(void))
{
    (void)a, (void)b, (void)c;
}
const plim_allocator *plim_allocator_system(void) { return NULL; }
bool plim__fence_start(void) { return true; }
void plim__fence_heavy(void) { plim__fence(); }
void plim__fence_yield(void) {}

/* clang-format on */
/* --- the world ----------------------------------------------------------------------------- */

typedef struct own_words {
    plim__thread *self;
    bool is_inside, is_leaving;
} own_words;

static struct {
    plim_manager *manager;
    plim_domain a, b;
    void *blocks[THREADS + 1][8];
    size_t held[THREADS + 1];
    own_words own[ILV_FIBRES_MAX + 1];
} w;

/* The fibre's thread-local variables come and go with it. */
static void change(unsigned from, unsigned to)
{
    w.own[from] = (own_words){plim__thread_self, threads_is_inside, threads_is_leaving};
    plim__thread_self = w.own[to].self;
    threads_is_inside = w.own[to].is_inside;
    threads_is_leaving = w.own[to].is_leaving;
}

static bool is_in(const volatile void *word, const void *start, size_t bytes)
{
    return (uintptr_t)word - (uintptr_t)start < bytes;
}

/* Of the caches only the bins of the one class are used, and slots keep their manager. */
static bool is_constant(const volatile void *word)
{
    if (is_in(word, plim__slots, sizeof plim__slots))
        return true;
    for (const plim__thread *thread = threads_first; thread != NULL; thread = thread->next)
        for (unsigned slot = 1; slot < 8; slot++) {
            const plim__cache *cache = thread->own[slot];
            if (cache == NULL || !is_in(word, cache, sizeof *cache))
                continue;
            unsigned code = plim__class_of(BLOCK);
            return !is_in(word, &cache->bins[code], sizeof cache->bins[code]);
        }
    return false;
}

static void panicked(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    ilv_fail(panic->what);
}

static void made(plim_status status)
{
    if (status != PLIM_OK)
        ilv_fail("the world could not be made");
}

static void world(size_t a_blocks)
{
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .domain_count_max = 2,
                                    .backing = PLIM_BACKING_FIXED,
                                    .storage = storage,
                                    .storage_bytes = sizeof storage,
                                    .panic = panicked};
    plim_error err = {0};
    if (plim_manager_create(&options, &w.manager, &err) != PLIM_OK) {
        fprintf(stderr, "engine: %s\n", err.what);
        exit(2);
    }
    if (w.manager->is_minute) {
        fprintf(stderr, "engine: a manager of %d bytes has no caches\n", STORAGE_BYTES);
        exit(2);
    }
    plim_domain_options limit = {.struct_bytes = sizeof limit, .limit_bytes = a_blocks * BLOCK};
    made(plim_domain_create(w.manager, "a", &limit, &w.a, NULL));
    limit.limit_bytes = BLOCK;
    made(plim_domain_create(w.manager, "b", &limit, &w.b, NULL));
    made(plim_domain_share_set(w.a, w.b, 100 * BLOCK));
    for (unsigned i = 0; i <= ILV_FIBRES_MAX; i++)
        w.own[i].self = &threads_none;
}

static bool get(unsigned fibre, plim_domain domain)
{
    void *block = plim__alloc_in(domain, BLOCK, NULL);
    if (block == NULL)
        return false;
    w.blocks[fibre][w.held[fibre]++] = block;
    memset(block, (int)(0xa0 + fibre), BLOCK);
    return true;
}

static void put(unsigned fibre)
{
    if (w.held[fibre] == 0)
        return;
    const unsigned char *block = w.blocks[fibre][--w.held[fibre]];
    for (unsigned i = 0; i < BLOCK; i++)
        ILV_CHECK(block[i] == 0xa0 + fibre);
    plim__give(w.blocks[fibre][w.held[fibre]], NULL);
}

/* As thread `fibre`, before the schedules: what it holds and has cached. */
static void as(unsigned fibre, void (*run)(unsigned))
{
    change(ILV_FIBRES_MAX, fibre);
    run(fibre);
    change(fibre, ILV_FIBRES_MAX);
}

static void warm(unsigned fibre)
{
    (void)get(fibre, w.a);
    (void)get(fibre, w.a);
    put(fibre);
    put(fibre);
}

static void hold_one(unsigned fibre)
{
    (void)get(fibre, w.a);
}

/* The first time made, then put back: the program's variables from __data_start to _end. */
extern char __data_start[], _end[];
static void start_again(char **copy, void (*make)(void))
{
    size_t bytes = (size_t)(_end - __data_start);
    if (*copy == NULL) {
        make();
        *copy = malloc(bytes);
        if (*copy == NULL)
            exit(2);
        char *kept = *copy;
        memcpy(kept, __data_start, bytes);
        return;
    }
    char *kept = *copy;
    memcpy(__data_start, kept, bytes);
    *copy = kept;
}

/* --- what holds ---------------------------------------------------------------------------- */

static size_t held_by_all(void)
{
    size_t held = 0;
    for (unsigned i = 0; i <= THREADS; i++)
        held += w.held[i];
    return held;
}

static void each_state(void)
{
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = i + 1; k <= THREADS; k++)
            for (unsigned m = 0; m < w.held[i]; m++)
                for (unsigned n = 0; n < w.held[k]; n++)
                    ILV_CHECK(w.blocks[i][m] != w.blocks[k][n]);
    plim__budget *budget = &plim__domain_of(w.a)->budget;
    ILV_CHECK(plim__load(&budget->charged) <= plim__load(&budget->configured));
}

/* After a drain: what is charged is what is held, and the whole state is sound. */
static void end_sound(void)
{
    size_t held = held_by_all();
    (void)plim__threads_drain(w.manager, 0);
    size_t charged = plim__budget_charged(&plim__domain_of(w.a)->budget) +
                     plim__budget_charged(&plim__domain_of(w.b)->budget);
    ILV_CHECK(charged == held * BLOCK);
    plim_error err = {0};
    if (plim_manager_verify(w.manager, &err) != PLIM_OK)
        ilv_fail("plim_manager_verify");
}

/* --- scenarios ----------------------------------------------------------------------------- */

static void get_0(void)
{
    (void)get(0, w.a);
}
static void get_1(void)
{
    (void)get(1, w.a);
}
static void put_0(void)
{
    put(0);
}
static void get_get_0(void)
{
    (void)get(0, w.a);
    (void)get(0, w.a);
}
static void put_get_0(void)
{
    put(0);
    (void)get(0, w.a);
}
static void drain_1(void)
{
    (void)plim__threads_drain(w.manager, 0);
}
static void leave_0(void)
{
    (void)get(0, w.a);
    threads_leave(plim__thread_self);
}
static void lend_1(void)
{
    w.held[1] += plim_domain_lend(w.a, w.b, BLOCK, NULL) != PLIM_OK;
}

static void make_warm(void)
{
    world(2);
    as(0, warm);
}
static void make_holding(void)
{
    world(2);
    as(0, hold_one);
}
static void make_three(void)
{
    world(3);
    as(0, warm);
    as(1, warm);
}
static void start_warm(void)
{
    static char *copy;
    start_again(&copy, make_warm);
}
static void start_holding(void)
{
    static char *copy;
    start_again(&copy, make_holding);
}
static void start_three(void)
{
    static char *copy;
    start_again(&copy, make_three);
}

/* Two blocks in all, one thread has both cached: nobody is refused while one is free. */
static void end_nobody_refused(void)
{
    ILV_CHECK(w.held[0] == 1 && w.held[1] == 1);
    end_sound();
}

/* Two blocks, both cached by the thread that takes one: the other is lent. */
static void end_lent(void)
{
    ILV_CHECK(w.held[0] == 1 && w.held[1] == 0);
    w.held[1] = 0;
    end_sound();
}

static const ilv_scenario scenarios[] = {
    {.name = "drain_against_fast_get",
     .start = start_warm,
     .fibres = {get_get_0, drain_1},
     .each = each_state,
     .end = end_sound,
     .preemptions_max = 3,
     .change = change,
     .is_constant = is_constant},
    {.name = "drain_against_put",
     .start = start_holding,
     .fibres = {put_get_0, drain_1},
     .each = each_state,
     .end = end_sound,
     .preemptions_max = 3,
     .change = change,
     .is_constant = is_constant},
    {.name = "others_cache_before_a_refusal",
     .start = start_warm,
     .fibres = {get_0, get_1},
     .each = each_state,
     .end = end_nobody_refused,
     .preemptions_max = 2,
     .change = change,
     .is_constant = is_constant},
    {.name = "put_against_the_last_block",
     .start = start_holding,
     .fibres = {put_0, get_1},
     .each = each_state,
     .end = end_sound,
     .preemptions_max = 2,
     .change = change,
     .is_constant = is_constant},
    {.name = "a_thread_ends_under_a_drain",
     .start = start_warm,
     .fibres = {leave_0, drain_1},
     .each = each_state,
     .end = end_sound,
     .preemptions_max = 3,
     .change = change,
     .is_constant = is_constant},
    {.name = "a_loan_drains_the_lender",
     .start = start_warm,
     .fibres = {get_0, lend_1},
     .each = each_state,
     .end = end_lent,
     .preemptions_max = 3,
     .change = change,
     .is_constant = is_constant},
    {.name = "refills_at_the_limit",
     .start = start_three,
     .fibres = {get_get_0, get_1},
     .each = each_state,
     .end = end_sound,
     .preemptions_max = 3,
     .change = change,
     .is_constant = is_constant},
};

/* engine [NAME]; exit 1 if a check fails, 2 if a scenario was cut. One scenario per process, as
   each puts all variables back. */
int main(int argc, char **argv)
{
    int worst = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (argc > 1 && strcmp(argv[1], scenarios[i].name) != 0)
            continue;
        ilv_result result = ilv_explore(&scenarios[i], 400000);
        printf("%-34s %9lu schedules, depth %4u, %u preemptions%s\n", scenarios[i].name,
               result.executions, result.depth_max, scenarios[i].preemptions_max,
               result.is_cut ? "  CUT" : "");
        if (result.broken != NULL) {
            printf("%s: FAILED: %s\n", scenarios[i].name, result.broken);
            return 1;
        }
        worst = result.is_cut ? 2 : worst;
    }
    return worst;
}

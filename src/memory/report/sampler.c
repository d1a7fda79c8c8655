/* SPDX-License-Identifier: MIT */
/*
 * The sampler. While it is on, every thread's record says "watched" (engine/watch.h), which sends
 * requests and releases past the fast way; there a countdown of bytes, drawn anew after each
 * sample, says which are noted (the others go back to it: alloc.c). The countdown is exponential,
 * hence memoryless: which block a byte belongs to does not matter, and threads need not know of
 * each other.
 *
 * A sample stands for 1 / (1 - exp(-s / interval)) requests of its size s. It is found again by its
 * block's address when that is given back; a table of counts by hash says without a lock of most
 * blocks that they were not noted.
 *
 * Invariants: S1 all but `sampler_here` and the filter changes under the lock. S2 a block is in the
 * live table at most once. S3 a row's live sums are those of the live table. S4 nobody waits for
 * the lock inside a signal handler that may have interrupted its holder: `is_inside` says so.
 */
#include <plimsoll/sampler.h>

#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "base/random.h"
#include "base/text.h"
#include "memory/atomic.h"
#include "memory/budgets/domain.h"
#include "memory/engine/watch.h"
#include "platform/backing.h"
#include "platform/calls.h"
#include "platform/lock.h"

enum {
    SAMPLER_ROWS = 4096,     /* different sites and calls */
    SAMPLER_INDEX = 8192,    /* of rows, by hash */
    SAMPLER_LIVE = 1 << 16,  /* places for blocks; three quarters are used */
    SAMPLER_FILTER = 1 << 14 /* counts */
};

#define SAMPLER_INTERVAL_MAX (UINT64_C(1) << 40)

typedef struct sampler_block {
    const void *block; /* NULL: none */
    uint32_t row;
    uint64_t bytes, count; /* what it stands for */
} sampler_block;

typedef struct sampler_tables {
    plim_sampler_row rows[SAMPLER_ROWS];
    uint64_t hashes[SAMPLER_ROWS];
    uint32_t index[SAMPLER_INDEX]; /* row + 1 */
    sampler_block live[SAMPLER_LIVE];
    _Atomic uint32_t filter[SAMPLER_FILTER];
} sampler_tables;

static struct {
    plim__lock lock;
    sampler_tables *tables;    /* kept from the first start on */
    _Atomic uint64_t interval; /* read without the lock */
    uint32_t row_count, live_count;
    uint64_t samples, lost;
    bool is_on, knows_forks;
} sampler_state;

/* Of one thread. */
static PLIM__THREAD_LOCAL struct {
    uint64_t random;
    bool is_inside;
} sampler_here;

/* --- numbers: there is no library of them here ----------------------------------------------- */

/* ln(x) for 0 < x <= 1, to some 1e-6. */
static double sampler_ln(double x)
{
    const double ln2 = 0.69314718055994531;
    int halved = 0;
    for (; x < 0.5 && halved < 64; halved++)
        x *= 2;
    double t = (x - 1) / (x + 1);
    double square = t * t;
    return 2 * t * (1 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7 + square / 9)))) -
           halved * ln2;
}

/* exp(-x) for x >= 0. */
static double sampler_exp(double x)
{
    if (x > 40)
        return 0;
    int halved = 0;
    for (; x > 0.25; halved++)
        x /= 2;
    double value = 1 - x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6)))));
    for (; halved > 0; halved--)
        value *= value;
    return value;
}

static double sampler_draw(double interval)
{
    uint64_t x = plim__random(&sampler_here.random);
    return -sampler_ln((double)((x >> 11) + 1) / (double)(UINT64_C(1) << 53)) * interval;
}

static uint64_t sampler_hash(uint64_t word)
{
    word *= UINT64_C(0x9e3779b97f4a7c15);
    return word ^ word >> 32;
}

/* --- tables, with the lock -------------------------------------------------------------------- */

/* Where paths end is what says most. */
static void sampler_text(char out[PLIM_SAMPLER_TEXT_BYTES], const char *text)
{
    size_t length = text != NULL ? plim__text_length(text, 4096) : 0;
    size_t kept = length < PLIM_SAMPLER_TEXT_BYTES ? length : PLIM_SAMPLER_TEXT_BYTES - 1;
    if (kept > 0)
        memcpy(out, text + (length - kept), kept);
    out[kept] = '\0';
}

static bool sampler_same(const plim_sampler_row *a, const plim_sampler_row *b)
{
    return a->frame_count == b->frame_count &&
           memcmp(a->frames, b->frames, a->frame_count * sizeof *a->frames) == 0 &&
           memcmp(a->site, b->site, sizeof a->site) == 0 &&
           memcmp(a->owner, b->owner, sizeof a->owner) == 0;
}

static uint64_t sampler_hash_row(const plim_sampler_row *row)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < row->frame_count; i++)
        hash = sampler_hash(hash ^ row->frames[i]);
    for (size_t i = 0; row->site[i] != '\0'; i++)
        hash = sampler_hash(hash ^ (unsigned char)row->site[i]);
    for (size_t i = 0; row->owner[i] != '\0'; i++)
        hash = sampler_hash(hash ^ (unsigned char)row->owner[i]);
    return hash;
}

/* The row of a sample, found or made; SAMPLER_ROWS: there is no room. */
static uint32_t sampler_row_of(const plim_sampler_row *wanted)
{
    sampler_tables *tables = sampler_state.tables;
    uint64_t hash = sampler_hash_row(wanted);
    uint32_t at = (uint32_t)hash & (SAMPLER_INDEX - 1);
    for (; tables->index[at] != 0; at = (at + 1) & (SAMPLER_INDEX - 1)) {
        uint32_t row = tables->index[at] - 1;
        if (tables->hashes[row] == hash && sampler_same(&tables->rows[row], wanted))
            return row;
    }
    uint32_t row = sampler_state.row_count;
    if (row == SAMPLER_ROWS)
        return row;
    tables->rows[row] = *wanted;
    tables->hashes[row] = hash;
    tables->index[at] = row + 1;
    sampler_state.row_count++;
    return row;
}

static uint32_t sampler_live_home(const void *block)
{
    return (uint32_t)sampler_hash((uintptr_t)block) & (SAMPLER_LIVE - 1);
}

static _Atomic uint32_t *sampler_filter(const void *block)
{
    uint64_t hash = sampler_hash((uintptr_t)block);
    return &sampler_state.tables->filter[(hash >> 16) & (SAMPLER_FILTER - 1)];
}

/* The place of a block, or the free one where it would be. */
static uint32_t sampler_live_at(const void *block)
{
    const sampler_tables *tables = sampler_state.tables;
    uint32_t at = sampler_live_home(block);
    while (tables->live[at].block != NULL && tables->live[at].block != block)
        at = (at + 1) & (SAMPLER_LIVE - 1);
    return at;
}

/* Takes a place out; those behind that belong before it move up. */
static void sampler_live_remove(uint32_t at)
{
    sampler_block *live = sampler_state.tables->live;
    plim_sampler_row *row = &sampler_state.tables->rows[live[at].row];
    row->live_bytes -= live[at].bytes;
    row->live_count -= live[at].count;
    (void)plim__sub(sampler_filter(live[at].block), 1);
    sampler_state.live_count--;
    uint32_t hole = at;
    for (uint32_t next = (at + 1) & (SAMPLER_LIVE - 1); live[next].block != NULL;
         next = (next + 1) & (SAMPLER_LIVE - 1)) {
        uint32_t home = sampler_live_home(live[next].block);
        if (((next - home) & (SAMPLER_LIVE - 1)) >= ((next - hole) & (SAMPLER_LIVE - 1))) {
            live[hole] = live[next];
            hole = next;
        }
    }
    live[hole].block = NULL;
}

static void sampler_note(const void *block, size_t bytes, const plim_sampler_row *wanted)
{
    sampler_tables *tables = sampler_state.tables;
    double chance =
        1 - sampler_exp((double)bytes / (double)plim__load_relaxed(&sampler_state.interval));
    uint32_t row = sampler_row_of(wanted);
    if (row == SAMPLER_ROWS || sampler_state.live_count >= SAMPLER_LIVE / 4 * 3) {
        sampler_state.lost++;
        return;
    }
    uint32_t at = sampler_live_at(block);
    if (tables->live[at].block != NULL) { /* its end was not seen */
        sampler_live_remove(at);
        at = sampler_live_at(block);
    }
    sampler_block made = {.block = block,
                          .row = row,
                          .bytes = (uint64_t)((double)bytes / chance + 0.5),
                          .count = (uint64_t)(1 / chance + 0.5)};
    tables->live[at] = made;
    (void)plim__add(sampler_filter(block), 1);
    sampler_state.live_count++;
    sampler_state.samples++;
    tables->rows[row].samples++;
    tables->rows[row].bytes += made.bytes;
    tables->rows[row].count += made.count;
    tables->rows[row].live_bytes += made.bytes;
    tables->rows[row].live_count += made.count;
}

/* --- told by the engine ---------------------------------------------------------------------- */

static __attribute__((noinline)) void sampler_sample(const void *block, size_t bytes,
                                                     const char *owner, const char *site)
{
    plim_sampler_row wanted;
    memset(&wanted, 0, sizeof wanted);
    sampler_text(wanted.site, site);
    sampler_text(wanted.owner, owner);
    wanted.frame_count = plim__calls_here(wanted.frames, PLIM_SAMPLER_FRAMES_MAX);
    plim__lock_take(&sampler_state.lock);
    if (sampler_state.is_on)
        sampler_note(block, bytes, &wanted);
    plim__lock_give(&sampler_state.lock);
}

static void sampler_taken(void *block, size_t bytes, const char *owner, const char *site)
{
    if (sampler_here.is_inside)
        return;
    sampler_here.is_inside = true;
    uint32_t series = plim__load_relaxed(&plim__sampling_series);
    double interval = (double)plim__load_relaxed(&sampler_state.interval);
    if (plim__sampling_here.series != series) {
        plim__sampling_here.series = series;
        if (sampler_here.random == 0)
            sampler_here.random = sampler_hash((uintptr_t)&sampler_here ^ (uintptr_t)block) | 1;
        plim__sampling_here.left = sampler_draw(interval);
    }
    plim__sampling_here.left -= (double)bytes;
    if (plim__sampling_here.left < 0) {
        plim__sampling_here.left = sampler_draw(interval);
        sampler_sample(block, bytes, owner, site);
    }
    sampler_here.is_inside = false;
}

static void sampler_given(const void *block)
{
    if (plim__load(sampler_filter(block)) == 0 || sampler_here.is_inside)
        return;
    sampler_here.is_inside = true;
    plim__lock_take(&sampler_state.lock);
    uint32_t at = sampler_live_at(block);
    if (sampler_state.tables->live[at].block != NULL)
        sampler_live_remove(at);
    plim__lock_give(&sampler_state.lock);
    sampler_here.is_inside = false;
}

static const plim__sampling sampler_sampling = {sampler_taken, sampler_given};

/* --- what a user calls ----------------------------------------------------------------------- */

static void sampler_freeze(void)
{
    plim__lock_take(&sampler_state.lock);
}

static void sampler_thaw(void)
{
    plim__lock_give(&sampler_state.lock);
}

/* With the lock. */
static plim_status sampler_prepare(plim_error *err)
{
    size_t page = plim__backing_page();
    size_t bytes = page == 0 ? 0 : (sizeof(sampler_tables) + page - 1) / page * page;
    if (sampler_state.tables == NULL && bytes != 0) {
        void *tables = plim__backing_reserve(bytes);
        if (tables != NULL && plim__backing_commit(tables, bytes))
            sampler_state.tables = tables;
        else if (tables != NULL)
            plim__backing_release(tables, bytes);
    }
    if (sampler_state.tables == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory for samples");
    memset(sampler_state.tables, 0, offsetof(sampler_tables, filter));
    /* Who was told to look before it went off may do so now: word by word. */
    for (uint32_t i = 0; i < SAMPLER_FILTER; i++)
        plim__store_relaxed(&sampler_state.tables->filter[i], 0);
    sampler_state.row_count = sampler_state.live_count = 0;
    sampler_state.samples = sampler_state.lost = 0;
    return PLIM_OK;
}

plim_status plim_sampler_start(uint64_t interval_bytes, plim_error *err)
{
    uint64_t first[2];
    if (interval_bytes == 0 || interval_bytes > SAMPLER_INTERVAL_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a sample in %llu bytes",
                              (unsigned long long)interval_bytes);
    (void)plim__calls_here(first, 2); /* may allocate, the first time: not with a lock */
    plim__lock_take(&sampler_state.lock);
    plim_status status = sampler_state.is_on
                             ? plim_error_set(err, PLIM_ERR_BUSY, "the sampler is on")
                             : sampler_prepare(err);
    bool must_know_forks = status == PLIM_OK && !sampler_state.knows_forks;
    if (status == PLIM_OK) {
        plim__store_relaxed(&sampler_state.interval, interval_bytes);
        sampler_state.is_on = sampler_state.knows_forks = true;
        (void)plim__add(&plim__sampling_series, 1);
    }
    plim__lock_give(&sampler_state.lock);
    if (must_know_forks)
        plim__local_on_fork(sampler_freeze, sampler_thaw, sampler_thaw);
    if (status == PLIM_OK)
        plim__watch_all(&sampler_sampling);
    return status;
}

void plim_sampler_stop(void)
{
    plim__watch_all(NULL);
    plim__lock_take(&sampler_state.lock);
    sampler_state.is_on = false;
    plim__lock_give(&sampler_state.lock);
}

void plim_sampler_read_info(plim_sampler_info *out_info)
{
    plim__lock_take(&sampler_state.lock);
    *out_info = (plim_sampler_info){.is_on = sampler_state.is_on,
                                    .interval_bytes = plim__load_relaxed(&sampler_state.interval),
                                    .row_count = sampler_state.row_count,
                                    .samples = sampler_state.samples,
                                    .lost = sampler_state.lost};
    plim__lock_give(&sampler_state.lock);
}

bool plim_sampler_read(uint32_t index, plim_sampler_row *out_row)
{
    plim__lock_take(&sampler_state.lock);
    bool is_there = index < sampler_state.row_count;
    if (is_there)
        *out_row = sampler_state.tables->rows[index];
    plim__lock_give(&sampler_state.lock);
    return is_there;
}

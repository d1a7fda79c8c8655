/* SPDX-License-Identifier: MIT */
/* Levels of checks. Method: a manager of its own for each case and level; one word is spoiled (in a
 * block, in a record, in a table), and the next operation, or the next look at the whole state,
 * must name the invariant, refuse, and leave everything as it was. And the other way round: long
 * random work against a naive twin, at every level, names nothing. */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "memory/checks/checked.h"
#include "memory/checks/marks.h"
#include "memory/checks/verify.h"
#include "memory/engine/engine.h"

enum { LIVE_MAX = 200, STEPS = 6000, STEPS_REDUNDANT = 1500 };

static plim_manager *manager;
static plim_domain domain;
static plim__slot *slot;
static unsigned panic_count;
static char panic_name[8];
static const void *panic_address;
static _Alignas(64) unsigned char storage[4 << 20];
static size_t storage_bytes; /* with little there are no caches, and all goes the checked way */
static uint32_t watch_every; /* at full; 1 but where a case says otherwise */

static void on_panic(void *ctx, const plim_panic *panic)
{
    assert_ptr_equal(ctx, &manager);
    panic_count++;
    strncpy(panic_name, panic->invariant, sizeof panic_name - 1);
    panic_address = panic->address;
    assert_true(strlen(panic->what) > 8);
}

static void begin(plim_verify verify)
{
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .backing = PLIM_BACKING_FIXED,
                                    .verify = verify,
                                    .storage = storage,
                                    .storage_bytes = storage_bytes,
                                    .panic = on_panic,
                                    .panic_ctx = &manager,
                                    .watch_every = watch_every};
    plim_error err = {0};
    assert_int_equal(plim_manager_create(&options, &manager, &err), PLIM_OK);
    plim_domain_options wishes = {.struct_bytes = sizeof wishes, .limit_bytes = 128 << 10};
    assert_int_equal(plim_domain_create(manager, "unit", &wishes, &domain, &err), PLIM_OK);
    slot = &plim__slots[plim__domain_of(domain)->slot];
    panic_count = 0;
    panic_name[0] = '\0';
}

static void expect_sound(void)
{
    plim_error err = {0};
    plim_status status = plim_manager_verify(manager, &err);
    assert_string_equal(err.what, "");
    assert_int_equal(status, PLIM_OK);
}

static void end(void)
{
    plim_manager_destroy(&manager);
}

static plim_domain_stats figures(void)
{
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return stats;
}

/* The hook was told that once, and nothing changed since `before`. */
static void expect_told(const char *invariant, const plim_domain_stats *before)
{
    assert_int_equal(panic_count, 1);
    assert_string_equal(panic_name, invariant);
    plim_domain_stats after = figures();
    assert_int_equal(after.used_bytes, before->used_bytes);
    assert_int_equal(after.requested_bytes, before->requested_bytes);
    assert_int_equal(after.allocation_count, before->allocation_count);
    panic_count = 0;
    panic_name[0] = '\0';
}

/* --- standard ------------------------------------------------------------------------------ */

static void what_is_no_live_block_cannot_be_given_back(void **state)
{
    (void)state;
    static const plim_verify LEVELS[] = {PLIM_VERIFY_STANDARD, PLIM_VERIFY_FULL, PLIM_VERIFY_FULL,
                                         PLIM_VERIFY_REDUNDANT};
    for (unsigned i = 0; i < 4; i++) {
        watch_every = i == 1 ? 1000 : 1;
        begin(LEVELS[i]);
        char *keeper = plim_alloc_in(domain, 100);
        char *block = plim_alloc_in(domain, 100);
        char *large = plim_alloc_in(domain, 50000);
        char *gone = plim_alloc_in(domain, 100);
        char *gone_large = plim_alloc_in(domain, 33000);
        assert_true(keeper != NULL && block != NULL && large != NULL && gone != NULL &&
                    gone_large != NULL);
        plim_free(gone);
        plim_free(gone_large);
        plim_domain_stats before = figures();
        /* Inner, misaligned, a page further, released, behind the last block, our own records. */
        void *wrong[] = {block + 16,    block + 1,
                         large + 4096,  large + 16,
                         gone,          gone_large,
                         slot->central, (char *)manager->space.base + manager->space.bytes - 64};
        for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            plim_free(wrong[k]);
            assert_ptr_equal(panic_address, wrong[k]);
            expect_told("P5", &before);
            assert_null(plim_resize(wrong[k], 200));
            assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_CHECK);
            expect_told("P5", &before);
            plim_origin origin;
            assert_int_equal(plim_origin_of(wrong[k], &origin), PLIM_ERR_STALE);
            assert_int_equal(panic_count, 0);
        }
        expect_sound();
        plim_free(block);
        plim_free(large);
        plim_free(keeper);
        assert_int_equal(panic_count, 0);
        assert_int_equal(figures().used_bytes, 0);
        expect_sound();
        end();
    }
}

/* No state is so near another that a bit makes the one of the other: it is told, at each level. */
static void a_spoiled_state_is_seen(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 100, 20000, 40000};
    for (plim_verify level = PLIM_VERIFY_STANDARD; level <= PLIM_VERIFY_REDUNDANT; level++)
        for (unsigned i = 0; i < 2 * sizeof SIZES / sizeof *SIZES; i++) {
            watch_every = i % 2 == 0 ? 1 : 1000;
            begin(level);
            void *block = plim_alloc_in(domain, SIZES[i / 2]);
            assert_non_null(block);
            uint8_t *place = plim__state_of(&manager->space, block);
            uint8_t was = *place;
            for (unsigned bit = 0; bit < 8; bit++) {
                plim_domain_stats before = figures();
                *place = (uint8_t)(was ^ 1u << bit);
                plim_free(block);
                assert_ptr_equal(panic_address, block);
                expect_told("V2", &before);
                assert_null(plim_resize(block, SIZES[i / 2] + 1));
                expect_told("V2", &before);
                *place = was;
            }
            plim_free(block);
            assert_int_equal(panic_count, 0);
            expect_sound();
            end();
        }
    watch_every = 1;
}

/* A block in a bin or a slab whose state says that it is live is never given out at full. */
static void a_live_block_is_not_given_out_again(void **state)
{
    (void)state;
    watch_every = 1000;
    begin(PLIM_VERIFY_FULL);
    void *keeper = plim_alloc_in(domain, 100);
    void *block = plim_alloc_in(domain, 100);
    assert_true(keeper != NULL && block != NULL);
    plim_free(block);
    uint8_t *place = plim__state_of(&manager->space, block);
    assert_int_equal(*place, storage_bytes > 1 << 20 ? PLIM__STATE_GONE : *place);
    uint8_t was = *place;
    *place = PLIM__STATE_LIVE;
    plim_domain_stats before = figures();
    assert_null(plim_alloc_in(domain, 100));
    expect_told("P4", &before);
    *place = was;
    assert_ptr_equal(plim_alloc_in(domain, 100), block);
    plim_free(block);
    plim_free(keeper);
    watch_every = 1;
    end();
}

/* Of so many blocks one has a guard, poison, its bytes and its place; the others have not. */
static void at_full_one_block_in_so_many_is_watched(void **state)
{
    (void)state;
    enum { EVERY = 7, BLOCKS = 70 };
    if (storage_bytes <= 1 << 20)
        return; /* without caches the count is the manager's, and resizes take part in it */
    for (unsigned set = 0; set < 2; set++) {
        watch_every = set == 0 ? EVERY : 0;
        begin(PLIM_VERIFY_FULL);
        /* By itself, the 31st, the 62nd after it, the 124th, the 248th, each 509th. */
        unsigned takes = set == 0 ? BLOCKS * EVERY : 31 + 62 + 124 + 248 + (BLOCKS - 4) * 509;
        unsigned watched = 0, known = 0;
        char *gone = NULL;
        plim_free(plim_alloc_in(domain, 90)); /* there is a cache from here on */
        for (unsigned i = 0; i < takes; i++) {
            char *block = plim_alloc_in(domain, 90);
            assert_non_null(block);
            plim_origin origin;
            assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
            known += origin.requested_bytes == 90 && origin.site[0] != '\0';
            char was = block[90];
            block[90] ^= 1; /* in what is its own even if it is not watched */
            plim_free(block);
            if (panic_count == 0)
                continue;
            assert_string_equal(panic_name, "V1");
            watched++;
            panic_count = 0;
            block[90] = was;
            plim_free(block);
            assert_int_equal(panic_count, 0);
            gone = block;
        }
        assert_int_equal(watched, BLOCKS);
        assert_int_equal(known, BLOCKS);
        /* The last of them, written to late, is told when the class that has room for the guard is
           asked for a block; unless that one is watched, too, and so of another class. */
        assert_non_null(gone);
        gone[3] ^= 1;
        for (unsigned i = 0; i < 3 && panic_count == 0; i++)
            plim_free(plim_alloc_in(domain, 100));
        assert_string_equal(panic_name, "V3");
        assert_ptr_equal(panic_address, gone);
        panic_count = 0;
        assert_true(figures().requested_bytes == UINT64_MAX);
        assert_int_equal(figures().used_bytes, 0);
        expect_sound();
        end();
    }
    watch_every = 1;
}

/* Takes blocks until one is watched; the others stay where they are. */
static char *take_watched(size_t bytes)
{
    plim_origin origin = {0};
    for (unsigned i = 0; i < 16; i++) {
        char *block = plim_alloc_in(domain, bytes);
        assert_non_null(block);
        assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
        if (origin.requested_bytes == bytes)
            return block;
    }
    fail();
    return NULL;
}

/* Where one block of many is watched its mark stands behind it and nowhere else: each bit of that
   is looked at as what lies behind a block, and there are no marks beside it that cost memory. */
static void the_mark_of_one_in_many_stands_behind_it(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 90, 1000, 9000};
    watch_every = 3;
    begin(PLIM_VERIFY_FULL);
    bool is_sampled = storage_bytes > 1 << 20;
    for (unsigned i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        char *block = take_watched(SIZES[i]);
        unsigned code = plim__class_of(SIZES[i] + PLIM__GUARD_MIN);
        char *end = block + plim__class_bytes[code];
        for (unsigned bit = 0; bit < 64; bit++) {
            plim_domain_stats before = figures();
            end[-1 - (int)(bit / 8)] ^= (char)(1u << bit % 8);
            plim_free(block);
            expect_told("V1", &before);
            assert_null(plim_resize(block, SIZES[i]));
            expect_told("V1", &before);
            end[-1 - (int)(bit / 8)] ^= (char)(1u << bit % 8);
        }
        assert_ptr_equal(plim_resize(block, SIZES[i]), block);
        plim_origin origin;
        assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
        assert_int_equal(origin.requested_bytes, SIZES[i]);
        assert_true(origin.site[0] != '\0');
        plim_free(block);
        assert_int_equal(panic_count, 0);
    }
    if (is_sampled)
        assert_int_equal(manager->space.page_marks, PLIM__ROW_WORDS);
    watch_every = 1;
    end();
}

/* What comes out of the slabs is looked at, too, when a cache is filled. */
static void a_live_block_is_not_filled_into_a_cache(void **state)
{
    (void)state;
    watch_every = 1000;
    for (plim_verify level = PLIM_VERIFY_STANDARD; level <= PLIM_VERIFY_FULL; level++) {
        begin(level);
        void *keeper = plim_alloc_in(domain, 100);
        void *block = plim_alloc_in(domain, 100);
        assert_true(keeper != NULL && block != NULL);
        plim_free(block);
        (void)plim_manager_trim(manager); /* from the cache to the slab */
        uint8_t *place = plim__state_of(&manager->space, block);
        assert_int_equal(*place, storage_bytes > 1 << 20 ? PLIM__STATE_GONE : *place);
        uint8_t was = *place;
        static const uint8_t SPOILED[] = {PLIM__STATE_LIVE, PLIM__STATE_GONE ^ 0x40};
        for (unsigned i = 0; i < 2; i++) {
            *place = SPOILED[i];
            plim_domain_stats before = figures();
            assert_null(plim_alloc_in(domain, 100));
            assert_int_equal(panic_count, 1);
            assert_ptr_equal(panic_address, block);
            assert_string_equal(panic_name, i == 0 ? "P4" : "V2");
            assert_int_equal(figures().used_bytes, before.used_bytes);
            panic_count = 0;
            *place = was;
            (void)plim_manager_trim(manager);
        }
        assert_ptr_equal(plim_alloc_in(domain, 100), block);
        plim_free(block);
        plim_free(keeper);
        assert_int_equal(panic_count, 0);
        expect_sound();
        end();
    }
    watch_every = 1;
}

/* A bin that is full is emptied on the swift way: all states say so, and all sums hold. */
static void what_overflows_a_cache_is_given_back(void **state)
{
    (void)state;
    enum { BLOCKS = 900 };
    static void *blocks[BLOCKS];
    for (unsigned i = 0; i < 3; i++) {
        watch_every = i == 2 ? 1 : 5;
        begin(i == 0 ? PLIM_VERIFY_STANDARD : PLIM_VERIFY_FULL);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned k = 0; k < BLOCKS; k++)
                assert_non_null(blocks[k] = plim_alloc_in(domain, 40));
            for (unsigned k = 0; k < BLOCKS; k++)
                plim_free(blocks[(k * 7 + round) % BLOCKS]);
            for (unsigned k = 0; k < BLOCKS; k++) {
                plim_free(blocks[k]);
                assert_int_equal(panic_count, 1);
                assert_string_equal(panic_name, "P5");
                panic_count = 0;
            }
        }
        assert_int_equal(figures().used_bytes, 0);
        assert_int_equal(figures().allocation_count, 0);
        expect_sound();
        end();
    }
    watch_every = 1;
}

static void a_watch_beyond_all_counting_is_refused(void **state)
{
    (void)state;
    plim_manager_options options = {.struct_bytes = sizeof options, .watch_every = 1u << 25};
    plim_error err = {0};
    assert_int_equal(plim_manager_create(&options, &manager, &err), PLIM_ERR_USAGE);
}

/* Where a large block was, others may come to be, and nothing of its marks is left. */
static void a_large_block_leaves_no_mark(void **state)
{
    (void)state;
    for (plim_verify level = PLIM_VERIFY_STANDARD; level <= PLIM_VERIFY_REDUNDANT; level++) {
        begin(level);
        char *large = plim_alloc_in(domain, 40000);
        assert_non_null(large);
        bool has_marks = level >= PLIM_VERIFY_FULL;
        const uint8_t *states = plim__state_of(&manager->space, large);
        const uint32_t *marks = has_marks ? plim__mark_of(&manager->space, large) : NULL;
        assert_int_equal(states[0], has_marks ? PLIM__STATE_WATCHED : PLIM__STATE_LIVE);
        assert_true(!has_marks || plim__mark_is_live(marks[0]));
        plim_free(large);
        for (unsigned i = 0; i < 16; i++)
            assert_true(states[i] == PLIM__STATE_NONE &&
                        (!has_marks || marks[i] == PLIM__MARK_NONE));
        end();
    }
}

/* More sites than most programs have: each block's is its own, or unknown, never another's. */
static void sites_are_kept_or_unknown_never_anothers(void **state)
{
    (void)state;
    enum { SITES = 3000 };
    static char sites[SITES * 7]; /* addresses with nothing in common but that they are near */
    unsigned known = 0;
    begin(PLIM_VERIFY_FULL);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < SITES; i++) {
            void *block = plim__alloc_in(domain, 20, sites + (size_t)i * 7);
            plim_origin origin;
            assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
            known += origin.site == sites + (size_t)i * 7;
            assert_true(origin.site == sites + (size_t)i * 7 || origin.site[0] == '\0');
            plim_free(block);
        }
    assert_in_range(known, SITES * 2 - 20, SITES * 2);
    end();
}

/* At standard and full most operations go the swift way; so that this file tests it at all. */
static void the_swift_way_is_taken_where_there_are_caches(void **state)
{
    (void)state;
    for (plim_verify level = PLIM_VERIFY_STANDARD; level <= PLIM_VERIFY_REDUNDANT; level++) {
        begin(level);
        plim_free(plim_alloc_in(domain, 100));
        const plim__cache *cache = plim__thread_self->own[plim__domain_of(domain)->slot];
        bool has_caches = storage_bytes > 1 << 20 && level < PLIM_VERIFY_REDUNDANT;
        assert_int_equal(cache != NULL, has_caches);
        ptrdiff_t told = slot->ghost.requested_bytes;
        void *block = plim_alloc_in(domain, 100);
        assert_non_null(block);
        block = plim_resize(block, 99);
        if (level == PLIM_VERIFY_STANDARD) {
            assert_true(figures().requested_bytes == UINT64_MAX);
            unsigned code = plim__class_of(100);
            uint32_t kept = has_caches ? plim__cache_count(cache, code) : 0;
            plim_free(block);
            assert_int_equal(has_caches ? plim__cache_count(cache, code) - kept : 1, 1);
            end();
            continue;
        }
        assert_int_equal(slot->ghost.requested_bytes - told, has_caches ? 0 : 99);
        assert_int_equal(figures().requested_bytes, 99);
        plim_free(block);
        assert_int_equal(slot->ghost.requested_bytes, told);
        assert_int_equal(figures().requested_bytes, 0);
        assert_int_equal(figures().requested_high_water_bytes, 100);
        end();
    }
}

static void what_was_asked_is_kept_exactly(void **state)
{
    (void)state;
    for (plim_verify level = PLIM_VERIFY_FULL; level <= PLIM_VERIFY_REDUNDANT; level++) {
        begin(level);
        assert_int_equal(figures().requested_bytes, 0);
        char *block = plim_alloc_in(domain, 100);
        unsigned line = __LINE__ - 1;
        char *large = plim_alloc_in(domain, 40001);
        assert_int_equal(figures().requested_bytes, 40101);
        plim_origin origin;
        assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
        assert_int_equal(origin.requested_bytes, 100);
        assert_non_null(strstr(origin.site, "test_checked.c:"));
        char number[16];
        (void)snprintf(number, sizeof number, ":%u", line);
        assert_non_null(strstr(origin.site, number));
        large = plim_resize(large, 45000);
        assert_non_null(large);
        assert_int_equal(figures().requested_bytes, 45100);
        plim_free(large);
        block = plim_resize(block, 101);
        assert_int_equal(figures().requested_bytes, 101);
        plim_free(block);
        assert_int_equal(figures().requested_bytes, 0);
        /* It may have moved, and then the old and the new one were there at once. */
        assert_in_range(figures().requested_high_water_bytes, 45100, 45100 + 40001);
        assert_int_equal(plim_domain_high_water_reset(domain, NULL), PLIM_OK);
        assert_int_equal(figures().requested_high_water_bytes, 0);
        expect_sound();
        end();
    }
    for (plim_verify level = PLIM_VERIFY_MINIMAL; level <= PLIM_VERIFY_STANDARD; level++) {
        begin(level);
        assert_true(figures().requested_bytes == UINT64_MAX);
        end();
    }
}

/* --- full: each word that can be spoiled ----------------------------------------------------- */

static void a_byte_behind_a_block_is_seen(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 24, 100, 1000, 5000, 32760, 40000};
    for (unsigned i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        begin(PLIM_VERIFY_FULL);
        unsigned char *block = plim_alloc_in(domain, SIZES[i]);
        assert_non_null(block);
        memset(block, 0x11, SIZES[i]);
        for (size_t k = 0; k < PLIM__GUARD_MIN; k++) {
            unsigned char *behind = block + SIZES[i] + k;
            unsigned char was = *behind;
            *behind ^= 0x40;
            plim_domain_stats before = figures();
            plim_free(block);
            assert_ptr_equal(panic_address, block);
            expect_told("V1", &before);
            assert_null(plim_resize(block, SIZES[i] + 1));
            expect_told("V1", &before);
            *behind = was;
        }
        plim_free(block);
        assert_int_equal(panic_count, 0);
        end();
    }
}

static void a_write_after_the_release_is_seen_and_mended(void **state)
{
    (void)state;
    begin(PLIM_VERIFY_FULL);
    char *keeper = plim_alloc_in(domain, 200);
    for (size_t at = 0; at < 200; at += 13) {
        char *block = plim_alloc_in(domain, 200);
        assert_true(block != NULL && keeper != NULL);
        plim_free(block);
        static const unsigned char POISON[] = {0xde, 0xad, 0xbe, 0xef};
        assert_int_equal((unsigned char)block[at], POISON[at % 4]);
        block[at] ^= 1;
        plim_domain_stats before = figures();
        assert_null(plim_alloc_in(domain, 200));
        assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_CHECK);
        assert_ptr_equal(panic_address, block);
        expect_told("V3", &before);
        block = plim_alloc_in(domain, 200);
        assert_non_null(block);
        plim_free(block);
    }
    plim_free(keeper);
    assert_int_equal(panic_count, 0);
    expect_sound();
    end();
}

/* Of larger blocks the head each time, the rest each so many times; at redundant always. */
static void a_write_far_inside_a_released_block_is_seen_in_samples(void **state)
{
    (void)state;
    for (plim_verify level = PLIM_VERIFY_FULL; level <= PLIM_VERIFY_REDUNDANT; level++) {
        begin(level);
        char *keeper = plim_alloc_in(domain, 2000);
        unsigned tries = 0, seen = 0;
        for (; tries < 2 * PLIM__POISON_EVERY; tries++) {
            char *block = plim_alloc_in(domain, 2000);
            assert_true(block != NULL && keeper != NULL);
            plim_free(block);
            block[1500] ^= 1;
            void *taken = plim_alloc_in(domain, 2000);
            seen += taken == NULL;
            assert_int_equal(panic_count, seen);
            block[1500] ^= taken == NULL ? 0 : 1;
            plim_free(taken);
        }
        bool has_caches = storage_bytes > 1 << 20 && level == PLIM_VERIFY_FULL;
        assert_in_range(seen, has_caches ? 1 : tries, tries);
        plim_free(keeper);
        end();
    }
}

static void a_spoiled_mark_is_seen(void **state)
{
    (void)state;
    begin(PLIM_VERIFY_FULL);
    static const size_t SIZES[] = {1, 100, 1000, 20000, 40000};
    for (unsigned i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        void *block = plim_alloc_in(domain, SIZES[i]);
        uint32_t *mark = plim__mark_of(&manager->space, block);
        unsigned words = SIZES[i] > 32767 ? PLIM__ROW_WORDS : 1;
        for (size_t bit = 0; bit < words * 32; bit++) {
            uint32_t *word = &mark[bit / 32];
            uint32_t was = *word;
            plim_domain_stats before = figures();
            *word ^= UINT32_C(1) << bit % 32;
            plim_free(block);
            expect_told("V2", &before);
            *word = was;
        }
        uint32_t was = *mark;
        for (unsigned kept = 0; kept < 2; kept++) {
            plim_domain_stats before = figures();
            *mark = kept != 0 ? plim__mark_resized(was, 0) : PLIM__MARK_NONE;
            plim_free(block);
            expect_told("V2", &before); /* its state says that there must be one */
        }
        *mark = was;
        plim_free(block);
        assert_int_equal(panic_count, 0);
    }
    end();
}

/* A word of the tables, spoiled by an unseen hand; the next operation must say which invariant. */
typedef struct spoiled {
    const char *name;
    void *word;
    size_t bytes;
    const char *invariants; /* any of these names it rightly */
} spoiled;

static void spoil(const spoiled *word)
{
    unsigned char was[8];
    plim_domain_stats before = figures();
    memcpy(was, word->word, word->bytes);
    ((unsigned char *)word->word)[0] ^= 0x10;
    void *block = plim_alloc_in(domain, 100);
    plim_refusal_reason reason = plim_refusal_last().reason;
    plim_error err = {0};
    plim_status status = plim_manager_verify(manager, &err);
    memcpy(word->word, was, word->bytes);
    if (panic_count != 1 || strstr(word->invariants, panic_name) == NULL || block != NULL ||
        status != PLIM_ERR_INTERNAL)
        fail_msg("%s: %u panics, \"%s\", verify: %s", word->name, panic_count, panic_name,
                 err.what);
    assert_int_equal(reason, PLIM_REFUSAL_CHECK);
    expect_told(panic_name, &before);
    expect_sound();
}

static void a_spoiled_word_of_the_state_is_named_before_anything_changes(void **state)
{
    (void)state;
    begin(PLIM_VERIFY_REDUNDANT);
    void *block = plim_alloc_in(domain, 100);
    void *large = plim_alloc_in(domain, 50000);
    void *other = plim_alloc_in(domain, 24);
    void *back = plim_alloc_in(domain, 100);
    assert_true(block != NULL && large != NULL && other != NULL && back != NULL);
    plim_free(back);
    plim__space *space = &manager->space;
    plim__budget *budget = &plim__domain_of(domain)->budget;
    uint32_t page = plim__space_slab(space, plim__space_page(space, block));
    uint32_t large_page = plim__space_page(space, large);
    unsigned code = plim__info_code(space->info[page]);
    plim__run *run = &space->runs[page];
    const spoiled WORDS[] = {
        {"budget: avail", &budget->avail, sizeof(size_t), "B1"},
        {"budget: charged", &budget->charged, sizeof(size_t), "B1 B2 B7"},
        {"budget: configured", &budget->configured, sizeof(size_t), "L2 B3"},
        {"budget: net", &budget->net, sizeof(size_t), "L2"},
        {"total: avail", &manager->bank.total.avail, sizeof(size_t), "B3"},
        {"total: configured", &manager->bank.total.configured, sizeof(size_t), "B3"},
        {"ledger", &plim__bank_share(&manager->bank, 0, 1)->out, sizeof(size_t), "L2"},
        {"ghost: charged", &slot->ghost.charged_bytes, sizeof(size_t), "V4"},
        {"ghost: its copy", &slot->ghost.charged_inverse, sizeof(size_t), "V4"},
        {"ghost: blocks", &slot->ghost.block_count, sizeof(size_t), "V4"},
        {"sums: charged", &slot->central->charged_bytes, sizeof(size_t), "V4 B2"},
        {"sums: blocks", &slot->central->block_count, sizeof(size_t), "V4 B2"},
        {"sums: slabs", &slot->central->slab_bytes, sizeof(size_t), "B2"},
        {"sums: large", &slot->central->large_bytes, sizeof(size_t), "B2"},
        {"list of slabs", &slot->central->rooms[code], 4, "P3"},
        {"slab: pages", &run->pages, 4, "S1 S2 S3"},
        {"slab: first page", &space->backs[page], 1, "S1"},
        {"slab: free blocks", &run->free_count, 2, "P1 P2"},
        {"slab: hint", &run->hint, 1, "P2"},
        {"slab: blocks", &run->block_count, 2, "P1"},
        {"slab: previous", &run->prev, 4, "P3"},
        {"slab: bits", &space->bits[(size_t)page * PLIM__PAGE_WORDS], 4, "P2"},
        {"slab: listed", &run->is_listed, 1, "P3"},
        {"large: pages", &space->runs[large_page].pages, 4, "S1 P9"},
        {"page of a slab", &space->info[page], 2, "S1 P1 P9 P4"},
        {"page inside a large block", &space->info[large_page + 1], 2, "P9"},
        {"flags of a page", &space->flags[page], 1, "S5"},
        {"held pages", &space->held_pages, sizeof(size_t), "S5"},
        {"free held pages", &space->free_held_pages, sizeof(size_t), "S5"},
        {"bits of the bins", &space->bitmap[2], 4, "S4"},
    };
    /* The flag of a page is its bit 0 alone. */
    for (unsigned i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (strcmp(WORDS[i].name, "flags of a page") != 0 &&
            strcmp(WORDS[i].name, "slab: listed") != 0)
            spoil(&WORDS[i]);
    plim_free(block);
    plim_free(large);
    plim_free(other);
    assert_int_equal(panic_count, 0);
    assert_int_equal(figures().used_bytes, 0);
    end();
}

/* A page that is a slab of its own, on no list: nothing else says what its word should be. */
static void a_bit_without_meaning_in_a_pages_word_is_told(void **state)
{
    (void)state;
    begin(PLIM_VERIFY_MINIMAL);
    void *block = plim_alloc_in(domain, 4096);
    assert_non_null(block);
    uint16_t *info = &manager->space.info[plim__space_page(&manager->space, block)];
    for (unsigned bit = 0; bit < PLIM__INFO_CODE_SHIFT; bit++) {
        plim_error err = {0};
        *info ^= (uint16_t)(1u << bit);
        assert_int_equal(plim_manager_verify(manager, &err), PLIM_ERR_INTERNAL);
        *info ^= (uint16_t)(1u << bit);
        assert_int_equal(plim_manager_verify(manager, &err), PLIM_OK);
    }
    plim_free(block);
    end();
}

/* At full, the sums around each operation at once, the whole state within so many operations. */
static void at_full_samples_find_it_in_time(void **state)
{
    (void)state;
    begin(PLIM_VERIFY_FULL);
    void *large = plim_alloc_in(domain, 50000);
    assert_non_null(large);
    uint16_t *info = &manager->space.info[plim__space_page(&manager->space, large) + 1];
    *info ^= 0x100;
    unsigned operations = 0;
    /* The first operations open a few pages more. */
    unsigned most = PLIM__SAMPLE_EVERY + (manager->space.touched + 8) * PLIM__SAMPLE_PER_PAGE;
    while (panic_count == 0 && operations <= 2 * most) {
        void *block = plim_alloc_in(domain, 64);
        plim_free(block);
        operations += 2;
    }
    assert_int_equal(panic_count, 1);
    assert_in_range(operations, 1, most + 2);
    assert_string_equal(panic_name, "P9");
    *info ^= 0x100;
    expect_sound();
    end();
}

/* --- random work against a naive twin ------------------------------------------------------- */

typedef struct twin {
    unsigned char *block;
    size_t bytes;
    unsigned char fill;
} twin;

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

static void twin_check(const twin *mine)
{
    for (size_t i = 0; i < mine->bytes; i++)
        assert_int_equal(mine->block[i], mine->fill);
}

static size_t draw_size(void)
{
    return 1 + (draw(20) == 0 ? draw(20000) : draw(4) == 0 ? draw(2000) : draw(200));
}

static void work(unsigned steps)
{
    static twin twins[LIVE_MAX];
    memset(twins, 0, sizeof twins);
    size_t live_bytes = 0, live_count = 0;
    for (unsigned step = 0; step < steps; step++) {
        twin *mine = &twins[draw(LIVE_MAX)];
        size_t bytes = draw_size();
        unsigned char *block;
        if (mine->block == NULL) {
            block = plim_alloc_in(domain, bytes);
            live_count += block != NULL;
        } else if (draw(3) == 0) {
            twin_check(mine);
            live_bytes -= mine->bytes;
            block = plim_resize(mine->block, bytes);
            for (size_t i = 0; block != NULL && i < bytes && i < mine->bytes; i++)
                assert_int_equal(block[i], mine->fill);
            live_bytes += block == NULL ? mine->bytes : 0;
        } else {
            twin_check(mine);
            plim_free(mine->block);
            live_bytes -= mine->bytes;
            live_count--;
            *mine = (twin){0};
            continue;
        }
        if (block == NULL) {
            assert_true(plim_refusal_last().reason == PLIM_REFUSAL_BUDGET ||
                        plim_refusal_last().reason == PLIM_REFUSAL_PAGES);
            continue;
        }
        *mine = (twin){block, bytes, (unsigned char)step};
        memset(block, mine->fill, bytes);
        live_bytes += bytes;
        plim_domain_stats stats = figures();
        if (plim__is_exact(manager))
            assert_int_equal(stats.requested_bytes, live_bytes);
        assert_int_equal(stats.allocation_count, live_count);
    }
    for (unsigned i = 0; i < LIVE_MAX; i++)
        plim_free(twins[i].block);
}

static void random_work_is_sound_at_every_level(void **state)
{
    (void)state;
    static const struct {
        plim_verify level;
        uint32_t watch_every;
    } WAYS[] = {{PLIM_VERIFY_STANDARD, 1},
                {PLIM_VERIFY_FULL, 1},
                {PLIM_VERIFY_FULL, 3},
                {PLIM_VERIFY_FULL, 100},
                {PLIM_VERIFY_REDUNDANT, 1}};
    for (unsigned i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        plim_verify level = WAYS[i].level;
        seed = UINT64_C(0x5eed0000) + i;
        print_message("level %d, seed %llx\n", (int)level, (unsigned long long)seed);
        watch_every = WAYS[i].watch_every;
        begin(level);
        work(level == PLIM_VERIFY_REDUNDANT ? STEPS_REDUNDANT : STEPS);
        assert_int_equal(panic_count, 0);
        assert_int_equal(figures().used_bytes, 0);
        if (plim__is_exact(manager))
            assert_int_equal(figures().requested_bytes, 0);
        expect_sound();
        end();
    }
    watch_every = 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_live_block_cannot_be_given_back),
        cmocka_unit_test(a_spoiled_state_is_seen),
        cmocka_unit_test(a_live_block_is_not_given_out_again),
        cmocka_unit_test(at_full_one_block_in_so_many_is_watched),
        cmocka_unit_test(the_mark_of_one_in_many_stands_behind_it),
        cmocka_unit_test(a_live_block_is_not_filled_into_a_cache),
        cmocka_unit_test(what_overflows_a_cache_is_given_back),
        cmocka_unit_test(a_watch_beyond_all_counting_is_refused),
        cmocka_unit_test(sites_are_kept_or_unknown_never_anothers),
        cmocka_unit_test(a_large_block_leaves_no_mark),
        cmocka_unit_test(the_swift_way_is_taken_where_there_are_caches),
        cmocka_unit_test(what_was_asked_is_kept_exactly),
        cmocka_unit_test(a_byte_behind_a_block_is_seen),
        cmocka_unit_test(a_write_after_the_release_is_seen_and_mended),
        cmocka_unit_test(a_write_far_inside_a_released_block_is_seen_in_samples),
        cmocka_unit_test(a_spoiled_mark_is_seen),
        cmocka_unit_test(a_spoiled_word_of_the_state_is_named_before_anything_changes),
        cmocka_unit_test(a_bit_without_meaning_in_a_pages_word_is_told),
        cmocka_unit_test(at_full_samples_find_it_in_time),
        cmocka_unit_test(random_work_is_sound_at_every_level),
    };
    static const size_t STORAGES[] = {256 << 10, sizeof storage};
    int failed = 0;
    watch_every = 1;
    for (unsigned i = 0; i < sizeof STORAGES / sizeof *STORAGES; i++) {
        storage_bytes = STORAGES[i];
        print_message("storage of %zu KiB\n", storage_bytes >> 10);
        failed |= cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}

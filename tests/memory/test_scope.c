/* SPDX-License-Identifier: MIT */
/* Scopes and static blocks. Method: each case in a manager of its own, made the default by name of
   a domain; what a domain is charged is read before, inside and after. */
#include <plimsoll/collections.h>
#include <plimsoll/memory.h>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/user/scope.h"

PLIM_DOMAIN("scopes");
PLIM_BLOCK(scratch, 4096);
PLIM_VECTOR(numbers, int);

typedef struct world {
    plim_manager *manager;
    plim_domain net, disk;
} world;

static plim_domain domain_make(plim_manager *manager, const char *name, size_t limit)
{
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = limit};
    plim_domain domain;
    assert_int_equal(plim_domain_create(manager, name, &options, &domain, NULL), PLIM_OK);
    return domain;
}

static plim_verify level = PLIM_VERIFY_MINIMAL; /* the program's argument */

static int world_make(void **state)
{
    static world one;
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .total_bytes = 1 << 20,
                                    .verify = level,
                                    .watch_every = 1}; /* or now and then a block is larger */
    if (plim_manager_create(&options, &one.manager, NULL) != PLIM_OK)
        return -1;
    one.net = domain_make(one.manager, "net", 64 << 10);
    one.disk = domain_make(one.manager, "disk", 32 << 10);
    *state = &one;
    return 0;
}

static int world_end(void **state)
{
    world *w = *state;
    plim_manager_destroy(&w->manager);
    return 0;
}

static plim_domain_stats stats_of(plim_domain domain)
{
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return stats;
}

static uint64_t used(plim_domain domain)
{
    return stats_of(domain).used_bytes;
}

/* What a block of that size is charged; guard bytes are part of it at level full. */
static uint64_t charge(plim_domain domain, size_t bytes)
{
    void *block = plim_alloc_in(domain, bytes);
    assert_non_null(block);
    uint64_t charged = used(domain);
    plim_free(block);
    assert_int_equal(used(domain), 0);
    return charged;
}

static void a_scope_is_charged_once_at_entry_and_gives_all_back(void **state)
{
    world *w = *state;
    uint64_t whole = charge(w->net, 4096);
    bool is_entered = false;
    PLIM_WITH (w->net, 4096, m) {
        is_entered = true;
        assert_int_equal(used(w->net), whole);
        char *a = plim_scope_alloc(m, 1000), *b = plim_scope_alloc(m, 3000);
        assert_true(a != NULL && b != NULL && b >= a + 1000);
        assert_int_equal((uintptr_t)b % 16, 0);
        memset(a, 1, 1000);
        memset(b, 2, 3000);
        assert_int_equal(a[999], 1);
        assert_int_equal(used(w->net), whole);
        assert_int_equal(stats_of(w->net).allocation_count, 1);
    }
    assert_true(is_entered);
    assert_int_equal(used(w->net), 0);
}

static void all_of_a_scope_can_be_used_and_not_a_byte_more(void **state)
{
    world *w = *state;
    PLIM_WITH (w->net, 100, m) {
        assert_non_null(plim_scope_alloc(m, 100));
        assert_null(plim_scope_alloc(m, 1));
        plim_refusal refusal = plim_refusal_last();
        assert_int_equal(refusal.reason, PLIM_REFUSAL_SCOPE);
        assert_int_equal(refusal.domain.id, w->net.id);
        assert_non_null(strstr(refusal.site, "test_scope.c:"));
        assert_null(plim_scope_alloc(m, SIZE_MAX));
        assert_null(plim_scope_alloc(m, 0));
    }
    assert_int_equal(used(w->net), 0);
}

static plim_status leave_by_return(plim_domain domain)
{
    PLIM_WITH (domain, 4096, m) {
        if (plim_scope_alloc(m, 10) != NULL)
            return PLIM_OK;
    }
    return PLIM_ERR_INTERNAL;
}

static void every_way_out_gives_back(void **state)
{
    world *w = *state;
    assert_int_equal(leave_by_return(w->net), PLIM_OK);
    assert_int_equal(used(w->net), 0);
    int passes = 0;
    for (; passes < 3; passes++) {
        PLIM_WITH (w->net, 4096, m) {
            if (plim_scope_alloc(m, 10) != NULL)
                break; /* out of the scope, not of the loop */
            fail();
        }
        assert_int_equal(used(w->net), 0);
    }
    assert_int_equal(passes, 3);
    PLIM_WITH (w->net, 4096, m) {
        if (plim_scope_alloc(m, 10) != NULL)
            continue;
        fail();
    }
    assert_int_equal(used(w->net), 0);
    PLIM_WITH (w->net, 4096, outer) {
        PLIM_WITH (w->disk, 4096, inner) {
            if (plim_scope_alloc(outer, 10) != NULL && plim_scope_alloc(inner, 10) != NULL)
                goto out;
        }
    }
    fail();
out:
    assert_int_equal(used(w->net) + used(w->disk), 0);
}

static void a_refused_scope_is_not_entered_and_says_why(void **state)
{
    world *w = *state;
    plim_status status = PLIM_OK;
    PLIM_WITH (w->net, 65 << 10, m) {
        fail();
    } else {
        status = m->status;
        assert_null(plim_scope_alloc(m, 1));
    }
    assert_int_equal(status, PLIM_ERR_BUDGET);
    PLIM_WITH (w->net, 65 << 10, m) {
        fail(); /* without an else */
    }
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
    assert_int_equal(plim_refusal_last().requested_bytes, 65 << 10);
    plim_domain stale = {w->net.id + 256};
    PLIM_WITH (stale, 1, m) {
        fail();
    } else
        status = m->status;
    assert_int_equal(status, PLIM_ERR_STALE);
    PLIM_WITH (w->net, 0, m) {
        fail();
    } else
        status = m->status;
    assert_int_equal(status, PLIM_ERR_USAGE);
    assert_int_equal(used(w->net), 0);
    assert_int_equal(stats_of(w->net).refusal_count, 3);
}

static void a_scope_in_a_scope_of_its_domain_counts_against_it(void **state)
{
    world *w = *state;
    uint64_t whole = charge(w->net, 8192);
    plim_status status = PLIM_OK;
    PLIM_WITH (w->net, 8192, outer) {
        char *before = plim_scope_alloc(outer, 1024), *inside = NULL;
        PLIM_WITH (w->net, 4096, inner) {
            assert_int_equal(used(w->net), whole); /* charged once */
            inside = plim_scope_alloc(inner, 4096);
            assert_non_null(inside);
            assert_null(plim_scope_alloc(inner, 1));
            assert_null(plim_scope_alloc(outer, 3073)); /* the inner one's bytes are out */
        }
        assert_int_equal(used(w->net), whole);
        PLIM_WITH (w->net, 7169, inner) {
            fail(); /* 7,168 are left of the outer's promise, 56 KiB of the domain's budget */
        } else
            status = inner->status;
        assert_int_equal(status, PLIM_ERR_LIMIT);
        char *after = plim_scope_alloc(outer, 7168);
        assert_ptr_equal(after, inside); /* rolled back to the mark */
        assert_ptr_equal(after, before + 1024);
    }
    assert_int_equal(used(w->net), 0);
}

static void a_scope_in_one_of_another_domain_is_charged_on_its_own(void **state)
{
    world *w = *state;
    uint64_t of_net = charge(w->net, 4096), of_disk = charge(w->disk, 8192);
    PLIM_WITH (w->net, 4096, a) {
        PLIM_WITH (w->disk, 8192, b) {
            assert_int_equal(used(w->net), of_net);
            assert_int_equal(used(w->disk), of_disk);
            PLIM_WITH (w->net, 2048, c) {
                assert_int_equal(used(w->net), of_net);
                assert_non_null(plim_scope_alloc(c, 2048));
            }
            assert_non_null(plim_scope_alloc(b, 8192));
        }
        assert_int_equal(used(w->disk), 0);
        assert_non_null(plim_scope_alloc(a, 4096));
    }
    assert_int_equal(used(w->net), 0);
}

static void what_the_outer_cut_behind_the_inner_stays(void **state)
{
    world *w = *state;
    PLIM_WITH (w->net, 4096, outer) {
        char *kept = NULL;
        PLIM_WITH (w->net, 1024, inner) {
            assert_non_null(plim_scope_alloc(inner, 1024));
            kept = plim_scope_alloc(outer, 16);
            memcpy(kept, "kept", 5);
        }
        char *more = plim_scope_alloc(outer, 16);
        assert_true(more > kept);
        assert_string_equal(kept, "kept");
    }
    assert_int_equal(used(w->net), 0);
}

static unsigned depth_reached(plim_domain domain, size_t bytes, unsigned depth)
{
    unsigned reached = depth;
    PLIM_WITH (domain, bytes, m) {
        reached = depth_reached(domain, bytes - 16, depth + 1);
    }
    return reached;
}

static void sixteen_scopes_are_open_in_a_thread_at_most(void **state)
{
    world *w = *state;
    assert_int_equal(depth_reached(w->net, 4096, 0), 16);
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_SCOPE);
    assert_int_equal(used(w->net), 0);
}

static void a_request_for_the_scope_is_served_by_the_innermost(void **state)
{
    world *w = *state;
    plim_request request = {.size_bytes = 64, .lifetime = PLIM_LIFETIME_SCOPE, .zeroed = true};
    assert_null(plim_alloc_as(&request)); /* none is open */
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_SCOPE);
    PLIM_WITH (w->net, 4096, m) {
        memset(plim_scope_alloc(m, 4096), 0xff, 4096);
    }
    PLIM_WITH (w->net, 4096, m) {
        unsigned char *piece = plim_alloc_as(&request);
        assert_non_null(piece);
        for (int i = 0; i < 64; i++)
            assert_int_equal(piece[i], 0);
        request.align_bytes = 256;
        assert_int_equal((uintptr_t)plim_alloc_as(&request) % 256, 0);
        request.align_bytes = 3;
        assert_null(plim_alloc_as(&request));
        request.align_bytes = 0;
        request.domain = w->net;
        request.provider = PLIM_PROVIDER_ARENA;
        request.lifetime = PLIM_LIFETIME_ANY;
        assert_non_null(plim_alloc_as(&request));
        request.domain = w->disk; /* whose the scope is not */
        assert_null(plim_alloc_as(&request));
        assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_DOMAIN);
    }
    assert_int_equal(used(w->net), 0);
}

static void collections_live_in_a_scope(void **state)
{
    world *w = *state;
    uint64_t whole = charge(w->net, 4096);
    PLIM_WITH (w->net, 4096, m) {
        numbers list;
        plim_string text;
        assert_int_equal(numbers_init_in(&list, &m->allocator, 100), PLIM_OK);
        assert_int_equal(plim_string_init_in(&text, &m->allocator, 1000), PLIM_OK);
        for (int i = 0; i < 100; i++)
            assert_int_equal(numbers_push(&list, i), PLIM_OK);
        assert_int_equal(plim_string_append(&text, "text"), PLIM_OK);
        numbers more;
        assert_int_equal(numbers_init_in(&more, &m->allocator, 1000), PLIM_ERR_NO_MEMORY);
        plim_string_fini(&text); /* the last piece goes in place */
        assert_int_equal(plim_string_init_in(&text, &m->allocator, 3600), PLIM_OK);
        assert_int_equal(used(w->net), whole);
    }
    assert_int_equal(used(w->net), 0);
}

static void the_scope_as_an_allocator_grows_and_shrinks_its_last_piece(void **state)
{
    world *w = *state;
    PLIM_WITH (w->net, 1024, m) {
        const plim_allocator *from = &m->allocator;
        char *a = from->resize(from->ctx, NULL, 0, 100);
        memset(a, 'a', 100);
        assert_ptr_equal(from->resize(from->ctx, a, 100, 1024), a);
        assert_null(from->resize(from->ctx, a, 1024, 1025));
        assert_ptr_equal(from->resize(from->ctx, a, 1024, 100), a);
        char *b = from->resize(from->ctx, NULL, 0, 100);
        char *c = from->resize(from->ctx, a, 100, 200); /* not the last: moves */
        assert_true(c > b);
        assert_int_equal(c[99], 'a');
        assert_null(from->resize(from->ctx, b, 100, 0));
    }
    assert_int_equal(used(w->net), 0);
}

static void a_scope_that_has_ended_gives_nothing(void **state)
{
    world *w = *state;
    plim_scope scope;
    (void)plim__scope_open(&scope, PLIM__HERE, w->net, 4096, NULL);
    assert_int_equal(scope.status, PLIM_OK);
    plim__scope_close(&scope);
    assert_int_equal(scope.status, PLIM_ERR_STALE);
    assert_null(plim_scope_alloc(&scope, 1));
    plim__scope_close(&scope);
    PLIM_WITH (w->net, 4096, m) {
        assert_null(plim_scope_alloc(&scope, 1)); /* same depth, another serial */
        assert_non_null(plim_scope_alloc(m, 1));
    }
    assert_int_equal(used(w->net), 0);
}

static void what_longjmp_left_open_ends_with_the_scope_around_it(void **state)
{
    world *w = *state;
    const uint64_t whole = charge(w->disk, 4096);
    static jmp_buf back;
    PLIM_WITH (w->net, 4096, m) {
        if (setjmp(back) == 0) {
            plim_scope left;
            (void)plim__scope_open(&left, PLIM__HERE, w->disk, 4096, NULL);
            longjmp(back, 1);
        }
        assert_int_equal(used(w->disk), whole);
        assert_int_equal(m->status, PLIM_OK);
    }
    assert_int_equal(used(w->net) + used(w->disk), 0);
}

static void what_longjmp_left_open_ends_where_the_next_one_stands(void **state)
{
    world *w = *state;
    const uint64_t whole = charge(w->net, 4096);
    static jmp_buf back;
    static volatile int rounds, entered;
    rounds = entered = 0;
    if (setjmp(back) < 100) { /* none is around it: without an end 16 rounds would be the last */
        rounds++;
        PLIM_WITH (w->net, 4096, m) {
            entered++;
            PLIM_WITH (w->disk, 1000, inner)
                assert_int_equal(inner->status, PLIM_OK);
            assert_int_equal(used(w->net), whole);
            longjmp(back, rounds);
        }
    }
    assert_int_equal(entered, 100);
    assert_int_equal(used(w->net), whole); /* of the last round */
    plim__scope_leave();
    assert_int_equal(used(w->net) + used(w->disk), 0);
}

static void *other_thread(void *ctx)
{
    world *w = ctx;
    plim_scope *left = NULL;
    static plim_scope scope;
    left = plim__scope_open(&scope, PLIM__HERE, w->disk, 4096, NULL);
    return left->status == PLIM_OK ? left : NULL;
}

static void a_scope_belongs_to_the_thread_that_opened_it(void **state)
{
    world *w = *state;
    PLIM_WITH (w->net, 4096, m) {
        pthread_t thread;
        void *left = NULL;
        assert_int_equal(pthread_create(&thread, NULL, other_thread, w), 0);
        assert_int_equal(pthread_join(thread, &left), 0);
        assert_non_null(left);
        assert_int_equal(used(w->disk), 0); /* the thread left it open, and ended */
        assert_null(plim_scope_alloc((plim_scope *)left, 1));
        plim__scope_close(left); /* nothing of this thread's */
        assert_non_null(plim_scope_alloc(m, 1));
    }
    assert_int_equal(used(w->net), 0);
}

static void *many_scopes(void *ctx)
{
    world *w = ctx;
    size_t refused = 0;
    for (unsigned i = 0; i < 2000; i++) {
        size_t bytes = 16 + i * 7 % 9000;
        PLIM_WITH (i % 2 ? w->net : w->disk, bytes, outer) {
            memset(plim_scope_alloc(outer, 16), 1, 16);
            PLIM_WITH (w->net, bytes / 2, inner) {
                char *piece = plim_scope_alloc(inner, bytes / 2);
                piece[0] = piece[bytes / 2 - 1] = 2;
            } else {
                refused++;
            }
        } else {
            refused++;
        }
    }
    return refused < 4000 ? ctx : NULL;
}

static void threads_open_scopes_at_once_within_their_budgets(void **state)
{
    world *w = *state;
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_scopes, w), 0);
    for (unsigned i = 0; i < 4; i++) {
        void *went_well = NULL;
        assert_int_equal(pthread_join(threads[i], &went_well), 0);
        assert_non_null(went_well);
    }
    (void)plim_manager_trim(w->manager);
    assert_int_equal(used(w->net) + used(w->disk), 0);
    assert_true(stats_of(w->net).high_water_bytes <= 64 << 10);
    assert_int_equal(plim_manager_verify(w->manager, NULL), PLIM_OK);
}

static void the_origin_of_a_piece_is_the_arena(void **state)
{
    world *w = *state;
    PLIM_WITH (w->net, 4096, m) {
        plim_origin origin;
        assert_non_null(plim_scope_alloc(m, 16));
        char *piece = plim_scope_alloc(m, 16);
        assert_int_equal(plim_origin_of(piece, &origin), PLIM_OK);
        assert_int_equal(origin.provider, PLIM_PROVIDER_ARENA);
        assert_int_equal(origin.domain.id, w->net.id);
    }
}

static unsigned panics;
static const char *panic_said;

static void panic_counted(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    panics++;
    panic_said = panic->what;
}

static void a_piece_given_back_by_itself_is_told_to_the_panic_hook(void **state)
{
    (void)state;
    if (level < PLIM_VERIFY_STANDARD)
        return; /* below, releases are trusted */
    plim_manager *manager = NULL;
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .total_bytes = 1 << 20,
                                    .verify = level,
                                    .panic = panic_counted};
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
    plim_domain net = domain_make(manager, "net", 64 << 10);
    panics = 0;
    PLIM_WITH (net, 4096, m) {
        char *first = plim_scope_alloc(m, 16), *second = plim_scope_alloc(m, 16);
        plim_free(first); /* the address of the scope's own block */
        plim_free(second);
        assert_null(plim_resize(second, 32));
        assert_int_equal(panics, 3);
        assert_non_null(strstr(panic_said, "scope"));
        assert_non_null(plim_scope_alloc(m, 16));
    }
    assert_int_equal(panics, 3);
    assert_int_equal(used(net), 0);
    assert_int_equal(plim_manager_verify(manager, NULL), PLIM_OK);
    plim_manager_destroy(&manager);
}

static void a_static_block_given_back_twice_is_told_to_the_panic_hook(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)freopen("/dev/null", "w", stderr);
        scratch_give();
        _exit(0);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT); /* the default hook */
}

static void a_static_block_is_charged_while_it_is_taken(void **state)
{
    (void)state;
    plim_manager *manager = plim_manager_default();
    plim_manager_stats before, during;
    plim_domain mine;
    void *block = scratch_take();
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 16, 0);
    memset(block, 1, scratch_bytes);
    assert_int_equal(plim_domain_find(NULL, "scopes", &mine), PLIM_OK);
    assert_int_equal(used(mine), 4096);
    assert_int_equal(stats_of(mine).allocation_count, 1);
    plim_manager_stats_read(manager, &during);
    assert_null(scratch_take());
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_SCOPE);
    scratch_give();
    assert_int_equal(used(mine), 0);
    plim_manager_stats_read(manager, &before);
    assert_int_equal(during.held_bytes - before.held_bytes, 4096);
    assert_int_equal(during.held_bytes, during.used_bytes + during.cached_bytes +
                                            during.slack_bytes + during.free_bytes +
                                            during.tables_bytes);
    assert_non_null(scratch_take());
    scratch_give();
}

static void typed_room_is_aligned_and_counted(void **state)
{
    (void)state;
    struct wide {
        _Alignas(64) char bytes[100];
    };
    struct wide *one = plim_new(struct wide);
    assert_non_null(one);
    assert_int_equal((uintptr_t)one % 64, 0);
    plim_free(one);
    int *many = plim_new_array(int, 1000);
    assert_non_null(many);
    memset(many, 0, 1000 * sizeof *many);
    plim_free(many);
    assert_null(plim_new_array(int, SIZE_MAX / 2));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_REQUEST);
    assert_null(plim_new_array(int, SIZE_MAX / sizeof(int) + 2)); /* would wrap to 4 bytes */
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_REQUEST);
    assert_null(plim_new_array(int, 0));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

int main(int argc, char **argv)
{
    plim_manager *manager = NULL; /* the file's own domain is in it */
    if (argc > 1)
        level = (plim_verify)strtol(argv[1], NULL, 10);
    plim_manager_options options = {.struct_bytes = sizeof options, .verify = level};
    if (plim_manager_create(&options, &manager, NULL) != PLIM_OK ||
        plim_manager_default_set(manager) != PLIM_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        CASE(a_scope_is_charged_once_at_entry_and_gives_all_back),
        CASE(all_of_a_scope_can_be_used_and_not_a_byte_more),
        CASE(every_way_out_gives_back),
        CASE(a_refused_scope_is_not_entered_and_says_why),
        CASE(a_scope_in_a_scope_of_its_domain_counts_against_it),
        CASE(a_scope_in_one_of_another_domain_is_charged_on_its_own),
        CASE(what_the_outer_cut_behind_the_inner_stays),
        CASE(sixteen_scopes_are_open_in_a_thread_at_most),
        CASE(a_request_for_the_scope_is_served_by_the_innermost),
        CASE(collections_live_in_a_scope),
        CASE(the_scope_as_an_allocator_grows_and_shrinks_its_last_piece),
        CASE(a_scope_that_has_ended_gives_nothing),
        CASE(what_longjmp_left_open_ends_with_the_scope_around_it),
        CASE(what_longjmp_left_open_ends_where_the_next_one_stands),
        CASE(a_scope_belongs_to_the_thread_that_opened_it),
        CASE(threads_open_scopes_at_once_within_their_budgets),
        CASE(the_origin_of_a_piece_is_the_arena),
        CASE(a_piece_given_back_by_itself_is_told_to_the_panic_hook),
        CASE(a_static_block_given_back_twice_is_told_to_the_panic_hook),
        CASE(a_static_block_is_charged_while_it_is_taken),
        CASE(typed_room_is_aligned_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What a refill has fetched is what it then looks at: the slabs that follow the first of a class's
 * list, however it came about. */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "memory/engine/slab.h"

enum { BLOCK_BYTES = 1000, BLOCKS = 400 };

static plim_manager *manager;
static plim_domain domain;
static void *blocks[BLOCKS];

static void begin(size_t total)
{
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = total};
    plim_domain_options domain_options = {.struct_bytes = sizeof domain_options,
                                          .limit_bytes = 4 << 20};
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
    assert_int_equal(plim_domain_create(manager, "slabs", &domain_options, &domain, NULL), PLIM_OK);
}

static uint32_t slot_of(void)
{
    for (uint32_t slot = 1; slot < PLIM__SLOTS; slot++)
        if (plim__slots[slot].manager == manager && slot != manager->tables_slot)
            return slot;
    fail_msg("the domain has a slot");
    return 0;
}

/* How many of the slabs behind the first are foretold, of at most PLIM__AHEAD. */
static unsigned foretold(plim__central *central, unsigned code, unsigned *out_of)
{
    unsigned right = 0;
    *out_of = 0;
    uint32_t page = central->rooms[code];
    for (unsigned i = 0; i < PLIM__AHEAD && page != PLIM__ROOM_NONE; i++) {
        page = manager->space.runs[page].next;
        if (page == PLIM__PAGE_NONE)
            break;
        ++*out_of;
        right += central->ahead[code][i] == page;
    }
    return right;
}

static void test_what_follows_the_first_slab_is_known(void **state)
{
    (void)state;
    begin(64 << 20);
    uint32_t slot = slot_of();
    plim__central *central = plim__slots[slot].central;
    unsigned code = plim__class_of(BLOCK_BYTES), of;
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_int_equal(plim__slab_take(manager, central, slot, code, 1, &blocks[i]), 1);
    unsigned right = 0, all = 0;
    srand(7);
    for (unsigned turn = 0; turn < 20000; turn++) {
        unsigned at = (unsigned)rand() % BLOCKS;
        if (blocks[at] != NULL) {
            plim__slab_give(manager, central, code, blocks[at]);
            blocks[at] = NULL;
        } else {
            assert_int_equal(plim__slab_handy(manager, central, code, 1), 1);
            assert_int_equal(plim__slab_take(manager, central, slot, code, 1, &blocks[at]), 1);
        }
        right += foretold(central, code, &of);
        all += of;
    }
    printf("slabs foretold: %u of %u\n", right, all);
    assert_true(all > 20000 * 2);
    assert_true(right > all / 10 * 9);
    for (unsigned i = 0; i < BLOCKS; i++)
        if (blocks[i] != NULL)
            plim__slab_give(manager, central, code, blocks[i]);
    plim_manager_destroy(&manager);
}

static void test_a_tight_manager_keeps_no_such_record(void **state)
{
    (void)state;
    begin(8 << 20);
    assert_null(plim__slots[slot_of()].central->ahead);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_non_null(blocks[i] = plim_alloc_in(domain, BLOCK_BYTES));
    for (unsigned i = 0; i < BLOCKS; i++)
        plim_free(blocks[i * 7 % BLOCKS]);
    plim_manager_destroy(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_follows_the_first_slab_is_known),
        cmocka_unit_test(test_a_tight_manager_keeps_no_such_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

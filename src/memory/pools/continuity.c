/* SPDX-License-Identifier: MIT */
/*
 * Continuity: per target a slew buffer (what is shown) and a gauge buffer (offset to what is
 * computed), pinned when the target is made; no buffer is ever replaced by another.
 * A change, for every target: 1. what is shown and its offset are copied to snapshots; 2. both are
 * written anew through the mapping; 3. at the next apply the offset becomes what keeps the shown
 * value where it is. New elements start at what is computed: NaN marks them until then.
 * Invariants: C1 snapshots are taken before anything of a target is written. C2 outside of a change
 *             only gauges, slews and one id list are in use, all pinned. C3 a change that is
 *             refused has written to snapshots and mappings alone.
 */
#include <plimsoll/continuity.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "memory/pools/pool_state.h"

enum {
    CONTINUITY_MAGIC = 0x00c0a711,
    POOL_GAUGE = 0,
    POOL_SLEW,
    POOL_SNAPSHOT,
    POOL_DOMAIN_ID,
    POOL_MAPPING
};

typedef struct continuity_target {
    float *gauge;
    float *slew;
    bool is_moved; /* by a change: the offset is to be found at the next apply */
} continuity_target;

struct plim_continuity {
    uint32_t magic;
    uint32_t element_count_max;
    uint32_t target_max;
    float slew_share;
    float gauge_keep;
    size_t element_count;
    plim_pool *pools[PLIM_CONTINUITY_POOLS];
    plim_intern *names;
    plim_buffer ids; /* of the elements there are */
    const plim_allocator *allocator;
    continuity_target targets[];
};

/* What a change borrows. */
typedef struct continuity_loan {
    plim_buffer gauge, slew, mapping, scratch;
} continuity_loan;

static size_t continuity_bytes(uint32_t target_max)
{
    return sizeof(plim_continuity) + target_max * sizeof(continuity_target);
}

static float continuity_nan(void)
{
    uint32_t bits = UINT32_C(0x7fc00000);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A buffer that stays. */
static plim_status continuity_keep(plim_pool *pool, size_t count, plim_buffer *out, plim_error *err)
{
    plim_status status = plim_pool_acquire(pool, count, out, err);
    if (status == PLIM_OK)
        status = plim_pool_pin(pool, out->slot);
    if (status == PLIM_OK)
        plim__pool_keep(pool, out->slot.index);
    return status;
}

plim_status plim_continuity_target(plim_continuity *continuity, const char *name,
                                   uint32_t *out_target, plim_error *err)
{
    PLIM_CHECK_OBJ(continuity, CONTINUITY_MAGIC);
    PLIM_CHECK(name != NULL && out_target != NULL);
    size_t length = plim__text_length(name, PLIM_POOL_NAME_BYTES);
    uint32_t before = plim_intern_count(continuity->names);
    uint32_t id;
    plim_buffer gauge, slew;
    if (length == 0 || length == PLIM_POOL_NAME_BYTES)
        return plim_error_set(err, PLIM_ERR_USAGE, "a target has a name of 1 to 31 bytes");
    plim_status status = plim_intern_key(continuity->names, name, length, &id, err);
    if (status != PLIM_OK || id < before) {
        if (status == PLIM_OK)
            *out_target = id;
        return status;
    }
    /* There are as many buffers as names. */
    size_t max = continuity->element_count_max;
    if (continuity_keep(continuity->pools[POOL_GAUGE], max, &gauge, err) != PLIM_OK ||
        continuity_keep(continuity->pools[POOL_SLEW], max, &slew, err) != PLIM_OK)
        return PLIM_ERR_INTERNAL;
    continuity->targets[id] = (continuity_target){gauge.data, slew.data, true};
    for (size_t i = 0; i < max; i++) {
        continuity->targets[id].gauge[i] = 0;
        continuity->targets[id].slew[i] = continuity_nan();
    }
    *out_target = id;
    return PLIM_OK;
}

/* C1: the snapshots first. */
static void continuity_move(continuity_target *target, size_t old_count, size_t new_count,
                            const int32_t *new_to_old, float *gauge_was, float *slew_was)
{
    memcpy(gauge_was, target->gauge, old_count * sizeof(float));
    memcpy(slew_was, target->slew, old_count * sizeof(float));
    for (size_t i = 0; i < new_count; i++) {
        int32_t old = new_to_old[i];
        target->gauge[i] = old == PLIM_MAPPING_NEW ? 0.0f : gauge_was[old];
        target->slew[i] = old == PLIM_MAPPING_NEW ? continuity_nan() : slew_was[old];
    }
    target->is_moved = true;
}

static void continuity_repay(plim_continuity *continuity, continuity_loan *loan)
{
    (void)plim_pool_release(continuity->pools[POOL_SNAPSHOT], loan->gauge.slot, NULL);
    (void)plim_pool_release(continuity->pools[POOL_SNAPSHOT], loan->slew.slot, NULL);
    (void)plim_pool_release(continuity->pools[POOL_MAPPING], loan->mapping.slot, NULL);
    (void)plim_pool_release(continuity->pools[POOL_MAPPING], loan->scratch.slot, NULL);
}

static plim_status continuity_borrow(plim_continuity *continuity, continuity_loan *loan,
                                     plim_error *err)
{
    plim_pool *const *pools = continuity->pools;
    size_t max = continuity->element_count_max;
    plim_status status = plim_pool_acquire(pools[POOL_SNAPSHOT], max, &loan->gauge, err);
    if (status == PLIM_OK)
        status = plim_pool_acquire(pools[POOL_SNAPSHOT], max, &loan->slew, err);
    if (status == PLIM_OK)
        status = plim_pool_acquire(pools[POOL_MAPPING], max, &loan->mapping, err);
    if (status == PLIM_OK)
        status = plim_pool_acquire(pools[POOL_MAPPING], max, &loan->scratch, err);
    return status;
}

plim_status plim_continuity_change(plim_continuity *continuity, const uint32_t *ids, size_t count,
                                   plim_error *err)
{
    PLIM_CHECK_OBJ(continuity, CONTINUITY_MAGIC);
    continuity_loan loan = {0};
    size_t max = continuity->element_count_max;
    size_t old_count = continuity->element_count;
    if (count > max)
        return plim_error_set(err, PLIM_ERR_LIMIT, "%zu elements, and there is room for %zu", count,
                              max);
    plim_status status = continuity_borrow(continuity, &loan, err);
    if (status == PLIM_OK) {
        status = plim_mapping_make(continuity->ids.data, old_count, ids, count, max,
                                   loan.scratch.data, loan.mapping.data);
        if (status != PLIM_OK)
            (void)plim_error_set(err, status, "an element's id is above %zu, or there twice",
                                 max - 1);
    }
    if (status == PLIM_OK) {
        for (uint32_t t = 0; t < plim_intern_count(continuity->names); t++)
            continuity_move(&continuity->targets[t], old_count, count, loan.mapping.data,
                            loan.gauge.data, loan.slew.data);
        if (count > 0)
            memmove(continuity->ids.data, ids, count * sizeof *ids);
        continuity->element_count = count;
    }
    continuity_repay(continuity, &loan);
    return status;
}

/* The first frame after a change: offsets that keep what is shown where it was. */
static void continuity_regauge(continuity_target *target, const float *computed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_new = target->slew[i] != target->slew[i]; /* NaN */
        if (is_new)
            target->slew[i] = computed[i];
        target->gauge[i] = is_new ? 0.0f : target->slew[i] - computed[i];
    }
    target->is_moved = false;
}

plim_status plim_continuity_apply(plim_continuity *continuity, uint32_t target,
                                  const float *computed, float *out_shown)
{
    PLIM_CHECK_OBJ(continuity, CONTINUITY_MAGIC);
    if (target >= plim_intern_count(continuity->names))
        return PLIM_ERR_USAGE;
    continuity_target *of = &continuity->targets[target];
    size_t count = continuity->element_count;
    float share = continuity->slew_share;
    float keep = continuity->gauge_keep;
    if (of->is_moved)
        continuity_regauge(of, computed, count);
    float *gauge = of->gauge;
    float *slew = of->slew;
    for (size_t i = 0; i < count; i++) {
        slew[i] += (computed[i] + gauge[i] - slew[i]) * share;
        gauge[i] *= keep;
        out_shown[i] = slew[i];
    }
    return PLIM_OK;
}

void plim_continuity_pools(const plim_continuity *continuity,
                           plim_pool *out_pools[PLIM_CONTINUITY_POOLS])
{
    PLIM_CHECK_OBJ(continuity, CONTINUITY_MAGIC);
    memcpy(out_pools, continuity->pools, sizeof continuity->pools);
}

static plim_status continuity_fill(plim_continuity *continuity, plim_verify verify, plim_error *err)
{
    static const struct {
        const char *name;
        plim_format format;
    } rows[PLIM_CONTINUITY_POOLS] = {
        [POOL_GAUGE] = {"gauge", PLIM_FORMAT_F32},
        [POOL_SLEW] = {"slew", PLIM_FORMAT_F32},
        [POOL_SNAPSHOT] = {"snapshot", PLIM_FORMAT_F32},
        [POOL_DOMAIN_ID] = {"domain id", PLIM_FORMAT_U32},
        [POOL_MAPPING] = {"mapping", {"i32", 4, PLIM_POISON_WORD}},
    };
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; status == PLIM_OK && i < PLIM_CONTINUITY_POOLS; i++) {
        plim_pool_options options = {
            .struct_bytes = sizeof options,
            .name = rows[i].name,
            .format = rows[i].format,
            .slot_count = i <= POOL_SLEW ? continuity->target_max : 2,
            .element_count_max = continuity->element_count_max,
            .verify = verify,
            .allocator = continuity->allocator,
        };
        status = plim_pool_create(&options, &continuity->pools[i], err);
    }
    plim_intern_options names = {.struct_bytes = sizeof names,
                                 .key_count_max = continuity->target_max,
                                 .key_bytes_max = continuity->target_max * PLIM_POOL_NAME_BYTES,
                                 .allocator = continuity->allocator};
    if (status == PLIM_OK)
        status = plim_intern_create(&names, &continuity->names, err);
    if (status == PLIM_OK)
        status = continuity_keep(continuity->pools[POOL_DOMAIN_ID], continuity->element_count_max,
                                 &continuity->ids, err);
    return status;
}

plim_status plim_continuity_create(const plim_continuity_options *options,
                                   plim_continuity **out_continuity, plim_error *err)
{
    PLIM_CHECK(out_continuity != NULL);
    static const plim_continuity_options defaults = {.struct_bytes = sizeof defaults};
    const plim_continuity_options *given = options != NULL ? options : &defaults;
    uint32_t targets =
        given->target_count_max != 0 ? given->target_count_max : PLIM_CONTINUITY_TARGETS_DEFAULT;
    if (given->struct_bytes != sizeof *given || targets > PLIM_CONTINUITY_TARGETS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "%u targets; at most %d are possible", targets,
                              PLIM_CONTINUITY_TARGETS_MAX);
    if (!(given->slew_share >= 0 && given->slew_share <= 1) ||
        !(given->gauge_keep >= 0 && given->gauge_keep < 1))
        return plim_error_set(err, PLIM_ERR_USAGE, "slew_share and gauge_keep are from 0 to 1");
    const plim_allocator *allocator = plim__allocator_or_system(given->allocator);
    plim_continuity *made = plim__array_new_zero(allocator, 1, continuity_bytes(targets));
    if (made == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory for %u targets", targets);
    made->magic = CONTINUITY_MAGIC;
    made->target_max = targets;
    made->element_count_max =
        given->element_count_max != 0 ? given->element_count_max : PLIM_POOL_ELEMENTS_DEFAULT;
    made->slew_share = given->slew_share > 0 ? given->slew_share : 1.0f;
    made->gauge_keep = given->gauge_keep;
    made->allocator = allocator;
    plim_status status = continuity_fill(made, given->verify, err);
    if (status != PLIM_OK)
        plim_continuity_destroy(&made);
    else
        *out_continuity = made;
    return status;
}

void plim_continuity_destroy(plim_continuity **continuity)
{
    if (continuity == NULL || *continuity == NULL)
        return;
    plim_continuity *ended = *continuity;
    PLIM_CHECK_OBJ(ended, CONTINUITY_MAGIC);
    for (uint32_t i = 0; i < PLIM_CONTINUITY_POOLS; i++)
        plim_pool_destroy(&ended->pools[i]);
    plim_intern_destroy(&ended->names);
    ended->magic = 0;
    plim__array_free(ended->allocator, ended, 1, continuity_bytes(ended->target_max));
    *continuity = NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions over the region's one observer. A notice is told at once if its time has come and
 * none is being told; else it waits: those of one object in the subscription itself (so a release
 * always has its place), those of many in a table of fixed size. What waits for one object and one
 * subscription is one notice, with the latest value when it is told.
 *
 * Invariants: W1 no callback runs inside another. W2 after a release nothing is told of that
 * object. W3 a waiting CHANGED or MADE whose object has gone is not told. W4 what is told in one
 * call is bounded: callbacks that cause each other without end wait for plim_hub_deliver().
 */
#include <plimsoll/subscribe.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "runtime/region/region.h"

enum { HUB_MAGIC = 0x4e610003, HUB_SUBSCRIPTIONS_DEFAULT = 64, HUB_QUEUE_DEFAULT = 1024 };

static const uint32_t HUB_ALL = PLIM_TOLD_MADE | PLIM_TOLD_CHANGED | PLIM_TOLD_RELEASED;

typedef struct hub_subscription {
    plim_subscription_request request; /* tell NULL: free */
    uint32_t generation;
    uint32_t missed;
    uint32_t waiting; /* of its one object: what, or 0 */
    uint64_t next_ns; /* no notice of a change before */
    uint64_t since;   /* serial of the event before it began */
    plim_region_object last;
} hub_subscription;

typedef struct hub_waiting {
    uint32_t index, generation;
    uint32_t what; /* 0: told */
    plim_region_object object;
} hub_waiting;

struct plim_hub {
    uint32_t magic;
    uint32_t subscription_max, subscription_top; /* none was ever used from there on */
    uint32_t queue_max, queue_count;
    plim_region *region;
    plim__region_observer observer;
    hub_subscription *subscriptions;
    hub_waiting *queue;
    uint64_t (*now_ns)(void *clock);
    void *clock;
    uint64_t serial;
    uint32_t told; /* in this call */
    bool is_telling, is_delivering;
    bool has_own_waiting; /* some subscription's `waiting` is not 0 */
};

/* --- who is told ---------------------------------------------------------------------------- */

static bool ref_is(plim_ref a, plim_ref b)
{
    return a.index == b.index && a.generation == b.generation;
}

static bool hub_is_of_one(const hub_subscription *subscription)
{
    return subscription->request.object.generation != 0;
}

static bool hub_fits(const hub_subscription *subscription, uint32_t what,
                     const plim_region_object *object)
{
    const plim_subscription_request *request = &subscription->request;
    if (request->tell == NULL)
        return false;
    if (hub_is_of_one(subscription))
        /* Its release ends the subscription, wanted or not. */
        return ref_is(request->object, object->ref) &&
               (what == PLIM_TOLD_RELEASED || request->what & what);
    return (request->what & what) && (request->owner == 0 || request->owner == object->owner) &&
           (request->type == 0 || request->type == object->type) &&
           (request->tag == 0 || request->tag == object->tag);
}

/* Whether its time has come; RELEASED does not wait for an interval. */
static bool hub_is_due(const plim_hub *hub, const hub_subscription *subscription, uint32_t what)
{
    if (subscription->request.when == PLIM_TELL_LATER && !hub->is_delivering)
        return false;
    return what == PLIM_TOLD_RELEASED || subscription->request.interval_ns == 0 ||
           hub->now_ns(hub->clock) >= subscription->next_ns;
}

/* --- waiting -------------------------------------------------------------------------------- */

static hub_waiting *hub_find_waiting(plim_hub *hub, uint32_t index, plim_ref ref)
{
    for (uint32_t i = 0; i < hub->queue_count; i++) {
        hub_waiting *waiting = &hub->queue[i];
        if (waiting->what != 0 && waiting->index == index &&
            waiting->generation == hub->subscriptions[index].generation &&
            ref_is(waiting->object.ref, ref))
            return waiting;
    }
    return NULL;
}

/* W2: a release takes the place of what waited. */
static uint32_t hub_join(uint32_t before, uint32_t what)
{
    return what == PLIM_TOLD_RELEASED || before == 0 ? what : before;
}

static void hub_wait(plim_hub *hub, uint32_t index, uint32_t what, const plim_region_object *object)
{
    hub_subscription *subscription = &hub->subscriptions[index];
    if (hub_is_of_one(subscription)) {
        subscription->waiting = hub_join(subscription->waiting, what);
        subscription->last = *object;
        hub->has_own_waiting = true;
        return;
    }
    hub_waiting *waiting = hub_find_waiting(hub, index, object->ref);
    if (waiting == NULL && hub->queue_count == hub->queue_max) {
        subscription->missed += subscription->missed < UINT32_MAX;
        return;
    }
    if (waiting == NULL) {
        waiting = &hub->queue[hub->queue_count++];
        *waiting = (hub_waiting){.index = index, .generation = subscription->generation};
    }
    waiting->what = hub_join(waiting->what, what);
    waiting->object = *object;
}

/* What waits of that object is told with what comes now. */
static void hub_forget(plim_hub *hub, uint32_t index, plim_ref ref)
{
    hub->subscriptions[index].waiting = 0;
    hub_waiting *waiting =
        hub_is_of_one(&hub->subscriptions[index]) ? NULL : hub_find_waiting(hub, index, ref);
    if (waiting != NULL)
        waiting->what = 0;
}

/* --- telling -------------------------------------------------------------------------------- */

static void hub_end(hub_subscription *subscription)
{
    subscription->request.tell = NULL;
    subscription->waiting = 0;
    subscription->generation += subscription->generation < UINT32_MAX;
}

static void hub_tell(plim_hub *hub, uint32_t index, uint32_t what, const plim_region_object *object,
                     const void *last_value)
{
    hub_subscription *subscription = &hub->subscriptions[index];
    plim_region_object now = *object;
    plim_notice notice = {.what = what,
                          .missed = subscription->missed,
                          .object = &now,
                          .value = last_value,
                          .subscription = {index, subscription->generation}};
    plim_subscription_request request = subscription->request; /* it may end in the callback */
    if (what != PLIM_TOLD_RELEASED) {
        if (plim_region_describe(hub->region, object->ref, &now) != PLIM_OK)
            return; /* W3: its release is told, or was */
        notice.value = plim_region_peek(hub->region, object->ref);
        if (request.interval_ns > 0)
            subscription->next_ns = hub->now_ns(hub->clock) + request.interval_ns;
    } else if (hub_is_of_one(subscription)) {
        hub_end(subscription);
        if (!(request.what & PLIM_TOLD_RELEASED))
            return;
    }
    subscription->missed = 0;
    hub->told++;
    hub->is_telling = true;
    request.tell(request.context, hub->region, &notice);
    hub->is_telling = false;
}

/* One round over what waits; whether something was told. */
static bool hub_round(plim_hub *hub)
{
    uint32_t told_before = hub->told;
    if (hub->has_own_waiting) {
        bool is_left = false;
        hub->has_own_waiting = false; /* callbacks set it again */
        for (uint32_t i = 0; i < hub->subscription_top; i++) {
            hub_subscription *subscription = &hub->subscriptions[i];
            uint32_t what = subscription->waiting;
            if (what == 0)
                continue;
            if (!hub_is_due(hub, subscription, what) || hub->told >= PLIM_HUB_TOLD_MAX) {
                is_left = true;
                continue;
            }
            plim_region_object object = subscription->last;
            subscription->waiting = 0;
            hub_tell(hub, i, what, &object, NULL);
        }
        hub->has_own_waiting |= is_left;
    }
    for (uint32_t i = 0; i < hub->queue_count && hub->told < PLIM_HUB_TOLD_MAX; i++) {
        hub_waiting waiting = hub->queue[i];
        const hub_subscription *subscription = &hub->subscriptions[waiting.index];
        bool is_over = subscription->generation != waiting.generation;
        if (waiting.what == 0 || (!is_over && !hub_is_due(hub, subscription, waiting.what)))
            continue;
        hub->queue[i].what = 0;
        if (!is_over)
            hub_tell(hub, waiting.index, waiting.what, &waiting.object, NULL);
    }
    return hub->told != told_before;
}

/* W4. A batch has one interval: those of one subscription that wait are told together. */
static void hub_drain(plim_hub *hub)
{
    if (hub->queue_count == 0 && !hub->has_own_waiting)
        return;
    while (hub_round(hub) && hub->told < PLIM_HUB_TOLD_MAX) {
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < hub->queue_count; i++)
        if (hub->queue[i].what != 0)
            hub->queue[kept++] = hub->queue[i];
    hub->queue_count = kept;
}

static void hub_event(plim_hub *hub, uint32_t what, const plim_region_object *object,
                      const void *last_value)
{
    uint64_t serial = ++hub->serial;
    bool is_outermost = !hub->is_telling;
    if (is_outermost)
        hub->told = 0;
    for (uint32_t i = 0; i < hub->subscription_top; i++) {
        hub_subscription *subscription = &hub->subscriptions[i];
        if (subscription->since >= serial || !hub_fits(subscription, what, object))
            continue;
        if (hub->is_telling || !hub_is_due(hub, subscription, what)) {
            hub_wait(hub, i, what, object);
            continue;
        }
        if (what != PLIM_TOLD_RELEASED && !plim_region_is_valid(hub->region, object->ref))
            break; /* W3: a callback has released it, and that waits */
        hub_forget(hub, i, object->ref);
        hub_tell(hub, i, what, object, last_value);
    }
    if (is_outermost)
        hub_drain(hub);
}

static void hub_made(void *context, plim_region *region, const plim_region_object *object)
{
    (void)region;
    hub_event(context, PLIM_TOLD_MADE, object, NULL);
}

static void hub_changed(void *context, plim_region *region, const plim_region_object *object)
{
    (void)region;
    hub_event(context, PLIM_TOLD_CHANGED, object, NULL);
}

static void hub_released(void *context, plim_region *region, const plim_region_object *object,
                         const void *last_value)
{
    (void)region;
    hub_event(context, PLIM_TOLD_RELEASED, object, last_value);
}

/* A rollback or an undo: what had been made since has gone, and everything else may have changed.
   One round over those who ask: of an object that has gone its release, else that it may have
   changed; those of many are told nothing. What waited is of no use any more. */
static void hub_went_back(void *context, plim_region *region)
{
    plim_hub *hub = context;
    uint64_t serial = ++hub->serial;
    hub->queue_count = 0;
    if (!hub->is_telling)
        hub->told = 0;
    for (uint32_t i = 0; i < hub->subscription_top; i++) {
        hub_subscription *subscription = &hub->subscriptions[i];
        if (subscription->request.tell == NULL || !hub_is_of_one(subscription) ||
            subscription->since >= serial)
            continue;
        plim_region_object object = {.ref = subscription->request.object};
        bool is_there = plim_region_describe(region, object.ref, &object) == PLIM_OK;
        uint32_t what = is_there ? PLIM_TOLD_CHANGED : PLIM_TOLD_RELEASED;
        if (!is_there || subscription->request.what & what)
            hub_wait(hub, i, what, &object);
    }
    if (!hub->is_telling)
        hub_drain(hub);
}

/* --- the calls ------------------------------------------------------------------------------ */

static plim_status hub_check(const plim_region *region, const plim_hub_options *options,
                             plim_error *err)
{
    if (options->struct_bytes != sizeof *options ||
        options->subscription_max > PLIM_HUB_SUBSCRIPTIONS_MAX ||
        options->queue_max > PLIM_HUB_QUEUE_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "at most %d subscriptions and %d notices that wait",
                              PLIM_HUB_SUBSCRIPTIONS_MAX, PLIM_HUB_QUEUE_MAX);
    if (region->observer != NULL)
        return plim_error_set(err, PLIM_ERR_BUSY, "the region is watched by another hub");
    return PLIM_OK;
}

plim_status plim_hub_create(plim_region *region, const plim_hub_options *options,
                            plim_hub **out_hub, plim_error *err)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(out_hub != NULL);
    const plim_hub_options defaults = {.struct_bytes = sizeof defaults};
    if (options == NULL)
        options = &defaults;
    plim_status status = hub_check(region, options, err);
    if (status != PLIM_OK)
        return status;
    plim_hub *hub = plim__array_new_zero(region->allocator, 1, sizeof *hub);
    if (hub == NULL)
        return plim__no_memory(err, "subscriptions");
    hub->magic = HUB_MAGIC;
    hub->region = region;
    hub->subscription_max =
        options->subscription_max != 0 ? options->subscription_max : HUB_SUBSCRIPTIONS_DEFAULT;
    hub->queue_max = options->queue_max != 0 ? options->queue_max : HUB_QUEUE_DEFAULT;
    hub->now_ns = options->now_ns;
    hub->clock = options->clock;
    hub->observer = (plim__region_observer){.context = hub,
                                            .allocated = hub_made,
                                            .changed = hub_changed,
                                            .released = hub_released,
                                            .went_back = hub_went_back};
    hub->subscriptions =
        plim__array_new_zero(region->allocator, hub->subscription_max, sizeof *hub->subscriptions);
    hub->queue = plim__array_new(region->allocator, hub->queue_max, sizeof *hub->queue);
    if (hub->subscriptions == NULL || hub->queue == NULL) {
        plim_hub_destroy(&hub);
        return plim__no_memory(err, "subscriptions");
    }
    plim__region_observe(region, &hub->observer);
    *out_hub = hub;
    return PLIM_OK;
}

void plim_hub_destroy(plim_hub **hub_ptr)
{
    if (hub_ptr == NULL || *hub_ptr == NULL)
        return;
    plim_hub *hub = *hub_ptr;
    PLIM_CHECK_OBJ(hub, HUB_MAGIC);
    PLIM_CHECK(!hub->is_telling && !hub->is_delivering);
    const plim_allocator *allocator = hub->region->allocator;
    if (hub->region->observer == &hub->observer)
        plim__region_observe(hub->region, NULL);
    plim__array_free(allocator, hub->subscriptions, hub->subscription_max,
                     sizeof *hub->subscriptions);
    plim__array_free(allocator, hub->queue, hub->queue_max, sizeof *hub->queue);
    hub->magic = 0;
    plim__array_free(allocator, hub, 1, sizeof *hub);
    *hub_ptr = NULL;
}

static uint32_t hub_free_slot(plim_hub *hub)
{
    uint32_t at = 0;
    while (at < hub->subscription_top && (hub->subscriptions[at].request.tell != NULL ||
                                          hub->subscriptions[at].generation == UINT32_MAX))
        at++; /* a generation never comes again: at the last one the slot is retired */
    return at;
}

plim_status plim_subscribe(plim_hub *hub, const plim_subscription_request *request,
                           plim_subscription *out_subscription)
{
    PLIM_CHECK_OBJ(hub, HUB_MAGIC);
    PLIM_CHECK(request != NULL);
    plim_region_object object;
    bool is_of_one = request->object.generation != 0;
    if (request->struct_bytes != sizeof *request || request->tell == NULL ||
        (request->what & ~HUB_ALL) != 0 || (request->interval_ns > 0 && hub->now_ns == NULL) ||
        (request->is_told_first && !is_of_one))
        return PLIM_ERR_USAGE;
    if (is_of_one && plim_region_describe(hub->region, request->object, &object) != PLIM_OK)
        return PLIM_ERR_STALE;
    uint32_t at = hub_free_slot(hub);
    if (at == hub->subscription_max)
        return PLIM_ERR_LIMIT;
    if (at == hub->subscription_top)
        hub->subscription_top++;
    hub_subscription *subscription = &hub->subscriptions[at];
    uint32_t generation = subscription->generation != 0 ? subscription->generation : 1;
    *subscription =
        (hub_subscription){.request = *request, .generation = generation, .since = hub->serial};
    if (request->what == 0)
        subscription->request.what = HUB_ALL;
    if (out_subscription != NULL)
        *out_subscription = (plim_subscription){at, generation};
    if (request->is_told_first) {
        hub_wait(hub, at, PLIM_TOLD_CHANGED, &object);
        if (!hub->is_telling) {
            hub->told = 0;
            hub_drain(hub);
        }
    }
    return PLIM_OK;
}

plim_status plim_unsubscribe(plim_hub *hub, plim_subscription subscription)
{
    PLIM_CHECK_OBJ(hub, HUB_MAGIC);
    if (subscription.index >= hub->subscription_top ||
        hub->subscriptions[subscription.index].generation != subscription.generation ||
        hub->subscriptions[subscription.index].request.tell == NULL)
        return PLIM_ERR_STALE;
    hub_end(&hub->subscriptions[subscription.index]);
    return PLIM_OK;
}

uint32_t plim_hub_deliver(plim_hub *hub)
{
    PLIM_CHECK_OBJ(hub, HUB_MAGIC);
    if (hub->is_telling || hub->is_delivering)
        return 0;
    hub->told = 0;
    hub->is_delivering = true;
    hub_drain(hub);
    hub->is_delivering = false;
    return hub->told;
}

uint64_t plim_hub_due_ns(const plim_hub *hub)
{
    PLIM_CHECK_OBJ(hub, HUB_MAGIC);
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < hub->subscription_top; i++) {
        const hub_subscription *subscription = &hub->subscriptions[i];
        if (subscription->waiting == PLIM_TOLD_RELEASED)
            return 0;
        if (subscription->waiting != 0 && subscription->next_ns < due)
            due = subscription->next_ns;
    }
    for (uint32_t i = 0; i < hub->queue_count; i++) {
        const hub_waiting *waiting = &hub->queue[i];
        const hub_subscription *subscription = &hub->subscriptions[waiting->index];
        if (waiting->what == 0 || subscription->generation != waiting->generation)
            continue;
        if (waiting->what == PLIM_TOLD_RELEASED)
            return 0;
        due = subscription->next_ns < due ? subscription->next_ns : due;
    }
    return due;
}

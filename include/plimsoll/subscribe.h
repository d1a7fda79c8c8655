/* SPDX-License-Identifier: MIT */
/**
 * @file subscribe.h
 * @brief Code that is told when objects of a region are made, changed or released.
 *
 * Told after the change, when the region is whole again and no lock is held: a callback may read,
 * change, release, subscribe and unsubscribe, the object it is told of and its own subscription
 * included. What it changes is told in its turn, after it has returned, never inside it. A release
 * is the last that is told of an object.
 *
 * PLIM_TELL_NOW tells of every change before the call that made it returns. With an interval, or
 * PLIM_TELL_LATER, changes of one object in between become one notice with the latest value:
 * nothing is told more often than the interval allows, and the last change is always told, by
 * plim_hub_deliver() at the latest. Notices wait in a queue of fixed size; what does not fit is
 * counted, and the count told with the next notice. A release needs no room: who subscribed to
 * one object is told of its release in any case.
 *
 * After a rollback or an undo (transaction.h), who subscribed to one object is told that it
 * changed, or that it is released; who subscribed to many looks again by himself.
 *
 * Subscriptions are code, so they belong to the process and not to the region.
 * Thread-safety: the thread that writes the region.
 */
#ifndef PLIM_SUBSCRIBE_H
#define PLIM_SUBSCRIBE_H
#include <plimsoll/region.h>
PLIM_DECLS_BEGIN

/** All subscriptions to one region; ended by plim_hub_destroy(). */
typedef struct plim_hub plim_hub;

/** A subscription, by value; a stale one is refused. */
typedef struct plim_subscription {
    uint32_t index, generation;
} plim_subscription;

/** What happened; as bits, what to be told of. */
enum { PLIM_TOLD_MADE = 1u << 0, PLIM_TOLD_CHANGED = 1u << 1, PLIM_TOLD_RELEASED = 1u << 2 };

/** When to tell. */
typedef enum plim_tell { PLIM_TELL_NOW = 0, PLIM_TELL_LATER } plim_tell;

/** What a callback is told. */
typedef struct plim_notice {
    uint32_t what;                    /**< one of PLIM_TOLD_… */
    uint32_t missed;                  /**< notices of this subscription that found no room */
    const plim_region_object *object; /**< RELEASED: as it was */
    const void *value; /**< as it is now; RELEASED: the last one, or NULL if it was queued */
    plim_subscription subscription;
} plim_notice;

/** Whom to tell of what. Fields that are 0 are not looked at. */
typedef struct plim_subscription_request {
    uint32_t struct_bytes; /**< sizeof(plim_subscription_request) */
    uint32_t what;         /**< PLIM_TOLD_… bits; 0: all */
    plim_ref object;       /**< one object; none: all that fit the rest */
    uint32_t owner;
    uint16_t type, tag;
    plim_tell when;
    bool is_told_first;   /**< with `object`: told of its value at once, as CHANGED */
    uint64_t interval_ns; /**< between notices of changes; 0: every one */
    void (*tell)(void *context, plim_region *region, const plim_notice *notice);
    void *context;
} plim_subscription_request;

/** All zero is the default, but for struct_bytes. */
typedef struct plim_hub_options {
    uint32_t struct_bytes;           /**< sizeof(plim_hub_options) */
    uint32_t subscription_max;       /**< 0: 64; at most 4,096 */
    uint32_t queue_max;              /**< notices that wait; 0: 1,024; at most 65,536 */
    uint64_t (*now_ns)(void *clock); /**< for intervals; NULL: no subscription may have one */
    void *clock;
} plim_hub_options;

/**
 * @brief         Begins to watch a region. One hub at a time.
 * @param[in]     region   not NULL; closed after the hub.
 * @param[in]     options  NULL: defaults.
 * @param[out]    out_hub  set only on PLIM_OK; ended by plim_hub_destroy().
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_BUSY   the region has one.
 * @retval PLIM_ERR_USAGE  a number outside its range.
 * @retval PLIM_ERR_NO_MEMORY as it says.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_hub_create(plim_region *region,
                                                    const plim_hub_options *options,
                                                    plim_hub **out_hub, plim_error *err);

/**
 * @brief         Ends it; what waits is not told. @p *hub is NULL.
 * @param[in,out] hub  NULL and a pointer to NULL are accepted; not from a callback.
 * @note          Threads: the writer's.
 */
PLIM_API void plim_hub_destroy(plim_hub **hub);

/**
 * @brief      Has a callback told from now on.
 * @param[in]  hub               not NULL.
 * @param[in]  request           not NULL; copied.
 * @param[out] out_subscription  set only on PLIM_OK; may be NULL.
 * @retval PLIM_ERR_LIMIT  subscription_max of them.
 * @retval PLIM_ERR_STALE  the object is not live.
 * @retval PLIM_ERR_USAGE  no callback, an interval without a clock, another struct_bytes.
 * @note       Threads: the writer's. May be called from a callback.
 */
PLIM_API PLIM_NODISCARD plim_status plim_subscribe(plim_hub *hub,
                                                   const plim_subscription_request *request,
                                                   plim_subscription *out_subscription);

/**
 * @brief     No more of it, not even of what waits.
 * @param[in] hub           not NULL.
 * @param[in] subscription  any.
 * @retval PLIM_ERR_STALE   none: it has ended, perhaps with its object.
 * @note      Threads: the writer's. May be called from a callback, its own included.
 */
PLIM_API plim_status plim_unsubscribe(plim_hub *hub, plim_subscription subscription);

/**
 * @brief     Tells what waits and whose time has come.
 * @param[in] hub  not NULL.
 * @return    how many notices were told.
 * @note      Threads: the writer's. From a callback: nothing, 0.
 */
PLIM_API uint32_t plim_hub_deliver(plim_hub *hub);

/**
 * @brief     When plim_hub_deliver() has something to tell.
 * @param[in] hub  not NULL.
 * @return    by the hub's clock; 0: now; UINT64_MAX: nothing waits.
 * @note      Threads: the writer's. For a program's event loop.
 */
PLIM_API uint64_t plim_hub_due_ns(const plim_hub *hub);

PLIM_DECLS_END
#endif

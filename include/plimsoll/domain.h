/* SPDX-License-Identifier: MIT */
/**
 * @file domain.h
 * @brief Who memory is charged to, and how much they may hold: budgets, nesting, lending.
 *
 * A domain is a module, a plug-in, a session. Its limit is granted out of its parent's (or the
 * manager's total) when it is made, so limits can never add up to more than there is. Of the two
 * figures limit and used, neither is stored: the one word of truth is what is left, and lending
 * moves what is left, so no order of events shows a domain above its limit. A request that does not
 * fit is refused and nothing has changed; plim_refusal_last() says by how much.
 * Bytes are charged as they are occupied (size class or pages); what was asked is kept beside it.
 * Thread-safety: any thread, at once.
 * @see docs/internals/budgets.md, docs/invariants.md (B, L)
 */
#ifndef PLIM_DOMAIN_H
#define PLIM_DOMAIN_H
#include <plimsoll/allocator.h>
#include <plimsoll/manager.h>

#include <stdbool.h>
PLIM_DECLS_BEGIN

enum { PLIM_DOMAIN_NAME_BYTES = 32 /**< with its NUL */ };

/** A domain, by value; all zero is "none". A stale one is refused, never another's. */
typedef struct plim_domain {
    uint32_t id; /**< private: slot and generation */
} plim_domain;

/** Whose demand comes first when headroom is divided, and who lends first (low before high). */
typedef enum plim_priority {
    PLIM_PRIORITY_NORMAL = 0,
    PLIM_PRIORITY_LOW,
    PLIM_PRIORITY_HIGH,
    PLIM_PRIORITY_CRITICAL
} plim_priority;

/** All zero but the limit is fine. */
typedef struct plim_domain_options {
    uint32_t struct_bytes; /**< sizeof(plim_domain_options) */
    plim_priority priority;
    plim_domain parent;       /**< whose budget the limit comes out of; none: the manager's total */
    size_t limit_bytes;       /**< may be 0: then it lives on loans alone */
    size_t floor_bytes;       /**< of the limit, what is never lent or rebalanced away */
    size_t cap_bytes;         /**< loans never raise the limit above this; 0: no cap */
    size_t request_max_bytes; /**< a single request above this is refused; 0: none */
} plim_domain_options;

/** One domain's figures. */
typedef struct plim_domain_stats {
    char name[PLIM_DOMAIN_NAME_BYTES];
    plim_domain parent;
    plim_priority priority;
    uint64_t limit_bytes;      /**< configured + borrowed - lent - granted to children */
    uint64_t configured_bytes; /**< as set */
    uint64_t floor_bytes;
    uint64_t used_bytes;       /**< live blocks, as charged */
    uint64_t cached_bytes;     /**< charged too, free in threads' caches */
    uint64_t high_water_bytes; /**< the most ever charged, caches included */
    uint64_t
        requested_bytes; /**< live, as asked for; UINT64_MAX where the level does not keep it */
    uint64_t requested_high_water_bytes; /**< likewise */
    uint64_t lent_bytes, borrowed_bytes;
    uint64_t owed_bytes;       /**< above a limit that was lowered; paid as blocks come back */
    uint64_t allocation_count; /**< blocks live */
    uint64_t allocation_total; /**< blocks ever */
    uint64_t refusal_count;
} plim_domain_stats;

/** Why a request was refused. */
typedef enum plim_refusal_reason {
    PLIM_REFUSAL_NONE = 0,
    PLIM_REFUSAL_BUDGET,    /**< the domain's limit */
    PLIM_REFUSAL_REQUEST,   /**< size 0 where it has no meaning, too large, or a bad alignment */
    PLIM_REFUSAL_SEALED,    /**< sealed, and nothing at hand fits */
    PLIM_REFUSAL_PAGES,     /**< room in the budget, but no free run of pages */
    PLIM_REFUSAL_DOMAIN,    /**< no such domain */
    PLIM_REFUSAL_REENTERED, /**< from a signal handler that interrupted an allocation */
    PLIM_REFUSAL_CHECK,     /**< a check failed and the panic hook returned */
    PLIM_REFUSAL_INJECTED,  /**< a test asked for it */
    PLIM_REFUSAL_SCOPE /**< no scope is open, or it has not that much left; a PLIM_BLOCK is taken */
} plim_refusal_reason;

/** The last refusal of a thread. */
typedef struct plim_refusal {
    plim_refusal_reason reason;
    plim_domain domain;
    size_t requested_bytes; /**< as asked */
    size_t charge_bytes;    /**< what it would have been charged */
    size_t left_bytes;      /**< what the domain had left at that moment */
    const char *site;       /**< "file:line", static storage; "" unknown */
} plim_refusal;

/**
 * @brief         Makes a domain; its limit leaves the parent's headroom at once.
 * @param[in]     manager     NULL: the default one.
 * @param[in]     name        1 to 31 bytes, copied, unique in the manager.
 * @param[in]     options     not NULL, copied.
 * @param[out]    out_domain  set only on PLIM_OK; ended by plim_domain_destroy(), or with its
 *                            manager.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_BUDGET    the parent has not that much left: the sentence has both figures.
 * @retval PLIM_ERR_EXISTS    the name is taken.
 * @retval PLIM_ERR_LIMIT     domain_count_max domains, or nesting deeper than 4.
 * @retval PLIM_ERR_USAGE     floor above limit, limit above cap, a bad name.
 * @retval PLIM_ERR_STALE     the parent is not a domain of this manager.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_create(plim_manager *manager, const char *name,
                                                       const plim_domain_options *options,
                                                       plim_domain *out_domain, plim_error *err);

/**
 * @brief         The domain of that name.
 * @param[in]     manager     NULL: the default one.
 * @param[in]     name        not NULL.
 * @param[out]    out_domain  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND there is none.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_find(plim_manager *manager, const char *name,
                                                     plim_domain *out_domain);

/**
 * @brief         The domain of the program or shared object that holds an address: it is named like
 *                the file ("libfoo.so.1", cut to 31 bytes), and made if nobody made it. A file
 *                without PLIM_DOMAIN is charged to that of its own module.
 * @param[in]     manager     NULL: the default one.
 * @param[in]     address     of code or static data, such as a function's.
 * @param[out]    out_domain  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND no module holds the address; or there are no modules (bare builds).
 * @retval PLIM_ERR_LIMIT     the manager has all the domains it can have.
 * @retval PLIM_ERR_NO_MEMORY the system refused the default manager.
 * @note          Threads: any. The loader is asked: microseconds.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_by_module(plim_manager *manager,
                                                          const void *address,
                                                          plim_domain *out_domain);

/**
 * @brief         Ends an empty domain: its limit goes back to the parent, its name is free.
 * @param[in]     domain  its handles are stale afterwards.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_BUSY  it has live blocks, children or open loans: the sentence says which.
 * @retval PLIM_ERR_STALE not a domain.
 * @note          Threads: nobody may be allocating from it, lending to it or repaying.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_destroy(plim_domain domain, plim_error *err);

/**
 * @brief         Changes the configured limit. Raising takes from the parent. Lowering gives back
 *                what is unused at once; the rest is owed, and nothing more is charged until it is
 *                paid by blocks that come back. (A thread may meanwhile be given what it has just
 *                given back itself: that raises nothing.)
 * @param[in]     domain       any.
 * @param[in]     limit_bytes  not below the floor, not above the cap.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_BUDGET     the parent has not that much left; nothing changed.
 * @retval PLIM_ERR_USAGE      outside floor and cap; nothing changed.
 * @retval PLIM_ERR_STALE      not a domain.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_limit_set(plim_domain domain, size_t limit_bytes,
                                                          plim_error *err);

/**
 * @brief         Sets how much @p lender may have out to @p borrower at once (the sharing matrix).
 * @param[in]     lender            one domain of a manager.
 * @param[in]     borrower          another of the same manager.
 * @param[in]     quota_bytes       0: nothing more (what is out stays out until repaid).
 * @retval PLIM_ERR_STALE           one is not a domain, or they are the same.
 * @retval PLIM_ERR_UNSUPPORTED     one has no limit of its own: it was only ever named.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_share_set(plim_domain lender, plim_domain borrower,
                                                          size_t quota_bytes);

/**
 * @brief         Moves headroom: the lender's limit falls and the borrower's rises by @p bytes.
 * @param[in]     lender            as above.
 * @param[in]     borrower          as above.
 * @param[in]     bytes             at least 1.
 * @param[in,out] err               may be NULL.
 * @retval PLIM_ERR_ACCESS          the quota between the two does not allow it.
 * @retval PLIM_ERR_BUDGET          the lender has not that much unused above its floor, or the
 *                                  borrower's cap is in the way; nothing changed.
 * @retval PLIM_ERR_STALE           one is not a domain.
 * @note          Threads: any; no lock is waited for.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_lend(plim_domain lender, plim_domain borrower,
                                                     size_t bytes, plim_error *err);

/**
 * @brief         Returns a loan in part or whole, out of what the borrower has unused. The lender
 *                calls it too: that is a recall, and it never takes what is in use.
 * @param[in]     lender            as above.
 * @param[in]     borrower          as above.
 * @param[in]     bytes             the most to return; SIZE_MAX for all.
 * @param[out]    out_bytes         returned: the least of bytes, loan, unused; may be NULL.
 * @retval PLIM_ERR_STALE           one is not a domain.
 * @note          Threads: any; no lock is waited for.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_repay(plim_domain lender, plim_domain borrower,
                                                      size_t bytes, size_t *out_bytes);

/**
 * @brief         One step of the rebalancer: loans nobody needs go home, and unused headroom flows
 *                along the sharing matrix to domains refused since the last step, highest
 *                priority first, never below floors, with hysteresis. Call it from one thread.
 * @param[in]     manager    NULL: the default one.
 * @param[out]    out_bytes  moved in all; may be NULL.
 * @return        PLIM_OK; PLIM_ERR_BUSY if another thread is in it.
 * @note          Threads: any, one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_manager_rebalance(plim_manager *manager,
                                                           size_t *out_bytes);

/**
 * @brief         The domain's figures.
 * @param[in]     domain     any.
 * @param[out]    out_stats  set only on PLIM_OK.
 * @retval PLIM_ERR_STALE    not a domain.
 * @note          Threads: any; each figure is right, together they are one instant only if no
 *                thread allocates meanwhile.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_stats_read(plim_domain domain,
                                                           plim_domain_stats *out_stats);

/**
 * @brief         Starts the high-water marks anew from what is used now.
 * @param[in]     domain     any.
 * @param[out]    out_bytes  the mark so far; may be NULL.
 * @retval PLIM_ERR_STALE    not a domain.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_domain_high_water_reset(plim_domain domain,
                                                                 uint64_t *out_bytes);

/**
 * @brief         The domain as the allocator every Plimsoll module takes.
 * @param[in]     domain  any.
 * @return        borrowed, valid as long as the domain; NULL if it is stale.
 * @note          Threads: any.
 */
PLIM_API const plim_allocator *plim_domain_allocator(plim_domain domain);

/**
 * @brief  What this thread was last refused; reason PLIM_REFUSAL_NONE if nothing ever was.
 * @return by value; its strings are in static storage.
 * @note   Threads: any, each has its own.
 */
PLIM_API plim_refusal plim_refusal_last(void);

PLIM_DECLS_END
#endif

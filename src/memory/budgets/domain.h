/* SPDX-License-Identifier: MIT */
/**
 * @file domain.h
 * @brief A manager's bank: its total, its domains, who may lend to whom; and the process's table of
 *        domain slots.
 *
 * The bank knows nothing of blocks: what it needs of the engine is behind plim__bank_engine. Its
 * lock serialises create, find, destroy and the setters, and is taken before any of the engine's.
 * Charging, lending and repaying take no lock.
 */
#ifndef PLIM_MEMORY_DOMAIN_H
#define PLIM_MEMORY_DOMAIN_H
#include <plimsoll/allocator.h>
#include <plimsoll/domain.h>
#include <plimsoll/error.h>

#include "memory/budgets/budget.h"
#include "memory/budgets/sites.h"
#include "platform/lock.h"

/** Domains one manager may have. */
#define PLIM__BANK_DOMAINS_MAX 64u
/** Levels below a manager's total. */
#define PLIM__DOMAIN_DEPTH_MAX 4u

struct plim__domain;
struct plim__bank;

/** What the bank asks of the engine; any may be NULL. Called on the caller's thread. */
typedef struct plim__bank_engine {
    /** Gives what threads have cached of this domain back to it. Never called with the bank's
     *  lock held. */
    void (*drain)(struct plim__domain *domain);
    /** Adds the figures that only the engine has (cached, requested, counts) to zeroed ones. */
    void (*figures)(struct plim__domain *domain, plim_domain_stats *stats);
    /** A record is filled and about to be published; false: no memory for what the engine keeps of
     *  a domain, and then it is not made. With the bank's lock. */
    bool (*opened)(struct plim__domain *domain);
    /** The domain has gone from the table; what was kept of its slot may go. With the lock. */
    void (*gone)(struct plim__domain *domain);
    /** The marks that only the engine has start anew. */
    void (*mark_reset)(struct plim__domain *domain);
    /** plim_allocator's resize for a domain; its ctx is the plim__domain. */
    void *(*resize)(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes);
} plim__bank_engine;

/** What one domain may have out to another. Index: lender * domain_max + borrower. */
typedef struct plim__share {
    plim__count quota; /* as set */
    plim__word left;   /* quota - out - what lends in flight have claimed: the intent of a loan */
    plim__count out;   /* the ledger: the one commit word of a loan */
    plim__word open;   /* out - what repayments in flight have claimed: the intent of one */
} plim__share;

/** One record of the slot table. Fields without atomics are set before `id` is published. */
typedef struct plim__domain {
    _Alignas(PLIM__LINE_BYTES) plim__budget budget;
    _Atomic uint32_t id; /* the handle while live, 0 while not: liveness has no other word */
    uint32_t slot;       /* own index in the table */
    uint32_t index;      /* in the bank: 0 ... domain_max - 1 */
    uint32_t depth;      /* 1: below the total */
    struct plim__bank *bank;
    struct plim__domain *parent; /* NULL: the total */
    size_t floor_bytes;
    size_t cap_bytes; /* PLIM__BYTES_MAX: none */
    size_t request_max_bytes;
    plim_priority priority;
    bool is_shared; /* no limit of its own: charges the total */
    _Alignas(PLIM__LINE_BYTES) plim__count refusals;
    plim__count refused_bytes; /* since the rebalancer's last step: the largest single one */
    size_t usual_bytes;        /* the rebalancer's own: a decaying maximum of what was charged */
    uint32_t quiet_steps;      /* the rebalancer's own: steps since it was last refused */
    plim_allocator allocator;
    char name[PLIM_DOMAIN_NAME_BYTES];
} plim__domain;

/** In the manager; storage of `shares` is the manager's. */
typedef struct plim__bank {
    plim__budget total;        /* the manager's total; its avail is what no domain was granted */
    plim__share *shares;       /* domain_max squared */
    uint32_t domain_max;       /* 1 ... PLIM__BANK_DOMAINS_MAX */
    plim__count domain_count;  /* live */
    plim__count moving;        /* threads that are moving headroom at this moment */
    plim__count refusals_gone; /* of domains that have ended */
    plim__lock lock;           /* of whoever makes, finds, ends or changes domains */
    _Atomic uint32_t balancer; /* 1: somebody is in rebalance */
    _Atomic uint8_t slots[PLIM__BANK_DOMAINS_MAX]; /* by index; 0: free */
    const plim__bank_engine *engine;               /* NULL: none of its functions */
    plim__sites sites;
} plim__bank;

/** Bytes of `shares` for so many domains; 0 if that is more than may be. */
size_t plim__bank_shares_bytes(uint32_t domain_max);

/**
 * Makes a bank without domains in zeroed or used storage. total_bytes at most PLIM__BYTES_MAX,
 * domain_max 1 ... 64, shares as large as plim__bank_shares_bytes() says and aligned to a word.
 */
void plim__bank_init(plim__bank *bank, size_t total_bytes, uint32_t domain_max, void *shares,
                     const plim__bank_engine *engine);

/** Ends it with all its domains, whatever they have charged: their handles are stale. */
void plim__bank_fini(plim__bank *bank);

/** plim_domain_create() for a bank. */
PLIM_NODISCARD plim_status plim__domain_create(plim__bank *bank, const char *name,
                                               const plim_domain_options *options,
                                               plim_domain *out_domain, plim_error *err);

/** The domain of that name, or else a new one without a limit of its own: it charges the total. */
PLIM_NODISCARD plim_status plim__domain_shared(plim__bank *bank, const char *name,
                                               plim_domain *out_domain, plim_error *err);

/** plim_domain_find() for a bank. */
PLIM_NODISCARD plim_status plim__domain_find(plim__bank *bank, const char *name,
                                             plim_domain *out_domain);

/** The record, or NULL if the handle is stale. */
plim__domain *plim__domain_of(plim_domain domain);

/** The record of a slot whether live or not; slot below PLIM__SLOT_COUNT. */
plim__domain *plim__domain_slot(uint32_t slot);

/** Takes a slot that is nobody's domain, for a manager's own records; 0 if none is free. */
uint32_t plim__slot_reserve(void);

/** Gives such a slot back. */
void plim__slot_release(uint32_t slot);

/** The i-th domain of a bank, NULL where none is live; index below domain_max. */
plim__domain *plim__bank_domain(plim__bank *bank, uint32_t index);

/** The handle of a live record. */
plim_domain plim__domain_handle(plim__domain *domain);

/** Counts a refusal at a site ("file:line", static storage, may be NULL) for the report and for the
 *  rebalancer. */
void plim__domain_refused(plim__domain *domain, size_t charge_bytes, const char *site);

/** What lender has out to borrower; both live, of one bank. */
plim__share *plim__bank_share(plim__bank *bank, uint32_t lender, uint32_t borrower);

/** The bank of a manager; NULL: the default manager's, or NULL if there is none. Is manager.c's. */
plim__bank *plim__manager_bank(plim_manager *manager);

/** Takes the bank's lock: no domain is made or ended, no limit set until it is left. Not from a
 *  plim__bank_engine function. */
void plim__bank_enter(plim__bank *bank);

/** Gives it back. */
void plim__bank_leave(plim__bank *bank);

/** Bytes of the tables of domains: static, the process's. */
size_t plim__domain_tables_bytes(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Domains: the slot table, and what changes limits. One lock per bank serialises create, destroy
 * and the setters, so names are unique and two setters do not cross; threads that charge, lend or
 * repay meanwhile never look at it.
 *
 * Invariants:
 *  I1  a handle is live exactly while its slot's `id` equals it. Generations only rise; a slot
 *      whose generation is used up is never taken again.
 *  I2  configured left the parent's avail before the domain was published, and goes back after it
 *      was withdrawn; a debt (budget.c, I3) is the parent's too.
 *  I3  on any failure nothing has changed.
 */
#include "memory/budgets/domain.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"

enum { DOMAIN_SLOT_BITS = 8, DOMAIN_GENERATION_MAX = 0xffffff };
_Static_assert(PLIM__SLOT_COUNT <= 1u << DOMAIN_SLOT_BITS, "a slot is one byte of the handle");

/* The slot table of the process. `claim` outlives the record: 0 free, 1 taken; the generation is
   that of the handle that is, or was last. */
static plim__domain domain_table[PLIM__SLOT_COUNT];
static _Atomic uint32_t domain_claims[PLIM__SLOT_COUNT];
static uint32_t domain_generations[PLIM__SLOT_COUNT];

plim__domain *plim__domain_slot(uint32_t slot)
{
    PLIM_DCHECK(slot < PLIM__SLOT_COUNT);
    return &domain_table[slot];
}

plim__domain *plim__domain_of(plim_domain domain)
{
    uint32_t slot = domain.id & ((1u << DOMAIN_SLOT_BITS) - 1);
    if (domain.id == 0 || slot >= PLIM__SLOT_COUNT)
        return NULL;
    plim__domain *record = &domain_table[slot];
    return plim__load(&record->id) == domain.id ? record : NULL;
}

plim_domain plim__domain_handle(plim__domain *domain)
{
    return (plim_domain){plim__load(&domain->id)};
}

plim__domain *plim__bank_domain(plim__bank *bank, uint32_t index)
{
    uint32_t slot = plim__load(&bank->slots[index]);
    return slot != 0 && plim__load(&domain_table[slot].id) != 0 ? &domain_table[slot] : NULL;
}

plim__share *plim__bank_share(plim__bank *bank, uint32_t lender, uint32_t borrower)
{
    PLIM_DCHECK(lender < bank->domain_max && borrower < bank->domain_max);
    return &bank->shares[(size_t)lender * bank->domain_max + borrower];
}

void plim__bank_enter(plim__bank *bank)
{
    plim__lock_take(&bank->lock);
    (void)plim__add(&bank->moving, 1);
}

void plim__bank_leave(plim__bank *bank)
{
    (void)plim__sub(&bank->moving, 1);
    plim__lock_give(&bank->lock);
}

/* --- the bank ------------------------------------------------------------------------------ */

size_t plim__bank_shares_bytes(uint32_t domain_max)
{
    if (domain_max > PLIM__BANK_DOMAINS_MAX)
        return 0;
    return sizeof(plim__share) * domain_max * domain_max;
}

void plim__bank_init(plim__bank *bank, size_t total_bytes, uint32_t domain_max, void *shares,
                     const plim__bank_engine *engine)
{
    PLIM_CHECK(plim__core_is_amount(total_bytes));
    PLIM_CHECK(domain_max >= 1 && domain_max <= PLIM__BANK_DOMAINS_MAX && shares != NULL);
    static const plim__bank_engine no_engine;
    plim__budget_init(&bank->total, NULL, total_bytes);
    bank->shares = shares;
    bank->domain_max = domain_max;
    bank->engine = engine != NULL ? engine : &no_engine;
    memset(shares, 0, plim__bank_shares_bytes(domain_max));
    plim__store_relaxed(&bank->domain_count, 0);
    plim__store_relaxed(&bank->moving, 0);
    plim__store_relaxed(&bank->refusals_gone, 0);
    plim__lock_reset(&bank->lock);
    plim__store_relaxed(&bank->balancer, 0);
    for (uint32_t i = 0; i < PLIM__BANK_DOMAINS_MAX; i++)
        plim__store_relaxed(&bank->slots[i], 0);
    plim__sites_init(&bank->sites);
}

/* Withdraws a record: its handles are stale at once, its slot and index free last. */
static void domain_withdraw(plim__bank *bank, plim__domain *domain)
{
    (void)plim__add_relaxed(&bank->refusals_gone, plim__load_relaxed(&domain->refusals));
    plim__store(&domain->id, 0);
    if (bank->engine->gone != NULL)
        bank->engine->gone(domain);
    plim__store(&bank->slots[domain->index], 0);
    (void)plim__sub(&bank->domain_count, 1);
    plim__slot_release(domain->slot);
}

void plim__bank_fini(plim__bank *bank)
{
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain != NULL)
            domain_withdraw(bank, domain);
    }
}

uint32_t plim__slot_reserve(void)
{
    for (uint32_t slot = 1; slot < PLIM__SLOT_COUNT; slot++) {
        uint32_t free_claim = 0;
        if (plim__load(&domain_claims[slot]) == 0 &&
            plim__cas(&domain_claims[slot], &free_claim, 1))
            return slot;
    }
    return 0;
}

void plim__slot_release(uint32_t slot)
{
    /* At the last generation the slot stays taken: no handle is ever another's. */
    if (domain_generations[slot] < DOMAIN_GENERATION_MAX)
        plim__store(&domain_claims[slot], 0);
}

/* --- create -------------------------------------------------------------------------------- */

static plim__domain *bank_named(plim__bank *bank, const char *name)
{
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain != NULL && plim__strings_equal(domain->name, name))
            return domain;
    }
    return NULL;
}

static bool name_is_good(const char *name)
{
    if (name == NULL || name[0] == '\0')
        return false;
    for (size_t i = 0; i < PLIM_DOMAIN_NAME_BYTES; i++)
        if (name[i] == '\0')
            return true;
    return false;
}

static plim_status options_check(const plim_domain_options *options, plim_error *err)
{
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "plim_domain_options of %u bytes, not %zu",
                              options->struct_bytes, sizeof *options);
    if ((unsigned)options->priority > PLIM_PRIORITY_CRITICAL)
        return plim_error_set(err, PLIM_ERR_USAGE, "there is no priority %d",
                              (int)options->priority);
    if (options->floor_bytes > options->limit_bytes)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "the floor of %zu bytes is above the limit of "
                              "%zu",
                              options->floor_bytes, options->limit_bytes);
    if (options->cap_bytes != 0 && options->limit_bytes > options->cap_bytes)
        return plim_error_set(err, PLIM_ERR_USAGE, "the limit of %zu bytes is above the cap of %zu",
                              options->limit_bytes, options->cap_bytes);
    return PLIM_OK;
}

/* A free index of the bank and a free slot of the process; false if either is wanting. */
static bool place_reserve(plim__bank *bank, uint32_t *out_index, uint32_t *out_slot)
{
    uint32_t index = 0;
    while (index < bank->domain_max && plim__load(&bank->slots[index]) != 0)
        index++;
    if (index == bank->domain_max)
        return false;
    *out_index = index;
    *out_slot = plim__slot_reserve();
    return *out_slot != 0;
}

/* All but the id; nobody sees the record yet. */
static void domain_fill(plim__domain *domain, plim__bank *bank, const char *name,
                        const plim_domain_options *options, plim__domain *parent)
{
    domain->bank = bank;
    domain->parent = parent;
    domain->depth = parent != NULL ? parent->depth + 1 : 1;
    domain->floor_bytes = options->floor_bytes;
    domain->cap_bytes = options->cap_bytes == 0 || options->cap_bytes > PLIM__BYTES_MAX
                            ? PLIM__BYTES_MAX
                            : options->cap_bytes;
    domain->request_max_bytes = options->request_max_bytes;
    domain->priority = options->priority;
    domain->usual_bytes = 0;
    domain->quiet_steps = UINT32_MAX;
    domain->allocator = (plim_allocator){domain, bank->engine->resize};
    plim__store_relaxed(&domain->refusals, 0);
    plim__store_relaxed(&domain->refused_bytes, 0);
    memset(domain->name, 0, sizeof domain->name);
    memcpy(domain->name, name, plim__text_length(name, sizeof domain->name - 1));
}

/* Shows a filled record to everybody; false, and the slot is free again, if the engine refuses. */
static bool domain_publish(plim__bank *bank, plim__domain *domain, uint32_t index, uint32_t slot,
                           plim_domain *out_domain)
{
    domain->slot = slot;
    domain->index = index;
    if (bank->engine->opened != NULL && !bank->engine->opened(domain)) {
        plim__slot_release(slot);
        return false;
    }
    domain_generations[slot]++;
    *out_domain = (plim_domain){domain_generations[slot] << DOMAIN_SLOT_BITS | slot};
    (void)plim__add(&bank->domain_count, 1);
    plim__store(&bank->slots[index], (uint8_t)slot);
    plim__store(&domain->id, out_domain->id);
    return true;
}

static plim_status domain_has_no_room(const char *name, plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory for the records of domain \"%s\"",
                          name);
}

static plim_status slots_are_full(plim__bank *bank, const char *name, plim_error *err)
{
    return plim_error_set(
        err, PLIM_ERR_LIMIT, "no domain \"%s\": the manager has %zu of %u, the process %u at most",
        name, plim__load(&bank->domain_count), bank->domain_max, PLIM__SLOT_COUNT - 1);
}

/* With the lock. */
static plim_status domain_create_entered(plim__bank *bank, const char *name,
                                         const plim_domain_options *options, plim__domain *parent,
                                         plim_domain *out_domain, plim_error *err)
{
    uint32_t index, slot;
    if (bank_named(bank, name) != NULL)
        return plim_error_set(err, PLIM_ERR_EXISTS, "there is a domain \"%s\" already", name);
    if (!place_reserve(bank, &index, &slot))
        return slots_are_full(bank, name, err);
    plim__budget *above = parent != NULL ? &parent->budget : &bank->total;
    if (!plim__core_is_amount(options->limit_bytes) ||
        !plim__budget_draw(above, options->limit_bytes)) {
        plim__store(&domain_claims[slot], 0);
        return plim_error_set(
            err, PLIM_ERR_BUDGET, "a limit of %zu bytes for \"%s\": %s has %zu left",
            options->limit_bytes, name, parent != NULL ? parent->name : "the manager",
            plim__budget_left(above));
    }
    plim__domain *domain = &domain_table[slot];
    plim__budget_init(&domain->budget, above, options->limit_bytes);
    domain->is_shared = false;
    domain_fill(domain, bank, name, options, parent);
    if (domain_publish(bank, domain, index, slot, out_domain))
        return PLIM_OK;
    plim__budget_put(above, options->limit_bytes);
    return domain_has_no_room(name, err);
}

static void domain_drain(plim__bank *bank, plim__domain *domain)
{
    if (domain != NULL && bank->engine->drain != NULL)
        bank->engine->drain(domain);
}

plim_status plim__domain_create(plim__bank *bank, const char *name,
                                const plim_domain_options *options, plim_domain *out_domain,
                                plim_error *err)
{
    PLIM_CHECK(options != NULL && out_domain != NULL);
    if (!name_is_good(name))
        return plim_error_set(err, PLIM_ERR_USAGE, "a domain's name has 1 to %d bytes",
                              PLIM_DOMAIN_NAME_BYTES - 1);
    plim_status status = options_check(options, err);
    if (status != PLIM_OK)
        return status;
    plim__domain *parent = plim__domain_of(options->parent);
    if (options->parent.id != 0 && (parent == NULL || parent->bank != bank || parent->is_shared))
        return plim_error_set(err, PLIM_ERR_STALE,
                              "the parent of \"%s\" is not a domain with a "
                              "limit in this manager",
                              name);
    if (parent != NULL && parent->depth >= PLIM__DOMAIN_DEPTH_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "\"%s\" would be nested deeper than %u", name,
                              PLIM__DOMAIN_DEPTH_MAX);
    /* What the parent's threads have cached is not in use. */
    if (parent != NULL && plim__budget_left(&parent->budget) < options->limit_bytes)
        domain_drain(bank, parent);
    plim__bank_enter(bank);
    status = domain_create_entered(bank, name, options, parent, out_domain, err);
    plim__bank_leave(bank);
    return status;
}

plim_status plim__domain_shared(plim__bank *bank, const char *name, plim_domain *out_domain,
                                plim_error *err)
{
    static const plim_domain_options plain;
    if (!name_is_good(name))
        return plim_error_set(err, PLIM_ERR_USAGE, "a domain's name has 1 to %d bytes",
                              PLIM_DOMAIN_NAME_BYTES - 1);
    plim_status status = PLIM_OK;
    uint32_t index, slot;
    plim__bank_enter(bank);
    plim__domain *domain = bank_named(bank, name);
    if (domain != NULL) {
        *out_domain = plim__domain_handle(domain);
    } else if (place_reserve(bank, &index, &slot)) {
        domain = &domain_table[slot];
        plim__budget_init_shared(&domain->budget, &bank->total);
        domain->is_shared = true;
        domain_fill(domain, bank, name, &plain, NULL);
        if (!domain_publish(bank, domain, index, slot, out_domain))
            status = domain_has_no_room(name, err);
    } else {
        status = slots_are_full(bank, name, err);
    }
    plim__bank_leave(bank);
    return status;
}

plim_status plim__domain_find(plim__bank *bank, const char *name, plim_domain *out_domain)
{
    plim__bank_enter(bank);
    plim__domain *domain = bank_named(bank, name);
    if (domain != NULL)
        *out_domain = plim__domain_handle(domain);
    plim__bank_leave(bank);
    return domain != NULL ? PLIM_OK : PLIM_ERR_NOT_FOUND;
}

/* --- destroy ------------------------------------------------------------------------------- */

/* What keeps the domain from ending, in words; NULL if nothing does. */
static const char *domain_keeper(plim__bank *bank, plim__domain *domain, size_t *out_count)
{
    *out_count = plim__budget_charged(&domain->budget);
    if (*out_count != 0)
        return "bytes in live blocks";
    size_t loans = 0;
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *other = plim__bank_domain(bank, i);
        *out_count += other != NULL && other->parent == domain;
        plim__share *given = plim__bank_share(bank, domain->index, i);
        plim__share *taken = plim__bank_share(bank, i, domain->index);
        loans += plim__load(&given->out) != 0 || plim__load(&taken->out) != 0;
    }
    if (*out_count != 0)
        return "children";
    *out_count = loans;
    return loans != 0 ? "open loans" : NULL;
}

/* Nobody may lend to or from this index any more. */
static void shares_clear(plim__bank *bank, uint32_t index)
{
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__share *pair[] = {plim__bank_share(bank, index, i), plim__bank_share(bank, i, index)};
        for (size_t k = 0; k < 2; k++) {
            plim__store(&pair[k]->quota, 0);
            plim__store(&pair[k]->left, 0);
            plim__store(&pair[k]->open, 0);
        }
    }
}

/* With the lock. */
static plim_status domain_destroy_entered(plim__bank *bank, plim__domain *domain, plim_error *err)
{
    size_t count;
    const char *keeper = domain_keeper(bank, domain, &count);
    if (keeper != NULL)
        return plim_error_set(err, PLIM_ERR_BUSY, "domain \"%s\" has %zu %s", domain->name, count,
                              keeper);
    /* All of the limit unused and taken in one step: whoever comes now is refused. */
    if (!domain->is_shared) {
        size_t configured = plim__load(&domain->budget.configured);
        if (!plim__budget_draw(&domain->budget, configured))
            return plim_error_set(err, PLIM_ERR_BUSY, "domain \"%s\" is being allocated from",
                                  domain->name);
        shares_clear(bank, domain->index);
        domain_withdraw(bank, domain);
        plim__budget_put(domain->budget.parent, configured);
        return PLIM_OK;
    }
    domain_withdraw(bank, domain);
    return PLIM_OK;
}

plim_status plim_domain_destroy(plim_domain domain, plim_error *err)
{
    plim__domain *record = plim__domain_of(domain);
    if (record == NULL)
        return plim_error_set(err, PLIM_ERR_STALE, "the domain is stale");
    plim__bank *bank = record->bank;
    domain_drain(bank, record);
    plim__bank_enter(bank);
    plim_status status = plim__domain_of(domain) != record
                             ? plim_error_set(err, PLIM_ERR_STALE, "the domain is stale")
                             : domain_destroy_entered(bank, record, err);
    plim__bank_leave(bank);
    return status;
}

/* --- limits -------------------------------------------------------------------------------- */

static plim_status limit_raise(plim__domain *domain, size_t old, size_t limit_bytes,
                               plim_error *err)
{
    size_t more = limit_bytes - old;
    ptrdiff_t net = plim__load(&domain->budget.net);
    do {
        if (!plim__core_fits(plim__core_way(net, (ptrdiff_t)domain->cap_bytes), more))
            return plim_error_set(err, PLIM_ERR_USAGE,
                                  "a limit of %zu bytes and what \"%s\" has "
                                  "borrowed are above its cap of %zu",
                                  limit_bytes, domain->name, domain->cap_bytes);
    } while (!plim__cas_weak(&domain->budget.net, &net, plim__core_give(net, more)));
    if (plim__budget_raise(&domain->budget, more))
        return PLIM_OK;
    (void)plim__sub(&domain->budget.net, (ptrdiff_t)more);
    return plim_error_set(err, PLIM_ERR_BUDGET, "%zu bytes more for \"%s\": %s has %zu left", more,
                          domain->name,
                          domain->parent != NULL ? domain->parent->name : "the manager",
                          plim__budget_left(domain->budget.parent));
}

/* With the lock. */
static plim_status limit_set_entered(plim__domain *domain, size_t limit_bytes, plim_error *err)
{
    size_t old = plim__load(&domain->budget.configured);
    if (domain->is_shared)
        return plim_error_set(err, PLIM_ERR_USAGE, "\"%s\" was made without a limit of its own",
                              domain->name);
    if (limit_bytes < domain->floor_bytes || limit_bytes > domain->cap_bytes)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a limit of %zu bytes for \"%s\" is outside its "
                              "floor of %zu and cap of %zu",
                              limit_bytes, domain->name, domain->floor_bytes, domain->cap_bytes);
    if (limit_bytes > old)
        return limit_raise(domain, old, limit_bytes, err);
    (void)plim__sub(&domain->budget.net, (ptrdiff_t)(old - limit_bytes));
    plim__budget_lower(&domain->budget, old - limit_bytes);
    return PLIM_OK;
}

plim_status plim_domain_limit_set(plim_domain domain, size_t limit_bytes, plim_error *err)
{
    plim__domain *record = plim__domain_of(domain);
    if (record == NULL)
        return plim_error_set(err, PLIM_ERR_STALE, "the domain is stale");
    plim__bank *bank = record->bank;
    size_t limit_now = plim__load(&record->budget.configured);
    if (limit_bytes > limit_now &&
        plim__budget_left(record->budget.parent) < limit_bytes - limit_now)
        domain_drain(bank, record->parent);
    plim__bank_enter(bank);
    plim_status status = plim__domain_of(domain) != record
                             ? plim_error_set(err, PLIM_ERR_STALE, "the domain is stale")
                             : limit_set_entered(record, limit_bytes, err);
    plim__bank_leave(bank);
    /* What threads have cached pays first. */
    if (status == PLIM_OK && plim__budget_owed(&record->budget) != 0)
        domain_drain(bank, record);
    return status;
}

/* By its definition: configured + borrowed - lent - granted to children - their debts; exact while
   nobody changes limits or lends. Shared: charged + what the total has left. */
static size_t domain_limit(plim__domain *domain)
{
    if (domain->is_shared)
        return plim__budget_charged(&domain->budget) + plim__budget_left(&domain->budget);
    plim__bank *bank = domain->bank;
    size_t in = plim__load(&domain->budget.configured), out = 0;
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        in += plim__load(&plim__bank_share(bank, i, domain->index)->out);
        out += plim__load(&plim__bank_share(bank, domain->index, i)->out);
        plim__domain *other = plim__bank_domain(bank, i);
        if (other != NULL && other->parent == domain)
            out += plim__load(&other->budget.configured) + plim__budget_owed(&other->budget);
    }
    return in > out ? in - out : 0;
}

/* --- figures ------------------------------------------------------------------------------- */

void plim__domain_refused(plim__domain *domain, size_t charge_bytes, const char *site)
{
    (void)plim__add_relaxed(&domain->refusals, 1);
    size_t most = plim__load_relaxed(&domain->refused_bytes);
    while (most < charge_bytes)
        if (plim__cas_weak(&domain->refused_bytes, &most, charge_bytes))
            break;
    plim__sites_add(&domain->bank->sites, plim__domain_handle(domain), site);
}

plim_status plim_domain_stats_read(plim_domain domain, plim_domain_stats *out_stats)
{
    PLIM_CHECK(out_stats != NULL);
    plim__domain *record = plim__domain_of(domain);
    if (record == NULL)
        return PLIM_ERR_STALE;
    plim__bank *bank = record->bank;
    plim_domain_stats stats = {0};
    memcpy(stats.name, record->name, sizeof stats.name);
    stats.parent = record->parent != NULL ? plim__domain_handle(record->parent) : (plim_domain){0};
    stats.priority = record->priority;
    stats.limit_bytes = domain_limit(record);
    stats.configured_bytes = plim__load(&record->budget.configured);
    stats.floor_bytes = record->floor_bytes;
    stats.requested_bytes = stats.requested_high_water_bytes = UINT64_MAX;
    if (bank->engine->figures != NULL)
        bank->engine->figures(record, &stats);
    size_t charged = plim__budget_charged(&record->budget);
    stats.used_bytes = charged > stats.cached_bytes ? charged - stats.cached_bytes : 0;
    stats.high_water_bytes = plim__budget_mark(&record->budget);
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        stats.lent_bytes += plim__load(&plim__bank_share(bank, record->index, i)->out);
        stats.borrowed_bytes += plim__load(&plim__bank_share(bank, i, record->index)->out);
    }
    stats.owed_bytes = record->is_shared ? 0 : plim__budget_owed(&record->budget);
    stats.refusal_count = plim__load_relaxed(&record->refusals);
    *out_stats = stats;
    return PLIM_OK;
}

plim_status plim_domain_high_water_reset(plim_domain domain, uint64_t *out_bytes)
{
    plim__domain *record = plim__domain_of(domain);
    if (record == NULL)
        return PLIM_ERR_STALE;
    size_t mark = plim__budget_mark_reset(&record->budget);
    if (record->bank->engine->mark_reset != NULL)
        record->bank->engine->mark_reset(record);
    if (out_bytes != NULL)
        *out_bytes = mark;
    return PLIM_OK;
}

const plim_allocator *plim_domain_allocator(plim_domain domain)
{
    plim__domain *record = plim__domain_of(domain);
    return record != NULL ? &record->allocator : NULL;
}

size_t plim__domain_tables_bytes(void)
{
    return sizeof domain_table + sizeof domain_claims + sizeof domain_generations;
}

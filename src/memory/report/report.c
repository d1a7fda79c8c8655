/* SPDX-License-Identifier: MIT */
/*
 * The report: who holds what, for people and for programs. It takes no memory and holds no lock
 * while the sink runs: domains are listed once, then each row is read as it is written. A domain
 * that ends meanwhile has no row.
 */
#include <plimsoll/manager.h>

#include "base/assert.h"
#include "memory/checks/checked.h"
#include "memory/engine/engine.h"
#include "memory/report/report_holds.h"
#include "memory/report/report_out.h"

enum { REPORT_NAME_COLUMNS = 18 };

/* The domains, parents before children. */
typedef struct report_list {
    uint32_t count;
    struct {
        plim_domain domain;
        uint8_t depth;
    } rows[PLIM__BANK_DOMAINS_MAX];
} report_list;

static const char *const report_backings[] = {
    [PLIM_BACKING_MAP] = "map",
    [PLIM_BACKING_FIXED] = "fixed",
    [PLIM_BACKING_LIBC] = "libc",
    [PLIM_BACKING_EMULATED] = "emulated",
};
static const char *const report_levels[] = {
    [PLIM_VERIFY_DEFAULT] = "default", [PLIM_VERIFY_NONE] = "none",
    [PLIM_VERIFY_MINIMAL] = "minimal", [PLIM_VERIFY_STANDARD] = "standard",
    [PLIM_VERIFY_FULL] = "full",       [PLIM_VERIFY_REDUNDANT] = "redundant",
};
static const char *const report_priorities[] = {
    [PLIM_PRIORITY_NORMAL] = "normal",
    [PLIM_PRIORITY_LOW] = "low",
    [PLIM_PRIORITY_HIGH] = "high",
    [PLIM_PRIORITY_CRITICAL] = "critical",
};

/* Those right below a parent (NULL: the total) go behind `after`. */
static void report_insert(plim__bank *bank, report_list *list, const plim__domain *parent,
                          uint32_t after)
{
    uint32_t at = after;
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain == NULL || domain->parent != parent || list->count == PLIM__BANK_DOMAINS_MAX)
            continue;
        for (uint32_t behind = list->count++; behind > at; behind--)
            list->rows[behind] = list->rows[behind - 1];
        list->rows[at].domain = plim__domain_handle(domain);
        list->rows[at++].depth = (uint8_t)(domain->depth - 1);
    }
}

static void report_list_domains(plim__bank *bank, report_list *list)
{
    list->count = 0;
    plim__bank_enter(bank);
    report_insert(bank, list, NULL, 0);
    for (uint32_t row = 0; row < list->count; row++) {
        const plim__domain *domain = plim__domain_of(list->rows[row].domain);
        if (domain != NULL)
            report_insert(bank, list, domain, row + 1);
    }
    plim__bank_leave(bank);
}

/* A domain's name, "" if it has ended. */
static void report_name(plim_domain domain, char name[PLIM_DOMAIN_NAME_BYTES])
{
    plim_domain_stats stats;
    name[0] = '\0';
    if (plim_domain_stats_read(domain, &stats) == PLIM_OK)
        for (size_t i = 0; i < PLIM_DOMAIN_NAME_BYTES; i++)
            name[i] = stats.name[i];
}

static bool report_is_shared(plim_domain domain)
{
    const plim__domain *record = plim__domain_of(domain);
    return record != NULL && record->is_shared;
}

/* ---- for people ---------------------------------------------------------------------------- */

static void report_sum(plim__report_out *out, const char *before, uint64_t number, const char *word)
{
    plim__report_format(out, "%s", before);
    plim__report_number(out, number);
    plim__report_format(out, " %s", word);
}

static void report_head_text(plim__report_out *out, const plim_manager *manager,
                             const plim_manager_stats *stats)
{
    plim__report_format(out, "manager ");
    plim__report_plain_string(out, manager->name, 0);
    plim__report_format(out, ": backing %s, level %s%s\n", report_backings[manager->backing],
                        report_levels[manager->verify], manager->is_sealed ? ", sealed" : "");
    report_sum(out, "total ", stats->total_bytes, "bytes, ");
    report_sum(out, "", stats->unassigned_bytes, "of them granted to no domain\n");
    report_sum(out, "held  ", stats->held_bytes, "bytes = ");
    report_sum(out, "", stats->used_bytes, "used + ");
    report_sum(out, "", stats->cached_bytes, "cached + ");
    report_sum(out, "", stats->slack_bytes, "slack + ");
    report_sum(out, "", stats->free_bytes, "free + ");
    report_sum(out, "", stats->tables_bytes, "tables");
    plim__report_format(out, "; peak ");
    plim__report_number(out, stats->held_high_water_bytes);
    report_sum(out, "\nprocess-wide tables ", stats->process_bytes, "bytes more\n");
}

static void report_row_text(plim__report_out *out, plim_domain domain, uint8_t depth, bool is_exact)
{
    plim_domain_stats stats;
    if (plim_domain_stats_read(domain, &stats) != PLIM_OK)
        return;
    for (uint8_t i = 0; i < depth; i++)
        plim__report_put(out, "  ", 2);
    size_t indent = (size_t)depth * 2;
    plim__report_plain_string(out, stats.name, REPORT_NAME_COLUMNS - indent);
    plim__report_amount(out, report_is_shared(domain) ? UINT64_MAX : stats.limit_bytes);
    plim__report_amount(out, stats.used_bytes);
    plim__report_amount(out, stats.cached_bytes);
    plim__report_amount(out, stats.high_water_bytes);
    if (is_exact)
        plim__report_amount(out, stats.requested_bytes);
    plim__report_format(out, "%9llu%9llu\n", (unsigned long long)stats.allocation_count,
                        (unsigned long long)stats.refusal_count);
    if (stats.owed_bytes > 0) {
        plim__report_format(out, "%*s", REPORT_NAME_COLUMNS, "");
        report_sum(out, "owes ", stats.owed_bytes, "bytes above a limit that was lowered\n");
    }
}

/* One pair of the sharing matrix. */
typedef struct report_loan {
    char lender[PLIM_DOMAIN_NAME_BYTES];
    char borrower[PLIM_DOMAIN_NAME_BYTES];
    uint64_t quota_bytes;
    uint64_t lent_bytes;
} report_loan;

/* False: nothing may be lent there and nothing is, or one of the two has ended. */
static bool report_loan_read(plim__bank *bank, uint32_t pair, report_loan *loan)
{
    uint32_t lender = pair / bank->domain_max, borrower = pair % bank->domain_max;
    plim__share *share = plim__bank_share(bank, lender, borrower);
    loan->quota_bytes = plim__load(&share->quota);
    loan->lent_bytes = plim__load(&share->out);
    if (loan->quota_bytes == 0 && loan->lent_bytes == 0)
        return false;
    plim__domain *from = plim__bank_domain(bank, lender), *to = plim__bank_domain(bank, borrower);
    if (from == NULL || to == NULL)
        return false;
    report_name(plim__domain_handle(from), loan->lender);
    report_name(plim__domain_handle(to), loan->borrower);
    return loan->lender[0] != '\0' && loan->borrower[0] != '\0';
}

static void report_loans_text(plim__report_out *out, plim__bank *bank)
{
    bool is_first = true;
    for (uint32_t pair = 0; pair < bank->domain_max * bank->domain_max; pair++) {
        report_loan loan;
        if (!report_loan_read(bank, pair, &loan))
            continue;
        if (is_first)
            plim__report_format(out, "\n%-*s%-*s%11s%11s\n", REPORT_NAME_COLUMNS, "lender",
                                REPORT_NAME_COLUMNS, "borrower", "lent", "quota");
        is_first = false;
        plim__report_plain_string(out, loan.lender, REPORT_NAME_COLUMNS);
        plim__report_plain_string(out, loan.borrower, REPORT_NAME_COLUMNS);
        plim__report_amount(out, loan.lent_bytes);
        plim__report_amount(out, loan.quota_bytes);
        plim__report_format(out, "\n");
    }
}

/* A row of refusals; false if it is not there (yet). */
static bool report_site_read(const plim__site *row, char name[PLIM_DOMAIN_NAME_BYTES],
                             uint64_t *out_count)
{
    if (plim__load(&row->state) != 2)
        return false;
    *out_count = plim__load_relaxed(&row->count);
    report_name(row->domain, name);
    return true;
}

static void report_sites_text(plim__report_out *out, const plim__sites *sites)
{
    char name[PLIM_DOMAIN_NAME_BYTES];
    uint64_t count, elsewhere = plim__load_relaxed(&sites->elsewhere);
    bool is_first = true;
    for (uint32_t i = 0; i < PLIM__SITES_MAX; i++) {
        const plim__site *row = &sites->rows[i];
        if (!report_site_read(row, name, &count))
            continue;
        if (is_first)
            plim__report_format(out, "\n%-*s%9s  at\n", REPORT_NAME_COLUMNS, "refused", "times");
        is_first = false;
        plim__report_plain_string(out, name[0] != '\0' ? name : "(ended)", REPORT_NAME_COLUMNS);
        plim__report_format(out, "%9llu  ", (unsigned long long)count);
        plim__report_plain_string(out, row->site[0] != '\0' ? row->site : "(unknown)", 0);
        plim__report_format(out, "\n");
    }
    if (elsewhere > 0)
        plim__report_format(out, "%-*s%9llu  (at more places than are counted)\n",
                            REPORT_NAME_COLUMNS, "", (unsigned long long)elsewhere);
}

static void report_text(plim__report_out *out, plim_manager *manager, const report_list *list)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    report_head_text(out, manager, &stats);
    bool is_exact = plim__is_exact(manager); /* what was asked for is kept */
    plim__report_format(out, "\n%-*s%11s%11s%11s%11s", REPORT_NAME_COLUMNS, "domain", "limit",
                        "used", "cached", "peak");
    if (is_exact)
        plim__report_format(out, "%11s", "asked for");
    plim__report_format(out, "%9s%9s\n", "blocks", "refused");
    for (uint32_t i = 0; i < list->count; i++)
        report_row_text(out, list->rows[i].domain, list->rows[i].depth, is_exact);
    report_loans_text(out, &manager->bank);
    report_sites_text(out, &manager->bank.sites);
#ifndef PLIM_BARE /* more than a small device's stack has room for */
    plim__report_holds_text(out, manager);
#endif
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void report_figure(plim__report_out *out, const char *key, uint64_t value)
{
    if (value == UINT64_MAX)
        plim__report_format(out, ",\"%s\":null", key);
    else
        plim__report_format(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void report_manager_json(plim__report_out *out, const plim_manager *manager)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    plim__report_format(out, "\"manager\":{\"name\":");
    plim__report_json_string(out, manager->name);
    plim__report_format(out, ",\"backing\":\"%s\",\"verify\":\"%s\",\"sealed\":%s",
                        report_backings[manager->backing], report_levels[manager->verify],
                        manager->is_sealed ? "true" : "false");
    report_figure(out, "total_bytes", stats.total_bytes);
    report_figure(out, "unassigned_bytes", stats.unassigned_bytes);
    report_figure(out, "used_bytes", stats.used_bytes);
    report_figure(out, "cached_bytes", stats.cached_bytes);
    report_figure(out, "slack_bytes", stats.slack_bytes);
    report_figure(out, "free_bytes", stats.free_bytes);
    report_figure(out, "tables_bytes", stats.tables_bytes);
    report_figure(out, "held_bytes", stats.held_bytes);
    report_figure(out, "held_high_water_bytes", stats.held_high_water_bytes);
    report_figure(out, "process_bytes", stats.process_bytes);
    report_figure(out, "allocation_count", stats.allocation_count);
    report_figure(out, "refusal_count", stats.refusal_count);
    plim__report_format(out, "}");
}

static bool report_row_json(plim__report_out *out, plim_domain domain, bool is_first)
{
    plim_domain_stats stats;
    if (plim_domain_stats_read(domain, &stats) != PLIM_OK)
        return false;
    char parent[PLIM_DOMAIN_NAME_BYTES];
    report_name(stats.parent, parent);
    bool is_shared = report_is_shared(domain);
    plim__report_format(out, is_first ? "{\"name\":" : ",{\"name\":");
    plim__report_json_string(out, stats.name);
    plim__report_format(out, ",\"parent\":");
    plim__report_json_string(out, parent[0] != '\0' ? parent : NULL);
    plim__report_format(out, ",\"priority\":\"%s\"", report_priorities[stats.priority]);
    report_figure(out, "limit_bytes", is_shared ? UINT64_MAX : stats.limit_bytes);
    report_figure(out, "configured_bytes", is_shared ? UINT64_MAX : stats.configured_bytes);
    report_figure(out, "floor_bytes", stats.floor_bytes);
    report_figure(out, "used_bytes", stats.used_bytes);
    report_figure(out, "cached_bytes", stats.cached_bytes);
    report_figure(out, "high_water_bytes", stats.high_water_bytes);
    report_figure(out, "requested_bytes", stats.requested_bytes);
    report_figure(out, "requested_high_water_bytes", stats.requested_high_water_bytes);
    report_figure(out, "lent_bytes", stats.lent_bytes);
    report_figure(out, "borrowed_bytes", stats.borrowed_bytes);
    report_figure(out, "owed_bytes", stats.owed_bytes);
    report_figure(out, "allocation_count", stats.allocation_count);
    report_figure(out, "allocation_total", stats.allocation_total);
    report_figure(out, "refusal_count", stats.refusal_count);
    plim__report_format(out, "}");
    return true;
}

static void report_loans_json(plim__report_out *out, plim__bank *bank)
{
    bool is_first = true;
    for (uint32_t pair = 0; pair < bank->domain_max * bank->domain_max; pair++) {
        report_loan loan;
        if (!report_loan_read(bank, pair, &loan))
            continue;
        plim__report_format(out, is_first ? "{\"lender\":" : ",{\"lender\":");
        is_first = false;
        plim__report_json_string(out, loan.lender);
        plim__report_format(out, ",\"borrower\":");
        plim__report_json_string(out, loan.borrower);
        report_figure(out, "quota_bytes", loan.quota_bytes);
        report_figure(out, "lent_bytes", loan.lent_bytes);
        plim__report_format(out, "}");
    }
}

static void report_sites_json(plim__report_out *out, const plim__sites *sites)
{
    char name[PLIM_DOMAIN_NAME_BYTES];
    uint64_t count;
    bool is_first = true;
    for (uint32_t i = 0; i < PLIM__SITES_MAX; i++) {
        const plim__site *row = &sites->rows[i];
        if (!report_site_read(row, name, &count))
            continue;
        plim__report_format(out, is_first ? "{\"domain\":" : ",{\"domain\":");
        is_first = false;
        plim__report_json_string(out, name[0] != '\0' ? name : NULL);
        plim__report_format(out, ",\"site\":");
        plim__report_json_string(out, row->site[0] != '\0' ? row->site : NULL);
        report_figure(out, "count", count);
        plim__report_format(out, "}");
    }
}

static void report_json(plim__report_out *out, plim_manager *manager, const report_list *list)
{
    plim__report_format(out, "{\"schema\":\"plim.report/1\",");
    report_manager_json(out, manager);
    plim__report_format(out, ",\"domains\":[");
    bool is_first = true;
    for (uint32_t i = 0; i < list->count; i++)
        if (report_row_json(out, list->rows[i].domain, is_first))
            is_first = false;
    plim__report_format(out, "],\"shares\":[");
    report_loans_json(out, &manager->bank);
    plim__report_format(out, "],\"refusals\":[");
    report_sites_json(out, &manager->bank.sites);
    plim__report_format(out, "]");
    report_figure(out, "refusals_elsewhere", plim__load_relaxed(&manager->bank.sites.elsewhere));
#ifndef PLIM_BARE
    plim__report_holds_json(out, manager);
#endif
    plim__report_format(out, "}\n");
}

plim_status plim_report(plim_manager *manager, plim_report_form form, plim_sink sink,
                        plim_error *err)
{
    PLIM_CHECK(sink.write != NULL);
    if (manager == NULL)
        manager = plim_manager_default();
    if (manager == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "the system refused the default manager");
    PLIM_CHECK_OBJ(manager, PLIM__MANAGER_MAGIC);
    plim__report_out out;
    out.sink = sink;
    out.err = err;
    out.status = PLIM_OK;
    out.length = 0;
    report_list list;
    report_list_domains(&manager->bank, &list);
    if (form == PLIM_REPORT_JSON)
        report_json(&out, manager, &list);
    else
        report_text(&out, manager, &list);
    return plim__report_end(&out);
}

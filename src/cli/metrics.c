/* SPDX-License-Identifier: MIT */
/*
 * Each family of figures stands together: HELP, TYPE, UNIT, then its samples, of all targets. A
 * figure that is not known is not there, never 0; of a target that is down only plim_up is.
 * Names, types and units are OpenMetrics 1.0:
 * https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
#include "cli/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

typedef struct metrics_page {
    plim__draft *out;
    bool is_open;
    const plim__metric_target *targets;
    uint32_t count;
} metrics_page;

/* Backslash, quote and line end, as the format has it; the rest as it is. Bytes that are no UTF-8
   would end the whole page for a collector: they become '?'. */
void plim__metrics_label(plim__draft *out, const char *key, const char *value)
{
    static const unsigned char least[] = {0, 0, 0xc2, 0xe0, 0xf0};
    plim__draft_printf(out, "%s=\"", key);
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0';) {
        size_t length = *at < 0x80 ? 1 : *at >= 0xf0 && *at < 0xf5 ? 4 : *at >= 0xe0 ? 3 : 2;
        bool is_text = *at < 0x80 || (*at >= least[length] && *at < 0xf5);
        for (size_t i = 1; is_text && i < length; i++)
            is_text = (at[i] & 0xc0) == 0x80;
        if (!is_text) {
            plim__draft_puts(out, "?");
            at++;
            continue;
        }
        if (*at == '\\' || *at == '"')
            plim__draft_printf(out, "\\%c", *at);
        else if (*at == '\n')
            plim__draft_puts(out, "\\n");
        else
            plim__draft_add(out, at, length);
        at += length;
    }
    plim__draft_puts(out, "\"");
}

/* In the older text a counter's family has its samples' name, and units are not said. */
static void metrics_family(const metrics_page *page, const char *name, const char *type,
                           const char *unit, const char *help)
{
    bool is_counter = strcmp(type, "counter") == 0;
    bool is_info = strcmp(type, "info") == 0;
    const char *end = page->is_open ? "" : is_counter ? "_total" : is_info ? "_info" : "";
    plim__draft_printf(page->out, "# HELP %s%s %s\n", name, end, help);
    plim__draft_printf(page->out, "# TYPE %s%s %s\n", name, end,
                       is_info && !page->is_open ? "gauge" : type);
    if (page->is_open && unit[0] != '\0')
        plim__draft_printf(page->out, "# UNIT %s %s\n", name, unit);
}

/* "name{target="…",key="value"} ", up to the figure. */
static void metrics_sample(const metrics_page *page, const char *name,
                           const plim__metric_target *target, const char *key, const char *value)
{
    plim__draft_printf(page->out, "%s{", name);
    plim__metrics_label(page->out, "target", target->address);
    if (key != NULL) {
        plim__draft_puts(page->out, ",");
        plim__metrics_label(page->out, key, value);
    }
    plim__draft_puts(page->out, "} ");
}

static void metrics_figure(const metrics_page *page, const char *name,
                           const plim__metric_target *target, const char *key, const char *value,
                           uint64_t figure)
{
    if (figure == PLIM_UNKNOWN)
        return;
    metrics_sample(page, name, target, key, value);
    plim__draft_printf(page->out, "%" PRIu64 "\n", figure);
}

static void metrics_about(const metrics_page *page)
{
    metrics_family(page, "plim_build", "info", "", "The version of plim.");
    plim__draft_puts(page->out, "plim_build_info{version=\"" PLIM_VERSION "\"} 1\n");
    metrics_family(page, "plim_up", "gauge", "", "Whether the target answered when last asked.");
    for (uint32_t i = 0; i < page->count; i++)
        metrics_figure(page, "plim_up", &page->targets[i], NULL, NULL, page->targets[i].is_up);
    metrics_family(page, "plim_reconnects", "counter", "", "How often a target was lost.");
    for (uint32_t i = 0; i < page->count; i++)
        metrics_figure(page, "plim_reconnects_total", &page->targets[i], NULL, NULL,
                       page->targets[i].reconnects);
    metrics_family(page, "plim_target", "info", "", "What runs there.");
    for (uint32_t i = 0; i < page->count; i++) {
        const plim__metric_target *target = &page->targets[i];
        if (!target->is_up)
            continue;
        plim__draft_puts(page->out, "plim_target_info{");
        plim__metrics_label(page->out, "target", target->address);
        plim__draft_puts(page->out, ",");
        plim__metrics_label(page->out, "runtime", target->runtime);
        plim__draft_puts(page->out, ",");
        plim__metrics_label(page->out, "version", target->version);
        plim__draft_puts(page->out, ",");
        plim__metrics_label(page->out, "title", target->title);
        plim__draft_puts(page->out, "} 1\n");
    }
    metrics_family(page, "plim_looked_timestamp_seconds", "gauge", "seconds",
                   "When these figures were taken.");
    for (uint32_t i = 0; i < page->count; i++) {
        const plim__metric_target *target = &page->targets[i];
        if (!target->is_up)
            continue;
        metrics_sample(page, "plim_looked_timestamp_seconds", target, NULL, NULL);
        plim__draft_printf(page->out, "%" PRIu64 ".%03u\n", target->looked_ns / 1000000000u,
                           (unsigned)(target->looked_ns / 1000000u % 1000));
    }
}

/* A family of one figure of plim_usage, at its place in it. */
static const struct metrics_of_usage {
    const char *name, *help, *space;
    size_t at;
} metrics_usage[] = {
    {"plim_heap_used_bytes", "Memory of the heap that is in use.", "heap",
     offsetof(plim_usage, used_bytes)},
    {"plim_heap_used_bytes", "", "embedder", offsetof(plim_usage, embedder_bytes)},
    {"plim_heap_used_bytes", "", "backing_store", offsetof(plim_usage, backing_store_bytes)},
    {"plim_heap_total_bytes", "Memory that the heap has, used or not.", "heap",
     offsetof(plim_usage, total_bytes)},
    {"plim_process_resident_memory_bytes", "Memory of the target's process that is resident.", NULL,
     offsetof(plim_usage, process_rss_bytes)},
    {"plim_process_resident_memory_peak_bytes", "The most of it there ever was.", NULL,
     offsetof(plim_usage, process_peak_bytes)},
    {"plim_cgroup_limit_bytes", "What the target's control group may take.", NULL,
     offsetof(plim_usage, cgroup_limit_bytes)},
    {"plim_cgroup_used_bytes", "What it has taken.", NULL, offsetof(plim_usage, cgroup_used_bytes)},
};

static void metrics_heaps(const metrics_page *page)
{
    for (size_t row = 0; row < sizeof metrics_usage / sizeof metrics_usage[0]; row++) {
        const struct metrics_of_usage *one = &metrics_usage[row];
        if (one->help[0] != '\0')
            metrics_family(page, one->name, "gauge", "bytes", one->help);
        for (uint32_t i = 0; i < page->count; i++) {
            uint64_t figure;
            const plim__metric_target *target = &page->targets[i];
            if (!target->is_up || !target->has_usage)
                continue;
            memcpy(&figure, (const char *)&target->usage + one->at, sizeof figure);
            metrics_figure(page, one->name, target, one->space != NULL ? "space" : NULL, one->space,
                           figure);
        }
    }
    metrics_family(page, "plim_fragmentation_ratio", "gauge", "ratio",
                   "The share of the heap's memory that holds nothing.");
    for (uint32_t i = 0; i < page->count; i++) {
        const plim__metric_target *target = &page->targets[i];
        const plim_usage *usage = &target->usage;
        if (!target->is_up || !target->has_usage || usage->total_bytes == PLIM_UNKNOWN ||
            usage->total_bytes == 0 || usage->used_bytes > usage->total_bytes)
            continue;
        metrics_sample(page, "plim_fragmentation_ratio", target, NULL, NULL);
        plim__draft_printf(page->out, "%.6f\n",
                           (double)(usage->total_bytes - usage->used_bytes) /
                               (double)usage->total_bytes);
    }
}

static const struct metrics_of_domain {
    const char *name, *sample, *type, *unit, *help;
    size_t at;
} metrics_domains[] = {
    {"plim_budget_bytes", "plim_budget_bytes", "gauge", "bytes", "What a domain may hold.",
     offsetof(plim__metric_domain, limit_bytes)},
    {"plim_budget_used_bytes", "plim_budget_used_bytes", "gauge", "bytes", "What it holds.",
     offsetof(plim__metric_domain, used_bytes)},
    {"plim_budget_high_water_bytes", "plim_budget_high_water_bytes", "gauge", "bytes",
     "The most it ever held.", offsetof(plim__metric_domain, high_water_bytes)},
    {"plim_budget_denied", "plim_budget_denied_total", "counter", "",
     "Requests that did not fit its budget.", offsetof(plim__metric_domain, denied)},
    {"plim_live_objects", "plim_live_objects", "gauge", "", "Blocks that it holds.",
     offsetof(plim__metric_domain, live)},
};

static void metrics_budgets(const metrics_page *page)
{
    for (size_t row = 0; row < sizeof metrics_domains / sizeof metrics_domains[0]; row++) {
        const struct metrics_of_domain *one = &metrics_domains[row];
        metrics_family(page, one->name, one->type, one->unit, one->help);
        for (uint32_t i = 0; i < page->count; i++) {
            const plim__metric_target *target = &page->targets[i];
            for (uint32_t n = 0; target->is_up && n < target->domain_count; n++) {
                uint64_t figure;
                memcpy(&figure, (const char *)&target->domains[n] + one->at, sizeof figure);
                metrics_figure(page, one->sample, target, "domain", target->domains[n].name,
                               figure);
            }
        }
    }
}

void plim__metrics_write(plim__draft *out, bool is_open, const plim__metric_target *targets,
                         uint32_t count)
{
    metrics_page page = {out, is_open, targets, count};
    metrics_about(&page);
    metrics_heaps(&page);
    metrics_budgets(&page);
    if (is_open)
        plim__draft_puts(out, "# EOF\n");
}

/* SPDX-License-Identifier: MIT */
/*
 * A thread for each target looks at it again and again; a request for the page copies what they
 * found last. So a target that does not answer holds up neither the page nor the others.
 *
 * States of a target: down -> up, watch_look() found it; up -> down, it was lost: then it is tried
 * again after 100 ms, then twice as long, up to WATCH_BACKOFF_MAX_NS. One that is only busy stays
 * up for WATCH_MISSES_MAX turns, with its old figures and their time.
 * Memory does not grow with time: a target's figures are of fixed size (metrics.h).
 */
#include "cli/watchmetrics.h"

#include <plimsoll/publish.h>

#include <jansson.h>
#include <string.h>
#include <threads.h>

#include "cli/endpoint.h"
#include "cli/metrics.h"
#include "cli/process.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { WATCH_MISSES_MAX = 3, WATCH_REPORT_BYTES_MAX = 1 << 20 };

static const uint64_t watch_backoff_first_ns = 100000000u;
static const uint64_t watch_backoff_max_ns = 5000000000u;
static const uint64_t watch_turn_ns = 250000000u;

typedef struct watched {
    plim__cli *cli;
    mtx_t *lock; /* over `shown` of all */
    plim__metric_target *shown;
    plim__metric_target found; /* the thread's own */
    plim_target *target;
    uint64_t every_ns;
    unsigned misses;
    thrd_t thread;
    bool has_thread;
    bool is_announced; /* of the main thread */
} watched;

typedef struct watch_page {
    mtx_t lock;
    plim__metric_target *shown;
    plim__metric_target *copy; /* of the endpoint's thread */
    watched *all;
    uint32_t count;
} watch_page;

/* ---- one target ---- */

static void watch_copy(char *out, const char *text)
{
    size_t size = strlen(text);
    size = size < PLIM__METRIC_NAME_BYTES ? size : PLIM__METRIC_NAME_BYTES - 1;
    memcpy(out, text, size);
    out[size] = '\0';
}

static uint64_t watch_number(const json_t *row, const char *name, uint64_t otherwise)
{
    const json_t *value = json_object_get(row, name);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    return number >= 0 ? (uint64_t)number : otherwise;
}

static plim_status watch_gather(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim__draft *text = ctx;
    (void)err;
    if (text->size_bytes + len > WATCH_REPORT_BYTES_MAX)
        return PLIM_ERR_LIMIT;
    plim__draft_add(text, data, len);
    return text->failed ? PLIM_ERR_NO_MEMORY : PLIM_OK;
}

/* The domains of a program that publishes its report; which is another program's word. */
static bool watch_domains(watched *watch)
{
    uint64_t pid;
    plim__metric_target *found = &watch->found;
    found->domain_count = 0;
    if (strncmp(found->address, "pid:", 4) != 0 ||
        !plim__units_parse_count(found->address + 4, &pid))
        return false;
    plim__draft text;
    plim__draft_init(&text, NULL);
    plim_status status = plim_published_read((int64_t)pid, (plim_sink){&text, watch_gather}, NULL);
    plim_text view = plim__draft_view(&text);
    json_t *root = status == PLIM_OK
                       ? json_loadb(view.data, view.size_bytes, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    const json_t *domains = json_object_get(root, "domains");
    for (size_t i = 0;
         i < json_array_size(domains) && found->domain_count < PLIM__METRIC_DOMAINS_MAX; i++) {
        const json_t *row = json_array_get(domains, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name == NULL)
            continue;
        plim__metric_domain *domain = &found->domains[found->domain_count++];
        watch_copy(domain->name, name);
        domain->used_bytes = watch_number(row, "used_bytes", PLIM_UNKNOWN);
        domain->limit_bytes = watch_number(row, "limit_bytes", PLIM_UNKNOWN);
        domain->high_water_bytes = watch_number(row, "high_water_bytes", PLIM_UNKNOWN);
        domain->denied = watch_number(row, "refusal_count", PLIM_UNKNOWN);
        domain->live = watch_number(row, "allocation_count", PLIM_UNKNOWN);
    }
    json_decref(root);
    plim__draft_fini(&text);
    return found->domain_count > 0;
}

static plim_status watch_usage(watched *watch)
{
    plim__metric_target *found = &watch->found;
    plim_status status = PLIM_OK;
    if (watch->target == NULL) {
        plim_target_options options = plim__session_options(watch->cli);
        status = plim_target_open(found->address, &options, &watch->target, NULL);
    }
    if (status == PLIM_OK)
        status = plim_target_usage(watch->target, &found->usage, NULL);
    found->has_usage = status == PLIM_OK;
    if (status != PLIM_OK)
        return status;
    plim_target_info info;
    plim_target_identify(watch->target, &info);
    watch_copy(found->runtime, info.runtime);
    watch_copy(found->version, info.version);
    watch_copy(found->title, info.title);
    found->evaluates = (info.traits & PLIM_TARGET_USAGE_EVALUATES) != 0;
    return PLIM_OK;
}

/* One look; whether the target is there. */
static bool watch_look_at(watched *watch)
{
    plim__metric_target *found = &watch->found;
    bool was_up = found->is_up;
    plim_status status = watch_usage(watch);
    bool has_domains = watch_domains(watch);
    bool is_busy = status == PLIM_ERR_TIMEOUT && was_up && ++watch->misses < WATCH_MISSES_MAX;
    if (is_busy)
        return true; /* what is shown stays */
    if (status == PLIM_OK)
        watch->misses = 0;
    else
        plim_target_close(&watch->target);
    if (status != PLIM_OK && has_domains && found->runtime[0] == '\0')
        watch_copy(found->runtime, "c");
    found->is_up = status == PLIM_OK || has_domains;
    found->reconnects += was_up && !found->is_up;
    found->looked_ns = plim__clock_unix_ns();
    (void)mtx_lock(watch->lock);
    *watch->shown = *found;
    (void)mtx_unlock(watch->lock);
    return found->is_up;
}

static int watch_thread(void *ctx)
{
    watched *watch = ctx;
    uint64_t backoff_ns = watch_backoff_first_ns;
    plim_status status = PLIM_OK;
    while (status == PLIM_OK) {
        uint64_t begun_ns = plim__clock_ns();
        bool is_there = watch_look_at(watch);
        uint64_t took_ns = plim__clock_ns() - begun_ns;
        uint64_t pause_ns = is_there ? watch->every_ns : backoff_ns;
        backoff_ns = is_there                                ? watch_backoff_first_ns
                     : backoff_ns < watch_backoff_max_ns / 2 ? backoff_ns * 2
                                                             : watch_backoff_max_ns;
        if (is_there && took_ns < pause_ns)
            pause_ns -= took_ns;
        status = plim__process_sleep(pause_ns, &watch->cli->interrupt, NULL);
    }
    plim_target_close(&watch->target);
    return 0;
}

/* ---- the page ---- */

static void watch_write(void *ctx, bool is_open, plim__draft *out)
{
    watch_page *page = ctx; /* one thread answers all requests, so there is one copy */
    (void)mtx_lock(&page->lock);
    memcpy(page->copy, page->shown, page->count * sizeof *page->copy);
    (void)mtx_unlock(&page->lock);
    plim__metrics_write(out, is_open, page->copy, page->count);
}

static void *watch_room(const plim__cli *cli, size_t bytes)
{
    void *room = cli->allocator->resize(cli->allocator->ctx, NULL, 0, bytes);
    if (room != NULL)
        memset(room, 0, bytes);
    return room;
}

static void watch_give_back(const plim__cli *cli, void *room, size_t bytes)
{
    if (room != NULL)
        (void)cli->allocator->resize(cli->allocator->ctx, room, bytes, 0);
}

static plim_status watch_begin(plim__cli *cli, watch_page *page, uint64_t every_ns, plim_error *err)
{
    page->count = cli->args.operand_count;
    page->shown = watch_room(cli, page->count * sizeof *page->shown);
    page->copy = watch_room(cli, page->count * sizeof *page->copy);
    page->all = watch_room(cli, page->count * sizeof *page->all);
    if (page->shown == NULL || page->copy == NULL || page->all == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the targets");
    for (uint32_t i = 0; i < page->count; i++) {
        watched *watch = &page->all[i];
        watch->cli = cli;
        watch->lock = &page->lock;
        watch->shown = &page->shown[i];
        watch->every_ns = every_ns;
        watch->found.address = watch->shown->address = cli->args.operands[i];
    }
    for (uint32_t i = 0; i < page->count; i++) {
        watched *watch = &page->all[i];
        watch->has_thread = thrd_create(&watch->thread, watch_thread, watch) == thrd_success;
        if (!watch->has_thread)
            return plim_error_set(err, PLIM_ERR_NO_MEMORY, "a thread could not be had");
    }
    return PLIM_OK;
}

static void watch_tell(plim__cli *cli, const char *url)
{
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "watch");
        plim__emit_string(&cli->emit, "event", "listening");
        plim__emit_string(&cli->emit, "url", url);
        plim__emit_finish(&cli->emit);
    } else {
        plim__out_printf(&cli->out, "%s\n", url);
    }
    plim__out_flush(&cli->out);
    plim__say_note(&cli->say, "for a collector such as Prometheus, until Ctrl-C");
}

/* Where figures are had by evaluation only, that is said once. */
static void watch_announce(watch_page *page)
{
    (void)mtx_lock(&page->lock);
    for (uint32_t i = 0; i < page->count; i++) {
        if (page->shown[i].evaluates && !page->all[i].is_announced)
            plim__say_always(&page->all[i].cli->say,
                             "%s: its inspector has no figures of memory: plim evaluates "
                             "process.memoryUsage() in it",
                             page->shown[i].address);
        page->all[i].is_announced = page->shown[i].evaluates;
    }
    (void)mtx_unlock(&page->lock);
}

static plim_status watch_check(const plim__cli *cli, plim_error *err)
{
    for (uint32_t i = 0; i < cli->args.operand_count; i++)
        for (uint32_t n = 0; n < i; n++)
            if (strcmp(cli->args.operands[i], cli->args.operands[n]) == 0)
                return plim_error_set(err, PLIM_ERR_USAGE, "%s is named twice",
                                      cli->args.operands[i]);
    return PLIM_OK;
}

plim_status plim__watch_metrics(plim__cli *cli, uint64_t every_ns, plim_error *err)
{
    watch_page page = {0};
    plim__endpoint *endpoint = NULL;
    char url[PLIM__ENDPOINT_URL_BYTES];
    const char *where = cli->args.values[PLIM__OPTION_openmetrics].text;
    bool remote = plim__args_has(&cli->args, PLIM__OPTION_allow_remote);
    plim_status status = watch_check(cli, err);
    if (status != PLIM_OK)
        return status;
    if (mtx_init(&page.lock, mtx_plain) != thrd_success)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "a lock could not be had");
    status = watch_begin(cli, &page, every_ns, err);
    if (status == PLIM_OK)
        status = plim__endpoint_start(where, remote, watch_write, &page, cli->allocator, url,
                                      &endpoint, err);
    if (status == PLIM_OK)
        watch_tell(cli, url);
    while (status == PLIM_OK) {
        status = plim__process_sleep(watch_turn_ns, &cli->interrupt, err);
        watch_announce(&page);
    }
    plim__endpoint_end(&endpoint);
    plim_interrupt_raise(&cli->interrupt); /* for the threads, whatever ended this */
    for (uint32_t i = 0; page.all != NULL && i < page.count; i++)
        if (page.all[i].has_thread)
            (void)thrd_join(page.all[i].thread, NULL);
    mtx_destroy(&page.lock);
    watch_give_back(cli, page.shown, page.count * sizeof *page.shown);
    watch_give_back(cli, page.copy, page.count * sizeof *page.copy);
    watch_give_back(cli, page.all, page.count * sizeof *page.all);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * One call that shows a program: a server, its region if it has one, what its domains hold by
 * samples, and a thread that runs all until the end.
 *
 * Invariants: the thread alone uses server and region between start and join.
 */
#include <plimsoll/manager.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "bridge/serve_region.h"
#include "bridge/serve_sampler.h"
#include "platform/process.h"
#include "platform/thread.h"

enum { SERVING_MAGIC = 0x5e7e0005 };

struct plim_serving {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_serve_options options;
    plim_interrupt interrupt;
    plim_server *server;
    plim_served_region *region; /* NULL: it has none, its domains are all there is */
    plim_served of_region;      /* what the region alone can do */
    plim__serve_sampler sampler;
    plim__thread thread;
    bool runs;
};

/* --- both: the region, and the domains beside it -------------------------------------------- */

static plim_status serving_collect(void *ctx, uint64_t *out_bytes, plim_error *err)
{
    plim_manager *manager = plim_manager_default();
    (void)ctx;
    if (manager == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "the program has no allocator of ours");
    *out_bytes = plim_manager_trim(manager);
    return PLIM_OK;
}

static plim_status serving_evaluate(void *ctx, const char *expression, plim_served_values out,
                                    plim_error *err)
{
    const plim_serving *serving = ctx;
    return serving->options.evaluate(serving->options.ctx, expression, out, err);
}

static plim_status serving_sample_start(void *ctx, uint64_t interval_bytes, plim_error *err)
{
    plim_serving *serving = ctx;
    plim_status status = PLIM_OK;
    if (serving->region != NULL)
        status = serving->of_region.sample_start(serving->region, interval_bytes, err);
    return status == PLIM_OK ? plim__serve_sampler_start(&serving->sampler, interval_bytes, err)
                             : status;
}

static plim_status serving_sample_read(void *ctx, bool ends, plim_served_profile *profile,
                                       plim_error *err)
{
    plim_serving *serving = ctx;
    plim_status status = PLIM_OK;
    if (serving->region != NULL)
        status = serving->of_region.sample_read(serving->region, ends, profile, err);
    plim_status plain =
        plim__serve_sampler_read(&serving->sampler, ends, profile, status == PLIM_OK ? err : NULL);
    return status != PLIM_OK ? status : plain;
}

static plim_status serving_usage(void *ctx, uint64_t *out_used, uint64_t *out_total,
                                 plim_error *err)
{
    const plim_serving *serving = ctx;
    const plim_manager *manager = plim_manager_default();
    plim_manager_stats stats;
    if (serving->region != NULL)
        return serving->of_region.usage(serving->region, out_used, out_total, err);
    if (manager == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "the program has no allocator of ours");
    plim_manager_stats_read(manager, &stats);
    *out_used = stats.used_bytes;
    *out_total = stats.held_bytes;
    return PLIM_OK;
}

/* --- the region's alone --------------------------------------------------------------------- */

static plim_status serving_snapshot(void *ctx, const plim_write_sample *samples,
                                    uint32_t sample_count, plim_sink sink, plim_progress progress,
                                    plim_error *err)
{
    const plim_serving *serving = ctx;
    if (serving->region != NULL)
        return serving->of_region.snapshot(serving->region, samples, sample_count, sink, progress,
                                           err);
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                        "a program without a region has no objects to show");
    plim_error_hint(err, "its allocations can be sampled");
    return status;
}

static plim_status serving_object(void *ctx, uint64_t id, plim_served_values out, plim_error *err)
{
    const plim_serving *serving = ctx;
    return serving->of_region.object(serving->region, id, out, err);
}

static plim_status serving_births(void *ctx, const uint64_t *bounds, uint32_t count,
                                  plim_served_births *out_births, uint64_t *out_last_id,
                                  plim_error *err)
{
    const plim_serving *serving = ctx;
    return serving->of_region.births(serving->region, bounds, count, out_births, out_last_id, err);
}

static const char *serving_source(void *ctx, uint32_t index)
{
    const plim_serving *serving = ctx;
    return serving->of_region.source(serving->region, index);
}

static plim_status serving_source_text(void *ctx, uint32_t index, plim_sink sink, plim_error *err)
{
    const plim_serving *serving = ctx;
    return serving->of_region.source_text(serving->region, index, sink, err);
}

static void serving_table(plim_serving *serving, const char *own, plim_served *out)
{
    bool has_region = serving->region != NULL;
    if (has_region)
        plim__served_region_table(serving->region, &serving->of_region);
    *out = (plim_served){.ctx = serving,
                         .title = has_region ? serving->of_region.title : own,
                         .url = has_region ? serving->of_region.url : NULL,
                         .usage = serving_usage,
                         .snapshot = serving_snapshot,
                         .collect = serving_collect,
                         .object = has_region ? serving_object : NULL,
                         .sample_start = serving_sample_start,
                         .sample_read = serving_sample_read,
                         .births = has_region ? serving_births : NULL,
                         .source = has_region ? serving_source : NULL,
                         .source_text = has_region ? serving_source_text : NULL,
                         .evaluate = serving->options.evaluate == NULL ? NULL : serving_evaluate};
}

static void *serving_run(void *argument)
{
    plim_serving *serving = argument;
    plim_status status = plim_server_run(serving->server, UINT64_MAX, NULL);
    PLIM_CHECK(status != PLIM_OK); /* it ends by the interrupt */
    return NULL;
}

static plim_status serving_start(plim_serving *serving, plim_error *err)
{
    char own[32];
    plim_served table;
    const plim_server_options how = {.struct_bytes = sizeof how,
                                     .port = serving->options.port,
                                     .allocator = serving->allocator,
                                     .interrupt = &serving->interrupt};
    const char *address = serving->options.address;
    (void)snprintf(own, sizeof own, "pid:%lld", (long long)plim__process_self());
    plim_status status = plim__served_region_open(address != NULL ? address : own,
                                                  serving->allocator, &serving->region, err);
    if (status == PLIM_ERR_UNSUPPORTED && address == NULL) { /* no region: domains are enough */
        status = PLIM_OK;
        if (err != NULL)
            memset(err, 0, sizeof *err);
    }
    if (status == PLIM_OK)
        status = plim_server_create(&how, &serving->server, err);
    if (status != PLIM_OK)
        return status;
    serving_table(serving, own, &table);
    status = plim_server_add(serving->server, &table, err);
    if (status != PLIM_OK)
        return status;
    serving->runs = plim__thread_start(&serving->thread, serving_run, serving);
    return serving->runs ? PLIM_OK
                         : plim_error_set(err, PLIM_ERR_NO_MEMORY, "the system gives no thread");
}

plim_status plim_serve(const plim_serve_options *options, plim_serving **out_serving,
                       plim_error *err)
{
    PLIM_CHECK(out_serving != NULL);
    const plim_allocator *allocator = plim_allocator_system();
    plim_serving *serving = plim__array_new_zero(allocator, 1, sizeof *serving);
    if (serving == NULL)
        return plim__no_memory(err, "a server");
    serving->magic = SERVING_MAGIC;
    serving->allocator = serving->sampler.allocator = allocator;
    if (options != NULL)
        serving->options = *options;
    plim_status status = serving_start(serving, err);
    if (status == PLIM_OK)
        *out_serving = serving;
    else
        plim_serve_end(&serving);
    return status;
}

const char *plim_serve_address(const plim_serving *serving)
{
    PLIM_CHECK_OBJ(serving, SERVING_MAGIC);
    return plim_server_address(serving->server);
}

void plim_serve_end(plim_serving **serving_ptr)
{
    if (serving_ptr == NULL || *serving_ptr == NULL)
        return;
    plim_serving *serving = *serving_ptr;
    *serving_ptr = NULL;
    PLIM_CHECK_OBJ(serving, SERVING_MAGIC);
    if (serving->runs) {
        plim_interrupt_raise(&serving->interrupt);
        plim__thread_join(&serving->thread);
    }
    plim_server_destroy(&serving->server);
    plim_served_region_destroy(&serving->region);
    plim__serve_sampler_fini(&serving->sampler);
    serving->magic = 0;
    plim__array_free(serving->allocator, serving, 1, sizeof *serving);
}

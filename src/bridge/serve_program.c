/* SPDX-License-Identifier: MIT */
/*
 * One call that shows a program: a server, its region, and a thread that runs both until the end.
 *
 * Invariants: the thread alone uses server and region between start and join.
 */
#include <plimsoll/manager.h>

#include <stdio.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "bridge/serve_region.h"
#include "platform/process.h"
#include "platform/thread.h"

enum { SERVING_MAGIC = 0x5e7e0005 };

struct plim_serving {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_serve_options options;
    plim_interrupt interrupt;
    plim_server *server;
    plim_served_region *region;
    plim__thread thread;
    bool runs;
};

/* The table's functions have the region as ctx; these two need the program. */
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
    const plim_served_region *region = ctx;
    return region->evaluate(region->evaluate_ctx, expression, out, err);
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
    if (status == PLIM_OK)
        status = plim_server_create(&how, &serving->server, err);
    if (status != PLIM_OK)
        return status;
    plim__served_region_table(serving->region, &table);
    table.collect = serving_collect;
    table.evaluate = serving->options.evaluate == NULL ? NULL : serving_evaluate;
    serving->region->evaluate = serving->options.evaluate;
    serving->region->evaluate_ctx = serving->options.ctx;
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
    serving->allocator = allocator;
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
    serving->magic = 0;
    plim__array_free(serving->allocator, serving, 1, sizeof *serving);
}

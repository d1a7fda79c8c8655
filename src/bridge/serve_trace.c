/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of a region with where each object was made: sites are calls of a tree one call deep,
 * for that is what a region keeps. The graph comes from one walk and the sites from a second one;
 * an object that went between them has none.
 */
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "bridge/serve_region.h"

enum { TRACE_FIRST_ROWS = 1024 };

typedef struct trace_row {
    uint64_t id;
    uint32_t site;
    uint32_t held_bytes;
} trace_row;

typedef struct trace_work {
    const plim_allocator *allocator;
    plim_region_view *view;
    plim__sites sites;
    trace_row *rows;
    uint32_t row_count, row_capacity;
    plim_write_function *functions;
    plim_write_call *calls;
    uint32_t *node_call;
    uint32_t node_count;
} trace_work;

static plim_status trace_add(trace_work *work, const plim_region_object *object, plim_error *err)
{
    uint32_t site = plim__sites_index(&work->sites, work->view, object->site);
    if (site == PLIM_NONE)
        return PLIM_OK;
    if (work->row_count == work->row_capacity) {
        uint32_t wanted = work->row_capacity == 0 ? TRACE_FIRST_ROWS : work->row_capacity * 2;
        trace_row *grown = plim__array_resize(work->allocator, work->rows, work->row_capacity,
                                              wanted, sizeof *grown);
        if (grown == NULL)
            return plim__no_memory(err, "sites");
        work->rows = grown;
        work->row_capacity = wanted;
    }
    work->rows[work->row_count++] =
        (trace_row){plim_region_node_id(object->birth), site, object->held_bytes};
    return PLIM_OK;
}

static int trace_compare(const void *a, const void *b)
{
    const trace_row *one = a, *other = b;
    return one->id < other->id ? -1 : one->id > other->id;
}

static plim_status trace_walk(trace_work *work, plim_error *err)
{
    plim_region_object object;
    const void *value = NULL;
    uint32_t index = 0;
    plim_status status = PLIM_OK;
    while (status == PLIM_OK && plim_region_view_next(work->view, &index, &object, &value))
        status = trace_add(work, &object, err);
    if (work->row_count > 0)
        qsort(work->rows, work->row_count, sizeof *work->rows, trace_compare);
    return status;
}

static plim_status trace_reserve(trace_work *work, plim_error *err)
{
    size_t count = work->sites.site_count > 0 ? work->sites.site_count : 1;
    work->functions = plim__array_new_zero(work->allocator, count, sizeof *work->functions);
    work->calls = plim__array_new_zero(work->allocator, count, sizeof *work->calls);
    work->node_call = plim__array_new(work->allocator, work->node_count, sizeof *work->node_call);
    if (work->functions == NULL || work->calls == NULL || work->node_call == NULL)
        return plim__no_memory(err, "sites");
    return PLIM_OK;
}

static void trace_fill(trace_work *work, const plim_graph *graph)
{
    for (uint32_t i = 0; i < work->sites.site_count; i++) {
        const plim__site *site = &work->sites.sites[i];
        bool has_source = site->source != PLIM_NONE;
        work->functions[i] = (plim_write_function){
            site->function, has_source ? work->sites.sources[site->source] : "",
            has_source ? site->source + 1 : 0, site->line};
        work->calls[i] = (plim_write_call){i, PLIM_NONE, 0, 0};
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        plim_node node;
        plim_graph_node(graph, i, &node);
        const trace_row wanted = {node.id, 0, 0};
        const trace_row *row = work->row_count == 0 ? NULL
                                                    : bsearch(&wanted, work->rows, work->row_count,
                                                              sizeof *work->rows, trace_compare);
        work->node_call[i] = row == NULL ? PLIM_NONE : row->site;
        if (row != NULL) {
            work->calls[row->site].count++;
            work->calls[row->site].bytes += row->held_bytes;
        }
    }
}

static void trace_fini(trace_work *work)
{
    size_t count = work->sites.site_count > 0 ? work->sites.site_count : 1;
    plim__array_free(work->allocator, work->functions, count, sizeof *work->functions);
    plim__array_free(work->allocator, work->calls, count, sizeof *work->calls);
    plim__array_free(work->allocator, work->node_call, work->node_count, sizeof *work->node_call);
    plim__array_free(work->allocator, work->rows, work->row_capacity, sizeof *work->rows);
    plim__sites_fini(&work->sites);
}

plim_status plim__region_write_traced(plim_region_view *view, const plim__region_traced *how,
                                      plim_sink sink, plim_progress progress,
                                      plim_snapshot_result *out_result, plim_error *err)
{
    trace_work work = {
        .allocator = how->allocator,
        .view = view,
        .sites = {.allocator = how->allocator, .numbers = {.allocator = how->allocator}}};
    plim_graph *graph = NULL;
    plim_graph_info info = {0};
    const plim_region_graph_options graph_options = {
        .struct_bytes = sizeof graph_options, .allocator = how->allocator, .progress = progress};
    plim_status status = plim_graph_from_region(view, &graph_options, &graph, err);
    if (status == PLIM_OK && how->has_stacks)
        status = trace_walk(&work, err);
    if (status == PLIM_OK) {
        plim_graph_read_info(graph, &info);
        work.node_count = info.node_count;
        status = trace_reserve(&work, err);
    }
    if (status == PLIM_OK) {
        trace_fill(&work, graph);
        const plim_write_trace trace = {work.functions, work.sites.site_count, work.calls,
                                        work.sites.site_count, work.node_call};
        const plim_write_options options = {.struct_bytes = sizeof options,
                                            .sample_count = how->sample_count,
                                            .allocator = how->allocator,
                                            .progress = progress,
                                            .samples = how->samples,
                                            .trace = how->has_stacks ? &trace : NULL,
                                            .keep_ids = how->keep_ids};
        status = plim_graph_write_v8(graph, sink, &options, err);
    }
    if (out_result != NULL) {
        out_result->node_count = info.node_count;
        out_result->edge_count = info.edge_count;
    }
    plim_graph_destroy(&graph);
    trace_fini(&work);
    return status;
}

plim_status plim__served_region_snapshot(void *ctx, const plim_write_sample *samples,
                                         uint32_t sample_count, plim_sink sink,
                                         plim_progress progress, plim_error *err)
{
    const plim_served_region *served = ctx;
    plim_region_view *view = NULL;
    const plim__region_traced how = {.allocator = served->allocator,
                                     .samples = samples,
                                     .sample_count = sample_count,
                                     .has_stacks = true};
    plim_status status =
        plim_region_view_find(served->address, served->allocator, &view, NULL, err);
    if (status == PLIM_OK)
        status = plim__region_write_traced(view, &how, sink, progress, NULL, err);
    plim_region_view_close(&view);
    return status;
}

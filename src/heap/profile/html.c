/* SPDX-License-Identifier: MIT */
/* A profile as a page: for each measure in bytes its calls as a flame graph, and its functions, by
   file, as a treemap. */
#include "heap/profile/html.h"

#include <inttypes.h>

#include "base/assert.h"
#include "heap/profile/out.h"
#include "heap/profile/profile.h"

enum { HTML_MEASURES = 2 };

static const plim_measure html_measures[HTML_MEASURES] = {PLIM_MEASURE_LIVE_BYTES,
                                                          PLIM_MEASURE_ALLOC_BYTES};

/* The functions as a tree: 0 the whole, then the sources by number, then the frames. */
typedef struct html_sites {
    const plim_profile *profile;
    uint32_t *sources; /* a frame of each source */
    uint32_t source_count;
    uint32_t count; /* 1 + source_count + frames */
    uint32_t *parent;
    uint64_t *total;
} html_sites;

typedef struct html_calls {
    const plim_profile *profile;
    uint32_t *parent;
    uint64_t *total;
} html_calls;

struct plim__profile_pages {
    const plim_allocator *allocator;
    const plim_profile *profile;
    html_calls calls[HTML_MEASURES];
    html_sites sites[HTML_MEASURES];
    char places[PLIM__PAGE_FACT_BYTES * 2];
};

typedef struct plim__profile_pages html_state;

static void html_place(html_state *state, const plim_profile_frame *frame, plim_text *out_place)
{
    if (frame->line == 0) {
        *out_place = frame->source;
        return;
    }
    int shown =
        (int)(frame->source.size_bytes < sizeof state->places - 40 ? frame->source.size_bytes
                                                                   : sizeof state->places - 40);
    size_t length = plim__out_format(state->places, sizeof state->places, "%.*s:%" PRIu32, shown,
                                     frame->source.data, frame->line);
    if (frame->column > 0) /* C has none */
        length += plim__out_format(state->places + length, sizeof state->places - length,
                                   ":%" PRIu32, frame->column);
    *out_place = (plim_text){state->places, length};
}

static void html_call_label(void *ctx, uint32_t node, plim__page_label *out_label)
{
    html_state *state = ctx;
    const plim_profile *profile = state->profile;
    const plim_profile_frame *frame =
        plim__profile_frame(profile, plim__profile_call(profile, node)->frame);
    out_label->name = node == 0 ? PLIM__TEXT("all") : plim__profile_shown_name(frame);
    if (node > 0)
        html_place(state, frame, &out_label->place);
}

static void html_site_label(void *ctx, uint32_t node, plim__page_label *out_label)
{
    html_state *state = ctx;
    const html_sites *sites = &state->sites[0]; /* both have the same nodes */
    const plim_profile *profile = state->profile;
    if (sites->count == 0)
        sites = &state->sites[1];
    if (node == 0) {
        out_label->name = PLIM__TEXT("all");
    } else if (node <= sites->source_count) {
        plim_text source = plim__profile_frame(profile, sites->sources[node - 1])->source;
        out_label->name = source.size_bytes > 0 ? source : PLIM__TEXT("(no file)");
    } else {
        const plim_profile_frame *frame =
            plim__profile_frame(profile, node - 1 - sites->source_count);
        out_label->name = plim__profile_shown_name(frame);
        html_place(state, frame, &out_label->place);
    }
}

static bool html_make_calls(html_state *state, unsigned which, plim_measure measure)
{
    const plim_profile *profile = state->profile;
    html_calls *calls = &state->calls[which];
    uint32_t count = profile->calls.count;
    calls->parent = plim__array_new(state->allocator, count, sizeof *calls->parent);
    calls->total = plim__array_new(state->allocator, count, sizeof *calls->total);
    if (calls->parent == NULL || calls->total == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const plim_profile_call *call = plim__profile_call(profile, i);
        calls->parent[i] = call->parent;
        calls->total[i] = call->total[measure];
    }
    return true;
}

/* Which source each frame is of; texts are interned, so a source is its place in memory. */
static bool html_find_sources(html_state *state, html_sites *sites)
{
    const plim_profile *profile = state->profile;
    plim__text_table table = {.allocator = state->allocator};
    uint32_t frames = profile->frames.count;
    bool has_room = true;
    for (uint32_t i = 0; i < frames && has_room; i++) {
        uint32_t number = plim__text_table_add(&table, plim__profile_frame(profile, i)->source);
        has_room = number != PLIM_NONE;
        if (has_room && number == sites->source_count)
            sites->sources[sites->source_count++] = i;
        sites->parent[i] = number; /* put in its place below */
    }
    plim__text_table_fini(&table);
    return has_room;
}

static bool html_make_sites(html_state *state, unsigned which, plim_measure measure)
{
    const plim_profile *profile = state->profile;
    html_sites *sites = &state->sites[which];
    uint32_t frames = profile->frames.count;
    size_t most = 1 + 2 * (size_t)frames;
    sites->sources = plim__array_new(state->allocator, frames, sizeof *sites->sources);
    sites->parent = plim__array_new(state->allocator, most, sizeof *sites->parent);
    sites->total = plim__array_new_zero(state->allocator, most, sizeof *sites->total);
    if (sites->sources == NULL || sites->parent == NULL || sites->total == NULL ||
        !html_find_sources(state, sites))
        return false;
    uint32_t first = 1 + sites->source_count;
    for (uint32_t i = frames; i-- > 0;)
        sites->parent[first + i] = sites->parent[i] + 1;
    sites->parent[0] = PLIM_NONE;
    for (uint32_t i = 1; i < first; i++)
        sites->parent[i] = 0;
    sites->count = first + frames;
    for (uint32_t i = 0; i < profile->calls.count; i++) {
        const plim_profile_call *call = plim__profile_call(profile, i);
        uint32_t nodes[] = {0, sites->parent[first + call->frame], first + call->frame};
        for (unsigned n = 0; n < 3; n++)
            sites->total[nodes[n]] = plim__profile_add(sites->total[nodes[n]], call->self[measure]);
    }
    return true;
}

static void html_facts(const plim_profile *profile, plim__page *page)
{
    char size[32];
    const plim_profile_info *info = &profile->info;
    if (info->known & 1u << PLIM_MEASURE_LIVE_BYTES) {
        plim__page_bytes(size, info->total[PLIM_MEASURE_LIVE_BYTES]);
        plim__page_fact(page, "%s alive", size);
    }
    if (info->known & 1u << PLIM_MEASURE_ALLOC_BYTES) {
        plim__page_bytes(size, info->total[PLIM_MEASURE_ALLOC_BYTES]);
        plim__page_fact(page, "%s allocated", size);
    }
    if (info->known & 1u << PLIM_MEASURE_SAMPLES)
        plim__page_fact(page, "%" PRIu64 " samples", info->total[PLIM_MEASURE_SAMPLES]);
    if (info->interval_bytes > 0) {
        plim__page_bytes(size, info->interval_bytes);
        plim__page_fact(page, "one about every %s", size);
    }
    if ((info->known & (1u << PLIM_MEASURE_LIVE_COUNT | 1u << PLIM_MEASURE_ALLOC_COUNT)) == 0)
        plim__page_fact(page, "sizes are estimates; the runtime gives no numbers of objects");
}

static bool html_make(html_state *state, plim__page *page)
{
    static const char *const calls[HTML_MEASURES] = {"Calls: bytes alive",
                                                     "Calls: bytes allocated"};
    static const char *const sites[HTML_MEASURES] = {"Functions: bytes alive",
                                                     "Functions: bytes allocated"};
    for (unsigned i = 0; i < HTML_MEASURES; i++) {
        if ((state->profile->info.known & 1u << html_measures[i]) == 0)
            continue;
        if (!html_make_calls(state, i, html_measures[i]) ||
            !html_make_sites(state, i, html_measures[i]))
            return false;
        page->trees[page->tree_count++] = (plim__page_tree){
            .name = calls[i],
            .unit = "bytes",
            .view = "flame",
            .count = state->profile->calls.count,
            .parent = state->calls[i].parent,
            .total = state->calls[i].total,
            .ctx = state,
            .label = html_call_label,
        };
        page->trees[page->tree_count++] = (plim__page_tree){
            .name = sites[i],
            .unit = "bytes",
            .view = "treemap",
            .count = state->sites[i].count,
            .parent = state->sites[i].parent,
            .total = state->sites[i].total,
            .ctx = state,
            .label = html_site_label,
        };
    }
    return true;
}

plim__profile_pages *plim__profile_pages_add(const plim_profile *profile, plim__page *page,
                                             const plim_allocator *allocator)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    html_state *state = plim__array_new_zero(allocator, 1, sizeof *state);
    if (state == NULL)
        return NULL;
    state->allocator = allocator;
    state->profile = profile;
    if (!html_make(state, page))
        plim__profile_pages_destroy(&state);
    return state;
}

void plim__profile_pages_destroy(plim__profile_pages **pages)
{
    html_state *state = *pages;
    *pages = NULL;
    if (state == NULL)
        return;
    const plim_allocator *allocator = state->allocator;
    uint32_t calls = state->profile->calls.count, frames = state->profile->frames.count;
    size_t most = 1 + 2 * (size_t)frames;
    for (unsigned i = 0; i < HTML_MEASURES; i++) {
        plim__array_free(allocator, state->calls[i].parent, calls, sizeof(uint32_t));
        plim__array_free(allocator, state->calls[i].total, calls, sizeof(uint64_t));
        plim__array_free(allocator, state->sites[i].sources, frames, sizeof(uint32_t));
        plim__array_free(allocator, state->sites[i].parent, most, sizeof(uint32_t));
        plim__array_free(allocator, state->sites[i].total, most, sizeof(uint64_t));
    }
    plim__array_free(allocator, state, 1, sizeof *state);
}

plim_status plim__profile_write_html(const plim_profile *profile, plim_sink sink,
                                     const plim_profile_write_options *options, plim_error *err)
{
    plim__page page = {.title = options->title};
    html_facts(profile, &page);
    plim__profile_pages *pages = plim__profile_pages_add(profile, &page, options->allocator);
    if (pages == NULL)
        return plim__no_memory(err, "a page");
    plim_status status = plim__page_write(&page, sink, options->allocator, err);
    plim__profile_pages_destroy(&pages);
    return status;
}

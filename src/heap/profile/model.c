/* SPDX-License-Identifier: MIT */
/*
 * The model of a profile: frames and texts by content, calls in a tree.
 *
 * Invariants: P1 a caller stands before what it calls, so totals are one walk backwards. P2 call 0
 * is the root and the only one without a parent. P3 no sum passes INT64_MAX, which pprof's figures
 * are: hostile figures stop there.
 */
#include "base/assert.h"
#include "heap/profile/profile.h"

static const char *const model_names[PLIM_MEASURES] = {
    [PLIM_MEASURE_LIVE_BYTES] = "live_bytes",   [PLIM_MEASURE_LIVE_COUNT] = "live_count",
    [PLIM_MEASURE_ALLOC_BYTES] = "alloc_bytes", [PLIM_MEASURE_ALLOC_COUNT] = "alloc_count",
    [PLIM_MEASURE_SAMPLES] = "samples",
};

/* A frame as its table of texts knows it. */
typedef struct model_key {
    uint32_t function, source, line, column;
} model_key;

const char *plim_measure_name(plim_measure measure)
{
    return (unsigned)measure < PLIM_MEASURES ? model_names[measure] : "unknown";
}

plim_profile *plim__profile_new(const plim_allocator *allocator)
{
    plim_profile *profile = plim__array_new_zero(allocator, 1, sizeof *profile);
    if (profile == NULL)
        return NULL;
    profile->magic = PLIM__PROFILE_MAGIC;
    profile->allocator = allocator;
    profile->frames = (plim__rows){.allocator = allocator, .row_bytes = sizeof(plim_profile_frame)};
    profile->calls = (plim__rows){.allocator = allocator, .row_bytes = sizeof(plim_profile_call)};
    profile->arena.allocator = allocator;
    profile->texts.allocator = profile->frame_keys.allocator = allocator;
    return profile;
}

void plim_profile_destroy(plim_profile **profile)
{
    if (profile == NULL || *profile == NULL)
        return;
    plim_profile *dead = *profile;
    PLIM_CHECK_OBJ(dead, PLIM__PROFILE_MAGIC);
    *profile = NULL;
    plim__rows_fini(&dead->frames);
    plim__rows_fini(&dead->calls);
    plim__text_table_fini(&dead->texts);
    plim__text_table_fini(&dead->frame_keys);
    plim__text_arena_fini(&dead->arena);
    dead->magic = 0;
    plim__array_free(dead->allocator, dead, 1, sizeof *dead);
}

/* The number of a text in a table whose texts are the arena's. */
static uint32_t model_intern(plim_profile *profile, plim__text_table *table, plim_text text)
{
    uint32_t number = plim__text_table_find(table, text);
    if (number != PLIM_NONE)
        return number;
    char *copy = plim__text_arena_take(&profile->arena, text.size_bytes);
    if (copy == NULL)
        return PLIM_NONE;
    if (text.size_bytes > 0)
        memcpy(copy, text.data, text.size_bytes);
    profile->info.memory_bytes += text.size_bytes;
    return plim__text_table_add(table, (plim_text){copy, text.size_bytes});
}

uint32_t plim__profile_frame_add(plim_profile *profile, plim_text function, plim_text source,
                                 uint32_t line, uint32_t column)
{
    model_key key = {
        .function = model_intern(profile, &profile->texts, function),
        .source = model_intern(profile, &profile->texts, source),
        .line = line,
        .column = line > 0 ? column : 0,
    };
    if (key.function == PLIM_NONE || key.source == PLIM_NONE)
        return PLIM_NONE;
    plim_text bytes = {(const char *)&key, sizeof key};
    uint32_t number = model_intern(profile, &profile->frame_keys, bytes);
    if (number == PLIM_NONE || number < profile->frames.count)
        return number;
    plim_profile_frame *frame = plim__rows_add(&profile->frames);
    if (frame == NULL)
        return PLIM_NONE;
    *frame = (plim_profile_frame){
        .function = profile->texts.entries[key.function].text,
        .source = profile->texts.entries[key.source].text,
        .line = key.line,
        .column = key.column,
    };
    return number;
}

plim_status plim__profile_call_add(plim_profile *profile, uint32_t parent, uint32_t *out_call,
                                   plim_error *err)
{
    uint32_t depth = parent == PLIM_NONE ? 0 : plim__profile_call(profile, parent)->depth + 1;
    if (profile->calls.count == PLIM_PROFILE_CALLS_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a profile of more than %u calls",
                              PLIM_PROFILE_CALLS_MAX);
    if (depth > PLIM_PROFILE_DEPTH_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "calls more than %u deep",
                              PLIM_PROFILE_DEPTH_MAX);
    plim_profile_call *call = plim__rows_add(&profile->calls);
    if (call == NULL)
        return plim__no_memory(err, "a profile");
    memset(call, 0, sizeof *call);
    call->parent = parent;
    call->depth = depth;
    *out_call = profile->calls.count - 1;
    if (depth > profile->info.depth_most)
        profile->info.depth_most = depth;
    return PLIM_OK;
}

void plim__profile_settle(plim_profile *profile, uint32_t known, uint64_t interval_bytes)
{
    plim_profile_info *info = &profile->info;
    uint32_t count = profile->calls.count;
    PLIM_CHECK(count > 0 && plim__profile_call(profile, 0)->parent == PLIM_NONE);
    for (uint32_t i = 0; i < count; i++) {
        plim_profile_call *call = plim__profile_call(profile, i);
        for (unsigned measure = 0; measure < PLIM_MEASURES; measure++) {
            call->self[measure] = plim__profile_add(call->self[measure], 0);
            call->total[measure] = call->self[measure];
        }
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        const plim_profile_call *call = plim__profile_call(profile, i);
        PLIM_CHECK(call->parent < i); /* P1, P2 */
        plim_profile_call *parent = plim__profile_call(profile, call->parent);
        for (unsigned measure = 0; measure < PLIM_MEASURES; measure++)
            parent->total[measure] =
                plim__profile_add(parent->total[measure], call->total[measure]);
    }
    memcpy(info->total, plim__profile_call(profile, 0)->total, sizeof info->total);
    info->call_count = count;
    info->frame_count = profile->frames.count;
    info->known = known;
    info->interval_bytes = interval_bytes;
    info->main = known & 1u << PLIM_MEASURE_LIVE_BYTES    ? PLIM_MEASURE_LIVE_BYTES
                 : known & 1u << PLIM_MEASURE_ALLOC_BYTES ? PLIM_MEASURE_ALLOC_BYTES
                                                          : PLIM_MEASURE_SAMPLES;
    info->memory_bytes += sizeof *profile + profile->frames.capacity * profile->frames.row_bytes +
                          profile->calls.capacity * profile->calls.row_bytes;
}

void plim_profile_read_info(const plim_profile *profile, plim_profile_info *out_info)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    PLIM_CHECK(out_info != NULL);
    *out_info = profile->info;
}

void plim_profile_read_frame(const plim_profile *profile, uint32_t frame,
                             plim_profile_frame *out_frame)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    PLIM_CHECK(frame < profile->frames.count && out_frame != NULL);
    *out_frame = *plim__profile_frame(profile, frame);
}

void plim_profile_read_call(const plim_profile *profile, uint32_t call, plim_profile_call *out_call)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    PLIM_CHECK(call < profile->calls.count && out_call != NULL);
    *out_call = *plim__profile_call(profile, call);
}

/* ---- sites ---- */

/* Whether a caller of this call has the same frame: its total holds this one's already. */
static bool model_is_within_itself(const plim_profile *profile, const plim_profile_call *call)
{
    for (uint32_t at = call->parent; at != PLIM_NONE; at = plim__profile_call(profile, at)->parent)
        if (plim__profile_call(profile, at)->frame == call->frame)
            return true;
    return false;
}

static bool model_is_before(const plim_profile_site *a, const plim_profile_site *b)
{
    if (a->self != b->self)
        return a->self > b->self;
    return a->total != b->total ? a->total > b->total : a->frame < b->frame;
}

static void model_sift(plim_profile_site *sites, uint32_t root, uint32_t count)
{
    for (uint64_t child; (child = 2 * (uint64_t)root + 1) < count; root = (uint32_t)child) {
        if (child + 1 < count && model_is_before(&sites[child], &sites[child + 1]))
            child++;
        if (!model_is_before(&sites[root], &sites[child]))
            return;
        plim_profile_site moving = sites[root];
        sites[root] = sites[child];
        sites[child] = moving;
    }
}

static void model_sort(plim_profile_site *sites, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--)
        model_sift(sites, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        plim_profile_site moving = sites[0];
        sites[0] = sites[left - 1];
        sites[left - 1] = moving;
        model_sift(sites, 0, left - 1);
    }
}

plim_status plim_profile_sites(const plim_profile *profile, plim_measure measure,
                               plim_profile_site *out_sites, uint32_t *out_count, plim_error *err)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    PLIM_CHECK(out_sites != NULL && out_count != NULL && (unsigned)measure < PLIM_MEASURES);
    if ((profile->info.known & 1u << measure) == 0)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "this profile does not know its %s",
                              plim_measure_name(measure));
    for (uint32_t i = 0; i < profile->frames.count; i++)
        out_sites[i] = (plim_profile_site){.frame = i};
    for (uint32_t i = 1; i < profile->calls.count; i++) {
        const plim_profile_call *call = plim__profile_call(profile, i);
        plim_profile_site *site = &out_sites[call->frame];
        site->self = plim__profile_add(site->self, call->self[measure]);
        if (call->total[measure] > 0 && !model_is_within_itself(profile, call))
            site->total = plim__profile_add(site->total, call->total[measure]);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < profile->frames.count; i++)
        if (out_sites[i].total > 0 || out_sites[i].self > 0)
            out_sites[kept++] = out_sites[i];
    model_sort(out_sites, kept);
    *out_count = kept;
    return PLIM_OK;
}

/* ---- from a graph ---- */

static plim_status model_take_calls(plim_profile *profile, const plim_write_trace *trace,
                                    plim_error *err)
{
    for (uint32_t i = 0; i < trace->call_count; i++) {
        const plim_write_call *from = &trace->calls[i];
        PLIM_CHECK(from->function < trace->function_count);
        PLIM_CHECK(from->parent == PLIM_NONE || from->parent < i);
        const plim_write_function *function = &trace->functions[from->function];
        uint32_t number;
        plim_status status = plim__profile_call_add(
            profile, from->parent == PLIM_NONE ? 0 : from->parent + 1, &number, err);
        if (status != PLIM_OK)
            return status;
        uint32_t frame = plim__profile_frame_add(
            profile, (plim_text){function->name, strlen(function->name)},
            (plim_text){function->source, strlen(function->source)}, function->line, 0);
        if (frame == PLIM_NONE)
            return plim__no_memory(err, "a profile");
        plim_profile_call *call = plim__profile_call(profile, number);
        call->frame = frame;
        call->self[PLIM_MEASURE_ALLOC_COUNT] = from->count;
        call->self[PLIM_MEASURE_ALLOC_BYTES] = from->bytes;
    }
    return PLIM_OK;
}

static plim_status model_fill(plim_profile *profile, const plim_graph *graph,
                              const plim_write_trace *trace, plim_error *err)
{
    uint32_t root;
    plim_graph_info info;
    plim_status status = plim__profile_call_add(profile, PLIM_NONE, &root, err);
    if (status == PLIM_OK &&
        plim__profile_frame_add(profile, PLIM__TEXT("(root)"), PLIM__TEXT(""), 0, 0) == PLIM_NONE)
        status = plim__no_memory(err, "a profile");
    if (status == PLIM_OK)
        status = model_take_calls(profile, trace, err);
    if (status != PLIM_OK)
        return status;
    plim_graph_read_info(graph, &info);
    for (uint32_t i = 0; i < info.node_count; i++) {
        uint32_t number = trace->node_call[i];
        if (number == PLIM_NONE)
            continue;
        PLIM_CHECK(number < trace->call_count);
        plim_node node;
        plim_graph_node(graph, i, &node);
        plim_profile_call *call = plim__profile_call(profile, number + 1);
        uint64_t *live = &call->self[PLIM_MEASURE_LIVE_BYTES];
        *live = plim__profile_add(*live, node.self_bytes);
        call->self[PLIM_MEASURE_LIVE_COUNT]++;
    }
    plim__profile_settle(profile,
                         1u << PLIM_MEASURE_LIVE_BYTES | 1u << PLIM_MEASURE_LIVE_COUNT |
                             1u << PLIM_MEASURE_ALLOC_BYTES | 1u << PLIM_MEASURE_ALLOC_COUNT,
                         0);
    return PLIM_OK;
}

plim_status plim_profile_from_graph(const plim_graph *graph, const plim_write_trace *trace,
                                    const plim_profile_options *options, plim_profile **out_profile,
                                    plim_error *err)
{
    PLIM_CHECK(graph != NULL && trace != NULL && out_profile != NULL);
    const plim_allocator *allocator =
        plim__allocator_or_system(options != NULL ? options->allocator : NULL);
    plim_profile *profile = plim__profile_new(allocator);
    if (profile == NULL)
        return plim__no_memory(err, "a profile");
    plim_status status = model_fill(profile, graph, trace, err);
    if (status == PLIM_OK)
        *out_profile = profile;
    else
        plim_profile_destroy(&profile);
    return status;
}

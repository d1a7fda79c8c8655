/* SPDX-License-Identifier: MIT */
/*
 * Reads the tree of calls of a `.heaptimeline` (a V8 snapshot taken while allocations were tracked)
 * and nothing else of it: edges and most strings pass by, so it takes far less than the graph.
 *
 * `trace_tree` has what each call allocated, and `nodes` name the call that made them: what of it
 * is alive. Functions come as numbers of strings, which stand last: only those that are wanted are
 * kept. Sections stand in V8's order, `snapshot` before `nodes`, the functions before `strings`;
 * another order is refused.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "heap/profile/read.h"

enum { TIMELINE_TREE_FIELDS = 5 };

/* The functions' fields that are read, in the order of a row here. */
static const char *const timeline_function_fields[] = {"name", "script_name", "line", "column"};

/* ---- meta ---- */

/* An array of names: the place of each wanted one; gives how many there are. */
static bool timeline_fields(plim__profile_reader *reader, const char *const *wanted,
                            uint8_t *const *places, unsigned wanted_count, uint8_t *out_count)
{
    uint8_t count = 0;
    plim__json_value value;
    if (!plim__json_open(&reader->json, '['))
        return false;
    while (plim__json_next(&reader->json, &value)) {
        if (!value.is_text || count == PLIM__READ_FIELDS_MAX)
            return plim__profile_fault(reader, "the names of a section's fields");
        for (unsigned i = 0; i < wanted_count; i++)
            if (plim__profile_is(value.text, wanted[i]))
                *places[i] = count;
        count++;
    }
    *out_count = count;
    return reader->json.pull.status == PLIM_OK;
}

static bool timeline_meta(plim__profile_reader *reader)
{
    plim_text key;
    bool goes_on = plim__json_open(&reader->json, '{');
    while (goes_on && plim__json_key(&reader->json, &key)) {
        if (plim__profile_is(key, "node_fields")) {
            static const char *const names[] = {"self_size", "trace_node_id"};
            uint8_t *const places[] = {&reader->self_at, &reader->trace_at};
            goes_on = timeline_fields(reader, names, places, 2, &reader->node_width);
        } else if (plim__profile_is(key, "trace_function_info_fields")) {
            uint8_t *places[4];
            for (unsigned i = 0; i < 4; i++)
                places[i] = &reader->function_at[i];
            goes_on = timeline_fields(reader, timeline_function_fields, places, 4,
                                      &reader->function_width);
        } else {
            goes_on = plim__json_skip(&reader->json);
        }
    }
    return goes_on && reader->json.pull.status == PLIM_OK;
}

static bool timeline_head(plim__profile_reader *reader)
{
    plim_text key;
    bool goes_on = plim__json_open(&reader->json, '{');
    while (goes_on && plim__json_key(&reader->json, &key))
        goes_on =
            plim__profile_is(key, "meta") ? timeline_meta(reader) : plim__json_skip(&reader->json);
    return goes_on && reader->json.pull.status == PLIM_OK;
}

/* ---- rows ---- */

/* The next row of whole numbers; at the end false, and then no failure if it was whole. */
static bool timeline_row(plim__profile_reader *reader, uint64_t *row, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        if (!plim__json_item(&reader->json)) {
            if (i > 0 && reader->json.pull.status == PLIM_OK)
                (void)plim__profile_fault(reader, "the last row is not whole");
            return false;
        }
        if (!plim__json_number(&reader->json, &row[i]))
            return false;
    }
    return true;
}

static bool timeline_nodes(plim__profile_reader *reader)
{
    uint64_t row[PLIM__READ_FIELDS_MAX];
    if (reader->has_nodes || reader->self_at == PLIM__READ_NO_FIELD)
        return plim__profile_fault(reader, "`nodes` twice, or before what its fields are");
    reader->has_nodes = true;
    if (reader->trace_at == PLIM__READ_NO_FIELD)
        return plim__json_skip(&reader->json);
    if (!plim__json_open(&reader->json, '['))
        return false;
    while (timeline_row(reader, row, reader->node_width)) {
        uint64_t id = row[reader->trace_at];
        if (id == 0 || id == UINT64_MAX)
            continue;
        uint32_t at = plim__id_map_find(&reader->live_map, id);
        if (at == UINT32_MAX) {
            at = reader->live.count;
            plim__profile_live *added =
                at == PLIM_PROFILE_CALLS_MAX ? NULL : plim__rows_add(&reader->live);
            if (added == NULL || !plim__id_map_add(&reader->live_map, id, at))
                return plim__profile_short(reader);
            *added = (plim__profile_live){0, 0};
        }
        plim__profile_live *live = &((plim__profile_live *)reader->live.data)[at];
        live->count++;
        live->bytes = plim__profile_add(live->bytes, row[reader->self_at]);
    }
    return reader->json.pull.status == PLIM_OK;
}

static bool timeline_want(plim__profile_reader *reader, uint64_t number)
{
    uint32_t *row = plim__rows_add(&reader->wanted);
    if (row == NULL)
        return plim__profile_short(reader);
    *row = number < PLIM_NONE ? (uint32_t)number : PLIM_NONE;
    return true;
}

static uint32_t timeline_place(uint64_t number)
{
    return number <= INT32_MAX ? (uint32_t)number : 0;
}

static bool timeline_functions(plim__profile_reader *reader)
{
    uint64_t row[PLIM__READ_FIELDS_MAX];
    if (reader->functions.count > 0)
        return plim__profile_fault(reader, "`trace_function_infos` stands twice");
    if (!plim__json_open(&reader->json, '['))
        return false;
    if (reader->function_width == 0)
        return !plim__json_item(&reader->json) && reader->json.pull.status == PLIM_OK
                   ? true
                   : plim__profile_fault(reader, "functions whose fields are not said");
    for (unsigned i = 0; i < 4; i++)
        if (reader->function_at[i] == PLIM__READ_NO_FIELD)
            return plim__profile_fault(reader, "functions without a name or place");
    while (timeline_row(reader, row, reader->function_width)) {
        plim__profile_function *function = reader->functions.count == PLIM_PROFILE_CALLS_MAX
                                               ? NULL
                                               : plim__rows_add(&reader->functions);
        if (function == NULL)
            return plim__profile_short(reader);
        const uint8_t *at = reader->function_at;
        *function = (plim__profile_function){
            .name = row[at[0]] < PLIM_NONE ? (uint32_t)row[at[0]] : PLIM_NONE,
            .source = row[at[1]] < PLIM_NONE ? (uint32_t)row[at[1]] : PLIM_NONE,
            .line = timeline_place(row[at[2]]),
            .column = timeline_place(row[at[3]]),
            .frame = PLIM_NONE,
        };
        if (!timeline_want(reader, function->name) || !timeline_want(reader, function->source))
            return false;
    }
    return reader->json.pull.status == PLIM_OK;
}

/* ---- the tree ---- */

/* A row [id, function, count, size, [children…]], up to the children's bracket. */
static bool timeline_call(plim__profile_reader *reader, uint32_t parent, uint32_t *out_call)
{
    uint64_t row[TIMELINE_TREE_FIELDS - 1];
    for (unsigned i = 0; i < TIMELINE_TREE_FIELDS - 1; i++) {
        if (i > 0 && !plim__json_item(&reader->json))
            return plim__profile_fault(reader, "a call of `trace_tree` is not whole");
        if (!plim__json_number(&reader->json, &row[i]))
            return false;
    }
    if (!plim__json_item(&reader->json))
        return plim__profile_fault(reader, "a call of `trace_tree` is not whole");
    if (parent == PLIM_NONE && reader->profile->calls.count > 0)
        return plim__profile_fault(reader, "`trace_tree` has two roots");
    if (!plim__profile_reader_call(reader, parent, row[0], out_call))
        return false;
    uint32_t *function = plim__rows_add(&reader->call_functions);
    if (function == NULL)
        return plim__profile_short(reader);
    *function = row[1] < PLIM_NONE ? (uint32_t)row[1] : PLIM_NONE;
    plim_profile_call *call = plim__profile_call(reader->profile, *out_call);
    call->self[PLIM_MEASURE_ALLOC_COUNT] = row[2];
    call->self[PLIM_MEASURE_ALLOC_BYTES] = row[3];
    return plim__json_open(&reader->json, '[');
}

static bool timeline_tree(plim__profile_reader *reader)
{
    uint32_t open_arrays = 1, call = PLIM_NONE;
    if (reader->has_tree || reader->has_head)
        return plim__profile_fault(reader, "a second tree of calls");
    reader->has_tree = true;
    if (!plim__json_open(&reader->json, '['))
        return false;
    while (open_arrays > 0) {
        if (plim__json_item(&reader->json)) {
            if (!timeline_call(reader, call, &call))
                return false;
            open_arrays++;
        } else {
            open_arrays--;
            call =
                call == PLIM_NONE ? PLIM_NONE : plim__profile_call(reader->profile, call)->parent;
        }
        if (reader->json.pull.status != PLIM_OK)
            return false;
    }
    return true;
}

/* ---- strings ---- */

static int timeline_by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Rising, each once. */
static void timeline_sort_wanted(plim__rows *wanted)
{
    uint32_t *numbers = wanted->data;
    uint32_t kept = 0;
    if (wanted->count == 0)
        return;
    qsort(numbers, wanted->count, sizeof *numbers, timeline_by_number);
    for (uint32_t i = 0; i < wanted->count; i++)
        if (i == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    wanted->count = kept;
}

static bool timeline_strings(plim__profile_reader *reader)
{
    plim__json_value value;
    if (reader->has_strings)
        return plim__profile_fault(reader, "`strings` stands twice");
    reader->has_strings = true;
    timeline_sort_wanted(&reader->wanted);
    const uint32_t *wanted = reader->wanted.data;
    uint32_t number = 0;
    if (!plim__json_open(&reader->json, '['))
        return false;
    for (; plim__json_next(&reader->json, &value); number++) {
        uint32_t next = reader->texts.count;
        if (next == reader->wanted.count || wanted[next] != number || !value.is_text)
            continue;
        plim_text *row = plim__rows_add(&reader->texts);
        char *copy = plim__text_arena_take(&reader->profile->arena, value.text.size_bytes);
        if (row == NULL || copy == NULL)
            return plim__profile_short(reader);
        if (value.text.size_bytes > 0)
            memcpy(copy, value.text.data, value.text.size_bytes);
        *row = (plim_text){copy, value.text.size_bytes};
    }
    return reader->json.pull.status == PLIM_OK;
}

static bool timeline_text(const plim__profile_reader *reader, uint32_t number, plim_text *out_text)
{
    const uint32_t *found = reader->wanted.count == 0
                                ? NULL
                                : bsearch(&number, reader->wanted.data, reader->wanted.count,
                                          sizeof number, timeline_by_number);
    size_t at = found == NULL ? SIZE_MAX : (size_t)(found - (const uint32_t *)reader->wanted.data);
    if (at >= reader->texts.count)
        return false;
    *out_text = ((const plim_text *)reader->texts.data)[at];
    return true;
}

/* ---- the whole ---- */

bool plim__timeline_section(plim__profile_reader *reader, plim_text key, bool *out_known)
{
    *out_known = true;
    if (plim__profile_is(key, "snapshot"))
        return timeline_head(reader);
    if (plim__profile_is(key, "nodes"))
        return timeline_nodes(reader);
    if (plim__profile_is(key, "trace_function_infos"))
        return timeline_functions(reader);
    if (plim__profile_is(key, "trace_tree"))
        return timeline_tree(reader);
    if (plim__profile_is(key, "strings"))
        return timeline_strings(reader);
    *out_known = false;
    return true;
}

/* The frame of a function; PLIM_NONE after a failure. */
static uint32_t timeline_frame(plim__profile_reader *reader, uint32_t number)
{
    plim_text name, source;
    if (number >= reader->functions.count) {
        (void)plim__profile_fault(reader, "a call names a function that there is not");
        return PLIM_NONE;
    }
    plim__profile_function *function = &((plim__profile_function *)reader->functions.data)[number];
    if (function->frame != PLIM_NONE)
        return function->frame;
    if (!timeline_text(reader, function->name, &name) ||
        !timeline_text(reader, function->source, &source)) {
        (void)plim__profile_fault(reader, "a function names a string that there is not");
        return PLIM_NONE;
    }
    function->frame =
        plim__profile_frame_add(reader->profile, name, source, function->line, function->column);
    if (function->frame == PLIM_NONE)
        (void)plim__profile_short(reader);
    return function->frame;
}

static bool timeline_no_stacks(plim__profile_reader *reader)
{
    bool is_snapshot = reader->has_nodes;
    (void)plim__pull_fail(&reader->json.pull, is_snapshot ? PLIM_ERR_UNSUPPORTED : PLIM_ERR_DAMAGED,
                          is_snapshot ? "there are no stacks in this snapshot"
                                      : "neither a profile nor a timeline");
    plim_error_hint(reader->json.pull.err,
                    is_snapshot ? "plim sample records who allocates; plim track without "
                                  "--no-stacks does, too, where the runtime has stacks"
                                : "check that the file is a .heapprofile or a .heaptimeline");
    return false;
}

bool plim__timeline_finish(plim__profile_reader *reader)
{
    plim_profile *profile = reader->profile;
    if (profile->calls.count == 0)
        return timeline_no_stacks(reader);
    uint32_t known = 1u << PLIM_MEASURE_ALLOC_BYTES | 1u << PLIM_MEASURE_ALLOC_COUNT;
    bool has_live = reader->has_nodes && reader->trace_at != PLIM__READ_NO_FIELD;
    if (has_live)
        known |= 1u << PLIM_MEASURE_LIVE_BYTES | 1u << PLIM_MEASURE_LIVE_COUNT;
    PLIM_CHECK(reader->call_functions.count == profile->calls.count);
    for (uint32_t i = 0; i < profile->calls.count; i++) {
        plim_profile_call *call = plim__profile_call(profile, i);
        if (i > 0) /* the root is the root, whatever it is called */
            call->frame = timeline_frame(reader, ((uint32_t *)reader->call_functions.data)[i]);
        if (call->frame == PLIM_NONE)
            return false;
        uint64_t id = ((const uint64_t *)reader->call_ids.data)[i];
        uint32_t at = id == UINT64_MAX ? UINT32_MAX : plim__id_map_find(&reader->live_map, id);
        if (!has_live || at == UINT32_MAX)
            continue;
        plim__profile_live *live = &((plim__profile_live *)reader->live.data)[at];
        call->self[PLIM_MEASURE_LIVE_BYTES] = live->bytes;
        call->self[PLIM_MEASURE_LIVE_COUNT] = live->count;
        *live = (plim__profile_live){0, 0}; /* an id that stands twice counts once */
    }
    plim__profile_settle(profile, known, 0);
    return true;
}

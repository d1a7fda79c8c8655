/* SPDX-License-Identifier: MIT */
/*
 * Reads a `.heapprofile`: a tree of objects {callFrame, selfSize, id, children}, and beside it
 * samples {size, nodeId, ordinal}. V8 gives no number of objects: a sample's size is already scaled
 * up, and how many objects that are is not told. So samples are counted as such. What the sizes
 * mean (alive, or all that was allocated) V8 does not write either; what we wrote says it in a
 * member `plimsoll` of its own, else the caller does.
 *
 * The tree is walked without recursion: the call under way is the stack, its parent the next frame
 * of it. Members may stand in any order.
 */
#include "heap/profile/read.h"

#include "base/assert.h"

/* Counts from 0 in the file, -1 where there is none; here from 1. */
static bool read_place(plim__profile_reader *reader, uint32_t *out_number)
{
    double number;
    if (!plim__json_real(&reader->json, &number))
        return false;
    *out_number = number >= 0.0 && number < (double)INT32_MAX ? (uint32_t)number + 1 : 0;
    return true;
}

static bool read_keep(plim__profile_reader *reader, plim_text *text)
{
    plim_text borrowed;
    if (!plim__json_text(&reader->json, &borrowed))
        return false;
    char *copy = plim__text_arena_take(&reader->profile->arena, borrowed.size_bytes);
    if (copy == NULL)
        return plim__profile_short(reader);
    if (borrowed.size_bytes > 0)
        memcpy(copy, borrowed.data, borrowed.size_bytes);
    *text = (plim_text){copy, borrowed.size_bytes};
    return true;
}

static bool read_frame(plim__profile_reader *reader, uint32_t call)
{
    plim_text key, function = {"", 0}, source = {"", 0};
    uint32_t line = 0, column = 0;
    bool goes_on = plim__json_open(&reader->json, '{');
    while (goes_on && plim__json_key(&reader->json, &key)) {
        if (plim__profile_is(key, "functionName"))
            goes_on = read_keep(reader, &function);
        else if (plim__profile_is(key, "url"))
            goes_on = read_keep(reader, &source);
        else if (plim__profile_is(key, "lineNumber"))
            goes_on = read_place(reader, &line);
        else if (plim__profile_is(key, "columnNumber"))
            goes_on = read_place(reader, &column);
        else
            goes_on = plim__json_skip(&reader->json);
    }
    if (!goes_on || reader->json.pull.status != PLIM_OK)
        return false;
    if (call == 0)
        return true; /* it is the root, whatever it is called */
    uint32_t frame = plim__profile_frame_add(reader->profile, function, source, line, column);
    if (frame == PLIM_NONE)
        return plim__profile_short(reader);
    plim__profile_call(reader->profile, call)->frame = frame;
    return true;
}

static bool read_size(plim__profile_reader *reader, uint32_t call)
{
    double size;
    if (!plim__json_real(&reader->json, &size))
        return false;
    if (size < 0.0)
        return plim__profile_fault(reader, "a size below 0");
    plim_measure measure =
        reader->is_collected ? PLIM_MEASURE_ALLOC_BYTES : PLIM_MEASURE_LIVE_BYTES;
    uint64_t bytes = size < 9e18 ? (uint64_t)(size + 0.5) : (uint64_t)INT64_MAX;
    plim__profile_call(reader->profile, call)->self[measure] = bytes;
    return true;
}

static bool read_id(plim__profile_reader *reader, uint32_t call)
{
    double id;
    if (!plim__json_real(&reader->json, &id))
        return false;
    ((uint64_t *)reader->call_ids.data)[call] = id >= 0.0 && id < 9e15 ? (uint64_t)id : UINT64_MAX;
    return true;
}

/* A member of the object of a call; *out_is_children: its children's array was opened. */
static bool read_member(plim__profile_reader *reader, uint32_t call, plim_text key,
                        bool *out_is_children)
{
    if (plim__profile_is(key, "callFrame"))
        return read_frame(reader, call);
    if (plim__profile_is(key, "selfSize"))
        return read_size(reader, call);
    if (plim__profile_is(key, "id"))
        return read_id(reader, call);
    if (!plim__profile_is(key, "children"))
        return plim__json_skip(&reader->json);
    *out_is_children = true;
    return plim__json_open(&reader->json, '[');
}

static bool read_head(plim__profile_reader *reader)
{
    uint32_t call;
    if (reader->has_head || reader->has_tree)
        return plim__profile_fault(reader, "a second tree of calls");
    reader->has_head = true;
    if (!plim__json_open(&reader->json, '{') ||
        !plim__profile_reader_call(reader, PLIM_NONE, UINT64_MAX, &call))
        return false;
    for (bool in_children = false;;) {
        plim_text key;
        if (in_children && plim__json_item(&reader->json)) {
            if (!plim__json_open(&reader->json, '{') ||
                !plim__profile_reader_call(reader, call, UINT64_MAX, &call))
                return false;
            in_children = false;
        } else if (in_children) {
            in_children = false; /* the members behind the array */
        } else if (plim__json_key(&reader->json, &key)) {
            if (!read_member(reader, call, key, &in_children))
                return false;
        } else {
            call = plim__profile_call(reader->profile, call)->parent;
            in_children = true;
        }
        if (reader->json.pull.status != PLIM_OK)
            return false;
        if (call == PLIM_NONE)
            return true;
    }
}

/* Those of a timeline are plain numbers, and say nothing of calls. */
static bool read_samples(plim__profile_reader *reader)
{
    plim_text key;
    bool goes_on = plim__json_open(&reader->json, '[');
    while (goes_on && plim__json_item(&reader->json)) {
        if (plim__json_bracket(&reader->json) != '{') {
            goes_on = plim__json_skip(&reader->json);
            continue;
        }
        goes_on = plim__json_open(&reader->json, '{');
        while (goes_on && plim__json_key(&reader->json, &key)) {
            double id;
            if (!plim__profile_is(key, "nodeId")) {
                goes_on = plim__json_skip(&reader->json);
                continue;
            }
            goes_on = plim__json_real(&reader->json, &id);
            uint64_t *row = goes_on ? plim__rows_add(&reader->samples) : NULL;
            if (goes_on && row == NULL)
                return plim__profile_short(reader);
            if (goes_on)
                *row = id >= 0.0 && id < 9e15 ? (uint64_t)id : UINT64_MAX;
        }
    }
    return goes_on && reader->json.pull.status == PLIM_OK;
}

/* What Plimsoll said of the recording. It stands before the tree, whose sizes it explains. */
static bool read_about(plim__profile_reader *reader)
{
    plim_text key, word;
    bool goes_on = plim__json_open(&reader->json, '{');
    while (goes_on && plim__json_key(&reader->json, &key)) {
        if (plim__profile_is(key, "interval_bytes")) {
            goes_on = plim__json_number(&reader->json, &reader->interval_bytes);
        } else if (plim__profile_is(key, "sizes")) {
            goes_on = plim__json_text(&reader->json, &word);
            if (goes_on && reader->has_head)
                return plim__profile_fault(reader, "what the sizes are is said behind them");
            reader->is_collected = goes_on && plim__profile_is(word, "allocated");
        } else {
            goes_on = plim__json_skip(&reader->json);
        }
    }
    return goes_on && reader->json.pull.status == PLIM_OK;
}

static bool read_section(plim__profile_reader *reader, plim_text key)
{
    bool is_known = true;
    if (plim__profile_is(key, "head"))
        return read_head(reader);
    if (plim__profile_is(key, "samples"))
        return read_samples(reader);
    if (plim__profile_is(key, "plimsoll"))
        return read_about(reader);
    if (!plim__timeline_section(reader, key, &is_known))
        return false;
    return is_known || plim__json_skip(&reader->json);
}

/* Each sample to its call; one whose call there is not is no one's. */
static bool read_match(plim__profile_reader *reader)
{
    plim__id_map map = {.allocator = reader->allocator};
    const uint64_t *ids = reader->call_ids.data;
    bool has_room = true;
    for (uint32_t i = 0; has_room && i < reader->call_ids.count; i++)
        if (ids[i] != UINT64_MAX && plim__id_map_find(&map, ids[i]) == UINT32_MAX)
            has_room = plim__id_map_add(&map, ids[i], i);
    for (uint32_t i = 0; has_room && i < reader->samples.count; i++) {
        uint64_t id = ((const uint64_t *)reader->samples.data)[i];
        uint32_t call = id == UINT64_MAX ? UINT32_MAX : plim__id_map_find(&map, id);
        if (call != UINT32_MAX)
            plim__profile_call(reader->profile, call)->self[PLIM_MEASURE_SAMPLES]++;
    }
    plim__id_map_fini(&map);
    return has_room || plim__profile_short(reader);
}

static bool read_finish_sampler(plim__profile_reader *reader)
{
    plim_measure measure =
        reader->is_collected ? PLIM_MEASURE_ALLOC_BYTES : PLIM_MEASURE_LIVE_BYTES;
    uint32_t known = 1u << measure;
    if (reader->samples.count > 0)
        known |= 1u << PLIM_MEASURE_SAMPLES;
    if (!read_match(reader))
        return false;
    plim__profile_settle(reader->profile, known, reader->interval_bytes);
    return true;
}

static bool read_document(plim__profile_reader *reader)
{
    plim_text key;
    bool goes_on = plim__json_open(&reader->json, '{');
    while (goes_on && plim__json_key(&reader->json, &key))
        goes_on = read_section(reader, key);
    if (!goes_on || !plim__json_finish(&reader->json))
        return false;
    if (reader->has_head)
        return read_finish_sampler(reader);
    return plim__timeline_finish(reader);
}

static plim_status read_whole(plim__profile_reader *reader, plim_source source,
                              const plim_profile_options *options, plim_error *err)
{
    plim_progress progress = options != NULL ? options->progress : (plim_progress){0};
    if (!plim__json_init(&reader->json, source, progress, reader->allocator, err))
        return plim__no_memory(err, "a profile");
    reader->profile = plim__profile_new(reader->allocator);
    if (reader->profile == NULL ||
        plim__profile_frame_add(reader->profile, PLIM__TEXT("(root)"), PLIM__TEXT(""), 0, 0) != 0)
        return plim__no_memory(err, "a profile");
    (void)read_document(reader);
    return reader->json.pull.status;
}

plim_status plim_profile_read(plim_source source, const plim_profile_options *options,
                              plim_profile **out_profile, plim_error *err)
{
    PLIM_CHECK(source.read != NULL && out_profile != NULL);
    plim_error own = {0};
    const plim_allocator *allocator =
        plim__allocator_or_system(options != NULL ? options->allocator : NULL);
    plim__profile_reader reader = {
        .allocator = allocator,
        .call_ids = {.allocator = allocator, .row_bytes = sizeof(uint64_t)},
        .samples = {.allocator = allocator, .row_bytes = sizeof(uint64_t)},
        .is_collected = options != NULL && options->collected,
        .interval_bytes = options != NULL ? options->interval_bytes : 0,
        .live_map = {.allocator = allocator},
        .live = {.allocator = allocator, .row_bytes = sizeof(plim__profile_live)},
        .functions = {.allocator = allocator, .row_bytes = sizeof(plim__profile_function)},
        .call_functions = {.allocator = allocator, .row_bytes = sizeof(uint32_t)},
        .wanted = {.allocator = allocator, .row_bytes = sizeof(uint32_t)},
        .texts = {.allocator = allocator, .row_bytes = sizeof(plim_text)},
        .self_at = PLIM__READ_NO_FIELD,
        .trace_at = PLIM__READ_NO_FIELD,
        .function_at = {PLIM__READ_NO_FIELD, PLIM__READ_NO_FIELD, PLIM__READ_NO_FIELD,
                        PLIM__READ_NO_FIELD},
    };
    plim_status status = read_whole(&reader, source, options, err != NULL ? err : &own);
    plim__json_fini(&reader.json);
    plim__id_map_fini(&reader.live_map);
    plim__rows *const rows[] = {&reader.call_ids,      &reader.samples, &reader.live,
                                &reader.functions,     &reader.wanted,  &reader.texts,
                                &reader.call_functions};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        plim__rows_fini(rows[i]);
    if (status == PLIM_OK)
        *out_profile = reader.profile;
    else
        plim_profile_destroy(&reader.profile);
    return status;
}

bool plim_profile_guess(const void *bytes, size_t size_bytes)
{
    static const char *const keys[] = {"\"head\"", "\"samples\"", "\"plimsoll\"", "\"startTime\""};
    const char *at = bytes;
    const char *end = at + size_bytes;
    unsigned brackets = 0;
    while (at < end && (strchr(" \t\r\n", *at) != NULL || (brackets == 0 && *at == '{')))
        brackets += *at++ == '{';
    for (size_t i = 0; brackets == 1 && i < sizeof keys / sizeof keys[0]; i++) {
        size_t length = strlen(keys[i]);
        if ((size_t)(end - at) >= length && memcmp(at, keys[i], length) == 0)
            return true;
    }
    return false;
}

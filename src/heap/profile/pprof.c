/* SPDX-License-Identifier: MIT */
/*
 * pprof's format, packed by protobuf-c after profile.proto (which cites the public description).
 *
 * Protobuf's messages may be written in pieces: two that stand one behind the other are one, whose
 * repeated fields are those of both. So each sample, function and text is packed as a Profile of
 * its own with nothing else in it, and no more than one is ever held.
 *
 * Each frame is a function and a location of the same number, frame number + 1: V8 tells where a
 * function begins, not the line in it that allocates. What is not known is not among the sample
 * types, and a comment names it. Text 0 is empty; a frame's name is text FIRST + 2*frame, its
 * source the one behind it.
 */
#include <profile.pb-c.h>
#include <protobuf-c/protobuf-c.h>

#include "heap/profile/out.h"
#include "heap/profile/profile.h"

typedef Perftools__Profiles__Profile pprof_profile;

/* Fixed texts, by number. */
enum { PPROF_EMPTY, PPROF_COUNT, PPROF_BYTES, PPROF_SPACE, PPROF_TITLE, PPROF_NOTE, PPROF_TYPES };
enum {
    PPROF_FIRST = PPROF_TYPES + PLIM_MEASURES,
    PPROF_NOTE_BYTES = 256,
    PPROF_TEXT_MAX = 65536,
    PPROF_MAPPING = 1
};

/* As pprof itself calls them for heaps. */
static const char *const pprof_types[PLIM_MEASURES] = {
    [PLIM_MEASURE_LIVE_BYTES] = "inuse_space",  [PLIM_MEASURE_LIVE_COUNT] = "inuse_objects",
    [PLIM_MEASURE_ALLOC_BYTES] = "alloc_space", [PLIM_MEASURE_ALLOC_COUNT] = "alloc_objects",
    [PLIM_MEASURE_SAMPLES] = "samples",
};

/* pprof shows the last type unless told; these come as its own heap profiles have them. */
static const plim_measure pprof_order[PLIM_MEASURES] = {
    PLIM_MEASURE_SAMPLES,    PLIM_MEASURE_ALLOC_COUNT, PLIM_MEASURE_ALLOC_BYTES,
    PLIM_MEASURE_LIVE_COUNT, PLIM_MEASURE_LIVE_BYTES,
};

/* Where packed bytes go: protobuf-c's own buffer, whose first member it is. */
typedef struct pprof_buffer {
    ProtobufCBuffer base;
    plim__out_text out;
} pprof_buffer;

static void pprof_append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
    pprof_buffer *buffer = (pprof_buffer *)(void *)base;
    plim__out_bytes(&buffer->out, (const char *)data, len);
}

static void pprof_put(pprof_buffer *buffer, const pprof_profile *piece)
{
    (void)perftools__profiles__profile__pack_to_buffer(piece, &buffer->base);
}

static bool pprof_is_bytes(plim_measure measure)
{
    return measure == PLIM_MEASURE_LIVE_BYTES || measure == PLIM_MEASURE_ALLOC_BYTES;
}

/* ---- texts ---- */

static void pprof_put_string(pprof_buffer *buffer, char *string)
{
    pprof_profile piece = PERFTOOLS__PROFILES__PROFILE__INIT;
    piece.n_string_table = 1;
    piece.string_table = &string;
    pprof_put(buffer, &piece);
}

/* A text as valid UTF-8 without NUL, cut where it is longer than any name is. */
static void pprof_put_text(pprof_buffer *buffer, plim_text text, char *room)
{
    size_t length = 0;
    for (size_t at = 0; at < text.size_bytes && length + 4 < PPROF_TEXT_MAX;) {
        uint32_t code = plim__out_next(text, &at);
        length += plim__out_utf8(room + length, code == 0 ? 0xfffd : code);
    }
    room[length] = '\0';
    pprof_put_string(buffer, room);
}

/* What was not recorded. */
static void pprof_note(const plim_profile *profile, char out[PPROF_NOTE_BYTES])
{
    size_t length = 0;
    for (unsigned measure = 0; measure < PLIM_MEASURES; measure++) {
        if ((profile->info.known & 1u << measure) != 0 || measure == PLIM_MEASURE_SAMPLES)
            continue;
        length += plim__out_format(out + length, PPROF_NOTE_BYTES - length, "%s%s",
                                   length == 0 ? "not recorded: " : ", ", pprof_types[measure]);
    }
    if (length == 0)
        (void)plim__out_format(out, PPROF_NOTE_BYTES, "all measures were recorded");
}

static void pprof_put_texts(pprof_buffer *buffer, const plim_profile *profile,
                            const plim_profile_write_options *options, char *room)
{
    static const char *const fixed[] = {[PPROF_EMPTY] = "",
                                        [PPROF_COUNT] = "count",
                                        [PPROF_BYTES] = "bytes",
                                        [PPROF_SPACE] = "space"};
    for (unsigned i = 0; i < PPROF_TITLE; i++)
        pprof_put_text(buffer, (plim_text){fixed[i], strlen(fixed[i])}, room);
    pprof_put_text(buffer, (plim_text){options->title, strlen(options->title)}, room);
    char note[PPROF_NOTE_BYTES];
    pprof_note(profile, note);
    pprof_put_string(buffer, note);
    for (unsigned i = 0; i < PLIM_MEASURES; i++)
        pprof_put_text(buffer, (plim_text){pprof_types[i], strlen(pprof_types[i])}, room);
    for (uint32_t i = 0; i < profile->frames.count && buffer->out.status == PLIM_OK; i++) {
        const plim_profile_frame *frame = plim__profile_frame(profile, i);
        pprof_put_text(buffer, plim__profile_shown_name(frame), room);
        pprof_put_text(buffer, frame->source, room);
    }
}

/* ---- figures ---- */

static void pprof_put_head(pprof_buffer *buffer, const plim_profile *profile,
                           const plim_profile_write_options *options)
{
    pprof_profile piece = PERFTOOLS__PROFILES__PROFILE__INIT;
    Perftools__Profiles__ValueType types[PLIM_MEASURES], *list[PLIM_MEASURES];
    Perftools__Profiles__ValueType period = PERFTOOLS__PROFILES__VALUE_TYPE__INIT;
    Perftools__Profiles__Mapping mapping = PERFTOOLS__PROFILES__MAPPING__INIT, *program = &mapping;
    int64_t comments[] = {PPROF_NOTE};
    mapping.id = PPROF_MAPPING;
    mapping.filename = PPROF_TITLE;
    mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = true;
    piece.mapping = &program;
    piece.n_mapping = 1;
    for (unsigned i = 0; i < PLIM_MEASURES; i++) {
        plim_measure measure = pprof_order[i];
        if ((profile->info.known & 1u << measure) == 0)
            continue;
        Perftools__Profiles__ValueType *type = &types[piece.n_sample_type];
        perftools__profiles__value_type__init(type);
        type->type = PPROF_TYPES + (int64_t)measure;
        type->unit = pprof_is_bytes(measure) ? PPROF_BYTES : PPROF_COUNT;
        list[piece.n_sample_type++] = type;
    }
    piece.sample_type = list;
    piece.time_nanos = (int64_t)options->at_ns;
    piece.duration_nanos = (int64_t)options->duration_ns;
    piece.default_sample_type = PPROF_TYPES + (int64_t)profile->info.main;
    piece.comment = comments;
    piece.n_comment = sizeof comments / sizeof comments[0];
    if (profile->info.interval_bytes > 0) {
        period.type = PPROF_SPACE;
        period.unit = PPROF_BYTES;
        piece.period_type = &period;
        piece.period = (int64_t)plim__profile_add(profile->info.interval_bytes, 0);
    }
    pprof_put(buffer, &piece);
}

static void pprof_put_sample(pprof_buffer *buffer, const plim_profile *profile, uint32_t number)
{
    pprof_profile piece = PERFTOOLS__PROFILES__PROFILE__INIT;
    Perftools__Profiles__Sample sample = PERFTOOLS__PROFILES__SAMPLE__INIT, *list = &sample;
    uint64_t locations[PLIM_PROFILE_DEPTH_MAX + 1];
    int64_t values[PLIM_MEASURES];
    const plim_profile_call *call = plim__profile_call(profile, number);
    bool has_any = false;
    for (unsigned i = 0; i < PLIM_MEASURES; i++) {
        if ((profile->info.known & 1u << pprof_order[i]) == 0)
            continue;
        values[sample.n_value] = (int64_t)call->self[pprof_order[i]];
        has_any = has_any || values[sample.n_value] > 0;
        sample.n_value++;
    }
    if (!has_any)
        return;
    for (uint32_t at = number; at != 0; at = plim__profile_call(profile, at)->parent)
        locations[sample.n_location_id++] = plim__profile_call(profile, at)->frame + UINT64_C(1);
    if (number == 0)
        locations[sample.n_location_id++] = 1; /* the root's own frame is the first */
    sample.location_id = locations;
    sample.value = values;
    piece.sample = &list;
    piece.n_sample = 1;
    pprof_put(buffer, &piece);
}

static void pprof_put_frame(pprof_buffer *buffer, const plim_profile *profile, uint32_t number)
{
    pprof_profile piece = PERFTOOLS__PROFILES__PROFILE__INIT;
    Perftools__Profiles__Function function = PERFTOOLS__PROFILES__FUNCTION__INIT, *one = &function;
    Perftools__Profiles__Location location = PERFTOOLS__PROFILES__LOCATION__INIT,
                                  *other = &location;
    Perftools__Profiles__Line line = PERFTOOLS__PROFILES__LINE__INIT, *lines = &line;
    const plim_profile_frame *frame = plim__profile_frame(profile, number);
    function.id = location.id = line.function_id = number + UINT64_C(1);
    location.mapping_id = PPROF_MAPPING;
    function.name = function.system_name = PPROF_FIRST + 2 * (int64_t)number;
    function.filename = frame->source.size_bytes > 0 ? function.name + 1 : PPROF_EMPTY;
    function.start_line = line.line = frame->line;
    line.column = frame->column;
    location.line = &lines;
    location.n_line = 1;
    piece.function = &one;
    piece.location = &other;
    piece.n_function = piece.n_location = 1;
    pprof_put(buffer, &piece);
}

plim_status plim__profile_write_pprof(const plim_profile *profile, plim_sink sink,
                                      const plim_profile_write_options *options, plim_error *err)
{
    pprof_buffer *buffer = plim__array_new(options->allocator, 1, sizeof *buffer);
    char *room = plim__array_new(options->allocator, PPROF_TEXT_MAX, 1);
    plim_status status = PLIM_ERR_NO_MEMORY;
    if (buffer != NULL && room != NULL) {
        buffer->base.append = pprof_append;
        plim__out_start(&buffer->out, sink, err);
        pprof_put_head(buffer, profile, options);
        for (uint32_t i = 0; i < profile->calls.count && buffer->out.status == PLIM_OK; i++)
            pprof_put_sample(buffer, profile, i);
        for (uint32_t i = 0; i < profile->frames.count && buffer->out.status == PLIM_OK; i++)
            pprof_put_frame(buffer, profile, i);
        pprof_put_texts(buffer, profile, options, room);
        status = plim__out_end(&buffer->out);
    } else {
        (void)plim__no_memory(err, "a pprof profile");
    }
    plim__array_free(options->allocator, room, PPROF_TEXT_MAX, 1);
    plim__array_free(options->allocator, buffer, 1, sizeof *buffer);
    return status;
}

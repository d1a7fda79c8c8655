/* SPDX-License-Identifier: MIT */
/*
 * Speedscope's file format: frames once, and a profile of weighted stacks for each known measure,
 * the main one shown first. Schema: https://www.speedscope.app/file-format-schema.json
 */
#include "heap/profile/out.h"
#include "heap/profile/profile.h"

static void speedscope_frames(plim__out_text *out, const plim_profile *profile)
{
    for (uint32_t i = 0; i < profile->frames.count && out->status == PLIM_OK; i++) {
        const plim_profile_frame *frame = plim__profile_frame(profile, i);
        plim__out_string(out, i == 0 ? "{\"name\":" : ",\n{\"name\":");
        plim__out_json(out, plim__profile_shown_name(frame));
        if (frame->source.size_bytes > 0) {
            plim__out_string(out, ",\"file\":");
            plim__out_json(out, frame->source);
        }
        if (frame->line > 0) {
            plim__out_string(out, ",\"line\":");
            plim__out_number(out, frame->line);
        }
        if (frame->column > 0) {
            plim__out_string(out, ",\"col\":");
            plim__out_number(out, frame->column);
        }
        plim__out_string(out, "}");
    }
}

/* Frames from the outermost in; the root is every stack's, and left out. */
static void speedscope_stack(plim__out_text *out, const plim_profile *profile, uint32_t call)
{
    uint32_t frames[PLIM_PROFILE_DEPTH_MAX];
    uint32_t count = 0;
    for (uint32_t at = call; at != 0; at = plim__profile_call(profile, at)->parent)
        frames[count++] = plim__profile_call(profile, at)->frame;
    plim__out_string(out, "[");
    while (count-- > 0) {
        plim__out_number(out, frames[count]);
        if (count > 0)
            plim__out_bytes(out, ",", 1);
    }
    plim__out_string(out, "]");
}

static void speedscope_each(plim__out_text *out, const plim_profile *profile, plim_measure measure,
                            bool is_weight)
{
    bool is_first = true;
    for (uint32_t i = 0; i < profile->calls.count && out->status == PLIM_OK; i++) {
        uint64_t self = plim__profile_call(profile, i)->self[measure];
        if (self == 0)
            continue;
        if (!is_first)
            plim__out_string(out, ",\n");
        is_first = false;
        if (is_weight)
            plim__out_number(out, self);
        else
            speedscope_stack(out, profile, i);
    }
}

static void speedscope_profile(plim__out_text *out, const plim_profile *profile,
                               plim_measure measure)
{
    static const char *const names[PLIM_MEASURES] = {
        [PLIM_MEASURE_LIVE_BYTES] = "bytes alive",
        [PLIM_MEASURE_LIVE_COUNT] = "objects alive",
        [PLIM_MEASURE_ALLOC_BYTES] = "bytes allocated",
        [PLIM_MEASURE_ALLOC_COUNT] = "objects allocated",
        [PLIM_MEASURE_SAMPLES] = "samples",
    };
    bool is_bytes = measure == PLIM_MEASURE_LIVE_BYTES || measure == PLIM_MEASURE_ALLOC_BYTES;
    plim__out_string(out, "{\"type\":\"sampled\",\"name\":\"");
    plim__out_string(out, names[measure]);
    plim__out_string(out, "\",\"unit\":\"");
    plim__out_string(out, is_bytes ? "bytes" : "none");
    plim__out_string(out, "\",\"startValue\":0,\"endValue\":");
    plim__out_number(out, profile->info.total[measure]);
    plim__out_string(out, ",\"samples\":[");
    speedscope_each(out, profile, measure, false);
    plim__out_string(out, "],\"weights\":[");
    speedscope_each(out, profile, measure, true);
    plim__out_string(out, "]}");
}

plim_status plim__profile_write_speedscope(const plim_profile *profile, plim_sink sink,
                                           const plim_profile_write_options *options,
                                           plim_error *err)
{
    plim__out_text *out = plim__array_new(options->allocator, 1, sizeof *out);
    if (out == NULL)
        return plim__no_memory(err, "a speedscope file");
    plim__out_start(out, sink, err);
    plim__out_string(out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
                          "\"exporter\":\"plim\",\"name\":");
    plim__out_json(out, (plim_text){options->title, strlen(options->title)});
    plim__out_string(out, ",\"activeProfileIndex\":0,\"shared\":{\"frames\":[");
    speedscope_frames(out, profile);
    plim__out_string(out, "]},\"profiles\":[");
    speedscope_profile(out, profile, profile->info.main);
    for (unsigned measure = 0; measure < PLIM_MEASURES; measure++) {
        if (measure == profile->info.main || (profile->info.known & 1u << measure) == 0)
            continue;
        plim__out_string(out, ",");
        speedscope_profile(out, profile, (plim_measure)measure);
    }
    plim__out_string(out, "]}\n");
    plim_status status = plim__out_end(out);
    plim__array_free(options->allocator, out, 1, sizeof *out);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * Folded stacks: "outer;inner;innermost 4096", a line for each stack that has something of the main
 * measure. What would end a name or a line is changed: ';' to ':', control characters to blanks.
 */
#include "base/assert.h"
#include "heap/profile/out.h"
#include "heap/profile/profile.h"

static void folded_name(plim__out_text *out, const plim_profile_frame *frame)
{
    plim_text name = plim__profile_shown_name(frame);
    for (size_t at = 0; at < name.size_bytes;) {
        char bytes[4];
        uint32_t code = plim__out_next(name, &at);
        code = code == ';' ? ':' : code < 0x20 || code == 0x7f ? ' ' : code;
        plim__out_bytes(out, bytes, plim__out_utf8(bytes, code));
    }
}

static void folded_stack(plim__out_text *out, const plim_profile *profile, uint32_t call)
{
    uint32_t frames[PLIM_PROFILE_DEPTH_MAX];
    uint32_t count = 0;
    for (uint32_t at = call; at != 0; at = plim__profile_call(profile, at)->parent)
        frames[count++] = plim__profile_call(profile, at)->frame;
    if (count == 0)
        plim__out_string(out, "(root)");
    while (count-- > 0) {
        folded_name(out, plim__profile_frame(profile, frames[count]));
        if (count > 0)
            plim__out_bytes(out, ";", 1);
    }
}

plim_status plim__profile_write_folded(const plim_profile *profile, plim_sink sink,
                                       const plim_profile_write_options *options, plim_error *err)
{
    plim__out_text *out = plim__array_new(options->allocator, 1, sizeof *out);
    if (out == NULL)
        return plim__no_memory(err, "folded stacks");
    plim__out_start(out, sink, err);
    for (uint32_t i = 0; i < profile->calls.count && out->status == PLIM_OK; i++) {
        uint64_t self = plim__profile_call(profile, i)->self[profile->info.main];
        if (self == 0)
            continue;
        folded_stack(out, profile, i);
        plim__out_bytes(out, " ", 1);
        plim__out_number(out, self);
        plim__out_bytes(out, "\n", 1);
    }
    plim_status status = plim__out_end(out);
    plim__array_free(options->allocator, out, 1, sizeof *out);
    return status;
}

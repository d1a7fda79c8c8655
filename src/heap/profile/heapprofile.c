/* SPDX-License-Identifier: MIT */
/*
 * Chrome's `.heapprofile`, of the main measure. A member of our own in front of the tree says what
 * the sizes are, which Chrome's format cannot; DevTools passes it by. Samples are not written: how
 * large each was is not in the model.
 *
 * The tree is written without recursion: calls are visited by their first child and next sibling,
 * which two arrays give.
 */
#include "base/assert.h"
#include "heap/profile/out.h"
#include "heap/profile/profile.h"

typedef struct heapprofile_links {
    uint32_t *first_child; /* per call; PLIM_NONE: none */
    uint32_t *next;        /* sibling; PLIM_NONE: none */
} heapprofile_links;

static bool heapprofile_link(const plim_profile *profile, const plim_allocator *allocator,
                             heapprofile_links *links)
{
    uint32_t count = profile->calls.count;
    links->first_child = plim__array_new(allocator, count, sizeof(uint32_t));
    links->next = plim__array_new(allocator, count, sizeof(uint32_t));
    if (links->first_child == NULL || links->next == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        links->first_child[i] = links->next[i] = PLIM_NONE;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t parent = plim__profile_call(profile, i)->parent;
        links->next[i] = links->first_child[parent];
        links->first_child[parent] = i;
    }
    return true;
}

static void heapprofile_place(plim__out_text *out, const char *key, uint32_t number)
{
    plim__out_string(out, key);
    if (number == 0)
        plim__out_string(out, "-1");
    else
        plim__out_number(out, number - 1);
}

/* An object of a call, up to the bracket of its children. */
static void heapprofile_call(plim__out_text *out, const plim_profile *profile, uint32_t number)
{
    const plim_profile_call *call = plim__profile_call(profile, number);
    const plim_profile_frame *frame = plim__profile_frame(profile, call->frame);
    plim__out_string(out, "{\"callFrame\":{\"functionName\":");
    plim__out_json(out, frame->function);
    plim__out_string(out, ",\"scriptId\":\"0\",\"url\":");
    plim__out_json(out, frame->source);
    heapprofile_place(out, ",\"lineNumber\":", frame->line);
    heapprofile_place(out, ",\"columnNumber\":", frame->column);
    plim__out_string(out, "},\"selfSize\":");
    plim__out_number(out, call->self[profile->info.main]);
    plim__out_string(out, ",\"id\":");
    plim__out_number(out, number + UINT64_C(1));
    plim__out_string(out, ",\"children\":[");
}

static void heapprofile_tree(plim__out_text *out, const plim_profile *profile,
                             const heapprofile_links *links)
{
    uint32_t at = 0;
    heapprofile_call(out, profile, at);
    while (out->status == PLIM_OK) {
        if (links->first_child[at] != PLIM_NONE) {
            at = links->first_child[at];
            heapprofile_call(out, profile, at);
            continue;
        }
        plim__out_string(out, "]}");
        for (; at != 0 && links->next[at] == PLIM_NONE; plim__out_string(out, "]}"))
            at = plim__profile_call(profile, at)->parent;
        if (at == 0)
            return;
        at = links->next[at];
        plim__out_string(out, ",\n");
        heapprofile_call(out, profile, at);
    }
}

static void heapprofile_write(plim__out_text *out, const plim_profile *profile,
                              const heapprofile_links *links)
{
    const plim_profile_info *info = &profile->info;
    plim__out_string(out, "{\"plimsoll\":{\"sizes\":");
    plim__out_string(out, info->main == PLIM_MEASURE_ALLOC_BYTES ? "\"allocated\"" : "\"live\"");
    if (info->interval_bytes > 0) {
        plim__out_string(out, ",\"interval_bytes\":");
        plim__out_number(out, info->interval_bytes);
    }
    plim__out_string(out, "},\n\"head\":");
    heapprofile_tree(out, profile, links);
    plim__out_string(out, ",\n\"samples\":[]}\n");
}

plim_status plim__profile_write_heapprofile(const plim_profile *profile, plim_sink sink,
                                            const plim_profile_write_options *options,
                                            plim_error *err)
{
    heapprofile_links links = {NULL, NULL};
    plim__out_text *out = plim__array_new(options->allocator, 1, sizeof *out);
    plim_status status = PLIM_ERR_NO_MEMORY;
    if (out != NULL && heapprofile_link(profile, options->allocator, &links)) {
        plim__out_start(out, sink, err);
        heapprofile_write(out, profile, &links);
        status = plim__out_end(out);
    } else {
        (void)plim__no_memory(err, "a profile");
    }
    plim__array_free(options->allocator, links.first_child, profile->calls.count, sizeof(uint32_t));
    plim__array_free(options->allocator, links.next, profile->calls.count, sizeof(uint32_t));
    plim__array_free(options->allocator, out, 1, sizeof *out);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * The sampler's rows as stacks of calls: the domain stands outermost, so that the tree begins with
 * who is charged; then calls, from main() on, without the allocator's own. The innermost call's
 * line is the request's site.
 */
#include "bridge/serve_sampler.h"

#include <plimsoll/sampler.h>

#include <stdio.h>
#include <string.h>

#include "platform/process.h"

enum { SAMPLER_FRAMES = PLIM_SAMPLER_FRAMES_MAX + 2, SAMPLER_OWN_MAX = 8 };

plim_status plim__serve_sampler_start(plim__serve_sampler *sampler, uint64_t interval_bytes,
                                      plim_error *err)
{
    plim_status status = plim_sampler_start(interval_bytes, err);
    sampler->is_ours |= status == PLIM_OK;
    if (status != PLIM_ERR_BUSY)
        return status;
    if (err != NULL)
        memset(err, 0, sizeof *err);
    return PLIM_OK;
}

/* The innermost call's line: the request says "file.c:88" itself, where debugging information has
   the header that it went through. */
static void sampler_site(const char *site, plim__process_place *place)
{
    const char *colon = strrchr(site, ':');
    unsigned line = 0;
    if (colon == NULL || sscanf(colon + 1, "%9u", &line) != 1 || line == 0)
        return;
    (void)snprintf(place->file, sizeof place->file, "%.*s", (int)(colon - site), site);
    place->line = line;
}

/* Between a request and the sampler: by the module, or, where the library is part of the program,
   by name. */
static bool sampler_is_own(const plim__process_place *place)
{
    static const char *const starts[] = {"plim_",          "sampler_sample", "sampler_taken",
                                         "alloc_serve",    "alloc_request",  "alloc_in_slow",
                                         "alloc_here_slow"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(place->function, starts[i], strlen(starts[i])) == 0)
            return true;
    return place->is_library;
}

/* One row, the outermost first. */
static plim_status sampler_add(const plim__serve_sampler *sampler, const plim_sampler_row *row,
                               plim_served_profile *profile, plim_error *err)
{
    plim__process_place places[PLIM_SAMPLER_FRAMES_MAX + 1];
    plim_served_frame frames[SAMPLER_FRAMES];
    char owner[PLIM_SAMPLER_TEXT_BYTES + 16];
    uint32_t first = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < row->frame_count && i < PLIM_SAMPLER_FRAMES_MAX; i++) {
        plim__process_place_of(sampler->places, row->frames[i], &places[i]);
        if (i == first && i < SAMPLER_OWN_MAX && sampler_is_own(&places[i]))
            first = i + 1;
    }
    (void)snprintf(owner, sizeof owner, "(domain %s)", row->owner);
    frames[count++] = (plim_served_frame){owner, NULL, PLIM_NONE, 0};
    for (uint32_t i = row->frame_count; i > first; i--) {
        plim__process_place *place = &places[i - 1];
        if (i - 1 == first)
            sampler_site(row->site, place);
        frames[count++] = (plim_served_frame){
            place->function, place->file[0] != '\0' ? place->file : NULL, PLIM_NONE, place->line};
    }
    return plim_served_profile_add(profile, frames, count, row->live_bytes, row->live_count, err);
}

plim_status plim__serve_sampler_read(plim__serve_sampler *sampler, bool ends,
                                     plim_served_profile *profile, plim_error *err)
{
    plim_sampler_row row;
    plim_status status = PLIM_OK;
    if (ends && sampler->is_ours)
        plim_sampler_stop();
    sampler->is_ours = sampler->is_ours && !ends;
    if (sampler->places == NULL &&
        plim__process_sites_create(plim__process_self(), sampler->allocator, &sampler->places,
                                   NULL) != PLIM_OK)
        sampler->places = NULL; /* addresses have to do */
    for (uint32_t i = 0; status == PLIM_OK && plim_sampler_read(i, &row); i++)
        if (row.live_bytes > 0)
            status = sampler_add(sampler, &row, profile, err);
    return status;
}

void plim__serve_sampler_fini(plim__serve_sampler *sampler)
{
    if (sampler->is_ours)
        plim_sampler_stop();
    sampler->is_ours = false;
    plim__process_sites_destroy(&sampler->places);
}

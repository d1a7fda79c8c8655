/* SPDX-License-Identifier: MIT */
/*
 * Births rise, so what is later than the newest of one look was made after it. Each block says who
 * asked for it, so nothing is sampled: it is counted, and the program pays nothing for it here.
 */
#include "cli/serveblocks.h"

#include <plimsoll/bridge.h>
#include <plimsoll/graph.h>

#include <stdio.h>
#include <string.h>

enum { SERVE_WORDS_MAX = 64, SERVE_NAME_BYTES = 256 };

plim_status plim__serve_blocks_open(plim__serve_blocks *blocks, int64_t pid,
                                    const plim_allocator *allocator, plim_error *err)
{
    plim_status status = plim_process_view_open(pid, allocator, &blocks->view, err);
    if (status == PLIM_OK)
        status = plim_process_view_look(blocks->view, err);
    return status;
}

void plim__serve_blocks_fini(plim__serve_blocks *blocks)
{
    plim_process_view_close(&blocks->view);
}

/* --- a block, word by word ------------------------------------------------------------------ */

static bool blocks_add_word(const plim_process_view *view, uint64_t offset, uint64_t word,
                            plim_served_values out)
{
    char name[32];
    char text[SERVE_NAME_BYTES];
    plim_process_block other;
    bool is_block = plim_process_view_at(view, word, &other);
    (void)snprintf(name, sizeof name, "+%llu", (unsigned long long)offset);
    if (is_block)
        (void)snprintf(text, sizeof text, "%.200s", plim_process_view_site(view, other.site));
    else
        (void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)word);
    plim_served_value value = {.name = name,
                               .kind = is_block ? PLIM_SERVED_OBJECT : PLIM_SERVED_NUMBER,
                               .text = text,
                               .id = is_block ? plim_region_node_id(other.birth) : 0};
    return out.add(out.ctx, &value);
}

plim_status plim__serve_blocks_object(plim__serve_blocks *blocks, uint64_t id,
                                      plim_served_values out, plim_error *err)
{
    const plim_process_view *view = blocks->view;
    uint64_t birth = plim_region_node_birth(id);
    uint64_t words[SERVE_WORDS_MAX];
    plim_process_block block = {0};
    bool is_found = false;
    plim_status status = plim_process_view_look(blocks->view, err);
    if (status != PLIM_OK)
        return status;
    for (uint64_t i = 0; birth != 0 && !is_found && plim_process_view_block(view, i, &block); i++)
        is_found = block.birth == birth;
    if (!is_found)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "the block @%llu is gone",
                              (unsigned long long)id);
    plim_served_value head = {
        .kind = PLIM_SERVED_OBJECT, .text = plim_process_view_site(view, block.site), .id = id};
    bool goes_on = out.add(out.ctx, &head);
    size_t wanted = block.bytes < sizeof words ? (size_t)block.bytes : sizeof words;
    size_t count = plim_process_view_read(view, block.address, words, wanted) / sizeof *words;
    for (size_t i = 0; i < count && goes_on; i++)
        goes_on = blocks_add_word(view, i * sizeof *words, words[i], out);
    return PLIM_OK;
}

/* --- who allocated -------------------------------------------------------------------------- */

plim_status plim__serve_blocks_sample_start(plim__serve_blocks *blocks, plim_error *err)
{
    plim_process_view_info info;
    plim_status status = plim_process_view_look(blocks->view, err);
    if (status != PLIM_OK)
        return status;
    plim_process_view_read_info(blocks->view, &info);
    blocks->sampled_after = info.newest_birth;
    return PLIM_OK;
}

/* "FUNCTION FILE:LINE", or a name alone. */
static plim_status blocks_add(plim_served_profile *profile, const char *site, uint64_t bytes,
                              plim_error *err)
{
    char function[SERVE_NAME_BYTES];
    char url[SERVE_NAME_BYTES] = "";
    const char *place = strrchr(site, ' ');
    const char *colon = place != NULL ? strrchr(place, ':') : NULL;
    unsigned line = 0;
    (void)snprintf(function, sizeof function, "%s", site);
    if (colon != NULL && sscanf(colon + 1, "%9u", &line) == 1 && line > 0) {
        (void)snprintf(function, sizeof function, "%.*s", (int)(place - site), site);
        (void)snprintf(url, sizeof url, "%.*s", (int)(colon - place - 1), place + 1);
    }
    plim_served_frame frame = {.function = function,
                               .url = url[0] != '\0' ? url : NULL,
                               .source = PLIM_NONE,
                               .line = line};
    return plim_served_profile_add(profile, &frame, 1, bytes, 1, err);
}

plim_status plim__serve_blocks_sample_read(plim__serve_blocks *blocks, plim_served_profile *profile,
                                           plim_error *err)
{
    plim_process_block block;
    plim_status status = plim_process_view_look(blocks->view, err);
    for (uint64_t i = 0; status == PLIM_OK && plim_process_view_block(blocks->view, i, &block); i++)
        if (block.birth > blocks->sampled_after)
            status = blocks_add(profile, plim_process_view_site(blocks->view, block.site),
                                block.bytes, err);
    return status;
}

plim_status plim__serve_blocks_births(plim__serve_blocks *blocks, const uint64_t *bounds,
                                      uint32_t count, plim_served_births *out_births,
                                      uint64_t *out_last_id, plim_error *err)
{
    plim_process_view_info info;
    plim_process_block block;
    plim_status status = plim_process_view_look(blocks->view, err);
    if (status != PLIM_OK)
        return status;
    if (count > 0)
        memset(out_births, 0, count * sizeof *out_births);
    for (uint64_t i = 0; plim_process_view_block(blocks->view, i, &block); i++) {
        uint64_t id = plim_region_node_id(block.birth);
        plim_served_births_add(out_births, bounds, count, id, block.bytes);
    }
    plim_process_view_read_info(blocks->view, &info);
    *out_last_id = plim_region_node_id(info.newest_birth);
    return PLIM_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * A tree of calls. A node is a function called by its parent; a table finds the child of a parent
 * by function, so that adding a stack costs its length, however wide the tree is.
 *
 * Invariants: F1 node 0 is the root; a parent stands before its children. F2 the table holds each
 * node but the root once, and is at most half full. F3 no stack is deeper than PROFILE_DEPTH_MAX,
 * so a writer that recurses over the tree is bounded.
 */
#include <plimsoll/serve.h>

#include <jansson.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/server.h"
#include "inspect/server/utf8.h"

enum {
    PROFILE_MAGIC = 0x520f11e1,
    PROFILE_DEPTH_MAX = 128,
    PROFILE_NODES_MAX = 1 << 20, /* a real program has some thousand */
    PROFILE_TEXT_BYTES = 1024
};

typedef struct profile_node {
    uint64_t bytes; /* made by this call itself */
    uint64_t objects;
    uint32_t parent;
    uint32_t source;
    uint32_t line;
    uint32_t function; /* offsets of texts */
    uint32_t url;
} profile_node;

struct plim_served_profile {
    uint32_t magic;
    const plim_allocator *allocator;
    profile_node *nodes;
    uint32_t node_count, node_cap;
    uint32_t *table; /* PLIM_NONE: free */
    uint32_t table_cap;
    char *texts;
    size_t text_bytes, text_cap;
};

plim_status plim_served_profile_create(const plim_allocator *allocator,
                                       plim_served_profile **out_profile, plim_error *err)
{
    allocator = plim__allocator_or_system(allocator);
    plim_served_profile *profile = plim__array_new_zero(allocator, 1, sizeof *profile);
    if (profile == NULL)
        return plim__no_memory(err, "a profile");
    profile->magic = PROFILE_MAGIC;
    profile->allocator = allocator;
    *out_profile = profile;
    return PLIM_OK;
}

void plim_served_profile_destroy(plim_served_profile **profile_ptr)
{
    if (profile_ptr == NULL || *profile_ptr == NULL)
        return;
    plim_served_profile *profile = *profile_ptr;
    *profile_ptr = NULL;
    PLIM_CHECK_OBJ(profile, PROFILE_MAGIC);
    plim__array_free(profile->allocator, profile->nodes, profile->node_cap, sizeof *profile->nodes);
    plim__array_free(profile->allocator, profile->table, profile->table_cap,
                     sizeof *profile->table);
    plim__array_free(profile->allocator, profile->texts, profile->text_cap, 1);
    profile->magic = 0;
    plim__array_free(profile->allocator, profile, 1, sizeof *profile);
}

/* FNV-1a over what makes a node: its parent, its function, its place. */
static uint32_t profile_hash(uint32_t parent, const plim_served_frame *frame)
{
    uint32_t hash = 2166136261u;
    const uint32_t numbers[2] = {parent, frame->line};
    for (size_t i = 0; i < 2; i++)
        hash = (hash ^ numbers[i]) * 16777619u;
    for (const char *at = frame->function; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash ^ hash >> 15;
}

static bool profile_is(const plim_served_profile *profile, const profile_node *node,
                       uint32_t parent, const plim_served_frame *frame)
{
    return node->parent == parent && node->line == frame->line && node->source == frame->source &&
           strcmp(profile->texts + node->function, frame->function) == 0 &&
           strcmp(profile->texts + node->url, frame->url == NULL ? "" : frame->url) == 0;
}

static bool profile_grow_table(plim_served_profile *profile)
{
    uint32_t cap = profile->table_cap == 0 ? 256 : profile->table_cap * 2;
    uint32_t *table = plim__array_new(profile->allocator, cap, sizeof *table);
    if (table == NULL)
        return false;
    for (uint32_t i = 0; i < cap; i++)
        table[i] = PLIM_NONE;
    for (uint32_t i = 1; i < profile->node_count; i++) {
        const profile_node *node = &profile->nodes[i];
        const plim_served_frame frame = {.function = profile->texts + node->function,
                                         .line = node->line};
        uint32_t at = profile_hash(node->parent, &frame) & (cap - 1);
        while (table[at] != PLIM_NONE)
            at = (at + 1) & (cap - 1);
        table[at] = i;
    }
    plim__array_free(profile->allocator, profile->table, profile->table_cap, sizeof *table);
    profile->table = table;
    profile->table_cap = cap;
    return true;
}

static bool profile_text(plim_served_profile *profile, const char *text, uint32_t *out_offset)
{
    size_t length = strlen(text) + 1;
    if (profile->text_cap - profile->text_bytes < length) {
        size_t cap = profile->text_cap * 2 + length + 4096;
        char *grown = cap > UINT32_MAX ? NULL
                                       : plim__array_resize(profile->allocator, profile->texts,
                                                            profile->text_cap, cap, 1);
        if (grown == NULL)
            return false;
        profile->texts = grown;
        profile->text_cap = cap;
    }
    *out_offset = (uint32_t)profile->text_bytes;
    memcpy(profile->texts + profile->text_bytes, text, length);
    profile->text_bytes += length;
    return true;
}

static bool profile_append(plim_served_profile *profile, uint32_t parent,
                           const plim_served_frame *frame)
{
    profile_node node = {.parent = parent, .source = frame->source, .line = frame->line};
    char clean[PROFILE_TEXT_BYTES];
    if (profile->node_count == profile->node_cap) {
        uint32_t cap = profile->node_cap == 0 ? 128 : profile->node_cap * 2;
        profile_node *grown = plim__array_resize(profile->allocator, profile->nodes,
                                                 profile->node_cap, cap, sizeof *grown);
        if (grown == NULL)
            return false;
        profile->nodes = grown;
        profile->node_cap = cap;
    }
    if ((uint64_t)profile->node_count * 2 + 2 > profile->table_cap && !profile_grow_table(profile))
        return false;
    plim__utf8_copy(frame->url == NULL ? "" : frame->url, clean, sizeof clean);
    if (!profile_text(profile, frame->function, &node.function) ||
        !profile_text(profile, clean, &node.url))
        return false;
    profile->nodes[profile->node_count++] = node;
    return true;
}

/* The child of a parent for a frame, made if there is none; PLIM_NONE: no memory, or too many. */
static uint32_t profile_child(plim_served_profile *profile, uint32_t parent,
                              const plim_served_frame *frame)
{
    uint32_t mask = profile->table_cap - 1;
    uint32_t at = profile_hash(parent, frame) & mask;
    while (profile->table[at] != PLIM_NONE) {
        if (profile_is(profile, &profile->nodes[profile->table[at]], parent, frame))
            return profile->table[at];
        at = (at + 1) & mask;
    }
    if (profile->node_count >= PROFILE_NODES_MAX || !profile_append(profile, parent, frame))
        return PLIM_NONE;
    mask = profile->table_cap - 1; /* it may have grown */
    at = profile_hash(parent, frame) & mask;
    while (profile->table[at] != PLIM_NONE)
        at = (at + 1) & mask;
    profile->table[at] = profile->node_count - 1;
    return profile->node_count - 1;
}

plim_status plim_served_profile_add(plim_served_profile *profile, const plim_served_frame *frames,
                                    uint32_t count, uint64_t bytes, uint64_t objects,
                                    plim_error *err)
{
    static const plim_served_frame ROOT = {"(root)", NULL, PLIM_NONE, 0};
    PLIM_CHECK_OBJ(profile, PROFILE_MAGIC);
    if (profile->node_count == 0 && !profile_append(profile, PLIM_NONE, &ROOT))
        return plim__no_memory(err, "a profile");
    uint32_t at = 0;
    for (uint32_t i = 0; i < count && i < PROFILE_DEPTH_MAX; i++) {
        char clean[PROFILE_TEXT_BYTES];
        plim_served_frame frame = frames[i];
        plim__utf8_copy(frame.function, clean, sizeof clean);
        frame.function = clean;
        at = profile_child(profile, at, &frame);
        if (at == PLIM_NONE && profile->node_count >= PROFILE_NODES_MAX)
            return plim_error_set(err, PLIM_ERR_LIMIT, "a profile of more than %d calls",
                                  PROFILE_NODES_MAX);
        if (at == PLIM_NONE)
            return plim__no_memory(err, "a profile");
    }
    profile->nodes[at].bytes += bytes;
    profile->nodes[at].objects += objects;
    return PLIM_OK;
}

/* --- as JSON ------------------------------------------------------------------------------- */

static json_t *profile_node_json(const plim_served_profile *profile, uint32_t at)
{
    const profile_node *node = &profile->nodes[at];
    char script[16];
    uint32_t number = node->source == PLIM_NONE ? 0 : node->source + 1;
    (void)snprintf(script, sizeof script, "%u", (unsigned)number);
    /* Lines count from 0 here; -1 is "not known". */
    return json_pack("{s:{s:s, s:s, s:s, s:i, s:i}, s:I, s:I, s:[]}", "callFrame", "functionName",
                     profile->texts + node->function, "scriptId", script, "url",
                     profile->texts + node->url, "lineNumber", (int)node->line - 1, "columnNumber",
                     node->line == 0 ? -1 : 0, "selfSize", (json_int_t)node->bytes, "id",
                     (json_int_t)at + 1, "children");
}

/* All nodes hang in each other at the end; F1 makes one pass enough. Takes nothing, gives head. */
static json_t *profile_head(const plim_served_profile *profile, json_t **made)
{
    for (uint32_t i = 0; i < profile->node_count; i++) {
        json_t *node = profile_node_json(profile, i);
        if (node == NULL)
            return NULL;
        made[i] = node; /* borrowed, but the root's */
        if (i > 0 && json_array_append_new(
                         json_object_get(made[profile->nodes[i].parent], "children"), node) != 0)
            return NULL;
    }
    return made[0];
}

static json_t *profile_samples(const plim_served_profile *profile)
{
    json_t *samples = json_array();
    for (uint32_t i = 0; i < profile->node_count && samples != NULL; i++) {
        if (profile->nodes[i].objects == 0)
            continue;
        json_t *sample = json_pack("{s:I, s:I, s:I}", "size", (json_int_t)profile->nodes[i].bytes,
                                   "nodeId", (json_int_t)i + 1, "ordinal", (json_int_t)i + 1);
        if (sample == NULL || json_array_append_new(samples, sample) != 0) {
            json_decref(samples);
            return NULL;
        }
    }
    return samples;
}

json_t *plim__profile_json(const plim_served_profile *profile)
{
    PLIM_CHECK_OBJ(profile, PROFILE_MAGIC);
    if (profile->node_count == 0)
        return json_pack("{s:{s:{s:s, s:s, s:s, s:i, s:i}, s:i, s:i, s:[]}, s:[]}", "head",
                         "callFrame", "functionName", "(root)", "scriptId", "0", "url", "",
                         "lineNumber", -1, "columnNumber", -1, "selfSize", 0, "id", 1, "children",
                         "samples");
    json_t **made = plim__array_new_zero(profile->allocator, profile->node_count, sizeof *made);
    if (made == NULL)
        return NULL;
    json_t *head = profile_head(profile, made);
    json_t *samples = head == NULL ? NULL : profile_samples(profile);
    json_t *whole =
        samples == NULL ? NULL : json_pack("{s:O, s:o}", "head", head, "samples", samples);
    json_decref(made[0]);
    plim__array_free(profile->allocator, made, profile->node_count, sizeof *made);
    return whole;
}

typedef struct profile_out {
    plim_sink sink;
    plim_status status;
    plim_error *err;
} profile_out;

static int profile_on_text(const char *text, size_t length, void *ctx)
{
    profile_out *out = ctx;
    out->status = out->sink.write(out->sink.ctx, text, length, out->err);
    return out->status == PLIM_OK ? 0 : -1;
}

plim_status plim_served_profile_write(const plim_served_profile *profile, plim_sink sink,
                                      plim_error *err)
{
    json_t *whole = plim__profile_json(profile);
    profile_out out = {sink, PLIM_OK, err};
    if (whole == NULL)
        return plim__no_memory(err, "a profile");
    if (json_dump_callback(whole, profile_on_text, &out, JSON_COMPACT) != 0 &&
        out.status == PLIM_OK)
        out.status = plim__no_memory(err, "a profile");
    json_decref(whole);
    return out.status;
}

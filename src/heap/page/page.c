/* SPDX-License-Identifier: MIT */
/*
 * The program of the page is page.html, which the build turns into bytes with a gap for the data.
 *
 * Invariants: G1 nodes are taken by falling total, a parent before a child that has as much: so
 * what was taken is a tree whatever was left out. G2 the bytes put never pass PLIM_PAGE_BYTES_MAX:
 * each tree has its share of the room, and each node is counted at its longest before it is taken.
 */
#include "heap/page/page.h"

#include <inttypes.h>
#include <page_html.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "heap/formats/rows.h"
#include "heap/profile/out.h"
#include "heap/text_table.h"

enum {
    PAGE_ROW_BYTES = 25,   /* three numbers below ten million (rows and texts that fit), commas */
    PAGE_NAME_BYTES = 240, /* of a label: more is not read */
    PAGE_HEAD_BYTES = 8192 /* title, facts, names of trees */
};

static const uint64_t page_number_max = UINT64_C(1) << 53; /* what a browser counts exactly */

typedef struct page_pick {
    uint64_t total;
    uint32_t node;
    uint32_t name, place; /* numbers of texts */
} page_pick;

typedef struct page_state {
    const plim_allocator *allocator;
    plim__text_table texts;
    plim__text_arena arena;
    plim__rows picks[PLIM__PAGE_TREES_MAX]; /* page_pick, at last by node */
    uint32_t of[PLIM__PAGE_TREES_MAX];
    uint64_t room; /* bytes that are still to be had */
} page_state;

void plim__page_fact(plim__page *page, const char *format, ...)
{
    if (page->fact_count == PLIM__PAGE_FACTS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)plim__out_vformat(page->facts[page->fact_count++], PLIM__PAGE_FACT_BYTES, format,
                            arguments);
    va_end(arguments);
}

void plim__page_bytes(char out[32], uint64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)plim__out_format(out, 32, "%u B", (unsigned)bytes);
        return;
    }
    unsigned step = 0;
    for (; bytes >= 1024 * 1024; step++)
        bytes >>= 10;
    uint64_t tenths = (bytes * 10 + 512) / 1024;
    (void)plim__out_format(out, 32, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10),
                           names[step]);
}

/* ---- which nodes ---- */

static int page_by_total(const void *left, const void *right)
{
    const page_pick *a = left;
    const page_pick *b = right;
    if (a->total != b->total)
        return a->total < b->total ? 1 : -1;
    return (a->node > b->node) - (a->node < b->node);
}

static int page_by_node(const void *left, const void *right)
{
    const page_pick *a = left;
    const page_pick *b = right;
    return (a->node > b->node) - (a->node < b->node);
}

/* Bytes a text takes as plim__out_json() writes it, with a comma. */
static uint64_t page_text_bytes(plim_text text)
{
    uint64_t bytes = 3;
    for (size_t at = 0; at < text.size_bytes;) {
        char utf8[4];
        uint32_t code = plim__out_next(text, &at);
        bool is_escaped = code < 0x20 || code == 0x7f || code == '<' || code == '>' ||
                          code == '&' || code == 0x2028 || code == 0x2029;
        bytes += is_escaped ? 6 : code == '"' || code == '\\' ? 2 : plim__out_utf8(utf8, code);
    }
    return bytes;
}

static uint64_t page_digits(uint64_t number)
{
    uint64_t digits = 1;
    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

/* The number of a text, cut to what is read of it; PLIM_NONE if memory was refused. */
static uint32_t page_text(page_state *state, plim_text text, uint64_t *out_cost)
{
    char cut[PAGE_NAME_BYTES + 4];
    size_t length = 0;
    for (size_t at = 0; at < text.size_bytes;) {
        uint32_t code = plim__out_next(text, &at);
        if (length + 4 > PAGE_NAME_BYTES) {
            length += plim__out_utf8(cut + length, 0x2026);
            break;
        }
        length += plim__out_utf8(cut + length, code);
    }
    plim_text shown = {cut, length};
    uint32_t number = plim__text_table_find(&state->texts, shown);
    if (number != PLIM_NONE)
        return number;
    char *copy = plim__text_arena_take(&state->arena, length);
    if (copy == NULL)
        return PLIM_NONE;
    memcpy(copy, cut, length);
    *out_cost += page_text_bytes(shown);
    return plim__text_table_add(&state->texts, (plim_text){copy, length});
}

static plim_status page_gather(page_state *state, const plim__page_tree *tree, uint32_t number,
                               plim_error *err)
{
    plim__rows *picks = &state->picks[number];
    *picks = (plim__rows){.allocator = state->allocator, .row_bytes = sizeof(page_pick)};
    uint64_t least = tree->total[0] / 1000000; /* less than a millionth is not to be seen */
    for (uint32_t i = 0; i < tree->count; i++) {
        bool is_in = i == 0 || tree->parent[i] != PLIM_NONE;
        PLIM_CHECK(i == 0 || !is_in || tree->parent[i] < i);
        state->of[number] += is_in && (i == 0 || tree->total[i] > 0);
        if (!is_in || (i > 0 && (tree->total[i] == 0 || tree->total[i] < least)))
            continue;
        page_pick *pick = plim__rows_add(picks);
        if (pick == NULL)
            return plim__no_memory(err, "a page");
        *pick = (page_pick){.total = i == 0 ? UINT64_MAX : tree->total[i], .node = i};
    }
    qsort(picks->data, picks->count, sizeof(page_pick), page_by_total);
    return PLIM_OK;
}

/* Takes as many as there is room for, and puts them in order of nodes. */
static plim_status page_choose(page_state *state, const plim__page_tree *tree, uint32_t number,
                               uint64_t room, plim_error *err)
{
    plim__rows *picks = &state->picks[number];
    page_pick *all = picks->data;
    uint32_t kept = 0;
    uint64_t cost = 0;
    for (; kept < picks->count && cost <= room; kept++) {
        plim__page_label label = {{"", 0}, {"", 0}};
        tree->label(tree->ctx, all[kept].node, &label);
        uint64_t with = cost + PAGE_ROW_BYTES + page_digits(tree->total[all[kept].node]);
        all[kept].name = page_text(state, label.name, &with);
        all[kept].place = page_text(state, label.place, &with);
        if (all[kept].name == PLIM_NONE || all[kept].place == PLIM_NONE)
            return plim__no_memory(err, "a page");
        cost = with;
    }
    /* The last one may have been longer than the room: its texts count, it does not. */
    picks->count = cost > room && kept > 1 ? kept - 1 : kept;
    qsort(all, picks->count, sizeof *all, page_by_node);
    state->room -= cost < state->room ? cost : state->room;
    return PLIM_OK;
}

/* ---- writing ---- */

static uint32_t page_position(const plim__rows *picks, uint32_t node)
{
    page_pick key = {.node = node};
    const page_pick *found = bsearch(&key, picks->data, picks->count, sizeof key, page_by_node);
    PLIM_CHECK(found != NULL); /* G1 */
    return (uint32_t)(found - (const page_pick *)picks->data);
}

static void page_put_rows(plim__out_text *out, const plim__rows *picks, const plim__page_tree *tree)
{
    const page_pick *all = picks->data;
    for (uint32_t i = 0; i < picks->count && out->status == PLIM_OK; i++) {
        uint64_t total = tree->total[all[i].node];
        if (i > 0)
            plim__out_string(out, ",");
        plim__out_number(out, i == 0 ? 0 : page_position(picks, tree->parent[all[i].node]));
        plim__out_string(out, ",");
        plim__out_number(out, all[i].name);
        plim__out_string(out, ",");
        plim__out_number(out, all[i].place);
        plim__out_string(out, ",");
        plim__out_number(out, total < page_number_max ? total : page_number_max);
    }
}

static void page_put_member(plim__out_text *out, const char *key, const char *value)
{
    plim__out_string(out, key);
    plim__out_json(out, (plim_text){value, strlen(value)});
}

static void page_put_data(plim__out_text *out, const plim__page *page, const page_state *state)
{
    page_put_member(out, "{\"title\":", page->title);
    plim__out_string(out, ",\"limit\":");
    plim__out_number(out, PLIM_PAGE_BYTES_MAX);
    plim__out_string(out, ",\"facts\":[");
    for (uint32_t i = 0; i < page->fact_count; i++)
        page_put_member(out, i == 0 ? "" : ",", page->facts[i]);
    plim__out_string(out, "],\"trees\":[");
    for (uint32_t i = 0; i < page->tree_count; i++) {
        const plim__page_tree *tree = &page->trees[i];
        page_put_member(out, i == 0 ? "{\"name\":" : ",{\"name\":", tree->name);
        page_put_member(out, ",\"unit\":", tree->unit);
        page_put_member(out, ",\"view\":", tree->view);
        plim__out_string(out, ",\"of\":");
        plim__out_number(out, state->of[i]);
        plim__out_string(out, ",\"shown\":");
        plim__out_number(out, state->picks[i].count);
        plim__out_string(out, ",\"rows\":[");
        page_put_rows(out, &state->picks[i], tree);
        plim__out_string(out, "]}");
    }
    plim__out_string(out, "],\"texts\":[");
    for (uint32_t i = 0; i < state->texts.count && out->status == PLIM_OK; i++) {
        if (i > 0)
            plim__out_string(out, ",");
        plim__out_json(out, state->texts.entries[i].text);
    }
    plim__out_string(out, "]}");
}

static plim_status page_finish(const plim__page *page, const page_state *state, plim_sink sink,
                               plim_error *err)
{
    plim__out_text *out = plim__array_new(state->allocator, 1, sizeof *out);
    if (out == NULL)
        return plim__no_memory(err, "a page");
    plim__out_start(out, sink, err);
    plim__out_bytes(out, (const char *)plim__page_before, sizeof plim__page_before);
    page_put_data(out, page, state);
    plim__out_bytes(out, (const char *)plim__page_after, sizeof plim__page_after);
    plim_status status = plim__out_end(out);
    PLIM_CHECK(out->written <= PLIM_PAGE_BYTES_MAX); /* G2 */
    plim__array_free(state->allocator, out, 1, sizeof *out);
    return status;
}

plim_status plim__page_write(const plim__page *page, plim_sink sink,
                             const plim_allocator *allocator, plim_error *err)
{
    PLIM_CHECK(page->tree_count > 0 && page->tree_count <= PLIM__PAGE_TREES_MAX);
    page_state state = {
        .allocator = allocator,
        .texts = {.allocator = allocator},
        .arena = {.allocator = allocator},
        .room = PLIM_PAGE_BYTES_MAX - PAGE_HEAD_BYTES - sizeof plim__page_before -
                sizeof plim__page_after,
    };
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; i < page->tree_count && status == PLIM_OK; i++) {
        status = page_gather(&state, &page->trees[i], i, err);
        /* What one does not need is the next one's. */
        uint64_t slack = 2 * (PAGE_ROW_BYTES + 20 + 6 * (PAGE_NAME_BYTES + 4) * 2);
        uint64_t share = state.room / (page->tree_count - i);
        if (status == PLIM_OK)
            status =
                page_choose(&state, &page->trees[i], i, share > slack ? share - slack : 0, err);
    }
    if (status == PLIM_OK)
        status = page_finish(page, &state, sink, err);
    for (uint32_t i = 0; i < page->tree_count; i++)
        plim__rows_fini(&state.picks[i]);
    plim__text_table_fini(&state.texts);
    plim__text_arena_fini(&state.arena);
    return status;
}

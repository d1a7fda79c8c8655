/* SPDX-License-Identifier: MIT */
#include "cli/classlist.h"

#include <stdlib.h>
#include <string.h>

#include "cli/object.h"
#include "cli/sheet.h"

static int classlist_by_text(plim_text a, plim_text b)
{
    size_t shorter = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    if (order != 0)
        return order;
    return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

static int classlist_largest_first(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int classlist_by_name(const void *a, const void *b)
{
    return classlist_by_text(((const plim_class *)a)->name, ((const plim_class *)b)->name);
}

/* Ties are broken by name, so that output does not depend on the sort. */
static int classlist_by_retained(const void *a, const void *b)
{
    const plim_class *one = a;
    const plim_class *other = b;
    int order = classlist_largest_first(one->retained_bytes, other->retained_bytes);
    return order != 0 ? order : classlist_by_name(a, b);
}

static int classlist_by_self(const void *a, const void *b)
{
    const plim_class *one = a;
    const plim_class *other = b;
    int order = classlist_largest_first(one->self_bytes, other->self_bytes);
    return order != 0 ? order : classlist_by_name(a, b);
}

static int classlist_by_count(const void *a, const void *b)
{
    const plim_class *one = a;
    const plim_class *other = b;
    int order = classlist_largest_first(one->count, other->count);
    return order != 0 ? order : classlist_by_name(a, b);
}

static int classlist_by_distance(const void *a, const void *b)
{
    const plim_class *one = a;
    const plim_class *other = b;
    int order = (one->distance > other->distance) - (one->distance < other->distance);
    return order != 0 ? order : classlist_by_name(a, b);
}

static void classlist_sort(plim_class *rows, uint32_t count, plim__class_order order)
{
    static int (*const compare[])(const void *, const void *) = {
        [PLIM__CLASS_BY_RETAINED] = classlist_by_retained,
        [PLIM__CLASS_BY_SELF] = classlist_by_self,
        [PLIM__CLASS_BY_COUNT] = classlist_by_count,
        [PLIM__CLASS_BY_DISTANCE] = classlist_by_distance,
        [PLIM__CLASS_BY_NAME] = classlist_by_name,
    };
    if (count > 1)
        qsort(rows, count, sizeof *rows, compare[order]);
}

static char classlist_lower(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (char)(letter - 'A' + 'a');
    return letter;
}

/* Whether text has word in it; ASCII letters of either case are the same. */
static bool classlist_has(plim_text text, const char *word)
{
    size_t length = strlen(word);
    for (size_t start = 0; start + length <= text.size_bytes; start++) {
        size_t same = 0;
        while (same < length &&
               classlist_lower(text.data[start + same]) == classlist_lower(word[same]))
            same++;
        if (same == length)
            return true;
    }
    return false;
}

static void classlist_write(plim__cli *cli, const plim_graph *graph, const plim_class *rows,
                            uint64_t count)
{
    static const plim__column columns[] = {
        {"name", "class", PLIM__CELL_NAME},
        {"source", "source", PLIM__CELL_PLACE},
        {"count", "count", PLIM__CELL_COUNT},
        {"self_bytes", "shallow", PLIM__CELL_BYTES},
        {"retained_bytes", "retained", PLIM__CELL_BYTES},
        {"distance", "distance", PLIM__CELL_DISTANCE},
    };
    plim__sheet sheet;
    plim__draft place;
    plim__draft_init(&place, cli->out.draft.allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "classes", columns, 6);
    for (uint64_t i = 0; i < count; i++) {
        const plim_class *row = &rows[i];
        bool far = plim__cli_is_human(cli) && row->distance >= PLIM_DISTANCE_SYSTEM;
        plim__sheet_text(&sheet, row->name);
        plim__draft_clear(&place);
        if (row->has_location) {
            plim__object_place(&place, graph, &row->location);
            plim__sheet_text(&sheet, plim__draft_view(&place));
        } else {
            plim__sheet_null(&sheet);
        }
        plim__sheet_unsigned(&sheet, row->count);
        plim__sheet_unsigned(&sheet, row->self_bytes);
        plim__sheet_unsigned(&sheet, row->retained_bytes);
        plim__sheet_signed(&sheet, far ? PLIM_DISTANCE_NONE : row->distance);
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&place);
}

plim_status plim__classlist_show(plim__cli *cli, const plim_analysis *analysis,
                                 plim__class_order order, const char *filter, plim_error *err)
{
    uint32_t class_count = plim_analysis_class_count(analysis);
    size_t bytes = ((size_t)class_count + 1) * sizeof(plim_class);
    plim_class *rows = cli->allocator->resize(cli->allocator->ctx, NULL, 0, bytes);
    if (rows == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for %u class rows",
                              class_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < class_count; i++) {
        plim_analysis_class(analysis, i, &rows[count]);
        if (rows[count].count > 0 && (filter == NULL || classlist_has(rows[count].name, filter)))
            count++;
    }
    classlist_sort(rows, count, order);
    uint64_t top = plim__cli_top(cli, count);
    classlist_write(cli, plim_analysis_graph(analysis), rows, top);
    plim__cli_rest(cli, top, count);
    (void)cli->allocator->resize(cli->allocator->ctx, rows, bytes, 0);
    return PLIM_OK;
}

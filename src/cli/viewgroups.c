/* SPDX-License-Identifier: MIT */
/*
 * How many objects of each type (owner, tag, site), and what they hold. One walk; a table of
 * hashes, at most half full, so that memory follows the number of groups and not of objects.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/sheet.h"
#include "cli/viewlook.h"

enum { GROUPS_FIRST = 64 };

typedef struct group_row {
    uint32_t key;
    bool is_used, has_block;
    uint64_t count, held_bytes, value_bytes;
    uint64_t block_birth;
    uint32_t block_index; /* of the owner's own object */
} group_row;

typedef struct group_table {
    const plim_allocator *allocator;
    group_row *rows;
    uint32_t count, capacity;
} group_table;

static group_row *group_place(const group_table *table, uint32_t key)
{
    uint32_t at = (key * 2654435761u) & (table->capacity - 1);
    while (table->rows[at].is_used && table->rows[at].key != key)
        at = (at + 1) & (table->capacity - 1);
    return &table->rows[at];
}

static bool group_grow(group_table *table)
{
    group_table grown = {.allocator = table->allocator,
                         .count = table->count,
                         .capacity = table->capacity == 0 ? GROUPS_FIRST : table->capacity * 2};
    const plim_allocator *allocator = table->allocator;
    if (table->capacity > UINT32_MAX / 4)
        return false;
    size_t bytes = (size_t)grown.capacity * sizeof *grown.rows;
    grown.rows = allocator->resize(allocator->ctx, NULL, 0, bytes);
    if (grown.rows == NULL)
        return false;
    memset(grown.rows, 0, bytes);
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->rows[i].is_used)
            *group_place(&grown, table->rows[i].key) = table->rows[i];
    }
    if (table->rows != NULL)
        (void)allocator->resize(allocator->ctx, table->rows,
                                (size_t)table->capacity * sizeof *table->rows, 0);
    *table = grown;
    return true;
}

static uint32_t group_key(plim__group_by by, const plim_region_object *object)
{
    switch (by) {
    case PLIM__BY_TYPE:
        return object->type;
    case PLIM__BY_OWNER:
        return object->owner;
    case PLIM__BY_TAG:
        return object->tag;
    case PLIM__BY_SITE:
        return object->site;
    case PLIM__BY_OBJECT:
    case PLIM__BY_TREE:
        break;
    }
    return 0;
}

static bool group_add(group_table *table, plim__look *look, plim__group_by by,
                      const plim_region_object *object)
{
    uint32_t key = group_key(by, object);
    if (table->count >= table->capacity / 2 && !group_grow(table))
        return false;
    group_row *row = group_place(table, key);
    if (!row->is_used) {
        *row = (group_row){.key = key, .is_used = true};
        table->count++;
    }
    row->count++;
    row->held_bytes += object->held_bytes;
    row->value_bytes += object->size_bytes;
    if (plim__look_is_owner(look, object)) {
        row->has_block = true;
        row->block_index = object->ref.index;
        row->block_birth = object->birth;
    }
    return true;
}

static int group_compare(const void *left, const void *right)
{
    const group_row *a = left;
    const group_row *b = right;
    if (a->held_bytes != b->held_bytes)
        return a->held_bytes < b->held_bytes ? 1 : -1;
    return (a->key > b->key) - (a->key < b->key);
}

/* What a row is called. */
static void group_name(plim__look *look, plim__draft *text, plim__group_by by, const group_row *row)
{
    const char *found = NULL;
    plim_region_object block;
    plim__draft_clear(text);
    if (by == PLIM__BY_TYPE) {
        plim_text name = plim__look_type(look, (uint16_t)row->key);
        plim__draft_add(text, name.data, name.size_bytes);
    } else if (by == PLIM__BY_OWNER) {
        bool lives = row->has_block &&
                     plim_region_view_at(look->view, row->block_index, &block, NULL) &&
                     block.birth == row->block_birth;
        plim__look_owner(look, text, row->key, lives ? &block : NULL);
    } else if (by == PLIM__BY_TAG) {
        found = plim__look_name_of(look, PLIM_NAME_TAG, row->key);
    } else {
        found = row->key == 0 ? NULL : plim_region_view_text(look->view, row->key);
    }
    if (found != NULL)
        plim__draft_puts(text, found);
}

static void group_sheet(plim__look *look, plim__group_by by, const group_table *table)
{
    static const plim__column types[] = {
        {"name", "type", PLIM__CELL_NAME},
        {"count", "count", PLIM__CELL_COUNT},
        {"held_bytes", "held", PLIM__CELL_BYTES},
        {"value_bytes", "values", PLIM__CELL_BYTES},
        {"number", "number", PLIM__CELL_PLAIN_NUMBER},
    };
    static const plim__column owners[] = {
        {"name", "owner", PLIM__CELL_NAME},
        {"count", "count", PLIM__CELL_COUNT},
        {"held_bytes", "held", PLIM__CELL_BYTES},
        {"value_bytes", "values", PLIM__CELL_BYTES},
        {"number", "number", PLIM__CELL_PLAIN_NUMBER},
    };
    static const plim__column tags[] = {
        {"name", "tag", PLIM__CELL_NAME},
        {"count", "count", PLIM__CELL_COUNT},
        {"held_bytes", "held", PLIM__CELL_BYTES},
        {"value_bytes", "values", PLIM__CELL_BYTES},
        {"number", "number", PLIM__CELL_PLAIN_NUMBER},
    };
    static const plim__column sites[] = {
        {"name", "made at", PLIM__CELL_PLACE},
        {"count", "count", PLIM__CELL_COUNT},
        {"held_bytes", "held", PLIM__CELL_BYTES},
        {"value_bytes", "values", PLIM__CELL_BYTES},
    };
    static const struct {
        const char *key;
        const plim__column *columns;
        uint32_t column_count;
    } kinds[] = {
        [PLIM__BY_TYPE] = {"types", types, 5},
        [PLIM__BY_OWNER] = {"owners", owners, 5},
        [PLIM__BY_TAG] = {"tags", tags, 5},
        [PLIM__BY_SITE] = {"sites", sites, 4},
    };
    plim__cli *cli = look->cli;
    uint64_t top = plim__cli_top(cli, table->count);
    plim__sheet sheet;
    plim__draft text;
    plim__draft_init(&text, cli->allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, kinds[by].key, kinds[by].columns,
                      kinds[by].column_count);
    for (uint64_t i = 0; i < top; i++) {
        const group_row *row = &table->rows[i];
        group_name(look, &text, by, row);
        if (text.size_bytes > 0)
            plim__sheet_text(&sheet, plim__draft_view(&text));
        else if (plim__cli_is_human(cli) && by != PLIM__BY_OWNER)
            plim__sheet_text(&sheet, plim__text_of("(none)"));
        else
            plim__sheet_null(&sheet);
        plim__sheet_unsigned(&sheet, row->count);
        plim__sheet_unsigned(&sheet, row->held_bytes);
        plim__sheet_unsigned(&sheet, row->value_bytes);
        if (by != PLIM__BY_SITE)
            plim__sheet_unsigned(&sheet, row->key);
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&text);
    plim__cli_rest(cli, top, table->count);
}

/* Rows in use to the front, the largest first. */
static void group_sort(group_table *table)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->rows[i].is_used)
            table->rows[kept++] = table->rows[i];
    }
    if (kept > 1)
        qsort(table->rows, kept, sizeof *table->rows, group_compare);
}

static plim_status group_all(plim__look *look, plim__group_by by, group_table *table,
                             plim_error *err)
{
    plim_region_object object;
    const void *value;
    uint32_t index = 0;
    bool has_room = true;
    while (has_room && plim__look_next(look, &index, &object, &value))
        has_room = group_add(table, look, by, &object);
    plim_status status = plim__look_status(look, err);
    if (!has_room)
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for %u groups",
                                table->count);
    if (status == PLIM_OK)
        group_sort(table);
    return status;
}

static void group_end(group_table *table)
{
    if (table->rows != NULL)
        (void)table->allocator->resize(table->allocator->ctx, table->rows,
                                       (size_t)table->capacity * sizeof *table->rows, 0);
}

plim_status plim__look_groups(plim__look *look, plim__group_by by, plim_error *err)
{
    group_table table = {.allocator = look->cli->allocator};
    plim_status status = group_all(look, by, &table, err);
    if (status == PLIM_OK)
        group_sheet(look, by, &table);
    group_end(&table);
    return status;
}

plim_status plim__look_each_group(plim__look *look, plim__group_by by, plim__group_take *take,
                                  void *ctx, plim_error *err)
{
    group_table table = {.allocator = look->cli->allocator};
    plim__draft name;
    plim__draft_init(&name, look->cli->allocator);
    plim_status status = group_all(look, by, &table, err);
    for (uint32_t i = 0; status == PLIM_OK && i < table.count; i++) {
        const group_row *row = &table.rows[i];
        group_name(look, &name, by, row);
        if (!take(ctx, plim__draft_view(&name), row->key, row->count, row->held_bytes))
            status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for %u groups",
                                    table.count);
    }
    plim__draft_fini(&name);
    group_end(&table);
    return status;
}

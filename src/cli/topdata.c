/* SPDX-License-Identifier: MIT */
/*
 * Sources, each as far as the target has it: what a supervisor writes of its children, the report
 * that a program publishes (domains with their limits), its region (types, owners), and where there
 * is none of them, its usage through the target contract, with the blocks of a program under
 * libplimsoll-malloc (by site and by domain). Nothing is asked of a C program for any of it.
 */
#include "cli/topdata.h"

#include <plimsoll/publish.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/session.h"
#include "cli/units.h"
#include "cli/viewlook.h"

static bool top_add(plim__top *top, plim__top_list list, plim_text name, const plim__top_row *row)
{
    plim__top_rows *rows = &top->now[list];
    const plim_allocator *allocator = top->cli->allocator;
    if (rows->count == PLIM__TOP_ROWS_MAX)
        return true; /* the smallest are left out */
    if (rows->count == rows->capacity) {
        uint32_t wanted = rows->capacity == 0 ? 64 : rows->capacity * 2;
        void *grown =
            allocator->resize(allocator->ctx, rows->rows, rows->capacity * sizeof *rows->rows,
                              wanted * sizeof *rows->rows);
        if (grown == NULL)
            return false;
        rows->rows = grown;
        rows->capacity = wanted;
    }
    plim__top_row *added = &rows->rows[rows->count++];
    *added = *row;
    plim__draft shown, cut;
    plim__draft_init(&shown, allocator);
    plim__draft_init(&cut, allocator);
    plim__glyphs_show(&shown, name);
    plim__glyphs_cut(&cut, plim__draft_view(&shown), PLIM__TOP_NAME_BYTES / 4, false);
    plim_text text = plim__draft_view(&cut);
    size_t size = text.size_bytes < sizeof added->name ? text.size_bytes : sizeof added->name - 1;
    memcpy(added->name, text.data, size);
    added->name[size] = '\0';
    plim__draft_fini(&shown);
    plim__draft_fini(&cut);
    return true;
}

/* --- what a row was ------------------------------------------------------------------------- */

static int top_by_key(const void *left, const void *right)
{
    const plim__top_row *a = left;
    const plim__top_row *b = right;
    return (a->key > b->key) - (a->key < b->key);
}

/* Growth since the first look: what was not there then began with nothing. */
static void top_compare(plim__top *top, plim__top_list list)
{
    const plim__top_rows *before = &top->before[list];
    for (uint32_t i = 0; i < top->now[list].count; i++) {
        plim__top_row *row = &top->now[list].rows[i];
        const plim__top_row *old =
            before->count == 0 ? NULL
                               : bsearch(row, before->rows, before->count, sizeof *row, top_by_key);
        row->first_bytes = old != NULL ? old->first_bytes : top->look_count == 0 ? row->bytes : 0;
        row->change_bytes = (int64_t)row->bytes - (int64_t)(old != NULL ? old->bytes : 0);
        if (top->look_count == 0)
            row->change_bytes = 0;
        row->growth_bytes = (int64_t)row->bytes - (int64_t)row->first_bytes;
    }
}

/* The rows of now become those of before, by key. */
static void top_turn(plim__top *top)
{
    for (unsigned list = 0; list < PLIM__TOP_LISTS; list++) {
        plim__top_rows older = top->before[list];
        top->before[list] = top->now[list];
        older.count = 0;
        top->now[list] = older;
        plim__top_rows *before = &top->before[list];
        if (before->count > 1)
            qsort(before->rows, before->count, sizeof *before->rows, top_by_key);
    }
}

/* --- a published report --------------------------------------------------------------------- */

static plim_status top_collect(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim__draft *text = ctx;
    (void)err;
    plim__draft_add(text, data, len);
    return text->failed ? PLIM_ERR_NO_MEMORY : PLIM_OK;
}

/* A figure of the report, which is another process's word; `otherwise` where it is none. */
static uint64_t top_figure(const json_t *row, const char *name, uint64_t otherwise)
{
    const json_t *value = json_object_get(row, name);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    return number >= 0 ? (uint64_t)number : otherwise;
}

static uint64_t top_name_key(const char *name)
{
    uint64_t key = 1469598103934665603u; /* FNV-1a: equal names are one domain */
    for (; *name != '\0'; name++)
        key = (key ^ (unsigned char)*name) * 1099511628211u;
    return key;
}

static bool top_take_domains(plim__top *top, const json_t *root)
{
    const json_t *domains = json_object_get(root, "domains");
    for (size_t i = 0; i < json_array_size(domains); i++) {
        const json_t *row = json_array_get(domains, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name == NULL)
            continue;
        plim__top_row add = {.key = top_name_key(name),
                             .count = top_figure(row, "allocation_count", 0),
                             .bytes = top_figure(row, "used_bytes", 0),
                             .limit_bytes = top_figure(row, "limit_bytes", UINT64_MAX),
                             .high_water_bytes = top_figure(row, "high_water_bytes", UINT64_MAX),
                             .refusals = top_figure(row, "refusal_count", 0)};
        if (!top_add(top, PLIM__TOP_DOMAINS, plim__text_of(name), &add))
            return false;
    }
    return true;
}

/* Of pid:N; 0: it is no such address. */
static int64_t top_pid(const plim__top *top)
{
    static const char scheme[] = "pid:";
    uint64_t pid = 0;
    if (strncmp(top->address, scheme, sizeof scheme - 1) != 0 ||
        !plim__units_parse_count(top->address + sizeof scheme - 1, &pid) || pid > INT32_MAX)
        return 0;
    return (int64_t)pid;
}

static plim_status top_look_report(plim__top *top, plim_error *err)
{
    int64_t pid = top_pid(top);
    if (pid == 0)
        return PLIM_ERR_NOT_FOUND;
    plim__draft text;
    plim__draft_init(&text, top->cli->allocator);
    plim_status status = plim_published_read(pid, (plim_sink){&text, top_collect}, NULL);
    if (status == PLIM_OK) {
        plim_text view = plim__draft_view(&text);
        json_t *root = json_loadb(view.data, view.size_bytes, JSON_REJECT_DUPLICATES, NULL);
        top->has[PLIM__TOP_DOMAINS] = json_is_array(json_object_get(root, "domains"));
        if (!top_take_domains(top, root))
            status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for domains");
        json_decref(root);
    }
    plim__draft_fini(&text);
    return status;
}

/* --- a region ------------------------------------------------------------------------------- */

typedef struct top_taker {
    plim__top *top;
    plim__top_list list;
} top_taker;

static bool top_take_group(void *ctx, plim_text name, uint32_t key, uint64_t count,
                           uint64_t held_bytes)
{
    const top_taker *taker = ctx;
    plim__top_row row = {
        .key = key, .count = count, .bytes = held_bytes, .limit_bytes = UINT64_MAX};
    if (name.size_bytes > 0)
        return top_add(taker->top, taker->list, name, &row);
    plim__draft number; /* an owner that the program gave no name */
    plim__draft_init(&number, taker->top->cli->allocator);
    if (key == 0)
        plim__draft_puts(&number, "(nobody)");
    else
        plim__draft_printf(&number, "owner %u", key);
    bool has_room = top_add(taker->top, taker->list, plim__draft_view(&number), &row);
    plim__draft_fini(&number);
    return has_room;
}

static plim_status top_look_region(plim__top *top, plim_error *err)
{
    const plim_allocator *allocator = top->cli->allocator;
    plim__look *look = allocator->resize(allocator->ctx, NULL, 0, sizeof *look);
    if (look == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a look");
    memset(look, 0, sizeof *look);
    plim_status status = plim__look_open(top->cli, look, NULL);
    if (status == PLIM_OK) {
        top->used_bytes = look->info.held_bytes;
        top->room_bytes = look->info.data_bytes;
        top->object_count = look->info.object_count;
        memcpy(top->title, look->name,
               sizeof top->title - 1 < sizeof look->name ? sizeof top->title - 1
                                                         : sizeof look->name);
        top->has[PLIM__TOP_TYPES] = top->has[PLIM__TOP_OWNERS] = true;
        status = plim__look_each_group(look, PLIM__BY_TYPE, top_take_group,
                                       &(top_taker){top, PLIM__TOP_TYPES}, err);
        if (status == PLIM_OK)
            status = plim__look_each_group(look, PLIM__BY_OWNER, top_take_group,
                                           &(top_taker){top, PLIM__TOP_OWNERS}, err);
        plim__look_close(look);
    }
    (void)allocator->resize(allocator->ctx, look, sizeof *look, 0);
    return status;
}

/* --- blocks --------------------------------------------------------------------------------- */

static bool top_take_blocks(plim__top *top, plim__top_list list, plim_process_group_by by)
{
    uint64_t count = 0;
    const plim_process_group *groups = plim_process_view_groups(top->blocks, by, &count);
    top->has[list] = true;
    for (uint64_t i = 0; i < count; i++) {
        plim__top_row row = {.key = top_name_key(groups[i].name),
                             .count = groups[i].count,
                             .bytes = groups[i].bytes,
                             .limit_bytes = UINT64_MAX};
        if (!top_add(top, list, plim__text_of(groups[i].name), &row))
            return false;
    }
    return true;
}

/* One that has none, or notes nothing of them, is shown by its usage alone. */
static plim_status top_look_blocks(plim__top *top, plim_error *err)
{
    int64_t pid = plim__view_process_id(top->address);
    plim_process_view_info info;
    if (pid == 0 || (top->blocks == NULL && plim_process_view_open(pid, top->cli->allocator,
                                                                   &top->blocks, NULL) != PLIM_OK))
        return PLIM_OK;
    plim_status status = plim_process_view_look(top->blocks, err);
    if (status != PLIM_OK)
        return status;
    plim_process_view_read_info(top->blocks, &info);
    top->object_count = info.block_count;
    return top_take_blocks(top, PLIM__TOP_TYPES, PLIM_PROCESS_BY_SITE) &&
                   top_take_blocks(top, PLIM__TOP_OWNERS, PLIM_PROCESS_BY_DOMAIN)
               ? PLIM_OK
               : plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for its sites");
}

/* --- usage ---------------------------------------------------------------------------------- */

static plim_status top_look_usage(plim__top *top, plim_error *err)
{
    plim_usage usage;
    plim_status status = PLIM_OK;
    if (top->target == NULL)
        status = plim__session_open(top->cli, top->address, &top->target, err);
    if (status == PLIM_OK)
        status = plim_target_usage(top->target, &usage, err);
    if (status != PLIM_OK)
        return status;
    plim_target_info info;
    plim_target_identify(top->target, &info);
    plim__draft title;
    plim__draft_init(&title, top->cli->allocator);
    plim__glyphs_show(&title, plim__text_of(info.title));
    plim_text text = plim__draft_view(&title);
    size_t size = text.size_bytes < sizeof top->title ? text.size_bytes : sizeof top->title - 1;
    memcpy(top->title, text.data, size);
    top->title[size] = '\0';
    plim__draft_fini(&title);
    top->used_bytes = usage.used_bytes;
    top->room_bytes = usage.total_bytes;
    top->rss_bytes = usage.process_rss_bytes;
    return top_look_blocks(top, err);
}

/* What it keeps running, if it is one that does. */
static plim_status top_look_workers(plim__top *top, plim_error *err)
{
    int64_t pid = top->address != NULL ? top_pid(top) : 0;
    if (top->address != NULL && pid == 0)
        return PLIM_ERR_NOT_FOUND;
    plim_error why = {0};
    plim_status status = plim__workers_look(&top->workers, pid, &why);
    if (status != PLIM_OK && (pid == 0 || status == PLIM_ERR_DAMAGED) && err != NULL)
        *err = why; /* else it may be a program all the same */
    if (status != PLIM_OK || top->workers.view_count == 0)
        return status;
    const plim_supervision_head *head = top->workers.rows[0].head;
    top->has[PLIM__TOP_WORKERS] = true;
    (void)snprintf(top->title, sizeof top->title, "%s %s", head->kind, head->name);
    return status;
}

plim_status plim__top_look(plim__top *top, plim_error *err)
{
    plim_status workers = top_look_workers(top, err);
    if (top->address == NULL) {
        top->has[PLIM__TOP_WORKERS] = true;
        top->used_bytes = top->rss_bytes = PLIM_UNKNOWN;
        top->look_count++;
        return workers;
    }
    if (workers == PLIM_ERR_DAMAGED)
        return workers;
    top->cli->args.operands[0] = top->address; /* those who look into a program take it there */
    top->rss_bytes = PLIM_UNKNOWN;
    top_turn(top);
    plim_status report = top_look_report(top, err);
    plim_status region = top_look_region(top, err);
    plim_status status = PLIM_OK;
    bool is_program = report == PLIM_OK || region == PLIM_OK || workers == PLIM_OK;
    if (report != PLIM_OK && region != PLIM_OK && workers == PLIM_OK)
        top->used_bytes = PLIM_UNKNOWN;
    if (!is_program && (top->look_count == 0 || top->target != NULL))
        status = top_look_usage(top, err);
    else if (!is_program)
        status = PLIM_ERR_GONE;
    if (status != PLIM_OK && top->look_count > 0) {
        top->is_gone = true; /* the rows of before stay on the screen */
        for (unsigned list = 0; list < PLIM__TOP_LISTS; list++) {
            plim__top_rows now = top->now[list];
            top->now[list] = top->before[list];
            top->before[list] = now;
        }
        return PLIM_OK;
    }
    if (report == PLIM_OK && region != PLIM_OK) {
        top->used_bytes = 0;
        for (uint32_t i = 0; i < top->now[PLIM__TOP_DOMAINS].count; i++)
            top->used_bytes += top->now[PLIM__TOP_DOMAINS].rows[i].bytes;
    }
    if (top->look_count == 0)
        top->first_used_bytes = top->used_bytes;
    for (unsigned list = 0; list < PLIM__TOP_LISTS; list++)
        top_compare(top, (plim__top_list)list);
    top->look_count += status == PLIM_OK;
    return status;
}

void plim__top_fini(plim__top *top)
{
    const plim_allocator *allocator = top->cli->allocator;
    plim__session_close(top->cli, &top->target);
    plim_process_view_close(&top->blocks);
    plim__workers_fini(&top->workers);
    for (unsigned list = 0; list < PLIM__TOP_LISTS; list++) {
        plim__top_rows *both[] = {&top->now[list], &top->before[list]};
        for (unsigned i = 0; i < 2; i++)
            if (both[i]->rows != NULL)
                (void)allocator->resize(allocator->ctx, both[i]->rows,
                                        both[i]->capacity * sizeof *both[i]->rows, 0);
    }
}

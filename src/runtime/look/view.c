/* SPDX-License-Identifier: MIT */
/*
 * Regions from outside. The mapping is read-only and may change under our eyes, or lie: so the head
 * is checked once and copied (capacities never change), every row is copied before it is judged,
 * and nothing is followed that was not judged. A slot's seq is read before and after; equal and
 * even means that what was copied between is of one moment.
 * A file that somebody truncates while it is mapped is a fault of the system's (SIGBUS); memfd
 * regions are sealed against that.
 */
#include <plimsoll/transaction.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "platform/pages.h"
#include "runtime/commit/log.h"
#include "runtime/look/pace.h"
#include "runtime/region/region.h"

enum {
    VIEW_MAGIC = 0x4e610002,
    VIEW_TRIES = 1000,   /* of one slot: a change takes well under a microsecond */
    VIEW_PATIENCE = 400, /* pauses in vain, in all: its writer may stand still in the middle */
    VIEW_PAUSE_NS = 50000,
    /* Of a reader's time, in thousandths. What it read, the writer's next store to the same line
       has to fetch back, some 20 ns each: five times as long as the look itself, where all is
       written again until the next. So that is held to some 1.5 %. */
    VIEW_SHARE = 3
};

struct plim_region_view {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__shared shared;
    plim__region_head head; /* as it was when checked; the counts are read anew */
    const unsigned char *base;
    uint32_t *patience, patience_left; /* the one points to the other */
    unsigned char *value;              /* a copy of one; value_max of it */
    plim__log log;                     /* of the history; its head is NULL if there is none */
    plim_region_history history;       /* as it was when a past was opened */
    uint32_t share;                    /* see plim_region_view_pace(); 0: as often as asked */
    uint64_t walk_began;               /* of the thread's time; 0: none is under way that counts */
    bool is_cut;                       /* a copy, though its head names a writer */
    void *past;                        /* pages that hold a copy; NULL: a look at what lives */
    size_t past_bytes;
};

static const plim__region_head *view_head(const plim_region_view *view)
{
    return (const plim__region_head *)(const void *)view->base;
}

/* --- pace ---------------------------------------------------------------------------------- */

void plim_region_view_pace(plim_region_view *view, uint32_t share)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    view->share = share < 1000 ? share : 0;
    if (view->share != 0)
        plim__pace_spend(view->head.identity);
}

static bool view_is_paced(const plim_region_view *view)
{
    return view->share != 0 && view->past == NULL && !view->is_cut &&
           atomic_load_explicit(&view_head(view)->writer_pid, memory_order_relaxed) != 0;
}

/* A walk begins, after a rest where those before call for one; 0: it does not count. */
static uint64_t view_begin_walk(const plim_region_view *view)
{
    if (!view_is_paced(view))
        return 0;
    plim__pace_begin(view->head.identity);
    return plim__shared_spent();
}

/* The thread's own time, as one that stands still takes nothing from the writer. */
static void view_end_walk(const plim_region_view *view, uint64_t began)
{
    if (began == 0 || view->share == 0)
        return;
    uint64_t now = plim__shared_spent();
    plim__pace_end(view->head.identity, view->share, now > began ? now - began : 0);
}

/* --- opening ------------------------------------------------------------------------------- */

bool plim_region_is_file(const char *path)
{
    plim__shared shared;
    if (plim__shared_view(path, &shared, NULL) != PLIM_OK)
        return false;
    const plim__region_head *head = shared.memory;
    bool is_one = shared.bytes >= sizeof *head && head->magic == PLIM__REGION_FILE_MAGIC;
    plim__shared_close(&shared);
    return is_one;
}

/* Checks the head and finds the history. */
static plim_status view_look(plim_region_view *view, plim_error *err)
{
    if (view->shared.bytes < sizeof view->head)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "it is no Plimsoll region");
    memcpy(&view->head, view->shared.memory, sizeof view->head);
    plim_status status = plim__region_check_head(&view->head, view->shared.bytes, err);
    view->base = view->shared.memory;
    if (status != PLIM_OK || view->head.history_bytes == 0)
        return status;
    /* One whose maker died before the log stood has nothing to show, like one without. */
    const plim__log_head *log = (const void *)(view->base + view->head.history_at);
    if (view->head.history_bytes >= sizeof *log && log->is_ready == 0)
        return PLIM_OK;
    return plim__log_look(log, (size_t)view->head.history_bytes,
                          view->head.data_at + view->head.data_bytes -
                              offsetof(plim__region_head, types),
                          &view->log, err);
}

static void view_read_history(const plim_region_view *view, plim_region_history *out_history)
{
    plim__log_totals totals;
    *out_history = (plim_region_history){0};
    if (view->log.head == NULL)
        return;
    plim__log_count(&view->log, &totals);
    *out_history = (plim_region_history){.moment = totals.newest,
                                         .kept = totals.kept,
                                         .held_bytes = totals.held_grains * view->log.grain_bytes,
                                         .budget_bytes = view->head.history_bytes,
                                         .is_open = totals.is_open};
}

/* From now on the view is of a copy: the tables and values as they are, with what was kept since
   the moment laid over them. Holes of the file stay holes. */
static plim_status view_go_back(plim_region_view *view, uint32_t back, plim_error *err)
{
    plim__log_moment moment;
    size_t page = plim__pages_size();
    size_t bytes = (size_t)(view->head.data_at + view->head.data_bytes);
    view->past_bytes = (bytes + page - 1) & ~(page - 1);
    for (uint32_t i = 0; i < PLIM_JOURNAL_LOOKS_MAX; i++) {
        plim_status status = plim__log_find(&view->log, back, &moment, err);
        if (status != PLIM_OK)
            return status;
        view->past = plim__pages_map(view->past_bytes);
        if (view->past == NULL)
            return plim__no_memory(err, "a copy of a region");
        status = plim__shared_copy(&view->shared, view->past, bytes, err);
        if (status == PLIM_OK)
            status = plim__log_overlay(
                &view->log, &moment,
                (unsigned char *)view->past + offsetof(plim__region_head, types), err);
        if (status == PLIM_OK) {
            view_read_history(view, &view->history);
            memcpy(&view->head, view->past, sizeof view->head);
            view->base = view->past;
            return plim__region_check_head(&view->head, view->shared.bytes, err);
        }
        plim__pages_unmap(view->past, view->past_bytes);
        view->past = NULL;
        if (status != PLIM_ERR_BUSY)
            return status;
    }
    return plim_error_set(err, PLIM_ERR_BUSY, "its writer goes back faster than we can look");
}

static plim_status view_at(plim_region_view *view, uint32_t back, plim_error *err)
{
    plim_region_history history;
    view_read_history(view, &history);
    if (back == 0 && !history.is_open)
        return PLIM_OK;
    if (view->log.head == NULL)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "the region keeps no history");
    return view_go_back(view, back, err);
}

void plim_region_view_history(const plim_region_view *view, plim_region_history *out_history)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    if (view->past != NULL)
        *out_history = view->history;
    else
        view_read_history(view, out_history);
}

enum { VIEW_LIVES = -1 };

static plim_status view_open(const char *path, int64_t back, const plim_allocator *allocator,
                             plim_region_view **out_view, plim_error *err)
{
    PLIM_CHECK(path != NULL && out_view != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_region_view *view = plim__array_new_zero(allocator, 1, sizeof *view);
    if (view == NULL)
        return plim__no_memory(err, "a view");
    view->magic = VIEW_MAGIC;
    view->allocator = allocator;
    view->patience_left = VIEW_PATIENCE;
    view->patience = &view->patience_left;
    view->share = VIEW_SHARE;
    view->shared.descriptor = -1;
    plim_status status = plim__shared_view(path, &view->shared, err);
    if (status == PLIM_OK)
        status = view_look(view, err);
    if (status == PLIM_OK && back != VIEW_LIVES)
        status = view_at(view, (uint32_t)back, err);
    if (status == PLIM_OK) {
        view->value = plim__array_new(allocator, view->head.value_max, 1);
        if (view->value == NULL)
            status = plim__no_memory(err, "a view");
    }
    if (status == PLIM_OK) {
        *out_view = view;
        return PLIM_OK;
    }
    plim_error_where(err, "%s", path);
    plim_region_view_close(&view);
    return status;
}

plim_status plim_region_view_open(const char *path, const plim_allocator *allocator,
                                  plim_region_view **out_view, plim_error *err)
{
    return view_open(path, VIEW_LIVES, allocator, out_view, err);
}

plim_status plim_region_view_open_at(const char *path, uint32_t back,
                                     const plim_allocator *allocator, plim_region_view **out_view,
                                     plim_error *err)
{
    return view_open(path, back, allocator, out_view, err);
}

void plim_region_view_close(plim_region_view **view_ptr)
{
    if (view_ptr == NULL || *view_ptr == NULL)
        return;
    plim_region_view *view = *view_ptr;
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    view_end_walk(view, view->walk_began);
    plim__array_free(view->allocator, view->value, view->head.value_max, 1);
    if (view->past != NULL)
        plim__pages_unmap(view->past, view->past_bytes);
    plim__shared_close(&view->shared);
    view->magic = 0;
    plim__array_free(view->allocator, view, 1, sizeof *view);
    *view_ptr = NULL;
}

const plim__region_head *plim__region_view_head(const plim_region_view *view)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    return (const plim__region_head *)view->shared.memory;
}

void plim__region_view_is_cut(plim_region_view *view)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    view->is_cut = true;
}

/* A count of the living head, held to what there is room for. */
static uint32_t view_count(const _Atomic uint32_t *count, uint32_t max)
{
    uint32_t now = atomic_load_explicit(count, memory_order_acquire);
    return now < max ? now : max;
}

/* --- types --------------------------------------------------------------------------------- */

/* A name that ends within the text; NULL if it does not. */
static const char *view_text(const plim_region_view *view, uint32_t at)
{
    uint32_t used = view_count(&view_head(view)->text_used, view->head.text_bytes);
    const char *text = (const char *)view->base + view->head.text_at;
    return at < used && memchr(text + at, '\0', used - at) != NULL ? text + at : NULL;
}

const char *plim_region_view_text(const plim_region_view *view, uint32_t offset)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    return offset != 0 ? view_text(view, offset) : NULL;
}

const char *plim_region_view_name(const plim_region_view *view, plim_name_kind kind,
                                  uint32_t number)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    uint32_t top = view_count(&view_head(view)->name_top, view->head.name_max);
    const plim__name_row *names = (const void *)(view->base + view->head.names_at);
    for (uint32_t i = 0; i < top; i++) {
        uint64_t word = atomic_load_explicit(&names[i], memory_order_acquire);
        if (word != 0 && plim__name_kind(word) == (uint32_t)kind &&
            plim__name_number(word) == number)
            return plim_region_view_text(view, plim__name_text(word));
    }
    return NULL;
}

bool plim_region_view_next_name(const plim_region_view *view, uint32_t *index,
                                plim_name_kind *out_kind, uint32_t *out_number,
                                const char **out_name)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    uint32_t top = view_count(&view_head(view)->name_top, view->head.name_max);
    const plim__name_row *names = (const void *)(view->base + view->head.names_at);
    while (*index < top) {
        uint64_t word = atomic_load_explicit(&names[(*index)++], memory_order_acquire);
        const char *text = word != 0 ? plim_region_view_text(view, plim__name_text(word)) : NULL;
        if (text == NULL || plim__name_kind(word) > PLIM_NAME_TAG)
            continue;
        *out_kind = (plim_name_kind)plim__name_kind(word);
        *out_number = plim__name_number(word);
        *out_name = text;
        return true;
    }
    return false;
}

static bool view_type_row(const plim_region_view *view, uint16_t type, plim__type_row *out_row)
{
    uint32_t count = plim__types_count(view_head(view)->types);
    if (type == 0 || type > count || type > view->head.type_max)
        return false;
    memcpy(out_row, view->base + view->head.types_at + (size_t)(type - 1) * sizeof *out_row,
           sizeof *out_row);
    return out_row->size_bytes <= view->head.value_max &&
           out_row->first_field <= view->head.field_max &&
           out_row->field_count <= view->head.field_max - out_row->first_field;
}

bool plim_region_view_type(const plim_region_view *view, uint16_t type,
                           plim_region_type_info *out_info)
{
    plim__type_row row;
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    if (!view_type_row(view, type, &row))
        return false;
    const char *name = view_text(view, row.name);
    if (name == NULL)
        return false;
    *out_info = (plim_region_type_info){name, row.size_bytes, row.field_count};
    return true;
}

bool plim_region_view_field(const plim_region_view *view, uint16_t type, uint32_t field,
                            plim_field *out_field)
{
    plim__type_row row;
    plim__field_row known;
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    if (!view_type_row(view, type, &row) || field >= row.field_count)
        return false;
    memcpy(&known,
           view->base + view->head.fields_at + (size_t)(row.first_field + field) * sizeof known,
           sizeof known);
    const char *name = view_text(view, known.name);
    if (name == NULL || known.kind > PLIM_FIELD_WEAK || known.offset_bytes > row.size_bytes ||
        (uint64_t)known.size_bytes * known.count > row.size_bytes - known.offset_bytes ||
        (known.kind >= PLIM_FIELD_REF && known.size_bytes != sizeof(plim_ref)))
        return false;
    *out_field = (plim_field){name, (plim_field_kind)known.kind, known.offset_bytes,
                              known.size_bytes, known.count};
    return true;
}

/* --- objects ------------------------------------------------------------------------------- */

static const plim__object *view_slot(const plim_region_view *view, uint32_t index)
{
    return (const plim__object *)(const void *)(view->base + view->head.objects_at) + index;
}

/* What one slot says at this moment, judged; the value is copied if `value` is not NULL. */
static bool view_copy(const plim_region_view *view, uint32_t index, plim_region_object *out_object,
                      unsigned char *value)
{
    const plim__object *slot = view_slot(view, index);
    plim__type_row row;
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    uint16_t type = plim__word_type(word);
    uint64_t data = slot->data;
    uint64_t about = slot->about;
    plim_region_object seen = {.ref = {index, plim__word_generation(word)},
                               .owner = slot->owner,
                               .type = type,
                               .size_bytes = slot->size_bytes,
                               .birth = slot->birth,
                               .site = (uint32_t)about,
                               .tag = (uint16_t)(about >> 32),
                               .visibility = (uint8_t)(about >> 48)};
    uint32_t parent = slot->parent;
    if (!plim__word_is_live(word) || !view_type_row(view, type, &row) ||
        row.size_bytes != seen.size_bytes || data > view->head.data_bytes ||
        seen.size_bytes > view->head.data_bytes - data)
        return false;
    if (value != NULL && seen.size_bytes > 0)
        memcpy(value, view->base + view->head.data_at + data, seen.size_bytes);
    if (parent > 0 && parent <= view->head.object_max) {
        uint64_t above =
            atomic_load_explicit(&view_slot(view, parent - 1)->word, memory_order_relaxed);
        if (plim__word_is_live(above))
            seen.parent = (plim_ref){parent - 1, plim__word_generation(above)};
    }
    seen.held_bytes = (uint32_t)(sizeof(plim__object) + plim__extent_bytes(seen.size_bytes));
    *out_object = seen;
    return true;
}

/* Odd while objects go back to what they were, seq and all; else a count of that. */
static uint64_t view_restores(const plim_region_view *view)
{
    return view->log.head == NULL || view->past != NULL
               ? 0
               : atomic_load_explicit(&view->log.head->restores, memory_order_acquire);
}

typedef enum view_look_result { VIEW_IS_ONE, VIEW_IS_NONE, VIEW_IN_CHANGE } view_look_result;

static view_look_result view_try(const plim_region_view *view, uint32_t index,
                                 plim_region_object *out_object, unsigned char *value)
{
    const plim__object *slot = view_slot(view, index);
    for (int i = 0; i < VIEW_TRIES; i++) {
        uint64_t restores = view_restores(view);
        uint32_t before = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (before % 2 != 0)
            continue;
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
        bool is_one = view_copy(view, index, out_object, value);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&slot->seq, memory_order_relaxed) == before &&
            atomic_load_explicit(&slot->word, memory_order_relaxed) == word &&
            view_restores(view) == restores) {
            if (is_one)
                out_object->version = before / 2;
            return is_one ? VIEW_IS_ONE : VIEW_IS_NONE;
        }
    }
    return VIEW_IN_CHANGE;
}

/* What is in the middle of a change is waited for, as its writer may have lost its processor there;
   but one view waits in vain for so long in all, and no longer. */
static bool view_read(const plim_region_view *view, uint32_t index, plim_region_object *out_object,
                      unsigned char *value)
{
    view_look_result seen = view_try(view, index, out_object, value);
    while (seen == VIEW_IN_CHANGE && view->past == NULL && *view->patience > 0 &&
           atomic_load_explicit(&view_head(view)->writer_pid, memory_order_relaxed) != 0) {
        (*view->patience)--;
        plim__shared_pause(VIEW_PAUSE_NS);
        seen = view_try(view, index, out_object, value);
        if (seen != VIEW_IN_CHANGE)
            *view->patience = VIEW_PATIENCE;
    }
    return seen == VIEW_IS_ONE;
}

bool plim_region_view_next(plim_region_view *view, uint32_t *index, plim_region_object *out_object,
                           const void **out_value)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    if (*index == 0) {
        view_end_walk(view, view->walk_began); /* of a walk that was not ended */
        view->walk_began = view_begin_walk(view);
    }
    uint32_t top = view_count(&view_head(view)->object_top, view->head.object_max);
    while (*index < top) {
        if (!view_read(view, (*index)++, out_object, view->value))
            continue;
        *out_value = view->value;
        return true;
    }
    view_end_walk(view, view->walk_began);
    view->walk_began = 0;
    return false;
}

bool plim_region_view_at(plim_region_view *view, uint32_t index, plim_region_object *out_object,
                         const void **out_value)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    uint32_t top = view_count(&view_head(view)->object_top, view->head.object_max);
    if (index >= top || !view_read(view, index, out_object, out_value != NULL ? view->value : NULL))
        return false;
    if (out_value != NULL)
        *out_value = view->value;
    return true;
}

void plim_region_view_info(const plim_region_view *view, plim_region_info *out_info)
{
    PLIM_CHECK_OBJ(view, VIEW_MAGIC);
    const plim__region_head *head = view_head(view);
    uint64_t types = head->types;
    uint32_t type_count = plim__types_count(types);
    plim_region_info info = {.object_max = view->head.object_max,
                             .type_count = type_count < view->head.type_max ? type_count
                                                                            : view->head.type_max,
                             .types_hash = plim__types_hash(types),
                             .data_bytes = view->head.data_bytes,
                             .epoch = head->epoch,
                             .writer_pid = (int64_t)head->writer_pid,
                             .identity = view->head.identity};
    uint32_t top = view_count(&head->object_top, view->head.object_max);
    uint64_t began = view_is_paced(view) ? plim__shared_spent() : 0;
    plim_region_object object;
    for (uint32_t i = 0; i < top; i++) {
        if (!view_read(view, i, &object, NULL))
            continue;
        info.object_count++;
        info.value_bytes += object.size_bytes;
        info.held_bytes += plim__extent_bytes(object.size_bytes);
    }
    view_end_walk(view, began);
    *out_info = info;
}

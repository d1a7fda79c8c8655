/* SPDX-License-Identifier: MIT */
/*
 * A region opened: made with its tables where there is none, else looked at with suspicion, then
 * recovered. A new one counts as a region only once is_ready is set, after all else: a writer that
 * is killed while making it leaves something that is made anew.
 */
#include "runtime/region/region.h"

#include <plimsoll/region.h>

#include <string.h>
#include <time.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "runtime/commit/store.h"

_Static_assert(offsetof(struct plim_region, eye) == 0 && sizeof(plim__object) == 64 &&
                   offsetof(plim__object, word) == 0 &&
                   offsetof(plim__object, data) == PLIM__SLOT_DATA &&
                   offsetof(plim__object, size_bytes) == PLIM__SLOT_SIZE &&
                   PLIM__OBJECT_LIVE >> 32 == 1u << 31,
               "plim_region_peek() looks there");

enum {
    REGION_OBJECTS_DEFAULT = 65536,
    REGION_TYPES_DEFAULT = 256,
    REGION_FIELDS_DEFAULT = 4096,
    REGION_NAMES_DEFAULT = 1024,
    REGION_TEXT_DEFAULT = 64 << 10,
    REGION_VALUE_DEFAULT = 64 << 10
};

static const uint64_t REGION_DATA_DEFAULT = (uint64_t)16 << 20;

/* FNV-1a over the sizes that both sides must agree on. */
static uint64_t region_layout_hash(void)
{
    static const uint32_t SIZES[] = {sizeof(plim__region_head), sizeof(plim__object),
                                     sizeof(plim__type_row),    sizeof(plim__field_row),
                                     sizeof(plim__name_row),    PLIM__REGION_GRAIN};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
        hash = (hash ^ SIZES[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t region_up(uint64_t bytes)
{
    return (bytes + PLIM__REGION_ALIGN - 1) & ~(uint64_t)(PLIM__REGION_ALIGN - 1);
}

/* Where each table begins, from the capacities that stand in the head; the bytes in all. */
static uint64_t region_place_tables(plim__region_head *head)
{
    uint64_t at = region_up(sizeof *head);
    head->objects_at = at;
    at += (uint64_t)head->object_max * sizeof(plim__object);
    head->types_at = at;
    at += region_up((uint64_t)head->type_max * sizeof(plim__type_row));
    head->fields_at = at;
    at += region_up((uint64_t)head->field_max * sizeof(plim__field_row));
    head->names_at = at;
    at += region_up((uint64_t)head->name_max * sizeof(plim__name_row));
    head->text_at = at;
    at += region_up(head->text_bytes);
    head->log_at = at;
    at += region_up(head->value_max);
    head->data_at = at;
    head->history_at = region_up(at + head->data_bytes);
    return head->history_at + head->history_bytes;
}

static bool region_capacities_are_good(const plim__region_head *head)
{
    return head->object_max >= 1 && head->object_max <= PLIM_REGION_OBJECTS_MAX &&
           head->type_max >= 1 && head->type_max <= UINT16_MAX && head->field_max >= 1 &&
           head->field_max <= PLIM_REGION_FIELDS_MAX && head->name_max >= 1 &&
           head->name_max <= PLIM_REGION_NAMES_MAX && head->text_bytes >= 2 &&
           head->text_bytes <= PLIM_REGION_TEXT_MAX && head->value_max >= PLIM__REGION_GRAIN &&
           head->value_max <= PLIM_REGION_VALUE_MAX && head->data_bytes >= PLIM__REGION_GRAIN &&
           head->data_bytes <= PLIM_REGION_DATA_MAX && head->data_bytes % PLIM__REGION_GRAIN == 0 &&
           head->history_bytes <= PLIM_JOURNAL_LOG_MAX;
}

/* --- a new one ----------------------------------------------------------------------------- */

static uint32_t region_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* Of the moment and the process, well mixed: no two regions have one by chance. */
static uint64_t region_identity(void)
{
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    uint64_t mix = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    mix =
        mix * UINT64_C(0x9e3779b97f4a7c15) + plim__shared_now(); /* no XOR: both clocks go alike */
    mix = (mix ^ mix >> 33) * UINT64_C(0xff51afd7ed558ccd) + (uint64_t)plim__shared_process();
    mix = (mix ^ mix >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (mix ^ mix >> 33) | 1;
}

static plim_status region_plan(const plim_region_options *options, plim__region_head *head,
                               plim_error *err)
{
    memset(head, 0, sizeof *head);
    head->magic = PLIM__REGION_FILE_MAGIC;
    head->version = PLIM__REGION_VERSION;
    head->order = PLIM__REGION_ORDER;
    head->layout_hash = region_layout_hash();
    head->identity = region_identity();
    head->object_max = region_or(options->object_max, REGION_OBJECTS_DEFAULT);
    head->type_max = region_or(options->type_max, REGION_TYPES_DEFAULT);
    head->field_max = region_or(options->field_max, REGION_FIELDS_DEFAULT);
    head->name_max = region_or(options->name_max, REGION_NAMES_DEFAULT);
    head->text_used = 1; /* the empty text */
    head->text_bytes = region_or(options->text_bytes, REGION_TEXT_DEFAULT);
    head->value_max = region_or(options->value_max, REGION_VALUE_DEFAULT);
    head->data_bytes = options->data_bytes != 0 ? options->data_bytes : REGION_DATA_DEFAULT;
    head->history_bytes = options->history_bytes;
    if (options->place == PLIM_REGION_STORAGE && options->data_bytes == 0) {
        head->data_bytes = 0;
        uint64_t tables = region_place_tables(head);
        if (tables + PLIM__REGION_ALIGN > options->storage_bytes)
            return plim_error_set(err, PLIM_ERR_NO_SPACE,
                                  "%zu bytes of storage: the tables alone take %zu",
                                  options->storage_bytes, (size_t)tables);
        head->data_bytes = (options->storage_bytes - tables) & ~(uint64_t)(PLIM__REGION_ALIGN - 1);
    }
    head->data_bytes &= ~(uint64_t)(PLIM__REGION_GRAIN - 1);
    if (!region_capacities_are_good(head))
        return plim_error_set(err, PLIM_ERR_USAGE, "a capacity of the region is out of range");
    head->total_bytes = region_place_tables(head);
    if (options->place == PLIM_REGION_STORAGE && head->total_bytes > options->storage_bytes)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "%zu bytes of storage: it takes %zu",
                              options->storage_bytes, (size_t)head->total_bytes);
    return PLIM_OK;
}

/* Writes the head over memory whose tables are all zero; is_ready last. */
static void region_write_head(void *memory, const plim__region_head *plan)
{
    plim__region_head *head = memory;
    plim__commit(&head->is_ready, 0);
    plim__put_bytes(memory, plan, sizeof *plan);
    plim__commit(&head->is_ready, 1);
}

static plim_status region_map_new(plim_region *region, const plim_region_options *options,
                                  plim_error *err)
{
    plim__region_head plan;
    plim_status status = region_plan(options, &plan, err);
    if (status != PLIM_OK)
        return status;
    if (options->place == PLIM_REGION_STORAGE) {
        memset(options->storage, 0, (size_t)plan.total_bytes);
        region->head = options->storage;
    } else if (options->place == PLIM_REGION_MEMFD) {
        status =
            plim__shared_anonymous(options->name, (size_t)plan.total_bytes, &region->shared, err);
        region->head = region->shared.memory;
    } else {
        status = plim__shared_size(&region->shared, (size_t)plan.total_bytes, err);
        region->head = region->shared.memory;
    }
    if (status == PLIM_OK)
        region_write_head(region->head, &plan);
    return status;
}

/* --- one that is there --------------------------------------------------------------------- */

plim_status plim__region_check_head(const plim__region_head *head, size_t bytes, plim_error *err)
{
    if (bytes < sizeof *head || head->magic != PLIM__REGION_FILE_MAGIC)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "it is no Plimsoll region");
    if (head->order != PLIM__REGION_ORDER)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "it was made on a machine of another byte order");
    if (head->version != PLIM__REGION_VERSION) {
        plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                            "it has version %u of the layout, this program %u",
                                            head->version, PLIM__REGION_VERSION);
        plim_error_hint(err, "open it with the release that made it, or start with a new region");
        return status;
    }
    if (head->layout_hash != region_layout_hash())
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "its tables have rows of other sizes than this program's");
    plim__region_head again = {.object_max = head->object_max,
                               .type_max = head->type_max,
                               .field_max = head->field_max,
                               .name_max = head->name_max,
                               .text_bytes = head->text_bytes,
                               .value_max = head->value_max,
                               .data_bytes = head->data_bytes,
                               .history_bytes = head->history_bytes};
    if (!region_capacities_are_good(&again) || region_place_tables(&again) != head->total_bytes ||
        again.objects_at != head->objects_at || again.types_at != head->types_at ||
        again.fields_at != head->fields_at || again.names_at != head->names_at ||
        again.text_at != head->text_at || again.log_at != head->log_at ||
        again.data_at != head->data_at || again.history_at != head->history_at)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "its tables lie outside it");
    if (head->total_bytes > bytes)
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "it was cut short: %zu of its %llu bytes are there", bytes,
                              (unsigned long long)head->total_bytes);
    if (plim__types_count(head->types) > head->type_max || head->field_count > head->field_max ||
        head->text_used > head->text_bytes || head->object_top > head->object_max ||
        head->name_top > head->name_max)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "its tables hold more than there is room for");
    return PLIM_OK;
}

/* Whether storage holds a region that was finished; what it is worth is looked at later. */
static bool region_is_there(const void *storage, size_t bytes)
{
    const plim__region_head *head = storage;
    return bytes >= sizeof *head && head->magic == PLIM__REGION_FILE_MAGIC &&
           atomic_load_explicit(&head->is_ready, memory_order_acquire) == 1;
}

/* A file whose making was killed: it has a size and no finished head; its bytes are zero. */
static bool region_is_unfinished(const plim__shared *shared)
{
    const plim__region_head *head = shared->memory;
    if (shared->bytes < sizeof *head)
        return false;
    return head->is_ready == 0 && (head->magic == 0 || head->magic == PLIM__REGION_FILE_MAGIC) &&
           head->object_top == 0 && head->types == 0;
}

/* Another writer has it: which. */
static plim_status region_busy(const char *path, plim_error *err)
{
    plim__shared shared;
    uint64_t writer = 0;
    if (err != NULL)
        memset(err, 0, sizeof *err); /* we know more */
    if (plim__shared_view(path, &shared, NULL) == PLIM_OK) {
        if (region_is_there(shared.memory, shared.bytes))
            writer = ((const plim__region_head *)shared.memory)->writer_pid;
        plim__shared_close(&shared);
    }
    plim_status status = writer != 0
                             ? plim_error_set(err, PLIM_ERR_BUSY, "process %llu writes it",
                                              (unsigned long long)writer)
                             : plim_error_set(err, PLIM_ERR_BUSY, "another process writes it");
    plim_error_hint(err, "one process writes a region; others may look on (plim_region_view_open)");
    return status;
}

static plim_status region_map(plim_region *region, const plim_region_options *options,
                              plim_error *err)
{
    size_t bytes = options->storage_bytes;
    if (options->place == PLIM_REGION_MEMFD)
        return region_map_new(region, options, err);
    if (options->place == PLIM_REGION_STORAGE) {
        if (!region_is_there(options->storage, bytes))
            return region_map_new(region, options, err);
        region->head = options->storage;
        return plim__region_check_head(region->head, bytes, err);
    }
    bool is_new = false;
    plim_status status = plim__shared_open(options->name, &region->shared, &is_new, err);
    if (status == PLIM_ERR_BUSY)
        return region_busy(options->name, err);
    if (status == PLIM_OK && is_new)
        return region_map_new(region, options, err);
    if (status != PLIM_OK)
        return status;
    region->head = region->shared.memory;
    if (region_is_unfinished(&region->shared)) {
        plim__region_head plan;
        status = region_plan(options, &plan, err);
        if (status == PLIM_OK && plan.total_bytes == region->shared.bytes)
            region_write_head(region->head, &plan);
    }
    return status == PLIM_OK ? plim__region_check_head(region->head, region->shared.bytes, err)
                             : status;
}

static void region_point(plim_region *region)
{
    unsigned char *base = (unsigned char *)region->head;
    region->objects = (plim__object *)(void *)(base + region->head->objects_at);
    region->types = (plim__type_row *)(void *)(base + region->head->types_at);
    region->fields = (plim__field_row *)(void *)(base + region->head->fields_at);
    region->names = (plim__name_row *)(void *)(base + region->head->names_at);
    region->text = (char *)base + region->head->text_at;
    region->log = base + region->head->log_at;
    region->data = base + region->head->data_at;
    region->eye =
        (plim__region_eye){base + region->head->objects_at, region->data, region->head->object_max};
}

static plim_status region_check_options(const plim_region_options *options, plim_error *err)
{
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "plim_region_options of %u bytes, not %zu",
                              options->struct_bytes, sizeof *options);
    if (options->place == PLIM_REGION_STORAGE) {
        if (options->storage == NULL || (uintptr_t)options->storage % PLIM__REGION_ALIGN != 0)
            return plim_error_set(err, PLIM_ERR_USAGE, "storage is to be aligned to %d bytes",
                                  PLIM__REGION_ALIGN);
        return PLIM_OK;
    }
    if (options->place != PLIM_REGION_FILE && options->place != PLIM_REGION_MEMFD)
        return plim_error_set(err, PLIM_ERR_USAGE, "there is no place %d", (int)options->place);
    if (options->name == NULL || options->name[0] == '\0')
        return plim_error_set(err, PLIM_ERR_USAGE, "a region has a name");
    return PLIM_OK;
}

plim_status plim_region_open(const plim_region_options *options, plim_region **out_region,
                             plim_error *err)
{
    PLIM_CHECK(options != NULL && out_region != NULL);
    plim_status status = region_check_options(options, err);
    if (status != PLIM_OK)
        return status;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_region *region = plim__array_new_zero(allocator, 1, sizeof *region);
    if (region == NULL)
        return plim__no_memory(err, "a region");
    region->magic = PLIM__REGION_MAGIC;
    region->allocator = allocator;
    region->shared.descriptor = -1;
    region->cut.descriptor = -1;
    region->domain = options->domain;
    region->told_first = region->told_last = PLIM__INDEX_NONE;
    status = region_map(region, options, err);
    if (status == PLIM_OK) {
        region_point(region);
        status = plim__history_open(region, err); /* before anything is looked at: it may go back */
    }
    if (status == PLIM_OK)
        status = plim__names_init(region, err);
    if (status == PLIM_OK)
        status = plim__types_check(region, err);
    if (status == PLIM_OK)
        status = plim__region_recover(region, err);
    if (status == PLIM_OK) {
        plim__commit(&region->head->epoch, region->head->epoch + 1);
        plim__commit(&region->head->writer_pid, (uint64_t)plim__shared_process());
        *out_region = region;
        return PLIM_OK;
    }
    if (options->name != NULL)
        plim_error_where(err, "%s", options->name);
    plim__charge_end(region);
    plim__history_close(region);
    plim__names_fini(region);
    plim__region_lists_fini(region);
    plim__shared_close(&region->shared);
    plim__array_free(allocator, region, 1, sizeof *region);
    return status;
}

void plim_region_close(plim_region **region_ptr)
{
    if (region_ptr == NULL || *region_ptr == NULL)
        return;
    plim_region *region = *region_ptr;
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    plim__cut_close(region);
    plim__charge_end(region);
    plim__history_close(region);
    plim__names_fini(region);
    plim__region_lists_fini(region);
    plim__commit(&region->head->writer_pid, 0);
    plim__shared_close(&region->shared);
    region->magic = 0;
    plim__array_free(region->allocator, region, 1, sizeof *region);
    *region_ptr = NULL;
}

void plim__region_observe(plim_region *region, const plim__region_observer *observer)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    region->observer = observer;
    plim__kinds_rate(region);
}

/* --- several threads ------------------------------------------------------------------------ */

/* A number that no other thread has at the same time. */
static uintptr_t region_thread(void)
{
    static _Thread_local char mine;
    return (uintptr_t)&mine;
}

void plim_region_enter(plim_region *region)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    uintptr_t self = region_thread();
    if (atomic_load_explicit(&region->lock_holder, memory_order_relaxed) != self) {
        plim__lock_take(&region->lock);
        atomic_store_explicit(&region->lock_holder, self, memory_order_relaxed);
    }
    region->lock_depth++;
}

void plim_region_leave(plim_region *region)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(atomic_load_explicit(&region->lock_holder, memory_order_relaxed) ==
                   region_thread() &&
               region->lock_depth > 0);
    if (--region->lock_depth > 0)
        return;
    atomic_store_explicit(&region->lock_holder, 0, memory_order_relaxed);
    plim__lock_give(&region->lock);
}

plim_status plim_region_sync(plim_region *region, plim_error *err)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    return region->shared.memory != NULL ? plim__shared_sync(&region->shared, err) : PLIM_OK;
}

void plim_region_read_info(const plim_region *region, plim_region_info *out_info)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    const plim__region_head *head = region->head;
    uint32_t count;
    uint64_t value_bytes, held_bytes;
    plim__extents_sum(region, &count, &value_bytes, &held_bytes);
    *out_info = (plim_region_info){.object_max = head->object_max,
                                   .object_count = count,
                                   .type_count = plim__types_count(head->types),
                                   .types_hash = plim__types_hash(head->types),
                                   .value_bytes = value_bytes,
                                   .held_bytes = held_bytes,
                                   .data_bytes = head->data_bytes,
                                   .epoch = head->epoch,
                                   .writer_pid = (int64_t)head->writer_pid,
                                   .recovered = region->recovered,
                                   .identity = head->identity};
}

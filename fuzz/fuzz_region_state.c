/* SPDX-License-Identifier: MIT */
/*
 * Regions that somebody made up. The input is a list of changes to a sound region (16 bits of
 * place, 64 of value), so that every field of every table is met, not the first check alone. One
 * that begins with the magic is taken as the bytes themselves; "sweep:" and a value puts that value
 * into every field there is, one at a time.
 * Claims: the view and the writer's open refuse it with words or work within bounds and end; what
 * the writer opened verifies, takes calls, and verifies again; nothing is left of the memory.
 */
#include <plimsoll/region.h>

#include <unistd.h>

#include "input.h"
#include "runtime/region/region.h"

enum { STORAGE_BYTES = 48 << 10, CHANGE_BYTES = 10, MEMORY_BYTES = 64 << 20, CHANGES_MAX = 64 };

static _Alignas(64) unsigned char storage[STORAGE_BYTES];

static plim_region_options region_options(const plim_allocator *allocator)
{
    return (plim_region_options){.struct_bytes = sizeof(plim_region_options),
                                 .place = PLIM_REGION_STORAGE,
                                 .storage = storage,
                                 .storage_bytes = sizeof storage,
                                 .object_max = 64,
                                 .type_max = 4,
                                 .field_max = 8,
                                 .name_max = 8,
                                 .text_bytes = 256,
                                 .data_bytes = 4096,
                                 .value_max = 256,
                                 .history_bytes = 16 << 10,
                                 .allocator = allocator};
}

/* A region with something in every table. */
static void region_make(void)
{
    static const plim_field FIELDS[] = {{"name", PLIM_FIELD_TEXT, 0, 16, 1},
                                        {"next", PLIM_FIELD_REF, 16, 8, 1},
                                        {"far", PLIM_FIELD_WEAK, 24, 8, 2}};
    plim_region_options options = region_options(NULL);
    plim_region *region = NULL;
    uint16_t type = 0, other = 0;
    uint32_t site = 0;
    memset(storage, 0, sizeof storage);
    FUZZ_CLAIM(plim_region_open(&options, &region, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_region_type(region, "t", 40, FIELDS, 3, &type, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_region_type(region, "u", 8, NULL, 0, &other, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_region_intern(region, "main a.c:1", &site) == PLIM_OK);
    FUZZ_CLAIM(plim_region_name(region, PLIM_NAME_OWNER, 1, "one") == PLIM_OK);
    plim_ref ref = {0, 0};
    for (uint32_t i = 0; i < 12; i++) {
        const plim_object_request request = {.struct_bytes = sizeof request,
                                             .type = i % 3 == 0 ? other : type,
                                             .tag = (uint16_t)i,
                                             .owner = i % 2,
                                             .parent = i % 4 == 0 ? (plim_ref){0, 0} : ref,
                                             .site = site};
        FUZZ_CLAIM(plim_region_allocate_as(region, &request, &ref) == PLIM_OK);
    }
    FUZZ_CLAIM(plim_region_release(region, ref) == PLIM_OK);
    plim_region_close(&region);
}

/* Everything a view can be asked. */
static void look(const char *path, const plim_allocator *allocator)
{
    plim_region_view *view = NULL;
    plim_error err = {0};
    if (plim_region_view_open(path, allocator, &view, &err) != PLIM_OK) {
        FUZZ_CLAIM(err.what[0] != '\0');
        return;
    }
    plim_region_object object;
    plim_region_type_info info;
    plim_region_info totals;
    plim_field field;
    const void *value = NULL;
    unsigned sum = 0;
    plim_region_view_pace(view, 0);
    for (uint32_t i = 0; plim_region_view_next(view, &i, &object, &value);) {
        const char *site = plim_region_view_text(view, object.site);
        const char *owner = plim_region_view_name(view, PLIM_NAME_OWNER, object.owner);
        for (uint32_t k = 0; k < object.size_bytes; k++)
            sum += ((const unsigned char *)value)[k];
        sum += (site != NULL ? (unsigned)strlen(site) : 0) +
               (owner != NULL ? (unsigned)strlen(owner) : 0);
        if (!plim_region_view_type(view, object.type, &info))
            continue;
        for (uint32_t k = 0; k < info.field_count && k < 100; k++)
            if (plim_region_view_field(view, object.type, k, &field))
                FUZZ_CLAIM((uint64_t)field.offset_bytes +
                               (uint64_t)field.size_bytes * field.count <=
                           info.size_bytes);
    }
    plim_region_view_info(view, &totals);
    __asm__ volatile("" : : "r"(sum));
    plim_region_view_close(&view);
}

/* What the next writer does. */
static void use(const plim_allocator *allocator)
{
    plim_region_options options = region_options(allocator);
    plim_region *region = NULL;
    plim_error err = {0};
    if (plim_region_open(&options, &region, &err) != PLIM_OK) {
        FUZZ_CLAIM(err.what[0] != '\0');
        return;
    }
    FUZZ_CLAIM(plim_region_verify(region, NULL) == PLIM_OK);
    plim_region_info info;
    plim_region_object object;
    plim_ref ref, last = {0, 0};
    uint32_t offset;
    plim_region_read_info(region, &info);
    for (uint32_t i = 0; plim_region_next(region, &i, &object);)
        last = object.ref;
    for (uint16_t type = 1; type <= info.type_count; type++)
        for (int i = 0; i < 20; i++) /* fills it */
            if (plim_region_allocate(region, type, NULL, 1, i % 2 ? last : (plim_ref){0, 0},
                                     &ref) == PLIM_OK)
                last = ref;
    plim_status ignored = plim_region_intern(region, "another text", &offset);
    ignored = plim_region_name(region, PLIM_NAME_TAG, 7, "seven");
    (void)ignored;
    (void)plim_region_release(region, last);
    (void)plim_region_release_owner(region, 1, NULL);
    FUZZ_CLAIM(plim_region_verify(region, NULL) == PLIM_OK);
    plim_region_close(&region);
}

/* The region as it lies in storage, looked at and used. */
static void judge(void)
{
    char path[64];
    plim_cap *cap = NULL;
    FUZZ_CLAIM(plim_cap_create(NULL, MEMORY_BYTES, &cap) == PLIM_OK);
    (void)snprintf(path, sizeof path, "/dev/shm/plim-fuzz-region-%ld", (long)getpid());
    FILE *file = fopen(path, "wb");
    FUZZ_CLAIM(file != NULL && fwrite(storage, 1, sizeof storage, file) == sizeof storage);
    FUZZ_CLAIM(fclose(file) == 0);
    look(path, plim_cap_allocator(cap));
    (void)unlink(path);
    use(plim_cap_allocator(cap));
    fuzz_cap_end(&cap);
}

/* Every field there is: each word of what is in use in turn becomes a value. */
static void sweep(const unsigned char value[8])
{
    static unsigned char sound[STORAGE_BYTES];
    region_make();
    memcpy(sound, storage, sizeof sound);
    const plim__region_head *head = (const plim__region_head *)(const void *)sound;
    const struct {
        uint64_t at, bytes;
    } parts[] = {
        {0, sizeof *head},
        {head->objects_at, 13 * sizeof(plim__object)},
        {head->types_at, 2 * sizeof(plim__type_row)},
        {head->fields_at, 3 * sizeof(plim__field_row)},
        {head->names_at, sizeof(plim__name_row)},
        {head->text_at, 40},
        {head->log_at, 8},
        {head->history_at, 256},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (uint64_t at = 0; at < parts[i].bytes; at += 4)
            for (size_t bytes = 4; bytes <= 8; bytes += 4) {
                memcpy(storage, sound, sizeof storage);
                memcpy(storage + parts[i].at + at, value, bytes);
                judge();
            }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char MAGIC[] = "PLMIREG1", SWEEP[] = "sweep:";
    if (size == sizeof SWEEP - 1 + 8 && memcmp(data, SWEEP, sizeof SWEEP - 1) == 0) {
        sweep(data + sizeof SWEEP - 1);
        return 0;
    }
    region_make();
    if (size >= sizeof MAGIC - 1 && memcmp(data, MAGIC, sizeof MAGIC - 1) == 0) {
        memset(storage, 0, sizeof storage);
        memcpy(storage, data, size < sizeof storage ? size : sizeof storage);
    } else {
        for (size_t i = 0; i < CHANGES_MAX && (i + 1) * CHANGE_BYTES <= size; i++) {
            const unsigned char *change = data + i * CHANGE_BYTES;
            size_t at = ((size_t)change[0] | (size_t)change[1] << 8) % (STORAGE_BYTES - 8);
            memcpy(storage + at, change + 2, 8);
        }
    }
    judge();
    return 0;
}

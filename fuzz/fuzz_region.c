/* SPDX-License-Identifier: MIT */
/*
 * The region of a program that lies. Claims: looking on ends, within a memory that follows the
 * file's size; a graph that is made of it is whole: it is written as a snapshot, and that is read
 * back; nothing is left of the memory.
 */
#include <plimsoll/bridge.h>

#include <sys/mman.h>
#include <unistd.h>

#include "input.h"

enum { OUTPUT_BYTES_MAX = 64 << 20 };

/* A snapshot in memory: out as a sink, back as a source. */
typedef struct text {
    char *data;
    size_t size, capacity, at;
} text;

static plim_status text_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)err;
    text *out = ctx;
    if (out->capacity - out->size < len) {
        size_t wanted = (out->size + len) * 2;
        char *grown = wanted <= OUTPUT_BYTES_MAX ? realloc(out->data, wanted) : NULL;
        if (grown == NULL)
            return PLIM_ERR_NO_SPACE;
        out->data = grown;
        out->capacity = wanted;
    }
    memcpy(out->data + out->size, data, len);
    out->size += len;
    return PLIM_OK;
}

static void round_trip(const plim_graph *graph, const plim_allocator *allocator)
{
    text out = {0};
    plim_graph_info first;
    plim_graph_info second;
    plim_write_options write = {
        .struct_bytes = sizeof write, .allocator = allocator, .keep_ids = true};
    plim_read_options read = {.struct_bytes = sizeof read, .allocator = allocator};
    plim_graph *again = NULL;
    plim_graph_read_info(graph, &first);
    if (plim_graph_write_v8(graph, (plim_sink){&out, text_write}, &write, NULL) == PLIM_OK) {
        fuzz_input input = {(const unsigned char *)out.data, out.size, 0, out.size};
        plim_status status = plim_graph_read_v8(fuzz_input_view(&input), &read, &again, NULL);
        FUZZ_CLAIM(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        if (status == PLIM_OK) {
            plim_graph_read_info(again, &second);
            FUZZ_CLAIM(first.node_count == second.node_count);
            FUZZ_CLAIM(first.edge_count == second.edge_count);
            FUZZ_CLAIM(first.self_bytes == second.self_bytes);
        }
        plim_graph_destroy(&again);
    }
    free(out.data);
}

/* All that plim view asks. */
static void look(plim_region_view *view)
{
    plim_region_object object;
    const void *value = NULL;
    plim_name_kind kind;
    uint32_t number;
    const char *name = NULL;
    uint64_t sum = 0;
    for (uint32_t at = 0; plim_region_view_next_name(view, &at, &kind, &number, &name);)
        sum += strlen(name);
    for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &value);) {
        plim_region_type_info type;
        plim_field field;
        for (uint32_t i = 0; i < object.size_bytes; i++)
            sum += ((const unsigned char *)value)[i];
        FUZZ_CLAIM(plim_region_view_at(view, object.ref.index, &object, NULL));
        if (plim_region_view_type(view, object.type, &type)) {
            for (uint32_t i = 0; i < type.field_count && i < 64; i++) {
                if (plim_region_view_field(view, object.type, i, &field))
                    FUZZ_CLAIM((uint64_t)field.offset_bytes +
                                   (uint64_t)field.size_bytes * field.count <=
                               type.size_bytes);
            }
        }
        name = plim_region_view_text(view, object.site);
        sum += name != NULL ? strlen(name) : 0;
    }
    volatile uint64_t kept = sum; /* so that all of it is read */
    (void)kept;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static int descriptor = -1;
    char path[64];
    plim_cap *cap = NULL;
    if (descriptor < 0)
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)size) != 0 ||
        pwrite(descriptor, data, size, 0) != (ssize_t)size ||
        plim_cap_create(NULL, (64 << 10) + size * 64 + (128 << 20), &cap) != PLIM_OK)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_region_view *view = NULL;
    plim_graph *graph = NULL;
    if (plim_region_view_open(path, allocator, &view, NULL) == PLIM_OK) {
        plim_region_view_pace(view, 0);
        look(view);
        if (plim_graph_from_region(view, NULL, &graph, NULL) == PLIM_OK)
            round_trip(graph, allocator);
        plim_graph_destroy(&graph);
    }
    plim_region_view_close(&view);
    fuzz_cap_end(&cap);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * An image whose debugging information lies, about memory that is the image itself: pointers lead
 * anywhere. Claims: each question about the variables a to z ends, within a memory that does not
 * follow what the image says; texts end in NUL and have no control characters but line ends;
 * nothing is left of the memory.
 */
#include <plimsoll/value.h>

#include "input.h"

enum { TEXT_BYTES = 1 << 14, MEMORY_BYTES = 16 << 20 };

static bool image_read(void *ctx, uint64_t address, void *out, size_t bytes)
{
    const fuzz_input *image = ctx;
    if (image->size == 0 || address % 5 == 4) /* some of it is not there */
        return false;
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)out)[i] = image->data[(address + i) % image->size];
    return true;
}

static bool image_name(void *ctx, uint64_t address, char *out, size_t cap)
{
    (void)ctx;
    (void)snprintf(out, cap, "at\n%u", (unsigned)(address % 1000));
    return address % 3 == 0;
}

static void look_at_text(const char *text, size_t cap)
{
    size_t length = strnlen(text, cap);
    FUZZ_CLAIM(length < cap);
    for (size_t i = 0; i < length; i++)
        FUZZ_CLAIM((unsigned char)text[i] >= 0x20 || text[i] == '\n');
}

typedef struct count {
    const plim_types *types;
    uint32_t told;
} count;

static bool count_member(void *ctx, const plim_member *member)
{
    count *to = ctx;
    look_at_text(member->text, TEXT_BYTES);
    look_at_text(member->name, 4096);
    return ++to->told < 1000;
}

static bool count_reference(void *ctx, const plim_type_reference *reference)
{
    count *to = ctx;
    char text[256];
    (void)plim_type_text(to->types, reference->target, reference->name, text, sizeof text);
    look_at_text(text, sizeof text);
    return ++to->told < 1000;
}

static void look_at(const plim_types *types, plim_type type, const plim_memory *memory,
                    const plim_allocator *allocator)
{
    static char text[TEXT_BYTES];
    plim_value_options options = {
        .struct_bytes = sizeof options, .columns = 60, .pointers_max = 3, .allocator = allocator};
    count members = {types, 0};
    count references = {types, 0};
    plim_status status =
        plim_value_text(types, type, 4096, memory, &options, text, sizeof text, NULL);
    FUZZ_CLAIM(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
    look_at_text(text, sizeof text);
    status = plim_value_members(types, type, 4096, memory, &options, count_member, &members, NULL);
    FUZZ_CLAIM(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
    (void)plim_type_references(types, type, count_reference, &references);
    FUZZ_CLAIM(references.told <= 1000);
    (void)plim_type_definition(types, type, text, sizeof text);
    look_at_text(text, sizeof text);
    (void)plim_type_bytes(types, type);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    plim_types *types = NULL;
    fuzz_input image = {data, size, 0, size};
    plim_memory memory = {&image, image_read, image_name};
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    if (plim_types_open(data, size, allocator, &types, NULL) == PLIM_OK) {
        for (char letter = 'a'; letter <= 'z'; letter++) {
            char name[2] = {letter, '\0'};
            plim_type type;
            if (plim_types_variable(types, name, &type, NULL) == PLIM_OK)
                look_at(types, type, &memory, allocator);
        }
        plim_type type;
        if (plim_types_find(types, "struct s", &type, NULL) == PLIM_OK)
            look_at(types, type, &memory, allocator);
    }
    plim_types_close(&types);
    fuzz_cap_end(&cap);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * clang's syntax tree as JSON, from a clang that lies. The input's first three bytes say where the
 * entry's text lies and how long it is. Claims: every place that an item names is in the text, its
 * texts are strings, lists end, and nothing is left of the memory.
 */
#include "input.h"
#include "repl/source/ast.h"

enum { MEMORY_BYTES = 64 << 20 };

static void look_at_list(const char *const *list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        FUZZ_CLAIM(strlen(list[i]) < MEMORY_BYTES);
}

static void look_at_item(const plim__ast_item *item, size_t bytes)
{
    FUZZ_CLAIM(item->begin <= item->end && item->end <= bytes && item->name_at <= bytes);
    FUZZ_CLAIM(!item->has_init || (item->init_begin <= item->init_end && item->init_end <= bytes));
    FUZZ_CLAIM(!item->has_init || (item->init_begin >= item->begin && item->init_end <= item->end));
    FUZZ_CLAIM(item->name != NULL && item->type != NULL && item->canonical != NULL);
    FUZZ_CLAIM(item->storage != NULL && item->tag != NULL);
    FUZZ_CLAIM(strlen(item->name) + strlen(item->type) + strlen(item->canonical) < MEMORY_BYTES);
    look_at_list(item->enumerators);
    look_at_list(item->tags);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    plim__ast ast = {0};
    if (size < 3 || plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    plim__arena arena = {.allocator = plim_cap_allocator(cap)};
    plim__ast_place place = {
        .includer = "main.c", .offset = data[0], .bytes = (size_t)data[1] << 8 | data[2]};
    plim_status status =
        plim__ast_read((const char *)data + 3, size - 3, &place, &arena, &ast, NULL);
    FUZZ_CLAIM(status == PLIM_OK || status == PLIM_ERR_DAMAGED || status == PLIM_ERR_NO_MEMORY);
    for (size_t i = 0; status == PLIM_OK && i < ast.count; i++)
        look_at_item(&ast.items[i], place.bytes);
    plim__arena_fini(&arena);
    fuzz_cap_end(&cap);
    return 0;
}

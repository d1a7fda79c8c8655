/* SPDX-License-Identifier: MIT */
/* The value of an entry as text, out of the memory of its worker; pointers are called by the names
   of what they point to. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/replui.h"

static bool value_read(void *ctx, uint64_t address, void *out, size_t bytes)
{
    return plim_repl_read(ctx, address, out, bytes) == PLIM_OK;
}

typedef struct value_search {
    uint64_t address;
    char *out;
    size_t cap;
    bool found;
} value_search;

static bool value_is_it(void *ctx, const plim_repl_variable *variable)
{
    value_search *search = ctx;
    uint64_t bytes = variable->bytes > 0 ? variable->bytes : 1;
    if (variable->address == 0 || search->address < variable->address ||
        search->address - variable->address >= bytes)
        return true;
    uint64_t into = search->address - variable->address;
    if (into == 0)
        (void)snprintf(search->out, search->cap, "%s%s",
                       variable->kind == PLIM_REPL_FUNCTION ? "" : "&", variable->name);
    else
        (void)snprintf(search->out, search->cap, "&%s + %" PRIu64 " bytes", variable->name, into);
    search->found = true;
    return false;
}

static bool value_name(void *ctx, uint64_t address, char *out, size_t cap)
{
    value_search search = {address, out, cap, false};
    (void)plim_repl_variables(ctx, value_is_it, &search);
    return search.found;
}

static plim_memory value_memory(plim_repl *repl)
{
    return (plim_memory){repl, value_read, value_name};
}

bool plim__repl_value(plim_repl *repl, const plim_repl_result *result, uint32_t columns, bool ascii,
                      char *out, size_t cap)
{
    plim_types *types = NULL;
    plim_type type;
    plim_error err = {0};
    plim_memory memory = value_memory(repl);
    plim_value_options options = {
        .struct_bytes = sizeof options, .columns = columns, .ascii = ascii};
    if (result->bytes == 0 || result->image == NULL)
        return false;
    plim_status status = plim_types_open(result->image, result->image_bytes, NULL, &types, &err);
    if (status == PLIM_OK)
        status = plim_types_variable(types, result->name, &type, &err);
    if (status == PLIM_OK)
        status = plim_value_text(types, type, result->address, &memory, &options, out, cap, &err);
    if (status != PLIM_OK)
        (void)snprintf(out, cap, "(%" PRIu64 " bytes at 0x%" PRIx64 "; %s)", result->bytes,
                       result->address, err.what);
    plim_types_close(&types);
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Modules on Linux: the loader's own list. A module's range is that of all its loaded segments; the
 * loader maps each module as one piece, so ranges do not cross.
 */
#define _GNU_SOURCE
#include "platform/modules.h"

#include <link.h>
#include <string.h>
#include <sys/auxv.h>

typedef struct modules_search {
    uintptr_t address;
    plim__module *out;
    bool is_found;
    bool is_past_first; /* the program is the first that is told */
} modules_search;

static const char *modules_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* As the kernel was told: the loader has no name for the program, and argv[0] is the caller's. */
static const char *modules_program(void)
{
    const char *path = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    return path != NULL ? path : "program";
}

static void modules_describe(plim__module *out, const struct dl_phdr_info *info, bool is_program,
                             uintptr_t start, uintptr_t end)
{
    const char *name = modules_file(is_program ? modules_program() : info->dlpi_name);
    size_t length = strlen(name);
    if (length >= PLIM__MODULE_NAME_BYTES)
        length = PLIM__MODULE_NAME_BYTES - 1;
    memcpy(out->name, name, length);
    out->name[length] = '\0';
    out->start = start;
    out->end = end;
    out->is_program = is_program;
}

static int modules_look(struct dl_phdr_info *info, size_t bytes, void *ctx)
{
    modules_search *search = ctx;
    (void)bytes;
    bool is_program = !search->is_past_first;
    search->is_past_first = true;
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD)
            continue;
        uintptr_t first = info->dlpi_addr + part->p_vaddr;
        start = first < start ? first : start;
        end = first + part->p_memsz > end ? first + part->p_memsz : end;
    }
    if (search->address < start || search->address >= end)
        return 0;
    modules_describe(search->out, info, is_program, start, end);
    search->is_found = true;
    return 1;
}

bool plim__module_at(const void *address, plim__module *out_module)
{
    modules_search search = {.address = (uintptr_t)address, .out = out_module};
    (void)dl_iterate_phdr(modules_look, &search);
    return search.is_found;
}

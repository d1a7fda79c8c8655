/* SPDX-License-Identifier: MIT */
/*
 * Allocation sites by name. A stack begins with whatever called malloc, which in real programs is a
 * wrapper: zmalloc, PyMem_RawMalloc, operator new. The site is the first frame that is not one: by
 * its name; by its module (the C and C++ libraries allocate for others); and where it has no name,
 * because very many different places call it.
 *
 * elfutils finds symbols, lines and separate debugging information by build id. It is never let
 * near a network: no debuginfod.
 *
 * L1  names[i] belongs to site i + 1 and does not change once it is set.
 */
#include "bridge/process_sites.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/id_map.h"
#include "base/limits.h"
#include "base/text.h"
#include "bridge/clean_text.h"

enum {
    SITES_MAGIC = 0x517e5001,
    SITES_AT_ONCE = 1024,    /* stacks read together */
    SITES_CALLERS_MANY = 12, /* a nameless place called from so many is a wrapper */
    SITES_CALLERS_KEPT = 1 << 16
};

struct plim__process_sites {
    uint32_t magic;
    const plim_allocator *allocator;
    Dwfl *dwfl;
    Dwfl_Callbacks callbacks;
    char *debug_path;
    char (*names)[PLIM__SITE_NAME_BYTES];
    uint32_t count, cap;
    plim__id_map pairs;   /* (place, its caller) that were seen */
    plim__id_map callers; /* place: index of its count */
    uint32_t *counts;
    uint32_t count_count;
    plim__id_map known; /* address of code: whether it is a wrapper's: 0 no, 1 yes */
};

/* Separate debugging information by build id alone: what the standard search does beyond that may
   ask a server. */
static int sites_find_debug(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                            const char *file, const char *link, GElf_Word crc, char **out_name)
{
    return dwfl_build_id_find_debuginfo(module, user, name, base, file, link, crc, out_name);
}

/* The files that are mapped now; what was known of those that still are stays known. */
static bool sites_report(plim__process_sites *sites, int64_t pid)
{
    dwfl_report_begin(sites->dwfl);
    int failed = dwfl_linux_proc_report(sites->dwfl, (pid_t)pid);
    return dwfl_report_end(sites->dwfl, NULL, NULL) == 0 && failed == 0;
}

plim_status plim__process_sites_create(int64_t pid, const plim_allocator *allocator,
                                       plim__process_sites **out_sites, plim_error *err)
{
    static char path[] = ":.debug:/usr/lib/debug";
    plim__process_sites *sites = plim__array_new_zero(allocator, 1, sizeof *sites);
    if (sites == NULL)
        return plim__no_memory(err, "names of its sites");
    sites->magic = SITES_MAGIC;
    sites->allocator = allocator;
    sites->pairs.allocator = sites->callers.allocator = sites->known.allocator = allocator;
    sites->debug_path = path;
    sites->callbacks = (Dwfl_Callbacks){.find_elf = dwfl_linux_proc_find_elf,
                                        .find_debuginfo = sites_find_debug,
                                        .debuginfo_path = &sites->debug_path};
    sites->dwfl = dwfl_begin(&sites->callbacks);
    if (sites->dwfl == NULL || !sites_report(sites, pid)) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_ACCESS, "the modules of process %lld cannot be read: %s",
                           (long long)pid, dwfl_errmsg(-1));
        plim__process_sites_destroy(&sites);
        return status;
    }
    *out_sites = sites;
    return PLIM_OK;
}

void plim__process_sites_destroy(plim__process_sites **sites_ptr)
{
    plim__process_sites *sites = *sites_ptr;
    if (sites == NULL)
        return;
    PLIM_CHECK_OBJ(sites, SITES_MAGIC);
    *sites_ptr = NULL;
    if (sites->dwfl != NULL)
        dwfl_end(sites->dwfl);
    plim__id_map_fini(&sites->pairs);
    plim__id_map_fini(&sites->callers);
    plim__id_map_fini(&sites->known);
    plim__array_free(sites->allocator, sites->counts, SITES_CALLERS_KEPT, sizeof *sites->counts);
    plim__array_free(sites->allocator, sites->names, sites->cap, sizeof *sites->names);
    sites->magic = 0;
    plim__array_free(sites->allocator, sites, 1, sizeof *sites);
}

/* --- places ---------------------------------------------------------------------------------- */

typedef struct sites_place {
    const char *module; /* "" where no file is mapped there */
    const char *symbol; /* NULL: none */
    uint64_t offset;    /* in the module */
    uint64_t inside;    /* in the symbol */
    Dwfl_Module *handle;
} sites_place;

static sites_place sites_find(const plim__process_sites *sites, uint64_t address, uint64_t near)
{
    sites_place place = {.module = "", .offset = address};
    place.handle = dwfl_addrmodule(sites->dwfl, near);
    if (place.handle == NULL)
        return place;
    Dwarf_Addr start = 0;
    const char *path = dwfl_module_info(place.handle, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    place.module = slash != NULL ? slash + 1 : path != NULL ? path : "";
    place.offset = address - start;
    GElf_Sym symbol;
    GElf_Off inside = 0;
    const char *name =
        dwfl_module_addrinfo(place.handle, address, &inside, &symbol, NULL, NULL, NULL);
    /* The nearest symbol before the address is not the one that it lies in, where that has none. */
    if (name != NULL && (inside < symbol.st_size || inside == 0)) {
        place.symbol = name;
        place.inside = inside;
    }
    return place;
}

/* The C++ library's own, as its ABI names it: memory of malloc(), or NULL. */
extern char *__cxa_demangle(const char *mangled, char *buffer, size_t *bytes, int *out_status);

/* References back into a name can each double what it stands for, and the name is another's: so
   many are followed, which makes a thousand times its length at the most. */
static bool sites_may_demangle(const char *name)
{
    enum { LENGTH_MAX = 512, BACK_MAX = 20 };
    uint32_t back = 0;
    size_t length = plim__text_length(name, LENGTH_MAX);
    for (size_t i = 0; i + 1 < length; i++) {
        bool is_number = name[i + 1] == '_' || (name[i + 1] >= '0' && name[i + 1] <= '9') ||
                         (name[i] == 'S' && name[i + 1] >= 'A' && name[i + 1] <= 'Z');
        back += (name[i] == 'S' || name[i] == 'T') && is_number;
    }
    return strncmp(name, "_Z", 2) == 0 && length < LENGTH_MAX && back <= BACK_MAX;
}

/* A symbol as people write it: C++ without its parameters, anything else as it is. */
static void sites_readable(const char *symbol, char *out, size_t cap)
{
    int failed = 0;
    char *readable =
        sites_may_demangle(symbol) ? __cxa_demangle(symbol, NULL, NULL, &failed) : NULL;
    char *end = readable != NULL ? strrchr(readable, ')') : NULL;
    uint32_t depth = 0;
    for (; end != NULL && end > readable; end--) { /* back to the bracket that opens them */
        depth += *end == ')';
        depth -= *end == '(';
        if (depth == 0)
            break;
    }
    if (end != NULL && end > readable)
        *end = '\0';
    (void)snprintf(out, cap, "%s", readable != NULL ? readable : symbol);
    free(readable); /* plim-tidy: allow banned: the demangler took it from malloc() */
}

/* "file.c:12" of code; "" where nothing says. */
static void sites_line(const sites_place *place, uint64_t address, char *out, size_t cap)
{
    int number = 0;
    out[0] = '\0';
    Dwfl_Line *line = place->handle != NULL ? dwfl_module_getsrc(place->handle, address) : NULL;
    const char *path = line != NULL ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
    if (path == NULL)
        return;
    const char *slash = strrchr(path, '/');
    (void)snprintf(out, cap, "%s:%d", slash != NULL ? slash + 1 : path, number);
}

static bool sites_has_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    for (; *name != '\0'; name++) {
        size_t same = 0;
        while (same < length && (name[same] >= 'A' && name[same] <= 'Z' ? name[same] | 0x20
                                                                        : name[same]) == word[same])
            same++;
        if (same == length)
            return true;
    }
    return false;
}

/* By its name, or its library's: code that allocates on behalf of whoever calls it. */
static bool sites_is_wrapper_by_name(const sites_place *place)
{
    static const char *const modules[] = {"libc.so",     "libstdc++.so", "libc++.so",
                                          "libjemalloc", "ld-linux",     "libplimsoll-malloc"};
    static const char *const words[] = {"alloc",  "strdup",       "strndup",
                                        "memdup", "pyobject_new", "pyobject_gc_new"};
    static const char *const starts[] = {"_Znw",   "_Zna", "_ZNSt",
                                         "_ZNKSt", "_ZSt", "_ZN9__gnu_cxx"};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (strncmp(place->module, modules[i], strlen(modules[i])) == 0)
            return true;
    if (place->symbol == NULL)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sites_has_word(place->symbol, words[i]))
            return true;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(place->symbol, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* How many different places call this one, as far as was seen. */
static uint32_t sites_callers(const plim__process_sites *sites, uint64_t address)
{
    uint32_t index = plim__id_map_find(&sites->callers, address);
    return index < sites->count_count ? sites->counts[index] : 0;
}

static bool sites_is_wrapper(plim__process_sites *sites, uint64_t address)
{
    uint32_t known = plim__id_map_find(&sites->known, address);
    if (known != UINT32_MAX)
        return known != 0;
    sites_place place = sites_find(sites, address - 1, address - 1);
    bool is_wrapper = sites_is_wrapper_by_name(&place) ||
                      (place.symbol == NULL && sites_callers(sites, address) >= SITES_CALLERS_MANY);
    (void)plim__id_map_add(&sites->known, address, is_wrapper); /* refused: asked again */
    return is_wrapper;
}

/* --- stacks ---------------------------------------------------------------------------------- */

static uint32_t sites_depth(const plim__heap_stack *stack)
{
    return stack->count < PLIM__STACK_FRAMES_MAX ? stack->count : PLIM__STACK_FRAMES_MAX;
}

/* Counts who calls whom; what memory is refused for is not counted. */
static void sites_learn(plim__process_sites *sites, const plim__heap_stack *stack)
{
    if (sites->counts == NULL)
        sites->counts =
            plim__array_new_zero(sites->allocator, SITES_CALLERS_KEPT, sizeof *sites->counts);
    for (uint32_t i = 0; sites->counts != NULL && i + 1 < sites_depth(stack); i++) {
        uint64_t place = stack->frames[i];
        uint64_t pair = (plim__id_hash(place) ^ plim__id_hash(stack->frames[i + 1] + i)) >> 1;
        if (place >> 48 != 0 || plim__id_map_find(&sites->pairs, pair) != UINT32_MAX)
            continue;
        uint32_t index = plim__id_map_find(&sites->callers, place);
        if (index == UINT32_MAX && sites->count_count < SITES_CALLERS_KEPT &&
            plim__id_map_add(&sites->callers, place, sites->count_count))
            index = sites->count_count++;
        if (index < sites->count_count && plim__id_map_add(&sites->pairs, pair, 0))
            sites->counts[index]++;
    }
}

/* The frame that a stack is called after. */
static uint64_t sites_choose(plim__process_sites *sites, const plim__heap_stack *stack)
{
    uint32_t depth = sites_depth(stack);
    for (uint32_t i = 0; i < depth; i++)
        if (stack->frames[i] != 0 && !sites_is_wrapper(sites, stack->frames[i]))
            return stack->frames[i];
    return depth > 0 ? stack->frames[0] : 0;
}

static void sites_call(plim__process_sites *sites, const plim__heap_stack *stack, char *out)
{
    char text[2 * PLIM__SITE_NAME_BYTES];
    char line[96];
    char symbol[PLIM__SITE_NAME_BYTES];
    uint64_t code = sites_choose(sites, stack);
    if (code == 0) {
        (void)snprintf(out, PLIM__SITE_NAME_BYTES, "(unknown site)");
        return;
    }
    sites_place place = sites_find(sites, code - 1, code - 1);
    sites_line(&place, code - 1, line, sizeof line);
    if (place.symbol != NULL)
        sites_readable(place.symbol, symbol, sizeof symbol);
    if (place.symbol != NULL && line[0] != '\0')
        (void)snprintf(text, sizeof text, "%.90s %s", symbol, line);
    else if (place.symbol != NULL)
        (void)snprintf(text, sizeof text, "%.90s (%.50s)", symbol, place.module);
    else
        (void)snprintf(text, sizeof text, "%.90s+0x%llx", place.module,
                       (unsigned long long)place.offset);
    size_t length = plim__clean_text(out, PLIM__SITE_NAME_BYTES - 1, text, strlen(text));
    out[length] = '\0';
}

static plim_status sites_room(plim__process_sites *sites, uint32_t count, plim_error *err)
{
    if (count <= sites->cap)
        return PLIM_OK;
    uint32_t cap = sites->cap == 0 ? SITES_AT_ONCE : sites->cap;
    while (cap < count)
        cap *= 2;
    void *names =
        plim__array_resize(sites->allocator, sites->names, sites->cap, cap, sizeof *sites->names);
    if (names == NULL)
        return plim__no_memory(err, "names of its sites");
    sites->names = names;
    sites->cap = cap;
    return PLIM_OK;
}

plim_status plim__process_sites_read(plim__process_sites *sites, const plim__peer *peer,
                                     const plim__heap_map *map, plim_error *err)
{
    PLIM_CHECK_OBJ(sites, SITES_MAGIC);
    uint32_t count = 0;
    (void)plim__peer_read(peer, map->stack_count_at, &count, sizeof count);
    count = count < PLIM_PROCESS_SITES_MAX ? count : PLIM_PROCESS_SITES_MAX;
    if (count <= sites->count)
        return PLIM_OK;
    plim_status status = sites_room(sites, count, err);
    uint32_t new_count = count - sites->count;
    plim__heap_stack *stacks =
        status == PLIM_OK ? plim__array_new_zero(sites->allocator, new_count, sizeof *stacks)
                          : NULL;
    if (stacks == NULL)
        return status != PLIM_OK ? status : plim__no_memory(err, "its sites");
    (void)plim__peer_read(peer, map->stacks_at + (uint64_t)sites->count * sizeof *stacks, stacks,
                          new_count * sizeof *stacks);
    (void)sites_report(sites, peer->pid); /* if it has ended: names as far as they were known */
    for (uint32_t i = 0; i < new_count; i++)
        sites_learn(sites, &stacks[i]);
    for (uint32_t i = 0; i < new_count; i++)
        sites_call(sites, &stacks[i], sites->names[sites->count + i]);
    sites->count = count;
    plim__array_free(sites->allocator, stacks, new_count, sizeof *stacks);
    return PLIM_OK;
}

const char *plim__process_site_name(const plim__process_sites *sites, uint32_t site)
{
    return site == 0 || site > sites->count ? "(unknown site)" : sites->names[site - 1];
}

size_t plim__process_variable(const plim__process_sites *sites, uint64_t address, uint64_t near,
                              char *out, size_t cap)
{
    char text[2 * PLIM__SITE_NAME_BYTES];
    sites_place place = sites_find(sites, address, near);
    if (place.symbol != NULL && place.inside == 0)
        (void)snprintf(text, sizeof text, "%.120s", place.symbol);
    else if (place.symbol != NULL)
        (void)snprintf(text, sizeof text, "%.120s+0x%llx", place.symbol,
                       (unsigned long long)place.inside);
    else
        (void)snprintf(text, sizeof text, "+0x%llx", (unsigned long long)place.offset);
    return plim__clean_text(out, cap, text, strlen(text));
}

void plim__process_place_of(const plim__process_sites *sites, uint64_t address,
                            plim__process_place *out_place)
{
    char text[2 * PLIM__SITE_NAME_BYTES];
    char symbol[PLIM__SITE_NAME_BYTES];
    sites_place place = {.module = "", .offset = address};
    unsigned line = 0;
    *out_place = (plim__process_place){.line = 0};
    if (sites != NULL)
        place = sites_find(sites, address - 1, address - 1);
    if (place.symbol != NULL) {
        sites_readable(place.symbol, symbol, sizeof symbol);
        (void)snprintf(text, sizeof text, "%s", symbol);
    } else {
        (void)snprintf(text, sizeof text, "%.90s+0x%llx", place.module,
                       (unsigned long long)place.offset);
    }
    size_t length =
        plim__clean_text(out_place->function, sizeof out_place->function - 1, text, strlen(text));
    out_place->function[length] = '\0';
    out_place->is_library = strncmp(place.module, "libplimsoll", strlen("libplimsoll")) == 0;
    if (sites != NULL)
        sites_line(&place, address - 1, text, sizeof out_place->file);
    char *colon = sites != NULL ? strrchr(text, ':') : NULL;
    if (colon == NULL || sscanf(colon + 1, "%9u", &line) != 1)
        return;
    length =
        plim__clean_text(out_place->file, sizeof out_place->file - 1, text, (size_t)(colon - text));
    out_place->file[length] = '\0';
    out_place->line = line;
}

/* SPDX-License-Identifier: MIT */
/*
 * Allocation sites by name. A stack begins with whatever called malloc, which in real programs is a
 * wrapper: zmalloc, PyMem_RawMalloc, operator new. The site is the first frame that is not one: by
 * its name; by its module (the C and C++ libraries allocate for others); and where it has no name,
 * because very many different places call it. A frame of code that others were inlined into is
 * several frames, innermost first: a container's code is named by who used it, at the line where.
 *
 * elfutils finds symbols, lines and separate debugging information by build id. It is never let
 * near a network: no debuginfod.
 *
 * L1  names[i] belongs to site i + 1 and does not change once it is set.
 */
#include "bridge/process_sites.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
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
    SITES_CALLERS_KEPT = 1 << 16,
    SITES_SYMBOL_BYTES = 512, /* longer ones are not taken apart */
    SITES_SCOPES_MAX = 16,    /* namespaces, classes, functions around one another */
    SITES_INLINED_MAX = 64    /* functions inlined into one another that are looked at */
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
    enum { LENGTH_MAX = SITES_SYMBOL_BYTES, BACK_MAX = 20 };
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
    if (end != NULL && strstr(end, "::") != NULL)
        end = NULL; /* "scan(int)::table", "(anonymous namespace)::table": a variable */
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

/* Code that allocates on behalf of whoever calls it, by its library. */
static bool sites_is_wrapper_module(const char *module)
{
    static const char *const modules[] = {"libc.so",     "libstdc++.so", "libc++.so",
                                          "libjemalloc", "ld-linux",     "libplimsoll-malloc"};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (strncmp(module, modules[i], strlen(modules[i])) == 0)
            return true;
    return false;
}

/* The same, by its name; NULL is none. */
static bool sites_is_wrapper_symbol(const char *symbol)
{
    static const char *const words[] = {"alloc",  "strdup",       "strndup",
                                        "memdup", "pyobject_new", "pyobject_gc_new"};
    static const char *const starts[] = {"_Znw",   "_Zna", "_ZNSt",
                                         "_ZNKSt", "_ZSt", "_ZN9__gnu_cxx"};
    if (symbol == NULL)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sites_has_word(symbol, words[i]))
            return true;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(symbol, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* --- frames ---------------------------------------------------------------------------------- */

/* What a place is called after. */
typedef struct sites_frame {
    char symbol[SITES_SYMBOL_BYTES]; /* as the linker or the compiler knows it; "": none */
    char line[96];                   /* "file.c:12"; "": not known */
    bool is_wrapper;
} sites_frame;

/* Follows a function that was inlined to where it was declared. */
static void sites_declaration(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    for (int i = 0; i < SITES_SCOPES_MAX; i++)
        if ((dwarf_attr(die, DW_AT_abstract_origin, &attribute) == NULL &&
             dwarf_attr(die, DW_AT_specification, &attribute) == NULL) ||
            dwarf_formref_die(&attribute, die) == NULL)
            return;
}

/* The name of one that has none of the linker's (it is of one file alone), by what it stands in;
   whether that is a wrapper. */
static bool sites_local_name(Dwarf_Die die, char *out, size_t cap)
{
    Dwarf_Die *scopes = NULL;
    bool is_wrapper = false;
    size_t used = 0;
    sites_declaration(&die);
    int count = dwarf_getscopes_die(&die, &scopes);
    for (int i = count < SITES_SCOPES_MAX ? count : SITES_SCOPES_MAX; i-- > 0 && used < cap;) {
        int tag = dwarf_tag(&scopes[i]);
        const char *name = tag == DW_TAG_compile_unit ? NULL : dwarf_diename(&scopes[i]);
        if (tag == DW_TAG_namespace)
            is_wrapper |=
                name != NULL && (strcmp(name, "std") == 0 || strcmp(name, "__gnu_cxx") == 0);
        if (name != NULL)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used > 0 ? "::" : "", name);
    }
    free(scopes); /* plim-tidy: allow banned: libdw took it from malloc() */
    return is_wrapper || used == 0 || sites_is_wrapper_symbol(out);
}

/* The name of a function that was inlined; whether it is a wrapper. */
static bool sites_inlined_name(Dwarf_Die *die, char *out, size_t cap)
{
    Dwarf_Attribute attribute;
    const char *name = NULL;
    out[0] = '\0';
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL)
        name = dwarf_formstring(&attribute);
    if (name == NULL)
        return sites_local_name(*die, out, cap);
    (void)snprintf(out, cap, "%s", name);
    return sites_is_wrapper_symbol(name);
}

/* Where the call was that was inlined. */
static void sites_call_line(Dwarf_Die *cu, Dwarf_Die *die, char *out, size_t cap)
{
    Dwarf_Files *files = NULL;
    Dwarf_Attribute attribute;
    Dwarf_Word file = 0, line = 0;
    size_t count = 0;
    out[0] = '\0';
    if (dwarf_getsrcfiles(cu, &files, &count) != 0 ||
        dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &file) != 0 ||
        dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) != 0 || file >= count)
        return;
    const char *path = dwarf_filesrc(files, file, NULL, NULL);
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (path != NULL)
        (void)snprintf(out, cap, "%s:%u", slash != NULL ? slash + 1 : path, (unsigned)line);
}

/* Goes outwards from the innermost function that was inlined there, as far as to the first that is
   no wrapper; frame->line follows. Whether there was one. */
static bool sites_leave_inlined(const sites_place *place, uint64_t address, sites_frame *frame)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die subroutine;
    Dwarf_Die *scopes = NULL;
    Dwarf_Die *cu = dwfl_module_addrdie(place->handle, address, &bias);
    int count = cu != NULL ? dwarf_getscopes(cu, address - bias, &scopes) : 0;
    Dwarf *debug = count > 0 ? dwfl_module_getdwarf(place->handle, &bias) : NULL;
    bool is_there =
        debug != NULL && dwarf_offdie(debug, dwarf_dieoffset(scopes), &subroutine) != NULL;
    bool is_found = false;
    free(scopes); /* plim-tidy: allow banned: libdw took it from malloc() */
    scopes = NULL;
    count = is_there ? dwarf_getscopes_die(&subroutine, &scopes) : 0;
    for (int i = 0; i < count && i < SITES_INLINED_MAX && !is_found; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
            continue;
        char name[SITES_SYMBOL_BYTES];
        is_found = !sites_inlined_name(&scopes[i], name, sizeof name);
        if (is_found)
            memcpy(frame->symbol, name, sizeof name);
        else
            sites_call_line(cu, &scopes[i], frame->line, sizeof frame->line);
    }
    free(scopes); /* plim-tidy: allow banned: libdw took it from malloc() */
    return is_found;
}

/* The function that runs at an address, and where in it; one of a wrapper where all there is. */
static sites_frame sites_frame_at(const sites_place *place, uint64_t address)
{
    sites_frame frame;
    frame.is_wrapper = false;
    (void)snprintf(frame.symbol, sizeof frame.symbol, "%s",
                   place->symbol != NULL ? place->symbol : "");
    sites_line(place, address, frame.line, sizeof frame.line);
    bool is_others = sites_is_wrapper_module(place->module);
    if (!is_others && place->handle != NULL && sites_leave_inlined(place, address, &frame))
        return frame;
    frame.is_wrapper = is_others || sites_is_wrapper_symbol(place->symbol);
    return frame;
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
    bool is_wrapper = sites_frame_at(&place, address - 1).is_wrapper ||
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
    char symbol[PLIM__SITE_NAME_BYTES];
    uint64_t code = sites_choose(sites, stack);
    if (code == 0) {
        (void)snprintf(out, PLIM__SITE_NAME_BYTES, "(unknown site)");
        return;
    }
    sites_place place = sites_find(sites, code - 1, code - 1);
    sites_frame frame = sites_frame_at(&place, code - 1);
    if (frame.symbol[0] != '\0')
        sites_readable(frame.symbol, symbol, sizeof symbol);
    if (frame.symbol[0] != '\0' && frame.line[0] != '\0')
        (void)snprintf(text, sizeof text, "%.90s %s", symbol, frame.line);
    else if (frame.symbol[0] != '\0')
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
    char symbol[PLIM__SITE_NAME_BYTES];
    sites_place place = sites_find(sites, address, near);
    if (place.symbol != NULL)
        sites_readable(place.symbol, symbol, sizeof symbol);
    if (place.symbol != NULL && place.inside == 0)
        (void)snprintf(text, sizeof text, "%.120s", symbol);
    else if (place.symbol != NULL)
        (void)snprintf(text, sizeof text, "%.120s+0x%llx", symbol,
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
    out_place->is_library =
        sites != NULL && strncmp(place.module, "libplimsoll", strlen("libplimsoll")) == 0;
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

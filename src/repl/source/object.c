/* SPDX-License-Identifier: MIT */
/* Objects and images, by libelf, whose answers are checked against the size of what it was
   given. */
#include "repl/source/object.h"

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

static bool elf_section_is_refused(const char *name, const GElf_Shdr *header, const char **out_why)
{
    if ((header->sh_flags & SHF_TLS) != 0) {
        *out_why = "a _Thread_local variable would be lost with the worker: its memory is the "
                   "thread's, not the session's";
        return true;
    }
    if (header->sh_type == SHT_INIT_ARRAY || header->sh_type == SHT_FINI_ARRAY ||
        header->sh_type == SHT_PREINIT_ARRAY || strncmp(name, ".ctors", 6) == 0 ||
        strncmp(name, ".dtors", 6) == 0) {
        *out_why = "a constructor or destructor runs when a program starts or ends, and an entry "
                   "does neither: call the function";
        return true;
    }
    return false;
}

static plim__elf_kind elf_kind_of(unsigned char type)
{
    return type == STT_FUNC     ? PLIM__ELF_FUNCTION
           : type == STT_OBJECT ? PLIM__ELF_OBJECT
                                : PLIM__ELF_OTHER;
}

static void elf_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, size_t text_index,
                        plim__arena *arena, plim__elf *out)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count =
        data != NULL && header->sh_entsize > 0 ? header->sh_size / header->sh_entsize : 0;
    out->symbols = plim__arena_take(arena, (count + 1) * sizeof *out->symbols);
    for (size_t i = 1; out->symbols != NULL && i < count && i < INT32_MAX; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol) == NULL)
            break;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        unsigned char type = GELF_ST_TYPE(symbol.st_info), bind = GELF_ST_BIND(symbol.st_info);
        if (name == NULL || name[0] == '\0' || type == STT_SECTION || type == STT_FILE)
            continue;
        if (type == STT_GNU_IFUNC)
            out->refused =
                "an IFUNC chooses its function when a program is loaded; here nothing is";
        out->symbols[out->symbol_count++] = (plim__elf_symbol){
            .name = plim__arena_copy(arena, name, strlen(name)),
            .kind = elf_kind_of(type),
            .is_undefined = symbol.st_shndx == SHN_UNDEF,
            .is_weak = bind == STB_WEAK,
            .is_local = bind == STB_LOCAL,
            .is_in_text = symbol.st_shndx == text_index,
            .value = symbol.st_value,
            .bytes = symbol.st_size,
        };
    }
}

/* By name; the global one before local ones, of those the last. */
static int elf_compare(const void *a, const void *b)
{
    const plim__elf_symbol *x = *(const plim__elf_symbol *const *)a;
    const plim__elf_symbol *y = *(const plim__elf_symbol *const *)b;
    int order = strcmp(x->name, y->name);
    if (order != 0)
        return order;
    if (x->is_local != y->is_local)
        return x->is_local ? 1 : -1;
    bool is_before = x->is_local ? x > y : x < y; /* of one table */
    return is_before ? -1 : x != y;
}

/* Entries of thousands of definitions ask for each by its name. */
static void elf_sort(plim__arena *arena, plim__elf *out)
{
    out->by_name = plim__arena_take(arena, (out->symbol_count + 1) * sizeof *out->by_name);
    for (size_t i = 0; !arena->is_refused && i < out->symbol_count; i++)
        if (!out->symbols[i].is_undefined)
            out->by_name[out->by_name_count++] = &out->symbols[i];
    if (out->by_name_count > 0)
        qsort(out->by_name, out->by_name_count, sizeof(const plim__elf_symbol *), elf_compare);
}

static void elf_loads(Elf *elf, size_t image_bytes, plim__arena *arena, plim__elf *out)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0)
        return;
    out->loads = plim__arena_take(arena, (count + 1) * sizeof *out->loads);
    for (size_t i = 0; out->loads != NULL && i < count && i < INT32_MAX; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf, (int)i, &header) == NULL || header.p_type != PT_LOAD ||
            header.p_memsz == 0)
            continue;
        if (header.p_offset > image_bytes || header.p_filesz > image_bytes - header.p_offset ||
            header.p_filesz > header.p_memsz) {
            out->refused = "the linker's image contradicts itself";
            continue;
        }
        out->loads[out->load_count++] = (plim__elf_load){.address = header.p_vaddr,
                                                         .bytes = header.p_memsz,
                                                         .file_offset = header.p_offset,
                                                         .file_bytes = header.p_filesz,
                                                         .is_code = (header.p_flags & PF_X) != 0};
    }
}

plim_status plim__elf_read(const void *bytes, size_t count, plim__arena *arena, plim__elf *out,
                           plim_error *err)
{
    PLIM_CHECK(bytes != NULL && out != NULL);
    plim__elf all = {0};
    size_t names = 0, text_index = SIZE_MAX;
    union {
        const void *in;
        char *out; /* libelf only reads it: nothing is written through an ELF_C_READ handle */
    } image = {bytes};
    (void)elf_version(EV_CURRENT);
    Elf *elf = elf_memory(image.out, count);
    if (elf == NULL || gelf_getclass(elf) != ELFCLASS64 || elf_getshdrstrndx(elf, &names) != 0) {
        (void)elf_end(elf);
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the compiler's output is no object");
    }
    Elf_Scn *symbols = NULL;
    GElf_Shdr header, symbols_header = {0};
    for (Elf_Scn *at = elf_nextscn(elf, NULL); at != NULL; at = elf_nextscn(elf, at)) {
        const char *name =
            gelf_getshdr(at, &header) != NULL ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (name == NULL)
            continue;
        (void)elf_section_is_refused(name, &header, &all.refused);
        if (strcmp(name, ".text") == 0)
            text_index = elf_ndxscn(at);
        if (header.sh_type == SHT_SYMTAB) {
            symbols = at;
            symbols_header = header;
        }
    }
    if (symbols != NULL)
        elf_symbols(elf, symbols, &symbols_header, text_index, arena, &all);
    if (!arena->is_refused)
        elf_sort(arena, &all);
    elf_loads(elf, count, arena, &all);
    (void)elf_end(elf);
    if (arena->is_refused)
        return plim__no_memory(err, "an object");
    *out = all;
    return PLIM_OK;
}

const plim__elf_symbol *plim__elf_find(const plim__elf *elf, const char *name)
{
    size_t low = 0, high = elf->by_name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(elf->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < elf->by_name_count && strcmp(elf->by_name[low]->name, name) == 0;
    return is_found ? elf->by_name[low] : NULL;
}

/* SPDX-License-Identifier: MIT */
/* Objects and images, by libelf, whose answers are checked against the size of what it was
   given. */
#include "repl/source/object.h"

#include <gelf.h>
#include <libelf.h>
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
    elf_loads(elf, count, arena, &all);
    (void)elf_end(elf);
    if (arena->is_refused)
        return plim__no_memory(err, "an object");
    *out = all;
    return PLIM_OK;
}

const plim__elf_symbol *plim__elf_find(const plim__elf *elf, const char *name)
{
    const plim__elf_symbol *local = NULL;
    for (size_t i = 0; i < elf->symbol_count; i++) {
        const plim__elf_symbol *symbol = &elf->symbols[i];
        if (symbol->is_undefined || strcmp(symbol->name, name) != 0)
            continue;
        if (!symbol->is_local)
            return symbol;
        local = symbol;
    }
    return local;
}

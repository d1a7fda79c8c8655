/* SPDX-License-Identifier: MIT */
/**
 * @file object.h
 * @brief What is in an object that the compiler made, and in the image that the linker made of it.
 */
#ifndef PLIM_REPL_SOURCE_OBJECT_H
#define PLIM_REPL_SOURCE_OBJECT_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repl/source/arena.h"

typedef enum plim__elf_kind {
    PLIM__ELF_OBJECT = 0,
    PLIM__ELF_FUNCTION,
    PLIM__ELF_OTHER
} plim__elf_kind;

typedef struct plim__elf_symbol {
    const char *name;
    plim__elf_kind kind;
    bool is_undefined, is_weak, is_local;
    bool is_in_text; /* an object file's: in its section .text */
    uint64_t value;  /* in an object file an offset into its section */
    uint64_t bytes;
} plim__elf_symbol;

/** A part of an image that is loaded. */
typedef struct plim__elf_load {
    uint64_t address, bytes, file_offset, file_bytes;
    bool is_code;
} plim__elf_load;

typedef struct plim__elf {
    plim__elf_symbol *symbols;
    size_t symbol_count;
    const plim__elf_symbol **by_name; /**< defined ones; of a name the one that is meant first */
    size_t by_name_count;
    plim__elf_load *loads;
    size_t load_count;
    const char *refused; /**< why it cannot be loaded: thread-local, constructors, …; NULL */
} plim__elf;

/** Reads an object or an image in memory. Post: *out is the arena's. */
plim_status plim__elf_read(const void *bytes, size_t count, plim__arena *arena, plim__elf *out,
                           plim_error *err);

/** The symbol of that name that is defined; NULL: none. */
const plim__elf_symbol *plim__elf_find(const plim__elf *elf, const char *name);

#endif

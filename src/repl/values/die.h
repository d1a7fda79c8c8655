/* SPDX-License-Identifier: MIT */
/**
 * @file die.h
 * @brief Entries of debugging information, as the other files of this folder ask for them: every
 *        answer is bounded, whatever the image says.
 */
#ifndef PLIM_REPL_VALUES_DIE_H
#define PLIM_REPL_VALUES_DIE_H
#include <plimsoll/value.h>

#include <elfutils/libdw.h>

/** What a type is once names and qualifiers are looked through. */
typedef enum plim__kind_of_type {
    PLIM__TYPE_VOID,
    PLIM__TYPE_SIGNED,
    PLIM__TYPE_UNSIGNED,
    PLIM__TYPE_CHAR, /* plain char alone: the others are small numbers */
    PLIM__TYPE_UTF,  /* char16_t, char32_t, and wchar_t by its name */
    PLIM__TYPE_BOOL,
    PLIM__TYPE_FLOAT,
    PLIM__TYPE_COMPLEX,
    PLIM__TYPE_ENUM,
    PLIM__TYPE_POINTER,
    PLIM__TYPE_ARRAY,
    PLIM__TYPE_STRUCT,
    PLIM__TYPE_UNION,
    PLIM__TYPE_FUNCTION,
    PLIM__TYPE_UNKNOWN
} plim__kind_of_type;

struct plim_types {
    uint32_t magic;
    const plim_allocator *allocator;
    Elf *elf;
    Dwarf *dwarf;
};

enum {
    PLIM__TYPES_MAGIC = 0x7e1f0e51,
    PLIM__DIE_PEEL_MAX = 64,       /* typedefs and qualifiers on each other */
    PLIM__DIE_MEMBERS_MAX = 65536, /* of one entry */
    PLIM__DIE_DIMENSIONS_MAX = 16, /* of an array */
    PLIM__DIE_NAME_BYTES = 256
};

/** A type, looked through. */
typedef struct plim__resolved {
    plim__kind_of_type kind;
    uint64_t bytes;         /* 0: unknown */
    Dwarf_Die die;          /* not for void */
    plim_type type;         /* without names and qualifiers */
    uint64_t element_count; /* arrays: of this dimension; UINT64_MAX: without a bound */
} plim__resolved;

/** Its entry; false: void, or no entry of this image. */
bool plim__die_of(const plim_types *types, plim_type type, Dwarf_Die *out_die);

/** What DW_AT_type names; void where there is none. */
plim_type plim__die_target(Dwarf_Die *die);

/** Looks through names and qualifiers. */
plim__resolved plim__die_resolve(const plim_types *types, plim_type type);

/** What an array's elements, a pointer's target, a function's result are. */
plim_type plim__die_inner(const plim__resolved *resolved);

/** DW_AT_name with control characters replaced; "" where there is none. */
const char *plim__die_name(Dwarf_Die *die, char out[PLIM__DIE_NAME_BYTES]);

/** An unsigned attribute; otherwise `otherwise`. */
uint64_t plim__die_number(Dwarf_Die *die, unsigned attribute, uint64_t otherwise);

/** The first child, or the one after `*child`, with one of two tags (0: none). */
bool plim__die_child(Dwarf_Die *parent, int tag, int other_tag, Dwarf_Die *child, bool *started);

/** Where a member lies: bytes from its struct, and for a bit-field which bits; bits 0: none. */
typedef struct plim__placed {
    uint64_t offset_bytes;
    uint32_t bit, bits; /* bit: from the lowest of the byte at offset_bytes */
} plim__placed;

/** Where a member lies. */
plim__placed plim__die_placed(const plim_types *types, Dwarf_Die *member);
#endif

/* SPDX-License-Identifier: MIT */
/*
 * Entries of debugging information. libdw reads the forms; what is bounded here is what it leaves
 * to its callers: chains of names, sizes by multiplication, lists of children. Its own helpers for
 * these (dwarf_peel_type, dwarf_aggregate_size) follow a cycle for ever, so none of them is used.
 *
 * D1  a plim_type is an entry's offset plus one (0 is void), and for arrays which dimension.
 */
#include "repl/values/die.h"

#include <dwarf.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

/* --- the image ------------------------------------------------------------------------------- */

static plim_status types_begin(plim_types *types, const void *image, size_t bytes, plim_error *err)
{
    char *text = NULL;
    memcpy(&text, &image, sizeof text); /* elf_memory() reads only, whatever it declares */
    types->elf = elf_memory(text, bytes);
    if (types->elf == NULL || elf_kind(types->elf) != ELF_K_ELF)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "that is no ELF image");
    const char *ident = elf_getident(types->elf, NULL);
    if (ident == NULL || ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "types are read of 64-bit little-endian images only");
    types->dwarf = dwarf_begin_elf(types->elf, DWARF_C_READ, NULL);
    if (types->dwarf == NULL)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "the image has no debugging information: compile with -g");
    return PLIM_OK;
}

plim_status plim_types_open(const void *image, size_t bytes, const plim_allocator *allocator,
                            plim_types **out_types, plim_error *err)
{
    PLIM_CHECK(image != NULL && out_types != NULL);
    allocator = plim__allocator_or_system(allocator);
    if (bytes < EI_NIDENT)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "that is no ELF image");
    plim_types *types = plim__array_new_zero(allocator, 1, sizeof *types);
    if (types == NULL || elf_version(EV_CURRENT) == EV_NONE) {
        plim__array_free(allocator, types, 1, sizeof *types);
        return plim__no_memory(err, "an image's types");
    }
    types->magic = PLIM__TYPES_MAGIC;
    types->allocator = allocator;
    plim_status status = types_begin(types, image, bytes, err);
    if (status != PLIM_OK)
        plim_types_close(&types);
    else
        *out_types = types;
    return status;
}

void plim_types_close(plim_types **types)
{
    if (types == NULL || *types == NULL)
        return;
    PLIM_CHECK_OBJ(*types, PLIM__TYPES_MAGIC);
    (void)dwarf_end((*types)->dwarf);
    (void)elf_end((*types)->elf);
    (*types)->magic = 0;
    plim__array_free((*types)->allocator, *types, 1, sizeof **types);
    *types = NULL;
}

/* --- entries --------------------------------------------------------------------------------- */

bool plim__die_of(const plim_types *types, plim_type type, Dwarf_Die *out_die)
{
    return type.place != 0 && dwarf_offdie(types->dwarf, type.place - 1, out_die) != NULL;
}

static plim_type die_type(Dwarf_Die *die)
{
    return (plim_type){.place = dwarf_dieoffset(die) + 1};
}

plim_type plim__die_target(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Die target;
    if (dwarf_attr(die, DW_AT_type, &attribute) == NULL ||
        dwarf_formref_die(&attribute, &target) == NULL)
        return (plim_type){0};
    return die_type(&target);
}

const char *plim__die_name(Dwarf_Die *die, char out[PLIM__DIE_NAME_BYTES])
{
    const char *name = dwarf_diename(die);
    size_t used = 0;
    for (; name != NULL && name[used] != '\0' && used + 1 < PLIM__DIE_NAME_BYTES; used++)
        out[used] = (unsigned char)name[used] < 0x20 || name[used] == 0x7f ? '?' : name[used];
    out[used] = '\0';
    return out;
}

uint64_t plim__die_number(Dwarf_Die *die, unsigned attribute, uint64_t otherwise)
{
    Dwarf_Attribute found;
    Dwarf_Word word;
    if (dwarf_attr(die, attribute, &found) == NULL || dwarf_formudata(&found, &word) != 0)
        return otherwise;
    return word;
}

bool plim__die_child(Dwarf_Die *parent, int tag, int other_tag, Dwarf_Die *child, bool *started)
{
    int missing;
    for (uint32_t i = 0; i < PLIM__DIE_MEMBERS_MAX; i++) {
        Dwarf_Die next;
        if (*started)
            missing = dwarf_siblingof(child, &next);
        else
            missing = dwarf_child(parent, &next);
        if (missing != 0 || (*started && dwarf_dieoffset(&next) <= dwarf_dieoffset(child)))
            return false;
        *started = true;
        *child = next;
        int found = dwarf_tag(child);
        if (found == tag || (other_tag != 0 && found == other_tag))
            return true;
    }
    return false;
}

static bool die_is_named(const plim_types *types, plim_type type, const char *name)
{
    Dwarf_Die die;
    char text[PLIM__DIE_NAME_BYTES];
    for (uint32_t i = 0; i < PLIM__DIE_PEEL_MAX && plim__die_of(types, type, &die); i++) {
        int tag = dwarf_tag(&die);
        if (strcmp(plim__die_name(&die, text), name) == 0)
            return true;
        if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type)
            return false;
        type = plim__die_target(&die);
    }
    return false;
}

/* --- types ----------------------------------------------------------------------------------- */

static plim__kind_of_type die_base_kind(Dwarf_Die *die)
{
    const char *name = dwarf_diename(die);
    switch (plim__die_number(die, DW_AT_encoding, 0)) {
    case DW_ATE_boolean:
        return PLIM__TYPE_BOOL;
    case DW_ATE_float:
        return PLIM__TYPE_FLOAT;
    case DW_ATE_complex_float:
        return PLIM__TYPE_COMPLEX;
    case DW_ATE_signed_char:
    case DW_ATE_unsigned_char:
        if (name != NULL && strcmp(name, "char") == 0)
            return PLIM__TYPE_CHAR;
        return plim__die_number(die, DW_AT_encoding, 0) == DW_ATE_signed_char ? PLIM__TYPE_SIGNED
                                                                              : PLIM__TYPE_UNSIGNED;
    case DW_ATE_UTF:
        return PLIM__TYPE_UTF;
    case DW_ATE_signed:
        return PLIM__TYPE_SIGNED;
    case DW_ATE_unsigned:
    case DW_ATE_address:
        return PLIM__TYPE_UNSIGNED;
    default:
        return PLIM__TYPE_UNKNOWN;
    }
}

static plim__kind_of_type die_kind(Dwarf_Die *die)
{
    switch (dwarf_tag(die)) {
    case DW_TAG_base_type:
        return die_base_kind(die);
    case DW_TAG_enumeration_type:
        return PLIM__TYPE_ENUM;
    case DW_TAG_pointer_type:
    case DW_TAG_unspecified_type: /* nullptr_t */
        return PLIM__TYPE_POINTER;
    case DW_TAG_array_type:
        return PLIM__TYPE_ARRAY;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
        return PLIM__TYPE_STRUCT;
    case DW_TAG_union_type:
        return PLIM__TYPE_UNION;
    case DW_TAG_subroutine_type:
    case DW_TAG_subprogram:
        return PLIM__TYPE_FUNCTION;
    default:
        return PLIM__TYPE_UNKNOWN;
    }
}

/* Elements of one dimension; UINT64_MAX: without a bound. */
static uint64_t die_dimension(Dwarf_Die *array, uint32_t level, uint32_t *out_levels)
{
    Dwarf_Die range;
    bool started = false;
    uint64_t count = UINT64_MAX;
    *out_levels = 0;
    while (*out_levels < PLIM__DIE_DIMENSIONS_MAX &&
           plim__die_child(array, DW_TAG_subrange_type, 0, &range, &started)) {
        if (*out_levels == level) {
            count = plim__die_number(&range, DW_AT_count, UINT64_MAX);
            uint64_t last = plim__die_number(&range, DW_AT_upper_bound, UINT64_MAX);
            if (count == UINT64_MAX && last != UINT64_MAX)
                count = last + 1;
        }
        (*out_levels)++;
    }
    return count;
}

/* What one element is: the next dimension, or the array's own type. */
static plim_type die_element(Dwarf_Die *array, uint32_t level)
{
    uint32_t levels;
    (void)die_dimension(array, level, &levels);
    if (level + 1 < levels)
        return (plim_type){.place = dwarf_dieoffset(array) + 1, .level = level + 1};
    return plim__die_target(array);
}

/* A name or a qualifier: what it stands for. */
static bool die_peel(const plim_types *types, plim_type *type, Dwarf_Die *die)
{
    for (uint32_t i = 0; i < PLIM__DIE_PEEL_MAX; i++) {
        if (!plim__die_of(types, *type, die)) {
            *type = (plim_type){0};
            return true;
        }
        switch (dwarf_tag(die)) {
        case DW_TAG_typedef:
        case DW_TAG_const_type:
        case DW_TAG_volatile_type:
        case DW_TAG_restrict_type:
        case DW_TAG_atomic_type:
        case DW_TAG_variable:
        case DW_TAG_member:
            *type = plim__die_target(die);
            continue;
        default:
            return true;
        }
    }
    return false;
}

/* All bytes of an array: dimension by dimension, then of its elements. */
static uint64_t die_array_bytes(const plim_types *types, Dwarf_Die *array, uint32_t level)
{
    uint64_t bytes = 1;
    Dwarf_Die die = *array;
    plim_type type = {.place = dwarf_dieoffset(array) + 1, .level = level};
    for (uint32_t i = 0; i < PLIM__DIE_PEEL_MAX; i++) {
        uint32_t levels;
        if (dwarf_tag(&die) != DW_TAG_array_type) {
            uint64_t each = die_kind(&die) == PLIM__TYPE_POINTER
                                ? 8
                                : plim__die_number(&die, DW_AT_byte_size, 0);
            return each != 0 && bytes <= UINT64_MAX / each ? bytes * each : 0;
        }
        uint64_t count = die_dimension(&die, type.level, &levels);
        if (count == UINT64_MAX || (count != 0 && bytes > UINT64_MAX / count))
            return 0;
        bytes *= count;
        type = die_element(&die, type.level);
        if (!die_peel(types, &type, &die) || type.place == 0)
            return 0;
    }
    return 0;
}

plim__resolved plim__die_resolve(const plim_types *types, plim_type type)
{
    plim__resolved resolved = {.kind = PLIM__TYPE_VOID, .type = type};
    if (!die_peel(types, &resolved.type, &resolved.die)) {
        resolved.kind = PLIM__TYPE_UNKNOWN;
        resolved.type = (plim_type){0};
        return resolved;
    }
    if (resolved.type.place == 0)
        return resolved;
    resolved.kind = die_kind(&resolved.die);
    resolved.bytes = plim__die_number(&resolved.die, DW_AT_byte_size, 0);
    if (resolved.kind == PLIM__TYPE_POINTER)
        resolved.bytes = 8;
    if (resolved.kind == PLIM__TYPE_FUNCTION)
        resolved.bytes = 0;
    if (resolved.kind == PLIM__TYPE_ARRAY) {
        uint32_t levels;
        resolved.element_count = die_dimension(&resolved.die, resolved.type.level, &levels);
        resolved.bytes = die_array_bytes(types, &resolved.die, resolved.type.level);
    }
    if ((resolved.kind == PLIM__TYPE_CHAR && resolved.bytes != 1) ||
        (resolved.kind == PLIM__TYPE_UTF && resolved.bytes != 1 && resolved.bytes != 2 &&
         resolved.bytes != 4))
        resolved.kind = PLIM__TYPE_UNKNOWN; /* an image that lies: others divide by these */
    bool is_integer = resolved.kind == PLIM__TYPE_SIGNED || resolved.kind == PLIM__TYPE_UNSIGNED;
    if (is_integer && ((resolved.bytes == 4 && (die_is_named(types, type, "wchar_t") ||
                                                die_is_named(types, type, "char32_t"))) ||
                       (resolved.bytes == 2 && die_is_named(types, type, "char16_t"))))
        resolved.kind = PLIM__TYPE_UTF; /* typedefs, in C before C23 */
    return resolved;
}

plim_type plim__die_inner(const plim__resolved *resolved)
{
    Dwarf_Die die = resolved->die;
    if (resolved->kind == PLIM__TYPE_ARRAY)
        return die_element(&die, resolved->type.level);
    if (resolved->kind == PLIM__TYPE_VOID)
        return (plim_type){0};
    return plim__die_target(&die);
}

plim__placed plim__die_placed(const plim_types *types, Dwarf_Die *member)
{
    plim__placed placed = {.offset_bytes = plim__die_number(member, DW_AT_data_member_location, 0)};
    uint64_t bits = plim__die_number(member, DW_AT_bit_size, 0);
    if (bits == 0 || bits > 64)
        return placed;
    uint64_t first = plim__die_number(member, DW_AT_data_bit_offset, UINT64_MAX);
    if (first == UINT64_MAX) { /* DWARF 3: counted from the highest bit of its storage */
        plim__resolved of = plim__die_resolve(types, plim__die_target(member));
        uint64_t storage = plim__die_number(member, DW_AT_byte_size, of.bytes);
        uint64_t from_top = plim__die_number(member, DW_AT_bit_offset, 0);
        if (storage > 16 || from_top + bits > storage * 8)
            return placed;
        first = storage * 8 - from_top - bits;
    } else {
        placed.offset_bytes = 0;
    }
    placed.offset_bytes += first / 8;
    placed.bit = (uint32_t)(first % 8);
    placed.bits = (uint32_t)bits;
    return placed;
}

uint64_t plim_type_bytes(const plim_types *types, plim_type type)
{
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    return plim__die_resolve(types, type).bytes;
}

/* --- by name --------------------------------------------------------------------------------- */

/* "struct node" is a tag of that kind, "node" anything else. */
static bool types_is_it(Dwarf_Die *die, int tag, const char *name)
{
    const char *own = dwarf_diename(die);
    return own != NULL && dwarf_tag(die) == tag && strcmp(own, name) == 0;
}

static plim_status types_search(const plim_types *types, const int *tags, const char *name,
                                plim_type *out_type, plim_error *err)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die top;
    plim_type declared = {0};
    for (uint32_t i = 0; i < PLIM__DIE_MEMBERS_MAX; i++) {
        Dwarf_Half version;
        uint8_t kind;
        if (dwarf_get_units(types->dwarf, unit, &unit, &version, &kind, &top, NULL) != 0)
            break;
        for (const int *tag = tags; *tag != 0; tag++) {
            Dwarf_Die child;
            bool started = false;
            while (plim__die_child(&top, *tag, 0, &child, &started)) {
                if (!types_is_it(&child, *tag, name))
                    continue;
                declared = die_type(&child);
                if (plim__die_number(&child, DW_AT_declaration, 0) == 0 &&
                    !dwarf_hasattr(&child, DW_AT_declaration)) {
                    *out_type = declared;
                    return PLIM_OK;
                }
            }
        }
    }
    if (declared.place == 0)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "\"%s\" is not described here", name);
    *out_type = declared;
    return PLIM_OK;
}

plim_status plim_types_variable(const plim_types *types, const char *name, plim_type *out_type,
                                plim_error *err)
{
    static const int tags[] = {DW_TAG_variable, DW_TAG_subprogram, 0};
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(name != NULL && out_type != NULL);
    plim_type found;
    plim_status status = types_search(types, tags, name, &found, err);
    Dwarf_Die die;
    if (status != PLIM_OK || !plim__die_of(types, found, &die))
        return status;
    *out_type = dwarf_tag(&die) == DW_TAG_variable ? plim__die_target(&die) : found;
    return PLIM_OK;
}

plim_status plim_types_find(const plim_types *types, const char *name, plim_type *out_type,
                            plim_error *err)
{
    static const struct {
        const char *word;
        int tags[3];
    } kinds[] = {{"struct ", {DW_TAG_structure_type, DW_TAG_class_type, 0}},
                 {"union ", {DW_TAG_union_type, 0, 0}},
                 {"enum ", {DW_TAG_enumeration_type, 0, 0}}};
    static const int plain[] = {DW_TAG_typedef, DW_TAG_base_type, 0};
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(name != NULL && out_type != NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].word);
        if (strncmp(name, kinds[i].word, length) == 0)
            return types_search(types, kinds[i].tags, name + length, out_type, err);
    }
    return types_search(types, plain, name, out_type, err);
}

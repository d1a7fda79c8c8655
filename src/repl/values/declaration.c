/* SPDX-License-Identifier: MIT */
/*
 * Types as C writes them. A declaration is read from its name outwards, and so it is written: what
 * stands before the name (PREFIX), the name, what stands behind it (SUFFIX). Each of them asks for
 * those of the type within, through a stack of pieces still to write, so that a function that takes
 * functions needs no recursion.
 *
 * W1  what is still to write is at most WRITE_PIECES pieces; a type that needs more ends in "...".
 */
#include <ctype.h>
#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "repl/values/die.h"

enum {
    WRITE_PIECES = 256,
    WRITE_STEPS_MAX = 2048,
    WRITE_PARAMETERS_MAX = 32,
    WRITE_COMMENT_COLUMN = 40,
    WRITE_NESTED_MAX = 8,
    WRITE_LINE_BYTES = 512,
    WRITE_ENUMERATORS_MAX = 1000
};

typedef struct write_piece {
    enum { WRITE_PREFIX, WRITE_SUFFIX, WRITE_WORD, WRITE_TIGHT, WRITE_NAME } what;
    plim_type type;
    const char *text;
} write_piece;

typedef struct write_work {
    const plim_types *types;
    plim__text *out;
    uint32_t count;
    bool ends_in_name; /* the last word is what is declared, so "(" stands right behind it */
    write_piece pieces[WRITE_PIECES];
} write_work;

static void write_push(write_work *work, write_piece piece)
{
    if (work->count < WRITE_PIECES)
        work->pieces[work->count++] = piece;
    else
        plim__text_format(work->out, "...");
}

static void write_push_word(write_work *work, const char *text)
{
    write_push(work, (write_piece){.what = WRITE_WORD, .text = text});
}

/* With a blank before it where two words would become one. */
static void write_word(write_work *work, const char *text)
{
    size_t length = work->out->length;
    char last = length > 0 ? work->out->out[length - 1] : '(';
    bool ends_in_word =
        isalnum((unsigned char)last) || last == '_' || last == '}' || last == ',' || last == ')';
    bool begins = isalnum((unsigned char)text[0]) || strchr("_*(.", text[0]) != NULL;
    if (text[0] != '\0' && begins && ends_in_word)
        plim__text_add(work->out, " ", 1);
    plim__text_add(work->out, text, strlen(text));
}

/* Past qualifiers alone: what decides where they are written. */
static int write_tag_behind(const plim_types *types, plim_type type)
{
    Dwarf_Die die;
    for (uint32_t i = 0; i < PLIM__DIE_PEEL_MAX && plim__die_of(types, type, &die); i++) {
        int tag = dwarf_tag(&die);
        if (tag != DW_TAG_const_type && tag != DW_TAG_volatile_type &&
            tag != DW_TAG_restrict_type && tag != DW_TAG_atomic_type)
            return tag;
        type = plim__die_target(&die);
    }
    return 0;
}

/* Qualifiers in a row, as a set: one bit each, in the order in which they are written. */
static const struct {
    int tag;
    const char *word;
} write_qualifiers[] = {{DW_TAG_const_type, "const"},
                        {DW_TAG_volatile_type, "volatile"},
                        {DW_TAG_restrict_type, "restrict"},
                        {DW_TAG_atomic_type, "_Atomic"}};

enum { WRITE_QUALIFIERS = sizeof write_qualifiers / sizeof *write_qualifiers };

static uint32_t write_qualifier(int tag)
{
    for (uint32_t i = 0; i < WRITE_QUALIFIERS; i++) {
        if (write_qualifiers[i].tag == tag)
            return 1u << i;
    }
    return 0;
}

static bool write_needs_brackets(const plim_types *types, plim_type pointed)
{
    int tag = write_tag_behind(types, pointed);
    return tag == DW_TAG_array_type || tag == DW_TAG_subroutine_type || tag == DW_TAG_subprogram;
}

static void write_tagged(write_work *work, const char *word, Dwarf_Die *die)
{
    char name[PLIM__DIE_NAME_BYTES];
    write_word(work, word);
    if (plim__die_name(die, name)[0] != '\0')
        write_word(work, name);
    else
        plim__text_format(work->out, " {...}");
}

/* The type at the bottom of an array, and whether it is a vector of the machine's. */
static plim_type write_array_base(const plim_types *types, plim_type type, Dwarf_Die *die)
{
    for (uint32_t i = 0; i < PLIM__DIE_DIMENSIONS_MAX; i++) {
        plim__resolved array = {.kind = PLIM__TYPE_ARRAY, .type = type, .die = *die};
        (void)types;
        type = plim__die_inner(&array);
        if (type.level == 0)
            break;
    }
    return type;
}

/* All qualifiers of a type: in front of it, or behind the star of a pointer. */
static void write_qualified(write_work *work, plim_type type)
{
    Dwarf_Die die;
    uint32_t set = 0;
    for (uint32_t i = 0; i < PLIM__DIE_PEEL_MAX && plim__die_of(work->types, type, &die); i++) {
        uint32_t qualifier = write_qualifier(dwarf_tag(&die));
        if (qualifier == 0)
            break;
        set |= qualifier;
        type = plim__die_target(&die);
    }
    bool behind = write_tag_behind(work->types, type) == DW_TAG_pointer_type;
    for (uint32_t i = 0; i < WRITE_QUALIFIERS; i++) {
        uint32_t at = behind ? WRITE_QUALIFIERS - 1 - i : i;
        if ((set >> at & 1) != 0 && behind)
            write_push_word(work, write_qualifiers[at].word);
        else if ((set >> at & 1) != 0)
            write_word(work, write_qualifiers[at].word);
    }
    write_push(work, (write_piece){.what = WRITE_PREFIX, .type = type});
}

static void write_prefix(write_work *work, plim_type type)
{
    Dwarf_Die die;
    char name[PLIM__DIE_NAME_BYTES];
    if (!plim__die_of(work->types, type, &die)) {
        write_word(work, "void");
        return;
    }
    int tag = dwarf_tag(&die);
    plim_type inner = plim__die_target(&die);
    if (write_qualifier(tag) != 0) {
        write_qualified(work, type);
    } else if (tag == DW_TAG_pointer_type) {
        write_push_word(work, write_needs_brackets(work->types, inner) ? "(*" : "*");
        write_push(work, (write_piece){.what = WRITE_PREFIX, .type = inner});
    } else if (tag == DW_TAG_array_type) {
        if (dwarf_hasattr(&die, DW_AT_GNU_vector))
            write_push_word(work, "__attribute__((vector))");
        write_push(work, (write_piece){.what = WRITE_PREFIX,
                                       .type = write_array_base(work->types, type, &die)});
    } else if (tag == DW_TAG_subroutine_type || tag == DW_TAG_subprogram) {
        write_push(work, (write_piece){.what = WRITE_PREFIX, .type = inner});
    } else if (tag == DW_TAG_structure_type || tag == DW_TAG_class_type) {
        write_tagged(work, "struct", &die);
    } else if (tag == DW_TAG_union_type) {
        write_tagged(work, "union", &die);
    } else if (tag == DW_TAG_enumeration_type) {
        write_tagged(work, "enum", &die);
    } else if (tag == DW_TAG_unspecified_type) {
        write_word(work, "nullptr_t");
    } else {
        write_word(work, plim__die_name(&die, name)[0] != '\0' ? name : "(unnamed type)");
    }
}

static void write_parameters(write_work *work, Dwarf_Die *function)
{
    Dwarf_Die parameter;
    write_piece pieces[WRITE_PARAMETERS_MAX * 3];
    uint32_t count = 0;
    bool started = false;
    while (count + 3 <= WRITE_PARAMETERS_MAX * 3 &&
           plim__die_child(function, DW_TAG_formal_parameter, DW_TAG_unspecified_parameters,
                           &parameter, &started)) {
        if (count > 0)
            pieces[count++] = (write_piece){.what = WRITE_TIGHT, .text = ","};
        if (dwarf_tag(&parameter) == DW_TAG_unspecified_parameters) {
            pieces[count++] = (write_piece){.what = WRITE_WORD, .text = "..."};
            continue;
        }
        plim_type type = plim__die_target(&parameter);
        pieces[count++] = (write_piece){.what = WRITE_PREFIX, .type = type};
        pieces[count++] = (write_piece){.what = WRITE_SUFFIX, .type = type};
    }
    if (count == 0 && dwarf_hasattr(function, DW_AT_prototyped))
        pieces[count++] = (write_piece){.what = WRITE_TIGHT, .text = "void"};
    while (count > 0)
        write_push(work, pieces[--count]);
}

static void write_dimensions(write_work *work, plim_type type, Dwarf_Die *array)
{
    char text[32];
    Dwarf_Die die = *array;
    for (uint32_t i = 0; i < PLIM__DIE_DIMENSIONS_MAX; i++) {
        plim__resolved row = plim__die_resolve(work->types, type);
        if (row.kind != PLIM__TYPE_ARRAY || row.type.place != dwarf_dieoffset(&die) + 1)
            break;
        if (row.element_count == UINT64_MAX)
            (void)snprintf(text, sizeof text, "[]");
        else
            (void)snprintf(text, sizeof text, "[%" PRIu64 "]", row.element_count);
        plim__text_add(work->out, text, strlen(text));
        type = plim__die_inner(&row);
    }
}

static void write_suffix(write_work *work, plim_type type)
{
    Dwarf_Die die;
    if (!plim__die_of(work->types, type, &die))
        return;
    int tag = dwarf_tag(&die);
    plim_type inner = plim__die_target(&die);
    if (write_qualifier(tag) != 0) {
        write_push(work, (write_piece){.what = WRITE_SUFFIX, .type = inner});
    } else if (tag == DW_TAG_pointer_type) {
        if (write_needs_brackets(work->types, inner))
            plim__text_add(work->out, ")", 1);
        write_push(work, (write_piece){.what = WRITE_SUFFIX, .type = inner});
    } else if (tag == DW_TAG_array_type) {
        if (!dwarf_hasattr(&die, DW_AT_GNU_vector))
            write_dimensions(work, type, &die);
        write_push(work, (write_piece){.what = WRITE_SUFFIX,
                                       .type = write_array_base(work->types, type, &die)});
    } else if (tag == DW_TAG_subroutine_type || tag == DW_TAG_subprogram) {
        size_t length = work->out->length;
        bool tight = work->ends_in_name || length == 0 || work->out->out[length - 1] == ')';
        plim__text_format(work->out, tight ? "(" : " (");
        write_push(work, (write_piece){.what = WRITE_SUFFIX, .type = inner});
        write_push(work, (write_piece){.what = WRITE_TIGHT, .text = ")"});
        write_parameters(work, &die);
    }
    work->ends_in_name = false;
}

/* Adds the declaration of a name, or a type alone, to a text. */
static void write_declaration(const plim_types *types, plim_type type, const char *name,
                              plim__text *out)
{
    write_work work = {.types = types, .out = out};
    write_push(&work, (write_piece){.what = WRITE_SUFFIX, .type = type});
    write_push(&work, (write_piece){.what = WRITE_NAME, .text = name != NULL ? name : ""});
    write_push(&work, (write_piece){.what = WRITE_PREFIX, .type = type});
    for (uint32_t i = 0; i < WRITE_STEPS_MAX && work.count > 0; i++) {
        write_piece piece = work.pieces[--work.count];
        switch (piece.what) {
        case WRITE_PREFIX:
            write_prefix(&work, piece.type);
            break;
        case WRITE_SUFFIX:
            write_suffix(&work, piece.type);
            break;
        case WRITE_TIGHT:
            plim__text_add(out, piece.text, strlen(piece.text));
            break;
        case WRITE_NAME:
            write_word(&work, piece.text);
            work.ends_in_name = piece.text[0] != '\0';
            break;
        case WRITE_WORD:
            write_word(&work, piece.text);
            break;
        }
    }
    if (work.count > 0)
        plim__text_format(out, "...");
}

size_t plim_type_text(const plim_types *types, plim_type type, const char *name, char *out,
                      size_t cap)
{
    plim__text text;
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(out != NULL && cap > 0);
    plim__text_init(&text, out, cap);
    write_declaration(types, type, name, &text);
    return text.length;
}

/* --- definitions ----------------------------------------------------------------------------- */

/* A line with a remark at a column of its own. */
static void define_line(plim__text *out, uint32_t indent, const char *line, const char *remark)
{
    size_t width = (size_t)indent * 4 + strlen(line);
    plim__text_format(out, "%*s%s", (int)(indent * 4), "", line);
    if (remark[0] != '\0') {
        int pad = width < WRITE_COMMENT_COLUMN ? (int)(WRITE_COMMENT_COLUMN - width) : 1;
        plim__text_format(out, "%*s/* %s */", pad, "", remark);
    }
    plim__text_add(out, "\n", 1);
}

typedef struct define_level {
    Dwarf_Die parent, child;
    bool started;
    bool is_union;
    uint64_t base;                   /* of the struct within the outermost */
    uint64_t end;                    /* of the member before, from the struct's start */
    uint64_t bytes;                  /* of the struct; 0: unknown */
    char tail[PLIM__DIE_NAME_BYTES]; /* "} name;" */
} define_level;

static void define_gap(plim__text *out, uint32_t indent, const define_level *level, uint64_t offset)
{
    char remark[64];
    if (level->is_union || offset <= level->end)
        return;
    (void)snprintf(remark, sizeof remark, "%" PRIu64 " byte%s unused", offset - level->end,
                   offset - level->end == 1 ? "" : "s");
    define_line(out, indent, "", remark);
}

static void define_member(const plim_types *types, plim__text *out, uint32_t indent,
                          define_level *level)
{
    char name[PLIM__DIE_NAME_BYTES];
    char line[WRITE_LINE_BYTES];
    char remark[96];
    plim__text text;
    plim_type type = plim__die_target(&level->child);
    plim__placed placed = plim__die_placed(types, &level->child);
    uint64_t bytes = plim__die_resolve(types, type).bytes;
    define_gap(out, indent, level, placed.offset_bytes);
    plim__text_init(&text, line, sizeof line);
    write_declaration(types, type, plim__die_name(&level->child, name), &text);
    if (placed.bits != 0) {
        plim__text_format(&text, " : %u", (unsigned)placed.bits);
        (void)snprintf(remark, sizeof remark, "%" PRIu64 ", bits %u to %u",
                       level->base + placed.offset_bytes, (unsigned)placed.bit,
                       (unsigned)(placed.bit + placed.bits - 1));
        bytes = (placed.bit + placed.bits + 7) / 8;
    } else {
        (void)snprintf(remark, sizeof remark, "%" PRIu64 ", %" PRIu64 " byte%s",
                       level->base + placed.offset_bytes, bytes, bytes == 1 ? "" : "s");
    }
    plim__text_format(&text, ";");
    define_line(out, indent, line, remark);
    if (placed.offset_bytes <= UINT64_MAX - bytes && placed.offset_bytes + bytes > level->end)
        level->end = placed.offset_bytes + bytes;
}

/* A struct without a tag: its members are told where it stands. */
static bool define_is_nested(const plim_types *types, plim_type type, Dwarf_Die *out_die)
{
    char name[PLIM__DIE_NAME_BYTES];
    if (!plim__die_of(types, type, out_die))
        return false;
    int tag = dwarf_tag(out_die);
    return (tag == DW_TAG_structure_type || tag == DW_TAG_union_type) &&
           plim__die_name(out_die, name)[0] == '\0';
}

static void define_open(plim__text *out, uint32_t indent, define_level *level, Dwarf_Die *die)
{
    char name[PLIM__DIE_NAME_BYTES];
    char line[PLIM__DIE_NAME_BYTES + 16];
    char remark[48];
    level->parent = *die;
    level->started = false;
    level->is_union = dwarf_tag(die) == DW_TAG_union_type;
    level->end = 0;
    level->bytes = plim__die_number(die, DW_AT_byte_size, 0);
    plim__die_name(die, name);
    (void)snprintf(line, sizeof line, "%s%s%s {", level->is_union ? "union" : "struct",
                   name[0] != '\0' ? " " : "", name);
    (void)snprintf(remark, sizeof remark, "%" PRIu64 " bytes", level->bytes);
    define_line(out, indent, line, remark);
}

static void define_struct(const plim_types *types, Dwarf_Die *die, plim__text *out)
{
    define_level levels[WRITE_NESTED_MAX];
    uint32_t depth = 1;
    levels[0].base = 0;
    (void)snprintf(levels[0].tail, sizeof levels[0].tail, "};");
    define_open(out, 0, &levels[0], die);
    for (uint32_t steps = 0; depth > 0 && steps < PLIM__DIE_MEMBERS_MAX && !out->is_cut; steps++) {
        define_level *level = &levels[depth - 1];
        Dwarf_Die nested;
        if (!plim__die_child(&level->parent, DW_TAG_member, 0, &level->child, &level->started)) {
            define_gap(out, depth, level, level->bytes);
            define_line(out, depth - 1, level->tail, "");
            depth--;
            continue;
        }
        if (depth < WRITE_NESTED_MAX &&
            define_is_nested(types, plim__die_target(&level->child), &nested)) {
            char name[PLIM__DIE_NAME_BYTES - 8];
            char full[PLIM__DIE_NAME_BYTES];
            plim__placed placed = plim__die_placed(types, &level->child);
            define_level *inner = &levels[depth];
            (void)snprintf(name, sizeof name, "%s", plim__die_name(&level->child, full));
            (void)snprintf(inner->tail, sizeof inner->tail, "}%s%s;", name[0] != '\0' ? " " : "",
                           name);
            define_gap(out, depth, level, placed.offset_bytes);
            define_open(out, depth, inner, &nested);
            inner->base = level->base + placed.offset_bytes;
            if (placed.offset_bytes <= UINT64_MAX - inner->bytes &&
                placed.offset_bytes + inner->bytes > level->end)
                level->end = placed.offset_bytes + inner->bytes;
            depth++;
            continue;
        }
        define_member(types, out, depth, level);
    }
}

static void define_enum(Dwarf_Die *die, plim__text *out)
{
    char name[PLIM__DIE_NAME_BYTES];
    char line[PLIM__DIE_NAME_BYTES + 32];
    char remark[48];
    Dwarf_Die child;
    bool started = false;
    plim__die_name(die, name);
    (void)snprintf(line, sizeof line, "enum%s%s {", name[0] != '\0' ? " " : "", name);
    (void)snprintf(remark, sizeof remark, "%" PRIu64 " bytes",
                   plim__die_number(die, DW_AT_byte_size, 0));
    define_line(out, 0, line, remark);
    for (uint32_t i = 0;
         i < WRITE_ENUMERATORS_MAX && plim__die_child(die, DW_TAG_enumerator, 0, &child, &started);
         i++) {
        Dwarf_Attribute attribute;
        Dwarf_Sword value = 0;
        if (dwarf_attr(&child, DW_AT_const_value, &attribute) != NULL)
            (void)dwarf_formsdata(&attribute, &value);
        (void)snprintf(line, sizeof line, "%s = %" PRId64 ",", plim__die_name(&child, name),
                       (int64_t)value);
        define_line(out, 1, line, "");
    }
    define_line(out, 0, "};", "");
}

size_t plim_type_definition(const plim_types *types, plim_type type, char *out, size_t cap)
{
    plim__text text;
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(out != NULL && cap > 0);
    plim__text_init(&text, out, cap);
    Dwarf_Die die;
    for (uint32_t i = 0; i < PLIM__DIE_PEEL_MAX && plim__die_of(types, type, &die); i++) {
        char name[PLIM__DIE_NAME_BYTES];
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type) {
            define_struct(types, &die, &text);
            break;
        }
        if (tag == DW_TAG_enumeration_type) {
            define_enum(&die, &text);
            break;
        }
        if (tag == DW_TAG_typedef) {
            plim__text_format(&text, "typedef ");
            write_declaration(types, plim__die_target(&die), plim__die_name(&die, name), &text);
            plim__text_format(&text, ";\n");
        } else if (tag != DW_TAG_pointer_type && tag != DW_TAG_array_type &&
                   write_qualifier(tag) == 0) {
            break;
        }
        type = plim__die_target(&die);
    }
    return text.length;
}

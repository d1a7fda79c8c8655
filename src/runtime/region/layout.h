/* SPDX-License-Identifier: MIT */
/**
 * @file layout.h
 * @brief What lies in a region, byte by byte: offsets and indexes, no pointer, nothing derived.
 *
 *   head | objects (64 bytes each) | types | fields | names | text | log (one value) | data
 *        | history
 *
 * Truth is in few places, each committed by one store, so that a kill between any two stores
 * leaves something that the next open can finish or undo:
 *   an object lives      its word says so (allocate commits by it, release ends by it)
 *   a value changes      the log holds the old one while log_valid is 1
 *   a cascade runs       intent says of what, until it is done
 *   a type exists        types covers it (count and hash are one word)
 *   a text is interned   text_used covers it
 *   a number has a name  the word of its row says so
 * Lists (children, owners, free slots, free room) are the writer's own, rebuilt on open.
 * The history is a journal's log (commit/log.h); it watches over all from the head's `types` to the
 * end of the data, so what lies before that is never taken back.
 */
#ifndef PLIM_RUNTIME_LAYOUT_H
#define PLIM_RUNTIME_LAYOUT_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLIM__REGION_FILE_MAGIC UINT64_C(0x31474552494d4c50) /* "PLMIREG1" in memory */
#define PLIM__REGION_VERSION    3u
#define PLIM__REGION_ORDER      0x01020304u

enum {
    PLIM__REGION_ALIGN = 64, /* of every table: a cache line */
    PLIM__REGION_GRAIN = 16, /* of every value */
    PLIM__REGION_NAME_MAX = 255,
    PLIM__NAME_TEXT_BITS = 28 /* of a row of names: kind, text, number */
};

/* No region lives to see as many: a number above it is damage. */
#define PLIM__BIRTH_MAX (UINT64_MAX / 2)

/* In an object's word, above the generation: so a live one's upper half is what its references
 * hold, and one comparison says both. */
#define PLIM__OBJECT_LIVE (UINT64_C(1) << 63)

typedef struct plim__region_head {
    uint64_t magic;
    uint32_t version;
    uint32_t order;       /* a machine of another byte order reads it differently */
    uint64_t layout_hash; /* of the sizes of these structs */
    uint64_t total_bytes;
    uint32_t object_max, type_max, field_max, name_max, text_bytes, value_max;
    _Atomic uint32_t is_ready; /* 1 once all of this stands */
    uint32_t spare;
    uint64_t data_bytes;
    uint64_t objects_at, types_at, fields_at, names_at, text_at, log_at, data_at;
    uint64_t history_at, history_bytes; /* 0 bytes: none */
    uint64_t
        identity; /* another one in each region that is made, the same in copies; 0: not known */

    _Alignas(64) _Atomic uint64_t epoch;
    _Atomic uint64_t writer_pid;

    /* A cut (cut.c): readers write what is asked and taken, the writer the rest. */
    _Alignas(64) _Atomic uint64_t cut_asked;
    _Atomic uint64_t cut_done;
    _Atomic uint64_t cut_descriptor;
    _Atomic uint64_t safe_points;
    _Atomic uint64_t cut_taken; /* by a reader */
    /* No birth below it comes again; 0: what the slots say is all. Written before births are taken
     * back, as slots forget them then. */
    _Atomic uint64_t birth_floor;
    uint64_t reserved[10]; /* zero */
    /* From here to the end of the data a transaction can be taken back. */
    _Alignas(64) _Atomic uint64_t types; /* hash of all their rows << 32 | how many: see types.c */
    _Atomic uint32_t field_count, text_used;
    _Atomic uint32_t name_top;   /* no row of names from here on was ever used */
    _Atomic uint32_t object_top; /* no slot from here on was ever used */
    uint64_t apart[13];
    /* Written by many calls, and read by nobody else: in two lines of their own, as processors
     * fetch lines in pairs, so that one who looks on takes them from nobody. (A caller's storage is
     * aligned to 64: there they are a pair only by chance.) */
    _Alignas(64) _Atomic uint64_t intent; /* see plim__intent_of() */
    _Atomic uint32_t log_valid;
    uint32_t log_index; /* whose old value lies in the log */
    uint64_t alone[14];
} plim__region_head;
_Static_assert(offsetof(plim__region_head, types) == 384 &&
                   offsetof(plim__region_head, intent) == 512 && sizeof(plim__region_head) == 640,
               "no line of a reader's beside a line of the writer's");

typedef struct plim__object {
    _Atomic uint64_t word; /* is it live << 63 | generation << 32 | type << 16 */
    _Atomic uint32_t seq;  /* odd while it changes: a reader looks again */
    uint32_t parent;       /* index + 1; 0: none */
    uint32_t owner;
    uint32_t size_bytes;
    uint64_t data; /* offset in the data, a multiple of the grain */
    uint64_t birth;
    uint64_t about; /* site | tag << 32 | visibility << 48 */
    uint64_t spare[2];
} plim__object;
_Static_assert(sizeof(plim__object) == 64, "one cache line");

typedef struct plim__type_row {
    uint32_t name; /* offset of its text */
    uint32_t size_bytes;
    uint32_t first_field;
    uint32_t field_count;
} plim__type_row;

typedef struct plim__field_row {
    uint32_t name;
    uint32_t kind;
    uint32_t offset_bytes;
    uint32_t size_bytes;
    uint32_t count;
    uint32_t spare;
} plim__field_row;

static inline uint64_t plim__about_of(uint32_t site, uint32_t tag, uint32_t visibility)
{
    return (uint64_t)visibility << 48 | (uint64_t)tag << 32 | site;
}

/** Name rows: number << 32 | text << 4 | kind + 1; 0: no name. */
typedef _Atomic uint64_t plim__name_row;

static inline uint64_t plim__name_word(uint32_t kind, uint32_t number, uint32_t text)
{
    return (uint64_t)number << 32 | (uint64_t)text << 4 | (kind + 1);
}

static inline uint32_t plim__name_kind(uint64_t word)
{
    return (uint32_t)(word & 15) - 1;
}

static inline uint32_t plim__name_number(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t plim__name_text(uint64_t word)
{
    return (uint32_t)word >> 4;
}

static inline uint32_t plim__types_count(uint64_t types)
{
    return (uint32_t)types;
}

static inline uint32_t plim__types_hash(uint64_t types)
{
    return (uint32_t)(types >> 32);
}

/** What a cascade is about; 0: none runs. */
enum { PLIM__INTENT_NONE, PLIM__INTENT_OBJECT, PLIM__INTENT_OWNER };

/** number: an owner, or an index; below 2^32. */
static inline uint64_t plim__intent_of(uint32_t kind, uint32_t number)
{
    return (uint64_t)number << 32 | kind;
}

/** A live one's. */
static inline uint64_t plim__word_of(uint32_t generation, uint32_t type)
{
    return (uint64_t)generation << 32 | type << 16 | PLIM__OBJECT_LIVE;
}

/** As references hold it, whether the object lives or not: the highest bit is always set. */
static inline uint32_t plim__word_generation(uint64_t word)
{
    return (uint32_t)((word | PLIM__OBJECT_LIVE) >> 32);
}

/** Whether it is of a live object, and of the one that a reference of that generation names. */
static inline bool plim__word_is_of(uint64_t word, uint32_t generation)
{
    return (uint32_t)(word >> 32) == (generation | 1u << 31);
}

static inline uint16_t plim__word_type(uint64_t word)
{
    return (uint16_t)(word >> 16);
}

static inline bool plim__word_is_live(uint64_t word)
{
    return (word & PLIM__OBJECT_LIVE) != 0;
}

#endif

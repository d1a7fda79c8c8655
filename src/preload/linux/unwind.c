/* SPDX-License-Identifier: MIT */
/*
 * Return addresses without frame pointers: by the tables that the compiler leaves for exceptions
 * (.eh_frame), read once for each place that calls and remembered in one word. At a return address
 * the rule is nearly always the same few figures: the frame above begins so many bytes from the
 * stack or the frame pointer, and the frame pointer was saved there, or not at all. What needs more
 * than that ends the walk.
 *
 * Why not a library: libgcc's unwinder takes about 200 ns a frame, libunwind's exports names that
 * would replace libgcc's in every C++ program this is preloaded into.
 *
 * U1  Reads of the stack lie in [where the walk began, the end of the thread's stack), and rise.
 * U2  Reads of tables lie in the segment that the loader says they are in.
 * U3  A remembered rule is one word, written whole: threads may race, and write the same.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "preload/notes.h"

#if defined(__x86_64__) && defined(DLFO_EH_SEGMENT_TYPE)

enum {
    UNWIND_CACHE_BITS = 15,
    UNWIND_TAG_SHIFT = UNWIND_CACHE_BITS,
    UNWIND_RBP = 6,
    UNWIND_RSP = 7,
    UNWIND_RETURN = 16,
    UNWIND_STATES_MAX = 8, /* remembered by one function's rules; gcc nests none */
    UNWIND_OPS_MAX = 4096
};

/* No thread's stack is larger: beyond it this is another stack (of a signal, a coroutine). */
#define UNWIND_STACK_MAX ((uintptr_t)1 << 28)

/* A rule: kind, bytes / 8 from the register to the frame above (signed), and how many words below
   that the frame pointer was saved (0: not at all). */
enum { RULE_NONE = 0, RULE_RSP = 1, RULE_RBP = 2, RULE_END = 3 };
enum { RULE_KIND_BITS = 2, RULE_OFFSET_BITS = 18, RULE_SAVED_BITS = 12 };

static _Atomic uint64_t unwind_cache[1 << UNWIND_CACHE_BITS];
static uintptr_t unwind_main_end;
static PLIM__THREAD_LOCAL bool unwind_is_main;

/* --- the tables ------------------------------------------------------------------------------ */

typedef struct unwind_bytes {
    const uint8_t *at, *end;
    bool is_short; /* something beyond the end was asked for */
} unwind_bytes;

static uint64_t unwind_fixed(unwind_bytes *bytes, size_t count)
{
    uint64_t value = 0;
    if ((size_t)(bytes->end - bytes->at) < count) {
        bytes->is_short = true;
        bytes->at = bytes->end;
        return 0;
    }
    memcpy(&value, bytes->at, count);
    bytes->at += count;
    return value;
}

static uint64_t unwind_leb(unwind_bytes *bytes, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while ((byte & 0x80) != 0 && shift < 63) {
        byte = (uint8_t)unwind_fixed(bytes, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    bytes->is_short |= (byte & 0x80) != 0;
    if (is_signed && (byte & 0x40) != 0)
        value |= ~(uint64_t)0 << shift;
    return value;
}

static void unwind_skip(unwind_bytes *bytes, uint64_t count)
{
    if ((uint64_t)(bytes->end - bytes->at) < count) {
        bytes->is_short = true;
        count = (uint64_t)(bytes->end - bytes->at);
    }
    bytes->at += count;
}

/* A pointer as the tables have them: 4 bytes signed, from its own place or from `base`. */
static uintptr_t unwind_pointer(unwind_bytes *bytes, uint8_t encoding, uintptr_t base)
{
    uintptr_t own = (uintptr_t)bytes->at;
    uintptr_t value;
    switch (encoding & 0x0f) {
    case 0x00: /* absolute */
    case 0x04:
    case 0x0c:
        value = (uintptr_t)unwind_fixed(bytes, 8);
        break;
    case 0x03:
        value = (uintptr_t)unwind_fixed(bytes, 4);
        break;
    case 0x0b:
        value = (uintptr_t)(int64_t)(int32_t)unwind_fixed(bytes, 4);
        break;
    default:
        bytes->is_short = true;
        return 0;
    }
    if ((encoding & 0x70) == 0x10)
        value += own;
    else if ((encoding & 0x70) == 0x30)
        value += base;
    else if ((encoding & 0xf0) != 0)
        bytes->is_short = true;
    return value;
}

/* The description of the function with that address: by the sorted table. NULL: none. */
static const uint8_t *unwind_find_row(const struct dl_find_object *object, uintptr_t code)
{
    const uint8_t *header = object->dlfo_eh_frame;
    const uint8_t *end = object->dlfo_map_end;
    if (header == NULL || (uintptr_t)header < (uintptr_t)object->dlfo_map_start ||
        (uintptr_t)header + 12 > (uintptr_t)end)
        return NULL;
    /* Version 1; the count in 4 bytes; rows of two signed 4-byte offsets from here. */
    if (header[0] != 1 || header[2] != 0x03 || header[3] != 0x3b)
        return NULL;
    unwind_bytes bytes = {header + 4, end, false};
    (void)unwind_pointer(&bytes, header[1], (uintptr_t)header);
    uint64_t count = unwind_fixed(&bytes, 4);
    if (bytes.is_short || count == 0 || count > (uint64_t)(end - bytes.at) / 8)
        return NULL;
    const uint8_t *rows = bytes.at;
    uint64_t low = 0;
    uint64_t high = count; /* the last row whose function begins at or before the address */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        int32_t offset;
        memcpy(&offset, rows + middle * 8, 4);
        if ((uintptr_t)header + (uintptr_t)(intptr_t)offset <= code)
            low = middle;
        else
            high = middle;
    }
    int32_t offset;
    memcpy(&offset, rows + low * 8 + 4, 4);
    uintptr_t row = (uintptr_t)header + (uintptr_t)(intptr_t)offset;
    if (row < (uintptr_t)object->dlfo_map_start || row + 8 > (uintptr_t)end)
        return NULL;
    return (const uint8_t *)row;
}

/* --- what the rows say ----------------------------------------------------------------------- */

/* The rules at some address of a function. */
typedef struct unwind_rules {
    int64_t cfa_offset;
    int64_t rbp_offset; /* from the frame above; where is_saved */
    unsigned cfa_register;
    bool is_saved;
    bool is_end; /* no return address: the outermost */
    bool is_odd; /* more than is understood here */
} unwind_rules;

typedef struct unwind_function {
    uintptr_t start;
    uint64_t bytes;
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding;
    bool is_signal;
    bool has_augment;
    unwind_bytes first, then; /* instructions: of all such functions, and of this one */
} unwind_function;

/* One entry, without its length word. */
static unwind_bytes unwind_entry(const uint8_t *at, const uint8_t *end)
{
    unwind_bytes bytes = {at, end, false};
    uint64_t length = unwind_fixed(&bytes, 4);
    if (length == 0 || length >= 0xfffffff0u || length > (uint64_t)(end - bytes.at)) {
        bytes.is_short = true;
        return bytes;
    }
    bytes.end = bytes.at + length;
    return bytes;
}

static bool unwind_read_common(const uint8_t *at, const struct dl_find_object *object,
                               unwind_function *out)
{
    unwind_bytes bytes = unwind_entry(at, object->dlfo_map_end);
    if (bytes.is_short || unwind_fixed(&bytes, 4) != 0)
        return false;
    uint64_t version = unwind_fixed(&bytes, 1);
    const char *augment = (const char *)bytes.at;
    size_t length = strnlen(augment, (size_t)(bytes.end - bytes.at));
    unwind_skip(&bytes, length + 1);
    out->code_align = unwind_leb(&bytes, false);
    out->data_align = (int64_t)unwind_leb(&bytes, true);
    uint64_t return_column = version == 1 ? unwind_fixed(&bytes, 1) : unwind_leb(&bytes, false);
    if (bytes.is_short || (version != 1 && version != 3) || return_column != UNWIND_RETURN)
        return false;
    out->encoding = 0;
    if (augment[0] == 'z') {
        out->has_augment = true;
        uint64_t data = unwind_leb(&bytes, false);
        unwind_bytes inner = {bytes.at, bytes.end, false};
        unwind_skip(&bytes, data);
        inner.end = bytes.at;
        for (size_t i = 1; i < length; i++) {
            if (augment[i] == 'R') {
                out->encoding = (uint8_t)unwind_fixed(&inner, 1);
            } else if (augment[i] == 'P') {
                uint8_t encoding = (uint8_t)unwind_fixed(&inner, 1);
                (void)unwind_pointer(&inner, encoding & 0x7f, 0);
            } else if (augment[i] == 'L') {
                (void)unwind_fixed(&inner, 1);
            } else if (augment[i] == 'S') {
                out->is_signal = true;
            } else {
                return false;
            }
        }
    } else if (length != 0) {
        return false;
    }
    out->first = bytes;
    return !bytes.is_short;
}

static bool unwind_read_function(const struct dl_find_object *object, uintptr_t code,
                                 unwind_function *out)
{
    *out = (unwind_function){0};
    const uint8_t *row = unwind_find_row(object, code);
    if (row == NULL)
        return false;
    unwind_bytes bytes = unwind_entry(row, object->dlfo_map_end);
    uintptr_t common = (uintptr_t)bytes.at;
    common -= (uintptr_t)unwind_fixed(&bytes, 4);
    if (bytes.is_short || common < (uintptr_t)object->dlfo_map_start ||
        common + 8 > (uintptr_t)object->dlfo_map_end ||
        !unwind_read_common((const uint8_t *)common, object, out))
        return false;
    out->start = unwind_pointer(&bytes, out->encoding & 0x7f, 0);
    out->bytes = unwind_pointer(&bytes, out->encoding & 0x0f, 0);
    if (out->has_augment)
        unwind_skip(&bytes, unwind_leb(&bytes, false));
    out->then = bytes;
    return !bytes.is_short && code - out->start < out->bytes;
}

/* One of the instructions that concern a register: of interest is the frame pointer's alone. */
static void unwind_saved(unwind_rules *rules, uint64_t column, int64_t offset)
{
    if (column == UNWIND_RBP) {
        rules->is_saved = true;
        rules->rbp_offset = offset;
    } else if (column == UNWIND_RETURN && offset != -8) {
        rules->is_odd = true;
    }
}

static void unwind_restored(unwind_rules *rules, const unwind_rules *first, uint64_t column)
{
    if (column == UNWIND_RBP) {
        rules->is_saved = first != NULL && first->is_saved;
        rules->rbp_offset = first != NULL ? first->rbp_offset : 0;
    }
}

/* What a walk through instructions has at hand. */
typedef struct unwind_run {
    unwind_rules rules;
    unwind_rules states[UNWIND_STATES_MAX];
    unsigned state_count;
    uintptr_t place;
} unwind_run;

/* Those that say where the frame above begins. False: not known. */
static bool unwind_step_frame(unwind_rules *rules, const unwind_function *function, uint8_t op,
                              unwind_bytes *bytes)
{
    switch (op) {
    case 0x0c: /* the frame above is from register and offset */
        rules->cfa_register = (unsigned)unwind_leb(bytes, false);
        rules->cfa_offset = (int64_t)unwind_leb(bytes, false);
        return true;
    case 0x12:
        rules->cfa_register = (unsigned)unwind_leb(bytes, false);
        rules->cfa_offset = (int64_t)unwind_leb(bytes, true) * function->data_align;
        return true;
    case 0x0d:
        rules->cfa_register = (unsigned)unwind_leb(bytes, false);
        return true;
    case 0x0e:
        rules->cfa_offset = (int64_t)unwind_leb(bytes, false);
        return true;
    case 0x13:
        rules->cfa_offset = (int64_t)unwind_leb(bytes, true) * function->data_align;
        return true;
    case 0x0f: /* by an expression: a register that is neither */
        unwind_skip(bytes, unwind_leb(bytes, false));
        rules->cfa_register = UNWIND_RETURN;
        return true;
    default:
        return false;
    }
}

/* The instructions with their whole number in the byte. False: not known. */
static bool unwind_step(unwind_run *run, const unwind_function *function, const unwind_rules *first,
                        uint8_t op, unwind_bytes *bytes)
{
    unwind_rules *rules = &run->rules;
    uint64_t column;
    switch (op) {
    case 0x00: /* nothing */
        return true;
    case 0x02:
    case 0x03:
    case 0x04: /* on by 1, 2 or 4 bytes' worth */
        run->place += unwind_fixed(bytes, (size_t)1 << (op - 2)) * function->code_align;
        return true;
    case 0x05: /* saved at */
        column = unwind_leb(bytes, false);
        unwind_saved(rules, column, (int64_t)unwind_leb(bytes, false) * function->data_align);
        return true;
    case 0x11: /* the same, signed */
        column = unwind_leb(bytes, false);
        unwind_saved(rules, column, (int64_t)unwind_leb(bytes, true) * function->data_align);
        return true;
    case 0x06: /* as it was at first */
        unwind_restored(rules, first, unwind_leb(bytes, false));
        return true;
    case 0x07: /* lost */
        column = unwind_leb(bytes, false);
        rules->is_end |= column == UNWIND_RETURN;
        rules->is_odd |= column == UNWIND_RBP;
        return true;
    case 0x08: /* unchanged */
        unwind_restored(rules, NULL, unwind_leb(bytes, false));
        return true;
    case 0x0a:
        if (run->state_count == UNWIND_STATES_MAX)
            return false;
        run->states[run->state_count++] = *rules;
        return true;
    case 0x0b:
        if (run->state_count == 0)
            return false;
        *rules = run->states[--run->state_count];
        return true;
    case 0x10:
    case 0x16:
        column = unwind_leb(bytes, false);
        unwind_skip(bytes, unwind_leb(bytes, false));
        rules->is_odd |= column == UNWIND_RBP || column == UNWIND_RETURN;
        return true;
    case 0x2e: /* bytes of arguments: of no interest */
        (void)unwind_leb(bytes, false);
        return true;
    default:
        return unwind_step_frame(rules, function, op, bytes);
    }
}

/* Instructions up to the one for a later address than `code`. */
static bool unwind_execute(unwind_run *run, const unwind_function *function,
                           const unwind_rules *first, unwind_bytes bytes, uintptr_t code)
{
    for (unsigned ops = 0; bytes.at < bytes.end && run->place <= code; ops++) {
        uint8_t op = (uint8_t)unwind_fixed(&bytes, 1);
        uint8_t low = op & 0x3f;
        if (ops == UNWIND_OPS_MAX)
            return false;
        if ((op & 0xc0) == 0x40)
            run->place += low * function->code_align;
        else if ((op & 0xc0) == 0x80)
            unwind_saved(&run->rules, low,
                         (int64_t)unwind_leb(&bytes, false) * function->data_align);
        else if ((op & 0xc0) == 0xc0)
            unwind_restored(&run->rules, first, low);
        else if (!unwind_step(run, function, first, op, &bytes))
            return false;
    }
    return !bytes.is_short;
}

static uint32_t unwind_pack(const unwind_rules *rules)
{
    if (rules->is_end || rules->is_odd)
        return RULE_END;
    if (rules->cfa_register != UNWIND_RSP && rules->cfa_register != UNWIND_RBP)
        return RULE_END;
    if (rules->cfa_offset % 8 != 0 || rules->cfa_offset / 8 < 1 ||
        rules->cfa_offset / 8 >= 1 << RULE_OFFSET_BITS)
        return RULE_END;
    uint32_t saved = 0;
    if (rules->is_saved) {
        if (rules->rbp_offset % 8 != 0 || rules->rbp_offset > -8 ||
            rules->rbp_offset / -8 >= 1 << RULE_SAVED_BITS)
            return RULE_END;
        saved = (uint32_t)(rules->rbp_offset / -8);
    }
    uint32_t kind = rules->cfa_register == UNWIND_RSP ? RULE_RSP : RULE_RBP;
    return kind | (uint32_t)(rules->cfa_offset / 8) << RULE_KIND_BITS |
           saved << (RULE_KIND_BITS + RULE_OFFSET_BITS);
}

/* The rule at a return address: that of the call before it. */
static uint32_t unwind_work_out(uintptr_t code)
{
    struct dl_find_object object;
    unwind_function function;
    code--;
    if (_dl_find_object((void *)code, &object) != 0 ||
        !unwind_read_function(&object, code, &function) || function.is_signal)
        return RULE_END;
    unwind_run run = {.place = function.start};
    if (!unwind_execute(&run, &function, NULL, function.first, code))
        return RULE_END;
    unwind_rules first = run.rules;
    run.place = function.start;
    if (!unwind_execute(&run, &function, &first, function.then, code))
        return RULE_END;
    return unwind_pack(&run.rules);
}

static __attribute__((noinline)) uint32_t unwind_learn(_Atomic uint64_t *slot, uintptr_t code)
{
    uint32_t rule = unwind_work_out(code);
    plim__store_relaxed(slot, (uint64_t)(code >> UNWIND_TAG_SHIFT) << 32 | rule);
    return rule;
}

static inline uint32_t unwind_rule(uintptr_t code)
{
    uintptr_t tag = code >> UNWIND_TAG_SHIFT;
    if (PLIM__UNLIKELY(tag >> 32 != 0))
        return RULE_END; /* no address of a program */
    _Atomic uint64_t *slot =
        &unwind_cache[(code ^ tag) & (((uintptr_t)1 << UNWIND_CACHE_BITS) - 1)];
    uint64_t known = plim__load_relaxed(slot);
    if (PLIM__LIKELY(known >> 32 == tag && (uint32_t)known != RULE_NONE))
        return (uint32_t)known;
    return unwind_learn(slot, code);
}

/* --- the walk -------------------------------------------------------------------------------- */

void plim__unwind_start(const void *stack_end)
{
    unwind_main_end = (uintptr_t)stack_end;
    unwind_is_main = true;
}

void plim__unwind_forget(void)
{
    for (size_t i = 0; i < sizeof unwind_cache / sizeof *unwind_cache; i++)
        plim__store_relaxed(&unwind_cache[i], 0);
}

/* Where the stack ends on which a frame lies; the frame itself if it is none we know. The record
   of a thread that pthread_self() is lies at the end of its stack, behind all frames. */
static inline uintptr_t unwind_stack_end(uintptr_t frame)
{
    uintptr_t end = unwind_is_main ? unwind_main_end : (uintptr_t)pthread_self();
    return end - frame < UNWIND_STACK_MAX ? end : frame;
}

static inline uint64_t unwind_word(uintptr_t at)
{
    return *(const uint64_t *)at;
}

uint32_t plim__unwind(const plim__caller *caller, uint64_t *frames, uint32_t most)
{
    uintptr_t frame = (uintptr_t)caller->frame;
    uintptr_t code = (uintptr_t)caller->code;
    uint32_t count = 0;
    frames[count++] = code;
    if (count == most)
        return count;
    uintptr_t end = unwind_stack_end(frame);
    uintptr_t sp = frame + 16; /* behind the saved frame pointer and the return address */
    if (sp > end)
        return count;
    uintptr_t rbp = unwind_word(frame);
    while (count < most) {
        uint32_t rule = unwind_rule(code);
        uint32_t kind = rule & ((1u << RULE_KIND_BITS) - 1);
        if (kind == RULE_END)
            break;
        uintptr_t offset = (uintptr_t)(rule >> RULE_KIND_BITS & ((1u << RULE_OFFSET_BITS) - 1)) * 8;
        uintptr_t above = (kind == RULE_RSP ? sp : rbp) + offset;
        uintptr_t saved = (uintptr_t)(rule >> (RULE_KIND_BITS + RULE_OFFSET_BITS)) * 8;
        /* U1. The word below `above` is the return address; the saved frame pointer lies lower. */
        if (above <= sp || above > end || (above & 7) != 0 || saved > above - sp || saved == 8)
            break;
        code = unwind_word(above - 8);
        if (saved != 0)
            rbp = unwind_word(above - saved);
        sp = above;
        if (code == 0)
            break;
        frames[count++] = code;
    }
    return count;
}

#else /* other machines, other C libraries: the caller alone */

void plim__unwind_start(const void *stack_end)
{
    (void)stack_end;
}

void plim__unwind_forget(void)
{
}

uint32_t plim__unwind(const plim__caller *caller, uint64_t *frames, uint32_t most)
{
    (void)most;
    frames[0] = (uintptr_t)caller->code;
    return 1;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Strings the rules ask for, found once: comparing names inside the walks over edges would be a
 * cache miss each. One byte per string says what it is; the names of WeakMap edges also get the
 * number of their pair and the id of their table.
 *
 * V8 names the two edges that lead to a WeakMap's value, one from the key and one from the table,
 *   <n> / part of key (<name> @<id>) -> value (<name> @<id>) pair in WeakMap (table @<id>)
 * where only <n> differs. Names may hold anything but a line end, as DevTools' pattern has it.
 * Invariant: weak_pair[s] == weak_pair[t] exactly if the texts after <n> are equal.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

#define WEAK_HEAD   " / part of key ("
#define WEAK_MIDDLE ") -> value ("
#define WEAK_TABLE  ") pair in WeakMap (table @"

/* The shortest such name: one digit each, no names. Most strings fail this test first. */
enum { WEAK_NAME_BYTES_MIN = 63 };

static bool strings_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Start of the digits that end just before `end`; `end` itself where there are none. */
static size_t strings_digits_before(plim_text text, size_t end)
{
    while (end > 0 && strings_is_digit(text.data[end - 1]))
        end--;
    return end;
}

/* Whether text[0..end) ends in " @" and digits; sets *out_start to the position of the blank. */
static bool strings_ends_in_id(plim_text text, size_t end, size_t *out_start)
{
    size_t digits = strings_digits_before(text, end);
    if (digits == end || digits < 2 || text.data[digits - 1] != '@' || text.data[digits - 2] != ' ')
        return false;
    *out_start = digits - 2;
    return true;
}

/* Line feed, carriage return, U+2028 and U+2029: what a dot does not stand for. */
static bool strings_has_line_end(plim_text text)
{
    for (size_t i = 0; i < text.size_bytes; i++) {
        char byte = text.data[i];
        if (byte == '\n' || byte == '\r')
            return true;
        if (byte == '\xe2' && i + 2 < text.size_bytes && text.data[i + 1] == '\x80' &&
            (text.data[i + 2] == '\xa8' || text.data[i + 2] == '\xa9'))
            return true;
    }
    return false;
}

/* Whether " @<id>) -> value (" stands somewhere in text[from..end). */
static bool strings_has_middle(plim_text text, size_t from, size_t end)
{
    static const size_t middle_bytes = sizeof WEAK_MIDDLE - 1;
    for (size_t at = from; at + middle_bytes <= end; at++) {
        size_t id_start;
        if (text.data[at] == ')' && memcmp(text.data + at, WEAK_MIDDLE, middle_bytes) == 0 &&
            strings_ends_in_id(text, at, &id_start) && id_start >= from)
            return true;
    }
    return false;
}

static uint64_t strings_number(plim_text text, size_t from, size_t end)
{
    uint64_t number = 0;
    for (size_t i = from; i < end; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return UINT64_MAX; /* no node has that id */
        number = number * 10 + digit;
    }
    return number;
}

/* Whether a string names a WeakMap edge: what follows its number, and the table's id. */
static bool strings_parse_weak_pair(plim_text text, plim_text *out_pair, uint64_t *out_table)
{
    static const size_t head_bytes = sizeof WEAK_HEAD - 1;
    static const size_t table_bytes = sizeof WEAK_TABLE - 1;
    size_t size = text.size_bytes;
    if (size < WEAK_NAME_BYTES_MIN || text.data[size - 1] != ')' || !strings_is_digit(text.data[0]))
        return false;
    size_t pair = 0;
    while (pair < size && strings_is_digit(text.data[pair]))
        pair++;
    plim_text rest = {text.data + pair, size - pair};
    if (!plim__text_starts(rest, WEAK_HEAD, head_bytes))
        return false;
    size_t table_id = strings_digits_before(text, size - 1);
    if (table_id == size - 1 || table_id < table_bytes + pair + head_bytes ||
        memcmp(text.data + table_id - table_bytes, WEAK_TABLE, table_bytes) != 0)
        return false;
    size_t value_id;
    if (!strings_ends_in_id(text, table_id - table_bytes, &value_id) ||
        !strings_has_middle(text, pair + head_bytes, value_id) || strings_has_line_end(rest))
        return false;
    *out_pair = rest;
    *out_table = strings_number(text, table_id, size - 1);
    return true;
}

static plim__string_kind strings_kind_of(plim_text text)
{
    static const struct {
        plim_text text;
        plim__string_kind kind;
    } known[] = {
        {{"Object", 6}, PLIM__STRING_OBJECT},
        {{"__proto__", 9}, PLIM__STRING_PROTO},
        {{"sloppy_function_map", 19}, PLIM__STRING_SLOPPY_MAP},
        {{"system / NativeContext", 22}, PLIM__STRING_NATIVE_CONTEXT},
        {{"(map descriptors)", 17}, PLIM__STRING_DESCRIPTORS},
        {{"system / ExternalStringData", 27}, PLIM__STRING_EXTERNAL_DATA},
        {{"(Document DOM trees)", 20}, PLIM__STRING_DOM_TREES},
    };
    if (text.size_bytes == 0)
        return PLIM__STRING_PLAIN;
    switch (text.data[0]) {
    case '<':
        return PLIM__STRING_TAG;
    case 'D':
        return plim__text_starts(text, "Detached ", 9) ? PLIM__STRING_DETACHED : PLIM__STRING_PLAIN;
    case 'O':
    case '_':
    case 's':
    case '(':
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (plim__text_equal(known[i].text, text))
                return known[i].kind;
        return PLIM__STRING_PLAIN;
    default:
        return PLIM__STRING_PLAIN;
    }
}

/* Notes one WeakMap edge name. The table's numbers are the pairs' numbers. */
static bool strings_note_weak_pair(plim__analysis_work *work, plim__text_table *pairs,
                                   uint32_t string, plim_text pair, uint64_t table_id)
{
    uint32_t string_count = work->graph->string_count;
    if (work->weak_pair == NULL) {
        work->weak_pair = plim__array_new(work->allocator, string_count, sizeof *work->weak_pair);
        if (work->weak_pair == NULL)
            return false;
    }
    uint32_t number = plim__text_table_add(pairs, pair);
    if (number == PLIM_NONE)
        return false;
    if (number == work->weak_pair_count) {
        if (number == work->weak_pair_capacity) {
            uint32_t wanted = number == 0 ? 16 : number * 2;
            uint64_t *tables = plim__array_resize(work->allocator, work->weak_table, number, wanted,
                                                  sizeof *tables);
            if (tables == NULL)
                return false;
            work->weak_table = tables;
            work->weak_pair_capacity = wanted;
        }
        work->weak_pair_count = number + 1;
        work->weak_table[number] = table_id;
    }
    work->weak_pair[string] = number;
    return true;
}

static bool strings_has_user_roots(const plim__analysis_work *work)
{
    const plim_graph *graph = work->graph;
    for (uint32_t edge = graph->first_edge[0]; edge < graph->first_edge[1]; edge++) {
        uint32_t to = graph->edge_to[edge];
        if (plim__is_user_root(work, to))
            return true;
    }
    return false;
}

plim_status plim__strings_classify(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    plim__text_table pairs = {.allocator = work->allocator};
    plim_status status = PLIM_OK;
    work->string_kind = plim__array_new(work->allocator, (size_t)graph->string_count, 1);
    if (work->string_kind == NULL)
        return plim__no_memory(err, "the kinds of strings");
    for (uint32_t string = 0; string < graph->string_count && status == PLIM_OK; string++) {
        plim_text text = plim__graph_string(graph, string);
        plim_text pair;
        uint64_t table_id;
        if (strings_parse_weak_pair(text, &pair, &table_id)) {
            work->string_kind[string] = PLIM__STRING_WEAK_PAIR;
            if (!strings_note_weak_pair(work, &pairs, string, pair, table_id))
                status = plim__no_memory(err, "the pairs of WeakMaps");
        } else {
            work->string_kind[string] = (uint8_t)strings_kind_of(text);
        }
    }
    plim__text_table_fini(&pairs);
    if (status == PLIM_OK)
        work->has_user_roots = strings_has_user_roots(work);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * A JSON automaton with a stack of bits, pushed from outside. Why not a library: the text is up
 * to gigabytes of integers, comes in chunks, may be cut anywhere, and has lone surrogates that
 * strict parsers refuse. Why one for reader and checker: what `snap` lets through as complete,
 * every later verb must be able to read.
 *
 * Invariants (between calls of feed):
 *  I1 depth is the number of open containers, at most PLIM_JSON_DEPTH_MAX; an integer section is
 *     not on the stack: while in INTEGERS, depth is 1.
 *  I2 section is not NONE exactly from the colon of a key of the root object to the end of its
 *     value.
 *  I3 nodes, edges and locations are entered only when meta is known.
 *  I4 high_surrogate is not 0 only inside a string, and nothing behind it was emitted.
 *  I5 once failure is set, no state changes any more.
 */
#include "heap/v8_scan.h"

#include <inttypes.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Where a number outside the integer sections stands; those in the second half may end. */
enum {
    NUMBER_MINUS,
    NUMBER_DOT,
    NUMBER_E,
    NUMBER_E_SIGN,
    NUMBER_ZERO,
    NUMBER_INTEGER,
    NUMBER_FRACTION,
    NUMBER_EXPONENT
};

enum {
    SCAN_CAPTURE_BYTES = 4096, /* first size of the buffer of the snapshot object */
    SURROGATE_HIGH = 0xd800,
    SURROGATE_LOW = 0xdc00,
    SURROGATE_END = 0xe000
};

static const char *const SECTION_NAMES[PLIM__V8_SECTION_COUNT] = {
    [PLIM__V8_SECTION_NONE] = "",
    [PLIM__V8_SNAPSHOT] = "snapshot",
    [PLIM__V8_NODES] = "nodes",
    [PLIM__V8_EDGES] = "edges",
    [PLIM__V8_LOCATIONS] = "locations",
    [PLIM__V8_STRINGS] = "strings",
    [PLIM__V8_SAMPLES] = "samples",
    [PLIM__V8_FUNCTIONS] = "trace_function_infos",
    [PLIM__V8_SECTION_OTHER] = "another section",
};

const char *plim__v8_section_name(plim__v8_section section)
{
    PLIM_CHECK(section < PLIM__V8_SECTION_COUNT);
    return SECTION_NAMES[section];
}

static bool section_is_integers(const plim__v8_scan *scan, plim__v8_section section)
{
    return section == PLIM__V8_NODES || section == PLIM__V8_EDGES ||
           (section == PLIM__V8_LOCATIONS && scan->meta.width[PLIM__V8_LOCATION_ROWS] > 0);
}

static plim__v8_rows section_rows(plim__v8_section section)
{
    return section == PLIM__V8_NODES   ? PLIM__V8_NODE_ROWS
           : section == PLIM__V8_EDGES ? PLIM__V8_EDGE_ROWS
                                       : PLIM__V8_LOCATION_ROWS;
}

static bool stack_is_object(const plim__v8_scan *scan)
{
    return scan->depth > 0 && (scan->in_object[scan->depth / 8] >> (scan->depth % 8) & 1) != 0;
}

static plim_status stack_push(plim__v8_scan *scan, bool object)
{
    if (scan->depth == PLIM_JSON_DEPTH_MAX)
        return plim_error_set(&scan->failure, PLIM_ERR_LIMIT, "the text nests over %d deep",
                              (int)PLIM_JSON_DEPTH_MAX);
    scan->depth++;
    uint8_t bit = (uint8_t)(1u << (scan->depth % 8));
    uint8_t *byte = &scan->in_object[scan->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    scan->state = object ? PLIM__V8_SCAN_FIRST_KEY : PLIM__V8_SCAN_FIRST_VALUE;
    return PLIM_OK;
}

/* Sections. */

static plim_status section_check_count(plim__v8_scan *scan, plim__v8_section section, bool ended)
{
    uint64_t announced = section == PLIM__V8_NODES ? scan->meta.node_count : scan->meta.edge_count;
    uint64_t seen = scan->row_count[section];
    if (seen > announced || (ended && seen < announced))
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                              "the snapshot announces %" PRIu64 " %s but has %s%" PRIu64, announced,
                              SECTION_NAMES[section], ended ? "" : "at least ", seen);
    return PLIM_OK;
}

static plim_status section_begin(plim__v8_scan *scan)
{
    plim__v8_section section = PLIM__V8_SECTION_OTHER;
    for (int i = PLIM__V8_SNAPSHOT; i < PLIM__V8_SECTION_OTHER; i++) {
        if (scan->key_len == strlen(SECTION_NAMES[i]) &&
            memcmp(scan->key, SECTION_NAMES[i], scan->key_len) == 0)
            section = (plim__v8_section)i;
    }
    uint32_t bit = 1u << section;
    if (section != PLIM__V8_SECTION_OTHER && (scan->sections_seen & bit) != 0)
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED, "the section `%s` is there twice",
                              SECTION_NAMES[section]);
    bool needs_meta =
        section == PLIM__V8_NODES || section == PLIM__V8_EDGES || section == PLIM__V8_LOCATIONS;
    if (needs_meta && (scan->sections_seen & 1u << PLIM__V8_SNAPSHOT) == 0)
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                              "the section `%s` stands before `snapshot`, which explains it",
                              SECTION_NAMES[section]);
    scan->sections_seen |= bit;
    scan->section = section;
    return PLIM_OK;
}

static plim_status section_end(plim__v8_scan *scan)
{
    plim__v8_section section = scan->section;
    scan->capturing = false;
    scan->section = PLIM__V8_SECTION_NONE;
    if (section == PLIM__V8_NODES || section == PLIM__V8_EDGES)
        return section_check_count(scan, section, true);
    return PLIM_OK;
}

static plim_status value_end(plim__v8_scan *scan)
{
    scan->state = scan->depth == 0 ? PLIM__V8_SCAN_DONE : PLIM__V8_SCAN_AFTER;
    if (scan->depth == 1)
        return section_end(scan);
    if (scan->depth == 2 &&
        (scan->section == PLIM__V8_SAMPLES || scan->section == PLIM__V8_FUNCTIONS))
        scan->row_count[scan->section]++;
    return PLIM_OK;
}

static plim_status integers_flush(plim__v8_scan *scan)
{
    plim__v8_numbers *numbers = &scan->numbers;
    plim__v8_section section = scan->section;
    size_t width = scan->meta.width[section_rows(section)];
    size_t rows = numbers->count / width;
    if (numbers->count % width != 0)
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                              "the last row has %zu of %zu fields", numbers->count % width, width);
    numbers->count = 0;
    if (rows == 0)
        return PLIM_OK;
    scan->row_count[section] += rows;
    if (section != PLIM__V8_LOCATIONS) {
        plim_status status = section_check_count(scan, section, false);
        if (status != PLIM_OK)
            return status;
    }
    if (scan->events.rows == NULL)
        return PLIM_OK;
    return scan->events.rows(scan->events.ctx, section, numbers->values, rows, &scan->failure);
}

static plim_status scan_integers(plim__v8_scan *scan, const char **p, const char *end)
{
    plim_status status = PLIM_OK;
    while (status == PLIM_OK) {
        switch (plim__v8_numbers_run(&scan->numbers, p, end)) {
        case PLIM__V8_NUMBERS_MORE:
            return PLIM_OK;
        case PLIM__V8_NUMBERS_FULL:
            status = integers_flush(scan);
            break;
        case PLIM__V8_NUMBERS_CLOSED:
            status = integers_flush(scan);
            return status != PLIM_OK ? status : value_end(scan);
        case PLIM__V8_NUMBERS_BAD:
            return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED, "%s", scan->numbers.fault);
        }
    }
    return status;
}

/* Strings. */

static plim_status text_emit(plim__v8_scan *scan, const char *bytes, size_t len)
{
    if (!scan->in_key) {
        if (scan->section != PLIM__V8_STRINGS || scan->events.text == NULL)
            return PLIM_OK;
        return scan->events.text(scan->events.ctx, bytes, len, &scan->failure);
    }
    if (scan->depth != 1)
        return PLIM_OK;
    if (len > PLIM__V8_KEY_BYTES - (size_t)scan->key_len)
        scan->key_len = PLIM__V8_KEY_BYTES; /* no section has so long a name: none will match */
    else if (len > 0) {
        memcpy(scan->key + scan->key_len, bytes, len);
        scan->key_len += (uint32_t)len;
    }
    return PLIM_OK;
}

static plim_status text_emit_code(plim__v8_scan *scan, uint32_t code)
{
    char bytes[4];
    size_t len;
    if (code < 0x80) {
        bytes[0] = (char)code;
        len = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
        len = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
        len = 3;
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
        len = 4;
    }
    return text_emit(scan, bytes, len);
}

/* A high surrogate that no low one followed stays alone, as V8 wrote it. */
static plim_status text_settle(plim__v8_scan *scan)
{
    uint32_t high = scan->high_surrogate;
    scan->high_surrogate = 0;
    return high == 0 ? PLIM_OK : text_emit_code(scan, high);
}

static plim_status text_run(plim__v8_scan *scan, const char *run, size_t len)
{
    if (len == 0)
        return PLIM_OK;
    plim_status status = text_settle(scan);
    return status != PLIM_OK ? status : text_emit(scan, run, len);
}

/* One byte of a character beyond ASCII: RFC 3629, but surrogates pass (WTF-8). */
static bool utf8_take(plim__v8_scan *scan, uint8_t byte)
{
    if (scan->utf8_missing > 0) {
        if (byte < scan->utf8_low || byte > scan->utf8_high)
            return false;
        scan->utf8_missing--;
        scan->utf8_low = 0x80;
        scan->utf8_high = 0xbf;
        return true;
    }
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    scan->utf8_missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    scan->utf8_low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    scan->utf8_high = byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

/* The first byte that is a quote, a backslash, a control character or beyond ASCII. */
static const char *text_skip_plain(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i marks =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        /* Signed: bytes beyond ASCII are below the space as well. */
        marks = _mm_or_si128(marks, _mm_cmplt_epi8(bytes, space));
        if (_mm_movemask_epi8(marks) != 0)
            break;
        p += 16;
    }
#endif
    while (p < end) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\' || c < 0x20 || c >= 0x80)
            break;
        p++;
    }
    return p;
}

static plim_status string_begin(plim__v8_scan *scan, bool key)
{
    scan->state = PLIM__V8_SCAN_STRING;
    scan->in_key = key;
    if (key && scan->depth == 1)
        scan->key_len = 0;
    return PLIM_OK;
}

static plim_status string_end(plim__v8_scan *scan)
{
    plim_status status = text_settle(scan);
    if (status != PLIM_OK)
        return status;
    if (scan->in_key) {
        scan->in_key = false;
        scan->state = PLIM__V8_SCAN_COLON;
        return PLIM_OK;
    }
    if (scan->section == PLIM__V8_STRINGS) {
        scan->string_count++;
        if (scan->events.text_end != NULL)
            status = scan->events.text_end(scan->events.ctx, &scan->failure);
    }
    return status != PLIM_OK ? status : value_end(scan);
}

static plim_status scan_string(plim__v8_scan *scan, const char **at, const char *end)
{
    const char *run = *at;
    const char *p = run;
    while (p < end) {
        if (scan->utf8_missing == 0)
            p = text_skip_plain(p, end);
        if (p == end)
            break;
        if (scan->utf8_missing == 0 && (unsigned char)*p < 0x80)
            break;
        if (!utf8_take(scan, (uint8_t)*p)) {
            *at = p;
            return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                                  "a string is not UTF-8: byte 0x%02x is out of place",
                                  (unsigned)(unsigned char)*p);
        }
        p++;
    }
    *at = p;
    plim_status status = text_run(scan, run, (size_t)(p - run));
    if (status != PLIM_OK || p == end)
        return status;
    if (*p == '"') {
        *at = p + 1;
        return string_end(scan);
    }
    if (*p == '\\') {
        *at = p + 1;
        scan->state = PLIM__V8_SCAN_ESCAPE;
        return PLIM_OK;
    }
    return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                          "a string has a bare control character, 0x%02x",
                          (unsigned)(unsigned char)*p);
}

static plim_status escape_code(plim__v8_scan *scan, uint32_t code)
{
    scan->state = PLIM__V8_SCAN_STRING;
    if (scan->high_surrogate != 0 && code >= SURROGATE_LOW && code < SURROGATE_END) {
        uint32_t high = scan->high_surrogate - SURROGATE_HIGH;
        scan->high_surrogate = 0;
        return text_emit_code(scan, 0x10000 + (high << 10) + (code - SURROGATE_LOW));
    }
    plim_status status = text_settle(scan);
    if (status != PLIM_OK)
        return status;
    if (code >= SURROGATE_HIGH && code < SURROGATE_LOW) {
        scan->high_surrogate = code;
        return PLIM_OK;
    }
    return text_emit_code(scan, code);
}

static plim_status scan_escape(plim__v8_scan *scan, const char **p)
{
    static const char ESCAPES[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* pairs: letter, meaning */
    char c = **p;
    if (c == 'u') {
        ++*p;
        scan->state = PLIM__V8_SCAN_UNICODE;
        scan->escape_digits = 0;
        scan->escape_value = 0;
        return PLIM_OK;
    }
    for (size_t i = 0; i + 1 < sizeof ESCAPES; i += 2) {
        if (c == ESCAPES[i]) {
            ++*p;
            return escape_code(scan, (uint32_t)ESCAPES[i + 1]);
        }
    }
    return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED, "a string has an escape JSON has not");
}

static plim_status scan_unicode(plim__v8_scan *scan, const char **p)
{
    char c = **p;
    uint32_t digit;
    if (c >= '0' && c <= '9')
        digit = (uint32_t)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (uint32_t)((c | 0x20) - 'a') + 10;
    else
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                              "a \\u escape has something else than four hexadecimal digits");
    ++*p;
    scan->escape_value = scan->escape_value << 4 | digit;
    return ++scan->escape_digits < 4 ? PLIM_OK : escape_code(scan, scan->escape_value);
}

/* Numbers and words outside the integer sections. */

static int number_next(int state, char c)
{
    bool digit = c >= '0' && c <= '9';
    switch (state) {
    case NUMBER_MINUS:
        return c == '0' ? NUMBER_ZERO : digit ? NUMBER_INTEGER : -1;
    case NUMBER_DOT:
    case NUMBER_FRACTION:
        if (digit)
            return NUMBER_FRACTION;
        return state == NUMBER_FRACTION && (c | 0x20) == 'e' ? NUMBER_E : -1;
    case NUMBER_E:
        if (c == '+' || c == '-')
            return NUMBER_E_SIGN;
        return digit ? NUMBER_EXPONENT : -1;
    case NUMBER_E_SIGN:
    case NUMBER_EXPONENT:
        return digit ? NUMBER_EXPONENT : -1;
    default: /* ZERO, INTEGER */
        if (digit && state == NUMBER_INTEGER)
            return NUMBER_INTEGER;
        return c == '.' ? NUMBER_DOT : (c | 0x20) == 'e' ? NUMBER_E : -1;
    }
}

static plim_status scan_number(plim__v8_scan *scan, const char **p, const char *end)
{
    int state = scan->number_state;
    while (*p < end) {
        int next = number_next(state, **p);
        if (next < 0) {
            if (state >= NUMBER_ZERO)
                return value_end(scan);
            return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED, "a number is not JSON's");
        }
        state = next;
        ++*p;
    }
    scan->number_state = (uint8_t)state;
    return PLIM_OK;
}

static plim_status scan_word(plim__v8_scan *scan, const char **p)
{
    if (**p != scan->word[scan->word_len])
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED,
                              "a word is none of true, false, null");
    ++*p;
    scan->word_len++;
    return scan->word[scan->word_len] == '\0' ? value_end(scan) : PLIM_OK;
}

/* Values. */

static plim_status unexpected(plim__v8_scan *scan, char c, const char *wanted)
{
    unsigned char byte = (unsigned char)c;
    if (byte > 0x20 && byte < 0x7f)
        return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED, "there is `%c` where %s must be", c,
                              wanted);
    return plim_error_set(&scan->failure, PLIM_ERR_DAMAGED, "there is byte 0x%02x where %s must be",
                          (unsigned)byte, wanted);
}

static plim_status begin_root(plim__v8_scan *scan, char c)
{
    if (c == '{')
        return stack_push(scan, true);
    plim_status status = unexpected(scan, c, "the `{` of a heap snapshot");
    plim_error_hint(&scan->failure, "give a file that Chrome DevTools, Node or `plim snap` wrote");
    return status;
}

static plim_status begin_section(plim__v8_scan *scan, char c)
{
    plim__v8_section section = scan->section;
    if (section == PLIM__V8_SNAPSHOT) {
        if (c != '{')
            return unexpected(scan, c, "the `{` of `snapshot`");
        scan->capturing = true;
        return stack_push(scan, true);
    }
    if (c != '[')
        return unexpected(scan, c, "the `[` of a section");
    if (!section_is_integers(scan, section))
        return stack_push(scan, false);
    plim__v8_numbers_start(&scan->numbers, scan->meta.width[section_rows(section)],
                           section == PLIM__V8_LOCATIONS, scan->events.rows == NULL);
    scan->state = PLIM__V8_SCAN_INTEGERS;
    return PLIM_OK;
}

static plim_status begin_value(plim__v8_scan *scan, const char **p)
{
    char c = **p;
    plim__v8_section section = scan->section;
    if (scan->depth == 1 && section != PLIM__V8_SECTION_OTHER) {
        plim_status status = begin_section(scan, c);
        *p += status == PLIM_OK;
        return status;
    }
    if (section == PLIM__V8_STRINGS && c != '"')
        return unexpected(scan, c, "a string");
    plim_status status = PLIM_OK;
    if (scan->depth == 0) {
        status = begin_root(scan, c);
    } else if (c == '{' || c == '[') {
        status = stack_push(scan, c == '{');
    } else if (c == '"') {
        status = string_begin(scan, false);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        scan->state = PLIM__V8_SCAN_NUMBER;
        scan->number_state = c == '-' ? NUMBER_MINUS : c == '0' ? NUMBER_ZERO : NUMBER_INTEGER;
    } else if (c == 't' || c == 'f' || c == 'n') {
        scan->state = PLIM__V8_SCAN_WORD;
        scan->word = c == 't' ? "true" : c == 'f' ? "false" : "null";
        scan->word_len = 1;
    } else {
        status = unexpected(scan, c, "a value");
    }
    *p += status == PLIM_OK;
    return status;
}

static plim_status close_container(plim__v8_scan *scan, const char **p)
{
    char wanted = stack_is_object(scan) ? '}' : ']';
    if (**p != wanted)
        return unexpected(scan, **p, wanted == '}' ? "a comma or `}`" : "a comma or `]`");
    ++*p;
    scan->depth--;
    return value_end(scan);
}

static plim_status scan_between(plim__v8_scan *scan, const char **p, const char *end)
{
    while (*p < end && (**p == ' ' || **p == '\n' || **p == '\r' || **p == '\t'))
        ++*p;
    if (*p == end)
        return PLIM_OK;
    char c = **p;
    if (scan->state == PLIM__V8_SCAN_VALUE)
        return begin_value(scan, p);
    if (scan->state == PLIM__V8_SCAN_FIRST_VALUE)
        return c == ']' ? close_container(scan, p) : begin_value(scan, p);
    if (scan->state == PLIM__V8_SCAN_KEY || scan->state == PLIM__V8_SCAN_FIRST_KEY) {
        if (c == '}' && scan->state == PLIM__V8_SCAN_FIRST_KEY)
            return close_container(scan, p);
        if (c != '"')
            return unexpected(scan, c, "a key");
        ++*p;
        return string_begin(scan, true);
    }
    if (scan->state == PLIM__V8_SCAN_COLON) {
        if (c != ':')
            return unexpected(scan, c, "a colon");
        ++*p;
        scan->state = PLIM__V8_SCAN_VALUE;
        return scan->depth == 1 ? section_begin(scan) : PLIM_OK;
    }
    if (scan->state == PLIM__V8_SCAN_DONE)
        return unexpected(scan, c, "the end of the text");
    if (c != ',')
        return close_container(scan, p);
    ++*p;
    scan->state = stack_is_object(scan) ? PLIM__V8_SCAN_KEY : PLIM__V8_SCAN_VALUE;
    return PLIM_OK;
}

static plim_status scan_step(plim__v8_scan *scan, const char **p, const char *end)
{
    switch (scan->state) {
    case PLIM__V8_SCAN_INTEGERS:
        return scan_integers(scan, p, end);
    case PLIM__V8_SCAN_STRING:
        return scan_string(scan, p, end);
    case PLIM__V8_SCAN_ESCAPE:
        return scan_escape(scan, p);
    case PLIM__V8_SCAN_UNICODE:
        return scan_unicode(scan, p);
    case PLIM__V8_SCAN_NUMBER:
        return scan_number(scan, p, end);
    case PLIM__V8_SCAN_WORD:
        return scan_word(scan, p);
    case PLIM__V8_SCAN_VALUE:
    case PLIM__V8_SCAN_FIRST_VALUE:
    case PLIM__V8_SCAN_KEY:
    case PLIM__V8_SCAN_FIRST_KEY:
    case PLIM__V8_SCAN_COLON:
    case PLIM__V8_SCAN_AFTER:
    case PLIM__V8_SCAN_DONE:
        return scan_between(scan, p, end);
    }
    return plim_error_set(&scan->failure, PLIM_ERR_INTERNAL, "the scanner is in no state");
}

/* The snapshot object, which the scanner keeps until it can be parsed as a whole. */

static plim_status capture_append(plim__v8_scan *scan, const char *bytes, size_t len)
{
    size_t needed = scan->captured_len + len;
    if (needed > PLIM_META_BYTES_MAX)
        return plim_error_set(&scan->failure, PLIM_ERR_LIMIT,
                              "the `snapshot` object is longer than %d bytes",
                              (int)PLIM_META_BYTES_MAX);
    if (needed > scan->captured_capacity) {
        size_t capacity =
            scan->captured_capacity == 0 ? SCAN_CAPTURE_BYTES : scan->captured_capacity;
        while (capacity < needed)
            capacity *= 2;
        char *grown = plim__array_resize(scan->allocator, scan->captured, scan->captured_capacity,
                                         capacity, 1);
        if (grown == NULL)
            return plim__no_memory(&scan->failure, "the head of the snapshot");
        scan->captured = grown;
        scan->captured_capacity = capacity;
    }
    memcpy(scan->captured + scan->captured_len, bytes, len);
    scan->captured_len = needed;
    return PLIM_OK;
}

static plim_status capture_end(plim__v8_scan *scan)
{
    plim_status status =
        plim__v8_meta_parse(scan->captured, scan->captured_len, &scan->meta, &scan->failure);
    plim__array_free(scan->allocator, scan->captured, scan->captured_capacity, 1);
    scan->captured = NULL;
    scan->captured_capacity = 0;
    if (status != PLIM_OK || scan->events.meta == NULL)
        return status;
    return scan->events.meta(scan->events.ctx, &scan->meta, &scan->failure);
}

void plim__v8_scan_init(plim__v8_scan *scan, const plim_allocator *allocator,
                        const plim__v8_events *events)
{
    PLIM_CHECK(scan != NULL && events != NULL);
    memset(scan, 0, offsetof(plim__v8_scan, numbers));
    memset(&scan->failure, 0, sizeof scan->failure);
    scan->allocator = plim__allocator_or_system(allocator);
    scan->events = *events;
    scan->state = PLIM__V8_SCAN_VALUE;
}

void plim__v8_scan_fini(plim__v8_scan *scan)
{
    if (scan == NULL || scan->captured == NULL)
        return;
    plim__array_free(scan->allocator, scan->captured, scan->captured_capacity, 1);
    scan->captured = NULL;
}

static plim_status scan_report(const plim__v8_scan *scan, plim_error *err)
{
    if (err != NULL && err->status == PLIM_OK)
        *err = scan->failure;
    return scan->failure.status;
}

static plim_status scan_failed(plim__v8_scan *scan, plim_status status, uint64_t offset,
                               plim_error *err)
{
    if (scan->failure.status == PLIM_OK)
        (void)plim_error_set(&scan->failure, status, "the snapshot could not be taken in");
    if (scan->section == PLIM__V8_SECTION_NONE)
        plim_error_where(&scan->failure, "byte %" PRIu64, offset);
    else
        plim_error_where(&scan->failure, "section `%s`, byte %" PRIu64,
                         SECTION_NAMES[scan->section], offset);
    if (status == PLIM_ERR_DAMAGED)
        plim_error_hint(&scan->failure, "%s", PLIM__V8_DAMAGED_HINT);
    return scan_report(scan, err);
}

plim_status plim__v8_scan_feed(plim__v8_scan *scan, const char *bytes, size_t len, plim_error *err)
{
    PLIM_CHECK(scan != NULL && (bytes != NULL || len == 0));
    if (scan->failure.status != PLIM_OK)
        return scan_report(scan, err);
    const char *p = bytes;
    const char *end = bytes + len;
    while (p < end) {
        const char *from = p;
        bool captured = scan->capturing;
        plim_status status = scan_step(scan, &p, end);
        captured |= scan->capturing;
        if (status == PLIM_OK && captured)
            status = capture_append(scan, from, (size_t)(p - from));
        if (status == PLIM_OK && captured && !scan->capturing)
            status = capture_end(scan);
        if (status != PLIM_OK)
            return scan_failed(scan, status, scan->byte_count + (uint64_t)(p - bytes), err);
    }
    scan->byte_count += len;
    return PLIM_OK;
}

static plim_status finish_status(plim__v8_scan *scan)
{
    plim_error *failure = &scan->failure;
    if (scan->byte_count == 0)
        return plim_error_set(failure, PLIM_ERR_TRUNCATED, "there is nothing: the input is empty");
    if (scan->state != PLIM__V8_SCAN_DONE)
        return plim_error_set(failure, PLIM_ERR_TRUNCATED, "the snapshot ends in the middle");
    if ((scan->sections_seen & 1u << PLIM__V8_SNAPSHOT) == 0)
        return plim_error_set(failure, PLIM_ERR_DAMAGED,
                              "this is JSON, but no heap snapshot: it has no `snapshot`");
    for (int i = PLIM__V8_NODES; i <= PLIM__V8_EDGES; i++) {
        plim_status status = section_check_count(scan, (plim__v8_section)i, true);
        if (status != PLIM_OK)
            return status;
    }
    if (scan->meta.node_count == 0)
        return plim_error_set(failure, PLIM_ERR_DAMAGED,
                              "the snapshot has no nodes, so not even a root");
    return PLIM_OK;
}

plim_status plim__v8_scan_finish(plim__v8_scan *scan, plim_error *err)
{
    PLIM_CHECK(scan != NULL);
    if (scan->failure.status != PLIM_OK)
        return scan_report(scan, err);
    plim_status status = finish_status(scan);
    if (status == PLIM_ERR_TRUNCATED)
        plim_error_hint(&scan->failure, "the writer was cut off: take the snapshot again");
    if (status != PLIM_OK)
        return scan_failed(scan, status, scan->byte_count, err);
    size_t sample_width = scan->meta.width[PLIM__V8_SAMPLE_ROWS];
    size_t function_width = scan->meta.width[PLIM__V8_FUNCTION_ROWS];
    scan->row_count[PLIM__V8_SAMPLES] /= sample_width != 0 ? sample_width : 1;
    scan->row_count[PLIM__V8_FUNCTIONS] /= function_width != 0 ? function_width : 1;
    return PLIM_OK;
}

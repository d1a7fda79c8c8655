/* SPDX-License-Identifier: MIT */
/*
 * Scanners of the same kind, one for the message and one for each level of messages inside it. A
 * scanner copies what passes into `control`, the text jansson gets, but for the string of a rule,
 * of which it writes only the quotes; its decoded bytes go to `out`. The driver moves `out` on: to
 * the stream's consumer, or into the next scanner. So nothing here calls itself, and what is held
 * is one piece a level.
 *
 * Strings are decoded and written anew also on their way into control: a lone surrogate, which V8
 * sends for some JavaScript strings and jansson refuses, becomes U+FFFD.
 *
 * Invariants: E1 out_len is at most sizeof out. E2 control_len is at most PLIM_CONTROL_BYTES_MAX.
 * E3 keys are looked at only at depth 1 to 3, the method at depth 1, so no stack of containers is
 * kept: brackets that do not match are jansson's to refuse. E4 scanner N + 1 reads a message only
 * once in each message of scanner N, so no two are mixed.
 */
#include "inspect/wire/envelope.h"

#include <stdint.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

enum {
    PLIM__ENVELOPE_MAGIC = 0x6e57e001,
    PLIM__ENVELOPE_OUT_BYTES = 16 << 10, /* two pieces of the framer's 4 KiB and room to spare */
    PLIM__ENVELOPE_OUT_SPARE = 8,        /* the most one input byte can emit: two characters */
    PLIM__ENVELOPE_NAME_BYTES = 64,      /* longer than any method or key of a rule */
    PLIM__ENVELOPE_DEPTH = 3,            /* where the deepest string of a rule stands */
    PLIM__ENVELOPE_KEEP_BYTES = 1 << 20  /* control text that is kept for the next message */
};

/* What the string being read is. */
typedef enum envelope_role {
    ENVELOPE_PLAIN,
    ENVELOPE_KEY,
    ENVELOPE_METHOD,
    ENVELOPE_STREAM, /* of a rule: goes to out */
    ENVELOPE_MESSAGE /* of a rule with is_message: goes to out */
} envelope_role;

typedef enum envelope_state {
    ENVELOPE_OUTSIDE, /* of a string */
    ENVELOPE_INSIDE,
    ENVELOPE_BACKSLASH,
    ENVELOPE_HEX
} envelope_state;

/* What the object at depth 2 is. */
typedef enum envelope_part { ENVELOPE_OTHER, ENVELOPE_PARAMS, ENVELOPE_RESULT } envelope_part;

typedef struct envelope_name {
    char text[PLIM__ENVELOPE_NAME_BYTES];
    size_t len; /* sizeof text: too long to be one of ours */
} envelope_name;

typedef struct envelope_scan {
    envelope_state state;
    envelope_role role;
    uint32_t depth;
    bool is_object[PLIM__ENVELOPE_DEPTH + 1]; /* of the containers at depth 1 to 3 */
    envelope_part part;
    char last; /* last token outside of strings, of { [ ] } , : */
    envelope_name key;
    envelope_name under; /* the key whose value the container at depth 3 is */
    envelope_name method;
    uint32_t hex; /* digits so far of \u */
    uint32_t hex_count;
    uint32_t high; /* high surrogate that waits for its other half; 0: none */
    char *control;
    size_t control_len;
    size_t control_cap;
    size_t out_len;
    char out[PLIM__ENVELOPE_OUT_BYTES];
} envelope_scan;

struct plim__envelope {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__envelope_rule rules[PLIM__ENVELOPE_RULES_MAX];
    size_t rule_count;
    plim__envelope_events events;
    size_t level_count; /* scanners whose message has begun; the first one's always has */
    envelope_scan scans[PLIM__ENVELOPE_LEVELS];
};

/* ---- control text and out ------------------------------------------------------------------ */

static plim_status envelope_control(plim__envelope *envelope, envelope_scan *scan, const char *data,
                                    size_t len, plim_error *err)
{
    if (len > PLIM_CONTROL_BYTES_MAX - scan->control_len) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_LIMIT, "the target sent a message of more than %u MiB",
                           PLIM_CONTROL_BYTES_MAX >> 20);
        plim_error_hint(err, "take a shorter recording, or a larger --interval");
        return status;
    }
    size_t needed = scan->control_len + len;
    if (needed > scan->control_cap) {
        size_t cap = scan->control_cap == 0 ? 4096 : scan->control_cap;
        while (cap < needed)
            cap *= 2;
        char *text =
            plim__array_resize(envelope->allocator, scan->control, scan->control_cap, cap, 1);
        if (text == NULL)
            return plim__no_memory(err, "a message of the target");
        scan->control = text;
        scan->control_cap = cap;
    }
    memcpy(scan->control + scan->control_len, data, len);
    scan->control_len = needed;
    return PLIM_OK;
}

static bool envelope_is_streamed(const envelope_scan *scan)
{
    return scan->role == ENVELOPE_STREAM || scan->role == ENVELOPE_MESSAGE;
}

static void envelope_name_add(envelope_name *name, const char *data, size_t len)
{
    if (len > sizeof name->text - name->len)
        len = sizeof name->text - name->len;
    memcpy(name->text + name->len, data, len);
    name->len += len;
}

static bool envelope_name_is(const envelope_name *name, const char *wanted)
{
    size_t len = strlen(wanted);
    return len < sizeof name->text && name->len == len && memcmp(name->text, wanted, len) == 0;
}

/* Decoded bytes of the string being read, free of quotes, backslashes and control characters where
 * they go into control. A streamed string has room for them: envelope_scan_piece() sees to it. */
static plim_status envelope_emit(plim__envelope *envelope, envelope_scan *scan, const char *data,
                                 size_t len, plim_error *err)
{
    if (envelope_is_streamed(scan)) {
        PLIM_CHECK(len <= sizeof scan->out - scan->out_len);
        memcpy(scan->out + scan->out_len, data, len);
        scan->out_len += len;
        return PLIM_OK;
    }
    if (scan->role == ENVELOPE_KEY)
        envelope_name_add(&scan->key, data, len);
    else if (scan->role == ENVELOPE_METHOD)
        envelope_name_add(&scan->method, data, len);
    return envelope_control(envelope, scan, data, len, err);
}

/* One code point, not a surrogate. */
static plim_status envelope_emit_point(plim__envelope *envelope, envelope_scan *scan,
                                       uint32_t point, plim_error *err)
{
    static const char hex[] = "0123456789abcdef";
    char text[8];
    size_t len = 0;
    bool is_special = point < 0x20 || point == '"' || point == '\\';
    if (is_special && !envelope_is_streamed(scan)) {
        text[len++] = '\\';
        text[len++] = 'u';
        text[len++] = '0';
        text[len++] = '0';
        text[len++] = hex[point >> 4];
        text[len++] = hex[point & 15];
        return envelope_emit(envelope, scan, text, len, err);
    }
    if (point < 0x80) {
        text[len++] = (char)point;
    } else if (point < 0x800) {
        text[len++] = (char)(0xc0 | point >> 6);
        text[len++] = (char)(0x80 | (point & 63));
    } else if (point < 0x10000) {
        text[len++] = (char)(0xe0 | point >> 12);
        text[len++] = (char)(0x80 | (point >> 6 & 63));
        text[len++] = (char)(0x80 | (point & 63));
    } else {
        text[len++] = (char)(0xf0 | point >> 18);
        text[len++] = (char)(0x80 | (point >> 12 & 63));
        text[len++] = (char)(0x80 | (point >> 6 & 63));
        text[len++] = (char)(0x80 | (point & 63));
    }
    return envelope_emit(envelope, scan, text, len, err);
}

/* A high surrogate that found no other half. */
static plim_status envelope_flush_high(plim__envelope *envelope, envelope_scan *scan,
                                       plim_error *err)
{
    if (scan->high == 0)
        return PLIM_OK;
    scan->high = 0;
    return envelope_emit_point(envelope, scan, 0xfffd, err);
}

static plim_status envelope_emit_unit(plim__envelope *envelope, envelope_scan *scan, uint32_t unit,
                                      plim_error *err)
{
    bool is_high = unit >= 0xd800 && unit < 0xdc00;
    bool is_low = unit >= 0xdc00 && unit < 0xe000;
    if (scan->high != 0 && is_low) {
        uint32_t point = 0x10000 + ((scan->high - 0xd800) << 10) + (unit - 0xdc00);
        scan->high = 0;
        return envelope_emit_point(envelope, scan, point, err);
    }
    plim_status status = envelope_flush_high(envelope, scan, err);
    if (status != PLIM_OK)
        return status;
    if (is_high) {
        scan->high = unit;
        return PLIM_OK;
    }
    return envelope_emit_point(envelope, scan, is_low ? 0xfffd : unit, err);
}

/* ---- one byte ------------------------------------------------------------------------------ */

static plim_status envelope_no_json(plim_error *err, const char *why)
{
    return plim_error_set(err, PLIM_ERR_PROTOCOL, "the target sent a message that is no JSON: %s",
                          why);
}

static bool envelope_rule_applies(const plim__envelope_rule *rule, const envelope_scan *scan)
{
    bool is_deep = rule->under != NULL;
    if (scan->depth != (is_deep ? 3u : 2u) || !envelope_name_is(&scan->key, rule->key) ||
        (is_deep && !envelope_name_is(&scan->under, rule->under)))
        return false;
    if (rule->method == NULL)
        return scan->part == ENVELOPE_RESULT && scan->method.len == 0;
    return scan->part == ENVELOPE_PARAMS && envelope_name_is(&scan->method, rule->method);
}

static const plim__envelope_rule *envelope_find_rule(const plim__envelope *envelope,
                                                     const envelope_scan *scan)
{
    for (size_t i = 0; i < envelope->rule_count; i++) {
        if (envelope_rule_applies(&envelope->rules[i], scan))
            return &envelope->rules[i];
    }
    return NULL;
}

/* What a string that begins here is. */
static envelope_role envelope_role_here(plim__envelope *envelope, envelope_scan *scan)
{
    if (scan->depth < 1 || scan->depth > PLIM__ENVELOPE_DEPTH || !scan->is_object[scan->depth])
        return ENVELOPE_PLAIN;
    if (scan->last == '{' || scan->last == ',') {
        scan->key.len = 0;
        return ENVELOPE_KEY;
    }
    if (scan->depth == 1 && envelope_name_is(&scan->key, "method")) {
        scan->method.len = 0;
        return ENVELOPE_METHOD;
    }
    const plim__envelope_rule *rule = envelope_find_rule(envelope, scan);
    if (rule == NULL)
        return ENVELOPE_PLAIN;
    if (!rule->is_message)
        return ENVELOPE_STREAM;
    /* E4; and beyond the last level it is none of ours. */
    size_t next = (size_t)(scan - envelope->scans) + 1;
    if (next != envelope->level_count || next == PLIM__ENVELOPE_LEVELS)
        return ENVELOPE_PLAIN;
    envelope->level_count++;
    return ENVELOPE_MESSAGE;
}

/* A container begins, at the depth that is reached now. */
static void envelope_open(envelope_scan *scan, bool is_object)
{
    if (scan->depth <= PLIM__ENVELOPE_DEPTH)
        scan->is_object[scan->depth] = is_object;
    if (scan->depth == 3)
        scan->under = scan->key;
    if (scan->depth != 2)
        return;
    scan->part = ENVELOPE_OTHER;
    if (is_object && envelope_name_is(&scan->key, "params"))
        scan->part = ENVELOPE_PARAMS;
    else if (is_object && envelope_name_is(&scan->key, "result"))
        scan->part = ENVELOPE_RESULT;
}

/* A byte outside of strings, which is in control already. */
static plim_status envelope_token(plim__envelope *envelope, envelope_scan *scan, char byte,
                                  plim_error *err)
{
    switch (byte) {
    case '"':
        scan->role = envelope_role_here(envelope, scan);
        scan->state = ENVELOPE_INSIDE;
        return PLIM_OK;
    case '{':
    case '[':
        if (scan->depth == PLIM_JSON_DEPTH_MAX)
            return plim_error_set(err, PLIM_ERR_LIMIT,
                                  "the target sent JSON nested more than %d "
                                  "deep",
                                  PLIM_JSON_DEPTH_MAX);
        scan->depth++;
        envelope_open(scan, byte == '{');
        break;
    case '}':
    case ']':
        if (scan->depth == 0)
            return envelope_no_json(err, "a bracket too many");
        scan->depth--;
        break;
    case ',':
    case ':':
        break;
    default:
        return PLIM_OK;
    }
    scan->last = byte;
    return PLIM_OK;
}

static plim_status envelope_escape(plim__envelope *envelope, envelope_scan *scan, char byte,
                                   plim_error *err)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meaning[] = "\"\\/\b\f\n\r\t";
    if (byte == 'u') {
        scan->state = ENVELOPE_HEX;
        scan->hex = 0;
        scan->hex_count = 0;
        return PLIM_OK;
    }
    const char *letter = byte != '\0' ? strchr(letters, byte) : NULL;
    if (letter == NULL)
        return envelope_no_json(err, "an unknown escape in a string");
    scan->state = ENVELOPE_INSIDE;
    return envelope_emit_unit(envelope, scan, (unsigned char)meaning[letter - letters], err);
}

static plim_status envelope_hex(plim__envelope *envelope, envelope_scan *scan, char byte,
                                plim_error *err)
{
    uint32_t digit;
    if (byte >= '0' && byte <= '9')
        digit = (uint32_t)(byte - '0');
    else if (byte >= 'a' && byte <= 'f')
        digit = (uint32_t)(byte - 'a') + 10;
    else if (byte >= 'A' && byte <= 'F')
        digit = (uint32_t)(byte - 'A') + 10;
    else
        return envelope_no_json(err, "a bad \\u escape in a string");
    scan->hex = scan->hex << 4 | digit;
    if (++scan->hex_count < 4)
        return PLIM_OK;
    scan->state = ENVELOPE_INSIDE;
    return envelope_emit_unit(envelope, scan, scan->hex, err);
}

/* ---- pieces -------------------------------------------------------------------------------- */

/* How many bytes from here on are neither quote nor backslash nor control character: eight at a
 * time, by the usual trick of borrowing out of a byte that is too small. A borrow may only report
 * a byte too many, and the loop behind looks at each. */
static size_t envelope_run(const char *data, size_t len)
{
    const uint64_t ones = 0x0101010101010101u;
    size_t at = 0;
    while (len - at >= 8) {
        uint64_t word;
        memcpy(&word, data + at, sizeof word);
        uint64_t quote = word ^ ones * '"';
        uint64_t slash = word ^ ones * '\\';
        uint64_t hit =
            ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((word - ones * 0x20) & ~word);
        if ((hit & ones * 0x80) != 0)
            break;
        at += 8;
    }
    while (at < len) {
        unsigned char byte = (unsigned char)data[at];
        if (byte == '"' || byte == '\\' || byte < 0x20)
            break;
        at++;
    }
    return at;
}

/* Inside a string: a run of plain bytes, or the byte that ends the run. Returns bytes used. */
static plim_status envelope_inside(plim__envelope *envelope, envelope_scan *scan, const char *data,
                                   size_t len, size_t *out_used, plim_error *err)
{
    if (envelope_is_streamed(scan)) {
        size_t room = sizeof scan->out - scan->out_len - PLIM__ENVELOPE_OUT_SPARE;
        len = len < room ? len : room;
    }
    size_t run = envelope_run(data, len);
    *out_used = run;
    plim_status status = PLIM_OK;
    if (run > 0) {
        status = envelope_flush_high(envelope, scan, err);
        if (status == PLIM_OK)
            status = envelope_emit(envelope, scan, data, run, err);
    }
    if (run == len || status != PLIM_OK)
        return status;
    *out_used = run + 1;
    if (data[run] == '\\') {
        scan->state = ENVELOPE_BACKSLASH;
        return PLIM_OK;
    }
    if (data[run] != '"')
        return envelope_no_json(err, "a control character in a string");
    status = envelope_flush_high(envelope, scan, err);
    if (status == PLIM_OK)
        status = envelope_control(envelope, scan, "\"", 1, err);
    scan->state = ENVELOPE_OUTSIDE;
    return status;
}

static plim_status envelope_outside(plim__envelope *envelope, envelope_scan *scan, const char *data,
                                    size_t len, size_t *out_used, plim_error *err)
{
    size_t at = 0;
    plim_status status = PLIM_OK;
    while (at < len && status == PLIM_OK && scan->state == ENVELOPE_OUTSIDE)
        status = envelope_token(envelope, scan, data[at++], err);
    if (status == PLIM_OK)
        status = envelope_control(envelope, scan, data, at, err);
    *out_used = at;
    return status;
}

/* Reads until the piece is used up, out is nearly full, or a streamed string has ended, so that
 * what is in out at return belongs to one string. */
static plim_status envelope_scan_piece(plim__envelope *envelope, envelope_scan *scan,
                                       const char *data, size_t len, size_t *out_used,
                                       plim_error *err)
{
    plim_status status = PLIM_OK;
    size_t at = 0;
    scan->out_len = 0;
    while (at < len && status == PLIM_OK) {
        size_t used = 1;
        switch (scan->state) {
        case ENVELOPE_OUTSIDE:
            status = envelope_outside(envelope, scan, data + at, len - at, &used, err);
            break;
        case ENVELOPE_INSIDE:
            status = envelope_inside(envelope, scan, data + at, len - at, &used, err);
            break;
        case ENVELOPE_BACKSLASH:
            status = envelope_escape(envelope, scan, data[at], err);
            break;
        case ENVELOPE_HEX:
            status = envelope_hex(envelope, scan, data[at], err);
            break;
        }
        at += used;
        if (scan->out_len > 0 && (scan->state == ENVELOPE_OUTSIDE ||
                                  sizeof scan->out - scan->out_len <= 2 * PLIM__ENVELOPE_OUT_SPARE))
            break;
    }
    *out_used = at;
    return status;
}

plim_status plim__envelope_feed(plim__envelope *envelope, const char *data, size_t len,
                                plim_error *err)
{
    PLIM_CHECK_OBJ(envelope, PLIM__ENVELOPE_MAGIC);
    struct {
        const char *data;
        size_t len;
        size_t at;
    } pieces[PLIM__ENVELOPE_LEVELS] = {{data, len, 0}}; /* what each level still has to read */
    size_t level = 0;
    plim_status status = PLIM_OK;
    while (status == PLIM_OK) {
        if (pieces[level].at == pieces[level].len) {
            if (level == 0)
                break;
            level--;
            continue;
        }
        envelope_scan *scan = &envelope->scans[level];
        size_t used = 0;
        status = envelope_scan_piece(envelope, scan, pieces[level].data + pieces[level].at,
                                     pieces[level].len - pieces[level].at, &used, err);
        pieces[level].at += used;
        if (status != PLIM_OK || scan->out_len == 0)
            continue;
        if (scan->role != ENVELOPE_MESSAGE) {
            status =
                envelope->events.on_stream(envelope->events.ctx, scan->out, scan->out_len, err);
            continue;
        }
        level++;
        PLIM_CHECK(level < PLIM__ENVELOPE_LEVELS);
        pieces[level].data = scan->out;
        pieces[level].len = scan->out_len;
        pieces[level].at = 0;
    }
    return status;
}

/* ---- whole messages ------------------------------------------------------------------------ */

static void envelope_scan_clear(const plim_allocator *allocator, envelope_scan *scan)
{
    char *control = scan->control;
    size_t cap = scan->control_cap;
    if (cap > PLIM__ENVELOPE_KEEP_BYTES) {
        plim__array_free(allocator, control, cap, 1);
        control = NULL;
        cap = 0;
    }
    memset(scan, 0, offsetof(envelope_scan, out));
    scan->control = control;
    scan->control_cap = cap;
}

static plim_status envelope_parse(const envelope_scan *scan, json_t **out_message, plim_error *err)
{
    if (scan->state != ENVELOPE_OUTSIDE)
        return envelope_no_json(err, "it ends inside a string");
    json_error_t why;
    json_t *message = json_loadb(scan->control_len > 0 ? scan->control : "", scan->control_len,
                                 JSON_ALLOW_NUL, &why);
    if (message == NULL && json_error_code(&why) == json_error_out_of_memory)
        return plim__no_memory(err, "a message of the target");
    if (message == NULL)
        return envelope_no_json(err, why.text);
    if (!json_is_object(message)) {
        json_decref(message);
        return envelope_no_json(err, "not an object");
    }
    *out_message = message;
    return PLIM_OK;
}

plim_status plim__envelope_end(plim__envelope *envelope, plim_error *err)
{
    PLIM_CHECK_OBJ(envelope, PLIM__ENVELOPE_MAGIC);
    json_t *messages[PLIM__ENVELOPE_LEVELS] = {NULL};
    size_t count = envelope->level_count;
    plim_status status = PLIM_OK;
    for (size_t i = 0; i < count && status == PLIM_OK; i++)
        status = envelope_parse(&envelope->scans[i], &messages[i], err);
    /* Cleared first: what on_message does may be long, and needs nothing of this. */
    for (size_t i = 0; i < count; i++)
        envelope_scan_clear(envelope->allocator, &envelope->scans[i]);
    envelope->level_count = 1;
    if (status == PLIM_OK)
        status = envelope->events.on_message(envelope->events.ctx, messages, count, err);
    for (size_t i = 0; i < count; i++)
        json_decref(messages[i]);
    return status;
}

plim_status plim__envelope_create(const plim_allocator *allocator, const plim__envelope_rule *rules,
                                  size_t rule_count, plim__envelope_events events,
                                  plim__envelope **out_envelope, plim_error *err)
{
    PLIM_CHECK(events.on_stream != NULL && events.on_message != NULL && out_envelope != NULL);
    plim__envelope *envelope = plim__array_new_zero(allocator, 1, sizeof *envelope);
    if (envelope == NULL)
        return plim__no_memory(err, "the messages of a target");
    envelope->magic = PLIM__ENVELOPE_MAGIC;
    envelope->allocator = allocator;
    envelope->events = events;
    envelope->level_count = 1;
    for (size_t i = 0; i < rule_count; i++)
        plim__envelope_add_rule(envelope, rules[i]);
    *out_envelope = envelope;
    return PLIM_OK;
}

void plim__envelope_add_rule(plim__envelope *envelope, plim__envelope_rule rule)
{
    PLIM_CHECK_OBJ(envelope, PLIM__ENVELOPE_MAGIC);
    PLIM_CHECK(envelope->rule_count < PLIM__ENVELOPE_RULES_MAX);
    PLIM_CHECK(rule.key != NULL);
    envelope->rules[envelope->rule_count++] = rule;
}

void plim__envelope_remove_rule(plim__envelope *envelope, const char *method, const char *key)
{
    PLIM_CHECK_OBJ(envelope, PLIM__ENVELOPE_MAGIC);
    PLIM_CHECK(key != NULL);
    size_t kept = 0;
    for (size_t i = 0; i < envelope->rule_count; i++) {
        const plim__envelope_rule *rule = &envelope->rules[i];
        bool is_same_method = method == NULL || rule->method == NULL
                                  ? method == rule->method
                                  : strcmp(method, rule->method) == 0;
        if (!is_same_method || strcmp(key, rule->key) != 0)
            envelope->rules[kept++] = *rule;
    }
    envelope->rule_count = kept;
}

void plim__envelope_destroy(plim__envelope **envelope_ptr)
{
    if (envelope_ptr == NULL || *envelope_ptr == NULL)
        return;
    plim__envelope *envelope = *envelope_ptr;
    *envelope_ptr = NULL;
    PLIM_CHECK_OBJ(envelope, PLIM__ENVELOPE_MAGIC);
    for (size_t i = 0; i < PLIM__ENVELOPE_LEVELS; i++)
        plim__array_free(envelope->allocator, envelope->scans[i].control,
                         envelope->scans[i].control_cap, 1);
    envelope->magic = 0;
    plim__array_free(envelope->allocator, envelope, 1, sizeof *envelope);
}

/* SPDX-License-Identifier: MIT */
#include "heap/formats/json.h"

#include <string.h>

#include "heap/formats/wtf8.h"

bool plim__json_init(plim__json *json, plim_source source, plim_progress progress,
                     const plim_allocator *allocator, plim_error *err)
{
    json->text = (plim__rows){.allocator = allocator, .row_bytes = 1};
    return plim__pull_init(&json->pull, source, progress, allocator, err);
}

void plim__json_fini(plim__json *json)
{
    plim__rows_fini(&json->text);
    plim__pull_fini(&json->pull);
}

static bool json_fault(plim__json *json, const char *what)
{
    plim_status status = json->pull.ended ? PLIM_ERR_TRUNCATED : PLIM_ERR_DAMAGED;
    (void)plim__pull_fail(&json->pull, status, "%s",
                          json->pull.ended ? "the text ends in the middle" : what);
    return false;
}

static bool json_no_memory(plim__json *json)
{
    bool is_full = json->text.count >= PLIM_FOREIGN_TEXT_BYTES_MAX;
    (void)plim__pull_fail(&json->pull, is_full ? PLIM_ERR_LIMIT : PLIM_ERR_NO_MEMORY,
                          is_full ? "a text of more than %u bytes" : "no memory for a text",
                          PLIM_FOREIGN_TEXT_BYTES_MAX);
    return false;
}

static bool json_add(plim__json *json, char byte)
{
    char *out = json->text.count < PLIM_FOREIGN_TEXT_BYTES_MAX ? plim__rows_add(&json->text) : NULL;
    if (out == NULL)
        return json_no_memory(json);
    *out = byte;
    return true;
}

/* The next byte that is no space, left where it is. */
static int json_peek(plim__json *json)
{
    int byte = plim__pull_peek(&json->pull);
    while (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
        json->pull.at++;
        byte = plim__pull_peek(&json->pull);
    }
    return byte;
}

static bool json_take(plim__json *json, char wanted)
{
    if (json_peek(json) != wanted)
        return json_fault(json, "something else stands where JSON has a mark");
    json->pull.at++;
    return true;
}

bool plim__json_open(plim__json *json, char bracket)
{
    json->is_first = true;
    return json_take(json, bracket);
}

/* Behind the last item true and the bracket is taken; else stands at the next item. */
static bool json_is_over(plim__json *json, char bracket)
{
    int byte = json_peek(json);
    if (byte == bracket) {
        json->pull.at++;
        json->is_first = false;
        return true;
    }
    if (!json->is_first && !json_take(json, ','))
        return true;
    json->is_first = false;
    return json_peek(json) < 0 && !json_fault(json, "");
}

/* ---- texts ---- */

static bool json_put(plim__json *json, uint32_t code)
{
    char bytes[PLIM__WTF8_BYTES_MAX];
    size_t count = plim__wtf8_put(bytes, code);
    for (size_t i = 0; i < count; i++)
        if (!json_add(json, bytes[i]))
            return false;
    return true;
}

static bool json_unit(plim__json *json, uint32_t *out_unit)
{
    uint32_t unit = 0;
    for (unsigned i = 0; i < 4; i++) {
        int byte = plim__pull_take(&json->pull);
        int lower = byte | 0x20;
        bool is_digit = byte >= '0' && byte <= '9';
        if (!is_digit && (lower < 'a' || lower > 'f'))
            return json_fault(json, "\\u without four digits");
        unit = unit << 4 | (uint32_t)(is_digit ? byte - '0' : lower - 'a' + 10);
    }
    *out_unit = unit;
    return true;
}

/* An escape of one character behind the backslash. */
static bool json_escape_plain(plim__json *json, int byte)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = byte > 0 ? strchr(from, byte) : NULL;
    return found != NULL ? json_put(json, (uint8_t)to[found - from])
                         : json_fault(json, "an escape that JSON has not");
}

/* Behind "\u". A high half waits for its low one; alone it stays what it is. */
static bool json_unicode(plim__json *json)
{
    uint32_t unit, low;
    if (!json_unit(json, &unit))
        return false;
    while (unit - 0xd800u < 0x400u && plim__pull_peek(&json->pull) == '\\') {
        json->pull.at++;
        if (plim__pull_peek(&json->pull) != 'u')
            return json_put(json, unit) && json_escape_plain(json, plim__pull_take(&json->pull));
        json->pull.at++;
        if (!json_unit(json, &low))
            return false;
        if (plim__wtf8_is_pair(unit, low))
            return json_put(json, plim__wtf8_of_pair(unit, low));
        if (!json_put(json, unit))
            return false;
        unit = low;
    }
    return json_put(json, unit);
}

static bool json_escape(plim__json *json)
{
    int byte = plim__pull_take(&json->pull);
    return byte == 'u' ? json_unicode(json) : json_escape_plain(json, byte);
}

/* Behind the quote, to the other one. */
static bool json_string(plim__json *json)
{
    json->text.count = 0;
    for (;;) {
        int byte = plim__pull_take(&json->pull);
        if (byte == '"')
            return plim__wtf8_is_valid(json->text.data, json->text.count) ||
                   json_fault(json, "a text is not UTF-8");
        if (byte == '\\') {
            if (!json_escape(json))
                return false;
            continue;
        }
        if (byte < 0x20)
            return json_fault(json, "a control character in a text");
        if (!json_add(json, (char)byte))
            return false;
    }
}

bool plim__json_text(plim__json *json, plim_text *out_text)
{
    if (!json_take(json, '"') || !json_string(json))
        return false;
    *out_text = (plim_text){json->text.data, json->text.count};
    return true;
}

bool plim__json_key(plim__json *json, plim_text *out_key)
{
    if (json_is_over(json, '}'))
        return false;
    return plim__json_text(json, out_key) && json_take(json, ':');
}

/* ---- values ---- */

bool plim__json_number(plim__json *json, uint64_t *out_number)
{
    uint64_t number = 0;
    unsigned digits = 0;
    int byte = json_peek(json);
    for (; byte >= '0' && byte <= '9'; byte = plim__pull_peek(&json->pull)) {
        uint64_t digit = (uint64_t)byte - '0';
        if (number > (UINT64_MAX - digit) / 10)
            return json_fault(json, "a number of more than 64 bits");
        number = number * 10 + digit;
        json->pull.at++;
        digits++;
    }
    if (digits == 0 || byte == '.' || byte == 'e' || byte == 'E')
        return json_fault(json, "something else stands where a whole number is due");
    *out_number = number;
    return true;
}

bool plim__json_item(plim__json *json)
{
    return !json_is_over(json, ']') && json->pull.status == PLIM_OK;
}

char plim__json_bracket(plim__json *json)
{
    int byte = json_peek(json);
    return byte == '{' || byte == '[' ? (char)byte : '\0';
}

/* Digits as they come, into value; how many there were. */
static unsigned json_digits(plim__json *json, double *value)
{
    unsigned digits = 0;
    int byte = plim__pull_peek(&json->pull);
    for (; byte >= '0' && byte <= '9'; byte = plim__pull_peek(&json->pull)) {
        *value = *value * 10.0 + (byte - '0');
        json->pull.at++;
        digits += digits < 10000; /* more are as good as none */
    }
    return digits;
}

static bool json_sign(plim__json *json)
{
    int byte = plim__pull_peek(&json->pull);
    json->pull.at += byte == '-' || byte == '+';
    return byte == '-';
}

bool plim__json_real(plim__json *json, double *out_number)
{
    double value = 0.0, power = 0.0;
    (void)json_peek(json);
    bool is_negative = json_sign(json);
    if (json_digits(json, &value) == 0)
        return json_fault(json, "something else stands where a number is due");
    int scale = 0;
    if (plim__pull_peek(&json->pull) == '.') {
        json->pull.at++;
        scale = -(int)json_digits(json, &value);
    }
    int byte = plim__pull_peek(&json->pull);
    if (byte == 'e' || byte == 'E') {
        json->pull.at++;
        bool is_down = json_sign(json);
        if (json_digits(json, &power) == 0)
            return json_fault(json, "an exponent without digits");
        scale += (int)(power > 1000.0 ? 1000.0 : power) * (is_down ? -1 : 1);
    }
    for (; scale > 0 && value < 1e300; scale--)
        value *= 10.0;
    for (; scale < 0 && value > 0.0; scale++)
        value /= 10.0;
    *out_number = is_negative ? -value : value;
    return true;
}

bool plim__json_next(plim__json *json, plim__json_value *out_value)
{
    if (json_is_over(json, ']'))
        return false;
    out_value->is_text = json_peek(json) == '"';
    return out_value->is_text ? plim__json_text(json, &out_value->text)
                              : plim__json_number(json, &out_value->number);
}

/* A number or word: to what ends it. */
static bool json_skip_word(plim__json *json)
{
    unsigned length = 0;
    int byte = plim__pull_peek(&json->pull);
    while (byte >= 0 && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", byte) != NULL &&
           byte != 0 && length < 64) {
        json->pull.at++;
        length++;
        byte = plim__pull_peek(&json->pull);
    }
    return length > 0 || json_fault(json, "something else stands where a value is due");
}

bool plim__json_skip(plim__json *json)
{
    uint32_t depth = 0;
    do {
        int byte = json_peek(json);
        if (byte == '{' || byte == '[') {
            if (++depth > PLIM_JSON_DEPTH_MAX)
                return json_fault(json, "nested too deeply");
            json->pull.at++;
        } else if (byte == '}' || byte == ']') {
            if (depth == 0)
                return json_fault(json, "a bracket too many");
            depth--;
            json->pull.at++;
        } else if (byte == ',' || byte == ':') {
            if (depth == 0)
                return json_fault(json, "a value is missing");
            json->pull.at++;
        } else if (byte == '"') {
            json->pull.at++;
            if (!json_string(json))
                return false;
        } else if (byte < 0 || !json_skip_word(json)) {
            return json_fault(json, "");
        }
    } while (depth > 0);
    return true;
}

bool plim__json_texts_read(plim__json *json, plim__json_texts *out_texts)
{
    const plim_allocator *allocator = json->pull.allocator;
    if (out_texts->texts.row_bytes != 0)
        return json_fault(json, "a section stands twice");
    out_texts->texts = (plim__rows){.allocator = allocator, .row_bytes = sizeof(plim_text)};
    out_texts->arena.allocator = allocator;
    plim__json_value value;
    if (!plim__json_open(json, '['))
        return false;
    while (plim__json_next(json, &value)) {
        if (!value.is_text)
            return json_fault(json, "a number stands where a text is due");
        plim_text *row = plim__rows_add(&out_texts->texts);
        char *copy = plim__text_arena_take(&out_texts->arena, value.text.size_bytes);
        if (row == NULL || copy == NULL)
            return json_no_memory(json);
        if (value.text.size_bytes > 0)
            memcpy(copy, value.text.data, value.text.size_bytes);
        *row = (plim_text){copy, value.text.size_bytes};
    }
    return json->pull.status == PLIM_OK;
}

void plim__json_texts_fini(plim__json_texts *texts)
{
    if (texts->texts.row_bytes == 0)
        return;
    plim__rows_fini(&texts->texts);
    plim__text_arena_fini(&texts->arena);
}

bool plim__json_finish(plim__json *json)
{
    if (json->pull.status != PLIM_OK)
        return false;
    if (json_peek(json) >= 0)
        return json_fault(json, "something stands behind the end");
    return json->pull.status == PLIM_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * clang's messages: FILE:LINE:COLUMN: KIND: TEXT, then lines of source with a caret, which begin
 * with blanks and are part of the message before them. What is neither, is noise of the way in
 * which the text came to clang ("In file included from", "1 error generated.") and is left out.
 */
#include "repl/source/diagnostics.h"

#include <string.h>

#include "base/limits.h"

static bool diag_begins(const char *at, const char *end, const char *string)
{
    size_t length = strlen(string);
    return (size_t)(end - at) >= length && memcmp(at, string, length) == 0;
}

/* A number and the colon behind it. */
static const char *diag_number(const char *at, const char *end, unsigned *out)
{
    unsigned value = 0;
    const char *from = at;
    for (; at < end && *at >= '0' && *at <= '9' && at - from < 9; at++)
        value = value * 10 + (unsigned)(*at - '0');
    if (at == from || at == end || *at != ':')
        return NULL;
    *out = value;
    return at + 1;
}

static bool diag_kind(const char **at, const char *end, plim__message_kind *out)
{
    static const struct {
        const char *word;
        plim__message_kind kind;
    } words[] = {{" fatal error: ", PLIM__MESSAGE_ERROR},
                 {" error: ", PLIM__MESSAGE_ERROR},
                 {" warning: ", PLIM__MESSAGE_WARNING},
                 {" note: ", PLIM__MESSAGE_NOTE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (diag_begins(*at, end, words[i].word)) {
            *at += strlen(words[i].word);
            *out = words[i].kind;
            return true;
        }
    return false;
}

/* A line that begins a message. The file's name may hold colons: the first that fits is meant. */
static bool diag_head(const char *line, const char *end, plim__message *out)
{
    if (line == end || *line == ' ')
        return false;
    if (diag_begins(line, end, "error: ")) { /* without a place: of the command line */
        *out = (plim__message){.kind = PLIM__MESSAGE_ERROR,
                               .file = line,
                               .text = line + 7,
                               .text_bytes = (size_t)(end - line) - 7};
        return true;
    }
    for (const char *colon = line; (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL;
         colon++) {
        plim__message message = {.file = line, .file_bytes = (size_t)(colon - line)};
        const char *at = diag_number(colon + 1, end, &message.line);
        at = at != NULL ? diag_number(at, end, &message.column) : NULL;
        if (at == NULL || !diag_kind(&at, end, &message.kind))
            continue;
        message.text = at;
        message.text_bytes = (size_t)(end - at);
        *out = message;
        return true;
    }
    return false;
}

void plim__messages_read(const char *output, size_t bytes, plim__arena *arena,
                         plim__messages *out_messages)
{
    plim__messages all = {0};
    const char *end = output + bytes;
    all.items = plim__arena_take(arena, PLIM_REPL_MESSAGES_MAX * sizeof *all.items);
    plim__message *open = NULL;
    for (const char *line = output; all.items != NULL && line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *next = stop != NULL ? stop + 1 : end;
        stop = stop != NULL ? stop : end;
        plim__message head;
        if (diag_begins(line, stop, "PLEASE submit a bug report") ||
            diag_begins(line, stop, "Stack dump:")) {
            all.is_crash = true;
            break;
        }
        if (diag_head(line, stop, &head)) {
            open = all.count < PLIM_REPL_MESSAGES_MAX ? &all.items[all.count++] : NULL;
            if (open != NULL) {
                *open = head;
                open->whole = line;
            }
            all.error_count += head.kind == PLIM__MESSAGE_ERROR;
        } else if (line == stop || *line != ' ') {
            open = NULL;
        }
        if (open != NULL)
            open->whole_bytes = (size_t)(next - open->whole);
        line = next;
    }
    *out_messages = all;
}

bool plim__message_is_in(const plim__message *message, const char *file)
{
    return message->file_bytes == strlen(file) &&
           memcmp(message->file, file, message->file_bytes) == 0;
}

bool plim__message_begins(const plim__message *message, const char *string)
{
    return diag_begins(message->text, message->text + message->text_bytes, string);
}

bool plim__message_mentions(const plim__message *message, const char *string)
{
    size_t bytes = strlen(string);
    for (size_t i = 0; i + bytes <= message->text_bytes; i++)
        if (memcmp(message->text + i, string, bytes) == 0)
            return true;
    return false;
}

bool plim__message_quoted(const plim__message *message, const char **out_name, size_t *out_bytes)
{
    static const char *const tags[] = {"struct ", "union ", "enum "};
    const char *end = message->text + message->text_bytes;
    const char *open = memchr(message->text, '\'', message->text_bytes);
    const char *close = open != NULL ? memchr(open + 1, '\'', (size_t)(end - open - 1)) : NULL;
    if (close == NULL)
        return false;
    open++;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (diag_begins(open, close, tags[i]))
            open += strlen(tags[i]);
    *out_name = open;
    *out_bytes = (size_t)(close - open);
    return close > open;
}

static const char *diag_word(plim__message_kind kind)
{
    switch (kind) {
    case PLIM__MESSAGE_NOTE:
        return "note";
    case PLIM__MESSAGE_WARNING:
        return "warning";
    case PLIM__MESSAGE_ERROR:
        break;
    }
    return "error";
}

void plim__messages_show(const plim__messages *messages, const char *file, const char *main_file,
                         plim__grow *out)
{
    for (size_t i = 0; i < messages->count; i++) {
        const plim__message *message = &messages->items[i];
        bool is_session = plim__message_is_in(message, PLIM__SESSION_TEXT_NAME);
        if (plim__message_is_in(message, main_file)) {
            plim__grow_string(out, file);
            plim__grow_format(out, ": %s: ", diag_word(message->kind));
            plim__grow_add(out, message->text, message->text_bytes);
            plim__grow_string(out, ", and the entry ends here\n");
        } else if (!is_session || message->kind == PLIM__MESSAGE_ERROR) {
            plim__grow_add(out, message->whole, message->whole_bytes);
        }
    }
}

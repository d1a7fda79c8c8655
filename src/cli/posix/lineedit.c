/* SPDX-License-Identifier: MIT */
/*
 * Lines by libedit, with colours that libedit knows nothing of. It asks us for each key, and when
 * it asks, the screen shows the line and the cursor stands where it belongs: the line is painted
 * over itself, the same characters at the same places, in colours, and the cursor put back. What
 * libedit remembers of the screen (characters) stays true, so its next change is right; what it
 * writes plain is painted before the next key. Nothing is painted while more keys wait (a paste).
 *
 * E1  the screen positions that are computed are those of characters one column wide: a line with
 *     others is not painted.
 * E2  outside plim__lineedit_read() the terminal is as the user had it.
 */
#define _GNU_SOURCE
#include "cli/lineedit.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/process.h"
#include "cli/terminal.h"

enum {
    LINE_BYTES_MAX = 1 << 16,
    LINE_HISTORY_MAX = 5000,
    LINE_OFFERS_MAX = 200, /* shown; more than a screen of them nobody reads */
    LINE_WORD_BYTES = 128,
    LINE_TICK_MS = 100 /* a Ctrl-C is seen at once, or when it met us between two looks, then */
};

typedef struct line_word {
    char word[LINE_WORD_BYTES];
    char detail[LINE_WORD_BYTES];
} line_word;

struct plim__lineedit {
    const plim_allocator *allocator;
    plim__line_hooks hooks;
    EditLine *el;
    History *history;
    plim__draft history_path;
    const char *prompt;
    bool colour, is_interrupted;
    line_word *words;
    uint32_t word_count;
    char bytes[8]; /* of a character that has not all come yet */
    uint32_t byte_count;
    char line[LINE_BYTES_MAX];
    unsigned char styles[LINE_BYTES_MAX];
};

/* --- Ctrl-C ---------------------------------------------------------------------------------- */

/* A signal handler has no argument of ours. */
static volatile sig_atomic_t interrupts_count;
static void (*volatile interrupts_call)(void *ctx);
static void *volatile interrupts_ctx;

static void interrupts_on_signal(int signal_number)
{
    (void)signal_number;
    interrupts_count = 1;
    if (interrupts_call != NULL)
        interrupts_call(interrupts_ctx);
}

void plim__interrupts_take(void (*call)(void *ctx), void *ctx)
{
    static struct sigaction before;
    struct sigaction action = {.sa_handler = interrupts_on_signal}; /* read(2) is to end */
    (void)sigemptyset(&action.sa_mask);
    if (call == NULL) {
        (void)sigaction(SIGINT, &before, NULL);
        interrupts_call = NULL;
        return;
    }
    interrupts_ctx = ctx;
    interrupts_call = call;
    (void)sigaction(SIGINT, &action, &before);
}

bool plim__interrupts_seen(void)
{
    bool seen = interrupts_count != 0;
    interrupts_count = 0;
    return seen;
}

/* --- painting -------------------------------------------------------------------------------- */

typedef struct line_place {
    uint32_t row, column;
} line_place;

/* Where a character goes after the prompt; false: it is not one column wide. */
static bool line_step(line_place *at, uint32_t character, uint32_t columns)
{
    if (character == '\n') {
        at->row++;
        at->column = 0;
        return true;
    }
    if (character < 0x20 || character == 0x7f || plim__terminal_columns_of(character) != 1)
        return false;
    if (++at->column == columns) {
        at->row++;
        at->column = 0;
    }
    return true;
}

/* The place behind the first `count` bytes; false: it cannot be told. */
static bool line_place_of(const char *line, size_t count, line_place *at, uint32_t columns)
{
    mbstate_t state = {0};
    for (size_t i = 0; i < count;) {
        wchar_t character;
        size_t length = mbrtowc(&character, line + i, count - i, &state);
        if (length == 0 || length > count - i || !line_step(at, (uint32_t)character, columns))
            return false;
        i += length;
    }
    return true;
}

static void line_add_move(plim__draft *out, uint32_t up, uint32_t column)
{
    plim__draft_puts(out, "\r");
    if (up > 0)
        plim__draft_printf(out, "\033[%uA", up);
    if (column > 0)
        plim__draft_printf(out, "\033[%uC", column);
}

static void line_add_painted(const plim__lineedit *edit, plim__draft *out, size_t bytes)
{
    plim__style style = PLIM__STYLE_NONE;
    for (size_t i = 0; i < bytes; i++) {
        plim__style wanted = (plim__style)edit->styles[i];
        if (wanted != style) {
            plim__draft_puts(out, plim__style_off(true));
            plim__draft_puts(out, plim__style_on(true, wanted));
            style = wanted;
        }
        if (edit->line[i] == '\n')
            plim__draft_puts(out, "\r\n");
        else
            plim__draft_add(out, &edit->line[i], 1);
    }
    plim__draft_puts(out, plim__style_off(true));
}

static void line_paint(plim__lineedit *edit)
{
    const LineInfo *info = el_line(edit->el);
    uint32_t columns;
    uint32_t rows;
    plim__terminal_size(PLIM__STDOUT, &columns, &rows);
    if (info == NULL || columns < 2)
        return;
    size_t bytes = (size_t)(info->lastchar - info->buffer);
    size_t cursor = (size_t)(info->cursor - info->buffer);
    uint32_t start = (uint32_t)strlen(edit->prompt) % columns;
    line_place at = {0, start};
    line_place end = {0, start};
    if (bytes == 0 || bytes >= sizeof edit->line ||
        !line_place_of(info->buffer, cursor, &at, columns) ||
        !line_place_of(info->buffer, bytes, &end, columns) || end.row >= rows)
        return;
    memcpy(edit->line, info->buffer, bytes);
    edit->line[bytes] = '\0';
    memset(edit->styles, PLIM__STYLE_NONE, bytes);
    if (!edit->hooks.paint(edit->hooks.ctx, edit->line, bytes, edit->styles))
        return;
    plim__draft out;
    plim__draft_init(&out, edit->allocator);
    plim__draft_puts(&out, "\0337"); /* the cursor is put back there, wherever painting ends */
    line_add_move(&out, at.row, start);
    line_add_painted(edit, &out, bytes);
    plim__draft_puts(&out, "\0338");
    if (!out.failed)
        (void)plim__process_write(PLIM__STDOUT, out.data, out.size_bytes);
    plim__draft_fini(&out);
}

/* --- keys ------------------------------------------------------------------------------------ */

/* libedit wants a key: a character, 0 at the end, -1 for a failure. */
static int line_get(EditLine *el, wchar_t *out)
{
    plim__lineedit *edit = NULL;
    (void)el_get(el, EL_CLIENTDATA, &edit);
    struct pollfd waiting = {.fd = PLIM__STDIN, .events = POLLIN};
    if (edit->colour && edit->hooks.paint != NULL && poll(&waiting, 1, 0) == 0)
        line_paint(edit);
    for (;;) {
        char byte;
        if (plim__interrupts_seen()) { /* wherever the signal met us */
            edit->is_interrupted = true;
            return -1;
        }
        if (poll(&waiting, 1, LINE_TICK_MS) <= 0)
            continue;
        ssize_t got = read(PLIM__STDIN, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        mbstate_t state = {0};
        edit->bytes[edit->byte_count++] = byte;
        size_t length = mbrtowc(out, edit->bytes, edit->byte_count, &state);
        if (length == (size_t)-2 && edit->byte_count < sizeof edit->bytes)
            continue;
        edit->byte_count = 0;
        if (length == (size_t)-1 || length == (size_t)-2)
            *out = (unsigned char)byte < 0x80 ? (wchar_t)(unsigned char)byte : L'?';
        return 1;
    }
}

static char *line_prompt(EditLine *el)
{
    plim__lineedit *edit = NULL;
    char *prompt = NULL;
    (void)el_get(el, EL_CLIENTDATA, &edit);
    memcpy(&prompt, &edit->prompt, sizeof prompt); /* libedit reads only */
    return prompt;
}

/* --- completion ------------------------------------------------------------------------------ */

static bool line_take_offer(void *to, const char *word, const char *detail)
{
    plim__lineedit *edit = to;
    if (edit->word_count >= LINE_OFFERS_MAX || strlen(word) >= LINE_WORD_BYTES)
        return edit->word_count < LINE_OFFERS_MAX;
    line_word *kept = &edit->words[edit->word_count++];
    (void)snprintf(kept->word, sizeof kept->word, "%s", word);
    (void)snprintf(kept->detail, sizeof kept->detail, "%s", detail != NULL ? detail : "");
    return true;
}

/* Letters that all of them begin with. */
static size_t line_common(const plim__lineedit *edit)
{
    size_t common = strlen(edit->words[0].word);
    for (uint32_t i = 1; i < edit->word_count; i++) {
        size_t same = 0;
        while (same < common && edit->words[i].word[same] == edit->words[0].word[same])
            same++;
        common = same;
    }
    return common;
}

static void line_show_offers(const plim__lineedit *edit)
{
    plim__draft out;
    uint32_t columns;
    uint32_t rows;
    plim__terminal_size(PLIM__STDOUT, &columns, &rows);
    plim__draft_init(&out, edit->allocator);
    plim__draft_puts(&out, "\r\n");
    uint32_t most = rows > 6 ? rows - 4 : 20;
    for (uint32_t i = 0; i < edit->word_count && i < most; i++) {
        const line_word *word = &edit->words[i];
        size_t room = columns > 34 ? columns - 30 : 4;
        plim__draft_printf(&out, "  %-24s %s%.*s%s\r\n", word->word,
                           plim__style_on(edit->colour, PLIM__STYLE_DIM), (int)room, word->detail,
                           plim__style_off(edit->colour));
    }
    if (edit->word_count > most)
        plim__draft_printf(&out, "  and %u more\r\n", edit->word_count - most);
    if (!out.failed)
        (void)plim__process_write(PLIM__STDOUT, out.data, out.size_bytes);
    plim__draft_fini(&out);
}

static unsigned char line_complete(EditLine *el, int key)
{
    plim__lineedit *edit = NULL;
    (void)key;
    (void)el_get(el, EL_CLIENTDATA, &edit);
    const LineInfo *info = el_line(el);
    size_t cursor = (size_t)(info->cursor - info->buffer);
    size_t bytes = (size_t)(info->lastchar - info->buffer);
    size_t from = cursor;
    if (bytes >= sizeof edit->line)
        return CC_ERROR;
    if (strspn(info->buffer, " \t") >= cursor) { /* nothing is typed: it is an indent */
        (void)el_insertstr(el, "    ");
        return CC_REFRESH;
    }
    memcpy(edit->line, info->buffer, bytes);
    edit->line[bytes] = '\0';
    edit->word_count = 0;
    edit->hooks.complete(edit->hooks.ctx, edit->line, cursor, &from, line_take_offer, edit);
    if (edit->word_count == 0 || from > cursor)
        return CC_ERROR;
    size_t common = line_common(edit);
    size_t typed = cursor - from;
    if (common > typed) {
        char rest[LINE_WORD_BYTES];
        (void)snprintf(rest, sizeof rest, "%.*s", (int)(common - typed),
                       edit->words[0].word + typed);
        (void)el_insertstr(el, rest);
        return CC_REFRESH;
    }
    if (edit->word_count == 1)
        return CC_NORM;
    line_show_offers(edit);
    return CC_REDISPLAY;
}

/* --- life ------------------------------------------------------------------------------------ */

static void line_bind(EditLine *el)
{
    (void)el_set(el, EL_EDITOR, "emacs");
    (void)el_set(el, EL_SIGNAL, 0);
    (void)el_set(el, EL_ADDFN, "plim-complete", "what can stand here", line_complete);
    (void)el_set(el, EL_BIND, "^I", "plim-complete", NULL);
    (void)el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_set(el, EL_BIND, "\\e[A", "ed-prev-history", NULL);
    (void)el_set(el, EL_BIND, "\\e[B", "ed-next-history", NULL);
    (void)el_set(el, EL_BIND, "\\e[C", "ed-next-char", NULL);
    (void)el_set(el, EL_BIND, "\\e[D", "ed-prev-char", NULL);
    (void)el_set(el, EL_BIND, "\\e[H", "ed-move-to-beg", NULL);
    (void)el_set(el, EL_BIND, "\\e[F", "ed-move-to-end", NULL);
    (void)el_set(el, EL_BIND, "\\e[1~", "ed-move-to-beg", NULL);
    (void)el_set(el, EL_BIND, "\\e[4~", "ed-move-to-end", NULL);
    (void)el_set(el, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
    (void)el_set(el, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
    (void)el_set(el, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
    (void)el_set(el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
}

static void line_load_history(plim__lineedit *edit, const char *path)
{
    HistEvent event;
    (void)history(edit->history, &event, H_SETSIZE, LINE_HISTORY_MAX);
    (void)history(edit->history, &event, H_SETUNIQUE, 1);
    (void)el_set(edit->el, EL_HIST, history, edit->history);
    if (path == NULL)
        return;
    plim__draft_puts(&edit->history_path, path);
    if (!edit->history_path.failed)
        (void)history(edit->history, &event, H_LOAD, path); /* there is none the first time */
}

plim_status plim__lineedit_open(const plim__line_hooks *hooks, const char *history_path,
                                bool colour, const plim_allocator *allocator,
                                plim__lineedit **out_edit, plim_error *err)
{
    if (!plim__terminal_is(PLIM__STDIN) || !plim__terminal_is(PLIM__STDOUT))
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "standard input is no terminal");
    plim__lineedit *edit = allocator->resize(allocator->ctx, NULL, 0, sizeof *edit);
    line_word *words = allocator->resize(allocator->ctx, NULL, 0, LINE_OFFERS_MAX * sizeof *words);
    if (edit != NULL)
        *edit = (plim__lineedit){.allocator = allocator,
                                 .hooks = *hooks,
                                 .words = words,
                                 .colour = colour,
                                 .prompt = ""};
    if (edit != NULL && words != NULL) {
        plim__draft_init(&edit->history_path, allocator);
        edit->el = el_init("plim", stdin, stdout, stderr);
        edit->history = history_init();
    }
    if (edit == NULL || words == NULL || edit->el == NULL || edit->history == NULL) {
        if (edit == NULL && words != NULL)
            (void)allocator->resize(allocator->ctx, words, LINE_OFFERS_MAX * sizeof *words, 0);
        plim__lineedit_close(&edit);
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the line editor");
    }
    (void)el_set(edit->el, EL_CLIENTDATA, edit);
    (void)el_set(edit->el, EL_PROMPT, line_prompt);
    line_bind(edit->el);
    (void)el_wset(edit->el, EL_GETCFN, line_get);
    line_load_history(edit, history_path);
    *out_edit = edit;
    return PLIM_OK;
}

void plim__lineedit_close(plim__lineedit **edit)
{
    if (edit == NULL || *edit == NULL)
        return;
    plim__lineedit *gone = *edit;
    const plim_allocator *allocator = gone->allocator;
    if (gone->history != NULL)
        history_end(gone->history);
    if (gone->el != NULL)
        el_end(gone->el);
    if (gone->words != NULL)
        (void)allocator->resize(allocator->ctx, gone->words, LINE_OFFERS_MAX * sizeof *gone->words,
                                0);
    plim__draft_fini(&gone->history_path);
    (void)allocator->resize(allocator->ctx, gone, sizeof *gone, 0);
    *edit = NULL;
}

plim__line_end plim__lineedit_read(plim__lineedit *edit, const char *prompt, plim__draft *out)
{
    int count = 0;
    edit->prompt = prompt;
    edit->is_interrupted = false;
    edit->byte_count = 0;
    (void)plim__interrupts_seen();
    errno = 0;
    const char *line = el_gets(edit->el, &count);
    if (edit->is_interrupted || (line == NULL && plim__interrupts_seen())) {
        el_reset(edit->el);
        (void)plim__process_write(PLIM__STDOUT, "^C\n", 3);
        return PLIM__LINE_INTERRUPTED;
    }
    if (line == NULL || count <= 0)
        return PLIM__LINE_EOF;
    size_t bytes = (size_t)count;
    if (line[bytes - 1] == '\n')
        bytes--;
    plim__draft_add(out, line, bytes);
    return PLIM__LINE_DONE;
}

void plim__lineedit_remember(plim__lineedit *edit, const char *entry)
{
    HistEvent event;
    (void)history(edit->history, &event, H_ENTER, entry);
    if (edit->history_path.size_bytes > 0) {
        mode_t before = umask(0077); /* what is typed is nobody else's */
        (void)history(edit->history, &event, H_SAVE, plim__draft_peek(&edit->history_path));
        (void)umask(before);
    }
}

bool plim__read_line(plim__draft *out, size_t most)
{
    int byte;
    size_t count = 0;
    while ((byte = getc(stdin)) != EOF && byte != '\n' && count < most) {
        char one = (char)byte;
        plim__draft_add(out, &one, 1);
        count++;
    }
    return !out->failed && count < most && (byte == '\n' || count > 0);
}

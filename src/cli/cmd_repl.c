/* SPDX-License-Identifier: MIT */
/*
 * C, entry by entry. On a terminal: a prompt, lines until the entry is complete, what became of it.
 * From a pipe or file: the same entries without prompts, and exit code 1 where one did not come to
 * its end. The session (plimsoll/repl.h) owns memory, compilers and workers; here it is only spoken
 * to. Ctrl-C stops the entry that runs, or drops the lines typed so far.
 */
#include <plimsoll/file.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/lineedit.h"
#include "cli/process.h"
#include "cli/replseen.h"
#include "cli/replserver.h"
#include "cli/replui.h"
#include "cli/terminal.h"

enum {
    REPL_ENTRY_BYTES_MAX = 1 << 20, /* plim_repl_enter()'s own limit */
    REPL_FLAGS_MAX = 32,
    REPL_PATH_BYTES = 4096,
    REPL_WORD_BYTES = 4096,
    REPL_PROGRAMS_MAX = 16
};

typedef struct repl_work {
    plim__replui ui;
    plim__lineedit *edit;
    plim__replseen seen;
    plim__draft entry;                /* lines so far */
    char flag_texts[REPL_WORD_BYTES]; /* --cflags, split */
    plim__draft folders;              /* of the programs' files, as flags, ended by NUL each */
    const char *flags[REPL_FLAGS_MAX + REPL_PROGRAMS_MAX + 2];
    uint32_t flag_count;
} repl_work;

/* --- the session ----------------------------------------------------------------------------- */

static void repl_capture(void *ctx, plim_repl_stream stream, const char *bytes, size_t count)
{
    plim__replui *ui = ctx;
    plim__draft_add(&ui->captured[stream == PLIM_REPL_STDERR], bytes, count);
}

/* What a file includes as "x.h" lies beside it, and what an entry does, where plim was started. */
static plim_status repl_add_folders(repl_work *work, plim_error *err)
{
    const plim__args *args = &work->ui.cli->args;
    const char *path;
    plim__draft *texts = &work->folders;
    plim__draft_puts(texts, "-iquote.");
    plim__draft_add(texts, "", 1);
    for (uint32_t i = 0; i < REPL_PROGRAMS_MAX && (path = plim__args_file(args, i)) != NULL; i++) {
        const char *slash = strrchr(path, '/');
        if (slash == NULL)
            continue;
        plim__draft_puts(texts, "-iquote");
        plim__draft_add(texts, path, slash == path ? 1 : (size_t)(slash - path));
        plim__draft_add(texts, "", 1);
    }
    if (texts->failed)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the file's folders");
    for (size_t at = 0; at < texts->size_bytes; at += strlen(texts->data + at) + 1)
        work->flags[work->flag_count++] = texts->data + at;
    return PLIM_OK;
}

static plim_status repl_split_flags(repl_work *work, const char *text, plim_error *err)
{
    uint32_t most = work->flag_count + REPL_FLAGS_MAX;
    if (strlen(text) >= sizeof work->flag_texts)
        return plim_error_set(err, PLIM_ERR_USAGE, "--cflags is too long");
    (void)snprintf(work->flag_texts, sizeof work->flag_texts, "%s", text);
    for (char *at = work->flag_texts; *at != '\0';) {
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        if (work->flag_count >= most)
            return plim_error_set(err, PLIM_ERR_USAGE, "--cflags has more than %d words",
                                  REPL_FLAGS_MAX);
        work->flags[work->flag_count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ')
            *at++ = '\0';
    }
    return PLIM_OK;
}

/* What the command line says of a session, alone or behind a socket. */
static plim_status repl_options_of(const plim__cli *cli, plim_repl_options *out, plim_error *err)
{
    uint64_t time_ns = plim__args_number(&cli->args, PLIM__OPTION_repl_deadline, 0);
    *out = (plim_repl_options){.struct_bytes = sizeof *out};
    if (time_ns / 1000000 >= UINT32_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "--deadline is longer than 49 days");
    out->deadline_ms = (uint32_t)((time_ns + 999999) / 1000000);
    out->memory_bytes = plim__args_number(&cli->args, PLIM__OPTION_budget, 0);
    return PLIM_OK;
}

/* --link m,sqlite3 */
static plim_status repl_link_all(plim__replui *ui, const char *list, plim_error *err)
{
    char name[REPL_WORD_BYTES];
    plim_status status = PLIM_OK;
    while (status == PLIM_OK && *list != '\0') {
        size_t length = strcspn(list, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, list);
        status = plim_repl_link(ui->repl, name, NULL, err);
        list += length;
        list += *list == ',';
    }
    return status;
}

static plim_status repl_open(repl_work *work, plim_error *err)
{
    plim__replui *ui = &work->ui;
    const plim__args *args = &ui->cli->args;
    plim_repl_options options;
    plim_status status = repl_options_of(ui->cli, &options, err);
    if (status == PLIM_OK)
        status = repl_add_folders(work, err);
    if (status == PLIM_OK && plim__args_has(args, PLIM__OPTION_cflags))
        status = repl_split_flags(work, args->values[PLIM__OPTION_cflags].text, err);
    options.flags = work->flags;
    if (plim__cli_is_json(ui->cli)) {
        options.output = repl_capture;
        options.output_ctx = ui;
        options.output_bytes_max = 16 << 20;
    }
    if (!ui->interactive)
        options.input = -1; /* ours is the script */
    if (status == PLIM_OK)
        status = plim_repl_open(&options, &ui->repl, err);
    if (status == PLIM_OK && plim__args_has(args, PLIM__OPTION_link))
        status = repl_link_all(ui, args->values[PLIM__OPTION_link].text, err);
    return status;
}

/* A whole file as one entry: then its functions and variables are there. */
static plim_status repl_load_program(plim__replui *ui, const char *path, plim_error *err)
{
    plim_file_source *file = NULL;
    plim__draft text;
    plim__draft_init(&text, ui->cli->allocator);
    plim__draft_printf(&text, "#line 1 \"%s\"\n", path);
    plim_status status = plim_file_source_open(path, ui->cli->allocator, &file, err);
    while (status == PLIM_OK) {
        char piece[16384];
        size_t count = 0;
        plim_source source = plim_file_source_view(file);
        status = source.read(source.ctx, piece, sizeof piece, &count, err);
        if (count == 0)
            break;
        plim__draft_add(&text, piece, count);
        if (text.size_bytes > REPL_ENTRY_BYTES_MAX)
            status = plim_error_set(err, PLIM_ERR_LIMIT, "\"%s\" is larger than 1 MiB", path);
    }
    plim_file_source_close(&file);
    if (status == PLIM_OK)
        status = plim__replui_enter(ui, plim__draft_peek(&text), err);
    plim__draft_fini(&text);
    return status;
}

/* --- entries --------------------------------------------------------------------------------- */

static bool repl_is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* One more line: it is a command, completes an entry, or is kept. */
static plim_status repl_take_line(repl_work *work, const char *line, bool is_last, plim_error *err)
{
    plim__replui *ui = &work->ui;
    plim_status status = PLIM_OK;
    if (work->entry.size_bytes == 0 && plim__replui_is_command(line)) {
        if (work->edit != NULL)
            plim__lineedit_remember(work->edit, line);
        plim__replseen_write(&work->seen, ui->repl, true);
        plim__replui_command(ui, line);
        plim__replseen_write(&work->seen, ui->repl, false);
        return PLIM_OK;
    }
    if (work->entry.size_bytes == 0 && repl_is_blank(line))
        return PLIM_OK;
    if (work->entry.size_bytes > 0)
        plim__draft_puts(&work->entry, "\n");
    plim__draft_puts(&work->entry, line);
    bool forced = work->edit != NULL && repl_is_blank(line); /* an empty line ends waiting */
    if (work->entry.size_bytes > REPL_ENTRY_BYTES_MAX)
        status = plim_error_set(err, PLIM_ERR_LIMIT, "an entry has more than 1 MiB");
    else if (!is_last && !forced &&
             !plim_repl_is_complete(ui->repl, plim__draft_peek(&work->entry)))
        return PLIM_OK;
    if (work->edit != NULL)
        plim__lineedit_remember(work->edit, plim__draft_peek(&work->entry));
    plim_repl_outcome outcome = {0};
    plim__replseen_write(&work->seen, ui->repl, true);
    if (status == PLIM_OK)
        status = plim_repl_enter(ui->repl, plim__draft_peek(&work->entry), &outcome, err);
    plim__replseen_write(&work->seen, ui->repl, false);
    if (status == PLIM_OK && outcome.end == PLIM_REPL_INCOMPLETE && !is_last && !forced)
        return PLIM_OK; /* "x +": only the compiler could tell */
    if (status == PLIM_OK) {
        ui->failed += outcome.end != PLIM_REPL_OK;
        if (outcome.end == PLIM_REPL_INCOMPLETE && outcome.explanation[0] == '\0')
            outcome.explanation = "the entry is not complete";
        plim__replui_show(ui, &outcome);
    }
    plim__draft_clear(&work->entry);
    return status;
}

/* A failure of the session's is told; it goes on unless no worker can be had. */
static plim_status repl_survive(repl_work *work, plim_status status, plim_error *err)
{
    if (status == PLIM_OK || status == PLIM_ERR_UNREACHABLE)
        return status;
    plim__replui_complain(&work->ui, err);
    plim__draft_clear(&work->entry);
    *err = (plim_error){0};
    return PLIM_OK;
}

/* --- the terminal ---------------------------------------------------------------------------- */

/* The entry as it is typed so far, with a line of which the first bytes are blanked. Gives where
   the line begins in it. */
static size_t repl_text_so_far(const repl_work *work, const char *line, size_t blank,
                               plim__draft *out)
{
    plim__draft_init(out, work->ui.cli->allocator);
    if (work->entry.size_bytes > 0) {
        plim__draft_puts(out, plim__draft_peek(&work->entry));
        plim__draft_puts(out, "\n");
    }
    size_t before = out->size_bytes;
    plim__draft_fill(out, ' ', blank);
    plim__draft_puts(out, line + blank);
    return before;
}

static void repl_complete(void *ctx, const char *line, size_t cursor, size_t *out_from,
                          plim__line_offer *offer, void *to)
{
    repl_work *work = ctx;
    const plim_repl_candidate *candidates = NULL;
    size_t count = 0;
    size_t from = 0;
    plim__draft text;
    if (work->entry.size_bytes == 0 && line[0] == ':' && memchr(line, ' ', cursor) == NULL) {
        *out_from = 0;
        plim__replui_commands_begin_with(line, cursor, offer, to);
        return;
    }
    size_t skipped = line[0] == ':' ? strcspn(line, " ") : 0; /* ":type x." completes x. */
    size_t before = repl_text_so_far(work, line, skipped, &text);
    if (plim_repl_complete(work->ui.repl, plim__draft_peek(&text), before + cursor, &candidates,
                           &count, &from, NULL) == PLIM_OK &&
        from >= before) {
        *out_from = from - before;
        for (size_t i = 0; i < count; i++) {
            if (!offer(to, candidates[i].text, candidates[i].detail))
                break;
        }
    }
    plim__draft_fini(&text);
}

static plim__style repl_style_of(plim_repl_token_kind kind)
{
    switch (kind) {
    case PLIM_REPL_TOKEN_KEYWORD:
    case PLIM_REPL_TOKEN_TYPE:
    case PLIM_REPL_TOKEN_DIRECTIVE:
        return PLIM__STYLE_HEAD;
    case PLIM_REPL_TOKEN_MACRO:
    case PLIM_REPL_TOKEN_NUMBER:
        return PLIM__STYLE_NAME;
    case PLIM_REPL_TOKEN_STRING:
        return PLIM__STYLE_GOOD;
    case PLIM_REPL_TOKEN_COMMENT:
        return PLIM__STYLE_DIM;
    case PLIM_REPL_TOKEN_PUNCTUATION:
    case PLIM_REPL_TOKEN_NAME:
    case PLIM_REPL_TOKEN_FUNCTION:
        break;
    }
    return PLIM__STYLE_NONE;
}

/* By the session's own tokens, of all the entry so far: a comment may have begun lines before. */
static bool repl_paint(void *ctx, const char *line, size_t bytes, unsigned char *out_styles)
{
    repl_work *work = ctx;
    const plim_repl_token *tokens = NULL;
    size_t count = 0;
    plim__draft text;
    if (work->entry.size_bytes == 0 && line[0] == ':') {
        size_t length = strcspn(line, " ");
        memset(out_styles, PLIM__STYLE_HEAD, length < bytes ? length : bytes);
        return true;
    }
    size_t before = repl_text_so_far(work, line, 0, &text);
    bool is_known =
        plim_repl_tokens(work->ui.repl, plim__draft_peek(&text), &tokens, &count, NULL) == PLIM_OK;
    for (size_t i = 0; is_known && i < count; i++) {
        size_t from = tokens[i].from > before ? tokens[i].from - before : 0;
        size_t end = tokens[i].from + tokens[i].bytes;
        size_t to = end > before ? end - before : 0;
        for (size_t at = from; at < to && at < bytes; at++)
            out_styles[at] = (unsigned char)repl_style_of(tokens[i].kind);
    }
    plim__draft_fini(&text);
    return is_known;
}

/* $XDG_STATE_HOME/plimsoll/repl_history; false: there is no place for it. */
static bool repl_history_path(plim__draft *out)
{
    const char *state = plim__environment("XDG_STATE_HOME");
    const char *home = plim__environment("HOME");
    if (state != NULL && state[0] == '/') {
        plim__draft_puts(out, state);
    } else if (home != NULL) {
        static const char *const folders[] = {"/.local", "/state"};
        plim__draft_puts(out, home);
        for (size_t i = 0; i < 2; i++) {
            plim__draft_puts(out, folders[i]);
            if (plim__path_make(plim__draft_peek(out), NULL) != PLIM_OK)
                return false;
        }
    } else {
        return false;
    }
    if (plim__path_make(plim__draft_peek(out), NULL) != PLIM_OK)
        return false;
    plim__draft_puts(out, "/plimsoll");
    if (plim__path_make(plim__draft_peek(out), NULL) != PLIM_OK)
        return false;
    plim__draft_puts(out, "/repl_history");
    return !out->failed;
}

static void repl_interrupt(void *ctx)
{
    plim_repl_interrupt(ctx);
}

static plim_status repl_talk(repl_work *work, plim_error *err)
{
    plim_status status = PLIM_OK;
    plim__draft line;
    plim__draft_init(&line, work->ui.cli->allocator);
    while (status == PLIM_OK && !work->ui.ends) {
        char prompt[32];
        plim_repl_info info;
        plim_repl_read_info(work->ui.repl, &info);
        int width = snprintf(prompt, sizeof prompt, "In[%u]> ", info.entry_count + 1);
        if (work->entry.size_bytes > 0)
            (void)snprintf(prompt, sizeof prompt, "%*s", width, "...> ");
        plim__draft_clear(&line);
        plim__line_end end = plim__lineedit_read(work->edit, prompt, &line);
        if (end == PLIM__LINE_INTERRUPTED) {
            plim__draft_clear(&work->entry);
            continue;
        }
        if (end == PLIM__LINE_EOF) {
            plim__out_puts(&work->ui.cli->out, "\n");
            break;
        }
        status = repl_survive(work, repl_take_line(work, plim__draft_peek(&line), false, err), err);
    }
    plim__draft_fini(&line);
    return status;
}

static void repl_greet(plim__replui *ui)
{
    plim__out_printf(&ui->cli->out,
                     "plim %s: C that keeps its variables, whatever crashes. :help has the "
                     "commands.\n",
                     PLIM_VERSION);
    plim__out_flush(&ui->cli->out);
}

static void repl_part(plim__replui *ui)
{
    plim_repl_info info;
    plim_repl_read_info(ui->repl, &info);
    plim__out_printf(&ui->cli->out, "the session is over: %u entr%s, %u worker%s\n",
                     info.entry_count, info.entry_count == 1 ? "y" : "ies", info.worker_count,
                     info.worker_count == 1 ? "" : "s");
}

static plim_status repl_on_terminal(repl_work *work, plim_error *err)
{
    plim__replui *ui = &work->ui;
    plim__line_hooks hooks = {work, repl_complete, repl_paint};
    plim__draft path;
    plim__draft_init(&path, ui->cli->allocator);
    bool keeps = repl_history_path(&path);
    plim_status status =
        plim__lineedit_open(&hooks, keeps ? plim__draft_peek(&path) : NULL, ui->cli->out.colour,
                            ui->cli->allocator, &work->edit, err);
    plim__draft_fini(&path);
    if (status != PLIM_OK)
        return status;
    plim__interrupts_take(repl_interrupt, ui->repl);
    status = repl_talk(work, err);
    plim__interrupts_take(NULL, NULL);
    plim__lineedit_close(&work->edit);
    if (status == PLIM_OK)
        repl_part(ui);
    return status;
}

/* --- a script -------------------------------------------------------------------------------- */

static plim_status repl_on_script(repl_work *work, plim_error *err)
{
    plim__draft line;
    plim_status status = PLIM_OK;
    plim__draft_init(&line, work->ui.cli->allocator);
    plim__interrupts_take(repl_interrupt, work->ui.repl);
    while (status == PLIM_OK && !work->ui.ends) {
        plim__draft_clear(&line);
        if (!plim__read_line(&line, REPL_ENTRY_BYTES_MAX))
            break;
        status = repl_survive(work, repl_take_line(work, plim__draft_peek(&line), false, err), err);
        if (plim__interrupts_seen())
            status = plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
    }
    if (status == PLIM_OK && work->entry.size_bytes > 0)
        status = repl_survive(work, repl_take_line(work, "", true, err), err);
    plim__interrupts_take(NULL, NULL);
    plim__draft_fini(&line);
    if (work->ui.failed > 0)
        work->ui.cli->finding = true;
    return status;
}

plim_status plim__cmd_repl(plim__cli *cli, plim_error *err)
{
    static repl_work work; /* large: the editor's lines */
    const char *program = plim__args_file(&cli->args, 0);
    if (plim__args_has(&cli->args, PLIM__OPTION_listen)) {
        plim_repl_options options;
        plim_status said = repl_options_of(cli, &options, err);
        return said != PLIM_OK ? said
                               : plim__repl_listen(cli, cli->args.values[PLIM__OPTION_listen].text,
                                                   &options, err);
    }
    work.ui = (plim__replui){.cli = cli};
    work.ui.interactive = plim__terminal_is(PLIM__STDIN) && plim__terminal_is(PLIM__STDOUT) &&
                          plim__cli_is_human(cli);
    plim__draft_init(&work.entry, cli->allocator);
    for (size_t i = 0; i < 2; i++)
        plim__draft_init(&work.ui.captured[i], cli->allocator);
    plim__draft_init(&work.folders, cli->allocator);
    plim_status status = repl_open(&work, err);
    if (status == PLIM_OK && plim_supervision_open("repl", program != NULL ? program : "session", 3,
                                                   &work.seen.to, NULL) == PLIM_OK)
        plim__replseen_write(&work.seen, work.ui.repl, false);
    if (status == PLIM_OK && work.ui.interactive)
        repl_greet(&work.ui);
    for (uint32_t i = 0; status == PLIM_OK && plim__args_file(&cli->args, i) != NULL; i++)
        status = repl_load_program(&work.ui, plim__args_file(&cli->args, i), err);
    if (status == PLIM_OK)
        status = work.ui.interactive ? repl_on_terminal(&work, err) : repl_on_script(&work, err);
    plim_supervision_close(&work.seen.to);
    plim_repl_close(&work.ui.repl);
    plim__draft_fini(&work.entry);
    plim__draft_fini(&work.folders);
    for (size_t i = 0; i < 2; i++)
        plim__draft_fini(&work.ui.captured[i]);
    return status;
}

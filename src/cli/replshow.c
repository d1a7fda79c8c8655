/* SPDX-License-Identifier: MIT */
/*
 * What is shown of an entry. Values go to standard output; what the compiler said, why an entry
 * failed and what was lost go to standard error: so a script's results can be kept apart. On a
 * terminal a program's output that ends within a line is marked and ended first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/process.h"
#include "cli/replui.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { SHOW_SOURCE_BYTES = 400, SHOW_TYPE_BYTES = 512 };

/* --- values ---------------------------------------------------------------------------------- */

/* Text of several lines, each made safe for the terminal; those after the first are indented. */
static void show_lines(plim__draft *out, const char *text, size_t indent)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        plim__glyphs_show(out, (plim_text){text, length});
        plim__draft_puts(out, "\n");
        text += length;
        text += *text == '\n';
        if (*text != '\0')
            plim__draft_fill(out, ' ', indent);
    }
}

static void show_value(plim__replui *ui, const plim_repl_outcome *outcome)
{
    static char text[PLIM__REPL_VALUE_BYTES]; /* one at a time: the session's thread */
    plim__out *out = &ui->cli->out;
    bool ascii = !plim__terminal_is_utf8() && ui->interactive;
    char head[SHOW_TYPE_BYTES + 64];
    (void)snprintf(head, sizeof head, "Out[%u]: ", outcome->entry);
    uint32_t columns = out->columns > 20 ? out->columns : 80;
    if (!plim__repl_value(ui->repl, &outcome->result, columns, ascii, text, sizeof text))
        return;
    plim__draft shown;
    plim__draft_init(&shown, ui->cli->allocator);
    plim__out_styled(out, PLIM__STYLE_GOOD, head);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_DIM));
    plim__draft_puts(&shown, "(");
    plim__glyphs_show(&shown, plim__text_of(outcome->result.type));
    plim__draft_puts(&shown, ") ");
    plim__out_text(out, plim__draft_view(&shown));
    plim__out_puts(out, plim__style_off(out->colour));
    plim__draft_clear(&shown);
    show_lines(&shown, text, 0);
    plim__out_text(out, plim__draft_view(&shown));
    plim__draft_fini(&shown);
}

/* --- what went wrong ------------------------------------------------------------------------- */

static void show_styled(plim__draft *out, bool colour, plim__style style, const char *text)
{
    plim__draft_puts(out, plim__style_on(colour, style));
    plim__glyphs_show(out, plim__text_of(text));
    plim__draft_puts(out, plim__style_off(colour));
}

static bool show_is_caret(const char *line, size_t length)
{
    size_t blank = strspn(line, " |0123456789");
    return blank < length && strcspn(line + blank, "^~") == 0;
}

/* The compiler's lines: errors stand out, carets too. */
static void show_diagnostics(plim__draft *out, bool colour, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char line[1024];
        (void)snprintf(line, sizeof line, "%.*s", (int)length, text);
        plim__style style = strstr(line, "error:") != NULL      ? PLIM__STYLE_BAD
                            : strstr(line, "warning:") != NULL  ? PLIM__STYLE_HEAD
                            : show_is_caret(line, strlen(line)) ? PLIM__STYLE_GOOD
                                                                : PLIM__STYLE_NONE;
        show_styled(out, colour, style, line);
        plim__draft_puts(out, "\n");
        text += length;
        text += *text == '\n';
    }
}

/* The line of source around its column, and a caret below. */
static void show_source(plim__draft *out, bool colour, const plim_repl_frame *frame,
                        uint32_t columns)
{
    size_t length = strlen(frame->source);
    size_t at = frame->column > 0 ? frame->column - 1 : 0;
    size_t room = columns > 30 ? columns - 8 : 72;
    size_t from = strspn(frame->source, " \t");
    if (length == 0)
        return;
    if (at > length)
        at = length;
    if (at < from)
        from = 0;
    if (at - from > room - 10)
        from = at - room / 2;
    size_t count = length - from < room ? length - from : room;
    char line[SHOW_SOURCE_BYTES];
    if (count >= sizeof line)
        count = sizeof line - 1;
    for (size_t i = 0; i < count; i++) /* a tab is as wide as a blank here, so the caret fits */
        line[i] = frame->source[from + i] == '\t' ? ' ' : frame->source[from + i];
    line[count] = '\0';
    plim__draft_puts(out, "     ");
    plim__glyphs_show(out, plim__text_of(line));
    plim__draft_puts(out, "\n");
    if (frame->column == 0)
        return;
    plim__draft_fill(out, ' ', 5 + (at - from));
    show_styled(out, colour, PLIM__STYLE_GOOD, "^");
    plim__draft_puts(out, "\n");
}

static void show_frames(plim__draft *out, bool colour, const plim_repl_outcome *outcome,
                        uint32_t columns)
{
    for (size_t i = 0; i < outcome->frame_count; i++) {
        const plim_repl_frame *frame = &outcome->frames[i];
        plim__draft_printf(out, "  #%zu ", i);
        if (frame->function[0] != '\0')
            show_styled(out, colour, PLIM__STYLE_NAME, frame->function);
        else if (frame->file[0] == '\0') /* else it is the entry itself, which has no name */
            plim__draft_printf(out, "0x%" PRIx64, frame->address);
        if (frame->file[0] != '\0') {
            if (frame->function[0] != '\0')
                plim__draft_puts(out, frame->line > 0 ? " at " : " in ");
            plim__glyphs_show(out, plim__text_of(frame->file));
        }
        if (frame->line > 0)
            plim__draft_printf(out, ":%u", frame->line);
        if (frame->line > 0 && frame->column > 0)
            plim__draft_printf(out, ":%u", frame->column);
        if (frame->repeats > 1)
            plim__draft_printf(out, "  (%u times)", frame->repeats);
        plim__draft_puts(out, "\n");
        show_source(out, colour, frame, columns);
    }
    if (outcome->frames_left_out > 0)
        plim__draft_printf(out, "  and %" PRIu64 " more calls\n", outcome->frames_left_out);
}

static void show_losses(plim__draft *out, bool colour, const plim_repl_outcome *outcome)
{
    for (size_t i = 0; i < outcome->lost_count; i++) {
        show_styled(out, colour, PLIM__STYLE_HEAD, i == 0 ? "lost with the worker: " : "  and ");
        plim__glyphs_show(out, plim__text_of(outcome->lost[i]));
        plim__draft_puts(out, "\n");
    }
    for (size_t i = 0; i < outcome->hidden_count; i++) {
        show_styled(out, colour, PLIM__STYLE_HEAD, i == 0 ? "hidden now: " : "  and ");
        plim__glyphs_show(out, plim__text_of(outcome->hidden[i]));
        plim__draft_puts(out, "\n");
    }
    if (outcome->output_dropped > 0)
        plim__draft_printf(out, "(%" PRIu64 " bytes of output were dropped)\n",
                           outcome->output_dropped);
}

static void show_times(plim__draft *out, bool colour, const plim_repl_outcome *outcome)
{
    const plim_repl_times *times = &outcome->times;
    char text[200];
    (void)snprintf(
        text, sizeof text, "%.2f ms: parse %.2f, compile %.2f, load %.2f, run %.2f, adopt %.2f",
        (double)times->total / 1e3, (double)times->parse / 1e3, (double)times->compile / 1e3,
        (double)times->load / 1e3, (double)times->run / 1e3, (double)times->commit / 1e3);
    show_styled(out, colour, PLIM__STYLE_DIM, text);
    plim__draft_puts(out, "\n");
}

/* zsh's way: a mark and as many blanks as a line has; if something stood in the line, they end in
   the next one, else in this one, where they are wiped. */
static void show_end_line(const plim__replui *ui)
{
    plim__draft out;
    uint32_t columns;
    uint32_t rows;
    plim__terminal_size(PLIM__STDOUT, &columns, &rows);
    if (!ui->interactive || columns < 2)
        return;
    plim__draft_init(&out, ui->cli->allocator);
    plim__draft_puts(&out, plim__style_on(ui->cli->out.colour, PLIM__STYLE_DIM));
    plim__draft_puts(&out, "%");
    plim__draft_puts(&out, plim__style_off(ui->cli->out.colour));
    plim__draft_fill(&out, ' ', columns - 1);
    plim__draft_puts(&out, "\r \r");
    if (!out.failed)
        (void)plim__process_write(PLIM__STDOUT, out.data, out.size_bytes);
    plim__draft_fini(&out);
}

static void show_json(plim__replui *ui, const plim_repl_outcome *outcome)
{
    plim__draft line;
    plim__draft_init(&line, ui->cli->allocator);
    plim__draft_puts(&line, "{\"schema\":\"plim.repl/1\"");
    static const char *const names[] = {"stdout", "stderr"};
    for (size_t i = 0; i < 2; i++) {
        plim_text text = plim__draft_view(&ui->captured[i]);
        plim__draft_puts(&line, ",");
        plim__repl_json_text(&line, names[i], text.data, text.size_bytes);
        plim__draft_clear(&ui->captured[i]);
    }
    plim__draft_puts(&line, ",");
    plim__repl_outcome_json(&line, ui->repl, outcome);
    plim__draft_puts(&line, "}\n");
    plim__out_text(&ui->cli->out, plim__draft_view(&line));
    plim__out_flush(&ui->cli->out);
    plim__draft_fini(&line);
}

void plim__replui_show(plim__replui *ui, const plim_repl_outcome *outcome)
{
    bool colour = ui->cli->say.colour && plim__cli_is_human(ui->cli);
    uint32_t columns = ui->cli->out.columns;
    plim__draft said;
    if (plim__cli_is_json(ui->cli)) {
        show_json(ui, outcome);
        return;
    }
    if (outcome->end != PLIM_REPL_DIAGNOSTIC && outcome->end != PLIM_REPL_INCOMPLETE)
        show_end_line(ui);
    plim__draft_init(&said, ui->cli->allocator);
    show_diagnostics(&said, colour, outcome->diagnostics);
    if (outcome->explanation[0] != '\0') {
        show_styled(&said, colour,
                    outcome->end == PLIM_REPL_OK ? PLIM__STYLE_HEAD : PLIM__STYLE_BAD,
                    outcome->explanation);
        plim__draft_puts(&said, "\n");
    }
    show_frames(&said, colour, outcome, columns);
    show_losses(&said, colour, outcome);
    if (ui->times)
        show_times(&said, colour, outcome);
    plim__out_flush(&ui->cli->out);
    if (said.size_bytes > 0 && !said.failed)
        (void)plim__process_write(PLIM__STDERR, said.data, said.size_bytes);
    plim__draft_fini(&said);
    if (outcome->end == PLIM_REPL_OK)
        show_value(ui, outcome);
    plim__out_flush(&ui->cli->out);
}

void plim__replui_complain(plim__replui *ui, const plim_error *err)
{
    ui->failed++;
    plim__out_flush(&ui->cli->out);
    plim__say_error(&ui->cli->say, err);
}

plim_status plim__replui_enter(plim__replui *ui, const char *text, plim_error *err)
{
    plim_repl_outcome outcome;
    plim_status status = plim_repl_enter(ui->repl, text, &outcome, err);
    if (status != PLIM_OK)
        return status;
    if (outcome.end != PLIM_REPL_OK)
        ui->failed++;
    plim__replui_show(ui, &outcome);
    return PLIM_OK;
}

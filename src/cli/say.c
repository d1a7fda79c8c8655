/* SPDX-License-Identifier: MIT */
#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/out.h"
#include "cli/process.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { SAY_STEP_NS = 100000000, SAY_COLUMNS_DEFAULT = 80 };

static void say_write(const plim__draft *draft)
{
    /* Nobody is left to be told that standard error cannot be written. */
    (void)plim__process_write(PLIM__STDERR, plim__draft_peek(draft), draft->size_bytes);
}

static void say_row(plim__say *say, const char *label, plim__style style, const char *text)
{
    plim__draft draft;
    plim__draft_init(&draft, NULL);
    plim__draft_puts(&draft, plim__style_on(say->colour, style));
    plim__draft_puts(&draft, label);
    plim__draft_puts(&draft, plim__style_off(say->colour));
    plim__glyphs_show(&draft, plim__text_of(text)); /* may quote file names and foreign text */
    plim__draft_puts(&draft, "\n");
    say_write(&draft);
    plim__draft_fini(&draft);
}

void plim__say_error(plim__say *say, const plim_error *err)
{
    plim__say_end(say);
    const char *what = err->what[0] != '\0' ? err->what : plim_status_text(err->status);
    say_row(say, "plim: ", PLIM__STYLE_BAD, what);
    if (err->where[0] != '\0')
        say_row(say, "  where: ", PLIM__STYLE_DIM, err->where);
    if (err->hint[0] != '\0')
        say_row(say, "  try: ", PLIM__STYLE_DIM, err->hint);
}

PLIM_PRINTF(2, 0)
static void say_remark(plim__say *say, const char *format, va_list arguments)
{
    char text[1024];
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        return;
    plim__say_end(say);
    plim__draft draft;
    plim__draft_init(&draft, NULL);
    for (char *line = text; line != NULL;) {
        char *next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        plim__glyphs_show(&draft, plim__text_of(line));
        plim__draft_puts(&draft, "\n");
        line = next;
    }
    say_write(&draft);
    plim__draft_fini(&draft);
}

void plim__say_note(plim__say *say, const char *format, ...)
{
    if (!say->terminal || say->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    say_remark(say, format, arguments);
    va_end(arguments);
}

void plim__say_later(plim__say *say, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(say->later, sizeof say->later, format, arguments) < 0)
        say->later[0] = '\0';
    va_end(arguments);
}

void plim__say_finish(plim__say *say)
{
    plim__say_end(say);
    if (say->later[0] != '\0')
        plim__say_note(say, "%s", say->later);
}

void plim__say_always(plim__say *say, const char *format, ...)
{
    if (say->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    say_remark(say, format, arguments);
    va_end(arguments);
}

void plim__say_detail(plim__say *say, const char *format, ...)
{
    if (!say->verbose || say->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    say_remark(say, format, arguments);
    va_end(arguments);
}

static void say_show(plim__say *say, const char *text)
{
    plim__draft shown;
    plim__draft line;
    plim__draft_init(&shown, NULL);
    plim__draft_init(&line, NULL);
    plim__glyphs_show(&shown, plim__text_of(text));
    plim__draft_puts(&line, "\r");
    uint32_t columns = say->columns > 1 ? say->columns : SAY_COLUMNS_DEFAULT;
    plim__glyphs_cut(&line, plim__draft_view(&shown), columns - 1, false);
    plim__draft_puts(&line, "\033[K");
    say_write(&line);
    plim__draft_fini(&shown);
    plim__draft_fini(&line);
    say->line_shown = true;
    say->shown_ns = plim__clock_ns();
}

static bool say_wants_line(const plim__say *say)
{
    return say->terminal && !say->quiet && plim__clock_ns() - say->shown_ns >= SAY_STEP_NS;
}

void plim__say_begin(plim__say *say, const char *format, ...)
{
    say->begun_ns = plim__clock_ns();
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(say->work, sizeof say->work, format, arguments);
    va_end(arguments);
    if (wanted >= 0 && say->terminal && !say->quiet)
        say_show(say, say->work);
}

void plim__say_bytes(plim__say *say, uint64_t done, uint64_t total)
{
    if (!say_wants_line(say))
        return;
    char text[320];
    char done_text[PLIM__UNITS_BYTES];
    char total_text[PLIM__UNITS_BYTES + 8] = "";
    char rate_text[PLIM__UNITS_BYTES];
    char left_text[PLIM__UNITS_BYTES + 8] = "";
    double seconds = (double)(plim__clock_ns() - say->begun_ns) / 1e9;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    plim__units_bytes(done_text, done, false);
    plim__units_bytes(rate_text, (uint64_t)rate, false);
    if (total > 0 && done <= total) {
        char of[PLIM__UNITS_BYTES];
        plim__units_bytes(of, total, false);
        (void)snprintf(total_text, sizeof total_text, " of %s", of);
        unsigned left = rate > 0 ? (unsigned)((double)(total - done) / rate + 0.5) : 0;
        (void)snprintf(left_text, sizeof left_text, "  %u:%02u left", left / 60, left % 60);
    }
    (void)snprintf(text, sizeof text, "%s  %s%s  %s/s%s", say->work, done_text, total_text,
                   rate_text, left_text);
    say_show(say, text);
}

void plim__say_share(plim__say *say, const char *phase, uint64_t done, uint64_t total)
{
    if (!say_wants_line(say))
        return;
    char text[320];
    char left_text[PLIM__UNITS_BYTES] = "";
    uint64_t percent = total > 0 ? (done < total ? done * 100 / total : 100) : 0;
    double seconds = (double)(plim__clock_ns() - say->begun_ns) / 1e9;
    if (done > 0 && total > done && seconds > 0.3) {
        unsigned left = (unsigned)(seconds / (double)done * (double)(total - done) + 0.5);
        (void)snprintf(left_text, sizeof left_text, "  %u:%02u left", left / 60, left % 60);
    }
    if (total > 0)
        (void)snprintf(text, sizeof text, "%s  %s  %u%%%s", say->work, phase, (unsigned)percent,
                       left_text);
    else
        (void)snprintf(text, sizeof text, "%s  %s  %.1f s", say->work, phase, seconds);
    say_show(say, text);
}

void plim__say_line(plim__say *say, const char *text)
{
    if (say_wants_line(say))
        say_show(say, text);
}

void plim__say_end(plim__say *say)
{
    if (!say->line_shown)
        return;
    static const char clear[] = "\r\033[K";
    (void)plim__process_write(PLIM__STDERR, clear, sizeof clear - 1);
    say->line_shown = false;
    say->shown_ns = 0;
}

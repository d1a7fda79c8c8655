/* SPDX-License-Identifier: MIT */
/*
 * Standard output. States: holding -> (too long for the screen) pager, (fits) terminal;
 * not holding -> written in pieces of OUT_PIECE_BYTES. After the first failed write nothing more
 * is written, and the work goes on to its end: its exit code may matter more than its text.
 */
#include "cli/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/process.h"
#include "cli/terminal.h"

enum {
    OUT_PIECE_BYTES = 64 << 10,
    OUT_HOLD_BYTES_MAX = 64 << 20 /* beyond this nobody pages; it is written as it comes */
};

const char *plim__style_on(bool colour, plim__style style)
{
    if (!colour)
        return "";
    switch (style) {
    case PLIM__STYLE_HEAD:
        return "\033[1m";
    case PLIM__STYLE_DIM:
        return "\033[2m";
    case PLIM__STYLE_NAME:
        return "\033[36m";
    case PLIM__STYLE_BAD:
        return "\033[31m";
    case PLIM__STYLE_GOOD:
        return "\033[32m";
    case PLIM__STYLE_NONE:
        break;
    }
    return "";
}

const char *plim__style_off(bool colour)
{
    return colour ? "\033[0m" : "";
}

void plim__out_start(plim__out *out, const plim_allocator *allocator)
{
    plim__draft_init(&out->draft, allocator);
    out->holding = out->terminal && out->paged && out->form == PLIM__FORM_HUMAN;
    out->write_error = 0;
}

void plim__out_flush(plim__out *out)
{
    if (out->write_error == 0 && out->draft.size_bytes > 0)
        out->write_error =
            plim__process_write(PLIM__STDOUT, out->draft.data, out->draft.size_bytes);
    bool failed = out->draft.failed;
    plim__draft_clear(&out->draft);
    out->draft.failed = failed;
}

static void out_added(plim__out *out)
{
    size_t held_max = out->holding ? OUT_HOLD_BYTES_MAX : OUT_PIECE_BYTES;
    if (out->draft.size_bytes < held_max)
        return;
    out->holding = false;
    plim__out_flush(out);
}

void plim__out_text(plim__out *out, plim_text text)
{
    plim__draft_add(&out->draft, text.data, text.size_bytes);
    out_added(out);
}

void plim__out_puts(plim__out *out, const char *string)
{
    plim__out_text(out, plim__text_of(string));
}

void plim__out_printf(plim__out *out, const char *format, ...)
{
    va_list arguments;
    char text[1024];
    va_start(arguments, format);
    int wanted = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (wanted < 0 || (size_t)wanted >= sizeof text)
        out->draft.failed = true; /* ours are short; long text goes through plim__out_text() */
    else
        plim__out_puts(out, text);
}

void plim__out_show(plim__out *out, plim_text text)
{
    plim__glyphs_show(&out->draft, text);
    out_added(out);
}

void plim__out_styled(plim__out *out, plim__style style, const char *string)
{
    bool colour = out->colour && style != PLIM__STYLE_NONE;
    plim__out_puts(out, plim__style_on(colour, style));
    plim__out_puts(out, string);
    plim__out_puts(out, plim__style_off(colour));
}

static bool out_fits_the_screen(const plim__out *out)
{
    if (out->lines == 0)
        return true;
    uint32_t lines = 0;
    for (size_t i = 0; i < out->draft.size_bytes; i++) {
        if (out->draft.data[i] == '\n' && ++lines >= out->lines)
            return false;
    }
    return true;
}

static void out_page(plim__out *out)
{
    const char *command = plim__environment("PLIM_PAGER");
    if (command == NULL)
        command = plim__environment("PAGER");
    int fd;
    int64_t pid;
    if (!plim__process_pager(command != NULL ? command : "less -FRX", &fd, &pid)) {
        plim__out_flush(out);
        return;
    }
    /* A pager that is left early closes its end: that is how one leaves a pager, not an error. */
    (void)plim__process_write(fd, out->draft.data, out->draft.size_bytes);
    plim__process_close(fd);
    plim__process_wait(pid);
    plim__draft_clear(&out->draft);
}

plim_status plim__out_finish(plim__out *out, plim_error *err)
{
    bool failed = out->draft.failed;
    if (out->holding && !out_fits_the_screen(out))
        out_page(out);
    else
        plim__out_flush(out);
    plim__draft_fini(&out->draft);
    if (failed)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory to write the result");
    if (out->write_error == 0 || plim__out_is_broken(out))
        return PLIM_OK;
    plim_status status =
        out->write_error == ENOSPC || out->write_error == EDQUOT || out->write_error == EFBIG
            ? PLIM_ERR_NO_SPACE
            : PLIM_ERR_IO;
    status = plim_error_set(err, status, "cannot write the result: %s", strerror(out->write_error));
    plim_error_where(err, "standard output");
    return status;
}

bool plim__out_is_broken(const plim__out *out)
{
    return out->write_error == EPIPE;
}

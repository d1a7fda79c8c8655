/* SPDX-License-Identifier: MIT */
#include "cli/emit.h"

#include <math.h>

#include "cli/glyphs.h"

static void emit_before(plim__emit *emit, const char *key)
{
    if (emit->has_member[emit->depth])
        plim__out_puts(emit->out, ",");
    emit->has_member[emit->depth] = true;
    if (key != NULL) {
        plim__out_puts(emit->out, "\"");
        plim__out_puts(emit->out, key);
        plim__out_puts(emit->out, "\":");
    }
}

static void emit_open(plim__emit *emit, const char *key, const char *bracket)
{
    emit_before(emit, key);
    plim__out_puts(emit->out, bracket);
    if (emit->depth + 1 < PLIM__EMIT_DEPTH_MAX) /* our own nesting is bounded by --depth */
        emit->depth++;
    emit->has_member[emit->depth] = false;
}

static void emit_close(plim__emit *emit, const char *bracket)
{
    emit->depth--;
    plim__out_puts(emit->out, bracket);
}

void plim__emit_start(plim__emit *emit, plim__out *out, const char *verb)
{
    *emit = (plim__emit){.out = out};
    emit_open(emit, NULL, "{");
    emit_before(emit, "schema");
    plim__out_printf(out, "\"plim.%s/1\"", verb);
}

void plim__emit_finish(plim__emit *emit)
{
    emit_close(emit, "}\n");
}

void plim__emit_object(plim__emit *emit, const char *key)
{
    emit_open(emit, key, "{");
}

void plim__emit_object_end(plim__emit *emit)
{
    emit_close(emit, "}");
}

void plim__emit_array(plim__emit *emit, const char *key)
{
    emit_open(emit, key, "[");
}

void plim__emit_array_end(plim__emit *emit)
{
    emit_close(emit, "]");
}

void plim__emit_text(plim__emit *emit, const char *key, plim_text value)
{
    emit_before(emit, key);
    plim__out_puts(emit->out, "\"");
    plim__glyphs_json(&emit->out->draft, value);
    plim__out_puts(emit->out, "\"");
}

void plim__emit_string(plim__emit *emit, const char *key, const char *value)
{
    plim__emit_text(emit, key, plim__text_of(value));
}

void plim__emit_unsigned(plim__emit *emit, const char *key, uint64_t value)
{
    emit_before(emit, key);
    plim__out_printf(emit->out, "%llu", (unsigned long long)value);
}

void plim__emit_signed(plim__emit *emit, const char *key, int64_t value)
{
    emit_before(emit, key);
    plim__out_printf(emit->out, "%lld", (long long)value);
}

void plim__emit_real(plim__emit *emit, const char *key, double value)
{
    emit_before(emit, key);
    if (isfinite(value))
        plim__out_printf(emit->out, "%.6g", value);
    else
        plim__out_puts(emit->out, "null");
}

void plim__emit_exact(plim__emit *emit, const char *key, double value)
{
    emit_before(emit, key);
    if (isfinite(value))
        plim__out_printf(emit->out, "%.17g", value);
    else
        plim__out_puts(emit->out, "null");
}

void plim__emit_bool(plim__emit *emit, const char *key, bool value)
{
    emit_before(emit, key);
    plim__out_puts(emit->out, value ? "true" : "false");
}

void plim__emit_null(plim__emit *emit, const char *key)
{
    emit_before(emit, key);
    plim__out_puts(emit->out, "null");
}

void plim__emit_known(plim__emit *emit, const char *key, uint64_t value)
{
    if (value == UINT64_MAX)
        plim__emit_null(emit, key);
    else
        plim__emit_unsigned(emit, key, value);
}

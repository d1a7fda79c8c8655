/* SPDX-License-Identifier: MIT */
/* The text of a unit, alike for what was parsed and for what was guessed (guess.c). */
#include "repl/source/compilation.h"

void plim__unit_write(const plim__compilation *self, const plim__entry_text *entry, plim__grow *out)
{
    plim__grow_string(out, "#line 1 \"" PLIM__SESSION_TEXT_NAME "\"\n");
    plim__grow_add(out, self->prefix.bytes, self->prefix.count);
    plim__pieces_write(entry, out);
}

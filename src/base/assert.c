/* SPDX-License-Identifier: MIT */
/* A failed check ends the process: what it found is a fault of the program, not of its input. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void plim__check_failed(const char *file, int line, const char *text)
{
    /* plim-tidy: allow banned: the one place that prints and stops, for there is no way back */
    (void)fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    abort(); /* plim-tidy: allow banned: as above */
}

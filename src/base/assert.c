/* SPDX-License-Identifier: MIT */
/* A failed check ends the process: what it found is a fault of the program, not of its input. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void plim__check_failed(const char *file, int line, const char *text)
{
    (void)fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    abort();
}

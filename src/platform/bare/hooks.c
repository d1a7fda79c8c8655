/* SPDX-License-Identifier: MIT */
/* Hooks of the machine, and what a failed check does where nothing can be printed. */
#include "platform/bare/hooks.h"

#include <stddef.h>

#include "base/assert.h"

static plim_bare_hooks bare_hooks;

void plim_bare_hooks_set(const plim_bare_hooks *hooks)
{
    bare_hooks = hooks != NULL ? *hooks : (plim_bare_hooks){0};
    PLIM_CHECK((bare_hooks.mask == NULL) == (bare_hooks.unmask == NULL));
}

const plim_bare_hooks *plim__bare_hooks(void)
{
    return &bare_hooks;
}

_Noreturn void plim__check_failed(const char *file, int line, const char *text)
{
    if (bare_hooks.failed != NULL)
        bare_hooks.failed(file, line, text);
    __builtin_trap();
}

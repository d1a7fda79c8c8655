/* SPDX-License-Identifier: MIT */
/* A plug-in, for test_module.c: built twice, under two names. */
#include "module_guest.h"

#include <plimsoll/memory.h>

static int guest_data = 1;

const void *guest_code(void)
{
    return (const void *)(uintptr_t)guest_code;
}

void *guest_variable(void)
{
    return &guest_data;
}

void *guest_take(void)
{
    return plim_alloc(1000);
}

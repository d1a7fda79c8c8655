/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "platform/environment.h"

#include <stddef.h>
#include <unistd.h>

const char *const *plim__environment_all(void)
{
    static const char *const none[] = {NULL};
    return environ != NULL ? (const char *const *)environ : none;
}

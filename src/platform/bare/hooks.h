/* SPDX-License-Identifier: MIT */
/** @file hooks.h @brief What the program told us about its machine. */
#ifndef PLIM_PLATFORM_BARE_HOOKS_H
#define PLIM_PLATFORM_BARE_HOOKS_H
#include <plimsoll/bare.h>

/** Never NULL. */
const plim_bare_hooks *plim__bare_hooks(void);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file environment.h
 * @brief Contract: the variables this process was started with.
 */
#ifndef PLIM_PLATFORM_ENVIRONMENT_H
#define PLIM_PLATFORM_ENVIRONMENT_H

/** "NAME=VALUE", ended by NULL; never NULL itself. Borrowed until the process changes them. */
const char *const *plim__environment_all(void);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file module_guest.h
 * @brief What test_module.c asks of the plug-ins it loads.
 */
#ifndef PLIM_TESTS_MODULE_GUEST_H
#define PLIM_TESTS_MODULE_GUEST_H
#include <stdint.h>

/** An address in the plug-in's code. */
const void *guest_code(void);

/** An address in its data. */
void *guest_variable(void);

/** A block that the plug-in asks for, in a file that names no domain. */
void *guest_take(void);

#endif

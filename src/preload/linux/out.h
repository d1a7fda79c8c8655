/* SPDX-License-Identifier: MIT */
/**
 * @file out.h
 * @brief Where reports go, and the signal that asks for one.
 */
#ifndef PLIM_PRELOAD_LINUX_OUT_H
#define PLIM_PRELOAD_LINUX_OUT_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>

/** Takes the name of the report (see libplimsoll-malloc(7)) and installs the signal's handler. */
plim_status plim__preload_out_start(const char *report, const char *signal_name, plim_error *err);

/** From here on _exit() and quick_exit() report, and with has_fatal deadly signals (ends.c). */
void plim__preload_ends_start(bool has_fatal);

/** In the process that the library was started in: reports "exec", for it asks to be replaced. */
void plim__preload_ends_exec(void);

/** Finds what execs.c needs of the C library. */
void plim__preload_execs_start(void);

/** All bytes, whatever interrupts; errno is kept. */
void plim__preload_write(int fd, const char *bytes, size_t length);

#endif

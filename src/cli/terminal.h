/* SPDX-License-Identifier: MIT */
/**
 * @file terminal.h
 * @brief What the command asks of terminal, clock and environment. posix/terminal.c answers.
 */
#ifndef PLIM_CLI_TERMINAL_H
#define PLIM_CLI_TERMINAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLIM__STDIN = 0, PLIM__STDOUT = 1, PLIM__STDERR = 2 };

/** To be called once, before any other call here. */
void plim__terminal_start(void);

/** Whether a descriptor is a terminal. */
bool plim__terminal_is(int fd);

/** Whether the terminal can show what ASCII cannot (by LC_ALL, LC_CTYPE, LANG). */
bool plim__terminal_is_utf8(void);

/** Columns and lines: COLUMNS and LINES, else the terminal's, else 0. */
void plim__terminal_size(int fd, uint32_t *out_columns, uint32_t *out_lines);

/** Columns one character takes: 0, 1 or 2. */
size_t plim__terminal_columns_of(uint32_t character);

/**
 * Asks on the terminal itself, whatever standard input is, without showing what is typed. The line
 * without its end goes to out, NUL behind it. False: there is no terminal, the line is too long, or
 * a stop was asked for.
 */
bool plim__terminal_ask(const char *question, char *out, size_t cap, size_t *out_bytes);

/** An environment variable; NULL where it is not set or empty. */
const char *plim__environment(const char *name);

/** Nanoseconds of a clock that only goes forward. */
uint64_t plim__clock_ns(void);

/** Nanoseconds since 1970. */
uint64_t plim__clock_unix_ns(void);

enum { PLIM__STAMP_BYTES = 32 };

/** "20250101T120000Z", for file names. */
void plim__clock_stamp(char out[PLIM__STAMP_BYTES]);

/** "2025-01-01T12:00:00.123Z", for JSON and people. */
void plim__clock_iso(char out[PLIM__STAMP_BYTES]);

#endif

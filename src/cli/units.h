/* SPDX-License-Identifier: MIT */
/**
 * @file units.h
 * @brief Numbers with units, out and in: 1.3 GiB, 512M, 10s, 1,234.
 */
#ifndef PLIM_CLI_UNITS_H
#define PLIM_CLI_UNITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room for any text these functions write. */
enum { PLIM__UNITS_BYTES = 40 };

/** "1.3 GiB"; exact asks for "1,395,864,371". */
void plim__units_bytes(char out[PLIM__UNITS_BYTES], uint64_t bytes, bool exact);

/** As plim__units_bytes() with its sign: "+1.3 GiB", "-512 B", "0 B". */
void plim__units_change(char out[PLIM__UNITS_BYTES], int64_t bytes, bool exact);

/** "1,234,567" */
void plim__units_count(char out[PLIM__UNITS_BYTES], uint64_t count);

/** "+1,234", "-5", "0" */
void plim__units_count_change(char out[PLIM__UNITS_BYTES], int64_t count);

/** "850 ns", "12.3 ms", "4.2 s", "3 min 20 s" */
void plim__units_time(char out[PLIM__UNITS_BYTES], uint64_t time_ns);

/** Reads "512M", "1.5GiB", "32768", "64 k": binary units, case does not matter. */
bool plim__units_parse_bytes(const char *text, uint64_t *out_bytes);

/** Reads "10s", "500ms", "2m", "1h", "250us"; a bare number is seconds. */
bool plim__units_parse_time(const char *text, uint64_t *out_ns);

/** Reads a whole decimal number. */
bool plim__units_parse_count(const char *text, uint64_t *out_count);

#endif

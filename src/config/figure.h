/* SPDX-License-Identifier: MIT */
/**
 * @file figure.h
 * @brief Words and figures of a configuration: read, written, and told apart when mistyped.
 */
#ifndef PLIM_CONFIG_FIGURE_H
#define PLIM_CONFIG_FIGURE_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLIM__CONFIG_SHARE_WHOLE = 10000 /* hundredths of a percent */ };

/** Room for any figure that is written here. */
enum { PLIM__CONFIG_FIGURE_BYTES = 48 };

/** What a figure was found to be. */
typedef enum plim__config_found {
    PLIM__CONFIG_FOUND_BYTES,
    PLIM__CONFIG_FOUND_SHARE,
    PLIM__CONFIG_FOUND_NOTHING,  /* no number */
    PLIM__CONFIG_FOUND_UNIT,     /* a unit that is none */
    PLIM__CONFIG_FOUND_TOO_LARGE /* beyond what this machine can address, or 100 % */
} plim__config_found;

/**
 * Reads "4096", "64 K", "1.5MiB", "2GB" (units are powers of 1024, as everywhere in plim) or
 * "12.5%". Fractions of a byte are cut off.
 */
plim__config_found plim__config_read_figure(const char *text, uint64_t *out_number);

/** "64 MiB" where that is exact, else "1000 bytes". */
void plim__config_write_bytes(char out[PLIM__CONFIG_FIGURE_BYTES], uint64_t bytes);

/** Changes that lead from one word to the other (a swap of two neighbours is one); 99 if many. */
uint32_t plim__config_distance(const char *left, const char *right);

/** Whether the words are the same but for the case of letters. */
bool plim__config_same(const char *left, const char *right);

/** base/text.h's formatting into `out`; what does not fit ends in "...". */
void plim__config_print(char *out, size_t cap, const char *format, ...) PLIM_PRINTF(3, 4);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * plimsoll.conf. Claims: the way a text is cut changes nothing; a refusal says what and what to do;
 * what holds, written out row by row, is read back as the same rows, and its limits fit its total;
 * nothing is left of the memory.
 */
#include <plimsoll/config.h>

#include "input.h"

enum { MEMORY_BYTES = 1 << 20, ROWS_BYTES = 64 << 10 };

/* The rows as a file of their own. */
static size_t write_rows(const plim_config *config, char *out)
{
    plim_config_row row;
    const char *section = "";
    size_t length = 0;
    for (uint32_t i = 0; plim_config_row_read(config, i, &row); i++) {
        if (strcmp(section, row.section) != 0)
            length += (size_t)snprintf(out + length, ROWS_BYTES - length, "[%s]\n", row.section);
        section = row.section;
        length +=
            (size_t)snprintf(out + length, ROWS_BYTES - length, "%s = %s\n", row.key, row.value);
        FUZZ_CLAIM(length < ROWS_BYTES);
        FUZZ_CLAIM(row.source == PLIM_CONFIG_PROJECT && row.line > 0);
    }
    return length;
}

static plim_config *read_cut(const unsigned char *data, size_t size, size_t cut,
                             const plim_allocator *allocator, plim_error *err)
{
    fuzz_input input = {data, size, 0, cut};
    plim_config_options options = {.struct_bytes = sizeof options, .allocator = allocator};
    plim_config *config = NULL;
    plim_status status = plim_config_read(fuzz_input_view(&input), "t", &options, &config, err);
    FUZZ_CLAIM((status == PLIM_OK) == (config != NULL));
    FUZZ_CLAIM(status == err->status);
    FUZZ_CLAIM(status == PLIM_OK || (err->what[0] != '\0' && err->hint[0] != '\0'));
    FUZZ_CLAIM(status == PLIM_OK || strncmp(err->where, "t:", 2) == 0);
    return config;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static char first[ROWS_BYTES], second[ROWS_BYTES];
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_error err = {0}, err_in_cuts = {0}, err_again = {0};
    plim_config *config = read_cut(data, size, size + 1, allocator, &err);
    plim_config *in_cuts = read_cut(data, size, fuzz_cut(size), allocator, &err_in_cuts);
    FUZZ_CLAIM((config == NULL) == (in_cuts == NULL));
    FUZZ_CLAIM(strcmp(err.where, err_in_cuts.where) == 0 &&
               strcmp(err.what, err_in_cuts.what) == 0);
    if (config != NULL) {
        size_t length = write_rows(config, first);
        plim_config *again =
            read_cut((unsigned char *)first, length, length + 1, allocator, &err_again);
        FUZZ_CLAIM(again != NULL);
        FUZZ_CLAIM(write_rows(again, second) == length && memcmp(first, second, length) == 0);
        plim_config_destroy(&again);
    }
    plim_config_destroy(&config);
    plim_config_destroy(&in_cuts);
    plim_cap_destroy(&cap);
    return 0;
}

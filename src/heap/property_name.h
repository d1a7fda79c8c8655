/* SPDX-License-Identifier: MIT */
/**
 * @file property_name.h
 * @brief A property's name as it stands in the name of an interface.
 */
#ifndef PLIM_HEAP_PROPERTY_NAME_H
#define PLIM_HEAP_PROPERTY_NAME_H
#include "heap/text_table.h"

/** Growing bytes; zero it, set the allocator. */
typedef struct plim__bytes {
    const plim_allocator *allocator;
    char *data;
    size_t count;
    size_t capacity;
} plim__bytes;

/** Appends; false if memory was refused. */
bool plim__bytes_add(plim__bytes *bytes, const char *data, size_t size_bytes);

/** Frees. */
void plim__bytes_fini(plim__bytes *bytes);

/** Length as JavaScript counts it, in UTF-16 units. */
size_t plim__text_units(plim_text text);

/**
 * Appends the name; one with a comma, a quotation mark or a brace in it as a JSON string.
 * False if memory was refused.
 */
bool plim__property_name_add(plim__bytes *bytes, plim_text name);

#endif

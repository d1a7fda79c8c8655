/* SPDX-License-Identifier: MIT */
/**
 * @file modules.h
 * @brief Contract: the program and the shared objects that are loaded into this process.
 *
 * It allocates nothing and may be called from inside malloc(), but with no lock of ours held: the
 * loader has a lock of its own, and calls malloc() with it held.
 */
#ifndef PLIM_PLATFORM_MODULES_H
#define PLIM_PLATFORM_MODULES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLIM__MODULE_NAME_BYTES = 256 };

/** One of them. */
typedef struct plim__module {
    uintptr_t start, end; /* of its code and data: the first byte and the one behind the last */
    bool is_program;
    char name
        [PLIM__MODULE_NAME_BYTES]; /* of its file, without folders: "libfoo.so.1"; cut if longer */
} plim__module;

/** The module that holds the address; false, and nothing set, if none does. */
bool plim__module_at(const void *address, plim__module *out_module);

#endif

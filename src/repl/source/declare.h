/* SPDX-License-Identifier: MIT */
/**
 * @file declare.h
 * @brief What an entry declares to later ones, as groups of names.
 */
#ifndef PLIM_REPL_SOURCE_DECLARE_H
#define PLIM_REPL_SOURCE_DECLARE_H
#include "repl/source/names.h"
#include "repl/source/pieces.h"

/** Makes the groups. Post: all of *out is the arena's; addresses are not set yet. NO_MEMORY. */
plim_status plim__declare(const plim__entry_text *entry, const plim__names *names,
                          plim__arena *arena, plim__names_new *out);

#endif

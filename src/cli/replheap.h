/* SPDX-License-Identifier: MIT */
/**
 * @file replheap.h
 * @brief The session's memory before a person: :heap, :leaks, :snap, :serve.
 */
#ifndef PLIM_CLI_REPLHEAP_H
#define PLIM_CLI_REPLHEAP_H
#include "cli/replui.h"

/** What lives in the heap, by type. */
void plim__repl_heap(plim__replui *ui, const char *operands);

/** Blocks that nothing leads to. */
void plim__repl_leaks(plim__replui *ui, const char *operands);

/** Writes a heap snapshot. */
void plim__repl_snap(plim__replui *ui, const char *operands);

/** Shows the session to Chrome DevTools until Ctrl-C. */
void plim__repl_serve(plim__replui *ui, const char *operands);

#endif

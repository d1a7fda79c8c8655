/* SPDX-License-Identifier: MIT */
/** @file explain.h @brief What became of an entry, in a sentence. */
#ifndef PLIM_REPL_EXPLAIN_H
#define PLIM_REPL_EXPLAIN_H
#include "repl/session/machine.h"
#include "repl/session/trace.h"

/** Writes the sentence; "" where there is nothing to explain. */
void plim__explain(const plim__machine *machine, const plim__verdict *verdict,
                   const plim__trace *trace, char *out_text, size_t cap);

#endif

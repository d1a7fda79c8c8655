/* SPDX-License-Identifier: MIT */
/**
 * @file panic.h
 * @brief How the engine says no: refusals, kept per thread; and failed checks, told to the hook.
 */
#ifndef PLIM_MEMORY_PANIC_H
#define PLIM_MEMORY_PANIC_H
#include "memory/engine/engine.h"

/** Records a refusal for this thread and counts it. NULL, always. slot NULL: no domain known. */
void *plim__refuse(plim__slot *slot, plim_refusal_reason reason, size_t bytes, size_t charge,
                   const char *site);

/** "file:line"; for an address of code what the namer makes of it; "" where it is unknown. */
const char *plim__site_text(const char *site);

/** Makes text in static storage of an address of code. Set once, before there are threads, by a
    library whose callers have no source line; NULL: such sites are "". Called without locks. */
extern const char *(*plim__site_namer)(const void *code);

/**
 * Reports a failed check to the manager's hook, or prints and aborts where it has none; and records
 * a refusal. manager NULL: nobody's memory. Call it with no lock held.
 */
void plim__panic(plim_manager *manager, const char *invariant, const char *what, plim__slot *slot,
                 const char *site, const void *address);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file preload.h
 * @brief The library that replaces malloc: what its parts share.
 *
 * Life: BOOT (the loader and other libraries may already call malloc: boot.c serves them) -> READY
 * (start.c has read the configuration and made the manager; from here on everything is the
 * engine's) . There is no way back, and no third state: what cannot start ends the process.
 * One flag per thread, `inside`, is set while a thread is in the engine. Whoever finds it set came
 * by a signal handler, or from the C library that the engine called: it is served by boot.c.
 */
#ifndef PLIM_PRELOAD_PRELOAD_H
#define PLIM_PRELOAD_PRELOAD_H
#include <plimsoll/config.h>

#include "memory/engine/alloc.h"
#include "platform/local.h"

/** Where a request came from: the address it returns to, and the frame of the replaced function,
 *  which holds the caller's frame pointer and that address: from there a walk can go on. */
typedef struct plim__caller {
    const void *code;
    const void *frame;
} plim__caller;

/** What the whole process shares; written by start.c before is_ready is set. */
typedef struct plim__preload {
    _Atomic bool is_ready;
    bool by_module;   /* callers are looked up */
    bool all_modules; /* those the configuration does not name, too */
    plim_config_mode mode;
    plim_manager *manager;
    uintptr_t start; /* of the manager's pages and tables: what is not in here is foreign */
    size_t bytes;
    plim_domain program; /* who is charged for what no module is */
    plim_domain beyond;  /* mode report: who is charged for what passed a budget */
    plim_report_form form;
    uint32_t site_depth;         /* frames that are noted of a request; 0: nothing is noted */
    plim__count foreign_frees;   /* of memory that nobody here gave out */
    plim__count foreign_resizes; /* refused: their size is not known */
    plim__count lost_frees;      /* from handlers that interrupted the engine */
    plim__count passed_requests; /* mode report: beyond a budget, and served */
    plim__count passed_bytes;
} plim__preload;

extern plim__preload plim__preload_shared;

/** Of this thread. */
extern PLIM__THREAD_LOCAL bool plim__preload_inside;
extern PLIM__THREAD_LOCAL bool plim__preload_asked; /* for a report, by a signal, while inside */

/** Bytes handed out before there was a manager, and to those who must not enter it (boot.c). */
void *plim__boot_take(size_t bytes, size_t align);

/** Whether a block is such a one, and how many bytes it has. */
bool plim__boot_has(const void *block);
size_t plim__boot_usable(const void *block);

/** Where the array is, for who looks from outside. */
void plim__boot_describe(uint64_t *out_at, uint64_t *out_bytes);

/** Bytes taken of it so far. */
size_t plim__boot_used(void);

/** Whose a request is, by the address it returns to (modules.c). Pre: inside. */
plim_domain plim__preload_domain(const void *caller);

/** Tells modules.c which domain stands for which module; false if there are too many. */
bool plim__preload_name_module(const char *pattern, plim_domain domain);

/** Callers will be looked up: once, before any is. */
void plim__preload_start_modules(void);

/** Modules may have been unloaded: forget what was looked up. */
void plim__preload_forget_modules(void);

/** A place in code as text in static storage, for refusals (sites.c). Pre: inside. */
const char *plim__preload_site(const void *code);

/** Writes the report where it was asked for (report.c). Pre: inside. */
void plim__preload_report(const char *when);

/** The requests, for symbols.c and operators.c; errno is set where NULL is returned. */
void *plim__preload_take(size_t bytes, size_t align, bool zeroed, const plim__caller *caller);
void *plim__preload_resize(void *block, size_t bytes, const plim__caller *caller);
void plim__preload_give(void *block);
size_t plim__preload_usable(const void *block);

#endif

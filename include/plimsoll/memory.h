/* SPDX-License-Identifier: MIT */
/**
 * @file memory.h
 * @brief What a program uses to get and give back memory. All of it is in this header and in
 *        collections.h: at most 20 functions and macros, counted by a test.
 *
 *     PLIM_DOMAIN("net")                     // once per file: who is charged
 *
 *     struct peer *peer = plim_new(struct peer);
 *     if (peer == NULL)
 *         return refuse(plim_refusal_last());   // nothing has changed
 *     ...
 *     plim_free(peer);
 *
 * A domain named here that nobody created is made at the first use, with whatever the manager's
 * total has left shared with the other unnamed ones ("budgetless"): it is bounded by the total.
 * Every block is aligned to 16 bytes unless asked otherwise, and not cleared unless asked.
 * C17, usable from C++17.
 * Thread-safety: any thread, at once; a block may be given back by another thread than took it.
 */
#ifndef PLIM_MEMORY_H
#define PLIM_MEMORY_H
#include <plimsoll/domain.h>
PLIM_DECLS_BEGIN

/** Private: what PLIM_DOMAIN leaves in a file. */
typedef struct plim__here {
    const char *name;
    plim_domain domain; /* private: none until the first use */
} plim__here;

#define PLIM__TEXT_(x) #x
#define PLIM__TEXT(x)  PLIM__TEXT_(x)
/** Private: "file:line" in static storage. */
#define PLIM__SITE __FILE__ ":" PLIM__TEXT(__LINE__)

/** Where a block is to come from; the manager chooses unless told. */
typedef enum plim_provider {
    PLIM_PROVIDER_AUTO = 0, /**< by size, lifetime and platform */
    PLIM_PROVIDER_POOL,     /**< a slab of its size class: many of a kind, constant time */
    PLIM_PROVIDER_ARENA,    /**< the thread's open scope (PLIM_WITH): gone when it closes */
    PLIM_PROVIDER_MAP,      /**< whole pages */
    PLIM_PROVIDER_FIXED,    /**< like AUTO, but only where the manager's backing is FIXED */
    PLIM_PROVIDER_LIBC      /**< the C library's malloc, charged all the same */
} plim_provider;

/** How long a block will live, as far as the caller knows. */
typedef enum plim_lifetime {
    PLIM_LIFETIME_ANY = 0,
    PLIM_LIFETIME_SCOPE,  /**< until the thread's open scope closes */
    PLIM_LIFETIME_PROGRAM /**< until the end: kept away from what comes and goes */
} plim_lifetime;

/** A request in full; all zero but size_bytes is a plain one. */
typedef struct plim_request {
    size_t size_bytes;
    size_t align_bytes; /**< power of two up to 2 MiB; 0: 16 */
    plim_domain domain; /**< none: the file's */
    plim_provider provider;
    plim_lifetime lifetime;
    bool zeroed;
    const char *site; /**< NULL: where the macro stands */
} plim_request;

/** Where a block came from. */
typedef struct plim_origin {
    plim_domain domain;
    plim_provider provider;
    size_t charge_bytes;    /**< occupied and charged */
    size_t usable_bytes;    /**< may be written */
    size_t requested_bytes; /**< as asked, where the level keeps it; else usable_bytes */
    const char *site;       /**< where the level keeps it; else "" */
} plim_origin;

PLIM_DECLS_END
#endif

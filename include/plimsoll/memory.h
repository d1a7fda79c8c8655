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
    const char *name;   /* NULL: the file names none */
    plim_domain domain; /* private: none until the first use */
} plim__here;

#if defined(__GNUC__) || defined(__clang__)
#define PLIM__UNUSED __attribute__((unused))
#else
#define PLIM__UNUSED
#endif

/* Every file that includes this has one. A build target names it for all its files with
   -DPLIM_DOMAIN_NAME='"net"'; PLIM_DOMAIN() in a file goes before that. */
#ifdef PLIM_DOMAIN_NAME
PLIM__UNUSED static plim__here plim__file_here = {PLIM_DOMAIN_NAME, {0}};
#else
PLIM__UNUSED static plim__here plim__file_here; /* in C: not yet its definition */
#endif

/** Private: the file's own, for the macros that ask on its behalf. */
#define PLIM__HERE (&plim__file_here)

/**
 * Names who is charged for what this file asks for. Once per file, outside functions, after the
 * includes; the argument is a string literal of 1 to 31 bytes.
 */
#if defined(__cplusplus)
#define PLIM_DOMAIN(name_) static const plim__here_namer plim__file_namer(&plim__file_here, name_)
#elif defined(PLIM_DOMAIN_NAME)
#define PLIM_DOMAIN(name_)                                                                         \
    __attribute__((constructor)) static void plim__file_namer(void)                                \
    {                                                                                              \
        plim__file_here.name = "" name_;                                                           \
    }                                                                                              \
    static plim__here plim__file_here
#else
#define PLIM_DOMAIN(name_) static plim__here plim__file_here = {"" name_, {0}}
#endif

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

#ifdef __cplusplus
/** Private: C++ has no definition in two steps: a file is named before its first function runs. */
struct plim__here_namer {
    plim__here_namer(plim__here *here, const char *name)
    {
        here->name = name;
    }
};
#endif
#endif

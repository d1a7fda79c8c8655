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

/**
 * @brief     A block of at least @p bytes for this file's domain, aligned to 16, not cleared.
 * @param[in] bytes  at least 1.
 * @return    ended by plim_free(); NULL if refused, and then nothing has changed and
 *            plim_refusal_last() says why.
 * @note      Threads: any. Signals: refused where it interrupts an allocation of the same thread.
 */
#define plim_alloc(bytes) plim__alloc(PLIM__HERE, (bytes), PLIM__SITE)

/**
 * @brief     As plim_alloc(), for a domain of the caller's choice.
 * @param[in] domain  any.
 * @param[in] bytes   at least 1.
 * @return    as plim_alloc().
 * @note      Threads: any.
 */
#define plim_alloc_in(domain, bytes) plim__alloc_in((domain), (bytes), PLIM__SITE)

/**
 * @brief     A block as the request says: alignment, provider, lifetime, cleared or not.
 * @param[in] request  not NULL; not kept.
 * @return    as plim_alloc(); refused too where the provider asked for cannot serve it.
 * @note      Threads: any.
 */
#define plim_alloc_as(request) plim__alloc_as(PLIM__HERE, (request), PLIM__SITE)

/**
 * @brief     Private: what plim_alloc() calls.
 * @param[in] here   the file's own; its domain is filled in.
 * @param[in] bytes  as asked.
 * @param[in] site   "file:line" in static storage, or NULL.
 * @return    as plim_alloc().
 * @note      Threads: any.
 */
PLIM_API PLIM_NODISCARD void *plim__alloc(plim__here *here, size_t bytes, const char *site);

/**
 * @brief     Private: what plim_alloc_in() calls.
 * @param[in] domain  any.
 * @param[in] bytes   as asked.
 * @param[in] site    as for plim__alloc().
 * @return    as plim_alloc().
 * @note      Threads: any.
 */
PLIM_API PLIM_NODISCARD void *plim__alloc_in(plim_domain domain, size_t bytes, const char *site);

/**
 * @brief     Private: what plim_alloc_as() calls.
 * @param[in] here     as for plim__alloc().
 * @param[in] request  not NULL.
 * @param[in] site     where the request names none.
 * @return    as plim_alloc().
 * @note      Threads: any.
 */
PLIM_API PLIM_NODISCARD void *plim__alloc_as(plim__here *here, const plim_request *request,
                                             const char *site);

/**
 * @brief     Makes a block larger or smaller, moving it if it must; the domain and, if it does not
 *            move, the address stay. An alignment above 16 is kept only while it does not move.
 * @param[in] block  one that is live; not NULL.
 * @param[in] bytes  at least 1; the first min(old, new) bytes are kept.
 * @return    the block, perhaps elsewhere; NULL if refused, and then the old one stands.
 * @note      Threads: any; one at a time per block.
 */
PLIM_API PLIM_NODISCARD void *plim_resize(void *block, size_t bytes);

/**
 * @brief     Gives a block back, whoever allocated it and from whatever domain.
 * @param[in] block  NULL is accepted. What no manager gave out is told to the panic hook, as far as
 *                   the level sees it, and nothing changes.
 * @note      Threads: any. Signals: as plim_alloc().
 */
PLIM_API void plim_free(void *block);

/**
 * @brief     Where a block came from.
 * @param[in]  block       its beginning.
 * @param[out] out_origin  set only on PLIM_OK.
 * @retval PLIM_ERR_STALE  it is no block of any manager, as far as the level sees it.
 * @note      Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_origin_of(const void *block, plim_origin *out_origin);

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

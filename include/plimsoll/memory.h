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
 * Sizes that the compiler knows are served in place (memory_inline.h); -DPLIM_NO_INLINE: by a call.
 * C17, usable from C++17.
 * Thread-safety: any thread, at once; a block may be given back by another thread than took it.
 */
#ifndef PLIM_MEMORY_H
#define PLIM_MEMORY_H
#include <plimsoll/domain.h>
#include <plimsoll/memory_inline.h>
PLIM_DECLS_BEGIN

/** Private: what PLIM_DOMAIN leaves in a file. */
typedef struct plim__here {
    const char *name;   /* NULL: the file names none */
    plim_domain domain; /* private: none until the first use */
} plim__here;

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
        plim__file_here.domain.id = 0;                                                             \
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
#define plim_alloc(bytes) plim__alloc_now(PLIM__HERE, (bytes), PLIM__SITE)

/**
 * @brief     As plim_alloc(), for a domain of the caller's choice.
 * @param[in] domain  any.
 * @param[in] bytes   at least 1.
 * @return    as plim_alloc().
 * @note      Threads: any.
 */
#define plim_alloc_in(domain, bytes) plim__alloc_in_now((domain), (bytes), PLIM__SITE)

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
#ifdef PLIM__HAS_INLINE
/** Private: what plim_free() stands for where blocks go back without a call. */
PLIM__FORCED void plim__free_now(void *block)
{
    if (!plim__inline_give(block))
        plim_free(block);
}
#define plim_free(block) plim__free_now(block)
#endif

/**
 * @brief     Where a block came from.
 * @param[in]  block       its beginning.
 * @param[out] out_origin  set only on PLIM_OK.
 * @retval PLIM_ERR_STALE  it is no block of any manager, as far as the level sees it.
 * @note      Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_origin_of(const void *block, plim_origin *out_origin);

/** Private: plim_alloc(): without a call where that goes. */
PLIM__FORCED PLIM_NODISCARD void *plim__alloc_now(plim__here *here, size_t bytes, const char *site)
{
#ifdef PLIM__HAS_INLINE
    if (__builtin_constant_p(bytes) && bytes <= PLIM__INLINE_MAX) {
        uint32_t id = __atomic_load_n(&here->domain.id, __ATOMIC_RELAXED);
        void *block = plim__inline_take(id, bytes);
        if (__builtin_expect(block != NULL, 1))
            return block;
    }
#endif
    return plim__alloc(here, bytes, site);
}

/** Private: plim_alloc_in(), likewise. */
PLIM__FORCED PLIM_NODISCARD void *plim__alloc_in_now(plim_domain domain, size_t bytes,
                                                     const char *site)
{
#ifdef PLIM__HAS_INLINE
    if (__builtin_constant_p(bytes) && bytes <= PLIM__INLINE_MAX) {
        void *block = plim__inline_take(domain.id, bytes);
        if (__builtin_expect(block != NULL, 1))
            return block;
    }
#endif
    return plim__alloc_in(domain, bytes, site);
}

/** Private: count * item_bytes, or what every domain refuses if that cannot be counted. */
PLIM__FORCED size_t plim__array_bytes(size_t count, size_t item_bytes)
{
    return item_bytes != 0 && count > SIZE_MAX / item_bytes ? SIZE_MAX : count * item_bytes;
}

/** Private: plim_new() and plim_new_array(). */
PLIM__FORCED PLIM_NODISCARD void *plim__new(plim__here *here, size_t bytes, size_t align,
                                            const char *site)
{
    plim_request request = {bytes, align, {0}, PLIM_PROVIDER_AUTO, PLIM_LIFETIME_ANY, false, NULL};
    return align <= 16 ? plim__alloc_now(here, bytes, site) : plim__alloc_as(here, &request, site);
}

#ifdef __cplusplus
#define PLIM__ALIGN_OF(T)                    alignof(T)
#define PLIM__STATIC_ASSERT(condition, text) static_assert(condition, text)
#define PLIM__TYPED(T, block)                plim__typed<T>(block)
#else
#define PLIM__ALIGN_OF(T)                    _Alignof(T)
#define PLIM__STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define PLIM__TYPED(T, block)                ((T *)(block))
#endif

/**
 * @brief     Room for one T, aligned for it, not cleared. In C++ for types that need no
 *            constructor.
 * @param[in] T  a type.
 * @return    a T *, as plim_alloc().
 * @note      Threads: any.
 */
#define plim_new(T) PLIM__TYPED(T, plim__new(PLIM__HERE, sizeof(T), PLIM__ALIGN_OF(T), PLIM__SITE))

/**
 * @brief     Room for @p count of T, likewise; refused if the product is more than can be counted.
 * @param[in] T      a type.
 * @param[in] count  at least 1.
 * @return    a T *, as plim_alloc().
 * @note      Threads: any.
 */
#define plim_new_array(T, count)                                                                   \
    PLIM__TYPED(T, plim__new(PLIM__HERE, plim__array_bytes((count), sizeof(T)), PLIM__ALIGN_OF(T), \
                             PLIM__SITE))

/** An open scope; PLIM_WITH makes it. */
typedef struct plim_scope {
    plim_status status;       /**< read-only: PLIM_OK, or why it was refused */
    size_t size_bytes;        /**< read-only: as asked for */
    plim_allocator allocator; /**< read-only: its memory for collections; ends with it */
    uint32_t depth, serial;   /**< private */
    uint32_t turn;            /**< private */
} plim_scope;

/**
 * @brief         Private: what PLIM_WITH begins with.
 * @param[out]    scope   the caller's storage; its status says whether it is open.
 * @param[in]     here    the file's own.
 * @param[in]     domain  none: the file's.
 * @param[in]     bytes   at least 1.
 * @param[in]     site    as for plim__alloc().
 * @return        @p scope.
 * @note          Threads: any.
 */
PLIM_API plim_scope *plim__scope_open(plim_scope *scope, plim__here *here, plim_domain domain,
                                      size_t bytes, const char *site);

/**
 * @brief         Private: what PLIM_WITH ends with; scopes left open inside it end too.
 * @param[in,out] scope  one that was refused or has ended is accepted.
 * @note          Threads: the one that opened it.
 */
PLIM_API void plim__scope_close(plim_scope *scope);

/**
 * @brief         Private: what plim_scope_alloc() calls.
 * @param[in,out] scope  any.
 * @param[in]     bytes  at least 1.
 * @param[in]     site   as for plim__alloc().
 * @return        as plim_scope_alloc().
 * @note          Threads: the one that opened it.
 */
PLIM_API PLIM_NODISCARD void *plim__scope_alloc(plim_scope *scope, size_t bytes, const char *site);

/**
 * @brief         A piece of a scope's memory, aligned to 16, not cleared. It is never given back on
 *                its own.
 * @param[in,out] scope  open; the innermost one is also to be had as a plim_request's lifetime.
 * @param[in]     bytes  at least 1.
 * @return        valid until the scope ends; NULL if it has not that much left.
 * @note          Threads: the one that opened it.
 */
#define plim_scope_alloc(scope, bytes) plim__scope_alloc((scope), (bytes), PLIM__SITE)

#define PLIM__JOIN_(a, b) a##b
#define PLIM__JOIN(a, b)  PLIM__JOIN_(a, b)
#define PLIM__SCOPE_NAME  PLIM__JOIN(plim__scope_, __LINE__)

/**
 * Memory for a block of code: `bytes` are charged to `domain` (none: the file's) once, at entry,
 * and go back on every way out: the end, return, break, goto, in C++ an exception.
 *
 *     PLIM_WITH(domain, 4096, m) {
 *         char *line = plim_scope_alloc(m, 512);
 *         …
 *     } else {
 *         return m->status;     // refused: the block was not entered, nothing has changed
 *     }
 *
 * `m` is a plim_scope *. The else may be left out. break and continue leave this block, not a loop
 * around it. Inside another scope of the same domain the bytes come out of that one, and must fit
 * (PLIM_ERR_LIMIT). At most 16 are open in a thread at once. One that longjmp() leaves ends with
 * the next one around it, or when its place in the code is entered again.
 */
#ifdef __cplusplus
#define PLIM_WITH(domain, bytes, m)                                                                \
    for (plim__scope_guard PLIM__SCOPE_NAME(PLIM__HERE, (domain), (bytes), PLIM__SITE),            \
         *m = &PLIM__SCOPE_NAME;                                                                   \
         m->turn++ == 0;)                                                                          \
        if (m->status == PLIM_OK)
#else
#define PLIM_WITH(domain, bytes, m)                                                                \
    for (plim_scope PLIM__SCOPE_NAME __attribute__((cleanup(plim__scope_close))),                  \
         *m = plim__scope_open(&PLIM__SCOPE_NAME, PLIM__HERE, (domain), (bytes), PLIM__SITE);      \
         m->turn++ == 0;)                                                                          \
        if (m->status == PLIM_OK)
#endif

/** Private: what PLIM_BLOCK leaves in a file. */
typedef struct plim__block {
    void *bytes;
    size_t size_bytes;
    plim_domain domain; /* whose it is while taken */
    uint32_t is_taken;
} plim__block;

/**
 * @brief         Private: takes a block of static storage.
 * @param[in,out] block  the file's own.
 * @param[in]     here   charged for it.
 * @param[in]     site   as for plim__alloc().
 * @return        its bytes; NULL if it is taken already or refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD void *plim__block_take(plim__block *block, plim__here *here,
                                               const char *site);

/**
 * @brief         Private: gives it back.
 * @param[in,out] block  one that is not taken is told to the panic hook.
 * @param[in]     site   as for plim__alloc().
 * @note          Threads: any.
 */
PLIM_API void plim__block_give(plim__block *block, const char *site);

/**
 * A block of `bytes` (a constant) in static storage, at hand whatever the system says, and charged
 * to the file's domain while it is taken:
 *
 *     PLIM_BLOCK(scratch, 4096);     // outside functions
 *     void *scratch_take(void)       NULL if it is taken, or the domain has not that much left
 *     void  scratch_give(void)
 *     enum  { scratch_bytes = 4096 }
 */
#define PLIM_BLOCK(name, bytes_)                                                                   \
    enum { name##_bytes = (bytes_) };                                                              \
    __attribute__((unused, aligned(16))) static unsigned char name##__storage[name##_bytes];       \
    PLIM__UNUSED static plim__block name##__block = {name##__storage, name##_bytes, {0}, 0};       \
    PLIM__INLINE void *name##_take(void)                                                           \
    {                                                                                              \
        return plim__block_take(&name##__block, PLIM__HERE, PLIM__SITE);                           \
    }                                                                                              \
    PLIM__INLINE void name##_give(void)                                                            \
    {                                                                                              \
        plim__block_give(&name##__block, PLIM__SITE);                                              \
    }                                                                                              \
    PLIM__STATIC_ASSERT((bytes_) > 0, #name " has no bytes")

PLIM_DECLS_END

#ifdef __cplusplus
/** Private: C++ has no definition in two steps: a file is named before its first function runs. */
struct plim__here_namer {
    plim__here_namer(plim__here *here, const char *name)
    {
        here->name = name;
        here->domain.id = 0; /* what ran before was charged to the module */
    }
};

/** Private: plim_new()'s result. */
template <typename T> inline T *plim__typed(void *block)
{
    static_assert(__is_trivially_constructible(T),
                  "plim_new() runs no constructor: placement new on plim_alloc() does");
    return static_cast<T *>(block);
}

/** Private: what PLIM_WITH begins with, ended by its destructor. */
struct plim__scope_guard : plim_scope {
    plim__scope_guard(plim__here *here, plim_domain domain, size_t bytes, const char *site)
    {
        (void)plim__scope_open(this, here, domain, bytes, site);
    }
    ~plim__scope_guard()
    {
        plim__scope_close(this);
    }
    plim__scope_guard(const plim__scope_guard &) = delete;
    plim__scope_guard &operator=(const plim__scope_guard &) = delete;
};
#endif
#endif

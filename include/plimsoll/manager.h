/* SPDX-License-Identifier: MIT */
/**
 * @file manager.h
 * @brief The one entry point behind every allocation: where memory comes from and how much in all.
 *
 * A manager owns one contiguous space of pages (the backing), a total that nothing passes, and the
 * domains (domain.h) among which the total is divided. Programs that want one manager never name
 * it: the default manager is made at the first use. Everything a manager takes from the system is
 * in one of its figures: charged to a domain, cached by a thread, free inside a slab, free pages,
 * or its own tables; the sum is what it holds.
 * Thread-safety: any thread, at once, unless a function says otherwise.
 */
#ifndef PLIM_MANAGER_H
#define PLIM_MANAGER_H
#include <plimsoll/error.h>
#include <plimsoll/stream.h>

#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_manager_destroy(). */
typedef struct plim_manager plim_manager;

/** Where the pages come from. */
typedef enum plim_backing {
    PLIM_BACKING_MAP = 0, /**< address space reserved from the system, pages as they are touched */
    PLIM_BACKING_FIXED,   /**< the caller's storage; needs no operating system */
    PLIM_BACKING_LIBC,    /**< one block of the C library's malloc */
    PLIM_BACKING_EMULATED /**< as MAP, but each block is one of the C library's malloc, as long as
                               asked: slow, for AddressSanitizer and valgrind, which then see
                               overruns and use after release. What is aligned to more than 16 and
                               what lies in a scope they see as little as ever; a sealed manager
                               goes on asking the C library */
} plim_backing;

/**
 * How much is checked. Each level does all that the one before does. Costs:
 * docs/internals/levels.md.
 */
typedef enum plim_verify {
    PLIM_VERIFY_DEFAULT = 0, /**< minimal, or the least that is compiled in */
    PLIM_VERIFY_NONE,        /**< arguments are trusted */
    PLIM_VERIFY_MINIMAL,     /**< sizes and address ranges */
    PLIM_VERIFY_STANDARD,    /**< + alignment, double release, foreign and inner pointers */
    PLIM_VERIFY_FULL,        /**< + of one block in watch_every: guard bytes, checksums, poison;
                                  local invariants, the whole state in samples */
    PLIM_VERIFY_REDUNDANT    /**< + the same of each block, budgets kept twice, the whole state at
                                  every operation */
} plim_verify;

/** What a failed check found. All strings are in static storage or live during the call only. */
typedef struct plim_panic {
    const char *invariant; /**< its name in docs/invariants.md, such as "B1" */
    const char *what;      /**< one sentence */
    const char *domain;    /**< whose memory, or "" */
    const char *site;      /**< "file:line" of the caller, or "" */
    const void *address;   /**< the block concerned, or NULL */
} plim_panic;

/**
 * Called once per failed check, on the thread that found it, with no lock held; it may return: the
 * operation is then refused with nothing changed. It must not allocate from the same manager.
 */
typedef void plim_panic_hook(void *ctx, const plim_panic *panic);

/** All zero gives the defaults named. */
typedef struct plim_manager_options {
    uint32_t struct_bytes;     /**< sizeof(plim_manager_options) */
    uint32_t domain_count_max; /**< 1 to 64; 0: 16 */
    const char *name;          /**< copied, at most 31 bytes; NULL: "main" */
    size_t total_bytes;        /**< what all domains may hold together; 0: half of the machine's
                                    memory, what the storage has room for (FIXED) */
    size_t overhead_bytes;     /**< what the manager may hold beyond that: its tables, caches and
                                    partly filled slabs; 0: a quarter of the total and 1 MiB. Two
                                    things come on top: the records of the total's own pages where
                                    they do not fit into it, and what level STANDARD and above keep
                                    of blocks, a sixteenth of the pages they touched (FULL, each
                                    block watched: five sixteenths) */
    plim_backing backing;
    plim_verify verify;
    void *storage;          /**< FIXED: borrowed until destroy, any alignment */
    size_t storage_bytes;   /**< FIXED */
    plim_panic_hook *panic; /**< NULL: one line on standard error and abort() */
    void *panic_ctx;
    uint32_t watch_every; /**< FULL: of so many blocks one is watched (guard bytes, poison, what was
                               asked and where); 1: each, 2^24 at most; 0: a thread's first of
                               a domain closely (the 31st, the 62nd after it, …), then one of 509,
                               and each in managers of up to 256 KiB */
} plim_manager_options;

/** One instant's figures in bytes; held = used + cached + slack + free + tables. */
typedef struct plim_manager_stats {
    uint64_t total_bytes;      /**< the total given */
    uint64_t unassigned_bytes; /**< of the total, granted to no domain */
    uint64_t used_bytes;       /**< in live blocks, as charged */
    uint64_t cached_bytes;     /**< charged, but free in a thread's cache: back at the next drain */
    uint64_t slack_bytes;      /**< free inside slabs, charged to nobody */
    uint64_t free_bytes;       /**< whole pages, free, still held from the system */
    uint64_t tables_bytes;     /**< the manager's own records, touched pages of them */
    uint64_t held_bytes;       /**< all of it */
    uint64_t held_high_water_bytes;
    uint64_t allocation_count; /**< blocks live */
    uint64_t refusal_count;    /**< since the start */
    uint64_t process_bytes;    /**< static tables of all managers together: not in held_bytes */
} plim_manager_stats;

/**
 * @brief         Makes a manager; nothing of it is shared with any other.
 * @param[in]     options      NULL: all defaults.
 * @param[out]    out_manager  set only on PLIM_OK; ended by plim_manager_destroy().
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_USAGE      a figure contradicts another; the sentence says which.
 * @retval PLIM_ERR_NO_MEMORY  the system or the storage is too small; says what it takes.
 * @retval PLIM_ERR_LIMIT      more managers or domains than one process may have.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_manager_create(const plim_manager_options *options,
                                                        plim_manager **out_manager,
                                                        plim_error *err);

/**
 * @brief         Ends it: all blocks, domains and pages are gone; @p *manager is NULL.
 * @param[in,out] manager  NULL and a pointer to NULL are accepted. Not the default manager.
 * @note          Threads: nobody else may be using it or memory from it.
 */
PLIM_API void plim_manager_destroy(plim_manager **manager);

/**
 * @brief  The process's own manager, made with default options at the first use.
 * @return borrowed, never ends; NULL only if the system refused it (then every allocation from it
 *         is refused too).
 * @note   Threads: any.
 */
PLIM_API plim_manager *plim_manager_default(void);

/**
 * @brief         Makes @p manager the default one, before the first use of it.
 * @param[in]     manager  borrowed for the rest of the process.
 * @retval PLIM_ERR_EXISTS the default was already in use; nothing changed.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_manager_default_set(plim_manager *manager);

/**
 * @brief         From here on the manager takes nothing more from the system or its storage:
 *                requests are served from what it holds, and one that would need more is refused
 *                with PLIM_ERR_SEALED and counted. Cannot be undone.
 * @param[in]     manager        not NULL.
 * @param[in]     reserve_bytes  whole pages taken and touched first, so that this much is at hand.
 * @retval PLIM_ERR_NO_MEMORY    the reserve could not be had; nothing is sealed.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_manager_seal(plim_manager *manager, size_t reserve_bytes);

/**
 * @brief         Gives what threads have cached back to the domains, and whole free pages back to
 *                the system (sealed: only the first). Afterwards cached_bytes is 0 but for what
 *                threads take meanwhile.
 * @param[in]     manager  not NULL.
 * @return        bytes given back to the system.
 * @note          Threads: any; waits for threads that are inside an allocation.
 */
PLIM_API size_t plim_manager_trim(plim_manager *manager);

/**
 * @brief         The manager's figures.
 * @param[in]     manager    not NULL.
 * @param[out]    out_stats  set.
 * @note          Threads: any; each figure is right, together they are one instant only if no
 *                thread allocates meanwhile.
 */
PLIM_API void plim_manager_stats_read(const plim_manager *manager, plim_manager_stats *out_stats);

/**
 * @brief         Walks the whole state and checks every invariant that can be seen from it.
 * @param[in]     manager  not NULL.
 * @param[in,out] err      names the invariant that does not hold; may be NULL.
 * @retval PLIM_ERR_INTERNAL  one does not hold. The panic hook is not called.
 * @note          Threads: any; waits for threads inside an allocation and holds others up.
 */
PLIM_API PLIM_NODISCARD plim_status plim_manager_verify(plim_manager *manager, plim_error *err);

/** Form of a report. */
typedef enum plim_report_form {
    PLIM_REPORT_TEXT = 0, /**< a table for people */
    PLIM_REPORT_JSON      /**< one object, "schema":"plim.report/1" */
} plim_report_form;

/**
 * @brief         Writes who holds what: a row per domain, the manager's own figures, refusals; and
 *                the fingerprint (fingerprint.h), by type and place: in JSON all rows, in text the
 *                16 with the most bytes. On bare devices without the fingerprint.
 * @param[in]     manager  NULL: the default one.
 * @param[in]     form     text or JSON.
 * @param[in]     sink     where to; called with pieces of at most 4 KiB.
 * @param[in,out] err      may be NULL.
 * @return        what the sink returned if it failed, else PLIM_OK. Nothing is allocated.
 * @note          Threads: any. Not from a signal handler.
 */
PLIM_API PLIM_NODISCARD plim_status plim_report(plim_manager *manager, plim_report_form form,
                                                plim_sink sink, plim_error *err);

PLIM_DECLS_END
#endif

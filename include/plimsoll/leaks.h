/* SPDX-License-Identifier: MIT */
/**
 * @file leaks.h
 * @brief What grows from snapshot to snapshot, who holds it, and what it looks like.
 *
 * One definition. Where ids are comparable (one series over one connection): objects born between
 * the first two snapshots that live in the last, in groups that grow in every round. Where they
 * are not: classes whose bytes grow in every round, the second growth at least half of the first.
 * Groups become clusters by what holds them; each has a retainer path and a sentence.
 * docs/internals/leaks.md has the method and what it was tried on.
 * Thread-safety: immutable after it was made.
 */
#ifndef PLIM_LEAKS_H
#define PLIM_LEAKS_H
#include <plimsoll/analysis.h>
PLIM_DECLS_BEGIN

/** What a leak looks like; plim_leak_kind_name() gives the words of the JSON. */
typedef enum plim_leak_kind {
    PLIM_LEAK_COLLECTION, /**< a Map, Set, Array or object used as one, that only grows */
    PLIM_LEAK_LISTENER,   /**< event listeners that are added and never removed */
    PLIM_LEAK_CLOSURE,    /**< functions that are kept, with the scopes they capture */
    PLIM_LEAK_TIMER,      /**< intervals or timeouts that are never cleared */
    PLIM_LEAK_PROMISE,    /**< a chain of promises that never settles */
    PLIM_LEAK_TASK,       /**< async functions or generators that never end */
    PLIM_LEAK_GLOBAL,     /**< properties or objects hanging on the global object */
    PLIM_LEAK_DETACHED,   /**< detached contexts or DOM trees that something still holds */
    PLIM_LEAK_STRINGS,    /**< the same text, again and again */
    PLIM_LEAK_OTHER,      /**< it grows, and nothing else fits */
    PLIM_LEAK_LOST        /**< blocks of a C program that nothing leads to any more */
} plim_leak_kind;

/** How objects were matched between snapshots. */
typedef enum plim_match { PLIM_MATCH_ID, PLIM_MATCH_CLASS } plim_match;

/** All zero is the default: by id, no least growth. */
typedef struct plim_leaks_options {
    uint32_t struct_bytes; /**< sizeof(plim_leaks_options) */
    plim_match match;
    uint64_t min_growth_bytes;       /**< groups that retain less growth in all are left out */
    uint32_t paths_per_leak;         /**< how many distinct paths each gets; 0 means 1 */
    uint32_t unused;                 /**< 0 */
    const plim_allocator *allocator; /**< NULL: the system's */
} plim_leaks_options;

/** Most snapshots one search takes: more rounds than this tell nothing new. */
enum { PLIM_LEAKS_ROUNDS_MAX = 64 };

/** A series in which so many ids changed their objects was disturbed; a few always may. */
enum { PLIM_LEAKS_LOST_IDS_MAX = 100 };

/** One leak: a cluster of objects that one holder keeps. Everything is borrowed from the result. */
typedef struct plim_leak {
    plim_text name; /**< the class of what grows */
    plim_leak_kind kind;
    uint32_t sample; /**< ordinal of one leaked node in the last snapshot */
    uint64_t sample_id;
    uint32_t holder; /**< ordinal of the old node that keeps them; the root's where none */
    uint64_t count;  /**< leaked objects of that class in the last snapshot */
    uint64_t self_bytes;
    uint64_t retained_bytes;      /**< what would be freed if they all went */
    const uint64_t *growth_bytes; /**< one per round, retained bytes */
    const uint64_t *growth_count; /**< one per round, objects */
    uint32_t round_count;
    const plim_paths *paths; /**< from a root to the sample, in the last snapshot */
    const char *says;        /**< one sentence: what it looks like, where in the source */
} plim_leak;

typedef struct plim_leaks plim_leaks;

/**
 * @brief      Finds what leaks over a series of snapshots.
 * @param[in]  snapshots  oldest first, borrowed until destroy; each made with PLIM_WANT_ALL.
 * @param[in]  count      3 to PLIM_LEAKS_ROUNDS_MAX.
 * @param[in]  options    NULL: defaults.
 * @param[out] out_leaks  set only on PLIM_OK; ended by plim_leaks_destroy(). Ranked by retained
 *                        growth, largest first; empty means none was found.
 * @param[out] err        may be NULL.
 * @retval PLIM_ERR_USAGE fewer than three snapshots, or too many.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_leaks_find(const plim_analysis *const *snapshots,
                                                    uint32_t count,
                                                    const plim_leaks_options *options,
                                                    plim_leaks **out_leaks, plim_error *err);

/**
 * @brief     How many leaks were found.
 * @param[in] leaks  not NULL.
 * @return    the count.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_leaks_count(const plim_leaks *leaks);

/**
 * @brief     How many ids of objects meant something else in an earlier snapshot. A few are
 *            objects that changed their class; hundreds come about when another debugger left the
 *            isolate in between (docs/internals/node.md). From PLIM_LEAKS_LOST_IDS_MAX on, counts
 *            of the leaks found are approximate, and the series is worth taking again.
 * @param[in] leaks  not NULL.
 * @return    the count over all snapshots; 0 where matching was by class.
 * @note      Threads: any.
 */
PLIM_API uint64_t plim_leaks_lost_ids(const plim_leaks *leaks);

/**
 * @brief     One leak, borrowed.
 * @param[in] leaks  not NULL.
 * @param[in] index  0 to plim_leaks_count()-1.
 * @return    valid until plim_leaks_destroy().
 * @note      Threads: any.
 */
PLIM_API const plim_leak *plim_leaks_get(const plim_leaks *leaks, uint32_t index);

/**
 * @brief     The word for a kind ("growing collection", "listener", "closure" …).
 * @param[in] kind  any.
 * @return    static storage, never NULL.
 * @note      Threads: any.
 */
PLIM_API const char *plim_leak_kind_name(plim_leak_kind kind);

/**
 * @brief         Ends the result; @p *leaks is NULL afterwards.
 * @param[in,out] leaks  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_leaks_destroy(plim_leaks **leaks);

PLIM_DECLS_END
#endif

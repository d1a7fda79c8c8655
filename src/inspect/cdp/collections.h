/* SPDX-License-Identifier: MIT */
/**
 * @file collections.h
 * @brief Collections as V8 tells them in trace events, of one isolate among those of a trace.
 *
 * Thread-safety: one thread.
 */
#ifndef PLIM_INSPECT_CDP_COLLECTIONS_H
#define PLIM_INSPECT_CDP_COLLECTIONS_H
#include <plimsoll/target.h>

#include <jansson.h>

/** A collection as it was read, before sorting. */
typedef struct plim__cdp_collection {
    plim_gc_event event;
    uint64_t at_us; /**< the trace's own clock */
    bool is_pair;   /**< from what knows the sizes */
} plim__cdp_collection;

/** Those of one observation; begun with plim__cdp_collections_init(). */
typedef struct plim__cdp_collections {
    uint64_t pid;         /**< whose events count; 0: of every process those of its main thread */
    uint64_t thread;      /**< with pid */
    uint64_t start_us;    /**< our clock before the start was asked for */
    uint64_t stop_us;     /**< our clock after all had come */
    uint64_t begun_us[2]; /**< private: of the collection under way, by kind; UINT64_MAX: none */
    uint64_t begun_bytes[2];
    plim__cdp_collection *items;
    uint32_t count;
    uint32_t cap;
    plim_gc_event *events; /**< what plim__cdp_collections_settle() made, event_cap of them */
    uint32_t event_cap;
} plim__cdp_collections;

/** Nothing seen yet; what there was before must have been freed. */
void plim__cdp_collections_init(plim__cdp_collections *seen);

/** Reads an array of trace events. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__cdp_collections_read(plim__cdp_collections *seen,
                                                      const plim_allocator *allocator,
                                                      const json_t *events, plim_error *err);

/** Sorts what was read into seen->events. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__cdp_collections_settle(plim__cdp_collections *seen,
                                                        const plim_allocator *allocator,
                                                        uint32_t *out_count, plim_error *err);

/** Frees; all zero is accepted. */
void plim__cdp_collections_fini(plim__cdp_collections *seen, const plim_allocator *allocator);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file profile.h
 * @brief A profile of allocations: a tree of calls with bytes and counts, whatever recorded it.
 *
 * Calls are named by number, 0 to call_count-1; a caller stands before what it calls, and call 0
 * is the root, which stands for all of it. Each has a frame (a function at a place) and figures of
 * its own, without those it called. What a recording could not know is not zero but unknown: see
 * plim_profile_info.known. Written as pprof, folded stacks, speedscope, `.heapprofile` or a page.
 * Thread-safety: immutable after it was made; any number of readers at once.
 */
#ifndef PLIM_PROFILE_H
#define PLIM_PROFILE_H
#include <plimsoll/analysis.h>
PLIM_DECLS_BEGIN

/** What a call can be measured in. */
typedef enum plim_measure {
    PLIM_MEASURE_LIVE_BYTES,  /**< allocated in the time and alive at its end */
    PLIM_MEASURE_LIVE_COUNT,  /**< objects of these */
    PLIM_MEASURE_ALLOC_BYTES, /**< allocated in the time, whatever became of it */
    PLIM_MEASURE_ALLOC_COUNT, /**< objects of these */
    PLIM_MEASURE_SAMPLES      /**< how often a sampler hit: what an estimate rests on */
} plim_measure;

/** How many measures there are. */
enum { PLIM_MEASURES = PLIM_MEASURE_SAMPLES + 1 };

typedef struct plim_profile plim_profile;

/** Totals of a profile. */
typedef struct plim_profile_info {
    uint32_t call_count;           /**< at least 1: the root */
    uint32_t frame_count;          /**< distinct functions */
    uint32_t depth_most;           /**< of the deepest call; the root's is 0 */
    uint32_t known;                /**< bit 1u << plim_measure: what was recorded */
    plim_measure main;             /**< the most telling one of these */
    uint64_t total[PLIM_MEASURES]; /**< 0 where unknown */
    uint64_t interval_bytes;       /**< of a sampler; 0: not sampled, or not said */
    uint64_t memory_bytes;         /**< what the profile itself takes */
} plim_profile_info;

/** A function at a place. */
typedef struct plim_profile_frame {
    plim_text function; /**< borrowed; empty: it has no name */
    plim_text source;   /**< borrowed; path or URL, empty where unknown */
    uint32_t line;      /**< 1 and up; 0: unknown */
    uint32_t column;    /**< likewise */
} plim_profile_frame;

/** One call. */
typedef struct plim_profile_call {
    uint32_t frame;
    uint32_t parent;               /**< PLIM_NONE of the root */
    uint32_t depth;                /**< 0 of the root */
    uint64_t self[PLIM_MEASURES];  /**< by this call itself */
    uint64_t total[PLIM_MEASURES]; /**< and by all that it called */
} plim_profile_call;

/** All zero is the default. */
typedef struct plim_profile_options {
    uint32_t struct_bytes;           /**< sizeof(plim_profile_options) */
    bool collected;                  /**< a sampler's figures count what was freed, too, unless the
                                          file says which: then they are ALLOC, else LIVE */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed by the profile */
    plim_progress progress;          /**< step NULL: none */
    uint64_t interval_bytes;         /**< of a sampler, unless the file says it; 0: unknown */
} plim_profile_options;

/**
 * @brief         Reads a `.heapprofile` (a sampler's) or the tree of a `.heaptimeline` (each
 *                allocation's, with what of it is alive), told by what is in it.
 * @param[in]     source       plain JSON text; see codec.h for compressed files. Read to its end.
 * @param[in]     options      NULL: defaults.
 * @param[out]    out_profile  set only on PLIM_OK; ended by plim_profile_destroy().
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED  a snapshot or timeline without stacks.
 * @retval PLIM_ERR_DAMAGED      not JSON, neither of the two, or it contradicts itself.
 * @retval PLIM_ERR_TRUNCATED    the text ends early.
 * @retval PLIM_ERR_LIMIT        more calls, or calls deeper, than PLIM_PROFILE_… of limits.h.
 * @retval PLIM_ERR_NO_MEMORY, PLIM_ERR_INTERRUPTED as they say.
 * @note          Threads: any; one at a time per source.
 */
PLIM_API PLIM_NODISCARD plim_status plim_profile_read(plim_source source,
                                                      const plim_profile_options *options,
                                                      plim_profile **out_profile, plim_error *err);

/**
 * @brief         Makes a profile of a graph whose objects' calls are known: what each call
 *                allocated, and what of that is in the graph.
 * @param[in]     graph        not NULL.
 * @param[in]     trace        as for plim_graph_write_v8(); not NULL.
 * @param[in]     options      NULL: defaults; interval and collected are not used.
 * @param[out]    out_profile  set only on PLIM_OK; ended by plim_profile_destroy().
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_NO_MEMORY, PLIM_ERR_LIMIT as plim_profile_read() has them.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_profile_from_graph(const plim_graph *graph,
                                                            const plim_write_trace *trace,
                                                            const plim_profile_options *options,
                                                            plim_profile **out_profile,
                                                            plim_error *err);

/**
 * @brief     Whether a text begins as a `.heapprofile` does.
 * @param[in] bytes       the beginning, decompressed; may be NULL if size_bytes is 0.
 * @param[in] size_bytes  of it, PLIM_FORMAT_LOOK_BYTES (formats.h) or what there is.
 * @return    false for snapshots and timelines.
 * @note      Threads: any.
 */
PLIM_API bool plim_profile_guess(const void *bytes, size_t size_bytes);

/**
 * @brief         Ends the profile; @p *profile is NULL afterwards.
 * @param[in,out] profile  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_profile_destroy(plim_profile **profile);

/**
 * @brief      Totals.
 * @param[in]  profile   not NULL.
 * @param[out] out_info  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_profile_read_info(const plim_profile *profile, plim_profile_info *out_info);

/**
 * @brief      One function.
 * @param[in]  profile    not NULL.
 * @param[in]  frame      0 to frame_count-1; anything else is a fault of the caller and stops.
 * @param[out] out_frame  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_profile_read_frame(const plim_profile *profile, uint32_t frame,
                                      plim_profile_frame *out_frame);

/**
 * @brief      One call.
 * @param[in]  profile   not NULL.
 * @param[in]  call      0 to call_count-1; anything else is a fault of the caller and stops.
 * @param[out] out_call  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_profile_read_call(const plim_profile *profile, uint32_t call,
                                     plim_profile_call *out_call);

/** What one function has in all its calls. */
typedef struct plim_profile_site {
    uint32_t frame;
    uint64_t self;  /**< by itself */
    uint64_t total; /**< with what it called; a function that calls itself is counted once */
} plim_profile_site;

/**
 * @brief         Adds up the calls of each function, largest self first, then total, then place.
 * @param[in]     profile    not NULL.
 * @param[in]     measure    of what.
 * @param[out]    out_sites  room for frame_count of them.
 * @param[out]    out_count  those that have something; the root's frame is none of them.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED  the profile does not know that measure.
 * @retval PLIM_ERR_NO_MEMORY    the allocator refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_profile_sites(const plim_profile *profile,
                                                       plim_measure measure,
                                                       plim_profile_site *out_sites,
                                                       uint32_t *out_count, plim_error *err);

/**
 * @brief     What a measure is called in files and in JSON ("live_bytes").
 * @param[in] measure  any.
 * @return    static storage, never NULL.
 * @note      Threads: any.
 */
PLIM_API const char *plim_measure_name(plim_measure measure);

/** What a profile can be written as. */
typedef enum plim_profile_form {
    PLIM_PROFILE_UNKNOWN = 0,
    PLIM_PROFILE_HEAPPROFILE, /**< `.heapprofile`: Chrome DevTools, Memory panel */
    PLIM_PROFILE_PPROF,       /**< `.pb`, `.pb.gz`: pprof's, not compressed here (codec.h does) */
    PLIM_PROFILE_FOLDED,      /**< `.folded`: a stack a line, and its figure */
    PLIM_PROFILE_SPEEDSCOPE,  /**< `.speedscope.json` */
    PLIM_PROFILE_HTML         /**< `.html`: a page of its own, at most 5 MB, that loads nothing */
} plim_profile_form;

/**
 * @brief     The form that the end of a file's name asks for; .gz, .zst behind it are passed by.
 * @param[in] path  not NULL.
 * @return    UNKNOWN where it asks for none.
 * @note      Threads: any.
 */
PLIM_API plim_profile_form plim_profile_form_of_name(const char *path);

/** All zero is the default. */
typedef struct plim_profile_write_options {
    uint32_t struct_bytes;           /**< sizeof(plim_profile_write_options) */
    plim_profile_form form;          /**< UNKNOWN: `.heapprofile` */
    const plim_allocator *allocator; /**< NULL: the system's */
    const char *title;               /**< NULL: "heap profile" */
    uint64_t at_ns;                  /**< Unix time it was begun; 0: unknown */
    uint64_t duration_ns;            /**< 0: unknown */
} plim_profile_write_options;

/**
 * @brief         Writes a profile. pprof and speedscope get every measure it knows, folded stacks
 *                and `.heapprofile` the main one; what it does not know is left out, and named
 *                where the format has a place for it.
 * @param[in]     profile  not NULL.
 * @param[in]     sink     where to, in pieces of at most 64 KiB.
 * @param[in]     options  NULL: defaults.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_NO_MEMORY  the allocator refused; the sink may have a part.
 * @note          Threads: any; whatever else the sink returned is passed on.
 * @see           https://github.com/google/pprof/blob/main/proto/profile.proto,
 *                https://www.speedscope.app/file-format-schema.json, docs/internals/profile.md
 */
PLIM_API PLIM_NODISCARD plim_status plim_profile_write(const plim_profile *profile, plim_sink sink,
                                                       const plim_profile_write_options *options,
                                                       plim_error *err);

/**
 * @brief         Writes a page for a browser: the dominator tree as a flame graph, the classes as
 *                a treemap, either the other way, too. One file of at most 5 MB that loads nothing
 *                and says what was cut.
 * @param[in]     analysis   made with PLIM_WANT_DOMINATORS and PLIM_WANT_CLASSES.
 * @param[in]     profile    who allocated its objects, beside them; NULL: not known.
 * @param[in]     title      NULL: "heap snapshot".
 * @param[in]     sink       where to, in pieces of at most 64 KiB.
 * @param[in]     allocator  NULL: the system's; 24 bytes a node while it writes.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NO_MEMORY  the allocator refused.
 * @note          Threads: any; whatever else the sink returned is passed on.
 */
PLIM_API PLIM_NODISCARD plim_status plim_analysis_write_html(const plim_analysis *analysis,
                                                             const plim_profile *profile,
                                                             const char *title, plim_sink sink,
                                                             const plim_allocator *allocator,
                                                             plim_error *err);

PLIM_DECLS_END
#endif

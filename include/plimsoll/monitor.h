/* SPDX-License-Identifier: MIT */
/**
 * @file monitor.h
 * @brief The memory of supervised processes, seen from outside, and when it says restart.
 *
 * A monitor looks at the children of a supervisor several times a second. Past a soft threshold, by
 * what is seen from outside or by the worker's own report, whichever is higher, a child is
 * recycled: asked to end, and started anew, which counts as no crash. Past a hard one it is
 * killed, which does. So do a missed deadline and silence. What a worker reports can only make this
 * happen sooner: a lie does not keep it alive.
 *
 * What is counted is by default what the process has for itself: memory that is shared through a
 * region (region.h, a memfd) or a file is not counted once per worker. Figures are the system's:
 * bytes of physical memory, in pages.
 * Thread-safety: the supervisor's loop's.
 * @see docs/internals/supervise.md
 */
#ifndef PLIM_MONITOR_H
#define PLIM_MONITOR_H
#include <plimsoll/supervisor.h>
PLIM_DECLS_BEGIN

/** A monitor; ended by plim_monitor_destroy(), before its supervisor is. */
typedef struct plim_monitor plim_monitor;

/** What of a process is held against the thresholds. */
typedef enum plim_measure {
    PLIM_MEASURE_PRIVATE = 0, /**< its own: not what is shared with others or in files */
    PLIM_MEASURE_RSS,         /**< all of it that is in physical memory */
    PLIM_MEASURE_PSS /**< its own, and its share of what is shared. Costly: milliseconds for
                                   a large process, so it is looked at once a second at most */
} plim_measure;

/** The memory of a process at one moment. */
typedef struct plim_memory_figures {
    uint64_t rss_bytes;
    uint64_t private_bytes;
    uint64_t pss_bytes;      /**< UINT64_MAX: not looked at, or not told by this system */
    uint64_t reported_bytes; /**< by itself; 0: nothing */
    uint64_t counted_bytes;  /**< what is held against the thresholds */
    uint64_t most_bytes;     /**< the most of it that was seen in this life */
    uint64_t limit_bytes;    /**< past it, it is recycled, or killed; UINT64_MAX: neither */
} plim_memory_figures;

/** When a child is to be restarted. 0: not for that reason. */
typedef struct plim_monitor_policy {
    uint32_t struct_bytes; /**< sizeof(plim_monitor_policy) */
    plim_measure measure;
    uint64_t memory_bytes;       /**< soft: recycled */
    uint64_t memory_hard_bytes;  /**< killed at once */
    uint64_t fence_bytes;        /**< of a control group around it, kept by the system, where we may
                                     make one; `decide` is told if not */
    uint64_t requests_max;       /**< recycled once it reports so many */
    uint32_t requests_jitter;    /**< up to so many fewer, by chance, so that not all go at once */
    uint64_t lifetime_ns;        /**< recycled after it */
    uint64_t lifetime_jitter_ns; /**< up to so much sooner, by chance */
    uint64_t lifetime_min_ns;  /**< not recycled before it: one that is past its threshold from the
                                     start would be restarted for ever; hard limits hold at once */
    uint64_t deadline_ns;      /**< killed if a request takes longer, by its report */
    uint64_t silence_ns;       /**< killed if it has not reported for so long */
    uint32_t pressure_percent; /**< while somebody waits for memory for more than this share of the
                                     time (PSI, ten seconds), the largest child is recycled, one
                                     every ten seconds */
} plim_monitor_policy;

/** What a worker says of itself. */
typedef struct plim_worker_report {
    uint64_t memory_bytes; /**< in use by its own count; 0: not told */
    uint64_t requests;     /**< answered since its start */
    uint64_t busy_ns;      /**< on the request it is at; 0: idle */
} plim_worker_report;

/** What is told of a child. */
typedef struct plim_monitor_notice {
    plim_child child;
    plim_why why; /**< PLIM_WHY_NONE: it could not be fenced (status) */
    bool is_hard; /**< it will be killed; else recycled */
    plim_status status;
    plim_memory_figures figures;
    plim_worker_report report;
} plim_monitor_notice;

/** All zero is the default, but for struct_bytes. */
typedef struct plim_monitor_options {
    uint32_t struct_bytes;           /**< sizeof(plim_monitor_options) */
    uint64_t interval_ns;            /**< between two looks; 0: 100 ms; 10 ms at least */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
    /** Told before a child is recycled or killed. True: it has seen to it, and nothing is done (a
        pool that goes over to its spare first). NULL: nobody is told. */
    bool (*decide)(void *ctx, const plim_monitor_notice *notice);
    void *ctx;
} plim_monitor_options;

/**
 * @brief         Begins to look. One monitor per supervisor.
 * @param[in]     supervisor  not NULL; destroyed after the monitor.
 * @param[in]     options     NULL: defaults.
 * @param[out]    out         set only on PLIM_OK; ended by plim_monitor_destroy().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; from here on nothing more is taken.
 * @retval PLIM_ERR_EXISTS    the supervisor has a monitor.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_monitor_create(plim_supervisor *supervisor,
                                                        const plim_monitor_options *options,
                                                        plim_monitor **out, plim_error *err);

/**
 * @brief         Sets the policy of a child, or of all processes right below a supervisor, those
 *                that come later too. A child's own goes before that of its supervisor.
 * @param[in,out] monitor  not NULL.
 * @param[in]     child    a child or a supervisor of the tree.
 * @param[in]     policy   copied; NULL: none any more.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_STALE      no such child.
 * @retval PLIM_ERR_USAGE      a jitter as large as what it is taken from.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_monitor_watch(plim_monitor *monitor, plim_child child,
                                                       const plim_monitor_policy *policy,
                                                       plim_error *err);

/**
 * @brief         Takes note of what a worker says of itself; looked at with the next look.
 * @param[in,out] monitor  not NULL.
 * @param[in]     child    who says it; a stale one is ignored.
 * @param[in]     report   copied.
 * @note          Threads: the loop's.
 */
PLIM_API void plim_monitor_report(plim_monitor *monitor, plim_child child,
                                  const plim_worker_report *report);

/**
 * @brief         The figures of the last look.
 * @param[in]     monitor      not NULL.
 * @param[in]     child        any.
 * @param[out]    out_figures  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND  it was not looked at: it has no policy, or does not run.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_monitor_figures(const plim_monitor *monitor,
                                                         plim_child child,
                                                         plim_memory_figures *out_figures);

/**
 * @brief         Looks at any process once.
 * @param[in]     pid          above 0.
 * @param[in]     exact        its share of what is shared, too (pss_bytes).
 * @param[out]    out_figures  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND  there is none.
 * @retval PLIM_ERR_ACCESS     the system does not let us look.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_memory_of(int64_t pid, bool exact,
                                                   plim_memory_figures *out_figures);

/**
 * @brief         Ends it; nobody is looked at any more. *monitor is NULL afterwards.
 * @param[in,out] monitor  NULL and a pointer to NULL are accepted.
 * @note          Threads: the loop's; not within `decide`.
 */
PLIM_API void plim_monitor_destroy(plim_monitor **monitor);

PLIM_DECLS_END
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file supervision.h
 * @brief Supervised processes as other programs see them: `plim ps` and `plim top`.
 *
 * Who supervises writes what it has, row by row, into shared memory named
 * plimsoll-supervision-NAME; who looks finds that among its descriptors and takes a copy. Nothing
 * is asked of the one who writes, and it is never held up. A copy is of one moment. The memory goes
 * with its process; of one that hangs, the last it wrote is read, with its age.
 * The writer is trusted with nothing: what is read is bounded, and texts are printable.
 * Who may look at the process's descriptors (its user, root) can read it.
 * Thread-safety: a publication belongs to one thread; reading is for any.
 */
#ifndef PLIM_SUPERVISION_H
#define PLIM_SUPERVISION_H
#include <plimsoll/monitor.h>
#include <plimsoll/worker_pool.h>
PLIM_DECLS_BEGIN

/** In place of a figure: it is not known, or there is none. */
#define PLIM_SUPERVISION_NONE UINT64_MAX

enum {
    PLIM_SUPERVISION_ROWS_MAX = 4096, /**< what is beyond is counted and left out */
    PLIM_SUPERVISION_NAME_BYTES = 64  /**< of a name, with its NUL */
};

/** How one of them is. */
typedef enum plim_supervised_state {
    PLIM_SUPERVISED_STOPPED = 0, /**< there is no process */
    PLIM_SUPERVISED_STARTING,
    PLIM_SUPERVISED_RUNNING,
    PLIM_SUPERVISED_IDLE,  /**< a worker without a request */
    PLIM_SUPERVISED_BUSY,  /**< a worker with one */
    PLIM_SUPERVISED_SPARE, /**< a worker that waits to take a place */
    PLIM_SUPERVISED_ENDING,
    PLIM_SUPERVISED_RESTARTING, /**< a start failed and is tried again */
    PLIM_SUPERVISED_STATES
} plim_supervised_state;

/** A process, or a supervisor below the top, at one moment. Rows stand in the order of the tree:
    what is below one follows it, one deeper. */
typedef struct plim_supervised {
    char id[PLIM_SUPERVISION_NAME_BYTES];
    uint32_t depth; /**< 0: right below the top */
    bool is_supervisor;
    plim_supervised_state state;
    int64_t pid;           /**< 0: none */
    uint64_t uptime_ns;    /**< of this life; PLIM_SUPERVISION_NONE: none */
    uint64_t restarts;     /**< so far, planned ones too */
    uint64_t rss_bytes;    /**< in physical memory; this and the following may be …_NONE */
    uint64_t memory_bytes; /**< what is held against the limit */
    uint64_t most_bytes;   /**< the most of it that was seen in this life */
    uint64_t limit_bytes;  /**< replaced past it */
    uint64_t answered;     /**< requests, in this life */
    uint64_t busy_ns;      /**< with the request it has; 0: it has none */
} plim_supervised;

/** All of them together. Figures that there are none of are PLIM_SUPERVISION_NONE. */
typedef struct plim_supervision_head {
    char kind[PLIM_SUPERVISION_NAME_BYTES]; /**< "run", "pool", "repl", or the program's own word */
    char name[PLIM_SUPERVISION_NAME_BYTES];
    uint64_t uptime_ns;
    uint64_t age_ns;    /**< since it was written; set when it is read */
    uint64_t rss_bytes; /**< of the supervisor itself */
    uint64_t clients;
    uint64_t submitted, answered, failed, repeated; /**< requests, ever */
    uint64_t waiting, under_way, queue_max;         /**< requests, now */
    bool is_stopping;
    bool is_on_change; /**< written when something changes: age_ns is no sign of anything */
    uint32_t row_count;
    uint32_t left_out; /**< rows beyond PLIM_SUPERVISION_ROWS_MAX */
} plim_supervision_head;

/** A place to write to; ended by plim_supervision_close(). */
typedef struct plim_supervision plim_supervision;

/**
 * @brief         Opens the place. Its size is taken at once and never changes.
 * @param[in]     kind             1 to 63 bytes.
 * @param[in]     name             likewise; what is not printable is left out.
 * @param[in]     row_max          rows it will have at most, 1 to PLIM_SUPERVISION_ROWS_MAX.
 * @param[out]    out_supervision  set only on PLIM_OK.
 * @param[in,out] err              may be NULL.
 * @retval PLIM_ERR_USAGE     no name, no kind, too many rows or none.
 * @retval PLIM_ERR_NO_MEMORY the system refused.
 * @note          Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervision_open(const char *kind, const char *name,
                                                          uint32_t row_max,
                                                          plim_supervision **out_supervision,
                                                          plim_error *err);

/**
 * @brief         Begins to write anew; rows follow, then plim_supervision_commit().
 * @param[in,out] supervision  not NULL.
 * @param[in]     head         copied, but kind, name, uptime, age and the rows' counts, which are
 *                             the place's own.
 * @note          Threads: the owner. Nothing is allocated.
 */
PLIM_API void plim_supervision_begin(plim_supervision *supervision,
                                     const plim_supervision_head *head);

/**
 * @brief         Adds a row.
 * @param[in,out] supervision  between begin and commit.
 * @param[in]     row          copied.
 * @note          Threads: the owner.
 */
PLIM_API void plim_supervision_add(plim_supervision *supervision, const plim_supervised *row);

/**
 * @brief         What was written is to be read.
 * @param[in,out] supervision  after begin.
 * @note          Threads: the owner.
 */
PLIM_API void plim_supervision_commit(plim_supervision *supervision);

/**
 * @brief         Writes all that a supervisor has: begin, a row for each, commit.
 * @param[in,out] supervision  not NULL.
 * @param[in]     supervisor   not NULL; the pool's, if there is one.
 * @param[in]     monitor      of it, for memory and limits; NULL: processes are looked at here.
 * @param[in]     pool         for requests; NULL: there is none.
 * @param[in]     is_stopping  it is to be told so.
 * @note          Threads: the supervisor's. As often as one wants to be seen: half a second is
 *                good.
 */
PLIM_API void plim_supervision_write(plim_supervision *supervision,
                                     const plim_supervisor *supervisor, const plim_monitor *monitor,
                                     const plim_worker_pool *pool, bool is_stopping);

/**
 * @brief         Closes the place; @p *supervision is NULL.
 * @param[in,out] supervision  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner.
 */
PLIM_API void plim_supervision_close(plim_supervision **supervision);

/** A copy of what one has written; ended by plim_supervision_view_close(). */
typedef struct plim_supervision_view plim_supervision_view;

/**
 * @brief         Copies what a process has written; of several places the first.
 * @param[in]     pid        the process.
 * @param[in]     allocator  NULL: the system's.
 * @param[out]    out_view   set only on PLIM_OK.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NOT_FOUND   it has none, or there is no such process.
 * @retval PLIM_ERR_ACCESS      the system does not let this user look.
 * @retval PLIM_ERR_TIMEOUT     each time it was looked at, it was being written.
 * @retval PLIM_ERR_DAMAGED     what is there contradicts itself.
 * @retval PLIM_ERR_NO_MEMORY   as it says.
 * @retval PLIM_ERR_UNSUPPORTED this system shows no other process's descriptors.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervision_read(int64_t pid,
                                                          const plim_allocator *allocator,
                                                          plim_supervision_view **out_view,
                                                          plim_error *err);

/**
 * @brief     What is told of all.
 * @param[in] view  not NULL.
 * @return    borrowed.
 * @note      Threads: any.
 */
PLIM_API const plim_supervision_head *plim_supervision_view_head(const plim_supervision_view *view);

/**
 * @brief     One row, borrowed.
 * @param[in] view   not NULL.
 * @param[in] index  0 to row_count - 1 of the head.
 * @return    it.
 * @note      Threads: any.
 */
PLIM_API const plim_supervised *plim_supervision_view_row(const plim_supervision_view *view,
                                                          uint32_t index);

/**
 * @brief         Ends it; @p *view is NULL.
 * @param[in,out] view  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_supervision_view_close(plim_supervision_view **view);

/**
 * @brief     Calls visit with each process that has written one; a place that several hold (a
 *            process and what it forked) is told once, by the first.
 * @param[in] visit  false: that is enough.
 * @param[in] ctx    passed to it.
 * @retval PLIM_ERR_ACCESS, PLIM_ERR_UNSUPPORTED  as plim_supervision_read().
 * @note      Threads: any. Others' processes are passed over.
 */
PLIM_API plim_status plim_supervision_each(bool (*visit)(void *ctx, int64_t pid), void *ctx);

PLIM_DECLS_END
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file frame.h
 * @brief Frames: what a turn of a loop takes it gives back, and what it allocates is counted.
 *
 * A frame has pools. Whatever is taken from them between its begin and its end and is not pinned
 * goes back at the end, because the frame ended, not because somebody thought of it:
 *
 *     PLIM_FRAME(frame) {
 *         plim_buffer x;
 *         if (plim_pool_acquire(pool, count, &x, &err) != PLIM_OK)
 *             break;                  // leaves the frame, which ends as at its closing brace
 *         draw(x.data);
 *     }
 *
 * In steady state a frame allocates nothing and leaves nothing. What does not hold to that is an
 * event, with the place in the code: a request to the memory manager inside a frame, a slot that
 * was pinned inside one and is held on and on, and, if `strict`, a slot that only the end of the
 * frame gave back. Slots that are to live over frames are pinned (plim_pool_pin()): outside of
 * frames for ever, inside one for pin_frames_max frames, then it is an event.
 * The pools of a frame are all its own: one taken outside of frames and not pinned goes, too.
 * Ways out of PLIM_FRAME: its end, break, goto, return, and in C++ exceptions; not longjmp().
 * Cost: 40 buffers in 3 pools, begin to end, under 100 ns at level minimal.
 * Thread-safety: one owner thread, the pools' own.
 * @see docs/internals/pools.md
 */
#ifndef PLIM_FRAME_H
#define PLIM_FRAME_H
#include <plimsoll/pool.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_FRAME_POOLS_MAX = 64,          /**< of one frame */
    PLIM_FRAME_PIN_FRAMES_DEFAULT = 600 /**< ten seconds at 60 frames a second */
};

/** What a frame should not have. */
typedef enum plim_frame_event_kind {
    PLIM_FRAME_ALLOCATED = 0, /**< memory was asked of the manager inside the frame */
    PLIM_FRAME_KEPT,  /**< a slot pinned inside a frame has been held pin_frames_max frames */
    PLIM_FRAME_LEFT,  /**< strict: a slot that only the frame's end gave back */
    PLIM_FRAME_NESTED /**< begun inside itself: the inner one is no frame of its own */
} plim_frame_event_kind;

/** One event. Strings live in static storage or as long as the pool. */
typedef struct plim_frame_event {
    plim_frame_event_kind kind;
    uint32_t unused;       /**< 0 */
    uint64_t frame_number; /**< frames count from 1 */
    const char *site;      /**< "file:line" of the request, the acquire, the begin; "" unknown */
    const char *owner;     /**< name of the pool or domain; "" unknown */
    uint64_t count;        /**< requests or slots */
    uint64_t bytes;        /**< asked for by them */
} plim_frame_event;

/** Called on the owner's thread; it must not touch the frame or its pools. */
typedef void plim_frame_hook(void *ctx, const plim_frame_event *event);

/** All zero but pools and pool_count is fine. */
typedef struct plim_frame_options {
    uint32_t struct_bytes;     /**< sizeof(plim_frame_options) */
    uint32_t pool_count;       /**< 0 to PLIM_FRAME_POOLS_MAX */
    plim_pool *const *pools;   /**< copied; borrowed until destroy; each in one frame only */
    uint32_t pin_frames_max;   /**< 0: 600 */
    uint32_t warm_frame_count; /**< the first so many frames make no events */
    bool strict;               /**< slots must be released one by one */
    plim_frame_hook *hook;     /**< NULL: events are counted alone */
    void *hook_ctx;
    const plim_allocator *allocator; /**< NULL: the system's; for the frame's own record */
} plim_frame_options;

/** A frame, used again and again; ended by plim_frame_destroy(). */
typedef struct plim_frame plim_frame;

/** What a frame did; of all of them, or of the last one. */
typedef struct plim_frame_stats {
    uint64_t frame_count;      /**< frames ended */
    uint64_t acquired;         /**< slots taken */
    uint64_t released;         /**< by the program */
    uint64_t collected;        /**< by the frame's end */
    uint64_t pinned;           /**< slots pinned at the end: a state, not a sum */
    uint64_t allocation_count; /**< requests to the manager by this thread inside frames */
    uint64_t allocation_bytes;
    uint64_t event_count; /**< those of warm-up frames are not counted */
} plim_frame_stats;

/**
 * @brief         Makes a frame over pools.
 * @param[in]     options    not NULL, copied.
 * @param[out]    out_frame  set only on PLIM_OK; ended by plim_frame_destroy().
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_USAGE     too many pools.
 * @retval PLIM_ERR_BUSY      a pool is in another frame, or twice in this one.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused its record.
 * @note          Threads: the owner of the pools.
 */
PLIM_API PLIM_NODISCARD plim_status plim_frame_create(const plim_frame_options *options,
                                                      plim_frame **out_frame, plim_error *err);

/**
 * @brief         Ends a frame for good; its pools stay. @p *frame is NULL.
 * @param[in,out] frame  NULL and a pointer to NULL are accepted. Not between begin and end.
 * @note          Threads: the owner.
 */
PLIM_API void plim_frame_destroy(plim_frame **frame);

/**
 * @brief         Begins the next frame. PLIM_FRAME() does it, and the end, by structure.
 * @param[in,out] frame  not NULL.
 * @param[in]     site   "file:line" in static storage; NULL: unknown.
 * @retval PLIM_ERR_BUSY it has begun already: an event, and the inner end will end nothing.
 * @note          Threads: the owner.
 */
PLIM_API plim_status plim_frame_begin(plim_frame *frame, const char *site);

/**
 * @brief         Ends it: what is not pinned goes back to its pool; events are told.
 * @param[in,out] frame      not NULL.
 * @param[out]    out_stats  this frame's figures; may be NULL.
 * @retval PLIM_ERR_USAGE    none has begun; nothing changed, @p out_stats neither.
 * @note          Threads: the owner.
 */
PLIM_API plim_status plim_frame_end(plim_frame *frame, plim_frame_stats *out_stats);

/**
 * @brief      The sums over all frames so far.
 * @param[in]  frame      not NULL.
 * @param[out] out_stats  set.
 * @note       Threads: the owner.
 */
PLIM_API void plim_frame_stats_read(const plim_frame *frame, plim_frame_stats *out_stats);

/**
 * @brief     The word for a kind of event ("allocated", "kept", "left", "nested").
 * @param[in] kind  any.
 * @return    static storage, never NULL.
 * @note      Threads: any.
 */
PLIM_API const char *plim_frame_event_name(plim_frame_event_kind kind);

/* Private: what PLIM_FRAME() is made of. */
static inline plim_frame *plim__frame_enter(plim_frame *frame, const char *site)
{
    (void)plim_frame_begin(frame, site);
    return frame;
}

static inline void plim__frame_leave(plim_frame **frame)
{
    (void)plim_frame_end(*frame, NULL);
}

PLIM_DECLS_END

#define PLIM__PASTE_(a, b) a##b
#define PLIM__PASTE(a, b)  PLIM__PASTE_(a, b)

/** `PLIM_FRAME(frame) { … }`: one frame, ended on every way out of the block. */
#ifdef __cplusplus
struct plim__frame_scope {
    plim_frame *frame;
    bool is_first;
    plim__frame_scope(plim_frame *entered, const char *site)
        : frame(plim__frame_enter(entered, site)), is_first(true)
    {
    }
    plim__frame_scope(const plim__frame_scope &) = delete;
    ~plim__frame_scope()
    {
        plim__frame_leave(&frame);
    }
};
#define PLIM_FRAME(frame)                                                                          \
    for (plim__frame_scope PLIM__PASTE(plim__frame_, __LINE__)(frame, PLIM__SITE);                 \
         PLIM__PASTE(plim__frame_, __LINE__).is_first;                                             \
         PLIM__PASTE(plim__frame_, __LINE__).is_first = false)
#else
#define PLIM_FRAME(frame)                                                                          \
    for (plim_frame * PLIM__PASTE(plim__frame_, __LINE__) __attribute__((                          \
                          cleanup(plim__frame_leave))) = plim__frame_enter((frame), PLIM__SITE),   \
           *PLIM__PASTE(plim__once_, __LINE__) = PLIM__PASTE(plim__frame_, __LINE__);              \
         PLIM__PASTE(plim__once_, __LINE__) != NULL; PLIM__PASTE(plim__once_, __LINE__) = NULL)
#endif
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file serve.h
 * @brief A heap behind the protocol that browsers speak: Chrome DevTools opens it as it opens Node.
 *
 * The server knows a table of functions, not what is behind them: a snapshot file, a region, a
 * program's own heap. It listens on this machine only, and answers whoever asks by that machine's
 * name or number and comes from no other web page: `Host` must be a loopback name, `Origin` absent
 * or DevTools'. Each served heap has a path that cannot be guessed.
 * A client that does not read delays no other: what waits for it is bounded, and it is left after a
 * time. Everything runs on the thread that calls plim_server_run(), but snapshots: each is made on
 * a thread of the server's own. A client that hangs up raises SIGPIPE, as in target.h: ignore it.
 * Thread-safety: one thread per server; plim_interrupt_raise() from anywhere.
 * @see docs/internals/server.md
 */
#ifndef PLIM_SERVE_H
#define PLIM_SERVE_H
#include <plimsoll/graph.h>
#include <plimsoll/target.h>
PLIM_DECLS_BEGIN

enum { PLIM_SERVED_MAX = 64 /**< heaps one server may show */ };

/** A function on a stack of calls. */
typedef struct plim_served_frame {
    const char *function; /**< not NULL; bytes that are not UTF-8 are replaced */
    const char *url;      /**< of its source, as plim_served.source names it; NULL: unknown */
    uint32_t source;      /**< index of that source, or PLIM_NONE */
    uint32_t line;        /**< 1 and up; 0: unknown */
} plim_served_frame;

/** Who allocated how much: a tree of calls, to which stacks are added. */
typedef struct plim_served_profile plim_served_profile;

/** What a field of an object, or the outcome of an expression, is. */
typedef enum plim_served_kind {
    PLIM_SERVED_NUMBER = 0, /**< text is how it is written */
    PLIM_SERVED_BOOL,       /**< text is "true" or "false" */
    PLIM_SERVED_TEXT,       /**< text is its bytes up to the NUL */
    PLIM_SERVED_OBJECT,     /**< text is its type; with an id it can be opened */
    PLIM_SERVED_NOTHING,    /**< a reference that leads nowhere; text is how that is written */
    PLIM_SERVED_NOTE,       /**< of an expression: text stands in the console beside its value */
    PLIM_SERVED_FAILED      /**< of an expression: it has no value; text says why, in lines */
} plim_served_kind;

/** One value. */
typedef struct plim_served_value {
    const char *name; /**< of the field; NULL: the object itself */
    plim_served_kind kind;
    const char *text; /**< not NULL; bytes that are not UTF-8 are replaced */
    uint64_t id;      /**< of an object that can be opened: its id in snapshots; 0: none */
} plim_served_value;

/** Takes values one by one; false: no more of them. */
typedef struct plim_served_values {
    void *ctx;
    bool (*add)(void *ctx, const plim_served_value *value);
} plim_served_values;

/** Objects alive that were born within one interval of a recording. */
typedef struct plim_served_births {
    uint64_t count;
    uint64_t bytes;
} plim_served_births;

/**
 * One heap. Functions are called on the thread of plim_server_run(), but `snapshot`: that one on
 * threads of its own, several at once, also beside the others. NULL: it cannot do that.
 */
typedef struct plim_served {
    void *ctx;
    const char *title; /**< shown in the list of targets; copied, at most 255 bytes */
    const char *url;   /**< shown beside it; copied; NULL: none */
    /** Bytes in use and bytes held. Required. */
    plim_status (*usage)(void *ctx, uint64_t *out_used, uint64_t *out_total, plim_error *err);
    /** Writes a V8 heap snapshot. Required. `samples` are of a recording that ends with it, and go
     *  into it (plim_write_options); none otherwise. Whatever the sink returns is passed on; the
     *  progress says false once nobody waits for it any more. */
    plim_status (*snapshot)(void *ctx, const plim_write_sample *samples, uint32_t sample_count,
                            plim_sink sink, plim_progress progress, plim_error *err);
    /** "Collect garbage": gives back what is only cached; how much. */
    plim_status (*collect)(void *ctx, uint64_t *out_bytes, plim_error *err);
    /** The object of that id, then its fields. PLIM_ERR_NOT_FOUND: it is gone. */
    plim_status (*object)(void *ctx, uint64_t id, plim_served_values out, plim_error *err);
    /** Begins to note who allocates, on the average once in so many bytes. */
    plim_status (*sample_start)(void *ctx, uint64_t interval_bytes, plim_error *err);
    /** What was noted so far, by plim_served_profile_add(); `ends`: no more is noted. */
    plim_status (*sample_read)(void *ctx, bool ends, plim_served_profile *profile, plim_error *err);
    /** For a recording: of the objects alive, how many have an id above bounds[i - 1] (above 0 for
     *  the first) and up to bounds[i]; and the highest id that ever was. Ids rise with birth. */
    plim_status (*births)(void *ctx, const uint64_t *bounds, uint32_t count,
                          plim_served_births *out_births, uint64_t *out_last_id, plim_error *err);
    /** The name of the index-th source, borrowed until the next call; NULL past the last one. */
    const char *(*source)(void *ctx, uint32_t index);
    /** The text of that source. plim_serve_source() reads a file. */
    plim_status (*source_text)(void *ctx, uint32_t index, plim_sink sink, plim_error *err);
    /** What a person types: adds notes, and one value or none. PLIM_ERR_REFUSED with the reason in
     *  err, or PLIM_SERVED_FAILED where a sentence is not enough. */
    plim_status (*evaluate)(void *ctx, const char *expression, plim_served_values out,
                            plim_error *err);
    /** Whether an expression is whole, or another line is to be typed. NULL: a line is. */
    bool (*is_complete)(void *ctx, const char *expression);
    /** Names that expressions may begin with: values of which only the name is looked at. */
    void (*names)(void *ctx, plim_served_values out);
} plim_served;

/** A server; ended by plim_server_destroy(). */
typedef struct plim_server plim_server;

/** All zero is the default. */
typedef struct plim_server_options {
    uint32_t struct_bytes;           /**< sizeof(plim_server_options) */
    uint16_t port;                   /**< 0: any free one; DevTools looks at 9229 by itself */
    bool ipv6;                       /**< listen on ::1 instead of 127.0.0.1 */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
    const plim_interrupt *interrupt; /**< NULL: none; borrowed until destroy */
    uint64_t stall_timeout_ns;       /**< 0: 30 s for a client that does not read */
} plim_server_options;

/**
 * @brief         Listens; nothing is answered before plim_server_run().
 * @param[in]     options     NULL: defaults.
 * @param[out]    out_server  set only on PLIM_OK; ended by plim_server_destroy().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_EXISTS    the port is taken.
 * @retval PLIM_ERR_ACCESS    the system does not allow that port.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_server_create(const plim_server_options *options,
                                                       plim_server **out_server, plim_error *err);

/**
 * @brief         Adds a heap to what is shown.
 * @param[in]     server  not NULL.
 * @param[in]     served  copied, but for what ctx points to: that must outlive the server.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_LIMIT PLIM_SERVED_MAX are shown already.
 * @retval PLIM_ERR_USAGE a required function is missing, or the title is too long or empty.
 * @note          Threads: the server's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_server_add(plim_server *server, const plim_served *served,
                                                    plim_error *err);

/**
 * @brief     Where it listens.
 * @param[in] server  not NULL.
 * @return    "127.0.0.1:9229", valid until destroy.
 * @note      Threads: any.
 */
PLIM_API const char *plim_server_address(const plim_server *server);

/**
 * @brief         Answers, until asked to stop or the time is over.
 * @param[in]     server       not NULL.
 * @param[in]     duration_ns  UINT64_MAX: until the interrupt.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_INTERRUPTED  the interrupt was raised. Clients' faults are theirs, not ours.
 * @note          Threads: one at a time. May be called again.
 */
PLIM_API PLIM_NODISCARD plim_status plim_server_run(plim_server *server, uint64_t duration_ns,
                                                    plim_error *err);

/**
 * @brief         Closes all connections and ends it; @p *server is NULL.
 * @param[in,out] server  NULL and a pointer to NULL are accepted.
 * @note          Threads: not inside run.
 */
PLIM_API void plim_server_destroy(plim_server **server);

/**
 * @brief         Starts a tree without stacks.
 * @param[in]     allocator    NULL: the system's; borrowed until destroy.
 * @param[out]    out_profile  set only on PLIM_OK; ended by plim_served_profile_destroy().
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_NO_MEMORY  the allocator refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_served_profile_create(const plim_allocator *allocator,
                                                               plim_served_profile **out_profile,
                                                               plim_error *err);

/**
 * @brief         Ends it; @p *profile is NULL.
 * @param[in,out] profile  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner's.
 */
PLIM_API void plim_served_profile_destroy(plim_served_profile **profile);

/**
 * @brief         Adds what was allocated through a stack of calls; equal stacks become one.
 * @param[in,out] profile  not NULL.
 * @param[in]     frames   the outermost first; texts are copied. Those past 128 are left out.
 * @param[in]     count    0: nobody knows.
 * @param[in]     bytes    of it.
 * @param[in]     objects  of it.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused.
 * @retval PLIM_ERR_LIMIT     more than a million different calls.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_served_profile_add(plim_served_profile *profile,
                                                            const plim_served_frame *frames,
                                                            uint32_t count, uint64_t bytes,
                                                            uint64_t objects, plim_error *err);

/**
 * @brief         Counts an object to the interval that its id is in; above all bounds, to none.
 * @param[in,out] births  `count` intervals, as `births` of plim_served is asked for them.
 * @param[in]     bounds  rising.
 * @param[in]     count   0: nothing is counted.
 * @param[in]     id      of the object.
 * @param[in]     bytes   of it.
 * @note          Threads: any, each with its own births.
 */
PLIM_API void plim_served_births_add(plim_served_births *births, const uint64_t *bounds,
                                     uint32_t count, uint64_t id, uint64_t bytes);

/**
 * @brief         Writes it as a `.heapprofile`, which Chrome DevTools and speedscope open.
 * @param[in]     profile  not NULL.
 * @param[in]     sink     where to, in pieces of at most 64 KiB.
 * @param[in,out] err      may be NULL.
 * @return        PLIM_OK, or what the sink returned.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_served_profile_write(const plim_served_profile *profile,
                                                              plim_sink sink, plim_error *err);

/**
 * @brief         Writes the text of a source file: for plim_served.source_text.
 * @param[in]     path  a regular file whose name ends as C and C++ sources' do; anything else is
 *                      refused, whoever named it.
 * @param[in]     sink  where to; the text is UTF-8, other bytes are replaced.
 * @param[in,out] err   may be NULL.
 * @retval PLIM_ERR_USAGE     not the name of a source.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_ACCESS, PLIM_ERR_IO as they say.
 * @retval PLIM_ERR_LIMIT     longer than 8 MiB.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_serve_source(const char *path, plim_sink sink,
                                                      plim_error *err);

PLIM_DECLS_END
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file chrome.h
 * @brief What is Chromium's own, beyond what every V8 inspector does alike.
 *
 * One connection to the browser (a port's WebSocket, or the pipe of one we started), and on it a
 * flat session to the page, frame or worker that is meant. docs/internals/chrome.md tells what was
 * seen of Chromium and why each part here is as it is.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_CHROME_CHROME_H
#define PLIM_INSPECT_CHROME_CHROME_H
#include "inspect/cdp/collections.h"
#include "inspect/owner.h"
#include "inspect/probe.h"
#include "inspect/target.h"

enum {
    PLIM__CHROME_ID_BYTES = 64,     /* of targets and sessions: 32 in every Chromium seen */
    PLIM__CHROME_ISOLATE_BYTES = 32 /* 16 */
};

/** The row of the table of runtimes. */
extern const plim__runtime plim__chrome_runtime;

/** A trace under way; see trace.c. */
typedef struct plim__chrome_trace {
    bool is_on;
    bool is_complete; /**< all of its data has come */
    /** Each array of trace events. */
    plim_status (*take)(void *ctx, const json_t *events, plim_error *err);
    void *ctx;
} plim__chrome_trace;

/** The state of one target, from connect() to close(). */
typedef struct plim__chrome_state {
    plim__cdp_session *session; /**< to the target, flat; NULL: the main one is it */
    char session_id[PLIM__CHROME_ID_BYTES];
    char target_id[PLIM__CHROME_ID_BYTES];
    char worker[PLIM__CHROME_ID_BYTES]; /**< what #worker:N was when it was first looked for */
    bool is_page;                       /**< it can be loaded again */
    char isolate[PLIM__CHROME_ISOLATE_BYTES]; /**< that the last snapshot or recording is of */
    bool was_reset;                           /**< it may have been swapped since */
    bool has_moved;                           /**< to another process, perhaps */
    uint64_t trace_pid;                       /**< where its events come from; 0: not known */
    uint64_t trace_thread;
    plim__owner owner;
    plim__chrome_trace trace;
    bool is_observing;
    plim__cdp_collections seen;
} plim__chrome_state;

/* choose.c */

/** target->runtime_state, made if there is none; NULL: no memory. */
plim__chrome_state *plim__chrome_state_of(plim_target *target);

/** As plim__protocol.connect. */
PLIM_NODISCARD plim_status plim__chrome_connect(plim_target *target, plim_error *err);

/* dedicated.c */

/** The target id of the N-th dedicated worker of the page that is attached to. */
PLIM_NODISCARD plim_status plim__chrome_worker(plim_target *target, uint32_t number,
                                               char out_id[PLIM__CHROME_ID_BYTES], plim_error *err);

/** Has worker `id` answer who attaches to it, if it is one of the page's that is attached to. */
PLIM_NODISCARD plim_status plim__chrome_wake(plim_target *target, const char *id, bool *out_found,
                                             plim_error *err);

/* trace.c */

/** Begins a trace of the whole browser; REFUSED where somebody else's is under way. */
PLIM_NODISCARD plim_status plim__chrome_trace_start(plim_target *target, const char *category,
                                                    plim__chrome_trace trace, plim_error *err);

/** Ends it; all of its data has been given to take(). */
PLIM_NODISCARD plim_status plim__chrome_trace_end(plim_target *target, plim_error *err);

/* process.c */

/** Finds out in which process and thread the isolate lives; leaves it unknown where it cannot. */
void plim__chrome_locate(plim_target *target);

/* guard.c */

/** CDP's calls, but that they tell when the isolate was swapped under them. */
extern const plim__protocol plim__chrome_protocol;

/* pages.c: a browser seen from outside. */

/** What to do about one whose inspector is closed. */
extern const char plim__chrome_how_to_open[];

/** A page, a frame of another process, or a worker. */
typedef struct plim__chrome_page {
    char id[PLIM__CHROME_ID_BYTES];
    char title[PLIM__PROBE_TITLE_BYTES];
} plim__chrome_page;

typedef void (*plim__chrome_page_add)(void *ctx, const plim__chrome_page *page);

/** Gives each that the browser lists at a port. As plim__http_get(). */
PLIM_NODISCARD plim_status plim__chrome_list_pages(plim__loop *loop,
                                                   const plim_allocator *allocator,
                                                   const plim__probe *probe, uint64_t timeout_ns,
                                                   plim__chrome_page_add add, void *ctx);

/** Whether a process of a browser's executable is the browser, and not one of its children. */
bool plim__chrome_is_browser(int64_t pid);

/* start.c */

/** What the address of one that we started begins with; behind the colon stands its pipe. */
extern const char plim__chrome_scheme[];

/** How it is started. */
extern const plim__launcher plim__chrome_launcher;

/* page.c */

/** As plim__protocol.load. */
PLIM_NODISCARD plim_status plim__chrome_load(plim_target *target, const char *url,
                                             uint64_t timeout_ns, plim_error *err);

/* gc.c */

/** As plim__runtime.gc_observe_start. */
PLIM_NODISCARD plim_status plim__chrome_gc_start(plim_target *target, plim_error *err);
/** As plim__runtime.gc_observe_stop. */
PLIM_NODISCARD plim_status plim__chrome_gc_stop(plim_target *target,
                                                const plim_gc_event **out_events,
                                                uint32_t *out_count, plim_error *err);

#endif

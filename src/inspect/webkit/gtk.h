/* SPDX-License-Identifier: MIT */
/**
 * @file gtk.h
 * @brief WebKitGTK, whose pages stand behind one connection each, their workers behind the pages.
 *
 * What is common to JavaScriptCore's runtimes is webkit.h's. Safari and iOS speak the same JSON in
 * the same wrapping; behind a proxy that speaks WebSocket they are this runtime.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_WEBKIT_GTK_H
#define PLIM_INSPECT_WEBKIT_GTK_H
#include "inspect/webkit/webkit.h"

extern const plim__runtime plim__webkitgtk_runtime;

/** Safari and iOS behind a proxy: "webkit:HOST:PORT/PATH". */
extern const plim__runtime plim__webkit_proxy_runtime;

/**
 * Asks the proxy at address.host and .port for its list, where address.path is empty: sets that,
 * title and url if there is one page. PLIM_ERR_USAGE: which there are, in the hint; _NOT_FOUND:
 * none; _PROTOCOL: no list; else as plim__http_get().
 */
PLIM_NODISCARD plim_status plim__webkit_proxy_find(plim_target *target, plim_error *err);

/** What to do where its inspector is not open. */
extern const char plim__gtk_how_to_open[];

enum {
    PLIM__GTK_PATH_BYTES = 96,
    PLIM__GTK_TITLE_BYTES = 256,
    PLIM__GTK_ID_BYTES = 64,
    PLIM__GTK_PAGES_MAX = 256, /**< tabs looked at; the list is one page of HTML */
    PLIM__GTK_WORKERS_MAX = 64
};

/** Where the binary protocol has a page: of which of the server's connections, there as what. */
typedef struct plim__gtk_ids {
    uint64_t connection;
    uint64_t target;
} plim__gtk_ids;

/** One entry of the list of targets. */
typedef struct plim__gtk_page {
    plim__gtk_ids ids;               /**< 0 in a list that came as HTML */
    char path[PLIM__GTK_PATH_BYTES]; /**< "/socket/1/1/WebPage" */
    char title[PLIM__GTK_TITLE_BYTES];
    char url[PLIM__GTK_TITLE_BYTES];
} plim__gtk_page;

/**
 * Reads the page of HTML that is the list of targets: at most `cap` of them; *out_count is how
 * many. What is no list gives none. The HTML is another's: nothing of it is believed but the form
 * of a path.
 */
void plim__gtk_list_read(const char *html, size_t len, plim__gtk_page *out_pages, uint32_t cap,
                         uint32_t *out_count);

/** What the connection has told of its page and of that page's workers. */
typedef struct plim__gtk_targets {
    plim_target *target;
    char page_id[PLIM__GTK_ID_BYTES]; /**< "page-8"; empty: none was announced, or it has ended */
    plim__cdp_session *page;
    bool page_is_new;   /**< page_id is another than the session was made for */
    bool has_page;      /**< page_id is not empty: what to wait for */
    bool wants_workers; /**< Worker.enable was sent */
    char worker_ids[PLIM__GTK_WORKERS_MAX][PLIM__GTK_ID_BYTES];
    uint32_t worker_count;
    plim__cdp_session *worker; /**< NULL: none is attached */
    uint32_t worker_number;    /**< which of worker_ids, from 1 */
} plim__gtk_targets;

/** Listens on a new connection for what it announces, and unwraps it. targets->target is set. */
void plim__gtk_targets_start(plim__gtk_targets *targets, plim__cdp_connection *connection);

/** Waits for a page to be announced; sets target->cdp.session. PLIM_ERR_TIMEOUT: none was. */
PLIM_NODISCARD plim_status plim__gtk_targets_await(plim__gtk_targets *targets, uint64_t timeout_ns,
                                                   plim_error *err);

/** Before each call: the session of the page as it is now; after a navigation to another process
 *  all that was known of the heap is forgotten. */
PLIM_NODISCARD plim_status plim__gtk_targets_renew(plim__gtk_targets *targets, plim_error *err);

/** Attaches to the number-th worker of the page; sets target->cdp.session. */
PLIM_NODISCARD plim_status plim__gtk_targets_attach(plim__gtk_targets *targets, uint32_t number,
                                                    plim_error *err);

/** memory.c: the Memory domain's figures, which are the process's. */
PLIM_NODISCARD plim_status plim__gtk_usage(plim_target *target, plim__cdp_session *session,
                                           plim_usage *out_usage, plim_error *err);

#endif

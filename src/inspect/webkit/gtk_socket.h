/* SPDX-License-Identifier: MIT */
/**
 * @file gtk_socket.h
 * @brief A connection to WEBKIT_INSPECTOR_SERVER: its list of pages, and the carrier of one page's
 *        messages.
 *
 * The server serves one client. Another one takes its place without a word to the first, who never
 * hears anything again: so plim__gtk_socket_company() comes before open(). And it dies (WebKitGTK
 * 2.50) of a page it has not listed: begin() takes pages of the list alone.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_WEBKIT_GTK_SOCKET_H
#define PLIM_INSPECT_WEBKIT_GTK_SOCKET_H
#include "inspect/probe.h"
#include "inspect/webkit/gtk_frames.h"

typedef struct plim__gtk_socket plim__gtk_socket;

/**
 * Who is connected to the server at this port of our machine already, the browser's own processes
 * and ourselves apart. 0: nobody, or nobody that can be seen.
 */
int64_t plim__gtk_socket_company(const plim_allocator *allocator, uint16_t port);

/**
 * Connects and introduces itself; done when the server has answered. PLIM_ERR_TIMEOUT: it has not;
 * PLIM_ERR_PROTOCOL: with something else, or it hung up; _UNREACHABLE, _INTERRUPTED, _NO_MEMORY.
 */
PLIM_NODISCARD plim_status plim__gtk_socket_open(plim__loop *loop, const plim_allocator *allocator,
                                                 const char *host, uint16_t port,
                                                 uint64_t timeout_ns, plim__gtk_socket **out_socket,
                                                 plim_error *err);

/**
 * Its pages as they are told now, borrowed until the loop turns: waits until there is one, and
 * until no further list comes, but no longer than `timeout_ns`. None is no failure.
 */
PLIM_NODISCARD plim_status plim__gtk_socket_pages(plim__gtk_socket *socket, uint64_t timeout_ns,
                                                  const plim__gtk_page **out_pages,
                                                  uint32_t *out_count, plim_error *err);

/**
 * Attaches to the page with this path, which must be in the list (PLIM_ERR_NOT_FOUND): the socket
 * is the carrier's from then on, whatever comes of it.
 */
PLIM_NODISCARD plim_status plim__gtk_socket_begin(plim__gtk_socket **socket, const char *path,
                                                  plim__cdp_carrier_events events,
                                                  plim__cdp_carrier *out_carrier, plim_error *err);

/** Hangs up. */
void plim__gtk_socket_close(plim__gtk_socket **socket);

/* ---- gtk_pages.c ---- */

/** Whether a path is that of a browser on WebKitGTK. */
bool plim__gtk_is_browser(const char *path);

/** As plim__runtime.knock: a server that speaks the binary protocol. */
PLIM_NODISCARD plim_status plim__gtk_knock(plim_target *target, bool by_owner, plim_error *err);

/**
 * Finds the page that target->address means; sets path and title. *out_socket is the connection it
 * was found over, to be begun or closed, or untouched where the list came over HTTP.
 */
PLIM_NODISCARD plim_status plim__gtk_pages_find(plim_target *target, uint64_t deadline_ns,
                                                plim__gtk_socket **out_socket, plim_error *err);

/** One page of a list. */
typedef void plim__gtk_page_add(void *ctx, const plim__gtk_page *page);

/**
 * Gives each page of the server at a probe to `add`: over HTTP where the probe says a browser, else
 * in the binary protocol. PLIM_ERR_REFUSED: another client is there, so nobody was asked; as
 * plim__http_get() and plim__gtk_socket_open().
 */
PLIM_NODISCARD plim_status plim__gtk_list_pages(plim__loop *loop, const plim_allocator *allocator,
                                                const plim__probe *probe, uint64_t timeout_ns,
                                                plim__gtk_page_add *add, void *ctx);

#endif

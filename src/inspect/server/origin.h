/* SPDX-License-Identifier: MIT */
/**
 * @file origin.h
 * @brief Who may talk to us: two header values decide, before anything else is looked at.
 *
 * A web page can make a browser connect to any port of its machine. Two things give it away: the
 * name in Host, if its own DNS name was turned to 127.0.0.1 (DNS rebinding), and Origin, which
 * pages cannot leave out of a WebSocket handshake.
 */
#ifndef PLIM_INSPECT_SERVER_ORIGIN_H
#define PLIM_INSPECT_SERVER_ORIGIN_H
#include <stdbool.h>
#include <stdint.h>

/** Whether Host names this machine's loopback: 127.x.y.z, [::1] or localhost, any port or none.
 *  NULL (no such header) is refused. */
bool plim__host_is_allowed(const char *host);

/** Whether Origin may ask: none at all (NULL), or DevTools' own pages; a page that the server of
 *  DevTools on loopback gave (http://127.0.0.1:PORT) counts as such. */
bool plim__origin_is_allowed(const char *origin);

#endif

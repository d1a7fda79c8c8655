/* SPDX-License-Identifier: MIT */
/**
 * @file endpoint.h
 * @brief One page over HTTP, for a collector of metrics. posix/endpoint.c has it of libmicrohttpd.
 *
 * On loopback a request must name a loopback host: a page in a browser that reached us under a name
 * of its own is refused. Connections, their memory and their time are bounded.
 */
#ifndef PLIM_CLI_ENDPOINT_H
#define PLIM_CLI_ENDPOINT_H
#include "cli/draft.h"

typedef struct plim__endpoint plim__endpoint;

enum { PLIM__ENDPOINT_URL_BYTES = 128 };

/** Writes the page; is_open: as OpenMetrics, else as Prometheus's older text. From any thread. */
typedef void plim__endpoint_page(void *ctx, bool is_open, plim__draft *out);

/**
 * Listens at HOST:PORT (an address or localhost; port 0: any). Without remote only loopback.
 * out_url: what to ask for.
 */
plim_status plim__endpoint_start(const char *where, bool remote, plim__endpoint_page *page,
                                 void *ctx, const plim_allocator *allocator,
                                 char out_url[PLIM__ENDPOINT_URL_BYTES],
                                 plim__endpoint **out_endpoint, plim_error *err);

/** Ends it; *endpoint is NULL. */
void plim__endpoint_end(plim__endpoint **endpoint);

#endif

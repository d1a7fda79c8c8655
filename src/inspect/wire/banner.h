/* SPDX-License-Identifier: MIT */
/**
 * @file banner.h
 * @brief What a server says before it is asked.
 *
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_WIRE_BANNER_H
#define PLIM_INSPECT_WIRE_BANNER_H
#include "inspect/wire/http.h"
#include "inspect/wire/loop.h"

/**
 * Connects, sends nothing, and waits until the server has said as much as fits, has hung up, or
 * the time is over. out_banner gets what came, printable; "" where it said nothing.
 * As plim__tcp_connect(); what came of a server that then hung up is PLIM_OK.
 */
PLIM_NODISCARD plim_status plim__banner_get(plim__loop *loop, const plim_allocator *allocator,
                                            const char *host, uint16_t port, uint64_t timeout_ns,
                                            char out_banner[PLIM__HTTP_BANNER_BYTES],
                                            plim_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file tunnel.h
 * @brief An address on another machine, by way of the system's ssh.
 *
 * Thread-safety: the thread that opened it, which must live as long as it does (child.h).
 */
#ifndef PLIM_INSPECT_TUNNEL_H
#define PLIM_INSPECT_TUNNEL_H
#include "inspect/target.h"

/**
 * `text` is "ssh://[USER@]HOST[:PORT]/ADDRESS": starts ssh, and sets *address to what ADDRESS says,
 * with the end of the tunnel, a socket in a folder of ours, as its host. Waits until the other
 * machine has let us in.
 * PLIM_ERR_USAGE: it cannot be read. PLIM_ERR_REFUSED: ssh was not let in; with ssh's own words.
 * PLIM_ERR_NOT_FOUND: there is no ssh. PLIM_ERR_TIMEOUT, _INTERRUPTED, _NO_MEMORY as they say.
 */
PLIM_NODISCARD plim_status plim__tunnel_open(const char *text, plim__loop *loop,
                                             const plim_target_options *options,
                                             plim__address *address, plim__tunnel **out_tunnel,
                                             plim_error *err);

/** What ssh has said since, one line, empty if nothing; valid until the next call. `is_closed`: the
    way did not lead anywhere, so that it is given 2 s to say why. */
const char *plim__tunnel_says(plim__tunnel *tunnel, bool is_closed);

/** Ends ssh and the socket. NULL and a pointer to NULL are accepted. */
void plim__tunnel_close(plim__tunnel **tunnel);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file stream_socket.h
 * @brief Contract: streams of bytes between processes, by Unix sockets and TCP.
 *
 * Descriptors are not inherited by programs that we start. A peer that is gone raises no signal.
 * Addresses: "unix:/path", "HOST:PORT", "[ADDRESS]:PORT". Statuses: PLIM_ERR_USAGE no such address,
 * PLIM_ERR_GONE the other side has ended, PLIM_ERR_TIMEOUT, PLIM_ERR_INTERRUPTED a signal was
 * handled, PLIM_ERR_IO. Outputs are set only on PLIM_OK.
 * Threads: any, one at a time per descriptor and direction.
 */
#ifndef PLIM_PLATFORM_STREAM_SOCKET_H
#define PLIM_PLATFORM_STREAM_SOCKET_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes to be sent one behind the other. */
typedef struct plim__socket_part {
    const void *bytes;
    size_t len;
} plim__socket_part;

enum { PLIM__SOCKET_PARTS_MAX = 4 };

/** Connects. PLIM_ERR_UNREACHABLE: nobody listens there. */
PLIM_NODISCARD plim_status plim__socket_connect(const char *address, uint64_t timeout_ns,
                                                int *out_descriptor, plim_error *err);

/** Listens; not blocking. A path whose listener is gone is taken over; PLIM_ERR_EXISTS: somebody
    listens there, or it is another file. A path is the user's own (0600). TCP is of this machine
    alone unless `is_remote_allowed`: then PLIM_ERR_ACCESS is not given for other addresses. */
PLIM_NODISCARD plim_status plim__socket_listen(const char *address, bool is_remote_allowed,
                                               int *out_descriptor, plim_error *err);

/** The address one listens at, as one connects to it: with the port that was given to port 0. */
PLIM_NODISCARD plim_status plim__socket_address(int descriptor, char *out_text, size_t cap);

/** Takes a connection that waits; not blocking itself. PLIM_ERR_TIMEOUT: none waits. */
PLIM_NODISCARD plim_status plim__socket_accept(int listener, int *out_descriptor);

/** Two ends of one stream. */
PLIM_NODISCARD plim_status plim__socket_pair(int out_descriptors[2], plim_error *err);

/** Whether it is a stream socket that is connected. */
bool plim__socket_is_stream(int descriptor);

/** From now on no call on it waits, but those that have a timeout; or they do again. */
bool plim__socket_set_blocking(int descriptor, bool is_blocking);

/** Whether programs that we start get it. */
bool plim__descriptor_set_inherited(int descriptor, bool is_inherited);

/** Sends what it can without waiting. Post: *out_len >= 0; 0 with PLIM_OK: it is full. */
PLIM_NODISCARD plim_status plim__socket_offer(int descriptor, const plim__socket_part *parts,
                                              uint32_t count, size_t *out_len);

/** Sends all of it, waiting. After any failure part of it may have gone. */
PLIM_NODISCARD plim_status plim__socket_send(int descriptor, const plim__socket_part *parts,
                                             uint32_t count, uint64_t timeout_ns);

/** Takes what is there, waiting for the first byte if is_blocking (the descriptor is so, too);
    *out_len is not 0. PLIM_ERR_TIMEOUT: nothing is there. */
PLIM_NODISCARD plim_status plim__socket_take(int descriptor, void *buffer, size_t cap,
                                             bool is_blocking, size_t *out_len);

/** Waits until it is readable. UINT64_MAX: for ever. */
PLIM_NODISCARD plim_status plim__socket_wait(int descriptor, uint64_t timeout_ns);

/** Closes; a negative one is accepted. */
void plim__socket_close(int descriptor);

/** Takes away the path of a listener that has ended. */
void plim__socket_unlink(const char *address);

/** Nanoseconds of a clock that only goes on. */
uint64_t plim__socket_now(void);

#endif

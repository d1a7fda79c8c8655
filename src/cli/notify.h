/* SPDX-License-Identifier: MIT */
/**
 * @file notify.h
 * @brief What whoever supervises us is told: systemd's sd_notify(3) protocol.
 */
#ifndef PLIM_CLI_NOTIFY_H
#define PLIM_CLI_NOTIFY_H
#include <stdbool.h>
#include <stdint.h>

/** Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, so that children do not speak in
    our name. *out_watchdog_ns: how often we are to say that we live; 0: nobody asks. Whether there
    is somebody who listens. */
bool plim__notify_take(uint64_t *out_watchdog_ns);

/** Sends "READY=1" and the like; nobody who listens is no failure. */
void plim__notify(const char *state);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file pressure.h
 * @brief Contract: how much of its time the machine waits for memory.
 * Threads: any.
 */
#ifndef PLIM_PLATFORM_PRESSURE_H
#define PLIM_PLATFORM_PRESSURE_H
#include <plimsoll/status.h>

#include <stdint.h>

/** Of the last ten seconds, in hundredths of a percent. */
typedef struct plim__pressure {
    uint32_t some; /**< somebody waited */
    uint32_t full; /**< nobody could do anything else */
} plim__pressure;

/** PLIM_ERR_UNSUPPORTED: the system does not tell. */
plim_status plim__pressure_read(plim__pressure *out_pressure);

#endif

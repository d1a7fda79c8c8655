/* SPDX-License-Identifier: MIT */
/**
 * @file process_target.h
 * @brief The family of programs that run with libplimsoll-malloc.so: pid:N, heap:N.
 */
#ifndef PLIM_BRIDGE_PROCESS_TARGET_H
#define PLIM_BRIDGE_PROCESS_TARGET_H
#include "inspect/target.h"

extern const plim_target_family plim__process_family;

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file sim.h
 * @brief A machine whose disk is memory and whose power goes when a test says so.
 *
 * Implements shared.h. A file has what is on the disk, and what its writer sees; the second reaches
 * the first by plim__shared_sync(), all of it, or by itself, any page at any time
 * (plim__sim_write_some()): as a kernel does. When the power goes, any subset of the pages that
 * differ has reached the disk, some of them half (sectors of 512 bytes), and the rest is lost.
 */
#ifndef PLIM_PLATFORM_SIM_H
#define PLIM_PLATFORM_SIM_H
#include <stdint.h>

/** All disks are empty. */
void plim__sim_reset(void);

/** Some of the pages that differ reach the disk now; which, the number says. */
void plim__sim_write_some(uint64_t random);

/** The power goes: some pages more reach the disk, and whoever opens a file next sees the disk;
 *  what was open is to be closed first, and goes nowhere. How many pages were lost, whole or in
 *  part. */
uint32_t plim__sim_power_cut(uint64_t random);

#endif

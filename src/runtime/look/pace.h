/* SPDX-License-Identifier: MIT */
/**
 * @file pace.h
 * @brief How much of its time this process looks at one region: a credit of the region's, not of a
 *        view's, so that who opens a view for each look has no other than who keeps one.
 *
 * A region is named by its identity, which its views read from its head. Regions whose identities
 * meet (1 of 256), and such as have none, share one credit: who looks at both rests sooner.
 * Threads: any, all functions.
 */
#ifndef PLIM_RUNTIME_LOOK_PACE_H
#define PLIM_RUNTIME_LOOK_PACE_H
#include <stdint.h>

/** Rests as long as earlier looks at the region call for, but not above a second. */
void plim__pace_begin(uint64_t identity);

/** A look took so much of a thread's time; share: of all time, in thousandths, 1 to 999. */
void plim__pace_end(uint64_t identity, uint32_t share, uint64_t took_ns);

/** From now on there is nothing to spend. */
void plim__pace_spend(uint64_t identity);

/** How often this process rested. */
uint64_t plim__pace_rests(void);

#endif

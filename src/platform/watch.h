/* SPDX-License-Identifier: MIT */
/**
 * @file watch.h
 * @brief Contract: many descriptors watched for input behind one, which any loop can watch.
 *
 * Adding and removing take effect at once and need no memory of ours, which is what a restart
 * wants and handles of a loop, closed some time later, do not give.
 * Threads: one per watch.
 */
#ifndef PLIM_PLATFORM_WATCH_H
#define PLIM_PLATFORM_WATCH_H
#include <plimsoll/status.h>

#include <stdbool.h>
#include <stdint.h>

/** Post: *out_watch is a descriptor that is readable when one of those added is. */
plim_status plim__watch_open(int *out_watch);
plim_status plim__watch_add(int watch, int fd, uint64_t tag);
/** Pre: it was added and is still open. */
void plim__watch_remove(int watch, int fd);

enum { PLIM__WATCH_TAGS_MAX = 64 };

/** Tags of descriptors that are readable, without waiting; fewer than all, if they are many. */
uint32_t plim__watch_take(int watch, uint64_t out_tags[PLIM__WATCH_TAGS_MAX]);

#endif

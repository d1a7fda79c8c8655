/* SPDX-License-Identifier: MIT */
/**
 * @file tree_play.h
 * @brief Plays a script of text on the tree, with processes that are none.
 *
 *   sup ID STRATEGY INTENSITY AUTO RESTART SIGNIFICANT     (the top: RESTART and SIGNIFICANT are -)
 *   leaf ID RESTART SIGNIFICANT SHUTDOWN                   (SHUTDOWN: ask or kill)
 *   end                                                    of a sup
 *   run                                                    starts the top
 *   fail ID N, ignore ID N                                 the next N starts of it
 *   exits ID:REASON …                                      they end, in this order, at one moment
 *   start SUP ID RESTART SIGNIFICANT SHUTDOWN              under a simple one: start SUP ID
 *   terminate SUP ID, restart SUP ID, delete SUP ID
 *   stop
 *
 * After each of run, exits and those below one line is written: what was started, failed, ignored
 * and asked to end, in order; the reply; then all children and their states. otp_play.erl does the
 * same with OTP's own supervisor.
 */
#ifndef TREE_PLAY_H
#define TREE_PLAY_H
#include <stddef.h>

/** Plays one script; what was written is in `out`, ended by NUL. Returns NULL, or what is wrong
    with the script. */
const char *tree_play(const char *script, char *out, size_t cap);

#endif

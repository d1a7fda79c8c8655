/* SPDX-License-Identifier: MIT */
/**
 * @file clean_text.h
 * @brief Bytes of a program as a graph may hold them: UTF-8, of bounded length.
 */
#ifndef PLIM_BRIDGE_CLEAN_TEXT_H
#define PLIM_BRIDGE_CLEAN_TEXT_H
#include <stddef.h>

/** Copies up to the first NUL, at most size_bytes and at most cap; each byte that is no part of a
 *  character becomes '?', a character that is cut is left out. How many bytes were written. */
size_t plim__clean_text(char *out, size_t cap, const char *bytes, size_t size_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/** @file repl_peers.h @brief What others take for the same: clang-repl, gcc + dlopen. */
#ifndef PLIM_BENCH_REPL_PEERS_H
#define PLIM_BENCH_REPL_PEERS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** clang-repl-19, in C: started, its headers read. */
bool peers_clang_repl_open(const char *headers);
/** Enters one line and waits until it has printed `until`. Microseconds; 0: it failed. */
uint64_t peers_clang_repl_enter(const char *line, const char *until);
void peers_clang_repl_close(void);

/** Compiles a file to a shared object by gcc -O0 -g, loads it, and calls its `int entry(void)` if
    it has one. Microseconds; 0: it failed. */
uint64_t peers_gcc_dlopen(const char *text, int *out_value);

#endif

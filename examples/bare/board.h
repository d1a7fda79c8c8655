/* SPDX-License-Identifier: MIT */
/** @file board.h @brief What the example and the self-test ask of a board. */
#ifndef BOARD_H
#define BOARD_H
#include <stddef.h>
#include <stdint.h>

/** Writes to the console. */
void board_write(const char *text, size_t bytes);

/** Ends the program; on a board that cannot, waits for ever. */
_Noreturn void board_exit(int code);

/** Bytes of stack that were ever used; 0 where nobody counts. */
size_t board_stack_used(void);

/** Holds interrupts back; gives what board_unmask() is to restore. */
uint32_t board_mask(void);

/** Restores them. */
void board_unmask(uint32_t state);

/** The program. */
int main(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The board: ARM MPS2 with the Cortex-M3 of application note 385, as qemu's `-machine mps2-an385`
 * has it. Vectors, start-up, the first serial port, and an end through semihosting, which a
 * debugger or qemu answers.
 */
#include "board.h"

enum {
    UART_STATE_FULL = 1,
    UART_CONTROL_SEND = 1,
    UART_DIVISOR = 16,        /* the least the port takes */
    STACK_PAINT = 0x5ca1ab1e, /* what stack that was never used holds */
    STACK_MARGIN = 16,        /* words below the stack pointer that board_reset() leaves alone */
    SEMIHOSTING_EXIT_EXTENDED = 0x20,
    SEMIHOSTING_APPLICATION_EXIT = 0x20026
};

typedef struct board_uart {
    volatile uint32_t data;
    volatile uint32_t state;
    volatile uint32_t control;
    volatile uint32_t interrupt;
    volatile uint32_t divisor;
} board_uart;

#define BOARD_UART ((board_uart *)0x40004000u)

/* Made by link.ld. */
extern uint32_t board_data_from[], board_data[], board_data_end[], board_bss[], board_bss_end[];
extern uint32_t board_stack[], board_stack_end[];

void board_reset(void);
void board_fault(void);

void board_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        while ((BOARD_UART->state & UART_STATE_FULL) != 0) {
        }
        BOARD_UART->data = (unsigned char)text[i];
    }
}

_Noreturn void board_exit(int code)
{
    uint32_t block[2] = {SEMIHOSTING_APPLICATION_EXIT, (uint32_t)code};
    register uint32_t operation __asm__("r0") = SEMIHOSTING_EXIT_EXTENDED;
    register uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(argument) : "memory");
    for (;;) {
    }
}

uint32_t board_mask(void)
{
    uint32_t state;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(state)::"memory");
    return state;
}

void board_unmask(uint32_t state)
{
    __asm__ volatile("msr primask, %0" ::"r"(state) : "memory");
}

size_t board_stack_used(void)
{
    const uint32_t *word = board_stack;
    while (word < board_stack_end && *word == STACK_PAINT)
        word++;
    return (size_t)((const char *)board_stack_end - (const char *)word);
}

void board_reset(void)
{
    uint32_t *top = (uint32_t *)__builtin_frame_address(0) - STACK_MARGIN;
    for (uint32_t *word = board_stack; word < top; word++)
        *word = STACK_PAINT;
    const uint32_t *from = board_data_from;
    for (uint32_t *to = board_data; to < board_data_end; to++, from++)
        *to = *from;
    for (uint32_t *to = board_bss; to < board_bss_end; to++)
        *to = 0;
    BOARD_UART->divisor = UART_DIVISOR;
    BOARD_UART->control = UART_CONTROL_SEND;
    board_exit(main());
}

void board_fault(void)
{
    static const char TEXT[] = "FAULT: the processor stopped the program\n";
    board_write(TEXT, sizeof TEXT - 1);
    board_exit(3);
}

typedef union board_vector {
    uint32_t *stack;
    void (*handler)(void);
} board_vector;

/* Stack, reset, NMI, hard, memory, bus and usage fault; no interrupts are used. */
__attribute__((section(".vectors"), used)) static const board_vector VECTORS[] = {
    {.stack = board_stack_end}, {.handler = board_reset}, {.handler = board_fault},
    {.handler = board_fault},   {.handler = board_fault}, {.handler = board_fault},
    {.handler = board_fault},
};

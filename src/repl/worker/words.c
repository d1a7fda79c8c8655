/* SPDX-License-Identifier: MIT */
/*
 * A worker's last words. They lie in memory that the owner shares, so they outlive the process;
 * the handler runs on a stack of its own, so that they are written after a stack overflow too. It
 * does nothing else: the owner unwinds from outside, while the process stands still. That is why
 * it is not src/platform/crash.h's: there a program that is not ours unwinds itself, keeps handlers
 * of its own, and dies of its signal; here nobody else may handle one, the process waits to be read
 * and is killed, a fork of the entry's dies as it likes, and much that is no signal ends an entry.
 *
 * L1 `kind` is stored last, once: who reads it reads the rest whole.
 * L2 only calls that signal handlers may make.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "repl/worker/worker.h"

enum { WORDS_STACK_BYTES = 64 * 1024 };

static plim__words *words_mine;
static uint64_t words_stack[2]; /* where the main thread's may lie */

/* DWARF's order of registers, as the kernel numbers them. */
static const int WORDS_ORDER[PLIM__WORDS_REGISTERS] = {
    REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
    REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

plim__words *plim__words_own(void)
{
    return words_mine;
}

static void words_registers(const ucontext_t *context)
{
    for (int i = 0; i < PLIM__WORDS_REGISTERS; i++)
        words_mine->registers[i] = (uint64_t)context->uc_mcontext.gregs[WORDS_ORDER[i]];
    words_mine->stack_low = words_stack[0];
    words_mine->stack_high = words_stack[1];
}

/* The first thread to say something is the one that is heard. */
static bool words_claim(void)
{
    static atomic_flag taken = ATOMIC_FLAG_INIT;
    return !atomic_flag_test_and_set(&taken);
}

static void words_written(plim__words_kind kind)
{
    plim__worker_flush_raw();
    atomic_store_explicit(&words_mine->kind, (uint32_t)kind, memory_order_release);
    plim__worker_tell_ending();
}

static _Noreturn void words_wait(void)
{
    for (;;)
        (void)pause();
}

static void words_signal(int signal, siginfo_t *info, void *context)
{
    if (!plim__worker_is_me() || words_mine == NULL) { /* a child of the entry's dies as it likes */
        struct sigaction plain = {.sa_handler = SIG_DFL};
        (void)sigaction(signal, &plain, NULL);
        (void)raise(signal);
        return;
    }
    if (words_claim()) {
        words_registers(context);
        words_mine->signal = signal;
        words_mine->code = info->si_code;
        words_mine->address = (uint64_t)(uintptr_t)info->si_addr;
        words_mine->text[0] = 0;
        words_written(PLIM__WORDS_SIGNAL);
    }
    words_wait();
}

void plim__words_leave(plim__words_kind kind, int32_t code, const void *address, uint64_t requested,
                       const char *text, bool has_more)
{
    ucontext_t here;
    if (words_mine == NULL || !plim__worker_is_me()) {
        if (has_more)
            return;
        (void)raise(SIGABRT);
        words_wait();
    }
    if (words_claim()) {
        (void)getcontext(&here);
        words_registers(&here);
        words_mine->signal = 0;
        words_mine->code = code;
        words_mine->address = (uint64_t)(uintptr_t)address;
        words_mine->requested = requested;
        (void)snprintf(words_mine->text, sizeof words_mine->text, "%s", text);
        words_written(kind);
        if (has_more) {
            plim__worker_await_go();
            return;
        }
    }
    words_wait();
}

_Noreturn void plim__words_closed(void)
{
    if (words_mine != NULL)
        atomic_store_explicit(&words_mine->kind, PLIM__WORDS_CLOSED, memory_order_release);
    for (;;)
        (void)raise(SIGKILL);
}

void plim__words_catch(plim__words *words)
{
    static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    static char stack[WORDS_STACK_BYTES] __attribute__((aligned(16)));
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = words_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct rlimit limit;
    words_mine = words;
    words_stack[1] = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    words_stack[0] = words_stack[1] - (UINT64_C(8) << 20);
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < words_stack[1])
        words_stack[0] = words_stack[1] - limit.rlim_cur;
    (void)sigfillset(&action.sa_mask);
    (void)sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++)
        (void)sigaction(SIGNALS[i], &action, NULL);
}

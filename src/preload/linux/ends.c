/* SPDX-License-Identifier: MIT */
/*
 * Last words of processes that do not end by exit(): _exit() and quick_exit() by taking their
 * place; deadly signals, where that was asked for, by handlers for those that nobody else handles
 * or ignores. What then kills the process is what would have killed it.
 *
 * A child of vfork() runs in its parent's memory and must leave no trace there: it is known by its
 * number. Whoever is inside the engine when a signal comes says nothing: what it would report on is
 * half changed, and may be what killed it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/linux/out.h"
#include "preload/preload.h"

static _Atomic int ends_process; /* whose memory this is */
static int ends_first;           /* the process that this library was started in */
static _Atomic bool ends_told;

static void ends_in_child(void)
{
    plim__store(&ends_process, (int)getpid());
    plim__store(&ends_told, false);
}

static void ends_tell(const char *when)
{
    bool was_told = false;
    if (!plim__load(&plim__preload_shared.is_ready) || plim__preload_inside ||
        plim__load(&ends_process) != (int)getpid() || !plim__cas(&ends_told, &was_told, true))
        return;
    plim__preload_inside = true;
    plim__fence_signal();
    plim__preload_report(when);
    plim__fence_signal();
    plim__preload_inside = false;
}

void plim__preload_ends_exec(void)
{
    if (ends_first != (int)getpid())
        return;
    ends_tell("exec");
    plim__store(&ends_told, false); /* it may be refused */
}

_Noreturn static void ends_exit_symbol(int status)
{
    ends_tell("_exit");
    for (;;)
        (void)syscall(SYS_exit_group, status);
}
extern __typeof__(ends_exit_symbol) _exit
    __attribute__((alias("ends_exit_symbol"), visibility("default"), used));
extern __typeof__(ends_exit_symbol) _Exit
    __attribute__((alias("ends_exit_symbol"), visibility("default"), used));

#pragma GCC diagnostic ignored "-Wpedantic" /* dlsym() gives a void * for a function */

_Noreturn static void ends_quick_exit_symbol(int status)
{
    void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "quick_exit");
    ends_tell("quick_exit");
    if (next != NULL)
        next(status);
    ends_exit_symbol(status);
}
extern __typeof__(ends_quick_exit_symbol) quick_exit
    __attribute__((alias("ends_quick_exit_symbol"), visibility("default"), used));

/* The handler is off by now (SA_RESETHAND): the signal once more does what it would have done. */
static void ends_on_signal(int number)
{
    ends_tell("death");
    (void)raise(number);
}

void plim__preload_ends_start(bool has_fatal)
{
    static const int deadly[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL, SIGABRT,
                                 SIGSYS,  SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    plim__store(&ends_process, (int)getpid());
    ends_first = (int)getpid();
    plim__preload_execs_start();
    (void)pthread_atfork(NULL, NULL, ends_in_child);
    for (size_t i = 0; has_fatal && i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction now;
        struct sigaction ours = {.sa_handler = ends_on_signal,
                                 .sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK)};
        (void)sigemptyset(&ours.sa_mask);
        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            (void)sigaction(deadly[i], &ours, NULL);
    }
}

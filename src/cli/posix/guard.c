/* SPDX-License-Identifier: MIT */
/*
 * Who supervises cannot see to anything once it is killed by SIGKILL: its children die with it
 * (PR_SET_PDEATHSIG), but what they had started would live on, under init. As child subreaper
 * above the supervisor the guard becomes the parent of all of that, whatever group, session or
 * environment it has given itself, and ends it. It does nothing else: no memory is taken, no file
 * opened but a list of its children.
 * Invariants: G1 nothing is waited for, or killed, but the guard's own children, whose numbers
 * cannot be others' before they are waited for. G2 while the supervisor lives, it is the only one.
 */
#define _GNU_SOURCE
#include "cli/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/process.h"

enum { GUARD_ROUNDS = 5000 /* of a millisecond: who forks as fast as it is killed ends it */ };

/* Passed on; who stops or continues the guard means the guard. */
static const int guard_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void guard_set(sigset_t *out)
{
    (void)sigemptyset(out);
    (void)sigaddset(out, SIGCHLD);
    for (size_t i = 0; i < sizeof guard_signals / sizeof *guard_signals; i++)
        (void)sigaddset(out, guard_signals[i]);
}

/* Kills each child that it has now; those they leave behind are its children then. False: none. */
static bool guard_kill_children(void)
{
    char text[512];
    bool is_any = false;
    pid_t pid = 0;
    ssize_t got = 0;
    (void)snprintf(text, sizeof text, "/proc/self/task/%d/children", (int)getpid());
    int list = open(text, O_RDONLY | O_CLOEXEC);
    while (list >= 0 && (got = read(list, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 1) {
                (void)kill(pid, SIGKILL);
                is_any = true;
            }
            pid = 0;
        }
    }
    if (list >= 0)
        (void)close(list);
    return is_any;
}

static void guard_end_all(void)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < GUARD_ROUNDS && guard_kill_children(); i++) {
        (void)nanosleep(&pause, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}

/* Until the supervisor has ended; gives its wait status. */
static int guard_wait(pid_t supervisor, const sigset_t *signals)
{
    for (;;) {
        int wait_status = 0;
        pid_t ended = waitpid(supervisor, &wait_status, WNOHANG);
        if (ended == supervisor)
            return wait_status;
        if (ended < 0 && errno != EINTR)
            return 0;
        siginfo_t info;
        int number = sigwaitinfo(signals, &info);
        if (number > 0 && number != SIGCHLD)
            (void)kill(supervisor, number);
    }
}

_Noreturn static void guard_be(pid_t supervisor, const sigset_t *signals)
{
    static const char text[] =
        "plim: the supervisor was killed; what it had started is ended with it\n";
    (void)prctl(PR_SET_NAME, "plim-guard"); /* so that killall plim leaves it there */
    int wait_status = guard_wait(supervisor, signals);
    bool was_killed = WIFSIGNALED(wait_status);
    if (was_killed)
        (void)plim__process_write(STDERR_FILENO, text, sizeof text - 1);
    guard_end_all();
    _exit(was_killed ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

void plim__guard_begin(void)
{
    sigset_t signals, before;
    guard_set(&signals);
    pid_t guard = getpid();
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
    pid_t pid = fork();
    if (pid > 0)
        guard_be(pid, &signals);
    if (pid < 0)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 0L);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return;
    plim__stops_settle(); /* a signal to our group comes twice: by itself, and passed on */
    (void)prctl(PR_SET_PDEATHSIG, (long)SIGTERM);
    if (getppid() != guard)
        (void)raise(SIGTERM);
}

/* SPDX-License-Identifier: MIT */
/*
 * Last words of a program that replaces itself: exec() ends it as surely as exit() does, and what
 * it held is gone with it. So the process that this library was started in reports "exec" before it
 * asks for that; what it becomes starts anew, with a budget and a report of its own. Where the
 * system then refuses, the program goes on, and reports again at its end.
 *
 * A child of fork() that becomes another program says nothing: what it has is its parent's, who
 * tells it. A child of vfork() runs in its parent's memory, so nothing is written but the stack.
 * posix_spawn(), system() and popen() do not come here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/linux/out.h"

enum { EXECS_ARGUMENTS_MAX = 1024 }; /* of one call that lists them: written out by hand */

#define EXECS_SYMBOL(name)                                                                         \
    extern __typeof__(execs_##name) name                                                           \
        __attribute__((alias("execs_" #name), visibility("default"), used))

/* Looked up once, at the start: a child of fork() must not ask the loader. */
static int (*execs_next_vpe)(const char *name, char *const *argv, char *const *environment);

static int execs_at(int folder, const char *path, char *const *argv, char *const *environment,
                    int flags)
{
    return (int)syscall(SYS_execveat, folder, path, argv, environment, flags);
}

/* What cannot be run is not reported on: shells try one folder after the other. */
static int execs_execve(const char *path, char *const *argv, char *const *environment)
{
    int before = errno;
    if (path != NULL && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        plim__preload_ends_exec();
    errno = before;
    return (int)syscall(SYS_execve, path, argv, environment);
}
EXECS_SYMBOL(execve);

static int execs_execv(const char *path, char *const *argv)
{
    return execs_execve(path, argv, environ);
}
EXECS_SYMBOL(execv);

static int execs_execveat(int folder, const char *path, char *const *argv, char *const *environment,
                          int flags)
{
    plim__preload_ends_exec();
    return execs_at(folder, path, argv, environment, flags);
}
EXECS_SYMBOL(execveat);

static int execs_fexecve(int fd, char *const *argv, char *const *environment)
{
    return execs_execveat(fd, "", argv, environment, AT_EMPTY_PATH);
}
EXECS_SYMBOL(fexecve);

static int execs_execvpe(const char *name, char *const *argv, char *const *environment)
{
    if (execs_next_vpe == NULL) {
        errno = ENOSYS;
        return -1;
    }
    plim__preload_ends_exec();
    return execs_next_vpe(name, argv, environment);
}
EXECS_SYMBOL(execvpe);

static int execs_execvp(const char *name, char *const *argv)
{
    return execs_execvpe(name, argv, environ);
}
EXECS_SYMBOL(execvp);

/* The listed arguments, ended by NULL, as an array; false: too many. */
static bool execs_list(const char *first, va_list *rest, char *argv[EXECS_ARGUMENTS_MAX])
{
    size_t count = 0;
    for (const char *at = first; at != NULL; at = va_arg(*rest, const char *)) {
        if (count == EXECS_ARGUMENTS_MAX - 1) {
            errno = E2BIG;
            return false;
        }
        argv[count++] = (char *)(uintptr_t)at;
    }
    argv[count] = NULL;
    return true;
}

static int execs_execl(const char *path, const char *first, ...)
{
    char *argv[EXECS_ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, first);
    bool fits = execs_list(first, &rest, argv);
    va_end(rest);
    return fits ? execs_execve(path, argv, environ) : -1;
}
EXECS_SYMBOL(execl);

static int execs_execlp(const char *name, const char *first, ...)
{
    char *argv[EXECS_ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, first);
    bool fits = execs_list(first, &rest, argv);
    va_end(rest);
    return fits ? execs_execvpe(name, argv, environ) : -1;
}
EXECS_SYMBOL(execlp);

static int execs_execle(const char *path, const char *first, ...)
{
    char *argv[EXECS_ARGUMENTS_MAX];
    char *const *environment = NULL;
    va_list rest;
    va_start(rest, first);
    bool fits = execs_list(first, &rest, argv);
    if (fits)
        environment = va_arg(rest, char *const *);
    va_end(rest);
    return fits ? execs_execve(path, argv, environment) : -1;
}
EXECS_SYMBOL(execle);

#pragma GCC diagnostic ignored "-Wpedantic" /* dlsym() gives a void * for a function */

void plim__preload_execs_start(void)
{
    execs_next_vpe =
        (int (*)(const char *, char *const *, char *const *))dlsym(RTLD_NEXT, "execvpe");
}

/* SPDX-License-Identifier: MIT */
/*
 * plim-forkserver.so: makes a fork server of a program that knows nothing of it (LD_PRELOAD).
 *
 * clang takes 60 ms for an entry of ten characters: to be loaded, relocated, to set itself up, and
 * to read the headers. All of that is the same for every entry. So the program runs once up to the
 * point where it would open the entry's text, and there it forks a child for each request, which
 * goes on as if nothing had been. `open` is the only sign that this point is reached; the path that
 * stands for it is given by PLIM_FORK_AT. For a program without such a point (ld), "main".
 *
 * Why a child ends by _exit(): a compiler's destructors take as long as an entry's parse. What it
 * wrote is flushed before; LLVM's own standard output is found by name.
 *
 * Invariants. I1: the server holds one child at most: it waits for the next request (the server
 * itself in waitpid), works, or is dead and about to be followed. I2: each request is answered
 * once: by the child when main() returned (it ends with CHILD_ANSWERED then), else by the server.
 * I3: a child that loops ends by its CPU limit, or by what it prints (OUTPUT_BYTES_MAX on standard
 * error). I4: nothing is read but regular files. The descriptors are those platform/toolserver.h
 * hands over. A program that serves by itself has I4 alone of all this.
 */
#undef _FILE_OFFSET_BITS /* else open() below would be compiled as open64() */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/toolserver.h"

enum { CHILD_ANSWERED = 199, CHILD_NOT_NEEDED = 198, OUTPUT_BYTES_MAX = 256 << 10 };

typedef int main_function(int argc, char **argv, char **envp);

static const char *fork_at;
static bool is_child;
static size_t errors_written;
static main_function *real_main;

static rlim_t limit_of(const char *variable, rlim_t without)
{
    const char *text = getenv(variable);
    return text != NULL ? (rlim_t)strtoull(text, NULL, 10) : without;
}

static void limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit both = {value, value};
    (void)setrlimit(what, &both);
}

/* The child's part: waits for its request. */
static void become_child(pid_t server)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != server)
        _exit(CHILD_NOT_NEEDED);
    char request[PLIM__TOOL_REQUEST_BYTES];
    if (recv(PLIM__TOOL_SOCKET, request, sizeof request, 0) <= 0)
        _exit(CHILD_NOT_NEEDED);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, limit_of("PLIM_FORK_CPU", 10));
    limit(RLIMIT_AS, limit_of("PLIM_FORK_MEMORY", (rlim_t)4 << 30));
    limit(RLIMIT_FSIZE, limit_of("PLIM_FORK_OUTPUT", (rlim_t)256 << 20));
    /* LLVM's handlers would spend a second on its own backtrace. */
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        (void)signal(fatal[i], SIG_DFL);
    is_child = true;
}

/* Returns in each child; never in the server. */
static void fork_for_requests(void)
{
    pid_t self = getpid();
    int32_t ready = PLIM__TOOL_IS_READY;
    (void)send(PLIM__TOOL_SOCKET, &ready, sizeof ready, MSG_NOSIGNAL);
    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            become_child(self);
            return;
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child)
            _exit(EXIT_FAILURE);
        if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NOT_NEEDED)
            _exit(EXIT_SUCCESS); /* nobody is at the other end any more */
        if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_ANSWERED)
            continue;
        int32_t answer = status;
        if (send(PLIM__TOOL_SOCKET, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
            _exit(EXIT_FAILURE);
    }
}

/* The text of the entry instead of a file, or -1: another path. */
static int entry_text(const char *path)
{
    if (fork_at == NULL || path == NULL || strcmp(path, fork_at) != 0)
        return -1;
    if (!is_child)
        fork_for_requests();
    return fcntl(PLIM__TOOL_INPUT, F_DUPFD_CLOEXEC, 32);
}

/* A file that is to be read has an end, and is there at once: a pipe would be waited for, a device
   read for ever (#include, #embed, .incbin). EOPNOTSUPP is told apart by who reads the messages. */
static int open_checked(const char *path, int flags, mode_t mode)
{
    bool is_read = (flags & O_ACCMODE) == O_RDONLY && (flags & O_DIRECTORY) == 0;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, is_read ? flags | O_NONBLOCK : flags, mode);
    struct stat info;
    if (file < 0 || !is_read || fstat(file, &info) != 0 || S_ISREG(info.st_mode) ||
        S_ISDIR(info.st_mode))
        return file;
    (void)close(file);
    errno = EOPNOTSUPP;
    return -1;
}

/* plim-tidy: allow exports: takes the place of the C library's */
int open(const char *path, int flags, ...)
{
    int text = entry_text(path);
    if (text >= 0)
        return text;
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_checked(path, flags, mode);
}

/* plim-tidy: allow exports: takes the place of the C library's */
int open64(const char *path, int flags, ...)
{
    int text = entry_text(path);
    if (text >= 0)
        return text;
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_checked(path, flags | O_LARGEFILE, mode);
}

/* clang can print errors about one open brace for ever. */
/* plim-tidy: allow exports: takes the place of the C library's */
ssize_t write(int descriptor, const void *bytes, size_t count)
{
    if (is_child && descriptor == STDERR_FILENO) {
        errors_written += count;
        if (errors_written > OUTPUT_BYTES_MAX)
            _exit(EXIT_FAILURE);
    }
    return syscall(SYS_write, descriptor, bytes, count);
}

static void flush_llvm(void)
{
    union {
        void *address;
        void *(*outs)(void);
        void (*flush)(void *);
    } find;
    find.address = dlsym(RTLD_DEFAULT, "_ZN4llvm4outsEv");
    if (find.address == NULL)
        return; /* not LLVM's */
    void *stream = find.outs();
    find.address = dlsym(RTLD_DEFAULT, "_ZN4llvm11raw_ostream14flush_nonemptyEv");
    if (find.address == NULL)
        _exit(EXIT_FAILURE); /* another LLVM: seen as an error */
    find.flush(stream);
}

static int served_main(int argc, char **argv, char **envp)
{
    fork_at = getenv("PLIM_FORK_AT");
    if (fork_at != NULL && strcmp(fork_at, "main") == 0)
        fork_for_requests();
    int code = real_main(argc, argv, envp);
    if (!is_child)
        return code; /* it failed before it came to the entry: the reader of the socket sees that */
    (void)fflush(NULL);
    flush_llvm();
    int32_t answer = (code & 0xff) << 8;
    (void)send(PLIM__TOOL_SOCKET, &answer, sizeof answer, MSG_NOSIGNAL);
    _exit(CHILD_ANSWERED);
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* plim-tidy: allow exports: takes the place of the C library's */
int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    union {
        void *address;
        int (*start)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                     void *);
    } real;
    real.address = dlsym(RTLD_NEXT, "__libc_start_main");
    if (real.address == NULL)
        _exit(EXIT_FAILURE);
    real_main = main;
    return real.start(served_main, argc, argv, init, fini, rtld_fini, stack_end);
}

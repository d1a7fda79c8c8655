/* SPDX-License-Identifier: MIT */
/*
 * Stop requests, commands and paths on POSIX systems.
 * The handlers touch only what a signal handler may: sig_atomic_t, plim_interrupt_raise(),
 * clock_gettime(2), kill(2), write(2), _exit(2).
 */
#define _GNU_SOURCE
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/terminal.h"

/* How often waiting calls look whether a stop was asked for. */
enum { PROCESS_TICK_MS = 50 };

#define STOPS_TOGETHER_NS UINT64_C(333000000)

/* A signal handler has no argument of ours: these are the one exception to "no globals". */
static plim_interrupt *stops_interrupt;
static volatile sig_atomic_t stops_seen;
static volatile pid_t stops_group;
static volatile sig_atomic_t stops_settles; /* signals that come together are one */
static uint64_t stops_first_ns;             /* the handler's */

static void stops_on_signal(int signal_number)
{
    if (stops_settles && stops_seen > 0 && plim__clock_ns() - stops_first_ns < STOPS_TOGETHER_NS)
        return;
    stops_seen++;
    if (stops_seen == 1)
        stops_first_ns = plim__clock_ns();
    if (stops_seen > 1) {
        if (stops_group > 0)
            (void)kill(-stops_group, SIGKILL);
        _exit(128 + signal_number);
    }
    plim_interrupt_raise(stops_interrupt);
}

#ifndef PLIM_SANITIZED
static void stops_on_fault(int signal_number)
{
    static const char text[] =
        "plim: internal fault: this is a bug in plim, not in your program or file\n"
        "  try: report the line above, the command, and `plim --version`\n";
    (void)signal_number;
    if (write(PLIM__STDERR, text, sizeof text - 1) < 0)
        _exit(70);
    if (stops_group > 0)
        (void)kill(-stops_group, SIGKILL);
    _exit(70);
}
#endif

void plim__stops_install(plim_interrupt *interrupt)
{
    stops_interrupt = interrupt;
    struct sigaction action = {.sa_handler = stops_on_signal, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN; /* a reader that went away is an error of write(2) */
    (void)sigaction(SIGPIPE, &action, NULL);
#ifndef PLIM_SANITIZED
    static const int faults[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    action.sa_handler = stops_on_fault;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        (void)sigaction(faults[i], &action, NULL);
#endif
}

void plim__stops_rearm(void)
{
    *stops_interrupt = (plim_interrupt){0};
}

int plim__stops_count(void)
{
    return (int)stops_seen;
}

void plim__stops_settle(void)
{
    stops_settles = 1;
}

void plim__stops_guard(int64_t process_group)
{
    stops_group = (pid_t)process_group;
}

static plim_status process_stopped(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
}

static void process_restore_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGPIPE, &action, NULL); /* ignored signals would be inherited */
}

/* In the child: never returns. */
_Noreturn static void process_become_shell(const char *command, const char *const *environment,
                                           bool loud)
{
    process_restore_signals();
    int out = loud ? PLIM__STDERR : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (out >= 0)
        (void)dup2(out, PLIM__STDOUT);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the terminal stays ours */
    if (in >= 0)
        (void)dup2(in, PLIM__STDIN);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        const char *equals = strchr(environment[i], '=');
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)(equals - environment[i]), environment[i]);
        (void)setenv(name, equals + 1, 1);
    }
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static int process_exit_code(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

plim_status plim__process_run(const char *command, const char *const *environment, bool loud,
                              const plim_interrupt *interrupt, int *out_exit, plim_error *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return plim_error_set(err, PLIM_ERR_IO, "cannot start a command: %s", strerror(errno));
    if (pid == 0)
        process_become_shell(command, environment, loud);
    int wait_status = 0;
    for (;;) {
        pid_t ended = waitpid(pid, &wait_status, WNOHANG);
        if (ended == pid)
            break;
        if (ended < 0 && errno != EINTR)
            return plim_error_set(err, PLIM_ERR_IO, "cannot wait for a command: %s",
                                  strerror(errno));
        if (plim_interrupt_count(interrupt) > 0) {
            (void)kill(pid, SIGTERM);
            (void)waitpid(pid, &wait_status, 0);
            return process_stopped(err);
        }
        (void)poll(NULL, 0, 5); /* actions are often short: look more often than a tick */
    }
    *out_exit = process_exit_code(wait_status);
    return PLIM_OK;
}

plim_status plim__process_sleep(uint64_t time_ns, const plim_interrupt *interrupt, plim_error *err)
{
    uint64_t end_ns = plim__clock_ns() + time_ns;
    for (uint64_t now_ns = plim__clock_ns(); now_ns < end_ns; now_ns = plim__clock_ns()) {
        if (plim_interrupt_count(interrupt) > 0)
            return process_stopped(err);
        uint64_t left_ms = (end_ns - now_ns + 999999) / 1000000;
        (void)poll(NULL, 0, left_ms < PROCESS_TICK_MS ? (int)left_ms : PROCESS_TICK_MS);
    }
    return plim_interrupt_count(interrupt) > 0 ? process_stopped(err) : PLIM_OK;
}

plim_status plim__process_wait_line(const plim_interrupt *interrupt, plim_error *err)
{
    for (;;) {
        if (plim_interrupt_count(interrupt) > 0)
            return process_stopped(err);
        struct pollfd wait = {.fd = PLIM__STDIN, .events = POLLIN};
        if (poll(&wait, 1, PROCESS_TICK_MS) <= 0)
            continue;
        char bytes[256];
        ssize_t count = read(PLIM__STDIN, bytes, sizeof bytes);
        if (count == 0)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "standard input ended");
        if (count > 0 && memchr(bytes, '\n', (size_t)count) != NULL)
            return PLIM_OK;
    }
}

bool plim__process_is_alive(int64_t pid)
{
    return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

bool plim__process_pager(const char *command, int *out_fd, int64_t *out_pid)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t pid = fork();
    if (pid < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return false;
    }
    if (pid == 0) {
        process_restore_signals();
        (void)dup2(ends[0], PLIM__STDIN);
        (void)setenv("LESS", "FRX", 0);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[0]);
    *out_fd = ends[1];
    *out_pid = pid;
    return true;
}

void plim__process_wait(int64_t pid)
{
    int wait_status;
    while (waitpid((pid_t)pid, &wait_status, 0) < 0 && errno == EINTR)
        ;
}

int plim__process_write(int fd, const void *data, size_t size_bytes)
{
    const char *at = data;
    while (size_bytes > 0) {
        ssize_t count = write(fd, at, size_bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno;
        at += count;
        size_bytes -= (size_t)count;
    }
    return 0;
}

void plim__process_close(int fd)
{
    (void)close(fd);
}

static bool path_is_directory(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool plim__path_exists(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

static plim_status path_fail(plim_error *err, const char *path)
{
    plim_status status = errno == EACCES || errno == EPERM ? PLIM_ERR_ACCESS
                         : errno == ENOENT                 ? PLIM_ERR_NOT_FOUND
                         : errno == ENOSPC                 ? PLIM_ERR_NO_SPACE
                                                           : PLIM_ERR_IO;
    status = plim_error_set(err, status, "cannot make the folder %s: %s", path, strerror(errno));
    plim_error_where(err, "%s", path);
    return status;
}

plim_status plim__path_make(const char *path, plim_error *err)
{
    if (mkdir(path, 0700) == 0 || (errno == EEXIST && path_is_directory(path)))
        return PLIM_OK;
    return path_fail(err, path);
}

plim_status plim__path_make_temporary(char *out, size_t out_bytes, plim_error *err)
{
    const char *parent = plim__environment("TMPDIR");
    int wanted = snprintf(out, out_bytes, "%s/plim-XXXXXX", parent != NULL ? parent : "/tmp");
    if (wanted < 0 || (size_t)wanted >= out_bytes)
        return plim_error_set(err, PLIM_ERR_USAGE, "TMPDIR is too long");
    return mkdtemp(out) != NULL ? PLIM_OK : path_fail(err, out);
}

void plim__path_remove(const char *path)
{
    (void)unlink(path);
}

void plim__path_remove_directory(const char *path)
{
    (void)rmdir(path);
}

/* True: it is there; a failure to run it is told. */
static bool become(const char *folder, const char *more, const char *const *argv, plim_error *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s%s/%s", folder, more, argv[0]);
    if (len < 0 || (size_t)len >= sizeof path || access(path, F_OK) != 0)
        return false;
    (void)execv(path, (char *const *)(uintptr_t)argv);
    (void)plim_error_set(err, errno == EACCES ? PLIM_ERR_ACCESS : PLIM_ERR_IO, "cannot run %s: %s",
                         path, strerror(errno));
    return true;
}

plim_status plim__process_become(const char *const *argv, plim_error *err)
{
    static const char *const BESIDE[] = {"/../erlang", "/../libexec/plimsoll"};
    char own[PATH_MAX];
    plim_error found = {.status = PLIM_OK};
    const char *given = getenv("PLIM_LIBEXEC");
    bool is_there = given != NULL && become(given, "", argv, &found);
    ssize_t len = given == NULL ? readlink("/proc/self/exe", own, sizeof own - 1) : 0;
    own[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < sizeof BESIDE / sizeof BESIDE[0] && slash != NULL && !is_there; i++)
        is_there = become(own, BESIDE[i], argv, &found);
    if (!is_there && given == NULL)
        is_there = become(PLIM__LIBEXEC, "", argv, &found);
    if (is_there)
        return plim_error_set(err, found.status, "%s", found.what);
    return plim_error_set(err, PLIM_ERR_NOT_FOUND, "%s is not in %s", argv[0],
                          given != NULL ? given : PLIM__LIBEXEC);
}

plim_status plim__random_uuid(char out[PLIM__UUID_BYTES], plim_error *err)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return plim_error_set(err, PLIM_ERR_IO, "the system gives no random numbers: %s",
                              strerror(errno));
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40); /* RFC 4122: version 4, random */
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        (void)snprintf(out + at, 3, "%02x", bytes[i]);
        at += 2;
    }
    return PLIM_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * Programs we start, on Linux. fork(2) and exec(2) rather than libuv's spawn: the parent-death
 * signal has to be asked for between the two, and that it is tied to a thread, not to a process,
 * has to be planned for (see child.h).
 * Between fork and exec only async-signal-safe calls are made: another thread may have held any
 * lock at that moment. Why exec failed comes back through a pipe that a successful exec closes.
 * Invariant C1: the leader is reaped last, so the group's number stays ours until nobody needs it.
 */
#define _GNU_SOURCE
#include "platform/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/linux/procfs.h"
#include "platform/process.h"

enum {
    CHILD_POLL_MS = 10,
    CHILD_DEATH_MS = 1000,
    CHILD_EXIT_NO_EXEC = 127,
    CHILD_GROUP_LOOK_MS = 50,
    CHILD_DESCRIPTOR_LOW = 16, /* above those that have a meaning in a child */
    CHILD_VARIABLES_MAX = 16
};

static plim_status child_program_is(const char *path)
{
    struct stat info = {0};
    if (stat(path, &info) != 0)
        return plim__procfs_status(errno);
    if (!S_ISREG(info.st_mode) || access(path, X_OK) != 0)
        return PLIM_ERR_ACCESS;
    return PLIM_OK;
}

plim_status plim__program_find(const char *name, char *out_path, size_t cap)
{
    PLIM_CHECK(name != NULL && out_path != NULL && cap > 0);
    if (strchr(name, '/') != NULL) {
        if ((size_t)snprintf(out_path, cap, "%s", name) >= cap)
            return PLIM_ERR_LIMIT;
        return child_program_is(name);
    }
    const char *folders = getenv("PATH");
    plim_status worst = PLIM_ERR_NOT_FOUND;
    if (name[0] == '\0' || folders == NULL)
        return worst;
    for (const char *at = folders; at != NULL;) {
        const char *end = strchrnul(at, ':');
        int len = (int)(end - at < PATH_MAX ? end - at : PATH_MAX);
        /* An empty folder in PATH is the one we are in. */
        int wanted = snprintf(out_path, cap, "%.*s%s%s", len, at, len > 0 ? "/" : "./", name);
        if (wanted >= 0 && (size_t)wanted < cap) {
            plim_status status = child_program_is(out_path);
            if (status == PLIM_OK)
                return status;
            if (status == PLIM_ERR_ACCESS)
                worst = status;
        }
        at = *end == ':' ? end + 1 : NULL;
    }
    return worst;
}

plim_status plim__program_resolve(const char *path, char *out_path, size_t cap)
{
    PLIM_CHECK(path != NULL && out_path != NULL && cap > 0);
    char resolved[PATH_MAX];
    if (realpath(path, resolved) == NULL)
        return plim__procfs_status(errno);
    return (size_t)snprintf(out_path, cap, "%s", resolved) < cap ? PLIM_OK : PLIM_ERR_LIMIT;
}

plim_status plim__program_interpreter(const char *path, char *out_text, size_t cap)
{
    PLIM_CHECK(path != NULL && out_text != NULL && cap > 2);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return plim__procfs_status(errno);
    ssize_t got = read(fd, out_text, cap - 1);
    (void)close(fd);
    if (got < 2 || out_text[0] != '#' || out_text[1] != '!')
        return PLIM_ERR_UNSUPPORTED;
    out_text[got] = '\0';
    size_t len = strcspn(out_text, "\r\n");
    size_t from = 2 + strspn(out_text + 2, " \t");
    while (len > from && (out_text[len - 1] == ' ' || out_text[len - 1] == '\t'))
        len--;
    len = len > from ? len - from : 0;
    memmove(out_text, out_text + from, len);
    out_text[len] = '\0';
    return len > 0 ? PLIM_OK : PLIM_ERR_UNSUPPORTED;
}

/* What a child gets, by the numbers they have before they are put in their places. */
typedef struct child_ends {
    int output;  /* becomes its standard error */
    int channel; /* becomes 3 and 4; -1: there is none */
} child_ends;

/* In the child: nothing here may allocate or lock. Returns only if it failed. */
static void child_become(const char *path, char *const *argv, char *const *environment,
                         const child_ends *ends, pid_t parent)
{
    int output = ends->output;
    (void)setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        return; /* the parent was gone before we asked to be told */
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0)
        return;
    if (dup2(nothing, STDIN_FILENO) < 0)
        return;
    if (dup2(fcntl(STDERR_FILENO, F_GETFD) >= 0 ? STDERR_FILENO : nothing, STDOUT_FILENO) < 0)
        return;
    if (dup2(output, STDERR_FILENO) < 0)
        return;
    if (nothing > STDERR_FILENO)
        (void)close(nothing);
    if (ends->channel >= 0 &&
        (dup2(ends->channel, STDERR_FILENO + 1) < 0 || dup2(ends->channel, STDERR_FILENO + 2) < 0))
        return;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL); /* we may ignore it; that would be inherited */
    (void)execve(path, argv, environment);
}

static plim_status child_fail(plim_error *err, const char *path, int code)
{
    plim_status status = plim__procfs_status(code);
    if (code == ENOMEM || code == EAGAIN)
        status = PLIM_ERR_NO_MEMORY;
    status = plim_error_set(err, status, "cannot start %s: %s", path, strerror(code));
    plim_error_where(err, "%s", path);
    return status;
}

/* The errno of a failed exec, or 0 once exec has closed the pipe. */
static int child_await_exec(int report)
{
    int code = 0;
    ssize_t got;
    do
        got = read(report, &code, sizeof code);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof code ? code : 0;
}

static void child_close_pair(int *pair)
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            (void)close(pair[i]);
        pair[i] = -1;
    }
}

/* Moves a descriptor out of the way of those that a child gets by their numbers. */
static bool child_lift(int *descriptor)
{
    int moved = fcntl(*descriptor, F_DUPFD_CLOEXEC, CHILD_DESCRIPTOR_LOW);
    if (moved < 0)
        return false;
    (void)close(*descriptor);
    *descriptor = moved;
    return true;
}

/* The child's ends are [1] of each pair. */
static bool child_open(int *output, int *report, int *channel, bool with_channel)
{
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0)
        return false;
    if (!with_channel)
        return true;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) == 0 &&
           child_lift(&output[1]) && child_lift(&report[1]) && child_lift(&channel[0]) &&
           child_lift(&channel[1]);
}

/* Whether one of `variables` sets what `entry` sets. */
static bool child_is_set(const char *entry, const char *const *variables)
{
    size_t len = strcspn(entry, "=");
    for (size_t i = 0; variables[i] != NULL; i++)
        if (strncmp(variables[i], entry, len) == 0 && variables[i][len] == '=')
            return true;
    return false;
}

/* Our environment with `variables` in it, made before the fork; *out_cap strings to be freed.
   NULL: no memory. The strings stay where they are. */
static const char **child_environment(const char *const *variables, size_t *out_cap)
{
    static const char *const none[] = {NULL};
    size_t own = 0;
    size_t to = 0;
    if (variables == NULL)
        variables = none;
    while (environ != NULL && environ[own] != NULL)
        own++;
    *out_cap = own + CHILD_VARIABLES_MAX + 1;
    const char **all = plim__array_new(plim_allocator_system(), *out_cap, sizeof *all);
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < own; i++)
        if (!child_is_set(environ[i], variables))
            all[to++] = environ[i];
    for (size_t i = 0; variables[i] != NULL; i++) {
        PLIM_CHECK(i < CHILD_VARIABLES_MAX);
        all[to++] = variables[i];
    }
    all[to] = NULL;
    return all;
}

plim_status plim__child_start(const char *path, const char *const *argv,
                              const char *const *variables, bool with_channel,
                              plim__child *out_child, plim_error *err)
{
    PLIM_CHECK(path != NULL && argv != NULL && argv[0] != NULL && out_child != NULL);
    size_t cap = 0;
    const char **environment = child_environment(variables, &cap);
    if (environment == NULL)
        return plim__no_memory(err, "an environment");
    int output[2] = {-1, -1};
    int report[2] = {-1, -1};
    int channel[2] = {-1, -1};
    pid_t parent = getpid();
    pid_t pid = -1;
    if (child_open(output, report, channel, with_channel))
        pid = fork();
    if (pid == 0) {
        /* exec(2) takes its strings writable for history's sake and does not write. */
        union {
            const char *const *from;
            char *const *to;
        } words = {argv}, settings = {environment};
        const child_ends ends = {output[1], channel[1]};
        child_become(path, words.to, settings.to, &ends, parent);
        int code = errno;
        (void)!write(report[1], &code, sizeof code);
        _exit(CHILD_EXIT_NO_EXEC);
    }
    int code = errno;
    plim__array_free(plim_allocator_system(), environment, cap, sizeof *environment);
    if (pid > 0) {
        (void)close(report[1]);
        report[1] = -1;
        code = child_await_exec(report[0]);
    }
    child_close_pair(report);
    if (pid < 0 || code != 0) {
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
        child_close_pair(output);
        child_close_pair(channel);
        return child_fail(err, path, code);
    }
    (void)close(output[1]);
    *out_child = (plim__child){.pid = pid, .output = output[0]};
    if (with_channel) {
        (void)close(channel[1]);
        out_child->channel = channel[0];
    }
    return PLIM_OK;
}

void plim__child_read(plim__child *child, char *buffer, size_t cap, int timeout_ms, size_t *out_len,
                      bool *out_is_end)
{
    PLIM_CHECK(child != NULL && child->pid > 0 && cap > 0);
    *out_len = 0;
    *out_is_end = false;
    struct pollfd ready = {child->output, POLLIN, 0};
    if (poll(&ready, 1, timeout_ms) <= 0)
        return;
    ssize_t got = read(child->output, buffer, cap);
    if (got > 0)
        *out_len = (size_t)got;
    else
        *out_is_end = got == 0 || errno != EINTR;
}

bool plim__child_has_ended(plim__child *child, int *out_exit)
{
    PLIM_CHECK(child != NULL && child->pid > 0 && out_exit != NULL);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    /* WNOWAIT: it stays a zombie, and its number ours. */
    const int how = WEXITED | WNOHANG | WNOWAIT;
    if (child->is_reaped || waitid(P_PID, (id_t)child->pid, &info, how) != 0)
        return true;
    if (info.si_pid == 0)
        return false;
    *out_exit = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return true;
}

/* Whether anyone else of a group still runs. */
struct child_group {
    int64_t leader;
    bool is_alive;
};

static bool child_group_visit(void *ctx, int64_t pid)
{
    struct child_group *group = ctx;
    plim__process_glance glance;
    if (pid != group->leader && plim__process_look(pid, &glance) == PLIM_OK &&
        glance.group == group->leader && glance.state != 'Z' && glance.state != 'X')
        group->is_alive = true;
    return !group->is_alive;
}

static bool child_group_is_alive(plim__child *child)
{
    int code = 0;
    if (!plim__child_has_ended(child, &code))
        return true;
    struct child_group group = {child->pid, false};
    return plim__process_each(child_group_visit, &group) == PLIM_OK && group.is_alive;
}

static void child_sleep(int duration_ms)
{
    struct timespec duration = {duration_ms / 1000, (duration_ms % 1000) * 1000000L};
    (void)nanosleep(&duration, NULL);
}

void plim__child_stop(plim__child *child, int grace_ms)
{
    PLIM_CHECK(child != NULL);
    if (child->pid <= 0 || child->is_reaped)
        return;
    (void)kill(-(pid_t)child->pid, SIGTERM);
    (void)kill(-(pid_t)child->pid, SIGCONT); /* a stopped one would not see it */
    int code = 0;
    int waited = 0;
    while (waited < grace_ms && child_group_is_alive(child)) {
        int step = plim__child_has_ended(child, &code) ? CHILD_GROUP_LOOK_MS : CHILD_POLL_MS;
        child_sleep(step);
        waited += step;
    }
    (void)kill(-(pid_t)child->pid, SIGKILL);
    /* Dying takes a moment; one stuck in the kernel (a dead disk) is not waited for for long. */
    for (waited = 0; waited < CHILD_DEATH_MS && child_group_is_alive(child); waited++)
        child_sleep(1);
    (void)waitpid((pid_t)child->pid, NULL, WNOHANG);
    child->is_reaped = true;
}

void plim__child_fini(plim__child *child)
{
    PLIM_CHECK(child != NULL);
    if (child->pid <= 0)
        return;
    PLIM_CHECK(child->is_reaped);
    (void)close(child->output);
    if (child->channel > 0)
        (void)close(child->channel);
    *child = (plim__child){0};
}

void plim__signals_block(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
}

void plim__error_output_write(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(STDERR_FILENO, data, len);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd ready = {STDERR_FILENO, POLLOUT, 0};
            (void)poll(&ready, 1, -1);
        } else if (put < 0 && errno != EINTR) {
            return;
        } else if (put > 0) {
            data += put;
            len -= (size_t)put;
        }
    }
}

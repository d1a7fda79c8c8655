/* SPDX-License-Identifier: MIT */
/*
 * Processes by the hundred, on Linux.
 *
 * vfork(2), since its cost does not grow with our memory (fork: 16 ms at 1 GiB) and since, unlike
 * posix_spawn(3), it leaves room for what has to happen between it and exec: the parent-death
 * signal, limits. The child borrows our memory until it execs, so it calls nothing but system
 * calls, all signals are blocked around it, and the reason of a failure comes back in a variable.
 *
 * Invariants
 * S1  A group is signalled by its leader's pidfd (Linux 6.9), or else by its number and only while
 *     its leader is not yet waited for: it cannot be another's.
 * S2  What is ours to wait for is waited for by its number, never by "any child": statuses of
 *     children that the program around us has started itself are left to it.
 */
#define _GNU_SOURCE
#include "platform/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "platform/linux/procfs.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP 4u
#endif

enum {
    SPAWN_LOW_DESCRIPTOR = 256, /* what is moved out of the way goes here or above */
    SPAWN_END_ROUNDS = 2000
};

/* Where the child failed. */
typedef struct spawn_failure {
    volatile int error_number;
    volatile int step; /* 1: limits, 2: folder, 3: descriptors, 4: exec */
} spawn_failure;

static bool spawn_limit(int resource, uint64_t most)
{
    if (most == 0)
        return true;
    struct rlimit limit = {0};
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return false;
    rlim_t wanted = most < limit.rlim_max ? (rlim_t)most : limit.rlim_max;
    limit = (struct rlimit){.rlim_cur = wanted, .rlim_max = wanted};
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

/* In the child. All are moved above 256 first, so that no place that is filled hides one that is
   still to be put; then whatever is not in a place is closed. */
static bool spawn_descriptors(const plim__spawn *spawn)
{
    int moved[PLIM__SPAWN_DESCRIPTORS_MAX];
    int top = STDERR_FILENO;
    for (uint32_t i = 0; i < spawn->descriptor_count; i++) {
        moved[i] = fcntl(spawn->descriptors[i].ours, F_DUPFD_CLOEXEC, SPAWN_LOW_DESCRIPTOR);
        if (moved[i] < 0)
            return false;
    }
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0)
        return false;
    for (int place = 0; place <= STDERR_FILENO; place++) {
        if (nothing == place ? fcntl(place, F_SETFD, 0) < 0 : dup2(nothing, place) < 0)
            return false;
    }
    for (uint32_t i = 0; i < spawn->descriptor_count; i++) {
        int theirs = spawn->descriptors[i].theirs;
        if (dup2(moved[i], theirs) < 0)
            return false;
        top = theirs > top ? theirs : top;
    }
    for (int fd = STDERR_FILENO + 1; fd < top; fd++) {
        bool is_named = false;
        for (uint32_t i = 0; i < spawn->descriptor_count; i++)
            is_named |= spawn->descriptors[i].theirs == fd;
        if (!is_named)
            (void)close(fd);
    }
    /* Without close_range(2) (before Linux 5.9) what was opened without O_CLOEXEC goes along. */
    (void)syscall(SYS_close_range, (unsigned)top + 1, ~0u, 0u);
    return true;
}

/* In the child, which shares our memory: system calls only. Returns if it failed. */
static void spawn_become(const plim__spawn *spawn, pid_t parent, spawn_failure *failure)
{
    failure->step = 1;
    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        !spawn_limit(RLIMIT_DATA, spawn->data_bytes_max) ||
        !spawn_limit(RLIMIT_CPU, spawn->cpu_seconds_max) ||
        !spawn_limit(RLIMIT_NPROC, spawn->processes_max))
        return;
    failure->step = 2;
    if (spawn->folder != NULL && chdir(spawn->folder) != 0)
        return;
    failure->step = 3;
    if (!spawn_descriptors(spawn))
        return;
    failure->step = 4;
    for (int number = 1; number < NSIG; number++) {
        /* A handler of ours would run on our memory; a signal ignored here would stay so there. */
        struct sigaction plain;
        memset(&plain, 0, sizeof(plain));
        (void)sigaction(number, &plain, NULL);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    union { /* execve() does not write to them; its type is older than const */
        const char *const *from;
        char *const *to;
    } argv = {.from = spawn->argv}, environment = {.from = spawn->environment};
    (void)execve(spawn->path, argv.to, environment.to);
}

static plim_status spawn_status(int error_number)
{
    if (error_number == EAGAIN || error_number == EMFILE || error_number == ENFILE)
        return PLIM_ERR_LIMIT;
    if (error_number == ENOMEM)
        return PLIM_ERR_NO_MEMORY;
    return plim__procfs_status(error_number);
}

static plim_status spawn_explain(const plim__spawn *spawn, const spawn_failure *failure,
                                 plim_error *err)
{
    static const char *const doing[] = {"start it", "set its limits", "enter its folder",
                                        "give it its descriptors", "run it"};
    int step = failure->step >= 0 && failure->step <= 4 ? failure->step : 0;
    plim_status status = plim_error_set(err, spawn_status(failure->error_number), "cannot %s: %s",
                                        doing[step], strerror(failure->error_number));
    plim_error_where(err, "%s", step == 2 ? spawn->folder : spawn->path);
    return status;
}

__attribute__((noinline)) static pid_t spawn_vfork(const plim__spawn *spawn, spawn_failure *failure)
{
    pid_t parent = getpid();
    pid_t pid = vfork();
    if (pid != 0)
        return pid;
    spawn_become(spawn, parent, failure);
    failure->error_number = errno != 0 ? errno : ESRCH;
    _exit(127);
}

plim_status plim__spawn_process(const plim__spawn *spawn, int64_t *out_pid, int *out_pidfd,
                                plim_error *err)
{
    PLIM_CHECK(spawn != NULL && spawn->path != NULL && out_pid != NULL && out_pidfd != NULL);
    PLIM_CHECK(spawn->descriptor_count <= PLIM__SPAWN_DESCRIPTORS_MAX);
    spawn_failure failure = {0};
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = spawn_vfork(spawn, &failure);
    if (pid < 0)
        failure.error_number = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return spawn_explain(spawn, &failure, err);
    if (failure.error_number != 0) {
        (void)waitpid(pid, NULL, 0);
        return spawn_explain(spawn, &failure, err);
    }
    int fd = -1;
    plim_status status = plim__pidfd_open(pid, &fd);
    if (status != PLIM_OK) {
        (void)kill(-pid, SIGKILL);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return plim_error_set(err, status, "no descriptor for a process");
    }
    *out_pid = pid;
    *out_pidfd = fd;
    return PLIM_OK;
}

plim_status plim__pidfd_open(int64_t pid, int *out_pidfd)
{
    PLIM_CHECK(pid > 0 && out_pidfd != NULL);
    long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0u);
    if (fd < 0)
        return spawn_status(errno);
    *out_pidfd = (int)fd;
    return PLIM_OK;
}

bool plim__pidfd_has_ended(int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    return poll(&ended, 1, 0) == 1;
}

bool plim__process_leads_group(int64_t pid)
{
    return getpgid((pid_t)pid) == (pid_t)pid;
}

/* False: nobody was in it. */
static bool spawn_signal_group(int64_t pid, int pidfd, int number)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, PIDFD_SIGNAL_PROCESS_GROUP) == 0)
        return true;
    return errno == EINVAL && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0u) == 0 &&
           kill(-(pid_t)pid, number) == 0;
}

bool plim__process_reap(int64_t pid, int pidfd, bool has_group, plim__process_end *out_end)
{
    PLIM_CHECK(pid > 0 && pidfd >= 0 && out_end != NULL);
    *out_end = (plim__process_end){.exit_code = -1};
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        bool is_other = errno == ECHILD; /* another's child, or waited for behind our back */
        if (is_other && has_group && plim__pidfd_has_ended(pidfd))
            (void)spawn_signal_group(pid, pidfd, SIGKILL);
        return is_other;
    }
    if (info.si_pid == 0)
        return false;
    if (has_group)
        (void)kill(-(pid_t)pid, SIGKILL);
    memset(&info, 0, sizeof(info));
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return true;
    out_end->is_known = true;
    if (info.si_code == CLD_EXITED)
        out_end->exit_code = info.si_status;
    else
        out_end->signal = info.si_status;
    return true;
}

static void spawn_signal(int64_t pid, int pidfd, bool has_group, int number)
{
    PLIM_CHECK(pid > 0 && pidfd >= 0);
    bool is_told = has_group && spawn_signal_group(pid, pidfd, number);
    /* It may have gone over to another group. Asked twice, it might think that it is pressed. */
    if (!is_told || number == SIGKILL)
        (void)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0u);
}

void plim__process_ask(int64_t pid, int pidfd, bool has_group)
{
    spawn_signal(pid, pidfd, has_group, SIGTERM);
    spawn_signal(pid, pidfd, has_group, SIGCONT);
}

void plim__process_kill(int64_t pid, int pidfd, bool has_group)
{
    spawn_signal(pid, pidfd, has_group, SIGKILL);
}

bool plim__signal_is_ask(int number)
{
    return number == SIGTERM;
}

void plim__reaper_set(bool is_reaper)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, is_reaper ? 1L : 0L);
}

/* Calls visit with each of our children, dead ones too. Orphans come to the first thread. */
static void reaper_each(void (*visit)(void *ctx, pid_t pid), void *ctx)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "/proc/self/task/%d/children", (int)getpid());
    int list = open(text, O_RDONLY | O_CLOEXEC);
    if (list < 0)
        return;
    int64_t pid = 0;
    ssize_t got = 0;
    for (uint32_t i = 0; i < PLIM_SUPERVISED_MAX && (got = read(list, text, sizeof(text))) > 0;
         i++) {
        for (ssize_t k = 0; k < got; k++) {
            if (text[k] >= '0' && text[k] <= '9') {
                pid = pid * 10 + (text[k] - '0');
                continue;
            }
            if (pid > 0)
                visit(ctx, (pid_t)pid);
            pid = 0;
        }
    }
    (void)close(list);
}

typedef struct reaper_work {
    bool (*is_kept)(void *ctx, int64_t pid, bool has_ended);
    void *ctx;
    uint32_t killed;
} reaper_work;

static void reaper_one(void *ctx, pid_t pid)
{
    reaper_work *work = ctx;
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    bool has_ended =
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
    if (work->is_kept(work->ctx, pid, has_ended))
        return;
    if (has_ended)
        (void)waitpid(pid, NULL, WNOHANG);
    else
        (void)kill(pid, SIGKILL);
    work->killed += !has_ended;
}

uint32_t plim__reaper_sweep(bool (*is_kept)(void *ctx, int64_t pid, bool has_ended), void *ctx)
{
    reaper_work work = {.is_kept = is_kept, .ctx = ctx};
    reaper_each(reaper_one, &work);
    return work.killed;
}

void plim__reaper_end(bool (*is_kept)(void *ctx, int64_t pid, bool has_ended), void *ctx)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < SPAWN_END_ROUNDS && plim__reaper_sweep(is_kept, ctx) > 0; i++)
        (void)nanosleep(&pause, NULL);
}

plim_status plim__ends_open(int *out_read, int *out_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return spawn_status(errno);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *out_read = ends[0];
    *out_write = ends[1];
    return PLIM_OK;
}

bool plim__end_read(int fd, char *buffer, size_t cap, size_t *out_len)
{
    PLIM_CHECK(fd >= 0 && buffer != NULL && cap > 0);
    *out_len = 0;
    ssize_t got = read(fd, buffer, cap);
    if (got > 0)
        *out_len = (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

plim_status plim__append_open(const char *path, int *out_fd)
{
    PLIM_CHECK(path != NULL && out_fd != NULL);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return spawn_status(errno);
    *out_fd = fd;
    return PLIM_OK;
}

void plim__end_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

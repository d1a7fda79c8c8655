/* SPDX-License-Identifier: MIT */
/*
 * Other processes' memory by /proc/PID/mem, which holds on to the address space itself; threads by
 * ptrace(2): seized, interrupted, waited for, detached. A thread on its way to a signal gets that
 * signal when it goes on.
 * X1  Every seized thread is in `threads`, and is detached by plim__peer_resume(), which waits for
 *     those that had not stopped in time: what is interrupted later must not stay so.
 */
#define _GNU_SOURCE
#include "platform/peer.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "platform/linux/procfs.h"

enum {
    PEER_PASSES_MAX = 16,  /* over the list of threads, until none is new */
    PEER_PAUSE_NS = 50000, /* between looks at whether a thread has stopped */
    PEER_FIRST_THREADS = 16,
    PEER_PRESENT_AT_ONCE = 512 /* entries of pagemap */
};

static const uint64_t peer_stop_ns = 1000000000u;
static const uint64_t peer_page = 4096;

uint64_t plim__peer_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static plim_status peer_refused(int64_t pid, int error_number, plim_error *err)
{
    plim_status status = plim__procfs_status(error_number);
    status = plim_error_set(err, status, "the memory of process %lld cannot be read: %s",
                            (long long)pid, strerror(error_number));
    if (status == PLIM_ERR_ACCESS)
        plim_error_hint(err, "it takes its user or root; where sysctl kernel.yama.ptrace_scope is "
                             "1 or more, root or a parent of it");
    return status;
}

plim_status plim__peer_open(int64_t pid, const plim_allocator *allocator, plim__peer *out_peer,
                            plim_error *err)
{
    int memory = plim__procfs_open(pid, "mem", O_RDONLY);
    if (memory < 0)
        return peer_refused(pid, errno, err);
    *out_peer = (plim__peer){.pid = pid,
                             .memory = memory,
                             .present = plim__procfs_open(pid, "pagemap", O_RDONLY),
                             .allocator = allocator};
    return PLIM_OK;
}

void plim__peer_close(plim__peer *peer)
{
    plim__peer_resume(peer);
    if (peer->memory >= 0)
        (void)close(peer->memory);
    if (peer->present >= 0)
        (void)close(peer->present);
    if (peer->allocator != NULL)
        plim__array_free(peer->allocator, peer->threads, peer->thread_cap, sizeof *peer->threads);
    *peer = (plim__peer){.memory = -1, .present = -1};
}

size_t plim__peer_read(const plim__peer *peer, uint64_t at, void *out, size_t bytes)
{
    size_t done = 0;
    if (at > INT64_MAX || bytes > (uint64_t)INT64_MAX - at)
        return 0;
    while (done < bytes) {
        ssize_t got = pread(peer->memory, (char *)out + done, bytes - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

void plim__peer_present(const plim__peer *peer, uint64_t at, bool *out_present, uint32_t count)
{
    uint64_t entries[PEER_PRESENT_AT_ONCE];
    for (uint32_t done = 0; done < count;) {
        uint32_t part = count - done < PEER_PRESENT_AT_ONCE ? count - done : PEER_PRESENT_AT_ONCE;
        off_t from = (off_t)((at / peer_page + done) * sizeof(uint64_t));
        ssize_t got =
            peer->present < 0 ? -1 : pread(peer->present, entries, part * sizeof(uint64_t), from);
        uint32_t known = got > 0 ? (uint32_t)((size_t)got / sizeof(uint64_t)) : 0;
        for (uint32_t i = 0; i < part; i++) /* bit 63: in memory; bit 62: swapped out */
            out_present[done + i] = i >= known || entries[i] >> 62 != 0;
        done += part;
    }
}

/* --- mappings -------------------------------------------------------------------------------- */

/* "7f00-7f01 rw-p 00001000 08:01 1234   /path" */
static bool peer_read_mapping(const char *line, plim__peer_mapping *out)
{
    const char *at = line;
    *out = (plim__peer_mapping){.path = ""};
    if (!plim__procfs_number(&at, 16, &out->start) || *at != '-')
        return false;
    at++;
    if (!plim__procfs_number(&at, 16, &out->end) || at[0] != ' ' || strlen(at) < 6)
        return false;
    out->is_readable = at[1] == 'r';
    out->is_writable = at[2] == 'w';
    out->is_shared = at[4] == 's';
    at += 6;
    if (!plim__procfs_number(&at, 16, &out->offset))
        return false;
    for (int field = 0; field < 2 && *at != '\0'; field++) { /* device, inode */
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    out->path = at + strspn(at, " ");
    return out->start < out->end;
}

plim_status plim__peer_mappings(const plim__peer *peer,
                                bool (*visit)(void *ctx, const plim__peer_mapping *mapping),
                                void *ctx)
{
    plim__lines lines;
    plim_status status = plim__lines_open(&lines, peer->pid, "maps");
    if (status != PLIM_OK)
        return status;
    const char *line;
    uint32_t count = 0;
    bool goes_on = true;
    while (goes_on && count++ < PLIM_MAPPINGS_MAX && (line = plim__lines_next(&lines)) != NULL) {
        plim__peer_mapping mapping;
        if (peer_read_mapping(line, &mapping))
            goes_on = visit(ctx, &mapping);
    }
    plim__lines_close(&lines);
    return PLIM_OK;
}

/* --- threads --------------------------------------------------------------------------------- */

static void peer_nap(void)
{
    struct timespec pause = {0, PEER_PAUSE_NS};
    (void)nanosleep(&pause, NULL);
}

/* Whether it has stopped by now; one that has ended counts, and is nobody's any more. */
static bool peer_look(plim__peer_thread *thread)
{
    int status = 0;
    pid_t got = waitpid((pid_t)thread->id, &status, __WALL | WNOHANG);
    if (got == 0)
        return false;
    if (got < 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
        thread->id = 0;
        return true;
    }
    thread->is_stopped = true;
    if (status >> 16 == 0) /* on its way to a signal, not the stop we asked for */
        thread->signal = WSTOPSIG(status);
    return true;
}

static void peer_read_registers(plim__peer_thread *thread)
{
    struct user_regs_struct registers;
    struct iovec part = {&registers, sizeof registers};
    if (thread->id == 0 || !thread->is_stopped ||
        ptrace(PTRACE_GETREGSET, (pid_t)thread->id, (void *)(uintptr_t)NT_PRSTATUS, &part) != 0)
        return;
    size_t count = part.iov_len / sizeof(uint64_t);
    thread->register_count =
        (uint32_t)(count < PLIM__PEER_REGISTERS ? count : PLIM__PEER_REGISTERS);
    memcpy(thread->registers, &registers, thread->register_count * sizeof(uint64_t));
#if defined(__x86_64__)
    thread->stack = registers.rsp;
#elif defined(__aarch64__)
    thread->stack = registers.sp;
#endif
}

static bool peer_has(const plim__peer *peer, int64_t id)
{
    for (uint32_t i = 0; i < peer->thread_count; i++)
        if (peer->threads[i].id == id)
            return true;
    return false;
}

static plim_status peer_seize(plim__peer *peer, int64_t id, plim_error *err)
{
    if (peer->thread_count == PLIM_THREADS_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "more than %u threads", PLIM_THREADS_MAX);
    if (peer->thread_count == peer->thread_cap) {
        uint32_t cap = peer->thread_cap == 0 ? PEER_FIRST_THREADS : 2 * peer->thread_cap;
        plim__peer_thread *threads = plim__array_resize(
            peer->allocator, peer->threads, peer->thread_cap, cap, sizeof *peer->threads);
        if (threads == NULL)
            return plim__no_memory(err, "the list of its threads");
        peer->threads = threads;
        peer->thread_cap = cap;
    }
    if (ptrace(PTRACE_SEIZE, (pid_t)id, NULL, NULL) != 0) {
        if (errno == ESRCH)
            return PLIM_OK; /* it has just ended */
        return plim_error_set(err, errno == EPERM ? PLIM_ERR_BUSY : plim__procfs_status(errno),
                              "thread %lld of process %lld cannot be stopped; a debugger has it, "
                              "or the system forbids it",
                              (long long)id, (long long)peer->pid);
    }
    peer->threads[peer->thread_count++] = (plim__peer_thread){.id = id};
    (void)ptrace(PTRACE_INTERRUPT, (pid_t)id, NULL, NULL);
    return PLIM_OK;
}

/* Threads that are not ours yet; how many. */
static plim_status peer_pass(plim__peer *peer, uint32_t *out_new, plim_error *err)
{
    int fd = plim__procfs_open(peer->pid, "task", O_RDONLY | O_DIRECTORY);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        int error_number = errno;
        if (fd >= 0)
            (void)close(fd);
        return peer_refused(peer->pid, error_number, err);
    }
    plim_status status = PLIM_OK;
    const struct dirent *entry;
    *out_new = 0;
    while (status == PLIM_OK && (entry = readdir(directory)) != NULL) {
        const char *digits = entry->d_name;
        uint64_t id = 0;
        if (!plim__procfs_number(&digits, 10, &id) || peer_has(peer, (int64_t)id))
            continue;
        status = peer_seize(peer, (int64_t)id, err);
        ++*out_new;
    }
    (void)closedir(directory);
    return status;
}

static void peer_await(plim__peer *peer, uint64_t deadline_ns)
{
    for (uint32_t i = 0; i < peer->thread_count; i++) {
        plim__peer_thread *thread = &peer->threads[i];
        while (thread->id != 0 && !thread->is_stopped && !peer_look(thread) &&
               plim__peer_now_ns() < deadline_ns)
            peer_nap();
    }
}

plim_status plim__peer_stop(plim__peer *peer, plim_error *err)
{
    plim_status status = PLIM_OK;
    uint32_t new_count = 1;
    uint64_t deadline_ns = plim__peer_now_ns() + peer_stop_ns;
    for (int pass = 0; pass < PEER_PASSES_MAX && new_count > 0 && status == PLIM_OK; pass++) {
        status = peer_pass(peer, &new_count, err);
        peer_await(peer, deadline_ns);
    }
    if (status != PLIM_OK) {
        plim__peer_resume(peer);
        return status;
    }
    for (uint32_t i = 0; i < peer->thread_count; i++)
        peer_read_registers(&peer->threads[i]);
    return PLIM_OK;
}

void plim__peer_resume(plim__peer *peer)
{
    peer_await(peer, plim__peer_now_ns() + peer_stop_ns);
    for (uint32_t i = 0; i < peer->thread_count; i++) {
        const plim__peer_thread *thread = &peer->threads[i];
        if (thread->id != 0 && thread->is_stopped)
            (void)ptrace(PTRACE_DETACH, (pid_t)thread->id, NULL,
                         (void *)(uintptr_t)(unsigned)thread->signal);
    }
    peer->thread_count = 0;
}

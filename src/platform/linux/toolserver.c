/* SPDX-License-Identifier: MIT */
/*
 * Servers made of compilers, on Linux: the side that asks. Files are memfds that both sides have
 * open, with one file offset for both, so a request carries nothing but the fact that it is one.
 * A server is killed with the thread that started it, and sees the end of its socket; a child of
 * its own dies with it.
 * Invariants. T1: pid is 0, or a process of ours that is not reaped yet, so its number is its own.
 * T2: after any failure but LIMIT the server is stopped: no answer of an old request can be taken
 * for that of a new one.
 */
#define _GNU_SOURCE
#include "platform/toolserver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "platform/linux/procfs.h"
#include "platform/spawn.h"

enum { TOOL_DESCRIPTOR_LOW = 64, TOOL_VARIABLES = 7, TOOL_ENVIRONMENT_MAX = 4096 };

extern char **environ;

static const char *const tool_file_names[PLIM__TOOL_FILES] = {
    "plim-tool-stdout", "plim-tool-stderr", "plim-tool-input", "plim-tool-input-2",
    "plim-tool-output"};

static const int tool_places[PLIM__TOOL_FILES] = {STDOUT_FILENO, STDERR_FILENO, PLIM__TOOL_INPUT,
                                                  PLIM__TOOL_INPUT_2, PLIM__TOOL_OUTPUT};

static plim_status tool_fail(plim_error *err, const char *what, int code)
{
    plim_status status = plim__procfs_status(code);
    return plim_error_set(err, status == PLIM_OK ? PLIM_ERR_IO : status, "%s: %s", what,
                          strerror(code));
}

/* A descriptor out of the way of the places that it will be put in. */
static int tool_raise(int descriptor)
{
    if (descriptor < 0 || descriptor >= TOOL_DESCRIPTOR_LOW)
        return descriptor;
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, TOOL_DESCRIPTOR_LOW);
    (void)close(descriptor);
    return high;
}

static bool tool_open_files(plim__tool *tool)
{
    for (int i = 0; i < PLIM__TOOL_FILES; i++) {
        tool->files[i] = tool_raise(memfd_create(tool_file_names[i], MFD_CLOEXEC));
        if (tool->files[i] < 0)
            return false;
    }
    return true;
}

typedef struct tool_variables {
    char lines[TOOL_VARIABLES][PATH_MAX + 32];
    char *all[TOOL_ENVIRONMENT_MAX + TOOL_VARIABLES + 1];
} tool_variables;

static bool tool_variable_is_ours(const char *line)
{
    return strncmp(line, "LD_PRELOAD=", 11) == 0 || strncmp(line, "LD_BIND_NOW=", 12) == 0 ||
           strncmp(line, "PLIM_FORK_", 10) == 0;
}

/* Our environment with what the preloaded library reads. */
static void tool_set_variables(const plim__tool_options *options, tool_variables *out)
{
    int count = 0, all = 0;
    if (options->preload != NULL) {
        (void)snprintf(out->lines[count++], sizeof *out->lines, "LD_PRELOAD=%s", options->preload);
        if (options->fork_at != NULL)
            (void)snprintf(out->lines[count++], sizeof *out->lines, "PLIM_FORK_AT=%s",
                           options->fork_at);
    }
    /* Else each child resolves each function anew. */
    (void)snprintf(out->lines[count++], sizeof *out->lines, "LD_BIND_NOW=1");
    (void)snprintf(out->lines[count++], sizeof *out->lines, "PLIM_FORK_CPU=%u",
                   options->cpu_seconds_max);
    (void)snprintf(out->lines[count++], sizeof *out->lines, "PLIM_FORK_MEMORY=%llu",
                   (unsigned long long)options->memory_bytes_max);
    (void)snprintf(out->lines[count++], sizeof *out->lines, "PLIM_FORK_OUTPUT=%llu",
                   (unsigned long long)options->output_bytes_max);
    PLIM_CHECK(count <= TOOL_VARIABLES);
    for (int i = 0; i < count; i++)
        out->all[all++] = out->lines[i];
    for (char **line = environ; *line != NULL && all < TOOL_ENVIRONMENT_MAX + TOOL_VARIABLES;
         line++)
        if (!tool_variable_is_ours(*line))
            out->all[all++] = *line;
    out->all[all] = NULL;
}

static plim_status tool_spawn(const plim__tool_options *options, const plim__tool *tool,
                              int their_socket, char **variables, int64_t *out_pid, plim_error *err)
{
    union {
        char **in;
        const char *const *out;
    } environment = {variables};
    plim__spawn spawn = {
        .path = options->path,
        .argv = options->argv,
        .environment = environment.out,
        .descriptors = {{their_socket, PLIM__TOOL_SOCKET}},
        .descriptor_count = 1,
    };
    int pidfd = -1;
    for (int i = 0; i < PLIM__TOOL_FILES; i++)
        spawn.descriptors[spawn.descriptor_count++] =
            (plim__spawn_descriptor){tool->files[i], tool_places[i]};
    plim_status status = plim__spawn_process(&spawn, out_pid, &pidfd, err);
    if (status == PLIM_OK)
        (void)close(pidfd);
    return status;
}

plim_status plim__tool_start(const plim__tool_options *options, plim__tool *out_tool,
                             plim_error *err)
{
    PLIM_CHECK(options != NULL && options->path != NULL && options->argv != NULL);
    plim__tool tool = {.socket = -1, .files = {-1, -1, -1, -1, -1}};
    int ends[2] = {-1, -1};
    tool_variables *variables = NULL;
    int code = 0;
    plim_status status = PLIM_OK;
    if (access(options->path, X_OK) != 0 ||
        (options->preload != NULL && access(options->preload, R_OK) != 0))
        return tool_fail(err, access(options->path, X_OK) != 0 ? options->path : options->preload,
                         errno);
    if (!tool_open_files(&tool) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        code = errno;
        goto out;
    }
    ends[1] = tool_raise(ends[1]);
    /* Once in a while, and a page too large for a stack. */
    variables =
        mmap(NULL, sizeof *variables, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (variables == MAP_FAILED) {
        variables = NULL;
        code = ENOMEM;
        goto out;
    }
    tool_set_variables(options, variables);
    status = tool_spawn(options, &tool, ends[1], variables->all, &tool.pid, err);
out:
    if (variables != NULL)
        (void)munmap(variables, sizeof *variables);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    tool.socket = ends[0];
    if (code != 0 || status != PLIM_OK) {
        tool.pid = 0;
        plim__tool_stop(&tool);
        return code != 0 ? tool_fail(err, options->path, code) : status;
    }
    *out_tool = tool;
    return PLIM_OK;
}

plim_status plim__tool_put(plim__tool *tool, plim__tool_file file, const void *bytes, size_t count,
                           plim_error *err)
{
    PLIM_CHECK(tool->pid != 0 && file < PLIM__TOOL_FILES && (bytes != NULL || count == 0));
    int descriptor = tool->files[file];
    bool is_done = ftruncate(descriptor, 0) == 0;
    const char *from = bytes;
    for (size_t at = 0; is_done && at < count;) {
        ssize_t put = pwrite(descriptor, from + at, count - at, (off_t)at);
        is_done = put > 0 || (put < 0 && errno == EINTR);
        at += put > 0 ? (size_t)put : 0;
    }
    is_done = is_done && lseek(descriptor, 0, SEEK_SET) == 0;
    return is_done ? PLIM_OK : tool_fail(err, "a file in memory cannot be written", errno);
}

plim_status plim__tool_ask(plim__tool *tool, plim_error *err)
{
    static const plim__tool_file outputs[] = {PLIM__TOOL_FILE_STDOUT, PLIM__TOOL_FILE_STDERR,
                                              PLIM__TOOL_FILE_OUTPUT};
    PLIM_CHECK(tool->pid != 0);
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        plim_status status = plim__tool_put(tool, outputs[i], NULL, 0, err);
        if (status != PLIM_OK)
            return status;
    }
    char request[PLIM__TOOL_REQUEST_BYTES] = "work";
    if (send(tool->socket, request, sizeof request, MSG_NOSIGNAL) == sizeof request) {
        tool->is_asked = true;
        return PLIM_OK;
    }
    plim__tool_stop(tool);
    return plim_error_set(err, PLIM_ERR_GONE, "the tool's process is gone");
}

static uint64_t tool_now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* One message of the server's within the time; false: it has not come. */
static bool tool_message(const plim__tool *tool, uint64_t end_ms, ssize_t *out_got, int32_t *out)
{
    for (;;) {
        struct pollfd wait = {.fd = tool->socket, .events = POLLIN};
        uint64_t now = tool_now_ms();
        int ready = poll(&wait, 1, now < end_ms ? (int)(end_ms - now) : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        *out_got = recv(tool->socket, out, sizeof *out, 0);
        return true;
    }
}

plim_status plim__tool_wait(plim__tool *tool, uint32_t timeout_ms, int *out_exit, plim_error *err)
{
    PLIM_CHECK(tool->pid != 0 && out_exit != NULL);
    uint64_t end_ms = tool_now_ms() + timeout_ms;
    int32_t answer = PLIM__TOOL_IS_READY;
    ssize_t got = sizeof answer;
    while (got == sizeof answer && answer == PLIM__TOOL_IS_READY) {
        if (!tool_message(tool, end_ms, &got, &answer)) {
            plim__tool_stop(tool);
            return plim_error_set(err, PLIM_ERR_TIMEOUT, "the tool gave no answer within %u ms",
                                  timeout_ms);
        }
        tool->is_ready = true;
    }
    if (got != sizeof answer) {
        plim__tool_stop(tool);
        return plim_error_set(err, PLIM_ERR_GONE, "the tool's process is gone");
    }
    tool->is_asked = false;
    *out_exit = WIFSIGNALED(answer) ? 128 + WTERMSIG(answer) : WEXITSTATUS(answer);
    return PLIM_OK;
}

plim__tool_death plim__tool_death_of(int exit_code)
{
    /* Both CPU limits are the same: which signal comes first is the kernel's. */
    return exit_code == 128 + SIGXFSZ                                 ? PLIM__TOOL_DIED_OF_SIZE
           : exit_code == 128 + SIGXCPU || exit_code == 128 + SIGKILL ? PLIM__TOOL_DIED_OF_TIME
                                                                      : PLIM__TOOL_DIED;
}

bool plim__tool_is_ready(plim__tool *tool)
{
    int32_t message = 0;
    ssize_t got = 0;
    if (tool->pid == 0 || tool->is_ready)
        return tool->is_ready;
    tool->is_ready = tool_message(tool, 0, &got, &message) && got == sizeof message &&
                     message == PLIM__TOOL_IS_READY;
    return tool->is_ready;
}

plim_status plim__tool_take(plim__tool *tool, plim__tool_file file, const plim_allocator *allocator,
                            size_t bytes_max, char **out_content, size_t *out_bytes,
                            plim_error *err)
{
    PLIM_CHECK(file < PLIM__TOOL_FILES && out_content != NULL && out_bytes != NULL);
    struct stat info = {0};
    if (fstat(tool->files[file], &info) != 0)
        return tool_fail(err, "a file in memory cannot be read", errno);
    size_t bytes = (size_t)info.st_size;
    if (bytes > bytes_max)
        return plim_error_set(err, PLIM_ERR_LIMIT,
                              "the tool's output has %zu bytes, %zu are allowed", bytes, bytes_max);
    char *content = plim__array_new(allocator, bytes + 1, 1);
    if (content == NULL)
        return plim__no_memory(err, "a tool's output");
    size_t got = 0;
    while (got < bytes) {
        ssize_t more = pread(tool->files[file], content + got, bytes - got, (off_t)got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    memset(content + got, 0, bytes + 1 - got);
    *out_content = content;
    *out_bytes = bytes;
    return PLIM_OK;
}

bool plim__tool_is_alive(plim__tool *tool)
{
    siginfo_t info = {0};
    return tool->pid != 0 &&
           waitid(P_PID, (id_t)tool->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void plim__tool_stop(plim__tool *tool)
{
    if (tool->pid != 0) {
        (void)kill(-(pid_t)tool->pid, SIGKILL);
        while (waitpid((pid_t)tool->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (tool->pid != 0 || tool->socket > 0) {
        if (tool->socket >= 0)
            (void)close(tool->socket);
        for (int i = 0; i < PLIM__TOOL_FILES; i++)
            if (tool->files[i] >= 0)
                (void)close(tool->files[i]);
    }
    *tool = (plim__tool){0};
}

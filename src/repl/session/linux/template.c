/* SPDX-License-Identifier: MIT */
/*
 * The owner's side of the template: started, asked, and started anew if it dies. Names of libraries
 * are written into every unit as numbers, so a new template must have each library where the old
 * one had it; if not, the session's code cannot be run any more, and that is said.
 *
 * Z1 a request has one answer; what comes in between are deaths, which are kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/spawn.h"
#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"

extern char **environ;

enum {
    TEMPLATE_ANSWER_MS = 10000, /* constructors of a library may take their time */
    TEMPLATE_HIGH = 100         /* descriptors are moved above those that a child gets */
};

bool plim__wire_send(int socket, plim__wire *message)
{
    message->magic = PLIM__WIRE_MAGIC;
    return send(socket, message, sizeof *message, MSG_NOSIGNAL) == (ssize_t)sizeof *message;
}

static bool template_send(int socket, plim__wire *message, int with)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {message, sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    message->magic = PLIM__WIRE_MAGIC;
    if (with >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *first = CMSG_FIRSTHDR(&header);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(sizeof with);
        memcpy(CMSG_DATA(first), &with, sizeof with);
    }
    return sendmsg(socket, &header, MSG_NOSIGNAL) == (ssize_t)sizeof *message;
}

static void template_died(plim__machine *machine, const plim__wire *message)
{
    memmove(machine->dead_pid + 1, machine->dead_pid,
            sizeof machine->dead_pid - sizeof machine->dead_pid[0]);
    memmove(machine->dead_status + 1, machine->dead_status,
            sizeof machine->dead_status - sizeof machine->dead_status[0]);
    machine->dead_pid[0] = (int64_t)message->value;
    machine->dead_status[0] = (int)message->detail;
}

/* The next message; false: none within that time, or never again. */
static bool template_next(plim__machine *machine, plim__wire *message, int wait_ms)
{
    struct pollfd wait = {machine->template_socket, POLLIN, 0};
    if (machine->template_socket < 0 || poll(&wait, 1, wait_ms) <= 0)
        return false;
    ssize_t got = recv(machine->template_socket, message, sizeof *message, MSG_DONTWAIT);
    if (got != (ssize_t)sizeof *message || message->magic != PLIM__WIRE_MAGIC)
        return false;
    message->text[sizeof message->text - 1] = 0;
    return true;
}

plim_status plim__template_ask(plim__machine *machine, plim__wire *message, int with,
                               plim_error *err)
{
    uint32_t kind = message->kind;
    if (machine->template_socket < 0 || !template_send(machine->template_socket, message, with))
        return plim_error_set(err, PLIM_ERR_GONE, "the session's template process has ended");
    while (template_next(machine, message, TEMPLATE_ANSWER_MS)) {
        if (message->kind == kind)
            return PLIM_OK;
        if (message->kind == PLIM__WIRE_DIED)
            template_died(machine, message);
    }
    return plim_error_set(err, PLIM_ERR_GONE,
                          "the session's template process does not answer any more");
}

int plim__template_status(plim__machine *machine, int64_t pid, int wait_ms)
{
    plim__wire message;
    uint64_t until = plim__machine_now() + (uint64_t)wait_ms * 1000;
    for (;;) {
        for (size_t i = 0; i < PLIM__WORDS_SLOTS; i++)
            if (machine->dead_pid[i] == pid)
                return machine->dead_status[i];
        uint64_t now = plim__machine_now();
        if (now >= until || !template_next(machine, &message, (int)((until - now) / 1000) + 1))
            return -1;
        if (message.kind == PLIM__WIRE_DIED)
            template_died(machine, &message);
    }
}

static int template_high(int descriptor)
{
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, TEMPLATE_HIGH);
    (void)close(descriptor);
    return high;
}

static plim_status template_spawn(plim__machine *machine, const int *given, plim_error *err)
{
    char path[PLIM__MACHINE_PATH + 32], owner[32];
    int pidfd = -1;
    (void)snprintf(path, sizeof path, "%s/plim-repl-worker", machine->libexec);
    (void)snprintf(owner, sizeof owner, "%ld", (long)getpid());
    const char *const arguments[] = {path, owner, NULL};
    union { /* environ is older than const */
        char **from;
        const char *const *to;
    } environment = {environ};
    plim__spawn spawn = {.path = path, .argv = arguments, .environment = environment.to};
    for (int i = 0; i <= PLIM__WIRE_WORDS; i++)
        if (given[i] >= 0)
            spawn.descriptors[spawn.descriptor_count++] = (plim__spawn_descriptor){given[i], i};
    plim_status status = plim__spawn_process(&spawn, &machine->template_pid, &pidfd, err);
    if (status == PLIM_OK)
        plim__end_close(&pidfd);
    else
        plim_error_hint(err, "PLIM_LIBEXEC names the folder of plim-repl-worker");
    return status;
}

static plim_status template_relink(plim__machine *machine, plim_error *err)
{
    plim__wire message;
    for (uint32_t i = 0; i < machine->library_count; i++) {
        plim__linked *library = &machine->libraries[i];
        message = (plim__wire){.kind = PLIM__WIRE_LINK};
        (void)snprintf(message.text, sizeof message.text, "%s", library->path);
        plim_status status = plim__template_ask(machine, &message, -1, err);
        if (status != PLIM_OK)
            return status;
        if (message.value != library->base)
            return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                  "%s lies elsewhere in the new template process: code of the "
                                  "session that calls it would go astray",
                                  library->path);
    }
    return PLIM_OK;
}

/* Descriptors 0 to 5 of the template. */
static plim_status template_streams(plim__machine *machine, int far, int *given, plim_error *err)
{
    given[0] = machine->options.input >= 0 ? machine->options.input : -1;
    given[1] = machine->options.output != NULL ? machine->output_far[0] : STDOUT_FILENO;
    given[2] = machine->options.output != NULL ? machine->output_far[1] : STDERR_FILENO;
    given[PLIM__WIRE_CONTROL] = far;
    given[PLIM__WIRE_MEMORY] = machine->reader;
    given[PLIM__WIRE_WORDS] = machine->words_file;
    for (int i = 0; i <= PLIM__WIRE_WORDS; i++) {
        if (given[i] < 0)
            continue;
        given[i] = fcntl(given[i], F_DUPFD_CLOEXEC, TEMPLATE_HIGH);
        if (given[i] < 0 && i >= PLIM__WIRE_CONTROL)
            return plim_error_set(err, PLIM_ERR_IO, "descriptors: %s", strerror(errno));
    }
    return PLIM_OK;
}

plim_status plim__template_start(plim__machine *machine, plim_error *err)
{
    int pair[2], given[PLIM__WIRE_WORDS + 1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return plim_error_set(err, PLIM_ERR_IO, "a socket: %s", strerror(errno));
    machine->template_socket = template_high(pair[0]);
    plim_status status = template_streams(machine, pair[1], given, err);
    (void)close(pair[1]);
    if (status == PLIM_OK)
        status = template_spawn(machine, given, err);
    for (int i = 0; i <= PLIM__WIRE_WORDS; i++)
        if (given[i] >= 0)
            (void)close(given[i]);
    if (status != PLIM_OK)
        return status;
    plim__wire message = {.kind = PLIM__WIRE_HELLO, .value = machine->heap_bytes};
    status = plim__template_ask(machine, &message, -1, err);
    if (status == PLIM_OK && message.value != 1)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "the session's memory cannot be mapped at its address: %s",
                              message.text);
    if (status != PLIM_OK)
        return status;
    machine->is_fixed = message.detail == 1;
    status = template_relink(machine, err);
    plim__state_find(machine);
    return status;
}

void plim__template_stop(plim__machine *machine)
{
    if (machine->template_socket >= 0)
        (void)close(machine->template_socket);
    machine->template_socket = -1;
    if (machine->template_pid > 0) {
        (void)kill((pid_t)machine->template_pid, SIGKILL);
        while (waitpid((pid_t)machine->template_pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    machine->template_pid = 0;
}

plim_status plim__template_fork(plim__machine *machine, plim__runner *out_runner, plim_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return plim_error_set(err, PLIM_ERR_IO, "a socket: %s", strerror(errno));
    uint32_t slot = machine->next_slot++ % PLIM__WORDS_SLOTS;
    memset(&machine->words[slot], 0, sizeof machine->words[slot]);
    plim__wire message = {.kind = PLIM__WIRE_FORK, .value = slot};
    plim_status status = plim__template_ask(machine, &message, pair[1], err);
    (void)close(pair[1]);
    if (status == PLIM_OK && message.value == 0)
        status = plim_error_set(err, PLIM_ERR_UNREACHABLE, "no worker: %s", message.text);
    if (status != PLIM_OK) {
        (void)close(pair[0]);
        return status;
    }
    machine->started++;
    *out_runner = (plim__runner){
        .pid = (int64_t)message.value,
        .socket = template_high(pair[0]),
        .process = (int)syscall(SYS_pidfd_open, (pid_t)message.value, 0),
        .slot = slot,
    };
    return PLIM_OK;
}

void plim__runner_kill(plim__runner *runner)
{
    if (runner->pid > 0) {
        (void)kill((pid_t)-runner->pid, SIGKILL); /* and what it has forked */
        (void)syscall(SYS_pidfd_send_signal, runner->process, SIGKILL, NULL, 0);
    }
    if (runner->process >= 0)
        (void)close(runner->process);
    if (runner->socket >= 0)
        (void)close(runner->socket);
    *runner = (plim__runner){.socket = -1, .process = -1};
}

plim_status plim__machine_link(plim__machine *machine, const char *name, plim_error *err)
{
    plim__wire message = {.kind = PLIM__WIRE_LINK};
    if (machine->library_count == PLIM__MACHINE_LIBRARIES)
        return plim_error_set(err, PLIM_ERR_LIMIT, "%d libraries are linked already",
                              PLIM__MACHINE_LIBRARIES);
    if (name[0] == 0 || strlen(name) >= PLIM__MACHINE_PATH)
        return plim_error_set(err, PLIM_ERR_USAGE, "a library's name has 1 to %d bytes",
                              PLIM__MACHINE_PATH - 1);
    (void)snprintf(message.text, sizeof message.text, "%s", name);
    plim_status status = plim__template_ask(machine, &message, -1, err);
    if (status != PLIM_OK)
        return status;
    if (message.value == 0)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "%.300s", message.text);
    for (uint32_t i = 0; i < machine->library_count; i++)
        if (machine->libraries[i].base == message.value)
            return PLIM_OK;
    plim__linked *library = &machine->libraries[machine->library_count++];
    (void)snprintf(library->name, sizeof library->name, "%s", name);
    (void)snprintf(library->path, sizeof library->path, "%.*s", PLIM__MACHINE_PATH - 1,
                   message.text);
    library->base = message.value;
    plim__state_find(machine);
    return PLIM_OK;
}

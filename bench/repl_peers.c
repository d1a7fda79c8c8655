/* SPDX-License-Identifier: MIT */
#include "repl_peers.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAID_MAX = 1 << 16, WAIT_MS = 20000 };

extern char **environ;

static struct {
    pid_t pid;
    int in, out;
} repl;

static uint64_t now_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

bool peers_clang_repl_open(const char *headers)
{
    char c[] = "clang-repl-19", xcc[] = "-Xcc", language[] = "-xc";
    char *argv[] = {c, xcc, language, NULL};
    posix_spawn_file_actions_t files;
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0)
        return false;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, to[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, from[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", 1, 0);
    (void)posix_spawn_file_actions_addclosefrom_np(&files, 3);
    bool is_started = posix_spawnp(&repl.pid, c, &files, NULL, argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&files);
    (void)close(to[0]);
    (void)close(from[1]);
    repl.in = to[1];
    repl.out = from[0];
    if (!is_started)
        return false;
    /* Line by line; the last says when all of them were read. */
    (void)!write(repl.in, headers, strlen(headers));
    (void)!write(repl.in, "\n", 1);
    (void)!write(repl.in, "setvbuf(stdout, 0, 2, 0);\n", 26); /* to a pipe it would wait */
    return peers_clang_repl_enter("printf(\"ready%d\\n\", 1);", "ready1\n") != 0;
}

uint64_t peers_clang_repl_enter(const char *line, const char *until)
{
    static char said[SAID_MAX];
    size_t length = 0;
    uint64_t began = now_us();
    if (write(repl.in, line, strlen(line)) != (ssize_t)strlen(line) || write(repl.in, "\n", 1) != 1)
        return 0;
    for (;;) {
        struct pollfd wait = {.fd = repl.out, .events = POLLIN};
        if (length == sizeof said - 1 || poll(&wait, 1, WAIT_MS) <= 0)
            return 0;
        ssize_t got = read(repl.out, said + length, sizeof said - 1 - length);
        if (got <= 0)
            return 0;
        length += (size_t)got;
        said[length] = '\0';
        if (strstr(said, until) != NULL)
            return now_us() - began;
    }
}

void peers_clang_repl_close(void)
{
    (void)close(repl.in);
    (void)close(repl.out);
    (void)kill(repl.pid, SIGKILL);
    (void)waitpid(repl.pid, NULL, 0);
}

static bool peers_gcc(const char *source, const char *object)
{
    char gcc[] = "gcc", shared[] = "-shared", pic[] = "-fPIC", level[] = "-O0", debug[] = "-g";
    char to[] = "-o", in[256], out[256];
    char *argv[] = {gcc, shared, pic, level, debug, to, out, in, NULL};
    pid_t pid = 0;
    int status = -1;
    (void)snprintf(in, sizeof in, "%s", source);
    (void)snprintf(out, sizeof out, "%s", object);
    return posix_spawnp(&pid, gcc, NULL, NULL, argv, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

uint64_t peers_gcc_dlopen(const char *text, int *out_value)
{
    static unsigned count;
    char folder[] = "/tmp/plim-bench-XXXXXX", source[64], object[64];
    if (mkdtemp(folder) == NULL)
        return 0;
    (void)snprintf(source, sizeof source, "%s/entry%u.c", folder, count);
    (void)snprintf(object, sizeof object, "%s/entry%u.so", folder, count++);
    uint64_t began = now_us(), took = 0;
    FILE *file = fopen(source, "w");
    bool is_written = file != NULL && fputs(text, file) >= 0;
    if (file != NULL && fclose(file) != 0)
        is_written = false;
    void *library = is_written && peers_gcc(source, object) ? dlopen(object, RTLD_NOW) : NULL;
    if (library != NULL) {
        union {
            void *address;
            int (*call)(void);
        } entry = {dlsym(library, "entry")};
        *out_value = entry.address != NULL ? entry.call() : 0;
        took = now_us() - began;
    }
    (void)remove(source);
    (void)remove(object);
    (void)rmdir(folder);
    return took;
}

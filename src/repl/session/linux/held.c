/* SPDX-License-Identifier: MIT */
/*
 * What a worker has that the session's memory does not hold, read from outside: descriptors,
 * threads, children, signals it handles, folder, umask. Compared with what a fresh worker has, it
 * is what is lost when one goes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/session/linux/posix.h"

enum { HELD_TEXT = 4096 };

static size_t held_file(int64_t pid, const char *name, char *text)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/proc/%lld/%s", (long long)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t got = read(file, text, HELD_TEXT - 1);
    (void)close(file);
    text[got > 0 ? got : 0] = 0;
    return got > 0 ? (size_t)got : 0;
}

static uint64_t held_field(const char *text, const char *name, int base)
{
    const char *at = strstr(text, name);
    return at != NULL ? strtoull(at + strlen(name), NULL, base) : 0;
}

static void held_descriptor(int folder, const char *name, plim__held *held)
{
    char target[sizeof held->descriptors[0].what];
    if (held->count == PLIM__MACHINE_HELD_MAX) {
        held->more++;
        return;
    }
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    if (length < 0)
        return;
    target[length] = 0;
    held->descriptors[held->count].number = (int)strtol(name, NULL, 10);
    memcpy(held->descriptors[held->count].what, target, (size_t)length + 1);
    held->count++;
}

bool plim__held_read(int64_t pid, int own_socket, plim__held *out_held)
{
    char text[HELD_TEXT], path[64];
    (void)own_socket;
    memset(out_held, 0, sizeof *out_held);
    if (held_file(pid, "status", text) == 0)
        return false;
    out_held->threads = (uint32_t)held_field(text, "\nThreads:", 10);
    out_held->caught = held_field(text, "\nSigCgt:", 16);
    out_held->mask = (uint32_t)held_field(text, "\nUmask:", 8);
    (void)snprintf(path, sizeof path, "task/%lld/children", (long long)pid);
    if (held_file(pid, path, text) > 0)
        for (const char *at = text; (at = strchr(at, ' ')) != NULL; at++)
            out_held->children++;
    (void)snprintf(path, sizeof path, "/proc/%lld/cwd", (long long)pid);
    ssize_t length = readlink(path, out_held->folder, sizeof out_held->folder - 1);
    out_held->folder[length > 0 ? length : 0] = 0;
    (void)snprintf(path, sizeof path, "/proc/%lld/fd", (long long)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] != '.')
            held_descriptor(dirfd(folder), entry->d_name, out_held);
    (void)closedir(folder);
    return true;
}

static bool held_is_in(const plim__held *base, int number, const char *what)
{
    for (uint32_t i = 0; i < base->count; i++)
        if (base->descriptors[i].number == number &&
            (number >= PLIM__WIRE_KEPT_FROM || strcmp(base->descriptors[i].what, what) == 0))
            return true;
    return false;
}

size_t plim__held_lost(const plim__held *base, const plim__held *held,
                       char lost[][PLIM__MACHINE_CLAUSE], size_t max)
{
    size_t count = 0;
    uint32_t left = held->more;
    for (uint32_t i = 0; i < held->count; i++) {
        if (held_is_in(base, held->descriptors[i].number, held->descriptors[i].what))
            continue;
        if (count + 4 < max)
            (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE, "descriptor %d (%s)",
                           held->descriptors[i].number, held->descriptors[i].what);
        else
            left++;
    }
    if (left > 0)
        (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE, "%u more descriptors", left);
    if (held->threads > 1)
        (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE, "%u thread%s", held->threads - 1,
                       held->threads > 2 ? "s" : "");
    if (held->children > 0)
        (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE, "%u child process%s", held->children,
                       held->children > 1 ? "es" : "");
    /* The C library's own (32 and 33) come with the first thread. */
    uint64_t caught = held->caught & ~base->caught & ~(UINT64_C(3) << 31);
    if (caught != 0)
        (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE, "%d signal handler%s (%s…)",
                       __builtin_popcountll(caught), (caught & (caught - 1)) != 0 ? "s" : "",
                       sigabbrev_np(__builtin_ctzll(caught) + 1));
    return count;
}

uint64_t plim__own_bytes(int64_t pid)
{
    char text[HELD_TEXT];
    char *end = text;
    if (held_file(pid, "statm", text) == 0)
        return 0;
    (void)strtoull(text, &end, 10);
    uint64_t resident = strtoull(end, &end, 10);
    uint64_t shared = strtoull(end, &end, 10);
    return resident > shared ? (resident - shared) * 4096 : 0;
}

uint32_t plim__thread_count(int64_t pid)
{
    char text[HELD_TEXT];
    if (held_file(pid, "stat", text) == 0)
        return 0;
    const char *at = strrchr(text, ')');
    for (int field = 0; field < 18 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

bool plim__is_stopped(int64_t pid)
{
    char text[HELD_TEXT], path[64];
    bool is_stopped = true;
    (void)snprintf(path, sizeof path, "/proc/%lld/task", (long long)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "task/%.16s/stat", entry->d_name);
        const char *at = held_file(pid, path, text) > 0 ? strrchr(text, ')') : NULL;
        is_stopped = is_stopped && at != NULL && at[1] == ' ' && (at[2] == 'T' || at[2] == 't');
    }
    (void)closedir(folder);
    return is_stopped;
}

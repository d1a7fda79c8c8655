/* SPDX-License-Identifier: MIT */
/*
 * Variables that libraries keep for themselves (a seed, a parser's place, a cache): they
 * are in the worker, and go with it. Nobody tells when they change, so two things are looked at.
 *
 * Libraries but the C library: pages of their variables that the worker has to itself. After a fork
 * all pages are shared with the template; one that is not was written to.
 *
 * The C library writes to its own in every entry (streams, locks). Those of its functions that
 * remember something a program rests on are the worker's first (worker/remembered.c), which notes
 * their calls among its words.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "repl/session/linux/posix.h"

enum { STATE_LINE = 1024, STATE_PAGE = 4096, STATE_PAGES_MAX = 512 };

#define STATE_IS_EXCLUSIVE (UINT64_C(1) << 56)
#define STATE_IS_FILE      (UINT64_C(1) << 61)
#define STATE_IS_PRESENT   (UINT64_C(1) << 63)

static const char *const STATE_REMEMBERED[PLIM__REMEMBERED_END] = {
    [PLIM__REMEMBERED_RAND] = "where rand() was",
    [PLIM__REMEMBERED_RANDOM] = "where random() was",
    [PLIM__REMEMBERED_RAND48] = "where drand48() and its like were",
    [PLIM__REMEMBERED_STRTOK] = "where strtok() was",
    [PLIM__REMEMBERED_LOCALE] = "the locale",
    [PLIM__REMEMBERED_ENVIRONMENT] = "changes of the environment",
    [PLIM__REMEMBERED_TIME] = "what localtime() or its like pointed to",
};

/* A row of /proc/PID/maps: "from-to rw-p offset device inode  path". */
static bool state_row(const char *line, uint64_t *out_from, uint64_t *out_to, bool *out_is_writable,
                      char *out_path)
{
    char mode[8] = "";
    out_path[0] = 0;
    unsigned long long from = 0, to = 0;
    int fields = sscanf(line, "%llx-%llx %7s %*s %*s %*s %1000s", &from, &to, mode, out_path);
    *out_from = from;
    *out_to = to;
    *out_is_writable = strncmp(mode, "rw-p", 4) == 0;
    return fields >= 3;
}

static bool state_is_meant(const char *path)
{
    const char *name = strrchr(path, '/');
    return name != NULL && strncmp(name, "/libc.so", 8) != 0 &&
           strncmp(name, "/ld-linux", 9) != 0 && strstr(name, ".so") != NULL;
}

void plim__state_find(plim__machine *machine)
{
    char path[64], line[STATE_LINE], file[STATE_LINE], last[STATE_LINE] = "";
    uint64_t from, to, end = 0;
    bool is_writable;
    machine->state_count = 0;
    (void)snprintf(path, sizeof path, "/proc/%lld/maps", (long long)machine->template_pid);
    FILE *maps = fopen(path, "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (!state_row(line, &from, &to, &is_writable, file))
            continue;
        /* What follows a library's data without a name is the rest of it: .bss. */
        bool is_rest = file[0] == 0 && from == end && last[0] != 0;
        if (file[0] != 0)
            (void)snprintf(last, sizeof last, "%s", file);
        end = to;
        if (!is_writable || !state_is_meant(last) || (file[0] == 0 && !is_rest) ||
            machine->state_count == PLIM__MACHINE_STATES)
            continue;
        plim__state *state = &machine->states[machine->state_count++];
        state->from = from;
        state->to = to;
        (void)snprintf(state->library, sizeof state->library, "%.63s", strrchr(last, '/') + 1);
    }
    if (maps != NULL)
        (void)fclose(maps);
}

static bool state_is_written(int pagemap, const plim__state *state)
{
    uint64_t entries[STATE_PAGES_MAX];
    for (uint64_t at = state->from; at < state->to;) {
        uint64_t pages = (state->to - at) / STATE_PAGE;
        pages = pages < STATE_PAGES_MAX ? pages : STATE_PAGES_MAX;
        size_t bytes = (size_t)pages * sizeof *entries;
        off_t offset = (off_t)(at / STATE_PAGE * sizeof *entries);
        if (pages == 0 || pread(pagemap, entries, bytes, offset) != (ssize_t)bytes)
            return false;
        for (uint64_t i = 0; i < pages; i++)
            if ((entries[i] & STATE_IS_PRESENT) != 0 && (entries[i] & STATE_IS_EXCLUSIVE) != 0 &&
                (entries[i] & STATE_IS_FILE) == 0)
                return true;
        at += pages * STATE_PAGE;
    }
    return false;
}

void plim__state_look(plim__machine *machine)
{
    char path[64];
    machine->states_written = 0;
    if (machine->state_count == 0)
        return;
    (void)snprintf(path, sizeof path, "/proc/%lld/pagemap", (long long)machine->active.pid);
    int pagemap = open(path, O_RDONLY | O_CLOEXEC);
    for (uint32_t i = 0; pagemap >= 0 && i < machine->state_count; i++)
        if (state_is_written(pagemap, &machine->states[i]))
            machine->states_written |= UINT64_C(1) << i;
    if (pagemap >= 0)
        (void)close(pagemap);
}

size_t plim__state_lost(const plim__machine *machine, char lost[][PLIM__MACHINE_CLAUSE],
                        size_t count, size_t max)
{
    for (uint32_t i = 0; i < machine->state_count && count < max; i++) {
        bool is_said = i > 0 && (machine->states_written >> (i - 1) & 1) != 0 &&
                       strcmp(machine->states[i].library, machine->states[i - 1].library) == 0;
        if ((machine->states_written >> i & 1) != 0 && !is_said)
            (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE,
                           "what %s keeps in its own variables", machine->states[i].library);
    }
    const plim__words *words = &machine->words[machine->active.slot];
    uint32_t remembered = atomic_load_explicit(&words->remembered, memory_order_relaxed);
    for (uint32_t i = 0; i < PLIM__REMEMBERED_END && count < max; i++)
        if ((remembered >> i & 1) != 0)
            (void)snprintf(lost[count++], PLIM__MACHINE_CLAUSE, "%s", STATE_REMEMBERED[i]);
    return count;
}

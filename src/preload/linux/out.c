/* SPDX-License-Identifier: MIT */
/*
 * Reports: at the process's end, and when a signal asks. Everything here may run inside a signal
 * handler: it allocates nothing, uses no stdio, and waits for no lock that the interrupted thread
 * may hold, since a handler that finds its thread inside the engine only leaves a note, and the
 * engine's next way out acts on it (requests.c).
 * One report is one write as long as it fits the buffer: processes that append to one file do not
 * mix their lines.
 */
#define _GNU_SOURCE
#include "preload/linux/out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/text.h"
#include "preload/notes.h"

enum {
    OUT_PATH_BYTES = 4096,
    OUT_BUFFER_BYTES = 64 << 10,
    OUT_HEAD_BYTES = 1024,
    OUT_FD_LEAST = 100 /* above what programs count on, below the usual bound of 256 and more */
};

static char out_name[OUT_PATH_BYTES]; /* "" none, "-" standard error, else absolute, with %p */
static int out_error_fd =
    STDERR_FILENO; /* for "-": a copy, for many close theirs before they end */
static _Atomic bool out_is_busy;

typedef struct out_buffer {
    int fd;
    size_t length;
    char bytes[OUT_BUFFER_BYTES];
} out_buffer;

static out_buffer out_shared; /* whoever sets out_is_busy */

void plim__preload_write(int fd, const char *bytes, size_t length)
{
    int before = errno;
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break; /* nobody is there to be told */
        bytes += done;
        length -= (size_t)done;
    }
    errno = before;
}

static plim_status out_write(void *ctx, const void *data, size_t length, plim_error *err)
{
    (void)err;
    out_buffer *out = ctx;
    if (length > sizeof out->bytes - out->length) {
        plim__preload_write(out->fd, out->bytes, out->length);
        out->length = 0;
    }
    if (length > sizeof out->bytes)
        plim__preload_write(out->fd, data, length);
    else
        memcpy(out->bytes + out->length, data, length);
    out->length += length > sizeof out->bytes ? 0 : length;
    return PLIM_OK;
}

/* out_name with %p as the process id and %% as %. */
static void out_path(char path[OUT_PATH_BYTES])
{
    plim__text text;
    plim__text_init(&text, path, OUT_PATH_BYTES);
    for (const char *at = out_name; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 'p')
            plim__text_format(&text, "%d", (int)getpid());
        else
            plim__text_add(&text, at, 1);
        at += at[0] == '%' && (at[1] == 'p' || at[1] == '%');
    }
}

static const char *out_program(void)
{
    const char *path = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    return slash != NULL ? slash + 1 : path != NULL ? path : "program";
}

/* A program's name in JSON: what would need an escape is left out. */
static void out_json_name(plim__text *text, const char *name)
{
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name >= ' ' && *name != '"' && *name != '\\')
            plim__text_add(text, name, 1);
    }
}

static void out_head_json(plim__text *text, const char *when)
{
    const plim__preload *shared = &plim__preload_shared;
    plim__text_format(text, "{\"schema\":\"plim.preload/1\",\"when\":\"%s\",\"program\":\"", when);
    out_json_name(text, out_program());
    plim__text_format(text,
                      "\",\"pid\":%d,\"mode\":\"%s\",\"space_start\":\"0x%zx\","
                      "\"space_bytes\":%zu,\"boot_bytes\":%zu,\"notes_bytes\":%llu,",
                      (int)getpid(), shared->mode == PLIM_CONFIG_MODE_REPORT ? "report" : "refuse",
                      (size_t)shared->start, shared->bytes, plim__boot_used(),
                      (unsigned long long)plim__notes_bytes());
    plim__text_format(
        text,
        "\"foreign_frees\":%zu,\"foreign_resizes\":%zu,\"lost_frees\":%zu,"
        "\"passed_requests\":%zu,\"passed_bytes\":%zu,\"memory\":",
        plim__load_relaxed(&shared->foreign_frees), plim__load_relaxed(&shared->foreign_resizes),
        plim__load_relaxed(&shared->lost_frees), plim__load_relaxed(&shared->passed_requests),
        plim__load_relaxed(&shared->passed_bytes));
}

static void out_head_text(plim__text *text, const char *when)
{
    const plim__preload *shared = &plim__preload_shared;
    plim__text_format(text, "== plimsoll: %s, process %d, at %s\n", out_program(), (int)getpid(),
                      when);
    if (plim__load_relaxed(&shared->passed_requests) > 0)
        plim__text_format(text, "%zu requests for %zu bytes passed a budget and were served\n",
                          plim__load_relaxed(&shared->passed_requests),
                          plim__load_relaxed(&shared->passed_bytes));
    plim__text_format(text,
                      "%zu bytes before start-up; %zu foreign blocks freed, %zu not resized\n",
                      plim__boot_used(), plim__load_relaxed(&shared->foreign_frees),
                      plim__load_relaxed(&shared->foreign_resizes));
}

void plim__preload_report(const char *when)
{
    char path[OUT_PATH_BYTES], head[OUT_HEAD_BYTES];
    plim__text text;
    int before = errno;
    bool was_busy = false;
    if (out_name[0] == '\0' || !plim__cas(&out_is_busy, &was_busy, true))
        return; /* two at once would say the same */
    out_path(path);
    bool is_json = plim__preload_shared.form == PLIM_REPORT_JSON;
    bool is_file = strcmp(path, "-") != 0;
    int fd = out_error_fd;
    if (is_file)
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd >= 0) {
        out_shared.fd = fd;
        out_shared.length = 0;
        plim__text_init(&text, head, sizeof head);
        if (is_json)
            out_head_json(&text, when);
        else
            out_head_text(&text, when);
        plim_sink sink = {&out_shared, out_write};
        (void)out_write(&out_shared, head, text.length, NULL);
        plim_status status =
            plim_report(plim__preload_shared.manager, plim__preload_shared.form, sink, NULL);
        if (status != PLIM_OK && is_json) /* out_write() never fails: nothing has been written */
            (void)out_write(&out_shared, "null", 4, NULL);
        /* One line: plim_report() ends its object with a newline. */
        if (is_json && out_shared.length > 0 && out_shared.bytes[out_shared.length - 1] == '\n')
            out_shared.length--;
        if (is_json)
            (void)out_write(&out_shared, "}\n", 2, NULL);
        plim__preload_write(fd, out_shared.bytes, out_shared.length);
    }
    if (fd >= 0 && is_file)
        (void)close(fd);
    plim__store(&out_is_busy, false);
    errno = before;
}

static void out_on_signal(int number)
{
    (void)number;
    if (plim__preload_inside) {
        plim__preload_asked = true;
        return;
    }
    plim__preload_inside = true;
    plim__fence_signal();
    plim__preload_report("signal");
    plim__fence_signal();
    plim__preload_inside = false;
}

static int out_signal_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"USR1", SIGUSR1},   {"USR2", SIGUSR2}, {"HUP", SIGHUP},
                   {"WINCH", SIGWINCH}, {"URG", SIGURG},   {"PROF", SIGPROF}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    }
    return 0;
}

/* A report that nobody will find is said at once, while standard error is what it was; the program
   runs all the same, for its budget holds. */
static void out_complain_early(void)
{
    char path[OUT_PATH_BYTES], line[OUT_PATH_BYTES + OUT_HEAD_BYTES];
    struct stat there;
    plim__text text;
    out_path(path);
    bool is_there = stat(path, &there) == 0;
    bool is_folder = is_there && S_ISDIR(there.st_mode);
    if (!is_there && errno == ENOENT) { /* its folder decides; the path is absolute */
        char folder[OUT_PATH_BYTES];
        memcpy(folder, path, sizeof folder);
        strrchr(folder, '/')[1] = '\0';
        if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
            return;
    } else if (is_there && !is_folder && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0) {
        return;
    }
    plim__text_init(&text, line, sizeof line);
    plim__text_format(&text, "libplimsoll-malloc: no report can be written to %s: %s\n", path,
                      is_folder ? "it is a folder" : strerrordesc_np(errno));
    plim__preload_write(STDERR_FILENO, line, text.length);
}

plim_status plim__preload_out_start(const char *report, const char *signal_name, plim_error *err)
{
    plim__text text;
    plim__text_init(&text, out_name, sizeof out_name);
    if (report[0] != '\0' && report[0] != '/' && strcmp(report, "-") != 0) {
        char folder[OUT_PATH_BYTES];
        /* From here on: the program may change its folder. */
        if (getcwd(folder, sizeof folder) != NULL)
            plim__text_format(&text, "%s/", folder);
    }
    plim__text_format(&text, "%s", report);
    bool is_asked = report[0] == '\0' && signal_name[0] != '\0';
    if (is_asked) /* and no place named: where a person sees it */
        plim__text_format(&text, "-");
    if (strcmp(out_name, "-") == 0) {
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, OUT_FD_LEAST);
        out_error_fd = fd >= 0 ? fd : STDERR_FILENO;
    } else if (out_name[0] != '\0') {
        out_complain_early();
    }
    if (signal_name[0] == '\0')
        return PLIM_OK;
    int number = out_signal_number(signal_name);
    PLIM_CHECK(number != 0); /* the configuration lets no other word through */
    struct sigaction action = {.sa_handler = out_on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) != 0)
        return plim_error_set(err, PLIM_ERR_ACCESS, "the signal \"%s\" cannot be caught",
                              signal_name);
    return PLIM_OK;
}

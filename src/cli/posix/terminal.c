/* SPDX-License-Identifier: MIT */
/* Terminal, clock and environment on POSIX systems. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include "cli/terminal.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

const char *plim__environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool plim__terminal_is_utf8(void)
{
    const char *locale_name = plim__environment("LC_ALL");
    if (locale_name == NULL)
        locale_name = plim__environment("LC_CTYPE");
    if (locale_name == NULL)
        locale_name = plim__environment("LANG");
    return locale_name != NULL &&
           (strstr(locale_name, "UTF-8") != NULL || strstr(locale_name, "utf8") != NULL);
}

void plim__terminal_start(void)
{
    /* Only for wcwidth(3): whatever the user's language, widths are Unicode's. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
}

bool plim__terminal_is(int fd)
{
    return isatty(fd) == 1;
}

/* A line from the terminal; a signal ends it. */
static bool terminal_line(int fd, char *out, size_t cap, size_t *out_bytes)
{
    size_t used = 0;
    char byte = '\0';
    while (used + 1 < cap && read(fd, &byte, 1) == 1 && byte != '\n')
        out[used++] = byte;
    out[used] = '\0';
    *out_bytes = used;
    return byte == '\n';
}

bool plim__terminal_ask(const char *question, char *out, size_t cap, size_t *out_bytes)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before;
    if (fd < 0)
        return false;
    bool done = false;
    if (tcgetattr(fd, &before) == 0) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        if (tcsetattr(fd, TCSAFLUSH, &silent) == 0) {
            done = write(fd, question, strlen(question)) == (ssize_t)strlen(question) &&
                   terminal_line(fd, out, cap, out_bytes);
            (void)tcsetattr(fd, TCSAFLUSH, &before);
            done = write(fd, "\n", 1) == 1 && done;
        }
    }
    (void)close(fd);
    return done;
}

static uint32_t terminal_number_of(const char *name)
{
    const char *value = plim__environment(name);
    if (value == NULL)
        return 0;
    unsigned long number = strtoul(value, NULL, 10);
    return number <= 10000 ? (uint32_t)number : 0;
}

void plim__terminal_size(int fd, uint32_t *out_columns, uint32_t *out_lines)
{
    struct winsize size = {0};
    bool known = isatty(fd) == 1 && ioctl(fd, TIOCGWINSZ, &size) == 0;
    *out_columns = terminal_number_of("COLUMNS");
    *out_lines = terminal_number_of("LINES");
    if (known && *out_columns == 0)
        *out_columns = size.ws_col;
    if (known && *out_lines == 0)
        *out_lines = size.ws_row;
}

size_t plim__terminal_columns_of(uint32_t character)
{
    if (character >= 0x20 && character < 0x7F)
        return 1;
    int columns = wcwidth((wchar_t)character);
    return columns < 0 ? 1 : (size_t)columns;
}

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* both clocks exist on every system we build for */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t plim__clock_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t plim__clock_unix_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}

void plim__clock_stamp(char out[PLIM__STAMP_BYTES])
{
    time_t seconds = (time_t)(plim__clock_unix_ns() / 1000000000u);
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts);
    if (strftime(out, PLIM__STAMP_BYTES, "%Y%m%dT%H%M%SZ", &parts) == 0)
        out[0] = '\0';
}

void plim__clock_iso(char out[PLIM__STAMP_BYTES])
{
    uint64_t now_ns = plim__clock_unix_ns();
    time_t seconds = (time_t)(now_ns / 1000000000u);
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts);
    size_t length = strftime(out, PLIM__STAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + length, PLIM__STAMP_BYTES - length, ".%03uZ",
                   (unsigned)(now_ns / 1000000u % 1000));
}

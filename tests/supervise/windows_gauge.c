/* SPDX-License-Identifier: MIT */
/* The gauge on Windows: another process's memory from outside, its growth, its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "platform/process_memory.h"

enum { GAUGE_GROWTH = 64 << 20 };

static int child(void)
{
    char *memory = malloc(GAUGE_GROWTH);
    memset(memory, 1, GAUGE_GROWTH);
    Sleep(20000);
    return memory[5];
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child();
    char command[512];
    (void)snprintf(command, sizeof(command), "\"%s\" child", argv[0]);
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        return 2;
    plim__gauge gauge;
    plim__gauge_figures figures = {0};
    plim_status status = plim__gauge_open(process.dwProcessId, &gauge);
    for (int i = 0; status == PLIM_OK && i < 200 && figures.rss_bytes < GAUGE_GROWTH; i++) {
        Sleep(50);
        status = plim__gauge_read(&gauge, &figures);
    }
    printf("status %d rss %llu private %llu\n", (int)status, (unsigned long long)figures.rss_bytes,
           (unsigned long long)figures.private_bytes);
    int result = status == PLIM_OK && figures.rss_bytes >= GAUGE_GROWTH &&
                         figures.private_bytes >= GAUGE_GROWTH
                     ? 0
                     : 1;
    (void)TerminateProcess(process.hProcess, 1);
    (void)WaitForSingleObject(process.hProcess, 5000);
    if (plim__gauge_read(&gauge, &figures) != PLIM_ERR_NOT_FOUND)
        result |= 4;
    plim__gauge_close(&gauge);
    return result;
}

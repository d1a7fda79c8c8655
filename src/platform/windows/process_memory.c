/* SPDX-License-Identifier: MIT */
/*
 * GetProcessMemoryInfo() through a handle that stays open, which keeps the number from being given
 * to another. PrivateUsage is what the process has committed for itself, in memory or paged out;
 * where the system does not tell it of other processes (Wine), the working set stands in for it.
 * There is no share of what is shared: plim__gauge_exact() says so.
 */
#include "platform/process_memory.h"

#include <windows.h>
/* after it */
#include <psapi.h>

plim_status plim__gauge_open(int64_t pid, plim__gauge *out_gauge)
{
    HANDLE process =
        OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ | SYNCHRONIZE, FALSE, (DWORD)pid);
    if (process == NULL)
        return GetLastError() == ERROR_ACCESS_DENIED ? PLIM_ERR_ACCESS : PLIM_ERR_NOT_FOUND;
    *out_gauge = (plim__gauge){.handle = (intptr_t)process, .pid = pid};
    return PLIM_OK;
}

plim_status plim__gauge_read(const plim__gauge *gauge, plim__gauge_figures *out_figures)
{
    HANDLE process = (HANDLE)gauge->handle;
    if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
        return PLIM_ERR_NOT_FOUND;
    PROCESS_MEMORY_COUNTERS_EX counters = {.cb = sizeof(counters)};
    if (!GetProcessMemoryInfo(process, (PROCESS_MEMORY_COUNTERS *)&counters, sizeof(counters)))
        return PLIM_ERR_ACCESS;
    out_figures->rss_bytes = counters.WorkingSetSize;
    out_figures->private_bytes =
        counters.PrivateUsage > 0 ? counters.PrivateUsage : counters.WorkingSetSize;
    return PLIM_OK;
}

plim_status plim__gauge_exact(const plim__gauge *gauge, uint64_t *out_bytes)
{
    (void)gauge;
    (void)out_bytes;
    return PLIM_ERR_UNSUPPORTED;
}

void plim__gauge_close(plim__gauge *gauge)
{
    if (gauge->handle != 0)
        (void)CloseHandle((HANDLE)gauge->handle);
    *gauge = (plim__gauge){0};
}

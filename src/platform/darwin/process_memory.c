/* SPDX-License-Identifier: MIT */
/*
 * proc_pid_rusage(): "physical footprint" is what the process costs the machine, compressed and
 * swapped memory included and shared memory not: the figure that Activity Monitor shows and that
 * the system itself kills by. A number alone does not name a process for long, so the moment it was
 * started is compared at every look.
 * UNTESTED: reviewed against Apple's <libproc.h> and <sys/resource.h>; no machine here runs it.
 */
#include "platform/process_memory.h"

#include <errno.h>
#include <libproc.h>
#include <sys/resource.h>

static plim_status gauge_usage(int64_t pid, struct rusage_info_v4 *out_usage)
{
    if (proc_pid_rusage((int)pid, RUSAGE_INFO_V4, (rusage_info_t *)out_usage) == 0)
        return PLIM_OK;
    return errno == EPERM ? PLIM_ERR_ACCESS : PLIM_ERR_NOT_FOUND;
}

plim_status plim__gauge_open(int64_t pid, plim__gauge *out_gauge)
{
    struct rusage_info_v4 usage;
    plim_status status = gauge_usage(pid, &usage);
    if (status == PLIM_OK)
        *out_gauge = (plim__gauge){.handle = (intptr_t)usage.ri_proc_start_abstime, .pid = pid};
    return status;
}

plim_status plim__gauge_read(const plim__gauge *gauge, plim__gauge_figures *out_figures)
{
    struct rusage_info_v4 usage;
    plim_status status = gauge_usage(gauge->pid, &usage);
    if (status != PLIM_OK)
        return status;
    if ((intptr_t)usage.ri_proc_start_abstime != gauge->handle || usage.ri_proc_exit_abstime != 0)
        return PLIM_ERR_NOT_FOUND;
    out_figures->rss_bytes = usage.ri_resident_size;
    out_figures->private_bytes = usage.ri_phys_footprint;
    return PLIM_OK;
}

plim_status plim__gauge_exact(const plim__gauge *gauge, uint64_t *out_bytes)
{
    plim__gauge_figures figures;
    plim_status status = plim__gauge_read(gauge, &figures);
    if (status == PLIM_OK)
        *out_bytes = figures.private_bytes;
    return status;
}

void plim__gauge_close(plim__gauge *gauge)
{
    *gauge = (plim__gauge){0};
}

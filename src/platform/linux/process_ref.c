/* SPDX-License-Identifier: MIT */
/*
 * A hold on one process: pidfd_open(2), since Linux 5.3. Where the kernel (or a sandbox) has none,
 * the start time is compared right before kill(2), which leaves a window of microseconds in which
 * the number could be handed out again; numbers are handed out round robin, so it takes a whole
 * round of them within that window.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/linux/procfs.h"
#include "platform/process.h"

int plim__signal_open_inspector(void)
{
    return SIGUSR1;
}

plim_status plim__process_ref_open(int64_t pid, plim__process_ref *out_ref)
{
    PLIM_CHECK(pid > 0 && pid <= INT32_MAX && out_ref != NULL);
    plim__process_ref ref = {pid, 0, (int)syscall(SYS_pidfd_open, (pid_t)pid, 0)};
    if (ref.descriptor < 0 && errno != ENOSYS && errno != EPERM) {
        /* EINVAL: the number is a thread's, not a process's. */
        return errno == EINVAL ? PLIM_ERR_NOT_FOUND : plim__procfs_status(errno);
    }
    plim__process_glance glance;
    plim_status status = plim__process_look(pid, &glance);
    if (status == PLIM_OK && glance.state == 'Z')
        status = PLIM_ERR_NOT_FOUND;
    if (status != PLIM_OK) {
        plim__process_ref_close(&ref);
        return status;
    }
    ref.start_ticks = glance.start_ticks;
    *out_ref = ref;
    return PLIM_OK;
}

bool plim__process_ref_alive(const plim__process_ref *ref)
{
    PLIM_CHECK(ref != NULL && ref->pid > 0);
    if (ref->descriptor >= 0) {
        /* Readable once every thread of it is dead. */
        struct pollfd ended = {ref->descriptor, POLLIN, 0};
        return poll(&ended, 1, 0) == 0;
    }
    plim__process_glance glance;
    return plim__process_look(ref->pid, &glance) == PLIM_OK &&
           glance.start_ticks == ref->start_ticks && glance.state != 'Z' && glance.state != 'X';
}

plim_status plim__process_ref_signal(const plim__process_ref *ref, int signal_number)
{
    PLIM_CHECK(ref != NULL && ref->pid > 0);
    if (!plim__process_ref_alive(ref))
        return PLIM_ERR_NOT_FOUND;
    long failed = -1;
    errno = ENOSYS;
    if (ref->descriptor >= 0)
        failed = syscall(SYS_pidfd_send_signal, ref->descriptor, signal_number, NULL, 0);
    if (failed != 0 && errno == ENOSYS)
        failed = kill((pid_t)ref->pid, signal_number);
    return failed == 0 ? PLIM_OK : plim__procfs_status(errno);
}

void plim__process_ref_close(plim__process_ref *ref)
{
    PLIM_CHECK(ref != NULL);
    if (ref->descriptor >= 0)
        (void)close(ref->descriptor);
    ref->descriptor = -1;
}

/* SPDX-License-Identifier: MIT */
/* The asymmetric fence on Linux: membarrier(2), private and expedited, since 4.14. */
#define _GNU_SOURCE
#include "platform/fence.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

bool plim__fence_start(void)
{
#ifdef PLIM__FENCE_STRONG
    return true;
#else
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
#endif
}

void plim__fence_heavy(void)
{
#ifndef PLIM__FENCE_STRONG
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
#endif
}

void plim__fence_yield(void)
{
    (void)sched_yield();
}

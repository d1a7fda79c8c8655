/* SPDX-License-Identifier: MIT */
/* One thread, which never ends, and no fork: nothing to be told of. */
#include "platform/local.h"

bool plim__local_on_exit(void (*leave)(void *value), void *value)
{
    (void)leave;
    (void)value;
    return true;
}

void plim__local_on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    (void)before;
    (void)in_parent;
    (void)in_child;
}

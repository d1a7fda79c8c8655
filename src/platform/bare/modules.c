/* SPDX-License-Identifier: MIT */
/* Without a loader there are no modules: who names no domain shares one. */
#include "platform/modules.h"

bool plim__module_at(const void *address, plim__module *out_module)
{
    (void)address;
    (void)out_module;
    return false;
}

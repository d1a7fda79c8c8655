/* SPDX-License-Identifier: MIT */
/*
 * What we know of a Node beyond its connection, made at the first question. Below the files that
 * open one and those that ask it.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/node/node.h"

plim__node_state *plim__node_state_of(plim_target *target)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    if (target->runtime_state == NULL) {
        plim__node_state *made = plim__array_new_zero(target->allocator, 1, sizeof *made);
        if (made == NULL)
            return NULL;
        made->owner = plim__owner_none();
        target->runtime_state = made;
    }
    return target->runtime_state;
}

/* SPDX-License-Identifier: MIT */
/*
 * Who is with a workerd already. A second debugger on a worker ends the session of the first and
 * its own, so it is looked for before we knock: whoever holds a connection to the port. A list of
 * processes (plim ps, a browser's chrome://inspect) asks and goes; who stays is a debugger. Which
 * worker it is on cannot be seen from outside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/probe.h"
#include "inspect/workerd/workerd.h"

/* Looks at one company until it counts as a debugger; looks in all, 5 s: who come and go do not. */
enum { COMPANY_LOOKS = 4, COMPANY_LOOKS_MAX = 50, COMPANY_NAME_BYTES = 64 };

static const uint64_t company_pause_ns = 100000000u;

static plim_status company_refuse(const plim_target *target, int64_t pid, plim_error *err)
{
    char who[COMPANY_NAME_BYTES + 32] = "another user's process";
    char name[COMPANY_NAME_BYTES];
    if (pid != 0) {
        plim__probe_process_name(pid, name, sizeof name);
        (void)snprintf(who, sizeof who, "process %" PRId64 " (%s)", pid, name);
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_REFUSED,
                       "%s has a connection to this workerd, which takes one debugger at a time: "
                       "both sessions would end",
                       who);
    plim_error_where(err, "%s:%u", target->address.host, (unsigned)target->address.port);
    plim_error_hint(err, "end that one first; under wrangler dev it is wrangler's own proxy: use "
                         "the address plim ps shows for wrangler");
    return status;
}

plim_status plim__workerd_look_out(plim_target *target, plim_error *err)
{
    PLIM_CHECK(target != NULL);
    uint64_t socket_before = 0;
    int seen = 0; /* looks at the same connection, in a row */
    for (int look = 0; look < COMPANY_LOOKS_MAX; look++) {
        int64_t pid = 0;
        uint64_t socket = 0;
        plim_status status =
            plim__port_client(target->allocator, target->address.port, &pid, &socket);
        if (status != PLIM_OK && status != PLIM_ERR_ACCESS)
            return PLIM_OK; /* nobody, or nothing can be seen: then it is tried */
        seen = look > 0 && socket == socket_before ? seen + 1 : 1;
        if (seen == COMPANY_LOOKS)
            return company_refuse(target, status == PLIM_OK ? pid : 0, err);
        socket_before = socket;
        if (plim__loop_sleep(target->loop, company_pause_ns) != PLIM_OK)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted while connecting");
    }
    return PLIM_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * plim run --listen: the workers are a pool's, and get their requests from clients that connect
 * here. What is asked of their memory and age stays the monitor's, as for any program; only that
 * the pool replaces them, once a spare is there.
 */
#include <stdio.h>
#include <string.h>

#include "cli/run.h"

enum { RUN_POOL_ADDRESS_BYTES = 256, RUN_POOL_JITTER = 10 };

static const uint64_t run_pool_drain_ns = 30000000000u;

/* Addresses stand between commas. */
static plim_status run_pool_listen(plim__run *run, const char *list, plim_error *err)
{
    plim__cli *cli = run->cli;
    bool is_remote = plim__args_has(&cli->args, PLIM__OPTION_allow_remote);
    plim_status status = PLIM_OK;
    while (status == PLIM_OK && *list != '\0') {
        char wanted[RUN_POOL_ADDRESS_BYTES], given[RUN_POOL_ADDRESS_BYTES];
        size_t length = strcspn(list, ",");
        if (length == 0 || length >= sizeof(wanted))
            return plim_error_set(err, PLIM_ERR_USAGE,
                                  "--listen wants unix:/path or 127.0.0.1:PORT, not \"%s\"", list);
        memcpy(wanted, list, length);
        wanted[length] = '\0';
        list += length + (list[length] == ',');
        status = plim_worker_pool_listen(run->pool, wanted, is_remote, given, sizeof(given), err);
        if (status == PLIM_OK)
            plim__say_always(&cli->say, "listening: %s", given);
    }
    return status;
}

plim_status plim__run_pool_open(plim__run *run, plim_error *err)
{
    const plim__args *args = &run->cli->args;
    const plim_child_spec *worker = &run->tree.top.children[0];
    uint64_t spares = plim__args_number(args, PLIM__OPTION_spare, 1);
    uint64_t requests = plim__args_number(args, PLIM__OPTION_max_requests, 0);
    uint64_t queue = plim__args_number(args, PLIM__OPTION_queue, 0);
    plim_worker_pool_options options = {.struct_bytes = sizeof(options),
                                        .command = worker->command,
                                        .name = run->tree.worker_name,
                                        .workers = run->tree.policy_count - (uint32_t)spares,
                                        .spares = spares == 0 ? PLIM_POOL_NONE : (uint32_t)spares,
                                        .queue_max =
                                            queue < UINT32_MAX ? (uint32_t)queue : UINT32_MAX,
                                        .max_requests = requests,
                                        .max_requests_jitter = requests / RUN_POOL_JITTER,
                                        .shutdown_ns = worker->shutdown_ns,
                                        .intensity = run->tree.top.intensity,
                                        .period_s = run->tree.top.period_s,
                                        .is_reaper = true,
                                        .event = plim__run_on_pool,
                                        .supervised = plim__run_on_event,
                                        .ctx = run};
    options.request_timeout_ns = plim__args_number(args, PLIM__OPTION_run_deadline, 0);
    options.health_interval_ns = plim__args_number(args, PLIM__OPTION_health, 0);
    plim_status status = plim_worker_pool_create(&options, &run->pool, err);
    if (status != PLIM_OK)
        return status;
    run->supervisor = plim_worker_pool_supervisor(run->pool);
    return run_pool_listen(run, args->values[PLIM__OPTION_run_listen].text, err);
}

void plim__run_pool_stop(plim__run *run)
{
    plim_worker_pool_stop(
        run->pool, plim__args_number(&run->cli->args, PLIM__OPTION_drain, run_pool_drain_ns));
}

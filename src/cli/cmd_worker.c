/* SPDX-License-Identifier: MIT */
/* A worker where others supervise it. What joins it to them is an executable of its own, so that
   nobody else links their libraries; this finds it and becomes it. */
#include "cli/cli.h"
#include "cli/process.h"

enum { WORKER_ARGUMENTS_MAX = 1024, WORKER_FIXED = 7 };

plim_status plim__cmd_worker(plim__cli *cli, plim_error *err)
{
    const plim__args *args = &cli->args;
    const char *argv[WORKER_ARGUMENTS_MAX];
    uint32_t count = 0;
    if (!plim__args_has(args, PLIM__OPTION_erlang)) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "plim worker wants --erlang NODE");
        plim_error_hint(err, "plim worker --help; plim run supervises workers here");
        return status;
    }
    if (args->program == NULL || args->program[0] == NULL) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "plim worker wants a command after --");
        plim_error_hint(err, "plim worker --help");
        return status;
    }
    argv[count++] = "plim-erlang-worker";
    argv[count++] = args->values[PLIM__OPTION_erlang].text;
    if (plim__args_has(args, PLIM__OPTION_node_name)) {
        argv[count++] = "--name";
        argv[count++] = args->values[PLIM__OPTION_node_name].text;
    }
    if (plim__args_has(args, PLIM__OPTION_cookie_file)) {
        argv[count++] = "--cookie-file";
        argv[count++] = args->values[PLIM__OPTION_cookie_file].text;
    }
    argv[count++] = "--";
    for (uint32_t i = 0; args->program[i] != NULL; i++) {
        if (count >= WORKER_ARGUMENTS_MAX - 1)
            return plim_error_set(err, PLIM_ERR_USAGE, "a command of more than %d words",
                                  WORKER_ARGUMENTS_MAX - WORKER_FIXED - 1);
        argv[count++] = args->program[i];
    }
    argv[count] = NULL;
    plim_status status = plim__process_become(argv, err);
    plim_error_hint(err, "plim-erlang-worker is built where erlang-dev is; PLIM_LIBEXEC names its "
                         "folder");
    return status;
}

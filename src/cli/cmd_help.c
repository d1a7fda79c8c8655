/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

plim_status plim__cmd_help(plim__cli *cli, plim_error *err)
{
    if (cli->args.operand_count == 0) {
        plim__help_all(&cli->out);
        return PLIM_OK;
    }
    const char *name = cli->args.operands[0];
    const plim__command *command = plim__command_find(name);
    if (command != NULL) {
        plim__help_command(&cli->out, command);
        return PLIM_OK;
    }
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "there is no verb \"%s\"", name);
    const char *nearest = plim__command_nearest(name);
    if (nearest != NULL)
        plim_error_hint(err, "plim help %s", nearest);
    plim_error_hint(err, "plim help");
    return status;
}

/* SPDX-License-Identifier: MIT */
/* What runtimes add to a command while it is planned. They know this, and plan.c knows them. */
#include <stdarg.h>
#include <stdio.h>

#include "inspect/launch/launcher.h"

plim_status plim__launch_add(plim__launch_plan *plan, enum plim__launch_what what, plim_error *err,
                             const char *format, ...)
{
    bool is_option = what == PLIM__LAUNCH_OPTION;
    size_t *count = is_option ? &plan->option_count : &plan->variable_count;
    size_t most = is_option ? PLIM__LAUNCH_OPTIONS_MAX : PLIM__LAUNCH_VARIABLES_MAX;
    size_t room = sizeof plan->text - plan->text_len;
    va_list list;
    va_start(list, format);
    int len = vsnprintf(plan->text + plan->text_len, room, format, list);
    va_end(list);
    if (*count == most || len < 0 || (size_t)len >= room)
        return plim_error_set(err, PLIM_ERR_LIMIT, "the command line is too long");
    (is_option ? plan->options : plan->variables)[(*count)++] = plan->text + plan->text_len;
    plan->text_len += (size_t)len + 1;
    return PLIM_OK;
}

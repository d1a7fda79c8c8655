/* SPDX-License-Identifier: MIT */
#include "cli/classlist.h"

plim_status plim__cmd_classes(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    uint32_t want = PLIM_WANT_DISTANCES | PLIM_WANT_DOMINATORS | PLIM_WANT_CLASSES;
    plim__class_order order = (plim__class_order)plim__args_number(&cli->args, PLIM__OPTION_sort,
                                                                   PLIM__CLASS_BY_RETAINED);
    plim_status status = plim__heap_open(cli, cli->args.operands[0], want, &heap, err);
    if (status == PLIM_OK) {
        if (plim__cli_is_json(cli))
            plim__emit_start(&cli->emit, &cli->out, "classes");
        status = plim__classlist_show(cli, heap.analysis, order,
                                      cli->args.values[PLIM__OPTION_filter].text, err);
        if (plim__cli_is_json(cli))
            plim__emit_finish(&cli->emit);
    }
    plim__heap_close(&heap);
    return status;
}

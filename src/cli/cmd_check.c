/* SPDX-License-Identifier: MIT */
/* A verb that judges: what contradicts itself is its finding, and ends with exit status 1. */
#include <plimsoll/config.h>

#include "cli/cli.h"
#include "cli/sheet.h"

static const char *check_source(plim_config_source source)
{
    switch (source) {
    case PLIM_CONFIG_DEFAULT:
        return "default";
    case PLIM_CONFIG_SYSTEM:
        return "system";
    case PLIM_CONFIG_USER:
        return "user";
    case PLIM_CONFIG_PROJECT:
        return "file";
    case PLIM_CONFIG_ENVIRONMENT:
        return "environment";
    case PLIM_CONFIG_OVERRIDE:
        break;
    }
    return "override";
}

/* Lines are a column of their own: in JSON a number, 0 for what is no file's. */
static void check_sheet(plim__cli *cli, const plim_config *config)
{
    static const plim__column columns[] = {
        {"section", "section", PLIM__CELL_NAME},   {"key", "key", PLIM__CELL_TEXT},
        {"value", "value", PLIM__CELL_TEXT},       {"bytes", "bytes", PLIM__CELL_COUNT},
        {"source", "from", PLIM__CELL_TEXT},       {"where", "where", PLIM__CELL_PLACE},
        {"line", "line", PLIM__CELL_PLAIN_NUMBER},
    };
    plim__sheet sheet;
    plim_config_row row;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "values", columns, 7);
    for (uint32_t i = 0; plim_config_row_read(config, i, &row); i++) {
        plim__sheet_text(&sheet, plim__text_of(row.section));
        plim__sheet_text(&sheet, plim__text_of(row.key));
        plim__sheet_text(&sheet, plim__text_of(row.value));
        plim__sheet_unsigned(&sheet, row.bytes);
        plim__sheet_text(&sheet, plim__text_of(check_source(row.source)));
        plim__sheet_text(&sheet, plim__text_of(row.where));
        plim__sheet_unsigned(&sheet, row.line != 0 ? row.line : UINT64_MAX);
    }
    plim__sheet_finish(&sheet);
}

plim_status plim__cmd_check(plim__cli *cli, plim_error *err)
{
    plim_config_options options = {.struct_bytes = sizeof options,
                                   .path = plim__args_file(&cli->args, 0),
                                   .allocator = cli->allocator};
    plim_config *config = NULL;
    plim_status status = plim_config_load(&options, &config, err);
    if (status != PLIM_OK)
        return status;
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "check");
        plim__emit_unsigned(&cli->emit, "domains", plim_config_domain_count(config));
    }
    plim_config_row row;
    bool is_empty = !plim_config_row_read(config, 0, &row);
    if (is_empty && plim__cli_is_human(cli))
        plim__out_puts(&cli->out, "nothing is said: no plimsoll.conf, no PLIM_ variable\n");
    else
        check_sheet(cli, config);
    if (plim__cli_is_json(cli))
        plim__emit_finish(&cli->emit);
    plim_config_destroy(&config);
    return PLIM_OK;
}

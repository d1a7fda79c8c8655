/* SPDX-License-Identifier: MIT */
#include "cli/session.h"
#include "cli/units.h"

static void usage_row(plim__cli *cli, const char *label, uint64_t bytes, uint64_t of_bytes,
                      const char *of_word)
{
    char text[PLIM__UNITS_BYTES];
    char of_text[PLIM__UNITS_BYTES];
    if (bytes == PLIM_UNKNOWN)
        return;
    plim__units_bytes(text, bytes, cli->out.exact_bytes);
    plim__out_printf(&cli->out, "  %-15s %14s", label, text);
    if (of_bytes != PLIM_UNKNOWN && of_bytes > 0) {
        plim__units_bytes(of_text, of_bytes, cli->out.exact_bytes);
        plim__out_printf(&cli->out, "  %s %s", of_word, of_text);
        if (bytes <= of_bytes)
            plim__out_printf(&cli->out, " (%.1f%%)", (double)bytes * 100.0 / (double)of_bytes);
    }
    plim__out_puts(&cli->out, "\n");
}

static void usage_show(plim__cli *cli, const plim_target *target, const plim_usage *usage)
{
    plim_target_info info;
    plim_target_identify(target, &info);
    plim__session_show(cli, target);
    usage_row(cli, "heap used", usage->used_bytes, usage->total_bytes, "of");
    usage_row(cli, "embedder", usage->embedder_bytes, PLIM_UNKNOWN, "");
    usage_row(cli, "backing stores", usage->backing_store_bytes, PLIM_UNKNOWN, "");
    usage_row(cli, "process", usage->process_rss_bytes, usage->process_peak_bytes, "peak");
    usage_row(cli, "cgroup", usage->cgroup_used_bytes, usage->cgroup_limit_bytes, "of");
    if (info.note[0] != '\0')
        plim__out_printf(&cli->out, "  %s\n", info.note);
}

static void usage_plain(plim__cli *cli, const plim_usage *usage)
{
    const struct {
        const char *key;
        uint64_t bytes;
    } rows[] = {
        {"used_bytes", usage->used_bytes},
        {"total_bytes", usage->total_bytes},
        {"embedder_bytes", usage->embedder_bytes},
        {"backing_store_bytes", usage->backing_store_bytes},
        {"process_rss_bytes", usage->process_rss_bytes},
        {"process_peak_bytes", usage->process_peak_bytes},
        {"cgroup_limit_bytes", usage->cgroup_limit_bytes},
        {"cgroup_used_bytes", usage->cgroup_used_bytes},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plim__out_printf(&cli->out, "%s\t", rows[i].key);
        if (rows[i].bytes != PLIM_UNKNOWN)
            plim__out_printf(&cli->out, "%llu", (unsigned long long)rows[i].bytes);
        plim__out_puts(&cli->out, "\n");
    }
}

plim_status plim__cmd_usage(plim__cli *cli, plim_error *err)
{
    plim_target *target = NULL;
    plim_usage usage;
    plim_status status = plim__session_open(cli, cli->args.operands[0], &target, err);
    if (status == PLIM_OK) {
        plim__session_announce(cli, target);
        status = plim_target_usage(target, &usage, err);
    }
    if (status == PLIM_OK && plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "usage");
        plim__session_emit(cli, target);
        plim__session_emit_usage(cli, &usage);
        plim__emit_finish(&cli->emit);
    } else if (status == PLIM_OK && plim__cli_is_human(cli)) {
        usage_show(cli, target, &usage);
    } else if (status == PLIM_OK) {
        usage_plain(cli, &usage);
    }
    plim_target_close(&target);
    return status;
}

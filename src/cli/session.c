/* SPDX-License-Identifier: MIT */
#include "cli/session.h"

#include <plimsoll/bridge.h>

#include <string.h>

#include "cli/terminal.h"
#include "cli/units.h"

enum { SESSION_NAME_BYTES_MAX = 40 };

plim_target_options plim__session_options(const plim__cli *cli)
{
    return (plim_target_options){
        .struct_bytes = sizeof(plim_target_options),
        .open_inspector = plim__args_has(&cli->args, PLIM__OPTION_open_inspector),
        .keep_open = plim__args_has(&cli->args, PLIM__OPTION_keep_open),
        .list_workers = plim__args_has(&cli->args, PLIM__OPTION_workers),
        .allocator = cli->allocator,
        .call_timeout_ns = plim__args_number(&cli->args, PLIM__OPTION_patience, 0),
        .interrupt = &cli->interrupt,
        .families = plim_program_families(),
        .ssh = plim__environment("PLIM_SSH"),
    };
}

/* A region's file reads like an address to who has just looked into it with `plim view`. */
static plim_status session_of_region(const char *path, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                        "%.200s is a region's file, not a program that runs", path);
    plim_error_hint(err,
                    "reading verbs take it as it is (plim summary %.80s), and plim export "
                    "%.80s -o NAME.heapsnapshot writes it for DevTools",
                    path, path);
    return status;
}

plim_status plim__session_open(plim__cli *cli, const char *address, plim_target **out_target,
                               plim_error *err)
{
    plim_target_options options = plim__session_options(cli);
    if (strchr(address, ':') == NULL && plim_region_is_file(address))
        return session_of_region(address, err);
    plim__say_begin(&cli->say, "connecting to %s", address);
    plim_status status = plim_target_open(address, &options, out_target, err);
    plim__say_end(&cli->say);
    if (status != PLIM_OK)
        return status;
    plim_target_info info;
    plim_target_identify(*out_target, &info);
    plim__say_detail(&cli->say, "found %s%s%s, pid %lld, at %s", info.runtime,
                     info.version[0] != '\0' ? " " : "", info.version, (long long)info.pid,
                     info.address);
    return PLIM_OK;
}

void plim__session_announce(plim__cli *cli, const plim_target *target)
{
    plim_target_info info;
    plim_target_identify(target, &info);
    if ((info.traits & PLIM_TARGET_USAGE_EVALUATES) != 0)
        plim__say_always(&cli->say,
                         "%s's inspector has no figures of memory: plim evaluates "
                         "process.memoryUsage() in it",
                         info.runtime);
}

void plim__session_close(plim__cli *cli, plim_target **target)
{
    bool stopped = *target != NULL && plim_interrupt_count(&cli->interrupt) > 0;
    if (stopped)
        plim__say_begin(&cli->say, "letting the target finish; Ctrl-C again leaves at once");
    plim_target_close(target);
    if (stopped)
        plim__say_end(&cli->say);
}

void plim__session_emit(plim__cli *cli, const plim_target *target)
{
    plim_target_info info;
    plim_target_identify(target, &info);
    plim__emit_string(&cli->emit, "runtime", info.runtime);
    plim__emit_string(&cli->emit, "version", info.version);
    plim__emit_string(&cli->emit, "title", info.title);
    plim__emit_string(&cli->emit, "address", info.address);
    if (info.pid >= 0)
        plim__emit_signed(&cli->emit, "pid", info.pid);
    else
        plim__emit_null(&cli->emit, "pid");
    plim__emit_unsigned(&cli->emit, "worker", info.worker_id);
}

void plim__session_emit_remark(plim__cli *cli, const plim_target *target)
{
    const char *remark = plim_target_remark(target);
    if (remark[0] != '\0')
        plim__emit_string(&cli->emit, "remark", remark);
    else
        plim__emit_null(&cli->emit, "remark");
}

void plim__session_show_remark(plim__cli *cli, const plim_target *target)
{
    const char *remark = plim_target_remark(target);
    if (remark[0] != '\0')
        plim__say_always(&cli->say, "note: %s", remark);
}

void plim__session_emit_usage(plim__cli *cli, const plim_usage *usage)
{
    plim__emit *emit = &cli->emit;
    plim__emit_known(emit, "used_bytes", usage->used_bytes);
    plim__emit_known(emit, "total_bytes", usage->total_bytes);
    plim__emit_known(emit, "embedder_bytes", usage->embedder_bytes);
    plim__emit_known(emit, "backing_store_bytes", usage->backing_store_bytes);
    plim__emit_known(emit, "process_rss_bytes", usage->process_rss_bytes);
    plim__emit_known(emit, "process_peak_bytes", usage->process_peak_bytes);
    plim__emit_known(emit, "cgroup_limit_bytes", usage->cgroup_limit_bytes);
    plim__emit_known(emit, "cgroup_used_bytes", usage->cgroup_used_bytes);
}

void plim__session_show(plim__cli *cli, const plim_target *target)
{
    plim_target_info info;
    plim__out *out = &cli->out;
    plim_target_identify(target, &info);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_HEAD));
    plim__out_show(out, plim__text_of(info.runtime));
    plim__out_puts(out, info.version[0] != '\0' ? " " : "");
    plim__out_show(out, plim__text_of(info.version));
    plim__out_puts(out, plim__style_off(out->colour));
    plim__out_puts(out, "  ");
    plim__out_show(out, plim__text_of(info.title));
    if (info.pid >= 0)
        plim__out_printf(out, "  pid %lld", (long long)info.pid);
    plim__out_puts(out, "  ");
    plim__out_show(out, plim__text_of(info.address));
    plim__out_puts(out, "\n");
}

static bool session_letter_is_plain(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
}

void plim__session_file_name(plim__draft *out_name, const plim_target *target, const char *kind)
{
    plim_target_info info;
    char stamp[PLIM__STAMP_BYTES];
    plim_target_identify(target, &info);
    const char *slash = strrchr(info.title, '/');
    const char *title = slash != NULL ? slash + 1 : info.title;
    const char *dot = strrchr(title, '.');
    size_t length = dot != NULL && dot != title ? (size_t)(dot - title) : strlen(title);
    size_t before = out_name->size_bytes;
    if (info.worker_id != 0) {
        plim__draft_printf(out_name, "worker%u", info.worker_id);
        length = 0;
    }
    for (size_t i = 0; i < length && i < SESSION_NAME_BYTES_MAX; i++) {
        bool leading = out_name->size_bytes == before;
        if (session_letter_is_plain(title[i]) && !(leading && (title[i] == '.' || title[i] == '-')))
            plim__draft_add(out_name, &title[i], 1);
    }
    if (out_name->size_bytes == before)
        plim__draft_puts(out_name, info.runtime);
    if (info.pid >= 0)
        plim__draft_printf(out_name, "-%lld", (long long)info.pid);
    plim__clock_stamp(stamp);
    plim__draft_printf(out_name, "-%s%s", stamp, kind);
}

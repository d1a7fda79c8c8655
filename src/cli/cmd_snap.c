/* SPDX-License-Identifier: MIT */
/* Snapshots to files: one, or a series over one connection whose ids compare. */
#include <stdio.h>
#include <string.h>

#include "cli/process.h"
#include "cli/record.h"
#include "cli/secret.h"
#include "cli/series.h"
#include "cli/session.h"
#include "cli/units.h"

enum { SNAP_COUNT_MAX = 64 };

static const uint64_t snap_every_default_ns = 30000000000u;

typedef struct snap_job {
    plim__cli *cli;
    plim_target *target;
    plim__series series;
    uint32_t count;
    bool to_stdout;
} snap_job;

/* The suffix that the runtime's own format has, or V8's. */
static const char *snap_suffix(const snap_job *job)
{
    plim_target_info info;
    plim_target_identify(job->target, &info);
    return plim__record_is_v8(job->cli) ? ".heapsnapshot" : info.snapshot_ending;
}

static void snap_default_name(const snap_job *job, plim__draft *name)
{
    plim__session_file_name(name, job->target, snap_suffix(job));
    if (job->cli->secret != NULL)
        plim__draft_puts(name, ".enc");
}

/* FILE, or FILE with -N before what it ends in: app-2.heapsnapshot.zst. */
static void snap_name(const snap_job *job, uint32_t index, plim__draft *out_name)
{
    const char *wanted = job->cli->args.values[PLIM__OPTION_output].text;
    plim__draft name;
    plim__draft_init(&name, job->cli->allocator);
    if (wanted != NULL) {
        plim__draft_puts(&name, wanted);
    } else {
        snap_default_name(job, &name);
    }
    plim_text text = plim__draft_view(&name);
    if (job->count == 1) {
        plim__draft_add(out_name, text.data, text.size_bytes);
    } else {
        const char *slash = strrchr(text.data, '/');
        const char *base = slash != NULL ? slash + 1 : text.data;
        const char *ending = strstr(base, snap_suffix(job));
        if (ending == NULL)
            ending = strchr(base, '.');
        if (ending == NULL || ending == base)
            ending = text.data + text.size_bytes;
        plim__draft_add(out_name, text.data, (size_t)(ending - text.data));
        plim__draft_printf(out_name, "-%u", index + 1);
        plim__draft_puts(out_name, ending);
    }
    plim__draft_fini(&name);
}

static void snap_tell(snap_job *job, const char *path, const plim_snapshot_result *result)
{
    plim__cli *cli = job->cli;
    char size[PLIM__UNITS_BYTES];
    char nodes[PLIM__UNITS_BYTES];
    char pause[PLIM__UNITS_BYTES];
    plim__units_bytes(size, result->byte_count, cli->out.exact_bytes);
    plim__units_count(nodes, result->node_count);
    plim__units_time(pause, result->pause_ns);
    if (plim__cli_is_json(cli)) {
        plim__emit_object(&cli->emit, NULL);
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "bytes", result->byte_count);
        plim__emit_unsigned(&cli->emit, "nodes", result->node_count);
        plim__emit_unsigned(&cli->emit, "edges", result->edge_count);
        plim__emit_unsigned(&cli->emit, "pause_ns", result->pause_ns);
        plim__session_emit_remark(cli, job->target);
        plim__emit_object_end(&cli->emit);
    } else if (job->to_stdout) {
        plim__say_note(&cli->say, "%s, %s nodes; the target stood still for %s", size, nodes,
                       pause);
    } else if (plim__cli_is_human(cli)) {
        plim__out_puts(&cli->out, plim__style_on(cli->out.colour, PLIM__STYLE_NAME));
        plim__out_show(&cli->out, plim__text_of(path));
        plim__out_puts(&cli->out, plim__style_off(cli->out.colour));
        plim__out_printf(&cli->out, "\n  %s, %s nodes; the target stood still for %s\n", size,
                         nodes, pause);
    } else {
        plim__out_show(&cli->out, plim__text_of(path));
        plim__out_printf(
            &cli->out, "\t%llu\t%llu\t%llu\t%llu\n", (unsigned long long)result->byte_count,
            (unsigned long long)result->node_count, (unsigned long long)result->edge_count,
            (unsigned long long)result->pause_ns);
    }
    if (!job->to_stdout && !plim__cli_is_json(cli))
        plim__out_flush(&cli->out);
    if (!plim__cli_is_json(cli))
        plim__session_show_remark(cli, job->target);
}

static plim_status snap_one(snap_job *job, uint32_t index, plim_error *err)
{
    plim_snapshot_result result = {0};
    plim__draft name;
    plim__draft_init(&name, job->cli->allocator);
    snap_name(job, index, &name);
    plim_status status = PLIM_OK;
    if (name.failed)
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a file name");
    if (status == PLIM_OK)
        status =
            plim__record_snapshot(job->cli, job->target, plim__draft_peek(&name), &result, err);
    if (status == PLIM_OK)
        snap_tell(job, plim__draft_peek(&name), &result);
    /* Bun numbers the objects of V8's format anew in each: no two are of one series. */
    plim_target_info info;
    plim_target_identify(job->target, &info);
    bool is_alone = plim__record_is_v8(job->cli) && strcmp(info.snapshot_ending, ".heapsnapshot");
    if (status == PLIM_OK && (is_alone || (info.traits & PLIM_TARGET_IDS_CHANGE) != 0))
        status = plim__series_start(&job->series, &info, err);
    /* A single one is a series of one: its ids compare with no other file's, but those
       of a C program, whose series is its own. */
    if (status == PLIM_OK && !job->to_stdout)
        status = plim__series_write(job->cli, &job->series, plim__draft_peek(&name), index, err);
    plim__draft_fini(&name);
    return status;
}

static plim_status snap_all(snap_job *job, plim_error *err)
{
    plim__cli *cli = job->cli;
    uint64_t every_ns = plim__args_number(&cli->args, PLIM__OPTION_every, snap_every_default_ns);
    plim_target_info info;
    plim_target_identify(job->target, &info);
    plim_status status = plim__series_start(&job->series, &info, err);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "snap");
        plim__session_emit(cli, job->target);
        plim__emit_array(&cli->emit, "snapshots");
    }
    plim__record_show_estimate(cli, job->target);
    for (uint32_t i = 0; status == PLIM_OK && i < job->count; i++) {
        if (i > 0) {
            char wait[PLIM__UNITS_BYTES];
            plim__units_time(wait, every_ns);
            plim__say_begin(&cli->say, "waiting %s before snapshot %u of %u", wait, i + 1,
                            job->count);
            status = plim__process_sleep(every_ns, &cli->interrupt, err);
            plim__say_end(&cli->say);
        }
        if (status == PLIM_OK)
            status = snap_one(job, i, err);
    }
    if (plim__cli_is_json(cli)) {
        plim__emit_array_end(&cli->emit);
        plim__emit_finish(&cli->emit);
    }
    return status;
}

plim_status plim__cmd_snap(plim__cli *cli, plim_error *err)
{
    snap_job job = {.cli = cli};
    uint64_t count = plim__args_number(&cli->args, PLIM__OPTION_count, 1);
    const char *wanted = cli->args.values[PLIM__OPTION_output].text;
    job.to_stdout = wanted != NULL && plim__record_is_stdout(wanted);
    if (count == 0 || count > SNAP_COUNT_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "--count wants a number from 1 to %d",
                              SNAP_COUNT_MAX);
    if (job.to_stdout && (count > 1 || plim__cli_is_json(cli)))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "-o - gives one snapshot and nothing else on standard output");
    job.count = (uint32_t)count;
    plim__secret secret;
    plim_status status = PLIM_OK;
    if (plim__args_has(&cli->args, PLIM__OPTION_encrypt)) {
        status = plim__secret_get(cli, true, &secret, err);
        cli->secret = status == PLIM_OK ? &secret : NULL;
    }
    if (status == PLIM_OK)
        status = plim__session_open(cli, cli->args.operands[0], &job.target, err);
    if (status == PLIM_OK)
        status = snap_all(&job, err);
    plim__session_close(cli, &job.target);
    cli->secret = NULL;
    plim__secret_wipe(&secret);
    return status;
}

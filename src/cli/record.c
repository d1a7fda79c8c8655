/* SPDX-License-Identifier: MIT */
#include "cli/record.h"

#include <plimsoll/codec.h>
#include <plimsoll/crypt.h>
#include <plimsoll/file.h>

#include <string.h>

#include "cli/process.h"
#include "cli/secret.h"
#include "cli/units.h"

/* A sink that counts what passes. */
typedef struct record_meter {
    plim_sink inner;
    uint64_t bytes;
} record_meter;

static plim_status record_meter_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    record_meter *meter = ctx;
    plim_status status = meter->inner.write(meter->inner.ctx, data, len, err);
    if (status == PLIM_OK)
        meter->bytes += len;
    return status;
}

bool plim__record_is_v8(const plim__cli *cli)
{
    return plim__args_number(&cli->args, PLIM__OPTION_format, 0) == 1; /* own|v8 */
}

bool plim__record_is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

static bool record_is_worth_keeping(plim_status status)
{
    return status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_GONE || status == PLIM_ERR_TIMEOUT;
}

/* Ends the file as its fate demands. The first error stays the one that is told. */
static plim_status record_end(plim__cli *cli, plim_file_sink **file, const char *path,
                              plim_status status, uint64_t bytes, plim_error *err)
{
    if (status == PLIM_OK)
        return plim_file_sink_commit(file, err);
    if (bytes > 0 && record_is_worth_keeping(status) && !plim__record_is_stdout(path)) {
        char size[PLIM__UNITS_BYTES];
        plim__units_bytes(size, bytes, cli->out.exact_bytes);
        plim_error lost = {0};
        if (plim_file_sink_keep_partial(file, &lost) == PLIM_OK)
            plim__say_always(&cli->say, "kept %s.partial: %s arrived, the rest did not", path,
                             size);
        else
            plim__say_always(&cli->say, "nothing was kept: %s", lost.what);
        return status;
    }
    plim_file_sink_abandon(file);
    if (status == PLIM_ERR_INTERRUPTED && bytes == 0)
        plim__say_always(&cli->say, "nothing had arrived yet: no file was written");
    return status;
}

plim_status plim__record(plim__cli *cli, const char *path, plim__recorder recorder, void *ctx,
                         uint64_t *out_bytes, plim_error *err)
{
    plim_file_sink *file = NULL;
    plim_encrypter *encrypter = NULL;
    plim_encoder *encoder = NULL;
    *out_bytes = 0;
    bool overwrite = plim__args_has(&cli->args, PLIM__OPTION_overwrite);
    plim_status status = plim_file_sink_create(path, overwrite, cli->allocator, &file, err);
    if (status == PLIM_ERR_EXISTS)
        plim_error_hint(err, "-f replaces it; -o FILE writes elsewhere");
    if (status != PLIM_OK)
        return status;
    plim_sink inner = plim_file_sink_view(file);
    if (cli->secret != NULL) {
        plim_crypt_secret secret = plim__secret_view(cli->secret);
        status = plim_encrypter_create(inner, &secret, cli->allocator, &encrypter, err);
        if (status == PLIM_OK)
            inner = plim_encrypter_view(encrypter);
    }
    if (status == PLIM_OK)
        status =
            plim_encoder_create(inner, plim_codec_of_name(path), cli->allocator, &encoder, err);
    if (status != PLIM_OK) {
        plim_encrypter_destroy(&encrypter);
        plim_file_sink_abandon(&file);
        return status;
    }
    record_meter meter = {.inner = plim_encoder_view(encoder)};
    status = recorder(ctx, (plim_sink){&meter, record_meter_write}, err);
    bool readable = status == PLIM_OK || record_is_worth_keeping(status);
    if (readable) {
        /* A partial file gets its trailer, too: what did arrive can then be decompressed. */
        plim_error *told = status == PLIM_OK ? err : NULL;
        plim_status finished = plim_encoder_finish(encoder, told);
        if (finished == PLIM_OK && encrypter != NULL)
            finished = plim_encrypter_finish(encrypter, told);
        if (status == PLIM_OK)
            status = finished;
    }
    plim_encoder_destroy(&encoder);
    plim_encrypter_destroy(&encrypter);
    *out_bytes = meter.bytes;
    return record_end(cli, &file, path, status, meter.bytes, err);
}

static bool record_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    plim__cli *cli = ctx;
    if (strcmp(phase, "receiving") == 0)
        plim__say_bytes(&cli->say, done, total);
    else
        plim__say_share(&cli->say, phase, done, total);
    return plim_interrupt_count(&cli->interrupt) == 0;
}

plim_progress plim__record_progress(plim__cli *cli)
{
    return (plim_progress){cli, record_step};
}

typedef struct record_job {
    plim__cli *cli;
    plim_target *target;
    plim_snapshot_result result;
} record_job;

static plim_status record_take(void *ctx, plim_sink sink, plim_error *err)
{
    record_job *job = ctx;
    plim_snapshot_options options = {
        .struct_bytes = sizeof options,
        .force = plim__args_has(&job->cli->args, PLIM__OPTION_force),
        .numeric_values = plim__args_has(&job->cli->args, PLIM__OPTION_numeric),
        .progress = plim__record_progress(job->cli),
        .as_v8 = plim__record_is_v8(job->cli),
    };
    return plim_target_snapshot(job->target, &options, sink, &job->result, err);
}

void plim__record_show_estimate(plim__cli *cli, plim_target *target)
{
    plim_snapshot_estimate estimate;
    char peak[PLIM__UNITS_BYTES];
    char available[PLIM__UNITS_BYTES];
    if (plim_target_estimate(target, &estimate, NULL) != PLIM_OK)
        return; /* only a remark: the snapshot itself makes its own estimate */
    plim__units_bytes(peak, estimate.peak_bytes, cli->out.exact_bytes);
    if (estimate.available_bytes == PLIM_UNKNOWN) {
        plim__say_note(&cli->say, "estimate: the target may grow to %s while it is taken", peak);
        return;
    }
    plim__units_bytes(available, estimate.available_bytes, cli->out.exact_bytes);
    plim__say_note(&cli->say, "estimate: the target may grow to %s, %s are available%s", peak,
                   available, estimate.safe ? "" : ": NOT SAFE");
}

plim_status plim__record_snapshot(plim__cli *cli, plim_target *target, const char *path,
                                  plim_snapshot_result *out_result, plim_error *err)
{
    record_job job = {.cli = cli, .target = target};
    uint64_t bytes;
    plim__say_begin(&cli->say, "taking a snapshot");
    plim_status status = plim__record(cli, path, record_take, &job, &bytes, err);
    plim__say_end(&cli->say);
    if (status == PLIM_ERR_UNSAFE)
        plim_error_hint(err, "plim sample is safe; --force takes the snapshot all the same");
    *out_result = job.result;
    return status;
}

typedef struct record_graph {
    plim__cli *cli;
    const plim_graph *graph;
} record_graph;

static plim_status record_write_graph(void *ctx, plim_sink sink, plim_error *err)
{
    const record_graph *job = ctx;
    plim_write_options options = {
        .struct_bytes = sizeof options,
        .allocator = job->cli->allocator,
        .progress = plim__record_progress(job->cli),
    };
    return plim_graph_write_v8(job->graph, sink, &options, err);
}

plim_status plim__record_graph(plim__cli *cli, const char *path, const plim_graph *graph,
                               uint64_t *out_bytes, plim_error *err)
{
    record_graph job = {cli, graph};
    return plim__record(cli, path, record_write_graph, &job, out_bytes, err);
}

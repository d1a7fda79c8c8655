/* SPDX-License-Identifier: MIT */
#include "cli/process.h"
#include "cli/profile.h"
#include "cli/record.h"
#include "cli/session.h"
#include "cli/terminal.h"

static const uint64_t sample_duration_default_ns = 10000000000u;
static const uint64_t sample_tick_ns = 200000000u;

enum { SAMPLE_INTERVAL_DEFAULT = 32768 };

static plim_status sample_keep(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim__draft *profile = ctx;
    plim__draft_add(profile, data, len);
    if (profile->failed)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the profile");
    return PLIM_OK;
}

/* Sleeps with a line that counts down; a stop ends it early and is no failure: it is then saved. */
static void sample_wait(plim__cli *cli, uint64_t duration_ns)
{
    uint64_t begun_ns = plim__clock_ns();
    uint64_t done_ns = 0;
    plim__say_begin(&cli->say, "sampling allocations (Ctrl-C ends it early)");
    while (done_ns < duration_ns) {
        uint64_t left_ns = duration_ns - done_ns;
        uint64_t step_ns = left_ns < sample_tick_ns ? left_ns : sample_tick_ns;
        if (plim__process_sleep(step_ns, &cli->interrupt, NULL) != PLIM_OK)
            break;
        done_ns = plim__clock_ns() - begun_ns;
        plim__say_share(&cli->say, "", done_ns, duration_ns);
    }
    plim__say_end(&cli->say);
}

static plim_status sample_write(void *ctx, plim_sink sink, plim_error *err)
{
    const plim__draft *profile = ctx;
    return sink.write(sink.ctx, plim__draft_peek(profile), profile->size_bytes, err);
}

static plim_status sample_take(plim__cli *cli, plim_target *target, plim__draft *profile,
                               plim_error *err)
{
    plim_sampling_options options = {
        .struct_bytes = sizeof options,
        .include_collected = plim__args_has(&cli->args, PLIM__OPTION_collected),
        .interval_bytes =
            plim__args_number(&cli->args, PLIM__OPTION_interval, SAMPLE_INTERVAL_DEFAULT),
    };
    uint64_t duration_ns =
        plim__args_number(&cli->args, PLIM__OPTION_duration, sample_duration_default_ns);
    plim_status status = plim_target_sampling_start(target, &options, err);
    if (status != PLIM_OK)
        return status;
    sample_wait(cli, duration_ns);
    plim__stops_rearm();
    plim__say_begin(&cli->say, "receiving the profile");
    status = plim_target_sampling_stop(target, (plim_sink){profile, sample_keep}, err);
    plim__say_end(&cli->say);
    return status;
}

/* The file, then the table, unless the file is standard output. */
static plim_status sample_show(plim__cli *cli, plim_target *target, plim__draft *profile,
                               plim_error *err)
{
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    uint64_t bytes;
    if (path != NULL) {
        plim_status status = plim__record(cli, path, sample_write, profile, &bytes, err);
        if (status != PLIM_OK || plim__record_is_stdout(path))
            return status;
    }
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "sample");
        plim__session_emit(cli, target);
        plim__emit_unsigned(
            &cli->emit, "interval_bytes",
            plim__args_number(&cli->args, PLIM__OPTION_interval, SAMPLE_INTERVAL_DEFAULT));
        if (path != NULL)
            plim__emit_string(&cli->emit, "path", path);
        else
            plim__emit_null(&cli->emit, "path");
    }
    plim_status status = plim__profile_show(cli, plim__draft_view(profile), err);
    if (plim__cli_is_json(cli))
        plim__emit_finish(&cli->emit);
    if (status == PLIM_OK && path != NULL)
        plim__say_later(&cli->say, "wrote %s: it opens in Chrome DevTools, Memory panel", path);
    return status;
}

plim_status plim__cmd_sample(plim__cli *cli, plim_error *err)
{
    plim_target *target = NULL;
    plim__draft profile;
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    if (plim__args_has(&cli->args, PLIM__OPTION_interval) &&
        cli->args.values[PLIM__OPTION_interval].number == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "--interval wants at least 1 byte");
    if (path != NULL && !plim__record_is_stdout(path) && plim__path_exists(path) &&
        !plim__args_has(&cli->args, PLIM__OPTION_overwrite)) {
        plim_status refused = plim_error_set(err, PLIM_ERR_EXISTS, "%s exists already", path);
        plim_error_hint(err, "-f replaces it; -o FILE writes elsewhere");
        return refused;
    }
    plim__draft_init(&profile, cli->allocator);
    plim_status status = plim__session_open(cli, cli->args.operands[0], &target, err);
    if (status == PLIM_OK)
        status = sample_take(cli, target, &profile, err);
    if (status == PLIM_OK)
        status = sample_show(cli, target, &profile, err);
    if (status == PLIM_OK && plim__stops_count() > 0)
        status = plim_error_set(err, PLIM_ERR_INTERRUPTED,
                                "stopped early: the profile covers the time until then");
    plim_target_close(&target);
    plim__draft_fini(&profile);
    return status;
}

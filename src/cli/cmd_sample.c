/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/process.h"
#include "cli/profile.h"
#include "cli/record.h"
#include "cli/session.h"
#include "cli/terminal.h"

static const uint64_t sample_duration_default_ns = 10000000000u;
static const uint64_t sample_tick_ns = 200000000u;

enum { SAMPLE_INTERVAL_DEFAULT = 32768 };

/* A run of the sampler. */
typedef struct sample_job {
    plim__cli *cli;
    plim_target *target;
    plim__draft text; /* what the target gave */
    plim_profile *profile;
    uint64_t interval_bytes;
    uint64_t begun_ns;    /* Unix time */
    uint64_t duration_ns; /* how long it ran */
} sample_job;

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

/*
 * The target's own words, with what they cannot say put in front: whether the sizes are of what
 * lives or of all, and the interval. Chrome DevTools passes such a member by.
 */
static plim_status sample_write(void *ctx, plim_sink sink, plim_error *err)
{
    const sample_job *job = ctx;
    plim_text text = plim__draft_view(&job->text);
    char about[128];
    int length =
        snprintf(about, sizeof about, "{\"plimsoll\":{\"sizes\":\"%s\",\"interval_bytes\":%llu},",
                 plim__args_has(&job->cli->args, PLIM__OPTION_collected) ? "allocated" : "live",
                 (unsigned long long)job->interval_bytes);
    static const char says_it[] = "\"plimsoll\"";
    size_t at = 0;
    while (at + 1 < text.size_bytes && text.data[at] != '{')
        at++;
    at++; /* it was read: there is a bracket */
    if (text.size_bytes - at >= sizeof says_it - 1 &&
        memcmp(text.data + at, says_it, sizeof says_it - 1) == 0)
        return sink.write(sink.ctx, text.data, text.size_bytes, err);
    plim_status status = sink.write(sink.ctx, about, (size_t)length, err);
    if (status == PLIM_OK)
        status = sink.write(sink.ctx, text.data + at, text.size_bytes - at, err);
    return status;
}

static plim_status sample_take(sample_job *job, plim_error *err)
{
    plim__cli *cli = job->cli;
    plim_sampling_options options = {
        .struct_bytes = sizeof options,
        .include_collected = plim__args_has(&cli->args, PLIM__OPTION_collected),
        .interval_bytes = job->interval_bytes,
    };
    uint64_t duration_ns =
        plim__args_number(&cli->args, PLIM__OPTION_duration, sample_duration_default_ns);
    plim_status status = plim_target_sampling_start(job->target, &options, err);
    if (status != PLIM_OK)
        return status;
    uint64_t begun_ns = plim__clock_ns();
    job->begun_ns = plim__clock_unix_ns();
    sample_wait(cli, duration_ns);
    job->duration_ns = plim__clock_ns() - begun_ns;
    plim__stops_rearm();
    plim__say_begin(&cli->say, "receiving the profile");
    status = plim_target_sampling_stop(job->target, (plim_sink){&job->text, sample_keep}, err);
    plim__say_end(&cli->say);
    if (status == PLIM_OK)
        status = plim__profile_take(cli, plim__draft_view(&job->text), job->interval_bytes,
                                    &job->profile, err);
    return status;
}

static plim_status sample_save(sample_job *job, plim_profile_form form, const char *path,
                               plim_error *err)
{
    uint64_t bytes;
    plim_target_info info;
    if (form == PLIM_PROFILE_UNKNOWN || form == PLIM_PROFILE_HEAPPROFILE)
        return plim__record(job->cli, path, sample_write, job, &bytes, err);
    plim_target_identify(job->target, &info);
    plim_profile_write_options about = {
        .title = info.title[0] != '\0' ? info.title : info.runtime,
        .at_ns = job->begun_ns,
        .duration_ns = job->duration_ns,
    };
    return plim__profile_save(job->cli, job->profile, form, path, &about, &bytes, err);
}

static void sample_emit(sample_job *job, const char *path)
{
    plim__emit *emit = &job->cli->emit;
    plim__emit_start(emit, &job->cli->out, "sample");
    plim__session_emit(job->cli, job->target);
    plim__emit_unsigned(emit, "interval_bytes", job->interval_bytes);
    plim__emit_unsigned(emit, "duration_ns", job->duration_ns);
    if (path != NULL)
        plim__emit_string(emit, "path", path);
    else
        plim__emit_null(emit, "path");
    plim__session_emit_remark(job->cli, job->target);
}

static void sample_next(plim__cli *cli, plim_profile_form form, const char *path)
{
    const char *use = form == PLIM_PROFILE_PPROF        ? "go tool pprof reads it"
                      : form == PLIM_PROFILE_FOLDED     ? "flamegraph.pl and speedscope read it"
                      : form == PLIM_PROFILE_SPEEDSCOPE ? "https://www.speedscope.app opens it"
                      : form == PLIM_PROFILE_HTML       ? "any browser opens it"
                                                        : "it opens in Chrome DevTools, Memory "
                                                          "panel";
    plim__say_later(&cli->say, "wrote %s: %s", path, use);
}

/* The files, then the table, unless a file is standard output. */
static plim_status sample_show(sample_job *job, plim_error *err)
{
    plim__cli *cli = job->cli;
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    const char *page = cli->args.values[PLIM__OPTION_html].text;
    plim_profile_form form = path != NULL ? plim__profile_form(cli, path) : PLIM_PROFILE_UNKNOWN;
    plim_status status = path != NULL ? sample_save(job, form, path, err) : PLIM_OK;
    if (status == PLIM_OK && page != NULL)
        status = sample_save(job, PLIM_PROFILE_HTML, page, err);
    if (status != PLIM_OK || (path != NULL && plim__record_is_stdout(path)) ||
        (page != NULL && plim__record_is_stdout(page)))
        return status;
    if (plim__cli_is_json(cli))
        sample_emit(job, path);
    else
        plim__session_show_remark(cli, job->target);
    status = plim__profile_show(cli, job->profile, err);
    if (plim__cli_is_json(cli))
        plim__emit_finish(&cli->emit);
    if (status == PLIM_OK && path != NULL)
        sample_next(cli, form, path);
    else if (status == PLIM_OK && page != NULL)
        sample_next(cli, PLIM_PROFILE_HTML, page);
    return status;
}

static plim_status sample_check_path(plim__cli *cli, const char *path, plim_error *err)
{
    if (path == NULL || plim__record_is_stdout(path) || !plim__path_exists(path) ||
        plim__args_has(&cli->args, PLIM__OPTION_overwrite))
        return PLIM_OK;
    plim_status refused = plim_error_set(err, PLIM_ERR_EXISTS, "%s exists already", path);
    plim_error_hint(err, "-f replaces it; -o FILE writes elsewhere");
    return refused;
}

static plim_status sample_check(plim__cli *cli, plim_error *err)
{
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    const char *page = cli->args.values[PLIM__OPTION_html].text;
    if (plim__args_has(&cli->args, PLIM__OPTION_interval) &&
        cli->args.values[PLIM__OPTION_interval].number == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "--interval wants at least 1 byte");
    if (plim__args_has(&cli->args, PLIM__OPTION_write_as) && path == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "--format wants -o FILE");
    if (plim__profile_wants_snapshot(cli))
        return plim_error_set(err, PLIM_ERR_USAGE, "a profile is no snapshot: see plim snap");
    if (path != NULL && page != NULL && strcmp(path, page) == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "-o and --html name the same file");
    plim_status status = sample_check_path(cli, path, err);
    return status == PLIM_OK ? sample_check_path(cli, page, err) : status;
}

plim_status plim__cmd_sample(plim__cli *cli, plim_error *err)
{
    sample_job job = {
        .cli = cli,
        .interval_bytes =
            plim__args_number(&cli->args, PLIM__OPTION_interval, SAMPLE_INTERVAL_DEFAULT),
    };
    plim_status status = sample_check(cli, err);
    if (status != PLIM_OK)
        return status;
    plim__draft_init(&job.text, cli->allocator);
    status = plim__session_open(cli, cli->args.operands[0], &job.target, err);
    if (status == PLIM_OK)
        status = sample_take(&job, err);
    if (status == PLIM_OK)
        status = sample_show(&job, err);
    if (status == PLIM_OK && plim__stops_count() > 0)
        status = plim_error_set(err, PLIM_ERR_INTERRUPTED,
                                "stopped early: the profile covers the time until then");
    plim_target_close(&job.target);
    plim_profile_destroy(&job.profile);
    plim__draft_fini(&job.text);
    return status;
}

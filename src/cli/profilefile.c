/* SPDX-License-Identifier: MIT */
/* Profiles from text and files, and to files. */
#include <plimsoll/codec.h>
#include <plimsoll/file.h>
#include <plimsoll/formats.h>

#include <string.h>

#include "cli/heapfile.h"
#include "cli/process.h"
#include "cli/profile.h"
#include "cli/record.h"

/* The words of --format, as option.def has them. */
enum {
    PROFILE_WORD_HEAPPROFILE,
    PROFILE_WORD_PPROF,
    PROFILE_WORD_FOLDED,
    PROFILE_WORD_SPEEDSCOPE,
    PROFILE_WORD_HTML,
    PROFILE_WORD_HEAPSNAPSHOT
};

typedef struct profile_text {
    plim_text text;
    size_t at;
} profile_text;

static plim_status profile_text_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                     plim_error *err)
{
    profile_text *from = ctx;
    (void)err;
    size_t left = from->text.size_bytes - from->at;
    *out_len = left < cap ? left : cap;
    if (*out_len > 0)
        memcpy(buffer, from->text.data + from->at, *out_len);
    from->at += *out_len;
    return PLIM_OK;
}

plim_status plim__profile_take(plim__cli *cli, plim_text text, uint64_t interval_bytes,
                               plim_profile **out_profile, plim_error *err)
{
    plim_error why = {0};
    profile_text from = {.text = text};
    plim_profile_options options = {
        .struct_bytes = sizeof options,
        .collected = plim__args_has(&cli->args, PLIM__OPTION_collected),
        .allocator = cli->allocator,
        .interval_bytes = interval_bytes,
    };
    plim_source source = {&from, profile_text_read, text.size_bytes};
    plim_status status = plim_profile_read(source, &options, out_profile, &why);
    if (status == PLIM_ERR_DAMAGED || status == PLIM_ERR_TRUNCATED)
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "the target's profile cannot be read: %s",
                              why.what);
    if (status != PLIM_OK)
        *err = why;
    return status;
}

static bool profile_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    plim__cli *cli = ctx;
    (void)phase;
    plim__say_bytes(&cli->say, done, total);
    return plim_interrupt_count(&cli->interrupt) == 0;
}

plim_status plim__profile_open(plim__cli *cli, const char *path, plim_profile **out_profile,
                               plim_error *err)
{
    plim_file_source *file = NULL;
    plim_decoder *decoder = NULL;
    plim_profile_options options = {
        .struct_bytes = sizeof options,
        .collected = plim__args_has(&cli->args, PLIM__OPTION_collected),
        .allocator = cli->allocator,
        .progress = {cli, profile_step},
    };
    plim_status status = plim_file_source_open(path, cli->allocator, &file, err);
    if (status != PLIM_OK)
        return status;
    plim__say_begin(&cli->say, "reading %s", path);
    status = plim_decoder_create(plim_file_source_view(file), cli->allocator, &decoder, err);
    if (status == PLIM_OK)
        status = plim_profile_read(plim_decoder_view(decoder), &options, out_profile, err);
    if (status != PLIM_OK)
        plim__heap_where(err, path);
    plim__say_end(&cli->say);
    plim_decoder_destroy(&decoder);
    plim_file_source_close(&file);
    return status;
}

bool plim__profile_is_file(plim__cli *cli, const char *path)
{
    char look[PLIM_FORMAT_LOOK_BYTES];
    size_t size = 0, got = 1;
    plim_file_source *file = NULL;
    plim_decoder *decoder = NULL;
    if (plim__record_is_stdout(path) || !plim__path_exists(path) ||
        plim_file_source_open(path, cli->allocator, &file, NULL) != PLIM_OK)
        return false;
    plim_status status =
        plim_decoder_create(plim_file_source_view(file), cli->allocator, &decoder, NULL);
    plim_source source = status == PLIM_OK ? plim_decoder_view(decoder) : (plim_source){0};
    while (status == PLIM_OK && size < sizeof look && got > 0) {
        status = source.read(source.ctx, look + size, sizeof look - size, &got, NULL);
        size += status == PLIM_OK ? got : 0;
    }
    plim_decoder_destroy(&decoder);
    plim_file_source_close(&file);
    return status == PLIM_OK && plim_profile_guess(look, size);
}

plim_profile_form plim__profile_form(const plim__cli *cli, const char *path)
{
    static const plim_profile_form forms[] = {
        [PROFILE_WORD_HEAPPROFILE] = PLIM_PROFILE_HEAPPROFILE,
        [PROFILE_WORD_PPROF] = PLIM_PROFILE_PPROF,
        [PROFILE_WORD_FOLDED] = PLIM_PROFILE_FOLDED,
        [PROFILE_WORD_SPEEDSCOPE] = PLIM_PROFILE_SPEEDSCOPE,
        [PROFILE_WORD_HTML] = PLIM_PROFILE_HTML,
        [PROFILE_WORD_HEAPSNAPSHOT] = PLIM_PROFILE_UNKNOWN,
    };
    const plim__value *format = &cli->args.values[PLIM__OPTION_write_as];
    return format->given ? forms[format->number] : plim_profile_form_of_name(path);
}

bool plim__profile_wants_snapshot(const plim__cli *cli)
{
    const plim__value *format = &cli->args.values[PLIM__OPTION_write_as];
    return format->given && format->number == PROFILE_WORD_HEAPSNAPSHOT;
}

typedef struct profile_job {
    plim__cli *cli;
    const plim_profile *profile;
    plim_profile_write_options options;
    bool compresses; /* here: pprof's files are gzip whatever they are called */
} profile_job;

static plim_status profile_write(void *ctx, plim_sink sink, plim_error *err)
{
    profile_job *job = ctx;
    plim_encoder *encoder = NULL;
    if (!job->compresses)
        return plim_profile_write(job->profile, sink, &job->options, err);
    plim_status status =
        plim_encoder_create(sink, PLIM_CODEC_GZIP, job->cli->allocator, &encoder, err);
    if (status == PLIM_OK)
        status = plim_profile_write(job->profile, plim_encoder_view(encoder), &job->options, err);
    if (status == PLIM_OK)
        status = plim_encoder_finish(encoder, err);
    plim_encoder_destroy(&encoder);
    return status;
}

static bool profile_ends_in(const char *path, const char *ending)
{
    size_t size = strlen(path), length = strlen(ending);
    return size >= length && strcmp(path + size - length, ending) == 0;
}

plim_status plim__profile_save(plim__cli *cli, const plim_profile *profile, plim_profile_form form,
                               const char *path, const plim_profile_write_options *about,
                               uint64_t *out_bytes, plim_error *err)
{
    profile_job job = {.cli = cli, .profile = profile, .options = *about};
    job.options.struct_bytes = sizeof job.options;
    job.options.form = form;
    job.options.allocator = cli->allocator;
    job.compresses = form == PLIM_PROFILE_PPROF && plim_codec_of_name(path) == PLIM_CODEC_PLAIN &&
                     !profile_ends_in(path, ".pb");
    return plim__record(cli, path, profile_write, &job, out_bytes, err);
}

/* SPDX-License-Identifier: MIT */
/*
 * encrypt and decrypt. Decrypting to a file shows nothing before all of it was found genuine, as
 * the name appears when the file is whole; to standard output the input is read twice, once to be
 * judged, so it must be a file.
 */
#include <plimsoll/crypt.h>
#include <plimsoll/file.h>

#include <string.h>

#include "cli/record.h"
#include "cli/secret.h"
#include "cli/units.h"

static const char CRYPT_SUFFIX[] = ".enc";
enum { CRYPT_SUFFIX_BYTES = sizeof CRYPT_SUFFIX - 1, CRYPT_BUFFER_BYTES = 64 << 10 };

typedef struct crypt_job {
    plim__cli *cli;
    const char *from;
    plim__secret secret;
    uint64_t done_bytes;
} crypt_job;

/* All bytes of a source into a sink. */
static plim_status crypt_pour(crypt_job *job, plim_source source, const plim_sink *sink,
                              plim_error *err)
{
    char buffer[CRYPT_BUFFER_BYTES];
    size_t got = 1;
    plim_status status = PLIM_OK;
    while (status == PLIM_OK && got > 0) {
        if (plim_interrupt_count(&job->cli->interrupt) > 0)
            return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
        status = source.read(source.ctx, buffer, sizeof buffer, &got, err);
        if (status == PLIM_OK && got > 0 && sink != NULL)
            status = sink->write(sink->ctx, buffer, got, err);
        job->done_bytes += status == PLIM_OK ? got : 0;
        plim__say_bytes(&job->cli->say, job->done_bytes, source.total_bytes);
    }
    plim_crypt_wipe(buffer, sizeof buffer);
    return status;
}

static plim_status crypt_encrypt(crypt_job *job, plim_source source, const plim_sink *sink,
                                 plim_error *err)
{
    plim_encrypter *encrypter = NULL;
    plim_crypt_secret secret = plim__secret_view(&job->secret);
    plim_status status =
        plim_encrypter_create(*sink, &secret, job->cli->allocator, &encrypter, err);
    if (status != PLIM_OK)
        return status;
    plim_sink inner = plim_encrypter_view(encrypter);
    status = crypt_pour(job, source, &inner, err);
    if (status == PLIM_OK)
        status = plim_encrypter_finish(encrypter, err);
    plim_encrypter_destroy(&encrypter);
    return status;
}

static plim_status crypt_decrypt(crypt_job *job, plim_source source, const plim_sink *sink,
                                 plim_error *err)
{
    plim_decrypter *decrypter = NULL;
    plim_crypt_secret secret = plim__secret_view(&job->secret);
    plim_status status =
        plim_decrypter_create(source, &secret, job->cli->allocator, &decrypter, err);
    if (status == PLIM_OK)
        status = crypt_pour(job, plim_decrypter_view(decrypter), sink, err);
    if (status != PLIM_OK)
        plim_error_where(err, "%s", job->from);
    plim_decrypter_destroy(&decrypter);
    return status;
}

typedef plim_status crypt_way(crypt_job *job, plim_source source, const plim_sink *sink,
                              plim_error *err);

static plim_status crypt_pass(crypt_job *job, crypt_way *way, const plim_sink *sink,
                              plim_error *err)
{
    plim_file_source *file = NULL;
    job->done_bytes = 0;
    plim_status status = plim_file_source_open(job->from, job->cli->allocator, &file, err);
    if (status == PLIM_OK)
        status = way(job, plim_file_source_view(file), sink, err);
    plim_file_source_close(&file);
    return status;
}

static void crypt_tell(const crypt_job *job, const char *verb, const char *path)
{
    plim__cli *cli = job->cli;
    char size[PLIM__UNITS_BYTES];
    plim__units_bytes(size, job->done_bytes, cli->out.exact_bytes);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, verb);
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "plain_bytes", job->done_bytes);
        plim__emit_finish(&cli->emit);
        return;
    }
    plim__out_show(&cli->out, plim__text_of(path));
    plim__out_printf(&cli->out, plim__cli_is_human(cli) ? "\n  %s\n" : "\t%s\n", size);
}

/* Whole or not there: nothing of a file that was changed is kept, not even in part. */
static plim_status crypt_to_file(crypt_job *job, crypt_way *way, const char *path, plim_error *err)
{
    plim_file_sink *file = NULL;
    bool overwrite = plim__args_has(&job->cli->args, PLIM__OPTION_overwrite);
    plim_status status = plim_file_sink_create(path, overwrite, job->cli->allocator, &file, err);
    if (status == PLIM_ERR_EXISTS)
        plim_error_hint(err, "-f replaces it; -o FILE writes elsewhere");
    if (status != PLIM_OK)
        return status;
    plim_sink sink = plim_file_sink_view(file);
    status = crypt_pass(job, way, &sink, err);
    if (status == PLIM_OK)
        return plim_file_sink_commit(&file, err);
    plim_file_sink_abandon(&file);
    return status;
}

/* The name that follows from the input's, or what -o says. */
static plim_status crypt_name(crypt_job *job, bool adds, plim__draft *out_name, plim_error *err)
{
    const char *wanted = job->cli->args.values[PLIM__OPTION_output].text;
    size_t size = strlen(job->from);
    bool has_suffix = size > CRYPT_SUFFIX_BYTES &&
                      strcmp(job->from + size - CRYPT_SUFFIX_BYTES, CRYPT_SUFFIX) == 0;
    if (wanted == NULL && (plim__record_is_stdout(job->from) || (!adds && !has_suffix))) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "where to is not said");
        plim_error_hint(err, "-o FILE says it; -o - is standard output");
        return status;
    }
    if (wanted != NULL)
        plim__draft_add(out_name, wanted, strlen(wanted));
    else
        plim__draft_add(out_name, job->from, adds ? size : size - CRYPT_SUFFIX_BYTES);
    if (wanted == NULL && adds)
        plim__draft_add(out_name, CRYPT_SUFFIX, CRYPT_SUFFIX_BYTES);
    return out_name->failed
               ? plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a file name")
               : PLIM_OK;
}

static plim_status crypt_run(crypt_job *job, crypt_way *way, const char *path, plim_error *err)
{
    plim__cli *cli = job->cli;
    if (plim__record_is_stdout(path) && way == crypt_decrypt) {
        if (plim__record_is_stdout(job->from)) {
            plim_status status = plim_error_set(
                err, PLIM_ERR_USAGE,
                "a pipe to a pipe would show bytes before the end was found genuine");
            plim_error_hint(err, "name a file on one side");
            return status;
        }
        plim_status judged = crypt_pass(job, way, NULL, err);
        if (judged != PLIM_OK)
            return judged;
    }
    plim__say_begin(&cli->say, way == crypt_encrypt ? "encrypting" : "decrypting");
    plim_status status = crypt_to_file(job, way, path, err);
    plim__say_end(&cli->say);
    return status;
}

static plim_status crypt_verb(plim__cli *cli, crypt_way *way, const char *verb, plim_error *err)
{
    crypt_job job = {.cli = cli, .from = cli->args.operands[0]};
    bool adds = way == crypt_encrypt;
    const char *make = cli->args.values[PLIM__OPTION_make_key].text;
    plim__draft name;
    plim__draft_init(&name, cli->allocator);
    plim_status status = crypt_name(&job, adds, &name, err);
    if (status == PLIM_OK && make != NULL && plim__args_has(&cli->args, PLIM__OPTION_key))
        status = plim_error_set(err, PLIM_ERR_USAGE, "--make-key makes a key; --key has one");
    if (status == PLIM_OK)
        status = make != NULL ? plim__secret_make(cli, make, &job.secret, err)
                              : plim__secret_get(cli, adds, &job.secret, err);
    if (status == PLIM_OK)
        status = crypt_run(&job, way, plim__draft_peek(&name), err);
    if (status == PLIM_OK && !plim__record_is_stdout(plim__draft_peek(&name)))
        crypt_tell(&job, verb, plim__draft_peek(&name));
    plim__secret_wipe(&job.secret);
    plim__draft_fini(&name);
    return status;
}

plim_status plim__cmd_encrypt(plim__cli *cli, plim_error *err)
{
    return crypt_verb(cli, crypt_encrypt, "encrypt", err);
}

plim_status plim__cmd_decrypt(plim__cli *cli, plim_error *err)
{
    return crypt_verb(cli, crypt_decrypt, "decrypt", err);
}

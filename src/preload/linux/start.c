/* SPDX-License-Identifier: MIT */
/*
 * From the environment to a manager, before any other constructor (the library is linked with
 * -z initfirst, so that boot.c serves the loader and hardly anybody else). What is wrong with the
 * configuration ends the process here: a program that was to be bounded does not run unbounded.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/apply.h"
#include "memory/checks/panic.h"
#include "platform/backing.h"
#include "platform/pages.h"
#include "preload/linux/out.h"
#include "preload/notes.h"

enum { START_MESSAGE_BYTES = 1280, START_OWN_DOMAINS = 2 /* "program", "beyond" */ };

/* The configuration needs a block or two for a moment, and there is no malloc yet: pages. */
static void *start_resize(void *ctx, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)ctx;
    size_t page = plim__pages_size();
    if (block == NULL)
        return new_bytes == 0 ? NULL : plim__pages_map((new_bytes + page - 1) / page * page);
    if (new_bytes == 0)
        plim__pages_unmap(block, (old_bytes + page - 1) / page * page);
    return NULL; /* nothing here grows */
}

static const plim_allocator start_allocator = {NULL, start_resize};

_Noreturn static void start_fail(const plim_error *err)
{
    char line[START_MESSAGE_BYTES];
    plim__text text;
    plim__text_init(&text, line, sizeof line);
    plim__text_format(&text, "libplimsoll-malloc: %s%s%s%s%s\n", err->where,
                      err->where[0] != '\0' ? ": " : "", err->what,
                      err->hint[0] != '\0' ? ". Try: " : "", err->hint);
    plim__preload_write(STDERR_FILENO, line, text.length);
    _exit(plim_status_exit_code(err->status));
}

/* Mode report: besides what was configured there is room for what passes it. */
static plim_status start_beyond(plim__preload *shared, size_t extra, plim_error *err)
{
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = extra};
    return plim_domain_create(shared->manager, "beyond", &options, &shared->beyond, err);
}

static plim_status start_manager(plim__preload *shared, const plim_config *config, plim_error *err)
{
    plim_manager_options options = {.struct_bytes = sizeof options, .name = "malloc"};
    plim_config_manager_options(config, &options);
    if (options.backing == PLIM_BACKING_LIBC || options.backing == PLIM_BACKING_EMULATED) {
        plim_status status = plim_error_set(
            err, PLIM_ERR_CONTRADICTION, "backing %s asks the C library, whose place this takes",
            options.backing == PLIM_BACKING_LIBC ? "libc" : "emulated");
        plim_error_hint(err, "remove the line, or write backing = map");
        return status;
    }
    /* The table of who lends to whom grows with the square: no more rows than there can be. */
    uint32_t least = shared->all_modules ? PLIM_CONFIG_DOMAINS_MAX
                                         : plim_config_domain_count(config) + START_OWN_DOMAINS;
    if (options.domain_count_max < least)
        options.domain_count_max = least;
    if (options.domain_count_max > PLIM_CONFIG_DOMAINS_MAX)
        options.domain_count_max = PLIM_CONFIG_DOMAINS_MAX;
    size_t extra = 0;
    if (shared->mode == PLIM_CONFIG_MODE_REPORT && options.total_bytes != 0) {
        extra = plim__backing_machine_bytes() / 2;
        /* The manager's own part is a share of what was configured, not of what passes it. */
        options.total_bytes += extra;
    }
    plim_status status = plim_manager_create(&options, &shared->manager, err);
    if (status == PLIM_OK && extra != 0)
        status = start_beyond(shared, extra, err);
    if (status == PLIM_OK)
        status = plim__config_make_domains(config, shared->manager, err);
    if (status == PLIM_OK)
        status = plim__domain_shared(&shared->manager->bank, "program", &shared->program, err);
    return status;
}

static plim_status start_modules(plim__preload *shared, const plim_config *config, plim_error *err)
{
    shared->by_module = shared->all_modules;
    for (uint32_t i = 0; i < plim_config_domain_count(config); i++) {
        const char *name = NULL, *module = NULL;
        plim_domain domain = {0};
        plim_config_domain(config, i, &name, &module);
        if (module[0] == '\0')
            continue;
        plim_status status = plim_domain_find(shared->manager, name, &domain);
        if (status != PLIM_OK || !plim__preload_name_module(module, domain))
            return plim_error_set(err, PLIM_ERR_LIMIT,
                                  "domain \"%s\": its module \"%s\" is too "
                                  "long a name",
                                  name, module);
        shared->by_module = true;
    }
    if (shared->by_module)
        plim__preload_start_modules();
    return PLIM_OK;
}

static plim_status start_everything(const char *const *environment, plim_error *err)
{
    plim__preload *shared = &plim__preload_shared;
    plim_config_options options = {
        .struct_bytes = sizeof options, .environment = environment, .allocator = &start_allocator};
    plim_config_preload preload;
    plim_config *config = NULL;
    plim_status status = plim_config_load(&options, &config, err);
    if (status != PLIM_OK)
        return status;
    plim_config_preload_read(config, &preload);
    shared->mode = preload.mode;
    shared->all_modules = preload.modules;
    shared->form = preload.form;
    shared->site_depth = preload.site_depth;
    status = start_manager(shared, config, err);
    if (status == PLIM_OK)
        status = start_modules(shared, config, err);
    if (status == PLIM_OK) {
        shared->start = (uintptr_t)shared->manager->range;
        shared->bytes = shared->manager->range_bytes;
        status = plim__preload_out_start(preload.report, preload.signal, err);
    }
    if (status == PLIM_OK)
        plim__preload_ends_start(preload.fatal && preload.report[0] != '\0');
    plim_config_destroy(&config);
    /* Looking on is no reason to end a program: without notes it runs all the same. */
    if (status == PLIM_OK && shared->site_depth > 0)
        (void)plim__notes_start(&shared->manager->space, shared->site_depth);
    if (status == PLIM_OK)
        plim__map_publish();
    return status;
}

/* glibc gives constructors what main() is given: its own `environ` is not set this early. */
__attribute__((constructor(101))) static void start_up(int argc, char **argv, char **environment)
{
    (void)argc;
    static const char *const none[] = {NULL};
    plim_error err = {0};
    plim__site_namer = plim__preload_site;
    plim__preload_inside = true;
    plim__unwind_start(argv); /* the first thing on the main thread's stack */
    plim_status status =
        start_everything(environment != NULL ? (const char *const *)environment : none, &err);
    if (status != PLIM_OK)
        start_fail(&err);
    plim__preload_inside = false;
    plim__store(&plim__preload_shared.is_ready, true);
}

__attribute__((destructor(101))) static void start_down(void)
{
    if (!plim__load(&plim__preload_shared.is_ready) || plim__preload_inside)
        return;
    plim__preload_inside = true;
    plim__preload_report("exit");
    plim__preload_inside = false;
}

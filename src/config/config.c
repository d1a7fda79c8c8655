/* SPDX-License-Identifier: MIT */
/*
 * A configuration: where its sources are looked for, and what is told of it.
 * Why one block of fixed size: libplimsoll-malloc.so reads its configuration before there is a
 * malloc, so nothing here may allocate piece by piece.
 */
#include <plimsoll/file.h>

#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "config/figure.h"
#include "config/state.h"
#include "platform/environment.h"

enum { CONFIG_DOMAINS_DEFAULT = 16 }; /* what a manager has room for when it is not told */

/* The variables as they were given: "NAME=VALUE". */
static const char *config_variable(const char *const *variables, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        if (strncmp(variables[i], name, length) == 0 && variables[i][length] == '=')
            return variables[i] + length + 1;
    }
    return NULL;
}

static bool config_is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* Whether the folder of a file is closed to us: then it is another user's, whose HOME or folder we
   were left with after a change of user, and so is the file. */
static bool config_is_closed(const plim_config *config, const char *path)
{
    char folder[PLIM__CONFIG_PATH_BYTES];
    plim_file_source *file = NULL;
    const char *slash = strrchr(path, '/');
    int length = slash != NULL ? (int)(slash - path) : 0;
    plim__config_print(folder, sizeof folder, "%.*s%s", length, path, slash != NULL ? "/." : "./.");
    plim_status status = plim_file_source_open(folder, config->allocator, &file, NULL);
    plim_file_source_close(&file);
    return status == PLIM_ERR_ACCESS;
}

/* Reads the file of that source; one that is not there is none, unless it must be. */
static plim_status config_read_file(plim_config *config, plim_config_source source, bool must_exist,
                                    plim_error *err)
{
    plim_error why = {0};
    plim_file_source *file = NULL;
    const char *path = config->paths[source];
    if (path[0] == '\0')
        return PLIM_OK;
    plim_status status = plim_file_source_open(path, config->allocator, &file, &why);
    if (!must_exist && (status == PLIM_ERR_NOT_FOUND ||
                        (status == PLIM_ERR_ACCESS && config_is_closed(config, path))))
        return PLIM_OK;
    if (status == PLIM_OK)
        status = plim__config_parse(config, plim_file_source_view(file), source, path, &why);
    else if (must_exist) { /* who reads files speaks of snapshots */
        why.hint[0] = '\0';
        plim_error_hint(&why, "name a plimsoll.conf (PLIM_CONFIG=FILE), or none: then the usual "
                              "places are searched");
    }
    plim_file_source_close(&file);
    if (status != PLIM_OK) {
        plim_error_hint(&why, "see plimsoll.conf(5)");
        if (err != NULL && err->status == PLIM_OK)
            *err = why;
    }
    return status;
}

static plim_status config_read_files(plim_config *config, const char *path,
                                     const char *const *variables, plim_error *err)
{
    const char *folder = config_variable(variables, "XDG_CONFIG_HOME");
    const char *home = config_variable(variables, "HOME");
    if (config_is_given(path)) {
        plim__config_print(config->paths[PLIM_CONFIG_PROJECT], PLIM__CONFIG_PATH_BYTES, "%s", path);
        return config_read_file(config, PLIM_CONFIG_PROJECT, true, err);
    }
    plim__config_print(config->paths[PLIM_CONFIG_SYSTEM], PLIM__CONFIG_PATH_BYTES, "%s",
                       "/etc/plimsoll/plimsoll.conf");
    if (config_is_given(folder) && folder[0] == '/')
        plim__config_print(config->paths[PLIM_CONFIG_USER], PLIM__CONFIG_PATH_BYTES, "%s/%s",
                           folder, "plimsoll/plimsoll.conf");
    else if (config_is_given(home))
        plim__config_print(config->paths[PLIM_CONFIG_USER], PLIM__CONFIG_PATH_BYTES, "%s/%s", home,
                           ".config/plimsoll/plimsoll.conf");
    plim__config_print(config->paths[PLIM_CONFIG_PROJECT], PLIM__CONFIG_PATH_BYTES, "%s",
                       "plimsoll.conf");
    plim_status status = PLIM_OK;
    for (plim_config_source source = PLIM_CONFIG_SYSTEM;
         status == PLIM_OK && source <= PLIM_CONFIG_PROJECT; source++)
        status = config_read_file(config, source, false, err);
    return status;
}

static plim_status config_create(const plim_config_options *options, plim_config **out_config,
                                 plim_error *err)
{
    PLIM_CHECK(options == NULL || options->struct_bytes >= sizeof *options);
    const plim_allocator *allocator =
        plim__allocator_or_system(options != NULL ? options->allocator : NULL);
    plim_config *config = plim__array_new_zero(allocator, 1, sizeof *config);
    if (config == NULL)
        return plim__no_memory(err, "a configuration");
    config->magic = PLIM__CONFIG_MAGIC;
    config->allocator = allocator;
    *out_config = config;
    return PLIM_OK;
}

/* The variables, nearest last, and what comes of it all. */
static plim_status config_finish(plim_config *config, const char *const *variables,
                                 const char *const *overrides, plim_error *err)
{
    plim_status status = plim__config_variables(config, variables, PLIM_CONFIG_ENVIRONMENT, err);
    if (status == PLIM_OK)
        status = plim__config_variables(config, overrides, PLIM_CONFIG_OVERRIDE, err);
    if (status == PLIM_OK)
        status = plim__config_resolve(config, err);
    return status;
}

plim_status plim_config_load(const plim_config_options *options, plim_config **out_config,
                             plim_error *err)
{
    PLIM_CHECK(out_config != NULL);
    plim_config *config = NULL;
    plim_status status = config_create(options, &config, err);
    if (status != PLIM_OK)
        return status;
    const char *const *variables = options != NULL && options->environment != NULL
                                       ? options->environment
                                       : plim__environment_all();
    const char *const *overrides = options != NULL ? options->overrides : NULL;
    const char *path = options != NULL ? options->path : NULL;
    if (!config_is_given(path))
        path = config_variable(overrides, "PLIM_CONFIG");
    if (!config_is_given(path))
        path = config_variable(variables, "PLIM_CONFIG");
    status = config_read_files(config, path, variables, err);
    if (status == PLIM_OK)
        status = config_finish(config, variables, overrides, err);
    if (status == PLIM_OK)
        *out_config = config;
    else
        plim_config_destroy(&config);
    return status;
}

plim_status plim_config_read(plim_source source, const char *name,
                             const plim_config_options *options, plim_config **out_config,
                             plim_error *err)
{
    PLIM_CHECK(out_config != NULL && name != NULL);
    plim_config *config = NULL;
    plim_status status = config_create(options, &config, err);
    if (status != PLIM_OK)
        return status;
    char *path = config->paths[PLIM_CONFIG_PROJECT];
    plim__config_print(path, PLIM__CONFIG_PATH_BYTES, "%s", name);
    status = plim__config_parse(config, source, PLIM_CONFIG_PROJECT, path, err);
    if (status == PLIM_OK)
        status = config_finish(config, options != NULL ? options->environment : NULL,
                               options != NULL ? options->overrides : NULL, err);
    if (status == PLIM_OK)
        *out_config = config;
    else
        plim_config_destroy(&config);
    return status;
}

void plim_config_destroy(plim_config **config)
{
    if (config == NULL || *config == NULL)
        return;
    plim_config *dying = *config;
    PLIM_CHECK_OBJ(dying, PLIM__CONFIG_MAGIC);
    dying->magic = 0;
    plim__array_free(dying->allocator, dying, 1, sizeof *dying);
    *config = NULL;
}

void plim_config_manager_options(const plim_config *config, plim_manager_options *options)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    PLIM_CHECK(options != NULL);
    if (config->total.is_set)
        options->total_bytes = (size_t)config->total.value;
    if (config->margin.is_set) /* 0 would be the default: as little as can be is meant */
        options->overhead_bytes = config->margin.value != 0 ? (size_t)config->margin.value : 1;
    if (config->domain_count_max.is_set)
        options->domain_count_max = (uint32_t)config->domain_count_max.value;
    else if (config->domain_count > CONFIG_DOMAINS_DEFAULT &&
             config->domain_count > options->domain_count_max)
        options->domain_count_max = config->domain_count;
    if (config->watch_every.is_set)
        options->watch_every = (uint32_t)config->watch_every.value;
    if (config->verify.given)
        options->verify = (plim_verify)config->verify.index;
    if (config->backing.given)
        options->backing = (plim_backing)config->backing.index;
}

uint32_t plim_config_domain_count(const plim_config *config)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    return config->domain_count;
}

void plim_config_domain(const plim_config *config, uint32_t index, const char **out_name,
                        const char **out_module)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    PLIM_CHECK(index < config->domain_count && out_name != NULL);
    const plim__config_domain *domain = &config->domains[config->order[index]];
    *out_name = domain->name;
    if (out_module != NULL)
        *out_module = domain->module.given ? domain->module.value : "";
}

void plim_config_preload_read(const plim_config *config, plim_config_preload *out_preload)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    PLIM_CHECK(out_preload != NULL);
    *out_preload = (plim_config_preload){
        .mode = (plim_config_mode)config->mode.index,
        .modules = config->modules.index == 1,
        .report = config->report.value,
        .form = (plim_report_form)config->form.index,
        .signal = config->signal.value,
        .fatal = config->fatal.index == 1,
        .site_depth = config->sites.index,
    };
}

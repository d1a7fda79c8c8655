/* SPDX-License-Identifier: MIT */
/**
 * @file config.h
 * @brief Budgets from a file: plimsoll.conf, the environment, and what of both holds.
 *
 *     plim_config *config = NULL;
 *     plim_manager *manager = NULL;
 *     plim_error err = {0};
 *     if (plim_config_load(NULL, &config, &err) != PLIM_OK ||
 *         plim_config_apply(config, NULL, &manager, &err) != PLIM_OK)
 *         return complain(&err); // "plimsoll.conf:12": limits add up to 96 MiB, ...
 *
 * Sources from far to near: the built-in defaults, /etc/plimsoll/plimsoll.conf, the user's
 * ($XDG_CONFIG_HOME or ~/.config)/plimsoll/plimsoll.conf, ./plimsoll.conf, the environment, and
 * what the caller overrides. PLIM_CONFIG or a path given takes the place of all three files.
 * Two rules join them: of a bound (total, limit, maximum, request_max, lend.X) the least holds,
 * so a nearer source tightens and never loosens; of anything else the nearest holds.
 * A source that is malformed, or sources that contradict each other, are refused whole.
 * Thread-safety: one thread at a time per object.
 * @see plimsoll.conf(5)
 */
#ifndef PLIM_CONFIG_H
#define PLIM_CONFIG_H
#include <plimsoll/allocator.h>
#include <plimsoll/domain.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_CONFIG_VALUE_BYTES = 128, /**< a value as text, with its NUL */
    PLIM_CONFIG_MODULE_BYTES = 64  /**< a module's file name, with its NUL */
};

/** Opaque; ended by plim_config_destroy(). */
typedef struct plim_config plim_config;

/** Where a value came from, far to near. */
typedef enum plim_config_source {
    PLIM_CONFIG_DEFAULT = 0,
    PLIM_CONFIG_SYSTEM,
    PLIM_CONFIG_USER,
    PLIM_CONFIG_PROJECT, /**< ./plimsoll.conf, or the one file that was named */
    PLIM_CONFIG_ENVIRONMENT,
    PLIM_CONFIG_OVERRIDE /**< given by the caller */
} plim_config_source;

/** All zero: search for files, and take the process's environment. */
typedef struct plim_config_options {
    uint32_t struct_bytes;           /**< sizeof(plim_config_options) */
    const char *path;                /**< this file instead of the search; it must exist */
    const char *const *environment;  /**< "NAME=VALUE", ended by NULL; NULL: the process's */
    const char *const *overrides;    /**< likewise, nearest of all; NULL: none */
    const plim_allocator *allocator; /**< NULL: the system's; asked once, for 128 KiB at most */
} plim_config_options;

/** One value that holds, as `plim check` shows it. All strings live as long as the config. */
typedef struct plim_config_row {
    const char *section; /**< "memory", "domain net", "preload" */
    const char *key;
    char value[PLIM_CONFIG_VALUE_BYTES]; /**< as it would be written */
    uint64_t bytes;                      /**< of a size; UINT64_MAX for what is none */
    plim_config_source source;
    const char *where; /**< the file, or the variable; "" for a default */
    uint32_t line;     /**< 0: not a file's */
} plim_config_row;

/** What libplimsoll-malloc.so does past a budget. */
typedef enum plim_config_mode {
    PLIM_CONFIG_MODE_REFUSE = 0, /**< NULL and ENOMEM */
    PLIM_CONFIG_MODE_REPORT      /**< count it, name it, and serve it */
} plim_config_mode;

/** The section [preload]: see libplimsoll-malloc(7). Strings live as long as the config. */
typedef struct plim_config_preload {
    plim_config_mode mode;
    bool modules;       /**< one domain per shared object that calls */
    const char *report; /**< a file name, with %p for the process id; "" none; "-" stderr */
    plim_report_form form;
    const char *signal;  /**< "USR2"; "" none */
    bool fatal;          /**< a report at signals that end the process, too */
    uint32_t site_depth; /**< frames that are noted of each block's request, 0 to 16; 0: none */
} plim_config_preload;

/**
 * @brief         Reads all sources and checks what comes of them.
 * @param[in]     options     NULL: all defaults.
 * @param[out]    out_config  set only on PLIM_OK; ended by plim_config_destroy().
 * @param[in,out] err         `where` is "FILE:LINE" or the variable's name; may be NULL.
 * @retval PLIM_ERR_DAMAGED       not readable as plimsoll.conf(5): unknown key, bad number, ...
 * @retval PLIM_ERR_CONTRADICTION readable, and cannot hold: sums, minimum above limit, ...
 * @retval PLIM_ERR_NOT_FOUND     the file that was named is not there.
 * @retval PLIM_ERR_ACCESS, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY  as they say.
 * @note          Threads: any; the environment must not change meanwhile.
 */
PLIM_API PLIM_NODISCARD plim_status plim_config_load(const plim_config_options *options,
                                                     plim_config **out_config, plim_error *err);

/**
 * @brief         As plim_config_load() from one text in place of the files.
 * @param[in]     source      read to its end.
 * @param[in]     name        what errors call it.
 * @param[in]     options     its path is not looked at; environment NULL: none.
 * @param[out]    out_config  set only on PLIM_OK; ended by plim_config_destroy().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_CONTRADICTION, PLIM_ERR_NO_MEMORY  as plim_config_load().
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_config_read(plim_source source, const char *name,
                                                     const plim_config_options *options,
                                                     plim_config **out_config, plim_error *err);

/**
 * @brief         Ends it; @p *config is NULL. Managers made of it stay.
 * @param[in,out] config  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_config_destroy(plim_config **config);

/**
 * @brief         Makes a manager with what the config says, its domains, and what they lend.
 * @param[in]     config       not NULL.
 * @param[in]     base         what the config does not say (name, panic hook); may be NULL.
 * @param[out]    out_manager  set only on PLIM_OK; ended by plim_manager_destroy().
 * @param[in,out] err          may be NULL.
 * @return        PLIM_OK, or what plim_manager_create() or plim_domain_create() said: then nothing
 *                of it is left.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_config_apply(const plim_config *config,
                                                      const plim_manager_options *base,
                                                      plim_manager **out_manager, plim_error *err);

/**
 * @brief         What the config says of a manager, into options; the rest is left as it is.
 * @param[in]     config   not NULL.
 * @param[in,out] options  not NULL.
 * @note          Threads: any.
 */
PLIM_API void plim_config_manager_options(const plim_config *config, plim_manager_options *options);

/**
 * @brief     How many domains it names.
 * @param[in] config  not NULL.
 * @return    0 to 64.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_config_domain_count(const plim_config *config);

/**
 * @brief      One domain: name and the module it stands for. Parents come before children.
 * @param[in]  config      not NULL.
 * @param[in]  index       below plim_config_domain_count().
 * @param[out] out_name    borrowed.
 * @param[out] out_module  borrowed; "" where it is for no module; a `*` at the end stands for
 *                         any rest. May be NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_config_domain(const plim_config *config, uint32_t index, const char **out_name,
                                 const char **out_module);

/**
 * @brief      The section [preload].
 * @param[in]  config       not NULL.
 * @param[out] out_preload  set.
 * @note       Threads: any.
 */
PLIM_API void plim_config_preload_read(const plim_config *config, plim_config_preload *out_preload);

/**
 * @brief      Values that hold, one by one, in the order of the manual.
 * @param[in]  config   not NULL.
 * @param[in]  index    from 0.
 * @param[out] out_row  set where there is such a row.
 * @return     false past the last.
 * @note       Threads: any.
 */
PLIM_API bool plim_config_row_read(const plim_config *config, uint32_t index,
                                   plim_config_row *out_row);

PLIM_DECLS_END
#endif

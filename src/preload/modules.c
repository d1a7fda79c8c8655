/* SPDX-License-Identifier: MIT */
/*
 * Whose a request is: the shared object it returns into. Looked up once per object and remembered
 * in a table that is read without a lock; a thread remembers the row it hit last, for most requests
 * come from where the one before came from.
 * T1  rows [0, count) are whole: a row is written before the count moves, under the lock.
 * T2  after an unloading the table is emptied. A thread that still reads an old row charges the
 *     wrong domain for that one request, and never anything that is no domain.
 */
#include "platform/modules.h"

#include <string.h>

#include "platform/lock.h"
#include "preload/preload.h"

enum { MODULES_ROWS = 256, MODULES_PATTERNS = 64 };

typedef struct modules_row {
    plim__count start, bytes;
    _Atomic uint32_t domain;
} modules_row;

typedef struct modules_pattern {
    char text[PLIM_CONFIG_MODULE_BYTES];
    plim_domain domain;
} modules_pattern;

static modules_row modules_rows[MODULES_ROWS];
static _Atomic uint32_t modules_count;
static plim__lock modules_lock;
static modules_pattern modules_patterns[MODULES_PATTERNS];
static size_t modules_pattern_count;
static PLIM__THREAD_LOCAL uint32_t modules_last;

bool plim__preload_name_module(const char *pattern, plim_domain domain)
{
    if (modules_pattern_count == MODULES_PATTERNS || strlen(pattern) >= PLIM_CONFIG_MODULE_BYTES)
        return false;
    modules_pattern *row = &modules_patterns[modules_pattern_count++];
    memcpy(row->text, pattern, strlen(pattern) + 1);
    row->domain = domain;
    return true;
}

/* A child must find the lock open: nobody else holds it while it is made. */
static void modules_freeze(void)
{
    plim__lock_take(&modules_lock);
}

static void modules_thaw(void)
{
    plim__lock_give(&modules_lock);
}

void plim__preload_start_modules(void)
{
    plim__local_on_fork(modules_freeze, modules_thaw, modules_thaw);
}

void plim__preload_forget_modules(void)
{
    plim__lock_take(&modules_lock);
    plim__store(&modules_count, 0);
    plim__lock_give(&modules_lock);
}

static bool modules_match(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(pattern, name, length - 1) == 0;
    return strcmp(pattern, name) == 0;
}

/* The domain for a module: the one the configuration names; one of its own; the program's. */
static plim_domain modules_domain_of(const plim__module *module)
{
    plim__preload *shared = &plim__preload_shared;
    for (size_t i = 0; i < modules_pattern_count; i++) {
        if (modules_match(modules_patterns[i].text, module->name))
            return modules_patterns[i].domain;
    }
    if (!shared->all_modules || module->is_program)
        return shared->program;
    char name[PLIM_DOMAIN_NAME_BYTES];
    size_t length = strlen(module->name);
    length = length < sizeof name ? length : sizeof name - 1;
    memcpy(name, module->name, length);
    name[length] = '\0';
    plim_domain domain;
    if (length == 0 || plim__domain_shared(&shared->manager->bank, name, &domain, NULL) != PLIM_OK)
        return shared->program; /* more modules than domains: the rest is the program's */
    return domain;
}

static plim_domain modules_look_up(const void *caller)
{
    plim__module module;
    if (!plim__module_at(caller, &module))
        return plim__preload_shared.program; /* code that no file holds: made while running */
    plim_domain domain = modules_domain_of(&module);
    plim__lock_take(&modules_lock);
    uint32_t count = plim__load(&modules_count);
    if (count < MODULES_ROWS) {
        modules_row *row = &modules_rows[count];
        plim__store_relaxed(&row->start, module.start);
        plim__store_relaxed(&row->bytes, module.end - module.start);
        plim__store_relaxed(&row->domain, domain.id);
        plim__store(&modules_count, count + 1);
    }
    plim__lock_give(&modules_lock);
    return domain;
}

static inline bool modules_hit(uint32_t index, const void *caller)
{
    const modules_row *row = &modules_rows[index];
    return (uintptr_t)caller - plim__load_relaxed(&row->start) < plim__load_relaxed(&row->bytes);
}

plim_domain plim__preload_domain(const void *caller)
{
    uint32_t count = plim__load(&modules_count);
    uint32_t found = modules_last;
    if (found >= count || !modules_hit(found, caller)) {
        for (found = 0; found < count && !modules_hit(found, caller); found++) {
        }
        if (found == count)
            return modules_look_up(caller);
        modules_last = found;
    }
    return (plim_domain){plim__load_relaxed(&modules_rows[found].domain)};
}

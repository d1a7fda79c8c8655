/* SPDX-License-Identifier: MIT */
/*
 * Functions of the C library that remember something from call to call, in variables of its own:
 * they are called as ever, and it is noted where the owner sees it. So what goes with the worker
 * can be said. Which of the C library's pages were written would not tell: each entry writes some.
 */
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "repl/worker/worker.h"

/* The C library's own, found at the first call; `name` is exported as an alias, like malloc. */
#define REMEMBERED(row, type, name, parameters, arguments)                                         \
    static type calls_##name parameters                                                            \
    {                                                                                              \
        static union {                                                                             \
            void *address;                                                                         \
            type(*function) parameters;                                                            \
        } real;                                                                                    \
        remembered_note(row);                                                                      \
        if (real.address == NULL)                                                                  \
            real.address = remembered_find(#name);                                                 \
        return real.function arguments;                                                            \
    }                                                                                              \
    extern __typeof__(calls_##name) name                                                           \
        __attribute__((alias("calls_" #name), visibility("default"), used))

static void remembered_note(plim__remembered row)
{
    plim__words *words = plim__words_own();
    if (words != NULL && plim__worker_entry != 0 && plim__worker_is_me())
        (void)atomic_fetch_or_explicit(&words->remembered, UINT32_C(1) << row,
                                       memory_order_relaxed);
}

static void *remembered_find(const char *name)
{
    int saved = errno;
    void *address = dlsym(RTLD_NEXT, name);
    errno = saved;
    return address; /* the C library that we are linked to has it */
}

REMEMBERED(PLIM__REMEMBERED_RAND, int, rand, (void), ());
REMEMBERED(PLIM__REMEMBERED_RANDOM, long, random, (void), ());
REMEMBERED(PLIM__REMEMBERED_RAND48, double, drand48, (void), ());
REMEMBERED(PLIM__REMEMBERED_RAND48, long, lrand48, (void), ());
REMEMBERED(PLIM__REMEMBERED_RAND48, long, mrand48, (void), ());
REMEMBERED(PLIM__REMEMBERED_STRTOK, char *, strtok, (char *text, const char *ends), (text, ends));
REMEMBERED(PLIM__REMEMBERED_LOCALE, char *, setlocale, (int category, const char *name),
           (category, name));
REMEMBERED(PLIM__REMEMBERED_ENVIRONMENT, int, setenv,
           (const char *name, const char *value, int replaces), (name, value, replaces));
REMEMBERED(PLIM__REMEMBERED_ENVIRONMENT, int, unsetenv, (const char *name), (name));
REMEMBERED(PLIM__REMEMBERED_ENVIRONMENT, int, putenv, (char *line), (line));
REMEMBERED(PLIM__REMEMBERED_ENVIRONMENT, int, clearenv, (void), ());
REMEMBERED(PLIM__REMEMBERED_TIME, struct tm *, localtime, (const time_t *when), (when));
REMEMBERED(PLIM__REMEMBERED_TIME, struct tm *, gmtime, (const time_t *when), (when));
REMEMBERED(PLIM__REMEMBERED_TIME, char *, asctime, (const struct tm *when), (when));
REMEMBERED(PLIM__REMEMBERED_TIME, char *, ctime, (const time_t *when), (when));

/* Those that give nothing back. */
#define REMEMBERED_SEED(row, name, type)                                                           \
    static void calls_##name(type seed)                                                            \
    {                                                                                              \
        static union {                                                                             \
            void *address;                                                                         \
            void (*function)(type seed);                                                           \
        } real;                                                                                    \
        remembered_note(row);                                                                      \
        if (real.address == NULL)                                                                  \
            real.address = remembered_find(#name);                                                 \
        real.function(seed);                                                                       \
    }                                                                                              \
    extern __typeof__(calls_##name) name                                                           \
        __attribute__((alias("calls_" #name), visibility("default"), used))

REMEMBERED_SEED(PLIM__REMEMBERED_RAND, srand, unsigned);
REMEMBERED_SEED(PLIM__REMEMBERED_RANDOM, srandom, unsigned);
REMEMBERED_SEED(PLIM__REMEMBERED_RAND48, srand48, long);

/* SPDX-License-Identifier: MIT */
/*
 * operator new of C++, so that a request is charged to the module that asks and not to libstdc++
 * through which it would come. Refused, it is handed to the C++ library's own, which asks malloc
 * once more and then does what C++ wants done: new handlers, std::bad_alloc. operator delete needs
 * nothing: it ends in free(). And dlclose, after which modules may be elsewhere.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#include "preload/notes.h"

/* `name` (mangled) as an exported function of that body. */
#define OPERATOR(name, parameters, arguments, align)                                               \
    __attribute__((visibility("default"))) void *name parameters;                                  \
    void *name parameters                                                                          \
    {                                                                                              \
        plim__caller caller = {__builtin_return_address(0), __builtin_frame_address(0)};           \
        void *block = plim__preload_take(bytes, align, false, &caller);                            \
        return block != NULL ? block : ((void *(*)parameters)operators_next(#name))arguments;      \
    }

static void *operators_next(const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);
    if (next == NULL)
        __builtin_trap(); /* who calls operator new without a C++ library has made it up */
    return next;
}

#pragma GCC diagnostic ignored "-Wpedantic" /* dlsym() gives a void * for a function */

OPERATOR(_Znwm, (size_t bytes), (bytes), 0)
OPERATOR(_Znam, (size_t bytes), (bytes), 0)
OPERATOR(_ZnwmRKSt9nothrow_t, (size_t bytes, const void *tag), (bytes, tag), 0)
OPERATOR(_ZnamRKSt9nothrow_t, (size_t bytes, const void *tag), (bytes, tag), 0)
OPERATOR(_ZnwmSt11align_val_t, (size_t bytes, size_t align), (bytes, align), align)
OPERATOR(_ZnamSt11align_val_t, (size_t bytes, size_t align), (bytes, align), align)
OPERATOR(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t align, const void *tag),
         (bytes, align, tag), align)
OPERATOR(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t align, const void *tag),
         (bytes, align, tag), align)

static int operators_dlclose(void *handle)
{
    int result = ((int (*)(void *))operators_next("dlclose"))(handle);
    plim__preload_forget_modules();
    plim__unwind_forget();
    return result;
}
extern __typeof__(operators_dlclose) dlclose
    __attribute__((alias("operators_dlclose"), visibility("default")));

/* SPDX-License-Identifier: MIT */
/*
 * Calls by which an entry ends its process, or leaves itself: each says so before, so that the
 * owner can look where it stands. A child that the entry has forked ends as it likes.
 *
 * A jmp_buf remembers in which entry it was filled, in the part of its signal mask that no kernel
 * knows: the frame it points into is gone once that entry has ended.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "repl/worker/worker.h"

/* `name` as an exported alias: the house's rule is against calling it. */
#define SYMBOL(name)                                                                               \
    extern __typeof__(ends_by_##name) name                                                         \
        __attribute__((alias("ends_by_" #name), visibility("default"), used, noreturn))

#define LINKED(name)                                                                               \
    extern __typeof__(ends_by_##name) name                                                         \
        __attribute__((alias("ends_by_" #name), visibility("default"), used))

typedef void ends_exit(int code);
typedef void ends_jump(struct __jmp_buf_tag *to, int value);

static void ends_say(int code)
{
    if (plim__worker_entry != 0)
        plim__words_leave(PLIM__WORDS_EXIT, code, NULL, 0, "", true);
}

static void *ends_next(const char *name)
{
    void *address = dlsym(RTLD_NEXT, name);
    if (address == NULL)
        (void)syscall(SYS_exit_group, 127);
    return address;
}

static _Noreturn void ends_by_exit(int code)
{
    ends_exit *next;
    ends_say(code);
    *(void **)&next = ends_next("exit");
    next(code);
    __builtin_unreachable();
}
SYMBOL(exit);

static _Noreturn void ends_by__exit(int code)
{
    ends_say(code);
    for (;;)
        (void)syscall(SYS_exit_group, code);
}
SYMBOL(_exit);

static _Noreturn void ends_by__Exit(int code)
{
    ends_by__exit(code);
}
SYMBOL(_Exit);

static _Noreturn void ends_by_quick_exit(int code)
{
    ends_exit *next;
    ends_say(code);
    *(void **)&next = ends_next("quick_exit");
    next(code);
    __builtin_unreachable();
}
SYMBOL(quick_exit);

/* --- what C libraries link into each program ------------------------------------------------- */

extern int __cxa_atexit(void (*call)(void *), void *argument, void *library);
extern int __cxa_at_quick_exit(void (*call)(void *), void *library);
extern int __register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void),
                             void *library);

static int ends_by_atexit(void (*call)(void))
{
    return __cxa_atexit((void (*)(void *))call, NULL, NULL);
}
LINKED(atexit);

static int ends_by_at_quick_exit(void (*call)(void))
{
    return __cxa_at_quick_exit((void (*)(void *))call, NULL);
}
LINKED(at_quick_exit);

static int ends_by_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
    return __register_atfork(before, parent, child, NULL);
}
LINKED(pthread_atfork);

/* --- jumps --------------------------------------------------------------------------------- */

_Static_assert(sizeof(sigset_t) >= 16, "a mask has bits that no kernel knows");

static uint64_t *ends_filled_in(struct __jmp_buf_tag *jump)
{
    return (uint64_t *)(void *)((char *)&jump->__saved_mask + sizeof(sigset_t) - sizeof(uint64_t));
}

/* Called by the stubs below, whose frame the buffer must not see. */
__attribute__((used)) static void ends_jump_filled(struct __jmp_buf_tag *jump)
{
    *ends_filled_in(jump) = plim__worker_entry;
}

/* Note the entry, then go on in the C library's function as if it had been called. */
__asm__(".macro plim__fill name\n"
        ".globl \\name\n.type \\name,@function\n\\name:\n"
        "push %rdi\npush %rsi\nsub $8,%rsp\n"
        "call ends_jump_filled\n"
        "add $8,%rsp\npop %rsi\npop %rdi\n"
        "mov plim__next_\\name(%rip),%r11\njmp *%r11\n"
        ".size \\name,.-\\name\n.endm\n"
        "plim__fill _setjmp\nplim__fill setjmp\nplim__fill __sigsetjmp\n");

extern void *plim__next__setjmp, *plim__next_setjmp, *plim__next___sigsetjmp;
void *plim__next__setjmp;
void *plim__next_setjmp;
void *plim__next___sigsetjmp;

__attribute__((constructor)) static void ends_find(void)
{
    plim__next__setjmp = ends_next("_setjmp");
    plim__next_setjmp = ends_next("setjmp");
    plim__next___sigsetjmp = ends_next("__sigsetjmp");
}

static _Noreturn void ends_jump_to(const char *name, struct __jmp_buf_tag *to, int value)
{
    ends_jump *next;
    uint64_t filled = *ends_filled_in(to);
    if (plim__worker_entry != 0 && plim__worker_is_me() && filled != plim__worker_entry)
        plim__words_leave(PLIM__WORDS_JUMP, (int32_t)filled, to, 0, name, false);
    *(void **)&next = ends_next(name);
    next(to, value);
    __builtin_unreachable();
}

static _Noreturn void ends_by_longjmp(struct __jmp_buf_tag to[1], int value)
{
    ends_jump_to("longjmp", to, value);
}
SYMBOL(longjmp);

static _Noreturn void ends_by__longjmp(struct __jmp_buf_tag to[1], int value)
{
    ends_jump_to("_longjmp", to, value);
}
SYMBOL(_longjmp);

static _Noreturn void ends_by_siglongjmp(struct __jmp_buf_tag to[1], int value)
{
    ends_jump_to("siglongjmp", to, value);
}
SYMBOL(siglongjmp);

static _Noreturn void ends_by___longjmp_chk(struct __jmp_buf_tag to[1], int value)
{
    ends_jump_to("__longjmp_chk", to, value);
}
SYMBOL(__longjmp_chk);

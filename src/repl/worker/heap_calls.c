/* SPDX-License-Identifier: MIT */
/*
 * malloc and its family, for all of the process. While an entry runs, blocks come out of the
 * session's heap; before and between, out of the C library's. Which one a block is of, its address
 * says. So what strdup, getline or fopen allocate for an entry is the session's too.
 *
 * M1 one thread at a time is inside the heap (heap_lock); it calls nothing that comes back here.
 * M2 a signal handler that interrupts its own thread inside is refused, and what it frees is left.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "repl/session/layout.h"
#include "repl/worker/worker.h"

/* `name` as an exported alias, so that the house's rule against calling it stays simple to hold. */
#define SYMBOL(name)                                                                               \
    extern __typeof__(calls_##name) name                                                           \
        __attribute__((alias("calls_" #name), visibility("default"), used))

/* The C library's own, under the names that it keeps for those who replace them. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *block);

static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile pid_t heap_inside; /* the thread that holds it */

static pid_t heap_thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* False: this thread is inside already. */
static bool heap_enter(void)
{
    pid_t me = heap_thread();
    if (heap_inside == me)
        return false;
    (void)pthread_mutex_lock(&heap_lock);
    heap_inside = me;
    return true;
}

static void heap_leave(void)
{
    heap_inside = 0;
    (void)pthread_mutex_unlock(&heap_lock);
}

void plim__heap_hold(void)
{
    (void)heap_enter();
}

void plim__heap_release(void)
{
    heap_leave();
}

static bool heap_serves(void)
{
    return plim__worker_entry != 0 && plim__worker_heap != NULL;
}

static bool heap_is_ours(const void *block)
{
    return (uint64_t)(uintptr_t)block - PLIM__SESSION_HEAP < (UINT64_C(1) << 40);
}

/* Refused. What no empty heap could serve is an answer; the rest ends the entry. */
static void *heap_refuse(size_t bytes, bool is_never)
{
    if (!is_never)
        plim__words_leave(PLIM__WORDS_BUDGET, 0, NULL, bytes, "", false);
    errno = ENOMEM;
    return NULL;
}

static void *calls_take(size_t bytes, size_t align, bool zeroed)
{
    bool is_never = true;
    void *block = NULL;
    if (heap_enter()) {
        block = plim__worker_heap->take(bytes, align, zeroed, &is_never);
        heap_leave();
    }
    return block != NULL ? block : heap_refuse(bytes, is_never);
}

static void *calls_malloc(size_t bytes)
{
    return heap_serves() ? calls_take(bytes, 0, false) : __libc_malloc(bytes);
}
SYMBOL(malloc);

static void *calls_calloc(size_t count, size_t bytes)
{
    size_t all;
    if (!heap_serves())
        return __libc_calloc(count, bytes);
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return calls_take(all, 0, true);
}
SYMBOL(calloc);

/* What free() and realloc() were given that is no block: the owner says it in a sentence. */
static void heap_wrong(const char *call, const void *address)
{
    plim__heap_block in;
    char text[PLIM__WORDS_TEXT];
    if (plim__worker_heap->find(address, &in) && in.address != (uint64_t)(uintptr_t)address)
        (void)snprintf(text, sizeof text,
                       "%s was given an address %llu bytes inside a block of %llu", call,
                       (unsigned long long)((uint64_t)(uintptr_t)address - in.address),
                       (unsigned long long)in.bytes);
    else
        (void)snprintf(text, sizeof text,
                       "%s was given a block that was given back already, or never was one", call);
    plim__words_leave(PLIM__WORDS_HEAP, 0, address, 0, text, false);
}

/* Addresses of variables, code and the stack are in no heap at all. */
static bool heap_is_foreign(const void *block)
{
    uint64_t at = (uint64_t)(uintptr_t)block;
    uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    return at - PLIM__SESSION_BASE < PLIM__SESSION_HEAP - PLIM__SESSION_BASE ||
           (at >= here && at - here < (UINT64_C(8) << 20));
}

static void calls_free(void *block)
{
    if (block == NULL)
        return;
    int saved = errno;
    if (!heap_is_ours(block)) {
        if (heap_serves() && heap_is_foreign(block))
            plim__words_leave(PLIM__WORDS_HEAP, 0, block, 0,
                              "free() was given the address of a variable, not of a block", false);
        __libc_free(block);
    } else if (plim__worker_heap != NULL && heap_enter()) {
        if (plim__worker_heap->usable(block) == 0)
            heap_wrong("free()", block);
        plim__worker_heap->give(block);
        heap_leave();
    }
    errno = saved;
}
SYMBOL(free);

static void *calls_realloc(void *block, size_t bytes)
{
    bool is_never = true;
    if (block == NULL)
        return calls_malloc(bytes);
    if (!heap_is_ours(block)) {
        if (heap_serves() && heap_is_foreign(block))
            plim__words_leave(PLIM__WORDS_HEAP, 0, block, 0,
                              "realloc() was given the address of a variable, not of a block",
                              false);
        return __libc_realloc(block, bytes);
    }
    if (bytes == 0) {
        calls_free(block);
        return NULL;
    }
    void *moved = NULL;
    if (heap_enter()) {
        if (plim__worker_heap->usable(block) == 0)
            heap_wrong("realloc()", block);
        moved = plim__worker_heap->resize(block, bytes, &is_never);
        heap_leave();
    }
    return moved != NULL ? moved : heap_refuse(bytes, is_never);
}
SYMBOL(realloc);

static void *calls_memalign(size_t align, size_t bytes)
{
    return heap_serves() ? calls_take(bytes, align, false) : __libc_memalign(align, bytes);
}
SYMBOL(memalign);

static void *calls_aligned_alloc(size_t align, size_t bytes)
{
    return calls_memalign(align, bytes);
}
SYMBOL(aligned_alloc);

static int calls_posix_memalign(void **out_block, size_t align, size_t bytes)
{
    if (align == 0 || (align & (align - 1)) != 0 || align % sizeof(void *) != 0)
        return EINVAL;
    void *block = calls_memalign(align, bytes);
    if (block == NULL)
        return ENOMEM;
    *out_block = block;
    return 0;
}
SYMBOL(posix_memalign);

static void *calls_valloc(size_t bytes)
{
    return calls_memalign(4096, bytes);
}
SYMBOL(valloc);

static void *calls_pvalloc(size_t bytes)
{
    return calls_memalign(4096, (bytes + 4095) & ~(size_t)4095);
}
SYMBOL(pvalloc);

static size_t calls_malloc_usable_size(void *block)
{
    if (block == NULL)
        return 0;
    if (!heap_is_ours(block)) /* below the block, as this C library keeps it; no call reaches it */
        return (((size_t *)block)[-1] & ~(size_t)7) - sizeof(size_t);
    size_t bytes = 0;
    if (heap_enter()) {
        bytes = plim__worker_heap->usable(block);
        heap_leave();
    }
    return bytes;
}
SYMBOL(malloc_usable_size);

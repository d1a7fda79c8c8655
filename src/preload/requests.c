/* SPDX-License-Identifier: MIT */
/*
 * From the C library's questions to the engine's: who asks, what if it is refused, whose memory
 * is this. Addresses decide: in the manager's range it is the engine's, in boot.c's array it is
 * boot's, anything else is foreign (handed out before this library was there) and left alone.
 * Q1  a thread is in the engine at most once: plim__preload_inside.
 * Q2  a refusal is NULL with errno ENOMEM, and has changed nothing.
 */
#include <errno.h>
#include <string.h>

#include "preload/notes.h"

plim__preload plim__preload_shared;
PLIM__THREAD_LOCAL bool plim__preload_inside;
PLIM__THREAD_LOCAL bool plim__preload_asked;

/* The compiler must not move the engine's work out from between the two; the only other reader is a
   signal handler of the same thread, so that is enough. */
static inline bool requests_enter(void)
{
    if (__builtin_expect(plim__preload_inside || !plim__load(&plim__preload_shared.is_ready), 0))
        return false;
    plim__preload_inside = true;
    plim__fence_signal();
    return true;
}

static inline void requests_leave(void)
{
    plim__fence_signal();
    if (__builtin_expect(plim__preload_asked, 0)) {
        plim__preload_asked = false;
        plim__preload_report("signal");
    }
    plim__preload_inside = false;
}

static inline bool requests_is_ours(const void *block)
{
    return (uintptr_t)block - plim__preload_shared.start < plim__preload_shared.bytes;
}

/* The first refusal of the process is reported at once: many a program ends by it, and not in a way
   that would let it write a report. */
static void requests_refused(void)
{
    static _Atomic bool is_told;
    plim_refusal_reason reason = plim_refusal_last().reason;
    bool was_told = false;
    if ((reason == PLIM_REFUSAL_BUDGET || reason == PLIM_REFUSAL_PAGES) &&
        plim__cas(&is_told, &was_told, true))
        plim__preload_report("refusal");
}

/* The plain request, the commonest by far, goes the engine's fast way. */
static inline void *requests_ask(plim_domain domain, size_t bytes, size_t align, bool zeroed,
                                 const char *site)
{
    if (__builtin_expect(align > PLIM__ALIGN || zeroed, 0))
        return plim__take(domain, bytes, align, zeroed, site);
    return plim__alloc_in(domain, bytes, site);
}

/* What passed a budget: in mode report it is served all the same, and charged to "beyond". */
static void *requests_beyond(size_t bytes, size_t align, bool zeroed, const char *site)
{
    plim__preload *shared = &plim__preload_shared;
    if (shared->mode != PLIM_CONFIG_MODE_REPORT ||
        plim_refusal_last().reason != PLIM_REFUSAL_BUDGET)
        return NULL;
    void *block = plim__take(shared->beyond, bytes, align, zeroed, site);
    if (block != NULL) {
        (void)plim__add_relaxed(&shared->passed_requests, 1);
        (void)plim__add_relaxed(&shared->passed_bytes, bytes);
    }
    return block;
}

void *plim__preload_take(size_t bytes, size_t align, bool zeroed, const plim__caller *caller)
{
    void *block;
    bytes = bytes != 0 ? bytes : 1; /* malloc(0) is a block of its own here */
    if (requests_enter()) {
        const char *site = plim__site_of_code(caller->code);
        plim_domain domain = plim__preload_shared.by_module ? plim__preload_domain(caller->code)
                                                            : plim__preload_shared.program;
        block = requests_ask(domain, bytes, align, zeroed, site);
        if (__builtin_expect(block == NULL, 0)) {
            requests_refused();
            block = requests_beyond(bytes, align, zeroed, site);
        }
        if (plim__notes_are_on && block != NULL)
            plim__notes_born(block, caller);
        requests_leave();
    } else {
        block = plim__boot_take(bytes, align);
    }
    if (__builtin_expect(block == NULL, 0))
        errno = ENOMEM;
    return block;
}

void plim__preload_give(void *block)
{
    if (block == NULL)
        return;
    if (requests_is_ours(block)) {
        if (requests_enter()) {
            if (plim__notes_are_on)
                (void)plim__notes_take(block);
            plim_free(block);
            requests_leave();
        } else {
            (void)plim__add_relaxed(&plim__preload_shared.lost_frees, 1);
        }
    } else if (!plim__boot_has(block)) {
        (void)plim__add_relaxed(&plim__preload_shared.foreign_frees, 1);
    }
}

size_t plim__preload_usable(const void *block)
{
    if (block == NULL)
        return 0;
    if (plim__boot_has(block))
        return plim__boot_usable(block);
    return requests_is_ours(block) ? plim__usable(block) : 0;
}

/* By hand: between boot and engine, or from a domain that is full to "beyond". */
static void *requests_move(void *block, size_t old_bytes, size_t bytes, const plim__caller *caller)
{
    void *moved = plim__preload_take(bytes, 0, false, caller);
    if (moved != NULL) {
        memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
        plim__preload_give(block);
    }
    return moved;
}

/* The engine's part. The note comes off first: where the block moves, another thread may be given
   its old place before this one is back. It stays the same block, born when it was and where. */
static void *requests_resize(void *block, size_t bytes, const plim__caller *caller)
{
    if (!plim__notes_are_on)
        return plim__resize(block, bytes, plim__site_of_code(caller->code));
    uint64_t note = plim__notes_take(block);
    void *resized = plim__resize(block, bytes, plim__site_of_code(caller->code));
    if (note != 0)
        plim__notes_put(resized != NULL ? resized : block, note);
    else if (resized != NULL)
        plim__notes_born(resized, caller);
    return resized;
}

void *plim__preload_resize(void *block, size_t bytes, const plim__caller *caller)
{
    if (block == NULL)
        return plim__preload_take(bytes, 0, false, caller);
    if (bytes == 0) { /* as the C library this stands for has it */
        plim__preload_give(block);
        return NULL;
    }
    if (plim__boot_has(block))
        return requests_move(block, plim__boot_usable(block), bytes, caller);
    if (!requests_is_ours(block)) {
        (void)plim__add_relaxed(&plim__preload_shared.foreign_resizes, 1);
        errno = ENOMEM;
        return NULL;
    }
    if (!requests_enter()) /* from a handler: the engine must not be entered, the block stays */
        return requests_move(block, plim__usable(block), bytes, caller);
    void *resized = requests_resize(block, bytes, caller);
    bool is_over = resized == NULL && plim__preload_shared.mode == PLIM_CONFIG_MODE_REPORT &&
                   plim_refusal_last().reason == PLIM_REFUSAL_BUDGET;
    if (resized == NULL)
        requests_refused();
    requests_leave();
    if (is_over) /* the domain is full, and what it cannot hold moves out of it */
        return requests_move(block, plim__usable(block), bytes, caller);
    if (resized == NULL)
        errno = ENOMEM;
    return resized;
}

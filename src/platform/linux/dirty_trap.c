/* SPDX-License-Identifier: MIT */
/*
 * One handler of SIGSEGV for all memory that is watched so. It looks the address up in a fixed
 * table, sets the page's bit, makes the page writable and returns: the store is done again. A fault
 * that is not ours goes to whoever handled the signal before.
 *
 * Why a table of statics: a handler has no argument of ours. It reads atomics and calls
 * mprotect(2), nothing else. The table is bounded. With the last range the handler goes, unless
 * another was set over it meanwhile: taking ours out would take that out too. Then ours stays, and
 * no new range begins, since nobody knows whether that one passes faults on.
 */
#define _GNU_SOURCE
#include "platform/linux/dirty_trap.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/lock.h"

enum { TRAPS_MAX = 16 };

typedef struct trap_range {
    _Atomic uintptr_t start; /* 0: free */
    _Atomic uintptr_t end;
    _Atomic uint64_t *bits; /* one per page */
    void *bits_pages;       /* where they lie */
    size_t bits_bytes;
} trap_range;

static trap_range traps[TRAPS_MAX];
static struct sigaction trap_before;
static bool trap_is_set;
static size_t trap_page;
static plim__lock trap_lock;

static void trap_pass_on(int number, siginfo_t *info, void *context)
{
    if ((trap_before.sa_flags & SA_SIGINFO) != 0) {
        trap_before.sa_sigaction(number, info, context);
    } else if (trap_before.sa_handler != SIG_DFL && trap_before.sa_handler != SIG_IGN) {
        trap_before.sa_handler(number);
    } else {
        /* The store is tried again, and ends the process as it would have without us. */
        struct sigaction plain = {.sa_handler = SIG_DFL};
        (void)sigaction(number, &plain, NULL);
    }
}

/* The system splits a mapping no further: all pages count as written, and are writable. */
static bool trap_let_all(trap_range *trap, uintptr_t start)
{
    for (size_t i = 0; i < trap->bits_bytes / sizeof(uint64_t); i++)
        atomic_store(&trap->bits[i], UINT64_MAX);
    return mprotect((void *)start, trap->end - start, PROT_READ | PROT_WRITE) == 0;
}

static void trap_handle(int number, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < TRAPS_MAX; i++) {
        uintptr_t start = atomic_load_explicit(&traps[i].start, memory_order_acquire);
        if (start == 0 || address < start ||
            address >= atomic_load_explicit(&traps[i].end, memory_order_relaxed))
            continue;
        size_t page = (address - start) / trap_page;
        /* A page that is noted already is writable: then the fault is another's. Two threads may
           fault on one page at once; the second finds the bit set, and tries once more. */
        uint64_t bit = UINT64_C(1) << page % 64;
        if ((atomic_fetch_or(&traps[i].bits[page / 64], bit) & bit) != 0 &&
            info->si_code != SEGV_ACCERR)
            break;
        if (mprotect((void *)(start + page * trap_page), trap_page, PROT_READ | PROT_WRITE) == 0 ||
            trap_let_all(&traps[i], start))
            return;
        break;
    }
    trap_pass_on(number, info, context);
}

static bool trap_is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == trap_handle;
}

static bool trap_install(void)
{
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    struct sigaction now = {.sa_handler = SIG_DFL};
    ours.sa_sigaction = trap_handle;
    (void)sigemptyset(&ours.sa_mask);
    trap_page = (size_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGSEGV, NULL, &now) != 0)
        return false;
    if (trap_is_set && trap_is_ours(&now))
        return true;
    if (trap_is_set)
        return false; /* another was set over ours: not to be driven out */
    trap_before = now;
    /* Looked at, not believed: a sanitizer may keep the signal to itself and say nothing. */
    now = (struct sigaction){.sa_handler = SIG_DFL};
    trap_is_set = sigaction(SIGSEGV, &ours, NULL) == 0 && sigaction(SIGSEGV, NULL, &now) == 0 &&
                  trap_is_ours(&now);
    return trap_is_set;
}

static void trap_remove(void)
{
    struct sigaction now = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < TRAPS_MAX; i++)
        if (traps[i].start != 0)
            return;
    if (trap_is_set && sigaction(SIGSEGV, NULL, &now) == 0 && trap_is_ours(&now))
        trap_is_set = sigaction(SIGSEGV, &trap_before, NULL) != 0;
}

int plim__trap_start(void *memory, size_t bytes)
{
    int found = -1;
    plim__lock_take(&trap_lock);
    for (int i = 0; i < TRAPS_MAX && found < 0; i++)
        if (traps[i].start == 0)
            found = i;
    bool fits = found >= 0 && trap_install();
    if (fits) {
        trap_range *trap = &traps[found];
        trap->bits_bytes = (bytes / trap_page / 64 + 1) * sizeof(uint64_t);
        void *bits = mmap(NULL, trap->bits_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        fits = bits != MAP_FAILED;
        if (fits && mprotect(memory, bytes, PROT_READ) != 0) {
            (void)munmap(bits, trap->bits_bytes);
            fits = false;
        }
        if (fits) {
            trap->bits = trap->bits_pages = bits;
            atomic_store_explicit(&trap->end, (uintptr_t)memory + bytes, memory_order_relaxed);
            atomic_store_explicit(&trap->start, (uintptr_t)memory, memory_order_release);
        }
    }
    if (!fits)
        trap_remove();
    plim__lock_give(&trap_lock);
    return fits ? found : -1;
}

bool plim__trap_is_written(int trap, size_t page)
{
    return (atomic_load(&traps[trap].bits[page / 64]) >> page % 64 & 1) != 0;
}

bool plim__trap_rearm(int trap, size_t first_page, size_t page_count)
{
    char *start = (char *)traps[trap].start + first_page * trap_page; // NOLINT: an address
    if (mprotect(start, page_count * trap_page, PROT_READ) != 0)
        return false;
    for (size_t page = first_page; page < first_page + page_count; page++)
        (void)atomic_fetch_and(&traps[trap].bits[page / 64], ~(UINT64_C(1) << page % 64));
    return true;
}

void plim__trap_stop(int trap)
{
    trap_range *at = &traps[trap];
    plim__lock_take(&trap_lock);
    PLIM_CHECK(at->start != 0);
    (void)mprotect((void *)at->start, at->end - at->start, PROT_READ | PROT_WRITE);
    atomic_store_explicit(&at->start, 0, memory_order_release);
    (void)munmap(at->bits_pages, at->bits_bytes);
    trap_remove();
    plim__lock_give(&trap_lock);
}

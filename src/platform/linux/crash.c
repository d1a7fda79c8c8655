/* SPDX-License-Identifier: MIT */
/*
 * A process's own fault, recorded on Linux.
 * The handler is one-shot (SA_RESETHAND): whatever faults while it runs, its own unwinding of a
 * broken stack included, ends the process as it would have ended anyway, and what was written until
 * then stands: the signal first, the frames last. An alarm ends a handler that hangs.
 * backtrace(3) loads the unwinder at its first call, which may allocate: so it is called once at
 * install. From then on it reads the loader's table without a lock (glibc 2.35, gcc 12).
 * A worker of a C session writes its end elsewhere (src/repl/worker/words.c, which says why).
 */
#define _GNU_SOURCE
#include "platform/crash.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    CRASH_STACK_BYTES = 64 << 10, /* the unwinder needs some 20 KiB */
    CRASH_SECONDS_MAX = 5,
    CRASH_SIGNALS = 7
};

static const struct crash_signal {
    int number;
    bool has_address;
    const char *name, *text;
} CRASH_NAMES[] = {
    {SIGSEGV, true, "SIGSEGV", "segmentation fault"},
    {SIGBUS, true, "SIGBUS", "bus error"},
    {SIGILL, true, "SIGILL", "illegal instruction"},
    {SIGFPE, true, "SIGFPE", "arithmetic fault"},
    {SIGABRT, false, "SIGABRT", "abort"},
    {SIGTRAP, false, "SIGTRAP", "trap"},
    {SIGSYS, false, "SIGSYS", "bad system call"},
    {SIGKILL, false, "SIGKILL", "killed"},
    {SIGTERM, false, "SIGTERM", "asked to end"},
    {SIGINT, false, "SIGINT", "interrupted"},
    {SIGHUP, false, "SIGHUP", "hung up"},
    {SIGPIPE, false, "SIGPIPE", "nobody reads"},
    {SIGALRM, false, "SIGALRM", "alarm"},
    {SIGXCPU, false, "SIGXCPU", "out of processor time"},
};

/* One process, one record: a handler has no other way to find it. */
static plim__crash_record *crash_record;
static void *crash_stack;
static bool crash_is_ours[CRASH_SIGNALS];

static const struct crash_signal *crash_find(int signal_number)
{
    for (size_t i = 0; i < sizeof CRASH_NAMES / sizeof CRASH_NAMES[0]; i++) {
        if (CRASH_NAMES[i].number == signal_number)
            return &CRASH_NAMES[i];
    }
    return NULL;
}

const char *plim__signal_name(int signal_number)
{
    const struct crash_signal *found = crash_find(signal_number);
    return found != NULL ? found->name : "signal";
}

const char *plim__signal_text(int signal_number)
{
    const struct crash_signal *found = crash_find(signal_number);
    return found != NULL ? found->text : "ended by a signal";
}

bool plim__signal_has_address(int signal_number)
{
    const struct crash_signal *found = crash_find(signal_number);
    return found != NULL && found->has_address;
}

static void crash_registers(plim__crash_record *record, const ucontext_t *context)
{
#if defined(__x86_64__)
    enum { COUNT = NGREG < PLIM__CRASH_REGISTERS ? NGREG : PLIM__CRASH_REGISTERS };
    for (int i = 0; i < COUNT; i++)
        record->registers[i] = (uint64_t)context->uc_mcontext.gregs[i];
    record->register_count = COUNT;
    record->instruction = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
    record->stack = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    for (int i = 0; i < 31; i++)
        record->registers[i] = context->uc_mcontext.regs[i];
    record->register_count = 31;
    record->instruction = context->uc_mcontext.pc;
    record->stack = context->uc_mcontext.sp;
#else
    (void)record;
    (void)context;
#endif
}

static void crash_handle(int signal_number, siginfo_t *info, void *context)
{
    plim__crash_record *record = crash_record;
    uint32_t none = PLIM__CRASH_NONE;
    void *frames[PLIM__CRASH_FRAMES];
    /* Of threads that crash together the first is told of. */
    if (record == NULL ||
        !atomic_compare_exchange_strong(&record->state, &none, PLIM__CRASH_BEGUN)) {
        (void)raise(signal_number);
        return;
    }
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(CRASH_SECONDS_MAX);
    record->signal = signal_number;
    record->code = info->si_code;
    record->address = (uint64_t)(uintptr_t)info->si_addr;
    record->thread = syscall(SYS_gettid);
    crash_registers(record, context);
    atomic_thread_fence(memory_order_release);
    int count = backtrace(frames, PLIM__CRASH_FRAMES);
    for (int i = 0; i < count; i++)
        record->frames[i] = (uint64_t)(uintptr_t)frames[i];
    record->frame_count = count > 0 ? (uint32_t)count : 0;
    atomic_store(&record->state, PLIM__CRASH_COMPLETE);
    (void)raise(signal_number); /* blocked until we return, and then nobody's but the system's */
}

static int crash_module(struct dl_phdr_info *info, size_t bytes, void *ctx)
{
    plim__crash_record *record = ctx;
    (void)bytes;
    if (record->module_count >= PLIM__CRASH_MODULES)
        return 1;
    plim__crash_module *module = &record->modules[record->module_count];
    char own[PLIM__CRASH_PATH_BYTES];
    const char *path = info->dlpi_name;
    uint64_t start = UINT64_MAX, end = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uint64_t first = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        start = first < start ? first : start;
        end = first + part->p_memsz > end ? first + part->p_memsz : end;
    }
    if (record->module_count == 0) { /* the program comes first, and has no name */
        ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
        own[len > 0 ? len : 0] = '\0';
        path = own;
    }
    size_t len = strlen(path);
    size_t cut = len < PLIM__CRASH_PATH_BYTES ? 0 : len - PLIM__CRASH_PATH_BYTES + 1;
    memcpy(module->path, path + cut, len - cut + 1);
    module->start = start;
    module->end = end;
    module->bias = info->dlpi_addr;
    record->module_count++;
    return 0;
}

static bool crash_stack_make(void)
{
    if (crash_stack != NULL)
        return true;
    void *made = mmap(NULL, CRASH_STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (made == MAP_FAILED)
        return false;
    stack_t stack = {.ss_sp = made, .ss_size = CRASH_STACK_BYTES};
    if (sigaltstack(&stack, NULL) != 0) {
        (void)munmap(made, CRASH_STACK_BYTES);
        return false;
    }
    crash_stack = made;
    return true;
}

bool plim__crash_install(plim__crash_record *record)
{
    void *first[2];
    if (!crash_stack_make())
        return false;
    (void)backtrace(first, 2);
    record->module_count = 0;
    (void)dl_iterate_phdr(crash_module, record);
    crash_record = record;
    struct sigaction act = {.sa_sigaction = crash_handle};
    act.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND);
    (void)sigemptyset(&act.sa_mask);
    for (int i = 0; i < CRASH_SIGNALS; i++) {
        struct sigaction old;
        if (sigaction(CRASH_NAMES[i].number, NULL, &old) != 0 ||
            ((old.sa_flags & SA_SIGINFO) == 0 && old.sa_handler != SIG_DFL) ||
            ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != crash_handle))
            continue; /* somebody's own */
        crash_is_ours[i] = sigaction(CRASH_NAMES[i].number, &act, NULL) == 0;
    }
    return true;
}

void plim__crash_remove(void)
{
    for (int i = 0; i < CRASH_SIGNALS; i++) {
        struct sigaction now;
        if (crash_is_ours[i] && sigaction(CRASH_NAMES[i].number, NULL, &now) == 0 &&
            now.sa_sigaction == crash_handle)
            (void)signal(CRASH_NAMES[i].number, SIG_DFL);
        crash_is_ours[i] = false;
    }
    crash_record = NULL;
    if (crash_stack != NULL) {
        stack_t none = {.ss_flags = SS_DISABLE};
        (void)sigaltstack(&none, NULL);
        (void)munmap(crash_stack, CRASH_STACK_BYTES);
        crash_stack = NULL;
    }
}

static volatile sig_atomic_t end_is_asked;

static void end_note(int signal_number)
{
    (void)signal_number;
    end_is_asked = 1;
}

bool plim__end_watch(void)
{
    struct sigaction old;
    struct sigaction act = {.sa_handler = end_note}; /* without SA_RESTART: waits end */
    (void)sigemptyset(&act.sa_mask);
    if (sigaction(SIGTERM, NULL, &old) != 0 || (old.sa_flags & SA_SIGINFO) != 0 ||
        old.sa_handler != SIG_DFL)
        return false;
    end_is_asked = 0;
    return sigaction(SIGTERM, &act, NULL) == 0;
}

bool plim__end_is_asked(void)
{
    return end_is_asked != 0;
}

void plim__end_unwatch(void)
{
    struct sigaction now;
    if (sigaction(SIGTERM, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
        now.sa_handler == end_note)
        (void)signal(SIGTERM, SIG_DFL);
}

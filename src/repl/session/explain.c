/* SPDX-License-Identifier: MIT */
/*
 * Sentences. What a signal means is said by what was being done: where the address lies, what the
 * stack looks like, which call was the last. Numbers are those of Linux on x86-64, for that is
 * where workers run (session/linux).
 */
#include "repl/session/explain.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "repl/session/layout.h"

enum {
    EXPLAIN_ILL = 4,
    EXPLAIN_TRAP = 5,
    EXPLAIN_ABRT = 6,
    EXPLAIN_BUS = 7,
    EXPLAIN_FPE = 8,
    EXPLAIN_KILL = 9,
    EXPLAIN_SEGV = 11,
    EXPLAIN_SYS = 31,
    EXPLAIN_FPE_INTDIV = 1,     /* si_code: an integer divided by zero, or beyond its range */
    EXPLAIN_SEGV_GENERAL = 128, /* si_code of an address that no page can have */
    EXPLAIN_NULL_BYTES = 65536,
    EXPLAIN_RSP = 7,
    EXPLAIN_RIP = 16
};

static const char *const EXPLAIN_SIGNALS[] = {
    "0",         "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};

static const char *explain_name(int signal)
{
    size_t known = sizeof EXPLAIN_SIGNALS / sizeof *EXPLAIN_SIGNALS;
    return signal > 0 && (size_t)signal < known ? EXPLAIN_SIGNALS[signal] : "a signal";
}

/* The innermost frame of the session's own code. */
static const plim__trace_row *explain_row(const plim__trace *trace)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->rows[i].is_session)
            return &trace->rows[i];
    return NULL;
}

static void explain_place(plim__text *text, const plim__trace *trace)
{
    const plim__trace_row *row = explain_row(trace);
    if (row == NULL)
        return;
    if (row->function[0] != 0)
        plim__text_format(text, " in %s()", row->function);
    if (row->line != 0)
        plim__text_format(text, " at %s:%u", row->file, row->line);
}

/* The library's function that was called from there. */
static const char *explain_callee(const plim__trace *trace)
{
    const char *name = "";
    for (size_t i = 0; i < trace->count && !trace->rows[i].is_session; i++)
        name = trace->rows[i].function;
    return name;
}

static bool explain_is_overflow(const plim__words *words)
{
    uint64_t stack = words->registers[EXPLAIN_RSP];
    uint64_t near = 1 << 20;
    return words->address + near > stack && words->address < stack + near &&
           stack < words->stack_low + near;
}

static void explain_overflow(plim__text *text, const plim__trace *trace)
{
    const plim__trace_row *row = explain_row(trace);
    plim__text_format(text, "stack overflow");
    if (row != NULL && row->function[0] != 0 && trace->depth > 8)
        plim__text_format(text, ": %s() called itself %" PRIu64 " times", row->function,
                          trace->depth);
    explain_place(text, trace);
}

static void explain_access(plim__text *text, const plim__machine *machine, const plim__words *words,
                           const plim__trace *trace)
{
    uint64_t at = words->address;
    const char *callee = explain_callee(trace);
    if (at == words->registers[EXPLAIN_RIP]) {
        plim__text_format(text, "call of a function at 0x%" PRIx64 ", where no code is%s", at,
                          at < EXPLAIN_NULL_BYTES ? ": a null pointer" : "");
        explain_place(text, trace);
        return;
    }
    if (explain_is_overflow(words)) {
        explain_overflow(text, trace);
        return;
    }
    if (words->code == EXPLAIN_SEGV_GENERAL && at == 0)
        plim__text_format(text, "wild pointer: an address that no memory can have");
    else if (at == 0)
        plim__text_format(text, "null pointer");
    else if (at < EXPLAIN_NULL_BYTES)
        plim__text_format(text, "null pointer + offset %" PRIu64, at);
    else if (at - PLIM__SESSION_CODE < PLIM__SESSION_CODE_BYTES)
        plim__text_format(
            text, "write to 0x%" PRIx64 ", which is code or a constant (such as a string literal)",
            at);
    else if (at - PLIM__SESSION_BASE < machine->shared_bytes)
        plim__text_format(text, "access to 0x%" PRIx64 " of the session", at);
    else
        plim__text_format(text, "wild pointer: nothing is at 0x%" PRIx64, at);
    if (callee[0] != 0)
        plim__text_format(text, ", followed by %s() called", callee);
    else
        plim__text_format(text, ", followed");
    explain_place(text, trace);
}

static void explain_signal(plim__text *text, const plim__machine *machine, const plim__words *words,
                           const plim__trace *trace)
{
    if (words->signal == EXPLAIN_SEGV || words->signal == EXPLAIN_BUS) {
        explain_access(text, machine, words, trace);
        return;
    }
    const char *callee = explain_callee(trace);
    if (words->signal == EXPLAIN_FPE && words->code == EXPLAIN_FPE_INTDIV)
        plim__text_format(text, "division by zero, or of the smallest number by -1,");
    else if (words->signal == EXPLAIN_ABRT && strcmp(callee, "__assert_fail") == 0)
        plim__text_format(text, "an assertion failed");
    else if (words->signal == EXPLAIN_ABRT && callee[0] != 0 && strcmp(callee, "abort") != 0)
        plim__text_format(text, "abort() called by %s(), called", callee);
    else if (words->signal == EXPLAIN_ABRT)
        plim__text_format(text, "abort() called");
    else if (words->signal == EXPLAIN_ILL || words->signal == EXPLAIN_TRAP)
        plim__text_format(text, "an instruction that stops the program (%s)",
                          explain_name(words->signal));
    else
        plim__text_format(text, "ended by %s", explain_name(words->signal));
    explain_place(text, trace);
}

static void explain_bytes(plim__text *text, uint64_t bytes)
{
    uint64_t mebi = bytes >> 20;
    if (mebi >= 1 && bytes % (1 << 20) == 0)
        plim__text_format(text, "%" PRIu64 " MiB", mebi);
    else
        plim__text_format(text, "%" PRIu64 " bytes", bytes);
}

static void explain_budget(plim__text *text, const plim__machine *machine,
                           const plim__verdict *verdict, const plim__trace *trace)
{
    bool is_entry =
        machine->options.entry_bytes != 0 &&
        machine->heap_used + machine->options.entry_bytes < machine->options.memory_bytes;
    plim__text_format(text, "the %s budget of ", is_entry ? "entry's" : "session's");
    explain_bytes(text, is_entry ? machine->options.entry_bytes : machine->options.memory_bytes);
    plim__text_format(text, " was reached");
    explain_place(text, trace);
    if (verdict->words.kind == PLIM__WORDS_BUDGET)
        plim__text_format(text, ", where %" PRIu64 " bytes were asked for",
                          verdict->words.requested);
}

static void explain_memory(plim__text *text, const plim__machine *machine,
                           const plim__verdict *verdict, const plim__trace *trace)
{
    if (verdict->words.kind == PLIM__WORDS_BUDGET) {
        explain_budget(text, machine, verdict, trace);
    } else if (verdict->text[0] != 0) {
        plim__text_format(text, "the entry wrote more than can be kept for going back: %s",
                          verdict->text);
    } else {
        plim__text_format(text, "the entry took ");
        explain_bytes(text, verdict->used_bytes & ~UINT64_C(0xfffff));
        plim__text_format(text, " of memory, beyond what the session may");
        explain_place(text, trace);
    }
}

static void explain_silent(plim__text *text, const plim__verdict *verdict)
{
    int signal = verdict->status & 0x7f;
    if (verdict->words.kind == PLIM__WORDS_CLOSED || (verdict->is_broken && verdict->is_standing))
        plim__text_format(text, "the entry closed or spoiled the worker's own descriptor");
    else if (verdict->status == -1)
        plim__text_format(text, "the worker is gone, and nobody knows why");
    else if (signal == EXPLAIN_KILL)
        plim__text_format(text, "the worker was killed (SIGKILL): by somebody, or by the system "
                                "for want of memory");
    else if (signal != 0)
        plim__text_format(text, "the worker was ended by %s", explain_name(signal));
    else
        plim__text_format(text, "the worker ended itself with exit code %d",
                          verdict->status >> 8 & 0xff);
}

static void explain_time(plim__text *text, uint32_t deadline_ms)
{
    if (deadline_ms % 1000 == 0)
        plim__text_format(text, "deadline of %u s passed", deadline_ms / 1000);
    else
        plim__text_format(text, "deadline of %u ms passed", deadline_ms);
}

void plim__explain(const plim__machine *machine, const plim__verdict *verdict,
                   const plim__trace *trace, char *out_text, size_t cap)
{
    plim__text text;
    const plim__words *words = &verdict->words;
    plim__text_init(&text, out_text, cap);
    if (verdict->end == PLIM_REPL_OK)
        return;
    if (verdict->end == PLIM_REPL_TIMEOUT) {
        explain_time(&text, machine->options.deadline_ms);
        explain_place(&text, trace);
    } else if (verdict->end == PLIM_REPL_INTERRUPTED) {
        plim__text_format(&text, "interrupted");
        explain_place(&text, trace);
    } else if (verdict->end == PLIM_REPL_MEMORY) {
        explain_memory(&text, machine, verdict, trace);
    } else if (verdict->end == PLIM_REPL_REFUSED) {
        plim__text_format(&text, "the entry came to its end, but left the heap damaged: %s",
                          verdict->text);
    } else if (words->kind == PLIM__WORDS_EXIT) {
        plim__text_format(&text, "exit(%d) called", words->code);
        explain_place(&text, trace);
    } else if (words->kind == PLIM__WORDS_HEAP) {
        plim__text_format(&text, "%s (0x%" PRIx64 ")", words->text, words->address);
        explain_place(&text, trace);
    } else if (words->kind == PLIM__WORDS_JUMP) {
        plim__text_format(&text, "%s() to a place in In[%d], which has ended,", words->text,
                          words->code);
        explain_place(&text, trace);
    } else if (words->kind == PLIM__WORDS_SIGNAL) {
        explain_signal(&text, machine, words, trace);
    } else {
        explain_silent(&text, verdict);
    }
}

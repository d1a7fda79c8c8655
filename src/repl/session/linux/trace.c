/* SPDX-License-Identifier: MIT */
/*
 * A stack, from outside. libdw unwinds by the call frame information of the program's files and of
 * the session's units; it is given registers and memory by us, so that nothing has to be attached
 * to the process. Only units that the stack mentions are shown to it.
 *
 * U1 everything read is of a process that may be broken: each step is bounded, none is believed.
 */
#include "repl/session/trace.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/allocator.h"
#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"

enum {
    TRACE_STACK_BYTES = 256 * 1024, /* of the stack's top that is read at once */
    TRACE_UNITS = 48,               /* shown to libdw at most */
    TRACE_LINES = 512,              /* of /proc/PID/maps */
    TRACE_DEPTH_BYTES = 64 << 20    /* of a stack that is counted */
};

typedef struct trace_work {
    const plim__machine *machine;
    const plim__words *words;
    plim__trace_image *image;
    void *ctx;
    plim__trace *trace;
    uint64_t *stack; /* words from stack_at on */
    uint64_t stack_at, stack_words;
    const void *units[TRACE_UNITS];
    uint32_t unit_count;
    uint32_t frames;
    bool is_over; /* the worker's own frames are reached */
    bool has_session;
    uint64_t last_low, last_high; /* the function that repeats */
} trace_work;

enum { TRACE_RBP = 6, TRACE_RSP = 7, TRACE_RIP = 16 };

bool plim__trace_stop(const plim__machine *machine, plim__words *words)
{
    struct user_regs_struct registers;
    pid_t pid = (pid_t)machine->active.pid;
    int status = 0;
    if (pid <= 0 || ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0)
        return false;
    if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
        ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
        return false;
    const uint64_t in_order[PLIM__WORDS_REGISTERS] = {
        registers.rax, registers.rdx, registers.rcx, registers.rbx, registers.rsi, registers.rdi,
        registers.rbp, registers.rsp, registers.r8,  registers.r9,  registers.r10, registers.r11,
        registers.r12, registers.r13, registers.r14, registers.r15, registers.rip};
    memcpy(words->registers, in_order, sizeof in_order);
    words->stack_low = registers.rsp;
    words->stack_high = registers.rsp + TRACE_STACK_BYTES;
    return true;
}

/* --- what libdw asks ----------------------------------------------------------------------- */

static int trace_find_elf(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                          char **out_name, Elf **out_elf)
{
    (void)module;
    (void)user;
    (void)name;
    (void)base;
    (void)out_name;
    (void)out_elf;
    return -1;
}

/* No search for separate debug information: it takes longer than all else. */
static int trace_find_debug(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                            const char *file, const char *link, GElf_Word crc, char **out_file)
{
    (void)module;
    (void)user;
    (void)name;
    (void)base;
    (void)file;
    (void)link;
    (void)crc;
    (void)out_file;
    return -1;
}

static pid_t trace_next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
    (void)dwfl;
    if (*thread_arg != NULL)
        return 0;
    *thread_arg = arg;
    return 1;
}

static bool trace_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *out_word, void *arg)
{
    const trace_work *work = arg;
    (void)dwfl;
    uint64_t index = (address - work->stack_at) / 8;
    if (address >= work->stack_at && index < work->stack_words && address % 8 == 0) {
        *out_word = work->stack[index];
        return true;
    }
    return plim__machine_read(work->machine, address, out_word, sizeof *out_word) == PLIM_OK;
}

static bool trace_registers(Dwfl_Thread *thread, void *arg)
{
    const trace_work *work = arg;
    return dwfl_thread_state_registers(thread, 0, PLIM__WORDS_REGISTERS, work->words->registers);
}

/* --- what it is shown ---------------------------------------------------------------------- */

/* The file as libdw is to see it: only its code, for the variables of all units lie far away, in a
   row, and what spans both would span other units. */
static void trace_show(Dwfl *dwfl, const void *image, size_t bytes)
{
    Elf64_Ehdr head;
    int file = bytes > sizeof head ? memfd_create("plim-unit", MFD_CLOEXEC) : -1;
    if (file < 0)
        return;
    memcpy(&head, image, sizeof head);
    bool is_written = write(file, image, bytes) == (ssize_t)bytes;
    for (unsigned i = 0; i < head.e_phnum && i < 64 && is_written; i++) {
        Elf64_Phdr part;
        uint64_t at = head.e_phoff + i * sizeof part;
        if (at > bytes - sizeof part)
            break;
        memcpy(&part, (const char *)image + at, sizeof part);
        if (part.p_type == PT_LOAD && part.p_vaddr < PLIM__SESSION_DATA)
            continue;
        part.p_type = PT_NULL;
        (void)!pwrite(file, &part, sizeof part, (off_t)at);
    }
    if (!is_written || dwfl_report_elf(dwfl, "unit", "unit", file, 0, false) == NULL)
        (void)close(file);
}

static void trace_mention(trace_work *work, Dwfl *dwfl, uint64_t address)
{
    const void *image;
    size_t bytes;
    if (address - PLIM__SESSION_CODE >= PLIM__SESSION_CODE_BYTES ||
        work->unit_count == TRACE_UNITS || !work->image(work->ctx, address, &image, &bytes))
        return;
    for (uint32_t i = 0; i < work->unit_count; i++)
        if (work->units[i] == image)
            return;
    work->units[work->unit_count++] = image;
    trace_show(dwfl, image, bytes);
}

/* Programs and libraries of the worker: those of its maps that begin a file. */
static void trace_show_files(const trace_work *work, Dwfl *dwfl)
{
    char path[64], line[1024], name[768];
    (void)snprintf(path, sizeof path, "/proc/%lld/maps", (long long)work->machine->active.pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL)
        return;
    for (int i = 0; i < TRACE_LINES && fgets(line, sizeof line, maps) != NULL; i++) {
        unsigned long long start, end, offset;
        if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %767[^\n]", &start, &end, &offset, name) ==
                4 &&
            offset == 0 && name[0] == '/' && strncmp(name, "/memfd:", 7) != 0)
            (void)dwfl_report_elf(dwfl, name, name, -1, start, true);
    }
    (void)fclose(maps);
}

static bool trace_read_stack(trace_work *work)
{
    uint64_t at = work->words->registers[TRACE_RSP] & ~UINT64_C(7);
    uint64_t bytes = TRACE_STACK_BYTES;
    work->stack = plim__array_new(plim_allocator_system(), 1, bytes);
    work->stack_at = at;
    if (work->stack == NULL)
        return false;
    const struct iovec here = {work->stack, bytes};
    const struct iovec there = {(void *)(uintptr_t)at, bytes};
    ssize_t got = process_vm_readv((pid_t)work->machine->active.pid, &here, 1, &there, 1, 0);
    if (got <= 0) { /* the stack's end was reached: its last page has no memory */
        const struct iovec next = {(void *)(uintptr_t)((at + 4096) & ~UINT64_C(4095)), bytes};
        got = process_vm_readv((pid_t)work->machine->active.pid, &here, 1, &next, 1, 0);
        work->stack_at = (at + 4096) & ~UINT64_C(4095);
    }
    work->stack_words = got > 0 ? (uint64_t)got / 8 : 0;
    return true;
}

/* --- frames -------------------------------------------------------------------------------- */

static void trace_copy(char *out, const char *text)
{
    (void)snprintf(out, PLIM__TRACE_NAME, "%s", text != NULL ? text : "");
}

/* The function as the user called it; the symbol's name has a version. */
static void trace_function(trace_work *work, Dwfl_Module *module, Dwarf_Addr address,
                           plim__trace_row *row)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = row->is_session ? dwfl_module_addrdie(module, address, &bias) : NULL;
    Dwarf_Die *scopes = NULL;
    int count = unit != NULL ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
    for (int i = 0; i < count; i++) {
        int tag = dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
            continue;
        trace_copy(row->function, dwarf_diename(&scopes[i]));
        Dwarf_Addr low = 0, high = 0;
        if (work->last_high == 0 && dwarf_lowpc(&scopes[i], &low) == 0 &&
            dwarf_highpc(&scopes[i], &high) == 0) {
            work->last_low = low + bias;
            work->last_high = high + bias;
        }
        break;
    }
    (free)(scopes); /* libdw's, from the C library */
    if (row->function[0] == 0 && !row->is_session)
        trace_copy(row->function, dwfl_module_addrname(module, address));
    if (strncmp(row->function, "plim__", 6) == 0)
        row->function[0] = 0; /* the entry itself */
}

static void trace_place(Dwfl_Module *module, Dwarf_Addr address, plim__trace_row *row,
                        const char *file)
{
    int line = 0, column = 0;
    Dwfl_Line *place = row->is_session ? dwfl_module_getsrc(module, address) : NULL;
    const char *name =
        place != NULL ? dwfl_lineinfo(place, NULL, &line, &column, NULL, NULL) : NULL;
    if (name == NULL)
        name = file;
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    trace_copy(row->file, slash != NULL ? slash + 1 : name);
    row->line = line > 0 ? (uint32_t)line : 0;
    row->column = column > 0 ? (uint32_t)column : 0;
}

static void trace_row_add(plim__trace *trace, const plim__trace_row *row)
{
    plim__trace_row *last = trace->count > 0 ? &trace->rows[trace->count - 1] : NULL;
    if (last != NULL && last->line == row->line && last->column == row->column &&
        strcmp(last->function, row->function) == 0 && strcmp(last->file, row->file) == 0)
        last->repeats++;
    else if (trace->count < PLIM__TRACE_ROWS)
        trace->rows[trace->count++] = *row;
    else
        trace->left_out++;
}

/* Frames of the worker's own program: before the session's, the function that the entry called;
   after them, the end. */
static bool trace_is_own(trace_work *work, const char *file)
{
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    bool is_own = slash != NULL && strcmp(slash + 1, "plim-repl-worker") == 0;
    work->is_over = work->is_over || (is_own && work->has_session);
    return is_own;
}

static int trace_frame(Dwfl_Frame *frame, void *arg)
{
    trace_work *work = arg;
    Dwarf_Addr pc = 0;
    bool is_first = false;
    const char *file = NULL;
    if (!dwfl_frame_pc(frame, &pc, &is_first) || ++work->frames > PLIM__TRACE_FRAMES)
        return DWARF_CB_ABORT;
    Dwarf_Addr address = is_first || pc == 0 ? pc : pc - 1;
    Dwfl *dwfl = dwfl_thread_dwfl(dwfl_frame_thread(frame));
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    plim__trace_row row = {.address = address, .repeats = 1};
    uint64_t own = address - PLIM__SESSION_CODE;
    row.is_session = own >= PLIM__SESSION_OWN_BYTES && own < PLIM__SESSION_CODE_BYTES;
    work->has_session = work->has_session || row.is_session;
    if (module != NULL) {
        (void)dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &file, NULL);
        bool is_own = !row.is_session && trace_is_own(work, file);
        if (work->is_over)
            return DWARF_CB_ABORT;
        trace_function(work, module, address, &row);
        trace_place(module, address, &row, is_own ? "" : file);
        if (is_own)
            work->trace->count = 0; /* what it did for the entry is not the entry's */
    }
    trace_row_add(work->trace, &row);
    return DWARF_CB_OK;
}

/* Calls of the function that repeats, by the chain of frame pointers, which code of the session's
   always has. */
static void trace_depth(trace_work *work)
{
    uint64_t at = work->stack_at;
    uint64_t bytes = work->words->stack_high > at ? work->words->stack_high - at : 0;
    if (bytes == 0 || bytes > TRACE_DEPTH_BYTES || work->last_high == 0)
        return;
    uint64_t *stack = plim__array_new(plim_allocator_system(), 1, bytes);
    const struct iovec here = {stack, bytes};
    const struct iovec there = {(void *)(uintptr_t)at, bytes};
    ssize_t got = stack != NULL
                      ? process_vm_readv((pid_t)work->machine->active.pid, &here, 1, &there, 1, 0)
                      : 0;
    uint64_t words = got > 0 ? (uint64_t)got / 8 : 0;
    uint64_t frame = work->words->registers[TRACE_RBP];
    uint64_t first = 0;
    /* What lies before the memory that was read is two frames at most. */
    for (int i = 0; i < 64 && frame < at && frame != 0; i++) {
        if (plim__machine_read(work->machine, frame, &first, sizeof first) != PLIM_OK)
            break;
        frame = first;
    }
    work->trace->depth = 1;
    for (uint64_t index = (frame - at) / 8; frame >= at && index + 1 < words && frame % 8 == 0;
         index = (frame - at) / 8) {
        uint64_t next = stack[index];
        uint64_t back = stack[index + 1];
        if (back >= work->last_low && back < work->last_high)
            work->trace->depth++;
        if (next <= frame)
            break;
        frame = next;
    }
    plim__array_free(plim_allocator_system(), stack, 1, bytes);
}

void plim__trace_take(const plim__machine *machine, const plim__words *words,
                      plim__trace_image *image, void *ctx, plim__trace *out_trace)
{
    static const Dwfl_Callbacks FINDERS = {.find_elf = trace_find_elf,
                                           .find_debuginfo = trace_find_debug};
    static const Dwfl_Thread_Callbacks READERS = {.next_thread = trace_next_thread,
                                                  .memory_read = trace_memory,
                                                  .set_initial_registers = trace_registers};
    plim__words from = *words;
    trace_work work = {
        .machine = machine, .words = &from, .image = image, .ctx = ctx, .trace = out_trace};
    memset(out_trace, 0, sizeof *out_trace);
    if ((from.signal == SIGSEGV || from.signal == SIGBUS) &&
        from.address == from.registers[TRACE_RIP] &&
        plim__machine_read(machine, from.registers[TRACE_RSP], &from.registers[TRACE_RIP],
                           sizeof(uint64_t)) == PLIM_OK) {
        from.registers[TRACE_RSP] += 8; /* a call to where no code is: who called is the place */
        from.registers[TRACE_RIP]--;
    }
    Dwfl *dwfl = trace_read_stack(&work) ? dwfl_begin(&FINDERS) : NULL;
    if (dwfl != NULL) {
        dwfl_report_begin(dwfl);
        trace_show_files(&work, dwfl);
        trace_mention(&work, dwfl, from.registers[TRACE_RIP]);
        for (uint64_t i = 0; i < work.stack_words; i++)
            trace_mention(&work, dwfl, work.stack[i]);
        (void)dwfl_report_end(dwfl, NULL, NULL);
        if (dwfl_attach_state(dwfl, NULL, (pid_t)machine->active.pid, &READERS, &work))
            (void)dwfl_getthread_frames(dwfl, 1, trace_frame, &work);
        trace_depth(&work);
        dwfl_end(dwfl);
    }
    plim__array_free(plim_allocator_system(), work.stack, 1, TRACE_STACK_BYTES);
}

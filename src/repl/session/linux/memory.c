/* SPDX-License-Identifier: MIT */
/*
 * A session's memory: one sparse file without a name, mapped shared here and privately in workers,
 * and a journal over variables and heap, whose log is another such file.
 *
 * S1 what workers are given of the file is opened to read only: no mapping of theirs can be the
 *    truth.
 * S2 the truth changes by the journal's transactions alone; but for code and first values of a
 *    unit, which lie beyond all that is in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"

static plim_status memory_failed(plim_error *err, const char *what)
{
    plim_status status = errno == ENOMEM || errno == ENOSPC ? PLIM_ERR_NO_MEMORY : PLIM_ERR_IO;
    return plim_error_set(err, status, "%s: %s", what, strerror(errno));
}

static int memory_file(const char *name, uint64_t bytes)
{
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file >= 0 && ftruncate(file, (off_t)bytes) != 0) {
        (void)close(file);
        return -1;
    }
    if (file >= 0)
        (void)fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return file;
}

static void *memory_map(int file, uint64_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    return at == MAP_FAILED ? NULL : at;
}

plim_status plim__memory_open(plim__machine *machine, plim_error *err)
{
    char path[64];
    machine->heap_bytes = plim__session_heap_bytes(machine->total_bytes);
    machine->shared_bytes =
        PLIM__SESSION_CODE_BYTES + PLIM__SESSION_DATA_BYTES + machine->heap_bytes;
    machine->memory = memory_file("plim-repl", machine->shared_bytes);
    machine->log = memory_file("plim-repl-log", machine->options.history_bytes);
    machine->words_file = memory_file("plim-repl-words", sizeof(plim__words) * PLIM__WORDS_SLOTS);
    if (machine->memory < 0 || machine->log < 0 || machine->words_file < 0)
        return memory_failed(err, "memory for a session");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", machine->memory);
    machine->reader = open(path, O_RDONLY | O_CLOEXEC);
    machine->shared = memory_map(machine->memory, machine->shared_bytes);
    machine->log_memory = memory_map(machine->log, machine->options.history_bytes);
    machine->words = memory_map(machine->words_file, sizeof(plim__words) * PLIM__WORDS_SLOTS);
    if (machine->reader < 0 || machine->shared == NULL || machine->log_memory == NULL ||
        machine->words == NULL)
        return memory_failed(err, "mapping a session's memory");
    const plim_journal_options options = {
        .struct_bytes = sizeof options,
        .moment_max = machine->options.moment_max,
        .memory = machine->shared + PLIM__SESSION_CODE_BYTES,
        .memory_bytes = machine->shared_bytes - PLIM__SESSION_CODE_BYTES,
        .log = machine->log_memory,
        .log_bytes = machine->options.history_bytes,
    };
    return plim_journal_open(&options, &machine->journal, err);
}

void plim__memory_close(plim__machine *machine)
{
    const int files[] = {machine->memory, machine->reader, machine->log, machine->words_file};
    plim_journal_close(&machine->journal);
    if (machine->shared != NULL)
        (void)munmap(machine->shared, machine->shared_bytes);
    if (machine->log_memory != NULL)
        (void)munmap(machine->log_memory, machine->options.history_bytes);
    if (machine->words != NULL)
        (void)munmap(machine->words, sizeof(plim__words) * PLIM__WORDS_SLOTS);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            (void)close(files[i]);
}

void *plim__machine_at(const plim__machine *machine, uint64_t address, uint64_t bytes)
{
    uint64_t offset = address - PLIM__SESSION_BASE;
    if (offset >= machine->shared_bytes || bytes > machine->shared_bytes - offset)
        return NULL;
    return machine->shared + offset;
}

plim_status plim__machine_read(const plim__machine *machine, uint64_t address, void *out,
                               size_t bytes)
{
    const void *truth = plim__machine_at(machine, address, bytes);
    if (truth != NULL) {
        memcpy(out, truth, bytes);
        return PLIM_OK;
    }
    return plim__worker_read(machine, address, out, bytes) ? PLIM_OK : PLIM_ERR_NOT_FOUND;
}

bool plim__worker_read(const plim__machine *machine, uint64_t address, void *out, size_t bytes)
{
    const struct iovec here = {out, bytes};
    const struct iovec there = {(void *)(uintptr_t)address, bytes};
    return bytes == 0 ||
           (machine->active.pid != 0 &&
            process_vm_readv((pid_t)machine->active.pid, &here, 1, &there, 1, 0) == (ssize_t)bytes);
}

plim_status plim__machine_undo(plim__machine *machine, uint32_t count, plim_error *err)
{
    if (count > plim__machine_kept(machine))
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "%u entries can be taken back",
                              plim__machine_kept(machine));
    machine->is_stale = true;
    return plim_journal_undo(machine->journal, count, err);
}

/* The first transaction made the heap. */
uint32_t plim__machine_kept(const plim__machine *machine)
{
    plim_journal_info info;
    plim_journal_read_info(machine->journal, &info);
    return info.moment > 0 && info.kept >= info.moment ? (uint32_t)(info.moment - 1) : info.kept;
}

void plim__machine_held_bytes(const plim__machine *machine, uint64_t *out_memory, uint64_t *out_log)
{
    struct stat memory = {0}, log = {0};
    (void)fstat(machine->memory, &memory);
    (void)fstat(machine->log, &log);
    *out_memory = (uint64_t)memory.st_blocks * 512;
    *out_log = (uint64_t)log.st_blocks * 512;
}

uint64_t plim__machine_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

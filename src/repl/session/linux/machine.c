/* SPDX-License-Identifier: MIT */
/* Opening and closing: the heap's own unit, streams, the first worker, the first transaction. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"

enum { MACHINE_IMAGE_MAX = 4 << 20, MACHINE_START_US = 10000000 };

/* What is loaded of the heap's image: our own file, but no reason to trust it. */
static bool machine_load(plim__machine *machine, int file)
{
    Elf64_Ehdr head;
    if (pread(file, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    for (unsigned i = 0; i < head.e_phnum && i < 16; i++) {
        Elf64_Phdr part;
        if (pread(file, &part, sizeof part, (off_t)(head.e_phoff + i * sizeof part)) !=
            (ssize_t)sizeof part)
            return false;
        if (part.p_type != PT_LOAD)
            continue;
        uint64_t area =
            part.p_vaddr >= PLIM__SESSION_DATA ? PLIM__SESSION_DATA : PLIM__SESSION_CODE;
        if (part.p_vaddr < area || part.p_memsz > PLIM__SESSION_OWN_BYTES ||
            part.p_vaddr - area > PLIM__SESSION_OWN_BYTES - part.p_memsz ||
            part.p_filesz > part.p_memsz)
            return false;
        void *at = plim__machine_at(machine, part.p_vaddr, part.p_memsz);
        if (at == NULL ||
            pread(file, at, part.p_filesz, (off_t)part.p_offset) != (ssize_t)part.p_filesz)
            return false;
    }
    machine->heap_table = head.e_entry;
    const plim__heap_table *table = plim__machine_at(machine, head.e_entry, sizeof *table);
    return table != NULL && table->magic == PLIM__HEAP_MAGIC && table->bytes == sizeof *table;
}

static plim_status machine_heap(plim__machine *machine, plim_error *err)
{
    char path[PLIM__MACHINE_PATH + 32];
    (void)snprintf(path, sizeof path, "%s/plim-repl-heap", machine->libexec);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
        plim_error_hint(err, "PLIM_LIBEXEC names the folder of plim-repl-heap");
        return status;
    }
    bool is_loaded = machine_load(machine, file);
    (void)close(file);
    return is_loaded ? PLIM_OK
                     : plim_error_set(err, PLIM_ERR_DAMAGED, "%s is no session's heap", path);
}

static plim_status machine_streams(plim__machine *machine, plim_error *err)
{
    machine->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool is_open = machine->stop >= 0;
    for (int i = 0; i < 2 && machine->options.output != NULL && is_open; i++) {
        int pair[2];
        is_open = pipe2(pair, O_CLOEXEC) == 0;
        if (!is_open)
            break;
        machine->output[i] = pair[0];
        machine->output_far[i] = pair[1];
        (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    }
    return is_open ? PLIM_OK : plim_error_set(err, PLIM_ERR_IO, "pipes: %s", strerror(errno));
}

void plim__machine_init(plim__machine *machine, const plim_repl_options *options)
{
    *machine = (plim__machine){.options = *options};
    machine->memory = machine->reader = machine->log = machine->words_file = -1;
    machine->template_socket = machine->stop = -1;
    machine->output[0] = machine->output[1] = -1;
    machine->output_far[0] = machine->output_far[1] = -1;
    machine->active = machine->spare = (plim__runner){.socket = -1, .process = -1};
}

void plim__machine_stop(const plim__machine *machine)
{
    const uint64_t once = 1;
    int saved = errno;
    (void)!write(machine->stop, &once, sizeof once);
    errno = saved;
}

void plim__machine_drop_spare(plim__machine *machine)
{
    plim__runner_kill(&machine->spare);
}

plim_status plim__machine_open(plim__machine *machine, plim_error *err)
{
    uint64_t least = UINT64_C(4) << 30;
    machine->total_bytes =
        machine->options.memory_bytes > least ? machine->options.memory_bytes : least;
    plim_status status = plim__memory_open(machine, err);
    if (status == PLIM_OK)
        status = machine_heap(machine, err);
    if (status == PLIM_OK)
        status = machine_streams(machine, err);
    if (status == PLIM_OK)
        status = plim__template_start(machine, err);
    if (status == PLIM_OK)
        status = plim__machine_ready(machine, err);
    if (status == PLIM_OK)
        status = plim__machine_begin(machine, err);
    return status;
}

void plim__machine_close(plim__machine *machine)
{
    plim__runner_kill(&machine->active);
    plim__runner_kill(&machine->spare);
    plim__template_stop(machine);
    plim__memory_close(machine);
    const int files[] = {machine->stop, machine->output[0], machine->output[1],
                         machine->output_far[0], machine->output_far[1]};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            (void)close(files[i]);
}

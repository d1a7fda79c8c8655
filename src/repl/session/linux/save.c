/* SPDX-License-Identifier: MIT */
/*
 * A session as a file: what is in memory, extent by extent, rows, images, names. Code has addresses
 * of libraries in it; so the file says which files the template had loaded, by build-id, and where;
 * and the session it is loaded into must have the same there.
 *
 *   head | system (text) | libraries | rows | names (the source's text) | store | extents | sum
 *
 * V1 each number is checked before it is followed; the sum, at the end, is against damage, not
 *    malice: whoever loads a session runs its code.
 * V2 a failure at any point leaves an empty session.
 */
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"
#include "repl/session/session.h"

enum {
    SAVE_VERSION = 1,
    SAVE_SYSTEM_BYTES = 32768,
    SAVE_PIECE = 1 << 20,
    SAVE_ROWS_MAX = 1 << 20,
    SAVE_NAMES_MAX = 1 << 30,
    SAVE_LINES = 1024,
    SAVE_PATH = 4096
};

static const char SAVE_MAGIC[8] = {'P', 'L', 'I', 'M', 'R', 'E', 'P', 'L'};

typedef struct save_head {
    char magic[8];
    uint32_t version, entry_count;
    uint64_t total_bytes, memory_bytes;
    uint64_t heap_used, heap_blocks, heap_high;
    uint64_t system_bytes, library_count, row_count, names_bytes, store_bytes, extent_count;
} save_head;

typedef struct save_extent {
    uint64_t offset, bytes;
} save_extent;

typedef struct save_file {
    FILE *file;
    uint64_t sum; /* FNV-1a by words of eight bytes, of all before it */
    bool is_bad;  /* a read came short, or a write failed */
} save_file;

static void save_add_sum(save_file *save, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    while (count > 0) {
        uint64_t word = 0;
        size_t part = count < sizeof word ? count : sizeof word;
        memcpy(&word, at, part);
        save->sum = (save->sum ^ word) * UINT64_C(0x100000001b3);
        save->sum ^= save->sum >> 29;
        at += part;
        count -= part;
    }
}

static void save_put(save_file *save, const void *bytes, size_t count)
{
    save_add_sum(save, bytes, count);
    save->is_bad = save->is_bad || (count > 0 && fwrite(bytes, 1, count, save->file) != count);
}

static void save_get(save_file *save, void *bytes, size_t count)
{
    save->is_bad = save->is_bad || fread(bytes, 1, count, save->file) != count;
    if (!save->is_bad)
        save_add_sum(save, bytes, count);
}

/* --- the system ---------------------------------------------------------------------------- */

static void save_add_build(char *text, size_t cap, const char *path, unsigned long long base)
{
    size_t length = strlen(text);
    const void *id = NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = file >= 0 ? elf_begin(file, ELF_C_READ_MMAP, NULL) : NULL;
    ssize_t bytes = elf != NULL ? dwelf_elf_gnu_build_id(elf, &id) : 0;
    length += (size_t)snprintf(text + length, cap - length, "%s at 0x%llx, build ", path, base);
    for (ssize_t i = 0; i < bytes && length + 3 < cap; i++)
        length +=
            (size_t)snprintf(text + length, cap - length, "%02x", ((const unsigned char *)id)[i]);
    if (length + 2 < cap)
        (void)snprintf(text + length, cap - length, "\n");
    if (elf != NULL)
        (void)elf_end(elf);
    if (file >= 0)
        (void)close(file);
}

/* Which files code of the session may hold addresses of, and what their dynamic choices were. */
static plim_status save_system(plim_repl *repl, char *text, plim_error *err)
{
    char path[64], line[SAVE_PATH + 128], name[SAVE_PATH];
    (void)snprintf(path, sizeof path, "/proc/%lld/maps", (long long)repl->machine.template_pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL)
        return plim_error_set(err, PLIM_ERR_GONE, "%s: %s", path, strerror(errno));
    (void)elf_version(EV_CURRENT);
    text[0] = 0;
    for (int i = 0; i < SAVE_LINES && fgets(line, sizeof line, maps) != NULL; i++) {
        unsigned long long start, offset;
        if (sscanf(line, "%llx-%*x %*s %llx %*s %*s %4095[^\n]", &start, &offset, name) == 3 &&
            offset == 0 && name[0] == '/' && strncmp(name, "/memfd:", 7) != 0 &&
            strlen(text) + strlen(name) + 128 < SAVE_SYSTEM_BYTES)
            save_add_build(text, SAVE_SYSTEM_BYTES, name, start);
    }
    (void)fclose(maps);
    uint64_t chosen = 0; /* by the processor: code of the session has this one, not the name */
    (void)plim__machine_resolve(&repl->machine, "strlen", &chosen);
    size_t length = strlen(text);
    (void)snprintf(text + length, SAVE_SYSTEM_BYTES - length, "strlen at 0x%llx\n%s",
                   (unsigned long long)chosen,
                   repl->machine.is_fixed ? "" : "addresses are random\n");
    return PLIM_OK;
}

/* --- extents of memory --------------------------------------------------------------------- */

/* The next extent that holds anything, from an offset on; false: none. */
static bool save_next(const plim__machine *machine, uint64_t from, save_extent *out)
{
    off_t start = lseek(machine->memory, (off_t)from, SEEK_DATA);
    if (start < 0)
        return false;
    off_t end = lseek(machine->memory, start, SEEK_HOLE);
    if (end < 0)
        end = (off_t)machine->shared_bytes;
    *out = (save_extent){(uint64_t)start, (uint64_t)(end - start)};
    return true;
}

static uint64_t save_count(const plim__machine *machine)
{
    save_extent extent = {0};
    uint64_t count = 0;
    while (save_next(machine, extent.offset + extent.bytes, &extent))
        count++;
    return count;
}

/* --- saving -------------------------------------------------------------------------------- */

static void save_write(plim_repl *repl, save_file *save, const save_head *head, const char *system,
                       const char *names)
{
    const plim__machine *machine = &repl->machine;
    save_extent extent = {0};
    save_put(save, head, sizeof *head);
    save_put(save, system, head->system_bytes);
    save_put(save, machine->libraries, head->library_count * sizeof machine->libraries[0]);
    save_put(save, repl->rows, head->row_count * sizeof *repl->rows);
    save_put(save, names, head->names_bytes);
    save_put(save, repl->store.memory, head->store_bytes);
    for (uint64_t i = 0;
         i < head->extent_count && save_next(machine, extent.offset + extent.bytes, &extent); i++) {
        save_put(save, &extent, sizeof extent);
        for (uint64_t at = 0; at < extent.bytes; at += SAVE_PIECE) {
            uint64_t part = extent.bytes - at < SAVE_PIECE ? extent.bytes - at : SAVE_PIECE;
            save_put(save, machine->shared + extent.offset + at, part);
        }
    }
    uint64_t sum = save->sum;
    save_put(save, &sum, sizeof sum);
}

static plim_status save_into(plim_repl *repl, const char *path, const save_head *head,
                             const char *system, const char *names, plim_error *err)
{
    char temporary[SAVE_PATH];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return plim_error_set(err, PLIM_ERR_USAGE, "the path is too long");
    int file = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    save_file save = {.file = file >= 0 ? fdopen(file, "w") : NULL, .sum = 1};
    if (save.file == NULL) {
        plim_status status = errno == EACCES ? PLIM_ERR_ACCESS : PLIM_ERR_IO;
        return plim_error_set(err, status, "%s: %s", path, strerror(errno));
    }
    save_write(repl, &save, head, system, names);
    bool is_written = fflush(save.file) == 0 && fsync(file) == 0 && !save.is_bad;
    int failed = errno;
    is_written = fclose(save.file) == 0 && is_written;
    if (is_written && rename(temporary, path) == 0)
        return PLIM_OK;
    failed = is_written ? errno : failed;
    (void)unlink(temporary);
    return plim_error_set(err, failed == ENOSPC ? PLIM_ERR_NO_SPACE : PLIM_ERR_IO, "%s: %s", path,
                          strerror(failed));
}

plim_status plim_repl_save(plim_repl *repl, const char *path, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    PLIM_CHECK(path != NULL);
    char *names = NULL;
    size_t names_bytes = 0;
    char *system = plim__array_new(repl->allocator, 1, SAVE_SYSTEM_BYTES);
    if (system == NULL)
        return plim__no_memory(err, "saving a session");
    plim_status status = plim__machine_ready(&repl->machine, err);
    if (status == PLIM_OK)
        status = save_system(repl, system, err);
    if (status == PLIM_OK)
        status = plim__source_save(repl->source, &names, &names_bytes, err);
    if (status == PLIM_OK) {
        const plim__machine *machine = &repl->machine;
        save_head head = {
            .version = SAVE_VERSION,
            .entry_count = repl->entry_count,
            .total_bytes = machine->total_bytes,
            .memory_bytes = machine->options.memory_bytes,
            .heap_used = machine->heap_used,
            .heap_blocks = machine->heap_blocks,
            .heap_high = machine->heap_high,
            .system_bytes = strlen(system),
            .library_count = machine->library_count,
            .row_count = repl->row_count,
            .names_bytes = names_bytes,
            .store_bytes = repl->store.used,
            .extent_count = save_count(machine),
        };
        memcpy(head.magic, SAVE_MAGIC, sizeof head.magic);
        status = save_into(repl, path, &head, system, names, err);
        plim__source_text_free(repl->source, &names, names_bytes);
    }
    plim__array_free(repl->allocator, system, 1, SAVE_SYSTEM_BYTES);
    return status;
}

/* --- loading ------------------------------------------------------------------------------- */

typedef struct save_load {
    save_file in;
    save_head head;
    char *system, *own; /* what the file says, and what is here */
    char *names;
    plim__linked *libraries;
} save_load;

static plim_status save_damaged(plim_error *err, const char *what)
{
    return plim_error_set(err, PLIM_ERR_DAMAGED, "the saved session is damaged: %s", what);
}

/* Reads all of it once, for its sum. */
static plim_status save_check(save_load *load, plim_error *err)
{
    struct stat about;
    if (fstat(fileno(load->in.file), &about) != 0 || about.st_size < (off_t)(sizeof load->head + 8))
        return plim_error_set(err, PLIM_ERR_TRUNCATED, "it is shorter than any saved session");
    save_get(&load->in, &load->head, sizeof load->head);
    if (load->in.is_bad || memcmp(load->head.magic, SAVE_MAGIC, sizeof SAVE_MAGIC) != 0)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "this is no saved session");
    if (load->head.version != SAVE_VERSION)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "saved by another version of Plimsoll");
    const save_head *head = &load->head;
    uint64_t left = (uint64_t)about.st_size - sizeof *head - sizeof(uint64_t);
    if (head->system_bytes >= SAVE_SYSTEM_BYTES || head->row_count > SAVE_ROWS_MAX ||
        head->library_count > PLIM__MACHINE_LIBRARIES || head->names_bytes > SAVE_NAMES_MAX ||
        head->names_bytes > left || head->store_bytes > left)
        return save_damaged(err, "its head");
    return PLIM_OK;
}

static plim_status save_room(plim_repl *repl, save_load *load, plim_error *err)
{
    const plim_allocator *allocator = repl->allocator;
    load->system = plim__array_new_zero(allocator, 1, SAVE_SYSTEM_BYTES);
    load->own = plim__array_new_zero(allocator, 1, SAVE_SYSTEM_BYTES);
    load->names = plim__array_new_zero(allocator, 1, load->head.names_bytes + 1);
    load->libraries =
        plim__array_new_zero(allocator, PLIM__MACHINE_LIBRARIES, sizeof *load->libraries);
    if (load->system == NULL || load->own == NULL || load->names == NULL || load->libraries == NULL)
        return plim__no_memory(err, "loading a session");
    for (uint64_t i = 0; i < load->head.row_count; i++, repl->row_count++) {
        plim_status status = plim__session_grow(repl, err);
        if (status != PLIM_OK)
            return status;
    }
    return PLIM_OK;
}

static bool save_row_is_right(const plim__row *row, const plim__row *before, uint64_t store_bytes)
{
    uint64_t code = before != NULL ? before->code_to : PLIM__SESSION_CODE + PLIM__SESSION_OWN_BYTES;
    uint64_t data = before != NULL ? before->data_to : PLIM__SESSION_DATA + PLIM__SESSION_OWN_BYTES;
    return row->code_from >= code && row->code_to >= row->code_from &&
           row->code_to <= PLIM__SESSION_DATA && row->data_from >= data &&
           row->data_to >= row->data_from && row->data_to <= PLIM__SESSION_HEAP &&
           (before == NULL || row->number > before->number) && row->image_at <= store_bytes &&
           row->image_bytes < store_bytes - row->image_at && row->text_at <= store_bytes &&
           row->text_bytes < store_bytes - row->text_at;
}

/* Everything but memory. */
static plim_status save_read_parts(plim_repl *repl, save_load *load, plim_error *err)
{
    const save_head *head = &load->head;
    save_get(&load->in, load->system, head->system_bytes);
    save_get(&load->in, load->libraries, head->library_count * sizeof *load->libraries);
    save_get(&load->in, repl->rows, head->row_count * sizeof *repl->rows);
    save_get(&load->in, load->names, head->names_bytes);
    if (load->in.is_bad)
        return plim_error_set(err, PLIM_ERR_TRUNCATED, "the saved session ends too early");
    for (uint64_t i = 0; i < head->row_count; i++)
        if (!save_row_is_right(&repl->rows[i], i > 0 ? &repl->rows[i - 1] : NULL,
                               head->store_bytes))
            return save_damaged(err, "a unit");
    if (head->store_bytes == 0)
        return PLIM_OK;
    plim_status status = plim__store_fill(&repl->store, head->store_bytes, err);
    if (status != PLIM_OK)
        return status;
    save_get(&load->in, repl->store.memory, head->store_bytes);
    return load->in.is_bad
               ? plim_error_set(err, PLIM_ERR_TRUNCATED, "the saved session ends too early")
               : PLIM_OK;
}

static plim_status save_link(plim_repl *repl, save_load *load, plim_error *err)
{
    for (uint64_t i = 0; i < load->head.library_count; i++) {
        plim__linked *library = &load->libraries[i];
        library->path[sizeof library->path - 1] = 0;
        plim_status status = plim__machine_link(&repl->machine, library->path, err);
        if (status != PLIM_OK)
            return status;
    }
    plim_status status = save_system(repl, load->own, err);
    if (status != PLIM_OK || strcmp(load->system, load->own) == 0)
        return status;
    size_t at = 0, line = 0;
    for (; load->system[at] == load->own[at]; at++)
        line = load->system[at] == '\n' ? at + 1 : line;
    return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                          "this system is not the one it was saved on, its code would go astray: "
                          "there \"%.120s\"",
                          load->system + line);
}

static plim_status save_read_memory(plim_repl *repl, save_load *load, plim_error *err)
{
    plim__machine *machine = &repl->machine;
    uint64_t from = 0, sum = 0;
    for (uint64_t i = 0; i < load->head.extent_count; i++) {
        save_extent extent = {0};
        save_get(&load->in, &extent, sizeof extent);
        if (load->in.is_bad || extent.offset < from || extent.offset > machine->shared_bytes ||
            extent.bytes > machine->shared_bytes - extent.offset)
            return save_damaged(err, "its memory");
        from = extent.offset + extent.bytes;
        for (uint64_t at = 0; at < extent.bytes && !load->in.is_bad; at += SAVE_PIECE) {
            uint64_t part = extent.bytes - at < SAVE_PIECE ? extent.bytes - at : SAVE_PIECE;
            save_get(&load->in, machine->shared + extent.offset + at, part);
        }
    }
    uint64_t expected = load->in.sum;
    save_get(&load->in, &sum, sizeof sum);
    if (load->in.is_bad)
        return plim_error_set(err, PLIM_ERR_TRUNCATED, "the saved session ends too early");
    return sum == expected ? PLIM_OK : save_damaged(err, "its sum is another");
}

static plim_status save_load_all(plim_repl *repl, save_load *load, plim_error *err)
{
    plim_status status = save_check(load, err);
    if (status == PLIM_OK && load->head.total_bytes != repl->machine.total_bytes)
        status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                "it was opened with %llu bytes of memory: open this one so too",
                                (unsigned long long)load->head.memory_bytes);
    if (status == PLIM_OK)
        status = save_room(repl, load, err);
    if (status == PLIM_OK)
        status = save_read_parts(repl, load, err);
    if (status == PLIM_OK)
        status = save_link(repl, load, err);
    if (status == PLIM_OK)
        status = save_read_memory(repl, load, err);
    if (status == PLIM_OK)
        status = plim__source_restore(repl->source, load->names, load->head.names_bytes, err);
    if (status != PLIM_OK)
        return status;
    repl->entry_count = load->head.entry_count;
    repl->machine.heap_used = load->head.heap_used;
    repl->machine.heap_blocks = load->head.heap_blocks;
    repl->machine.heap_high = load->head.heap_high;
    plim__machine_drop_spare(&repl->machine);
    repl->lost_count = 0;
    return plim__session_bury(repl, NULL, err);
}

/* A failure in the middle leaves an empty session: its machine is made anew. */
static void save_empty(plim_repl *repl)
{
    const plim_repl_options options = repl->machine.options;
    char libexec[PLIM__MACHINE_PATH];
    memcpy(libexec, repl->machine.libexec, sizeof libexec);
    plim__machine_close(&repl->machine);
    plim__machine_init(&repl->machine, &options);
    memcpy(repl->machine.libexec, libexec, sizeof libexec);
    (void)plim__machine_open(&repl->machine, NULL);
    repl->row_count = 0;
    plim__store_cut(&repl->store, 0);
}

plim_status plim_repl_load(plim_repl *repl, const char *path, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    PLIM_CHECK(path != NULL);
    if (repl->row_count > 0)
        return plim_error_set(err, PLIM_ERR_BUSY, "something was entered already");
    save_load load = {.in = {.file = fopen(path, "re"), .sum = 1}};
    if (load.in.file == NULL)
        return plim_error_set(err, errno == ENOENT ? PLIM_ERR_NOT_FOUND : PLIM_ERR_IO, "%s: %s",
                              path, strerror(errno));
    plim_status status = save_load_all(repl, &load, err);
    if (status != PLIM_OK)
        save_empty(repl);
    (void)fclose(load.in.file);
    const plim_allocator *allocator = repl->allocator;
    plim__array_free(allocator, load.system, 1, SAVE_SYSTEM_BYTES);
    plim__array_free(allocator, load.own, 1, SAVE_SYSTEM_BYTES);
    plim__array_free(allocator, load.names, 1, load.head.names_bytes + 1);
    plim__array_free(allocator, load.libraries, PLIM__MACHINE_LIBRARIES, sizeof *load.libraries);
    return status;
}

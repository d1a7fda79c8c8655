/* SPDX-License-Identifier: MIT */
/*
 * Files in memory: what the disk has, and what the writer sees. Nothing of the system's is used.
 *
 * Invariants: M1 `seen` is NULL while nobody has the file open. M2 only a sync, a write by itself
 * or the last of them before a power cut changes `disk`.
 */
#include "platform/shared.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "platform/sim/sim.h"

enum {
    SIM_FILES = 4,
    SIM_PATH_BYTES = 64,
    SIM_PAGE = 4096,
    SIM_SECTOR = 512,
    SIM_FILE_BYTES = 1 << 20
};

typedef struct sim_file {
    char path[SIM_PATH_BYTES]; /* "": free */
    size_t bytes;
    bool is_open;
    bool is_cut; /* what its writer does no longer reaches the disk */
    _Alignas(SIM_PAGE) unsigned char disk[SIM_FILE_BYTES];
    _Alignas(SIM_PAGE) unsigned char seen[SIM_FILE_BYTES];
} sim_file;

static sim_file sim_files[SIM_FILES];

static uint64_t sim_next(uint64_t *random)
{
    uint64_t mixed = *random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

void plim__sim_reset(void)
{
    memset(sim_files, 0, sizeof sim_files);
}

/* Some of what differs reaches the disk: pages, or sectors of them where torn. How many pages did
   not, whole or in part. */
static uint32_t sim_write(sim_file *file, uint64_t *random, bool is_torn)
{
    uint32_t lost = 0;
    uint64_t most = sim_next(random) % 101; /* percent: all, none, and what is between */
    for (size_t page = 0; page < file->bytes; page += SIM_PAGE) {
        size_t bytes = file->bytes - page < SIM_PAGE ? file->bytes - page : SIM_PAGE;
        if (memcmp(file->disk + page, file->seen + page, bytes) == 0)
            continue;
        bool is_written = sim_next(random) % 100 < most;
        bool is_half = is_torn && sim_next(random) % 4 == 0;
        lost += !is_written || is_half;
        for (size_t at = page; is_written && at < page + bytes; at += SIM_SECTOR) {
            size_t here = page + bytes - at < SIM_SECTOR ? page + bytes - at : SIM_SECTOR;
            if (!is_half || sim_next(random) % 2 == 0)
                memcpy(file->disk + at, file->seen + at, here);
        }
    }
    return lost;
}

void plim__sim_write_some(uint64_t random)
{
    for (size_t i = 0; i < SIM_FILES; i++)
        if (sim_files[i].is_open)
            (void)sim_write(&sim_files[i], &random, false);
}

uint32_t plim__sim_power_cut(uint64_t random)
{
    uint32_t lost = 0;
    for (size_t i = 0; i < SIM_FILES; i++) {
        if (!sim_files[i].is_open)
            continue;
        lost += sim_write(&sim_files[i], &random, true);
        sim_files[i].is_cut = true;
    }
    return lost;
}

/* --- the contract -------------------------------------------------------------------------- */

static sim_file *sim_find(const char *path, bool is_made)
{
    sim_file *spare = NULL;
    for (size_t i = 0; i < SIM_FILES; i++) {
        if (strcmp(sim_files[i].path, path) == 0)
            return &sim_files[i];
        if (sim_files[i].path[0] == '\0')
            spare = &sim_files[i];
    }
    if (is_made && spare != NULL && strlen(path) < SIM_PATH_BYTES) {
        memcpy(spare->path, path, strlen(path) + 1);
        return spare;
    }
    return NULL;
}

static void sim_open(sim_file *file, plim__shared *out_shared)
{
    memcpy(file->seen, file->disk, file->bytes);
    file->is_open = true;
    file->is_cut = false;
    *out_shared = (plim__shared){.memory = file->bytes != 0 ? file->seen : NULL,
                                 .bytes = file->bytes,
                                 .descriptor = (int)(file - sim_files)};
}

plim_status plim__shared_open(const char *path, plim__shared *out_shared, bool *out_is_new,
                              plim_error *err)
{
    sim_file *file = sim_find(path, true);
    if (file == NULL)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "there are %d files", SIM_FILES);
    if (file->is_open && !file->is_cut)
        return plim_error_set(err, PLIM_ERR_BUSY, "somebody writes it");
    sim_open(file, out_shared);
    *out_is_new = file->bytes == 0;
    return PLIM_OK;
}

plim_status plim__shared_view(const char *path, plim__shared *out_shared, plim_error *err)
{
    sim_file *file = sim_find(path, false);
    if (file == NULL || file->bytes == 0)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no such file");
    *out_shared = (plim__shared){
        .memory = file->is_open ? file->seen : file->disk, .bytes = file->bytes, .descriptor = -1};
    return PLIM_OK;
}

plim_status plim__shared_anonymous(const char *name, size_t bytes, plim__shared *out_shared,
                                   plim_error *err)
{
    (void)name;
    (void)bytes;
    (void)out_shared;
    return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "this machine has files alone");
}

plim_status plim__shared_nameless(size_t bytes, plim__shared *out_shared, plim_error *err)
{
    return plim__shared_anonymous("", bytes, out_shared, err);
}

plim_status plim__shared_size(plim__shared *shared, size_t bytes, plim_error *err)
{
    PLIM_CHECK(shared->memory == NULL && bytes > 0);
    sim_file *file = &sim_files[shared->descriptor];
    if (bytes > SIM_FILE_BYTES)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "a file has at most %d bytes",
                              SIM_FILE_BYTES);
    memset(file->disk, 0, bytes);
    memset(file->seen, 0, bytes);
    file->bytes = bytes;
    shared->memory = file->seen;
    shared->bytes = bytes;
    return PLIM_OK;
}

plim_status plim__shared_sync(plim__shared *shared, plim_error *err)
{
    sim_file *file = &sim_files[shared->descriptor];
    if (file->is_cut)
        return plim_error_set(err, PLIM_ERR_IO, "the power is gone");
    memcpy(file->disk, file->seen, file->bytes);
    return PLIM_OK;
}

void plim__shared_close(plim__shared *shared)
{
    if (shared->descriptor >= 0) {
        sim_file *file = &sim_files[shared->descriptor];
        file->is_open = false;
        if (!file->is_cut)
            memcpy(file->disk, file->seen, file->bytes); /* the kernel's, some time or other */
    }
    *shared = (plim__shared){.descriptor = -1};
}

plim_status plim__shared_copy(const plim__shared *shared, void *out_zeroed, size_t bytes,
                              plim_error *err)
{
    (void)err;
    memcpy(out_zeroed, shared->memory, bytes);
    return PLIM_OK;
}

plim_status plim__shared_put(const char *path, uint64_t offset_bytes, uint64_t word,
                             plim_error *err)
{
    sim_file *file = sim_find(path, false);
    if (file == NULL || offset_bytes > file->bytes - sizeof word)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no such file");
    memcpy(file->seen + offset_bytes, &word, sizeof word);
    return PLIM_OK;
}

uint64_t plim__shared_now(void)
{
    static uint64_t looks;
    return looks++;
}

uint64_t plim__shared_spent(void)
{
    return plim__shared_now() + 1;
}

void plim__shared_pause(uint64_t nanoseconds)
{
    (void)nanoseconds;
}

int64_t plim__shared_process(void)
{
    return 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * A program's regions are what it holds open to read and write and what begins like one: memory
 * that it named (`plimsoll-NAME`), or a file. Nothing it says of itself is believed but the bytes,
 * which whoever looks on judges again.
 */
#include "bridge/program.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "platform/shared.h"
#include "runtime/region/layout.h"

static const char program_prefix[] = "plimsoll-";

typedef struct program_search {
    plim__program_region *regions;
    uint32_t count;
} program_search;

/* Whether it begins like a region; its writer, as it says. */
static bool program_is_region(const char *path, uint64_t *out_writer)
{
    plim__shared shared;
    if (plim__shared_view(path, &shared, NULL) != PLIM_OK)
        return false;
    const plim__region_head *head = shared.memory;
    bool is_one = shared.bytes >= sizeof *head && head->magic == PLIM__REGION_FILE_MAGIC;
    if (is_one)
        *out_writer = head->writer_pid;
    plim__shared_close(&shared);
    return is_one;
}

void plim__program_short_name(plim__held_file *file)
{
    const char *from = file->name;
    const char *slash = strrchr(file->name, '/');
    size_t prefix = sizeof program_prefix - 1;
    if (file->is_memory && strncmp(file->name, program_prefix, prefix) == 0)
        from += prefix;
    else if (slash != NULL && slash[1] != '\0')
        from = slash + 1;
    memmove(file->name, from, strlen(from) + 1);
}

static bool program_visit(void *ctx, const plim__held_file *file)
{
    program_search *search = ctx;
    plim__program_region region = {.file = *file};
    for (uint32_t i = 0; i < search->count; i++) {
        if (search->regions[i].file.device == file->device &&
            search->regions[i].file.inode == file->inode)
            return true;
    }
    if ((file->is_memory && strncmp(file->name, program_prefix, sizeof program_prefix - 1) != 0) ||
        !program_is_region(file->path, &region.writer_pid))
        return true;
    plim__program_short_name(&region.file);
    search->regions[search->count++] = region;
    return search->count < PLIM__PROGRAM_REGIONS_MAX;
}

plim_status plim__program_regions(int64_t pid, plim__program_region out[PLIM__PROGRAM_REGIONS_MAX],
                                  uint32_t *out_count, plim_error *err)
{
    program_search search = {.regions = out};
    plim_status status = plim__process_files(pid, program_visit, &search);
    *out_count = search.count;
    if (status == PLIM_OK)
        return PLIM_OK;
    if (status == PLIM_ERR_NOT_FOUND)
        return plim_error_set(err, status, "there is no process %lld", (long long)pid);
    (void)plim_error_set(err, status, "cannot look into process %lld: %s", (long long)pid,
                         status == PLIM_ERR_ACCESS ? "it is another user's, or protected"
                                                   : plim_status_text(status));
    plim_error_hint(err, "as that user, or with sudo");
    return status;
}

static plim_status program_several(int64_t pid, const plim__program_region *regions, uint32_t count,
                                   plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "process %lld has %u regions", (long long)pid, count);
    char list[PLIM_ERROR_HINT_BYTES];
    plim__text text;
    plim__text_init(&text, list, sizeof list);
    for (uint32_t i = 0; i < count; i++)
        plim__text_format(&text, "%sregion:%s (%s)", i > 0 ? ", " : "", regions[i].file.path,
                          regions[i].file.name);
    plim_error_hint(err, "%s", list);
    return status;
}

plim_status plim__program_region_only(int64_t pid, plim__program_region *out_region,
                                      plim_error *err)
{
    plim__program_region regions[PLIM__PROGRAM_REGIONS_MAX];
    uint32_t count = 0;
    plim_status status = plim__program_regions(pid, regions, &count, err);
    if (status != PLIM_OK)
        return status;
    if (count > 1)
        return program_several(pid, regions, count, err);
    if (count == 1) {
        *out_region = regions[0];
        return PLIM_OK;
    }
    plim__process_glance glance;
    if (plim__process_look(pid, &glance) != PLIM_OK || glance.state == 'Z')
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "process %lld has ended", (long long)pid);
    status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED, "process %lld has no region", (long long)pid);
    plim_error_hint(
        err,
        "plim ps lists what can be inspected; of a JavaScript runtime, or of a program under "
        "libplimsoll-malloc, plim snap pid:%lld takes a snapshot",
        (long long)pid);
    return status;
}

int64_t plim__program_of_path(const char *path)
{
    static const char proc[] = "/proc/";
    int64_t pid = 0;
    if (strncmp(path, proc, sizeof proc - 1) != 0)
        return 0;
    const char *at = path + sizeof proc - 1;
    for (; *at >= '0' && *at <= '9' && pid < INT32_MAX; at++)
        pid = pid * 10 + (*at - '0');
    return strncmp(at, "/fd/", 4) == 0 && pid <= INT32_MAX ? pid : 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * From what a user writes to a region that is open: `pid:4242`, `region:PATH` or PATH, and behind #
 * when to look. Whoever shows regions begins here; nothing is known of targets.
 */
#include "bridge/region_find.h"

#include <plimsoll/transaction.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "bridge/program.h"

static const uint64_t find_cut_timeout_ns = 2000000000u;

const char *plim__region_short_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static bool find_is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Text behind pid:, as a process's number. */
static bool find_read_pid(const char *text, int64_t *out_pid)
{
    int64_t pid = 0;
    if (!find_is_number(text) || strlen(text) > 10)
        return false;
    for (const char *at = text; *at != '\0'; at++)
        pid = pid * 10 + (*at - '0');
    *out_pid = pid;
    return pid > 0 && pid <= INT32_MAX;
}

static plim_status find_bad_address(const char *address, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                        find_is_number(address)
                                            ? "%.60s could be a process or a file"
                                            : "behind pid: stands the number of a process: %.60s",
                                        address);
    if (find_is_number(address))
        plim_error_hint(err, "write pid:%.60s for the process, ./%.60s for the file", address,
                        address);
    return status;
}

/* When to look: now, at the program's next safe point, or so many transactions ago. */
typedef struct find_when {
    char path[PLIM__PATH_BYTES];
    bool is_cut, is_past;
    uint32_t back;
} find_when;

static plim_status find_bad_moment(const char *text, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                        "behind # stands at: and a moment, or cut: %.60s", text);
    plim_error_hint(err, "#at:0 is the last commit, #at:-3 three before it; #cut a safe point");
    return status;
}

size_t plim_region_address_bytes(const char *address)
{
    PLIM_CHECK(address != NULL);
    const char *mark = strrchr(address, '#');
    bool is_moment = mark != NULL && (strncmp(mark, "#at:", 4) == 0 || strcmp(mark, "#cut") == 0) &&
                     !plim_region_is_file(address);
    return is_moment ? (size_t)(mark - address) : strlen(address);
}

/* PATH, PATH#at:-N or PATH#cut. */
static plim_status find_read_when(const char *text, find_when *out_when, plim_error *err)
{
    *out_when = (find_when){.back = 0};
    size_t length = plim_region_address_bytes(text);
    const char *mark = text + length;
    if (length >= sizeof out_when->path)
        return plim_error_set(err, PLIM_ERR_USAGE, "the path is too long: %.60s", text);
    memcpy(out_when->path, text, length);
    if (*mark == '\0')
        return PLIM_OK;
    out_when->is_cut = mark[1] == 'c';
    out_when->is_past = !out_when->is_cut;
    if (out_when->is_cut || strcmp(mark + 4, "0") == 0)
        return PLIM_OK;
    uint64_t back = 0;
    if (mark[4] != '-' || !find_is_number(mark + 5) || strlen(mark + 5) > 9)
        return find_bad_moment(mark, err);
    for (const char *at = mark + 5; *at != '\0'; at++)
        back = back * 10 + (uint64_t)(*at - '0');
    out_when->back = (uint32_t)back;
    return PLIM_OK;
}

static plim_status find_open_when(const find_when *when, const plim_allocator *allocator,
                                  plim_region_view **out_view, plim_error *err)
{
    if (when->is_cut)
        return plim_region_view_open_cut(when->path, find_cut_timeout_ns, allocator, out_view, err);
    if (when->is_past)
        return plim_region_view_open_at(when->path, when->back, allocator, out_view, err);
    return plim_region_view_open(when->path, allocator, out_view, err);
}

plim_status plim__region_find_open(const char *text, const plim_allocator *allocator,
                                   char out_path[PLIM__PATH_BYTES], plim_region_view **out_view,
                                   plim_error *err)
{
    find_when when;
    plim_status status = find_read_when(text, &when, err);
    if (status == PLIM_OK)
        status = find_open_when(&when, allocator, out_view, err);
    if (status == PLIM_OK)
        memcpy(out_path, when.path, sizeof when.path);
    return status;
}

/* pid:N with what stands behind it, as the path of its one region with the same behind. */
static plim_status find_of_pid(const char *address, char *out_path, size_t path_bytes,
                               char *out_name, plim_error *err)
{
    char number[16];
    plim__program_region found;
    int64_t pid = 0;
    const char *mark = strchr(address, '#');
    int length = mark != NULL ? (int)(mark - address) - 4 : (int)strlen(address) - 4;
    (void)snprintf(number, sizeof number, "%.*s", length < 15 ? length : 15, address + 4);
    if (!find_read_pid(number, &pid))
        return find_bad_address(address, err);
    plim_status status = plim__program_region_only(pid, &found, err);
    if (status != PLIM_OK)
        return status;
    (void)snprintf(out_path, path_bytes, "%s%s", found.file.path, mark != NULL ? mark : "");
    (void)snprintf(out_name, PLIM_REGION_NAME_BYTES, "%s", found.file.name);
    return PLIM_OK;
}

plim_status plim_region_view_find(const char *address, const plim_allocator *allocator,
                                  plim_region_view **out_view, char *out_name, plim_error *err)
{
    static const char scheme[] = "region:";
    char path[PLIM__PATH_BYTES];
    char name[PLIM_REGION_NAME_BYTES] = "";
    char file[PLIM__PATH_BYTES];
    plim_status status = PLIM_OK;
    PLIM_CHECK(address != NULL && out_view != NULL);
    if (find_is_number(address))
        return find_bad_address(address, err);
    if (strncmp(address, "pid:", 4) == 0) {
        status = find_of_pid(address, path, sizeof path, name, err);
        address = path;
    } else if (strncmp(address, scheme, sizeof scheme - 1) == 0) {
        address += sizeof scheme - 1;
    }
    if (status == PLIM_OK)
        status = plim__region_find_open(address, allocator, file, out_view, err);
    if (status == PLIM_OK && out_name != NULL)
        (void)snprintf(out_name, PLIM_REGION_NAME_BYTES, "%.255s",
                       name[0] != '\0' ? name : plim__region_short_name(file));
    return status;
}

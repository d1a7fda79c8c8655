/* SPDX-License-Identifier: MIT */
/* What both halves of the reader of profiles do alike: refuse, and add a call. */
#include "heap/profile/read.h"

bool plim__profile_fault(plim__profile_reader *reader, const char *what)
{
    (void)plim__pull_fail(&reader->json.pull, PLIM_ERR_DAMAGED, "%s", what);
    return false;
}

bool plim__profile_short(plim__profile_reader *reader)
{
    (void)plim__pull_fail(&reader->json.pull, PLIM_ERR_NO_MEMORY,
                          "not enough memory for a profile");
    plim_error_hint(reader->json.pull.err, "raise --mem, or free memory on this machine");
    return false;
}

bool plim__profile_reader_call(plim__profile_reader *reader, uint32_t parent, uint64_t id,
                               uint32_t *out_call)
{
    plim_error why = {0};
    plim_status status = plim__profile_call_add(reader->profile, parent, out_call, &why);
    uint64_t *row = status == PLIM_OK ? plim__rows_add(&reader->call_ids) : NULL;
    if (status != PLIM_OK) {
        (void)plim__pull_fail(&reader->json.pull, status, "%s", why.what);
        return false;
    }
    if (row == NULL)
        return plim__profile_short(reader);
    *row = id;
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * The reader of profiles and the writers on what it lets through. Claims: the way the bytes are cut
 * changes no answer; sums hold; what is written as a `.heapprofile` is read again with the same
 * total; a page stays within its bound; no memory is left.
 */
#include <plimsoll/profile.h>

#include "input.h"
#include "text.h"

enum { MEMORY_BYTES = 256 << 20 };

static void check_sums(const plim_profile *profile)
{
    plim_profile_info info;
    plim_profile_read_info(profile, &info);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < info.call_count; i++) {
        plim_profile_call call;
        plim_profile_frame frame;
        plim_profile_read_call(profile, i, &call);
        plim_profile_read_frame(profile, call.frame, &frame);
        FUZZ_CLAIM(call.self[info.main] <= call.total[info.main]);
        FUZZ_CLAIM((call.parent == PLIM_NONE) == (i == 0));
        sum += call.self[info.main];
        if (sum > INT64_MAX)
            sum = INT64_MAX;
    }
    FUZZ_CLAIM(sum == info.total[info.main]);
}

static void write_all(const plim_profile *profile, const plim_allocator *allocator)
{
    for (int form = PLIM_PROFILE_HEAPPROFILE; form <= PLIM_PROFILE_HTML; form++) {
        fuzz_text out = {0};
        plim_profile_write_options options = {.struct_bytes = sizeof options,
                                              .form = (plim_profile_form)form,
                                              .allocator = allocator};
        plim_status status =
            plim_profile_write(profile, (plim_sink){&out, fuzz_text_write}, &options, NULL);
        FUZZ_CLAIM(status == PLIM_OK || status == PLIM_ERR_LIMIT || status == PLIM_ERR_NO_MEMORY);
        FUZZ_CLAIM(form != PLIM_PROFILE_HTML || out.size <= 5000000);
        if (form == PLIM_PROFILE_HEAPPROFILE && status == PLIM_OK) {
            fuzz_input input = {out.bytes, out.size, 0, out.size + 1};
            plim_profile *again = NULL;
            plim_profile_info before, after;
            plim_profile_options read = {.struct_bytes = sizeof read, .allocator = allocator};
            FUZZ_CLAIM(plim_profile_read(fuzz_input_view(&input), &read, &again, NULL) == PLIM_OK);
            plim_profile_read_info(profile, &before);
            plim_profile_read_info(again, &after);
            FUZZ_CLAIM(before.call_count == after.call_count && before.main == after.main);
            /* Figures beyond 53 bits come back as the nearest a number in JSON is. */
            FUZZ_CLAIM(before.total[before.main] == after.total[after.main] ||
                       before.total[before.main] >> 53 != 0);
            plim_profile_destroy(&again);
        }
        free(out.bytes);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_status first = PLIM_OK;
    (void)plim_profile_guess(data, size);
    for (int round = 0; round < 2; round++) {
        fuzz_input input = {data, size, 0, round == 0 ? size + 1 : fuzz_cut(size)};
        plim_profile *profile = NULL;
        plim_profile_options options = {.struct_bytes = sizeof options, .allocator = allocator};
        plim_status status = plim_profile_read(fuzz_input_view(&input), &options, &profile, NULL);
        if (status == PLIM_OK && round == 0) {
            check_sums(profile);
            write_all(profile, allocator);
        }
        plim_profile_destroy(&profile);
        if (round == 0)
            first = status;
        FUZZ_CLAIM(status == first);
    }
    fuzz_cap_end(&cap);
    return 0;
}

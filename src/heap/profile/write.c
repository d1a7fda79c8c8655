/* SPDX-License-Identifier: MIT */
/* The forms a profile can be written as: one writer each, chosen by the options or by a name. */
#include "base/assert.h"
#include "heap/profile/profile.h"

static const struct write_ending {
    const char *ending;
    plim_profile_form form;
} write_endings[] = {
    {".heapprofile", PLIM_PROFILE_HEAPPROFILE},
    {".pb", PLIM_PROFILE_PPROF},
    {".pprof", PLIM_PROFILE_PPROF},
    {".folded", PLIM_PROFILE_FOLDED},
    {".speedscope.json", PLIM_PROFILE_SPEEDSCOPE},
    {".html", PLIM_PROFILE_HTML},
};

static bool write_ends_in(const char *path, size_t size, const char *ending)
{
    size_t length = strlen(ending);
    return size > length && memcmp(path + size - length, ending, length) == 0;
}

plim_profile_form plim_profile_form_of_name(const char *path)
{
    PLIM_CHECK(path != NULL);
    size_t size = strlen(path);
    if (write_ends_in(path, size, ".gz"))
        size -= 3;
    else if (write_ends_in(path, size, ".zst"))
        size -= 4;
    for (size_t i = 0; i < sizeof write_endings / sizeof write_endings[0]; i++)
        if (write_ends_in(path, size, write_endings[i].ending))
            return write_endings[i].form;
    return PLIM_PROFILE_UNKNOWN;
}

plim_status plim_profile_write(const plim_profile *profile, plim_sink sink,
                               const plim_profile_write_options *options, plim_error *err)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    PLIM_CHECK(sink.write != NULL);
    plim_profile_write_options filled =
        options != NULL ? *options : (plim_profile_write_options){0};
    filled.allocator = plim__allocator_or_system(filled.allocator);
    filled.title = filled.title != NULL ? filled.title : "heap profile";
    switch (filled.form) {
    case PLIM_PROFILE_PPROF:
        return plim__profile_write_pprof(profile, sink, &filled, err);
    case PLIM_PROFILE_FOLDED:
        return plim__profile_write_folded(profile, sink, &filled, err);
    case PLIM_PROFILE_SPEEDSCOPE:
        return plim__profile_write_speedscope(profile, sink, &filled, err);
    case PLIM_PROFILE_HTML:
        return plim__profile_write_html(profile, sink, &filled, err);
    case PLIM_PROFILE_HEAPPROFILE:
    case PLIM_PROFILE_UNKNOWN:
        break;
    }
    return plim__profile_write_heapprofile(profile, sink, &filled, err);
}

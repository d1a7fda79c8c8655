/* SPDX-License-Identifier: MIT */
/* Texts, names and exit codes, all from PLIM_STATUS_MAP, so that they cannot drift apart. */
#include <plimsoll/status.h>

const char *plim_status_text(plim_status status)
{
    switch (status) {
    case PLIM_OK:
        return "done";
#define PLIM_STATUS_CASE(name, value, exit_code, text)                                             \
    case PLIM_##name:                                                                              \
        return text;
        PLIM_STATUS_MAP(PLIM_STATUS_CASE)
#undef PLIM_STATUS_CASE
    }
    return "unknown status";
}

const char *plim_status_name(plim_status status)
{
    switch (status) {
    case PLIM_OK:
        return "OK";
#define PLIM_STATUS_CASE(name, value, exit_code, text)                                             \
    case PLIM_##name:                                                                              \
        return #name;
        PLIM_STATUS_MAP(PLIM_STATUS_CASE)
#undef PLIM_STATUS_CASE
    }
    return "UNKNOWN";
}

int plim_status_exit_code(plim_status status)
{
    enum { EXIT_INTERNAL = 70 };
    switch (status) {
    case PLIM_OK:
        return 0;
#define PLIM_STATUS_CASE(name, value, exit_code, text)                                             \
    case PLIM_##name:                                                                              \
        return exit_code;
        PLIM_STATUS_MAP(PLIM_STATUS_CASE)
#undef PLIM_STATUS_CASE
    }
    return EXIT_INTERNAL;
}

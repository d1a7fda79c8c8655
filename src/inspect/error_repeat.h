/* SPDX-License-Identifier: MIT */
/**
 * @file error_repeat.h
 * @brief Says in one plim_error what is kept in another: why a connection or a thread ended.
 *
 * Thread-safety: one owner thread per error object.
 */
#ifndef PLIM_INSPECT_ERROR_REPEAT_H
#define PLIM_INSPECT_ERROR_REPEAT_H
#include <plimsoll/error.h>

/** Copies into err, unless that has a failure already; returns why->status. err may be NULL. */
static inline plim_status plim__error_repeat(plim_error *err, const plim_error *why)
{
    (void)plim_error_set(err, why->status, "%s", why->what);
    if (why->where[0] != '\0')
        plim_error_where(err, "%s", why->where);
    if (why->hint[0] != '\0')
        plim_error_hint(err, "%s", why->hint);
    return why->status;
}

#endif

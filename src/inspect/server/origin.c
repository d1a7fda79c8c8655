/* SPDX-License-Identifier: MIT */
/*
 * Pure checks of two header values; what is not surely allowed is refused.
 */
#include "inspect/server/origin.h"

#include <stddef.h>
#include <string.h>

#include "base/limits.h"

static bool origin_is_port(const char *text)
{
    if (*text == '\0')
        return true;
    if (*text != ':' || text[1] == '\0')
        return false;
    for (text++; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
    }
    return true;
}

/* 127. and three more numbers of at most three digits; the rest into *out_rest. */
static bool origin_is_loopback_4(const char *text, const char **out_rest)
{
    if (strncmp(text, "127.", 4) != 0)
        return false;
    text += 4;
    for (int part = 0; part < 3; part++) {
        int digits = 0;
        while (*text >= '0' && *text <= '9' && digits < 4) {
            text++;
            digits++;
        }
        if (digits == 0 || digits > 3 || (part < 2 && *text++ != '.'))
            return false;
    }
    *out_rest = text;
    return true;
}

static bool origin_is_loopback(const char *host)
{
    static const char *const NAMES[] = {"localhost", "LOCALHOST", "[::1]"};
    const char *rest = NULL;
    if (origin_is_loopback_4(host, &rest))
        return origin_is_port(rest);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        size_t length = strlen(NAMES[i]);
        if (strncmp(host, NAMES[i], length) == 0 && origin_is_port(host + length))
            return true;
    }
    return false;
}

bool plim__host_is_allowed(const char *host)
{
    return host != NULL && strlen(host) < PLIM_SERVER_HEADER_BYTES_MAX && origin_is_loopback(host);
}

bool plim__origin_is_allowed(const char *origin)
{
    if (origin == NULL)
        return true;
    if (strcmp(origin, "devtools://devtools") == 0)
        return true;
    /* DevTools' page served by a browser's own debugging port. A page of another server on this
       machine has this form, too: whoever runs servers here may look. */
    return strncmp(origin, "http://", 7) == 0 && origin_is_loopback(origin + 7);
}

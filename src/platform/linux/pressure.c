/* SPDX-License-Identifier: MIT */
/*
 * /proc/pressure/memory ("pressure stall information"):
 *   some avg10=1.23 avg60=0.40 avg300=0.08 total=123456
 * Read at the pace of who asks: a trigger would want CAP_SYS_RESOURCE for windows under 2 s.
 */
#define _GNU_SOURCE
#include "platform/pressure.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "platform/linux/procfs.h"

/* "1.23" as 123; more digits than two are left out. */
static bool pressure_number(const char *text, uint32_t *out)
{
    uint64_t whole = 0;
    if (!plim__procfs_number(&text, 10, &whole) || whole > 100)
        return false;
    uint32_t part = 0, weight = 10;
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9' && weight > 0; text++, weight /= 10)
            part += (uint32_t)(*text - '0') * weight;
    }
    *out = (uint32_t)whole * 100 + part;
    return true;
}

plim_status plim__pressure_read(plim__pressure *out_pressure)
{
    PLIM_CHECK(out_pressure != NULL);
    plim__lines lines;
    if (plim__lines_open(&lines, 0, "pressure/memory") != PLIM_OK)
        return PLIM_ERR_UNSUPPORTED;
    plim__pressure pressure = {0};
    bool has_some = false;
    for (char *line = plim__lines_next(&lines); line != NULL; line = plim__lines_next(&lines)) {
        const char *some = plim__procfs_value(line, "some avg10=");
        const char *full = plim__procfs_value(line, "full avg10=");
        if (some != NULL)
            has_some = pressure_number(some, &pressure.some);
        else if (full != NULL)
            (void)pressure_number(full, &pressure.full);
    }
    plim__lines_close(&lines);
    if (!has_some)
        return PLIM_ERR_UNSUPPORTED;
    *out_pressure = pressure;
    return PLIM_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * Names of libraries as addresses. Libraries lie far from the session: units reach them through
 * addresses in their data. But some calls a compiler makes itself, directly, whatever it was told
 * (copies of structures; arithmetic of wide numbers): for those there is a jump near by.
 *
 * J1 a jump is never changed once it was given out.
 */
#include <stdio.h>
#include <string.h>

#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"

typedef struct near_jump {
    unsigned char code[8]; /* jmp *(next) */
    uint64_t to;
} near_jump;

static bool near_is_wanted(const char *name)
{
    static const char *const NAMES[] = {"memcpy", "memmove", "memset", "memcmp",
                                        "bcmp",   "fmod",    "fmodf",  "fmodl"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    return false;
}

static bool near_find(plim__machine *machine, uint64_t to, uint64_t *out_address)
{
    near_jump *jumps = plim__machine_at(machine, PLIM__SESSION_NEAR, PLIM__SESSION_NEAR_BYTES);
    for (size_t i = 0; jumps != NULL && i < PLIM__SESSION_NEAR_BYTES / sizeof *jumps; i++) {
        if (jumps[i].to != 0 && jumps[i].to != to)
            continue;
        if (jumps[i].to == 0) {
            static const unsigned char CODE[8] = {0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc};
            memcpy(jumps[i].code, CODE, sizeof CODE);
            jumps[i].to = to;
        }
        *out_address = PLIM__SESSION_NEAR + i * sizeof *jumps;
        return true;
    }
    return false;
}

bool plim__machine_resolve(plim__machine *machine, const char *name, uint64_t *out_address)
{
    plim__wire message = {.kind = PLIM__WIRE_RESOLVE};
    if ((size_t)snprintf(message.text, sizeof message.text, "%s", name) >= sizeof message.text)
        return false;
    if (plim__template_ask(machine, &message, -1, NULL) != PLIM_OK) { /* it died: the next knows */
        message = (plim__wire){.kind = PLIM__WIRE_RESOLVE};
        (void)snprintf(message.text, sizeof message.text, "%s", name);
        if (plim__machine_ready(machine, NULL) != PLIM_OK ||
            plim__template_ask(machine, &message, -1, NULL) != PLIM_OK)
            return false;
    }
    if (message.value == 0)
        return false;
    *out_address = message.value;
    if (near_is_wanted(name) || (message.detail == 1 && name[0] == '_' && name[1] == '_'))
        return near_find(machine, message.value, out_address);
    return true;
}

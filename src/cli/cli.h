/* SPDX-License-Identifier: MIT */
/**
 * @file cli.h
 * @brief What every verb is given: its arguments, where to write, what to tell, when to stop.
 */
#ifndef PLIM_CLI_CLI_H
#define PLIM_CLI_CLI_H
#include <plimsoll/target.h>

#include "cli/args.h"
#include "cli/emit.h"
#include "cli/say.h"

struct plim__cli {
    const plim_allocator *allocator; /* under --mem where the verb takes it */
    plim_cap *cap;                   /* what --mem is; NULL without */
    plim__args args;
    plim__out out;
    plim__emit emit; /* for plim__out in JSON */
    plim__say say;
    plim_interrupt interrupt;
    const struct plim__secret *secret; /* recordings are encrypted with it; NULL: they are not */
    bool finding;                      /* a judging verb found something: exit 1 */
};

/** Rows to show for people and in JSON: --top, else 20 or all. */
uint64_t plim__cli_top(const plim__cli *cli, uint64_t total);

/** Whether the output is for people. */
bool plim__cli_is_human(const plim__cli *cli);

/** Whether the output is JSON. */
bool plim__cli_is_json(const plim__cli *cli);

/** "… and 7 more (--top 0 shows all)", for people, where rows were left out. */
void plim__cli_rest(plim__cli *cli, uint64_t shown, uint64_t total);

#endif

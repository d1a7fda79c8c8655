/* SPDX-License-Identifier: MIT */
/*
 * What is lost with a worker, by the names that the user knows it by: a descriptor by the variable
 * that has its number, a stream by the one that points to it. Only what is certain is said: "its
 * number is in fd" is true, whatever fd is for.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "repl/session/session.h"

enum { HOLDERS_ELEMENTS_MAX = 64 };

typedef struct holders_search {
    plim_repl *repl;
    int number;
    char stream[64], variable[64]; /* "" none found */
} holders_search;

/* An int, or an array of them: what pipe() and socketpair() fill. */
static void holders_look_at_numbers(holders_search *search, const plim__symbol *symbol)
{
    for (uint32_t i = 0; i < HOLDERS_ELEMENTS_MAX && i < symbol->bytes / sizeof(int); i++) {
        int number = -1;
        if (plim__machine_read(&search->repl->machine, symbol->address + i * sizeof number, &number,
                               sizeof number) != PLIM_OK ||
            number != search->number)
            continue;
        if (symbol->bytes > sizeof number)
            (void)snprintf(search->variable, sizeof search->variable, "%s[%u]", symbol->name, i);
        else
            (void)snprintf(search->variable, sizeof search->variable, "%s", symbol->name);
        return;
    }
}

static bool holders_look(void *ctx, const plim__symbol *symbol)
{
    holders_search *search = ctx;
    uint64_t pointer = 0;
    int number = -1;
    if (symbol->kind != PLIM__SYMBOL_VARIABLE || symbol->is_hidden || symbol->is_declaration ||
        symbol->type == NULL)
        return true;
    /* A stream lies in the session's heap: the C library has its memory from there. */
    if (strcmp(symbol->type, "FILE *") == 0 &&
        plim__machine_read(&search->repl->machine, symbol->address, &pointer, sizeof pointer) ==
            PLIM_OK &&
        plim__machine_read(&search->repl->machine, pointer + offsetof(FILE, _fileno), &number,
                           sizeof number) == PLIM_OK &&
        number == search->number)
        (void)snprintf(search->stream, sizeof search->stream, "%s", symbol->name);
    if (strcmp(symbol->type, "int") == 0 || strncmp(symbol->type, "int[", 4) == 0)
        holders_look_at_numbers(search, symbol);
    return true;
}

void plim__session_name_lost(plim_repl *repl, char *clause, size_t cap)
{
    holders_search search = {.repl = repl};
    size_t length = strlen(clause);
    if (sscanf(clause, "descriptor %d (", &search.number) != 1)
        return;
    plim__source_each(repl->source, holders_look, &search);
    if (search.stream[0] != '\0')
        (void)snprintf(clause + length, cap - length, ", the stream of %s", search.stream);
    else if (search.variable[0] != '\0')
        (void)snprintf(clause + length, cap - length, ", whose number is in %s", search.variable);
}

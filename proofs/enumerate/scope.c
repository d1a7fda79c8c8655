/* SPDX-License-Identifier: MIT */
/*
 * Scopes as they ship, over a whole manager, against a twin that is a list: three scope variables,
 * two domains; every order of opening, closing and cutting, also of what is closed already, never
 * was open, or has gone with one outside it (as longjmp() leaves them).
 *
 * parts: manager backing base
 */
#include <plimsoll/manager.h>
#include <plimsoll/memory.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sequence.h"

enum { SCOPES = 3, DOMAINS = 2, SCOPE_BYTES = 256, INNER_BYTES = 96, PIECE_BYTES = 64 };

/* The twin of one variable: never open, open at a place in the order of opening, or ended. */
typedef enum twin_state { TWIN_NEVER, TWIN_OPEN, TWIN_ENDED } twin_state;

static plim_manager *manager;
static plim_domain domains[DOMAINS];
static plim_scope scopes[SCOPES];
static twin_state twin[SCOPES];
static unsigned twin_order[SCOPES], twin_count; /* the open ones, outermost first */
static uint64_t charged_before[DOMAINS];

static uint64_t charged(unsigned domain)
{
    plim_domain_stats stats;
    if (plim_domain_stats_read(domains[domain], &stats) != PLIM_OK)
        exit(2);
    return stats.used_bytes;
}

static void start(void)
{
    if (manager == NULL) {
        static const plim_domain_options domain_options = {.struct_bytes = sizeof domain_options,
                                                           .limit_bytes = 1 << 20};
        static const plim_manager_options options = {.struct_bytes = sizeof options,
                                                     .total_bytes = 4 << 20};
        if (plim_manager_create(&options, &manager, NULL) != PLIM_OK ||
            plim_domain_create(manager, "a", &domain_options, &domains[0], NULL) != PLIM_OK ||
            plim_domain_create(manager, "b", &domain_options, &domains[1], NULL) != PLIM_OK)
            exit(2);
    }
    memset(scopes, 0, sizeof scopes);
    for (unsigned i = 0; i < SCOPES; i++)
        scopes[i].depth = UINT32_MAX;
    memset(twin, 0, sizeof twin);
    twin_count = 0;
    for (unsigned i = 0; i < DOMAINS; i++)
        charged_before[i] = charged(i);
}

static const char *compare(void)
{
    unsigned open[DOMAINS] = {0};
    for (unsigned i = 0; i < twin_count; i++)
        open[twin_order[i] % DOMAINS]++;
    for (unsigned i = 0; i < DOMAINS; i++)
        if ((charged(i) > charged_before[i]) != (open[i] > 0))
            return "a domain is charged while a scope of it is open, and not after";
    return NULL;
}

static const char *apply_open(unsigned scope)
{
    if (twin[scope] == TWIN_OPEN)
        return NULL; /* a variable in use is not opened again: its block has not ended */
    /* Smaller ones fit into larger ones: a scope inside one of its domain is cut from it. */
    size_t bytes = scope < DOMAINS ? SCOPE_BYTES : INNER_BYTES;
    (void)plim__scope_open(&scopes[scope], NULL, domains[scope % DOMAINS], bytes, "here");
    if (scopes[scope].status != PLIM_OK) {
        /* Refused is right only where what is around it has no room left. */
        bool around = false;
        for (unsigned i = 0; i < twin_count; i++)
            around |= twin_order[i] % DOMAINS == scope % DOMAINS;
        return around ? compare() : "a scope with room around it opens";
    }
    twin[scope] = TWIN_OPEN;
    twin_order[twin_count++] = scope;
    return compare();
}

static const char *apply_close(unsigned scope)
{
    plim__scope_close(&scopes[scope]);
    unsigned at = 0;
    while (at < twin_count && twin_order[at] != scope)
        at++;
    for (unsigned i = at; i < twin_count; i++)
        twin[twin_order[i]] = TWIN_ENDED; /* what is inside ends with it (F2) */
    twin_count = at;
    return compare();
}

static const char *apply_cut(unsigned scope)
{
    void *piece = plim__scope_alloc(&scopes[scope], PIECE_BYTES, "here");
    if (piece != NULL && twin[scope] != TWIN_OPEN)
        return "a scope that is not open gives nothing (F1)";
    if (piece != NULL)
        memset(piece, (int)scope, PIECE_BYTES);
    return compare();
}

static const char *apply(unsigned operation)
{
    static const char *(*const kinds[])(unsigned) = {apply_open, apply_close, apply_cut};
    return kinds[operation / SCOPES](operation % SCOPES);
}

static void print(unsigned operation)
{
    static const char *const kinds[] = {"open", "close", "cut"};
    fprintf(stderr, "  %s %u\n", kinds[operation / SCOPES], operation % SCOPES);
}

static void end(void)
{
    for (unsigned i = 0; i < SCOPES; i++)
        plim__scope_close(&scopes[i]);
}

int main(void)
{
    static const sequence_world world = {.name = "scope",
                                         .operation_count = 3 * SCOPES,
                                         .length = 6,
                                         .start = start,
                                         .end = end,
                                         .apply = apply,
                                         .print = print};
    return sequence(&world);
}

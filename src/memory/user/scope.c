/* SPDX-License-Identifier: MIT */
/*
 * Scopes: memory for a stretch of code. Opening one charges its domain for all of it, in one block;
 * what is asked for inside is cut from that block by moving a mark, and closing gives the
 * block back, so no way out of the stretch can forget anything.
 *
 * A scope inside another of the same domain is cut from that one's block: its bytes were charged
 * when the outer opened, and they count against the outer's promise. (An original of this design
 * charged nested scopes to the innermost alone, so that an outer bound was none.) A scope of
 * another domain is that domain's affair and has a block of its own.
 *
 * The records lie in a table of the thread, not on its stack and not in the blocks: a scope of n
 * bytes is charged as n bytes, and one that was left by longjmp() is closed, whole, with the next
 * one outside it, or when another is opened in its plim_scope: where none is outside, a loop that
 * is left again and again would use up the table.
 *
 * Invariants: S1 records 0 ... depth - 1 are open, in the order they were opened. S2 used <= size.
 * S3 a record that is cut lies in the used part of the nearest one below it of the same domain.
 * S4 a plim_scope names its record by depth and serial; a thread does not use serials twice, so one
 * that is closed, or another thread's, finds nothing.
 */
#include "memory/user/scope.h"

#include <string.h>

#include "base/assert.h"
#include "base/checked.h"
#include "base/limits.h"
#include "memory/checks/panic.h"
#include "memory/engine/alloc.h"
#include "memory/engine/threads.h"
#include "memory/user/refused.h"
#include "platform/local.h"

typedef struct scope_record {
    unsigned char *bytes;
    size_t size;
    size_t used;
    uint32_t domain;
    uint32_t serial;         /* top bit: cut from another's block */
    const plim_scope *owner; /* compared, never followed: it may be gone */
} scope_record;

#define SCOPE_IS_CUT ((uint32_t)1 << 31)

static PLIM__THREAD_LOCAL scope_record scope_table[PLIM_SCOPES_MAX];
static PLIM__THREAD_LOCAL uint32_t scope_depth;
static PLIM__THREAD_LOCAL uint32_t scope_serial;

/* The record a scope stands for; NULL if it is closed or another thread's. */
static scope_record *scope_find(const plim_scope *scope)
{
    scope_record *record = scope->depth < scope_depth ? &scope_table[scope->depth] : NULL;
    return record != NULL && (record->serial & ~SCOPE_IS_CUT) == scope->serial ? record : NULL;
}

/* Moves the mark; NULL if the rest is too small. */
static void *scope_cut(scope_record *record, size_t bytes, size_t align)
{
    uintptr_t mark = (uintptr_t)record->bytes + record->used;
    size_t skew = (size_t)(-mark & (align - 1)), need;
    if (!plim__add_size(bytes, skew, &need) || need > record->size - record->used)
        return NULL;
    void *piece = record->bytes + record->used + skew;
    record->used += need;
    return piece;
}

static void *scope_refuse(uint32_t domain, plim_refusal_reason reason, size_t bytes,
                          const char *site)
{
    plim__domain *known = plim__domain_of((plim_domain){domain});
    plim__slot *slot = known != NULL ? &plim__slots[known->slot] : NULL;
    return plim__refuse(slot, reason, bytes, bytes, site);
}

static void *scope_take(scope_record *record, size_t bytes, size_t align, const char *site)
{
    if (align == 0)
        align = PLIM__ALIGN;
    if (bytes == 0 || (align & (align - 1)) != 0 || align > PLIM__ALIGN_MAX)
        return scope_refuse(record->domain, PLIM_REFUSAL_REQUEST, bytes, site);
    void *piece = scope_cut(record, bytes, align);
    return piece != NULL ? piece : scope_refuse(record->domain, PLIM_REFUSAL_SCOPE, bytes, site);
}

/* Closes the innermost: its block goes back, or, if it was cut and nothing was cut behind it, the
   mark of the one it was cut from. */
static void scope_pop(void)
{
    PLIM_CHECK(scope_depth > 0);
    scope_record *record = &scope_table[--scope_depth];
    unsigned char *bytes = record->bytes;
    if ((record->serial & SCOPE_IS_CUT) == 0) {
        record->bytes = NULL;
        plim_free(bytes);
        return;
    }
    for (uint32_t i = scope_depth; i-- > 0;) {
        scope_record *outer = &scope_table[i];
        if (outer->domain != record->domain)
            continue;
        if (outer->bytes + outer->used == bytes + record->size)
            outer->used = (size_t)(bytes - outer->bytes);
        return;
    }
}

/* The scope as an allocator: the last piece grows, shrinks and goes in place. */
static void *scope_resize(void *ctx, void *piece, size_t old_bytes, size_t new_bytes)
{
    scope_record *record = scope_find(ctx);
    if (record == NULL)
        return NULL;
    if (piece != NULL && (unsigned char *)piece + old_bytes == record->bytes + record->used) {
        size_t start = (size_t)((unsigned char *)piece - record->bytes);
        if (new_bytes > record->size - start)
            return scope_refuse(record->domain, PLIM_REFUSAL_SCOPE, new_bytes, NULL);
        record->used = start + new_bytes;
        return new_bytes > 0 ? piece : NULL;
    }
    if (new_bytes == 0)
        return NULL;
    if (new_bytes <= old_bytes)
        return piece;
    void *moved = scope_take(record, new_bytes, 0, NULL);
    if (moved != NULL && old_bytes > 0)
        memcpy(moved, piece, old_bytes);
    return moved;
}

static plim_status scope_push(const scope_record *record, plim_scope *out_scope)
{
    scope_serial = (scope_serial + 1) & ~SCOPE_IS_CUT;
    scope_table[scope_depth] = *record;
    scope_table[scope_depth].serial |= scope_serial;
    scope_table[scope_depth].owner = out_scope;
    out_scope->depth = scope_depth++;
    out_scope->serial = scope_serial;
    plim__thread_scoped();
    out_scope->allocator = (plim_allocator){out_scope, scope_resize};
    return PLIM_OK;
}

/* The nearest open scope of the domain, or NULL. */
static scope_record *scope_around(uint32_t domain)
{
    for (uint32_t i = scope_depth; i-- > 0;)
        if (scope_table[i].domain == domain)
            return &scope_table[i];
    return NULL;
}

static plim_status scope_open(plim_scope *out_scope, uint32_t domain, size_t bytes,
                              const char *site)
{
    scope_record record = {.size = bytes, .domain = domain};
    if (bytes == 0 || scope_depth == PLIM_SCOPES_MAX) {
        (void)scope_refuse(domain, bytes == 0 ? PLIM_REFUSAL_REQUEST : PLIM_REFUSAL_SCOPE, bytes,
                           site);
        return bytes == 0 ? PLIM_ERR_USAGE : PLIM_ERR_LIMIT;
    }
    scope_record *outer = scope_around(domain);
    if (outer != NULL) {
        record.bytes = scope_take(outer, bytes, 0, site);
        record.serial = SCOPE_IS_CUT;
        return record.bytes != NULL ? scope_push(&record, out_scope) : PLIM_ERR_LIMIT;
    }
    record.bytes = plim__alloc_in((plim_domain){domain}, bytes, site);
    return record.bytes != NULL ? scope_push(&record, out_scope) : plim__refused();
}

/* Closes what stood where this scope is to stand, and all inside it: longjmp() left it. */
static void scope_close_left(const plim_scope *scope)
{
    uint32_t depth = 0;
    while (depth < scope_depth && scope_table[depth].owner != scope)
        depth++;
    while (scope_depth > depth)
        scope_pop();
}

plim_scope *plim__scope_open(plim_scope *scope, plim__here *here, plim_domain domain, size_t bytes,
                             const char *site)
{
    PLIM_CHECK(scope != NULL);
    scope_close_left(scope);
    *scope = (plim_scope){.size_bytes = bytes, .depth = UINT32_MAX};
    if (domain.id == 0)
        domain = plim__here_domain(here);
    scope->status = scope_open(scope, domain.id, bytes, site);
    return scope;
}

void plim__scope_close(plim_scope *scope)
{
    scope_record *record = scope_find(scope);
    if (record == NULL)
        return; /* refused, or gone with one outside it */
    uint32_t depth = scope->depth;
    while (scope_depth > depth)
        scope_pop();
    scope->status = PLIM_ERR_STALE;
}

void *plim__scope_alloc(plim_scope *scope, size_t bytes, const char *site)
{
    scope_record *record = scope_find(scope);
    if (record == NULL)
        return plim__refuse(NULL, PLIM_REFUSAL_SCOPE, bytes, bytes, site);
    return scope_take(record, bytes, 0, site);
}

void *plim__scope_serve(const plim_request *request, const char *site)
{
    scope_record *record = scope_depth > 0 ? &scope_table[scope_depth - 1] : NULL;
    size_t bytes = request->size_bytes;
    if (record == NULL)
        return scope_refuse(request->domain.id, PLIM_REFUSAL_SCOPE, bytes, site);
    if (request->domain.id != 0 && request->domain.id != record->domain)
        return scope_refuse(request->domain.id, PLIM_REFUSAL_DOMAIN, bytes, site);
    void *piece = scope_take(record, bytes, request->align_bytes, site);
    if (piece != NULL && request->zeroed)
        memset(piece, 0, bytes);
    return piece;
}

bool plim__scope_holds(const void *address, plim_origin *out_origin)
{
    for (uint32_t i = scope_depth; i-- > 0;) {
        const scope_record *record = &scope_table[i];
        size_t offset = (uintptr_t)address - (uintptr_t)record->bytes;
        if ((uintptr_t)address < (uintptr_t)record->bytes || offset >= record->used)
            continue;
        /* Pieces have no sizes, and were charged with the scope. */
        if (out_origin != NULL)
            *out_origin = (plim_origin){
                .domain = {record->domain}, .provider = PLIM_PROVIDER_ARENA, .site = ""};
        return true;
    }
    return false;
}

bool plim__scope_is_any(void)
{
    return scope_depth > 0;
}

void plim__scope_leave(void)
{
    while (scope_depth > 0)
        scope_pop();
}

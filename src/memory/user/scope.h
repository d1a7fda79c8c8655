/* SPDX-License-Identifier: MIT */
/**
 * @file scope.h
 * @brief What the engine needs to know of a thread's open scopes.
 */
#ifndef PLIM_MEMORY_SCOPE_H
#define PLIM_MEMORY_SCOPE_H
#include <plimsoll/memory.h>

/**
 * A request for the innermost open scope of this thread: lifetime SCOPE, or provider ARENA. NULL if
 * refused: none is open, it is another domain's than the request names, or it has not that much.
 */
void *plim__scope_serve(const plim_request *request, const char *site);

/**
 * Whether the address lies in an open scope of this thread; then, what is known of it (may be
 * NULL). Such memory is not given back piece by piece.
 */
bool plim__scope_holds(const void *address, plim_origin *out_origin);

/** Whether this thread has any open. */
bool plim__scope_is_any(void);

/** The thread ends: what it left open is given back. */
void plim__scope_leave(void);

#endif

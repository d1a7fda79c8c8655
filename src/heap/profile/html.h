/* SPDX-License-Identifier: MIT */
/**
 * @file html.h
 * @brief The trees of a profile for a page that may have others beside them.
 *
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_PROFILE_HTML_H
#define PLIM_HEAP_PROFILE_HTML_H
#include <plimsoll/profile.h>

#include "heap/page/page.h"

/** What the trees borrow from; lives until the page is written. */
typedef struct plim__profile_pages plim__profile_pages;

/** Adds at most four trees to a page; NULL if memory was refused. */
plim__profile_pages *plim__profile_pages_add(const plim_profile *profile, plim__page *page,
                                             const plim_allocator *allocator);

/** Ends it; *pages is NULL. */
void plim__profile_pages_destroy(plim__profile_pages **pages);

#endif

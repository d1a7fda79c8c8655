/* SPDX-License-Identifier: MIT */
/**
 * @file redact.h
 * @brief A graph or a profile without what the program knew: structure, sizes, ids and class names
 *        stay.
 *
 * Replaced: the text of every string, number, symbol and regular expression, the names of
 * properties, variables and functions, the names of scripts, what an element of a page or a global
 * object says after its class, and the positions of elements (an object may have numbers for
 * keys). Equal ones are replaced alike, so that duplicates still show. Kept: classes of objects
 * (a class that has a secret for its name keeps it), names that the engine gives its own parts,
 * `__proto__`, `prototype` and `constructor`, and where in a script a class was made (line and
 * column, not the script's name).
 * Thread-safety: one thread, and nobody else uses the graph meanwhile.
 */
#ifndef PLIM_REDACT_H
#define PLIM_REDACT_H
#include <plimsoll/profile.h>
PLIM_DECLS_BEGIN

/** What was replaced. */
typedef struct plim_redact_result {
    uint64_t texts; /**< distinct ones */
    uint64_t nodes; /**< whose name was replaced */
    uint64_t edges; /**< whose name or position was */
} plim_redact_result;

/**
 * @brief         Replaces every name that is not the engine's or a class's.
 * @param[in,out] graph       not NULL; on any failure unchanged. What was borrowed from it before
 *                            (texts) is gone afterwards.
 * @param[out]    out_result  may be NULL; set only on PLIM_OK.
 * @param[out]    err         may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the graph's allocator refused: 4 bytes a node and an edge,
 *                            and 36 a string.
 * @note          Threads: one.
 * @see           docs/internals/redact.md
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_redact(plim_graph *graph,
                                                      plim_redact_result *out_result,
                                                      plim_error *err);

/**
 * @brief         Replaces the names of all functions and sources of a profile. The tree, its
 *                figures, lines and columns stay; equal texts are replaced alike.
 * @param[in,out] profile    not NULL, and nobody else uses it meanwhile; on any failure unchanged.
 *                           Texts that were borrowed from it before are gone afterwards.
 * @param[out]    out_texts  how many distinct ones were replaced; may be NULL.
 * @param[out]    err        may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the profile's allocator refused.
 * @note          Threads: one.
 */
PLIM_API PLIM_NODISCARD plim_status plim_profile_redact(plim_profile *profile, uint64_t *out_texts,
                                                        plim_error *err);

PLIM_DECLS_END
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file publish.h
 * @brief A report that other processes can read while the program runs, without stopping it.
 *
 * The report lies in a memory file named plimsoll-NAME, which `plim stable pid:N` finds among the
 * process's descriptors. It is a copy, written by plim_publish_report(): call that at a quiet
 * place, such as between frames. A reader sees the last whole report, or none while one is written.
 * Who may look at the process's descriptors (its user, root) can read it.
 * Not where there is no operating system.
 * Thread-safety: one owner thread per publication.
 */
#ifndef PLIM_PUBLISH_H
#define PLIM_PUBLISH_H
#include <plimsoll/fingerprint.h>
#include <plimsoll/manager.h>
PLIM_DECLS_BEGIN

/** A place where reports are put; ended by plim_publish_end(). */
typedef struct plim_publication plim_publication;

/**
 * @brief         Opens the place. Its size is taken at once and never changes.
 * @param[in]     name             1 to 31 bytes.
 * @param[in]     bytes            of the longest report; a row of a fingerprint is about 150.
 * @param[out]    out_publication  set only on PLIM_OK.
 * @param[in,out] err              may be NULL.
 * @retval PLIM_ERR_USAGE     no name, or no bytes.
 * @retval PLIM_ERR_NO_MEMORY the system refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_publish_start(const char *name, size_t bytes,
                                                       plim_publication **out_publication,
                                                       plim_error *err);

/**
 * @brief         Puts a report there, in place of the last: an object with the schema plim.report/1
 *                and the fingerprint. Nothing is allocated.
 * @param[in,out] publication  not NULL.
 * @param[in]     fingerprint  started.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_NO_SPACE   it is longer than the place; there is then no report.
 * @note          Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_publish_report(plim_publication *publication,
                                                        const plim_fingerprint *fingerprint,
                                                        plim_error *err);

/**
 * @brief         Puts plim_report() of a manager there, in place of the last: its domains with
 *                their limits (`plim top` shows them as load lines) and its fingerprint. Nothing
 *                is allocated.
 * @param[in,out] publication  not NULL.
 * @param[in]     manager      NULL: the default one.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_NO_SPACE   it is longer than the place; there is then no report.
 * @note          Threads: the owner.
 */
PLIM_API PLIM_NODISCARD plim_status plim_publish_manager(plim_publication *publication,
                                                         plim_manager *manager, plim_error *err);

/**
 * @brief         Closes the place; @p *publication is NULL.
 * @param[in,out] publication  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner.
 */
PLIM_API void plim_publish_end(plim_publication **publication);

/**
 * @brief         Reads the report that a process has published.
 * @param[in]     pid   the process; of several publications the first.
 * @param[in]     sink  gets the whole report.
 * @param[in,out] err   may be NULL.
 * @retval PLIM_ERR_NOT_FOUND   it has none, or there is no such process.
 * @retval PLIM_ERR_ACCESS      the system does not let this user look.
 * @retval PLIM_ERR_TIMEOUT     each time it was looked at, the report was being written.
 * @retval PLIM_ERR_UNSUPPORTED this system shows no other process's descriptors.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_published_read(int64_t pid, plim_sink sink,
                                                        plim_error *err);

PLIM_DECLS_END
#endif

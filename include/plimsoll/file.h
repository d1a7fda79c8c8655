/* SPDX-License-Identifier: MIT */
/**
 * @file file.h
 * @brief Files as sources and sinks that never leave a half-written file under its final name.
 *
 * A sink writes to a temporary file beside the target (mode 0600: a heap snapshot holds every
 * secret the program knew) and renames it on commit. "-" is standard input or standard output.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_FILE_H
#define PLIM_FILE_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

typedef struct plim_file_source plim_file_source;
typedef struct plim_file_sink plim_file_sink;

/**
 * @brief      Opens @p path for reading; a directory is refused here, not at the first read.
 * @param[in]  path       "-" is standard input.
 * @param[in]  allocator  borrowed until close; NULL means the system's.
 * @param[out] out_file   set only on PLIM_OK; ended by plim_file_source_close().
 * @param[out] err        what, where and what to do; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND no such file.  @retval PLIM_ERR_ACCESS no permission.
 * @retval PLIM_ERR_USAGE a directory.  @retval PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_file_source_open(const char *path,
                                                          const plim_allocator *allocator,
                                                          plim_file_source **out_file,
                                                          plim_error *err);

/**
 * @brief     The bytes of the file, from where it stands.
 * @param[in] file  not NULL.
 * @return    a view, valid until close; total_bytes is 0 for a pipe.
 * @note      Threads: one at a time.
 */
PLIM_API plim_source plim_file_source_view(plim_file_source *file);

/**
 * @brief         Closes the file; @p *file is NULL afterwards.
 * @param[in,out] file  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_file_source_close(plim_file_source **file);

/**
 * @brief      Starts a file that will be called @p path once committed.
 * @param[in]  path       "-" is standard output (then commit only flushes); a device or pipe is
 *                        written to directly.
 * @param[in]  overwrite  false: an existing file is PLIM_ERR_EXISTS, and nothing has changed.
 * @param[in]  allocator  borrowed until the end; NULL means the system's.
 * @param[out] out_file   set only on PLIM_OK; ended by commit, abandon or keep_partial.
 * @param[out] err        what, where and what to do; may be NULL.
 * @retval PLIM_ERR_EXISTS see @p overwrite.  @retval PLIM_ERR_ACCESS the folder refuses.
 * @retval PLIM_ERR_NOT_FOUND no such folder.  @retval PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_file_sink_create(const char *path, bool overwrite,
                                                          const plim_allocator *allocator,
                                                          plim_file_sink **out_file,
                                                          plim_error *err);

/**
 * @brief     Where to write.
 * @param[in] file  not NULL.
 * @return    a view, valid until the file is ended. A full device gives PLIM_ERR_NO_SPACE.
 * @note      Threads: one at a time.
 */
PLIM_API plim_sink plim_file_sink_view(plim_file_sink *file);

/**
 * @brief         Flushes, makes durable, and renames into place; @p *file is NULL afterwards.
 * @param[in,out] file  not NULL. On failure nothing is left under the final name.
 * @param[out]    err   may be NULL.
 * @retval PLIM_ERR_NO_SPACE the device is full.  @retval PLIM_ERR_IO anything else.
 * @retval PLIM_ERR_EXISTS somebody made the file meanwhile and overwrite was not asked for; what
 *                was written is kept as `PATH.partial`.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_file_sink_commit(plim_file_sink **file, plim_error *err);

/**
 * @brief         Keeps what was written as `PATH.partial` (an earlier one is replaced).
 * @param[in,out] file  not NULL; *file is NULL afterwards.
 * @param[out]    err   may be NULL.
 * @retval PLIM_ERR_IO the rename failed; the temporary file is gone.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_file_sink_keep_partial(plim_file_sink **file,
                                                                plim_error *err);

/**
 * @brief         Removes what was written; @p *file is NULL afterwards.
 * @param[in,out] file  NULL and a pointer to NULL are accepted.
 * @note          Threads: one at a time.
 */
PLIM_API void plim_file_sink_abandon(plim_file_sink **file);

PLIM_DECLS_END
#endif

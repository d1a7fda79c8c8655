/* SPDX-License-Identifier: MIT */
/**
 * @file status.h
 * @brief Every outcome a Plimsoll call can have, from one table, and the macros all headers share.
 *
 * A call that can fail returns a plim_status and takes a plim_error as its last argument
 * (error.h), which says what went wrong, where, and what to do next. Codes are ABI: a value is
 * never reused, new ones are added at the end. Negative is failure, zero is success.
 * Thread-safety: all functions here are pure.
 */
#ifndef PLIM_STATUS_H
#define PLIM_STATUS_H

#ifdef __cplusplus
#define PLIM_DECLS_BEGIN extern "C" {
#define PLIM_DECLS_END   }
#else
#define PLIM_DECLS_BEGIN
#define PLIM_DECLS_END
#endif

#if defined(__GNUC__) || defined(__clang__)
#define PLIM_API                          __attribute__((visibility("default")))
#define PLIM_NODISCARD                    __attribute__((warn_unused_result))
#define PLIM_PRINTF(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))
#else
#define PLIM_API
#define PLIM_NODISCARD
#define PLIM_PRINTF(fmt_index, first_arg)
#endif

PLIM_DECLS_BEGIN

/**
 * The one table: X(NAME, value, exit code of the command, text). The exit codes are those of the
 * manual, plim(1): 1 a finding, 2 usage, 3 unreachable, 4 damaged input, 5 cannot by nature,
 * 6 own limit, 70 a fault of ours, 130 interrupted.
 */
#define PLIM_STATUS_MAP(X)                                                                         \
    X(ERR_USAGE, -1, 2, "the call or the command line is not usable as given")                     \
    X(ERR_NOT_FOUND, -2, 3, "there is nothing under that name")                                    \
    X(ERR_ACCESS, -3, 3, "the system does not allow it")                                           \
    X(ERR_EXISTS, -4, 2, "it exists already and would be overwritten")                             \
    X(ERR_UNREACHABLE, -5, 3, "the target cannot be reached")                                      \
    X(ERR_REFUSED, -6, 3, "the target answered and refused")                                       \
    X(ERR_TIMEOUT, -7, 3, "no answer within the time allowed")                                     \
    X(ERR_GONE, -8, 3, "the target went away in the middle")                                       \
    X(ERR_PROTOCOL, -9, 3, "the other side does not speak the expected protocol")                  \
    X(ERR_DAMAGED, -10, 4, "the input is damaged")                                                 \
    X(ERR_TRUNCATED, -11, 4, "the input ends too early")                                           \
    X(ERR_UNSUPPORTED, -12, 5, "this runtime or file cannot give that")                            \
    X(ERR_NO_MEMORY, -13, 6, "not enough memory")                                                  \
    X(ERR_LIMIT, -14, 6, "a limit of this program was reached")                                    \
    X(ERR_NO_SPACE, -15, 6, "the output cannot take more data")                                    \
    X(ERR_IO, -16, 3, "reading or writing failed")                                                 \
    X(ERR_UNSAFE, -17, 6, "refused because it could harm the target")                              \
    X(ERR_INTERRUPTED, -18, 130, "interrupted")                                                    \
    X(ERR_INTERNAL, -19, 70, "a fault in Plimsoll")                                                \
    X(ERR_BUDGET, -20, 6, "the request does not fit the budget")                                   \
    X(ERR_SEALED, -21, 6, "sealed: nothing may grow any more")                                     \
    X(ERR_STALE, -22, 2, "the handle or pointer is stale, foreign or already given back")          \
    X(ERR_BUSY, -23, 2, "still in use")                                                            \
    X(ERR_CONTRADICTION, -24, 1, "what is asked for contradicts itself")

/** Outcome of a call; the texts are plim_status_text()'s. */
typedef enum plim_status {
    PLIM_OK = 0,
#define PLIM_STATUS_ENUM(name, value, exit_code, text) PLIM_##name = (value),
    PLIM_STATUS_MAP(PLIM_STATUS_ENUM)
#undef PLIM_STATUS_ENUM
} plim_status;

/**
 * @brief     The fixed English text of a status, never NULL, in static storage.
 * @param[in] status  any value; an unknown one gives "unknown status".
 * @return    a string the caller must not free.
 * @note      Threads: any. Signals: safe.
 */
PLIM_API const char *plim_status_text(plim_status status);

/**
 * @brief     The constant's name ("ERR_DAMAGED"), for logs and JSON; never NULL.
 * @param[in] status  any value; an unknown one gives "UNKNOWN".
 * @return    a string in static storage.
 * @note      Threads: any. Signals: safe.
 */
PLIM_API const char *plim_status_name(plim_status status);

/**
 * @brief     The exit code the `plim` command ends with for this status.
 * @param[in] status  any value; an unknown one gives 70.
 * @return    0, or a code from plim(1), section EXIT STATUS.
 * @note      Threads: any. Signals: safe.
 */
PLIM_API int plim_status_exit_code(plim_status status);

PLIM_DECLS_END
#endif

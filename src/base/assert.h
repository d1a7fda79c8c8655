/* SPDX-License-Identifier: MIT */
/**
 * @file assert.h
 * @brief Checks of three strengths. They are for our own faults and the caller's, never for input.
 *
 * PLIM_CHECK is always on. PLIM_DCHECK is on in debug builds. PLIM_DCHECK_SLOW walks whole
 * structures and is on only where PLIM_SLOW_CHECKS is defined (sanitizer builds). A failed check
 * prints one line and aborts: whoever sees it has found a bug.
 */
#ifndef PLIM_BASE_ASSERT_H
#define PLIM_BASE_ASSERT_H

/** Prints "file:line: check failed: text" to standard error and aborts. */
_Noreturn void plim__check_failed(const char *file, int line, const char *text);

#define PLIM_CHECK(condition)                                                                      \
    ((condition) ? (void)0 : plim__check_failed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define PLIM_DCHECK(condition) ((void)(0 && (condition)))
#else
#define PLIM_DCHECK(condition) PLIM_CHECK(condition)
#endif

#ifdef PLIM_SLOW_CHECKS
#define PLIM_DCHECK_SLOW(condition) PLIM_CHECK(condition)
#else
#define PLIM_DCHECK_SLOW(condition) ((void)(0 && (condition)))
#endif

/** The object is alive and of the type its magic names. */
#define PLIM_CHECK_OBJ(object, magic_value)                                                        \
    PLIM_CHECK((object) != NULL && (object)->magic == (uint32_t)(magic_value))

#endif

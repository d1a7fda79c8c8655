/* SPDX-License-Identifier: MIT */
/**
 * @file bounded_string.h
 * @brief A string whose capacity is reserved when it begins; what does not fit is refused whole.
 *
 * One of the bounded collections: collections.h has what they share, and includes this. Nothing is
 * ever cut: a text that does not fit leaves the string as it was, with PLIM_ERR_LIMIT.
 * Thread-safety: one thread at a time per string.
 */
#ifndef PLIM_BOUNDED_STRING_H
#define PLIM_BOUNDED_STRING_H
#include <plimsoll/memory.h>
PLIM_DECLS_BEGIN

/** Private: what is inside each vector and string. */
typedef struct plim__vector {
    void *items;
    size_t count;
    size_t capacity;
    const plim_allocator *from;
} plim__vector;

/** A bounded string: bytes, with a NUL behind them that is not counted. All zero: capacity 0. */
typedef struct plim_string {
    plim__vector bytes; /**< private */
} plim_string;

/**
 * @brief         Private: begins a string, empty; parameters and statuses as plim__vector_take().
 * @param[out]    bytes     set only on PLIM_OK.
 * @param[in]     here      the file that asks, or NULL.
 * @param[in]     domain    whose memory.
 * @param[in]     from      with @p here NULL.
 * @param[in]     capacity  without the NUL.
 * @retval PLIM_ERR_BUDGET  the domain has not that much left.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim__string_take(plim__vector *bytes, plim__here *here,
                                                      plim_domain domain,
                                                      const plim_allocator *from, size_t capacity);

/**
 * Begins an empty string of at most `capacity` bytes, from a domain (none: this file's); statuses
 * as plim__vector_take(). Ended by plim_string_fini().
 */
PLIM__INLINE plim_status plim_string_init(plim_string *self, plim_domain domain, size_t capacity)
{
    return plim__string_take(&self->bytes, PLIM__HERE, domain, NULL, capacity);
}

/** As plim_string_init(), from an allocator (such as a scope's) that outlives the string. */
PLIM__INLINE plim_status plim_string_init_in(plim_string *self, const plim_allocator *from,
                                             size_t capacity)
{
    plim_domain none = {0};
    return plim__string_take(&self->bytes, NULL, none, from, capacity);
}

/**
 * @brief         Gives its memory back; all zero afterwards, which is accepted too.
 * @param[in,out] self  not NULL.
 * @note          Threads: one at a time.
 */
PLIM_API void plim_string_fini(plim_string *self);

/**
 * @brief         Its bytes, ended by NUL.
 * @param[in]     self  not NULL.
 * @return        borrowed until the next change; never NULL.
 * @note          Threads: any, while none changes it.
 */
PLIM_API const char *plim_string_text(const plim_string *self);

/** Bytes in it. */
PLIM__INLINE size_t plim_string_count(const plim_string *self)
{
    return self->bytes.count;
}

/** Bytes it has room for in all. */
PLIM__INLINE size_t plim_string_capacity(const plim_string *self)
{
    return self->bytes.capacity;
}

/**
 * @brief         One byte of it.
 * @param[in]     self   not NULL.
 * @param[in]     index  from 0.
 * @param[out]    out    set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND  out of range.
 * @note          Threads: any, while none changes it.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_get(const plim_string *self, size_t index,
                                                    char *out);

/**
 * @brief         Makes it equal to a text.
 * @param[in,out] self  not NULL.
 * @param[in]     text  ended by NUL; may be a part of the string itself.
 * @retval PLIM_ERR_LIMIT  longer than the capacity: nothing has changed.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_set(plim_string *self, const char *text);

/**
 * @brief         Adds a text at the end: all of it or nothing.
 * @param[in,out] self  not NULL.
 * @param[in]     text  ended by NUL; may be a part of the string itself.
 * @retval PLIM_ERR_LIMIT  it does not fit.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_append(plim_string *self, const char *text);

/**
 * @brief         Adds bytes at the end, NULs included: all of them or none.
 * @param[in,out] self   not NULL.
 * @param[in]     bytes  may be NULL if @p count is 0.
 * @param[in]     count  of them.
 * @retval PLIM_ERR_LIMIT  they do not fit.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_append_bytes(plim_string *self, const void *bytes,
                                                             size_t count);

/**
 * @brief         Adds at the end what a format says: all of it or nothing.
 * @param[in,out] self    not NULL; not among the arguments.
 * @param[in]     format  of printf's: d i u x X c s p, their lengths, flags - and 0, widths; no
 *                        floating point.
 * @retval PLIM_ERR_LIMIT it does not fit.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_append_format(plim_string *self, const char *format,
                                                              ...) PLIM_PRINTF(2, 3);

/**
 * @brief         Puts bytes before the one at @p index.
 * @param[in,out] self   not NULL.
 * @param[in]     index  from 0 to the count.
 * @param[in]     bytes  not of the string itself; may be NULL if @p count is 0.
 * @param[in]     count  of them.
 * @retval PLIM_ERR_LIMIT      they do not fit.
 * @retval PLIM_ERR_NOT_FOUND  out of range.
 * @retval PLIM_ERR_USAGE      they are the string's own.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_insert(plim_string *self, size_t index,
                                                       const void *bytes, size_t count);

/**
 * @brief         Takes bytes out.
 * @param[in,out] self   not NULL.
 * @param[in]     index  of the first.
 * @param[in]     count  SIZE_MAX: all from there on.
 * @retval PLIM_ERR_NOT_FOUND  out of range; nothing has changed.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_remove(plim_string *self, size_t index,
                                                       size_t count);

/**
 * @brief         Where a text stands in it.
 * @param[in]     self       not NULL.
 * @param[in]     text       ended by NUL; an empty one is found at once.
 * @param[in]     from       the first index to look at.
 * @param[out]    out_index  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND  nowhere from there on, or out of range.
 * @note          Threads: any, while none changes it.
 */
PLIM_API PLIM_NODISCARD plim_status plim_string_find(const plim_string *self, const char *text,
                                                     size_t from, size_t *out_index);

/**
 * @brief         Empties it; the capacity stays.
 * @param[in,out] self  not NULL.
 * @note          Threads: one at a time.
 */
PLIM_API void plim_string_clear(plim_string *self);

PLIM_DECLS_END
#endif

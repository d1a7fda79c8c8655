/* SPDX-License-Identifier: MIT */
/**
 * @file intern.h
 * @brief Keys as small numbers: a bounded table whose memory is all taken at the start.
 *
 * A key (a text, or a struct of ids) is given once and is from then on a number from 0 up, dense:
 * an index into tables that are as long as key_count_max, so that nothing in a hot path builds a
 * string or grows a map. Sealed, it only finds. Keys are never removed.
 * Thread-safety: one owner thread; sealed, any.
 */
#ifndef PLIM_INTERN_H
#define PLIM_INTERN_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>
PLIM_DECLS_BEGIN

/** "No such key". */
#define PLIM_INTERN_NONE UINT32_MAX

enum {
    PLIM_INTERN_KEYS_MAX = 1 << 20,     /**< of one table */
    PLIM_INTERN_KEY_BYTES_MAX = 1 << 12 /**< of one key */
};

/** All zero but the two maxima is fine. */
typedef struct plim_intern_options {
    uint32_t struct_bytes;           /**< sizeof(plim_intern_options) */
    uint32_t key_count_max;          /**< 1 to PLIM_INTERN_KEYS_MAX */
    uint32_t key_bytes_max;          /**< of all keys together; each takes one more for its NUL */
    uint32_t unused;                 /**< 0 */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
} plim_intern_options;

/** A table; ended by plim_intern_destroy(). */
typedef struct plim_intern plim_intern;

/**
 * @brief         Makes a table and takes all of its memory.
 * @param[in]     options     not NULL, copied.
 * @param[out]    out_intern  set only on PLIM_OK.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_USAGE     a maximum is 0 or too large.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_intern_create(const plim_intern_options *options,
                                                       plim_intern **out_intern, plim_error *err);

/**
 * @brief         Ends a table; @p *intern is NULL.
 * @param[in,out] intern  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_intern_destroy(plim_intern **intern);

/**
 * @brief         The number of a key, which is entered if it is new.
 * @param[in,out] intern   not NULL.
 * @param[in]     key      its bytes, copied; may be NULL if there are none.
 * @param[in]     bytes    0 to PLIM_INTERN_KEY_BYTES_MAX.
 * @param[out]    out_id   set only on PLIM_OK.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_LIMIT  no room for one more key, or for its bytes: says both numbers.
 * @retval PLIM_ERR_SEALED the key is new and the table sealed.
 * @retval PLIM_ERR_USAGE  the key is too long.
 * @note          Threads: the owner. No allocation.
 */
PLIM_API PLIM_NODISCARD plim_status plim_intern_key(plim_intern *intern, const void *key,
                                                    size_t bytes, uint32_t *out_id,
                                                    plim_error *err);

/**
 * @brief     The number of a key, if it has one.
 * @param[in] intern  not NULL.
 * @param[in] key     its bytes.
 * @param[in] bytes   how many.
 * @return    the number, or PLIM_INTERN_NONE.
 * @note      Threads: the owner; sealed, any.
 */
PLIM_API uint32_t plim_intern_find(const plim_intern *intern, const void *key, size_t bytes);

/**
 * @brief      A key by its number.
 * @param[in]  intern     not NULL.
 * @param[in]  id         any.
 * @param[out] out_bytes  its length; may be NULL. Set only if there is such a key.
 * @return     its bytes and a NUL, valid and in one place until destroy; NULL if there is none.
 * @note       Threads: the owner; sealed, any.
 */
PLIM_API const char *plim_intern_text(const plim_intern *intern, uint32_t id, size_t *out_bytes);

/**
 * @brief     How many keys there are: numbers are 0 to one less.
 * @param[in] intern  not NULL.
 * @return    the count.
 * @note      Threads: the owner; sealed, any.
 */
PLIM_API uint32_t plim_intern_count(const plim_intern *intern);

/**
 * @brief         From here on only finds. Cannot be undone.
 * @param[in,out] intern  not NULL.
 * @note          Threads: the owner.
 */
PLIM_API void plim_intern_seal(plim_intern *intern);

PLIM_DECLS_END
#endif

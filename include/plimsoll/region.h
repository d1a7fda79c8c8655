/* SPDX-License-Identifier: MIT */
/**
 * @file region.h
 * @brief State apart from execution: typed objects in one mapping that outlives the process.
 *
 * A region holds objects of registered types. An object is named by a reference, index and
 * generation by value; it has an owner (a block, a session: any number the program gives) and
 * perhaps a parent, with which it goes. The process may be killed at any instruction: whoever
 * opens the region next finds each object as it was before or after the call that was under way,
 * never between. (Against a loss of power only what plim_region_sync() has returned for is safe.)
 * No pointer is stored in it. One process writes, any number look on, at no cost to the writer.
 *
 * When not to use it: for buffers that no one needs after a crash; a domain and plim_alloc() are
 * faster.
 * Thread-safety: one thread at a time writes (plim_region_enter() where there are several);
 * look-on calls (view) in any thread or process.
 * @see docs/internals/region.md
 */
#ifndef PLIM_REGION_H
#define PLIM_REGION_H
#include <plimsoll/allocator.h>
#include <plimsoll/domain.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_region_close(). */
typedef struct plim_region plim_region;

/** An object, by value; all zero is "none". A stale one is refused, never another's bytes. */
typedef struct plim_ref {
    uint32_t index;
    uint32_t generation; /**< never 0 */
} plim_ref;

/** Where the mapping lives. */
typedef enum plim_region_place {
    PLIM_REGION_FILE = 0, /**< a file; made if it is not there */
    PLIM_REGION_MEMFD,    /**< anonymous memory that others find as `plimsoll-NAME` */
    PLIM_REGION_STORAGE   /**< the caller's storage: new if it holds no region, else as it was */
} plim_region_place;

/** Capacities are fixed when a region is made; a region that exists keeps its own. */
typedef struct plim_region_options {
    uint32_t struct_bytes; /**< sizeof(plim_region_options) */
    plim_region_place place;
    const char *name; /**< FILE: the path. MEMFD: up to 63 bytes. STORAGE: not used */
    void *storage;    /**< STORAGE: borrowed until close, aligned to 64 */
    size_t storage_bytes;
    uint32_t object_max;    /**< 1 to 2^28; 0: 65,536 */
    uint32_t type_max;      /**< 1 to 65,535; 0: 256 */
    uint32_t field_max;     /**< 0: 4,096 */
    uint32_t name_max;      /**< owners and tags that have names; up to 2^20; 0: 1,024 */
    uint32_t text_bytes;    /**< for names of types, fields and sites; 0: 64 KiB */
    uint64_t data_bytes;    /**< for the objects' values; 0: 16 MiB; STORAGE: what is left */
    uint32_t value_max;     /**< the largest value of one object; 0: 64 KiB */
    uint64_t history_bytes; /**< for transactions and undo (transaction.h); 0: none */
    plim_domain domain; /**< charged for live objects, slot and value, and what types keep for the
                             next; all zero: nobody */
    const plim_allocator *allocator; /**< for the writer's own lists; NULL: the system's */
} plim_region_options;

/** What a field holds. */
typedef enum plim_field_kind {
    PLIM_FIELD_BYTES = 0,
    PLIM_FIELD_INT,   /**< of 1, 2, 4 or 8 bytes */
    PLIM_FIELD_UINT,  /**< likewise */
    PLIM_FIELD_FLOAT, /**< of 4 or 8 bytes */
    PLIM_FIELD_BOOL,  /**< of 1 byte */
    PLIM_FIELD_TEXT,  /**< bytes up to a NUL or to the end */
    PLIM_FIELD_REF,   /**< a plim_ref */
    PLIM_FIELD_WEAK   /**< a plim_ref that holds nothing: what it names may go meanwhile */
} plim_field_kind;

/** One field of a type. */
typedef struct plim_field {
    const char *name;
    plim_field_kind kind;
    uint32_t offset_bytes;
    uint32_t size_bytes; /**< of one element */
    uint32_t count;      /**< elements; 0 means 1 */
} plim_field;

/** A field of a struct, for a table of them. */
#define PLIM_FIELD(type, member, kind)                                                             \
    {                                                                                              \
#member, kind, (uint32_t)offsetof(type, member), (uint32_t)sizeof(((type *)0)->member), 1  \
    }

/**
 * @brief         Opens a region for writing, making it if there is none. What a killed writer left
 *                in the middle is finished or undone first.
 * @param[in]     options     not NULL.
 * @param[out]    out_region  set only on PLIM_OK; ended by plim_region_close().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_BUSY        another process writes it.
 * @retval PLIM_ERR_DAMAGED     it is no region, or one whose tables contradict each other.
 * @retval PLIM_ERR_UNSUPPORTED made by another version, or a machine of another byte order.
 * @retval PLIM_ERR_NO_SPACE    the disk or the storage is too small.
 * @retval PLIM_ERR_BUDGET      the domain cannot take what lives in it.
 * @retval PLIM_ERR_USAGE       a capacity outside its range.
 * @retval PLIM_ERR_ACCESS, PLIM_ERR_NOT_FOUND, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: any. Recovery takes a few nanoseconds per slot that was ever used; who
 *                first ends or searches what was made in another order than it lies in pays some
 *                ten more for each object of that list.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_open(const plim_region_options *options,
                                                     plim_region **out_region, plim_error *err);

/**
 * @brief         Leaves the region as it is; @p *region is NULL.
 * @param[in,out] region  NULL and a pointer to NULL are accepted.
 * @note          Threads: the writer's.
 */
PLIM_API void plim_region_close(plim_region **region);

/**
 * @brief         For programs in which several threads write: waits until no other thread is
 *                between enter and leave, and keeps them out. One pair around a scope of calls is
 *                enough, and pairs nest. A program in which one thread writes needs none.
 * @param[in]     region  not NULL.
 * @note          Threads: any. Observers are told by the thread that changed something, between
 *                its enter and leave; the region itself holds nothing while it tells.
 */
PLIM_API void plim_region_enter(plim_region *region);

/**
 * @brief         Ends what plim_region_enter() began.
 * @param[in]     region  not NULL.
 * @note          Threads: the one that entered.
 */
PLIM_API void plim_region_leave(plim_region *region);

/**
 * @brief         Makes what was written so far survive a loss of power (file regions), as long as
 *                nothing more is written. With writes since, what lies on the disk is a mixture:
 *                the next open may refuse it, or values be neither old nor new. Who needs a state
 *                to come back to copies the file after a sync.
 * @param[in]     region  not NULL.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_IO    the system could not; what was on the disk before may still be there.
 * @note          Threads: the writer's. Milliseconds.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_sync(plim_region *region, plim_error *err);

/**
 * @brief         Registers a type, or finds it: one name with one layout is one type.
 * @param[in]     region       not NULL.
 * @param[in]     name         1 to 255 bytes.
 * @param[in]     size_bytes   0 to the region's value_max.
 * @param[in]     fields       copied; may be NULL if there are none.
 * @param[in]     field_count  of them.
 * @param[out]    out_type     its number, 1 and up; set only on PLIM_OK; the same in later runs.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_EXISTS     the name has another layout: state of an older program.
 * @retval PLIM_ERR_LIMIT      no room for more types, fields or names.
 * @retval PLIM_ERR_USAGE      a field outside the value, or of a size its kind has not.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_type(plim_region *region, const char *name,
                                                     uint32_t size_bytes, const plim_field *fields,
                                                     uint32_t field_count, uint16_t *out_type,
                                                     plim_error *err);

/**
 * @brief         Makes an object.
 * @param[in]     region   not NULL.
 * @param[in]     type     of plim_region_type().
 * @param[in]     initial  the value, size_bytes of the type; NULL: all zero.
 * @param[in]     owner    any number; 0: nobody. A child has its parent's, whatever is said here.
 * @param[in]     parent   with which it goes; none: it stands alone.
 * @param[out]    out_ref  set only on PLIM_OK.
 * @retval PLIM_ERR_LIMIT  no free slot, or no room for the value. Nothing changed.
 * @retval PLIM_ERR_BUDGET the region's domain refused (plim_refusal_last()). Nothing changed.
 * @retval PLIM_ERR_STALE  the parent or the type is none of this region.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_allocate(plim_region *region, uint16_t type,
                                                         const void *initial, uint32_t owner,
                                                         plim_ref parent, plim_ref *out_ref);

/** Who is to see an object; the region keeps it, the program gives it its meaning. */
typedef enum plim_visibility {
    PLIM_VISIBILITY_PRIVATE = 0, /**< its owner alone */
    PLIM_VISIBILITY_PUBLIC,
    PLIM_VISIBILITY_INHERITED /**< its owner and what stands on it */
} plim_visibility;

/** An object to make, with all that can be said of it. */
typedef struct plim_object_request {
    uint32_t struct_bytes; /**< sizeof(plim_object_request) */
    uint16_t type;         /**< of plim_region_type() */
    uint16_t tag;          /**< any number; see plim_region_name() */
    plim_visibility visibility;
    uint32_t owner;      /**< any number; 0: nobody. A child has its parent's */
    plim_ref parent;     /**< with which it goes; none: it stands alone */
    uint32_t site;       /**< of plim_region_intern(), as "function file:line"; 0: not known */
    const void *initial; /**< the value, size_bytes of the type; NULL: all zero */
} plim_object_request;

/**
 * @brief         Makes an object, as plim_region_allocate(), with tag, visibility and site.
 * @param[in]     region   not NULL.
 * @param[in]     request  not NULL.
 * @param[out]    out_ref  set only on PLIM_OK.
 * @retval PLIM_ERR_LIMIT  no free slot, or no room for the value. Nothing changed.
 * @retval PLIM_ERR_BUDGET the region's domain refused (plim_refusal_last()). Nothing changed.
 * @retval PLIM_ERR_STALE  the parent or the type is none of this region.
 * @retval PLIM_ERR_USAGE  another struct_bytes, no such visibility, or a site that is no text.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_allocate_as(plim_region *region,
                                                            const plim_object_request *request,
                                                            plim_ref *out_ref);

/**
 * @brief         Keeps a text in the region for good, once however often it is given: sites, and
 *                whatever objects want to name by number.
 * @param[in]     region      not NULL.
 * @param[in]     text        1 to 255 bytes.
 * @param[out]    out_offset  its number, above 0; set only on PLIM_OK; the same in later runs.
 * @retval PLIM_ERR_LIMIT     no room for it.
 * @retval PLIM_ERR_USAGE     empty or too long.
 * @retval PLIM_ERR_NO_MEMORY the writer's own index cannot grow.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_intern(plim_region *region, const char *text,
                                                       uint32_t *out_offset);

/**
 * @brief     A text by its number.
 * @param[in] region  not NULL.
 * @param[in] offset  any.
 * @return    borrowed until the region is closed; NULL if there is none.
 * @note      Threads: the writer's.
 */
PLIM_API const char *plim_region_text(const plim_region *region, uint32_t offset);

/** What plim_region_name() names. */
typedef enum plim_name_kind { PLIM_NAME_OWNER = 0, PLIM_NAME_TAG } plim_name_kind;

/**
 * @brief         Gives a number a name for those who look on, or another, or takes it away.
 * @param[in]     region  not NULL.
 * @param[in]     kind    of number.
 * @param[in]     number  any.
 * @param[in]     name    1 to 255 bytes; NULL: it has none from now on.
 * @retval PLIM_ERR_LIMIT no room for one more name.
 * @retval PLIM_ERR_USAGE, PLIM_ERR_NO_MEMORY as plim_region_intern().
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_name(plim_region *region, plim_name_kind kind,
                                                     uint32_t number, const char *name);

/**
 * @brief     The name of a number.
 * @param[in] region  not NULL.
 * @param[in] kind    of number.
 * @param[in] number  any.
 * @return    borrowed until the region is closed; NULL if it has none.
 * @note      Threads: the writer's.
 */
PLIM_API const char *plim_region_name_of(const plim_region *region, plim_name_kind kind,
                                         uint32_t number);

/**
 * @brief         Ends an object and all below it, children before parents, last made first.
 * @param[in]     region  not NULL.
 * @param[in]     ref     any.
 * @retval PLIM_ERR_STALE not a live object: nothing changed.
 * @note          Threads: the writer's. A crash in the middle is finished by the next open.
 */
PLIM_API plim_status plim_region_release(plim_region *region, plim_ref ref);

/**
 * @brief         Ends all objects of an owner: those that stand alone, last made first, each as
 *                plim_region_release() does.
 * @param[in]     region     not NULL.
 * @param[in]     owner      any.
 * @param[out]    out_count  how many ended; may be NULL.
 * @return        PLIM_OK.
 * @note          Threads: the writer's. A crash in the middle is finished by the next open.
 */
PLIM_API plim_status plim_region_release_owner(plim_region *region, uint32_t owner,
                                               uint32_t *out_count);

/**
 * @brief     Whether a reference names a live object.
 * @param[in] region  not NULL.
 * @param[in] ref     any.
 * @return    true while it does.
 * @note      Threads: the writer's.
 */
PLIM_API bool plim_region_is_valid(const plim_region *region, plim_ref ref);

/**
 * @brief         Copies a value out.
 * @param[in]     region      not NULL.
 * @param[in]     ref         any.
 * @param[out]    out_value   size_bytes of it; untouched on failure.
 * @param[in]     size_bytes  the size of the type.
 * @retval PLIM_ERR_STALE     not a live object.
 * @retval PLIM_ERR_USAGE     another size.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_get(const plim_region *region, plim_ref ref,
                                                    void *out_value, uint32_t size_bytes);

/**
 * @brief         Replaces a value as one step: after a crash it is the old or the new one, whole.
 * @param[in]     region      not NULL.
 * @param[in]     ref         any.
 * @param[in]     value       size_bytes of it.
 * @param[in]     size_bytes  the size of the type.
 * @retval PLIM_ERR_STALE     not a live object; nothing changed.
 * @retval PLIM_ERR_USAGE     another size; nothing changed.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_set(plim_region *region, plim_ref ref,
                                                    const void *value, uint32_t size_bytes);

/** Private: how a plim_region begins. */
typedef struct plim__region_eye {
    const unsigned char *objects;
    const unsigned char *data;
    uint32_t object_max;
} plim__region_eye;

/** Private: what lies at which byte of a slot (src/runtime/region/layout.h): its generation is the
 *  upper half of its word. */
enum {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    PLIM__SLOT_GENERATION = 0,
#else
    PLIM__SLOT_GENERATION = 4,
#endif
    PLIM__SLOT_SIZE = 20,
    PLIM__SLOT_DATA = 24,
    PLIM__SLOT_BYTES = 64
};

/** Private: the slot of the object that a reference names; NULL if it is stale. */
static inline const unsigned char *plim__region_slot(const plim_region *region, plim_ref ref)
{
    const plim__region_eye *eye = (const plim__region_eye *)(const void *)region;
    const unsigned char *slot = eye->objects + (size_t)ref.index * PLIM__SLOT_BYTES;
    uint32_t generation;
    if (ref.index >= eye->object_max)
        return NULL;
    memcpy(&generation, slot + PLIM__SLOT_GENERATION, sizeof generation);
    return generation == (ref.generation | 1u << 31) ? slot : NULL;
}

/** Private: where the value of a slot lies. */
static inline const unsigned char *plim__region_place(const plim_region *region,
                                                      const unsigned char *slot)
{
    uint64_t at;
    memcpy(&at, slot + PLIM__SLOT_DATA, sizeof at);
    return ((const plim__region_eye *)(const void *)region)->data + at;
}

/**
 * @brief     The value in place, to read; no copy, no check but of the reference.
 * @param[in] region  not NULL.
 * @param[in] ref     any.
 * @return    borrowed until the next call that changes the object; NULL if it is stale.
 * @note      Threads: the writer's. A few instructions, in place.
 */
static inline const void *plim_region_peek(const plim_region *region, plim_ref ref)
{
    const unsigned char *slot = plim__region_slot(region, ref);
    return slot != NULL ? plim__region_place(region, slot) : NULL;
}

/** Private: plim_region_get() without a call; what is wrong, the call says. */
static inline plim_status plim__region_get_now(const plim_region *region, plim_ref ref,
                                               void *out_value, uint32_t size_bytes)
{
    const unsigned char *slot = plim__region_slot(region, ref);
    uint32_t known = 0;
    if (slot != NULL)
        memcpy(&known, slot + PLIM__SLOT_SIZE, sizeof known);
    if (slot == NULL || known != size_bytes)
        return plim_region_get(region, ref, out_value, size_bytes);
    memcpy(out_value, plim__region_place(region, slot), size_bytes);
    return PLIM_OK;
}
#define plim_region_get(region, ref, out_value, size_bytes)                                        \
    plim__region_get_now((region), (ref), (out_value), (size_bytes))

/**
 * @brief         Says that at this moment all that the program holds true between objects is true:
 *                if a reader asked for a cut since (plim_region_view_open_cut()), one is made now.
 * @param[in]     region  not NULL.
 * @return        whether a copy was made; else it costs a nanosecond or two. A copy takes some
 *                0.7 to 0.9 ms per megabyte in use (fresh pages), and memory for it until a reader
 *                has taken it.
 * @note          Threads: the writer's; outside transactions.
 */
PLIM_API bool plim_region_safe_point(plim_region *region);

/** Totals of a region. */
typedef struct plim_region_info {
    uint32_t object_max;
    uint32_t object_count; /**< live */
    uint32_t type_count;
    uint64_t value_bytes; /**< of live objects, as the types say */
    uint64_t held_bytes;  /**< of data_bytes, what live objects occupy */
    uint64_t data_bytes;
    uint32_t types_hash; /**< of all types with their fields, in their order */
    uint64_t epoch;      /**< how often it was opened for writing */
    int64_t writer_pid;  /**< 0: nobody has it open, as far as it says */
    bool recovered;      /**< the last open had something to finish or undo */
    uint64_t identity;   /**< another one in each region that is made, the same in copies of it,
                              whose births compare; 0: not known */
} plim_region_info;

/**
 * @brief      Totals.
 * @param[in]  region    not NULL.
 * @param[out] out_info  set.
 * @note       Threads: the writer's.
 */
PLIM_API void plim_region_read_info(const plim_region *region, plim_region_info *out_info);

/** One object as a view sees it. */
typedef struct plim_region_object {
    plim_ref ref;
    plim_ref parent; /**< none: it stands alone */
    uint32_t owner;
    uint16_t type;
    uint32_t size_bytes;
    uint64_t birth; /**< 1, 2, 3 … in the order they were made, over all runs */
    uint32_t site;  /**< its text's number; 0: not known */
    uint16_t tag;
    uint8_t visibility;  /**< a plim_visibility; a view gives what stands there */
    uint32_t version;    /**< another one after each change; begins anew after 2^31 */
    uint32_t held_bytes; /**< what it takes of the region: its slot, and its room in the data */
} plim_region_object;

/**
 * @brief      What there is to say of one object.
 * @param[in]  region      not NULL.
 * @param[in]  ref         any.
 * @param[out] out_object  set only on PLIM_OK.
 * @retval PLIM_ERR_STALE  not a live object.
 * @note       Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_describe(const plim_region *region, plim_ref ref,
                                                         plim_region_object *out_object);

/**
 * @brief         The next live object, in the order of indexes.
 * @param[in]     region      not NULL.
 * @param[in,out] index       0 to start; where to go on next time.
 * @param[out]    out_object  set only if true is returned.
 * @return        false at the end.
 * @note          Threads: the writer's.
 */
PLIM_API bool plim_region_next(const plim_region *region, uint32_t *index,
                               plim_region_object *out_object);

/**
 * @brief         Walks all tables and checks every invariant that can be seen from them.
 * @param[in]     region  not NULL.
 * @param[in,out] err     which does not hold; may be NULL.
 * @retval PLIM_ERR_DAMAGED one does not hold.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_verify(const plim_region *region, plim_error *err);

/** A look at a region from outside; ended by plim_region_view_close(). */
typedef struct plim_region_view plim_region_view;

/** A type as a view sees it; texts are borrowed from the view. */
typedef struct plim_region_type_info {
    const char *name;
    uint32_t size_bytes;
    uint32_t field_count;
} plim_region_type_info;

/**
 * @brief         Whether a file is a region, by its first bytes.
 * @param[in]     path  a file.
 * @return        true if it can be read and begins like one.
 * @note          Threads: any.
 */
PLIM_API bool plim_region_is_file(const char *path);

/**
 * @brief         Looks at a region in a file, whether somebody writes it or not: the mapping
 *                cannot be written through, and the writer is not held up. Whatever the file
 *                says is checked before it is followed.
 * @param[in]     path       the file; /proc/PID/fd/N of a memfd region as well.
 * @param[in]     allocator  NULL: the system's; borrowed until close.
 * @param[out]    out_view   set only on PLIM_OK.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_UNSUPPORTED as plim_region_open() says them.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_ACCESS, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: any; one at a time per view.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_view_open(const char *path,
                                                          const plim_allocator *allocator,
                                                          plim_region_view **out_view,
                                                          plim_error *err);

/**
 * @brief         Looks at a region as it was at one moment, all of it: asks its writer for a copy
 *                at its next safe point, and waits for it. What nobody writes is its own copy.
 * @param[in]     path        as for plim_region_view_open(); the asking is one word written there.
 * @param[in]     timeout_ns  how long to wait at most, about.
 * @param[in]     allocator   as there.
 * @param[out]    out_view    as there; what its writer changes is not seen in it.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_TIMEOUT   the program came to no safe point, or had no memory for a copy; the
 *                            message says which.
 * @retval PLIM_ERR_ACCESS    the file may not be written to.
 * @return        else what plim_region_view_open() says.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_view_open_cut(const char *path, uint64_t timeout_ns,
                                                              const plim_allocator *allocator,
                                                              plim_region_view **out_view,
                                                              plim_error *err);

/**
 * @brief         Ends the look; @p *view is NULL.
 * @param[in,out] view  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner's.
 */
PLIM_API void plim_region_view_close(plim_region_view **view);

/**
 * @brief         The next live object and its value, each as it was at one moment.
 * @param[in]     view        not NULL.
 * @param[in,out] index       0 to start; where to go on next time.
 * @param[out]    out_object  set only if true is returned; its parent may have gone meanwhile.
 * @param[out]    out_value   borrowed until the next call; size_bytes of it.
 * @return        false at the end. What is in the middle of a change is tried again, and passed by
 *                if that does not end (its writer died there), as is what contradicts itself.
 * @note          Threads: the view's.
 */
PLIM_API bool plim_region_view_next(plim_region_view *view, uint32_t *index,
                                    plim_region_object *out_object, const void **out_value);

/**
 * @brief         How much of its time a reader looks that walks over a living region again and
 *                again. A look takes the lines it reads from the writer's processor, so one that
 *                looked all the time would slow a writer that writes all the time to half.
 * @param[in]     view   not NULL. A new one has 3. What may be looked at once is the process's for
 *                       the region, so it makes no difference whether a view is kept or opened for
 *                       each look: half a second of looking (a snapshot of a million objects),
 *                       and what time has earned since, no more than that in all. What looks once,
 *                       or now and then, never waits. After this call nothing is left of it.
 * @param[in]     share  thousandths: a walk that plim_region_view_next() begins at 0 waits until
 *                       walks and time stand in that ratio, but not above a second. 0 or 1000: this
 *                       view does not wait, and its walks do not count.
 * @note          Threads: the view's. Walks count in time of the thread, plim_region_view_info() as
 *                one that does not wait. Looks at cuts, earlier moments, regions that nobody
 *                writes, and at one object (plim_region_view_at()) neither wait nor count. Regions
 *                are told apart by their identity (plim_region_info).
 */
PLIM_API void plim_region_view_pace(plim_region_view *view, uint32_t share);

/**
 * @brief         The object in a slot, if one lives there.
 * @param[in]     view        not NULL.
 * @param[in]     index       any; of a reference: compare its generation with the object's.
 * @param[out]    out_object  set only if true is returned.
 * @param[out]    out_value   as plim_region_view_next(); NULL: the value is not wanted, and the
 *                            one of the call before stays.
 * @return        whether there is one.
 * @note          Threads: the view's.
 */
PLIM_API bool plim_region_view_at(plim_region_view *view, uint32_t index,
                                  plim_region_object *out_object, const void **out_value);

/**
 * @brief         A type.
 * @param[in]     view      not NULL.
 * @param[in]     type      of an object.
 * @param[out]    out_info  set only if true is returned.
 * @return        whether there is such a type.
 * @note          Threads: the view's.
 */
PLIM_API bool plim_region_view_type(const plim_region_view *view, uint16_t type,
                                    plim_region_type_info *out_info);

/**
 * @brief         A field of a type.
 * @param[in]     view       not NULL.
 * @param[in]     type       as above.
 * @param[in]     field      0 to field_count - 1.
 * @param[out]    out_field  set only if true is returned; its name is borrowed from the view, its
 *                           elements lie within the type's size.
 * @return        whether there is such a field.
 * @note          Threads: the view's.
 */
PLIM_API bool plim_region_view_field(const plim_region_view *view, uint16_t type, uint32_t field,
                                     plim_field *out_field);

/**
 * @brief     A text by its number: the site of an object.
 * @param[in] view    not NULL.
 * @param[in] offset  any.
 * @return    borrowed from the view; NULL if there is none.
 * @note      Threads: the view's.
 */
PLIM_API const char *plim_region_view_text(const plim_region_view *view, uint32_t offset);

/**
 * @brief     The name of an owner or a tag.
 * @param[in] view    not NULL.
 * @param[in] kind    of number.
 * @param[in] number  any.
 * @return    borrowed from the view; NULL if it has none.
 * @note      Threads: the view's. A pass over all names: keep what you ask often.
 */
PLIM_API const char *plim_region_view_name(const plim_region_view *view, plim_name_kind kind,
                                           uint32_t number);

/**
 * @brief         The next name of a number.
 * @param[in]     view        not NULL.
 * @param[in,out] index       0 to start; where to go on next time.
 * @param[out]    out_kind    set only if true is returned, as are the others.
 * @param[out]    out_number  of an owner or a tag.
 * @param[out]    out_name    borrowed from the view.
 * @return        false at the end.
 * @note          Threads: the view's.
 */
PLIM_API bool plim_region_view_next_name(const plim_region_view *view, uint32_t *index,
                                         plim_name_kind *out_kind, uint32_t *out_number,
                                         const char **out_name);

/**
 * @brief         Totals, as the head says them and a walk finds them.
 * @param[in]     view      not NULL.
 * @param[out]    out_info  set; recovered is false.
 * @note          Threads: the view's. A pass over all slots.
 */
PLIM_API void plim_region_view_info(const plim_region_view *view, plim_region_info *out_info);

PLIM_DECLS_END
#endif

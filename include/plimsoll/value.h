/* SPDX-License-Identifier: MIT */
/**
 * @file value.h
 * @brief C values as text, from their type as the compiler described it (DWARF) and memory that is
 *        read through a callback: of this process, of another one, of a file.
 *
 * Types come of one ELF image that is linked (an executable, a shared object, a unit of a C
 * session) for 64-bit little-endian machines and has debugging information. Neither the image nor
 * the memory is trusted: every walk is bounded, no pointer is followed but through the callback,
 * and memory that cannot be read is said to be so. References that lead back to where they came
 * from end at the depth that is asked for.
 * Thread-safety: one thread at a time per plim_types.
 * @see docs/internals/values.md
 */
#ifndef PLIM_VALUE_H
#define PLIM_VALUE_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
PLIM_DECLS_BEGIN

/** The types of one image; ended by plim_types_close(). */
typedef struct plim_types plim_types;

/** One of them, by value. All zero is void. */
typedef struct plim_type {
    uint64_t place; /**< private */
    uint32_t level; /**< private */
} plim_type;

/** Memory that values lie in. */
typedef struct plim_memory {
    void *ctx;
    /** Reads all of it or says false; never waits. Required. */
    bool (*read)(void *ctx, uint64_t address, void *out, size_t bytes);
    /** What lies at an address ("printf", "x + 8"), without the NUL's needing more than cap; false:
     *  unknown. NULL: nothing is known. */
    bool (*name)(void *ctx, uint64_t address, char *out, size_t cap);
} plim_memory;

/** All zero is the default. */
typedef struct plim_value_options {
    uint32_t struct_bytes; /**< sizeof(plim_value_options) */
    uint32_t depth_max;    /**< of structs and arrays within others; 0: 6, at most 32 */
    uint32_t elements_max; /**< of each array; 0: 10 */
    uint32_t text_max;     /**< bytes of each string; 0: 200 */
    uint32_t columns;      /**< what does not fit is written in lines; 0: all in one line */
    uint32_t pointers_max; /**< how many a value leads through; 0: 1 */
    bool no_pointers;      /**< not even one */
    bool ascii;            /**< "..." and "->" instead of their Unicode forms */
    const plim_allocator *allocator; /**< NULL: the system's */
} plim_value_options;

/** A member of a struct or union, an element of an array, what a pointer points to. */
typedef struct plim_member {
    const char *name; /**< "next", "[3]", "*"; "": a nameless struct; dies with the call */
    const char *text; /**< its value in one line */
    plim_type type;
    uint64_t address;
    bool is_open; /**< it has members itself */
} plim_member;

/** A pointer within a value. */
typedef struct plim_type_reference {
    uint64_t offset_bytes; /**< from the start of the value; 8 bytes are there */
    const char *name;      /**< of the member ("next"), or the nearest one; "" in a bare pointer */
    plim_type target;      /**< what it points to; void: unknown */
    bool is_uncertain;     /**< in a union: it may be something else */
    bool is_code;          /**< points to a function */
} plim_type_reference;

/**
 * @brief         Reads an image; types are looked up when they are asked for.
 * @param[in]     image      borrowed until close.
 * @param[in]     bytes      of it.
 * @param[in]     allocator  NULL: the system's; borrowed until close. elfutils has its own memory.
 * @param[out]    out_types  set only on PLIM_OK; ended by plim_types_close().
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_DAMAGED     no ELF image.
 * @retval PLIM_ERR_UNSUPPORTED of another kind of machine, or without debugging information.
 * @retval PLIM_ERR_NO_MEMORY   the allocator refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_types_open(const void *image, size_t bytes,
                                                    const plim_allocator *allocator,
                                                    plim_types **out_types, plim_error *err);

/**
 * @brief         Ends them; @p *types is NULL.
 * @param[in,out] types  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner's.
 */
PLIM_API void plim_types_close(plim_types **types);

/**
 * @brief         The type of a global variable or function.
 * @param[in]     types     not NULL.
 * @param[in]     name      as in the source.
 * @param[out]    out_type  set only on PLIM_OK.
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_NOT_FOUND the image describes nothing of that name.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_types_variable(const plim_types *types, const char *name,
                                                        plim_type *out_type, plim_error *err);

/**
 * @brief         A type by its name.
 * @param[in]     types     not NULL.
 * @param[in]     name      "struct node", "union u", "enum colour", "node_t", "int".
 * @param[out]    out_type  set only on PLIM_OK.
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_NOT_FOUND there is no such type: compilers leave out what is not used.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_types_find(const plim_types *types, const char *name,
                                                    plim_type *out_type, plim_error *err);

/**
 * @brief     Bytes of a value of that type.
 * @param[in] types  not NULL.
 * @param[in] type   of these.
 * @return    0: none or unknown (void, functions, arrays without a bound).
 * @note      Threads: the owner's.
 */
PLIM_API uint64_t plim_type_bytes(const plim_types *types, plim_type type);

/**
 * @brief      A type as C writes it, around a name: "int (*name)(const char *, ...)".
 * @param[in]  types  not NULL.
 * @param[in]  type   of these.
 * @param[in]  name   NULL or "": the type alone.
 * @param[out] out    always NUL-terminated; cut with "..." where it does not fit.
 * @param[in]  cap    of out, at least 1.
 * @return     bytes written, without the NUL.
 * @note       Threads: the owner's.
 */
PLIM_API size_t plim_type_text(const plim_types *types, plim_type type, const char *name, char *out,
                               size_t cap);

/**
 * @brief      The definition behind a type's name, in lines: members with their offsets and sizes,
 *             and where bytes are unused; an enumeration's names; what a typedef stands for.
 * @param[in]  types  not NULL.
 * @param[in]  type   of these; pointers and arrays are looked through.
 * @param[out] out    always NUL-terminated; cut with "..." where it does not fit.
 * @param[in]  cap    of out, at least 1.
 * @return     bytes written, without the NUL; 0: nothing to define (int).
 * @note       Threads: the owner's.
 */
PLIM_API size_t plim_type_definition(const plim_types *types, plim_type type, char *out,
                                     size_t cap);

/**
 * @brief         A value as text.
 * @param[in]     types     not NULL.
 * @param[in]     type      of these.
 * @param[in]     address   where it lies.
 * @param[in]     memory    not NULL.
 * @param[in]     options   NULL: defaults.
 * @param[out]    out       always NUL-terminated; cut with "..." where it does not fit. Control
 *                          characters in strings are escaped as C writes them. On a failure it says
 *                          which in brackets.
 * @param[in]     cap       of out, at least 1.
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_NO_MEMORY   the allocator refused.
 * @note          Threads: the owner's. Memory that cannot be read is part of the text, no failure.
 */
PLIM_API PLIM_NODISCARD plim_status plim_value_text(const plim_types *types, plim_type type,
                                                    uint64_t address, const plim_memory *memory,
                                                    const plim_value_options *options, char *out,
                                                    size_t cap, plim_error *err);

/**
 * @brief         What a value is made of, one by one: for a tree that a person opens.
 * @param[in]     types     not NULL.
 * @param[in]     type      of these; a pointer has one member, what it points to.
 * @param[in]     address   where it lies.
 * @param[in]     memory    not NULL.
 * @param[in]     options   NULL: defaults; elements_max counts.
 * @param[in]     add       false: no more of them.
 * @param[in]     ctx       its first argument.
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_NO_MEMORY   the allocator refused.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status
plim_value_members(const plim_types *types, plim_type type, uint64_t address,
                   const plim_memory *memory, const plim_value_options *options,
                   bool (*add)(void *ctx, const plim_member *member), void *ctx, plim_error *err);

/**
 * @brief     Every pointer within a value of that type, by rising offset but for unions; at most
 *            65,536 of them.
 * @param[in] types  not NULL.
 * @param[in] type   of these.
 * @param[in] add    false: no more of them.
 * @param[in] ctx    its first argument.
 * @return    false: there were more than are told, or add said false.
 * @note      Threads: the owner's.
 */
PLIM_API bool plim_type_references(const plim_types *types, plim_type type,
                                   bool (*add)(void *ctx, const plim_type_reference *reference),
                                   void *ctx);

PLIM_DECLS_END
#endif

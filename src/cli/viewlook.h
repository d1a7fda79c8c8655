/* SPDX-License-Identifier: MIT */
/**
 * @file viewlook.h
 * @brief A region as plim view looks at it: names at hand, filters applied; groups, values, tree.
 *
 * Whatever the region says is foreign: texts are shown through glyphs.h, counts are bounded.
 */
#ifndef PLIM_CLI_VIEWLOOK_H
#define PLIM_CLI_VIEWLOOK_H
#include <plimsoll/bridge.h>

#include "cli/cli.h"

typedef struct plim__look_name {
    plim_name_kind kind;
    uint32_t number;
    const char *text; /* borrowed from the view */
} plim__look_name;

typedef struct plim__look {
    plim__cli *cli;
    plim_region_view *view;
    plim_region_info info;
    char name[PLIM_REGION_NAME_BYTES];
    plim__look_name *names; /* by kind and number */
    uint32_t name_count, name_capacity;
    const char *type; /* filters; NULL, false: none */
    bool has_owner, has_tag;
    uint32_t owner, tag;
    unsigned char type_fits[UINT16_MAX + 1]; /* 0 not asked, 1 yes, 2 no */
} plim__look;

/** Opens what the first operand names, and reads the filters. Ended by plim__look_close(). */
plim_status plim__look_open(plim__cli *cli, plim__look *look, plim_error *err);

void plim__look_close(plim__look *look);

/** The next object that passes the filters; false at the end, or on a stop request. */
bool plim__look_next(plim__look *look, uint32_t *index, plim_region_object *out_object,
                     const void **out_value);

/** PLIM_ERR_INTERRUPTED if a stop was asked for. */
plim_status plim__look_status(const plim__look *look, plim_error *err);

/** The name of a type; "(no type)" for what is none. */
plim_text plim__look_type(const plim__look *look, uint16_t type);

/** The name of an owner or a tag; NULL if it has none. */
const char *plim__look_name_of(const plim__look *look, plim_name_kind kind, uint32_t number);

/** What a reference names, as a node id; 0 if that has gone. The value at hand stays. */
uint64_t plim__look_id_of(plim__look *look, plim_ref ref);

/** The object of a node id, and its value; false if it does not live. */
bool plim__look_find(plim__look *look, uint64_t id, plim_region_object *out_object,
                     const void **out_value);

/** Whether an object is a stack's block, or a stack: then it is its own owner. */
bool plim__look_is_owner(const plim__look *look, const plim_region_object *object);

/** Adds an owner as people read it: `clock`, `block:round "warm up"`, `7`, nothing for none. */
void plim__look_owner(plim__look *look, plim__draft *draft, uint32_t owner,
                      const plim_region_object *block);

/* --- viewvalue.c --- */

/** Adds `name="Ada" age=36 next=@17`, as much as a line can take. */
void plim__value_line(plim__look *look, plim__draft *draft, uint16_t type, const void *value);

/** One field a line, for people. */
void plim__value_lines(plim__look *look, uint16_t type, const void *value);

/** The member "fields": an array of {name, kind, value}; an array is one value more. */
void plim__value_emit(plim__look *look, uint16_t type, const void *value, uint32_t elements_max);

/* --- viewgroups.c --- */

typedef enum plim__group_by {
    PLIM__BY_TYPE,
    PLIM__BY_OWNER,
    PLIM__BY_TAG,
    PLIM__BY_SITE,
    PLIM__BY_OBJECT,
    PLIM__BY_TREE
} plim__group_by;

/** One sheet: how many objects of each, and what they hold; the largest first. */
plim_status plim__look_groups(plim__look *look, plim__group_by by, plim_error *err);

/** Takes one group; false: there is no room for it. */
typedef bool plim__group_take(void *ctx, plim_text name, uint32_t key, uint64_t count,
                              uint64_t held_bytes);

/** Each group of a look, the largest first. */
plim_status plim__look_each_group(plim__look *look, plim__group_by by, plim__group_take *take,
                                  void *ctx, plim_error *err);

/* --- viewprocess.c --- */

/** The process that `pid:N` or `heap:N` names; 0: something else. */
int64_t plim__view_process_id(const char *address);

/** Shows the blocks of a program that runs with libplimsoll-malloc.so. PLIM_ERR_UNSUPPORTED without
 *  a hint: it does not. */
plim_status plim__view_process(plim__cli *cli, int64_t pid, plim_error *err);

/* --- viewtree.c --- */

/** Owners, their objects, their children. */
plim_status plim__look_tree(plim__look *look, plim_error *err);

#endif

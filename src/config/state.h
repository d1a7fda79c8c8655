/* SPDX-License-Identifier: MIT */
/**
 * @file state.h
 * @brief What a configuration is inside: what each source said, then what holds of it.
 *
 * Life: READING (sources, far to near, each through plim__config_set()) -> RESOLVED
 * (plim__config_resolve() found no contradiction) -> read and applied. Nothing is changed later.
 */
#ifndef PLIM_CONFIG_STATE_H
#define PLIM_CONFIG_STATE_H
#include <plimsoll/config.h>

#include "base/limits.h"

/** Who said a value: for errors, for `plim check`, and to find what is said twice. */
typedef struct plim__config_origin {
    plim_config_source source;
    uint32_t line;     /* 0: not a file's */
    const char *where; /* path or variable; lives as long as the config */
} plim__config_origin;

/** A size as it was said: bytes, or a share of something in hundredths of a percent. */
typedef struct plim__config_amount {
    bool given;
    uint64_t number;
    plim__config_origin origin;
} plim__config_amount;

/** A size: the bytes and the share that hold so far, and, once resolved, what they come to. */
typedef struct plim__config_figure {
    plim__config_amount bytes;
    plim__config_amount share;
    uint64_t value; /* resolved: valid where is_set */
    bool is_set;
    plim__config_origin origin; /* resolved: of the one that holds */
} plim__config_figure;

/** A word out of a list, by index. */
typedef struct plim__config_choice {
    bool given;
    uint32_t index;
    plim__config_origin origin;
} plim__config_choice;

/** A text. */
typedef struct plim__config_text {
    bool given;
    char value[PLIM_CONFIG_VALUE_BYTES];
    plim__config_origin origin;
} plim__config_text;

typedef struct plim__config_domain {
    char name[PLIM_DOMAIN_NAME_BYTES];
    char section[PLIM_DOMAIN_NAME_BYTES + 8];   /* "domain NAME" */
    char variable[PLIM_DOMAIN_NAME_BYTES + 16]; /* "PLIM_BUDGET_NAME" */
    plim__config_origin origin;                 /* where it was first named */
    plim__config_figure limit, minimum, maximum, request_max;
    plim__config_choice priority;
    plim__config_text parent, module;
    uint32_t parent_index; /* resolved; PLIM__CONFIG_NONE: the manager */
    uint32_t depth;        /* resolved; 0 below the manager */
} plim__config_domain;

/** "lend.BORROWER = QUOTA" of a domain. */
typedef struct plim__config_share {
    uint32_t lender;
    uint32_t borrower;                    /* resolved */
    char key[PLIM_DOMAIN_NAME_BYTES + 8]; /* "lend.NAME" */
    plim__config_figure quota;
} plim__config_share;

#define PLIM__CONFIG_NONE UINT32_MAX /* no enumerator: it is no int */

enum {
    PLIM__CONFIG_MAGIC = 0x0c0f1647,
    PLIM__CONFIG_PATH_BYTES = 4096,
    PLIM__CONFIG_LEND_BYTES = 5 /* "lend." */
};

struct plim_config {
    uint32_t magic;
    const plim_allocator *allocator;
    char paths[PLIM_CONFIG_PROJECT + 1][PLIM__CONFIG_PATH_BYTES]; /* by source */
    plim__config_figure total, margin;
    plim__config_choice verify, backing;
    plim__config_figure domain_count_max, watch_every; /* plain numbers in bytes.number */
    plim__config_choice mode, modules, form, fatal, sites;
    plim__config_text report, signal;
    bool has_file;
    uint32_t domain_count;
    plim__config_domain domains[PLIM_CONFIG_DOMAINS_MAX];
    uint32_t order[PLIM_CONFIG_DOMAINS_MAX]; /* resolved: parents before children */
    uint32_t share_count;
    plim__config_share shares[PLIM_CONFIG_SHARES_MAX];
};

/** How a value is written, and by which rule two sources join. */
typedef enum plim__config_kind {
    PLIM__CONFIG_BOUND,  /* a figure; the least holds */
    PLIM__CONFIG_FIGURE, /* a figure; the nearest holds */
    PLIM__CONFIG_COUNT,  /* so many domains; the nearest holds */
    PLIM__CONFIG_EVERY,  /* one of so many; the nearest holds */
    PLIM__CONFIG_CHOICE, /* one of the key's words; the nearest holds */
    PLIM__CONFIG_TEXT    /* any; the nearest holds */
} plim__config_kind;

/** One key of the manual. */
typedef struct plim__config_key {
    const char *section; /* "memory", "domain" (each of them), "preload" */
    const char *name;
    const char *variable; /* NULL: no variable of its own */
    plim__config_kind kind;
    size_t offset;     /* of its field, in plim_config or in plim__config_domain */
    const char *words; /* CHOICE: "a|b|c", in the order of the field's meaning; TEXT: NULL or all
                          that it may be */
    bool shares;       /* a percentage is allowed */
} plim__config_key;

/** All keys, in the order of the manual; the last has no name. */
extern const plim__config_key plim__config_keys[];

/** The key of that section and name, or NULL. */
const plim__config_key *plim__config_key_find(const char *section, const char *name);

/** The key's name nearest to a mistyped one, or NULL where none is near. */
const char *plim__config_key_nearest(const char *section, const char *name);

/** The domain of that name; PLIM__CONFIG_NONE. */
uint32_t plim__config_domain_find(const plim_config *config, const char *name);

/** The name nearest to a mistyped one, of any domain but @p other; NULL where none is near. */
const char *plim__config_domain_nearest(const plim_config *config, const char *name,
                                        const char *other);

/** Finds the domain or makes it; @p origin is kept where it is new. */
plim_status plim__config_domain_add(plim_config *config, const char *name,
                                    plim__config_origin origin, uint32_t *out_index,
                                    plim_error *err);

/** Takes one value of one source; refuses what cannot be read and what is said twice. */
plim_status plim__config_set(plim_config *config, uint32_t domain, const plim__config_key *key,
                             const char *value, plim__config_origin origin, plim_error *err);

/** Likewise for "lend.BORROWER" of a domain. */
plim_status plim__config_set_share(plim_config *config, uint32_t lender, const char *key,
                                   const char *value, plim__config_origin origin, plim_error *err);

/** The word of a choice; its length in *out_len. */
const char *plim__config_word(const char *words, uint32_t index, size_t *out_len);

/** Adds "FILE:LINE" or the variable to an error. */
void plim__config_where(plim_error *err, plim__config_origin origin);

/** Reads one text (parse.c). */
plim_status plim__config_parse(plim_config *config, plim_source source, plim_config_source kind,
                               const char *name, plim_error *err);

/** Reads variables (variables.c); may be NULL. */
plim_status plim__config_variables(plim_config *config, const char *const *variables,
                                   plim_config_source source, plim_error *err);

/** Works out what holds, and refuses what contradicts itself (resolve.c). */
plim_status plim__config_resolve(plim_config *config, plim_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file read.h
 * @brief Between the two halves of the reader of profiles: a sampler's and a timeline's.
 */
#ifndef PLIM_HEAP_PROFILE_READ_H
#define PLIM_HEAP_PROFILE_READ_H
#include "base/id_map.h"
#include "heap/formats/json.h"
#include "heap/profile/profile.h"

enum { PLIM__READ_FIELDS_MAX = 64, PLIM__READ_NO_FIELD = UINT8_MAX };

typedef struct plim__profile_reader {
    const plim_allocator *allocator;
    plim__json json;
    plim_profile *profile;
    plim__rows call_ids; /* uint64_t, beside the profile's calls */
    bool has_head;       /* a sampler's */
    bool is_collected;
    uint64_t interval_bytes;
    plim__rows samples; /* uint64_t: the call each sample belongs to, by id */

    bool has_tree; /* a timeline's */
    bool has_nodes;
    bool has_strings;
    uint8_t node_width, self_at, trace_at;  /* of a row of `nodes` */
    uint8_t function_width, function_at[4]; /* of a row of `trace_function_infos` */
    plim__id_map live_map;                  /* from a call's id to a row of */
    plim__rows live;                        /* plim__profile_live */
    plim__rows functions;                   /* plim__profile_function */
    plim__rows call_functions;              /* uint32_t, beside the profile's calls */
    plim__rows wanted;                      /* uint32_t: numbers of strings, rising */
    plim__rows texts;                       /* plim_text, beside wanted */
} plim__profile_reader;

/** What of a call is alive. */
typedef struct plim__profile_live {
    uint64_t count, bytes;
} plim__profile_live;

/** A row of trace_function_infos: numbers of strings, and a place. */
typedef struct plim__profile_function {
    uint32_t name, source, line, column;
    uint32_t frame; /* once it has one; PLIM_NONE before */
} plim__profile_function;

/** Keeps a failure of the file; false. */
bool plim__profile_fault(plim__profile_reader *reader, const char *what);

/** Keeps that memory was refused; false. */
bool plim__profile_short(plim__profile_reader *reader);

/** A call with its id; false after a failure. */
bool plim__profile_reader_call(plim__profile_reader *reader, uint32_t parent, uint64_t id,
                               uint32_t *out_call);

/** A section of a timeline by its key; *out_known false: it is none of those that matter. */
bool plim__timeline_section(plim__profile_reader *reader, plim_text key, bool *out_known);

/** All was read: frames, and what is alive. */
bool plim__timeline_finish(plim__profile_reader *reader);

/** Same bytes. */
static inline bool plim__profile_is(plim_text key, const char *name)
{
    return key.size_bytes == strlen(name) && memcmp(key.data, name, key.size_bytes) == 0;
}

#endif

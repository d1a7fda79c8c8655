/* SPDX-License-Identifier: MIT */
/*
 * The meta walk: one pass over the tokens of a JSON object that is known to be well-formed.
 *
 * Only strings and numbers matter, and where they stand: under which key of the object, under
 * which key of its `meta`, and at which index of at most two arrays. So the walk keeps that path
 * (four levels of it) and hands each leaf to leaf_string() or leaf_count(); anything deeper or
 * under other keys falls through them. Names with escapes are compared as written: V8 has none.
 */
#include "heap/v8_meta.h"

#include <string.h>

#include "base/assert.h"

enum {
    META_PATH_DEPTH = 4 /* snapshot -> meta -> node_types -> [0] -> name */
};

typedef struct meta_text {
    const char *data;
    size_t len;
} meta_text;

typedef struct meta_walk {
    plim__v8_meta *meta;
    plim_error *err;
    size_t depth; /* containers open; 1 inside the snapshot object */
    bool in_array[PLIM_JSON_DEPTH_MAX + 1];
    meta_text key[META_PATH_DEPTH + 1];  /* last key at this depth, empty in arrays */
    uint64_t index[META_PATH_DEPTH + 1]; /* place in the array at this depth */
    uint64_t types_column[2];            /* where the list of node, edge types stands */
    bool has_node_count;
    bool has_edge_count;
} meta_walk;

static const struct {
    const char *name;
    plim__v8_rows rows;
    bool required;
} FIELDS[PLIM__V8_FIELD_COUNT] = {
    [PLIM__V8_NODE_TYPE] = {"type", PLIM__V8_NODE_ROWS, true},
    [PLIM__V8_NODE_NAME] = {"name", PLIM__V8_NODE_ROWS, true},
    [PLIM__V8_NODE_ID] = {"id", PLIM__V8_NODE_ROWS, true},
    [PLIM__V8_NODE_SELF] = {"self_size", PLIM__V8_NODE_ROWS, true},
    [PLIM__V8_NODE_EDGES] = {"edge_count", PLIM__V8_NODE_ROWS, true},
    [PLIM__V8_NODE_TRACE] = {"trace_node_id", PLIM__V8_NODE_ROWS, false},
    [PLIM__V8_NODE_DETACHED] = {"detachedness", PLIM__V8_NODE_ROWS, false},
    [PLIM__V8_EDGE_TYPE] = {"type", PLIM__V8_EDGE_ROWS, true},
    [PLIM__V8_EDGE_NAME] = {"name_or_index", PLIM__V8_EDGE_ROWS, true},
    [PLIM__V8_EDGE_TO] = {"to_node", PLIM__V8_EDGE_ROWS, true},
    [PLIM__V8_LOCATION_OBJECT] = {"object_index", PLIM__V8_LOCATION_ROWS, false},
    [PLIM__V8_LOCATION_SCRIPT] = {"script_id", PLIM__V8_LOCATION_ROWS, false},
    [PLIM__V8_LOCATION_SCRIPT_OBJECT] = {"script_object_index", PLIM__V8_LOCATION_ROWS, false},
    [PLIM__V8_LOCATION_LINE] = {"line", PLIM__V8_LOCATION_ROWS, false},
    [PLIM__V8_LOCATION_COLUMN] = {"column", PLIM__V8_LOCATION_ROWS, false},
};

static const char *const ROWS_KEYS[PLIM__V8_ROWS_COUNT] = {
    [PLIM__V8_NODE_ROWS] = "node_fields",
    [PLIM__V8_EDGE_ROWS] = "edge_fields",
    [PLIM__V8_LOCATION_ROWS] = "location_fields",
    [PLIM__V8_SAMPLE_ROWS] = "sample_fields",
    [PLIM__V8_FUNCTION_ROWS] = "trace_function_info_fields",
};

static bool meta_text_is(meta_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static plim_status leaf_field(meta_walk *walk, meta_text name, plim__v8_rows rows)
{
    plim__v8_meta *meta = walk->meta;
    uint64_t place = walk->index[3];
    if (place >= PLIM_FIELDS_MAX)
        return plim_error_set(walk->err, PLIM_ERR_LIMIT, "`%s` names more than %d fields",
                              ROWS_KEYS[rows], (int)PLIM_FIELDS_MAX);
    meta->width[rows] = (uint8_t)(place + 1);
    for (int i = 0; i < PLIM__V8_FIELD_COUNT; i++) {
        if (FIELDS[i].rows == rows && meta_text_is(name, FIELDS[i].name) &&
            meta->field[i] == PLIM__V8_NO_FIELD)
            meta->field[i] = (uint8_t)place;
    }
    return PLIM_OK;
}

static uint8_t node_type_by_name(meta_text name)
{
    for (int type = PLIM_NODE_HIDDEN; type < PLIM_NODE_OTHER; type++) {
        if (meta_text_is(name, plim_node_type_name((plim_node_type)type)))
            return (uint8_t)type;
    }
    return PLIM_NODE_OTHER;
}

static uint8_t edge_type_by_name(meta_text name)
{
    for (int type = PLIM_EDGE_CONTEXT; type < PLIM_EDGE_OTHER; type++) {
        if (meta_text_is(name, plim_edge_type_name((plim_edge_type)type)))
            return (uint8_t)type;
    }
    return PLIM_EDGE_OTHER;
}

/* The first column that has a list of names for its type is the type column. */
static plim_status leaf_type(meta_walk *walk, meta_text name, bool of_node)
{
    plim__v8_meta *meta = walk->meta;
    uint64_t number = walk->index[4];
    if ((of_node ? meta->node_type_count : meta->edge_type_count) == 0)
        walk->types_column[of_node] = walk->index[3];
    else if (walk->types_column[of_node] != walk->index[3])
        return PLIM_OK;
    if (number >= PLIM_TYPES_MAX)
        return plim_error_set(walk->err, PLIM_ERR_LIMIT, "more than %d %s types",
                              (int)PLIM_TYPES_MAX, of_node ? "node" : "edge");
    if (of_node) {
        meta->node_types[number] = node_type_by_name(name);
        meta->node_type_count = (uint32_t)number + 1;
    } else {
        meta->edge_types[number] = edge_type_by_name(name);
        meta->edge_type_count = (uint32_t)number + 1;
    }
    return PLIM_OK;
}

static plim_status leaf_string(meta_walk *walk, meta_text text)
{
    if (walk->depth < 3 || walk->depth > 4 || !meta_text_is(walk->key[1], "meta") ||
        walk->in_array[1] || walk->in_array[2] || !walk->in_array[3])
        return PLIM_OK;
    if (walk->depth == 3) {
        for (int rows = 0; rows < PLIM__V8_ROWS_COUNT; rows++) {
            if (meta_text_is(walk->key[2], ROWS_KEYS[rows]))
                return leaf_field(walk, text, (plim__v8_rows)rows);
        }
        return PLIM_OK;
    }
    if (!walk->in_array[4])
        return PLIM_OK;
    if (meta_text_is(walk->key[2], "node_types"))
        return leaf_type(walk, text, true);
    if (meta_text_is(walk->key[2], "edge_types"))
        return leaf_type(walk, text, false);
    return PLIM_OK;
}

static bool parse_count(meta_text text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > PLIM_NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static plim_status leaf_count(meta_walk *walk, meta_text text)
{
    plim__v8_meta *meta = walk->meta;
    if (walk->depth != 1)
        return PLIM_OK;
    uint64_t *out = NULL;
    if (meta_text_is(walk->key[1], "node_count")) {
        out = &meta->node_count;
        walk->has_node_count = true;
    } else if (meta_text_is(walk->key[1], "edge_count")) {
        out = &meta->edge_count;
        walk->has_edge_count = true;
    } else if (meta_text_is(walk->key[1], "extra_native_bytes")) {
        out = &meta->extra_native_bytes;
    }
    if (out == NULL || parse_count(text, out))
        return PLIM_OK;
    int shown = text.len < 48 ? (int)text.len : 48;
    return plim_error_set(walk->err, PLIM_ERR_DAMAGED, "`%.*s` is no count: %.*s",
                          (int)walk->key[1].len, walk->key[1].data, shown, text.data);
}

static plim_status walk_check(const meta_walk *walk)
{
    const plim__v8_meta *meta = walk->meta;
    for (int i = 0; i < PLIM__V8_FIELD_COUNT; i++) {
        if (FIELDS[i].required && meta->field[i] == PLIM__V8_NO_FIELD)
            return plim_error_set(walk->err, PLIM_ERR_DAMAGED,
                                  "the snapshot's meta has no `%s` in `%s`", FIELDS[i].name,
                                  ROWS_KEYS[FIELDS[i].rows]);
    }
    if (meta->node_type_count == 0 || meta->edge_type_count == 0)
        return plim_error_set(walk->err, PLIM_ERR_DAMAGED, "the snapshot's meta names no %s types",
                              meta->node_type_count == 0 ? "node" : "edge");
    if (!walk->has_node_count || !walk->has_edge_count)
        return plim_error_set(walk->err, PLIM_ERR_DAMAGED, "the snapshot does not say its `%s`",
                              walk->has_node_count ? "edge_count" : "node_count");
    return PLIM_OK;
}

/* The text of a string from its opening quote; the closing one is there: the text is JSON. */
static meta_text walk_string(const char *p, const char *end)
{
    const char *start = ++p;
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    return (meta_text){start, (size_t)(p - start)};
}

static bool ends_scalar(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void walk_open(meta_walk *walk, bool array)
{
    PLIM_CHECK(walk->depth < PLIM_JSON_DEPTH_MAX);
    walk->depth++;
    walk->in_array[walk->depth] = array;
    if (walk->depth <= META_PATH_DEPTH) {
        walk->index[walk->depth] = 0;
        walk->key[walk->depth] = (meta_text){"", 0};
    }
}

/* One token from p on; sets *next behind it. */
static plim_status walk_token(meta_walk *walk, const char *p, const char *end, const char **next)
{
    *next = p + 1;
    if (*p == '{' || *p == '[') {
        walk_open(walk, *p == '[');
    } else if (*p == '}' || *p == ']') {
        PLIM_CHECK(walk->depth > 0);
        walk->depth--;
    } else if (*p == ',') {
        if (walk->depth <= META_PATH_DEPTH)
            walk->index[walk->depth]++;
    } else if (*p == '"') {
        meta_text text = walk_string(p, end);
        const char *after = text.data + text.len + 1;
        while (after < end && (*after == ' ' || *after == '\n' || *after == '\r' || *after == '\t'))
            after++;
        *next = after;
        if (!walk->in_array[walk->depth] && after < end && *after == ':') {
            if (walk->depth <= META_PATH_DEPTH)
                walk->key[walk->depth] = text;
            *next = after + 1;
            return PLIM_OK;
        }
        return leaf_string(walk, text);
    } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
        const char *stop = p;
        while (stop < end && !ends_scalar(*stop))
            stop++;
        *next = stop;
        return leaf_count(walk, (meta_text){p, (size_t)(stop - p)});
    }
    return PLIM_OK;
}

plim_status plim__v8_meta_parse(const char *text, size_t len, plim__v8_meta *out_meta,
                                plim_error *err)
{
    PLIM_CHECK(text != NULL && out_meta != NULL);
    *out_meta = (plim__v8_meta){0};
    memset(out_meta->field, PLIM__V8_NO_FIELD, sizeof out_meta->field);
    meta_walk walk = {.meta = out_meta, .err = err};
    const char *p = text;
    const char *end = text + len;
    while (p < end) {
        plim_status status = walk_token(&walk, p, end, &p);
        if (status != PLIM_OK)
            return status;
    }
    return walk_check(&walk);
}

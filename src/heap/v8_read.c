/* SPDX-License-Identifier: MIT */
/*
 * The reader: rows of the scanner, scattered into the columns of a graph.
 *
 * The scanner hands over about 2,000 values at once, which are then walked once per field, so
 * that no number costs a decision: each walk is one tight loop with one source, one target and
 * one running sign of trouble. Only where that sign is up is the guilty row looked for.
 *
 * Invariants (between batches):
 *  I1 columns of nodes have room for node_count rows, first_edge for one more; the same holds for
 *     edges, strings, locations.
 *  I2 first_edge[node_count] == edge_sum, the sum of edge counts so far.
 *  I3 every edge_to is below the announced node_count, which the scanner holds nodes to.
 *  I4 node_name_max and edge_name_max are the largest string indexes used; they are compared with
 *     the number of strings once that is known.
 */
#include <plimsoll/graph.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/graph.h"
#include "heap/v8_columns.h"
#include "heap/v8_locations.h"
#include "heap/v8_scan.h"

typedef enum read_column {
    READ_NODE_TYPE,
    READ_NODE_DETACHED,
    READ_NODE_NAME,
    READ_NODE_ID,
    READ_ID_HIGH,
    READ_NODE_SELF,
    READ_FIRST_EDGE,
    READ_NODE_TRACE,
    READ_EDGE_TYPE,
    READ_EDGE_NAME,
    READ_EDGE_TO,
    READ_STRING_START,
    READ_STRINGS,
    READ_BIG_SELF,
    READ_COLUMN_COUNT
} read_column;

static const uint8_t COLUMN_ITEM_BYTES[READ_COLUMN_COUNT] = {
    [READ_NODE_TYPE] = 1,  [READ_NODE_DETACHED] = 1,
    [READ_NODE_NAME] = 4,  [READ_NODE_ID] = 4,
    [READ_ID_HIGH] = 4,    [READ_NODE_SELF] = 4,
    [READ_FIRST_EDGE] = 4, [READ_NODE_TRACE] = 4,
    [READ_EDGE_TYPE] = 1,  [READ_EDGE_NAME] = 4,
    [READ_EDGE_TO] = 4,    [READ_STRING_START] = 8,
    [READ_STRINGS] = 1,    [READ_BIG_SELF] = sizeof(plim__big_self),
};

typedef struct v8_reader {
    const plim_allocator *allocator;
    plim_source source;
    plim_progress progress;
    struct timespec stepped; /* when progress was last told */
    const plim__v8_meta *meta;
    plim__v8_column columns[READ_COLUMN_COUNT];
    plim__v8_locations locations;
    uint32_t node_count;
    uint32_t edge_count;
    uint32_t string_count;
    uint32_t big_self_count;
    uint64_t edge_sum;
    uint64_t string_bytes;
    uint64_t self_bytes;
    uint32_t node_name_max;
    uint32_t edge_name_max;
    plim__v8_scan scan;
} v8_reader;

/* How many rows of that width the rest of the text can hold; a number takes two bytes or more. */
static size_t rows_to_come(const v8_reader *reader, uint64_t announced, size_t width)
{
    uint64_t most = announced;
    uint64_t total = reader->source.total_bytes;
    if (total > 0 && most > total / (2 * width) + 1)
        most = total / (2 * width) + 1;
    return most < SIZE_MAX ? (size_t)most : SIZE_MAX;
}

/* Room for needed items, at most limit in the end; at once where the size of the text is known. */
static plim_status column_reserve(v8_reader *reader, read_column at, size_t needed, size_t limit,
                                  plim_error *err)
{
    plim__v8_column *column = &reader->columns[at];
    limit = limit < needed ? needed : limit;
    if (column->capacity == 0 && reader->source.total_bytes > 0)
        needed = limit;
    return plim__v8_column_reserve(column, reader->allocator, needed, limit, err);
}

/* The first row whose value is above most; there is one. Says so and returns DAMAGED. */
static plim_status row_fault(plim__v8_section section, uint64_t first_row, const uint64_t *values,
                             size_t row_count, size_t width, uint64_t most, const char *field,
                             plim_error *err)
{
    size_t row = 0;
    while (row + 1 < row_count && values[row * width] <= most)
        row++;
    return plim_error_set(
        err, PLIM_ERR_DAMAGED,
        "row %" PRIu64 " of %s has %" PRIu64 " as `%s`, more than the %" PRIu64 " there can be",
        first_row + row, plim__v8_section_name(section), values[row * width], field, most);
}

static plim_status take_meta(void *ctx, const plim__v8_meta *meta, plim_error *err)
{
    v8_reader *reader = ctx;
    /* A count beyond our types is a lie where the text is too short for it, else a limit. */
    bool nodes = meta->node_count > PLIM_NODES_MAX;
    if (nodes || meta->edge_count > PLIM_EDGES_MAX) {
        uint64_t announced = nodes ? meta->node_count : meta->edge_count;
        uint64_t total = reader->source.total_bytes;
        bool lie = total > 0 && announced > total / 2;
        return plim_error_set(err, lie ? PLIM_ERR_DAMAGED : PLIM_ERR_LIMIT,
                              "the snapshot announces %" PRIu64 " %s, more than %s", announced,
                              nodes ? "nodes" : "edges",
                              lie ? "its length allows" : "this program can hold (4294967294)");
    }
    reader->meta = meta;
    plim__v8_locations_init(&reader->locations, reader->allocator, meta);
    return PLIM_OK;
}

/* Nodes. */

static plim_status reserve_nodes(v8_reader *reader, size_t row_count, plim_error *err)
{
    const plim__v8_meta *meta = reader->meta;
    size_t needed = reader->node_count + row_count;
    size_t limit = rows_to_come(reader, meta->node_count, meta->width[PLIM__V8_NODE_ROWS]);
    static const read_column ALWAYS[] = {READ_NODE_TYPE, READ_NODE_NAME, READ_NODE_ID,
                                         READ_NODE_SELF};
    plim_status status = PLIM_OK;
    for (size_t i = 0; i < sizeof ALWAYS / sizeof ALWAYS[0] && status == PLIM_OK; i++)
        status = column_reserve(reader, ALWAYS[i], needed, limit, err);
    if (status == PLIM_OK && meta->field[PLIM__V8_NODE_DETACHED] != PLIM__V8_NO_FIELD)
        status = column_reserve(reader, READ_NODE_DETACHED, needed, limit, err);
    if (status == PLIM_OK)
        status = column_reserve(reader, READ_FIRST_EDGE, needed + 1, limit + 1, err);
    return status;
}

static plim_status scatter_types(v8_reader *reader, plim__v8_section section,
                                 const uint64_t *values, size_t row_count, plim_error *err)
{
    const plim__v8_meta *meta = reader->meta;
    bool nodes = section == PLIM__V8_NODES;
    size_t width = meta->width[nodes ? PLIM__V8_NODE_ROWS : PLIM__V8_EDGE_ROWS];
    const uint8_t *map = nodes ? meta->node_types : meta->edge_types;
    uint32_t known = nodes ? meta->node_type_count : meta->edge_type_count;
    uint32_t first = nodes ? reader->node_count : reader->edge_count;
    uint8_t *out = (uint8_t *)reader->columns[nodes ? READ_NODE_TYPE : READ_EDGE_TYPE].data + first;
    values += meta->field[nodes ? PLIM__V8_NODE_TYPE : PLIM__V8_EDGE_TYPE];
    uint64_t most = 0;
    for (size_t row = 0; row < row_count; row++) {
        uint64_t value = values[row * width];
        most = value > most ? value : most;
        out[row] = map[value & (PLIM_TYPES_MAX - 1)];
    }
    if (most < known)
        return PLIM_OK;
    return row_fault(section, first, values, row_count, width, known - 1, "type", err);
}

/* Copies one field of 32 bits; *out_most is its largest value, which may be beyond them. */
static void scatter_u32(uint32_t *out, const uint64_t *values, size_t row_count, size_t width,
                        uint64_t *out_most)
{
    uint64_t most = 0;
    for (size_t row = 0; row < row_count; row++) {
        uint64_t value = values[row * width];
        most = value > most ? value : most;
        out[row] = (uint32_t)value;
    }
    *out_most = most;
}

static plim_status scatter_node_names(v8_reader *reader, const uint64_t *values, size_t row_count,
                                      size_t width, plim_error *err)
{
    uint64_t most;
    values += reader->meta->field[PLIM__V8_NODE_NAME];
    scatter_u32((uint32_t *)reader->columns[READ_NODE_NAME].data + reader->node_count, values,
                row_count, width, &most);
    if (most >= PLIM_STRINGS_MAX)
        return row_fault(PLIM__V8_NODES, reader->node_count, values, row_count, width,
                         PLIM_STRINGS_MAX - 1, "name", err);
    if (reader->node_name_max < most)
        reader->node_name_max = (uint32_t)most;
    return PLIM_OK;
}

static plim_status scatter_ids(v8_reader *reader, const uint64_t *values, size_t row_count,
                               size_t width, plim_error *err)
{
    uint64_t most;
    values += reader->meta->field[PLIM__V8_NODE_ID];
    scatter_u32((uint32_t *)reader->columns[READ_NODE_ID].data + reader->node_count, values,
                row_count, width, &most);
    plim__v8_column *high = &reader->columns[READ_ID_HIGH];
    if (most <= UINT32_MAX && high->data == NULL)
        return PLIM_OK;
    size_t limit = reader->columns[READ_NODE_ID].capacity;
    plim_status status = plim__v8_column_reserve_zero(high, reader->allocator, limit, limit, err);
    for (size_t row = 0; status == PLIM_OK && row < row_count; row++)
        ((uint32_t *)high->data)[reader->node_count + row] = (uint32_t)(values[row * width] >> 32);
    return status;
}

static plim_status keep_big_self(v8_reader *reader, uint32_t node, uint64_t bytes, plim_error *err)
{
    plim__v8_column *big = &reader->columns[READ_BIG_SELF];
    size_t needed = (size_t)reader->big_self_count + 1;
    plim_status status =
        plim__v8_column_reserve(big, reader->allocator, needed, PLIM_NODES_MAX, err);
    if (status == PLIM_OK)
        ((plim__big_self *)big->data)[reader->big_self_count++] = (plim__big_self){node, bytes};
    return status;
}

static plim_status scatter_selves(v8_reader *reader, const uint64_t *values, size_t row_count,
                                  size_t width, plim_error *err)
{
    uint32_t *out = (uint32_t *)reader->columns[READ_NODE_SELF].data + reader->node_count;
    values += reader->meta->field[PLIM__V8_NODE_SELF];
    uint64_t most;
    scatter_u32(out, values, row_count, width, &most);
    uint64_t sum = 0;
    plim_status status = PLIM_OK;
    bool fits = true;
    for (size_t row = 0; row < row_count; row++)
        sum += out[row];
    if (most >= PLIM__SELF_OVERFLOW) {
        sum = 0;
        for (size_t row = 0; row < row_count && status == PLIM_OK; row++) {
            uint64_t bytes = values[row * width];
            fits = fits && plim__add_u64(sum, bytes, &sum);
            if (bytes >= PLIM__SELF_OVERFLOW) {
                out[row] = PLIM__SELF_OVERFLOW;
                status = keep_big_self(reader, reader->node_count + (uint32_t)row, bytes, err);
            }
        }
    }
    fits = fits && plim__add_u64(reader->self_bytes, sum, &reader->self_bytes);
    if (status == PLIM_OK && !fits)
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "the sizes of the nodes add up to more than 64 bits hold");
    return status;
}

static plim_status scatter_edge_counts(v8_reader *reader, const uint64_t *values, size_t row_count,
                                       size_t width, plim_error *err)
{
    uint32_t *first_edge = (uint32_t *)reader->columns[READ_FIRST_EDGE].data;
    uint32_t *out = first_edge + reader->node_count;
    values += reader->meta->field[PLIM__V8_NODE_EDGES];
    uint64_t sum = reader->edge_sum;
    uint64_t any = 0;
    for (size_t row = 0; row < row_count; row++) {
        uint64_t count = values[row * width];
        out[row] = (uint32_t)sum;
        any |= count;
        sum += count;
    }
    /* With every count below 2^32 the sum of a batch cannot wrap. */
    if (any > UINT32_MAX || sum > reader->meta->edge_count)
        return plim_error_set(
            err, PLIM_ERR_DAMAGED,
            "nodes up to row %" PRIu64 " claim more edges than the %" PRIu64 " announced",
            (uint64_t)reader->node_count + row_count - 1, reader->meta->edge_count);
    out[row_count] = (uint32_t)sum;
    reader->edge_sum = sum;
    return PLIM_OK;
}

static void scatter_detached(v8_reader *reader, const uint64_t *values, size_t row_count,
                             size_t width)
{
    size_t place = reader->meta->field[PLIM__V8_NODE_DETACHED];
    if (place == PLIM__V8_NO_FIELD)
        return;
    uint8_t *out = (uint8_t *)reader->columns[READ_NODE_DETACHED].data + reader->node_count;
    for (size_t row = 0; row < row_count; row++) {
        uint64_t value = values[row * width + place];
        out[row] = value <= 2 ? (uint8_t)value : 0; /* what we do not know counts as unknown */
    }
}

/* Most files have the field and zeros in it, so the column is made at the first that is none. */
static plim_status scatter_traces(v8_reader *reader, const uint64_t *values, size_t row_count,
                                  size_t width, plim_error *err)
{
    size_t place = reader->meta->field[PLIM__V8_NODE_TRACE];
    if (place == PLIM__V8_NO_FIELD)
        return PLIM_OK;
    values += place;
    uint64_t any = 0;
    for (size_t row = 0; row < row_count; row++)
        any |= values[row * width];
    plim__v8_column *trace = &reader->columns[READ_NODE_TRACE];
    if (any == 0 && trace->data == NULL)
        return PLIM_OK;
    size_t limit = reader->columns[READ_NODE_ID].capacity;
    plim_status status = plim__v8_column_reserve_zero(trace, reader->allocator, limit, limit, err);
    if (status != PLIM_OK)
        return status;
    uint64_t most;
    scatter_u32((uint32_t *)trace->data + reader->node_count, values, row_count, width, &most);
    if (most > UINT32_MAX)
        return row_fault(PLIM__V8_NODES, reader->node_count, values, row_count, width, UINT32_MAX,
                         "trace_node_id", err);
    return PLIM_OK;
}

static plim_status take_nodes(v8_reader *reader, const uint64_t *values, size_t row_count,
                              plim_error *err)
{
    size_t width = reader->meta->width[PLIM__V8_NODE_ROWS];
    plim_status status = reserve_nodes(reader, row_count, err);
    if (status == PLIM_OK)
        status = scatter_types(reader, PLIM__V8_NODES, values, row_count, err);
    if (status == PLIM_OK)
        status = scatter_node_names(reader, values, row_count, width, err);
    if (status == PLIM_OK)
        status = scatter_ids(reader, values, row_count, width, err);
    if (status == PLIM_OK)
        status = scatter_selves(reader, values, row_count, width, err);
    if (status == PLIM_OK)
        status = scatter_edge_counts(reader, values, row_count, width, err);
    if (status == PLIM_OK)
        status = scatter_traces(reader, values, row_count, width, err);
    if (status != PLIM_OK)
        return status;
    scatter_detached(reader, values, row_count, width);
    reader->node_count += (uint32_t)row_count;
    return PLIM_OK;
}

/* Edges. */

/*
 * to_node counts numbers, not rows. Returns whether every one was a multiple of the row width and
 * in range. Inlined with constants below: a division by a known number is a multiplication.
 */
static inline bool scatter_targets(uint32_t *out, const uint64_t *values, size_t row_count,
                                   size_t edge_width, uint64_t node_width, uint64_t node_count)
{
    uint64_t bad = 0;
    for (size_t row = 0; row < row_count; row++) {
        uint64_t value = values[row * edge_width];
        uint64_t node = value / node_width;
        bad |= (uint64_t)(node * node_width != value) | (uint64_t)(node >= node_count);
        out[row] = (uint32_t)node;
    }
    return bad == 0;
}

static plim_status scatter_edge_targets(v8_reader *reader, const uint64_t *values, size_t row_count,
                                        size_t width, plim_error *err)
{
    const plim__v8_meta *meta = reader->meta;
    uint32_t *out = (uint32_t *)reader->columns[READ_EDGE_TO].data + reader->edge_count;
    uint64_t node_count = meta->node_count;
    uint64_t node_width = meta->width[PLIM__V8_NODE_ROWS];
    values += meta->field[PLIM__V8_EDGE_TO];
    bool good;
    if (width == 3 && node_width == 7)
        good = scatter_targets(out, values, row_count, 3, 7, node_count);
    else if (width == 3 && node_width == 6)
        good = scatter_targets(out, values, row_count, 3, 6, node_count);
    else
        good = scatter_targets(out, values, row_count, width, node_width, node_count);
    if (good)
        return PLIM_OK;
    for (size_t row = 0; row < row_count; row++) {
        uint64_t value = values[row * width];
        if (value % node_width != 0)
            return plim_error_set(err, PLIM_ERR_DAMAGED,
                                  "edge %" PRIu64 " leads to %" PRIu64
                                  ", no multiple of the %" PRIu64 " fields of a node",
                                  reader->edge_count + (uint64_t)row, value, node_width);
        if (value / node_width >= node_count)
            break;
    }
    return row_fault(PLIM__V8_EDGES, reader->edge_count, values, row_count, width,
                     (node_count - (node_count > 0)) * node_width, "to_node", err);
}

static plim_status scatter_edge_names(v8_reader *reader, const uint64_t *values, size_t row_count,
                                      size_t width, plim_error *err)
{
    const uint8_t *types = (const uint8_t *)reader->columns[READ_EDGE_TYPE].data;
    uint32_t *out = (uint32_t *)reader->columns[READ_EDGE_NAME].data + reader->edge_count;
    types += reader->edge_count;
    values += reader->meta->field[PLIM__V8_EDGE_NAME];
    uint64_t most;
    scatter_u32(out, values, row_count, width, &most);
    if (most > UINT32_MAX)
        return row_fault(PLIM__V8_EDGES, reader->edge_count, values, row_count, width, UINT32_MAX,
                         "name_or_index", err);
    uint32_t name_max = reader->edge_name_max;
    for (size_t row = 0; row < row_count; row++) {
        uint32_t name = plim__edge_has_index(types[row]) ? 0 : out[row];
        name_max = name > name_max ? name : name_max;
    }
    reader->edge_name_max = name_max;
    return PLIM_OK;
}

static plim_status take_edges(v8_reader *reader, const uint64_t *values, size_t row_count,
                              plim_error *err)
{
    const plim__v8_meta *meta = reader->meta;
    size_t width = meta->width[PLIM__V8_EDGE_ROWS];
    size_t needed = reader->edge_count + row_count;
    size_t limit = rows_to_come(reader, meta->edge_count, width);
    plim_status status = column_reserve(reader, READ_EDGE_TYPE, needed, limit, err);
    if (status == PLIM_OK)
        status = column_reserve(reader, READ_EDGE_NAME, needed, limit, err);
    if (status == PLIM_OK)
        status = column_reserve(reader, READ_EDGE_TO, needed, limit, err);
    if (status == PLIM_OK)
        status = scatter_types(reader, PLIM__V8_EDGES, values, row_count, err);
    if (status == PLIM_OK)
        status = scatter_edge_names(reader, values, row_count, width, err);
    if (status == PLIM_OK)
        status = scatter_edge_targets(reader, values, row_count, width, err);
    if (status == PLIM_OK)
        reader->edge_count += (uint32_t)row_count;
    return status;
}

static plim_status take_rows(void *ctx, plim__v8_section section, const uint64_t *values,
                             size_t row_count, plim_error *err)
{
    v8_reader *reader = ctx;
    PLIM_CHECK(reader->meta != NULL && row_count > 0 && row_count <= PLIM__V8_BATCH);
    if (section == PLIM__V8_NODES)
        return take_nodes(reader, values, row_count, err);
    if (section == PLIM__V8_EDGES)
        return take_edges(reader, values, row_count, err);
    PLIM_CHECK(section == PLIM__V8_LOCATIONS);
    return plim__v8_locations_take(&reader->locations, values, row_count, err);
}

/* Strings. */

static plim_status reserve_text(v8_reader *reader, size_t len, plim_error *err)
{
    plim__v8_column *strings = &reader->columns[READ_STRINGS];
    size_t needed;
    if (!plim__add_size((size_t)reader->string_bytes, len, &needed))
        return plim_error_set(err, PLIM_ERR_LIMIT, "more text than this machine addresses");
    if (needed <= strings->capacity)
        return PLIM_OK;
    /* Unescaping only shortens, so the rest of the text is the most that can come. */
    uint64_t total = reader->source.total_bytes;
    uint64_t seen = reader->scan.byte_count;
    size_t limit = SIZE_MAX / 2;
    if (total > seen)
        limit = (size_t)reader->string_bytes + (size_t)(total - seen) + 1;
    limit = limit < needed ? needed : limit;
    size_t first = limit < seen ? limit : (size_t)seen; /* no more than has arrived already */
    if (strings->capacity == 0 && total > seen && needed < first)
        needed = first;
    return plim__v8_column_reserve(strings, reader->allocator, needed, limit, err);
}

static plim_status take_text(void *ctx, const char *bytes, size_t len, plim_error *err)
{
    v8_reader *reader = ctx;
    plim_status status = reserve_text(reader, len, err);
    if (status != PLIM_OK)
        return status;
    memcpy((char *)reader->columns[READ_STRINGS].data + reader->string_bytes, bytes, len);
    reader->string_bytes += len;
    return PLIM_OK;
}

static plim_status take_text_end(void *ctx, plim_error *err)
{
    v8_reader *reader = ctx;
    if (reader->string_count == PLIM_STRINGS_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "more than %u strings", PLIM_STRINGS_MAX);
    plim__v8_column *start = &reader->columns[READ_STRING_START];
    plim_status status =
        plim__v8_column_reserve(start, reader->allocator, (size_t)reader->string_count + 1,
                                (size_t)PLIM_STRINGS_MAX + 1, err);
    if (status != PLIM_OK)
        return status;
    /* The end of each for now: finish_strings() makes starts of them. */
    ((uint64_t *)start->data)[reader->string_count++] = reader->string_bytes;
    return PLIM_OK;
}

static plim_status finish_strings(v8_reader *reader, plim_error *err)
{
    plim__v8_column *start = &reader->columns[READ_STRING_START];
    size_t count = reader->string_count;
    plim_status status =
        plim__v8_column_reserve(start, reader->allocator, count + 1, count + 1, err);
    if (status != PLIM_OK)
        return status;
    uint64_t *starts = start->data;
    memmove(starts + 1, starts, count * sizeof *starts);
    starts[0] = 0;
    size_t bytes = (size_t)reader->string_bytes;
    status = plim__v8_column_reserve(&reader->columns[READ_STRINGS], reader->allocator, bytes + 1,
                                     bytes + 1, err);
    if (status == PLIM_OK)
        ((char *)reader->columns[READ_STRINGS].data)[bytes] = '\0';
    return status;
}

/* What only the whole file can tell. */

static plim_status name_fault(const v8_reader *reader, bool of_node, plim_error *err)
{
    uint64_t row = 0;
    const uint32_t *names = reader->columns[of_node ? READ_NODE_NAME : READ_EDGE_NAME].data;
    const uint8_t *types = reader->columns[READ_EDGE_TYPE].data;
    while (names[row] < reader->string_count || (!of_node && plim__edge_has_index(types[row])))
        row++; /* ends: the caller saw such a row */
    plim_status status = plim_error_set(
        err, PLIM_ERR_DAMAGED, "the name of %s %" PRIu64 " is string %" PRIu32 " of %" PRIu32,
        of_node ? "node" : "edge", row, names[row], reader->string_count);
    plim_error_where(err, "section `%s`, row %" PRIu64, of_node ? "nodes" : "edges", row);
    plim_error_hint(err, "%s", PLIM__V8_DAMAGED_HINT);
    return status;
}

static plim_status check_whole(const v8_reader *reader, plim_error *err)
{
    if (reader->edge_sum != reader->edge_count) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_DAMAGED,
                           "the nodes claim %" PRIu64 " edges together, but there are %" PRIu32,
                           reader->edge_sum, reader->edge_count);
        plim_error_where(err, "section `nodes`, field `edge_count`");
        plim_error_hint(err, "%s", PLIM__V8_DAMAGED_HINT);
        return status;
    }
    if (reader->node_name_max >= reader->string_count)
        return name_fault(reader, true, err);
    if (reader->edge_name_max >= reader->string_count)
        return name_fault(reader, false, err);
    return PLIM_OK;
}

static void place_columns(plim_graph *graph, void *const *data)
{
    graph->node_type = data[READ_NODE_TYPE];
    graph->node_detached = data[READ_NODE_DETACHED];
    graph->node_name = data[READ_NODE_NAME];
    graph->node_id = data[READ_NODE_ID];
    graph->id_high = data[READ_ID_HIGH];
    graph->node_self = data[READ_NODE_SELF];
    graph->first_edge = data[READ_FIRST_EDGE];
    graph->node_trace = data[READ_NODE_TRACE];
    graph->edge_type = data[READ_EDGE_TYPE];
    graph->edge_name = data[READ_EDGE_NAME];
    graph->edge_to = data[READ_EDGE_TO];
    graph->string_start = data[READ_STRING_START];
    graph->strings = data[READ_STRINGS];
    graph->big_self = data[READ_BIG_SELF];
}

/* Where it fails, the graph owns some columns and the reader the others: each frees its own. */
static plim_status hand_over(v8_reader *reader, plim_graph *graph, plim_error *err)
{
    const size_t nodes = reader->node_count;
    const size_t edges = reader->edge_count;
    const size_t counts[READ_COLUMN_COUNT] = {
        [READ_NODE_TYPE] = nodes,
        [READ_NODE_DETACHED] = nodes,
        [READ_NODE_NAME] = nodes,
        [READ_NODE_ID] = nodes,
        [READ_ID_HIGH] = nodes,
        [READ_NODE_SELF] = nodes,
        [READ_FIRST_EDGE] = nodes + 1,
        [READ_NODE_TRACE] = nodes,
        [READ_EDGE_TYPE] = edges,
        [READ_EDGE_NAME] = edges,
        [READ_EDGE_TO] = edges,
        [READ_STRING_START] = (size_t)reader->string_count + 1,
        [READ_STRINGS] = (size_t)reader->string_bytes + 1,
        [READ_BIG_SELF] = reader->big_self_count,
    };
    void *data[READ_COLUMN_COUNT] = {NULL};
    plim_status status = PLIM_OK;
    for (int i = 0; i < READ_COLUMN_COUNT && status == PLIM_OK; i++) {
        if (reader->columns[i].data != NULL)
            status = plim__v8_column_detach(&reader->columns[i], reader->allocator, counts[i],
                                            &data[i], err);
    }
    place_columns(graph, data);
    graph->node_count = reader->node_count;
    graph->edge_count = reader->edge_count;
    graph->string_count = reader->string_count;
    graph->string_bytes = reader->string_bytes;
    graph->big_self_count = reader->big_self_count;
    return status;
}

static plim_status make_graph(v8_reader *reader, plim_graph **out_graph, plim_error *err)
{
    plim_status status = finish_strings(reader, err);
    if (status == PLIM_OK)
        status = check_whole(reader, err);
    if (status != PLIM_OK)
        return status;
    plim_graph *graph = plim__array_new_zero(reader->allocator, 1, sizeof *graph);
    if (graph == NULL)
        return plim__no_memory(err, "the graph of the snapshot");
    graph->magic = PLIM__GRAPH_MAGIC;
    graph->allocator = reader->allocator;
    graph->self_bytes = reader->self_bytes;
    graph->extra_native_bytes = reader->meta->extra_native_bytes;
    graph->trace_function_count = reader->scan.row_count[PLIM__V8_FUNCTIONS];
    graph->sample_count = reader->scan.row_count[PLIM__V8_SAMPLES];
    status = hand_over(reader, graph, err);
    if (status == PLIM_OK)
        status = plim__v8_locations_detach(&reader->locations, &graph->locations,
                                           &graph->location_count, err);
    if (status == PLIM_OK)
        status = plim__graph_find_scripts(graph, err);
    if (status != PLIM_OK) {
        plim_graph_destroy(&graph);
        return status;
    }
    PLIM_DCHECK_SLOW(plim__graph_is_valid(graph));
    *out_graph = graph;
    return PLIM_OK;
}

/* Told at most ten times a second, so that telling costs nothing. */
static plim_status tell_progress(v8_reader *reader, plim_error *err)
{
    if (reader->progress.step == NULL)
        return PLIM_OK;
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    int64_t since_ms = (int64_t)(now.tv_sec - reader->stepped.tv_sec) * 1000 +
                       (now.tv_nsec - reader->stepped.tv_nsec) / 1000000;
    if (since_ms >= 0 && since_ms < 100)
        return PLIM_OK;
    reader->stepped = now;
    if (reader->progress.step(reader->progress.ctx, "reading", reader->scan.byte_count,
                              reader->source.total_bytes))
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped while reading the snapshot");
}

static plim_status read_all(v8_reader *reader, plim_error *err)
{
    char *chunk = plim__array_new(reader->allocator, PLIM_READ_CHUNK_BYTES, 1);
    if (chunk == NULL)
        return plim__no_memory(err, "reading the snapshot");
    plim_status status = PLIM_OK;
    bool ended = false;
    while (status == PLIM_OK && !ended) {
        size_t len = 0;
        status = reader->source.read(reader->source.ctx, chunk, PLIM_READ_CHUNK_BYTES, &len, err);
        if (status != PLIM_OK)
            break;
        PLIM_CHECK(len <= PLIM_READ_CHUNK_BYTES);
        ended = len == 0;
        status = plim__v8_scan_feed(&reader->scan, chunk, len, err);
        if (status == PLIM_OK)
            status = tell_progress(reader, err);
    }
    plim__array_free(reader->allocator, chunk, PLIM_READ_CHUNK_BYTES, 1);
    return status != PLIM_OK ? status : plim__v8_scan_finish(&reader->scan, err);
}

plim_status plim_graph_read_v8(plim_source source, const plim_read_options *options,
                               plim_graph **out_graph, plim_error *err)
{
    PLIM_CHECK(source.read != NULL && out_graph != NULL);
    PLIM_CHECK(options == NULL || options->struct_bytes == sizeof *options);
    const plim_allocator *allocator =
        plim__allocator_or_system(options != NULL ? options->allocator : NULL);
    v8_reader *reader = plim__array_new_zero(allocator, 1, sizeof *reader);
    if (reader == NULL)
        return plim__no_memory(err, "reading the snapshot");
    reader->allocator = allocator;
    reader->source = source;
    if (options != NULL)
        reader->progress = options->progress;
    for (int i = 0; i < READ_COLUMN_COUNT; i++)
        reader->columns[i].item_bytes = COLUMN_ITEM_BYTES[i];
    const plim__v8_events events = {
        .ctx = reader,
        .meta = take_meta,
        .rows = take_rows,
        .text = take_text,
        .text_end = take_text_end,
    };
    plim__v8_scan_init(&reader->scan, allocator, &events);
    plim_status status = read_all(reader, err);
    if (status == PLIM_OK)
        status = make_graph(reader, out_graph, err);
    for (int i = 0; i < READ_COLUMN_COUNT; i++)
        plim__v8_column_fini(&reader->columns[i], allocator);
    plim__v8_locations_fini(&reader->locations);
    plim__v8_scan_fini(&reader->scan);
    plim__array_free(allocator, reader, 1, sizeof *reader);
    return status;
}

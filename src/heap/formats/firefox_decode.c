/* SPDX-License-Identifier: MIT */
/*
 * Messages of CoreDump.proto, one behind the other, each with its length in front: one of metadata,
 * then a node each. A message is held whole (the root's can be megabytes), but memory for it is
 * taken as its bytes come, never on the word of its length.
 *
 * Texts stand where they are first used and are numbers from then on, in two tables: UTF-16 and
 * bytes. Number N is the N-th text introduced, in the order in which Firefox wrote: that of the
 * fields, but a stack frame's own texts come before its parent's, which stands in front of them. So
 * a frame is walked for its texts first, then for its parent. (Stacks are kept where asked for.)
 *
 * Source: Firefox, devtools/shared/heapsnapshot/CoreDump.proto and HeapSnapshot.cpp.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "heap/formats/firefox.h"
#include "heap/formats/wtf8.h"

enum { FIREFOX_PIECE_BYTES = 1 << 20 };

/* A message or a part of it. */
typedef struct fx_span {
    const unsigned char *at, *end;
} fx_span;

/* One field of a message. */
typedef struct fx_field {
    uint64_t number; /* of the field */
    uint64_t value;  /* where it is a number */
    fx_span bytes;   /* where it is not: else empty */
    bool is_bytes;
} fx_field;

static bool fx_fault(plim__firefox *firefox, const char *what)
{
    (void)plim__pull_fail(&firefox->pull, PLIM_ERR_DAMAGED, "%s", what);
    plim_error_hint(firefox->pull.err,
                    "check that the file is a whole .fxsnapshot, or take it again");
    return false;
}

static bool fx_short(plim__firefox *firefox, const plim__rows *rows)
{
    bool is_full = rows->count >= PLIM_FOREIGN_ROWS_MAX;
    (void)plim__pull_fail(&firefox->pull, is_full ? PLIM_ERR_LIMIT : PLIM_ERR_NO_MEMORY,
                          is_full ? "more than %u rows" : "no memory for the rows of a snapshot",
                          PLIM_FOREIGN_ROWS_MAX);
    return false;
}

/* ---- fields ---- */

static bool fx_varint(fx_span *span, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && span->at < span->end; shift += 7) {
        unsigned char byte = *span->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

/* The next field; false at the end, and, with a failure, where there is none of sense. */
static bool fx_next(plim__firefox *firefox, fx_span *span, fx_field *out_field)
{
    if (span->at == span->end)
        return false;
    uint64_t key, size;
    if (!fx_varint(span, &key))
        return fx_fault(firefox, "a message ends in the middle of a field");
    *out_field = (fx_field){.number = key >> 3};
    size_t left;
    switch (key & 7) {
    case 0:
        return fx_varint(span, &out_field->value) ||
               fx_fault(firefox, "a message ends in the middle of a number");
    case 1:
    case 5: /* fixed widths: none of ours, so passed by */
        size = (key & 7) == 1 ? 8 : 4;
        break;
    case 2:
        if (!fx_varint(span, &size))
            return fx_fault(firefox, "a message ends in the middle of a length");
        break;
    default:
        return fx_fault(firefox, "a field is of a kind that protobuf has not");
    }
    left = (size_t)(span->end - span->at);
    if (size > left)
        return fx_fault(firefox, "a field is longer than its message");
    out_field->bytes = (fx_span){span->at, span->at + size};
    out_field->is_bytes = true;
    span->at += size;
    return true;
}

/* ---- texts ---- */

static bool fx_text_add(plim__firefox *firefox, plim__rows *table, char *bytes, size_t size,
                        uint32_t *out_number)
{
    plim_text *row = bytes != NULL ? plim__rows_add(table) : NULL;
    if (row == NULL)
        return fx_short(firefox, table);
    *row = (plim_text){bytes, size};
    *out_number = table->count - 1;
    return true;
}

static bool fx_wide_add(plim__firefox *firefox, fx_span bytes, uint32_t *out_number)
{
    size_t units = (size_t)(bytes.end - bytes.at) / 2, size = 0;
    char *out = plim__text_arena_take(&firefox->arena, units * 3); /* a pair makes 4 of 2 units */
    for (size_t i = 0; i < units && out != NULL; i++) {
        uint32_t unit = bytes.at[2 * i] | (uint32_t)bytes.at[2 * i + 1] << 8;
        if (i + 1 < units) {
            uint32_t low = bytes.at[2 * i + 2] | (uint32_t)bytes.at[2 * i + 3] << 8;
            if (plim__wtf8_is_pair(unit, low)) {
                unit = plim__wtf8_of_pair(unit, low);
                i++;
            }
        }
        size += plim__wtf8_put(out + size, unit);
    }
    return fx_text_add(firefox, &firefox->wide, out, size, out_number);
}

static bool fx_narrow_add(plim__firefox *firefox, fx_span bytes, uint32_t *out_number)
{
    size_t count = (size_t)(bytes.end - bytes.at), size = 0;
    char *out = plim__text_arena_take(&firefox->arena, count * 2);
    for (size_t i = 0; i < count && out != NULL; i++)
        size += plim__wtf8_put(out + size, bytes.at[i]);
    return fx_text_add(firefox, &firefox->narrow, out, size, out_number);
}

/* A text's field, new or by number. */
static bool fx_text(plim__firefox *firefox, plim__rows *table, const fx_field *field,
                    uint32_t *out_number)
{
    if (field->is_bytes)
        return table == &firefox->wide ? fx_wide_add(firefox, field->bytes, out_number)
                                       : fx_narrow_add(firefox, field->bytes, out_number);
    if (field->value >= table->count)
        return fx_fault(firefox, "a text is named that was not there yet");
    *out_number = (uint32_t)field->value;
    return true;
}

/* ---- stack frames ---- */

/* Data: its own texts now; its parent's span for the next turn. */
static bool fx_frame_data(plim__firefox *firefox, fx_span data, plim__firefox_raw *raw,
                          fx_span *out_parent)
{
    fx_field field;
    for (unsigned turn = 0; turn < 2; turn++) { /* source, then function, wherever they stand */
        fx_span span = data;
        while (fx_next(firefox, &span, &field)) {
            if (field.number == 1 && !field.is_bytes)
                raw->id = field.value;
            if (field.number == 2 && field.is_bytes)
                *out_parent = field.bytes;
            if (field.number == 3 && field.value < UINT32_MAX)
                raw->frame.line = (uint32_t)field.value;
            if (field.number == 4 && field.value < UINT32_MAX)
                raw->frame.column = (uint32_t)field.value;
            if (field.number != 5 + 2 * turn && field.number != 6 + 2 * turn)
                continue;
            if (!fx_text(firefox, &firefox->wide, &field,
                         turn == 0 ? &raw->frame.source : &raw->frame.name))
                return false;
        }
    }
    return firefox->pull.status == PLIM_OK;
}

/* The stack under way becomes rows, the outermost first; *out_row is the innermost. */
static bool fx_frames_keep(plim__firefox *firefox, uint32_t outer, uint32_t *out_row)
{
    const plim__firefox_raw *chain = firefox->chain.data;
    for (uint32_t i = firefox->chain.count; i > 0; i--) {
        const plim__firefox_raw *raw = &chain[i - 1];
        uint32_t row = raw->id < UINT64_MAX ? plim__id_map_find(&firefox->frame_rows, raw->id) : 0;
        if (raw->id == UINT64_MAX || row != PLIM_NONE)
            return fx_fault(firefox, "two frames have one id");
        plim__firefox_frame *frame = plim__rows_add(&firefox->frames);
        if (frame == NULL)
            return fx_short(firefox, &firefox->frames);
        *frame = raw->frame;
        frame->parent = outer;
        outer = firefox->frames.count - 1;
        if (!plim__id_map_add(&firefox->frame_rows, raw->id, outer))
            return fx_short(firefox, &firefox->frames);
    }
    *out_row = outer;
    return true;
}

/* A frame and its parents, one inside the other: each turn's span lies in the one before. A frame
   that is known already is named by its number and ends the chain. */
static bool fx_frames(plim__firefox *firefox, fx_span frame, uint32_t *out_row)
{
    uint32_t outer = PLIM_NONE;
    firefox->chain.count = 0;
    while (frame.at < frame.end) {
        fx_span parent = {NULL, NULL};
        fx_field field;
        while (fx_next(firefox, &frame, &field)) {
            plim__firefox_raw raw = {
                .frame = {.parent = PLIM_NONE, .name = PLIM_NONE, .source = PLIM_NONE}};
            if (field.number == 2 && !field.is_bytes && firefox->keep_stacks) {
                outer = plim__id_map_find(&firefox->frame_rows, field.value);
                if (outer == PLIM_NONE)
                    return fx_fault(firefox, "a frame is named that was not there yet");
            }
            if (field.number != 1 || !field.is_bytes)
                continue;
            if (!fx_frame_data(firefox, field.bytes, &raw, &parent))
                return false;
            plim__firefox_raw *row = firefox->keep_stacks ? plim__rows_add(&firefox->chain) : NULL;
            if (row != NULL)
                *row = raw;
            else if (firefox->keep_stacks)
                return fx_short(firefox, &firefox->chain);
        }
        frame = parent;
    }
    return firefox->pull.status == PLIM_OK && fx_frames_keep(firefox, outer, out_row);
}

/* ---- nodes ---- */

static bool fx_edge(plim__firefox *firefox, fx_span span)
{
    plim__firefox_edge *edge = plim__rows_add(&firefox->edges);
    if (edge == NULL)
        return fx_short(firefox, &firefox->edges);
    *edge = (plim__firefox_edge){.name = PLIM_NONE};
    fx_field field;
    while (fx_next(firefox, &span, &field)) {
        if (field.number == 1 && !field.is_bytes)
            edge->to = field.value;
        else if ((field.number == 2 && field.is_bytes) || (field.number == 3 && !field.is_bytes)) {
            if (!fx_text(firefox, &firefox->wide, &field, &edge->name))
                return false;
        }
    }
    return firefox->pull.status == PLIM_OK;
}

/* One field of a node. Texts' fields come in pairs: bytes where new, a number where known. */
static bool fx_node_field(plim__firefox *firefox, plim__firefox_node *node, uint64_t *id,
                          uint32_t *stack, const fx_field *field)
{
    switch (field->number) {
    case 1:
        *id = field->value;
        return true;
    case 2:
    case 3:
        return fx_text(firefox, &firefox->wide, field, &node->type);
    case 4:
        node->size = field->value;
        return true;
    case 5:
        return fx_edge(firefox, field->bytes);
    case 6:
        return fx_frames(firefox, field->bytes, stack);
    case 7:
    case 8:
        return fx_text(firefox, &firefox->narrow, field, &node->class);
    case 9:
        node->coarse = field->value <= PLIM__FIREFOX_DOM ? (uint32_t)field->value : 0;
        return true;
    case 10:
    case 11:
        return fx_text(firefox, &firefox->narrow, field, &node->script);
    case 12:
    case 13:
        return fx_text(firefox, &firefox->wide, field, &node->described);
    default:
        return true; /* of a Firefox to come */
    }
}

static bool fx_node(plim__firefox *firefox, fx_span span)
{
    plim__firefox_node node = {.type = PLIM_NONE,
                               .described = PLIM_NONE,
                               .class = PLIM_NONE,
                               .script = PLIM_NONE,
                               .first_edge = firefox->edges.count};
    uint64_t id = 0;
    uint32_t stack = PLIM_NONE;
    fx_field field;
    while (fx_next(firefox, &span, &field))
        if (!fx_node_field(firefox, &node, &id, &stack, &field))
            return false;
    if (firefox->pull.status != PLIM_OK)
        return false;
    uint64_t *id_row = plim__rows_add(&firefox->ids);
    plim__firefox_node *row = plim__rows_add(&firefox->nodes);
    if (id_row == NULL || row == NULL)
        return fx_short(firefox, &firefox->nodes);
    *id_row = id;
    *row = node;
    uint32_t *stack_row = firefox->keep_stacks ? plim__rows_add(&firefox->stacks) : &stack;
    if (stack_row == NULL)
        return fx_short(firefox, &firefox->stacks);
    *stack_row = stack;
    return true;
}

/* ---- messages ---- */

/* The length before a message; false at the end of all. */
static bool fx_length(plim__firefox *firefox, uint64_t *out_length)
{
    *out_length = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        int byte = plim__pull_take(&firefox->pull);
        if (byte < 0 && shift > 0)
            (void)plim__pull_fail(&firefox->pull, PLIM_ERR_TRUNCATED,
                                  "the file ends in the middle of a length");
        if (byte < 0)
            return false;
        *out_length |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return fx_fault(firefox, "a message's length has more than 64 bits");
}

/* A message's bytes into `message`, whose memory grows with what comes. */
static bool fx_message(plim__firefox *firefox, plim__rows *message, uint64_t length)
{
    message->count = 0;
    if (length > PLIM_FOREIGN_ROWS_MAX)
        return fx_fault(firefox, "a message of more than a gigabyte");
    while (message->count < length) {
        uint64_t wanted = length - message->count;
        wanted = wanted < FIREFOX_PIECE_BYTES ? wanted : FIREFOX_PIECE_BYTES;
        while (message->capacity < message->count + wanted) {
            uint32_t count = message->count; /* grows by doubling: a row is a byte */
            message->count = message->capacity;
            bool has_room = plim__rows_add(message) != NULL;
            message->count = count;
            if (!has_room)
                return fx_short(firefox, message);
        }
        size_t got = plim__pull_bytes(&firefox->pull, (char *)message->data + message->count,
                                      (size_t)wanted);
        message->count += (uint32_t)got;
        if (got < wanted) {
            (void)plim__pull_fail(&firefox->pull, PLIM_ERR_TRUNCATED,
                                  "the file ends in the middle of a message of %" PRIu64 " bytes",
                                  length);
            return false;
        }
    }
    return true;
}

bool plim__firefox_decode(plim__firefox *firefox)
{
    plim__rows message = {.allocator = firefox->allocator, .row_bytes = 1};
    uint64_t length;
    bool is_metadata = true, goes_on = true;
    while (goes_on && fx_length(firefox, &length)) {
        goes_on = fx_message(firefox, &message, length);
        static const unsigned char nothing[1] = {0};
        const unsigned char *bytes = message.count > 0 ? message.data : nothing;
        if (goes_on && !is_metadata)
            goes_on = fx_node(firefox, (fx_span){bytes, bytes + message.count});
        is_metadata = false;
    }
    plim__rows_fini(&message);
    if (firefox->pull.status == PLIM_OK && firefox->nodes.count == 0)
        (void)plim__pull_fail(&firefox->pull, PLIM_ERR_TRUNCATED, "there is no node in the file");
    return firefox->pull.status == PLIM_OK;
}

void plim__firefox_fini(plim__firefox *firefox)
{
    plim__id_map_fini(&firefox->map);
    plim__id_map_fini(&firefox->frame_rows);
    plim__rows_fini(&firefox->frames);
    plim__rows_fini(&firefox->stacks);
    plim__rows_fini(&firefox->chain);
    plim__rows_fini(&firefox->ids);
    plim__rows_fini(&firefox->nodes);
    plim__rows_fini(&firefox->edges);
    plim__rows_fini(&firefox->wide);
    plim__rows_fini(&firefox->narrow);
    plim__text_arena_fini(&firefox->arena);
    plim__pull_fini(&firefox->pull);
}

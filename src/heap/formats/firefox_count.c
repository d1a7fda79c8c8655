/* SPDX-License-Identifier: MIT */
/*
 * The same messages that firefox_decode.c reads, by their lengths alone.
 * Invariant F1: `left` is what of the message under way has not been taken yet; no field may pass
 * it.
 */
#include "heap/formats/firefox_count.h"

#include "base/assert.h"
#include "heap/formats/pull.h"

enum { COUNT_EDGE_FIELD = 5, COUNT_PIECE_BYTES = 4096 };

typedef struct count_walk {
    plim__pull pull;
    uint64_t left;
} count_walk;

static bool count_fault(count_walk *walk, const char *what)
{
    bool is_end = walk->pull.ended && walk->pull.status == PLIM_OK;
    (void)plim__pull_fail(&walk->pull, is_end ? PLIM_ERR_TRUNCATED : PLIM_ERR_DAMAGED, "%s",
                          is_end ? "the snapshot ends in the middle of a message" : what);
    return false;
}

/* A number inside the message. */
static bool count_varint(count_walk *walk, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        int byte = walk->left > 0 ? plim__pull_take(&walk->pull) : -1;
        if (byte < 0)
            break;
        walk->left--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return count_fault(walk, "a message ends in the middle of a number");
}

static bool count_skip(count_walk *walk, uint64_t bytes)
{
    unsigned char scratch[COUNT_PIECE_BYTES];
    if (bytes > walk->left)
        return count_fault(walk, "a field is longer than its message");
    while (bytes > 0) {
        size_t piece = bytes < sizeof scratch ? (size_t)bytes : sizeof scratch;
        if (plim__pull_bytes(&walk->pull, scratch, piece) < piece)
            return count_fault(walk, "the snapshot cannot be read");
        bytes -= piece;
        walk->left -= piece;
    }
    return true;
}

static bool count_field(count_walk *walk, plim__firefox_counts *counts)
{
    uint64_t key, size;
    if (!count_varint(walk, &key))
        return false;
    switch (key & 7) {
    case 0:
        return count_varint(walk, &size);
    case 1:
        return count_skip(walk, 8);
    case 2:
        counts->edge_count += key >> 3 == COUNT_EDGE_FIELD;
        return count_varint(walk, &size) && count_skip(walk, size);
    case 5:
        return count_skip(walk, 4);
    default:
        return count_fault(walk, "a field is of a kind that protobuf has not");
    }
}

/* The length before a message; false at the end of all. */
static bool count_begin(count_walk *walk)
{
    if (plim__pull_peek(&walk->pull) < 0)
        return false;
    uint64_t length = 0;
    walk->left = 10; /* bytes that a length can have */
    if (!count_varint(walk, &length))
        return false;
    walk->left = length;
    return true;
}

plim_status plim__firefox_count(plim_source plain, const plim_allocator *allocator,
                                plim__firefox_counts *out_counts, plim_error *err)
{
    static const plim_progress none = {0};
    PLIM_CHECK(plain.read != NULL && out_counts != NULL);
    plim_error unread = {0};
    count_walk walk = {.left = 0};
    *out_counts = (plim__firefox_counts){0};
    if (!plim__pull_init(&walk.pull, plain, none, allocator, err != NULL ? err : &unread))
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a snapshot");
    bool goes_on = count_begin(&walk) && count_skip(&walk, walk.left); /* metadata */
    while (goes_on && count_begin(&walk)) {
        out_counts->node_count++;
        while (goes_on && walk.left > 0)
            goes_on = count_field(&walk, out_counts);
    }
    if (walk.pull.status == PLIM_OK && out_counts->node_count == 0)
        (void)plim__pull_fail(&walk.pull, PLIM_ERR_TRUNCATED, "there is no node in the snapshot");
    plim_status status = walk.pull.status;
    plim__pull_fini(&walk.pull);
    return status;
}

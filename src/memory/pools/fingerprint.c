/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints: a sorted array of rows, so that two of them are compared like two sorted lists, and
 * equal states read the same. Sorted by insertion: rows are hundreds, and taking one is rare.
 * Invariants: F1 rows are strictly ascending by owner, kind, site.
 *             F2 the sums of count and bytes over rows and rest are those of all that was added.
 */
#include <plimsoll/fingerprint.h>

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "memory/pools/fingerprint_walk.h"
#include "memory/pools/pool_state.h"

enum {
    FINGERPRINT_LINE_BYTES = 512, /* three texts, six numbers of 20 digits */
    FINGERPRINT_PATH_MAX = 4096   /* of a site: as long as a path may be */
};

static const uint64_t fingerprint_fnv_start = UINT64_C(0xcbf29ce484222325);
static const uint64_t fingerprint_fnv_prime = UINT64_C(0x100000001b3);

/* A text with its NUL, so that two in a row cannot be read as two others. */
static uint64_t fingerprint_hash_text(uint64_t hash, const char *text)
{
    size_t i = 0;
    do
        hash = (hash ^ (unsigned char)text[i]) * fingerprint_fnv_prime;
    while (text[i++] != '\0');
    return hash;
}

/* Numbers are hashed by value, so that the digest is the same on every machine. */
static uint64_t fingerprint_hash_number(uint64_t hash, uint64_t number)
{
    for (uint32_t shift = 0; shift < 64; shift += 8)
        hash = (hash ^ (number >> shift & 0xff)) * fingerprint_fnv_prime;
    return hash;
}

void plim_fingerprint_start(plim_fingerprint *fingerprint, plim_fingerprint_row *rows,
                            uint32_t row_max)
{
    PLIM_CHECK(fingerprint != NULL && (rows != NULL || row_max == 0));
    *fingerprint = (plim_fingerprint){.rows = rows, .row_max = row_max};
}

static int fingerprint_text_order(const char *a, const char *b, size_t max)
{
    for (size_t i = 0; i < max; i++) {
        if (a[i] != b[i])
            return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
        if (a[i] == '\0')
            return 0;
    }
    return 0;
}

int plim__fingerprint_order(const plim_fingerprint_row *a, const plim_fingerprint_row *b)
{
    int order = fingerprint_text_order(a->owner, b->owner, sizeof a->owner);
    if (order == 0)
        order = fingerprint_text_order(a->kind, b->kind, sizeof a->kind);
    if (order == 0)
        order = fingerprint_text_order(a->site, b->site, sizeof a->site);
    return order;
}

/* The first row that is not before it. */
static uint32_t fingerprint_place(const plim_fingerprint *fingerprint,
                                  const plim_fingerprint_row *row)
{
    uint32_t low = 0;
    uint32_t high = fingerprint->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (plim__fingerprint_order(&fingerprint->rows[middle], row) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void plim_fingerprint_add(plim_fingerprint *fingerprint, const plim_fingerprint_row *row)
{
    PLIM_CHECK(fingerprint != NULL && row != NULL);
    uint32_t place = fingerprint_place(fingerprint, row);
    plim_fingerprint_row *at = fingerprint->rows + place;
    if (place < fingerprint->row_count && plim__fingerprint_order(at, row) == 0) {
        at->count += row->count;
        at->bytes += row->bytes;
        at->state += row->state;
        return;
    }
    if (fingerprint->row_count == fingerprint->row_max) {
        fingerprint->rest_count += row->count;
        fingerprint->rest_bytes += row->bytes;
        return;
    }
    memmove(at + 1, at, (fingerprint->row_count - place) * sizeof *at);
    *at = *row;
    fingerprint->row_count++;
}

/* Of a path that is too long, the end is what tells. */
void plim__fingerprint_site(plim_fingerprint_row *row, const char *site)
{
    size_t length = plim__text_length(site, FINGERPRINT_PATH_MAX);
    size_t skip =
        length < PLIM_FINGERPRINT_SITE_BYTES ? 0 : length - (PLIM_FINGERPRINT_SITE_BYTES - 1);
    memcpy(row->site, site + skip, length - skip);
    row->site[length - skip] = '\0';
}

/* Flags, pins, and how many slots the last frame took: not serials, which only ever rise. */
static uint64_t fingerprint_pool_state(const plim_pool *pool)
{
    uint64_t hash = fingerprint_hash_number(fingerprint_fnv_start, pool->frame_acquired);
    for (uint32_t w = 0; w < pool->word_count; w++) {
        hash = fingerprint_hash_number(hash, plim__pool_used_word(pool, w));
        hash = fingerprint_hash_number(hash, pool->pinned[w]);
    }
    return hash;
}

void plim_fingerprint_add_pool(plim_fingerprint *fingerprint, const plim_pool *pool)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    plim_fingerprint_row row = {0};
    plim__text kind;
    memcpy(row.owner, pool->name, sizeof pool->name);
    plim__text_init(&kind, row.kind, sizeof row.kind);
    plim__text_format(&kind, "pool %s", pool->format);
    row.count = plim__pool_in_use(pool);
    row.bytes = pool->block_bytes + pool->slot_held_bytes;
    row.state = fingerprint_pool_state(pool);
    plim_fingerprint_add(fingerprint, &row);
    memcpy(row.kind, pool->format, sizeof pool->format);
    row.state = 0;
    for (uint32_t i = 0; i < pool->slot_count; i++) {
        plim_pool_holder holder;
        if (!plim_pool_holder_read(pool, i, &holder))
            continue;
        plim__fingerprint_site(&row, holder.site);
        row.count = 1;
        row.bytes = (uint64_t)holder.element_count * pool->element_bytes;
        plim_fingerprint_add(fingerprint, &row);
    }
}

uint64_t plim__fingerprint_digest_begin(void)
{
    return fingerprint_fnv_start;
}

uint64_t plim__fingerprint_digest_row(uint64_t hash, const plim_fingerprint_row *row)
{
    hash = fingerprint_hash_text(hash, row->owner);
    hash = fingerprint_hash_text(hash, row->kind);
    hash = fingerprint_hash_text(hash, row->site);
    hash = fingerprint_hash_number(hash, row->count);
    hash = fingerprint_hash_number(hash, row->bytes);
    return fingerprint_hash_number(hash, row->state);
}

uint64_t plim__fingerprint_digest_end(uint64_t hash, uint64_t rest_count, uint64_t rest_bytes)
{
    return fingerprint_hash_number(fingerprint_hash_number(hash, rest_count), rest_bytes);
}

uint64_t plim_fingerprint_digest(const plim_fingerprint *fingerprint)
{
    uint64_t hash = plim__fingerprint_digest_begin();
    for (uint32_t i = 0; i < fingerprint->row_count; i++)
        hash = plim__fingerprint_digest_row(hash, &fingerprint->rows[i]);
    return plim__fingerprint_digest_end(hash, fingerprint->rest_count, fingerprint->rest_bytes);
}

/* ---- writing ---- */

typedef struct fingerprint_writer {
    plim_sink sink;
    plim_error *err;
    plim_status status; /* the first failure; nothing is written after it */
} fingerprint_writer;

static void fingerprint_send(fingerprint_writer *writer, const plim__text *text)
{
    if (writer->status == PLIM_OK && writer->sink.write != NULL)
        writer->status = writer->sink.write(writer->sink.ctx, text->out, text->length, writer->err);
}

static void fingerprint_change(plim__text *line, const char *unit, uint64_t before, uint64_t after)
{
    bool grew = after >= before;
    plim__text_format(line, "%llu -> %llu%s (%s%llu)", (unsigned long long)before,
                      (unsigned long long)after, unit, grew ? "+" : "-",
                      (unsigned long long)(grew ? after - before : before - after));
}

/* One of the two is NULL where the row is new or gone. */
static void fingerprint_tell(fingerprint_writer *writer, const plim_fingerprint_row *before,
                             const plim_fingerprint_row *after)
{
    char out[FINGERPRINT_LINE_BYTES];
    plim__text line;
    const plim_fingerprint_row *row = after != NULL ? after : before;
    plim_fingerprint_row none = {0};
    const plim_fingerprint_row *was = before != NULL ? before : &none;
    const plim_fingerprint_row *is = after != NULL ? after : &none;
    plim__text_init(&line, out, sizeof out);
    plim__text_format(&line, "%s  %s  %s: ", row->owner, row->kind,
                      row->site[0] != '\0' ? row->site : "(all)");
    if (was->count == is->count && was->bytes == is->bytes)
        plim__text_format(&line, "the same %llu, but not in the same places",
                          (unsigned long long)is->count);
    else {
        fingerprint_change(&line, "", was->count, is->count);
        plim__text_format(&line, ", ");
        fingerprint_change(&line, " bytes", was->bytes, is->bytes);
    }
    plim__text_format(&line, "\n");
    fingerprint_send(writer, &line);
}

static bool fingerprint_row_same(const plim_fingerprint_row *a, const plim_fingerprint_row *b)
{
    return a->count == b->count && a->bytes == b->bytes && a->state == b->state;
}

uint32_t plim_fingerprint_compare(const plim_fingerprint *before, const plim_fingerprint *after,
                                  plim_sink sink, plim_error *err)
{
    fingerprint_writer writer = {sink, err, PLIM_OK};
    uint32_t changed = 0;
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < before->row_count || k < after->row_count) {
        const plim_fingerprint_row *was = i < before->row_count ? &before->rows[i] : NULL;
        const plim_fingerprint_row *is = k < after->row_count ? &after->rows[k] : NULL;
        int order = was == NULL ? 1 : is == NULL ? -1 : plim__fingerprint_order(was, is);
        if (order < 0)
            is = NULL;
        if (order > 0)
            was = NULL;
        i += was != NULL;
        k += is != NULL;
        if (was != NULL && is != NULL && fingerprint_row_same(was, is))
            continue;
        changed++;
        fingerprint_tell(&writer, was, is);
    }
    plim_fingerprint_row rest_was = {
        .owner = "(no row left)", .count = before->rest_count, .bytes = before->rest_bytes};
    plim_fingerprint_row rest_is = {
        .owner = "(no row left)", .count = after->rest_count, .bytes = after->rest_bytes};
    if (!fingerprint_row_same(&rest_was, &rest_is)) {
        changed++;
        fingerprint_tell(&writer, &rest_was, &rest_is);
    }
    return changed;
}

/* Texts are ours or a compiler's file names; what JSON cannot hold is escaped. */
static void fingerprint_json_text(plim__text *line, const char *key, const char *value)
{
    plim__text_format(line, "\"%s\":\"", key);
    for (size_t i = 0; value[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)value[i];
        if (byte == '"' || byte == '\\')
            plim__text_format(line, "\\%c", byte);
        else if (byte < 0x20)
            plim__text_format(line, "\\u%04x", byte);
        else
            plim__text_add(line, &value[i], 1);
    }
    plim__text_format(line, "\",");
}

static void fingerprint_json_row(fingerprint_writer *writer, const plim_fingerprint_row *row,
                                 bool is_first)
{
    char out[2 * FINGERPRINT_LINE_BYTES + 512]; /* every byte escaped in six */
    plim__text line;
    plim__text_init(&line, out, sizeof out);
    plim__text_format(&line, is_first ? "{" : ",{");
    fingerprint_json_text(&line, "owner", row->owner);
    fingerprint_json_text(&line, "kind", row->kind);
    fingerprint_json_text(&line, "site", row->site);
    plim__text_format(&line, "\"count\":%llu,\"bytes\":%llu,\"state\":\"0x%016llx\"}",
                      (unsigned long long)row->count, (unsigned long long)row->bytes,
                      (unsigned long long)row->state);
    fingerprint_send(writer, &line);
}

static void fingerprint_json(fingerprint_writer *writer, const plim_fingerprint *fingerprint)
{
    char out[FINGERPRINT_LINE_BYTES];
    plim__text line;
    plim__text_init(&line, out, sizeof out);
    plim__text_format(&line, "{\"digest\":\"0x%016llx\",\"rest_count\":%llu,\"rest_bytes\":%llu,",
                      (unsigned long long)plim_fingerprint_digest(fingerprint),
                      (unsigned long long)fingerprint->rest_count,
                      (unsigned long long)fingerprint->rest_bytes);
    plim__text_format(&line, "\"rows\":[");
    fingerprint_send(writer, &line);
    for (uint32_t i = 0; i < fingerprint->row_count; i++)
        fingerprint_json_row(writer, &fingerprint->rows[i], i == 0);
    plim__text_init(&line, out, sizeof out);
    plim__text_format(&line, "]}");
    fingerprint_send(writer, &line);
}

static void fingerprint_table(fingerprint_writer *writer, const plim_fingerprint *fingerprint)
{
    char out[FINGERPRINT_LINE_BYTES];
    plim__text line;
    for (uint32_t i = 0; i < fingerprint->row_count; i++) {
        const plim_fingerprint_row *row = &fingerprint->rows[i];
        plim__text_init(&line, out, sizeof out);
        plim__text_format(&line, "%-20s %-16s %8llu %12llu  %s\n", row->owner, row->kind,
                          (unsigned long long)row->count, (unsigned long long)row->bytes,
                          row->site);
        fingerprint_send(writer, &line);
    }
    plim__text_init(&line, out, sizeof out);
    plim__text_format(&line, "fingerprint 0x%016llx\n",
                      (unsigned long long)plim_fingerprint_digest(fingerprint));
    fingerprint_send(writer, &line);
}

plim_status plim_fingerprint_write(const plim_fingerprint *fingerprint, plim_report_form form,
                                   plim_sink sink, plim_error *err)
{
    fingerprint_writer writer = {sink, err, PLIM_OK};
    switch (form) {
    case PLIM_REPORT_TEXT:
        fingerprint_table(&writer, fingerprint);
        break;
    case PLIM_REPORT_JSON:
        fingerprint_json(&writer, fingerprint);
        break;
    }
    return writer.status;
}

/* SPDX-License-Identifier: MIT */
/*
 * Publications: a header and a text in one shared memory. The sequence is odd while the text is
 * written, so that a reader, who only copies, knows whether what it copied is whole (U1).
 */
#include <plimsoll/publish.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "memory/atomic.h"
#include "platform/peer_memory.h"
#include "platform/shared.h"

enum {
    PUBLISH_MAGIC = 0x0b115ed0,
    PUBLISH_NAME_BYTES = 32,
    PUBLISH_TRIES = 1000 /* reads of a report that is written all the time */
};

static const char publish_prefix[] = "plimsoll-";
static const char publish_mark[8] = "plimrpt1";
/* Of one report: as much as `plim stable` reads. */
static const uint64_t publish_bytes_max = 16u << 20;

typedef struct publish_header {
    char mark[8];
    _Atomic uint64_t sequence;
    uint64_t length; /* of the text; 0: there is none */
} publish_header;

struct plim_publication {
    uint32_t magic;
    plim__shared shared;
    size_t length; /* written so far */
};

plim_status plim_publish_start(const char *name, size_t bytes, plim_publication **out_publication,
                               plim_error *err)
{
    PLIM_CHECK(name != NULL && out_publication != NULL);
    size_t length = plim__text_length(name, PUBLISH_NAME_BYTES);
    char whole[sizeof publish_prefix + PUBLISH_NAME_BYTES];
    plim__text text;
    size_t all;
    if (length == 0 || length == PUBLISH_NAME_BYTES || bytes == 0 || bytes > publish_bytes_max ||
        !plim__add_size(bytes, sizeof(publish_header), &all))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a publication has a name of 1 to %d bytes and 1 byte to 16 MiB",
                              PUBLISH_NAME_BYTES - 1);
    plim__text_init(&text, whole, sizeof whole);
    plim__text_format(&text, "%s%s", publish_prefix, name);
    plim_publication *made = plim__array_new_zero(plim_allocator_system(), 1, sizeof *made);
    if (made == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory to publish %s", name);
    made->magic = PUBLISH_MAGIC;
    made->shared.descriptor = -1;
    plim_status status = plim__shared_anonymous(whole, all, &made->shared, err);
    if (status != PLIM_OK) {
        plim_publish_end(&made);
        return status;
    }
    publish_header *header = made->shared.memory;
    memcpy(header->mark, publish_mark, sizeof header->mark);
    *out_publication = made;
    return PLIM_OK;
}

static plim_status publish_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim_publication *to = ctx;
    size_t room = to->shared.bytes - sizeof(publish_header) - to->length;
    if (len > room)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "the report is longer than its %zu bytes",
                              to->shared.bytes - sizeof(publish_header));
    memcpy((char *)to->shared.memory + sizeof(publish_header) + to->length, data, len);
    to->length += len;
    return PLIM_OK;
}

/* The place is empty, and says that it is being written; the sequence to end with. */
static uint64_t publish_open(plim_publication *publication)
{
    PLIM_CHECK_OBJ(publication, PUBLISH_MAGIC);
    publish_header *header = publication->shared.memory;
    uint64_t sequence = plim__load_relaxed(&header->sequence);
    (void)plim__exchange(&header->sequence, sequence + 1); /* U1: odd before the text changes */
    header->length = 0;
    publication->length = 0;
    return sequence + 2;
}

static plim_status publish_close(plim_publication *publication, uint64_t sequence,
                                 plim_status status)
{
    publish_header *header = publication->shared.memory;
    if (status == PLIM_OK)
        header->length = publication->length;
    plim__store(&header->sequence, sequence);
    return status;
}

plim_status plim_publish_report(plim_publication *publication, const plim_fingerprint *fingerprint,
                                plim_error *err)
{
    static const char head[] = "{\"schema\":\"plim.report/1\",\"fingerprint\":";
    static const char tail[] = "}\n";
    uint64_t sequence = publish_open(publication);
    plim_status status = publish_write(publication, head, sizeof head - 1, err);
    if (status == PLIM_OK)
        status = plim_fingerprint_write(fingerprint, PLIM_REPORT_JSON,
                                        (plim_sink){publication, publish_write}, err);
    if (status == PLIM_OK)
        status = publish_write(publication, tail, sizeof tail - 1, err);
    return publish_close(publication, sequence, status);
}

plim_status plim_publish_manager(plim_publication *publication, plim_manager *manager,
                                 plim_error *err)
{
    uint64_t sequence = publish_open(publication);
    plim_status status =
        plim_report(manager, PLIM_REPORT_JSON, (plim_sink){publication, publish_write}, err);
    return publish_close(publication, sequence, status);
}

void plim_publish_end(plim_publication **publication)
{
    if (publication == NULL || *publication == NULL)
        return;
    plim_publication *ended = *publication;
    PLIM_CHECK_OBJ(ended, PUBLISH_MAGIC);
    plim__shared_close(&ended->shared);
    ended->magic = 0;
    plim__array_free(plim_allocator_system(), ended, 1, sizeof *ended);
    *publication = NULL;
}

/* ---- reading another process's ---- */

/* A copy of the header, if it is one; false otherwise. */
static bool published_head(plim__peer_memory memory, publish_header *out)
{
    size_t got = 0;
    return plim__peer_memory_read(memory, 0, out, sizeof *out, &got) == PLIM_OK &&
           got == sizeof *out && memcmp(out->mark, publish_mark, sizeof out->mark) == 0;
}

static plim_status published_copy(plim__peer_memory memory, char *text, size_t *out_length)
{
    for (uint32_t i = 0; i < PUBLISH_TRIES; i++) {
        publish_header before;
        publish_header after;
        size_t got = 0;
        if (!published_head(memory, &before))
            return PLIM_ERR_GONE;
        uint64_t sequence = plim__load_relaxed(&before.sequence);
        if (sequence % 2 != 0 || before.length == 0 || before.length > publish_bytes_max)
            continue;
        if (plim__peer_memory_read(memory, sizeof before, text, (size_t)before.length, &got) ==
                PLIM_OK &&
            got == before.length && published_head(memory, &after) &&
            plim__load_relaxed(&after.sequence) == sequence) {
            *out_length = got;
            return PLIM_OK;
        }
    }
    return PLIM_ERR_TIMEOUT;
}

static plim_status published_hand_on(plim__peer_memory memory, int64_t pid, plim_sink sink,
                                     plim_error *err)
{
    const plim_allocator *allocator = plim_allocator_system();
    size_t length = 0;
    char *text = plim__array_new(allocator, (size_t)publish_bytes_max, 1);
    if (text == NULL)
        return plim__no_memory(err, "a published report");
    plim_status status = published_copy(memory, text, &length);
    if (status == PLIM_OK)
        status = sink.write(sink.ctx, text, length, err);
    else
        (void)plim_error_set(err, status, "process %lld has published nothing that is whole",
                             (long long)pid);
    plim__array_free(allocator, text, (size_t)publish_bytes_max, 1);
    return status;
}

plim_status plim_published_read(int64_t pid, plim_sink sink, plim_error *err)
{
    PLIM_CHECK(sink.write != NULL);
    uint32_t position = 0;
    for (;;) { /* ends: position moves on to the last descriptor */
        plim__peer_memory memory = {-1};
        publish_header header;
        plim_status status = plim__peer_memory_next(pid, publish_prefix, &position, &memory, err);
        if (status != PLIM_OK)
            return status;
        if (published_head(memory, &header)) {
            status = published_hand_on(memory, pid, sink, err);
            plim__peer_memory_close(&memory);
            return status;
        }
        plim__peer_memory_close(&memory); /* a region: it has the same kind of name */
    }
}

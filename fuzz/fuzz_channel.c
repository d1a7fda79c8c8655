/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as messages. Claims: what is understood does not depend on the cuts; a message that was
 * understood is written again as bytes that give the same message; nothing takes more memory than
 * three messages of the size allowed.
 */
#include <plimsoll/channel.h>

#include <string.h>

#include "input.h"

enum { PAYLOAD_MAX = 4096, MEMORY_BYTES = 16 << 10, SIZE_MOST = 64 << 10 };

/* What came of an input: the same for all cuts. */
typedef struct seen {
    plim_status status;
    uint64_t messages, skipped, sum;
    bool is_between;
} seen;

static void look(const plim_message *message, seen *all)
{
    unsigned char bytes[PAYLOAD_MAX + PLIM_MESSAGE_HEAD_BYTES_MAX];
    size_t len = 0;
    size_t used = 0;
    bool is_whole = false;
    plim_message_reader *again = NULL;
    plim_message twin;
    FUZZ_CLAIM(plim_message_write(message, bytes, sizeof bytes, &len, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_message_reader_create(NULL, PAYLOAD_MAX, &again, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_message_reader_take(again, bytes, len, &used, &is_whole, &twin, NULL) ==
               PLIM_OK);
    FUZZ_CLAIM(is_whole && used == len && twin.kind == message->kind && twin.id == message->id &&
               twin.status == message->status && twin.body_bytes == message->body_bytes &&
               twin.error_bytes == message->error_bytes && twin.process == message->process);
    FUZZ_CLAIM(twin.body_bytes == 0 || memcmp(twin.body, message->body, twin.body_bytes) == 0);
    plim_message_reader_destroy(&again);
    for (size_t i = 0; i < len; i++)
        all->sum = all->sum * 31 + bytes[i];
    all->messages++;
}

static seen take(const unsigned char *data, size_t size, size_t cut)
{
    seen all = {.status = PLIM_OK};
    plim_cap *cap = NULL;
    plim_message_reader *reader = NULL;
    FUZZ_CLAIM(plim_cap_create(NULL, MEMORY_BYTES, &cap) == PLIM_OK);
    FUZZ_CLAIM(plim_message_reader_create(plim_cap_allocator(cap), PAYLOAD_MAX, &reader, NULL) ==
               PLIM_OK);
    for (size_t at = 0; at < size && all.status == PLIM_OK;) {
        size_t end = size - at < cut ? size : at + cut;
        while (at < end && all.status == PLIM_OK) {
            size_t used = 0;
            bool is_whole = false;
            plim_message message;
            all.status = plim_message_reader_take(reader, data + at, end - at, &used, &is_whole,
                                                  &message, NULL);
            FUZZ_CLAIM(used <= end - at && (used > 0 || all.status != PLIM_OK));
            if (is_whole)
                look(&message, &all);
            at += used;
        }
    }
    all.skipped = plim_message_reader_skipped(reader);
    all.is_between = all.status == PLIM_OK && plim_message_reader_is_between(reader);
    FUZZ_CLAIM(all.status == PLIM_OK || all.status == PLIM_ERR_PROTOCOL ||
               all.status == PLIM_ERR_LIMIT);
    plim_message_reader_destroy(&reader);
    plim_cap_destroy(&cap);
    return all;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size > SIZE_MOST)
        return 0;
    seen whole = take(data, size, SIZE_MOST);
    size_t cuts[] = {1, fuzz_cut(size), 16};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        seen other = take(data, size, cuts[i]);
        FUZZ_CLAIM(other.status == whole.status && other.messages == whole.messages &&
                   other.skipped == whole.skipped && other.sum == whole.sum &&
                   other.is_between == whole.is_between);
    }
    return 0;
}

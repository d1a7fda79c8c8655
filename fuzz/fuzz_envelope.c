/* SPDX-License-Identifier: MIT */
/*
 * Messages of an inspector, as a hostile one might send them. Claims: the way a message is cut
 * changes neither its answer nor what is streamed of it; nothing is left of the memory.
 */
#include "input.h"
#include "inspect/wire/envelope.h"

enum { MEMORY_BYTES = 256 << 20 };

typedef struct seen {
    size_t streamed;
    unsigned sum;
    unsigned messages;
} seen;

static plim_status on_stream(void *ctx, const char *data, size_t len, plim_error *err)
{
    (void)err;
    seen *all = ctx;
    all->streamed += len;
    for (size_t i = 0; i < len; i++)
        all->sum = all->sum * 31 + (unsigned char)data[i];
    return PLIM_OK;
}

static plim_status on_message(void *ctx, json_t *const *messages, size_t count, plim_error *err)
{
    (void)err;
    seen *all = ctx;
    FUZZ_CLAIM(count >= 1 && count <= PLIM__ENVELOPE_LEVELS);
    for (size_t i = 0; i < count; i++)
        FUZZ_CLAIM(json_is_object(messages[i]));
    all->messages += (unsigned)count;
    return PLIM_OK;
}

static plim_status run(const unsigned char *data, size_t size, size_t cut,
                       const plim_allocator *allocator, seen *all)
{
    static const plim__envelope_rule rules[] = {
        {.method = "HeapProfiler.addHeapSnapshotChunk", .key = "chunk"},
        {.method = "NodeWorker.receivedMessageFromWorker", .key = "message", .is_message = true},
        {.method = "Target.dispatchMessageFromTarget", .key = "message", .is_message = true},
        {.method = "Worker.dispatchMessageFromWorker", .key = "message", .is_message = true},
        {.method = "Heap.trackingComplete", .key = "snapshotData"},
        {.key = "snapshotData"},
        {.key = "value", .under = "result"},
    };
    plim__envelope_events events = {all, on_stream, on_message};
    plim__envelope *envelope = NULL;
    if (plim__envelope_create(allocator, rules, sizeof rules / sizeof rules[0], events, &envelope,
                              NULL) != PLIM_OK)
        return PLIM_ERR_NO_MEMORY;
    plim_status status = PLIM_OK;
    for (size_t at = 0; at < size && status == PLIM_OK; at += cut)
        status = plim__envelope_feed(envelope, (const char *)data + at,
                                     size - at < cut ? size - at : cut, NULL);
    if (status == PLIM_OK)
        status = plim__envelope_end(envelope, NULL);
    plim__envelope_destroy(&envelope);
    return status;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    seen whole = {0}, in_cuts = {0};
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_status first = run(data, size, size + 1, allocator, &whole);
    plim_status second = run(data, size, fuzz_cut(size), allocator, &in_cuts);
    FUZZ_CLAIM(first == second);
    FUZZ_CLAIM(first != PLIM_OK ||
               (whole.streamed == in_cuts.streamed && whole.sum == in_cuts.sum));
    FUZZ_CLAIM(whole.messages == in_cuts.messages);
    plim_cap_destroy(&cap);
    return 0;
}

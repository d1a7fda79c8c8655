/* SPDX-License-Identifier: MIT */
/*
 * A table of fixed size, a queue through it, a list of the free.
 * Invariants: Q1 every request is free, waiting or under way. Q2 the queue holds exactly those that
 * wait, in the order in which they came, those given back before all. Q3 an owner is told at the
 * moment his request becomes free, and no other path frees one: so he is told exactly once.
 * Q4 bytes is the sum over all that are not free.
 */
#include "supervise/pool/requests.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { REQUESTS_INDEX_BITS = 16 };

plim_status plim__requests_init(plim__requests *requests, uint32_t cap, uint64_t bytes_max,
                                uint32_t tries_max, const plim_allocator *allocator,
                                plim_error *err)
{
    PLIM_CHECK(requests != NULL && allocator != NULL);
    PLIM_CHECK(cap > 0 && cap < 1u << REQUESTS_INDEX_BITS);
    memset(requests, 0, sizeof *requests);
    plim__pool_request *items = plim__array_new_zero(allocator, cap, sizeof *items);
    if (items == NULL)
        return plim__no_memory(err, "a pool's requests");
    for (uint32_t i = 0; i < cap; i++)
        items[i].next = i + 1 < cap ? i + 1 : PLIM_POOL_NONE;
    *requests = (plim__requests){.allocator = allocator,
                                 .items = items,
                                 .cap = cap,
                                 .first = PLIM_POOL_NONE,
                                 .last = PLIM_POOL_NONE,
                                 .tries_max = tries_max,
                                 .bytes_max = bytes_max};
    return PLIM_OK;
}

void plim__requests_fini(plim__requests *requests)
{
    PLIM_CHECK(requests->waiting == 0 && requests->under_way == 0);
    plim__array_free(requests->allocator, requests->items, requests->cap, sizeof *requests->items);
    memset(requests, 0, sizeof *requests);
}

static void requests_enqueue(plim__requests *requests, plim__pool_request *request, bool at_front)
{
    uint32_t index = (uint32_t)(request - requests->items);
    request->state = PLIM__REQUEST_WAITING;
    request->before = at_front ? PLIM_POOL_NONE : requests->last;
    request->next = at_front ? requests->first : PLIM_POOL_NONE;
    if (request->before != PLIM_POOL_NONE)
        requests->items[request->before].next = index;
    else
        requests->first = index;
    if (request->next != PLIM_POOL_NONE)
        requests->items[request->next].before = index;
    else
        requests->last = index;
    requests->waiting++;
}

static void requests_unlink(plim__requests *requests, plim__pool_request *request)
{
    PLIM_CHECK(request->state == PLIM__REQUEST_WAITING && requests->waiting > 0);
    if (request->before != PLIM_POOL_NONE)
        requests->items[request->before].next = request->next;
    else
        requests->first = request->next;
    if (request->next != PLIM_POOL_NONE)
        requests->items[request->next].before = request->before;
    else
        requests->last = request->before;
    requests->waiting--;
}

plim_status plim__requests_add(plim__requests *requests, const void *code, uint32_t bytes,
                               plim__pool_request **out, plim_error *err)
{
    PLIM_CHECK(code != NULL || bytes == 0);
    if (requests->free == PLIM_POOL_NONE || bytes > requests->bytes_max - requests->bytes) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_LIMIT, "%u requests with %llu bytes wait already",
                           (unsigned)(requests->waiting + requests->under_way),
                           (unsigned long long)requests->bytes);
        plim_error_hint(err, "try again later, or give the pool more workers");
        return status;
    }
    unsigned char *copy = NULL;
    if (bytes > 0) {
        copy = plim__array_new(requests->allocator, bytes, 1);
        if (copy == NULL)
            return plim__no_memory(err, "a request");
        memcpy(copy, code, bytes);
    }
    uint32_t index = requests->free;
    plim__pool_request *request = &requests->items[index];
    PLIM_CHECK(request->state == PLIM__REQUEST_FREE);
    requests->free = request->next;
    memset(request, 0, sizeof *request);
    request->id = (++requests->serial << REQUESTS_INDEX_BITS) | index;
    request->code = copy;
    request->bytes = bytes;
    request->due_ns = UINT64_MAX;
    requests->bytes += bytes;
    requests_enqueue(requests, request, false);
    *out = request;
    return PLIM_OK;
}

plim__pool_request *plim__requests_find(plim__requests *requests, uint64_t id)
{
    uint32_t index = (uint32_t)(id & ((1u << REQUESTS_INDEX_BITS) - 1));
    if (index >= requests->cap || requests->items[index].state == PLIM__REQUEST_FREE)
        return NULL;
    return requests->items[index].id == id ? &requests->items[index] : NULL;
}

plim__pool_request *plim__requests_take(plim__requests *requests)
{
    if (requests->first == PLIM_POOL_NONE)
        return NULL;
    plim__pool_request *request = &requests->items[requests->first];
    requests_unlink(requests, request);
    request->state = PLIM__REQUEST_UNDER_WAY;
    request->tries++;
    requests->under_way++;
    return request;
}

plim__request_fate plim__requests_fate(const plim__requests *requests,
                                       const plim__pool_request *request, bool was_begun)
{
    PLIM_CHECK(request->state == PLIM__REQUEST_UNDER_WAY);
    if (request->tries >= requests->tries_max)
        return PLIM__FATE_FAIL; /* R2 too: whatever it is, it does not get through */
    if (!was_begun)
        return PLIM__FATE_AGAIN;
    return (request->flags & PLIM_MESSAGE_IDEMPOTENT) != 0 ? PLIM__FATE_REPEAT : PLIM__FATE_FAIL;
}

void plim__requests_give_back(plim__requests *requests, plim__pool_request *request)
{
    PLIM_CHECK(request->state == PLIM__REQUEST_UNDER_WAY && requests->under_way > 0);
    requests->under_way--;
    requests_enqueue(requests, request, true);
}

void plim__requests_finish(plim__requests *requests, plim__pool_request *request,
                           plim_pool_answer answer)
{
    PLIM_CHECK(request->state != PLIM__REQUEST_FREE);
    if (request->state == PLIM__REQUEST_WAITING) {
        requests_unlink(requests, request);
    } else {
        PLIM_CHECK(requests->under_way > 0);
        requests->under_way--;
    }
    answer.request = request->id;
    answer.tries = request->tries;
    void (*answered)(void *ctx, const plim_pool_answer *answer) = request->answered;
    void *ctx = request->ctx;
    plim__array_free(requests->allocator, request->code, request->bytes, 1);
    requests->bytes -= request->bytes;
    request->state = PLIM__REQUEST_FREE;
    request->code = NULL;
    request->next = requests->free;
    requests->free = (uint32_t)(request - requests->items);
    if (answered != NULL)
        answered(ctx, &answer);
}

plim__pool_request *plim__requests_overdue(plim__requests *requests, uint64_t now_ns)
{
    plim__pool_request *first = NULL;
    uint32_t left = requests->waiting + requests->under_way;
    for (uint32_t i = 0; i < requests->cap && left > 0; i++) {
        plim__pool_request *request = &requests->items[i];
        if (request->state == PLIM__REQUEST_FREE)
            continue;
        left--;
        if (request->due_ns <= now_ns && (first == NULL || request->due_ns < first->due_ns))
            first = request;
    }
    return first;
}

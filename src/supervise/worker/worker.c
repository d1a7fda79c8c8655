/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of the channel: blocking, over channel.h, with nothing but a C library below.
 * Invariants: W1 at most one request is under way; a second one is answered as BUSY. W2 what was
 * begun is noted in the supervisor's page before the caller sees it, so that after a death there is
 * no doubt whether the work had begun. W3 a request's code lies in our own copy: the line may be
 * read (health, cancel) while it is worked on. W4 each request is answered once.
 */
#include <plimsoll/worker.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "platform/shared.h"
#include "platform/stream_socket.h"
#include "supervise/worker/last_words.h"

enum {
    WORKER_MAGIC = 0x4e0a3b17,
    WORKER_KEEP_BYTES = 64 << 10, /* code: a larger copy is given back */
    WORKER_POLL_MESSAGES_MAX = 64 /* looked at by one is_cancelled() */
};

#define WORKER_SEND_NS 30000000000u

struct plim_worker {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_channel *channel;
    plim__shared page_memory; /* descriptor -1: there is none */
    plim__last_words *page;   /* NULL: there is none */
    uint64_t send_timeout_ns;
    uint64_t answered;
    uint64_t used_bytes, limit_bytes; /* as reported last */
    uint64_t current_id;
    char *code;
    size_t code_cap;
    bool is_busy, is_cancelled, is_draining, has_handler, has_end_watch;
};

/* A small number from the environment; -1: it is not there, or none. */
static int worker_number(const char *name)
{
    const char *text = getenv(name);
    int value = 0;
    if (text == NULL || *text == '\0' || strlen(text) > 4)
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

static plim_status worker_connect(plim_worker *worker, const plim_worker_options *options,
                                  plim_error *err)
{
    plim_channel_options line = {.struct_bytes = sizeof line,
                                 .payload_max = options->payload_max,
                                 .capabilities = PLIM_CHANNEL_CAN_CANCEL | PLIM_CHANNEL_CAN_REPORT |
                                                 PLIM_CHANNEL_CAN_DRAIN,
                                 .name = options->name,
                                 .allocator = options->allocator};
    const char *address = options->address;
    int descriptor = worker_number(PLIM__WORKER_DESCRIPTOR);
    if (address == NULL && descriptor >= 0) {
        plim_status status = plim_channel_adopt(descriptor, &line, &worker->channel, err);
        if (status == PLIM_OK && !plim__descriptor_set_inherited(descriptor, false))
            status = plim_error_set(err, PLIM_ERR_IO, "descriptor %d cannot be kept", descriptor);
        return status;
    }
    if (address == NULL)
        address = getenv(PLIM__WORKER_ADDRESS);
    if (address != NULL)
        return plim_channel_open(address, &line, &worker->channel, err);
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "no supervisor is named: this is a worker");
    plim_error_hint(err,
                    "start it with plim run --listen WHERE -- COMMAND, or set PLIM_WORKER_ADDRESS");
    return status;
}

/* Without the page a worker works as well; only its end is told in fewer words. */
static void worker_page_open(plim_worker *worker, const plim_worker_options *options)
{
    int descriptor = worker_number(PLIM__WORKER_PAGE);
    worker->page_memory.descriptor = -1;
    if (options->address != NULL || descriptor < 0 ||
        plim__shared_adopt(descriptor, sizeof *worker->page, &worker->page_memory, NULL) != PLIM_OK)
        return;
    plim__last_words *page = worker->page_memory.memory;
    if (page->magic != PLIM__WORDS_MAGIC || page->version != PLIM__WORDS_VERSION) {
        plim__shared_close(&worker->page_memory);
        worker->page_memory = (plim__shared){.descriptor = -1};
        return;
    }
    worker->page = page;
    if (!options->is_without_handler)
        worker->has_handler = plim__crash_install(&page->crash);
}

plim_status plim_worker_open(const plim_worker_options *options, plim_worker **out_worker,
                             plim_error *err)
{
    PLIM_CHECK(out_worker != NULL);
    static const plim_worker_options defaults = {.struct_bytes = sizeof defaults};
    options = options != NULL ? options : &defaults;
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "options of another version");
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_worker *worker = plim__array_new_zero(allocator, 1, sizeof *worker);
    if (worker == NULL)
        return plim__no_memory(err, "a worker");
    worker->magic = WORKER_MAGIC;
    worker->allocator = allocator;
    worker->page_memory.descriptor = -1;
    worker->send_timeout_ns =
        options->send_timeout_ns == 0 ? WORKER_SEND_NS : options->send_timeout_ns;
    worker->has_end_watch = !options->is_without_handler && plim__end_watch();
    worker_page_open(worker, options); /* first: a crash in what follows is told of, too */
    plim_status status = worker_connect(worker, options, err);
    if (status != PLIM_OK) {
        plim_worker_close(&worker);
        return status;
    }
    *out_worker = worker;
    return PLIM_OK;
}

static plim_status worker_send(plim_worker *worker, const plim_message *message, plim_error *err)
{
    return plim_channel_send(worker->channel, message, worker->send_timeout_ns, err);
}

static plim_status worker_keep_code(plim_worker *worker, const plim_message *message,
                                    plim_error *err)
{
    size_t wanted = (size_t)message->body_bytes + 1;
    size_t cap = worker->code_cap;
    if (cap < wanted || (cap > WORKER_KEEP_BYTES && wanted <= WORKER_KEEP_BYTES)) {
        char *made = plim__array_resize(worker->allocator, worker->code, cap, wanted, 1);
        if (made == NULL)
            return plim__no_memory(err, "a request");
        worker->code = made;
        worker->code_cap = wanted;
    }
    if (message->body_bytes > 0)
        memcpy(worker->code, message->body, message->body_bytes);
    worker->code[message->body_bytes] = '\0';
    return PLIM_OK;
}

static plim_status worker_say_no(plim_worker *worker, uint64_t id, plim_status why,
                                 const char *text, plim_error *err)
{
    plim_message answer = {.kind = PLIM_MESSAGE_RESPONSE, .id = id, .status = why, .error = text};
    answer.error_bytes = (uint32_t)strlen(text);
    return worker_send(worker, &answer, err);
}

/* What needs no caller: health, cancel, drain; a request that comes too early. */
static plim_status worker_serve(plim_worker *worker, const plim_message *message, plim_error *err)
{
    plim_message answer = {.kind = PLIM_MESSAGE_HEALTH_ANSWER, .id = message->id};
    if (message->kind == PLIM_MESSAGE_HEALTH) {
        answer.used_bytes = worker->used_bytes;
        answer.limit_bytes = worker->limit_bytes;
        answer.answered = worker->answered;
        return worker_send(worker, &answer, err);
    }
    if (message->kind == PLIM_MESSAGE_CANCEL && worker->is_busy &&
        message->id == worker->current_id)
        worker->is_cancelled = true;
    if (message->kind == PLIM_MESSAGE_DRAIN)
        worker->is_draining = true;
    if (message->kind == PLIM_MESSAGE_REQUEST)
        return worker_say_no(worker, message->id, PLIM_ERR_BUSY, "one request at a time", err);
    return PLIM_OK;
}

/* One message of those that came while no request was under way. */
static plim_status worker_take(plim_worker *worker, const plim_message *message, bool *out_is_one,
                               plim_request *out_request, plim_error *err)
{
    if (message->kind != PLIM_MESSAGE_REQUEST)
        return worker_serve(worker, message, err);
    if (message->id == 0)
        return worker_say_no(worker, 0, PLIM_ERR_USAGE, "no request has the number 0", err);
    if (worker_keep_code(worker, message, NULL) != PLIM_OK)
        return worker_say_no(worker, message->id, PLIM_ERR_NO_MEMORY,
                             "the worker has no memory for that request", err);
    worker->current_id = message->id;
    worker->is_busy = true;
    worker->is_cancelled = false;
    if (worker->page != NULL)
        atomic_store(&worker->page->taken_id, message->id);
    *out_request = (plim_request){.id = message->id,
                                  .code = worker->code,
                                  .bytes = message->body_bytes,
                                  .deadline_ms = message->deadline_ms};
    out_request->is_idempotent = (message->flags & PLIM_MESSAGE_IDEMPOTENT) != 0;
    out_request->is_repeated = (message->flags & PLIM_MESSAGE_REPEATED) != 0;
    *out_is_one = true;
    return PLIM_OK;
}

plim_status plim_worker_receive(plim_worker *worker, uint64_t timeout_ns, plim_request *out_request,
                                plim_error *err)
{
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    PLIM_CHECK(out_request != NULL);
    plim_status status = PLIM_OK;
    bool is_one = false;
    if (worker->is_busy) {
        worker->is_busy = false;
        status = worker_say_no(worker, worker->current_id, PLIM_ERR_INTERNAL,
                               "the worker did not answer it", err);
    }
    bool has_end = timeout_ns != UINT64_MAX && timeout_ns != 0;
    uint64_t until = has_end ? plim__socket_now() + timeout_ns : 0;
    while (status == PLIM_OK && !is_one) {
        worker->is_draining |= worker->has_end_watch && plim__end_is_asked();
        if (worker->is_draining)
            return plim_error_set(err, PLIM_ERR_SEALED, "the supervisor asks this worker to end");
        uint64_t left = timeout_ns;
        if (has_end) {
            uint64_t now = plim__socket_now();
            left = now < until ? until - now : 0;
        }
        plim_message message;
        status = plim_channel_receive(worker->channel, left, &message, NULL);
        if (status == PLIM_ERR_INTERRUPTED && worker->has_end_watch && plim__end_is_asked())
            status = PLIM_OK; /* the next round says so */
        else if (status != PLIM_OK)
            status = plim_error_set(err, status, "no request: %s", plim_status_text(status));
        else
            status = worker_take(worker, &message, &is_one, out_request, err);
    }
    return status;
}

plim_status plim_worker_answer(plim_worker *worker, const plim_request *request, plim_status status,
                               const void *result, uint32_t bytes, const char *error,
                               plim_error *err)
{
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    PLIM_CHECK(request != NULL && (result != NULL || bytes == 0));
    if (!worker->is_busy || request->id != worker->current_id)
        return plim_error_set(err, PLIM_ERR_STALE, "that request is answered already");
    size_t error_bytes = error != NULL ? strlen(error) : 0;
    if (error_bytes > PLIM_CHANNEL_PAYLOAD_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "an error text of %zu bytes", error_bytes);
    plim_message answer = {.kind = PLIM_MESSAGE_RESPONSE,
                           .id = request->id,
                           .status = status,
                           .error = error,
                           .error_bytes = (uint32_t)error_bytes,
                           .body = result,
                           .body_bytes = bytes};
    plim_status sent = worker_send(worker, &answer, err);
    if (sent != PLIM_ERR_LIMIT) {
        worker->is_busy = false;
        worker->answered++;
    }
    return sent;
}

bool plim_worker_is_cancelled(plim_worker *worker)
{
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    for (int i = 0; i < WORKER_POLL_MESSAGES_MAX && !worker->is_cancelled; i++) {
        plim_message message;
        plim_status status = plim_channel_receive(worker->channel, 0, &message, NULL);
        if (status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_INTERRUPTED)
            break;
        if (status == PLIM_OK)
            status = worker_serve(worker, &message, NULL);
        if (status != PLIM_OK)
            worker->is_cancelled = true; /* nobody is left to wait */
    }
    return worker->is_cancelled;
}

plim_status plim_worker_report_memory(plim_worker *worker, uint64_t used_bytes,
                                      uint64_t limit_bytes, plim_error *err)
{
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    plim_message report = {
        .kind = PLIM_MESSAGE_MEMORY, .used_bytes = used_bytes, .limit_bytes = limit_bytes};
    worker->used_bytes = used_bytes;
    worker->limit_bytes = limit_bytes;
    return worker_send(worker, &report, err);
}

plim_status plim_worker_log(plim_worker *worker, uint32_t level, const char *text, plim_error *err)
{
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    PLIM_CHECK(text != NULL);
    size_t bytes = strlen(text);
    if (bytes > PLIM_CHANNEL_PAYLOAD_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a line of %zu bytes", bytes);
    plim_message line = {.kind = PLIM_MESSAGE_LOG,
                         .level = level,
                         .body = (const unsigned char *)text,
                         .body_bytes = (uint32_t)bytes};
    return worker_send(worker, &line, err);
}

void plim_worker_last_words(plim_worker *worker, const char *text)
{
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    PLIM_CHECK(text != NULL);
    if (worker->page == NULL)
        return;
    size_t len = plim__text_length(text, PLIM_WORKER_WORDS_BYTES - 1);
    memcpy(worker->page->text, text, len);
    worker->page->text[len] = '\0';
}

void plim_worker_close(plim_worker **worker_ptr)
{
    if (worker_ptr == NULL || *worker_ptr == NULL)
        return;
    plim_worker *worker = *worker_ptr;
    *worker_ptr = NULL;
    PLIM_CHECK_OBJ(worker, WORKER_MAGIC);
    if (worker->has_handler)
        plim__crash_remove();
    if (worker->has_end_watch)
        plim__end_unwatch();
    plim_channel_close(&worker->channel);
    plim__shared_close(&worker->page_memory);
    plim__array_free(worker->allocator, worker->code, worker->code_cap, 1);
    worker->magic = 0;
    plim__array_free(worker->allocator, worker, 1, sizeof *worker);
}

/* SPDX-License-Identifier: MIT */
/*
 * A worker's life, as its pool sees it: a line, a page, and what the supervisor tells of its
 * process. The end of the line and the end of the process come in either order; whichever is first
 * settles the request (seat_lost()), the other finds nothing to do.
 * Invariants: S1 a seat has a request only while BUSY, and a request under way is had by one seat.
 * S2 before a request is settled for a death, everything that the worker had sent is read (R1). S3
 * a worker that sends what it may not send is killed: nothing of its line is believed any more. S4
 * each life has a page of its own: children of a dead worker cannot write into the next one's.
 */
#include <plimsoll/monitor.h>

#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/text.h"
#include "platform/stream_socket.h"
#include "supervise/pool/parts.h"

enum { SEAT_DESCRIPTOR = 3, SEAT_PAGE = 4, SEAT_TEXT_BYTES = 1024 };

#define SEAT_EXIT_NS 200000000u /* from the end of its line to the end of the process */

/* --- texts ------------------------------------------------------------------------------------ */

/* Text of a worker, fit for one line of a log. */
static void seat_text(char *out, size_t cap, const unsigned char *text, size_t bytes)
{
    size_t len = bytes < cap - 1 ? bytes : cap - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = text[i] < 0x20 || text[i] == 0x7f ? '?' : (char)text[i];
    out[len] = '\0';
}

/* What is known of a life that has ended. */
static void seat_explain(plim__seat *seat, const plim_supervisor_event *exited, plim__text *out)
{
    plim_worker_pool *pool = seat->pool;
    plim__words_told *told = &pool->told;
    memset(told, 0, sizeof *told);
    if (seat->page != NULL)
        plim__words_read(seat->page, &pool->words, told);
    if (told->is_there)
        plim__text_format(out, "%s", told->sentence);
    else if (exited != NULL && exited->signal != 0)
        plim__text_format(out, "%s (%s)", plim__signal_text(exited->signal),
                          plim__signal_name(exited->signal));
    else if (exited != NULL)
        plim__text_format(out, "exit code %d", exited->exit_code);
    else
        plim__text_format(out, "its connection ended");
    if (told->text[0] != '\0')
        plim__text_format(out, "; its last words: %s", told->text);
    if (told->is_there && told->trace[0] != '\0')
        plim__text_format(out, "; %s", told->trace);
}

/* --- the end of a life ------------------------------------------------------------------------ */

/* R2, R3, R4 for what the seat had. */
static void seat_settle(plim__seat *seat)
{
    plim_worker_pool *pool = seat->pool;
    plim__pool_request *request = plim__requests_find(&pool->requests, seat->request);
    uint64_t id = seat->request;
    seat->request = 0;
    seat->cancelled = 0;
    if (request == NULL)
        return;
    bool was_begun = seat->page == NULL || atomic_load(&seat->page->taken_id) == id;
    plim__request_fate fate = plim__requests_fate(&pool->requests, request, was_begun);
    if (fate != PLIM__FATE_FAIL && !pool->is_supervisor_stopped) {
        request->flags |= fate == PLIM__FATE_REPEAT ? PLIM_MESSAGE_REPEATED : 0;
        pool->figures.repeated++;
        plim__requests_give_back(&pool->requests, request);
        return;
    }
    char text[SEAT_TEXT_BYTES];
    plim__text words;
    plim__text_init(&words, text, sizeof text);
    plim__text_format(&words, "the worker (pid %lld) died %s: ", (long long)seat->pid,
                      was_begun ? "while it worked on the request" : "before it began");
    seat_explain(seat, NULL, &words);
    if (was_begun && (request->flags & PLIM_MESSAGE_IDEMPOTENT) == 0)
        plim__text_format(&words, "; it was not given to another, since it may not be done twice");
    else
        plim__text_format(&words, "; %u workers have died with it", (unsigned)request->tries);
    pool->figures.failed++;
    plim__requests_finish(&pool->requests, request,
                          (plim_pool_answer){.status = PLIM_ERR_GONE,
                                             .error = text,
                                             .error_bytes = (uint32_t)words.length,
                                             .pid = seat->pid});
}

/* The line is of no more use, whoever ended it. */
static void seat_lost(plim__seat *seat)
{
    if (seat->state == PLIM__SEAT_ENDING && seat->link == NULL)
        return;
    seat->state = PLIM__SEAT_ENDING;
    seat->in_service = false;
    seat->kill_ns = seat->is_asked ? UINT64_MAX : plim__pool_now(seat->pool) + SEAT_EXIT_NS;
    seat->kill_why = PLIM_WHY_UNRESPONSIVE;
    plim__link_close(&seat->link);
    seat_settle(seat);
    plim__pool_dispatch(seat->pool);
}

/* Ends it by force. */
static void seat_kill(plim__seat *seat, plim_why why)
{
    seat->kill_why = why;
    (void)plim_supervisor_kill(seat->pool->supervisor, seat->child, why); /* STALE: it is dead */
    seat_lost(seat);
    seat->kill_ns = UINT64_MAX;
}

static void seat_distrust(plim__seat *seat)
{
    seat->pool->figures.refused++;
    seat_kill(seat, PLIM_WHY_PROTOCOL);
}

void plim__seat_close(plim__seat *seat)
{
    plim__link_close(&seat->link);
    plim__socket_close(seat->theirs);
    seat->theirs = -1;
    if (seat->page != NULL)
        plim__shared_close(&seat->page_memory);
    seat->page_memory = (plim__shared){.descriptor = -1};
    seat->page = NULL;
}

void plim__seat_exited(plim__seat *seat, const plim_supervisor_event *event)
{
    plim_worker_pool *pool = seat->pool;
    char text[SEAT_TEXT_BYTES * 2];
    plim__text words;
    if (seat->state == PLIM__SEAT_DOWN)
        return;
    if (seat->link != NULL)
        plim__link_take_rest(seat->link); /* R1 */
    seat_lost(seat);
    plim__text_init(&words, text, sizeof text);
    seat_explain(seat, event, &words);
    bool was_asked = seat->is_asked;
    pool->figures.deaths += !was_asked;
    plim__seat_close(seat);
    plim_pool_event told = {.kind = PLIM_POOL_WORKER_DIED,
                            .slot = seat->index,
                            .pid = event->pid,
                            .signal = event->signal,
                            .exit_code = event->exit_code,
                            .why = event->why != PLIM_WHY_NONE ? event->why : seat->due,
                            .text = text};
    seat->state = PLIM__SEAT_DOWN;
    seat->pid = 0;
    plim__pool_tell(pool, told);
}

/* --- its line --------------------------------------------------------------------------------- */

/* UINT64_MAX: never. */
static uint64_t seat_health_at(const plim_worker_pool *pool, uint64_t now_ns)
{
    uint64_t interval = pool->options.health_interval_ns;
    return interval < UINT64_MAX - now_ns ? now_ns + interval : UINT64_MAX;
}

static void seat_on_greeted(void *ctx, const plim_message *peer)
{
    plim__seat *seat = ctx;
    plim_worker_pool *pool = seat->pool;
    (void)peer;
    if (seat->state != PLIM__SEAT_STARTING)
        return;
    uint64_t now = plim__pool_now(pool);
    seat->state = PLIM__SEAT_IDLE;
    seat->kill_ns = UINT64_MAX;
    seat->idle_since_ns = now;
    seat->health_ns = seat_health_at(pool, now);
    plim__pool_tell(pool, (plim_pool_event){
                              .kind = PLIM_POOL_WORKER_UP, .slot = seat->index, .pid = seat->pid});
    plim__pool_dispatch(pool);
}

/* Free for the next, or due to be replaced. */
static void seat_is_free(plim__seat *seat)
{
    plim_worker_pool *pool = seat->pool;
    seat->request = 0;
    seat->cancelled = 0;
    seat->state = PLIM__SEAT_IDLE;
    seat->kill_ns = UINT64_MAX;
    seat->idle_since_ns = plim__pool_now(pool);
    seat->health_ns = seat_health_at(pool, seat->idle_since_ns);
    if (seat->due == PLIM_WHY_NONE && seat->answered_max != 0 &&
        seat->answered >= seat->answered_max)
        seat->due = PLIM_WHY_REQUESTS;
    plim__pool_dispatch(pool);
}

static void seat_on_response(plim__seat *seat, const plim_message *message)
{
    plim_worker_pool *pool = seat->pool;
    if (seat->state != PLIM__SEAT_BUSY || message->id == 0) {
        seat_distrust(seat);
        return;
    }
    if (message->id == seat->cancelled) {
        seat->answered++;
        seat_is_free(seat);
        return;
    }
    plim__pool_request *request =
        message->id == seat->request ? plim__requests_find(&pool->requests, seat->request) : NULL;
    if (request == NULL) {
        seat_distrust(seat);
        return;
    }
    plim_pool_answer answer = {.status = message->status,
                               .error = message->error,
                               .error_bytes = message->error_bytes,
                               .body = message->body,
                               .body_bytes = message->body_bytes,
                               .pid = seat->pid};
    seat->answered++;
    pool->figures.answered++;
    seat_is_free(seat);
    plim__requests_finish(&pool->requests, request, answer);
}

static void seat_on_memory(plim__seat *seat, uint64_t used_bytes, bool is_told)
{
    plim_worker_pool *pool = seat->pool;
    if (is_told)
        plim__pool_tell(pool, (plim_pool_event){.kind = PLIM_POOL_MEMORY,
                                                .slot = seat->index,
                                                .pid = seat->pid,
                                                .used_bytes = used_bytes});
    if (pool->options.memory_kill_bytes != 0 && used_bytes > pool->options.memory_kill_bytes) {
        seat_kill(seat, PLIM_WHY_MEMORY);
    } else if (pool->options.memory_bytes != 0 && used_bytes > pool->options.memory_bytes &&
               seat->due == PLIM_WHY_NONE) {
        seat->due = PLIM_WHY_MEMORY;
        plim__pool_soon(pool);
    }
}

static void seat_on_message(void *ctx, const plim_message *message)
{
    plim__seat *seat = ctx;
    char text[SEAT_TEXT_BYTES];
    plim_pool_event line = {
        .kind = PLIM_POOL_LOG, .slot = seat->index, .pid = seat->pid, .level = message->level};
    switch (message->kind) {
    case PLIM_MESSAGE_RESPONSE:
        seat_on_response(seat, message);
        break;
    case PLIM_MESSAGE_HEALTH_ANSWER:
        if (seat->health_id == 0 || message->id != seat->health_id) {
            seat_distrust(seat);
            break;
        }
        seat->health_id = 0;
        seat->health_ns = seat_health_at(seat->pool, plim__pool_now(seat->pool));
        if (seat->state == PLIM__SEAT_IDLE)
            seat->kill_ns = UINT64_MAX;
        plim__pool_dispatch(seat->pool); /* what came while all were asked */
        break;
    case PLIM_MESSAGE_MEMORY:
        seat->reported_bytes = message->used_bytes;
        seat_on_memory(seat, message->used_bytes, true);
        break;
    case PLIM_MESSAGE_LOG:
    case PLIM_MESSAGE_LAST_WORDS:
        seat_text(text, sizeof text, message->body, message->body_bytes);
        line.text = text;
        plim__pool_tell(seat->pool, line);
        break;
    case PLIM_MESSAGE_HELLO:
    case PLIM_MESSAGE_REQUEST:
    case PLIM_MESSAGE_CANCEL:
    case PLIM_MESSAGE_HEALTH:
    case PLIM_MESSAGE_DRAIN:
        seat_distrust(seat);
        break;
    }
}

static void seat_on_end(void *ctx, plim_status why)
{
    plim__seat *seat = ctx;
    if (why == PLIM_ERR_PROTOCOL || why == PLIM_ERR_LIMIT)
        seat_distrust(seat);
    else
        seat_lost(seat);
}

/* --- the beginning of a life ------------------------------------------------------------------ */

static uint64_t seat_answered_max(plim_worker_pool *pool)
{
    const plim_worker_pool_options *options = &pool->options;
    if (options->max_requests == 0)
        return 0;
    uint64_t span = options->max_requests_jitter < options->max_requests
                        ? options->max_requests_jitter
                        : options->max_requests - 1;
    return options->max_requests - plim__random(&pool->chance) % (span + 1);
}

static plim_status seat_line(plim__seat *seat, plim_error *err)
{
    plim_worker_pool *pool = seat->pool;
    int ends[2];
    plim__link_options options = {.payload_max = pool->options.payload_max,
                                  .out_max = pool->options.payload_max + (64u << 10),
                                  .name = "plimsoll",
                                  .allocator = pool->allocator};
    options.events = (plim__link_events){seat, seat_on_greeted, seat_on_message, seat_on_end};
    plim_status status = plim__socket_pair(ends, err);
    if (status != PLIM_OK)
        return status;
    status = plim__link_open(pool->loop, ends[0], &options, &seat->link, err);
    if (status != PLIM_OK) {
        plim__socket_close(ends[0]);
        plim__socket_close(ends[1]);
        return status;
    }
    seat->theirs = ends[1];
    return PLIM_OK;
}

plim_status plim__seat_prepare(void *ctx, plim_child child, plim_child_launch *launch,
                               plim_error *err)
{
    plim__seat *seat = ctx;
    plim_worker_pool *pool = seat->pool;
    plim__seat_close(seat); /* a start that failed may have left something */
    plim_status status = plim__shared_nameless(sizeof *seat->page, &seat->page_memory, err);
    if (status != PLIM_OK)
        return status;
    seat->page = seat->page_memory.memory;
    plim__words_prepare(seat->page);
    status = seat_line(seat, err);
    if (status != PLIM_OK) {
        plim__seat_close(seat);
        return status;
    }
    seat->child = child;
    seat->state = PLIM__SEAT_STARTING;
    seat->is_asked = false;
    seat->in_service = false;
    seat->request = 0;
    seat->cancelled = 0;
    seat->health_id = 0;
    seat->answered = 0;
    seat->answered_max = seat_answered_max(pool);
    seat->reported_bytes = 0;
    seat->due = PLIM_WHY_NONE;
    seat->kill_why = PLIM_WHY_START_TIMEOUT;
    seat->kill_ns = plim__pool_now(pool) + pool->options.start_timeout_ns;
    plim__text text;
    plim__text_init(&text, seat->variables[0], sizeof seat->variables[0]);
    plim__text_format(&text, PLIM__WORKER_DESCRIPTOR "=%d", SEAT_DESCRIPTOR);
    plim__text_init(&text, seat->variables[1], sizeof seat->variables[1]);
    plim__text_format(&text, PLIM__WORKER_PAGE "=%d", SEAT_PAGE);
    launch->descriptors[launch->descriptor_count++] =
        (plim_child_descriptor){seat->theirs, SEAT_DESCRIPTOR};
    launch->descriptors[launch->descriptor_count++] =
        (plim_child_descriptor){seat->page_memory.descriptor, SEAT_PAGE};
    launch->variables[launch->variable_count++] = seat->variables[0];
    launch->variables[launch->variable_count++] = seat->variables[1];
    return PLIM_OK;
}

void plim__seat_launched(void *ctx, plim_child child, const plim_child_launch *launch)
{
    plim__seat *seat = ctx;
    (void)child;
    (void)launch;
    plim__socket_close(seat->theirs); /* so that its end ends the line */
    seat->theirs = -1;
}

/* --- work ------------------------------------------------------------------------------------- */

bool plim__seat_give(plim__seat *seat, plim__pool_request *request)
{
    plim_worker_pool *pool = seat->pool;
    PLIM_CHECK(seat->state == PLIM__SEAT_IDLE && seat->request == 0 && seat->link != NULL);
    uint64_t now = plim__pool_now(pool);
    plim_message message = {.kind = PLIM_MESSAGE_REQUEST,
                            .flags = request->flags,
                            .id = request->id,
                            .body = request->code,
                            .body_bytes = request->bytes};
    if (request->due_ns != UINT64_MAX) {
        uint64_t left_ms = request->due_ns > now ? (request->due_ns - now) / 1000000u + 1 : 1;
        message.deadline_ms = left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
    }
    seat->request = request->id;
    seat->busy_since_ns = now;
    seat->state = PLIM__SEAT_BUSY;
    seat->kill_ns = UINT64_MAX;
    plim_status status = plim__link_send(seat->link, &message);
    if (status == PLIM_ERR_NO_SPACE || status == PLIM_ERR_LIMIT) {
        seat_distrust(seat); /* it does not read, or takes less than the pool does */
        return false;
    }
    /* GONE: the end of its line will be told, and the request is settled then. */
    return true;
}

void plim__seat_cancel(plim__seat *seat)
{
    plim_message cancel = {.kind = PLIM_MESSAGE_CANCEL, .id = seat->request};
    seat->cancelled = seat->request;
    seat->request = 0;
    seat->kill_ns = plim__pool_now(seat->pool) + seat->pool->options.cancel_grace_ns;
    seat->kill_why = PLIM_WHY_DEADLINE;
    if (seat->link != NULL && plim__link_send(seat->link, &cancel) == PLIM_ERR_NO_SPACE)
        seat_kill(seat, PLIM_WHY_UNRESPONSIVE);
}

void plim__seat_replace(plim__seat *seat)
{
    plim_worker_pool *pool = seat->pool;
    PLIM_CHECK(seat->state == PLIM__SEAT_IDLE && seat->request == 0);
    if (plim_supervisor_ask(pool->supervisor, seat->child, PLIM_REQUEST_RECYCLE, seat->due, NULL) !=
        PLIM_OK)
        return; /* the supervisor has its hands full: the next tick asks again */
    seat->state = PLIM__SEAT_ENDING;
    seat->in_service = false;
    seat->is_asked = true;
    seat->kill_ns = UINT64_MAX; /* the supervisor's matter now */
    pool->figures.replaced++;
    plim__pool_tell(pool, (plim_pool_event){.kind = PLIM_POOL_REPLACING,
                                            .slot = seat->index,
                                            .pid = seat->pid,
                                            .why = seat->due});
}

void plim__seat_stopping(plim__seat *seat)
{
    plim_message drain = {.kind = PLIM_MESSAGE_DRAIN};
    if (seat->link == NULL)
        return;
    plim_status told = plim__link_send(seat->link, &drain);
    (void)told; /* SIGTERM says the same */
}

static void seat_ask_health(plim__seat *seat, uint64_t now_ns)
{
    plim_message question = {.kind = PLIM_MESSAGE_HEALTH, .id = ++seat->pool->chance | 1};
    seat->health_id = question.id;
    seat->health_ns = UINT64_MAX;
    seat->kill_ns = now_ns + seat->pool->options.health_timeout_ns;
    seat->kill_why = PLIM_WHY_UNRESPONSIVE;
    if (plim__link_send(seat->link, &question) == PLIM_ERR_NO_SPACE)
        seat_kill(seat, PLIM_WHY_UNRESPONSIVE);
}

void plim__seat_tick(plim__seat *seat, uint64_t now_ns)
{
    const plim_worker_pool_options *options = &seat->pool->options;
    if (seat->state == PLIM__SEAT_DOWN)
        return;
    if (seat->kill_ns <= now_ns) {
        seat_kill(seat, seat->kill_why);
        return;
    }
    if (seat->state != PLIM__SEAT_IDLE && seat->state != PLIM__SEAT_BUSY)
        return;
    if (options->memory_bytes != 0 || options->memory_kill_bytes != 0) {
        plim_memory_figures memory;
        if (plim_memory_of(seat->pid, false, &memory) == PLIM_OK)
            seat_on_memory(seat, memory.counted_bytes, false);
    }
    if (seat->state == PLIM__SEAT_IDLE && seat->health_id == 0 && seat->health_ns <= now_ns)
        seat_ask_health(seat, now_ns);
}

/* SPDX-License-Identifier: MIT */
/*
 * One unit, one transaction. The unit's bytes go where nothing is in use yet; the worker is told to
 * call its function, and is waited for with a deadline, a way to stop it, and an eye on its memory.
 * If it comes to its end, what it wrote is adopted; else it stands still, or is stopped, and
 * nothing has happened.
 *
 *   IDLE -> RUNNING        machine_tell
 *   RUNNING -> DONE        machine_adopt: the journal's transaction; the worker drops its pages
 *   RUNNING -> STANDING    last words, deadline, stop, memory: to be looked at
 *   STANDING -> IDLE       plim__machine_bury: the spare is the active one
 *
 * R1 the truth changes in machine_adopt alone, and there as a whole or not.
 * R2 a worker that has more than one thread is adopted only when all of them are stopped, and is
 *    not used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "repl/session/layout.h"
#include "repl/session/linux/posix.h"

enum {
    RUN_LOOK_MS = 50,     /* between two looks at its memory */
    RUN_EXIT_MS = 1000,   /* for what runs at exit */
    RUN_STATUS_MS = 200,  /* until the template says how it ended */
    RUN_STOP_MS = 1000,   /* until all its threads stand still */
    RUN_FAILURES_MAX = 5, /* workers in a row that never came to be */
    RUN_PIECE = 65536
};

/* What a worker may hold beyond the heap's limit: its stack, libraries, tables. */
#define RUN_SLACK_BYTES (UINT64_C(96) << 20)

/* --- output -------------------------------------------------------------------------------- */

static void run_pass(plim__machine *machine, int stream, const char *bytes, size_t count)
{
    uint64_t max = machine->options.output_bytes_max;
    size_t passed = count;
    if (max != 0 && machine->output_count + count > max)
        passed = machine->output_count < max ? (size_t)(max - machine->output_count) : 0;
    machine->output_count += count;
    machine->output_dropped += count - passed;
    if (passed > 0)
        machine->options.output(machine->options.output_ctx, (plim_repl_stream)stream, bytes,
                                passed);
}

/* What has been written so far, and no more: false if a pipe still has some. */
static void run_drain(plim__machine *machine)
{
    char piece[RUN_PIECE];
    for (int i = 0; i < 2; i++)
        for (int round = 0; round < 64 && machine->output[i] >= 0; round++) {
            ssize_t got = read(machine->output[i], piece, sizeof piece);
            if (got <= 0)
                break;
            run_pass(machine, i + 1, piece, (size_t)got);
        }
}

/* --- the unit's bytes ---------------------------------------------------------------------- */

static bool run_is_free(const plim__piece *piece)
{
    uint64_t code = piece->address - PLIM__SESSION_CODE;
    uint64_t data = piece->address - PLIM__SESSION_DATA;
    if (piece->file_bytes > piece->bytes || piece->bytes > PLIM__SESSION_DATA_BYTES)
        return false;
    if (code < PLIM__SESSION_CODE_BYTES)
        return code >= PLIM__SESSION_OWN_BYTES && piece->bytes <= PLIM__SESSION_CODE_BYTES - code;
    return data < PLIM__SESSION_DATA_BYTES && data >= PLIM__SESSION_OWN_BYTES &&
           piece->bytes <= PLIM__SESSION_DATA_BYTES - data;
}

static plim_status run_load(plim__machine *machine, const plim__job *job, plim__wire *message,
                            plim_error *err)
{
    for (size_t i = 0; i < job->piece_count; i++) {
        const plim__piece *piece = &job->pieces[i];
        if (!run_is_free(piece))
            return plim_error_set(err, PLIM_ERR_LIMIT,
                                  "the room for code or variables of a session is used up");
        if (piece->is_slot) {
            plim__wire_slot *slots = (void *)message->text;
            if (message->slot_count == PLIM__WIRE_SLOTS)
                return plim_error_set(err, PLIM_ERR_LIMIT, "one entry redefines %d functions",
                                      PLIM__WIRE_SLOTS);
            slots[message->slot_count].address = piece->address;
            memcpy(&slots[message->slot_count++].value, piece->data, sizeof(uint64_t));
            continue;
        }
        unsigned char *truth = plim__machine_at(machine, piece->address, piece->bytes);
        if (piece->file_bytes > 0)
            memcpy(truth, piece->data, piece->file_bytes);
        memset(truth + piece->file_bytes, 0, piece->bytes - piece->file_bytes);
    }
    return PLIM_OK;
}

/* --- waiting ------------------------------------------------------------------------------- */

typedef enum run_news { RUN_NOTHING, RUN_MESSAGE, RUN_END } run_news;

static run_news run_receive(plim__machine *machine, plim__wire *message)
{
    ssize_t got = recv(machine->active.socket, message, sizeof *message, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return RUN_NOTHING;
    if (got <= 0)
        return RUN_END;
    if (got != (ssize_t)sizeof *message || message->magic != PLIM__WIRE_MAGIC)
        message->kind = PLIM__WIRE_KIND_END;
    message->text[sizeof message->text - 1] = 0;
    return RUN_MESSAGE;
}

static bool run_is_stopped(plim__machine *machine)
{
    uint64_t count = 0;
    return read(machine->stop, &count, sizeof count) == (ssize_t)sizeof count;
}

static bool run_is_fat(plim__machine *machine, plim__verdict *verdict)
{
    uint64_t own = plim__own_bytes(machine->active.pid);
    verdict->used_bytes = own;
    return own > machine->options.memory_bytes + RUN_SLACK_BYTES;
}

/* Waits for the worker; true: a message came. Otherwise verdict->end says what came instead. */
static bool run_wait(plim__machine *machine, uint64_t deadline_us, plim__wire *message,
                     plim__verdict *verdict)
{
    uint64_t look = plim__machine_now() + RUN_LOOK_MS * 1000;
    for (;;) {
        struct pollfd wait[4] = {{machine->active.socket, POLLIN, 0},
                                 {machine->stop, POLLIN, 0},
                                 {machine->output[0], POLLIN, 0},
                                 {machine->output[1], POLLIN, 0}};
        (void)poll(wait, 4, RUN_LOOK_MS);
        run_drain(machine);
        run_news news = run_receive(machine, message);
        uint64_t now = plim__machine_now();
        if (news == RUN_MESSAGE)
            return true;
        verdict->end = PLIM_REPL_CRASHED;
        if (news == RUN_END)
            return false;
        if (run_is_stopped(machine)) {
            verdict->end = PLIM_REPL_INTERRUPTED;
            return false;
        }
        if (deadline_us != 0 && now >= deadline_us) {
            verdict->end = PLIM_REPL_TIMEOUT;
            return false;
        }
        if (now >= look) {
            if (run_is_fat(machine, verdict)) {
                verdict->end = PLIM_REPL_MEMORY;
                return false;
            }
            look = now + RUN_LOOK_MS * 1000;
        }
    }
}

/* --- ends ---------------------------------------------------------------------------------- */

static bool run_is_alive(const plim__machine *machine)
{
    struct pollfd wait = {machine->active.process, POLLIN,
                          0}; /* one that waits to be buried is not */
    return machine->active.process >= 0 && poll(&wait, 1, 0) == 0;
}

/* Copied once: what it says can change under our eyes. */
static void run_words(const plim__machine *machine, plim__verdict *verdict)
{
    const plim__words *words = &machine->words[machine->active.slot];
    if (atomic_load_explicit(&words->kind, memory_order_acquire) == PLIM__WORDS_NONE)
        return;
    memcpy(&verdict->words, words, sizeof verdict->words);
    verdict->words.text[PLIM__WORDS_TEXT - 1] = 0;
    if (verdict->words.kind >= PLIM__WORDS_KIND_END)
        verdict->words.kind = PLIM__WORDS_NONE;
}

static plim_repl_end run_end_of(plim__words_kind kind)
{
    return kind == PLIM__WORDS_EXIT     ? PLIM_REPL_EXITED
           : kind == PLIM__WORDS_BUDGET ? PLIM_REPL_MEMORY
                                        : PLIM_REPL_CRASHED;
}

/* It broke off: with words, or without. */
static void run_broke_off(plim__machine *machine, plim__verdict *verdict)
{
    run_words(machine, verdict);
    verdict->is_standing = run_is_alive(machine);
    if (verdict->words.kind != PLIM__WORDS_NONE) {
        verdict->end = run_end_of((plim__words_kind)verdict->words.kind);
        return;
    }
    verdict->status = plim__template_status(machine, machine->active.pid,
                                            verdict->is_standing ? 50 : RUN_STATUS_MS);
    run_words(machine, verdict); /* what it said in between */
    verdict->is_broken = verdict->status == -1;
    if (verdict->status != -1 && WIFEXITED(verdict->status))
        verdict->end = PLIM_REPL_EXITED;
    if (verdict->status != -1)
        verdict->is_standing = false;
}

static bool run_stop_threads(const plim__machine *machine)
{
    uint64_t until = plim__machine_now() + RUN_STOP_MS * 1000;
    (void)syscall(SYS_pidfd_send_signal, machine->active.process, SIGSTOP, NULL, 0);
    while (!plim__is_stopped(machine->active.pid)) {
        if (plim__machine_now() > until)
            return false;
        (void)poll(NULL, 0, 1);
    }
    return true;
}

static plim_status run_adopt(plim__machine *machine, const plim__wire *message,
                             plim__verdict *verdict, plim_error *err)
{
    uint64_t began = plim__machine_now();
    bool has_threads = plim__thread_count(machine->active.pid) > 1;
    if (has_threads && !run_stop_threads(machine)) {
        verdict->end = PLIM_REPL_REFUSED;
        (void)snprintf(verdict->text, sizeof verdict->text, "its threads could not be stopped");
        return PLIM_OK;
    }
    plim_error why = {0};
    plim_status status = plim_draft_adopt(
        machine->journal, 0, machine->active.pid, PLIM__SESSION_DATA,
        PLIM__SESSION_DATA_BYTES + machine->heap_bytes, &verdict->written_bytes, &why);
    verdict->times.commit = plim__machine_now() - began;
    if (status == PLIM_ERR_NO_SPACE || status == PLIM_ERR_GONE) {
        verdict->end = status == PLIM_ERR_GONE ? PLIM_REPL_CRASHED : PLIM_REPL_MEMORY;
        (void)snprintf(verdict->text, sizeof verdict->text, "%.250s", why.what);
        return PLIM_OK;
    }
    if (status != PLIM_OK)
        return plim_error_set(err, status, "what the entry wrote could not be adopted: %s",
                              why.what);
    verdict->end = PLIM_REPL_OK;
    verdict->is_standing = has_threads; /* to be buried, as it cannot go on */
    machine->heap_used = message->heap_used;
    machine->heap_blocks = message->heap_blocks;
    machine->heap_high = message->heap_high;
    if (!plim__held_read(machine->active.pid, machine->active.socket, &machine->held))
        machine->held = machine->base;
    plim__state_look(machine);
    plim__wire drop = {.kind = PLIM__WIRE_DROP};
    if (!has_threads)
        (void)plim__wire_send(machine->active.socket, &drop);
    return PLIM_OK;
}

/* --- the whole ----------------------------------------------------------------------------- */

static void run_move(plim__machine *machine)
{
    plim__wire message = {.kind = PLIM__WIRE_MOVE, .value = machine->held.mask};
    if (machine->active.is_moved)
        return;
    machine->active.is_moved = true;
    if (strcmp(machine->held.folder, machine->base.folder) == 0 &&
        machine->held.mask == machine->base.mask)
        return;
    memcpy(message.text, machine->held.folder, sizeof machine->held.folder);
    (void)plim__wire_send(machine->active.socket, &message);
}

static uint64_t run_heap_limit(const plim__machine *machine)
{
    uint64_t entry = machine->options.entry_bytes;
    uint64_t memory = machine->options.memory_bytes;
    return entry != 0 && machine->heap_used + entry < memory ? machine->heap_used + entry : memory;
}

/* A unit that calls nothing: its bytes are there already. */
static plim_status run_nothing(plim__machine *machine, plim__verdict *verdict, plim_error *err)
{
    plim_status status = plim_journal_begin(machine->journal);
    if (status == PLIM_OK)
        status = plim_journal_commit(machine->journal);
    verdict->end = PLIM_REPL_OK;
    return status == PLIM_OK ? status : plim_error_set(err, status, "the journal refuses");
}

plim_status plim__machine_run(plim__machine *machine, const plim__job *job,
                              plim__verdict *out_verdict, plim_error *err)
{
    plim__verdict verdict = {.status = -1};
    plim__wire message = {.kind = PLIM__WIRE_RUN,
                          .entry = job->number,
                          .value = job->entry,
                          .detail = run_heap_limit(machine),
                          .more = machine->heap_table,
                          .heap_used = machine->options.memory_bytes + RUN_SLACK_BYTES};
    uint64_t began = plim__machine_now();
    plim_status status = plim__machine_ready(machine, err);
    if (status == PLIM_OK)
        status = run_load(machine, job, &message, err);
    if (status != PLIM_OK)
        return status;
    machine->output_count = machine->output_dropped = 0;
    (void)run_is_stopped(machine); /* what was meant for an earlier one */
    uint64_t loaded = plim__machine_now();
    verdict.times.load = loaded - began;
    if (job->entry == 0 && message.slot_count == 0) {
        status = run_nothing(machine, &verdict, err);
        *out_verdict = verdict;
        return status;
    }
    run_move(machine);
    uint32_t deadline_ms = machine->options.deadline_ms;
    bool is_told = plim__wire_send(machine->active.socket, &message);
    verdict.end = PLIM_REPL_CRASHED;
    if (is_told && run_wait(machine, deadline_ms != 0 ? loaded + deadline_ms * UINT64_C(1000) : 0,
                            &message, &verdict)) {
        verdict.times.run = plim__machine_now() - loaded;
        verdict.is_standing = true;
        if (message.kind == PLIM__WIRE_DONE && message.entry == job->number) {
            status = run_adopt(machine, &message, &verdict, err);
        } else if (message.kind == PLIM__WIRE_BROKEN && message.entry == job->number) {
            verdict.end = PLIM_REPL_REFUSED;
            (void)snprintf(verdict.text, sizeof verdict.text, "%.200s", message.text);
        } else if (message.kind == PLIM__WIRE_ENDING) {
            run_broke_off(machine, &verdict);
        } else {
            verdict.end = PLIM_REPL_CRASHED;
            verdict.is_broken = true;
        }
    } else {
        verdict.times.run = plim__machine_now() - loaded;
        verdict.is_standing = true;
        if (verdict.end == PLIM_REPL_CRASHED)
            run_broke_off(machine, &verdict);
    }
    run_drain(machine);
    *out_verdict = verdict;
    return status;
}

/* Lets a worker that has said it would end do so, and passes on what it still writes. */
static void run_let_end(plim__machine *machine)
{
    plim__wire message = {.kind = PLIM__WIRE_GO};
    uint64_t until = plim__machine_now() + RUN_EXIT_MS * 1000;
    if (!plim__wire_send(machine->active.socket, &message))
        return;
    while (plim__machine_now() < until) {
        struct pollfd wait = {machine->active.process, POLLIN, 0};
        run_drain(machine);
        if (poll(&wait, 1, 10) > 0)
            break;
    }
    run_drain(machine);
}

plim_status plim__machine_bury(plim__machine *machine, char lost[][PLIM__MACHINE_CLAUSE],
                               size_t *out_count, plim_error *err)
{
    const plim__words *words = &machine->words[machine->active.slot];
    *out_count = plim__held_lost(&machine->base, &machine->held, lost, PLIM__MACHINE_LOST_MAX);
    *out_count = plim__state_lost(machine, lost, *out_count, PLIM__MACHINE_LOST_MAX);
    if (atomic_load(&words->kind) == PLIM__WORDS_EXIT)
        run_let_end(machine);
    plim__runner_kill(&machine->active);
    machine->states_written = 0;
    machine->held.count = machine->held.more = 0;
    machine->held.threads = machine->held.children = 0;
    machine->held.caught = 0;
    machine->active = machine->spare;
    machine->spare = (plim__runner){.socket = -1, .process = -1};
    plim_status status = plim__machine_ready(machine, err);
    if (status == PLIM_OK && machine->is_stale)
        status = plim__machine_blocks(machine, NULL, 0, &(size_t){0}, err);
    return status;
}

static plim_status run_fork(plim__machine *machine, plim__runner *runner, plim_error *err)
{
    plim_status status = plim__template_fork(machine, runner, NULL);
    if (status == PLIM_OK)
        return status;
    /* The template is gone, or silent; its workers went with it. */
    plim__runner_kill(&machine->active);
    plim__runner_kill(&machine->spare);
    plim__template_stop(machine);
    if (machine->failures++ >= RUN_FAILURES_MAX)
        return plim_error_set(err, PLIM_ERR_UNREACHABLE,
                              "no worker could be started, %d times in a row", RUN_FAILURES_MAX);
    status = plim__template_start(machine, err);
    return status == PLIM_OK ? plim__template_fork(machine, runner, err) : status;
}

static bool run_has_template(const plim__machine *machine)
{
    struct pollfd wait = {machine->template_socket, 0, 0};
    return machine->template_socket >= 0 && poll(&wait, 1, 0) == 0;
}

plim_status plim__machine_ready(plim__machine *machine, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (!run_has_template(machine)) { /* its workers go with it */
        plim__runner_kill(&machine->active);
        plim__runner_kill(&machine->spare);
    }
    if (machine->active.pid == 0 || !run_is_alive(machine)) {
        plim__runner_kill(&machine->active);
        status = run_fork(machine, &machine->active, err);
    }
    if (status == PLIM_OK && machine->spare.pid == 0)
        status = run_fork(machine, &machine->spare, err);
    if (status == PLIM_OK && machine->active.pid == 0) /* the template was started anew */
        status = run_fork(machine, &machine->active, err);
    if (status == PLIM_OK)
        machine->failures = 0;
    return status;
}

plim_status plim__machine_begin(plim__machine *machine, plim_error *err)
{
    plim__wire message = {.kind = PLIM__WIRE_START,
                          .value = machine->heap_bytes,
                          .detail = machine->total_bytes,
                          .more = machine->heap_table};
    plim__verdict verdict = {0};
    if (!plim__wire_send(machine->active.socket, &message) ||
        !run_wait(machine, plim__machine_now() + 10 * UINT64_C(1000000), &message, &verdict) ||
        message.kind != PLIM__WIRE_DONE)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "the session's heap could not be made");
    if (!plim__held_read(machine->active.pid, machine->active.socket, &machine->base))
        return plim_error_set(err, PLIM_ERR_ACCESS, "/proc does not show the worker");
    machine->held = machine->base;
    plim_status status = run_adopt(machine, &message, &verdict, err);
    if (status == PLIM_OK && verdict.end != PLIM_REPL_OK)
        status =
            plim_error_set(err, PLIM_ERR_ACCESS,
                           "a worker's memory cannot be read (ptrace_scope?): %s", verdict.text);
    return status;
}

plim_status plim__machine_blocks(plim__machine *machine, plim_repl_block *blocks, size_t max,
                                 size_t *out_count, plim_error *err)
{
    plim__wire message = {.kind = PLIM__WIRE_WALK, .more = machine->heap_table};
    plim__verdict verdict = {0};
    plim_status status = plim__machine_ready(machine, err);
    if (status != PLIM_OK)
        return status;
    if (!plim__wire_send(machine->active.socket, &message) ||
        !run_wait(machine, plim__machine_now() + 10 * UINT64_C(1000000), &message, &verdict) ||
        message.kind != PLIM__WIRE_WALK)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the heap's blocks cannot be listed");
    machine->heap_used = message.heap_used;
    machine->heap_blocks = message.heap_blocks;
    machine->heap_high = message.heap_high;
    machine->is_stale = false;
    size_t count = message.detail < max ? (size_t)message.detail : max;
    _Static_assert(sizeof(plim_repl_block) == sizeof(plim__heap_block), "one after the other");
    if (!plim__worker_read(machine, message.value, blocks, count * sizeof *blocks))
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the heap's blocks cannot be read");
    *out_count = (size_t)message.detail;
    return PLIM_OK;
}

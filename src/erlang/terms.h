/* SPDX-License-Identifier: MIT */
/**
 * @file terms.h
 * @brief What is said between an Erlang node and a worker of it: terms and their bytes.
 *
 * To the worker:   {plim_request, From, Ref, Code}, {plim_request, From, Ref, Code, idempotent},
 *                  {plim_cancel, Ref}, {plim_health, From, Ref}, plim_stop
 * From the worker: {plim_worker, up, Pid, OsPid, WorkerOsPid}, {plim_log, Pid, Level, Text},
 *                  {plim_response, Ref, ok, Result}, {plim_response, Ref, error, {Status, Why}},
 *                  {plim_health, Ref, Answered, Waiting}
 * Code, Result, Text and Why are binaries; Code may be a string.
 */
#ifndef PLIM_ERLANG_TERMS_H
#define PLIM_ERLANG_TERMS_H
#include <plimsoll/worker_pool.h>

#include <ei.h>

typedef enum plim__term_kind {
    PLIM__TERM_OTHER = 0, /**< nothing that is understood: it is dropped */
    PLIM__TERM_REQUEST,
    PLIM__TERM_CANCEL,
    PLIM__TERM_HEALTH,
    PLIM__TERM_STOP
} plim__term_kind;

typedef struct plim__term {
    plim__term_kind kind;
    erlang_pid from;
    erlang_ref ref;
    char *code; /**< ended by plim__term_fini() */
    uint32_t bytes;
    bool is_idempotent;
} plim__term;

/** Understands a message; what is not one of the above is PLIM__TERM_OTHER. */
void plim__term_read(const char *bytes, uint32_t payload_max, plim__term *out);

/** Gives back what reading took. */
void plim__term_fini(plim__term *term);

/** Terms to be sent; false: no memory. Each starts its buffer anew. */
bool plim__term_up(ei_x_buff *out, const erlang_pid *self, int64_t pid, int64_t worker_pid);
bool plim__term_log(ei_x_buff *out, const erlang_pid *self, uint32_t level, const char *text);
bool plim__term_response(ei_x_buff *out, const erlang_ref *ref, const plim_pool_answer *answer);
bool plim__term_health(ei_x_buff *out, const erlang_ref *ref, const plim_pool_figures *figures);

#endif

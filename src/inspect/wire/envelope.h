/* SPDX-License-Identifier: MIT */
/**
 * @file envelope.h
 * @brief A JSON message taken apart while it comes in, its one huge string never held.
 *
 * A V8 snapshot comes as events {"method":…,"params":{"chunk":"…"}} whose strings are the text of
 * a document. The string under params that a rule names is unescaped as its bytes arrive and
 * handed on; the rest, with "" in its place, is small and is parsed by jansson at the end. A
 * second kind of rule names a string that is itself a message (Node's workers): its text is
 * unescaped into an inner envelope of the same kind.
 * A rule applies where `method` came before `params`, as every runtime seen writes it; otherwise
 * the string stays in the message that on_message gets, where its reader finds it.
 * Thread-safety: one thread.
 */
#ifndef PLIM_INSPECT_WIRE_ENVELOPE_H
#define PLIM_INSPECT_WIRE_ENVELOPE_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <jansson.h>
#include <stdbool.h>

typedef struct plim__envelope plim__envelope;

enum { PLIM__ENVELOPE_RULES_MAX = 4 };

/** Which string of which message; the texts are borrowed. */
typedef struct plim__envelope_rule {
    const char *method; /**< "HeapProfiler.addHeapSnapshotChunk" */
    const char *key;    /**< "chunk", directly under params */
    bool is_message;    /**< the string is a message again; one level deep */
} plim__envelope_rule;

/** A failure of a callback is that of feed() or end(). */
typedef struct plim__envelope_events {
    void *ctx;
    /** Decoded bytes of the string of a rule, in the outer or the inner message. */
    plim_status (*on_stream)(void *ctx, const char *data, size_t len, plim_error *err);
    /** A whole message, borrowed; inner is NULL unless a rule with is_message applied. */
    plim_status (*on_message)(void *ctx, json_t *message, json_t *inner, plim_error *err);
} plim__envelope_events;

/** Starts one that is ready for a message; rules are copied. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__envelope_create(const plim_allocator *allocator,
                                                 const plim__envelope_rule *rules,
                                                 size_t rule_count, plim__envelope_events events,
                                                 plim__envelope **out_envelope, plim_error *err);

/** Adds a rule, between messages. At most PLIM__ENVELOPE_RULES_MAX. */
void plim__envelope_add_rule(plim__envelope *envelope, plim__envelope_rule rule);

/**
 * The next bytes of the message. After a failure the envelope is only good for destroy.
 * Fails with PLIM_ERR_PROTOCOL (no JSON), _LIMIT (too deep, too long), _NO_MEMORY.
 */
PLIM_NODISCARD plim_status plim__envelope_feed(plim__envelope *envelope, const char *data,
                                               size_t len, plim_error *err);

/** The message is complete: parses the rest, calls on_message, and is ready for the next one. */
PLIM_NODISCARD plim_status plim__envelope_end(plim__envelope *envelope, plim_error *err);

/** Ends it. */
void plim__envelope_destroy(plim__envelope **envelope);

#endif

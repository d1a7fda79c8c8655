/* SPDX-License-Identifier: MIT */
/**
 * @file envelope.h
 * @brief A JSON message taken apart while it comes in, its one huge string never held.
 *
 * A V8 snapshot comes as events {"method":…,"params":{"chunk":"…"}} whose strings are the text of
 * a document; JavaScriptCore's as one reply {"result":{"snapshotData":"…"},"id":…}. The string
 * that a rule names is unescaped as its bytes arrive and handed on; the rest, with "" in its
 * place, is small and is parsed by jansson at the end. A second kind of rule names a string that
 * is itself a message (a worker's, or WebKit's targets with their workers): its text is unescaped
 * into a further scanner of the same kind, PLIM__ENVELOPE_LEVELS of them in all.
 * A rule of an event applies where `method` came before `params`, as every runtime seen writes it;
 * otherwise the string stays in the message that on_message gets, where its reader finds it.
 * Thread-safety: one thread.
 */
#ifndef PLIM_INSPECT_WIRE_ENVELOPE_H
#define PLIM_INSPECT_WIRE_ENVELOPE_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <jansson.h>
#include <stdbool.h>

typedef struct plim__envelope plim__envelope;

enum {
    PLIM__ENVELOPE_RULES_MAX = 8,
    PLIM__ENVELOPE_LEVELS =
        3 /**< a message, one in it, one in that: a worker of a page of WebKit */
};

/** Which string of which message; the texts are borrowed. */
typedef struct plim__envelope_rule {
    const char
        *method;       /**< "HeapProfiler.addHeapSnapshotChunk"; NULL: of a reply, which has none */
    const char *key;   /**< "chunk", under params; of a reply under result */
    bool is_message;   /**< the string is a message again */
    const char *under; /**< "result": of the object of this name there; NULL: directly */
} plim__envelope_rule;

/** A failure of a callback is that of feed() or end(). */
typedef struct plim__envelope_events {
    void *ctx;
    /** Decoded bytes of the string of a rule, in a message of whatever level. */
    plim_status (*on_stream)(void *ctx, const char *data, size_t len, plim_error *err);
    /** A whole message and those in it, outermost first, borrowed; count is 1 unless a rule with
        is_message applied. */
    plim_status (*on_message)(void *ctx, json_t *const *messages, size_t count, plim_error *err);
} plim__envelope_events;

/** Starts one that is ready for a message; rules are copied. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__envelope_create(const plim_allocator *allocator,
                                                 const plim__envelope_rule *rules,
                                                 size_t rule_count, plim__envelope_events events,
                                                 plim__envelope **out_envelope, plim_error *err);

/** Adds a rule, between messages. At most PLIM__ENVELOPE_RULES_MAX. */
void plim__envelope_add_rule(plim__envelope *envelope, plim__envelope_rule rule);

/** Takes the rule of that method (NULL: of replies) and key away again, between messages. */
void plim__envelope_remove_rule(plim__envelope *envelope, const char *method, const char *key);

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

/* SPDX-License-Identifier: MIT */
/*
 * What a client may ask, in one table. What is not in it is answered with error -32601, never with
 * an empty result: some pages of DevTools break on a result that has not the fields they expect.
 *
 * Order matters in one place: the panel waits for progress that says `finished` before the first
 * chunk, or it stays empty for ever. (What was seen of DevTools: docs/internals/server.md.)
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/server.h"

enum {
    METHOD_NOT_FOUND = -32601,
    METHOD_BAD_REQUEST = -32600,
    METHOD_FAILED = -32000,
    METHOD_ESCAPE_BYTES = 6 /* the most that one byte of a text takes in JSON */
};

typedef struct method_call {
    plim_server *server;
    plim__connection *connection;
    plim__shown *shown;
    const json_t *params; /* an object, or NULL */
    plim_error error;     /* why it failed; for the client */
} method_call;

/* Each gives the result, new; NULL: it failed, and the call's error says why. */
typedef json_t *method_run(method_call *call);

/* --- sending ------------------------------------------------------------------------------- */

/* Takes the message. */
static plim_status method_send(plim__connection *connection, json_t *message, plim_error *err)
{
    char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    plim_status status = text == NULL ? plim__no_memory(err, "an answer")
                                      : plim__connection_send(connection, text, strlen(text), err);
    plim__page_free(text);
    json_decref(message);
    return status;
}

/* --- a snapshot in chunks ------------------------------------------------------------------ */

typedef struct method_chunks {
    plim__connection *connection;
    size_t used;
    char text[PLIM_SERVER_CHUNK_BYTES * METHOD_ESCAPE_BYTES + 256];
} method_chunks;

static const char CHUNK_HEAD[] =
    "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"";
static const char CHUNK_TAIL[] = "\"}}";

static plim_status chunks_flush(method_chunks *chunks, plim_error *err)
{
    if (chunks->used == sizeof CHUNK_HEAD - 1)
        return PLIM_OK;
    memcpy(chunks->text + chunks->used, CHUNK_TAIL, sizeof CHUNK_TAIL - 1);
    plim_status status = plim__connection_send(chunks->connection, chunks->text,
                                               chunks->used + sizeof CHUNK_TAIL - 1, err);
    chunks->used = sizeof CHUNK_HEAD - 1;
    return status;
}

/* A whole snapshot is text whose non-ASCII characters may lie across two writes. So bytes from 0x80
   on are carried until their character is complete; flush only happens before a first byte. */
static void chunks_add(method_chunks *chunks, unsigned char byte)
{
    char *out = chunks->text + chunks->used;
    if (byte == '"' || byte == '\\') {
        out[0] = '\\';
        out[1] = (char)byte;
        chunks->used += 2;
    } else if (byte == '\n') {
        out[0] = '\\';
        out[1] = 'n';
        chunks->used += 2;
    } else if (byte < 0x20) {
        (void)snprintf(out, METHOD_ESCAPE_BYTES + 1, "\\u%04x", (unsigned)byte);
        chunks->used += METHOD_ESCAPE_BYTES;
    } else {
        *out = (char)byte;
        chunks->used++;
    }
}

static plim_status chunks_write(void *ctx, const void *data, size_t length, plim_error *err)
{
    method_chunks *chunks = ctx;
    const unsigned char *bytes = data;
    for (size_t i = 0; i < length; i++) {
        bool begins = (bytes[i] & 0xc0) != 0x80;
        if (begins && chunks->used >= PLIM_SERVER_CHUNK_BYTES) {
            plim_status status = chunks_flush(chunks, err);
            if (status != PLIM_OK)
                return status;
        }
        if (chunks->used + METHOD_ESCAPE_BYTES + sizeof CHUNK_TAIL > sizeof chunks->text)
            return plim_error_set(err, PLIM_ERR_INTERNAL, "a snapshot that is not UTF-8");
        chunks_add(chunks, bytes[i]);
    }
    return PLIM_OK;
}

static json_t *method_failed(method_call *call, plim_status status, const char *doing)
{
    (void)plim_error_set(&call->error, status, "%s", doing);
    return NULL;
}

static json_t *method_take_snapshot(method_call *call)
{
    method_chunks *chunks = plim__array_new(call->server->allocator, 1, sizeof *chunks);
    if (chunks == NULL)
        return method_failed(call, PLIM_ERR_NO_MEMORY, "not enough memory for a snapshot");
    chunks->connection = call->connection;
    chunks->used = sizeof CHUNK_HEAD - 1;
    memcpy(chunks->text, CHUNK_HEAD, sizeof CHUNK_HEAD - 1);
    plim_status status = PLIM_OK;
    if (json_is_true(json_object_get(call->params, "reportProgress")))
        status = method_send(call->connection,
                             json_pack("{s:s, s:{s:i, s:i, s:b}}", "method",
                                       "HeapProfiler.reportHeapSnapshotProgress", "params", "done",
                                       1, "total", 1, "finished", 1),
                             &call->error);
    plim_sink sink = {chunks, chunks_write};
    if (status == PLIM_OK)
        status = call->shown->served.snapshot(call->shown->served.ctx, sink,
                                              (plim_progress){NULL, NULL}, &call->error);
    if (status == PLIM_OK)
        status = chunks_flush(chunks, &call->error);
    plim__array_free(call->server->allocator, chunks, 1, sizeof *chunks);
    return status == PLIM_OK ? json_object() : method_failed(call, status, "no snapshot");
}

/* --- the rest ------------------------------------------------------------------------------ */

static json_t *method_nothing(method_call *call)
{
    (void)call;
    return json_object();
}

static json_t *method_enable_runtime(method_call *call)
{
    json_t *event = json_pack("{s:s, s:{s:{s:i, s:s, s:s, s:s, s:{s:b}}}}", "method",
                              "Runtime.executionContextCreated", "params", "context", "id", 1,
                              "origin", "", "name", call->shown->title, "uniqueId", call->shown->id,
                              "auxData", "isDefault", 1);
    plim_status status = method_send(call->connection, event, &call->error);
    return status == PLIM_OK ? json_object() : NULL;
}

static json_t *method_isolate(method_call *call)
{
    return json_pack("{s:s}", "id", call->shown->id);
}

static json_t *method_debugger(method_call *call)
{
    return json_pack("{s:s}", "debuggerId", call->shown->id);
}

static json_t *method_usage(method_call *call)
{
    uint64_t used = 0, total = 0;
    plim_status status =
        call->shown->served.usage(call->shown->served.ctx, &used, &total, &call->error);
    if (status != PLIM_OK)
        return method_failed(call, status, "no usage");
    return json_pack("{s:I, s:I, s:i, s:i}", "usedSize", (json_int_t)used, "totalSize",
                     (json_int_t)total, "embedderHeapUsedSize", 0, "backingStorageSize", 0);
}

static json_t *method_collect(method_call *call)
{
    uint64_t bytes = 0;
    if (call->shown->served.collect == NULL)
        return method_failed(call, PLIM_ERR_UNSUPPORTED, "this heap cannot give back anything");
    plim_status status = call->shown->served.collect(call->shown->served.ctx, &bytes, &call->error);
    return status == PLIM_OK ? json_object() : method_failed(call, status, "not collected");
}

static const struct {
    const char *name;
    method_run *run;
} METHODS[] = {
    {"Debugger.disable", method_nothing},
    {"Debugger.enable", method_debugger},
    {"HeapProfiler.collectGarbage", method_collect},
    {"HeapProfiler.disable", method_nothing},
    {"HeapProfiler.enable", method_nothing},
    {"HeapProfiler.takeHeapSnapshot", method_take_snapshot},
    {"Profiler.disable", method_nothing},
    {"Profiler.enable", method_nothing},
    {"Runtime.disable", method_nothing},
    {"Runtime.enable", method_enable_runtime},
    {"Runtime.getHeapUsage", method_usage},
    {"Runtime.getIsolateId", method_isolate},
    {"Runtime.runIfWaitingForDebugger", method_nothing},
};

static method_run *method_find(const char *name)
{
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        if (strcmp(METHODS[i].name, name) == 0)
            return METHODS[i].run;
    }
    return NULL;
}

static json_t *method_error(const json_t *id, int code, const char *text)
{
    json_t *error = json_pack("{s:i, s:s}", "code", code, "message", text);
    return json_pack("{s:O*, s:o}", "id", id, "error", error);
}

plim_status plim__method_answer(plim_server *server, plim__connection *connection,
                                const json_t *request, plim_error *err)
{
    const json_t *id = json_object_get(request, "id");
    const char *name = json_string_value(json_object_get(request, "method"));
    method_call call = {.server = server,
                        .connection = connection,
                        .shown = plim__connection_shown(connection),
                        .params = json_object_get(request, "params")};
    json_t *reply = NULL;
    if (!json_is_integer(id) || name == NULL) {
        reply = method_error(NULL, METHOD_BAD_REQUEST, "a request has an integer id and a method");
    } else {
        method_run *run = method_find(name);
        json_t *result = run == NULL ? NULL : run(&call);
        if (run == NULL)
            reply = method_error(id, METHOD_NOT_FOUND, "plim does not have this method");
        else if (result == NULL)
            reply = method_error(
                id, call.error.status == PLIM_ERR_UNSUPPORTED ? METHOD_NOT_FOUND : METHOD_FAILED,
                call.error.what[0] != '\0' ? call.error.what : "failed");
        else
            reply = json_pack("{s:O, s:o}", "id", id, "result", result);
    }
    if (call.error.status == PLIM_ERR_INTERRUPTED) {
        json_decref(reply);
        return plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted");
    }
    /* A client that has gone is no failure of the server. */
    plim_status status = method_send(connection, reply, NULL);
    return status == PLIM_ERR_INTERRUPTED ? plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted")
                                          : PLIM_OK;
}

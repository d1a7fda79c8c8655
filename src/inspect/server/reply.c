/* SPDX-License-Identifier: MIT */
/* How methods answer: results, failures, and a line in the client's console. */
#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/server.h"
#include "inspect/server/utf8.h"

enum {
    REPLY_NOT_FOUND = -32601,
    REPLY_BAD_REQUEST = -32600,
    REPLY_FAILED = -32000,
    REPLY_TEXT_BYTES = 4096 /* of a text that had to be copied */
};

json_t *plim__method_failed(plim__call *call, plim_status status, const char *words)
{
    if (call->error.what[0] == '\0')
        (void)plim_error_set(&call->error, status, "%s", words);
    return NULL;
}

json_t *plim__method_text(const char *text)
{
    char clean[REPLY_TEXT_BYTES];
    json_t *whole = json_string(text);
    if (whole != NULL)
        return whole;
    plim__utf8_copy(text, clean, sizeof clean);
    return json_string(clean);
}

void plim__method_note(plim__call *call, const char *type, const char *words)
{
    json_t *event =
        json_pack("{s:s, s:{s:s, s:[{s:s, s:o}], s:i, s:f}}", "method", "Runtime.consoleAPICalled",
                  "params", "type", type, "args", "type", "string", "value",
                  plim__method_text(words), "executionContextId", 1, "timestamp", 0.0);
    (void)plim__connection_tell(call->connection, event, NULL);
}

static json_t *reply_error(const json_t *id, int code, const char *words)
{
    json_t *error = json_pack("{s:i, s:o}", "code", code, "message", plim__method_text(words));
    return json_pack("{s:O*, s:o}", "id", id, "error", error);
}

void plim__method_reply(plim__connection *connection, const json_t *id, json_t *result,
                        const plim_error *error)
{
    int code = error->status == PLIM_ERR_UNSUPPORTED ? REPLY_NOT_FOUND : REPLY_FAILED;
    json_t *reply = result != NULL
                        ? json_pack("{s:O, s:o}", "id", id, "result", result)
                        : reply_error(id, code, error->what[0] != '\0' ? error->what : "failed");
    /* A client that has gone is no failure of the server. */
    (void)plim__connection_tell(connection, reply, NULL);
}

void plim__method_refuse(plim__connection *connection, const char *words)
{
    (void)plim__connection_tell(connection, reply_error(NULL, REPLY_BAD_REQUEST, words), NULL);
}

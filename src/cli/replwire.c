/* SPDX-License-Identifier: MIT */
/*
 * Lines of the protocol (docs/internals/repl-protocol.md). A line is one JSON object; what it lacks
 * has a default, what it has too much is ignored, and a member of the wrong type is an error that
 * names it. Nothing is believed: lengths and numbers are bounded here, before anything acts on
 * them.
 */
#include "cli/replwire.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    const char *text;   /* member that `text` is; NULL: none */
    const char *number; /* likewise */
    uint32_t otherwise; /* number's default */
    bool needs_session;
} wire_ops[PLIM__REPL_OPS] = {
    [PLIM__REPL_DESCRIBE] = {"describe", NULL, NULL, 0, false},
    [PLIM__REPL_OPEN] = {"open", NULL, "memory_bytes", 0, false},
    [PLIM__REPL_EVAL] = {"eval", "code", NULL, 0, true},
    [PLIM__REPL_IS_COMPLETE] = {"is_complete", "code", NULL, 0, true},
    [PLIM__REPL_COMPLETE] = {"complete", "code", "cursor", 0, true},
    [PLIM__REPL_INTERRUPT] = {"interrupt", NULL, NULL, 0, true},
    [PLIM__REPL_UNDO] = {"undo", NULL, "count", 1, true},
    [PLIM__REPL_VARS] = {"vars", NULL, NULL, 0, true},
    [PLIM__REPL_LINK] = {"link", "library", NULL, 0, true},
    [PLIM__REPL_SAVE] = {"save", "path", NULL, 0, true},
    [PLIM__REPL_LOAD] = {"load", "path", NULL, 0, true},
    [PLIM__REPL_CLOSE] = {"close", NULL, NULL, 0, true},
};

const char *plim__repl_op_word(plim__repl_op op)
{
    return op < PLIM__REPL_OPS ? wire_ops[op].word : "";
}

static plim_status wire_refuse(plim_error *err, const char *name, const char *wanted)
{
    return plim_error_set(err, PLIM_ERR_USAGE, "\"%s\" is to be %s", name, wanted);
}

/* A short string member; "" where there is none. */
static plim_status wire_short(json_t *json, const char *name, char *out, size_t cap,
                              plim_error *err)
{
    const json_t *member = json_object_get(json, name);
    out[0] = '\0';
    if (member == NULL || json_is_null(member))
        return PLIM_OK;
    if (!json_is_string(member) || json_string_length(member) >= cap)
        return wire_refuse(err, name, "a short string");
    (void)snprintf(out, cap, "%s", json_string_value(member));
    return PLIM_OK;
}

static plim_status wire_number(json_t *json, const char *name, uint64_t otherwise, uint64_t most,
                               uint64_t *out, plim_error *err)
{
    const json_t *member = json_object_get(json, name);
    *out = otherwise;
    if (member == NULL || json_is_null(member))
        return PLIM_OK;
    if (!json_is_integer(member) || json_integer_value(member) < 0 ||
        (uint64_t)json_integer_value(member) > most)
        return wire_refuse(err, name, "a whole number within its range");
    *out = (uint64_t)json_integer_value(member);
    return PLIM_OK;
}

/* The id is given back as it came: a number, a string of reasonable length, else null. */
static void wire_id(json_t *json, char out[PLIM__REPL_ID_BYTES])
{
    const json_t *id = json_object_get(json, "id");
    (void)snprintf(out, PLIM__REPL_ID_BYTES, "null");
    if (!json_is_integer(id) && !json_is_string(id))
        return;
    char text[PLIM__REPL_ID_BYTES];
    size_t bytes = json_dumpb(id, text, sizeof text - 1, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (bytes > 0 && bytes < sizeof text) {
        text[bytes] = '\0';
        (void)snprintf(out, PLIM__REPL_ID_BYTES, "%s", text);
    }
}

static plim_status wire_op(json_t *json, plim__repl_op *out, plim_error *err)
{
    const char *word = json_string_value(json_object_get(json, "op"));
    for (int i = 0; word != NULL && i < PLIM__REPL_OPS; i++) {
        if (strcmp(wire_ops[i].word, word) == 0) {
            *out = (plim__repl_op)i;
            return PLIM_OK;
        }
    }
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "there is no such op");
    plim_error_hint(err, "{\"op\":\"describe\"}");
    return status;
}

static plim_status wire_members(plim__repl_request *request, plim_error *err)
{
    json_t *json = request->json;
    uint64_t deadline_ms = 0;
    plim_status status = wire_op(json, &request->op, err);
    if (status == PLIM_OK)
        status = wire_short(json, "session", request->session, sizeof request->session, err);
    if (status == PLIM_OK)
        status = wire_short(json, "token", request->token, sizeof request->token, err);
    if (status == PLIM_OK && wire_ops[request->op].needs_session && request->session[0] == '\0')
        status = wire_refuse(err, "session", "the name that \"open\" gave");
    if (status == PLIM_OK && wire_ops[request->op].number != NULL)
        status = wire_number(json, wire_ops[request->op].number, wire_ops[request->op].otherwise,
                             UINT64_C(1) << 40, &request->number, err);
    if (status == PLIM_OK)
        status = wire_number(json, "deadline_ms", 0, UINT32_MAX - 1, &deadline_ms, err);
    request->deadline_ms = (uint32_t)deadline_ms;
    if (status == PLIM_OK && wire_ops[request->op].text != NULL) {
        request->text = json_string_value(json_object_get(json, wire_ops[request->op].text));
        if (request->text == NULL)
            status = wire_refuse(err, wire_ops[request->op].text, "a string");
    }
    if (status == PLIM_OK && request->op == PLIM__REPL_COMPLETE &&
        request->number > strlen(request->text))
        status = wire_refuse(err, "cursor", "within the code");
    if (request->text == NULL)
        request->text = "";
    return status;
}

plim_status plim__repl_request_read(const char *line, size_t bytes, plim__repl_request *out,
                                    plim_error *err)
{
    json_error_t why;
    plim__repl_request request = {.text = ""};
    (void)snprintf(request.id, sizeof request.id, "null");
    *out = request;
    json_t *json = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL || !json_is_object(json)) {
        json_decref(json);
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "a line is to be one JSON object");
    }
    request.json = json;
    request.text = NULL;
    wire_id(json, request.id);
    plim_status status = wire_members(&request, err);
    *out = request;
    if (status != PLIM_OK)
        plim__repl_request_fini(out);
    return status;
}

void plim__repl_request_fini(plim__repl_request *request)
{
    json_decref(request->json);
    request->json = NULL;
    request->text = "";
}

/* SPDX-License-Identifier: MIT */
/*
 * Objects, expressions and sources. A remote object's id is its id in snapshots, as text: nothing
 * is kept for a client that opens objects, so there is nothing to release.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/server.h"
#include "inspect/server/utf8.h"

enum { VALUES_TEXT_BYTES = 1024, VALUES_ID_BYTES = 24 };

/* --- values as DevTools has them ------------------------------------------------------------- */

static json_t *values_number(const plim_served_value *value)
{
    char *end = NULL;
    double number = strtod(value->text, &end);
    json_t *shown =
        json_pack("{s:s, s:o}", "type", "number", "description", plim__method_text(value->text));
    /* What a double holds exactly is given as one; of the rest only how it is written. */
    bool is_exact = end != value->text && *end == '\0' && number > -9007199254740992.0 &&
                    number < 9007199254740992.0;
    if (shown != NULL && is_exact && json_object_set_new(shown, "value", json_real(number)) != 0) {
        json_decref(shown);
        return NULL;
    }
    return shown;
}

static json_t *values_object(const plim_served_value *value)
{
    char id[VALUES_ID_BYTES];
    char shown[VALUES_TEXT_BYTES];
    plim__utf8_copy(value->text, shown, sizeof shown);
    if (value->id == 0)
        return json_pack("{s:s, s:s, s:s}", "type", "object", "className", shown, "description",
                         shown);
    (void)snprintf(id, sizeof id, "%" PRIu64, value->id);
    return json_pack("{s:s, s:s, s:s, s:s}", "type", "object", "className", shown, "description",
                     shown, "objectId", id);
}

/* NULL: no memory. */
static json_t *values_remote(const plim_served_value *value)
{
    switch (value->kind) {
    case PLIM_SERVED_NUMBER:
        return values_number(value);
    case PLIM_SERVED_BOOL:
        return json_pack("{s:s, s:b}", "type", "boolean", "value",
                         strcmp(value->text, "true") == 0);
    case PLIM_SERVED_TEXT:
        return json_pack("{s:s, s:o}", "type", "string", "value", plim__method_text(value->text));
    case PLIM_SERVED_NOTHING:
        return json_pack("{s:s, s:s, s:n}", "type", "object", "subtype", "null", "value");
    case PLIM_SERVED_OBJECT:
    case PLIM_SERVED_NOTE: /* these two are no values: whoever asks an expression takes them */
    case PLIM_SERVED_FAILED:
        break;
    }
    return values_object(value);
}

/* What a heap has said of an object. */
typedef struct values_taken {
    json_t *self;   /* NULL: nothing yet */
    json_t *fields; /* of getProperties; NULL: not wanted */
    bool is_short;  /* of memory */
} values_taken;

static bool values_add_field(values_taken *taken, const plim_served_value *value)
{
    json_t *field = json_pack("{s:o, s:o, s:b, s:b, s:b, s:b}", "name",
                              plim__method_text(value->name), "value", values_remote(value),
                              "writable", 0, "configurable", 0, "enumerable", 1, "isOwn", 1);
    return field != NULL && json_array_append_new(taken->fields, field) == 0;
}

static bool values_add(void *ctx, const plim_served_value *value)
{
    values_taken *taken = ctx;
    PLIM_CHECK(value->text != NULL);
    if (taken->self == NULL) {
        taken->self = values_remote(value);
        taken->is_short = taken->self == NULL;
        return taken->self != NULL && taken->fields != NULL;
    }
    if (taken->fields == NULL || value->name == NULL ||
        json_array_size(taken->fields) >= PLIM_SERVER_FIELDS_MAX)
        return false;
    taken->is_short = !values_add_field(taken, value);
    return !taken->is_short;
}

/* --- objects ------------------------------------------------------------------------------- */

static bool values_read_id(const json_t *params, const char *key, uint64_t *out_id)
{
    const char *text = json_string_value(json_object_get(params, key));
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    *out_id = strtoull(text, &end, 10);
    return *end == '\0' && *out_id > 0 && *out_id <= UINT32_MAX;
}

/* Asks the heap; true: taken->self is there. */
static bool values_ask(plim__call *call, const char *key, values_taken *taken)
{
    const plim_served *served = &call->shown->served;
    uint64_t id = 0;
    plim_status status = PLIM_OK;
    if (served->object == NULL)
        status = plim_error_set(&call->error, PLIM_ERR_UNSUPPORTED,
                                "this heap does not show the fields of its objects");
    else if (!values_read_id(call->params, key, &id))
        status = plim_error_set(&call->error, PLIM_ERR_USAGE, "no object has this id");
    else
        status =
            served->object(served->ctx, id, (plim_served_values){taken, values_add}, &call->error);
    if (status == PLIM_OK && taken->is_short)
        status = plim_error_set(&call->error, PLIM_ERR_NO_MEMORY, "not enough memory");
    else if (status == PLIM_OK && taken->self == NULL)
        status = plim_error_set(&call->error, PLIM_ERR_NOT_FOUND, "the object is gone");
    if (status == PLIM_OK)
        return true;
    json_decref(taken->self);
    json_decref(taken->fields);
    (void)plim__method_failed(call, status, "the object cannot be shown");
    return false;
}

json_t *plim__method_object(plim__call *call)
{
    values_taken taken = {NULL, NULL, false};
    return values_ask(call, "objectId", &taken) ? json_pack("{s:o}", "result", taken.self) : NULL;
}

json_t *plim__method_object_id(plim__call *call)
{
    uint64_t id = 0;
    if (!values_read_id(call->params, "objectId", &id))
        return plim__method_failed(call, PLIM_ERR_USAGE, "no object has this id");
    return json_pack("{s:O}", "heapSnapshotObjectId", json_object_get(call->params, "objectId"));
}

json_t *plim__method_properties(plim__call *call)
{
    values_taken taken = {NULL, json_array(), false};
    /* DevTools asks a second time, for getters alone: there are none. */
    if (json_is_true(json_object_get(call->params, "accessorPropertiesOnly")))
        return json_pack("{s:o}", "result", taken.fields);
    if (taken.fields == NULL || !values_ask(call, "objectId", &taken))
        return NULL;
    json_decref(taken.self);
    return json_pack("{s:o}", "result", taken.fields);
}

/* --- expressions --------------------------------------------------------------------------- */

/* A refusal as the console shows it: the text of the details and then the exception's, so that the
   first is empty. */
static json_t *values_refusal(const char *why)
{
    json_t *thrown = json_pack("{s:s, s:s, s:s, s:o*}", "type", "object", "subtype", "error",
                               "className", "Error", "description", plim__method_text(why));
    json_t *whole = json_pack("{s:O, s:{s:i, s:s, s:i, s:i, s:O}}", "result", thrown,
                              "exceptionDetails", "exceptionId", 1, "text", "", "lineNumber", 0,
                              "columnNumber", 0, "exception", thrown);
    json_decref(thrown);
    return whole;
}

/* What comes of an expression: notes go to the console at once, a failure is kept as one. */
typedef struct values_outcome {
    values_taken taken;
    plim__call *call;
    json_t *failure;
} values_outcome;

static bool values_add_outcome(void *ctx, const plim_served_value *value)
{
    values_outcome *outcome = ctx;
    switch (value->kind) {
    case PLIM_SERVED_NOTE:
        plim__method_note(outcome->call, "warning", value->text);
        return true;
    case PLIM_SERVED_FAILED:
        if (outcome->failure == NULL)
            outcome->failure = values_refusal(value->text);
        outcome->taken.is_short = outcome->failure == NULL;
        return false;
    case PLIM_SERVED_NUMBER:
    case PLIM_SERVED_BOOL:
    case PLIM_SERVED_TEXT:
    case PLIM_SERVED_OBJECT:
    case PLIM_SERVED_NOTHING:
        break;
    }
    return values_add(&outcome->taken, value);
}

json_t *plim__method_evaluate(plim__call *call)
{
    static const char NONE[] = "this heap evaluates nothing: there is no interpreter behind it";
    const plim_served *served = &call->shown->served;
    const char *expression = json_string_value(json_object_get(call->params, "expression"));
    const char *group = json_string_value(json_object_get(call->params, "objectGroup"));
    bool is_typed = group != NULL && strcmp(group, "console") == 0;
    bool is_asked = is_typed || group == NULL; /* else the page wants to know something itself */
    values_outcome outcome = {.call = call};
    if (served->evaluate == NULL && is_typed)
        return values_refusal(NONE);
    if (served->evaluate == NULL)
        return plim__method_failed(call, PLIM_ERR_UNSUPPORTED, NONE);
    if (expression == NULL)
        return plim__method_failed(call, PLIM_ERR_USAGE, "no expression");
    if (!is_asked || json_is_true(json_object_get(call->params, "throwOnSideEffect")))
        return plim__method_failed(call, PLIM_ERR_REFUSED,
                                   "nothing is evaluated while it is being typed");
    plim_status status = served->evaluate(
        served->ctx, expression, (plim_served_values){&outcome, values_add_outcome}, &call->error);
    json_t *self = outcome.taken.self;
    if (status == PLIM_OK && self != NULL && outcome.failure == NULL)
        return json_pack("{s:o}", "result", self);
    json_decref(self);
    if (outcome.failure != NULL)
        return outcome.failure;
    if (status == PLIM_OK)
        return outcome.taken.is_short ? NULL
                                      : json_pack("{s:{s:s}}", "result", "type", "undefined");
    return values_refusal(call->error.what[0] != '\0' ? call->error.what : "refused");
}

/* Asked at Enter, whether the expression is whole; the words are those that DevTools looks for. */
json_t *plim__method_compile(plim__call *call)
{
    const plim_served *served = &call->shown->served;
    const char *expression = json_string_value(json_object_get(call->params, "expression"));
    if (served->is_complete == NULL || expression == NULL ||
        served->is_complete(served->ctx, expression))
        return json_object();
    json_t *refusal = values_refusal("SyntaxError: Unexpected end of input");
    (void)json_object_del(refusal, "result");
    return refusal;
}

static bool values_add_name(void *ctx, const plim_served_value *value)
{
    json_t *names = ctx;
    return json_array_size(names) < PLIM_SERVER_FIELDS_MAX &&
           json_array_append_new(names, plim__method_text(value->name)) == 0;
}

/* What the console offers while a name is typed. */
json_t *plim__method_names(plim__call *call)
{
    const plim_served *served = &call->shown->served;
    json_t *names = json_array();
    if (names != NULL && served->names != NULL)
        served->names(served->ctx, (plim_served_values){names, values_add_name});
    return json_pack("{s:o}", "names", names);
}

/* --- sources ------------------------------------------------------------------------------- */

static json_t *values_script(const plim__shown *shown, uint32_t index, const char *url)
{
    char id[VALUES_ID_BYTES];
    (void)snprintf(id, sizeof id, "%" PRIu32, index + 1);
    json_t *text = plim__method_text(url);
    return json_pack("{s:s, s:{s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:i}}", "method",
                     "Debugger.scriptParsed", "params", "scriptId", id, "url", text, "startLine", 0,
                     "startColumn", 0, "endLine", INT32_MAX, "endColumn", 0, "executionContextId",
                     1, "hash", id, "buildId", shown->id, "length", 0);
}

void plim__values_tell_sources(plim__call *call)
{
    const plim_served *served = &call->shown->served;
    plim__visit *visit = call->visit;
    if (served->source == NULL || !visit->debugger_is_on)
        return;
    while (visit->sources_told < PLIM_SERVER_SOURCES_MAX) {
        const char *url = served->source(served->ctx, visit->sources_told);
        if (url == NULL ||
            plim__connection_tell(call->connection,
                                  values_script(call->shown, visit->sources_told, url),
                                  NULL) != PLIM_OK)
            return;
        visit->sources_told++;
    }
}

typedef struct values_text {
    const plim_allocator *allocator;
    char *data;
    size_t length, cap;
} values_text;

static plim_status values_take_text(void *ctx, const void *data, size_t length, plim_error *err)
{
    values_text *text = ctx;
    if (length > PLIM_SERVER_SOURCE_BYTES_MAX - text->length)
        return plim_error_set(err, PLIM_ERR_LIMIT, "the source is too long");
    if (length > text->cap - text->length) {
        size_t cap = text->cap * 2 + length + 4096;
        char *grown = plim__array_resize(text->allocator, text->data, text->cap, cap, 1);
        if (grown == NULL)
            return plim__no_memory(err, "a source");
        text->data = grown;
        text->cap = cap;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
    return PLIM_OK;
}

json_t *plim__method_source(plim__call *call)
{
    const plim_served *served = &call->shown->served;
    values_text text = {call->server->allocator, NULL, 0, 0};
    uint64_t number = 0;
    if (served->source == NULL || served->source_text == NULL)
        return plim__method_failed(call, PLIM_ERR_UNSUPPORTED, "this heap names no sources");
    if (!values_read_id(call->params, "scriptId", &number) || number > call->visit->sources_told ||
        served->source(served->ctx, (uint32_t)number - 1) == NULL)
        return plim__method_failed(call, PLIM_ERR_USAGE, "no source has this id");
    plim_status status = served->source_text(served->ctx, (uint32_t)number - 1,
                                             (plim_sink){&text, values_take_text}, &call->error);
    json_t *whole =
        status == PLIM_OK ? json_stringn(text.length > 0 ? text.data : "", text.length) : NULL;
    plim__array_free(text.allocator, text.data, text.cap, 1);
    if (status != PLIM_OK)
        return plim__method_failed(call, status, "the source cannot be read");
    return whole == NULL ? NULL : json_pack("{s:o}", "scriptSource", whole);
}

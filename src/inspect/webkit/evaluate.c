/* SPDX-License-Identifier: MIT */
/*
 * Runtime.evaluate does not wait for a promise, and gives either a value or an object to ask on:
 *     evaluate -> a plain value, done
 *              -> a promise: Runtime.awaitPromise by value
 *              -> an object: a call on it that gives it by value
 * In Bun a promise that is refused before anybody waits for it ends the program. So there the
 * expression is evaluated inside a function that catches everything, and is always awaited.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/error_repeat.h"
#include "inspect/webkit/webkit.h"

static const uint64_t evaluate_timeout_ns = 60000000000u;

static const char evaluate_guard_head[] = "(async()=>{try{return{value:await(0,eval)(";
static const char evaluate_guard_tail[] = ")}}catch(e){return{error:String(e)}}})()";

/* The first line of what was thrown: the description of an Error may have more. */
static plim_status evaluate_threw(const json_t *object, plim_error *err)
{
    const char *text = json_string_value(json_object_get(object, "description"));
    if (text == NULL)
        text = json_string_value(json_object_get(object, "value"));
    if (text == NULL)
        text = "something without a text";
    return plim_error_set(err, PLIM_ERR_REFUSED, "the expression threw: %.*s",
                          (int)strcspn(text, "\n"), text);
}

/* undefined and functions have no JSON: null. Big integers come as their text. */
static json_t *evaluate_value_of(const json_t *object)
{
    json_t *value = json_object_get(object, "value");
    const char *type = json_string_value(json_object_get(object, "type"));
    if (value == NULL && type != NULL && strcmp(type, "bigint") == 0)
        value = json_object_get(object, "description");
    if (json_is_null(value) && type != NULL && strcmp(type, "number") == 0)
        value = json_object_get(object, "description"); /* NaN, Infinity */
    return value != NULL ? json_incref(value) : json_null();
}

/* One call whose reply is {result: a remote object, wasThrown}; gives that, a new reference. */
static plim_status evaluate_call(plim_target *target, const char *method, json_t *params,
                                 uint64_t timeout_ns, json_t **out_object, plim_error *err)
{
    json_t *reply = NULL;
    if (params == NULL)
        return plim__no_memory(err, "a request");
    plim_status status =
        plim__cdp_call(target->cdp.session, method, params, timeout_ns, &reply, err);
    if (status != PLIM_OK)
        return status;
    json_t *object = json_object_get(reply, "result");
    if (json_is_true(json_object_get(reply, "wasThrown")))
        status = evaluate_threw(object, err);
    else
        *out_object = json_incref(object);
    json_decref(reply);
    return status;
}

/* An object that is elsewhere becomes one that is here. */
static plim_status evaluate_resolve(plim_target *target, uint64_t timeout_ns, json_t **object,
                                    plim_error *err)
{
    const char *id = json_string_value(json_object_get(*object, "objectId"));
    const char *class = json_string_value(json_object_get(*object, "className"));
    const char *type = json_string_value(json_object_get(*object, "type"));
    bool is_promise = class != NULL && strcmp(class, "Promise") == 0;
    if (id == NULL || (type != NULL && strcmp(type, "function") == 0))
        return PLIM_OK;
    json_t *params = is_promise ? json_pack("{s:s,s:b}", "promiseObjectId", id, "returnByValue", 1)
                                : json_pack("{s:s,s:s,s:b}", "objectId", id, "functionDeclaration",
                                            "function(){return this}", "returnByValue", 1);
    json_t *value = NULL;
    plim_status status =
        evaluate_call(target, is_promise ? "Runtime.awaitPromise" : "Runtime.callFunctionOn",
                      params, timeout_ns, &value, err);
    json_t *release = json_pack("{s:s}", "objectId", id);
    /* Without this the debugger itself would hold it. */
    plim_error late = {0};
    if (release != NULL &&
        plim__cdp_post(target->cdp.session, "Runtime.releaseObject", release, &late) != PLIM_OK &&
        status == PLIM_OK) {
        json_decref(value);
        return plim__error_repeat(err, &late);
    }
    if (status == PLIM_OK) {
        json_decref(*object);
        *object = value;
    }
    return status;
}

/* The guarded form of an expression, on the heap of the allocator; NULL: no memory. */
static char *evaluate_guard(const plim_allocator *allocator, const char *expression,
                            size_t *out_bytes)
{
    json_t *text = json_string(expression);
    const size_t flags = JSON_ENCODE_ANY | JSON_ENSURE_ASCII;
    size_t len = text != NULL ? json_dumpb(text, NULL, 0, flags) : 0;
    size_t head = sizeof evaluate_guard_head - 1;
    size_t bytes = head + len + sizeof evaluate_guard_tail;
    char *guarded = len > 0 ? plim__array_new(allocator, bytes, 1) : NULL;
    if (guarded != NULL) {
        memcpy(guarded, evaluate_guard_head, head);
        (void)json_dumpb(text, guarded + head, len, flags);
        memcpy(guarded + head + len, evaluate_guard_tail, sizeof evaluate_guard_tail);
        *out_bytes = bytes;
    }
    json_decref(text);
    return guarded;
}

/* What the guard's function gave: {value} or {error}. */
static plim_status evaluate_unguard(const json_t *object, json_t **out_value, plim_error *err)
{
    const json_t *given = json_object_get(object, "value");
    const char *error = json_string_value(json_object_get(given, "error"));
    if (error != NULL)
        return plim_error_set(err, PLIM_ERR_REFUSED, "the expression threw: %.*s",
                              (int)strcspn(error, "\n"), error);
    json_t *value = json_object_get(given, "value");
    *out_value = value != NULL ? json_incref(value) : json_null();
    return PLIM_OK;
}

plim_status plim__webkit_evaluate(plim_target *target, const char *expression, bool is_guarded,
                                  uint64_t timeout_ns, json_t **out_value, plim_error *err)
{
    PLIM_CHECK(expression != NULL && out_value != NULL);
    json_t *plain = json_string(expression);
    if (plain == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "the expression is not UTF-8");
    size_t bytes = 0;
    char *guarded = is_guarded ? evaluate_guard(target->allocator, expression, &bytes) : NULL;
    if (is_guarded && guarded == NULL) {
        json_decref(plain);
        return plim__no_memory(err, "a request");
    }
    if (guarded != NULL) {
        json_decref(plain);
        plain = json_string(guarded);
        plim__array_free(target->allocator, guarded, bytes, 1);
    }
    if (timeout_ns == 0)
        timeout_ns = evaluate_timeout_ns;
    json_t *object = NULL;
    plim_status status =
        evaluate_call(target, "Runtime.evaluate", json_pack("{s:o}", "expression", plain),
                      timeout_ns, &object, err);
    if (status == PLIM_OK)
        status = evaluate_resolve(target, timeout_ns, &object, err);
    if (status == PLIM_OK && is_guarded)
        status = evaluate_unguard(object, out_value, err);
    else if (status == PLIM_OK)
        *out_value = evaluate_value_of(object);
    json_decref(object);
    return status;
}

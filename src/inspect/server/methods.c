/* SPDX-License-Identifier: MIT */
/*
 * What a client may ask, in one table. What is not in it is answered with error -32601, never with
 * an empty result: some pages of DevTools break on a result that has not the fields they expect.
 */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/server/server.h"

/* --- the short ones ------------------------------------------------------------------------ */

static json_t *method_take_snapshot(plim__call *call)
{
    if (call->visit->job != NULL)
        return plim__method_failed(call, PLIM_ERR_BUSY, "a snapshot is under way");
    bool reports = json_is_true(json_object_get(call->params, "reportProgress"));
    plim_status status = plim__job_start(call->server, call->connection, call->id, reports, NULL, 0,
                                         0, &call->error);
    call->is_later = status == PLIM_OK;
    return status == PLIM_OK ? NULL : plim__method_failed(call, status, "no snapshot");
}

static json_t *method_nothing(plim__call *call)
{
    (void)call;
    return json_object();
}

static json_t *method_enable_runtime(plim__call *call)
{
    json_t *event = json_pack("{s:s, s:{s:{s:i, s:s, s:s, s:s, s:{s:b}}}}", "method",
                              "Runtime.executionContextCreated", "params", "context", "id", 1,
                              "origin", "", "name", call->shown->title, "uniqueId", call->shown->id,
                              "auxData", "isDefault", 1);
    plim_status status = plim__connection_tell(call->connection, event, &call->error);
    return status == PLIM_OK ? json_object() : NULL;
}

static json_t *method_isolate(plim__call *call)
{
    return json_pack("{s:s}", "id", call->shown->id);
}

static json_t *method_enable_debugger(plim__call *call)
{
    call->visit->debugger_is_on = true;
    plim__values_tell_sources(call);
    return json_pack("{s:s}", "debuggerId", call->shown->id);
}

static json_t *method_disable_debugger(plim__call *call)
{
    call->visit->debugger_is_on = false;
    call->visit->sources_told = 0; /* the next enable tells of all, as V8 does */
    return json_object();
}

static json_t *method_usage(plim__call *call)
{
    uint64_t used = 0, total = 0;
    plim_status status =
        call->shown->served.usage(call->shown->served.ctx, &used, &total, &call->error);
    if (status != PLIM_OK)
        return plim__method_failed(call, status, "no usage");
    return json_pack("{s:I, s:I, s:i, s:i}", "usedSize", (json_int_t)used, "totalSize",
                     (json_int_t)total, "embedderHeapUsedSize", 0, "backingStorageSize", 0);
}

/* How much came back stands in the console, and in the result for those who read it. */
static json_t *method_collect(plim__call *call)
{
    uint64_t bytes = 0;
    char words[96];
    if (call->shown->served.collect == NULL)
        return plim__method_failed(call, PLIM_ERR_UNSUPPORTED,
                                   "this heap cannot give back anything");
    plim_status status = call->shown->served.collect(call->shown->served.ctx, &bytes, &call->error);
    if (status != PLIM_OK)
        return plim__method_failed(call, status, "not collected");
    (void)snprintf(words, sizeof words, "collected: %" PRIu64 " bytes given back", bytes);
    plim__method_note(call, "info", words);
    return json_pack("{s:I}", "bytes", (json_int_t)bytes);
}

static const struct {
    const char *name;
    plim__method *run;
} METHODS[] = {
    {"Debugger.disable", method_disable_debugger},
    {"Debugger.enable", method_enable_debugger},
    {"Debugger.getScriptSource", plim__method_source},
    {"Debugger.setAsyncCallStackDepth", method_nothing},
    {"Debugger.setBlackboxPatterns", method_nothing},
    {"Debugger.setPauseOnExceptions", method_nothing},
    {"HeapProfiler.addInspectedHeapObject", method_nothing},
    {"HeapProfiler.collectGarbage", method_collect},
    {"HeapProfiler.disable", method_nothing},
    {"HeapProfiler.enable", method_nothing},
    {"HeapProfiler.getHeapObjectId", plim__method_object_id},
    {"HeapProfiler.getObjectByHeapObjectId", plim__method_object},
    {"HeapProfiler.getSamplingProfile", plim__method_read_sampling},
    {"HeapProfiler.startSampling", plim__method_start_sampling},
    {"HeapProfiler.startTrackingHeapObjects", plim__method_start_recording},
    {"HeapProfiler.stopSampling", plim__method_stop_sampling},
    {"HeapProfiler.stopTrackingHeapObjects", plim__method_stop_recording},
    {"HeapProfiler.takeHeapSnapshot", method_take_snapshot},
    {"Profiler.disable", method_nothing},
    {"Profiler.enable", method_nothing},
    {"Runtime.compileScript", plim__method_compile},
    {"Runtime.disable", method_nothing},
    {"Runtime.enable", method_enable_runtime},
    {"Runtime.evaluate", plim__method_evaluate},
    {"Runtime.getHeapUsage", method_usage},
    {"Runtime.getIsolateId", method_isolate},
    {"Runtime.getProperties", plim__method_properties},
    {"Runtime.globalLexicalScopeNames", plim__method_names},
    {"Runtime.releaseObject", method_nothing},
    {"Runtime.releaseObjectGroup", method_nothing},
    {"Runtime.runIfWaitingForDebugger", method_nothing},
};

const char *plim__method_name(size_t index)
{
    return index < sizeof METHODS / sizeof METHODS[0] ? METHODS[index].name : NULL;
}

static plim__method *method_find(const char *name)
{
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        if (strcmp(METHODS[i].name, name) == 0)
            return METHODS[i].run;
    }
    return NULL;
}

/* --- answering ----------------------------------------------------------------------------- */

void plim__method_answer(plim_server *server, plim__connection *connection, const json_t *request)
{
    const json_t *id = json_object_get(request, "id");
    const char *name = json_string_value(json_object_get(request, "method"));
    plim__call call = {.server = server,
                       .connection = connection,
                       .shown = plim__connection_shown(connection),
                       .visit = plim__connection_visit(connection),
                       .id = id,
                       .params = json_object_get(request, "params")};
    if (!json_is_integer(id) || name == NULL) {
        plim__method_refuse(connection, "a request has an integer id and a method");
        return;
    }
    plim__method *run = method_find(name);
    if (run == NULL)
        (void)plim__method_failed(&call, PLIM_ERR_UNSUPPORTED, "plim does not have this method");
    json_t *result = run == NULL ? NULL : run(&call);
    if (!call.is_later)
        plim__method_reply(connection, id, result, &call.error);
}

/* SPDX-License-Identifier: MIT */
/*
 * A program with a heap of its own kind behind plim_server: everything that a heap may give, given.
 * Its "heap" is a table of sessions, each with a buffer; some more are made while somebody records
 * or samples, by two functions whose names and lines the page of DevTools must show.
 *
 *     served SOURCE [PORT]      SOURCE is this file; prints its address; SIGINT ends it
 */
#include <plimsoll/build.h>
#include <plimsoll/serve.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSIONS_MAX = 20000,
    SESSION_BYTES = 48,
    BUFFER_BYTES = 1000,
    SESSIONS_AT_FIRST = 40,
    SESSIONS_PER_LOOK = 5,
    ID_ROOT = 1,
    ID_ROOTS = 3,
    ID_GLOBALS = 5,
    ID_TABLE = 7,
    ID_FIRST = 9
};

typedef struct session {
    uint64_t id; /* its buffer's is the next */
    uint64_t number;
    bool is_sampled;
} session;

static plim_interrupt interrupt;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over all below */
static session sessions[SESSIONS_MAX];
static uint32_t session_count;
static uint64_t next_id = ID_FIRST;
static uint64_t cached_bytes = 4096;
static bool samples_are_on;
static const char *source_path;

static const plim_write_function FUNCTIONS[] = {
    {"accept_client", NULL, 1, __LINE__},
    {"open_session", NULL, 1, __LINE__ + 5}, /* where it is defined, below */
    {"make_buffer", NULL, 1, __LINE__},
};
enum { FUNCTION_ACCEPT, FUNCTION_OPEN, FUNCTION_BUFFER, FUNCTION_COUNT };

static void open_session(void)
{
    if (session_count == SESSIONS_MAX)
        return;
    sessions[session_count] = (session){next_id, 1000u + session_count, samples_are_on};
    session_count++;
    next_id += 4;
}

static plim_status heap_usage(void *ctx, uint64_t *out_used, uint64_t *out_total, plim_error *err)
{
    (void)ctx;
    (void)err;
    pthread_mutex_lock(&lock);
    *out_used = (uint64_t)session_count * (SESSION_BYTES + BUFFER_BYTES);
    *out_total = *out_used + cached_bytes;
    pthread_mutex_unlock(&lock);
    return PLIM_OK;
}

static plim_text text_of(const char *text)
{
    return (plim_text){text, strlen(text)};
}

static plim_status heap_graph(plim_graph **out_graph, plim_error *err)
{
    plim_graph_builder *builder = NULL;
    plim_status status = plim_graph_builder_create(NULL, &builder, err);
    if (status != PLIM_OK)
        return status;
    uint32_t root = plim_graph_builder_node(builder, PLIM_NODE_SYNTHETIC, text_of(""), ID_ROOT, 0);
    uint32_t roots =
        plim_graph_builder_node(builder, PLIM_NODE_SYNTHETIC, text_of("(GC roots)"), ID_ROOTS, 0);
    uint32_t globals =
        plim_graph_builder_node(builder, PLIM_NODE_SYNTHETIC, text_of("(globals)"), ID_GLOBALS, 0);
    uint32_t table =
        plim_graph_builder_node(builder, PLIM_NODE_OBJECT, text_of("session_table"), ID_TABLE, 64);
    (void)plim_graph_builder_element(builder, root, PLIM_EDGE_ELEMENT, 1, roots);
    (void)plim_graph_builder_element(builder, roots, PLIM_EDGE_ELEMENT, 1, globals);
    (void)plim_graph_builder_edge(builder, globals, PLIM_EDGE_PROPERTY, text_of("g_sessions"),
                                  table);
    for (uint32_t i = 0; i < session_count; i++) {
        uint32_t one = plim_graph_builder_node(builder, PLIM_NODE_OBJECT, text_of("session"),
                                               sessions[i].id, SESSION_BYTES);
        uint32_t buffer = plim_graph_builder_node(builder, PLIM_NODE_OBJECT, text_of("buffer"),
                                                  sessions[i].id + 2, BUFFER_BYTES);
        (void)plim_graph_builder_element(builder, table, PLIM_EDGE_ELEMENT, i, one);
        (void)plim_graph_builder_edge(builder, one, PLIM_EDGE_PROPERTY, text_of("inbox"), buffer);
    }
    return plim_graph_builder_finish(&builder, out_graph, err);
}

/* The nodes stand in the order in which heap_graph() adds them. */
static plim_status heap_write(const plim_graph *graph, uint32_t count, plim_write_options *options,
                              plim_sink sink, plim_error *err)
{
    plim_write_function functions[FUNCTION_COUNT];
    const plim_write_call calls[] = {{FUNCTION_ACCEPT, PLIM_NONE, 0, 0},
                                     {FUNCTION_OPEN, 0, count, (uint64_t)count * SESSION_BYTES},
                                     {FUNCTION_BUFFER, 1, count, (uint64_t)count * BUFFER_BYTES}};
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        functions[i] = FUNCTIONS[i];
        functions[i].source = source_path;
    }
    uint32_t *node_call = malloc((4 + 2 * (size_t)count) * sizeof *node_call);
    if (node_call == NULL)
        return PLIM_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < 4; i++)
        node_call[i] = PLIM_NONE;
    for (uint32_t i = 0; i < 2 * count; i++)
        node_call[4 + i] = 1 + i % 2;
    const plim_write_trace trace = {functions, FUNCTION_COUNT, calls, 3, node_call};
    options->trace = &trace;
    plim_status status = plim_graph_write_v8(graph, sink, options, err);
    free(node_call);
    return status;
}

static plim_status heap_snapshot(void *ctx, const plim_write_sample *samples, uint32_t sample_count,
                                 plim_sink sink, plim_progress progress, plim_error *err)
{
    plim_graph *graph = NULL;
    (void)ctx;
    pthread_mutex_lock(&lock);
    uint32_t count = session_count;
    plim_status status = heap_graph(&graph, err);
    pthread_mutex_unlock(&lock);
    if (status != PLIM_OK)
        return status;
    plim_write_options options = {.struct_bytes = sizeof options,
                                  .sample_count = sample_count,
                                  .progress = progress,
                                  .samples = samples};
    status = heap_write(graph, count, &options, sink, err);
    plim_graph_destroy(&graph);
    return status;
}

static plim_status heap_collect(void *ctx, uint64_t *out_bytes, plim_error *err)
{
    (void)ctx;
    (void)err;
    *out_bytes = cached_bytes;
    cached_bytes = 0;
    return PLIM_OK;
}

static plim_status heap_object(void *ctx, uint64_t id, plim_served_values out, plim_error *err)
{
    char number[32];
    (void)ctx;
    for (uint32_t i = 0; i < session_count; i++) {
        if (sessions[i].id != id && sessions[i].id + 2 != id)
            continue;
        bool is_session = sessions[i].id == id;
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)sessions[i].number);
        const plim_served_value values[] = {
            {NULL, PLIM_SERVED_OBJECT, is_session ? "session" : "buffer", id},
            {"number", PLIM_SERVED_NUMBER, number, 0},
            {"user", PLIM_SERVED_TEXT, "gr\xc3\xbc\xc3\x9f \xff", 0},
            {"huge", PLIM_SERVED_NUMBER, "18446744073709551615", 0},
            {"is_open", PLIM_SERVED_BOOL, "true", 0},
            {"next", PLIM_SERVED_NOTHING, "NULL", 0},
            {"inbox", PLIM_SERVED_OBJECT, "buffer", id + 2}};
        for (size_t v = 0; v < (is_session ? 7 : 2); v++) {
            if (!out.add(out.ctx, &values[v]))
                break;
        }
        return PLIM_OK;
    }
    return plim_error_set(err, PLIM_ERR_NOT_FOUND, "no object has this id now");
}

static plim_status heap_sample_start(void *ctx, uint64_t interval_bytes, plim_error *err)
{
    (void)ctx;
    (void)interval_bytes;
    (void)err;
    samples_are_on = true;
    return PLIM_OK;
}

static plim_status heap_sample_read(void *ctx, bool ends, plim_served_profile *profile,
                                    plim_error *err)
{
    plim_served_frame frames[FUNCTION_COUNT];
    uint64_t count = 0;
    (void)ctx;
    for (int i = 0; i < FUNCTION_COUNT; i++)
        frames[i] = (plim_served_frame){FUNCTIONS[i].name, source_path, 0, FUNCTIONS[i].line};
    for (int i = 0; i < SESSIONS_PER_LOOK * 20; i++)
        open_session();
    for (uint32_t i = 0; i < session_count; i++) {
        count += sessions[i].is_sampled;
        sessions[i].is_sampled = sessions[i].is_sampled && !ends;
    }
    samples_are_on = samples_are_on && !ends;
    plim_status status =
        plim_served_profile_add(profile, frames, 2, count * SESSION_BYTES, count, err);
    if (status == PLIM_OK)
        status = plim_served_profile_add(profile, frames, 3, count * BUFFER_BYTES, count, err);
    return status;
}

static void births_of(uint64_t id, uint64_t bytes, const uint64_t *bounds, uint32_t count,
                      plim_served_births *out)
{
    for (uint32_t i = 0; i < count; i++) {
        if (id <= bounds[i]) {
            out[i].count++;
            out[i].bytes += bytes;
            return;
        }
    }
}

static plim_status heap_births(void *ctx, const uint64_t *bounds, uint32_t count,
                               plim_served_births *out_births, uint64_t *out_last_id,
                               plim_error *err)
{
    (void)ctx;
    (void)err;
    pthread_mutex_lock(&lock);
    if (count > 0) {
        for (int i = 0; i < SESSIONS_PER_LOOK; i++)
            open_session();
        memset(out_births, 0, count * sizeof *out_births);
    }
    for (uint32_t i = 0; i < session_count; i++) {
        births_of(sessions[i].id, SESSION_BYTES, bounds, count, out_births);
        births_of(sessions[i].id + 2, BUFFER_BYTES, bounds, count, out_births);
    }
    *out_last_id = next_id - 2;
    pthread_mutex_unlock(&lock);
    return PLIM_OK;
}

static const char *heap_source(void *ctx, uint32_t index)
{
    (void)ctx;
    return index == 0 ? source_path : NULL;
}

static plim_status heap_source_text(void *ctx, uint32_t index, plim_sink sink, plim_error *err)
{
    (void)ctx;
    (void)index;
    return plim_serve_source(source_path, sink, err);
}

static plim_status heap_evaluate(void *ctx, const char *expression, plim_served_values out,
                                 plim_error *err)
{
    char number[32];
    (void)ctx;
    (void)snprintf(number, sizeof number, "%u", (unsigned)session_count);
    const plim_served_value count = {NULL, PLIM_SERVED_NUMBER, number, 0};
    const plim_served_value first = {NULL, PLIM_SERVED_OBJECT, "session", sessions[0].id};
    if (strcmp(expression, "session_count") == 0)
        (void)out.add(out.ctx, &count);
    else if (strcmp(expression, "sessions[0]") == 0)
        (void)out.add(out.ctx, &first);
    else
        return plim_error_set(err, PLIM_ERR_REFUSED, "'%s' is not declared here", expression);
    return PLIM_OK;
}

static void on_signal(int number)
{
    (void)number;
    plim_interrupt_raise(&interrupt);
}

int main(int argc, char **argv)
{
    static const plim_served poor = {
        .title = "poor", .usage = heap_usage, .snapshot = heap_snapshot};
    static const plim_served rich = {.title = "rich",
                                     .url = "file://served",
                                     .usage = heap_usage,
                                     .snapshot = heap_snapshot,
                                     .collect = heap_collect,
                                     .object = heap_object,
                                     .sample_start = heap_sample_start,
                                     .sample_read = heap_sample_read,
                                     .births = heap_births,
                                     .source = heap_source,
                                     .source_text = heap_source_text,
                                     .evaluate = heap_evaluate};
    plim_server_options options = {.struct_bytes = sizeof options, .interrupt = &interrupt};
    plim_server *server = NULL;
    plim_error err = {0};
    if (argc < 2)
        return 2;
    source_path = argv[1];
    options.port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
    options.stall_timeout_ns = 3000000000u;
    (void)signal(SIGPIPE, SIG_IGN); /* as serve.h asks */
    (void)signal(SIGINT, on_signal);
    for (int i = 0; i < SESSIONS_AT_FIRST; i++)
        open_session();
    plim_status status = plim_server_create(&options, &server, &err);
    if (status == PLIM_OK)
        status = plim_server_add(server, &rich, &err);
    if (status == PLIM_OK)
        status = plim_server_add(server, &poor, &err);
    if (status == PLIM_OK) {
        (void)printf("%s\n", plim_server_address(server));
        (void)fflush(stdout);
        status = plim_server_run(server, UINT64_MAX, &err);
    }
    plim_server_destroy(&server);
    if (status != PLIM_ERR_INTERRUPTED)
        (void)fprintf(stderr, "served: %s\n", err.what);
    return status == PLIM_ERR_INTERRUPTED ? 0 : 1;
}

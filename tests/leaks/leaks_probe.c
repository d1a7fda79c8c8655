/* SPDX-License-Identifier: MIT */
/*
 * The leak finder on files, as JSON, without the command: what the tests of the fixtures drive.
 *   leaks_probe [--class] [--min-growth BYTES] [--fail-sweep|--lost-ids] FILE FILE FILE …
 * --fail-sweep: refuses each allocation of the search in turn, and fails unless each refusal is
 * an error that leaves nothing behind. --lost-ids: how many ids changed hands.
 */
#include <plimsoll/file.h>
#include <plimsoll/leaks.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_allocator.h"

typedef struct probe {
    plim_graph *graphs[PLIM_LEAKS_ROUNDS_MAX];
    plim_analysis *analyses[PLIM_LEAKS_ROUNDS_MAX];
    uint32_t count;
    plim_leaks_options options;
} probe;

static int fail(const plim_error *err)
{
    fprintf(stderr, "leaks_probe: %s (%s)\n", err->what, err->where);
    return 2;
}

static plim_status load(probe *p, const char *path, plim_error *err)
{
    plim_file_source *file = NULL;
    plim_status status = plim_file_source_open(path, NULL, &file, err);
    if (status != PLIM_OK)
        return status;
    status = plim_graph_read_v8(plim_file_source_view(file), NULL, &p->graphs[p->count], err);
    plim_file_source_close(&file);
    if (status == PLIM_OK)
        status = plim_analysis_create(p->graphs[p->count], NULL, &p->analyses[p->count], err);
    p->count++;
    return status;
}

static void print_text(plim_text text)
{
    putchar('"');
    for (size_t i = 0; i < text.size_bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\')
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static void print_numbers(const char *name, const uint64_t *numbers, uint32_t count)
{
    printf(",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++)
        printf("%s%" PRIu64, i == 0 ? "" : ",", numbers[i]);
    printf("]");
}

static void print_path(const plim_graph *graph, const plim_path *path)
{
    for (uint32_t i = 0; i < path->length; i++) {
        plim_node node;
        plim_graph_node(graph, path->nodes[i], &node);
        printf("%s{\"id\":%" PRIu64 ",\"type\":\"%s\",\"name\":", i == 0 ? "" : ",", node.id,
               plim_node_type_name(node.type));
        print_text(node.name);
        if (path->edges[i] != PLIM_NONE) {
            plim_edge edge;
            plim_graph_edge(graph, path->edges[i], &edge);
            printf(",\"edge_type\":\"%s\",\"edge\":", plim_edge_type_name(edge.type));
            if (edge.index != PLIM_NONE)
                printf("%" PRIu32, edge.index);
            else
                print_text(edge.name);
        }
        printf("}");
    }
}

static void print_leaks(const probe *p, const plim_leaks *leaks)
{
    const plim_graph *graph = p->graphs[p->count - 1];
    printf("[");
    for (uint32_t i = 0; i < plim_leaks_count(leaks); i++) {
        const plim_leak *leak = plim_leaks_get(leaks, i);
        plim_node holder;
        plim_graph_node(graph, leak->holder, &holder);
        printf("%s{\"name\":", i == 0 ? "" : ",\n");
        print_text(leak->name);
        printf(",\"kind\":\"%s\",\"count\":%" PRIu64 ",\"self_bytes\":%" PRIu64
               ",\"retained_bytes\":%" PRIu64 ",\"sample_id\":%" PRIu64 ",\"holder\":",
               plim_leak_kind_name(leak->kind), leak->count, leak->self_bytes, leak->retained_bytes,
               leak->sample_id);
        print_text(holder.name);
        print_numbers("growth_bytes", leak->growth_bytes, leak->round_count);
        print_numbers("growth_count", leak->growth_count, leak->round_count);
        printf(",\"says\":");
        print_text((plim_text){leak->says, strlen(leak->says)});
        printf(",\"path\":[");
        if (plim_paths_count(leak->paths) > 0)
            print_path(graph, plim_paths_get(leak->paths, 0));
        printf("]}");
    }
    printf("]\n");
}

/* Every refused request must be an error, and nothing may stay out. */
static int sweep(probe *p)
{
    for (uint64_t n = 1;; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        p->options.allocator = &fault.allocator;
        plim_leaks *leaks = NULL;
        plim_error err = {.status = PLIM_OK};
        plim_status status = plim_leaks_find((const plim_analysis *const *)p->analyses, p->count,
                                             &p->options, &leaks, &err);
        plim_leaks_destroy(&leaks);
        if (fault.live_bytes != 0 || (fault.refused > 0 && status != PLIM_ERR_NO_MEMORY) ||
            (fault.refused == 0 && status != PLIM_OK)) {
            fprintf(stderr, "leaks_probe: request %" PRIu64 ": %s, %" PRId64 " bytes left\n", n,
                    plim_status_name(status), (int64_t)fault.live_bytes);
            return 1;
        }
        if (fault.refused == 0) {
            printf("{\"swept\":%" PRIu64 "}\n", n - 1);
            return 0;
        }
    }
}

int main(int argc, char **argv)
{
    static probe p = {.options = {.struct_bytes = sizeof(plim_leaks_options)}};
    plim_error err = {.status = PLIM_OK};
    bool sweeping = false;
    bool counting = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--class") == 0)
            p.options.match = PLIM_MATCH_CLASS;
        else if (strcmp(argv[i], "--fail-sweep") == 0)
            sweeping = true;
        else if (strcmp(argv[i], "--lost-ids") == 0)
            counting = true;
        else if (strcmp(argv[i], "--min-growth") == 0 && i + 1 < argc)
            p.options.min_growth_bytes = strtoull(argv[++i], NULL, 10);
        else if (p.count == PLIM_LEAKS_ROUNDS_MAX)
            return 2;
        else if (load(&p, argv[i], &err) != PLIM_OK)
            return fail(&err);
    }
    int code = 0;
    if (sweeping) {
        code = sweep(&p);
    } else {
        plim_leaks *leaks = NULL;
        if (plim_leaks_find((const plim_analysis *const *)p.analyses, p.count, &p.options, &leaks,
                            &err) != PLIM_OK)
            code = fail(&err);
        else if (counting)
            printf("{\"lost\":%" PRIu64 "}\n", plim_leaks_lost_ids(leaks));
        else
            print_leaks(&p, leaks);
        plim_leaks_destroy(&leaks);
    }
    for (uint32_t i = 0; i < p.count; i++) {
        plim_analysis_destroy(&p.analyses[i]);
        plim_graph_destroy(&p.graphs[i]);
    }
    return code;
}

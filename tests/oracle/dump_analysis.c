/* SPDX-License-Identifier: MIT */
/*
 * Dumps everything an analysis says, for comparison with Chrome DevTools' answers:
 *   dump_analysis FILE OUT [--threads N] [--base FILE] [--summary]
 * writes OUT.retained and OUT.shallow (float64), OUT.distance (int32), OUT.dominator (uint32), all
 * little-endian, one entry per node; OUT.names, the class names, a line feed after each; OUT.classes
 * and, with --base, OUT.diff, where each record is a line of fields, the last of them the length
 * of the name that follows it. --summary analyses without retainers and writes nothing: for timing.
 */
#include <plimsoll/diff.h>
#include <plimsoll/file.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void dump_fail(const char *doing, const plim_error *err)
{
    (void)fprintf(stderr, "%s: %s %s\n", doing, err != NULL ? err->what : "",
                  err != NULL ? err->where : "");
    exit(1);
}

static plim_graph *dump_read(const char *path)
{
    plim_error err = {0};
    plim_file_source *file = NULL;
    plim_graph *graph = NULL;
    if (plim_file_source_open(path, NULL, &file, &err) != PLIM_OK)
        dump_fail(path, &err);
    if (plim_graph_read_v8(plim_file_source_view(file), NULL, &graph, &err) != PLIM_OK)
        dump_fail(path, &err);
    plim_file_source_close(&file);
    return graph;
}

static plim_analysis *dump_analyse(const plim_graph *graph, uint32_t want, uint32_t threads,
                                   const plim_analysis *classes_of)
{
    plim_error err = {0};
    plim_analysis *analysis = NULL;
    plim_analysis_options options = {.struct_bytes = sizeof options,
                                     .want = want,
                                     .thread_count = threads,
                                     .classes_of = classes_of};
    if (plim_analysis_create(graph, &options, &analysis, &err) != PLIM_OK)
        dump_fail("analysis", &err);
    return analysis;
}

static FILE *dump_open(const char *prefix, const char *suffix)
{
    char path[4096];
    int wanted = snprintf(path, sizeof path, "%s.%s", prefix, suffix);
    FILE *file = wanted > 0 && (size_t)wanted < sizeof path ? fopen(path, "wb") : NULL;
    if (file == NULL)
        dump_fail(prefix, NULL);
    return file;
}

static void dump_close(FILE *file)
{
    if (ferror(file) != 0 || fclose(file) != 0)
        dump_fail("writing", NULL);
}

/* One column, written by a callback that turns the facts of a node into bytes. */
static void dump_column(const plim_analysis *analysis, uint32_t node_count, const char *prefix,
                        const char *suffix, size_t (*cell)(const plim_node_facts *, void *))
{
    FILE *file = dump_open(prefix, suffix);
    for (uint32_t node = 0; node < node_count; node++) {
        plim_node_facts facts;
        unsigned char bytes[8];
        plim_analysis_node(analysis, node, &facts);
        size_t size = cell(&facts, bytes);
        (void)fwrite(bytes, 1, size, file);
    }
    dump_close(file);
}

static size_t dump_double(uint64_t value, void *out)
{
    double number = (double)value;
    memcpy(out, &number, sizeof number);
    return sizeof number;
}

static size_t dump_retained(const plim_node_facts *facts, void *out)
{
    return dump_double(facts->retained_bytes, out);
}

static size_t dump_shallow(const plim_node_facts *facts, void *out)
{
    return dump_double(facts->shallow_bytes, out);
}

static size_t dump_distance(const plim_node_facts *facts, void *out)
{
    memcpy(out, &facts->distance, sizeof facts->distance);
    return sizeof facts->distance;
}

static size_t dump_dominator(const plim_node_facts *facts, void *out)
{
    memcpy(out, &facts->dominator, sizeof facts->dominator);
    return sizeof facts->dominator;
}

static void dump_names(const plim_analysis *analysis, uint32_t node_count, const char *prefix)
{
    FILE *file = dump_open(prefix, "names");
    for (uint32_t node = 0; node < node_count; node++) {
        plim_node_facts facts;
        plim_class class;
        plim_analysis_node(analysis, node, &facts);
        plim_analysis_class(analysis, facts.class_index, &class);
        (void)fwrite(class.name.data, 1, class.name.size_bytes, file);
        (void)fputc('\n', file);
    }
    dump_close(file);
}

static void dump_classes(const plim_analysis *analysis, const char *prefix)
{
    FILE *file = dump_open(prefix, "classes");
    for (uint32_t i = 0; i < plim_analysis_class_count(analysis); i++) {
        plim_class class;
        plim_analysis_class(analysis, i, &class);
        if (class.has_location)
            (void)fprintf(file, "%" PRIu32 ",%" PRIu32 ",%" PRIu32, class.location.script_id,
                          class.location.line, class.location.column);
        (void)fprintf(file, "\t%" PRIu32 "\t%" PRId32 "\t%" PRIu64 "\t%" PRIu64 "\t%zu\n",
                      class.count, class.distance, class.self_bytes, class.retained_bytes,
                      class.name.size_bytes);
        (void)fwrite(class.name.data, 1, class.name.size_bytes, file);
        (void)fputc('\n', file);
    }
    dump_close(file);
}

static void dump_diff(const plim_analysis *base, const plim_analysis *target, const char *prefix)
{
    plim_error err = {0};
    plim_diff *diff = NULL;
    if (plim_diff_create(base, target, NULL, &diff, &err) != PLIM_OK)
        dump_fail("diff", &err);
    FILE *file = dump_open(prefix, "diff");
    for (uint32_t i = 0; i < plim_diff_count(diff); i++) {
        const plim_diff_row *row = plim_diff_get(diff, i);
        (void)fprintf(file,
                      "%" PRIu32 "\t%" PRIu32 "\t%" PRId64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64
                      "\t%zu\n",
                      row->added, row->removed, row->delta, row->added_bytes, row->removed_bytes,
                      row->delta_bytes, row->name.size_bytes);
        (void)fwrite(row->name.data, 1, row->name.size_bytes, file);
        (void)fputc('\n', file);
    }
    dump_close(file);
    plim_diff_destroy(&diff);
}

int main(int argc, char **argv)
{
    const char *base_path = NULL;
    uint32_t threads = 2;
    bool summary = false;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--summary") == 0)
            summary = true;
        else if (i + 1 < argc && strcmp(argv[i], "--threads") == 0)
            threads = strcmp(argv[++i], "1") == 0 ? 1 : 2;
        else if (i + 1 < argc && strcmp(argv[i], "--base") == 0)
            base_path = argv[++i];
        else
            dump_fail(argv[i], NULL);
    }
    if (argc < 3)
        dump_fail("usage: dump_analysis FILE OUT [--threads N] [--base FILE] [--summary]", NULL);
    plim_graph *graph = dump_read(argv[1]);
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    uint32_t want = PLIM_WANT_DISTANCES | PLIM_WANT_DOMINATORS | PLIM_WANT_CLASSES;
    plim_analysis *analysis = dump_analyse(graph, want, threads, NULL);
    if (!summary) {
        dump_column(analysis, info.node_count, argv[2], "retained", dump_retained);
        dump_column(analysis, info.node_count, argv[2], "shallow", dump_shallow);
        dump_column(analysis, info.node_count, argv[2], "distance", dump_distance);
        dump_column(analysis, info.node_count, argv[2], "dominator", dump_dominator);
        dump_names(analysis, info.node_count, argv[2]);
        dump_classes(analysis, argv[2]);
    }
    plim_node_facts root;
    plim_analysis_node(analysis, 0, &root);
    (void)printf("{\"nodes\":%" PRIu32 ",\"edges\":%" PRIu32 ",\"strings\":%" PRIu32
                 ",\"total_bytes\":%" PRIu64 ",\"graph_bytes\":%" PRIu64 "}\n",
                 info.node_count, info.edge_count, info.string_count,
                 root.retained_bytes + info.extra_native_bytes, info.memory_bytes);
    if (base_path != NULL) {
        plim_graph *base_graph = dump_read(base_path);
        plim_analysis *base = dump_analyse(base_graph, PLIM_WANT_CLASSES, threads, analysis);
        dump_diff(base, analysis, argv[2]);
        plim_analysis_destroy(&base);
        plim_graph_destroy(&base_graph);
    }
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
    return 0;
}

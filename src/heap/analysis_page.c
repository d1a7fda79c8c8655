/* SPDX-License-Identifier: MIT */
/*
 * A snapshot as a page: its dominator tree, where a box holds what it alone keeps alive, and its
 * classes by the size of their objects.
 *
 * Dominators have any number, and the page wants a parent before its children: so nodes are
 * numbered anew, level by level from the root. What retains less than a millionth is left out
 * before: its dominators retain more, so that is still a tree.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "heap/analysis_work.h"
#include "heap/page/page.h"
#include "heap/profile/html.h"
#include "heap/profile/out.h"

enum { PAGE_LEAST_SHARE = 1000000 };

typedef struct page_dominators {
    const plim_analysis *analysis;
    uint32_t node_count;
    uint32_t count;        /* of those below */
    uint32_t *node;        /* by number here, the ordinal */
    uint32_t *parent;      /* by number here */
    uint64_t *total;       /* likewise */
    uint32_t *first_child; /* by ordinal */
    uint32_t *next;        /* by ordinal: a sibling */
    char place[48];
} page_dominators;

typedef struct page_classes {
    const plim_analysis *analysis;
    uint32_t count; /* 1 + classes */
    uint32_t *parent;
    uint64_t *total;
} page_classes;

static void page_dominator_label(void *ctx, uint32_t number, plim__page_label *out_label)
{
    page_dominators *tree = ctx;
    uint32_t ordinal = tree->node[number];
    plim_node_facts facts;
    plim_node node;
    if (number == 0) {
        out_label->name = PLIM__TEXT("the whole heap");
        return;
    }
    plim_analysis_node(tree->analysis, ordinal, &facts);
    plim_graph_node(plim_analysis_graph(tree->analysis), ordinal, &node);
    plim_class row = {.name = {"", 0}};
    if (facts.class_index != PLIM_NONE)
        plim_analysis_class(tree->analysis, facts.class_index, &row);
    bool is_own = row.name.size_bytes == 0 || node.type == PLIM_NODE_CLOSURE ||
                  node.type == PLIM_NODE_SYNTHETIC;
    out_label->name = is_own && node.name.size_bytes > 0 ? node.name : row.name;
    size_t length = plim__out_format(tree->place, sizeof tree->place, "@%" PRIu64 ", %s", node.id,
                                     plim_node_type_name(node.type));
    out_label->place = (plim_text){tree->place, length};
}

static void page_class_label(void *ctx, uint32_t number, plim__page_label *out_label)
{
    const page_classes *tree = ctx;
    plim_class row;
    if (number == 0) {
        out_label->name = PLIM__TEXT("all classes");
        return;
    }
    plim_analysis_class(tree->analysis, number - 1, &row);
    out_label->name = row.name;
}

/* Links what is large enough below its dominator. */
static void page_link(page_dominators *tree)
{
    uint32_t count = tree->node_count;
    plim_node_facts facts;
    plim_analysis_node(tree->analysis, 0, &facts);
    uint64_t least = facts.retained_bytes / PAGE_LEAST_SHARE + 1;
    for (uint32_t i = 0; i < count; i++)
        tree->first_child[i] = tree->next[i] = PLIM_NONE;
    for (uint32_t i = count; i-- > 1;) {
        plim_analysis_node(tree->analysis, i, &facts);
        if (facts.retained_bytes < least || facts.dominator == PLIM_NONE || facts.dominator == i)
            continue;
        tree->next[i] = tree->first_child[facts.dominator];
        tree->first_child[facts.dominator] = i;
    }
}

static void page_number(page_dominators *tree)
{
    plim_node_facts facts;
    plim_analysis_node(tree->analysis, 0, &facts);
    tree->node[0] = 0;
    tree->parent[0] = PLIM_NONE;
    tree->total[0] = facts.retained_bytes;
    tree->count = 1;
    for (uint32_t at = 0; at < tree->count; at++) {
        for (uint32_t child = tree->first_child[tree->node[at]]; child != PLIM_NONE;
             child = tree->next[child]) {
            PLIM_CHECK(tree->count < tree->node_count);
            plim_analysis_node(tree->analysis, child, &facts);
            tree->node[tree->count] = child;
            tree->parent[tree->count] = at;
            tree->total[tree->count++] = facts.retained_bytes;
        }
    }
}

static bool page_make_dominators(page_dominators *tree, const plim_allocator *allocator)
{
    tree->node = plim__array_new(allocator, tree->node_count, sizeof *tree->node);
    tree->parent = plim__array_new(allocator, tree->node_count, sizeof *tree->parent);
    tree->total = plim__array_new(allocator, tree->node_count, sizeof *tree->total);
    tree->first_child = plim__array_new(allocator, tree->node_count, sizeof *tree->first_child);
    tree->next = plim__array_new(allocator, tree->node_count, sizeof *tree->next);
    if (tree->node == NULL || tree->parent == NULL || tree->total == NULL ||
        tree->first_child == NULL || tree->next == NULL)
        return false;
    page_link(tree);
    page_number(tree);
    return true;
}

static bool page_make_classes(page_classes *tree, const plim_allocator *allocator)
{
    tree->parent = plim__array_new_zero(allocator, tree->count, sizeof *tree->parent);
    tree->total = plim__array_new_zero(allocator, tree->count, sizeof *tree->total);
    if (tree->parent == NULL || tree->total == NULL)
        return false;
    tree->parent[0] = PLIM_NONE;
    for (uint32_t i = 1; i < tree->count; i++) {
        plim_class row;
        plim_analysis_class(tree->analysis, i - 1, &row);
        tree->total[i] = row.self_bytes;
        tree->total[0] += row.self_bytes;
    }
    return true;
}

static plim_status page_write(const char *title, const plim_profile *profile,
                              page_dominators *dominators, page_classes *classes, plim_sink sink,
                              const plim_allocator *allocator, plim_error *err)
{
    char size[32];
    plim_graph_info info;
    plim_graph_read_info(plim_analysis_graph(dominators->analysis), &info);
    plim__page page = {
        .title = title != NULL ? title : "heap snapshot",
        .tree_count = 2,
        .trees = {{.name = "Who keeps what alive (dominators)",
                   .unit = "bytes",
                   .view = "flame",
                   .count = dominators->count,
                   .parent = dominators->parent,
                   .total = dominators->total,
                   .ctx = dominators,
                   .label = page_dominator_label},
                  {.name = "Classes by the size of their objects",
                   .unit = "bytes",
                   .view = "treemap",
                   .count = classes->count,
                   .parent = classes->parent,
                   .total = classes->total,
                   .ctx = classes,
                   .label = page_class_label}},
    };
    plim__page_bytes(size, dominators->total[0]);
    plim__page_fact(&page, "%s in %" PRIu32 " objects", size, info.node_count);
    plim__page_fact(&page, "%" PRIu32 " classes", classes->count - 1);
    if (profile != NULL)
        plim__page_fact(&page, "who allocated: the views \"Calls\" and \"Functions\"");
    plim__page_fact(&page, "a box of the first view holds what nothing else keeps alive; what is "
                           "less than a millionth of all is left out");
    plim__profile_pages *pages = NULL;
    if (profile != NULL) {
        pages = plim__profile_pages_add(profile, &page, allocator);
        if (pages == NULL)
            return plim__no_memory(err, "a page");
    }
    plim_status status = plim__page_write(&page, sink, allocator, err);
    plim__profile_pages_destroy(&pages);
    return status;
}

plim_status plim_analysis_write_html(const plim_analysis *analysis, const plim_profile *profile,
                                     const char *title, plim_sink sink,
                                     const plim_allocator *allocator, plim_error *err)
{
    PLIM_CHECK(analysis != NULL && sink.write != NULL);
    const plim_allocator *memory = plim__allocator_or_system(allocator);
    plim_graph_info info;
    plim_graph_read_info(plim_analysis_graph(analysis), &info);
    page_dominators dominators = {.analysis = analysis, .node_count = info.node_count};
    page_classes classes = {.analysis = analysis, .count = 1 + plim_analysis_class_count(analysis)};
    plim_status status =
        page_make_dominators(&dominators, memory) && page_make_classes(&classes, memory)
            ? page_write(title, profile, &dominators, &classes, sink, memory, err)
            : plim__no_memory(err, "a page");
    uint32_t *const arrays[] = {dominators.node, dominators.parent, dominators.first_child,
                                dominators.next};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        plim__array_free(memory, arrays[i], info.node_count, sizeof(uint32_t));
    plim__array_free(memory, dominators.total, info.node_count, sizeof *dominators.total);
    plim__array_free(memory, classes.parent, classes.count, sizeof *classes.parent);
    plim__array_free(memory, classes.total, classes.count, sizeof *classes.total);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * A C session as a heap graph. Method: one session; each case enters what it needs under names of
 * its own, and compares what leads out of its variables, depth first, with a text written by hand:
 * "name (type) -edge-> type ...". A random graph is compared with a twin that the test computes.
 */
#include <plimsoll/repl_graph.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 4096, TWIN_NODES = 200, TWIN_LINKS = 3 };

static plim_repl *repl;

static void enter(const char *text)
{
    plim_repl_outcome outcome;
    plim_error err = {0};
    assert_int_equal(plim_repl_enter(repl, text, &outcome, &err), PLIM_OK);
    if (outcome.end != PLIM_REPL_OK)
        fail_msg("%s: %s%s", text, outcome.diagnostics, outcome.explanation);
}

static int open_session(void **state)
{
    static const plim_repl_options options = {
        .struct_bytes = sizeof options, .memory_bytes = 64 << 20, .input = -1};
    (void)state;
    plim_error err = {0};
    if (plim_repl_open(&options, &repl, &err) != PLIM_OK) {
        (void)fprintf(stderr, "%s\n", err.what);
        return -1;
    }
    enter("#include <stdlib.h>\n#include <string.h>\n#include <stdint.h>");
    enter("struct node { int v; struct node *next; };");
    return 0;
}

static int close_session(void **state)
{
    (void)state;
    plim_repl_close(&repl);
    return 0;
}

static plim_graph *take_graph(plim_repl_totals *out_totals)
{
    plim_repl_picture *picture = NULL;
    plim_graph *graph = NULL;
    assert_int_equal(plim_repl_picture_create(repl, NULL, &picture, NULL), PLIM_OK);
    if (out_totals != NULL)
        plim_repl_picture_totals(picture, out_totals);
    assert_int_equal(plim_graph_from_repl(picture, &graph, NULL), PLIM_OK);
    plim_repl_picture_destroy(&picture);
    return graph;
}

/* --- a graph as text ------------------------------------------------------------------------- */

typedef struct telling {
    const plim_graph *graph;
    char *out;
    uint32_t on_way[32];
    uint32_t depth;
} telling;

static void say(telling *tell, plim_text text)
{
    size_t length = strlen(tell->out);
    (void)snprintf(tell->out + length, TEXT_BYTES - length, "%.*s", (int)text.size_bytes,
                   text.data);
}

/* A node that is on the way to itself is "^" and how many steps back. The depth is bounded by
   on_way. */
static void tell_from(telling *tell, uint32_t node)
{
    plim_node row;
    plim_graph_node(tell->graph, node, &row);
    say(tell, row.name);
    tell->on_way[tell->depth++] = node;
    for (uint32_t i = 0; i < row.edge_count; i++) {
        plim_edge edge;
        char number[32];
        int length;
        plim_graph_edge(tell->graph, row.first_edge + i, &edge);
        say(tell, (plim_text){row.edge_count > 1 ? " {-" : " -", row.edge_count > 1 ? 3 : 2});
        length = snprintf(number, sizeof number, "[%u]", edge.index);
        say(tell, edge.index != PLIM_NONE ? (plim_text){number, (size_t)length} : edge.name);
        say(tell, (plim_text){"-> ", 3});
        uint32_t back = 0;
        while (back < tell->depth && tell->on_way[tell->depth - 1 - back] != edge.to)
            back++;
        length = snprintf(number, sizeof number, "^%u", back);
        if (back < tell->depth)
            say(tell, (plim_text){number, (size_t)length});
        else if (tell->depth < sizeof tell->on_way / sizeof tell->on_way[0])
            tell_from(tell, edge.to);
        if (row.edge_count > 1)
            say(tell, (plim_text){"}", 1});
    }
    tell->depth--;
}

static uint32_t named(const plim_graph *graph, const char *name)
{
    plim_node roots;
    plim_graph_node(graph, plim_graph_find_id(graph, 2), &roots);
    assert_memory_equal(roots.name.data, "(GC roots)", roots.name.size_bytes);
    for (uint32_t i = 0; i < roots.edge_count; i++) {
        plim_edge edge;
        plim_graph_edge(graph, roots.first_edge + i, &edge);
        if (edge.index == PLIM_NONE && edge.name.size_bytes == strlen(name) &&
            memcmp(edge.name.data, name, edge.name.size_bytes) == 0)
            return edge.to;
    }
    fail_msg("no variable %s", name);
    return 0;
}

static void expect(const char *name, const char *expected)
{
    char text[TEXT_BYTES] = "";
    plim_graph *graph = take_graph(NULL);
    telling tell = {.graph = graph, .out = text};
    tell_from(&tell, named(graph, name));
    assert_string_equal(text, expected);
    plim_graph_destroy(&graph);
}

/* --- known structures ------------------------------------------------------------------------ */

static void a_list_is_typed_from_its_head_on(void **state)
{
    (void)state;
    enter("struct node *list; for (int i = 0; i < 3; i++) { struct node *n = malloc(sizeof *n); "
          "n->next = list; list = n; }");
    expect("list", "struct node * -*-> struct node -next-> struct node -next-> struct node");
}

static void a_ring_comes_back_to_itself(void **state)
{
    (void)state;
    enter("struct node *ring = malloc(sizeof *ring); ring->next = malloc(sizeof *ring); "
          "ring->next->next = ring;");
    expect("ring", "struct node * -*-> struct node -next-> struct node -next-> ^1");
}

static void arrays_have_the_pointers_of_each_element(void **state)
{
    (void)state;
    enter("struct node *several = calloc(3, sizeof *several); "
          "several[0].next = &several[0]; several[2].next = malloc(sizeof *several);");
    expect("several", "struct node * -*-> struct node [3] {-next-> ^0} {-next-> struct node}");
    enter("struct pair { char *key; struct node *value; } pairs[2]; pairs[1].key = malloc(7); "
          "pairs[1].value = malloc(sizeof(struct node));");
    expect("pairs", "struct pair[2] {-key-> char [16]} {-value-> struct node}");
    enter("struct node *table[4]; table[2] = malloc(sizeof(struct node));");
    expect("table", "struct node *[4] -[2]-> struct node");
}

static void a_union_is_followed_and_marked_as_guessed(void **state)
{
    (void)state;
    enter("struct choice { int tag; union { struct node *node; long number; } u; } choice; "
          "choice.u.node = malloc(sizeof(struct node)); choice.u.node->next = malloc(16);");
    expect("choice", "struct choice -node?-> (no type) -[1]-> (no type)");
}

static void a_pointer_into_the_middle_holds_the_block_and_gives_it_no_type(void **state)
{
    (void)state;
    enter("int *middle = (int *)malloc(40) + 3;");
    expect("middle", "int * -*-> (no type)");
    enter("struct node *both = malloc(2 * sizeof *both); struct node *second = &both[1];");
    expect("second", "struct node * -*-> struct node [2]");
}

static void a_function_is_no_object(void **state)
{
    (void)state;
    enter("int twice(int n) { return 2 * n; }");
    enter("int (*operation)(int) = twice; "
          "struct handler { int (*run)(int); void *data; } handler = {twice, 0};");
    enter("handler.data = malloc(100);");
    expect("operation", "int (*)(int)");
    expect("handler", "struct handler -data-> (no type)");
}

static void memory_without_a_type_is_searched_word_by_word(void **state)
{
    (void)state;
    enter("void *bag = malloc(64); ((void **)bag)[5] = malloc(24);");
    expect("bag", "void * -*-> (no type) -[5]-> (no type)");
    enter("uintptr_t hidden = (uintptr_t)malloc(24);");
    expect("hidden", "uintptr_t");
}

static void a_pointer_may_lead_to_a_variable(void **state)
{
    (void)state;
    enter("int target; int *to_target = &target; int **to_that = &to_target;");
    expect("to_that", "int ** -*-> int * -*-> int");
}

static void the_newest_variable_of_a_name_has_its_own_type(void **state)
{
    (void)state;
    enter("int again = 1;");
    enter("struct node *again = malloc(sizeof *again);");
    expect("again", "struct node * -*-> struct node");
    enter("struct other { long a, b, c; struct other *more; };");
    enter("struct other *again = calloc(1, sizeof *again); again->more = again;");
    expect("again", "struct other * -*-> struct other -more-> ^0");
}

/* --- reach ----------------------------------------------------------------------------------- */

static void what_nothing_leads_to_is_said_and_what_an_integer_holds_is_not(void **state)
{
    (void)state;
    plim_repl_totals before;
    plim_repl_totals after;
    plim_graph *graph = take_graph(&before);
    plim_graph_destroy(&graph);
    enter("uintptr_t kept = (uintptr_t)malloc(48); { (void)malloc(4000); }");
    enter("void *held(void) { static void *it; if (!it) it = malloc(72); return 0; }");
    enter("held();");
    graph = take_graph(&after);
    assert_int_equal(after.blocks, before.blocks + 3);
    assert_int_equal(after.unreachable_blocks, before.unreachable_blocks + 2);
    plim_graph_destroy(&graph);
}

/* --- a twin ---------------------------------------------------------------------------------- */

/* Which nodes lead where, by the same generator as the entry's. */
static void make_twin(uint32_t links[TWIN_NODES][TWIN_LINKS], bool *reached)
{
    uint32_t seed = 12345;
    uint32_t stack[TWIN_NODES * TWIN_LINKS + 1] = {0};
    uint32_t depth = 1;
    for (uint32_t i = 0; i < TWIN_NODES; i++) {
        for (uint32_t j = 0; j < TWIN_LINKS; j++) {
            seed = seed * 1103515245 + 12345;
            links[i][j] = (seed >> 16) % (TWIN_NODES * 2);
        }
    }
    while (depth > 0) {
        uint32_t at = stack[--depth];
        if (at >= TWIN_NODES || reached[at])
            continue;
        reached[at] = true;
        for (uint32_t j = 0; j < TWIN_LINKS; j++)
            stack[depth++] = links[at][j];
    }
}

static uint32_t read_number(uint64_t address)
{
    uint32_t number = UINT32_MAX;
    assert_int_equal(plim_repl_read(repl, address, &number, sizeof number), PLIM_OK);
    return number;
}

static void compare_twin(const plim_graph *graph, const plim_repl_picture *picture,
                         uint32_t links[TWIN_NODES][TWIN_LINKS], const bool *reached)
{
    plim_repl_piece piece;
    uint32_t found = 0;
    for (uint32_t at = 0; plim_repl_picture_next(picture, &at, &piece);) {
        plim_node row;
        if (!piece.is_block || piece.bytes < 992 || piece.bytes > 1100) /* these alone */
            continue;
        uint32_t number = read_number(piece.address);
        assert_true(number < TWIN_NODES);
        assert_int_equal(piece.is_reachable, reached[number]);
        assert_string_equal(piece.type, reached[number] ? "struct twin" : "");
        plim_graph_node(graph, plim_graph_find_id(graph, piece.id), &row);
        uint32_t edge_at = 0;
        for (uint32_t j = 0; j < TWIN_LINKS; j++) {
            static const char *const names[] = {"a", "b", "c"};
            plim_edge edge;
            plim_node to;
            char name[8];
            if (links[number][j] >= TWIN_NODES)
                continue;
            assert_true(edge_at < row.edge_count);
            plim_graph_edge(graph, row.first_edge + edge_at++, &edge);
            (void)snprintf(name, sizeof name, "%s", names[j]);
            if (reached[number])
                assert_memory_equal(edge.name.data, name, edge.name.size_bytes);
            else
                assert_int_equal(edge.index, 1 + j);
            plim_graph_node(graph, edge.to, &to);
            uint64_t address = 0;
            plim_repl_piece other;
            for (uint32_t k = 0; plim_repl_picture_next(picture, &k, &other);)
                address = other.id == to.id ? other.address : address;
            assert_int_equal(read_number(address), links[number][j]);
        }
        assert_int_equal(edge_at, row.edge_count);
        found++;
    }
    assert_int_equal(found, TWIN_NODES);
}

static void a_random_graph_is_as_its_naive_twin(void **state)
{
    (void)state;
    static uint32_t links[TWIN_NODES][TWIN_LINKS];
    static bool reached[TWIN_NODES];
    plim_repl_picture *picture = NULL;
    plim_graph *graph = NULL;
    enter("struct twin { uint32_t number; struct twin *a, *b, *c; char rest[960]; } *twin_root;");
    enter("void twin_make(void) { static struct twin *all[200]; uint32_t seed = 12345;\n"
          "for (uint32_t i = 0; i < 200; i++) { all[i] = calloc(1, sizeof *all[i]); "
          "all[i]->number = i; }\n"
          "for (uint32_t i = 0; i < 200; i++) { struct twin **to[] = {&all[i]->a, &all[i]->b, "
          "&all[i]->c}; for (int j = 0; j < 3; j++) { seed = seed * 1103515245 + 12345; "
          "uint32_t at = (seed >> 16) % 400; if (at < 200) *to[j] = all[at]; } }\n"
          "twin_root = all[0]; memset(all, 0, sizeof all); }");
    enter("twin_make();");
    make_twin(links, reached);
    assert_int_equal(plim_repl_picture_create(repl, NULL, &picture, NULL), PLIM_OK);
    assert_int_equal(plim_graph_from_repl(picture, &graph, NULL), PLIM_OK);
    compare_twin(graph, picture, links, reached);
    plim_repl_picture_destroy(&picture);
    plim_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_typed_from_its_head_on),
        cmocka_unit_test(a_ring_comes_back_to_itself),
        cmocka_unit_test(arrays_have_the_pointers_of_each_element),
        cmocka_unit_test(a_union_is_followed_and_marked_as_guessed),
        cmocka_unit_test(a_pointer_into_the_middle_holds_the_block_and_gives_it_no_type),
        cmocka_unit_test(a_function_is_no_object),
        cmocka_unit_test(memory_without_a_type_is_searched_word_by_word),
        cmocka_unit_test(a_pointer_may_lead_to_a_variable),
        cmocka_unit_test(the_newest_variable_of_a_name_has_its_own_type),
        cmocka_unit_test(what_nothing_leads_to_is_said_and_what_an_integer_holds_is_not),
        cmocka_unit_test(a_random_graph_is_as_its_naive_twin),
    };
    return cmocka_run_group_tests(tests, open_session, close_session);
}

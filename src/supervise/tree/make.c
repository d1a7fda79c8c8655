/* SPDX-License-Identifier: MIT */
/*
 * A tree from its specification: checked, counted, then laid out in arrays. Children of one
 * supervisor stand side by side (static_first, static_count), so a supervisor that is started again
 * has its list as it was written, whatever became of it. No recursion: levels are walked breadth
 * first, over the array that is being built, which is its own queue.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "supervise/tree/parts.h"

/* A level of specifications to look at. */
typedef struct make_level {
    const plim_supervisor_spec *spec;
    uint32_t at;
} make_level;

typedef struct make_sums {
    uint32_t nodes, sups;
    size_t restarts;
} make_sums;

static uint32_t make_intensity(const plim_supervisor_spec *spec)
{
    if (spec->intensity == PLIM_INTENSITY_NONE)
        return 0;
    return spec->intensity == 0 ? 1 : spec->intensity;
}

static plim_status make_wrong(plim_error *err, plim_status status, const char *id, const char *what)
{
    plim_status result = plim_error_set(err, status, "%s", what);
    plim_error_where(err, "child %s", id != NULL ? id : "without an id");
    return result;
}

static bool make_id_is_good(const char *id)
{
    size_t length = id == NULL ? 0 : plim__text_length(id, PLIM_CHILD_ID_BYTES);
    if (length == 0 || length >= PLIM_CHILD_ID_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (id[i] == '/' || (unsigned char)id[i] < ' ' || id[i] == 0x7f)
            return false;
    }
    return true;
}

static plim_status make_check_child(const plim_child_spec *child, plim_auto_shutdown auto_shutdown,
                                    plim_error *err)
{
    const char *id = child->id;
    if (!make_id_is_good(id))
        return make_wrong(err, PLIM_ERR_USAGE, "(?)",
                          "an id has 1 to 63 bytes, without '/' and control characters");
    int ways = (child->command != NULL) + (child->start != NULL) + (child->supervisor != NULL);
    if (ways != 1)
        return make_wrong(err, PLIM_ERR_USAGE, id,
                          "exactly one of command, start and supervisor is to be given");
    if (child->restart < PLIM_PERMANENT || child->restart > PLIM_TEMPORARY)
        return make_wrong(err, PLIM_ERR_USAGE, id, "restart is none of the three");
    if (child->backoff.jitter_percent > 100)
        return make_wrong(err, PLIM_ERR_USAGE, id, "a jitter of more than 100 percent");
    if (child->is_significant && child->restart == PLIM_PERMANENT)
        return make_wrong(err, PLIM_ERR_CONTRADICTION, id,
                          "a permanent child cannot be significant: it never ends for good");
    if (child->is_significant && auto_shutdown == PLIM_AUTO_NEVER)
        return make_wrong(err, PLIM_ERR_CONTRADICTION, id,
                          "a significant child under a supervisor that never ends by itself");
    if (child->command != NULL && (child->command->argv == NULL || child->command->argv[0] == NULL))
        return make_wrong(err, PLIM_ERR_USAGE, id, "a command without a program");
    if (child->command != NULL && child->command->output_file == NULL &&
        (child->command->output == PLIM_OUTPUT_FILE ||
         child->command->error_output == PLIM_OUTPUT_FILE))
        return make_wrong(err, PLIM_ERR_USAGE, id, "output to a file that has no name");
    return PLIM_OK;
}

/* One supervisor by itself, not what is below it. */
static plim_status make_check_level(const plim_supervisor_spec *spec, plim_error *err)
{
    if (spec->strategy < PLIM_ONE_FOR_ONE || spec->strategy > PLIM_SIMPLE_ONE_FOR_ONE)
        return plim_error_set(err, PLIM_ERR_USAGE, "strategy is none of the four");
    if (spec->auto_shutdown < PLIM_AUTO_NEVER || spec->auto_shutdown > PLIM_AUTO_ALL_SIGNIFICANT)
        return plim_error_set(err, PLIM_ERR_USAGE, "auto_shutdown is none of the three");
    if (make_intensity(spec) > PLIM_SUPERVISOR_INTENSITY_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "an intensity above %u",
                              PLIM_SUPERVISOR_INTENSITY_MAX);
    if (spec->strategy == PLIM_SIMPLE_ONE_FOR_ONE &&
        (spec->child_count != 1 || spec->children[0].supervisor != NULL))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "simple_one_for_one has one specification, not of a supervisor");
    if (spec->child_count > PLIM_SUPERVISED_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "more than %u children", PLIM_SUPERVISED_MAX);
    for (uint32_t i = 0; i < spec->child_count; i++) {
        plim_status status = make_check_child(&spec->children[i], spec->auto_shutdown, err);
        if (status != PLIM_OK)
            return status;
        for (uint32_t k = 0; k < i; k++) {
            if (plim__strings_equal(spec->children[i].id, spec->children[k].id))
                return make_wrong(err, PLIM_ERR_USAGE, spec->children[i].id,
                                  "two children with one id");
        }
    }
    return PLIM_OK;
}

/* Depth first with a stack of fixed height; sums what will be needed. */
static plim_status make_walk(const plim_supervisor_spec *spec, make_sums *sums, plim_error *err)
{
    make_level levels[PLIM_SUPERVISOR_LEVELS_MAX];
    uint32_t depth = 0;
    levels[depth++] = (make_level){.spec = spec};
    *sums = (make_sums){.nodes = 1};
    while (depth > 0) {
        make_level *level = &levels[depth - 1];
        if (level->at == 0) {
            plim_status status = make_check_level(level->spec, err);
            if (status != PLIM_OK)
                return status;
            sums->sups++;
            sums->nodes += level->spec->child_count;
            sums->restarts += (size_t)make_intensity(level->spec) + 1;
            if (sums->nodes > PLIM_SUPERVISED_MAX)
                return plim_error_set(err, PLIM_ERR_LIMIT, "more than %u children",
                                      PLIM_SUPERVISED_MAX);
        }
        while (level->at < level->spec->child_count &&
               level->spec->children[level->at].supervisor == NULL)
            level->at++;
        if (level->at >= level->spec->child_count) {
            depth--;
            continue;
        }
        if (depth >= PLIM_SUPERVISOR_LEVELS_MAX)
            return plim_error_set(err, PLIM_ERR_LIMIT, "more than %d levels of supervisors",
                                  PLIM_SUPERVISOR_LEVELS_MAX);
        levels[depth++] = (make_level){.spec = level->spec->children[level->at++].supervisor};
    }
    return PLIM_OK;
}

plim_status plim__tree_check(const plim_supervisor_spec *spec, plim_error *err)
{
    PLIM_CHECK(spec != NULL);
    make_sums sums;
    return make_walk(spec, &sums, err);
}

plim_status plim__tree_check_child(const plim__tree *tree, uint32_t parent,
                                   const plim_child_spec *spec, plim_error *err)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    if (spec->supervisor != NULL)
        return make_wrong(err, PLIM_ERR_USAGE, spec->id,
                          "supervisors are part of the tree from the start");
    return make_check_child(spec, tree->sups[tree->nodes[parent].sup].auto_shutdown, err);
}

void plim__tree_node_set(tree_node *node, const plim_child_spec *spec)
{
    size_t length = plim__text_length(spec->id, PLIM_CHILD_ID_BYTES - 1);
    memcpy(node->id, spec->id, length);
    node->id[length] = '\0';
    node->restart = spec->restart;
    node->is_significant = spec->is_significant;
    node->is_supervisor = spec->supervisor != NULL;
    node->shutdown_ns = spec->shutdown_ns;
    if (spec->shutdown_ns == PLIM_SHUTDOWN_DEFAULT)
        node->shutdown_ns =
            node->is_supervisor ? PLIM_SHUTDOWN_INFINITY : (uint64_t)PLIM_SUPERVISOR_SHUTDOWN_NS;
    node->start_timeout_ns = spec->start_timeout_ns;
    node->backoff = spec->backoff;
    if (node->backoff.most_ns == 0)
        node->backoff.most_ns = PLIM_SUPERVISOR_BACKOFF_NS;
}

static void make_node_init(tree_node *node)
{
    uint32_t generation = node->generation;
    *node = (tree_node){.generation = generation,
                        .parent = TREE_NIL,
                        .prev = TREE_NIL,
                        .next = TREE_NIL,
                        .sup = TREE_NIL,
                        .timer_prev = TREE_NIL,
                        .timer_next = TREE_NIL,
                        .timer_ns = UINT64_MAX};
}

static void make_sup_init(plim__tree *tree, uint32_t index, uint32_t node,
                          const plim_supervisor_spec *spec)
{
    tree_sup *sup = &tree->sups[index];
    *sup = (tree_sup){.node = node,
                      .first = TREE_NIL,
                      .last = TREE_NIL,
                      .ready_next = TREE_NIL,
                      .mail_first = TREE_NIL,
                      .mail_last = TREE_NIL,
                      .cursor = TREE_NIL,
                      .origin = TREE_NIL,
                      .strategy = spec->strategy,
                      .auto_shutdown = spec->auto_shutdown,
                      .intensity = make_intensity(spec),
                      .period_s = spec->period_s == 0 ? 5 : spec->period_s,
                      .restarts = tree->restarts + tree->restart_total};
    tree->restart_total += (size_t)sup->intensity + 1;
    tree->nodes[node].sup = index;
    tree->nodes[node].is_supervisor = true;
}

/* Breadth first: `specs[k]` is that of supervisor k, whose children are laid out when its turn
   comes, and may append supervisors. */
static void make_layout(plim__tree *tree, const plim_supervisor_spec **specs,
                        void (*each)(void *ctx, uint32_t node, const plim_child_spec *spec),
                        void *ctx)
{
    uint32_t used = 1, made = 1;
    make_sup_init(tree, 0, 0, specs[0]);
    for (uint32_t k = 0; k < made; k++) {
        tree_sup *sup = &tree->sups[k];
        sup->static_first = used;
        sup->static_count = specs[k]->child_count;
        for (uint32_t i = 0; i < specs[k]->child_count; i++, used++) {
            const plim_child_spec *child = &specs[k]->children[i];
            tree->nodes[used].parent = sup->node;
            plim__tree_node_set(&tree->nodes[used], child);
            if (child->supervisor != NULL) {
                specs[made] = child->supervisor;
                make_sup_init(tree, made++, used, child->supervisor);
            }
            each(ctx, used, child);
        }
    }
    PLIM_CHECK(used == tree->static_count && made == tree->sup_count);
}

static plim_status make_arrays(plim__tree *tree, const make_sums *sums,
                               const plim__tree_options *options)
{
    const plim_allocator *allocator = &tree->allocator;
    tree->static_count = sums->nodes;
    tree->node_count = sums->nodes + options->dynamic_max;
    tree->sup_count = sums->sups;
    tree->request_count = options->request_max;
    tree->mail_count = tree->node_count * TREE_MAIL_KINDS + tree->request_count;
    tree->nodes = plim__array_new_zero(allocator, tree->node_count, sizeof(tree_node));
    tree->sups = plim__array_new_zero(allocator, tree->sup_count, sizeof(tree_sup));
    tree->restarts = plim__array_new_zero(allocator, sums->restarts, sizeof(uint32_t));
    tree->requests = plim__array_new_zero(allocator, tree->request_count, sizeof(tree_request));
    tree->mail_next = plim__array_new_zero(allocator, tree->mail_count, sizeof(uint32_t));
    tree->mail_prev = plim__array_new_zero(allocator, tree->mail_count, sizeof(uint32_t));
    tree->restart_total = sums->restarts;
    if (tree->nodes == NULL || tree->sups == NULL || tree->restarts == NULL ||
        tree->requests == NULL || tree->mail_next == NULL || tree->mail_prev == NULL)
        return PLIM_ERR_NO_MEMORY;
    return PLIM_OK;
}

static void make_free_lists(plim__tree *tree)
{
    tree->free_first = TREE_NIL;
    for (uint32_t i = tree->node_count; i > 0; i--) {
        tree_node *node = &tree->nodes[i - 1];
        node->generation = 0;
        make_node_init(node);
        if (i - 1 >= tree->static_count) {
            node->is_free = node->is_dynamic = true;
            node->next = tree->free_first;
            tree->free_first = i - 1;
        }
    }
    tree->request_free = TREE_NIL;
    for (uint32_t i = tree->request_count; i > 0; i--) {
        tree->requests[i - 1].next_free = tree->request_free;
        tree->request_free = i - 1;
    }
    for (uint32_t i = 0; i < tree->mail_count; i++)
        tree->mail_next[i] = tree->mail_prev[i] = TREE_NIL;
}

plim_status plim__tree_create(const plim_supervisor_spec *spec, const plim__tree_options *options,
                              void (*each)(void *ctx, uint32_t node, const plim_child_spec *spec),
                              void *ctx, plim__tree **out_tree, plim_error *err)
{
    PLIM_CHECK(spec != NULL && options != NULL && each != NULL && out_tree != NULL);
    PLIM_CHECK(options->dynamic_max > 0 && options->request_max > 0);
    make_sums sums;
    plim_status status = make_walk(spec, &sums, err);
    if (status != PLIM_OK)
        return status;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim__tree *tree = plim__array_new_zero(allocator, 1, sizeof(*tree));
    if (tree == NULL)
        return plim__no_memory(err, "a tree of supervisors");
    tree->magic = TREE_MAGIC;
    tree->allocator = *allocator;
    const plim_supervisor_spec **specs = plim__array_new_zero(allocator, sums.sups, sizeof(*specs));
    if (specs == NULL || make_arrays(tree, &sums, options) != PLIM_OK) {
        plim__array_free(allocator, specs, sums.sups, sizeof(*specs));
        plim__tree_destroy(&tree);
        return plim__no_memory(err, "a tree of supervisors");
    }
    make_free_lists(tree);
    tree->ready_first = tree->ready_last = tree->timer_first = TREE_NIL;
    tree->timer_soonest = UINT64_MAX;
    tree->random = options->seed | 1;
    tree->restart_total = 0;
    specs[0] = spec;
    make_layout(tree, specs, each, ctx);
    PLIM_CHECK(tree->restart_total == sums.restarts);
    plim__array_free(allocator, specs, sums.sups, sizeof(*specs));
    *out_tree = tree;
    return PLIM_OK;
}

void plim__tree_destroy(plim__tree **tree)
{
    if (tree == NULL || *tree == NULL)
        return;
    plim__tree *it = *tree;
    PLIM_CHECK_OBJ(it, TREE_MAGIC);
    *tree = NULL;
    plim_allocator allocator = it->allocator;
    plim__array_free(&allocator, it->nodes, it->node_count, sizeof(tree_node));
    plim__array_free(&allocator, it->sups, it->sup_count, sizeof(tree_sup));
    plim__array_free(&allocator, it->restarts, it->restart_total, sizeof(uint32_t));
    plim__array_free(&allocator, it->requests, it->request_count, sizeof(tree_request));
    plim__array_free(&allocator, it->mail_next, it->mail_count, sizeof(uint32_t));
    plim__array_free(&allocator, it->mail_prev, it->mail_count, sizeof(uint32_t));
    it->magic = 0;
    plim__array_free(&allocator, it, 1, sizeof(*it));
}

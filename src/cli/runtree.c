/* SPDX-License-Identifier: MIT */
/*
 * Options are one child, told N times; a file is JSON, read breadth first so that its depth costs
 * no stack. Every key that is not known is refused by name: a threshold that is misspelt would be
 * none.
 */
#include "cli/runtree.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/units.h"

/* Memory of the tree: freed as a whole. */
struct run_block {
    struct run_block *next;
    size_t bytes;
    max_align_t start[];
};

/* A supervisor whose children are still to be read. */
typedef struct run_pending {
    json_t *children;
    plim_supervisor_spec *into;
    const char *path; /* "" for the top */
} run_pending;

enum { RUN_PENDING_MAX = 256, RUN_ARGUMENTS_MAX = 1024, RUN_JITTER = 10, RUN_POOL_MAX = 64 };

static const char *const run_restarts[] = {"permanent", "transient", "temporary", NULL};
static const char *const run_strategies[] = {"one_for_one", "one_for_all", "rest_for_one", NULL};
static const char *const run_autos[] = {"never", "any_significant", "all_significant", NULL};
static const char *const run_measures[] = {"private", "rss", "pss", NULL};

static void *run_new(plim__run_tree *tree, size_t bytes)
{
    size_t all = sizeof(struct run_block) + bytes;
    struct run_block *block = tree->allocator->resize(tree->allocator->ctx, NULL, 0, all);
    if (block == NULL)
        return NULL;
    block->next = tree->blocks;
    block->bytes = all;
    tree->blocks = block;
    memset(block->start, 0, bytes);
    return block->start;
}

void plim__run_tree_fini(plim__run_tree *tree)
{
    while (tree->blocks != NULL) {
        struct run_block *block = tree->blocks;
        tree->blocks = block->next;
        (void)tree->allocator->resize(tree->allocator->ctx, block, block->bytes, 0);
    }
}

static const char *run_text(plim__run_tree *tree, const char *format, const char *a, const char *b)
{
    char text[PLIM__RUN_PATH_BYTES];
    int put = snprintf(text, sizeof(text), "%s%s%s", a, format, b);
    if (put < 0 || (size_t)put >= sizeof(text))
        return NULL;
    char *copy = run_new(tree, (size_t)put + 1);
    if (copy != NULL)
        memcpy(copy, text, (size_t)put + 1);
    return copy;
}

static plim_status run_no_memory(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a tree of supervisors");
}

static plim_status run_wrong(plim_error *err, const char *path, const char *what, const char *word)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "%s: %s", word, what);
    plim_error_where(err, "child %s", path[0] == '\0' ? "(the top)" : path);
    return status;
}

/* --- values of the file --- */

static bool run_choice(const json_t *value, const char *const *words, int *out)
{
    const char *text = json_string_value(value);
    for (int i = 0; text != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool run_bytes(const json_t *value, uint64_t *out)
{
    if (json_is_integer(value) && json_integer_value(value) > 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    return json_is_string(value) && plim__units_parse_bytes(json_string_value(value), out);
}

static bool run_time(const json_t *value, uint64_t *out)
{
    return json_is_string(value) && plim__units_parse_time(json_string_value(value), out);
}

static bool run_shutdown(const json_t *value, uint64_t *out)
{
    const char *text = json_string_value(value);
    if (text != NULL && strcmp(text, "kill") == 0)
        *out = PLIM_SHUTDOWN_KILL;
    else if (text != NULL && strcmp(text, "infinity") == 0)
        *out = PLIM_SHUTDOWN_INFINITY;
    else
        return run_time(value, out);
    return true;
}

static bool run_argv(plim__run_tree *tree, const json_t *value, const char *const **out)
{
    size_t count = json_array_size(value);
    if (count == 0 || count > RUN_ARGUMENTS_MAX)
        return false;
    const char **argv = run_new(tree, (count + 1) * sizeof(*argv));
    for (size_t i = 0; argv != NULL && i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (text == NULL || (argv[i] = run_text(tree, "", text, "")) == NULL)
            return false;
    }
    *out = argv;
    return argv != NULL;
}

static bool run_output(plim__run_tree *tree, const char *text, plim_child_command *command)
{
    plim_child_output output = PLIM_OUTPUT_FILE;
    if (text == NULL)
        return false;
    if (strcmp(text, "inherit") == 0)
        output = PLIM_OUTPUT_INHERIT;
    else if (strcmp(text, "lines") == 0)
        output = PLIM_OUTPUT_LINES;
    else if (strcmp(text, "none") == 0)
        output = PLIM_OUTPUT_NOTHING;
    else if ((command->output_file = run_text(tree, "", text, "")) == NULL)
        return false;
    command->output = command->error_output = output;
    tree->has_lines |= output == PLIM_OUTPUT_LINES;
    return true;
}

/* A child as it is read. */
typedef struct run_child {
    plim_child_spec spec;
    plim_child_command command;
    plim_monitor_policy policy;
    json_t *children; /* borrowed */
    plim_supervisor_spec supervisor;
    uint64_t workers;
    bool is_numbered; /* web-1, even if it is the only one */
} run_child;

static bool run_member_process(plim__run_tree *tree, run_child *it, const char *key,
                               const json_t *value, bool *out_known)
{
    int choice = 0;
    *out_known = true;
    if (strcmp(key, "command") == 0)
        return run_argv(tree, value, &it->command.argv);
    if (strcmp(key, "folder") == 0)
        return (it->command.folder = json_string_value(value)) != NULL &&
               (it->command.folder = run_text(tree, "", it->command.folder, "")) != NULL;
    if (strcmp(key, "output") == 0)
        return run_output(tree, json_string_value(value), &it->command);
    if (strcmp(key, "data_limit") == 0)
        return run_bytes(value, &it->command.data_bytes_max);
    if (strcmp(key, "memory") == 0)
        return run_bytes(value, &it->policy.memory_bytes);
    if (strcmp(key, "memory_hard") == 0)
        return run_bytes(value, &it->policy.memory_hard_bytes);
    if (strcmp(key, "fence") == 0)
        return run_bytes(value, &it->policy.fence_bytes);
    if (strcmp(key, "lifetime") == 0)
        return run_time(value, &it->policy.lifetime_ns);
    if (strcmp(key, "settle") == 0)
        return run_time(value, &it->spec.lives_ns);
    if (strcmp(key, "backoff") == 0)
        return run_time(value, &it->spec.backoff.first_ns);
    if (strcmp(key, "workers") == 0) {
        it->workers = (uint64_t)json_integer_value(value);
        return json_is_integer(value) && it->workers > 0 && it->workers <= PLIM__RUN_CHILDREN_MAX;
    }
    if (strcmp(key, "measure") == 0) {
        bool is_good = run_choice(value, run_measures, &choice);
        it->policy.measure = (plim_measure)choice;
        return is_good;
    }
    *out_known = false;
    return true;
}

static bool run_member(plim__run_tree *tree, run_child *it, const char *key, json_t *value,
                       bool *out_known)
{
    int choice = 0;
    bool is_good = true;
    *out_known = true;
    if (strcmp(key, "id") == 0) {
        const char *id = json_string_value(value);
        return id != NULL && (it->spec.id = run_text(tree, "", id, "")) != NULL;
    }
    if (strcmp(key, "restart") == 0) {
        is_good = run_choice(value, run_restarts, &choice);
        it->spec.restart = (plim_restart)choice;
    } else if (strcmp(key, "significant") == 0) {
        is_good = json_is_boolean(value);
        it->spec.is_significant = json_is_true(value);
    } else if (strcmp(key, "shutdown") == 0) {
        is_good = run_shutdown(value, &it->spec.shutdown_ns);
    } else if (strcmp(key, "strategy") == 0) {
        is_good = run_choice(value, run_strategies, &choice);
        it->supervisor.strategy = (plim_strategy)choice;
    } else if (strcmp(key, "auto_shutdown") == 0) {
        is_good = run_choice(value, run_autos, &choice);
        it->supervisor.auto_shutdown = (plim_auto_shutdown)choice;
    } else if (strcmp(key, "intensity") == 0) {
        json_int_t number = json_integer_value(value);
        is_good = json_is_integer(value) && number >= 0 && number < UINT32_MAX;
        it->supervisor.intensity = number == 0 ? PLIM_INTENSITY_NONE : (uint32_t)number;
    } else if (strcmp(key, "period") == 0) {
        uint64_t time_ns = 0;
        is_good = run_time(value, &time_ns) && time_ns >= 1000000000u;
        it->supervisor.period_s = (uint32_t)(time_ns / 1000000000u);
    } else if (strcmp(key, "children") == 0) {
        is_good = json_is_array(value);
        it->children = value;
    } else {
        return run_member_process(tree, it, key, value, out_known);
    }
    return is_good;
}

static plim_status run_members(plim__run_tree *tree, json_t *object, const char *path,
                               run_child *out, plim_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    *out = (run_child){.workers = 1};
    if (!json_is_object(object))
        return run_wrong(err, path, "is no object", "a child");
    json_object_foreach(object, key, value)
    {
        bool is_known = false;
        if (!run_member(tree, out, key, value, &is_known))
            return run_wrong(err, path, "a value that cannot be", key);
        if (!is_known)
            return run_wrong(err, path, "no such key", key);
    }
    return PLIM_OK;
}

/* --- children --- */

static plim_status run_add_policy(plim__run_tree *tree, const char *path,
                                  const plim_monitor_policy *policy, plim_error *err)
{
    if (tree->policy_count == PLIM__RUN_CHILDREN_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "more than %d children", PLIM__RUN_CHILDREN_MAX);
    plim__run_policy *row = &tree->policies[tree->policy_count++];
    *row = (plim__run_policy){.path = path, .policy = *policy};
    row->policy.lifetime_jitter_ns = policy->lifetime_ns / RUN_JITTER;
    return PLIM_OK;
}

/* One child, or `workers` of it: web, or web-1, web-2, … */
static plim_status run_place(plim__run_tree *tree, const run_child *it, const char *above,
                             plim_child_spec *out, plim_error *err)
{
    plim_child_command *command = run_new(tree, sizeof(*command));
    if (command == NULL)
        return run_no_memory(err);
    *command = it->command;
    for (uint64_t i = 0; i < it->workers; i++) {
        char number[24] = "";
        if (it->is_numbered)
            (void)snprintf(number, sizeof(number), "-%llu", (unsigned long long)i + 1);
        out[i] = it->spec;
        out[i].struct_bytes = sizeof(out[i]);
        out[i].id = run_text(tree, "", it->spec.id, number);
        out[i].command = command;
        const char *path = out[i].id == NULL
                               ? NULL
                               : run_text(tree, above[0] == '\0' ? "" : "/", above, out[i].id);
        if (path == NULL)
            return run_no_memory(err);
        plim_status status = run_add_policy(tree, path, &it->policy, err);
        if (status != PLIM_OK)
            return status;
    }
    return PLIM_OK;
}

static plim_status run_level(plim__run_tree *tree, run_pending *pending, uint32_t *pending_count,
                             const run_pending *level, plim_error *err)
{
    size_t rows = json_array_size(level->children), count = 0;
    plim_child_spec *specs = run_new(tree, PLIM__RUN_CHILDREN_MAX * sizeof(*specs));
    if (specs == NULL)
        return run_no_memory(err);
    for (size_t i = 0; i < rows; i++) {
        run_child it;
        plim_status status =
            run_members(tree, json_array_get(level->children, i), level->path, &it, err);
        if (status == PLIM_OK && it.spec.id == NULL)
            status = run_wrong(err, level->path, "is missing", "id");
        if (status == PLIM_OK && (it.command.argv == NULL) == (it.children == NULL))
            status = run_wrong(err, it.spec.id, "one of command and children is wanted", "a child");
        if (status == PLIM_OK && count + it.workers > PLIM__RUN_CHILDREN_MAX)
            status = plim_error_set(err, PLIM_ERR_LIMIT, "more than %d children",
                                    PLIM__RUN_CHILDREN_MAX);
        it.is_numbered = it.workers > 1;
        if (status == PLIM_OK && it.children == NULL)
            status = run_place(tree, &it, level->path, specs + count, err);
        if (status != PLIM_OK)
            return status;
        if (it.children != NULL) {
            plim_supervisor_spec *below = run_new(tree, sizeof(*below));
            const char *path =
                run_text(tree, level->path[0] == '\0' ? "" : "/", level->path, it.spec.id);
            if (below == NULL || path == NULL)
                return run_no_memory(err);
            if (*pending_count == RUN_PENDING_MAX)
                return plim_error_set(err, PLIM_ERR_LIMIT, "more than %d supervisors",
                                      RUN_PENDING_MAX);
            *below = it.supervisor;
            specs[count] = it.spec;
            specs[count].supervisor = below;
            pending[(*pending_count)++] =
                (run_pending){.children = it.children, .into = below, .path = path};
        }
        count += it.workers;
    }
    level->into->struct_bytes = sizeof(*level->into);
    level->into->children = specs;
    level->into->child_count = (uint32_t)count;
    return PLIM_OK;
}

static plim_status run_read_file(plim__run_tree *tree, const char *path, plim_error *err)
{
    json_error_t where;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        bool is_file = where.line > 0;
        plim_status status =
            plim_error_set(err, is_file ? PLIM_ERR_DAMAGED : PLIM_ERR_NOT_FOUND, "%s", where.text);
        plim_error_where(err, "%s:%d:%d", path, where.line, where.column);
        return status;
    }
    run_pending pending[RUN_PENDING_MAX];
    uint32_t pending_count = 0;
    run_child it;
    plim_status status = run_members(tree, root, "", &it, err);
    if (status == PLIM_OK && (it.children == NULL || it.command.argv != NULL))
        status = run_wrong(err, "", "is what the file begins with", "a supervisor with children");
    if (status == PLIM_OK) {
        tree->top = it.supervisor;
        pending[pending_count++] =
            (run_pending){.children = it.children, .into = &tree->top, .path = ""};
    }
    for (uint32_t i = 0; status == PLIM_OK && i < pending_count; i++)
        status = run_level(tree, pending, &pending_count, &pending[i], err);
    json_decref(root);
    return status;
}

/* --- options --- */

/* "5/10s", or "5". */
static bool run_intensity(const char *text, plim_supervisor_spec *top)
{
    char number[24];
    size_t length = strcspn(text, "/");
    uint64_t count = 0, time_ns = 0;
    if (length == 0 || length >= sizeof(number))
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!plim__units_parse_count(number, &count) || count >= UINT32_MAX)
        return false;
    top->intensity = count == 0 ? PLIM_INTENSITY_NONE : (uint32_t)count;
    if (text[length] == '\0')
        return true;
    if (!plim__units_parse_time(text + length + 1, &time_ns) || time_ns < 1000000000u)
        return false;
    top->period_s = (uint32_t)(time_ns / 1000000000u);
    return true;
}

/* What goes with --listen alone, and what does not go with it. */
static plim_status run_fits(const plim__args *args, plim_error *err)
{
    static const plim__option_id only[] = {PLIM__OPTION_spare,        PLIM__OPTION_queue,
                                           PLIM__OPTION_max_requests, PLIM__OPTION_run_deadline,
                                           PLIM__OPTION_health,       PLIM__OPTION_drain};
    static const plim__option_id never[] = {PLIM__OPTION_tree, PLIM__OPTION_restart,
                                            PLIM__OPTION_settle, PLIM__OPTION_strategy,
                                            PLIM__OPTION_backoff};
    bool is_pool = plim__args_has(args, PLIM__OPTION_run_listen);
    const plim__option_id *wrong = is_pool ? never : only;
    size_t count = is_pool ? sizeof never / sizeof *never : sizeof only / sizeof *only;
    for (size_t i = 0; i < count; i++) {
        if (!plim__args_has(args, wrong[i]))
            continue;
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "--%s %s", plim__options[wrong[i]].name,
                           is_pool ? "does not go with --listen" : "is of workers with --listen");
        plim_error_hint(err, "plim run --listen unix:/path --workers 4 -- ./worker");
        return status;
    }
    return PLIM_OK;
}

static plim_status run_read_options(plim__cli *cli, plim__run_tree *tree, plim_error *err)
{
    const plim__args *args = &cli->args;
    bool is_pool = plim__args_has(args, PLIM__OPTION_run_listen);
    const char *intensity = args->values[PLIM__OPTION_intensity].text;
    const char *log = args->values[PLIM__OPTION_log].text;
    run_child it = {.workers = plim__args_number(args, PLIM__OPTION_run_workers, 1)};
    if (it.workers == 0 || it.workers > PLIM__RUN_CHILDREN_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "--workers: 1 to %d", PLIM__RUN_CHILDREN_MAX);
    if (is_pool) /* rows for the spares, too; the pool starts them */
        it.workers += plim__args_number(args, PLIM__OPTION_spare, 1);
    if (is_pool && it.workers > RUN_POOL_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "--listen: at most %d workers, spares included",
                              RUN_POOL_MAX);
    if (intensity != NULL && !run_intensity(intensity, &tree->top))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "--intensity is restarts, or restarts in a time: 5, 5/10s");
    it.spec.id = strrchr(args->program[0], '/');
    it.spec.id = it.spec.id == NULL ? args->program[0] : it.spec.id + 1;
    tree->worker_name = it.spec.id;
    it.is_numbered = is_pool || it.workers > 1;
    it.spec.restart = (plim_restart)plim__args_number(args, PLIM__OPTION_restart, 0);
    it.spec.is_significant = it.spec.restart != PLIM_PERMANENT;
    it.spec.shutdown_ns = plim__args_number(args, PLIM__OPTION_shutdown, 0);
    it.spec.lives_ns = plim__args_number(args, PLIM__OPTION_settle, 0);
    it.spec.backoff.first_ns = plim__args_number(args, PLIM__OPTION_backoff, 0);
    it.spec.backoff.jitter_percent = 2 * RUN_JITTER;
    it.command.argv = args->program;
    it.command.has_input = it.workers == 1 && !is_pool;
    it.command.data_bytes_max = plim__args_number(args, PLIM__OPTION_data_limit, 0);
    it.policy.memory_bytes = plim__args_number(args, PLIM__OPTION_memory, 0);
    it.policy.memory_hard_bytes = plim__args_number(args, PLIM__OPTION_memory_hard, 0);
    it.policy.fence_bytes = plim__args_number(args, PLIM__OPTION_fence, 0);
    it.policy.lifetime_ns = plim__args_number(args, PLIM__OPTION_lifetime, 0);
    it.policy.measure = (plim_measure)plim__args_number(args, PLIM__OPTION_measure, 0);
    const char *events = args->values[PLIM__OPTION_events].text;
    if (log == NULL && events != NULL && strcmp(events, "-") == 0)
        log = "lines"; /* standard output is the events' */
    if (log != NULL && !run_output(tree, log, &it.command))
        return run_no_memory(err);
    tree->top.struct_bytes = sizeof(tree->top);
    tree->top.strategy = (plim_strategy)plim__args_number(args, PLIM__OPTION_strategy, 0);
    tree->top.auto_shutdown = it.spec.is_significant ? PLIM_AUTO_ALL_SIGNIFICANT : PLIM_AUTO_NEVER;
    plim_child_spec *specs = run_new(tree, (size_t)it.workers * sizeof(*specs));
    if (specs == NULL)
        return run_no_memory(err);
    tree->top.children = specs;
    tree->top.child_count = (uint32_t)it.workers;
    return run_place(tree, &it, "", specs, err);
}

plim_status plim__run_tree_read(plim__cli *cli, plim__run_tree *tree, plim_error *err)
{
    const char *path = cli->args.values[PLIM__OPTION_tree].text;
    plim_status fits = run_fits(&cli->args, err);
    if (fits != PLIM_OK)
        return fits;
    *tree = (plim__run_tree){.allocator = cli->allocator};
    if ((path == NULL) == (cli->args.program == NULL)) {
        plim_status status = plim_error_set(
            err, PLIM_ERR_USAGE, "what is to be run: a program after --, or --tree FILE");
        plim_error_hint(err, "plim run --workers 4 -- ./worker");
        return status;
    }
    plim_status status =
        path != NULL ? run_read_file(tree, path, err) : run_read_options(cli, tree, err);
    return status == PLIM_OK ? plim_supervisor_check(&tree->top, err) : status;
}

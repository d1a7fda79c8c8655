/* SPDX-License-Identifier: MIT */
#include "tree_play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervise/tree/tree.h"

enum { PLAY_NODES = 512, PLAY_SPECS = 128, PLAY_WORDS = 24, PLAY_LINE = 512 };

typedef struct play_name {
    char id[PLIM_CHILD_ID_BYTES];
    int fails, ignores;
} play_name;

typedef struct play {
    plim__tree *tree;
    char *out;
    size_t cap, length;
    play_name names[PLAY_NODES]; /* plans, by id */
    int name_count;
    char node_ids[PLAY_NODES][PLIM_CHILD_ID_BYTES];
    plim_child_spec children[PLAY_SPECS][PLAY_SPECS / 4];
    plim_supervisor_spec sups[PLAY_SPECS];
    char ids[PLAY_SPECS][PLIM_CHILD_ID_BYTES];
    int sup_count, id_count;
    uint64_t request, now_ns;
    char reply[32];
    int failed_steps;
} play;

static plim_status play_no_start(void *ctx, plim_child child, plim_child_process *out,
                                 plim_error *err)
{
    (void)ctx, (void)child, (void)out, (void)err;
    return PLIM_ERR_UNSUPPORTED;
}

static void play_write(play *it, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int put = vsnprintf(it->out + it->length, it->cap - it->length, format, arguments);
    va_end(arguments);
    if (put > 0 && it->length + (size_t)put < it->cap)
        it->length += (size_t)put;
}

static void play_copy_id(char *to, const char *from)
{
    size_t length = strnlen(from, PLIM_CHILD_ID_BYTES - 1);
    memmove(to, from, length);
    to[length] = '\0';
}

static play_name *play_plan(play *it, const char *id)
{
    for (int i = 0; i < it->name_count; i++) {
        if (strcmp(it->names[i].id, id) == 0)
            return &it->names[i];
    }
    if (it->name_count == PLAY_NODES)
        return NULL;
    play_name *plan = &it->names[it->name_count++];
    play_copy_id(plan->id, id);
    return plan;
}

static int play_number(const char *word)
{
    return (int)strtol(word, NULL, 10);
}

static int play_split(char *line, char *words[PLAY_WORDS])
{
    int count = 0;
    for (char *word = strtok_r(line, " \n", &line); word != NULL && count < PLAY_WORDS;
         word = strtok_r(NULL, " \n", &line))
        words[count++] = word;
    return count;
}

static int play_one_of(const char *word, const char *const *all, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(word, all[i]) == 0)
            return i;
    }
    return 0;
}

static plim_restart play_restart(const char *word)
{
    static const char *const all[] = {"permanent", "transient", "temporary"};
    return (plim_restart)play_one_of(word, all, 3);
}

static const char *play_keep(play *it, const char *id)
{
    if (it->id_count == PLAY_SPECS)
        abort();
    char *to = it->ids[it->id_count++];
    play_copy_id(to, id);
    return to;
}

static void play_leaf_spec(play *it, char **words, plim_child_spec *out)
{
    *out = (plim_child_spec){.id = play_keep(it, words[0]),
                             .start = play_no_start,
                             .restart = play_restart(words[1]),
                             .is_significant = strcmp(words[2], "significant") == 0};
    if (strcmp(words[3], "kill") == 0)
        out->shutdown_ns = PLIM_SHUTDOWN_KILL;
}

static void play_sup_spec(play *it, int index, char **words)
{
    static const char *const strategies[] = {"one_for_one", "one_for_all", "rest_for_one",
                                             "simple_one_for_one"};
    static const char *const autos[] = {"never", "any_significant", "all_significant"};
    int intensity = play_number(words[2]);
    it->sups[index] = (plim_supervisor_spec){
        .strategy = (plim_strategy)play_one_of(words[1], strategies, 4),
        .intensity = intensity == 0 ? PLIM_INTENSITY_NONE : (uint32_t)intensity,
        .period_s = 3600,
        .auto_shutdown = (plim_auto_shutdown)play_one_of(words[3], autos, 3),
        .children = it->children[index]};
}

/* Reads the specification up to the top's `end`; false: it is wrong. */
static bool play_read_spec(play *it, const char **at)
{
    int open[16], depth = 0;
    do {
        char line[PLAY_LINE], *words[PLAY_WORDS];
        size_t length = strcspn(*at, "\n");
        if (length == 0 || length >= sizeof(line))
            return false;
        memcpy(line, *at, length);
        line[length] = '\0';
        *at += length + 1;
        int count = play_split(line, words);
        if (strcmp(words[0], "end") == 0) {
            depth--;
            continue;
        }
        plim_child_spec *child = NULL;
        if (depth > 0) {
            plim_supervisor_spec *above = &it->sups[open[depth - 1]];
            child = &it->children[open[depth - 1]][above->child_count++];
        }
        if (strcmp(words[0], "sup") == 0 && count == 7 && it->sup_count < PLAY_SPECS &&
            depth < 16) {
            int index = it->sup_count++;
            play_sup_spec(it, index, words + 1);
            if (child != NULL)
                *child = (plim_child_spec){.id = play_keep(it, words[1]),
                                           .supervisor = &it->sups[index],
                                           .restart = play_restart(words[5]),
                                           .is_significant = strcmp(words[6], "significant") == 0};
            open[depth++] = index;
        } else if (strcmp(words[0], "leaf") == 0 && count == 5 && child != NULL) {
            play_leaf_spec(it, words + 1, child);
        } else {
            return false;
        }
    } while (depth > 0);
    return true;
}

static void play_each(void *ctx, uint32_t node, const plim_child_spec *spec)
{
    play *it = ctx;
    play_copy_id(it->node_ids[node], spec->id);
}

static void play_start(play *it, uint32_t node)
{
    play_name *plan = play_plan(it, it->node_ids[node]);
    plim__tree_result result = PLIM__TREE_OK;
    if (plan != NULL && plan->fails > 0) {
        plan->fails--;
        result = PLIM__TREE_FAILED;
    } else if (plan != NULL && plan->ignores > 0) {
        plan->ignores--;
        result = PLIM__TREE_IGNORE;
    }
    static const char signs[] = {'?', '+', '~', '!'};
    play_write(it, " %c%s", signs[result], it->node_ids[node]);
    plim__tree_started(it->tree, node, result);
}

/* Under a simple supervisor all end at once, in no order that anybody promises. */
static bool play_is_ordered(const play *it, uint32_t node)
{
    return plim__tree_strategy(it->tree, plim__tree_parent(it->tree, node)) !=
           PLIM_SIMPLE_ONE_FOR_ONE;
}

static void play_reply(play *it, const plim__tree_action *action)
{
    const char *text = "failed";
    if (action->status == PLIM_OK)
        text = "ok";
    else if (action->status == PLIM_ERR_EXISTS)
        text = "exists";
    else if (action->status == PLIM_ERR_BUSY)
        text = "busy";
    else if (action->status == PLIM_ERR_UNSUPPORTED)
        text = "simple";
    else if (action->status == PLIM_ERR_GONE)
        text = "gone";
    else if (action->status == PLIM_ERR_NOT_FOUND)
        text = "not_found";
    (void)snprintf(it->reply, sizeof(it->reply), "%s", text);
}

static void play_settle(play *it)
{
    plim__tree_action action;
    for (int i = 0; i < 100000; i++) {
        it->now_ns += 1000;
        if (!plim__tree_step(it->tree, it->now_ns, &action))
            return;
        if (action.kind == PLIM__TREE_START)
            play_start(it, action.node);
        else if (action.kind == PLIM__TREE_ASK) {
            if (play_is_ordered(it, action.node))
                play_write(it, " -%s", it->node_ids[action.node]);
            plim__tree_exited(it->tree, action.node, PLIM_EXIT_SHUTDOWN);
        } else if (action.kind == PLIM__TREE_KILL)
            plim__tree_exited(it->tree, action.node, PLIM_EXIT_ABNORMAL);
        else if (action.kind == PLIM__TREE_REPLY)
            play_reply(it, &action);
        else if (action.kind == PLIM__TREE_FREED)
            it->node_ids[action.node][0] = '\0';
        else if (action.kind == PLIM__TREE_ENDED)
            play_write(it, action.status == PLIM_ERR_REFUSED ? " top-failed" : " top-ended");
    }
    it->failed_steps++;
}

static uint32_t play_find(const play *it, const char *id)
{
    uint32_t found = strcmp(id, "top") == 0 ? 0 : PLIM__TREE_NONE;
    for (uint32_t i = 1; i < plim__tree_node_max(it->tree) && i < PLAY_NODES; i++) {
        if (strcmp(it->node_ids[i], id) != 0)
            continue;
        if (plim__tree_state(it->tree, i) == PLIM_CHILD_RUNNING)
            return i; /* one that was removed, and came back as another */
        found = i;
    }
    return found;
}

/* Children in the order of starts, supervisors with theirs in brackets. */
static void play_states(play *it, uint32_t sup, int depth)
{
    static const char *const states[] = {"undefined", "starting", "up", "stopping", "restarting"};
    plim_child_counts counts;
    plim__tree_count(it->tree, sup, &counts);
    play_write(it, " [%u %u %u %u", counts.specs, counts.active, counts.supervisors,
               counts.workers);
    bool is_simple = plim__tree_strategy(it->tree, sup) == PLIM_SIMPLE_ONE_FOR_ONE;
    for (uint32_t i = plim__tree_next(it->tree, sup, PLIM__TREE_NONE);
         i != PLIM__TREE_NONE && !is_simple; i = plim__tree_next(it->tree, sup, i)) {
        plim_child_state state = plim__tree_state(it->tree, i);
        play_write(it, " %s=%s", it->node_ids[i], states[state]);
        if (plim__tree_is_supervisor(it->tree, i) && state == PLIM_CHILD_RUNNING && depth < 16)
            play_states(it, i, depth + 1);
    }
    play_write(it, "]");
}

static bool play_is_up(const play *it, uint32_t node)
{
    return plim__tree_state(it->tree, node) == PLIM_CHILD_RUNNING;
}

static void play_ask(play *it, char **words, int count)
{
    static const char *const all[] = {"terminate", "restart", "delete"};
    static const plim_child_request requests[] = {PLIM_REQUEST_TERMINATE, PLIM_REQUEST_RESTART,
                                                  PLIM_REQUEST_DELETE};
    uint32_t sup = play_find(it, words[1]);
    if (sup == PLIM__TREE_NONE || !play_is_up(it, sup)) {
        (void)snprintf(it->reply, sizeof(it->reply), "gone");
        return;
    }
    it->request++;
    if (strcmp(words[0], "start") == 0) {
        plim_child_spec spec = {.id = words[2], .start = play_no_start};
        if (count >= 6)
            play_leaf_spec(it, words + 2, &spec);
        uint32_t node = PLIM__TREE_NONE;
        if (count >= 6 && plim__tree_check_child(it->tree, sup, &spec, NULL) != PLIM_OK)
            (void)snprintf(it->reply, sizeof(it->reply), "failed");
        else if (plim__tree_add(it->tree, sup, &spec, it->request, &node) != PLIM_OK)
            abort();
        if (node != PLIM__TREE_NONE)
            play_copy_id(it->node_ids[node], words[2]);
        return;
    }
    uint32_t node = PLIM__TREE_NONE;
    for (uint32_t i = plim__tree_next(it->tree, sup, PLIM__TREE_NONE); i != PLIM__TREE_NONE;
         i = plim__tree_next(it->tree, sup, i)) {
        if (strcmp(it->node_ids[i], words[2]) == 0)
            node = i;
    }
    bool is_simple = plim__tree_strategy(it->tree, sup) == PLIM_SIMPLE_ONE_FOR_ONE;
    if (node == PLIM__TREE_NONE && is_simple) /* OTP: by pid, and a dead one is no error */
        (void)snprintf(it->reply, sizeof(it->reply), words[0][0] == 't' ? "ok" : "simple");
    else if (node == PLIM__TREE_NONE)
        (void)snprintf(it->reply, sizeof(it->reply), "not_found");
    else
        (void)plim__tree_ask(it->tree, node, requests[play_one_of(words[0], all, 3)],
                             PLIM_WHY_REQUESTED, it->request);
}

static void play_exits(play *it, char **words, int count)
{
    for (int i = 1; i < count; i++) {
        char *reason = strchr(words[i], ':');
        if (reason == NULL)
            continue;
        *reason++ = '\0';
        uint32_t node = play_find(it, words[i]);
        if (node == PLIM__TREE_NONE || plim__tree_is_supervisor(it->tree, node))
            continue;
        static const char *const reasons[] = {"normal", "shutdown", "abnormal"};
        plim__tree_exited(it->tree, node, (plim_exit_reason)play_one_of(reason, reasons, 3));
    }
}

static void play_line(play *it, char *line)
{
    char *words[PLAY_WORDS] = {NULL};
    int count = play_split(line, words);
    if (count == 3 && (strcmp(words[0], "fail") == 0 || strcmp(words[0], "ignore") == 0)) {
        play_name *plan = play_plan(it, words[1]);
        if (plan != NULL && words[0][0] == 'f')
            plan->fails = play_number(words[2]);
        else if (plan != NULL)
            plan->ignores = play_number(words[2]);
        return;
    }
    it->reply[0] = '\0';
    play_write(it, "%s:", words[0]);
    if (strcmp(words[0], "run") != 0 && !play_is_up(it, 0)) {
        play_write(it, "\n"); /* nobody is there to be asked */
        return;
    }
    if (strcmp(words[0], "run") == 0)
        plim__tree_start(it->tree);
    else if (strcmp(words[0], "stop") == 0)
        plim__tree_stop(it->tree, false);
    else if (strcmp(words[0], "exits") == 0)
        play_exits(it, words, count);
    else
        play_ask(it, words, count);
    play_settle(it);
    if (it->reply[0] != '\0')
        play_write(it, " = %s", it->reply);
    if (play_is_up(it, 0))
        play_states(it, 0, 0);
    play_write(it, "\n");
}

const char *tree_play(const char *script, char *out, size_t cap)
{
    play *it = calloc(1, sizeof(*it));
    if (it == NULL)
        return "no memory";
    it->out = out;
    it->cap = cap;
    out[0] = '\0';
    const char *at = script, *wrong = NULL;
    plim_error err = {0};
    plim__tree_options options = {.dynamic_max = 64, .request_max = 8, .seed = 1};
    if (!play_read_spec(it, &at))
        wrong = "the specification cannot be read";
    else if (plim__tree_create(&it->sups[0], &options, play_each, it, &it->tree, &err) != PLIM_OK)
        play_write(it, "refused: %s\n", err.what);
    while (wrong == NULL && it->tree != NULL && *at != '\0') {
        char line[PLAY_LINE];
        size_t length = strcspn(at, "\n");
        if (length >= sizeof(line)) {
            wrong = "a long line";
            break;
        }
        memcpy(line, at, length);
        line[length] = '\0';
        at += at[length] == '\n' ? length + 1 : length;
        if (length > 0)
            play_line(it, line);
    }
    if (it->failed_steps > 0)
        wrong = "it does not settle";
    plim__tree_destroy(&it->tree);
    free(it);
    return wrong;
}

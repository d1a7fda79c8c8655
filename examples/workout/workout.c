/* SPDX-License-Identifier: MIT */
/*
 * A workout whose state lives apart from the program that runs it. Kill it at any moment (-9) and
 * start it again: it goes on with the same repetition, and ends with the same summary.
 *
 *   workout [--state FILE] [--script FILE] [--pace MICROSECONDS] [--watch]
 *   workout --look --state FILE         what it does now, from outside; it is not disturbed
 *   workout --bench RUNS                nanoseconds a second of training takes, state included
 *
 * Blocks: `whole`, `rounds` and `cap` run their items one after the other; `reps` reads a sensor,
 * filters and counts; `countdown` is a block of before, whose state is inside it and which knows
 * of no region. One event is one second. What an exercise comes to is added to the totals, which
 * belong to `whole` and are inherited: a set finds them by their type.
 * Exit: 0, 2 usage, 3 the state cannot be used, 6 something is full.
 */
#include <plimsoll/reference.h>
#include <plimsoll/stack.h>
#include <plimsoll/subscribe.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "training.h"

enum { TYPES = 4 + ITEMS_MAX, TEXT_BYTES = 16384 };

typedef struct totals {
    uint32_t last_block; /* whose set was added last: a set counts once, whatever happens */
    uint32_t spare;
    exercise_total of[EXERCISES_MAX];
} totals;

typedef struct settings {
    const char *state, *script;
    uint32_t pace_us, bench;
    bool is_watched, is_look;
} settings;

/* What the callbacks need; nothing in it is state. */
typedef struct program {
    settings set;
    script all;
    plim_region *region;
    plim_stack *stack;
    plim_hub *hub;
    uint16_t totals_type;
    plim_block_type types[TYPES];
    const plim_block_type *type_table[TYPES];
    uint32_t type_count;
    plim_legacy_type countdowns[ITEMS_MAX];
    char countdown_names[ITEMS_MAX][NAME_BYTES + 8];
    int countdown_seconds[ITEMS_MAX];
    char line[LINE_BYTES];
} program;

static int workout_fail(const char *what, plim_status status, const plim_error *err)
{
    (void)fprintf(stderr, "workout: %s: %s\n", what,
                  err->what[0] != '\0' ? err->what : plim_status_text(status));
    if (err->hint[0] != '\0')
        (void)fprintf(stderr, "  %s\n", err->hint);
    return plim_status_exit_code(status);
}

/* --- blocks -------------------------------------------------------------------------------- */

static plim_status sequence_push(plim_turn *turn)
{
    const program *p = turn->type->context;
    uint32_t next = sequence_next(turn->state, &p->all);
    const script_item *item = &p->all.items[next];
    sequence inner = {.item = next};
    exertion set = {.item = next, .goal = item->number};
    if (next == 0)
        return PLIM_OK;
    switch (item->kind) {
    case ITEM_ROUNDS:
        return plim_turn_push(turn, "rounds", &inner, "rounds");
    case ITEM_CAP:
        return plim_turn_push(turn, "cap", &inner, "cap");
    case ITEM_REPS:
        return plim_turn_push(turn, "reps", &set, p->all.exercises[item->exercise]);
    case ITEM_REST:
        return plim_turn_push(turn, p->countdown_names[next], NULL, "rest");
    }
    return PLIM_ERR_USAGE;
}

static bool sequence_is_done(const plim_turn *turn)
{
    return ((const sequence *)turn->state)->is_finished;
}

static plim_status whole_mount(plim_turn *turn)
{
    const program *p = turn->type->context;
    plim_object_request request = {.struct_bytes = sizeof request,
                                   .type = p->totals_type,
                                   .visibility = PLIM_VISIBILITY_INHERITED};
    plim_ref ref;
    plim_status status = plim_turn_allocate(turn, &request, &ref);
    return status == PLIM_OK ? sequence_push(turn) : status;
}

static plim_status cap_tick(plim_turn *turn)
{
    ((sequence *)turn->state)->seconds++;
    return PLIM_OK;
}

static bool cap_is_done(const plim_turn *turn)
{
    const program *p = turn->type->context;
    const sequence *at = turn->state;
    return at->is_finished || at->seconds >= p->all.items[at->item].number;
}

static plim_status reps_tick(plim_turn *turn)
{
    program *p = turn->type->context;
    exertion *at = turn->state;
    exertion_second(at, turn->event->number);
    display_line(p->line, turn->event->number, p->all.exercises[p->all.items[at->item].exercise],
                 at->reps, at->goal, at->effort);
    return PLIM_OK;
}

static bool reps_is_done(const plim_turn *turn)
{
    const exertion *at = turn->state;
    return at->reps >= at->goal;
}

/* Finds what it adds to by looking down the stack. A set elsewhere counts at once, so this may run
   twice after a crash: the number of the block says whether it has been here. */
static void reps_cleanup(plim_turn *turn)
{
    const program *p = turn->type->context;
    const exertion *at = turn->state;
    plim_search search = {
        .struct_bytes = sizeof search, .by = PLIM_BY_TYPE, .type = p->totals_type};
    plim_ref ref;
    totals sum;
    if (plim_stack_find(turn->stack, turn->block, &search, &ref) != PLIM_OK ||
        plim_region_get(turn->region, ref, &sum, sizeof sum) != PLIM_OK ||
        sum.last_block == turn->owner)
        return;
    sum.last_block = turn->owner;
    exercise_add(&sum.of[p->all.items[at->item].exercise], at);
    if (plim_region_set(turn->region, ref, &sum, sizeof sum) != PLIM_OK)
        (void)fputs("workout: a set was not added\n", stderr);
}

/* The countdown as it was takes its seconds from its maker. */
static void *old_make(void *context)
{
    return countdown_make(*(const int *)context);
}

static void old_tick(void *old)
{
    countdown_tick(old);
}

static bool old_is_done(const void *old)
{
    return countdown_is_done(old);
}

static void old_reset(void *old)
{
    countdown_reset(old);
}

static void old_cleanup(void *old)
{
    countdown_free(old);
}

/* --- the program --------------------------------------------------------------------------- */

static void workout_add_type(program *p, const plim_block_type *type)
{
    p->types[p->type_count] = *type;
    p->type_table[p->type_count] = &p->types[p->type_count];
    p->type_count++;
}

static void workout_types(program *p)
{
    static const plim_field SEQUENCE[] = {
        PLIM_FIELD(sequence, item, PLIM_FIELD_UINT),
        PLIM_FIELD(sequence, at, PLIM_FIELD_UINT),
        PLIM_FIELD(sequence, round, PLIM_FIELD_UINT),
        PLIM_FIELD(sequence, seconds, PLIM_FIELD_UINT),
        PLIM_FIELD(sequence, is_finished, PLIM_FIELD_UINT),
        PLIM_FIELD(sequence, script_hash, PLIM_FIELD_UINT),
    };
    static const plim_field EXERTION[] = {
        PLIM_FIELD(exertion, item, PLIM_FIELD_UINT),
        PLIM_FIELD(exertion, goal, PLIM_FIELD_UINT),
        PLIM_FIELD(exertion, reps, PLIM_FIELD_UINT),
        PLIM_FIELD(exertion, seconds, PLIM_FIELD_UINT),
        PLIM_FIELD(exertion, effort, PLIM_FIELD_FLOAT),
    };
    plim_block_type type = {.struct_bytes = sizeof type,
                            .name = "rounds",
                            .state_bytes = sizeof(sequence),
                            .fields = SEQUENCE,
                            .field_count = sizeof SEQUENCE / sizeof SEQUENCE[0],
                            .context = p,
                            .mount = sequence_push,
                            .next = sequence_push,
                            .is_done = sequence_is_done};
    workout_add_type(p, &type);
    type.name = "whole";
    type.mount = whole_mount;
    type.is_done = NULL; /* until the summary is printed */
    workout_add_type(p, &type);
    type.name = "cap";
    type.flags = PLIM_BLOCK_F_TICKED_BELOW;
    type.mount = sequence_push;
    type.tick = cap_tick;
    type.is_done = cap_is_done;
    workout_add_type(p, &type);
    type = (plim_block_type){.struct_bytes = sizeof type,
                             .name = "reps",
                             .state_bytes = sizeof(exertion),
                             .fields = EXERTION,
                             .field_count = sizeof EXERTION / sizeof EXERTION[0],
                             .context = p,
                             .tick = reps_tick,
                             .is_done = reps_is_done,
                             .cleanup = reps_cleanup};
    workout_add_type(p, &type);
    for (uint32_t i = 1; i < p->all.item_count; i++) {
        if (p->all.items[i].kind != ITEM_REST)
            continue;
        p->countdown_seconds[i] = (int)p->all.items[i].number;
        (void)snprintf(p->countdown_names[i], sizeof p->countdown_names[i], "countdown-%u", i);
        p->countdowns[i] = (plim_legacy_type){.name = p->countdown_names[i],
                                              .context = &p->countdown_seconds[i],
                                              .make = old_make,
                                              .tick = old_tick,
                                              .is_done = old_is_done,
                                              .reset = old_reset,
                                              .cleanup = old_cleanup,
                                              .image_bytes = sizeof(countdown)};
        plim_block_adapt(&p->countdowns[i], &type);
        workout_add_type(p, &type);
    }
}

/* The screen, ten times a second at most, however fast the training is. */
static void workout_show(void *context, plim_region *region, const plim_notice *notice)
{
    const program *p = context;
    (void)region;
    (void)notice;
    (void)fprintf(stderr, "\r%-60s", p->line);
}

static uint64_t workout_now_ns(void *clock)
{
    struct timespec now;
    (void)clock;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static plim_status workout_watch(program *p, plim_error *err)
{
    plim_hub_options options = {.struct_bytes = sizeof options, .now_ns = workout_now_ns};
    plim_subscription_request request = {.struct_bytes = sizeof request,
                                         .what = PLIM_TOLD_CHANGED,
                                         .interval_ns = 100000000,
                                         .tell = workout_show,
                                         .context = p};
    plim_status status = plim_hub_create(p->region, &options, &p->hub, err);
    return status == PLIM_OK ? plim_subscribe(p->hub, &request, NULL) : status;
}

static plim_status workout_open_stack(program *p, plim_error *err)
{
    plim_stack_options stack = {.struct_bytes = sizeof stack,
                                .depth_max = DEPTH_MAX + 2,
                                .types = p->type_table,
                                .type_count = p->type_count};
    return plim_stack_open(p->region, &stack, &p->stack, err);
}

static plim_status workout_open(program *p, plim_error *err)
{
    static const plim_field TOTALS[] = {
        PLIM_FIELD(totals, last_block, PLIM_FIELD_UINT),
        {"of", PLIM_FIELD_BYTES, offsetof(totals, of), sizeof(exercise_total), EXERCISES_MAX},
    };
    plim_region_options region = {.struct_bytes = sizeof region,
                                  .place =
                                      p->set.state != NULL ? PLIM_REGION_FILE : PLIM_REGION_MEMFD,
                                  .name = p->set.state != NULL ? p->set.state : "workout",
                                  .object_max = 1024,
                                  .value_max = 1024,
                                  .data_bytes = 1 << 18};
    plim_status status = plim_region_open(&region, &p->region, err);
    if (status == PLIM_OK)
        status =
            plim_region_type(p->region, "totals", sizeof(totals), TOTALS, 2, &p->totals_type, err);
    if (status == PLIM_OK)
        status = workout_open_stack(p, err);
    if (status == PLIM_OK && p->set.is_watched)
        status = workout_watch(p, err);
    return status;
}

static void workout_close(program *p)
{
    plim_hub_destroy(&p->hub);
    plim_stack_close(&p->stack);
    plim_region_close(&p->region);
}

/* The whole, on the stack or just begun; NULL: it is of another script. */
static const sequence *workout_whole(program *p, plim_error *err)
{
    sequence whole = {.script_hash = p->all.hash};
    plim_block_info info;
    if (plim_stack_depth(p->stack) == 0 &&
        plim_stack_push(p->stack, "whole", &whole, "whole", NULL, err) != PLIM_OK)
        return NULL;
    if (!plim_stack_at(p->stack, 0, &info))
        return NULL;
    const plim_block_head *head = plim_region_peek(p->region, info.block);
    if (head == NULL)
        return NULL;
    const sequence *at = (const sequence *)(const void *)(head + 1);
    if (at->script_hash == p->all.hash)
        return at;
    (void)plim_error_set(err, PLIM_ERR_EXISTS, "the state is of a workout by another script");
    plim_error_hint(err, "give that script, or another file for the state");
    return NULL;
}

static plim_status workout_run(program *p, plim_error *err)
{
    struct timespec pace = {.tv_sec = p->set.pace_us / 1000000,
                            .tv_nsec = (long)(p->set.pace_us % 1000000) * 1000};
    const sequence *whole = workout_whole(p, err);
    if (whole == NULL)
        return err->status != PLIM_OK ? err->status : PLIM_ERR_DAMAGED;
    plim_status status = plim_stack_settle(p->stack, err);
    while (status == PLIM_OK && !whole->is_finished) {
        uint64_t second = plim_stack_last_event(p->stack) + 1;
        plim_event event = {.number = second, .now_ns = second * 1000000000u};
        status = plim_stack_tick(p->stack, &event, err);
        if (p->set.pace_us > 0)
            (void)nanosleep(&pace, NULL);
    }
    return status;
}

static plim_status workout_summary(program *p, plim_error *err)
{
    plim_search search = {
        .struct_bytes = sizeof search, .by = PLIM_BY_TYPE, .type = p->totals_type};
    plim_ref ref;
    totals sum;
    plim_status status = plim_stack_find(p->stack, (plim_ref){0, 0}, &search, &ref);
    if (status == PLIM_OK)
        status = plim_region_get(p->region, ref, &sum, sizeof sum);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "there are no totals");
    display_summary(&p->all, sum.of, plim_stack_last_event(p->stack));
    (void)fflush(stdout);
    return PLIM_OK;
}

static int workout_train(program *p)
{
    plim_error err = {0};
    plim_status status = workout_open(p, &err);
    if (status == PLIM_OK)
        status = workout_run(p, &err);
    if (status == PLIM_OK)
        status = workout_summary(p, &err);
    if (status == PLIM_OK)
        status = plim_stack_destroy(&p->stack, &err); /* the next one begins anew */
    int code = status == PLIM_OK ? 0 : workout_fail("training", status, &err);
    workout_close(p);
    return code;
}

/* One region for all runs, as a program that goes on has one: its pages are there. */
static int workout_bench(program *p)
{
    uint64_t least = UINT64_MAX;
    uint64_t seconds = 0;
    plim_error err = {0};
    plim_status status = workout_open(p, &err);
    for (uint32_t i = 0; i < p->set.bench && status == PLIM_OK; i++) {
        uint64_t start = workout_now_ns(NULL);
        status = workout_run(p, &err);
        uint64_t ns = workout_now_ns(NULL) - start;
        seconds = plim_stack_last_event(p->stack);
        least = ns < least ? ns : least;
        if (status == PLIM_OK)
            status = plim_stack_destroy(&p->stack, &err);
        if (status == PLIM_OK)
            status = workout_open_stack(p, &err);
    }
    if (status != PLIM_OK)
        return workout_fail("bench", status, &err);
    workout_close(p);
    printf("{\"seconds\": %" PRIu64 ", \"ns\": %" PRIu64 "}\n", seconds, least);
    return 0;
}

/* --- looking on ---------------------------------------------------------------------------- */

static void look_field(const plim_field *field, const unsigned char *value)
{
    uint64_t number = 0;
    float real = 0;
    size_t bytes = field->size_bytes < sizeof number ? field->size_bytes : sizeof number;
    switch (field->kind) {
    case PLIM_FIELD_INT:
    case PLIM_FIELD_UINT:
    case PLIM_FIELD_BOOL:
        memcpy(&number, value + field->offset_bytes, bytes);
        printf(" %s=%" PRIu64, field->name, number);
        break;
    case PLIM_FIELD_FLOAT:
        memcpy(&real, value + field->offset_bytes, sizeof real);
        printf(" %s=%.2f", field->name, (double)real);
        break;
    case PLIM_FIELD_TEXT:
        printf(" %s=\"%.*s\"", field->name, (int)field->size_bytes,
               (const char *)value + field->offset_bytes);
        break;
    case PLIM_FIELD_BYTES:
    case PLIM_FIELD_REF:
    case PLIM_FIELD_WEAK:
        break;
    }
}

static int workout_look(const settings *set)
{
    plim_region_view *view = NULL;
    plim_error err = {0};
    plim_region_object object;
    const void *value;
    plim_status status = plim_region_view_open(set->state, NULL, &view, &err);
    if (status != PLIM_OK)
        return workout_fail("look", status, &err);
    for (uint32_t index = 0; plim_region_view_next(view, &index, &object, &value);) {
        plim_region_type_info type;
        plim_field field;
        if (!plim_region_view_type(view, object.type, &type))
            continue;
        printf("@%" PRIu64 " owner %u %s:", object.birth, object.owner, type.name);
        for (uint32_t i = 0; i < type.field_count; i++)
            if (plim_region_view_field(view, object.type, i, &field))
                look_field(&field, value);
        (void)putchar('\n');
    }
    plim_region_view_close(&view);
    return 0;
}

/* --- the command line ---------------------------------------------------------------------- */

static bool workout_number(const char *text, uint32_t *out)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *out = (uint32_t)value;
    return end != text && *end == '\0' && value <= 1000000000;
}

static bool workout_options(settings *set, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--watch") == 0) {
            set->is_watched = true;
            continue;
        }
        if (strcmp(argv[i], "--look") == 0) {
            set->is_look = true;
            continue;
        }
        if (value == NULL)
            return false;
        if (strcmp(argv[i], "--state") == 0)
            set->state = value;
        else if (strcmp(argv[i], "--script") == 0)
            set->script = value;
        else if (strcmp(argv[i], "--pace") != 0 && strcmp(argv[i], "--bench") != 0)
            return false;
        else if (!workout_number(value, argv[i][2] == 'p' ? &set->pace_us : &set->bench))
            return false;
        i++;
    }
    return !set->is_look || set->state != NULL;
}

static bool workout_read(const char *path, char text[TEXT_BYTES])
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t bytes = fread(text, 1, TEXT_BYTES - 1, file);
    text[bytes] = '\0';
    bool is_whole = feof(file) != 0;
    (void)fclose(file);
    return is_whole;
}

int main(int argc, char **argv)
{
    static program p;
    static char text[TEXT_BYTES];
    uint32_t line = 0;
    if (!workout_options(&p.set, argc, argv)) {
        (void)fputs("usage: workout [--state FILE] [--script FILE] [--pace MICROSECONDS] "
                    "[--watch]\n       workout --look --state FILE\n       workout --bench RUNS\n",
                    stderr);
        return 2;
    }
    if (p.set.is_look)
        return workout_look(&p.set);
    if (p.set.script != NULL && !workout_read(p.set.script, text)) {
        (void)fprintf(stderr, "workout: %s cannot be read\n", p.set.script);
        return 3;
    }
    if (!script_parse(p.set.script != NULL ? text : SCRIPT_DEFAULT, &p.all, &line)) {
        (void)fprintf(stderr, "workout: line %u of the script is not understood\n", line);
        return 2;
    }
    workout_types(&p);
    return p.set.bench > 0 ? workout_bench(&p) : workout_train(&p);
}

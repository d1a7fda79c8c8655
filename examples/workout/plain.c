/* SPDX-License-Identifier: MIT */
/*
 * The twin of workout.c with its state in plain structs: what it prints is the same, and what a
 * kill takes is everything. bench/bench_workout.py compares the two.
 *   plain [--bench RUNS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "training.h"

typedef struct frame {
    item_kind kind;
    uint64_t since; /* the second in which it was pushed */
    sequence steps;
    exertion set;
    countdown *rest;
} frame;

typedef struct plain {
    script all;
    frame frames[DEPTH_MAX];
    uint32_t depth;
    uint64_t second;
    exercise_total totals[EXERCISES_MAX];
    char line[LINE_BYTES];
} plain;

static void plain_pop(plain *p)
{
    frame *top = &p->frames[--p->depth];
    if (top->kind == ITEM_REPS)
        exercise_add(&p->totals[p->all.items[top->set.item].exercise], &top->set);
    if (top->kind == ITEM_REST)
        countdown_free(top->rest);
}

static void plain_push(plain *p, uint32_t item)
{
    const script_item *of = &p->all.items[item];
    frame *top = &p->frames[p->depth++];
    *top = (frame){.kind = of->kind, .since = p->second, .steps = {.item = item}};
    top->set = (exertion){.item = item, .goal = of->number};
    if (of->kind == ITEM_REST)
        top->rest = countdown_make((int)of->number);
}

static bool plain_is_done(const plain *p, const frame *at)
{
    switch (at->kind) {
    case ITEM_REPS:
        return at->set.reps >= at->set.goal;
    case ITEM_REST:
        return countdown_is_done(at->rest);
    case ITEM_CAP:
        return at->steps.is_finished || at->steps.seconds >= p->all.items[at->steps.item].number;
    case ITEM_ROUNDS:
        return at->steps.is_finished && at != p->frames;
    }
    return false;
}

/* Pops what is done, and lets what is below go on, until something runs. */
static void plain_advance(plain *p)
{
    for (;;) {
        frame *top = &p->frames[p->depth - 1];
        bool runs_items = top->kind == ITEM_ROUNDS || top->kind == ITEM_CAP;
        if (runs_items && !plain_is_done(p, top)) {
            uint32_t next = sequence_next(&top->steps, &p->all);
            if (next != 0) {
                plain_push(p, next);
                continue;
            }
        }
        if (p->depth == 1 || !plain_is_done(p, top))
            return;
        plain_pop(p);
    }
}

static void plain_second(plain *p)
{
    uint32_t depth = p->depth;
    frame *top = &p->frames[depth - 1];
    p->second++;
    if (top->kind == ITEM_REPS) {
        exertion_second(&top->set, p->second);
        display_line(p->line, p->second, p->all.exercises[p->all.items[top->set.item].exercise],
                     top->set.reps, top->set.goal, top->set.effort);
    } else {
        countdown_tick(top->rest);
    }
    if (plain_is_done(p, top)) {
        plain_pop(p);
        plain_advance(p);
    }
    for (uint32_t i = depth - 1; i-- > 0;) {
        frame *below = &p->frames[i];
        if (i >= p->depth || below->kind != ITEM_CAP || below->since == p->second)
            continue;
        below->steps.seconds++;
        if (!plain_is_done(p, below))
            continue;
        while (p->depth > i)
            plain_pop(p);
        plain_advance(p);
    }
}

static void plain_run(plain *p)
{
    p->depth = 0;
    p->second = 0;
    memset(p->totals, 0, sizeof p->totals);
    plain_push(p, 0);
    plain_advance(p);
    while (!p->frames[0].steps.is_finished)
        plain_second(p);
}

static uint64_t plain_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    static plain p;
    uint32_t line = 0;
    uint64_t least = UINT64_MAX;
    if (!script_parse(SCRIPT_DEFAULT, &p.all, &line))
        return 2;
    if (argc != 3) {
        plain_run(&p);
        display_summary(&p.all, p.totals, p.second);
        return 0;
    }
    for (unsigned long i = strtoul(argv[2], NULL, 10); i > 0; i--) {
        uint64_t start = plain_now_ns();
        plain_run(&p);
        uint64_t ns = plain_now_ns() - start;
        least = ns < least ? ns : least;
    }
    printf("{\"seconds\": %" PRIu64 ", \"ns\": %" PRIu64 "}\n", p.second, least);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The explorer: depth-first over lists of choices, each execution replayed from its start. */
#include "ilv.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { ILV_STACK_BYTES = 64 * 1024, ILV_DEPTH_MAX = 4096, ILV_NOBODY = ILV_FIBRES_MAX };

typedef struct ilv_fibre {
    ucontext_t context;
    const volatile void *word; /* its next access; NULL: none, or not begun */
    bool is_live, is_waiting, was_killed;
    unsigned accesses; /* begun since it last waited */
} ilv_fibre;

/* One choice: which way of how many. Ways are fibres (then kills), or not/spurious. */
typedef struct ilv_choice {
    uint8_t ways[2 * ILV_FIBRES_MAX];
    uint8_t way_count;
    uint8_t way;
    uint8_t sleep; /* fibres asleep when it was made */
    bool is_schedule;
    const volatile void *words[ILV_FIBRES_MAX];
} ilv_choice;

typedef struct ilv_state {
    const ilv_scenario *scenario;
    ilv_fibre fibres[ILV_FIBRES_MAX];
    unsigned fibre_count;
    ucontext_t home;
    unsigned running; /* ILV_NOBODY outside fibres */
    ilv_choice choices[ILV_DEPTH_MAX];
    unsigned depth, known; /* choices taken; choices to replay */
    unsigned kills, spurious, preemptions;
    uint8_t sleep;
    bool is_over;
    bool is_pruned;
    const char *broken;
    char stacks[ILV_FIBRES_MAX][ILV_STACK_BYTES];
} ilv_state;

/* Not among the program's own variables: a scenario may put those back as they were. */
static ilv_state *ilv;

void ilv_fail(const char *text)
{
    if (ilv->broken == NULL)
        ilv->broken = text;
    ilv->is_over = true;
}

bool ilv_was_killed(unsigned fibre)
{
    return ilv->fibres[fibre].was_killed;
}

/* The next choice: the one to replay, or a new one of these ways. Its way's value. */
static uint8_t choose(const uint8_t *ways, unsigned way_count, bool is_schedule)
{
    if (ilv->depth == ILV_DEPTH_MAX) {
        fprintf(stderr, "ilv: a schedule of more than %d choices\n", ILV_DEPTH_MAX);
        exit(2);
    }
    ilv_choice *choice = &ilv->choices[ilv->depth];
    if (ilv->depth == ilv->known) {
        *choice = (ilv_choice){.way_count = (uint8_t)way_count, .is_schedule = is_schedule};
        memcpy(choice->ways, ways, way_count);
        choice->sleep = ilv->sleep;
        for (unsigned i = 0; i < ilv->fibre_count; i++)
            choice->words[i] = ilv->fibres[i].word;
        ilv->known++;
    } else if (choice->way_count != way_count || memcmp(choice->ways, ways, way_count) != 0) {
        fprintf(stderr, "ilv: %s: the scenario is not the same when it is replayed\n",
                ilv->scenario->name);
        exit(2);
    }
    ilv->depth++;
    return choice->ways[choice->way];
}

static bool sleeps_on(void)
{
    return ilv->scenario->preemptions_max == 0 && ilv->scenario->kills_max == 0;
}

/* Fibres that may run now; the one that ran last first, so the first schedule preempts nobody. */
static unsigned runnable(uint8_t *ways, unsigned last)
{
    unsigned count = 0;
    bool last_can =
        last < ilv->fibre_count && ilv->fibres[last].is_live && !ilv->fibres[last].is_waiting;
    if (last_can)
        ways[count++] = (uint8_t)last;
    if (last_can && ilv->scenario->preemptions_max != 0 &&
        ilv->preemptions >= ilv->scenario->preemptions_max)
        return count;
    for (unsigned i = 0; i < ilv->fibre_count; i++)
        if (i != last && ilv->fibres[i].is_live && !ilv->fibres[i].is_waiting)
            ways[count++] = (uint8_t)i;
    return count;
}

/* After `chosen` was: who sleeps on. Those tried before, and those asleep, unless they touch the
   same word as the chosen one's step. A step without a word (its beginning) touches none. */
static void sleep_after(const ilv_choice *choice, unsigned chosen)
{
    uint8_t asleep = choice->sleep;
    for (unsigned i = 0; i < choice->way; i++)
        asleep |= (uint8_t)(1u << choice->ways[i]);
    ilv->sleep = 0;
    for (unsigned i = 0; i < ilv->fibre_count; i++)
        if ((asleep >> i & 1) != 0 && i != chosen &&
            (choice->words[i] == NULL || choice->words[chosen] != choice->words[i]))
            ilv->sleep |= (uint8_t)(1u << i);
}

/* Chooses who runs next; kills on the way. ILV_NOBODY: nobody is left, or this way is known. */
static unsigned next_fibre(unsigned last)
{
    for (;;) {
        uint8_t ways[2 * ILV_FIBRES_MAX];
        unsigned count = runnable(ways, last), awake = 0;
        if (count == 0) {
            bool stuck = false;
            for (unsigned i = 0; i < ilv->fibre_count; i++)
                stuck = stuck || ilv->fibres[i].is_live;
            if (stuck && ilv->kills == 0)
                ilv_fail("nobody can run: a deadlock");
            return ILV_NOBODY;
        }
        if (sleeps_on()) {
            for (unsigned i = 0; i < count; i++)
                if ((ilv->sleep >> ways[i] & 1) == 0)
                    ways[awake++] = ways[i];
            count = awake;
            if (count == 0) {
                ilv->is_pruned = true;
                return ILV_NOBODY;
            }
        }
        unsigned runs = count;
        if (ilv->kills < ilv->scenario->kills_max)
            for (unsigned i = 0; i < runs; i++)
                if (ilv->fibres[ways[i]].word != NULL)
                    ways[count++] = (uint8_t)(ILV_FIBRES_MAX + ways[i]);
        unsigned way = choose(ways, count, true);
        if (way >= ILV_FIBRES_MAX) {
            ilv_fibre *fibre = &ilv->fibres[way - ILV_FIBRES_MAX];
            fibre->is_live = false;
            fibre->was_killed = true;
            ilv->kills++;
            continue;
        }
        if (sleeps_on())
            sleep_after(&ilv->choices[ilv->depth - 1], way);
        if (last < ilv->fibre_count && way != last && ilv->fibres[last].is_live &&
            !ilv->fibres[last].is_waiting)
            ilv->preemptions++;
        return way;
    }
}

/* What each thread has of its own. */
static void change_locals(unsigned from, unsigned to)
{
    if (ilv->scenario->change != NULL)
        ilv->scenario->change(from, to);
}

/* From a fibre: lets the chosen one run; comes back when this one is chosen. */
static void reschedule(void)
{
    unsigned me = ilv->running;
    unsigned next = ilv->is_over ? ILV_NOBODY : next_fibre(me);
    if (next == me)
        return;
    ilv->running = next;
    change_locals(me, next);
    if (next == ILV_NOBODY) {
        ilv->is_over = true;
        swapcontext(&ilv->fibres[me].context, &ilv->home);
    } else {
        swapcontext(&ilv->fibres[me].context, &ilv->fibres[next].context);
    }
}

/* `each` reads words too: that is not a step. */
static void check_each(void)
{
    unsigned me = ilv->running;
    if (ilv->scenario->each == NULL || ilv->is_over)
        return;
    ilv->running = ILV_NOBODY;
    ilv->scenario->each();
    ilv->running = me;
}

/* Somebody got on: who waits may look again. Looking again and waiting again is not getting on, so
   that fibres which wait for each other are seen to be stuck. */
static void wake_others(void)
{
    for (unsigned i = 0; i < ilv->fibre_count; i++)
        if (i != ilv->running)
            ilv->fibres[i].is_waiting = false;
}

void ilv_switch(const volatile void *word)
{
    if (ilv == NULL || ilv->running == ILV_NOBODY)
        return;
    if (ilv->scenario->is_constant != NULL && ilv->scenario->is_constant(word))
        return;
    check_each();
    if (ilv->fibres[ilv->running].accesses++ > 0)
        wake_others();
    ilv->fibres[ilv->running].word = word;
    reschedule();
}

void ilv_spin(void)
{
    if (ilv == NULL || ilv->running == ILV_NOBODY)
        return;
    ilv->fibres[ilv->running].is_waiting = true;
    ilv->fibres[ilv->running].accesses = 0;
    reschedule();
}

bool ilv_spurious(void)
{
    static const uint8_t ways[] = {0, 1};
    if (ilv == NULL || ilv->running == ILV_NOBODY || ilv->spurious >= ilv->scenario->spurious_max)
        return false;
    bool fails = choose(ways, 2, false) == 1;
    ilv->spurious += fails;
    return fails;
}

static void fibre_main(unsigned index)
{
    ilv->scenario->fibres[index]();
    check_each();
    wake_others();
    ilv->fibres[index].is_live = false;
    ilv->fibres[index].word = NULL;
    ilv->running = ilv->is_over ? ILV_NOBODY : next_fibre(index);
    change_locals(index, ilv->running);
    if (ilv->running == ILV_NOBODY) {
        ilv->is_over = true;
        setcontext(&ilv->home);
    }
    setcontext(&ilv->fibres[ilv->running].context);
}

static void execute(void)
{
    ilv->depth = 0;
    ilv->kills = ilv->spurious = ilv->preemptions = 0;
    ilv->sleep = 0;
    ilv->is_over = ilv->is_pruned = false;
    ilv->running = ILV_NOBODY;
    ilv->scenario->start();
    for (unsigned i = 0; i < ilv->fibre_count; i++) {
        ilv_fibre *fibre = &ilv->fibres[i];
        getcontext(&fibre->context);
        fibre->context.uc_stack.ss_sp = ilv->stacks[i];
        fibre->context.uc_stack.ss_size = ILV_STACK_BYTES;
        fibre->context.uc_link = NULL;
        fibre->word = NULL;
        fibre->is_live = true;
        fibre->is_waiting = fibre->was_killed = false;
        fibre->accesses = 1;
        makecontext(&fibre->context, (void (*)(void))fibre_main, 1, i);
    }
    ilv->running = next_fibre(ILV_NOBODY);
    change_locals(ILV_NOBODY, ilv->running);
    if (ilv->running != ILV_NOBODY)
        swapcontext(&ilv->home, &ilv->fibres[ilv->running].context);
    ilv->running = ILV_NOBODY;
    if (!ilv->is_pruned && ilv->broken == NULL)
        ilv->scenario->end();
}

ilv_result ilv_explore(const ilv_scenario *scenario, unsigned long executions_max)
{
    ilv_result result = {0};
    if (ilv == NULL)
        ilv = calloc(1, sizeof *ilv);
    if (ilv == NULL)
        exit(2);
    ilv->running = ILV_NOBODY;
    ilv->scenario = scenario;
    ilv->fibre_count = 0;
    while (ilv->fibre_count < ILV_FIBRES_MAX && scenario->fibres[ilv->fibre_count] != NULL)
        ilv->fibre_count++;
    ilv->known = 0;
    ilv->broken = NULL;
    for (;;) {
        execute();
        if (ilv->is_pruned)
            result.pruned++;
        else
            result.executions++;
        if (ilv->depth > result.depth_max)
            result.depth_max = ilv->depth;
        if (ilv->broken != NULL)
            break;
        while (ilv->known > 0 &&
               ilv->choices[ilv->known - 1].way + 1 >= ilv->choices[ilv->known - 1].way_count)
            ilv->known--;
        if (ilv->known == 0)
            break;
        ilv->choices[ilv->known - 1].way++;
        if (result.executions + result.pruned >= executions_max) {
            result.is_cut = true;
            break;
        }
    }
    result.broken = ilv->broken;
    return result;
}

void ilv_print_schedule(void)
{
    for (unsigned i = 0; i < ilv->depth; i++) {
        const ilv_choice *choice = &ilv->choices[i];
        unsigned way = choice->ways[choice->way];
        if (!choice->is_schedule)
            fprintf(stderr, "  %3u  compare-and-swap %s\n", i,
                    way ? "fails for no reason" : "goes");
        else if (way >= ILV_FIBRES_MAX)
            fprintf(stderr, "  %3u  fibre %u is stopped for good\n", i, way - ILV_FIBRES_MAX);
        else
            fprintf(stderr, "  %3u  fibre %u accesses %p\n", i, way,
                    (void *)(uintptr_t)choice->words[way]);
    }
}

/* SPDX-License-Identifier: MIT */
/* Training: see training.h. The athlete is made up, and always the same. */
#include "training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const SCRIPT_DEFAULT = "# twice around, then as much as fits into two minutes\n"
                                   "rounds 2\n"
                                   "  reps 8 pull-ups\n"
                                   "  rest 10\n"
                                   "  rounds 2\n"
                                   "    reps 10 push-ups\n"
                                   "    reps 12 squats\n"
                                   "  end\n"
                                   "  rest 15\n"
                                   "end\n"
                                   "cap 120\n"
                                   "  rounds 0\n"
                                   "    reps 6 burpees\n"
                                   "    rest 5\n"
                                   "  end\n"
                                   "end\n"
                                   "reps 20 lunges\n";

/* --- the script ---------------------------------------------------------------------------- */

static bool script_exercise(script *all, const char *name, uint32_t *out_exercise)
{
    uint32_t at = 0;
    while (at < all->exercise_count && strcmp(all->exercises[at], name) != 0)
        at++;
    if (at == EXERCISES_MAX)
        return false;
    if (at == all->exercise_count)
        (void)snprintf(all->exercises[all->exercise_count++], NAME_BYTES, "%s", name);
    *out_exercise = at;
    return true;
}

static bool script_item_parse(script *all, const char *line, uint32_t *open, uint32_t *open_count)
{
    static const char *const KINDS[] = {"rounds", "cap", "reps", "rest"};
    char word[NAME_BYTES] = "", name[NAME_BYTES] = "";
    unsigned number = 0;
    int fields = sscanf(line, "%15s %u %15s", word, &number, name);
    if (fields <= 0 || word[0] == '#')
        return true;
    if (strcmp(word, "end") == 0 && *open_count > 1) {
        all->items[open[--*open_count]].end = all->item_count;
        return true;
    }
    uint32_t kind = 0;
    while (kind < 4 && strcmp(word, KINDS[kind]) != 0)
        kind++;
    if (kind == 4 || fields < 2 || number > 100000 || all->item_count == ITEMS_MAX)
        return false;
    script_item *item = &all->items[all->item_count];
    *item = (script_item){.kind = (item_kind)kind, .number = number, .end = all->item_count + 1};
    if (kind == ITEM_REPS && (fields < 3 || !script_exercise(all, name, &item->exercise)))
        return false;
    if (kind == ITEM_ROUNDS || kind == ITEM_CAP) {
        if (*open_count == DEPTH_MAX - 2)
            return false;
        open[(*open_count)++] = all->item_count;
    }
    all->item_count++;
    return true;
}

bool script_parse(const char *text, script *out_script, uint32_t *out_line)
{
    uint32_t open[DEPTH_MAX] = {0};
    uint32_t open_count = 1;
    script all = {.items = {{.kind = ITEM_ROUNDS, .number = 1}}, .item_count = 1};
    all.hash = UINT64_C(0xcbf29ce484222325);
    for (*out_line = 1; *text != '\0'; (*out_line)++) {
        char line[LINE_BYTES];
        size_t length = strcspn(text, "\n");
        (void)snprintf(line, sizeof line, "%.*s", length < LINE_BYTES ? (int)length : 0, text);
        if (!script_item_parse(&all, line, open, &open_count))
            return false;
        for (size_t i = 0; i < length; i++)
            all.hash = (all.hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
        text += length + (text[length] == '\n');
    }
    if (open_count != 1)
        return false;
    all.items[0].end = all.item_count;
    *out_script = all;
    return true;
}

uint32_t sequence_next(sequence *at, const script *all)
{
    const script_item *own = &all->items[at->item];
    uint32_t first = at->item + 1;
    uint32_t next = at->at == 0 ? first : all->items[at->at].end;
    if (at->at == 0)
        at->round = 1;
    if (next >= own->end) {
        bool is_last = own->kind == ITEM_CAP || at->round == own->number;
        if (is_last || first == own->end) {
            at->is_finished = 1;
            return 0;
        }
        at->round++;
        next = first;
    }
    at->at = next;
    return next;
}

/* --- the sensor ---------------------------------------------------------------------------- */

/* One axis at the wrist: a repetition in about two seconds, and noise. */
static float sensor_read(uint64_t sample, uint32_t axis, uint32_t exercise)
{
    uint64_t noise = (sample * AXES + axis) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t period = 150 + 20 * (uint64_t)exercise;
    float phase = (float)(sample % period) / (float)period;
    float wave = phase < 0.5f ? 4.0f * phase - 1.0f : 3.0f - 4.0f * phase;
    noise ^= noise >> 29;
    return wave * (1.0f - 0.15f * (float)axis) + (float)(noise >> 40) * 0x1p-26f;
}

void exertion_second(exertion *at, uint64_t second)
{
    for (uint32_t i = 0; i < SAMPLES; i++) {
        float strength = 0;
        for (uint32_t axis = 0; axis < AXES; axis++) {
            float value = sensor_read(second * SAMPLES + i, axis, at->item % EXERCISES_MAX);
            at->slow[axis] += (value - at->slow[axis]) * 0.005f;
            at->quick[axis] += (value - at->quick[axis]) * 0.2f;
            float moved = at->quick[axis] - at->slow[axis];
            strength += moved * (axis == 0 ? 0.8f : 0.25f);
            at->effort += moved * moved * 0.01f;
        }
        if (!at->is_high && strength > 0.6f) {
            at->is_high = 1;
            at->reps += at->reps < at->goal;
        } else if (at->is_high && strength < -0.6f) {
            at->is_high = 0;
        }
    }
    at->seconds++;
}

void exercise_add(exercise_total *total, const exertion *set)
{
    total->sets++;
    total->reps += set->reps;
    total->seconds += set->seconds;
    total->effort += set->effort;
}

/* --- the countdown, as it always was ------------------------------------------------------- */

static int countdown_from;

countdown *countdown_make(int seconds)
{
    countdown *old = malloc(sizeof *old);
    countdown_from = seconds;
    if (old != NULL)
        old->left = seconds;
    return old;
}

void countdown_tick(countdown *old)
{
    old->left--;
}

bool countdown_is_done(const countdown *old)
{
    return old->left <= 0;
}

void countdown_reset(countdown *old)
{
    old->left = countdown_from;
}

void countdown_free(countdown *old)
{
    free(old);
}

/* --- the screen ---------------------------------------------------------------------------- */

void display_line(char line[LINE_BYTES], uint64_t second, const char *what, uint32_t done,
                  uint32_t goal, float effort)
{
    (void)snprintf(line, LINE_BYTES, "%02u:%02u  %-15s %3u/%-3u  effort %u",
                   (unsigned)(second / 60), (unsigned)(second % 60), what, done, goal,
                   (unsigned)effort);
}

void display_summary(const script *all, const exercise_total *totals, uint64_t seconds)
{
    printf("%-16s %5s %6s %8s %8s\n", "exercise", "sets", "reps", "seconds", "effort");
    for (uint32_t i = 0; i < all->exercise_count; i++)
        printf("%-16s %5u %6u %8u %8.2f\n", all->exercises[i], totals[i].sets, totals[i].reps,
               totals[i].seconds, (double)totals[i].effort);
    printf("done in %u:%02u\n", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
}

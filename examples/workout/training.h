/* SPDX-License-Identifier: MIT */
/**
 * @file training.h
 * @brief What a workout is, whoever keeps its state: the script, the sensor, the counting.
 *
 * workout.c keeps the state in a region, plain.c in structs; both call these, so that what they
 * print is the same, and what they cost can be compared.
 */
#ifndef WORKOUT_TRAINING_H
#define WORKOUT_TRAINING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ITEMS_MAX = 64,
    EXERCISES_MAX = 12,
    NAME_BYTES = 16,
    DEPTH_MAX = 16,
    SAMPLES = 100, /* a second, of each axis */
    AXES = 6,      /* three of acceleration, three of turning, as a watch has them */
    LINE_BYTES = 96
};

typedef enum item_kind { ITEM_ROUNDS, ITEM_CAP, ITEM_REPS, ITEM_REST } item_kind;

/** One line of a script; item 0 is the whole of it. */
typedef struct script_item {
    item_kind kind;
    uint32_t number;   /* rounds (0: until a cap), seconds, or repetitions */
    uint32_t exercise; /* of REPS */
    uint32_t end;      /* the item behind the last one in it */
} script_item;

typedef struct script {
    script_item items[ITEMS_MAX];
    uint32_t item_count;
    char exercises[EXERCISES_MAX][NAME_BYTES];
    uint32_t exercise_count;
    uint64_t hash; /* of its text: a state belongs to one script */
} script;

/** ROUNDS, CAP and the whole: their items one after the other, so often. */
typedef struct sequence {
    uint32_t item;
    uint32_t at; /* the item that runs; 0: none yet */
    uint32_t round;
    uint32_t seconds;
    uint32_t is_finished;
    uint32_t spare;
    uint64_t script_hash; /* of the whole alone */
} sequence;

/** REPS: what the sensor has shown so far. */
typedef struct exertion {
    uint32_t item, goal;
    uint32_t reps, seconds;
    float slow[AXES], quick[AXES]; /* low-pass filters */
    uint32_t is_high;
    float effort;
} exertion;

typedef struct exercise_total {
    uint32_t sets, reps, seconds;
    float effort;
} exercise_total;

/** A countdown as it was written long ago: its state is inside it. */
typedef struct countdown {
    int left;
} countdown;

/** False: *out_line is where it is not understood. */
bool script_parse(const char *text, script *out_script, uint32_t *out_line);

/** The script that runs if none is given. */
extern const char *const SCRIPT_DEFAULT;

/** The next item to run; 0: it is finished. */
uint32_t sequence_next(sequence *at, const script *all);

/** One second of exertion: reads the sensor, counts. */
void exertion_second(exertion *at, uint64_t second);

void exercise_add(exercise_total *total, const exertion *set);

countdown *countdown_make(int seconds);
void countdown_tick(countdown *old);
bool countdown_is_done(const countdown *old);
void countdown_reset(countdown *old);
void countdown_free(countdown *old);

/** What the screen shows: into `line`. */
void display_line(char line[LINE_BYTES], uint64_t second, const char *what, uint32_t done,
                  uint32_t goal, float effort);

/** What is printed in the end. */
void display_summary(const script *all, const exercise_total *totals, uint64_t seconds);

#endif

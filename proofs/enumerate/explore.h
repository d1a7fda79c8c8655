/* SPDX-License-Identifier: MIT */
/**
 * @file explore.h
 * @brief All states that any sequence of operations can reach, each once.
 *
 * A world has a state of a few bytes and operations by number. From every state that is new, every
 * operation is tried, until no new state comes: so the answer holds for sequences of any length, of
 * these operations in this small world. The first state that breaks a claim is printed with the
 * operations that lead to it: the shortest such sequence, for states are met in that order.
 */
#ifndef PLIM_PROOFS_EXPLORE_H
#define PLIM_PROOFS_EXPLORE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPLORE_STATE_BYTES_MAX = 64, EXPLORE_STATES_MAX = 1 << 22, EXPLORE_TABLE = 1 << 23 };

typedef struct explore_world {
    const char *name;
    unsigned state_bytes;
    unsigned operation_count;
    void (*start)(void);          /* the first state */
    void (*save)(uint8_t *state); /* what is into state */
    void (*load)(const uint8_t *state);
    const char *(*apply)(unsigned operation); /* NULL, or the claim that does not hold */
    void (*print)(unsigned operation);        /* to standard error */
} explore_world;

typedef struct explore_node {
    uint8_t state[EXPLORE_STATE_BYTES_MAX];
    uint32_t from, operation, depth;
} explore_node;

static explore_node *explore_nodes;
static uint32_t *explore_table; /* node + 1; 0: free */
static uint32_t explore_count;

/* True if the state is new; then it is the last node. */
static bool explore_add(const explore_world *world, const uint8_t *state, uint32_t from,
                        uint32_t operation)
{
    uint64_t hash = 1469598103934665603u;
    for (unsigned i = 0; i < world->state_bytes; i++)
        hash = (hash ^ state[i]) * 1099511628211u;
    uint32_t at = (uint32_t)(hash >> 20) % EXPLORE_TABLE;
    for (; explore_table[at] != 0; at = (at + 1) % EXPLORE_TABLE)
        if (memcmp(explore_nodes[explore_table[at] - 1].state, state, world->state_bytes) == 0)
            return false;
    if (explore_count == EXPLORE_STATES_MAX) {
        fprintf(stderr, "%s: more than %d states\n", world->name, EXPLORE_STATES_MAX);
        exit(2);
    }
    explore_node *node = &explore_nodes[explore_count++];
    memcpy(node->state, state, world->state_bytes);
    node->from = from;
    node->operation = operation;
    node->depth = explore_count == 1 ? 0 : explore_nodes[from].depth + 1;
    explore_table[at] = explore_count;
    return true;
}

static void explore_print(const explore_world *world, uint32_t node)
{
    uint32_t path[256], length = 0;
    for (; node != 0 && length < 256; node = explore_nodes[node].from)
        path[length++] = explore_nodes[node].operation;
    while (length > 0)
        world->print(path[--length]);
}

/* Exit status: 0 if every claim holds in every state; says so in one line. */
static int explore(const explore_world *world)
{
    uint8_t state[EXPLORE_STATE_BYTES_MAX] = {0};
    uint64_t steps = 0;
    uint32_t depth = 0;
    explore_nodes = malloc(sizeof *explore_nodes * EXPLORE_STATES_MAX);
    explore_table = calloc(EXPLORE_TABLE, sizeof *explore_table);
    if (explore_nodes == NULL || explore_table == NULL)
        return 2;
    explore_count = 0;
    world->start();
    world->save(state);
    (void)explore_add(world, state, 0, 0);
    for (uint32_t node = 0; node < explore_count; node++) {
        depth = explore_nodes[node].depth;
        for (unsigned operation = 0; operation < world->operation_count; operation++) {
            world->load(explore_nodes[node].state);
            const char *broken = world->apply(operation);
            steps++;
            if (broken != NULL) {
                fprintf(stderr, "%s: %s, after:\n", world->name, broken);
                explore_print(world, node);
                world->print(operation);
                printf("broken %s: %s\n", world->name, broken);
                return 1;
            }
            world->save(state);
            (void)explore_add(world, state, node, operation);
        }
    }
    printf("held %s: %u states, %llu steps, the farthest %u operations away\n", world->name,
           explore_count, (unsigned long long)steps, depth);
    free(explore_nodes);
    free(explore_table);
    return 0;
}

#endif

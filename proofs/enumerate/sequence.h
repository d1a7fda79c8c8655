/* SPDX-License-Identifier: MIT */
/**
 * @file sequence.h
 * @brief All sequences of a number of operations, each from the beginning.
 *
 * For worlds whose state cannot be put away and brought back, as a whole manager's: every sequence
 * is played to its end, and every claim is looked at after every step. explore.h reaches farther
 * where a state is a few bytes.
 */
#ifndef PLIM_PROOFS_SEQUENCE_H
#define PLIM_PROOFS_SEQUENCE_H
#include <stdint.h>
#include <stdio.h>

enum { SEQUENCE_LENGTH_MAX = 16 };

typedef struct sequence_world {
    const char *name;
    unsigned operation_count;
    unsigned length; /* of a sequence, at most SEQUENCE_LENGTH_MAX */
    void (*start)(void);
    void (*end)(void);
    const char *(*apply)(unsigned operation); /* NULL, or the claim that does not hold */
    void (*print)(unsigned operation);        /* to standard error */
} sequence_world;

/* The next sequence, counting; 0 after the last one. */
static int sequence_next(const sequence_world *world, unsigned *operations)
{
    for (unsigned i = world->length; i-- > 0;) {
        if (++operations[i] < world->operation_count)
            return 1;
        operations[i] = 0;
    }
    return 0;
}

/* Exit status: 0 if every claim holds after every step of every sequence; says so in one line. */
static int sequence(const sequence_world *world)
{
    unsigned operations[SEQUENCE_LENGTH_MAX] = {0};
    uint64_t count = 0;
    do {
        world->start();
        for (unsigned i = 0; i < world->length; i++) {
            const char *broken = world->apply(operations[i]);
            if (broken == NULL)
                continue;
            fprintf(stderr, "%s: %s, after:\n", world->name, broken);
            for (unsigned k = 0; k <= i; k++)
                world->print(operations[k]);
            printf("broken %s: %s\n", world->name, broken);
            return 1;
        }
        world->end();
        count++;
    } while (sequence_next(world, operations));
    printf("held %s: %llu sequences of %u operations\n", world->name, (unsigned long long)count,
           world->length);
    return 0;
}

#endif

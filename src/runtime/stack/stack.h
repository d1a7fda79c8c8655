/* SPDX-License-Identifier: MIT */
/**
 * @file stack.h
 * @brief A stack as its process holds it: the blocks that live in the region, joined to their code.
 *
 * Invariants (stack_is_valid): K1 frames are the live blocks of this stack in the order of their
 * births. K2 each owns itself: its owner is its number. K3 `ending_count` of them end. K4 a turn
 * that has made something is under way if and only if the turn cell is odd.
 */
#ifndef PLIM_RUNTIME_STACK_H
#define PLIM_RUNTIME_STACK_H
#include <plimsoll/stack.h>

#include "base/limits.h"
#include "runtime/region/region.h"
#include "runtime/stack/block_core.h"

enum { PLIM__STACK_MAGIC = 0x4e610002, PLIM__BLOCK_PREFIX_BYTES = 6, PLIM__STACK_NAME_BYTES = 48 };

/** One block. */
typedef struct plim__frame {
    plim_ref ref;
    uint32_t number;
    uint32_t bytes;              /* of its value */
    const plim_block_type *type; /* NULL: its code is not here */
    const char *name;            /* of its type */
    void *local;
} plim__frame;

/** Words of the stack in the region, each an object of its own, so that each is one store. */
typedef struct plim__stack_cells {
    plim_ref turn;  /* serial of the turn; odd while it runs */
    plim_ref birth; /* the first birth that belongs to it */
    plim_ref begun; /* the last event that changed more than values: plim__stack_begun */
    plim_ref done;  /* number of the last event that was delivered */
} plim__stack_cells;

typedef struct plim__stack_begun {
    uint64_t number, now_ns;
    uint32_t kind, spare;
} plim__stack_begun;

typedef struct plim__stack_listener {
    void (*tell)(void *, const plim_stack_notice *); /* NULL: free */
    void *context;
} plim__stack_listener;

struct plim_stack {
    uint32_t magic;
    uint32_t number; /* of the stack object: what its blocks name */
    plim_region *region;
    const plim_allocator *allocator;
    const plim_block_type *const *types;
    uint16_t *type_numbers; /* in the region */
    uint32_t type_count;
    uint32_t frame_count, depth_max, ending_count;
    uint32_t below_count; /* of the frames, those that are ticked below */
    uint32_t back_count;  /* the region's, when it was opened */
    plim__frame *frames;
    unsigned char *scratch; /* a block's value while a turn works on it; at a cache line */
    unsigned char *fresh;   /* a new block's; likewise */
    unsigned char *memory;  /* of both */
    size_t memory_bytes;
    uint32_t scratch_bytes; /* of each */
    plim_ref self;
    plim__stack_cells cells;
    uint64_t serial, done, turn_birth;
    uint64_t birth_written, begun_written, done_written; /* what stands in the cells */
    plim__stack_begun begun;
    plim_event event; /* what turns see */
    bool is_settled;  /* nothing is left open */
    bool is_busy;     /* a call is under way: callbacks may not make another */
    plim__stack_listener listeners[PLIM_STACK_LISTENERS_MAX];
};

/** Whether a block is ticked while others stand on it, or may be: its code is not here. */
static inline bool plim__frame_is_below(const plim__frame *frame)
{
    return frame->type == NULL || (frame->type->flags & PLIM_BLOCK_F_TICKED_BELOW) != 0;
}

/** The head of a block in place, or NULL if it is gone. */
static inline const plim_block_head *plim__frame_head(const plim_stack *stack, uint32_t at)
{
    plim_ref ref = stack->frames[at].ref;
    const plim__object *object = &stack->region->objects[ref.index];
    uint64_t word = atomic_load_explicit(&object->word, memory_order_relaxed);
    if (!plim__word_is_of(word, ref.generation))
        return NULL;
    return (const plim_block_head *)(const void *)(stack->region->data + object->data);
}

/* --- stack_open.c -------------------------------------------------------------------------- */

/** Its number among the types given; type_count: none. */
uint32_t plim__stack_type_of(const plim_stack *stack, const char *name);

/* --- stack_turn.c -------------------------------------------------------------------------- */

typedef enum plim__turn_kind {
    PLIM__TURN_MOUNT,
    PLIM__TURN_TICK,
    PLIM__TURN_NEXT,
    PLIM__TURN_RESET,
    PLIM__TURN_UNMOUNT,
    PLIM__TURN_CLEANUP
} plim__turn_kind;

/** One callback and its commit; nothing has changed if it says no. */
PLIM_NODISCARD plim_status plim__stack_turn(plim_stack *stack, uint32_t at, plim__turn_kind kind,
                                            plim_error *err);

/** Those who look on call an owner as the type is called; type 0: nothing any more. */
void plim__block_name(plim_region *region, uint32_t number, uint16_t type);

/** Ends the life of objects born from `birth` on: a turn that does not count. */
void plim__stack_roll_back(plim_region *region, uint64_t birth);

/** A block on top; with no turn under way its allocation is the commit. */
PLIM_NODISCARD plim_status plim__stack_add(plim_stack *stack, const char *type, const void *initial,
                                           const char *label);

/** Writes down which event was delivered last, if that is not what stands there. */
PLIM_NODISCARD plim_status plim__stack_note_done(plim_stack *stack);

/** Tells all that listen; the stack is busy meanwhile. */
void plim__stack_tell(plim_stack *stack, plim_stack_notice_kind kind, uint32_t at);

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file stack.h
 * @brief What runs, apart from what it works on: a stack of blocks, their state in a region.
 *
 * A block type is code: what to do when a block is mounted, ticked, when what stood on it has gone,
 * when it ends. A block is an object of the region whose value begins with a plim_block_head; all
 * that it allocates has its number as owner and goes with it. The stack is the live blocks in the
 * order of their births: no list that could be torn. After a crash plim_stack_open() finds it again
 * and joins each block to its code by the type's name.
 *
 * Every callback is one turn: it works on a copy of its state, and the copy, what the turn pushed
 * and what it made by plim_turn_allocate() count from one commit on; killed or failed before it,
 * all of that is as before. (What it sets or releases elsewhere in the region counts at once; it
 * may come twice after a crash.) Events have numbers and reach a block once, even if they are
 * delivered again. After a rollback or an undo of the region (transaction.h), close the stack and
 * open it again.
 *
 * When not to use it: for code that keeps nothing beyond one call.
 * Thread-safety: the thread that writes the region.
 * @see docs/internals/stack.md
 */
#ifndef PLIM_STACK_H
#define PLIM_STACK_H
#include <plimsoll/region.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_stack_close() or plim_stack_destroy(). */
typedef struct plim_stack plim_stack;

/** Where a block is in its life: only ever further down this list. */
typedef enum plim_block_state {
    PLIM_BLOCK_PUSHED = 1, /**< not mounted yet */
    PLIM_BLOCK_LIVE,       /**< mounted */
    PLIM_BLOCK_ENDING,     /**< complete or forced; not unmounted yet */
    PLIM_BLOCK_UNMOUNTED,  /**< off the stack; listeners are told, then it is cleaned up */
    PLIM_BLOCK_DISPOSED,   /**< cleaned up; what it owns is released, itself last */
    PLIM_BLOCK_GONE        /**< its reference is stale: for ever */
} plim_block_state;

/** Why a block ends. */
typedef enum plim_block_end {
    PLIM_BLOCK_END_NONE = 0,
    PLIM_BLOCK_END_COMPLETE, /**< it said that it is done */
    PLIM_BLOCK_END_FORCED    /**< popped, or what it stood on ended */
} plim_block_end;

enum { PLIM_BLOCK_LABEL_BYTES = 24 };

/** The beginning of every block's value; its state follows. Types are named `block:NAME`. */
typedef struct plim_block_head {
    uint64_t turn;         /**< serial of the last turn that counted */
    uint64_t event;        /**< the last event it has seen, or that passed it by */
    uint64_t result;       /**< what it leaves to the block below */
    uint64_t child_result; /**< what next() is to be given */
    uint32_t stack;        /**< the stack's number */
    uint8_t state;         /**< a plim_block_state */
    uint8_t end;           /**< a plim_block_end */
    uint8_t owes_next;
    uint8_t is_mounted;
    char label[PLIM_BLOCK_LABEL_BYTES];
} plim_block_head;

/** What happened, as the program tells it. */
typedef struct plim_event {
    uint64_t number; /**< 1, 2, 3 …, rising; 0: the next one */
    uint64_t now_ns; /**< the program's clock, of any kind */
    uint32_t kind;   /**< the program's */
    uint32_t data_bytes;
    const void *data; /**< borrowed while it is delivered; may be NULL */
} plim_event;

typedef struct plim_block_type plim_block_type;

/** What a callback works with; all but *state, *result and *local is
 *  read-only. */
typedef struct plim_turn {
    plim_region *region;
    plim_stack *stack;
    const plim_block_type *type;
    const plim_event *event; /**< never NULL; all zero outside of events */
    void *state;             /**< the copy: counts if the turn does */
    void **local;     /**< of this process alone, the block's to use; NULL is in it after a crash */
    uint64_t *result; /**< the block's, for next() of the one below; as *state */
    uint64_t child_result; /**< in next(): what the block that has gone left */
    plim_ref block;
    uint32_t owner; /**< of what the block allocates: the block's number */
} plim_turn;

enum { PLIM_BLOCK_F_TICKED_BELOW = 1u << 0 /**< ticked also while others stand on it */ };

/** Code of a kind of blocks. Callbacks may be NULL; they run on no other thread than the stack's,
 *  and may not push, pop, tick or reset but through their turn (PLIM_ERR_BUSY). */
struct plim_block_type {
    uint32_t struct_bytes; /**< sizeof(plim_block_type) */
    uint32_t flags;        /**< PLIM_BLOCK_F_… */
    const char *name;      /**< 1 to 240 bytes; blocks find their code by it */
    uint32_t state_bytes;
    uint32_t field_count;
    const plim_field *fields; /**< of the state, offsets from its beginning */
    void *context;            /**< the type's own */
    plim_status (*mount)(plim_turn *turn);
    plim_status (*tick)(plim_turn *turn);
    bool (*is_done)(const plim_turn *turn); /**< asked after mount, tick and next; NULL: never */
    plim_status (*next)(plim_turn *turn);   /**< what stood on it has gone */
    void (*reset)(plim_turn *turn);
    void (*unmount)(plim_turn *turn);
    void (*cleanup)(plim_turn *turn); /**< what it owns is still there, and released afterwards */
    void (*detach)(const plim_block_type *type, void *local); /**< close; the block stays */
};

/** What a listener is told, after it has happened. */
typedef enum plim_stack_notice_kind {
    PLIM_STACK_PUSHED = 0,
    PLIM_STACK_POPPED /**< the block and what it owns can still be read */
} plim_stack_notice_kind;

/** See plim_stack_listen(). */
typedef struct plim_stack_notice {
    plim_stack_notice_kind kind;
    plim_block_end end;
    plim_ref block;
    const char *type; /**< the type's name */
} plim_stack_notice;

/** How to open a stack. */
typedef struct plim_stack_options {
    uint32_t struct_bytes;               /**< sizeof(plim_stack_options) */
    uint32_t depth_max;                  /**< blocks at a time; 0: 256; at most 65,536 */
    const char *name;                    /**< up to 47 bytes; NULL: "main" */
    const plim_block_type *const *types; /**< borrowed until the stack is closed */
    uint32_t type_count;
} plim_stack_options;

/** A block as it stands. */
typedef struct plim_block_info {
    plim_ref block;
    uint32_t number; /**< owner of what it allocates */
    plim_block_state state;
    plim_block_end end;
    bool has_code;    /**< false: no type of that name was given */
    const char *type; /**< its name, borrowed until close */
    char label[PLIM_BLOCK_LABEL_BYTES];
} plim_block_info;

/**
 * @brief         Opens the stack of that name in the region, or makes it. A turn that was under way
 *                when its process died is undone; a pop goes on with the next call.
 * @param[in]     region     not NULL; stays open longer than the stack.
 * @param[in]     options    not NULL.
 * @param[out]    out_stack  set only on PLIM_OK; ended by plim_stack_close().
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_EXISTS   a type's state has another layout in this region; left out of `types`,
 *                           its blocks can still be popped.
 * @retval PLIM_ERR_USAGE    a type without a name, two of one name, a field outside the state.
 * @retval PLIM_ERR_LIMIT    no room in the region, or more blocks there than depth_max.
 * @retval PLIM_ERR_DAMAGED  a block of this stack contradicts itself.
 * @retval PLIM_ERR_NO_MEMORY as it says.
 * @note          Threads: the writer's. No callback is called.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_open(plim_region *region,
                                                    const plim_stack_options *options,
                                                    plim_stack **out_stack, plim_error *err);

/**
 * @brief         Leaves the stack as it is, for the next process; @p *stack is NULL.
 * @param[in,out] stack  NULL and a pointer to NULL are accepted.
 * @note          Threads: the writer's. Before plim_region_close(). Not from a callback.
 */
PLIM_API void plim_stack_close(plim_stack **stack);

/**
 * @brief         Ends all blocks in order, then the stack itself; @p *stack is NULL on PLIM_OK.
 * @param[in,out] stack  NULL and a pointer to NULL are accepted.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_BUSY called from a callback.
 * @retval PLIM_ERR_STALE the region went back since it was opened: close it, open it again.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_destroy(plim_stack **stack, plim_error *err);

/**
 * @brief         Puts a block on top and mounts it.
 * @param[in]     stack      not NULL.
 * @param[in]     type       name of a type given to plim_stack_open().
 * @param[in]     initial    the state, state_bytes of it; NULL: all zero.
 * @param[in]     label      for people; cut to 23 bytes; may be NULL.
 * @param[out]    out_block  set once the block is there, even if mounting fails; may be NULL.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NOT_FOUND no such type, or the top has no code: pop it.
 * @retval PLIM_ERR_LIMIT    depth_max, no room in the region, or blocks that end at once push
 *                           others without end.
 * @retval PLIM_ERR_BUSY     called from a callback: use plim_turn_push().
 * @retval PLIM_ERR_STALE    the region went back since it was opened: close it, open it again.
 * @return        else what mount said: the block stays, not mounted; the next call tries again.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_push(plim_stack *stack, const char *type,
                                                    const void *initial, const char *label,
                                                    plim_ref *out_block, plim_error *err);

/**
 * @brief         Pops the top, complete or not: unmount, listeners, cleanup, release of all it
 *                owns, then next() of the block below.
 * @param[in]     stack  not NULL.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_STALE nothing is on it.
 * @retval PLIM_ERR_BUSY  called from a callback.
 * @retval PLIM_ERR_STALE the region went back since it was opened: close it, open it again.
 * @return        else what next() or mount() of others said; the pop itself is done.
 * @note          Threads: the writer's. A block without code is popped without its callbacks.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_pop(plim_stack *stack, plim_error *err);

/**
 * @brief         Ends a block and all that stands on it, top first. One that has ended stays ended.
 * @param[in]     stack  not NULL.
 * @param[in]     block  any reference; a stale one is PLIM_OK and changes nothing.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_USAGE a live object that is no block of this stack.
 * @retval PLIM_ERR_BUSY  called from a callback.
 * @retval PLIM_ERR_STALE the region went back since it was opened: close it, open it again.
 * @return        else as plim_stack_pop().
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_end(plim_stack *stack, plim_ref block,
                                                   plim_error *err);

/**
 * @brief         Delivers an event to the top and then, downwards, to those that are ticked below.
 *                Who is done is popped. An event that was delivered is not delivered again.
 * @param[in]     stack  not NULL.
 * @param[in]     event  not NULL.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_NOT_FOUND the top has no code in this program: pop it.
 * @retval PLIM_ERR_BUSY      called from a callback.
 * @retval PLIM_ERR_STALE     the region went back since it was opened: close it, open it again.
 * @retval PLIM_ERR_LIMIT     as plim_stack_push().
 * @return        else what a callback said: its turn changed nothing, and the event can be
 *                delivered again to those that have not seen it.
 * @note          Threads: the writer's. On an empty stack the event counts as delivered.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_tick(plim_stack *stack, const plim_event *event,
                                                    plim_error *err);

/**
 * @brief         The top begins anew: its reset().
 * @param[in]     stack  not NULL.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_STALE     nothing is on it.
 * @retval PLIM_ERR_NOT_FOUND it has no code.
 * @retval PLIM_ERR_BUSY      called from a callback.
 * @retval PLIM_ERR_STALE     the region went back since it was opened: close it, open it again.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_reset(plim_stack *stack, plim_error *err);

/**
 * @brief         Finishes what a crash, or a callback that failed, left open: mounts and pops.
 * @param[in]     stack  not NULL.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_BUSY, PLIM_ERR_LIMIT as plim_stack_tick().
 * @note          Threads: the writer's. Every call that changes the stack begins with it.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_settle(plim_stack *stack, plim_error *err);

/**
 * @brief     The block on top.
 * @param[in] stack  not NULL.
 * @return    none (all zero) if nothing is on it.
 * @note      Threads: the writer's.
 */
PLIM_API plim_ref plim_stack_current(const plim_stack *stack);

/**
 * @brief     How many blocks are on it.
 * @param[in] stack  not NULL.
 * @return    0 and up; those that are unmounted or disposed do not count.
 * @note      Threads: the writer's.
 */
PLIM_API uint32_t plim_stack_depth(const plim_stack *stack);

/**
 * @brief      A block by its place.
 * @param[in]  stack     not NULL.
 * @param[in]  depth     0 is the lowest.
 * @param[out] out_info  set only if true is returned.
 * @return     whether there is one.
 * @note       Threads: the writer's.
 */
PLIM_API bool plim_stack_at(const plim_stack *stack, uint32_t depth, plim_block_info *out_info);

/**
 * @brief     The last event that was delivered to all it was for: where a program goes on.
 * @param[in] stack  not NULL.
 * @return    0: none yet.
 * @note      Threads: the writer's.
 */
PLIM_API uint64_t plim_stack_last_event(const plim_stack *stack);

/**
 * @brief     Has @p listener told of pushes and pops, after they have happened.
 * @param[in] stack     not NULL.
 * @param[in] listener  may read all, and change objects, but not the stack (PLIM_ERR_BUSY).
 * @param[in] context   handed to it.
 * @retval PLIM_ERR_LIMIT 16 listen already.
 * @note      Threads: the writer's. Listeners are of this process; after a crash a pop may be told
 *            again.
 */
PLIM_API PLIM_NODISCARD plim_status plim_stack_listen(
    plim_stack *stack, void (*listener)(void *, const plim_stack_notice *), void *context);

/**
 * @brief     No more of that.
 * @param[in] stack     not NULL.
 * @param[in] listener  as it was given; one that does not listen is accepted.
 * @param[in] context   as it was given.
 * @note      Threads: the writer's. May be called by a listener.
 */
PLIM_API void plim_stack_unlisten(plim_stack *stack,
                                  void (*listener)(void *, const plim_stack_notice *),
                                  void *context);

/**
 * @brief     Pushes a block, if the turn counts. Of several, the last one runs first.
 * @param[in] turn     the callback's.
 * @param[in] type     name of a type given to plim_stack_open().
 * @param[in] initial  as plim_stack_push().
 * @param[in] label    as plim_stack_push().
 * @retval PLIM_ERR_NOT_FOUND no such type.
 * @retval PLIM_ERR_LIMIT     depth_max, or no room in the region.
 * @retval PLIM_ERR_USAGE     the block ends: nothing is pushed on it.
 * @note      Threads: the writer's, from a callback.
 */
PLIM_API PLIM_NODISCARD plim_status plim_turn_push(plim_turn *turn, const char *type,
                                                   const void *initial, const char *label);

/**
 * @brief      Makes an object that is the block's, if the turn counts.
 * @param[in]  turn     the callback's.
 * @param[in]  request  as plim_region_allocate_as(); its owner is not looked at.
 * @param[out] out_ref  set only on PLIM_OK.
 * @retval PLIM_ERR_LIMIT, PLIM_ERR_STALE, PLIM_ERR_USAGE as plim_region_allocate_as().
 * @note       Threads: the writer's, from a callback. What is made otherwise, with turn->owner as
 *             its owner, may stay until the block goes even if the turn does not count.
 */
PLIM_API PLIM_NODISCARD plim_status plim_turn_allocate(plim_turn *turn,
                                                       const plim_object_request *request,
                                                       plim_ref *out_ref);

/** A block of before: its state is inside it, and it knows of no region. It runs unmodified. */
typedef struct plim_legacy_type {
    const char *name;
    void *context;
    void *(*make)(void *context); /**< a new one; NULL: refused */
    void (*tick)(void *old);
    bool (*is_done)(const void *old);
    void (*reset)(void *old);
    void (*cleanup)(void *old); /**< frees it */
    uint32_t image_bytes; /**< of an object without pointers: kept in the region after each call,
                               so that it survives; 0: after a crash it begins anew */
    plim_field image;     /**< private */
} plim_legacy_type;

/**
 * @brief         A block type that runs blocks of before.
 * @param[in,out] legacy    not NULL; borrowed as long as the type is used.
 * @param[out]    out_type  to be given to plim_stack_open().
 * @note          Threads: any.
 */
PLIM_API void plim_block_adapt(plim_legacy_type *legacy, plim_block_type *out_type);

PLIM_DECLS_END
#endif

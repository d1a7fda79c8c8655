/* SPDX-License-Identifier: MIT */
/*
 * The stack at work. Whatever is open is settled step by step, each step one commit: what a kill or
 * a callback that fails leaves is what the next call goes on with.
 *
 * F1 states only go down their list (block_core.h). F2 who stands on an ending block ends first;
 * an ending: unmount, listeners, cleanup, next owed below, release of all it owns. F3 what has
 * ended is ended again without effect.
 */
#include "runtime/stack/stack.h"

#include <plimsoll/stack.h>

#include <string.h>

#include "base/assert.h"
#include "runtime/region/region.h"

/* --- the ends of blocks -------------------------------------------------------------------- */

/* Changes a head without a callback, in one commit: it is forced to end, or owes a next(). */
static plim_status stack_mark(plim_stack *stack, uint32_t at, bool is_end, uint64_t child_result)
{
    plim__frame *frame = &stack->frames[at];
    plim_status status = plim_region_get(stack->region, frame->ref, stack->scratch, frame->bytes);
    if (status != PLIM_OK)
        return status;
    plim_block_head *head = (plim_block_head *)(void *)stack->scratch;
    head->owes_next = !is_end;
    head->child_result = child_result;
    if (is_end) {
        head->state = (uint8_t)plim__block_after((plim_block_state)head->state, PLIM__STEP_END);
        head->end = PLIM_BLOCK_END_FORCED;
    }
    return plim_region_set(stack->region, frame->ref, stack->scratch, frame->bytes);
}

static plim_status stack_force(plim_stack *stack, uint32_t at)
{
    const plim_block_head *head = plim__frame_head(stack, at);
    if (head == NULL || head->state >= PLIM_BLOCK_ENDING)
        return PLIM_OK;
    plim_status status = stack_mark(stack, at, true, 0);
    stack->ending_count += status == PLIM_OK;
    stack->is_settled = false;
    return status;
}

/* The frame itself; its object is gone, or about to be. */
static void stack_drop(plim_stack *stack)
{
    plim__frame *top = &stack->frames[--stack->frame_count];
    stack->below_count -= plim__frame_is_below(top);
    if (top->local != NULL && top->type != NULL && top->type->detach != NULL)
        top->type->detach(top->type, top->local);
    *top = (plim__frame){.number = 0};
}

static void stack_count_ending(plim_stack *stack)
{
    stack->ending_count = 0;
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        const plim_block_head *head = plim__frame_head(stack, i);
        stack->ending_count += head != NULL && head->state >= PLIM_BLOCK_ENDING;
    }
}

static plim_status stack_release(plim_stack *stack)
{
    uint32_t top = stack->frame_count - 1;
    const plim_block_head *head = plim__frame_head(stack, top);
    const plim_block_head *below = top > 0 ? plim__frame_head(stack, top - 1) : NULL;
    if (head != NULL && below != NULL && below->state == PLIM_BLOCK_LIVE) {
        plim_status status = stack_mark(stack, top - 1, false, head->result);
        if (status != PLIM_OK)
            return status;
    }
    uint32_t number = stack->frames[top].number;
    plim__block_name(stack->region, number, 0);
    stack_drop(stack);
    stack->ending_count--;
    return plim_region_release_owner(stack->region, number, NULL);
}

/* --- settling ------------------------------------------------------------------------------ */

static plim_status stack_no_code(const plim_stack *stack, uint32_t at, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "block %s at depth %u has no code in this program",
                       stack->frames[at].name, at);
    plim_error_hint(err, "give its type to plim_stack_open(), or pop it");
    return status;
}

/* A step of an end. */
static plim_status stack_step_down(plim_stack *stack, const plim_block_head *head, plim_error *err)
{
    uint32_t top = stack->frame_count - 1;
    if (head->state == PLIM_BLOCK_ENDING)
        return plim__stack_turn(stack, top, PLIM__TURN_UNMOUNT, err);
    if (head->state == PLIM_BLOCK_UNMOUNTED) {
        const plim_block_type *type = stack->frames[top].type;
        plim__stack_tell(stack, PLIM_STACK_POPPED, top);
        if (type != NULL && type->cleanup != NULL)
            return plim__stack_turn(stack, top, PLIM__TURN_CLEANUP, err);
    }
    return stack_release(stack);
}

/* One step; *out_done if there is none to take. */
static plim_status stack_step(plim_stack *stack, bool *out_done, plim_error *err)
{
    if (stack->frame_count == 0) {
        *out_done = true;
        return PLIM_OK;
    }
    uint32_t top = stack->frame_count - 1;
    const plim_block_head *head = plim__frame_head(stack, top);
    if (head == NULL) { /* the program released it by itself */
        stack_drop(stack);
        stack_count_ending(stack);
        return PLIM_OK;
    }
    if (head->state >= PLIM_BLOCK_ENDING)
        return stack_step_down(stack, head, err);
    if (stack->ending_count > 0)
        return stack_force(stack, top);
    if (head->state == PLIM_BLOCK_LIVE && !head->owes_next) {
        *out_done = true;
        return PLIM_OK;
    }
    if (stack->frames[top].type == NULL)
        return stack_no_code(stack, top, err);
    return plim__stack_turn(
        stack, top, head->state == PLIM_BLOCK_PUSHED ? PLIM__TURN_MOUNT : PLIM__TURN_NEXT, err);
}

static plim_status stack_settle(plim_stack *stack, plim_error *err)
{
    bool is_done = stack->is_settled;
    for (uint32_t steps = 0; steps < PLIM_STACK_STEPS_MAX && !is_done; steps++) {
        plim_status status = stack_step(stack, &is_done, err);
        stack->is_settled = is_done;
        if (status != PLIM_OK)
            return status;
    }
    if (is_done)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_LIMIT,
                          "after %d steps the stack has not come to rest: blocks that are done at "
                          "once push others",
                          PLIM_STACK_STEPS_MAX);
}

/* Callbacks and observers of the region may not come in again; what ends well calls stack_leave. */
static plim_status stack_enter(plim_stack *stack, plim_error *err)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    if (stack->is_busy)
        return plim_error_set(err, PLIM_ERR_BUSY, "the stack is in the middle of a callback");
    if (stack->back_count != stack->region->back_count) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_STALE, "the region went back since the stack was opened");
        plim_error_hint(err, "close the stack and open it again: it is then as the region is");
        return status;
    }
    stack->is_busy = true;
    return PLIM_OK;
}

static plim_status stack_leave(plim_stack *stack, plim_status status)
{
    stack->is_busy = false;
    return status;
}

/* Outside of plim_stack_tick(): what an event left open goes on with its number and its time. */
static plim_status stack_resume(plim_stack *stack, plim_error *err)
{
    if (stack->is_settled)
        return PLIM_OK;
    stack->event = (plim_event){.number = 0};
    if (stack->begun.number > stack->done)
        stack->event = (plim_event){.number = stack->begun.number,
                                    .now_ns = stack->begun.now_ns,
                                    .kind = stack->begun.kind};
    return stack_settle(stack, err);
}

plim_status plim_stack_settle(plim_stack *stack, plim_error *err)
{
    plim_status status = stack_enter(stack, err);
    return status == PLIM_OK ? stack_leave(stack, stack_resume(stack, err)) : status;
}

/* --- the calls ----------------------------------------------------------------------------- */

static plim_status stack_push_block(plim_stack *stack, const char *type, const void *initial,
                                    const char *label, plim_ref *out_block, plim_error *err)
{
    plim_status status = stack_resume(stack, err);
    if (status != PLIM_OK)
        return status;
    if (stack->frame_count > 0 && stack->frames[stack->frame_count - 1].type == NULL)
        return stack_no_code(stack, stack->frame_count - 1, err);
    status = plim__stack_add(stack, type, initial, label);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "block %s cannot be pushed at depth %u: %s", type,
                              stack->frame_count, plim_status_text(status));
    if (out_block != NULL)
        *out_block = stack->frames[stack->frame_count - 1].ref;
    plim__stack_tell(stack, PLIM_STACK_PUSHED, stack->frame_count - 1);
    return stack_resume(stack, err);
}

plim_status plim_stack_push(plim_stack *stack, const char *type, const void *initial,
                            const char *label, plim_ref *out_block, plim_error *err)
{
    PLIM_CHECK(type != NULL);
    plim_status status = stack_enter(stack, err);
    if (status != PLIM_OK)
        return status;
    return stack_leave(stack, stack_push_block(stack, type, initial, label, out_block, err));
}

static plim_status stack_end(plim_stack *stack, uint32_t at, plim_error *err)
{
    plim_status status = stack_force(stack, at);
    return status == PLIM_OK ? stack_resume(stack, err) : status;
}

plim_status plim_stack_pop(plim_stack *stack, plim_error *err)
{
    plim_status status = stack_enter(stack, err);
    if (status != PLIM_OK)
        return status;
    /* Whether or not a block can be mounted, it can be popped. */
    (void)stack_resume(stack, NULL);
    if (stack->frame_count == 0)
        status = plim_error_set(err, PLIM_ERR_STALE, "nothing is on the stack");
    else
        status = stack_end(stack, stack->frame_count - 1, err);
    return stack_leave(stack, status);
}

plim_status plim_stack_end(plim_stack *stack, plim_ref block, plim_error *err)
{
    plim_status status = stack_enter(stack, err);
    if (status != PLIM_OK)
        return status;
    if (!plim_region_is_valid(stack->region, block))
        return stack_leave(stack, PLIM_OK);
    for (uint32_t i = 0; i < stack->frame_count; i++)
        if (stack->frames[i].ref.index == block.index)
            return stack_leave(stack, stack_end(stack, i, err));
    return stack_leave(stack,
                       plim_error_set(err, PLIM_ERR_USAGE, "the object is no block of this stack"));
}

/* One block of those that an event is for. */
static plim_status stack_deliver(plim_stack *stack, uint32_t at, plim_error *err)
{
    const plim_block_head *head = plim__frame_head(stack, at);
    plim_status status = PLIM_OK;
    if (head == NULL)
        stack->is_settled = false; /* the program released it by itself */
    else if (head->state == PLIM_BLOCK_LIVE && head->event < stack->begun.number)
        status = plim__stack_turn(stack, at, PLIM__TURN_TICK, err);
    return status == PLIM_OK && !stack->is_settled ? stack_settle(stack, err) : status;
}

static plim_status stack_tick(plim_stack *stack, const plim_event *event, plim_error *err)
{
    plim_status status = stack_resume(stack, err);
    uint64_t number = event->number != 0 ? event->number : stack->done + 1;
    uint32_t count = stack->frame_count;
    if (status != PLIM_OK || number <= stack->done)
        return status;
    if (count > 0 && stack->frames[count - 1].type == NULL)
        return stack_no_code(stack, count - 1, err);
    stack->event = *event;
    stack->event.number = number;
    stack->begun =
        (plim__stack_begun){.number = number, .now_ns = event->now_ns, .kind = event->kind};
    if (count > 0)
        status = stack_deliver(stack, count - 1, err);
    for (uint32_t i = count - 1; stack->below_count > 0 && i-- > 0 && status == PLIM_OK;) {
        /* Else it went with another. */
        if (i < stack->frame_count && stack->frames[i].type != NULL &&
            plim__frame_is_below(&stack->frames[i]))
            status = stack_deliver(stack, i, err);
    }
    if (status != PLIM_OK)
        return status;
    stack->done = number;
    /* If no more than the value of the top has changed, that says that it is done. */
    bool is_plain = count > 0 && stack->below_count == 0 && stack->begun_written != number;
    return is_plain ? PLIM_OK : plim__stack_note_done(stack);
}

plim_status plim_stack_tick(plim_stack *stack, const plim_event *event, plim_error *err)
{
    PLIM_CHECK(event != NULL);
    plim_status status = stack_enter(stack, err);
    return status == PLIM_OK ? stack_leave(stack, stack_tick(stack, event, err)) : status;
}

plim_status plim_stack_reset(plim_stack *stack, plim_error *err)
{
    plim_status status = stack_enter(stack, err);
    if (status != PLIM_OK)
        return status;
    status = stack_resume(stack, err);
    stack->event = (plim_event){.number = 0};
    uint32_t top = stack->frame_count - 1;
    if (status == PLIM_OK && stack->frame_count == 0)
        status = plim_error_set(err, PLIM_ERR_STALE, "nothing is on the stack");
    else if (status == PLIM_OK && stack->frames[top].type == NULL)
        status = stack_no_code(stack, top, err);
    else if (status == PLIM_OK)
        status = plim__stack_turn(stack, top, PLIM__TURN_RESET, err);
    return stack_leave(stack, status);
}

plim_status plim_stack_destroy(plim_stack **stack_ptr, plim_error *err)
{
    if (stack_ptr == NULL || *stack_ptr == NULL)
        return PLIM_OK;
    plim_stack *stack = *stack_ptr;
    plim_status status = stack_enter(stack, err);
    if (status != PLIM_OK)
        return status;
    if (stack->frame_count > 0)
        status = stack_end(stack, 0, err); /* and with it all that stands on it */
    if (status == PLIM_OK)
        status = plim_region_release_owner(stack->region, stack->number, NULL);
    (void)stack_leave(stack, status);
    if (status == PLIM_OK)
        plim_stack_close(stack_ptr);
    return status;
}

/* --- looking ------------------------------------------------------------------------------- */

/* Frames that are on the stack for those who look: the ones that leave it are at its top. */
static uint32_t stack_depth(const plim_stack *stack)
{
    uint32_t depth = stack->frame_count;
    while (depth > 0) {
        const plim_block_head *head = plim__frame_head(stack, depth - 1);
        if (head != NULL && head->state < PLIM_BLOCK_UNMOUNTED)
            break;
        depth--;
    }
    return depth;
}

uint32_t plim_stack_depth(const plim_stack *stack)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    return stack_depth(stack);
}

plim_ref plim_stack_current(const plim_stack *stack)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    uint32_t depth = stack_depth(stack);
    return depth > 0 ? stack->frames[depth - 1].ref : (plim_ref){0, 0};
}

bool plim_stack_at(const plim_stack *stack, uint32_t depth, plim_block_info *out_info)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    PLIM_CHECK(out_info != NULL);
    if (depth >= stack->frame_count)
        return false;
    const plim__frame *frame = &stack->frames[depth];
    const plim_block_head *head = plim__frame_head(stack, depth);
    *out_info = (plim_block_info){.block = frame->ref,
                                  .number = frame->number,
                                  .state = PLIM_BLOCK_GONE,
                                  .has_code = frame->type != NULL,
                                  .type = frame->name};
    if (head != NULL) {
        out_info->state = (plim_block_state)head->state;
        out_info->end = (plim_block_end)head->end;
        memcpy(out_info->label, head->label, sizeof head->label);
        out_info->label[PLIM_BLOCK_LABEL_BYTES - 1] = '\0';
    }
    return true;
}

uint64_t plim_stack_last_event(const plim_stack *stack)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    return stack->done;
}

plim_status plim_stack_listen(plim_stack *stack,
                              void (*listener)(void *, const plim_stack_notice *), void *context)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    PLIM_CHECK(listener != NULL);
    for (uint32_t i = 0; i < PLIM_STACK_LISTENERS_MAX; i++) {
        if (stack->listeners[i].tell != NULL)
            continue;
        stack->listeners[i] = (plim__stack_listener){listener, context};
        return PLIM_OK;
    }
    return PLIM_ERR_LIMIT;
}

void plim_stack_unlisten(plim_stack *stack, void (*listener)(void *, const plim_stack_notice *),
                         void *context)
{
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    for (uint32_t i = 0; i < PLIM_STACK_LISTENERS_MAX; i++)
        if (stack->listeners[i].tell == listener && stack->listeners[i].context == context)
            stack->listeners[i] = (plim__stack_listener){NULL, NULL};
}

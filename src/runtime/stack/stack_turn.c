/* SPDX-License-Identifier: MIT */
/*
 * Turns: one callback, one commit. The callback works on a copy of the block's value; the store of
 * the copy is the commit. A turn that makes objects has a serial, which the copy carries: before
 * the commit a kill leaves an odd turn cell and no block with that serial, and whatever was born
 * since the turn began is ended by the next open (or at once, if the callback says no). After it
 * the serial is found, and nothing is undone.
 *
 * Order: birth cell, turn cell odd, objects, event cell, value, turn cell even. A tick that makes
 * nothing and ends nothing needs the value alone.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "runtime/region/region.h"
#include "runtime/stack/stack.h"

static plim_status turn_word(plim_stack *stack, plim_ref cell, uint64_t value)
{
    return plim_region_set(stack->region, cell, &value, sizeof value);
}

void plim__block_name(plim_region *region, uint32_t number, uint16_t type)
{
    uint32_t text = type != 0 ? region->types[type - 1].name : 0;
    plim_status status = plim__region_name_text(region, PLIM_NAME_OWNER, number, text);
    (void)status; /* as far as there is room for names */
}

void plim__stack_roll_back(plim_region *region, uint64_t birth)
{
    plim_region_object object;
    for (uint32_t i = 0; plim_region_next(region, &i, &object);)
        if (object.birth >= birth) {
            if (object.owner == (uint32_t)object.birth)
                plim__block_name(region, object.owner, 0);
            (void)plim_region_release(region, object.ref);
        }
}

void plim__stack_tell(plim_stack *stack, plim_stack_notice_kind kind, uint32_t at)
{
    const plim_block_head *head = plim__frame_head(stack, at);
    plim_stack_notice notice = {.kind = kind,
                                .end =
                                    head != NULL ? (plim_block_end)head->end : PLIM_BLOCK_END_NONE,
                                .block = stack->frames[at].ref,
                                .type = stack->frames[at].name};
    for (uint32_t i = 0; i < PLIM_STACK_LISTENERS_MAX; i++)
        if (stack->listeners[i].tell != NULL)
            stack->listeners[i].tell(stack->listeners[i].context, &notice);
}

/* --- what a turn makes --------------------------------------------------------------------- */

/* From here on it has a serial: what it makes goes if it does not count. */
static plim_status turn_reserve(plim_stack *stack)
{
    PLIM_CHECK(stack->is_busy);
    if (stack->serial % 2 != 0)
        return PLIM_OK;
    plim_status status = PLIM_OK;
    if (stack->birth_written != stack->turn_birth)
        status = turn_word(stack, stack->cells.birth, stack->turn_birth);
    if (status != PLIM_OK)
        return status;
    stack->birth_written = stack->turn_birth;
    status = turn_word(stack, stack->cells.turn, stack->serial + 1);
    stack->serial += status == PLIM_OK;
    return status;
}

static void turn_label(plim_block_head *head, const char *label)
{
    size_t length = label != NULL ? plim__text_length(label, sizeof head->label - 1) : 0;
    if (length > 0)
        memcpy(head->label, label, length); /* the rest is zero */
}

plim_status plim__stack_add(plim_stack *stack, const char *type, const void *initial,
                            const char *label)
{
    uint32_t kind = plim__stack_type_of(stack, type);
    uint64_t birth = stack->region->next_birth;
    if (kind == stack->type_count)
        return PLIM_ERR_NOT_FOUND;
    if (stack->frame_count == stack->depth_max || birth > UINT32_MAX)
        return PLIM_ERR_LIMIT;
    const plim_block_type *code = stack->types[kind];
    plim_block_head head = {
        .event = stack->begun.number, .stack = stack->number, .state = PLIM_BLOCK_PUSHED};
    turn_label(&head, label);
    memcpy(stack->fresh, &head, sizeof head);
    if (code->state_bytes > 0 && initial != NULL)
        memcpy(stack->fresh + sizeof head, initial, code->state_bytes);
    else
        memset(stack->fresh + sizeof head, 0, code->state_bytes);
    /* It owns itself, so that it goes with what it owns, last. */
    plim_object_request request = {.struct_bytes = sizeof request,
                                   .type = stack->type_numbers[kind],
                                   .visibility = PLIM_VISIBILITY_INHERITED,
                                   .owner = (uint32_t)birth,
                                   .initial = stack->fresh};
    plim_ref ref;
    plim_status status = plim_region_allocate_as(stack->region, &request, &ref);
    if (status != PLIM_OK)
        return status;
    plim__block_name(stack->region, (uint32_t)birth, request.type);
    stack->is_settled = false;
    stack->frames[stack->frame_count++] =
        (plim__frame){.ref = ref,
                      .number = (uint32_t)birth,
                      .bytes = (uint32_t)sizeof head + code->state_bytes,
                      .type = code,
                      .name = code->name};
    stack->below_count += plim__frame_is_below(&stack->frames[stack->frame_count - 1]);
    return PLIM_OK;
}

plim_status plim_turn_push(plim_turn *turn, const char *type, const void *initial,
                           const char *label)
{
    PLIM_CHECK(turn != NULL && type != NULL);
    PLIM_CHECK_OBJ(turn->stack, PLIM__STACK_MAGIC);
    const plim_block_head *head = plim_region_peek(turn->region, turn->block);
    if (head == NULL || head->state > PLIM_BLOCK_LIVE)
        return PLIM_ERR_USAGE;
    plim_status status = turn_reserve(turn->stack);
    return status == PLIM_OK ? plim__stack_add(turn->stack, type, initial, label) : status;
}

plim_status plim_turn_allocate(plim_turn *turn, const plim_object_request *request,
                               plim_ref *out_ref)
{
    PLIM_CHECK(turn != NULL && request != NULL);
    PLIM_CHECK_OBJ(turn->stack, PLIM__STACK_MAGIC);
    plim_object_request own = *request;
    own.owner = turn->owner;
    plim_status status = turn_reserve(turn->stack);
    return status == PLIM_OK ? plim_region_allocate_as(turn->region, &own, out_ref) : status;
}

/* --- the turn ------------------------------------------------------------------------------ */

/* Of the copy that the turn works on. */
static plim_block_head *turn_head(const plim_turn *turn)
{
    return (plim_block_head *)(void *)turn->stack->scratch;
}

static plim_status turn_call(const plim_block_type *type, plim__turn_kind kind, plim_turn *turn)
{
    switch (kind) {
    case PLIM__TURN_MOUNT:
        return type->mount != NULL ? type->mount(turn) : PLIM_OK;
    case PLIM__TURN_TICK:
        return type->tick != NULL ? type->tick(turn) : PLIM_OK;
    case PLIM__TURN_NEXT:
        return type->next != NULL ? type->next(turn) : PLIM_OK;
    case PLIM__TURN_RESET:
        if (type->reset != NULL)
            type->reset(turn);
        return PLIM_OK;
    case PLIM__TURN_UNMOUNT:
        if (type->unmount != NULL && turn_head(turn)->is_mounted)
            type->unmount(turn);
        return PLIM_OK;
    case PLIM__TURN_CLEANUP:
        if (type->cleanup != NULL)
            type->cleanup(turn);
        return PLIM_OK;
    }
    return PLIM_OK;
}

/* What the turn has made of the head, its callback apart. */
static void turn_advance(const plim_stack *stack, plim_block_head *head, plim__turn_kind kind,
                         const plim_turn *turn)
{
    bool may_end = false;
    plim__block_step step = PLIM__STEPS; /* none */
    switch (kind) {
    case PLIM__TURN_MOUNT:
        step = PLIM__STEP_MOUNT;
        head->is_mounted = 1;
        may_end = true;
        break;
    case PLIM__TURN_TICK:
        may_end = true;
        break;
    case PLIM__TURN_NEXT:
        head->owes_next = 0;
        may_end = true;
        break;
    case PLIM__TURN_RESET:
        break;
    case PLIM__TURN_UNMOUNT:
        step = PLIM__STEP_UNMOUNT;
        break;
    case PLIM__TURN_CLEANUP:
        step = PLIM__STEP_DISPOSE;
        break;
    }
    head->state = (uint8_t)plim__block_after((plim_block_state)head->state, step);
    if (may_end && turn->type->is_done != NULL && turn->type->is_done(turn)) {
        head->state = (uint8_t)plim__block_after((plim_block_state)head->state, PLIM__STEP_END);
        head->end = PLIM_BLOCK_END_COMPLETE;
    }
    /* Who is ticked below gets the event of a next() all the same. */
    bool is_left = kind == PLIM__TURN_NEXT && turn->type->flags & PLIM_BLOCK_F_TICKED_BELOW;
    if (!is_left && head->event < stack->begun.number)
        head->event = stack->begun.number;
    if (stack->serial % 2 != 0)
        head->turn = stack->serial;
}

static plim_status turn_begin(plim_stack *stack, uint32_t at, plim_turn *turn)
{
    plim__frame *frame = &stack->frames[at];
    plim_block_head *head = (plim_block_head *)(void *)stack->scratch;
    const plim_block_head *place = plim__frame_head(stack, at);
    if (place == NULL)
        return PLIM_ERR_STALE;
    memcpy(stack->scratch, place, frame->bytes);
    stack->turn_birth = stack->region->next_birth;
    *turn = (plim_turn){.region = stack->region,
                        .stack = stack,
                        .type = frame->type,
                        .event = &stack->event,
                        .state = stack->scratch + sizeof(plim_block_head),
                        .local = &frame->local,
                        .result = &head->result,
                        .child_result = head->child_result,
                        .block = frame->ref,
                        .owner = frame->number};
    return PLIM_OK;
}

static void turn_end(plim_stack *stack)
{
    if (stack->serial % 2 == 0)
        return;
    plim_status status = turn_word(stack, stack->cells.turn, ++stack->serial);
    (void)status; /* within a transaction that is full: the next turn writes it anew */
}

plim_status plim__stack_note_done(plim_stack *stack)
{
    if (stack->done_written == stack->done)
        return PLIM_OK;
    plim_status status = turn_word(stack, stack->cells.done, stack->done);
    if (status == PLIM_OK)
        stack->done_written = stack->done;
    return status;
}

/* The event under way, for whoever goes on in its middle; and that the one before it is done. */
static plim_status turn_note_event(plim_stack *stack)
{
    if (stack->begun_written == stack->begun.number)
        return PLIM_OK;
    plim_status status = plim__stack_note_done(stack);
    if (status == PLIM_OK)
        status =
            plim_region_set(stack->region, stack->cells.begun, &stack->begun, sizeof stack->begun);
    if (status == PLIM_OK)
        stack->begun_written = stack->begun.number;
    return status;
}

static plim_status turn_commit(plim_stack *stack, uint32_t at, plim__turn_kind kind,
                               const plim_turn *turn)
{
    plim_block_head *head = turn_head(turn);
    uint8_t before = head->state;
    plim_status status = PLIM_OK;
    turn_advance(stack, head, kind, turn);
    if (kind != PLIM__TURN_TICK || head->state != before || stack->serial % 2 != 0) {
        stack->is_settled = false;
        status = turn_note_event(stack);
    }
    if (status == PLIM_OK) /* the commit */
        status = plim_region_set(stack->region, stack->frames[at].ref, stack->scratch,
                                 stack->frames[at].bytes);
    if (status == PLIM_OK)
        stack->ending_count += before < PLIM_BLOCK_ENDING && head->state >= PLIM_BLOCK_ENDING;
    return status;
}

static plim_status turn_refused(const plim_stack *stack, uint32_t at, plim__turn_kind kind,
                                plim_status status, plim_error *err)
{
    static const char *const NAMES[] = {"mount", "tick", "next", "reset", "unmount", "cleanup"};
    return plim_error_set(err, status, "%s() of block %s at depth %u: %s", NAMES[kind],
                          stack->frames[at].name, at, plim_status_text(status));
}

plim_status plim__stack_turn(plim_stack *stack, uint32_t at, plim__turn_kind kind, plim_error *err)
{
    PLIM_DCHECK(stack->is_busy && at < stack->frame_count);
    plim_turn turn;
    uint32_t frames_before = stack->frame_count;
    plim_status status = turn_begin(stack, at, &turn);
    if (status != PLIM_OK)
        return turn_refused(stack, at, kind, status, err);
    const plim_block_type *type = stack->frames[at].type;
    if (type != NULL) /* else its code is not here: it ends without */
        status = turn_call(type, kind, &turn);
    if (status == PLIM_OK)
        status = turn_commit(stack, at, kind, &turn);
    if (status != PLIM_OK) {
        stack->is_settled = false;
        while (stack->frame_count > frames_before)
            stack->below_count -= plim__frame_is_below(&stack->frames[--stack->frame_count]);
        if (stack->region->next_birth != stack->turn_birth)
            plim__stack_roll_back(stack->region, stack->turn_birth);
        turn_end(stack);
        return turn_refused(stack, at, kind, status, err);
    }
    turn_end(stack);
    for (uint32_t i = frames_before; i < stack->frame_count; i++)
        plim__stack_tell(stack, PLIM_STACK_PUSHED, i);
    return PLIM_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * A stack opened: its object and cells found or made, its types registered, its blocks found by the
 * region's tables and joined to their code, the turn that a kill interrupted undone. What the
 * region says of blocks is checked before it is used; it may come from anywhere.
 */
#include <plimsoll/stack.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "runtime/region/region.h"
#include "runtime/stack/stack.h"

enum {
    STACK_LINE = 64,
    STACK_DEPTH_DEFAULT = 256,
    STACK_FIELDS_MAX = 128,
    STACK_TYPE_NAME_MAX = 240
};

static const char BLOCK_PREFIX[] = "block:";
_Static_assert(sizeof BLOCK_PREFIX - 1 == PLIM__BLOCK_PREFIX_BYTES, "as the header says");
_Static_assert(sizeof(plim_block_head) == 64 && sizeof(plim_block_head) % 16 == 0,
               "states behind it are as aligned as values are");

/* --- types --------------------------------------------------------------------------------- */

uint32_t plim__stack_type_of(const plim_stack *stack, const char *name)
{
    uint32_t at = 0;
    while (at < stack->type_count && stack->types[at]->name != name)
        at++;
    if (at < stack->type_count) /* the very same text */
        return at;
    at = 0;
    while (at < stack->type_count && !plim__strings_equal(stack->types[at]->name, name))
        at++;
    return at;
}

static plim_status open_check_type(const plim_block_type *type, plim_error *err)
{
    size_t length = type->name == NULL ? 0 : plim__text_length(type->name, STACK_TYPE_NAME_MAX + 1);
    if (type->struct_bytes != sizeof *type)
        return plim_error_set(err, PLIM_ERR_USAGE, "plim_block_type of %u bytes, not %zu",
                              type->struct_bytes, sizeof *type);
    if (length == 0 || length > STACK_TYPE_NAME_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a block type's name has 1 to %d bytes",
                              STACK_TYPE_NAME_MAX);
    if (type->field_count > STACK_FIELDS_MAX || (type->fields == NULL && type->field_count > 0) ||
        type->state_bytes > PLIM_REGION_VALUE_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "block type %s: too many fields, or too large",
                              type->name);
    return PLIM_OK;
}

/* The head's fields, then the state's, moved behind it. */
static plim_status open_register(plim_region *region, const plim_block_type *type,
                                 uint16_t *out_number, plim_error *err)
{
    static const plim_field HEAD[] = {
        PLIM_FIELD(plim_block_head, turn, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, event, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, result, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, child_result, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, stack, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, state, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, end, PLIM_FIELD_UINT),
        PLIM_FIELD(plim_block_head, owes_next, PLIM_FIELD_BOOL),
        PLIM_FIELD(plim_block_head, is_mounted, PLIM_FIELD_BOOL),
        PLIM_FIELD(plim_block_head, label, PLIM_FIELD_TEXT),
    };
    enum { HEAD_FIELDS = sizeof HEAD / sizeof HEAD[0] };
    plim_field fields[HEAD_FIELDS + STACK_FIELDS_MAX];
    char name[PLIM__BLOCK_PREFIX_BYTES + STACK_TYPE_NAME_MAX + 1];
    memcpy(fields, HEAD, sizeof HEAD);
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].offset_bytes > type->state_bytes)
            return plim_error_set(err, PLIM_ERR_USAGE, "a field of block type %s is outside it",
                                  type->name);
        fields[HEAD_FIELDS + i] = type->fields[i];
        fields[HEAD_FIELDS + i].offset_bytes += (uint32_t)sizeof(plim_block_head);
    }
    plim__text text;
    plim__text_init(&text, name, sizeof name);
    plim__text_format(&text, "%s%s", BLOCK_PREFIX, type->name);
    return plim_region_type(region, name, (uint32_t)sizeof(plim_block_head) + type->state_bytes,
                            fields, HEAD_FIELDS + type->field_count, out_number, err);
}

static plim_status open_types(plim_stack *stack, plim_error *err)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < stack->type_count; i++) {
        const plim_block_type *type = stack->types[i];
        plim_status status = open_check_type(type, err);
        if (status == PLIM_OK && plim__stack_type_of(stack, type->name) != i)
            status =
                plim_error_set(err, PLIM_ERR_USAGE, "two block types are called %s", type->name);
        if (status == PLIM_OK)
            status = open_register(stack->region, type, &stack->type_numbers[i], err);
        if (status != PLIM_OK)
            return status;
        largest = type->state_bytes > largest ? type->state_bytes : largest;
    }
    stack->scratch_bytes = (uint32_t)sizeof(plim_block_head) + largest;
    return PLIM_OK;
}

/* --- the stack's own objects --------------------------------------------------------------- */

static plim_status open_find_self(plim_stack *stack, uint16_t type, const char *name)
{
    plim_region_object object;
    char seen[PLIM__STACK_NAME_BYTES];
    for (uint32_t i = 0; plim_region_next(stack->region, &i, &object);) {
        if (object.type != type ||
            plim_region_get(stack->region, object.ref, seen, sizeof seen) != PLIM_OK)
            continue;
        seen[sizeof seen - 1] = '\0';
        if (!plim__strings_equal(seen, name))
            continue;
        stack->self = object.ref;
        stack->number = object.owner;
        return PLIM_OK;
    }
    return PLIM_ERR_NOT_FOUND;
}

static plim_status open_self(plim_stack *stack, const char *name, plim_error *err)
{
    static const plim_field FIELDS[] = {
        {"name", PLIM_FIELD_TEXT, 0, PLIM__STACK_NAME_BYTES, 1},
    };
    char text[PLIM__STACK_NAME_BYTES] = {0};
    uint16_t type = 0;
    size_t length = plim__text_length(name, sizeof text);
    if (length == 0 || length == sizeof text)
        return plim_error_set(err, PLIM_ERR_USAGE, "a stack's name has 1 to %d bytes",
                              PLIM__STACK_NAME_BYTES - 1);
    plim_status status =
        plim_region_type(stack->region, "plim.stack", sizeof text, FIELDS, 1, &type, err);
    if (status != PLIM_OK || open_find_self(stack, type, name) == PLIM_OK)
        return status;
    memcpy(text, name, length);
    if (stack->region->next_birth > UINT32_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT,
                              "2^32 objects were born in this region: its "
                              "numbers for owners are used up");
    stack->number = (uint32_t)stack->region->next_birth;
    status = plim_region_allocate(stack->region, type, text, stack->number, (plim_ref){0, 0},
                                  &stack->self);
    return status == PLIM_OK ? status : plim_error_set(err, status, "no room for a stack");
}

/* A cell by its type, one for each stack; made if it is not there, all zero. */
static plim_status open_cell(plim_stack *stack, const char *name, uint32_t bytes,
                             plim_ref *out_cell, plim_error *err)
{
    static const plim_field WORD[] = {{"value", PLIM_FIELD_UINT, 0, 8, 1}};
    static const plim_field BEGUN[] = {
        PLIM_FIELD(plim__stack_begun, number, PLIM_FIELD_UINT),
        PLIM_FIELD(plim__stack_begun, now_ns, PLIM_FIELD_UINT),
        PLIM_FIELD(plim__stack_begun, kind, PLIM_FIELD_UINT),
    };
    bool is_word = bytes == sizeof(uint64_t);
    uint16_t type = 0;
    plim_region_object object;
    plim_status status = plim_region_type(stack->region, name, bytes, is_word ? WORD : BEGUN,
                                          is_word ? 1 : 3, &type, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; plim_region_next(stack->region, &i, &object);) {
        if (object.type == type && object.owner == stack->number) {
            *out_cell = object.ref;
            return PLIM_OK;
        }
    }
    status = plim_region_allocate(stack->region, type, NULL, 0, stack->self, out_cell);
    return status == PLIM_OK ? status : plim_error_set(err, status, "no room for a stack");
}

static plim_status open_cells(plim_stack *stack, plim_error *err)
{
    enum { WORD = sizeof(uint64_t) };
    plim__stack_cells *cells = &stack->cells;
    plim_status status = open_cell(stack, "plim.stack.turn", WORD, &cells->turn, err);
    if (status == PLIM_OK)
        status = open_cell(stack, "plim.stack.birth", WORD, &cells->birth, err);
    if (status == PLIM_OK)
        status = open_cell(stack, "plim.stack.event", sizeof stack->begun, &cells->begun, err);
    if (status == PLIM_OK)
        status = open_cell(stack, "plim.stack.done", WORD, &cells->done, err);
    if (status == PLIM_OK)
        status = plim_region_get(stack->region, cells->turn, &stack->serial, WORD);
    if (status == PLIM_OK)
        status = plim_region_get(stack->region, cells->birth, &stack->birth_written, WORD);
    if (status == PLIM_OK)
        status = plim_region_get(stack->region, cells->begun, &stack->begun, sizeof stack->begun);
    if (status == PLIM_OK)
        status = plim_region_get(stack->region, cells->done, &stack->done, WORD);
    stack->begun_written = stack->begun.number;
    stack->done_written = stack->done;
    return status;
}

/* --- blocks -------------------------------------------------------------------------------- */

/* The head of a block of this stack, or NULL if the object is none. */
static const plim_block_head *open_block(const plim_stack *stack, const plim_region_object *object,
                                         const char **out_name)
{
    if (object->owner != (uint32_t)object->birth || object->size_bytes < sizeof(plim_block_head))
        return NULL;
    const char *name = stack->region->text + stack->region->types[object->type - 1].name;
    for (uint32_t i = 0; i < PLIM__BLOCK_PREFIX_BYTES; i++)
        if (name[i] != BLOCK_PREFIX[i]) /* a NUL differs too */
            return NULL;
    const plim_block_head *head = plim_region_peek(stack->region, object->ref);
    *out_name = name + PLIM__BLOCK_PREFIX_BYTES;
    return head != NULL && head->stack == stack->number ? head : NULL;
}

/* K1: the order of births. */
static void open_insert(plim_stack *stack, const plim__frame *frame, uint64_t birth)
{
    uint32_t at = stack->frame_count++;
    for (; at > 0 && stack->frames[at - 1].number > (uint32_t)birth; at--)
        stack->frames[at] = stack->frames[at - 1];
    stack->frames[at] = *frame;
}

static plim_status open_blocks(plim_stack *stack, plim_error *err)
{
    uint64_t last_event = 0;
    plim_region_object object;
    for (uint32_t i = 0; plim_region_next(stack->region, &i, &object);) {
        const char *name = NULL;
        const plim_block_head *head = open_block(stack, &object, &name);
        if (head == NULL)
            continue;
        if (head->state < PLIM_BLOCK_PUSHED || head->state >= PLIM_BLOCK_GONE)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "block %s is in a state that is none",
                                  name);
        if (stack->frame_count == stack->depth_max)
            return plim_error_set(err, PLIM_ERR_LIMIT,
                                  "more than %u blocks are on the stack: give a larger depth_max",
                                  stack->depth_max);
        uint32_t kind = plim__stack_type_of(stack, name);
        plim__frame frame = {.ref = object.ref,
                             .number = object.owner,
                             .bytes = object.size_bytes,
                             .name = name,
                             .type = kind < stack->type_count ? stack->types[kind] : NULL};
        if (plim_region_name_of(stack->region, PLIM_NAME_OWNER, frame.number) == NULL)
            plim__block_name(stack->region, frame.number, object.type);
        open_insert(stack, &frame, object.birth);
        stack->below_count += plim__frame_is_below(&frame);
        last_event = head->event > last_event ? head->event : last_event;
        stack->ending_count += head->state >= PLIM_BLOCK_ENDING;
        if (object.size_bytes > stack->scratch_bytes)
            stack->scratch_bytes = object.size_bytes; /* of a type that is not here */
    }
    /* Events that changed no more than the value of the top are not written down elsewhere. */
    if (stack->below_count == 0 && last_event > stack->begun.number)
        stack->done = stack->begun.number = last_event;
    return PLIM_OK;
}

/* A turn that was killed before its commit. Before blocks are found: it may have pushed some. */
static plim_status open_undo(plim_stack *stack)
{
    plim_region_object object;
    bool has_counted = false;
    const char *name;
    if (stack->serial % 2 == 0)
        return PLIM_OK;
    for (uint32_t i = 0; !has_counted && plim_region_next(stack->region, &i, &object);) {
        const plim_block_head *head = open_block(stack, &object, &name);
        has_counted = head != NULL && head->turn == stack->serial;
    }
    if (!has_counted)
        plim__stack_roll_back(stack->region, stack->birth_written);
    stack->serial++;
    return plim_region_set(stack->region, stack->cells.turn, &stack->serial, sizeof stack->serial);
}

/* --- open and close ------------------------------------------------------------------------ */

static plim_status open_all(plim_stack *stack, const char *name, plim_error *err)
{
    const plim_allocator *allocator = stack->allocator;
    stack->frames = plim__array_new_zero(allocator, stack->depth_max, sizeof *stack->frames);
    stack->type_numbers =
        plim__array_new_zero(allocator, (size_t)stack->type_count + 1, sizeof *stack->type_numbers);
    if (stack->frames == NULL || stack->type_numbers == NULL)
        return plim__no_memory(err, "a stack");
    plim_status status = open_types(stack, err);
    if (status == PLIM_OK)
        status = open_self(stack, name, err);
    if (status == PLIM_OK)
        status = open_cells(stack, err);
    if (status == PLIM_OK)
        status = open_undo(stack);
    if (status == PLIM_OK)
        status = open_blocks(stack, err);
    if (status != PLIM_OK)
        return status;
    size_t each = ((size_t)stack->scratch_bytes + STACK_LINE - 1) / STACK_LINE * STACK_LINE;
    stack->memory_bytes = 2 * each + STACK_LINE;
    stack->memory = plim__array_new(allocator, stack->memory_bytes, 1);
    if (stack->memory == NULL)
        return plim__no_memory(err, "a stack");
    stack->scratch = stack->memory + (STACK_LINE - (uintptr_t)stack->memory % STACK_LINE);
    stack->fresh = stack->scratch + each;
    return PLIM_OK;
}

static void open_free(plim_stack *stack)
{
    const plim_allocator *allocator = stack->allocator;
    plim__array_free(allocator, stack->frames, stack->depth_max, sizeof *stack->frames);
    plim__array_free(allocator, stack->type_numbers, (size_t)stack->type_count + 1,
                     sizeof *stack->type_numbers);
    plim__array_free(allocator, stack->memory, stack->memory_bytes, 1);
    stack->magic = 0;
    plim__array_free(allocator, stack, 1, sizeof *stack);
}

plim_status plim_stack_open(plim_region *region, const plim_stack_options *options,
                            plim_stack **out_stack, plim_error *err)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(options != NULL && out_stack != NULL);
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "plim_stack_options of %u bytes, not %zu",
                              options->struct_bytes, sizeof *options);
    if (options->depth_max > PLIM_STACK_DEPTH_MAX ||
        (options->types == NULL && options->type_count > 0))
        return plim_error_set(err, PLIM_ERR_USAGE, "a stack's depth is at most %d",
                              PLIM_STACK_DEPTH_MAX);
    plim_stack *stack = plim__array_new_zero(region->allocator, 1, sizeof *stack);
    if (stack == NULL)
        return plim__no_memory(err, "a stack");
    stack->magic = PLIM__STACK_MAGIC;
    stack->region = region;
    stack->back_count = region->back_count;
    stack->allocator = region->allocator;
    stack->types = options->types;
    stack->type_count = options->type_count;
    stack->depth_max = options->depth_max != 0 ? options->depth_max : STACK_DEPTH_DEFAULT;
    plim_status status = open_all(stack, options->name != NULL ? options->name : "main", err);
    if (status == PLIM_OK)
        *out_stack = stack;
    else
        open_free(stack);
    return status;
}

void plim_stack_close(plim_stack **stack_ptr)
{
    if (stack_ptr == NULL || *stack_ptr == NULL)
        return;
    plim_stack *stack = *stack_ptr;
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    PLIM_CHECK(!stack->is_busy);
    for (uint32_t i = stack->frame_count; i-- > 0;) {
        const plim__frame *frame = &stack->frames[i];
        if (frame->local != NULL && frame->type != NULL && frame->type->detach != NULL)
            frame->type->detach(frame->type, frame->local);
    }
    open_free(stack);
    *stack_ptr = NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a child is started with, kept for all its restarts: a copy of its command in one block, and
 * the buffers for its lines. Children of a simple supervisor share those of their specification.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "platform/environment.h"
#include "supervise/children/parts.h"

/* The block that is being filled; with `to` NULL it is only measured. */
typedef struct slot_block {
    char *to;
    size_t bytes;
} slot_block;

static size_t slot_string_bytes(const char *text)
{
    return plim__text_length(text, PLIM_SUPERVISED_TEXT_MAX) + 1;
}

static const char *slot_copy_text(slot_block *block, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t bytes = slot_string_bytes(text);
    char *to = block->to == NULL ? NULL : block->to + block->bytes;
    if (to != NULL) {
        memcpy(to, text, bytes - 1);
        to[bytes - 1] = '\0';
    }
    block->bytes += bytes;
    return to;
}

static const char *const *slot_copy_list(slot_block *block, const char *const *list,
                                         uint32_t *out_count)
{
    uint32_t count = 0;
    while (list[count] != NULL && count < PLIM_SUPERVISED_STRINGS_MAX)
        count++;
    block->bytes = (block->bytes + sizeof(char *) - 1) / sizeof(char *) * sizeof(char *);
    const char **to = NULL;
    if (block->to != NULL)
        to = (const char **)(void *)(block->to + block->bytes);
    block->bytes += ((size_t)count + 1) * sizeof(char *);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = slot_copy_text(block, list[i]);
        if (to != NULL)
            to[i] = text;
    }
    if (to != NULL)
        to[count] = NULL;
    *out_count = count;
    return to;
}

static void slot_fill(slot_block *block, const plim_child_command *command, child_command *out)
{
    block->bytes = sizeof(child_command);
    child_command copy = {.as_given = *command};
    uint32_t argc = 0;
    copy.as_given.argv = slot_copy_list(block, command->argv, &argc);
    const char *const *environment =
        command->environment != NULL ? command->environment : plim__environment_all();
    copy.as_given.environment = slot_copy_list(block, environment, &copy.variable_count);
    copy.as_given.folder = slot_copy_text(block, command->folder);
    copy.as_given.output_file = slot_copy_text(block, command->output_file);
    if (out != NULL)
        *out = copy;
}

static bool slot_has_lines(const plim_child_command *command)
{
    return command->output == PLIM_OUTPUT_LINES || command->error_output == PLIM_OUTPUT_LINES;
}

static child_pipe *slot_pipes(const plim_supervisor *supervisor)
{
    child_pipe *pipes =
        plim__array_new(&supervisor->allocator, CHILDREN_OUTPUTS, sizeof(child_pipe));
    for (int i = 0; pipes != NULL && i < CHILDREN_OUTPUTS; i++) {
        pipes[i].fd = -1;
        pipes[i].length = 0;
    }
    return pipes;
}

static plim_status slot_command(plim_supervisor *supervisor, child_slot *slot,
                                const plim_child_command *command, plim_error *err)
{
    const plim_allocator *allocator = &supervisor->allocator;
    slot_block block = {0};
    slot_fill(&block, command, NULL);
    size_t bytes = block.bytes;
    child_command *copy = plim__array_new(allocator, 1, bytes);
    if (copy == NULL)
        return plim__no_memory(err, "a command");
    block.to = (char *)copy;
    slot_fill(&block, command, copy);
    PLIM_CHECK(block.bytes == bytes);
    copy->block_bytes = bytes;
    slot->command = copy;
    if (!slot_has_lines(command))
        return PLIM_OK;
    slot->pipes = slot_pipes(supervisor);
    if (slot->pipes != NULL)
        return PLIM_OK;
    plim__array_free(allocator, copy, 1, bytes);
    slot->command = NULL;
    return plim__no_memory(err, "the lines of a child");
}

plim_status plim__slot_set(plim_supervisor *supervisor, uint32_t node, const plim_child_spec *spec,
                           plim_error *err)
{
    child_slot *slot = &supervisor->slots[node];
    *slot = (child_slot){.pidfd = -1,
                         .start = spec->start,
                         .ctx = spec->ctx,
                         .lives_ns = spec->lives_ns,
                         .is_ready_told = spec->is_ready_told};
    if (spec->command == NULL)
        return PLIM_OK;
    return slot_command(supervisor, slot, spec->command, err);
}

plim_status plim__slot_borrow(plim_supervisor *supervisor, uint32_t node, uint32_t from, void *ctx,
                              plim_error *err)
{
    child_slot *slot = &supervisor->slots[node];
    child_slot copy = supervisor->slots[from];
    copy.ctx = ctx != NULL ? ctx : copy.ctx;
    copy.has_borrowed = true;
    if (copy.pipes != NULL && (copy.pipes = slot_pipes(supervisor)) == NULL)
        return plim__no_memory(err, "the lines of a child");
    *slot = copy;
    return PLIM_OK;
}

void plim__slot_clear(plim_supervisor *supervisor, uint32_t node)
{
    child_slot *slot = &supervisor->slots[node];
    const plim_allocator *allocator = &supervisor->allocator;
    PLIM_CHECK(slot->phase == CHILD_NONE && slot->pidfd < 0);
    plim__array_free(allocator, slot->pipes, CHILDREN_OUTPUTS, sizeof(child_pipe));
    if (slot->command != NULL && !slot->has_borrowed)
        plim__array_free(allocator, slot->command, 1, slot->command->block_bytes);
    *slot = (child_slot){.pidfd = -1};
}

/* SPDX-License-Identifier: MIT */
/* What a session answers: names, memory, figures, completions, tokens. Nothing runs here. */
#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "repl/session/layout.h"
#include "repl/session/session.h"

enum { ASK_TEXT_MAX = 1 << 20 };

bool plim_repl_is_complete(plim_repl *repl, const char *text)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    return plim__source_is_complete(repl->source, text, plim__text_length(text, ASK_TEXT_MAX));
}

void plim_repl_interrupt(plim_repl *repl)
{
    plim__machine_stop(&repl->machine);
}

plim_status plim_repl_read(plim_repl *repl, uint64_t address, void *out, size_t size_bytes)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    return plim__machine_read(&repl->machine, address, out, size_bytes);
}

typedef struct ask_visit {
    plim_repl *repl;
    plim_repl_visit *visit;
    void *ctx;
    bool is_stopped;
} ask_visit;

/* The symbol's name in the image: name and version, as the source writes it. */
static bool ask_one(void *ctx, const plim__symbol *symbol)
{
    ask_visit *ask = ctx;
    if (symbol->kind == PLIM__SYMBOL_INCLUDE)
        return true;
    const plim__row *row = plim__session_row_of(ask->repl, symbol->unit);
    const plim_repl_variable variable = {
        .name = symbol->name,
        .symbol = symbol->name,
        .type = symbol->type != NULL ? symbol->type : "",
        .kind = (plim_repl_kind)symbol->kind,
        .is_hidden = symbol->is_hidden,
        .entry = symbol->unit,
        .address = symbol->address,
        .bytes = symbol->bytes,
        .image = row != NULL ? ask->repl->store.memory + row->image_at : NULL,
        .image_bytes = row != NULL ? row->image_bytes : 0,
    };
    ask->is_stopped = !ask->visit(ask->ctx, &variable);
    return !ask->is_stopped;
}

_Static_assert((int)PLIM__SYMBOL_MACRO == (int)PLIM_REPL_MACRO, "one order of kinds");

plim_status plim_repl_variables(plim_repl *repl, plim_repl_visit *visit, void *ctx)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    PLIM_CHECK(visit != NULL);
    ask_visit ask = {.repl = repl, .visit = visit, .ctx = ctx};
    plim__source_each(repl->source, ask_one, &ask);
    return ask.is_stopped ? PLIM_ERR_INTERRUPTED : PLIM_OK;
}

plim_status plim_repl_image_at(plim_repl *repl, uint64_t address, const void **out_image,
                               size_t *out_bytes, uint32_t *out_entry)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    const plim__row *row = plim__session_row(repl, address);
    if (row == NULL)
        return PLIM_ERR_NOT_FOUND;
    *out_image = repl->store.memory + row->image_at;
    *out_bytes = row->image_bytes;
    if (out_entry != NULL)
        *out_entry = row->number;
    return PLIM_OK;
}

plim_status plim_repl_complete(plim_repl *repl, const char *text, size_t cursor,
                               const plim_repl_candidate **out_candidates, size_t *out_count,
                               size_t *out_from, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    const plim__candidate *found = NULL;
    size_t count = 0, from = 0, bytes = plim__text_length(text, ASK_TEXT_MAX);
    if (cursor > bytes)
        return plim_error_set(err, PLIM_ERR_USAGE, "the cursor stands behind the text");
    plim_status status =
        plim__source_complete(repl->source, text, bytes, cursor, &found, &count, &from, err);
    if (status != PLIM_OK)
        return status;
    if (count > repl->candidate_cap) {
        plim_repl_candidate *more = plim__array_resize(repl->allocator, repl->candidates,
                                                       repl->candidate_cap, count, sizeof *more);
        if (more == NULL)
            return plim__no_memory(err, "completions");
        repl->candidates = more;
        repl->candidate_cap = count;
    }
    for (size_t i = 0; i < count; i++)
        repl->candidates[i] =
            (plim_repl_candidate){found[i].text, found[i].detail, (plim_repl_kind)found[i].kind};
    *out_candidates = repl->candidates;
    *out_count = count;
    if (out_from != NULL)
        *out_from = from;
    return PLIM_OK;
}

_Static_assert((int)PLIM__TOKEN_DIRECTIVE == (int)PLIM_REPL_TOKEN_DIRECTIVE, "one order of kinds");

plim_status plim_repl_tokens(plim_repl *repl, const char *text, const plim_repl_token **out_tokens,
                             size_t *out_count, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    const plim__token *found = NULL;
    size_t count = 0;
    plim_status status = plim__source_tokens(
        repl->source, text, plim__text_length(text, ASK_TEXT_MAX), &found, &count, err);
    if (status != PLIM_OK)
        return status;
    if (count > repl->token_cap) {
        plim_repl_token *more =
            plim__array_resize(repl->allocator, repl->tokens, repl->token_cap, count, sizeof *more);
        if (more == NULL)
            return plim__no_memory(err, "tokens");
        repl->tokens = more;
        repl->token_cap = count;
    }
    for (size_t i = 0; i < count; i++)
        repl->tokens[i] =
            (plim_repl_token){found[i].offset, found[i].bytes, (plim_repl_token_kind)found[i].kind};
    *out_tokens = repl->tokens;
    *out_count = count;
    return PLIM_OK;
}

plim_status plim_repl_budget(plim_repl *repl, const plim_repl_limits *limits, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    plim_repl_options *options = &repl->machine.options;
    uint64_t memory =
        limits->memory_bytes != UINT64_MAX ? limits->memory_bytes : options->memory_bytes;
    if (memory > repl->machine.total_bytes || memory < repl->machine.heap_used)
        return plim_error_set(err, PLIM_ERR_BUDGET,
                              "this session can have %llu to %llu bytes of heap",
                              (unsigned long long)repl->machine.heap_used,
                              (unsigned long long)repl->machine.total_bytes);
    options->memory_bytes = memory;
    if (limits->entry_bytes != UINT64_MAX)
        options->entry_bytes = limits->entry_bytes;
    if (limits->deadline_ms != UINT32_MAX)
        options->deadline_ms = limits->deadline_ms;
    return PLIM_OK;
}

void plim_repl_read_info(plim_repl *repl, plim_repl_info *out_info)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    const plim__machine *machine = &repl->machine;
    uint64_t code = 0, data = 0;
    plim__session_next(repl, &code, &data);
    *out_info = (plim_repl_info){
        .limits = {machine->options.memory_bytes, machine->options.entry_bytes,
                   machine->options.deadline_ms},
        .code_address = PLIM__SESSION_CODE,
        .code_bytes = code - PLIM__SESSION_CODE,
        .variables_address = PLIM__SESSION_DATA,
        .variables_bytes = data - PLIM__SESSION_DATA,
        .heap_address = PLIM__SESSION_HEAP,
        .heap_bytes = machine->heap_bytes,
        .heap_used_bytes = machine->heap_used,
        .heap_blocks = machine->heap_blocks,
        .heap_high_water_bytes = machine->heap_high,
        .entry_count = repl->entry_count,
        .adopted_count = (uint32_t)repl->row_count,
        .undo_count = plim__machine_kept(machine),
        .worker_count = machine->started,
        .worker = machine->active.pid,
        .spare = machine->spare.pid,
        .template_pid = machine->template_pid,
    };
    plim__machine_held_bytes(machine, &out_info->held_bytes, &out_info->history_bytes);
}

plim_status plim_repl_blocks(plim_repl *repl, plim_repl_block *out_blocks, size_t block_max,
                             size_t *out_count, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    return plim__machine_blocks(&repl->machine, out_blocks, block_max, out_count, err);
}

/* SPDX-License-Identifier: MIT */
/*
 * A session: the source knows names, the machine runs bytes; here they meet. An entry is compiled
 * to where nothing is in use, run, and either both sides take it over or neither does.
 *
 * E1 rows, the source's committed units and the journal's transactions stand for the same entries,
 *    in the same order.
 * E2 what an outcome points to is the session's, until its next call.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "platform/scratch.h"
#include "repl/session/explain.h"
#include "repl/session/layout.h"
#include "repl/session/session.h"

enum { REPL_TEXT_MAX = 1 << 20, REPL_PIECES_MAX = 512, REPL_MOMENTS = 1000 };

#define REPL_MEMORY_BYTES  (UINT64_C(1) << 30)
#define REPL_MEMORY_MAX    (UINT64_C(64) << 30)
#define REPL_HISTORY_BYTES (UINT64_C(512) << 20)
#define REPL_SCRATCH       "plim-repl"

/* --- open and close ------------------------------------------------------------------------ */

static bool repl_resolve(void *ctx, const char *name, uint64_t *out_address)
{
    plim_repl *repl = ctx;
    return plim__machine_resolve(&repl->machine, name, out_address);
}

static plim_status repl_options(const plim_repl_options *asked, plim_repl_options *out,
                                plim_error *err)
{
    plim_repl_options options = asked != NULL ? *asked : (plim_repl_options){0};
    if (asked != NULL && asked->struct_bytes != sizeof *asked)
        return plim_error_set(err, PLIM_ERR_USAGE, "options of %u bytes, these have %zu",
                              asked->struct_bytes, sizeof *asked);
    options.memory_bytes = options.memory_bytes != 0 ? options.memory_bytes : REPL_MEMORY_BYTES;
    options.history_bytes = options.history_bytes != 0 ? options.history_bytes : REPL_HISTORY_BYTES;
    options.history_bytes = (options.history_bytes + 4095) & ~UINT64_C(4095);
    options.moment_max = options.moment_max != 0 ? options.moment_max : REPL_MOMENTS;
    if (options.memory_bytes < UINT64_C(1) << 20 || options.memory_bytes > REPL_MEMORY_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a session has 1 MiB to 64 GiB of memory");
    if (options.history_bytes < UINT64_C(1) << 20 || options.moment_max > 65535)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "going back takes at least 1 MiB, for at most 65,535 entries");
    options.moment_max++; /* the first made the heap */
    *out = options;
    return PLIM_OK;
}

static plim_status repl_open_source(plim_repl *repl, const plim_repl_options *options,
                                    plim_error *err)
{
    const plim__source_options source = {
        .allocator = repl->allocator,
        .scratch = repl->scratch,
        .libexec = repl->machine.libexec,
        .flags = options->flags,
        .resolve = repl_resolve,
        .resolve_ctx = repl,
    };
    return plim__source_open(&source, &repl->source, err);
}

plim_status plim_repl_open(const plim_repl_options *options, plim_repl **out_repl, plim_error *err)
{
    PLIM_CHECK(out_repl != NULL);
    plim_repl_options filled;
    plim_status status = repl_options(options, &filled, err);
    if (status != PLIM_OK)
        return status;
    const plim_allocator *allocator = plim_allocator_system();
    plim_repl *repl = plim__array_new_zero(allocator, 1, sizeof *repl);
    if (repl == NULL)
        return plim__no_memory(err, "a session");
    repl->magic = PLIM__SESSION_MAGIC;
    repl->allocator = allocator;
    repl->store.file = -1;
    plim__machine_init(&repl->machine, &filled);
    status = plim__libexec_find(filled.libexec, repl->machine.libexec, sizeof repl->machine.libexec,
                                err);
    if (status == PLIM_OK) {
        plim__scratch_sweep(REPL_SCRATCH);
        status = plim__scratch_make(REPL_SCRATCH, repl->scratch, sizeof repl->scratch, err);
    }
    if (status == PLIM_OK)
        status = plim__store_open(&repl->store, repl->scratch, err);
    if (status == PLIM_OK)
        status = plim__machine_open(&repl->machine, err);
    if (status == PLIM_OK)
        status = repl_open_source(repl, &filled, err);
    if (status != PLIM_OK) {
        plim_repl_close(&repl);
        return status;
    }
    repl->machine.options.flags = NULL; /* the caller's; the source has copied what it needs */
    repl->machine.options.libexec = NULL;
    *out_repl = repl;
    return PLIM_OK;
}

void plim_repl_close(plim_repl **repl_ptr)
{
    if (repl_ptr == NULL || *repl_ptr == NULL)
        return;
    plim_repl *repl = *repl_ptr;
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    *repl_ptr = NULL;
    plim__unit_destroy(&repl->unit);
    plim__source_close(&repl->source);
    plim__machine_close(&repl->machine);
    plim__store_close(&repl->store);
    if (repl->scratch[0] != 0)
        plim__scratch_remove(repl->scratch);
    plim__array_free(repl->allocator, repl->rows, repl->row_cap, sizeof *repl->rows);
    plim__array_free(repl->allocator, repl->candidates, repl->candidate_cap,
                     sizeof *repl->candidates);
    plim__array_free(repl->allocator, repl->tokens, repl->token_cap, sizeof *repl->tokens);
    repl->magic = 0;
    plim__array_free(repl->allocator, repl, 1, sizeof *repl);
}

/* --- outcomes ------------------------------------------------------------------------------ */

/* The first line that has a number, in a text; "" if it has fewer. */
static void repl_line(const char *text, size_t bytes, uint32_t number, char *out)
{
    size_t at = 0;
    for (uint32_t line = 1; line < number && at < bytes; at++)
        line += text[at] == '\n';
    size_t length = 0;
    while (at + length < bytes && text[at + length] != '\n' && text[at + length] != 0 &&
           length < PLIM__SESSION_LINE - 1)
        length++;
    memcpy(out, text + at, length);
    out[length] = 0;
}

static void repl_frame(plim_repl *repl, size_t index)
{
    const plim__trace_row *row = &repl->trace.rows[index];
    char *line = repl->lines[index];
    line[0] = 0;
    const plim__row *unit = row->is_session ? plim__session_row(repl, row->address) : NULL;
    if (unit != NULL)
        repl_line((const char *)repl->store.memory + unit->text_at, unit->text_bytes, row->line,
                  line);
    else if (row->is_session && repl->unit != NULL && row->address >= repl->unit_from)
        repl_line(repl->unit->text, plim__text_length(repl->unit->text, REPL_TEXT_MAX), row->line,
                  line);
    repl->frames[index] = (plim_repl_frame){
        .address = row->address,
        .function = row->function,
        .file = row->file,
        .source = row->line != 0 ? line : "",
        .line = row->line,
        .column = row->column,
        .repeats = row->repeats,
    };
}

static bool repl_image(void *ctx, uint64_t address, const void **out_image, size_t *out_bytes)
{
    const plim_repl *repl = ctx;
    const plim__row *row = plim__session_row(repl, address);
    if (row != NULL) {
        *out_image = repl->store.memory + row->image_at;
        *out_bytes = row->image_bytes;
        return true;
    }
    if (repl->unit == NULL || address < repl->unit_from || address >= repl->unit->text_end)
        return false;
    *out_image = repl->unit->image;
    *out_bytes = repl->unit->image_bytes;
    return true;
}

static void repl_explain(plim_repl *repl, plim__verdict *verdict, plim_repl_outcome *outcome)
{
    uint64_t began = plim__machine_now();
    bool is_traced = verdict->is_standing && verdict->end != PLIM_REPL_REFUSED &&
                     (verdict->words.kind != PLIM__WORDS_NONE ||
                      verdict->end == PLIM_REPL_TIMEOUT || verdict->end == PLIM_REPL_INTERRUPTED ||
                      (verdict->end == PLIM_REPL_MEMORY && verdict->text[0] == 0));
    if (is_traced && verdict->words.kind == PLIM__WORDS_NONE)
        is_traced = plim__trace_stop(&repl->machine, &verdict->words);
    if (is_traced)
        plim__trace_take(&repl->machine, &verdict->words, repl_image, repl, &repl->trace);
    for (size_t i = 0; i < repl->trace.count; i++)
        repl_frame(repl, i);
    plim__explain(&repl->machine, verdict, &repl->trace, repl->explanation,
                  sizeof repl->explanation);
    outcome->explanation = repl->explanation;
    outcome->frames = repl->frames;
    outcome->frame_count = repl->trace.count;
    outcome->frames_left_out = repl->trace.left_out;
    outcome->times.explain = plim__machine_now() - began;
    outcome->signal = verdict->words.kind == PLIM__WORDS_SIGNAL ? verdict->words.signal
                      : verdict->status > 0                     ? verdict->status & 0x7f
                                                                : 0;
    outcome->fault_address = verdict->words.kind == PLIM__WORDS_SIGNAL ? verdict->words.address : 0;
    outcome->exit_code = verdict->words.kind == PLIM__WORDS_EXIT ? verdict->words.code
                         : verdict->status > 0                   ? verdict->status >> 8 & 0xff
                                                                 : 0;
}

static void repl_add_lost(plim_repl *repl, const char *clause)
{
    if (repl->lost_count < PLIM__SESSION_LOST_MAX)
        repl->lost_list[repl->lost_count++] = clause;
}

plim_status plim__session_bury(plim_repl *repl, plim_repl_outcome *outcome, plim_error *err)
{
    size_t count = 0;
    plim_status status = plim__machine_bury(&repl->machine, repl->lost, &count, err);
    for (size_t i = 0; i < count; i++) {
        plim__session_name_lost(repl, repl->lost[i], sizeof repl->lost[i]);
        repl_add_lost(repl, repl->lost[i]);
    }
    if (outcome != NULL) {
        outcome->lost = repl->lost_list;
        outcome->lost_count = repl->lost_count;
    }
    return status;
}

/* --- entering ------------------------------------------------------------------------------ */

/* What the last call left is gone. */
static void repl_begin(plim_repl *repl, plim_repl_outcome *outcome)
{
    plim__unit_destroy(&repl->unit);
    repl->trace.count = 0;
    repl->trace.left_out = repl->trace.depth = 0;
    repl->explanation[0] = 0;
    repl->lost_count = 0;
    *outcome = (plim_repl_outcome){
        .diagnostics = "", .explanation = "", .result = {.name = "", .type = ""}};
}

/* Whether a unit has room behind what there is; otherwise the entry is refused for it. */
static void repl_check_room(plim_repl *repl, plim_repl_outcome *outcome)
{
    uint64_t code_at, data_at;
    const plim__unit *unit = repl->unit;
    plim__session_next(repl, &code_at, &data_at);
    bool is_code = unit->text_end > PLIM__SESSION_CODE + PLIM__SESSION_CODE_BYTES;
    bool is_data = unit->data_end > PLIM__SESSION_DATA + PLIM__SESSION_DATA_BYTES;
    if (!is_code && !is_data)
        return;
    uint64_t asked = is_code ? unit->text_end - code_at : unit->data_end - data_at;
    uint64_t left = is_code ? PLIM__SESSION_CODE + PLIM__SESSION_CODE_BYTES - code_at
                            : PLIM__SESSION_DATA + PLIM__SESSION_DATA_BYTES - data_at;
    plim__text out;
    plim__text_init(&out, repl->explanation, sizeof repl->explanation);
    plim__text_format(&out,
                      "%sIn[%u]: error: its %s take %llu bytes, and %llu of a session's 1 GiB "
                      "are left; malloc() has a room of its own\n",
                      outcome->diagnostics, outcome->entry, is_code ? "code" : "variables",
                      (unsigned long long)asked, (unsigned long long)left);
    outcome->diagnostics = repl->explanation;
    outcome->end = PLIM_REPL_DIAGNOSTIC;
}

static plim_status repl_compile(plim_repl *repl, const char *text, size_t bytes,
                                plim_repl_outcome *outcome, plim_error *err)
{
    char name[PLIM__SESSION_NAME];
    plim__text out;
    plim__text_init(&out, name, sizeof name);
    plim__text_format(&out, "In[%u]", repl->entry_count + 1);
    plim__unit_request request = {
        .text = text, .text_bytes = bytes, .name = name, .number = repl->entry_count + 1};
    plim__session_next(repl, &request.text_at, &request.data_at);
    repl->unit_from = request.text_at;
    plim_status status = plim__source_compile(repl->source, &request, &repl->unit, err);
    if (status != PLIM_OK)
        return status;
    const plim__unit *unit = repl->unit;
    outcome->entry = repl->entry_count + 1;
    outcome->diagnostics = unit->diagnostics != NULL ? unit->diagnostics : "";
    outcome->hidden = unit->hidden;
    outcome->hidden_count = unit->hidden_count;
    outcome->times.parse = unit->times.parse;
    outcome->times.compile = unit->times.compile + unit->times.link;
    if (unit->lost_count > 0) /* not with a worker, but at the entry's end */
        outcome->explanation = unit->lost[0];
    outcome->end = unit->end == PLIM__UNIT_OK           ? PLIM_REPL_OK
                   : unit->end == PLIM__UNIT_INCOMPLETE ? PLIM_REPL_INCOMPLETE
                                                        : PLIM_REPL_DIAGNOSTIC;
    if (unit->end == PLIM__UNIT_OK)
        repl_check_room(repl, outcome);
    if (unit->end != PLIM__UNIT_INCOMPLETE)
        repl->entry_count++;
    return PLIM_OK;
}

static plim_status repl_run(plim_repl *repl, plim__verdict *verdict, plim_error *err)
{
    plim__piece pieces[REPL_PIECES_MAX];
    const plim__unit *unit = repl->unit;
    if (unit->segment_count > REPL_PIECES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "an entry of %zu segments, %d at most",
                              unit->segment_count, REPL_PIECES_MAX);
    for (size_t i = 0; i < unit->segment_count; i++)
        pieces[i] = (plim__piece){unit->segments[i].address, unit->segments[i].bytes,
                                  unit->segments[i].file_bytes, unit->segments[i].data,
                                  unit->segments[i].is_slot};
    const plim__job job = {.number = unit->number,
                           .pieces = pieces,
                           .piece_count = unit->segment_count,
                           .entry = unit->has_code ? unit->entry : 0};
    return plim__machine_run(&repl->machine, &job, verdict, err);
}

/* The machine has adopted it; the names follow. Room was made before. */
static plim_status repl_adopt(plim_repl *repl, uint64_t image_at, uint64_t text_at,
                              plim_repl_outcome *outcome, plim_error *err)
{
    const plim__unit *unit = repl->unit;
    plim__row *row = &repl->rows[repl->row_count];
    plim__session_next(repl, &row->code_from, &row->data_from);
    row->number = unit->number;
    row->code_to = unit->text_end;
    row->data_to = unit->data_end;
    row->image_at = image_at;
    row->image_bytes = unit->image_bytes;
    row->text_at = text_at;
    row->text_bytes = plim__text_length(unit->text, REPL_TEXT_MAX);
    plim_status status = plim__source_commit(repl->source, unit, err);
    if (status != PLIM_OK) { /* no memory for names: the transaction goes back too */
        (void)plim__machine_undo(&repl->machine, 1, NULL);
        (void)plim__session_bury(repl, outcome, NULL);
        return status;
    }
    repl->row_count++;
    if (unit->result.type != NULL)
        outcome->result = (plim_repl_result){
            .name = unit->result.name,
            .type = unit->result.type,
            .address = unit->result.address,
            .bytes = unit->result.bytes,
            .image = repl->store.memory + image_at,
            .image_bytes = unit->image_bytes,
        };
    return PLIM_OK;
}

static plim_status repl_execute(plim_repl *repl, plim_repl_outcome *outcome, plim_error *err)
{
    plim__verdict verdict = {0};
    uint64_t image_at = 0, text_at = 0, mark = repl->store.used;
    const plim__unit *unit = repl->unit;
    plim_status status = plim__session_grow(repl, err);
    if (status == PLIM_OK)
        status = plim__store_add(&repl->store, unit->image, unit->image_bytes, &image_at, err);
    if (status == PLIM_OK)
        status = plim__store_add(&repl->store, unit->text,
                                 plim__text_length(unit->text, REPL_TEXT_MAX), &text_at, err);
    if (status == PLIM_OK)
        status = repl_run(repl, &verdict, err);
    if (status == PLIM_OK) {
        outcome->end = verdict.end;
        outcome->written_bytes = verdict.written_bytes;
        outcome->times.load = verdict.times.load;
        outcome->times.run = verdict.times.run;
        outcome->times.commit = verdict.times.commit;
        outcome->output_dropped = repl->machine.output_dropped;
        if (verdict.end == PLIM_REPL_OK)
            status = repl_adopt(repl, image_at, text_at, outcome, err);
        else
            repl_explain(repl, &verdict, outcome);
        if (status == PLIM_OK && (verdict.end != PLIM_REPL_OK || verdict.is_standing))
            status = plim__session_bury(repl, outcome, err);
    }
    if (status != PLIM_OK || verdict.end != PLIM_REPL_OK)
        plim__store_cut(&repl->store, mark);
    outcome->heap_bytes = repl->machine.heap_used;
    return status;
}

plim_status plim_repl_enter(plim_repl *repl, const char *text, plim_repl_outcome *out_outcome,
                            plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    PLIM_CHECK(text != NULL && out_outcome != NULL);
    uint64_t began = plim__machine_now();
    plim_repl_outcome outcome;
    size_t bytes = plim__text_length(text, REPL_TEXT_MAX + 1);
    if (bytes > REPL_TEXT_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "an entry has at most 1 MiB of text");
    repl_begin(repl, &outcome);
    plim_status status = repl_compile(repl, text, bytes, &outcome, err);
    if (status == PLIM_OK && outcome.end == PLIM_REPL_OK)
        status = repl_execute(repl, &outcome, err);
    if (status != PLIM_OK)
        return status;
    outcome.times.total = plim__machine_now() - began;
    *out_outcome = outcome;
    return PLIM_OK;
}

plim_status plim_repl_undo(plim_repl *repl, uint32_t count, plim_repl_outcome *out_outcome,
                           plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    plim_repl_outcome outcome;
    plim_status status = PLIM_OK;
    repl_begin(repl, &outcome);
    if (count > repl->row_count || count > plim__machine_kept(&repl->machine))
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "%u entries can be taken back",
                                plim__machine_kept(&repl->machine));
    if (status == PLIM_OK && count > 0)
        status = plim__source_undo(repl->source, count, err);
    if (status == PLIM_OK && count > 0)
        status = plim__machine_undo(&repl->machine, count, err);
    if (status == PLIM_OK && count > 0) {
        repl->row_count -= count;
        plim__store_cut(&repl->store, repl->rows[repl->row_count].image_at);
        status = plim__session_bury(repl, &outcome, err);
    }
    if (status == PLIM_OK && out_outcome != NULL) {
        outcome.entry = repl->row_count > 0 ? repl->rows[repl->row_count - 1].number : 0;
        *out_outcome = outcome;
    }
    return status;
}

plim_status plim_repl_restart(plim_repl *repl, plim_repl_outcome *out_outcome, plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    plim_repl_outcome outcome;
    repl_begin(repl, &outcome);
    plim_status status = plim__session_bury(repl, &outcome, err);
    if (status == PLIM_OK && out_outcome != NULL)
        *out_outcome = outcome;
    return status;
}

plim_status plim_repl_link(plim_repl *repl, const char *library, plim_repl_outcome *out_outcome,
                           plim_error *err)
{
    PLIM_CHECK_OBJ(repl, PLIM__SESSION_MAGIC);
    PLIM_CHECK(library != NULL);
    plim_repl_outcome outcome;
    repl_begin(repl, &outcome);
    plim_status status = plim__machine_link(&repl->machine, library, err);
    if (status != PLIM_OK)
        return status;
    plim__machine_drop_spare(&repl->machine); /* it was forked before */
    status = plim__session_bury(repl, &outcome, err);
    if (status == PLIM_OK && out_outcome != NULL)
        *out_outcome = outcome;
    return status;
}

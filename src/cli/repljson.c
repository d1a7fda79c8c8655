/* SPDX-License-Identifier: MIT */
/*
 * An outcome as JSON: the same members on the lines of `plim repl --json` and in the answers of the
 * protocol (docs/internals/repl-protocol.md). Keys are never renamed.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/replui.h"

static const char *outcome_end(plim_repl_end end)
{
    switch (end) {
    case PLIM_REPL_OK:
        return "ok";
    case PLIM_REPL_INCOMPLETE:
        return "incomplete";
    case PLIM_REPL_DIAGNOSTIC:
        return "diagnostic";
    case PLIM_REPL_CRASHED:
        return "crashed";
    case PLIM_REPL_TIMEOUT:
        return "timeout";
    case PLIM_REPL_INTERRUPTED:
        return "interrupted";
    case PLIM_REPL_EXITED:
        return "exited";
    case PLIM_REPL_MEMORY:
        return "memory";
    case PLIM_REPL_REFUSED:
        return "refused";
    }
    return "unknown";
}

void plim__repl_json_text(plim__draft *out, const char *key, const char *text, size_t bytes)
{
    plim__draft_printf(out, "\"%s\":\"", key);
    plim__glyphs_json(out, (plim_text){text, bytes});
    plim__draft_puts(out, "\"");
}

static void outcome_text(plim__draft *out, const char *key, const char *text)
{
    plim__repl_json_text(out, key, text, strlen(text));
}

static void json_list(plim__draft *out, const char *key, const char *const *texts, size_t count)
{
    plim__draft_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        plim__draft_puts(out, i > 0 ? ",\"" : "\"");
        plim__glyphs_json(out, plim__text_of(texts[i]));
        plim__draft_puts(out, "\"");
    }
    plim__draft_puts(out, "]");
}

static void json_frames(plim__draft *out, const plim_repl_outcome *outcome)
{
    plim__draft_puts(out, ",\"frames\":[");
    for (size_t i = 0; i < outcome->frame_count; i++) {
        const plim_repl_frame *frame = &outcome->frames[i];
        plim__draft_printf(out, "%s{\"address\":\"0x%" PRIx64 "\",", i > 0 ? "," : "",
                           frame->address);
        outcome_text(out, "function", frame->function);
        plim__draft_puts(out, ",");
        outcome_text(out, "file", frame->file);
        plim__draft_printf(out, ",\"line\":%u,\"column\":%u,\"repeats\":%u,", frame->line,
                           frame->column, frame->repeats);
        outcome_text(out, "source", frame->source);
        plim__draft_puts(out, "}");
    }
    plim__draft_printf(out, "],\"frames_left_out\":%" PRIu64, outcome->frames_left_out);
}

void plim__repl_outcome_json(plim__draft *out, plim_repl *repl, const plim_repl_outcome *outcome)
{
    static const char no_value[] = ",\"type\":null,\"value\":null,\"address\":null";
    char *text = NULL;
    plim__draft_printf(out, "\"entry\":%u,", outcome->entry);
    outcome_text(out, "end", outcome_end(outcome->end));
    text = out->allocator->resize(out->allocator->ctx, NULL, 0, PLIM__REPL_VALUE_BYTES);
    if (text != NULL && outcome->end == PLIM_REPL_OK &&
        plim__repl_value(repl, &outcome->result, 0, false, text, PLIM__REPL_VALUE_BYTES)) {
        plim__draft_puts(out, ",");
        outcome_text(out, "type", outcome->result.type);
        plim__draft_puts(out, ",");
        outcome_text(out, "value", text);
        plim__draft_printf(out, ",\"address\":\"0x%" PRIx64 "\"", outcome->result.address);
    } else {
        plim__draft_puts(out, no_value);
    }
    if (text != NULL)
        (void)out->allocator->resize(out->allocator->ctx, text, PLIM__REPL_VALUE_BYTES, 0);
    plim__draft_puts(out, ",");
    outcome_text(out, "diagnostics", outcome->diagnostics);
    plim__draft_puts(out, ",");
    outcome_text(out, "explanation", outcome->explanation);
    json_frames(out, outcome);
    json_list(out, "lost", outcome->lost, outcome->lost_count);
    json_list(out, "hidden", outcome->hidden, outcome->hidden_count);
    if (outcome->end == PLIM_REPL_EXITED)
        plim__draft_printf(out, ",\"exit_code\":%d", outcome->exit_code);
    if (outcome->end == PLIM_REPL_CRASHED)
        plim__draft_printf(out, ",\"signal\":%d,\"fault_address\":\"0x%" PRIx64 "\"",
                           outcome->signal, outcome->fault_address);
    plim__draft_printf(
        out,
        ",\"heap_bytes\":%" PRIu64 ",\"written_bytes\":%" PRIu64 ",\"output_dropped\":%" PRIu64
        ",\"times_us\":{\"total\":%" PRIu64 ",\"parse\":%" PRIu64 ",\"compile\":%" PRIu64
        ",\"load\":%" PRIu64 ",\"run\":%" PRIu64 ",\"adopt\":%" PRIu64 ",\"explain\":%" PRIu64 "}",
        outcome->heap_bytes, outcome->written_bytes, outcome->output_dropped, outcome->times.total,
        outcome->times.parse, outcome->times.compile, outcome->times.load, outcome->times.run,
        outcome->times.commit, outcome->times.explain);
}

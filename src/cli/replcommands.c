/* SPDX-License-Identifier: MIT */
/*
 * The commands of a C session: a table of names, and a function each. They are told apart from C by
 * the colon in front, which no C begins with.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/replheap.h"
#include "cli/replui.h"
#include "cli/units.h"

enum { COMMANDS_TEXT_BYTES = 16 << 10, COMMANDS_WORD_BYTES = 64 };

typedef struct replcommand {
    const char *name;
    const char *operands; /* "" it takes none */
    const char *help;
    const char *more; /* what :help NAME adds */
    void (*run)(plim__replui *ui, const char *operands);
} replcommand;

static void commands_usage(plim__replui *ui, const char *text, const char *hint)
{
    plim_error err = {0};
    (void)plim_error_set(&err, PLIM_ERR_USAGE, "%s", text);
    plim_error_hint(&err, "%s", hint);
    plim__replui_complain(ui, &err);
}

/* With --json: what a command did, as an object with one member. */
static void commands_emit(plim__replui *ui, const char *verb, const char *key, const char *value)
{
    plim__emit_start(&ui->cli->emit, &ui->cli->out, verb);
    plim__emit_string(&ui->cli->emit, key, value);
    plim__emit_finish(&ui->cli->emit);
}

/* What was lost with a worker that a command replaced. */
static void commands_finish(plim__replui *ui, plim_status status, const plim_repl_outcome *outcome,
                            const plim_error *err)
{
    if (status != PLIM_OK) {
        plim__replui_complain(ui, err);
        return;
    }
    plim_repl_outcome lost = {.end = PLIM_REPL_DIAGNOSTIC, .diagnostics = "", .explanation = ""};
    lost.lost = outcome->lost;
    lost.lost_count = outcome->lost_count;
    if (lost.lost_count > 0 && !plim__cli_is_json(ui->cli))
        plim__replui_show(ui, &lost);
}

/* --- going back ------------------------------------------------------------------------------ */

static void command_undo(plim__replui *ui, const char *operands)
{
    plim_repl_outcome outcome = {0};
    plim_error err = {0};
    uint64_t count = 1;
    if (operands[0] != '\0' &&
        (!plim__units_parse_count(operands, &count) || count == 0 || count > UINT32_MAX)) {
        commands_usage(ui, ":undo takes a number of entries, 1 and up", ":help undo");
        return;
    }
    plim_status status = plim_repl_undo(ui->repl, (uint32_t)count, &outcome, &err);
    commands_finish(ui, status, &outcome, &err);
    if (status == PLIM_OK && plim__cli_is_json(ui->cli)) {
        plim__emit_start(&ui->cli->emit, &ui->cli->out, "repl.undo");
        plim__emit_unsigned(&ui->cli->emit, "undone", count);
        plim__emit_unsigned(&ui->cli->emit, "entry", outcome.entry);
        plim__emit_finish(&ui->cli->emit);
    } else if (status == PLIM_OK) {
        plim__out_printf(&ui->cli->out, "%" PRIu64 " entr%s taken back, ", count,
                         count == 1 ? "y" : "ies");
        if (outcome.entry != 0)
            plim__out_printf(&ui->cli->out, "the last is In[%u] now\n", (unsigned)outcome.entry);
        else
            plim__out_puts(&ui->cli->out, "none is left\n");
    }
}

/* --- names and types ------------------------------------------------------------------------- */

static const char *commands_kind(plim_repl_kind kind)
{
    switch (kind) {
    case PLIM_REPL_VARIABLE:
        return "variable";
    case PLIM_REPL_FUNCTION:
        return "function";
    case PLIM_REPL_TYPE:
        return "type";
    case PLIM_REPL_MACRO:
        break;
    }
    return "macro";
}

typedef struct commands_row {
    char name[128], type[256];
    plim_repl_kind kind;
    bool is_hidden;
    uint32_t entry;
    plim_repl_result value;
    char symbol[128];
} commands_row;

enum { COMMANDS_ROWS_MAX = 4096 };

typedef struct commands_rows {
    const plim_allocator *allocator;
    commands_row *rows;
    uint32_t count, cap;
    const char *only;
} commands_rows;

/* The session must not be asked from within its own walk: rows are copied, then shown. */
static bool commands_take_row(void *ctx, const plim_repl_variable *variable)
{
    commands_rows *to = ctx;
    if (to->only[0] != '\0' && strcmp(variable->name, to->only) != 0)
        return true;
    if (to->count == to->cap) {
        uint32_t larger = to->cap == 0 ? 64 : to->cap * 2;
        void *grown =
            larger > COMMANDS_ROWS_MAX
                ? NULL
                : to->allocator->resize(to->allocator->ctx, to->rows, to->cap * sizeof *to->rows,
                                        larger * sizeof *to->rows);
        if (grown == NULL)
            return false;
        to->rows = grown;
        to->cap = larger;
    }
    commands_row *row = &to->rows[to->count++];
    *row = (commands_row){
        .kind = variable->kind, .is_hidden = variable->is_hidden, .entry = variable->entry};
    (void)snprintf(row->name, sizeof row->name, "%s", variable->name);
    (void)snprintf(row->type, sizeof row->type, "%s", variable->type);
    (void)snprintf(row->symbol, sizeof row->symbol, "%s", variable->name);
    row->value = (plim_repl_result){.address = variable->address,
                                    .bytes = variable->bytes,
                                    .image = variable->image,
                                    .image_bytes = variable->image_bytes};
    return true;
}

static void commands_show_row(plim__replui *ui, commands_row *row)
{
    static char text[COMMANDS_TEXT_BYTES];
    plim__out *out = &ui->cli->out;
    plim__draft line;
    plim__draft_init(&line, ui->cli->allocator);
    plim__draft_puts(&line, plim__style_on(out->colour, PLIM__STYLE_NAME));
    plim__draft_printf(&line, "%-16s", row->name);
    plim__draft_puts(&line, plim__style_off(out->colour));
    plim__draft_puts(&line, plim__style_on(out->colour, PLIM__STYLE_DIM));
    plim__draft_puts(&line, " ");
    for (char *at = row->type; *at != '\0'; at++)
        *at = *at == '\n' ? ' ' : *at;
    plim__glyphs_show(&line, plim__text_of(row->type));
    plim__draft_puts(&line, plim__style_off(out->colour));
    row->value.name = row->symbol;
    if (row->kind == PLIM_REPL_VARIABLE &&
        plim__repl_value(ui->repl, &row->value, 0, false, text, sizeof text)) {
        plim__draft shown;
        plim__draft cut;
        plim__draft_init(&shown, ui->cli->allocator);
        plim__draft_init(&cut, ui->cli->allocator);
        plim__glyphs_show(&shown, plim__text_of(text));
        plim__glyphs_cut(&cut, plim__draft_view(&shown),
                         out->columns > 60 && ui->interactive ? out->columns - 44 : 200, false);
        plim__draft_puts(&line, " = ");
        plim__draft_puts(&line, plim__draft_peek(&cut));
        plim__draft_fini(&shown);
        plim__draft_fini(&cut);
    }
    if (row->is_hidden)
        plim__draft_puts(&line, "  (hidden: its type was redefined)");
    plim__draft_puts(&line, "\n");
    plim__out_text(out, plim__draft_view(&line));
    plim__draft_fini(&line);
}

static void commands_row_json(plim__replui *ui, commands_row *row)
{
    static char text[COMMANDS_TEXT_BYTES];
    plim__emit *emit = &ui->cli->emit;
    row->value.name = row->symbol;
    plim__emit_object(emit, NULL);
    plim__emit_string(emit, "name", row->name);
    plim__emit_string(emit, "kind", commands_kind(row->kind));
    plim__emit_string(emit, "type", row->type);
    plim__emit_unsigned(emit, "entry", row->entry);
    plim__emit_bool(emit, "hidden", row->is_hidden);
    if (row->kind == PLIM_REPL_VARIABLE &&
        plim__repl_value(ui->repl, &row->value, 0, false, text, sizeof text))
        plim__emit_string(emit, "value", text);
    else
        plim__emit_null(emit, "value");
    plim__emit_object_end(emit);
}

static void command_vars(plim__replui *ui, const char *operands)
{
    commands_rows rows = {.allocator = ui->cli->allocator, .only = operands};
    (void)plim_repl_variables(ui->repl, commands_take_row, &rows);
    if (plim__cli_is_json(ui->cli)) {
        plim__emit_start(&ui->cli->emit, &ui->cli->out, "repl.vars");
        plim__emit_array(&ui->cli->emit, "names");
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        if (plim__cli_is_json(ui->cli))
            commands_row_json(ui, &rows.rows[i]);
        else
            commands_show_row(ui, &rows.rows[i]);
    }
    if (plim__cli_is_json(ui->cli)) {
        plim__emit_array_end(&ui->cli->emit);
        plim__emit_finish(&ui->cli->emit);
    }
    if (rows.count == 0 && plim__cli_is_human(ui->cli))
        plim__say_note(&ui->cli->say,
                       operands[0] != '\0' ? "nothing is called so" : "nothing is defined yet");
    if (rows.rows != NULL)
        (void)rows.allocator->resize(rows.allocator->ctx, rows.rows, rows.cap * sizeof *rows.rows,
                                     0);
}

static bool commands_take_target(void *ctx, const plim_type_reference *reference)
{
    plim_type *target = ctx;
    *target = reference->target;
    return false;
}

/* "struct node *", what is behind it, and how large it is. */
static void commands_show_type(plim__replui *ui, const plim_types *types, plim_type type)
{
    static char text[COMMANDS_TEXT_BYTES];
    char line[COMMANDS_WORD_BYTES];
    plim__out *out = &ui->cli->out;
    uint64_t bytes = plim_type_bytes(types, type);
    (void)plim_type_text(types, type, NULL, text, sizeof text);
    if (plim__cli_is_json(ui->cli)) {
        plim__emit_start(&ui->cli->emit, out, "repl.type");
        plim__emit_string(&ui->cli->emit, "type", text);
        plim__emit_unsigned(&ui->cli->emit, "bytes", bytes);
        (void)plim_type_definition(types, type, text, sizeof text);
        plim__emit_string(&ui->cli->emit, "definition", text);
        plim__emit_finish(&ui->cli->emit);
        return;
    }
    plim__out_show(out, plim__text_of(text));
    (void)snprintf(line, sizeof line, bytes != 0 ? "  (%" PRIu64 " bytes)\n" : "\n", bytes);
    plim__out_styled(out, PLIM__STYLE_DIM, line);
    (void)plim_type_definition(types, type, text, sizeof text);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        plim__out_show(out, (plim_text){at, strcspn(at, "\n")});
        plim__out_puts(out, "\n");
        if (strchr(at, '\n') == NULL)
            break;
    }
}

/* A null pointer to the type is entered: nothing of the expression is computed. Then it is taken
   back, so that :undo finds what the user has entered. */
static void command_type(plim__replui *ui, const char *operands)
{
    plim__draft entry;
    plim_repl_outcome outcome;
    plim_error err = {0};
    plim_types *types = NULL;
    plim_type pointer;
    plim_type target = {0};
    if (operands[0] == '\0') {
        commands_usage(ui, ":type takes an expression or a type", ":type 1 + 2L");
        return;
    }
    plim__draft_init(&entry, ui->cli->allocator);
    plim__draft_printf(&entry, "(__typeof__(%s) *)0", operands);
    plim_status status = plim_repl_enter(ui->repl, plim__draft_peek(&entry), &outcome, &err);
    plim__draft_fini(&entry);
    if (status == PLIM_OK && outcome.end != PLIM_REPL_OK) {
        plim__replui_show(ui, &outcome);
        return;
    }
    if (status == PLIM_OK)
        status =
            plim_types_open(outcome.result.image, outcome.result.image_bytes, NULL, &types, &err);
    if (status == PLIM_OK)
        status = plim_types_variable(types, outcome.result.name, &pointer, &err);
    if (status == PLIM_OK) {
        (void)plim_type_references(types, pointer, commands_take_target, &target);
        commands_show_type(ui, types, target);
    } else {
        plim__replui_complain(ui, &err);
    }
    plim_types_close(&types);
    if (status == PLIM_OK && plim_repl_undo(ui->repl, 1, NULL, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
}

static void command_time(plim__replui *ui, const char *operands)
{
    bool before = ui->times;
    plim_error err = {0};
    if (operands[0] == '\0') {
        ui->times = !before;
        if (!plim__cli_is_json(ui->cli)) /* whose outcomes always have them */
            plim__out_printf(&ui->cli->out, "times are %s\n", ui->times ? "shown" : "not shown");
        return;
    }
    ui->times = true;
    if (plim__replui_enter(ui, operands, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    ui->times = before;
}

/* --- running a program ----------------------------------------------------------------------- */

typedef struct commands_main {
    bool is_there;
    uint32_t parameters;
} commands_main;

/* "int (int, char **)" */
static bool commands_find_main(void *ctx, const plim_repl_variable *variable)
{
    commands_main *found = ctx;
    if (variable->kind != PLIM_REPL_FUNCTION || strcmp(variable->name, "main") != 0)
        return true;
    const char *open = strchr(variable->type, '(');
    found->is_there = true;
    found->parameters = 0;
    if (open == NULL || strncmp(open, "(void)", 6) == 0 || strncmp(open, "()", 2) == 0)
        return true;
    found->parameters = 1;
    for (const char *at = open; *at != '\0'; at++)
        found->parameters += *at == ',';
    return true;
}

/* A word as an array of its own, which a program may write to. Gives where the next one begins. */
static const char *commands_add_word(plim__draft *entry, const char *at)
{
    char quote = *at == '"' || *at == '\'' ? *at++ : '\0';
    plim__draft_puts(entry, ", (char[]){\"");
    for (; *at != '\0' && *at != quote && (quote != '\0' || (*at != ' ' && *at != '\t')); at++) {
        if (*at == '"' || *at == '\\')
            plim__draft_puts(entry, "\\");
        plim__draft_add(entry, at, 1);
    }
    plim__draft_puts(entry, "\"}");
    at += quote != '\0' && *at == quote;
    return at + strspn(at, " \t");
}

static void command_run(plim__replui *ui, const char *operands)
{
    commands_main found = {false, 0};
    plim__draft entry;
    plim__draft words;
    plim_error err = {0};
    uint32_t count = 1;
    (void)plim_repl_variables(ui->repl, commands_find_main, &found);
    if (!found.is_there) {
        commands_usage(ui, ":run calls main(), and there is none",
                       "plim repl FILE… loads programs");
        return;
    }
    plim__draft_init(&entry, ui->cli->allocator);
    plim__draft_init(&words, ui->cli->allocator);
    for (const char *at = operands; *at != '\0'; count++)
        at = commands_add_word(&words, at);
    /* The session declares main() without its parameters: the cast gives them back. */
    static const char *const casts[] = {"main(", "((int (*)(int))main)(",
                                        "((int (*)(int, char **))main)(",
                                        "((int (*)(int, char **, char **))main)("};
    plim__draft_puts(&entry, casts[found.parameters < 3 ? found.parameters : 3]);
    if (found.parameters > 0)
        plim__draft_printf(&entry, "%u", count);
    if (found.parameters > 1) {
        plim__draft_puts(&entry, ", (char *[]){(char[]){\"main\"}");
        plim__draft_puts(&entry, plim__draft_peek(&words));
        plim__draft_puts(&entry, ", 0}");
    }
    if (found.parameters > 2)
        plim__draft_puts(&entry, ", (char *[]){0}");
    plim__draft_puts(&entry, ")");
    if (plim__replui_enter(ui, plim__draft_peek(&entry), &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    plim__draft_fini(&words);
    plim__draft_fini(&entry);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void commands_show_limits(plim__replui *ui)
{
    plim_repl_info info;
    char heap[PLIM__UNITS_BYTES];
    char most[PLIM__UNITS_BYTES];
    char used[PLIM__UNITS_BYTES];
    char entry[PLIM__UNITS_BYTES] = "all that is left";
    char run[PLIM__UNITS_BYTES] = "no limit";
    bool exact = ui->cli->out.exact_bytes;
    plim_repl_read_info(ui->repl, &info);
    if (plim__cli_is_json(ui->cli)) {
        plim__emit *emit = &ui->cli->emit;
        plim__emit_start(emit, &ui->cli->out, "repl.budget");
        plim__emit_unsigned(emit, "heap_bytes", info.heap_used_bytes);
        plim__emit_unsigned(emit, "heap_blocks", info.heap_blocks);
        plim__emit_unsigned(emit, "heap_high_water_bytes", info.heap_high_water_bytes);
        plim__emit_unsigned(emit, "memory_bytes", info.limits.memory_bytes);
        plim__emit_unsigned(emit, "entry_bytes", info.limits.entry_bytes);
        plim__emit_unsigned(emit, "deadline_ms", info.limits.deadline_ms);
        plim__emit_finish(emit);
        return;
    }
    plim__units_bytes(used, info.heap_used_bytes, exact);
    plim__units_bytes(most, info.heap_high_water_bytes, exact);
    plim__units_bytes(heap, info.limits.memory_bytes, exact);
    if (info.limits.entry_bytes != 0)
        plim__units_bytes(entry, info.limits.entry_bytes, exact);
    if (info.limits.deadline_ms != 0)
        plim__units_time(run, (uint64_t)info.limits.deadline_ms * 1000000);
    plim__out_printf(&ui->cli->out,
                     "heap   %s of %s in %" PRIu64 " block%s (%s at most so far)\n"
                     "entry  may add %s, may run %s\n",
                     used, heap, info.heap_blocks, info.heap_blocks == 1 ? "" : "s", most, entry,
                     info.limits.deadline_ms != 0 ? run : "without end");
}

static void command_budget(plim__replui *ui, const char *operands)
{
    plim_repl_limits limits = {UINT64_MAX, UINT64_MAX, UINT32_MAX};
    char word[COMMANDS_WORD_BYTES];
    char figure[COMMANDS_WORD_BYTES];
    uint64_t number = 0;
    plim_error err = {0};
    int words = sscanf(operands, "%63s %63s", word, figure);
    bool understood = true;
    if (words == 1)
        understood = plim__units_parse_bytes(word, &limits.memory_bytes);
    else if (words == 2 && strcmp(word, "entry") == 0)
        understood = plim__units_parse_bytes(figure, &limits.entry_bytes);
    else if (words == 2 && strcmp(word, "time") == 0)
        understood = plim__units_parse_time(figure, &number) && number / 1000000 < UINT32_MAX;
    else if (words > 0)
        understood = false;
    if (!understood) {
        commands_usage(ui, ":budget takes a size, \"entry\" and a size, or \"time\" and a time",
                       ":budget 512M, :budget entry 64M, :budget time 5s (0: no limit)");
        return;
    }
    if (words == 2 && strcmp(word, "time") == 0)
        limits.deadline_ms = (uint32_t)(number / 1000000);
    if (words > 0 && plim_repl_budget(ui->repl, &limits, &err) != PLIM_OK) {
        plim__replui_complain(ui, &err);
        return;
    }
    commands_show_limits(ui);
}

/* --- files and libraries --------------------------------------------------------------------- */

static void command_save(plim__replui *ui, const char *operands)
{
    plim_error err = {0};
    if (operands[0] == '\0')
        commands_usage(ui, ":save takes a file's name", ":save work.plim");
    else if (plim_repl_save(ui->repl, operands, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    else if (plim__cli_is_json(ui->cli))
        commands_emit(ui, "repl.save", "path", operands);
    else
        plim__out_printf(&ui->cli->out, "saved: %s\n", operands);
}

static void command_load(plim__replui *ui, const char *operands)
{
    plim_error err = {0};
    plim_status status = PLIM_OK;
    if (operands[0] == '\0') {
        commands_usage(ui, ":load takes a file's name", ":load work.plim");
        return;
    }
    status = plim_repl_load(ui->repl, operands, &err);
    if (status == PLIM_ERR_BUSY) { /* in words of its own: the first error is the one kept */
        err = (plim_error){0};
        (void)plim_error_set(&err, status,
                             "this session has entries of its own; a saved one takes their place "
                             "only in an empty one");
        plim_error_hint(&err, "start plim repl again, and :load first");
    }
    if (status != PLIM_OK)
        plim__replui_complain(ui, &err);
    else if (plim__cli_is_json(ui->cli))
        commands_emit(ui, "repl.load", "path", operands);
    else
        plim__out_printf(&ui->cli->out, "loaded: %s\n", operands);
}

static void command_link(plim__replui *ui, const char *operands)
{
    plim_repl_outcome outcome = {0};
    plim_error err = {0};
    if (operands[0] == '\0') {
        commands_usage(ui, ":link takes a library", ":link m, :link sqlite3, :link ./libmine.so");
        return;
    }
    plim_status status = plim_repl_link(ui->repl, operands, &outcome, &err);
    commands_finish(ui, status, &outcome, &err);
    if (status == PLIM_OK && plim__cli_is_json(ui->cli))
        commands_emit(ui, "repl.link", "library", operands);
}

static void command_quit(plim__replui *ui, const char *operands)
{
    (void)operands;
    ui->ends = true;
}

/* --- the table ------------------------------------------------------------------------------- */

static void command_help(plim__replui *ui, const char *operands);

static const replcommand commands_table[] = {
    {"undo", "[N]", "take back the last entry, or N of them: memory and names",
     "Variables, heap and names are as they were before. Entries that failed have changed nothing\n"
     "and are not counted; what was taken back does not come again.\n",
     command_undo},
    {"vars", "[NAME]", "variables with their values, functions, types, macros",
     "In order of definition; hidden are those whose type was redefined since.\n", command_vars},
    {"type", "EXPRESSION", "its type, with offsets and sizes; nothing is computed",
     "Of a type, too:\n  :type head->next\n  :type struct node\n", command_type},
    {"run", "[WORD]...", "call main() of a program that was loaded, with these arguments",
     "  plim repl list.c main.c   (in a shell)\n  :run -v 'two words'\n"
     "An entry like any other: if it returns, what it did stays; if it calls exit(), it is gone.\n",
     command_run},
    {"time", "[C]", "enter C and say what took how long; alone: of every entry",
     "  :time qsort(a, 1000, sizeof *a, by_size)\n", command_time},
    {"budget", "[SIZE]", "what heap (SIZE), entry (entry SIZE), run (time T) may take",
     "  :budget            what there is\n  :budget 512M       all of the heap\n"
     "  :budget entry 64M  what one entry may add to it\n"
     "  :budget time 5s    how long one may run\n0 is no limit.\n",
     command_budget},
    {"heap", "", "what lives in the heap, by type",
     "The type is the one of a pointer that leads to the block. Who holds what: :snap, :serve.\n",
     plim__repl_heap},
    {"leaks", "", "blocks that nothing leads to any more",
     "Nothing: no variable, no block, no word anywhere in the session's memory.\n",
     plim__repl_leaks},
    {"snap", "[FILE]", "write a heap snapshot for Chrome DevTools and plim",
     "  :snap now.heapsnapshot\n  plim retainers now.heapsnapshot @ID   (in a shell)\n",
     plim__repl_snap},
    {"serve", "[PORT]", "show the session to Chrome DevTools, until Ctrl-C",
     "On port 9229, or any free one: open chrome://inspect. Its console enters C here; an entry\n"
     "without an end is stopped by the session's deadline, else after 10 s, or by Ctrl-C.\n",
     plim__repl_serve},
    {"save", "FILE", "write the whole session",
     "Memory, names, libraries; for the same compiler and C library. :load FILE goes on with it.\n",
     command_save},
    {"load", "FILE", "go on with one that was saved",
     "Before anything else is entered. It is code: load none that you would not run.\n",
     command_load},
    {"link", "LIBRARY", "use a shared library from now on",
     "  :link m          libm.so, as -lm does\n  :link ./mine.so  a file\n"
     "Its own variables live as long as a worker.\n",
     command_link},
    {"help", "[COMMAND]", "this, or more of one", "", command_help},
    {"quit", "", "end; Ctrl-D does so, too", "", command_quit},
};

enum { COMMANDS_COUNT = sizeof commands_table / sizeof *commands_table };

static const replcommand *commands_find(const char *name, size_t length)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        if (strlen(commands_table[i].name) == length &&
            strncmp(name, commands_table[i].name, length) == 0)
            return &commands_table[i];
    }
    return NULL;
}

static void commands_unknown(plim__replui *ui, const char *name, size_t length)
{
    char text[COMMANDS_WORD_BYTES];
    (void)snprintf(text, sizeof text, "there is no command :%.*s", (int)length, name);
    commands_usage(ui, text, ":help");
}

static void commands_row_of_help(plim__replui *ui, const replcommand *command)
{
    char left[COMMANDS_WORD_BYTES];
    (void)snprintf(left, sizeof left, "  :%s %s", command->name, command->operands);
    plim__out_printf(&ui->cli->out, "%-20s  %s\n", left, command->help);
}

static void commands_help_json(plim__replui *ui)
{
    plim__emit *emit = &ui->cli->emit;
    plim__emit_start(emit, &ui->cli->out, "repl.help");
    plim__emit_array(emit, "commands");
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        plim__emit_object(emit, NULL);
        plim__emit_string(emit, "name", commands_table[i].name);
        plim__emit_string(emit, "operands", commands_table[i].operands);
        plim__emit_string(emit, "help", commands_table[i].help);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
    plim__emit_finish(emit);
}

static void command_help(plim__replui *ui, const char *operands)
{
    plim__out *out = &ui->cli->out;
    operands += operands[0] == ':';
    size_t length = strcspn(operands, " \t");
    const replcommand *command = commands_find(operands, length);
    if (plim__cli_is_json(ui->cli)) {
        commands_help_json(ui);
        return;
    }
    if (command != NULL) {
        commands_row_of_help(ui, command);
        plim__out_puts(out, command->more);
        return;
    }
    if (length > 0) {
        commands_unknown(ui, operands, length);
        return;
    }
    plim__out_puts(out, "C, in one line or several: an expression shows its value; what is defined "
                        "stays.\nA crash costs nothing: memory is as it was before the entry.\n\n");
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        commands_row_of_help(ui, &commands_table[i]);
    plim__out_puts(out, "\nTab completes names and members. Ctrl-R searches what was entered, "
                        "Ctrl-C stops an entry.\n");
}

bool plim__replui_is_command(const char *line)
{
    line += strspn(line, " \t");
    return line[0] == ':' && isalpha((unsigned char)line[1]);
}

void plim__replui_command(plim__replui *ui, const char *line)
{
    line += strspn(line, " \t") + 1;
    size_t length = strspn(line, "abcdefghijklmnopqrstuvwxyz");
    const char *operands = line + length + strspn(line + length, " \t");
    const replcommand *command = commands_find(line, length);
    if (command == NULL) {
        commands_unknown(ui, line, length + strcspn(line + length, " \t"));
    } else if (command->operands[0] == '\0' && operands[0] != '\0') {
        char text[COMMANDS_WORD_BYTES];
        (void)snprintf(text, sizeof text, ":%s takes nothing behind it", command->name);
        commands_usage(ui, text, ":help");
    } else {
        command->run(ui, operands);
    }
    plim__out_flush(&ui->cli->out);
}

void plim__replui_commands_begin_with(const char *word, size_t bytes,
                                      bool (*offer)(void *to, const char *word, const char *detail),
                                      void *to)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        char name[COMMANDS_WORD_BYTES];
        (void)snprintf(name, sizeof name, ":%s", commands_table[i].name);
        if (strncmp(name, word, bytes) == 0 && !offer(to, name, commands_table[i].help))
            return;
    }
}

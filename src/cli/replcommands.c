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
    const char *operands;
    const char *help;
    void (*run)(plim__replui *ui, const char *operands);
} replcommand;

static void commands_usage(plim__replui *ui, const char *text)
{
    plim_error err = {0};
    (void)plim_error_set(&err, PLIM_ERR_USAGE, "%s", text);
    plim_error_hint(&err, ":help");
    plim__replui_complain(ui, &err);
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
    if (operands[0] != '\0' && (!plim__units_parse_count(operands, &count) || count > UINT32_MAX)) {
        commands_usage(ui, ":undo takes a number of entries");
        return;
    }
    plim_status status = plim_repl_undo(ui->repl, (uint32_t)count, &outcome, &err);
    commands_finish(ui, status, &outcome, &err);
    if (status == PLIM_OK && plim__cli_is_human(ui->cli))
        plim__out_printf(&ui->cli->out, "%" PRIu64 " entr%s taken back\n", count,
                         count == 1 ? "y" : "ies");
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

/* A null pointer to the type is entered: nothing of the expression is computed. */
static void command_type(plim__replui *ui, const char *operands)
{
    plim__draft entry;
    plim_repl_outcome outcome;
    plim_error err = {0};
    plim_types *types = NULL;
    plim_type pointer;
    plim_type target = {0};
    if (operands[0] == '\0') {
        commands_usage(ui, ":type takes an expression or a type");
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
}

static void command_time(plim__replui *ui, const char *operands)
{
    bool before = ui->times;
    plim_error err = {0};
    if (operands[0] == '\0') {
        ui->times = !before;
        plim__out_printf(&ui->cli->out, "times are %s\n", ui->times ? "shown" : "not shown");
        return;
    }
    ui->times = true;
    if (plim__replui_enter(ui, operands, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    ui->times = before;
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
        commands_usage(ui, ":budget 512M, :budget entry 64M, :budget time 5s (0: no limit)");
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
        commands_usage(ui, ":save takes a file's name");
    else if (plim_repl_save(ui->repl, operands, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    else
        plim__say_note(&ui->cli->say, "saved to %s", operands);
}

static void command_load(plim__replui *ui, const char *operands)
{
    plim_error err = {0};
    if (operands[0] == '\0')
        commands_usage(ui, ":load takes a file's name");
    else if (plim_repl_load(ui->repl, operands, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    else
        plim__say_note(&ui->cli->say, "loaded %s", operands);
}

static void command_link(plim__replui *ui, const char *operands)
{
    plim_repl_outcome outcome = {0};
    plim_error err = {0};
    if (operands[0] == '\0') {
        commands_usage(ui, ":link takes a library: m, sqlite3, ./libmine.so");
        return;
    }
    commands_finish(ui, plim_repl_link(ui->repl, operands, &outcome, &err), &outcome, &err);
}

static void command_quit(plim__replui *ui, const char *operands)
{
    (void)operands;
    ui->ends = true;
}

/* --- the table ------------------------------------------------------------------------------- */

static void command_help(plim__replui *ui, const char *operands);

static const replcommand commands_table[] = {
    {"undo", "[N]", "take back the last entry, or N of them: memory and names", command_undo},
    {"vars", "[NAME]", "variables with their values, functions, types, macros", command_vars},
    {"type", "EXPRESSION", "its type, with offsets and sizes; nothing is computed", command_type},
    {"time", "[C]", "enter C and say what took how long; alone: of every entry", command_time},
    {"budget", "[SIZE]", "what heap (SIZE), entry (entry SIZE), run (time T) may take",
     command_budget},
    {"heap", "", "what lives in the heap, by type, and who holds it", plim__repl_heap},
    {"leaks", "", "blocks that nothing leads to any more", plim__repl_leaks},
    {"snap", "[FILE]", "write a heap snapshot for Chrome DevTools and plim", plim__repl_snap},
    {"serve", "[PORT]", "show the session to Chrome DevTools, until Ctrl-C", plim__repl_serve},
    {"save", "FILE", "write the whole session", command_save},
    {"load", "FILE", "go on with one that was saved", command_load},
    {"link", "LIBRARY", "use a shared library from now on", command_link},
    {"help", "", "this", command_help},
    {"quit", "", "end; Ctrl-D does so, too", command_quit},
};

enum { COMMANDS_COUNT = sizeof commands_table / sizeof *commands_table };

static void command_help(plim__replui *ui, const char *operands)
{
    plim__out *out = &ui->cli->out;
    (void)operands;
    plim__out_puts(out, "C, in one line or several: an expression shows its value; what is defined "
                        "stays.\nA crash costs nothing: memory is as it was before the entry.\n\n");
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        char left[COMMANDS_WORD_BYTES];
        (void)snprintf(left, sizeof left, "  :%s %s", commands_table[i].name,
                       commands_table[i].operands);
        plim__out_printf(out, "%-20s  %s\n", left, commands_table[i].help);
    }
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
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        const replcommand *command = &commands_table[i];
        if (strlen(command->name) == length && strncmp(line, command->name, length) == 0) {
            command->run(ui, operands);
            plim__out_flush(&ui->cli->out);
            return;
        }
    }
    plim_error err = {0};
    (void)plim_error_set(&err, PLIM_ERR_USAGE, "there is no command :%.*s", (int)length, line);
    plim_error_hint(&err, ":help");
    plim__replui_complain(ui, &err);
    ui->failed++;
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

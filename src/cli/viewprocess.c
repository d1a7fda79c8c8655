/* SPDX-License-Identifier: MIT */
/*
 * plim view of a program without a region: the blocks of one that runs with libplimsoll-malloc.so,
 * by the place that allocated them (their type, as far as one knows it) and by domain (a module, or
 * the program). It is read while it runs.
 */
#include <plimsoll/bridge.h>
#include <plimsoll/process_view.h>

#include <stdio.h>
#include <string.h>

#include "cli/sheet.h"
#include "cli/units.h"
#include "cli/viewlook.h"

enum {
    BLOCK_WORDS_MAX = 4096, /* of one block that is shown word by word */
    BLOCK_WORDS_SHOWN = 64, /* to people */
    BLOCK_LINE_BYTES = 24   /* of a block in a list */
};

static bool block_fits(const plim__args *args, const plim_process_view *view,
                       const plim_process_block *block)
{
    const char *type = args->values[PLIM__OPTION_type].text;
    const char *owner = args->values[PLIM__OPTION_owner].text;
    return (type == NULL || strcmp(type, plim_process_view_site(view, block->site)) == 0) &&
           (owner == NULL || strcmp(owner, plim_process_view_domain(view, block->domain)) == 0);
}

/* --- groups -------------------------------------------------------------------------------- */

static void process_groups(plim__cli *cli, const plim_process_view *view, plim_process_group_by by,
                           const char *key, const char *head)
{
    const plim__column columns[] = {{"name", head, PLIM__CELL_NAME},
                                    {"count", "count", PLIM__CELL_COUNT},
                                    {"held_bytes", "held", PLIM__CELL_BYTES}};
    uint64_t count = 0;
    const plim_process_group *groups = plim_process_view_groups(view, by, &count);
    uint64_t top = plim__cli_top(cli, count);
    plim__sheet sheet;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, key, columns, 3);
    for (uint64_t i = 0; i < top; i++) {
        plim__sheet_text(&sheet, plim__text_of(groups[i].name));
        plim__sheet_unsigned(&sheet, groups[i].count);
        plim__sheet_unsigned(&sheet, groups[i].bytes);
    }
    plim__sheet_finish(&sheet);
    plim__cli_rest(cli, top, count);
}

/* --- blocks -------------------------------------------------------------------------------- */

/* Its first bytes: the text that they are, else as numbers. */
static void block_line(const plim_process_view *view, const plim_process_block *block,
                       plim__draft *draft)
{
    unsigned char bytes[BLOCK_LINE_BYTES];
    size_t wanted = block->bytes < sizeof bytes ? (size_t)block->bytes : sizeof bytes;
    size_t got = plim_process_view_read(view, block->address, bytes, wanted);
    size_t text = 0;
    plim__draft_clear(draft);
    while (text < got && bytes[text] >= ' ' && bytes[text] < 0x7f)
        text++;
    if (text >= 4 && (text == got || bytes[text] == '\0')) {
        plim__draft_puts(draft, "\"");
        plim__draft_add(draft, (const char *)bytes, text);
        plim__draft_puts(draft, text == got ? "…" : "\"");
        return;
    }
    for (size_t i = 0; i < got; i++)
        plim__draft_printf(draft, "%s%02x", i > 0 && i % 8 == 0 ? " " : "", bytes[i]);
}

static void process_blocks(plim__cli *cli, const plim_process_view *view)
{
    static const plim__column columns[] = {{"id", "id", PLIM__CELL_ID},
                                           {"type", "type", PLIM__CELL_NAME},
                                           {"owner", "owner", PLIM__CELL_NAME},
                                           {"held_bytes", "held", PLIM__CELL_BYTES},
                                           {"value", "value", PLIM__CELL_TEXT}};
    plim_process_block block;
    plim__draft text;
    plim__sheet sheet;
    uint64_t shown = 0;
    uint64_t fitting = 0;
    uint64_t top = plim__cli_top(cli, UINT32_MAX);
    plim__draft_init(&text, cli->allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "objects", columns, 5);
    for (uint64_t i = 0; plim_process_view_block(view, i, &block); i++) {
        if (!block_fits(&cli->args, view, &block) || fitting++ >= top)
            continue;
        block_line(view, &block, &text);
        plim__sheet_unsigned(&sheet, plim_region_node_id(block.birth));
        plim__sheet_text(&sheet, plim__text_of(plim_process_view_site(view, block.site)));
        plim__sheet_text(&sheet, plim__text_of(plim_process_view_domain(view, block.domain)));
        plim__sheet_unsigned(&sheet, block.bytes);
        plim__sheet_text(&sheet, plim__draft_view(&text));
        shown++;
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&text);
    plim__cli_rest(cli, shown, fitting);
}

/* --- one block ----------------------------------------------------------------------------- */

static bool block_find(const plim_process_view *view, uint64_t id, plim_process_block *out_block)
{
    uint64_t birth = plim_region_node_birth(id);
    for (uint64_t i = 0; birth != 0 && plim_process_view_block(view, i, out_block); i++)
        if (out_block->birth == birth)
            return true;
    return false;
}

static void block_show_word(plim__out *out, const plim_process_view *view, uint64_t offset,
                            uint64_t word)
{
    plim_process_block other;
    plim__out_printf(out, "  %6llu  %016llx", (unsigned long long)offset, (unsigned long long)word);
    if (plim_process_view_at(view, word, &other)) {
        plim__out_printf(out, "  @%llu ", (unsigned long long)plim_region_node_id(other.birth));
        plim__out_show(out, plim__text_of(plim_process_view_site(view, other.site)));
        if (word != other.address)
            plim__out_printf(out, "+%llu", (unsigned long long)(word - other.address));
    }
    plim__out_puts(out, "\n");
}

static void block_show(plim__cli *cli, const plim_process_view *view,
                       const plim_process_block *block, const uint64_t *words, size_t count)
{
    plim__out *out = &cli->out;
    char bytes[PLIM__UNITS_BYTES];
    plim__units_bytes(bytes, block->bytes, out->exact_bytes);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_HEAD));
    plim__out_show(out, plim__text_of(plim_process_view_site(view, block->site)));
    plim__out_printf(out, " @%llu%s  %s at 0x%llx\n  domain ",
                     (unsigned long long)plim_region_node_id(block->birth),
                     plim__style_off(out->colour), bytes, (unsigned long long)block->address);
    plim__out_show(out, plim__text_of(plim_process_view_domain(view, block->domain)));
    plim__out_puts(out, "\n\n");
    for (size_t i = 0; i < count && i < BLOCK_WORDS_SHOWN; i++)
        block_show_word(out, view, i * sizeof *words, words[i]);
    if (count > BLOCK_WORDS_SHOWN)
        plim__out_printf(out, "  and %zu words more (--json shows %d)\n", count - BLOCK_WORDS_SHOWN,
                         BLOCK_WORDS_MAX);
}

static void block_emit_address(plim__emit *emit, const char *name, uint64_t address)
{
    char text[2 + 16 + 1];
    (void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
    plim__emit_string(emit, name, text);
}

static void block_emit(plim__cli *cli, const plim_process_view *view,
                       const plim_process_block *block, const uint64_t *words, size_t count)
{
    plim__emit *emit = &cli->emit;
    plim__emit_object(emit, "object");
    plim__emit_unsigned(emit, "id", plim_region_node_id(block->birth));
    plim__emit_string(emit, "type", plim_process_view_site(view, block->site));
    plim__emit_string(emit, "owner", plim_process_view_domain(view, block->domain));
    block_emit_address(emit, "address", block->address);
    plim__emit_unsigned(emit, "held_bytes", block->bytes);
    plim__emit_array(emit, "words");
    for (size_t i = 0; i < count; i++) {
        plim_process_block other;
        bool is_other = plim_process_view_at(view, words[i], &other);
        plim__emit_object(emit, NULL);
        plim__emit_unsigned(emit, "offset", i * sizeof *words);
        block_emit_address(emit, "word", words[i]);
        plim__emit_known(emit, "object", is_other ? plim_region_node_id(other.birth) : UINT64_MAX);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
    plim__emit_object_end(emit);
}

static plim_status process_one(plim__cli *cli, const plim_process_view *view, plim_error *err)
{
    static uint64_t words[BLOCK_WORDS_MAX];
    plim_process_block block;
    uint64_t id;
    plim_status status = plim__args_node_id(&cli->args, &id, err);
    if (status == PLIM_OK && !block_find(view, id, &block)) {
        status = plim_error_set(err, PLIM_ERR_USAGE, "there is no block @%llu in it",
                                (unsigned long long)id);
        plim_error_hint(err, "plim view %s --by object", plim__args_file(&cli->args, 0));
    }
    if (status != PLIM_OK)
        return status;
    size_t wanted = block.bytes < sizeof words ? (size_t)block.bytes : sizeof words;
    size_t count = plim_process_view_read(view, block.address, words, wanted) / sizeof *words;
    if (plim__cli_is_json(cli))
        block_emit(cli, view, &block, words, count);
    else
        block_show(cli, view, &block, words, count);
    return PLIM_OK;
}

/* --- all together -------------------------------------------------------------------------- */

static void process_head(plim__cli *cli, const plim_process_view *view)
{
    const char *address = plim__args_file(&cli->args, 0);
    plim_process_view_info info;
    plim__out *out = &cli->out;
    char used[PLIM__UNITS_BYTES];
    char held[PLIM__UNITS_BYTES];
    char blocks[PLIM__UNITS_BYTES];
    plim_process_view_read_info(view, &info);
    if (plim__cli_is_json(cli)) {
        plim__emit_string(&cli->emit, "name", address);
        plim__emit_unsigned(&cli->emit, "object_count", info.block_count);
        plim__emit_unsigned(&cli->emit, "held_bytes", info.used_bytes);
        plim__emit_unsigned(&cli->emit, "data_bytes", info.held_bytes);
    } else if (plim__cli_is_human(cli) && cli->args.operand_count == 1) {
        plim__units_bytes(used, info.used_bytes, out->exact_bytes);
        plim__units_bytes(held, info.held_bytes, out->exact_bytes);
        plim__units_count(blocks, info.block_count);
        plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_HEAD));
        plim__out_show(out, plim__text_of(address));
        plim__out_printf(out,
                         "%s  a program under libplimsoll-malloc\n  %s blocks in %s, pages %s"
                         "\n\n",
                         plim__style_off(out->colour), blocks, used, held);
    }
}

static plim_status blocks_cannot(const plim__cli *cli, const char *what, const char *verb,
                                 plim_error *err)
{
    plim_status status = plim_error_set(
        err, PLIM_ERR_UNSUPPORTED, "%s: the blocks of a program without a region have none", what);
    plim_error_hint(err, "plim %s %s", verb, plim__args_file(&cli->args, 0));
    return status;
}

static plim_status process_parts(plim__cli *cli, const plim_process_view *view, plim_error *err)
{
    if (cli->args.operand_count > 1)
        return process_one(cli, view, err);
    bool is_some = plim__args_has(&cli->args, PLIM__OPTION_by);
    switch ((plim__group_by)plim__args_number(&cli->args, PLIM__OPTION_by, PLIM__BY_TYPE)) {
    case PLIM__BY_TYPE:
        process_groups(cli, view, PLIM_PROCESS_BY_SITE, "types", "type");
        break;
    case PLIM__BY_OWNER:
        process_groups(cli, view, PLIM_PROCESS_BY_DOMAIN, "owners", "owner");
        break;
    case PLIM__BY_SITE:
        process_groups(cli, view, PLIM_PROCESS_BY_SITE, "sites", "made at");
        break;
    case PLIM__BY_OBJECT:
        process_blocks(cli, view);
        break;
    case PLIM__BY_TAG:
    case PLIM__BY_TREE:
        break; /* refused before */
    }
    if (is_some || (!plim__cli_is_human(cli) && !plim__cli_is_json(cli)))
        return PLIM_OK;
    if (plim__cli_is_human(cli))
        plim__out_puts(&cli->out, "\n");
    process_groups(cli, view, PLIM_PROCESS_BY_DOMAIN, "owners", "owner");
    return PLIM_OK;
}

int64_t plim__view_process_id(const char *address)
{
    static const char *const schemes[] = {"pid:", "heap:"};
    for (size_t i = 0; address != NULL && i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i]);
        uint64_t pid = 0;
        if (strncmp(address, schemes[i], length) == 0 &&
            plim__units_parse_count(address + length, &pid) && pid > 0 && pid <= INT32_MAX)
            return (int64_t)pid;
    }
    return 0;
}

plim_status plim__view_process(plim__cli *cli, int64_t pid, plim_error *err)
{
    plim_process_view *view = NULL;
    if (plim__args_has(&cli->args, PLIM__OPTION_at) || plim__args_has(&cli->args, PLIM__OPTION_cut))
        return blocks_cannot(cli, "earlier moments and cuts", "snap", err);
    uint64_t by = plim__args_number(&cli->args, PLIM__OPTION_by, PLIM__BY_TYPE);
    if (plim__args_has(&cli->args, PLIM__OPTION_tag) || by == PLIM__BY_TAG)
        return blocks_cannot(cli, "tags", "view", err);
    if (by == PLIM__BY_TREE)
        return blocks_cannot(cli, "a tree of owners", "dominators", err);
    plim_status status = plim_process_view_open(pid, cli->allocator, &view, err);
    if (status == PLIM_OK)
        status = plim_process_view_look(view, err);
    if (status == PLIM_OK && plim__cli_is_json(cli))
        plim__emit_start(&cli->emit, &cli->out, "view");
    if (status == PLIM_OK) {
        process_head(cli, view);
        status = process_parts(cli, view, err);
    }
    if (status == PLIM_OK && plim__cli_is_json(cli))
        plim__emit_finish(&cli->emit);
    plim_process_view_close(&view);
    return status;
}

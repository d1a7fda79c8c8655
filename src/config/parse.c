/* SPDX-License-Identifier: MIT */
/*
 * One text, through inih (docs/adr/0005). inih asks for one line at a time and hands on one value
 * at a time, so the reader below knows the number of every line, and can refuse what inih would
 * take in its own way: lines and names that it would cut, indentation that it would take for the
 * rest of the value above, a NUL at which it would stop.
 * Invariants: R1 inih never sees a line, section or name longer than it keeps. R2 after the first
 * error no more lines are read. R3 a section that gives nothing is an error: most likely its keys
 * went astray.
 */
#include <ini.h>
#include <string.h>

#include "config/figure.h"
#include "config/state.h"

enum {
    PARSE_LINE_MAX = 190, /* inih keeps 197 bytes of a line; the rest would be a line of its own */
    PARSE_NAME_MAX = 49   /* and 49 of a section or a key; the rest would be lost */
};

typedef struct parse_reader {
    plim_source source;
    char buffer[4096];
    size_t at, length;
    uint64_t total_bytes;
    bool ended;
    uint32_t line;          /* number of the line inih has now */
    uint32_t section_line;  /* of the section that holds now; 0: none */
    uint32_t empty_section; /* the same while it gave nothing yet, else 0 */
    plim_config *config;
    plim_config_source kind;
    const char *name;
    plim_status status;
    plim_error *err;
} parse_reader;

static plim__config_origin parse_origin(const parse_reader *reader, uint32_t line)
{
    return (plim__config_origin){reader->kind, line, reader->name};
}

/* Where the failure is; the first one stands. */
static void parse_fail(parse_reader *reader, plim_status status, uint32_t line)
{
    if (reader->status != PLIM_OK)
        return;
    reader->status = status;
    plim__config_where(reader->err, parse_origin(reader, line));
}

/* The next byte, or -1 at the end and after a failure. */
static int parse_byte(parse_reader *reader)
{
    if (reader->at == reader->length && !reader->ended) {
        reader->at = reader->length = 0;
        plim_status status =
            reader->source.read(reader->source.ctx, reader->buffer, sizeof reader->buffer,
                                &reader->length, reader->err);
        reader->ended = status != PLIM_OK || reader->length == 0;
        reader->total_bytes += reader->length;
        if (status != PLIM_OK)
            parse_fail(reader, status, reader->line);
        else if (reader->total_bytes > PLIM_CONFIG_FILE_BYTES_MAX) {
            plim_error_hint(reader->err, "is this the right file?");
            parse_fail(reader,
                       plim_error_set(reader->err, PLIM_ERR_DAMAGED,
                                      "larger than %u bytes: no configuration",
                                      PLIM_CONFIG_FILE_BYTES_MAX),
                       reader->line);
        }
    }
    if (reader->status != PLIM_OK || reader->at == reader->length)
        return -1;
    return (unsigned char)reader->buffer[reader->at++];
}

/* One line without its end, in out; false at the end of the text or after a failure. */
static bool parse_line(parse_reader *reader, char out[PARSE_LINE_MAX + 1])
{
    size_t length = 0;
    bool any = false;
    int byte = parse_byte(reader);
    reader->line++;
    for (; byte >= 0 && byte != '\n'; byte = parse_byte(reader)) {
        any = true;
        if (length == PARSE_LINE_MAX) {
            plim_status status = plim_error_set(reader->err, PLIM_ERR_DAMAGED,
                                                "a line of more than %d bytes", PARSE_LINE_MAX);
            plim_error_hint(reader->err, "a key and its value stand on one line; break comments");
            parse_fail(reader, status, reader->line);
            return false;
        }
        if ((byte < ' ' && byte != '\t' && byte != '\r') || byte == 0x7f) {
            plim_status status = plim_error_set(reader->err, PLIM_ERR_DAMAGED,
                                                "byte 0x%02x is no text", (unsigned)byte);
            plim_error_hint(reader->err, "is this the right file? It must be plain text");
            parse_fail(reader, status, reader->line);
            return false;
        }
        out[length++] = (char)byte;
    }
    out[length] = '\0';
    return reader->status == PLIM_OK && (any || byte == '\n');
}

/* "  key = value   # why" as "key = value". */
static char *parse_trim(char *line)
{
    while (*line == ' ' || *line == '\t' || *line == '\r')
        line++;
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '#' && at > line && (at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            break;
        }
    }
    return line;
}

/* inih passes over what stands behind a section's name: a key there would be lost. */
static bool parse_section_ends(parse_reader *reader, const char *line)
{
    const char *rest = line + strcspn(line, "]");
    rest += *rest == ']' ? 1 : 0; /* without one inih refuses the line */
    rest += strspn(rest, " \t\r");
    if (*rest == '\0' || *rest == '#' || *rest == ';')
        return true;
    plim_status status = plim_error_set(reader->err, PLIM_ERR_DAMAGED,
                                        "\"%.40s\" behind the name of a section", rest);
    plim_error_hint(reader->err, "give key = value a line of its own");
    parse_fail(reader, status, reader->line);
    return false;
}

static void parse_close_section(parse_reader *reader)
{
    if (reader->empty_section == 0)
        return;
    plim_status status = plim_error_set(reader->err, PLIM_ERR_DAMAGED, "this section is empty");
    if (status != PLIM_OK && reader->status == PLIM_OK)
        plim_error_hint(reader->err, "give it a key = value, or remove it");
    parse_fail(reader, status, reader->empty_section);
}

/* R1, and R3's bookkeeping. */
static bool parse_line_fits(parse_reader *reader, const char *line)
{
    bool is_section = line[0] == '[';
    size_t length = is_section ? strcspn(line, "]") - 1 : strcspn(line, "=:");
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return true;
    if (is_section) {
        parse_close_section(reader);
        reader->section_line = reader->line;
        reader->empty_section = reader->line;
    }
    if (length <= PARSE_NAME_MAX || reader->status != PLIM_OK)
        return reader->status == PLIM_OK && (!is_section || parse_section_ends(reader, line));
    plim_status status = plim_error_set(reader->err, PLIM_ERR_DAMAGED, "a %s of more than %d bytes",
                                        is_section ? "section" : "key", PARSE_NAME_MAX);
    plim_error_hint(reader->err, "see plimsoll.conf(5) for the sections and keys there are");
    parse_fail(reader, status, reader->line);
    return false;
}

/* inih's fgets(). */
static char *parse_next(char *out, int out_bytes, void *ctx)
{
    parse_reader *reader = ctx;
    char line[PARSE_LINE_MAX + 1];
    if (reader->status != PLIM_OK || out_bytes < PARSE_LINE_MAX + 2 || !parse_line(reader, line))
        return NULL;
    char *text = parse_trim(line);
    /* inih passes over a byte order mark; it must not hide from us what the first line is. */
    while (reader->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text = parse_trim(text + 3);
    if (!parse_line_fits(reader, text))
        return NULL;
    size_t length = strlen(text);
    memcpy(out, text, length);
    memcpy(out + length, "\n", 2);
    return out;
}

static plim_status parse_no_key(parse_reader *reader, const char *section, const char *name)
{
    const char *nearest = plim__config_key_nearest(section, name);
    plim_status status =
        plim_error_set(reader->err, PLIM_ERR_DAMAGED, "unknown key \"%.49s\" in [%s%s]", name,
                       section, strcmp(section, "domain") == 0 ? " ..." : "");
    if (nearest != NULL)
        plim_error_hint(reader->err, "did you mean \"%s\"?", nearest);
    else
        plim_error_hint(reader->err, "plimsoll.conf(5) lists the keys");
    return status;
}

static plim_status parse_no_section(parse_reader *reader, const char *section)
{
    static const char *const sections[] = {"memory", "domain", "preload"};
    plim_status status =
        section[0] == '\0'
            ? plim_error_set(reader->err, PLIM_ERR_DAMAGED, "a key before the first section")
            : plim_error_set(reader->err, PLIM_ERR_DAMAGED, "unknown section [%.49s]", section);
    char word[PARSE_NAME_MAX + 1] = {0};
    memcpy(word, section, strcspn(section, " \t"));
    for (size_t i = 0; i < sizeof sections / sizeof *sections && section[0] != '\0'; i++) {
        uint32_t distance = plim__config_distance(sections[i], word);
        if (distance == 0 && i == 1)
            plim_error_hint(reader->err, "write [domain NAME]");
        else if (distance < 3)
            plim_error_hint(reader->err, "did you mean [%s%s]?", sections[i],
                            i == 1 ? " NAME" : "");
    }
    plim_error_hint(reader->err, "there are [memory], [domain NAME] and [preload]");
    /* inih tells of a section at its first key; the fault is where the section stands. */
    plim__config_where(
        reader->err,
        parse_origin(reader, section[0] == '\0' ? reader->line : reader->section_line));
    return status;
}

static plim_status parse_domain_value(parse_reader *reader, const char *domain, const char *name,
                                      const char *value)
{
    uint32_t index = 0;
    plim__config_origin origin = parse_origin(reader, reader->line);
    plim__config_origin section = parse_origin(reader, reader->section_line);
    plim_status status =
        plim__config_domain_add(reader->config, domain, section, &index, reader->err);
    if (status != PLIM_OK) {
        plim__config_where(reader->err, section);
        return status;
    }
    if (strncmp(name, "lend.", PLIM__CONFIG_LEND_BYTES) == 0)
        return plim__config_set_share(reader->config, index, name, value, origin, reader->err);
    const plim__config_key *key = plim__config_key_find("domain", name);
    if (key == NULL)
        return parse_no_key(reader, "domain", name);
    return plim__config_set(reader->config, index, key, value, origin, reader->err);
}

static plim_status parse_value(parse_reader *reader, const char *section, const char *name,
                               const char *value)
{
    static const char domain[] = "domain ";
    if (strncmp(section, domain, sizeof domain - 1) == 0) {
        section += sizeof domain - 1;
        section += strspn(section, " \t");
        if (section[0] == '\0')
            return parse_no_section(reader, "domain");
        return parse_domain_value(reader, section, name, value);
    }
    if (strcmp(section, "memory") != 0 && strcmp(section, "preload") != 0)
        return parse_no_section(reader, section);
    const plim__config_key *key = plim__config_key_find(section, name);
    if (key == NULL)
        return parse_no_key(reader, section, name);
    return plim__config_set(reader->config, PLIM__CONFIG_NONE, key, value,
                            parse_origin(reader, reader->line), reader->err);
}

/* inih's handler: nonzero goes on. */
static int parse_take(void *ctx, const char *section, const char *name, const char *value)
{
    parse_reader *reader = ctx;
    reader->empty_section = 0;
    if (reader->status == PLIM_OK)
        parse_fail(reader, parse_value(reader, section, name, value), reader->line);
    return reader->status == PLIM_OK;
}

plim_status plim__config_parse(plim_config *config, plim_source source, plim_config_source kind,
                               const char *name, plim_error *err)
{
    plim_error first = {0};
    parse_reader reader = {.source = source, .config = config, .kind = kind, .name = name};
    reader.err = &first;
    int bad_line = ini_parse_stream(parse_next, &reader, parse_take, &reader);
    if (reader.status == PLIM_OK && bad_line == 0)
        parse_close_section(&reader);
    /* inih goes on after a line it cannot read, and tells of the first at the end. */
    if (bad_line > 0 && (reader.status == PLIM_OK || (uint32_t)bad_line < reader.line)) {
        first = (plim_error){0};
        reader.status =
            plim_error_set(&first, PLIM_ERR_DAMAGED, "neither [section] nor key = value");
        plim__config_where(&first, parse_origin(&reader, (uint32_t)bad_line));
        plim_error_hint(&first, "a comment begins with #");
    } else if (bad_line < 0 && reader.status == PLIM_OK) {
        reader.status = plim_error_set(&first, PLIM_ERR_NO_MEMORY, "inih had no memory");
    }
    if (reader.status != PLIM_OK && err != NULL && err->status == PLIM_OK)
        *err = first;
    config->has_file = config->has_file || kind <= PLIM_CONFIG_PROJECT;
    return reader.status;
}

/* SPDX-License-Identifier: MIT */
/*
 * Entries compiled, loaded into this very process, run, and told about: what the tests of
 * src/repl/source look at. Reads a script from standard input: entries end in a line "%%".
 * A line "%undo N", "%tokens", "%complete", "%save" in the place of an entry is a request.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "repl/source/source.h"

enum { AREA_BYTES = 1 << 30, SCRIPT_BYTES_MAX = 64 << 20 };

#define TEXT_AREA UINT64_C(0x300000000000)
#define DATA_AREA (TEXT_AREA + AREA_BYTES)

static bool resolve(void *ctx, const char *name, uint64_t *out_address)
{
    (void)ctx;
    /* -O0 calls these directly, even so: a jump close by. */
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL)
        return false;
    bool is_near = strncmp(name, "mem", 3) == 0 || strncmp(name, "__", 2) == 0;
    *out_address = (uint64_t)(uintptr_t)found;
    if (is_near) {
        static unsigned char *next;
        if (next == NULL)
            next = (unsigned char *)(uintptr_t)TEXT_AREA;
        const unsigned char jump[6] = {0xff, 0x25, 0, 0, 0, 0};
        memcpy(next, jump, sizeof jump);
        memcpy(next + sizeof jump, &found, sizeof found);
        *out_address = (uint64_t)(uintptr_t)next;
        next += 16;
    }
    return true;
}

static void print_value(const plim__unit_result *result)
{
    const unsigned char *at = (const unsigned char *)(uintptr_t)result->address;
    if (result->type == NULL)
        return;
    printf("= (%s) ", result->type);
    if (strcmp(result->type, "double") == 0 || strcmp(result->type, "float") == 0) {
        double value = 0;
        float small = 0;
        if (result->bytes == sizeof small) {
            memcpy(&small, at, sizeof small);
            value = (double)small;
        } else {
            memcpy(&value, at, sizeof value);
        }
        printf("%g\n", value);
    } else if (strcmp(result->type, "char *") == 0 || strcmp(result->type, "const char *") == 0) {
        const char *text;
        memcpy(&text, at, sizeof text);
        printf("\"%s\"\n", text != NULL ? text : "(null)");
    } else if (strncmp(result->type, "char[", 5) == 0) {
        printf("\"%.*s\"\n", (int)result->bytes, (const char *)at);
    } else if (strchr(result->type, '*') != NULL) {
        uint64_t value;
        memcpy(&value, at, sizeof value);
        printf("%s\n", value != 0 ? "pointer" : "NULL");
    } else if (strchr(result->type, '[') == NULL && strstr(result->type, "struct") == NULL &&
               (result->bytes == 8 || result->bytes == 4 || result->bytes == 2 ||
                result->bytes == 1)) {
        int64_t value = 0;
        memcpy(&value, at, result->bytes);
        unsigned shift = 64 - 8 * (unsigned)result->bytes;
        printf("%" PRId64 "\n", (int64_t)((uint64_t)value << shift) >> shift);
    } else {
        printf("%" PRIu64 " bytes:", result->bytes);
        for (uint64_t i = 0; i < result->bytes && i < 64; i += 4) {
            int32_t word = 0;
            memcpy(&word, at + i, result->bytes - i < 4 ? result->bytes - i : 4);
            printf(" %" PRId32, word);
        }
        puts("");
    }
}

static void load(const plim__unit *unit)
{
    for (size_t i = 0; i < unit->segment_count; i++) {
        const plim__segment *segment = &unit->segments[i];
        char *to = (char *)(uintptr_t)segment->address;
        memset(to, 0, segment->bytes);
        if (segment->file_bytes > 0)
            memcpy(to, segment->data, segment->file_bytes);
    }
}

static void run(const plim__unit *unit)
{
    if (unit->has_code) {
        union {
            uint64_t address;
            void (*call)(void);
        } entry = {unit->entry};
        entry.call();
    }
    fflush(stdout);
    print_value(&unit->result);
}

static void tell(const plim__unit *unit)
{
    static const char *const kinds[] = {"variable", "function", "type", "macro", "include"};
    for (size_t i = 0; i < unit->symbol_count; i++) {
        const plim__symbol *symbol = &unit->symbols[i];
        printf("+ %s %s", kinds[symbol->kind], symbol->name);
        if (symbol->kind <= PLIM__SYMBOL_FUNCTION)
            printf(": %s%s", symbol->type, symbol->is_declaration ? " (declared)" : "");
        printf(symbol->version > 1 ? " v%u\n" : "\n", symbol->version);
    }
    for (size_t i = 0; i < unit->hidden_count; i++)
        printf("- %s\n", unit->hidden[i]);
    for (size_t i = 0; i < unit->lost_count; i++)
        printf("! %s\n", unit->lost[i]);
}

typedef struct driver {
    plim__source *source;
    uint64_t text_at, data_at;
    unsigned number;
    bool is_quiet, is_timed;
} driver;

static void enter(driver *self, const char *text, size_t bytes)
{
    char name[32];
    plim_error err = {0};
    plim__unit *unit = NULL;
    (void)snprintf(name, sizeof name, "In[%u]", ++self->number);
    plim__unit_request request = {.text = text,
                                  .text_bytes = bytes,
                                  .name = name,
                                  .number = self->number,
                                  .text_at = self->text_at,
                                  .data_at = self->data_at};
    plim_status status = plim__source_compile(self->source, &request, &unit, &err);
    if (status != PLIM_OK) {
        printf("failed: %s: %s (%s)\n", plim_status_name(status), err.what, err.where);
        return;
    }
    if (self->is_timed)
        fprintf(stderr, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", unit->times.parse,
                unit->times.compile, unit->times.link);
    fputs(unit->diagnostics, stdout);
    if (unit->end == PLIM__UNIT_OK) {
        if (!self->is_quiet)
            tell(unit);
        load(unit);
        run(unit);
        status = plim__source_commit(self->source, unit, &err);
        if (status != PLIM_OK)
            printf("not committed: %s\n", err.what);
        self->text_at = unit->text_end;
        self->data_at = unit->data_end;
    } else {
        puts(unit->end == PLIM__UNIT_INCOMPLETE ? "incomplete" : "refused");
    }
    plim__unit_destroy(&unit);
    fflush(stdout);
}

static bool show_symbol(void *ctx, const plim__symbol *symbol)
{
    (void)ctx;
    printf("%s%s%s", symbol->is_hidden ? "hidden " : "", symbol->name,
           symbol->kind == PLIM__SYMBOL_INCLUDE ? "\n" : " ");
    if (symbol->kind != PLIM__SYMBOL_INCLUDE)
        printf("%s\n", symbol->kind <= PLIM__SYMBOL_FUNCTION ? symbol->type : "");
    return true;
}

static void ask(driver *self, const char *line, size_t bytes)
{
    plim_error err = {0};
    if (strncmp(line, "%undo ", 6) == 0) {
        plim_status status =
            plim__source_undo(self->source, (size_t)strtoul(line + 6, NULL, 10), &err);
        printf("undo: %s\n", plim_status_name(status));
    } else if (strncmp(line, "%names", 6) == 0) {
        plim__source_each(self->source, show_symbol, NULL);
    } else if (strncmp(line, "%sleep", 6) == 0) {
        (void)usleep(400000);
    } else if (strncmp(line, "%again", 6) == 0) { /* saved and restored in another source's place */
        char *text = NULL;
        size_t count = 0;
        if (plim__source_save(self->source, &text, &count, &err) != PLIM_OK ||
            plim__source_undo(self->source, 0, &err) != PLIM_OK)
            printf("save: %s\n", err.what);
        while (plim__source_undo(self->source, 1, NULL) == PLIM_OK)
            continue;
        plim_status status = plim__source_restore(self->source, text, count, &err);
        printf("restored: %s %s\n", plim_status_name(status), err.what);
        plim__source_text_free(self->source, &text, count);
    } else if (strncmp(line, "%complete ", 10) == 0) {
        const plim__candidate *all = NULL;
        size_t count = 0, from = 0;
        plim_status status = plim__source_complete(self->source, line + 10, bytes - 10, bytes - 10,
                                                   &all, &count, &from, &err);
        printf("%s from %zu:", plim_status_name(status), from);
        for (size_t i = 0; i < count && i < 12; i++)
            printf(" %s", all[i].text);
        puts("");
    } else if (strncmp(line, "%tokens ", 8) == 0) {
        const plim__token *all = NULL;
        size_t count = 0;
        (void)plim__source_tokens(self->source, line + 8, bytes - 8, &all, &count, &err);
        for (size_t i = 0; i < count; i++)
            printf("%c:%.*s ", "pkntfm0sc#"[all[i].kind], (int)all[i].bytes,
                   line + 8 + all[i].offset);
        puts(plim__source_is_complete(self->source, line + 8, bytes - 8) ? "." : "...");
    }
    fflush(stdout);
}

static void play(driver *self, char *script)
{
    for (char *entry = script; entry != NULL && *entry != '\0';) {
        char *end = strstr(entry, "\n%%\n");
        char *next = end != NULL ? end + 4 : NULL;
        size_t bytes = end != NULL ? (size_t)(end - entry) : strlen(entry);
        entry[bytes] = '\0';
        if (!self->is_quiet)
            printf("> %s\n%%%%\n", entry);
        if (entry[0] == '%')
            ask(self, entry, bytes);
        else
            enter(self, entry, bytes);
        entry = next;
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("source_driver SCRATCH LIBEXEC [-q] [-t] [FLAGS]\n", stderr);
        return 2;
    }
    int area = memfd_create("areas", 0);
    void *mapped = MAP_FAILED;
    if (area >= 0 && ftruncate(area, 2 * (off_t)AREA_BYTES) == 0)
        mapped =
            mmap((void *)(uintptr_t)TEXT_AREA, 2 * (size_t)AREA_BYTES,
                 PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, area, 0);
    if (mapped == MAP_FAILED)
        return 3;
    (void)dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
    driver self = {.text_at = TEXT_AREA + (1 << 20), .data_at = DATA_AREA};
    int used = 3;
    for (; used < argc && (strcmp(argv[used], "-q") == 0 || strcmp(argv[used], "-t") == 0);
         used++) {
        self.is_quiet |= argv[used][1] == 'q';
        self.is_timed |= argv[used][1] == 't';
    }
    plim__source_options options = {
        .scratch = argv[1],
        .libexec = argv[2],
        .flags = (const char *const *)(argv + used),
        .resolve = resolve,
    };
    plim_error err = {0};
    if (plim__source_open(&options, &self.source, &err) != PLIM_OK) {
        printf("not opened: %s (%s) %s\n", err.what, err.where, err.hint);
        return 1;
    }
    char *script = calloc(1, SCRIPT_BYTES_MAX);
    if (script == NULL || fread(script, 1, SCRIPT_BYTES_MAX - 1, stdin) == 0)
        return 3;
    play(&self, script);
    free(script);
    plim__source_close(&self.source);
    return 0;
}

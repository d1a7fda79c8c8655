/* SPDX-License-Identifier: MIT */
/*
 * The servers of a source. How clang is called is asked of clang's own driver once (-###), so that
 * its folders of headers, its target and the user's options are as they would be in a shell.
 *
 * Why the parser has its headers from a precompiled file and the compiler has not: a tree is
 * printed with all that the process itself has read, and headers would be megabytes; read from a
 * file they are not printed. The compiler is faster without: it has everything in memory when it is
 * forked.
 *
 * Invariants. O1: the pair in use has the same prelude in both halves. O2: the next pair takes its
 * place only when both halves are ready, so no entry waits for headers to be read. O3: a server
 * that failed is started anew at the next request; TOOL_FAILURES_MAX times in a row, then it is
 * given up.
 */
#include "repl/source/tools.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/child.h"
#include "platform/toolserver.h"
#include "repl/source/arena.h"

enum {
    TOOL_PATH_BYTES = 512,
    TOOL_FAILURES_MAX = 3,
    TOOL_ARGUMENTS_MAX = 512,
    TOOL_DRIVER_MS = 20000,
    TOOL_WAIT_MS = 120000, /* the CPU limit comes first, unless the machine is busy beyond reason */
    TOOL_STOP_MS = 0,
    TOOL_STALE_MS = 1000 /* for work that nobody waits for any more */
};

typedef struct tools_pair {
    plim__tool parse, compile;
    plim__child header; /* makes the precompiled file */
    bool is_building;   /* `header` runs */
    bool has_prelude;
    uint32_t generation;
} tools_pair;

struct plim__tools {
    const plim_allocator *allocator;
    plim__arena arena;
    char scratch[TOOL_PATH_BYTES], main_file[TOOL_PATH_BYTES], entry[TOOL_PATH_BYTES];
    char preload[TOOL_PATH_BYTES], parser[TOOL_PATH_BYTES], ld[TOOL_PATH_BYTES];
    const char *clang;
    const char **base; /* arguments that all calls of clang -cc1 share */
    size_t base_count;
    tools_pair now, next;
    bool has_next;
    uint32_t generation;
    plim__tool others[PLIM__ROLES]; /* LINK and TOKENS */
    unsigned failures[PLIM__ROLES];
};

/* --- what the driver says ------------------------------------------------------------------- */

/* The quoted words of one line of -###. */
static size_t tools_words(plim__tools *tools, const char *line, const char *end, const char **words)
{
    size_t count = 0;
    for (const char *at = line; at < end && count < TOOL_ARGUMENTS_MAX;) {
        if (*at++ != '"')
            continue;
        char *word = plim__arena_take(&tools->arena, (size_t)(end - at) + 1);
        if (word == NULL)
            return 0;
        size_t length = 0;
        for (; at < end && *at != '"'; at++) {
            if (*at == '\\' && at + 1 < end)
                at++;
            word[length++] = *at;
        }
        at++;
        words[count++] = word;
    }
    return count;
}

/* Those that are not about this one run; the value of one that has one goes with it. */
static void tools_keep_words(plim__tools *tools, const char **words, size_t count)
{
    static const char *const dropped[] = {"-emit-obj", "-clear-ast-before-backend", "-faddrsig",
                                          "-disable-llvm-verifier"};
    static const char *const dropped_with_value[] = {"-o", "-x", "-main-file-name"};
    tools->clang = words[0];
    for (size_t i = 2; i + 1 < count; i++) { /* after the program and -cc1, before the input */
        bool is_kept = true;
        for (size_t j = 0; j < sizeof dropped / sizeof *dropped; j++)
            is_kept = is_kept && strcmp(words[i], dropped[j]) != 0;
        for (size_t j = 0; j < sizeof dropped_with_value / sizeof *dropped_with_value; j++)
            if (strcmp(words[i], dropped_with_value[j]) == 0) {
                is_kept = false;
                i++;
                break;
            }
        if (is_kept)
            tools->base[tools->base_count++] = words[i];
    }
}

static plim_status tools_read_driver(plim__tools *tools, const char *said, size_t bytes,
                                     plim_error *err)
{
    const char **words = plim__arena_take(&tools->arena, (TOOL_ARGUMENTS_MAX + 1) * sizeof *words);
    tools->base = plim__arena_take(&tools->arena, (TOOL_ARGUMENTS_MAX + 1) * sizeof *tools->base);
    if (words == NULL || tools->base == NULL)
        return plim__no_memory(err, "the compiler's options");
    const char *end = said + bytes;
    const char *first = said, *first_end = said;
    for (const char *line = said; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        size_t count = *line == ' ' ? tools_words(tools, line, stop, words) : 0;
        if (count > 3 && strcmp(words[1], "-cc1") == 0) {
            tools_keep_words(tools, words, count);
            return tools->arena.is_refused ? plim__no_memory(err, "the compiler's options")
                                           : PLIM_OK;
        }
        if (stop > line && strstr(line, "error:") != NULL && first == first_end) {
            first = line;
            first_end = stop;
        }
        line = stop + 1;
    }
    return plim_error_set(err, PLIM_ERR_USAGE, "clang-19 does not take these options: %.*s",
                          (int)(first_end - first), first);
}

/* All that a child says on its standard error. */
static bool tools_listen(plim__child *child, unsigned wait_ms, plim__grow *said)
{
    char piece[4096];
    bool is_end = false;
    for (unsigned waited = 0; !is_end && waited < wait_ms; waited++) {
        size_t got = 0;
        plim__child_read(child, piece, sizeof piece, 10, &got, &is_end);
        plim__grow_add(said, piece, got);
        waited += got == 0 ? 10 : 0;
    }
    return is_end && !said->is_refused;
}

static plim_status tools_ask_driver(plim__tools *tools, const char *const *flags, plim_error *err)
{
    static const char *const ours[] = {"-###",
                                       "-c",
                                       "-x",
                                       "c",
                                       "-std=gnu17",
                                       "-O0",
                                       "-g",
                                       "-gdwarf-aranges",
                                       "-fPIC",
                                       "-fno-plt",
                                       "-fno-omit-frame-pointer",
                                       "-fno-stack-protector",
                                       "-ffile-compilation-dir=.",
                                       "-fno-color-diagnostics",
                                       "-ferror-limit=200",
                                       "-fmessage-length=0",
                                       "-Wno-unused-value",
                                       "-Wno-macro-redefined",
                                       "-Wno-empty-translation-unit",
                                       "-Wno-extern-initializer"};
    char driver[TOOL_PATH_BYTES];
    if (plim__program_find("clang-19", driver, sizeof driver) != PLIM_OK) {
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no clang-19, which reads and compiles C");
        plim_error_hint(err, "apt install clang-19");
        return PLIM_ERR_NOT_FOUND;
    }
    const char *argv[TOOL_ARGUMENTS_MAX];
    size_t count = 0;
    argv[count++] = driver;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        argv[count++] = ours[i];
    for (size_t i = 0; flags != NULL && flags[i] != NULL; i++) {
        if (count == TOOL_ARGUMENTS_MAX - 2)
            return plim_error_set(err, PLIM_ERR_LIMIT, "too many options for the compiler");
        argv[count++] = flags[i];
    }
    argv[count++] = "-";
    argv[count] = NULL;
    plim__child child = {0};
    static const char *const variables[] = {"LC_ALL=C", NULL};
    plim_status status = plim__child_start(driver, argv, variables, false, &child, err);
    if (status != PLIM_OK)
        return status;
    plim__grow said = {.allocator = tools->allocator, .bytes_max = 1 << 20};
    if (!tools_listen(&child, TOOL_DRIVER_MS, &said))
        status = plim_error_set(err, PLIM_ERR_TIMEOUT, "clang-19 does not say how it is called");
    else
        status = tools_read_driver(tools, said.bytes != NULL ? said.bytes : "", said.count, err);
    plim__child_stop(&child, TOOL_STOP_MS);
    plim__child_fini(&child);
    plim__grow_fini(&said);
    return status;
}

/* --- starting ------------------------------------------------------------------------------- */

static void tools_path(const plim__tools *tools, const char *kind, uint32_t generation, char *out)
{
    (void)snprintf(out, TOOL_PATH_BYTES, "%.400s/prelude-%u.%s", tools->scratch, generation, kind);
}

/* clang -cc1 with the shared arguments, then those of `more`. */
static size_t tools_clang_arguments(const plim__tools *tools, const char *const *more,
                                    const char **argv)
{
    size_t count = 0;
    argv[count++] = tools->clang;
    argv[count++] = "-cc1";
    for (size_t i = 0; i < tools->base_count; i++)
        argv[count++] = tools->base[i];
    for (size_t i = 0; more[i] != NULL; i++)
        argv[count++] = more[i];
    argv[count] = NULL;
    return count;
}

static plim_status tools_start(const plim__tools *tools, const char *path, const char *const *argv,
                               const char *fork_at, plim__tool *out, plim_error *err)
{
    plim__tool_options options = {
        .path = path,
        .argv = argv,
        .preload = tools->preload, /* also the parser's: it reads what a text includes */
        .fork_at = fork_at,
        .cpu_seconds_max = PLIM_REPL_TOOL_SECONDS_MAX,
        .memory_bytes_max = PLIM_REPL_TOOL_MEMORY_MAX,
        .output_bytes_max = PLIM_REPL_TOOL_OUTPUT_MAX,
    };
    plim_status status = plim__tool_start(&options, out, err);
    plim_error_hint(err, "PLIM_LIBEXEC names the folder of Plimsoll's own tools");
    return status;
}

static plim_status tools_start_parse(const plim__tools *tools, tools_pair *pair, plim_error *err)
{
    char header[TOOL_PATH_BYTES];
    tools_path(tools, "pch", pair->generation, header);
    const char *argv[TOOL_ARGUMENTS_MAX + 16];
    const char *const with[] = {"-fincremental-extensions",
                                "-ast-dump=json",
                                "-include-pch",
                                header,
                                "-x",
                                "c",
                                tools->main_file,
                                NULL};
    const char *const without[] = {
        "-fincremental-extensions", "-ast-dump=json", "-x", "c", tools->main_file, NULL};
    (void)tools_clang_arguments(tools, pair->has_prelude ? with : without, argv);
    return tools_start(tools, tools->clang, argv, tools->entry, &pair->parse, err);
}

static plim_status tools_start_compile(const plim__tools *tools, tools_pair *pair, plim_error *err)
{
    char prelude[TOOL_PATH_BYTES];
    tools_path(tools, "h", pair->generation, prelude);
    const char *argv[TOOL_ARGUMENTS_MAX + 16];
    const char *const with[] = {"-w", "-emit-obj", "-include", prelude,          "-o",
                                "-",  "-x",        "c",        tools->main_file, NULL};
    const char *const without[] = {"-w", "-emit-obj", "-o", "-", "-x", "c", tools->main_file, NULL};
    (void)tools_clang_arguments(tools, pair->has_prelude ? with : without, argv);
    return tools_start(tools, tools->clang, argv, tools->entry, &pair->compile, err);
}

static plim_status tools_start_other(plim__tools *tools, plim__tool_role role, plim_error *err)
{
    const char *const ld[] = {"ld",
                              "--no-relax",
                              "-n",
                              "-static",
                              "--build-id=none",
                              "--no-warn-rwx-segments",
                              "-z",
                              "noexecstack",
                              "-T",
                              "/proc/self/fd/4",
                              "-o",
                              "/proc/self/fd/6",
                              "/proc/self/fd/5",
                              NULL};
    const char *const parser[] = {tools->parser, NULL};
    if (role == PLIM__ROLE_LINK)
        return tools_start(tools, tools->ld, ld, "main", &tools->others[role], err);
    return tools_start(tools, tools->parser, parser, NULL, &tools->others[role], err);
}

/* The folder is ours alone; nothing in it has to outlive us, so nothing is synchronised. */
static plim_status tools_write(const char *path, const char *text, size_t bytes, plim_error *err)
{
    FILE *file = fopen(path, "wb");
    bool is_done = file != NULL && fwrite(text, 1, bytes, file) == bytes;
    if (file != NULL && fclose(file) != 0)
        is_done = false;
    if (is_done)
        return PLIM_OK;
    plim_error_set(err, PLIM_ERR_IO, "a file of the session cannot be written");
    plim_error_where(err, "%s", path);
    return PLIM_ERR_IO;
}

static plim_status tools_find(plim__tools *tools, const plim__tools_options *options,
                              plim_error *err)
{
    (void)snprintf(tools->scratch, sizeof tools->scratch, "%s", options->scratch);
    (void)snprintf(tools->main_file, sizeof tools->main_file, "%.400s/main.c", options->scratch);
    (void)snprintf(tools->entry, sizeof tools->entry, "%.400s/plim-entry.c", options->scratch);
    (void)snprintf(tools->preload, sizeof tools->preload, "%.400s/plim-forkserver.so",
                   options->libexec);
    (void)snprintf(tools->parser, sizeof tools->parser, "%.400s/plim-repl-parser",
                   options->libexec);
    if (plim__program_find("ld.bfd", tools->ld, sizeof tools->ld) == PLIM_OK)
        return PLIM_OK;
    (void)plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no ld.bfd, which links the entries");
    plim_error_hint(err, "apt install binutils");
    return PLIM_ERR_NOT_FOUND;
}

plim_status plim__tools_open(const plim__tools_options *options, plim__tools **out_tools,
                             plim_error *err)
{
    PLIM_CHECK(options != NULL && options->scratch != NULL && options->libexec != NULL);
    if (strlen(options->scratch) > TOOL_PATH_BYTES - 120 ||
        strlen(options->libexec) > TOOL_PATH_BYTES - 120)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a folder's name is too long");
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim__tools *tools = plim__array_new_zero(allocator, 1, sizeof *tools);
    if (tools == NULL)
        return plim__no_memory(err, "the compiler's servers");
    tools->allocator = allocator;
    tools->arena.allocator = allocator;
    char text[TOOL_PATH_BYTES + 32];
    plim_status status = tools_find(tools, options, err);
    int length = snprintf(text, sizeof text, "#include \"%s\"\n", tools->entry);
    if (status == PLIM_OK)
        status = tools_write(tools->main_file, text, (size_t)length, err);
    if (status == PLIM_OK)
        status = tools_ask_driver(tools, options->flags, err);
    if (status == PLIM_OK)
        status = tools_start_parse(tools, &tools->now, err);
    if (status == PLIM_OK)
        status = tools_start_compile(tools, &tools->now, err);
    if (status == PLIM_OK)
        status = tools_start_other(tools, PLIM__ROLE_LINK, err);
    if (status == PLIM_OK)
        status = tools_start_other(tools, PLIM__ROLE_TOKENS, err);
    if (status != PLIM_OK) {
        plim__tools_close(&tools);
        return status;
    }
    *out_tools = tools;
    return PLIM_OK;
}

static void tools_stop_pair(plim__tools *tools, tools_pair *pair)
{
    (void)tools;
    plim__tool_stop(&pair->parse);
    plim__tool_stop(&pair->compile);
    if (pair->is_building) {
        plim__child_stop(&pair->header, TOOL_STOP_MS);
        plim__child_fini(&pair->header);
    }
    *pair = (tools_pair){0};
}

void plim__tools_close(plim__tools **tools_at)
{
    plim__tools *tools = tools_at != NULL ? *tools_at : NULL;
    if (tools == NULL)
        return;
    tools_stop_pair(tools, &tools->now);
    tools_stop_pair(tools, &tools->next);
    for (int role = 0; role < PLIM__ROLES; role++)
        plim__tool_stop(&tools->others[role]);
    plim__arena_fini(&tools->arena);
    plim__array_free(tools->allocator, tools, 1, sizeof *tools);
    *tools_at = NULL;
}

const char *plim__tools_main_file(const plim__tools *tools)
{
    return tools->main_file;
}

/* --- the prelude ---------------------------------------------------------------------------- */

void plim__tools_prelude_path(const plim__tools *tools, char *out_path, size_t cap)
{
    char path[TOOL_PATH_BYTES] = "";
    if (tools->now.has_prelude)
        tools_path(tools, "h", tools->now.generation, path);
    (void)snprintf(out_path, cap, "%s", path);
}

plim_status plim__tools_set_prelude(plim__tools *tools, const char *text, size_t bytes,
                                    plim_error *err)
{
    char prelude[TOOL_PATH_BYTES], header[TOOL_PATH_BYTES];
    tools_stop_pair(tools, &tools->next);
    tools->has_next = false;
    tools_pair *next = &tools->next;
    next->generation = ++tools->generation;
    next->has_prelude = true;
    tools_path(tools, "h", next->generation, prelude);
    tools_path(tools, "pch", next->generation, header);
    const char *argv[TOOL_ARGUMENTS_MAX + 16];
    const char *const more[] = {
        "-w", "-fincremental-extensions", "-emit-pch", "-o", header, "-x", "c-header", prelude,
        NULL};
    (void)tools_clang_arguments(tools, more, argv);
    plim_status status = tools_write(prelude, text, bytes, err);
    if (status == PLIM_OK)
        status = plim__child_start(tools->clang, argv, NULL, false, &next->header, err);
    next->is_building = status == PLIM_OK;
    if (status == PLIM_OK)
        status = tools_start_compile(tools, next, err);
    if (status != PLIM_OK)
        tools_stop_pair(tools, next);
    tools->has_next = status == PLIM_OK;
    return status;
}

static void tools_drop_files(const plim__tools *tools, uint32_t generation)
{
    char path[TOOL_PATH_BYTES];
    tools_path(tools, "h", generation, path);
    (void)remove(path);
    tools_path(tools, "pch", generation, path);
    (void)remove(path);
}

/* The precompiled header, once it is there, lets the parser start. */
static bool tools_header_is_made(plim__tools *tools, tools_pair *next, bool *out_failed)
{
    int code = 0;
    char said[1024];
    size_t got = 0;
    bool is_end = false;
    if (!next->is_building)
        return true;
    do /* else it could wait for us to read */
        plim__child_read(&next->header, said, sizeof said, 0, &got, &is_end);
    while (got > 0 && !is_end);
    if (!plim__child_has_ended(&next->header, &code))
        return false;
    plim__child_stop(&next->header, TOOL_STOP_MS);
    plim__child_fini(&next->header);
    next->is_building = false;
    *out_failed = code != 0 || tools_start_parse(tools, next, NULL) != PLIM_OK;
    return !*out_failed;
}

bool plim__tools_prelude_is_new(plim__tools *tools, bool *out_failed)
{
    *out_failed = false;
    if (!tools->has_next)
        return false;
    tools_pair *next = &tools->next;
    bool is_made = tools_header_is_made(tools, next, out_failed);
    if (!*out_failed && is_made && !next->is_building &&
        (!plim__tool_is_alive(&next->parse) || !plim__tool_is_alive(&next->compile)))
        *out_failed = true;
    if (*out_failed) {
        tools_stop_pair(tools, next);
        tools->has_next = false;
        return false;
    }
    if (!is_made || !plim__tool_is_ready(&next->parse) || !plim__tool_is_ready(&next->compile))
        return false;
    uint32_t old = tools->now.generation;
    tools_stop_pair(tools, &tools->now);
    tools_drop_files(tools, old);
    tools->now = *next;
    *next = (tools_pair){0};
    tools->has_next = false;
    return true;
}

/* --- requests ------------------------------------------------------------------------------- */

static plim__tool *tools_of(plim__tools *tools, plim__tool_role role)
{
    return role == PLIM__ROLE_PARSE     ? &tools->now.parse
           : role == PLIM__ROLE_COMPILE ? &tools->now.compile
                                        : &tools->others[role];
}

static plim_status tools_start_anew(plim__tools *tools, plim__tool_role role, plim_error *err)
{
    plim__tool_stop(tools_of(tools, role));
    if (tools->failures[role] >= TOOL_FAILURES_MAX)
        return plim_error_set(err, PLIM_ERR_UNREACHABLE, "%s failed %u times in a row",
                              role == PLIM__ROLE_LINK     ? tools->ld
                              : role == PLIM__ROLE_TOKENS ? tools->parser
                                                          : tools->clang,
                              tools->failures[role]);
    tools->failures[role]++;
    if (role == PLIM__ROLE_PARSE)
        return tools_start_parse(tools, &tools->now, err);
    if (role == PLIM__ROLE_COMPILE)
        return tools_start_compile(tools, &tools->now, err);
    return tools_start_other(tools, role, err);
}

/* Work that was asked for and is not wanted: to its end if that is near. */
static plim_status tools_drop_stale(plim__tools *tools, plim__tool_role role, plim_error *err)
{
    int code = 0;
    plim__tool *tool = tools_of(tools, role);
    if (!tool->is_asked || plim__tool_wait(tool, TOOL_STALE_MS, &code, NULL) == PLIM_OK)
        return PLIM_OK;
    /* It was stopped. No failure of the tool's: it is not counted as one. */
    return role == PLIM__ROLE_PARSE     ? tools_start_parse(tools, &tools->now, err)
           : role == PLIM__ROLE_COMPILE ? tools_start_compile(tools, &tools->now, err)
                                        : tools_start_other(tools, role, err);
}

plim_status plim__tools_ask(plim__tools *tools, plim__tool_role role, const plim__tool_input *input,
                            const plim__tool_input *input_2, plim_error *err)
{
    PLIM_CHECK(tools != NULL && role < PLIM__ROLES && input != NULL);
    plim__tool *tool = tools_of(tools, role);
    plim_status status = tools_drop_stale(tools, role, err);
    if (status == PLIM_OK && !plim__tool_is_alive(tool))
        status = tools_start_anew(tools, role, err);
    if (status == PLIM_OK)
        status = plim__tool_put(tool, PLIM__TOOL_FILE_INPUT, input->bytes, input->count, err);
    if (status == PLIM_OK && input_2 != NULL)
        status = plim__tool_put(tool, PLIM__TOOL_FILE_INPUT_2, input_2->bytes, input_2->count, err);
    return status == PLIM_OK ? plim__tool_ask(tool, err) : status;
}

plim_status plim__tools_answer(plim__tools *tools, plim__tool_role role,
                               plim__tool_result *out_result, plim_error *err)
{
    plim__tool *tool = tools_of(tools, role);
    plim__tool_result result = {.allocator = tools->allocator};
    bool is_clang = role == PLIM__ROLE_PARSE || role == PLIM__ROLE_COMPILE;
    plim_status status = plim__tool_wait(tool, TOOL_WAIT_MS, &result.exit_code, err);
    if (status != PLIM_OK)
        return status;
    tools->failures[role] = 0;
    status = plim__tool_take(tool, is_clang ? PLIM__TOOL_FILE_STDOUT : PLIM__TOOL_FILE_OUTPUT,
                             tools->allocator, PLIM_REPL_TOOL_OUTPUT_MAX, &result.output,
                             &result.output_bytes, err);
    if (status == PLIM_OK)
        status =
            plim__tool_take(tool, PLIM__TOOL_FILE_STDERR, tools->allocator,
                            PLIM_REPL_TOOL_OUTPUT_MAX, &result.errors, &result.error_bytes, err);
    if (status != PLIM_OK) {
        plim__tool_result_fini(&result);
        return status;
    }
    *out_result = result;
    return PLIM_OK;
}

void plim__tool_result_fini(plim__tool_result *result)
{
    if (result->output != NULL)
        plim__array_free(result->allocator, result->output, result->output_bytes + 1, 1);
    if (result->errors != NULL)
        plim__array_free(result->allocator, result->errors, result->error_bytes + 1, 1);
    *result = (plim__tool_result){0};
}

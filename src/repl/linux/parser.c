/* SPDX-License-Identifier: MIT */
/*
 * plim-repl-parser: clang's lexer and its completion, behind the socket of a tool server. A process
 * of its own because libclang may crash or loop on what people have typed so far; its limits are
 * set by plim__tool_start(), and whoever asks starts it anew when it dies. It ends by itself after
 * some requests, since libclang gives not all of its memory back.
 */
#define _GNU_SOURCE
#include <clang-c/Index.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "platform/toolserver.h"
#include "repl/source/protocol.h"

enum {
    PARSER_REQUESTS_MAX = 2000,
    PARSER_WORD_MAX = 1024,
    PARSER_PATH_MAX = 4096,
    PARSER_ARGUMENTS_MAX = 8
};

static const char parser_file[] = "entry.c";

typedef struct parser {
    CXIndex index;
    CXTranslationUnit completed;   /* kept between completions: what it read of headers is kept */
    char prelude[PARSER_PATH_MAX]; /* of `completed` */
    FILE *out;
} parser;

static unsigned parser_arguments(const char *prelude, const char **arguments)
{
    unsigned count = 0;
    arguments[count++] = "-xc";
    arguments[count++] = "-std=gnu17";
    arguments[count++] = "-ferror-limit=1";
    arguments[count++] = "-w";
    if (prelude != NULL) {
        arguments[count++] = "-include";
        arguments[count++] = prelude;
    }
    return count;
}

static CXTranslationUnit parser_read(const parser *self, const char *prelude, const char *text,
                                     size_t bytes, unsigned options)
{
    struct CXUnsavedFile file = {parser_file, text, bytes};
    const char *arguments[PARSER_ARGUMENTS_MAX];
    unsigned count = parser_arguments(prelude, arguments);
    return clang_parseTranslationUnit(self->index, parser_file, arguments, (int)count, &file, 1,
                                      options);
}

static bool parser_put(parser *self, const void *bytes, size_t count)
{
    return count == 0 || fwrite(bytes, 1, count, self->out) == count;
}

/* All tokens of a text, complete or not. */
static bool parser_tokens(parser *self, const char *text, size_t bytes)
{
    CXTranslationUnit unit =
        parser_read(self, NULL, text, bytes,
                    CXTranslationUnit_SingleFileParse | CXTranslationUnit_SkipFunctionBodies |
                        CXTranslationUnit_Incomplete);
    if (unit == NULL)
        return false;
    CXFile file = clang_getFile(unit, parser_file);
    CXSourceRange all = clang_getRange(clang_getLocationForOffset(unit, file, 0),
                                       clang_getLocationForOffset(unit, file, (unsigned)bytes));
    CXToken *tokens = NULL;
    unsigned count = 0;
    clang_tokenize(unit, all, &tokens, &count);
    plim__parser_answer answer = {count};
    bool is_done = parser_put(self, &answer, sizeof answer);
    for (unsigned i = 0; is_done && i < count; i++) {
        CXSourceRange range = clang_getTokenExtent(unit, tokens[i]);
        unsigned begin = 0, end = 0;
        clang_getFileLocation(clang_getRangeStart(range), NULL, NULL, NULL, &begin);
        clang_getFileLocation(clang_getRangeEnd(range), NULL, NULL, NULL, &end);
        plim__parser_token row = {(uint32_t)clang_getTokenKind(tokens[i]), begin,
                                  end > begin ? end - begin : 0};
        is_done = parser_put(self, &row, sizeof row);
    }
    clang_disposeTokens(unit, tokens, count);
    clang_disposeTranslationUnit(unit);
    return is_done;
}

static uint32_t parser_kind(enum CXCursorKind kind)
{
    /* Values of plim__symbol_kind; the enumeration has 300 cases, of which these matter. */
    if (kind == CXCursor_FunctionDecl)
        return 1;
    if (kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl || kind == CXCursor_EnumDecl ||
        kind == CXCursor_TypedefDecl)
        return 2;
    return kind == CXCursor_MacroDefinition ? 3 : 0;
}

/* The word to be put in, and what is said of it: "int printf(const char *, ...)". */
static void parser_words(CXCompletionString completion, char *word, char *detail)
{
    size_t word_used = 0, detail_used = 0;
    unsigned chunks = clang_getNumCompletionChunks(completion);
    for (unsigned i = 0; i < chunks; i++) {
        enum CXCompletionChunkKind kind = clang_getCompletionChunkKind(completion, i);
        CXString text = clang_getCompletionChunkText(completion, i);
        const char *string = clang_getCString(text);
        size_t length = string != NULL ? strlen(string) : 0;
        if (kind == CXCompletionChunk_TypedText && word_used + length < PARSER_WORD_MAX) {
            memcpy(word + word_used, string, length);
            word_used += length;
        }
        bool is_space = kind == CXCompletionChunk_ResultType;
        if (length > 0 && detail_used + length + is_space < PARSER_WORD_MAX) {
            memcpy(detail + detail_used, string, length);
            detail_used += length;
            if (is_space)
                detail[detail_used++] = ' ';
        }
        clang_disposeString(text);
    }
    word[word_used] = '\0';
    detail[detail_used] = '\0';
}

static bool parser_candidates(parser *self, const CXCodeCompleteResults *results)
{
    unsigned count = results->NumResults < PLIM__PARSER_CANDIDATES_MAX
                         ? results->NumResults
                         : (unsigned)PLIM__PARSER_CANDIDATES_MAX;
    plim__parser_answer answer = {count};
    bool is_done = parser_put(self, &answer, sizeof answer);
    for (unsigned i = 0; is_done && i < count; i++) {
        char word[PARSER_WORD_MAX], detail[PARSER_WORD_MAX];
        parser_words(results->Results[i].CompletionString, word, detail);
        plim__parser_candidate row = {parser_kind(results->Results[i].CursorKind),
                                      (uint32_t)strlen(word), (uint32_t)strlen(detail)};
        is_done = parser_put(self, &row, sizeof row) && parser_put(self, word, row.word_bytes) &&
                  parser_put(self, detail, row.detail_bytes);
    }
    return is_done;
}

static void parser_line_and_column(const char *text, size_t cursor, unsigned *out_line,
                                   unsigned *out_column)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < cursor; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    *out_line = line;
    *out_column = column;
}

static bool parser_complete(parser *self, const char *prelude, const char *text, size_t bytes,
                            size_t cursor)
{
    if (self->completed == NULL || strcmp(self->prelude, prelude) != 0) {
        if (self->completed != NULL)
            clang_disposeTranslationUnit(self->completed);
        memcpy(self->prelude, prelude, strlen(prelude) + 1);
        self->completed = parser_read(self, prelude[0] != '\0' ? prelude : NULL, "", 0,
                                      clang_defaultEditingTranslationUnitOptions());
    }
    if (self->completed == NULL)
        return false;
    struct CXUnsavedFile file = {parser_file, text, bytes};
    unsigned line, column;
    parser_line_and_column(text, cursor, &line, &column);
    CXCodeCompleteResults *results = clang_codeCompleteAt(
        self->completed, parser_file, line, column, &file, 1, CXCodeComplete_IncludeMacros);
    if (results == NULL)
        return false;
    clang_sortCodeCompletionResults(results->Results, results->NumResults);
    bool is_done = parser_candidates(self, results);
    clang_disposeCodeCompleteResults(results);
    return is_done;
}

static bool parser_work(parser *self, const char *input, size_t bytes)
{
    plim__parser_ask ask;
    if (bytes < sizeof ask)
        return false;
    memcpy(&ask, input, sizeof ask);
    size_t left = bytes - sizeof ask;
    if (ask.prelude_bytes >= PARSER_PATH_MAX || ask.prelude_bytes > left ||
        ask.text_bytes != left - ask.prelude_bytes || ask.cursor > ask.text_bytes)
        return false;
    char prelude[PARSER_PATH_MAX] = "";
    memcpy(prelude, input + sizeof ask, ask.prelude_bytes);
    const char *text = input + sizeof ask + ask.prelude_bytes;
    return ask.what == PLIM__PARSER_TOKENS
               ? parser_tokens(self, text, ask.text_bytes)
               : parser_complete(self, prelude, text, ask.text_bytes, ask.cursor);
}

static bool parser_serve_one(parser *self)
{
    struct stat info;
    char *input = NULL;
    if (fstat(PLIM__TOOL_INPUT, &info) == 0 && info.st_size <= (off_t)PLIM_REPL_UNIT_BYTES_MAX)
        input = plim__array_new_zero(plim_allocator_system(), (size_t)info.st_size + 1, 1);
    if (input == NULL)
        return false;
    ssize_t got = pread(PLIM__TOOL_INPUT, input, (size_t)info.st_size, 0);
    /* CPU time adds up over requests: each gets its own share. */
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        rlim_t seconds =
            (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + PLIM_REPL_TOOL_SECONDS_MAX;
        struct rlimit limit = {seconds, RLIM_INFINITY};
        (void)setrlimit(RLIMIT_CPU, &limit);
    }
    /* A stream of its own: an old one remembers offsets that the other side has reset. */
    int copy = lseek(PLIM__TOOL_OUTPUT, 0, SEEK_SET) == 0 ? dup(PLIM__TOOL_OUTPUT) : -1;
    self->out = copy >= 0 ? fdopen(copy, "w") : NULL;
    bool is_done =
        self->out != NULL && got == info.st_size && parser_work(self, input, (size_t)got);
    is_done = self->out != NULL && fclose(self->out) == 0 && is_done;
    plim__array_free(plim_allocator_system(), input, (size_t)info.st_size + 1, 1);
    return is_done;
}

static bool parser_tell(int32_t status)
{
    return send(PLIM__TOOL_SOCKET, &status, sizeof status, MSG_NOSIGNAL) == sizeof status;
}

int main(void)
{
    const char *memory = getenv("PLIM_FORK_MEMORY");
    struct rlimit limits = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &limits);
    limits.rlim_cur = limits.rlim_max =
        memory != NULL ? (rlim_t)strtoull(memory, NULL, 10) : (rlim_t)PLIM_REPL_TOOL_MEMORY_MAX;
    (void)setrlimit(RLIMIT_AS, &limits);
    parser self = {.index = clang_createIndex(0, 0)};
    if (self.index == NULL || !parser_tell(PLIM__TOOL_IS_READY))
        return EXIT_FAILURE;
    char request[PLIM__TOOL_REQUEST_BYTES];
    for (unsigned i = 0; i < PARSER_REQUESTS_MAX; i++) {
        if (recv(PLIM__TOOL_SOCKET, request, sizeof request, 0) <= 0)
            return EXIT_SUCCESS; /* nobody is there any more */
        if (!parser_tell(parser_serve_one(&self) ? 0 : EXIT_FAILURE << 8))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

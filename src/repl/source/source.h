/* SPDX-License-Identifier: MIT */
/**
 * @file source.h
 * @brief From the text of an entry to what it is, and to code at given addresses.
 *
 * A source knows the names of a session: its types, macros, includes, variables and functions, each
 * with the text that declares it to later entries. plim__source_compile() takes an entry's text and
 * two free addresses, and gives a unit: segments of bytes to be put into the session's memory, the
 * address to call, and where the value of the last expression will lie. Nothing is loaded or run
 * here. A unit's names are known to later entries once it is committed; one that is dropped has
 * left no trace.
 *
 * The compiler and the linker are other processes (platform/toolserver.h), which may crash, loop or
 * fill the memory on hostile text: that is a refusal with what they said, and they are started
 * anew. Thread-safety: a source belongs to one thread at a time.
 * @see docs/internals/repl-source.md
 */
#ifndef PLIM_REPL_SOURCE_SOURCE_H
#define PLIM_REPL_SOURCE_SOURCE_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Opaque; ended by plim__source_close(). */
typedef struct plim__source plim__source;

/** Where a name of the C library or of a linked library is; false: nowhere. */
typedef bool plim__source_resolve(void *ctx, const char *name, uint64_t *out_address);

/** All but scratch, libexec and resolve may be zero. Strings are copied. */
typedef struct plim__source_options {
    const plim_allocator *allocator; /**< NULL: the system's */
    const char *scratch;             /**< a folder that is ours alone; units' images go there */
    const char *libexec;             /**< where plim-forkserver.so and plim-repl-parser are */
    const char *const *flags;        /**< of the compiler (-I -D -U -std= -W -f), NULL-terminated */
    plim__source_resolve *resolve;
    void *resolve_ctx;
} plim__source_options;

/** Post: PLIM_OK, or NOT_FOUND with the package that is missing, or why not. Takes 100 ms. */
plim_status plim__source_open(const plim__source_options *options, plim__source **out_source,
                              plim_error *err);

/** NULL and a pointer to NULL are accepted. Units outlive it. */
void plim__source_close(plim__source **source);

/** What became of a text. */
typedef enum plim__unit_end {
    PLIM__UNIT_OK = 0,     /**< all fields are set */
    PLIM__UNIT_INCOMPLETE, /**< more lines are needed */
    PLIM__UNIT_REFUSED     /**< `diagnostics` says why; there is nothing to load */
} plim__unit_end;

/** What a name stands for. */
typedef enum plim__symbol_kind {
    PLIM__SYMBOL_VARIABLE = 0,
    PLIM__SYMBOL_FUNCTION,
    PLIM__SYMBOL_TYPE,
    PLIM__SYMBOL_MACRO,
    PLIM__SYMBOL_INCLUDE
} plim__symbol_kind;

/** A name that a unit defines, or that the session has. */
typedef struct plim__symbol {
    const char *name;
    const char *type; /**< as C writes it; of a type, macro or include its own text */
    uint64_t address; /**< of a variable; of a function what callers call; 0: none */
    uint64_t body;    /**< of a function: its code in this unit; else as address */
    uint64_t bytes;   /**< of a variable its size, of a function its code's; 0: none */
    plim__symbol_kind kind;
    uint32_t version;    /**< 1 and up: how often the name was defined */
    uint32_t unit;       /**< number of the unit that defined it (plim__unit_request.number) */
    bool is_hidden;      /**< a type it rests on was redefined: C cannot name it any more */
    bool is_declaration; /**< declared only (extern, a prototype) */
} plim__symbol;

/** Bytes for the session's memory: a worker, or whoever commits, writes them there. */
typedef struct plim__segment {
    uint64_t address;
    uint64_t bytes;      /**< of memory; what goes beyond file_bytes is zero */
    uint64_t file_bytes; /**< of `data` */
    const void *data;    /**< in the unit; NULL where file_bytes is 0 */
    bool is_code;        /**< of the text area (code and constants), else of the data area */
    bool is_slot;        /**< 8 bytes of an earlier unit: a function's new body */
} plim__segment;

/** The value of the last expression, after `entry` has returned. */
typedef struct plim__unit_result {
    const char *name; /**< of the variable, as debug information and symbol table have it */
    const char *type; /**< of the expression, as C writes it; NULL: there is no value */
    uint64_t address;
    uint64_t bytes;
} plim__unit_result;

/** Microseconds each step took. */
typedef struct plim__unit_times {
    uint64_t parse, compile, link;
} plim__unit_times;

/** Read-only. */
typedef struct plim__unit {
    plim__unit_end end;
    uint32_t number;
    const char *diagnostics; /**< errors and warnings with carets, in the user's lines; "" none */
    bool has_code;           /**< statements or values to compute: call `entry`, void (*)(void) */
    bool is_cached;          /**< the compiler was not asked again */
    uint64_t entry;
    plim__unit_result result;
    const plim__segment *segments;
    size_t segment_count;
    uint64_t text_end; /**< first address of the text area that is free after it */
    uint64_t data_end; /**< likewise */
    const plim__symbol *symbols;
    size_t symbol_count;
    const char *const *hidden; /**< names that it makes unreachable: "p has the earlier type …" */
    size_t hidden_count;
    const char *const *lost; /**< what will not outlive a worker, a sentence each */
    size_t lost_count;
    const void *image; /**< ELF, with debug information */
    size_t image_bytes;
    const char *text; /**< the entry's text, as compiled, for showing source lines */
    plim__unit_times times;
} plim__unit;

/** What to compile. */
typedef struct plim__unit_request {
    const char *text;
    size_t text_bytes; /**< NUL bytes in it are refused, with the place */
    const char *name;  /**< of the text in diagnostics and debug information: "In[7]", "list.c" */
    uint32_t number;   /**< of the unit */
    uint64_t text_at;  /**< first free address of the text area; aligned here */
    uint64_t data_at;  /**< likewise of the data area; within 2 GiB of text_at */
} plim__unit_request;

/** Compiles. Post: PLIM_OK also where the text was refused or incomplete (see unit->end); failures
    are of the tools or of memory, and have changed nothing. The unit is ended by
    plim__unit_destroy(). */
plim_status plim__source_compile(plim__source *source, const plim__unit_request *request,
                                 plim__unit **out_unit, plim_error *err);

/** Ends a unit; NULL and a pointer to NULL are accepted. */
void plim__unit_destroy(plim__unit **unit);

/** The unit ran to its end: later entries see its names. Pre: compiled by this source after its
    last commit or undo; unit->end is OK. */
plim_status plim__source_commit(plim__source *source, const plim__unit *unit, plim_error *err);

/** The names of the last `count` committed units go; what they hid or replaced is back.
    Post: NOT_FOUND if there were fewer, and nothing changed. */
plim_status plim__source_undo(plim__source *source, size_t count, plim_error *err);

/** Calls `visit` with each name, in order of definition, until it says false. */
void plim__source_each(const plim__source *source,
                       bool (*visit)(void *ctx, const plim__symbol *symbol), void *ctx);

/** All names as text (JSON) for plim__source_restore(); freed by plim__source_text_free(). */
plim_status plim__source_save(const plim__source *source, char **out_text, size_t *out_bytes,
                              plim_error *err);

/** Pre: nothing was committed. Post: DAMAGED if the text contradicts itself; then it is empty. */
plim_status plim__source_restore(plim__source *source, const char *text, size_t bytes,
                                 plim_error *err);

/** Frees what plim__source_save() gave. */
void plim__source_text_free(plim__source *source, char **text, size_t bytes);

/** Whether brackets, comments, strings and conditionals are closed, by clang's tokens. A text can
    still turn out incomplete when it is compiled ("x +"). */
bool plim__source_is_complete(plim__source *source, const char *text, size_t text_bytes);

/** A way to go on at a cursor. */
typedef struct plim__candidate {
    const char *text;   /**< the whole word */
    const char *detail; /**< its type or signature; "" unknown */
    plim__symbol_kind kind;
} plim__candidate;

/** What can stand at a cursor. Post: candidates are the source's until its next call; *out_from is
    where the word under the cursor begins. */
plim_status plim__source_complete(plim__source *source, const char *text, size_t text_bytes,
                                  size_t cursor, const plim__candidate **out_candidates,
                                  size_t *out_count, size_t *out_from, plim_error *err);

/** What a token is, for highlighting. */
typedef enum plim__token_kind {
    PLIM__TOKEN_PUNCTUATION = 0,
    PLIM__TOKEN_KEYWORD,
    PLIM__TOKEN_NAME,
    PLIM__TOKEN_TYPE, /**< a name of a type */
    PLIM__TOKEN_FUNCTION,
    PLIM__TOKEN_MACRO,
    PLIM__TOKEN_NUMBER,
    PLIM__TOKEN_STRING,
    PLIM__TOKEN_COMMENT,
    PLIM__TOKEN_DIRECTIVE
} plim__token_kind;

/** A token, in order of the text. */
typedef struct plim__token {
    size_t offset, bytes;
    plim__token_kind kind;
} plim__token;

/** The tokens of a text, complete or not. Post: they are the source's until its next call. */
plim_status plim__source_tokens(plim__source *source, const char *text, size_t text_bytes,
                                const plim__token **out_tokens, size_t *out_count, plim_error *err);

#endif

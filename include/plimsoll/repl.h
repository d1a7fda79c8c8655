/* SPDX-License-Identifier: MIT */
/**
 * @file repl.h
 * @brief C, entry by entry, in a process that may die: variables and heap stay.
 *
 * A session is memory (code, variables, heap) that belongs to the caller's process, and a worker
 * process that runs what is entered, on private pages over that memory. An entry is compiled,
 * loaded and run as one transaction: if it comes to its end, what it wrote is adopted; if it
 * crashes, loops, exits, or takes too much, nothing has happened, another worker stands ready, and
 * the outcome says in a sentence what it was, and where. Addresses never change: pointers among
 * variables, heap and functions hold over any number of dead workers.
 *
 * What a worker has beside that memory does not outlive it: open files, threads, sockets, children,
 * a library's own variables. What of it was lost is said in the outcome.
 * When not to use it: to run code that is hostile. A worker is a process of the same user, whose
 * faults are contained; it is no prison.
 * Its processes are killed with the thread that opened it: that one lives as long as the session.
 * Thread-safety: a session belongs to one thread at a time; plim_repl_interrupt() from any, and
 * from signal handlers. Several sessions in one process know nothing of each other.
 * @see docs/internals/repl.md
 */
#ifndef PLIM_REPL_H
#define PLIM_REPL_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_repl_close(). */
typedef struct plim_repl plim_repl;

/** How an entry ended. All but OK have changed nothing. */
typedef enum plim_repl_end {
    PLIM_REPL_OK = 0,
    PLIM_REPL_INCOMPLETE,  /**< more lines are needed; not compiled, not counted */
    PLIM_REPL_DIAGNOSTIC,  /**< the compiler refused it: `diagnostics` says why */
    PLIM_REPL_CRASHED,     /**< a fault, abort(), or the worker was killed: `signal` */
    PLIM_REPL_TIMEOUT,     /**< it ran longer than `deadline_ms` */
    PLIM_REPL_INTERRUPTED, /**< plim_repl_interrupt() */
    PLIM_REPL_EXITED,      /**< it ended its process: `exit_code` */
    PLIM_REPL_MEMORY,      /**< it took more than the session or the entry may */
    PLIM_REPL_REFUSED /**< it came to its end, but what it left cannot be kept: `explanation` */
} plim_repl_end;

/** Which stream a piece of output was written to. */
typedef enum plim_repl_stream { PLIM_REPL_STDOUT = 1, PLIM_REPL_STDERR = 2 } plim_repl_stream;

/** Takes output as it comes, during plim_repl_enter(), on its thread. Must not call the session. */
typedef void plim_repl_output(void *ctx, plim_repl_stream stream, const char *bytes, size_t count);

/** All zero gives the defaults named. */
typedef struct plim_repl_options {
    uint32_t struct_bytes;     /**< sizeof(plim_repl_options) */
    uint32_t deadline_ms;      /**< for an entry's run; 0: none */
    uint64_t memory_bytes;     /**< what the session's heap may hold; 0: 1 GiB; at most 64 GiB */
    uint64_t entry_bytes;      /**< what one entry may add to it; 0: all that is left */
    uint64_t history_bytes;    /**< for going back: bytes as they were before; 0: 512 MiB. What one
                                 entry writes has to fit too */
    uint32_t moment_max;       /**< entries that can be undone at most; 0: 1,000 */
    uint32_t output_bytes_max; /**< of one entry's output, the rest is counted and dropped; 0: all.
                                    Only with `output` */
    plim_repl_output *output;  /**< NULL: the worker writes to this process's standard streams */
    void *output_ctx;
    int input; /**< the worker's standard input: a descriptor, borrowed; 0: this process's own; -1:
                    empty */
    const char *const *flags; /**< of the compiler, NULL-terminated, copied: -I, -D, -std=, -O, -W,
                                   -f; NULL: none */
    const char *libexec;      /**< folder of plim-repl-worker and its like; NULL: PLIM_LIBEXEC,
                                   else found beside the program, else where it was installed */
} plim_repl_options;

/** A value to be shown: the entry's last expression. */
typedef struct plim_repl_result {
    const char *name;  /**< of the object that holds it, as the debug information has it */
    const char *type;  /**< as C writes it */
    uint64_t address;  /**< in the session; read it by plim_repl_read() */
    uint64_t bytes;    /**< sizeof; 0: there is no value (void, a declaration, a statement) */
    const void *image; /**< the unit's ELF image with its debug information */
    size_t image_bytes;
} plim_repl_result;

/** A row of a backtrace, innermost first. */
typedef struct plim_repl_frame {
    uint64_t address;     /**< of the instruction */
    const char *function; /**< "" unknown */
    const char *file;     /**< "In[3]", or a library's file name */
    const char *source;   /**< the line's text; "" where it is not the session's */
    uint32_t line;        /**< 1 and up; 0 unknown */
    uint32_t column;      /**< likewise */
    uint32_t repeats;     /**< how often this frame stands there in a row; 1 and up */
} plim_repl_frame;

/** What took how long, in microseconds. */
typedef struct plim_repl_times {
    uint64_t total, parse, compile, load, run, commit, explain;
} plim_repl_times;

/** What became of an entry. Everything it points to is the session's, until its next call. */
typedef struct plim_repl_outcome {
    plim_repl_end end;
    uint32_t entry;          /**< n of In[n] */
    const char *diagnostics; /**< errors and warnings, with carets; "" none */
    const char *explanation; /**< a sentence; "" where there is nothing to explain */
    plim_repl_result result;
    const plim_repl_frame *frames;
    size_t frame_count;
    uint64_t frames_left_out; /**< beyond those */
    const char *const *lost;  /**< what went with a worker, a clause each: "descriptor 5 (…)" */
    size_t lost_count;
    const char *const *hidden; /**< names that no longer mean anything, since a type of theirs was
                                    redefined */
    size_t hidden_count;
    int exit_code;           /**< EXITED */
    int signal;              /**< CRASHED; 0: the worker broke its channel */
    uint64_t fault_address;  /**< CRASHED by a memory access */
    uint64_t written_bytes;  /**< whole pages that were adopted */
    uint64_t heap_bytes;     /**< live in the heap afterwards */
    uint64_t output_dropped; /**< bytes beyond output_bytes_max */
    plim_repl_times times;
} plim_repl_outcome;

/**
 * @brief         Opens an empty session: memory, compilers, a worker and its spare.
 * @param[in]     options   NULL: all defaults.
 * @param[out]    out_repl  set only on PLIM_OK; ended by plim_repl_close().
 * @param[in,out] err       what is missing and how to install it; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND   no compiler, or no plim-repl-worker.
 * @retval PLIM_ERR_UNSUPPORTED this system cannot: not Linux on x86-64, or it forbids what it
 * takes.
 * @retval PLIM_ERR_USAGE       an option outside its range.
 * @retval PLIM_ERR_IO, PLIM_ERR_NO_MEMORY, PLIM_ERR_ACCESS as they say.
 * @note          Threads: any. Takes some 100 ms.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_open(const plim_repl_options *options,
                                                   plim_repl **out_repl, plim_error *err);

/**
 * @brief         Ends a session: all its processes, memory and files are gone; @p *repl is NULL.
 * @param[in,out] repl  NULL and a pointer to NULL are accepted.
 * @note          Threads: the session's.
 */
PLIM_API void plim_repl_close(plim_repl **repl);

/**
 * @brief         Enters C: declarations, definitions, statements, expressions, preprocessor lines,
 *                in any mixture. Returns when it has come to its end, however that was.
 * @param[in,out] repl         not NULL.
 * @param[in]     text         of the entry, NUL-terminated, at most 1 MiB.
 * @param[out]    out_outcome  set on PLIM_OK. A program that crashes is an outcome, not an error.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_UNREACHABLE no worker could be started, again and again; the session's memory
 *                              stands and can be read and saved.
 * @retval PLIM_ERR_LIMIT       the text is too long.
 * @retval PLIM_ERR_INTERNAL, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say; nothing has changed.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_enter(plim_repl *repl, const char *text,
                                                    plim_repl_outcome *out_outcome,
                                                    plim_error *err);

/**
 * @brief     Whether a text can be entered as it is, or more lines are needed.
 * @param[in] repl  not NULL.
 * @param[in] text  NUL-terminated.
 * @return    false: a bracket, a comment, a string, or a statement is open.
 * @note      Threads: the session's. A millisecond.
 */
PLIM_API bool plim_repl_is_complete(plim_repl *repl, const char *text);

/**
 * @brief         Stops the entry that runs, if one does: it has not happened. Otherwise the next
 *                one is not stopped.
 * @param[in,out] repl  not NULL, open.
 * @note          Threads: any, and signal handlers: one write(2).
 */
PLIM_API void plim_repl_interrupt(plim_repl *repl);

/**
 * @brief         Copies memory of the session: code, variables, heap, as last adopted; and, after
 *                an entry, what the worker has elsewhere (libraries' data, its stack).
 * @param[in]     repl     not NULL.
 * @param[in]     address  any.
 * @param[out]    out      size_bytes of room; untouched unless all of it could be read.
 * @param[in]     size_bytes as it says.
 * @retval PLIM_ERR_NOT_FOUND nothing is there.
 * @note          Threads: the session's. A wild address is an answer, not a fault.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_read(plim_repl *repl, uint64_t address, void *out,
                                                   size_t size_bytes);

/**
 * @brief         Takes back the last entries that were adopted: memory and names are as before
 *                them. The worker is replaced.
 * @param[in,out] repl         not NULL.
 * @param[in]     count        how many; 0 does nothing.
 * @param[out]    out_outcome  `lost` and `entry` (the newest that stands) are set; may be NULL.
 * @param[in,out] err          how many there are; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND  fewer are kept. Nothing changed.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_undo(plim_repl *repl, uint32_t count,
                                                   plim_repl_outcome *out_outcome, plim_error *err);

/** What a name stands for. */
typedef enum plim_repl_kind {
    PLIM_REPL_VARIABLE = 0,
    PLIM_REPL_FUNCTION,
    PLIM_REPL_TYPE, /**< struct, union, enum, typedef */
    PLIM_REPL_MACRO
} plim_repl_kind;

/** A name of the session, as the newest entries mean it. */
typedef struct plim_repl_variable {
    const char *name;
    const char *symbol; /**< the object's, in the image: name and version */
    const char *type;   /**< as C writes it; of a type or macro its own text */
    plim_repl_kind kind;
    bool is_hidden;    /**< its type was redefined: it is there, but C cannot name it */
    uint32_t entry;    /**< that defined it */
    uint64_t address;  /**< 0: a type or macro */
    uint64_t bytes;    /**< of a variable */
    const void *image; /**< the unit that holds it, as in plim_repl_result */
    size_t image_bytes;
} plim_repl_variable;

/** Called for each; false stops. Strings live during the call. Must not call the session. */
typedef bool plim_repl_visit(void *ctx, const plim_repl_variable *variable);

/**
 * @brief     Names the session's variables, functions, types and macros, in order of definition.
 * @param[in] repl   not NULL.
 * @param[in] visit  not NULL.
 * @param[in] ctx    for it.
 * @return    PLIM_OK; PLIM_ERR_INTERRUPTED if @p visit stopped it.
 * @note      Threads: the session's.
 */
PLIM_API plim_status plim_repl_variables(plim_repl *repl, plim_repl_visit *visit, void *ctx);

/**
 * @brief     The unit that holds an address of code or variables.
 * @param[in] repl       not NULL.
 * @param[in] address    in the session.
 * @param[out] out_image  its ELF image, until it is undone or the session ends.
 * @param[out] out_bytes  its size.
 * @param[out] out_entry  the entry it came with; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND none holds it.
 * @note      Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_image_at(plim_repl *repl, uint64_t address,
                                                       const void **out_image, size_t *out_bytes,
                                                       uint32_t *out_entry);

/** One way to go on at a cursor. */
typedef struct plim_repl_candidate {
    const char *text;   /**< the whole word */
    const char *detail; /**< its type or signature; "" unknown */
    plim_repl_kind kind;
} plim_repl_candidate;

/**
 * @brief         What can stand at a cursor: names, members, keywords.
 * @param[in,out] repl            not NULL.
 * @param[in]     text            of the entry so far.
 * @param[in]     cursor          bytes into it.
 * @param[out]    out_candidates  the session's, until its next call.
 * @param[out]    out_count       how many.
 * @param[out]    out_from        where the word under the cursor begins; may be NULL.
 * @param[in,out] err             may be NULL.
 * @retval PLIM_ERR_USAGE, PLIM_ERR_UNREACHABLE, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_complete(plim_repl *repl, const char *text,
                                                       size_t cursor,
                                                       const plim_repl_candidate **out_candidates,
                                                       size_t *out_count, size_t *out_from,
                                                       plim_error *err);

/** What a token is, for highlighting. */
typedef enum plim_repl_token_kind {
    PLIM_REPL_TOKEN_PUNCTUATION = 0,
    PLIM_REPL_TOKEN_KEYWORD,
    PLIM_REPL_TOKEN_NAME,
    PLIM_REPL_TOKEN_TYPE, /**< a name of a type */
    PLIM_REPL_TOKEN_FUNCTION,
    PLIM_REPL_TOKEN_MACRO,
    PLIM_REPL_TOKEN_NUMBER,
    PLIM_REPL_TOKEN_STRING,
    PLIM_REPL_TOKEN_COMMENT,
    PLIM_REPL_TOKEN_DIRECTIVE
} plim_repl_token_kind;

/** A token, in order of the text. */
typedef struct plim_repl_token {
    size_t from, bytes;
    plim_repl_token_kind kind;
} plim_repl_token;

/**
 * @brief         The tokens of a text, complete or not: for highlighting it as it is typed.
 * @param[in,out] repl        not NULL.
 * @param[in]     text        NUL-terminated.
 * @param[out]    out_tokens  the session's, until its next call.
 * @param[out]    out_count   how many.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_LIMIT, PLIM_ERR_UNREACHABLE, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: the session's. Milliseconds.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_tokens(plim_repl *repl, const char *text,
                                                     const plim_repl_token **out_tokens,
                                                     size_t *out_count, plim_error *err);

/**
 * @brief         Loads a shared library for all later entries. The worker is replaced.
 * @param[in,out] repl         not NULL.
 * @param[in]     library      "m", "sqlite3", "libz.so.1" or a path.
 * @param[out]    out_outcome  `lost` is set; may be NULL.
 * @param[in,out] err          the loader's words; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND  there is none, or it does not load.
 * @retval PLIM_ERR_LIMIT      32 are loaded.
 * @note          Threads: the session's. Its own variables live as long as a worker.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_link(plim_repl *repl, const char *library,
                                                   plim_repl_outcome *out_outcome, plim_error *err);

/** What the session may take; as in the options. */
typedef struct plim_repl_limits {
    uint64_t memory_bytes; /**< not below what the heap holds; UINT64_MAX: as it is */
    uint64_t entry_bytes;  /**< 0: all that is left; UINT64_MAX: as it is */
    uint32_t deadline_ms;  /**< 0: none; UINT32_MAX: as it is */
} plim_repl_limits;

/**
 * @brief         Changes limits from the next entry on.
 * @param[in,out] repl    not NULL.
 * @param[in]     limits  not NULL.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_USAGE, PLIM_ERR_BUDGET one does not fit; nothing changed.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_budget(plim_repl *repl,
                                                     const plim_repl_limits *limits,
                                                     plim_error *err);

/** Totals of a session. */
typedef struct plim_repl_info {
    plim_repl_limits limits;
    uint64_t code_address, code_bytes; /**< used so far */
    uint64_t variables_address, variables_bytes;
    uint64_t heap_address, heap_bytes;     /**< the area */
    uint64_t heap_used_bytes, heap_blocks; /**< live */
    uint64_t heap_high_water_bytes;
    uint64_t held_bytes;    /**< memory behind all of it, shared by owner and workers */
    uint64_t history_bytes; /**< what going back takes now */
    uint32_t entry_count;   /**< entered, whatever became of them */
    uint32_t adopted_count; /**< that stand */
    uint32_t undo_count;    /**< that can be taken back */
    uint32_t worker_count;  /**< workers that there were */
    int64_t worker;         /**< pid of the active one; 0: none */
    int64_t spare;          /**< likewise */
    int64_t template_pid;   /**< what they are forked from */
} plim_repl_info;

/**
 * @brief      Totals.
 * @param[in]  repl      not NULL.
 * @param[out] out_info  set.
 * @note       Threads: the session's.
 */
PLIM_API void plim_repl_read_info(plim_repl *repl, plim_repl_info *out_info);

/** A live block of the session's heap. */
typedef struct plim_repl_block {
    uint64_t address;
    uint64_t bytes; /**< it can hold */
} plim_repl_block;

/**
 * @brief         The heap's live blocks, by address, as last adopted.
 * @param[in]     repl        not NULL.
 * @param[out]    out_blocks  filled up to @p block_max; may be NULL if that is 0.
 * @param[in]     block_max   room.
 * @param[out]    out_count   blocks there are; set only on PLIM_OK.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_DAMAGED   the heap's tables contradict themselves.
 * @retval PLIM_ERR_UNREACHABLE as plim_repl_enter() says it.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_blocks(plim_repl *repl, plim_repl_block *out_blocks,
                                                     size_t block_max, size_t *out_count,
                                                     plim_error *err);

/**
 * @brief         Ends the worker as if it had crashed; the spare takes over. Memory stays.
 * @param[in,out] repl         not NULL.
 * @param[out]    out_outcome  `lost` is set; may be NULL.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_UNREACHABLE no worker could be started.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_restart(plim_repl *repl,
                                                      plim_repl_outcome *out_outcome,
                                                      plim_error *err);

/**
 * @brief         Writes the session to a file (mode 0600): memory, units, names, libraries. It can
 *                be loaded on a machine with the same compiler and the same C library.
 * @param[in]     repl  not NULL.
 * @param[in]     path  replaced in one step, or left as it is.
 * @param[in,out] err   may be NULL.
 * @retval PLIM_ERR_IO, PLIM_ERR_NO_SPACE, PLIM_ERR_ACCESS as they say.
 * @note          Threads: the session's. What can be undone is not kept.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_save(plim_repl *repl, const char *path,
                                                   plim_error *err);

/**
 * @brief         Makes an empty session the one that was saved: same addresses, same names.
 * @param[in,out] repl  not NULL, nothing was adopted yet.
 * @param[in]     path  of the file; it runs code: load none that you would not run.
 * @param[in,out] err   what differs; may be NULL.
 * @retval PLIM_ERR_BUSY        something was entered already.
 * @retval PLIM_ERR_UNSUPPORTED another compiler, C library, library or version: addresses would not
 *                              hold. As after any failure the session is empty.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_TRUNCATED the file contradicts itself.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_IO, PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_load(plim_repl *repl, const char *path,
                                                   plim_error *err);

PLIM_DECLS_END
#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file launcher.h
 * @brief From the command a user would type to one that runs the same with the inspector open.
 *
 * What is common (finding the program, scripts and their interpreters, putting words together) is
 * plan.c's; what a runtime alone knows is its plim__launcher, which its row in the table of
 * runtimes points to. launch.c runs what was planned, and asks the launcher where the inspector is.
 * Thread-safety: one thread per plan.
 */
#ifndef PLIM_INSPECT_LAUNCH_LAUNCHER_H
#define PLIM_INSPECT_LAUNCH_LAUNCHER_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>

#include "inspect/launch/lines.h"

enum {
    PLIM__LAUNCH_PROGRAM_BYTES = 4096, /* the longest path the system takes */
    PLIM__LAUNCH_INTERPRETER_BYTES = 512,
    PLIM__LAUNCH_ADDRESS_BYTES = 320,
    PLIM__LAUNCH_WORDS_MAX = 16, /* of a first line of at most 511 bytes */
    PLIM__LAUNCH_OPTIONS_MAX = 40,
    PLIM__LAUNCH_TEXT_BYTES = 8192,
    PLIM__LAUNCH_VARIABLES_MAX = 8
};

typedef struct plim__launcher plim__launcher;

/** What the user's first word turned out to be. */
typedef struct plim__launch_program {
    const char *name;     /**< last part of argv[0], "app" */
    const char *real;     /**< last part of the file it leads to once links are followed */
    const char *runs;     /**< what is executed: the program's path, or what its first line names */
    const char *resolved; /**< the file argv[0] leads to */
    bool is_script;       /**< it has a first line that names an interpreter */
} plim__launch_program;

/** A command ready to start; strings are borrowed from the user's argv or lie in here. */
typedef struct plim__launch_plan {
    const plim_allocator *allocator;
    const plim__launcher *launcher;
    const char **argv;                        /**< NULL-terminated */
    size_t cap;                               /**< private: of argv */
    char program[PLIM__LAUNCH_PROGRAM_BYTES]; /**< what to execute */
    char script[PLIM__LAUNCH_PROGRAM_BYTES];
    char interpreter[PLIM__LAUNCH_INTERPRETER_BYTES];

    /* What prepare() fills. */
    const char *options[PLIM__LAUNCH_OPTIONS_MAX]; /**< words to insert: plim__launch_add() */
    size_t option_count;
    size_t insert_at; /**< before which of the user's arguments (0: before all) */
    const char *variables[PLIM__LAUNCH_VARIABLES_MAX + 1]; /**< "NAME=value"; NULL ends it */
    size_t variable_count;
    bool is_quiet;      /**< what it writes is its own noise, and goes nowhere */
    bool wants_channel; /**< a socket to us as its descriptors 3 and 4 */
    int channel;        /**< our end of it, once it runs */
    void *state; /**< the launcher's own (a profile's folder, a port): ended by its finish() */

    char address[PLIM__LAUNCH_ADDRESS_BYTES]; /**< for plim_target_open(), once it is known */

    char text[PLIM__LAUNCH_TEXT_BYTES]; /**< private: room for composed words */
    size_t text_len;
} plim__launch_plan;

/** How a runtime is started. Functions may be NULL but takes and prepare. */
struct plim__launcher {
    const char *runtime;          /**< "Node", for sentences */
    const char *by_hand;          /**< "node --inspect (or …)": how the user opens it himself */
    const plim__line_rule *rules; /**< the inspector's own lines on standard error; NULL: none */
    bool may_be_script;           /**< its program may be a shell script that execs it */

    /** Whether this is a program of its kind. Asked in the order of the table of runtimes. */
    bool (*takes)(const plim__launch_program *program);

    /**
     * Says what to insert, and where. `arguments` are the user's, without the program.
     * PLIM_ERR_USAGE: his options cannot be obeyed. PLIM_ERR_UNSUPPORTED: it would run the program
     * in another process, or the like.
     */
    plim_status (*prepare)(plim__launch_plan *plan, const plim__launch_program *program,
                           const char *const *arguments, plim_error *err);

    /** A line of a rule of kind URL came: writes plan->address. NULL: host and port of it. */
    void (*take_url)(plim__launch_plan *plan, const char *url);

    /** Asked every 50 ms until plan->address is set, with the process that was started: for those
        whose inspector shows itself elsewhere than in a line. */
    void (*look)(plim__launch_plan *plan, int64_t pid);

    /** The program has ended, or never started: removes what prepare() made. */
    void (*finish)(plim__launch_plan *plan);
};

/**
 * Makes `argv` one that opens its inspector on a free port of the loopback. Must not be moved
 * afterwards. Ended by plim__launch_plan_fini(), on any status.
 * PLIM_ERR_NOT_FOUND, _ACCESS: no such program. PLIM_ERR_UNSUPPORTED: it is no runtime that we
 * know, or starts the program in another process. PLIM_ERR_USAGE: see prepare().
 */
PLIM_NODISCARD plim_status plim__launch_plan_init(plim__launch_plan *plan,
                                                  const plim_allocator *allocator,
                                                  const char *const *argv, plim_error *err);

/** Calls finish(), frees; all zero is accepted. */
void plim__launch_plan_fini(plim__launch_plan *plan);

/** What plim__launch_add() adds. */
enum plim__launch_what {
    PLIM__LAUNCH_OPTION,  /**< a word to insert */
    PLIM__LAUNCH_VARIABLE /**< "NAME=value" of the environment */
};

/** Adds one, composed as by printf; PLIM_ERR_LIMIT where there is no more room. */
PLIM_NODISCARD plim_status plim__launch_add(plim__launch_plan *plan, enum plim__launch_what what,
                                            plim_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif

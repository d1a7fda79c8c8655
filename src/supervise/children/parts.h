/* SPDX-License-Identifier: MIT */
/**
 * @file parts.h
 * @brief What the files of the driver share: a slot per child, and what they all hang on.
 */
#ifndef PLIM_SUPERVISE_CHILDREN_PARTS_H
#define PLIM_SUPERVISE_CHILDREN_PARTS_H
#include <plimsoll/supervisor.h>

#include "platform/spawn.h"
#include "platform/watch.h"
#include "supervise/tree/tree.h"

enum { CHILDREN_MAGIC = 0x5afe57a7, CHILDREN_OUTPUTS = 2 };

/* What a process is in the middle of. */
typedef enum child_phase {
    CHILD_NONE = 0,
    CHILD_COMING,   /* `start` said that it is under way */
    CHILD_SETTLING, /* it runs, but is not yet ready, or has not lived long enough */
    CHILD_UP
} child_phase;

/* A copy of a command in one block of memory. */
typedef struct child_command {
    plim_child_command as_given; /* its pointers lead into the block */
    size_t block_bytes;
    uint32_t variable_count; /* of the environment; all of it */
} child_command;

/* A pipe that a child writes to, and the line that is being read from it. */
typedef struct child_pipe {
    int fd; /* -1: none */
    uint32_t length;
    char line[PLIM_EVENT_LINE_BYTES];
} child_pipe;

typedef struct child_slot {
    child_command *command; /* own, unless has_borrowed */
    child_pipe *pipes;      /* CHILDREN_OUTPUTS of them; NULL: its lines are not read */
    plim_status (*start)(void *ctx, plim_child child, plim_child_process *out, plim_error *err);
    void *ctx;
    uint64_t lives_ns;
    int64_t pid;
    int pidfd;
    child_phase phase;
    plim_why why; /* it was killed for */
    uint64_t started_ns, starts;
    bool has_group, is_ready_told, is_ready, has_borrowed, was_killed;
} child_slot;

typedef struct child_listener {
    void (*event)(void *ctx, const plim_supervisor_event *event); /* NULL: nobody */
    void *ctx;
} child_listener;

struct plim_supervisor {
    uint32_t magic;
    plim_allocator allocator;
    plim__tree *tree;
    child_slot *slots;
    uint32_t slot_count, settling_count;
    void (*event)(void *ctx, const plim_supervisor_event *event);
    void *ctx;
    child_listener listeners[PLIM_SUPERVISOR_LISTENERS_MAX];
    struct uv_loop_s *loop;
    struct child_handles *handles; /* of the loop; only supervisor.c knows <uv.h>'s types */
    int watch;
    const char **environment; /* scratch for one start */
    uint32_t environment_max;
    char *program; /* scratch for one start: the path found */
    char *orphan;  /* scratch: an orphan's variables; NULL: not a reaper */
    uint64_t (*look)(void *ctx, uint64_t now_ns); /* the monitor; gives when next. NULL: none */
    void (*started)(void *ctx, uint32_t node);    /* told of each process before anybody else is */
    void *look_ctx;
    uint64_t look_ns;
    uint64_t last_request;
    plim_status end_status;
    bool is_reaper, is_started, is_ended, is_end_seen, is_pumping, is_stepping;
};

/* slot.c: the parts of a slot that last. */
plim_status plim__slot_set(plim_supervisor *supervisor, uint32_t node, const plim_child_spec *spec,
                           plim_error *err);
plim_status plim__slot_borrow(plim_supervisor *supervisor, uint32_t node, uint32_t from, void *ctx,
                              plim_error *err);
void plim__slot_clear(plim_supervisor *supervisor, uint32_t node);

/* process.c: what runs in it. */
void plim__child_begin(plim_supervisor *supervisor, uint32_t node);
void plim__child_take(plim_supervisor *supervisor, uint32_t node, plim_status status,
                      const plim_child_process *process, const plim_error *why);
void plim__child_ask(plim_supervisor *supervisor, uint32_t node, plim_why why);
void plim__child_kill(plim_supervisor *supervisor, uint32_t node, plim_why why);
void plim__child_settled(plim_supervisor *supervisor, uint32_t node);
/** A descriptor of the watch is readable. */
void plim__child_woken(plim_supervisor *supervisor, uint64_t tag);

/* orphan.c: what children leave behind. */
/** The variable by which descendants of this start are known. */
void plim__orphan_mark(const plim_supervisor *supervisor, uint32_t node, char *out_text,
                       size_t cap);
/** Waits for orphans that have ended, and kills those whose child has, or all of them. */
void plim__orphans_sweep(plim_supervisor *supervisor, bool all);

/* event.c */
/** An event about `node`, with what is always told of it; to be completed and told. */
plim_supervisor_event plim__event(const plim_supervisor *supervisor, plim_event_kind kind,
                                  uint32_t node);
void plim__event_tell(plim_supervisor *supervisor, const plim_supervisor_event *event);

/* supervisor.c */
/** From now on called by the loop, first at once; and with each start. */
void plim__supervisor_look_set(plim_supervisor *supervisor,
                               uint64_t (*look)(void *ctx, uint64_t now_ns),
                               void (*started)(void *ctx, uint32_t node), void *ctx);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A child's process: started, listened to, asked, killed, waited for. All that happens to it comes
 * through the watch, one tag per descriptor: node * 4 + what. A tag may be of a process that is
 * gone already (several of one turn): whatever it leads to is looked at, never assumed.
 *
 *   NONE -> COMING     `start` says it is under way          COMING -> SETTLING, UP, NONE
 *   NONE -> SETTLING   it runs, and counts as started later  SETTLING -> UP, NONE
 *   NONE -> UP         it runs                               UP -> NONE  it ended
 *
 * Invariants
 * P1  pidfd >= 0 exactly while the phase is SETTLING or UP; then it is in the watch.
 * P2  Each START of the tree is answered once, and each process that was UP has one end told.
 */
#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "platform/child.h"
#include "supervise/children/parts.h"

enum { PROCESS_TAGS = 4, PROCESS_TAG_END = 0, PROCESS_PATH_BYTES = 4096, PROCESS_LOW = 3 };

/* --- lines --- */

static void process_line(plim_supervisor *supervisor, uint32_t node, int which, const char *text,
                         size_t bytes, bool is_cut)
{
    plim_supervisor_event event = plim__event(supervisor, PLIM_EVENT_LINE, node);
    event.signal = which + 1;
    event.text = text;
    event.text_bytes = bytes;
    event.is_cut = is_cut;
    plim__event_tell(supervisor, &event);
}

/* Tells the whole lines in the buffer, and keeps what is left at its front. */
static void process_lines(plim_supervisor *supervisor, uint32_t node, int which)
{
    child_pipe *it = &supervisor->slots[node].pipes[which];
    uint32_t from = 0;
    for (uint32_t i = 0; i < it->length; i++) {
        if (it->line[i] != '\n')
            continue;
        process_line(supervisor, node, which, it->line + from, i - from, false);
        from = i + 1;
    }
    if (from == 0 && it->length == sizeof(it->line)) {
        process_line(supervisor, node, which, it->line, it->length, true);
        from = it->length;
    }
    memmove(it->line, it->line + from, it->length - from);
    it->length -= from;
}

static void process_pipe_close(plim_supervisor *supervisor, uint32_t node, int which)
{
    child_pipe *it = &supervisor->slots[node].pipes[which];
    if (it->fd < 0)
        return;
    plim__watch_remove(supervisor->watch, it->fd);
    plim__end_close(&it->fd);
    if (it->length > 0)
        process_line(supervisor, node, which, it->line, it->length, false);
    it->length = 0;
}

/* Bounded: who writes without end gets no more of a turn than others. */
static void process_pipe_read(plim_supervisor *supervisor, uint32_t node, int which)
{
    child_pipe *it = &supervisor->slots[node].pipes[which];
    for (int i = 0; i < PLIM_SUPERVISED_READS_MAX && it->fd >= 0; i++) {
        size_t got = 0;
        if (!plim__end_read(it->fd, it->line + it->length, sizeof(it->line) - it->length, &got)) {
            process_pipe_close(supervisor, node, which);
            return;
        }
        if (got == 0)
            return;
        it->length += (uint32_t)got;
        process_lines(supervisor, node, which);
    }
}

static void process_pipes_end(plim_supervisor *supervisor, uint32_t node)
{
    for (int i = 0; supervisor->slots[node].pipes != NULL && i < CHILDREN_OUTPUTS; i++) {
        if (supervisor->slots[node].pipes[i].fd >= 0)
            process_pipe_read(supervisor, node, i);
        process_pipe_close(supervisor, node, i);
    }
}

/* --- starts --- */

static void process_failed(plim_supervisor *supervisor, uint32_t node, plim_status status,
                           const plim_error *why)
{
    child_slot *slot = &supervisor->slots[node];
    plim_supervisor_event event = plim__event(supervisor, PLIM_EVENT_START_FAILED, node);
    event.status = status;
    event.why = slot->why;
    event.text = why->what[0] != '\0' ? why->what : plim_status_text(status);
    event.text_bytes = plim__text_length(event.text, PLIM_ERROR_WHAT_BYTES);
    plim__event_tell(supervisor, &event);
    slot->phase = CHILD_NONE;
    plim__tree_started(supervisor->tree, node, PLIM__TREE_FAILED);
}

static void process_up(plim_supervisor *supervisor, uint32_t node)
{
    supervisor->slots[node].phase = CHILD_UP;
    plim__tree_started(supervisor->tree, node, PLIM__TREE_OK);
    plim_supervisor_event event = plim__event(supervisor, PLIM_EVENT_STARTED, node);
    plim__event_tell(supervisor, &event);
}

void plim__child_settled(plim_supervisor *supervisor, uint32_t node)
{
    child_slot *slot = &supervisor->slots[node];
    PLIM_CHECK(slot->phase == CHILD_SETTLING);
    if (slot->was_killed)
        return; /* too late: its end is on the way */
    supervisor->settling_count--;
    process_up(supervisor, node);
}

void plim__child_take(plim_supervisor *supervisor, uint32_t node, plim_status status,
                      const plim_child_process *process, const plim_error *why)
{
    child_slot *slot = &supervisor->slots[node];
    PLIM_CHECK(slot->pidfd < 0);
    if (status == PLIM_ERR_UNSUPPORTED) {
        slot->phase = CHILD_NONE;
        plim__tree_started(supervisor->tree, node, PLIM__TREE_IGNORE);
        return;
    }
    int pidfd = status == PLIM_OK ? process->pidfd : -1;
    if (status == PLIM_OK && pidfd < 0)
        status = plim__pidfd_open(process->pid, &pidfd);
    uint64_t tag = (uint64_t)node * PROCESS_TAGS + PROCESS_TAG_END;
    if (status == PLIM_OK && (status = plim__watch_add(supervisor->watch, pidfd, tag)) != PLIM_OK) {
        plim__process_kill(process->pid, pidfd, false);
        plim__end_close(&pidfd);
    }
    if (status != PLIM_OK) {
        process_failed(supervisor, node, status, why);
        return;
    }
    slot->pid = process->pid;
    slot->pidfd = pidfd;
    slot->has_group = plim__process_leads_group(process->pid);
    slot->started_ns = uv_hrtime();
    if (supervisor->started != NULL)
        supervisor->started(supervisor->look_ctx, node);
    if (slot->lives_ns == 0 && (!slot->is_ready_told || slot->is_ready)) {
        process_up(supervisor, node);
        return;
    }
    slot->phase = CHILD_SETTLING;
    supervisor->settling_count++;
}

/* Ends of ours that a start needs and that are closed after it. */
typedef struct process_ends {
    int output, error_output;
} process_ends;

static plim_status process_output(plim_supervisor *supervisor, uint32_t node, int which,
                                  plim_child_output output, int *out_end, plim_error *err)
{
    child_slot *slot = &supervisor->slots[node];
    plim_status status = PLIM_OK;
    if (output == PLIM_OUTPUT_LINES) {
        child_pipe *it = &slot->pipes[which];
        it->length = 0;
        status = plim__ends_open(&it->fd, out_end);
        uint64_t tag = (uint64_t)node * PROCESS_TAGS + 1 + (uint64_t)which;
        if (status == PLIM_OK)
            status = plim__watch_add(supervisor->watch, it->fd, tag);
        if (status != PLIM_OK)
            plim__end_close(&it->fd);
    } else if (output == PLIM_OUTPUT_FILE) {
        status = plim__append_open(slot->command->as_given.output_file, out_end);
    } else if (output == PLIM_OUTPUT_INHERIT) {
        *out_end = which + 1;
    }
    if (status == PLIM_OK)
        return status;
    plim__end_close(out_end);
    plim_error_set(err, status, "its output has nowhere to go");
    plim_error_where(err, "%s",
                     output == PLIM_OUTPUT_FILE ? slot->command->as_given.output_file : "a pipe");
    return status;
}

static bool process_same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return a[len] == '=' && strncmp(a, b, len + 1) == 0;
}

/* The command's variables, but for those that the launch sets anew. */
static void process_environment(plim_supervisor *supervisor, const child_command *command,
                                const plim_child_launch *launch)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < command->variable_count; i++) {
        bool is_replaced = false;
        for (uint32_t k = 0; k < launch->variable_count; k++)
            is_replaced |=
                process_same_name(command->as_given.environment[i], launch->variables[k]);
        if (!is_replaced)
            supervisor->environment[count++] = command->as_given.environment[i];
    }
    for (uint32_t k = 0; k < launch->variable_count; k++)
        supervisor->environment[count++] = launch->variables[k];
    PLIM_CHECK(count < supervisor->environment_max);
    supervisor->environment[count] = NULL;
}

static plim_status process_program(plim_supervisor *supervisor, const plim_child_command *command,
                                   plim_error *err)
{
    plim_status status =
        plim__program_find(command->argv[0], supervisor->program, PROCESS_PATH_BYTES);
    if (status == PLIM_OK && command->folder != NULL && supervisor->program[0] != '/') {
        char path[PROCESS_PATH_BYTES];
        memcpy(path, supervisor->program, sizeof(path));
        status = plim__program_resolve(path, supervisor->program, PROCESS_PATH_BYTES);
    }
    if (status == PLIM_OK)
        return status;
    plim_error_set(err, status, "no such program: %s", command->argv[0]);
    plim_error_hint(err, "give the path of an executable file, or a name that PATH leads to");
    return status;
}

static plim_status process_exec(plim_supervisor *supervisor, uint32_t node,
                                const plim_child_launch *launch, process_ends *ends,
                                plim_child_process *out, plim_error *err)
{
    const child_command *command = supervisor->slots[node].command;
    const plim_child_command *given = &command->as_given;
    plim_status status = process_program(supervisor, given, err);
    if (status == PLIM_OK)
        status = process_output(supervisor, node, 0, given->output, &ends->output, err);
    if (status == PLIM_OK)
        status = process_output(supervisor, node, 1, given->error_output, &ends->error_output, err);
    if (status != PLIM_OK)
        return status;
    process_environment(supervisor, command, launch);
    plim__spawn spawn = {.path = supervisor->program,
                         .argv = given->argv,
                         .environment = supervisor->environment,
                         .folder = given->folder,
                         .data_bytes_max = given->data_bytes_max,
                         .cpu_seconds_max = given->cpu_seconds_max,
                         .processes_max = given->processes_max};
    plim__spawn_descriptor *descriptors = spawn.descriptors;
    if (given->has_input)
        descriptors[spawn.descriptor_count++] = (plim__spawn_descriptor){0, 0};
    if (ends->output >= 0)
        descriptors[spawn.descriptor_count++] = (plim__spawn_descriptor){ends->output, 1};
    if (ends->error_output >= 0)
        descriptors[spawn.descriptor_count++] = (plim__spawn_descriptor){ends->error_output, 2};
    for (uint32_t i = 0; i < launch->descriptor_count; i++)
        descriptors[spawn.descriptor_count++] =
            (plim__spawn_descriptor){launch->descriptors[i].ours, launch->descriptors[i].theirs};
    return plim__spawn_process(&spawn, &out->pid, &out->pidfd, err);
}

static bool process_launch_is_good(const plim_child_launch *launch)
{
    if (launch->descriptor_count > PLIM_CHILD_DESCRIPTORS_MAX ||
        launch->variable_count > PLIM_CHILD_VARIABLES_MAX)
        return false;
    for (uint32_t i = 0; i < launch->descriptor_count; i++) {
        if (launch->descriptors[i].theirs < 0 || launch->descriptors[i].theirs > 255)
            return false;
    }
    return true;
}

static void process_command(plim_supervisor *supervisor, uint32_t node)
{
    child_slot *slot = &supervisor->slots[node];
    const plim_child_command *given = &slot->command->as_given;
    plim_child_launch launch = {0};
    plim_child_process process = {.pidfd = -1};
    plim_error why = {0};
    process_ends ends = {-1, -1};
    plim_child child = plim__tree_child(supervisor->tree, node);
    plim_status status = PLIM_OK;
    if (given->prepare != NULL)
        status = given->prepare(slot->ctx, child, &launch, &why);
    PLIM_CHECK(process_launch_is_good(&launch));
    char mark[64];
    plim__orphan_mark(supervisor, node, mark, sizeof(mark));
    if (supervisor->is_reaper && launch.variable_count < PLIM_CHILD_VARIABLES_MAX)
        launch.variables[launch.variable_count++] = mark;
    if (status == PLIM_OK)
        status = process_exec(supervisor, node, &launch, &ends, &process, &why);
    if (ends.output >= PROCESS_LOW)
        plim__end_close(&ends.output);
    if (ends.error_output >= PROCESS_LOW)
        plim__end_close(&ends.error_output);
    if (given->launched != NULL)
        given->launched(slot->ctx, child, &launch);
    if (status != PLIM_OK)
        process_pipes_end(supervisor, node);
    plim__child_take(supervisor, node, status, &process, &why);
}

void plim__child_begin(plim_supervisor *supervisor, uint32_t node)
{
    child_slot *slot = &supervisor->slots[node];
    PLIM_CHECK(slot->pidfd < 0);
    slot->starts++;
    slot->why = PLIM_WHY_NONE;
    slot->was_killed = slot->is_ready = false;
    if (slot->command != NULL) {
        process_command(supervisor, node);
        return;
    }
    PLIM_CHECK(slot->start != NULL);
    plim_child_process process = {.pidfd = -1};
    plim_error why = {0};
    plim_child child = plim__tree_child(supervisor->tree, node);
    slot->phase = CHILD_COMING;
    plim_status status = slot->start(slot->ctx, child, &process, &why);
    if (status != PLIM_OK || process.pid != 0)
        plim__child_take(supervisor, node, status, &process, &why);
}

/* --- ends --- */

void plim__child_ask(plim_supervisor *supervisor, uint32_t node, plim_why why)
{
    child_slot *slot = &supervisor->slots[node];
    if (slot->pidfd < 0)
        return;
    if (slot->why == PLIM_WHY_NONE)
        slot->why = why;
    plim_supervisor_event event = plim__event(supervisor, PLIM_EVENT_STOPPING, node);
    event.why = why;
    plim__event_tell(supervisor, &event);
    if (slot->pidfd >= 0)
        plim__process_ask(slot->pid, slot->pidfd, slot->has_group);
}

void plim__child_kill(plim_supervisor *supervisor, uint32_t node, plim_why why)
{
    child_slot *slot = &supervisor->slots[node];
    if (slot->why == PLIM_WHY_NONE)
        slot->why = why;
    if (slot->phase == CHILD_COMING) {
        plim_error late = {0};
        plim_error_set(&late, PLIM_ERR_TIMEOUT, "the start was broken off");
        process_failed(supervisor, node, PLIM_ERR_TIMEOUT, &late);
        return;
    }
    if (slot->pidfd < 0)
        return;
    plim_supervisor_event event = plim__event(supervisor, PLIM_EVENT_KILLING, node);
    event.why = why;
    plim__event_tell(supervisor, &event);
    slot->was_killed = true;
    plim__process_kill(slot->pid, slot->pidfd, slot->has_group);
}

static plim_exit_reason process_reason(const plim__process_end *end)
{
    if (end->is_known && end->exit_code == 0)
        return PLIM_EXIT_NORMAL;
    return plim__signal_is_ask(end->signal) ? PLIM_EXIT_SHUTDOWN : PLIM_EXIT_ABNORMAL;
}

static void process_ended(plim_supervisor *supervisor, uint32_t node, const plim__process_end *end)
{
    child_slot *slot = &supervisor->slots[node];
    plim__watch_remove(supervisor->watch, slot->pidfd);
    plim__end_close(&slot->pidfd);
    process_pipes_end(supervisor, node);
    bool was_up = slot->phase == CHILD_UP;
    plim_supervisor_event event = plim__event(supervisor, PLIM_EVENT_EXITED, node);
    event.reason = process_reason(end);
    event.exit_code = end->exit_code;
    event.signal = end->signal;
    event.why = slot->why;
    event.lived_ns = event.at_ns - slot->started_ns;
    slot->pid = 0;
    plim__event_tell(supervisor, &event);
    if (was_up) {
        slot->phase = CHILD_NONE;
        plim__tree_exited(supervisor->tree, node, event.reason);
        return;
    }
    supervisor->settling_count--;
    plim_error why = {0};
    plim_error_set(&why, PLIM_ERR_GONE, "it ended before it counted as started");
    process_failed(supervisor, node, PLIM_ERR_GONE, &why);
}

void plim__child_woken(plim_supervisor *supervisor, uint64_t tag)
{
    uint32_t node = (uint32_t)(tag / PROCESS_TAGS), what = (uint32_t)(tag % PROCESS_TAGS);
    PLIM_CHECK(node < supervisor->slot_count);
    child_slot *slot = &supervisor->slots[node];
    if (what != PROCESS_TAG_END) {
        if (slot->pipes != NULL && slot->pipes[what - 1].fd >= 0)
            process_pipe_read(supervisor, node, (int)what - 1);
        return;
    }
    plim__process_end end;
    if (slot->pidfd >= 0 && plim__process_reap(slot->pid, slot->pidfd, slot->has_group, &end))
        process_ended(supervisor, node, &end);
}

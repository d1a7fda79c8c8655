/* SPDX-License-Identifier: MIT */
/*
 * Programs started by us. One thread per program starts it, carries what it writes to its standard
 * error over to ours for as long as it runs, and outlives it: the kernel kills the program when
 * the thread that started it ends, so that it cannot survive us, whatever we die of.
 * What the program writes is never lost and never waits for us: the thread does nothing else.
 *
 * States: STARTING -> RUNNING (address known) -> ENDING -> STOPPED, both by plim_launched_end()
 *         STARTING -> FAILED (never started, or ended too early) -> ENDING -> STOPPED
 * Invariants: L1 all of state, has_started, error, child and address is written under the mutex;
 * the thread writes none of it after it left STARTING. L2 from ENDING on the owner stops the child
 * while the thread only reads its pipe; the pipe is closed after the thread was joined.
 */
#include <plimsoll/target.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/error_repeat.h"
#include "inspect/launch/launcher.h"
#include "inspect/launch/lines.h"
#include "inspect/wire/loop.h"
#include "platform/child.h"
#include "platform/process.h"

enum {
    PLIM__LAUNCHED_MAGIC = 0x1a0c4ed1,
    LAUNCH_READ_BYTES = 65536, /* what a pipe holds */
    LAUNCH_READ_MS = 50,
    LAUNCH_GRACE_MS = 2000
};

static const uint64_t launch_timeout_ns = 15000000000u; /* a cold disk on a busy machine */
static const uint64_t launch_look_ns = 50000000u;

enum launch_state {
    LAUNCH_STARTING,
    LAUNCH_RUNNING,
    LAUNCH_FAILED,
    LAUNCH_ENDING, /* being stopped: what it still says is carried over */
    LAUNCH_STOPPED /* none of it runs: what the pipe holds is all there will be */
};

struct plim_launched {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__child child;
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t changed;
    enum launch_state state;
    bool has_started; /* or has failed to: child is what it will be */
    plim_error error; /* why FAILED */
    char address[PLIM__LAUNCH_ADDRESS_BYTES];
    plim__launch_plan plan;
    plim__lines lines; /* this and the two below are the thread's alone, as is the plan then */
    bool is_found;
    char buffer[LAUNCH_READ_BYTES];
};

static void launch_pass(void *ctx, const char *data, size_t len)
{
    const plim_launched *launched = ctx;
    if (!launched->plan.is_quiet)
        plim__error_output_write(data, len);
}

static enum launch_state launch_state_of(plim_launched *launched)
{
    uv_mutex_lock(&launched->mutex);
    enum launch_state state = launched->state;
    uv_mutex_unlock(&launched->mutex);
    return state;
}

/* "ws://127.0.0.1:40001/97cbd985-…": host and port. */
static void launch_take_url(plim__launch_plan *plan, const char *url)
{
    const char *host = strncmp(url, "ws://", 5) == 0 ? url + 5 : url;
    int len = (int)strcspn(host, "/");
    (void)snprintf(plan->address, sizeof plan->address, "%.*s", len, host);
}

/* Whether the inspector has shown itself, in a line or elsewhere. */
static void launch_look_for_address(plim_launched *launched)
{
    plim__launch_plan *plan = &launched->plan;
    if (launched->is_found)
        return;
    if (plan->address[0] == '\0' && launched->lines.url[0] != '\0') {
        if (plan->launcher->take_url != NULL)
            plan->launcher->take_url(plan, launched->lines.url);
        else
            launch_take_url(plan, launched->lines.url);
    }
    if (plan->address[0] == '\0' && plan->launcher->look != NULL)
        plan->launcher->look(plan, launched->child.pid);
    if (plan->address[0] == '\0')
        return;
    launched->is_found = true;
    uv_mutex_lock(&launched->mutex);
    (void)snprintf(launched->address, sizeof launched->address, "%s", plan->address);
    if (launched->state == LAUNCH_STARTING)
        launched->state = LAUNCH_RUNNING;
    uv_cond_broadcast(&launched->changed);
    uv_mutex_unlock(&launched->mutex);
}

static void launch_look_whether_ended(plim_launched *launched)
{
    int code = 0;
    uv_mutex_lock(&launched->mutex);
    if (launched->state == LAUNCH_STARTING && plim__child_has_ended(&launched->child, &code)) {
        (void)plim_error_set(&launched->error, PLIM_ERR_GONE,
                             "the program ended (exit code %d) before its inspector was open",
                             code);
        launched->state = LAUNCH_FAILED;
        uv_cond_broadcast(&launched->changed);
    }
    uv_mutex_unlock(&launched->mutex);
}

/* Carries output over until there is none any more. */
static void launch_carry(plim_launched *launched)
{
    bool is_end = false;
    while (!is_end) {
        size_t len = 0;
        /* A process that left the group may hold the pipe open for ever: it is not waited for. */
        bool is_last = launch_state_of(launched) == LAUNCH_STOPPED;
        plim__child_read(&launched->child, launched->buffer, sizeof launched->buffer,
                         is_last ? 0 : LAUNCH_READ_MS, &len, &is_end);
        plim__lines_feed(&launched->lines, launched->buffer, len, launch_pass, launched);
        launch_look_for_address(launched);
        if (len == 0) {
            launch_look_whether_ended(launched);
            is_end = is_end || is_last;
        }
    }
    plim__lines_end(&launched->lines, launch_pass, launched);
}

static bool launch_start(plim_launched *launched)
{
    plim__child child = {0};
    plim_error why = {0};
    plim_status status =
        plim__child_start(launched->plan.program, launched->plan.argv, launched->plan.variables,
                          launched->plan.wants_channel, &child, &why);
    uv_mutex_lock(&launched->mutex);
    launched->child = child;
    launched->plan.channel = child.channel;
    launched->error = why;
    launched->has_started = true;
    if (status != PLIM_OK && launched->state == LAUNCH_STARTING)
        launched->state = LAUNCH_FAILED;
    uv_cond_broadcast(&launched->changed);
    uv_mutex_unlock(&launched->mutex);
    return status == PLIM_OK;
}

static void launch_run(void *ctx)
{
    plim_launched *launched = ctx;
    plim__signals_block(); /* they are for the program's other threads */
    if (!launch_start(launched))
        return;
    launch_carry(launched);
    /* Its standard error is closed; it may run on, and does so only while this thread lives. */
    while (launch_state_of(launched) != LAUNCH_STOPPED) {
        launch_look_for_address(launched);
        launch_look_whether_ended(launched);
        uv_mutex_lock(&launched->mutex);
        if (launched->state != LAUNCH_STOPPED)
            (void)uv_cond_timedwait(&launched->changed, &launched->mutex, launch_look_ns);
        uv_mutex_unlock(&launched->mutex);
    }
}

static plim_status launch_too_late(uint64_t timeout_ns, plim_error *err)
{
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%.3g", (double)timeout_ns / 1e9);
    return plim_error_set(err, PLIM_ERR_TIMEOUT,
                          "the program has not opened its inspector within %s s", seconds);
}

/* Waits for the thread to know; PLIM_OK once the inspector's address is there. */
static plim_status launch_await(plim_launched *launched, const plim_target_options *options,
                                plim_error *err)
{
    int stops_before = plim_interrupt_count(options->interrupt);
    uint64_t timeout_ns =
        options->connect_timeout_ns != 0 ? options->connect_timeout_ns : launch_timeout_ns;
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    plim_status status = PLIM_OK;
    uv_mutex_lock(&launched->mutex);
    while (launched->state == LAUNCH_STARTING && status == PLIM_OK) {
        (void)uv_cond_timedwait(&launched->changed, &launched->mutex, launch_look_ns);
        if (launched->state != LAUNCH_STARTING)
            break;
        if (plim_interrupt_count(options->interrupt) > stops_before)
            status = plim_error_set(err, PLIM_ERR_INTERRUPTED, "interrupted while starting");
        else if (plim__loop_now_ns() >= deadline_ns)
            status = launch_too_late(timeout_ns, err);
    }
    if (status == PLIM_OK && launched->state == LAUNCH_FAILED)
        status = plim__error_repeat(err, &launched->error);
    uv_mutex_unlock(&launched->mutex);
    return status;
}

static plim_status launch_thread(plim_launched *launched, plim_error *err)
{
    if (uv_mutex_init(&launched->mutex) != 0)
        return plim__no_memory(err, "a program to start");
    if (uv_cond_init(&launched->changed) != 0) {
        uv_mutex_destroy(&launched->mutex);
        return plim__no_memory(err, "a program to start");
    }
    if (uv_thread_create(&launched->thread, launch_run, launched) != 0) {
        uv_cond_destroy(&launched->changed);
        uv_mutex_destroy(&launched->mutex);
        return plim__no_memory(err, "a thread");
    }
    return PLIM_OK;
}

static void launch_free(plim_launched *launched)
{
    const plim_allocator *allocator = launched->allocator;
    plim__launch_plan_fini(&launched->plan);
    launched->magic = 0;
    plim__array_free(allocator, launched, 1, sizeof *launched);
}

plim_status plim_launch(const char *const *argv, const plim_target_options *options,
                        plim_launched **out_launched, plim_error *err)
{
    PLIM_CHECK(argv != NULL && out_launched != NULL);
    const plim_target_options defaults = {.struct_bytes = sizeof defaults};
    if (options == NULL)
        options = &defaults;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_launched *launched = plim__array_new_zero(allocator, 1, sizeof *launched);
    if (launched == NULL)
        return plim__no_memory(err, "a program to start");
    launched->magic = PLIM__LAUNCHED_MAGIC;
    launched->allocator = allocator;
    plim_status status = plim__launch_plan_init(&launched->plan, allocator, argv, err);
    if (status == PLIM_OK) {
        launched->lines.rules = launched->plan.launcher->rules;
        status = launch_thread(launched, err);
    }
    if (status != PLIM_OK) {
        launch_free(launched);
        return status;
    }
    status = launch_await(launched, options, err);
    if (status != PLIM_OK) {
        plim_launched_end(&launched);
        return status;
    }
    *out_launched = launched;
    return PLIM_OK;
}

/* The names a browser goes by; the first that is there is taken. */
static const char *const *launch_names_of(const char *name, const char *const *own)
{
    static const char *const chromium[] = {"chromium",         "google-chrome",  "chrome",
                                           "chromium-browser", "headless_shell", NULL};
    static const char *const firefox[] = {"firefox", "firefox-esr", NULL};
    if (name == NULL || strcmp(name, "chromium") == 0)
        return chromium;
    return strcmp(name, "firefox") == 0 ? firefox : own;
}

plim_status plim_launch_browser(const char *name, const char *url,
                                const plim_target_options *options, plim_launched **out_launched,
                                plim_error *err)
{
    PLIM_CHECK(url != NULL && out_launched != NULL);
    const char *const own[] = {name, NULL};
    const char *const *names = launch_names_of(name, own);
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *const argv[] = {names[i], url, NULL};
        plim_error why = {0};
        plim_status status = plim_launch(argv, options, out_launched, &why);
        if (status == PLIM_ERR_NOT_FOUND)
            continue;
        if (status != PLIM_OK && err != NULL && err->status == PLIM_OK)
            *err = why;
        return status;
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no %s in PATH", names[0]);
    plim_error_hint(err, "apt install chromium (or firefox-esr); or start one yourself with its "
                         "inspector open, and give its address");
    return status;
}

const char *plim_launched_address(const plim_launched *launched)
{
    PLIM_CHECK_OBJ(launched, PLIM__LAUNCHED_MAGIC);
    return launched->address;
}

int64_t plim_launched_pid(const plim_launched *launched)
{
    PLIM_CHECK_OBJ(launched, PLIM__LAUNCHED_MAGIC);
    return launched->child.pid;
}

void plim_launched_end(plim_launched **launched_ptr)
{
    if (launched_ptr == NULL || *launched_ptr == NULL)
        return;
    plim_launched *launched = *launched_ptr;
    *launched_ptr = NULL;
    PLIM_CHECK_OBJ(launched, PLIM__LAUNCHED_MAGIC);
    uv_mutex_lock(&launched->mutex);
    while (!launched->has_started)
        uv_cond_wait(&launched->changed, &launched->mutex);
    launched->state = LAUNCH_ENDING;
    uv_mutex_unlock(&launched->mutex);
    plim__child_stop(&launched->child, LAUNCH_GRACE_MS);
    uv_mutex_lock(&launched->mutex);
    launched->state = LAUNCH_STOPPED;
    uv_cond_broadcast(&launched->changed);
    uv_mutex_unlock(&launched->mutex);
    (void)uv_thread_join(&launched->thread);
    plim__child_fini(&launched->child);
    uv_cond_destroy(&launched->changed);
    uv_mutex_destroy(&launched->mutex);
    launch_free(launched);
}

/* SPDX-License-Identifier: MIT */
/*
 * A writer that is killed (SIGKILL) before its first store into the region, before its second, and
 * so on to its last; and for each of those the next writer, which finishes or undoes what it finds,
 * killed before each of its stores, too. Then a third opens the region and demands that it is what
 * it was before the call under way, or after it, and that no call that had returned is lost.
 *
 * Method: the library's own sources, compiled with store_seam.h. The region lies in memory that
 * parent and child share. What it is after each call is known from a run that nobody kills, as a
 * text of all that a program can see of it; calls that had returned are counted in shared memory.
 * A second program does the same in transactions: within one, what is found is what was before it.
 *   kill_store            all of it; prints what it saw
 */
#include <plimsoll/transaction.h>

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_seam.h"

enum { STORAGE_BYTES = 64 << 10, SEEN_BYTES = 16 << 10, CALLS_MAX = 32, LONG = 40 };

typedef struct shared_world {
    _Alignas(64) unsigned char storage[STORAGE_BYTES];
    _Atomic uint64_t returned; /* calls */
    _Atomic uint64_t stores;   /* of the child, until it ended */
} shared_world;

static shared_world *shared;
static uint64_t stop_at, stores; /* 0: never */
static bool is_transactional;    /* the second program */

void store_stop(void)
{
    stores++;
    if (shared != NULL)
        shared->stores = stores;
    if (stop_at != 0 && stores == stop_at) {
        (void)kill(getpid(), SIGKILL);
        for (;;)
            (void)pause();
    }
}

static void fail(const char *format, ...) PLIM_PRINTF(1, 2);

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("FAILED: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* --- the program that is killed ------------------------------------------------------------ */

static plim_status world_open(plim_region **out_region, plim_error *err)
{
    const plim_region_options options = {.struct_bytes = sizeof options,
                                         .place = PLIM_REGION_STORAGE,
                                         .storage = shared->storage,
                                         .storage_bytes = STORAGE_BYTES,
                                         .object_max = 32,
                                         .type_max = 4,
                                         .field_max = 8,
                                         .name_max = 8,
                                         .text_bytes = 256,
                                         .data_bytes = 4096,
                                         .history_bytes = is_transactional ? 16 << 10 : 0,
                                         .value_max = 64};
    return plim_region_open(&options, out_region, err);
}

typedef struct program {
    plim_region *region;
    uint16_t long_type, word_type;
    plim_ref refs[8];
    uint32_t site;
} program;

static plim_status program_make(program *at, int which, uint16_t type, uint32_t owner, int parent)
{
    char value[64];
    memset(value, 'a' + which, sizeof value);
    const plim_object_request request = {.struct_bytes = sizeof request,
                                         .type = type,
                                         .tag = (uint16_t)which,
                                         .owner = owner,
                                         .parent = parent < 0 ? (plim_ref){0, 0} : at->refs[parent],
                                         .site = at->site,
                                         .initial = value};
    return plim_region_allocate_as(at->region, &request, &at->refs[which]);
}

static plim_status program_set(program *at, int which, char letter, uint32_t bytes)
{
    char value[64];
    memset(value, letter, sizeof value);
    return plim_region_set(at->region, at->refs[which], value, bytes);
}

static plim_status program_begin(program *at, int call)
{
    static const plim_field FIELDS[] = {{"word", PLIM_FIELD_UINT, 0, 8, 1},
                                        {"next", PLIM_FIELD_WEAK, 8, 8, 1}};
    switch (call) {
    case 0:
        return world_open(&at->region, NULL);
    case 1:
        return plim_region_type(at->region, "long", LONG, FIELDS, 2, &at->long_type, NULL);
    case 2:
        return plim_region_type(at->region, "word", 8, NULL, 0, &at->word_type, NULL);
    default:
        return plim_region_intern(at->region, "main a.c:1", &at->site);
    }
}

static plim_status program_name(program *at, int call)
{
    switch (call) {
    case 11:
        return plim_region_name(at->region, PLIM_NAME_OWNER, 1, "one");
    case 12:
        return plim_region_name(at->region, PLIM_NAME_TAG, 1, "long");
    case 13:
        return plim_region_name(at->region, PLIM_NAME_OWNER, 1, "other");
    default:
        return plim_region_name(at->region, PLIM_NAME_TAG, 1, NULL);
    }
}

static plim_status program_go_on(program *at, int call)
{
    switch (call) {
    case 4:
        return program_make(at, 0, at->long_type, 1, -1);
    case 5:
        return program_make(at, 1, at->word_type, 1, 0);
    case 6:
        return program_make(at, 2, at->long_type, 1, 0);
    case 7:
        return program_make(at, 3, at->long_type, 1, 2);
    case 8:
        return program_make(at, 4, at->long_type, 2, -1);
    case 9:
        return program_set(at, 3, 'X', LONG);
    case 10:
        return program_set(at, 1, 'Y', 8);
    case 15:
        return plim_region_release(at->region, at->refs[1]);
    case 16:
        return program_make(at, 5, at->word_type, 2, 4); /* its slot again */
    case 17:
        return plim_region_release(at->region, at->refs[0]);
    case 18:
        return program_make(at, 6, at->long_type, 3, -1);
    case 19:
        return program_set(at, 6, 'Z', LONG);
    case 20:
        return program_make(at, 7, at->word_type, 3, 6);
    case 21:
        return plim_region_release_owner(at->region, 2, NULL);
    default:
        plim_region_close(&at->region);
        return PLIM_OK;
    }
}

/* The second program, from its fourth call on. */
static plim_status program_transact(program *at, int call)
{
    uint32_t mark;
    switch (call) {
    case 4:
    case 9:
    case 15:
        return plim_region_begin(at->region, NULL);
    case 5:
        return program_make(at, 0, at->long_type, 1, -1);
    case 6:
        return program_make(at, 1, at->word_type, 1, 0);
    case 7:
        return plim_region_commit(at->region);
    case 8:
        return program_set(at, 0, 'B', LONG); /* between */
    case 10:
        return program_set(at, 0, 'C', LONG);
    case 11:
        return plim_region_mark(at->region, &mark);
    case 12:
        return plim_region_release(at->region, at->refs[0]);
    case 13:
        return plim_region_rollback_to(at->region, 1, NULL);
    case 14:
        return plim_region_commit(at->region);
    case 16:
        return plim_region_name(at->region, PLIM_NAME_OWNER, 1, "one");
    case 17:
        return plim_region_release_owner(at->region, 1, NULL);
    case 18:
        return plim_region_rollback(at->region, NULL);
    case 19:
        return plim_region_undo(at->region, 2, NULL);
    default:
        plim_region_close(&at->region);
        return PLIM_OK;
    }
}

/* The calls, one at a time; false behind the last. */
static bool program_call(program *at, int call)
{
    enum { FIRST_OBJECT = 4, FIRST_NAME = 11, LAST_NAME = 14, LAST = 22, LAST_TRANSACT = 20 };
    if (call > (is_transactional ? LAST_TRANSACT : LAST))
        return false;
    if (is_transactional && call >= FIRST_OBJECT) {
        plim_status done = program_transact(at, call);
        if (done != PLIM_OK)
            fail("call %d: %s", call, plim_status_name(done));
        return true;
    }
    plim_status status = call < FIRST_OBJECT                       ? program_begin(at, call)
                         : call >= FIRST_NAME && call <= LAST_NAME ? program_name(at, call)
                                                                   : program_go_on(at, call);
    if (status != PLIM_OK)
        fail("call %d: %s", call, plim_status_name(status));
    return true;
}

static int program_run(void)
{
    program at = {.region = NULL};
    int call = 0;
    for (; program_call(&at, call); call++)
        shared->returned = (uint64_t)call + 1;
    return call;
}

/* --- what can be seen ---------------------------------------------------------------------- */

static void see(char *out, const char *format, ...) PLIM_PRINTF(2, 3);

static void see(char *out, const char *format, ...)
{
    size_t used = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(out + used, SEEN_BYTES - used, format, arguments);
    va_end(arguments);
    if (added < 0 || used + (size_t)added >= SEEN_BYTES)
        fail("a text of %d bytes is too short", SEEN_BYTES);
}

/* Types, names and objects, in an order of their own. */
static void see_region(plim_region *region, char *out)
{
    plim_region_info info;
    plim_region_object object;
    plim_region_read_info(region, &info);
    out[0] = '\0';
    see(out, "types %u %x, owner 1 %s, tag 1 %s\n", info.type_count, info.types_hash,
        plim_region_name_of(region, PLIM_NAME_OWNER, 1) != NULL
            ? plim_region_name_of(region, PLIM_NAME_OWNER, 1)
            : "-",
        plim_region_name_of(region, PLIM_NAME_TAG, 1) != NULL
            ? plim_region_name_of(region, PLIM_NAME_TAG, 1)
            : "-");
    for (uint32_t i = 0; plim_region_next(region, &i, &object);) {
        const char *site = plim_region_text(region, object.site);
        see(out, "%u.%u in %u.%u owner %u type %u birth %llu tag %u site %s: %.*s\n",
            object.ref.index, object.ref.generation, object.parent.index, object.parent.generation,
            object.owner, object.type, (unsigned long long)object.birth, object.tag,
            site != NULL ? site : "-", (int)object.size_bytes,
            (const char *)plim_region_peek(region, object.ref));
    }
}

/* Opens what a killed writer left, and looks; what it is good for is tried on it afterwards. */
static void see_left(char *out, uint64_t killed_at, uint64_t again_at)
{
    plim_region *region = NULL;
    plim_error err = {0};
    if (world_open(&region, &err) != PLIM_OK || plim_region_verify(region, &err) != PLIM_OK)
        fail("killed at %llu and %llu: %s", (unsigned long long)killed_at,
             (unsigned long long)again_at, err.what);
    see_region(region, out);
    uint16_t type = 0;
    plim_ref ref;
    uint32_t count = 0;
    plim_status status = plim_region_type(region, "word", 8, NULL, 0, &type, &err);
    while (status == PLIM_OK) /* every slot is taken: what is not yet done would be done to these */
        status = plim_region_allocate(region, type, "usable!", 9, (plim_ref){0, 0}, &ref);
    plim_region_info info;
    plim_region_read_info(region, &info);
    plim_region_close(&region);
    if (status == PLIM_ERR_LIMIT && world_open(&region, &err) == PLIM_OK) {
        plim_region_object object;
        for (uint32_t i = 0; plim_region_next(region, &i, &object);)
            count++;
        plim_region_close(&region);
    }
    if (count != info.object_max || info.object_count != count)
        fail("killed at %llu and %llu: %u objects of %u, then %u: %s",
             (unsigned long long)killed_at, (unsigned long long)again_at, info.object_count,
             info.object_max, count, err.what);
}

/* --- the killing --------------------------------------------------------------------------- */

/* Runs what in a child that is killed at a store; whether it was. */
static bool killed(uint64_t at, bool is_program)
{
    pid_t child = fork();
    int how = 0;
    if (child < 0)
        fail("fork");
    if (child == 0) {
        stop_at = at;
        stores = 0;
        plim_region *region = NULL;
        if (is_program)
            (void)program_run();
        else if (world_open(&region, NULL) != PLIM_OK)
            _exit(3);
        _exit(0);
    }
    if (waitpid(child, &how, 0) != child)
        fail("waitpid");
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL)
        return true;
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        fail("the child killed at %llu ended with %x", (unsigned long long)at, (unsigned)how);
    return false;
}

static void kill_all(void)
{
    static char known[CALLS_MAX + 1][SEEN_BYTES], seen[SEEN_BYTES];
    static unsigned char left[STORAGE_BYTES];
    memset(shared, 0, sizeof *shared);
    /* Nobody kills this one. Before the first call and after the last it is closed. */
    program at = {.region = NULL};
    int calls = 0;
    for (; program_call(&at, calls); calls++) {
        plim_region_history history = {.is_open = false};
        if (at.region != NULL)
            plim_region_read_history(at.region, &history);
        if (history.is_open) /* all of it would be taken back */
            memcpy(known[calls + 1], known[calls], SEEN_BYTES);
        else if (at.region != NULL)
            see_region(at.region, known[calls + 1]);
    }
    memcpy(known[0], known[1], SEEN_BYTES); /* an empty region: whoever looks makes it */
    memcpy(known[calls], known[calls - 1], SEEN_BYTES);
    uint64_t kills = 0, kills_again = 0, before = 0, finished = 0;
    for (uint64_t n = 1;; n++) {
        memset(shared->storage, 0, STORAGE_BYTES);
        shared->returned = 0;
        if (!killed(n, true))
            break;
        kills++;
        uint64_t returned = shared->returned;
        memcpy(left, shared->storage, STORAGE_BYTES);
        bool is_whole = false;
        for (uint64_t m = 1; !is_whole; m++) {
            memcpy(shared->storage, left, STORAGE_BYTES);
            is_whole = !killed(m, false);
            kills_again += !is_whole;
            see_left(seen, n, m);
            if (strcmp(seen, known[returned]) == 0)
                before++;
            else if (strcmp(seen, known[returned + 1]) == 0)
                finished++;
            else
                fail("killed at %llu and %llu, in call %llu:\n%sis neither\n%snor\n%s",
                     (unsigned long long)n, (unsigned long long)m, (unsigned long long)returned,
                     seen, known[returned], known[returned + 1]);
        }
    }
    if (kills < 200 || kills_again < kills || before < 100 || finished < 20)
        fail("%llu kills, %llu again: a test of nothing", (unsigned long long)kills,
             (unsigned long long)kills_again);
    printf("%llu stores of %d calls, killed at each; %llu kills of the next writer; %llu times as "
           "before the call, %llu times as after it\n",
           (unsigned long long)kills, calls, (unsigned long long)kills_again,
           (unsigned long long)before, (unsigned long long)finished);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("mmap");
    kill_all();
    is_transactional = true;
    kill_all();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A worker that does what each request says, good or bad. Alone on its command line: what it is
 * from its beginning.
 */
#include <plimsoll/worker.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTOR = 3, TEXT_BYTES = 256, BOMB_MAX = 300 };

static volatile int depth_sink, depth_max = 1 << 30;
static int *volatile near_null = (int *)8; /* more than the compiler can know */
static unsigned answered;
static char *leaked;

static void wait_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&pause, &pause) != 0)
        continue;
}

/* The compiler may not make a loop of it. */
static int overflow(int depth)
{
    volatile char room[1024];
    room[0] = (char)depth;
    depth_sink = depth < depth_max ? overflow(depth + 1) + room[0] : room[0];
    return depth_sink;
}

static void push(const void *bytes, size_t len)
{
    if (write(DESCRIPTOR, bytes, len) != (ssize_t)len)
        _exit(9);
}

static void respond_raw(uint64_t id)
{
    unsigned char bytes[64];
    size_t len = 0;
    plim_message message = {.kind = PLIM_MESSAGE_RESPONSE, .id = id};
    if (plim_message_write(&message, bytes, sizeof bytes, &len, NULL) != PLIM_OK)
        _exit(9);
    push(bytes, len);
}

static void crash(plim_worker *worker, const char *how)
{
    plim_worker_last_words(worker, "I was told to");
    if (strcmp(how, "null") == 0)
        *near_null = 1;
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "overflow") == 0)
        (void)overflow(0);
    else if (strcmp(how, "kill") == 0)
        (void)kill(getpid(), SIGKILL);
    else
        _exit(7);
}

/* Processes that make processes, as fast as they can; the end of their number is for the machine's
   sake alone. */
static void bomb(void)
{
    unsigned *count =
        mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    while (count != MAP_FAILED && __atomic_fetch_add(count, 1, __ATOMIC_RELAXED) < BOMB_MAX)
        (void)!fork();
    wait_ms(600000);
}

/* What never ends. */
static void haunt(plim_worker *worker, const char *code)
{
    if (strcmp(code, "bomb") == 0)
        bomb();
    while (strcmp(code, "flood") == 0)
        (void)!plim_worker_log(worker, 2, "more, and more, and more, and more, and more", NULL);
    while (strcmp(code, "write") == 0)
        (void)!write(STDOUT_FILENO, "a line that nobody asked for\n", 29);
    while (strcmp(code, "deaf") == 0)
        wait_ms(600000);
}

/* True: it is answered as every request is. */
static int misbehave(plim_worker *worker, const plim_request *request, const char *code)
{
    static const unsigned char oversized[16] = {0xff, 0xff, 0xff, 0xff, 3};
    if (strcmp(code, "garbage") == 0)
        push("what is this, that comes here and makes no sense?", 49);
    else if (strcmp(code, "oversized") == 0)
        push(oversized, sizeof oversized);
    else if (strcmp(code, "half") == 0) {
        push(oversized, 7);
        _exit(0);
    } else if (strncmp(code, "haunt:", 6) == 0)
        haunt(worker, code + 6);
    else if (strcmp(code, "twice") == 0)
        respond_raw(request->id);
    else if (strcmp(code, "stranger") == 0)
        respond_raw(request->id + (1u << 16));
    else if (strcmp(code, "answer-and-die") == 0) {
        respond_raw(request->id);
        (void)kill(getpid(), SIGKILL);
    } else if (strcmp(code, "hang-up") == 0) {
        (void)close(DESCRIPTOR);
        wait_ms(60000);
    } else if (strncmp(code, "die-", 4) == 0)
        crash(worker, code + 4);
    else
        return 0;
    return 1;
}

static plim_status serve(plim_worker *worker, const plim_request *request, char *out)
{
    const char *code = request->code;
    plim_error err = {.status = PLIM_OK};
    out[0] = '\0';
    if (strncmp(code, "echo:", 5) == 0)
        (void)snprintf(out, TEXT_BYTES, "%s%s", code + 5, request->is_repeated ? " again" : "");
    else if (strncmp(code, "sleep:", 6) == 0)
        wait_ms(strtol(code + 6, NULL, 10));
    else if (strcmp(code, "until-cancelled") == 0)
        while (!plim_worker_is_cancelled(worker))
            wait_ms(1);
    else if (strncmp(code, "leak:", 5) == 0) {
        size_t bytes = strtoul(code + 5, NULL, 10);
        leaked = malloc(bytes);
        if (leaked != NULL)
            memset(leaked, 1, bytes);
    } else if (strncmp(code, "share:", 6) == 0) {
        size_t bytes = strtoul(code + 6, NULL, 10);
        void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
            return PLIM_ERR_NO_MEMORY;
        memset(shared, 1, bytes);
    } else if (strncmp(code, "report:", 7) == 0)
        return plim_worker_report_memory(worker, strtoull(code + 7, NULL, 10), 0, &err);
    else if (strncmp(code, "lie:", 4) == 0) {
        size_t bytes = strtoul(code + 4, NULL, 10);
        leaked = malloc(bytes);
        if (leaked != NULL)
            memset(leaked, 1, bytes);
        return plim_worker_report_memory(worker, 1, 0, &err);
    } else if (strncmp(code, "log:", 4) == 0)
        return plim_worker_log(worker, 2, code + 4, &err);
    else if (strcmp(code, "pid") == 0)
        (void)snprintf(out, TEXT_BYTES, "%d", (int)getpid());
    else if (strcmp(code, "answered") == 0)
        (void)snprintf(out, TEXT_BYTES, "%u", answered);
    else if (strcmp(code, "refuse") == 0)
        return PLIM_ERR_REFUSED;
    else if (strcmp(code, "silent") == 0)
        return PLIM_ERR_STALE; /* not answered at all */
    else
        return PLIM_ERR_USAGE;
    return PLIM_OK;
}

int main(int argc, char **argv)
{
    plim_error err = {.status = PLIM_OK};
    plim_worker *worker = NULL;
    plim_request request;
    char out[TEXT_BYTES];
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "mute") == 0)
        wait_ms(60000);
    if (strcmp(mode, "dies") == 0)
        return 3;
    if (strcmp(mode, "stubborn") == 0)
        (void)signal(SIGTERM, SIG_IGN);
    if (plim_worker_open(NULL, &worker, &err) != PLIM_OK) {
        (void)fprintf(stderr, "%s\n", err.what);
        return 2;
    }
    if (strcmp(mode, "stops-reading") == 0)
        wait_ms(600000);
    if (strncmp(mode, "first-stops-reading:", 20) == 0 && mkdir(mode + 20, 0700) == 0)
        wait_ms(600000);
    while (plim_worker_receive(worker, UINT64_MAX, &request, &err) == PLIM_OK) {
        if (misbehave(worker, &request, request.code))
            continue;
        plim_status status = serve(worker, &request, out);
        if (status != PLIM_ERR_STALE &&
            plim_worker_answer(worker, &request, status, out, (uint32_t)strlen(out),
                               status == PLIM_OK ? NULL : "no", &err) != PLIM_OK)
            return 4;
        answered++;
    }
    if (strcmp(mode, "stubborn") == 0)
        wait_ms(60000);
    plim_worker_close(&worker);
    return err.status == PLIM_ERR_SEALED ? 0 : 5;
}

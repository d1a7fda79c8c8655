/* SPDX-License-Identifier: MIT */
/*
 * A worker: runs entries that its owner has written into the session, on private pages. It says
 * when one has come to its end; the owner takes what it wrote, and tells it to drop its pages.
 *
 * W1 entries are called at the same depth of the stack in each worker.
 * W2 nothing of the worker's own writes to the session but while an entry runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repl/session/layout.h"
#include "repl/worker/worker.h"

enum {
    WORKER_PAGE_IS_FILE = 1 << 2,
    WORKER_PAGE_IS_PRESENT = 1 << 3,
    WORKER_PAGE_IS_SWAPPED = 1 << 4
};

static uint64_t run_private_bytes; /* of the session that are this process's alone */

static void run_reply(plim__wire *message)
{
    message->magic = PLIM__WIRE_MAGIC;
    if (send(plim__worker_socket(), message, sizeof *message, MSG_NOSIGNAL) !=
        (ssize_t)sizeof *message)
        plim__words_closed();
}

static void worker_heap_failed(const char *what, const void *address)
{
    plim__words_leave(PLIM__WORDS_HEAP, 0, address, 0, what, false);
}

static void worker_figures(plim__wire *message)
{
    plim__heap_figures figures;
    plim__worker_heap->figures(&figures);
    message->heap_used = figures.used_bytes;
    message->heap_blocks = figures.block_count;
    message->heap_high = figures.high_water_bytes;
}

/* A fence of the system's for what the heap's budget does not see: mappings of the program's own.
   */
static void worker_fence(uint64_t bytes)
{
    const struct rlimit limit = {run_private_bytes + bytes, run_private_bytes + bytes};
    struct rlimit now;
    if (bytes != 0 && getrlimit(RLIMIT_DATA, &now) == 0 && now.rlim_max >= limit.rlim_max)
        (void)setrlimit(RLIMIT_DATA, &(struct rlimit){limit.rlim_cur, now.rlim_max});
}

static void worker_start(plim__wire *message)
{
    plim__worker_heap = (const plim__heap_table *)(uintptr_t)message->more;
    bool is_made =
        plim__worker_heap->start((void *)PLIM__SESSION_HEAP, message->value, message->detail);
    message->kind = is_made ? PLIM__WIRE_DONE : PLIM__WIRE_BROKEN;
    (void)snprintf(message->text, sizeof message->text, "the heap could not be made");
    if (is_made)
        worker_figures(message);
    run_reply(message);
}

/* Whether a page of that range is this worker's own: the entry has written to it. True where the
   system cannot tell. */
static bool worker_has_written(uint64_t from, uint64_t to)
{
    struct { /* of ioctl(PAGEMAP_SCAN), Linux 6.7: younger than the headers */
        uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
        uint64_t inverted, must, any, tell;
    } scan = {.start = from,
              .end = to,
              .max_pages = 1,
              .inverted = WORKER_PAGE_IS_FILE,
              .must = WORKER_PAGE_IS_FILE,
              .any = WORKER_PAGE_IS_PRESENT | WORKER_PAGE_IS_SWAPPED,
              .tell = WORKER_PAGE_IS_PRESENT};
    struct {
        uint64_t start, end, categories;
    } found;
    scan.size = sizeof scan;
    scan.vec = (uint64_t)(uintptr_t)&found;
    scan.vec_len = 1;
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int count = map >= 0 ? ioctl(map, _IOWR('f', 16, scan), &scan) : -1;
    if (map >= 0)
        (void)close(map);
    return count != 0;
}

/* The heap's tables are walked at each end while that takes a fraction of a millisecond; in larger
   heaps, where an entry has written to them: by a call, or by an overrun. */
static bool worker_heap_is_sound(plim__wire *message)
{
    uint64_t tables_end = (uint64_t)(uintptr_t)plim__worker_heap->tables_end();
    if (message->heap_used > (UINT64_C(32) << 20) && message->entry % 16 != 0 &&
        !worker_has_written(PLIM__SESSION_HEAP, tables_end) &&
        !worker_has_written(PLIM__SESSION_DATA, PLIM__SESSION_DATA + PLIM__SESSION_OWN_BYTES))
        return true;
    return plim__worker_heap->verify(message->text, sizeof message->text);
}

/* Functions of earlier units that have new bodies: with the entry, so that they go back with it. */
static void worker_slots(const plim__wire *message)
{
    const plim__wire_slot *slots = (const void *)message->text;
    for (uint32_t i = 0; i < message->slot_count && i < PLIM__WIRE_SLOTS; i++)
        *(uint64_t *)(uintptr_t)slots[i].address = slots[i].value;
}

static void worker_run(plim__wire *message)
{
    void (*entry)(void);
    plim__worker_heap = (const plim__heap_table *)(uintptr_t)message->more;
    *(void **)&entry = (void *)(uintptr_t)message->value;
    worker_fence(message->heap_used);
    plim__worker_heap->failed_set(worker_heap_failed);
    (void)plim__worker_heap->limit_set(message->detail);
    plim__worker_take(message->entry);
    worker_slots(message);
    errno = 0;
    if (entry != NULL)
        entry();
    if (!plim__worker_is_me())
        _exit(0); /* a child that the entry has forked came back instead of the entry */
    (void)fflush(stdout);
    (void)fflush(stderr);
    plim__heap_hold(); /* threads that run on cannot be inside while the owner takes it */
    plim__worker_entry = 0;
    message->entry = plim__worker_taken();
    worker_figures(message);
    message->kind = worker_heap_is_sound(message) ? PLIM__WIRE_DONE : PLIM__WIRE_BROKEN;
    plim__heap_release();
    run_reply(message);
}

static void worker_walk(plim__wire *message)
{
    static plim__heap_block *blocks; /* one list at a time; gone with the next */
    static size_t bytes;
    plim__heap_figures figures;
    uint64_t position = 0;
    if (blocks != NULL)
        (void)munmap(blocks, bytes);
    plim__worker_heap = (const plim__heap_table *)(uintptr_t)message->more;
    plim__worker_heap->figures(&figures);
    bytes = (size_t)(figures.block_count + 1) * sizeof *blocks;
    blocks = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    message->kind = PLIM__WIRE_WALK;
    worker_figures(message);
    message->value = 0;
    message->detail = 0;
    if (blocks == MAP_FAILED) {
        blocks = NULL;
    } else {
        message->value = (uint64_t)(uintptr_t)blocks;
        message->detail = plim__worker_heap->walk(&position, blocks, figures.block_count + 1);
    }
    run_reply(message);
}

static void worker_move(const plim__wire *message)
{
    if (message->text[0] != 0)
        (void)!chdir(message->text);
    (void)umask((mode_t)message->value);
}

_Noreturn void plim__worker_main(int socket, plim__words *words, uint64_t private_bytes)
{
    static plim__wire message;
    plim__worker_begin(socket);
    run_private_bytes = private_bytes;
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    plim__words_catch(words);
    for (;;) {
        ssize_t got = recv(socket, &message, sizeof message, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)sizeof message || message.magic != PLIM__WIRE_MAGIC)
            _exit(0);
        if (message.kind == PLIM__WIRE_RUN)
            worker_run(&message);
        else if (message.kind == PLIM__WIRE_START)
            worker_start(&message);
        else if (message.kind == PLIM__WIRE_DROP)
            (void)madvise((void *)PLIM__SESSION_DATA, private_bytes, MADV_DONTNEED);
        else if (message.kind == PLIM__WIRE_WALK)
            worker_walk(&message);
        else if (message.kind == PLIM__WIRE_MOVE)
            worker_move(&message);
        else
            _exit(1);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Records what a program asks of malloc(), in the order it asks:
 *
 *     LD_PRELOAD=libtrace_record.so PLIM_TRACE=FILE program
 *
 * The file is mapped, so that it is whole up to its last event however the program ends; a program
 * that it starts or forks is not recorded. Addresses become ids by a hash table under one lock:
 * recording is slow, and only the order counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace.h"

enum {
    RECORD_BUCKETS = 1 << 23, /* at most 4 million blocks live */
    RECORD_THREADS_MAX = 63
};

#define RECORD_BYTES_MAX ((size_t)2 << 30)

/* The C library's own, by the names that it exports for this. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *block);

typedef struct record_bucket {
    const void *block; /* NULL: empty, and no search goes past it */
    uint32_t id;
} record_bucket;

static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;
static trace_head *record_head; /* NULL: not recording */
static uint64_t *record_events;
static record_bucket *record_table;
static uint32_t *record_free_ids;
static uint32_t record_free_count;
static __thread uint32_t record_thread __attribute__((tls_model("initial-exec")));

static size_t record_hash(const void *block)
{
    return (size_t)(((uint64_t)(uintptr_t)block >> 4) * 0x9e3779b97f4a7c15u >> 41);
}

static size_t record_find(const void *block)
{
    size_t at = record_hash(block) % RECORD_BUCKETS;
    while (record_table[at].block != NULL && record_table[at].block != block)
        at = (at + 1) % RECORD_BUCKETS;
    return at;
}

/* Takes a bucket out and moves up those behind it that would not be found any more. */
static void record_remove(size_t hole)
{
    for (size_t at = (hole + 1) % RECORD_BUCKETS; record_table[at].block != NULL;
         at = (at + 1) % RECORD_BUCKETS) {
        size_t home = record_hash(record_table[at].block) % RECORD_BUCKETS;
        if ((at - home) % RECORD_BUCKETS >= (at - hole) % RECORD_BUCKETS) {
            record_table[hole] = record_table[at];
            hole = at;
        }
    }
    record_table[hole].block = NULL;
}

static void record_put(trace_op op, uint32_t id, size_t bytes)
{
    size_t end = sizeof *record_head + (record_head->event_count + 1) * sizeof *record_events;
    if (end > RECORD_BYTES_MAX || bytes > UINT32_MAX)
        return;
    if (record_thread == 0)
        record_thread = 1 + (uint32_t)(record_head->thread_count++ % RECORD_THREADS_MAX);
    record_events[record_head->event_count] =
        trace_event(op, record_thread - 1, id, (uint32_t)bytes);
    record_head->event_count++;
}

static void record_alloc(trace_op op, const void *block, size_t bytes)
{
    if (record_head == NULL || block == NULL)
        return;
    (void)pthread_mutex_lock(&record_lock);
    if (record_free_count > 0 || record_head->id_count < RECORD_BUCKETS / 2) {
        uint32_t id = record_free_count > 0 ? record_free_ids[--record_free_count]
                                            : (uint32_t)record_head->id_count++;
        record_table[record_find(block)] = (record_bucket){block, id};
        record_put(op, id, bytes);
    }
    (void)pthread_mutex_unlock(&record_lock);
}

/* Before the block is given back: afterwards another thread may get its address. */
static void record_free(const void *block)
{
    if (record_head == NULL || block == NULL)
        return;
    (void)pthread_mutex_lock(&record_lock);
    size_t at = record_find(block);
    if (record_table[at].block != NULL) { /* else it is older than the recording */
        record_put(TRACE_FREE, record_table[at].id, 0);
        record_free_ids[record_free_count++] = record_table[at].id;
        record_remove(at);
    }
    (void)pthread_mutex_unlock(&record_lock);
}

void *malloc(size_t bytes)
{
    void *block = __libc_malloc(bytes);
    record_alloc(TRACE_ALLOC, block, bytes);
    return block;
}

void *calloc(size_t count, size_t bytes)
{
    void *block = __libc_calloc(count, bytes);
    record_alloc(TRACE_ZEROED, block, count * bytes);
    return block;
}

void free(void *block)
{
    int kept = errno;
    record_free(block);
    __libc_free(block);
    errno = kept;
}

void *realloc(void *block, size_t bytes)
{
    if (record_head == NULL || block == NULL || bytes == 0) {
        record_free(bytes == 0 ? block : NULL);
        void *fresh = __libc_realloc(block, bytes);
        if (block == NULL)
            record_alloc(TRACE_ALLOC, fresh, bytes);
        return fresh;
    }
    /* Under the lock, so that no other thread gets the old address before it is renamed. */
    (void)pthread_mutex_lock(&record_lock);
    void *moved = __libc_realloc(block, bytes);
    size_t at = record_find(block);
    if (moved != NULL && record_table[at].block != NULL) {
        uint32_t id = record_table[at].id;
        record_put(TRACE_RESIZE, id, bytes);
        record_remove(at);
        record_table[record_find(moved)] = (record_bucket){moved, id};
    }
    (void)pthread_mutex_unlock(&record_lock);
    return moved;
}

void *memalign(size_t align, size_t bytes)
{
    void *block = __libc_memalign(align, bytes);
    record_alloc(TRACE_ALLOC, block, bytes);
    return block;
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return memalign(align, bytes);
}

int posix_memalign(void **out_block, size_t align, size_t bytes)
{
    void *block = memalign(align, bytes);
    if (block == NULL)
        return ENOMEM;
    *out_block = block;
    return 0;
}

static void record_stop_in_child(void)
{
    record_head = NULL;
}

static void *record_map(size_t bytes, int fd)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED | MAP_NORESERVE;
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (pages == MAP_FAILED)
        abort(); /* a trace that lacks something would be worse than none */
    return pages;
}

__attribute__((constructor)) static void record_start(void)
{
    const char *path = getenv("PLIM_TRACE");
    if (path == NULL)
        return;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, RECORD_BYTES_MAX) != 0)
        abort();
    (void)unsetenv("PLIM_TRACE");
    (void)unsetenv("LD_PRELOAD");
    record_table = record_map(RECORD_BUCKETS * sizeof *record_table, -1);
    record_free_ids = record_map(RECORD_BUCKETS * sizeof *record_free_ids, -1);
    trace_head *head = record_map(RECORD_BYTES_MAX, fd);
    (void)close(fd);
    head->magic = TRACE_MAGIC;
    record_events = (uint64_t *)(head + 1);
    (void)pthread_atfork(NULL, NULL, record_stop_in_child);
    record_head = head;
}

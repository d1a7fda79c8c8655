/* SPDX-License-Identifier: MIT */
/*
 * A program with a heap that is known, for whoever looks into it: each kind of block comes from a
 * function of its own. Says "ready" and then does what it is told, a word a line.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

typedef struct item {
    struct item *next, *previous;
    void *value;
    char text[72];
} item;

typedef struct head {
    item *first;
    void **slots;
    char *inside; /* the middle of a block */
    size_t count, cap;
} head;

head *held_by_name;
static head *volatile held_by_static;
static void *parked[2];

APART static void *wrapped_alloc(size_t bytes)
{
    void *block = malloc(bytes);
    memset(block, 0, bytes);
    return block;
}

APART static head *make_head(void)
{
    return wrapped_alloc(sizeof(head));
}

APART static item *make_item(int number)
{
    item *made = wrapped_alloc(sizeof *made);
    (void)snprintf(made->text, sizeof made->text, "item %d", number);
    return made;
}

APART static char *make_text(void)
{
    return wrapped_alloc(5000);
}

APART static void **make_slots(size_t count)
{
    return wrapped_alloc(count * sizeof(void *));
}

APART static void make_lost(void)
{
    void *volatile lost = malloc(333);
    memset(lost, 1, 333);
    lost = NULL;
}

APART static void make_numbers(int count)
{
    for (int i = 0; i < count; i++) {
        volatile uint32_t *numbers = malloc(400);
        for (uint32_t k = 0; k < 100; k++)
            numbers[k] = k * 2654435761u;
    }
}

APART static void put(head *into, int number)
{
    if (into->count == into->cap) {
        into->cap = into->cap == 0 ? 64 : 2 * into->cap;
        void **slots = make_slots(into->cap);
        if (into->slots != NULL)
            memcpy(slots, into->slots, into->count * sizeof *slots);
        free(into->slots);
        into->slots = slots;
    }
    into->slots[into->count++] = make_item(number);
}

APART static void make_ring(head *into, int count)
{
    item *last = NULL;
    for (int i = 0; i < count; i++) {
        item *made = make_item(i);
        made->previous = last;
        if (last != NULL)
            last->next = made;
        else
            into->first = made;
        last = made;
    }
}

APART static void *make_for_thread(void)
{
    return wrapped_alloc(1700);
}

static void *thread_work(void *barrier)
{
    void *volatile mine = make_for_thread(); /* on this stack alone */
    memset(mine, 1, 1700);
    (void)pthread_barrier_wait(barrier);
    (void)pause();
    return mine;
}

static void start_threads(int count)
{
    static pthread_barrier_t barrier;
    (void)pthread_barrier_init(&barrier, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_work, &barrier) != 0)
            _exit(3);
    }
    (void)pthread_barrier_wait(&barrier);
}

static void *busy_work(void *unused)
{
    (void)unused;
    for (unsigned i = 0;; i++) {
        void *blocks[64];
        for (int k = 0; k < 64; k++)
            blocks[k] = malloc(16 + (i * 37 + (unsigned)k * 101) % 3000);
        for (int k = 0; k < 64; k++)
            blocks[k] = realloc(blocks[k], 16 + (i * 53 + (unsigned)k * 7) % 3000);
        for (int k = 0; k < 64; k++)
            free(blocks[k]);
    }
    return NULL;
}

/* Bytes of a map as a liar would have them, where the library's own is. */
static void spoil_map(unsigned seed)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long start = 0, end = 0;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "plimsoll-heap-") != NULL && sscanf(line, "%lx-%lx", &start, &end) == 2)
            break;
    if (start == 0 || mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) != 0)
        _exit(4);
    srand(seed);
    unsigned char *map = (unsigned char *)start;
    for (int i = 0; i < 1 + rand() % 4; i++) {
        uint64_t value = (uint64_t)rand() << (rand() % 40);
        /* Behind magic, version and size: those are refused at once. */
        memcpy(map + 24 + (unsigned)(rand() % 60) * 4, &value, 4u + 4u * (unsigned)(rand() % 2));
    }
}

static void make_known(void)
{
    held_by_name = make_head();
    held_by_static = make_head();
    held_by_name->inside = make_text() + 2500;
    for (int i = 0; i < 40; i++)
        put(held_by_name, i);
    make_ring(held_by_static, 10);
    make_lost();
    parked[0] = malloc(900);
}

static void do_word(const char *word, char **argv)
{
    pthread_t thread;
    int number = 0;
    if (strcmp(word, "known") == 0)
        make_known();
    else if (strcmp(word, "threads") == 0)
        start_threads(3);
    else if (strcmp(word, "busy") == 0)
        (void)(pthread_create(&thread, NULL, busy_work, NULL) +
               pthread_create(&thread, NULL, busy_work, NULL));
    else if (sscanf(word, "numbers:%d", &number) == 1)
        make_numbers(number);
    else if (sscanf(word, "grow:%d", &number) == 1)
        for (int i = 0; i < number; i++)
            put(held_by_name, i);
    else if (sscanf(word, "churn:%d", &number) == 1)
        for (int i = 0; i < number; i++)
            free(make_item(i));
    else if (sscanf(word, "spoil:%d", &number) == 1)
        spoil_map((unsigned)number);
    else if (strcmp(word, "enlarge") == 0)
        parked[0] = realloc(parked[0], 90000);
    else if (strcmp(word, "swap") == 0) { /* the same place, another block */
        free(parked[0]);
        parked[0] = malloc(900);
    } else if (strcmp(word, "fork") == 0) {
        pid_t child = fork();
        if (child == 0)
            for (int i = 0; i < 500; i++)
                put(held_by_name, i);
        else
            printf("child %d\n", (int)child);
        if (child == 0)
            (void)pause();
    } else if (strcmp(word, "exec") == 0)
        (void)execv(argv[0], argv);
    else if (strcmp(word, "_exit") == 0)
        _exit(7);
    else if (strcmp(word, "abort") == 0)
        abort();
    else if (strcmp(word, "fault") == 0)
        *(volatile int *)(uintptr_t)number = 1;
    else if (strcmp(word, "vfork") == 0) {
        if (vfork() == 0)
            _exit(0);
        exit(0);
    } else
        _exit(5);
}

int main(int argc, char **argv)
{
    char line[64];
    (void)argc;
    /* What the C library keeps of a buffer is an address behind its end: that of the next block. */
    static char in[BUFSIZ], out[BUFSIZ];
    (void)setvbuf(stdin, in, _IOLBF, sizeof in);
    (void)setvbuf(stdout, out, _IOLBF, sizeof out);
    puts("ready");
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        do_word(line, argv);
        puts("ready");
    }
    return 0;
}

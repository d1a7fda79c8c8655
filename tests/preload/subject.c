/* SPDX-License-Identifier: MIT */
/*
 * What test_preload.py runs under the library: an ordinary program that knows nothing of it. Each
 * word is one behaviour; the answer is on standard output, the exit status says whether it held.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 200, KEPT = 500, BLOCK = 100 };

#define CHECK(condition)                                                                           \
    ((condition) ? (void)0                                                                         \
                 : (printf("line %d: does not hold: %s\n", __LINE__, #condition), exit(9)))

/* The compiler must not know what becomes of a block, or it leaves the pair out. */
static _Thread_local void *volatile KEEP;

static void *take(size_t bytes)
{
    KEEP = malloc(bytes);
    return KEEP;
}

/* Takes `argument` bytes at a time and keeps them, until refused. */
static int leak(size_t bytes)
{
    size_t total = 0;
    for (;;) {
        errno = 0;
        char *block = take(bytes);
        if (block == NULL)
            break;
        memset(block, 1, bytes);
        total += bytes;
        if (total > (size_t)1 << 30)
            break;
    }
    printf("%zu bytes, then %s\n", total, errno == ENOMEM ? "ENOMEM" : "no end");
    return 0;
}

/* Every function of the family, with what the manuals promise of it. */
static int family(size_t unused)
{
    (void)unused;
    char *block = take(0);
    CHECK(block != NULL && malloc_usable_size(block) >= 1);
    free(block);
    free(NULL);
    CHECK(malloc_usable_size(NULL) == 0);
    int *numbers = calloc(1000, sizeof *numbers);
    CHECK(numbers != NULL);
    for (int i = 0; i < 1000; i++)
        CHECK(numbers[i] == 0);
    numbers[999] = 7;
    numbers = realloc(numbers, 100000 * sizeof *numbers);
    CHECK(numbers != NULL && numbers[999] == 7);
    numbers = reallocarray(numbers, 2000, sizeof *numbers);
    CHECK(numbers != NULL && numbers[999] == 7 && malloc_usable_size(numbers) >= 8000);
    volatile size_t many = SIZE_MAX / 2;
    errno = 0;
    CHECK(reallocarray(numbers, many, 3) == NULL && errno == ENOMEM && numbers[999] == 7);
    errno = 0;
    CHECK(calloc(many, 3) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(take(many) == NULL && errno == ENOMEM);
    CHECK(realloc(numbers, 0) == NULL);
    for (size_t align = sizeof(void *); align <= (size_t)1 << 16; align *= 2) {
        void *aligned = NULL;
        CHECK(posix_memalign(&aligned, align, 100) == 0 && (uintptr_t)aligned % align == 0);
        free(aligned);
        aligned = aligned_alloc(align, align * 3);
        CHECK(aligned != NULL && (uintptr_t)aligned % align == 0);
        memset(aligned, 1, align * 3);
        aligned = realloc(aligned, align * 5);
        CHECK(aligned != NULL && ((char *)aligned)[align * 3 - 1] == 1);
        free(aligned);
        aligned = memalign(align, 1);
        CHECK(aligned != NULL && (uintptr_t)aligned % align == 0);
        free(aligned);
    }
    void *none = &none;
    volatile size_t odd = 24;
    errno = 0;
    CHECK(posix_memalign(&none, odd, 100) == EINVAL && none == &none && errno == 0);
    CHECK(posix_memalign(&none, 64, many) == ENOMEM && none == &none && errno == 0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *paged = valloc(10);
    CHECK(paged != NULL && (uintptr_t)paged % page == 0);
    free(paged);
    paged = pvalloc(page + 1);
    CHECK(paged != NULL && (uintptr_t)paged % page == 0 && malloc_usable_size(paged) >= 2 * page);
    errno = EDOM;
    free(paged);
    CHECK(errno == EDOM);
    (void)malloc_trim(0);
    printf("the family holds\n");
    return 0;
}

static char *MAILBOX[THREADS][KEPT];

static void *work(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument, seed = self * 977 + 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < KEPT; i++) {
            size_t bytes = 1 + (size_t)rand_r(&seed) % 700;
            char *block = take(bytes);
            if (block != NULL) {
                memset(block, (int)(bytes & 0x7f), bytes);
                block[0] = (char)(1 + self);
            }
            /* Left for the neighbour, who frees it. */
            char *old =
                __atomic_exchange_n(&MAILBOX[(self + 1) % THREADS][i], block, __ATOMIC_ACQ_REL);
            CHECK(old == NULL || (old[0] >= 1 && old[0] <= THREADS));
            free(old);
        }
    }
    return NULL;
}

static int threads(size_t times)
{
    for (size_t time = 0; time < times;
         time++) { /* threads end and begin: what they cache goes back */
        pthread_t all[THREADS];
        for (unsigned i = 0; i < THREADS; i++)
            CHECK(pthread_create(&all[i], NULL, work, (void *)(uintptr_t)i) == 0);
        for (unsigned i = 0; i < THREADS; i++)
            CHECK(pthread_join(all[i], NULL) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned k = 0; k < KEPT; k++)
            free(MAILBOX[i][k]);
    }
    printf("threads hold\n");
    return 0;
}

/* Forks while other threads are inside malloc; the child allocates, frees and ends by itself. */
static int forks(size_t count)
{
    pthread_t all[2];
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&all[i], NULL, work, (void *)(uintptr_t)i) == 0);
    for (size_t i = 0; i < count; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            (void)alarm(100); /* a lock that stayed taken shows as a signal */
            for (int k = 0; k < 1000; k++) {
                char *block = take((size_t)(k * 7 % 5000));
                CHECK(block != NULL);
                free(block);
            }
            _exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
    printf("forks hold\n");
    return 0;
}

enum { TURNS = 12, WAYS = 1 << TURNS };

/* Left or right at each of the turns: as many stacks as ways. */
static __attribute__((noinline)) void turn_left(unsigned way, unsigned turns);

static __attribute__((noinline)) void turn_right(unsigned way, unsigned turns)
{
    if (turns == 0)
        free(take(1 + way % 100));
    else if ((way >> turns & 1) != 0)
        turn_right(way, turns - 1);
    else
        turn_left(way, turns - 1);
    __asm__ volatile(""); /* or the calls above were jumps, and left no frame */
}

static void turn_left(unsigned way, unsigned turns)
{
    if (turns == 0)
        free(take(101 + way % 100));
    else if ((way >> turns & 1) != 0)
        turn_right(way, turns - 1);
    else
        turn_left(way, turns - 1);
    __asm__ volatile("");
}

static pthread_barrier_t AT_ONCE;

static void *walk(void *argument)
{
    (void)argument;
    (void)pthread_barrier_wait(&AT_ONCE);
    for (unsigned way = 0; way < WAYS; way++)
        turn_left(way, TURNS);
    return NULL;
}

/* Threads that are the first, at once, to ask from each of many places. */
static int ways(size_t unused)
{
    (void)unused;
    pthread_t all[THREADS];
    CHECK(pthread_barrier_init(&AT_ONCE, NULL, THREADS) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&all[i], NULL, walk, NULL) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
    printf("ways hold\n");
    return 0;
}

static volatile sig_atomic_t ALARMS;

static void on_alarm(int number)
{
    (void)number;
    ALARMS++;
    /* Not allowed, and done by many: it must neither hang nor break anything. */
    void *block = malloc(50);
    KEEP = block;
    free(block);
}

/* A handler that allocates, arriving every 50 microseconds in the middle of allocations. */
static int handlers(size_t count)
{
    struct sigaction action = {.sa_handler = on_alarm};
    CHECK(sigaction(SIGPROF, &action, NULL) == 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
    struct itimerspec every = {{0, 50000}, {0, 50000}};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &every, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        char *block = take(i * 31 % 3000);
        CHECK(block != NULL);
        free(block);
    }
    CHECK(timer_delete(timer) == 0);
    CHECK(ALARMS > 100);
    printf("%d handlers hold\n", (int)ALARMS);
    return 0;
}

/* Memory that nobody here handed out. */
static int foreign(size_t unused)
{
    (void)unused;
    static _Alignas(16) char storage[64];
    void *volatile stranger = storage + 16;
    free(stranger);
    errno = 0;
    void *moved = realloc(stranger, 100);
    printf("%s, %zu\n", moved == NULL && errno == ENOMEM ? "refused" : "taken",
           malloc_usable_size(stranger));
    return 0;
}

/* Asks for a report from inside, then looks at what the kernel says. */
static int kernel(size_t bytes)
{
    for (size_t i = 0; i < bytes; i += BLOCK) {
        char *block = take(BLOCK);
        CHECK(block != NULL);
        memset(block, 1, BLOCK);
    }
    char *large = take(bytes);
    CHECK(large != NULL);
    memset(large, 1, bytes);
    CHECK(raise(SIGUSR2) == 0);
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        (void)fputs(line, stdout);
    return 0;
}

/* Calls `fill` of the shared object named in SUBJECT_MODULE. */
static int module(size_t bytes)
{
    const char *path = getenv("SUBJECT_MODULE");
    CHECK(path != NULL);
    void *object = dlopen(path, RTLD_NOW);
    CHECK(object != NULL);
    size_t (*fill)(size_t) = NULL;
    *(void **)(void *)&fill = dlsym(object, "fill");
    CHECK(fill != NULL);
    size_t kept = fill(bytes);
    char *own = take(1000);
    printf("module %zu, own %s\n", kept, own != NULL ? "served" : "refused");
    CHECK(dlclose(object) == 0);
    return 0;
}

/* Holds 3 MB, cannot become what is not there, then becomes itself with "family", in one of the
   nine ways. */
static int replace(size_t way)
{
    static char self[] = "/proc/self/exe", word[] = "family", variable[] = "SUBJECT_REPLACED=1";
    char *argv[] = {self, word, NULL};
    char *environment[64] = {variable};
    for (size_t i = 0; i < 62 && environ[i] != NULL; i++)
        environment[i + 1] = environ[i];
    char *kept = take(3000000);
    CHECK(kept != NULL);
    memset(kept, 1, 3000000);
    errno = 0;
    CHECK(execl("/nowhere/x", "x", (char *)NULL) == -1 && errno == ENOENT);
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    switch (way) {
    case 0:
        (void)execve(self, argv, environment);
        break;
    case 1:
        (void)execv(self, argv);
        break;
    case 2:
        (void)execvp(self, argv);
        break;
    case 3:
        (void)execvpe(self, argv, environment);
        break;
    case 4:
        (void)fexecve(fd, argv, environment);
        break;
    case 5:
        (void)execveat(fd, "", argv, environment, AT_EMPTY_PATH);
        break;
    case 6:
        (void)execl(self, self, word, (char *)NULL);
        break;
    case 7:
        (void)execlp(self, self, word, (char *)NULL);
        break;
    default:
        (void)execle(self, self, word, (char *)NULL, environment);
        break;
    }
    return 3;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(size_t argument);
    } words[] = {{"leak", leak},     {"family", family},     {"threads", threads},
                 {"forks", forks},   {"handlers", handlers}, {"foreign", foreign},
                 {"kernel", kernel}, {"module", module},     {"replace", replace},
                 {"ways", ways}};
    size_t argument = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (argc > 1 && strcmp(argv[1], words[i].name) == 0)
            return words[i].run(argument);
    }
    return 2;
}

/* SPDX-License-Identifier: MIT */
/*
 * Drafts. Method: a memfd is the truth; the same cases run in every way that written pages are
 * found. What the system refuses is made up by wrapping its calls at link time: the n-th fails.
 */
#include <plimsoll/draft.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, PAGES = 64, BYTES = PAGES * PAGE, LOG = 4 << 20, SCAN_REQUEST_TYPE = 'f' };

/* --- the system's calls -------------------------------------------------------------------- */

static long fail_at, calls;    /* the n-th from now fails; 0: none */
static bool is_scan_missing;   /* as on Linux before 6.7 */
static bool is_watcher_denied; /* as in a sandbox */

static bool call_fails(void)
{
    if (++calls != fail_at)
        return false;
    errno = ENOMEM;
    return true;
}

void *__real_mmap64(void *, size_t, int, int, int, off_t);
void *__wrap_mmap64(void *, size_t, int, int, int, off_t);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return call_fails() ? MAP_FAILED : __real_mmap64(at, bytes, protection, flags, file, offset);
}

int __real_ioctl(int, unsigned long, void *);
int __wrap_ioctl(int, unsigned long, void *);
int __wrap_ioctl(int file, unsigned long request, void *argument)
{
    if (is_scan_missing && (request >> 8 & 0xff) == SCAN_REQUEST_TYPE) {
        errno = ENOTTY;
        return -1;
    }
    return call_fails() ? -1 : __real_ioctl(file, request, argument);
}

int __real_madvise(void *, size_t, int);
int __wrap_madvise(void *, size_t, int);
int __wrap_madvise(void *at, size_t bytes, int advice)
{
    return call_fails() ? -1 : __real_madvise(at, bytes, advice);
}

int __real_mprotect(void *, size_t, int);
int __wrap_mprotect(void *, size_t, int);
int __wrap_mprotect(void *at, size_t bytes, int protection)
{
    return call_fails() ? -1 : __real_mprotect(at, bytes, protection);
}

int __real_memfd_create(const char *, unsigned);
int __wrap_memfd_create(const char *, unsigned);
int __wrap_memfd_create(const char *name, unsigned flags)
{
    return call_fails() ? -1 : __real_memfd_create(name, flags);
}

ssize_t __real_process_vm_readv(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                                unsigned long, unsigned long);
ssize_t __wrap_process_vm_readv(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                                unsigned long, unsigned long);
ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *to, unsigned long to_count,
                                const struct iovec *from, unsigned long from_count,
                                unsigned long flags)
{
    return call_fails() ? -1 : __real_process_vm_readv(pid, to, to_count, from, from_count, flags);
}

long __real_syscall(long, long, long, long, long, long, long);
long __wrap_syscall(long, long, long, long, long, long, long);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_userfaultfd && is_watcher_denied) {
        errno = EPERM;
        return -1;
    }
    if (number == SYS_userfaultfd && call_fails())
        return -1;
    return __real_syscall(number, a, b, c, d, e, f);
}

/* --- a truth ------------------------------------------------------------------------------- */

typedef struct world {
    int file;
    unsigned char *truth;
    void *log;
    plim_journal *journal;
} world;

static void world_open(world *at, size_t log_bytes)
{
    at->file = memfd_create("truth", MFD_CLOEXEC);
    assert_true(at->file >= 0);
    assert_int_equal(ftruncate(at->file, BYTES), 0);
    at->truth = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, at->file, 0);
    at->log = mmap(NULL, log_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(at->truth != MAP_FAILED && at->log != MAP_FAILED);
    const plim_journal_options options = {.struct_bytes = sizeof options,
                                          .memory = at->truth,
                                          .memory_bytes = BYTES,
                                          .log = at->log,
                                          .log_bytes = log_bytes};
    assert_int_equal(plim_journal_open(&options, &at->journal, NULL), PLIM_OK);
}

static void world_close(world *at, size_t log_bytes)
{
    plim_journal_close(&at->journal);
    assert_int_equal(munmap(at->truth, BYTES), 0);
    assert_int_equal(munmap(at->log, log_bytes), 0);
    assert_int_equal(close(at->file), 0);
}

static plim_status draft_try(const world *at, plim_draft_way way, void *address,
                             plim_draft **out_draft)
{
    const plim_draft_options options = {.struct_bytes = sizeof options,
                                        .way = way,
                                        .descriptor = at->file,
                                        .size_bytes = BYTES,
                                        .address = address};
    return plim_draft_open(&options, out_draft, NULL);
}

/* Whether this system has what a way needs, found out apart from the code under test. */
static bool way_is_here(plim_draft_way way)
{
    struct utsname name;
    int major = 0, minor = 0;
    if (way == PLIM_DRAFT_PRIVATE)
        return true;
#ifdef PLIM_SANITIZED
    if (way == PLIM_DRAFT_TRAP)
        return false; /* the sanitizer keeps SIGSEGV; see tests/meson.build */
#endif
    if (way == PLIM_DRAFT_TRAP)
        return true;
    assert_int_equal(uname(&name), 0);
    assert_int_equal(sscanf(name.release, "%d.%d", &major, &minor), 2);
    int watcher = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1, 0, 0, 0, 0, 0);
    if (watcher >= 0)
        (void)close(watcher);
    return watcher >= 0 && (major > 6 || (major == 6 && minor >= 7));
}

/* A draft in that way, or NULL where this system has it not; that must be said then. */
static plim_draft *draft_of(const world *at, plim_draft_way way)
{
    plim_draft *draft = NULL;
    plim_status status = draft_try(at, way, NULL, &draft);
    if (way_is_here(way))
        assert_int_equal(status, PLIM_OK);
#ifndef PLIM_SANITIZED
    else
        assert_int_equal(status, PLIM_ERR_UNSUPPORTED);
#endif
    if (status == PLIM_OK)
        assert_int_equal(plim_draft_way_taken(draft), way);
    return draft;
}

/* --- every way ----------------------------------------------------------------------------- */

static uint64_t random_state = UINT64_C(0x7f4a7c159e3779b9);

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11) % bound;
}

static void run_twin(plim_draft_way way)
{
    static unsigned char now[BYTES], committed[BYTES], moments[400][BYTES];
    uint32_t count = 0;
    uint64_t moved = 0;
    world at;
    world_open(&at, LOG);
    plim_draft *draft = draft_of(&at, way);
    memset(now, 0, BYTES);
    memset(committed, 0, BYTES);
    for (int i = 0; draft != NULL && i < 400; i++) {
        unsigned char *memory = plim_draft_memory(draft);
        for (uint32_t writes = random_below(12); writes > 0; writes--) {
            uint32_t bytes = 1 + random_below(3 * PAGE), start = random_below(BYTES - bytes);
            int value = (int)random_below(256);
            memset(memory + start, value, bytes);
            memset(now + start, value, bytes);
        }
        assert_memory_equal(memory, now, BYTES);
        assert_memory_equal(at.truth, committed, BYTES);
        if (random_below(4) == 0) {
            assert_int_equal(plim_draft_drop(draft, NULL), PLIM_OK);
            memcpy(now, committed, BYTES);
        } else {
            memcpy(moments[count++], committed, BYTES);
            assert_int_equal(plim_draft_commit(draft, at.journal, 0, &moved, NULL), PLIM_OK);
            memcpy(committed, now, BYTES);
        }
        assert_memory_equal(at.truth, committed, BYTES);
        assert_memory_equal(memory, now, BYTES);
    }
    plim_draft_close(&draft);
    plim_journal_info info;
    plim_journal_read_info(at.journal, &info);
    for (uint32_t kept = info.kept; kept > 0; kept--) {
        assert_int_equal(plim_journal_undo(at.journal, 1, NULL), PLIM_OK);
        assert_memory_equal(at.truth, moments[--count], BYTES);
    }
    world_close(&at, LOG);
}

static void what_is_committed_is_what_was_written_in_every_way(void **state)
{
    (void)state;
    run_twin(PLIM_DRAFT_SCAN);
    run_twin(PLIM_DRAFT_PRIVATE);
    run_twin(PLIM_DRAFT_TRAP);
    is_scan_missing = true; /* pages read from the pagemap, word by word */
    run_twin(PLIM_DRAFT_PRIVATE);
    is_scan_missing = false;
}

static void only_written_pages_are_moved(void **state)
{
    (void)state;
    for (plim_draft_way way = PLIM_DRAFT_SCAN; way <= PLIM_DRAFT_TRAP; way++) {
        world at;
        uint64_t moved = 1, sum = 0;
        world_open(&at, LOG);
        plim_draft *draft = draft_of(&at, way);
        if (draft != NULL) {
            volatile unsigned char *memory = plim_draft_memory(draft);
            for (size_t i = 0; i < BYTES; i += PAGE)
                sum += memory[i];
            assert_int_equal(sum, 0);
            assert_int_equal(plim_draft_commit(draft, at.journal, 0, &moved, NULL), PLIM_OK);
            assert_int_equal(moved, 0);
            memory[5 * PAGE] = 1;
            memory[6 * PAGE] = 1;
            memory[9 * PAGE] = 1;
            assert_int_equal(plim_draft_commit(draft, at.journal, 0, &moved, NULL), PLIM_OK);
            assert_int_equal(moved, 3 * PAGE);
            assert_int_equal(plim_draft_commit(draft, at.journal, 0, &moved, NULL), PLIM_OK);
            assert_int_equal(moved, 0);
            plim_draft_close(&draft);
        }
        world_close(&at, LOG);
    }
}

/* A read(2) into a page that was not written yet. */
static void writes_by_the_system_count_but_with_traps_they_fail(void **state)
{
    (void)state;
    for (plim_draft_way way = PLIM_DRAFT_SCAN; way <= PLIM_DRAFT_TRAP; way++) {
        world at;
        uint64_t moved = 0;
        world_open(&at, LOG);
        plim_draft *draft = draft_of(&at, way);
        if (draft != NULL) {
            for (int i = 0; i < 2; i++) { /* the second time the page is private already */
                int zero = open("/dev/zero", O_RDONLY);
                ssize_t got = read(zero, (char *)plim_draft_memory(draft) + 7 * PAGE, 100);
                assert_int_equal(got, way == PLIM_DRAFT_TRAP ? -1 : 100);
                (void)close(zero);
                assert_int_equal(plim_draft_commit(draft, at.journal, 0, &moved, NULL), PLIM_OK);
                assert_int_equal(moved, way == PLIM_DRAFT_TRAP ? 0 : PAGE);
            }
            plim_draft_close(&draft);
        }
        world_close(&at, LOG);
    }
}

static void more_than_the_log_holds_is_refused_and_nothing_is_lost(void **state)
{
    (void)state;
    enum { SMALL = 8 * PAGE };
    for (plim_draft_way way = PLIM_DRAFT_SCAN; way <= PLIM_DRAFT_TRAP; way++) {
        world at;
        world_open(&at, SMALL);
        plim_draft *draft = draft_of(&at, way);
        if (draft != NULL) {
            unsigned char *memory = plim_draft_memory(draft);
            memset(memory, 1, BYTES);
            for (int i = 0; i < 2; i++)
                assert_int_equal(plim_draft_commit(draft, at.journal, 0, NULL, NULL),
                                 PLIM_ERR_NO_SPACE);
            assert_int_equal(at.truth[0] + at.truth[BYTES - 1], 0);
            assert_int_equal(memory[0] + memory[BYTES - 1], 2);
            assert_int_equal(plim_draft_drop(draft, NULL), PLIM_OK);
            memory[PAGE] = 3;
            assert_int_equal(plim_journal_begin(at.journal), PLIM_OK);
            assert_int_equal(plim_draft_commit(draft, at.journal, 0, NULL, NULL), PLIM_ERR_BUSY);
            assert_int_equal(plim_journal_rollback(at.journal), PLIM_OK);
            assert_int_equal(plim_draft_commit(draft, at.journal, PAGE, NULL, NULL),
                             PLIM_ERR_USAGE);
            assert_int_equal(plim_draft_commit(draft, at.journal, 0, NULL, NULL), PLIM_OK);
            assert_int_equal(at.truth[PAGE], 3);
            plim_draft_close(&draft);
        }
        world_close(&at, SMALL);
    }
}

static void the_best_way_that_is_here_is_taken(void **state)
{
    (void)state;
    world at;
    plim_draft *draft = NULL;
    world_open(&at, LOG);
    assert_int_equal(draft_try(&at, PLIM_DRAFT_ANY, NULL, &draft), PLIM_OK);
    assert_int_equal(plim_draft_way_taken(draft),
                     way_is_here(PLIM_DRAFT_SCAN) ? PLIM_DRAFT_SCAN : PLIM_DRAFT_PRIVATE);
    plim_draft_close(&draft);
    is_watcher_denied = true;
    assert_int_equal(draft_try(&at, PLIM_DRAFT_SCAN, NULL, &draft), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(draft_try(&at, PLIM_DRAFT_ANY, NULL, &draft), PLIM_OK);
    assert_int_equal(plim_draft_way_taken(draft), PLIM_DRAFT_PRIVATE);
    plim_draft_close(&draft);
    is_watcher_denied = false;
    const plim_draft_options odd = {
        .struct_bytes = sizeof odd, .descriptor = at.file, .size_bytes = 100};
    assert_int_equal(plim_draft_open(&odd, &draft, NULL), PLIM_ERR_USAGE);
    world_close(&at, LOG);
}

static void an_address_is_kept_to_or_refused(void **state)
{
    (void)state;
    world at;
    plim_draft *draft = NULL, *second = NULL;
    const size_t hole = (size_t)1 << 28;
    void *const there = mmap(NULL, hole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(munmap(there, hole), 0); /* free now; others are put at its end */
    world_open(&at, LOG);
    assert_int_equal(draft_try(&at, PLIM_DRAFT_ANY, there, &draft), PLIM_OK);
    assert_ptr_equal(plim_draft_memory(draft), there);
    assert_int_equal(draft_try(&at, PLIM_DRAFT_ANY, there, &second), PLIM_ERR_EXISTS);
    plim_draft_close(&draft);
    world_close(&at, LOG);
}

/* --- faults of others ---------------------------------------------------------------------- */

static sigjmp_buf fault_out;

static void fault_seen(int number)
{
    (void)number;
    siglongjmp(fault_out, 1);
}

static void a_fault_that_is_not_ours_goes_to_whoever_had_the_signal(void **state)
{
    (void)state;
    int code = 0;
    pid_t child = fork();
    if (child == 0) { /* the handler stays for good: not in this process */
        world at;
        plim_draft *draft = NULL;
        struct sigaction mine = {.sa_handler = fault_seen};
        if (sigaction(SIGSEGV, &mine, NULL) != 0)
            _exit(1);
        world_open(&at, LOG);
        if (draft_try(&at, PLIM_DRAFT_TRAP, NULL, &draft) != PLIM_OK)
            _exit(way_is_here(PLIM_DRAFT_TRAP) ? 2 : 0);
        if (sigsetjmp(fault_out, 1) == 0) {
            volatile uintptr_t nowhere = 16;
            *(volatile char *)nowhere = 1; // NOLINT: nothing is mapped there
            _exit(3);
        }
        *(volatile char *)plim_draft_memory(draft) = 1; /* and ours still works */
        plim_draft_close(&draft);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
}

/* --- workers ------------------------------------------------------------------------------- */

typedef struct worker {
    pid_t pid;
    int to, from; /* pipes */
    uint64_t address;
} worker;

/* A worker maps its own draft and does what each byte asks for; answers when it stands still. */
static void worker_run(const world *at, int from, int to)
{
    plim_draft *draft = NULL;
    char what;
    if (draft_try(at, PLIM_DRAFT_PRIVATE, NULL, &draft) != PLIM_OK)
        _exit(9);
    unsigned char *memory = plim_draft_memory(draft);
    uint64_t address = (uint64_t)(uintptr_t)memory;
    if (write(to, &address, sizeof address) != sizeof address)
        _exit(8);
    while (read(from, &what, 1) == 1) {
        if (what == 'w' || what == 'd') {
            memory[0]++;
            memset(memory + 20 * PAGE + 100, memory[0], 5 * PAGE);
        }
        if (what == 'd')
            (void)kill(getpid(), SIGKILL);
        if (what == 't' && plim_draft_drop(draft, NULL) != PLIM_OK)
            _exit(7);
        char answer = (char)memory[20 * PAGE + 100];
        if (write(to, &answer, 1) != 1)
            _exit(8);
    }
    _exit(0);
}

static worker worker_start(const world *at)
{
    int down[2], up[2];
    worker one = {0};
    assert_int_equal(pipe2(down, O_CLOEXEC) | pipe2(up, O_CLOEXEC), 0);
    one.pid = fork();
    if (one.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(down[1]);
        (void)close(up[0]);
        worker_run(at, down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    one.to = down[1];
    one.from = up[0];
    assert_int_equal(read(one.from, &one.address, sizeof one.address), sizeof one.address);
    return one;
}

static int worker_ask(const worker *one, char what)
{
    unsigned char answer = 0;
    assert_int_equal(write(one->to, &what, 1), 1);
    return read(one->from, &answer, 1) == 1 ? answer : -1;
}

static void worker_end(worker *one)
{
    (void)close(one->to);
    (void)close(one->from);
    (void)kill(one->pid, SIGKILL);
    assert_int_equal(waitpid(one->pid, NULL, 0), one->pid);
}

static void a_worker_that_dies_changed_nothing_and_one_that_stands_still_is_adopted(void **state)
{
    (void)state;
    static const unsigned char zero[BYTES];
    world at;
    uint64_t moved = 0;
    world_open(&at, LOG);
    worker dying = worker_start(&at), good = worker_start(&at);
    assert_int_equal(worker_ask(&dying, 'd'), -1);
    assert_memory_equal(at.truth, zero, BYTES);
    for (int round = 1; round <= 3; round++) {
        assert_int_equal(worker_ask(&good, 'w'), round);
        assert_int_equal(at.truth[0], round - 1);
        assert_int_equal(
            plim_draft_adopt(at.journal, 0, good.pid, good.address, BYTES, &moved, NULL), PLIM_OK);
        assert_int_equal(moved, 7 * PAGE);
        assert_int_equal(at.truth[20 * PAGE + 100], round);
        assert_int_equal(worker_ask(&good, 't'), round);
    }
    worker late = worker_start(&at); /* sees the truth, and adds to it */
    assert_int_equal(worker_ask(&late, 'w'), 4);
    assert_int_equal(plim_draft_adopt(at.journal, 0, late.pid, late.address, BYTES, NULL, NULL),
                     PLIM_OK);
    assert_int_equal(plim_journal_undo(at.journal, 2, NULL), PLIM_OK);
    assert_int_equal(at.truth[0], 2);
    worker_end(&dying);
    plim_status status =
        plim_draft_adopt(at.journal, 0, dying.pid, dying.address, BYTES, NULL, NULL);
    assert_true(status != PLIM_OK);
    assert_int_equal(at.truth[0], 2);
    assert_int_equal(plim_draft_adopt(at.journal, 0, good.pid, 1, BYTES, NULL, NULL),
                     PLIM_ERR_USAGE);
    worker_end(&good);
    worker_end(&late);
    world_close(&at, LOG);
}

/* --- what the system refuses --------------------------------------------------------------- */

static int descriptors_open(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count;
}

static void any_refused_call_leaves_the_truth_before_or_after(void **state)
{
    (void)state;
    static const plim_draft_way WAYS[] = {PLIM_DRAFT_ANY, PLIM_DRAFT_SCAN, PLIM_DRAFT_PRIVATE,
                                          PLIM_DRAFT_TRAP};
    world at;
    world_open(&at, LOG);
    worker other = worker_start(&at);
    int open_before = descriptors_open();
    uint32_t refused = 0;
    for (size_t way = 0; way < sizeof WAYS / sizeof WAYS[0]; way++) {
        bool is_over = false;
        for (long n = 1; !is_over; n++) {
            plim_draft *draft = NULL;
            unsigned char before = at.truth[3 * PAGE], wanted = (unsigned char)(before + 1);
            calls = 0;
            fail_at = n;
            plim_status status = draft_try(&at, WAYS[way], NULL, &draft);
            if (status == PLIM_OK) {
                volatile unsigned char *memory = plim_draft_memory(draft);
                memory[3 * PAGE] = wanted;
                status = plim_draft_commit(draft, at.journal, 0, NULL, NULL);
                assert_int_equal(at.truth[3 * PAGE], status == PLIM_OK ? wanted : before);
                assert_int_equal(memory[3 * PAGE], wanted);
                if (status == PLIM_OK)
                    status = plim_draft_adopt(at.journal, 0, other.pid, other.address, BYTES, NULL,
                                              NULL);
                if (status == PLIM_OK)
                    status = plim_draft_drop(draft, NULL);
            }
            is_over = calls < n;
            fail_at = 0;
            refused += status != PLIM_OK;
            plim_draft_close(&draft);
            assert_int_equal(descriptors_open(), open_before);
            assert_true(n < 200);
        }
    }
    print_message("%u refusals were said, the others did no harm\n", refused);
    assert_true(refused > 20);
    worker_end(&other);
    world_close(&at, LOG);
}

/* --- no privilege -------------------------------------------------------------------------- */

static void it_needs_no_privilege(void **state)
{
    (void)state;
    int code = 0;
    pid_t child = fork();
    if (child == 0) {
        world at;
        plim_draft *draft = NULL;
        bool is_scan_here = way_is_here(PLIM_DRAFT_SCAN);
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(1);
        (void)prctl(PR_SET_DUMPABLE, 1); /* as a process that was never anybody else */
        world_open(&at, LOG);
        if (draft_try(&at, PLIM_DRAFT_ANY, NULL, &draft) != PLIM_OK)
            _exit(2);
        if (is_scan_here && plim_draft_way_taken(draft) != PLIM_DRAFT_SCAN)
            _exit(3);
        *(volatile char *)plim_draft_memory(draft) = 1;
        if (plim_draft_commit(draft, at.journal, 0, NULL, NULL) != PLIM_OK || at.truth[0] != 1)
            _exit(4);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_what_was_written_in_every_way),
        cmocka_unit_test(only_written_pages_are_moved),
        cmocka_unit_test(writes_by_the_system_count_but_with_traps_they_fail),
        cmocka_unit_test(more_than_the_log_holds_is_refused_and_nothing_is_lost),
        cmocka_unit_test(the_best_way_that_is_here_is_taken),
        cmocka_unit_test(an_address_is_kept_to_or_refused),
        cmocka_unit_test(a_fault_that_is_not_ours_goes_to_whoever_had_the_signal),
        cmocka_unit_test(a_worker_that_dies_changed_nothing_and_one_that_stands_still_is_adopted),
        cmocka_unit_test(any_refused_call_leaves_the_truth_before_or_after),
        cmocka_unit_test(it_needs_no_privilege),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

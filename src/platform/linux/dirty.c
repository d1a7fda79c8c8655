/* SPDX-License-Identifier: MIT */
/*
 * Private pages (MAP_PRIVATE) and three ways to find the written ones.
 *
 * Scan: userfaultfd in asynchronous write-protect mode. The kernel itself takes a page's mark away
 * at its first write, and PAGEMAP_SCAN lists pages that are the process's own and have no mark, or
 * sets the marks again. (A page that is not there at all has no mark either: it has to be there.)
 * No handler, no thread; system calls that write are seen too. It needs no privilege:
 * UFFD_USER_MODE_ONLY, since no fault is ever handled.
 * Private: a written page is no longer the file's, which PAGEMAP_SCAN tells, or /proc/PID/pagemap
 * of any age. To count as unwritten it has to be given back.
 * Trap: dirty_trap.c.
 * Soft-dirty bits are never asked: where the kernel lacks them it says so by finding nothing.
 *
 * The numbers of the interface are the kernel's (linux/fs.h, linux/userfaultfd.h of 6.7), written
 * out because Debian 12's headers are older than the kernels it meets.
 */
#define _GNU_SOURCE
#include "platform/dirty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/linux/dirty_trap.h"
#include "platform/linux/procfs.h"

enum {
    DIRTY_SCAN_MARK = 1, /* PM_SCAN_WP_MATCHING */
    DIRTY_IS_WRITTEN = 1 << 1,
    DIRTY_IS_FILE = 1 << 2,
    DIRTY_IS_PRESENT = 1 << 3,
    DIRTY_IS_SWAPPED = 1 << 4,
    DIRTY_REGIONS = 256,      /* a scan's answer at a time */
    DIRTY_WORDS = 512,        /* of a pagemap, at a time */
    DIRTY_USER_MODE_ONLY = 1, /* UFFD_USER_MODE_ONLY */
    DIRTY_PROBE_PAGES = 3
};

static const uint64_t DIRTY_ASYNC = (uint64_t)1 << 15; /* UFFD_FEATURE_WP_ASYNC */
static const uint64_t DIRTY_WORD_PRESENT = (uint64_t)1 << 63;
static const uint64_t DIRTY_WORD_SWAPPED = (uint64_t)1 << 62;
static const uint64_t DIRTY_WORD_FILE = (uint64_t)1 << 61;

typedef struct dirty_region {
    uint64_t start, end, categories;
} dirty_region;

typedef struct dirty_scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
} dirty_scan;

#define DIRTY_PAGEMAP_SCAN _IOWR('f', 16, struct dirty_scan)

static size_t dirty_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static plim_status dirty_fail(plim_error *err, const char *doing, int code)
{
    plim_status status = code == ENOMEM || code == EAGAIN                     ? PLIM_ERR_NO_MEMORY
                         : code == EPERM || code == EACCES                    ? PLIM_ERR_ACCESS
                         : code == ESRCH || code == EFAULT                    ? PLIM_ERR_GONE
                         : code == EEXIST                                     ? PLIM_ERR_EXISTS
                         : code == ENOSYS || code == EINVAL || code == ENOTTY ? PLIM_ERR_UNSUPPORTED
                                                                              : PLIM_ERR_IO;
    return plim_error_set(err, status, "cannot %s: %s", doing, strerror(code));
}

/* --- the mapping --------------------------------------------------------------------------- */

plim_status plim__draft_map(int descriptor, uint64_t offset, size_t bytes, void *address,
                            void **out_memory, plim_error *err)
{
    int flags = MAP_PRIVATE | (address != NULL ? MAP_FIXED_NOREPLACE : 0);
    void *memory = mmap(address, bytes, PROT_READ | PROT_WRITE, flags, descriptor, (off_t)offset);
    if (memory == MAP_FAILED)
        return dirty_fail(err, "map private pages", errno);
    if (address != NULL && memory != address) { /* a kernel that does not know the flag */
        (void)munmap(memory, bytes);
        return plim_error_set(err, PLIM_ERR_EXISTS, "something else is mapped at that address");
    }
    *out_memory = memory;
    return PLIM_OK;
}

void plim__draft_unmap(void *memory, size_t bytes)
{
    (void)munmap(memory, bytes);
}

plim_status plim__dirty_drop(plim__dirty *dirty, plim_error *err)
{
    if (madvise(dirty->memory, dirty->bytes, MADV_DONTNEED) != 0)
        return dirty_fail(err, "give private pages back", errno);
    dirty->is_unsure = false;
    if (dirty->way == PLIM__DIRTY_TRAP)
        (void)plim__trap_rearm(dirty->trap, 0, dirty->bytes / dirty_page());
    return PLIM_OK;
}

/* --- lists --------------------------------------------------------------------------------- */

/* Runs that the kernel lists in [*position, bytes) of memory that begins at `base`. */
static int dirty_list(int pagemap, uint64_t base, size_t bytes, uint64_t flags, uint64_t must,
                      size_t *position, plim__dirty_run *runs, size_t cap, size_t *out_count)
{
    dirty_region regions[DIRTY_REGIONS];
    dirty_scan scan = {.size = sizeof scan,
                       .flags = flags,
                       .start = base + *position,
                       .end = base + bytes,
                       .vec = (uint64_t)(uintptr_t)regions,
                       .vec_len = cap < DIRTY_REGIONS ? cap : DIRTY_REGIONS,
                       .category_inverted = DIRTY_IS_FILE,
                       .category_mask = must | DIRTY_IS_FILE,
                       .category_anyof_mask = DIRTY_IS_PRESENT | DIRTY_IS_SWAPPED,
                       .return_mask = DIRTY_IS_PRESENT};
#ifdef PLIM_SANITIZED
    memset(regions, 0,
           sizeof regions); /* that the kernel writes them MemorySanitizer cannot know */
#endif
    int count = ioctl(pagemap, DIRTY_PAGEMAP_SCAN, &scan);
    if (count < 0)
        return -1;
    for (int i = 0; i < count; i++)
        runs[i] = (plim__dirty_run){regions[i].start - base, regions[i].end - regions[i].start};
    *out_count = (size_t)count;
    *position = (size_t)(scan.walk_end - base);
    return 0;
}

/* The same from the words of a pagemap. */
static int dirty_read(int pagemap, uint64_t base, size_t bytes, size_t *position,
                      plim__dirty_run *runs, size_t cap, size_t *out_count)
{
    uint64_t words[DIRTY_WORDS];
    size_t page = dirty_page();
    *out_count = 0;
    while (*position < bytes) {
        size_t left = (bytes - *position) / page;
        size_t wanted = left < DIRTY_WORDS ? left : DIRTY_WORDS;
        ssize_t got = pread(pagemap, words, wanted * sizeof *words,
                            (off_t)((base + *position) / page * sizeof *words));
        if (got != (ssize_t)(wanted * sizeof *words)) {
            errno = got < 0 ? errno : ESRCH;
            return -1;
        }
        for (size_t i = 0; i < wanted; i++, *position += page) {
            plim__dirty_run *last = *out_count > 0 ? &runs[*out_count - 1] : NULL;
            if ((words[i] & (DIRTY_WORD_PRESENT | DIRTY_WORD_SWAPPED)) == 0 ||
                (words[i] & DIRTY_WORD_FILE) != 0)
                continue;
            if (last != NULL && last->offset + last->bytes == *position) {
                last->bytes += page;
                continue;
            }
            if (*out_count == cap)
                return 0;
            runs[(*out_count)++] = (plim__dirty_run){*position, page};
        }
    }
    return 0;
}

static int dirty_own_pages(int pagemap, uint64_t base, size_t bytes, size_t *position,
                           plim__dirty_run *runs, size_t cap, size_t *out_count)
{
    int done = dirty_list(pagemap, base, bytes, 0, 0, position, runs, cap, out_count);
    if (done != 0 && (errno == ENOTTY || errno == EINVAL || errno == ENOSYS))
        done = dirty_read(pagemap, base, bytes, position, runs, cap, out_count);
    return done;
}

static void dirty_list_trap(const plim__dirty *dirty, size_t *position, plim__dirty_run *runs,
                            size_t cap, size_t *out_count)
{
    size_t page = dirty_page();
    *out_count = 0;
    for (; *position < dirty->bytes; *position += page) {
        if (!plim__trap_is_written(dirty->trap, *position / page))
            continue;
        plim__dirty_run *last = *out_count > 0 ? &runs[*out_count - 1] : NULL;
        if (last != NULL && last->offset + last->bytes == *position) {
            last->bytes += page;
        } else {
            if (*out_count == cap)
                return;
            runs[(*out_count)++] = (plim__dirty_run){*position, page};
        }
    }
}

plim_status plim__dirty_take(plim__dirty *dirty, size_t *position, plim__dirty_run *runs,
                             size_t cap, size_t *out_count, plim_error *err)
{
    uint64_t base = (uint64_t)(uintptr_t)dirty->memory;
    int done = 0;
    PLIM_CHECK(cap > 0 && *position <= dirty->bytes);
    *out_count = 0;
    if (*position == dirty->bytes)
        return PLIM_OK;
    /* One call lists and marks: half the time of two. What comes of it is known later. */
    if (dirty->way == PLIM__DIRTY_SCAN)
        done = dirty_list(dirty->pagemap, base, dirty->bytes, DIRTY_SCAN_MARK,
                          dirty->is_unsure ? 0 : DIRTY_IS_WRITTEN, position, runs, cap, out_count);
    else if (dirty->way == PLIM__DIRTY_PRIVATE)
        done = dirty_own_pages(dirty->pagemap, base, dirty->bytes, position, runs, cap, out_count);
    else
        dirty_list_trap(dirty, position, runs, cap, out_count);
    return done == 0 ? PLIM_OK : dirty_fail(err, "find the pages that were written", errno);
}

void plim__dirty_keep(plim__dirty *dirty)
{
    dirty->is_unsure = true; /* all own pages are listed the next time: those, and others */
}

void plim__dirty_rearm(plim__dirty *dirty, uint64_t start, uint64_t end)
{
    size_t page = dirty_page();
    if (dirty->way == PLIM__DIRTY_PRIVATE) {
        (void)madvise(dirty->memory + start, (size_t)(end - start), MADV_DONTNEED);
    } else if (dirty->way == PLIM__DIRTY_TRAP) {
        (void)plim__trap_rearm(dirty->trap, (size_t)start / page, (size_t)(end - start) / page);
    } else {
        dirty->is_unsure = false;
    }
}

/* --- start and stop ------------------------------------------------------------------------ */

static bool dirty_start_scan(plim__dirty *dirty)
{
    struct uffdio_api api = {.api = UFFD_API, .features = DIRTY_ASYNC};
    struct uffdio_register range = {
        .range = {.start = (uint64_t)(uintptr_t)dirty->memory, .len = dirty->bytes},
        .mode = UFFDIO_REGISTER_MODE_WP};
    dirty->watcher = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | DIRTY_USER_MODE_ONLY);
    return dirty->watcher >= 0 && ioctl(dirty->watcher, UFFDIO_API, &api) == 0 &&
           ioctl(dirty->watcher, UFFDIO_REGISTER, &range) == 0;
}

void plim__dirty_stop(plim__dirty *dirty)
{
    if (dirty->trap >= 0)
        plim__trap_stop(dirty->trap);
    if (dirty->watcher >= 0)
        (void)close(dirty->watcher);
    if (dirty->pagemap >= 0)
        (void)close(dirty->pagemap);
    dirty->trap = dirty->watcher = dirty->pagemap = -1;
}

static bool dirty_begin(plim__dirty *dirty, void *memory, size_t bytes, plim__dirty_way way)
{
    *dirty = (plim__dirty){
        .way = way, .memory = memory, .bytes = bytes, .watcher = -1, .pagemap = -1, .trap = -1};
    bool works;
    if (way == PLIM__DIRTY_TRAP) {
        dirty->trap = plim__trap_start(memory, bytes);
        works = dirty->trap >= 0;
    } else {
        dirty->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        works = dirty->pagemap >= 0 && (way == PLIM__DIRTY_PRIVATE || dirty_start_scan(dirty));
    }
    if (!works)
        plim__dirty_stop(dirty);
    return works;
}

/* Whether exactly one page, or none (-1), is listed. */
static bool dirty_sees(plim__dirty *dirty, int page_index)
{
    plim__dirty_run runs[DIRTY_PROBE_PAGES];
    size_t position = 0, count = 0, page = dirty_page();
    if (plim__dirty_take(dirty, &position, runs, DIRTY_PROBE_PAGES, &count, NULL) != PLIM_OK)
        return false;
    return page_index < 0
               ? count == 0
               : count == 1 && runs[0].offset == (size_t)page_index * page && runs[0].bytes == page;
}

/* Reads one page, writes another, looks, says they count as unwritten, looks, writes, looks. */
static bool dirty_probe(plim__dirty_way way)
{
    size_t page = dirty_page(), bytes = DIRTY_PROBE_PAGES * page;
    plim__dirty dirty;
    void *memory = NULL;
    int file = memfd_create("plimsoll-probe", MFD_CLOEXEC);
    bool works = false;
    if (file >= 0 && ftruncate(file, (off_t)bytes) == 0 &&
        plim__draft_map(file, 0, bytes, NULL, &memory, NULL) == PLIM_OK) {
        if (dirty_begin(&dirty, memory, bytes, way)) {
            volatile unsigned char *bytes_of = memory;
            works = bytes_of[0] == 0 && dirty_sees(&dirty, -1);
            bytes_of[page] = 1;
            works = works && dirty_sees(&dirty, 1);
            plim__dirty_rearm(&dirty, 0, bytes);
            works = works && dirty_sees(&dirty, -1);
            bytes_of[page] = 2;
            works = works && dirty_sees(&dirty, 1);
            plim__dirty_stop(&dirty);
        }
        plim__draft_unmap(memory, bytes);
    }
    if (file >= 0)
        (void)close(file);
    return works;
}

plim_status plim__dirty_start(plim__dirty *dirty, void *memory, size_t bytes, plim__dirty_way way,
                              plim_error *err)
{
    for (plim__dirty_way try = PLIM__DIRTY_SCAN; try <= PLIM__DIRTY_TRAP; try++)
        if ((way == PLIM__DIRTY_ANY || way == try) && dirty_probe(try) &&
            dirty_begin(dirty, memory, bytes, try))
            return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                          "this system does not say which pages were written");
}

/* --- other processes ----------------------------------------------------------------------- */

plim_status plim__dirty_of_peer(int64_t pid, uint64_t address, size_t bytes, size_t *position,
                                plim__dirty_run *runs, size_t cap, size_t *out_count,
                                plim_error *err)
{
    *out_count = 0;
    if (*position == bytes)
        return PLIM_OK;
    int pagemap = plim__procfs_open(pid, "pagemap", O_RDONLY);
    if (pagemap < 0)
        return plim_error_set(err, plim__procfs_status(errno),
                              "the pages of process %lld cannot be seen", (long long)pid);
    int done = dirty_own_pages(pagemap, address, bytes, position, runs, cap, out_count);
    int code = errno;
    (void)close(pagemap);
    return done == 0 ? PLIM_OK : dirty_fail(err, "see what another process wrote", code);
}

plim_status plim__peer_copy(int64_t pid, uint64_t address, void *out, size_t bytes, plim_error *err)
{
    for (size_t at = 0; at < bytes;) {
        struct iovec to = {(char *)out + at, bytes - at};
        struct iovec from = {(void *)(uintptr_t)(address + at), bytes - at}; // NOLINT: theirs
        ssize_t count = process_vm_readv((pid_t)pid, &to, 1, &from, 1, 0);
        if (count <= 0)
            return dirty_fail(err, "read another process's memory", count < 0 ? errno : ESRCH);
        at += (size_t)count;
    }
    return PLIM_OK;
}

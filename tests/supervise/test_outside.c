/* SPDX-License-Identifier: MIT */
/*
 * What is seen of processes and of the machine from outside: memory, control groups, pressure.
 * Method: each parser on a folder that a test has written, in every shape that systems have, and
 * then on the system that is there, whatever it has.
 */
#include <plimsoll/monitor.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_system.h"
#include "platform/cgroup.h"
#include "platform/pressure.h"
#include "platform/process_memory.h"
#include "platform/spawn.h"

enum { HOG_BYTES = 32 << 20 };

static uint64_t page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A process that writes to `bytes` of each and then says so. */
static pid_t hog(size_t own_bytes, void *shared, size_t shared_bytes)
{
    int ends[2];
    char said = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        char *own = own_bytes > 0 ? malloc(own_bytes) : NULL;
        if (own != NULL)
            memset(own, 1, own_bytes);
        if (shared_bytes > 0)
            memset(shared, 1, shared_bytes);
        (void)!write(ends[1], "x", 1);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &said, 1), 1);
    (void)close(ends[0]);
    return pid;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- memory --- */

static void figures_are_those_of_the_files(void **state)
{
    (void)state;
    plim_memory_figures seen;
    fake_system_statm(77, 1000, 300);
    fake_system_write("proc/77/smaps_rollup",
                      "00400000-7fff Ow ---p 0 00:00 0 [rollup]\n"
                      "Rss:      4000 kB\nPss:      2800 kB\nPss_Dirty: 1 kB\n");
    assert_int_equal(plim_memory_of(77, true, &seen), PLIM_OK);
    assert_int_equal(seen.rss_bytes, 1000 * page_bytes());
    assert_int_equal(seen.private_bytes, 700 * page_bytes());
    assert_int_equal(seen.pss_bytes, 2800 * 1024);
    assert_int_equal(plim_memory_of(77, false, &seen), PLIM_OK);
    assert_true(seen.pss_bytes == UINT64_MAX);
    /* Where the system keeps it to itself, there is no share, and the rest stands. */
    fake_system_statm(78, 10, 20);
    assert_int_equal(plim_memory_of(78, true, &seen), PLIM_OK);
    assert_true(seen.pss_bytes == UINT64_MAX);
    assert_int_equal(seen.private_bytes, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    plim_memory_figures seen;
    static const char *const BAD[] = {
        "", "x", "1", "1 2", "1 2 x", "-1 2 3", "99999999999999999999999 1 1", "\n1 2 3"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        fake_system_write("proc/79/statm", "%s", BAD[i]);
        assert_int_not_equal(plim_memory_of(79, false, &seen), PLIM_OK);
    }
    fake_system_write("proc/79/statm",
                      "0 0 0 0 0 0 0\n"); /* it has ended and waits to be waited for */
    assert_int_equal(plim_memory_of(79, false, &seen), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_memory_of(80, false, &seen), PLIM_ERR_NOT_FOUND);
}

static void a_process_is_seen_from_outside(void **state)
{
    (void)state;
    plim_memory_figures small, large, sharing;
    void *shared = mmap(NULL, HOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    pid_t pids[3] = {hog(0, NULL, 0), hog(HOG_BYTES, NULL, 0), hog(0, shared, HOG_BYTES)};
    assert_int_equal(plim_memory_of(pids[0], true, &small), PLIM_OK);
    assert_int_equal(plim_memory_of(pids[1], true, &large), PLIM_OK);
    assert_int_equal(plim_memory_of(pids[2], true, &sharing), PLIM_OK);
    assert_true(large.private_bytes >= small.private_bytes + HOG_BYTES / 8 * 7);
    assert_true(large.rss_bytes >= large.private_bytes);
    /* What it shares is in its physical memory, and not its own. */
    assert_true(sharing.rss_bytes >= HOG_BYTES);
    assert_true(sharing.private_bytes < small.private_bytes + HOG_BYTES / 8);
    /* Two that map it have half of it each. Of another's memory, a system may keep the share. */
    pid_t other = hog(0, shared, HOG_BYTES);
    plim_memory_figures half;
    assert_int_equal(plim_memory_of(pids[2], true, &half), PLIM_OK);
    if (access("/proc/self/smaps_rollup", R_OK) == 0) {
        assert_true(sharing.pss_bytes != UINT64_MAX);
        assert_true(half.pss_bytes < sharing.pss_bytes - HOG_BYTES / 4);
    } else {
        assert_true(sharing.pss_bytes == UINT64_MAX);
    }
    end(other);
    for (int i = 0; i < 3; i++)
        end(pids[i]);
    (void)munmap(shared, HOG_BYTES);
}

/* The gauge is of that process, whoever gets its number next. */
static void a_gauge_outlives_its_process_and_says_so(void **state)
{
    (void)state;
    plim__gauge gauge;
    plim__gauge_figures figures;
    uint64_t pss = 0;
    int pidfd = -1;
    pid_t pid = hog(0, NULL, 0);
    assert_int_equal(plim__pidfd_open(pid, &pidfd), PLIM_OK);
    assert_int_equal(plim__gauge_open(pid, &gauge), PLIM_OK);
    assert_int_equal(plim__gauge_read(&gauge, &figures), PLIM_OK);
    assert_false(plim__pidfd_has_ended(pidfd));
    (void)kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(plim__pidfd_has_ended(pidfd));
    assert_int_equal(plim__gauge_read(&gauge, &figures), PLIM_ERR_NOT_FOUND); /* not waited for */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(plim__pidfd_has_ended(pidfd));
    assert_int_equal(plim__gauge_read(&gauge, &figures), PLIM_ERR_NOT_FOUND);
    assert_int_not_equal(plim__gauge_exact(&gauge, &pss), PLIM_OK);
    plim__gauge_close(&gauge);
    plim__end_close(&pidfd);
}

/* --- control groups --- */

static void a_group_of_version_2_is_bounded_beside_us(void **state)
{
    (void)state;
    plim__cgroup group = {0};
    fake_system_write("proc/self/cgroup", "12:cpu:/x\n0::/ours\n");
    fake_system_write("sys/fs/cgroup/ours/cgroup.controllers", "cpu memory pids\n");
    fake_system_write("sys/fs/cgroup/ours/cgroup.subtree_control", "cpu\n");
    fake_system_write("sys/fs/cgroup/ours/w/memory.max", "max\n");
    fake_system_write("sys/fs/cgroup/ours/w/memory.swap.max", "max\n");
    fake_system_write("sys/fs/cgroup/ours/w/memory.oom.group", "0\n");
    fake_system_write("sys/fs/cgroup/ours/w/cgroup.procs", "%s", "");
    assert_int_equal(plim__cgroup_make("w", 1 << 20, &group), PLIM_OK);
    assert_true(group.is_v2);
    assert_string_equal(fake_system_read("sys/fs/cgroup/ours/w/memory.max"), "1048576");
    assert_int_equal(fake_system_read("sys/fs/cgroup/ours/w/memory.swap.max")[0], '0');
    assert_int_equal(fake_system_read("sys/fs/cgroup/ours/w/memory.oom.group")[0], '1');
    assert_int_equal(
        strncmp(fake_system_read("sys/fs/cgroup/ours/cgroup.subtree_control"), "+memory", 7), 0);
    assert_int_equal(plim__cgroup_add(&group, 4242), PLIM_OK);
    assert_string_equal(fake_system_read("sys/fs/cgroup/ours/w/cgroup.procs"), "4242");
    (void)plim__cgroup_remove(&group);
}

static void a_group_of_version_1_stands_where_the_mount_shows_us(void **state)
{
    (void)state;
    plim__cgroup group = {0};
    fake_system_write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/deep/ours\n0::/\n");
    fake_system_write("sys/fs/cgroup/memory/deep/ours/w/memory.limit_in_bytes", "1\n");
    fake_system_write("sys/fs/cgroup/memory/deep/ours/w/cgroup.procs", "%s", "");
    assert_int_equal(plim__cgroup_make("w", 4096, &group), PLIM_OK);
    assert_false(group.is_v2);
    assert_int_equal(
        strncmp(fake_system_read("sys/fs/cgroup/memory/deep/ours/w/memory.limit_in_bytes"), "4096",
                4),
        0);
    /* In a container the mount may begin at our group. */
    fake_system_write("proc/self/cgroup", "4:memory:/docker/0123\n");
    fake_system_write("sys/fs/cgroup/memory/w/memory.limit_in_bytes", "1\n");
    assert_int_equal(plim__cgroup_make("w", 8192, &group), PLIM_OK);
    assert_int_equal(
        strncmp(fake_system_read("sys/fs/cgroup/memory/w/memory.limit_in_bytes"), "8192", 4), 0);
}

static void where_no_group_may_be_made_that_is_said(void **state)
{
    (void)state;
    plim__cgroup group = {0};
    assert_int_equal(plim__cgroup_make("w", 4096, &group),
                     PLIM_ERR_UNSUPPORTED); /* nothing there */
    fake_system_write("proc/self/cgroup", "0::/\n");
    fake_system_write("sys/fs/cgroup/cgroup.controllers", "cpu pids\n"); /* no memory */
    assert_int_equal(plim__cgroup_make("w", 4096, &group), PLIM_ERR_UNSUPPORTED);
    /* It has processes, so it may give controllers to none below: the write is refused. */
    fake_system_write("sys/fs/cgroup/cgroup.controllers", "memory\n");
    fake_system_write("sys/fs/cgroup/cgroup.subtree_control/refuses", "%s", "");
    assert_int_equal(plim__cgroup_make("w", 4096, &group), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(group.path[0], '\0');
    assert_int_equal(plim__cgroup_remove(&group), PLIM_OK); /* none is accepted */
}

/* On this machine: either a group is made, holds, and is gone afterwards; or that is said. */
static void the_group_of_this_system_holds_or_is_refused(void **state)
{
    (void)state;
    plim__cgroup group = {0};
    plim_status made = plim__cgroup_make("plim-test-outside", HOG_BYTES, &group);
    if (made != PLIM_OK) {
        assert_int_equal(made, PLIM_ERR_UNSUPPORTED);
        assert_int_equal(group.path[0], '\0');
        return;
    }
    pid_t pid = hog(0, NULL, 0);
    assert_int_equal(plim__cgroup_add(&group, pid), PLIM_OK);
    char path[PLIM__CGROUP_PATH_BYTES];
    memcpy(path, group.path, sizeof path);
    assert_int_equal(plim__cgroup_remove(&group), PLIM_ERR_BUSY);
    plim__cgroup_leave(&group); /* whoever is in it goes on outside */
    assert_int_equal(group.path[0], '\0');
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(kill(pid, 0), 0);
    end(pid);
}

/* --- pressure --- */

static void pressure_is_read_in_hundredths(void **state)
{
    (void)state;
    plim__pressure pressure;
    fake_system_write("proc/pressure/memory", "some avg10=12.34 avg60=0.40 avg300=0.08 total=1\n"
                                              "full avg10=1.00 avg60=0.00 avg300=0.00 total=2\n");
    assert_int_equal(plim__pressure_read(&pressure), PLIM_OK);
    assert_int_equal(pressure.some, 1234);
    assert_int_equal(pressure.full, 100);
    fake_system_write("proc/pressure/memory", "some avg10=100.00 avg60=0 avg300=0 total=1\n");
    assert_int_equal(plim__pressure_read(&pressure), PLIM_OK);
    assert_int_equal(pressure.some, 10000);
    static const char *const BAD[] = {
        "", "some\n", "some avg10=\n", "some avg10=x\n", "some avg10=101\n", "full avg10=1.00\n"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        fake_system_write("proc/pressure/memory", "%s", BAD[i]);
        assert_int_equal(plim__pressure_read(&pressure), PLIM_ERR_UNSUPPORTED);
    }
}

static void the_pressure_of_this_system_is_read_where_it_is_told(void **state)
{
    (void)state;
    plim__pressure pressure = {0};
    char byte = 0;
    int fd = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
    bool is_told = fd >= 0 && read(fd, &byte, 1) == 1; /* it may be there and switched off */
    plim__end_close(&fd);
    assert_int_equal(plim__pressure_read(&pressure), is_told ? PLIM_OK : PLIM_ERR_UNSUPPORTED);
    assert_true(pressure.some <= 10000 && pressure.full <= pressure.some);
}

#define FAKE_CASE(name) cmocka_unit_test_setup_teardown(name, fake_system_begin, fake_system_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_CASE(figures_are_those_of_the_files),
        FAKE_CASE(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_process_is_seen_from_outside),
        cmocka_unit_test(a_gauge_outlives_its_process_and_says_so),
        FAKE_CASE(a_group_of_version_2_is_bounded_beside_us),
        FAKE_CASE(a_group_of_version_1_stands_where_the_mount_shows_us),
        FAKE_CASE(where_no_group_may_be_made_that_is_said),
        cmocka_unit_test(the_group_of_this_system_holds_or_is_refused),
        FAKE_CASE(pressure_is_read_in_hundredths),
        cmocka_unit_test(the_pressure_of_this_system_is_read_where_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

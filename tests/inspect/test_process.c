/* SPDX-License-Identifier: MIT */
/*
 * Other processes. Method: most cases build a small /proc of their own in a temporary folder and
 * point the platform at it; a few look at the real one, at this test and at children of it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/process.h"
#include "temporary.h"

static char stage[128];

/* Makes the folders on the way to stage/path. */
static void make_folders(const char *path)
{
    char whole[PATH_MAX];
    (void)snprintf(whole, sizeof whole, "%s%s", stage, path);
    for (char *at = whole + strlen(stage) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(whole, 0700) != 0)
            assert_int_equal(errno, EEXIST);
        *at = '/';
    }
}

static void put_bytes(const char *path, const char *text, size_t len)
{
    char whole[PATH_MAX];
    make_folders(path);
    (void)snprintf(whole, sizeof whole, "%s%s", stage, path);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
    char whole[PATH_MAX];
    make_folders(path);
    (void)snprintf(whole, sizeof whole, "%s%s", stage, path);
    assert_int_equal(symlink(target, whole), 0);
}

static int open_stage(void **state)
{
    (void)state;
    if (!temporary_path(stage, sizeof stage, "plim-process-XXXXXX") || mkdtemp(stage) == NULL)
        return -1;
    plim__process_set_root(stage);
    put("/proc/42/stat", "42 (node) S 7 40 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 11 0 987654 1 2\n");
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    plim__process_set_root("");
    char command[256];
    (void)snprintf(command, sizeof command, "rm -rf %s", stage);
    return system(command);
}

static void a_name_full_of_parentheses_and_line_ends_changes_no_field(void **state)
{
    (void)state;
    put("/proc/43/stat",
        "43 (a) R 1 2 (\n) S) T 9 8 43 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 11 0 555 1 2\n");
    plim__process_glance glance;
    assert_int_equal(plim__process_look(43, &glance), PLIM_OK);
    assert_int_equal(glance.state, 'T');
    assert_int_equal(glance.parent_pid, 9);
    assert_int_equal(glance.group, 8);
    assert_int_equal(glance.start_ticks, 555);
    assert_int_equal(plim__process_look(44, &glance), PLIM_ERR_NOT_FOUND);
    put("/proc/45/stat", "");
    assert_int_equal(plim__process_look(45, &glance), PLIM_ERR_NOT_FOUND);
    put("/proc/46/stat", "46 (x) S 1 2");
    assert_int_equal(plim__process_look(46, &glance), PLIM_ERR_IO);
}

static void a_line_of_a_megabyte_hides_nothing_behind_it(void **state)
{
    (void)state;
    size_t len = 1u << 20;
    char *text = test_malloc(len + 200);
    int head =
        snprintf(text, 200, "Name:\tVmRSS: 1 kB\\nSigCgt: 0\nUid:\t1000\t0\t0\t0\nGroups:\t");
    memset(text + head, '7', len);
    (void)snprintf(text + head + len, 100, "\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\nSigCgt:\t%016x\n",
                   1u << 9);
    put("/proc/42/status", text);
    test_free(text);
    plim__process_memory memory;
    assert_int_equal(plim__process_memory_read(42, &memory), PLIM_OK);
    assert_int_equal(memory.rss_bytes, 200 * 1024);
    assert_int_equal(memory.peak_bytes, 300 * 1024);
    bool catches = false;
    assert_int_equal(plim__process_catches(42, SIGUSR1, &catches), PLIM_OK);
    assert_true(catches);
    assert_int_equal(plim__process_catches(42, SIGUSR2, &catches), PLIM_OK);
    assert_false(catches);
    uint32_t uid = 0;
    assert_int_equal(plim__process_user(42, &uid), PLIM_OK);
    assert_int_equal(uid, 1000);
}

static void a_dead_process_has_no_memory_to_tell_of(void **state)
{
    (void)state;
    put("/proc/42/status", "Name:\tnode\nState:\tZ (zombie)\nSigCgt:\t0\n");
    plim__process_memory memory;
    assert_int_equal(plim__process_memory_read(42, &memory), PLIM_ERR_NOT_FOUND);
}

static bool count_processes(void *ctx, int64_t pid)
{
    int64_t *sum = ctx;
    *sum = *sum * 1000 + pid;
    return true;
}

static void the_walk_sees_each_process_once(void **state)
{
    (void)state;
    put("/proc/7x/stat", "");
    put("/proc/99999999999999999999/stat", "");
    put("/proc/0/stat", "");
    put("/proc/acpi/stat", "");
    int64_t sum = 0;
    assert_int_equal(plim__process_each(count_processes, &sum), PLIM_OK);
    assert_int_equal(sum, 42);
}

static void an_executable_that_was_replaced_keeps_its_name(void **state)
{
    (void)state;
    put_link("/proc/42/exe", "/opt/node (deleted)/bin/node (deleted)");
    char path[64];
    assert_int_equal(plim__process_executable(42, path, sizeof path), PLIM_OK);
    assert_string_equal(path, "/opt/node (deleted)/bin/node");
    assert_int_equal(plim__process_executable(42, path, 8), PLIM_ERR_LIMIT);
    assert_int_equal(plim__process_executable(43, path, sizeof path), PLIM_ERR_NOT_FOUND);
}

static void a_command_line_is_always_ended(void **state)
{
    (void)state;
    put_bytes("/proc/42/cmdline", "node\0--inspect\0a b\0", 19);
    char text[32];
    size_t len = 0;
    assert_int_equal(plim__process_command(42, text, sizeof text, &len), PLIM_OK);
    assert_int_equal(len, 19);
    assert_int_equal(plim__process_command(42, text, 8, &len), PLIM_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(text, "node\0--\0", 8);
    put("/proc/42/cmdline", "my own title"); /* setproctitle(3) leaves no NUL */
    assert_int_equal(plim__process_command(42, text, sizeof text, &len), PLIM_OK);
    assert_int_equal(len, 13);
    assert_string_equal(text, "my own title");
    put("/proc/42/cmdline", "");
    assert_int_equal(plim__process_command(42, text, sizeof text, &len), PLIM_OK);
    assert_int_equal(len, 0);
}

static void put_machine(void)
{
    put("/proc/meminfo", "MemTotal:  9000 kB\nMemFree: 1 kB\nMemAvailable:   8000000 kB\n");
}

static plim__memory_bounds read_bounds(void)
{
    plim__memory_bounds bounds;
    assert_int_equal(plim__memory_bounds_read(42, &bounds), PLIM_OK);
    return bounds;
}

static void the_tightest_ancestor_bounds_a_version_2_group(void **state)
{
    (void)state;
    put_machine();
    put("/proc/self/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n"
                                "30 22 0:26 / /sys/fs/cg\\040roup rw,nosuid shared:4 - cgroup2 "
                                "cgroup2 rw,nsdelegate\n");
    put("/proc/42/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cg roup/a/b/c/memory.max", "max\n");
    put("/sys/fs/cg roup/a/b/c/memory.current", "50000\n");
    put("/sys/fs/cg roup/a/b/memory.max", "1000000\n");
    put("/sys/fs/cg roup/a/b/memory.current", "100000\n");
    put("/sys/fs/cg roup/a/memory.max", "5000000\n");
    put("/sys/fs/cg roup/a/memory.current", "4500000\n");
    put("/sys/fs/cg roup/a/memory.stat",
        "anon 1\nfile 400000\nactive_file 0\ninactive_file 10000\n");
    plim__memory_bounds bounds = read_bounds();
    assert_int_equal(bounds.limit_bytes, 5000000);
    assert_int_equal(bounds.used_bytes, 4500000);
    assert_int_equal(bounds.reclaimable_bytes, 10000);
    assert_int_equal(bounds.headroom_bytes, 510000);
    put("/sys/fs/cg roup/a/b/memory.high", "120000\n");
    assert_int_equal(read_bounds().headroom_bytes, 20000);
    put("/sys/fs/cg roup/a/b/memory.current", "999999999999\n");
    assert_int_equal(read_bounds().headroom_bytes, 0);
}

static void a_version_1_group_is_found_by_its_controller(void **state)
{
    (void)state;
    put_machine();
    put("/proc/self/mountinfo", "35 31 0:32 / /cg/cpu rw - cgroup cgroup rw,cpu\n"
                                "36 31 0:33 / /cg/unified rw - cgroup2 cgroup2 rw\n"
                                "37 31 0:34 / /cg/memory rw - cgroup cgroup rw,foo,memory\n");
    put("/proc/42/cgroup", "9:name=systemd:/x\n4:cpu:/x\n3:foo,memory:/job/1\n0::/\n");
    put("/cg/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/cg/memory/memory.usage_in_bytes", "1\n");
    put("/cg/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
    put("/cg/memory/job/1/memory.limit_in_bytes", "300000\n");
    put("/cg/memory/job/1/memory.usage_in_bytes", "100000\n");
    put("/cg/memory/job/1/memory.stat", "inactive_file 1\ntotal_inactive_file 70000\n");
    plim__memory_bounds bounds = read_bounds();
    assert_int_equal(bounds.limit_bytes, 300000);
    assert_int_equal(bounds.used_bytes, 100000);
    assert_int_equal(bounds.headroom_bytes, 270000);
}

static void a_mount_that_shows_a_part_is_looked_at_from_there(void **state)
{
    (void)state;
    put_machine();
    put("/proc/self/mountinfo",
        "30 22 0:26 /docker/c0ffee /sys/fs/cgroup ro - cgroup2 cgroup ro\n");
    put("/sys/fs/cgroup/memory.max", "700000\n");
    put("/sys/fs/cgroup/memory.current", "100000\n");
    put("/sys/fs/cgroup/inner/memory.max", "200000\n");
    put("/sys/fs/cgroup/inner/memory.current", "50000\n");
    put("/proc/42/cgroup", "0::/docker/c0ffee/inner\n");
    assert_int_equal(read_bounds().headroom_bytes, 150000);
    put("/proc/42/cgroup", "0::/docker/c0ffee\n");
    assert_int_equal(read_bounds().headroom_bytes, 600000);
    put("/proc/42/cgroup", "0::/docker/c0ffeeee\n"); /* a neighbour: what we see is all we know */
    assert_int_equal(read_bounds().headroom_bytes, 600000);
    put("/proc/42/cgroup", "0::/../../etc\n");
    assert_int_equal(read_bounds().headroom_bytes, 600000);
}

static void without_any_limit_the_machine_bounds(void **state)
{
    (void)state;
    put_machine();
    put("/proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/proc/42/cgroup", "0::/\n");
    plim__memory_bounds bounds = read_bounds();
    assert_true(bounds.limit_bytes == UINT64_MAX);
    assert_true(bounds.used_bytes == UINT64_MAX);
    assert_int_equal(bounds.headroom_bytes, 8000000ull * 1024);
    put("/proc/meminfo", "nothing\n");
    assert_true(read_bounds().headroom_bytes == UINT64_MAX);
    plim__memory_bounds unused;
    assert_int_equal(plim__memory_bounds_read(4711, &unused), PLIM_ERR_NOT_FOUND);
}

static void put_sockets(void)
{
    put("/proc/self/net/tcp",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid ...\n"
        "   0: 0100007F:2406 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000     "
        "   0 4711 1 0000000000000000 100 0 0 10 0\n"
        "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0     "
        "   0 4712 1 0000000000000000 100 0 0 10 0\n"
        "   2: 0100007F:2406 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0     "
        "   0 4713 1 0000000000000000 20 4 30 10 -1\n"
        "garbage\n   3: 01\n   4: 0100007F:24061 0 0A 0 0 0 0 0 1\n");
    put("/proc/self/net/tcp6",
        "   0: 00000000000000000000000001000000:2407 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000     0        0 4714 1 0000000000000000 100 0\n"
        "   1: 0000000000000000FFFF00000100007F:2408 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000     0        0 4715 1 0000000000000000 100 0\n");
    put_link("/proc/42/fd/3", "socket:[4714]");
    put_link("/proc/42/fd/4", "socket:[4711]");
    put_link("/proc/42/fd/5", "/dev/null");
    put_link("/proc/42/fd/6", "socket:[4713]");
    put_link("/proc/42/fd/7", "socket:[47");
}

static void listening_sockets_are_joined_to_their_holder(void **state)
{
    (void)state;
    put_sockets();
    plim__listeners listeners;
    assert_int_equal(plim__listeners_read(plim_allocator_system(), &listeners), PLIM_OK);
    assert_int_equal(listeners.count, 4);
    char text[4][PLIM__LISTENER_TEXT_BYTES];
    for (uint32_t i = 0; i < 4; i++)
        plim__listener_text(&listeners.items[i], text[i], sizeof text[i]);
    assert_string_equal(text[0], "127.0.0.1:9222");
    assert_true(listeners.items[0].is_loopback);
    assert_string_equal(text[1], "127.0.0.1:8080");
    assert_true(listeners.items[1].is_any);
    assert_string_equal(text[2], "[::1]:9223");
    assert_true(listeners.items[2].is_loopback);
    assert_string_equal(text[3], "127.0.0.1:9224");
    assert_true(listeners.items[3].is_loopback);
    uint32_t indexes[4];
    uint32_t count = 0;
    assert_int_equal(plim__process_listeners(42, &listeners, indexes, 4, &count), PLIM_OK);
    assert_int_equal(count, 2);
    assert_int_equal(indexes[0], 0);
    assert_int_equal(indexes[1], 2);
    assert_int_equal(plim__process_listeners(42, &listeners, indexes, 1, &count), PLIM_OK);
    assert_int_equal(count, 1);
    assert_int_equal(plim__process_listeners(43, &listeners, indexes, 4, &count),
                     PLIM_ERR_NOT_FOUND);
    plim__listeners_fini(&listeners);
}

static void the_owner_of_a_port_is_told_from_nobody_and_from_hidden(void **state)
{
    (void)state;
    put_sockets();
    int64_t pid = 0;
    const plim_allocator *allocator = plim_allocator_system();
    assert_int_equal(plim__port_owner(allocator, 9222, &pid), PLIM_OK);
    assert_int_equal(pid, 42);
    assert_int_equal(plim__port_owner(allocator, 8080, &pid), PLIM_ERR_ACCESS);
    assert_int_equal(plim__port_owner(allocator, 9999, &pid), PLIM_ERR_NOT_FOUND);
}

static void this_test_sees_itself(void **state)
{
    (void)state;
    int64_t self = plim__process_self();
    char path[PATH_MAX];
    assert_int_equal(plim__process_executable(self, path, sizeof path), PLIM_OK);
    assert_string_equal(strrchr(path, '/'), "/test_process");
    plim__process_memory memory;
    assert_int_equal(plim__process_memory_read(self, &memory), PLIM_OK);
    assert_in_range(memory.rss_bytes, 100000, 1u << 30);
    assert_true(memory.peak_bytes >= memory.rss_bytes);
    uint32_t uid = 99;
    assert_int_equal(plim__process_user(self, &uid), PLIM_OK);
    assert_int_equal(uid, getuid());
    plim__memory_bounds bounds;
    assert_int_equal(plim__memory_bounds_read(self, &bounds), PLIM_OK);
    assert_true(bounds.machine_available_bytes > 1 << 20);
    assert_true(bounds.machine_available_bytes != UINT64_MAX);

    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    socklen_t len = sizeof address;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    int64_t owner = 0;
    assert_int_equal(plim__port_owner(plim_allocator_system(), ntohs(address.sin_port), &owner),
                     PLIM_OK);
    assert_int_equal(owner, self);
    assert_int_equal(close(listener), 0);
    assert_int_equal(plim__port_owner(plim_allocator_system(), ntohs(address.sin_port), &owner),
                     PLIM_ERR_NOT_FOUND);
}

/* A child that waits for any signal. */
static pid_t start_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void a_reference_signals_its_process_and_no_later_one(void **state)
{
    (void)state;
    pid_t pid = start_child();
    plim__process_ref ref;
    assert_int_equal(plim__process_ref_open(pid, &ref), PLIM_OK);
    assert_true(plim__process_ref_alive(&ref));
    plim__process_ref old = {pid, ref.start_ticks - 1, -1};
    assert_false(plim__process_ref_alive(&old));
    assert_int_equal(plim__process_ref_signal(&old, SIGKILL), PLIM_ERR_NOT_FOUND);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    plim__process_ref plain = {pid, ref.start_ticks, -1}; /* as on a kernel without pidfd */
    assert_true(plim__process_ref_alive(&plain));
    assert_int_equal(plim__process_ref_signal(&plain, SIGCONT), PLIM_OK);
    assert_int_equal(plim__process_ref_signal(&ref, SIGTERM), PLIM_OK);
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_int_equal(WTERMSIG(how), SIGTERM);
    assert_false(plim__process_ref_alive(&ref));
    assert_int_equal(plim__process_ref_signal(&ref, SIGTERM), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim__process_ref_signal(&plain, SIGTERM), PLIM_ERR_NOT_FOUND);
    plim__process_ref_close(&ref);
    plim__process_ref_close(&ref);
    assert_int_equal(plim__process_ref_open(pid, &ref), PLIM_ERR_NOT_FOUND);
}

static void a_handler_shows_in_a_real_process(void **state)
{
    (void)state;
    bool catches = true;
    assert_int_equal(plim__process_catches(plim__process_self(), SIGUSR1, &catches), PLIM_OK);
    assert_false(catches);
    struct sigaction action = {.sa_handler = (void (*)(int))_exit};
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(plim__process_catches(plim__process_self(), SIGUSR1, &catches), PLIM_OK);
    assert_true(catches);
    assert_ptr_not_equal(signal(SIGUSR1, SIG_DFL), SIG_ERR);
}

#define STAGED(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_name_full_of_parentheses_and_line_ends_changes_no_field),
        STAGED(a_line_of_a_megabyte_hides_nothing_behind_it),
        STAGED(a_dead_process_has_no_memory_to_tell_of),
        STAGED(the_walk_sees_each_process_once),
        STAGED(an_executable_that_was_replaced_keeps_its_name),
        STAGED(a_command_line_is_always_ended),
        STAGED(the_tightest_ancestor_bounds_a_version_2_group),
        STAGED(a_version_1_group_is_found_by_its_controller),
        STAGED(a_mount_that_shows_a_part_is_looked_at_from_there),
        STAGED(without_any_limit_the_machine_bounds),
        STAGED(listening_sockets_are_joined_to_their_holder),
        STAGED(the_owner_of_a_port_is_told_from_nobody_and_from_hidden),
        cmocka_unit_test(this_test_sees_itself),
        cmocka_unit_test(a_reference_signals_its_process_and_no_later_one),
        cmocka_unit_test(a_handler_shows_in_a_real_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

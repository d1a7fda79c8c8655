/* SPDX-License-Identifier: MIT */
/* Programs we start. Method: small shell programs, each ended by its case. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/child.h"
#include "platform/process.h"
#include "temporary.h"

static plim__child start_shell(const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    plim__child child;
    plim_error err = {0};
    assert_int_equal(plim__child_start("/bin/sh", argv, NULL, false, &child, &err), PLIM_OK);
    return child;
}

/* Reads until `text` has come, for 5 s at most. */
static bool read_until(plim__child *child, const char *text)
{
    char seen[4096] = "";
    size_t len = 0;
    for (int i = 0; i < 500 && strstr(seen, text) == NULL; i++) {
        size_t got = 0;
        bool is_end = false;
        plim__child_read(child, seen + len, sizeof seen - 1 - len, 10, &got, &is_end);
        len += got;
        seen[len] = '\0';
        if (is_end)
            break;
    }
    return strstr(seen, text) != NULL;
}

static void variables_are_set_in_its_environment(void **state)
{
    (void)state;
    const char *argv[] = {"sh", "-c", "echo \"$PLIM_A-$PLIM_B-$PLIM_C-\" >&2", NULL};
    const char *variables[] = {"PLIM_A=other", "PLIM_B=two words", NULL};
    plim__child child;
    assert_int_equal(setenv("PLIM_A", "ours", 1), 0);
    assert_int_equal(setenv("PLIM_C", "kept", 1), 0);
    assert_int_equal(plim__child_start("/bin/sh", argv, variables, false, &child, NULL), PLIM_OK);
    assert_true(read_until(&child, "other-two words-kept-\n"));
    assert_string_equal(getenv("PLIM_A"), "ours");
    plim__child_stop(&child, 1000);
    plim__child_fini(&child);
}

static void what_a_child_says_on_standard_error_is_read(void **state)
{
    (void)state;
    plim__child child = start_shell("read x; echo \"got:$x\" >&2; printf half >&2; exit 3");
    assert_true(read_until(&child, "got:\nhalf"));
    char rest[8];
    size_t got = 1;
    bool is_end = false;
    plim__child_read(&child, rest, sizeof rest, 5000, &got, &is_end);
    assert_true(is_end && got == 0);
    int code = 0;
    siginfo_t end;
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &end, WEXITED | WNOWAIT), 0);
    assert_true(plim__child_has_ended(&child, &code));
    assert_int_equal(code, 3);
    plim__child_stop(&child, 0);
    plim__child_fini(&child);
}

static void a_program_that_cannot_start_says_why(void **state)
{
    (void)state;
    const char *argv[] = {"x", NULL};
    plim__child child = {0};
    plim_error err = {0};
    assert_int_equal(plim__child_start("/nowhere/x", argv, NULL, false, &child, &err),
                     PLIM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.what, "/nowhere/x"));
    assert_int_equal(plim__child_start("/etc", argv, NULL, false, &child, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(child.pid, 0);
}

struct group {
    int64_t number;
    int alive_count;
};

static bool count_group(void *ctx, int64_t pid)
{
    struct group *group = ctx;
    plim__process_glance glance;
    if (plim__process_look(pid, &glance) == PLIM_OK && glance.group == group->number &&
        glance.state != 'Z' && glance.state != 'X')
        group->alive_count++;
    return true;
}

static void stopping_ends_all_of_the_group_even_what_ignores_the_first_signal(void **state)
{
    (void)state;
    plim__child child = start_shell("trap '' TERM; sleep 60 & echo ready:$! >&2; wait; sleep 60");
    assert_true(read_until(&child, "ready:"));
    int64_t pid = child.pid;
    int code = 0;
    assert_false(plim__child_has_ended(&child, &code));
    struct group before = {pid, 0};
    assert_int_equal(plim__process_each(count_group, &before), PLIM_OK);
    assert_int_equal(before.alive_count, 2);
    plim__child_stop(&child, 100);
    struct group group = {pid, 0};
    assert_int_equal(plim__process_each(count_group, &group), PLIM_OK);
    assert_int_equal(group.alive_count, 0);
    plim__child_fini(&child);
}

static void a_stopped_child_is_ended_too(void **state)
{
    (void)state;
    plim__child child = start_shell("echo ready >&2; kill -STOP $$; sleep 60");
    assert_true(read_until(&child, "ready"));
    plim__child_stop(&child, 2000);
    plim__child_fini(&child);
}

/* The one who starts it is killed; the child must not survive that. */
static void a_child_dies_with_us(void **state)
{
    (void)state;
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t between = fork();
    if (between == 0) {
        plim__child child = start_shell("echo ready >&2; exec sleep 60");
        if (!read_until(&child, "ready"))
            _exit(1);
        pid_t pid = (pid_t)child.pid;
        (void)!write(told[1], &pid, sizeof pid);
        (void)pause();
        _exit(0);
    }
    pid_t pid = 0;
    assert_int_equal(read(told[0], &pid, sizeof pid), sizeof pid);
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(kill(between, SIGKILL), 0);
    assert_int_equal(waitpid(between, NULL, 0), between);
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (end.fd >= 0) { /* else it has gone already */
        assert_int_equal(poll(&end, 1, 5000), 1);
        (void)close(end.fd);
    } else {
        assert_int_equal(errno, ESRCH);
    }
    (void)close(told[0]);
    (void)close(told[1]);
}

static void programs_are_found_as_a_shell_finds_them(void **state)
{
    (void)state;
    char folder[128];
    assert_true(temporary_path(folder, sizeof folder, "plim-child-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    char script[256];
    char plain[256];
    (void)snprintf(script, sizeof script, "%s/tool", folder);
    (void)snprintf(plain, sizeof plain, "%s/data", folder);
    FILE *file = fopen(script, "w");
    assert_non_null(file);
    assert_true(fputs("#! \t/usr/bin/env  node \r\nrest\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0700), 0);
    file = fopen(plain, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    char *kept = strdup(getenv("PATH"));
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "/nowhere:%s:/usr/bin", folder);
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_int_equal(plim__program_find("tool", path, sizeof path), PLIM_OK);
    assert_string_equal(path, script);
    assert_int_equal(plim__program_find("data", path, sizeof path), PLIM_ERR_ACCESS);
    assert_int_equal(plim__program_find("no such tool", path, sizeof path), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim__program_find("", path, sizeof path), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim__program_find(script, path, sizeof path), PLIM_OK);
    assert_int_equal(plim__program_find("/etc", path, sizeof path), PLIM_ERR_ACCESS);
    assert_int_equal(plim__program_find(script, path, 4), PLIM_ERR_LIMIT);
    char text[64];
    assert_int_equal(plim__program_interpreter(script, text, sizeof text), PLIM_OK);
    assert_string_equal(text, "/usr/bin/env  node");
    assert_int_equal(plim__program_interpreter(plain, text, sizeof text), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(plim__program_interpreter("/nowhere", text, sizeof text), PLIM_ERR_NOT_FOUND);
    assert_int_equal(setenv("PATH", kept, 1), 0);
    free(kept);
    assert_int_equal(unlink(script), 0);
    assert_int_equal(unlink(plain), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_child_says_on_standard_error_is_read),
        cmocka_unit_test(variables_are_set_in_its_environment),
        cmocka_unit_test(a_program_that_cannot_start_says_why),
        cmocka_unit_test(stopping_ends_all_of_the_group_even_what_ignores_the_first_signal),
        cmocka_unit_test(a_stopped_child_is_ended_too),
        cmocka_unit_test(a_child_dies_with_us),
        cmocka_unit_test(programs_are_found_as_a_shell_finds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

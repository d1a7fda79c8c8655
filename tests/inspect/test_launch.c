/* SPDX-License-Identifier: MIT */
/*
 * Starting programs, as far as it needs none that runs: the lines that are kept from the user, and
 * the command that is made of his. Method: every text is fed in every cut.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "inspect/launch/launcher.h"
#include "inspect/launch/lines.h"
#include "inspect/node/node.h"
#include "temporary.h"

struct passed {
    char text[4096];
    size_t len;
};

static void take(void *ctx, const char *data, size_t len)
{
    struct passed *passed = ctx;
    assert_true(passed->len + len < sizeof passed->text);
    memcpy(passed->text + passed->len, data, len);
    passed->len += len;
    passed->text[passed->len] = '\0';
}

/* Feeds text in pieces of `piece` bytes; checks what passed. */
static void check_pieces(const char *text, size_t piece, const char *expected, const char *url)
{
    plim__lines lines = {.rules = plim__node_launcher.rules};
    struct passed passed = {.len = 0};
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += piece)
        plim__lines_feed(&lines, text + at, len - at < piece ? len - at : piece, take, &passed);
    plim__lines_end(&lines, take, &passed);
    assert_string_equal(passed.text, expected);
    assert_string_equal(lines.url, url);
}

static void the_inspectors_lines_are_taken_out_in_every_cut(void **state)
{
    (void)state;
    static const char text[] =
        "Debugger listening on ws://127.0.0.1:40001/97cbd985\n"
        "For help, see: https://nodejs.org/en/docs/inspector\n"
        "hello\nDebugger attached.\r\nDebugger attached. Or not\n\nFor help, see: the manual\n"
        "Debugger listening on ws://127.0.0.1:9/other\nDebugger\n"
        "Waiting for the debugger to disconnect...\nDebugger ending on ws://x/y\n"
        "For help, see: https://nodejs.org/learn/getting-started/debugging\nno end";
    static const char expected[] =
        "hello\nDebugger attached. Or not\n\nFor help, see: the manual\nDebugger\nno end";
    for (size_t piece = 1; piece <= sizeof text; piece++)
        check_pieces(text, piece, expected, "ws://127.0.0.1:40001/97cbd985");
}

static void a_line_that_ends_with_the_text_is_judged_at_the_end(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 20; piece++) {
        check_pieces("Debugger attached.", piece, "", "");
        check_pieces("Debugger attached", piece, "Debugger attached", "");
    }
}

static void a_prompt_passes_at_once(void **state)
{
    (void)state;
    plim__lines lines = {.rules = plim__node_launcher.rules};
    struct passed passed = {.len = 0};
    plim__lines_feed(&lines, "name? ", 6, take, &passed);
    assert_string_equal(passed.text, "name? ");
    plim__lines_feed(&lines, "Debugger attached.\n", 19, take, &passed); /* in one go */
    assert_string_equal(passed.text, "name? ");
    plim__lines_feed(&lines, "next\n", 5, take, &passed);
    assert_string_equal(passed.text, "name? next\n");
}

static void an_endless_line_of_the_inspectors_is_dropped_to_its_end(void **state)
{
    (void)state;
    char text[2000];
    int head = snprintf(text, sizeof text, "Debugger listening on ws://");
    memset(text + head, 'a', 1500);
    (void)snprintf(text + head + 1500, 100, "\nkept\n");
    for (size_t piece = 1; piece < 2000; piece += 37) {
        plim__lines lines = {.rules = plim__node_launcher.rules};
        struct passed passed = {.len = 0};
        size_t len = strlen(text);
        for (size_t at = 0; at < len; at += piece)
            plim__lines_feed(&lines, text + at, len - at < piece ? len - at : piece, take, &passed);
        assert_string_equal(passed.text, "kept\n");
        assert_true(strlen(lines.url) < sizeof lines.url);
    }
}

static void bytes_of_any_kind_pass_unchanged(void **state)
{
    (void)state;
    char text[1024];
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof text; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = (char)(seed >> 24);
    }
    for (size_t piece = 1; piece < 600; piece += 41) {
        plim__lines lines = {.rules = plim__node_launcher.rules};
        struct passed passed = {.len = 0};
        for (size_t at = 0; at < sizeof text; at += piece)
            plim__lines_feed(&lines, text + at, sizeof text - at < piece ? sizeof text - at : piece,
                             take, &passed);
        plim__lines_end(&lines, take, &passed);
        assert_int_equal(passed.len, sizeof text);
        assert_memory_equal(passed.text, text, sizeof text);
    }
}

static void no_program_at_all_is_a_usage_error(void **state)
{
    (void)state;
    const char *const nothing[] = {NULL};
    plim__launch_plan command;
    plim_error err = {0};
    assert_int_equal(plim__launch_plan_init(&command, plim_allocator_system(), nothing, &err),
                     PLIM_ERR_USAGE);
    plim__launch_plan_fini(&command);
}

/* /bin/true under the name of node: nothing is started here. */
static void the_option_goes_before_the_users_words_and_refusals_lose_nothing(void **state)
{
    (void)state;
    char folder[128];
    char node[256];
    char shell[512];
    assert_true(temporary_path(folder, sizeof folder, "plim-launch-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    (void)snprintf(node, sizeof node, "%s/node", folder);
    (void)snprintf(shell, sizeof shell, "cp /bin/true %s", node);
    assert_int_equal(system(shell), 0);
    const char *const argv[] = {node, "--stack-size=9", "app.js", "--inspect-brk", NULL};
    for (uint64_t n = 0; n < 3; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        plim__launch_plan command;
        plim_error err = {0};
        plim_status status = plim__launch_plan_init(&command, &fault.allocator, argv, &err);
        assert_int_equal(status, fault.refused > 0 ? PLIM_ERR_NO_MEMORY : PLIM_OK);
        if (status == PLIM_OK) {
            assert_string_equal(command.program, node);
            assert_string_equal(command.argv[0], node);
            assert_string_equal(command.argv[1], "--inspect=127.0.0.1:0");
            assert_string_equal(command.argv[2], "--stack-size=9");
            assert_string_equal(command.argv[3], "app.js");
            assert_string_equal(command.argv[4], "--inspect-brk"); /* the program's, not Node's */
            assert_null(command.argv[5]);
        }
        plim__launch_plan_fini(&command);
        assert_int_equal(fault.live_bytes, 0);
    }
    (void)snprintf(shell, sizeof shell, "rm -r %s", folder);
    assert_int_equal(system(shell), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inspectors_lines_are_taken_out_in_every_cut),
        cmocka_unit_test(a_line_that_ends_with_the_text_is_judged_at_the_end),
        cmocka_unit_test(a_prompt_passes_at_once),
        cmocka_unit_test(an_endless_line_of_the_inspectors_is_dropped_to_its_end),
        cmocka_unit_test(bytes_of_any_kind_pass_unchanged),
        cmocka_unit_test(no_program_at_all_is_a_usage_error),
        cmocka_unit_test(the_option_goes_before_the_users_words_and_refusals_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

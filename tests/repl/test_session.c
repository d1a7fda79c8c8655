/* SPDX-License-Identifier: MIT */
/*
 * A session of real C, entry by entry, against the same code compiled as one program: the same
 * output. In between it is crashed in every way there is; after each, every variable and every
 * block of the heap is what it was.
 */
#include <plimsoll/repl.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "temporary.h"

enum { TEXT_MAX = 1 << 20, ENTRIES_MAX = 400, BLOCKS_MAX = 4096, NAMES_MAX = 2048 };

typedef struct entry {
    char *kind; /* "decl", "run", "block", "link NAME", "crash END WHY" */
    char *text;
} entry;

static char *script_path;
static entry entries[ENTRIES_MAX];
static size_t entry_count;
static plim_repl *repl;
static char output[TEXT_MAX];
static size_t output_length;
static const char *const ENDS[] = {"OK",          "INCOMPLETE", "DIAGNOSTIC", "CRASHED", "TIMEOUT",
                                   "INTERRUPTED", "EXITED",     "MEMORY",     "REFUSED"};

static void take_output(void *ctx, plim_repl_stream stream, const char *bytes, size_t count)
{
    (void)ctx;
    (void)stream;
    assert_true(output_length + count < sizeof output);
    memcpy(output + output_length, bytes, count);
    output_length += count;
    output[output_length] = 0;
}

static void interrupt(int signal)
{
    (void)signal;
    plim_repl_interrupt(repl);
}

static void read_script(void)
{
    static char text[TEXT_MAX];
    FILE *file = fopen(script_path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    assert_int_equal(fclose(file), 0);
    text[length] = 0;
    char *at = strstr(text, "//@ ");
    while (at != NULL) {
        assert_true(entry_count < ENTRIES_MAX);
        entry *it = &entries[entry_count++];
        it->kind = at + 4;
        it->text = strchr(at, '\n');
        assert_non_null(it->text);
        at = strstr(it->text, "\n//@ ");
        *it->text++ = 0; /* of one without a text, the first byte of the next one's mark */
        if (at != NULL)
            *at++ = 0;
        if (at == it->text)
            it->text = it->text - 1;
    }
}

static bool is_kind(const entry *it, const char *kind)
{
    return strncmp(it->kind, kind, strlen(kind)) == 0;
}

/* --- everything a session holds ------------------------------------------------------------ */

typedef struct sum {
    uint64_t value;
    size_t names;
} sum;

static void add(sum *to, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to->value = (to->value ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
}

static bool add_variable(void *ctx, const plim_repl_variable *variable)
{
    static unsigned char bytes[1 << 17];
    sum *to = ctx;
    to->names++;
    add(to, variable->name, strlen(variable->name));
    add(to, &variable->address, sizeof variable->address);
    if (variable->kind != PLIM_REPL_VARIABLE || variable->bytes > sizeof bytes)
        return true;
    assert_int_equal(plim_repl_read(repl, variable->address, bytes, variable->bytes), PLIM_OK);
    add(to, bytes, variable->bytes);
    return true;
}

static sum take_sum(void)
{
    static plim_repl_block blocks[BLOCKS_MAX];
    static unsigned char bytes[1 << 20];
    sum all = {1469598103934665603u, 0};
    size_t count = 0;
    plim_error error = {0};
    assert_int_equal(plim_repl_variables(repl, add_variable, &all), PLIM_OK);
    if (plim_repl_blocks(repl, blocks, BLOCKS_MAX, &count, &error) != PLIM_OK)
        fail_msg("%s", error.what);
    assert_true(count < BLOCKS_MAX);
    for (size_t i = 0; i < count; i++) {
        add(&all, &blocks[i], sizeof blocks[i]);
        if (blocks[i].bytes <= sizeof bytes) {
            assert_int_equal(plim_repl_read(repl, blocks[i].address, bytes, blocks[i].bytes),
                             PLIM_OK);
            add(&all, bytes, blocks[i].bytes);
        }
    }
    return all;
}

/* --- the two ways -------------------------------------------------------------------------- */

static void enter(const entry *it, plim_repl_outcome *outcome)
{
    static char block[TEXT_MAX];
    plim_error error = {0};
    const char *text = it->text;
    if (is_kind(it, "block")) {
        (void)snprintf(block, sizeof block, "{ %s }", text);
        text = block;
    }
    if (plim_repl_enter(repl, text, outcome, &error) != PLIM_OK)
        fail_msg("%s\n%s", text, error.what);
}

static void crash(const entry *it)
{
    char end[32];
    int skip = 0;
    plim_repl_outcome outcome;
    sum before = take_sum();
    size_t length = output_length;
    assert_int_equal(sscanf(it->kind, "crash %31s %n", end, &skip), 1);
    bool is_interrupted = strcmp(end, "INTERRUPTED") == 0;
    const struct itimerval timer = {.it_value = {.tv_usec = 300000}};
    if (is_interrupted)
        assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    enter(it, &outcome);
    if (strcmp(ENDS[outcome.end], end) != 0 || strstr(outcome.explanation, it->kind + skip) == NULL)
        fail_msg("%s\n%s: %s %s\nexpected %s", it->text, ENDS[outcome.end], outcome.explanation,
                 outcome.diagnostics, it->kind);
    sum after = take_sum();
    if (before.value != after.value || before.names != after.names)
        fail_msg("%s: %s\nleft something behind", it->text, outcome.explanation);
    output_length = length; /* what it printed is not the program's */
    output[length] = 0;
    print_message("%s\n", outcome.explanation);
}

static void run_session(void)
{
    plim_repl_outcome outcome;
    plim_error error = {0};
    for (size_t i = 0; i < entry_count; i++) {
        const entry *it = &entries[i];
        if (is_kind(it, "crash")) {
            crash(it);
            continue;
        }
        if (is_kind(it, "link")) {
            if (plim_repl_link(repl, it->kind + 5, NULL, &error) != PLIM_OK)
                fail_msg("%s", error.what);
            continue;
        }
        enter(it, &outcome);
        if (outcome.end != PLIM_REPL_OK)
            fail_msg("%s\n%s: %s\n%s", it->text, ENDS[outcome.end], outcome.explanation,
                     outcome.diagnostics);
    }
}

static void run_program(char *out)
{
    char folder[128], command[1024];
    assert_true(temporary_path(folder, sizeof folder, "plim-session-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    (void)snprintf(command, sizeof command, "%s/program.c", folder);
    FILE *file = fopen(command, "w");
    assert_non_null(file);
    (void)fputs("#define _GNU_SOURCE\n", file);
    for (size_t i = 0; i < entry_count; i++)
        if (is_kind(&entries[i], "decl"))
            (void)fprintf(file, "%s\n", entries[i].text);
    (void)fputs("int main(void)\n{\n", file);
    for (size_t i = 0; i < entry_count; i++)
        if (is_kind(&entries[i], "run") || is_kind(&entries[i], "block"))
            (void)fprintf(file, "{ %s }\n", entries[i].text);
    (void)fputs("fflush(stdout); }\n", file);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command,
                   "clang-19 -std=gnu17 -w -O0 -o %s/program %s/program.c -lm -lsqlite3 -lz "
                   "-pthread && %s/program > %s/out",
                   folder, folder, folder, folder);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "%s/out", folder);
    file = fopen(command, "r");
    assert_non_null(file);
    size_t length = fread(out, 1, TEXT_MAX - 1, file);
    out[length] = 0;
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void test_script(void **state)
{
    static char expected[TEXT_MAX];
    (void)state;
    size_t crashes = 0;
    read_script();
    for (size_t i = 0; i < entry_count; i++)
        crashes += is_kind(&entries[i], "crash");
    assert_true(entry_count - crashes >= 200 && crashes >= 20);
    run_program(expected);
    run_session();
    if (strcmp(expected, output) != 0) {
        size_t at = 0;
        while (expected[at] == output[at])
            at++;
        fail_msg("the program: \"%.60s\", the session: \"%.60s\"", expected + at, output + at);
    }
    assert_true(output_length > 1000);
    plim_repl_info info;
    plim_repl_read_info(repl, &info);
    print_message("%zu entries, %zu crashes, %u workers, heap %llu bytes in %llu blocks\n",
                  entry_count, crashes, info.worker_count, (unsigned long long)info.heap_used_bytes,
                  (unsigned long long)info.heap_blocks);
}

/* --- what is said, and what is not done again ---------------------------------------------- */

static plim_repl_outcome run_text(const char *text, plim_repl_end expected)
{
    plim_repl_outcome outcome;
    plim_error error = {0};
    if (plim_repl_enter(repl, text, &outcome, &error) != PLIM_OK)
        fail_msg("%s\n%s", text, error.what);
    if (outcome.end != expected)
        fail_msg("%s\n%s: %s\n%s", text, ENDS[outcome.end], outcome.explanation,
                 outcome.diagnostics);
    return outcome;
}

/* What went with the worker, in one line. */
static const char *lose_worker(void)
{
    static char all[2048];
    plim_repl_outcome outcome;
    size_t length = 0;
    all[0] = 0;
    assert_int_equal(plim_repl_restart(repl, &outcome, NULL), PLIM_OK);
    for (size_t i = 0; i < outcome.lost_count && length < sizeof all; i++)
        length += (size_t)snprintf(all + length, sizeof all - length, "%s; ", outcome.lost[i]);
    return all;
}

static void test_what_libraries_remember_is_said(void **state)
{
    (void)state;
    (void)run_text("#include <stdlib.h>\n#include <string.h>\n#include <stdio.h>\n"
                   "int next(void) { return rand(); }",
                   PLIM_REPL_OK);
    (void)run_text("printf(\"%p\\n\", malloc(10));", PLIM_REPL_OK);
    assert_string_equal(lose_worker(), "");
    (void)run_text("next();", PLIM_REPL_OK);
    assert_string_equal(lose_worker(), "where rand() was; ");
    assert_string_equal(lose_worker(), "");
    (void)run_text("char text[] = \"a b\"; strtok(text, \" \"); setenv(\"PLIM_X\", \"1\", 1);",
                   PLIM_REPL_OK);
    assert_string_equal(lose_worker(), "where strtok() was; changes of the environment; ");
    assert_int_equal(plim_repl_link(repl, "sqlite3", NULL, NULL), PLIM_OK);
    (void)run_text("#include <sqlite3.h>\nconst char *version = sqlite3_libversion();",
                   PLIM_REPL_OK);
    assert_string_equal(lose_worker(), "");
    (void)run_text("sqlite3 *db; sqlite3_open(\":memory:\", &db);", PLIM_REPL_OK);
    assert_non_null(strstr(lose_worker(), "what libsqlite3.so"));
    assert_string_equal(lose_worker(), "");
}

/* Stops, or lets go on, the compilers of this process: each leads a group. */
static size_t signal_compilers(int number)
{
    char path[64], program[512];
    size_t count = 0;
    long pid = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    assert_non_null(children);
    while (fscanf(children, "%ld", &pid) == 1) {
        (void)snprintf(path, sizeof path, "/proc/%ld/exe", pid);
        ssize_t length = readlink(path, program, sizeof program - 1);
        program[length > 0 ? length : 0] = 0;
        if (strstr(program, "clang") == NULL)
            continue;
        assert_int_equal(kill((pid_t)-pid, number), 0);
        count++;
    }
    assert_int_equal(fclose(children), 0);
    return count;
}

static void test_what_was_compiled_is_not_compiled_again(void **state)
{
    (void)state;
    const char *const texts[] = {"n + 41", "n++;", "printf(\"%d\\n\", n);"};
    /* Without a header: new servers, for new headers, would remember nothing. */
    (void)run_text("int printf(const char *, ...);\nint n = 1;", PLIM_REPL_OK);
    for (size_t i = 0; i < 3; i++)
        (void)run_text(texts[i], PLIM_REPL_OK);
    assert_int_equal(signal_compilers(SIGSTOP), 2);
    uint64_t began = output_length;
    for (size_t i = 0; i < 3; i++)
        (void)run_text(texts[i], PLIM_REPL_OK);
    assert_int_equal(signal_compilers(SIGCONT), 2);
    assert_string_equal(output + began, "3\n");
    (void)run_text("n + 42", PLIM_REPL_OK);
}

static void test_what_has_no_room_is_refused(void **state)
{
    (void)state;
    plim_repl_outcome outcome = run_text("int big[1 << 28];", PLIM_REPL_DIAGNOSTIC);
    assert_non_null(strstr(outcome.diagnostics, "variables take 1073741"));
    outcome = run_text("int small[1 << 20]; small[5] = 3; small[5]", PLIM_REPL_OK);
    assert_int_equal(outcome.result.bytes, sizeof(int));
}

/* Tables of a heap that is large, spoilt by an entry that calls nothing of it. */
static void test_a_spoilt_heap_is_found_at_once(void **state)
{
    (void)state;
    (void)run_text("#include <stdlib.h>\n#include <string.h>\n"
                   "char *blocks[700]; for (int i = 0; i < 700; i++) blocks[i] = malloc(65536);",
                   PLIM_REPL_OK);
    for (int i = 0; i < 4; i++) {
        (void)run_text("blocks[1][5] = 1;", PLIM_REPL_OK);
        plim_repl_outcome outcome =
            run_text("memset((char *)0x300080000000 + 65536, 0xff, 4096);", PLIM_REPL_REFUSED);
        assert_int_not_equal(outcome.explanation[0], 0);
    }
    (void)run_text("free(blocks[7]); blocks[7] = NULL;", PLIM_REPL_OK);
}

static int open_session(void **state)
{
    (void)state;
    const plim_repl_options options = {.struct_bytes = sizeof options,
                                       .memory_bytes = 64 << 20,
                                       .deadline_ms = 2000,
                                       .output = take_output,
                                       .input = -1};
    plim_error error = {0};
    const struct sigaction action = {.sa_handler = interrupt};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    output_length = 0;
    if (plim_repl_open(&options, &repl, &error) != PLIM_OK)
        fail_msg("%s (%s)", error.what, error.hint);
    return 0;
}

static int close_session(void **state)
{
    (void)state;
    plim_repl_close(&repl);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_script, open_session, close_session),
        cmocka_unit_test_setup_teardown(test_what_libraries_remember_is_said, open_session,
                                        close_session),
        cmocka_unit_test_setup_teardown(test_what_was_compiled_is_not_compiled_again, open_session,
                                        close_session),
        cmocka_unit_test_setup_teardown(test_what_has_no_room_is_refused, open_session,
                                        close_session),
        cmocka_unit_test_setup_teardown(test_a_spoilt_heap_is_found_at_once, open_session,
                                        close_session),
    };
    if (argc != 2)
        return 2;
    script_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}

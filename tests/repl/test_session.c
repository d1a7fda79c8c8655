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
    char folder[] = "/tmp/plim-session-XXXXXX", command[512];
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
    };
    if (argc != 2)
        return 2;
    script_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}

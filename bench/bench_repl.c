/* SPDX-License-Identifier: MIT */
/*
 * What an entry costs from its text to its value, and a crash from the fault to the next prompt.
 * Bounds: `x + 2` with ten headers under 18 ms, a function of 30 lines under 35 ms, a crash with
 * 200 entries adopted under 3 ms; medians. In the same run what
 * clang-repl-19 and a loop of gcc -O0 -g and dlopen take for the same: neither shows a value, keeps
 * variables over a crash, or takes a second definition (clang-repl: of C, neither the expression
 * alone), so they print it, and have names of their own.
 *
 *     bench_repl [RUNS]
 */
#include <plimsoll/repl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl_peers.h"

enum { RUNS_MAX = 1000, ADOPTED = 200, PEER_RUNS_MAX = 40 };

static plim_repl *repl;

static const char HEADERS[] =
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n"
    "#include <stdint.h>\n#include <stdbool.h>\n#include <ctype.h>\n#include <errno.h>\n"
    "#include <time.h>\n#include <unistd.h>\nint x = 40;";

static const char FUNCTION[] =
    "int classify%d(const char *s)\n{\n    int digits = 0;\n    int letters = 0;\n    int others = "
    "0;\n"
    "    for (; *s; s++) {\n        if (isdigit((unsigned char)*s))\n            digits++;\n"
    "        else if (isalpha((unsigned char)*s))\n            letters++;\n        else\n"
    "            others++;\n    }\n    switch (digits %% 4) {\n    case 0:\n        letters += 1;\n"
    "        break;\n    case 1:\n        letters += 2;\n        break;\n    case 2:\n"
    "        others = (int)sqrt(others);\n        break;\n    default:\n        others--;\n    }\n"
    "    if (letters > others)\n        return letters - others;\n    return digits;\n}";

static plim_repl_outcome enter(const char *text, plim_repl_end expected)
{
    plim_error error = {0};
    plim_repl_outcome outcome;
    if (plim_repl_enter(repl, text, &outcome, &error) != PLIM_OK || outcome.end != expected) {
        (void)fprintf(stderr, "%s: %s\n", text,
                      error.what[0] != 0 ? error.what : outcome.diagnostics);
        exit(1);
    }
    return outcome;
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void show(const char *what, uint64_t *times, size_t count, uint64_t bound)
{
    qsort(times, count, sizeof *times, by_value);
    (void)printf(
        "{\"bench\":\"repl\",\"what\":\"%s\",\"runs\":%zu,\"min_us\":%llu,\"median_us\":%llu,"
        "\"bound_us\":%llu}\n",
        what, count, (unsigned long long)times[0], (unsigned long long)times[count / 2],
        (unsigned long long)bound);
}

static void peer_failed(const char *who)
{
    (void)fprintf(stderr, "%s failed\n", who);
    exit(1);
}

/* clang-repl takes a line at a time. */
static void in_one_line(char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\n')
            *text = ' ';
}

static void run_clang_repl(size_t runs)
{
    static uint64_t times[2][RUNS_MAX];
    char text[4096], until[32];
    if (!peers_clang_repl_open(HEADERS))
        peer_failed("clang-repl-19");
    for (size_t i = 0; i < runs; i++) {
        (void)snprintf(text, sizeof text, "printf(\"=%%d\\n\", x + %zu);", i + 2);
        (void)snprintf(until, sizeof until, "=%zu\n", i + 42);
        times[0][i] = peers_clang_repl_enter(text, until);
        (void)snprintf(text, sizeof text, FUNCTION, (int)i);
        in_one_line(text);
        size_t length = strlen(text);
        (void)snprintf(text + length, sizeof text - length, "\nprintf(\"done%%d\\n\", %zu);", i);
        (void)snprintf(until, sizeof until, "done%zu\n", i);
        times[1][i] = peers_clang_repl_enter(text, until);
        if (times[0][i] == 0 || times[1][i] == 0)
            peer_failed("clang-repl-19");
    }
    peers_clang_repl_close();
    show("clang-repl-19: printf of x + 2, ten headers", times[0], runs, 0);
    show("clang-repl-19: a function of 30 lines, and a printf", times[1], runs, 0);
}

static void run_gcc_dlopen(size_t runs)
{
    static uint64_t times[2][RUNS_MAX];
    char text[4096];
    int value = 0;
    for (size_t i = 0; i < runs; i++) {
        (void)snprintf(text, sizeof text, "%s\nint entry(void) { return x + %zu; }\n", HEADERS,
                       i + 2);
        times[0][i] = peers_gcc_dlopen(text, &value);
        size_t length = (size_t)snprintf(text, sizeof text, "%s\n", HEADERS);
        (void)snprintf(text + length, sizeof text - length, FUNCTION, (int)i);
        if (times[0][i] == 0 || value != (int)i + 42)
            peer_failed("gcc and dlopen");
        times[1][i] = peers_gcc_dlopen(text, &value);
        if (times[1][i] == 0)
            peer_failed("gcc and dlopen");
    }
    show("gcc -O0 -g, dlopen: x + 2, ten headers", times[0], runs, 0);
    show("gcc -O0 -g, dlopen: a function of 30 lines", times[1], runs, 0);
}

int main(int argc, char **argv)
{
    static uint64_t times[5][RUNS_MAX];
    size_t runs = argc == 2 ? strtoul(argv[1], NULL, 10) : 100;
    char text[2048];
    if (runs < 3 || runs > RUNS_MAX)
        return 2;
    const plim_repl_options options = {.struct_bytes = sizeof options, .input = -1};
    plim_error error = {0};
    if (plim_repl_open(&options, &repl, &error) != PLIM_OK) {
        (void)fprintf(stderr, "%s\n", error.what);
        return 1;
    }
    (void)enter(HEADERS, PLIM_REPL_OK);
    for (size_t i = 0; i < runs; i++) {
        (void)snprintf(text, sizeof text, "x + %zu",
                       i + 2); /* another each time: nothing is kept */
        plim_repl_outcome outcome = enter(text, PLIM_REPL_OK);
        times[0][i] = outcome.times.total;
        times[1][i] = outcome.times.load + outcome.times.run + outcome.times.commit;
    }
    for (size_t i = 0; i < runs; i++) {
        (void)snprintf(text, sizeof text, FUNCTION, (int)i);
        times[2][i] = enter(text, PLIM_REPL_OK).times.total;
    }
    for (size_t i = runs * 2; i < ADOPTED; i++)
        (void)enter("x++;", PLIM_REPL_OK);
    for (size_t i = 0; i < runs; i++) {
        plim_repl_outcome outcome = enter("*(volatile int *)8 = x;", PLIM_REPL_CRASHED);
        const plim_repl_times *took = &outcome.times;
        times[3][i] = took->total - took->parse - took->compile - took->load;
    }
    show("x + 2, ten headers: text to value", times[0], runs, 18000);
    show("of it: load, run, commit", times[1], runs, 1000);
    show("a function of 30 lines", times[2], runs, 35000);
    show("crash to prompt, 200 entries adopted, explained", times[3], runs, 3000);
    plim_repl_close(&repl);
    size_t peer_runs = runs < PEER_RUNS_MAX ? runs : PEER_RUNS_MAX;
    run_clang_repl(peer_runs);
    run_gcc_dlopen(peer_runs);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The self-test of a bare build, the same on the host and on the board: through the installed
 * headers, as a program would. It prints a line per case and ends in a verdict.
 * Built with PLIM_PLANT it plants a fault: 1 a result that is wrong, 2 a check that fails, 3 an
 * instruction that traps. Each must show in the output and in the exit code.
 */
#include <plimsoll/bare.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "board.h"

#ifndef PLIM_PLANT
#define PLIM_PLANT 0
#endif

static unsigned fault_count;

PLIM_PRINTF(1, 2)
static void say(const char *format, ...)
{
    char line[160];
    plim__text text;
    plim__text_init(&text, line, sizeof line);
    va_list arguments;
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
    board_write(line, text.length);
}

static void expect(bool holds, int line, const char *what)
{
    if (holds)
        return;
    fault_count++;
    say("  line %d: not so: %s\n", line, what);
}

#define EXPECT(condition) expect((condition), __LINE__, #condition)

static void on_failed(const char *file, int line, const char *text)
{
    say("%s:%d: check failed: %s\nVERDICT failed\n", file, line, text);
    board_exit(2);
}

static void errors_have_their_sentence(void)
{
    plim_error err = {0};
    EXPECT(plim_error_set(&err, PLIM_ERR_BUDGET, "%s: %zu of %llu bytes, %u%%", "net", (size_t)1,
                          1ULL << 40, 7u) == PLIM_ERR_BUDGET);
    EXPECT(plim__text_equal(err.what, "net: 1 of 1099511627776 bytes, 7%"));
    EXPECT(plim__text_equal(plim_status_name(err.status), "ERR_BUDGET"));
}

static void a_planted_fault_shows(void)
{
    EXPECT(PLIM_PLANT != 1);
    PLIM_CHECK(PLIM_PLANT != 2);
    if (PLIM_PLANT == 3)
        __builtin_trap();
}

typedef struct self_test_case {
    void (*run)(void);
    const char *name;
} self_test_case;

#define CASE(name)                                                                                 \
    {                                                                                              \
        name, #name                                                                                \
    }

static const self_test_case CASES[] = {
    CASE(errors_have_their_sentence),
    CASE(a_planted_fault_shows),
};

int main(void)
{
    plim_bare_hooks_set(
        &(plim_bare_hooks){.failed = on_failed, .mask = board_mask, .unmask = board_unmask});
    unsigned failed = 0;
    unsigned count = sizeof CASES / sizeof CASES[0];
    for (unsigned i = 0; i < count; i++) {
        unsigned before = fault_count;
        CASES[i].run();
        failed += fault_count != before;
        say("%s %s\n", fault_count == before ? "ok    " : "FAILED", CASES[i].name);
    }
    say("VERDICT %u passed, %u failed\n", count - failed, failed);
    return failed == 0 ? 0 : 1;
}

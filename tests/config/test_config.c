/* SPDX-License-Identifier: MIT */
/*
 * plimsoll.conf. Method: a table of texts with the whole message each must give; texts that hold,
 * with what comes of them; hostile bytes.
 */
#include <plimsoll/config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "temporary.h"

typedef struct text_source {
    const char *text;
    size_t length, at, cut;
} text_source;

static plim_status text_read(void *ctx, void *buffer, size_t cap, size_t *out_len, plim_error *err)
{
    (void)err;
    text_source *source = ctx;
    size_t length = source->length - source->at;
    length = length > cap ? cap : length;
    length = source->cut > 0 && length > source->cut ? source->cut : length;
    memcpy(buffer, source->text + source->at, length);
    source->at += length;
    *out_len = length;
    return PLIM_OK;
}

static plim_status read_bytes(const char *text, size_t length, const plim_config_options *options,
                              plim_config **out_config, plim_error *err)
{
    text_source source = {text, length, 0, 7};
    return plim_config_read((plim_source){&source, text_read, length}, "t", options, out_config,
                            err);
}

static plim_status read_text(const char *text, plim_config **out_config, plim_error *err)
{
    return read_bytes(text, strlen(text), NULL, out_config, err);
}

/* "where: what. hint", as a person sees it. */
static const char *message(const plim_error *err)
{
    static char text[sizeof *err + 8];
    (void)snprintf(text, sizeof text, "%s: %s | %s", err->where, err->what, err->hint);
    return text;
}

/* --- texts that do not hold ----------------------------------------------------------------- */

#define TOTAL "[memory]\ntotal = 64M\n"

static const struct {
    const char *text;
    plim_status status;
    const char *message;
} BAD[] = {
    {"total = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: a key before the first section | there are [memory], [domain NAME] and [preload]"},
    {"[memroy]\ntotal = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: unknown section [memroy] | did you mean [memory]?"},
    {"[domian net]\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: unknown section [domian net] | did you mean [domain NAME]?"},
    {"[domain]\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: unknown section [domain] | write [domain NAME]"},
    {"[memory]\ntotal = 1M\n\n[wires]\n\n# one\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:4: unknown section [wires] | there are [memory], [domain NAME] and [preload]"},
    {"[wires]\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: unknown section [wires] | there are [memory], [domain NAME] and [preload]"},
    {"[memory]\ntotla = 1M\n", PLIM_ERR_DAMAGED,
     "t:2: unknown key \"totla\" in [memory] | did you mean \"total\"?"},
    {"[domain a]\nlimits = 1M\n", PLIM_ERR_DAMAGED,
     "t:2: unknown key \"limits\" in [domain ...] | did you mean \"limit\"?"},
    {"[preload]\ncolour = red\n", PLIM_ERR_DAMAGED,
     "t:2: unknown key \"colour\" in [preload] | plimsoll.conf(5) lists the keys"},
    {"[memory]\n\n[preload]\nmode = refuse\n", PLIM_ERR_DAMAGED,
     "t:1: this section is empty | give it a key = value, or remove it"},
    {TOTAL "[domain x]\n", PLIM_ERR_DAMAGED,
     "t:3: this section is empty | give it a key = value, or remove it"},
    {"[memory] total = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: \"total = 1M\" behind the name of a section | give key = value a line of its own"},
    {TOTAL "[domain a] request_max = 1K # lost\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:3: \"request_max = 1K \" behind the name of a section | give key = value a line of its "
     "own"},
    {"[memory]]\ntotal = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: \"]\" behind the name of a section | give key = value a line of its own"},
    {"[preload]\nsignal = KILL\n", PLIM_ERR_DAMAGED,
     "t:2: signal: \"KILL\" is none of USR1|USR2|HUP|WINCH|URG|PROF | write one of them as it "
     "stands here"},
    {"[memory\ntotal = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: neither [section] nor key = value | a comment begins with #"},
    {"[memory]\ntotal 1M\n", PLIM_ERR_DAMAGED,
     "t:2: neither [section] nor key = value | a comment begins with #"},
    {"[memory]\ntotal 1M\nnothing = 3\n", PLIM_ERR_DAMAGED,
     "t:2: neither [section] nor key = value | a comment begins with #"},
    {"[memory]\ntotal = much\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"much\" is not a size | write it as 4096, 64K, 1.5MiB or 2GB (powers of 1024)"},
    {"[memory]\ntotal = -1\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"-1\" is not a size | write it as 4096, 64K, 1.5MiB or 2GB (powers of 1024)"},
    {"[memory]\ntotal = 1.\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"1.\" is not a size | write it as 4096, 64K, 1.5MiB or 2GB (powers of 1024)"},
    {"[memory]\ntotal =\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"\" is not a size | write it as 4096, 64K, 1.5MiB or 2GB (powers of 1024)"},
    {"[memory]\ntotal = 64 MiBs\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"64 MiBs\" has a unit that is none | write it as 4096, 64K, 1.5MiB or 2GB "
     "(powers of 1024)"},
    {"[memory]\ntotal = 99999999999999999999\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"99999999999999999999\" is too large | write it as 4096, 64K, 1.5MiB or 2GB "
     "(powers of 1024)"},
    {"[memory]\ntotal = 8192P\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"8192P\" is too large | write it as 4096, 64K, 1.5MiB or 2GB "
     "(powers of 1024)"},
    {"[memory]\ntotal = 50%\n", PLIM_ERR_DAMAGED,
     "t:2: total: \"50%\" cannot be a percentage | write it as 4096, 64K, 1.5MiB or 2GB (powers "
     "of 1024)"},
    {TOTAL "margin = 101%\n", PLIM_ERR_DAMAGED,
     "t:3: margin: \"101%\" is too large | write it as 4096, 64K, 1.5MiB, 2GB (powers of 1024) "
     "or 25%"},
    {"[preload]\nreport =#x\n", PLIM_ERR_DAMAGED,
     "t:2: report: \"#x\" looks like a comment | put a blank before the comment, or another sign "
     "before the text"},
    {TOTAL "domains = 65\n", PLIM_ERR_DAMAGED,
     "t:3: domains: \"65\" is not a number from 1 to 64 | it is how many domains there may be at "
     "once"},
    {TOTAL "watch_every = 16777217\n", PLIM_ERR_DAMAGED,
     "t:3: watch_every: \"16777217\" is not a number from 1 to 16777216 | at level full, of so "
     "many "
     "blocks one is watched"},
    {TOTAL "watch_every = 0\n", PLIM_ERR_DAMAGED,
     "t:3: watch_every: \"0\" is not a number from 1 to 16777216 | at level full, of so many "
     "blocks "
     "one is watched"},
    {TOTAL "verify = some\n", PLIM_ERR_DAMAGED,
     "t:3: verify: \"some\" is none of default|none|minimal|standard|full|redundant | write one "
     "of them as it stands here"},
    {"[domain a b]\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: \"a b\" cannot be the name of a domain | use 1 to 31 letters, digits and _ - . +"},
    {"[domain abcdefghijklmnopqrstuvwxyz012345]\nlimit = 1M\n", PLIM_ERR_DAMAGED,
     "t:1: \"abcdefghijklmnopqrstuvwxyz012345\" cannot be the name of a domain | use 1 to 31 "
     "letters, digits and _ - . +"},
    {"[domain a]\nlend. = 1M\n", PLIM_ERR_DAMAGED,
     "t:2: lend.: that is no name of a domain | write lend.BORROWER = SIZE, as in lend.render = "
     "2M"},
    {TOTAL "total = 32M\n", PLIM_ERR_CONTRADICTION,
     "t:3: total is given twice: here and in line 2 | keep one of the two"},
    {TOTAL "[domain a]\nlimit = 1M\n[domain a]\nlimit = 25%\n", PLIM_ERR_CONTRADICTION,
     "t:6: limit is given twice: here and in line 4 | keep one of the two"},
    {"[memory]\ntotal = 0\n", PLIM_ERR_CONTRADICTION,
     "t:2: a total of 0 leaves no memory at all | give the program some, or remove the line"},
    {TOTAL "backing = fixed\n", PLIM_ERR_CONTRADICTION,
     "t:3: backing fixed needs storage that only a program has | use map or libc here; fixed is "
     "for plim_manager_create()"},
    {"[memory]\nmargin = 25%\n", PLIM_ERR_CONTRADICTION,
     "t:2: margin is a percentage, and there is no total | give total = SIZE in [memory]"},
    {"[domain a]\nlimit = 1M\n", PLIM_ERR_CONTRADICTION,
     "t:1: domain \"a\" has a limit, and there is no total to check it against | give total = "
     "SIZE in [memory], or set PLIM_TOTAL"},
    {TOTAL "domains = 1\n[domain a]\nlimit = 1M\n[domain b]\nlimit = 1M\n", PLIM_ERR_CONTRADICTION,
     "t:3: 2 domains are named, and domains = 1 | raise domains (64 at most)"},
    {TOTAL "[domain a]\npriority = high\n", PLIM_ERR_CONTRADICTION,
     "t:3: domain \"a\" has no limit | add limit = SIZE to [domain a] (0: it lives on loans)"},
    {TOTAL "[domain a]\nlimit = 1M\nminimum = 2M\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\": minimum 2 MiB is above limit 1 MiB | lower minimum or raise limit (t:4)"},
    {TOTAL "[domain a]\nlimit = 4M\nmaximum = 2M\n", PLIM_ERR_CONTRADICTION,
     "t:4: domain \"a\": limit 4 MiB is above maximum 2 MiB | lower limit or raise maximum (t:5)"},
    {TOTAL "[domain a]\nlimit = 40M\n[domain b]\nlimit = 24577K\n", PLIM_ERR_CONTRADICTION,
     "t:6: with domain \"b\" the limits add up to 65537 KiB, and the total is 64 MiB | lower "
     "limits, or raise the total (t:2)"},
    {TOTAL "[domain a]\nlimit = 60%\n[domain b]\nlimit = 41%\n", PLIM_ERR_CONTRADICTION,
     "t:6: with domain \"b\" the limits add up to 67779952 bytes, and the total is 64 MiB | lower "
     "limits, or raise the total (t:2)"},
    {TOTAL "[domain a]\nlimit = 4M\n[domain b]\nparent = a\nlimit = 3M\n[domain c]\nparent = a\n"
           "limit = 2M\n",
     PLIM_ERR_CONTRADICTION,
     "t:10: with domain \"c\" the limits inside \"a\" add up to 5 MiB of its 4 MiB | lower limits, "
     "or raise that limit (t:4)"},
    {TOTAL "[domain a]\nlimit = 1M\nrequest_max = 0\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\": with request_max 0 it can hold nothing | give request_max a size, or "
     "remove the line: then it has none"},
    {TOTAL "[domain a]\nlimit = 50\nrequest_max = 1%\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\": with request_max 0 it can hold nothing | give request_max a size, or "
     "remove the line: then it has none"},
    {TOTAL "[domain a]\nlimit = 0\nmaximum = 0\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\": with maximum 0 it can hold nothing | give maximum a size, or remove the "
     "line: then it has none"},
    {TOTAL "[domain a]\nlimit = 1M\nparent = b\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\" has a parent that is nowhere: \"b\" | add [domain b] with a limit"},
    {TOTAL "[domain net]\nlimit = 4M\n[domain b]\nparent = ent\nlimit = 3M\n",
     PLIM_ERR_CONTRADICTION,
     "t:6: domain \"b\" has a parent that is nowhere: \"ent\" | did you mean \"net\"?"},
    {TOTAL "[domain a]\nlimit = 1M\nparent = b\n[domain b]\nlimit = 1M\nparent = a\n",
     PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\" is nested deeper than 4, or in a circle | let its parent be one nearer to "
     "the top"},
    {TOTAL "[domain a]\nlimit = 1M\nparent = a\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\" is nested deeper than 4, or in a circle | let its parent be one nearer to "
     "the top"},
    {TOTAL "[domain a]\nlimit = 4M\nlend.bee = 1M\n[domain be]\nlimit = 0\n",
     PLIM_ERR_CONTRADICTION,
     "t:5: domain \"a\" lends to \"bee\", which is nowhere | did you mean \"be\"?"},
    {TOTAL "[domain long]\nlimit = 4M\nlend.long = 1M\n", PLIM_ERR_CONTRADICTION,
     "t:5: domain \"long\" lends to itself | name another domain, or remove the line"},
    {TOTAL "[domain a]\nlimit = 4M\nminimum = 75%\nlend.b = 2M\n[domain b]\nlimit = 0\n",
     PLIM_ERR_CONTRADICTION,
     "t:6: domain \"a\" lends 2 MiB to \"b\" and has 1 MiB above its minimum | lend that much or "
     "less, or lower its minimum"},
    {TOTAL "[domain a]\nlimit = 4M\nlend.b = 2M\n[domain b]\nlimit = 1M\nmaximum = 1M\n",
     PLIM_ERR_CONTRADICTION,
     "t:5: \"b\" is lent to and can take nothing: its maximum is its limit | raise the maximum of "
     "[domain b], or remove it"},
};

static void what_does_not_hold_is_refused_with_line_reason_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        plim_config *config = NULL;
        plim_error err = {0};
        plim_status status = read_text(BAD[i].text, &config, &err);
        if (status != BAD[i].status || config != NULL)
            fail_msg("%s gave %s", BAD[i].text, plim_status_name(status));
        assert_string_equal(message(&err), BAD[i].message);
        assert_int_equal(err.status, status);
    }
}

/* --- texts that hold ------------------------------------------------------------------------- */

/* "section key = value (where:line)" of every row that holds. */
static const char *rows(const plim_config *config)
{
    static char text[8192];
    size_t length = 0;
    plim_config_row row;
    text[0] = '\0';
    for (uint32_t i = 0; plim_config_row_read(config, i, &row); i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s %s = %s (%s:%u)\n",
                                   row.section, row.key, row.value, row.where, row.line);
        assert_true(length < sizeof text);
    }
    return text;
}

static void assert_rows(const char *text, const char *const *environment,
                        const char *const *overrides, const char *wanted)
{
    plim_config_options options = {
        .struct_bytes = sizeof options, .environment = environment, .overrides = overrides};
    plim_config *config = NULL;
    plim_error err = {0};
    if (read_bytes(text, strlen(text), &options, &config, &err) != PLIM_OK)
        fail_msg("%s", message(&err));
    assert_string_equal(rows(config), wanted);
    plim_config_destroy(&config);
    assert_null(config);
}

static void assert_refused(const char *text, const char *const *environment, const char *wanted)
{
    plim_config_options options = {.struct_bytes = sizeof options, .environment = environment};
    plim_config *config = NULL;
    plim_error err = {0};
    plim_status status = read_bytes(text, strlen(text), &options, &config, &err);
    assert_true(status == PLIM_ERR_DAMAGED || status == PLIM_ERR_CONTRADICTION);
    assert_string_equal(message(&err), wanted);
}

static void units_are_powers_of_1024_and_shares_are_of_the_whole_above(void **state)
{
    (void)state;
    assert_rows("[memory]\n"
                "  total = 64MB   # blanks and comments are free\n"
                "\tmargin: 25%\n"
                "[domain service]\n"
                "  limit = 50 %\n"
                "  minimum = 25%    ; of its limit\n"
                "  maximum = 48 MiB\n"
                "  request_max = 1.5k\n"
                "  priority = high\n"
                "  lend.net = 12.5%\n"
                "[domain net]\r\n"
                "  parent = service\r\n"
                "  limit = 25%\r\n"
                "  module = libcurl.so*\n"
                "[preload]\n"
                "mode = report\nmodules = on\nreport = /tmp/r-%p\nform = json\nsignal = USR2\n",
                NULL, NULL,
                "memory total = 64 MiB (t:2)\n"
                "memory margin = 16 MiB (t:3)\n"
                "domain service limit = 32 MiB (t:5)\n"
                "domain service minimum = 8 MiB (t:6)\n"
                "domain service maximum = 48 MiB (t:7)\n"
                "domain service request_max = 1536 bytes (t:8)\n"
                "domain service priority = high (t:9)\n"
                "domain service lend.net = 4 MiB (t:10)\n"
                "domain net limit = 8 MiB (t:13)\n"
                "domain net parent = service (t:12)\n"
                "domain net module = libcurl.so* (t:14)\n"
                "preload mode = report (t:16)\n"
                "preload modules = yes (t:17)\n"
                "preload report = /tmp/r-%p (t:18)\n"
                "preload form = json (t:19)\n"
                "preload signal = USR2 (t:20)\n");
}

static void of_bounds_the_least_holds_and_of_the_rest_the_nearest(void **state)
{
    (void)state;
    static const char text[] = "[memory]\ntotal = 64M\nverify = full\n"
                               "[domain net-io]\nlimit = 8M\n[domain b]\nlimit = 8M\n";
    static const char *const tighter[] = {
        "PATH=/bin",         "PLIM_TOTAL=32M", "PLIM_VERIFY=minimal", "PLIM_BUDGET_NET_IO=4M",
        "PLIM_BUDGET_B=16M", "PLIM_MODE=",     "PLIM_WATCH_EVERY=1",  NULL};
    static const char *const nearest[] = {"PLIM_VERIFY=none", "PLIM_TOTAL=48M", NULL};
    assert_rows(text, tighter, NULL,
                "memory total = 32 MiB (PLIM_TOTAL:0)\n"
                "memory verify = minimal (PLIM_VERIFY:0)\n"
                "memory watch_every = 1 (PLIM_WATCH_EVERY:0)\n"
                "domain net-io limit = 4 MiB (PLIM_BUDGET_NET_IO:0)\n"
                "domain b limit = 8 MiB (t:7)\n");
    assert_rows(text, tighter, nearest,
                "memory total = 32 MiB (PLIM_TOTAL:0)\n"
                "memory verify = none (PLIM_VERIFY:0)\n"
                "memory watch_every = 1 (PLIM_WATCH_EVERY:0)\n"
                "domain net-io limit = 4 MiB (PLIM_BUDGET_NET_IO:0)\n"
                "domain b limit = 8 MiB (t:7)\n");
}

static void a_percentage_and_a_size_bound_together(void **state)
{
    (void)state;
    static const char text[] = "[memory]\ntotal = 64M\n[domain a]\nlimit = 25%\n";
    static const char *const more[] = {"PLIM_BUDGET_A=17M", NULL};
    static const char *const less[] = {"PLIM_BUDGET_A=15M", NULL};
    assert_rows(text, more, NULL, "memory total = 64 MiB (t:2)\ndomain a limit = 16 MiB (t:4)\n");
    assert_rows(text, less, NULL,
                "memory total = 64 MiB (t:2)\ndomain a limit = 15 MiB (PLIM_BUDGET_A:0)\n");
}

static void variables_that_fit_nothing_are_refused(void **state)
{
    (void)state;
    static const char text[] = "[memory]\ntotal = 64M\n[domain net]\nlimit = 8M\n";
    static const char *const astray[] = {"PLIM_BUDGET_NTE=1M", NULL};
    static const char *const slip[] = {"PLIM_TOTLA=1M", NULL};
    static const char *const bad[] = {"PLIM_TOTAL=lots", NULL};
    static const char *const low[] = {"PLIM_TOTAL=4M", NULL};
    static const char two[] = "[memory]\ntotal = 1M\n[domain a-b]\nlimit = 0\n[domain a.b]\n"
                              "limit = 0\n";
    static const char *const both[] = {"PLIM_BUDGET_A_B=1K", NULL};
    assert_refused(text, astray,
                   "PLIM_BUDGET_NTE: no file has a domain for the variable PLIM_BUDGET_NTE | did "
                   "you mean PLIM_BUDGET_NET?");
    assert_refused(text, slip,
                   "PLIM_TOTLA: no such variable as PLIM_TOTLA | did you mean PLIM_TOTAL?");
    assert_refused(text, bad,
                   "PLIM_TOTAL: total: \"lots\" is not a size | write it as 4096, 64K, 1.5MiB or "
                   "2GB (powers of 1024)");
    assert_refused(text, low,
                   "t:4: with domain \"net\" the limits add up to 8 MiB, and the total is 4 MiB | "
                   "lower limits, or raise the total (PLIM_TOTAL)");
    assert_refused(two, both,
                   "PLIM_BUDGET_A_B: it speaks of two domains, \"a-b\" and \"a.b\" | give one of "
                   "them another name");
}

static void without_a_file_variables_make_domains(void **state)
{
    (void)state;
    static const char *const environment[] = {"PLIM_BUDGET_NET=4M", "PLIM_TOTAL=5M",
                                              "XDG_CONFIG_HOME=/nowhere/at/all", NULL};
    plim_config_options options = {.struct_bytes = sizeof options, .environment = environment};
    plim_config *config = NULL;
    plim_error err = {0};
    if (plim_config_load(&options, &config, &err) != PLIM_OK)
        fail_msg("%s", message(&err));
    assert_string_equal(rows(config), "memory total = 5 MiB (PLIM_TOTAL:0)\n"
                                      "domain net limit = 4 MiB (PLIM_BUDGET_NET:0)\n");
    plim_config_destroy(&config);
}

static void parents_come_before_children(void **state)
{
    (void)state;
    plim_config *config = NULL;
    plim_error err = {0};
    assert_int_equal(read_text("[memory]\ntotal = 1M\n"
                               "[domain c]\nlimit = 1K\nparent = b\n"
                               "[domain b]\nlimit = 2K\nparent = a\n"
                               "[domain a]\nlimit = 3K\nmodule = x.so\n",
                               &config, &err),
                     PLIM_OK);
    static const char *const wanted[] = {"a", "b", "c"};
    assert_int_equal(plim_config_domain_count(config), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const char *name = NULL, *module = NULL;
        plim_config_domain(config, i, &name, &module);
        assert_string_equal(name, wanted[i]);
        assert_string_equal(module, i == 0 ? "x.so" : "");
    }
    plim_config_destroy(&config);
}

static void what_a_manager_is_told_is_what_was_said(void **state)
{
    (void)state;
    plim_config *config = NULL;
    assert_int_equal(read_text("[memory]\ntotal = 8M\nmargin = 25%\nverify = standard\n"
                               "backing = libc\ndomains = 5\nwatch_every = 7\n",
                               &config, NULL),
                     PLIM_OK);
    plim_manager_options options = {.struct_bytes = sizeof options, .name = "kept"};
    plim_config_manager_options(config, &options);
    assert_int_equal(options.total_bytes, 8 << 20);
    assert_int_equal(options.overhead_bytes, 2 << 20);
    assert_int_equal(options.verify, PLIM_VERIFY_STANDARD);
    assert_int_equal(options.backing, PLIM_BACKING_LIBC);
    assert_int_equal(options.domain_count_max, 5);
    assert_int_equal(options.watch_every, 7);
    assert_string_equal(options.name, "kept");
    plim_config_preload preload;
    plim_config_preload_read(config, &preload);
    assert_int_equal(preload.mode, PLIM_CONFIG_MODE_REFUSE);
    assert_false(preload.modules);
    assert_string_equal(preload.report, "");
    plim_config_destroy(&config);
    assert_int_equal(
        read_text("[memory]\ntotal = 8M\nmargin = 0\n[preload]\nsignal = SIGHUP\n", &config, NULL),
        PLIM_OK);
    plim_config_manager_options(config, &options);
    assert_int_equal(options.overhead_bytes, 1); /* 0 would be the manager's default */
    plim_config_preload_read(config, &preload);
    assert_string_equal(preload.signal, "HUP");
    plim_config_destroy(&config);
}

/* --- hostile bytes --------------------------------------------------------------------------- */

static void a_byte_order_mark_is_no_harm(void **state)
{
    (void)state;
    assert_rows("\xef\xbb\xbf[memory]\ntotal = 1M\n", NULL, NULL, "memory total = 1 MiB (t:2)\n");
}

static void the_last_line_needs_no_end(void **state)
{
    (void)state;
    assert_rows("[memory]\ntotal = 1M", NULL, NULL, "memory total = 1 MiB (t:2)\n");
}

static void assert_bytes_refused(const char *bytes, size_t length, const char *wanted)
{
    plim_config *config = NULL;
    plim_error err = {0};
    assert_int_equal(read_bytes(bytes, length, NULL, &config, &err), PLIM_ERR_DAMAGED);
    assert_string_equal(message(&err), wanted);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    static const char nul[] = "[memory]\ntotal = 1\0M\n";
    static const char escape[] = "[memory]\n# \x1b[2J\n";
    assert_bytes_refused(nul, sizeof nul - 1,
                         "t:2: byte 0x00 is no text | is this the right file? It must be plain "
                         "text");
    assert_bytes_refused(escape, sizeof escape - 1,
                         "t:2: byte 0x1b is no text | is this the right file? It must be plain "
                         "text");
}

static void what_is_too_long_is_refused_where_it_stands(void **state)
{
    (void)state;
    enum { HUGE_BYTES = 1 << 20 };
    char *bytes = malloc(HUGE_BYTES);
    assert_non_null(bytes);
    memset(bytes, 'x', HUGE_BYTES);
    assert_bytes_refused(bytes, HUGE_BYTES,
                         "t:1: a line of more than 190 bytes | a key and its value stand on one "
                         "line; break comments");
    bytes[60] = '=';
    assert_bytes_refused(bytes, 100,
                         "t:1: a key of more than 49 bytes | see plimsoll.conf(5) for the "
                         "sections and keys there are");
    bytes[0] = '[';
    bytes[60] = ']';
    assert_bytes_refused(bytes, 100,
                         "t:1: a section of more than 49 bytes | see plimsoll.conf(5) for the "
                         "sections and keys there are");
    memset(bytes, '[', HUGE_BYTES); /* no nesting: one long line */
    assert_bytes_refused(bytes, HUGE_BYTES,
                         "t:1: a line of more than 190 bytes | a key and its value stand on one "
                         "line; break comments");
    memset(bytes, '\n', HUGE_BYTES);
    plim_config *config = NULL;
    plim_error err = {0};
    assert_int_equal(read_bytes(bytes, HUGE_BYTES, NULL, &config, &err), PLIM_ERR_DAMAGED);
    assert_string_equal(err.what, "larger than 262144 bytes: no configuration");
    free(bytes);
}

static void one_domain_too_many_is_refused(void **state)
{
    (void)state;
    static char text[8192];
    int length = snprintf(text, sizeof text, "[memory]\ntotal = 64M\n");
    for (int i = 0; i < 65; i++)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, "[domain d%d]\nlimit = 1M\n", i);
    assert_refused(text, NULL,
                   "t:131: domain \"d64\" is one too many: a manager has 64 at most | let modules "
                   "that are seldom at work share a domain");
}

/* --- files ------------------------------------------------------------------------------------ */

static const char *EXAMPLE;

static void the_example_holds(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    plim_config_options options = {
        .struct_bytes = sizeof options, .path = EXAMPLE, .environment = none};
    plim_config *config = NULL;
    plim_error err = {0};
    if (plim_config_load(&options, &config, &err) != PLIM_OK)
        fail_msg("%s", message(&err));
    assert_int_equal(plim_config_domain_count(config), 4);
    assert_non_null(strstr(rows(config), "domain service lend.render = 10 MiB ("));
    plim_config_destroy(&config);
}

static void a_refused_allocation_is_said_and_nothing_is_left(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    uint64_t refused = 0;
    for (uint64_t n = 1;; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        plim_config_options options = {.struct_bytes = sizeof options,
                                       .path = EXAMPLE,
                                       .environment = none,
                                       .allocator = &fault.allocator};
        plim_config *config = NULL;
        plim_error err = {0};
        plim_status status = plim_config_load(&options, &config, &err);
        plim_config_destroy(&config);
        assert_int_equal(fault.live_bytes, 0);
        assert_true(fault.peak_bytes <= 128 << 10); /* as config.h says */
        if (fault.refused == 0)
            break;
        refused++;
        assert_int_equal(status, PLIM_ERR_NO_MEMORY);
        assert_int_equal(err.status, PLIM_ERR_NO_MEMORY);
    }
    assert_int_equal(refused, 2); /* the configuration, and the open file */
}

static void a_file_that_is_named_must_be_there(void **state)
{
    (void)state;
    static const char *const environment[] = {"PLIM_CONFIG=/nowhere/plimsoll.conf", NULL};
    plim_config_options options = {.struct_bytes = sizeof options, .environment = environment};
    plim_config *config = NULL;
    plim_error err = {0};
    assert_int_equal(plim_config_load(&options, &config, &err), PLIM_ERR_NOT_FOUND);
    assert_string_equal(err.where, "/nowhere/plimsoll.conf");
    assert_non_null(strstr(err.hint, "name a plimsoll.conf"));
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void the_users_file_is_farther_than_the_projects(void **state)
{
    (void)state;
    char folder[200], path[256], variable[256];
    assert_true(temporary_path(folder, sizeof folder, "plim-config-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/plimsoll", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/plimsoll/plimsoll.conf", folder);
    put(path, "[memory]\ntotal = 8M\nverify = full\n[domain a]\nlimit = 4M\n");
    char *old = getcwd(NULL, 0);
    assert_non_null(old);
    assert_int_equal(chdir(folder), 0);
    put("plimsoll.conf", "[memory]\ntotal = 16M\nverify = none\n[domain a]\nlimit = 3M\n");
    (void)snprintf(variable, sizeof variable, "XDG_CONFIG_HOME=%s", folder);
    const char *const environment[] = {"HOME=/nowhere", variable, NULL};
    plim_config_options options = {.struct_bytes = sizeof options, .environment = environment};
    plim_config *config = NULL;
    plim_error err = {0};
    plim_status status = plim_config_load(&options, &config, &err);
    (void)unlink("plimsoll.conf");
    (void)unlink(path);
    (void)rmdir("plimsoll");
    assert_int_equal(chdir(old), 0);
    free(old);
    (void)rmdir(folder);
    if (status != PLIM_OK)
        fail_msg("%s", message(&err));
    char wanted[1024];
    (void)snprintf(wanted, sizeof wanted,
                   "memory total = 8 MiB (%s:2)\nmemory verify = none (plimsoll.conf:3)\n"
                   "domain a limit = 3 MiB (plimsoll.conf:5)\n",
                   path);
    assert_string_equal(rows(config), wanted);
    plim_config_destroy(&config);
}

int main(int argc, char **argv)
{
    assert_int_equal(argc, 2);
    EXAMPLE = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_hold_is_refused_with_line_reason_and_remedy),
        cmocka_unit_test(units_are_powers_of_1024_and_shares_are_of_the_whole_above),
        cmocka_unit_test(of_bounds_the_least_holds_and_of_the_rest_the_nearest),
        cmocka_unit_test(a_percentage_and_a_size_bound_together),
        cmocka_unit_test(variables_that_fit_nothing_are_refused),
        cmocka_unit_test(without_a_file_variables_make_domains),
        cmocka_unit_test(parents_come_before_children),
        cmocka_unit_test(what_a_manager_is_told_is_what_was_said),
        cmocka_unit_test(a_byte_order_mark_is_no_harm),
        cmocka_unit_test(the_last_line_needs_no_end),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(what_is_too_long_is_refused_where_it_stands),
        cmocka_unit_test(one_domain_too_many_is_refused),
        cmocka_unit_test(the_example_holds),
        cmocka_unit_test(a_refused_allocation_is_said_and_nothing_is_left),
        cmocka_unit_test(a_file_that_is_named_must_be_there),
        cmocka_unit_test(the_users_file_is_farther_than_the_projects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

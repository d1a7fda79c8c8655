#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tidy. Method: a house in miniature, clean; each case plants one fault in a fresh copy of it and
sees that rule, at that file, and no other, report it."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "/* SPDX-License-Identifier: MIT */\n"
HASH = "# SPDX-License-Identifier: MIT\n"

STATUS_H = SPDX + """/**
 * @file status.h
 * @brief Outcomes.
 */
#ifndef PLIM_STATUS_H
#define PLIM_STATUS_H
#define PLIM_API __attribute__((visibility("default")))
#define PLIM_STATUS_MAP(X) X(ERR_LOST, -1)

/** Outcome of a call. */
typedef enum plim_status { PLIM_OK = 0, PLIM_ERR_LOST = -1 } plim_status;

/**
 * @brief     The text of a status.
 * @param[in] status  any value.
 * @return    a string in static storage.
 * @note      Threads: any.
 */
PLIM_API const char *plim_status_text(plim_status status);
#endif
"""
STATUS_C = SPDX + """#include <plimsoll/status.h>

#include "base/words.h"

static const char *status_word(plim_status status)
{
    return status == PLIM_OK ? "done" : plim__words_other();
}

const char *plim_status_text(plim_status status)
{
    return status_word(status);
}
"""
WORDS_H = SPDX + """#ifndef PLIM_BASE_WORDS_H
#define PLIM_BASE_WORDS_H
/** The text of what has none. */
const char *plim__words_other(void);
#endif
"""
WORDS_C = SPDX + """#include "base/words.h"

const char *plim__words_other(void)
{
    return "other";
}
"""
GRAPH_H = SPDX + """/**
 * @file graph.h
 * @brief Graphs.
 */
#ifndef PLIM_GRAPH_H
#define PLIM_GRAPH_H
#include <plimsoll/status.h>

/**
 * @brief         Counts.
 * @param[in]     names  not NULL.
 * @param[in]     step   called for each.
 * @param[out]    out    not NULL.
 * @retval PLIM_ERR_LOST there is none.
 * @note          Threads: one at a time.
 */
PLIM_API plim_status plim_graph_count(const char *const *names, int (*step)(void *ctx, int done),
                                      unsigned *out);
#endif
"""
GRAPH_C = SPDX + """#include <plimsoll/graph.h>

#include <stddef.h>
#include <zlib.h>

#include "base/words.h"

plim_status plim_graph_count(const char *const *names, int (*step)(void *ctx, int done),
                             unsigned *out)
{
    if (step != NULL && step(NULL, 0) != 0)
        goto out;
    *out = names[0] == NULL ? 0 : 1;
out:
    return plim__words_other() == NULL ? PLIM_ERR_LOST : PLIM_OK;
}
"""
PAGES_C = SPDX + """#include <sys/mman.h>

#include "platform/pages.h"

int plim__pages_size(void)
{
    return PROT_READ;
}
"""
PAGES_H = SPDX + """#ifndef PLIM_PAGES_H
#define PLIM_PAGES_H
/** Bytes of a page. */
int plim__pages_size(void);
#endif
"""
MAIN_C = SPDX + """#include <plimsoll/graph.h>

#include "cli/posix/screen.h"
#include "cli/verbs.h"

int main(void)
{
    unsigned count = (unsigned)plim__screen_is_there();
    return plim_graph_count(PLIM_CLI_VERBS, 0, &count) == PLIM_OK ? 0 : 70;
}
"""
SCREEN_C = SPDX + """#include "cli/posix/screen.h"

#include <unistd.h>

int plim__screen_is_there(void)
{
    return isatty(1);
}
"""
SCREEN_H = SPDX + """#ifndef PLIM_CLI_SCREEN_H
#define PLIM_CLI_SCREEN_H
/** Whether standard output is a terminal. */
int plim__screen_is_there(void);
#endif
"""
VERBS_H = SPDX + """#ifndef PLIM_CLI_VERBS_H
#define PLIM_CLI_VERBS_H
static const char *const PLIM_CLI_VERBS[] = {"leaks", 0};
#endif
"""
TEST_C = SPDX + """#include "platform/pages.h"

int main(void)
{
    return plim__pages_size() == 0;
}
"""
LAYERS = HASH + """[modules.base]
may_use = []
public = ["status.h"]

[modules.platform]
may_use = ["base"]
public = []
os = true

[modules.heap]
may_use = ["base", "platform"]
public = ["graph.h"]

[modules.cli]
may_use = ["base", "platform", "heap"]
public = []
only_public = true
os_folder = "src/cli/posix"

[third_party]
"zlib.h" = ["heap"]

[apart]
"src/heap/v8" = ["src/heap/jsc"]
"""
HOUSE = {
    "include/plimsoll/status.h": STATUS_H,
    "include/plimsoll/graph.h": GRAPH_H,
    "src/meson.build": HASH,
    "src/base/meson.build": HASH + "sources = ['status.c', 'words.c']\n",
    "src/base/status.c": STATUS_C,
    "src/base/words.c": WORDS_C,
    "src/base/words.h": WORDS_H,
    "src/platform/meson.build": HASH + "sources = ['linux/pages.c']\n",
    "src/platform/linux/pages.c": PAGES_C,
    "src/platform/pages.h": PAGES_H,
    "src/heap/meson.build": HASH + "sources = ['graph.c']\n",
    "src/heap/graph.c": GRAPH_C,
    "src/cli/meson.build": HASH + "sources = ['main.c', 'posix/screen.c']\n",
    "src/cli/posix/screen.c": SCREEN_C,
    "src/cli/posix/screen.h": SCREEN_H,
    "src/cli/main.c": MAIN_C,
    "src/cli/verbs.h": VERBS_H,
    "tests/base/meson.build": HASH + "foreach n : ['pages']\n  'test_' + n + '.c'\nendforeach\n",
    "tests/base/test_pages.c": TEST_C,
    "tools/layers.toml": LAYERS,
    "ARCHITECTURE.md": "src/base src/platform src/heap src/cli\n",
    "Makefile": HASH,
}


def long_function(lines):
    return "\nvoid plim__words_long(void);\nvoid plim__words_long(void)\n{\n" + \
        "    (void)0;\n" * lines + "}\n"


# What is planted: rule, file where it is reported, then either (file, old, new) replacements or
# (file, None, text) additions at the end.
FAULTS = {
    "a module may not include one above it":
        ("layers", "src/base/words.c", ("src/base/words.c", None, '#include <plimsoll/graph.h>\n')),
    "nor its private header":
        ("layers", "src/base/words.c", ("src/base/words.c", None, '#include "platform/pages.h"\n')),
    "a public header obeys the same order":
        ("layers", "include/plimsoll/status.h",
         ("include/plimsoll/status.h", "#define PLIM_API", "#include <plimsoll/graph.h>\n"
          "#define PLIM_API"), "headers"),
    "a public header includes no private one":
        ("layers", "include/plimsoll/graph.h",
         ("include/plimsoll/graph.h", "#include <plimsoll/status.h>",
          '#include <plimsoll/status.h>\n#include "base/words.h"')),
    "a system header stays in platform":
        ("layers", "src/heap/graph.c", ("src/heap/graph.c", None, "#include <unistd.h>\n")),
    "a system header of the command stays in its folder":
        ("layers", "src/cli/main.c", ("src/cli/main.c", None, "#include <unistd.h>\n")),
    "and not in a header there":
        ("layers", "src/cli/posix/screen.h",
         ("src/cli/posix/screen.h", "/** Whether", "#include <unistd.h>\n/** Whether")),
    "a header that a device may not have":
        ("layers", "src/heap/graph.c", ("src/heap/graph.c", None, "#include <stdlib.h>\n"),
         ("tools/layers.toml", 'public = ["graph.h"]',
          'public = ["graph.h"]\nfreestanding = true')),
    "a function that a device may not have":
        ("banned", "src/heap/graph.c",
         ("src/heap/graph.c", None, "#define LENGTH(x) strlen(x)\n"),
         ("tools/layers.toml", 'public = ["graph.h"]',
          'public = ["graph.h"]\nfreestanding = true')),
    "a third-party header is for whom the table says":
        ("layers", "src/base/words.c", ("src/base/words.c", None, "#include <zlib.h>\n")),
    "the command uses installed headers only":
        ("layers", "src/cli/main.c", ("src/cli/main.c", None, '#include "base/words.h"\n')),
    "an include that leads nowhere":
        ("layers", "src/cli/main.c", ("src/cli/main.c", None, '#include "words.h"\n')),
    "a folder that is no module":
        ("layers", "tools/layers.toml", ("src/extra/meson.build", None, HASH)),
    "a module without a folder":
        ("layers", "tools/layers.toml",
         ("tools/layers.toml", "[third_party]", "[modules.tui]\nmay_use = []\npublic = []\n"
          "[third_party]"), "rooms"),
    "a table with a circle":
        ("layers", "tools/layers.toml",
         ("tools/layers.toml", "[modules.base]\nmay_use = []",
          "[modules.base]\nmay_use = [\"heap\"]")),
    "a public header that belongs to nobody":
        ("layers", "tools/layers.toml",
         ("tools/layers.toml", 'public = ["graph.h"]', "public = []"), "exports"),
    "two files of a module that need each other":
        ("circles", "src/base/status.c",
         ("src/base/words.c", "\"other\"", "plim_status_text(PLIM_OK)"),
         ("src/base/words.c", "#include", "#include <plimsoll/status.h>\n\n#include")),
    "a circle on the list that is none any more":
        ("circles", "tools/layers.toml",
         ("tools/layers.toml", None,
          '[circles]\nknown = [["src/base/status.c", "src/base/words.c"]]\n')),
    "a header that does not stand alone":
        ("headers", "src/base/words.h",
         ("src/base/words.h", "const char *plim__words_other(void);",
          "const char *plim__words_other(void);\nextern uint32_t plim__words_seen;")),
    "a public header that is not C++":
        ("headers", "include/plimsoll/graph.h",
         ("include/plimsoll/graph.h", "\n/**\n * @brief         Counts",
          "\n#define PLIM_X 1\nextern int new;\n/**\n * @brief         Counts")),
    "a call that has a better one":
        ("banned", "src/base/words.c",
         ("src/base/words.c", None, "char *plim__words_copy(char *a, const char *b);\n"
          "#define COPY(a, b) strcpy(a, b)\n")),
    "memory past the seam":
        ("banned", "src/cli/main.c",
         ("src/cli/main.c", None, "#include <stdlib.h>\n#define TAKE(n) malloc(n)\n")),
    "a library that prints":
        ("banned", "src/heap/graph.c",
         ("src/heap/graph.c", None, "#include <stdio.h>\n#define SAY(x) puts(x)\n")),
    "a sentence with a conversion that is not to be had":
        ("formats", "src/heap/graph.c",
         ("src/heap/graph.c", None, '#define SAY(e, x) plim_error_hint(e, "%s: %.1f", "(", x)\n')),
    "a file of more than 1500 lines":
        ("size", "src/base/words.c", ("src/base/words.c", None, "\n" * 1500)),
    "a header of more than 300 lines of code":
        ("size", "src/base/words.h",
         ("src/base/words.h", "/** The", "#define PLIM_W 1\n" * 301 + "/** The")),
    "a function of more than 70 lines":
        ("long-function", "src/base/words.c",
         ("src/base/words.c", None, long_function(70)), "orphans"),
    "a line of more than 100 columns":
        ("columns", "src/base/words.c", ("src/base/words.c", None, "/* " + "x" * 100 + " */\n")),
    "a goto to anything but out":
        ("goto", "src/heap/graph.c", ("src/heap/graph.c", "out", "done")),
    "a function that calls itself":
        ("recursion", "src/base/status.c",
         ("src/base/status.c", "plim__words_other()", "status_word(PLIM_OK)"), "orphans"),
    "a file without its licence":
        ("spdx", "src/base/words.c", ("src/base/words.c", SPDX, "\n")),
    "what is left to do":
        ("unfinished", "src/base/words.c", ("src/base/words.c", None, "/* TO" "DO: more */\n")),
    "a path of one machine":
        ("places", "Makefile", ("Makefile", None, "# see /ho" "me/someone/x\n")),
    "the host of a package":
        ("places", "Makefile", ("Makefile", None, "# from reg" "istry.example.org\n")),
    "a symbol without its comment":
        ("docs", "include/plimsoll/status.h",
         ("include/plimsoll/status.h", " */\nPLIM_API const", " */\n\nextern int plim_x;\n"
          "PLIM_API const")),
    "no @brief": ("docs", "include/plimsoll/graph.h",
                  ("include/plimsoll/graph.h", "@brief         Counts", "Counts")),
    "a parameter nobody explains":
        ("docs", "include/plimsoll/graph.h",
         ("include/plimsoll/graph.h", " * @param[in]     step   called for each.\n", "")),
    "a parameter that is gone":
        ("docs", "include/plimsoll/graph.h",
         ("include/plimsoll/graph.h", "@retval", "@param[in] old  gone.\n * @retval")),
    "no @retval": ("docs", "include/plimsoll/graph.h",
                   ("include/plimsoll/graph.h", "@retval PLIM_ERR_LOST there", "There")),
    "no @return": ("docs", "include/plimsoll/status.h",
                   ("include/plimsoll/status.h", "@return", "Gives")),
    "no word on threads":
        ("docs", "include/plimsoll/graph.h",
         ("include/plimsoll/graph.h", "@note          Threads: one", "One")),
    "a type without its comment":
        ("docs", "include/plimsoll/status.h",
         ("include/plimsoll/status.h", "/** Outcome of a call. */\n", "")),
    "a status that is not in the table":
        ("docs", "include/plimsoll/graph.h",
         ("include/plimsoll/graph.h", "PLIM_ERR_LOST there", "PLIM_ERR_LOOST there")),
    "a public name that is not exported":
        ("exports", "src/base/words.c",
         ("src/base/words.c", None, "int plim_words_count(void)\n{\n    return 0;\n}\n")),
    "an installed function without PLIM_API":
        ("exports", "include/plimsoll/status.h",
         ("include/plimsoll/status.h", "PLIM_API const", "const"), "exports"),
    "a private name that is exported":
        ("exports", "include/plimsoll/status.h",
         ("include/plimsoll/status.h", "plim_status_text", "plim__status_text"),
         "exports", "undefined"),
    "a private name that is exported, and called in a declaration alone":
        ("exports", "include/plimsoll/status.h",
         ("include/plimsoll/status.h", "plim_status_text(plim_status status);",
          "plim__status_text(plim_status status);\n"),
         "exports", "undefined"),
    "a function defined in another module than its header's":
        ("exports", "include/plimsoll/graph.h", ("src/heap/graph.c", "plim_graph_count", "plim__y"),
         ("src/base/words.c", None, "int plim_graph_count(void)\n{\n    return 0;\n}\n"),
         "orphans"),
    "a function that is declared and not there":
        ("undefined", "include/plimsoll/graph.h",
         ("src/heap/graph.c", "plim_graph_count", "plim__graph_count"), "orphans"),
    "two statics of one name":
        ("unique", "src/heap/graph.c",
         ("src/heap/graph.c", None, "static void status_word(void)\n{\n}\n")),
    "a file outside the build":
        ("orphans", "src/base/words.c", ("src/base/meson.build", ", 'words.c'", "")),
    "a test outside the build":
        ("orphans", "tests/base/test_pages.c", ("tests/base/meson.build", "'pages'", "'other'")),
    "a header nobody includes":
        ("orphans", "src/base/lost.h", ("src/base/lost.h", None, SPDX)),
    "a private function nobody calls":
        ("orphans", "src/base/words.c",
         ("src/base/words.c", None, "int plim__words_x(void)\n{\n    return 0;\n}\n")),
    "a module that no page names":
        ("rooms", "ARCHITECTURE.md", ("ARCHITECTURE.md", "src/heap ", "")),
    "an exception that is not needed":
        ("allow", "src/base/words.c",
         ("src/base/words.c", None, "/* plim-tidy: allow banned: we like it */\n")),
    "an exception without a reason":
        ("allow", "src/base/words.c",
         ("src/base/words.c", None, "/* plim-tidy: allow columns: */ /* " + "x" * 100 + " */\n")),
}


class House(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for path, text in HOUSE.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def plant(self, path, old, new):
        if old is None:
            file = self.folder / path
            self.write(path, (file.read_text(encoding="utf-8") if file.exists() else "") + new)
            return
        text = (self.folder / path).read_text(encoding="utf-8")
        self.assertIn(old, text, f"the plant does not fit {path}")
        self.write(path, text.replace(old, new))

    def tidy(self):
        run = subprocess.run([sys.executable, ROOT / "tools/tidy.py", "--root", self.folder],
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.stderr, "")
        lines = run.stdout.splitlines()
        self.assertRegex(lines[-1], r"^tidy: \d+ files, \d+ faults$")
        self.assertEqual(run.returncode, 1 if lines[:-1] else 0)
        return lines[:-1]


class Tidy(House):
    def test_a_clean_house_has_no_fault(self):
        self.assertEqual(self.tidy(), [])

    def test_each_planted_fault_is_found_by_its_rule_and_no_other(self):
        for name, (rule, path, *plants) in FAULTS.items():
            with self.subTest(name):
                House.setUp(self)
                for plant in plants:
                    if isinstance(plant, tuple):
                        self.plant(*plant)
                # Words after the plants: rules for which the same fault is one as well.
                also = {word for word in plants if isinstance(word, str)}
                lines = self.tidy()
                self.assertTrue(any(line.startswith(path + ":") and f": {rule}: " in line
                                    for line in lines), f"not found; reported: {lines}")
                for line in lines:
                    self.assertIn(line.split(": ")[1], {rule} | also, line)

    def test_a_fault_with_its_reason_written_above_passes(self):
        self.plant("src/base/words.c", None,
                   "/* plim-tidy: allow banned: the size was checked by the caller */\n"
                   "#define COPY(a, b) strcpy(a, b)\n")
        self.assertEqual(self.tidy(), [])

    def test_a_fault_with_its_reason_two_lines_above_does_not(self):
        self.plant("src/base/words.c", None,
                   "/* plim-tidy: allow banned: the size was checked by the caller */\n\n"
                   "#define COPY(a, b) strcpy(a, b)\n")
        self.assertEqual(len(self.tidy()), 2)  # the call, and the exception nothing needs

    def test_words_in_comments_and_strings_are_no_calls(self):
        self.plant("src/base/words.c", '"other"', '"strcpy(a, b)" /* malloc(1) */')
        self.assertEqual(self.tidy(), [])

    def test_conversions_that_the_text_builder_has_pass(self):
        self.plant("src/base/words.c", None, '#define SAY(e) plim_error_set(e, 1, "%-8s %.*s %*d '
                   '%03u%%" "%" PRIu64 " %" PRIx32, PRId64)\n')
        self.assertEqual(self.tidy(), [])

    def test_a_name_that_the_rows_of_a_table_make_is_used(self):
        self.plant("src/base/words.c", None, "int plim__words_of_tea(void)\n{\n    return 0;\n}\n")
        self.assertEqual(len(self.tidy()), 1)
        self.write("src/base/drinks.def", SPDX + "DRINK(tea)\n")
        self.plant("src/base/status.c", None,
                   "#define DRINK(name) int plim__words_of_##name(void);\n")
        self.assertEqual(self.tidy(), [])

    def test_a_private_name_that_an_installed_macro_calls_may_be_exported(self):
        self.plant("include/plimsoll/status.h", "PLIM_API const char *plim_status_text(plim",
                   "PLIM_API const char *plim__status_text(plim")
        self.plant("src/base/status.c", "plim_status_text", "plim__status_text")
        self.assertIn("exports", "".join(self.tidy()))
        self.plant("include/plimsoll/status.h", "#endif\n",
                   "#define plim_status_text(status) plim__status_text(status)\n#endif\n")
        self.assertEqual(self.tidy(), [])

    def test_folders_set_apart_may_not_meet(self):
        self.write("src/heap/jsc/read.h", SPDX)
        self.write("src/heap/v8/read.c", SPDX + '#include "heap/jsc/read.h"\n')
        self.plant("src/heap/meson.build", "'graph.c'", "'graph.c', 'v8/read.c'")
        lines = self.tidy()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("src/heap/v8/read.c:2: layers: src/heap/v8 must not know", lines[0])


if __name__ == "__main__":
    unittest.main()

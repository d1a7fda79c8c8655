#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim repl as scripts use it: commands and words, JSON, programs of several files, losses."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

PLIM = os.path.abspath(sys.argv.pop(1))

LIST_H = """#ifndef LIST_H
#define LIST_H
struct item { int count; struct item *next; };
int total(const struct item *from);
#endif
"""
LIST_C = """#include "list.h"
int total(const struct item *from)
{
    int sum = 0;
    for (; from; from = from->next)
        sum += from->count;
    return sum;
}
"""
MAIN_C = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "list.h"
static struct item *all;
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct item *made = malloc(sizeof *made);
        *made = (struct item){(int)strlen(argv[i]), all};
        all = made;
        argv[i][0] = '*';
    }
    printf("%s %d\\n", argc > 1 ? argv[1] : "-", total(all));
    return argc;
}
"""


class Script(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        os.makedirs(os.path.dirname(os.path.join(self.folder, name)), exist_ok=True)
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_it(self, script, *words):
        return subprocess.run([PLIM, "repl", "--color=never", *words], input=script, text=True,
                              capture_output=True, cwd=self.folder, timeout=120, check=False)

    def test_files_of_a_program_find_each_other_and_run_calls_main(self):
        self.write("src/list.h", LIST_H)
        self.write("src/list.c", LIST_C)
        self.write("src/main.c", MAIN_C)
        done = self.run_it(":run\n:run abc 'd e'\nall->count\nall->next->count\n",
                           "src/list.c", "src/main.c")
        self.assertEqual(done.stdout, "- 0\nOut[3]: (int) 1\n*bc 6\nOut[4]: (int) 3\n"
                                      "Out[5]: (int) 3\nOut[6]: (int) 3\n", done.stderr)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        self.write("local.h", "enum { LOCAL = 7 };\n")
        self.assertEqual(self.run_it('#include "local.h"\nLOCAL\n').stdout, "Out[2]: (int) 7\n")
        done = self.run_it("int main(void) { return 5; }\n:run ignored\n")
        self.assertEqual(done.stdout, "Out[2]: (int) 5\n")
        done = self.run_it(":run\n")
        self.assertIn("there is none", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_type_leaves_nothing_that_undo_would_find(self):
        done = self.run_it("int a = 1;\na = 2;\n:type &a\n:undo\na\n")
        self.assertIn("int *  (8 bytes)\n1 entry taken back, the last is In[1] now\n"
                      "Out[4]: (int) 1\n", done.stdout)

    def test_a_wrong_command_says_what_is_right_and_counts_as_failed(self):
        for line, words in ((":undo 0", "1 and up"), (":undo x", "1 and up"), (":fly", ":fly"),
                            (":heap x", "takes nothing"), (":budget 5 6 7", "takes a size"),
                            (":type", "takes an expression"), (":load", "takes a file"),
                            (":load /nowhere", "No such file"), (":save", "takes a file"),
                            (":link", "takes a library"), (":serve x", "takes a port"),
                            (":help fly", "no command :fly")):
            done = self.run_it(line + "\n")
            self.assertIn(words, done.stderr, line)
            self.assertEqual((done.stdout, done.returncode), ("", 1), line)
        done = self.run_it("int a;\n:snap x\n:snap x\n:load x\n")
        self.assertIn("x is there already\n  try: :snap and another name\n", done.stderr)
        self.assertIn("try: start plim repl again", done.stderr)
        done = self.run_it(":help undo\n:help :budget\n")
        self.assertIn(":undo [N]", done.stdout)
        self.assertIn(":budget time 5s", done.stdout)

    def test_with_json_each_line_is_an_object(self):
        script = ("#include <stdlib.h>\nstruct node { int v; struct node *next; } *head;\n"
                  "head = malloc(sizeof *head);\n{ malloc(99); }\n"
                  ":heap\n:leaks\n:type *head\n:budget\n:vars head\n:undo\n:snap s\n:save t\n"
                  ":help\n:time\n:link m\nhead->v = 3\n")
        done = self.run_it(script, "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line["schema"] for line in lines],
                         ["plim.repl/1"] * 4 + ["plim.repl." + verb + "/1" for verb in (
                             "heap", "leaks", "type", "budget", "vars", "undo", "snap", "save",
                             "help", "link")] + ["plim.repl/1"])
        heap, leaks, kind = lines[4:7]
        self.assertEqual((heap["blocks"], heap["typed_blocks"], heap["unreachable_blocks"]),
                         (2, 1, 1))
        self.assertIn({"type": "struct node", "count": 1, "bytes": 16}, heap["types"])
        self.assertEqual([block["bytes"] >= 99 for block in leaks["blocks"]], [True])
        self.assertEqual((kind["type"], kind["bytes"]), ("struct node", 16))
        self.assertEqual(lines[-1]["value"], "3")

    def test_what_is_lost_has_the_names_of_the_user(self):
        script = ("#include <stdio.h>\n#include <unistd.h>\n"
                  'FILE *log_file = fopen("kept.log", "w");\nint both[2];\npipe(both);\n'
                  "int copy = dup(2);\n*(volatile int *)8 = 1;\n")
        done = self.run_it(script)
        self.assertRegex(done.stderr, r"lost with the worker: descriptor \d+ \(\S+/kept\.log\), "
                                      r"the stream of log_file\n")
        for i in range(2):
            self.assertRegex(done.stderr,
                             rf"descriptor \d+ \(pipe:\S+\), whose number is in both\[{i}\]\n")
        self.assertRegex(done.stderr, r"descriptor \d+ \(\S+\), whose number is in copy\n")
        done = self.run_it("struct s { int i; } s;\ns = (struct s){4};\ns.i\n")
        self.assertEqual((done.stdout, done.stderr), ("Out[3]: (int) 4\n", ""))
        done = self.run_it("int *p;\n{ p = (int[]){4}; }\n")
        self.assertIn("a pointer to it dangles", done.stderr)


if __name__ == "__main__":
    unittest.main()

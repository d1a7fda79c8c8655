#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim repl on a real terminal (tmux): a session is typed, crashed in every way, and looked at.

With --record FILE what the screen showed at the end is drawn there: the picture of the README.
"""

import os
import pathlib
import re
import shlex
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tmux import Terminal  # noqa: E402  pylint: disable=wrong-import-position

PLIM = os.path.abspath(sys.argv.pop(1))
RECORD = None
if "--record" in sys.argv:
    at = sys.argv.index("--record")
    RECORD = os.path.abspath(sys.argv[at + 1])
    del sys.argv[at:at + 2]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Screen(Terminal):
    """A terminal of its own with plim repl in it; what has left it at the top counts, too."""

    def __init__(self, folder, *words, columns=100, lines=50, colour="never"):
        command = shlex.join([PLIM, "repl", f"--color={colour}", *words])
        super().__init__(folder, command, columns, lines,
                         ("-u", "XDG_STATE_HOME", "TERM=screen-256color", "LANG=C.UTF-8",
                          f"HOME={folder}"))

    def text(self, *words):
        return super().text("-S", "-500", *words)

    def until(self, pattern, *words):
        self.until_matches(pattern, *words)

    def prompt(self, number):
        self.until(rf"^In\[{number}\]> *$\s*\Z")


class Sessions(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def screen(self, *words, **more):
        made = Screen(self.folder, *words, **more)
        self.addCleanup(made.close)
        made.prompt(1)
        return made

    def enter(self, screen, text, number, *patterns):
        """Types an entry; afterwards In[number] is asked for, and the patterns stand there."""
        screen.type(text)
        screen.prompt(number)
        for pattern in patterns:
            self.assertRegex(screen.text(), pattern)

    def test_a_session_survives_every_crash(self):
        screen = self.screen("--deadline", "2s", "--budget", "64M")
        self.enter(screen, "#include <stdlib.h>", 2)
        self.enter(screen, "struct node { int v; struct node *next; };", 3)
        self.enter(screen, "struct node *head = 0;", 4)
        self.enter(screen, "for (int i = 1; i < 4; i++) { struct node *n = malloc(sizeof *n); "
                           "n->v = i; n->next = head; head = n; }", 5)
        self.enter(screen, "head", 6, r"Out\[5\]: \(struct node \*\) 0x3\w+ → \{\.v = 3, "
                                      r"\.next = 0x3\w+\}")
        address = re.search(r"Out\[5\]: \(struct node \*\) (0x\w+)", screen.text())[1]
        self.enter(screen, "int sum(struct node *n) { int s = 0; while (1) { s += n->v; "
                           "n = n->next; } return s; }", 7)
        crashes = [
            ("sum(head)", r"(?i)null pointer[^\n]*\n  #0 sum at In\[6\]:1:\d+\n     int sum"),
            ("head = 0; abort();", r"(?i)abort"),
            ("head = 0; for (;;) head++;", r"(?i)2(\.0)? ?s|longer|deadline"),
            ("head = 0; exit(3);", r"exit\(3\)"),
            ("int deep(int n) { return n == -1 ? 0 : deep(n + 1) + 1; }", None),
            ("head = 0; deep(0);", r"(?i)stack"),
            ("head = 0; volatile int zero = 0; zero = 1 / zero;", r"(?i)divi"),
            ("head = 0; for (;;) *(char *)malloc(1 << 20) = 1;", r"(?i)memory|budget"),
        ]
        number = 7
        for text, pattern in crashes:
            number += 1
            self.enter(screen, text, number)
            if pattern is not None:
                self.assertRegex(screen.text(), pattern)
        self.enter(screen, "head", number + 1,
                   rf"Out\[{number}\]: \(struct node \*\) {address} → \{{\.v = 3")
        self.enter(screen, "head->next->next->v", number + 2, rf"Out\[{number + 1}\]: \(int\) 1")
        screen.type(":heap")
        screen.until(r"3 +struct node")
        screen.type("{ struct node *lost = malloc(sizeof *lost); lost->v = 1; }")
        screen.prompt(number + 3)
        screen.type(":leaks")
        screen.until(r"nothing leads to .* in 1 block:")
        screen.type(":undo")
        screen.until(r"1 entry taken back")
        screen.type(":leaks")
        screen.until(r"no leaks")
        screen.keys("C-d")
        screen.until(r"the session is over: .*\nended with 0")

    def test_lines_are_edited_completed_remembered_and_searched(self):
        screen = self.screen(colour="always")
        self.enter(screen, "int counter_one = 41;", 2)
        screen.type("counter_o", enter=False)
        screen.keys("Tab")
        screen.until(r"counter_one *$")
        screen.type(" + 1")
        screen.until(r"\(int\) 42")
        screen.prompt(3)
        screen.type("struct pair { int left, right; } p = {1, 2};")
        screen.prompt(4)
        screen.type("p.ri", enter=False)
        screen.keys("Tab")
        screen.until(r"p\.right *$")
        screen.keys("Enter")
        screen.until(r"\(int\) 2")
        screen.prompt(5)
        screen.type("int twice(int n)")
        screen.until(r"^ *\.\.\.> *$")
        screen.type("{")
        screen.type("return 2 * n; }")
        screen.prompt(6)
        screen.keys("Up")
        screen.until(r"int twice\(int n\)\n.*\{\n.*return 2 \* n; \}")
        screen.keys("C-c")
        screen.prompt(6)
        screen.keys("C-r")
        screen.type("counter_one +", enter=False)
        screen.until(r"counter_one \+ 1")
        screen.keys("Enter")
        screen.until(r"Out\[6\]: \(int\) 42")
        screen.type('"text" // said', enter=False)
        screen.until("\x1b\\[32m\"text\"", "-e")
        screen.keys("C-c")
        screen.type(":quit")
        screen.until("ended with 0")
        path = os.path.join(self.folder, ".local/state/plimsoll/repl_history")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            self.assertIn("counter_one", file.read())

    def test_control_c_stops_an_entry_and_output_ends_its_line(self):
        screen = self.screen()
        self.enter(screen, "#include <stdio.h>", 2)
        self.enter(screen, "int n = 1;", 3)
        screen.type("n = 2; for (;;) ;")
        time.sleep(1.5)
        screen.keys("C-c")
        screen.until(r"(?i)interrupt|stopped")
        screen.prompt(4)
        self.enter(screen, "n", 5, r"Out\[4\]: \(int\) 1")
        self.enter(screen, 'puts("whole"); printf("half");', 6, r"whole\nhalf")

    def test_the_picture_of_the_readme(self):
        screen = self.screen("--deadline", "2s", columns=92, lines=44, colour="always")
        typed = ["#include <stdlib.h>",
                 "struct node { int v; struct node *next; } *head;",
                 "for (int i = 1; i < 4; i++) { struct node *n = malloc(sizeof *n); "
                 "*n = (struct node){i, head}; head = n; }",
                 "*head",
                 "int sum(struct node *n) { int s = 0; for (;;) { s += n->v; n = n->next; } }",
                 "sum(head)",
                 "int sum(struct node *n) { int s = 0; for (; n; n = n->next) s += n->v; "
                 "return s; }",
                 "sum(head)",
                 "for (;;) head->v++;",
                 "head->v"]
        for number, text in enumerate(typed, 1):
            screen.type(text, enter=False)
            screen.until(re.escape(text[-8:]))
            time.sleep(0.15)
            screen.keys("Enter")
            screen.prompt(number + 1)
        for text, pattern in ((":heap", r"3 +struct node"), (":type *head", r"4 bytes unused")):
            screen.type(text)
            screen.until(pattern)
        shown = screen.text("-e")
        plain = screen.text()
        self.assertRegex(plain, r"Out\[8\]: \(int\) 6")
        self.assertRegex(plain, r"Out\[10\]: \(int\) 3")
        self.assertRegex(shown, "\x1b\\[1mint")
        if RECORD is not None:
            draw(shown, RECORD)


def draw(shown, path):
    """An SVG of the screen, by the tool that made the other picture."""
    lines = shown.rstrip("\n").split("\n")
    picture = subprocess.run([sys.executable, os.path.join(ROOT, "tools/picture.py"),
                              "plim repl --deadline 2s"],
                             input="\n".join(lines), capture_output=True, text=True, check=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture.stdout)


if __name__ == "__main__":
    unittest.main()

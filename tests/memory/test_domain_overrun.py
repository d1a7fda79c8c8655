#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A domain's blocks stand side by side in pages of the manager's: AddressSanitizer in the program
sees nothing wrong in a write from one into the next. With the backing `emulated` it does, with the
same library and the same budgets. Both are seen, so that it is known to be needed and to work:
    test_domain_overrun.py PROGRAM_SOURCE COMPILER LIBRARY…"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM, COMPILER, *LIBRARIES = sys.argv[1:]
del sys.argv[1:]


class Overrun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = os.path.join(cls.folder.name, "program")
        # -O2: with what memory.h compiles into programs.
        subprocess.run([COMPILER, "-std=c17", "-O2", "-g", "-fsanitize=address,undefined",
                        f"-I{ROOT}/include", PROGRAM, *LIBRARIES, "-pthread", "-o", cls.program],
                       check=True)

    def run_it(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True,
                              check=False, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"})

    def test_what_is_right_is_no_report(self):
        for backing in ("map", "emulated"):
            for more in ((), ("aligned",)):
                done = self.run_it(backing, "none", *more)
                self.assertEqual((done.returncode, done.stderr), (0, ""), (backing, more))

    def test_pages_hide_both_faults(self):
        for fault in ("behind", "after"):
            self.assertEqual(self.run_it("map", fault).returncode, 0, fault)

    def test_the_twin_shows_both_whatever_else_is_asked_for(self):
        for more in ((), ("aligned",)):
            behind = self.run_it("emulated", "behind", *more)
            self.assertNotEqual(behind.returncode, 0)
            self.assertIn("heap-buffer-overflow", behind.stderr)
            self.assertIn("domain_overrun.c", behind.stderr)
            after = self.run_it("emulated", "after", *more)
            self.assertNotEqual(after.returncode, 0)
            self.assertIn("heap-use-after-free", after.stderr)


if __name__ == "__main__":
    unittest.main()

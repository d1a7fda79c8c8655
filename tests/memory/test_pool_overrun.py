#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A pool hides overruns from AddressSanitizer; its emulated twin does not. Both are seen, so that
the twin is known to be needed and to work. Built here with the sanitizer, whatever the build has:
    test_pool_overrun.py PROGRAM_SOURCE COMPILER"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM, COMPILER = pathlib.Path(sys.argv.pop(1)).resolve(), sys.argv.pop(1)
SOURCES = [PROGRAM, *sorted((ROOT / "src/memory/pools").glob("pool*.c")),
           *(ROOT / "src/base" / f"{name}.c" for name in ("assert", "error", "status", "text")),
           ROOT / "src/platform/allocator.c", ROOT / "src/platform/linux/pages.c"]


class Overrun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.build("plain")
        cls.build("twin", "-DPLIM_POOL_EMULATED_BUILD")

    @classmethod
    def build(cls, name, *flags):
        subprocess.run([COMPILER, "-std=c17", "-O1", "-g", "-fsanitize=address",
                        *flags, f"-I{ROOT}/include", f"-I{ROOT}/src", *map(str, SOURCES),
                        "-o", os.path.join(cls.folder.name, name)], check=True)

    def run_it(self, name, *arguments):
        return subprocess.run([os.path.join(self.folder.name, name), *arguments],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"})

    def test_what_is_right_is_no_report(self):
        for name in ("plain", "twin"):
            for policy in ("fixed", "emulated"):
                done = self.run_it(name, policy, "none")
                self.assertEqual((done.returncode, done.stderr), (0, ""), (name, policy))

    def test_the_fixed_pool_hides_both_faults(self):
        for fault in ("behind", "after"):
            self.assertEqual(self.run_it("plain", "fixed", fault).returncode, 0, fault)

    def test_the_twin_shows_both_by_option_and_by_build(self):
        for name, policy in (("plain", "emulated"), ("twin", "fixed")):
            behind = self.run_it(name, policy, "behind")
            self.assertNotEqual(behind.returncode, 0)
            self.assertIn("heap-buffer-overflow", behind.stderr)
            self.assertIn("pool_overrun.c", behind.stderr)
            after = self.run_it(name, policy, "after")
            self.assertNotEqual(after.returncode, 0)
            self.assertIn("heap-use-after-free", after.stderr)


if __name__ == "__main__":
    unittest.main()

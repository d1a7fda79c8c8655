#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual's pages of section 3. Method: every example is compiled, as C17 and as C++17, with
warnings as errors; every name of ours that a page speaks of is in the headers; mandoc reads it.

    test_pages.py FOLDER_WITH_THE_BUILT_PAGES
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "docs/man/3").glob("*.scd"))
BUILT = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else None
COMPILERS = ((os.environ.get("CC", "cc"), "c", "c17"), (os.environ.get("CXX", "c++"), "c++",
                                                        "c++17"))


def examples(text):
    return re.findall(r"^```\n(.*?)^```", text, re.M | re.S)


class Pages(unittest.TestCase):
    def test_every_example_compiles_in_both_languages(self):
        count = 0
        for source in SOURCES:
            for example in examples(source.read_text(encoding="utf-8")):
                for compiler, language, standard in COMPILERS:
                    with self.subTest((source.name, language, example[:80])):
                        done = subprocess.run(
                            [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra",
                             "-Werror", "-pedantic", "-Wno-missing-field-initializers",
                             "-fsyntax-only", "-I", ROOT / "include", "-"],
                            input=example, capture_output=True, text=True, check=False)
                        self.assertEqual(done.returncode, 0, done.stderr)
                        count += 1
        self.assertGreaterEqual(count, 14)

    def test_every_name_is_in_the_headers(self):
        headers = "".join(path.read_text(encoding="utf-8")
                          for path in (ROOT / "include/plimsoll").glob("*.h"))
        known = set(re.findall(r"\b(?:plim|PLIM)_\w+", headers))
        for source in SOURCES:
            text = source.read_text(encoding="utf-8").replace("\\_", "_")
            names = set(re.findall(r"\b(?:plim|PLIM)_[A-Za-z0-9_]*[A-Za-z0-9]", text))
            self.assertEqual(names - known, set(), source.name)

    def test_examples_come_first_and_mandoc_reads_the_page(self):
        for source in SOURCES:
            with self.subTest(source.name):
                heads = re.findall(r"^# (.*)", source.read_text(encoding="utf-8"), re.M)
                self.assertLess(heads.index("EXAMPLES"), heads.index("DESCRIPTION"))
                done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                                       BUILT / source.with_suffix(".3").name],
                                      capture_output=True, text=True, check=False)
                faults = [line for line in done.stdout.splitlines()
                          if "skipping paragraph macro" not in line]  # scdoc's habit
                self.assertEqual(faults, [])

    def test_a_page_says_libplimsoll_how_to_link(self):
        text = (ROOT / "docs/man/3/libplimsoll.scd").read_text(encoding="utf-8")
        self.assertIn("pkg-config --cflags --libs plimsoll", text)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/internals/requirements.md: each requirement has a test, which is there and is run. Method:
the table is checked, then spoilt in each way that must be seen."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs/internals/requirements.md"
WANTED = {**{f"FR{n}": 1 for n in range(1, 9)}, **{f"NFR{n}": 1 for n in range(1, 6)},
          "API": 6, "LATER": 4}  # calls of the interfaces; what was left for later


def rows(text):
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
             if line.startswith("| ") and not line.startswith("| id ")]
    return [row for row in cells if len(row) == 4]


def is_run(path, name):
    """Whether a file has a test of that name, in the way of its language, and the build runs it."""
    file = ROOT / path
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    how = {".c": rf"(cmocka_unit_test\w*|CASE)\({re.escape(name)}\b",
           ".py": rf"def {re.escape(name)}\(self\)",
           ".mjs": rf"test\('{re.escape(name)}'"}[file.suffix]
    lists = (file.parent / "meson.build").read_text(encoding="utf-8")
    words = (file.name, f"{file.stem}'", f"'{file.stem.removeprefix('test_')}'")
    return re.search(how, text) is not None and any(word in lists for word in words)


def faults(text):
    seen = rows(text)
    counted = [row[0] for row in seen]
    wrong = [f"{wanted}: {counted.count(wanted)} rows" for wanted, least in WANTED.items()
             if counted.count(wanted) < least]
    wrong += [f"{row[0]}: nobody asked for that" for row in seen if row[0] not in WANTED]
    return wrong + [f"{row[0]}: {row[3]} is not run in {row[2]}" for row in seen
                    if not is_run(row[2], row[3])]


class Requirements(unittest.TestCase):
    def test_each_has_a_test_that_is_run(self):
        self.assertEqual(faults(TABLE.read_text(encoding="utf-8")), [])

    def test_what_is_missing_is_seen(self):
        text = TABLE.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.startswith(("| FR", "| NFR"))]
        alone = [line for line in lines
                 if sum(other.split("|")[1] == line.split("|")[1] for other in lines) == 1]
        self.assertGreater(len(alone), 9)
        for line in alone:
            self.assertEqual(len(faults(text.replace(line, ""))), 1)
        for row in rows(text):
            with self.subTest(row[3]):
                self.assertNotEqual(faults(text.replace(row[3], row[3] + "x")), [])
                self.assertNotEqual(faults(text.replace(row[2], row[2] + "x")), [])


if __name__ == "__main__":
    unittest.main()

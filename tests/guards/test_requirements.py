#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/internals/requirements*.md: each requirement has a test, which is there and is run. Method:
each table is checked, then spoilt in each way that must be seen.

A table says what it has to hold on a line of its own: `Ids: FR1..FR8 NFR2 API*6.` is FR1 to FR8 and
NFR2 in a row each at least, API in six. Its rows are `| id | asked for | file | test |`. A figure
that is measured and not tested names a bound of a bench: `bench/x.py` and the words of that bound.
Other places have tests under other names: an exchange that is replayed is a heading of its file,
what is fuzzed and what is listed in a meson.build is a name there, what takes hours is a leg of
the soak.
"""

import functools
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = sorted((ROOT / "docs/internals").glob("requirements*.md"))
FIRST = ROOT / "docs/internals/requirements.md"


def wanted(text):
    """What a table states that it has to hold: for each id the least number of rows."""
    least = {}
    for line in re.findall(r"^Ids: (.*?)\.?$", text, re.MULTILINE):
        for word in line.split():
            run = re.fullmatch(r"([A-Za-z-]+)(\d+)\.\.\1(\d+)", word)
            name, times = word.partition("*")[::2]
            names = [f"{run[1]}{n}" for n in range(int(run[2]), int(run[3]) + 1)] if run else [name]
            least.update({name: int(times or 1) for name in names})
    return least


def rows(text):
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
             if line.startswith("| ") and not line.startswith("| id ")]
    return [row for row in cells if len(row) == 4]


def is_listed(file, lists):
    words = (file.name, f"{file.stem}'", f"'{file.stem.removeprefix('test_')}'",
             f"'{file.stem.rsplit('_', 1)[-1]}'")  # one of several of a loop
    return any(word in lists for word in words)


@functools.cache
def read(file):
    return file.read_text(encoding="utf-8")


@functools.cache
def is_run(path, name):
    """Whether a file has a test of that name, in the way of its language, and the build runs it."""
    file = ROOT / path
    if not file.is_file():
        return False
    text = read(file)
    if file == ROOT / "tools/run-soak":
        return f'    "{name}": (' in text
    if file.name == "meson.build":
        return f"'{name}'" in text
    if file.parent == ROOT / "fuzz":
        return f"  '{name}': [[" in read(ROOT / "fuzz/meson.build")
    if file.suffix == ".md":  # played by a file of the folder above
        return f"\n## {name}\n\n```exchange\n" in text and \
            is_listed(file, read(file.parents[1] / "meson.build"))
    if file.suffix not in (".c", ".py", ".mjs"):
        return False
    if file.parent == ROOT / "bench":
        runner = read(ROOT / "tools/run-bench")
        benches = re.search(r"^for bench in (.*); do$", runner, re.MULTILINE)[1].split()
        return f'"{name}' in text and file.stem.removeprefix("bench_") in benches
    how = {".c": rf"(cmocka_unit_test\w*|CASE)\([\s\\]*{re.escape(name)}\b",
           ".py": rf"def {re.escape(name)}\(self\)",
           ".mjs": rf"test\('{re.escape(name)}'"}[file.suffix]
    lists = read(file.parent / "meson.build")
    return re.search(how, text) is not None and is_listed(file, lists)


def faults(text):
    seen, least = rows(text), wanted(text)
    counted = [row[0] for row in seen]
    wrong = [f"{name}: {counted.count(name)} rows" for name, times in least.items()
             if counted.count(name) < times]
    wrong += [f"{row[0]}: nobody asked for that" for row in seen if row[0] not in least]
    wrong += [f"not a row of four: {line}" for line in text.splitlines()
              if line.startswith("| ") and line.count("|") != 5]
    return wrong + [f"{row[0]}: {row[3]} is not run in {row[2]}" for row in seen
                    if not is_run(row[2], row[3])]


class Requirements(unittest.TestCase):
    def test_each_has_a_test_that_is_run(self):
        self.assertIn(FIRST, TABLES)
        for table in TABLES:
            with self.subTest(table.name):
                text = table.read_text(encoding="utf-8")
                self.assertGreater(len(wanted(text)), 0)
                self.assertEqual(faults(text), [])

    def test_what_a_table_states_is_understood(self):
        self.assertEqual(wanted("Ids: FR9..FR11 SM-E1 API*6.\nmore\n"),
                         {"FR9": 1, "FR10": 1, "FR11": 1, "SM-E1": 1, "API": 6})
        self.assertEqual(wanted(FIRST.read_text(encoding="utf-8")),
                         {**{f"FR{n}": 1 for n in range(1, 9)},
                          **{f"NFR{n}": 1 for n in range(1, 6)}, "API": 6, "LATER": 4})

    def test_what_is_missing_is_seen(self):
        for table in TABLES:
            text = table.read_text(encoding="utf-8")
            seen, least = rows(text), wanted(text)
            counted = [row[0] for row in seen]
            lines = [line for line in text.splitlines() if line.startswith("| ")
                     and not line.startswith("| id ")]
            for row, line in zip(seen, lines):
                with self.subTest(f"{table.name}: {row[3]}"):
                    if counted.count(row[0]) == least[row[0]]:
                        self.assertEqual(len(faults(text.replace(line, ""))), 1)
                    self.assertNotEqual(faults(text.replace(row[3], row[3] + "x")), [])
                    self.assertNotEqual(faults(text.replace(row[2], row[2] + "x")), [])
            for name in least:
                with self.subTest(f"{table.name}: {name}"):
                    self.assertNotEqual(faults(re.sub(rf"(?m)^\| {re.escape(name)} \|", "| none |",
                                                      text)), [])


if __name__ == "__main__":
    unittest.main()

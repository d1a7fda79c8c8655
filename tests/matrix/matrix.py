#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One row of the matrix: what plim's verbs do on one real runtime.

    matrix.py PLIM ROW [--write]     ROW as in rows.py; --write renews the row in docs/runtimes.md

Each cell asserts on content: what was planted is found, what was allocated is counted, what was
dropped is gone. A cell gives the words that stand in docs/runtimes.md, made of what was seen; a row
there that says otherwise is a failure. What a runtime cannot do must be refused with exit code 5,
a reason and what to do instead; that is what a cell then says."""

import gzip
import json
import pathlib
import re
import subprocess
import sys
import threading
import unittest

from rows import ROWS
from runtimes import ROOT, SECRETS

TABLE = ROOT / "docs/runtimes.md"
COLUMNS = ("usage", "snapshot", "sampling", "tracking", "collection", "leaks", "redaction")
ARRAY = 1000000  # numbers, 8 bytes each
BASE = 3000

plim_path = ""


def plain(file):
    """A file's bytes, decompressed where it is a gzip."""
    data = file.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


class Done:
    def __init__(self, arguments, timeout):
        run = subprocess.run([plim_path, *[str(word) for word in arguments]], capture_output=True,
                             text=True, timeout=timeout, check=False)
        self.code, self.out, self.err = run.returncode, run.stdout, run.stderr


def plim(*arguments, timeout=120):
    return Done(arguments, timeout)


class Row(unittest.TestCase):
    """The cells of one runtime, which is started once. They run in the order of their names."""

    maxDiff = None
    runtime_class = None
    seen = {}

    @classmethod
    def setUpClass(cls):
        cls.runtime = cls.runtime_class()
        cls.addClassCleanup(cls.runtime.stop)
        cls.runtime.start()

    def json(self, *arguments, code=0, **more):
        done = plim(*arguments, "--json", **more)
        self.assertEqual(done.code, code, f"{arguments}: {done.out}{done.err}")
        return json.loads(done.out)

    def refused(self, done):
        """Exit code 5 with a sentence and a hint; the sentence."""
        self.assertEqual(done.out, "")
        lines = done.err.strip().splitlines()
        self.assertRegex(lines[0], r"^plim: .{20,}")
        self.assertTrue(any(line.strip().startswith("try:") for line in lines), done.err)
        return "no: " + lines[0].removeprefix("plim: ")

    def note(self, column, words):
        type(self).seen[column] = words

    def address(self):
        return self.runtime.address

    def planted(self, file):
        """How many objects of class Planted a snapshot holds."""
        value = self.json("summary", file, "--top", "0")
        return sum(row["count"] for row in value["classes"] if row["name"] == "Planted")

    def snapshot(self, name):
        file = self.runtime.folder / name
        value = self.json("snap", self.address(), "-o", file, "-f", timeout=180)
        self.assertEqual([row["path"] for row in value["snapshots"]], [str(file)])
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        return file

    def collect(self):
        """Collects, and says what is in use then; one that only will collect is made to."""
        done = plim("gc", self.address(), "--json")
        if done.code != 5 and json.loads(done.out).get("pending"):
            self.json("gc", self.address(), "--snapshot")
        return self.json("usage", self.address())[self.runtime.grows]

    # ---- cells -----------------------------------------------------------------------------

    def test_0_ps_lists_it(self):
        rows = self.json("ps")["targets"]
        mine = [row for row in rows
                if row["address"] and row["address"].startswith(self.address().split("/")[0])]
        self.assertTrue(mine, f"{self.address()} is not among {rows}")
        self.assertEqual({row["runtime"] for row in mine}, {self.runtime.name})
        self.assertIn(self.runtime.listener or self.runtime.pid, {row["pid"] for row in mine})
        self.assertIn(self.runtime.title(), {row["title"] for row in mine})
        self.assertEqual(self.json("usage", self.address())["title"], self.runtime.title())

    def test_1_usage(self):
        self.runtime.do("drop")
        before = self.collect()
        for _ in range(4):
            self.runtime.do(f"numbers {ARRAY}")
        value = self.json("usage", self.address())
        self.assertEqual(value["runtime"], self.runtime.name)
        type(self).version = value["version"] or self.runtime.version()
        grown = self.collect() - before
        self.runtime.do("drop")
        self.assertGreater(grown, 0.9 * 4 * 8 * ARRAY)
        self.assertLess(grown, 1.1 * 4 * 8 * ARRAY)
        if value["total_bytes"] is not None:
            self.assertGreaterEqual(value["total_bytes"], value["used_bytes"])
        known = [words for key, words in (("used_bytes", "used"), ("total_bytes", "total"),
                                          ("embedder_bytes", "embedder"),
                                          ("backing_store_bytes", "backing stores"),
                                          ("process_rss_bytes", "process"))
                 if value[key] is not None]
        self.note("usage", ", ".join(known))

    def test_2_watch_repeats_usage(self):
        done = plim("watch", self.address(), "--every", "300ms", "-n", "3", "--json")
        self.assertEqual(done.code, 0, done.err)
        values = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual(len(values), 3)
        for value in values:
            self.assertGreater(value["used_bytes"], 100000)

    def test_3_snapshot(self):
        self.runtime.do("drop")
        self.runtime.do(f"grow {BASE}")
        first = self.snapshot("first")
        self.runtime.do("grow 1000")
        second = self.snapshot("second")
        self.assertEqual([self.planted(first), self.planted(second)], [BASE, BASE + 1000])
        self.runtime.do("drop")
        head = first.read_bytes()[:200]
        kind = "Firefox's" if head[:2] == b"\x1f\x8b" else "V8's" if b'"meta"' in head else "JSC's"
        self.note("snapshot", kind)

    def test_4_sampling(self):
        file = self.runtime.folder / "planted.heapprofile"
        with self.runtime.churning():
            done = plim("sample", self.address(), "--duration", "2s", "--json", "-f", "-o", file)
        if done.code == 5:
            self.note("sampling", self.refused(done))
            return
        self.assertEqual(done.code, 0, done.err)
        value = json.loads(done.out)
        # The site, or the constructor that only it calls, where that was not inlined.
        self.assertIn(value["functions"][0]["name"], ("plantedSite", "Planted"), value)
        self.assertIn("head", json.loads(file.read_text(encoding="utf-8")))
        self.redacts_stacks(file)
        self.note("sampling", "yes")

    def test_5_tracking(self):
        self.runtime.do("drop")
        file = self.runtime.folder / "planted.heaptimeline"
        with self.runtime.churning():
            done = plim("track", self.address(), "--duration", "2s", "--json", "-f", "-o", file,
                        timeout=240)
        if done.code == 5:
            self.note("tracking", self.refused(done))
            return
        self.assertEqual(done.code, 0, done.err)
        value = json.loads(done.out)
        self.assertGreater(self.planted(value["path"]), 300)
        words = [self.stacks_of(pathlib.Path(value["path"]))]
        words.append("no live intervals" if value["intervals"] <= 2 else "live intervals"
                     if value["remark"] is None else "intervals of all that was allocated")
        self.note("tracking", ", ".join(words))

    def stacks_of(self, file):
        text = file.read_bytes()
        if b'"trace_function_infos"' not in text[:100000] + text[-100000000:]:
            return "no stacks"
        value = json.loads(text)
        names = {value["strings"][name] for name in value["trace_function_infos"][1::6]}
        if not names:
            return "no stacks"
        self.assertIn("plantedSite", names)
        self.redacts_stacks(file)
        return "stacks"

    def redacts_stacks(self, file):
        """A profile of it has none of the program's names, and the same figures."""
        told, left = (self.runtime.folder / name for name in ("told.folded", "left.folded"))
        self.json("export", file, "-o", told, "-f")
        self.json("redact", file, "-o", left, "-f")
        names = ("plantedSite", "Planted", "obey", str(self.runtime.folder), "http://127.0.0.1")
        texts = [path.read_text(encoding="utf-8") for path in (told, left)]
        self.assertTrue([name for name in names if name in texts[0]])
        self.assertEqual([name for name in names if name in texts[1]], [])
        figures = [[line.rsplit(" ", 1)[1] for line in text.splitlines()] for text in texts]
        self.assertEqual(sum(map(int, figures[0])), sum(map(int, figures[1])))

    def test_6_collection(self):
        self.runtime.do("drop")
        self.runtime.do(f"grow {BASE * 10}")
        self.runtime.do("drop")
        done = plim("gc", self.address(), "--json")
        value = json.loads(done.out)
        if value["pending"]:
            self.assertEqual([done.code, value["after_bytes"]], [3, None], done.err)
            self.assertIn("--snapshot", done.err)
            value = self.json("gc", self.address(), "--snapshot")
            self.assertLess(value["after_bytes"], value["before_bytes"])
            self.note("collection", "when a request enters, or by a snapshot")
        else:
            self.assertEqual(done.code, 0, done.err)
            self.assertLess(value["after_bytes"], value["before_bytes"])
            pauses = value["pauses"]
            known = pauses and all(pause["ns"] for pause in pauses)
            self.note("collection", "yes, pauses" if known else "yes, pauses unknown")
        self.assertEqual(self.planted(self.snapshot("collected")), 0)

    def test_6_watched_collections(self):
        """Seen as they come, in lines of one form; or refused before anything is shown."""
        with self.runtime.churning():
            done = plim("gc", self.address(), "--watch", "--duration", "1s")
        if done.code == 5:
            self.refused(done)
            return
        self.assertEqual(done.code, 0, done.err)
        lines = done.out.splitlines()
        self.assertTrue(lines[0].startswith(f"{self.runtime.name} "), done.out)
        summary = next(line for line in lines[1:] if " in " in line)
        self.assertRegex(summary, r"^(1 collection|(0|[2-9]|\d\d+) collections) in [0-9.]+ m?s: "
                                  r"([0-9.]+ [nmu]?s of pauses, [0-9.]+ % of the time|"
                                  r"how long they paused is not known of this target)$")
        for line in lines[1:lines.index(summary)]:
            self.assertRegex(line, r"^ +[0-9.]+ m?s  (minor|major|incremental|weak)[a-z ]* +"
                                   r"([0-9.]+ [nmu]?s|unknown)(  .* -> .*)?$")

    def test_7_leaks(self):
        self.runtime.do("drop")
        self.assertEqual(self.leaks_while("work", 0)["leaks"], [])
        value = self.leaks_while("grow", 1)
        self.runtime.do("drop")
        text = json.dumps(value["leaks"])
        self.assertIn("Planted", text)
        self.assertRegex(text, "held")
        said = [(leak["kind"], leak["says"]) for leak in value["leaks"]
                if leak["name"] == "Planted"]
        self.assertEqual([kind for kind, _ in said], ["global reference"], value["leaks"])
        self.assertIn("the global Array \"held\"", said[0][1])
        self.note("leaks", "by " + value["matched_by"])

    def leaks_while(self, command, code):
        """What plim leaks says while the runtime does 2,000 of these ten times a second."""
        stop = threading.Event()

        def act():
            while not stop.wait(0.1):
                self.runtime.do(f"{command} 2000")

        thread = threading.Thread(target=act)
        thread.start()
        try:
            return self.json("leaks", self.address(), "--wait", "1500ms", "--min-growth", "100K",
                             code=code, timeout=300)
        finally:
            stop.set()
            thread.join()

    def test_8_redaction(self):
        self.runtime.do("plant")
        file, redacted = (self.runtime.folder / name for name in ("told", "redacted"))
        done = plim("snap", self.address(), "--numeric", "-o", file, "-f", timeout=180)
        if done.code == 5:
            self.refused(done)
            self.snapshot("told")
        told = SECRETS.found_in(plain(file))
        self.assertGreater(len(told), 90, "the search finds none in what was not redacted")
        before = self.json("summary", file, "--top", "0")
        self.json("redact", file, "-o", redacted)
        after = self.json("summary", redacted, "--top", "0")
        self.assertEqual(SECRETS.found_in(plain(redacted)), set())
        for key in ("nodes", "edges", "self_bytes"):
            self.assertEqual(after[key], before[key])
        self.note("redaction", f"{len(told)} told, then none")

    def test_9_the_table_says_what_was_seen(self):
        missing = [column for column in COLUMNS if column not in self.seen]
        self.assertEqual(missing, [], "cells that failed above")
        words = " | ".join(self.seen[column].replace("|", "/") for column in COLUMNS)
        line = f"| {self.runtime.row} ({self.version}) | {words} |"
        if "--write" in sys.argv:
            write_row(self.runtime.row, line)
        rows = [row for row in TABLE.read_text(encoding="utf-8").splitlines()
                if row.startswith(f"| {self.runtime.row} (")]
        self.assertEqual(rows, [line], "docs/runtimes.md is renewed by matrix.py PLIM ROW --write")


def write_row(name, line):
    """Replaces a row, or adds it at the end of the table."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    table = [i for i, row in enumerate(lines) if row.startswith("| ")]
    for i in table:
        if lines[i].startswith(f"| {name} ("):
            lines[i] = line
            break
    else:
        lines.insert(table[-1] + 1 if table[-1] > table[0] else table[0] + 2, line)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    plim_path = sys.argv[1]
    Row.runtime_class = ROWS[sys.argv[2]]
    names = sorted(name for name in dir(Row) if re.match(r"test_\d", name))
    suite = unittest.TestSuite(Row(name) for name in names)
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())

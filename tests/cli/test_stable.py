# SPDX-License-Identifier: MIT
"""plim stable: over snapshots made by hand, and over the reports of examples/animation."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import heap
from plim import BARE, run

ANIMATION = os.path.abspath(sys.argv.pop(1))


class Stable(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def snapshot(self, name, count):
        made = heap.simple(count)
        return self.write(name, made if isinstance(made, str) else made.text())

    def report(self, name, rows):
        return self.write(name, json.dumps({
            "schema": "plim.report/1", "fingerprint": {
                "digest": "0x0", "rest_count": 0, "rest_bytes": 0, "rows": [
                    dict(zip(("owner", "kind", "site", "count", "bytes", "state"), row))
                    for row in rows]}}))

    def json(self, *arguments, code):
        done = run("stable", "--json", *arguments)
        self.assertEqual(done.code, code, done.err)
        value = json.loads(done.out)
        self.assertEqual(value["schema"], "plim.stable/1")
        self.assertEqual(value["stable"], code == 0)
        return value

    def test_equal_snapshots_are_stable_and_others_name_the_class(self):
        three, five = self.snapshot("3.heapsnapshot", 3), self.snapshot("5.heapsnapshot", 5)
        self.assertEqual(self.json(three, three, code=0)["changed"], 0)
        value = self.json(three, five, code=1)
        row = next(row for row in value["rows"] if row["name"] == "Session")
        self.assertEqual((row["change"], row["counts"], row["delta"], row["delta_bytes"]),
                         ("grew", [3, 5], 2, 48))
        self.assertEqual(value["delta_bytes"], 2048)
        self.assertEqual(value["matched_by"], "class")
        shrunk = self.json(five, three, code=1)
        self.assertEqual({row["change"] for row in shrunk["rows"]}, {"shrank"})

    def test_what_comes_back_is_said_and_is_no_finding(self):
        three, five = self.snapshot("3.heapsnapshot", 3), self.snapshot("5.heapsnapshot", 5)
        value = self.json(three, five, three, code=0)
        self.assertEqual({row["change"] for row in value["rows"]}, {"returned"})
        self.assertGreater(value["returned"], 0)
        self.assertEqual(value["rows"][0]["counts"][::2], [value["rows"][0]["counts"][0]] * 2)
        done = run("stable", three, five, three)
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out, r"^stable: 0 of \d+ classes changed, 0 B in all; \d+ differed")

    def test_small_changes_can_be_ignored(self):
        three, five = self.snapshot("3.heapsnapshot", 3), self.snapshot("5.heapsnapshot", 5)
        self.assertEqual(run("stable", three, five, "--min-growth", "2000").code, 0)
        self.assertEqual(run("stable", three, five, "--min-growth", "47").code, 1)

    def test_rows_of_reports_are_compared_by_owner_kind_and_site(self):
        first = self.report("a.json", [("net", "64 B", "a.c:1", 3, 192, "0x0"),
                                       ("net", "64 B", "a.c:2", 1, 64, "0x0"),
                                       ("f32", "pool f32", "", 2, 4096, "0x1")])
        last = self.report("b.json", [("net", "64 B", "a.c:1", 5, 320, "0x0"),
                                      ("f32", "pool f32", "", 2, 4096, "0x2"),
                                      ("new", "large", "b.c:9", 1, 9000, "0x0")])
        value = self.json(first, last, code=1)
        self.assertEqual([(r["name"], r["site"], r["change"], r["delta"], r["bytes"])
                          for r in value["rows"]],
                         [("new", "b.c:9", "grew", 1, [0, 9000]),
                          ("net", "a.c:1", "grew", 2, [192, 320]),
                          ("net", "a.c:2", "shrank", -1, [64, 0]),
                          ("f32", "", "moved", 0, [4096, 4096])])
        self.assertEqual(value["matched_by"], "row")
        done = run("stable", first, last, "--top", "1")
        self.assertIn("b.c:9", done.out)
        self.assertNotIn("a.c:1", done.out)
        self.assertIn("--top 0", done.out)

    def test_a_report_without_fingerprint_is_judged_by_its_domains(self):
        def report(name, count):
            return self.write(name, json.dumps({
                "schema": "plim.report/1", "manager": {}, "domains": [
                    {"name": "net", "allocation_count": count, "used_bytes": 64 * count},
                    {"name": "disk", "allocation_count": 1, "used_bytes": 4096}]}))
        value = self.json(report("a.json", 3), report("b.json", 4), code=1)
        self.assertEqual([(r["name"], r["kind"], r["delta"], r["delta_bytes"])
                          for r in value["rows"]], [("net", "blocks", 1, 64)])
        self.json(report("a.json", 3), report("b.json", 3), code=0)

    def test_a_c_program_is_judged_by_its_reports(self):
        for leak, code in (("none", 0), ("pin", 1)):
            report = os.path.join(self.folder, leak + ".json")
            subprocess.run([ANIMATION, "--frames", "2100", "--elements", "100", "--leak", leak,
                            "--report", report], env=BARE, check=False, capture_output=True)
            value = self.json(report, report + ".end", code=code)
            self.assertGreater(value["compared"], 15)
            if code:
                row = next(row for row in value["rows"] if row["site"])
                self.assertRegex(row["site"], r"animation\.c:\d+$")
                self.assertEqual((row["name"], row["change"], row["delta"]), ("f32", "grew", 2))

    def test_a_running_c_program_is_judged_by_what_it_publishes(self):
        for leak, code in (("none", 0), ("block", 1)):
            program = subprocess.Popen([ANIMATION, "--frames", "100000000", "--leak", leak,
                                        "--publish", "animation"], env=BARE,
                                       stdout=subprocess.DEVNULL)
            try:
                for _ in range(100):  # until it has published
                    first = run("stable", f"pid:{program.pid}", "--every", "10ms", "-n", "2")
                    if first.code in (0, 1):
                        break
                self.assertIn(first.code, (0, 1), first.err)
                value = self.json(f"pid:{program.pid}", "--every", "2s", "-n", "3", code=code)
                self.assertEqual((value["inputs"], value["matched_by"]), (3, "row"))
                self.assertEqual({(row["name"], row["change"]) for row in value["rows"]},
                                 {("scene", "grew")} if code else set())
                for row in value["rows"]:
                    self.assertRegex(row["kind"], r"^\d+ B$")
            finally:
                program.kill()
                program.wait()

    def test_what_cannot_be_compared_is_refused(self):
        three = self.snapshot("3.heapsnapshot", 3)
        report = self.report("a.json", [])
        for arguments, code, words in (
                ([three], 2, "one state"),
                ([three, report], 2, "cannot be compared"),
                ([report, self.write("x.json", '{"schema":"plim.report/1"}')], 4,
                 "no fingerprint"),
                ([report, self.write("y.json", '{"schema":"plim.report/1"')], 4, "expected"),
                ([report, self.report("z.json", [("net", "64 B", "a.c:1", "3", 192, "0x0")])], 4,
                 "not whole"),
                ([three, os.path.join(self.folder, "none")], 3, "none")):
            done = run("stable", *arguments)
            self.assertEqual(done.code, code, (arguments, done.err))
            self.assertIn(words, done.err)


if __name__ == "__main__":
    unittest.main()

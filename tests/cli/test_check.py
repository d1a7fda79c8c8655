# SPDX-License-Identifier: MIT
"""plim check. Method: files of the test's own, in a folder that is also where it is started.

    test_check.py PLIM
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PLIM = os.path.abspath(sys.argv.pop(1))


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def plim(self, *words, text=None, **variables):
        if text is not None:
            (self.folder / "plimsoll.conf").write_text(text, encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **variables}
        return subprocess.run([PLIM, "check", *words], cwd=self.folder, env=env,
                              capture_output=True, text=True, check=False)

    def test_what_holds_is_shown_with_its_origin(self):
        done = self.plim("--plain", text="[memory]\ntotal = 8M\n[domain net]\nlimit = 50%\n",
                         PLIM_TOTAL="6M")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([line.split("\t") for line in done.stdout.splitlines()], [
            ["section", "key", "value", "bytes", "source", "where", "line"],
            ["memory", "total", "6 MiB", "6291456", "environment", "PLIM_TOTAL", ""],
            ["domain net", "limit", "3 MiB", "3145728", "file", "plimsoll.conf", "4"]])

    def test_json_is_one_object(self):
        done = self.plim("--json", text="[memory]\ntotal = 8M\nverify = full\n")
        value = json.loads(done.stdout)
        self.assertEqual(value["schema"], "plim.check/1")
        self.assertEqual(value["domains"], 0)
        self.assertEqual(value["values"][1], {
            "section": "memory", "key": "verify", "value": "full", "bytes": None,
            "source": "file", "where": "plimsoll.conf", "line": 3})

    def test_a_contradiction_is_a_finding(self):
        done = self.plim("plimsoll.conf",
                         text="[memory]\ntotal = 1M\n[domain net]\nlimit = 2M\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("plimsoll.conf:4", done.stderr)
        self.assertIn("the limits add up to 2 MiB, and the total is 1 MiB", done.stderr)

    def test_what_is_malformed_is_damaged_input(self):
        done = self.plim(text="[memory]\ntotla = 1M\n")
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("plimsoll.conf:2", done.stderr)
        self.assertIn('did you mean "total"?', done.stderr)

    def test_a_file_that_is_not_there_is_not_found(self):
        done = self.plim("nowhere.conf")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("nowhere.conf", done.stderr)

    def test_nothing_said_is_said(self):
        done = self.plim()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("nothing is said", done.stdout)


if __name__ == "__main__":
    unittest.main()

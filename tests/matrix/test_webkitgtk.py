#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is WebKitGTK's alone, and what goes wrong with it: workers, a navigation to another process,
a second client, a page whose process is killed.

    test_webkitgtk.py PLIM
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import webkitgtk
from runtimes import PAGE

GONE = 3  # exit code of a target that went

WORKER = """const worker = new Worker(URL.createObjectURL(new Blob([`
class InWorker { constructor(i) { this.i = i; } }
self.kept = []; for (let i = 0; i < 500; i++) self.kept.push(new InWorker(i));`])));
"""

plim = ""


def run(*words, timeout=120):
    return subprocess.run([plim, *map(str, words)], capture_output=True, text=True,
                          timeout=timeout, check=False)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.target = webkitgtk.WebKitGTK()
        # The same server under another name is another site, and so another process.
        leave = "if (word === 'leave') location = location.href.replace('127.0.0.1', 'localhost');"
        self.target.page = PAGE.replace("<script>", "<script>" + WORKER).replace(
            "if (word === 'grow')", leave + " else if (word === 'grow')")
        self.addCleanup(self.target.stop)
        self.target.start()

    def begin(self, *words):
        child = subprocess.Popen([plim, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 text=True)
        self.addCleanup(child.stderr.close)
        return child

    def test_a_worker_is_a_heap_of_its_own(self):
        file = self.folder / "worker.jsc.json"
        done = run("snap", self.target.address + "#worker:1", "-o", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        classes = json.loads(run("summary", file, "--top", "0", "--json").stdout)["classes"]
        self.assertEqual([row["count"] for row in classes if row["name"] == "InWorker"], [500])
        pauses = json.loads(run("gc", self.target.address + "#worker:1", "--json").stdout)["pauses"]
        self.assertTrue(pauses and pauses[0]["ns"], pauses)
        self.assertEqual(run("usage", self.target.address + "#worker:9").returncode, 3)

    def test_navigated_to_another_process_while_it_records(self):
        child = self.begin("track", self.target.address, "-o", str(self.folder / "a.heaptimeline"))
        time.sleep(2)
        self.target.commands.put("leave")
        self.assertEqual(child.wait(30), GONE)
        self.assertIn("navigated to another process", child.stderr.read())
        self.assertEqual(run("usage", self.target.address).returncode, 0)

    def test_a_second_client_takes_the_page_over(self):
        child = self.begin("track", self.target.address, "-o", str(self.folder / "a.heaptimeline"))
        time.sleep(2)
        self.assertEqual(run("usage", self.target.address).returncode, 0)
        self.assertEqual(child.wait(30), GONE)
        self.assertIn("closed the connection", child.stderr.read())

    def test_the_page_process_is_killed(self):
        pid = json.loads(run("usage", self.target.address, "--json").stdout)["pid"]
        child = self.begin("watch", self.target.address, "--every", "200ms")
        time.sleep(1)
        os.kill(pid, signal.SIGKILL)
        time.sleep(3)
        child.send_signal(signal.SIGINT)
        child.wait(30)
        self.assertRegex(child.stderr.read(), "has ended|dropped")


if __name__ == "__main__":
    plim = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

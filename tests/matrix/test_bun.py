#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is Bun's alone, and what goes wrong with it: started by plim, killed, restarted, asked by
two at once. (Snapshots of 300 MB: big.py.)

    test_bun.py PLIM
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

import bun
from runtimes import SECRETS, free_port, program

GONE = 3  # exit code of a target that went

LEAKY = """
class Leak { constructor(i) { this.i = i; this.more = { a: i }; } }
const kept = []; setInterval(() => { for (let i = 0; i < 100; i++) kept.push(new Leak(i)); }, 20);
"""
HEALTHY = LEAKY.replace("}, 20)", "while (kept.length > 500) kept.shift(); }, 20)")

plim = ""


def run(*words, timeout=300):
    return subprocess.run([plim, *map(str, words)], capture_output=True, text=True,
                          timeout=timeout, check=False)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def start(self, text=None, port=0):
        runtime = bun.Bun()
        self.addCleanup(runtime.stop)
        if text is None:
            runtime.start()
            return runtime
        script = runtime.write("app.js", text)
        child = runtime.spawn(program("bun", "bin/bun"), f"--inspect=127.0.0.1:{port}/app", script)
        runtime.address = runtime.heard(r"^  ws://([0-9.:]+/app)$")[1]
        runtime.pid = child.pid
        return runtime

    def test_leaks_of_a_program_that_is_started(self):
        for text, code in (LEAKY, 1), (HEALTHY, 0):
            script = self.folder / "app.js"
            script.write_text(text, encoding="utf-8")
            done = run("leaks", "--wait", "700ms", "--json", "--", program("bun", "bin/bun"),
                       script)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual("Leak" in done.stdout, code == 1)
            self.assertNotIn("Bun Inspector", done.stderr)

    def test_killed_in_the_middle_of_a_snapshot(self):
        target = self.start()
        target.do("grow 200000")
        file = self.folder / "a.jsc.json"
        child = subprocess.Popen([plim, "snap", target.address, "-o", str(file)],
                                 stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)
        target.kill(signal.SIGKILL)
        self.assertEqual((child.wait(30), file.exists()), (GONE, False), child.stderr.read())
        child.stderr.close()

    def test_a_watch_outlives_a_restart(self):
        port = free_port()
        first = self.start(HEALTHY, port)
        child = subprocess.Popen([plim, "watch", first.address, "--every", "100ms", "--json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        events = [json.loads(child.stdout.readline())["event"]]
        first.stop()
        self.start(HEALTHY, port)
        while "reconnected" not in events or events[-1] != "usage":
            events.append(json.loads(child.stdout.readline())["event"])
        self.assertIn("dropped", events)

    def test_two_at_once(self):
        target = self.start()
        target.do("grow 100000")
        child = subprocess.Popen([plim, "snap", target.address, "-o",
                                  str(self.folder / "a.jsc.json")], stdout=subprocess.DEVNULL)
        done = run("usage", target.address, "--json")
        self.assertEqual(child.wait(60), 0)
        if done.returncode != 0:  # the program stands still meanwhile, and that is said
            self.assertIn("no answer within 2 s", done.stderr)
        self.assertEqual(run("usage", target.address).returncode, 0)

    def test_no_path_and_the_form_with_strings(self):
        target = self.start("globalThis.kept = { text: 'a planted ' + process.pid };" + HEALTHY)
        file = self.folder / "a.heapsnapshot"
        done = run("snap", target.address.split("/")[0], "--format", "v8", "-o", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"a planted {target.pid}", file.read_text(encoding="utf-8"))
        self.assertEqual(run("summary", file).returncode, 0)

    def test_the_form_with_strings_tells_secrets_until_it_is_redacted(self):
        target = self.start()
        target.do("plant")
        told, left = (self.folder / name for name in ("told.heapsnapshot", "left.heapsnapshot"))
        self.assertEqual(run("snap", target.address, "--format", "v8", "-o", told).returncode, 0)
        self.assertGreater(len(SECRETS.found_in(told.read_bytes())), 400)
        self.assertEqual(run("redact", told, "-o", left).returncode, 0)
        self.assertEqual(SECRETS.found_in(left.read_bytes()), set())

    def test_evaluation_is_announced_and_a_refused_promise_ends_nothing(self):
        target = self.start(HEALTHY)
        self.assertIn("plim evaluates process.memoryUsage() in it",
                      run("usage", target.address).stderr)
        done = run("leaks", target.address, "--eval", "Promise.reject(new Error('planted'))")
        self.assertIn("threw: Error: planted", done.stderr)
        self.assertEqual(run("usage", target.address).returncode, 0)


if __name__ == "__main__":
    plim = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Supervisors and their workers as plim ps and plim top show them: one frame, JSON, a terminal
(tmux); and what is put there by somebody who lies, or was stopped.

    test_workers.py PLIM POOL_SERVER POOL_SERVER_WORKER TOP_SUBJECT
"""

import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from plim import PLIM
from runs import Run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tmux import Terminal  # noqa: E402  pylint: disable=wrong-import-position

SERVER, PRIMES, SUBJECT = (os.path.abspath(sys.argv.pop(1)) for _ in range(3))
LIMIT = 64 << 20
TREE = {"children": [
    {"id": "db", "command": ["sleep", "1000"], "memory": "1M"},
    {"id": "web", "children": [{"id": "worker", "workers": 2, "command": ["sleep", "1001"]}]}]}


def plim(*words, code=0, env=None):
    done = subprocess.run([PLIM, *words], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **(env or {})})
    if code is not None and done.returncode != code:
        raise AssertionError(f"{words}: {done.returncode}: {done.stderr}")
    return done


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it did not come")
        time.sleep(0.05)


class Workers(unittest.TestCase):
    def start(self, *options, **more):
        run = Run(*options, **more)
        self.addCleanup(run.folder.cleanup)
        self.addCleanup(run.process.stderr.close)
        self.addCleanup(run.process.stdout.close)
        self.addCleanup(run.process.wait)
        self.addCleanup(run.process.terminate)
        return run

    def json(self, pid):
        told = json.loads(plim("top", f"pid:{pid}", "--once", "--json").stdout)
        self.assertEqual(told["schema"], "plim.top/1")
        (one,) = told["supervisors"]
        return one

    def until_workers(self, pid, count):
        """Once it is there at all: until so many processes run."""
        until(lambda: plim("top", f"pid:{pid}", "--once", "--json", code=None).returncode == 0)
        until(lambda: len([row for row in self.json(pid)["workers"] if row["pid"]]) == count)
        return self.json(pid)

    def test_each_child_has_its_load_line(self):
        hog = [sys.executable, "-c",
               f"import time\nx=bytearray({LIMIT * 3 // 4})\ntime.sleep(1000)"]
        run = self.start("--workers", "2", "--memory", str(LIMIT), program=hog)
        pid = run.process.pid
        self.until_workers(pid, 2)
        until(lambda: all(row["limit_bytes"] and row["used_bytes"] >= LIMIT * 3 // 4
                          for row in self.json(pid)["workers"]))
        one = self.json(pid)
        self.assertEqual((one["kind"], one["pid"]), ("run", pid))
        for row in one["workers"]:
            self.assertEqual(row["limit_bytes"], LIMIT)
            self.assertGreaterEqual(row["high_water_bytes"], row["used_bytes"])
            self.assertEqual((row["state"], row["depth"], row["target"]), ("running", 0, None))
        text = plim("top", f"pid:{pid}", "--once").stdout
        lines = [line for line in text.splitlines() if "-1 " in line or "-2 " in line]
        self.assertEqual(len(lines), 2, text)
        for line in lines:
            self.assertRegex(line, r"\[#{7,9}[|]?-*\] +\d+\.\d MiB +[789]\d% of 64\.0 MiB")

    def test_a_restart_is_counted_and_another_pid_is_shown(self):
        run = self.start(program=["sleep", "1000"])
        first = self.until_workers(run.process.pid, 1)["workers"][0]
        os.kill(first["pid"], signal.SIGKILL)
        until(lambda: self.json(run.process.pid)["workers"][0]["restart_count"] == 1)
        again = self.json(run.process.pid)["workers"][0]
        self.assertNotEqual(again["pid"], first["pid"])

    def test_a_tree_is_a_tree(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(TREE, file)
            file.flush()
            run = self.start("--tree", file.name)
            self.until_workers(run.process.pid, 3)
            until(lambda: self.json(run.process.pid)["workers"][0]["limit_bytes"])  # is looked at
            rows = self.json(run.process.pid)["workers"]
        self.assertEqual([(row["name"], row["depth"], row["is_supervisor"]) for row in rows],
                         [("db", 0, False), ("web", 0, True), ("worker-1", 1, False),
                          ("worker-2", 1, False)])
        self.assertEqual(rows[0]["limit_bytes"], 1 << 20)
        self.assertIsNone(rows[2]["limit_bytes"])

    def test_a_pool_of_a_program_of_ones_own(self):
        with tempfile.TemporaryDirectory() as folder, \
                subprocess.Popen([SERVER, f"unix:{folder}/s", PRIMES, "2"],
                                 stdout=subprocess.DEVNULL) as server:
            try:
                until(lambda: "primes" in plim("ps", "--plain").stdout)
                one = self.until_workers(server.pid, 3)
                self.assertEqual((one["kind"], one["name"]), ("pool", "primes"))
                self.assertEqual((one["waiting_count"], one["queue_max"]), (0, 1024))
                until(lambda: sorted(row["state"] for row in self.json(server.pid)["workers"]) ==
                      ["idle", "idle", "spare"])
            finally:
                server.terminate()

    def test_a_c_session_is_seen_with_its_workers(self):
        with subprocess.Popen([PLIM, "repl"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              text=True) as repl:
            try:
                self.until_workers(repl.pid, 3)
                repl.stdin.write("#include <stdlib.h>\nchar *p = malloc(5 << 20);\n")
                repl.stdin.flush()
                until(lambda: self.json(repl.pid)["workers"][0]["used_bytes"] >= 5 << 20)
                one = self.json(repl.pid)
                self.assertEqual((one["kind"], one["answered_count"]), ("repl", 2))
                self.assertEqual([row["name"] for row in one["workers"]],
                                 ["worker", "spare", "template"])
                self.assertGreater(one["workers"][0]["limit_bytes"], 5 << 20)
                first = one["workers"][0]["pid"]
                repl.stdin.write("*(volatile int *)0 = 1;\n")
                repl.stdin.flush()
                until(lambda: self.json(repl.pid)["workers"][0]["pid"] not in (None, first))
                self.assertNotIn("silent", plim("top", f"pid:{repl.pid}", "--once").stdout)
            finally:
                repl.stdin.close()
                repl.wait(60)

    def test_ps_has_them(self):
        run = self.start("--workers", "2", program=["sleep", "1000"])
        pid = run.process.pid
        workers = {row["pid"] for row in self.until_workers(pid, 2)["workers"]}
        told = json.loads(plim("ps", "--json").stdout)
        mine = [one for one in told["supervisors"] if one["pid"] == pid]
        self.assertEqual({row["pid"] for row in mine[0]["workers"]}, workers)
        rows = [line.split("\t") for line in plim("ps", "--plain").stdout.splitlines()[1:]]
        self.assertIn([str(pid), "supervisor", "", f"pid:{pid}", "sleep"], rows)
        self.assertEqual({int(row[0]) for row in rows if row[1] == "worker" and
                          row[3] == f"pid:{pid}"}, workers)
        text = plim("ps").stdout
        self.assertIn(f"run sleep  pid:{pid}", text)
        for worker in workers:
            self.assertIn(str(worker), text)

    def test_all_of_the_machine_without_a_target(self):
        runs = [self.start(program=["sleep", "1000"]) for _ in range(2)]
        for run in runs:
            self.until_workers(run.process.pid, 1)
        told = json.loads(plim("top", "--once", "--json").stdout)
        self.assertIsNone(told["target"])
        self.assertGreaterEqual({one["pid"] for one in told["supervisors"]},
                                {run.process.pid for run in runs})

    def test_a_worker_with_a_view_of_its_own_leads_to_it(self):
        run = self.start(program=[SUBJECT])
        until(lambda: self.until_workers(run.process.pid, 1)["workers"][0]["target"] is not None)
        target = self.json(run.process.pid)["workers"][0]["target"]
        self.assertIn("domains", json.loads(plim("top", target, "--once", "--json").stdout))
        self.assertIn("\n>top_subject ", plim("top", f"pid:{run.process.pid}", "--once").stdout)

    def test_one_that_hangs_is_told_with_its_age(self):
        run = self.start(program=["sleep", "1000"])
        self.until_workers(run.process.pid, 1)
        supervisor = run.supervisor()
        os.kill(supervisor, signal.SIGSTOP)
        try:
            until(lambda: self.json(run.process.pid)["age_ns"] > 5_000_000_000)
            self.assertIn("silent for", plim("top", f"pid:{run.process.pid}", "--once").stdout)
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def test_the_screen(self):
        run = self.start("--memory", "64M", program=[SUBJECT])
        until(lambda: self.until_workers(run.process.pid, 1)["workers"][0]["target"] is not None)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        screen = Terminal(folder, f"{PLIM} top pid:{run.process.pid} --every 200ms")
        self.addCleanup(screen.close)
        screen.until("[workers]", "by tree")
        screen.until(lambda text: re.search(r"^(?=.*>top_subject)(?=.*\[).*%", text, re.M))
        screen.keys("s")
        screen.until("by memory")
        screen.keys("/", "zzz", "Enter")
        screen.until("/zzz", lambda text: ">top_subject" not in text)
        screen.keys("Escape")
        screen.until(">top_subject")
        screen.keys("j")
        screen.keys("Enter")
        screen.until("[domains]", "q back")
        screen.keys("q")
        screen.until("[workers]", "q end")
        run.process.terminate()
        screen.until("it has ended")
        screen.keys("q")
        screen.until("ended with 0")

    def test_lies_neither_hang_nor_crash_the_reader(self):
        """Bytes of a real place, changed; whole and cut; in a place of this very process."""
        run = self.start("--workers", "3", program=["sleep", "1000"])
        self.until_workers(run.process.pid, 3)
        supervisor = run.supervisor()
        real = b""
        for name in os.listdir(f"/proc/{supervisor}/fd"):
            path = f"/proc/{supervisor}/fd/{name}"
            if "memfd:plimsoll-supervision-" in os.readlink(path):
                with open(path, "rb") as file:
                    real = file.read()
        self.assertEqual(real[:8], b"plimsup1")
        chance, codes = random.Random(7), set()
        for turn in range(40):
            lie = bytearray(real)
            for _ in range(chance.choice((1, 4, 64))):
                at = chance.randrange(8, len(lie) - 8)
                lie[at:at + 8] = struct.pack("<Q", chance.choice(
                    (0, 1, 0xff, 1 << 31, 1 << 63, 2**64 - 1, chance.getrandbits(64))))
            if turn % 4 == 0:
                lie = lie[:chance.randrange(len(lie))]
            if turn == 1:
                lie[16:24] = struct.pack("<Q", 7)  # for ever being written
            place = os.memfd_create("plimsoll-supervision-lies")
            try:
                os.write(place, bytes(lie))
                asked = [("top", f"pid:{os.getpid()}", "--once"), ("top", "--once", "--json")]
                for words in asked + ([("ps",)] if turn % 8 == 0 else []):
                    done = plim(*words, code=None)
                    codes.add(done.returncode)
                    self.assertIn(done.returncode, (0, 2, 3, 4, 5, 6), (turn, words, done.stderr))
                    self.assertNotIn("\x1b", done.stdout)
                    if words[0] == "ps" or words[1] == "--once":
                        self.assertEqual(done.returncode, 0, done.stderr)
            finally:
                os.close(place)
        self.assertIn(4, codes)
        self.assertIn(0, codes)


if __name__ == "__main__":
    unittest.main(verbosity=1)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim run as its users meet it: programs that crash, leak, hang, ignore SIGTERM, fork, flood their
output; a tree from a file; events, metrics, systemd's protocol; what is left behind afterwards."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from plim import PLIM
from runs import Run, alive

SLEEP = "exec sleep 1000"


def shell(text):
    return ["sh", "-c", text]


class RunTest(unittest.TestCase):
    def test_workers_run_and_a_stop_ends_them_in_reverse(self):
        run = Run("--workers", "3", program=shell(SLEEP))
        run.wait_for("started", 4)
        run.stop()
        self.assertEqual([row["child"] for row in run.events("started")][:3],
                         ["sh-1", "sh-2", "sh-3"])
        self.assertEqual([row["child"] for row in run.events("exited")][:3],
                         ["sh-3", "sh-2", "sh-1"])
        self.assertEqual(run.events()[-1]["event"], "ended")

    def test_kill_9_is_followed_by_a_start(self):
        run = Run(program=shell(SLEEP))
        first = run.wait_for("started")[0]
        os.kill(first["pid"], signal.SIGKILL)
        run.wait_for("restarting")
        rows = run.wait_for("started", 3)
        self.assertNotEqual(rows[-1]["pid"], first["pid"])
        self.assertEqual(run.events("exited")[0]["signal"], 9)
        run.stop()

    def test_too_many_restarts_end_it_with_6(self):
        run = Run("--intensity", "3/60s", program=shell("exit 7"))
        run.process.wait(20)
        run.stop(6)
        self.assertEqual(len(run.events("exited")), 5)  # the supervisor itself, too
        self.assertEqual(len(run.events("gave_up")), 1)

    def test_a_program_that_is_not_there_is_3(self):
        run = Run(program=["/nonexistent/program"])
        run.process.wait(20)
        self.assertIn("no such program", run.stop(3)[1])

    def test_transient_ones_that_end_well_end_it_with_0(self):
        run = Run("--workers", "2", "--restart", "transient", program=shell("exit 0"))
        run.process.wait(20)
        run.stop(0)

    def test_one_that_ignores_SIGTERM_is_killed(self):
        run = Run("--shutdown", "300ms", 
                  program=shell("trap '' TERM; while :; do sleep 0.05; done"))
        run.wait_for("started")
        time.sleep(0.2)
        run.stop()
        self.assertEqual(len(run.events("killing")), 1)

    def test_one_that_is_stopped_still_ends(self):
        run = Run(program=shell(SLEEP))
        os.kill(run.wait_for("started")[0]["pid"], signal.SIGSTOP)
        begun = time.monotonic()
        run.stop()
        self.assertLess(time.monotonic() - begun, 4)

    def test_memory_past_the_threshold_is_replaced_and_counts_for_nothing(self):
        hog = [sys.executable, "-c",
               "import time\nx=[]\nwhile True:\n x.append(bytearray(4<<20)); time.sleep(0.05)"]
        run = Run("--memory", "60M", "--intensity", "0", program=hog)
        rows = run.wait_for("recycling", 2)
        self.assertEqual(rows[0]["why"], "memory")
        run.stop()

    def test_memory_that_is_shared_is_not_counted(self):
        shared = [sys.executable, "-c",
                  "import mmap,time\nm=mmap.mmap(-1, 200<<20)\n"
                  "for i in range(51200): m.write(b'x'*4096)\n"
                  "time.sleep(1000)"]
        run = Run("--memory", "150M", "--workers", "2", "--measure", "private", program=shared)
        run.wait_for("started", 3)
        time.sleep(1.5)
        kinds = {row["event"] for row in run.events()}
        run.stop()
        self.assertNotIn("recycling", kinds)
        seen = Run("--memory", "150M", "--measure", "rss", program=shared)
        seen.wait_for("recycling")
        seen.stop()

    def test_hard_limits_kill(self):
        hog = [sys.executable, "-c", "import time\nx=bytearray(200<<20)\ntime.sleep(1000)"]
        run = Run("--memory-hard", "80M", "--intensity", "1/60s", program=hog)
        self.assertEqual(run.wait_for("killing")[0]["why"], "memory")
        run.process.wait(30)
        run.stop(6)

    def test_the_data_limit_makes_allocations_fail(self):
        hog = [sys.executable, "-c", "x=bytearray(400<<20)"]
        run = Run("--data-limit", "200M", "--restart", "temporary", program=hog)
        run.process.wait(20)
        self.assertIn("MemoryError", run.stop(0)[1])

    def test_a_fork_bomb_is_gone_with_its_child(self):
        mark = f"plimbomb{os.getpid()}"
        bomb = ("i=0; while [ $i -lt 40 ]; do "
                f"setsid sh -c 'sleep 1000 & exec sleep 1000 # {mark}' {mark} & i=$((i+1)); "
                f"done; : {mark}; exec sleep 1000")
        run = Run(program=["sh", "-c", bomb, mark])
        first = run.wait_for("started")[0]
        end = time.monotonic() + 10
        while len(alive(mark)) < 20 and time.monotonic() < end:
            time.sleep(0.05)
        self.assertGreaterEqual(len(alive(mark)), 1)
        run.stop()
        end = time.monotonic() + 5
        while alive(mark) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(alive(mark), [])
        self.assertGreater(first["pid"], 0)

    def test_a_flood_of_output_neither_blocks_nor_grows_it(self):
        run = Run("--log", "lines", program=shell("yes | head -c 30000000; " + SLEEP))
        run.wait_for("started")
        peak, end = 0, time.monotonic() + 3
        drained, supervisor = 0, run.supervisor()
        os.set_blocking(run.process.stderr.fileno(), False)
        while time.monotonic() < end:
            with open(f"/proc/{supervisor}/statm", encoding="ascii") as file:
                peak = max(peak, int(file.read().split()[1]) * 4096)
            try:
                drained += len(os.read(run.process.stderr.fileno(), 1 << 20))
            except BlockingIOError:
                time.sleep(0.001)
        self.assertGreater(drained, 100000)
        self.assertLess(peak, 64 << 20)
        run.process.stderr.close()
        run.process.kill()
        run.process.wait()

    def await_none(self, mark):
        end = time.monotonic() + 60
        while alive(mark) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(alive(mark), [])

    def start_with_strays(self, mark, *options):
        """A program whose descendants have left its group, its session and its environment."""
        stray = f"setsid env -i PATH=/usr/bin:/bin sh -c 'sleep 1000; : {mark}' {mark} & "
        run = Run("--workers", "2", *options,
                  program=["sh", "-c", f"{stray} setsid sh -c '{stray} exit' {mark}; sleep 1000",
                           mark])
        run.wait_for("started", 3)
        end = time.monotonic() + 60
        while len(alive(mark)) < 6 and time.monotonic() < end:
            time.sleep(0.02)
        self.assertGreaterEqual(len(alive(mark)), 6)
        return run

    def test_what_it_had_started_dies_with_a_killed_supervisor(self):
        mark = f"plimorphan{os.getpid()}"
        run = self.start_with_strays(mark)
        os.kill(run.supervisor(), signal.SIGKILL)
        self.assertIn("the supervisor was killed", run.stop(128 + signal.SIGKILL)[1])
        self.await_none(mark)

    def test_all_of_it_is_stopped_when_its_guard_is_killed(self):
        mark = f"plimguarded{os.getpid()}"
        run = self.start_with_strays(mark)
        run.process.kill()
        run.process.wait()
        self.await_none(mark)
        run.wait_for_last("ended")

    def test_a_signal_to_the_whole_group_is_one_stop(self):
        run = Run("--shutdown", "20s", program=shell("trap 'sleep 1; exit' TERM; echo up; "
                                                     "while :; do sleep 0.05; done"))
        run.wait_for("started", 2)
        run.process.stdout.readline()
        for pid in (run.process.pid, run.supervisor()):
            os.kill(pid, signal.SIGTERM)
        run.process.wait(60)
        run.stop(0)
        self.assertEqual(run.events("killing"), [])

    def test_nothing_of_ours_is_open_in_a_child(self):
        run = Run("--restart", "temporary", program=shell("ls /proc/self/fd | tr '\\n' ' '"))
        run.process.wait(20)
        out, _ = run.stop(0)
        self.assertEqual(out.split(), ["0", "1", "2", "3"])  # 3 is of ls itself

    def test_a_tree_from_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"strategy": "rest_for_one", "intensity": 5, "period": "10s", "children": [
                {"id": "db", "command": shell(SLEEP)},
                {"id": "web", "children": [
                    {"id": "worker", "workers": 2, "command": shell(SLEEP), "memory": "500M"}]},
                {"id": "last", "command": shell(SLEEP), "shutdown": "kill"}]}, file)
            file.flush()
            run = Run("--tree", file.name)
            run.wait_for("started", 6)
            names = [row["child"] for row in run.events("started")]
            self.assertEqual(names, ["db", "web/worker-1", "web/worker-2", "web", "last", ""])
            os.kill(run.events("started")[0]["pid"], signal.SIGKILL)
            run.wait_for("started", 11)
            self.assertEqual([r["child"] for r in run.events("exited")][:4],
                             ["db", "last", "web/worker-2", "web/worker-1"])
            run.stop()

    def test_a_file_that_says_something_else_is_refused_by_name(self):
        start = '{"children": [{"id": "a"'
        for text, word in ((start + ', "command": ["x"], "memroy": "5M"}]}', "memroy"),
                           (start + "}]}", "command"),
                           (start + ', "command": ["x"], "memory": -1}]}', "memory"),
                           ('{"children": [', "")):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(text)
                file.flush()
                done = subprocess.run([PLIM, "run", "--tree", file.name], capture_output=True,
                                      text=True, timeout=20, check=False)
                self.assertIn(done.returncode, (2, 4), done.stderr)
                self.assertIn(word, done.stderr)

    def test_systemd_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "notify")
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            listener.bind(path)
            listener.settimeout(10)
            run = Run(program=shell("echo \"<$NOTIFY_SOCKET>\"; " + SLEEP),
                      env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
            said = {listener.recv(100) for _ in range(3)}
            self.assertIn(b"READY=1", said)
            self.assertIn(b"WATCHDOG=1", said)
            run.wait_for("started")
            out, _ = run.stop()
            self.assertIn("<>", out)
            while b"STOPPING=1" not in said:
                said.add(listener.recv(100))

    def test_metrics(self):
        run = Run("--openmetrics", "127.0.0.1:0", "--memory", "900M", program=shell(SLEEP))
        run.wait_for("started", 2)
        line = run.process.stderr.readline()
        url = line.split("metrics: ")[1].strip()
        time.sleep(0.5)
        request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text"})
        text = urllib.request.urlopen(request, timeout=10).read().decode()
        self.assertIn('plim_worker_up{child="sh"} 1', text)
        self.assertIn('plim_worker_memory_limit_bytes{child="sh"} 943718400', text)
        self.assertRegex(text, r'plim_worker_rss_bytes\{child="sh"\} [1-9]\d+')
        self.assertTrue(text.endswith("# EOF\n"))
        run.stop()


if __name__ == "__main__":
    unittest.main(verbosity=1)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is WebKitGTK's alone, and what goes wrong with it: workers, a navigation to another process,
a second client, a page whose process is killed.

    test_webkitgtk.py PLIM
"""

import contextlib
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
from runtimes import PAGE, wait_for

GONE = 3  # exit code of a target that went

WORKER = """const worker = new Worker(URL.createObjectURL(new Blob([`
class InWorker { constructor(i) { this.i = i; } }
self.kept = []; for (let i = 0; i < 500; i++) self.kept.push(new InWorker(i));`])));
"""

plim = ""


def run(*words, timeout=120):
    return subprocess.run([plim, *map(str, words)], capture_output=True, text=True,
                          timeout=timeout, check=False)


def listens(pid):
    """Addresses on which a process listens on the loopback."""
    held = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.add(os.readlink(link))
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [f"127.0.0.1:{int(row[1].split(':')[1], 16)}" for row in rows
            if row[3] == "0A" and f"socket:[{row[9]}]" in held]


def worked(pid):
    """Seconds of the processor that a process has had."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return sum(map(int, text.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


class Case(unittest.TestCase):
    browser = webkitgtk.WebKitGTK
    servers_of_its_own = 1

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.target = self.browser()
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

    def second_client(self, child):
        """Takes the page over, and the first one is told."""
        self.assertEqual(run("usage", self.target.address).returncode, 0)
        self.assertEqual(child.wait(30), GONE)
        self.assertIn("closed the connection", child.stderr.read())

    def test_a_row_for_each_page(self):
        self.assertEqual([row["address"] for row in self.rows()],
                         [self.target.address + "/socket/1/1/WebPage"])
        self.target.stop()
        self.target = self.browser()
        self.target.tabs = ("data:text/html,<title>Second</title>",)
        self.addCleanup(self.target.stop)
        self.target.start()
        wait_for(lambda: "Second" in {row["title"] for row in self.rows()})
        rows = self.rows()
        self.assertEqual(len(rows), 2, rows)
        self.assertIn("Second", {row["title"] for row in rows})
        second = next(row["address"] for row in rows if row["title"] == "Second")
        self.assertEqual(json.loads(run("usage", second, "--json").stdout)["title"], "Second")
        several = run("usage", self.target.address)
        self.assertEqual(several.returncode, 2)
        self.assertIn(second, several.stderr)

    def test_a_server_that_the_browser_has_for_itself_is_left_alone(self):
        pid = self.target.pid
        own = [port for port in listens(pid) if port != self.target.address]
        for port in own:
            refused = run("usage", port)
            self.assertEqual(refused.returncode, 3)
            self.assertIn(f"process {pid} has a connection", refused.stderr)
        self.assertEqual(len(own), self.servers_of_its_own)
        self.assertEqual(len(self.rows()), 1)
        for address in (self.target.address, f"pid:{pid}"):
            self.assertEqual(json.loads(run("usage", address, "--json").stdout)["title"], "Planted")

    def rows(self):
        return [row for row in json.loads(run("ps", "--json").stdout)["targets"]
                if (row["address"] or "").startswith(self.target.address)]

    def test_a_second_client(self):
        child = self.begin("track", self.target.address, "-o", str(self.folder / "a.heaptimeline"))
        time.sleep(2)
        self.second_client(child)

    def test_the_page_process_is_killed_in_the_middle_of_a_snapshot(self):
        pid = json.loads(run("usage", self.target.address, "--json").stdout)["pid"]
        for _ in range(10):
            self.target.do("grow 100000")
        file = self.folder / "cut.jsc.json"
        child = self.begin("snap", self.target.address, "-v", "--force", "-o", str(file))
        while "found webkitgtk" not in child.stderr.readline():
            pass
        before = worked(pid)
        wait_for(lambda: worked(pid) >= before + 0.2, 60)  # idle else: it makes the snapshot
        os.kill(pid, signal.SIGKILL)
        said = child.stderr.read()
        self.assertEqual(child.wait(60), GONE, said)
        self.assertRegex(said, "has ended|closed|was navigated")
        self.assertFalse(file.exists())

    def test_the_page_process_is_killed(self):
        pid = json.loads(run("usage", self.target.address, "--json").stdout)["pid"]
        child = self.begin("watch", self.target.address, "--every", "200ms")
        time.sleep(1)
        os.kill(pid, signal.SIGKILL)
        time.sleep(3)
        child.send_signal(signal.SIGINT)
        child.wait(30)
        self.assertRegex(child.stderr.read(), "has ended|dropped")


class Binary(Case):
    """The same over WebKit's binary protocol."""

    browser = webkitgtk.WebKitGTKBinary
    servers_of_its_own = 0

    def second_client(self, child):
        """Is turned away: the first one would lose its page without a word."""
        self.assertEqual(len(self.rows()), 1)  # the list of processes does not ask it either
        refused = run("usage", self.target.address)
        self.assertEqual(refused.returncode, 3)
        self.assertIn(f"process {child.pid} has a connection", refused.stderr)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(30), 0, child.stderr.read())
        self.assertTrue((self.folder / "a.heaptimeline").exists())

    def test_by_process_and_by_page(self):
        for address in (f"pid:{self.target.pid}", self.target.address + "/1/1",
                        self.target.address + "/socket/1/1/WebPage"):
            value = json.loads(run("usage", address, "--json").stdout)
            self.assertEqual([value["runtime"], value["title"]], ["webkitgtk", "Planted"])
        self.assertEqual(run("usage", self.target.address + "/1/7").returncode, 3)
        self.assertIsNone(self.target.children[-1].poll())  # it dies of a page that is not there


if __name__ == "__main__":
    plim = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

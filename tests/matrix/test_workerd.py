#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is special to workerd, and to wrangler's proxy.      test_workerd.py PLIM"""

import os
import re
import threading
import time

import cell
import workerd
from debugger import Debugger
from runtimes import program, wait_for


class Two(workerd.Workerd):
    services = ("planted", "second")


class NotStarted(workerd.Workerd):
    """Only its files and its executable: plim starts it."""

    def words(self):
        return [program("workerd", "bin/workerd"), "serve", self.write_config()]


class Wrangling(workerd.Wrangler):
    """wrangler as plim starts it: by a name that leads to its script."""

    def words(self):
        self.write_config()
        folder = self.folder / "bin"
        folder.mkdir()
        (folder / "wrangler").symlink_to(program("wrangler", "bin/wrangler.js"))
        (folder / "node").symlink_to(program("node-22", "bin/node"))
        return [folder / "wrangler", "dev"]

    def environment(self):
        return dict(super().environment(), PATH=f"{self.folder}/bin:{os.environ['PATH']}")


class Workerd(cell.Cell):
    def test_workers_of_one_process_are_targets_of_their_own(self):
        runtime = self.start(Two())
        rows = [row for row in self.json("ps")["targets"] if row["pid"] == runtime.pid]
        self.assertEqual([row["address"] for row in rows],
                         [f"{runtime.address}/planted", f"{runtime.address}/second"])
        done = self.plim("usage", runtime.address, code=2)
        self.assertRegex(done.stderr, "/planted .*/second")
        runtime.do("grow 500")
        counts = []
        for name in runtime.services:
            file = runtime.folder / f"{name}.heapsnapshot"
            value = self.json("snap", f"{runtime.address}/{name}", "-o", file)
            self.assertEqual(value["address"], f"{runtime.address}/{name}")
            counts.append(self.count(file))
        self.assertEqual(counts, [500, 0])
        done = self.plim("usage", f"{runtime.address}/third", code=3)
        self.assertIn("lists no target third", done.stderr)

    def test_an_idle_worker_collects_when_a_request_enters_or_by_a_snapshot(self):
        runtime = self.start(workerd.Workerd())
        runtime.do("grow 30000")
        runtime.do("drop")
        value = self.json("gc", runtime.address, code=3)
        self.assertEqual([value["pending"], value["after_bytes"], value["by"]],
                         [True, None, "request"])
        self.assertIn("pending", self.plim("gc", runtime.address, code=3).stderr)
        # What was asked for is dropped with the connection, once workerd has seen that it ended: a
        # request afterwards collects nothing.
        time.sleep(0.7)
        runtime.do("grow 0")
        self.assertGreater(self.json("usage", runtime.address)["used_bytes"],
                           value["before_bytes"] * 0.9)
        timer = threading.Timer(1.5, runtime.do, ["grow 0"])
        timer.start()
        waited = self.json("gc", runtime.address, "--wait", "20s")
        timer.join()
        self.assertFalse(waited["pending"])
        self.assertLess(waited["after_bytes"], value["before_bytes"] / 2)
        runtime.do("grow 30000")
        runtime.do("drop")
        value = self.json("gc", runtime.address, "--snapshot")
        self.assertEqual([value["pending"], value["by"]], [False, "snapshot"])
        self.assertLess(value["after_bytes"], value["before_bytes"] / 2)

    def test_whoever_is_there_is_left_in_peace_and_named(self):
        runtime = self.start(workerd.Workerd())
        other = Debugger(runtime.address)
        done = self.plim("usage", runtime.address, code=3)
        self.assertIn(f"process {os.getpid()} ", done.stderr)
        self.assertIn("one debugger at a time", done.stderr)
        self.assertIn("result", other.call("Runtime.getHeapUsage"))
        other.close()
        time.sleep(0.5)
        self.assertGreater(self.json("usage", runtime.address)["used_bytes"], 0)

    def test_a_second_debugger_ends_a_recording_and_plim_says_so(self):
        runtime = self.start(workerd.Workerd())
        child = self.begin("track", runtime.address, "--duration", "30s", "-o",
                           runtime.folder / "cut.heaptimeline")
        time.sleep(1.5)
        with self.assertRaisesRegex(ConnectionError, "client closed connection"):
            Debugger(runtime.address).hear()
        _, said = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 3, said)
        self.assertIn("another debugger came", said)

    def test_killed_in_the_middle(self):
        runtime = self.start(workerd.Workerd())
        for _ in range(10):
            runtime.do("grow 30000")
        self.assertRegex(self.killed_in_a_snapshot(runtime, runtime.address), "closed|reset|gone")

    def test_the_limit_of_an_isolate_is_named(self):
        runtime = self.start(workerd.Workerd())
        self.assertIn("128 MB", self.plim("usage", runtime.address).stdout)

    def test_leaks_of_a_program_that_plim_starts(self):
        runtime = NotStarted()
        self.addCleanup(runtime.stop)
        words = runtime.words()
        for act, code in (("grow", 1), ("work", 0)):
            action = f"curl -sf http://127.0.0.1:{runtime.port}/{act}%202000"
            done = self.plim("leaks", "--action", action, "--min-growth", "100K", "--", *words,
                             code=code, cwd=runtime.folder)
            self.assertEqual("Planted" in done.stdout, code == 1, done.stdout)
            self.assertNotIn('"event"', done.stderr)
        done = self.plim("leaks", "--wait", "1s", "--", words[0], "test", "x.capnp", code=5)
        self.assertIn("try:", done.stderr)


class Wrangler(cell.Cell):
    def test_its_proxy_is_the_way_in(self):
        runtime = self.start(workerd.Wrangler())
        def is_known():  # once the proxy has connected to the worker
            value = self.json("usage", runtime.address)
            self.assertEqual(value["runtime"], "wrangler")
            return value["pid"] == runtime.pid

        wait_for(is_known, 10, 0.2)
        rows = [row for row in self.json("ps")["targets"]
                if row["pid"] in (runtime.pid, runtime.listener)]
        self.assertEqual(sorted(row["runtime"] for row in rows), ["workerd", "wrangler"])
        inner = next(row for row in rows if row["runtime"] == "workerd")
        self.assertRegex(inner["address"], "/core:user:planted$")
        # Past the proxy, which has the worker's one place.
        done = self.plim("usage", inner["address"], code=3)
        self.assertIn(f"process {runtime.listener} (workerd)", done.stderr)
        self.assertGreater(self.json("usage", runtime.address)["used_bytes"], 0)
        other = Debugger(runtime.address)
        done = self.plim("usage", runtime.address, code=3)
        self.assertIn("only one can be connected at a time", done.stderr)
        other.close()

    def test_killed_in_the_middle(self):
        runtime = self.start(workerd.Wrangler())
        for _ in range(10):
            runtime.do("grow 30000")
        self.assertRegex(self.killed_in_a_snapshot(runtime, runtime.address), "closed|reset|gone")

    def test_leaks_of_wrangler_dev_that_plim_starts(self):
        runtime = Wrangling()
        self.addCleanup(runtime.stop)
        words = runtime.words()
        done = self.plim("leaks", "--action",
                         f"curl -sf http://127.0.0.1:{runtime.port}/grow%202000", "--min-growth",
                         "100K", "--", *words, code=1, cwd=runtime.folder,
                         env=runtime.environment())
        self.assertIn("Planted", done.stdout)

        def gone():
            return not re.search(re.escape(str(runtime.folder)), os.popen("ps -eo args").read())

        wait_for(gone, 10)


if __name__ == "__main__":
    cell.main()

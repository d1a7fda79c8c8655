#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Node with company, and Node that ends while it is looked at.      test_node.py PLIM"""

import time

import cell
import node
from debugger import Debugger


class Node(cell.Cell):
    def begin_recording(self, verb, seconds, ending):
        """plim records a program that allocates; another debugger comes, once it does."""
        runtime = self.start(node.Node24())
        runtime.do("churn")
        file = runtime.folder / f"a.{ending}"
        child = self.begin(verb, runtime.address, "--duration", f"{seconds}s", "--json", "-v",
                           "-o", file)
        self.assertIn("found node", child.stderr.readline())
        time.sleep(1.5)
        other = Debugger(runtime.address)
        self.addCleanup(other.close)
        return child, other, file

    def test_another_debugger_that_ends_the_sampling_is_named_as_the_cause(self):
        child, other, file = self.begin_recording("sample", 4, "heapprofile")
        other.call("HeapProfiler.startSampling")
        self.assertIn("result", other.call("HeapProfiler.stopSampling"))
        _, said = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 3, said)
        self.assertIn("another debugger ended the sampling", said)
        self.assertIn("try: take it again", said)
        self.assertFalse(file.exists())

    def test_another_debugger_that_ends_the_recording_is_named_as_the_cause(self):
        child, other, file = self.begin_recording("track", 60, "heaptimeline")
        other.call("HeapProfiler.stopTrackingHeapObjects")
        _, said = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 3, said)
        self.assertIn("another debugger ended the recording", said)
        self.assertIn("try: take it again", said)
        self.assertFalse(file.exists())

    def test_a_recording_that_nobody_disturbs_is_whole(self):
        runtime = self.start(node.Node24())
        with runtime.churning():
            value = self.json("track", runtime.address, "--duration", "5s", "-o",
                              runtime.folder / "a.heaptimeline")
        self.assertIsNone(value["remark"])
        self.assertGreater(value["intervals"], 10)

    def test_two_snapshots_at_the_same_time_are_both_whole(self):
        runtime = self.start(node.Node24())
        runtime.do("grow 300000")
        other = Debugger(runtime.address)
        self.addCleanup(other.close)
        self.assertEqual(self.planted_beside(runtime, other), 300000)

    def test_killed_in_the_middle_of_a_snapshot(self):
        runtime = self.start(node.Node24())
        runtime.do("grow 200000")
        self.assertRegex(self.killed_in_a_snapshot(runtime, runtime.address), "closed|reset|gone")


if __name__ == "__main__":
    cell.main()

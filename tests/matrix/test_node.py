#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Node with company, and Node that ends while it is looked at.      test_node.py PLIM"""

import time

import cell
import node
from debugger import Debugger
from runtimes import wait_for


class Node(cell.Cell):
    def begin_recording(self, verb, seconds, ending):
        """plim is about to record a program that allocates; another debugger is there."""
        runtime = self.start(node.Node24())
        runtime.do("churn")
        file = runtime.folder / f"a.{ending}"
        child = self.begin(verb, runtime.address, "--duration", f"{seconds}s", "--json", "-v",
                           "-o", file)
        self.assertIn("found node", child.stderr.readline())
        other = Debugger(runtime.address)
        self.addCleanup(other.close)
        return child, other, file

    def test_another_debugger_that_ends_the_sampling_is_named_as_the_cause(self):
        child, other, file = self.begin_recording("sample", 4, "heapprofile")
        # The profiler is one for all debuggers: a profile can be had once plim's has begun.
        wait_for(lambda: "result" in other.call("HeapProfiler.getSamplingProfile"), 60)
        other.call("HeapProfiler.startSampling")
        self.assertIn("result", other.call("HeapProfiler.stopSampling"))
        _, said = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 3, said)
        self.assertIn("another debugger ended the sampling", said)
        self.assertIn("try: take it again", said)
        self.assertFalse(file.exists())

    def test_another_debugger_that_ends_the_recording_is_named_as_the_cause(self):
        child, other, file = self.begin_recording("track", 60, "heaptimeline")
        time.sleep(1.5)  # nobody but plim sees that it records, and ended before there is nothing
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

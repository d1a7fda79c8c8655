#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recorder and replay: what a program asked for is there, in order, and nothing else."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

RECORDER, KNOWN, REPLAY, DRIVER = (os.path.abspath(path) for path in sys.argv[1:5])
HEAD = struct.Struct("<4Q")
ALLOC, FREE, RESIZE, ZEROED = range(4)
SIZES = {10007, 60033, 1000003, 30016, 70001, 90001, 40009}


class Trace(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "known.trace")
        subprocess.run([KNOWN], check=True,
                       env={**os.environ, "LD_PRELOAD": RECORDER, "PLIM_TRACE": self.path})
        with open(self.path, "rb") as file:
            self.magic, self.count, self.ids, self.threads = HEAD.unpack(file.read(HEAD.size))
            words = struct.unpack(f"<{self.count}Q", file.read(8 * self.count))
        os.truncate(self.path, HEAD.size + 8 * self.count)
        self.events = [(word >> 62, word >> 56 & 63, word >> 32 & 0xffffff, word & 0xffffffff)
                       for word in words]

    def replay(self):
        return subprocess.run([REPLAY, self.path, "1"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)

    def test_what_was_asked_for_is_there_in_order(self):
        sizes, seen = {}, []
        for op, thread, index, size in self.events:
            size = sizes.pop(index) if op == FREE else size
            if size in SIZES:
                seen.append((op, thread, size))
            if op != FREE:
                sizes[index] = size
        self.assertEqual(seen, [
            (ALLOC, 0, 10007), (ZEROED, 0, 60033), (RESIZE, 0, 1000003), (FREE, 0, 60033),
            (ALLOC, 0, 30016), (ALLOC, 1, 70001), (FREE, 1, 70001), (FREE, 0, 30016),
            (ALLOC, 0, 40009), (FREE, 0, 40009)])

    def test_ids_name_live_blocks_and_are_used_again(self):
        live = set()
        for op, _, index, _ in self.events:
            if op in (ALLOC, ZEROED):
                self.assertNotIn(index, live)
                live.add(index)
            else:
                self.assertIn(index, live)
            if op == FREE:
                live.remove(index)
        self.assertLess(self.ids, len(self.events))

    def test_a_replay_has_its_peak(self):
        live, sizes, peak = 0, {}, 0
        for _, _, index, size in self.events:
            live += size - sizes.get(index, 0)
            sizes[index] = size
            peak = max(peak, live)
        done = self.replay()
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["events"], self.count)
        self.assertEqual(answer["peak_live_bytes"], peak)
        self.assertGreaterEqual(answer["peak_held_bytes"], peak)
        self.assertEqual(answer["doubt"], "")

    def test_a_damaged_trace_is_refused(self):
        for offset, word in ((0, 1), (8, 1 << 40), (16, 0), (16, 1 << 40)):
            with open(self.path, "r+b") as file:
                kept = file.read(HEAD.size)
                file.seek(offset)
                file.write(struct.pack("<Q", word))
            self.assertEqual(self.replay().returncode, 1, (offset, word))
            with open(self.path, "r+b") as file:
                file.write(kept)
        self.assertEqual(self.replay().returncode, 0)


class Driver(unittest.TestCase):
    def test_no_byte_is_unaccounted_for_after_a_workload(self):
        for work in ("pair64", "pairmix", "rand64", "grow", "ring", "scope", "frame", "records",
                     "poolgrowth"):
            done = subprocess.run([DRIVER, work, "1"], stdout=subprocess.PIPE, text=True,
                                  check=True)
            answer = json.loads(done.stdout)
            self.assertEqual(answer["doubt"], "", work)
            if work == "poolgrowth":
                self.assertEqual(answer["runs"], [[0, 0, 0, 0]])


if __name__ == "__main__":
    del sys.argv[1:5]
    unittest.main()

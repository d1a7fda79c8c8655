#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/animation: ten minutes of frames leave everything where it was, and a leak is named.

The seed's question, with the right quantity: not what a heap says of itself, but every slot, every
block of the domain, and every page the manager holds."""

import os
import re
import subprocess
import sys
import unittest

ANIMATION = sys.argv.pop(1)


def run(*arguments, timeout=2000):
    done = subprocess.run([ANIMATION, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


class Animation(unittest.TestCase):
    def test_ten_minutes_of_frames_are_stable_within_two_megabytes(self):
        code, out, err = run()
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"36000 frames, (\d+) buffers taken, \1 given back, 11 kept")
        self.assertRegex(out, r"fingerprint (\w{16}) -> \1: stable")
        total = int(re.search(r"TOTAL, as charged +(\d+)", out)[1])
        self.assertLessEqual(total, 2_000_000)

    def test_the_table_is_the_seeds(self):
        _, out, _ = run("--frames", 121)
        rows = re.findall(r"^(\S.*?) {2,}(\d+) +(\d+) x (\d+) B +(\d+) +(\d+)$", out, re.M)
        self.assertEqual(len(rows), 11, out)
        for name, count, elements, each, total, planned in rows:
            self.assertEqual(int(count) * int(elements) * int(each), int(total), name)
            self.assertLessEqual(int(total), int(planned), name)

    def test_what_is_drawn_is_the_same_at_every_level(self):
        drawn = {level: re.search(r"emitted (\w+)", run("--frames", 1300, "--level", level)[1])[1]
                 for level in ("none", "minimal", "standard", "full")}
        self.assertEqual(len(set(drawn.values())), 1, drawn)

    def test_a_pinned_buffer_that_is_forgotten_is_caught_and_named(self):
        for level in ("minimal", "standard"):
            code, out, _ = run("--frames", 2700, "--leak", "pin", "--level", level)
            self.assertEqual(code, 1, out)
            self.assertRegex(out, r"frame 1601: kept: f32, \d+ bytes, taken at .*animation\.c:\d+")
            self.assertRegex(out, r"f32  f32  .*animation\.c:\d+: 0 -> 2 \(\+2\)")
            self.assertIn("NOT STABLE", out)

    def test_a_forgotten_block_of_the_domain_is_caught(self):
        code, out, _ = run("--frames", 2700, "--leak", "block")
        self.assertEqual(code, 1, out)
        self.assertRegex(out, r"scene  .*: \d+ -> \d+ \(\+2\)")
        self.assertRegex(out, r"frame 1001: allocated: scene, 16 bytes, .*animation\.c:\d+")

    def test_more_elements_than_the_cap_are_refused_with_both_numbers(self):
        code, _, err = run("--elements", 20000)
        self.assertEqual(code, 6)
        self.assertIn("20000", err)
        self.assertIn("15000", err)

    def test_nonsense_is_a_usage_error(self):
        for bad in (["--frames"], ["--frames", "x"], ["--leak", "much"], ["--level", "9"], ["x"]):
            self.assertEqual(run(*bad)[0], 2, bad)


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    unittest.main()

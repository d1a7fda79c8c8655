#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/workout: killed at any moment and started again, it ends as if nothing had been.

    test_workout.py WORKOUT PLAIN [KILLS]
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

KILLS = int(sys.argv.pop()) if sys.argv[-1].isdigit() else 60
PLAIN, WORKOUT = sys.argv.pop(), sys.argv.pop()
SEED = int(os.environ.get("PLIM_SEED") or random.SystemRandom().randrange(1 << 32))


def run(*arguments, program=WORKOUT, timeout=60):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


def train_killed(dice, *arguments, kills=KILLS, pace_us=100):
    """(times it was killed, what the last one printed): started again after each kill -9."""
    for number in range(kills):
        program = subprocess.Popen([WORKOUT, *arguments, "--pace", str(pace_us)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = program.communicate(timeout=dice.uniform(0.001, 0.03))
            return number, out, err
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGKILL)
            program.communicate()
    code, out, err = run(*arguments)
    return kills, out, err if code == 0 else f"exit {code}: {err}"


class Workout(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = os.path.join(folder.name, "state")
        self.script = os.path.join(folder.name, "script")
        self.dice = random.Random(SEED)

    def write(self, text):
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(text)

    def test_it_is_the_same_as_with_plain_structs(self):
        code, out, err = run()
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, run(program=PLAIN)[1])
        self.assertRegex(out, r"pull-ups +2 +16 ")

    def test_killed_at_random_it_ends_as_if_nothing_had_been(self):
        wanted = run()[1]
        kills = 0
        for _ in range(3):
            times, out, err = train_killed(self.dice, "--state", self.state)
            self.assertEqual((out, err), (wanted, ""), f"seed {SEED}")
            kills += times
        self.assertGreater(kills, 5, "hardly a kill hit it: a test of nothing")

    def test_a_script_of_its_own_is_killed_and_resumed_too(self):
        self.write("cap 40\n rounds 0\n  rounds 2\n   reps 3 jumps\n   rest 2\n  end\n"
                   "  reps 2 rows\n end\nend\nrounds 3\n rest 1\nend\n")
        wanted = run("--script", self.script)[1]
        self.assertRegex(wanted, r"done in 0:4\d")
        _, out, err = train_killed(self.dice, "--state", self.state, "--script", self.script,
                                   pace_us=1000)
        self.assertEqual((out, err), (wanted, ""), f"seed {SEED}")

    def test_from_outside_one_sees_what_it_does(self):
        program = subprocess.Popen([WORKOUT, "--state", self.state, "--pace", "20000"],
                                   stdout=subprocess.DEVNULL)
        try:
            seen = ""
            end = time.monotonic() + 20
            while "block:reps" not in seen and time.monotonic() < end:
                time.sleep(0.02)
                seen = run("--look", "--state", self.state)[1]
            self.assertRegex(seen, r'block:reps: .* label="pull-ups" .* reps=\d')
            self.assertRegex(seen, r'block:whole: ')
            self.assertIn("totals:", seen)
            self.assertIsNone(program.poll())
        finally:
            program.kill()
            program.wait()
        # Killed in the middle: what it held can still be seen, and it goes on.
        self.assertIn("block:reps", run("--look", "--state", self.state)[1])
        self.assertEqual(run("--state", self.state)[1], run()[1])

    def test_the_screen_follows_ten_times_a_second_at_most(self):
        start = time.monotonic()
        code, _, err = run("--watch", "--pace", 1000)
        took = time.monotonic() - start
        self.assertEqual(code, 0)
        self.assertGreater(err.count("effort"), 1)
        self.assertLessEqual(err.count("effort"), 10 * took + 2)

    def test_the_state_of_another_script_is_refused(self):
        program = subprocess.Popen([WORKOUT, "--state", self.state, "--pace", "20000"],
                                   stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        program.kill()
        program.wait()
        self.write("reps 3 jumps\n")
        code, out, err = run("--state", self.state, "--script", self.script)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("another script", err)

    def test_nonsense_is_a_usage_error(self):
        self.write("reps many jumps\n")
        for bad in (["--pace"], ["--pace", "x"], ["--look"], ["x"], ["--script", self.script]):
            self.assertEqual(run(*bad)[0], 2, bad)
        self.assertEqual(run("--script", self.script + "s")[0], 3)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does it cost that a program's state lives in a region, on a stack of blocks? Bound: 5 % of
examples/workout with its state in plain structs.

    bench/bench_workout.py [--build DIR] [--rounds 15] [--runs 100]

One run is a whole workout (440 seconds of it, each a reading of six axes at 100 Hz, filtered and
counted, and a line for a screen), as fast as it goes. The two take turns; the minimum is judged.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOUND_PERCENT = 5


def measure(program, runs):
    """Nanoseconds for a second of the workout, the least of the runs of one process."""
    done = subprocess.run([program, "--bench", str(runs)], stdout=subprocess.PIPE, check=True,
                          timeout=120)
    answer = json.loads(done.stdout)
    return answer["ns"] / answer["seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    names = ("workout", "workout_plain")
    times = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            times[name].append(measure(build / "examples" / name, options.runs))
    least = {name: min(values) for name, values in times.items()}
    percent = 100 * (least["workout"] / least["workout_plain"] - 1)
    for name, values in times.items():
        print(f"{name:16} {least[name]:8.1f} ns a second of training, "
              f"median {statistics.median(values):8.1f}")
    print(f"the runtime adds {least['workout'] - least['workout_plain']:.1f} ns to each, "
          f"{percent:.1f} % (bound {BOUND_PERCENT} %)")
    print(json.dumps({"bench": "workout", "ns": least, "percent": percent}))
    return 0 if percent < BOUND_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long until the first byte of output? Bound: 20 ms for --help, usage errors and small files.

    bench/bench_start.py [PLIM]

Forks, executes, and reads the first byte from a pipe; /bin/true is run between, as the cost of
starting any process on this machine. Prints minimum and median of 41 runs, then one line of JSON.
Valid only on a machine that does nothing else.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/cli"))
import heap  # noqa: E402 (beside the tests that use it, too)

RUNS = 41
BOUND_MS = 20


def first_byte_ms(arguments, stream):
    started = time.perf_counter()
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE if stream == 1 else subprocess.DEVNULL,
                          stderr=subprocess.PIPE if stream == 2 else subprocess.DEVNULL) as child:
        (child.stdout if stream == 1 else child.stderr).read(1)
        took = (time.perf_counter() - started) * 1000
        (child.stdout if stream == 1 else child.stderr).read()
    return took


def main():
    plim = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/src/cli/plim")
    with tempfile.TemporaryDirectory() as folder:
        small = heap.simple(1000).write(os.path.join(folder, "small.heapsnapshot"))
        cases = {
            "a process that does nothing": (["/bin/true"], 1),
            "plim --help": ([plim, "--help"], 1),
            "plim leaks --help": ([plim, "leaks", "--help"], 1),
            "a mistyped verb": ([plim, "sumary"], 2),
            "a mistyped option": ([plim, "summary", "--jsn"], 2),
            "summary of a small file": ([plim, "summary", small], 1),
            "retainers in a small file": ([plim, "retainers", small, "@103"], 1),
            "diff of small files": ([plim, "diff", small, small], 1),
        }
        times = {name: [] for name in cases}
        for _ in range(RUNS):
            for name, (arguments, stream) in cases.items():
                times[name].append(first_byte_ms(arguments, stream))
    result = {}
    print(f"{'first byte, ms':32} {'min':>7} {'median':>7}")
    for name, values in times.items():
        low, middle = min(values), statistics.median(values)
        result[name] = {"min_ms": round(low, 2), "median_ms": round(middle, 2)}
        print(f"{name:32} {low:7.2f} {middle:7.2f}  {'' if middle < BOUND_MS else 'OVER'}")
    print(json.dumps({"bench": "start", "bound_ms": BOUND_MS, "runs": RUNS, "cases": result}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does it take to look into a C program with 10^6 objects, and what does it cost the program?

    bench/bench_view.py [--build BUILD] [--objects N] [--runs N]

Bounds, on the medians: `plim snap` (look, graph, file in memory) under 0.5 s; the longest time
between two changes of the program while a snapshot is taken, less the longest without one, under
5 ms. The program is never stopped; what is measured is the cores' sharing of memory, and whatever
else runs. Peak memory of plim is shown with the region it maps (shared pages) and without.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SNAP_BOUND_S = 0.5
PAUSE_BOUND_MS = 5
BUSY_MS = 700


class Target:
    def __init__(self, program, objects):
        self.process = subprocess.Popen([program, str(objects)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("the target did not start")

    def start(self):
        self.process.stdin.write(f"run {BUSY_MS}\n")

    def finish(self):
        changes, longest_ns = map(int, self.process.stdout.readline().split())
        return BUSY_MS * 1e6 / changes, longest_ns / 1e6

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def timed(command):
    """Seconds, and the peak of its memory in KiB."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command} gave {child.returncode}")
    return took, usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--objects", type=int, default=1000000)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    plim = os.path.join(options.build, "src/cli/plim")
    target = Target(os.path.join(options.build, "bench/view_target"), options.objects)
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    rows = {name: [] for name in ("view", "summary", "snap", "snap beside changes")}
    alone, beside = [], []
    peak_kib = 0
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        address = f"pid:{target.process.pid}"
        file = os.path.join(folder, "a.heapsnapshot")
        snap = [plim, "snap", address, "-q", "-f", "-o", file]
        for _ in range(options.runs):
            rows["view"].append(timed([plim, "view", address])[0])
            rows["summary"].append(timed([plim, "summary", address])[0])
            took, kib = timed(snap)
            rows["snap"].append(took)
            peak_kib = max(peak_kib, kib)
            target.start()
            alone.append(target.finish())
            target.start()
            rows["snap beside changes"].append(timed(snap)[0])
            beside.append(target.finish())
        size = os.path.getsize(file)
    region_bytes = options.objects * (64 + 48)
    target.end()
    result = {}
    print(f"{'seconds':24} {'min':>8} {'median':>8}")
    for name, values in rows.items():
        result[name] = {"min_s": min(values), "median_s": statistics.median(values)}
        print(f"{name:24} {min(values):8.3f} {statistics.median(values):8.3f}")
    change = [statistics.median(row[0] for row in rows_) for rows_ in (alone, beside)]
    gap = [statistics.median(row[1] for row in rows_) for rows_ in (alone, beside)]
    print(f"\na change, ns             {change[0]:8.0f} alone, {change[1]:.0f} beside a snapshot")
    print(f"longest pause, ms        {gap[0]:8.3f} alone, {gap[1]:.3f} beside a snapshot")
    print(f"peak of plim, MiB        {peak_kib / 1024:8.0f} with the region's pages, "
          f"{peak_kib / 1024 - region_bytes / 2**20:.0f} without; the file has "
          f"{size / 2**20:.0f}")
    broken = (result["snap"]["median_s"] >= SNAP_BOUND_S or gap[1] - gap[0] >= PAUSE_BOUND_MS)
    print("a bound is broken" if broken else "within the bounds")
    print(json.dumps({"bench": "view", "objects": options.objects, "runs": options.runs,
                      "seconds": result, "change_ns": change, "longest_pause_ms": gap,
                      "peak_kib": peak_kib, "bounds": {"snap_s": SNAP_BOUND_S,
                                                       "pause_ms": PAUSE_BOUND_MS}}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long, and with how much memory, until a 100 MB snapshot is open: plim and its peers.

The bound: at least 8 times as fast as Chrome DevTools' own loader and as memlab, in at most 0.4 of
their memory. Each opens the same file to the point where dominators, retained sizes and (but for
memlab) classes are known: `plim summary FILE --json`, DevTools' worker (tests/oracle/devtools.mjs)
and memlab's own parser and dominator pass (memlab.cjs). Whole processes, warm cache, in turn; the
medians of wall time and of peak memory as the kernel counts it. Ratios are what counts: the times
belong to this machine and to what else it does (processor time depends less on the latter).

    bench_summary.py [--plim FILE] [--file SNAPSHOT] [--runs N]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES") or ROOT / ".runtimes")
NODE = RUNTIMES / "node-22" / "node_modules" / "runtime" / "bin" / "node"
SPEED_GOAL = 8.0
MEMORY_GOAL = 0.4


def measure(command):
    """Wall seconds, peak MiB, processor seconds and standard output of one process."""
    with tempfile.TemporaryFile() as out:
        start = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"exit status {process.returncode}: {' '.join(map(str, command))}")
        out.seek(0)
        return (seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime,
                json.loads(out.read().splitlines()[-1]))


def commands(plim, file):
    node = [NODE, "--max-old-space-size=16000"]
    return {
        "plim": [plim, "summary", file, "--json"],
        "DevTools": node + [RUNTIMES / "devtools" / "devtools.mjs", file, "--only-load"],
        "memlab": node + [ROOT / "bench" / "memlab.cjs", RUNTIMES, file],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plim", default=ROOT / "build" / "src" / "cli" / "plim")
    parser.add_argument("--file", help="default: one of 100 MB, made by bench/make_heap.js")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    for needed in (options.plim, NODE, RUNTIMES / "devtools" / "worker.mjs", RUNTIMES / "memlab"):
        if not pathlib.Path(needed).exists():
            sys.exit(f"{needed} is missing. Try: make bench")
    with tempfile.TemporaryDirectory() as folder:
        file = options.file
        if file is None:
            file = pathlib.Path(folder) / "heap.heapsnapshot"
            subprocess.run([NODE, "--max-old-space-size=4000", ROOT / "bench" / "make_heap.js",
                            file, "100"], check=True, stdout=subprocess.DEVNULL)
        return report(commands(options.plim, file), pathlib.Path(file), options.runs)


def report(peers, file, runs):
    seen = {name: [] for name in peers}
    for _ in range(runs):
        for name, command in peers.items():
            file.read_bytes()  # a warm cache for each: some kernels give pages up within seconds
            seen[name].append(measure(command))
    answers = {name: rows[-1][3] for name, rows in seen.items()}
    if len({answer["nodes"] for answer in answers.values()}) != 1:
        sys.exit(f"they did not read the same heap: {answers}")
    rows = {name: {"seconds": round(statistics.median(row[0] for row in values), 3),
                   "seconds_min": round(min(row[0] for row in values), 3),
                   "cpu_seconds": round(statistics.median(row[2] for row in values), 3),
                   "peak_mib": round(statistics.median(row[1] for row in values), 1)}
            for name, values in seen.items()}
    ours, met = rows["plim"], True
    print(f"{file.name}, {file.stat().st_size / 1e6:.1f} MB, {answers['plim']['nodes']} nodes;"
          f" medians of {runs}")
    print(f"{'':10}{'seconds':>9}{'least':>9}{'CPU s':>8}{'peak MiB':>10}{'speed':>9}{'memory':>9}")
    for name, row in rows.items():
        row["speed_ratio"] = round(row["seconds"] / ours["seconds"], 2)
        row["memory_ratio"] = round(ours["peak_mib"] / row["peak_mib"], 3)
        good = name == "plim" or (row["speed_ratio"] >= SPEED_GOAL and
                                  row["memory_ratio"] <= MEMORY_GOAL)
        met = met and good
        print(f"{name:10}{row['seconds']:9.3f}{row['seconds_min']:9.3f}{row['cpu_seconds']:8.2f}"
              f"{row['peak_mib']:10.1f}{row['speed_ratio']:8.1f}x{row['memory_ratio']:9.2f}"
              f"{'' if good else '  missed'}")
    print(json.dumps({"bench": "summary", "file_bytes": file.stat().st_size, "runs": runs,
                      "speed_goal": SPEED_GOAL, "memory_goal": MEMORY_GOAL, "met": met,
                      "peers": rows}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

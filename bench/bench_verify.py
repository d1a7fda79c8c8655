#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does each level of checks cost? In percent of a replay of real programs' traces, every byte
written that was asked for. docs/internals/levels.md.

    bench/bench_verify.py [--build DIR] [--rounds 5] [--traces FOLDER]

The levels take turns, so that what disturbs the machine disturbs all of them; the minimum of all
rounds is shown. `redundant` looks at the whole state at each operation, so its cost grows with the
state: it has the first events of each trace alone, beside `none` on the same events.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import record_traces

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRACES = ["sqlite3", "jq", "cc1"]
LEVELS = ["none", "minimal", "standard", "full"]
FIRST_EVENTS = 20000


def replay(build, trace, level, events=0):
    """Nanoseconds an event, the least of three runs of one process."""
    env = {**os.environ, "BENCH_LEVEL": level, "BENCH_EVENTS": str(events)}
    done = subprocess.run([build / "bench/trace_replay_plim", trace, "3", "--touch"], env=env,
                          stdout=subprocess.PIPE, check=True, timeout=300)
    return min(json.loads(done.stdout)["runs"])


def measure(build, trace, rounds):
    """Percent that each level adds, of `none`."""
    least, first = {}, {}
    for _ in range(rounds):
        for level in LEVELS:
            ns = replay(build, trace, level)
            least[level] = min(ns, least.get(level, ns))
        for level in ("none", "redundant"):
            ns = replay(build, trace, level, FIRST_EVENTS)
            first[level] = min(ns, first.get(level, ns))
    rows = {level: {"ns": ns, "percent": 100 * ns / least["none"] - 100}
            for level, ns in least.items()}
    rows["redundant"] = {"ns": first["redundant"],
                         "percent": 100 * first["redundant"] / first["none"] - 100,
                         "events": FIRST_EVENTS}
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--traces", help="a folder of record_traces.py's; else recorded now")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    with tempfile.TemporaryDirectory() as folder:
        if options.traces:
            traces = {name: pathlib.Path(options.traces) / f"{name}.trace" for name in TRACES}
        else:
            traces = record_traces.record_all(folder, options.build)
        figures = {name: measure(build, trace, options.rounds) for name, trace in traces.items()}
    print(f"{'ns an event, and more than none':32}" +
          "".join(f"{level:>22}" for level in [*LEVELS, "redundant *"]))
    for name, rows in figures.items():
        print(f"{name:32}" + "".join(f"{row['ns']:13.1f} {row['percent']:+7.0f}%"
                                     for row in rows.values()))
    print(f"* the first {FIRST_EVENTS} events alone")
    print(json.dumps({"bench": "verify", "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does each level of checks cost? docs/internals/levels.md. In percent of level none:

* of a replay of real programs' traces, every byte written that was asked for: allocations alone;
* of the programs themselves, under libplimsoll-malloc.so: processor time, the system's included.

    bench/bench_verify.py [--build DIR] [--rounds 7] [--traces FOLDER] [--only WORD]

The levels take turns, so that what disturbs the machine disturbs all of them. Shown is the least;
a level's percentage is the median over the rounds of its least over that of none in the same round.
`redundant` looks at the whole state at each operation, so its cost grows with the state: it has the
first events of each trace alone, beside `none` on the same events. Exit 1 if a bound is broken.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import record_traces

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRACES = ["sqlite3", "jq", "cc1"]
LEVELS = ["none", "minimal", "standard", "full"]
MOST = {"standard": 5, "full": 10}  # percent
FIRST_EVENTS = 20000


def replay(build, trace, level, events=0):
    """Nanoseconds an event, the least of three runs of one process."""
    env = {**os.environ, "BENCH_LEVEL": level, "BENCH_EVENTS": str(events)}
    done = subprocess.run([build / "bench/trace_replay_plim", trace, "3", "--touch"], env=env,
                          stdout=subprocess.PIPE, check=True, timeout=300)
    return min(json.loads(done.stdout)["runs"])


def run(build, work, level):
    """Milliseconds of processor time of one run of a program."""
    arguments, source = work
    env = {**os.environ, "LD_PRELOAD": str(build / "src/preload/libplimsoll-malloc.so"),
           "PLIM_VERIFY": level, "PLIM_TOTAL": "2G"}
    with open(source or os.devnull, "rb") as stdin:
        child = subprocess.Popen(arguments, env=env, stdin=stdin, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"bench_verify: {arguments[0]} at {level} ended with {child.returncode}")
    return (used.ru_utime + used.ru_stime) * 1e3


def measure(take, levels, rounds):
    """Of each level the least, and by how many percent it is above none."""
    seen = {level: [] for level in levels}
    for _ in range(rounds):
        for level in levels:
            seen[level].append(take(level))
    return {level: {"least": min(values), "percent": 100 * statistics.median(
        value / none for value, none in zip(values, seen["none"])) - 100}
        for level, values in seen.items()}


def measure_trace(build, trace, rounds):
    rows = measure(lambda level: replay(build, trace, level), LEVELS, rounds)
    first = measure(lambda level: replay(build, trace, level, FIRST_EVENTS), ["none", "redundant"],
                    3)
    return {**rows, "redundant": {**first["redundant"], "events": FIRST_EVENTS}}


def show(title, figures):
    print(f"{title:32}" + "".join(f"{level:>22}" for level in LEVELS + ["redundant *"]))
    for name, rows in figures.items():
        print(f"{name:32}" + "".join(f"{row['least']:13.1f} {row['percent']:+7.1f}%"
                                     for row in rows.values()))


def judge(what, figures):
    """Whether all levels keep to what was asked of them."""
    held = True
    for name, rows in figures.items():
        for level, most in MOST.items():
            percent = rows[level]["percent"]
            held = held and percent <= most
            print(f"{'ok    ' if percent <= most else 'BROKEN'} {percent:9.1f} (at most {most})  "
                  f"percent that {level} adds, {what}, {name}")
    return held


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--traces", help="a folder of record_traces.py's; else recorded now")
    parser.add_argument("--only", default="", help="programs whose name contains it")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    names = [name for name in TRACES if options.only in name]
    with tempfile.TemporaryDirectory() as folder:
        if options.traces:
            traces = {name: pathlib.Path(options.traces) / f"{name}.trace" for name in TRACES}
        else:
            traces = record_traces.record_all(folder, options.build)
        replays = {name: measure_trace(build, traces[name], options.rounds) for name in names}
        programs = {}
        for name in names:
            work = record_traces.WORKS[name](pathlib.Path(folder))
            programs[name] = measure(lambda level, work=work: run(build, work, level), LEVELS,
                                     options.rounds)
    show("replay: ns an event, over none", replays)
    show("program: ms, over none", programs)
    print(f"* the first {FIRST_EVENTS} events alone")
    held = [judge("of a replay of nothing but allocations", replays),
            judge("of the program itself", programs)]
    print(json.dumps({"bench": "verify", "replays": replays, "programs": programs}))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The leak finder against real programs on one version of Node.

  run.py PROBE NODE-MAJOR            every program of programs/, one series of snapshots each
  run.py PROBE NODE-MAJOR NAME…      some of them
  run.py PROBE --self-test           the checks themselves, on answers with planted faults
  run.py PROBE --fault-sweep         each allocation of a search refused in turn
  run.py PROBE --by-class            ids that do not compare: three processes of one program

What a program must give stands in its own head, one `//: leak {…}` line for each planted leak;
a program without one is healthy and must give nothing. Method: series.js starts the program,
warms it up, and takes the snapshots over one inspector connection; the probe is the finder and
nothing else. A missing Node is a failed test.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DRIVER_MAJOR = 24  # series.js needs a WebSocket
SERIES_TIMEOUT_S = 120
SERIES_ATTEMPTS = 4
LOST_IDS_MAX = 10  # an object may change its class (its prototype); when V8 fails, thousands do
HEALTHY_ROUNDS = 5  # a healthy program is silent over every stretch of two rounds, and over all


def node(major):
    runtimes = pathlib.Path(os.environ.get("PLIM_RUNTIMES", ROOT / ".runtimes"))
    path = runtimes / f"node-{major}" / "node_modules" / "runtime" / "bin" / "node"
    if not path.exists():
        sys.exit(f"no Node {major} at {path}: tools/setup test installs it")
    return str(path)


def take_series(major, program, out, **options):
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    subprocess.run(
        [node(DRIVER_MAJOR), str(HERE / "series.js"), node(major), str(program), str(out), *flags],
        check=True, timeout=SERIES_TIMEOUT_S)
    return sorted(out.glob("*.heapsnapshot"), key=lambda path: int(path.stem))


def take_sound_series(probe, major, program, out, **options):
    """A series whose ids hold; V8 loses track of moved objects now and then under heavy load."""
    for attempt in range(SERIES_ATTEMPTS):
        files = take_series(major, program, out / str(attempt), **options)
        lost = find(probe, files, "--lost-ids")["lost"]
        if lost < LOST_IDS_MAX:
            return files
        print(f"{program.stem}: V8 lost {lost} ids; the series is taken again")
    sys.exit(f"{program.stem}: no series with ids that hold in {SERIES_ATTEMPTS} attempts")


def find(probe, files, *flags):
    done = subprocess.run([probe, *flags, *map(str, files)], check=True, capture_output=True,
                          text=True, timeout=SERIES_TIMEOUT_S)
    return json.loads(done.stdout)


def wanted(program):
    mark = "//: leak "
    lines = program.read_text(encoding="utf-8").splitlines()
    return [json.loads(line[len(mark):]) for line in lines if line.startswith(mark)]


def names_on(path):
    """What a person would call the steps of a path: variables and properties, in order."""
    return [step["edge"] for step in path if step.get("edge_type") in ("property", "context")]


def faults_of(leak, want):
    """What is wrong with one leak, as texts."""
    faults = []
    if "name" in want and leak["name"] != want["name"]:
        faults.append(f"named {leak['name']!r}, not {want['name']!r}")
    if leak["kind"] != want["kind"]:
        faults.append(f"kind {leak['kind']!r}, not {want['kind']!r}")
    if any(count != want["count"] for count in leak["growth_count"]):
        faults.append(f"grew by {leak['growth_count']}, not {want['count']} in each round")
    if leak["count"] != sum(leak["growth_count"]) + want.get("swells", False):
        faults.append("count is not the sum of the growth")
    if min(leak["growth_bytes"]) <= 0 or leak["retained_bytes"] < sum(leak["growth_bytes"]):
        faults.append(f"bytes {leak['growth_bytes']} of {leak['retained_bytes']} make no sense")
    if not leak["path"] or leak["path"][-1]["id"] != leak["sample_id"]:
        faults.append("the path does not end at the sample")
    if "holder" in want and want["holder"] not in names_on(leak["path"])[-3:]:
        faults.append(f"{want['holder']!r} is not what the path ends by: {names_on(leak['path'])}")
    for words in want.get("says", []):
        if words not in leak["says"]:
            faults.append(f"{words!r} is not said: {leak['says']}")
    return faults


def check(leaks, wants):
    """Pairs leaks with what was planted; returns what is wrong."""
    left = list(leaks)
    faults = []
    for want in wants:
        best = min(left, key=lambda leak: len(faults_of(leak, want)), default=None)
        if best is None:
            faults.append(f"not found: {want}")
            continue
        left.remove(best)
        faults.extend(faults_of(best, want))
    faults.extend(f"not planted: {leak['kind']}, {leak['says']}" for leak in left)
    return faults


def run_programs(probe, major, names):
    programs = sorted((HERE / "programs").glob("*.js"))
    if names:
        programs = [program for program in programs if program.stem in names]
    failed = 0
    for program in programs:
        wants = wanted(program)
        if bool(wants) != program.stem.startswith("leak-"):
            sys.exit(f"{program.name}: leak-*.js say what is planted, ok-*.js plant nothing")
        with tempfile.TemporaryDirectory() as out:
            if wants:
                stretches = [take_sound_series(probe, major, program, pathlib.Path(out))]
            else:
                all_of_it = take_sound_series(probe, major, program, pathlib.Path(out), warm=1,
                                              rounds=HEALTHY_ROUNDS)
                stretches = [all_of_it[i:i + 3] for i in range(len(all_of_it) - 2)] + [all_of_it]
            faults = [f"{files[0].stem} to {files[-1].stem}: {fault}" for files in stretches
                      for fault in check(find(probe, files), wants)]
        failed += bool(faults)
        print(f"{'FAILED' if faults else 'ok'} {program.stem} on Node {major}")
        for fault in faults:
            print("    " + fault)
    print(f"{len(programs)} programs, {failed} failed")
    return failed != 0 or not programs


def self_test():
    """Each check must catch the fault it is for."""
    path = [{"id": 1}, {"id": 7, "edge": "cache", "edge_type": "context"},
            {"id": 9, "edge": 4, "edge_type": "element"}]
    good = {"name": "A", "kind": "growing collection", "count": 4, "growth_count": [2, 2],
            "growth_bytes": [8, 8], "retained_bytes": 16, "sample_id": 9, "path": path,
            "says": "A objects collect"}
    want = {"name": "A", "kind": "growing collection", "count": 2, "holder": "cache",
            "says": ["collect"]}
    planted = [{"name": "B"}, {"kind": "timer"}, {"growth_count": [2, 3]}, {"count": 5},
               {"growth_bytes": [0, 8]}, {"retained_bytes": 3}, {"sample_id": 8},
               {"path": [path[0], path[2]]}, {"says": "nothing"}]
    missed = [fault for fault in planted if not check([{**good, **fault}], [want])]
    missed += ["none found"] * (not check([], [want]))
    missed += ["one too many"] * (not check([good, good], [want]))
    missed += ["one on a healthy program"] * (not check([good], []))
    missed += ["a fault where there is none"] * bool(check([good], [want]))
    print(f"{len(planted) + 4} planted, missed: {missed}")
    return bool(missed)


def fault_sweep(probe):
    """One program for each part of the search: groups, coarse holders, swelling, no path."""
    for name in ("leak-two", "leak-beside-shrinking", "leak-numbers", "leak-sockets"):
        with tempfile.TemporaryDirectory() as out:
            files = take_series(DRIVER_MAJOR, HERE / "programs" / f"{name}.js", pathlib.Path(out))
            for flags in (["--fail-sweep"], ["--fail-sweep", "--class"]):
                swept = find(probe, files, *flags)["swept"]
                print(f"{name} {' '.join(flags)}: {swept} allocations refused")
                if swept < 10:
                    return True
    return False


def by_class(probe):
    """Three processes, one, two and three rounds of work: ids mean nothing between them."""
    program = HERE / "programs" / "leak-map.js"
    with tempfile.TemporaryDirectory() as out:
        files = [take_series(DRIVER_MAJOR, program, pathlib.Path(out) / str(acts), warm=0,
                             acts=acts * 5, rounds=1)[1] for acts in (1, 2, 3)]
        leaks = find(probe, files, "--class", "--min-growth", "65536")
        silent = find(probe, files, "--class", "--min-growth", "1000000000")
    for leak in leaks:
        print(leak["says"], leak["growth_bytes"])
    sessions = [leak for leak in leaks if leak["name"] == "Session"]
    return (len(sessions) != 1 or sessions[0]["growth_count"] != [1000, 1000]
            or "sessions" not in sessions[0]["says"] or len(silent) != 0)


def main():
    probe, what, *names = sys.argv[1:]
    if what == "--self-test":
        return self_test()
    if what == "--fault-sweep":
        return fault_sweep(probe)
    if what == "--by-class":
        return by_class(probe)
    return run_programs(probe, what, names)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A C program's snapshots in the tools that others made: Chrome DevTools' worker and memlab.

    test_region.py DUMP_ANALYSIS PLIM SUBJECT FOLDER

The program (tests/bridge/subject.c) runs; `plim snap pid:N` takes two snapshots of its region.
DevTools' worker must load both and agree with us in every column of every node, every row of the
Summary and of the Comparison (objects are matched by id); memlab must find as many nodes, and as
much retained by the root. A third, with one object a byte larger, must be seen to differ.
"""
import json
import pathlib
import shutil
import subprocess
import sys

from test_oracle import HERE, RUNTIMES, differences, node_of, ours, run, theirs


class Program:
    def __init__(self, path):
        self.process = subprocess.Popen([path, "memfd", "oracle"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.expect("ready")

    def expect(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            sys.exit(f"the subject said {line!r}, not {word!r}")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.expect("done")

    def snap(self, plim, file):
        taken = json.loads(run([plim, "snap", f"pid:{self.process.pid}", "-f", "-o", file,
                                "--json"]))
        return taken["snapshots"][0]["nodes"]


def memlab(file):
    return json.loads(run([node_of("node-22"), HERE.parents[1] / "bench/memlab.cjs", RUNTIMES,
                           file]))


def compare(dump, base, target, place):
    want = theirs(target, base)
    found = [what for threads in (1, 2)
             for what in differences(want, ours(dump, target, base, threads, place / "ours"))]
    print(f"DevTools: {want['nodes']} nodes, {len(want['classes'])} classes,"
          f" {len(want['diff'])} rows changed: {found or 'equal'}", flush=True)
    return want, found


def main():
    dump, plim, subject, place = map(pathlib.Path, sys.argv[1:])
    for name in ("devtools/worker.mjs", "memlab/node_modules/memlab/package.json"):
        if not (RUNTIMES / name).exists():
            sys.exit(f"{RUNTIMES / name} is missing. Try: tools/setup test")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    base, target = place / "base.heapsnapshot", place / "target.heapsnapshot"
    program = Program(subject)
    try:
        program.tell("work 500")
        program.tell("leak 300")
        program.snap(plim, base)
        program.tell("work 500")
        program.tell("leak 40")
        nodes = program.snap(plim, target)
    finally:
        program.process.kill()
        program.process.wait()
    want, found = compare(dump, base, target, place)
    changed = {row[0].split(",")[-1]: row for row in want["diff"]}
    self_bytes = json.loads(run([plim, "summary", target, "--json"]))["self_bytes"]
    seen = memlab(target)
    said = {"DevTools and we differ": found,
            "the Comparison does not show 104 new sessions, 64 gone":
                changed.get("session", [None, 0, 0])[1:3] != [104, 64],
            "memlab and we differ": (seen["nodes"], seen["largest_retained_bytes"])
                != (nodes, self_bytes)}
    print(f"memlab: {seen}")
    heap = json.loads(target.read_bytes())
    heap["nodes"][3 + 7 * (nodes // 2)] += 1
    base.write_text(json.dumps(heap), encoding="utf-8")
    said["a planted fault is not seen"] = not differences(
        want, ours(dump, base, None, 1, place / "ours"))
    said["memlab does not see a planted fault"] = (
        memlab(base)["largest_retained_bytes"] == self_bytes)
    shutil.rmtree(place)
    failed = [text for text, bad in said.items() if bad]
    print("\n".join(failed) or "all equal")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

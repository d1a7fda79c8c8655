#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is allocating with budgets as fast and as lean as the best general allocators? bench/README.md.

    bench/bench_alloc.py [--build DIR] [--rounds 9] [--runs 4] [--only WORD] [--traces FOLDER]

Every allocator runs each workload in a process of its own, in turn, so that what disturbs the
machine disturbs all of them; rounds x runs figures come of it. The table shows the minimum, the
ratio is to the best peer, once of minima and once of medians.

A bound of ourselves alone is judged by the minimum: what a shared machine adds is never negative. A
bound beside peers is judged round by round: the least of our process over the least of the peer's
that ran beside it, of these ratios the median, of the peers the one for which that is highest. For
a machine has faster and slower seconds (1.4 apart, seen), and starts of one build differ: with
minima alone, one fast second that only a peer had decides. Both are shown. Exit 1 if a bound is
broken.
"""
import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import record_traces

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = {"glibc": "", "jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4",
         "mimalloc": "libmimalloc.so.2"}
OURS = "plimsoll"
PRELOADED = "preloaded"  # libplimsoll-malloc.so, behind malloc() as the peers are
SMALL = ["pair64", "pair64var", "pairmix", "lifo64", "rand64", "lifomix", "randmix", "churn",
         "grow"]
SHARED = ["larson", "ring"]
FRAMES = ["frame", "frame+touch"]
POOLS = ["poolframe", "poolframe+touch"]
TRACES = ["sqlite3", "jq", "cc1"]
LEVELS = ["none", "minimal", "standard", "full"]


class Bench:
    def __init__(self, options):
        self.options, self.build = options, pathlib.Path(options.build).resolve() / "bench"
        self.figures = collections.defaultdict(lambda: collections.defaultdict(list))
        # By round, the least of each figure of that round's process: what is judged beside peers.
        self.starts = collections.defaultdict(lambda: collections.defaultdict(dict))
        self.names, self.doubts, self.bounds = {}, [], []
        self.preload = self.build.parent / "src/preload/libplimsoll-malloc.so"
        self.peers = [*PEERS, *([PRELOADED] if self.preload.exists() else [])]

    def program(self, kind, allocator):
        """The program and the environment for one allocator."""
        name, level = allocator.partition(":")[::2]
        env = {**os.environ, "BENCH_LEVEL": level or "minimal"}
        if name == PRELOADED:
            env["LD_PRELOAD"] = str(self.preload)
        if name in PEERS and PEERS[name]:
            env["LD_PRELOAD"] = PEERS[name]
        if name in PEERS or name == PRELOADED:
            return self.build / f"{kind}_malloc", env
        return self.build / f"{kind}_{'plim' if name == OURS else name}", env

    def ask(self, kind, allocator, *arguments, timeout=120):
        program, env = self.program(kind, allocator)
        if not program.exists():
            return None
        done = subprocess.run([program, *map(str, arguments)], env=env, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            self.doubts.append(f"{allocator} {' '.join(map(str, arguments))}: "
                               f"ended with {done.returncode}")
            return None
        answer = json.loads(done.stdout)
        if answer["doubt"]:
            self.doubts.append(f"{allocator} {arguments[0]}: {answer['doubt']}")
        return answer

    def run(self, work, allocators):
        if self.options.only and self.options.only not in work:
            return
        for turn in range(self.options.rounds):
            for allocator in allocators:
                answer = self.ask("alloc_driver", allocator, work, self.options.runs)
                if answer is not None:
                    self.names[work] = answer["figures"].split(",")
                    self.note(work, allocator, turn, answer["runs"])

    def replay(self, name, trace, allocators, touch):
        work = f"{name} touched" if touch else name
        if self.options.only and self.options.only not in work:
            return
        arguments = [trace, self.options.runs] + (["--touch"] if touch else [])
        for turn in range(self.options.rounds):
            for allocator in allocators:
                answer = self.ask("trace_replay", allocator, *arguments)
                if answer is None:
                    continue
                over = answer["peak_held_bytes"] / answer["peak_live_bytes"]
                self.names[work] = ["ns", "peak_over_live"]
                self.note(work, allocator, turn, [[run, over] for run in answer["runs"]])

    def note(self, work, allocator, turn, runs):
        self.figures[work][allocator] += runs
        self.starts[work][allocator][turn] = [min(column) for column in zip(*runs)]

    # --- what came of it ------------------------------------------------------------------------

    def of(self, work, allocator, figure=0, how=min):
        runs = self.figures.get(work, {}).get(allocator, [])
        return how(run[figure] for run in runs) if runs else None

    def best(self, work, figure=0, how=min):
        """The best peer and its figure."""
        found = [(self.of(work, peer, figure, how), peer) for peer in PEERS
                 if self.of(work, peer, figure, how) is not None]
        return min(found) if found else (None, "-")

    def beside(self, ours, theirs, figure=0):
        """The median over the rounds of one process's least over that of the one beside it; each is
        a workload and an allocator."""
        ours, theirs = (self.starts[work].get(allocator, {}) for work, allocator in (ours, theirs))
        ratios = [ours[turn][figure] / theirs[turn][figure] for turn in ours.keys() & theirs.keys()
                  if theirs[turn][figure] > 0]
        return statistics.median(ratios) if ratios else None

    def hardest(self, ours, work, figure=0, peers=tuple(PEERS)):
        """Of the peers the one that we are furthest behind, and by how much."""
        found = [(self.beside(ours, (work, peer), figure), peer) for peer in peers]
        return max((pair for pair in found if pair[0] is not None), default=(None, "-"))

    def table(self, title, rows, columns):
        """Rows are a label, a workload and which of its figures."""
        rows = [row for row in rows if self.figures.get(row[1])]
        if not rows:
            return
        print(f"\n{title:28}" + "".join(f"{name[:10]:>11}" for name in columns) +
              "   ratio (medians)  to")
        for label, work, figure in rows:
            cells = "".join(show(self.of(work, name, figure)) for name in columns)
            low, peer = self.best(work, figure)
            middle, _ = self.best(work, figure, statistics.median)
            ours, ours_middle = (self.of(work, OURS, figure),
                                 self.of(work, OURS, figure, statistics.median))
            ratio = f"{ours / low:8.2f} ({ours_middle / middle:.2f})  {peer:>10}" \
                if ours and low else ""
            print(f"{label:28}{cells}{ratio}")

    def all_of(self, work):
        """A row for each figure of a workload."""
        return [(name.replace("_", " "), work, figure)
                for figure, name in enumerate(self.names.get(work, []))]

    def bound(self, text, value, most):
        if value is None:
            return
        self.bounds.append({"bound": text, "value": round(value, 3), "most": round(most, 3),
                            "held": value <= most})

    def ratio(self, text, work, most, figure=0, peers=tuple(PEERS), peers_work=None):
        """By the median of the rounds; that of the minima stands beside it."""
        value, peer = self.hardest((work, OURS), peers_work or work, figure, peers)
        if value is None:
            return
        ours, theirs = self.of(work, OURS, figure), self.of(peers_work or work, peer, figure)
        self.bound(f"{text} ({work}: of {len(self.starts[work][OURS])} starts beside {peer}'s; "
                   f"minima {ours:.4g} to {theirs:.4g}, {ours / theirs:.2f})", value, most)

    def judge(self):
        self.ratio("64 B taken and given back, of the fastest peer", "pair64", 0.9)
        self.ratio("two threads that exchange blocks, of the fastest", "larson", 1.2)
        for work in ["rand64", "randmix", *TRACES]:
            self.ratio("random order and traces, of the best peer", work, 1.2)
        for work in TRACES:
            self.bound(f"peak held over peak live, {work}", self.of(work, OURS, 1), 1.35)
        self.bound("p99.99 of an allocation, ns", self.of("latency", OURS, 2), 600)
        self.ratio("p99.99 of an allocation, of mimalloc's", "latency", 1.0, 2, ["mimalloc"])
        self.bound("bookkeeping of a frame of 40 buffers, ns", self.of("poolframe", OURS), 100)
        self.ratio("a touched frame, of the best general allocator's", "poolframe+touch", 0.5,
                   peers_work="frame+touch")
        growth = self.figures.get("poolgrowth", {}).get(OURS)
        if growth:
            self.bound("growth over 10^6 frames, bytes and requests",
                       max(map(abs, growth[0])), 0)
        with_budget, without = self.of("pair64", OURS), self.of("pair64", "uncharged")
        if with_budget is not None and without is not None:
            self.bound("what charging adds to a pair, ns", with_budget - without,
                       max(0.3, 0.1 * without))
        self.bound("runs after which bytes were unaccounted for", float(len(self.doubts)), 0)

    def levels(self):
        base = ("levels", f"{OURS}:{LEVELS[0]}")
        rows = [(level, self.of("levels", f"{OURS}:{level}"),
                 self.beside(("levels", f"{OURS}:{level}"), base)) for level in LEVELS]
        rows = [row for row in rows if row[2] is not None]
        if rows:
            print("\nlevels on the sqlite3 trace, every byte written: " +
                  ", ".join(f"{level} {value:.1f} ns ({ratio - 1:+.0%})"
                            for level, value, ratio in rows))

    def report(self):
        peers = self.peers

        def first(names):
            return [(name, name, 0) for name in names]

        self.table("a thread, ns a pair", first(SMALL), [*peers, OURS, "uncharged", "floor"])
        self.table("two threads, ns", first(SHARED), [*peers, OURS, "floor"])
        self.table("frames of 40 buffers, ns", first(FRAMES + POOLS), [*peers, OURS])
        self.table("64 that end together, ns", first(["scope"]), [*peers, "talloc", "apr", OURS])
        self.table("traces, ns an event",
                   first(TRACES + [f"{name} touched" for name in TRACES]),
                   [*peers, OURS, "uncharged", "floor"])
        self.table("traces, peak held / live", [(name, name, 1) for name in TRACES],
                   [*peers, OURS, "floor"])
        self.table("steady state", self.all_of("latency"), [*peers, OURS, "floor"])
        self.table("growing sizes, 9/10 freed", self.all_of("phases"), [*peers, OURS, "floor"])
        self.table("own records, bytes", self.all_of("records"), [OURS])
        self.levels()
        print()
        for bound in self.bounds:
            print(f"{'ok    ' if bound['held'] else 'BROKEN'} {bound['value']:9.3f} "
                  f"(at most {bound['most']:.4g})  {bound['bound']}")
        for doubt in self.doubts:
            print(f"doubt: {doubt}")


def show(value):
    if value is None:
        return f"{'-':>11}"
    return f"{value:11.0f}" if value >= 1000 else f"{value:11.2f}"


def measure(bench, traces):
    peers = bench.peers
    for work in SMALL:
        bench.run(work, [*peers, OURS, "uncharged", "floor"])
    for work in SHARED + ["latency", "phases"]:
        bench.run(work, [*peers, OURS, "floor"])
    for work in FRAMES:
        bench.run(work, [*peers, OURS])
    for work in POOLS + ["poolgrowth", "records"]:
        bench.run(work, [OURS])
    bench.run("scope", [*peers, OURS, "talloc", "apr"])
    for name, trace in traces.items():
        bench.replay(name, trace, [*peers, OURS, "uncharged", "floor"], False)
        bench.replay(name, trace, [*peers, OURS], True)
    if "sqlite3" in traces and not bench.options.only:
        for turn in range(bench.options.rounds):
            for level in LEVELS:
                answer = bench.ask("trace_replay", f"{OURS}:{level}", traces["sqlite3"], 4,
                                   "--touch")
                if answer is not None:
                    bench.note("levels", f"{OURS}:{level}", turn,
                               [[run] for run in answer["runs"]])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--only", help="workloads whose name contains it")
    parser.add_argument("--traces", help="a folder of record_traces.py's; else recorded now")
    options = parser.parse_args()
    began = time.monotonic()
    bench = Bench(options)
    with tempfile.TemporaryDirectory() as folder:
        if options.traces:
            traces = {name: pathlib.Path(options.traces) / f"{name}.trace" for name in TRACES}
        elif options.only and not any(options.only in name for name in TRACES):
            traces = {}
        else:
            traces = record_traces.record_all(folder, options.build)
        measure(bench, traces)
    bench.judge()
    bench.report()
    figures = {work: {allocator: {"min": [min(column) for column in zip(*runs)],
                                  "median": [statistics.median(column) for column in zip(*runs)],
                                  "starts": list(bench.starts[work][allocator].values()),
                                  "runs": len(runs)} for allocator, runs in of.items()}
               for work, of in bench.figures.items()}
    print(json.dumps({"bench": "alloc", "seconds": round(time.monotonic() - began),
                      "names": bench.names, "figures": figures, "bounds": bench.bounds,
                      "doubts": bench.doubts}))
    return 0 if all(bound["held"] for bound in bench.bounds) else 1


if __name__ == "__main__":
    sys.exit(main())

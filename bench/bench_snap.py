#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does `plim snap` cost anything beside the target's own work, and does its memory stay flat?

Bound: peak memory under 48 MiB on a snapshot of at least 300 MB, and a median ratio of time of at
most 1.05, over 11 alternating pairs, to a reader that only discards the bytes (discard_reader.c).

    bench_snap.py [--build DIR] [--node BINARY] [--pairs N] [--objects N]

Both read the same heap of one Node in turn; who goes first alternates. Exit 1 if a bound is broken.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES", ROOT / ".runtimes"))
PEAK_BOUND_BYTES = 48 << 20
RATIO_BOUND = 1.05
SIZE_BOUND_BYTES = 300_000_000


def start_target(node, objects):
    target = subprocess.Popen([node, "--inspect=127.0.0.1:0", "--max-old-space-size=4096",
                               str(ROOT / "bench" / "snap_target.js"), str(objects)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = re.search(r"ws://127\.0\.0\.1:(\d+)(/\S+)", target.stderr.readline())
    threading.Thread(target=target.stderr.read, daemon=True).start()
    assert target.stdout.readline() == "ready\n"
    return target, int(address[1]), address[2]


def peak_of(process):
    """The highest memory the kernel noted, looked at until the process has gone."""
    peak = 0
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024)
        except (OSError, TypeError):
            pass
        time.sleep(0.02)
    return peak


def run_plim(plim, port, path):
    begin = time.monotonic()
    process = subprocess.Popen([plim, "snap", f"127.0.0.1:{port}", "-o", path, "-f", "--force",
                                "-q"], stdout=subprocess.DEVNULL)
    peak = peak_of(process)
    seconds = time.monotonic() - begin
    if process.returncode != 0:
        sys.exit(f"plim snap ended with {process.returncode}")
    return seconds, peak, os.path.getsize(path)


def run_reader(reader, port, url):
    begin = time.monotonic()
    result = subprocess.run([reader, str(port), url], check=True, stdout=subprocess.PIPE)
    return time.monotonic() - begin, json.loads(result.stdout)["bytes"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--node", default=str(RUNTIMES / "node-24/node_modules/runtime/bin/node"))
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--objects", type=int, default=1400000)
    options = parser.parse_args()
    plim = f"{options.build}/src/cli/plim"
    reader = f"{options.build}/bench/discard_reader"
    target, port, url = start_target(options.node, options.objects)
    rows, peak, size = [], 0, 0
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/json/version").read()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bench.heapsnapshot")
            run_reader(reader, port, url)  # the first one grows the target's memory
            print(f"{'pair':>4} {'plim s':>8} {'reader s':>9} {'ratio':>6} {'peak MiB':>9}")
            for pair in range(options.pairs):
                if pair % 2 == 0:
                    ours, this_peak, size = run_plim(plim, port, path)
                    theirs, _ = run_reader(reader, port, url)
                else:
                    theirs, _ = run_reader(reader, port, url)
                    ours, this_peak, size = run_plim(plim, port, path)
                peak = max(peak, this_peak)
                rows.append((ours, theirs))
                print(f"{pair + 1:4} {ours:8.2f} {theirs:9.2f} {ours / theirs:6.3f} "
                      f"{this_peak / 1048576:9.1f}", flush=True)
    finally:
        target.kill()
        target.wait()
    ratio = statistics.median(ours / theirs for ours, theirs in rows)
    print(f"median ratio {ratio:.3f} (at most {RATIO_BOUND}), peak {peak / 1048576:.1f} MiB "
          f"(under 48), snapshot {size / 1e6:.0f} MB (at least 300)")
    print(json.dumps({"bench": "snap", "pairs": len(rows), "ratio_median": round(ratio, 4),
                      "ratios": [round(a / b, 4) for a, b in rows], "peak_bytes": peak,
                      "snapshot_bytes": size,
                      "plim_seconds": [round(a, 3) for a, _ in rows],
                      "reader_seconds": [round(b, 3) for _, b in rows]}))
    sound = (ratio <= RATIO_BOUND and peak < PEAK_BOUND_BYTES and size >= SIZE_BOUND_BYTES)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())

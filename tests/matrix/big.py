#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A snapshot of at least 300 MB from a real runtime, with plim below 48 MiB.

    big.py PLIM ROW [--pause SECONDS]

The target makes objects until a snapshot of them is that large; plim takes it to a file, and the
kernel says how much memory plim had at most. With --pause plim is stopped (SIGSTOP) that long while
it receives, as a machine that swaps would: the snapshot must be whole afterwards, or plim must say
that it is not (exit 4) and what to do, and leave nothing under the file's name."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

from rows import ROWS

MOST_BYTES = 48 << 20
LEAST_BYTES = 300 << 20


def take(plim, runtime, file, pause):
    """Runs plim snap; its exit code, what it said, its peak in bytes."""
    out, err = (open(runtime.folder / name, "w+", encoding="utf-8") for name in ("out", "err"))
    child = subprocess.Popen([plim, "snap", runtime.address, "-o", file, "--force", "--json"],
                             stdout=out, stderr=err)
    if pause > 0:
        part = 0
        while part < 20 << 20 and child.poll() is None:  # some of it has come: it receives
            time.sleep(0.05)
            part = max((one.stat().st_size for one in runtime.folder.glob(f"{file.name}.*")),
                       default=0)
        assert part >= 20 << 20, "it ended before it could be stopped"
        child.send_signal(signal.SIGSTOP)
        time.sleep(pause)
        child.send_signal(signal.SIGCONT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
        stream.close()
    return child.returncode, texts[0], texts[1], usage.ru_maxrss << 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plim")
    parser.add_argument("row", choices=sorted(ROWS))
    parser.add_argument("--pause", type=float, default=0)
    options = parser.parse_args()
    runtime = ROWS[options.row]()
    try:
        runtime.start()
        for _ in range(10):
            runtime.do(f"grow {runtime.objects_of_300_mb // 10}")
        file = runtime.folder / "big.snapshot"
        code, out, err, peak = take(options.plim, runtime, file, options.pause)
        print(f"{options.row}: exit {code}, plim had {peak / 2 ** 20:.1f} MiB at most; "
              f"{err.strip()}", flush=True)
        assert peak < MOST_BYTES, "plim took more than 48 MiB"
        if code == 4 and options.pause > 0:
            assert not file.exists() and "try:" in err, err
            return
        assert code == 0, err
        taken = json.loads(out)["snapshots"][0]
        print(f"  {taken['bytes'] / 1e6:.0f} MB, {taken['nodes']} nodes, the target stood still "
              f"{taken['pause_ns'] / 1e9:.1f} s")
        assert taken["bytes"] == file.stat().st_size >= LEAST_BYTES, taken
        assert taken["nodes"] > runtime.objects_of_300_mb
    finally:
        runtime.stop()


if __name__ == "__main__":
    sys.exit(main())

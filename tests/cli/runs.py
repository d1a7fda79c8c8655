# SPDX-License-Identifier: MIT
"""plim run under way: its events, the processes it is, and what is left of it."""

import json
import os
import signal
import subprocess
import tempfile
import time

from plim import PLIM


class Run:
    """A plim run under way, with its events."""

    def __init__(self, *args, program=None, env=None):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "events")
        command = [PLIM, "run", *args, "--events", self.path]
        self.process = subprocess.Popen(
            command + (["--", *program] if program else []), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})})

    def events(self, kind=None):
        try:
            with open(self.path, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file.read().split("\n")[:-1]]
        except FileNotFoundError:
            return []
        return [row for row in rows if kind is None or row["event"] == kind]

    def wait_for(self, kind, count=1, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            rows = self.events(kind)
            if len(rows) >= count:
                return rows
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        rows = self.events(kind)
        if len(rows) < count:
            self.process.kill()
            raise AssertionError(f"{len(rows)} {kind} events: {self.events()} "
                                 f"{self.process.communicate()}")
        return rows

    def wait_for_last(self, kind, timeout=60):
        """Of one whose process is gone already, and only its supervisor still writes."""
        end = time.monotonic() + timeout
        while not self.events(kind):
            if time.monotonic() > end:
                raise AssertionError(f"no {kind}: {self.events()}")
            time.sleep(0.02)

    def supervisor(self):
        """The process that supervises: its guard is its parent. With a service manager: itself."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            children = [int(word) for word in file.read().split()]
        with open(f"/proc/{self.process.pid}/comm", encoding="ascii") as file:
            return children[0] if file.read().strip() == "plim-guard" else self.process.pid

    def stop(self, wanted=0, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        out, err = self.process.communicate(timeout=30)
        if self.process.returncode != wanted:
            raise AssertionError(f"exit {self.process.returncode}, not {wanted}: {err}")
        return out, err


def alive(mark):
    """Processes whose command line has the mark."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if mark.encode() in file.read():
                        found.append(int(pid))
            except OSError:
                pass
    return [pid for pid in found if pid != os.getpid()]

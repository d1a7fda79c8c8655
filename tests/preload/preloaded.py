# SPDX-License-Identifier: MIT
"""Runs programs under libplimsoll-malloc.so and reads their reports."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

FIGURES = ("used_bytes", "cached_bytes", "slack_bytes", "free_bytes", "tables_bytes")
DEBIAN = "/usr/sbin:/usr/bin:/sbin:/bin"  # not what somebody put in front of it


class Preload:
    """A folder for reports, and the variables that ask for them."""

    def __init__(self, library):
        self.library = library
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)

    def close(self):
        self.folder.cleanup()

    def env(self, **variables):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PLIM_")}
        kept.update(LD_PRELOAD=str(self.library), PLIM_REPORT=str(self.path / "report-%p"),
                    PLIM_REPORT_FORM="json", PATH=DEBIAN, LC_ALL="C.UTF-8",
                    XDG_CONFIG_HOME=str(self.path), HOME=str(self.path))
        kept.update(variables)
        return {key: value for key, value in kept.items() if value is not None}

    def run(self, *command, stdin=None, timeout=120, cwd=None, **variables):
        """What subprocess.run() gives; of a command that is stopped, its children end, too."""
        with subprocess.Popen([str(word) for word in command], text=True,
                              stdin=None if stdin is None else subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              start_new_session=True, cwd=cwd or self.path,
                              env=self.env(**variables)) as child:
            try:
                out, err = child.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.communicate()
                raise
        return subprocess.CompletedProcess(command, child.returncode, out, err)

    def reports(self, program=None):
        """All reports so far, oldest process first; each was found sound."""
        found = []
        for path in sorted(self.path.glob("report-*")):
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                if line.endswith("\n"):  # else it is being written
                    found.append(json.loads(line))
        for report in found:
            check(report)
        return [report for report in found if program in (None, report["program"])]

    def forget(self):
        for path in self.path.glob("report-*"):
            path.unlink()


def check(report):
    """Held is the sum of its parts, used that of the domains, and no domain is above its limit."""
    manager, domains = report["memory"]["manager"], report["memory"]["domains"]
    assert manager["held_bytes"] == sum(manager[key] for key in FIGURES), manager
    # What threads have cached may move between the reading of one row and the next.
    assert sum(row["used_bytes"] for row in domains) == manager["used_bytes"] or \
        report["when"] == "signal", report
    assert manager["used_bytes"] + manager["cached_bytes"] <= manager["total_bytes"], manager
    for row in domains:
        limit = row["limit_bytes"]
        assert limit is None or row["used_bytes"] + row["cached_bytes"] <= limit, row


def resident(report, smaps):
    """Bytes that the kernel has for the manager's range, as /proc/PID/smaps says."""
    start = int(report["space_start"], 16)
    end = start + report["space_bytes"]
    total, inside = 0, False
    for line in smaps.splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if head:
            inside = start <= int(head[1], 16) and int(head[2], 16) <= end
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def domain(report, name):
    return next(row for row in report["memory"]["domains"] if row["name"] == name)

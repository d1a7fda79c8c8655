# SPDX-License-Identifier: MIT
"""A C program with a region, started and talked to (subject.c); and the command, to look at it."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from plim import BARE, PLIM, Terminal, run  # noqa: E402,F401  (takes argv[1])

PROGRAM = sys.argv.pop(1)


class Subject:
    """The program, until it is ended; it dies with the test."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1, env=BARE)
        self.expect("ready")
        self.pid = self.process.pid

    def expect(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            raise AssertionError(f"the subject said {line!r}, not {word!r}")

    def tell(self, line, wait=True):
        self.process.stdin.write(line + "\n")
        if wait and not line.startswith(("die", "end")):
            self.expect("done")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

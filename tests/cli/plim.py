# SPDX-License-Identifier: MIT
"""Runs the command for a test: bare environment, captured output, optionally a terminal."""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import fcntl
import time

PLIM = os.path.abspath(sys.argv.pop(1))
BARE = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"}
for name in os.environ:
    if name.endswith("SAN_OPTIONS"):
        BARE[name] = os.environ[name]


class Run:
    """What a run left: code, out, err (bytes and text)."""

    def __init__(self, code, out, err):
        self.code, self.raw, self.err_raw = code, out, err
        self.out = out.decode("utf-8", "surrogateescape")
        self.err = err.decode("utf-8", "surrogateescape")


def run(*arguments, cwd=None, env=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        timeout=60):
    done = subprocess.run([PLIM, *map(str, arguments)], cwd=cwd, env={**BARE, **(env or {})},
                          stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=timeout,
                          check=False)
    return Run(done.returncode, done.stdout or b"", done.stderr)


class Terminal:
    """The command on a pseudo terminal of a given size."""

    def __init__(self, *arguments, columns=80, lines=24, cwd=None, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if cwd is not None:
                os.chdir(cwd)
            os.execve(PLIM, [PLIM, *map(str, arguments)],
                      {**BARE, "TERM": "xterm", **(env or {})})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.seen = b""
        self.started = time.monotonic()

    def read(self, timeout):
        """Reads what comes until the time is over; False at the end of output."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                return True
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                return False
            if not piece:
                return False
            self.seen += piece
        return True

    def wait_for(self, pattern, timeout=30):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            if time.monotonic() > end or not self.read(0.1):
                raise AssertionError(f"{pattern!r} did not come; seen: {self.seen!r}")

    def type(self, data):
        os.write(self.fd, data)

    def finish(self, timeout=30):
        """The exit code, once the output has ended."""
        end = time.monotonic() + timeout
        while self.read(0.2):
            if time.monotonic() > end:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"it did not end; seen: {self.seen!r}")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def strip_styles(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

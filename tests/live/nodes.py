# SPDX-License-Identifier: MIT
"""Real Nodes and the probe that drives the library, for the live tests beside this file.

Every test file is run as `test_….py PROBE VERSION`. A Node that is missing is a failure.
"""
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES", ROOT / ".runtimes"))
PROBE = sys.argv[1] if len(sys.argv) > 1 else ""
VERSION = sys.argv[2] if len(sys.argv) > 2 else "20"
NODE = str(RUNTIMES / f"node-{VERSION}/node_modules/runtime/bin/node")
DEADLINE_S = 60


def wait_for(what, condition, seconds=10):
    """Polls; the machine may be slow, so only a generous deadline decides."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def listening_ports(pid):
    """Ports that a process listens on, by /proc alone: an oracle apart from the library's."""
    inodes = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return set()
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                words = line.split()
                if words[3] == "0A" and words[9] in inodes:
                    ports.add(int(words[1].rsplit(":", 1)[1], 16))
    return ports


def state_of(pid):
    """The letter of /proc/PID/stat; "" where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def is_running(pid):
    return state_of(pid) not in ("", "Z", "X")


def status_kb(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise AssertionError(f"no {key} in /proc/{pid}/status")


def text_of(file):
    """What is in a file that others write to, read through a position of our own."""
    with open(f"/proc/self/fd/{file.fileno()}", "rb") as own:
        return own.read().decode(errors="replace")


class Process:
    """A program that says when it is ready (a line on standard output) and is ended by its test."""

    def __init__(self, argv, ready=True, **more):
        self.errors = tempfile.TemporaryFile("a+b")  # appended to: reading moves no writer
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=self.errors, start_new_session=True, **more)
        self.pid = self.child.pid
        if ready:
            ready_in, _, _ = select.select([self.child.stdout], [], [], DEADLINE_S)
            self.first_line = self.child.stdout.readline().decode() if ready_in else ""
            if not self.first_line:
                text = self.said()
                self.end()
                raise AssertionError(f"{argv[0]} did not start: {text}")

    def said(self):
        return text_of(self.errors)

    def end(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        self.child.stdout.close()
        self.errors.close()


class Probe:
    """The library in a process of its own: a line in, a JSON object out."""

    def __init__(self, *options):
        self.errors = tempfile.TemporaryFile("a+b")  # appended to: reading moves no writer
        self.child = subprocess.Popen([PROBE, *options], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=self.errors)
        self.buffer = b""

    def tell(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def hear(self, seconds=DEADLINE_S):
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            readable, _, _ = select.select([self.child.stdout], [], [], max(left, 0))
            more = os.read(self.child.stdout.fileno(), 1 << 20) if readable else b""
            if not more:
                raise AssertionError(f"the probe is silent: {self.said()}")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, line, seconds=DEADLINE_S):
        self.tell(line)
        return self.hear(seconds)

    def said(self):
        return text_of(self.errors)

    def end(self):
        self.child.stdin.close()
        try:
            code = self.child.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            code = self.child.wait()
        self.child.stdout.close()
        text = self.said()
        self.errors.close()
        # A sanitizer's or a check's complaint must not go unseen.
        if code not in (0, -signal.SIGKILL):
            raise AssertionError(f"the probe ended with {code}: {text}")


class Case(unittest.TestCase):
    """Has a folder, and ends what it began."""

    maxDiff = None

    def setUp(self):
        self.assertTrue(os.access(NODE, os.X_OK), f"Node {VERSION} is missing: {NODE}")
        self.assertTrue(os.access(PROBE, os.X_OK), f"no probe: {PROBE}")
        self.folder = tempfile.mkdtemp(prefix="plim-live-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def node(self, program, *options, arguments=(), name="app.js", **more):
        """Starts Node on a program that prints a line once it is ready."""
        path = self.write(name, program)
        process = Process([NODE, *options, path, *arguments], cwd=self.folder, **more)
        self.addCleanup(process.end)
        return process

    def start(self, argv, **more):
        process = Process(argv, **more)
        self.addCleanup(process.end)
        return process

    def probe(self, *options):
        probe = Probe(*options)
        self.addCleanup(probe.end)
        return probe

    def assertStatus(self, reply, status):
        self.assertEqual(reply["status"], status, reply)

    def inspector_of(self, process):
        """The port of a Node that was started with --inspect=…:0."""
        line = wait_for("an inspector", lambda: [one for one in process.said().splitlines()
                                                 if one.startswith("Debugger listening on ")])
        return int(line[0].split("/")[2].rsplit(":", 1)[1])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main():
    unittest.main(argv=sys.argv[:1], verbosity=2, warnings="ignore")

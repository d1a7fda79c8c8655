# SPDX-License-Identifier: MIT
"""Real Nodes for the live tests of the command. One that is missing is a failure, not a skip."""

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNTIMES = os.environ.get("PLIM_RUNTIMES") or os.path.join(ROOT, ".runtimes")
VERSIONS = (20, 22, 24, 26)


def path(version):
    file = os.path.join(RUNTIMES, f"node-{version}/node_modules/runtime/bin/node")
    assert os.path.exists(file), f"no Node {version} at {file}: run tools/setup"
    return file


class Node:
    """A script that runs, with its inspector on a free port unless told otherwise."""

    def __init__(self, script, version=22, inspect="--inspect=127.0.0.1:0"):
        flags = [inspect] if inspect else []
        # A file, not -e: sources then have a name.
        self.child = subprocess.Popen([path(version), *flags, script], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pid, self.port, self.printed = self.child.pid, None, []
        self._started = threading.Event()
        threading.Thread(target=self._listen, args=(self.child.stderr,), daemon=True).start()
        threading.Thread(target=self._print, daemon=True).start()
        if inspect:
            assert self._started.wait(20), "the inspector did not open"

    def _listen(self, stream):
        for line in stream:
            match = re.search(r"listening on ws://127\.0\.0\.1:(\d+)/", line)
            if match:
                self.port = int(match[1])
                self._started.set()

    def _print(self):
        for line in self.child.stdout:
            self.printed.append(line.strip())

    def wait_print(self, text, timeout=30):
        end = time.monotonic() + timeout
        while text not in self.printed:
            assert time.monotonic() < end, f"{text!r} was not printed: {self.printed}"
            time.sleep(0.02)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def is_alive(self):
        return self.child.poll() is None

    def answers(self):
        with urllib.request.urlopen(f"http://{self.address}/json", timeout=10) as reply:
            return reply.status == 200

    def end(self):
        if self.is_alive():
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.child.stdout.close()
        self.child.stderr.close()

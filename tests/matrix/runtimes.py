# SPDX-License-Identifier: MIT
"""Real runtimes behind one face, for the matrix. One class for each, in a file of its own; what is
common lies here. A runtime that is missing is a failure, not a skip.

Every runtime runs the same program (PROGRAM below), which obeys these commands:
    grow N       N more objects of class Planted, made by plantedSite(), held by `held`
    numbers N    an array of N numbers that are no small integers: 8 bytes each, everywhere
    work N       N such objects that nobody keeps
    drop         forgets all of it
    plant        1,000 secrets, in every place where a snapshot could show them
    leave        loads the page anew (pages alone)
    churn / calm plantedSite() makes and keeps 300 objects every 20 ms, until calm
How a command gets there is the runtime's: a line of standard input, a page that asks a server of
the test's, a request."""

import collections
import contextlib
import http.server
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from secrets_planted import Secrets

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES") or ROOT / ".runtimes")

SECRETS = Secrets(2026)
PROGRAM = SECRETS.program() + """
class Planted { constructor(n) { this.payload = [n, n + 0.5, n + 1.5, n + 2.5]; } }
globalThis.held = [];
globalThis.arrays = [];
globalThis.beat = 0;
function plantedSite(count) { for (let i = 0; i < count; i++) held.push(new Planted(i)); }
function work(count) { for (let i = 0; i < count; i++) globalThis.last = new Planted(i); }
function obey(line) {
  const [word, count] = line.trim().split(' ');
  if (word === 'grow') plantedSite(Number(count));
  else if (word === 'numbers') arrays.push(new Array(Number(count)).fill(1.5));
  else if (word === 'work') work(Number(count));
  else if (word === 'drop') { held = []; arrays = []; }
  else if (word === 'churn') beat = setInterval(() => plantedSite(300), 20);
  else if (word === 'calm') clearInterval(beat);
  else if (word === 'leave') location.reload();
  else if (word === 'plant') plant();
  else throw new Error('no command: ' + line);
}
"""

# Lines of standard input, for those that have Node's modules.
STDIN = PROGRAM + """
import('node:readline').then(({ createInterface }) => {
  createInterface({ input: process.stdin }).on('line', (line) => {
    obey(line);
    console.log('done ' + line);
  });
  console.log('done starting');
});
"""

# A page asks for its next command, and asks with the last one's name, which says that it is done.
PAGE = """<!doctype html><meta charset=utf-8><title>Planted</title><script>""" + PROGRAM + """
(async () => {
  for (let done = 'starting';;) {
    const reply = await fetch('/next?done=' + encodeURIComponent(done));
    done = await reply.text();
    if (done !== '') obey(done);
  }
})();
</script>"""


def program(folder, path):
    """The executable of a runtime that tools/setup brought from npm."""
    file = RUNTIMES / folder / "node_modules/runtime" / path
    assert file.exists(), f"no {folder} at {file}: run tools/setup test"
    return str(file)


def debian(*names):
    """The executable of a runtime that tools/setup brought from Debian."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise AssertionError(f"no {names[0]} here: run tools/setup test")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds=30, pause=0.02):
    """The first true value of what(), or a failure."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what.__name__}"
        time.sleep(pause)


class Runtime:
    """One runtime that runs PROGRAM. Fields after start(): address (for plim), pid."""

    name = ""  # as plim calls it, "node"
    row = ""  # of the table in docs/runtimes.md, without the version: "Node 20"
    grows = "used_bytes"  # the figure of usage in which large objects are
    address = ""
    pid = 0
    listener = 0  # the process that has the inspector's port, where that is another one
    objects_of_300_mb = 1400000  # of class Planted: so many make a snapshot that large

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plim-matrix-"))
        self.children = []
        self.printed = collections.deque(maxlen=2000)
        self._lines = queue.Queue()

    def spawn(self, *command, stdin=subprocess.PIPE, **more):
        """A child in a process group of its own; self.heard() hears both its outputs."""
        child = subprocess.Popen([str(word) for word in command], stdin=stdin,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 start_new_session=True, cwd=self.folder, errors="replace", **more)
        self.children.append(child)
        threading.Thread(target=self._hear, args=(child.stdout,), daemon=True).start()
        return child

    def _hear(self, stream):
        for line in stream:
            self.printed.append(line)
            self._lines.put(line)

    def heard(self, pattern, seconds=30):
        """The match of the first line not yet read that has the pattern."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.row} did not say {pattern}: {list(self.printed)}") \
                    from None
            match = re.search(pattern, line)
            if match:
                return match

    def start(self):
        raise NotImplementedError

    def do(self, command):
        """Gives a command and returns when it was obeyed."""
        raise NotImplementedError

    @contextlib.contextmanager
    def churning(self):
        self.do("churn")
        try:
            yield
        finally:
            self.do("calm")

    def kill(self, sig=signal.SIGKILL):
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sig)

    def title(self):
        """What plim calls it, in every verb: what its user calls it."""
        return str(self.folder / "planted.mjs")

    def stop(self):
        self.kill()
        for child in self.children:
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self.children = []
        shutil.rmtree(self.folder, ignore_errors=True)


class Piped(Runtime):
    """A program that takes its commands from standard input."""

    def do(self, command):
        child = self.children[0]
        child.stdin.write(command + "\n")
        child.stdin.flush()
        self.heard(f"^done {re.escape(command)}$", 60)

    def write(self, name, text=STDIN):
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file


class Page(Runtime):
    """A page in a browser, which takes its commands from a server of ours."""

    page = PAGE

    def title(self):
        return "Planted"

    def serve(self):
        """Starts the server; the page's URL."""
        runtime = self
        self.commands = queue.Queue()
        self.done = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b""
                if self.path == "/":
                    body = runtime.page.encode()
                elif self.path.startswith("/next"):
                    runtime.done.put(True)
                    body = (runtime.commands.get() or "").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def await_page(self, seconds=60):
        """Until the page has run and waits for its first command."""
        self.done.get(timeout=seconds)

    def do(self, command):
        self.commands.put(command)
        self.done.get(timeout=60)

    def stop(self):
        super().stop()
        if hasattr(self, "server"):
            self.server.shutdown()
            self.server.server_close()

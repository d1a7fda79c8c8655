#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A browser that plim starts itself loses nothing, however long plim does not read.

    big_pipe.py PLIM [--pause SECONDS]

Over a WebSocket Chromium throws away what is beyond 256 MiB unread, and reports success (big.py
chromium --pause shows it). Over the pipe of a browser of ours it must wait: plim is stopped for
that long in the middle of the first snapshot of `plim leaks --page`, of over 300 MB, which must be
whole and hold every object of the page."""

import argparse
import http.server
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

OBJECTS = 1500000
PAGE = f"""<!doctype html><title>big</title><script>
class Planted {{ constructor(n) {{ this.payload = [n, n + 0.5, n + 1.5, n + 2.5]; }} }}
window.held = []; for (let i = 0; i < {OBJECTS}; i++) held.push(new Planted(i));
</script>"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        pass


def pause(child, folder, seconds):
    """Stops plim once 20 MB of the first snapshot have come."""
    while not any(part.stat().st_size >= 20 << 20 for part in folder.glob("*-1.heapsnapshot.*")):
        assert child.poll() is None, "it ended before it could be stopped: " + child.stderr.read()
        time.sleep(0.05)
    child.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    child.send_signal(signal.SIGCONT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plim")
    parser.add_argument("--pause", type=float, default=60)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        words = ["leaks", "--page", url, "--wait", "1s", "--warmup", "0", "-o", str(folder),
                 "--force", "--json"]
        with subprocess.Popen([options.plim, *words], text=True, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as child:
            try:
                pause(child, folder, options.pause)
                said = child.stderr.read()
                code = child.wait()
            finally:
                child.kill()
        assert code == 0, said
        files = sorted(folder.glob("*.heapsnapshot"))
        assert len(files) == 3, said
        size = files[0].stat().st_size
        done = subprocess.run([options.plim, "summary", files[0], "--top", "0", "--json"],
                              capture_output=True, check=True)
        classes = json.loads(done.stdout)["classes"]
        count = sum(row["count"] for row in classes if row["name"] == "Planted")
        print(f"chromium's pipe: {size / 1e6:.0f} MB, {count} objects, after "
              f"{options.pause:.0f} s without a reader", flush=True)
        assert size > 300e6 and count == OBJECTS


if __name__ == "__main__":
    sys.exit(main())

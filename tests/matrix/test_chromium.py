#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is Chromium's alone: its kinds of targets, and what happens to a page while it is looked at.

    test_chromium.py PLIM [--long]      --long: a snapshot of 300 MB, and a reader stopped for 60 s
"""

import glob
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from chromium import Chromium, Session
from runtimes import wait_for

PLIM = sys.argv[1]
LONG = "--long" in sys.argv

SMALL = "<title>small</title><script>globalThis.kept = [1]</script>"
BIG = """<title>big</title><script>
class Big { constructor(n) { this.at = n; this.more = [n + .5]; } }
globalThis.kept = []; for (let i = 0; i < COUNT; i++) kept.push(new Big(i));
</script>"""
CLICK = """<title>%s</title><button id=x>go</button><div id=host></div><script>
class Row { constructor(n) { this.n = n; this.data = new Array(50).fill(n + .5); } }
globalThis.kept = [];
x.onclick = () => {
  for (let i = 0; i < 200; i++) {
    const d = document.createElement('div');
    d.row = new Row(i);
    host.append(d);
    if ('%s' === 'leaky') kept.push(d);
  }
  host.textContent = '';
};
</script>"""
MANY = """<title>many</title><iframe src="http://localhost:PORT/frame"></iframe><script>
class PageOwn {} globalThis.own = [new PageOwn];
new Worker('/worker.js', { name: 'first' });
navigator.serviceWorker.register('/service.js');
</script>"""
PAGES = {
    "/small": SMALL,
    "/big": BIG.replace("COUNT", "400000"),
    "/huge": BIG.replace("COUNT", "3000000"),
    "/leaky": CLICK % ("leaky", "leaky"),
    "/healthy": CLICK % ("healthy", "healthy"),
    "/many": MANY,
    "/frame": "<title>inner</title><script>class FrameOwn {} globalThis.own = [new FrameOwn]"
              "</script>",
    "/worker.js": "class WorkerOwn {} globalThis.own = [new WorkerOwn]; onmessage = () => {};",
    "/service.js": "class ServiceOwn {} globalThis.own = [new ServiceOwn];"
                   "addEventListener('fetch', () => {});",
}


class Site:
    def __init__(self):
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = PAGES.get(self.path)
                kind = "text/javascript" if self.path.endswith(".js") else "text/html"
                body = (text or "").replace("PORT", str(site.port)).encode()
                self.send_response(200 if text else 404)
                self.send_header("Content-Type", kind + "; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"


def start(*words):
    return subprocess.Popen([PLIM, *[str(word) for word in words]], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(*words, timeout=120):
    child = start(*words)
    out, err = child.communicate(timeout=timeout)
    return child.returncode, out, err


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.server.shutdown)
        cls.folder = tempfile.TemporaryDirectory(prefix="plim-chromium-test-")
        cls.addClassCleanup(cls.folder.cleanup)

    def begin(self, path):
        """A browser on one page that has loaded; a debugger beside plim."""
        browser = Chromium()
        self.addCleanup(browser.stop)
        browser.launch(self.site.url(path))
        title = path.strip("/")

        def shown():
            pages = browser.listed()
            return pages if pages and pages[0]["title"] == title else None

        page = wait_for(shown)[0]
        other = Session(page["webSocketDebuggerUrl"])
        self.addCleanup(other.close)
        other.call("Runtime.evaluate", 60, expression="globalThis.kept && kept.length")
        return browser, other

    def file(self, name):
        return pathlib.Path(self.folder.name) / name

    def snapshot_under_way(self, browser, other, name="cut.heapsnapshot"):
        """plim in the middle of a snapshot: the page answers nobody meanwhile."""
        child = start("snap", browser.address, "-f", "-o", self.file(name))
        self.addCleanup(child.kill)
        while child.poll() is None:
            try:
                other.call("Runtime.evaluate", seconds=0.4, expression="1")
            except TimeoutError:
                return child
        self.fail(child.communicate())

    def gone(self, child, pattern):
        began = time.monotonic()
        out, err = child.communicate(timeout=60)
        self.assertNotEqual(child.returncode, 0, out)
        self.assertRegex(err, pattern)
        return time.monotonic() - began

    # ---- kinds of targets ------------------------------------------------------------------

    def test_every_kind_of_target_has_a_row_and_a_heap_of_its_own(self):
        browser, _ = self.begin("/many")
        kinds = {"PageOwn": "many", "FrameOwn": "[frame]", "WorkerOwn": "[worker]",
                 "ServiceOwn": "[service worker]"}

        def rows():
            found = [row for row in json.loads(run("ps", "--json")[1])["targets"]
                     if row["pid"] == browser.pid]
            return found if len(found) >= 4 else None

        found = wait_for(rows, pause=0.5)
        self.assertEqual(len(found), 4, found)
        for planted, mark in kinds.items():
            row = [one for one in found if one["title"].startswith(mark)][0]
            file = self.file(planted + ".heapsnapshot")
            code, _, err = run("snap", row["address"], "-f", "-o", file)
            self.assertEqual(code, 0, err)
            text = file.read_text(encoding="ascii")
            self.assertEqual([name for name in kinds if f'"{name}"' in text], [planted])
            usage = json.loads(run("usage", row["address"], "--json")[1])
            self.assertGreater(usage["process_rss_bytes"], 10 << 20)
        worker = json.loads(run("usage", browser.address + "#worker:1", "--json")[1])
        # The number moves as workers come and go; the address names this one for good.
        self.assertRegex(worker["address"], f"^{browser.address}/[0-9A-F]{{32}}$")
        again = json.loads(run("usage", worker["address"], "--json")[1])
        self.assertEqual(again["title"], worker["title"])
        self.assertEqual((worker["worker"], worker["title"]), (1, "first"))
        code, _, err = run("usage", browser.address + "#worker:2")
        self.assertEqual(code, 3)
        self.assertIn("#worker:1 (first)", err)

    def test_several_pages_are_named(self):
        browser, other = self.begin("/small")
        other.call("Runtime.evaluate", expression="0")
        made = Session(json.load(open_version(browser))["webSocketDebuggerUrl"])
        self.addCleanup(made.close)
        made.call("Target.createTarget", url=self.site.url("/leaky"))
        wait_for(lambda: sorted(one["title"] for one in browser.listed()) == ["leaky", "small"])
        code, _, err = run("usage", browser.address)
        self.assertEqual(code, 2, err)
        for one in browser.listed():
            self.assertIn(f"{browser.address}/{one['id']} ({one['title']})", err)
            self.assertEqual(run("usage", one["webSocketDebuggerUrl"])[0], 0)

    # ---- what happens to a page ------------------------------------------------------------

    def test_a_renderer_that_crashes_ends_a_recording(self):
        browser, other = self.begin("/small")
        child = start("track", browser.address, "--duration", "30s", "-f", "-o",
                      self.file("crashed.heaptimeline"))
        time.sleep(1.5)
        other.send("Page.crash")
        self.assertLess(self.gone(child, "renderer of the page crashed"), 10)

    def test_navigation_in_the_middle_of_a_snapshot(self):
        browser, other = self.begin("/big")
        child = self.snapshot_under_way(browser, other)
        other.send("Page.navigate", url=self.site.url("/small", "localhost"))
        self.gone(child, "navigated to another site")
        self.assertEqual(run("snap", browser.address, "-f", "-o", self.file("after"))[0], 0)

    def test_a_browser_that_is_killed_in_the_middle_of_a_snapshot(self):
        browser, other = self.begin("/big")
        child = self.snapshot_under_way(browser, other)
        browser.kill()
        self.assertLess(self.gone(child, "went away"), 10)

    def test_a_second_debugger_at_the_same_time(self):
        browser, other = self.begin("/big")
        child = self.snapshot_under_way(browser, other)
        number = other.send("HeapProfiler.takeHeapSnapshot")
        out, err = child.communicate(timeout=120)
        self.assertEqual(child.returncode, 0, out + err)
        self.assertIn("result", other.answer(number, 120))

    # ---- a browser of ours -----------------------------------------------------------------

    def leaks(self, path, *more):
        return run("leaks", "--page", self.site.url(path), *more, "--json")

    def test_detached_elements_are_named_with_who_holds_them(self):
        code, out, err = self.leaks("/leaky", "--action", "x.click()")
        self.assertEqual(code, 1, err)
        text = json.dumps(json.loads(out)["leaks"])
        self.assertIn("Detached <div>", text)
        self.assertIn("kept", text)
        self.assertIn("this runs in the target: x.click()", err)

    def test_a_healthy_page_is_silent_and_nothing_is_left(self):
        before = set(glob.glob(f"{tempfile.gettempdir()}/plim-chromium-*-*"))
        code, out, err = self.leaks("/healthy", "--eval", "x.click()")
        self.assertEqual((code, json.loads(out)["leaks"]), (0, []), err)
        self.assertLessEqual(set(glob.glob(f"{tempfile.gettempdir()}/plim-chromium-*-*")), before)

    def test_a_page_that_is_loaded_anew_has_no_other_debugger(self):
        for path, wanted in (("/healthy", 0), ("/leaky", 0)):  # what a page holds goes with it
            code, out, err = self.leaks(path, "--eval", "x.click()", "--reload")
            self.assertEqual((code, json.loads(out)["leaks"]), (wanted, []), err)
            self.assertNotIn("debugger", err)

    def test_a_page_that_cannot_be_loaded(self):
        code, _, err = run("leaks", "--page", "http://127.0.0.1:9/", "--eval", "1")
        self.assertEqual(code, 3, err)
        self.assertIn("cannot load", err)

    def killed(self, sig):
        """plim ends by a signal while its browser runs; what is left of the browser's profile."""
        child = start("leaks", "--page", self.site.url("/healthy"), "--wait", "60s")
        pattern = f"{tempfile.gettempdir()}/plim-chromium-{child.pid}-*"
        wait_for(lambda: glob.glob(pattern))
        time.sleep(1)
        profile = glob.glob(pattern)[0]
        child.send_signal(sig)
        child.communicate(timeout=30)

        def ended():
            return not any(profile in words for words in command_lines())

        wait_for(ended)
        return glob.glob(pattern)

    def test_ctrl_c_and_termination_leave_nothing(self):
        self.assertEqual(self.killed(signal.SIGINT), [])
        self.assertEqual(self.killed(signal.SIGTERM), [])

    def test_a_kill_leaves_a_folder_that_the_next_one_removes(self):
        left = self.killed(signal.SIGKILL)
        self.leaks("/healthy", "--wait", "0s")
        self.assertEqual([one for one in left if os.path.exists(one)], [])


def open_version(browser):
    import urllib.request
    return urllib.request.urlopen(f"http://{browser.address}/json/version", timeout=10)


def command_lines():
    for file in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            yield pathlib.Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            pass


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])

# SPDX-License-Identifier: MIT
"""plim watch --openmetrics: read by the format's own strict parser, by promtool, and scraped by a
real Prometheus; of a Node and of a C program that publishes its domains."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

SUBJECT = os.path.abspath(sys.argv.pop())
sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whatever python3 comes first

# pylint: disable=wrong-import-position
from prometheus_client.openmetrics.parser import text_string_to_metric_families  # noqa: E402

from plim import BARE, PLIM, run  # noqa: E402
from node import Node  # noqa: E402

SCRIPT = "globalThis.kept = new Array(1e5).fill(0).map((_, i) => ({ i })); " \
         "setInterval(() => {}, 1000); console.log('ready');"
ODD = '127.0.0.1:1/we"ird\\na\nme'


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("it did not come")
        time.sleep(0.05)


class Metrics(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.script = os.path.join(self.folder, "app.js")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(SCRIPT)

    def node(self, **more):
        node = Node(self.script, **more)
        self.addCleanup(node.end)
        node.wait_print("ready")
        return node

    def subject(self):
        # pylint: disable=consider-using-with
        child = subprocess.Popen([SUBJECT])
        self.addCleanup(lambda: (child.kill(), child.wait()))
        return child

    def serve(self, *words):
        # pylint: disable=consider-using-with
        child = subprocess.Popen([PLIM, "watch", *words, "--openmetrics", "127.0.0.1:0",
                                  "--every", "200ms"], env=BARE, stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.PIPE)
        self.addCleanup(lambda: (child.kill(), child.communicate()))
        return child, child.stdout.readline().strip()

    @staticmethod
    def ask(url, **headers):
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    def figures(self, url):
        """(name, its labels as a sorted tuple) -> value."""
        kind, text = self.ask(url)
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("\n# EOF\n"))
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(text) for sample in family.samples}

    def is_up(self, url, address):
        return self.figures(url)[("plim_up", (("target", address),))] == 1

    def test_a_node_and_a_program_in_one_page(self):
        node, subject = self.node(), self.subject()
        program = f"pid:{subject.pid}"
        child, url = self.serve(node.address, program, ODD)
        until(lambda: self.is_up(url, node.address) and
              ("plim_budget_bytes", (("domain", "net"), ("target", program))) in self.figures(url))
        seen = self.figures(url)
        self.assertEqual(seen[("plim_up", (("target", ODD),))], 0)  # escaped
        used = seen[("plim_heap_used_bytes", (("space", "heap"), ("target", node.address)))]
        usage = json.loads(run("usage", node.address, "--json").out)
        self.assertAlmostEqual(used, usage["used_bytes"], delta=usage["used_bytes"] / 10)
        self.assertGreater(
            seen[("plim_heap_total_bytes", (("space", "heap"), ("target", node.address)))], used)
        for name, value in (("plim_budget_bytes", 1 << 20), ("plim_budget_used_bytes", 1 << 20),
                            ("plim_budget_high_water_bytes", 1 << 20),
                            ("plim_budget_denied_total", 1), ("plim_live_objects", 1024)):
            self.assertEqual(seen[(name, (("domain", "net"), ("target", program)))], value, name)
        titles = [dict(labels)["title"] for name, labels in seen if name == "plim_target_info"]
        self.assertIn("top-subject", titles)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(timeout=20), 130)

    def test_the_older_text_is_as_promtool_wants_it(self):
        node = self.node()
        _, url = self.serve(node.address)
        until(lambda: self.is_up(url, node.address))
        kind, text = self.ask(url, Accept="text/plain")
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        self.assertNotIn("# EOF", text)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
        broken = subprocess.run(["promtool", "check", "metrics"], input=text + "plim_up{ 1\n",
                                text=True, capture_output=True, check=False)
        self.assertNotEqual(broken.returncode, 0)

    def test_who_may_ask_and_for_what(self):
        _, url = self.serve("127.0.0.1:1")
        for address, headers, method, code in (
                (url, {"Host": "evil.example"}, "GET", 403),
                (url, {"Host": "127.0.0.1.evil.example"}, "GET", 403),
                (url, {}, "POST", 405), (url + "x", {}, "GET", 404)):
            request = urllib.request.Request(address, headers=headers, method=method)
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=10)
            self.assertEqual(caught.exception.code, code)
            caught.exception.close()
        for words, said in ((["0.0.0.0:0"], "--allow-remote"), (["nowhere"], "no address"),
                            (["127.0.0.1:99999"], "no address")):
            done = run("watch", "127.0.0.1:1", "--openmetrics", *words)
            self.assertEqual(done.code, 2, done.err)
            self.assertIn(said, done.err)
        taken = url.split("/")[2]
        self.assertEqual(run("watch", "127.0.0.1:1", "--openmetrics", taken).code, 3)
        self.assertEqual(run("watch", ":1", ":1", "--openmetrics", "127.0.0.1:0").code, 2)
        self.assertEqual(run("watch", ":1", ":2").code, 2)

    def test_a_target_that_goes_and_comes_back(self):
        node = self.node()
        _, url = self.serve(node.address)
        until(lambda: self.is_up(url, node.address))
        node.end()
        until(lambda: not self.is_up(url, node.address))
        seen = self.figures(url)
        self.assertFalse(any(name.startswith("plim_heap") for name, _ in seen))
        self.assertEqual(seen[("plim_reconnects_total", (("target", node.address),))], 1)
        self.node(inspect=f"--inspect={node.address}")
        until(lambda: self.is_up(url, node.address))

    def test_memory_and_connections_are_bounded(self):
        node, subject = self.node(), self.subject()
        child, url = self.serve(node.address, f"pid:{subject.pid}")

        def resident():
            with open(f"/proc/{child.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * 4096

        def ask_often():
            for _ in range(300):
                self.ask(url)
        ask_often()
        first = resident()
        ask_often()
        self.assertLess(resident() - first, 1 << 20)
        self.assertLess(first, 32 << 20)
        host, port = url.split("/")[2].split(":")
        idle = []
        for _ in range(60):
            idle.append(socket.create_connection((host, int(port)), timeout=5))
            idle[-1].sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        self.assertLess(len(os.listdir(f"/proc/{child.pid}/fd")), 60)
        for one in idle:
            one.close()
        until(lambda: self.is_up(url, node.address))
        long = urllib.request.Request(url, headers={"X": "x" * 60000})
        with self.assertRaises((urllib.error.HTTPError, OSError)):
            urllib.request.urlopen(long, timeout=10)
        self.assertTrue(self.is_up(url, node.address))

    def test_a_real_prometheus_scrapes_it(self):
        node, subject = self.node(), self.subject()
        program = f"pid:{subject.pid}"
        _, url = self.serve(node.address, program)
        until(lambda: self.is_up(url, node.address) and self.is_up(url, program))
        config = os.path.join(self.folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [
                {"job_name": "plim", "static_configs": [{"targets": [url.split("/")[2]]}]}]}, file)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with open(os.path.join(self.folder, "prometheus.log"), "w+b") as log:
            # pylint: disable=consider-using-with
            child = subprocess.Popen(["prometheus", f"--config.file={config}",
                                      f"--storage.tsdb.path={self.folder}/data",
                                      f"--web.listen-address=127.0.0.1:{port}"],
                                     stdout=log, stderr=log, cwd=self.folder)
            self.addCleanup(lambda: (child.kill(), child.wait()))

            def query(text):
                words = urllib.parse.urlencode({"query": text})
                try:
                    _, answer = self.ask(f"http://127.0.0.1:{port}/api/v1/query?{words}")
                except OSError:
                    return []
                return [(row["metric"], float(row["value"][1]))
                        for row in json.loads(answer)["data"]["result"]]

            def one(text):
                rows = query(text)
                return rows[0][1] if rows else None
            until(lambda: one('up{job="plim"}') == 1, 40)
            used = until(lambda: one(f'plim_heap_used_bytes{{target="{node.address}",'
                                     'space="heap"}'))
            self.assertGreater(used, 1_000_000)
            self.assertEqual(one(f'plim_budget_bytes{{target="{program}",domain="net"}}'), 1 << 20)
            self.assertEqual(one(f'plim_budget_denied_total{{domain="net",target="{program}"}}'), 1)
            _, answer = self.ask(f"http://127.0.0.1:{port}/api/v1/metadata?metric="
                                 "plim_heap_used_bytes")
            told = json.loads(answer)["data"]["plim_heap_used_bytes"][0]
            self.assertEqual((told["type"], told["unit"]), ("gauge", "bytes"))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
"""A program that has domains and no region, and serves itself: what it allocates is sampled, on
request from outside, through the protocol that DevTools speaks.

    test_plain.py PLAIN PLIM
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

PLIM = pathlib.Path(sys.argv.pop()).resolve()
PLAIN = pathlib.Path(sys.argv.pop()).resolve()
ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"}


class Plain(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.program = subprocess.Popen([PLAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=ENV)
        self.addCleanup(self.end)
        self.address = self.program.stdout.readline().strip()
        self.assertRegex(self.address, r"^127\.0\.0\.1:\d+$")

    def end(self):
        self.program.stdin.close()
        self.program.wait(60)
        self.program.stdout.close()

    def grow(self, count):
        self.program.stdin.write(f"grow {count}\n")
        self.program.stdin.flush()
        self.assertEqual(self.program.stdout.readline(), "ready\n")

    def plim(self, *words, status=0):
        done = subprocess.run([PLIM, *words], capture_output=True, text=True, check=False,
                              timeout=120, cwd=self.folder.name, env=ENV)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def sample(self, work):
        """A sampling of two seconds; `work` is done over and over until it is over."""
        path = pathlib.Path(self.folder.name) / "a.heapprofile"
        words = ["sample", self.address, "--duration", "2s", "--interval", "4096", "-f", "-o", path]
        sampling = subprocess.Popen([PLIM, *words], cwd=self.folder.name, env=ENV,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(sampling.kill)
        end = time.monotonic() + 90
        while sampling.poll() is None:
            self.assertLess(time.monotonic(), end)
            work()
            time.sleep(0.01)
        self.assertEqual(sampling.returncode, 0)
        stacks = {}

        def walk(node, above):
            frame = node["callFrame"]
            here = above + [frame["functionName"]]
            if node["selfSize"]:
                name = (tuple(here), frame["url"], frame["lineNumber"] + 1)
                stacks[name] = stacks.get(name, 0) + node["selfSize"]
            for child in node["children"]:
                walk(child, here)

        walk(json.loads(path.read_text(encoding="utf-8"))["head"], [])
        return stacks

    def test_a_hot_site_tops_the_table_with_its_calls(self):
        stacks = self.sample(lambda: self.grow(200))
        of = {}
        for (calls, url, line), size in stacks.items():
            of[calls[-1]] = of.get(calls[-1], 0) + size
            self.assertTrue(url.endswith("plain.c"), (calls, url))
            self.assertGreater(line, 20)
            self.assertRegex(calls[1], r"^\(domain (orders|names)\)$")
            self.assertIn("main", calls)
        self.assertEqual(set(of) - {"hot_orders", "cold_names", "passing"}, set())
        top = max(stacks, key=stacks.get)
        self.assertEqual((top[0][1], top[0][-1]), ("(domain orders)", "hot_orders"))
        # 900 to 60 bytes for each; what passes is gone, but for one at the moment of the look.
        self.assertGreater(of["hot_orders"], 8 * of.get("cold_names", 0))
        self.assertLess(of.get("passing", 0), of["hot_orders"] / 20)
        self.assertGreater(of["hot_orders"], 100_000)

    def test_it_is_off_before_and_after_and_can_begin_again(self):
        self.grow(500)
        self.assertEqual(self.sample(lambda: None), {})
        self.assertGreater(sum(self.sample(lambda: self.grow(50)).values()), 10_000)
        self.grow(500)
        self.assertEqual(self.sample(lambda: None), {})

    def test_figures_are_there_and_a_snapshot_is_refused_with_the_reason(self):
        self.grow(1000)
        usage = json.loads(self.plim("usage", self.address, "-j"))
        self.assertGreater(usage["used_bytes"], 1000 * 960)
        gone = self.plim("snap", self.address, "-o", "a.heapsnapshot", status=5)
        self.assertIn("without a region", gone)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

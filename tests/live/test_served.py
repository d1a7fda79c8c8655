#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The target contract against our own server: what plim asks of Node it asks of a served heap
(tests/devtools/served.c), through the same probe, and finds the same kinds of answers.

    test_served.py PROBE SERVED SOURCE PLIM
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import test_target

SERVED, SOURCE, PLIM = sys.argv[2:5]
FUNCTIONS = {"accept_client", "open_session", "make_buffer"}


class Served(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.process = subprocess.Popen([SERVED, SOURCE], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.address = self.process.stdout.readline().strip()
        with_id = subprocess.run([PLIM, "usage", self.address], capture_output=True, text=True,
                                 check=False)
        self.assertEqual(with_id.returncode, 2, with_id.stderr)  # two heaps: which one is meant?
        ids = [word for word in with_id.stderr.split() if word.startswith(self.address + "/")]
        self.rich, self.poor = (one.rstrip(",;:") for one in ids[:2])

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(20), 0)
        self.process.stdout.close()

    def probe(self, address):
        probe = test_target.Probe()
        self.addCleanup(probe.end)
        probe.good(f"open {address}")
        return probe

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def read(self, name):
        return json.loads(pathlib.Path(self.path(name)).read_text(encoding="utf-8"))

    def test_who_it_is_and_how_much_it_holds(self):
        probe = self.probe(self.rich)
        info = probe.good("identify")
        self.assertEqual((info["runtime"], info["title"]), ("plimsoll", "rich"))
        before = probe.good("usage")
        self.assertEqual(before["total"] - before["used"], 4096)
        probe.good("collect")
        after = probe.good("usage")
        self.assertEqual(after["total"], after["used"])

    def test_a_snapshot_is_whole_and_a_series_keeps_its_ids(self):
        probe = self.probe(self.rich)
        seen = []
        for name in "ab":
            result = probe.good(f"snapshot {self.path(name)}")
            whole = self.read(name)
            self.assertEqual(whole["snapshot"]["node_count"], result["nodes"])
            self.assertEqual(whole["snapshot"]["edge_count"], result["edges"])
            width = len(whole["snapshot"]["meta"]["node_fields"])
            seen.append(set(whole["nodes"][2::width]))
        self.assertEqual(len(seen[0]), 4 + 2 * 40)
        self.assertLessEqual(seen[0], seen[1])

    def test_sampling_names_who_allocates(self):
        probe = self.probe(self.rich)
        probe.good("sample 16384")
        other = self.probe(self.rich)
        self.assertEqual(other.ask("sample 16384")["status"], "ERR_REFUSED")
        probe.good(f"sample-stop {self.path('s')}")
        profile = self.read("s")
        self.assertEqual(sorted(profile), ["head", "samples"])
        names, at = [], profile["head"]
        while at["children"]:
            at = at["children"][0]
            names.append(at["callFrame"]["functionName"])
        self.assertEqual(names, ["accept_client", "open_session", "make_buffer"])
        self.assertEqual(sum(one["size"] for one in profile["samples"]), 100 * (48 + 1000))
        other.good("sample 16384")
        other.good("close")  # ends the sampling, too
        probe.good("sample 16384")

    def test_tracking_gives_a_timeline_whose_sums_match(self):
        probe = self.probe(self.rich)
        probe.good("track 1")
        live = probe.good("poll 700")["intervals"]
        self.assertGreater(len(live), 3)
        self.assertTrue(all(abs(at / 1000 - time.time()) < 60 for _, _, at, _ in live[:-1]))
        born = sum(count for count, _, _, _ in live)
        self.assertEqual(sum(size for _, size, _, _ in live), born // 2 * (48 + 1000))
        self.assertEqual([one[3] for one in live[:-1]], sorted(one[3] for one in live[:-1]))
        probe.good(f"track-stop {self.path('t')}")
        whole = self.read("t")
        self.assertGreater(len(whole["samples"]), 6)
        infos, strings = whole["trace_function_infos"], whole["strings"]
        self.assertEqual({strings[one] for one in infos[1::6]}, FUNCTIONS | {"(root)"})
        self.assertEqual(whole["snapshot"]["trace_function_count"], len(infos) // 6)

    def test_expressions_are_evaluated_or_refused_with_the_reason(self):
        probe = self.probe(self.rich)
        self.assertEqual(probe.good("evaluate session_count")["value"], 40)
        reply = probe.ask("evaluate no_such_thing")
        self.assertEqual(reply["status"], "ERR_REFUSED")
        self.assertIn("not declared here", reply["what"])

    def test_what_a_heap_cannot_do_is_unsupported_and_said(self):
        probe = self.probe(self.poor)
        probe.good("usage")
        probe.good(f"snapshot {self.path('x')}")
        for line in ("collect", "sample 16384", "track 1", "evaluate 1"):
            reply = probe.ask(line)
            self.assertEqual(reply["status"], "ERR_UNSUPPORTED", (line, reply))

    def test_the_verbs_of_plim_take_it_for_a_runtime(self):
        for words in (["usage", self.rich, "--json"], ["gc", self.rich, "--json"],
                      ["snap", self.rich, "-o", self.path("v.heapsnapshot")],
                      ["sample", self.rich, "--duration", "1s", "-o", self.path("v.heapprofile")],
                      ["track", self.rich, "--duration", "1s", "-o", self.path("v.heaptimeline")]):
            done = subprocess.run([PLIM, *words], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, (words, done.stderr))
        self.assertIn("open_session", pathlib.Path(self.path("v.heapprofile")).read_text())
        done = subprocess.run([PLIM, "classes", self.path("v.heaptimeline")], capture_output=True,
                              text=True, check=True)
        self.assertIn("session_table", done.stdout)


if __name__ == "__main__":
    test_target.PROBE = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1], verbosity=2)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The files of libplimsoll-malloc in one program with what it is to serve, replacing nothing: so a
sanitizer, which is malloc itself, can look into them. In an ordinary build it is the same program
without one. Every word of subject.c, with and without notes of stacks; a sanitizer's report ends it
with another status, and stands on standard error.

    test_linked.py SUBJECT MODULE
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from preloaded import Preload, domain  # noqa: E402

MODULE = pathlib.Path(sys.argv.pop()).resolve()
SUBJECT = pathlib.Path(sys.argv.pop()).resolve()
SECONDS = 250  # of a word: ThreadSanitizer makes threads many times slower


class Linked(unittest.TestCase):
    def setUp(self):
        self.preload = Preload(None)
        self.addCleanup(self.preload.close)

    def say(self, *words, **variables):
        done = self.preload.run(SUBJECT, *words, timeout=SECONDS, LD_PRELOAD=None,
                                **{"PLIM_TOTAL": "64M", **variables})
        self.assertEqual((done.returncode, done.stderr), (0, ""), (words, variables))
        return done.stdout

    def report(self):
        """The last of the subject's own."""
        return self.preload.reports()[-1]

    def both_ways(self):
        """Without notes, and with stacks of twelve frames noted of each block."""
        for sites in ("0", "12"):
            self.preload.forget()
            yield sites

    def test_the_family(self):
        for sites in self.both_ways():
            self.assertEqual(self.say("family", PLIM_SITES=sites), "the family holds\n")
            self.assertGreater(domain(self.report(), "program")["allocation_total"], 40)

    def test_threads(self):
        for sites in self.both_ways():
            self.assertEqual(self.say("threads", 1, PLIM_SITES=sites), "threads hold\n")
            self.assertGreater(domain(self.report(), "program")["allocation_total"], 100000)
            self.assertEqual(domain(self.report(), "program")["allocation_count"], 0)

    def test_threads_that_ask_from_many_places_at_once(self):
        for sites in ("0", "12", "12", "12", "12", "12"):  # a race is seen in every second run
            self.assertEqual(self.say("ways", PLIM_SITES=sites), "ways hold\n")
            self.assertGreaterEqual(domain(self.report(), "program")["allocation_total"], 4 << 12)

    def test_forks(self):
        for sites in self.both_ways():
            self.assertEqual(self.say("forks", 5, PLIM_SITES=sites), "forks hold\n")

    def test_refusals(self):
        for sites in self.both_ways():
            said = self.say("leak", 10000, PLIM_SITES=sites, PLIM_TOTAL="16M")
            self.assertRegex(said, r"^1\d{7} bytes, then ENOMEM\n$")
            self.preload.forget()  # numbers of processes may begin again
            said = self.say("leak", 1000000, PLIM_SITES=sites, PLIM_TOTAL="16M",
                            PLIM_MODE="report")
            self.assertIn("no end", said)
            self.assertGreater(self.report()["passed_requests"], 900)

    def test_foreign_memory(self):
        self.assertEqual(self.say("foreign"), "refused, 0\n")

    def test_a_module_that_comes_and_goes(self):
        for sites in self.both_ways():
            said = self.say("module", 50000, PLIM_SITES=sites, PLIM_MODULES="1",
                            SUBJECT_MODULE=str(MODULE))
            self.assertEqual(said, "module 50000, own served\n")
            row = domain(self.report(), MODULE.name[:31])
            self.assertGreaterEqual(row["used_bytes"], 50000)

    def test_a_report_on_a_signal(self):
        for sites in self.both_ways():
            self.say("kernel", 1 << 20, PLIM_SITES=sites, PLIM_REPORT_SIGNAL="USR2")
            self.assertEqual([report["when"] for report in self.preload.reports()],
                             ["signal", "exit"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim top: one frame, JSON, and the live screen in a real terminal (tmux)."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tmux import Terminal  # noqa: E402  pylint: disable=wrong-import-position

PLIM, SUBJECT = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))


class Top(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        self.subject = subprocess.Popen([SUBJECT])
        self.addCleanup(self.end)
        self.address = f"pid:{self.subject.pid}"
        self.until(lambda: b"domains" in self.plim("--once", code=None).stdout)

    def end(self):
        self.subject.kill()
        self.subject.wait()

    def plim(self, *words, code=0):
        run = subprocess.run([PLIM, "top", self.address, *words], capture_output=True, check=False,
                             timeout=30)
        if code is not None:
            self.assertEqual(run.returncode, code, run.stderr.decode())
        return run

    def until(self, holds, seconds=20):
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end, "it did not come")
            time.sleep(0.05)

    def test_one_frame_has_domains_with_their_load_lines(self):
        text = self.plim("--once").stdout.decode()
        net = [line for line in text.splitlines() if line.startswith("net")][0]
        self.assertIn("[####################]", net)
        self.assertIn("of 1.0 MiB", net)
        self.assertIn("1 refused", net)

    def test_json_has_every_list(self):
        told = json.loads(self.plim("--once", "--json").stdout)
        self.assertEqual(told["schema"], "plim.top/1")
        domains = {row["name"]: row for row in told["domains"]}
        self.assertEqual(domains["net"]["limit_bytes"], 1 << 20)
        self.assertEqual(domains["net"]["refusal_count"], 1)
        types = {row["name"]: row for row in told["types"]}
        self.assertEqual(types["stays"]["count"], 1)
        self.assertGreaterEqual(types["grows"]["count"], 1)
        self.assertEqual({row["name"] for row in told["owners"]} >= {"owner 7", "owner 8"},
                         True)

    def test_growth_is_since_the_first_look(self):
        with subprocess.Popen([PLIM, "top", self.address, "--json", "--every", "200ms"],
                              stdout=subprocess.PIPE) as run:
            looks = [json.loads(run.stdout.readline()) for _ in range(4)]
            run.terminate()
        for before, after in zip(looks, looks[1:]):
            old, new = ({row["name"]: row for row in look["types"]} for look in (before, after))
            self.assertEqual(new["grows"]["change_bytes"],
                             new["grows"]["bytes"] - old["grows"]["bytes"])
            self.assertEqual(new["stays"]["growth_bytes"], 0)
        grown = {row["name"]: row for row in looks[-1]["types"]}["grows"]
        first = {row["name"]: row for row in looks[0]["types"]}["grows"]
        self.assertEqual(grown["growth_bytes"], grown["bytes"] - first["bytes"])
        self.assertGreater(grown["growth_bytes"], 0)

    def test_what_is_no_program_is_an_error(self):
        self.end()
        self.assertNotEqual(self.plim("--once", code=None).returncode, 0)

    def test_the_screen_answers_keys_and_gives_the_terminal_back(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        screen = Terminal(folder, f"{PLIM} top {self.address} --every 200ms")
        self.addCleanup(screen.close)
        screen.until("[domains]", lambda text: re.search("^net", text, re.M))
        screen.keys("t")
        screen.until("[types]", "grows")
        screen.keys("/", "st", "Enter")
        screen.until("/st", "stays", lambda text: "grows" not in text)
        screen.keys("Escape")
        screen.until("grows")
        screen.keys("s")
        screen.until("by growth")
        screen.keys("?")
        screen.until("filter by a part")
        screen.keys("?")
        screen.resize(60, 12)
        screen.until(lambda text: "q end" in (text.splitlines() or [""])[-1])
        self.end()
        screen.until("it has ended")
        screen.keys("q")
        screen.until("ended with 0")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What only a real Firefox shows, beside the matrix's row.

    test_firefox.py PLIM"""

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import firefox
from runtimes import wait_for

plim_path = ""


def plim(*arguments, timeout=120):
    return subprocess.run([plim_path, *[str(word) for word in arguments]], capture_output=True,
                          text=True, timeout=timeout, check=False)


class OnASocket(firefox.Firefox):
    """Listens at a path."""

    def start(self):
        path = self.folder / "debugger.sock"
        self.address = f"unix:{path}"
        self.pid = firefox.launch(self, path, self.serve()).pid
        self.await_page()
        wait_for(path.exists)


class Live(unittest.TestCase):
    """One Firefox for all cases; the one that kills the page's process comes last."""

    @classmethod
    def setUpClass(cls):
        cls.runtime = OnASocket()
        cls.addClassCleanup(cls.runtime.stop)
        cls.runtime.start()

    def json(self, *arguments, **more):
        done = plim(*arguments, "--json", **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def usage(self):
        return self.json("usage", self.runtime.address)

    def test_1_a_socket_its_tab_its_process_and_the_browser(self):
        value = self.usage()
        self.assertRegex(value["address"], r"^unix:.*/debugger\.sock/[0-9]+$")
        self.assertEqual(self.json("usage", value["address"])["pid"], value["pid"])
        whole = self.json("usage", f"{self.runtime.address}/process:{value['pid']}")
        self.assertIsNone(whole["used_bytes"])
        self.assertGreater(whole["total_bytes"], 1 << 20)
        self.assertGreater(self.json("usage", f"{self.runtime.address}/parent")["used_bytes"],
                           1 << 20)

    def test_2_a_snapshot_of_the_whole_process_has_more_and_leaves_nothing(self):
        value = self.usage()
        one = self.json("snap", value["address"], "-o", self.runtime.folder / "tab.fxsnapshot")
        all_of_it = self.json("snap", f"{self.runtime.address}/process:{value['pid']}", "-o",
                              self.runtime.folder / "process.fxsnapshot")
        self.assertGreater(all_of_it["snapshots"][0]["nodes"], one["snapshots"][0]["nodes"])
        self.assertGreater(one["snapshots"][0]["pause_ns"], 0)
        self.assertEqual([one["snapshots"][0]["remark"], self.runtime.left_behind()], [None, []])
        text = gzip.decompress((self.runtime.folder / "tab.fxsnapshot").read_bytes())
        self.assertIn("Planted".encode("utf-16le"), text)

    def test_3_a_second_client_disturbs_neither(self):
        with self.runtime.churning():
            with subprocess.Popen([plim_path, "sample", self.runtime.address, "--duration", "3s",
                                   "--json"], stdout=subprocess.PIPE, text=True) as other:
                mine = self.json("sample", self.runtime.address, "--duration", "1s")
                theirs = json.loads(other.communicate(timeout=60)[0])
        for value in (mine, theirs):
            self.assertIn("plantedSite", [row["name"] for row in value["functions"][:2]])
            self.assertIn("1 allocation of 64", value["remark"])
        self.assertGreater(theirs["total_bytes"], 1.5 * mine["total_bytes"])

    def test_4_what_a_full_log_lost_is_said(self):
        with subprocess.Popen([plim_path, "sample", self.runtime.address, "--duration", "4s",
                               "--interval", "1", "--json"], stdout=subprocess.PIPE,
                              text=True) as sampling:
            time.sleep(1)
            self.runtime.do("work 400000")  # in one turn: nothing is pushed meanwhile
            value = json.loads(sampling.communicate(timeout=120)[0])
        self.assertRegex(value["remark"], "log was full [0-9]+ times")

    def test_5_a_stop_leaves_no_file_and_the_page_goes_on(self):
        self.runtime.do("grow 100000")
        with subprocess.Popen([plim_path, "snap", self.runtime.address, "-o",
                               self.runtime.folder / "stopped.fxsnapshot"],
                              stderr=subprocess.PIPE, text=True) as snap:
            time.sleep(0.7)
            snap.send_signal(signal.SIGINT)
            snap.communicate(timeout=60)
        self.assertIn(snap.returncode, (0, 130))  # 0: it was faster than the signal
        self.assertEqual(self.runtime.left_behind(), [])
        self.runtime.do("drop")
        self.assertGreater(self.usage()["used_bytes"], 0)

    def test_6_a_page_that_is_left_gives_way_to_the_next(self):
        """The page is loaded again while it is watched, then while it is recorded."""
        with subprocess.Popen([plim_path, "track", self.runtime.address, "--duration", "20s",
                               "-o", self.runtime.folder / "left.heaptimeline"],
                              stderr=subprocess.PIPE, text=True) as track:
            time.sleep(2)
            self.runtime.commands.put("leave")
            self.runtime.await_page()
            error = track.communicate(timeout=60)[1]
        self.assertEqual(track.returncode, 3, error)
        self.assertIn("page was left while it was recorded", error)
        self.assertGreater(self.usage()["used_bytes"], 0)

    def test_7_a_page_whose_process_dies(self):
        value = self.usage()
        for _ in range(4):
            self.runtime.do("grow 200000")
        with subprocess.Popen([plim_path, "snap", self.runtime.address, "-v", "-o",
                               self.runtime.folder / "killed.fxsnapshot"],
                              stderr=subprocess.PIPE, text=True) as snap:
            while "found firefox" not in snap.stderr.readline():
                pass  # until it has this page, and not the one that follows a dead process
            time.sleep(0.3)
            with contextlib.suppress(ProcessLookupError):
                os.kill(value["pid"], signal.SIGKILL)
            error = snap.communicate(timeout=60)[1]
        self.assertEqual(snap.returncode, 3, error)
        self.assertRegex(error, "has gone|was left|closed")
        self.assertEqual(list(self.runtime.folder.glob("killed.fxsnapshot")), [])

    def test_8_a_closed_one_says_what_to_do(self):
        other = firefox.Firefox()
        self.addCleanup(other.stop)
        profile = other.folder / "closed"
        profile.mkdir()
        child = other.spawn(firefox.debian("firefox-esr", "firefox"), "--headless", "--no-remote",
                            "--profile", profile, "about:blank",
                            env={**os.environ, "HOME": str(other.folder)})
        def listed():
            return [row for row in self.json("ps")["targets"] if row["pid"] == child.pid]
        row = wait_for(listed)[0]
        self.assertEqual([row["runtime"], row["address"]], ["firefox", None])
        self.assertIn("--start-debugger-server", row["how_to_open"])
        done = plim("usage", f"pid:{child.pid}")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("devtools.debugger.remote-enabled", done.stderr)


PAGE = """<!doctype html><meta charset=utf-8><title>Shop</title><script>
class Basket { constructor(n) { this.goods = new Array(200).fill(n); } }
globalThis.baskets = [];
setInterval(() => {
  const list = LEAKS ? baskets : [];
  for (let i = 0; i < 200; i++) list.push(new Basket(i));
}, 50);
</script>"""


class StartedByPlim(unittest.TestCase):
    """A page in a Firefox that plim starts and ends, with a profile that goes with it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def leaks(self, leaks):
        page = os.path.join(self.folder, "shop.html")
        with open(page, "w", encoding="utf-8") as file:
            file.write(PAGE.replace("LEAKS", leaks))
        done = subprocess.run([plim_path, "leaks", "--page", f"file://{page}", "--browser",
                               "firefox", "--wait", "1500ms", "--json"], capture_output=True,
                              text=True, timeout=180, check=False,
                              env={**os.environ, "TMPDIR": self.folder})
        self.assertEqual([name for name in os.listdir(self.folder) if "firefox" in name], [])
        return done

    def test_a_leak_is_found(self):
        done = self.leaks("true")
        self.assertEqual(done.returncode, 1, done.stderr)
        text = json.dumps(json.loads(done.stdout)["leaks"])
        self.assertIn("Basket", text)
        self.assertIn("baskets", text)

    def test_a_healthy_page_is_passed(self):
        done = self.leaks("false")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def test_a_profile_of_the_users_is_refused(self):
        done = plim("leaks", "--wait", "1s", "--", firefox.debian("firefox-esr", "firefox"),
                    "--profile", self.folder, "about:blank")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("leave out --profile", done.stderr)


if __name__ == "__main__":
    plim_path = sys.argv.pop(1)
    unittest.main(verbosity=2)

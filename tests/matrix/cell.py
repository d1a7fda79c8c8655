# SPDX-License-Identifier: MIT
"""What tests of one runtime share: plim as a command, and runtimes that end with the test."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

PLIM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""


class Cell(unittest.TestCase):
    maxDiff = None

    def start(self, runtime):
        self.addCleanup(runtime.stop)
        runtime.start()
        return runtime

    def plim(self, *words, code=0, timeout=120, **more):
        done = subprocess.run([PLIM, *map(str, words)], capture_output=True, text=True,
                              timeout=timeout, check=False, **more)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def json(self, *words, **more):
        return json.loads(self.plim(*words, "--json", **more).stdout)

    def count(self, file, name="Planted"):
        rows = self.json("classes", file, "--top", "0")["classes"]
        return sum(row["count"] for row in rows if row["name"] == name)

    def begin(self, *words):
        child = subprocess.Popen([PLIM, *map(str, words)], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, child)
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.kill()
        child.communicate()

    def killed_in_a_snapshot(self, runtime, address):
        """Kills the runtime once the first bytes of a snapshot are there."""
        file = runtime.folder / "cut.heapsnapshot"
        child = self.begin("snap", address, "-o", file)
        for _ in range(3000):
            if any(part.stat().st_size > 0 for part in runtime.folder.glob("cut*")):
                break
            time.sleep(0.01)
        runtime.kill()
        _, said = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 3, said)
        self.assertFalse(file.exists())
        return said

    def planted_beside(self, runtime, other):
        """What plim counts in its snapshot, while another debugger takes one, too."""
        file = runtime.folder / "beside.heapsnapshot"
        child = self.begin("snap", runtime.address, "--force", "-o", file)
        number = other.send("HeapProfiler.takeHeapSnapshot")
        theirs = "".join(message["params"]["chunk"] for message in other.until(number)
                         if message.get("method") == "HeapProfiler.addHeapSnapshotChunk")
        _, said = child.communicate(timeout=120)
        self.assertEqual(child.returncode, 0, said)
        self.assertTrue(theirs.rstrip().endswith("]}"), "theirs is cut")
        return self.count(file)

    def peak_of(self, *words):
        """The most memory in KiB that plim had while it did this."""
        pid = os.posix_spawn(PLIM, [PLIM, *map(str, words)], os.environ)
        _, status, usage = os.wait4(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, words)
        return usage.ru_maxrss


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    assert pathlib.Path(PLIM).exists(), "cell.py PLIM"
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)

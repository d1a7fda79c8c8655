# SPDX-License-Identifier: MIT
"""C programs with a region as targets: found, measured, taken, watched; and what has none."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from subject import PLIM, BARE, Subject, run


class Targets(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *arguments):
        subject = Subject(*(arguments or ("memfd", "shop")))
        self.addCleanup(subject.kill)
        return subject

    def json(self, *arguments, code=0):
        done = run(*arguments, "--json", cwd=self.folder)
        self.assertEqual(done.code, code, done.err)
        return json.loads(done.out)

    def ps(self, pid):
        return [row for row in self.json("ps")["targets"] if row["pid"] == pid]

    def test_ps_lists_programs_with_a_region(self):
        named = self.start()
        filed = self.start("file", os.path.join(self.folder, "state.region"))
        self.assertEqual([(row["runtime"], row["title"], row["address"])
                          for row in self.ps(named.pid) + self.ps(filed.pid)],
                         [("c", "shop", f"pid:{named.pid}"),
                          ("c", "state.region", f"pid:{filed.pid}")])

    def test_several_regions_are_listed_apart_and_asked_for_by_path(self):
        subject = self.start()
        subject.tell("second")
        rows = self.ps(subject.pid)
        self.assertEqual({row["title"] for row in rows}, {"shop", "second"})
        done = run("usage", f"pid:{subject.pid}")
        self.assertEqual(done.code, 2)
        for row in rows:
            self.assertIn(row["address"], done.err)
            self.assertEqual(self.json("usage", row["address"])["title"], row["title"])

    def test_usage_is_what_the_region_holds(self):
        subject = self.start()
        before = self.json("usage", f"pid:{subject.pid}")
        subject.tell("leak 1000")
        after = self.json("usage", f"pid:{subject.pid}")
        self.assertEqual(after["used_bytes"] - before["used_bytes"], 1000 * (64 + 64))
        self.assertEqual((after["runtime"], after["pid"]), ("c", subject.pid))
        self.assertGreater(after["process_rss_bytes"], 100000)
        self.assertGreaterEqual(after["total_bytes"], after["used_bytes"])

    def test_a_snapshot_is_read_as_the_region_is(self):
        subject = self.start()
        subject.tell("work 100")
        taken = self.json("snap", f"pid:{subject.pid}", "-o", "a.heapsnapshot.zst")
        self.assertEqual(taken["snapshots"][0]["pause_ns"], 0)
        of_file = self.json("summary", "a.heapsnapshot.zst")
        of_region = self.json("summary", f"/proc/{subject.pid}/fd/3")
        self.assertEqual(of_file, of_region)
        self.assertEqual({row["name"] for row in of_file["classes"]}, {"session", "list", "cache"})

    def test_a_leak_is_found_with_the_way_down_to_its_owner(self):
        subject = self.start()
        subject.tell("tick 3")
        done = run("leaks", f"pid:{subject.pid}", "--wait", "150ms", cwd=self.folder)
        self.assertEqual(done.code, 1, done.out + done.err)
        value = self.json("leaks", f"pid:{subject.pid}", "--wait", "150ms", code=1)
        self.assertEqual(len(value["leaks"]), 1)
        leak = json.dumps(value["leaks"][0])
        for name in ("session", "list", "main (owner 1)"):
            self.assertIn(name, leak)

    def test_two_looks_sample_what_was_made_between_them(self):
        subject = self.start()
        subject.tell("tick 3")
        done = run("sample", f"pid:{subject.pid}", "--duration", "500ms", "-o", "a.heapprofile",
                   cwd=self.folder)
        self.assertEqual(done.code, 0, done.err)
        with open(os.path.join(self.folder, "a.heapprofile"), encoding="utf-8") as file:
            rows = json.load(file)["head"]["children"]
        self.assertEqual([row["callFrame"]["functionName"] for row in rows], ["session"])
        self.assertGreater(rows[0]["selfSize"], 0)
        self.assertEqual(rows[0]["selfSize"] % (64 + 64), 0)

    def timeline(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            heap = json.load(file)
        fields = heap["snapshot"]["meta"]["node_fields"]
        ids = heap["nodes"][fields.index("id")::len(fields)]
        names = heap["nodes"][fields.index("name")::len(fields)]
        born = {of: heap["strings"][name] for of, name in zip(ids, names)}
        return heap, heap["samples"][::2], heap["samples"][1::2], born

    def test_a_timeline_has_what_was_born_in_each_interval_and_lives(self):
        subject = self.start()
        subject.tell("work 200")
        subject.tell("tick 3")
        told = self.json("track", f"pid:{subject.pid}", "--duration", "1500ms", "-o",
                         "a.heaptimeline")
        heap, times, last, names = self.timeline("a.heaptimeline")
        self.assertEqual((times, last), (sorted(set(times)), sorted(set(last))))
        self.assertGreater(len(times), 5)  # one in 50 ms, if the machine has time
        self.assertGreater(times[-1], 700000)
        born = [name for of, name in names.items() if last[0] < of <= last[-1]]
        # Sessions of "work" come and go; those of "tick" stay.
        self.assertEqual(set(born), {"session"})
        self.assertGreater(len(born), 100)
        self.assertEqual(told["live_count"], len(born))
        self.assertEqual(told["live_bytes"], 128 * len(born))
        self.assertTrue(told["has_stacks"] and told["has_intervals"])
        self.assertEqual(told["pause_ns"], 0)
        sites = [heap["strings"][at] for at in heap["trace_function_infos"][1::6]]
        self.assertIn("subject_start", sites)
        self.json("track", f"pid:{subject.pid}", "--duration", "200ms", "--no-stacks", "-o",
                  "b.heaptimeline")
        heap, _, later, _ = self.timeline("b.heaptimeline")
        self.assertEqual(heap["trace_function_infos"], [])
        self.assertGreater(later[-1], last[-1])

    def test_a_timeline_of_a_program_that_is_killed_is_saved(self):
        subject = self.start()
        subject.tell("tick 3")
        track = subprocess.Popen([PLIM, "track", f"pid:{subject.pid}", "-o", "a.heaptimeline"],
                                 cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, env=BARE)
        self.addCleanup(track.kill)
        time.sleep(0.5)
        subject.kill()
        out, err = track.communicate(timeout=20)
        self.assertEqual(track.returncode, 0, out + err)
        _, times, _, names = self.timeline("a.heaptimeline")
        self.assertGreater(len(times), 2)
        self.assertIn("session", names.values())

    def test_a_healthy_program_is_silent(self):
        subject = self.start()
        subject.tell("tick 0")
        done = run("leaks", f"pid:{subject.pid}", "--wait", "150ms", cwd=self.folder)
        self.assertEqual(done.code, 0, done.out + done.err)
        self.assertEqual(os.listdir(self.folder), [])

    def test_watch_ends_with_the_program(self):
        subject = self.start()
        watch = subprocess.Popen([PLIM, "watch", f"pid:{subject.pid}", "--every", "50ms",
                                  "--plain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, env=BARE)
        self.addCleanup(watch.kill)
        for _ in range(3):
            self.assertNotEqual(watch.stdout.readline(), "")
        subject.kill()
        out, err = watch.communicate(timeout=20)
        self.assertEqual(watch.returncode, 3, out + err)
        self.assertIn("ended", err)

    def test_a_snapshot_of_a_program_that_dies_meanwhile_is_whole(self):
        for wait in (0, 0.002, 0.004, 0.008, 0.02):
            subject = Subject("memfd", "shop")
            self.addCleanup(subject.kill)
            subject.tell("leak 50000")
            subject.tell("churn")
            taker = subprocess.Popen([PLIM, "snap", f"pid:{subject.pid}", "-f", "-o",
                                      os.path.join(self.folder, "a.heapsnapshot")],
                                     stderr=subprocess.PIPE, text=True, env=BARE)
            time.sleep(wait)
            subject.process.send_signal(signal.SIGKILL)
            _, err = taker.communicate(timeout=30)
            self.assertIn(taker.returncode, (0, 3), err)
            if taker.returncode == 0:
                self.json("summary", "a.heapsnapshot")

    def test_what_cannot_be_says_so_and_what_can(self):
        subject = self.start()
        other = f"pid:{os.getpid()}"
        for verb, target, code, words in (
                ("gc", f"pid:{subject.pid}", 5, "plim leaks"),
                ("sample", f"pid:{subject.pid}", 5, "without --include-collected"),
                ("usage", other, 5, "plim ps"),
                ("usage", "pid:999999999", 3, "no process"),
                ("usage", "region:/no/such", 3, "/no/such"),
                ("usage", "region:/dev/null", 2, "regular file"),
                ("usage", "region:/etc/passwd", 4, "/etc/passwd")):
            with self.subTest((verb, target)):
                more = ["--include-collected"] if verb == "sample" else []
                done = run(verb, target, *more, cwd=self.folder)
                self.assertEqual((done.code, done.out), (code, ""), done.err)
                self.assertIn(words, done.err)

    def test_a_process_that_may_not_be_looked_into_is_refused_with_words(self):
        """Our own, made unreadable as another user's is: root sees through that, so it gives up
        what lets it."""
        subject = self.start()
        subject.tell("hide")
        drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        done = subprocess.run([*drop, PLIM, "usage", f"pid:{subject.pid}"], capture_output=True,
                              text=True, env=BARE, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
        self.assertRegex(done.stderr, "(does not allow|another user)")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
"""The reading verbs on the region of a C program that runs, that ended, that was killed."""

import json
import os
import shutil
import tempfile
import unittest

from subject import Subject, Terminal, run


class Reading(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "state.region")
        self.subject = Subject("file", self.file)
        self.addCleanup(self.subject.kill)

    def json(self, *arguments, code=0):
        done = run(*arguments, "--json")
        self.assertEqual(done.code, code, done.err)
        return json.loads(done.out)

    def count(self, of_class):
        classes = self.json("summary", self.file)["classes"]
        return sum(row["count"] for row in classes if row["name"] == of_class)

    def test_a_region_that_is_written_is_read_as_a_snapshot_is(self):
        self.subject.tell("work 100")
        self.assertEqual(self.count("session"), 64)
        self.assertEqual(self.count("cache"), 1)
        self.subject.tell("leak 500")
        self.assertEqual(self.count("session"), 564)

    def test_retainers_lead_down_to_the_owner(self):
        self.subject.tell("leak 3")
        rows = self.json("classes", self.file, "--filter", "list")["classes"]
        self.assertEqual([row["name"] for row in rows], ["list"])
        value = self.json("retainers", self.file, "@5")
        names = [step["name"] for step in value["path"]]
        self.assertEqual(names[1:], ["(GC roots)", "main (owner 1)", "list", "session"])
        self.assertIn("first", [row["edge"] for row in value["retainers"]])

    def test_a_process_is_read_where_it_lies(self):
        self.subject.tell("leak 3")
        self.assertEqual(self.json("summary", f"pid:{self.subject.pid}"),
                         self.json("summary", self.file))
        self.assertEqual(self.json("retainers", f"pid:{self.subject.pid}", "@5")["node"]["name"],
                         "session")
        done = run("summary", f"pid:{os.getpid()}")
        self.assertEqual((done.code, done.out), (5, ""))
        self.assertIn("plim snap pid:", done.err)

    def on_terminal(self, *words):
        """What a person sees, in one line; notes are for people alone."""
        screen = Terminal(*words, columns=200)
        self.assertEqual(screen.finish(), 0)
        return " ".join(screen.seen.decode().split())

    def test_diff_compares_a_region_with_a_copy_of_itself_in_time(self):
        self.subject.tell("work 200")
        early = os.path.join(self.folder, "early.region")
        shutil.copy(self.file, early)
        self.subject.tell("leak 40")
        self.subject.tell("work 200")
        rows = {row["name"]: row for row in self.json("diff", early, self.file)["classes"]}
        self.assertEqual(rows["session"]["delta"], 40)
        self.assertEqual(rows["session"]["added"], 104)
        self.assertEqual(set(rows), {"session"})

    def test_a_snapshot_and_its_program_are_compared_by_id_in_either_order(self):
        program = f"pid:{self.subject.pid}"
        early = os.path.join(self.folder, "early.heapsnapshot")
        late = os.path.join(self.folder, "late.heapsnapshot")
        self.subject.tell("work 200")
        self.assertEqual(run("snap", program, "-o", early).code, 0)
        self.subject.tell("leak 40")
        self.subject.tell("work 200")
        value = self.json("diff", early, program)
        rows = {row["name"]: row for row in value["classes"]}
        self.assertEqual((value["matched_by"], set(rows)), ("id", {"session"}))
        session = rows["session"]
        self.assertEqual(session["delta"], 40)
        self.assertGreater(session["removed"], 0)  # which no class could tell
        back = self.json("diff", program, early)["classes"][0]
        self.assertEqual((back["added"], back["removed"]), (session["removed"], session["added"]))
        self.assertEqual(run("snap", program, "-o", late).code, 0)  # another connection
        self.assertEqual(self.json("diff", early, late)["classes"], value["classes"])
        self.assertEqual(self.json("diff", early, self.file)["classes"], value["classes"])
        other = Subject("file", os.path.join(self.folder, "another.region"))
        self.addCleanup(other.kill)
        other.tell("leak 300")
        self.assertEqual(self.json("diff", early, f"pid:{other.pid}")["matched_by"], "class")
        self.assertIn("not of one connection", self.on_terminal("diff", early, f"pid:{other.pid}"))
        self.assertIn("matched by id)", self.on_terminal("diff", early, program))

    def test_leaks_of_three_copies_has_the_way_to_the_owner(self):
        copies = []
        for i in range(3):
            self.subject.tell("work 300")
            self.subject.tell("leak 200")
            copies.append(os.path.join(self.folder, f"{i}.region"))
            shutil.copy(self.file, copies[-1])
        done = run("leaks", *copies)
        self.assertEqual(done.code, 1, done.out + done.err)
        self.assertIn("session", done.out)
        self.assertIn("main (owner 1)", done.out)
        said = self.json("leaks", *copies, code=1)["leaks"][0]["says"]
        self.assertIn("session objects collect in list, held by main (owner 1), and are never "
                      "released: 200 more each round.", said)

    def test_copies_of_one_region_are_one_series_and_others_are_not(self):
        copies = []
        for i in range(3):
            self.subject.tell("leak 300")
            copies.append(os.path.join(self.folder, f"{i}.region"))
            shutil.copy(self.file, copies[-1])
        value = self.json("leaks", *copies, "--min-growth", "1", code=1)
        self.assertEqual(value["matched_by"], "id")
        self.assertIn("main (owner 1)", json.dumps(value["leaks"]))
        for other in (copies[1], f"pid:{self.subject.pid}"):  # of which it is a copy
            seen = self.on_terminal("diff", copies[0], other)
            self.assertIn("matched by id)", seen)
            self.assertNotIn("--match", seen)
        file = os.path.join(self.folder, "another.region")
        other = Subject("file", file)
        self.addCleanup(other.kill)
        other.tell("leak 300")
        value = self.json("leaks", copies[0], copies[1], file, "--min-growth", "1", code=0)
        self.assertEqual(value["matched_by"], "class")

    def test_a_name_with_a_mark_in_it_is_no_moment_of_a_region(self):
        path = os.path.join(self.folder, "another.region")
        other = Subject("file", path)
        self.addCleanup(other.kill)
        named = self.file + "#1.heapsnapshot"  # beside the region, and not of it
        self.assertEqual(run("export", path, "-o", named).code, 0)
        self.assertEqual(self.json("diff", named, self.file)["matched_by"], "class")

    def test_leaks_of_a_healthy_program_is_silent(self):
        copies = []
        for i in range(3):
            self.subject.tell("work 300")
            copies.append(os.path.join(self.folder, f"{i}.region"))
            shutil.copy(self.file, copies[-1])
        done = run("leaks", *copies)
        self.assertEqual(done.code, 0, done.out + done.err)

    def test_a_killed_program_left_what_it_had(self):
        self.subject.tell("leak 77")
        self.subject.kill()
        self.assertEqual(self.count("session"), 77)

    def test_what_asks_a_program_says_that_a_file_is_none(self):
        for verb in ("snap", "gc", "usage"):
            done = run(verb, self.file)
            self.assertEqual((done.code, done.out), (2, ""), verb)
            self.assertIn("is a region's file, not a program", done.err)
            self.assertIn("plim export", done.err)

    def test_a_cut_region_is_damaged(self):
        self.subject.tell("end")
        self.subject.process.wait()
        os.truncate(self.file, 5000)
        done = run("summary", self.file)
        self.assertEqual((done.code, done.out), (4, ""))
        self.assertIn("state.region", done.err)
        self.assertRegex(done.err, r"cut short: 5000 of its \d+ bytes")

    def test_it_is_read_beside_a_writer_that_never_rests(self):
        self.subject.tell("churn")
        for _ in range(20):
            self.assertGreater(self.count("cache"), 0)


if __name__ == "__main__":
    unittest.main()

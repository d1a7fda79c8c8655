# SPDX-License-Identifier: MIT
"""plim view: what it shows of a program that runs, ended or was killed, in every form."""

import json
import os
import shutil
import tempfile
import unittest

from subject import Subject, run

HEAD = {"schema", "name", "writer_pid", "writer_is_alive", "epoch", "object_count", "object_max",
        "type_count", "value_bytes", "held_bytes", "data_bytes"}


class View(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "state.region")
        self.subject = Subject("file", self.file)
        self.addCleanup(self.subject.kill)
        self.target = f"pid:{self.subject.pid}"

    def view(self, *arguments, code=0):
        done = run("view", *arguments)
        self.assertEqual(done.code, code, done.out + done.err)
        return done.out if code == 0 else done.err

    def json(self, *arguments):
        value = json.loads(self.view(*arguments, "--json"))
        self.assertEqual(value["schema"], "plim.view/1")
        self.assertLessEqual(HEAD, set(value))
        return value

    def test_totals_types_and_owners(self):
        self.subject.tell("leak 10")
        value = self.json(self.target)
        self.assertEqual((value["name"], value["writer_pid"], value["writer_is_alive"]),
                         ("state.region", self.subject.pid, True))
        self.assertEqual((value["object_count"], value["type_count"]), (12, 3))
        self.assertEqual([(row["name"], row["count"], row["held_bytes"], row["value_bytes"])
                          for row in value["types"]],
                         [("session", 10, 1280, 560), ("cache", 1, 592, 520),
                          ("list", 1, 96, 28)])
        self.assertEqual([(row["number"], row["name"], row["count"]) for row in value["owners"]],
                         [(1, "main", 12)])
        self.assertEqual(value["held_bytes"] + 64 * 12,
                         sum(row["held_bytes"] for row in value["types"]))

    def test_people_read_the_same(self):
        self.subject.tell("leak 10")
        text = self.view(self.target)
        self.assertRegex(text, rf"state.region  pid {self.subject.pid} writes it\n  12 objects")
        self.assertRegex(text, r"session +10 +1.2 KiB")
        self.assertRegex(text, r"main +12")

    def test_each_object_with_its_fields_by_kind(self):
        self.subject.tell("leak 2")
        objects = self.json(self.file, "--by", "object")["objects"]
        self.assertEqual([row["type"] for row in objects],
                         ["list", "cache", "session", "session"])
        fields = {row["name"]: (row["kind"], row["value"]) for row in objects[3]["fields"]}
        self.assertEqual(fields, {"user": ("text", "user-2"), "number": ("uint", 2),
                                  "score": ("float", 0.5), "is_open": ("bool", True),
                                  "next": ("ref", objects[2]["id"])})
        self.assertEqual((objects[3]["parent"], objects[3]["owner"], objects[3]["owner_name"]),
                         (objects[0]["id"], 1, "main"))
        cache = {row["name"]: row for row in objects[1]["fields"]}
        self.assertEqual((cache["slots"]["count"], cache["slots"]["value"]), (64, [None] * 64))
        self.assertEqual((cache["digest"]["value"], cache["hits"]["value"]), ("cafe0001", 0))
        self.assertIn('user="user-2" number=2 score=0.5 is_open=true next=@3',
                      self.view(self.file, "--by", "object", "--plain"))

    def test_one_object(self):
        self.subject.tell("leak 3")
        value = self.json(self.target, "@1")["object"]
        self.assertEqual(value["type"], "list")
        text = self.view(self.target, "@1")
        self.assertRegex(text, r"list @1 +96 B, private\n  owner 1  main")
        self.assertRegex(text, r'label +text +"open"\n  length +uint +3\n  first +ref +@5')
        self.assertIn("no object @999", self.view(self.target, "@999", code=2))

    def test_a_stale_reference_says_so(self):
        self.subject.tell("work 64")
        self.subject.tell("stale")
        fields = self.view(self.target, "@1")
        self.assertRegex(fields, r"first +ref +stale")

    def test_filters(self):
        self.subject.tell("leak 5")
        self.subject.tell("work 3")
        both = self.json(self.target, "--by", "type", "--type", "session", "--owner", "main")
        self.assertEqual([(row["name"], row["count"]) for row in both["types"]], [("session", 8)])
        self.assertEqual(self.json(self.target, "--by", "type", "--owner", "7")["types"], [])
        tagged = self.json(self.target, "--by", "object", "--tag", "root")["objects"]
        self.assertEqual([row["type"] for row in tagged], ["list"])
        self.assertEqual(tagged[0]["tag_name"], "root")
        self.assertIn("it has no type", self.view(self.target, "--type", "sess", code=2))
        self.assertIn("--by owner", self.view(self.target, "--owner", "nobody", code=2))

    def test_groups_by_tag_and_site(self):
        tags = self.json(self.target, "--by", "tag")["tags"]
        self.assertEqual({row["name"]: row["count"] for row in tags}, {"root": 1, None: 1})
        sites = self.json(self.target, "--by", "site")["sites"]
        self.assertTrue(any((row["name"] or "").startswith("subject_start subject.c:")
                            for row in sites), sites)

    def test_the_tree_sums_what_ends_together(self):
        self.subject.tell("leak 30")
        owner, = self.json(self.target, "--by", "tree")["tree"]
        self.assertEqual((owner["owner"], owner["name"]), (1, "main"))
        self.assertEqual([(row["type"], row["below_count"], len(row["children"]))
                          for row in owner["objects"]], [("list", 31, 30), ("cache", 1, 0)])
        self.assertEqual(owner["objects"][0]["below_bytes"], 96 + 30 * 128)
        text = self.view(self.target, "--by", "tree", "--top", "3")
        self.assertIn("… and 27 more", text)
        self.assertNotIn("session", self.view(self.target, "--by", "tree", "--depth", "1"))

    def test_what_a_killed_program_left(self):
        self.subject.tell("leak 9")
        self.subject.kill()
        value = self.json(self.file)
        self.assertEqual((value["object_count"], value["writer_is_alive"]), (11, False))
        self.assertIn(f"pid {self.subject.pid} ended without closing it", self.view(self.file))

    def test_a_program_that_ended_in_good_order(self):
        self.subject.tell("end")
        self.subject.process.wait()
        self.assertIsNone(self.json(self.file)["writer_pid"])
        self.assertIn("nobody writes it", self.view(self.file))

    def test_texts_of_a_hostile_program_reach_no_terminal(self):
        self.subject.tell("evil")
        for form in ([], ["--by", "object"], ["--by", "tree"], ["@3"],
                     ["--by", "object", "--plain"]):
            text = self.view(self.target, *form)
            self.assertNotRegex(text, "[\x00-\x08\x0b-\x1f\x7f]")
        self.json(self.target, "--by", "object")

    def test_every_way_to_name_it(self):
        link = f"/proc/{self.subject.pid}/fd/3"
        whole = self.json(self.target)
        for name in (self.file, "region:" + self.file, link, "region:" + link):
            value = self.json(name)
            self.assertEqual(value["types"], whole["types"])
        for name, code, words in ((str(self.subject.pid), 2, "pid:"), ("pid:x", 2, "number"),
                                  (f"pid:{os.getpid()}", 5, "no region"),
                                  ("pid:999999999", 3, "no process"),
                                  ("/etc/passwd", 4, "no Plimsoll region"),
                                  ("/no/such", 3, "/no/such"), ("/", 2, "regular file")):
            self.assertIn(words, self.view(name, code=code))

    def test_earlier_moments(self):
        for count in (10, 20, 30):
            self.subject.tell(f"step {count}")
        self.assertEqual([self.json(self.target, "--at", at)["object_count"]
                          for at in ("0", "-1", "-2", "-3")], [62, 32, 12, 2])
        self.assertEqual(self.json(f"region:{self.file}", "--at", "-2")["object_count"], 12)
        self.assertIn("3", self.view(self.target, "--at", "-4", code=3))
        self.assertIn("#at:-3", self.view(self.target, "--at", "3", code=2))
        done = run("diff", f"{self.target}#at:-2", f"{self.target}#at:-1", "--json")
        rows = {row["name"]: row for row in json.loads(done.out)["classes"]}
        self.assertEqual({name: (row["added"], row["removed"]) for name, row in rows.items()},
                         {"session": (20, 0)})
        by_name = run("diff", f"{self.file}#at:-2", f"{self.file}#at:-1", "--json")
        self.assertEqual((by_name.code, by_name.out), (done.code, done.out), by_name.err)
        done = run("snap", f"region:{self.file}#at:-1", "-o", self.file + ".heapsnapshot")
        self.assertEqual(done.code, 0, done.err)

    def test_a_cut_is_of_one_moment(self):
        self.subject.tell("leak 5")
        self.subject.tell("safe", wait=False)
        self.assertEqual(self.json(self.target, "--cut")["object_count"], 7)
        self.subject.expect("done")
        self.assertIn("safe point", self.view(self.target, "--cut", code=3))

    def test_beside_a_writer_that_never_rests(self):
        self.subject.tell("churn")
        for form in ("type", "owner", "object", "tree", "site"):
            for _ in range(5):
                self.json(self.target, "--by", form)

    def test_a_limit_of_memory_is_kept(self):
        self.subject.tell("leak 20000")
        self.assertIn("--mem", self.view(self.target, "--by", "tree", "--mem", "1M", code=6))
        self.json(self.target, "--by", "owner", "--mem", "1M")


if __name__ == "__main__":
    unittest.main()

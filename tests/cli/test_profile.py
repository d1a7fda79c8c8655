#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Profiles through `plim export`: each format read by eyes that are not plim's (protobuf's own
decoder, speedscope's schema), figures that are known beforehand, and what cannot be."""

import gzip
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whatever python3 comes first

# pylint: disable=wrong-import-position
import jsonschema  # noqa: E402

from heap import simple  # noqa: E402
from plim import run  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def call(name, source, size, number, *children):
    return {"callFrame": {"functionName": name, "scriptId": "1", "url": source, "lineNumber": 4,
                          "columnNumber": 2},
            "selfSize": size, "id": number, "children": list(children)}


PROFILE = {"head": call("(root)", "", 0, 1,
                        call("main", "/a.js", 10, 2, call("make", "/b.js", 700, 3),
                             call("make;it\n", "/b.js", 290, 4))),
           "samples": [{"size": 700, "nodeId": 3, "ordinal": 1},
                       {"size": 290, "nodeId": 4, "ordinal": 2}]}
TIMELINE = {
    "snapshot": {"meta": {
        "node_fields": ["type", "name", "id", "self_size", "edge_count", "trace_node_id",
                        "detachedness"],
        "node_types": [["hidden", "array", "string", "object"], "string", "number", "number",
                       "number", "number", "number"],
        "edge_fields": ["type", "name_or_index", "to_node"],
        "edge_types": [["context", "element", "property"], "string_or_number", "node"],
        "trace_function_info_fields": ["function_id", "name", "script_name", "script_id", "line",
                                       "column"],
        "trace_node_fields": ["id", "function_info_index", "count", "size", "children"],
        "sample_fields": ["timestamp_us", "last_assigned_id"],
        "location_fields": ["object_index", "script_id", "line", "column"]},
        "node_count": 3, "edge_count": 2, "trace_function_count": 2},
    "nodes": [3, 2, 1, 0, 2, 0, 0, 3, 4, 3, 40, 0, 2, 0, 3, 4, 5, 60, 0, 2, 0],
    "edges": [2, 4, 7, 2, 4, 14],
    "trace_function_infos": [0, 1, 2, 0, 0, 0, 8, 4, 3, 11, 12, 5],
    "trace_tree": [1, 0, 0, 0, [2, 1, 3, 300, []]],
    "samples": [0, 5], "locations": [], "strings": ["<dummy>", "(root)", "", "/srv/a.js", "make"]}

# Names of a function, a script and another function that nobody else may read.
SECRETS = ("hunter2 <Ünïcode>", "https://user:s3cr3t@example.org/app.js?token=99", "tell;\"x\"")

# What speedscope's own schema says of the part that is written:
# https://www.speedscope.app/file-format-schema.json
NUMBERS = {"type": "array", "items": {"type": "number"}}
SCHEMA = {
    "type": "object", "required": ["$schema", "profiles", "shared"], "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "activeProfileIndex": {"type": "number"}, "exporter": {"type": "string"},
        "name": {"type": "string"},
        "shared": {"type": "object", "required": ["frames"], "properties": {"frames": {
            "type": "array", "items": {
                "type": "object", "required": ["name"], "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "file": {"type": "string"},
                               "line": {"type": "number"}, "col": {"type": "number"}}}}}},
        "profiles": {"type": "array", "items": {
            "type": "object", "additionalProperties": False,
            "required": ["type", "name", "unit", "startValue", "endValue", "samples", "weights"],
            "properties": {
                "type": {"const": "sampled"}, "name": {"type": "string"},
                "unit": {"enum": ["none", "nanoseconds", "microseconds", "milliseconds", "seconds",
                                  "bytes"]},
                "startValue": {"type": "number"}, "endValue": {"type": "number"},
                "samples": {"type": "array", "items": NUMBERS}, "weights": NUMBERS}}}}}


def decode(data):
    """A pprof file as protobuf's own decoder writes it: a list of (key, value or list)."""
    folder = os.path.join(ROOT, "src/heap/profile")
    done = subprocess.run(["protoc-c", "--decode=perftools.profiles.Profile", "-I", folder,
                           "profile.proto"], input=data, capture_output=True, check=True)
    stack = [[]]
    for line in done.stdout.decode().splitlines():
        line = line.strip()
        if line == "}":
            inner = stack.pop()
            stack[-1][-1] = (stack[-1][-1][0], inner)
        elif line.endswith("{"):
            stack[-1].append((line[:-2], None))
            stack.append([])
        else:
            key, value = line.split(": ", 1)
            stack[-1].append((key, json.loads(value.replace("\\'", "'"))))
    return stack[0]


def all_of(message, key):
    return [value for name, value in message if name == key]


class Profiles(unittest.TestCase):
    def setUp(self):
        self.kept = tempfile.TemporaryDirectory()
        self.addCleanup(self.kept.cleanup)
        for name, value in (("a.heapprofile", PROFILE), ("a.heaptimeline", TIMELINE)):
            with open(self.path(name), "w", encoding="utf-8") as file:
                json.dump(value, file)

    def path(self, name):
        return os.path.join(self.kept.name, name)

    def export(self, source, target, *more, code=0):
        done = run("export", self.path(source), "-o", self.path(target), *more)
        self.assertEqual(done.code, code, done.err)
        return done

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def pprof(self, data):
        message = decode(data)
        texts = all_of(message, "string_table")
        self.assertEqual(texts[0], "")
        kinds = [tuple(texts[dict(kind)[key]] for key in ("type", "unit"))
                 for kind in all_of(message, "sample_type")]
        names = {dict(row)["id"]: texts[dict(row)["name"]] for row in all_of(message, "function")}
        lines = {}
        for row in all_of(message, "location"):
            line = dict(dict(row)["line"])
            lines[dict(row)["id"]] = (names[line["function_id"]], line.get("line", 0))
        samples = {}
        for row in all_of(message, "sample"):
            stack = tuple(lines[number] for number in all_of(row, "location_id"))
            samples[stack] = dict(zip(kinds, all_of(row, "value")))
        notes = [texts[number] for number in all_of(message, "comment")]
        return samples, kinds, notes

    def test_pprof_has_stacks_and_names_what_is_missing(self):
        self.export("a.heapprofile", "a.pb.gz")
        data = self.read("a.pb.gz")
        self.assertEqual(data[:2], b"\x1f\x8b")
        samples, kinds, notes = self.pprof(gzip.decompress(data))
        self.assertEqual(kinds, [("samples", "count"), ("inuse_space", "bytes")])
        self.assertEqual(samples, {
            (("main", 5),): dict(zip(kinds, (0, 10))),
            (("make", 5), ("main", 5)): dict(zip(kinds, (1, 700))),
            (("make;it\n", 5), ("main", 5)): dict(zip(kinds, (1, 290)))})
        self.assertEqual(notes, ["not recorded: inuse_objects, alloc_space, alloc_objects"])

    def test_pprof_is_compressed_whatever_it_is_called_but_pb(self):
        self.export("a.heapprofile", "profile", "--format", "pprof")
        self.export("a.heapprofile", "a.pb")
        self.export("a.heapprofile", "a.pprof")
        self.assertEqual(gzip.decompress(self.read("profile")), self.read("a.pb"))
        self.assertEqual(gzip.decompress(self.read("a.pprof")), self.read("a.pb"))

    def test_what_was_freed_is_allocated_space(self):
        self.export("a.heapprofile", "a.pb", "--include-collected")
        _, kinds, _ = self.pprof(self.read("a.pb"))
        self.assertIn(("alloc_space", "bytes"), kinds)
        self.assertNotIn(("inuse_space", "bytes"), kinds)

    def test_a_timeline_has_all_four(self):
        self.export("a.heaptimeline", "t.pb.gz")
        samples, kinds, notes = self.pprof(gzip.decompress(self.read("t.pb.gz")))
        self.assertEqual([kind for kind, _ in kinds],
                         ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"])
        self.assertEqual(samples, {(("make", 12),): dict(zip(kinds, (3, 300, 2, 100)))})
        self.assertEqual(notes, ["all measures were recorded"])

    def test_folded_stacks_have_one_line_each(self):
        self.export("a.heapprofile", "a.folded")
        self.assertEqual(self.read("a.folded").decode(),
                         "main 10\nmain;make 700\nmain;make:it  290\n")

    def test_speedscope_follows_its_schema(self):
        for source in ("a.heapprofile", "a.heaptimeline"):
            self.export(source, "a.speedscope.json", "-f")
            document = json.loads(self.read("a.speedscope.json"))
            jsonschema.validate(document, SCHEMA)
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate({**document, "profiles": [{"type": "sampled"}]}, SCHEMA)
            for profile in document["profiles"]:
                self.assertEqual(len(profile["samples"]), len(profile["weights"]))
                self.assertEqual(sum(profile["weights"]), profile["endValue"])
                for stack in profile["samples"]:
                    self.assertLess(max(stack), len(document["shared"]["frames"]))

    def test_a_page_is_whole_in_itself(self):
        simple().write(self.path("s.heapsnapshot"))
        for source in ("a.heapprofile", "a.heaptimeline", "s.heapsnapshot"):
            self.export(source, "a.html", "-f")
            page = self.read("a.html").decode()
            self.assertNotRegex(page, r"(src|href)=|https?:|@import|url\(")
            data = json.loads(re.search(r'type="application/json">(.*?)</script>', page,
                                        re.S).group(1))
            names = {tree["name"] for tree in data["trees"]}
            self.assertEqual("Calls: bytes alive" in names, source != "s.heapsnapshot")
            self.assertEqual("Who keeps what alive (dominators)" in names,
                             source != "a.heapprofile")
            for tree in data["trees"]:
                rows = [tree["rows"][at:at + 4] for at in range(0, len(tree["rows"]), 4)]
                self.assertEqual(len(rows), tree["shown"])
                for number, (parent, name, place, total) in enumerate(rows):
                    self.assertTrue(parent < number or number == 0)
                    self.assertLess(max(name, place), len(data["texts"]))
                    self.assertLessEqual(total, rows[parent][3])

    def test_a_place_without_a_column_ends_with_its_line(self):
        with open(self.path("c.heapprofile"), "w", encoding="utf-8") as file:
            file.write(json.dumps(PROFILE).replace('"columnNumber": 2', '"columnNumber": -1'))
        for source, place in (("a.heapprofile", "/b.js:5:3"), ("c.heapprofile", "/b.js:5")):
            self.export(source, "c.html", "-f")
            self.assertIn(f'"{place}"', self.read("c.html").decode())

    def test_what_cannot_be_is_said(self):
        simple().write(self.path("s.heapsnapshot"))
        done = self.export("s.heapsnapshot", "s.pb.gz", code=5)
        self.assertIn("no stacks", done.err)
        self.assertIn("plim sample", done.err)
        self.assertFalse(os.path.exists(self.path("s.pb.gz")))
        self.assertIn("no objects", self.export("a.heapprofile", "a.heapsnapshot", code=5).err)
        with open(self.path("cut.heapprofile"), "w", encoding="utf-8") as file:
            file.write(json.dumps(PROFILE)[:200])
        self.assertIn("cut.heapprofile", self.export("cut.heapprofile", "c.folded", code=4).err)
        done = run("sample", ":1", "--format", "heapsnapshot", "-o", self.path("x"))
        self.assertEqual(done.code, 2)
        self.assertEqual(run("sample", ":1", "--format", "pprof").code, 2)

    def redact(self, source, target, code=0):
        done = run("redact", self.path(source), "-o", self.path(target), "--json")
        self.assertEqual(done.code, code, done.err)
        return done

    def secrets_in(self, name):
        """Which of the planted names a file tells, in any encoding of its format."""
        data = self.read(name)
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        found = set()
        for secret in SECRETS:
            spellings = {secret, json.dumps(secret)[1:-1], secret.replace(";", ":"),
                         secret.replace("<", "\\u003c"), html.escape(secret)}
            found |= {secret for text in spellings
                      if text.encode() in data or text.encode("utf-16-le") in data}
        return found

    def test_redaction_leaves_no_name_and_every_figure(self):
        with open(self.path("s.heapprofile"), "w", encoding="utf-8") as file:
            json.dump({"head": call("(root)", "", 0, 1, call(SECRETS[0], SECRETS[1], 10, 2, call(
                SECRETS[2], SECRETS[1], 700, 3), call("(V8 API)", "", 5, 4))), "samples": []}, file)
        timeline = json.loads(json.dumps(TIMELINE))
        timeline["strings"][3:5] = [SECRETS[1], SECRETS[2]]
        with open(self.path("s.heaptimeline"), "w", encoding="utf-8") as file:
            json.dump(timeline, file)
        for source in ("s.heapprofile", "s.heaptimeline"):
            for ending in ("heapprofile", "pb", "pb.gz", "folded", "speedscope.json", "html"):
                self.export(source, "told." + ending, "-f")
                self.assertTrue(self.secrets_in("told." + ending), (source, ending))
                said = json.loads(self.redact(source, "left-" + source + "." + ending).out)
                self.assertEqual(said["replaced_texts"], 3 if source == "s.heapprofile" else 2)
                self.assertEqual(self.secrets_in("left-" + source + "." + ending), set())
        self.assertEqual(self.read("left-s.heapprofile.folded").decode(),
                         "redacted1 10\nredacted1;redacted3 700\nredacted1;(V8 API) 5\n")
        samples, _, _ = self.pprof(self.read("left-s.heaptimeline.pb"))
        self.assertEqual([sum(values.values()) for values in samples.values()], [3 + 300 + 2 + 100])

    def test_a_redacted_timeline_without_its_stacks_says_so(self):
        done = self.redact("a.heaptimeline", "t.heapsnapshot")
        self.assertIn("-o NAME.heapprofile has the stacks", done.err)
        self.assertNotIn(b"/srv/a.js", self.read("t.heapsnapshot"))
        self.assertIn("no objects", self.redact("a.heapprofile", "t.heapsnapshot", code=5).err)

    def test_files_are_the_owners_alone(self):
        for name in ("a.pb.gz", "a.html", "a.folded", "a.speedscope.json"):
            self.export("a.heapprofile", name)
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()

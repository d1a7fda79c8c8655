#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Snapshots of Bun and Firefox, captured from real ones: what the reader in C makes of them, seen
through `plim export`, is what a slow, plain reader makes of them, node by node and edge by edge."""

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/heap"))
from naive_firefox import Snapshot  # noqa: E402  pylint: disable=wrong-import-position

CORPUS = os.path.join(ROOT, "tests/corpus/snapshots")
PLIM = sys.argv.pop(1)


def plim(*words, code=0, data=None):
    run = subprocess.run([PLIM, *words], input=data, capture_output=True, timeout=120, check=False)
    if code is not None and run.returncode != code:
        raise AssertionError(f"plim {words}: exit {run.returncode}: {run.stderr.decode()}")
    return run


def exported(path):
    """Nodes as (type, name, id, size) and edges as (from, type, name or number, to), by ordinal."""
    text = json.loads(plim("export", path, "-o", "-").stdout)
    meta = text["snapshot"]["meta"]
    fields, types = meta["node_fields"], meta["node_types"][0]
    width, strings = len(fields), text["strings"]
    edge_types = meta["edge_types"][0]
    nodes, edges, edge = [], [], 0
    for at in range(0, len(text["nodes"]), width):
        row = dict(zip(fields, text["nodes"][at:at + width]))
        nodes.append((types[row["type"]], strings[row["name"]], row["id"], row["self_size"]))
        for _ in range(row["edge_count"]):
            kind, name, to = text["edges"][edge:edge + 3]
            edge += 3
            kind = edge_types[kind]
            name = name if kind in ("element", "hidden") else strings[name]
            edges.append((len(nodes) - 1, kind, name, to // width))
    return nodes, edges


class Jsc(unittest.TestCase):
    KINDS = {"Internal": "internal", "Property": "property", "Index": "element",
             "Variable": "context"}

    def compare(self, name):
        path = os.path.join(CORPUS, name)
        with gzip.open(path) as file:
            raw = json.load(file)
        debug = raw["type"] == "GCDebugging"
        width = 7 if debug else 4
        rows = [raw["nodes"][at:at + width] for at in range(0, len(raw["nodes"]), width)]
        nodes, edges = exported(path)
        self.assertEqual([node[2] for node in nodes], [row[0] for row in rows])
        self.assertEqual([node[3] for node in nodes], [row[1] for row in rows])
        for node, row in zip(nodes[1:], rows[1:]):
            wanted = raw["nodeClassNames"][row[2]]
            label = raw["labels"][row[4]] if debug else ""
            self.assertEqual(node[1], label if label and node[0] == "closure" else wanted)
        ordinal = {row[0]: i for i, row in enumerate(rows)}
        wanted = []
        for at in range(0, len(raw["edges"]), 4):
            start, to, kind, data = raw["edges"][at:at + 4]
            kind = self.KINDS[raw["edgeTypes"][kind]]
            label = {"internal": "", "element": data}.get(kind)
            label = raw["edgeNames"][data] if label is None else label
            wanted.append((ordinal[start], kind, label, ordinal[to]))
        for at in range(0, len(raw.get("roots", [])), 3):
            node, reason, _ = raw["roots"][at:at + 3]
            wanted.append((0, "internal", raw["labels"][reason], ordinal[node]))
        self.assertEqual(sorted(edges, key=repr), sorted(wanted, key=repr))
        return nodes

    def test_both_types_are_as_the_plain_reader_has_them(self):
        for name in ("bun-1.4.5-a.json.gz", "bun-1.4.5-b.json.gz", "bun-1.4.5-debug.json.gz"):
            nodes = self.compare(name)
            self.assertEqual(sum(node[:2] == ("object", "Leak") for node in nodes) % 100, 0)
            self.assertGreater(sum(node[:2] == ("object", "Leak") for node in nodes), 500)

    def test_the_root_comes_first_wherever_it_stood(self):
        seen = []
        for name in ("jsc-3.json", "jsc-root-last.json"):
            nodes, edges = exported(os.path.join(ROOT, "tests/corpus/formats", name))
            self.assertEqual(nodes[0][0], "synthetic")
            seen.append(sorted((nodes[start][2], kind, str(label), nodes[to][2])
                               for start, kind, label, to in edges))
        self.assertEqual(*seen)

    def test_what_grew_is_named_by_id(self):
        old, new = (os.path.join(CORPUS, f"bun-1.4.5-{which}.json.gz") for which in "ab")
        told = json.loads(plim("diff", old, new, "--match", "id", "--json").stdout)
        leak = [row for row in told["classes"] if row["name"] == "Leak"][0]
        self.assertEqual((leak["added"], leak["removed"]), (300, 0))

    def test_the_way_to_what_leaks_is_told(self):
        path = os.path.join(CORPUS, "bun-1.4.5-a.json.gz")
        nodes, _ = exported(path)
        leak = [node[2] for node in nodes if node[:2] == ("object", "Leak")][7]
        told = json.loads(plim("retainers", path, f"@{leak}", "--json").stdout)
        self.assertIn("held", [step.get("edge") for step in told["path"]])


class Firefox(unittest.TestCase):
    def test_nodes_and_edges_are_as_the_plain_reader_has_them(self):
        for which in "ab":
            path = os.path.join(CORPUS, f"firefox-153-{which}.fxsnapshot")
            plain = Snapshot(path)
            nodes, edges = exported(path)
            self.assertEqual(len(nodes), len(plain.nodes))
            self.assertEqual([node[3] for node in nodes], [node["size"] for node in plain.nodes])
            ordinal = {node["id"]: i for i, node in enumerate(plain.nodes)}
            wanted = []
            for start, node in enumerate(plain.nodes):
                for name, to in node["edges"]:
                    wanted.append((start, name or "", ordinal[to]))
            seen = [(start, f"objectElements[{name}]" if kind == "element" else name, to)
                    for start, kind, name, to in edges]
            self.assertEqual(sorted(seen), sorted(wanted))
            for node, raw in zip(nodes[1:], plain.nodes[1:]):
                if raw["coarse"] == 4:
                    self.assertEqual(node[:2], ("native", raw.get("described", raw["type"])))
                elif raw["coarse"] == 1 and raw["class"] not in ("Object", "Function"):
                    self.assertEqual(node[:2], ("object", raw["class"]))

    def test_instances_have_their_constructors_name(self):
        nodes, _ = exported(os.path.join(CORPUS, "firefox-153-a.fxsnapshot"))
        self.assertIn(("closure", "Leak"), [node[:2] for node in nodes])
        self.assertGreater(sum(node[:2] == ("object", "Leak") for node in nodes), 300)

    def test_texts_of_a_stack_are_numbered_before_those_of_its_parent(self):
        path = os.path.join(ROOT, "tests/corpus/formats/firefox.bin")
        _, edges = exported(path)
        self.assertEqual([name for start, _, name, _ in edges if start == 0],
                         ["held \U0001f600", ""])
        self.assertEqual([name for start, _, name, _ in edges if start == 2],
                         ["c.js", "child", "p.js", "parent", "after the stack"])

    def test_addresses_are_not_compared_as_ids(self):
        old, new = (os.path.join(CORPUS, f"firefox-153-{which}.fxsnapshot") for which in "ab")
        told = json.loads(plim("diff", old, new, "--json").stdout)
        self.assertEqual(told["matched_by"], "class")
        leak = [row for row in told["classes"] if row["name"] == "Leak"][0]
        self.assertEqual(leak["delta"] % 100, 0)
        self.assertGreater(leak["delta"], 0)


class Damaged(unittest.TestCase):
    def test_every_damage_is_told_and_none_crashes(self):
        chance = random.Random(20261121)
        for name in sorted(os.listdir(CORPUS)):
            with gzip.open(os.path.join(CORPUS, name)) as file:
                whole = file.read()
            for turn in range(24):
                bytes_ = bytearray(whole)
                if turn % 3 == 0:
                    bytes_ = bytes_[:chance.randrange(len(bytes_))]
                for _ in range(turn % 3 * 4):
                    bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
                run = plim("summary", "-", "--json", code=None, data=bytes(bytes_))
                self.assertIn(run.returncode, (0, 4, 6), run.stderr.decode())
                if run.returncode != 0:
                    self.assertIn(b"plim: ", run.stderr)

    def test_a_cut_file_says_where(self):
        with gzip.open(os.path.join(CORPUS, "firefox-153-a.fxsnapshot")) as file:
            whole = file.read()
        run = plim("summary", "-", code=4, data=whole[:-100])
        self.assertIn("ends in the middle", run.stderr.decode())
        self.assertIn("byte", run.stderr.decode())


class Export(unittest.TestCase):
    def test_a_file_is_whole_private_and_not_overwritten(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "x.heapsnapshot.zst")
            source = os.path.join(CORPUS, "bun-1.4.5-a.json.gz")
            told = json.loads(plim("export", source, "-o", out, "--json").stdout)
            self.assertEqual((told["schema"], told["path"]), ("plim.export/1", out))
            self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)
            plim("export", source, "-o", out, code=2)
            plim("export", source, "-o", out, "-f")
            plim("export", source, code=2)
            seen = json.loads(plim("summary", out, "--json").stdout)
            direct = json.loads(plim("summary", source, "--json").stdout)
            self.assertEqual(seen, direct)


if __name__ == "__main__":
    unittest.main()

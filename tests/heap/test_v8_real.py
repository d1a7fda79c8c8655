#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reader on snapshots of real Nodes, against Python's own JSON.

usage: test_v8_real.py GRAPH_FACTS FOLDER

Writes a snapshot of make_snapshot.js with each Node into FOLDER, works out totals and checksums of
every column from the parsed JSON, and compares them with what graph_facts prints. A Node that is
missing is a failure: tools/setup installs them (PLIM_RUNTIMES, by default ROOT/.runtimes).
"""
import array
import collections
import json
import os
import pathlib
import subprocess
import sys
import unittest
import zlib

HERE = pathlib.Path(__file__).resolve().parent
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES") or HERE.parent.parent / ".runtimes")
FACTS = FOLDER = None

NODE_TYPES = ["hidden", "array", "string", "object", "code", "closure", "regexp", "number",
              "native", "synthetic", "concatenated string", "sliced string", "symbol", "bigint",
              "object shape", "wasm object"]
EDGE_TYPES = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"]


def snapshot_of(version, kind="heapsnapshot"):
    """The path of this version's snapshot, made if it is not there yet."""
    path = FOLDER / f"node-{version}.{kind}"
    script = HERE / "make_snapshot.js"
    if path.exists() and path.stat().st_mtime > script.stat().st_mtime:
        return path
    node = RUNTIMES / f"node-{version}/node_modules/runtime/bin/node"
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    subprocess.run([str(node), str(script), str(partial)] +
                   (["timeline"] if kind == "heaptimeline" else []),
                   check=True, stdout=subprocess.DEVNULL, timeout=120)
    partial.rename(path)
    return path


def checksum(code, values):
    return "%08x" % zlib.crc32(array.array(code, values).tobytes())


class Reference:
    """A snapshot as Python sees it."""

    def __init__(self, path):
        text = json.loads(path.read_bytes())
        head, self.strings = text["snapshot"], text["strings"]
        meta = head["meta"]
        width = len(meta["node_fields"])
        node = {name: text["nodes"][i::width] for i, name in enumerate(meta["node_fields"])}
        edge = {name: text["edges"][i::3] for i, name in enumerate(meta["edge_fields"])}
        self.types = [meta["node_types"][0][t] for t in node["type"]]
        self.edge_types = [meta["edge_types"][0][t] for t in edge["type"]]
        self.names, self.edge_names = node["name"], edge["name_or_index"]
        self.first = [0]
        for count in node["edge_count"]:
            self.first.append(self.first[-1] + count)
        self.to = [to // width for to in edge["to_node"]]
        columns = len(meta["location_fields"])
        rows = [text["locations"][i:i + columns] for i in range(0, len(text["locations"]), columns)]
        self.locations = sorted((row[0] // width, row[1], row[2], row[3]) for row in rows)
        encoded = [s.encode("utf-8", "surrogatepass") for s in self.strings]
        starts = [0]
        for s in encoded:
            starts.append(starts[-1] + len(s))
        self.lines = {
            "nodes": len(self.types), "edges": len(self.to), "strings": len(self.strings),
            "locations": len(rows), "self_bytes": sum(node["self_size"]),
            "extra_native_bytes": head.get("extra_native_bytes", 0),
            "trace_functions": len(text["trace_function_infos"]) // 6,
            "samples": len(text["samples"]) // 2,
            "node_trace": checksum("I", node.get("trace_node_id", [])),
            "node_type": checksum("B", [NODE_TYPES.index(t) for t in self.types]),
            "node_detached": checksum("B", node["detachedness"]),
            "node_name": checksum("I", self.names),
            "node_id": checksum("I", node["id"]),
            "node_self": checksum("Q", node["self_size"]),
            "first_edge": checksum("I", self.first),
            "edge_type": checksum("B", [EDGE_TYPES.index(t) for t in self.edge_types]),
            "edge_name": checksum("I", self.edge_names),
            "edge_to": checksum("I", self.to),
            "string_start": checksum("Q", starts),
            "string_text": "%08x" % zlib.crc32(b"".join(encoded)),
            "location_rows": checksum("I", [n for row in self.locations for n in row]),
        }
        self.is_traced = any(node.get("trace_node_id", []))
        self.scripts = self.find_scripts()

    def follow(self, node, words):
        for e in range(self.first[node], self.first[node + 1]):
            if self.edge_types[e] == "internal" and self.strings[self.edge_names[e]] in words:
                return self.to[e]
        return None

    def find_scripts(self):
        found = {}
        for node, script_id, _, _ in self.locations:
            if self.types[node] != "closure":
                continue
            shared = self.follow(node, ("shared",))
            script = self.follow(shared, ("script", "script_or_debug_info"))
            name = self.strings[self.names[script]]
            if name:
                found.setdefault(script_id, name)
        return found


class RealSnapshots(unittest.TestCase):
    def facts(self, path):
        done = subprocess.run([FACTS, "facts", str(path)], capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)
        lines, scripts = {}, {}
        for line in done.stdout.decode().splitlines():
            word, rest = line.split(" ", 1)
            if word == "script":
                number, name = rest.split(" ", 1)
                scripts[int(number)] = name
            else:
                lines[word] = rest
        return lines, scripts

    def compare(self, version, kind="heapsnapshot"):
        path = snapshot_of(version, kind)
        reference = Reference(path)
        lines, scripts = self.facts(path)
        if reference.lines["node_trace"] != lines["node_trace"]:
            # Where no allocation was tracked, the column is all zeros, and we have none.
            self.assertEqual(lines["node_trace"], "00000000")
            self.assertFalse(reference.is_traced)
            reference.lines["node_trace"] = "00000000"
        self.assertEqual(lines, {key: str(value) for key, value in reference.lines.items()})
        self.assertEqual(scripts, reference.scripts)
        self.assertTrue(any(name.endswith("make_snapshot.js") for name in scripts.values()))
        kinds = collections.Counter(
            (kind, reference.strings[name]) for kind, name in zip(reference.types, reference.names))
        if kind == "heaptimeline":
            self.assertGreater(int(lines["trace_functions"]), 0)
            self.assertGreater(int(lines["samples"]), 1)
            self.assertEqual(kinds["object", "Vault"], 28 + 200)
            return
        self.assertEqual(kinds["object", "Vault"], 28)
        self.assertGreaterEqual(kinds["closure", "keptClosure"], 7)

    def cuts(self, version):
        done = subprocess.run([FACTS, "cuts", str(snapshot_of(version))], capture_output=True,
                              timeout=300)
        self.assertEqual((done.returncode, done.stdout), (0, b"ok\n"))

    def test_a_changed_byte_changes_the_facts(self):
        path = snapshot_of(24)
        text = path.read_bytes()
        at = text.index(b'"edges":[') + 5000
        while text[at:at + 1] != b"," or text[at - 1:at] not in b"01234":
            at += 1
        changed = FOLDER / "changed.heapsnapshot"
        changed.write_bytes(text[:at - 1] + bytes([text[at - 1] + 1]) + text[at:])
        done = subprocess.run([FACTS, "facts", str(changed)], capture_output=True, timeout=120)
        self.assertNotEqual(done.stdout, subprocess.run(
            [FACTS, "facts", str(path)], capture_output=True, timeout=120).stdout)


for number in (20, 22, 24, 26):
    setattr(RealSnapshots, f"test_node_{number}_reads_as_python_reads_it",
            lambda self, number=number: self.compare(number))
    setattr(RealSnapshots, f"test_node_{number}_cut_short_is_truncated_and_cut_up_is_whole",
            lambda self, number=number: self.cuts(number))
    setattr(RealSnapshots, f"test_node_{number}_timeline_reads_as_python_reads_it",
            lambda self, number=number: self.compare(number, "heaptimeline"))

if __name__ == "__main__":
    FACTS, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1], verbosity=2)

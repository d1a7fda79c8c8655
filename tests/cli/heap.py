# SPDX-License-Identifier: MIT
"""Small snapshots made by hand, in V8's format, for the tests of the command."""

import json

NODE_TYPES = ["hidden", "array", "string", "object", "code", "closure", "regexp", "number",
              "native", "synthetic", "concatenated string", "sliced string", "symbol", "bigint",
              "object shape"]
EDGE_TYPES = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"]
META = {
    "node_fields": ["type", "name", "id", "self_size", "edge_count", "detachedness"],
    "node_types": [NODE_TYPES, "string", "number", "number", "number", "number"],
    "edge_fields": ["type", "name_or_index", "to_node"],
    "edge_types": [EDGE_TYPES, "string_or_number", "node"],
    "trace_function_info_fields": [], "trace_node_fields": [], "sample_fields": [],
    "location_fields": ["object_index", "script_id", "line", "column"],
}
WIDTH = len(META["node_fields"])


class Heap:
    """Nodes are added with an id; edges name ids. The root (id 1) and a global (id 3) are there."""

    def __init__(self):
        self.nodes, self.edges, self.places = [], {}, []
        self.add(1, "synthetic", "", 0)
        self.add(3, "object", "Window / app", 64)
        self.link(1, "element", 1, 3)

    def add(self, node_id, kind, name, size, detached=0):
        self.nodes.append((kind, name, node_id, size, detached))
        self.edges[node_id] = []
        return node_id

    def link(self, source, kind, name, target):
        self.edges[source].append((kind, name, target))

    def place(self, node_id, script, line, column):
        self.places.append((node_id, script, line, column))

    def text(self):
        strings, index = [], {}

        def string(value):
            if value not in index:
                index[value] = len(strings)
                strings.append(value)
            return index[value]

        string("<dummy>")
        row = {node[2]: number for number, node in enumerate(self.nodes)}
        nodes, edges = [], []
        for kind, name, node_id, size, detached in self.nodes:
            nodes += [NODE_TYPES.index(kind), string(name), node_id, size,
                      len(self.edges[node_id]), detached]
            for edge_kind, edge_name, target in self.edges[node_id]:
                numbered = edge_kind in ("element", "hidden")
                edges += [EDGE_TYPES.index(edge_kind),
                          edge_name if numbered else string(edge_name), row[target] * WIDTH]
        locations = [part for node_id, *rest in self.places
                     for part in (row[node_id] * WIDTH, *rest)]
        return json.dumps({
            "snapshot": {"meta": META, "node_count": len(self.nodes),
                         "edge_count": len(edges) // 3, "trace_function_count": 0},
            "nodes": nodes, "edges": edges, "trace_function_infos": [], "trace_tree": [],
            "samples": [], "locations": locations, "strings": strings})

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text())
        return str(path)


def simple(sessions=3, size=1000, first_id=101):
    """A global with a cache of Sessions: known sizes, one way to each."""
    heap = Heap()
    heap.add(5, "object", "Cache", 32)
    heap.link(3, "property", "cache", 5)
    heap.place(5, 7, 11, 4)
    for number in range(sessions):
        node = heap.add(first_id + 2 * number, "object", "Session", 24)
        heap.link(5, "element", number, node)
        text = heap.add(first_id + 1000000 + 2 * number, "string", f"text {number}", size)
        heap.link(node, "property", "data", text)
    return heap


HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x1b[0m\r\n\tx\x7f\u009b31m\u202egnp.exe\u2066"


def hostile():
    """Names that attack a terminal, in a class, a property and a string."""
    heap = Heap()
    heap.add(5, "object", HOSTILE, 400)
    heap.add(7, "string", HOSTILE, 300)
    heap.add(9, "object", "lone \ud800 surrogate", 200)
    heap.link(3, "property", HOSTILE, 5)
    heap.link(5, "property", "text", 7)
    heap.link(3, "property", "lone", 9)
    return heap

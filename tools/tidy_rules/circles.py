# SPDX-License-Identifier: MIT
"""Who needs whom inside a module: files that need each other are one file in pieces."""

import collections
import re

from tidy_rules.tree import Finding

_VARIABLE = re.compile(r"^(?!static\b|extern\b|typedef\b)(?:\w+[ *]+)+(plim__\w+)(?:\[[^\]]*\])*"
                       r"[ ]*(?:=|;)", re.M)
_NAME = re.compile(r"\bplim_\w+")


def circles(tree):
    """No files of a module need each other in a circle; layers.toml has those that still do."""
    path = "tools/layers.toml"
    known = [set(files) for files in tree.layers.get("circles", {}).get("known", [])]
    found = []
    for module in tree.modules:
        found += _rings(_needs(tree, module))
    for ring in found:
        if not any(ring <= files for files in known):
            others = ", ".join(sorted(ring)[1:])
            yield Finding(min(ring), 1, "circles",
                          f"needs, and is needed by, {others}: move what both know below them")
    for files in known:
        for file in sorted(files - set().union(*(ring for ring in found if ring <= files))):
            yield Finding(path, 1, "circles", f"{file} is in no such circle: take it off")


def _needs(tree, module):
    """From each .c file of a module to those of it that define what it names. Two that define one
    name are two machines' halves of a contract, and not in one program."""
    files = [file for file in tree.c_files("src")
             if file.module == module and file.path.endswith(".c")]
    homes = collections.defaultdict(set)
    for file in files:
        for function in file.functions():
            if not function.is_static:
                homes[function.name].add(file.path)
        for name in _VARIABLE.findall(file.code):
            homes[name].add(file.path)
    needs = {file.path: set() for file in files}
    for file in files:
        for name in set(_NAME.findall(file.code)):
            if file.path not in homes[name]:
                needs[file.path] |= homes[name]
    return needs


def _rings(needs):
    """The sets of files that reach each other (Kosaraju's two walks, without recursion)."""
    order, seen = [], set()
    for start in needs:
        stack = [(start, False)]
        while stack:
            path, is_left = stack.pop()
            if is_left:
                order.append(path)
            elif path not in seen:
                seen.add(path)
                stack.append((path, True))
                stack.extend((other, False) for other in needs[path])
    needed_by = collections.defaultdict(set)
    for path, others in needs.items():
        for other in others:
            needed_by[other].add(path)
    rings, taken = [], set()
    for start in reversed(order):
        ring, stack = set(), [start]
        while stack:
            path = stack.pop()
            if path not in taken:
                taken.add(path)
                ring.add(path)
                stack.extend(needed_by[path])
        if len(ring) > 1:
            rings.append(ring)
    return rings

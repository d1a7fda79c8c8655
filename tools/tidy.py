#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the tree to the rules of the house; each fault is one line, with what to do.

    tools/tidy.py [--root FOLDER] [--notes] [--list] [--without RULE,RULE]

An exception is written where it is, with its reason, and must be needed:
    /* plim-tidy: allow RULE: why */   (on the line of the fault or the one above; for a whole
                                        file, in its first 30 lines)
Exit status 1 if there is any fault.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from tidy_rules import circles, layers, symbols, text  # noqa: E402
from tidy_rules.tree import Finding, Tree  # noqa: E402

RULES = (layers.layers, layers.headers, circles.circles, text.banned, text.size, text.flow,
         text.formats, text.spdx, text.unfinished, text.places, symbols.docs, symbols.exports,
         symbols.undefined, symbols.unique, symbols.orphans, symbols.rooms)
FILE_LEVEL_LINES = 30


def is_allowed(tree, finding):
    file = tree.files.get(finding.path)
    if file is None:
        return False
    if finding.line == 0:
        spots = [key for key in file.allows
                 if key[1] == finding.rule and key[0] <= FILE_LEVEL_LINES]
    else:
        spots = [key for key in ((finding.line, finding.rule), (finding.line - 1, finding.rule))
                 if key in file.allows]
    for key in spots:
        file.allows[key][1] = True
    return bool(spots)


def check(root):
    """All faults of the tree, in order of place."""
    tree = Tree(root)
    found = [finding for rule in RULES for finding in rule(tree)]
    faults = [finding for finding in found if not is_allowed(tree, finding)]
    for file in tree.files.values():
        for (line, rule), (reason, used) in file.allows.items():
            if not reason:
                faults.append(Finding(file.path, line, "allow", f"`allow {rule}` gives no reason"))
            elif not used:
                faults.append(Finding(file.path, line, "allow",
                                      f"nothing here breaks `{rule}`: remove the comment"))
    return tree, sorted(faults, key=lambda f: (f.path, f.line, f.rule))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", default=os.path.join(sys.path[0], ".."))
    parser.add_argument("--notes", action="store_true", help="also say what is merely long")
    parser.add_argument("--list", action="store_true", help="what each rule asks for")
    parser.add_argument("--without", default="", help="rules to leave out, with commas")
    options = parser.parse_args()
    if options.list:
        for rule in RULES:
            print(f"{rule.__name__:11} {rule.__doc__}")
        return 0
    tree, faults = check(options.root)
    faults = [fault for fault in faults if fault.rule not in options.without.split(",")]
    for fault in faults:
        print(fault)
    if options.notes:
        for note in text.notes(tree):
            print(f"note: {note}")
    print(f"tidy: {len(tree.files)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an installed library shows: what its modules' headers mark PLIM_API.

    tools/exports.py LIBRARY            the names, one a line
    tools/exports.py LIBRARY --map OUT  a linker version script: these global, all else local

A library carries its own copies of base and platform (docs/adr/0003); the script keeps them in.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from tidy_rules import symbols  # noqa: E402
from tidy_rules.tree import Tree  # noqa: E402


def exported(library):
    tree = Tree(os.path.join(sys.path[0], ".."))
    modules = tree.layers["libraries"][library]["modules"]
    headers = {f"include/plimsoll/{header}" for module in modules
               for header in tree.modules[module]["public"]
               if header not in tree.modules[module].get("bare_only", [])}
    names = [(d.file, d.name) for d in symbols.declarations(tree)]
    return sorted(name for file, name in [*names, *symbols.variables(tree)]
                  if file.path in headers)


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    names = exported(sys.argv[1])
    if len(sys.argv) == 2:
        print("\n".join(names))
        return
    node = sys.argv[1].upper().replace("-", "_") + "_0"
    with open(sys.argv[3], "w", encoding="utf-8") as out:
        out.write("%s {\nglobal:\n%s\nlocal:\n    *;\n};\n" %
                  (node, "\n".join(f"    {name};" for name in names)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a file into C: the bytes before and behind its @DATA@, as two arrays.

    tools/embed.py NAME IN OUT      plim__NAME_before, plim__NAME_after
"""
import sys


def array(name, data):
    rows = (data[at:at + 16] for at in range(0, len(data), 16))
    body = "\n".join("    " + " ".join(f"{byte}," for byte in row) for row in rows)
    return f"static const unsigned char plim__{name}[] = {{\n{body}\n}};\n"


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    name, source, target = sys.argv[1:]
    with open(source, "rb") as file:
        parts = file.read().split(b"@DATA@")
    if len(parts) != 2:
        sys.exit(f"{source}: @DATA@ stands there {len(parts) - 1} times; wanted is once")
    with open(target, "w", encoding="ascii") as file:
        file.write("/* made by tools/embed.py */\n" + array(f"{name}_before", parts[0]) +
                   array(f"{name}_after", parts[1]))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which tests MemorySanitizer can judge: those whose programs load no third-party library but
cmocka, for it must see every store, or clear all memory that such a library is given. Reads
`meson introspect --tests`, writes names.

    meson introspect BUILD --tests | tools/msan_tests.py SUITE…
"""

import json
import os
import subprocess
import sys

SEEN_THROUGH = ("libc.so", "libm.so", "libcmocka.so", "libgcc_s.so", "ld-linux", "libplimsoll",
                "libpthread.so", "libdl.so", "librt.so", "libresolv.so")
CLEARED = {"test_report": "libjansson.so"}  # by json_set_alloc_funcs()


def is_ours(program):
    if not os.path.isfile(program) or not open(program, "rb").read(4) == b"\x7fELF":
        return False
    table = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    needed = [line.split("[")[1].rstrip("]") for line in table.stdout.splitlines()
              if "(NEEDED)" in line]
    seen = (*SEEN_THROUGH, CLEARED.get(os.path.basename(program), "libc.so"))
    return all(library.startswith(seen) for library in needed)


def main():
    suites = {f":{suite}" for suite in sys.argv[1:]}
    for test in json.load(sys.stdin):
        in_suite = any(name.endswith(tuple(suites)) for name in test["suite"])
        if in_suite and is_ours(test["cmd"][0]):
            print(test["name"])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says in one line what a test run came to, from Meson's log: `N passed, N failed`.

A skipped test is named and counted apart. No test at all is a failure. Exit status 1 on any.
"""

import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}


def main(path):
    try:
        with open(path, encoding="utf-8") as log:
            rows = [json.loads(line) for line in log if line.strip()]
    except OSError as error:
        sys.exit(f"verdict: {error}")
    passed = [row for row in rows if row["result"] in PASSED]
    skipped = [row for row in rows if row["result"] == "SKIP"]
    failed = [row for row in rows if row not in passed and row not in skipped]
    for word, some in (("failed", failed), ("skipped", skipped)):
        for row in some:
            print(f"{word}: {row['name']} ({row['result'].lower()})")
    if not rows:
        print("no test was run")
    more = f", {len(skipped)} skipped" if skipped else ""
    print(f"{len(passed)} passed, {len(failed)} failed{more}")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tools/verdict.py build/meson-logs/testlog.json")
    sys.exit(main(sys.argv[1]))

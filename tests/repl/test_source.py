# SPDX-License-Identifier: MIT
"""Entries and what becomes of them: tests/repl/source/*.txt hold both, as source_driver writes it.

    test_source.py DRIVER LIBEXEC [--write]
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent / "source"


def entries(text):
    """The lines that were entered: those behind "> ", and those up to the first line of an answer."""
    return re.sub(r"(?ms)^%%\n.*?(?=^> |\Z)", "%%\n", text).replace("> ", "", 1).replace("%%\n> ", "%%\n")


def play(driver, libexec, script):
    with tempfile.TemporaryDirectory(prefix="plim-source-") as scratch:
        run = subprocess.run([driver, scratch, libexec], input=script, capture_output=True, text=True,
                             errors="replace", timeout=100)
    if run.returncode != 0:
        return run.stdout + f"exit code {run.returncode}\n{run.stderr}"
    return run.stdout


def main():
    driver, libexec = sys.argv[1:3]
    failed = 0
    for path in sorted(HERE.glob("*.txt")):
        expected = path.read_text()
        got = play(driver, libexec, entries(expected))
        if "--write" in sys.argv:
            path.write_text(got)
        elif got != expected:
            failed += 1
            print(f"{path.name}: not as expected")
            for number, (a, b) in enumerate(zip(expected.splitlines(), got.splitlines()), 1):
                if a != b:
                    print(f"  line {number}\n  expected {a}\n  got      {b}")
                    break
            else:
                print("  one is longer:", got[-300:])
    count = len(list(HERE.glob("*.txt")))
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

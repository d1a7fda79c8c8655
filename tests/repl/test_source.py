# SPDX-License-Identifier: MIT
"""Entries and what becomes of them: tests/repl/source/*.txt hold both, as source_driver writes it.

    test_source.py DRIVER LIBEXEC [--write]
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent / "source"


def entries(text):
    """What was entered: behind "> ", up to the first line of an answer."""
    script = re.sub(r"(?ms)^%%\n.*?(?=^> |\Z)", "%%\n", text)
    return script.replace("> ", "", 1).replace("%%\n> ", "%%\n")


# Texts meant to harm; after each of them the session answers as before.
HOSTILE = [
    "a$%^&*( @#!~ `" * 70000, "{" * 100000, "}" * 100000, "(" * 100000,
    "int x = " + "(" * 20000 + "1" + ")" * 20000 + ";", '#include "/dev/zero"',
    '#include "plim-entry.c"', "#define X X X\nX", "#pragma clang __debug crash",
    "#pragma clang __debug parser_crash", "#pragma GCC poison x\nint x;", "int q = ??/\n3;",
    '#line 100 "foo.c"\nint zz = 3;\nzz + nope', '"abc', "'", "#", "#if 1", "#endif", "\\",
    "\ufeffint bom = 3;", "int f(void){" + "if(1){" * 500 + "}" * 500 + "return 0;}",
    "struct A {" * 300 + "int x;" + "} a;" * 300, "return;", "break;", "case 3: ;",
    "#error no", "#include <nothere.h>", 'int x asm("foo\\"bar");',
    '__attribute__((section(".init_array"))) void *v = 0;', "__thread int t;", "int a;\0int b;",
    "\n".join(f"#define {a} {b} {b} {b} {b}" for a, b in zip("ABCDEFG", "BCDEFGH")) + "\nA",
    "\n".join(f"int many{i} = {i};" for i in range(5000)), "\n" * 100000 + "int last;",
    "\n".join(f"struct s{i} {{ int x; }};" for i in range(1000)),
]


def hostile(driver, libexec):
    script = "".join(f"{text}\n%%\n1+2\n%%\n" for text in HOSTILE if "\0" not in text)
    got = play(driver, libexec, script, "-q")
    answers = got.count("= (int) 3\n")
    wanted = script.count("1+2\n%%")
    if answers != wanted or "exit code" in got or "failed:" in got:
        print(f"hostile texts: {answers} answers of {wanted} came after them\n{got[-2000:]}")
        return 1
    return 0


def play(driver, libexec, script, *options):
    with tempfile.TemporaryDirectory(prefix="plim-source-") as scratch:
        os.mkfifo(os.path.join(scratch, "fifo"))  # nobody ever writes to it
        run = subprocess.run([driver, scratch, libexec, *options], input=script,
                             capture_output=True, text=True, errors="replace", timeout=100)
    said = run.stdout.replace(scratch, "SCRATCH")
    if run.returncode != 0:
        return said + f"exit code {run.returncode}\n{run.stderr}"
    return said


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
    failed += hostile(driver, libexec)
    count = len(list(HERE.glob("*.txt"))) + 1
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No operating system. Method: two bare builds of this tree (`meson setup -Dbare=true`), one for
the host, one for a Cortex-M3; nm says what the library asks of its surroundings; the self-test
runs as a program of the host and as an image in qemu, which has no system, only a serial port. The
same with a fault planted must not pass.

    test_bare.py BUILD
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
MAY_ASK_FOR = {"memcpy", "memmove", "memset", "memcmp"}
# What gcc itself calls for arithmetic that the machine has no instruction for; it comes with gcc.
ARITHMETIC = re.compile(r"__aeabi_([fdl]|ul|ui|i)[a-z0-9]+$|__c[tl]z[sd]i2$")
QEMU = ("qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-monitor", "none",
        "-serial", "stdio", "-semihosting", "-kernel")


def run(*command, timeout=120):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, timeout=timeout, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def asked_for(archive, nm="nm"):
    """Names an archive uses and does not define."""
    _, text = run(nm, archive)
    rows = [line.split() for line in text.splitlines() if line.strip()]
    used = {row[-1] for row in rows if len(row) == 2 and row[0] in "Uuw"}
    made = {row[-1] for row in rows if len(row) == 3}
    return used - made - {"_GLOBAL_OFFSET_TABLE_"}  # the linker's


class Bare(unittest.TestCase):
    maxDiff = None

    def build(self, name, *options):
        folder = BUILD / "bare" / name
        if not (folder / "build.ninja").exists():
            code, said = run("meson", "setup", folder, ROOT, "-Dbare=true", *options)
            self.assertEqual(code, 0, said)
        code, said = run("ninja", "-C", folder)
        self.assertEqual(code, 0, said)
        return folder

    def host(self):
        return self.build("host")

    def board(self):
        return self.build("m3", "--cross-file", ROOT / "tools/cross/cortex-m3.ini")

    def passes(self, *command):
        code, said = run(*command)
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"VERDICT [1-9]\d* passed, 0 failed\n$")
        print(said, end="", flush=True)

    def fails(self, words, code, *command):
        got, said = run(*command)
        self.assertEqual(got, code, said)
        self.assertIn(words, said)
        self.assertNotIn(" 0 failed", said)

    def test_the_library_asks_for_four_functions_and_no_more(self):
        self.assertLessEqual(asked_for(self.host() / "src/libplimsoll.a"), MAY_ASK_FOR)
        asked = asked_for(self.board() / "src/libplimsoll.a", "arm-none-eabi-nm")
        asked = {name for name in asked if not ARITHMETIC.match(name)}
        self.assertLessEqual(asked, MAY_ASK_FOR)

    def test_a_fifth_function_would_be_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "p.c").write_text("void *malloc(unsigned long);\nvoid *p(void);\n"
                                        "void *p(void) { return malloc(1); }\n", encoding="utf-8")
            run("gcc", "-c", "-o", folder / "p.o", folder / "p.c")
            code, said = run("gcc", "-r", "-nostdlib", "-o", folder / "all.o", folder / "p.o",
                             "-Wl,--whole-archive", self.host() / "src/libplimsoll.a",
                             "-Wl,--no-whole-archive")
            self.assertEqual(code, 0, said)
            self.assertEqual(asked_for(folder / "all.o") - MAY_ASK_FOR, {"malloc"})

    def test_the_self_test_passes_on_the_host(self):
        self.passes(self.host() / "tests/bare/selftest")

    def test_the_self_test_passes_on_a_cortex_m3(self):
        self.passes(*QEMU, self.board() / "tests/bare/selftest")

    def test_the_example_runs_on_both(self):
        for command in ([self.host() / "tests/bare/station"],
                        [*QEMU, self.board() / "tests/bare/station"]):
            code, said = run(*command)
            self.assertEqual(code, 0, said)
            self.assertRegex(said, r"\nradio .* 0 B ")

    def test_what_the_board_pays_is_what_the_example_says(self):
        code, said = run("arm-none-eabi-size", "-t", self.board() / "src/libplimsoll.a")
        self.assertEqual(code, 0, said)
        data, bss = said.splitlines()[-1].split()[1:3]
        self.assertLess(int(data) + int(bss), 5 << 10)
        _, said = run(*QEMU, self.board() / "tests/bare/selftest")
        self.assertLessEqual(int(re.search(r"tables (\d+) bytes of 24576", said)[1]), 6 << 10)
        self.assertLess(int(re.search(r"stack (\d+) bytes", said)[1]), 3400)

    def test_with_level_none_alone_nothing_of_the_others_is_in_the_library(self):
        levels = self.build("none", "-Dverify=none")
        for folder, wanted in ((levels, False), (self.host(), True)):
            _, text = run("nm", "-u", folder / "src/libplimsoll.a")
            self.assertEqual("plim__checked_take" in text, wanted)

    def test_planted_faults_are_seen_on_the_host(self):
        folder = self.host() / "tests/bare"
        self.fails("FAILED a_planted_fault_shows", 1, folder / "selftest-fault")
        self.fails("check failed: PLIM_PLANT", 2, folder / "selftest-check")

    def test_planted_faults_are_seen_on_a_cortex_m3(self):
        folder = self.board() / "tests/bare"
        self.fails("FAILED a_planted_fault_shows", 1, *QEMU, folder / "selftest-fault")
        self.fails("check failed: PLIM_PLANT", 2, *QEMU, folder / "selftest-check")
        self.fails("FAULT: the processor stopped", 3, *QEMU, folder / "selftest-trap")


if __name__ == "__main__":
    unittest.main(verbosity=2)

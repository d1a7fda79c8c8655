#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guards that compilers and tools hold. Method: a copy of what the build needs, one fault
planted in it, and the tool must say so; without the fault it must be silent."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def left_out(folder, names):
    """What is not the project's: version control, runtimes, builds."""
    if pathlib.Path(folder) != ROOT:
        return []
    return [name for name in names if name in (".git", ".runtimes") or name.startswith("build")]


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, cwd=cwd)
    return done.returncode, done.stdout + done.stderr


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.tree = folder / "tree"
        shutil.copytree(ROOT, cls.tree, ignore=left_out)

    def plant(self, path, text):
        """Appends to a file of the copy until the case ends."""
        file = self.tree / path
        before = file.read_text(encoding="utf-8")
        file.write_text(before + text, encoding="utf-8")
        self.addCleanup(file.write_text, before, encoding="utf-8")

    def test_a_warning_ends_the_build(self):
        for compiler in ("gcc", "clang-14"):
            build = self.tree / f"build-{compiler}"
            code, said = run("env", f"CC={compiler}", "meson", "setup", build, "-Dtests=disabled",
                             cwd=self.tree)
            self.assertEqual(code, 0, said)
            code, said = run("ninja", "-C", build, "src/base/libplim-base.a")
            self.assertEqual(code, 0, said)
        faults = {
            "int narrowed": "int plim__x(long a);\nint plim__x(long a)\n{\n    return a;\n}\n",
            "a missing prototype": "int plim__x(void)\n{\n    return 0;\n}\n",
            "a shadow": "int plim__x(int a);\nint plim__x(int a)\n{\n    {\n        int a = 1;\n"
                        "        (void)a;\n    }\n    return a;\n}\n",
            "a result dropped": "plim_status plim__y(void) PLIM_NODISCARD;\nvoid plim__x(void);\n"
                                "void plim__x(void)\n{\n    plim__y();\n}\n",
        }
        for name, text in faults.items():
            self.plant("src/base/status.c", text)
            for compiler in ("gcc", "clang-14"):
                with self.subTest((name, compiler)):
                    code, said = run("ninja", "-C", self.tree / f"build-{compiler}",
                                     "src/base/libplim-base.a")
                    self.assertNotEqual(code, 0, said)
                    self.assertIn("error:", said)
            self.doCleanups()

    def test_a_line_of_another_format_is_found(self):
        code, said = run("tools/format", "--check", "src/base/status.c", cwd=self.tree)
        self.assertEqual(code, 0, said)
        self.plant("src/base/status.c", "int plim__x( int a );\n")
        code, said = run("tools/format", "--check", "src/base/status.c", cwd=self.tree)
        self.assertNotEqual(code, 0)
        self.assertIn("status.c", said)

    def test_clang_tidy_finds_what_compilers_do_not(self):
        run("env", "CC=clang-14", "meson", "setup", self.tree / "build-tidy", "-Dtests=disabled",
            cwd=self.tree)
        code, said = run("tools/run-tidy", "src/base/status.c", cwd=self.tree)
        self.assertEqual(code, 0, said)
        self.plant("src/base/status.c",
                   "double plim__x(int a);\ndouble plim__x(int a)\n{\n    return a / 2;\n}\n")
        code, said = run("tools/run-tidy", "src/base/status.c", cwd=self.tree)
        self.assertNotEqual(code, 0)
        self.assertIn("bugprone-integer-division", said)


class Sanitized(unittest.TestCase):
    """cmocka takes signals for itself; a sanitizer's report must reach us all the same."""

    FAULTS = {
        "address": ("gcc", "char *p = malloc(8); free(p); volatile char c = p[1]; (void)c;",
                    "AddressSanitizer"),
        "undefined": ("gcc", "volatile int big = 2147483647; big = big + 1;", "signed integer"),
        "memory": ("clang-14", "volatile int x[2]; if (x[1]) puts(\"x\");", "MemorySanitizer"),
        "thread": ("gcc", "pthread_t t; pthread_create(&t, 0, add, 0); shared++; "
                   "pthread_join(t, 0);",
                   "ThreadSanitizer"),
    }
    OPTIONS = ("ASAN_OPTIONS=allow_user_segv_handler=0:abort_on_error=1",
               "UBSAN_OPTIONS=halt_on_error=1", "MSAN_OPTIONS=abort_on_error=1",
               "TSAN_OPTIONS=halt_on_error=1:abort_on_error=1")

    def test_each_sanitizer_ends_a_test_that_breaks_its_rule(self):
        for name, (compiler, body, word) in self.FAULTS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                source = pathlib.Path(folder) / "case.c"
                source.write_text(
                    "#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n"
                    "#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
                    "#include <pthread.h>\n#include <cmocka.h>\nstatic int shared;\n"
                    "void *add(void *x)\n{\n    shared++;\n    return x;\n}\n"
                    "static void broken(void **state)\n{\n    (void)state;\n    %s\n}\n"
                    "int main(void)\n{\n    const struct CMUnitTest tests[] = "
                    "{cmocka_unit_test(broken)};\n    return cmocka_run_group_tests(tests, NULL, "
                    "NULL) + shared * 0;\n}\n" % body, encoding="utf-8")
                program = pathlib.Path(folder) / "case"
                code, said = run(compiler, "-std=c17", "-g", f"-fsanitize={name}", source, "-o",
                                 program, "-lcmocka", "-pthread")
                self.assertEqual(code, 0, said)
                wrapper = ["setarch", "-R"] if name == "thread" else []
                code, said = run("env", *self.OPTIONS, *wrapper, program)
                self.assertNotEqual(code, 0, said)
                self.assertIn(word, said)


class Verdict(unittest.TestCase):
    def verdict(self, *rows):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
            for name, result in rows:
                log.write('{"name": "%s", "result": "%s"}\n' % (name, result))
            log.flush()
            return run(sys.executable, ROOT / "tools/verdict.py", log.name)

    def test_the_closing_line_counts(self):
        self.assertEqual(self.verdict(("a", "OK"), ("b", "OK")), (0, "2 passed, 0 failed\n"))
        code, said = self.verdict(("a", "OK"), ("b", "FAIL"), ("c", "TIMEOUT"), ("d", "SKIP"))
        self.assertEqual(code, 1)
        self.assertTrue(said.endswith("\n1 passed, 2 failed, 1 skipped\n"), said)

    def test_no_test_is_a_failure(self):
        self.assertEqual(self.verdict(), (1, "no test was run\n0 passed, 0 failed\n"))
        self.assertNotEqual(run(sys.executable, ROOT / "tools/verdict.py", "nowhere")[0], 0)


class Place(unittest.TestCase):
    """tools/test-place: one folder of a run's own, which goes when the run has passed."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def place(self, *lines):
        """Runs them in a shell that has begun a place; what it says, its place first."""
        words = "\n".join(["set -euo pipefail", f"source {ROOT}/tools/test-place",
                           f"begin_place {self.folder}", "echo $TMPDIR", *lines])
        code, said = run("env", f"TMPDIR={self.folder}", "bash", "-c", words)
        self.assertEqual(code, 0, said)
        return pathlib.Path(said.splitlines()[0])

    def test_what_a_run_that_passed_has_left_is_gone(self):
        place = self.place("mkdir $TMPDIR/a", "echo x > $TMPDIR/a/b", "chmod 500 $TMPDIR/a",
                           "end_place 0")
        self.assertEqual(place.parent, self.folder)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_a_run_that_failed_has_left_stays_until_the_next(self):
        failed = self.place("echo x > $TMPDIR/a", "end_place 1")
        self.assertTrue((failed / "a").exists())
        killed = self.place("echo x > $TMPDIR/a")  # it never comes to end_place
        self.assertFalse(failed.exists())
        self.assertTrue((killed / "a").exists())
        self.place("end_place 0")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_neither_a_run_under_way_nor_what_is_none_is_swept(self):
        with subprocess.Popen(["sleep", "1000"]) as other:
            for note, name in ((other.pid, "plim-tests-abcdef"), (999999999, "precious")):
                with self.subTest(name):
                    kept = self.folder / name
                    kept.mkdir()
                    (self.folder / "test-place").write_text(f"{note} {kept}\n", encoding="utf-8")
                    self.place("end_place 0")
                    self.assertTrue(kept.exists())
            other.kill()


if __name__ == "__main__":
    unittest.main()

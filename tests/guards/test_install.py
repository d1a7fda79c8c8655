#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is installed. Method: `meson install` into a folder of the test's own; nm tells what the
libraries show; a stranger's program is built against that folder alone, in every way offered.

    test_install.py BUILD
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
LIBRARIES = ("plimsoll", "plimsoll-config", "plimsoll-heap")
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.folder / "dest")
        cls.prefix = next((cls.folder / "dest").glob("**/include/plimsoll")).parents[1]
        cls.lib = next(cls.prefix.glob("lib*/**/libplimsoll.so")).parent
        cls.env = dict(os.environ, PKG_CONFIG_PATH=str(cls.lib / "pkgconfig"),
                       PKG_CONFIG_SYSROOT_DIR=str(cls.folder / "dest"),
                       LD_LIBRARY_PATH=str(cls.lib))

    def names(self, path, *options):
        """What nm lists, less the names that the linker makes and versions."""
        rows = [line.split() for line in run("nm", *options, path).splitlines()]
        return sorted(row[-1].split("@")[0] for row in rows
                      if len(row) >= 2 and row[-2] not in "A" and not row[-1].endswith(":"))

    def test_a_library_shows_the_documented_names_and_nothing_else(self):
        for library in LIBRARIES:
            with self.subTest(library):
                wanted = run(ROOT / "tools/exports.py", library).split()
                shown = self.names(self.lib / f"lib{library}.so", "-D", "--defined-only")
                self.assertGreater(len(wanted), 5)
                self.assertEqual(shown, wanted)

    def test_the_command_needs_no_name_that_is_not_shown(self):
        objects = list((BUILD / "src/cli").glob("**/*.o"))
        shown = {name for library in LIBRARIES
                 for name in run(ROOT / "tools/exports.py", library).split()}
        self.assertTrue(objects)
        own = {name for path in objects for name in self.names(path, "--defined-only")}
        for path in objects:
            used = {name for name in self.names(path, "-u") if name.startswith("plim")}
            self.assertEqual(used - shown - own, set(), path)

    def test_all_headers_are_installed(self):
        self.assertEqual(sorted(p.name for p in (self.prefix / "include/plimsoll").iterdir()),
                         sorted(p.name for p in (ROOT / "include/plimsoll").glob("*.h")))

    def flags(self, library, *more):
        return run("pkg-config", "--cflags", "--libs", *more, library, env=self.env).split()

    def build_and_run(self, compiler, source, flags):
        program = self.folder / "user"
        run(*compiler, *STRICT, source, "-o", program, *flags)
        self.assertRegex(run(program, env=self.env), r"^ERR_NOT_FOUND: cannot open no/such/file")

    def each_language(self):
        source = HERE / "user/user.c"
        yield ["cc", "-std=c17"], source
        shutil.copy(source, self.folder / "user.cpp")
        yield ["c++", "-std=c++17"], self.folder / "user.cpp"

    def test_a_program_builds_by_pkg_config(self):
        for compiler, source in self.each_language():
            for library, define in (("plimsoll", "-DPLAIN"), ("plimsoll-heap", "-DWITH_HEAP")):
                with self.subTest((compiler, library)):
                    self.build_and_run(compiler, source, [define, *self.flags(library)])

    def test_a_program_builds_with_the_static_libraries(self):
        for compiler, source in self.each_language():
            flags = self.flags("plimsoll-heap", "--static")
            static = [f"-l:lib{f[2:]}.a" if f in ("-lplimsoll", "-lplimsoll-heap") else f
                      for f in flags]
            with self.subTest(compiler):
                self.build_and_run(compiler, source, ["-DWITH_HEAP", *static])
                needed = run("readelf", "-d", self.folder / "user")
                self.assertNotIn("libplimsoll", needed)

    def test_a_program_builds_by_cmake(self):
        build = self.folder / "cmake"
        run("cmake", "-S", HERE / "user", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            "-DCMAKE_BUILD_TYPE=Debug")
        run("cmake", "--build", build)
        for program in ("user-c", "user-cpp", "heap-c", "heap-cpp"):
            with self.subTest(program):
                self.assertRegex(run(build / program), r"^ERR_NOT_FOUND: ")

    def test_a_stranger_cannot_link_what_is_private(self):
        source = self.folder / "intruder.c"
        source.write_text("int plim__pages_size(void);\n"
                          "int main(void) { return plim__pages_size(); }\n", encoding="utf-8")
        with self.assertRaisesRegex(AssertionError, "undefined reference to `plim__pages_size'"):
            run("cc", source, "-o", self.folder / "intruder", *self.flags("plimsoll-heap"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is installed. Method: `meson install` into a folder of the test's own; nm tells what the
libraries show; a stranger's program is built against that folder alone, in every way offered.

    test_install.py BUILD
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
LIBRARIES = ("plimsoll", "plimsoll-config", "plimsoll-heap", "plimsoll-run")
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
                self.assertGreater(len(wanted), 2)
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
        layers = tomllib.loads((ROOT / "tools/layers.toml").read_text(encoding="utf-8"))
        bare = {name for row in layers["modules"].values() for name in row.get("bare_only", [])}
        self.assertEqual({p.name for p in (self.prefix / "include/plimsoll").iterdir()},
                         {p.name for p in (ROOT / "include/plimsoll").glob("*.h")} - bare)

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
            for library, define in (("plimsoll", "-DPLAIN"), ("plimsoll-heap", "-DWITH_HEAP"),
                                    ("plimsoll-run", "-DWITH_RUN")):
                with self.subTest((compiler, library)):
                    self.build_and_run(compiler, source, [define, *self.flags(library)])

    def test_a_program_builds_with_the_static_libraries(self):
        for compiler, source in self.each_language():
            flags = self.flags("plimsoll-run", "--static")
            static = [f"-l:lib{f[2:]}.a" if f.startswith("-lplimsoll") else f for f in flags]
            with self.subTest(compiler):
                self.build_and_run(compiler, source, ["-DWITH_HEAP", "-DWITH_RUN", *static])
                needed = run("readelf", "-d", self.folder / "user")
                self.assertNotIn("libplimsoll", needed)

    def test_a_program_builds_by_cmake(self):
        build = self.folder / "cmake"
        run("cmake", "-S", HERE / "user", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            "-DCMAKE_BUILD_TYPE=Debug")
        run("cmake", "--build", build)
        for program in ("user-c", "user-cpp", "heap-c", "heap-cpp", "run-c", "run-cpp"):
            with self.subTest(program):
                self.assertRegex(run(build / program), r"^ERR_NOT_FOUND: ")
        for program in ("memory-c", "scopes"):
            with self.subTest(program):
                run(build / program)

    def test_the_memory_half_serves_c_and_cpp_shared_and_static(self):
        shutil.copy(HERE / "user/memory.c", self.folder / "memory.cpp")
        sources = ((["cc", "-std=c17"], HERE / "user/memory.c"),
                   (["c++", "-std=c++17"], self.folder / "memory.cpp"))
        shared = self.flags("plimsoll")
        static = [f"-l:lib{f[2:]}.a" if f == "-lplimsoll" else f
                  for f in self.flags("plimsoll", "--static")]
        for (compiler, source), flags in ((s, f) for s in sources for f in (shared, static)):
            with self.subTest((compiler, flags)):
                program = self.folder / "memory"
                run(*compiler, *STRICT, source, "-o", program, *flags)
                report = json.loads(run(program, env=self.env))
                self.assertEqual(report["schema"], "plim.report/1")
                row = next(d for d in report["domains"] if d["name"] == "stranger")
                self.assertEqual((row["limit_bytes"], row["used_bytes"]), (16384, 0))
                self.assertEqual([r["count"] for r in report["refusals"]], [1])

    def test_what_is_compiled_into_a_program_is_there_if_it_optimizes_and_can_be_left_out(self):
        source = self.folder / "inline.c"
        source.write_text("#include <plimsoll/memory.h>\nPLIM_DOMAIN(\"inline\");\n"
                          "int main(void) {\n"
                          "    for (int i = 0; i < 1000; i++) {\n"
                          "        long *block = plim_new(long); if (block == NULL) return 1;\n"
                          "        *block = i; plim_free(block);\n"
                          "    }\n"
                          "    return 0;\n}\n", encoding="utf-8")
        shutil.copy(source, self.folder / "inline.cpp")
        static = [f"-l:lib{f[2:]}.a" if f == "-lplimsoll" else f
                  for f in self.flags("plimsoll", "--static")]
        ways = ((["-O2"], True), (["-O2", "-fPIC"], True), (["-O3"], True), (["-O0"], False),
                (["-O2", "-DPLIM_NO_INLINE"], False), (["-O2", "-fsanitize=thread"], False))
        for compiler, ending in (("cc", "c"), ("c++", "cpp"), ("clang-14", "c"),
                                 ("clang++-14", "cpp")):
            for options, is_inline in ways:
                with self.subTest((compiler, options)):
                    made = self.folder / "inline.o"
                    run(compiler, *STRICT, *options, "-c", self.folder / f"inline.{ending}",
                        "-o", made, f"-I{self.prefix}/include")
                    self.assertEqual("plim__inline_thread_3" in self.names(made, "-u"), is_inline)
                    for flags in (self.flags("plimsoll"), static):
                        if "-fsanitize=thread" not in options:
                            run(compiler, made, "-o", self.folder / "inline", *flags)
                            run(self.folder / "inline", env=self.env)

    def test_a_file_names_its_domain_or_its_target_does_or_its_module(self):
        text = ("#include <plimsoll/memory.h>\n#include <stdio.h>\n"
                "#ifdef NAMED\nPLIM_DOMAIN(\"file\");\n#endif\n"
                "int main(void) {\n"
                "    plim_origin origin; plim_domain_stats stats;\n"
                "    if (plim_origin_of(plim_alloc(1), &origin) != PLIM_OK ||\n"
                "        plim_domain_stats_read(origin.domain, &stats) != PLIM_OK) return 1;\n"
                "    return puts(stats.name) < 0;\n}\n")
        names = {(): "named", ("-DNAMED",): "file",
                 ('-DPLIM_DOMAIN_NAME="target"',): "target",
                 ("-DNAMED", '-DPLIM_DOMAIN_NAME="target"'): "file"}
        for compiler, ending in (("cc", "c"), ("c++", "cpp"), ("clang-14", "c"),
                                 ("clang++-14", "cpp")):
            source = self.folder / f"named.{ending}"
            source.write_text(text, encoding="utf-8")
            for defines, name in names.items():
                with self.subTest((compiler, defines)):
                    run(compiler, *STRICT, *defines, source, "-o", self.folder / "named",
                        *self.flags("plimsoll"))
                    self.assertEqual(run(self.folder / "named", env=self.env), name + "\n")

    def test_scopes_and_frames_in_cpp_end_on_every_way_out(self):
        for compiler, name in ((c, n) for c in ("c++", "clang++-14") for n in ("scopes", "frames")):
            with self.subTest((compiler, name)):
                program = self.folder / name
                run(compiler, "-std=c++17", *STRICT, HERE / f"user/{name}.cpp", "-o", program,
                    *self.flags("plimsoll"))
                run(program, env=self.env)

    def test_a_program_builds_by_meson(self):
        build = self.folder / "meson"
        run("meson", "setup", build, HERE / "user", env=self.env)
        run("ninja", "-C", build, env=self.env)
        for program in ("memory-c", "scopes", "heap-c", "run-c"):
            with self.subTest(program):
                run(build / program, env=self.env)

    def test_the_memory_half_is_a_subproject_of_another_project(self):
        project = self.folder / "parent"
        inside = project / "subprojects/plimsoll"
        for folder in ("include", "src", "tools"):
            shutil.copytree(ROOT / folder, inside / folder)
        for file in ("meson.build", "meson_options.txt"):
            shutil.copy(ROOT / file, inside / file)
        shutil.copy(HERE / "user/memory.c", project)
        (project / "meson.build").write_text(
            "project('parent', 'c', default_options: ['c_std=c17'])\n"
            "executable('memory', 'memory.c',\n"
            "  dependencies: dependency('plimsoll', fallback: 'plimsoll'))\n", encoding="utf-8")
        for kind, type_ in (("shared", "debugoptimized"), ("static", "release")):
            with self.subTest(kind):
                build = self.folder / f"parent-{kind}"
                run("meson", "setup", build, project, f"-Ddefault_library={kind}",
                    f"-Dbuildtype={type_}", "--force-fallback-for=plimsoll")
                self.assertNotIn("warning:", run("ninja", "-C", build))
                self.assertIn("plim.report/1", run(build / "memory"))

    def test_what_only_a_block_holds_is_no_leak_to_the_leak_sanitizer(self):
        source = self.folder / "held.c"
        source.write_text("#include <plimsoll/memory.h>\n#include <stdlib.h>\n#include <string.h>\n"
                          "PLIM_DOMAIN(\"held\");\n"
                          "static char **head;\n"
                          "int main(int argc, char **argv) {\n"
                          "    for (int i = 0; i < 100; i++) {\n"
                          "        char **node = plim_new_array(char *, 2);\n"
                          "        char *text = strdup(argv[0]);\n"
                          "        if (node == NULL) return 1;\n"
                          "        node[0] = argc > 1 ? NULL : text; /* with an argument: lost */\n"
                          "        node[1] = (char *)head;\n"
                          "        head = node;\n"
                          "    }\n"
                          "    return 0;\n}\n", encoding="utf-8")
        for compiler, sanitizer in (("cc", "address"), ("cc", "leak"), ("clang-14", "address")):
            with self.subTest((compiler, sanitizer)):
                program = self.folder / "held"
                run(compiler, "-g", f"-fsanitize={sanitizer}", source, "-o", program,
                    *self.flags("plimsoll"))
                run(program, env=self.env)
                with self.assertRaisesRegex(AssertionError, r"leaked in (9\d|100) allocation"):
                    run(program, "leak", env=self.env)

    def test_a_type_that_needs_its_constructor_is_refused_by_the_compiler(self):
        source = self.folder / "typed.cpp"
        source.write_text("#include <string>\n#include <plimsoll/collections.h>\n"
                          "void *f() { return plim_new(std::string); }\n", encoding="utf-8")
        with self.assertRaisesRegex(AssertionError, "runs no constructor"):
            run("c++", "-std=c++17", "-c", source, "-o", self.folder / "typed.o",
                *self.flags("plimsoll"))
        source.write_text("#include <string>\n#include <plimsoll/collections.h>\n"
                          "PLIM_VECTOR(names, std::string);\n", encoding="utf-8")
        with self.assertRaisesRegex(AssertionError, "is not copied as bytes"):
            run("c++", "-std=c++17", "-c", source, "-o", self.folder / "typed.o",
                *self.flags("plimsoll"))

    def test_the_first_program_of_the_readme_does_what_the_readme_says(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        chapter = text.split("## Bound your program's memory", 1)[1].split("\n## ", 1)[0]
        code, command, output = re.findall(r"```\w*\n(.*?)```", chapter, re.S)
        example = (ROOT / "examples/first-budget/first-budget.c").read_text(encoding="utf-8")
        self.assertEqual(example.split("\n", 1)[1], code)  # less the line of the licence
        folder = self.folder / "first"
        folder.mkdir()
        (folder / "first-budget.c").write_text(code, encoding="utf-8")
        said = run("sh", "-e", "-c", command, cwd=folder, env=self.env)
        # What the manager needs for itself depends on the machine's page and on the build.
        own = re.compile(r"^(?:held|process-wide) .*$", re.M)
        self.assertEqual(own.sub("own", said), own.sub("own", output))
        self.assertEqual([re.sub(r"[\d,]+", "N", line) for line in own.findall(said)],
                         [re.sub(r"[\d,]+", "N", line) for line in own.findall(output)])

    def test_the_first_region_of_the_readme_does_what_the_readme_says(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        chapter = text.split("## State that outlives its program", 1)[1].split("\n## ", 1)[0]
        code, command, output = re.findall(r"```\w*\n(.*?)```", chapter, re.S)[:3]
        example = (ROOT / "examples/first-region/first-region.c").read_text(encoding="utf-8")
        self.assertEqual(example.split("\n", 1)[1], code)  # less the line of the licence
        folder = self.folder / "region"
        folder.mkdir()
        (folder / "first-region.c").write_text(code, encoding="utf-8")
        env = dict(self.env, PATH=f"{self.prefix / 'bin'}:{os.environ['PATH']}")
        self.assertEqual(run("sh", "-e", "-c", command, cwd=folder, env=env), output)

    def test_a_stranger_cannot_link_what_is_private(self):
        source = self.folder / "intruder.c"
        source.write_text("int plim__pages_size(void);\n"
                          "int main(void) { return plim__pages_size(); }\n", encoding="utf-8")
        with self.assertRaisesRegex(AssertionError, "undefined reference to `plim__pages_size'"):
            run("cc", source, "-o", self.folder / "intruder", *self.flags("plimsoll-heap"))


if __name__ == "__main__":
    unittest.main()

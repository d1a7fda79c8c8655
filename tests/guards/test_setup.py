#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/setup. Method: a PATH of the test's own, in which dpkg-query, apt-get, npm and id are
scripts that play a machine and write down how they were called."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REAL = ("bash", "env", "cat", "sed", "uname", "mkdir", "mktemp", "find", "mv", "rm", "cp", "chmod",
        "dirname", "cksum", "grep", "sleep")
ROWS = [line.split() for line in (ROOT / "tools/runtimes.txt").read_text().splitlines()
        if line and not line.startswith("#")]
VERSIONS = {row[1]: row[2] for row in ROWS}
PROGRAMS = {row[1]: row[4] for row in ROWS}

DPKG = """[ -e "$MACHINE/installed/$4" ] && printf installed"""
APT = """echo "apt-get $*" >>"$MACHINE/calls"
[ -e "$MACHINE/offline" ] && exit 100
for word in "$@"; do case $word in
    install | update | -*) ;;
    *) : >"$MACHINE/installed/$word" ;;
esac; done"""
# npm install … runtime@npm:PACKAGE@VERSION, in the folder it stands in; as real ones come: with
# programs that may not be executable yet.
NPM = """echo "npm $*" >>"$MACHINE/calls"
[ -e "$MACHINE/offline" ] && exit 1
for spec in "$@"; do case $spec in runtime@npm:*)
    mkdir -p node_modules/runtime/bin
    printf '{"version": "%s"}' "${spec##*@}" >node_modules/runtime/package.json
    for program in bin/node bin/bun bin/workerd bin/wrangler.js deno; do
        : >"node_modules/runtime/$program"
    done ;;
esac; done
[ -e "$MACHINE/dies" ] && exit 1
exit 0"""


class Machine(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        (self.folder / "installed").mkdir()
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name))
        self.program("dpkg-query", DPKG)
        self.program("apt-get", APT)
        self.program("npm", NPM)
        self.program("id", "echo 0")
        self.tree = self.folder / "tree"
        shutil.copytree(ROOT / "tools", self.tree / "tools")

    def program(self, name, text):
        path = self.bin / name
        path.write_text(f"#!{shutil.which('bash')}\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def setup_tool(self, *words, **env):
        run = subprocess.run([self.tree / "tools/setup", *words], capture_output=True, text=True,
                             check=False, env={"PATH": str(self.bin), "MACHINE": str(self.folder),
                                               "HOME": str(self.folder), **env})
        return run.returncode, run.stdout, run.stderr

    def calls(self):
        log = self.folder / "calls"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def test_it_says_what_is_missing_before_it_does_anything(self):
        code, said, _ = self.setup_tool("test", "--dry-run")
        self.assertEqual(code, 0)
        self.assertIn("Debian packages: gcc libc6-dev", said)
        self.assertIn("clang-tidy-14", said)
        self.assertNotIn("hyperfine", said)
        for name, version in VERSIONS.items():
            self.assertIn(f"{name}@{version}", said)
        self.assertEqual(self.calls(), [])
        self.assertFalse((self.tree / ".runtimes").exists())

    def test_a_second_run_finds_nothing_to_do(self):
        self.assertEqual(self.setup_tool("test")[0], 0)
        calls = self.calls()
        self.assertEqual(len([c for c in calls if c.startswith("apt-get")]), 2)
        self.assertEqual(len([c for c in calls if c.startswith("npm")]), len(VERSIONS))
        for name in VERSIONS:
            program = self.tree / f".runtimes/{name}/node_modules/runtime/{PROGRAMS[name]}"
            self.assertTrue(os.access(program, os.X_OK))
        self.assertEqual(self.setup_tool("test"), (0, "", ""))
        self.assertEqual(self.calls(), calls)
        self.assertEqual([p.name for p in (self.tree / ".runtimes").iterdir()
                          if p.name.startswith(".")], [])

    def test_a_level_takes_no_more_than_it_needs(self):
        self.assertEqual(self.setup_tool("build")[0], 0)
        self.assertEqual(len(self.calls()), 2)
        self.assertFalse((self.folder / "installed/npm").exists())
        self.assertEqual(self.setup_tool("demo")[0], 0)
        self.assertEqual([p.name for p in (self.tree / ".runtimes").iterdir()], ["node-22"])

    def test_another_driver_of_chromium_replaces_the_one_there_is(self):
        package = self.tree / "tests/devtools/package.json"
        package.parent.mkdir(parents=True)
        for text in ('{"dependencies": {"playwright-core": "1.0.0"}}', '{}'):
            package.write_text(text, encoding="utf-8")
            code, said, _ = self.setup_tool("test")
            self.assertEqual(code, 0)
            self.assertIn("playwright", said)
            self.assertEqual((self.tree / ".runtimes/playwright/package.json").read_text(), text)
            self.assertEqual(self.setup_tool("test"), (0, "", ""))

    def test_no_install_script_is_run(self):
        self.setup_tool("test")
        for call in self.calls():
            if call.startswith("npm"):
                self.assertIn("--ignore-scripts", call)

    def test_runtimes_go_where_the_variable_says(self):
        other = self.folder / "elsewhere"
        self.assertEqual(self.setup_tool("demo", PLIM_RUNTIMES=str(other))[0], 0)
        self.assertTrue((other / "node-22").is_dir())
        self.assertFalse((self.tree / ".runtimes").exists())

    def test_another_version_is_replaced_as_a_whole(self):
        self.setup_tool("demo")
        package = self.tree / ".runtimes/node-22/node_modules/runtime/package.json"
        package.write_text('{"version": "22.0.0"}', encoding="utf-8")
        (self.tree / ".runtimes/node-22/old").touch()
        self.assertEqual(self.setup_tool("demo")[0], 0)
        self.assertIn(VERSIONS["node-22"], package.read_text(encoding="utf-8"))
        self.assertFalse((self.tree / ".runtimes/node-22/old").exists())

    def test_what_broke_off_leaves_nothing_behind(self):
        self.setup_tool("build")
        (self.folder / "dies").touch()
        code, _, err = self.setup_tool("demo")
        self.assertEqual(code, 1)
        self.assertIn("is this machine online?", err)
        self.assertIn("Try, once it is: tools/setup demo", err)
        self.assertEqual(list((self.tree / ".runtimes").iterdir()), [])

    def test_without_a_network_it_says_so(self):
        (self.folder / "offline").touch()
        code, _, err = self.setup_tool("build")
        self.assertEqual(code, 1)
        self.assertIn("could not be installed (is this machine online?)", err)

    def test_neither_root_nor_sudo(self):
        self.program("id", "echo 1000")
        code, _, err = self.setup_tool("build")
        self.assertEqual(code, 1)
        self.assertIn("Try, as root: apt-get install gcc", err)
        self.program("sudo", 'echo "sudo $1" >>"$MACHINE/calls"; exec "$@"')
        self.assertEqual(self.setup_tool("build")[0], 0)
        self.assertIn("sudo apt-get", self.calls())

    def test_another_system_is_told_what_to_install(self):
        (self.bin / "apt-get").unlink()
        (self.bin / "dpkg-query").unlink()
        code, said, err = self.setup_tool("build")
        self.assertEqual(code, 1)
        self.assertIn("libuv1-dev", said)
        self.assertIn("no apt-get", err)

    def test_an_unknown_level_is_a_usage_error(self):
        self.assertEqual(self.setup_tool("all")[0], 2)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/otp: a real OTP supervisor over workers that are C nodes; two Erlang nodes, epmd, kills.

    test_otp_cluster.py PLIM PLIM_ERLANG_WORKER COUNTER SOURCES
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCES, COUNTER, WORKER, PLIM = (os.path.abspath(sys.argv.pop()) for _ in range(4))
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Otp(unittest.TestCase):
    def setUp(self):
        for tool in ("erl", "erlc", "epmd"):
            self.assertIsNotNone(shutil.which(tool), f"{tool} is not there: tools/setup test")
        self.assertTrue(os.path.exists(WORKER), "plim-erlang-worker is not built: tools/setup test,"
                        " then meson setup --reconfigure")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.cookie = os.path.join(self.folder, ".erlang.cookie")
        with open(os.open(self.cookie, os.O_CREAT | os.O_WRONLY, 0o400), "w") as file:
            file.write("OTPEXAMPLECOOKIE")
        self.env = {**os.environ, "HOME": self.folder, "ERL_EPMD_PORT": str(free_port()),
                    "ERL_EPMD_ADDRESS": "127.0.0.1", "PLIM": PLIM, "COUNTER": COUNTER,
                    "FOLDER": self.folder, "COOKIE_FILE": self.cookie, "NODE_A": "a@localhost",
                    "PLIM_LIBEXEC": os.path.dirname(WORKER)}
        self.started = []
        self.addCleanup(self.end_all)
        self.start(["epmd"])

    def end_all(self):
        for process in reversed(self.started):
            process.kill()
            process.communicate()

    def start(self, line):
        process = subprocess.Popen(line, env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.started.append(process)
        return process

    def erl(self, name, function):
        return self.start(["erl", "-noshell", "-noinput", "-sname", name, "-pa", self.folder,
                           "-kernel", "logger_level", "critical", "-run", "otp_cluster", function])

    def test_otp_restarts_killed_workers_with_their_state(self):
        files = [os.path.join(SOURCES, name) for name in ("plim_worker.erl", "plim_sup.erl")]
        subprocess.run(["erlc", "-Werror", "-o", self.folder, *files,
                        os.path.join(HERE, "otp_cluster.erl")], check=True, env=self.env,
                       timeout=120)
        a = self.erl("a@localhost", "serve")
        self.assertEqual(a.stdout.readline().strip(), "serving")
        # What anybody on this machine may read of a process does not tell the cookie.
        for pid in filter(str.isdigit, os.listdir("/proc")):
            for file in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{file}", "rb") as seen:
                        self.assertNotIn(b"OTPEXAMPLECOOKIE", seen.read())
                except OSError:
                    pass
        b = self.erl("b@localhost", "play")
        out, _ = b.communicate(timeout=120)
        self.assertEqual(out.splitlines(), ["played 12 lives", "gone"])
        a.communicate(timeout=60)
        self.assertEqual(b.returncode, 0)

    def run_worker(self, *arguments):
        return subprocess.run([PLIM, "worker", *arguments], env=self.env, capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)

    def test_what_cannot_be_is_said(self):
        done = self.run_worker("--erlang", "nobody@localhost", "--cookie-file", self.cookie, "--",
                               COUNTER, "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn("does not take", done.stderr)
        os.chmod(self.cookie, 0o644)
        done = self.run_worker("--erlang", "a@localhost", "--cookie-file", self.cookie, "--",
                               COUNTER, "x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("chmod 600", done.stderr)
        for line in (["--", "x"], ["--erlang", "a@localhost"], ["--erlang", "a", "--", "x"]):
            self.assertEqual(self.run_worker(*line).returncode, 2, line)
        self.env["PLIM_LIBEXEC"] = self.folder
        done = self.run_worker("--erlang", "a@localhost", "--", "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn("plim-erlang-worker", done.stderr)

    def test_another_cookie_is_not_let_in(self):
        a = self.start(["erl", "-noshell", "-noinput", "-sname", "a@localhost", "-eval",
                        "io:format(\"up~n\")"])
        self.assertEqual(a.stdout.readline().strip(), "up")
        other = os.path.join(self.folder, "other")
        with open(os.open(other, os.O_CREAT | os.O_WRONLY, 0o400), "w") as file:
            file.write("ANOTHERCOOKIE")
        started = time.monotonic()
        done = self.run_worker("--erlang", "a@localhost", "--cookie-file", other, "--", COUNTER,
                               "x")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertLess(time.monotonic() - started, 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)

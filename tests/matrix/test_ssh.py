#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Targets on another machine, by the system's ssh: a real sshd on the loopback, with keys and a
configuration of the test's own, and real runtimes behind it.

    test_ssh.py PLIM"""

import getpass
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import bun
import node
from runtimes import debian, free_port, wait_for

plim_path = ""


class Remote(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="plim-sshd-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name in ("host", "user", "stranger"):
            subprocess.run([debian("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f",
                            cls.folder / name], check=True)
        (cls.folder / "authorized").write_bytes((cls.folder / "user.pub").read_bytes())
        cls.port = free_port()
        settings = {"Port": cls.port, "ListenAddress": "127.0.0.1", "UsePAM": "no",
                    "HostKey": cls.folder / "host", "PidFile": "none", "StrictModes": "no",
                    "AuthorizedKeysFile": cls.folder / "authorized", "PermitRootLogin": "yes",
                    "PasswordAuthentication": "no", "AllowStreamLocalForwarding": "yes"}
        text = "".join(f"{key} {value}\n" for key, value in settings.items())
        (cls.folder / "sshd_config").write_text(text, encoding="utf-8")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where sshd confines itself
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", cls.folder / "sshd_config"],
                                  stderr=subprocess.DEVNULL)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.kill)
        cls.user_ssh, cls.stranger_ssh = (cls.ssh(name) for name in ("user", "stranger"))
        wait_for(cls.is_up)

    @classmethod
    def is_up(cls):
        return subprocess.run([cls.user_ssh, "-p", str(cls.port), cls.place(), "true"],
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    @classmethod
    def place(cls):
        return f"{getpass.getuser()}@127.0.0.1"

    @classmethod
    def ssh(cls, key):
        """An ssh that knows nothing but a key of ours."""
        file = cls.folder / f"ssh-{key}"
        file.write_text(f"#!/bin/sh\nexec ssh -F none -i {cls.folder / key} -o IdentitiesOnly=yes"
                        f" -o IdentityAgent=none -o StrictHostKeyChecking=no"
                        f" -o UserKnownHostsFile={cls.folder / 'known'} -o BatchMode=yes"
                        ' "$@"\n', encoding="utf-8")
        file.chmod(0o755)
        return str(file)

    def plim(self, verb, address, *more, ssh=None, code=0):
        remote = f"ssh://{self.place()}:{self.port}/{address}"
        done = subprocess.run([plim_path, verb, remote, *more], capture_output=True, text=True,
                              timeout=120, check=False,
                              env={**os.environ, "PLIM_SSH": ssh or self.user_ssh,
                                   "TMPDIR": str(self.folder)})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(glob.glob(str(self.folder / "plim-ssh-*")), [])
        return done

    def test_runtimes_behind_it_answer_as_if_they_were_here(self):
        for kind in (node.Node22, bun.Bun):
            runtime = kind()
            self.addCleanup(runtime.stop)
            runtime.start()
            runtime.do("grow 500")
            address = runtime.address
            if kind is bun.Bun:
                address = "ws://" + address
            value = json.loads(self.plim("usage", address, "--json").stdout)
            self.assertEqual(value["runtime"], runtime.name)
            self.assertEqual(value["address"],
                             f"ssh://{self.place()}:{self.port}/{address}")
            self.assertGreater(value["used_bytes"], 100000)
            self.assertIsNone(value["process_rss_bytes"])  # of no process of this machine
            file = self.folder / f"{runtime.name}.snapshot"
            self.plim("snap", address, "-o", str(file))
            done = subprocess.run([plim_path, "summary", file, "--json", "--top", "0"],
                                  capture_output=True, text=True, check=True)
            counts = {row["name"]: row["count"] for row in json.loads(done.stdout)["classes"]}
            self.assertEqual(counts["Planted"], 500)

    def test_who_is_not_let_in_is_told_in_the_words_of_ssh(self):
        done = self.plim("usage", "127.0.0.1:9229", ssh=self.stranger_ssh, code=3)
        self.assertIn("Permission denied", done.stderr)
        self.assertIn("must work first", done.stderr)

    def test_a_port_where_nobody_is(self):
        done = self.plim("usage", f"127.0.0.1:{free_port()}", code=3)
        self.assertIn("ssh says:", done.stderr)
        self.assertIn("refused", done.stderr)

    def test_what_cannot_be_read_starts_nothing(self):
        for text in ("ssh://", "ssh://host", "ssh://host/", "ssh:///:9229", "ssh://host/pid:4",
                     "ssh://-oProxyCommand=x/:9", "ssh://u@-oProxyCommand=x/:9",
                     "ssh://host/nothing"):
            done = subprocess.run([plim_path, "usage", text], capture_output=True, text=True,
                                  timeout=60, check=False,
                                  env={**os.environ, "PLIM_SSH": "/bin/false"})
            self.assertEqual(done.returncode, 2, text + done.stderr)
            self.assertIn("cannot read the address", done.stderr)

    def test_no_ssh_at_all(self):
        done = self.plim("usage", ":9229", ssh="no-such-ssh", code=3)
        self.assertIn("there is no program no-such-ssh", done.stderr)


if __name__ == "__main__":
    plim_path = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

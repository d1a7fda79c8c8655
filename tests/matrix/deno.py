# SPDX-License-Identifier: MIT
"""Deno, as npm's @deno/linux-x64-glibc brings it."""

import os

from runtimes import Piped, program


class Deno(Piped):
    name = "deno"
    row = "Deno"
    arguments = ()

    def title(self):
        return "planted.mjs"

    def environment(self):
        return dict(os.environ, DENO_NO_UPDATE_CHECK="1", DENO_DIR=str(self.folder / "deno"),
                    NO_COLOR="1")

    def start(self):
        script = self.write("planted.mjs")
        child = self.spawn(program("deno", "deno"), "run", "--inspect=127.0.0.1:0", "--allow-read",
                           *self.arguments, script, env=self.environment())
        self.address = self.heard(r"listening on ws://([0-9.:]+)/")[1]
        self.pid = child.pid
        self.heard("^done starting$")

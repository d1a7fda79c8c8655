# SPDX-License-Identifier: MIT
"""Bun. Its inspector's address has a path, which nobody lists; the command line tells it."""

from runtimes import Piped, program


class Bun(Piped):
    name = "bun"
    row = "Bun"
    objects_of_300_mb = 3100000
    script = "planted.mjs"

    def start(self):
        script = self.write(self.script)
        child = self.spawn(program("bun", "bin/bun"), "--inspect=127.0.0.1:0/planted", script)
        self.pid = child.pid
        told = self.heard(r"^done starting$|^  ws://([0-9.:]+/planted)$")  # in either order
        other = self.heard(r"^done starting$|^  ws://([0-9.:]+/planted)$")
        self.address = told[1] or other[1]

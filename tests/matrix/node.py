# SPDX-License-Identifier: MIT
"""Node, each version that is supported."""

from runtimes import Piped, program


class Node(Piped):
    name = "node"
    folder_of_runtime = ""

    def start(self):
        script = self.write("planted.mjs")
        child = self.spawn(program(self.folder_of_runtime, "bin/node"), "--inspect=127.0.0.1:0",
                           script)
        self.address = self.heard(r"listening on ws://([0-9.:]+)/")[1]
        self.pid = child.pid
        self.heard("^done starting$")


def version(number):
    return type(f"Node{number}", (Node,), {"row": f"Node {number}",
                                           "folder_of_runtime": f"node-{number}"})


Node20, Node22, Node24, Node26 = (version(number) for number in (20, 22, 24, 26))

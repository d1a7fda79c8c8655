#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim repl --listen, as clients meet it: sessions apart, interrupts, bounds, hostile lines; and
the Jupyter kernel over it, with the real jupyter_client."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from jupyter_client.manager import KernelManager

PLIM, ADAPTER = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))


class Client:
    def __init__(self, address, family=socket.AF_UNIX):
        self.socket = socket.socket(family)
        self.socket.settimeout(60)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")
        self.count = 0

    def send(self, op, **members):
        self.count += 1
        self.raw(json.dumps({"id": self.count, "op": op, **members}).encode() + b"\n")
        return self.count

    def raw(self, line):
        self.socket.sendall(line)

    def read(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, op, **members):
        """The answer to a request, and what was written meanwhile."""
        number = self.send(op, **members)
        output = ""
        while True:
            line = self.read()
            if line is None:
                raise AssertionError("the connection is closed")
            if line["id"] != number:
                continue
            if line["status"] != "output":
                return {**line, "output": output}
            output += line["text"]

    def close(self):
        self.file.close()
        self.socket.close()


class Server(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "s")
        self.folder = folder.name
        self.start(f"unix:{self.path}")

    def start(self, where):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([PLIM, "repl", "--json", "--listen", where],
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, self.process, where)
        self.told = json.loads(self.process.stdout.readline())

    def end(self, process, where):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=30), 0)
        process.stdout.close()
        self.assertFalse(os.path.exists(where.removeprefix("unix:")))

    def client(self):
        made = Client(self.path)
        self.addCleanup(made.close)
        return made

    def test_sessions_are_apart_and_answers_carry_their_ids(self):
        client = self.client()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode) & 0o077, 0)
        described = client.ask("describe")
        self.assertEqual(described["protocol"], "plim-repl/1")
        self.assertIn("eval", described["ops"])
        first, second = client.ask("open")["session"], client.ask("open")["session"]
        self.assertNotEqual(first, second)
        self.assertEqual(client.ask("eval", session=first, code="int x = 1;")["end"], "ok")
        answer = client.ask("eval", session=second, code="x")
        self.assertEqual(answer["end"], "diagnostic")
        self.assertIn("x", answer["diagnostics"])
        answer = client.ask("eval", session=first, code="x + 41")
        self.assertEqual((answer["type"], answer["value"]), ("int", "42"))
        answer = client.ask("eval", session=first,
                            code='#include <stdio.h>\nputs("said"); x = 9; *(volatile int *)8 = 1;')
        self.assertEqual((answer["end"], answer["output"]), ("crashed", "said\n"))
        self.assertEqual(answer["fault_address"], "0x8")
        self.assertTrue(answer["frames"])
        self.assertEqual(client.ask("eval", session=first, code="x")["value"], "1")
        self.assertFalse(client.ask("is_complete", session=first, code="int f(")["complete"])
        names = [one["text"] for one in
                 client.ask("complete", session=first, code="prin", cursor=4)["candidates"]]
        self.assertEqual(names, [])  # the entry that crashed has included nothing
        client.ask("eval", session=first, code="#include <stdio.h>")
        names = [one["text"] for one in
                 client.ask("complete", session=first, code="print", cursor=5)["candidates"]]
        self.assertIn("printf", names)
        self.assertIn("x", [one["name"] for one in client.ask("vars", session=first)["names"]])
        self.assertEqual(client.ask("close", session=first)["status"], "ok")
        self.assertEqual(client.ask("eval", session=first, code="1")["error"]["name"],
                         "ERR_NOT_FOUND")
        other = self.client()
        self.assertEqual(other.ask("eval", session=second, code="1")["status"], "error")

    def test_an_endless_entry_is_interrupted(self):
        client = self.client()
        session = client.ask("open")["session"]
        client.ask("eval", session=session, code="int n = 1;")
        number = client.send("eval", session=session, code="n = 2; for (;;) ;")
        time.sleep(1.5)
        client.send("interrupt", session=session)
        lines = [client.read(), client.read()]
        ended = [line for line in lines if line["id"] == number][0]
        self.assertEqual(ended["end"], "interrupted")
        self.assertEqual(client.ask("eval", session=session, code="n")["value"], "1")
        self.assertEqual(client.ask("undo", session=session)["status"], "ok")

    def test_hostile_lines_are_answered_or_end_their_connection(self):
        client = self.client()
        for line in (b'{"op":"eval"}\n', b'{"op":7}\n', b'{"op":"fly"}\n', b'{}\n',
                     b'{"op":"eval","session":"s1","code":5}\n',
                     b'{"op":"complete","session":"s1","code":"a","cursor":9}\n',
                     b'{"op":"describe","id":{"a":[1]}}\n'):
            client.raw(line)
            self.assertIn(client.read()["status"], ("error", "ok"))
        for line in (b"POST / HTTP/1.1\r\n", b"[]\n", b"\xff\xfe\n", b'{"op":"describe"\n',
                     b"x" * (3 << 20) + b"\n"):
            hostile = self.client()
            try:
                hostile.raw(line)
                while hostile.read() is not None:
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.assertEqual(client.ask("describe")["status"], "ok")

    def test_a_client_that_goes_leaves_no_process(self):
        client = self.client()
        session = client.ask("open")["session"]
        client.send("eval", session=session, code="for (;;) ;")
        time.sleep(0.5)
        client.close()
        end = time.monotonic() + 20
        while children(self.process.pid) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(children(self.process.pid), [])

    def test_what_a_killed_session_left_is_swept_by_the_next(self):
        with tempfile.TemporaryDirectory() as place:
            run = [PLIM, "repl"]
            environment = {**os.environ, "TMPDIR": place}
            # pylint: disable=consider-using-with
            killed = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      env=environment)
            killed.stdin.write(b"40 + 2\n")
            killed.stdin.flush()
            self.assertIn(b"42", killed.stdout.readline())
            killed.kill()
            killed.wait(timeout=30)
            killed.stdin.close()
            killed.stdout.close()
            self.assertEqual(len(os.listdir(place)), 1)
            subprocess.run(run, input=b"1\n", env=environment, check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
            self.assertEqual(os.listdir(place), [])

    def test_a_port_wants_its_token_and_only_the_loopback_is_offered(self):
        refused = subprocess.run([PLIM, "repl", "--listen", "0.0.0.0:0"], capture_output=True,
                                 check=False, timeout=30)
        self.assertEqual(refused.returncode, 3)
        self.start("127.0.0.1:0")
        host, port = self.told["address"].rsplit(":", 1)
        stranger = Client((host, int(port)), socket.AF_INET)
        self.assertEqual(stranger.ask("describe")["error"]["name"], "ERR_ACCESS")
        self.assertIsNone(stranger.read())
        stranger.close()
        friend = Client((host, int(port)), socket.AF_INET)
        self.assertEqual(friend.ask("describe", token=self.told["token"])["status"], "ok")
        self.assertEqual(friend.ask("describe")["status"], "ok")
        friend.close()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


class Jupyter(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        kernels = os.path.join(folder.name, "kernels", "plimsoll-c")
        os.makedirs(kernels)
        with open(os.path.join(kernels, "kernel.json"), "w", encoding="utf-8") as file:
            json.dump({"argv": [sys.executable, ADAPTER, "--plim", PLIM, "-f",
                                "{connection_file}"],
                       "display_name": "C", "language": "c", "interrupt_mode": "message"}, file)
        os.environ["JUPYTER_PATH"] = folder.name
        os.environ["JUPYTER_RUNTIME_DIR"] = folder.name
        self.manager = KernelManager(kernel_name="plimsoll-c")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.addCleanup(self.stop)

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)

    def run_cell(self, code):
        """The reply, and what the cell published, by type."""
        seen = []
        reply = self.client.execute_interactive(
            code, timeout=60, output_hook=lambda message: seen.append(
                (message["header"]["msg_type"], message["content"])))
        return reply["content"], dict(seen)

    def test_cells_share_variables_and_survive_a_crash(self):
        content, seen = self.run_cell('#include <stdio.h>\nint x = 20; printf("hi\\n");')
        self.assertEqual(content["status"], "ok")
        self.assertEqual(seen["stream"]["text"], "hi\n")
        _, seen = self.run_cell("x * 2 + 2")
        self.assertEqual(seen["execute_result"]["data"]["text/plain"], "(int) 42")
        content, seen = self.run_cell("x = 1; *(volatile int *)0 = 1;")
        self.assertEqual((content["status"], content["ename"]), ("error", "crashed"))
        self.assertIn("^", "".join(seen["error"]["traceback"]))
        _, seen = self.run_cell("x")
        self.assertEqual(seen["execute_result"]["data"]["text/plain"], "(int) 20")
        content, _ = self.run_cell("int y = ;")
        self.assertEqual(content["ename"], "diagnostic")

    def test_completion_completeness_and_interrupts(self):
        self.run_cell("struct pair { int left, right; } p;")
        self.client.complete("p.le", 4)
        matches = self.client.get_shell_msg(timeout=60)["content"]["matches"]
        self.assertIn("left", matches)
        self.client.is_complete("int f(")
        self.assertEqual(self.client.get_shell_msg(timeout=60)["content"]["status"], "incomplete")
        number = self.client.execute("for (;;) ;")
        time.sleep(1.5)
        self.manager.interrupt_kernel()
        while True:
            message = self.client.get_shell_msg(timeout=60)
            if message["parent_header"]["msg_id"] == number:
                break
        self.assertEqual(message["content"]["ename"], "interrupted")


if __name__ == "__main__":
    unittest.main()

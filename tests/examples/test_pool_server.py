#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/pool-server: its workers are killed by the thousand, and no client notices.

    test_pool_server.py SERVER WORKER CLIENT [KILLS]
"""

import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

KILLS = int(sys.argv.pop()) if sys.argv[-1].isdigit() else 1000
CLIENT, WORKER, SERVER = sys.argv.pop(), sys.argv.pop(), sys.argv.pop()
HELLO = struct.pack("<IHHQ4sHHIIQ", 24, 1, 0, 0, b"PLIM", 1, 1, 0, 1 << 20, 1)


def request(number, text, flags=1):
    body = struct.pack("<II", 0, 0) + text
    return struct.pack("<IHHQ", len(body), 2, flags, number) + body


class Server:
    def __init__(self, address, workers=3):
        self.process = subprocess.Popen([SERVER, address, WORKER, str(workers)],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.rest, self.lines, self.pids, self.deaths = b"", [], {}, 0
        self.address = None
        self.wait(lambda: self.address and "ready" in self.lines)

    def read(self, seconds=0.0):
        if select.select([self.process.stdout], [], [], seconds)[0]:
            self.rest += self.process.stdout.read() or b""
        *lines, self.rest = self.rest.split(b"\n")
        for line in (line.decode() for line in lines):
            words = line.split(" ", 3)
            if words[0] == "listening":
                self.address = words[1]
            elif words[0] == "up":
                self.pids[words[1]] = int(words[2])
            elif words[0] == "died":
                self.pids.pop(words[1], None)
                self.deaths += 1
            self.lines.append(line)

    def wait(self, done, seconds=60):
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("\n".join(self.lines[-20:]))
            self.read(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.process.kill()
        self.read(0.05)
        return self.process.wait()


class PoolServer(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "pool.sock")

    def start(self, address=None, **more):
        server = Server(address or f"unix:{self.path}", **more)
        self.addCleanup(server.process.stdout.close)
        self.addCleanup(server.process.wait)
        self.addCleanup(server.process.kill)
        return server

    def ask(self, server, *numbers):
        done = subprocess.run([CLIENT, server.address, *map(str, numbers)], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_clients_are_answered_over_unix_and_tcp(self):
        for address in (None, "127.0.0.1:0"):
            server = self.start(address)
            self.assertEqual(self.ask(server, 10, 1000, 100000),
                             ["10: 4", "1000: 168", "100000: 9592"])
            self.assertIn("no answer: ask for", self.ask(server, 99999999)[0])
            self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_a_socket_is_its_users_own(self):
        self.start()
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    def test_a_thousand_kills_under_load_lose_no_request(self):
        server = self.start()
        clients = [subprocess.Popen([CLIENT, server.address, "--load"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for _ in range(4)]
        dice = random.Random(7)
        kills = 0
        end = time.monotonic() + 240
        while kills < KILLS:
            self.assertLess(time.monotonic(), end, f"{kills} kills so far")
            server.read(0.01)
            if len(server.pids) < 2:
                continue
            slot, pid = dice.choice(sorted(server.pids.items()))
            try:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
            server.pids.pop(slot)
        server.wait(lambda: server.deaths >= KILLS)  # one seen only while stopping would be none
        for client in clients:
            client.send_signal(signal.SIGTERM)
        asked = 0
        for client in clients:
            out, err = client.communicate(timeout=60)
            self.assertEqual((client.returncode, err), (0, ""))
            found = re.match(r"asked (\d+) right (\d+)$", out.strip())
            self.assertEqual(found[1], found[2])
            self.assertGreater(int(found[1]), 100)
            asked += int(found[1])
        self.assertEqual(server.stop(), 0)
        found = re.match(r"answered (\d+), given to another (\d+), failed 0, deaths (\d+)",
                         server.lines[-1])
        self.assertIsNotNone(found, server.lines[-1])
        self.assertEqual(int(found[1]), asked)
        self.assertGreaterEqual(int(found[3]), KILLS)
        print(f"{kills} kills, {asked} answers, {found[2]} given to another worker",
              file=sys.stderr)

    def test_hostile_clients_harm_nobody(self):
        server = self.start()
        bad = [
            os.urandom(4096),
            HELLO + struct.pack("<IHHQ", 0xffffffff, 2, 0, 1),
            HELLO + struct.pack("<IHHQ", 0, 77, 0x8000, 1),
            HELLO + request(1, b"100000") + request(1, b"100000"),
            HELLO + struct.pack("<IHHQiI", 8, 3, 0, 1, 0, 0),
            request(1, b"10"),
            HELLO[:-3],
        ]
        for data in bad:
            line = socket.socket(socket.AF_UNIX)
            line.settimeout(20)
            line.connect(self.path)
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            while line.recv(65536):
                pass
            line.close()
        # One that asks and asks and never reads: it is held up, the others are not.
        deaf = socket.socket(socket.AF_UNIX)
        deaf.connect(self.path)
        deaf.setblocking(False)
        data = HELLO + b"".join(request(1000 + i, b"10") for i in range(20000))
        sent = 0
        for _ in range(200):
            try:
                sent += deaf.send(data[sent:sent + 65536])
            except BlockingIOError:
                break
        self.assertEqual(self.ask(server, 10), ["10: 4"])
        deaf.close()
        # Unknown kinds of a later version are no fault.
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(20)
        line.connect(self.path)
        line.sendall(HELLO + struct.pack("<IHHQ", 3, 200, 0, 5) + b"abc" + request(7, b"10"))
        got = b""
        while b"\x04" not in got[-1:] and not got.endswith(b"4"):
            got += line.recv(4096)
        line.close()
        self.assertEqual(self.ask(server, 1000), ["1000: 168"])
        self.assertEqual(server.deaths, 0)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)

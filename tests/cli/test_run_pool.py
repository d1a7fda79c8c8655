#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim run --listen: workers that speak the channel. Each thing that replaces or ends a worker is
brought about in a real one; clients speak to it over a socket, in bytes that are written here.

    test_run_pool.py PLIM POOL_SERVER_WORKER POOL_WORKER
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from plim import PLIM
from runs import Run, alive

PRIMES, WORKER = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
HELLO = struct.pack("<IHHQ4sHHIIQ", 24, 1, 0, 0, b"PLIM", 1, 1, 0, 1 << 20, 1)
IDEMPOTENT = 1


class Client:
    """One connection; requests and what came of them."""

    def __init__(self, address, timeout=60):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address[5:])
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.sendall(HELLO)
        self.rest, self.next = b"", 1

    def close(self):
        self.socket.close()

    def send(self, code, flags=0):
        body = struct.pack("<II", 0, 0) + code.encode()
        self.socket.sendall(struct.pack("<IHHQ", len(body), 2, flags, self.next) + body)
        self.next += 1
        return self.next - 1

    def receive(self):
        """(id, status, error, result) of the next response."""
        while True:
            while (len(self.rest) < 16 or
                   len(self.rest) < 16 + struct.unpack("<I", self.rest[:4])[0]):
                got = self.socket.recv(65536)
                if not got:
                    raise EOFError
                self.rest += got
            size, kind, _, number = struct.unpack("<IHHQ", self.rest[:16])
            body, self.rest = self.rest[16:16 + size], self.rest[16 + size:]
            if kind == 3:
                status, error = struct.unpack("<iI", body[:8])
                return number, status, body[8:8 + error].decode(), body[8 + error:].decode()

    def ask(self, code, flags=0):
        number = self.send(code, flags)
        got = self.receive()
        assert got[0] == number, got
        return got[1:]


class Pool(Run):
    """plim run --listen, ready, and where it listens."""

    def __init__(self, *options, worker=WORKER, where=None, env=None, mode=()):
        self.socket_folder = tempfile.TemporaryDirectory()
        where = where or "unix:" + os.path.join(self.socket_folder.name, "s")
        super().__init__("--listen", where, *options, program=[worker, *mode], env=env)
        self.addresses = []
        for _ in where.split(","):
            line = self.process.stderr.readline()
            if "listening: " not in line:
                raise AssertionError(line + self.process.stderr.read())
            self.addresses.append(line.split("listening: ")[1].strip())
        if not mode:
            self.wait_for("ready")

    def client(self):
        return Client(self.addresses[0])

    def why(self, kind):
        return [row.get("why") for row in self.wait_for(kind)]


class RunPool(unittest.TestCase):
    def pool(self, *options, **more):
        pool = Pool(*options, **more)
        self.addCleanup(pool.folder.cleanup)
        self.addCleanup(pool.socket_folder.cleanup)
        self.addCleanup(pool.process.stderr.close)
        self.addCleanup(pool.process.stdout.close)
        self.addCleanup(pool.process.wait)
        self.addCleanup(pool.process.terminate)
        return pool

    def client(self, pool, at=0):
        client = Client(pool.addresses[at])
        self.addCleanup(client.close)
        return client

    def test_clients_are_answered_over_both_kinds_of_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            pool = self.pool("--workers", "3", worker=PRIMES,
                             where=f"unix:{folder}/s,127.0.0.1:0")
            for at in range(2):
                client = self.client(pool, at)
                for number, count in ((10, 4), (100, 25), (10000, 1229)):
                    self.assertEqual(client.ask(str(number)), (0, "", str(count)))
            names = sorted({row["child"] for row in pool.wait_for("greeted", 4)})
            self.assertEqual(names, [f"pool_server_worker-{i}" for i in (1, 2, 3, 4)])
            pool.stop()
            self.assertEqual(pool.events()[-1]["event"], "ended")

    def test_a_stop_drains(self):
        pool = self.pool("--workers", "1")
        client = self.client(pool)
        client.send("sleep:1500")
        while not self.has_begun(pool):
            time.sleep(0.02)
        pool.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.receive()[1], 0)
        pool.process.wait(60)
        pool.stop(0)

    def has_begun(self, pool):
        told = self.top(pool)
        return told["under_way_count"] == 1

    def top(self, pool):
        done = subprocess.run([PLIM, "top", f"pid:{pool.process.pid}", "--once", "--json"],
                              capture_output=True, check=True, timeout=60)
        return json.loads(done.stdout)["supervisors"][0]

    def test_what_is_past_the_drain_is_failed(self):
        pool = self.pool("--workers", "1", "--drain", "100ms", "--shutdown", "100ms")
        client = self.client(pool)
        client.send("sleep:60000")
        while not self.has_begun(pool):
            time.sleep(0.02)
        begun = time.monotonic()
        pool.stop(0)
        self.assertLess(time.monotonic() - begun, 50)

    def test_count_replaces(self):
        pool = self.pool("--workers", "2", "--max-requests", "10", worker=PRIMES)
        client = self.client(pool)
        end = time.monotonic() + 60
        while len(pool.events("recycling")) < 5 and time.monotonic() < end:
            for _ in range(10):
                self.assertEqual(client.ask("100"), (0, "", "25"))
        self.assertEqual(set(pool.why("recycling")), {"requests"})
        self.assertGreaterEqual(len(pool.events("recycling")), 5)
        self.assertEqual(pool.events("restarting"), [])
        pool.stop()

    def test_memory_from_outside_replaces(self):
        pool = self.pool("--workers", "1", "--memory", "40M")
        client = self.client(pool)
        first = client.ask("pid")[2]
        self.assertEqual(client.ask(f"leak:{60 << 20}")[0], 0)
        self.assertEqual(pool.why("recycling")[0], "memory")
        pool.wait_for("exited")
        self.assertNotEqual(client.ask("pid")[2], first)
        pool.stop()

    def test_memory_by_its_own_report_replaces(self):
        pool = self.pool("--workers", "1", "--memory", "40M")
        client = self.client(pool)
        self.assertEqual(client.ask(f"report:{60 << 20}")[0], 0)
        self.assertEqual(pool.why("recycling")[0], "memory")
        self.assertEqual(pool.events("reported")[0]["used_bytes"], 60 << 20)
        pool.stop()

    def test_memory_that_is_shared_replaces_nobody(self):
        pool = self.pool("--workers", "1", "--memory", "40M")
        client = self.client(pool)
        self.assertEqual(client.ask(f"share:{60 << 20}")[0], 0)
        self.assertEqual(client.ask("sleep:500")[0], 0)  # five looks
        self.assertEqual(pool.events("recycling"), [])
        pool.stop()

    def test_hard_memory_kills(self):
        pool = self.pool("--workers", "1", "--memory-hard", "40M")
        client = self.client(pool)
        client.send(f"leak:{60 << 20}")
        client.send("sleep:1000")
        self.assertEqual(pool.why("killing")[0], "memory")
        pool.stop()

    def test_lifetime_replaces(self):
        pool = self.pool("--workers", "1", "--lifetime", "500ms")
        self.assertEqual(pool.why("recycling")[0], "lifetime")
        self.assertEqual(self.client(pool).ask("echo:x")[2], "x")
        pool.stop()

    def test_a_deadline_kills(self):
        pool = self.pool("--workers", "1", "--deadline", "300ms", worker=PRIMES)
        status, error, _ = self.client(pool).ask("10000000")
        self.assertNotEqual(status, 0)
        self.assertIn("deadline", error)
        self.assertEqual(pool.why("killing")[0], "deadline")
        pool.stop()

    def test_one_that_does_not_answer_for_its_health_is_killed(self):
        pool = self.pool("--workers", "2", "--health", "100ms", worker=PRIMES)
        os.kill(pool.events("greeted")[0]["pid"], signal.SIGSTOP)
        self.assertEqual(pool.why("killing")[0], "unresponsive")
        self.assertEqual(self.client(pool).ask("100"), (0, "", "25"))
        pool.stop()

    def test_a_crash_is_explained_and_another_takes_its_place(self):
        pool = self.pool("--workers", "1")
        client = self.client(pool)
        status, error, _ = client.ask("die-null")
        self.assertNotEqual(status, 0)
        self.assertIn("SIGSEGV", error)
        died = pool.wait_for("died")[0]
        self.assertIn("I was told to", died["text"])
        self.assertIn("pool_worker", died["text"])  # where
        self.assertEqual(client.ask("echo:on"), (0, "", "on"))
        self.assertIn("died: ", pool.stop()[1])

    def test_killed_ones_cost_no_request(self):
        pool = self.pool("--workers", "3", "--intensity", "100000/5s", worker=PRIMES)
        client, killed = self.client(pool), set()
        for i in range(300):
            client.send("2000", IDEMPOTENT)
            if i % 10 == 0:
                up = {row["pid"] for row in pool.events("greeted")}
                up -= {row["pid"] for row in pool.events("exited") if "pid" in row}
                for pid in sorted(up - killed)[:1]:
                    killed.add(pid)
                    os.kill(pid, signal.SIGKILL)
            self.assertEqual(client.receive()[1:], (0, "", "303"))
        self.assertGreaterEqual(len(killed), 10)
        pool.wait_for("restarting", len(killed))
        pool.stop()

    def test_garbage_kills_the_one_who_sends_it(self):
        pool = self.pool("--workers", "1")
        status, _, _ = self.client(pool).ask("garbage")
        self.assertNotEqual(status, 0)
        self.assertEqual(pool.why("killing")[0], "protocol")
        pool.stop()

    def test_too_many_deaths_end_it_with_6(self):
        pool = self.pool("--workers", "1", "--intensity", "3/60s", mode=["dies"])
        pool.process.wait(60)
        pool.stop(6)
        self.assertEqual(len(pool.events("gave_up")), 1)

    def test_without_a_spare_it_works_as_well(self):
        pool = self.pool("--workers", "1", "--spare", "0", "--max-requests", "2")
        client = self.client(pool)
        pids = [client.ask("pid")[2] for _ in range(6)]
        self.assertGreaterEqual(len(set(pids)), 3)
        pool.stop()

    def test_lines_and_logs_are_told_with_whose_they_are(self):
        pool = self.pool("--workers", "1")
        self.client(pool).ask("log:here I am")
        row = pool.wait_for("log")[0]
        self.assertEqual((row["text"], row["level"]), ("here I am", 2))
        self.assertRegex(pool.stop()[1], r"pool_worker-\d \| here I am")

    def test_metrics(self):
        pool = self.pool("--workers", "2", "--memory", "900M", "--openmetrics", "127.0.0.1:0",
                         worker=PRIMES)
        url = pool.process.stderr.readline().split("metrics: ")[1].strip()
        client = self.client(pool)
        for _ in range(7):
            client.ask("100")
        wanted = (r"plim_requests_total 7\b", r"plim_requests_answered_total 7\b",
                  r"plim_requests_failed_total 0\b", r"plim_requests_repeated_total 0\b",
                  r"plim_queue_waiting 0\b", r"plim_queue_under_way 0\b", r"plim_clients 1\b",
                  r"plim_workers_spare 1\b",
                  r'plim_worker_answered\{child="pool_server_worker-1"\}',
                  r'plim_worker_memory_bytes\{child="pool_server_worker-3"\} [1-9]',
                  r'plim_worker_memory_limit_bytes\{child="pool_server_worker-3"\} 943718400',
                  r"# EOF\n$")
        end = time.monotonic() + 60
        while True:
            request = urllib.request.Request(url,
                                             headers={"Accept": "application/openmetrics-text"})
            with urllib.request.urlopen(request, timeout=60) as page:
                text = page.read().decode()
            missing = [part for part in wanted if not re.search(part, text)]
            if not missing or time.monotonic() > end:
                break
            time.sleep(0.05)
        self.assertEqual(missing, [], text)
        pool.stop()

    def test_systemd_hears_that_it_is_ready_once_the_workers_are(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "notify")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
                listener.bind(path)
                listener.settimeout(60)
                pool = self.pool("--workers", "2", env={"NOTIFY_SOCKET": path})
                self.assertEqual(listener.recv(100), b"READY=1")
                self.assertEqual(len(pool.events("greeted")) >= 2, True)
                pool.stop()
                self.assertEqual(listener.recv(100), b"STOPPING=1")

    def test_workers_die_with_a_killed_supervisor(self):
        pool = self.pool("--workers", "2")
        pids = [row["pid"] for row in pool.events("greeted")]
        os.kill(pool.supervisor(), signal.SIGKILL)
        pool.process.wait(60)
        self.assertEqual(pool.process.returncode, 128 + signal.SIGKILL)
        self.assertEqual([pid for pid in pids if os.path.exists(f"/proc/{pid}")], [])
        self.assertEqual(alive(pool.socket_folder.name), [])

    def test_what_does_not_go_together_is_refused_by_name(self):
        for words, word in ((["--queue", "5"], "--queue"), (["--drain", "5s"], "--drain"),
                            (["--listen", "unix:/tmp/x", "--settle", "1s"], "--settle"),
                            (["--listen", "unix:/tmp/x", "--restart", "transient"], "--restart"),
                            (["--listen", "unix:/tmp/x", "--workers", "64"], "64"),
                            (["--listen", ","], "--listen")):
            done = subprocess.run([PLIM, "run", *words, "--", WORKER], capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, (words, done.stderr))
            self.assertIn(word, done.stderr)

    def test_an_address_that_is_taken_is_3(self):
        pool = self.pool()
        done = subprocess.run([PLIM, "run", "--listen", pool.addresses[0], "--", WORKER],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertNotIn(done.returncode, (0, 70), done.stderr)
        self.assertEqual(self.client(pool).ask("echo:x")[2], "x")
        pool.stop()


if __name__ == "__main__":
    unittest.main(verbosity=1)

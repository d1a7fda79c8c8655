# SPDX-License-Identifier: MIT
"""plim serve: what DevTools asks for, our own client against it, and clients that mean no good."""

import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from plim import PLIM, BARE, run

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "heap", "data")
SMALL = os.path.join(FOLDER, "node-24.heapsnapshot")


def large_snapshot(count):
    """A text of many MB with characters of two to four bytes in it."""
    rows = ((3, 1 + i % 4, 3 + 2 * i, 16, 0) for i in range(count))
    nodes = [9, 0, 1, 0, count] + [value for row in rows for value in row]
    edges = [v for i in range(count) for v in (1, i, 5 * (i + 1))]
    types = [["hidden", "array", "string", "object", "code", "closure", "regexp", "number",
              "native", "synthetic"], "string", "number", "number", "number"]
    return json.dumps({
        "snapshot": {"meta": {
            "node_fields": ["type", "name", "id", "self_size", "edge_count"], "node_types": types,
            "edge_fields": ["type", "name_or_index", "to_node"],
            "edge_types": [["context", "element"], "string_or_number", "node"]},
            "node_count": count + 1, "edge_count": count},
        "nodes": nodes, "edges": edges,
        "strings": ["", "plain \\ \" \n\t", "Grüße" * 40000, "日本" * 40000, "🚢" * 40000],
    }, ensure_ascii=False)


class Client:
    """As much of a WebSocket as the tests need."""

    def __init__(self, address, path, headers=(), host=None):
        name, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((name, int(port)), timeout=20)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or address}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        fields = dict(line.decode().strip().split(": ", 1)
                      for line in iter(self.file.readline, b"\r\n"))
        if self.status == 101:
            proof = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            assert fields["Sec-WebSocket-Accept"] == base64.b64encode(proof).decode()
        self.count = 0

    def frame(self, opcode, payload, mask=True):
        head = bytes([0x80 | opcode])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        self.socket.sendall(head + (b"\0\0\0\0" if mask else b"") + payload)

    def ask(self, method, **params):
        self.count += 1
        self.frame(1, json.dumps({"id": self.count, "method": method, "params": params}).encode())
        return self.count

    def message(self):
        first, second = self.file.read(2)
        length = second & 127
        if length == 126:
            length = struct.unpack(">H", self.file.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.file.read(8))[0]
        payload = self.file.read(length)
        return json.loads(payload.decode()) if first == 0x81 else payload

    def reply(self, number, events=None):
        while True:
            message = self.message()
            if message.get("id") == number:
                return message
            if events is not None:
                events.append(message)

    def call(self, method, events=None, **params):
        return self.reply(self.ask(method, **params), events)

    def is_left(self):
        """Whether the server ends the connection."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()


class Served(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def serve(self, *files):
        self.server = subprocess.Popen([PLIM, "serve", "--plain", "--port", "0", *files],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=BARE)
        self.addCleanup(self.end)
        self.address = self.server.stdout.readline().decode().strip()
        self.assertRegex(self.address, r"^127\.0\.0\.1:\d+$")

    def end(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
        self.server.wait(20)
        self.server.stdout.close()
        self.server.stderr.close()

    def page(self, path, *headers, host=None, method="GET"):
        name, port = self.address.rsplit(":", 1)
        with socket.create_connection((name, int(port)), timeout=20) as client:
            lines = [f"{method} {path} HTTP/1.1", f"Host: {host or self.address}", *headers, "", ""]
            client.sendall("\r\n".join(lines).encode())
            whole = b"".join(iter(lambda: client.recv(65536), b""))
        head, body = whole.split(b"\r\n\r\n", 1)
        return int(head.split()[1]), body.decode()

    def targets(self):
        status, body = self.page("/json/list")
        self.assertEqual(status, 200)
        return json.loads(body)

    def client(self, number=0, *headers):
        client = Client(self.address, "/" + self.targets()[number]["id"], headers)
        self.addCleanup(client.close)
        self.assertEqual(client.status, 101)
        return client

    def still_serves(self):
        self.assertIsNone(self.server.poll())
        client = self.client()
        self.assertIn("usedSize", client.call("Runtime.getHeapUsage")["result"])
        client.close()


class Panel(Served):
    def test_pages_name_each_heap_by_a_path_of_its_own(self):
        self.serve(SMALL, SMALL)
        first, second = self.targets()
        self.assertEqual(first["title"], SMALL)
        self.assertRegex(first["id"], r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertNotEqual(first["id"], second["id"])
        self.assertEqual(first["webSocketDebuggerUrl"], f"ws://{self.address}/{first['id']}")
        self.assertIn("js_app.html", first["devtoolsFrontendUrl"])
        self.assertEqual(json.loads(self.page("/json")[1]), [first, second])
        version = json.loads(self.page("/json/version")[1])
        self.assertRegex(version["Browser"], r"^plimsoll/\d")
        domains = [d["domain"] for d in json.loads(self.page("/json/protocol")[1])["domains"]]
        self.assertIn("HeapProfiler", domains)
        self.assertEqual(self.page("/nothing")[0], 404)
        self.assertEqual(self.page("/json/list", method="POST")[0], 405)

    def test_a_snapshot_is_the_file_and_progress_comes_before_it(self):
        text = large_snapshot(50000)
        file = os.path.join(self.folder, "large.heapsnapshot")
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        self.serve(file)
        client, events = self.client(), []
        reply = client.call("HeapProfiler.takeHeapSnapshot", events, reportProgress=True)
        self.assertEqual(reply["result"], {})
        self.assertEqual(events[0]["method"], "HeapProfiler.reportHeapSnapshotProgress")
        self.assertTrue(events[0]["params"]["finished"])
        chunks = [event["params"]["chunk"] for event in events[1:]]
        self.assertGreater(len(chunks), 10)
        self.assertEqual("".join(chunks), text)
        self.assertLess(max(map(len, chunks)), 70000)

    def test_what_is_not_there_is_an_error_and_never_an_empty_result(self):
        self.serve(SMALL)
        client = self.client()
        for method in ("Network.emulateNetworkConditionsByRule", "Page.enable", ""):
            self.assertEqual(client.call(method)["error"]["code"], -32601)
        self.assertIn("cannot", client.call("HeapProfiler.collectGarbage")["error"]["message"])
        events = []
        self.assertEqual(client.call("Runtime.enable", events)["result"], {})
        self.assertEqual(events[0]["method"], "Runtime.executionContextCreated")
        self.assertIn("id", client.call("Runtime.getIsolateId")["result"])

    def test_our_own_client_takes_it_for_a_target(self):
        self.serve(SMALL)
        usage = run("usage", self.address, "--json")
        self.assertEqual(usage.code, 0, usage.err)
        self.assertEqual(json.loads(usage.out)["runtime"], "plimsoll")
        copy = os.path.join(self.folder, "copy.heapsnapshot")
        taken = run("snap", self.address, "-o", copy)
        self.assertEqual(taken.code, 0, taken.err)
        with open(copy, "rb") as one, open(SMALL, "rb") as other:
            self.assertEqual(one.read(), other.read())
        self.assertEqual(run("gc", self.address).code, 5)

    def test_two_clients_at_once_each_get_all_of_it(self):
        self.serve(SMALL)
        clients = [self.client(), self.client()]
        numbers = [client.ask("HeapProfiler.takeHeapSnapshot") for client in clients]
        texts = []
        for client, number in zip(clients, numbers):
            events = []
            client.reply(number, events)
            texts.append("".join(event["params"]["chunk"] for event in events))
        with open(SMALL, encoding="utf-8") as file:
            self.assertEqual(texts, [file.read()] * 2)

    def test_ctrl_c_ends_it_well_also_while_a_client_is_served(self):
        self.serve(SMALL)
        self.client()
        self.server.send_signal(signal.SIGINT)
        self.assertEqual(self.server.wait(10), 0)

    def test_a_damaged_file_is_refused_at_the_start(self):
        file = os.path.join(self.folder, "bad.heapsnapshot")
        with open(file, "w", encoding="utf-8") as out:
            out.write('{"snapshot":')
        done = run("serve", "--port", "0", SMALL, file)
        self.assertEqual(done.code, 4)
        self.assertIn("bad.heapsnapshot", done.err)

    def test_a_port_that_is_taken_is_said_if_it_was_asked_for(self):
        self.serve(SMALL)
        done = run("serve", SMALL, "--port", self.address.rsplit(":", 1)[1])
        self.assertEqual(done.code, 2)
        self.assertIn("port", done.err)


class Hostile(Served):
    def test_only_loopback_names_and_no_other_pages_get_anything(self):
        self.serve(SMALL)
        port = self.address.rsplit(":", 1)[1]
        path = "/" + self.targets()[0]["id"]
        for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", "127.9.8.7",
                     "[::1]:1"):
            self.assertEqual(self.page("/json/version", host=host)[0], 200, host)
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example",
                     "127.0.0.1.x", "127.0.0.1:80x", "127.1", "0.0.0.0", "127.0.0.1234",
                     "[::2]", "localhost:"):
            self.assertEqual(self.page("/json/version", host=host)[0], 403, host)
        for origin in ("http://evil.example", "null", "https://127.0.0.1", "devtools://other",
                       "http://127.0.0.1.evil.example", "file://"):
            client = Client(self.address, path, [f"Origin: {origin}"])
            self.assertEqual(client.status, 403, origin)
            client.close()
        self.client(0, "Origin: devtools://devtools")
        self.client(0, f"Origin: http://127.0.0.1:{port}")
        for wrong in ("/", path[:-1], path + "0", "/json/list"):
            client = Client(self.address, wrong)
            self.assertEqual(client.status, 404, wrong)
            client.close()

    def test_requests_that_are_none_are_refused_and_the_server_lives(self):
        self.serve(SMALL)
        name, port = self.address.rsplit(":", 1)
        long = b"GET / HTTP/1.1\r\nX: " + b"a" * 9000
        for data in (b"\x00\xff\xfe", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", long,
                     b"GET /" + b"a" * 400 + b" HTTP/1.1\r\n\r\n",
                     b"GET /json HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
                     b"GET /json HTTP/1.1\r\n\r\n",
                     b"GET /json HTTP/1.1\r\nHost: " + b"l" * 600 + b"\r\n\r\n"):
            with socket.create_connection((name, int(port)), timeout=20) as client:
                client.sendall(data)
                answer = client.recv(64)
                self.assertRegex(answer, rb"^HTTP/1.1 4\d\d ", data[:40])
        self.still_serves()

    def test_frames_that_break_the_protocol_end_the_connection(self):
        self.serve(SMALL)
        for opcode, payload, mask in ((2, b"binary", True), (1, b"not json", True),
                                      (1, b"{}" * 10, False), (3, b"", True),
                                      (1, b"\xff\xfe", True), (9, b"x" * 126, True)):
            client = self.client()
            client.frame(opcode, payload, mask)
            self.assertTrue(client.is_left(), (opcode, payload))
            client.close()
        self.still_serves()

    def test_a_message_too_long_and_too_many_of_them_end_the_connection(self):
        self.serve(SMALL)
        client = self.client()
        try:
            client.frame(1, b'{"id":1,"method":"' + b"a" * (2 << 20) + b'"}')
        except ConnectionError:
            pass
        self.assertTrue(client.is_left())
        client.close()
        client = self.client()
        one = json.dumps({"id": 1, "method": "Runtime.getHeapUsage"}).encode()
        masked = bytes([0x81, 0x80 | len(one)]) + b"\0\0\0\0" + one
        try:
            for _ in range(200):
                client.socket.sendall(masked * 1000)
        except ConnectionError:
            pass
        client.close()
        self.still_serves()

    def test_messages_that_are_json_but_no_requests_are_answered_as_such(self):
        self.serve(SMALL)
        client = self.client()
        for text in ('{}', '[]', '{"id":"x","method":"Runtime.enable"}', '{"id":1}',
                     '{"id":1,"method":7}'):
            client.frame(1, text.encode())
            self.assertEqual(client.message()["error"]["code"], -32600, text)
        client.frame(9, b"are you there")
        self.assertEqual(client.message(), b"are you there")

    def test_a_client_that_leaves_in_the_middle_of_a_snapshot_harms_nobody(self):
        file = os.path.join(self.folder, "large.heapsnapshot")
        with open(file, "w", encoding="utf-8") as out:
            out.write(large_snapshot(400000))
        self.serve(file)
        for _ in range(3):
            client = self.client()
            client.ask("HeapProfiler.takeHeapSnapshot")
            client.message()
            client.close()
        self.still_serves()

    def test_one_that_does_not_read_costs_little_memory_and_delays_nobody(self):
        file = os.path.join(self.folder, "large.heapsnapshot")
        with open(file, "w", encoding="utf-8") as out:
            out.write(large_snapshot(800000))
        self.serve(file)
        lazy = self.client()
        lazy.ask("HeapProfiler.takeHeapSnapshot")
        time.sleep(1)
        # Nobody waits for the lazy one: not for figures, and not for a snapshot of the same heap.
        began = time.monotonic()
        other = self.client()
        self.assertIn("usedSize", other.call("Runtime.getHeapUsage")["result"])
        self.assertLess(time.monotonic() - began, 0.5)
        events = []
        self.assertEqual(other.call("HeapProfiler.takeHeapSnapshot", events)["result"], {})
        self.assertEqual(sum(len(event["params"]["chunk"].encode()) for event in events),
                         os.path.getsize(file))
        self.assertLess(time.monotonic() - began, 8)
        other.close()
        with open(f"/proc/{self.server.pid}/status", encoding="ascii") as status:
            resident = int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])
        with open(f"/proc/{self.server.pid}/status", encoding="ascii") as status:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])
        self.assertLess(resident, 64 << 10, f"peak {peak} kB")
        lazy.close()
        self.still_serves()

    def test_more_clients_than_there_is_room_for_wait_their_turn(self):
        self.serve(SMALL)
        crowd = [self.client() for _ in range(15)]
        name, port = self.address.rsplit(":", 1)
        late = [socket.create_connection((name, int(port)), timeout=20) for _ in range(4)]
        for client in late:
            client.sendall(f"GET /json/version HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
        for client in crowd[:8]:
            client.close()
        for client in late:
            self.assertTrue(client.recv(64).startswith(b"HTTP/1.1 200"))
            client.close()
        self.still_serves()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main()

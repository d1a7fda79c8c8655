#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays the target of an exchange that is written down in Markdown, and compares.

    proto.py PROBE FILE.md…

A case is a heading `## …` and a fenced block `exchange` under it. Its lines, in order:

    ! version {…}  ! list […]     what /json/version and /json/list answer
    ! json […]  ! jsons […] | […]     the same of /json, as proxies have it
    ! lists […] | […]             what /json/list answers the first time, the second…; then the last
    ! http "…"                    the whole answer to the first request, raw (\\r\\n written out)
    ! port silent|hangup|"…"      what the port does to whoever connects
    ! upgrade "…"                 the whole answer to the WebSocket request; {accept} is put in
    ! webkit PATH…                it is WebKit's HTTP server, with these in its list (at least one)
    ! probe ARGUMENT…             options of the probe
    $ COMMAND                     a line for the probe; {address} is ours
    > {…}                         the probe must send this (members given must be equal)
    > nothing                     it must have sent nothing more
    > page {…}  > worker {…}      the same wrapped for WebKit's page-8, and for its worker:0.1
    < {…}                         a text frame to it; {id} is the id of the last one it sent
    <fragments N TEXT  <long TEXT  <ping TEXT  <raw HEX  <close CODE TEXT  <drop  <wait MS
    <bytewise TEXT                one byte per TCP segment
    <page TEXT  <worker TEXT      wrapped as WebKit's page-8 and its worker:0.1 do
    <document CUT [WHAT]          a snapshot in cuts of CUT characters; WHAT: half, lying, shuffled,
                                  flat (of session S1), lost (the same, a cut of its strings gone)
    <v8-value                     the same as the value of an expression, as Bun replies
    <kill                         ends the connection and the port
    ^                             interrupts the probe (SIGINT)
    = {…}                         the probe answers this; "~TEXT" is a regular expression
    % TITLE                       the lines of an earlier case of the file
"""
import base64
import hashlib
import json
import os
import queue
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
DEADLINE_S = 20


class Mismatch(Exception):
    pass


def document(nodes=40):
    """A small V8 snapshot: a root, a chain of objects, and strings with every kind of escape."""
    strings = ["<dummy>", "", "(GC roots)", 'quote " slash \\ tab \t', "é€😀\u2028", "\u0001"]
    node_rows, edge_rows = [], []
    for i in range(nodes):
        last = i == nodes - 1
        node_rows += [9 if i == 0 else 3, 1 + i % 5, 2 * i + 1, 16 + i, 0 if last else 1, 0]
        if not last:
            edge_rows += [1, i, 6 * (i + 1)]
    meta = {
        "node_fields": ["type", "name", "id", "self_size", "edge_count", "detachedness"],
        "node_types": [["hidden", "array", "string", "object", "code", "closure", "regexp",
                        "number", "native", "synthetic"],
                       "string", "number", "number", "number", "number"],
        "edge_fields": ["type", "name_or_index", "to_node"],
        "edge_types": [["context", "element", "property", "internal", "hidden", "shortcut",
                        "weak"], "string_or_number", "node"],
        "trace_function_info_fields": ["function_id", "name", "script_name", "script_id", "line",
                                       "column"],
        "trace_node_fields": ["id", "function_info_index", "count", "size", "children"],
        "sample_fields": ["timestamp_us", "last_assigned_id"],
        "location_fields": ["object_index", "script_id", "line", "column"],
    }
    whole = {"snapshot": {"meta": meta, "node_count": nodes, "edge_count": nodes - 1,
                          "trace_function_count": 0},
             "nodes": node_rows, "edges": edge_rows, "trace_function_infos": [], "trace_tree": [],
             "samples": [], "locations": [], "strings": strings}
    return json.dumps(whole)


class Server:
    def __init__(self):
        self.webkit = None
        self.version = '{"Browser":"v8-test/v1.2.3","Protocol-Version":"1.1"}'
        self.list = None
        self.lists = []
        self.jsons = []
        self.http = self.port_does = self.upgrade = None
        self.sockets = queue.Queue()
        self.sock = None
        self.buffer = b""
        self.open = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.append(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            if self.port_does == "silent":
                return
            if self.port_does == "hangup":
                sock.close()
                return
            if self.port_does is not None:
                sock.sendall(self.port_does.encode("latin-1"))
                return
            head = b""
            while b"\r\n\r\n" not in head:
                got = sock.recv(4096)
                if not got:
                    return
                head += got
            self.answer(sock, head.decode())
        except OSError:
            pass

    def answer(self, sock, head):
        path = head.split(" ")[1]
        lines = {k.lower(): v for k, v in re.findall(r"(?m)^([^:\r\n]+): (.*)\r$", head)}
        if "origin" in lines or lines.get("host") != f"127.0.0.1:{self.port}":
            raise Mismatch(f"headers are not those every runtime accepts: {head!r}")
        if lines.get("upgrade") == "websocket":
            digest = hashlib.sha1((lines["sec-websocket-key"] + GUID).encode()).digest()
            answer = self.upgrade or ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                      "Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}"
                                      "\r\n\r\n")
            answer = answer.replace("{accept}", base64.b64encode(digest).decode())
            sock.sendall(answer.encode("latin-1"))
            self.sockets.put(sock)
            return
        if self.http is not None:
            sock.sendall(self.http.replace("{port}", str(self.port)).encode())
            sock.close()
            return
        if self.webkit is not None:
            self.answer_as_webkit(sock, path)
            return
        if path == "/json/list" and self.lists:
            self.list = self.lists.pop(0)
        listed = self.list or ('[{"id":"one","title":"a test","type":"node","webSocketDebuggerUrl":'
                               f'"ws://127.0.0.1:{self.port}/one"}}]')
        body = {"/json/version": self.version, "/json/list": listed}.get(path)
        if self.jsons:  # such a proxy has nothing else
            body = self.jsons[0] if path == "/json" else None
            self.jsons = self.jsons[1:] or self.jsons
        code = "200 OK" if body is not None else "404 Not Found"
        body = (body or "").replace("{port}", str(self.port)).encode()
        sock.sendall(f"HTTP/1.0 {code}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        sock.close()

    def answer_as_webkit(self, sock, path):
        rows = "".join(f'<div class="targetname">Page &amp; {i}</div><div class="targeturl">'
                       f"http://x/{i}</div> window.location.host + '{path}', '_blank'"
                       for i, path in enumerate(self.webkit))
        body = f"<html>{rows}</html>" if path == "/" else ""
        code = "200 OK" if path == "/" else "404 Not Found"
        sock.sendall(f"HTTP/1.1 {code}\r\nServer: WebKitInspectorHTTPServer libsoup/3.2.3\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        sock.close()

    def peer(self):
        if self.sock is None:
            self.sock = self.sockets.get(timeout=DEADLINE_S)
            self.sock.settimeout(DEADLINE_S)
        return self.sock

    def frame(self, opcode, payload, fin=True, long=False, mask=False):
        head = bytes([(0x80 if fin else 0) | opcode])
        bit = 0x80 if mask else 0
        if long:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        elif len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        return head + payload

    def send(self, data):
        self.peer().sendall(data)

    def exactly(self, count):
        while len(self.buffer) < count:
            got = self.peer().recv(65536)
            if not got:
                raise Mismatch("the probe closed the connection")
            self.buffer += got
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def receive(self):
        """One frame of the probe; it must be a single masked frame."""
        head = self.exactly(2)
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.exactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.exactly(8))[0]
        if not head[0] & 0x80 or not head[1] & 0x80:
            raise Mismatch("the probe sent a fragmented or unmasked frame")
        mask = self.exactly(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.exactly(length)))
        return head[0] & 15, data

    def kill(self):
        self.listener.close()
        for sock in self.open:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
            except OSError:
                pass


def includes(actual, wanted, at=""):
    if isinstance(wanted, dict):
        if not isinstance(actual, dict):
            raise Mismatch(f"{at}: {actual!r} is no object")
        for key, value in wanted.items():
            if key not in actual:
                raise Mismatch(f"{at}: no {key} in {actual!r}")
            includes(actual[key], value, f"{at}.{key}")
    elif isinstance(wanted, str) and wanted.startswith("~"):
        if not re.search(wanted[1:], str(actual)):
            raise Mismatch(f"{at}: {actual!r} does not match {wanted!r}")
    elif actual != wanted:
        raise Mismatch(f"{at}: {actual!r} is not {wanted!r}")


class Case:
    def __init__(self, probe, lines):
        self.server = Server()
        self.lines = lines
        self.probe_args = []
        self.last_id = 0
        self.probe_path = probe
        self.probe = None
        self.replies = queue.Queue()

    def start(self):
        self.probe = subprocess.Popen([self.probe_path] + self.probe_args, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.probe.stdout:
            self.replies.put(line)
        self.replies.put(None)

    def setting(self, word, rest):
        server = self.server
        if word == "probe":
            self.probe_args = shlex.split(rest)
        elif word == "version":
            server.version = rest
        elif word == "webkit":
            server.webkit = rest.split()
        elif word == "list":
            server.list = rest
        elif word == "lists":
            server.lists = rest.split(" | ")
        elif word in ("json", "jsons"):
            server.jsons = rest.split(" | ")
        elif word == "http":
            server.http = json.loads(rest)
        elif word == "upgrade":
            server.upgrade = json.loads(rest)
        elif word == "port":
            server.port_does = json.loads(rest) if rest.startswith('"') else rest
        else:
            raise Mismatch(f"unknown setting {word}")

    def chunks(self, rest):
        words = rest.split()
        cut, what = int(words[0]), words[1] if len(words) > 1 else ""
        text = document()
        if what == "half":
            text = text[:len(text) // 2]
        if what == "lying":
            text = text.replace('"node_count": 40', '"node_count": 41')
        for at in range(0, len(text), cut):
            if what == "lost" and at == text.index('"strings"') // cut * cut + 2 * cut:
                continue
            event = {"method": "HeapProfiler.addHeapSnapshotChunk",
                     "params": {"chunk": text[at:at + cut]}}
            if what in ("lost", "flat"):
                event["sessionId"] = "S1"
            if what == "shuffled":
                event = dict(reversed(event.items()))
            self.server.send(self.server.frame(1, json.dumps(event).encode()))

    def to_probe(self, how, rest):
        server = self.server
        rest = rest.replace("{id}", str(self.last_id))
        if how == "worker":
            rest = json.dumps({"method": "Worker.dispatchMessageFromWorker",
                               "params": {"workerId": "worker:0.1", "message": rest}})
        if how in ("page", "worker"):
            rest = json.dumps({"method": "Target.dispatchMessageFromTarget",
                               "params": {"targetId": "page-8", "message": rest}})
            how = ""
        data = rest.encode()
        if how == "":
            server.send(server.frame(1, data))
        elif how == "fragments":
            count, data = int(rest.split(" ", 1)[0]), rest.split(" ", 1)[1].encode()
            step = -(-len(data) // count)
            parts = [data[i:i + step] for i in range(0, len(data), step)]
            for i, part in enumerate(parts):
                server.send(server.frame(0 if i else 1, part, fin=i == len(parts) - 1))
                server.send(server.frame(9, b"between"))
        elif how == "long":
            server.send(server.frame(1, data + b" " * 70000, long=True))
        elif how == "bytewise":
            for byte in server.frame(1, data):
                server.send(bytes([byte]))
                time.sleep(0.001)
        elif how == "ping":
            server.send(server.frame(9, data))
        elif how == "close":
            code, text = (rest + " ").split(" ", 1)
            server.send(server.frame(8, struct.pack(">H", int(code)) + text.strip().encode()))
        elif how == "raw":
            server.send(bytes.fromhex(rest))
        elif how == "document":
            self.chunks(rest)
        elif how == "v8-value":
            value = {"result": {"result": {"type": "string", "value": document() + "\n"},
                                "wasThrown": False}, "id": self.last_id}
            server.send(server.frame(1, json.dumps(value).encode()))
        elif how == "drop":
            server.peer().close()
            server.sock, server.buffer = None, b""
        elif how == "kill":
            server.kill()
        elif how == "wait":
            time.sleep(int(rest) / 1000)
        else:
            raise Mismatch(f"unknown frame {how}")

    def from_probe(self, rest):
        if rest == "nothing":
            self.server.peer().settimeout(0.2)
            try:
                got = self.server.peer().recv(1)
            except TimeoutError:
                got = b""
            if got or self.server.buffer:
                raise Mismatch("the probe sent something")
            return
        opcode, data = self.server.receive()
        while opcode == 10 and not rest.startswith("pong"):
            opcode, data = self.server.receive()
        if rest.startswith("pong"):
            if (opcode, data.decode()) != (10, rest[5:]):
                raise Mismatch(f"opcode {opcode}, {data!r} instead of {rest}")
        elif rest.startswith("close"):
            if opcode != 8 or struct.unpack(">H", data[:2])[0] != int(rest.split()[1]):
                raise Mismatch(f"opcode {opcode}, {data!r} instead of {rest}")
        else:
            if opcode != 1:
                raise Mismatch(f"opcode {opcode}, {data!r} instead of a text frame")
            sent, how = json.loads(data), rest.split(" ", 1)[0]
            self.last_id = sent.get("id", self.last_id)
            if how in ("page", "worker"):
                rest = rest.split(" ", 1)[1]
                includes(sent, {"method": "Target.sendMessageToTarget",
                                "params": {"targetId": "~^page-"}}, "sent")
                sent = json.loads(sent["params"]["message"])
            if how == "worker":
                includes(sent, {"method": "Worker.sendMessageToWorker",
                                "params": {"workerId": "worker:0.1"}}, "sent")
                sent = json.loads(sent["params"]["message"])
            includes(sent, json.loads(rest), "sent")

    def answered(self, rest):
        try:
            line = self.replies.get(timeout=DEADLINE_S)
        except queue.Empty:
            raise Mismatch("the probe does not answer") from None
        if line is None:
            raise Mismatch(f"the probe ended with {self.probe.wait()}")
        includes(json.loads(line), json.loads(rest), "answer")

    def run(self):
        for number, line in self.lines:
            try:
                self.step(line)
            except (Mismatch, OSError, ValueError, queue.Empty) as why:
                raise Mismatch(f"line {number}: {line}\n    {type(why).__name__}: {why}") from None

    def step(self, line):
        mark, rest = line[0], line[1:]
        if mark == "!":
            word, _, rest = rest.strip().partition(" ")
            self.setting(word, rest)
            return
        if self.probe is None:
            self.start()
        if mark == "$":
            address = f"127.0.0.1:{self.server.port}"
            self.probe.stdin.write(rest.strip().replace("{address}", address) + "\n")
            self.probe.stdin.flush()
        elif mark == "<":
            how, _, text = rest.partition(" ")
            self.to_probe(how, text)
        elif mark == ">":
            self.from_probe(rest.strip())
        elif mark == "=":
            self.answered(rest.strip())
        elif mark == "^":
            self.probe.send_signal(signal.SIGINT)
        else:
            raise Mismatch("a line begins with ! $ > < ^ or =")

    def end(self):
        """A probe that was not told to do more must end by itself, and well."""
        self.server.kill()
        if self.probe is None:
            return
        self.probe.stdin.close()
        try:
            code = self.probe.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.probe.kill()
            raise Mismatch("the probe does not end") from None
        if code != 0:
            raise Mismatch(f"the probe ended with {code}")


def cases(path):
    title, lines, inside, earlier = None, [], False, {}
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.startswith("## "):
            title = line[3:]
        elif line == "```exchange":
            inside, lines = True, []
        elif line == "```" and inside:
            inside = False
            earlier[title] = lines
            yield title, lines
        elif inside and line.startswith("% "):
            lines += earlier[line[2:]]
        elif inside and line:
            lines.append((number, line))
    if inside:
        raise SystemExit(f"{path}: a block that does not end")


def main():
    probe, paths = sys.argv[1], sys.argv[2:]
    ran = failed = 0
    for path in paths:
        for title, lines in cases(path):
            ran += 1
            case = Case(probe, lines)
            try:
                try:
                    case.run()
                finally:
                    case.end()
                print(f"ok      {os.path.basename(path)}: {title}")
            except Mismatch as why:
                failed += 1
                print(f"FAILED  {os.path.basename(path)}: {title}\n    {why}")
    print(f"{ran} cases, {failed} failed")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())

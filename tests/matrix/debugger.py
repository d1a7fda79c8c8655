# SPDX-License-Identifier: MIT
"""Another debugger than plim: the least of a WebSocket client, for tests of company."""

import base64
import json
import os
import socket
import struct
import urllib.request


class Debugger:
    def __init__(self, address, which=0):
        """Connects to an entry of the list at HOST:PORT."""
        with urllib.request.urlopen(f"http://{address}/json/list", timeout=10) as reply:
            url = json.load(reply)[which]["webSocketDebuggerUrl"]
        host, _, path = url.removeprefix("ws://").partition("/")
        self.sock = socket.create_connection(host.split(":"), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall((f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self.data += self.sock.recv(4096)
        assert b" 101 " in self.data.split(b"\r\n")[0], self.data
        self.data = self.data.split(b"\r\n\r\n", 1)[1]
        self.last_id = 0

    def _take(self, count):
        while len(self.data) < count:
            more = self.sock.recv(1 << 16)
            if not more:
                raise ConnectionError("the target hung up")
            self.data += more
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def hear(self):
        """The next message; ConnectionError with its reason where the target closes."""
        opcode, length = self._take(2)
        if length == 126:
            length, = struct.unpack(">H", self._take(2))
        elif length == 127:
            length, = struct.unpack(">Q", self._take(8))
        data = self._take(length)
        if opcode & 15 == 8:
            raise ConnectionError(data[2:].decode())
        return json.loads(data)

    def send(self, method, **params):
        """Sends a call; its id."""
        self.last_id += 1
        text = json.dumps({"id": self.last_id, "method": method, "params": params}).encode()
        self.sock.sendall(b"\x81" + (bytes([0x80 | len(text)]) if len(text) < 126 else
                                     b"\xfe" + struct.pack(">H", len(text))) + bytes(4) + text)
        return self.last_id

    def until(self, number):
        """The messages until the reply to a call, it included."""
        while True:
            message = self.hear()
            yield message
            if message.get("id") == number:
                return

    def call(self, method, **params):
        return list(self.until(self.send(method, **params)))[-1]

    def close(self):
        self.sock.close()

# SPDX-License-Identifier: MIT
"""Chromium from Debian, headless."""

import base64
import json
import os
import socket
import struct
import urllib.request

from runtimes import Page, debian, wait_for

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")


class Chromium(Page):
    name = "chrome"
    row = "Chromium"

    def launch(self, url):
        """Starts the browser on a page and waits until its port is open."""
        profile = self.folder / "profile"
        child = self.spawn(debian("chromium"), *FLAGS, "--remote-debugging-port=0",
                           f"--user-data-dir={profile}", url)
        self.pid = child.pid
        active = profile / "DevToolsActivePort"

        def port():
            return active.exists() and active.read_text(encoding="ascii").split("\n")[0]

        self.address = f"127.0.0.1:{wait_for(port)}"

    def start(self):
        self.launch(self.serve())
        self.await_page()

    def listed(self, kind="page"):
        """What the browser itself lists of a kind."""
        with urllib.request.urlopen(f"http://{self.address}/json/list", timeout=10) as reply:
            return [one for one in json.load(reply) if one["type"] == kind]


class Session:
    """A debugger beside plim: a WebSocket to a page or to the browser itself."""

    def __init__(self, url):
        place, path = url.removeprefix("ws://").split("/", 1)
        host, port = place.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.data = b""
        self.last = 0
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /{path} HTTP/1.1\r\nHost: {place}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.data:
            self.data += self.socket.recv(4096)
        self.data = self.data.split(b"\r\n\r\n", 1)[1]

    def take(self, count):
        while len(self.data) < count:
            got = self.socket.recv(1 << 20)
            assert got, "the browser hung up"
            self.data += got
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def send(self, method, **params):
        self.last += 1
        text = json.dumps({"id": self.last, "method": method, "params": params}).encode()
        size = bytes([0x80 | len(text)]) if len(text) < 126 else \
            bytes([0x80 | 126]) + struct.pack(">H", len(text))
        self.socket.sendall(b"\x81" + size + bytes(4) + text)
        return self.last

    def answer(self, number, seconds=30):
        self.socket.settimeout(seconds)
        while True:
            length = self.take(2)[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.take(8))[0]
            message = json.loads(self.take(length))
            if message.get("id") == number:
                return message

    def call(self, method, seconds=30, **params):
        return self.answer(self.send(method, **params), seconds)

    def close(self):
        self.socket.close()

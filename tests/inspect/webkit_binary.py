#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""WebKitGTK's binary inspector (WEBKIT_INSPECTOR_SERVER), played. GLib itself writes the lists, so
that ours is compared with the one that the real server uses.

    webkit_binary.py TARGET_PROBE LIST_PROBE
"""
import contextlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # python3-gi, also for another python3
from gi.repository import GLib  # noqa: E402

LIST = "(ta(tsssb))"
CREATED = ('{"method":"Target.targetCreated","params":{"targetInfo":{"targetId":"page-8",'
           '"type":"page"}}}')
VARIABLE = "WEBKIT_INSPECTOR_SERVER"  # whoever has it is known for a WebKitGTK: so are we

probe = list_probe = ""


def variant(value, is_little=True):
    made = GLib.Variant(LIST, value)
    return (made if is_little else made.byteswap()).get_data_as_bytes().get_data()


def page(target, title="Planted", kind="WebPage", url="http://x/", is_taken=False):
    return (target, kind, title, url, is_taken)


class Server:
    """Serves one client after the other; `does` is called with each message that came."""

    def __init__(self, pages, is_little=True):
        self.pages = pages
        self.is_little = is_little
        self.heard = []
        self.lists = None  # raw bodies instead of self.pages
        self.on_setup = lambda: self.tell(CREATED)
        self.on_call = lambda call: None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.sock = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        with sock:
            while True:
                try:
                    got = sock.recv(65536)
                except OSError:
                    return
                if not got:
                    return
                data += got
                if data.startswith(b"GET "):
                    return  # hangs up, without a word
                while len(data) >= 5 and len(data) >= 5 + struct.unpack(">I", data[:4])[0]:
                    size = struct.unpack(">I", data[:4])[0]
                    name, body = data[5:5 + size].split(b"\0", 1)
                    data = data[5 + size:]
                    self.sock = sock
                    self.take(name.decode(), body)

    def take(self, name, body):
        self.heard.append(name)
        if name == "SetupInspectorClient":
            self.send("DidSetupInspectorClient", b"/* some JavaScript */\0")
            lists = self.lists
            if lists is None:
                lists = [variant((2, []), self.is_little), variant((1, self.pages),
                                                                   self.is_little)]
            for one in lists:
                self.send("SetTargetList", one)
        elif name == "Setup":
            ids = struct.unpack("<QQ", body)
            assert ids[0] == 1 and ids[1] in [one[0] for one in self.pages], \
                f"the real one dies of {ids}"
            self.ids = ids
            self.on_setup()
        elif name == "SendMessageToBackend":
            assert struct.unpack("<QQ", body[:16]) == self.ids and body.endswith(b"\0")
            self.on_call(json.loads(body[16:-1]))

    def send(self, name, body):
        message = name.encode() + b"\0" + body
        try:
            self.sock.sendall(struct.pack(">IB", len(message), self.is_little) + message)
        except OSError:
            pass

    def tell(self, text, ids=None, end=b"\0"):
        order = "<QQ" if self.is_little else ">QQ"
        self.send("SendMessageToFrontend",
                  struct.pack(order, *(ids or self.ids)) + text.encode() + end)

    def tell_page(self, message):
        self.tell(json.dumps({"method": "Target.dispatchMessageFromTarget",
                              "params": {"targetId": "page-8", "message": json.dumps(message)}}))

    def obey(self, call):
        """Answers what a page would: a snapshot, collections, figures."""
        self.tell(json.dumps({"result": {}, "id": call["id"]}))
        inner = json.loads(call["params"]["message"])
        result = {}
        if inner["method"] == "Heap.snapshot":
            text = ('{"version":3,"type":"Inspector","nodes":[0,0,0,0,7,16,1,0],"nodeClassNames":'
                    '["<root>","L\\"\\u00e9ak"],"edges":[0,7,0,0],"edgeTypes":["Internal"],'
                    '"edgeNames":[]}')
            result = {"timestamp": 0, "snapshotData": text}
        self.tell_page({"result": result, "id": inner["id"]})

    def close(self):
        self.listener.close()


class Case(unittest.TestCase):
    def serve(self, pages, **more):
        server = Server(pages, **more)
        server.on_call = server.obey
        self.addCleanup(server.close)
        self.probe = subprocess.Popen([probe], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1)
        self.addCleanup(self.end, self.probe)
        return server

    def end(self, child):
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()

    def say(self, line):
        self.probe.stdin.write(line + "\n")
        self.probe.stdin.flush()

    def ask(self, line):
        self.say(line)
        return json.loads(self.probe.stdout.readline())

    def test_the_one_page_is_found_and_answers(self):
        for is_little in (True, False):
            with self.subTest(is_little=is_little):
                server = self.serve([page(1)], is_little=is_little)
                self.assertEqual(self.ask(f"open {server.address}")["status"], "OK")
                who = self.ask("identify")
                self.assertEqual([who["runtime"], who["title"]], ["webkitgtk", "Planted"])
                self.assertEqual(who["address"], server.address + "/socket/1/1/WebPage")
                taken = self.ask("discard")
                self.assertEqual([taken["status"], taken["nodes"], taken["edges"]], ["OK", 2, 1])
                self.assertEqual(self.ask("close")["status"], "OK")
                self.assertIn("Setup", server.heard)

    def test_a_server_whose_owner_is_unknown_is_asked(self):
        self.serve([])
        bare = {key: value for key, value in os.environ.items() if key != VARIABLE}
        with subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=bare) as other:
            opened = self.ask(f"open {other.stdout.readline().strip()}")
            self.assertEqual(opened["status"], "OK")
            self.assertEqual(self.ask("identify")["runtime"], "webkitgtk")
            other.stdin.close()

    def test_of_several_pages_the_user_says_which(self):
        server = self.serve([page(1, "first"), page(2, "second"), page(3, kind="Automation")])
        refused = self.ask(f"open {server.address}")
        self.assertEqual(refused["status"], "ERR_USAGE")
        self.assertIn("/socket/1/2/WebPage (second)", refused["hint"])
        self.assertEqual(self.ask(f"open {server.address}/1/2")["status"], "OK")
        self.assertEqual(server.ids, (1, 2))
        self.ask("close")
        self.assertEqual(self.ask(f"open {server.address}/1/7")["status"], "ERR_NOT_FOUND")

    def test_a_page_that_comes_late_is_waited_for(self):
        server = self.serve([page(1)])
        server.lists = [variant((1, []))]
        self.say(f"open {server.address}")
        while not server.heard:
            time.sleep(0.01)
        time.sleep(0.3)
        server.send("SetTargetList", variant((1, [page(1)])))
        self.assertEqual(json.loads(self.probe.stdout.readline())["status"], "OK")

    def test_what_is_said_to_others_is_not_ours(self):
        server = self.serve([page(1), page(2)])
        server.on_setup = lambda: (server.tell(CREATED.replace("8", "9"), (1, 2)),
                                   server.tell(CREATED))
        server.on_call = lambda call: (server.tell('{"result":{},"id":1}', (2, 1)),
                                       server.obey(call))
        self.assertEqual(self.ask(f"open {server.address}/1/1")["status"], "OK")
        self.assertEqual(self.ask("discard")["nodes"], 2)

    def test_a_page_that_is_closed_ends_what_waits(self):
        server = self.serve([page(1), page(2)])
        self.assertEqual(self.ask(f"open {server.address}/1/1")["status"], "OK")
        server.on_call = lambda call: server.send("SetTargetList", variant((1, [page(2)])))
        gone = self.ask("collect")
        self.assertEqual(gone["status"], "ERR_GONE")
        self.assertIn("page was closed", gone["what"])

    def test_a_client_that_is_there_is_not_robbed(self):
        server = self.serve([page(1)])
        port = server.address.split(":")[1]
        with subprocess.Popen([sys.executable, "-c", "import socket, sys\n"
                               f"s = socket.create_connection(('127.0.0.1', {port}))\n"
                               "print('on', flush=True); sys.stdin.read()"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            other.stdout.readline()
            refused = self.ask(f"open {server.address}")
            self.assertNotEqual(refused["status"], "OK")
            self.assertNotIn("SetupInspectorClient", server.heard)
            other.stdin.close()
        self.assertEqual(self.ask(f"open {server.address}")["status"], "OK")

    def test_no_message_of_the_protocol_ends_the_connection(self):
        for what in ("no end", "nul", "short", "no body", "endless name", "list", "huge list"):
            with self.subTest(what):
                server = self.serve([page(1)])
                ids = struct.pack("<QQ", 1, 1)

                def break_it(_, server=server, what=what, ids=ids):
                    {"no end": lambda: server.tell("{}", end=b"x"),
                     "nul": lambda: server.tell("{\0}"),
                     "short": lambda: server.send("SendMessageToFrontend", ids),
                     "no body": lambda: server.sock.sendall(bytes(5)),
                     "endless name": lambda: server.send("S" * 100, b""),
                     "list": lambda: server.send("SetTargetList", variant((1, [page(1)]))[:-1]),
                     "huge list": lambda: server.sock.sendall(
                         struct.pack(">IB", 0x7fffffff, 1) + b"SetTargetList\0abc")}[what]()

                server.on_call = break_it
                self.assertEqual(self.ask(f"open {server.address}")["status"], "OK")
                self.assertIn(self.ask("collect")["status"], ("ERR_PROTOCOL", "ERR_LIMIT"))

    def test_one_byte_at_a_time(self):
        server = self.serve([page(1)])

        def slowly(name, body):
            message = name.encode() + b"\0" + body
            with contextlib.suppress(OSError):
                for one in struct.pack(">IB", len(message), True) + message:
                    server.sock.sendall(bytes([one]))

        server.send = slowly
        self.assertEqual(self.ask(f"open {server.address}")["status"], "OK")
        self.assertEqual(self.ask("discard")["nodes"], 2)


def shown(text):
    """As plim__probe_copy_text() shows it, in 255 bytes."""
    text = "".join("?" if ord(c) < 32 or ord(c) == 127 or 128 <= ord(c) < 160 else c for c in text)
    while len(text.encode()) > 255:
        text = text[:-1]
    return text


class Lists(unittest.TestCase):
    """What GLib reads as a list in normal form is one, with the same values; else it is none."""

    def read(self, lists):
        lines = "".join(f"{'l' if is_little else 'b'}{data.hex()}\n" for data, is_little in lists)
        done = subprocess.run([list_probe], input=lines, capture_output=True, text=True,
                              timeout=60, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def expected(self, data):
        value = GLib.Variant.new_from_bytes(GLib.VariantType(LIST), GLib.Bytes(data), False)
        if not value.is_normal_form():
            return None
        connection, pages = value.unpack()
        return [[f"/socket/{connection}/{target}/{kind}", shown(title), shown(url)]
                for target, kind, title, url, _ in pages
                if re.fullmatch("[A-Za-z]+", kind)
                and len(f"/socket/{connection}/{target}/{kind}") < 96]

    def test_random_lists_and_random_damage(self):
        dice = random.Random(2026)
        word = lambda most: "".join(dice.choice("ab é€\n") for _ in range(dice.randrange(most)))
        lists = []
        for _ in range(400):
            most = dice.choice((4, 40, 300, 9000))
            pages = [(dice.randrange(1 << dice.choice((3, 60))),
                      dice.choice(("WebPage", "JavaScript", "", "Web Page", "ServiceWorker")),
                      word(most), word(most), dice.random() < 0.5)
                     for _ in range(dice.randrange(6))]
            whole = variant((dice.randrange(1 << 40), pages))
            lists.append(whole)
            for _ in range(8):
                damaged = bytearray(whole)
                for _ in range(dice.choice((1, 1, 2, 5))):
                    tail = dice.random() < 0.7  # offsets are at the end
                    at = dice.randrange(max(0, len(damaged) - 24) if tail else 0, len(damaged))
                    damaged[at] = dice.choice((0, 1, 8, 255, damaged[at] ^ 1, dice.randrange(256)))
                lists.append(bytes(damaged[:dice.choice((None, None, None, -1, -8, 8, 12))]))
        ours = self.read([(data, True) for data in lists])
        normal = 0
        for data, rows in zip(lists, ours):
            wanted = self.expected(data)
            normal += wanted is not None
            if wanted is None and rows is not None:
                # GLib also wants UTF-8 of a string; here what is none is shown as question marks.
                self.assertFalse(is_utf8(data), data)
            else:
                self.assertEqual(rows, wanted, data)
        self.assertGreater(normal, 400)
        self.assertGreater(len(lists) - normal, 400)

    def test_the_other_byte_order(self):
        pages = [page(1 << 40, "title"), page(2, "x" * 300)]
        rows = self.read([(variant((7, pages), False), False), (variant((7, pages)), True)])
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(rows[0][0][0], f"/socket/7/{1 << 40}/WebPage")


def is_utf8(data):
    try:
        return bool(data.decode()) or True
    except UnicodeDecodeError:
        return False


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        print(Server([page(1)]).address, flush=True)
        sys.stdin.read()
        sys.exit(0)
    if VARIABLE not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, VARIABLE: "here"})
    list_probe = os.path.abspath(sys.argv.pop(2))
    probe = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

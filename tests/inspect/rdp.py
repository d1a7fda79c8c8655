#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays Firefox's debugger, and each of its hazards, to the target contract.

    rdp.py PROBE

A case gives answers by actor and type; what is not given is answered as a Firefox with one tab
does. Everything is on the wire as Firefox writes it; only the clock is ours."""

import contextlib
import gzip
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

probe_path = ""
MEMORY = "server1.conn0.child9/memoryActor6"
PAGE = "server1.conn0.child9/windowGlobalTarget2"
TAB = "server1.conn0.tabDescriptor8"
FILES = "server1.conn0.heapSnapshotFileActor4"
SNAPSHOT = (pathlib.Path(__file__).resolve().parents[1] / "corpus/rdp/timeline").read_bytes()[1:]
HELLO = {"from": "root", "applicationType": "browser", "testConnectionPrefix": "server1.conn0.",
         "traits": {}}


def packet(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b"%d:%s" % (len(body), body)


def bulk(actor, data):
    return b"bulk %s undefined %d:%s" % (actor.encode(), len(data), data)


def tab(number=9, title="planted", actor=TAB, **more):
    return {"actor": actor, "browserId": number, "title": title, "url": "http://a/", **more}


DEFAULTS = {
    ("root", "getRoot"): {"heapSnapshotFileActor": FILES, "deviceActor": "d", "from": "root"},
    ("d", "getDescription"): {"value": {"version": "153.7.0"}, "from": "d"},
    ("root", "listTabs"): {"tabs": [tab()], "from": "root"},
    (TAB, "getTarget"): {"frame": {"actor": PAGE, "memoryActor": MEMORY, "processID": 0,
                                   "title": "planted", "url": "http://a/"}, "from": TAB},
    (MEMORY, "attach"): {"type": "attached", "from": MEMORY},
    (MEMORY, "measure"): {"total": 9000, "domSize": 1, "styleSize": 2, "otherSize": 4,
                          "jsObjectsSize": 1000, "jsStringsSize": 50, "jsOtherSize": 7000,
                          "from": MEMORY},
    (MEMORY, "forceGarbageCollection"): {"from": MEMORY},
    (MEMORY, "forceCycleCollection"): {"from": MEMORY},
    (MEMORY, "saveHeapSnapshot"): {"snapshotId": "1811", "from": MEMORY},
    (FILES, "transferHeapSnapshot"): bulk(FILES, gzip.compress(SNAPSHOT)),
    (MEMORY, "startRecordingAllocations"): {"value": 1000.0, "from": MEMORY},
    (MEMORY, "stopRecordingAllocations"): {"value": 2000.0, "from": MEMORY},
    (MEMORY, "getAllocations"): {
        "allocations": [1, 1, 2], "allocationSizes": [8, 8, 24],
        "allocationsTimestamps": [1001.0, 1250.5, 1300.0], "from": MEMORY,
        "frames": [None, {"line": 1, "column": 2, "source": "http://a/", "parent": 0,
                          "functionDisplayName": "main"},
                   {"line": 3, "column": 4, "source": "http://a/", "parent": 1,
                    "functionDisplayName": "plant"}]},
}


class Firefox:
    """A server. Answers: bytes as they are, else JSON; a list one after another, the last one
    again and again; None: silence; a function: called with the server and the packet."""

    def __init__(self, answers=None, hello=None, path=None, bytewise=False):
        self.answers = {**DEFAULTS, **(answers or {})}
        self.turns = {}
        self.asked = []
        self.bytewise = bytewise
        self.hello = packet(HELLO) if hello is None else hello
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(path or ("127.0.0.1", 0))
        self.listener.listen()
        self.address = f"unix:{path}" if path else \
            f"rdp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.serve(self.listener.accept()[0])

    def say(self, data):
        data = data if isinstance(data, bytes) else packet(data)
        step = 1 if self.bytewise else len(data)
        for at in range(0, len(data), step):
            self.peer.sendall(data[at:at + step])

    def serve(self, peer):
        self.peer = peer
        if hasattr(socket, "TCP_NODELAY") and peer.family == socket.AF_INET:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.hello:
            self.say(self.hello)
        data = b""
        with contextlib.suppress(OSError), peer:
            while True:
                more = peer.recv(65536)
                if not more:
                    return
                data += more
                while b":" in data:
                    length, _, rest = data.partition(b":")
                    if not length.isdigit():
                        return  # as Firefox does
                    if len(rest) < int(length):
                        break
                    asked = json.loads(rest[:int(length)])
                    data = rest[int(length):]
                    self.asked.append(asked)
                    self.answer(asked)

    def answer(self, asked):
        key = (asked["to"], asked["type"])
        answer = self.answers.get(key, {"from": asked["to"], "error": "noSuchActor",
                                        "message": "No such actor"})
        if isinstance(answer, list):
            turn = self.turns.get(key, 0)
            self.turns[key] = turn + 1
            answer = answer[min(turn, len(answer) - 1)]
        if callable(answer):
            answer = answer(self, asked)
        if answer is not None:
            self.say(answer)


class Hazards(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def probe(self, *options):
        child = subprocess.Popen([probe_path, *options], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.stdin.close)
        self.child = child
        return child

    def ask(self, line, status="OK", what=None):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        value = json.loads(self.child.stdout.readline())
        self.assertEqual(value["status"], status, value)
        if what:
            self.assertRegex(value.get("what", "") + value.get("hint", ""), what)
        return value

    def open(self, server, *options, **more):
        self.probe(*(options or ("--connect-timeout", "2000", "--call-timeout", "1000")))
        return self.ask(f"open {server.address}", **more)

    def file(self, name="out"):
        return pathlib.Path(self.folder.name) / name

    def test_one_tab_is_taken_and_measured(self):
        server = Firefox()
        self.open(server)
        self.assertEqual(self.ask("usage")["used"], 1050)
        self.ask("collect")
        self.assertEqual([asked["type"] for asked in server.asked][-4:],
                         ["attach", "forceGarbageCollection", "forceCycleCollection",
                          "forceGarbageCollection"])

    def test_packets_come_byte_by_byte(self):
        self.open(Firefox(bytewise=True))
        self.assertEqual(self.ask("usage")["used"], 1050)
        self.ask(f"snapshot {self.file()}")
        self.assertEqual(gzip.decompress(self.file().read_bytes()), SNAPSHOT)

    def test_a_unix_socket_and_a_tab_behind_it(self):
        path = str(self.file("ff.sock"))
        server = Firefox(path=path)
        self.open(server)
        self.assertEqual(self.ask("usage")["used"], 1050)
        self.ask("close")
        self.ask(f"open unix:{path}/9")
        self.assertEqual(self.ask("identify")["address"], f"unix:{path}/9")
        self.ask("close")
        self.ask(f"open unix:{path}/8", "ERR_NOT_FOUND", "no tab or process 8")

    def test_the_list_of_tabs_is_empty_at_first(self):
        empty = {"tabs": [], "from": "root"}
        self.open(Firefox({("root", "listTabs"): [empty, empty, {"tabs": [tab()],
                                                                "from": "root"}]}))

    def test_several_tabs_are_listed_and_one_is_chosen_by_number(self):
        both = {"tabs": [tab(), tab(12, "other \ud800 one", "t2"),
                         tab(13, "asleep", "t3", isZombieTab=True)], "from": "root"}
        server = Firefox({("root", "listTabs"): both})
        self.open(server, status="ERR_USAGE", what=r"/9 \(planted\).*/12 \(other . one\)$")
        self.ask(f"open {server.address}/9")

    def test_a_target_is_called_what_its_user_sees(self):
        """The page's title, else the tab's, else where it leads; a process by its kind."""
        page = DEFAULTS[(TAB, "getTarget")]["frame"]
        for listed, titled, wanted in (("Shop", "Shop", "Shop"), ("New Tab", "", "New Tab"),
                                       ("", "", "http://listed/")):
            server = Firefox({
                ("root", "listTabs"): {"tabs": [tab(title=listed, url="http://listed/")],
                                       "from": "root"},
                (TAB, "getTarget"): {"frame": {**page, "title": titled}, "from": TAB}})
            self.open(server)
            self.assertEqual(self.ask("identify")["title"], wanted)

    def test_an_event_before_the_reply_is_no_reply(self):
        def measure(server, asked):
            server.say({"type": "frameUpdate", "frames": [], "from": MEMORY})
            server.say({"from": "root", "type": "tabListChanged"})
            return DEFAULTS[(MEMORY, "measure")]
        self.open(Firefox({(MEMORY, "measure"): measure}))
        self.assertEqual(self.ask("usage")["used"], 1050)

    def test_a_reply_nobody_asked_for_is_out_of_step(self):
        def measure(server, asked):
            server.say({"from": TAB, "value": 1})
            return DEFAULTS[(MEMORY, "measure")]
        self.open(Firefox({(MEMORY, "measure"): measure}))
        self.ask("usage", "ERR_PROTOCOL", "out of step")

    def test_a_late_reply_is_not_taken_for_the_next_one(self):
        def late(server, asked):
            time.sleep(1.5)
            return {**DEFAULTS[(MEMORY, "measure")], "jsObjectsSize": 1}
        self.open(Firefox({(MEMORY, "measure"): [late, DEFAULTS[(MEMORY, "measure")]]}))
        self.ask("usage", "ERR_TIMEOUT", "no answer within 1 s")
        time.sleep(1)
        self.assertEqual(self.ask("usage")["used"], 1050)

    def test_a_page_that_is_left_is_silent_and_its_tab_gives_the_next(self):
        def left(server, asked):
            server.answers[(TAB, "getTarget")] = {"frame": {
                "actor": "p2", "memoryActor": "m2", "processID": 0, "title": "next"}, "from": TAB}
            server.answers[("m2", "measure")] = {**DEFAULTS[(MEMORY, "measure")], "from": "m2",
                                                 "jsObjectsSize": 500}
            return {"type": "tabNavigated", "state": "start", "from": PAGE}
        self.open(Firefox({(MEMORY, "measure"): left}))
        self.assertEqual(self.ask("usage")["used"], 550)
        self.assertEqual(self.ask("identify")["title"], "next")

    def test_a_process_that_dies_ends_the_snapshot_at_once(self):
        def die(server, asked):
            return {"from": "root", "type": "forwardingCancelled", "prefix": "server1.conn0.child9"}
        self.open(Firefox({(MEMORY, "saveHeapSnapshot"): die}))
        begun = time.monotonic()
        self.ask(f"snapshot {self.file()}", "ERR_GONE", "has gone|was left")
        self.assertLess(time.monotonic() - begun, 5)

    def test_a_recording_does_not_outlive_its_page(self):
        server = Firefox()
        self.open(server)
        self.ask("track 1")
        server.say({"type": "tabNavigated", "state": "start", "from": PAGE})
        self.ask("poll 500", "ERR_GONE", "page was left while it was recorded")

    def test_error_replies(self):
        self.open(Firefox({
            (MEMORY, "measure"): {"from": MEMORY, "error": "unrecognizedPacketType",
                                  "message": "no measure"},
            (MEMORY, "saveHeapSnapshot"): {"from": MEMORY, "error": "Error",
                                           "message": "Wrong state\nstack: x"}}))
        self.ask("usage", "ERR_UNSUPPORTED", "no measure")

    def test_what_does_not_greet_as_firefox(self):
        for hello, what in ((b"5:hello", "cannot be read"), (b"HTTP/1.1 200 OK\r\n\r\n", "length"),
                            (packet({"from": "root"}), "does not greet"),
                            (b"99999999999:", "at most"), (b"0:", "length"),
                            (b"bulk a b 3:abc", "out of step|nothing asked")):
            server = Firefox(hello=hello)
            self.probe("--connect-timeout", "2000")
            status = "ERR_LIMIT" if what == "at most" else "ERR_PROTOCOL"
            with self.subTest(hello):
                self.ask(f"open {server.address}", status, what)

    def test_silence_where_a_greeting_is_due(self):
        self.open(Firefox(hello=b""), "--connect-timeout", "300", status="ERR_TIMEOUT",
                  what="nothing came")

    def test_a_snapshot_that_is_cut_or_damaged_is_told(self):
        whole = gzip.compress(SNAPSHOT)
        for data, status in ((whole[:-9], "ERR_TRUNCATED"), (gzip.compress(SNAPSHOT[:-3]),
                                                              "ERR_TRUNCATED"),
                             (gzip.compress(SNAPSHOT[:40] + b"\xff" * 30), "ERR_DAMAGED")):
            self.open(Firefox({(FILES, "transferHeapSnapshot"): bulk(FILES, data)}))
            value = self.ask(f"snapshot {self.file()}", status)
            self.assertNotIn("internal", value.get("what", ""))

    def test_a_connection_that_ends_in_the_middle_of_a_bulk_packet(self):
        def end(server, asked):
            server.say(b"bulk %s undefined 5000:abc" % FILES.encode())
            server.peer.shutdown(socket.SHUT_RDWR)
        self.open(Firefox({(FILES, "transferHeapSnapshot"): end}))
        self.ask(f"snapshot {self.file()}", "ERR_GONE", "middle of a packet")

    def test_a_snapshot_that_is_called_off_is_heard_out(self):
        def slow(server, asked):
            time.sleep(1.5)
            return DEFAULTS[(MEMORY, "saveHeapSnapshot")]
        server = Firefox({(MEMORY, "saveHeapSnapshot"): slow})
        self.open(server)
        self.child.stdin.write(f"snapshot {self.file()}\n")
        self.child.stdin.flush()
        time.sleep(0.5)
        os.kill(self.child.pid, signal.SIGINT)
        self.assertEqual(json.loads(self.child.stdout.readline())["status"], "ERR_INTERRUPTED")
        begun = time.monotonic()
        self.ask("close")
        self.assertGreater(time.monotonic() - begun, 0.3)

    def test_a_snapshot_id_that_is_a_path_is_refused(self):
        self.open(Firefox({(MEMORY, "saveHeapSnapshot"): {"snapshotId": "../../etc/passwd",
                                                          "from": MEMORY}}))
        self.ask(f"snapshot {self.file()}", "ERR_PROTOCOL", "names no snapshot")

    def test_samples_are_scaled_by_their_chance(self):
        server = Firefox()
        self.open(server)
        self.ask("sample 51200")
        asked = [one for one in server.asked if one["type"] == "startRecordingAllocations"][0]
        self.assertEqual(asked["options"]["probability"], 0.01)
        self.ask(f"sample-stop {self.file()}")
        value = json.loads(self.file().read_text(encoding="utf-8"))
        self.assertEqual(value["plimsoll"]["sizes"], "allocated")
        main = value["head"]["children"][0]
        self.assertEqual([main["callFrame"]["functionName"], main["selfSize"]], ["main", 1600])
        plant = main["children"][0]
        self.assertEqual([plant["callFrame"]["functionName"], plant["selfSize"],
                          plant["callFrame"]["lineNumber"]], ["plant", 2400, 2])

    def test_a_batch_that_lies_costs_the_recording_and_nothing_else(self):
        batch = {**DEFAULTS[(MEMORY, "getAllocations")], "allocations": [1, 1, 77]}
        self.open(Firefox({(MEMORY, "getAllocations"): batch}))
        self.ask("sample 51200")
        self.ask(f"sample-stop {self.file()}", "ERR_PROTOCOL", "frame that is not there")

    def test_a_timeline_has_stacks_and_what_is_new(self):
        self.open(Firefox())
        self.ask("track 1")
        self.ask(f"track-stop {self.file()}")
        value = json.loads(self.file().read_text(encoding="utf-8"))
        names = {value["strings"][at] for at in value["trace_function_infos"][1::6]}
        self.assertEqual(names, {"(root)", "main", "plant"})
        fields = value["snapshot"]["meta"]["node_fields"]
        traced = value["nodes"][fields.index("trace_node_id")::len(fields)]
        self.assertEqual(sum(1 for node in traced if node), 2)
        self.assertEqual(value["samples"][1::2], [1, 3])


if __name__ == "__main__":
    probe_path = sys.argv.pop(1)
    unittest.main(verbosity=1)

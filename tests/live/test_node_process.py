#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nodes of this machine: found, opened by id, refused where it would harm, left as they were."""
import os
import shutil
import signal
import socket
import threading
import time
import unittest
import urllib.request

import nodes
from nodes import NODE, Case, is_running, listening_ports, wait_for

SERVER = """
const server = require('http').createServer((request, reply) => reply.end('served'));
server.listen(0, '0.0.0.0', () => console.log(server.address().port));
"""
WORKER = """
const { Worker } = require('worker_threads');
new Worker('setInterval(() => 0, 1000)', { eval: true, name: 'clerk' })
    .on('online', () => console.log('ready'));
"""
IDLE = "setInterval(() => 0, 1000); console.log('ready');"
BUSY = "console.log('ready'); for (;;) ;"


class Listener:
    """A port that is nobody's inspector; remembers who connected."""

    def __init__(self, port=0):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.visits = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                self.visits.append(connection.recv(4096))
                connection.close()
        except OSError:
            pass

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


class Discovery(Case):
    def found(self, pid, probe=None):
        reply = (probe or self.probe()).ask("discover")
        self.assertStatus(reply, "OK")
        return [row for row in reply["found"] if row["pid"] == pid]

    def test_an_open_node_is_listed_with_its_version_and_address(self):
        process = self.node(IDLE, "--inspect=127.0.0.1:0")
        port = self.inspector_of(process)
        rows = self.found(process.pid)
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(rows[0]["runtime"], "node")
        self.assertTrue(rows[0]["version"].startswith(nodes.VERSION + "."), rows)
        self.assertEqual(rows[0]["address"], f"127.0.0.1:{port}")
        self.assertIn("app.js", rows[0]["title"])
        self.assertFalse(rows[0]["can_open"])

    def test_a_closed_node_is_listed_as_one_that_can_be_opened(self):
        process = self.node(SERVER)
        rows = self.found(process.pid)
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(rows[0]["address"], "")
        self.assertTrue(rows[0]["can_open"])
        self.assertIn("app.js", rows[0]["title"])

    def test_workers_are_listed_with_an_address_that_opens_them(self):
        process = self.node(WORKER, "--inspect=127.0.0.1:0")
        rows = self.found(process.pid, self.probe("--list-workers", "1"))
        self.assertEqual(len(rows), 2, rows)
        self.assertTrue(rows[1]["address"].endswith("#worker:1"), rows)
        self.assertIn("[worker 1]", rows[1]["title"])
        probe = self.probe()
        self.assertStatus(probe.ask("open " + rows[1]["address"]), "OK")
        self.assertEqual(probe.ask("evaluate require('worker_threads').threadId")["value"], 1)
        self.assertEqual(probe.ask("identify")["worker"], 1)

    def test_who_is_not_asked_for_workers_attaches_to_nobody(self):
        """A session that asks for workers ends another one's recording of stacks (node.md)."""
        process = self.node(WORKER, "--inspect=127.0.0.1:0")
        self.assertEqual(len(self.found(process.pid)), 1)
        self.assertNotIn("Debugger attached", process.said())
        self.assertEqual(len(self.found(process.pid, self.probe("--list-workers", "1"))), 2)
        wait_for("an attached debugger", lambda: "Debugger attached" in process.said())

    def test_an_inspector_on_ipv6_is_found_and_opened(self):
        process = self.node(IDLE, "--inspect=[::1]:0")
        rows = self.found(process.pid)
        self.assertEqual(len(rows), 1, rows)
        self.assertTrue(rows[0]["address"].startswith("[::1]:"), rows)
        probe = self.probe()
        self.assertStatus(probe.ask("open " + rows[0]["address"]), "OK")
        self.assertEqual(probe.ask("identify")["pid"], process.pid)

    def test_nothing_is_sent_to_ports_that_are_no_runtimes(self):
        listener = Listener()
        self.addCleanup(listener.end)
        server = self.node("""
            const net = require('net');
            const server = net.createServer(() => console.log('somebody came'));
            server.listen(0, '0.0.0.0', () => console.log('ready'));
        """)  # closed: no answer of an inspector's ends the search
        self.assertEqual(len(self.found(server.pid)), 1)
        time.sleep(0.2)
        self.assertEqual(listener.visits, [])
        os.set_blocking(server.child.stdout.fileno(), False)
        self.assertIn(server.child.stdout.read(), (None, b""))

    def test_stopped_nodes_cost_their_rows_not_the_time(self):
        stopped = [self.node(IDLE, "--inspect=127.0.0.1:0", name=f"stopped{i}.js")
                   for i in range(6)]
        other = self.node(IDLE, "--inspect=127.0.0.1:0")
        self.inspector_of(other)
        for process in stopped:
            os.kill(process.pid, signal.SIGSTOP)
        probe = self.probe()
        begun = time.monotonic()
        reply = probe.ask("discover")
        took = time.monotonic() - begun
        self.assertLess(took, 3.0)  # one after the other: 6 times 0.2 s and more, on any machine
        for process in stopped:
            rows = [row for row in reply["found"] if row["pid"] == process.pid]
            self.assertEqual([(row["address"], row["can_open"]) for row in rows], [("", False)])
            os.kill(process.pid, signal.SIGCONT)
        self.assertTrue([row for row in reply["found"] if row["pid"] == other.pid])

    def test_processes_that_come_and_go_are_no_error(self):
        is_over = threading.Event()

        def churn():
            while not is_over.is_set():
                os.system(f"{NODE} -e 0")

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            probe = self.probe()
            for _ in range(8):
                self.assertStatus(probe.ask("discover"), "OK")
        finally:
            is_over.set()
            thread.join()


class OpeningByPid(Case):
    def served(self, process):
        port = int(process.first_line)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as reply:
            return reply.read()

    def test_a_closed_one_is_not_opened_unasked(self):
        process = self.node(SERVER, "--inspect-port=0")
        before = listening_ports(process.pid)
        reply = self.probe().ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_UNREACHABLE")
        self.assertIn("--open-inspector", reply["hint"])
        self.assertEqual(listening_ports(process.pid), before)
        self.assertEqual(process.said(), "")

    def test_it_is_opened_used_and_closed_again_and_serves_on(self):
        process = self.node(SERVER, "--inspect-port=0")
        before = listening_ports(process.pid)
        probe = self.probe("--open-inspector", "1")
        for _ in range(3):
            self.assertStatus(probe.ask(f"open pid:{process.pid}"), "OK")
            self.assertEqual(len(listening_ports(process.pid) - before), 1)
            self.assertEqual(probe.ask("identify")["pid"], process.pid)
            self.assertEqual(probe.ask("evaluate process.pid")["value"], process.pid)
            self.assertStatus(probe.ask("collect"), "OK")
            self.assertEqual(self.served(process), b"served")
            self.assertStatus(probe.ask("close"), "OK")
            self.assertEqual(listening_ports(process.pid), before)
            self.assertEqual(self.served(process), b"served")
        self.assertIsNone(process.child.poll())

    def test_it_is_closed_after_work_in_a_worker_and_with_a_trace_running(self):
        process = self.node(WORKER, "--inspect-port=0")
        probe = self.probe("--open-inspector", "1")
        self.assertStatus(probe.ask(f"open pid:{process.pid}#worker:1"), "OK")
        self.assertStatus(probe.ask("sample 1024"), "OK")
        self.assertStatus(probe.ask("close"), "OK")
        self.assertEqual(listening_ports(process.pid), set())
        self.assertStatus(probe.ask(f"open pid:{process.pid}"), "OK")
        self.assertStatus(probe.ask("gc-start"), "OK")
        self.assertStatus(probe.ask("close"), "OK")
        self.assertEqual(listening_ports(process.pid), set())
        self.assertIsNone(process.child.poll())

    def test_a_failed_opening_closes_it_again(self):
        process = self.node(IDLE, "--inspect-port=0")
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}#worker:9")
        self.assertStatus(reply, "ERR_NOT_FOUND")
        self.assertEqual(listening_ports(process.pid), set())
        self.assertIsNone(process.child.poll())

    def test_it_is_left_open_where_that_is_asked_for(self):
        process = self.node(IDLE, "--inspect-port=0")
        probe = self.probe("--open-inspector", "1", "--keep-open", "1")
        self.assertStatus(probe.ask(f"open pid:{process.pid}"), "OK")
        self.assertStatus(probe.ask("close"), "OK")
        self.assertEqual(len(listening_ports(process.pid)), 1)

    def test_one_that_was_open_before_stays_open(self):
        process = self.node(IDLE, "--inspect=127.0.0.1:0")
        port = self.inspector_of(process)
        probe = self.probe("--open-inspector", "1")
        self.assertStatus(probe.ask(f"open pid:{process.pid}"), "OK")
        self.assertEqual(probe.ask("identify")["address"], f"127.0.0.1:{port}")
        self.assertStatus(probe.ask("close"), "OK")
        self.assertEqual(listening_ports(process.pid), {port})

    def test_a_busy_loop_does_not_keep_it_closed(self):
        process = self.node(BUSY, "--inspect-port=0")
        probe = self.probe("--open-inspector", "1")
        self.assertStatus(probe.ask(f"open pid:{process.pid}"), "OK")
        self.assertGreater(probe.ask("usage")["used"], 0)
        self.assertStatus(probe.ask("close"), "OK")
        self.assertEqual(listening_ports(process.pid), set())
        self.assertTrue(is_running(process.pid))

    def test_the_usual_port_is_taken_or_whoever_has_it_is_named(self):
        process = self.node(IDLE)
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        if reply["status"] == "OK":  # nobody else on this machine had it
            return
        self.assertStatus(reply, "ERR_UNREACHABLE")
        self.assertIn("9229", reply["what"])

    def test_a_port_held_by_another_process_is_told_and_no_signal_sent(self):
        listener = Listener()
        self.addCleanup(listener.end)
        process = self.node(IDLE, f"--inspect-port=127.0.0.1:{listener.port}")
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_UNREACHABLE")
        self.assertIn(f"process {os.getpid()} (python", reply["what"])
        self.assertIn(str(listener.port), reply["what"])
        self.assertEqual(process.said(), "")
        self.assertEqual(listener.visits, [])
        self.assertIsNone(process.child.poll())

    def test_a_port_held_by_another_nodes_inspector_is_not_taken_for_ours(self):
        other = self.node(IDLE, "--inspect=127.0.0.1:0", name="other.js")
        port = self.inspector_of(other)
        process = self.node(IDLE, f"--inspect-port={port}")
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_UNREACHABLE")
        self.assertIn(f"process {other.pid} (node)", reply["what"])
        self.assertEqual(process.said(), "")

    def test_a_port_told_by_the_environment_is_known(self):
        listener = Listener()
        self.addCleanup(listener.end)
        environment = dict(os.environ, NODE_OPTIONS=f"--no-warnings --inspect-port={listener.port}")
        process = self.node(IDLE, env=environment)
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_UNREACHABLE")
        self.assertIn(str(listener.port), reply["what"])

    def test_programs_that_the_signal_would_kill_are_refused_and_live(self):
        disguise = os.path.join(self.folder, "node")  # not Node, whatever it is called
        shutil.copy(shutil.which("sleep"), disguise)
        for argv in (["sleep", "60"], ["python3", "-c", "import time; time.sleep(60)"],
                     [disguise, "60"]):
            process = self.start(argv, ready=False)
            wait_for("the program", lambda: b"60" in open(f"/proc/{process.pid}/cmdline", "rb")
                     .read())
            reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
            self.assertStatus(reply, "ERR_REFUSED")
            self.assertIn("kill it", reply["what"])
            time.sleep(0.2)
            self.assertIsNone(process.child.poll(), argv)
            expected = "ERR_UNREACHABLE" if argv[0] == disguise else "ERR_UNSUPPORTED"
            self.assertStatus(self.probe().ask(f"open pid:{process.pid}"), expected)
        rows = self.probe().ask("discover")["found"]
        self.assertEqual([row["can_open"] for row in rows if row["pid"] == process.pid], [False])

    @unittest.skipIf(nodes.VERSION == "20", "Node 20 has no --disable-sigusr1")
    def test_a_node_that_gave_the_signal_up_is_refused_and_lives(self):
        process = self.node(IDLE, "--disable-sigusr1")
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_REFUSED")
        time.sleep(0.2)
        self.assertIsNone(process.child.poll())

    def test_a_stopped_one_is_told_from_one_that_is_closed(self):
        process = self.node(IDLE, "--inspect-port=0")
        os.kill(process.pid, signal.SIGSTOP)
        wait_for("the stop", lambda: nodes.state_of(process.pid) == "T")
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_REFUSED")
        self.assertIn("stopped", reply["what"])
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.2)
        self.assertEqual(process.said(), "")  # no signal was left pending

    def test_there_is_no_such_process(self):
        process = self.start(["true"], ready=False)
        process.child.wait()
        reply = self.probe("--open-inspector", "1").ask(f"open pid:{process.pid}")
        self.assertStatus(reply, "ERR_NOT_FOUND")
        self.assertStatus(self.probe().ask("open pid:2147483647"), "ERR_NOT_FOUND")


class ProcessMemory(Case):
    def test_a_port_of_this_machine_leads_to_its_process_and_its_memory(self):
        process = self.node("globalThis.held = Buffer.alloc(64 << 20, 1);" + IDLE,
                            "--inspect=127.0.0.1:0")
        probe = self.probe()
        self.assertStatus(probe.ask(f"open 127.0.0.1:{self.inspector_of(process)}"), "OK")
        self.assertEqual(probe.ask("identify")["pid"], process.pid)
        usage = probe.ask("usage")
        rss = nodes.status_kb(process.pid, "VmRSS") * 1024
        self.assertGreater(usage["rss"], 64 << 20)
        self.assertAlmostEqual(usage["rss"], rss, delta=rss // 4)
        self.assertGreaterEqual(usage["peak"], usage["rss"])

    def test_the_end_of_a_tunnel_is_not_taken_for_the_process(self):
        process = self.node(IDLE, "--inspect=127.0.0.1:0")
        target = self.inspector_of(process)
        tunnel = socket.socket()
        tunnel.bind(("127.0.0.1", 0))
        tunnel.listen()
        self.addCleanup(tunnel.close)

        def pump(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
            except OSError:
                pass
            finally:
                try:
                    sink.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

        def serve():
            try:
                while True:
                    near, _ = tunnel.accept()
                    far = socket.create_connection(("127.0.0.1", target))
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=pump, args=pair, daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        probe = self.probe()
        self.assertStatus(probe.ask(f"open 127.0.0.1:{tunnel.getsockname()[1]}"), "OK")
        self.assertEqual(probe.ask("identify")["pid"], -1)
        usage = probe.ask("usage")
        self.assertGreater(usage["used"], 0)
        self.assertIsNone(usage["rss"])
        estimate = probe.ask("estimate")
        self.assertIsNone(estimate["available"])
        self.assertTrue(estimate["safe"])


if __name__ == "__main__":
    nodes.main()

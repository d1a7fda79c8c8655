#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nodes that we start: their inspector open, their output whole, their end certain."""
import os
import signal
import time

import nodes
from nodes import NODE, Case, is_running, listening_ports, wait_for

IDLE = "setInterval(() => 0, 1000);"


class Launch(Case):
    def launch(self, target, *argv):
        reply = target.ask("launch " + "\t".join(argv))
        if "pid" in reply:  # where the library fails to end it, the test does
            self.addCleanup(self.kill_group, reply["pid"])
        return reply

    @staticmethod
    def kill_group(pid):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def begin(self, program, *arguments, probe_options=()):
        """Launches node on a program; gives the probe and its reply."""
        path = self.write("app.js", program)
        target = self.probe(*probe_options)
        reply = self.launch(target, NODE, path, *arguments)
        self.assertStatus(reply, "OK")
        return target, reply

    def said(self, target, text):
        return wait_for(repr(text), lambda: text in target.said() and target.said())

    def test_its_inspector_is_its_own_and_opens(self):
        target, reply = self.begin(IDLE, "one", "two words")
        port = int(reply["address"].rsplit(":", 1)[1])
        self.assertEqual(listening_ports(reply["pid"]), {port})
        self.assertStatus(target.ask("open " + reply["address"]), "OK")
        self.assertEqual(target.ask("identify")["pid"], reply["pid"])
        arguments = target.ask("evaluate process.argv.slice(2)")["value"]
        self.assertEqual(arguments, ["one", "two words"])
        self.assertStatus(target.ask("launch-end"), "OK")
        self.assertFalse(is_running(reply["pid"]))

    def test_its_output_passes_and_the_inspectors_lines_do_not(self):
        target, reply = self.begin("""
            process.stdout.write('to standard output\\n');
            process.stderr.write('Debugger attached. Not.\\nto standard ');
            setTimeout(() => process.stderr.write('error\\nno line end'), 100);
        """ + IDLE)
        text = self.said(target, "no line end")  # at once, though the line goes on
        self.assertStatus(target.ask("open " + reply["address"]), "OK")
        self.assertStatus(target.ask("launch-end"), "OK")
        text = target.said()
        self.assertIn("to standard output\n", text)
        self.assertIn("Debugger attached. Not.\nto standard error\nno line end", text)
        for line in ("Debugger listening", "For help", "Debugger attached.\n", "Waiting for"):
            self.assertNotIn(line, text)
        self.assertEqual(target.buffer, b"")  # nothing of it on our standard output

    def test_a_flood_of_output_is_neither_lost_nor_a_block(self):
        target, reply = self.begin("""
            const line = 'x'.repeat(99) + '\\n';
            for (let i = 0; i < 200; i++) process.stderr.write(line.repeat(1000));
            process.stderr.write('end of the flood\\n');
            globalThis.isDone = true;
        """ + IDLE)
        text = self.said(target, "end of the flood")
        self.assertEqual(text.count("x" * 99 + "\n"), 200000)

    def test_what_it_says_last_is_not_lost(self):
        target, reply = self.begin("""
            process.on('SIGTERM', () => {
                process.stderr.write('y'.repeat(50000) + ' last words', () => process.exit(0));
            });
            process.stderr.write('ready');
        """ + IDLE)
        self.said(target, "ready")
        self.assertStatus(target.ask("launch-end"), "OK")
        self.assertIn("y last words", target.said())

    def test_the_end_takes_all_it_started_and_what_ignores_the_first_signal(self):
        target, reply = self.begin("""
            const { spawn } = require('child_process');
            process.on('SIGTERM', () => 0);
            const child = spawn('sleep', ['60']);
            process.stderr.write(`child ${child.pid}\\n`);
        """ + IDLE)
        child = int(self.said(target, "child ").split("child ")[1].split()[0])
        self.assertTrue(is_running(child))
        begun = time.monotonic()
        self.assertStatus(target.ask("launch-end"), "OK")
        self.assertGreater(time.monotonic() - begun, 1.8)
        self.assertFalse(is_running(reply["pid"]))
        self.assertFalse(is_running(child))

    def test_one_that_left_the_group_does_not_hold_us_up(self):
        target, reply = self.begin("""
            const { spawn } = require('child_process');
            const child = spawn('sleep', ['60'], { detached: true, stdio: 'inherit' });
            process.stderr.write(`child ${child.pid}\\n`);
        """ + IDLE)
        child = int(self.said(target, "child ").split("child ")[1].split()[0])
        begun = time.monotonic()
        self.assertStatus(target.ask("launch-end"), "OK")
        self.assertLess(time.monotonic() - begun, 10)
        os.kill(child, signal.SIGKILL)

    def test_it_dies_with_us(self):
        target, reply = self.begin("process.on('SIGTERM', () => 0);" + IDLE)
        target.child.kill()
        target.child.wait()
        wait_for("its end", lambda: not is_running(reply["pid"]))

    def test_a_signal_meant_for_us_does_not_reach_it(self):
        target, reply = self.begin(IDLE)
        self.assertEqual(os.getpgid(reply["pid"]), reply["pid"])
        self.assertEqual(os.getsid(reply["pid"]), reply["pid"])

    def test_one_that_ends_at_once_is_told_with_its_code_and_words(self):
        target = self.probe()
        reply = self.launch(target, NODE, "--no-such-option")
        self.assertStatus(reply, "ERR_GONE")
        self.assertIn("exit code 9", reply["what"])
        self.assertIn("no-such-option", target.said())
        self.assertStatus(self.launch(target, NODE, "-e", "0"), "OK")  # opened, then ended
        self.assertStatus(target.ask("launch-end"), "OK")

    def test_a_script_that_names_node_is_run_by_it(self):
        script = self.write("tool", "#!/usr/bin/env node\n" + IDLE, 0o700)
        exact = self.write("exact", f"#!{NODE} --no-warnings\n" + IDLE, 0o700)
        path = os.path.dirname(NODE) + ":" + os.environ["PATH"]
        environment = os.environ.get("PATH")
        os.environ["PATH"] = path
        self.addCleanup(os.environ.__setitem__, "PATH", environment)
        for program in (script, exact):
            target = self.probe()
            reply = self.launch(target, program, "-v", "b c")
            self.assertStatus(reply, "OK")
            self.assertStatus(target.ask("open " + reply["address"]), "OK")
            self.assertEqual(target.ask("identify")["pid"], reply["pid"])
            self.assertEqual(target.ask("evaluate process.argv.slice(1)")["value"],
                             [program, "-v", "b c"])

    def test_a_link_to_node_is_node(self):
        link = os.path.join(self.folder, "js")
        os.symlink(NODE, link)
        target = self.probe()
        self.assertStatus(self.launch(target, link, self.write("app.js", IDLE)), "OK")

    def test_an_option_of_the_users_own_wins(self):
        port = nodes.free_port()
        path = self.write("app.js", IDLE)
        target = self.probe()
        reply = self.launch(target, NODE, f"--inspect=127.0.0.1:{port}", path)
        self.assertStatus(reply, "OK")
        self.assertEqual(reply["address"], f"127.0.0.1:{port}")

    def test_what_cannot_be_started_so_is_refused_with_the_way_out(self):
        npm = self.write("npm", "#!/usr/bin/env node\n", 0o700)
        shell = self.write("run", "#!/bin/sh\nnode app.js\n", 0o700)
        plain = self.write("plain", "no program")
        target = self.probe()
        for argv, status, hint in (
                (["no-such-program"], "ERR_NOT_FOUND", "--"),
                ([plain], "ERR_ACCESS", "--"),
                (["sleep", "1"], "ERR_UNSUPPORTED", "node --inspect"),
                ([shell], "ERR_UNSUPPORTED", "node --inspect"),
                ([npm, "start"], "ERR_UNSUPPORTED", "node --inspect"),
                ([NODE, "--inspect-brk", "app.js"], "ERR_USAGE", "--inspect-brk")):
            reply = self.launch(target, *argv)
            self.assertStatus(reply, status)
            self.assertIn(hint, reply["hint"])

    def test_one_that_never_opens_its_inspector_is_ended(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)  # read before the inspector opens, and never written
        target = self.probe("--connect-timeout", "700")
        begun = time.monotonic()
        reply = self.launch(target, NODE, f"--env-file={fifo}", "-e", "0")
        self.assertStatus(reply, "ERR_TIMEOUT")
        self.assertLess(time.monotonic() - begun, 10)
        left = [pid for pid in os.listdir("/proc")
                if pid.isdigit() and is_running(pid) and fifo.encode() in self.command(pid)]
        self.assertEqual(left, [])

    @staticmethod
    def command(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read()
        except OSError:
            return b""


if __name__ == "__main__":
    nodes.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Jupyter kernel for C: an adapter between Jupyter's messages and the protocol of
`plim repl --listen` (docs/internals/repl-protocol.md). It holds no state of its own: what was
entered is in the session, which outlives whatever it runs.

    plim-jupyter.py -f CONNECTION_FILE [--plim PLIM]

Needs python3-jupyter-client (signing and serialising of messages) and python3-zmq.
"""
import argparse
import collections
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import zmq
from jupyter_client.session import Session

PROTOCOL = "5.3"
LINE_BYTES_MAX = 64 << 20


class Plim:
    """A session of plim's, over a Unix socket in a folder of our own."""

    def __init__(self, plim):
        self.folder = tempfile.mkdtemp(prefix="plim-jupyter-")
        path = os.path.join(self.folder, "session")
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([plim, "repl", "--listen", f"unix:{path}"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if not self.process.stdout.readline():
            raise SystemExit(f"plim-jupyter: {plim} repl does not start")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.rest = b""
        self.lines = collections.deque()
        self.session = None
        self.count = 0
        self.session = self.ask("open")["session"]

    def send(self, op, **members):
        self.count += 1
        line = {"id": self.count, "op": op, **members}
        if self.session is not None:
            line["session"] = self.session
        self.socket.sendall(json.dumps(line).encode() + b"\n")
        return self.count

    def read(self):
        """Takes what has come; False once plim is gone."""
        piece = self.socket.recv(1 << 16)
        self.rest += piece
        if len(self.rest) > LINE_BYTES_MAX:
            return False
        *lines, self.rest = self.rest.split(b"\n")
        self.lines.extend(json.loads(line) for line in lines)
        return bool(piece)

    def ask(self, op, **members):
        """A request whose answer comes soon."""
        number = self.send(op, **members)
        while True:
            while self.lines:
                line = self.lines.popleft()
                if line.get("id") == number and line["status"] != "output":
                    return line
            if not self.read():
                raise SystemExit("plim-jupyter: the session is gone")

    def close(self):
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Kernel:
    """The five sockets of a kernel, and what is said on them."""

    def __init__(self, connection, plim):
        self.plim = plim
        self.wire = Session(key=connection["key"].encode(),
                            signature_scheme=connection["signature_scheme"])
        self.context = zmq.Context()
        self.where = f"{connection['transport']}://{connection['ip']}:"
        self.shell = self.bind(zmq.ROUTER, connection["shell_port"])
        self.control = self.bind(zmq.ROUTER, connection["control_port"])
        self.stdin = self.bind(zmq.ROUTER, connection["stdin_port"])
        self.iopub = self.bind(zmq.PUB, connection["iopub_port"])
        self.heart = self.bind(zmq.REP, connection["hb_port"])
        threading.Thread(target=self.beat, daemon=True).start()
        self.executions = 0
        self.running = None  # (identities, request, id of ours)
        self.goes_on = True

    def bind(self, kind, port):
        made = self.context.socket(kind)
        made.linger = 1000
        made.bind(self.where + str(port))
        return made

    def beat(self):
        try:
            zmq.proxy(self.heart, self.heart)
        except zmq.ZMQError:
            pass  # the context has ended

    def publish(self, kind, content, parent):
        self.wire.send(self.iopub, kind, content, parent=parent, ident=kind.encode())

    def status(self, state, parent):
        self.publish("status", {"execution_state": state}, parent)

    def reply(self, stream, kind, content, parent, identities):
        self.wire.send(stream, kind, content, parent=parent, ident=identities)

    # --- requests ------------------------------------------------------------------------------

    def kernel_info(self, _content):
        version = self.plim.ask("describe")["version"]
        return {"status": "ok", "protocol_version": PROTOCOL, "implementation": "plimsoll",
                "implementation_version": version,
                "language_info": {"name": "c", "version": "17", "mimetype": "text/x-csrc",
                                  "file_extension": ".c", "codemirror_mode": "clike",
                                  "pygments_lexer": "c"},
                "banner": "C that keeps its variables, whatever crashes", "help_links": []}

    def complete(self, content):
        code, cursor = content["code"], content["cursor_pos"]
        line = self.plim.ask("complete", code=code, cursor=len(code[:cursor].encode()))
        if line["status"] != "ok":
            return {"status": "ok", "matches": [], "cursor_start": cursor, "cursor_end": cursor,
                    "metadata": {}}
        start = len(code.encode()[:line["from"]].decode(errors="ignore"))
        return {"status": "ok", "matches": [one["text"] for one in line["candidates"]],
                "cursor_start": start, "cursor_end": cursor, "metadata": {}}

    def is_complete(self, content):
        line = self.plim.ask("is_complete", code=content["code"])
        return {"status": "complete" if line.get("complete") else "incomplete", "indent": "    "}

    def inspect(self, content):
        code, cursor = content["code"], content["cursor_pos"]
        start = end = cursor
        while start > 0 and (code[start - 1].isalnum() or code[start - 1] == "_"):
            start -= 1
        while end < len(code) and (code[end].isalnum() or code[end] == "_"):
            end += 1
        found = [one for one in self.plim.ask("vars").get("names", [])
                 if one["name"] == code[start:end]]
        text = "\n".join(f"{one['kind']} {one['name']}: {one['type']}" for one in found)
        return {"status": "ok", "found": bool(found),
                "data": {"text/plain": text} if found else {}, "metadata": {}}

    def answer_now(self, stream, identities, message):
        """Requests that are answered at once; False: not one of them."""
        answers = {"kernel_info_request": self.kernel_info,
                   "complete_request": self.complete, "is_complete_request": self.is_complete,
                   "inspect_request": self.inspect,
                   "history_request": lambda _: {"status": "ok", "history": []},
                   "comm_info_request": lambda _: {"status": "ok", "comms": {}}}
        kind = message["header"]["msg_type"]
        if kind not in answers:
            return False
        self.reply(stream, kind.replace("request", "reply"), answers[kind](message["content"]),
                   message, identities)
        return True

    def take_shell(self):
        identities, message = self.wire.recv(self.shell, mode=0)
        kind = message["header"]["msg_type"]
        self.status("busy", message)
        if kind == "execute_request":
            self.execute(identities, message)
            return
        if kind == "shutdown_request":
            self.shut_down(self.shell, identities, message)
        else:
            self.answer_now(self.shell, identities, message)
        self.status("idle", message)

    def take_control(self):
        identities, message = self.wire.recv(self.control, mode=0)
        kind = message["header"]["msg_type"]
        self.status("busy", message)
        if kind == "interrupt_request":
            if self.running is not None:
                self.plim.send("interrupt")
            self.reply(self.control, "interrupt_reply", {"status": "ok"}, message, identities)
        elif kind == "shutdown_request":
            self.shut_down(self.control, identities, message)
        elif self.running is None:
            self.answer_now(self.control, identities, message)
        self.status("idle", message)

    def shut_down(self, stream, identities, message):
        content = {"status": "ok", "restart": message["content"].get("restart", False)}
        self.publish("shutdown_reply", content, message)
        self.reply(stream, "shutdown_reply", content, message, identities)
        self.goes_on = False

    # --- an entry ------------------------------------------------------------------------------

    def execute(self, identities, message):
        content = message["content"]
        if not content.get("silent"):
            self.executions += 1
        self.publish("execute_input", {"code": content["code"],
                                       "execution_count": self.executions}, message)
        if not content["code"].strip():
            self.finish({"status": "ok", "end": "ok"}, identities, message)
            return
        self.running = (identities, message, self.plim.send("eval", code=content["code"]))

    def take_plim(self):
        if not self.plim.read():
            self.goes_on = False
        while self.plim.lines:
            line = self.plim.lines.popleft()
            if self.running is None or line.get("id") != self.running[2]:
                continue
            identities, message, _ = self.running
            if line["status"] == "output":
                self.publish("stream", {"name": line["stream"], "text": line["text"]}, message)
            else:
                self.running = None
                self.finish(line, identities, message)

    def finish(self, line, identities, message):
        content = {"status": "ok", "execution_count": self.executions, "payload": [],
                   "user_expressions": {}}
        if line.get("diagnostics") and line.get("end") == "ok":
            self.publish("stream", {"name": "stderr", "text": line["diagnostics"]}, message)
        for lost in line.get("lost", []):
            self.publish("stream", {"name": "stderr", "text": f"lost: {lost}\n"}, message)
        if line["status"] != "ok" or line["end"] != "ok":
            content = {**error_of(line), "execution_count": self.executions}
            self.publish("error", {name: content[name]
                                   for name in ("ename", "evalue", "traceback")}, message)
        elif line.get("value") is not None and not message["content"].get("silent"):
            text = f"({line['type']}) {line['value']}"
            self.publish("execute_result", {"execution_count": self.executions,
                                            "data": {"text/plain": text}, "metadata": {}},
                         message)
        self.reply(self.shell, "execute_reply", content, message, identities)
        self.status("idle", message)

    def run(self):
        self.status("starting", {})
        while self.goes_on:
            poller = zmq.Poller()
            poller.register(self.control, zmq.POLLIN)
            poller.register(self.plim.socket, zmq.POLLIN)
            if self.running is None:
                poller.register(self.shell, zmq.POLLIN)
            ready = dict(poller.poll())
            if self.plim.socket.fileno() in ready:
                self.take_plim()
            if self.control in ready:
                self.take_control()
            if self.shell in ready and self.running is None:
                self.take_shell()


def error_of(line):
    """What an entry that failed is called, says, and where it was."""
    if line["status"] != "ok":
        what = line["error"]["what"]
        return {"status": "error", "ename": line["error"]["name"], "evalue": what,
                "traceback": [what]}
    rows = line["diagnostics"].rstrip("\n").split("\n") if line["diagnostics"] else []
    if line["explanation"]:
        rows.append(line["explanation"])
    for number, frame in enumerate(line["frames"]):
        place = f" at {frame['file']}:{frame['line']}:{frame['column']}" if frame["line"] else ""
        rows.append(f"  #{number} {frame['function'] or frame['address']}{place}")
        if frame["source"] and frame["column"]:
            rows.append("     " + frame["source"])
            rows.append("     " + " " * (frame["column"] - 1) + "^")
    said = line["explanation"] or (rows[0] if rows else line["end"])
    return {"status": "error", "ename": line["end"], "evalue": said, "traceback": rows}


def main():
    reader = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    reader.add_argument("-f", "--connection", required=True)
    reader.add_argument("--plim", default=os.environ.get("PLIM", "plim"))
    words = reader.parse_args()
    with open(words.connection, encoding="utf-8") as file:
        connection = json.load(file)
    plim = Plim(words.plim)
    try:
        Kernel(connection, plim).run()
    finally:
        plim.close()


if __name__ == "__main__":
    sys.exit(main())

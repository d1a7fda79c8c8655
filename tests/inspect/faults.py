#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails every allocation of a whole visit to a target in turn: an error each time, nothing leaked.

    faults.py PROBE
"""
import json
import subprocess
import sys
import threading

import proto

COMMANDS = ("open {address}", "usage", "identify", "estimate", "collect", "sample 0",
            "sample-stop /dev/null", "track 1", "poll 5", "track-stop /dev/null", "evaluate 1",
            "discard", "reconnect 200", "usage", "close")
# What may follow from a refused allocation: itself, a connection that it cost, a step left out.
ALLOWED = {"OK", "ERR_NO_MEMORY", "ERR_GONE", "ERR_USAGE", "ERR_UNREACHABLE"}
RUNS_MAX = 2000


def reply(server, sock, method):
    send = sock.sendall
    if method in ("HeapProfiler.takeHeapSnapshot", "HeapProfiler.stopTrackingHeapObjects"):
        text = proto.document()
        for at in range(0, len(text), 500):
            event = {"method": "HeapProfiler.addHeapSnapshotChunk",
                     "params": {"chunk": text[at:at + 500]}}
            send(server.frame(1, json.dumps(event).encode()))
    if method == "HeapProfiler.startTrackingHeapObjects":
        event = {"method": "HeapProfiler.heapStatsUpdate", "params": {"statsUpdate": [0, 1, 2]}}
        send(server.frame(1, json.dumps(event).encode()))
    return {"Runtime.getHeapUsage": {"usedSize": 1, "totalSize": 2},
            "HeapProfiler.stopSampling": {"profile": {"head": {}, "samples": []}},
            "Runtime.evaluate": {"result": {"value": 1}}}.get(method, {})


def converse(server):
    """Answers whatever connects, until it goes."""
    while True:
        server.sock, server.buffer = None, b""
        server.sock = sock = server.sockets.get()
        sock.settimeout(proto.DEADLINE_S)
        try:
            while True:
                opcode, data = server.receive()
                if opcode != 1:
                    break
                call = json.loads(data)
                result = reply(server, sock, call["method"])
                sock.sendall(server.frame(1, json.dumps({"id": call["id"],
                                                         "result": result}).encode()))
        except (OSError, proto.Mismatch):
            pass
        sock.close()


def main():
    server = proto.Server()
    threading.Thread(target=converse, args=(server,), daemon=True).start()
    script = "\n".join(COMMANDS).replace("{address}", f"127.0.0.1:{server.port}") + "\n"
    for number in range(1, RUNS_MAX):
        run = subprocess.run([sys.argv[1], "--fail-at", str(number)], input=script, text=True,
                             stdout=subprocess.PIPE, timeout=proto.DEADLINE_S)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        said = [line.get("status") for line in lines[:-1]]
        memory = lines[-1] if lines else {}
        if run.returncode != 0 or len(said) != len(COMMANDS) or memory.get("live") != 0:
            sys.exit(f"allocation {number}: ended with {run.returncode}, {memory}, {said}")
        if not set(said) <= ALLOWED:
            sys.exit(f"allocation {number}: {lines}")
        if memory["refused"] == 0:
            if set(said) != {"OK"}:
                sys.exit(f"without a fault: {lines}")
            print(f"{number - 1} allocations failed in turn")
            return
        if "ERR_NO_MEMORY" not in said and said[-3] != "OK":
            sys.exit(f"allocation {number}: nothing says that memory was refused: {lines}")
    sys.exit("it never ends")


if __name__ == "__main__":
    main()

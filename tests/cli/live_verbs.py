# SPDX-License-Identifier: MIT
"""The live verbs against real Nodes, each version: results, files, refusals."""

import gzip
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

from plim import PLIM, BARE, run
from node import Node, VERSIONS, path

CHURN = """
const kept = [];
class Kept { constructor(n) { this.text = 'kept ' + n; this.more = new Array(100).fill(n); } }
function allocate() { for (let i = 0; i < 200; i++) kept.push(new Kept(i)); }
setInterval(allocate, 50);
console.log('ready');
"""
IDLE = "setInterval(() => {}, 1000); console.log('ready');"
USAGE = ["used_bytes", "total_bytes", "embedder_bytes", "backing_store_bytes",
         "process_rss_bytes", "process_peak_bytes", "cgroup_limit_bytes", "cgroup_used_bytes"]
WHO = ["runtime", "version", "title", "address", "pid", "worker"]


class Live(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, script, version=22, name="app.js", **more):
        file = os.path.join(self.folder, name)
        with open(file, "w", encoding="utf-8") as out:
            out.write(script)
        node = Node(file, version, **more)
        self.addCleanup(node.end)
        node.wait_print("ready")
        return node

    def json(self, *arguments, code=0, **more):
        done = run(*arguments, "--json", **more)
        self.assertEqual(done.code, code, done.err)
        return json.loads(done.out)

    def file(self, name):
        return os.path.join(self.folder, name)

    def left(self):
        return sorted(name for name in os.listdir(self.folder) if not name.endswith(".js"))


class EachVersion(Live):
    def test_usage_has_all_fields(self):
        for version in VERSIONS:
            node = self.start(IDLE, version)
            value = self.json("usage", node.address)
            self.assertEqual(list(value), ["schema", *WHO, *USAGE])
            self.assertEqual((value["schema"], value["runtime"]), ("plim.usage/1", "node"))
            self.assertTrue(value["version"].startswith(f"{version}."))
            self.assertEqual(value["pid"], node.pid)
            self.assertGreater(value["used_bytes"], 1000000)
            self.assertGreater(value["total_bytes"], value["used_bytes"])
            self.assertGreater(value["process_rss_bytes"], value["used_bytes"])
            for key in ("embedder_bytes", "backing_store_bytes"):
                self.assertEqual(value[key] is None, version < 24, (version, key))
            self.assertIn(f"pid {node.pid}", run("usage", node.address).out)

    def test_ps_lists_it(self):
        for version in VERSIONS:
            node = self.start(IDLE, version)
            rows = self.json("ps")["targets"]
            mine = [row for row in rows if row["pid"] == node.pid]
            self.assertEqual(len(mine), 1)
            self.assertEqual(set(mine[0]), {"runtime", "version", "pid", "title", "address",
                                            "can_open", "how_to_open"})
            self.assertEqual((mine[0]["runtime"], mine[0]["address"]), ("node", node.address))

    def test_gc_shows_before_after_and_pauses(self):
        for version in VERSIONS:
            node = self.start(IDLE + "globalThis.junk = new Array(1e6).fill(0).map(() => ({}));"
                                     "globalThis.junk = null;", version)
            value = self.json("gc", node.address)
            self.assertEqual(list(value), ["schema", *WHO, "before_bytes", "after_bytes",
                                           "by", "pending", "pauses", "by_kind"])
            self.assertEqual(sum(kind["count"] for kind in value["by_kind"]),
                             len(value["pauses"]))
            self.assertLess(value["after_bytes"], value["before_bytes"])
            self.assertTrue(any(pause["kind"] == "major" and pause["ns"] > 0
                                for pause in value["pauses"]), value)

    def test_gc_watch_shows_collections_as_they_happen_and_adds_them_up(self):
        """Percentiles are those of the pauses that were shown, to a sixty-fourth."""
        for version in VERSIONS:
            node = self.start(CHURN.replace("20", "40"), version)
            done = run("gc", node.address, "--watch", "--duration=2s", "--every=500ms", "--json")
            self.assertEqual(done.code, 0, done.err)
            rows = [json.loads(line) for line in done.out.splitlines()]
            summary = rows.pop()
            self.assertEqual((summary["event"], summary["count"]), ("summary", len(rows)))
            self.assertGreater(len(rows), 2)
            self.assertTrue(all(row["event"] == "collection" for row in rows))
            times = [row["at_ns"] for row in rows]
            self.assertEqual(times, sorted(times))
            self.assertLess(times[-1], summary["duration_ns"])
            self.assertGreater(times[-1], 500_000_000)  # of later rounds, on the first one's clock
            self.assertLess(summary["blind_ns"], summary["duration_ns"] // 2)
            self.assertEqual(summary["total_ns"], sum(row["ns"] for row in rows))
            for kind in summary["by_kind"]:
                pauses = sorted(row["ns"] for row in rows if row["kind"] == kind["kind"])
                self.assertEqual((kind["count"], kind["total_ns"], kind["longest_ns"]),
                                 (len(pauses), sum(pauses), pauses[-1]))
                for percent in (50, 90, 99):
                    wanted = pauses[(len(pauses) * percent + 99) // 100 - 1]
                    self.assertAlmostEqual(kind[f"p{percent}_ns"], wanted, delta=wanted / 64 + 1)

    def test_gc_watch_ends_with_its_summary_when_it_is_stopped(self):
        node = self.start(CHURN)
        for more, code in ([], 0), (["--duration=30s"], 130):
            child = subprocess.Popen([PLIM, "gc", node.address, "--watch", *more], env=BARE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertIn("node", child.stdout.readline())
            time.sleep(0.5)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
            self.assertEqual(child.returncode, code, err)
            self.assertRegex(out, r"\d+ collections? in ")
        self.assertEqual(run("gc", node.address, "--duration=1s").code, 2)
        done = run("gc", node.address, "--watch", "--duration=500ms", "--plain")
        self.assertEqual(done.out.splitlines()[0], "kind\tns\tat_ns\tbefore_bytes\tafter_bytes")
        self.assertTrue(all(len(line.split("\t")) == 5 for line in done.out.splitlines()))

    def test_snap_writes_a_whole_private_file(self):
        for version in VERSIONS:
            node = self.start(IDLE, version)
            name = self.file(f"{version}.heapsnapshot")
            value = self.json("snap", node.address, "-o", name)
            taken = value["snapshots"][0]
            self.assertEqual(set(taken), {"path", "bytes", "nodes", "edges", "pause_ns",
                                           "remark"})
            self.assertEqual(stat.S_IMODE(os.stat(name).st_mode), 0o600)
            with open(name, encoding="utf-8") as file:
                document = json.load(file)
            self.assertEqual(document["snapshot"]["node_count"], taken["nodes"])
            self.assertEqual(document["snapshot"]["edge_count"], taken["edges"])
            self.assertEqual(os.path.getsize(name), taken["bytes"])
            self.assertEqual(self.json("summary", name)["nodes"], taken["nodes"])
            self.assertTrue(node.answers())

    def test_an_encrypted_snapshot_is_never_plain_on_the_disk(self):
        node = self.start(IDLE)
        key = self.file("key")
        with open(key, "w", encoding="ascii") as file:
            file.write("0123456789abcdef" * 4 + "\n")
        name = self.file("app.heapsnapshot.zst.enc")
        taken = self.json("snap", node.address, "--encrypt", "--key", key, "-o", name)
        with open(name, "rb") as file:
            self.assertTrue(file.read().startswith(b"PLIMENC1"))
        self.assertEqual(run("summary", name).code, 4)
        plain = self.file("app.heapsnapshot.zst")
        self.assertEqual(run("decrypt", name, "--key", key).code, 0)
        self.assertEqual(self.json("summary", plain)["nodes"], taken["snapshots"][0]["nodes"])

    def test_sample_names_who_allocates(self):
        for version in VERSIONS:
            node = self.start(CHURN, version)
            name = self.file(f"{version}.heapprofile")
            value = self.json("sample", node.address, "--duration=1s", "-o", name)
            self.assertEqual(list(value), ["schema", *WHO, "interval_bytes", "duration_ns",
                                           "path", "remark", "total_bytes", "measure", "live_bytes",
                                           "live_count", "alloc_bytes", "alloc_count", "samples",
                                           "functions"])
            self.assertEqual(value["measure"], "live_bytes")
            self.assertEqual(value["live_bytes"], value["total_bytes"])
            self.assertIsNone(value["live_count"])  # V8 does not tell
            self.assertGreater(value["samples"], 0)
            names = [row["name"] for row in value["functions"][:3]]
            self.assertTrue({"allocate", "Kept", "fill"} & set(names), names)
            kept = next(row for row in value["functions"] if row["name"] in ("Kept", "allocate"))
            self.assertRegex(kept["source"], r"app\.js:[34]:\d+$")
            self.assertAlmostEqual(sum(row["share"] for row in value["functions"]), 1, delta=0.05)
            with open(name, encoding="utf-8") as file:
                head = json.load(file)["head"]
            self.assertIn("functionName", head["callFrame"])
            self.assertGreaterEqual(head["selfSize"], 0)

    def test_track_writes_a_timeline_with_and_without_stacks(self):
        for version in VERSIONS:
            node = self.start(CHURN, version)
            for flags, stacks in ([], True), (["--no-stacks"], False):
                name = self.file(f"{version}{stacks}.heaptimeline")
                value = self.json("track", node.address, "--duration=1s", "-o", name, *flags)
                self.assertGreater(value["live_count"], 1000)
                self.assertGreaterEqual(value["intervals"], 1)  # 20 a second, if it is not busy
                with open(name, encoding="utf-8") as file:
                    document = json.load(file)
                self.assertGreater(len(document["samples"]), 10)
                self.assertEqual(document["snapshot"]["trace_function_count"] > 0, stacks,
                                 (version, value, document["snapshot"]))

    def test_leaks_of_a_program_that_is_started(self):
        script = """
        const http = require('http'); const cache = new Map(); let number = 0;
        class Visitor { constructor() { this.seen = new Array(20).fill(number); } }
        http.createServer((request, response) => {
            for (let i = 0; i < 100; i++) cache.set(number++, new Visitor());
            response.end('ok');
        }).listen(%d, '127.0.0.1');
        """
        for version in VERSIONS:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            name = self.file("server.js")
            with open(name, "w", encoding="utf-8") as file:
                file.write(script % port)
            done = run("leaks", "--json", "-o", self.file(f"kept{version}"), "--action",
                       f"curl -sf http://127.0.0.1:{port}/", "--", path(version), name)
            self.assertEqual(done.code, 1, done.err)
            value = json.loads(done.out)
            self.assertEqual(value["matched_by"], "id")
            leak = value["leaks"][0]
            self.assertEqual(set(leak), {"name", "kind", "count", "self_bytes", "retained_bytes",
                                         "growth_bytes", "growth_count", "sample_id",
                                         "holder_id", "path", "says"})
            self.assertEqual((leak["name"], leak["growth_count"]), ("Visitor", [100, 100]))
            self.assertIn("cache", leak["says"])
            self.assertEqual(leak["path"][0]["id"], 1)
            self.assertEqual(leak["path"][-1]["id"], leak["sample_id"])
            self.assertEqual(len(value["snapshots"]), 3)
            again = self.json("leaks", *value["snapshots"], code=1)
            self.assertEqual((again["matched_by"], again["leaks"]), ("id", value["leaks"]))
            with socket.socket() as probe:  # the program was ended
                self.assertNotEqual(probe.connect_ex(("127.0.0.1", port)), 0)


class Verbs(Live):
    def test_a_snapshot_is_compressed_by_its_name(self):
        node = self.start(IDLE)
        for name in ("a.heapsnapshot.gz", "a.heapsnapshot.zst"):
            taken = self.json("snap", node.address, "-o", self.file(name))["snapshots"][0]
            self.assertLess(os.path.getsize(self.file(name)), taken["bytes"] / 2)
            self.assertEqual(self.json("summary", self.file(name))["nodes"], taken["nodes"])
        with gzip.open(self.file("a.heapsnapshot.gz")) as file:
            self.assertIn("snapshot", json.load(file))

    def test_standard_output_gets_the_snapshot_and_nothing_else(self):
        node = self.start(IDLE)
        done = run("snap", node.address, "-o", "-")
        self.assertEqual(done.code, 0, done.err)
        self.assertGreater(json.loads(done.out)["snapshot"]["node_count"], 1000)
        self.assertEqual(run("snap", node.address, "-o", "-", "--json").code, 2)

    def test_an_existing_file_is_kept_unless_overwritten(self):
        node = self.start(IDLE)
        for verb, name, more in (("snap", "a.heapsnapshot", []),
                                 ("sample", "a.heapprofile", ["--duration=100ms"]),
                                 ("track", "a.heaptimeline", ["--duration=100ms"])):
            with open(self.file(name), "w", encoding="utf-8") as file:
                file.write("mine")
            done = run(verb, node.address, "-o", self.file(name), *more)
            self.assertEqual(done.code, 2, done.err)
            self.assertIn("-f", done.err)
            with open(self.file(name), encoding="utf-8") as file:
                self.assertEqual(file.read(), "mine")
            self.assertEqual(run(verb, node.address, "-f", "-o", self.file(name), *more).code, 0)
            self.assertGreater(os.path.getsize(self.file(name)), 100)

    def test_default_names_say_program_process_and_time(self):
        node = self.start(IDLE)
        self.assertEqual(run("snap", node.address, cwd=self.folder).code, 0)
        self.assertEqual(run("track", node.address, "--duration=100ms", cwd=self.folder).code, 0)
        names = self.left()
        self.assertRegex(names[0], rf"^app-{node.pid}-\d{{8}}T\d{{6}}Z\.heapsnapshot$")
        self.assertEqual(names[1], names[0] + ".series")
        self.assertRegex(names[2], rf"^app-{node.pid}-\d{{8}}T\d{{6}}Z\.heaptimeline$")

    def test_a_series_is_one_and_its_ids_compare(self):
        node = self.start(CHURN)
        done = run("snap", node.address, "--count=3", "--every=300ms", "-o",
                   self.file("s.heapsnapshot.zst"))
        self.assertEqual(done.code, 0, done.err)
        names = [self.file(f"s-{number}.heapsnapshot.zst") for number in (1, 2, 3)]
        sides = []
        for name in names:
            self.assertEqual(stat.S_IMODE(os.stat(name + ".series").st_mode), 0o600)
            with open(name + ".series", encoding="utf-8") as file:
                sides.append(json.load(file))
        self.assertEqual(len({side["series"] for side in sides}), 1)
        self.assertEqual([side["index"] for side in sides], [0, 1, 2])
        self.assertEqual({side["pid"] for side in sides}, {node.pid})
        self.assertEqual(self.json("diff", names[0], names[2])["matched_by"], "id")
        value = self.json("leaks", *names, code=1)
        self.assertEqual((value["matched_by"], value["leaks"][0]["name"]), ("id", "Kept"))
        shutil.copy(names[2], self.file("other.heapsnapshot.zst"))
        mixed = run("leaks", names[0], names[1], self.file("other.heapsnapshot.zst"), "--json")
        self.assertEqual(json.loads(mixed.out)["matched_by"], "class")

    def test_leaks_of_a_running_target_by_eval_and_by_wait(self):
        node = self.start("globalThis.held = []; class Held {} ; globalThis.act = () => {"
                          "for (let i = 0; i < 50; i++) held.push(new Held()); }; " + IDLE)
        value = self.json("leaks", node.address, "--eval", "act()", "--repeat=2", code=1,
                          env={"TMPDIR": self.folder})
        self.assertEqual(value["leaks"][0]["name"], "Held")
        self.assertEqual(value["leaks"][0]["growth_count"], [100, 100])
        self.assertEqual(self.json("leaks", node.address, "--wait=200ms")["leaks"], [])
        self.assertTrue(node.answers())
        done = run("leaks", node.address, "--eval", "noSuchThing()")
        self.assertEqual(done.code, 3)
        self.assertIn("noSuchThing", done.err)

    def test_snapshots_that_show_nothing_do_not_stay(self):
        node = self.start(IDLE)
        env = {"TMPDIR": self.folder}
        self.assertEqual(run("leaks", node.address, "--wait=100ms", env=env).code, 0)
        self.assertEqual(self.left(), [])
        self.assertEqual(run("leaks", node.address, "--wait=100ms", "--keep", cwd=self.folder,
                             env=env).code, 0)
        self.assertEqual(len(self.left()), 6)

    def test_an_action_that_fails_is_an_error_not_a_clean_bill(self):
        node = self.start(IDLE)
        done = run("leaks", node.address, "--action", "exit 9", env={"TMPDIR": self.folder})
        self.assertEqual(done.code, 3)
        self.assertIn("exit code 9", done.err)
        self.assertEqual(self.left(), [])
        done = run("leaks", node.address)
        self.assertEqual(done.code, 2)
        self.assertIn("--action", done.err)

    def test_watch_repeats_alerts_once_a_crossing_and_runs_a_command(self):
        node = self.start(CHURN)
        used = self.json("usage", node.address)["used_bytes"]
        mark = self.file("mark")
        done = run("watch", node.address, "--every=150ms", "--count=6", "--alert", str(used // 2),
                   "--then", f"echo $PLIM_PID $PLIM_USED_BYTES $PLIM_TARGET >>{mark}", "--json")
        self.assertEqual(done.code, 0, done.err)
        events = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([event["event"] for event in events].count("usage"), 6)
        self.assertEqual([event["event"] for event in events].count("alert"), 1)
        self.assertEqual({event["schema"] for event in events}, {"plim.watch/1"})
        for event in events:
            self.assertEqual(list(event), ["schema", "event", "time", *WHO, *USAGE,
                                           "limit_bytes", "above"])
        with open(mark, encoding="utf-8") as file:
            words = file.read().split()
        self.assertEqual((words[0], words[2]), (str(node.pid), node.address))
        self.assertEqual(run("watch", node.address, "--then", "true").code, 2)

    def test_watch_comes_back_to_a_target_that_was_restarted(self):
        node = self.start(IDLE)
        child = subprocess.Popen([PLIM, "watch", node.address, "--every=100ms", "--json"],
                                 env=BARE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.kill)
        events = []

        def until(event):
            while not events or events[-1] != event:
                events.append(json.loads(child.stdout.readline())["event"])

        until("usage")
        port = node.port
        node.end()
        until("dropped")
        again = self.start(IDLE, name="again.js", inspect=f"--inspect=127.0.0.1:{port}")
        until("reconnected")
        until("usage")
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(timeout=10), 130)
        self.assertTrue(again.answers())

    def test_a_closed_inspector_is_opened_when_asked_and_closed_again(self):
        node = self.start(IDLE, inspect=None)
        refused = run("usage", f"pid:{node.pid}")
        self.assertEqual(refused.code, 3)
        self.assertIn("--open-inspector", refused.err)
        value = self.json("usage", f"pid:{node.pid}", "--open-inspector")
        self.assertEqual(value["pid"], node.pid)
        rows = [row for row in self.json("ps")["targets"] if row["pid"] == node.pid]
        self.assertEqual((rows[0]["address"], rows[0]["can_open"]), (None, True))


class Workers(Live):
    def test_a_worker_is_a_target_of_its_own(self):
        node = self.start("const { Worker, isMainThread } = require('worker_threads');"
                          "if (isMainThread) new Worker(__filename).on('online', () => "
                          "console.log('ready')); else { class OfTheWorker {} ;"
                          "globalThis.held = [new OfTheWorker()]; }"
                          "setInterval(() => {}, 1000);")
        worker = f"{node.address}#worker:1"
        for words, wanted in ((["ps"], [node.address]),
                              (["ps", "--workers"], [node.address, worker])):
            rows = self.json(*words)["targets"]
            mine = [row["address"] for row in rows if row["pid"] == node.pid]
            self.assertEqual(sorted(mine), wanted)
        self.assertEqual(self.json("usage", worker)["worker"], 1)
        self.assertEqual(run("snap", worker, cwd=self.folder).code, 0)
        name = next(name for name in self.left() if name.endswith(".heapsnapshot"))
        self.assertRegex(name, rf"^worker1-{node.pid}-")
        found = self.json("classes", self.file(name), "--filter", "OfTheWorker")["classes"]
        self.assertEqual([row["count"] for row in found if row["name"] == "OfTheWorker"], [1])
        self.assertIsNone(self.json("gc", worker)["pauses"])
        self.assertEqual(run("usage", f"{node.address}#worker:9").code, 3)


class Refusals(Live):
    def refused(self, code, *arguments, **more):
        started = time.monotonic()
        done = run(*arguments, **more)
        self.assertEqual(done.code, code, (arguments, done.err))
        self.assertEqual(done.out, "")
        self.assertRegex(done.err, r"\Aplim: \S")
        self.assertLess(time.monotonic() - started, 20)
        return done.err

    def serve(self, answer):
        """A port that answers every connection with the same bytes, or with nothing (None)."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        held = []

        self.addCleanup(lambda: [peer.close() for peer in held])

        def loop():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                held.append(peer)
                if answer is not None:
                    try:
                        peer.recv(1000)
                        peer.sendall(answer)
                        peer.close()
                    except OSError:
                        pass

        threading.Thread(target=loop, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def test_nobody_listens(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        for verb in ("usage", "gc", "watch", "snap", "sample", "track"):
            self.refused(3, verb, address, cwd=self.folder)
        self.refused(3, "leaks", address, "--wait=1s", env={"TMPDIR": self.folder})
        self.assertEqual(self.left(), [])

    def test_a_port_that_speaks_something_else(self):
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                       b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\x00\xff" * 500,
                       b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"):
            self.refused(3, "usage", self.serve(answer))

    def test_a_port_that_says_nothing_ends_at_its_deadline(self):
        self.refused(3, "usage", self.serve(None))

    def test_targets_that_cannot_be_read(self):
        for target in ("9229", "", "pid:", "pid:x", "host:99999", "nonsense"):
            self.refused(2, "usage", target)
        self.refused(3, "usage", "pid:999999999")

    def test_an_output_that_is_full(self):
        node = self.start(IDLE)
        self.refused(6, "snap", node.address, "-o", "/dev/full")
        with open("/dev/full", "wb") as full:
            self.refused(6, "snap", node.address, "-o", "-", stdout=full)
        self.refused(3, "snap", node.address, "-o", self.file("no/such/folder.heapsnapshot"))
        self.assertTrue(node.answers())

    def test_a_program_that_is_no_runtime_or_is_not_there(self):
        env = {"TMPDIR": self.folder}
        self.refused(5, "leaks", "--wait=1s", "--", "sleep", "30", env=env)
        self.refused(3, "leaks", "--wait=1s", "--", "no-such-program", env=env)
        self.refused(2, "leaks", "--wait=1s", "--", env=env)
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()

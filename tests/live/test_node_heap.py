#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Node's own in memory work: workers, observed collections, the estimate, targets that die."""
import json
import os
import signal
import time

import nodes
from nodes import Case, wait_for

MIB = 1 << 20
WORKERS = """
const { Worker } = require('worker_threads');
class MainThing { constructor(i) { this.i = i; } }
globalThis.things = Array.from({ length: 500 }, (_, i) => new MainThing(i));
const nested = `
    class NestedThing {} globalThis.kept = [new NestedThing()];
    setInterval(() => 0, 1000); require('worker_threads').parentPort.postMessage('up');`;
const program = `
    const { Worker, parentPort } = require('worker_threads');
    class WorkerThing { constructor(i) { this.i = i; } }
    globalThis.leak = [];
    setInterval(() => { for (let i = 0; i < 50; i++) leak.push(new WorkerThing(i)); }, 10);
    new Worker(${JSON.stringify(nested)}, { eval: true, name: 'nested' })
        .on('message', () => parentPort.postMessage('up'));`;
const worker = new Worker(program, { eval: true, name: 'clerk' });
globalThis.worker = worker;
worker.once('message', () => console.log('ready'));
setInterval(() => 0, 1000);
"""
QUIET_MAIN_BUSY_WORKER = """
const { Worker } = require('worker_threads');
new Worker(`setInterval(() => { const a = []; for (let i = 0; i < 1e5; i++) a.push({ i }); }, 5);
    require('worker_threads').parentPort.postMessage('up');`, { eval: true })
    .once('message', () => console.log('ready'));
"""
CHURN = """
let kept = [];
setInterval(() => {
    for (let i = 0; i < 50000; i++) kept.push({ i });
    if (kept.length > 400000) kept = [];
}, 5);
console.log('ready');
"""
IDLE = "setInterval(() => 0, 1000); console.log('ready');"
BIG = """
globalThis.kept = [];
for (let i = 0; i < 400000; i++) kept.push({ a: i, b: { c: i } });
setInterval(() => 0, 1000); console.log('ready');
"""


def class_counts(path):
    """Objects by name in a snapshot of any V8: read with nothing of ours."""
    with open(path, encoding="ascii") as file:
        snapshot = json.load(file)
    meta = snapshot["snapshot"]["meta"]
    fields, types = meta["node_fields"], meta["node_types"][0]
    step, name_at, kind = len(fields), fields.index("name"), types.index("object")
    rows, strings, counts = snapshot["nodes"], snapshot["strings"], {}
    for at in range(0, len(rows), step):
        if rows[at] == kind:
            name = strings[rows[at + name_at]]
            counts[name] = counts.get(name, 0) + 1
    return counts


class Workers(Case):
    def setUp(self):
        super().setUp()
        self.process = self.node(WORKERS, "--inspect=127.0.0.1:0")
        self.address = f"127.0.0.1:{self.inspector_of(self.process)}"
        self.target = self.probe()

    def path(self, name):
        return os.path.join(self.folder, name)

    def open(self, number):
        self.assertStatus(self.target.ask(f"open {self.address}#worker:{number}"), "OK")

    def test_the_number_is_the_thread_id(self):
        for number in (1, 2):
            self.open(number)
            reply = self.target.ask("evaluate require('worker_threads').threadId")
            self.assertEqual(reply["value"], number)
            said = self.target.ask("identify")
            self.assertEqual(said["worker"], number)
            self.assertIn(f"[worker {number}]", said["title"])
            self.assertEqual(said["pid"], self.process.pid)

    def test_a_worker_that_is_not_there_is_not_found_and_the_others_are_named(self):
        reply = self.target.ask(f"open {self.address}#worker:77")
        self.assertStatus(reply, "ERR_NOT_FOUND")
        self.assertIn("#worker:1", reply["hint"])
        self.assertIn("clerk", reply["hint"])

    def test_usage_is_the_workers_and_grows_with_it(self):
        self.target.ask(f"open {self.address}")
        of_main = self.target.ask("usage")["used"]
        self.open(1)
        of_worker = self.target.ask("usage")["used"]
        self.assertNotEqual(of_main, of_worker)
        self.assertStatus(self.target.ask("collect"), "OK")
        # The first collection of a young worker may still keep what start-up left; the leak goes on
        # and passes any of that in the end.
        first, now, end = self.target.ask("usage")["used"], 0, time.monotonic() + 60
        while now <= first:
            self.assertLess(time.monotonic(), end, f"{now} is not above {first}")
            time.sleep(0.5)
            self.assertStatus(self.target.ask("collect"), "OK")
            now = self.target.ask("usage")["used"]

    def test_a_snapshot_has_the_workers_objects_and_not_the_others(self):
        counts = {}
        for name, suffix in (("main", ""), ("clerk", "#worker:1"), ("nested", "#worker:2")):
            self.assertStatus(self.target.ask(f"open {self.address}{suffix}"), "OK")
            reply = self.target.ask("snapshot " + self.path(name))
            self.assertStatus(reply, "OK")
            self.assertGreater(reply["nodes"], 1000)
            counts[name] = class_counts(self.path(name))
        # A prototype goes by the name of its class, too: hence at most one where there is none.
        self.assertGreaterEqual(counts["main"].get("MainThing", 0), 500)
        self.assertGreaterEqual(counts["clerk"].get("WorkerThing", 0), 50)
        self.assertGreaterEqual(counts["nested"].get("NestedThing", 0), 1)
        self.assertEqual(counts["main"].get("WorkerThing", 0), 0)
        self.assertEqual(counts["clerk"].get("MainThing", 0), 0)
        self.assertEqual(counts["nested"].get("WorkerThing", 0), 0)

    def test_sampling_sees_the_workers_allocations(self):
        self.open(1)
        self.assertStatus(self.target.ask("sample 1024"), "OK")
        time.sleep(1)
        self.assertStatus(self.target.ask("sample-stop " + self.path("p")), "OK")
        with open(self.path("p"), encoding="utf-8") as file:
            profile = json.load(file)
        self.assertIn("head", profile)

        def sizes(node):
            yield node["selfSize"]
            for child in node["children"]:
                yield from sizes(child)
        self.assertGreater(sum(sizes(profile["head"])), 10000)

    def test_tracking_sees_the_workers_intervals_and_stacks(self):
        self.open(1)
        self.assertStatus(self.target.ask("track 1"), "OK")
        intervals = []
        for _ in range(10):
            reply = self.target.ask("poll 300")
            self.assertStatus(reply, "OK")
            intervals = reply["intervals"]
            if len(intervals) > 3:
                break
        self.assertGreater(len(intervals), 3)
        self.assertStatus(self.target.ask("track-stop " + self.path("t")), "OK")
        with open(self.path("t"), encoding="ascii") as file:
            timeline = json.load(file)
        self.assertGreater(timeline["snapshot"]["trace_function_count"], 0)

    def test_a_worker_that_ends_is_gone_and_the_connection_is_not(self):
        self.open(1)
        ender = self.probe()
        self.assertStatus(ender.ask(f"open {self.address}"), "OK")
        self.assertStatus(ender.ask("evaluate worker.terminate()"), "OK")
        reply = self.target.ask("usage")
        self.assertStatus(reply, "ERR_GONE")
        self.assertIn("worker", reply["what"])
        self.assertStatus(self.target.ask("snapshot " + self.path("s")), "ERR_GONE")
        self.assertFalse(os.path.exists(self.path("s")))
        self.assertStatus(self.target.ask("reconnect 100"), "ERR_UNREACHABLE")
        self.assertStatus(self.target.ask(f"open {self.address}"), "OK")
        self.assertGreater(self.target.ask("usage")["used"], 0)

    def test_a_worker_that_ends_while_its_snapshot_is_asked_for_is_gone(self):
        self.open(1)
        ender = self.probe()
        self.assertStatus(ender.ask(f"open {self.address}"), "OK")
        self.target.tell("snapshot " + self.path("s"))
        ender.ask("evaluate worker.terminate().then(() => 1)")
        reply = self.target.hear()
        self.assertIn(reply["status"], ("OK", "ERR_GONE"))  # whoever was first
        self.assertEqual(os.path.exists(self.path("s")), reply["status"] == "OK")

    def test_collections_of_a_worker_are_refused_with_the_reason(self):
        self.open(1)
        reply = self.target.ask("gc-start")
        self.assertStatus(reply, "ERR_UNSUPPORTED")
        self.assertIn("worker", reply["what"])
        self.assertStatus(self.target.ask("gc-stop"), "ERR_USAGE")


class Collections(Case):
    def observe(self, program, work, *options):
        process = self.node(program, "--inspect=127.0.0.1:0", *options)
        target = self.probe()
        self.assertStatus(target.ask(f"open 127.0.0.1:{self.inspector_of(process)}"), "OK")
        self.assertStatus(target.ask("gc-start"), "OK")
        work(target)
        reply = target.ask("gc-stop")
        self.assertStatus(reply, "OK")
        self.process, self.target = process, target
        for event in reply["events"]:
            self.assertIn(event["kind"], ("minor", "major"))
            self.assertGreater(event["pause_ns"], 0)
            self.assertLess(event["pause_ns"], 30_000_000_000)
        times = [event["at_ns"] for event in reply["events"]]
        self.assertEqual(times, sorted(times))
        return reply["events"]

    def test_a_forced_collection_is_seen_with_its_pause_and_sizes(self):
        def collect(target):
            target.ask("evaluate { let a = []; for (let i = 0; i < 2e5; i++) a.push({ i }); 0 }")
            self.assertStatus(target.ask("collect"), "OK")

        events = self.observe(IDLE, collect)
        major = [event for event in events if event["kind"] == "major"]
        self.assertTrue(major, events)
        freed = max(event["before"] - event["after"] for event in events)
        self.assertGreater(freed, MIB)

    def test_natural_collections_are_seen_in_order_and_once(self):
        begun = time.monotonic()
        events = self.observe(CHURN, lambda target: time.sleep(1.5))
        took_ns = (time.monotonic() - begun) * 1e9
        self.assertTrue([event for event in events if event["kind"] == "minor"])
        self.assertTrue([event for event in events if event["kind"] == "major"])
        self.assertLess(events[-1]["at_ns"], took_ns)
        ends = [event["at_ns"] + event["pause_ns"] for event in events]
        for event, end in zip(events[1:], ends):  # one after the other: none counted twice
            self.assertGreaterEqual(event["at_ns"], end)
        for event in events:
            self.assertGreater(event["before"], 0)
            self.assertGreater(event["after"], 0)

    def test_as_many_are_seen_as_the_program_itself_counts(self):
        # Thousands: their data comes long after the reply to stop, in many pieces.
        program = """
            const { PerformanceObserver } = require('perf_hooks');
            globalThis.count = 0;
            new PerformanceObserver(list => {
                for (const entry of list.getEntries())  // not steps of marking, not callbacks
                    if (entry.detail.kind === 1 || entry.detail.kind === 4) count++;
            }).observe({ entryTypes: ['gc'] });
            globalThis.work = () => {
                const end = Date.now() + 2500;
                let a = [];
                while (Date.now() < end) { a = []; for (let i = 0; i < 1e4; i++) a.push({ i }); }
                return new Promise(done => setTimeout(() => done(count), 300));
            };
            setInterval(() => 0, 1000);
            setTimeout(() => { count = 0; console.log('ready'); }, 300);
        """
        counted = []
        events = self.observe(
            program, lambda target: counted.append(target.ask("evaluate work()")["value"]),
            "--max-semi-space-size=1")
        self.assertGreater(counted[0], 300)
        self.assertGreaterEqual(len(events), counted[0] * 0.95)
        self.assertLessEqual(len(events), counted[0] * 1.05 + 10)

    def test_collections_of_workers_are_not_taken_for_the_main_isolates(self):
        events = self.observe(QUIET_MAIN_BUSY_WORKER, lambda target: time.sleep(1))
        self.assertLessEqual(len(events), 2, events)  # a worker makes dozens

    def test_an_idle_program_has_none(self):
        self.assertEqual(self.observe(IDLE, lambda target: time.sleep(0.2)), [])

    def test_it_can_be_observed_again_and_not_twice_at_once(self):
        self.observe(IDLE, lambda target: None)
        self.assertStatus(self.target.ask("gc-stop"), "ERR_USAGE")
        self.assertStatus(self.target.ask("gc-start"), "OK")
        self.assertStatus(self.target.ask("gc-start"), "ERR_USAGE")
        self.assertStatus(self.target.ask("collect"), "OK")
        events = self.target.ask("gc-stop")["events"]
        self.assertTrue([event for event in events if event["kind"] == "major"])
        self.assertLess(events[0]["at_ns"], 20_000_000_000)  # since this start, not the first

    def test_a_busy_program_gives_all_of_it(self):
        # Its event loop turns rarely: data comes late, and must be waited for.
        busy = """
            console.log('ready');
            setInterval(() => {
                const end = Date.now() + 800;
                while (Date.now() < end) { const a = []; for (let i = 0; i < 1e5; i++) a.push({}); }
            }, 10);
        """
        self.assertGreater(len(self.observe(busy, lambda target: time.sleep(1.5))), 5)


class Estimate(Case):
    """A control group of the test's own making: the probe is shown a /proc that the test wrote."""

    def stage(self, process, limit, used):
        root = os.path.join(self.folder, "root")
        for folder in (f"proc/{process.pid}", "proc/self", "sys/fs/cgroup/box"):
            os.makedirs(os.path.join(root, folder), exist_ok=True)
        for name in ("stat", "status"):
            with open(f"/proc/{process.pid}/{name}", encoding="ascii") as file:
                text = file.read()
            with open(f"{root}/proc/{process.pid}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        for path, text in ((f"proc/{process.pid}/cgroup", "0::/box\n"),
                           ("proc/self/mountinfo",
                            "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
                           ("proc/meminfo", "MemAvailable: 64000000 kB\n"),
                           ("sys/fs/cgroup/box/memory.max", f"{limit}\n"),
                           ("sys/fs/cgroup/box/memory.current", f"{used}\n")):
            with open(os.path.join(root, path), "w", encoding="ascii") as file:
                file.write(text)
        return root

    def open(self, program):
        process = self.node(program, "--inspect=127.0.0.1:0")
        target = self.probe()
        self.assertStatus(target.ask(f"open 127.0.0.1:{self.inspector_of(process)}"), "OK")
        return process, target

    def test_a_small_control_group_is_not_filled_unless_forced(self):
        process, target = self.open(IDLE)
        rss = nodes.status_kb(process.pid, "VmRSS") * 1024
        path = os.path.join(self.folder, "s")
        target.ask("root " + self.stage(process, rss + 20 * MIB, rss))
        usage = target.ask("usage")
        self.assertEqual(usage["cgroup_limit"], rss + 20 * MIB)
        self.assertEqual(usage["cgroup_used"], rss)
        estimate = target.ask("estimate")
        self.assertFalse(estimate["safe"])
        self.assertEqual(estimate["available"], 20 * MIB)
        reply = target.ask("snapshot " + path)
        self.assertStatus(reply, "ERR_UNSAFE")
        self.assertIn("plim sample", reply["hint"])
        self.assertFalse(os.path.exists(path))
        self.assertStatus(target.ask("force-snapshot " + path), "OK")
        self.assertTrue(class_counts(path))

    def test_a_control_group_with_room_is_used(self):
        process, target = self.open(IDLE)
        rss = nodes.status_kb(process.pid, "VmRSS") * 1024
        target.ask("root " + self.stage(process, rss + 400 * MIB, rss))
        self.assertTrue(target.ask("estimate")["safe"])
        self.assertStatus(target.ask("snapshot " + os.path.join(self.folder, "s")), "OK")

    def test_the_estimate_is_not_passed_and_not_wildly_high(self):
        for program in (IDLE, BIG):
            process, target = self.open(program)
            self.assertStatus(target.ask("collect"), "OK")
            estimate = target.ask("estimate")
            self.assertTrue(estimate["safe"], estimate)
            self.assertStatus(target.ask("snapshot " + os.path.join(self.folder, "s")), "OK")
            peak = nodes.status_kb(process.pid, "VmHWM") * 1024
            self.assertLess(peak, estimate["peak"] * 1.15)
            self.assertGreater(peak, estimate["peak"] / 3)
            # What one snapshot took is there for the next: it is not counted again.
            again = target.ask("estimate")
            self.assertLess(again["peak"], estimate["peak"] * 1.3)
            process.end()


class Trouble(Case):
    def begin(self, *options):
        process = self.node(BIG, "--inspect=127.0.0.1:0")
        target = self.probe(*options)
        self.assertStatus(target.ask(f"open 127.0.0.1:{self.inspector_of(process)}"), "OK")
        path = os.path.join(self.folder, "s")
        before = nodes.status_kb(process.pid, "VmRSS")
        target.tell("snapshot " + path)
        # Under way: V8 builds its graph.
        wait_for("the snapshot", lambda: nodes.status_kb(process.pid, "VmRSS") > before + 40000,
                 30)
        return process, target, path

    def test_a_target_that_is_killed_mid_snapshot_is_gone_and_leaves_no_file(self):
        process, target, path = self.begin()
        os.kill(process.pid, signal.SIGKILL)
        begun = time.monotonic()
        reply = target.hear()
        self.assertStatus(reply, "ERR_GONE")
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(os.listdir(self.folder), ["app.js"])
        self.assertStatus(target.ask("usage"), "ERR_GONE")
        self.assertFalse(os.path.exists(path))

    def test_a_target_that_is_stopped_mid_snapshot_is_a_stall(self):
        process, target, path = self.begin("--stall-timeout", "3000")
        os.kill(process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        reply = target.hear()
        took = time.monotonic() - begun
        self.assertStatus(reply, "ERR_TIMEOUT")
        self.assertLess(took, 10)
        self.assertFalse(os.path.exists(path))
        os.kill(process.pid, signal.SIGCONT)
        self.assertTrue(nodes.is_running(process.pid))

    def test_an_interrupt_mid_snapshot_keeps_what_came_and_the_target(self):
        process, target, path = self.begin()
        target.child.send_signal(signal.SIGINT)
        reply = target.hear()
        self.assertStatus(reply, "ERR_INTERRUPTED")
        self.assertFalse(os.path.exists(path))
        wait_for("its end", lambda: target.ask("usage")["status"] == "OK", 60)
        self.assertTrue(nodes.is_running(process.pid))


if __name__ == "__main__":
    nodes.main()

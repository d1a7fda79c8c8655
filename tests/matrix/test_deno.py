#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is special to Deno.      test_deno.py PLIM"""

import os
import unittest

import cell
import deno
from debugger import Debugger
from runtimes import STDIN, program

WORKER = """
class OfWorker { constructor(n) { this.n = n; } }
globalThis.kept = [];
for (let i = 0; i < 777; i++) kept.push(new OfWorker(i));
setInterval(() => {}, 1000);
"""

LEAKY = """class Visitor {
  seen: number[];
  constructor(n: number) { this.seen = new Array(20).fill(n); }
}
const held: Visitor[] = [];
(globalThis as any).held = held;
setInterval(() => { for (let i = 0; i < 300; i++) KEEP; }, 50);
console.error('of the program');
"""

# Strings of their own: much text and few objects, since V8 is slow with many.
BIG = """
globalThis.held = [];
const bytes = new Uint8Array(1000).fill(97);
for (let i = 0; i < 310000; i++) {
  new DataView(bytes.buffer).setUint32(0, 0x21212121 + (i % 61) * 0x10001 + (i << 8) % 0x3f00);
  bytes[8] = 48 + (i >> 14) % 64; bytes[9] = 48 + (i >> 8) % 64; bytes[10] = 48 + i % 64;
  bytes[11] = 48 + (i >> 6) % 4;
  held.push(new TextDecoder('latin1').decode(bytes));
}
console.log('done starting');
setInterval(() => {}, 1000);
"""


class WithWorkers(deno.Deno):
    def write(self, name, text=STDIN):
        (self.folder / "worker.js").write_text(WORKER, encoding="utf-8")
        start = "const url = new URL('./worker.js', import.meta.url).href;\n" \
                "globalThis.one = new Worker(url, { type: 'module' });\n" \
                "globalThis.two = new Worker(url, { type: 'module' });\n"
        return super().write(name, start + text)


class Big(deno.Deno):
    def write(self, name, text=""):
        return super().write(name, BIG)


class Deno(cell.Cell):
    def test_a_worker_is_a_target_of_its_own(self):
        runtime = self.start(WithWorkers())
        for number in (1, 2, 1):
            value = self.json("usage", f"{runtime.address}#worker:{number}")
            self.assertEqual([value["worker"], value["pid"], value["title"]],
                             [number, runtime.pid, f"[worker {number}] worker.js"])
        rows = [row for row in self.json("ps", "--workers")["targets"]
                if row["pid"] == runtime.pid]
        self.assertEqual([row["address"] for row in rows],
                         [runtime.address, runtime.address + "#worker:1",
                          runtime.address + "#worker:2"])
        files = [runtime.folder / f"{name}.heapsnapshot" for name in ("main", "worker")]
        self.plim("snap", runtime.address, "-o", files[0])
        self.plim("snap", runtime.address + "#worker:2", "-o", files[1])
        self.assertEqual([self.count(file, "OfWorker") for file in files], [0, 777])
        done = self.plim("usage", runtime.address + "#worker:9", code=3)
        self.assertIn("#worker:1", done.stderr)

    def test_after_another_debugger_used_the_other_protocol_workers_still_answer(self):
        runtime = self.start(WithWorkers())
        other = Debugger(runtime.address)
        other.call("NodeWorker.enable", waitForDebuggerOnStart=False)
        other.close()
        file = runtime.folder / "worker.heapsnapshot"
        self.plim("snap", runtime.address + "#worker:1", "-o", file)
        self.assertEqual(self.count(file, "OfWorker"), 777)

    def test_with_another_debugger(self):
        runtime = self.start(WithWorkers())
        other = Debugger(runtime.address)
        self.addCleanup(other.close)
        self.assertGreater(self.json("usage", runtime.address)["used_bytes"], 0)
        done = self.plim("usage", runtime.address + "#worker:1", code=3)
        self.assertIn("connected first", done.stderr)
        self.assertIn("result", other.call("Runtime.getHeapUsage"))

    def test_two_snapshots_at_the_same_time_are_both_whole(self):
        runtime = self.start(deno.Deno())
        runtime.do("grow 300000")
        other = Debugger(runtime.address)
        self.addCleanup(other.close)
        self.assertEqual(self.planted_beside(runtime, other), 300000)

    def test_killed_in_the_middle(self):
        runtime = self.start(deno.Deno())
        runtime.do("grow 200000")
        self.assertRegex(self.killed_in_a_snapshot(runtime, runtime.address), "closed|reset|gone")

    def test_a_snapshot_of_more_than_300_mb_in_less_than_48_mib(self):
        runtime = self.start(Big())
        file = runtime.folder / "big.heapsnapshot"
        peak_kib = self.peak_of("snap", runtime.address, "-o", file, "-q", "--force")
        self.assertGreater(file.stat().st_size, 300_000_000)
        self.assertLess(peak_kib, 48 << 10)

    def test_leaks_of_a_program_that_plim_starts(self):
        runtime = deno.Deno()
        self.addCleanup(runtime.stop)
        for keep, code in (("held.push(new Visitor(i))", 1), ("new Visitor(i)", 0)):
            file = runtime.write("app.ts", LEAKY.replace("KEEP", keep))
            done = self.plim("leaks", "--wait", "1s", "--min-growth", "100K", "--", program(
                "deno", "deno"), "run", file, code=code, env=runtime.environment())
            self.assertEqual(done.stderr.count("of the program"), 1)
            self.assertNotIn("Debugger", done.stderr)
            self.assertEqual("Visitor" in done.stdout, code == 1, done.stdout)

    def test_what_it_cannot_be_started_for(self):
        runtime = deno.Deno()
        self.addCleanup(runtime.stop)
        executable = program("deno", "deno")
        for words, code in ((("task", "x"), 5), (("run", "--inspect-wait", "x.ts"), 2)):
            done = self.plim("leaks", "--wait", "1s", "--", executable, *words, code=code,
                             env=dict(os.environ, **runtime.environment()))
            self.assertIn("try:", done.stderr)

    def test_by_process_id_and_without_an_inspector(self):
        runtime = self.start(deno.Deno())
        self.assertEqual(self.json("usage", f"pid:{runtime.pid}")["address"], runtime.address)
        closed = deno.Deno()
        self.addCleanup(closed.stop)
        child = closed.spawn(program("deno", "deno"), "eval", "setInterval(() => {}, 1000);"
                             "console.log('done starting')", env=closed.environment())
        closed.heard("^done starting$")
        done = self.plim("usage", f"pid:{child.pid}", code=3)
        self.assertIn("without its inspector", done.stderr)


if __name__ == "__main__":
    cell.main()

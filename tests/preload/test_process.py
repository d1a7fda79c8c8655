# SPDX-License-Identifier: MIT
"""Programs that know nothing of us, looked into from outside: a small one whose heap is known, and
Debian's redis-server and python3 with something in them that grows. Every one is unmodified.

    test_process.py LIBRARY SUBJECT PLIM GROW_SOURCE LEAKS_SOURCE
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from preloaded import DEBIAN, Preload  # noqa: E402

LEAKS_SOURCE = pathlib.Path(sys.argv.pop()).resolve()
GROW_SOURCE = pathlib.Path(sys.argv.pop()).resolve()
PLIM = pathlib.Path(sys.argv.pop()).resolve()
SUBJECT = pathlib.Path(sys.argv.pop()).resolve()
LIBRARY = pathlib.Path(sys.argv.pop()).resolve()
WAIT_S = 20


class Snapshot:
    """A .heapsnapshot taken apart: nodes by id, edges as (from, type, name, to)."""

    def __init__(self, path):
        text = json.loads(path.read_text(encoding="utf-8"))
        meta, strings = text["snapshot"]["meta"], text["strings"]
        node_types, edge_types = meta["node_types"][0], meta["edge_types"][0]
        width, edge_width = len(meta["node_fields"]), len(meta["edge_fields"])
        numbers, edges = text["nodes"], text["edges"]
        self.nodes, self.edges, at = [], [], 0
        for i in range(0, len(numbers), width):
            kind, name, number, size, count = numbers[i:i + 5]
            self.nodes.append((node_types[kind], strings[name], number, size))
            for k in range(at, at + count * edge_width, edge_width):
                edge = edge_types[edges[k]]
                label = edges[k + 1] if edge in ("element", "hidden") else strings[edges[k + 1]]
                self.edges.append((i // width, edge, label, edges[k + 2] // width))
            at += count * edge_width
        self.ids = {node[2]: node for node in self.nodes}

    def named(self, start):
        return [i for i, node in enumerate(self.nodes) if node[1].startswith(start + " ")]

    def into(self, node, weak=False):
        return [edge for edge in self.edges if edge[3] == node and (weak or edge[1] != "weak")]

    def holders(self, node, weak=False):
        return {(self.nodes[edge[0]][1].split(" heap_subject.c")[0], edge[2])
                for edge in self.into(node, weak)}


def action(program, word):
    """A command that has the program do something, and ends when it says that it has done it."""
    return f"echo {word} > /proc/{program.pid}/fd/0; read said < /proc/{program.pid}/fd/1"


class Looked(unittest.TestCase):
    def setUp(self):
        self.preload = Preload(LIBRARY)
        self.addCleanup(self.preload.close)
        self.folder = self.preload.path
        self.count = 0

    def start(self, command, **variables):
        variables = {"PLIM_SITES": "8", "PLIM_REPORT": None, **variables}
        program = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   cwd=self.folder, env=self.preload.env(**variables))
        self.addCleanup(self.end, program)
        return program

    def end(self, program):
        program.kill()
        program.wait(WAIT_S)
        program.stdin.close()
        program.stdout.close()

    def subject(self, *words, **variables):
        program = self.start([SUBJECT], **variables)
        self.assertEqual(program.stdout.readline(), "ready\n")
        self.tell(program, *words)
        return program

    def tell(self, program, *words):
        said = []
        for word in words:
            program.stdin.write(word + "\n")
            program.stdin.flush()
            line = program.stdout.readline()
            while line not in ("ready\n", ""):
                said.append(line.strip())
                line = program.stdout.readline()
        return said

    def plim(self, *words, status=0, timeout=60):
        env = {"PATH": DEBIAN, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run([str(PLIM), *[str(word) for word in words]], capture_output=True,
                              text=True, check=False, timeout=timeout, cwd=self.folder, env=env)
        wanted = status if isinstance(status, tuple) else (status,)
        self.assertIn(done.returncode, wanted, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def snap(self, pid):
        self.count += 1
        path = self.folder / f"{self.count}.heapsnapshot"
        self.taken = json.loads(self.plim("snap", f"pid:{pid}", "-j", "-o", path))["snapshots"][0]
        return Snapshot(path)

    def leaks(self, *words, status):
        return json.loads(self.plim("leaks", *words, "-j", status=status))

    def goes_on(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        self.assertRegex(status, r"State:\s+[SR]")
        self.assertRegex(status, r"TracerPid:\s+0\b")

    # --- a heap that is known ------------------------------------------------------------------

    def test_every_edge_that_was_planted_is_found(self):
        program = self.subject("known")
        graph = self.snap(program.pid)
        self.goes_on(program.pid)
        heads, texts, slots = (graph.named(name) for name in ("make_head", "make_text",
                                                              "make_slots"))
        self.assertEqual((len(heads), len(texts), len(slots)), (2, 1, 1))
        variables = f"variables of {SUBJECT.name}"
        roots = [graph.holders(head) for head in heads]
        self.assertIn({(variables, "held_by_name")}, roots)
        self.assertIn({(variables, "held_by_static")}, roots)
        by_name = heads[roots.index({(variables, "held_by_name")})]
        by_static = heads[1 - heads.index(by_name)]
        # In struct head: first 0, slots 8, inside 16; an address in the middle counts.
        self.assertEqual(graph.holders(texts[0]), {("make_head", 16)})
        self.assertEqual(graph.holders(slots[0]), {("make_head", 8)})
        self.assertEqual({e[0] for e in graph.into(texts[0])}, {by_name})
        items = graph.named("make_item")
        self.assertEqual(len(items), 50)
        in_slots = {edge[2]: edge[3] for edge in graph.edges if edge[0] == slots[0]}
        self.assertEqual(sorted(in_slots), [8 * n for n in range(40)])
        self.assertEqual(len(set(in_slots.values())), 40)
        ring = [i for i in items if i not in in_slots.values()]
        first = next(i for i in ring if ("make_head", 0) in graph.holders(i))
        self.assertEqual({e[0] for e in graph.into(first)} & set(heads), {by_static})
        chain, seen = [first], {first}
        while len(chain) < 10:  # next is at 0, previous at 8
            following = [e[3] for e in graph.edges if e[0] == chain[-1] and e[2] == 0]
            self.assertEqual(len(following), 1)
            self.assertNotIn(following[0], seen)
            chain.append(following[0])
            seen.add(following[0])
        # Known, and so not lost; and what is lost is.
        lost = {edge[3] for edge in graph.edges if graph.nodes[edge[0]][1] == "(lost)"}
        self.assertEqual({graph.nodes[i][1].split()[0] for i in lost}, {"make_lost"})
        self.assertEqual(graph.nodes[slots[0]][0], "array")
        self.assertEqual({graph.nodes[i][0] for i in items}, {"object"})
        self.assertRegex(graph.nodes[heads[0]][1], r"^make_head heap_subject\.c:\d+$")
        self.assertLess(self.taken["pause_ns"], 2_000_000_000)
        self.assertGreater(self.taken["pause_ns"], 0)

    def test_blocks_without_addresses_have_no_holders(self):
        program = self.subject("numbers:1000")
        graph = self.snap(program.pid)
        blocks = graph.named("make_numbers")
        self.assertEqual(len(blocks), 1000)
        held = [b for b in blocks
                if any(graph.nodes[e[0]][1] != "(lost)" for e in graph.into(b, weak=True))]
        self.assertLessEqual(len(held), 3)  # what the stack and registers still have of the last
        for block in held:
            for holder, _ in graph.holders(block, weak=True):
                self.assertRegex(holder, r"^(stack|registers) of thread|^\(lost\)$")

    def test_threads_hold_what_is_on_their_stacks(self):
        program = self.subject("threads")
        graph = self.snap(program.pid)
        self.goes_on(program.pid)
        blocks = graph.named("make_for_thread")
        self.assertEqual(len(blocks), 3)
        threads = {int(tid) for tid in os.listdir(f"/proc/{program.pid}/task")} - {program.pid}
        held = set()
        for block in blocks:
            held |= {holder for holder, _ in graph.holders(block)}
        self.assertEqual({f"stack of thread {tid}" for tid in threads} - held, set())

    def test_ids_last_and_addresses_that_are_used_again_do_not_mislead(self):
        program = self.subject("known")
        first = self.snap(program.pid)
        self.tell(program, "churn:5000")
        second = self.snap(program.pid)
        blocks = [n for n in first.nodes if n[0] != "synthetic"]
        self.assertEqual([n for n in blocks if second.ids.get(n[2]) != n], [])
        self.tell(program, "swap")
        third = self.snap(program.pid)
        gone = set(second.ids) - set(third.ids)
        new = set(third.ids) - set(second.ids)
        self.assertEqual((len(gone), len(new)), (1, 1))
        self.assertGreater(new.pop(), max(n[2] for n in blocks))
        self.tell(program, "enlarge")
        fourth = self.snap(program.pid)
        self.assertEqual(set(third.ids), set(fourth.ids))
        changed = [i for i in third.ids if third.ids[i] != fourth.ids[i]]
        self.assertEqual(len(changed), 1)
        self.assertGreaterEqual(fourth.ids[changed[0]][3], 90000)
        self.assertEqual(third.ids[changed[0]][1], fourth.ids[changed[0]][1])

    def test_a_snapshot_and_its_program_are_compared_by_id_in_either_order(self):
        program = self.subject("known")
        pid = f"pid:{program.pid}"
        first = self.snap(program.pid)
        path = self.folder / "1.heapsnapshot"
        self.tell(program, "swap")  # one block for another of the same place
        there = json.loads(self.plim("diff", path, pid, "-j"))
        back = json.loads(self.plim("diff", pid, path, "-j"))
        self.assertEqual((there["matched_by"], there["added"], there["removed"]), ("id", 1, 1))
        self.assertEqual((back["matched_by"], back["added"], back["removed"]), ("id", 1, 1))
        self.assertGreater(len(first.nodes), 0)
        child = self.subject("known")  # the same program, and another process
        there = json.loads(self.plim("diff", path, f"pid:{child.pid}", "-j"))
        self.assertEqual(there["matched_by"], "class")

    def test_what_grows_is_named_with_place_and_holder_and_what_does_not_is_silent(self):
        program = self.subject("known")
        grow = action(program, "grow:300")
        report = self.leaks(f"pid:{program.pid}", "--action", grow, status=1)
        self.assertEqual(len(report["leaks"]), 1, report)
        text = json.dumps(report["leaks"][0])
        self.assertIn("make_item heap_subject.c:", text)
        self.assertIn("held_by_name", text)
        churn = action(program, "churn:5000")
        report = self.leaks(f"pid:{program.pid}", "--action", churn, status=0)
        self.assertEqual(report["leaks"], [])

    def test_two_looks_sample_what_was_made_between_them_and_cpp_is_readable(self):
        program = self.folder / "grow"
        subprocess.run(["c++", "-std=c++17", "-O1", "-g", "-o", program, GROW_SOURCE], check=True)
        running = self.start([program])
        self.until(lambda: "shop::basket<int>::add subject_grow.cpp:" in
                   self.plim("classes", f"pid:{running.pid}", status=(0, 5)))
        self.plim("sample", f"pid:{running.pid}", "--duration", "1s", "-o", "a.heapprofile")
        profile = json.loads((self.folder / "a.heapprofile").read_text(encoding="utf-8"))
        rows = profile["head"]["children"]
        self.assertEqual({row["callFrame"]["functionName"] for row in rows},
                         {"shop::basket<int>::add"})
        # A std::map's row is its user's, at the line that made it; so is what a string takes.
        lines = GROW_SOURCE.read_text(encoding="utf-8").split("\n")
        self.assertEqual({row["callFrame"]["url"] for row in rows}, {"subject_grow.cpp"})
        self.assertEqual({re.search(r"rows\[key\]|new char",
                                    lines[row["callFrame"]["lineNumber"]])[0] for row in rows},
                         {"rows[key]", "new char"})
        buffers = [row["selfSize"] for row in rows
                   if "new char" in lines[row["callFrame"]["lineNumber"]]]
        self.assertEqual((len(buffers), buffers[0] % 1024), (1, 0), rows)
        self.assertGreater(buffers[0], 0)
        self.assertEqual(sum(row["selfSize"] for row in rows),
                         sum(sample["size"] for sample in profile["samples"]))
        self.plim("sample", f"pid:{running.pid}", "--include-collected", status=5)
        self.goes_on(running.pid)

    def test_leaks_of_a_cpp_service_are_named_by_the_line_that_made_them(self):
        program = self.folder / "leaks"
        lines = LEAKS_SOURCE.read_text(encoding="utf-8").split("\n")
        subprocess.run(["c++", "-std=c++17", "-O2", "-g", "-o", program, LEAKS_SOURCE],
                       check=True)

        def grows(word, comment, kind, function, *says):
            running = self.start([program])
            self.assertEqual(running.stdout.readline(), "ready\n")
            report = self.leaks(f"pid:{running.pid}", "--action", action(running, word), status=1)
            leak = report["leaks"][0]
            self.assertEqual((len(report["leaks"]), leak["kind"]), (1, kind), report)
            named = re.fullmatch(r"(.+) subject_leaks\.cpp:(\d+)", leak["name"])
            self.assertIsNotNone(named, leak["name"])
            self.assertIn("// " + comment, lines[int(named[2]) - 1], leak["name"])
            self.assertIn(function, named[1])
            for text in says:
                self.assertIn(text, leak["says"])
            self.assertNotIn("runtime itself", leak["says"])

        grows("map", "the map's", "growing collection", "session_table::open_session",
              'variable "(anonymous namespace)::table" of leaks', "never freed")
        grows("cycle", "the cycle's", "lost", "marry", "lost, as nothing leads there")
        grows("forget", "the forgotten", "lost", "forget", "lost, as nothing leads there")
        grows("log", "the log's", "growing collection", "append_log", "log_text",
              "one block that is made larger again and again")
        healthy = self.start([program])
        self.assertEqual(healthy.stdout.readline(), "ready\n")
        report = self.leaks(f"pid:{healthy.pid}", "--action", action(healthy, "cache"), status=0)
        self.assertEqual(report["leaks"], [])

    def test_a_heap_too_large_to_copy_says_that_it_was_read_while_the_program_ran(self):
        small = self.subject("known")
        self.snap(small.pid)
        self.assertIsNone(self.taken["remark"])
        large = self.start(["/usr/bin/python3", "-c", "held = [bytes(100000) for _ in range(900)]\n"
                            "print('ready', flush=True)\ninput()"])
        self.assertEqual(large.stdout.readline(), "ready\n")
        self.snap(large.pid)
        self.assertIn("64 MiB", self.taken["remark"])

    # --- what programs do ----------------------------------------------------------------------

    def test_a_child_of_fork_has_a_heap_of_its_own(self):
        program = self.subject("known")
        before = self.snap(program.pid)
        child = int(self.tell(program, "fork")[0].split()[1])
        self.addCleanup(os.kill, child, signal.SIGKILL)
        self.until(lambda: len(self.snap(child).named("make_item")) == 550)
        after = self.snap(program.pid)
        self.assertEqual([n for n in before.nodes if n[0] == "object"],
                         [n for n in after.nodes if n[0] == "object"])

    def test_exec_begins_anew(self):
        program = self.subject("known")
        self.assertEqual(len(self.snap(program.pid).named("make_item")), 50)
        self.tell(program, "exec")
        graph = self.snap(program.pid)
        self.assertEqual(graph.named("make_item"), [])
        self.tell(program, "known")
        self.assertEqual(len(self.snap(program.pid).named("make_item")), 50)

    def test_a_program_at_full_speed_is_looked_into_and_goes_on(self):
        program = self.subject("known", "busy")
        for _ in range(15):
            graph = self.snap(program.pid)
            self.assertEqual(len(graph.named("make_item")), 50)
            self.assertEqual(len({n[2] for n in graph.nodes}), len(graph.nodes))
        self.goes_on(program.pid)
        self.tell(program, "grow:10")
        self.assertEqual(len(self.snap(program.pid).named("make_item")), 60)

    def test_without_notes_it_says_what_to_do(self):
        program = self.subject(PLIM_SITES=None)
        said = self.plim("snap", f"pid:{program.pid}", status=5)
        self.assertIn("PLIM_SITES=8", said)
        usage = json.loads(self.plim("usage", f"pid:{program.pid}", "-j"))
        self.assertIsNone(usage["used_bytes"])
        self.assertGreater(usage["total_bytes"], 0)

    def test_one_without_the_library_is_refused(self):
        program = self.subject(LD_PRELOAD=None)
        self.plim("snap", f"pid:{program.pid}", status=5)

    def test_it_is_listed_and_has_an_address_of_its_own(self):
        program = self.subject("known")
        rows = json.loads(self.plim("ps", "-j"))
        row = next(r for r in rows["targets"] if r["pid"] == program.pid)
        self.assertEqual((row["runtime"], row["address"]), ("c", f"pid:{program.pid}"))
        usage = json.loads(self.plim("usage", f"heap:{program.pid}", "-j"))
        self.assertGreater(usage["used_bytes"], 5000)

    def test_reading_verbs_read_it_where_it_is(self):
        program = self.subject("known")
        rows = json.loads(self.plim("classes", f"pid:{program.pid}", "-j"))
        self.assertIn("make_item heap_subject.c:", json.dumps(rows))
        self.plim("summary", f"pid:{program.pid}")
        self.goes_on(program.pid)
        plain = self.subject(PLIM_SITES=None)
        self.assertIn("PLIM_SITES=8", self.plim("summary", f"pid:{plain.pid}", status=5))

    # --- view, top, serve ------------------------------------------------------------------------

    def shown(self, *words):
        return json.loads(self.plim(*words, "-j"))

    def test_view_lists_blocks_by_site_and_domain_and_what_they_hold(self):
        program = self.subject("known")
        address = f"pid:{program.pid}"
        view = self.shown("view", address)
        rows = {row["name"].split(" ")[0]: row for row in view["types"]}
        self.assertEqual((rows["make_item"]["count"], rows["make_head"]["count"]), (50, 2))
        self.assertGreaterEqual(rows["make_item"]["held_bytes"], 50 * 96)
        self.assertEqual(sum(row["count"] for row in view["types"]), view["object_count"])
        self.assertEqual(sum(row["held_bytes"] for row in view["types"]), view["held_bytes"])
        self.assertEqual(sum(row["count"] for row in view["owners"]), view["object_count"])
        sizes = [row["held_bytes"] for row in view["types"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.goes_on(program.pid)
        item = next(row["name"] for row in view["types"] if row["name"].startswith("make_item "))
        items = self.shown("view", address, "--by", "object", "--type", item)["objects"]
        self.assertEqual({row["type"] for row in items}, {item})
        self.assertEqual(len({row["id"] for row in items}), 50)
        # In struct head: the slots are at 8; the middle of a block counts, too.
        head = next(row["name"] for row in view["types"] if row["name"].startswith("make_head "))
        slots = self.shown("view", address, "--by", "object", "--type", next(
            row["name"] for row in view["types"] if row["name"].startswith("make_slots ")))
        heads = self.shown("view", address, "--by", "object", "--type", head)["objects"]
        words = [self.shown("view", address, f"@{row['id']}")["object"]["words"] for row in heads]
        self.assertIn(slots["objects"][0]["id"], [word[1]["object"] for word in words])
        said = "".join(self.plim("view", address, f"@{row['id']}") for row in heads)
        self.assertIn("make_slots heap_subject.c:", said)
        ids = {node[2] for node in self.snap(program.pid).nodes}
        self.assertLessEqual({row["id"] for row in items}, ids)  # the same as in snapshots

    def test_view_refuses_what_blocks_have_not(self):
        program = self.subject("known")
        for words in (["--by", "tree"], ["--by", "tag"], ["--at", "-1"], ["--cut"], ["--tag", "1"]):
            said = self.plim("view", f"pid:{program.pid}", *words, status=5)
            self.assertIn("without a region", said)
            self.assertIn("try: plim", said)
        self.plim("view", f"pid:{program.pid}", "@999999999", status=2)
        plain = self.subject(PLIM_SITES=None)
        self.assertIn("PLIM_SITES=8", self.plim("view", f"pid:{plain.pid}", status=5))
        bare = self.subject(LD_PRELOAD=None)
        self.assertIn("has no region", self.plim("view", f"pid:{bare.pid}", status=5))

    def test_top_has_its_sites_and_domains(self):
        program = self.subject("known")
        frame = self.plim("top", f"pid:{program.pid}", "--once")
        self.assertRegex(frame, r"make_item heap_subject\S*\s+50\s")
        self.assertIn("types", frame)
        self.assertIn("owners", frame)

    def serve(self, program):
        env = {"PATH": DEBIAN, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        server = subprocess.Popen([str(PLIM), "serve", "--plain", "--port", "0",
                                   f"pid:{program.pid}"], stdout=subprocess.PIPE, text=True,
                                  stdin=subprocess.PIPE, env=env)
        self.addCleanup(self.end, server)
        return server.stdout.readline().strip()

    def test_served_it_is_a_target_with_sampling_and_a_timeline(self):
        program = self.subject("known")
        refused = self.plim("track", f"pid:{program.pid}", "-o", "none.heaptimeline", status=5)
        self.assertIn("plim serve", refused)  # the way that works, which follows
        self.assertIn("plim leaks", self.plim("gc", f"pid:{program.pid}", status=5))
        address = self.serve(program)
        graph = self.folder / "served.heapsnapshot"
        self.plim("snap", address, "-o", graph)
        self.assertEqual(len(Snapshot(graph).named("make_item")), 50)
        self.plim("sample", address, "--duration", "1s", "-o", "none.heapprofile")
        sampling = self.popen("sample", address, "--duration", "2s", "-o", "some.heapprofile")
        tracking = self.popen("track", address, "--duration", "2s", "-o", "some.heaptimeline")
        self.grow_until_over(program, sampling, tracking)
        profile = json.loads((self.folder / "some.heapprofile").read_text(encoding="utf-8"))
        rows = {row["callFrame"]["functionName"]: row for row in profile["head"]["children"]}
        self.assertGreaterEqual(rows["make_item"]["selfSize"], 20 * 96)
        self.assertEqual(rows["make_item"]["callFrame"]["url"], "heap_subject.c")
        self.assertNotIn("make_item",
                         (self.folder / "none.heapprofile").read_text(encoding="utf-8"))
        self.assertGreater((self.folder / "some.heaptimeline").stat().st_size, 1000)
        self.goes_on(program.pid)

    def grow_until_over(self, program, *processes):
        """Whenever they begin and end, something grew meanwhile."""
        end = time.monotonic() + 90
        while any(process.poll() is None for process in processes):
            self.assertLess(time.monotonic(), end, "they do not end")
            self.tell(program, "grow:20")
            time.sleep(0.02)
        self.assertEqual([process.returncode for process in processes], [0] * len(processes))

    def popen(self, *words):
        env = {"PATH": DEBIAN, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        process = subprocess.Popen([str(PLIM), *words], cwd=self.folder, env=env,
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        return process

    def test_maps_that_lie_do_no_harm(self):
        for seed in range(30):
            program = self.subject("known", f"spoil:{seed}")
            self.plim("snap", f"pid:{program.pid}", "-f", "-o", self.folder / "spoilt",
                      status=(0, 3, 4, 5, 6), timeout=30)
            self.plim("view", f"pid:{program.pid}", "--by", "object", status=(0, 3, 4, 5, 6),
                      timeout=30)
            self.end(program)

    def until(self, is_so):
        end = time.monotonic() + WAIT_S
        while not is_so():
            self.assertLess(time.monotonic(), end, "it did not come to be so")
            time.sleep(0.05)

    # --- last words ----------------------------------------------------------------------------

    def last_words(self, word, **variables):
        report = self.folder / "report-%p"
        program = self.subject("known", PLIM_REPORT=str(report), **variables)
        if isinstance(word, str):
            self.tell(program, word)
        else:
            program.send_signal(word)
        status = program.wait(WAIT_S)
        self.end(program)
        found = [report["when"] for report in self.preload.reports()]
        self.preload.forget()
        return status, found

    def test_ways_out_without_exit_have_last_words(self):
        self.assertEqual(self.last_words("_exit"), (7, ["_exit"]))
        self.assertEqual(self.last_words("abort"), (-signal.SIGABRT, []))
        fatal = {"PLIM_REPORT_FATAL": "1"}
        self.assertEqual(self.last_words("abort", **fatal), (-signal.SIGABRT, ["death"]))
        self.assertEqual(self.last_words("fault", **fatal), (-signal.SIGSEGV, ["death"]))
        self.assertEqual(self.last_words(signal.SIGTERM, **fatal), (-signal.SIGTERM, ["death"]))
        self.assertEqual(self.last_words(signal.SIGKILL, **fatal), (-signal.SIGKILL, []))
        self.assertEqual(self.last_words("vfork", **fatal), (0, ["exit"]))

    # --- real programs -------------------------------------------------------------------------

    def redis(self):
        socket = self.folder / "s"
        program = self.start(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                              "--appendonly", "no", "--slowlog-log-slower-than", "-1"])
        self.until(socket.exists)
        return program, f"redis-cli -s {socket} "

    def test_redis_server_with_a_key_that_grows(self):
        program, client = self.redis()
        push = ("eval \"for i = 1, 4000 do redis.call('rpush', 'audit', 'event ' .. i .. "
                "string.rep(' and what it said', 4)) end\" 0")
        report = self.leaks(f"pid:{program.pid}", "--action", client + push, status=1)
        self.assertEqual(len(report["leaks"]), 1, json.dumps(report)[:2000])
        text = json.dumps(report["leaks"][0])
        self.assertRegex(text, r"quicklist\w+ \(redis-")  # the list's nodes, and who holds them
        self.assertRegex(text, r'"[^"]*server\+0x')
        work = client + ("eval \"for i = 1, 3000 do redis.call('set', 'k' .. i % 100, i) "
                         "redis.call('rpush', 'q', i) redis.call('lpop', 'q') end\" 0")
        report = self.leaks(f"pid:{program.pid}", "--action", work, "--warmup", "3", status=0)
        self.assertEqual(report["leaks"], [])
        self.assertEqual(subprocess.run(client.split() + ["ping"], capture_output=True, text=True,
                                        check=True, env={"PATH": DEBIAN}).stdout, "PONG\n")

    def test_python3_with_a_cache_that_grows(self):
        script = self.folder / "service.py"
        script.write_text("import sys\n"
                          "CACHE, RECENT = {}, {}\n"
                          "def answer(n, keep):\n"
                          "    made = [n, 'answer to request %d' % n]\n"
                          "    (CACHE if keep else RECENT)[n if keep else n % 50] = made\n"
                          "count = 0\n"
                          "print('ready', flush=True)\n"
                          "for line in sys.stdin:\n"
                          "    for _ in range(5000):\n"
                          "        count += 1\n"
                          "        answer(count, line.strip() == 'leak')\n"
                          "    print('ready', flush=True)\n", encoding="utf-8")
        program = self.start(["/usr/bin/python3", script], PYTHONMALLOC="malloc", PLIM_SITES="12")
        self.assertEqual(program.stdout.readline(), "ready\n")
        report = self.leaks(f"pid:{program.pid}", "--action", action(program, "leak"), status=1)
        self.assertEqual(len(report["leaks"]), 1, json.dumps(report)[:3000])
        text = json.dumps(report["leaks"][0])
        self.assertRegex(text, r"PyList_New \(")
        self.assertRegex(text, r"PyDict_New \(")  # the cache, which holds them
        report = self.leaks(f"pid:{program.pid}", "--action", action(program, "work"), status=0)
        self.assertEqual(report["leaks"], [])


    def look_all_over(self, program, some_site):
        """Every verb that the handbook has for a program that knows nothing of us."""
        address = f"pid:{program.pid}"
        view = self.shown("view", address)
        self.assertGreater(view["object_count"], 100)
        self.assertRegex(json.dumps(view["types"]), some_site)
        self.assertRegex(self.plim("top", address, "--once"), r"types\]? +owners")
        graph = self.snap(program.pid)
        self.assertEqual([row["count"] for row in view["owners"]], [view["object_count"]])
        block = next(node[2] for node in graph.nodes if node[0] == "object")
        held = self.shown("retainers", address, f"@{block}")
        self.assertEqual((held["node"]["id"], held["path"][-1]["id"]), (block, block))
        self.shown("diff", self.folder / "1.heapsnapshot", address)
        served = self.folder / "served.heapsnapshot"
        self.plim("snap", self.serve(program), "-f", "-o", served)
        self.assertGreater(len(Snapshot(served).nodes), 100)
        self.assertGreater(self.shown("usage", address)["used_bytes"], 10000)
        self.goes_on(program.pid)

    def test_redis_server_is_seen_by_every_verb(self):
        program, _client = self.redis()
        self.look_all_over(program, r"createObject|aeCreateEventLoop")

    def test_python3_is_seen_by_every_verb(self):
        program = self.start(["/usr/bin/python3", "-c", "held = [str(n) for n in range(20000)]\n"
                              "print('ready', flush=True)\ninput()"])
        self.assertEqual(program.stdout.readline(), "ready\n")
        self.look_all_over(program, r"python3")


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

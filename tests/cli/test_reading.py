# SPDX-License-Identifier: MIT
"""The reading verbs: answers on a heap known by hand, schemas field by field, bad input, forms."""

import gzip
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from plim import PLIM, BARE, Terminal, run, strip_styles  # before heap: it takes argv[1]
import heap

CLASS = {"name": str, "source": (str, type(None)), "count": int, "self_bytes": int,
         "retained_bytes": int, "distance": (int, type(None))}
NODE = {"id": int, "name": str, "type": str, "self_bytes": int, "retained_bytes": int,
        "distance": (int, type(None)), "source": (str, type(None))}
STEP = {"id": int, "name": str, "edge": (str, int, type(None)),
        "edge_type": (str, type(None))}
DIFF = {"name": str, "added": int, "removed": int, "delta": int, "added_bytes": int,
        "removed_bytes": int, "delta_bytes": int}


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, made):
        return made.write(self.path(name))

    def check(self, value, shape):
        self.assertEqual(set(value), set(shape), value)
        for key, kinds in shape.items():
            self.assertIsInstance(value[key], kinds, key)
            self.assertNotIsInstance(value[key], bool, key)

    def json(self, *arguments, code=0):
        done = run(*arguments, "--json")
        self.assertEqual(done.code, code, done.err)
        self.assertEqual(done.err, "")
        self.assertEqual(done.out.count("\n"), 1)
        return json.loads(done.out)


class Answers(Files):
    def test_summary_has_totals_and_classes_by_retained_size(self):
        file = self.write("a.heapsnapshot", heap.simple())
        value = self.json("summary", file)
        self.assertEqual(list(value), ["schema", "nodes", "edges", "strings", "self_bytes",
                                       "classes"])
        self.assertEqual(value["schema"], "plim.summary/1")
        self.assertEqual((value["nodes"], value["edges"]), (9, 8))
        self.assertEqual(value["self_bytes"], 64 + 32 + 3 * 24 + 3000)
        for row in value["classes"]:
            self.check(row, CLASS)
        sizes = [row["retained_bytes"] for row in value["classes"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        session = next(row for row in value["classes"] if row["name"] == "Session")
        self.assertEqual((session["count"], session["self_bytes"], session["retained_bytes"]),
                         (3, 72, 3072))

    def test_a_source_counts_lines_and_columns_from_one(self):
        file = self.write("a.heapsnapshot", heap.simple())
        rows = self.json("classes", file)["classes"]
        self.assertEqual({row["name"]: row["source"] for row in rows if row["source"]},
                         {"Cache": "7:12:5"})

    def test_classes_are_sorted_and_filtered(self):
        file = self.write("a.heapsnapshot", heap.simple())
        for key, sort in (("count", "count"), ("self_bytes", "self"),
                          ("retained_bytes", "retained")):
            values = [row[key] for row in self.json("classes", file, "--sort", sort)["classes"]]
            self.assertEqual(values, sorted(values, reverse=True), sort)
        names = [row["name"] for row in self.json("classes", file, "-s", "name")["classes"]]
        self.assertEqual(names, sorted(names))
        found = self.json("classes", file, "--filter", "sESS")["classes"]
        self.assertEqual([row["name"] for row in found], ["Session"])
        self.assertEqual(len(self.json("classes", file, "--top", "1")["classes"]), 1)

    def test_retainers_gives_node_path_and_holders(self):
        file = self.write("a.heapsnapshot", heap.simple())
        value = self.json("retainers", file, "@103")
        self.assertEqual(list(value), ["schema", "node", "path", "retainers"])
        self.assertEqual(value["schema"], "plim.retainers/1")
        self.check(value["node"], NODE)
        self.assertEqual((value["node"]["id"], value["node"]["retained_bytes"]), (103, 1024))
        for step in value["path"]:
            self.check(step, STEP)
        self.assertEqual([step["id"] for step in value["path"]], [1, 3, 5, 103])
        self.assertEqual([step["edge"] for step in value["path"]], [None, 1, "cache", 1])
        self.check(value["retainers"][0], {**NODE, "edge": (str, int), "edge_type": str})
        self.assertEqual(value["retainers"][0]["id"], 5)

    def test_an_id_may_stand_before_its_file(self):
        file = self.write("a.heapsnapshot", heap.simple())
        self.assertEqual(self.json("retainers", "@103", file)["node"]["id"], 103)

    def test_paths_are_distinct_and_begin_at_the_root(self):
        made = heap.simple()
        made.add(9, "object", "Other", 16)
        made.link(3, "property", "other", 9)
        made.link(9, "property", "session", 103)
        value = self.json("paths", self.write("a.heapsnapshot", made), "@103")
        self.assertEqual(list(value), ["schema", "node", "paths"])
        ways = [[step["id"] for step in path] for path in value["paths"]]
        self.assertEqual(sorted(ways), [[1, 3, 5, 103], [1, 3, 9, 103]])
        one = self.json("paths", self.path("a.heapsnapshot"), "@103", "-n1")
        self.assertEqual(len(one["paths"]), 1)

    def test_dominators_nest_as_deep_as_asked(self):
        file = self.write("a.heapsnapshot", heap.simple())
        value = self.json("dominators", file, "@3", "--depth", "2")
        self.assertEqual(value["node"]["id"], 3)
        cache = value["children"][0]
        self.check(cache, {**NODE, "children": list})
        self.assertEqual((cache["id"], cache["retained_bytes"]), (5, 32 + 3072))
        self.assertEqual([child["id"] for child in cache["children"]], [101, 103, 105])
        self.assertEqual(cache["children"][0]["children"], [])

    def test_diff_counts_by_id(self):
        old = self.write("a.heapsnapshot", heap.simple(3))
        new = self.write("b.heapsnapshot", heap.simple(5))
        value = self.json("diff", old, new)
        self.assertEqual(value["matched_by"], "id")
        for row in value["classes"]:
            self.check(row, DIFF)
        session = next(row for row in value["classes"] if row["name"] == "Session")
        self.assertEqual((session["added"], session["removed"], session["delta_bytes"]),
                         (2, 0, 48))
        self.assertEqual(value["delta_bytes"], 2048)

    def test_the_gate_of_diff_judges_growth_only(self):
        old = self.write("a.heapsnapshot", heap.simple(3))
        new = self.write("b.heapsnapshot", heap.simple(5))
        self.assertEqual(run("diff", old, new).code, 0)
        self.assertEqual(run("diff", old, new, "--gate").code, 1)
        self.assertEqual(run("diff", new, old, "--gate").code, 0)
        self.assertEqual(run("diff", old, new, "--gate", "--min-growth=2048").code, 0)
        self.assertEqual(run("diff", old, new, "--gate", "--min-growth=2047").code, 1)

    def test_sidecars_decide_how_diff_matches(self):
        old = self.write("a.heapsnapshot", heap.simple(3))
        new = self.write("b.heapsnapshot", heap.simple(5, first_id=501))
        side = '{"schema":"plim.series/1","series":"%s"}'
        one, other = "0" * 36, "1" * 36
        for first, second, expected in ((one, one, "id"), (one, other, "class"),
                                        (one, None, "class"), (None, None, "id")):
            for file, series in ((old, first), (new, second)):
                if os.path.exists(file + ".series"):
                    os.remove(file + ".series")
                if series:
                    with open(file + ".series", "w", encoding="utf-8") as sidecar:
                        sidecar.write(side % series)
            value = self.json("diff", old, new)
            self.assertEqual(value["matched_by"], expected)
            self.assertEqual(value["delta_bytes"], 2048)
            session = next(row for row in value["classes"] if row["name"] == "Session")
            self.assertEqual((session["added"], session["removed"]),
                             (5, 3) if expected == "id" else (2, 0))
        self.assertEqual(self.json("diff", old, new, "--match", "class")["matched_by"], "class")

    def test_compressed_files_and_pipes_read_the_same(self):
        file = self.write("a.heapsnapshot", heap.simple())
        with open(file, "rb") as source, gzip.open(file + ".gz", "wb") as packed:
            packed.write(source.read())
        subprocess.run(["zstd", "-q", file], check=True)
        plain = run("summary", file, "--json").out
        for name in (".gz", ".zst"):
            self.assertEqual(run("summary", file + name, "--json").out, plain)
            with open(file + name, "rb") as pipe:
                self.assertEqual(run("summary", "-", "--json", stdin=pipe).out, plain)


class Forms(Files):
    def test_the_human_summary_is_exactly_this(self):
        file = self.write("a.heapsnapshot", heap.simple())
        with open(os.path.join(os.path.dirname(__file__), "summary.exact"),
                  encoding="utf-8") as exact:
            self.assertEqual(run("summary", file).out, exact.read())

    def test_the_human_retainers_are_exactly_this(self):
        file = self.write("a.heapsnapshot", heap.simple())
        with open(os.path.join(os.path.dirname(__file__), "retainers.exact"),
                  encoding="utf-8") as exact:
            self.assertEqual(run("retainers", file, "@103").out, exact.read())

    def test_plain_is_one_line_of_names_and_rows_of_exact_numbers(self):
        file = self.write("a.heapsnapshot", heap.simple(3, 10000000))
        lines = run("summary", file, "--plain").out.splitlines()
        self.assertEqual(lines[0].split("\t"), list(CLASS))
        rows = {line.split("\t")[0]: line.split("\t") for line in lines[1:]}
        self.assertEqual(rows["Session"], ["Session", "", "3", "72", "30000072", "3"])
        for line in lines:
            self.assertEqual(line.count("\t"), 5)

    def test_bytes_are_exact_with_thousands_separated(self):
        file = self.write("a.heapsnapshot", heap.simple(3, 10000000))
        self.assertIn("30,000,072", run("summary", file, "--bytes").out)
        self.assertIn("28.6 MiB", run("summary", file).out)

    def test_people_see_twenty_rows_unless_told(self):
        made = heap.simple()
        for number in range(30):
            made.add(1001 + 2 * number, "object", f"Class{number:02}", 100 + number)
            made.link(3, "element", number, 1001 + 2 * number)
        file = self.write("a.heapsnapshot", made)
        self.assertIn("more (--top 0 shows all)", run("summary", file).out)
        self.assertEqual(len(re.findall("Class", run("summary", file, "--top", "0").out)), 30)
        self.assertEqual(len(re.findall("Class", run("summary", file, "--json").out)), 30)

    def test_no_line_is_wider_than_the_terminal(self):
        made = heap.simple()
        made.add(7, "object", "Very" * 60 + "LongName", 5000)
        made.link(3, "property", "property" * 40, 7)
        made.add(9, "object", "\u6f22\u5b57" * 60, 6000)
        made.link(7, "property", "wide", 9)
        file = self.write("a.heapsnapshot", made)
        for verb in (["summary", file], ["classes", file], ["retainers", file, "@9"],
                     ["paths", file, "@9"], ["dominators", file, "--depth=5"],
                     ["diff", file, file]):
            for columns in (80, 60, 120):
                out = run(*verb, env={"COLUMNS": str(columns)}).out
                for line in out.splitlines():
                    wide = sum(2 if "\u4e00" <= letter <= "\u9fff" else 1 for letter in line)
                    self.assertLessEqual(wide, columns, (verb[0], line))

    def test_colour_follows_flag_then_environment_then_terminal(self):
        file = self.write("a.heapsnapshot", heap.simple())
        cases = [
            ([], {}, False), (["--color=always"], {}, True),
            (["--color=always"], {"NO_COLOR": "1"}, True),
            ([], {"CLICOLOR_FORCE": "1"}, True), ([], {"FORCE_COLOR": "1"}, True),
            ([], {"FORCE_COLOR": "0"}, False),
            ([], {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
            (["--color=never"], {"CLICOLOR_FORCE": "1"}, False),
            (["--color=always", "--json"], {}, False), (["--color=always", "--plain"], {}, False),
        ]
        for flags, env, coloured in cases:
            out = run("summary", file, *flags, env=env).out
            self.assertEqual("\x1b[" in out, coloured, (flags, env))
        on_terminal = [([], {}, True), ([], {"NO_COLOR": "1"}, False),
                       ([], {"TERM": "dumb"}, False), (["--color=never"], {}, False)]
        for flags, env, coloured in on_terminal:
            screen = Terminal("summary", file, "-q", *flags, env=env)
            self.assertEqual(screen.finish(), 0)
            self.assertEqual(b"\x1b[1m" in screen.seen, coloured, (flags, env))

    def test_colour_is_all_that_colour_changes(self):
        file = self.write("a.heapsnapshot", heap.simple())
        for verb in (["summary", file], ["retainers", file, "@103"], ["dominators", file]):
            self.assertEqual(strip_styles(run(*verb, "--color=always").out), run(*verb).out)

    def test_long_output_is_paged_on_a_terminal_only(self):
        file = self.write("a.heapsnapshot", heap.simple())
        mark = self.path("paged")
        env = {"PAGER": f"touch {mark}; cat"}
        self.assertEqual(run("summary", file, env=env).code, 0)
        self.assertFalse(os.path.exists(mark))
        for flags, lines, paged in ((["--no-pager"], 4, False), ([], 40, False), ([], 4, True)):
            screen = Terminal("summary", file, *flags, lines=lines, env=env)
            self.assertEqual(screen.finish(), 0)
            self.assertIn(b"Session", screen.seen)
            self.assertEqual(os.path.exists(mark), paged, (flags, lines))

    def test_progress_is_for_terminals_and_not_with_quiet(self):
        file = self.write("a.heapsnapshot", heap.simple(20000))
        self.assertEqual(run("summary", file).err, "")
        screen = Terminal("summary", file)
        self.assertEqual(screen.finish(), 0)
        self.assertIn(b"reading a.heapsnapshot", screen.seen)
        screen = Terminal("summary", file, "-q")
        self.assertEqual(screen.finish(), 0)
        self.assertNotIn(b"reading", screen.seen)


class Hostile(Files):
    def verbs(self):
        file = self.write("evil.heapsnapshot", heap.hostile())
        return [["summary", file], ["classes", file], ["retainers", file, "@7"],
                ["paths", file, "@7"], ["dominators", file, "--depth=4"], ["diff", file, file]]

    def test_no_control_character_of_a_snapshot_reaches_the_terminal(self):
        for verb in self.verbs():
            for form in ([], ["--plain"], ["--color=always"]):
                out = strip_styles(run(*verb, *form).out)
                bad = [letter for letter in out if letter not in "\n\t"
                       and (letter < " " or "\x7f" <= letter <= "\x9f"
                            or "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069")]
                self.assertEqual(bad, [], (verb[0], form))
                if form == ["--plain"]:
                    columns = {line.count("\t") for line in out.splitlines()}
                    self.assertEqual(len(columns), 1, verb[0])

    def test_json_keeps_the_names_and_is_valid(self):
        value = self.json(*self.verbs()[0])
        names = [row["name"] for row in value["classes"]]
        self.assertIn(heap.HOSTILE, names)
        self.assertIn("lone \ufffd surrogate", names)

    def test_json_is_valid_utf8_without_control_bytes(self):
        for verb in self.verbs():
            raw = run(*verb, "--json").raw
            raw.decode("utf-8")
            self.assertNotIn(b"\x1b", raw)
            self.assertNotIn(b"\x9b", raw.replace(b"\xc2\x9b", b"!"))

    def test_a_hostile_file_name_does_not_reach_the_terminal_either(self):
        done = run("summary", "no\x1b[31msuch\n\x07file")
        self.assertEqual(done.code, 3)
        self.assertNotIn("\x1b", done.err)
        self.assertNotIn("\x07", done.err)


class BadInput(Files):
    def fails(self, code, *arguments, **more):
        done = run(*arguments, **more)
        self.assertEqual(done.code, code, (arguments, done.err))
        self.assertEqual(done.out, "")
        lines = done.err.splitlines()
        self.assertRegex(lines[0], r"^plim: \S")
        for line in lines[1:]:
            self.assertRegex(line, r"^  (where|try): \S")
        return done.err

    def test_each_bad_file_has_its_exit_code(self):
        good = heap.simple().text()
        texts = {"empty": "", "words": "not JSON at all\n", "list": "[1,2,3]\n", "object": "{}\n",
                 "binary": "\x00\x01\x02\x03" * 99}
        for name, text in texts.items():
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
            err = self.fails(4, "summary", self.path(name))
            self.assertIn(name, err)
        for cut in (1, 30, len(good) // 3, len(good) // 2, len(good) - 1):
            with open(self.path("cut"), "w", encoding="utf-8") as file:
                file.write(good[:cut])
            for verb in (["summary"], ["classes"], ["dominators"]):
                self.fails(4, *verb, self.path("cut"))
        self.assertIn("no such", self.fails(3, "summary", self.path("missing")).lower())
        self.fails(2, "summary", self.folder)

    def test_a_cut_compressed_file_is_truncated_not_short(self):
        file = self.write("a.heapsnapshot", heap.simple(300))
        with open(file, "rb") as source:
            packed = gzip.compress(source.read())
        with open(file + ".gz", "wb") as out:
            out.write(packed[:len(packed) * 2 // 3])
        self.fails(4, "summary", file + ".gz")

    def test_a_file_that_may_not_be_read_is_unreachable(self):
        file = self.write("a.heapsnapshot", heap.simple())
        os.chmod(file, 0)
        if os.access(file, os.R_OK):  # root reads everything: ask for what even root may not
            self.fails(3, "summary", "/proc/self/mem")
        else:
            self.fails(3, "summary", file)

    def test_a_full_device_is_told_with_exit_6(self):
        file = self.write("a.heapsnapshot", heap.simple())
        for verb in (["summary", file], ["summary", file, "--json"], ["help"], ["--version"],
                     ["retainers", file, "@103"], ["summary", "--help"]):
            with open("/dev/full", "wb") as full:
                done = run(*verb, stdout=full)
            self.assertEqual(done.code, 6, verb)
            self.assertIn("No space left", done.err)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        made = heap.simple(30000)
        file = self.write("a.heapsnapshot", made)
        child = subprocess.Popen([PLIM, "dominators", file, "--depth=9", "--top=0", "--json"],
                                 env=BARE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.read(10)
        child.stdout.close()
        self.assertEqual(child.stderr.read(), b"")
        child.stderr.close()
        self.assertEqual(child.wait(timeout=30), 141)

    def test_too_little_memory_says_so_and_exits_6(self):
        file = self.write("a.heapsnapshot", heap.simple(20000))
        for verb in (["summary", file], ["retainers", file, "@103"], ["dominators", file],
                     ["diff", file, file], ["paths", file, "@103"], ["classes", file]):
            err = self.fails(6, *verb, "--mem", "1M")
            self.assertIn("--mem 1M", err)
        self.assertIn("PLIM_MEM", self.fails(6, "summary", file, env={"PLIM_MEM": "1M"}))
        self.assertEqual(run("summary", file, "--mem", "512M").code, 0)
        self.fails(2, "summary", file, "--mem", "0")

    def test_any_little_memory_is_an_error_never_a_crash(self):
        file = self.write("a.heapsnapshot", heap.simple(50))
        for kib in range(1, 400, 7):
            for verb in (["summary"], ["dominators"], ["diff", file]):
                done = run(*verb, file, "--mem", f"{kib}K")
                self.assertIn(done.code, (0, 6), (verb, kib, done.err))

    def test_an_id_that_is_not_there_is_a_usage_error(self):
        file = self.write("a.heapsnapshot", heap.simple())
        self.assertIn("@999", self.fails(2, "retainers", file, "@999"))
        self.fails(2, "retainers", file, "@x")
        self.fails(2, "retainers", file, "103")
        self.fails(2, "retainers", "@103", "@105")
        self.fails(2, "dominators", file, "103")

    def test_usage_errors(self):
        file = self.write("a.heapsnapshot", heap.simple())
        for arguments in (["summary"], ["summary", file, file], ["diff", file],
                          ["summary", file, "--top", "x"], ["summary", file, "--top"],
                          ["summary", file, "--top=-1"], ["summary", file, "--mem", "12Q"],
                          ["classes", file, "--sort", "size"], ["paths", file, "@103", "-n", "0"],
                          ["paths", file, "@103", "-n", "1001"], ["summary", file, "--json=1"],
                          ["dominators", file, "--depth", "65"], ["classes", file, "--filter", ""],
                          ["summary", file, "-x"], ["summary", file, "--gate"], []):
            self.fails(2, *arguments)

    def test_mistyped_words_are_met_with_the_nearest(self):
        for typed, meant in (("sumary", "summary"), ("clases", "classes"), ("dif", "diff"),
                             ("retainer", "retainers"), ("helpp", "help")):
            self.assertIn(f"plim {meant}", self.fails(2, typed))
        self.assertIn("--filter", self.fails(2, "classes", "f", "--fliter", "x"))
        self.assertIn("--json", self.fails(2, "summary", "f", "--jsn"))
        self.assertIn("plim help", self.fails(2, "frobnicate"))
        self.fails(2, "summ")  # no abbreviations

    def test_what_follows_two_dashes_is_a_file(self):
        self.write("-q", heap.simple())
        done = run("summary", "--json", "--", "-q", cwd=self.folder)
        self.assertEqual(json.loads(done.out)["nodes"], 9)

    def test_options_may_stand_anywhere(self):
        file = self.write("a.heapsnapshot", heap.simple())
        wanted = run("summary", file, "--top=1", "--json").out
        for arguments in (["--top", "1", "summary", file, "-j"], ["-j", "summary", "--top=1", file],
                          ["summary", "-qj", "--top", "1", file]):
            self.assertEqual(run(*arguments).out, wanted, arguments)


if __name__ == "__main__":
    unittest.main()

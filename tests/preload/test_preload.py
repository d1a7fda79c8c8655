# SPDX-License-Identifier: MIT
"""libplimsoll-malloc.so. Method: subject.c does one thing after the other as any program might;
what it prints, how it ends, and what the report says are compared with what was asked for.

    test_preload.py LIBRARY SUBJECT MODULE CPP_SOURCE
"""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from preloaded import Preload, check, domain, resident  # noqa: E402

CPP_SOURCE = pathlib.Path(sys.argv.pop()).resolve()
MODULE = pathlib.Path(sys.argv.pop()).resolve()
SUBJECT = pathlib.Path(sys.argv.pop()).resolve()
LIBRARY = pathlib.Path(sys.argv.pop()).resolve()
MIB = 1 << 20


class Preloaded(unittest.TestCase):
    def setUp(self):
        self.preload = Preload(LIBRARY)
        self.addCleanup(self.preload.close)

    def run_subject(self, *words, **variables):
        return self.preload.run(SUBJECT, *words, **variables)

    def only_report(self):
        found = [report for report in self.preload.reports("subject")
                 if report["when"] != "refusal"]
        self.assertEqual(len(found), 1)
        return found[0]

    def config(self, text):
        path = self.preload.path / "budgets.conf"
        path.write_text(text, encoding="utf-8")
        return str(path)

    # --- the functions it replaces

    def test_the_family_does_what_the_manuals_say(self):
        done = self.run_subject("family", PLIM_TOTAL="64M")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("the family holds\n", "", 0))
        self.assertEqual(self.only_report()["foreign_frees"], 0)

    def test_the_program_was_really_served_by_it(self):
        self.run_subject("family")
        report = self.only_report()
        self.assertGreater(domain(report, "program")["allocation_total"], 40)

    def test_threads_hand_blocks_around_and_end(self):
        done = self.run_subject("threads", 3, PLIM_TOTAL="64M")
        self.assertEqual((done.stdout, done.returncode), ("threads hold\n", 0), done.stderr)
        report = self.only_report()
        # Nothing is left but what the C library keeps: a buffer, records of threads.
        self.assertLess(domain(report, "program")["used_bytes"], 64 << 10)

    def test_a_child_of_a_fork_can_allocate_whatever_other_threads_were_doing(self):
        done = self.run_subject("forks", 60, PLIM_TOTAL="64M")
        self.assertEqual((done.stdout, done.returncode), ("forks hold\n", 0), done.stderr)

    def test_a_signal_handler_that_allocates_breaks_nothing(self):
        done = self.run_subject("handlers", 2000000, PLIM_TOTAL="64M")
        self.assertRegex(done.stdout, r"^\d+ handlers hold\n$", done.stderr)
        self.assertGreater(self.only_report()["boot_bytes"], 0)

    def test_foreign_memory_is_left_alone_and_counted(self):
        done = self.run_subject("foreign")
        self.assertEqual((done.stdout, done.returncode), ("refused, 0\n", 0), done.stderr)
        report = self.only_report()
        self.assertEqual((report["foreign_frees"], report["foreign_resizes"]), (1, 1))

    def test_cpp_gets_bad_alloc_where_there_is_no_memory(self):
        program = self.preload.path / "subject_cpp"
        subprocess.run(["c++", "-std=c++17", "-O1", "-o", program, CPP_SOURCE], check=True)
        done = self.preload.run(program, PLIM_TOTAL="32M")
        self.assertEqual((done.stdout, done.returncode),
                         ("bad_alloc after many, 997 words, nothrow null\n", 0), done.stderr)
        self.assertGreater(self.preload.reports("subject_cpp")[0]["memory"]["manager"]
                           ["refusal_count"], 0)

    # --- budgets

    def test_a_leak_is_refused_at_the_budget_and_named(self):
        done = self.run_subject("leak", 10000, PLIM_TOTAL="16M")
        taken = int(done.stdout.split()[0])
        self.assertEqual(done.stdout, f"{taken} bytes, then ENOMEM\n")
        self.assertTrue(12 * MIB < taken <= 16 * MIB, taken)
        report = self.only_report()
        self.assertLessEqual(report["memory"]["manager"]["used_bytes"], 16 * MIB)
        refusals = report["memory"]["refusals"]
        self.assertTrue(any(row["site"].startswith("subject+0x") and row["domain"] == "program"
                            for row in refusals), refusals)

    def test_the_first_refusal_is_reported_at_once_and_once(self):
        self.run_subject("leak", 10000, PLIM_TOTAL="16M")
        found = self.preload.reports("subject")
        self.assertEqual([report["when"] for report in found], ["refusal", "exit"])
        self.assertGreater(found[0]["memory"]["manager"]["used_bytes"], 12 * MIB)
        self.preload.forget()
        self.run_subject("family", PLIM_TOTAL="64M")  # refused what is too large for anybody
        self.assertEqual([report["when"] for report in self.preload.reports("subject")], ["exit"])

    def test_the_named_place_is_the_line_that_asked(self):
        self.run_subject("leak", 10000, PLIM_TOTAL="16M")
        sites = [row["site"] for row in self.only_report()["memory"]["refusals"]
                 if row["site"].startswith("subject+0x")]
        shown = subprocess.run(["addr2line", "-f", "-e", SUBJECT, sites[0].split("+")[1]],
                               capture_output=True, text=True, check=True).stdout
        self.assertRegex(shown, r"^(take|leak)\n.*subject\.c:\d+")

    def test_mode_report_serves_and_counts_what_passes(self):
        done = self.run_subject("leak", 1000000, PLIM_TOTAL="16M", PLIM_MODE="report")
        self.assertIn("no end", done.stdout)
        report = self.only_report()
        self.assertGreater(report["passed_requests"], 900)
        self.assertEqual(domain(report, "beyond")["allocation_count"], report["passed_requests"])
        self.assertLessEqual(domain(report, "program")["used_bytes"], 16 * MIB)
        self.assertTrue(report["memory"]["refusals"][0]["site"].startswith("subject+0x"))

    def test_a_module_has_its_own_budget(self):
        config = self.config("[memory]\ntotal = 32M\n"
                             "[domain guest]\nlimit = 1M\nmodule = libsubject_module*\n")
        done = self.run_subject("module", 5000000, PLIM_CONFIG=config, SUBJECT_MODULE=str(MODULE))
        kept = int(done.stdout.split()[1].rstrip(","))
        self.assertTrue(900000 < kept <= MIB, done.stdout)
        self.assertIn("own served", done.stdout)
        report = self.only_report()
        self.assertEqual(domain(report, "guest")["refusal_count"], 1)
        self.assertEqual(domain(report, "program")["refusal_count"], 0)
        self.assertEqual([row["domain"] for row in report["memory"]["refusals"]], ["guest"])
        self.assertTrue(report["memory"]["refusals"][0]["site"].startswith("libsubject_module"))

    def test_a_variable_tightens_what_the_file_says(self):
        config = self.config("[memory]\ntotal = 32M\n"
                             "[domain guest]\nlimit = 1M\nmodule = libsubject_module*\n")
        done = self.run_subject("module", 5000000, PLIM_CONFIG=config,
                                PLIM_BUDGET_GUEST="256K", SUBJECT_MODULE=str(MODULE))
        kept = int(done.stdout.split()[1].rstrip(","))
        self.assertTrue(200000 < kept <= 256 << 10, done.stdout)

    def test_each_module_that_calls_has_its_domain_when_asked(self):
        self.run_subject("module", 50000, PLIM_MODULES="1", SUBJECT_MODULE=str(MODULE))
        report = self.only_report()
        guest = domain(report, MODULE.name[:31])
        self.assertGreaterEqual(guest["used_bytes"], 50000)
        names = {row["name"] for row in report["memory"]["domains"]}
        self.assertLessEqual({"program", "libc.so.6", MODULE.name[:31]}, names)

    # --- configuration

    def test_a_bad_configuration_ends_the_program_before_it_begins(self):
        config = self.config("[memory]\ntotal = 1M\n[domain a]\nlimit = 2M\n")
        for variables, status, text in (
                ({"PLIM_CONFIG": config}, 1, "budgets.conf:4: with domain \"a\" the limits add up"),
                ({"PLIM_TOTAL": "lots"}, 4, "PLIM_TOTAL: total: \"lots\" is not a size"),
                ({"PLIM_TOTLA": "1M"}, 4, "did you mean PLIM_TOTAL?"),
                ({"PLIM_CONFIG": "/nowhere.conf"}, 3, "/nowhere.conf"),
                ({"PLIM_BACKING": "libc"}, 1, "backing libc asks the C library"),
                ({"PLIM_BACKING": "emulated"}, 1, "whose place this takes"),
                ({"PLIM_BUDGET": "1M"}, 4, "does not say whose budget it is"),
                ({"PLIM_REPORT_SIGNAL": "KILL"}, 4, "\"KILL\" is none of USR1|USR2|")):
            with self.subTest(text):
                done = self.run_subject("leak", 10000, **variables)
                self.assertEqual((done.stdout, done.returncode), ("", status), done.stderr)
                self.assertTrue(done.stderr.startswith("libplimsoll-malloc: "), done.stderr)
                self.assertIn(text, done.stderr)

    # --- reports

    def test_what_the_report_says_is_held_is_what_the_kernel_has(self):
        done = self.run_subject("kernel", 8 * MIB, PLIM_TOTAL="64M", PLIM_REPORT_SIGNAL="USR2")
        report = self.preload.reports("subject")[0]
        self.assertEqual(report["when"], "signal")
        manager = report["memory"]["manager"]
        rss = resident(report, done.stdout)
        # All that is used was written to, so the kernel has it; what it does not have can only be
        # pages never touched of slabs, of free runs and of tables.
        untouched = manager["slack_bytes"] + manager["free_bytes"] + manager["tables_bytes"]
        self.assertLessEqual(rss, manager["held_bytes"] + (64 << 10))
        self.assertGreaterEqual(rss, manager["held_bytes"] - untouched)
        self.assertGreaterEqual(manager["used_bytes"], 16 * MIB)
        self.assertLess(abs(manager["held_bytes"] - rss), manager["held_bytes"] // 20)

    def test_a_report_that_lies_would_be_seen(self):
        self.run_subject("family")
        report = self.only_report()
        report["memory"]["manager"]["slack_bytes"] += 1
        with self.assertRaises(AssertionError):
            check(report)

    def test_a_report_that_cannot_be_written_is_said_before_the_program_begins(self):
        (self.preload.path / "folder").mkdir()
        for place, why in (("/nowhere/r-%p", r"/nowhere/r-\d+: No such file or directory"),
                           (str(self.preload.path / "folder"), "folder: it is a folder"),
                           ("/proc/self/status/r", "Not a directory")):
            done = self.run_subject("family", PLIM_REPORT=place)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stderr,
                             "^libplimsoll-malloc: no report can be written to .*" + why)
        done = self.run_subject("family", PLIM_REPORT=str(self.preload.path / "report-%p"))
        self.assertEqual(done.stderr, "")

    def test_text_goes_to_standard_error_even_if_the_program_closes_its_own(self):
        done = self.preload.run("ls", "/", PLIM_REPORT="-", PLIM_REPORT_FORM="text")
        self.assertIn("== plimsoll: ls, process", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^program ")

    def test_a_program_that_replaces_itself_reports_first_and_its_successor_anew(self):
        for way in range(9):
            with self.subTest(way):
                self.preload.forget()
                done = self.run_subject("replace", way, PLIM_TOTAL="32M")
                self.assertEqual((done.stdout, done.returncode), ("the family holds\n", 0))
                found = self.preload.reports()  # "exe": what was run is /proc/self/exe
                self.assertEqual([report["when"] for report in found], ["exec", "exit"])
                self.assertEqual(found[0]["pid"], found[1]["pid"])
                self.assertEqual(found[0]["program"], "subject")
                used = [report["memory"]["manager"]["used_bytes"] for report in found]
                self.assertTrue(used[0] > 3000000 > used[1], used)

    def test_a_child_that_becomes_another_program_leaves_the_telling_to_its_parent(self):
        self.preload.run("sh", "-c", "ls / >/dev/null; (exec ls /) >/dev/null; exec ls /")
        self.assertEqual([report["when"] for report in self.preload.reports("ls")], ["exit"] * 3)
        others = [report for report in self.preload.reports() if report["program"] != "ls"]
        self.assertEqual([report["when"] for report in others], ["exec"])

    def test_a_program_that_could_not_be_replaced_goes_on_and_reports_at_its_end(self):
        self.preload.run("sh", "-c", "exec /nowhere/x")
        self.assertEqual([report["when"] for report in self.preload.reports()], ["_exit"])
        self.preload.forget()
        self.preload.run("python3", "-c", "import os\ntry:\n os.execvp('no-such-program', ['x'])\n"
                         "except FileNotFoundError:\n print('goes on')")
        self.assertEqual([report["when"] for report in self.preload.reports()], ["exit"])

    def test_processes_append_to_one_file_without_mixing(self):
        target = self.preload.path / "report-all"
        self.preload.run("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do ls / & done; wait",
                         PLIM_REPORT=str(target))
        reports = self.preload.reports("ls")
        self.assertEqual(len(reports), 8)

    def test_a_program_that_was_not_told_where_reports_nothing(self):
        done = self.preload.run("ls", "/", PLIM_REPORT=None)
        self.assertEqual((done.stderr, self.preload.reports()), ("", []))

    def test_it_shows_only_the_names_it_replaces(self):
        shown = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True,
                               text=True, check=True).stdout.split("\n")
        names = {row.split()[-1] for row in shown if row}
        self.assertIn("malloc", names)
        self.assertFalse({name for name in names if name.startswith("plim")})
        needed = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True,
                                check=True).stdout
        self.assertRegex(needed, r"FLAGS_1.*INITFIRST")
        self.assertEqual([line.split("[")[1].rstrip("]") for line in needed.splitlines()
                          if "(NEEDED)" in line and "ld-linux" not in line], ["libc.so.6"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python's own tests under libplimsoll-malloc.so: Debian's libpython3.11-testsuite, every object a
block of ours (PYTHONMALLOC=malloc).

    test_python.py LIBRARY          those of python_tests.txt, all of which must pass
    test_python.py --all LIBRARY    every module, without the library and with it (an hour): each
                                    test case must end the same way

A module that fails under the library is run without it: where it fails there too, the fault is this
machine's (some of the tests are of clocks and of networks), and it is named; there may be five.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from preloaded import DEBIAN, Preload  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
MODULE_SECONDS = 150
FAULTS_OF_THE_MACHINE_MAX = 5
REPORTS_LEAST = 200


def modules_of_the_list():
    lines = (HERE / "python_tests.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


class Run:
    """Some modules in a folder of their own, with the library or (None) without."""

    def __init__(self, library, *arguments, seconds):
        self.preload = Preload(library)
        held = {} if library is not None else {"LD_PRELOAD": None, "PLIM_REPORT": None}
        try:
            done = self.preload.run(PYTHON, "-m", "test", "--timeout", MODULE_SECONDS,
                                    "--junit-xml", self.preload.path / "cases.xml", *arguments,
                                    timeout=seconds, stdin="", PYTHONMALLOC="malloc",
                                    TMPDIR=str(self.preload.path), **held)
            self.status, self.text = done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired as stopped:
            self.status, self.text = None, f"stopped after {stopped.timeout} s"
        self.cases = self.read_cases()

    def read_cases(self):
        """{name: how it ended}"""
        path = self.preload.path / "cases.xml"
        if not path.is_file():
            return {}
        ends = {}
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
            ends[case.get("name")] = bad[0] if bad else f"{case.get('status')} {case.get('result')}"
        return ends

    def failed(self):
        """Names of modules that did not pass; None: nothing can be said."""
        if self.status == 0:
            return []
        found = re.search(r"^\d+ tests? (?:failed|altered[^:]*):\n((?: +\S.*\n)+)", self.text, re.M)
        return found[1].split() if found else None

    def close(self):
        self.preload.close()


def quick(library):
    names = modules_of_the_list()
    run = Run(library, "-j2", *names, seconds=900)
    reports = run.preload.reports()  # of every process, each found to add up
    failed = run.failed()
    text = run.text
    run.close()
    if failed is None or len(failed) > FAULTS_OF_THE_MACHINE_MAX:
        print(text[-6000:])
        return 1
    faults = []
    for name in failed:
        again, plain = (Run(which, name, seconds=2 * MODULE_SECONDS) for which in (library, None))
        print(f"{name}: {'passes' if again.status == 0 else 'fails'} alone, "
              f"{'passes' if plain.status == 0 else 'fails'} without the library")
        if again.status != 0 and plain.status == 0:
            faults.append(name)
            print(again.text[-3000:])
        again.close()
        plain.close()
    served = sum(row["allocation_total"] for report in reports
                 for row in report["memory"]["domains"])
    refused = sum(report["memory"]["manager"]["refusal_count"] for report in reports)
    print(f"{len(names)} modules, {len(names) - len(failed)} passed at once; {len(reports)} "
          f"reports, {served} blocks, {refused} requests refused")
    if len(reports) < REPORTS_LEAST or served < 10000000:
        faults.append("reports")
    return 1 if faults else 0


def compare(library, name):
    """None or what differs, and how many cases there were; no cases: it was stopped, or said
    nothing, both ways."""
    plain, held = (Run(which, name, seconds=2 * MODULE_SECONDS) for which in (None, library))
    held.preload.reports()
    differs = None
    if plain.cases != held.cases:
        ends = {case: (plain.cases.get(case), held.cases.get(case))
                for case in plain.cases | held.cases
                if plain.cases.get(case) != held.cases.get(case)}
        differs = f"{len(ends)} cases end otherwise: {dict(list(ends.items())[:5])}"
    elif plain.status != held.status:
        differs = f"exit status {plain.status} without, {held.status} with:\n{held.text[-2000:]}"
    count = len(held.cases)
    plain.close()
    held.close()
    return differs, count


def everything(library):
    listed = subprocess.run([PYTHON, "-m", "test", "--list-tests"], capture_output=True, text=True,
                            check=True, env={"PATH": DEBIAN}, cwd=tempfile.gettempdir())
    names, faults, silent, total = listed.stdout.split(), [], [], 0
    for name in names:
        differs, count = compare(library, name)
        if differs is not None:  # of clocks, perhaps: what is ours shows again
            differs, count = compare(library, name)
        total += count
        if differs is not None:
            faults.append(name)
        elif count == 0:
            silent.append(name)
        print(f"{name}: {count} cases, {differs or 'which end the same way'}", flush=True)
    print(f"{len(names)} modules, {total} test cases, {len(faults)} modules differ; nothing to "
          f"compare in {len(silent)}: {' '.join(silent)}")
    return 1 if faults or total < 20000 else 0


if __name__ == "__main__":
    if shutil.which("python3.11", path=DEBIAN) is None or \
            not pathlib.Path("/usr/lib/python3.11/test/test_gc.py").is_file():
        sys.exit("no libpython3.11-testsuite here. Try: tools/setup test")
    so = pathlib.Path(sys.argv[-1]).resolve()
    sys.exit(everything(so) if sys.argv[1] == "--all" else quick(so))

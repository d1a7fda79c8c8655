#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/invariants.md is true: each name of each leg exists, and each test named runs and passes;
and so is docs/internals/originals.md, where each fault has a test and may have a proof.

    test_invariants.py BUILD_FOLDER

Planted faults (a wrong name in each kind of leg, a leg or an invariant left out) must be found.
"""

import functools
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/invariants.md").read_text(encoding="utf-8")
ORIGINALS = (ROOT / "docs/internals/originals.md").read_text(encoding="utf-8")
WANTED = ([f"B{n}" for n in range(1, 12)] + [f"L{n}" for n in range(1, 7)] +
          [f"P{n}" for n in range(1, 11)] + [f"H{n}" for n in range(1, 7)] +
          ["F1", "F2", "F3", "O1", "C1", "R1", "A1", "S1", "V1", "V2", "V3", "V4"])
LEGS = ("check", "test", "proof")
REASON_CHARACTERS_MIN = 10
ARGUMENTS = {"tests/config/test_config.c": [ROOT / "docs/plimsoll.conf.example"]}
BUILD = pathlib.Path(sys.argv.pop()) if len(sys.argv) > 1 and pathlib.Path(sys.argv[-1]).is_dir() \
    else ROOT / "build"


@functools.cache
def read(path):
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


@functools.cache
def cases_that_pass(path):
    """Names of the cases of a test's file that pass now: it is built and run, once."""
    file = pathlib.Path(path)
    made = re.search(rf"executable\('(\w+)',\s*'{re.escape(file.name)}'",
                     read(file.parent / "meson.build") or "")
    target = str(file.parent / (made[1] if made else file.stem))
    subprocess.run(["ninja", "-C", BUILD, target], check=True, stdout=subprocess.DEVNULL)
    run = subprocess.run([BUILD / target, *ARGUMENTS.get(path, [])], capture_output=True,
                         text=True, check=False, timeout=120)
    return set(re.findall(r"^\[       OK \] (\w+)", run.stdout + run.stderr, re.M))


@functools.cache
def goals():
    """{unit: named goals}"""
    table = {}
    for line in read("proofs/wp/goals.txt").splitlines():
        if line and not line.startswith("#"):
            unit, goal = line.split()
            table.setdefault(unit, set()).add(goal)
    return table


def check_fault(item):
    path, name = (part.strip() for part in item.split(":", 1))
    text = read(path)
    if text is None:
        return f"there is no {path}"
    if name.startswith('"'):
        return None if name in text else f"{path} reports nothing as {name}"
    defined = re.search(rf"^[\w *]+\b{re.escape(name)}\([^;]*?\)\n{{", text, re.M | re.S)
    return None if defined else f"{path} has no function {name}()"


def test_fault(path, cases):
    text = read(path)
    if text is None:
        return f"there is no {path}"
    for case in cases:
        if case not in cases_that_pass(path):
            return f"{path} has no case {case} that passes"
    return None


def proof_fault(kind, names):
    if kind.startswith("wp "):
        known = goals().get(kind[3:], set())
        # Parts and lines of one clause have numbers behind its name.
        missing = [n for n in names
                   if not any(re.fullmatch(rf"{n}(_(part)?\d+)?", goal) for goal in known)]
    elif kind == "spin":
        known = {name for file in (ROOT / "proofs/spin").glob("*.pml")
                 for name in re.findall(r"/\* run: (\S+) =", file.read_text(encoding="utf-8"))}
        missing = [n for n in names if n not in known]
    elif kind == "interleave":
        known = set(re.findall(r'^    \{"(\w+)",', read("proofs/interleave/scenarios.c"), re.M) +
                    re.findall(r'^ +\{\.name = "(\w+)"', read("proofs/interleave/engine.c"), re.M))
        missing = [n for n in names if n not in known]
    elif kind == "enumerate":
        missing = [n for n in names if read(f"proofs/enumerate/{n}.c") is None]
    elif kind == "fuzz":
        missing = [n for n in names if read(f"fuzz/fuzz_{n}.c") is None or
                   f"'{n}':" not in read("fuzz/meson.build")]
    else:
        return f"no such kind of proof: {kind}"
    return f"{kind} has no {', '.join(missing)}" if missing else None


def leg_fault(leg, text):
    if text.startswith("none:"):
        if leg != "check":
            return "it may not be missing"
        return None if len(text) > 5 + REASON_CHARACTERS_MIN else "a leg that is missing says why"
    for item in text.split(";"):
        head, names = (part.strip() for part in item.split(":", 1))
        names = [name.strip() for name in names.split(",")]
        if leg == "check":
            fault = check_fault(item.strip())
        elif leg == "test":
            fault = test_fault(head, names)
        else:
            fault = proof_fault(head, names)
        if fault:
            return fault
    return None


def faults(page):
    found = []
    sections = re.split(r"^### ", page, flags=re.M)[1:]
    names = [section.split()[0] for section in sections]
    found += [f"{name} is not on the page" for name in WANTED if name not in names]
    found += [f"{name} is there twice" for name in set(names) if names.count(name) > 1]
    for name, section in zip(names, sections):
        legs = dict(re.findall(r"^\* (\w+): (.*)$", section, re.M))
        for leg in LEGS:
            text = legs.get(leg)
            fault = "it is missing" if text is None else leg_fault(leg, text)
            if fault:
                found.append(f"{name}: {leg}: {fault}")
    return found


def original_faults(page):
    found = []
    for section in re.split(r"^### ", page, flags=re.M)[1:]:
        legs = dict(re.findall(r"^\* (\w+): (.*)$", section, re.M))
        if "test" not in legs or set(legs) - {"test", "proof"}:
            found.append(f"{section.splitlines()[0]}: it has no test")
            continue
        for leg, text in legs.items():
            fault = leg_fault(leg, text)
            if fault:
                found.append(f"{section.splitlines()[0]}: {leg}: {fault}")
    return found


class Page(unittest.TestCase):
    def test_every_fault_of_the_originals_has_a_test_that_runs(self):
        self.assertGreater(ORIGINALS.count("\n### "), 25)
        self.assertEqual(original_faults(ORIGINALS), [])
        for old, new in (("a_name_is_taken_once", "a_name_is_taken_twice"),
                         ("interleave: spurious_cas", "interleave: spurious_case"),
                         ("* test: tests/memory/test_scope.c: a_scope_belongs", "* tested: x")):
            self.assertIn(old, ORIGINALS)
            self.assertEqual(len(original_faults(ORIGINALS.replace(old, new, 1))), 1, old)

    def test_every_leg_of_every_invariant_is_there_and_runs(self):
        self.assertEqual(faults(PAGE), [])

    def planted(self, old, new):
        self.assertIn(old, PAGE)
        return faults(PAGE.replace(old, new, 1))

    def test_a_wrong_name_is_found_in_every_kind_of_leg(self):
        for old, new in (
                ('recover.c: "B1"', 'recover.c: "B0"'),
                ("budget_core.h: plim__core_fits", "budget_core.h: plim__core_fit"),
                ("src/memory/budgets/lend.c", "src/memory/budgets/land.c"),
                ("release_inverts_charge", "release_inverts_charges"),
                ("tests/memory/test_lend.c", "tests/memory/test_land.c"),
                ("typed_ledger_move_ensures_conserved", "typed_ledger_move_ensures_conserve"),
                ("wp slot.c", "wp slots.c"),
                ("spin: lend-safety", "spin: lend-safe"),
                ("interleave: two_gives", "interleave: three_gives"),
                ("enumerate: bank", "enumerate: banks"),
                ("fuzz: memory", "fuzz: memories"),
                ("proof: fuzz", "proof: faith"),
                ("### B9 ", "### B99 "),
                ("* proof: wp budget.c: typed_plim_core_mark", "* prove: wp budget.c: x"),
                ("none: the owner's side is two plain stores, and a check there would cost what it "
                 "saves", "none: so"),
                ("proof: enumerate: guards", "proof: none: the test plants the overrun"),
                ("* test: tests/memory/test_lend_fork.c: a_child_of_a_fork_finds_every_byte",
                 "* test: none: it cannot be tested at all")):
            with self.subTest(old):
                self.assertEqual(len(self.planted(old, new)), 1, self.planted(old, new))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults planted in the real code, one at a time: the named scenario must find each.

    mutants.py SOURCE_ROOT CC [CFLAGS...]

A fault whose text is no longer in the source is a fault of this list. Exit status 1 if one of them
is not found, or if the code as it is fails.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

BANK = [f"budgets/{name}.c" for name in "budget domain lend recover rebalance sites".split()]
ENGINE_FLAGS = ["-DPLIM__FENCE_STRONG=1", "-DPLIM_SINGLE_THREAD"]

# (scenario that must fail, file, text, what stands there instead)
MUTANTS = (
    ("two_takes_at_the_limit", "budgets/budget.c",
     """    do {
        if (!plim__core_fits(avail, bytes))
            return false;
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_take(avail, bytes)));
    return true;""",
     """    if (!plim__core_fits(avail, bytes))
        return false;
    do {
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_take(avail, bytes)));
    return true;"""),
    ("two_takes_at_the_limit", "budgets/budget.c",
     """    if (!plim__budget_draw(budget->source, bytes))
        return false;
    budget_charge(budget, bytes);
    return true;""",
     """    budget_charge(budget, bytes);
    if (plim__budget_draw(budget->source, bytes))
        return true;
    (void)plim__sub(&budget->charged, bytes);
    return false;"""),
    ("spurious_cas", "budgets/budget.c",
     """        if (!plim__core_fits(avail, bytes))
            return false;
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_take(avail, bytes)));
    return true;""",
     """        if (!plim__core_fits(avail, bytes))
            return false;
        return plim__cas_weak(&budget->avail, &avail, plim__core_take(avail, bytes));
    } while (true);"""),
    ("take_against_give", "budgets/budget.c",
     """    } while (!plim__cas_weak(&budget->charged, &charged, charged - bytes));
    plim__budget_put(budget->source, bytes);
    return true;""",
     """    } while (false);
    plim__budget_put(budget->source, bytes);
    (void)plim__sub(&budget->charged, bytes);
    return true;"""),
    ("two_gives", "budgets/budget.c",
     "} while (!plim__cas_weak(&budget->charged, &charged, charged - bytes));",
     "} while (false);\n    plim__store(&budget->charged, charged - bytes);"),
    ("give_more_than_held", "budgets/budget.c",
     "        if (!plim__core_releases(charged, bytes))\n            return false;\n", ""),
    ("owed_paid_by_two_releases", "budgets/budget.c",
     "            paid = plim__core_paid(avail, put);", "            paid = 0;"),
    ("owed_paid_by_two_releases", "budgets/budget.c",
     """        do {
            paid = plim__core_paid(avail, put);
        } while (""",
     """        paid = plim__core_paid(avail, put);
        do {
        } while ("""),
    ("limit_lowered_while_taking", "budgets/budget.c",
     """    do {
        freed = plim__core_freed(avail, bytes);
    } while (""",
     """    freed = plim__core_freed(avail, bytes);
    do {
    } while ("""),
    ("limit_raised_while_owing", "budgets/budget.c",
     "        size_t need = bytes - plim__core_paid(avail, bytes);",
     "        size_t need = is_configured ? drawn : bytes - plim__core_paid(avail, bytes);"),
    ("mark_of_two", "budgets/budget.c",
     """    size_t charged = plim__add(&budget->charged, bytes) + bytes;
    size_t mark = plim__load_relaxed(&budget->mark);
    while (plim__core_mark(mark, charged) != mark)
        if (plim__cas_weak(&budget->mark, &mark, plim__core_mark(mark, charged)))
            break;""",
     """    size_t charged = plim__add(&budget->charged, bytes) + bytes;
    size_t mark = plim__load_relaxed(&budget->mark);
    plim__store(&budget->mark, plim__core_mark(mark, charged));"""),
    ("mark_against_reset", "budgets/budget.c",
     "    size_t charged = plim__load(&budget->charged);\n"
     "    size_t now = plim__load_relaxed(&budget->mark);",
     "    size_t charged = 0;\n    size_t now = plim__load_relaxed(&budget->mark);"),
    ("take_against_lend", "budgets/lend.c",
     """        (void)plim__add(&share->out, bytes);
        plim__budget_put(&borrower->budget, bytes);""",
     """        plim__budget_put(&borrower->budget, bytes);
        (void)plim__add(&share->out, bytes);"""),
    ("a_loan_over_quota_refuses_nobody", "budgets/lend.c",
     """    if (!allowance_take(&share->left, bytes)) {
""",
     """    if (plim__budget_draw(&lender->budget, bytes) &&
        (plim__budget_put(&lender->budget, bytes), !allowance_take(&share->left, bytes))) {
"""),
    ("a_lend_that_fails_refuses_nobody", "budgets/lend.c",
     "        (void)plim__sub(&borrower->budget.net, (ptrdiff_t)bytes);\n", ""),
    ("a_capped_lend_refuses_nobody", "budgets/lend.c",
     """    } else if (!net_rise(borrower, bytes)) {
        (void)plim__add(&lender->budget.net, (ptrdiff_t)bytes);""",
     """    } else if (!net_rise(borrower, bytes)) {"""),
    ("lend_lend_repay", "budgets/lend.c",
     "        (void)plim__add(&share->open, (ptrdiff_t)bytes);\n", ""),
    ("recall_against_repay", "budgets/lend.c",
     "    size_t claimed = allowance_take_most(&share->open, bytes);",
     "    size_t claimed = plim__core_least(bytes, (ptrdiff_t)plim__load(&share->out));\n"
     "    (void)plim__sub(&share->open, (ptrdiff_t)claimed);"),
    ("recall_against_take", "budgets/lend.c",
     """        (void)plim__sub(&share->out, paid);
        plim__budget_put(&lender->budget, paid);""",
     """        plim__budget_put(&lender->budget, paid);
        (void)plim__sub(&share->out, paid);"""),
    ("recall_against_take", "budgets/lend.c",
     "        (void)plim__add(&share->open, (ptrdiff_t)(claimed - paid));", "        ;"),
    ("quota_against_lend", "budgets/lend.c",
     "    (void)plim__add(&share->left, plim__core_way(old, (ptrdiff_t)quota));",
     "    (void)old;\n    plim__store(&share->left, (ptrdiff_t)quota);"),
    ("create_against_create", "budgets/domain.c",
     """    plim__bank_enter(bank);
    status = domain_create_entered(""",
     """    status = domain_create_entered("""),
    ("create_against_find", "budgets/domain.c",
     """    plim__store(&bank->slots[index], (uint8_t)slot);
    plim__store(&domain->id, out_domain->id);""",
     """    plim__store(&domain->id, out_domain->id);
    plim__bank_leave(bank);
    domain->name[0] = '?';
    plim__bank_enter(bank);
    domain->name[0] = 'x';
    plim__store(&bank->slots[index], (uint8_t)slot);"""),
    ("destroy_against_take", "budgets/domain.c",
     "        if (!plim__budget_draw(&domain->budget, configured))",
     "        if (configured == 0)"),
    ("two_limits_at_once", "budgets/domain.c", "    plim__lock_take(&bank->lock);\n", ""),
    ("lend_killed_anywhere", "budgets/recover.c",
     "        plim__store(&domain->budget.net, view.net[i]);\n", ""),
    ("lend_killed_anywhere", "budgets/recover.c",
     "        found.adrift += recover_word(&domain->budget.avail, view.avail[i]);", "        ;"),
    ("repay_killed_anywhere", "budgets/recover.c",
     "            plim__store(&share->open, out);\n", ""),
    ("create_killed", "budgets/recover.c",
     "    found.adrift += recover_word(&bank->total.avail, view.total);\n", ""),
    ("create_killed", "budgets/recover.c",
     "    found.domains = recover_places(bank);\n", ""),
    # The commit before the bytes are there: a crash in between doubles them.
    ("repay_killed_anywhere", "budgets/lend.c",
     "    size_t paid = plim__budget_draw_most(&borrower->budget, allowed);",
     "    (void)plim__sub(&share->out, allowed);\n"
     "    size_t paid = plim__budget_draw_most(&borrower->budget, allowed);\n"
     "    (void)plim__add(&share->out, allowed);"),
)

# threads.c is in the program's own file; publishing and samples need the system.
ENGINE_LEFT_OUT = ("report/publish.c", "report/sampler.c", "engine/threads.c")

# The same for the engine's caches.
ENGINE_MUTANTS = (
    ("drain_against_fast_get", "engine/threads.c",
     "plim__foreign_load(&thread->busy) == PLIM__BUSY_FAST; spin++", "spin > 0; spin++"),
    ("drain_against_fast_get", "engine/alloc.c",
     """    plim__thread_enter(thread);
    plim__cache *cache = plim__thread_fast(thread, id & (PLIM__SLOTS - 1));
    plim__bin *bin =""",
     """    plim__cache *cache = plim__thread_fast(thread, id & (PLIM__SLOTS - 1));
    plim__thread_enter(thread);
    plim__bin *bin ="""),
    ("drain_against_put", "engine/threads.c",
     "if (cache != NULL && plim__foreign_load(&thread->fast[slot]) == &plim__cache_empty)",
     "if (cache != NULL)"),
    ("others_cache_before_a_refusal", "engine/alloc.c",
     "    if (block == NULL && alloc_relieve(manager, plan, reason))", "    if (false)"),
    ("a_loan_drains_the_lender", "budgets/lend.c",
     "    lend_drain(lender, bytes);\n", ""),
    ("a_thread_ends_under_a_drain", "engine/threads.c",
     "        (void)plim__cache_drain(cache);\n        thread->own[slot] = NULL;\n"
     "        plim__tables_give_locked(manager, cache, plim__cache_bytes(manager));\n"
     "        plim__lock_give(&manager->lock);",
     "        thread->own[slot] = NULL;\n        plim__lock_give(&manager->lock);"),
)


class Program:
    """One of the two explorers, its unchanged objects compiled once."""

    def __init__(self, root, cc, folder, main, names, flags):
        self.root, self.cc, self.folder, self.flags = root, cc, folder, flags
        os.makedirs(folder)
        here = os.path.join(root, "proofs/interleave")
        self.main = os.path.join(here, main)
        self.sources = [self.main] + [os.path.join(here, name) for name in ("ilv.c", "lock.c")] + \
            [os.path.join(root, "src/memory", name) for name in names] + \
            [os.path.join(root, "src/base", name) for name in ("assert.c", "error.c", "text.c")]
        self.objects = {source: self.compile(source, folder) for source in self.sources}

    def compile(self, source, folder, includes=()):
        target = os.path.join(folder, os.path.basename(source) + ".o")
        paths = [*includes, os.path.join(self.root, "proofs/interleave"),
                 os.path.join(self.root, "src"), os.path.join(self.root, "include")]
        subprocess.run(
            self.cc + ["-std=c17", "-D_GNU_SOURCE", '-DPLIM_ATOMIC_SEAM="ilv.h"', "-O1", "-w",
                       *self.flags, *(word for path in paths for word in ("-I", path)),
                       "-c", source, "-o", target], check=True)
        return target

    def build(self, mutant, folder):
        """The program with one fault in it; the fault of the list, or None."""
        _, name, old, new = mutant
        original = os.path.join(self.root, "src/memory", name)
        with open(original, encoding="utf-8") as source:
            text = source.read()
        if text.count(old) != 1:
            return f"its text stands {text.count(old)} times in {name}: mend the list"
        changed = os.path.join(folder, "memory", name)
        os.makedirs(os.path.dirname(changed))
        with open(changed, "w", encoding="utf-8") as source:
            source.write(text.replace(old, new))
        objects = dict(self.objects)
        if original in objects:
            objects[original] = self.compile(changed, folder)
        else:  # threads.c, which the program's own file includes
            objects[self.main] = self.compile(self.main, folder, [folder])
        subprocess.run(self.cc + [*objects.values(), "-o", os.path.join(folder, "scenarios")],
                       check=True)
        return None


def try_mutant(program, mutant):
    with tempfile.TemporaryDirectory() as folder:
        try:
            fault = program.build(mutant, folder)
        except subprocess.CalledProcessError:
            return "does not compile"
        if fault:
            return fault
        options = ["--quiet"] if mutant in MUTANTS else []
        run = subprocess.run([os.path.join(folder, "scenarios"), *options, mutant[0]],
                             capture_output=True, text=True, check=False, timeout=120)
        if run.returncode == 1 and "FAILED: " in run.stdout or "check failed" in run.stderr:
            return None
        return f"not found by {mutant[0]} (exit {run.returncode})"


def main():
    root, cc = os.path.abspath(sys.argv[1]), sys.argv[2:]
    bad, mutants = 0, MUTANTS + ENGINE_MUTANTS
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        memory = sorted(str(path.relative_to(os.path.join(root, "src/memory")))
                        for path in pathlib.Path(root, "src/memory").rglob("*.c"))
        bank = Program(root, cc, os.path.join(folder, "bank"), "scenarios.c", BANK, [])
        engine = Program(root, cc, os.path.join(folder, "engine"), "engine.c",
                         [name for name in memory
                          if name not in ENGINE_LEFT_OUT],
                         ENGINE_FLAGS)
        found = pool.map(lambda m: try_mutant(bank if m in MUTANTS else engine, m), mutants)
        for mutant, fault in zip(mutants, found):
            if fault:
                bad += 1
                print(f"{mutant[1]}: {mutant[2].strip().splitlines()[0]} … {fault}")
    print(f"mutants: {len(mutants) - bad} of {len(mutants)} found")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""Help, manual and completions say what the tables say: the rows are read here by other eyes."""

import os
import re
import subprocess
import sys
import unittest

from plim import PLIM, run

ROOT, PAGES = sys.argv.pop(1), sys.argv.pop(1)


def rows(name, macro):
    """The rows of a .def file as lists of their arguments, strings joined."""
    with open(os.path.join(ROOT, "src/cli", name), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    found = []
    for body in re.findall(rf"^{macro}\((.*?)\)$", text, flags=re.S | re.M):
        parts = re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+|[^,"\s][^,]*)', body)
        found.append([re.sub(r'"\s*"', "", part.strip()).strip('"').replace('\\"', '"')
                      if part.strip().startswith('"') else part.strip() for part in parts])
    return found


COMMANDS = rows("command.def", "PLIM_COMMAND")
OPTIONS = rows("option.def", "PLIM_OPTION")


def options_of(verb):
    return [row for row in OPTIONS if row[5] == "*" or verb in row[5].split()]


def page(name):
    with open(os.path.join(PAGES, name), encoding="utf-8") as file:
        return file.read()


def shown(name):
    """A manual page as a person reads it, without overstrikes."""
    done = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=200", os.path.join(PAGES, name)],
                          capture_output=True, text=True, check=True)
    return re.sub(r".\x08", "", done.stdout)


class Table(unittest.TestCase):
    def test_the_rows_were_understood(self):
        self.assertGreater(len(COMMANDS), 10)
        self.assertGreater(len(OPTIONS), 30)
        for row in COMMANDS:
            self.assertIn(len(row), (11, 13), row)  # two examples or three, two words each
        for row in OPTIONS:
            self.assertEqual(len(row), 7, row)

    def test_every_option_is_of_verbs_that_exist(self):
        names = {row[0] for row in COMMANDS}
        for row in OPTIONS:
            for verb in row[5].split():
                self.assertTrue(verb == "*" or verb in names, row)

    def test_short_options_are_the_few_of_the_conventions(self):
        letters = {row[2].strip("'") for row in OPTIONS if row[2] != "0"}
        self.assertEqual(letters, set("onsqvfhj"))

    def test_help_lists_every_verb_in_its_group(self):
        text = run("help").out
        self.assertEqual(run("--help").out, text)
        group = None
        for line in text.splitlines():
            if re.fullmatch(r"[a-z]+", line):
                group = line
            match = re.fullmatch(r"  ([a-z]+) {2,}(.*)", line)
            if match:
                row = next(row for row in COMMANDS if row[0] == match[1])
                self.assertEqual((row[1].lower(), row[2]), (group, match[2]))
        for row in COMMANDS:
            self.assertRegex(text, rf"\n  {row[0]} ")

    def test_the_help_of_a_verb_fits_a_screen_and_says_all(self):
        for row in COMMANDS:
            verb = row[0]
            text = run(verb, "--help").out
            self.assertEqual(run("help", verb).out, text)
            self.assertEqual(run(verb, "-h").out, text)
            limit = {"leaks": 32, "run": 36}.get(verb, 24)
            self.assertLessEqual(text.count("\n"), limit, verb)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 90 if line.startswith("  plim") else 80, line)
            for part in (row[2], *row[7:]):
                self.assertIn(part, text)
            found = set(re.findall(r"--([a-z][a-z-]*)", re.sub(r"(?m)^  plim.*$|^      \w.*$",
                                                               "", text)))
            self.assertEqual(found, {option[1] for option in options_of(verb)}, verb)

    def test_every_option_of_the_help_is_accepted_and_no_other(self):
        values = {"COUNT": "1", "BYTES": "1M", "TIME": "1s", "TEXT": "x", "THRESHOLD": "50%"}
        for row in COMMANDS:
            for option in OPTIONS:
                flag = f"--{option[1]}"
                if option[3] == "CHOICE":
                    flag += "=" + option[4].split("|")[0]
                elif option[3] != "FLAG":
                    flag += "=" + values[option[3]]
                done = run(row[0], "--help", flag)
                mine = [own for own in options_of(row[0]) if own[1] == option[1]]
                takes = bool(mine)
                if takes and option not in mine:
                    continue  # another verb's option of that name, with other words
                if option[1] != "version":
                    self.assertEqual(done.code, 0 if takes else 2, (row[0], flag, done.err))

    def test_the_manual_has_examples_first_then_all_options(self):
        for row in COMMANDS:
            text = shown(f"plim-{row[0]}.1")
            heads = re.findall(r"(?m)^([A-Z][A-Z ]+)$", text)
            self.assertEqual(heads[:4], ["NAME", "SYNOPSIS", "EXAMPLES", "DESCRIPTION"], row[0])
            self.assertIn("EXIT STATUS", heads)
            self.assertIn(f"plim-{row[0]} - {row[2]}", text)
            for example in (row[7], row[9]):
                self.assertIn(example, text)
            options = re.search(r"(?ms)^(OPTIONS|COMMON OPTIONS)$.*?^EXIT STATUS$", text)[0]
            found = set(re.findall(r"(?m)^       (?:-., )?--([a-z-]+)", options))
            self.assertEqual(found, {option[1] for option in options_of(row[0])}, row[0])
            for option in options_of(row[0]):
                self.assertIn(option[6], re.sub(r"\s+", " ", options))

    def test_the_page_of_plim_has_its_sections_and_all_verbs(self):
        text = shown("plim.1")
        heads = re.findall(r"(?m)^([A-Z][A-Z ]+)$", text)
        for head in ("TARGETS", "FILES", "ENVIRONMENT", "EXIT STATUS", "SIGNALS"):
            self.assertIn(head, heads)
        for row in COMMANDS:
            self.assertIn(f"plim-{row[0]}(1)", text)

    def test_the_exit_codes_of_the_manual_are_those_of_the_library(self):
        with open(os.path.join(ROOT, "include/plimsoll/status.h"), encoding="utf-8") as file:
            codes = set(re.findall(r"X\(ERR_\w+, -\d+, (\d+),", file.read()))
        text = re.search(r"(?ms)^EXIT STATUS$.*?^[A-Z]", shown("plim.1"))[0]
        said = set(re.findall(r"(?m)^       (\d+)", text)) | {"130"}
        self.assertEqual(codes | {"0", "1"}, said)

    def test_every_page_passes_mandoc(self):
        verbs = ["plim.1"] + [f"plim-{row[0]}.1" for row in COMMANDS]
        pages = sorted(name for name in os.listdir(PAGES) if name[-2:] in (".1", ".5", ".7"))
        self.assertEqual([name for name in pages if name.endswith(".1")], sorted(verbs))
        self.assertGreater(len(pages), len(verbs))
        for name in pages:
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                                   os.path.join(PAGES, name)],
                                  capture_output=True, text=True, check=False)
            # scdoc(1) itself writes a paragraph after each heading and entry.
            faults = [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                      if "skipping paragraph macro" not in line]
            self.assertEqual(faults, [])

    def test_mandoc_would_find_a_fault(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=".TH x\n.XX\n",
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_completions_offer_what_there_is(self):
        script = os.path.join(PAGES, "plim")
        ask = (f'. {script}; complete_for() {{ COMP_WORDS=("$@"); '
               'COMP_CWORD=$(($# - 1)); _plim; echo "${COMPREPLY[@]}"; }; complete_for ')

        def offered(*words):
            quoted = " ".join(f"'{word}'" for word in words)
            return set(subprocess.run(["bash", "-c", ask + quoted], capture_output=True,
                                      text=True, check=True).stdout.split())

        self.assertEqual(offered("plim", ""),
                         {row[0] for row in COMMANDS} | {"--help", "--version"})
        for row in COMMANDS:
            self.assertEqual(offered("plim", row[0], "--"),
                             {f"--{option[1]}" for option in options_of(row[0])})

    def test_version_is_one_line(self):
        self.assertRegex(run("--version").out, r"\Aplim \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
"""The tree as the rules see it: files with comments and strings blanked, and functions found.

It reads the form that clang-format gives (a function's braces stand alone in column 0), so it
needs no parser of C. Blanked text keeps every line and column.
"""

import os
import re
import tomllib

C_FOLDERS = ("include", "src", "tests", "bench", "fuzz", "examples", "proofs")
TEXT_FOLDERS = C_FOLDERS + ("tools", "docs", ".ci", "")
SPEAK_OF_ALLOWING = {"tools/tidy.py", "tools/tidy_rules/tree.py", "tests/guards/test_tidy.py"}
SKIPPED = {".git", ".runtimes", "__pycache__", "node_modules", "corpus"}

_COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_NOT_A_NAME = {"__attribute__", "PLIM_PRINTF", "_Alignas", "sizeof"}
_ALLOW = re.compile(r"plim-tidy: allow ([a-z-]+):((?:(?!\*/|-->).)*)")


class Finding:
    """One fault: where, which rule, what, and what to do."""

    def __init__(self, path, line, rule, text):
        self.path, self.line, self.rule, self.text = path, line, rule, text

    def __str__(self):
        return f"{self.path}:{self.line or 1}: {self.rule}: {self.text}"


class Function:
    """A function with its body, lines counted from 1, both ends included."""

    def __init__(self, name, head, first, last, body):
        self.name, self.head, self.first, self.last, self.body = name, head, first, last, body
        self.is_static = bool(re.search(r"\bstatic\b", head))


def _blank(match_text):
    return re.sub(r"[^\n]", " ", match_text)


class File:
    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8") as source:
            self.text = source.read()
        self.lines = self.text.split("\n")
        self.is_c = path.endswith((".c", ".h", ".cpp"))
        self._functions = None
        self.bare = self.code = self.text
        if self.is_c:
            keep_strings = lambda m: m[0] if m[0][0] in "\"'" else _blank(m[0])
            self.bare = _COMMENT_OR_STRING.sub(keep_strings, self.text)
            self.code = _COMMENT_OR_STRING.sub(lambda m: _blank(m[0]), self.text)
        self.allows = {}  # (line, rule) -> [reason, used]
        for number, line in enumerate(self.lines, 1):
            found = _ALLOW.search(line)
            if found and path not in SPEAK_OF_ALLOWING and not path.endswith(".md"):
                self.allows[number, found[1]] = [found[2].strip(), False]

    @property
    def module(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def includes(self):
        """(line, text as written with its quotes or angle brackets)"""
        for found in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"][^>"\n]+[>"])', self.bare, re.M):
            yield self.line_of(found.start()), found[1]

    def functions(self):
        if self._functions is None:
            self._functions = list(self._find_functions()) if self.is_c else []
        return self._functions

    def _find_functions(self):
        lines = self.code.split("\n")
        index = 0
        while index < len(lines):
            if lines[index].rstrip() != "{":
                index += 1
                continue
            start = index
            while start > 0 and lines[start - 1].strip() and \
                    not re.search(r"[;}]\s*$|^\s*#", lines[start - 1]):
                start -= 1
            end = index
            while end + 1 < len(lines) and not lines[end].startswith("}"):
                end += 1
            head = " ".join(lines[start:index])
            names = [n for n in re.findall(r"(\w+)\s*\(", head) if n not in _NOT_A_NAME]
            if names:
                body = "\n".join(lines[index:end + 1])
                yield Function(names[0], head, start + 1, end + 1, body)
            index = end + 1


class Tree:
    """All files of the project, read once."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        for path in self._walk():
            try:
                self.files[path] = File(root, path)
            except UnicodeDecodeError:
                continue  # not text: a recorded fixture
        with open(os.path.join(root, "tools/layers.toml"), "rb") as layers:
            self.layers = tomllib.load(layers)
        self.modules = self.layers["modules"]
        self.owner = {header: name for name, module in self.modules.items()
                      for header in module["public"]}

    def _walk(self):
        ignored = self._ignored()
        for folder, folders, names in os.walk(self.root):
            here = os.path.relpath(folder, self.root)
            here = "" if here == "." else here + "/"
            top = here.split("/")[0]
            folders[:] = sorted(f for f in folders if f not in SKIPPED and
                                not (here == "" and (f.startswith("build") or
                                                     f not in TEXT_FOLDERS)))
            if top in TEXT_FOLDERS:
                for name in sorted(names):
                    if here + name not in ignored and not name.endswith((".gz", ".zst", ".png")):
                        yield here + name

    def _ignored(self):
        """Files that are no part of the project: links out of it, and editors' leavings."""
        return {".git"} | {name for name in os.listdir(self.root)
                           if os.path.islink(os.path.join(self.root, name))}

    def c_files(self, *folders):
        for path, file in self.files.items():
            if file.is_c and path.split("/")[0] in (folders or C_FOLDERS):
                yield file

    def public_headers(self):
        return [f for f in self.c_files("include") if f.path.endswith(".h")]


def code_line_count(file):
    """Lines that are neither blank nor comment only."""
    return sum(1 for line in file.code.split("\n") if line.strip())

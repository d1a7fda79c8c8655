# SPDX-License-Identifier: MIT
"""Rules that need no more than the text: sizes, banned calls, licence lines, leavings."""

import os
import re

from tidy_rules.tree import Finding, code_line_count

LINES_C, LINES_H, LINES_FUNCTION, COLUMNS = 1500, 300, 70, 100
WANTED_C, WANTED_FUNCTION = 800, 50
CODE_ENDS = (".c", ".h", ".cpp", ".py", ".sh", ".mjs", ".ts")

_EVERYWHERE = {
    "strcpy": "snprintf or memcpy with the size at hand",
    "strcat": "snprintf",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "strtok": "strcspn and strspn",
    "atoi": "strtol, and its errors",
    "atol": "strtol, and its errors",
    "atof": "strtod, and its errors",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "alloca": "plim_allocator",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
}
_MEMORY = {name: "plim_allocator (base/allocator.h)" for name in (
    "malloc", "calloc", "realloc", "free", "strdup", "strndup", "asprintf", "vasprintf",
    "reallocarray", "aligned_alloc", "posix_memalign")}
_PRINTING = {name: "plim_error, for a library never prints" for name in (
    "printf", "puts", "putchar", "fputs", "fprintf", "vprintf", "vfprintf", "perror", "abort",
    "exit", "assert")}


_STRINGS = {name: "base/text.h: of string.h, only memcpy, memmove, memset, memcmp are everywhere"
            for name in ("strlen", "strnlen", "strcmp", "strncmp", "strncpy", "strchr", "strrchr",
                         "strstr", "memchr", "strerror")}


def banned(tree):
    """Calls that have a better one."""
    for file in tree.c_files():
        words = dict(_EVERYWHERE)
        if file.path.startswith("src/"):
            words |= _MEMORY
            if not tree.modules.get(file.module, {}).get("only_public"): # programs print
                words |= _PRINTING
            if tree.modules.get(file.module, {}).get("freestanding"):
                words |= _STRINGS
        for found in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(words), file.code):
            yield Finding(file.path, file.line_of(found.start()), "banned",
                          f"{found[1]}(): use {words[found[1]]}")


def size(tree):
    """Files, functions and lines of a length that can be read."""
    for file in tree.c_files():
        count = len(file.lines) - 1
        if file.path.endswith(".c") and count > LINES_C:
            yield Finding(file.path, 0, "size", f"{count} lines, {LINES_C} at most: split it")
        if file.path.endswith(".h") and code_line_count(file) > LINES_H:
            yield Finding(file.path, 0, "size",
                          f"{code_line_count(file)} lines of code, {LINES_H} at most: split it")
        for function in file.functions():
            lines = function.last - function.first + 1
            if lines > LINES_FUNCTION:
                yield Finding(file.path, function.first, "long-function",
                              f"{function.name}() has {lines} lines, {LINES_FUNCTION} at most")
    for file in tree.files.values():
        if not file.path.endswith(CODE_ENDS) or file.path.startswith("tests/oracle/"):
            continue
        for number, line in enumerate(file.lines, 1):
            if len(line) > COLUMNS:
                yield Finding(file.path, number, "columns",
                              f"{len(line)} columns, {COLUMNS} at most")


def notes(tree):
    """What is allowed and not wanted; printed on request, never a fault."""
    for file in tree.c_files("src"):
        count = len(file.lines) - 1
        if file.path.endswith(".c") and count > WANTED_C:
            yield f"{file.path}: {count} lines, {WANTED_C} wanted"
        for function in file.functions():
            lines = function.last - function.first + 1
            if lines > WANTED_FUNCTION:
                yield f"{file.path}:{function.first}: {function.name}(): {lines} lines, " \
                      f"{WANTED_FUNCTION} wanted"


def flow(tree):
    """No goto but one `out:` further down, no function that calls itself."""
    for file in tree.c_files("src"):
        for function in file.functions():
            labels = set(re.findall(r"\bgoto\s+(\w+)", function.body))
            if labels - {"out"}:
                yield Finding(file.path, function.first, "goto",
                              f"{function.name}(): the one label is `out`, at the end")
            for found in re.finditer(r"\bgoto\s+out\b", function.body):
                if not re.search(r"^\s*out:", function.body[found.end():], re.M):
                    yield Finding(file.path, function.first, "goto",
                                  f"{function.name}(): goto runs forward only")
            if re.search(r"(?<![\w.>])%s\s*\(" % re.escape(function.name), function.body):
                yield Finding(file.path, function.first, "recursion",
                              f"{function.name}() calls itself: use a bounded stack of your own")


# What base/text.h formats; `*` and PRI macros are resolved before.
_FORMATTING = re.compile(r"\b(plim_error_(?:set|where|hint)|plim__text_format)\s*\(")
_PRI = re.compile(r'"\s*\bPRI([diuxX])\w+\b\s*(?:"|(?=[,)]))')
_CONVERSION = re.compile(r"%(?:%|[-0]*(?:\d+|\*)?(?:(?:\.(?:\d+|\*))?s|"
                         r"(?:hh|h|ll|l|z|j|t)?[diuxX]|[cp]))")


def formats(tree):
    """Sentences use the conversions that base/text.h has: no floating point, no %n."""
    for file in tree.c_files("src"):
        for found in _FORMATTING.finditer(file.bare):
            depth, end = 1, found.end()
            while depth > 0 and end < len(file.code):  # strings are blank in .code
                depth += {"(": 1, ")": -1}.get(file.code[end], 0)
                end += 1
            call = _PRI.sub(r"\1", file.bare[found.end():end])
            for text in re.findall(r'"((?:\\.|[^"\\])*)"', call):
                if "%" in _CONVERSION.sub("", text):
                    yield Finding(file.path, file.line_of(found.start()), "formats",
                                  f'"{text}": base/text.h has no such conversion')


def spdx(tree):
    """The licence stands in the first lines of every file of code."""
    for file in tree.files.values():
        name = os.path.basename(file.path)
        is_code = file.path.endswith(CODE_ENDS + (".toml",)) or \
            name in ("meson.build", "Makefile") or file.text.startswith("#!")
        if is_code and not any("SPDX-License-Identifier: MIT" in line for line in file.lines[:3]):
            yield Finding(file.path, 1, "spdx", "no `SPDX-License-Identifier: MIT` at the top")


# Written in pieces, so that this file does not find itself.
_UNFINISHED = re.compile(r"\b(%s)\b" % "|".join(("FIX" "ME", "TO" "DO", "XX" "X", "HA" "CK")))
_PLACES = re.compile(
    r"(?<![\w.$}/])/(?:ho" r"me|ro" r"ot|wo" r"rk)/\w|\bis" r"sue #?\d+|" +
    r"\b(?:reg" r"istry|d" r"eb|mir" r"ror|pro" r"xy|py" r"pi)\.[a-z]+\.(?:org|com|io|net)\b")


def unfinished(tree):
    """What is left to do is not left in the tree."""
    for file in tree.files.values():
        if not file.path.endswith(".md"):
            yield from _each(file, _UNFINISHED, "unfinished", "%s: finish it, or write it down "
                             "where plans are")


def places(tree):
    """No path, number or host of one workplace."""
    for file in tree.files.values():
        yield from _each(file, _PLACES, "places", "`%s` is of one workplace, not of the project")


def _each(file, pattern, rule, text):
    for number, line in enumerate(file.lines, 1):
        found = pattern.search(line)
        if found:
            yield Finding(file.path, number, rule, text % found[0])

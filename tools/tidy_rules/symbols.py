# SPDX-License-Identifier: MIT
"""Names: what is public, private or static; what nobody uses; what nobody explained."""

import collections
import os
import re

from tidy_rules.tree import Finding

_DECLARATION = re.compile(r"^PLIM_API\b(?P<head>[^;{]*?)\b(?P<name>\w+)\((?P<params>[^;{]*)\)"
                          r"[^;(){]*;", re.M | re.S)
_VARIABLE = re.compile(
    r"^PLIM_API extern __thread [^;(]*?\b(?P<name>plim__\w+_\d+)\b[^;(]*;", re.M)
_ATTRIBUTE = re.compile(r"\bPLIM_PRINTF\([^)]*\)")


class Declaration:
    """One installed function: its name, its parameters' names, and the comment above it."""

    def __init__(self, file, found):
        self.file, self.name = file, found["name"]
        self.line = file.line_of(found.start())
        self.type = re.sub(r"PLIM_\w+", "", found["head"]).strip()
        self.params = _parameter_names(found["params"])
        before = file.text[:found.start()].rstrip()
        start = before.rfind("/**")
        self.doc = before[start:] if before.endswith("*/") and start >= 0 else ""


def _parameter_names(text):
    depth, parts = 0, [""]
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    names = []
    for part in parts:
        callback = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)", part)
        plain = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", part)
        if part.strip() not in ("void", "...", ""):
            names.append((callback or plain)[1] if callback or plain else part.strip())
    return names


def declarations(tree):
    for file in tree.public_headers():
        code = _ATTRIBUTE.sub(lambda m: " " * len(m[0]), file.code)
        for found in _DECLARATION.finditer(code):
            yield Declaration(file, found)


def variables(tree):
    """What inline functions of installed headers look at: (file, name)."""
    for file in tree.public_headers():
        for found in _VARIABLE.finditer(file.code):
            yield file, found["name"]


def docs(tree):
    """Every installed header, function and type says what it is."""
    statuses = _known_statuses(tree)
    for file in tree.public_headers():
        if "@file" not in file.text or "@brief" not in file.text:
            yield Finding(file.path, 1, "docs", "the header has no @file and @brief")
        for found in re.finditer(r"^typedef (?:struct|enum|union) \w* ?\{", file.code, re.M):
            if not file.text[:found.start()].rstrip().endswith("*/"):
                yield Finding(file.path, file.line_of(found.start()), "docs",
                              "a type whose members are shown has a comment above it")
        for found in re.finditer(r"\bPLIM_ERR_\w+", file.text):
            if statuses and found[0] not in statuses and found[0].rstrip("_") != "PLIM_ERR":
                yield Finding(file.path, file.line_of(found.start()), "docs",
                              f"{found[0]} is not in the table of status.h")
    for declaration in declarations(tree):
        for text in _doc_faults(declaration):
            yield Finding(declaration.file.path, declaration.line, "docs",
                          f"{declaration.name}(): {text}")


def _known_statuses(tree):
    status = tree.files.get("include/plimsoll/status.h")
    return {f"PLIM_{n}" for n in re.findall(r"X\((ERR_\w+),", status.text)} if status else set()


def _doc_faults(declaration):
    doc = declaration.doc
    if not doc:
        yield "no comment above it"
        return
    if "@brief" not in doc:
        yield "no @brief"
    told = re.findall(r"@param(?:\[[a-z,]+\])?\s+(\w+)", doc)
    for name in declaration.params:
        if name not in told:
            yield f"no @param {name}"
    for name in told:
        if name not in declaration.params:
            yield f"@param {name} is not a parameter"
    if declaration.type == "plim_status" and "@retval" not in doc and "@return" not in doc:
        yield "no @retval"
    elif declaration.type != "void" and "@retval" not in doc and "@return" not in doc:
        yield "no @return"
    if not re.search(r"@note\s+Threads:", doc):
        yield "no `@note Threads:`"


def exports(tree):
    """plim_x is installed and marked PLIM_API; plim__x is private, but for what an installed macro
    or inline function calls; nothing else leaves a file."""
    public = {d.name: d for d in declarations(tree)}
    called = _called_by_headers(tree)
    for declaration in public.values():
        if declaration.name.startswith("plim__") and declaration.name in called:
            continue
        if declaration.name.startswith("plim__") or not declaration.name.startswith("plim_"):
            yield Finding(declaration.file.path, declaration.line, "exports",
                          f"{declaration.name}: an installed function is called plim_…")
    for file in tree.public_headers():
        for found in re.finditer(r"^(?!PLIM_API|PLIM__INLINE|PLIM__FORCED|static|typedef|#|"
                                 r"PLIM_DECLS|\s)[\w *]+\b(\w+)\(", file.code, re.M):
            yield Finding(file.path, file.line_of(found.start()), "exports",
                          f"{found[1]}: a function of an installed header is PLIM_API")
    defined = {}
    for file in tree.c_files("src"):
        for function in file.functions():
            if function.is_static or not file.path.endswith(".c"):
                continue
            defined[function.name] = file
            if function.name == "main" or function.name.startswith("plim__"):
                continue  # declared public or not: the loop above has judged it
            if function.name not in public:
                yield Finding(file.path, function.first, "exports",
                              f"{function.name}: plim__… if private, else PLIM_API in a header")
    for name, declaration in public.items():
        owner = tree.owner.get(os.path.basename(declaration.file.path))
        if name not in defined or defined[name].module == owner:
            continue
        if name not in tree.modules.get(defined[name].module, {}).get("implements", []):
            yield Finding(declaration.file.path, declaration.line, "exports",
                          f"{name} is defined in {defined[name].path}, and the header is {owner}'s")


def _called_by_headers(tree):
    """plim__x in a macro or in a function's body of an installed header, where users expand it."""
    called = set()
    for file in tree.public_headers():
        lines = file.code.split("\n")
        for index, line in enumerate(lines):
            is_macro = line.startswith("#") or (index > 0 and lines[index - 1].endswith("\\"))
            if is_macro or line.startswith((" ", "\t")):
                called.update(re.findall(r"\b(plim__\w+)\s*\(", line))
    return called


def undefined(tree):
    """Every installed function exists."""
    defined = {f.name for file in tree.c_files("src") for f in file.functions() if not f.is_static}
    for declaration in declarations(tree):
        if declaration.name not in defined:
            yield Finding(declaration.file.path, declaration.line, "undefined",
                          f"{declaration.name} is declared and nowhere defined")


def unique(tree):
    """File-static functions have names of their own, so that a one-file build stays possible."""
    seen = collections.defaultdict(list)
    for file in tree.c_files("src"):
        for function in file.functions():
            if function.is_static:
                seen[function.name].append((file, function))
    for name, places in seen.items():
        for file, function in places[1:]:
            if file is places[0][0]:
                continue  # two branches of one #if
            yield Finding(file.path, function.first, "unique",
                          f"{name}() is also in {places[0][0].path}")


def orphans(tree):
    """No file outside the build, no header nobody includes, no private name nobody uses."""
    yield from _files_outside_the_build(tree)
    included = {target[1:-1] for file in tree.c_files() for _, target in file.includes()}
    for file in tree.c_files("src", "tests", "bench", "fuzz"):
        name = file.path.split("/", 1)[1]
        if file.path.endswith(".h") and name not in included and \
                os.path.basename(name) not in included:
            yield Finding(file.path, 0, "orphans", "nobody includes it")
    users, inlined = collections.defaultdict(set), set()
    for file in tree.c_files():
        counted = collections.Counter(re.findall(r"\w+", file.code))
        if file.path.endswith(".h"):
            inlined |= {word for word, times in counted.items() if times > 1}
        else:
            for word in counted:
                users[word].add(file.path)
    pasted = _pasted_names(tree)
    for file in tree.c_files("src"):
        for function in file.functions():
            name = function.name
            if function.is_static or not file.path.endswith(".c") or \
                    not name.startswith("plim__"):
                continue
            if users[name] <= {file.path} and name not in inlined and name not in pasted:
                yield Finding(file.path, function.first, "orphans",
                              f"{name}() is used in this file alone: make it static")


def _pasted_names(tree):
    """plim__x_##row for every word of the tables: names that macros put together."""
    rows = {word for path, file in tree.files.items() if path.endswith(".def")
            for word in re.findall(r"\w+", file.text)}
    prefixes = {prefix for file in tree.c_files("src")
                for prefix in re.findall(r"\b(plim__\w+) ?##", file.code)}
    return {prefix + row for prefix in prefixes for row in rows}


def _files_outside_the_build(tree):
    for file in tree.c_files("src", "tests", "bench", "fuzz"):
        if file.path.endswith(".h"):
            continue
        folder, rest = os.path.dirname(file.path), os.path.basename(file.path)
        found = False
        while not found:
            build = tree.files.get(f"{folder}/meson.build" if folder else "meson.build")
            found = build is not None and _names_it(build.text, rest)
            if not folder:
                break
            rest = f"{os.path.basename(folder)}/{rest}"
            folder = os.path.dirname(folder)
        if not found:
            yield Finding(file.path, 0, "orphans", "no meson.build names it")


def _names_it(build_text, path):
    """'x.c', or the X of a loop over 'test_' + X + '.c'."""
    stem = re.sub(r"^(test|fuzz|bench)_|\.(c|cpp)$", "", os.path.basename(path))
    stem = re.sub(r"^(test|fuzz|bench)_", "", stem)
    return f"'{path}'" in build_text or \
        (f"'{stem}'" in build_text and re.search(r"\+\s*'\.c(pp)?'", build_text) is not None)


def rooms(tree):
    """A newcomer finds every module in ARCHITECTURE.md or README.md."""
    text = "".join(tree.files[name].text for name in ("ARCHITECTURE.md", "README.md")
                   if name in tree.files)
    for module in tree.modules:
        if f"src/{module}" not in text:
            yield Finding("ARCHITECTURE.md", 1, "rooms", f"says nothing of src/{module}/")

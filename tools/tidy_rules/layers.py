# SPDX-License-Identifier: MIT
"""Who may include whom (tools/layers.toml), and that every header stands alone."""

import concurrent.futures
import os
import subprocess
import tempfile

from tidy_rules.tree import Finding

ISO_C = {f"<{name}.h>" for name in (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath "
    "threads time uchar wchar wctype").split()}

FREESTANDING = {f"<{name}.h>" for name in (
    "float iso646 limits stdalign stdarg stdatomic stdbool stddef stdint stdnoreturn "
    "string").split()}


def layers(tree):
    """Includes run downward only; system headers stay in platform, third-party ones where said."""
    yield from _table(tree)
    for file in tree.c_files("include", "src"):
        for line, target in file.includes():
            text = _include_fault(tree, file, target)
            if text:
                yield Finding(file.path, line, "layers", text)
    yield from _header_cycles(tree)


def _table(tree):
    path = "tools/layers.toml"
    folders = {file.module for file in tree.files.values()} - {None}
    for name in sorted(folders - set(tree.modules)):
        yield Finding(path, 1, "layers", f"src/{name}/ is not in the table: give it its place")
    for name in sorted(set(tree.modules) - folders):
        yield Finding(path, 1, "layers", f"the table has {name}, src/ has not: remove the row")
    for header in tree.public_headers():
        if os.path.basename(header.path) not in tree.owner:
            yield Finding(path, 1, "layers", f"{header.path} belongs to no module's `public`")
    for header in sorted(tree.owner):
        if f"include/plimsoll/{header}" not in tree.files:
            yield Finding(path, 1, "layers", f"{header} is not in include/plimsoll: remove it")
    # Rows are in order: a module may use earlier ones only, so no cycle can be written down.
    seen = []
    for name, module in tree.modules.items():
        for used in module["may_use"]:
            if used not in seen:
                yield Finding(path, 1, "layers",
                              f"{name} may_use {used}, which stands below it: a cycle, or unknown")
        seen.append(name)


def _include_fault(tree, file, target):
    name = target[1:-1]
    is_public = file.path.startswith("include/")
    me = tree.owner.get(os.path.basename(file.path)) if is_public else file.module
    module = tree.modules.get(me)
    if module is None:
        return None  # _table() has said so
    allowed = [me, *module["may_use"]]
    if target.startswith("<plimsoll/"):
        header = name.removeprefix("plimsoll/")
        if header not in tree.owner:
            return f"no header <{name}>"
        if tree.owner[header] not in allowed:
            return f"{me} may not use {tree.owner[header]} (<{name}>): dependencies run downward"
        return None
    if target[0] == '"':
        return _private_fault(tree, file, name, me, module, is_public)
    if target in ISO_C:
        if module.get("freestanding") and target not in FREESTANDING:
            return f"<{name}>: {me} needs no C library; base/text.h, base/error.h"
        return None
    if name in tree.layers["third_party"]:
        users = tree.layers["third_party"][name]
        if is_public or me not in users:
            return f"<{name}> is for {', '.join(users)} only"
        return None
    if module.get("os") and not is_public:
        return None
    folders = module.get("os_folder", [])
    folders = [folders] if isinstance(folders, str) else folders
    if os.path.dirname(file.path) in folders and file.path.endswith(".c"):
        return None
    return f"<{name}> is not ISO C: src/platform/ has system headers, layers.toml the others"


def _private_fault(tree, file, name, me, module, is_public):
    if is_public:
        return f'"{name}": an installed header includes installed headers only'
    if f"src/{name}" not in tree.files:
        return f'"{name}": no such file under src/ (paths are written from there)'
    other = name.split("/")[0]
    if other != me and module.get("only_public"):
        return f'"{name}": {me} uses <plimsoll/…> only, as a user would'
    if other not in [me, *module["may_use"]]:
        return f"{me} may not use {other}: dependencies run downward"
    folder = os.path.dirname(file.path)
    for barred in tree.layers.get("apart", {}).get(folder, []):
        if f"src/{name}".startswith(barred + "/"):
            return f"{folder} must not know {barred}: they meet above"
    return None


def _header_cycles(tree):
    graph = {}
    for file in tree.c_files("include", "src"):
        if file.path.endswith(".h"):
            graph[file.path] = [("include/" if target[0] == "<" else "src/") + target[1:-1]
                                for _, target in file.includes()]
    done = set()
    for start in graph:
        trail, stack = [], [(start, 0)]
        while stack:
            path, depth = stack.pop()
            del trail[depth:]
            if path in trail:
                yield Finding(path, 1, "layers", "headers include each other in a circle: " +
                              " > ".join(trail[trail.index(path):] + [path]))
                continue
            if path in done or path not in graph:
                continue
            trail.append(path)
            stack.extend((other, depth + 1) for other in graph[path])
        done.add(start)


def headers(tree):
    """Every header compiles alone: installed ones as C17 and C++17, private ones as C17."""
    jobs = []
    for file in tree.c_files("include", "src"):
        if file.path.endswith(".h"):
            jobs.append((file, "c", "c17", os.environ.get("CC", "gcc")))
            if file.path.startswith("include/"):
                jobs.append((file, "c++", "c++17", os.environ.get("CXX", "g++")))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(lambda job: _compile_alone(tree, *job), jobs):
            if found:
                yield found


def _compile_alone(tree, file, language, standard, compiler):
    name = file.path.split("/", 1)[1]
    with tempfile.NamedTemporaryFile("w", suffix=".c") as unit:
        # Twice: the include guard is part of standing alone.
        unit.write(f'#include "{name}"\n#include "{name}"\n')
        unit.flush()
        run = subprocess.run(
            [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror",
             "-fsyntax-only", "-I", "include", "-I", "src", unit.name],
            cwd=tree.root, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return None
    errors = [line for line in run.stderr.splitlines() if "error" in line]
    return Finding(file.path, 1, "headers",
                   f"does not stand alone as {standard}: {(errors or ['?'])[0]}")

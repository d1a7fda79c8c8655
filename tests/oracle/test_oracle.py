#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every answer of an analysis against Chrome DevTools' own, on heaps of several Node versions.

    test_oracle.py DUMP_ANALYSIS PLIM FOLDER

Each Node makes its snapshots in FOLDER; DevTools' worker (see README.md) and DUMP_ANALYSIS say what
is in them; totals, all columns of all nodes, the rows of the Summary and of the Comparison must be
equal, on one thread and on two. What plim redact makes of one must be the same to DevTools in all
but names. At the end faults are planted in each part of an answer, and the
comparison must see every one.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES") or HERE.parents[1] / ".runtimes")
NODES = ("node-20", "node-22", "node-24", "node-26")
TOTALS = ("nodes", "edges", "total_bytes")
COLUMNS = ("retained", "shallow", "distance", "dominator", "names")
FILES = (("target.heapsnapshot", "base.heapsnapshot"), ("internals.heapsnapshot", None),
         ("track.heaptimeline", None))


def node_of(name):
    path = RUNTIMES / name / "node_modules" / "runtime" / "bin" / "node"
    if not path.exists():
        sys.exit(f"{path} is missing. Try: tools/setup test")
    return str(path)


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=300, **options)
    if done.returncode != 0:
        sys.exit(f"exit status {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def well_formed(data):
    """WTF-8 as text; what JavaScript's toWellFormed() gives for lone surrogates."""
    text = data.decode("utf-8", "surrogatepass")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def records(path):
    """Lines of fields, the last of which is the length of the name that follows."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        end = data.index(b"\n", at)
        *fields, size = data[at:end].decode().split("\t")
        name = data[end + 1:end + 1 + int(size)]
        yield fields, well_formed(name)
        at = end + 1 + int(size) + 1


def digest(path):
    data = path.read_bytes()
    if path.suffix == ".names":
        data = well_formed(data).encode()
    return hashlib.sha256(data).hexdigest()


def read_dump(out, totals):
    """An answer out of the files that DUMP_ANALYSIS wrote."""
    answer = {key: totals[key] for key in TOTALS}
    answer["digests"] = {column: digest(out.with_suffix("." + column)) for column in COLUMNS}
    answer["classes"] = [
        [f"{fields[0]},{name}", *map(int, fields[1:])]
        for fields, name in records(out.with_suffix(".classes")) if fields[1] != "0"]
    if out.with_suffix(".diff").exists():
        answer["diff"] = [[name, *map(int, fields)]
                          for fields, name in records(out.with_suffix(".diff"))]
    return answer


def ours(dump, file, base, threads, out):
    out.with_suffix(".diff").unlink(missing_ok=True)
    command = [dump, file, out, "--threads", str(threads)] + (["--base", base] if base else [])
    return read_dump(out, json.loads(run(command)))


def theirs(file, base):
    command = [node_of("node-22"), "--max-old-space-size=16000",
               RUNTIMES / "devtools" / "devtools.mjs", file]
    return json.loads(run(command + ([f"--base={base}"] if base else [])))


def differences(want, got):
    """What differs, in words; empty if nothing does."""
    found = [key for key in TOTALS if want[key] != got[key]]
    found += [column for column in COLUMNS if want["digests"][column] != got["digests"][column]]
    for rows in ("classes", "diff"):
        if sorted(want.get(rows, [])) != sorted(got.get(rows, [])):
            found.append(rows)
    return found


def planted(dump, file, base, out, want):
    """Puts one fault at a time into a dump; returns those that nobody saw."""
    unseen = []
    for part in (*COLUMNS, "classes", "diff"):
        ours(dump, file, base, 2, out)
        path = out.with_suffix("." + part)
        data = bytearray(path.read_bytes())
        if part in ("classes", "diff"):
            at = data.index(b"\t", 1) - 1 if part == "diff" else data.index(b"\t") + 1
        else:
            at = len(data) // 2
            while part == "names" and data[at] in b"\n":
                at += 1
        data[at] = data[at] ^ 1
        path.write_bytes(data)
        if differences(want, read_dump(out, want)) != [part]:
            unseen.append(part)
    return unseen


def redacted_differs(plim, file, want):
    """In which columns but names DevTools sees another heap once it was redacted."""
    redacted = file.with_name("redacted.heapsnapshot")
    run([plim, "redact", file, "-o", redacted])
    found = differences(want, theirs(redacted, None))
    return [part for part in found if part not in ("names", "classes", "diff")]


def main():
    dump, plim, folder = (pathlib.Path(word) for word in sys.argv[1:4])
    if not (RUNTIMES / "devtools" / "worker.mjs").exists():
        sys.exit(f"{RUNTIMES / 'devtools'} is missing. Try: tools/setup test")
    shutil.rmtree(folder, ignore_errors=True)
    failed = False
    for node in NODES:
        place = folder / node
        place.mkdir(parents=True)
        run([node_of(node), HERE / "make_snapshots.mjs", place])
        for name, base_name in FILES:
            file, base = place / name, place / base_name if base_name else None
            want = theirs(file, base)
            for threads in (1, 2):
                found = differences(want, ours(dump, file, base, threads, place / "ours"))
                failed = failed or found != []
                print(f"{node} {name}, {threads} thread(s): {want['nodes']} nodes,"
                      f" {len(want['classes'])} classes, {len(want.get('diff', []))} rows changed:"
                      f" {'differs in ' + ', '.join(found) if found else 'equal'}", flush=True)
        found = redacted_differs(plim, place / FILES[1][0], theirs(place / FILES[1][0], None))
        failed = failed or found != []
        print(f"{node} redacted: {'differs in ' + ', '.join(found) if found else 'equal'}")
    file, base = folder / NODES[0] / FILES[0][0], folder / NODES[0] / FILES[0][1]
    unseen = planted(dump, file, base, folder / "planted", theirs(file, base))
    print(f"planted faults: {'unseen in ' + ', '.join(unseen) if unseen else 'all seen'}")
    shutil.rmtree(folder)
    return 1 if failed or unseen else 0


if __name__ == "__main__":
    sys.exit(main())

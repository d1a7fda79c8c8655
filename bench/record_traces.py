#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what sqlite3, jq and cc1 -O2 ask of malloc() on work of their kind, here and now.

    bench/record_traces.py FOLDER [--build DIR]

The programs are Debian's, the work is made up by fixed rules below, so two machines of one release
record the same but for details of the system. Traces are 8 bytes an event (trace.h) and are not
kept in the tree: sqlite3 about 11 MB, jq 5 MB, cc1 40 MB.
"""
import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = struct.Struct("<4Q")
MAGIC = 0x3145434152544C50

SQL = """
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT, note TEXT);
CREATE TABLE sale(id INTEGER PRIMARY KEY, customer INTEGER, day INTEGER, amount REAL, kind TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO customer SELECT i, 'name ' || (i * 7919 % 4001), 'city ' || (i % 97),
  printf('%.*c', i % 60, 'x') FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO sale SELECT i, i * 31 % 4000 + 1, i % 365, (i * 17 % 10007) / 7.0,
  'kind' || (i % 13) FROM n;
CREATE INDEX sale_by_customer ON sale(customer, day);
CREATE INDEX customer_by_city ON customer(city, name);
SELECT city, kind, count(*), sum(amount), group_concat(DISTINCT day % 7) FROM sale
  JOIN customer ON customer.id = sale.customer GROUP BY city, kind ORDER BY 4 DESC LIMIT 50;
SELECT name, upper(city) || substr(note, 1, 20), replace(note, 'x', 'yz') FROM customer
  ORDER BY length(note), name;
SELECT customer, day, sum(amount) OVER (PARTITION BY customer ORDER BY day) FROM sale
  WHERE customer < 400;
SELECT json_group_array(json_object('id', id, 'day', day, 'amount', amount)) FROM sale
  WHERE id % 9 = 0;
UPDATE sale SET amount = amount * 1.1, kind = kind || '!' WHERE day BETWEEN 100 AND 200;
DELETE FROM sale WHERE day % 5 = 0;
SELECT a.name, b.name FROM customer a JOIN customer b ON a.city = b.city AND a.id < b.id
  WHERE a.id % 40 = 0;
VACUUM;
"""


def sqlite_work(folder):
    script = folder / "work.sql"
    rows = [f"INSERT INTO sale VALUES({100000 + i}, {i % 4000 + 1}, {i % 365}, {i}.25, 'late');"
            f" SELECT name FROM customer WHERE id = {i % 4000 + 1};" for i in range(8000)]
    script.write_text(SQL + "\n".join(rows) + "\nSELECT count(*), sum(amount) FROM sale;\n")
    return ["sqlite3", ":memory:"], script


def jq_work(folder):
    data = folder / "work.json"
    rows = [{"id": i, "name": f"user {i * 7919 % 10007}", "tags": [f"t{i % k}" for k in (3, 7, 11)],
             "at": {"x": i % 640, "y": i * 3 % 480, "on": i % 2 == 0}, "text": "z" * (i % 80)}
            for i in range(9000)]
    data.write_text(json.dumps(rows))
    program = "group_by(.tags[1]) | map({tag: .[0].tags[1], n: length, xs: (map(.at.x) | add)," \
              " names: (map(.name | ascii_upcase) | unique | length), on: (map(select(.at.on))" \
              " | map(.id) | .[0:50]), all: map(tostring | length)})"
    return ["jq", program], data


def cc1_work(folder):
    """The heap module as one unit; a file whose names clash with an earlier one's is left out."""
    unit, preprocessed = folder / "work.c", folder / "work.i"
    sources = sorted((ROOT / "src/heap").glob("*.c"))
    include = ["gcc", "-std=c17", "-w", "-I", ROOT / "include", "-I", ROOT / "src", unit]
    while True:
        unit.write_text("#define _GNU_SOURCE 1\n" +
                        "".join(f'#include "{source}"\n' for source in sources))
        tried = subprocess.run([*include, "-fsyntax-only"], stderr=subprocess.PIPE, text=True,
                               check=False)
        if tried.returncode == 0:
            break
        clash = re.search(r"^(?:In file included|.*from) .*work\.c:(\d+)", tried.stderr,
                          re.MULTILINE)
        if clash is None:
            sys.exit(f"record_traces: {tried.stderr}")
        del sources[int(clash[1]) - 2]
    subprocess.run([*include, "-E", "-o", preprocessed], check=True)
    compiler = subprocess.run(["gcc", "-print-prog-name=cc1"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()
    return [compiler, "-fpreprocessed", "-std=c17", "-w", "-O2", "-quiet", preprocessed, "-o",
            folder / "work.s"], None


WORKS = {"sqlite3": sqlite_work, "jq": jq_work, "cc1": cc1_work}


def record(folder, name, recorder):
    arguments, source = WORKS[name](folder)
    trace = folder / f"{name}.trace"
    stdin = open(source, "rb") if source else subprocess.DEVNULL
    subprocess.run(arguments, check=True, stdin=stdin, stdout=subprocess.DEVNULL,
                   env={**os.environ, "LD_PRELOAD": str(recorder), "PLIM_TRACE": str(trace)})
    with open(trace, "rb") as file:
        magic, events, ids, threads = HEAD.unpack(file.read(HEAD.size))
    if magic != MAGIC or events == 0:
        sys.exit(f"record_traces: nothing came of {name}")
    os.truncate(trace, HEAD.size + 8 * events)
    print(f"{name}: {events} events, {ids} ids, {threads} threads, "
          f"{os.path.getsize(trace) / 1e6:.1f} MB", file=sys.stderr)
    return trace


def record_all(folder, build):
    recorder = pathlib.Path(build).resolve() / "bench/libtrace_record.so"
    return {name: record(pathlib.Path(folder), name, recorder) for name in WORKS}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--build", default=str(ROOT / "build"))
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    record_all(options.folder, options.build)


if __name__ == "__main__":
    main()

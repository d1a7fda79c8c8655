# SPDX-License-Identifier: MIT
"""Real programs under libplimsoll-malloc.so: their work comes out the same as without it, byte for
byte, and their reports add up to what the kernel says. Debian's own builds, not somebody's.

    test_programs.py LIBRARY
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from preloaded import DEBIAN, Preload, resident  # noqa: E402

LIBRARY = pathlib.Path(sys.argv.pop()).resolve()
ROOT = pathlib.Path(__file__).resolve().parents[2]
WAIT_S = 20

SQL = """
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<60000)
  insert into t select i, hex(i*7919)||'-'||(i%97), i*1.5 from n;
create index tb on t(b);
select count(*), sum(a), total(c), max(length(b)) from t;
select substr(b,-2), count(*) from t group by 1 order by 2 desc, 1 limit 5;
delete from t where a%3=0;
vacuum;
select count(*), sum(a) from t;
select group_concat(b,',') from (select b from t order by b limit 2000);
pragma integrity_check;
"""

JQ = """[range(30000) | {id: ., name: "x\\(. % 97)", deep: [[., . * 2], {k: (. | tostring)}]}]
  | group_by(.name) | map({key: .[0].name, sum: (map(.id) | add), text: (map(.deep[1].k) | join("")
  | length)}) | sort_by(.sum) | .[:40]"""

PYTHON = """
import collections, concurrent.futures, decimal, gc, hashlib, itertools, json, random, re
import sqlite3, subprocess, sys, threading, zlib
random.seed(7)
digest = hashlib.sha256()
def add(value):
    digest.update(repr(value).encode())
words = ["".join(random.choices("abcdefgh", k=random.randint(1, 40))) for _ in range(20000)]
add(sorted(collections.Counter(word[:2] for word in words).items()))
text = json.dumps([{"w": word, "n": [n] * (n % 30)} for n, word in enumerate(words)])
add(len(json.loads(text)))
packed = zlib.compress(text.encode(), 6)
add(zlib.crc32(zlib.decompress(packed)))
add(sum(len(found) for found in re.findall(r"(a[bc]+)d", text)))
decimal.getcontext().prec = 300
add(str(decimal.Decimal(2).sqrt()))
database = sqlite3.connect(":memory:")
database.execute("create table t(a, b)")
database.executemany("insert into t values(?, ?)", enumerate(words))
add(database.execute("select count(*), max(b) from t where b like 'a%'").fetchone())
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    add(list(pool.map(lambda n: sum(len(w * 3) for w in words[n::4]), range(4))))
class Node:
    pass
for _ in range(50000):
    node = Node(); node.self = node; node.data = bytearray(random.randint(0, 2000))
add(gc.collect() >= 0)
add(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True).stdout)
big = bytearray()
for n in range(2000):
    big += bytes([n % 256]) * 3000
add(zlib.crc32(big))
try:
    bytearray(1 << 62)
except (MemoryError, OverflowError) as error:
    add(type(error).__name__)
print(digest.hexdigest())
"""


class Programs(unittest.TestCase):
    def setUp(self):
        self.preload = Preload(LIBRARY)
        self.addCleanup(self.preload.close)

    def both(self, *command, stdin=None, total="512M"):
        """The answer without the library and with it."""
        plain = self.preload.run(*command, stdin=stdin, LD_PRELOAD=None)
        held = self.preload.run(*command, stdin=stdin, PLIM_TOTAL=total)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.assertEqual((held.returncode, held.stderr), (0, plain.stderr))
        self.assertEqual(held.stdout, plain.stdout)
        self.assertGreater(len(plain.stdout), 20)
        return held.stdout

    def assert_served(self, program, blocks, count=1):
        reports = self.preload.reports(program)
        self.assertEqual(len(reports), count)
        for report in reports:
            total = sum(row["allocation_total"] for row in report["memory"]["domains"])
            self.assertGreater(total, blocks)
            self.assertEqual((report["foreign_frees"], report["foreign_resizes"],
                              report["lost_frees"]), (0, 0, 0))
            self.assertEqual(report["memory"]["manager"]["refusal_count"], 0)
        return reports

    def test_sqlite3(self):
        answer = self.both("sqlite3", ":memory:", stdin=SQL)
        self.assertTrue(answer.startswith("60000|1800030000|2700045000.0|"), answer[:80])
        self.assertTrue(answer.endswith("\nok\n"))
        self.assert_served("sqlite3", 1000)

    def test_jq(self):
        self.both("jq", "-n", JQ)
        self.assert_served("jq", 100000)

    def test_python3(self):
        # Without its own pools every object is a block of ours.
        script = self.preload.path / "work.py"
        script.write_text(PYTHON, encoding="utf-8")
        self.both("env", "PYTHONMALLOC=malloc", "python3", script)
        reports = self.preload.reports("python3.11") or self.preload.reports("python3")
        self.assertGreater(max(report["memory"]["domains"][0]["allocation_total"]
                               for report in reports), 1000000)

    def test_a_folder_that_is_closed_to_the_user_has_no_configuration(self):
        folder = self.preload.path
        library = folder / "library.so"
        shutil.copy(LIBRARY, library)
        (folder / "plimsoll").mkdir()
        config = folder / "plimsoll/plimsoll.conf"
        config.write_text("[memory]\ntotal = 64M\n", encoding="utf-8")
        folder.chmod(0o755)
        other = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else ["env"]

        def run_true():
            return self.preload.run(*other, "env", f"LD_PRELOAD={library}", "/usr/bin/true",
                                    LD_PRELOAD=None, PLIM_REPORT=None)
        config.chmod(0o644)
        self.assertEqual(run_true().returncode, 0)
        config.chmod(0)  # in an open folder: it was meant for us, and cannot be kept to
        self.assertIn("Permission denied", run_true().stderr)
        config.parent.chmod(0o700 if os.geteuid() == 0 else 0)
        self.assertEqual((run_true().returncode, run_true().stderr), (0, ""))
        config.parent.chmod(0o700)

    def test_gcc_makes_the_same_object(self):
        folder = self.preload.path
        for name in ("plain.o", "held.o"):
            extra = {"LD_PRELOAD": None} if name == "plain.o" else {"PLIM_TOTAL": "512M"}
            done = self.preload.run("gcc", "-std=c17", "-O2", "-I", ROOT / "include", "-I",
                                    ROOT / "src", "-c", ROOT / "src/config/values.c", "-o",
                                    folder / name, **extra)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual((folder / "held.o").read_bytes(), (folder / "plain.o").read_bytes())
        self.assert_served("cc1", 10000)
        self.assert_served("as", 100)

    def test_gcc_says_in_its_own_words_that_there_is_no_memory(self):
        done = self.preload.run("gcc", "-O2", "-I", ROOT / "include", "-I", ROOT / "src", "-c",
                                ROOT / "src/config/values.c", "-o", "x.o", PLIM_TOTAL="1M")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("out of memory", done.stderr)

    def test_python3_gets_a_memory_error_and_goes_on(self):
        done = self.preload.run("python3", "-c", "kept = []\ntry:\n    while True:\n"
                                "        kept.append(bytearray(100000))\nexcept MemoryError:\n"
                                "    count = len(kept)\n    del kept\n"
                                "    print('MemoryError', count > 100, len(bytearray(1000000)))",
                                PLIM_TOTAL="32M")
        self.assertEqual((done.stdout, done.returncode),
                         ("MemoryError True 1000000\n", 0), done.stderr)


class Redis(unittest.TestCase):
    def setUp(self):
        self.preload = Preload(LIBRARY)
        self.addCleanup(self.preload.close)
        self.socket = self.preload.path / "redis.sock"
        self.server = None

    def start(self, **variables):
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir",
             self.preload.path, "--save", "", "--dbfilename", "dump.rdb"],
            env=self.preload.env(**variables), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        self.until(lambda: self.socket.exists() and "PONG" in self.cli("ping"))

    def stop(self):
        if self.server.poll() is None:
            self.server.kill()
        self.server.wait(WAIT_S)

    def cli(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.socket, *words], capture_output=True,
                              text=True, check=False, env={"PATH": DEBIAN}, timeout=WAIT_S)
        return done.stdout

    def until(self, holds):
        end = time.monotonic() + WAIT_S
        while not holds():
            self.assertLess(time.monotonic(), end, "it never came about")
            time.sleep(0.02)

    def bench(self, *words):
        done = subprocess.run(["redis-benchmark", "-s", self.socket, "-n", "20000", "-c", "20",
                               "-r", "5000", "-q", *words], capture_output=True, text=True,
                              check=False, env={"PATH": DEBIAN}, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def fill(self):
        """Known contents, and what DEBUG-free Redis can say of all of it."""
        lines = "".join(f"set key:{n} {'v' * (1 + n % 300)}\nrpush list:{n % 50} {n}\n"
                        f"hset hash:{n % 70} f{n} {n * n}\n" for n in range(4000))
        done = subprocess.run(["redis-cli", "-s", self.socket], input=lines, text=True,
                              capture_output=True, check=True, env={"PATH": DEBIAN})
        self.assertEqual(done.stdout.count("ERR"), 0, done.stdout[:200])
        return self.contents()

    def contents(self):
        script = ("local keys = redis.call('keys', '*') table.sort(keys) local all = {} "
                  "for _, k in ipairs(keys) do all[#all + 1] = k .. "
                  "redis.sha1hex(redis.call('dump', k)) end "
                  "return redis.sha1hex(table.concat(all)) .. #keys")
        return self.cli("eval", script, "0")

    def test_it_serves_saves_and_loads_what_it_was_given(self):
        self.start(PLIM_TOTAL="256M", PLIM_REPORT_SIGNAL="USR2")
        shown = self.bench("-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,mset")
        self.assertEqual(shown.count("requests per second"), 9)
        self.cli("flushall")
        before = self.fill()
        self.assertRegex(before, r"^[0-9a-f]{40}4120\n$")
        self.assertIn("started", self.cli("bgsave"))
        self.bench("-t", "set,lpush")  # the parent goes on while the child saves
        self.until(lambda: "rdb_bgsave_in_progress:0" in self.cli("info", "persistence"))
        self.assertIn("rdb_last_bgsave_status:ok", self.cli("info", "persistence"))
        self.report_against_the_kernel()
        self.cli("shutdown", "nosave")
        self.assertEqual(self.server.wait(WAIT_S), 0)
        # What the child wrote, a Redis without the library reads.
        self.socket.unlink(missing_ok=True)
        self.start(LD_PRELOAD=None)
        self.assertEqual(self.contents(), before)
        exits = [report for report in self.preload.reports("redis-server")
                 if report["when"] == "exit"]
        self.assertEqual(len(exits), 1)

    def report_against_the_kernel(self):
        self.server.send_signal(signal.SIGUSR2)
        self.until(lambda: self.preload.reports("redis-server"))
        report = self.preload.reports("redis-server")[-1]
        smaps = pathlib.Path(f"/proc/{self.server.pid}/smaps").read_text(encoding="utf-8")
        manager = report["memory"]["manager"]
        rss = resident(report, smaps)
        untouched = manager["slack_bytes"] + manager["free_bytes"] + manager["tables_bytes"]
        self.assertLessEqual(rss, manager["held_bytes"] + (256 << 10))
        self.assertGreaterEqual(rss, manager["held_bytes"] - untouched - (256 << 10))

    def test_its_budget_stops_it_and_is_named(self):
        self.start(PLIM_TOTAL="24M")
        fill = "for n = 1, 4000 do redis.call('set', n, string.rep('v', 10000)) end"
        answer = self.cli("eval", fill.replace("4000", "1000"), "0")
        self.assertEqual(answer, "\n", answer)  # 10 MB fit
        asking = subprocess.Popen(["redis-cli", "-s", self.socket, "eval", fill, "0"],
                                  env={"PATH": DEBIAN}, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        # 40 MB do not. Redis then aborts, or, where its last words want memory too, says them for
        # ever: what there is to say was said when it was refused.
        self.until(lambda: self.preload.reports("redis-server"))
        self.server.kill()
        asking.wait(WAIT_S)
        report = self.preload.reports("redis-server")[0]
        self.assertEqual(report["when"], "refusal")
        self.assertGreater(report["memory"]["manager"]["used_bytes"], 20 << 20)
        self.assertTrue(report["memory"]["refusals"][0]["site"].startswith("redis-"),
                        report["memory"]["refusals"])


if __name__ == "__main__":
    for needed in ("sqlite3", "jq", "redis-server", "redis-cli", "redis-benchmark", "gcc"):
        if shutil.which(needed, path=DEBIAN) is None:
            sys.exit(f"no {needed} here. Try: tools/setup test")
    unittest.main()

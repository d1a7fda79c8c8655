#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plim encrypt and decrypt: what goes in comes out; whatever was changed shows nothing."""

import os
import pty
import random
import re
import subprocess
import sys
import tempfile
import unittest

PLIM = os.path.abspath(sys.argv.pop(1))
PIECE = 65536
HEAD, MORE = 64, 17


class Crypt(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.chance = random.Random(7)

    def path(self, name, data=None):
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def plim(self, *words, code=0, data=None):
        run = subprocess.run([PLIM, *words], input=data, capture_output=True, check=False,
                             timeout=60, cwd=self.folder, start_new_session=True)
        self.assertEqual(run.returncode, code, (words, run.stderr.decode()))
        return run

    def encrypted(self, data):
        self.path("plain", data)
        self.plim("encrypt", "plain", "--make-key", "key", "-o", "box")
        return self.read("box")

    def test_every_length_around_a_piece_comes_back(self):
        self.plim("encrypt", self.path("x", b"x"), "--make-key", "key")
        self.assertEqual(os.stat(self.path("key")).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.path("x.enc")).st_mode & 0o777, 0o600)
        self.assertRegex(self.read("key"), rb"\A[0-9a-f]{64}\n\Z")
        for size in (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5):
            data = self.chance.randbytes(size)
            self.path("plain", data)
            self.plim("encrypt", "plain", "--key", "key", "-o", "box.enc", "-f")
            pieces = max(1, -(-size // PIECE))
            self.assertEqual(len(self.read("box.enc")), HEAD + size + pieces * MORE)
            self.plim("decrypt", "box.enc", "--key", "key", "-f")
            self.assertEqual(self.read("box"), data)
            self.assertEqual(self.plim("decrypt", "box.enc", "--key", "key", "-o", "-").stdout,
                             data)

    def test_plain_bytes_are_not_in_it(self):
        secret = b"card 4111 1111 1111 1111 "
        box = self.encrypted(secret * 9000)
        self.assertNotIn(secret[:12], box)
        again = self.plim("encrypt", "plain", "--key", "key", "-o", "-").stdout
        self.assertNotEqual(box[64:], again[64:])

    def test_every_flipped_bit_of_the_head_and_many_others_are_errors(self):
        box = self.encrypted(self.chance.randbytes(2 * PIECE + 100))
        places = list(range(HEAD + 8)) + [self.chance.randrange(HEAD, len(box)) for _ in range(40)]
        for at in places:
            changed = bytearray(box)
            changed[at] ^= 1 << self.chance.randrange(8)
            self.path("changed", changed)
            run = subprocess.run([PLIM, "decrypt", "changed", "--key", "key", "-o", "-"],
                                 capture_output=True, check=False, cwd=self.folder, timeout=60)
            self.assertIn(run.returncode, (2, 4), (at, run.stderr))
            self.assertEqual(run.stdout, b"", at)
        run = self.plim("decrypt", "changed", "--key", "key", "-o", "out", code=4)
        self.assertFalse(os.path.exists(self.path("out")))
        self.assertEqual([n for n in os.listdir(self.folder) if "out" in n], [])

    def test_pieces_left_out_doubled_or_swapped_are_errors(self):
        box = self.encrypted(self.chance.randbytes(3 * PIECE))
        head, rest = box[:HEAD], box[HEAD:]
        size = PIECE + MORE
        first, second, third = rest[:size], rest[size:2 * size], rest[2 * size:]
        for bad in (head + second + third, head + first + third, head + first + second,
                    head + second + first + third, head + first + first + second + third,
                    box + b"x", box + box, box[:-1], head, box[:40], b""):
            self.path("bad", bad)
            run = self.plim("decrypt", "bad", "--key", "key", "-o", "-", code=4)
            self.assertEqual(run.stdout, b"")

    def test_a_wrong_key_says_so_and_shows_nothing(self):
        self.encrypted(b"secret" * 1000)
        self.plim("encrypt", "plain", "--make-key", "other", "-o", "box2")
        run = self.plim("decrypt", "box", "--key", "other", "-o", "-", code=4)
        self.assertEqual(run.stdout, b"")
        self.assertIn(b"the key or passphrase is wrong", run.stderr)
        self.plim("decrypt", "box", "--key", self.path("short", b"00ff\n"), "-o", "-", code=2)

    def test_a_passphrase_from_a_file_and_from_the_terminal(self):
        self.path("plain", b"in words")
        self.path("words", b"correct horse\nanything\n")
        self.path("wrong", b"correct horst\n")
        self.plim("encrypt", "plain", "--passphrase-file", "words", "-o", "box")
        self.assertEqual(
            self.plim("decrypt", "box", "--passphrase-file", "words", "-o", "-").stdout,
            b"in words")
        self.plim("decrypt", "box", "--passphrase-file", "wrong", "-o", "-", code=4)
        self.plim("encrypt", "plain", "--make-key", "key", "-o", "box2")
        self.plim("decrypt", "box", "--key", "key", "-o", "-", code=2)
        run = self.plim("decrypt", "box", "-o", "-", code=2)
        self.assertIn(b"--passphrase-file", run.stderr)
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execv(PLIM, [PLIM, "decrypt", "box", "-o", "asked", "-q"])
        shown = b""
        while b"passphrase: " not in shown:
            shown += os.read(fd, 100)
        os.write(fd, b"correct horse\n")
        try:
            while True:
                shown += os.read(fd, 100)
        except OSError:
            pass
        self.assertEqual(os.waitpid(pid, 0)[1], 0, shown)
        self.assertNotIn(b"horse", shown)
        self.assertEqual(self.read("asked"), b"in words")

    def test_heads_that_ask_for_too_much_are_refused(self):
        self.path("plain", b"x")
        self.path("words", b"w\n")
        self.plim("encrypt", "plain", "--passphrase-file", "words", "-o", "box")
        for at, value in ((9, 0), (9, 255), (10, 0xff), (11, 0xff), (8, 2)):
            changed = bytearray(self.read("box"))
            changed[at] = value
            if at == 10:
                changed[11] = 0xff
            self.path("changed", changed)
            run = self.plim("decrypt", "changed", "--passphrase-file", "words", "-o", "-", code=4)
            self.assertRegex(run.stderr, rb"figures|wrong")

    def test_a_pipe_to_a_pipe_is_refused(self):
        box = self.encrypted(b"x" * 10)
        run = self.plim("decrypt", "-", "--key", "key", "-o", "-", code=2, data=box)
        self.assertTrue(re.search(rb"genuine", run.stderr))
        self.plim("decrypt", "-", "--key", "key", "-o", "from-pipe", data=box)
        self.assertEqual(self.read("from-pipe"), b"x" * 10)


if __name__ == "__main__":
    unittest.main()

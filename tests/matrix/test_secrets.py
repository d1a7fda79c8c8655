#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The search that every row's redaction is judged by finds each secret in each encoding, wherever
it stands; and nothing where nothing is."""

import base64
import struct
import unittest

from secrets_planted import KINDS, Secrets

SECRETS = Secrets(2026)
ENCODINGS = {
    "as it is": lambda text: text.encode(),
    "UTF-16, little end first": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper().encode(),
    "backwards": lambda text: text.encode()[::-1],
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one byte later": lambda text: base64.b64encode(b"a" + text.encode() + b"z"),
    "base64, two bytes later": lambda text: base64.b64encode(b"ab" + text.encode() + b"yz"),
}


class Search(unittest.TestCase):
    def test_there_are_a_thousand_and_none_is_in_another(self):
        words = SECRETS.all()
        self.assertEqual(len(set(words)), 1000)
        self.assertEqual({kind: len(SECRETS.of[kind]) for kind in KINDS}, dict.fromkeys(KINDS, 100))
        whole = "\0".join(words)
        self.assertEqual([word for word in words if whole.count(word) != 1], [])

    def test_each_is_found_in_each_encoding(self):
        for name, encode in ENCODINGS.items():
            for kind in KINDS:
                word = SECRETS.of[kind][7]
                with self.subTest(f"{kind}, {name}"):
                    data = b'{"nodes":[1,2,3],"strings":["<dummy>","' + encode(word) + b'"]}'
                    self.assertEqual(SECRETS.found_in(data), {word})

    def test_numbers_are_found_in_their_binary_form_and_among_others(self):
        for word in SECRETS.of["number"][:3]:
            for order in "<>":
                self.assertIn(word, SECRETS.found_in(b"ab" + struct.pack(order + "d", float(word))))
        word = SECRETS.of["numeric key"][3]
        row = ",".join(map(str, range(5, 300))) + f",{word}," + ",".join(map(str, range(5, 300)))
        self.assertEqual(SECRETS.found_in(row.encode()), {word})

    def test_where_nothing_is_nothing_is_found(self):
        self.assertEqual(SECRETS.found_in(b""), set())
        self.assertEqual(SECRETS.found_in(bytes(range(256)) * 50), set())
        self.assertEqual(SECRETS.found_in(Secrets(7).program().encode()), set())


if __name__ == "__main__":
    unittest.main()

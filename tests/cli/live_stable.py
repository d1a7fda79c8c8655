# SPDX-License-Identifier: MIT
"""plim stable on a running Node: one that keeps nothing, and one that keeps some objects a turn."""

import unittest

import live_verbs

STEADY = """
class Kept { constructor(i) { this.i = i; } }
const kept = Array.from({ length: 500 }, (_, i) => new Kept(i));
let turn = 0;
setInterval(() => { turn++; kept[turn % 500] = new Kept(turn); }, 5);
console.log('ready');
"""
GROWS = """
class Kept { constructor(i) { this.text = 'kept ' + i; this.more = new Array(50).fill(i); } }
const kept = [];
setInterval(() => { for (let i = 0; i < 40; i++) kept.push(new Kept(i)); }, 20);
console.log('ready');
"""


class Stable(live_verbs.Live):
    def judge(self, script, code):
        node = self.start(script)
        # What V8 itself does meanwhile (feedback, code, shapes) is below 64 KB here.
        value = self.json("stable", f"pid:{node.pid}", "--every", "1s", "-n", "3",
                          "--min-growth", "64KB", code=code, env={"TMPDIR": self.folder})
        self.assertEqual(self.left(), [])  # snapshots taken for this alone are gone
        self.assertEqual(value["schema"], "plim.stable/1")
        self.assertEqual((value["inputs"], value["matched_by"]), (3, "class"))
        self.assertGreater(value["compared"], 50)
        self.assertEqual(value["stable"], code == 0)
        return value

    def test_a_program_that_replaces_what_it_keeps_is_stable(self):
        value = self.judge(STEADY, 0)
        self.assertEqual(value["changed"], 0)

    def test_a_program_that_keeps_more_each_turn_is_not_and_the_class_is_named(self):
        value = self.judge(GROWS, 1)
        row = next(row for row in value["rows"] if row["name"] == "Kept")
        self.assertEqual(row["change"], "grew")
        first, middle, last = row["counts"]
        self.assertLess(first, middle)
        self.assertLess(middle, last)
        self.assertGreaterEqual(row["delta"], 2 * 1000 // 20 * 40 // 4)  # a loaded machine
        self.assertEqual(row["delta"], last - first)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
"""1,000 secrets, planted in a program in every place where a snapshot could show them, and the
search for them in a file, in every encoding that a file could have them in."""

import base64
import json
import random
import re
import struct

KINDS = ("text", "key", "number", "url", "source", "symbol", "function", "variable", "pattern",
         "numeric key")


class Secrets:
    """The same 1,000 for the same seed. No secret is part of another, or of an honest word."""

    def __init__(self, seed):
        rng = random.Random(seed)
        words = set()
        while len(words) < 1000:
            words.add("".join(rng.choice("bcdfghjkmnpqrstvwxz") for _ in range(12)))
        numbers = rng.sample(range(10 ** 8, 2 * 10 ** 9), 1000)
        self.of = {kind: [] for kind in KINDS}
        for i, word in enumerate(sorted(words)):
            kind = KINDS[i % len(KINDS)]
            if kind == "number":
                self.of[kind].append(f"{numbers[i]}.{rng.randrange(10 ** 5, 10 ** 6)}")
            elif kind == "numeric key":
                self.of[kind].append(str(numbers[i]))
            else:
                self.of[kind].append(word)

    def program(self):
        """JavaScript: a function plant() that makes and keeps them; no name in it is a secret."""
        of = self.of
        lines = [f"planted.push({json.dumps(of['text'])}.map((text) => text + planted.length));",
                 f"planted.push({{{', '.join(f'{key}: 1' for key in of['key'])}}});",
                 f"planted.push([{{}}, {', '.join(of['number'])}]);",
                 f"planted.push({json.dumps(['https://shop.example/' + w for w in of['url']])});",
                 f"planted.push({json.dumps(of['symbol'])}.map((name) => Symbol(name)));",
                 "const weak = new WeakMap(), strong = new Map(), dictionary = {};",
                 "planted.push(weak, strong, dictionary);",
                 "for (const text of planted[0]) {",
                 "  const key = {};",
                 "  planted.push(key);",
                 "  weak.set(key, text);",
                 "  strong.set(text, key);",
                 "}"]
        for word in of["source"]:
            lines.append(f"evaluate('(() => {{ /* {word} */ return 1; }})');")
        for word in of["function"]:
            lines.append(f"planted.push(function {word}() {{ return 2; }});")
        for word in of["variable"]:
            lines.append(f"planted.push((() => {{ let {word} = [planted];"
                         f" return () => {word}; }})());")
        lines += [f"planted.push(/{word}[0-9]+/);" for word in of["pattern"]]
        lines += [f"dictionary[{word}] = {{}};" for word in of["numeric key"]]
        return ("globalThis.planted = [];\n"
                "function evaluate(code) { try { planted.push((0, eval)(code)); }"
                " catch { planted.push(code); } }\n"
                "function plant() {\n" + "\n".join(lines) + "\n}\n")

    def all(self):
        return [word for words in self.of.values() for word in words]

    def found_in(self, data):
        """Those that stand in some bytes, in any encoding: as they are, as UTF-16, in hexadecimal,
        in base64 at each of its three phases, or a number in its binary form."""
        hits = set(self.all()) & {run.decode() for run in re.findall(rb"[0-9]+", data)}
        # Nine tenths of a snapshot are arrays of numbers: judged by the line above.
        data = re.sub(rb"[0-9,\s-]{60,}", b" ", data)
        for word in self.all():
            raw = word.split(".")[0].encode()
            forms = [raw, raw.decode().encode("utf-16-le"), raw.decode().encode("utf-16-be"),
                     raw.hex().encode(), raw.hex().upper().encode(), raw[::-1]]
            if "." in word:
                forms += [struct.pack(order + "d", float(word)) for order in "<>"]
            for phase in range(3):
                coded = base64.b64encode(b"\0" * phase + raw)
                # The characters that no byte before or after it has a part in.
                forms.append(coded[-(-phase * 8 // 6):(phase + len(raw)) * 8 // 6])
            if any(form in data for form in forms if len(form) > 7):
                hits.add(word)
        return hits

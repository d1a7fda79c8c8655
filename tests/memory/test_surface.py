#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an author meets: the functions and macros of memory.h and of the collections' headers,
counted from the headers as the compiler's preprocessor would see them. At most 20, where a typed
family (all that PLIM_VECTOR makes; plim_string and its functions) is one."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ("memory.h", "collections.h", "bounded_string.h")
FAMILIES = ("plim_string",)
LIMIT = 20


def entry_points(text):
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    code = re.sub(r"\\\n", " ", code)
    macros = re.findall(r"^#\s*define\s+((?:plim|PLIM)_\w+)\(", code, re.M)
    code = re.sub(r"^#.*$", "", code, flags=re.M)
    functions = re.findall(r"\b(plim_\w+)\s*\([^;{}]*\)[^;{}()]*[;{]", code)
    names = {name for name in macros + functions if not name.lower().startswith("plim__")}
    return {next((f for f in FAMILIES if name.startswith(f + "_")), name) for name in names}


class Surface(unittest.TestCase):
    def setUp(self):
        self.found = set()
        for header in HEADERS:
            text = (ROOT / "include/plimsoll" / header).read_text(encoding="utf-8")
            self.found |= entry_points(text)

    def test_it_has_at_most_20_entry_points(self):
        print(len(self.found), "entry points:", *sorted(self.found))
        self.assertLessEqual(len(self.found), LIMIT, sorted(self.found))

    def test_what_was_promised_is_among_them(self):
        promised = {"PLIM_DOMAIN", "plim_new", "plim_new_array", "plim_alloc", "plim_alloc_in",
                    "plim_alloc_as", "plim_resize", "plim_free", "plim_origin_of", "PLIM_WITH",
                    "PLIM_BLOCK", "PLIM_VECTOR", "PLIM_MAP", "plim_string"}
        self.assertEqual(promised - self.found, set())

    def test_the_counter_sees_functions_macros_and_inline_functions_and_not_private_ones(self):
        self.assertEqual(entry_points(
            "/* plim_no(int); */\nPLIM_API PLIM_NODISCARD void *plim_a(int x,\n    int y);\n"
            "#define plim_b(x) \\\n    plim__c(x)\nPLIM_API void plim__c(int);\n"
            "PLIM__INLINE int plim_d(int x)\n{\n    return plim_a(x);\n}\n"
            "PLIM_API int plim_string_e(void);\n#define PLIM_F(x) x\n#define PLIM_G 1\n"),
            {"plim_a", "plim_b", "plim_d", "plim_string", "PLIM_F"})


if __name__ == "__main__":
    unittest.main()

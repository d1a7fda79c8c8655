#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a test of this folder with the Node that tools/setup installs; what is missing fails.

    run.py TEST.mjs PROGRAM PICTURES [more]
"""
import os
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIMES = pathlib.Path(os.environ.get("PLIM_RUNTIMES", ROOT / ".runtimes"))
NODE = RUNTIMES / "node-22/node_modules/runtime/bin/node"

for needed in (NODE, RUNTIMES / "playwright/node_modules/playwright-core"):
    if not needed.exists():
        sys.exit(f"{needed} is missing: tools/setup test installs it")
if shutil.which(os.environ.get("PLIM_CHROMIUM", "chromium")) is None:
    sys.exit("chromium is missing: tools/setup test installs it")
os.execv(NODE, [str(NODE), *sys.argv[1:]])

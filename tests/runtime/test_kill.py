# SPDX-License-Identifier: MIT
"""Runs kill_region over a file of its own: test_kill.py PROGRAM KILLS."""

import os
import subprocess
import sys
import tempfile

PROGRAM, KILLS = os.path.abspath(sys.argv[1]), sys.argv[2]
SEED = os.environ.get("PLIM_SEED") or str(int.from_bytes(os.urandom(4), "big"))
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run([PROGRAM, os.path.join(folder, "state"), KILLS, SEED], check=False)
    print("seed", SEED, "exit", done.returncode)
    sys.exit(done.returncode)

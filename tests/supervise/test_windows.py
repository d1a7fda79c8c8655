#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Windows side of process_memory.h: compiled by mingw-w64, run under Wine.

  test_windows.py PROJECT windows_gauge.c process_memory.c"""

import os
import subprocess
import sys
import tempfile


def main():
    project, *sources = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "gauge.exe")
        subprocess.run(["x86_64-w64-mingw32-gcc-posix", "-std=c17", "-Wall", "-Wextra", "-Werror",
                        f"-I{project}/src", f"-I{project}/include", "-o", program, *sources,
                        "-lpsapi"], check=True)
        env = {**os.environ, "WINEPREFIX": os.path.join(folder, "prefix"), "WINEDEBUG": "-all"}
        done = subprocess.run(["/usr/lib/wine/wine64", program], env=env, capture_output=True,
                              text=True, timeout=120, check=False)
        print(done.stdout, done.stderr)
        subprocess.run(["/usr/lib/wine/wineserver64", "-k"], env=env, timeout=30, check=False)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())

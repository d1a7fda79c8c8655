# SPDX-License-Identifier: MIT
"""A terminal that a test types into and looks at: tmux, with a server of its own in a folder."""

import os
import re
import subprocess
import time


class Terminal:
    def __init__(self, folder, command, columns=80, lines=24, environment=("TERM=screen",)):
        """Begins a shell command in it; afterwards the screen says `ended with CODE`, and stays."""
        self.socket = os.path.join(folder, "tmux")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                  "env", *environment, "sh", "-c",
                  f"trap : INT; {command}; echo ended with $?; exec cat")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True,
                              check=True, text=True, timeout=60).stdout

    def text(self, *words):
        """What the screen shows; ("-S", "-500"): and what has left it at the top."""
        return self.tmux("capture-pane", "-p", *words)

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text, enter=True):
        if text.endswith(";"):  # which tmux takes for the end of its own command
            text = text[:-1] + "\\;"
        self.tmux("send-keys", "-l", text)
        if enter:
            self.keys("Enter")

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def until(self, *wanted, seconds=60):
        """Waits for one screen with all that is wanted: parts of its text, and what holds of it."""
        end = time.monotonic() + seconds
        while True:
            text = self.text()
            if all(one(text) if callable(one) else one in text for one in wanted):
                return
            if time.monotonic() > end:
                raise AssertionError(f"{wanted} did not come:\n{text}")
            time.sleep(0.05)

    def until_matches(self, pattern, *words, seconds=60):
        """The same for a pattern over its lines, of text(*words)."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text(*words), re.M):
            if time.monotonic() > end:
                raise AssertionError(f"{pattern!r} did not come:\n{self.text(*words)}")
            time.sleep(0.05)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False,
                       capture_output=True)

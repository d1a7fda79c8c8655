# SPDX-License-Identifier: MIT
"""Chromium from Debian, headless."""

import json
import urllib.request

from runtimes import Page, debian, wait_for

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")


class Chromium(Page):
    name = "chrome"
    row = "Chromium"

    def launch(self, url):
        """Starts the browser on a page and waits until its port is open."""
        profile = self.folder / "profile"
        child = self.spawn(debian("chromium"), *FLAGS, "--remote-debugging-port=0",
                           f"--user-data-dir={profile}", url)
        self.pid = child.pid
        active = profile / "DevToolsActivePort"

        def port():
            return active.exists() and active.read_text(encoding="ascii").split("\n")[0]

        self.address = f"127.0.0.1:{wait_for(port)}"

    def start(self):
        self.launch(self.serve())
        self.await_page()

    def listed(self, kind="page"):
        """What the browser itself lists of a kind."""
        with urllib.request.urlopen(f"http://{self.address}/json/list", timeout=10) as reply:
            return [one for one in json.load(reply) if one["type"] == kind]

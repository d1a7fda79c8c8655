# SPDX-License-Identifier: MIT
"""Firefox, headless, with a profile and a temporary directory of its own."""

import os
import socket

from runtimes import Page, debian, free_port, wait_for

PREFERENCES = {
    "devtools.debugger.remote-enabled": True,
    "devtools.chrome.enabled": True,
    "devtools.debugger.prompt-connection": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


def launch(runtime, server, url):
    """Starts a Firefox whose debugger listens at `server`, a port or a path."""
    profile = runtime.folder / "profile"
    profile.mkdir()
    runtime.temporary = runtime.folder / "tmp"
    runtime.temporary.mkdir()
    lines = [f"user_pref({name!r}, {str(value).lower()});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines).replace("'", '"') + "\n", encoding="utf-8")
    environment = {**os.environ, "TMPDIR": str(runtime.temporary), "HOME": str(runtime.folder)}
    return runtime.spawn(debian("firefox-esr", "firefox"), "--headless", "--no-remote",
                         "--profile", profile, "--start-debugger-server", server, url,
                         env=environment)


class Firefox(Page):
    name = "firefox"
    row = "Firefox"

    def start(self):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.pid = launch(self, port, self.serve()).pid
        self.await_page()

        def open_port():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(open_port)

    def left_behind(self):
        """Snapshots that lie in its temporary directory."""
        return sorted(path.name for path in self.temporary.glob("*.fxsnapshot"))

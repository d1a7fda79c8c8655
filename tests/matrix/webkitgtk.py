# SPDX-License-Identifier: MIT
"""WebKitGTK, the kin of Safari: MiniBrowser, which is in the library's package, on an X server of
the test's own."""

import os
import pathlib

from runtimes import Page, debian, free_port

BROWSERS = "*/webkit2gtk-4.1/MiniBrowser"


def mini_browser():
    found = sorted(pathlib.Path("/usr/lib").glob(BROWSERS))
    assert found, f"no /usr/lib/{BROWSERS} here: run tools/setup test"
    return str(found[0])


class WebKitGTK(Page):
    name = "webkitgtk"
    row = "WebKitGTK"
    grows = "total_bytes"  # of the process: WebKit counts large arrays as "other"
    variable = "WEBKIT_INSPECTOR_HTTP_SERVER"
    tabs = ()  # further ones, by URL

    def start(self):
        self.spawn(debian("Xvfb"), "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten",
                   "tcp")
        display = self.heard(r"^(\d+)$")[1]
        self.address = f"127.0.0.1:{free_port()}"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder),
                       "DISPLAY": f":{display}", self.variable: self.address}
        self.pid = self.spawn(mini_browser(), self.serve(), *self.tabs, env=environment).pid
        self.await_page()


class WebKitGTKBinary(WebKitGTK):
    """Behind its other inspector: messages of its own, no HTTP."""

    row = "WebKitGTK, binary protocol"
    variable = "WEBKIT_INSPECTOR_SERVER"

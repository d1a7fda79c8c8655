# SPDX-License-Identifier: MIT
"""The rows of the matrix: its name for the test, and the class of the runtime."""

import bun
import chromium
import deno
import firefox
import node
import webkitgtk
import workerd

ROWS = {
    "bun": bun.Bun,
    "chromium": chromium.Chromium,
    "firefox": firefox.Firefox,
    "node-20": node.Node20,
    "node-22": node.Node22,
    "node-24": node.Node24,
    "node-26": node.Node26,
    "deno": deno.Deno,
    "workerd": workerd.Workerd,
    "wrangler": workerd.Wrangler,
    "webkitgtk": webkitgtk.WebKitGTK,
    "webkitgtk-binary": webkitgtk.WebKitGTKBinary,
}

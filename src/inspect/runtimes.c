/* SPDX-License-Identifier: MIT */
/*
 * The runtimes that are compiled in, in the order they are asked: Node, Chromium, Bun, WebKitGTK,
 * Firefox, a heap that Plimsoll itself serves, and last any V8 whose inspector names itself in
 * words we do not know; what V8 answers alike everywhere works there too.
 */
#include <string.h>

#include "inspect/cdp/heap.h"
#include "inspect/chrome/chrome.h"
#include "inspect/deno/deno.h"
#include "inspect/node/node.h"
#include "inspect/rdp/rdp.h"
#include "inspect/target.h"
#include "inspect/webkit/gtk.h"
#include "inspect/workerd/workerd.h"

static bool runtimes_is_ours(const char *browser)
{
    return strncmp(browser, "plimsoll/", 9) == 0;
}

static const plim__runtime runtimes_plimsoll = {
    .name = "plimsoll",
    .protocol = &plim__cdp_protocol,
    .recognise = runtimes_is_ours,
};

/* A Browser field that nobody else knows; not the other words of plim__detect(). */
static bool runtimes_any_v8(const char *word)
{
    return word[0] != '{' && strncmp(word, "Server: ", 8) != 0;
}

static const plim__runtime runtimes_v8 = {
    .name = "v8",
    .protocol = &plim__cdp_protocol,
    .recognise = runtimes_any_v8,
};

const plim__runtime *const plim__runtimes[] = {
    &plim__wrangler_runtime, /* before Node: its launcher knows scripts of Node's */
    &plim__node_runtime,
    &plim__chrome_runtime,
    &plim__bun_runtime,
    &plim__webkitgtk_runtime,
    &plim__webkit_proxy_runtime,
    &plim__firefox_runtime,
    &plim__deno_runtime,
    &plim__workerd_runtime,
    &runtimes_plimsoll,
    &runtimes_v8,
    NULL,
};

const plim__runtime *const plim__runtime_that_greets = &plim__firefox_runtime;

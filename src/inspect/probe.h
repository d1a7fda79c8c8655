/* SPDX-License-Identifier: MIT */
/**
 * @file probe.h
 * @brief Asking a port of this machine, quickly, whether an inspector is behind it.
 *
 * Only ports of processes that are known to be runtimes are asked: a GET may do anything to a
 * server that is not what we think. Short deadlines; no answer is an answer.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_PROBE_H
#define PLIM_INSPECT_PROBE_H
#include <stdbool.h>

#include "inspect/wire/loop.h"
#include "platform/process.h"

enum { PLIM__PROBE_BROWSER_BYTES = 96, PLIM__PROBE_TITLE_BYTES = 256, PLIM__PROBE_HOST_BYTES = 64 };

/** Where an inspector answers, and as what. */
typedef struct plim__probe {
    char host[PLIM__PROBE_HOST_BYTES]; /**< "127.0.0.1", "::1" */
    uint16_t port;
    char browser[PLIM__PROBE_BROWSER_BYTES]; /**< "node.js/v20.20.2" */
} plim__probe;

/** The last part of a path, by which an executable is known; points into it. */
const char *plim__probe_base_name(const char *path);

/** What runtime a Browser field means: "node", "deno", "workerd", "chrome", …; never NULL. */
const char *plim__probe_runtime(const char *browser);

/** What to call a process in a sentence: its executable's name, fit to be shown; "unknown". */
void plim__probe_process_name(int64_t pid, char *out, size_t cap);

/** Whether an executable of this name is a runtime whose ports may be asked, Node's names apart. */
bool plim__probe_is_runtime(const char *name);

/** Whether an executable of this name is Firefox, which answers no HTTP. */
bool plim__probe_is_firefox(const char *name);

/** Whether it is Chromium, or a browser made of it. */
bool plim__probe_is_chrome(const char *name);

/** The version in a Browser field, "" where there is none; points into it. */
const char *plim__probe_version(const char *browser);

/** Host and port to connect to. */
void plim__probe_place(const plim__listener *listener, plim__probe *out_probe);

/**
 * Asks /json/version at host and port, which are set; fills browser.
 * PLIM_ERR_NOT_FOUND: something else is there. PLIM_ERR_TIMEOUT, _UNREACHABLE, _INTERRUPTED,
 * _NO_MEMORY.
 */
PLIM_NODISCARD plim_status plim__probe_version_get(plim__loop *loop,
                                                   const plim_allocator *allocator,
                                                   uint64_t timeout_ns, plim__probe *probe);

/** Copies what may be shown of a text that others wrote: printable, cut between characters. */
void plim__probe_copy_text(char *out, size_t cap, const char *text);

#endif

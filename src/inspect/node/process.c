/* SPDX-License-Identifier: MIT */
/*
 * A Node process seen from outside: is it one, how was it started, where is its inspector.
 * The command line tells which port to expect, and is what a program says of itself: it decides
 * which ports are asked first, never what is believed. Believed is the owner of the socket, and
 * the answer.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/node/node.h"
#include "inspect/probe.h"

enum { PROCESS_DEFAULT_PORT = 9229, PROCESS_OPTION_BYTES = 512 };

bool plim__node_is_executable(const char *path)
{
    PLIM_CHECK(path != NULL);
    const char *name = plim__probe_base_name(path);
    if (strncmp(name, "node", 4) != 0)
        return false;
    name += 4;
    if (strcmp(name, "js") == 0)
        return true;
    /* node, node22, node-22.1: as distributions name those they have several of. */
    name += *name == '-' && name[1] != '\0' ? 1 : 0;
    return strspn(name, "0123456789.") == strlen(name);
}

/* "9230", "127.0.0.1:9230", "[::1]:0": the port, if the text has one. */
static bool process_port_of(const char *text, uint16_t *out_port)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon != NULL ? colon + 1 : text;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 5 || digits[len] != '\0')
        return false;
    uint32_t port = 0;
    for (size_t i = 0; i < len; i++)
        port = port * 10 + (uint32_t)(digits[i] - '0');
    if (port > UINT16_MAX)
        return false;
    *out_port = (uint16_t)port;
    return true;
}

void plim__node_flag_read(const char *option, plim__node_flags *flags)
{
    PLIM_CHECK(option != NULL && flags != NULL);
    static const struct {
        const char *name;
        bool opens;
        bool waits;
    } known[] = {
        {"--inspect", true, false},     {"--inspect-brk", true, true},
        {"--inspect-wait", true, true}, {"--inspect-port", false, false},
        {"--debug-port", false, false},
    };
    size_t len = strcspn(option, "=");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) != len || strncmp(option, known[i].name, len) != 0)
            continue;
        flags->is_opened = flags->is_opened || known[i].opens;
        flags->waits = flags->waits || known[i].waits;
        if (option[len] == '=' && process_port_of(option + len + 1, &flags->port))
            flags->is_told = true;
    }
}

/* NODE_OPTIONS is words between blanks; quotes in it never belong to options we look for. */
static void process_read_words(const char *words, plim__node_flags *flags)
{
    while (*words != '\0') {
        words += strspn(words, " \t");
        size_t len = strcspn(words, " \t");
        char option[PROCESS_OPTION_BYTES];
        if (len > 0 && len < sizeof option) {
            memcpy(option, words, len);
            option[len] = '\0';
            plim__node_flag_read(option, flags);
        }
        words += len;
    }
}

void plim__node_flags_of(const plim_allocator *allocator, int64_t pid, plim__node_flags *out_flags)
{
    PLIM_CHECK(allocator != NULL && out_flags != NULL);
    static const char variable[] = "NODE_OPTIONS=";
    plim__node_flags flags = {.port = PROCESS_DEFAULT_PORT};
    char *text = plim__array_new(allocator, PLIM_COMMAND_BYTES_MAX, 1);
    size_t len = 0;
    /* The command line comes last: it overrides the environment. */
    if (text != NULL &&
        plim__process_environment(pid, text, PLIM_COMMAND_BYTES_MAX, &len) == PLIM_OK) {
        for (const char *at = text; at < text + len; at += strlen(at) + 1) {
            if (strncmp(at, variable, sizeof variable - 1) == 0)
                process_read_words(at + sizeof variable - 1, &flags);
        }
    }
    if (text != NULL && plim__process_command(pid, text, PLIM_COMMAND_BYTES_MAX, &len) == PLIM_OK) {
        for (const char *at = text; at < text + len; at += strlen(at) + 1)
            plim__node_flag_read(at, &flags);
    }
    plim__array_free(allocator, text, PLIM_COMMAND_BYTES_MAX, 1);
    *out_flags = flags;
}

bool plim__node_may_be_inspector(const plim__listener *listener, const plim__node_flags *flags)
{
    PLIM_CHECK(listener != NULL && flags != NULL);
    return listener->is_loopback || listener->port == flags->port;
}

/* The likeliest first: the port that the options name. */
static void process_put_first(const plim__listeners *listeners, uint32_t *indexes, uint32_t count,
                              uint16_t port)
{
    for (uint32_t i = 1; i < count; i++) {
        if (listeners->items[indexes[i]].port != port)
            continue;
        uint32_t first = indexes[0];
        indexes[0] = indexes[i];
        indexes[i] = first;
        return;
    }
}

static plim_status process_ask_ports(plim__loop *loop, const plim_allocator *allocator,
                                     const plim__listeners *listeners, const uint32_t *indexes,
                                     uint32_t count, const plim__node_flags *flags,
                                     uint64_t timeout_ns, plim__probe *out_probe)
{
    plim_status worst = PLIM_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < count; i++) {
        const plim__listener *listener = &listeners->items[indexes[i]];
        if (!plim__node_may_be_inspector(listener, flags))
            continue;
        plim__probe probe;
        plim__probe_place(listener, &probe);
        plim_status status = plim__probe_version_get(loop, allocator, timeout_ns, &probe);
        if (status == PLIM_OK && strcmp(plim__probe_runtime(probe.browser), "node") == 0) {
            *out_probe = probe;
            return PLIM_OK;
        }
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return status;
        if (status == PLIM_ERR_TIMEOUT)
            worst = status;
    }
    return worst;
}

plim_status plim__node_find_inspector(plim__loop *loop, const plim_allocator *allocator,
                                      int64_t pid, uint64_t timeout_ns, plim__probe *out_probe)
{
    PLIM_CHECK(loop != NULL && pid > 0 && out_probe != NULL);
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    plim__listeners listeners;
    plim__node_flags flags;
    plim__node_flags_of(allocator, pid, &flags);
    plim_status status = plim__listeners_read(allocator, &listeners);
    if (status == PLIM_OK)
        status =
            plim__process_listeners(pid, &listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX, &count);
    if (status == PLIM_OK) {
        process_put_first(&listeners, indexes, count, flags.port);
        status = process_ask_ports(loop, allocator, &listeners, indexes, count, &flags, timeout_ns,
                                   out_probe);
    }
    plim__listeners_fini(&listeners);
    return status;
}

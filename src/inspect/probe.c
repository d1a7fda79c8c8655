/* SPDX-License-Identifier: MIT */
#include "inspect/probe.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/wire/http.h"

enum { PROBE_PATH_BYTES = 4096 };

/* How runtimes call themselves in the Browser field, up to the stroke, and how we call them. */
static const struct probe_name {
    const char *browser;
    const char *runtime;
} probe_names[] = {
    {"node.js", "node"},
    {"Deno", "deno"},
    {"workerd", "workerd"},
    {"Bun", "bun"},
    {"wrangler", "wrangler"},
    {"Chrome", "chrome"},
    {"HeadlessChrome", "chrome"},
    {"Edg", "edge"},
    {"Electron", "electron"},
    {"plimsoll", "plimsoll"},
    {"WebKitInspectorHTTPServer", "webkitgtk"},
};

static const char probe_webkit[] = "WebKitInspectorHTTPServer";

const char *plim__probe_runtime(const char *browser)
{
    PLIM_CHECK(browser != NULL);
    size_t len = strcspn(browser, "/ ");
    for (size_t i = 0; i < sizeof probe_names / sizeof probe_names[0]; i++) {
        if (strlen(probe_names[i].browser) == len &&
            strncmp(browser, probe_names[i].browser, len) == 0)
            return probe_names[i].runtime;
    }
    return "unknown";
}

const char *plim__probe_base_name(const char *path)
{
    PLIM_CHECK(path != NULL);
    const char *stroke = strrchr(path, '/');
    return stroke != NULL ? stroke + 1 : path;
}

void plim__probe_process_name(int64_t pid, char *out, size_t cap)
{
    char path[PROBE_PATH_BYTES];
    bool is_known = plim__process_executable(pid, path, sizeof path) == PLIM_OK;
    plim__probe_copy_text(out, cap, is_known ? plim__probe_base_name(path) : "unknown");
}

static bool probe_is_one_of(const char *name, const char *const *names, size_t count)
{
    PLIM_CHECK(name != NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

bool plim__probe_is_runtime(const char *name)
{
    static const char *const names[] = {"deno",        "workerd",  "bun",
                                        "MiniBrowser", "epiphany", "epiphany-browser"};
    return plim__probe_is_chrome(name) ||
           probe_is_one_of(name, names, sizeof names / sizeof names[0]);
}

bool plim__probe_is_chrome(const char *name)
{
    static const char *const names[] = {
        "chrome",   "chromium", "chromium-browser", "msedge", "headless_shell",
        "electron", "brave",    "google-chrome",
    };
    return probe_is_one_of(name, names, sizeof names / sizeof names[0]);
}

bool plim__probe_is_firefox(const char *name)
{
    static const char *const names[] = {"firefox", "firefox-esr", "firefox-bin"};
    return probe_is_one_of(name, names, sizeof names / sizeof names[0]);
}

const char *plim__probe_version(const char *browser)
{
    PLIM_CHECK(browser != NULL);
    const char *stroke = strchr(browser, '/');
    if (stroke == NULL)
        return "";
    return stroke[1] == 'v' ? stroke + 2 : stroke + 1;
}

void plim__probe_place(const plim__listener *listener, plim__probe *out_probe)
{
    PLIM_CHECK(listener != NULL && out_probe != NULL);
    char text[PLIM__LISTENER_TEXT_BYTES];
    plim__listener_text(listener, text, sizeof text);
    const char *host = text[0] == '[' ? text + 1 : text;
    size_t len = listener->is_v6 ? strcspn(host, "]") : strcspn(host, ":");
    PLIM_CHECK(len < sizeof out_probe->host);
    memcpy(out_probe->host, host, len);
    out_probe->host[len] = '\0';
    out_probe->port = listener->port;
    out_probe->browser[0] = '\0';
}

plim_status plim__probe_version_get(plim__loop *loop, const plim_allocator *allocator,
                                    uint64_t timeout_ns, plim__probe *probe)
{
    PLIM_CHECK(loop != NULL && allocator != NULL && probe != NULL && probe->port != 0);
    plim__http_body body = {0};
    plim_status status = plim__http_get(loop, probe->host, probe->port, "/json/version", timeout_ns,
                                        allocator, &body, NULL);
    if (status == PLIM_ERR_REFUSED &&
        strncmp(body.server, probe_webkit, strlen(probe_webkit)) == 0) {
        (void)snprintf(probe->browser, sizeof probe->browser, "%s", probe_webkit);
        plim__http_body_fini(&body);
        return PLIM_OK; /* it has no such page, but a name */
    }
    if (status == PLIM_ERR_PROTOCOL || status == PLIM_ERR_REFUSED || status == PLIM_ERR_LIMIT)
        return PLIM_ERR_NOT_FOUND;
    if (status != PLIM_OK)
        return status;
    json_t *version = json_loadb(body.text, body.len, 0, NULL);
    plim__http_body_fini(&body);
    const char *browser = json_string_value(json_object_get(version, "Browser"));
    const char *agent = json_string_value(json_object_get(version, "User-Agent"));
    size_t len = browser != NULL ? strlen(browser) : 0;
    bool is_fuller = browser != NULL && agent != NULL && strncmp(agent, browser, len) == 0 &&
                     agent[len] == '/'; /* Bun's "Bun" is "Bun/1.4.5" there */
    if (browser != NULL)
        plim__probe_copy_text(probe->browser, sizeof probe->browser, is_fuller ? agent : browser);
    json_decref(version);
    return browser != NULL ? PLIM_OK : PLIM_ERR_NOT_FOUND;
}

/* How many bytes a character that begins with this byte has; 0 where none does. */
static size_t probe_character_bytes(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

void plim__probe_copy_text(char *out, size_t cap, const char *text)
{
    PLIM_CHECK(out != NULL && cap > 0 && text != NULL);
    size_t len = 0;
    while (*text != '\0') {
        size_t bytes = probe_character_bytes((unsigned char)*text);
        bool is_whole = bytes > 0;
        for (size_t i = 1; i < bytes && is_whole; i++)
            is_whole = ((unsigned char)text[i] & 0xc0) == 0x80;
        /* Control characters of both blocks could steer a terminal. */
        bool is_control = (unsigned char)*text < ' ' || *text == 0x7f ||
                          ((unsigned char)*text == 0xc2 && (unsigned char)text[1] < 0xa0);
        if (!is_whole || is_control) {
            if (len + 1 >= cap)
                break;
            out[len++] = '?';
            text += is_whole ? bytes : 1;
            continue;
        }
        if (len + bytes >= cap)
            break;
        memcpy(out + len, text, bytes);
        len += bytes;
        text += bytes;
    }
    out[len] = '\0';
}

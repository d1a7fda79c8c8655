/* SPDX-License-Identifier: MIT */
/*
 * Whose inspector answers at an address, by one question: GET /json/version.
 *   a document with a Browser field           that runtime: "node.js/v20…", "Chrome/156…", "Bun"
 *   HTTP, but no such page, a Server field    "Server: WebKitInspectorHTTPServer"
 *   no HTTP, but digits and {"from":"root"    "{"from":"root"": Firefox greets before it is asked
 * Firefox hangs up on a GET, and then its greeting may be lost with the connection: so one that
 * hangs up without a word is listened to once more, without a question. One that is silent then,
 * too, may wait for its own protocol's first word: runtimes that have one say it (knock()).
 * The others are words for recognise() of the table of runtimes; nothing else is known here.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/error_repeat.h"
#include "inspect/target.h"
#include "inspect/wire/banner.h"
#include "inspect/wire/http.h"

static const uint64_t detect_greeting_ns = 500000000u;

static const plim__runtime *detect_runtime(const char *word)
{
    for (size_t i = 0; plim__runtimes[i] != NULL; i++) {
        if (plim__runtimes[i]->recognise != NULL && plim__runtimes[i]->recognise(word))
            return plim__runtimes[i];
    }
    return NULL;
}

/* "node.js/v20.20.2": what follows the stroke, without the v. Bun's Browser has none, its
 * User-Agent has. */
static void detect_set_version(plim_target *target, const char *browser, const char *agent)
{
    size_t len = strlen(browser);
    const char *stroke = strchr(browser, '/');
    if (stroke == NULL && agent != NULL && strncmp(agent, browser, len) == 0 && agent[len] == '/')
        stroke = agent + len;
    const char *version = stroke != NULL ? stroke + 1 : "";
    (void)snprintf(target->version, sizeof target->version, "%s",
                   version[0] == 'v' ? version + 1 : version);
}

static plim_status detect_nothing(const plim_target *target, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_PROTOCOL, "%s:%u speaks HTTP, but is no inspector",
                       target->address.host, (unsigned)target->address.port);
    plim_error_hint(err, "plim ps lists what can be inspected on this machine");
    return status;
}

static plim_status detect_by_version(plim_target *target, const plim__http_body *body,
                                     const plim__runtime **out_runtime, plim_error *err)
{
    plim_status status = PLIM_OK;
    json_t *version = json_loadb(body->text, body->len, 0, NULL);
    const char *browser = json_string_value(json_object_get(version, "Browser"));
    if (version == NULL)
        status = plim_error_set(err, PLIM_ERR_PROTOCOL,
                                "%s:%u answers /json/version with something that is no JSON",
                                target->address.host, (unsigned)target->address.port);
    *out_runtime = browser != NULL ? detect_runtime(browser) : NULL;
    if (*out_runtime != NULL)
        detect_set_version(target, browser,
                           json_string_value(json_object_get(version, "User-Agent")));
    else if (status == PLIM_OK)
        status = detect_nothing(target, err);
    json_decref(version);
    return status;
}

static bool detect_is_greeting(const char *banner)
{
    size_t digits = 0;
    while (isdigit((unsigned char)banner[digits]))
        digits++;
    return digits > 0 && strncmp(banner + digits, ":{\"from\":\"root\"", 15) == 0;
}

/* Those with words of their own. PLIM_ERR_NOT_FOUND: none of them. */
static plim_status detect_by_knock(plim_target *target, bool by_owner,
                                   const plim__runtime **out_runtime, plim_error *err)
{
    for (size_t i = 0; plim__runtimes[i] != NULL; i++) {
        const plim__runtime *runtime = plim__runtimes[i];
        if (runtime->knock == NULL || (target->runtime != NULL && target->runtime != runtime))
            continue;
        plim_status status = runtime->knock(target, by_owner, err);
        if (status == PLIM_OK)
            *out_runtime = runtime;
        if (status != PLIM_ERR_NOT_FOUND)
            return status;
    }
    return PLIM_ERR_NOT_FOUND;
}

/* It has no such page, or does not speak HTTP: it may show itself in how it says so. */
static plim_status detect_by_refusal(plim_target *target, plim_status status, plim__http_body *body,
                                     const plim__runtime **out_runtime, plim_error *err)
{
    const plim__address *address = &target->address;
    char word[PLIM__HTTP_SERVER_BYTES + 8];
    (void)snprintf(word, sizeof word, "Server: %s", body->server);
    bool is_mute = status == PLIM_ERR_PROTOCOL && body->banner[0] == '\0';
    if (status == PLIM_ERR_REFUSED)
        *out_runtime = detect_runtime(word);
    if (is_mute) {
        status = detect_by_knock(target, true, out_runtime, err);
        if (status != PLIM_ERR_NOT_FOUND)
            return status;
        status = plim__banner_get(target->loop, target->allocator, address->host, address->port,
                                  detect_greeting_ns, body->banner, NULL);
        if (status != PLIM_OK)
            return PLIM_ERR_NOT_FOUND;
    }
    if (is_mute && body->banner[0] == '\0')
        return detect_by_knock(target, false, out_runtime, err);
    if (detect_is_greeting(body->banner))
        *out_runtime = detect_runtime("{\"from\":\"root\"");
    return *out_runtime != NULL ? PLIM_OK : PLIM_ERR_NOT_FOUND;
}

plim_status plim__detect(plim_target *target, plim_error *err)
{
    const plim__address *address = &target->address;
    PLIM_CHECK(address->host[0] != '\0');
    plim__http_body body = {0};
    plim_error http_error = {0};
    plim_status status =
        plim__http_get(target->loop, address->host, address->port, "/json/version",
                       target->options.connect_timeout_ns, target->allocator, &body, &http_error);
    const plim__runtime *runtime = NULL;
    plim_error why = {0}; /* of one that knows the server and may not speak to it */
    if (status == PLIM_OK)
        status = detect_by_version(target, &body, &runtime, err);
    else
        (void)detect_by_refusal(target, status, &body, &runtime, &why);
    plim__http_body_fini(&body);
    if (runtime != NULL && (target->runtime == NULL || target->runtime == runtime)) {
        target->runtime = runtime;
        return PLIM_OK;
    }
    if (runtime != NULL)
        status = plim_error_set(err, PLIM_ERR_PROTOCOL, "another runtime answers there now: %s",
                                runtime->name);
    else if (why.status != PLIM_OK)
        status = plim__error_repeat(err, &why);
    else if (status == PLIM_ERR_REFUSED)
        status = detect_nothing(target, err); /* a web server that has no such page */
    else if (http_error.status != PLIM_OK)
        status = plim__error_repeat(err, &http_error);
    plim_error_where(err, "%s:%u", address->host, (unsigned)address->port);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * ssh://[USER@]HOST[:PORT]/ADDRESS. The system's ssh carries a socket of ours, which lies in a
 * folder that only we can enter, to ADDRESS as seen from that machine: no port is opened on either
 * side. ssh makes the socket once it was let in, so that its being there is the answer; what it
 * says instead is the reason. It asks nobody for anything: keys and agents are the user's.
 *
 * Invariant T1: no word of the address can be an option of ssh's: HOST begins with no minus, and
 * stands behind "--".
 */
#include "inspect/tunnel.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "platform/child.h"
#include "platform/scratch.h"

enum {
    TUNNEL_FOLDER_BYTES = 90, /* with the socket's name it fits into an address of one */
    TUNNEL_WORD_BYTES = 512,
    TUNNEL_SAID_BYTES = 512,
    TUNNEL_HEAR_MS = 2000, /* it is told of a refusal on the other side, and then says it */
    TUNNEL_GRACE_MS = 500
};

static const char tunnel_scheme[] = "ssh://";
static const char tunnel_prefix[] = "plim-ssh";
static const uint64_t tunnel_timeout_ns = 30000000000u; /* names, keys, a second factor's refusal */
static const uint64_t tunnel_look_ns = 20000000u;

struct plim__tunnel {
    const plim_allocator *allocator;
    plim__child child;
    bool is_started;
    char folder[TUNNEL_FOLDER_BYTES];
    char said[TUNNEL_SAID_BYTES];
    size_t said_len;
};

static plim_status tunnel_unreadable(const char *text, const char *why, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "cannot read the address \"%.100s\": %s", text, why);
    plim_error_hint(err, "write ssh://USER@HOST/ADDRESS, ADDRESS as on that machine: "
                         "ssh://ops@db1/127.0.0.1:9229");
    return status;
}

/* "USER@HOST:PORT" into a destination and a port, which may be empty. */
static plim_status tunnel_read_host(const char *text, size_t len, char *out_host, char *out_port,
                                    plim_error *err)
{
    const char *place = text + sizeof tunnel_scheme - 1;
    size_t port = len;
    while (port > 0 && place[port - 1] >= '0' && place[port - 1] <= '9')
        port--;
    bool has_port = port > 0 && port < len && place[port - 1] == ':';
    size_t host_len = has_port ? port - 1 : len;
    if (host_len == 0 || host_len >= TUNNEL_WORD_BYTES || len - port > 5)
        return tunnel_unreadable(text, "there is no machine in it", err);
    memcpy(out_host, place, host_len);
    out_host[host_len] = '\0';
    const char *name = strrchr(out_host, '@');
    if (out_host[0] == '-' || (name != NULL && (name[1] == '-' || name[1] == '\0')))
        return tunnel_unreadable(text, "that is no name of a machine", err);
    (void)snprintf(out_port, 8, "%.*s", has_port ? (int)(len - port) : 0, place + port);
    return PLIM_OK;
}

/* "SOCKET:HOST:PORT" or "SOCKET:/PATH". */
static plim_status tunnel_way(const plim__tunnel *tunnel, const plim__address *address,
                              char *out_way, const char *text, plim_error *err)
{
    int len = 0;
    if (address->kind == PLIM__ADDRESS_UNIX)
        len = snprintf(out_way, TUNNEL_WORD_BYTES, "%s/s:%s", tunnel->folder, address->socket);
    else if (address->kind == PLIM__ADDRESS_PID)
        return tunnel_unreadable(text, "a process on another machine is reached by its port", err);
    else
        len = snprintf(out_way, TUNNEL_WORD_BYTES,
                       strchr(address->host, ':') != NULL ? "%s/s:[%s]:%u" : "%s/s:%s:%u",
                       tunnel->folder, address->host, (unsigned)address->port);
    return len > 0 && len < TUNNEL_WORD_BYTES ? PLIM_OK
                                              : tunnel_unreadable(text, "it is too long", err);
}

static plim_status tunnel_start(plim__tunnel *tunnel, const char *ssh, const char *way,
                                const char *host, const char *port, plim_error *err)
{
    char program[TUNNEL_WORD_BYTES];
    const char *argv[16];
    size_t count = 0;
    const char *const words[] = {
        ssh, "-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-L", way};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        argv[count++] = words[i];
    if (port[0] != '\0') {
        argv[count++] = "-p";
        argv[count++] = port;
    }
    argv[count++] = "--";
    argv[count++] = host;
    argv[count] = NULL;
    plim_status status = plim__program_find(ssh, program, sizeof program);
    if (status != PLIM_OK) {
        status = plim_error_set(err, status, "there is no program %s", ssh);
        plim_error_hint(err, "apt install openssh-client; PLIM_SSH names another program");
        return status;
    }
    status = plim__child_start(program, argv, NULL, false, &tunnel->child, err);
    tunnel->is_started = status == PLIM_OK;
    return status;
}

/* Takes what it has said, the first line of it. */
static void tunnel_hear(plim__tunnel *tunnel, int patience_ms)
{
    char text[TUNNEL_SAID_BYTES];
    size_t len = 1;
    bool is_end = false;
    while (tunnel->is_started && len > 0 && !is_end) {
        int wait_ms = tunnel->said_len == 0 ? patience_ms : 0;
        plim__child_read(&tunnel->child, text, sizeof text, wait_ms, &len, &is_end);
        size_t room = sizeof tunnel->said - 1 - tunnel->said_len;
        size_t part = len < room ? len : room;
        memcpy(tunnel->said + tunnel->said_len, text, part);
        tunnel->said_len += part;
        tunnel->said[tunnel->said_len] = '\0';
    }
}

const char *plim__tunnel_says(plim__tunnel *tunnel, bool is_closed)
{
    PLIM_CHECK(tunnel != NULL);
    tunnel_hear(tunnel, is_closed ? TUNNEL_HEAR_MS : 0);
    for (char *at = tunnel->said; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\r')
            *at = '\0';
        else if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
        if (*at == '\0')
            break;
    }
    tunnel->said_len = 0;
    return tunnel->said;
}

static plim_status tunnel_await(plim__tunnel *tunnel, plim__loop *loop, const char *host,
                                plim_error *err)
{
    int code = 0;
    uint64_t deadline_ns = plim__loop_deadline(tunnel_timeout_ns);
    plim_status status = PLIM_OK;
    while (!plim__scratch_has(tunnel->folder, "s")) {
        if (plim__child_has_ended(&tunnel->child, &code)) {
            const char *says = plim__tunnel_says(tunnel, true);
            status = plim_error_set(err, PLIM_ERR_REFUSED, "ssh does not get to %s: %s", host,
                                    says[0] != '\0' ? says : "it says nothing of why");
            plim_error_hint(err, "ssh -o BatchMode=yes %s true must work first", host);
            return status;
        }
        if (plim__loop_now_ns() >= deadline_ns)
            return plim_error_set(err, PLIM_ERR_TIMEOUT, "%s has not let ssh in within 30 s", host);
        status = plim__loop_sleep(loop, tunnel_look_ns);
        if (status != PLIM_OK)
            return plim_error_set(err, status, "interrupted while connecting");
    }
    return PLIM_OK;
}

static plim_status tunnel_make(plim__tunnel *tunnel, const char *text, plim__loop *loop,
                               const plim_target_options *options, plim__address *address,
                               plim_error *err)
{
    char host[TUNNEL_WORD_BYTES], way[TUNNEL_WORD_BYTES], port[8];
    const char *place = text + sizeof tunnel_scheme - 1;
    const char *slash = strchr(place, '/');
    if (slash == NULL || slash[1] == '\0')
        return tunnel_unreadable(text, "behind the machine stands /ADDRESS", err);
    plim_status status = tunnel_read_host(text, (size_t)(slash - place), host, port, err);
    if (status == PLIM_OK)
        status = plim__address_parse(slash + 1, address, err);
    plim__scratch_sweep(tunnel_prefix);
    if (status == PLIM_OK)
        status = plim__scratch_make(tunnel_prefix, tunnel->folder, sizeof tunnel->folder, err);
    if (status == PLIM_OK)
        status = tunnel_way(tunnel, address, way, text, err);
    if (status == PLIM_OK)
        status =
            tunnel_start(tunnel, options->ssh != NULL ? options->ssh : "ssh", way, host, port, err);
    if (status == PLIM_OK)
        status = tunnel_await(tunnel, loop, host, err);
    if (status != PLIM_OK)
        return status;
    bool is_socket = address->kind == PLIM__ADDRESS_UNIX;
    (void)snprintf(is_socket ? address->socket : address->host,
                   is_socket ? sizeof address->socket : sizeof address->host, "%s/s",
                   tunnel->folder);
    return PLIM_OK;
}

plim_status plim__tunnel_open(const char *text, plim__loop *loop,
                              const plim_target_options *options, plim__address *address,
                              plim__tunnel **out_tunnel, plim_error *err)
{
    PLIM_CHECK(strncmp(text, tunnel_scheme, sizeof tunnel_scheme - 1) == 0);
    plim__tunnel *tunnel = plim__array_new_zero(options->allocator, 1, sizeof *tunnel);
    if (tunnel == NULL)
        return plim__no_memory(err, "a tunnel");
    tunnel->allocator = options->allocator;
    plim_status status = tunnel_make(tunnel, text, loop, options, address, err);
    if (status == PLIM_OK)
        *out_tunnel = tunnel;
    else
        plim__tunnel_close(&tunnel);
    return status;
}

void plim__tunnel_close(plim__tunnel **tunnel_ptr)
{
    if (tunnel_ptr == NULL || *tunnel_ptr == NULL)
        return;
    plim__tunnel *tunnel = *tunnel_ptr;
    *tunnel_ptr = NULL;
    if (tunnel->is_started) {
        plim__child_stop(&tunnel->child, TUNNEL_GRACE_MS);
        plim__child_fini(&tunnel->child);
    }
    if (tunnel->folder[0] != '\0')
        plim__scratch_remove(tunnel->folder);
    plim__array_free(tunnel->allocator, tunnel, 1, sizeof *tunnel);
}

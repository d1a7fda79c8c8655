/* SPDX-License-Identifier: MIT */
/*
 * plim-erlang-worker: a worker of the channel as a C node of an Erlang/OTP cluster.
 *     plim-erlang-worker NODE@HOST [--name NAME[@HOST]] [--cookie-file FILE] -- COMMAND…
 * It connects to the node, starts COMMAND as a pool of one, and carries requests from Erlang to it
 * and answers back (terms.h). It restarts nothing: when the worker dies, whoever waits is told, and
 * this program ends with 1; the OTP supervisor that sees that starts it anew. It ends, too, when
 * the node goes, or its standard input does, which an Erlang port closes with its owner.
 * The cookie comes from a file that is its user's alone, never from a command line or environment.
 * Node names are fresh in every life, NAME_PID: epmd and peers remember the last one for a while.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "erlang/terms.h"

enum {
    WAITING_MAX = 256, /* requests of the node that are not answered */
    COOKIE_BYTES = 256,
    NAME_BYTES = 128,
    PATH_BYTES = 4096,
    TIME_MS = 5000, /* to connect, for a node to take a message, or to send the rest of one */
    PAYLOAD_MAX = 1 << 20,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3
};

#define DRAIN_NS UINT64_C(5000000000)

typedef struct errand {
    struct bridge *bridge;
    uint64_t request; /* 0: free */
    erlang_pid from;
    erlang_ref ref;
} errand;

typedef struct bridge {
    ei_cnode node;
    int line;          /* to the Erlang node */
    const char *owner; /* the name that is told of us */
    plim_worker_pool *pool;
    uv_loop_t loop;
    uv_poll_t on_line, on_input;
    ei_x_buff in, out;
    errand errands[WAITING_MAX];
    bool is_over, has_died, is_line_lost;
} bridge;

static int usage(const char *why)
{
    (void)fprintf(stderr,
                  "plim-erlang-worker: %s\n"
                  "plim worker --erlang NODE@HOST [--name NAME[@HOST]] [--cookie-file FILE] -- "
                  "COMMAND…\n",
                  why);
    return EXIT_USAGE;
}

/* --- the cookie ------------------------------------------------------------------------------- */

static int cookie_refused(const char *path, const char *why)
{
    (void)fprintf(stderr, "plim-erlang-worker: the cookie file %s %s\n", path, why);
    return EXIT_USAGE;
}

/* 0, or the exit code. */
static int cookie_read(const char *path, char out[COOKIE_BYTES])
{
    char own[PATH_BYTES];
    struct stat facts;
    const char *home = getenv("HOME");
    if (path == NULL) {
        (void)snprintf(own, sizeof own, "%s/.erlang.cookie", home != NULL ? home : "");
        path = own;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cookie_refused(path, strerror(errno));
    bool is_sound = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
    bool is_open = is_sound && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    ssize_t got = is_sound ? read(fd, out, COOKIE_BYTES - 1) : -1;
    (void)close(fd);
    if (is_open)
        return cookie_refused(path, "can be read by others: chmod 600");
    if (got <= 0)
        return cookie_refused(path, "has no cookie");
    out[got] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0' ? 0 : cookie_refused(path, "has no cookie");
}

/* --- to the node ------------------------------------------------------------------------------ */

static void end_soon(bridge *all, bool is_line_lost)
{
    all->is_line_lost |= is_line_lost;
    if (!all->is_over)
        plim_worker_pool_stop(all->pool, is_line_lost ? 0 : DRAIN_NS);
    all->is_over = true;
}

static void send_to(bridge *all, erlang_pid *to, bool is_made)
{
    if (all->is_line_lost)
        return;
    if (!is_made || ei_send_tmo(all->line, to, all->out.buff, all->out.index, TIME_MS) < 0)
        end_soon(all, true);
}

static void tell_owner(bridge *all, bool is_made)
{
    if (all->is_line_lost)
        return;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s", all->owner);
    if (!is_made ||
        ei_reg_send_tmo(&all->node, all->line, name, all->out.buff, all->out.index, TIME_MS) < 0)
        end_soon(all, true);
}

static void on_answer(void *ctx, const plim_pool_answer *answer)
{
    errand *at = ctx;
    bridge *all = at->bridge;
    at->request = 0;
    send_to(all, &at->from, plim__term_response(&all->out, &at->ref, answer));
}

static void on_event(void *ctx, const plim_pool_event *event)
{
    bridge *all = ctx;
    if (event->kind == PLIM_POOL_WORKER_UP)
        tell_owner(all, plim__term_up(&all->out, ei_self(&all->node), getpid(), event->pid));
    else if (event->kind == PLIM_POOL_LOG)
        tell_owner(all, plim__term_log(&all->out, ei_self(&all->node), event->level, event->text));
    else if (event->kind == PLIM_POOL_WORKER_DIED && !all->is_over) {
        all->has_died = true;
        (void)fprintf(stderr, "plim-erlang-worker: the worker (pid %lld) died: %s\n",
                      (long long)event->pid, event->text);
    }
}

/* --- from the node ---------------------------------------------------------------------------- */

static void refuse(bridge *all, errand *at, plim_status status, const char *why)
{
    plim_pool_answer answer = {
        .status = status, .error = why, .error_bytes = (uint32_t)strlen(why)};
    send_to(all, &at->from, plim__term_response(&all->out, &at->ref, &answer));
}

static void on_request(bridge *all, const plim__term *term)
{
    errand here = {.bridge = all, .from = term->from, .ref = term->ref};
    errand *at = NULL;
    for (uint32_t i = 0; i < WAITING_MAX && at == NULL; i++)
        at = all->errands[i].request == 0 ? &all->errands[i] : NULL;
    if (at == NULL) {
        refuse(all, &here, PLIM_ERR_LIMIT, "too many requests wait");
        return;
    }
    plim_error err = {.status = PLIM_OK};
    *at = here;
    plim_status status = plim_worker_pool_submit(all->pool, term->code, term->bytes,
                                                 term->is_idempotent ? PLIM_MESSAGE_IDEMPOTENT : 0,
                                                 0, on_answer, at, &at->request, &err);
    if (status != PLIM_OK)
        refuse(all, at, status, err.what);
}

static void on_cancel(bridge *all, plim__term *term)
{
    for (uint32_t i = 0; i < WAITING_MAX; i++) {
        errand *at = &all->errands[i];
        if (at->request != 0 && ei_cmp_refs(&at->ref, &term->ref) == 0) {
            plim_status status = plim_worker_pool_cancel(all->pool, at->request);
            (void)status; /* it was there a moment ago */
            return;
        }
    }
}

static void on_term(bridge *all)
{
    plim__term term;
    plim_pool_figures figures;
    plim__term_read(all->in.buff, PAYLOAD_MAX, &term);
    switch (term.kind) {
    case PLIM__TERM_REQUEST:
        on_request(all, &term);
        break;
    case PLIM__TERM_CANCEL:
        on_cancel(all, &term);
        break;
    case PLIM__TERM_HEALTH:
        plim_worker_pool_figures(all->pool, &figures);
        send_to(all, &term.from, plim__term_health(&all->out, &term.ref, &figures));
        break;
    case PLIM__TERM_STOP:
        end_soon(all, false);
        break;
    case PLIM__TERM_OTHER:
        break;
    }
    plim__term_fini(&term);
}

static void on_line(uv_poll_t *poll, int status, int events)
{
    bridge *all = poll->data;
    erlang_msg message;
    (void)events;
    all->in.index = 0;
    int got = status < 0 ? ERL_ERROR : ei_xreceive_msg_tmo(all->line, &message, &all->in, TIME_MS);
    if (got == ERL_MSG && (message.msgtype == ERL_SEND || message.msgtype == ERL_REG_SEND)) {
        on_term(all);
    } else if (got == ERL_ERROR) {
        (void)uv_poll_stop(poll);
        end_soon(all, true);
    }
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    char bytes[512];
    (void)events;
    ssize_t got = status < 0 ? 0 : read(STDIN_FILENO, bytes, sizeof bytes);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return; /* nobody has anything to say there */
    (void)uv_poll_stop(poll);
    end_soon(poll->data, false);
}

/* --- the beginning and the end ---------------------------------------------------------------- */

/* 0, or the exit code. */
static int join(bridge *all, const char *node, const char *name, const char *cookie)
{
    char alive[NAME_BYTES], host[NAME_BYTES], whole[2 * NAME_BYTES + 1], peer[2 * NAME_BYTES];
    struct in_addr nowhere = {.s_addr = htonl(INADDR_LOOPBACK)};
    const char *at = strchr(name, '@');
    const char *peer_host = strchr(node, '@') + 1;
    int len = at != NULL ? (int)(at - name) : (int)strlen(name);
    (void)snprintf(alive, sizeof alive, "%.*s_%d", len, name, (int)getpid());
    if (at != NULL)
        (void)snprintf(host, sizeof host, "%s", at + 1);
    else if (strcmp(peer_host, "localhost") == 0 || gethostname(host, sizeof host) != 0)
        (void)snprintf(host, sizeof host, "localhost");
    host[sizeof host - 1] = '\0';
    (void)snprintf(whole, sizeof whole, "%s@%s", alive, host);
    (void)snprintf(peer, sizeof peer, "%s", node);
    if (ei_init() != 0 || ei_connect_xinit(&all->node, host, alive, whole, &nowhere, cookie,
                                           (short)(time(NULL) & 0x7fff)) < 0)
        return usage("this name of a node cannot be");
    all->line = ei_connect_tmo(&all->node, peer, TIME_MS);
    if (all->line >= 0)
        return 0;
    (void)fprintf(stderr,
                  "plim-erlang-worker: %s does not take %s (%s): is it up, is epmd, and is the "
                  "cookie the same?\n",
                  node, whole, strerror(erl_errno));
    return EXIT_UNREACHABLE;
}

static int bridge_serve(bridge *all, const char *const *command_argv)
{
    plim_error err = {.status = PLIM_OK};
    plim_child_command command = {.argv = command_argv, .output = PLIM_OUTPUT_NOTHING};
    plim_worker_pool_options options = {.struct_bytes = sizeof options,
                                        .command = &command,
                                        .spares = PLIM_POOL_NONE,
                                        .tries_max = 1,
                                        .payload_max = PAYLOAD_MAX,
                                        .intensity = PLIM_INTENSITY_NONE,
                                        .loop = &all->loop,
                                        .event = on_event,
                                        .ctx = all};
    if (uv_loop_init(&all->loop) != 0 || ei_x_new(&all->in) != 0 || ei_x_new(&all->out) != 0 ||
        plim_worker_pool_create(&options, &all->pool, &err) != PLIM_OK) {
        (void)fprintf(stderr, "plim-erlang-worker: %s\n", err.what);
        return 1;
    }
    all->on_line.data = all;
    all->on_input.data = all;
    if (uv_poll_init(&all->loop, &all->on_line, all->line) != 0)
        return 1;
    (void)uv_poll_start(&all->on_line, UV_READABLE, on_line);
    /* A file or /dev/null cannot be waited on; then nobody ends us so. */
    if (uv_poll_init(&all->loop, &all->on_input, STDIN_FILENO) == 0)
        (void)uv_poll_start(&all->on_input, UV_READABLE | UV_DISCONNECT, on_input);
    while (plim_worker_pool_step(all->pool, true))
        continue;
    plim_worker_pool_destroy(&all->pool);
    return all->has_died || all->is_line_lost || !all->is_over ? 1 : 0;
}

int main(int argc, char **argv)
{
    static bridge all;
    const char *node = NULL, *name = "plim_worker", *cookie_file = NULL;
    char cookie[COOKIE_BYTES] = "", owner[NAME_BYTES];
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
            name = argv[++i];
        else if (strcmp(argv[i], "--cookie-file") == 0 && i + 1 < argc)
            cookie_file = argv[++i];
        else if (node == NULL && argv[i][0] != '-')
            node = argv[i];
        else
            return usage("that is no option");
    }
    if (node == NULL || strchr(node, '@') == NULL || strlen(node) >= NAME_BYTES)
        return usage("which node? NODE@HOST");
    if (name[0] == '\0' || name[0] == '@' || strlen(name) >= NAME_BYTES - 16)
        return usage("a name of a node has up to 111 bytes");
    if (i + 1 >= argc)
        return usage("which command? It follows --");
    int code = cookie_read(cookie_file, cookie);
    if (code != 0)
        return code;
    (void)snprintf(owner, sizeof owner, "%.*s", (int)strcspn(name, "@"), name);
    all.owner = owner;
    (void)signal(SIGPIPE, SIG_IGN);
    code = join(&all, node, name, cookie);
    memset(cookie, 0, sizeof cookie);
    return code != 0 ? code : bridge_serve(&all, (const char *const *)&argv[i + 1]);
}

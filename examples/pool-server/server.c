/* SPDX-License-Identifier: MIT */
/*
 * A server that does nothing itself: it has workers for that, and goes on answering while they die.
 *     pool_server ADDRESS WORKER [WORKERS]
 * On standard output: which workers there are, and how they end. SIGTERM or Ctrl-C: answer what is
 * there, then end.
 */
#include <plimsoll/worker_pool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BYTES = 128, DEATHS_MAX = 1000000 };

#define DRAIN_NS UINT64_C(5000000000)

static volatile sig_atomic_t is_asked_to_end;

static void note(int signal_number)
{
    (void)signal_number;
    is_asked_to_end = 1;
}

static void tell(void *ctx, const plim_pool_event *event)
{
    (void)ctx;
    long long pid = event->pid;
    switch (event->kind) {
    case PLIM_POOL_READY:
        (void)printf("ready\n");
        break;
    case PLIM_POOL_WORKER_UP:
        (void)printf("up %u %lld\n", (unsigned)event->slot, pid);
        break;
    case PLIM_POOL_WORKER_DIED:
        (void)printf("died %u %lld %s\n", (unsigned)event->slot, pid, event->text);
        break;
    case PLIM_POOL_REPLACING:
        (void)printf("replacing %u %lld\n", (unsigned)event->slot, pid);
        break;
    case PLIM_POOL_LOG:
        (void)printf("worker %lld says %s\n", pid, event->text);
        break;
    case PLIM_POOL_MEMORY:
    case PLIM_POOL_CLIENT:
        break;
    case PLIM_POOL_ENDED:
        (void)printf("ended: %s\n", plim_status_text(event->status));
        break;
    }
    (void)fflush(stdout);
}

static plim_status serve(plim_worker_pool *pool, const char *address, plim_error *err)
{
    char where[ADDRESS_BYTES];
    plim_status status = plim_worker_pool_listen(pool, address, false, where, sizeof where, err);
    if (status != PLIM_OK)
        return status;
    (void)printf("listening %s\n", where);
    (void)fflush(stdout);
    bool is_stopping = false;
    while (plim_worker_pool_step(pool, true)) {
        if (is_asked_to_end && !is_stopping)
            plim_worker_pool_stop(pool, DRAIN_NS);
        is_stopping = is_asked_to_end != 0;
    }
    plim_pool_figures figures;
    plim_worker_pool_figures(pool, &figures);
    (void)printf("answered %llu, given to another %llu, failed %llu, deaths %llu\n",
                 (unsigned long long)figures.answered, (unsigned long long)figures.repeated,
                 (unsigned long long)figures.failed, (unsigned long long)figures.deaths);
    return PLIM_OK;
}

int main(int argc, char **argv)
{
    plim_error err = {.status = PLIM_OK};
    plim_worker_pool *pool = NULL;
    if (argc < 3 || argc > 4) {
        (void)fprintf(stderr, "pool_server ADDRESS WORKER [WORKERS]\n");
        return 2;
    }
    const char *worker[] = {argv[2], NULL};
    plim_child_command command = {.argv = worker};
    plim_worker_pool_options options = {.struct_bytes = sizeof options,
                                        .command = &command,
                                        .intensity = DEATHS_MAX,
                                        .tries_max = 1000,   /* primes kill nobody: whoever dies of
                                                              them was killed by others */
                                        .seen_as = "primes", /* by plim top */
                                        .event = tell};
    options.workers = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2;
    (void)signal(SIGTERM, note);
    (void)signal(SIGINT, note);
    plim_status status = plim_worker_pool_create(&options, &pool, &err);
    if (status == PLIM_OK)
        status = serve(pool, argv[1], &err);
    plim_worker_pool_destroy(&pool);
    if (status != PLIM_OK)
        (void)fprintf(stderr, "pool_server: %s\n", err.what);
    return plim_status_exit_code(status);
}

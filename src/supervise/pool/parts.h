/* SPDX-License-Identifier: MIT */
/**
 * @file parts.h
 * @brief A pool as its files share it: seats of workers, clients, and the pool over both.
 */
#ifndef PLIM_SUPERVISE_POOL_PARTS_H
#define PLIM_SUPERVISE_POOL_PARTS_H
#include <plimsoll/worker_pool.h>

#include "platform/shared.h"
#include "supervise/channel/link.h"
#include "supervise/pool/requests.h"
#include "supervise/worker/last_words.h"

enum {
    PLIM__POOL_MAGIC = 0x0b0e5a9d,
    PLIM__POOL_SEATS_MAX = 64,
    PLIM__POOL_LISTENERS_MAX = 4,
    PLIM__POOL_ADDRESS_BYTES = 128
};

/** A worker's life:
    DOWN --prepare--> STARTING --HELLO--> IDLE <--> BUSY;
    any --end of line, end of process, or we want it--> ENDING --process gone--> DOWN. */
typedef enum plim__seat_state {
    PLIM__SEAT_DOWN = 0,
    PLIM__SEAT_STARTING,
    PLIM__SEAT_IDLE,
    PLIM__SEAT_BUSY,
    PLIM__SEAT_ENDING
} plim__seat_state;

typedef struct plim__seat {
    struct plim_worker_pool *pool;
    uint32_t index;
    char id[PLIM_CHILD_ID_BYTES];
    plim_child child;
    plim__seat_state state;
    bool in_service; /* it counts among `workers`; else it is a spare */
    bool is_asked;   /* we want its end: its death is none */
    plim__link *link;
    int theirs; /* the worker's end until it is started; -1: none */
    char variables[2][48];
    plim__shared page_memory;
    plim__last_words *page; /* NULL: none */
    int64_t pid;
    uint64_t request;   /* 0: none */
    uint64_t cancelled; /* nobody waits for it, but the worker works on it; 0: none */
    uint64_t kill_ns;   /* ended by force if it is as it is then; UINT64_MAX: never */
    plim_why kill_why;
    uint64_t idle_since_ns, busy_since_ns;
    uint64_t health_ns; /* when it is asked next */
    uint64_t health_id; /* a question that is open; 0: none */
    uint64_t answered, answered_max;
    uint64_t reported_bytes;
    plim_why due; /* it is to be replaced; PLIM_WHY_NONE: it is not */
} plim__seat;

typedef struct plim__client {
    struct plim_worker_pool *pool;
    plim__link *link; /* NULL: the place is free */
    uint32_t open;    /* requests that are not answered */
    bool is_paused;
} plim__client;

/** A client's request on its way: who waits, and under which number. */
typedef struct plim__errand {
    plim__client *client;
    uint64_t id;      /* the client's */
    uint64_t request; /* ours; 0: the place is free */
} plim__errand;

typedef struct plim__pool_door {
    struct uv_poll_s *poll; /* made once, used from life to life of the door */
    int descriptor;
    char address[PLIM__POOL_ADDRESS_BYTES];
} plim__pool_door;

struct plim_worker_pool {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_worker_pool_options options; /* with defaults filled in */
    plim_child_command command;
    plim_supervisor *supervisor;
    struct uv_loop_s *loop;
    struct plim__pool_clock *clock; /* libuv's handles, in pool.c */
    struct uv_idle_s *later;        /* runs what a call may not do itself: dispatch */
    bool has_later;                 /* it can be started */
    plim__seat seats[PLIM__POOL_SEATS_MAX];
    uint32_t seat_count;
    plim__requests requests;
    plim__client *clients;
    plim__errand *errands; /* so many per client as it may have open */
    plim__pool_door doors[PLIM__POOL_LISTENERS_MAX];
    uint32_t door_count;
    plim__last_words words; /* scratch */
    plim__words_told told;
    plim_pool_figures figures;
    struct plim_supervision *seen; /* NULL: others do not see it */
    uint64_t seen_at_ns;           /* when it is written next */
    uint64_t chance;               /* of the jitter */
    uint64_t drain_until_ns;
    bool is_dispatching, is_ready, is_stopping, is_supervisor_stopped, is_ended;
    plim_status end_status;
};

/* dispatch.c */

/** Tells the pool's owner; text may be NULL. */
void plim__pool_tell(plim_worker_pool *pool, plim_pool_event event);

/** Dispatches what waits once the loop turns again. */
void plim__pool_soon(plim_worker_pool *pool);

/** Dispatches what waits: before anything that takes its time, such as the start of a process. */
void plim__pool_dispatch(plim_worker_pool *pool);

/** The loop's clock, in nanoseconds. */
uint64_t plim__pool_now(const plim_worker_pool *pool);

/* seat.c */

/** The supervisor's hooks and events. */
plim_status plim__seat_prepare(void *ctx, plim_child child, plim_child_launch *launch,
                               plim_error *err);
void plim__seat_launched(void *ctx, plim_child child, const plim_child_launch *launch);
void plim__seat_exited(plim__seat *seat, const plim_supervisor_event *event);

/** Gives an idle worker a request; false: it could not take it, and has given it back. */
bool plim__seat_give(plim__seat *seat, plim__pool_request *request);

/** Nobody waits any more for what it has. Pre: it is busy with it. */
void plim__seat_cancel(plim__seat *seat);

/** Deadlines, health, memory. */
void plim__seat_tick(plim__seat *seat, uint64_t now_ns);

/** Asks it to end, to be replaced. Pre: it is idle. */
void plim__seat_replace(plim__seat *seat);

/** Its supervisor asks it to end, and takes its end for asked from here on: it is told on its line,
    too. Not before: who ended at once would count as one that died. */
void plim__seat_stopping(plim__seat *seat);

/** Closes what a life holds. */
void plim__seat_close(plim__seat *seat);

/* server.c */

/** The connections of clients. */
PLIM_NODISCARD plim_status plim__server_init(plim_worker_pool *pool, plim_error *err);

/** Closes doors and connections. */
void plim__server_close(plim_worker_pool *pool);

/** Frees, once the loop has turned. */
void plim__server_fini(plim_worker_pool *pool);

#endif

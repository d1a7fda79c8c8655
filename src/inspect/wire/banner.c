/* SPDX-License-Identifier: MIT */
#include "inspect/wire/banner.h"

#include <ctype.h>

#include "inspect/wire/tcp.h"

typedef struct banner_get {
    char *out;
    size_t len;
    bool done;
} banner_get;

static void banner_on_data(void *ctx, const char *data, size_t len)
{
    banner_get *get = ctx;
    for (size_t i = 0; i < len && get->len + 1 < PLIM__HTTP_BANNER_BYTES; i++)
        get->out[get->len++] = (char)(isprint((unsigned char)data[i]) ? data[i] : '.');
    get->out[get->len] = '\0';
    get->done = get->len + 1 >= PLIM__HTTP_BANNER_BYTES;
}

static void banner_on_end(void *ctx, int uv_error)
{
    banner_get *get = ctx;
    (void)uv_error;
    get->done = true;
}

plim_status plim__banner_get(plim__loop *loop, const plim_allocator *allocator, const char *host,
                             uint16_t port, uint64_t timeout_ns,
                             char out_banner[PLIM__HTTP_BANNER_BYTES], plim_error *err)
{
    banner_get get = {.out = out_banner};
    plim__tcp *tcp = NULL;
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    out_banner[0] = '\0';
    plim_status status =
        plim__tcp_connect(loop, allocator, host, port, deadline_ns,
                          (plim__tcp_events){&get, banner_on_data, banner_on_end}, &tcp, err);
    if (status != PLIM_OK)
        return status;
    status = plim__loop_wait(loop, &get.done, deadline_ns);
    plim__tcp_destroy(&tcp);
    if (status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "interrupted while connecting");
    return PLIM_OK; /* silence is an answer */
}

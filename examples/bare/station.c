/* SPDX-License-Identifier: MIT */
/*
 * A measuring station without an operating system: samples are packed and sent. Two modules share
 * 12 KiB of RAM that the linker has set aside; neither can take what belongs to the other unless it
 * is lent, and whoever is refused hears it, with everything as it was.
 */
#include <plimsoll/bare.h>
#include <plimsoll/memory.h>

#include "board.h"

enum { SAMPLES = 1000, PACKET_BYTES = 200, LOAN_BYTES = 1024 };

static _Alignas(16) unsigned char storage[12 * 1024];
static plim_domain samples, radio;

/* One packet waiting to be sent; the newest is in front. */
typedef struct packet {
    struct packet *next;
    unsigned char bytes[PACKET_BYTES];
} packet;

static plim_status to_console(void *ctx, const void *data, size_t length, plim_error *err)
{
    (void)ctx;
    (void)err;
    board_write(data, length);
    return PLIM_OK;
}

static plim_domain domain(plim_manager *manager, const char *name, size_t limit_bytes)
{
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = limit_bytes};
    plim_domain made = {0};
    if (plim_domain_create(manager, name, &options, &made, NULL) != PLIM_OK)
        board_exit(2);
    return made;
}

/* The radio is slow: every tenth round it sends what waits. Meanwhile packets pile up, and when the
   radio's own memory is full, it borrows what the sampler does not need just now. */
static void run(void)
{
    packet *waiting = NULL;
    for (unsigned round = 0; round < SAMPLES; round++) {
        packet *made = plim_alloc_in(radio, sizeof *made);
        if (made == NULL && plim_domain_lend(samples, radio, LOAN_BYTES, NULL) == PLIM_OK)
            made = plim_alloc_in(radio, sizeof *made);
        if (made != NULL) {
            made->next = waiting;
            waiting = made;
        }
        while (round % 10 == 9 && waiting != NULL) {
            packet *sent = waiting;
            waiting = sent->next;
            plim_free(sent);
        }
        if (waiting == NULL && plim_domain_repay(samples, radio, SIZE_MAX, NULL) != PLIM_OK)
            board_exit(2);
    }
}

int main(void)
{
    plim_bare_hooks_set(&(plim_bare_hooks){.mask = board_mask, .unmask = board_unmask});
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .domain_count_max = 4,
                                    .backing = PLIM_BACKING_FIXED,
                                    .storage = storage,
                                    .storage_bytes = sizeof storage};
    plim_manager *manager = NULL;
    if (plim_manager_create(&options, &manager, NULL) != PLIM_OK)
        return 2;
    samples = domain(manager, "samples", 2048);
    radio = domain(manager, "radio", 2048);
    if (plim_domain_share_set(samples, radio, LOAN_BYTES) != PLIM_OK)
        return 2;
    run();
    return plim_report(manager, PLIM_REPORT_TEXT, (plim_sink){NULL, to_console}, NULL) == PLIM_OK
               ? 0
               : 2;
}

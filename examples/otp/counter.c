/* SPDX-License-Identifier: MIT */
/*
 * A worker with a state that outlives it: a sum in a region file.
 *     otp_counter FILE
 * Requests: "add N" gives the new sum, "read" the sum, "crash" writes through a null pointer.
 */
#include <plimsoll/region.h>
#include <plimsoll/worker.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    int64_t sum;
    uint64_t lives; /* processes that have had it */
} tally;

static const plim_field FIELDS[] = {PLIM_FIELD(tally, sum, PLIM_FIELD_INT),
                                    PLIM_FIELD(tally, lives, PLIM_FIELD_UINT)};
static int *volatile nothing = NULL;

/* The one object of its type: found, or made in the first life. */
static plim_status tally_find(plim_region *region, plim_ref *out_ref, plim_error *err)
{
    uint16_t type = 0;
    uint32_t index = 0;
    plim_region_object object;
    tally first = {0, 0};
    plim_status status = plim_region_type(region, "tally", sizeof(tally), FIELDS, 2, &type, err);
    while (status == PLIM_OK && plim_region_next(region, &index, &object)) {
        if (object.type == type) {
            *out_ref = object.ref;
            return PLIM_OK;
        }
    }
    return status == PLIM_OK
               ? plim_region_allocate(region, type, &first, 0, (plim_ref){0, 0}, out_ref)
               : status;
}

static plim_status serve(plim_worker *worker, plim_region *region, plim_ref ref, plim_error *err)
{
    plim_request request;
    tally now;
    char text[64];
    plim_status status = plim_worker_receive(worker, UINT64_MAX, &request, err);
    if (status != PLIM_OK)
        return status;
    if (strcmp(request.code, "crash") == 0)
        *nothing = 1;
    plim_status done = plim_region_get(region, ref, &now, sizeof now);
    if (done == PLIM_OK && strncmp(request.code, "add ", 4) == 0) {
        now.sum += strtol((const char *)request.code + 4, NULL, 10);
        done = plim_region_set(region, ref, &now, sizeof now);
    } else if (strcmp(request.code, "read") != 0) {
        done = PLIM_ERR_USAGE;
    }
    (void)snprintf(text, sizeof text, "%lld %llu", (long long)now.sum,
                   (unsigned long long)now.lives);
    return plim_worker_answer(worker, &request, done, text, (uint32_t)strlen(text),
                              done == PLIM_OK ? NULL : "add N, read or crash", err);
}

int main(int argc, char **argv)
{
    plim_error err = {.status = PLIM_OK};
    plim_region *region = NULL;
    plim_worker *worker = NULL;
    plim_ref ref = {0, 0};
    tally now;
    if (argc != 2) {
        (void)fprintf(stderr, "otp_counter FILE\n");
        return 2;
    }
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_FILE,
                                   .name = argv[1],
                                   .object_max = 16,
                                   .data_bytes = 4096,
                                   .value_max = 256};
    plim_status status = plim_region_open(&options, &region, &err);
    if (status == PLIM_OK)
        status = tally_find(region, &ref, &err);
    if (status == PLIM_OK)
        status = plim_region_get(region, ref, &now, sizeof now);
    if (status == PLIM_OK) {
        now.lives++;
        status = plim_region_set(region, ref, &now, sizeof now);
    }
    if (status == PLIM_OK)
        status = plim_worker_open(NULL, &worker, &err);
    while (status == PLIM_OK)
        status = serve(worker, region, ref, &err);
    plim_worker_close(&worker);
    plim_region_close(&region);
    if (status == PLIM_ERR_SEALED || status == PLIM_ERR_GONE)
        return 0;
    (void)fprintf(stderr, "otp_counter: %s\n", err.what);
    return plim_status_exit_code(status);
}

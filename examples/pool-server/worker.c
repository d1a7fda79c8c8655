/* SPDX-License-Identifier: MIT */
/*
 * A worker: counts the primes below the number it is asked for. It may be killed at any moment.
 */
#include <plimsoll/worker.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 10000000 };

static unsigned long primes_below(unsigned long number)
{
    unsigned long count = number > 2;
    for (unsigned long candidate = 3; candidate < number; candidate += 2) {
        unsigned long divisor = 3;
        while (divisor * divisor <= candidate && candidate % divisor != 0)
            divisor += 2;
        count += divisor * divisor > candidate;
    }
    return count;
}

static plim_status answer(plim_worker *worker, const plim_request *request, plim_error *err)
{
    char result[32];
    char *end = NULL;
    unsigned long number = strtoul(request->code, &end, 10);
    if (request->bytes == 0 || *end != '\0' || number > NUMBER_MAX)
        return plim_worker_answer(worker, request, PLIM_ERR_USAGE, NULL, 0,
                                  "ask for a number up to 10000000", err);
    (void)snprintf(result, sizeof result, "%lu", primes_below(number));
    return plim_worker_answer(worker, request, PLIM_OK, result, (uint32_t)strlen(result), NULL,
                              err);
}

int main(void)
{
    plim_error err = {.status = PLIM_OK};
    plim_worker *worker = NULL;
    plim_request request;
    plim_status status = plim_worker_open(NULL, &worker, &err);
    while (status == PLIM_OK) {
        status = plim_worker_receive(worker, UINT64_MAX, &request, &err);
        if (status == PLIM_OK)
            status = answer(worker, &request, &err);
    }
    plim_worker_close(&worker);
    if (status == PLIM_ERR_SEALED || status == PLIM_ERR_GONE)
        return 0; /* the pool asks us to end, or has ended */
    (void)fprintf(stderr, "worker: %s\n", err.what);
    return plim_status_exit_code(status);
}

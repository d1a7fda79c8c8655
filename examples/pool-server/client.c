/* SPDX-License-Identifier: MIT */
/*
 * Asks the server for primes.
 *     pool_client ADDRESS NUMBER…        prints an answer for each
 *     pool_client ADDRESS --load         asks until SIGTERM, holds each answer against its own
 *                                        count, and says how many were right
 */
#include <plimsoll/channel.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOAD_NUMBERS = 4000, LOAD_LOW = 1000 };

#define PATIENCE_NS UINT64_C(30000000000)

/* SIGTERM is blocked, and looked for between two questions: it interrupts none. */
static bool is_asked_to_end(void)
{
    sigset_t waiting;
    return sigpending(&waiting) == 0 && sigismember(&waiting, SIGTERM) == 1;
}

/* The question may be asked twice: so another worker gets it, should the first one die. */
static plim_status ask(plim_channel *line, unsigned long number, plim_message *out, plim_error *err)
{
    char code[32];
    (void)snprintf(code, sizeof code, "%lu", number);
    return plim_channel_call(line, code, (uint32_t)strlen(code), PLIM_MESSAGE_IDEMPOTENT,
                             PATIENCE_NS, out, err);
}

static unsigned long number_of(const plim_message *answer)
{
    char text[32] = "";
    if (answer->body_bytes > 0 && answer->body_bytes < sizeof text)
        memcpy(text, answer->body, answer->body_bytes);
    return strtoul(text, NULL, 10);
}

static plim_status load(plim_channel *line, plim_error *err)
{
    static unsigned long counts[LOAD_LOW + LOAD_NUMBERS + 1];
    unsigned long asked = 0, right = 0;
    for (unsigned long i = 3; i <= LOAD_LOW + LOAD_NUMBERS; i++) {
        unsigned long before = i - 1, divisor = 2;
        while (divisor * divisor <= before && before % divisor != 0)
            divisor++;
        counts[i] = counts[i - 1] + (divisor * divisor > before);
    }
    plim_status status = PLIM_OK;
    while (!is_asked_to_end() && status == PLIM_OK) {
        unsigned long number = LOAD_LOW + asked % LOAD_NUMBERS;
        plim_message answer;
        status = ask(line, number, &answer, err);
        asked++;
        if (status != PLIM_OK)
            break;
        right += answer.status == PLIM_OK && number_of(&answer) == counts[number];
        if (answer.status != PLIM_OK)
            (void)fprintf(stderr, "%lu: %.*s\n", number, (int)answer.error_bytes,
                          answer.error_bytes > 0 ? answer.error : "");
    }
    (void)printf("asked %lu right %lu\n", asked, right);
    return status;
}

int main(int argc, char **argv)
{
    plim_error err = {.status = PLIM_OK};
    plim_channel *line = NULL;
    if (argc < 3) {
        (void)fprintf(stderr, "pool_client ADDRESS NUMBER… | --load\n");
        return 2;
    }
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    plim_status status = plim_channel_open(argv[1], NULL, &line, &err);
    if (status == PLIM_OK && strcmp(argv[2], "--load") == 0)
        status = load(line, &err);
    for (int i = 2; i < argc && status == PLIM_OK && strcmp(argv[2], "--load") != 0; i++) {
        plim_message answer;
        status = ask(line, strtoul(argv[i], NULL, 10), &answer, &err);
        if (status == PLIM_OK && answer.status == PLIM_OK)
            (void)printf("%s: %.*s\n", argv[i], (int)answer.body_bytes, (const char *)answer.body);
        else if (status == PLIM_OK)
            (void)printf("%s: no answer: %.*s\n", argv[i], (int)answer.error_bytes,
                         answer.error_bytes > 0 ? answer.error : "");
    }
    plim_channel_close(&line);
    if (status != PLIM_OK)
        (void)fprintf(stderr, "pool_client: %s\n", err.what);
    return plim_status_exit_code(status);
}

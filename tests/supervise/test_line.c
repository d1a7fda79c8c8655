/* SPDX-License-Identifier: MIT */
/*
 * A line on which one thread waits, and a worker over it, against peers played by hand: a socket
 * pair whose other end is written and read byte by byte here, on the same thread, since a greeting
 * is sent without waiting for the other's.
 */
#include <plimsoll/worker.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_allocator.h"

enum { ROOM = 65536 };

#define MS UINT64_C(1000000)

static void push(int end, const void *bytes, size_t len)
{
    assert_int_equal(send(end, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(int end, const plim_message *message)
{
    unsigned char bytes[4096];
    size_t len = 0;
    assert_int_equal(plim_message_write(message, bytes, sizeof bytes, &len, NULL), PLIM_OK);
    push(end, bytes, len);
}

static plim_message hello(void)
{
    return (plim_message){.kind = PLIM_MESSAGE_HELLO,
                          .version = PLIM_CHANNEL_VERSION,
                          .version_min = PLIM_CHANNEL_VERSION_MIN,
                          .payload_max = 4096};
}

static plim_channel_options brief(void)
{
    return (plim_channel_options){.struct_bytes = sizeof(plim_channel_options),
                                  .open_timeout_ns = 100 * MS};
}

/* A line whose other end is *out_end. */
static plim_channel *line_of(int *out_end)
{
    int ends[2];
    plim_channel *line = NULL;
    plim_channel_options options = brief();
    plim_message first = hello();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    say(ends[1], &first);
    assert_int_equal(plim_channel_adopt(ends[0], &options, &line, NULL), PLIM_OK);
    *out_end = ends[1];
    return line;
}

static plim_status greeted_with(const void *bytes, size_t len, bool hangs_up)
{
    int ends[2];
    plim_channel *line = NULL;
    plim_channel_options options = brief();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    if (len > 0)
        push(ends[1], bytes, len);
    if (hangs_up)
        (void)shutdown(ends[1], SHUT_WR);
    plim_status status = plim_channel_adopt(ends[0], &options, &line, NULL);
    plim_channel_close(&line);
    if (status != PLIM_OK)
        (void)close(ends[0]); /* it stayed ours */
    (void)close(ends[1]);
    return status;
}

static void a_greeting_that_is_none_ends_it(void **state)
{
    (void)state;
    unsigned char bytes[256];
    size_t len = 0;
    assert_int_equal(greeted_with("HTTP/1.1 400 Bad Request\r\n\r\n", 28, false), PLIM_ERR_LIMIT);
    assert_int_equal(greeted_with(NULL, 0, false), PLIM_ERR_TIMEOUT);
    assert_int_equal(greeted_with(NULL, 0, true), PLIM_ERR_GONE);
    assert_int_equal(greeted_with("\x18\0\0", 3, true), PLIM_ERR_TRUNCATED);
    plim_message later = hello();
    later.version = 9;
    later.version_min = 2;
    assert_int_equal(plim_message_write(&later, bytes, sizeof bytes, &len, NULL), PLIM_OK);
    assert_int_equal(greeted_with(bytes, len, false), PLIM_ERR_PROTOCOL);
    later.version_min = 1; /* speaks ours, too */
    assert_int_equal(plim_message_write(&later, bytes, sizeof bytes, &len, NULL), PLIM_OK);
    assert_int_equal(greeted_with(bytes, len, false), PLIM_OK);
    plim_message drain = {.kind = PLIM_MESSAGE_DRAIN};
    assert_int_equal(plim_message_write(&drain, bytes, sizeof bytes, &len, NULL), PLIM_OK);
    assert_int_equal(greeted_with(bytes, len, false), PLIM_ERR_PROTOCOL);
}

static void addresses_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "unix:", "nothing", "1.2.3.4", "a:b:c:1", "[::1", ":"};
    plim_channel_options options = brief();
    plim_channel *line = NULL;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_int_equal(plim_channel_open(BAD[i], &options, &line, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_channel_open("unix:/nowhere/at/all", &options, &line, NULL),
                     PLIM_ERR_UNREACHABLE);
    assert_int_equal(plim_channel_open("127.0.0.1:1", &options, &line, NULL), PLIM_ERR_UNREACHABLE);
    assert_int_equal(plim_channel_adopt(-1, &options, &line, NULL), PLIM_ERR_USAGE);
}

static void a_message_in_pieces_is_waited_for_and_a_cut_one_is_told(void **state)
{
    (void)state;
    int end;
    plim_channel *line = line_of(&end);
    plim_message got;
    unsigned char bytes[256];
    size_t len = 0;
    plim_message request = {.kind = PLIM_MESSAGE_REQUEST,
                            .id = 5,
                            .body = (const unsigned char *)"code",
                            .body_bytes = 4};
    assert_int_equal(plim_message_write(&request, bytes, sizeof bytes, &len, NULL), PLIM_OK);
    for (size_t i = 0; i + 1 < len; i++) {
        push(end, bytes + i, 1);
        assert_int_equal(plim_channel_receive(line, 0, &got, NULL), PLIM_ERR_TIMEOUT);
    }
    push(end, bytes + len - 1, 1);
    assert_int_equal(plim_channel_receive(line, UINT64_MAX, &got, NULL), PLIM_OK);
    assert_memory_equal(got.body, "code", 4);
    push(end, bytes, len - 1);
    (void)close(end);
    assert_int_equal(plim_channel_receive(line, UINT64_MAX, &got, NULL), PLIM_ERR_TRUNCATED);
    assert_int_equal(plim_channel_receive(line, UINT64_MAX, &got, NULL), PLIM_ERR_TRUNCATED);
    assert_int_equal(plim_channel_send(line, &request, 0, NULL), PLIM_ERR_TRUNCATED);
    plim_channel_close(&line);
}

static void who_never_reads_is_given_up_in_time(void **state)
{
    (void)state;
    int end;
    plim_channel *line = line_of(&end);
    static unsigned char body[4000];
    plim_message request = {
        .kind = PLIM_MESSAGE_REQUEST, .id = 5, .body = body, .body_bytes = sizeof body};
    plim_status status = PLIM_OK;
    for (int i = 0; i < 10000 && status == PLIM_OK; i++)
        status = plim_channel_send(line, &request, 50 * MS, NULL);
    assert_int_equal(status, PLIM_ERR_TIMEOUT);
    assert_int_equal(plim_channel_send(line, &request, 50 * MS, NULL), PLIM_ERR_TIMEOUT);
    plim_channel_close(&line);
    (void)close(end);
}

static void more_than_the_other_side_takes_is_not_sent(void **state)
{
    (void)state;
    int end;
    plim_channel *line = line_of(&end);
    static unsigned char body[4089];
    char room[ROOM];
    plim_message request = {
        .kind = PLIM_MESSAGE_REQUEST, .id = 5, .body = body, .body_bytes = sizeof body};
    assert_true(recv(end, room, sizeof room, 0) > 0); /* the greeting */
    assert_int_equal(plim_channel_send(line, &request, MS, NULL), PLIM_ERR_LIMIT);
    assert_int_equal(recv(end, room, sizeof room, MSG_DONTWAIT), -1);
    request.body_bytes--;
    assert_int_equal(plim_channel_send(line, &request, MS, NULL), PLIM_OK);
    plim_channel_close(&line);
    (void)close(end);
}

static void a_call_takes_its_own_answer_alone(void **state)
{
    (void)state;
    int end;
    plim_channel *line = line_of(&end);
    plim_message got;
    plim_message other = {.kind = PLIM_MESSAGE_RESPONSE, .id = 99};
    plim_message own = {.kind = PLIM_MESSAGE_RESPONSE, .id = 1, .status = PLIM_ERR_BUSY};
    say(end, &other);
    say(end, &own);
    assert_int_equal(plim_channel_call(line, "x", 1, 0, 1000 * MS, &got, NULL), PLIM_OK);
    assert_int_equal(got.status, PLIM_ERR_BUSY);
    assert_int_equal(plim_channel_call(line, "x", 1, 0, 10 * MS, &got, NULL), PLIM_ERR_TIMEOUT);
    plim_channel_close(&line);
    (void)close(end);
}

/* A worker whose supervisor is *out_end. */
static plim_worker *worker_of(int *out_end)
{
    int ends[2];
    char number[16];
    plim_worker *worker = NULL;
    plim_worker_options options = {.struct_bytes = sizeof options, .is_without_handler = true};
    plim_message first = hello();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    (void)snprintf(number, sizeof number, "%d", ends[0]);
    (void)setenv("PLIM_WORKER_DESCRIPTOR", number, 1);
    say(ends[1], &first);
    assert_int_equal(plim_worker_open(&options, &worker, NULL), PLIM_OK);
    *out_end = ends[1];
    return worker;
}

static plim_message heard(int end, plim_message_reader *reader, char room[ROOM])
{
    plim_message got = {.kind = PLIM_MESSAGE_DRAIN};
    bool is_whole = false;
    size_t used = 0;
    while (!is_whole) { /* a byte at a time, so that what follows stays where it is */
        assert_int_equal(recv(end, room, 1, 0), 1);
        assert_int_equal(plim_message_reader_take(reader, room, 1, &used, &is_whole, &got, NULL),
                         PLIM_OK);
    }
    return got;
}

static void a_worker_does_one_request_at_a_time_and_answers_for_its_health(void **state)
{
    (void)state;
    int end;
    char room[ROOM];
    plim_worker *worker = worker_of(&end);
    plim_request request;
    plim_message_reader *reader = NULL;
    assert_int_equal(plim_message_reader_create(NULL, 0, &reader, NULL), PLIM_OK);
    assert_int_equal(heard(end, reader, room).kind, PLIM_MESSAGE_HELLO);
    plim_message health = {.kind = PLIM_MESSAGE_HEALTH, .id = 77};
    plim_message first = {.kind = PLIM_MESSAGE_REQUEST,
                          .id = 5,
                          .flags = PLIM_MESSAGE_IDEMPOTENT,
                          .deadline_ms = 9,
                          .body = (const unsigned char *)"code",
                          .body_bytes = 4};
    plim_message second = {.kind = PLIM_MESSAGE_REQUEST, .id = 6};
    plim_message cancel = {.kind = PLIM_MESSAGE_CANCEL, .id = 5};
    say(end, &health);
    say(end, &first);
    assert_int_equal(plim_worker_receive(worker, UINT64_MAX, &request, NULL), PLIM_OK);
    assert_int_equal(heard(end, reader, room).id, 77);
    assert_string_equal(request.code, "code");
    assert_true(request.is_idempotent && !request.is_repeated && request.deadline_ms == 9);
    assert_false(plim_worker_is_cancelled(worker));
    say(end, &second);
    say(end, &cancel);
    assert_true(plim_worker_is_cancelled(worker));
    plim_message busy = heard(end, reader, room);
    assert_true(busy.id == 6 && busy.status == PLIM_ERR_BUSY);
    assert_string_equal(request.code, "code"); /* although the line was read */
    assert_int_equal(plim_worker_answer(worker, &request, PLIM_OK, "r", 1, NULL, NULL), PLIM_OK);
    assert_int_equal(plim_worker_answer(worker, &request, PLIM_OK, "r", 1, NULL, NULL),
                     PLIM_ERR_STALE);
    assert_int_equal(heard(end, reader, room).id, 5);
    plim_message drain = {.kind = PLIM_MESSAGE_DRAIN};
    say(end, &drain);
    assert_int_equal(plim_worker_receive(worker, UINT64_MAX, &request, NULL), PLIM_ERR_SEALED);
    plim_message_reader_destroy(&reader);
    plim_worker_close(&worker);
    (void)close(end);
}

static void a_worker_without_a_supervisor_says_so(void **state)
{
    (void)state;
    plim_worker *worker = NULL;
    (void)unsetenv("PLIM_WORKER_DESCRIPTOR");
    (void)unsetenv("PLIM_WORKER_ADDRESS");
    assert_int_equal(plim_worker_open(NULL, &worker, NULL), PLIM_ERR_NOT_FOUND);
    (void)setenv("PLIM_WORKER_DESCRIPTOR", "0x3", 1); /* no number: as if it were not there */
    assert_int_equal(plim_worker_open(NULL, &worker, NULL), PLIM_ERR_NOT_FOUND);
    (void)unsetenv("PLIM_WORKER_DESCRIPTOR");
}

static void any_refusal_of_memory_leaves_nothing_behind_on_a_line(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        int ends[2];
        fault_allocator faults;
        plim_channel *line = NULL;
        plim_channel_options options = brief();
        plim_message first = hello();
        fault_allocator_init(&faults, nth);
        options.allocator = &faults.allocator;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        say(ends[1], &first);
        plim_status status = plim_channel_adopt(ends[0], &options, &line, NULL);
        plim_channel_close(&line);
        if (status != PLIM_OK)
            (void)close(ends[0]);
        (void)close(ends[1]);
        assert_int_equal(atomic_load(&faults.live_bytes), 0);
        if (status == PLIM_OK)
            break;
        assert_int_equal(status, PLIM_ERR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_that_is_none_ends_it),
        cmocka_unit_test(addresses_that_are_none_are_refused),
        cmocka_unit_test(a_message_in_pieces_is_waited_for_and_a_cut_one_is_told),
        cmocka_unit_test(who_never_reads_is_given_up_in_time),
        cmocka_unit_test(more_than_the_other_side_takes_is_not_sent),
        cmocka_unit_test(a_call_takes_its_own_answer_alone),
        cmocka_unit_test(a_worker_does_one_request_at_a_time_and_answers_for_its_health),
        cmocka_unit_test(a_worker_without_a_supervisor_says_so),
        cmocka_unit_test(any_refusal_of_memory_leaves_nothing_behind_on_a_line),
    };
    (void)alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

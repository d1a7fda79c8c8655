/* SPDX-License-Identifier: MIT */
/* Addresses and the handshake's digest. Method: tables of what is read and of what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "inspect/target.h"

static void what_people_write_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum plim__address_kind kind;
        const char *host;
        uint16_t port;
        const char *path;
        int64_t pid;
        uint32_t worker;
    } rows[] = {
        {"127.0.0.1:9229", PLIM__ADDRESS_HOST, "127.0.0.1", 9229, "", -1, 0},
        {":9229", PLIM__ADDRESS_HOST, "127.0.0.1", 9229, "", -1, 0},
        {":1/", PLIM__ADDRESS_HOST, "127.0.0.1", 1, "", -1, 0},
        {"example.org:65535/a/b", PLIM__ADDRESS_HOST, "example.org", 65535, "/a/b", -1, 0},
        {"[::1]:9229/id", PLIM__ADDRESS_HOST, "::1", 9229, "/id", -1, 0},
        {":9229#worker:3", PLIM__ADDRESS_HOST, "127.0.0.1", 9229, "", -1, 3},
        {":9229/id#worker:4294967295", PLIM__ADDRESS_HOST, "127.0.0.1", 9229, "/id", -1,
         4294967295u},
        {"ws://localhost:80", PLIM__ADDRESS_WS, "localhost", 80, "/", -1, 0},
        {"ws://[::1]:80/devtools/page/7", PLIM__ADDRESS_WS, "::1", 80, "/devtools/page/7", -1, 0},
        {"ws://h:80/x#worker:1", PLIM__ADDRESS_WS, "h", 80, "/x", -1, 1},
        {"pid:4242", PLIM__ADDRESS_PID, "", 0, "", 4242, 0},
        {"pid:4242#worker:2", PLIM__ADDRESS_PID, "", 0, "", 4242, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plim__address address;
        assert_int_equal(plim__address_parse(rows[i].text, &address, NULL), PLIM_OK);
        assert_int_equal(address.kind, rows[i].kind);
        assert_string_equal(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
        assert_string_equal(address.path, rows[i].path);
        assert_int_equal(address.pid, rows[i].pid);
        assert_int_equal(address.worker_id, rows[i].worker);
    }
}

static void what_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "9229",
        " :9229",
        ":9229 ",
        ":0",
        ":65536",
        ":",
        "host",
        "host:",
        "host:x",
        "host:1x",
        "1:2:3",
        "::1:9229",
        "pid:",
        "pid:0",
        "pid:-1",
        "pid:1x",
        "pid:99999999999",
        "ws://",
        "ws://host",
        "ws:///x",
        "wss://h:1",
        "http://h:1",
        "#worker:1",
        ":1#",
        ":1#worker:",
        ":1#worker:0",
        ":1#worker:x",
        ":1#worker:4294967296",
        ":1#frame:2",
        ":1\r\nEvil:1",
        "\x01:1",
        "\xc3\xa9:1",
        "9229#worker:1",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plim_error err = {0};
        plim__address address = {.port = 77};
        assert_int_equal(plim__address_parse(rows[i], &address, &err), PLIM_ERR_USAGE);
        assert_int_equal(address.port, 77);
        assert_true(err.what[0] != '\0' && err.hint[0] != '\0');
    }
}

static void a_bare_number_is_answered_with_both_readings(void **state)
{
    (void)state;
    plim_error err = {0};
    plim__address address;
    assert_int_equal(plim__address_parse("9229", &address, &err), PLIM_ERR_USAGE);
    assert_non_null(strstr(err.hint, "pid:9229"));
    assert_non_null(strstr(err.hint, " :9229"));
}

static void long_names_are_refused_not_cut(void **state)
{
    (void)state;
    static char text[4000];
    plim__address address;
    memset(text, 'a', 300);
    memcpy(text + 300, ":1", 3);
    assert_int_equal(plim__address_parse(text, &address, NULL), PLIM_ERR_USAGE);
    memcpy(text, "h:1/", 4);
    memset(text + 4, 'a', 2000);
    assert_int_equal(plim__address_parse(text, &address, NULL), PLIM_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(a_bare_number_is_answered_with_both_readings),
        cmocka_unit_test(long_names_are_refused_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

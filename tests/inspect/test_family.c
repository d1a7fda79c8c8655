/* SPDX-License-Identifier: MIT */
/* Families of another library behind plim_target_open(). Method: one that answers usage alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect/target.h"

static int family_disconnects;
static char family_saw[64];

static plim_status family_resolve(plim_target *target, plim_error *err)
{
    if (target->address.pid == getpid())
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "another process");
}

static plim_status family_connect(plim_target *target, plim_error *err)
{
    (void)snprintf(family_saw, sizeof family_saw, "%.60s", target->address.path);
    if (strcmp(target->address.path, "bad") == 0)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "a bad one");
    (void)snprintf(target->version, sizeof target->version, "7");
    target->pid = target->address.pid;
    target->is_connected = true;
    return PLIM_OK;
}

static void family_disconnect(plim_target *target)
{
    family_disconnects++;
    target->is_connected = false;
}

static plim_status family_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    (void)target;
    (void)err;
    out_usage->used_bytes = 5;
    return PLIM_OK;
}

static const plim__protocol family_protocol = {
    .connect = family_connect, .disconnect = family_disconnect, .usage = family_usage};
static const plim_target_family family_sample = {.runtime = {.name = "sample",
                                                             .protocol = &family_protocol,
                                                             .scheme = "sample",
                                                             .resolve_pid = family_resolve}};
static const plim_target_family *const families[] = {&family_sample, NULL};
static const plim_target_options options = {.struct_bytes = sizeof options, .families = families};

static void a_family_answers_for_its_scheme(void **state)
{
    (void)state;
    plim_target *target = NULL;
    plim_target_info info;
    plim_usage usage;
    assert_int_equal(plim_target_open("sample:/a b", &options, &target, NULL), PLIM_OK);
    assert_string_equal(family_saw, "/a b");
    plim_target_identify(target, &info);
    assert_string_equal(info.runtime, "sample");
    assert_string_equal(info.address, "sample:/a b");
    assert_int_equal(plim_target_usage(target, &usage, NULL), PLIM_OK);
    assert_int_equal(usage.used_bytes, 5);
    assert_int_equal(usage.total_bytes, PLIM_UNKNOWN);
    plim_target_close(&target);
    assert_null(target);
}

static void a_family_answers_for_its_process(void **state)
{
    (void)state;
    char address[32];
    plim_target *target = NULL;
    plim_target_info info;
    (void)snprintf(address, sizeof address, "pid:%d", (int)getpid());
    assert_int_equal(plim_target_open(address, NULL, &target, NULL), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(plim_target_open(address, &options, &target, NULL), PLIM_OK);
    plim_target_identify(target, &info);
    assert_string_equal(info.runtime, "sample");
    assert_string_equal(info.address, address);
    assert_int_equal(info.pid, getpid());
    plim_target_close(&target);
}

static void what_a_family_has_no_function_for_is_unsupported(void **state)
{
    (void)state;
    plim_target *target = NULL;
    plim_error err = {0};
    plim_sink sink = {0};
    assert_int_equal(plim_target_open("sample:x", &options, &target, NULL), PLIM_OK);
    assert_int_equal(plim_target_snapshot(target, NULL, sink, NULL, &err), PLIM_ERR_UNSUPPORTED);
    assert_string_equal(err.what, "sample 7 gives no snapshots");
    assert_int_equal(plim_target_collect(target, NULL), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(plim_target_sampling_start(target, NULL, NULL), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(plim_target_tracking_start(target, false, NULL), PLIM_ERR_UNSUPPORTED);
    assert_int_equal(plim_target_evaluate(target, "1", 0, NULL, NULL), PLIM_ERR_UNSUPPORTED);
    plim_target_close(&target);
}

static void a_refusal_is_the_family_s_and_leaves_nothing(void **state)
{
    (void)state;
    plim_target *target = NULL;
    plim_error err = {0};
    int before = family_disconnects;
    assert_int_equal(plim_target_open("sample:bad", &options, &target, &err), PLIM_ERR_DAMAGED);
    assert_string_equal(err.what, "a bad one");
    assert_null(target);
    assert_int_equal(family_disconnects, before + 1);
    assert_int_equal(plim_target_open("other:bad", &options, &target, NULL), PLIM_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_answers_for_its_scheme),
        cmocka_unit_test(a_family_answers_for_its_process),
        cmocka_unit_test(what_a_family_has_no_function_for_is_unsupported),
        cmocka_unit_test(a_refusal_is_the_family_s_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Modules. Method: two plug-ins, loaded and unloaded; their own addresses asked for. */
#include <plimsoll/memory.h>

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "module_guest.h"
#include "platform/modules.h"

static int in_program = 1;

static void *load(const char *variable)
{
    const char *path = getenv(variable);
    assert_non_null(path);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL)
        print_error("%s\n", dlerror());
    assert_non_null(module);
    return module;
}

/* Ends it; false where it stays loaded all the same (ThreadSanitizer keeps all). */
static bool unload(void *module, const char *variable)
{
    assert_int_equal(dlclose(module), 0);
    void *still = dlopen(getenv(variable), RTLD_NOW | RTLD_NOLOAD);
    return still == NULL;
}

/* A function of a module, called. */
static void *ask(void *module, const char *name)
{
    void *(*function)(void);
    *(void **)&function = dlsym(module, name);
    assert_non_null(function);
    return function();
}

static void an_address_leads_to_the_file_that_holds_it(void **state)
{
    (void)state;
    void *a = load("PLIM_TEST_GUEST_A"), *b = load("PLIM_TEST_GUEST_B");
    plim__module found;
    assert_true(plim__module_at(ask(a, "guest_code"), &found));
    assert_string_equal(found.name, "libguest_a.so");
    assert_false(found.is_program);
    plim__module same;
    assert_true(plim__module_at(ask(a, "guest_variable"), &same));
    assert_memory_equal(&same, &found, offsetof(plim__module, name));
    assert_true(plim__module_at(ask(b, "guest_code"), &found));
    assert_string_equal(found.name, "libguest_b.so");
    assert_true(plim__module_at(&in_program, &found));
    assert_true(found.is_program);
    assert_string_equal(found.name, "test_module");
    assert_true(plim__module_at(dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests"), &found));
    assert_non_null(strstr(found.name, ".so"));
    dlclose(a);
    dlclose(b);
}

static void an_address_of_no_module_leads_nowhere(void **state)
{
    (void)state;
    int on_the_stack = 0;
    void *on_the_heap = malloc(1);
    plim__module found;
    memset(&found, 0x5a, sizeof found);
    plim__module before = found;
    assert_false(plim__module_at(&on_the_stack, &found));
    assert_false(plim__module_at(on_the_heap, &found));
    assert_false(plim__module_at(NULL, &found));
    assert_memory_equal(&found, &before, sizeof found);
    free(on_the_heap);
}

static void what_is_unloaded_is_found_no_more(void **state)
{
    (void)state;
    void *a = load("PLIM_TEST_GUEST_A");
    const void *code = ask(a, "guest_code");
    plim__module found;
    assert_true(plim__module_at(code, &found));
    if (!unload(a, "PLIM_TEST_GUEST_A"))
        return;
    assert_false(plim__module_at(code, &found));
}

static const char *name_of(plim_domain domain)
{
    static plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return stats.name;
}

static void a_plug_in_that_names_no_domain_is_charged_by_its_file(void **state)
{
    (void)state;
    void *a = load("PLIM_TEST_GUEST_A"), *b = load("PLIM_TEST_GUEST_B");
    void *blocks[] = {ask(a, "guest_take"), ask(b, "guest_take"), ask(a, "guest_take"),
                      plim_alloc(10)};
    const char *const names[] = {"libguest_a.so", "libguest_b.so", "libguest_a.so", "test_module"};
    for (unsigned i = 0; i < 4; i++) {
        plim_origin origin;
        assert_non_null(blocks[i]);
        assert_int_equal(plim_origin_of(blocks[i], &origin), PLIM_OK);
        assert_string_equal(name_of(origin.domain), names[i]);
        plim_free(blocks[i]);
    }
    dlclose(a);
    dlclose(b);
}

static void an_operator_can_bound_a_plug_in_by_its_files_name(void **state)
{
    (void)state;
    plim_manager *manager = NULL;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 1 << 20};
    plim_domain_options limit = {.struct_bytes = sizeof limit, .limit_bytes = 4096};
    plim_domain made, found, none = {0};
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
    assert_int_equal(plim_domain_create(manager, "libguest_b.so", &limit, &made, NULL), PLIM_OK);
    void *b = load("PLIM_TEST_GUEST_B");
    assert_int_equal(plim_domain_by_module(manager, ask(b, "guest_code"), &found), PLIM_OK);
    assert_int_equal(found.id, made.id);
    int on_the_stack;
    found = none;
    assert_int_equal(plim_domain_by_module(manager, &on_the_stack, &found), PLIM_ERR_NOT_FOUND);
    assert_int_equal(found.id, 0);
    dlclose(b);
    plim_manager_destroy(&manager);
}

static void a_module_in_the_place_of_another_is_told_apart(void **state)
{
    (void)state;
    plim_domain domain;
    const void *code[2];
    bool is_gone = false;
    for (unsigned round = 0; round < 6; round++) {
        void *guest = load(round % 2 ? "PLIM_TEST_GUEST_B" : "PLIM_TEST_GUEST_A");
        const char *name = round % 2 ? "libguest_b.so" : "libguest_a.so";
        code[round % 2] = ask(guest, "guest_code");
        assert_int_equal(plim_domain_by_module(NULL, code[round % 2], &domain), PLIM_OK);
        assert_string_equal(name_of(domain), name);
        is_gone = unload(guest, round % 2 ? "PLIM_TEST_GUEST_B" : "PLIM_TEST_GUEST_A");
    }
    if (is_gone)
        assert_int_equal(plim_domain_by_module(NULL, code[0], &domain), PLIM_ERR_NOT_FOUND);
}

static void a_domain_that_ended_is_not_remembered(void **state)
{
    (void)state;
    plim_domain first, second;
    plim_manager *manager = NULL;
    assert_int_equal(plim_manager_create(NULL, &manager, NULL), PLIM_OK);
    assert_int_equal(plim_domain_by_module(manager, &in_program, &first), PLIM_OK);
    assert_int_equal(plim_domain_destroy(first, NULL), PLIM_OK);
    assert_int_equal(plim_domain_by_module(manager, &in_program, &second), PLIM_OK);
    assert_int_not_equal(first.id, second.id);
    assert_string_equal(name_of(second), "test_module");
    plim_manager_destroy(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_leads_to_the_file_that_holds_it),
        cmocka_unit_test(an_address_of_no_module_leads_nowhere),
        cmocka_unit_test(what_is_unloaded_is_found_no_more),
        cmocka_unit_test(a_plug_in_that_names_no_domain_is_charged_by_its_file),
        cmocka_unit_test(an_operator_can_bound_a_plug_in_by_its_files_name),
        cmocka_unit_test(a_module_in_the_place_of_another_is_told_apart),
        cmocka_unit_test(a_domain_that_ended_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

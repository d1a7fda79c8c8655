/* SPDX-License-Identifier: MIT */
/* Modules. Method: two plug-ins, loaded and unloaded; their own addresses asked for. */
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

/* A function of a module, called. */
static const void *ask(void *module, const char *name)
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
    assert_true(plim__module_at((void *)(uintptr_t)strlen, &found));
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

static void what_is_unloaded_is_found_no_more_and_counted(void **state)
{
    (void)state;
    uint64_t before = plim__modules_unloaded();
    void *a = load("PLIM_TEST_GUEST_A");
    const void *code = ask(a, "guest_code");
    plim__module found;
    assert_true(plim__module_at(code, &found));
    assert_int_equal(plim__modules_unloaded(), before);
    assert_int_equal(dlclose(a), 0);
    assert_false(plim__module_at(code, &found));
    assert_int_equal(plim__modules_unloaded(), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_leads_to_the_file_that_holds_it),
        cmocka_unit_test(an_address_of_no_module_leads_nowhere),
        cmocka_unit_test(what_is_unloaded_is_found_no_more_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
